/* The signature algorithms: builds keys and checks signatures with the crypto library.
 * Knows nothing of JSON, tokens or policy. */
#include "gate/jwa.h"
#include "base/text.h"
#include <aigw/error.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#define MIN_RSA_BITS      2048
#define MAX_RSA_BITS      8192
#define MAX_EXPONENT_BITS 64

static void sha384(aigw_slice data, uint8_t *out)
{
    SHA384((const unsigned char *)data.data, data.len, out);
}

static void sha512(aigw_slice data, uint8_t *out)
{
    SHA512((const unsigned char *)data.data, data.len, out);
}

#define SHA2_256 "SHA2-256", gw_sha256, GW_SHA256_BYTES
#define SHA2_384 "SHA2-384", sha384, SHA384_DIGEST_LENGTH
#define SHA2_512 "SHA2-512", sha512, SHA512_DIGEST_LENGTH

const gw_jwa gw_jwa_table[GW_JWA_COUNT] = {
    [GW_JWA_RS256] = {"RS256", GW_JWA_RSA, NULL, SHA2_256},
    [GW_JWA_RS384] = {"RS384", GW_JWA_RSA, NULL, SHA2_384},
    [GW_JWA_RS512] = {"RS512", GW_JWA_RSA, NULL, SHA2_512},
    [GW_JWA_PS256] = {"PS256", GW_JWA_RSA_PSS, NULL, SHA2_256},
    [GW_JWA_PS384] = {"PS384", GW_JWA_RSA_PSS, NULL, SHA2_384},
    [GW_JWA_PS512] = {"PS512", GW_JWA_RSA_PSS, NULL, SHA2_512},
    [GW_JWA_ES256] = {"ES256", GW_JWA_ECDSA, "P-256", SHA2_256},
    [GW_JWA_ES384] = {"ES384", GW_JWA_ECDSA, "P-384", SHA2_384},
    [GW_JWA_ES512] = {"ES512", GW_JWA_ECDSA, "P-521", SHA2_512},
    [GW_JWA_EDDSA_ANY] = {"EdDSA", GW_JWA_EDDSA, NULL, NULL, NULL, 0},
};

/* The curves of RFC 7518 clause 6.2.1.1: the crypto library's name, and bytes of a coordinate. */
typedef struct ec_curve {
    const char *crv, *group;
    size_t bytes;
} ec_curve;

static const ec_curve ec_curves[] = {
    {"P-256", SN_X9_62_prime256v1, 32}, {"P-384", SN_secp384r1, 48}, {"P-521", SN_secp521r1, 66}};

#define MAX_COORDINATE_BYTES 66

/* RFC 8037 clause 2. */
static const struct {
    const char *crv;
    size_t key_bytes;
} ed_curves[] = {{"Ed25519", 32}, {"Ed448", 57}};

int gw_jwa_row(aigw_slice name)
{
    int row = 0;
    while (row < GW_JWA_COUNT && !gw_eq(name, aigw_slice_of(gw_jwa_table[row].name)))
        row++;
    return row;
}

static const ec_curve *curve_of(aigw_slice crv)
{
    for (size_t i = 0; i < sizeof ec_curves / sizeof ec_curves[0]; i++) {
        if (gw_eq(crv, aigw_slice_of(ec_curves[i].crv)))
            return &ec_curves[i];
    }
    return NULL;
}

/* ---- Keys ---- */

/* RFC 7518 clause 3.3 asks for 2048 bits; the rest keeps out keys that verify too much. */
static bool rsa_numbers_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);
    return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && BN_is_odd(n) && BN_is_odd(e) &&
           !BN_is_one(e) && BN_num_bits(e) <= MAX_EXPONENT_BITS;
}

/* Takes over the builder; NULL when the parameters are no public key of the type. */
static EVP_PKEY *key_of(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = builder ? OSSL_PARAM_BLD_to_param(builder) : NULL;
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        return key_of("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    return NULL;
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

EVP_PKEY *gw_jwa_ec_key(aigw_slice crv, aigw_slice x, aigw_slice y)
{
    const ec_curve *curve = curve_of(crv);
    unsigned char point[1 + 2 * MAX_COORDINATE_BYTES] = {4}; /* uncompressed (SEC 1 clause 2.3.3) */
    if (!curve || x.len != curve->bytes || y.len != curve->bytes)
        return NULL;
    memcpy(point + 1, x.data, x.len);
    memcpy(point + 1 + x.len, y.data, y.len);
    ERR_set_mark();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * curve->bytes))
        key = key_of("EC", builder);
    else
        OSSL_PARAM_BLD_free(builder);
    ERR_pop_to_mark();
    return key;
}

EVP_PKEY *gw_jwa_okp_key(aigw_slice crv, aigw_slice x)
{
    EVP_PKEY *key = NULL;
    ERR_set_mark();
    for (size_t i = 0; i < sizeof ed_curves / sizeof ed_curves[0]; i++) {
        if (gw_eq(crv, aigw_slice_of(ed_curves[i].crv)) && x.len == ed_curves[i].key_bytes)
            key = EVP_PKEY_new_raw_public_key_ex(NULL, ed_curves[i].crv, NULL,
                                                 (const unsigned char *)x.data, x.len);
    }
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

/* ---- Checking ---- */

/* RFC 7518 clauses 3.3 to 3.5: the padding; of PSS a salt as long as the digest, MGF1 with it. */
static bool set_rsa(EVP_PKEY_CTX *ctx, const gw_jwa *row, const EVP_MD *digest)
{
    if (row->kind == GW_JWA_RSA)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static bool fits(const gw_jwa *row, const EVP_PKEY *key)
{
    char group[32];
    switch (row->kind) {
    case GW_JWA_RSA:
    case GW_JWA_RSA_PSS:
        return EVP_PKEY_is_a(key, "RSA");
    case GW_JWA_ECDSA:
        return EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
               strcmp(group, curve_of(aigw_slice_of(row->crv))->group) == 0;
    case GW_JWA_EDDSA:
        return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    }
    return false;
}

static bool set_up(EVP_PKEY_CTX *ctx, const gw_jwa *row)
{
    if (row->kind == GW_JWA_EDDSA)
        return true; /* has no digest: gw_jwa_verify takes the key out of the context */
    EVP_MD *digest = EVP_MD_fetch(NULL, row->digest, NULL);
    bool ready = digest && EVP_PKEY_verify_init(ctx) > 0 &&
                 (row->kind == GW_JWA_ECDSA || set_rsa(ctx, row, digest)) &&
                 EVP_PKEY_CTX_set_signature_md(ctx, digest) > 0;
    EVP_MD_free(digest);
    return ready;
}

EVP_PKEY_CTX *gw_jwa_prepare(const gw_jwa *row, EVP_PKEY *key)
{
    ERR_set_mark();
    EVP_PKEY_CTX *ctx = fits(row, key) ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    if (ctx && !set_up(ctx, row)) {
        EVP_PKEY_CTX_free(ctx);
        ctx = NULL;
    }
    ERR_pop_to_mark();
    return ctx;
}

void gw_jwa_prepared_free(EVP_PKEY_CTX *prepared)
{
    EVP_PKEY_CTX_free(prepared);
}

/* Appends an unsigned number as a DER INTEGER of at most 67 bytes. */
static unsigned char *put_integer(unsigned char *at, const unsigned char *number, size_t len)
{
    while (len > 1 && *number == 0) {
        number++;
        len--;
    }
    size_t sign = *number >> 7;
    *at++ = 2;
    *at++ = (unsigned char)(len + sign);
    *at = 0;
    at += sign;
    memcpy(at, number, len);
    return at + len;
}

/* R || S of fixed width (RFC 7518 clause 3.4) as the DER that the crypto library reads. */
static size_t ecdsa_der(const ec_curve *curve, aigw_slice signature, unsigned char *out)
{
    unsigned char body[2 * (MAX_COORDINATE_BYTES + 3)];
    const unsigned char *r = (const unsigned char *)signature.data;
    if (signature.len != 2 * curve->bytes)
        return 0;
    unsigned char *end = put_integer(body, r, curve->bytes);
    end = put_integer(end, r + curve->bytes, curve->bytes);
    size_t len = (size_t)(end - body), head = 0;
    out[head++] = 0x30;
    if (len >= 0x80)
        out[head++] = 0x81;
    out[head++] = (unsigned char)len;
    memcpy(out + head, body, len);
    return head + len;
}

static int verify_eddsa(const EVP_PKEY_CTX *prepared, aigw_slice text, aigw_slice signature)
{
    /* Takes nothing from the context but the key, whose counter is atomic. */
    EVP_PKEY *key = EVP_PKEY_CTX_get0_pkey((EVP_PKEY_CTX *)(uintptr_t)prepared);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int result = AIGW_E_NOMEM;
    if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1) {
        int good = EVP_DigestVerify(ctx, (const unsigned char *)signature.data, signature.len,
                                    (const unsigned char *)text.data, text.len);
        result = good == 1 ? AIGW_OK : AIGW_E_DENIED;
    }
    EVP_MD_CTX_free(ctx);
    return result;
}

static int verify_digest(const gw_jwa *row, const EVP_PKEY_CTX *prepared, aigw_slice text,
                         aigw_slice signature)
{
    uint8_t hash[GW_JWA_MAX_HASH_BYTES];
    unsigned char der[2 * (MAX_COORDINATE_BYTES + 3) + 3];
    if (row->kind == GW_JWA_ECDSA) {
        size_t len = ecdsa_der(curve_of(aigw_slice_of(row->crv)), signature, der);
        if (len == 0)
            return AIGW_E_DENIED;
        signature = gw_slice((const char *)der, len);
    }
    row->hash(text, hash);
    /* A duplicate skips all lookups by name; a context itself serves one thread at a time. */
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(prepared);
    if (!ctx)
        return AIGW_E_NOMEM;
    int good = EVP_PKEY_verify(ctx, (const unsigned char *)signature.data, signature.len, hash,
                               row->hash_bytes);
    EVP_PKEY_CTX_free(ctx);
    return good == 1 ? AIGW_OK : AIGW_E_DENIED;
}

int gw_jwa_verify(const gw_jwa *row, const EVP_PKEY_CTX *prepared, aigw_slice signed_text,
                  aigw_slice signature)
{
    ERR_set_mark();
    int result = row->kind == GW_JWA_EDDSA ? verify_eddsa(prepared, signed_text, signature)
                                           : verify_digest(row, prepared, signed_text, signature);
    ERR_pop_to_mark();
    return result;
}
