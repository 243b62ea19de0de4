/* Every algorithm: what it accepts, what it must not, the published vectors; and the raw layer's own
 * rules. */
#include "gate/jwt.h"
#include "unit/gate/mint_alg.h"
#include "unit/gate/vectors.h"

#define NOW  1700000000
#define GOOD "{\"iss\":\"i\",\"exp\":1700003600}"

static const aigw_slice all[] = {{"RS256", 5}, {"RS384", 5}, {"RS512", 5}, {"PS256", 5},
                                 {"PS384", 5}, {"PS512", 5}, {"ES256", 5}, {"ES384", 5},
                                 {"ES512", 5}, {"EdDSA", 5}};
static EVP_PKEY *keys[MINT_ALGS];  /* one RSA key for its six rows */
static char *jwks_text[MINT_ALGS]; /* with kid k, no alg */
static aigw_jwks *sets[MINT_ALGS];

static aigw_jwks *parse(const char *text)
{
    aigw_jwks *out = NULL;
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(text), &out, NULL), AIGW_OK);
    return out;
}

/* "" when accepted; else the reason. Static. */
static const char *raw(const aigw_jwks *set, aigw_slice token)
{
    static aigw_error err;
    int code = aigw_jws_verify(set, token, all, 10, NULL, &err);
    if (code == AIGW_OK)
        return "";
    assert_int_equal(code, AIGW_E_DENIED);
    return err.reason;
}

static const char *jwt_by(const aigw_jwks *set, const char *token, const aigw_slice *algorithms,
                          size_t count)
{
    static aigw_error err;
    aigw_policy policy = {.size = sizeof policy,
                          .issuer = {"i", 1},
                          .algorithms = algorithms,
                          .algorithm_count = count};
    int code = aigw_jwt_verify(set, aigw_slice_of(token), &policy, NOW, NULL, &err);
    if (code == AIGW_OK)
        return "";
    assert_int_equal(code, AIGW_E_DENIED);
    return err.reason;
}

/* Both layers say the same of a token with a good payload. */
static void expect(const aigw_jwks *set, char *token, const char *reason, const char *what)
{
    const char *seen = raw(set, aigw_slice_of(token));
    if (strcmp(seen, reason) != 0)
        fail_msg("%s: raw says \"%s\" and not \"%s\"", what, seen, reason);
    seen = jwt_by(set, token, all, 10);
    if (strcmp(seen, reason) != 0)
        fail_msg("%s: JWT says \"%s\" and not \"%s\"", what, seen, reason);
    free(token);
}

static const char *header_of(const char *alg)
{
    static char header[64];
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"k\"}", alg);
    return header;
}

static void test_published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        const vector *v = &vectors[i];
        aigw_jwks *set = parse(v->set);
        aigw_slice alg = aigw_slice_of(v->alg), payload = {NULL, 0};
        aigw_error err = {0};
        int code = aigw_jws_verify(set, aigw_slice_of(v->token), &alg, 1, &payload, &err);
        if (code != AIGW_OK)
            fail_msg("%s: %s", v->name, err.reason);
        assert_true(gw_eq(payload, aigw_slice_of(v->payload)));
        aigw_bytes_free(payload);
        /* One byte of header, payload or signature changed: no more. */
        size_t len = strlen(v->token);
        char *bent = strdup(v->token);
        for (size_t at = 0; at < len; at += 7) {
            bent[at] = v->token[at] == 'A' ? 'B' : 'A';
            if (v->token[at] != '.' && raw(set, gw_slice(bent, len))[0] == '\0')
                fail_msg("%s: byte %zu does not matter", v->name, at);
            bent[at] = v->token[at];
        }
        free(bent);
        aigw_jwks_free(set);
    }
}

static void test_neither_mac_nor_none(void **state)
{
    (void)state;
    aigw_slice names[] = {GW_S("HS256"), GW_S("none")};
    aigw_jwks *set = parse(rfc7515_a1_set);
    assert_int_equal(aigw_jwks_count(set), 0); /* a shared secret is no key here */
    assert_string_equal(raw(set, aigw_slice_of(rfc7515_a1)), "algorithm_not_allowed");
    assert_string_equal(raw(sets[0], aigw_slice_of(rfc7515_a1)), "algorithm_not_allowed");
    assert_string_equal(raw(sets[0], aigw_slice_of(rfc7515_a5)), "algorithm_not_allowed");
    for (size_t i = 0; i < 2; i++) {
        aigw_policy policy = {.size = sizeof policy, .algorithms = &names[i], .algorithm_count = 1};
        assert_int_equal(aigw_jws_verify(set, GW_S("a"), &names[i], 1, NULL, NULL), AIGW_E_INVALID);
        assert_int_equal(aigw_jwt_verify(set, GW_S("a"), &policy, 0, NULL, NULL), AIGW_E_INVALID);
    }
    assert_int_equal(aigw_jws_verify(NULL, GW_S("a"), NULL, 0, NULL, NULL), AIGW_E_INVALID);
    aigw_jwks_free(set);
}

/* Each key with each name: only those that belong together pass, and only when allowed. */
static void test_every_key_with_every_name(void **state)
{
    (void)state;
    for (size_t k = 0; k < MINT_ALGS; k++) {
        for (size_t a = 0; a < MINT_ALGS; a++) {
            const mint_alg *by = &mint_algs[k], *named = &mint_algs[a];
            bool same = strcmp(by->name, named->name) == 0;
            bool fits = same || (!by->curve && !named->curve);
            expect(sets[k], mint_jws(keys[k], by, header_of(named->name), GW_S(GOOD)),
                   same   ? ""
                   : fits ? "bad_signature"
                          : "key_mismatch",
                   named->name);
        }
    }
}

static void test_only_what_is_allowed(void **state)
{
    (void)state;
    for (size_t k = 0; k < MINT_ALGS; k++) {
        char *token = mint_jws(keys[k], &mint_algs[k], header_of(mint_algs[k].name), GW_S(GOOD));
        aigw_slice name = aigw_slice_of(mint_algs[k].name);
        assert_string_equal(jwt_by(sets[k], token, &name, 1), "");
        assert_string_equal(jwt_by(sets[k], token, NULL, 0), k ? "algorithm_not_allowed" : "");
        for (size_t i = 0; i < 10; i++) {
            if (!gw_eq(all[i], name))
                assert_string_equal(jwt_by(sets[k], token, &all[i], 1), "algorithm_not_allowed");
        }
        free(token);
    }
}

/* The key's own alg binds it: an RSA key for RS256 checks nothing of PS256, and so on. */
static void test_the_keys_own_algorithm(void **state)
{
    (void)state;
    char extra[64];
    for (size_t k = 0; k < MINT_ALGS; k++) {
        for (size_t a = 0; a < 10; a++) {
            snprintf(extra, sizeof extra, ",\"kid\":\"k\",\"alg\":\"%s\"", all[a].data);
            char *jwk = mint_jwk_of(keys[k], &mint_algs[k], extra);
            char *text = mint_set_of(jwk, NULL);
            aigw_jwks *set = parse(text);
            expect(set, mint_jws(keys[k], &mint_algs[k], header_of(mint_algs[k].name), GW_S(GOOD)),
                   gw_eq(all[a], aigw_slice_of(mint_algs[k].name)) ? "" : "key_mismatch", extra);
            aigw_jwks_free(set);
            free(text);
            free(jwk);
        }
    }
}

/* Too short, too long, DER, zero, swapped: only R || S of the exact width is a signature. */
static void test_sizes_of_signatures(void **state)
{
    (void)state;
    for (size_t k = 0; k < MINT_ALGS; k++) {
        const mint_alg *alg = &mint_algs[k];
        unsigned char good[1024], bad[1024] = {0};
        char *input = mint_input(header_of(alg->name), GW_S(GOOD));
        size_t len = mint_signature(keys[k], alg, input, RSA_PSS_SALTLEN_DIGEST, good);
        assert_int_equal(len, alg->signature_bytes);
        const size_t sizes[] = {0, 1, len - 1, len + 1, len / 2, 2 * len};
        for (size_t i = 0; i < 6; i++) {
            memset(bad, 0, sizeof bad);
            memcpy(bad, good, sizes[i] < len ? sizes[i] : len);
            expect(sets[k], mint_join(strdup(input), bad, sizes[i]), "bad_signature", alg->name);
        }
        memset(bad, 0, sizeof bad);
        expect(sets[k], mint_join(strdup(input), bad, len), "bad_signature", "zero");
        memset(bad, 0xff, sizeof bad);
        expect(sets[k], mint_join(strdup(input), bad, len), "bad_signature", "ones");
        memcpy(bad, good + len / 2, len - len / 2);
        memcpy(bad + len / 2, good, len / 2);
        expect(sets[k], mint_join(strdup(input), bad, len), "bad_signature", "swapped");
        memcpy(bad + 1, good, len); /* a leading zero: another spelling of the same numbers */
        bad[0] = 0;
        expect(sets[k], mint_join(strdup(input), bad, len + 1), "bad_signature", "leading zero");
        expect(sets[k], mint_join(input, good, len), "", alg->name);
    }
}

static void test_ecdsa_in_der(void **state)
{
    (void)state;
    char *token = mint_signed(keys[6], "SHA256", header_of("ES256"), GW_S(GOOD));
    expect(sets[6], token, "bad_signature", "DER");
}

static void test_salt_as_long_as_the_digest(void **state)
{
    (void)state;
    for (size_t k = 3; k < 6; k++) {
        const int salts[] = {0, 20, RSA_PSS_SALTLEN_MAX};
        for (size_t i = 0; i < 3; i++) {
            unsigned char signature[1024];
            char *input = mint_input(header_of(mint_algs[k].name), GW_S(GOOD));
            size_t len = mint_signature(keys[k], &mint_algs[k], input, salts[i], signature);
            expect(sets[k], mint_join(input, signature, len), "bad_signature", "salt");
        }
    }
}

static void test_a_stranger_of_the_same_type(void **state)
{
    (void)state;
    for (size_t k = 0; k < MINT_ALGS; k++) {
        char header[2048];
        EVP_PKEY *stranger = mint_key_for(&mint_algs[k]);
        char *jwk = mint_jwk_of(stranger, &mint_algs[k], "");
        expect(sets[k], mint_jws(stranger, &mint_algs[k], header_of(mint_algs[k].name), GW_S(GOOD)),
               "bad_signature", "stranger");
        /* It brings its key along. */
        snprintf(header, sizeof header,
                 "{\"alg\":\"%s\",\"kid\":\"k\",\"jwk\":%s,\"jku\":\"https://evil\",\"x5u\":"
                 "\"https://evil\",\"x5c\":[\"AA==\"]}",
                 mint_algs[k].name, jwk);
        expect(sets[k], mint_jws(stranger, &mint_algs[k], header, GW_S(GOOD)), "bad_signature",
               "embedded key");
        expect(sets[k], mint_jws(keys[k], &mint_algs[k], header, GW_S(GOOD)), "", "ignored key");
        free(jwk);
        EVP_PKEY_free(stranger);
    }
}

static void expect_unusable(const char *jwk)
{
    char *text = mint_set_of(jwk, NULL);
    aigw_jwks *set = parse(text);
    assert_int_equal(aigw_jwks_count(set), 1);
    if (gw_jwks_find(set, GW_S("k"))->key)
        fail_msg("usable: %s", jwk);
    aigw_jwks_free(set);
    free(text);
}

#define X256 "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y256 "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC(crv, x, y)                                                                              \
    "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":" crv ",\"x\":\"" x "\",\"y\":\"" y "\"}"

static void test_keys_that_are_none(void **state)
{
    (void)state;
    static const char zero[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    static const char *const bad[] = {
        EC("\"P-256\"", X256, X256), /* not on the curve */
        EC("\"P-384\"", X256, Y256),
        EC("\"P-521\"", X256, Y256),
        EC("\"secp256k1\"", X256, Y256),
        EC("\"p-256\"", X256, Y256),
        EC("\"prime256v1\"", X256, Y256),
        EC("\"P-256\\u0000\"", X256, Y256),
        EC("null", X256, Y256),
        EC("\"P-256\"", X256, ""),
        EC("\"P-256\"", "AIPzjidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF", Y256), /* 33 bytes */
        EC("\"P-256\"", X256 "=", Y256),
        EC("\"Ed25519\"", X256, Y256),
        "{\"kty\":\"EC\",\"kid\":\"k\",\"crv\":\"P-256\",\"x\":\"" X256 "\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"Ed25519\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"X25519\",\"x\":\"" X256 "\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"Ed448\",\"x\":\"" X256 "\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"" X256 "AA\"}",
        "{\"kty\":\"OKP\",\"kid\":\"k\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}",
    };
    char text[512];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_unusable(bad[i]);
    snprintf(text, sizeof text, EC("\"P-256\"", "%s", "%s"), zero, zero);
    expect_unusable(text);
    static const char *const extras[] = {
        ",\"kid\":\"k\",\"use\":\"enc\"",
        ",\"kid\":\"k\",\"key_ops\":[\"sign\"]",
        ",\"kid\":\"k\",\"key_ops\":[\"verify\",\"verify\"]",
        ",\"kid\":\"k\",\"key_ops\":[\"verify\",1]",
        ",\"kid\":\"k\",\"use\":\"sig\",\"key_ops\":[\"verify\",\"encrypt\"]",
        ",\"kid\":\"k\",\"key_ops\":[]",
        ",\"kid\":\"k\",\"key_ops\":\"verify\"",
        ",\"kid\":\"k\",\"alg\":5"};
    for (size_t k = 0; k < MINT_ALGS; k++) {
        for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
            char *jwk = mint_jwk_of(keys[k], &mint_algs[k], extras[i]);
            expect_unusable(jwk);
            free(jwk);
        }
    }
}

/* A set of several keys, with these extras. */
static aigw_jwks *set_of_two(size_t a, const char *extra_a, size_t b, const char *extra_b)
{
    char *one = mint_jwk_of(keys[a], &mint_algs[a], extra_a);
    char *two = mint_jwk_of(keys[b], &mint_algs[b], extra_b);
    char *text = mint_set_of(one, two);
    aigw_jwks *set = parse(text);
    free(text);
    free(two);
    free(one);
    return set;
}

static void test_without_key_id(void **state)
{
    (void)state;
    EVP_PKEY *stranger = mint_key_for(&mint_algs[6]);
    char *foreign = mint_jwk_of(stranger, &mint_algs[6], "");
    char *own = mint_jwk_of(keys[6], &mint_algs[6], "");
    char *text = mint_set_of(foreign, own);
    aigw_jwks *two = parse(text), *mixed = set_of_two(0, "", 6, ",\"kid\":\"x\"");
    char *token = mint_jws(keys[6], &mint_algs[6], "{\"alg\":\"ES256\"}", GW_S(GOOD));
    /* Two keys could be meant: the raw layer tries both, a JWT must say which. */
    assert_string_equal(raw(two, aigw_slice_of(token)), "");
    assert_string_equal(jwt_by(two, token, all, 10), "unknown_key");
    /* Only one of the set is for ES256. */
    expect(mixed, strdup(token), "", "the only key that fits");
    expect(sets[9], strdup(token), "key_mismatch", "no key fits");
    aigw_jwks_free(two);
    aigw_jwks_free(mixed);
    free(text);
    free(token);
    free(own);
    free(foreign);
    EVP_PKEY_free(stranger);
}

/* RFC 7517 clause 4.5: keys of different types may share a kid. */
static void test_one_name_for_two_types(void **state)
{
    (void)state;
    aigw_jwks *set = set_of_two(0, ",\"kid\":\"k\"", 6, ",\"kid\":\"k\"");
    expect(set, mint_jws(keys[6], &mint_algs[6], header_of("ES256"), GW_S(GOOD)), "", "EC");
    expect(set, mint_jws(keys[0], &mint_algs[0], header_of("RS256"), GW_S(GOOD)), "", "RSA");
    expect(set, mint_jws(keys[9], &mint_algs[9], header_of("EdDSA"), GW_S(GOOD)), "key_mismatch",
           "OKP");
    aigw_jwks_free(set);
}

static void test_tries_are_bounded(void **state)
{
    (void)state;
    EVP_PKEY *stranger = mint_key_for(&mint_algs[6]);
    char *foreign = mint_jwk_of(stranger, &mint_algs[6], "");
    char *own = mint_jwk_of(keys[6], &mint_algs[6], "");
    char *token = mint_jws(keys[6], &mint_algs[6], "{\"alg\":\"ES256\"}", GW_S(GOOD));
    for (int before = 9; before <= 10; before++) {
        gw_buf buf;
        gw_buf_init(&buf, MINT_MAX);
        gw_buf_puts(&buf, "{\"keys\":[");
        for (int i = 0; i < before; i++)
            gw_buf_printf(&buf, "%s,", foreign);
        gw_buf_printf(&buf, "%s]}", own);
        char *text = mint_text(&buf);
        aigw_jwks *set = parse(text);
        assert_string_equal(raw(set, aigw_slice_of(token)), before == 9 ? "" : "bad_signature");
        aigw_jwks_free(set);
        free(text);
    }
    free(token);
    free(own);
    free(foreign);
    EVP_PKEY_free(stranger);
}

/* Any bytes are a payload, any typ is fine; what is critical is not. */
static void test_the_raw_layer(void **state)
{
    (void)state;
    static const char bytes[] = {0, 1, (char)0xff, '{', 0};
    aigw_slice payload = {NULL, 0};
    char *token = mint_jws(keys[0], &mint_algs[0], "{\"alg\":\"RS256\",\"typ\":\"JOSE\"}",
                           gw_slice(bytes, sizeof bytes));
    assert_int_equal(aigw_jws_verify(sets[0], aigw_slice_of(token), NULL, 0, &payload, NULL),
                     AIGW_OK);
    assert_true(gw_eq(payload, gw_slice(bytes, sizeof bytes)));
    aigw_bytes_free(payload);
    free(token);
    token = mint_jws(keys[0], &mint_algs[0], "{\"alg\":\"RS256\"}", GW_S(""));
    assert_int_equal(aigw_jws_verify(sets[0], aigw_slice_of(token), NULL, 0, &payload, NULL),
                     AIGW_OK);
    assert_int_equal(payload.len, 0);
    aigw_bytes_free(payload);
    free(token);
    static const struct {
        const char *header, *reason;
    } rows[] = {
        {"{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", "critical_header"},
        {"{\"alg\":\"RS256\",\"crit\":[]}", "critical_header"},
        {"{\"alg\":\"RS256\",\"b64\":false,\"crit\":[\"b64\"]}", "critical_header"},
        {"{\"alg\":\"RS256\",\"b64\":false}", "critical_header"},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", "bad_header"},
        {"{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", "bad_header"},
        {"{\"alg\":\"rs256\"}", "algorithm_not_allowed"},
        {"{\"alg\":\"RS256\"} ", ""},
        {"{\"alg\":\"RS256\"}x", "bad_header"},
        {"[\"RS256\"]", "bad_header"},
        {"{\"alg\":\"RS256\",\"kid\":\"other\"}", "unknown_key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        token = mint_jws(keys[0], &mint_algs[0], rows[i].header, GW_S("x"));
        assert_string_equal(raw(sets[0], aigw_slice_of(token)), rows[i].reason);
        free(token);
    }
    static const char *const shapes[] = {"", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e"};
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(raw(sets[0], aigw_slice_of(shapes[i])),
                            i == 2 ? "bad_header" : "not_three_parts");
}

static void test_other_spellings_of_a_token(void **state)
{
    (void)state;
    static const char *const tails[] = {"=", "==", "\n", " ", "\r\n", "%3d", ".", "A"};
    for (size_t k = 0; k < MINT_ALGS; k++) {
        char *token = mint_jws(keys[k], &mint_algs[k], header_of(mint_algs[k].name), GW_S(GOOD));
        char other[4096];
        for (size_t i = 0; i < 8; i++) {
            snprintf(other, sizeof other, "%s%s", token, tails[i]);
            assert_string_not_equal(raw(sets[k], aigw_slice_of(other)), "");
            snprintf(other, sizeof other, "%s%s", tails[i], token);
            assert_string_not_equal(raw(sets[k], aigw_slice_of(other)), "");
        }
        assert_string_not_equal(raw(sets[k], gw_slice(token, strlen(token) + 1)), ""); /* NUL */
        free(token);
    }
}

static void test_size_of_the_raw_layer(void **state)
{
    (void)state;
    size_t len = 1024 * 1024 + 1;
    char *large = malloc(len);
    memset(large, 'A', len);
    assert_string_equal(raw(sets[0], gw_slice(large, len)), "token_too_large");
    assert_string_equal(raw(sets[0], gw_slice(large, len - 1)), "not_three_parts");
    large[len / 2] = large[len / 2 + 100] = '.';
    assert_string_not_equal(raw(sets[0], gw_slice(large, len - 1)), "");
    free(large);
}

static void test_each_failing_allocation_is_an_outcome(void **state)
{
    (void)state;
    static mint_failing failing; /* stays the allocator until the end */
    const size_t rows[] = {0, 3, 6, 10};
    for (size_t i = 0; i < 4; i++) {
        size_t k = rows[i];
        char *token = mint_jws(keys[k], &mint_algs[k], header_of(mint_algs[k].name), GW_S(GOOD));
        int code = AIGW_E_NOMEM;
        for (long n = 1; code != AIGW_OK; n++) {
            aigw_slice payload = {NULL, 0};
            mint_fail_at(&failing, n);
            code = aigw_jws_verify(sets[k], aigw_slice_of(token), all, 10, &payload, NULL);
            mint_fail_at(&failing, 0);
            assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
            aigw_bytes_free(payload);
        }
        free(token);
    }
    for (size_t i = 0; i < 4; i++) {
        int code = AIGW_E_NOMEM;
        for (long n = 1; code != AIGW_OK; n++) {
            aigw_jwks *set = NULL;
            mint_fail_at(&failing, n);
            code = aigw_jwks_parse(aigw_slice_of(jwks_text[rows[i]]), &set, NULL);
            mint_fail_at(&failing, 0);
            assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
            aigw_jwks_free(set);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < MINT_ALGS; i++) {
        keys[i] = mint_algs[i].curve || i == 0 ? mint_key_for(&mint_algs[i]) : keys[0];
        char *jwk = mint_jwk_of(keys[i], &mint_algs[i], ",\"kid\":\"k\"");
        jwks_text[i] = mint_set_of(jwk, NULL);
        sets[i] = parse(jwks_text[i]);
        free(jwk);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < MINT_ALGS; i++) {
        if (mint_algs[i].curve || i == 0)
            EVP_PKEY_free(keys[i]);
        free(jwks_text[i]);
        aigw_jwks_free(sets[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_neither_mac_nor_none),
        cmocka_unit_test(test_every_key_with_every_name),
        cmocka_unit_test(test_only_what_is_allowed),
        cmocka_unit_test(test_the_keys_own_algorithm),
        cmocka_unit_test(test_sizes_of_signatures),
        cmocka_unit_test(test_ecdsa_in_der),
        cmocka_unit_test(test_salt_as_long_as_the_digest),
        cmocka_unit_test(test_a_stranger_of_the_same_type),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_without_key_id),
        cmocka_unit_test(test_one_name_for_two_types),
        cmocka_unit_test(test_tries_are_bounded),
        cmocka_unit_test(test_the_raw_layer),
        cmocka_unit_test(test_other_spellings_of_a_token),
        cmocka_unit_test(test_size_of_the_raw_layer),
        cmocka_unit_test(test_each_failing_allocation_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
