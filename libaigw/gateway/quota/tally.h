/*
 * Where counts are kept: a limiter that all threads share and, over a Redis, one link to it for each loop.
 *
 * A tally is shared and lives over reloads that change nothing of it. A link is single: its loop's thread.
 * Must not know what is counted.
 */
#ifndef GW_GATEWAY_QUOTA_TALLY_H
#define GW_GATEWAY_QUOTA_TALLY_H

#include "base/buf.h"
#include "gate/limit.h"
#include "gateway/config/quota.h"
#include "rim/loop.h"

typedef struct gw_tally gw_tally;
typedef struct gw_tally_link gw_tally_link;

/* Which: those of addresses can be made up by strangers, so they cannot push out the others. */
typedef enum gw_tally_kind { GW_TALLY_ADDRESS, GW_TALLY_CALLS, GW_TALLIES } gw_tally_kind;

typedef struct gw_tally_options {
    const aigw_limit_rule *rules;
    size_t rule_count, max_keys, max_events;
    const gw_redis_config *redis; /* address "": none */
} gw_tally_options;

/* `before` (may be NULL) goes on, with its counts, when everything is the same. One reference. */
int gw_tally_new(const gw_tally_options *options, gw_tally *before, gw_tally **out,
                 aigw_error *err);
gw_tally *gw_tally_ref(gw_tally *tally);
void gw_tally_free(gw_tally *tally); /* drops one; NULL is fine */

/* The links of one loop. Zero it, then set loop and clock. */
typedef struct gw_tally_port {
    gw_loop *loop;
    const gw_clock *clock;
    gw_tally_link *links;
} gw_tally_port;

/* Referenced. One that is there is used again. NULL: no memory. */
gw_tally_link *gw_tally_link_open(gw_tally_port *port, gw_tally *tally);
/* Drops one reference; the last one gives leases back, for as long as the deadline, on the loop. */
void gw_tally_link_close(gw_tally_link *link);
/* The end of the loop: what is still to be given back is, waiting at most the deadline. */
void gw_tally_port_close(gw_tally_port *port);

/* As gw_limit_store. AIGW_AGAIN: wait->done will be called. */
int gw_tally_take(gw_tally_link *link, aigw_limit_ask *asks, size_t count, gw_limit_wait *wait);
void gw_tally_settle(gw_tally_link *link, aigw_limit_hold *hold, int64_t actual);
void gw_tally_cancel(gw_tally_link *link, gw_limit_wait *wait);

/* Sums over all links of a tally; as of the last second. */
typedef struct gw_tally_stats {
    aigw_limiter_stats limiter;
    bool redis;
    uint64_t links, connected, leased_units;
    uint64_t round_trips, by_lease, by_policy, lost_settlements, connects;
} gw_tally_stats;

void gw_tally_get_stats(const gw_tally *tally, gw_tally_stats *out);

#endif
