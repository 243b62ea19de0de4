/* The section egress: networks, and the bounds of what is fetched for clients. */
#include "help.h"

static void what_is_refused(void **state)
{
    static const struct {
        const char *document, *pointer, *reason;
    } rows[] = {
        {"egress: {allow_private: [10.0.0.0/8, home]}\n" ECHO, "/egress/allow_private/1",
         "bad_network"},
        {"egress: {allow_private: [10.0.0.1/8]}\n" ECHO, "/egress/allow_private/0", "host_bits"},
        {"egress: {allow_private: 10.0.0.0/8}\n" ECHO, "/egress/allow_private", NULL},
        {"egress: {allow_privat: []}\n" ECHO, "/egress/allow_privat", NULL},
        {"egress: {fetch_urls: {hosts: ['*']}}\n" ECHO, "/egress/fetch_urls/hosts/0", "bad_host"},
        {"egress: {fetch_urls: {hosts: [a.b, 'https://a.b']}}\n" ECHO, "/egress/fetch_urls/hosts/1",
         "bad_host"},
        {"egress: {fetch_urls: {hosts: ['*.a.*']}}\n" ECHO, "/egress/fetch_urls/hosts/0",
         "bad_host"},
        {"egress: {fetch_urls: {hosts: [.a.b]}}\n" ECHO, "/egress/fetch_urls/hosts/0", "bad_host"},
        {"egress: {fetch_urls: {content_types: [text/html]}}\n" ECHO,
         "/egress/fetch_urls/content_types/0", "bad_type"},
        {"egress: {fetch_urls: {content_types: []}}\n" ECHO, "/egress/fetch_urls/content_types",
         NULL},
        {"egress: {fetch_urls: {max_bytes: 100, max_total_bytes: 99}}\n" ECHO,
         "/egress/fetch_urls/max_total_bytes", "out_of_range"},
        {"egress: {fetch_urls: {max_bytes: 0}}\n" ECHO, "/egress/fetch_urls/max_bytes", NULL},
        {"egress: {fetch_urls: {max_urls: 65}}\n" ECHO, "/egress/fetch_urls/max_urls", NULL},
        {"egress: {fetch_urls: {max_redirects: 4}}\n" ECHO, "/egress/fetch_urls/max_redirects",
         NULL},
        {"egress: {fetch_urls: {timeout_ms: 99}}\n" ECHO, "/egress/fetch_urls/timeout_ms", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_error err = {0};
        if (aigw_config_check(aigw_slice_of(rows[i].document), NULL, &err) != AIGW_E_CONFIG)
            fail_msg("accepted: %s", rows[i].document);
        assert_string_equal(err.pointer, rows[i].pointer);
        if (rows[i].reason)
            assert_string_equal(err.reason, rows[i].reason);
    }
}

static void defaults(void **state)
{
    (void)state;
    gw_config *c = help_load(ECHO);
    assert_int_equal(c->egress.allowed_count, 0);
    assert_false(c->fetch.enabled);
    assert_false(c->fetch.allow_http);
    assert_int_equal(c->fetch.max_bytes, 10 << 20);
    assert_int_equal(c->fetch.max_total_bytes, 20 << 20);
    assert_int_equal(c->fetch.max_urls, 8);
    assert_int_equal(c->fetch.max_redirects, 0);
    assert_int_equal(c->fetch.timeout_ms, 10000);
    assert_true(gw_fetch_host_ok(&c->fetch, GW_S("any.example")));
    assert_true(gw_fetch_type_ok(&c->fetch, GW_S("image/png")));
    assert_true(gw_fetch_type_ok(&c->fetch, GW_S("IMAGE/WebP ; q=1")));
    assert_true(gw_fetch_type_ok(&c->fetch, GW_S("application/pdf;x")));
    assert_false(gw_fetch_type_ok(&c->fetch, GW_S("text/html")));
    assert_false(gw_fetch_type_ok(&c->fetch, GW_S("imag")));
    assert_false(gw_fetch_type_ok(&c->fetch, GW_S("")));
    gw_config_free(c);
}

static void what_is_said(void **state)
{
    gw_ip inside, outside;
    (void)state;
    gw_config *c = help_load(
        "egress: {allow_private: [10.0.0.0/8, 'fd00::/8'], fetch_urls: {enabled: true, hosts: "
        "[img.example.com, '*.Pictures.example'], content_types: [image/png, application/pdf], "
        "max_bytes: 7, max_total_bytes: 7, max_urls: 64, max_redirects: 3}}\n" ECHO);
    assert_int_equal(c->egress.allowed_count, 2);
    assert_true(gw_ip_parse(GW_S("10.1.1.1"), &inside) && gw_ip_parse(GW_S("11.1.1.1"), &outside));
    assert_true(gw_nets_have(c->egress.allowed, 2, &inside));
    assert_false(gw_nets_have(c->egress.allowed, 2, &outside));
    const gw_fetch_rule *rule = &c->fetch;
    assert_true(rule->enabled);
    assert_true(gw_fetch_host_ok(rule, GW_S("IMG.example.com")));
    assert_true(gw_fetch_host_ok(rule, GW_S("img.example.com.")));
    assert_false(gw_fetch_host_ok(rule, GW_S("x.img.example.com")));
    assert_false(gw_fetch_host_ok(rule, GW_S("example.com")));
    assert_true(gw_fetch_host_ok(rule, GW_S("a.b.pictures.EXAMPLE")));
    assert_false(gw_fetch_host_ok(rule, GW_S("pictures.example")));
    assert_false(gw_fetch_host_ok(rule, GW_S(".pictures.example")));
    assert_false(gw_fetch_host_ok(rule, GW_S("xpictures.example")));
    assert_false(gw_fetch_host_ok(rule, GW_S("pictures.example.evil.com")));
    assert_false(gw_fetch_host_ok(rule, GW_S("127.0.0.1")));
    assert_false(gw_fetch_host_ok(rule, GW_S("")));
    assert_true(gw_fetch_type_ok(rule, GW_S("image/PNG")));
    assert_false(gw_fetch_type_ok(rule, GW_S("image/pngx")));
    assert_false(gw_fetch_type_ok(rule, GW_S("image/jpeg")));
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
