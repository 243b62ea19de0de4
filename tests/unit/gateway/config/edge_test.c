/* The edge of the server section: networks, forwarding headers, the PROXY protocol, and who may connect. */
#include "help.h"

#define ECHO "providers: [{type: echo}]\n"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *document, *pointer, *reason;
    } rows[] = {
        {"server: {allowed_peers: [10.0.0.0/8, 10.0.0.0/33]}\n" ECHO, "/server/allowed_peers/1",
         "bad_network"},
        {"server: {allowed_peers: [localhost]}\n" ECHO, "/server/allowed_peers/0", "bad_network"},
        {"server: {allowed_peers: []}\n" ECHO, "/server/allowed_peers", "too_few"},
        {"server: {allowed_peers: [10.0.0.1/8]}\n" ECHO, "/server/allowed_peers/0", "host_bits"},
        {"server: {trusted_proxies: ['fd00::1/8']}\n" ECHO, "/server/trusted_proxies/0",
         "host_bits"},
        {"server: {trusted_proxies: [127.0.0.1, 010.0.0.1]}\n" ECHO, "/server/trusted_proxies/1",
         "bad_network"},
        {"server: {proxy_protocol: true}\n" ECHO, "/server/proxy_protocol", "incomplete"},
        {"server: {proxy_protocol: true, trusted_proxies: []}\n" ECHO, "/server/proxy_protocol",
         "incomplete"},
        {"server: {forwarded: header}\n" ECHO, "/server/forwarded", "incomplete"},
        {"server: {forwarded_header: x-real-ip}\n" ECHO, "/server/forwarded_header", "incomplete"},
        {"server: {forwarded: header, forwarded_header: 'x real'}\n" ECHO,
         "/server/forwarded_header", "bad_name"},
        {"server: {forwarded: x-real-ip}\n" ECHO, "/server/forwarded", NULL},
        {"server: {forwarded_max_hops: 0}\n" ECHO, "/server/forwarded_max_hops", NULL},
        {"server: {forwarded_max_hops: 65}\n" ECHO, "/server/forwarded_max_hops", NULL},
        {"server: {forwarded_malformed: drop}\n" ECHO, "/server/forwarded_malformed", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_error err = {0};
        assert_int_equal(aigw_config_check(aigw_slice_of(rows[i].document), NULL, &err),
                         AIGW_E_CONFIG);
        assert_string_equal(err.pointer, rows[i].pointer);
        if (rows[i].reason)
            assert_string_equal(err.reason, rows[i].reason);
    }
}

static void defaults(void **state)
{
    (void)state;
    gw_config *c = help_load(ECHO);
    assert_int_equal(c->client_address.forward, GW_FORWARD_XFF);
    assert_int_equal(c->client_address.max_hops, GW_HOPS_DEFAULT);
    assert_int_equal(c->client_address.malformed, GW_MALFORMED_LAST_GOOD);
    assert_int_equal(c->client_address.trusted_count, 0);
    assert_int_equal(c->allowed_peer_count, 0);
    assert_false(c->server.proxy_protocol);
    assert_true(gw_config_admits(c, GW_S("192.0.2.1")));
    assert_true(gw_config_admits(c, GW_S("")));
    assert_false(gw_config_trusts(c, GW_S("127.0.0.1")));
    gw_config_free(c);
}

static void all_of_it(void **state)
{
    (void)state;
    gw_config *c = help_load(
        "server: {trusted_proxies: [10.0.0.0/8, 'fd00::/8'], proxy_protocol: true, forwarded: "
        "header, forwarded_header: CF-Connecting-IP, forwarded_max_hops: 64, forwarded_malformed: "
        "no-match, allowed_peers: [192.0.2.0/24, '2001:db8::/32']}\n" ECHO);
    assert_int_equal(c->client_address.forward, GW_FORWARD_HEADER);
    assert_true(gw_eq(c->client_address.header, GW_S("CF-Connecting-IP")));
    assert_int_equal(c->client_address.max_hops, 64);
    assert_int_equal(c->client_address.malformed, GW_MALFORMED_NO_MATCH);
    assert_int_equal(c->client_address.trusted_count, 2);
    assert_int_equal(c->trusted_proxy_count, 2);
    assert_true(c->server.proxy_protocol);
    gw_config_free(c);
    c = help_load("server: {forwarded: forwarded, forwarded_malformed: match}\n" ECHO);
    assert_int_equal(c->client_address.forward, GW_FORWARD_RFC7239);
    assert_int_equal(c->client_address.malformed, GW_MALFORMED_MATCH);
    gw_config_free(c);
    c = help_load("server: {forwarded: none}\n" ECHO);
    assert_int_equal(c->client_address.forward, GW_FORWARD_NONE);
    gw_config_free(c);
}

static void who_may_connect(void **state)
{
    (void)state;
    static const struct {
        const char *peer;
        bool admitted, trusted;
    } rows[] = {
        {"192.0.2.0", true, false},       {"192.0.2.255", true, false},
        {"192.0.3.0", false, false},      {"::ffff:192.0.2.7", true, false},
        {"2001:db8::1", true, false},     {"2001:db9::1", false, false},
        {"127.0.0.1", false, false},      {"::1", false, false},
        {"10.0.0.1", false, true},        {"10.255.255.255", false, true},
        {"11.0.0.0", false, false},       {"fd12::", false, true},
        {"::ffff:10.1.2.3", false, true}, {"", false, false},
        {"192.0.2.1:80", false, false},   {"localhost", false, false},
    };
    gw_config *c = help_load("server: {trusted_proxies: [10.0.0.0/8, 'fd00::/8'], allowed_peers: "
                             "[192.0.2.0/24, '2001:db8::/32']}\n" ECHO);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(gw_config_admits(c, aigw_slice_of(rows[i].peer)), rows[i].admitted);
        assert_int_equal(gw_config_trusts(c, aigw_slice_of(rows[i].peer)), rows[i].trusted);
    }
    gw_config_free(c);
    /* An IPv6 network that holds the mapped range does not mean IPv4. */
    c = help_load("server: {allowed_peers: ['::/0']}\n" ECHO);
    assert_true(gw_config_admits(c, GW_S("2001:db8::1")));
    assert_false(gw_config_admits(c, GW_S("192.0.2.1")));
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(who_may_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
