/*
 * How one key counts: a log of events for windows and holds, a debt for buckets. Pure but for its
 * memory.
 *
 * Knows no key, no lock and no table. Time never goes back: the caller sees to it.
 */
#ifndef GW_GATE_LIMIT_COUNT_H
#define GW_GATE_LIMIT_COUNT_H

#include "gate/limit.h"
#include <stdatomic.h>

/* n units at base_ms + at. UINT32_MAX units stands for that or more, and is not reduced. */
typedef struct gw_limit_event {
    uint32_t at;
    uint32_t n;
} gw_limit_event;

#define GW_LIMIT_FEW 2 /* events without a ring of their own */

/* All zero: nothing is counted. 40 bytes. */
typedef struct gw_limit_count {
    int64_t base_ms; /* bucket: when `used` was right */
    int64_t used;    /* units; bucket: what is missing until it is full, in units / window_ms */
    union {
        gw_limit_event few[GW_LIMIT_FEW];
        gw_limit_event *ring; /* when cap is not 0 */
    } events;
    uint16_t head, len, cap; /* cap: events of the ring, a power of two; 0: few */
    uint16_t rule;           /* whose count it is */
} gw_limit_count;

/* The memory of all counts together. */
typedef struct gw_limit_room {
    size_t max_events; /* of one count, a power of two */
    size_t max_bytes;
    atomic_size_t bytes;
} gw_limit_room;

/* Forgets what no longer counts at now_ms. To be called before any of the others with the same
 * time. */
void gw_limit_count_trim(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                         int64_t now_ms);
/* Whether n more units fit now, and the four numbers of an ask (limit, remaining, reset, retry),
 * nothing taken. */
bool gw_limit_count_ask(const gw_limit_count *c, const gw_limit_rule *rule, int64_t n,
                        int64_t now_ms, aigw_limit_ask *out);
/* Counts n units at now_ms, whether they fit or not. Always possible. */
void gw_limit_count_add(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                        int64_t n, int64_t now_ms);
/*
 * Takes n of the units back that were counted at at_ms; those that no longer count are left alone.
 */
void gw_limit_count_subtract(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                             int64_t n, int64_t at_ms, int64_t now_ms);
/* Counts nothing at now_ms, without trimming; else *until is when it will, if nothing happens. */
bool gw_limit_count_idle(const gw_limit_count *c, const gw_limit_rule *rule, int64_t now_ms,
                         int64_t *until);
/* When a unit was counted last. */
int64_t gw_limit_count_last(const gw_limit_count *c);
/* Drops the ring and zeroes all but the rule. */
void gw_limit_count_clear(gw_limit_count *c, gw_limit_room *room);

#endif
