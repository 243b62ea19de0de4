/* The issuer: its tokens verify with its own key set; each refusal of RFC 6749 clause 5.2. */
#include "base/json.h"
#include "unit/gate/mint.h"
#include <aigw/issuer.h>
#include <aigw/verify.h>
#include <pthread.h>

#define NOW         INT64_C(1700000000)
#define INVOKE      "https://gateway.internal/invoke"
#define ADMIN       "https://gateway.internal/admin"
#define ISSUER      "https://gateway.internal"
#define SECRET      "s3:cr+t &%"
#define SECRET_FORM "s3%3Acr%2Bt+%26%25"

static int64_t fixed_clock(void *user)
{
    (void)user;
    return NOW;
}

static const aigw_host host = {.size = sizeof(aigw_host), .unix_s = fixed_clock};
static const aigw_slice both_scopes[] = {{INVOKE, sizeof INVOKE - 1}, {ADMIN, sizeof ADMIN - 1}};
static const aigw_issuer_client clients[] = {
    {{"team one", 8}, {SECRET, sizeof SECRET - 1}, both_scopes, 2, {"blue", 4}, 0, {"gold", 4}},
    {{"two", 3}, {"t", 1}, both_scopes, 1, {"", 0}, 300, {"", 0}},
    {{"none", 4}, {"n", 1}, NULL, 0, {"", 0}, 0, {"", 0}},
};
static const aigw_issuer_options defaults = {.size = sizeof(aigw_issuer_options),
                                             .issuer = {ISSUER, sizeof ISSUER - 1},
                                             .clients = clients,
                                             .client_count = 3,
                                             .max_failures = -1};
static aigw_issuer *issuer, *compat;

static const char *body_of(const aigw_issuer_answer *answer)
{
    static char text[32768];
    assert_true(answer->body.len < sizeof text);
    memcpy(text, answer->body.data, answer->body.len);
    text[answer->body.len] = '\0';
    return text;
}

static aigw_issuer_answer ask(aigw_issuer *who, const char *authorization, const char *form)
{
    aigw_issuer_answer answer = {0};
    assert_int_equal(
        aigw_issuer_token(who, aigw_slice_of(authorization), aigw_slice_of(form), &answer, NULL),
        AIGW_OK);
    return answer;
}

static char *basic(const char *pair)
{
    static char header[1024];
    int len = snprintf(header, sizeof header, "Basic ");
    EVP_EncodeBlock((unsigned char *)header + len, (const unsigned char *)pair, (int)strlen(pair));
    return header;
}

static void expect_refused(const char *authorization, const char *form, int status,
                           const char *word)
{
    char expected[128];
    snprintf(expected, sizeof expected, "{\"error\":\"%s\"}", word);
    aigw_issuer_answer answer = ask(issuer, authorization, form);
    assert_string_equal(body_of(&answer), expected);
    assert_int_equal(answer.status, status);
    assert_int_equal(answer.www_authenticate != NULL, status == 401);
    if (answer.www_authenticate)
        assert_true(gw_starts(aigw_slice_of(answer.www_authenticate), GW_S("Basic ")));
    aigw_bytes_free(answer.body);
    answer = ask(compat, authorization, form);
    assert_string_equal(body_of(&answer), expected);
    assert_int_equal(answer.status, 400);
    assert_null(answer.www_authenticate);
    aigw_bytes_free(answer.body);
}

/* The access_token of a 200, for free(). */
static char *expect_token(const char *authorization, const char *form, int64_t lifetime_s)
{
    gw_json_doc doc;
    int64_t expires_in = 0;
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_issuer_answer answer = ask(issuer, authorization, form);
    assert_int_equal(answer.status, 200);
    assert_null(answer.www_authenticate);
    assert_int_equal(gw_json_parse(arena, answer.body, NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(gw_json_count(&doc, 0), 3);
    assert_true(gw_json_is(&doc, gw_json_get(&doc, 0, "token_type"), "Bearer"));
    assert_true(gw_json_i64(&doc, gw_json_get(&doc, 0, "expires_in"), &expires_in));
    assert_int_equal(expires_in, lifetime_s);
    aigw_slice token = gw_json_text(arena, &doc, gw_json_get(&doc, 0, "access_token"));
    char *copy = strndup(token.data, token.len);
    aigw_bytes_free(answer.body);
    gw_arena_free(arena);
    return copy;
}

static aigw_claims *claims_of(aigw_issuer *who, const char *token)
{
    aigw_jwks *jwks = NULL;
    aigw_claims *claims = NULL;
    aigw_policy policy = {.size = sizeof policy, .issuer = GW_S(ISSUER), .leeway_s = 0};
    assert_int_equal(aigw_jwks_parse(aigw_issuer_jwks(who), &jwks, NULL), AIGW_OK);
    assert_int_equal(aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, NOW, &claims, NULL),
                     AIGW_OK);
    assert_int_equal(aigw_jwt_verify(jwks, aigw_slice_of(token), &policy,
                                     aigw_claims_expires_unix_s(claims), NULL, NULL),
                     AIGW_E_DENIED);
    aigw_jwks_free(jwks);
    return claims;
}

static void expect_claim(const aigw_claims *claims, const char *name, const char *value)
{
    assert_true(gw_eq(aigw_claims_string(claims, name), aigw_slice_of(value)));
}

static void test_a_cognito_shaped_token(void **state)
{
    (void)state;
    char *token =
        expect_token(basic("team+one:" SECRET_FORM), "grant_type=client_credentials", 3600);
    aigw_claims *claims = claims_of(issuer, token);
    expect_claim(claims, "sub", "team one");
    expect_claim(claims, "client_id", "team one");
    expect_claim(claims, "token_use", "access");
    expect_claim(claims, "scope", INVOKE " " ADMIN);
    expect_claim(claims, "iss", ISSUER);
    expect_claim(claims, "custom:team", "blue");
    expect_claim(claims, "custom:tenant_tier", "gold");
    expect_claim(claims, "aud", "");
    assert_int_equal(aigw_claims_string(claims, "jti").len, 32);
    assert_int_equal(aigw_claims_expires_unix_s(claims), NOW + 3600);
    aigw_slice json = aigw_claims_json(claims);
    assert_non_null(gw_find(json, GW_S("\"auth_time\":1700000000")));
    assert_non_null(gw_find(json, GW_S("\"iat\":1700000000")));
    assert_non_null(gw_find(json, GW_S("\"version\":2")));
    assert_null(gw_find(json, GW_S("\"aud\"")));
    aigw_claims_free(claims);
    free(token);
}

static void test_body_credentials_and_lifetime(void **state)
{
    (void)state;
    char *token =
        expect_token("", "grant_type=client_credentials&client_id=two&client_secret=t", 300);
    char *again =
        expect_token("", "client_secret=t&client_id=two&grant_type=client_credentials&x=y", 300);
    assert_string_not_equal(token, again); /* jti */
    aigw_claims *claims = claims_of(issuer, token);
    expect_claim(claims, "scope", INVOKE);
    expect_claim(claims, "custom:team", "");
    assert_null(gw_find(aigw_claims_json(claims), GW_S("custom:")));
    aigw_claims_free(claims);
    free(token);
    free(again);
    /* Basic and a client_id that agrees. */
    free(expect_token(basic("two:t"), "grant_type=client_credentials&client_id=two", 300));
}

static void test_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *given;
    } rows[] = {
        {"https%3A%2F%2Fgateway.internal%2Fadmin", ADMIN},
        {"https://gateway.internal/admin+https://gateway.internal/invoke", INVOKE " " ADMIN},
        {"https://gateway.internal/invoke%20https://gateway.internal/invoke", INVOKE},
        {"", INVOKE " " ADMIN},
    };
    char form[512];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(form, sizeof form, "grant_type=client_credentials&scope=%s", rows[i].asked);
        char *token = expect_token(basic("team+one:" SECRET_FORM), form, 3600);
        aigw_claims *claims = claims_of(issuer, token);
        expect_claim(claims, "scope", rows[i].given);
        aigw_claims_free(claims);
        free(token);
    }
    char *token = expect_token(basic("none:n"), "grant_type=client_credentials", 3600);
    aigw_claims *claims = claims_of(issuer, token);
    assert_null(gw_find(aigw_claims_json(claims), GW_S("scope")));
    aigw_claims_free(claims);
    free(token);
}

static void test_scope_refusals(void **state)
{
    (void)state;
    static const char *const scopes[] = {
        "x",
        "https://gateway.internal/admin",
        "https://gateway.internal/invoke+x",
        "+",
        "https://gateway.internal/invoke++https://gateway.internal/invoke",
        "https://gateway.internal/invoke+",
        "https://gateway.internal/invok",
        "%22",
    };
    char form[512];
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        snprintf(form, sizeof form, "grant_type=client_credentials&scope=%s", scopes[i]);
        expect_refused(basic("two:t"), form, 400, "invalid_scope");
    }
}

static void test_malformed_requests(void **state)
{
    (void)state;
    const char *good = basic("two:t");
    expect_refused(good, "", 400, "invalid_request");
    expect_refused(good, "grant_type=", 400, "invalid_request");
    expect_refused(good, "scope=x", 400, "invalid_request");
    expect_refused(good, "grant_type=client_credentials&grant_type=client_credentials", 400,
                   "invalid_request");
    expect_refused(good, "grant_type=client_credentials&scope=&scope=x", 400, "invalid_request");
    expect_refused(good, "grant_type=client_credentials&sc%6fpe=x&scope=x", 400, "invalid_request");
    expect_refused(good, "grant_type=client_credentials&x=%zz", 400, "invalid_request");
    expect_refused(good, "{\"grant_type\":\"client_credentials\"}", 400, "invalid_request");
    /* Both ways of authenticating at once, or two names. */
    expect_refused(good, "grant_type=client_credentials&client_id=two&client_secret=t", 400,
                   "invalid_request");
    expect_refused(good, "grant_type=client_credentials&client_secret=t", 400, "invalid_request");
    expect_refused(good, "grant_type=client_credentials&client_id=none", 400, "invalid_request");
}

static void test_other_grants(void **state)
{
    (void)state;
    static const char *const grants[] = {"password", "authorization_code", "refresh_token",
                                         "CLIENT_CREDENTIALS", "client_credentials+"};
    char form[128];
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        snprintf(form, sizeof form, "grant_type=%s", grants[i]);
        expect_refused(basic("two:t"), form, 400, "unsupported_grant_type");
    }
}

static void test_wrong_clients(void **state)
{
    (void)state;
    static const char *const pairs[] = {
        "two:",     "two:T", "two:tt", "who:t", ":", ":t", "two", "", ("team one:" SECRET),
        "two:%74%", "TWO:t", "none:t"};
    static const char *const headers[] = {"Bearer x", "Basic",         "Basic !!", "Basic dHdv",
                                          "x",        "Basic dHdvOnQ", "Basic  "};
    char copy[1024], form[256];
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        strcpy(copy, basic(pairs[i]));
        expect_refused(copy, "grant_type=client_credentials", 401, "invalid_client");
    }
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        expect_refused(headers[i], "grant_type=client_credentials", 401, "invalid_client");
    static const char *const bodies[] = {"",
                                         "&client_id=two",
                                         "&client_secret=t",
                                         "&client_id=two&client_secret=x",
                                         "&client_id=who&client_secret=t",
                                         "&client_id=&client_secret="};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        snprintf(form, sizeof form, "grant_type=client_credentials%s", bodies[i]);
        expect_refused("", form, 400, "invalid_client");
    }
}

static void test_the_published_set(void **state)
{
    (void)state;
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_slice json = aigw_issuer_jwks(issuer);
    assert_int_equal(gw_json_parse(arena, json, NULL, &doc, NULL), AIGW_OK);
    gw_json_ref keys = gw_json_get(&doc, 0, "keys");
    assert_int_equal(gw_json_count(&doc, keys), 1);
    gw_json_ref key = gw_json_at(&doc, keys, 0);
    assert_int_equal(gw_json_count(&doc, key), 6); /* and no private part among them */
    assert_true(gw_json_is(&doc, gw_json_get(&doc, key, "alg"), "RS256"));
    assert_true(gw_json_is(&doc, gw_json_get(&doc, key, "kty"), "RSA"));
    assert_true(gw_json_is(&doc, gw_json_get(&doc, key, "use"), "sig"));
    assert_true(gw_json_is(&doc, gw_json_get(&doc, key, "e"), "AQAB"));
    assert_int_equal(gw_json_inner(&doc, gw_json_get(&doc, key, "n")).len, 342);
    assert_int_equal(gw_json_inner(&doc, gw_json_get(&doc, key, "kid")).len, 43);
    gw_arena_free(arena);
}

/* The key of RFC 7638 clause 3.1 has a known thumbprint, but no private part; so any key, by
 * definition. */
static void test_a_given_key_and_its_thumbprint(void **state)
{
    (void)state;
    EVP_PKEY *rsa = mint_rsa(2048);
    char *pem = mint_pem(rsa, true), *n = mint_number(rsa, OSSL_PKEY_PARAM_RSA_N), text[1024];
    int len = snprintf(text, sizeof text, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%s\"}", n);
    uint8_t hash[32];
    gw_sha256(gw_slice(text, (size_t)len), hash);
    char *kid = mint_base64url(hash, sizeof hash);
    aigw_issuer *own = NULL;
    aigw_slice token;
    aigw_issuer_options options = defaults;
    options.private_key_pem = aigw_slice_of(pem);
    assert_int_equal(aigw_issuer_new(&options, &host, &own, NULL), AIGW_OK);
    assert_non_null(gw_find(aigw_issuer_jwks(own), aigw_slice_of(kid)));
    assert_non_null(gw_find(aigw_issuer_jwks(own), aigw_slice_of(n)));
    assert_int_equal(aigw_issuer_mint(own, GW_S("two"), GW_S(""), &token, NULL), AIGW_OK);
    char *copy = strndup(token.data, token.len);
    aigw_claims_free(claims_of(own, copy));
    free(copy);
    aigw_bytes_free(token);
    aigw_issuer_free(own);
    EVP_PKEY_free(rsa);
    free(pem);
    free(n);
    free(kid);
}

static void test_mint(void **state)
{
    (void)state;
    aigw_error err;
    aigw_slice token = {NULL, 0};
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("who"), GW_S(""), &token, &err), AIGW_E_DENIED);
    assert_string_equal(err.reason, "unknown_client");
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("two"), GW_S(ADMIN), &token, &err),
                     AIGW_E_DENIED);
    assert_string_equal(err.reason, "invalid_scope");
    assert_null(token.data);
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("two"), GW_S(INVOKE), &token, &err), AIGW_OK);
    aigw_bytes_free(token);
}

static void test_two_issuers_have_two_keys(void **state)
{
    (void)state;
    aigw_slice token;
    aigw_jwks *jwks = NULL;
    aigw_error err;
    aigw_policy policy = {.size = sizeof policy, .leeway_s = 0};
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("two"), GW_S(""), &token, NULL), AIGW_OK);
    assert_int_equal(aigw_jwks_parse(aigw_issuer_jwks(compat), &jwks, NULL), AIGW_OK);
    assert_int_equal(aigw_jwt_verify(jwks, token, &policy, NOW, NULL, &err), AIGW_E_DENIED);
    assert_string_equal(err.reason, "unknown_key");
    aigw_jwks_free(jwks);
    aigw_bytes_free(token);
}

static void expect_config_error(const aigw_issuer_options *options, const char *reason)
{
    aigw_error err;
    aigw_issuer *out = NULL;
    assert_int_equal(aigw_issuer_new(options, &host, &out, &err), AIGW_E_CONFIG);
    assert_string_equal(err.reason, reason);
    assert_null(out);
}

static void expect_client_error(aigw_issuer_client client, const char *reason)
{
    aigw_issuer_client list[2] = {clients[1], client};
    aigw_issuer_options options = defaults;
    options.clients = list;
    options.client_count = 2;
    expect_config_error(&options, reason);
}

static void test_refused_options(void **state)
{
    (void)state;
    static const aigw_slice odd[] = {{"a b", 3}};
    aigw_issuer_options options = defaults;
    options.issuer = GW_S("");
    expect_config_error(&options, "bad_issuer");
    EVP_PKEY *weak = mint_rsa(1024), *curve = mint_p256(), *rsa = mint_rsa(2048);
    char *keys[] = {mint_pem(weak, true), mint_pem(curve, true), mint_pem(rsa, false), strdup("x")};
    options = defaults;
    for (size_t i = 0; i < 4; i++) {
        options.private_key_pem = aigw_slice_of(keys[i]);
        expect_config_error(&options, "bad_private_key");
        free(keys[i]);
    }
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(rsa);
    expect_client_error(clients[1], "duplicate_client");
    expect_client_error((aigw_issuer_client){.id = GW_S(""), .secret = GW_S("x")}, "bad_client_id");
    expect_client_error((aigw_issuer_client){.id = GW_S("\xff"), .secret = GW_S("x")},
                        "bad_client_id");
    expect_client_error((aigw_issuer_client){.id = GW_S("a")}, "bad_client_secret");
    expect_client_error(
        (aigw_issuer_client){.id = GW_S("a"), .secret = GW_S("x"), .token_lifetime_s = -1},
        "bad_token_lifetime");
    expect_client_error(
        (aigw_issuer_client){.id = GW_S("a"), .secret = GW_S("x"), .scopes = odd, .scope_count = 1},
        "bad_scope");
    options = defaults;
    options.size = 8;
    aigw_issuer *out = NULL;
    assert_int_equal(aigw_issuer_new(&options, &host, &out, NULL), AIGW_E_INVALID);
    aigw_issuer_free(NULL);
}

static void test_each_failing_allocation_is_an_outcome(void **state)
{
    (void)state;
    mint_failing failing;
    EVP_PKEY *rsa = mint_rsa(2048);
    char *pem = mint_pem(rsa, true), *authorization = basic("two:t");
    aigw_issuer_options options = defaults;
    options.private_key_pem = aigw_slice_of(pem);
    int code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        aigw_issuer *own = NULL;
        assert_true(n < 500);
        mint_fail_at(&failing, n);
        code = aigw_issuer_new(&options, &host, &own, NULL);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        aigw_issuer_free(own);
    }
    code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        aigw_issuer_answer answer = {0};
        assert_true(n < 500);
        mint_fail_at(&failing, n);
        code =
            aigw_issuer_token(issuer, aigw_slice_of(authorization),
                              GW_S("grant_type=client_credentials&scope=" INVOKE), &answer, NULL);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_E_NOMEM || (code == AIGW_OK && answer.status == 200));
        aigw_bytes_free(answer.body);
    }
    EVP_PKEY_free(rsa);
    free(pem);
}

static void *mint_many(void *user)
{
    for (int i = 0; i < 10; i++) {
        aigw_slice token;
        if (aigw_issuer_mint(issuer, GW_S("two"), GW_S(""), &token, NULL) != AIGW_OK)
            return user;
        aigw_bytes_free(token);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, mint_many, &issuer), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static int setup(void **state)
{
    (void)state;
    aigw_issuer_options options = defaults;
    if (aigw_issuer_new(&options, &host, &issuer, NULL) != AIGW_OK)
        return -1;
    options.cognito_compat = true;
    return aigw_issuer_new(&options, &host, &compat, NULL);
}

static int teardown(void **state)
{
    (void)state;
    aigw_issuer_free(issuer);
    aigw_issuer_free(compat);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cognito_shaped_token),
        cmocka_unit_test(test_body_credentials_and_lifetime),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_scope_refusals),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_other_grants),
        cmocka_unit_test(test_wrong_clients),
        cmocka_unit_test(test_the_published_set),
        cmocka_unit_test(test_a_given_key_and_its_thumbprint),
        cmocka_unit_test(test_mint),
        cmocka_unit_test(test_two_issuers_have_two_keys),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_each_failing_allocation_is_an_outcome),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
