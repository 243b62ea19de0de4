/*
 * May this request pass? PASS, DENY with an answer, or NEED: keys that are not at hand.
 *
 * Pure: no I/O; the caller supplies key sets and time and comes again after NEED.
 */
#ifndef GW_GATE_GATE_H
#define GW_GATE_GATE_H

#include "gate/jwt_cache.h"

/* One trusted issuer. The array of these is part of the config snapshot. */
typedef struct gw_gate_issuer {
    aigw_slice issuer;
    aigw_policy policy;
} gw_gate_issuer;

typedef struct gw_gate {
    bool jwt_enabled;
    const gw_gate_issuer *issuers;
    size_t issuer_count;
    int insufficient_scope_status; /* 401 or 403 */
    gw_jwt_cache *cache;           /* may be NULL */
} gw_gate;

typedef enum gw_gate_verdict { GW_GATE_PASS, GW_GATE_DENY, GW_GATE_NEED_KEYS } gw_gate_verdict;

/* Key sets at hand, by issuer index. NULL result: none yet. Borrowed during the call. */
typedef const aigw_jwks *gw_gate_keys_fn(void *user, size_t issuer);

typedef struct gw_gate_result {
    gw_gate_verdict verdict;
    bool cache_hit, cache_miss; /* the token was known; its signature was checked */
    /* NEED: which issuer; unknown_kid says that a set is there but lacks the token's key */
    size_t issuer;
    bool unknown_kid;
    /* DENY */
    int status;
    const char *reason;     /* stable word, for log and metrics only */
    const char *alb_reason; /* what the access log of an AWS load balancer says instead; or "" */
    const char *message;    /* for the client; generic */
    char www_authenticate[256]; /* "" if none */
    /* PASS: who; slices into `room` */
    aigw_slice subject, team, scope;
    char room[1024];
} gw_gate_result;

/*
 * Looks at Authorization: Bearer, x-api-key, x-goog-api-key and api-key (RFC 6750; no query parameter); where
 * several are there, they must be the same. `last_try` turns a
 * NEED into its denial: 401 for an unknown kid, 503 when there is no key set.
 */
void gw_gate_check(const gw_gate *gate, const aigw_header *headers, size_t header_count,
                   gw_gate_keys_fn *keys, void *keys_user, int64_t now_unix_s, bool last_try,
                   gw_arena *arena, gw_gate_result *out);

#endif
