/*
 * A parsed JSON Web Key Set: keys ready to verify with (EVP_PKEY), looked up by kid.
 *
 * Immutable once parsed and reference-counted. RSA, EC and OKP keys. Keys with `use` other than sig,
 * key_ops without verify, an unknown curve, RSA below 2048 bits or an even exponent never verify
 * anything.
 */
#ifndef GW_GATE_JWKS_H
#define GW_GATE_JWKS_H

#include "gate/jwa.h"
#include <aigw/verify.h>

#define GW_MAX_KID_BYTES 256

typedef struct gw_jwk {
    char *kid;               /* NUL-terminated; "" if absent; at most 256 bytes */
    struct evp_pkey_st *key; /* NULL: in the set, but never verifies anything */
    char alg[8];             /* the key's own alg; "" if unsaid */
    /* Ready to verify with, by row of gw_jwa_table; NULL where key and algorithm do not agree. */
    struct evp_pkey_ctx_st *verify[GW_JWA_COUNT];
} gw_jwk;

/* NULL if there is none (or no set). Without kid ("") only a set of exactly one key matches. Of
 * two keys with one kid the first usable one counts. */
const gw_jwk *gw_jwks_find(const aigw_jwks *jwks, aigw_slice kid);

/*
 * The keys that a token may mean, one at a time: *at starts at 0 and is moved on; NULL: no more.
 * With a kid those that have it, without ("") all of them; only keys fit for the algorithm (a row).
 */
const gw_jwk *gw_jwks_next_fit(const aigw_jwks *jwks, aigw_slice kid, int alg, size_t *at);

/* A number that differs for each parsed set of this process; caches key on it. Never 0. */
uint64_t gw_jwks_generation(const aigw_jwks *jwks);

/* Were both parsed from the same bytes? Not for sets of gw_jwks_from_pem. */
bool gw_jwks_same(const aigw_jwks *a, const aigw_jwks *b);

aigw_jwks *gw_jwks_ref(const aigw_jwks *jwks); /* aigw_jwks_free drops one reference */

/* A set of the one public key of a PEM text (private or public, RSA). AIGW_E_PARSE: not such a
 * key. */
int gw_jwks_from_pem(aigw_slice pem, aigw_slice kid, aigw_jwks **out, aigw_error *err);

#endif
