/*
 * The JWS layer (RFC 7515): one compact token taken apart, its header judged, its signature checked.
 *
 * Pure. Knows nothing of claims: the payload is any bytes. Implements aigw_jws_verify.
 */
#ifndef GW_GATE_JWS_H
#define GW_GATE_JWS_H

#include "base/mem.h"
#include "gate/jwks.h"

#define GW_JWT_MAX_BYTES 16384 /* no larger token is ever verified as a JWT */

/* A token whose header is sound and whose algorithm is allowed. Slices lie in the arena. */
typedef struct gw_jws {
    aigw_slice payload, signature, signed_text;
    int alg;        /* row of gw_jwa_table */
    aigw_slice kid; /* "" if absent */
} gw_jws;

/* A bit per row of gw_jwa_table. No names: RS256 alone. 0: a name is unknown, none and HS* among
 * them. */
uint32_t gw_jws_algorithms(const aigw_slice *names, size_t count);

/* False unless there are three parts. */
bool gw_jws_split(aigw_slice token, aigw_slice part[3]);
/* Strict base64url into the arena: AIGW_E_DENIED with bad_base64, or AIGW_E_NOMEM. */
int gw_jws_decode(gw_arena *arena, aigw_slice text, aigw_slice *out, aigw_error *err);

/* All checks before the key: size, parts, base64url, header, algorithm, and for a JWT its typ. */
int gw_jws_read(gw_arena *arena, aigw_slice token, size_t max_bytes, uint32_t algorithms, bool jwt,
                gw_jws *out, aigw_error *err);

/*
 * The signature by the one key of a JWT: the first of its kid that fits the algorithm; without a kid
 * the only key of the set that fits. *kid is the key's, borrowed from the set.
 */
int gw_jws_check(const gw_jws *jws, const aigw_jwks *jwks, const char **kid, aigw_error *err);

/* Fills err as a denial (401) and returns AIGW_E_DENIED. */
int gw_jws_deny(aigw_error *err, const char *reason, const char *message);

#endif
