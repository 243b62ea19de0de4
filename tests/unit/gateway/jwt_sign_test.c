/* Signing with libjwt: what comes out verifies here and with the bare crypto library, or nothing
 * comes. */
#include "gate/jwt.h"
#include "gateway/jwt_sign.h"
#include "unit/gate/mint.h"

#define CLAIMS                                                                                     \
    "{\"iss\":\"i\",\"exp\":1700003600,\"scope\":\"a "                                             \
    "b\",\"n\":9007199254740991,\"u\":\"\xc3\xa9\\\"\"}"

static EVP_PKEY *rsa, *stranger;
static char *pem, *stranger_pem;

static int sign(const char *key, const char *kid, const char *claims, gw_buf *out)
{
    gw_buf_init(out, 65536);
    return gw_jwt_sign(aigw_slice_of(key), aigw_slice_of(kid), aigw_slice_of(claims), out, NULL);
}

/* Checks the signature without any of our verifier. */
static bool openssl_accepts(EVP_PKEY *key, aigw_slice token)
{
    size_t len = token.len;
    while (token.data[len - 1] != '.')
        len--;
    uint8_t signature[1024];
    ptrdiff_t n = gw_base64url_decode(gw_skip(token, len), signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = n > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature, (size_t)n, (const unsigned char *)token.data,
                                 len - 1) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static void test_signs_and_verifies(void **state)
{
    (void)state;
    gw_buf out;
    gw_jwt_facts facts;
    gw_arena *arena = gw_arena_new(1 << 20);
    char *set = mint_set(rsa, ",\"kid\":\"k+/=\"");
    aigw_jwks *jwks = NULL;
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(set), &jwks, NULL), AIGW_OK);
    assert_int_equal(sign(pem, "k+/=", CLAIMS, &out), AIGW_OK);
    assert_true(openssl_accepts(rsa, gw_buf_slice(&out)));
    assert_false(openssl_accepts(stranger, gw_buf_slice(&out)));
    assert_int_equal(gw_jwt_check_signature(jwks, gw_buf_slice(&out), 0, arena, &facts, NULL),
                     AIGW_OK);
    assert_string_equal(facts.key_id, "k+/=");
    assert_true(gw_eq(facts.scope, GW_S("a b")));
    assert_int_equal(facts.expires_unix_s, 1700003600);
    assert_non_null(gw_find(facts.claims, GW_S("9007199254740991")));
    assert_non_null(gw_find(facts.claims, GW_S("\xc3\xa9\\\"")));
    gw_buf_free(&out);
    /* Without kid. */
    assert_int_equal(sign(pem, "", CLAIMS, &out), AIGW_OK);
    assert_int_equal(gw_jwt_check_signature(jwks, gw_buf_slice(&out), 0, arena, &facts, NULL),
                     AIGW_OK);
    gw_buf_free(&out);
    aigw_jwks_free(jwks);
    gw_arena_free(arena);
    free(set);
}

static void test_the_header(void **state)
{
    (void)state;
    gw_buf out;
    uint8_t header[512];
    assert_int_equal(sign(pem, "k", CLAIMS, &out), AIGW_OK);
    aigw_slice rest = gw_buf_slice(&out);
    ptrdiff_t len = gw_base64url_decode(gw_cut(&rest, '.'), header);
    aigw_slice text = gw_slice((char *)header, (size_t)len);
    assert_non_null(gw_find(text, GW_S("\"alg\":\"RS256\"")));
    assert_non_null(gw_find(text, GW_S("\"typ\":\"JWT\"")));
    assert_non_null(gw_find(text, GW_S("\"kid\":\"k\"")));
    gw_buf_free(&out);
}

static void test_refuses(void **state)
{
    (void)state;
    gw_buf out;
    EVP_PKEY *weak = mint_rsa(1024), *curve = mint_p256();
    char *keys[] = {mint_pem(weak, true), mint_pem(curve, true), mint_pem(rsa, false), strdup("x"),
                    strdup("")};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(sign(keys[i], "k", CLAIMS, &out), AIGW_E_INVALID);
        assert_int_equal(gw_buf_len(&out), 0);
        gw_buf_free(&out);
        free(keys[i]);
    }
    static const char *const claims[] = {
        "", "[]", "x", "5", "{\"a\":1,\"a\":2}x", "{\"exp\":\"x\"}"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(sign(pem, "k", claims[i], &out), AIGW_E_INVALID);
        assert_int_equal(gw_buf_len(&out), 0);
        gw_buf_free(&out);
    }
    gw_buf_init(&out, 65536);
    assert_int_equal(gw_jwt_sign(aigw_slice_of(pem), GW_S("k"), GW_S("{}\0{}"), &out, NULL),
                     AIGW_E_INVALID);
    gw_buf_free(&out);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
}

/* The set says one key, the PEM is another: the self-check keeps the token back. */
static void test_self_check(void **state)
{
    (void)state;
    aigw_error err;
    gw_buf out;
    aigw_jwks *other = NULL;
    assert_int_equal(gw_jwks_from_pem(aigw_slice_of(stranger_pem), GW_S("k"), &other, NULL),
                     AIGW_OK);
    gw_buf_init(&out, 65536);
    assert_int_equal(
        gw_jwt_sign_for(other, aigw_slice_of(pem), GW_S("k"), GW_S(CLAIMS), &out, &err),
        AIGW_E_INVALID);
    assert_string_equal(err.reason, "self_check");
    assert_int_equal(gw_buf_len(&out), 0);
    assert_int_equal(
        gw_jwt_sign_for(other, aigw_slice_of(stranger_pem), GW_S("l"), GW_S(CLAIMS), &out, &err),
        AIGW_E_INVALID);
    assert_int_equal(
        gw_jwt_sign_for(other, aigw_slice_of(stranger_pem), GW_S("k"), GW_S(CLAIMS), &out, &err),
        AIGW_OK);
    gw_buf_free(&out);
    aigw_jwks_free(other);
}

static void test_full_buffer_and_failing_allocations(void **state)
{
    (void)state;
    gw_buf out;
    gw_buf_init(&out, 16);
    assert_int_equal(gw_jwt_sign(aigw_slice_of(pem), GW_S("k"), GW_S(CLAIMS), &out, NULL),
                     AIGW_E_NOMEM);
    gw_buf_free(&out);
    mint_failing failing;
    int code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        assert_true(n < 200);
        gw_buf_init(&out, 65536);
        mint_fail_at(&failing, n);
        code = gw_jwt_sign(aigw_slice_of(pem), GW_S("k"), GW_S(CLAIMS), &out, NULL);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        gw_buf_free(&out);
    }
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    stranger = mint_rsa(2048);
    pem = mint_pem(rsa, true);
    stranger_pem = mint_pem(stranger, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(stranger);
    free(pem);
    free(stranger_pem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_and_verifies),
        cmocka_unit_test(test_the_header),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_self_check),
        cmocka_unit_test(test_full_buffer_and_failing_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
