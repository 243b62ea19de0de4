/* The config of a gateway without a document: environment variables. */
#include "help.h"

#define ENV(...)                                                                                   \
    help_env = (const char *const[])                                                               \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const gw_upstream *upstream(const gw_config *c, const char *name)
{
    for (size_t i = 0; i < c->upstream_count; i++) {
        if (gw_eq(c->upstreams[i].name, aigw_slice_of(name)))
            return &c->upstreams[i];
    }
    return NULL;
}

static void nothing_is_refused(void **state)
{
    (void)state;
    help_env = NULL;
    static const char *const empty[] = {"", "\n", "# only a comment\n", "---\n", "~", "null\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
        help_refused(empty[i], 0, "", "OPENAI_API_KEY");
    ENV("OPENAI_API_KEY", "");
    help_refused("", 0, "", "no provider");
}

static void one_key_is_enough(void **state)
{
    (void)state;
    ENV("OPENAI_API_KEY", "sk-1");
    gw_config *c = help_load("");
    assert_int_equal(c->upstream_count, 1);
    assert_true(gw_eq(upstream(c, "openai")->host, GW_S("api.openai.com")));
    assert_string_equal(c->server.listen, "127.0.0.1:8787");
    assert_false(c->jwt_enabled);
    gw_config_free(c);
}

static void four_vendors(void **state)
{
    (void)state;
    ENV("OPENAI_API_KEY", "a", "ANTHROPIC_API_KEY", "b", "GOOGLE_API_KEY", "c", "AZURE_API_KEY",
        "d", "AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/", "ANTHROPIC_BASE_URL",
        "http://127.0.0.1:9");
    gw_config *c = help_load("");
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(c->upstream_count, 4);
    assert_int_equal(upstream(c, "anthropic")->formats[0], AIGW_FORMAT_ANTHROPIC);
    assert_int_equal(upstream(c, "google")->formats[0], AIGW_FORMAT_GEMINI);
    assert_string_equal(upstream(c, "azure")->provider->name, "azure");
    assert_true(gw_eq(upstream(c, "anthropic")->host, GW_S("127.0.0.1")));
    assert_true(gw_eq(upstream(c, "google")->host, GW_S("generativelanguage.googleapis.com")));
    assert_true(gw_eq(upstream(c, "azure")->host, GW_S("r.openai.azure.com")));
    assert_int_equal(gw_plan(&c->routes, GW_S("gemini-2.5-pro"), out), 1);
    assert_ptr_equal(&c->upstreams[out[0].provider], upstream(c, "google"));
    assert_int_equal(gw_plan(&c->routes, GW_S("gpt-4o"), out), 1);
    assert_ptr_equal(&c->upstreams[out[0].provider], upstream(c, "openai"));
    assert_int_equal(gw_plan(&c->routes, GW_S("azure/my-deployment"), out), 1);
    assert_ptr_equal(&c->upstreams[out[0].provider], upstream(c, "azure"));
    assert_int_equal(gw_plan(&c->routes, GW_S("mistral"), out), 0);
    gw_config_free(c);

    ENV("AZURE_API_KEY", "d");
    help_refused("", 0, "", "AZURE_OPENAI_ENDPOINT");
    /* Beside others it must not keep them down. */
    ENV("AZURE_API_KEY", "d", "OPENAI_API_KEY", "a", "GOOGLE_API_KEY", "");
    c = help_load("");
    assert_int_equal(c->upstream_count, 1);
    gw_config_free(c);
}

static void bedrock(void **state)
{
    (void)state;
    ENV("AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "sk", "AWS_SESSION_TOKEN", "st",
        "AWS_REGION", "eu-west-1");
    gw_config *c = help_load("");
    const gw_upstream *up = upstream(c, "bedrock");
    assert_true(gw_eq(up->host, GW_S("bedrock-runtime.eu-west-1.amazonaws.com")));
    assert_true(gw_eq(up->key_pair.access_key_id, GW_S("AKID")));
    assert_true(gw_eq(up->key_pair.secret_access_key, GW_S("sk")));
    assert_true(gw_eq(up->key_pair.session_token, GW_S("st")));
    gw_config_free(c);
    /* The API key wins over the pair; the region has a second name. */
    ENV("AWS_BEARER_TOKEN_BEDROCK", "b", "AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "sk",
        "AWS_DEFAULT_REGION", "us-east-2");
    c = help_load("");
    assert_int_equal(upstream(c, "bedrock")->key_pair.access_key_id.len, 0);
    assert_true(gw_eq(upstream(c, "bedrock")->site.region, GW_S("us-east-2")));
    gw_config_free(c);
    ENV("AWS_BEARER_TOKEN_BEDROCK", "b");
    help_refused("", 0, "", "AWS_REGION");
    /* Half of it is none. */
    ENV("AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "sk");
    help_refused("", 0, "", "no provider");
    ENV("AWS_BEARER_TOKEN_BEDROCK", "b", "OPENAI_API_KEY", "a", "AWS_ACCESS_KEY_ID", "x",
        "AWS_REGION", "");
    c = help_load("");
    assert_int_equal(c->upstream_count, 1);
    gw_config_free(c);
}

static void names_of_google_and_azure(void **state)
{
    (void)state;
    ENV("GEMINI_API_KEY", "b");
    gw_config *c = help_load("");
    assert_string_equal(upstream(c, "google")->provider->name, "gemini");
    gw_config_free(c);
    ENV("AZURE_API_KEY", "d", "AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/",
        "AZURE_OPENAI_API_VERSION", "2024-10-21");
    c = help_load("");
    assert_true(gw_eq(upstream(c, "azure")->site.api_version, GW_S("2024-10-21")));
    gw_config_free(c);
}

static void listen_and_port(void **state)
{
    (void)state;
    static const char *const good[][3] = {
        {"[::1]:9", NULL, "[::1]:9"},      {"127.0.0.2", NULL, "127.0.0.2:8787"},
        {"::1", "9000", "[::1]:9000"},     {NULL, "9000", "127.0.0.1:9000"},
        {"localhost", "0", "localhost:0"}, {"", "", "127.0.0.1:8787"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", good[i][0] ? good[i][0] : "", "AIGW_PORT",
            good[i][1] ? good[i][1] : "");
        gw_config *c = help_load("");
        assert_string_equal(c->server.listen, good[i][2]);
        gw_config_free(c);
    }
    ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", "127.0.0.1:1", "AIGW_PORT", "2");
    help_refused("", 0, "", "AIGW_PORT");
    ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", "example.com");
    help_refused("", 0, "/server/listen", "AIGW_LISTEN: expected ADDRESS:PORT");
    ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", "0.0.0.0");
    help_refused("", 0, "/server/listen", "auth.jwt");
    ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", "0.0.0.0", "AIGW_INSECURE_NO_AUTH", "Yes");
    gw_config_free(help_load(""));
    ENV("OPENAI_API_KEY", "a", "AIGW_INSECURE_NO_AUTH", "maybe");
    help_refused("", 0, "", "AIGW_INSECURE_NO_AUTH: expected true or false");
}

static void tokens(void **state)
{
    (void)state;
    ENV("OPENAI_API_KEY", "a", "AIGW_ENABLE_JWT_AUTH", "1");
    help_refused("", 0, "", "AIGW_ISSUER");
    ENV("OPENAI_API_KEY", "a", "AIGW_ENABLE_JWT_AUTH", "on", "AIGW_ISSUER", "https://i/p",
        "AIGW_LISTEN", "0.0.0.0:8787", "AIGW_TRUSTED_PROXIES", "10.0.0.0/8, ::1", "AIGW_AUDIENCE",
        "x,y");
    gw_config *c = help_load("");
    assert_true(c->jwt_enabled);
    assert_int_equal(c->issuer_count, 1);
    assert_true(gw_eq(c->issuers[0].jwks_url, GW_S("https://i/p/.well-known/jwks.json")));
    assert_int_equal(c->issuers[0].gate.policy.audience_count, 2);
    assert_true(gw_eq(c->issuers[0].gate.policy.audiences[1], GW_S("y")));
    assert_true(
        gw_eq(c->issuers[0].gate.policy.scopes[0], GW_S("https://gateway.internal/invoke")));
    assert_int_equal(c->trusted_proxy_count, 2);
    gw_config_free(c);

    /* A named issuer turns the checks on; only the switch turns them off. */
    ENV("OPENAI_API_KEY", "a", "AIGW_ISSUER", "https://i", "AIGW_JWKS_URL", "http://localhost/k",
        "AIGW_REQUIRED_SCOPE", "s");
    c = help_load("");
    assert_true(c->jwt_enabled);
    assert_true(gw_eq(c->issuers[0].jwks_url, GW_S("http://localhost/k")));
    assert_true(gw_eq(c->issuers[0].gate.policy.scopes[0], GW_S("s")));
    gw_config_free(c);
    ENV("OPENAI_API_KEY", "a", "AIGW_ISSUER", "https://i", "AIGW_ENABLE_JWT_AUTH", "FALSE");
    c = help_load("");
    assert_false(c->jwt_enabled);
    gw_config_free(c);
}

static void the_rest(void **state)
{
    (void)state;
    ENV("OPENAI_API_KEY", "a", "AIGW_THREADS", "2", "AIGW_MAX_BODY_BYTES", "1000", "AIGW_LOG_LEVEL",
        "warn", "AIGW_TLS_CERT_FILE", "c", "AIGW_TLS_KEY_FILE", "k");
    gw_config *c = help_load("");
    assert_int_equal(c->server.threads, 2);
    assert_int_equal(c->server.max_body_bytes, 1000);
    assert_int_equal(c->max_exchange_bytes, 16 * 1024 * 1024);
    assert_int_equal(c->log_level, AIGW_LOG_WARN);
    assert_string_equal(c->server.tls_cert_file, "c");
    gw_config_free(c);
    ENV("OPENAI_API_KEY", "a", "AIGW_TLS_CERT_FILE", "c");
    help_refused("", 0, "/server/tls", "both");
    ENV("OPENAI_API_KEY", "a", "AIGW_LOG_LEVEL", "loud");
    help_refused("", 0, "/log/level", "AIGW_LOG_LEVEL: expected one of: error, warn");
    ENV("OPENAI_API_KEY", "HIDDEN HIDDEN");
    help_refused("", 0, "/providers/0/api_key", "OPENAI_API_KEY: the key");
    assert_null(strstr(help_err.message, "HIDDEN"));
}

static void a_document_sees_no_variables_but_its_own(void **state)
{
    (void)state;
    ENV("OPENAI_API_KEY", "a", "AIGW_LISTEN", "0.0.0.0:1", "AIGW_ENABLE_JWT_AUTH", "nonsense");
    gw_config *c = help_load(ECHO);
    assert_int_equal(c->upstream_count, 1);
    assert_string_equal(c->server.listen, "127.0.0.1:8787");
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_refused),
        cmocka_unit_test(one_key_is_enough),
        cmocka_unit_test(four_vendors),
        cmocka_unit_test(bedrock),
        cmocka_unit_test(names_of_google_and_azure),
        cmocka_unit_test(listen_and_port),
        cmocka_unit_test(tokens),
        cmocka_unit_test(the_rest),
        cmocka_unit_test(a_document_sees_no_variables_but_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
