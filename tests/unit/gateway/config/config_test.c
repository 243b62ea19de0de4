/* Loading whole documents: what each section becomes. */
#include "help.h"
#include <aigw/gateway.h>
#include <stdlib.h>
#include <unistd.h>

static void defaults(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load(ECHO);
    assert_string_equal(c->server.listen, "127.0.0.1:8787");
    assert_int_equal(c->server.threads, 0);
    assert_int_equal(c->server.max_connections, 10000);
    assert_int_equal(c->server.backlog, 511);
    assert_int_equal(c->server.header_timeout_ms, 10000);
    assert_int_equal(c->server.idle_timeout_ms, 75000);
    assert_int_equal(c->server.max_header_bytes, 65536);
    assert_int_equal(c->server.max_body_bytes, 33554432);
    assert_string_equal(c->server.tls_cert_file, "");
    assert_int_equal(c->max_exchange_bytes, 4 * 33554432);
    assert_int_equal(c->max_wait_retry_ms, 10000);
    assert_int_equal(c->log_level, AIGW_LOG_INFO);
    assert_true(c->access_log);
    assert_false(c->jwt_enabled || c->issuer_enabled || c->insecure_no_auth);
    assert_int_equal(c->insufficient_scope_status, 401);
    assert_int_equal(c->upstream_count, 1);
    assert_true(gw_eq(c->upstreams[0].name, GW_S("echo")));
    assert_null(c->upstreams[0].target);
    assert_non_null(c->upstreams[0].provider->answer);
    gw_config_free(c);
}

static const char full[] =
    "server:\n"
    "  listen: \"[::]:9000\"\n"
    "  threads: 3\n"
    "  max_body_bytes: ${BODY:-1048576}\n"
    "  tls: {cert_file: /etc/c.pem, key_file: /etc/k.pem}\n"
    "  trusted_proxies: [10.0.0.0/8, \"fd00::/8\", 192.0.2.1]\n"
    "auth:\n"
    "  jwt:\n"
    "    insufficient_scope_status: 403\n"
    "    leeway_s: 5\n"
    "    issuers:\n"
    "      - issuer: https://cognito-idp.eu-central-1.amazonaws.com/pool\n"
    "        audiences: [a, b]\n"
    "      - issuer: https://other.example/\n"
    "        scopes: []\n"
    "      - issuer: inline\n"
    "        jwks: '{\"keys\":[]}'\n"
    "issuer:\n"
    "  url: https://gateway.internal\n"
    "  cognito_compat: true\n"
    "  clients:\n"
    "    - {id: team-a, secret: \"${SECRET}\", team: a, token_lifetime_s: 300}\n"
    "    - {id: team-b, secret: 'pa$$word', scopes: [x:y, z]}\n"
    "providers:\n"
    "  - type: openai\n"
    "    api_key: ${KEY}\n"
    "    timeouts: {connect_ms: 1, total_ms: 99}\n"
    "    max_retries: 0\n"
    "  - name: local\n"
    "    type: openai\n"
    "    base_url: http://127.0.0.1:11434/v1/\n"
    "    models: [llama, \"qwen-*\"]\n"
    "    max_tokens_field: max_tokens\n"
    "  - type: anthropic\n"
    "    api_key: ${KEY}\n"
    "    headers: {anthropic-version: 2026-10-21, X-Extra: \"${KEY}\"}\n"
    "    default_max_tokens: 77\n"
    "models:\n"
    "  - name: fast\n"
    "    targets:\n"
    "      - {provider: local, model: llama-8b}\n"
    "      - provider: openai\n"
    "log: {level: debug, access: false}\n"
    "limits: {max_exchange_bytes: 2097152, max_retry_wait_ms: 0}\n";

static void load_full(gw_config **out)
{
    static const char *const env[] = {"SECRET", "s3cret", "KEY", "sk-1", NULL};
    help_env = env;
    *out = help_load(full);
}

static void full_server_and_limits(void **state)
{
    (void)state;
    gw_config *c;
    load_full(&c);
    assert_string_equal(c->server.listen, "[::]:9000");
    assert_int_equal(c->server.threads, 3);
    assert_int_equal(c->server.max_body_bytes, 1048576);
    assert_string_equal(c->server.tls_key_file, "/etc/k.pem");
    assert_int_equal(c->trusted_proxy_count, 3);
    assert_true(gw_eq(c->trusted_proxies[1], GW_S("fd00::/8")));
    assert_int_equal(c->log_level, AIGW_LOG_DEBUG);
    assert_false(c->access_log);
    assert_int_equal(c->max_exchange_bytes, 2097152);
    assert_int_equal(c->max_wait_retry_ms, 0);
    gw_config_free(c);
}

static void full_auth(void **state)
{
    (void)state;
    gw_config *c;
    load_full(&c);
    assert_true(c->jwt_enabled);
    assert_int_equal(c->insufficient_scope_status, 403);
    assert_int_equal(c->issuer_count, 4);
    const gw_config_issuer *i = c->issuers;
    assert_true(gw_eq(i[0].jwks_url, GW_S("https://cognito-idp.eu-central-1.amazonaws.com/pool/"
                                          ".well-known/jwks.json")));
    assert_true(gw_eq(i[0].gate.policy.issuer, i[0].gate.issuer));
    assert_int_equal(i[0].gate.policy.audience_count, 2);
    assert_int_equal(i[0].gate.policy.scope_count, 1);
    assert_true(gw_eq(i[0].gate.policy.scopes[0], GW_S("https://gateway.internal/invoke")));
    assert_int_equal(i[0].gate.policy.leeway_s, 5);
    assert_true(gw_eq(i[1].gate.issuer, GW_S("https://other.example/")));
    assert_true(gw_eq(i[1].jwks_url, GW_S("https://other.example/.well-known/jwks.json")));
    assert_int_equal(i[1].gate.policy.scope_count, 0);
    assert_true(gw_eq(i[2].jwks_inline, GW_S("{\"keys\":[]}")));
    assert_int_equal(i[2].jwks_url.len, 0);
    assert_false(i[2].embedded);
    assert_true(i[3].embedded);
    assert_true(gw_eq(i[3].gate.issuer, GW_S("https://gateway.internal")));
    assert_int_equal(i[3].gate.policy.scope_count, 1);
    gw_config_free(c);
}

static void full_issuer(void **state)
{
    (void)state;
    gw_config *c;
    load_full(&c);
    assert_true(c->issuer_enabled && c->cognito_compat);
    assert_int_equal(c->issuer_client_count, 2);
    const aigw_issuer_client *a = &c->issuer_clients[0], *b = &c->issuer_clients[1];
    assert_true(gw_eq(a->id, GW_S("team-a")) && gw_eq(a->secret, GW_S("s3cret")));
    assert_true(gw_eq(a->team, GW_S("a")));
    assert_int_equal(a->token_lifetime_s, 300);
    assert_int_equal(a->scope_count, 1);
    assert_true(gw_eq(b->secret, GW_S("pa$word")));
    assert_int_equal(b->scope_count, 2);
    assert_true(gw_eq(b->scopes[1], GW_S("z")));
    assert_int_equal(b->token_lifetime_s, 3600);
    assert_int_equal(b->team.len, 0);
    gw_config_free(c);
}

static void full_providers_and_routes(void **state)
{
    (void)state;
    gw_config *c;
    gw_route_target out[GW_PLAN_MAX];
    load_full(&c);
    assert_int_equal(c->upstream_count, 3);
    const gw_upstream *up = c->upstreams;
    assert_true(gw_eq(up[0].host, GW_S("api.openai.com")));
    assert_non_null(up[0].target);
    assert_int_equal(up[0].connect_timeout_ms, 1);
    assert_int_equal(up[0].first_byte_timeout_ms, 300000);
    assert_int_equal(up[0].total_timeout_ms, 99);
    assert_int_equal(up[0].max_retries, 0);
    assert_int_equal(up[0].quirks, GW_QUIRK_OPENAI);
    assert_true(gw_eq(up[1].name, GW_S("local")));
    assert_int_equal(up[1].quirks, GW_QUIRK_MAX_TOKENS);
    assert_int_equal(up[2].default_max_tokens, 77);
    assert_int_equal(gw_plan(&c->routes, GW_S("fast"), out), 2);
    assert_int_equal(out[0].provider, 1);
    assert_true(gw_eq(out[0].model, GW_S("llama-8b")));
    assert_int_equal(out[1].provider, 0);
    assert_int_equal(gw_plan(&c->routes, GW_S("qwen-3"), out), 1);
    assert_int_equal(out[0].provider, 1);
    assert_int_equal(gw_plan(&c->routes, GW_S("gpt-5"), out), 1);
    assert_int_equal(out[0].provider, 0);
    assert_int_equal(gw_plan(&c->routes, GW_S("claude-9"), out), 1);
    assert_int_equal(out[0].provider, 2);
    assert_int_equal(gw_plan(&c->routes, GW_S("gemini-2"), out), 0);
    gw_config_free(c);
}

static void json_is_yaml(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load("{\"server\":{\"threads\":2,\"insecure_no_auth\":true},"
                             "\"providers\":[{\"type\":\"echo\",\"name\":\"e\\u0041\"}]}");
    assert_int_equal(c->server.threads, 2);
    assert_true(c->insecure_no_auth);
    assert_true(gw_eq(c->upstreams[0].name, GW_S("eA")));
    gw_config_free(c);
}

static void switches_follow_their_sections(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load(ECHO "issuer:\n  clients: [{id: a, secret: b}]\n");
    assert_true(c->issuer_enabled && c->jwt_enabled);
    assert_true(gw_eq(c->issuer_url, GW_S("http://127.0.0.1:8787")));
    assert_int_equal(c->issuer_count, 1);
    gw_config_free(c);
    c = help_load(ECHO "auth: {jwt: {enabled: false}}\nissuer: {clients: [{id: a, secret: b}]}\n");
    assert_true(c->issuer_enabled && !c->jwt_enabled);
    gw_config_free(c);
    c = help_load(ECHO "issuer: {enabled: false}\nauth:\nlog:\n");
    assert_false(c->issuer_enabled || c->jwt_enabled);
    gw_config_free(c);
}

static void an_entry_sets_the_policy_of_the_embedded_issuer(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c =
        help_load(ECHO "issuer: {url: 'http://127.0.0.1:1', clients: [{id: a, secret: b}]}\n"
                       "auth: {jwt: {issuers: [{issuer: 'http://127.0.0.1:1', scopes: [q]}]}}\n");
    assert_int_equal(c->issuer_count, 1);
    assert_true(c->issuers[0].embedded);
    assert_true(gw_eq(c->issuers[0].gate.policy.scopes[0], GW_S("q")));
    assert_int_equal(c->issuers[0].jwks_url.len, 0);
    gw_config_free(c);
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void secrets_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/aigw-config-test-XXXXXX", document[256];
    write_file(path, "from a file\r\n");
    snprintf(document, sizeof document, ECHO "issuer: {clients: [{id: a, secret_file: %s}]}", path);
    help_env = NULL;
    gw_config *c = help_load(document);
    assert_true(gw_eq(c->issuer_clients[0].secret, GW_S("from a file")));
    gw_config_free(c);
    snprintf(document, sizeof document, "providers: [{type: openai, api_key_file: %s}]", path);
    help_refused(document, 1, "/providers/0/api_key_file", "white space");
    unlink(path);
    help_refused(document, 1, "/providers/0/api_key_file", "does not exist");
    assert_int_equal(help_err.code, AIGW_E_IO);
    help_refused("providers: [{type: openai, api_key_file: /tmp}]", 1, "/providers/0/api_key_file",
                 "not a regular file");
    help_refused("providers: [{type: openai, api_key_file: /dev/zero}]", 1,
                 "/providers/0/api_key_file", "not a regular file");
}

static void references_are_counted(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load(ECHO);
    assert_ptr_equal(gw_config_ref(c), c);
    gw_config_free(c);
    assert_int_equal(c->upstream_count, 1);
    gw_config_free(c);
    gw_config_free(NULL);
}

static void the_dev_document_loads(void **state)
{
    (void)state;
    static const char *const env[] = {"AIGW_DEV_CLIENT_SECRET", "x1", NULL};
    help_env = env;
    aigw_slice dev = aigw_config_dev();
    gw_config *c = NULL;
    assert_int_equal(gw_config_load(dev, &help_host, &c, &help_err), AIGW_OK);
    assert_true(c->jwt_enabled && c->issuer_enabled);
    assert_true(gw_eq(c->issuer_clients[0].id, GW_S("dev")));
    assert_true(gw_eq(c->issuer_clients[0].secret, GW_S("x1")));
    assert_int_equal(c->issuer_clients[0].scope_count, 2);
    gw_config_free(c);
    help_env = NULL;
    assert_int_equal(aigw_config_check(dev, &help_host, &help_err), AIGW_E_CONFIG);
    assert_non_null(strstr(help_err.message, "AIGW_DEV_CLIENT_SECRET"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(full_server_and_limits),
        cmocka_unit_test(full_auth),
        cmocka_unit_test(full_issuer),
        cmocka_unit_test(full_providers_and_routes),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(switches_follow_their_sections),
        cmocka_unit_test(an_entry_sets_the_policy_of_the_embedded_issuer),
        cmocka_unit_test(secrets_from_files),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(the_dev_document_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
