/*
 * Checking one compact JWS/JWT (RFC 7515, RFC 7519) in the order of checks that leaves no gap.
 *
 * Pure: keys and time are arguments. Implements the verifying half of <aigw/verify.h>. The
 * signature and the facts come first (gw_jwt_check_signature), policy and time run apart
 * (gw_jwt_check_claims), so that a cache may keep facts and still never skip policy.
 */
#ifndef GW_GATE_JWT_H
#define GW_GATE_JWT_H

#include "base/json.h"
#include "gate/jws.h"
#include <aigw/verify.h>

/* What a signed token says. Slices borrow from the arena. */
typedef struct gw_jwt_facts {
    const char *key_id;   /* NUL-terminated kid of the key that verified it */
    aigw_slice claims;    /* the payload: JSON */
    aigw_slice issuer;    /* iss; "" if absent */
    aigw_slice subject;   /* client_id, else sub; "" if absent */
    aigw_slice team;      /* custom:team; "" if absent */
    aigw_slice scope;     /* space-separated, whatever form it had in the claims */
    aigw_slice audience;  /* space-separated */
    aigw_slice token_use; /* "" if absent */
    aigw_slice extra;     /* the claims that rules were about, as gw_jwt_extra_read packed them */
    bool has_client;      /* `subject` is the client_id */
    int alg;              /* row of gw_jwa_table */
    bool has_expiry;      /* exp is an integer in range */
    int64_t expires_unix_s, not_before_unix_s, issued_unix_s; /* -1: absent */
} gw_jwt_facts;

/* The unverified iss of a token, to choose its issuer before any fetch; "" if it cannot be read. */
aigw_slice gw_jwt_peek_issuer(gw_arena *arena, aigw_slice token);
/* The same, telling a token that cannot be read (AIGW_OK and "") from AIGW_E_NOMEM. */
int gw_jwt_read_issuer(gw_arena *arena, aigw_slice token, aigw_slice *out, aigw_error *err);

/* Reads the facts of a payload (a JSON object), signed or not; key_id is left alone. */
int gw_jwt_read_claims(gw_arena *arena, aigw_slice payload, gw_jwt_facts *out, aigw_error *err);

/*
 * Everything that time does not decide: of the policy its algorithms, its size limit and the names of
 * its claims count here. AIGW_E_DENIED with a reason of <aigw/verify.h>.
 */
int gw_jwt_check_token(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                       gw_arena *arena, gw_jwt_facts *out, aigw_error *err);
/* The same for RS256 and no claims. */
int gw_jwt_check_signature(const aigw_jwks *jwks, aigw_slice token, size_t max_token_bytes,
                           gw_arena *arena, gw_jwt_facts *out, aigw_error *err);
/* jwt_policy.c: algorithm, issuer, times, token_use, client, audience, claims, scope, in that order.
 * The policy is whole (size is not looked at). Allocates nothing. */
int gw_jwt_check_claims(const gw_jwt_facts *facts, const aigw_policy *policy, int64_t now_unix_s,
                        aigw_error *err);

/*
 * jwt_extra.c: the claims that rules name, packed so that a cache can keep them: of each its name, its
 * form and its strings. False: no memory.
 */
bool gw_jwt_extra_read(gw_arena *arena, const gw_json_doc *doc, const aigw_claim_rule *rules,
                       size_t count, aigw_slice *out);
/* Is every claim that the rules name among the packed ones (present in the token or not)? */
bool gw_jwt_extra_covers(aigw_slice extra, const aigw_claim_rule *rules, size_t count);
bool gw_jwt_extra_meets(aigw_slice extra, const aigw_claim_rule *rule);

#endif
