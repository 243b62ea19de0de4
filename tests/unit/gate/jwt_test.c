/* Tokens: each step of the verifier, its order, its one reason; claims, times, audience, scope. */
#include "gate/jwt.h"
#include "unit/gate/mint.h"

#define NOW    1700000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k\"}"
#define GOOD                                                                                       \
    "{\"iss\":\"https://i\",\"exp\":1700003600,\"scope\":\"gw/invoke gw/admin\",\"sub\":\"s\"}"

static EVP_PKEY *rsa;
static aigw_jwks *jwks;
static const aigw_slice scopes[] = {{"other", 5}, {"gw/invoke", 9}};
static aigw_policy policy = {.size = sizeof(aigw_policy),
                             .issuer = {"https://i", 9},
                             .scopes = scopes,
                             .scope_count = 2,
                             .leeway_s = -1};

/* The reason of the refusal, "" when the token passes. Static. */
static const char *verdict_at(const char *token, int64_t now)
{
    static aigw_error err;
    int code = aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, now, NULL, &err);
    if (code == AIGW_OK)
        return "";
    assert_int_equal(code, AIGW_E_DENIED);
    assert_int_equal(err.code, AIGW_E_DENIED);
    return err.reason;
}

static void expect(const char *header, const char *payload, const char *reason)
{
    char *token = mint_token(rsa, header, payload);
    assert_string_equal(verdict_at(token, NOW), reason);
    free(token);
}

static void expect_at(const char *payload, int64_t now, const char *reason)
{
    char *token = mint_token(rsa, HEADER, payload);
    assert_string_equal(verdict_at(token, now), reason);
    free(token);
}

static void test_a_good_token_passes(void **state)
{
    (void)state;
    aigw_claims *claims = NULL;
    char *token = mint_token(rsa, HEADER,
                             "{\"iss\":\"https:\\/\\/i\",\"exp\":1700003600,\"n\":1,"
                             "\"scope\":\"gw/invoke\",\"t\\u0065am\":\"bl\\u0075e\"}");
    assert_int_equal(aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, NOW, &claims, NULL),
                     AIGW_OK);
    assert_true(gw_eq(aigw_claims_string(claims, "team"), GW_S("blue")));
    assert_true(gw_eq(aigw_claims_string(claims, "iss"), GW_S("https://i")));
    assert_int_equal(aigw_claims_string(claims, "n").len, 0);
    assert_int_equal(aigw_claims_string(claims, "absent").len, 0);
    assert_int_equal(aigw_claims_expires_unix_s(claims), 1700003600);
    assert_true(gw_starts(aigw_claims_json(claims), GW_S("{\"iss\":\"https:\\/\\/i\"")));
    aigw_claims_free(claims);
    aigw_claims_free(NULL);
    free(token);
}

static void test_types(void **state)
{
    (void)state;
    static const char *const good[] = {
        "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT", "\\u004aWT"};
    static const char *const bad[] = {"\"JOSE\"", "\"\"", "\"JWTx\"",     "\"application/\"",
                                      "1",        "null", "\"dpop+jwt\"", "\"id_token\""};
    char header[128];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"%s\"}",
                 good[i]);
        expect(header, GOOD, "");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":%s}", bad[i]);
        expect(header, GOOD, "wrong_type");
    }
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a", "a.b", "a.b.c.d", "....", "a..b.c"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_string_equal(verdict_at(texts[i], NOW), "not_three_parts");
    assert_string_equal(verdict_at("..", NOW), "bad_header");
    assert_string_equal(verdict_at("a b.c.d", NOW), "bad_base64");
}

static void test_size_comes_first(void **state)
{
    (void)state;
    char *large = malloc(16386);
    memset(large, '.', 16385);
    large[16385] = '\0';
    assert_string_equal(verdict_at(large, NOW), "token_too_large");
    large[8192] = '\0';
    assert_string_equal(verdict_at(large, NOW), "not_three_parts");
    large[8192] = '.';
    large[8193] = '\0';
    assert_string_equal(verdict_at(large, NOW), "token_too_large");
    policy.max_token_bytes = 16384;
    assert_string_equal(verdict_at(large, NOW), "not_three_parts");
    policy.max_token_bytes = 0;
    free(large);
}

static void test_the_order_of_checks(void **state)
{
    (void)state;
    /* Each header has its fault and all later ones; each payload likewise. */
    expect("{\"crit\":[],\"alg\":\"none\",\"typ\":\"x\",\"kid\":\"z\"}", "{", "critical_header");
    expect("{\"alg\":\"none\",\"typ\":\"x\",\"kid\":\"z\"}", "{", "algorithm_not_allowed");
    expect("{\"alg\":\"RS256\",\"typ\":\"x\",\"kid\":\"z\"}", "{", "wrong_type");
    expect("{\"alg\":\"RS256\",\"kid\":\"z\"}", "{", "unknown_key");
    expect(HEADER, "{", "bad_claims");
    expect(HEADER, "{\"iss\":\"x\",\"exp\":1,\"nbf\":1900000000}", "wrong_issuer");
    expect(HEADER, "{\"iss\":\"https://i\",\"exp\":1,\"nbf\":1900000000}", "expired");
    expect(HEADER, "{\"iss\":\"https://i\",\"exp\":1700003600,\"nbf\":1900000000}",
           "not_yet_valid");
    expect(HEADER, "{\"iss\":\"https://i\",\"exp\":1700003600}", "missing_scope");
}

static void test_issuer_is_exact(void **state)
{
    (void)state;
    expect(HEADER, "{\"iss\":\"https://i/\",\"exp\":1700003600,\"scope\":\"gw/invoke\"}",
           "wrong_issuer");
    expect(HEADER, "{\"iss\":\"HTTPS://i\",\"exp\":1700003600,\"scope\":\"gw/invoke\"}",
           "wrong_issuer");
    expect(HEADER, "{\"exp\":1700003600,\"scope\":\"gw/invoke\"}", "wrong_issuer");
    expect(HEADER, "{\"iss\":[\"https://i\"],\"exp\":1700003600}", "bad_claims");
    policy.issuer = GW_S("");
    expect(HEADER, "{\"exp\":1700003600,\"scope\":\"gw/invoke\"}", "");
    policy.issuer = GW_S("https://i");
}

static void test_expiry_values(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"1700003600\"",
                                      "-1",
                                      "9223372036854775808",
                                      "1e30",
                                      "9223372036854775807",
                                      "9007199254740993",
                                      "true",
                                      "null",
                                      "[1]",
                                      "-0.5",
                                      "99999999999999999999999999"};
    char payload[256];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(payload, sizeof payload,
                 "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":%s}", bad[i]);
        expect(HEADER, payload, "bad_claims");
    }
    expect(HEADER, "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\"}", "bad_claims");
    expect(HEADER, "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":0}", "expired");
    expect(HEADER, "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":1.7000036e9}", "");
    /* A fraction never makes a token live longer. */
    expect_at("{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":1700000000.9}", NOW + 60,
              "expired");
    expect_at("{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":1700000000.9}", NOW + 59, "");
}

static void test_leeway(void **state)
{
    (void)state;
    expect_at(GOOD, 1700003659, "");
    expect_at(GOOD, 1700003660, "expired");
    policy.leeway_s = 0;
    expect_at(GOOD, 1700003599, "");
    expect_at(GOOD, 1700003600, "expired");
    policy.leeway_s = 300;
    expect_at(GOOD, 1700003899, "");
    expect_at(GOOD, 1700003900, "expired");
    policy.leeway_s = -1;
}

static void test_not_before_and_issued_at(void **state)
{
    (void)state;
    static const char *const names[] = {"nbf", "iat"};
    char payload[256];
    for (size_t i = 0; i < 2; i++) {
        snprintf(
            payload, sizeof payload,
            "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":1700003600,\"%s\":1700000000}",
            names[i]);
        expect_at(payload, NOW - 60, "");
        expect_at(payload, NOW - 61, "not_yet_valid");
        snprintf(payload, sizeof payload,
                 "{\"iss\":\"https://i\",\"scope\":\"gw/invoke\",\"exp\":1700003600,\"%s\":\"0\"}",
                 names[i]);
        expect_at(payload, NOW, "bad_claims");
    }
}

static void test_scope_by_whole_word(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *reason;
    } rows[] = {
        {"\"gw/invoke\"", ""},
        {"\"a gw/invoke b\"", ""},
        {"\"other\"", ""},
        {"[\"a\",\"gw/invoke\"]", ""},
        {"\"gw\\/invoke\"", ""},
        {"\"a  gw/invoke\"", ""},
        {"\"gw/invoke2\"", "missing_scope"},
        {"\"xgw/invoke\"", "missing_scope"},
        {"\"GW/invoke\"", "missing_scope"},
        {"\"\"", "missing_scope"},
        {"\"gw/invoke,a\"", "missing_scope"},
        {"\"gw/invoke\\ta\"", "missing_scope"},
        {"[]", "missing_scope"},
        {"null", "missing_scope"},
        {"[\"gw/admin gw/invoke\"]", "bad_claims"},
        {"[\"\"]", "bad_claims"},
        {"5", "bad_claims"},
        {"[1]", "bad_claims"},
        {"{\"gw/invoke\":1}", "bad_claims"},
        {"[[\"gw/invoke\"]]", "bad_claims"},
    };
    char payload[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(payload, sizeof payload, "{\"iss\":\"https://i\",\"exp\":1700003600,\"scope\":%s}",
                 rows[i].scope);
        expect(HEADER, payload, rows[i].reason);
    }
    policy.scope_count = 0;
    expect(HEADER, "{\"iss\":\"https://i\",\"exp\":1700003600}", "");
    policy.scope_count = 2;
}

static void test_audience(void **state)
{
    (void)state;
    static const aigw_slice audiences[] = {{"gw", 2}, {"api", 3}};
    static const struct {
        const char *aud, *reason;
    } rows[] = {
        {"\"gw\"", ""},
        {"[\"x\",\"api\"]", ""},
        {"\"x\"", "wrong_audience"},
        {"[]", "wrong_audience"},
        {"null", "wrong_audience"},
        {"\"x gw\"", "wrong_audience"},
        {"[\"x gw\"]", "wrong_audience"},
        {"3", "bad_claims"},
        {"[\"gw\",3]", "bad_claims"},
    };
    char payload[256];
    policy.audiences = audiences;
    policy.audience_count = 2;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(payload, sizeof payload,
                 "{\"iss\":\"https://i\",\"exp\":1700003600,\"scope\":\"gw/invoke\",\"aud\":%s}",
                 rows[i].aud);
        expect(HEADER, payload, rows[i].reason);
    }
    policy.audience_count = 0;
    /* Not asked for: any audience, or none (Cognito). */
    expect(HEADER,
           "{\"iss\":\"https://i\",\"exp\":1700003600,\"scope\":\"gw/invoke\",\"aud\":\"x y\"}",
           "");
}

static void test_facts(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_jwt_facts facts = {.key_id = "k"};
    assert_int_equal(
        gw_jwt_read_claims(
            arena,
            GW_S("{\"sub\":\"s\",\"client_id\":\"c\",\"custom:team\":\"t\",\"iss\":\"i\","
                 "\"scope\":[\"a\",\"b\"],\"aud\":[\"x\",\"y z\",\"w\"],\"exp\":5,"
                 "\"nbf\":6.5,\"iat\":7}"),
            &facts, NULL),
        AIGW_OK);
    assert_string_equal(facts.key_id, "k");
    assert_true(gw_eq(facts.subject, GW_S("c")));
    assert_true(gw_eq(facts.team, GW_S("t")));
    assert_true(gw_eq(facts.scope, GW_S("a b")));
    assert_true(gw_eq(facts.audience, GW_S("x w")));
    assert_true(facts.has_expiry && facts.expires_unix_s == 5 && facts.not_before_unix_s == 7 &&
                facts.issued_unix_s == 7);
    assert_int_equal(gw_jwt_read_claims(arena, GW_S("{\"sub\":\"s\"}"), &facts, NULL), AIGW_OK);
    assert_true(gw_eq(facts.subject, GW_S("s")) && facts.team.len == 0 && facts.team.data);
    assert_true(!facts.has_expiry && facts.not_before_unix_s == -1 && facts.issued_unix_s == -1);
    assert_int_equal(gw_jwt_read_claims(arena, GW_S("{\"sub\":1}"), &facts, NULL), AIGW_E_DENIED);
    assert_int_equal(gw_jwt_read_claims(arena, GW_S("{\"client_id\":[]}"), &facts, NULL),
                     AIGW_E_DENIED);
    assert_int_equal(gw_jwt_read_claims(arena, GW_S("[]"), &facts, NULL), AIGW_E_DENIED);
    gw_arena_free(arena);
}

static void test_peek(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    char *token = mint_input("{}", GW_S("{\"iss\":\"https:\\/\\/i\"}"));
    char *whole = mint_join(token, "x", 1);
    assert_true(gw_eq(gw_jwt_peek_issuer(arena, aigw_slice_of(whole)), GW_S("https://i")));
    free(whole);
    static const char *const payloads[] = {"{\"iss\":5}", "{}", "[]", "x",
                                           "{\"iss\":\"a\",\"iss\":\"b\"}"};
    for (size_t i = 0; i < 5; i++) {
        whole = mint_join(mint_input("{}", aigw_slice_of(payloads[i])), "x", 1);
        assert_int_equal(gw_jwt_peek_issuer(arena, aigw_slice_of(whole)).len, 0);
        free(whole);
    }
    assert_int_equal(gw_jwt_peek_issuer(arena, GW_S("a.b")).len, 0);
    assert_int_equal(gw_jwt_peek_issuer(arena, GW_S("")).len, 0);
    gw_arena_free(arena);
}

static void test_misuse_is_invalid(void **state)
{
    (void)state;
    aigw_policy bad = policy;
    bad.leeway_s = 301;
    assert_int_equal(aigw_jwt_verify(jwks, GW_S("a"), &bad, NOW, NULL, NULL), AIGW_E_INVALID);
    bad.leeway_s = -2;
    assert_int_equal(aigw_jwt_verify(jwks, GW_S("a"), &bad, NOW, NULL, NULL), AIGW_E_INVALID);
    bad = policy;
    bad.max_token_bytes = 16385;
    assert_int_equal(aigw_jwt_verify(jwks, GW_S("a"), &bad, NOW, NULL, NULL), AIGW_E_INVALID);
    bad = policy;
    bad.size = 8;
    assert_int_equal(aigw_jwt_verify(jwks, GW_S("a"), &bad, NOW, NULL, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_jwt_verify(NULL, GW_S("a"), &policy, NOW, NULL, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_jwt_verify(jwks, GW_S("a"), NULL, NOW, NULL, NULL), AIGW_E_INVALID);
}

static void test_each_failing_allocation_is_an_outcome(void **state)
{
    (void)state;
    mint_failing failing;
    char *token =
        mint_token(rsa, "{\"alg\":\"RS256\",\"kid\":\"\\u006b\",\"typ\":\"\\u004aWT\"}",
                   "{\"iss\":\"https:\\/\\/i\",\"exp\":1700003600,\"scope\":[\"gw\\/invoke\"],"
                   "\"aud\":[\"a\"],\"\\u0073ub\":\"\\u0073\"}");
    int code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        aigw_claims *claims = NULL;
        assert_true(n < 1000);
        mint_fail_at(&failing, n);
        code = aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, NOW, &claims, NULL);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        assert_true((code == AIGW_OK) == (claims != NULL));
        aigw_claims_free(claims);
    }
    /* The same with an arena that is full: any cap gives the truth or "no memory". */
    for (size_t cap = 16; cap < 65536; cap += 112) {
        gw_arena *arena = gw_arena_new(cap);
        gw_jwt_facts facts;
        code = gw_jwt_check_signature(jwks, aigw_slice_of(token), 0, arena, &facts, NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        gw_arena_free(arena);
    }
    assert_int_equal(code, AIGW_OK);
    free(token);
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    char *set = mint_set(rsa, ",\"kid\":\"k\",\"alg\":\"RS256\",\"use\":\"sig\"");
    int code = aigw_jwks_parse(aigw_slice_of(set), &jwks, NULL);
    free(set);
    return code;
}

static int teardown(void **state)
{
    (void)state;
    aigw_jwks_free(jwks);
    EVP_PKEY_free(rsa);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_token_passes),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_size_comes_first),
        cmocka_unit_test(test_the_order_of_checks),
        cmocka_unit_test(test_issuer_is_exact),
        cmocka_unit_test(test_expiry_values),
        cmocka_unit_test(test_leeway),
        cmocka_unit_test(test_not_before_and_issued_at),
        cmocka_unit_test(test_scope_by_whole_word),
        cmocka_unit_test(test_audience),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_misuse_is_invalid),
        cmocka_unit_test(test_each_failing_allocation_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
