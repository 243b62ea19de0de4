/* Keys, key sets and tokens for tests, made with the crypto library and not with the code under
 * test. */
#ifndef TESTS_UNIT_GATE_MINT_H
#define TESTS_UNIT_GATE_MINT_H

#include "base/crypto.h"
#include "base/text.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define MINT_MAX (1 << 20)

static inline EVP_PKEY *mint_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

static inline EVP_PKEY *mint_p256(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

/* A growing text; the result is NUL-terminated and for free(). */
static inline char *mint_text(gw_buf *buf)
{
    assert_false(buf->failed);
    aigw_slice s = gw_buf_slice(buf);
    char *text = malloc(s.len + 1);
    assert_non_null(text);
    if (s.len)
        memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    gw_buf_free(buf);
    return text;
}

static inline char *mint_base64url(const void *data, size_t len)
{
    gw_buf buf;
    gw_buf_init(&buf, 64 * MINT_MAX);
    gw_base64url_encode(&buf, data, len);
    return mint_text(&buf);
}

static inline char *mint_number(const EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    unsigned char bytes[2048];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    int len = BN_bn2bin(n, bytes);
    BN_free(n);
    return mint_base64url(bytes, (size_t)len);
}

/* {"kty":"RSA","n":..,"e":..EXTRA} where extra is "" or starts with a comma. */
static inline char *mint_jwk(const EVP_PKEY *key, const char *extra)
{
    gw_buf buf;
    char *n = mint_number(key, OSSL_PKEY_PARAM_RSA_N), *e = mint_number(key, OSSL_PKEY_PARAM_RSA_E);
    gw_buf_init(&buf, MINT_MAX);
    gw_buf_printf(&buf, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", n, e, extra);
    free(n);
    free(e);
    return mint_text(&buf);
}

static inline char *mint_set_of(const char *a, const char *b)
{
    gw_buf buf;
    gw_buf_init(&buf, MINT_MAX);
    gw_buf_printf(&buf, "{\"keys\":[%s%s%s]}", a, b ? "," : "", b ? b : "");
    return mint_text(&buf);
}

static inline char *mint_set(const EVP_PKEY *key, const char *extra)
{
    char *jwk = mint_jwk(key, extra);
    char *set = mint_set_of(jwk, NULL);
    free(jwk);
    return set;
}

static inline char *mint_pem(EVP_PKEY *key, bool private_part)
{
    BIO *bio = BIO_new(BIO_s_mem());
    gw_buf buf;
    char *text;
    gw_buf_init(&buf, MINT_MAX);
    if (private_part)
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_bio_PUBKEY(bio, key);
    long len = BIO_get_mem_data(bio, &text);
    gw_buf_append(&buf, text, (size_t)len);
    BIO_free(bio);
    return mint_text(&buf);
}

/* "header.payload", encoded. */
static inline char *mint_input(const char *header, aigw_slice payload)
{
    gw_buf buf;
    gw_buf_init(&buf, 64 * MINT_MAX);
    gw_base64url_encode(&buf, header, strlen(header));
    gw_buf_putc(&buf, '.');
    gw_base64url_encode(&buf, payload.data, payload.len);
    return mint_text(&buf);
}

static inline char *mint_join(char *input, const void *signature, size_t len)
{
    gw_buf buf;
    gw_buf_init(&buf, 64 * MINT_MAX);
    gw_buf_puts(&buf, input);
    gw_buf_putc(&buf, '.');
    gw_base64url_encode(&buf, signature, len);
    free(input);
    return mint_text(&buf);
}

/* A token with any header and payload, signed by any key with any digest. */
static inline char *mint_signed(EVP_PKEY *key, const char *digest, const char *header,
                                aigw_slice payload)
{
    char *input = mint_input(header, payload);
    unsigned char signature[2048];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (unsigned char *)input, strlen(input)),
                     1);
    EVP_MD_CTX_free(ctx);
    return mint_join(input, signature, len);
}

static inline char *mint_token(EVP_PKEY *key, const char *header, const char *payload)
{
    return mint_signed(key, "SHA256", header, aigw_slice_of(payload));
}

static inline char *mint_hmac(const char *secret, const char *header, const char *payload)
{
    char *input = mint_input(header, aigw_slice_of(payload));
    unsigned char mac[64];
    unsigned len = sizeof mac;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)input, strlen(input), mac,
         &len);
    return mint_join(input, mac, len);
}

/* The n-th allocation of the library fails; 0: none. */
typedef struct mint_failing {
    long countdown;
} mint_failing;

static inline void *mint_realloc(void *user, void *ptr, size_t bytes)
{
    mint_failing *f = user;
    if (f->countdown > 0 && --f->countdown == 0)
        return NULL;
    return realloc(ptr, bytes);
}

static inline void mint_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static inline void mint_fail_at(mint_failing *f, long n)
{
    aigw_allocator allocator = {mint_realloc, mint_free, f};
    f->countdown = n;
    aigw_set_allocator(&allocator);
}

#endif
