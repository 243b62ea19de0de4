/*
 * The signature algorithms of JSON Web Tokens (RFC 7518 clause 3.1, RFC 8037): one row each, and how to
 * check one.
 *
 * A new algorithm is a new row. What is not in the table does not exist: no `none`, no MAC.
 */
#ifndef GW_GATE_JWA_H
#define GW_GATE_JWA_H

#include "base/crypto.h"

struct evp_pkey_st;
struct evp_pkey_ctx_st;

#define GW_JWA_MAX_HASH_BYTES 64

typedef enum gw_jwa_kind { GW_JWA_RSA, GW_JWA_RSA_PSS, GW_JWA_ECDSA, GW_JWA_EDDSA } gw_jwa_kind;

typedef struct gw_jwa {
    const char *name; /* `alg`, compared in exact case */
    gw_jwa_kind kind;
    const char *crv;                             /* ECDSA: the only curve; else NULL */
    const char *digest;                          /* the crypto library's name; NULL: none */
    void (*hash)(aigw_slice data, uint8_t *out); /* the same digest, without a lookup by name */
    size_t hash_bytes;
} gw_jwa;

enum {
    GW_JWA_RS256,
    GW_JWA_RS384,
    GW_JWA_RS512,
    GW_JWA_PS256,
    GW_JWA_PS384,
    GW_JWA_PS512,
    GW_JWA_ES256,
    GW_JWA_ES384,
    GW_JWA_ES512,
    GW_JWA_EDDSA_ANY, /* Ed25519 and Ed448: the key says which */
    GW_JWA_COUNT
};
extern const gw_jwa gw_jwa_table[GW_JWA_COUNT];

/* The row of a name, in exact case; GW_JWA_COUNT if there is none. */
int gw_jwa_row(aigw_slice name);

/* A public RSA key from big-endian n and e; NULL when it is weak (below 2048 bits, even exponent or
 * modulus, e below 3) or too large (over 8192 bits). */
struct evp_pkey_st *gw_jwa_rsa_key(aigw_slice n, aigw_slice e);
/* A public key on P-256, P-384 or P-521; NULL unless both coordinates have the curve's full width
 * (RFC 7518 clause 6.2.1) and the point is on it. */
struct evp_pkey_st *gw_jwa_ec_key(aigw_slice crv, aigw_slice x, aigw_slice y);
/* A public key of Ed25519 or Ed448 (RFC 8037 clause 2); NULL unless x has the exact size. */
struct evp_pkey_st *gw_jwa_okp_key(aigw_slice crv, aigw_slice x);
/* The public RSA key of a PEM text, private or public, without ever asking for a passphrase. */
struct evp_pkey_st *gw_jwa_pem_key(aigw_slice pem);
void gw_jwa_key_free(struct evp_pkey_st *key);

/* A context ready to verify with; NULL when key and row do not fit. Shared between threads, since
 * gw_jwa_verify works on a duplicate. */
struct evp_pkey_ctx_st *gw_jwa_prepare(const gw_jwa *row, struct evp_pkey_st *key);
void gw_jwa_prepared_free(struct evp_pkey_ctx_st *prepared);

/* AIGW_OK, AIGW_E_DENIED for a signature that is not the key's, AIGW_E_NOMEM. */
int gw_jwa_verify(const gw_jwa *row, const struct evp_pkey_ctx_st *prepared, aigw_slice signed_text,
                  aigw_slice signature);

#endif
