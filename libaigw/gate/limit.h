/*
 * What the parts of the limiter share: rules, the seam of stores, hashing of keys.
 *
 * Knows no HTTP and no network. Contracts of the numbers are in <aigw/limit.h>.
 */
#ifndef GW_GATE_LIMIT_H
#define GW_GATE_LIMIT_H

#include <aigw/limit.h>

typedef struct gw_limit_rule {
    char name[49];
    aigw_limit_kind kind;
    aigw_limit_policy on_fail;
    int64_t limit, window_ms, rate, lease, lease_ms;
} gw_limit_rule;

/* One waiting call; the caller's, zeroed. `done` is called once if the store said AIGW_AGAIN. */
typedef struct gw_limit_wait {
    void (*done)(void *user);
    void *user;
    void *pending; /* the store's */
} gw_limit_wait;

/*
 * The seam: where counts are kept. Two implementations, gw_limit_memory and (rim/redis_limit)
 * gw_limit_redis. take and peek: AIGW_OK (decided) or AIGW_AGAIN; asks were checked by
 * gw_limit_check and lie still until done. settle never waits. cancel: `done` will not be called,
 * and what was taken is given back.
 */
typedef struct gw_limit_store {
    const char *name;
    int (*take)(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                gw_limit_wait *wait);
    int (*peek)(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                gw_limit_wait *wait);
    void (*settle)(void *self, aigw_limit_hold *hold, int64_t actual, int64_t now_ms);
    void (*cancel)(void *self, gw_limit_wait *wait);
} gw_limit_store;

/* `self` is an aigw_limiter. Never waits. */
extern const gw_limit_store gw_limit_memory;

/* Values of aigw_limit_hold.where. */
enum { GW_HOLD_NONE = 0, GW_HOLD_MEMORY = 1, GW_HOLD_REDIS = 2 };

const gw_limit_rule *gw_limiter_rules(const aigw_limiter *limiter, size_t *count);
/* Rules, numbers and pairs of the asks; AIGW_E_INVALID or AIGW_OK. */
int gw_limit_check(const aigw_limiter *limiter, const aigw_limit_ask *asks, size_t count, bool peek,
                   aigw_error *err);
/* An ask that policy decided: allowed or not, with nothing taken. */
void gw_limit_by_policy(aigw_limit_ask *ask, const gw_limit_rule *rule, bool allowed);

/* SipHash-2-4 with 128 bits of output (Aumasson, Bernstein), of the rule's number and the key. */
void gw_limit_hash(const uint64_t secret[2], uint32_t rule, aigw_slice key, uint64_t out[2]);

#endif
