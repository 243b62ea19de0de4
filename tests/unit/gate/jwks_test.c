/* Key sets: what is taken, what is passed over, what never verifies, what is refused. */
#include "gate/jwks.h"
#include "unit/gate/mint.h"

static EVP_PKEY *rsa;

static int parse(const char *json, aigw_jwks **out)
{
    aigw_error err;
    return aigw_jwks_parse(aigw_slice_of(json), out, &err);
}

static aigw_jwks *set_of(EVP_PKEY *key, const char *extra)
{
    aigw_jwks *jwks = NULL;
    char *json = mint_set(key, extra);
    assert_int_equal(parse(json, &jwks), AIGW_OK);
    free(json);
    return jwks;
}

static void expect_usable(EVP_PKEY *key, const char *extra, bool usable)
{
    aigw_jwks *jwks = set_of(key, extra);
    assert_int_equal(aigw_jwks_count(jwks), 1);
    const gw_jwk *found = gw_jwks_find(jwks, GW_S("k"));
    assert_non_null(found);
    assert_int_equal(found->verify[GW_JWA_RS256] != NULL, usable);
    aigw_jwks_free(jwks);
}

static void test_takes_a_cognito_set(void **state)
{
    (void)state;
    expect_usable(rsa, ",\"kid\":\"k\",\"alg\":\"RS256\",\"use\":\"sig\"", true);
    expect_usable(rsa, ",\"kid\":\"k\"", true);
    expect_usable(rsa, ",\"kid\":\"k\",\"key_ops\":[\"sign\",\"verify\"]", true);
    expect_usable(rsa, ",\"kid\":\"k\",\"x5c\":[1],\"unknown\":{\"a\":[]}", true);
}

static void test_unusable_keys_stay_but_never_verify(void **state)
{
    (void)state;
    expect_usable(rsa, ",\"kid\":\"k\",\"use\":\"enc\"", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"use\":1", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"key_ops\":[\"sign\"]", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"key_ops\":\"verify\"", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"key_ops\":[]", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"alg\":\"RS512\"", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"alg\":\"rs256\"", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"alg\":\"RSA-OAEP-256\"", false);
    expect_usable(rsa, ",\"kid\":\"k\",\"alg\":7", false);
}

static void test_short_rsa_keys_never_verify(void **state)
{
    (void)state;
    unsigned bits[] = {512, 1024, 2040};
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = mint_rsa(bits[i]);
        expect_usable(key, ",\"kid\":\"k\"", false);
        EVP_PKEY_free(key);
    }
}

static void test_bad_numbers_never_verify(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "{\"kty\":\"RSA\",\"kid\":\"k\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"\",\"e\":\"\"}",
        "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":5,\"e\":\"AQAB\"}",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        aigw_jwks *jwks = NULL;
        char *json = mint_set_of(keys[i], NULL);
        assert_int_equal(parse(json, &jwks), AIGW_OK);
        assert_null(gw_jwks_find(jwks, GW_S("k"))->key);
        aigw_jwks_free(jwks);
        free(json);
    }
    /* The modulus is good; the exponents are even, 1, padded base64url, too large. */
    static const char *const exponents[] = {
        "AQAC", "AQ", "Ag", "AQAB=", "AQ AB", "////", "AQAAAAAAAAAAAAAAAQ"};
    char *n = mint_number(rsa, OSSL_PKEY_PARAM_RSA_N);
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
        aigw_jwks *jwks = NULL;
        char json[1024];
        snprintf(json, sizeof json,
                 "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"%s\"}]}", n,
                 exponents[i]);
        assert_int_equal(parse(json, &jwks), AIGW_OK);
        assert_null(gw_jwks_find(jwks, GW_S("k"))->key);
        aigw_jwks_free(jwks);
    }
    free(n);
}

static void test_unknown_types_are_passed_over(void **state)
{
    (void)state;
    aigw_jwks *jwks = NULL;
    char *good = mint_jwk(rsa, ",\"kid\":\"k\"");
    char *json = mint_set_of("{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AAAA\"},{\"kty\":\"new\"},{},"
                             "{\"kty\":\"RSA\",\"kid\":5},{\"kty\":\"RSA\",\"kid\":\"a\\u0000b\"}",
                             good);
    assert_int_equal(parse(json, &jwks), AIGW_OK);
    assert_int_equal(aigw_jwks_count(jwks), 1);
    assert_non_null(gw_jwks_find(jwks, GW_S("k"))->key);
    aigw_jwks_free(jwks);
    free(json);
    free(good);
}

static void test_refuses_what_is_no_set(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[]} x",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[],\"k\\u0065ys\":[]}",
        "{'keys':[]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"RSA\"}]}",
        "{\"keys\":[\"\xff\"]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        aigw_jwks *jwks = (aigw_jwks *)0x1;
        assert_int_equal(parse(texts[i], &jwks), AIGW_E_PARSE);
        assert_ptr_equal(jwks, (aigw_jwks *)0x1);
    }
    aigw_jwks *empty = NULL;
    assert_int_equal(parse("{\"keys\":[]}", &empty), AIGW_OK);
    assert_int_equal(aigw_jwks_count(empty), 0);
    assert_null(gw_jwks_find(empty, GW_S("")));
    aigw_jwks_free(empty);
    assert_int_equal(aigw_jwks_parse((aigw_slice){"{\"keys\":[]}\0", 12}, &empty, NULL),
                     AIGW_E_PARSE);
}

static void test_bounds(void **state)
{
    (void)state;
    gw_buf buf;
    aigw_jwks *jwks = NULL;
    for (int count = 64; count <= 65; count++) {
        gw_buf_init(&buf, MINT_MAX);
        gw_buf_puts(&buf, "{\"keys\":[{\"kty\":\"x\"}");
        for (int i = 1; i < count; i++)
            gw_buf_puts(&buf, ",{\"kty\":\"x\"}");
        gw_buf_puts(&buf, "]}");
        char *json = mint_text(&buf);
        assert_int_equal(parse(json, &jwks), count == 64 ? AIGW_OK : AIGW_E_LIMIT);
        free(json);
    }
    aigw_jwks_free(jwks);
    char *large = malloc(150 * 1024 + 1);
    memset(large, ' ', 150 * 1024 + 1);
    memcpy(large, "{\"keys\":[]}", 11);
    assert_int_equal(aigw_jwks_parse(gw_slice(large, 150 * 1024), &jwks, NULL), AIGW_OK);
    aigw_jwks_free(jwks);
    assert_int_equal(aigw_jwks_parse(gw_slice(large, 150 * 1024 + 1), &jwks, NULL), AIGW_E_LIMIT);
    free(large);
}

static void test_find(void **state)
{
    (void)state;
    aigw_jwks *jwks = NULL;
    char *a = mint_jwk(rsa, ",\"kid\":\"a+/=\""),
         *b = mint_jwk(rsa, ",\"kid\":\"b\",\"use\":\"enc\"");
    char *json = mint_set_of(a, b);
    assert_int_equal(parse(json, &jwks), AIGW_OK);
    assert_string_equal(gw_jwks_find(jwks, GW_S("a+/="))->kid, "a+/=");
    assert_null(gw_jwks_find(jwks, GW_S("a+/")));
    assert_null(gw_jwks_find(jwks, gw_slice("a+/=\0", 5)));
    assert_null(gw_jwks_find(jwks, GW_S("")));
    assert_null(gw_jwks_find(NULL, GW_S("b")));
    aigw_jwks_free(jwks);
    free(json);
    free(b);
    /* Of two with one name the usable one counts, wherever it stands. */
    b = mint_jwk(rsa, ",\"kid\":\"a+/=\",\"use\":\"enc\"");
    json = mint_set_of(b, a);
    assert_int_equal(parse(json, &jwks), AIGW_OK);
    assert_non_null(gw_jwks_find(jwks, GW_S("a+/="))->key);
    aigw_jwks_free(jwks);
    free(json);
    free(a);
    free(b);
}

static void test_generation_and_references(void **state)
{
    (void)state;
    aigw_jwks *one = set_of(rsa, ""), *two = set_of(rsa, "");
    assert_true(gw_jwks_generation(one) != 0);
    assert_true(gw_jwks_generation(one) != gw_jwks_generation(two));
    aigw_jwks *again = gw_jwks_ref(one);
    aigw_jwks_free(one);
    assert_non_null(gw_jwks_find(again, GW_S(""))->key);
    aigw_jwks_free(again);
    aigw_jwks_free(two);
    aigw_jwks_free(NULL);
    assert_int_equal(aigw_jwks_count(NULL), 0);
}

static void test_from_pem(void **state)
{
    (void)state;
    aigw_error err;
    EVP_PKEY *curve = mint_p256(), *weak = mint_rsa(1024);
    char *bad[] = {mint_pem(curve, true), mint_pem(weak, true), strdup("-----BEGIN"), strdup("")};
    for (int i = 0; i < 2; i++) {
        aigw_jwks *jwks = NULL;
        char *pem = mint_pem(rsa, i == 0);
        assert_int_equal(gw_jwks_from_pem(aigw_slice_of(pem), GW_S("k"), &jwks, &err), AIGW_OK);
        assert_non_null(gw_jwks_find(jwks, GW_S("k"))->verify[GW_JWA_RS256]);
        aigw_jwks_free(jwks);
        free(pem);
    }
    for (size_t i = 0; i < 4; i++) {
        aigw_jwks *jwks = NULL;
        assert_int_equal(gw_jwks_from_pem(aigw_slice_of(bad[i]), GW_S("k"), &jwks, &err),
                         AIGW_E_PARSE);
        assert_null(jwks);
        free(bad[i]);
    }
    EVP_PKEY_free(curve);
    EVP_PKEY_free(weak);
}

static void test_each_failing_allocation_is_an_outcome(void **state)
{
    (void)state;
    mint_failing failing;
    char *json = mint_set(rsa, ",\"kid\":\"\\u006b\",\"alg\":\"RS256\"");
    int code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        aigw_jwks *jwks = NULL;
        assert_true(n < 1000);
        mint_fail_at(&failing, n);
        code = parse(json, &jwks);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        assert_true((code == AIGW_OK) == (jwks != NULL));
        if (jwks)
            assert_non_null(gw_jwks_find(jwks, GW_S("k"))->verify[GW_JWA_RS256]);
        aigw_jwks_free(jwks);
    }
    free(json);
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_cognito_set),
        cmocka_unit_test(test_unusable_keys_stay_but_never_verify),
        cmocka_unit_test(test_short_rsa_keys_never_verify),
        cmocka_unit_test(test_bad_numbers_never_verify),
        cmocka_unit_test(test_unknown_types_are_passed_over),
        cmocka_unit_test(test_refuses_what_is_no_set),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_generation_and_references),
        cmocka_unit_test(test_from_pem),
        cmocka_unit_test(test_each_failing_allocation_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
