/* providers[].auth.token: what goes together, what is refused and where, what never shows. */
#include "help.h"

#define PROVIDER                                                                                   \
    "providers:\n"                                                                                 \
    "  - type: openai\n"                                                                           \
    "    base_url: https://models.example/v1\n"                                                    \
    "    auth:\n"                                                                                  \
    "      token:\n"
#define WHO                                                                                        \
    "        endpoint: https://issuer.example/token\n"                                             \
    "        client_id: gw\n"
#define AT "/providers/0/auth/token"

static void a_token_is_a_credential(void **state)
{
    (void)state;
    gw_config *config = help_load(PROVIDER WHO "        client_secret: s\n");
    assert_non_null(config->upstreams[0].token);
    gw_config_free(config);
    /* The vendor's own host needs no key then. */
    config = help_load("providers: [{type: anthropic, auth: {token: {endpoint: "
                       "'http://127.0.0.1:1/t', client_id: a, client_secret: b, scope: c, "
                       "auth_method: client_secret_basic}}}]\n");
    assert_non_null(config->upstreams[0].token);
    gw_config_free(config);
    config = help_load("providers: [{type: openai, api_key: k, auth: {}}, {type: echo}]\n");
    assert_null(config->upstreams[0].token);
    assert_null(config->upstreams[1].token);
    gw_config_free(config);
}

static void the_same_section_is_the_same_source(void **state)
{
    (void)state;
    gw_config *a = help_load(PROVIDER WHO "        client_secret: s\n");
    gw_config *b = help_load(PROVIDER WHO "        client_secret: s\n        timeout_ms: 200\n");
    gw_config *c = help_load(PROVIDER WHO "        client_secret: t\n");
    assert_true(gw_token_source_equal(a->upstreams[0].token, b->upstreams[0].token));
    assert_false(gw_token_source_equal(a->upstreams[0].token, c->upstreams[0].token));
    gw_config_free(a);
    gw_config_free(b);
    gw_config_free(c);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *section, *pointer, *message;
    } rows[] = {
        {"        client_id: a\n", AT, "needs the key \"endpoint\""},
        {"        endpoint: https://i/t\n", AT, "needs the key \"client_id\""},
        {WHO, AT, "client_secret"},
        {WHO "        client_secret: s\n        client_secret_file: /f\n", AT "/client_secret_file",
         "only one of"},
        {WHO "        client_secret_file: /nonexistent\n", AT "/client_secret_file", "not exist"},
        {WHO "        auth_method: private_key_jwt\n", AT, "go together"},
        {WHO "        private_key_file: /f\n        client_secret: s\n", AT "/private_key_file",
         "go together"},
        {WHO "        client_secret: s\n        auth_method: tls_client_auth\n", AT "/auth_method",
         "no client_secret"},
        {WHO "        auth_method: tls_client_auth\n", AT, "client_cert_file"},
        {WHO "        client_secret: s\n        client_key_file: /f\n", AT "/client_key_file",
         "client_cert_file"},
        {WHO "        client_secret: s\n        key_id: k\n", AT "/key_id", "private_key_file"},
        {WHO "        client_secret: s\n        auth_method: none\n", AT "/auth_method",
         "expected one of"},
        {"        endpoint: http://issuer.example/t\n        client_id: a\n        client_secret: "
         "s\n",
         AT "/endpoint", "https"},
        {"        endpoint: nonsense\n        client_id: a\n        client_secret: s\n",
         AT "/endpoint", "URL"},
        {WHO "        client_secret: s\n        timeout_ms: 5\n", AT "/timeout_ms", "100"},
        {WHO "        client_secret: s\n        secret: s\n", AT "/secret", "unknown key"},
        {WHO "        auth_method: private_key_jwt\n        private_key_file: /dev/null\n",
         AT "/private_key_file", "regular"},
    };
    char document[2048];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(document, sizeof document, "%s%s", PROVIDER, rows[i].section);
        help_refused(document, -1, rows[i].pointer, rows[i].message);
    }
}

static void two_credentials_are_one_too_many(void **state)
{
    (void)state;
    help_refused("providers: [{type: openai, api_key: hunter2, auth: {token: {endpoint: "
                 "'https://i/t', client_id: a, client_secret: b}}}]\n",
                 -1, "/providers/0/api_key", "only one of api_key and auth.token");
    assert_null(strstr(help_err.message, "hunter2"));
    help_refused("providers: [{type: openai, headers: {Authorization: x}, auth: {token: {endpoint: "
                 "'https://i/t', client_id: a, client_secret: b}}}]\n",
                 -1, "/providers/0/headers/Authorization", "auth.token makes this header");
    help_refused("providers: [{type: echo, auth: {token: {endpoint: 'https://i/t', client_id: a, "
                 "client_secret: b}}}]\n",
                 -1, "/providers/0/auth", "in process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_a_credential),
        cmocka_unit_test(the_same_section_is_the_same_source),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(two_credentials_are_one_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
