/*
 * A parsed JSON Web Key Set: keys ready to verify with (EVP_PKEY), looked up by kid.
 *
 * Immutable once parsed and reference-counted. Keys with `use` other than sig, key_ops without
 * verify, RSA below 2048 bits or an even exponent never verify anything.
 */
#ifndef GW_GATE_JWKS_H
#define GW_GATE_JWKS_H

#include <aigw/verify.h>

struct evp_pkey_st;

typedef struct gw_jwk {
    char *kid;               /* NUL-terminated; "" if absent; at most 256 bytes */
    struct evp_pkey_st *key;
    char alg[8];             /* the key's own alg; "" if unsaid */
} gw_jwk;

/* NULL if there is none. A token without kid matches only when the set has exactly one key. */
const gw_jwk *gw_jwks_find(const aigw_jwks *jwks, aigw_slice kid);

/* A number that differs for each parsed set of this process; caches key on it. Never 0. */
uint64_t gw_jwks_generation(const aigw_jwks *jwks);

aigw_jwks *gw_jwks_ref(const aigw_jwks *jwks); /* aigw_jwks_free drops one reference */

#endif
