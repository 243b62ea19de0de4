/*
 * The store of counts in a Redis: asks become one command, answers and deadlines become decisions.
 * Single-threaded: one for each loop.
 *
 * Contracts as in <aigw/limit.h>; knows no public link.
 */
#ifndef GW_RIM_REDIS_LIMIT_H
#define GW_RIM_REDIS_LIMIT_H

#include "gate/limit.h"
#include "rim/redis.h"

typedef struct gw_redis_limit gw_redis_limit;

/* Options were read (defaults filled in by this). The limiter outlives it. */
int gw_redis_limit_new(gw_loop *loop, const gw_clock *clock, aigw_limiter *limiter,
                       const aigw_limit_link_options *options, gw_redis_limit **out,
                       aigw_error *err);
/* No `done` is called. What is leased or not delivered is lost, unless it was flushed. */
void gw_redis_limit_free(gw_redis_limit *store);
/* Gives all leases back; true while something is still on its way (to be asked again after each
 * step). */
bool gw_redis_limit_flush(gw_redis_limit *store);
int gw_redis_limit_deadline_ms(const gw_redis_limit *store);
void gw_redis_limit_stats(const gw_redis_limit *store, aigw_limit_link_stats *out);

/* As gw_limit_memory; `self` is a gw_redis_limit, whose own clock is used. */
extern const gw_limit_store gw_limit_redis;

#endif
