/*
 * What the files of the Redis store share: its state, a call that waits, a settlement that waits.
 *
 * Theirs only.
 */
#ifndef GW_RIM_REDIS_LIMIT_PARTS_H
#define GW_RIM_REDIS_LIMIT_PARTS_H

#include "gate/limit.h"
#include "rim/redis_lease.h"
#include "rim/redis_limit.h"
#include "rim/redis_script.h"

/*
 * A call until its answer came or the connection ended; asks is NULL once it was decided without.
 */
typedef struct gw_redis_call {
    struct gw_redis_call *next, *prev;
    gw_redis_limit *store;
    aigw_limit_ask *asks;
    gw_limit_wait *wait;
    size_t count;
    bool peek, sent, whole_script;
    bool undo; /* should it have been taken after all, it is given back */
    int64_t sent_ms;
    gw_timer deadline;
    uint32_t rules[AIGW_LIMIT_MAX_ASKS];
    gw_redis_part parts[AIGW_LIMIT_MAX_ASKS]; /* those that go to the server */
    size_t place[AIGW_LIMIT_MAX_ASKS];        /* of each part in asks */
    size_t part_count;
} gw_redis_call;

/* A correction until the server has it. */
typedef struct gw_redis_debt {
    struct gw_redis_debt *next, *prev;
    gw_redis_limit *store;
    aigw_limit_hold hold;
    int64_t actual;
    bool sent, whole_script;
} gw_redis_debt;

struct gw_redis_limit {
    gw_loop *loop;
    gw_clock clock;
    aigw_limiter *limiter;
    const gw_limit_rule *rules;
    size_t rule_count;
    gw_redis *redis;
    char prefix[65], fresh[17], epoch[GW_REDIS_EPOCH_BYTES];
    char take_sha[41], settle_sha[41]; /* "": not known yet */
    int deadline_ms;
    size_t max_waiting, call_count, debt_count;
    gw_redis_call *calls;
    gw_redis_debt *debts, *last_debt;
    gw_lease_table leases;
    gw_timer lease_timer;
    aigw_limit_link_stats stats;
};

/* ---- redis_settle: what is given back ---- */

/* Queues a correction and sends it if that is possible now. */
void gw_redis_settle(gw_redis_limit *store, const aigw_limit_hold *hold, int64_t actual);
/* Sends what is queued. */
void gw_redis_settle_all(gw_redis_limit *store);
void gw_redis_settle_free(gw_redis_limit *store);
/* One unit or more from the lease of this ask, if there is one; fills the ask. */
bool gw_redis_lease_take(gw_redis_limit *store, aigw_limit_ask *ask, const uint64_t id[2],
                         int64_t now_ms);
/* Those units again: into the lease if it is still there, else to the server. */
void gw_redis_lease_return(gw_redis_limit *store, aigw_limit_hold *hold);
/* What came ahead with an answer, as of a command sent at sent_ms. */
void gw_redis_lease_put(gw_redis_limit *store, const gw_lease *lease);
/* Those that ended by now_ms go back. */
void gw_redis_lease_expire(gw_redis_limit *store, int64_t now_ms);

#endif
