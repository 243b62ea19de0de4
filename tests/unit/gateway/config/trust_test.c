/* The entries of auth.jwt.issuers: what a token must be, where the keys are, what is refused; and the
 * lines of their key sets in the metrics. */
#include "gateway/gateway.h"
#include "help.h"
#include <aigw/metrics.h>

#define ISSUERS "auth:\n jwt:\n  leeway_s: 7\n  issuers:\n"

static void defaults(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load(ECHO ISSUERS "   - {issuer: 'https://i/'}\n");
    const aigw_policy *p = &c->issuers[0].gate.policy;
    assert_int_equal(p->algorithm_count, 1);
    assert_true(gw_eq(p->algorithms[0], GW_S("RS256")));
    assert_int_equal(p->leeway_s, 7);
    assert_int_equal(p->max_token_bytes, 8192);
    assert_int_equal(p->client_id_count + p->claim_count + p->audience_count, 0);
    assert_int_equal(p->token_use.len, 0);
    assert_int_equal(p->scopes_all, 0);
    assert_int_equal(c->issuers[0].discovery_url.len, 0);
    gw_config_free(c);
}

static void everything(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c =
        help_load(ECHO ISSUERS "   - issuer: https://i/\n"
                               "     discovery: true\n"
                               "     algorithms: [ES256, EdDSA, PS512]\n"
                               "     client_ids: [a, b]\n"
                               "     token_use: access\n"
                               "     scopes: [x, y]\n"
                               "     scope_match: all\n"
                               "     leeway_s: 0\n"
                               "     max_token_bytes: 16384\n"
                               "     claims:\n"
                               "      - {name: 'cognito:groups', values: [dev, ops]}\n"
                               "      - {name: b, format: single-string, values: ['c d']}\n"
                               "      - {name: d, format: string-array, values: [e]}\n"
                               "      - {name: f, format: space-separated-values, values: [g]}\n"
                               "   - {issuer: 'https://j', discovery_url: 'https://k/doc'}\n");
    const gw_config_issuer *i = c->issuers;
    const aigw_policy *p = &i->gate.policy;
    assert_true(gw_eq(i[0].discovery_url, GW_S("https://i/.well-known/openid-configuration")));
    assert_int_equal(i[0].jwks_url.len, 0);
    assert_true(gw_eq(i[1].discovery_url, GW_S("https://k/doc")));
    assert_int_equal(p->size, sizeof *p);
    assert_int_equal(p->algorithm_count, 3);
    assert_true(gw_eq(p->algorithms[2], GW_S("PS512")));
    assert_int_equal(p->client_id_count, 2);
    assert_true(gw_eq(p->client_ids[1], GW_S("b")));
    assert_true(gw_eq(p->token_use, GW_S("access")));
    assert_int_equal(p->scopes_all, 1);
    assert_int_equal(p->leeway_s, 0);
    assert_int_equal(p->max_token_bytes, 16384);
    assert_int_equal(p->claim_count, 4);
    assert_true(gw_eq(p->claims[0].name, GW_S("cognito:groups")));
    assert_int_equal(p->claims[0].format, AIGW_CLAIM_AUTO);
    assert_int_equal(p->claims[0].value_count, 2);
    assert_true(gw_eq(p->claims[0].values[1], GW_S("ops")));
    assert_int_equal(p->claims[1].format, AIGW_CLAIM_STRING);
    assert_int_equal(p->claims[2].format, AIGW_CLAIM_ARRAY);
    assert_int_equal(p->claims[3].format, AIGW_CLAIM_WORDS);
    gw_config_free(c);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *pointer, *message;
    } rows[] = {
        {"algorithms: [HS256]", "/algorithms/0", "expected RS"},
        {"algorithms: [RS256, none]", "/algorithms/1", "expected RS"},
        {"algorithms: [rs256]", "/algorithms/0", "expected RS"},
        {"algorithms: []", "/algorithms", "at least 1"},
        {"claims: [{name: exp, values: [a]}]", "/claims/0/name", "anyway"},
        {"claims: [{name: iss, values: [a]}]", "/claims/0/name", "anyway"},
        {"claims: [{name: a, values: []}]", "/claims/0/values", "at least 1"},
        {"claims: [{values: [a]}]", "/claims/0", "needs the key"},
        {"claims: [{name: a, format: json, values: [a]}]", "/claims/0/format", "expected one of"},
        {"claims: [{name: a, format: space-separated-values, values: ['b c']}]",
         "/claims/0/values/0", "one word"},
        {"scope_match: some", "/scope_match", "expected one of: any, all"},
        {"leeway_s: 301", "/leeway_s", "from 0 to 300"},
        {"max_token_bytes: 16385", "/max_token_bytes", "from 256 to 16384"},
        {"discovery: true, jwks_file: x", "", "only one of"},
        {"discovery: true, discovery_url: 'https://k'", "", "only one of"},
        {"discovery_url: 'http://k.example/'", "/discovery_url", "expected https://"},
        {"discovery_url: 'ftp://k.example/'", "/discovery_url", ""},
    };
    char document[512], pointer[128];
    help_env = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(document, sizeof document, ECHO ISSUERS "   - {issuer: 'https://i', %s}\n",
                 rows[i].entry);
        snprintf(pointer, sizeof pointer, "/auth/jwt/issuers/0%s", rows[i].pointer);
        help_refused(document, 6, pointer, rows[i].message);
    }
    help_refused(ECHO ISSUERS "   - {issuer: 'http://i.example', discovery: true}\n", 6,
                 "/auth/jwt/issuers/0/issuer", "expected https://");
}

static void key_sets_in_the_metrics(void **state)
{
    (void)state;
    static const char document[] =
        ECHO ISSUERS "   - {issuer: 'a\"b\\c', jwks: '{\"keys\":[{\"kty\":\"OKP\"}]}'}\n"
                     "   - {issuer: 'https://far'}\n";
    aigw_gateway *gw = NULL;
    aigw_slice text = {NULL, 0};
    assert_int_equal(aigw_gateway_new(aigw_slice_of(document), &help_host, &gw, &help_err),
                     AIGW_OK);
    assert_int_equal(aigw_metrics_render(gw, &text, NULL), AIGW_OK);
    assert_non_null(gw_find(text, GW_S("aigw_jwks_keys{issuer=\"a\\\"b\\\\c\"} 1\n")));
    assert_non_null(gw_find(text, GW_S("aigw_jwks_age_seconds{issuer=\"a\\\"b\\\\c\"} 0\n")));
    assert_non_null(gw_find(text, GW_S("aigw_jwks_fetches_total{issuer=\"https://far\"} 0\n")));
    assert_null(gw_find(text, GW_S("aigw_jwks_age_seconds{issuer=\"https://far\"}")));
    aigw_bytes_free(text);
    aigw_gateway_free(gw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(everything),
        cmocka_unit_test(refusals),
        cmocka_unit_test(key_sets_in_the_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
