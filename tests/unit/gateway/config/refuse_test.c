/* What a config refuses: where the error points, and that no secret is in it. */
#include "help.h"
#include <stdlib.h>

typedef struct refusal {
    const char *document;
    int line;
    const char *pointer, *message;
} refusal;

static void all(const refusal *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        help_refused(list[i].document, list[i].line, list[i].pointer, list[i].message);
}

#define ALL(list) all((list), sizeof(list) / sizeof(list)[0])

static void yaml_that_two_readers_could_read_differently(void **state)
{
    (void)state;
    static const refusal list[] = {
        {"server: &a {}\n" ECHO, 1, "/server", "anchors"},
        {ECHO "server: *a\n", 2, "/server", "aliases"},
        {ECHO "server:\n  <<: {threads: 1}\n", 3, "/server", "merge keys"},
        {"providers: !!seq [{type: echo}]", 1, "/providers", "tags"},
        {"providers: [{type: ! echo}]", 1, "/providers/0/type", "tags"},
        {"%TAG ! tag:x,2000:\n---\n" ECHO, -1, "", "tag directives"},
        {ECHO "---\n" ECHO, 2, "", "only one document"},
        {"server: {threads: 1, threads: 2}\n" ECHO, 1, "/server/threads", "twice"},
        {"server:\n  threads: 1\n  \"threads\": 1\n" ECHO, 3, "/server/threads", "twice"},
        {"server:\n  [a]: 1\n" ECHO, 2, "/server", "plain word"},
        {"server: {\"a\\0b\": 1}\n" ECHO, 1, "/server", "256"},
        {"providers: [{type: echo, name: \"a\\0b\"}]", 1, "/providers/0/name", "NUL"},
        {"server: {listen: \"x", -1, "/server/listen", "not valid YAML"},
        {"\tserver: x", 1, "", "not valid YAML"},
        {"providers: [\xff]", 0, "", "UTF-8"},
        {"just text", 1, "", "expected a section, found a single value"},
        {"- a list", 1, "", "expected a section, found a list"},
    };
    help_env = NULL;
    ALL(list);
}

static void wrong_types(void **state)
{
    (void)state;
    static const refusal list[] = {
        {"server: {threads: \"4\"}\n" ECHO, 1, "/server/threads", "whole number"},
        {"server: {threads: 4.0}\n" ECHO, 1, "/server/threads", "whole number"},
        {"server: {threads: 0x4}\n" ECHO, 1, "/server/threads", "whole number"},
        {"server: {threads: }\n" ECHO, 1, "/server/threads", "nothing"},
        {"server: {threads: 257}\n" ECHO, 1, "/server/threads", "from 0 to 256"},
        {"server: {threads: -1}\n" ECHO, 1, "/server/threads", "from 0 to 256"},
        {"server: {threads: 99999999999999999999}\n" ECHO, 1, "/server/threads", "whole number"},
        {"server: {insecure_no_auth: yes}\n" ECHO, 1, "/server/insecure_no_auth", "true or false"},
        {"server: {insecure_no_auth: 'true'}\n" ECHO, 1, "/server/insecure_no_auth", "true"},
        {"server: {listen: 8787}\n" ECHO, 1, "/server/listen", "quotes"},
        {"server: {listen: ''}\n" ECHO, 1, "/server/listen", "empty"},
        {"server: {listen: [a]}\n" ECHO, 1, "/server/listen", "found a list"},
        {"server: 5\n" ECHO, 1, "/server", "expected a section"},
        {"server: {trusted_proxies: 10.0.0.0/8}\n" ECHO, 1, "/server/trusted_proxies", "a list"},
        {"server: {trusted_proxies: [10.0.0.0/8, ~]}\n" ECHO, 1, "/server/trusted_proxies/1",
         "nothing"},
        {"providers: {type: echo}", 1, "/providers", "expected a list"},
        {"providers: [echo]", 1, "/providers/0", "expected a section"},
        {"providers: [~]", 1, "/providers/0", "expected a section"},
        {"providers: [{type: ecko}]", 1, "/providers/0/type", "openai, anthropic, gemini"},
        {"providers: [{name: x}]", 1, "/providers/0", "needs the key \"type\""},
        {"providers: []", 1, "/providers", "at least 1"},
        {"providers:\n", 1, "/providers", "at least 1"},
        {"log: {level: info}", 1, "", "needs the key \"providers\""},
        {"auth: {jwt: {insufficient_scope_status: 402}}\n" ECHO, 1,
         "/auth/jwt/insufficient_scope_status", "401, 403"},
        {"auth: {jwt: {leeway_s: 301}}\n" ECHO, 1, "/auth/jwt/leeway_s", "300"},
    };
    help_env = NULL;
    ALL(list);
}

static void unknown_keys_get_a_hint(void **state)
{
    (void)state;
    static const refusal list[] = {
        {"provider: []", 1, "/provider", "did you mean \"providers\"?"},
        {ECHO "server:\n  max_bdy_bytes: 1\n", 3, "/server/max_bdy_bytes", "\"max_body_bytes\""},
        {"providers:\n  - type: echo\n    apikey: x\n", 3, "/providers/0/apikey", "\"api_key\""},
        {ECHO "a/b~c: 1\n", 2, "/a~1b~0c", "unknown key \"a/b~c\" in the document"},
        {ECHO "server: {qqqqqqqq: 1}\n", 2, "/server/qqqqqqqq", "unknown key \"qqqqqqqq\""},
        {ECHO "\"\\u001b[31m\": 1\n", 2, "/?[31m", "\"?[31m\""},
    };
    help_env = NULL;
    ALL(list);
    help_refused(ECHO "server: {qqqqqqqq: 1}\n", 2, "/server/qqqqqqqq", "server section");
    assert_null(strstr(help_err.message, "did you mean"));
}

static void variables(void **state)
{
    (void)state;
    static const char *const env[] = {"SET", "value", "EMPTY", "", "NUL_UTF", "\xff", NULL};
    static const refusal list[] = {
        {"providers: [{type: echo, name: '${UNSET}'}]", 1, "/providers/0/name", "UNSET is not set"},
        {"providers: [{type: echo, name: '$SET'}]", 1, "/providers/0/name", "lone $"},
        {"providers: [{type: echo, name: '${SET'}]", 1, "/providers/0/name", "lone $"},
        {"providers: [{type: echo, name: 'a$'}]", 1, "/providers/0/name", "lone $"},
        {"providers: [{type: echo, name: '${}'}]", 1, "/providers/0/name", "expected ${NAME}"},
        {"providers: [{type: echo, name: '${1A}'}]", 1, "/providers/0/name", "expected ${NAME}"},
        {"providers: [{type: echo, name: '${A-b}'}]", 1, "/providers/0/name", "expected ${NAME}"},
        {"providers: [{type: echo, name: '${EMPTY}'}]", 1, "/providers/0/name", "empty"},
        {"providers: [{type: echo, name: '${NUL_UTF}'}]", 1, "/providers/0/name", "not UTF-8"},
        {"server: {threads: '${SET}'}\n" ECHO, 1, "/server/threads", "whole number"},
    };
    help_env = env;
    ALL(list);
    gw_config *c = help_load("providers: [{type: echo, name: '${SET}-${EMPTY:-d}-${UNSET:-}'}]");
    assert_true(gw_eq(c->upstreams[0].name, GW_S("value-d-")));
    gw_config_free(c);
}

static void bounds(void **state)
{
    (void)state;
    static char big[2 * 1024 * 1024];
    help_env = NULL;
    memset(big, ' ', sizeof big - 1);
    big[1024 * 1024 + 1] = '\0';
    help_refused(big, 0, "", "1 MiB");
    memset(big, '[', 100000);
    big[100000] = '\0';
    help_refused(big, 1, "/0/0/0/0/0/0/0/0/0/0/0/0", "too deep");
    size_t n = (size_t)snprintf(big, sizeof big, "providers: [");
    for (int i = 0; i < 30000; i++, n += 2)
        memcpy(big + n, "a,", 2);
    memcpy(big + n, "a]", 3);
    help_refused(big, 1, "/providers/19998", "too many values");
    n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(big + n, sizeof big - n, "k%d: 1\n", i);
    help_refused(big, 257, "", "too many keys");
    static char long_value[70000];
    memset(long_value, 'v', sizeof long_value - 1);
    const char *env[] = {"LONG", long_value, NULL};
    help_env = env;
    help_refused("providers: [{type: echo, name: '${LONG}'}]", 1, "/providers/0/name", "64 KiB");
    help_env = NULL;
}

static void sections_that_contradict(void **state)
{
    (void)state;
    static const refusal list[] = {
        {"server: {listen: localhost}\n" ECHO, 1, "/server/listen", "ADDRESS:PORT"},
        {"server: {listen: 'example.com:80'}\n" ECHO, 1, "/server/listen", "ADDRESS:PORT"},
        {"server: {listen: '127.0.0.1:65536'}\n" ECHO, 1, "/server/listen", "ADDRESS:PORT"},
        {"server: {listen: '::1:80'}\n" ECHO, 1, "/server/listen", "ADDRESS:PORT"},
        {"server: {listen: '127.0.0.01:80'}\n" ECHO, 1, "/server/listen", "ADDRESS:PORT"},
        {"server: {tls: {cert_file: a}}\n" ECHO, 1, "/server/tls", "both"},
        {"server: {trusted_proxies: [10.0.0.0/33]}\n" ECHO, 1, "/server/trusted_proxies/0",
         "network"},
        {"server: {trusted_proxies: ['::/0', 'x']}\n" ECHO, 1, "/server/trusted_proxies/1",
         "network"},
        {"limits: {max_exchange_bytes: 1048576}\n" ECHO, 1, "/limits/max_exchange_bytes",
         "max_body_bytes"},
        {"auth: {jwt: {enabled: true}}\n" ECHO, 1, "/auth/jwt", "need an issuer"},
        {"auth: {jwt: {issuers: [{issuer: a, jwks_url: 'https://a', jwks_file: b}]}}\n" ECHO, 1,
         "/auth/jwt/issuers/0", "only one of"},
        {"auth: {jwt: {issuers: [{issuer: a}]}}\n" ECHO, 1, "/auth/jwt/issuers/0/issuer", "https"},
        {"auth: {jwt: {issuers: [{issuer: a, jwks_url: 'http://b.example/'}]}}\n" ECHO, 1,
         "/auth/jwt/issuers/0/jwks_url", "loopback"},
        {"auth: {jwt: {issuers: [{issuer: a, jwks: '{}'}]}}\n" ECHO, 1, "/auth/jwt/issuers/0/jwks",
         "Key Set"},
        {"auth: {jwt: {issuers: [{issuer: a, jwks_file: /nowhere}]}}\n" ECHO, 1,
         "/auth/jwt/issuers/0/jwks_file", "does not exist"},
        {"auth: {jwt: {issuers: [{issuer: 'https://a'}, {issuer: 'https://a'}]}}\n" ECHO, 1,
         "/auth/jwt/issuers/1/issuer", "twice"},
        {"auth: {jwt: {issuers: [{issuer: 'https://a', scopes: [a b]}]}}\n" ECHO, 1,
         "/auth/jwt/issuers/0/scopes/0", "white space"},
        {"issuer: {enabled: true}\n" ECHO, 1, "/issuer", "at least one client"},
        {"issuer: {clients: [{id: a}]}\n" ECHO, 1, "/issuer/clients/0", "secret or secret_file"},
        {"issuer: {clients: [{id: a, secret: b}, {id: a, secret: c}]}\n" ECHO, 1,
         "/issuer/clients/1/id", "twice"},
        {"issuer: {clients: [{id: a, secret: b, scopes: []}]}\n" ECHO, 1,
         "/issuer/clients/0/scopes", "expected a scope"},
        {"issuer: {url: 'https://a/', clients: [{id: a, secret: b}]}\n" ECHO, 1, "/issuer/url",
         "slash"},
        {"server: {listen: '0.0.0.0:1'}\nissuer: {clients: [{id: a, secret: b}]}\n" ECHO, 2,
         "/issuer", "\"url\""},
    };
    help_env = NULL;
    ALL(list);
}

static void providers_that_contradict(void **state)
{
    (void)state;
    static const refusal list[] = {
        {"providers: [{type: openai}]", 1, "/providers/0", "${OPENAI_API_KEY}"},
        {"providers: [{type: anthropic}]", 1, "/providers/0", "${ANTHROPIC_API_KEY}"},
        {"providers: [{type: echo, api_key: x}]", 1, "/providers/0/api_key", "in process"},
        {"providers: [{type: echo}, {type: echo}]", 1, "/providers/1", "two providers"},
        {"providers: [{type: echo, name: a/b}]", 1, "/providers/0/name", "letters"},
        {"providers: [{type: openai, api_key: a, api_key_file: b}]", 1, "/providers/0/api_key_file",
         "only one"},
        {"providers: [{type: openai, api_key: \"a\\r\\nX: y\"}]", 1, "/providers/0/api_key",
         "white space"},
        {"providers: [{type: openai, base_url: 'ftp://a'}]", 1, "/providers/0/base_url", "https"},
        {"providers: [{type: openai, base_url: 'https://'}]", 1, "/providers/0/base_url", "host"},
        {"providers: [{type: openai, base_url: 'https://a?b'}]", 1, "/providers/0/base_url",
         "query"},
        {"providers: [{type: openai, base_url: 'https://a/#b'}]", 1, "/providers/0/base_url",
         "fragment"},
        {"providers: [{type: openai, base_url: 'https://u:p@a'}]", 1, "/providers/0/base_url",
         "credentials"},
        {"providers: [{type: openai, base_url: 'https://a b'}]", 1, "/providers/0/base_url",
         "white space"},
        {"providers: [{type: openai, base_url: 'https://a:99999'}]", 1, "/providers/0/base_url",
         "port"},
        {"providers: [{type: openai, base_url: 'http://a'}]", 1, "/providers/0/base_url",
         "allow_http"},
        {"providers: [{type: openai, api_key: a, headers: {authorization: b}}]", 1,
         "/providers/0/headers/authorization", "twice"},
        {"providers: [{type: openai, api_key: a, headers: {Host: b}}]", 1,
         "/providers/0/headers/Host", "own"},
        {"providers: [{type: openai, api_key: a, headers: {'a b': c}}]", 1,
         "/providers/0/headers/a b", "header name"},
        {"providers: [{type: openai, api_key: a, headers: {a: \"b\\nc\"}}]", 1,
         "/providers/0/headers/a", "printable"},
        {ECHO "models: [{name: m, targets: []}]", 2, "/models/0/targets", "at least 1"},
        {ECHO "models: [{name: m, targets: [{provider: ecko}]}]", 2, "/models/0/targets/0/provider",
         "one of the providers"},
        {ECHO "models: [{name: m, targets: [{provider: echo}]}, {name: m, targets: "
              "[{provider: echo}]}]",
         2, "/models/1/name", "twice"},
    };
    help_env = NULL;
    ALL(list);
}

static void good_addresses(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://a",         "HTTPS://A.b-c_d/e",
                                       "https://[::1]:1/x", "https://192.0.2.1:443//",
                                       "http://localhost",  "http://127.9.9.9:80/v1"};
    help_env = NULL;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char document[256];
        snprintf(document, sizeof document, "providers: [{type: openai, base_url: '%s'}]", urls[i]);
        gw_config_free(help_load(document));
    }
    gw_config_free(
        help_load("providers: [{type: openai, base_url: 'http://a', allow_http: true}]"));
    gw_config_free(help_load("server: {listen: 'localhost:0', trusted_proxies: ['1::/64', '::', "
                             "'::ffff:1.2.3.4', '1:2:3:4:5:6:7:8', 0.0.0.0/0]}\n" ECHO));
}

#define JWT "auth: {jwt: {issuers: [{issuer: 'https://a'}]}}\n"

static void listening_beyond_loopback(void **state)
{
    (void)state;
    help_env = NULL;
    help_refused("server: {listen: '0.0.0.0:1'}\n" ECHO, 1, "/server/listen", "insecure_no_auth");
    help_refused("server: {listen: '[::]:1'}\n" ECHO, 1, "/server/listen", "insecure_no_auth");
    help_refused("server: {listen: '128.0.0.1:1'}\n" ECHO, 1, "/server/listen", "auth.jwt");
    help_refused("server: {listen: '0.0.0.0:1'}\n" ECHO JWT, 1, "/server/listen", "TLS");
    help_refused("server: {listen: '0.0.0.0:1', insecure_no_auth: true}\n" ECHO JWT, 1,
                 "/server/listen", "TLS");
    gw_config_free(help_load("server: {listen: '0.0.0.0:1', insecure_no_auth: true}\n" ECHO));
    gw_config_free(
        help_load("server: {listen: '0.0.0.0:1', trusted_proxies: [10.0.0.0/8]}\n" ECHO JWT));
    gw_config_free(
        help_load("server: {listen: '0.0.0.0:1', tls: {cert_file: a, key_file: b}}\n" ECHO JWT));

    gw_config *c = help_load(ECHO);
    assert_int_equal(gw_config_check_listen(c, "[::1]:0", false, &help_err), AIGW_OK);
    assert_int_equal(gw_config_check_listen(c, "10.0.0.1:80", true, &help_err), AIGW_E_CONFIG);
    assert_string_equal(help_err.pointer, "/server/listen");
    assert_int_equal(gw_config_check_listen(c, "nonsense", true, NULL), AIGW_E_CONFIG);
    gw_config_free(c);
    c = help_load(ECHO JWT);
    assert_int_equal(gw_config_check_listen(c, "10.0.0.1:80", false, &help_err), AIGW_E_CONFIG);
    assert_int_equal(gw_config_check_listen(c, "10.0.0.1:80", true, &help_err), AIGW_OK);
    gw_config_free(c);
}

/* Every place that a secret can stand in, with something wrong at or near it. */
static void no_error_has_a_secret(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "providers: [{type: openai, api_key: 'HIDDEN\n\nx'}]",
        "providers: [{type: openai, api_key: '${S} x'}]",
        "providers: [{type: openai, api_key: {'HIDDEN': x}}]",
        "providers: [{type: echo, name: '${S}/'}]",
        "providers: [{type: openai, base_url: 'https://u:HIDDEN@a'}]",
        "providers: [{type: openai, base_url: 'HIDDEN'}]",
        "providers: [{type: '${S}'}]",
        "providers: [{type: openai, api_key: a, headers: {x: \"HIDDEN\\x01\"}}]",
        "providers: [{type: openai, api_key_file: '${S}'}]",
        "server: {threads: '${S}'}\n" ECHO,
        "server: {listen: '${S}'}\n" ECHO,
        "issuer: {clients: [{id: a, secret: HIDDEN, secret_file: HIDDEN}]}\n" ECHO,
        "issuer: {clients: [{id: a, secret: HIDDEN, scopes: [HIDDEN HIDDEN]}]}\n" ECHO,
        "issuer: {clients: [{id: a, secret: [HIDDEN]}]}\n" ECHO,
        "issuer: {key_file: '${S}', clients: [{id: a, secret: HIDDEN}]}\n" ECHO,
        "auth: {jwt: {issuers: [{issuer: a, jwks: HIDDEN}]}}\n" ECHO,
        "auth: {jwt: {issuers: [{issuer: a, jwks_url: 'https://x/?HIDDEN'}]}}\n" ECHO,
        "providers: [{type: openai, api_key: \"HIDDEN}]",
        "providers: [{type: openai, api_key: HIDDEN: x}]",
        "providers: [{type: openai, api_key: 'a${S'}]",
        "providers: [{type: openai, api_key: '${UNSET:HIDDEN}'}]",
    };
    static const char *const env[] = {"S", "HIDDEN", NULL};
    help_env = env;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        gw_config *c = NULL;
        memset(&help_err, 0, sizeof help_err);
        if (gw_config_load(aigw_slice_of(documents[i]), &help_host, &c, &help_err) == AIGW_OK)
            fail_msg("accepted: %s", documents[i]);
        bool in_key = strstr(documents[i], "{'HIDDEN'") != NULL;
        assert_null(strstr(help_err.message, "HIDDEN"));
        assert_true(in_key || !strstr(help_err.pointer, "HIDDEN"));
        assert_null(strstr(help_err.reason, "HIDDEN"));
        assert_true(help_err.message[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_that_two_readers_could_read_differently),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(unknown_keys_get_a_hint),
        cmocka_unit_test(variables),
        cmocka_unit_test(bounds),
        cmocka_unit_test(sections_that_contradict),
        cmocka_unit_test(providers_that_contradict),
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(listening_beyond_loopback),
        cmocka_unit_test(no_error_has_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
