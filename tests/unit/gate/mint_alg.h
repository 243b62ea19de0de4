/* Keys and signatures of every algorithm, made with the crypto library and not with the code under
 * test. */
#ifndef TESTS_UNIT_GATE_MINT_ALG_H
#define TESTS_UNIT_GATE_MINT_ALG_H

#include "unit/gate/mint.h"
#include <openssl/ecdsa.h>

/* What an algorithm works with, as this test knows it: not the table under test. */
typedef struct mint_alg {
    const char *name, *kind; /* RS, PS, ES, Ed */
    const char *digest;
    const char *curve; /* the crypto library's name; NULL: RSA */
    size_t signature_bytes;
} mint_alg;

static const mint_alg mint_algs[] = {
    {"RS256", "RS", "SHA256", NULL, 256},    {"RS384", "RS", "SHA384", NULL, 256},
    {"RS512", "RS", "SHA512", NULL, 256},    {"PS256", "PS", "SHA256", NULL, 256},
    {"PS384", "PS", "SHA384", NULL, 256},    {"PS512", "PS", "SHA512", NULL, 256},
    {"ES256", "ES", "SHA256", "P-256", 64},  {"ES384", "ES", "SHA384", "P-384", 96},
    {"ES512", "ES", "SHA512", "P-521", 132}, {"EdDSA", "Ed", NULL, "ED25519", 64},
    {"EdDSA", "Ed", NULL, "ED448", 114},
};

#define MINT_ALGS (sizeof mint_algs / sizeof mint_algs[0])

static inline EVP_PKEY *mint_key_for(const mint_alg *alg)
{
    EVP_PKEY *key = !alg->curve                    ? EVP_RSA_gen(2048)
                    : alg->kind[1] == 'd' /* Ed */ ? EVP_PKEY_Q_keygen(NULL, NULL, alg->curve)
                                                   : EVP_EC_gen(alg->curve);
    assert_non_null(key);
    return key;
}

static inline char *mint_coordinate(const EVP_PKEY *key, const char *name, size_t bytes)
{
    BIGNUM *n = NULL;
    unsigned char text[66];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    assert_int_equal(BN_bn2binpad(n, text, (int)bytes), (int)bytes);
    BN_free(n);
    return mint_base64url(text, bytes);
}

/* A JWK of any type; extra is "" or starts with a comma. */
static inline char *mint_jwk_of(const EVP_PKEY *key, const mint_alg *alg, const char *extra)
{
    gw_buf buf;
    if (!alg->curve)
        return mint_jwk(key, extra);
    gw_buf_init(&buf, MINT_MAX);
    if (alg->kind[1] == 'd') {
        unsigned char raw[64];
        size_t len = sizeof raw;
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
        char *x = mint_base64url(raw, len);
        gw_buf_printf(&buf, "{\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"%s}",
                      len == 32 ? "Ed25519" : "Ed448", x, extra);
        free(x);
    } else {
        char *x = mint_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, alg->signature_bytes / 2);
        char *y = mint_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, alg->signature_bytes / 2);
        gw_buf_printf(&buf, "{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                      alg->curve, x, y, extra);
        free(x);
        free(y);
    }
    return mint_text(&buf);
}

/* DER to R || S, each of `bytes`. */
static inline void mint_fixed_width(unsigned char *signature, size_t *len, size_t bytes)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)*len);
    assert_non_null(pair);
    const BIGNUM *r = ECDSA_SIG_get0_r(pair), *s = ECDSA_SIG_get0_s(pair);
    BN_bn2binpad(r, signature, (int)bytes);
    BN_bn2binpad(s, signature + bytes, (int)bytes);
    ECDSA_SIG_free(pair);
    *len = 2 * bytes;
}

/* The signature of a text; a PSS salt of `salt` bytes (RSA_PSS_SALTLEN_DIGEST: as it should be). */
static inline size_t mint_signature(EVP_PKEY *key, const mint_alg *alg, const char *text, int salt,
                                    unsigned char out[1024])
{
    size_t len = 1024;
    EVP_PKEY_CTX *pkey_ctx = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pkey_ctx, alg->digest, NULL, NULL, key, NULL), 1);
    if (strcmp(alg->kind, "PS") == 0) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, salt), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, out, &len, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    if (strcmp(alg->kind, "ES") == 0)
        mint_fixed_width(out, &len, alg->signature_bytes / 2);
    return len;
}

/* A token signed as `alg` says, whatever its header says. */
static inline char *mint_jws(EVP_PKEY *key, const mint_alg *alg, const char *header,
                             aigw_slice payload)
{
    unsigned char signature[1024];
    char *input = mint_input(header, payload);
    size_t len = mint_signature(key, alg, input, RSA_PSS_SALTLEN_DIGEST, signature);
    return mint_join(input, signature, len);
}

#endif
