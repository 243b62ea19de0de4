/* Forged and twisted tokens that lenient verifiers accept, each refused; and the vector of RFC
 * 7515. */
#include "gate/jwt.h"
#include "unit/gate/mint.h"
#include <pthread.h>

#define NOW    1700000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k\"}"
#define GOOD   "{\"iss\":\"i\",\"exp\":1700003600}"

static EVP_PKEY *rsa, *stranger;
static aigw_jwks *jwks;
static const aigw_policy policy = {.size = sizeof(aigw_policy), .issuer = {"i", 1}, .leeway_s = 0};

static const char *verdict_of(const aigw_jwks *set, const char *token, size_t len)
{
    static aigw_error err;
    int code = aigw_jwt_verify(set, gw_slice(token, len), &policy, NOW, NULL, &err);
    if (code == AIGW_OK)
        return "";
    assert_int_equal(code, AIGW_E_DENIED);
    return err.reason;
}

static void expect_token(char *token, const char *reason)
{
    assert_string_equal(verdict_of(jwks, token, strlen(token)), reason);
    free(token);
}

/* With a sound signature: only the header or the payload is at fault. */
static void expect(const char *header, const char *payload, const char *reason)
{
    expect_token(mint_token(rsa, header, payload), reason);
}

static aigw_jwks *parse_and_free(char *set)
{
    aigw_jwks *out = NULL;
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(set), &out, NULL), AIGW_OK);
    free(set);
    return out;
}

static void test_the_good_one_passes(void **state)
{
    (void)state;
    expect(HEADER, GOOD, "");
}

static void test_hmac_keyed_with_the_public_key(void **state)
{
    (void)state;
    char *pem = mint_pem(rsa, false);
    char *n = mint_number(rsa, OSSL_PKEY_PARAM_RSA_N);
    expect_token(mint_hmac(pem, "{\"alg\":\"HS256\",\"kid\":\"k\"}", GOOD),
                 "algorithm_not_allowed");
    expect_token(mint_hmac(n, "{\"alg\":\"HS256\",\"kid\":\"k\"}", GOOD), "algorithm_not_allowed");
    expect_token(mint_hmac(pem, HEADER, GOOD), "bad_signature");
    expect_token(mint_hmac("", HEADER, GOOD), "bad_signature");
    free(pem);
    free(n);
}

static void test_no_algorithm(void **state)
{
    (void)state;
    static const char *const names[] = {"none",  "None",  "NONE",  "nOnE",  "",
                                        "HS256", "RS512", "RS384", "rs256", "RS256 ",
                                        "Rs256", "PS256", "ES256", "EdDSA", "RS256\\u0000"};
    char header[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k\"}", names[i]);
        expect(header, GOOD, "algorithm_not_allowed");
        expect_token(mint_join(mint_input(header, GW_S(GOOD)), "", 0), "algorithm_not_allowed");
    }
    expect_token(mint_join(mint_input(HEADER, GW_S(GOOD)), "", 0), "bad_signature");
    expect("{\"kid\":\"k\"}", GOOD, "bad_header");
    expect("{\"alg\":null,\"kid\":\"k\"}", GOOD, "bad_header");
    expect("{\"alg\":[\"RS256\"],\"kid\":\"k\"}", GOOD, "bad_header");
    /* Spelled with an escape it is the same string. */
    expect("{\"alg\":\"RS\\u0032\\u003556\",\"kid\":\"k\"}", GOOD, "algorithm_not_allowed");
    expect("{\"alg\":\"\\u0052S256\",\"kid\":\"k\"}", GOOD, "");
}

static void test_another_digest_under_the_same_name(void **state)
{
    (void)state;
    expect_token(mint_signed(rsa, "SHA512", HEADER, GW_S(GOOD)), "bad_signature");
    expect_token(mint_signed(rsa, "SHA1", HEADER, GW_S(GOOD)), "bad_signature");
    expect_token(mint_signed(rsa, "SHA512", "{\"alg\":\"RS512\",\"kid\":\"k\"}", GW_S(GOOD)),
                 "algorithm_not_allowed");
}

static void test_extensions_are_not_understood(void **state)
{
    (void)state;
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":[\"x\"],\"x\":1}", GOOD, "critical_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":[]}", GOOD, "critical_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"cr\\u0069t\":[\"exp\"]}", GOOD, "critical_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":false}", GOOD, "critical_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":false,\"crit\":[\"b64\"]}", GOOD,
           "critical_header");
}

static void test_two_readers_two_meanings(void **state)
{
    (void)state;
    expect("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"k\"}", GOOD, "bad_header");
    expect("{\"alg\":\"RS256\",\"\\u0061lg\":\"none\",\"kid\":\"k\"}", GOOD, "bad_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\",\"kid\":\"k\"}", GOOD, "bad_header");
    expect(HEADER, "{\"iss\":\"i\",\"iss\":\"i\",\"exp\":1700003600}", "bad_claims");
    expect(HEADER, "{\"iss\":\"i\",\"exp\":1,\"e\\u0078p\":1700003600}", "bad_claims");
    expect(HEADER, "{\"iss\":\"i\",\"exp\":1700003600,\"a\":{\"b\":1,\"b\":2}}", "bad_claims");
}

static void test_no_sound_json(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{'iss':'i','exp':1700003600}",
        "{\"iss\":\"i\",\"exp\":NaN}",
        "{\"iss\":\"i\",\"exp\":1700003600,}",
        "{\"iss\":\"i\",\"exp\":1700003600} x",
        "{\"iss\":\"i\",\"exp\":01700003600}",
        "",
        "{\"iss\":\"i\",\"exp\":1700003600}{}",
        "\xef\xbb\xbf{\"iss\":\"i\",\"exp\":1700003600}",
        "{\"iss\":\"i\\ud800\",\"exp\":1700003600}",
        "{\"iss\":\"i\",\"exp\":1700003600,\"a\":\"\xc0\x80\"}",
        "[{\"iss\":\"i\",\"exp\":1700003600}]",
        "\"x\"",
        "null",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(HEADER, bad[i], "bad_claims");
    expect_token(mint_signed(rsa, "SHA256", HEADER, GW_S(GOOD "\0{\"exp\":9}")), "bad_claims");
    expect_token(mint_signed(rsa, "SHA256", HEADER, GW_S(GOOD "\0")), "bad_claims");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\"} ", GOOD, "");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\"}x", GOOD, "bad_header");
    expect("[]", GOOD, "bad_header");
}

static void test_depth(void **state)
{
    (void)state;
    char payload[256];
    for (int depth = 15; depth <= 40; depth += 25) {
        size_t len =
            (size_t)snprintf(payload, sizeof payload, "{\"iss\":\"i\",\"exp\":1700003600,\"a\":");
        memset(payload + len, '[', (size_t)depth);
        memset(payload + len + depth, ']', (size_t)depth);
        memcpy(payload + len + 2 * depth, "}", 2);
        expect(HEADER, payload, depth == 15 ? "" : "bad_claims");
    }
}

/* One token has one spelling, or caches and deny lists are blind. */
static void test_other_spellings(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *token = mint_token(rsa, HEADER, GOOD);
    size_t len = strlen(token);
    char *twisted = malloc(len + 8);
    static const char *const tails[] = {"=", "==", "\n", " ", "A", "\t", "."};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        memcpy(twisted, token, len);
        strcpy(twisted + len, tails[i]);
        assert_string_not_equal(verdict_of(jwks, twisted, strlen(twisted)), "");
    }
    memcpy(twisted, token, len + 1);
    assert_string_not_equal(verdict_of(jwks, twisted, len + 1), ""); /* its NUL included */
    /* 256 bytes leave four bits over in the last digit: all other values of them. */
    size_t last = (size_t)(strchr(alphabet, token[len - 1]) - alphabet);
    assert_int_equal(last % 16, 0);
    for (size_t bits = 1; bits < 16; bits++) {
        twisted[len - 1] = alphabet[last + bits];
        assert_string_equal(verdict_of(jwks, twisted, len), "bad_base64");
    }
    /* The other alphabet: one of - and _ is in nearly every signature; look in both parts. */
    memcpy(twisted, token, len + 1);
    for (size_t i = 0; i < len; i++)
        twisted[i] = token[i] == '-' ? '+' : token[i] == '_' ? '/' : token[i];
    if (memcmp(twisted, token, len) != 0)
        assert_string_equal(verdict_of(jwks, twisted, len), "bad_base64");
    free(twisted);
    free(token);
}

static void test_every_flipped_character_is_seen(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER, GOOD);
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_string_not_equal(verdict_of(jwks, token, len), "");
        token[i] = kept;
    }
    for (size_t i = 0; i < len; i++)
        assert_string_not_equal(verdict_of(jwks, token, i), "");
    assert_string_equal(verdict_of(jwks, token, len), "");
    free(token);
}

static void test_a_stranger_signs(void **state)
{
    (void)state;
    expect_token(mint_token(stranger, HEADER, GOOD), "bad_signature");
    /* It brings its own key, or says where one is. */
    char *jwk = mint_jwk(stranger, ",\"kid\":\"k\"");
    char header[2048];
    snprintf(header, sizeof header,
             "{\"alg\":\"RS256\",\"kid\":\"k\",\"jwk\":%s,\"jku\":\"http://127.0.0.1/\","
             "\"x5u\":\"http://127.0.0.1/\",\"x5c\":[\"MIIB\"]}",
             jwk);
    expect_token(mint_token(stranger, header, GOOD), "bad_signature");
    expect_token(mint_token(rsa, header, GOOD), "");
    free(jwk);
}

static void test_a_key_of_another_type(void **state)
{
    (void)state;
    EVP_PKEY *curve = mint_p256();
    expect_token(mint_token(curve, HEADER, GOOD), "bad_signature");
    expect_token(mint_token(curve, "{\"alg\":\"ES256\",\"kid\":\"k\"}", GOOD),
                 "algorithm_not_allowed");
    EVP_PKEY_free(curve);
    /* The set says that the key is for something else. */
    static const char *const extras[] = {",\"kid\":\"k\",\"alg\":\"RS512\"",
                                         ",\"kid\":\"k\",\"use\":\"enc\"",
                                         ",\"kid\":\"k\",\"key_ops\":[\"encrypt\"]"};
    for (size_t i = 0; i < 3; i++) {
        aigw_jwks *set = parse_and_free(mint_set(rsa, extras[i]));
        char *token = mint_token(rsa, HEADER, GOOD);
        assert_string_equal(verdict_of(set, token, strlen(token)), "key_mismatch");
        free(token);
        aigw_jwks_free(set);
    }
}

static void test_short_keys(void **state)
{
    (void)state;
    unsigned bits[] = {512, 1024};
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *key = mint_rsa(bits[i]);
        aigw_jwks *set = parse_and_free(mint_set(key, ",\"kid\":\"k\""));
        char *token = mint_token(key, HEADER, GOOD);
        assert_string_equal(verdict_of(set, token, strlen(token)), "key_mismatch");
        free(token);
        aigw_jwks_free(set);
        EVP_PKEY_free(key);
    }
}

static void test_without_key_id(void **state)
{
    (void)state;
    static const char *const headers[] = {"{\"alg\":\"RS256\"}",
                                          "{\"alg\":\"RS256\",\"kid\":\"\"}"};
    char *a = mint_jwk(rsa, ",\"kid\":\"k\""), *b = mint_jwk(stranger, ",\"kid\":\"l\"");
    aigw_jwks *two = parse_and_free(mint_set_of(a, b));
    for (size_t i = 0; i < 2; i++) {
        char *token = mint_token(rsa, headers[i], GOOD);
        assert_string_equal(verdict_of(jwks, token, strlen(token)), "");
        assert_string_equal(verdict_of(two, token, strlen(token)), "unknown_key");
        free(token);
    }
    /* Named after one key, signed by the other. */
    char *token = mint_token(stranger, HEADER, GOOD);
    assert_string_equal(verdict_of(two, token, strlen(token)), "bad_signature");
    free(token);
    aigw_jwks_free(two);
    free(a);
    free(b);
}

static void test_odd_key_ids(void **state)
{
    (void)state;
    char header[1024], kid[600];
    expect("{\"alg\":\"RS256\",\"kid\":5}", GOOD, "bad_header");
    expect("{\"alg\":\"RS256\",\"kid\":null}", GOOD, "bad_header");
    expect("{\"alg\":\"RS256\",\"kid\":\"k\\u0000\"}", GOOD, "unknown_key");
    expect("{\"alg\":\"RS256\",\"kid\":\"K\"}", GOOD, "unknown_key");
    expect("{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", GOOD, "unknown_key");
    memset(kid, 'k', sizeof kid - 1);
    kid[sizeof kid - 1] = '\0';
    snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    expect(header, GOOD, "unknown_key");
}

static void test_a_header_of_nine_megabytes(void **state)
{
    (void)state;
    size_t len = 9u << 20;
    char *header = malloc(len + 64);
    int start = snprintf(header, 64, "{\"alg\":\"RS256\",\"kid\":\"k\",\"x\":\"");
    memset(header + start, 'x', len);
    strcpy(header + start + len, "\"}");
    expect(header, GOOD, "token_too_large");
    free(header);
}

/* RFC 7515 appendix A.2, verbatim; RFC 7519 makes its payload a claims set. */
static void test_rfc7515_a2(void **state)
{
    (void)state;
    static const char set[] = "{\"keys\":[{\"kty\":\"RSA\",\"n\":"
                              "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"
                              "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
                              "YpRPEwOWvG6b32690r2jZ47soMZo9wGz"
                              "jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
                              "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3"
                              "qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
                              "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp"
                              "oQ\",\"e\":\"AQAB\"}]}";
    static const char token[] =
        "eyJhbGciOiJSUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
        "bS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
        "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4"
        "Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
        "nZLgrnbyTyWzO75vRK5h6xB"
        "ArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
        "eOkHWEsqtFZESc6BfI7noOPqvhJ1"
        "phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    aigw_jwks *key = parse_and_free(strdup(set));
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_jwt_facts facts;
    assert_int_equal(gw_jwt_check_signature(key, aigw_slice_of(token), 0, arena, &facts, NULL),
                     AIGW_OK);
    assert_true(gw_eq(facts.issuer, GW_S("joe")));
    assert_int_equal(facts.expires_unix_s, 1300819380);
    assert_string_equal(facts.key_id, "");
    assert_true(gw_starts(facts.claims, GW_S("{\"iss\":\"joe\",\r\n \"exp\"")));
    gw_arena_free(arena);
    aigw_jwks_free(key);
}

static void *verify_many(void *token)
{
    for (int i = 0; i < 50; i++) {
        aigw_error err;
        aigw_jwks *own = gw_jwks_ref(jwks);
        int code = aigw_jwt_verify(own, aigw_slice_of(token), &policy, NOW, NULL, &err);
        aigw_jwks_free(own);
        if (code != AIGW_OK)
            return token;
    }
    return NULL;
}

static void test_eight_threads_share_a_key(void **state)
{
    (void)state;
    pthread_t threads[8];
    char *token = mint_token(rsa, HEADER, GOOD);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, token), 0);
    for (int i = 0; i < 8; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    free(token);
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    stranger = mint_rsa(2048);
    jwks = parse_and_free(mint_set(rsa, ",\"kid\":\"k\""));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aigw_jwks_free(jwks);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(stranger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_good_one_passes),
        cmocka_unit_test(test_hmac_keyed_with_the_public_key),
        cmocka_unit_test(test_no_algorithm),
        cmocka_unit_test(test_another_digest_under_the_same_name),
        cmocka_unit_test(test_extensions_are_not_understood),
        cmocka_unit_test(test_two_readers_two_meanings),
        cmocka_unit_test(test_no_sound_json),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_every_flipped_character_is_seen),
        cmocka_unit_test(test_a_stranger_signs),
        cmocka_unit_test(test_a_key_of_another_type),
        cmocka_unit_test(test_short_keys),
        cmocka_unit_test(test_without_key_id),
        cmocka_unit_test(test_odd_key_ids),
        cmocka_unit_test(test_a_header_of_nine_megabytes),
        cmocka_unit_test(test_rfc7515_a2),
        cmocka_unit_test(test_eight_threads_share_a_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
