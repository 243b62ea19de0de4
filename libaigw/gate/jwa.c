/* The signature algorithms: builds keys and checks signatures with the crypto library.
 * Knows nothing of JSON, tokens or policy. */
#include "gate/jwa.h"
#include <aigw/error.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define MIN_RSA_BITS      2048
#define MAX_RSA_BITS      8192
#define MAX_EXPONENT_BITS 64

const gw_jwa gw_jwa_table[GW_JWA_COUNT] = {
    [GW_JWA_RS256] = {"RS256", "RSA", "SHA2-256", gw_sha256, GW_SHA256_BYTES, RSA_PKCS1_PADDING},
};

/* RFC 7518 clause 3.3 asks for 2048 bits; the rest keeps out keys that verify too much. */
static bool rsa_numbers_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);
    return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && BN_is_odd(n) && BN_is_odd(e) &&
           !BN_is_one(e) && BN_num_bits(e) <= MAX_EXPONENT_BITS;
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (ctx && builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(builder);
    if (!params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *gw_jwa_rsa_key(aigw_slice n, aigw_slice e)
{
    /* Leading zeros aside, so that the length alone bounds the work. */
    if (n.len > MAX_RSA_BITS / 8 + 1 || e.len > MAX_EXPONENT_BITS / 8 + 1)
        return NULL;
    EVP_PKEY *key = NULL;
    ERR_set_mark();
    BIGNUM *n_number = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
    BIGNUM *e_number = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
    if (n_number && e_number && rsa_numbers_sound(n_number, e_number))
        key = rsa_from_numbers(n_number, e_number);
    BN_free(n_number);
    BN_free(e_number);
    ERR_pop_to_mark();
    return key;
}

static int no_passphrase(char *text, int size, int writing, void *user)
{
    (void)text, (void)size, (void)writing, (void)user;
    return -1;
}

static EVP_PKEY *read_pem(aigw_slice pem, bool private_part)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = NULL;
    if (bio && private_part)
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    else if (bio)
        key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    return key;
}

EVP_PKEY *gw_jwa_pem_key(aigw_slice pem)
{
    if (pem.len == 0 || pem.len > 64 * 1024)
        return NULL;
    EVP_PKEY *public_key = NULL;
    BIGNUM *n = NULL, *e = NULL;
    ERR_set_mark();
    EVP_PKEY *key = read_pem(pem, true);
    if (!key)
        key = read_pem(pem, false);
    if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) && rsa_numbers_sound(n, e))
        public_key = rsa_from_numbers(n, e);
    BN_free(n);
    BN_free(e);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return public_key;
}

void gw_jwa_key_free(EVP_PKEY *key)
{
    EVP_PKEY_free(key);
}

EVP_PKEY_CTX *gw_jwa_prepare(const gw_jwa *row, EVP_PKEY *key)
{
    ERR_set_mark();
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD *digest = EVP_MD_fetch(NULL, row->digest, NULL);
    if (digest && EVP_PKEY_is_a(key, row->kty))
        ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx &&
        (EVP_PKEY_verify_init(ctx) <= 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, row->padding) <= 0 ||
         EVP_PKEY_CTX_set_signature_md(ctx, digest) <= 0)) {
        EVP_PKEY_CTX_free(ctx);
        ctx = NULL;
    }
    EVP_MD_free(digest);
    ERR_pop_to_mark();
    return ctx;
}

void gw_jwa_prepared_free(EVP_PKEY_CTX *prepared)
{
    EVP_PKEY_CTX_free(prepared);
}

int gw_jwa_verify(const gw_jwa *row, const EVP_PKEY_CTX *prepared, aigw_slice signed_text,
                  aigw_slice signature)
{
    uint8_t hash[GW_JWA_MAX_HASH_BYTES];
    row->hash(signed_text, hash);
    ERR_set_mark();
    /* A duplicate skips all lookups by name; a context itself serves one thread at a time. */
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(prepared);
    int result = AIGW_E_NOMEM;
    if (ctx) {
        int good = EVP_PKEY_verify(ctx, (const unsigned char *)signature.data, signature.len, hash,
                                   row->hash_bytes);
        result = good == 1 ? AIGW_OK : AIGW_E_DENIED;
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_pop_to_mark();
    return result;
}
