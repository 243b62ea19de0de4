/* Who may ask in clear text, and under which config: the decision alone, with addresses of every kind. */
#include "help.h"

#define JWT    "auth: {jwt: {issuers: [{issuer: 'https://a'}]}}\n"
#define PUBLIC "listen: '0.0.0.0:1'"

static const char *ask(const gw_config *c, const char *peer, aigw_channel channel)
{
    return gw_config_check_peer(c, aigw_slice_of(peer), channel);
}

static void expect_taken(const gw_config *c, const char *const *peers, aigw_channel channel)
{
    for (; *peers; peers++)
        if (ask(c, *peers, channel))
            fail_msg("%s: %s", *peers, ask(c, *peers, channel));
}

static void expect_refused(const gw_config *c, const char *const *peers, aigw_channel channel,
                           const char *reason)
{
    for (; *peers; peers++) {
        const char *said = ask(c, *peers, channel);
        if (!said || strcmp(said, reason) != 0)
            fail_msg("%s: %s", *peers, said ? said : "taken");
    }
}

static const char *const loopback[] = {"127.0.0.1", "127.255.255.254",  "::1",
                                       "0:0::1",    "::ffff:127.0.0.1", NULL};
/* What is no address is nobody's. */
static const char *const strangers[] = {
    "",    "128.0.0.1",       "126.255.255.255", "10.0.0.1", "192.0.2.1",    "::",
    "::2", "::ffff:10.0.0.1", "localhost",       "127.0.0",  "127.0.0.1:80", "1::1",
    NULL};

static void loopback_is_always_fine(void **state)
{
    (void)state;
    static const char *const documents[] = {
        ECHO, ECHO JWT, "server: {" PUBLIC ", trusted_proxies: [192.0.2.0/24]}\n" ECHO JWT,
        "server: {" PUBLIC ", insecure_no_auth: true}\n" ECHO};
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        gw_config *c = help_load(documents[i]);
        expect_taken(c, loopback, AIGW_CHANNEL_CLEAR);
        expect_taken(c, loopback, AIGW_CHANNEL_TLS);
        expect_taken(c, strangers, AIGW_CHANNEL_VOUCHED);
        gw_config_free(c);
    }
}

static void tokens_need_tls_or_a_trusted_proxy(void **state)
{
    (void)state;
    gw_config *c =
        help_load("server: {" PUBLIC ", trusted_proxies: [10.0.0.0/9, 192.0.2.7, 198.51.100.8/31, "
                  "'2001:db8::/33', '::ffff:203.0.113.0/120']}\n" ECHO JWT);
    static const char *const in[] = {
        "10.0.0.0",         "10.127.255.255",     "::ffff:10.1.2.3",
        "::FFFF:0a01:0203", "192.0.2.7",          "198.51.100.8",
        "198.51.100.9",     "2001:db8::",         "2001:DB8:7fff:ffff:ffff:ffff:ffff:ffff",
        "203.0.113.255",    "::ffff:203.0.113.1", NULL};
    static const char *const out[] = {"9.255.255.255",
                                      "10.128.0.0",
                                      "::ffff:10.128.0.0",
                                      "::10.1.2.3",
                                      "192.0.2.6",
                                      "192.0.2.8",
                                      "198.51.100.7",
                                      "198.51.100.10",
                                      "2001:db8:8000::",
                                      "2001:db7:ffff::",
                                      "203.0.112.255",
                                      "203.0.114.0",
                                      "",
                                      "10.1.2",
                                      "10.1.2.3.4",
                                      "10.1.2.3, 10.1.2.3",
                                      NULL};
    expect_taken(c, in, AIGW_CHANNEL_CLEAR);
    expect_refused(c, out, AIGW_CHANNEL_CLEAR, "untrusted_peer");
    expect_taken(c, out, AIGW_CHANNEL_TLS);
    gw_config_free(c);

    /* As it is after a reload that took the proxies away. */
    c = help_load(ECHO JWT);
    expect_refused(c, strangers, AIGW_CHANNEL_CLEAR, "untrusted_peer");
    expect_taken(c, strangers, AIGW_CHANNEL_TLS);
    gw_config_free(c);
}

static void whole_families(void **state)
{
    (void)state;
    static const char *const v4[] = {"0.0.0.0", "255.255.255.255", "::ffff:192.0.2.1", NULL};
    static const char *const v6[] = {"::", "2001:db8::1", "ffff::", "::fffe:192.0.2.1", NULL};
    gw_config *c = help_load("server: {" PUBLIC ", trusted_proxies: [0.0.0.0/0]}\n" ECHO JWT);
    expect_taken(c, v4, AIGW_CHANNEL_CLEAR);
    expect_refused(c, v6, AIGW_CHANNEL_CLEAR, "untrusted_peer");
    gw_config_free(c);
    c = help_load("server: {" PUBLIC ", trusted_proxies: ['::/0']}\n" ECHO JWT);
    expect_taken(c, v6, AIGW_CHANNEL_CLEAR);
    expect_refused(c, v4, AIGW_CHANNEL_CLEAR, "untrusted_peer");
    gw_config_free(c);
}

static void without_tokens(void **state)
{
    (void)state;
    gw_config *c = help_load("server: {" PUBLIC ", insecure_no_auth: true}\n" ECHO);
    expect_taken(c, strangers, AIGW_CHANNEL_CLEAR);
    gw_config_free(c);
    c = help_load("server: {" PUBLIC
                  ", insecure_no_auth: true, trusted_proxies: [10.0.0.1]}\n" ECHO);
    assert_null(ask(c, "10.0.0.1", AIGW_CHANNEL_CLEAR));
    assert_non_null(ask(c, "10.0.0.2", AIGW_CHANNEL_CLEAR));
    assert_null(ask(c, "10.0.0.2", AIGW_CHANNEL_TLS));
    gw_config_free(c);
    /* Reloaded without tokens while it listens to the world: nobody wrote that this is wanted. */
    c = help_load(ECHO);
    expect_refused(c, strangers, AIGW_CHANNEL_CLEAR, "insecure_peer");
    expect_refused(c, strangers, AIGW_CHANNEL_TLS, "insecure_peer");
    gw_config_free(c);
}

#define TLS(more) "server: {tls: {cert_file: c, key_file: k" more "}}\n" ECHO

static void certificates_of_clients(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        aigw_tls_client_auth auth;
        aigw_tls_version version;
    } fine[] = {
        {ECHO, AIGW_TLS_CLIENT_NONE, AIGW_TLS_1_2},
        {TLS(""), AIGW_TLS_CLIENT_NONE, AIGW_TLS_1_2},
        {TLS(", client_ca_file: ca, min_version: TLSv1.3"), AIGW_TLS_CLIENT_REQUIRE, AIGW_TLS_1_3},
        {TLS(", client_ca_file: ca, client_auth: request, min_version: TLSv1.2"),
         AIGW_TLS_CLIENT_REQUEST, AIGW_TLS_1_2},
        {TLS(", client_ca_file: ca, client_auth: none"), AIGW_TLS_CLIENT_NONE, AIGW_TLS_1_2},
        {TLS(", client_auth: none"), AIGW_TLS_CLIENT_NONE, AIGW_TLS_1_2},
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        gw_config *c = help_load(fine[i].document);
        assert_int_equal(c->server.tls_client_auth, fine[i].auth);
        assert_int_equal(c->server.tls_min_version, fine[i].version);
        assert_string_equal(c->server.tls_client_ca_file,
                            strstr(fine[i].document, "client_ca_file") ? "ca" : "");
        gw_config_free(c);
    }
    help_refused(TLS(", client_auth: require"), 1, "/server/tls/client_auth", "client_ca_file");
    help_refused(TLS(", client_auth: request"), 1, "/server/tls/client_auth", "client_ca_file");
    help_refused(TLS(", client_ca_file: ca, client_auth: maybe"), 1, "/server/tls/client_auth",
                 "none, request, require");
    help_refused(TLS(", min_version: TLSv1.1"), 1, "/server/tls/min_version", "TLSv1.2, TLSv1.3");
    help_refused("server: {tls: {client_ca_file: ca}}\n" ECHO, 1, "/server/tls", "cert_file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_always_fine),
        cmocka_unit_test(tokens_need_tls_or_a_trusted_proxy),
        cmocka_unit_test(whole_families),
        cmocka_unit_test(without_tokens),
        cmocka_unit_test(certificates_of_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
