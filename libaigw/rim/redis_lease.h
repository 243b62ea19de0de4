/*
 * Units that were taken ahead: a bounded table of leases by rule and key, each with its end.
 * Single-threaded. Pure.
 *
 * Knows no Redis; time is an argument.
 */
#ifndef GW_RIM_REDIS_LEASE_H
#define GW_RIM_REDIS_LEASE_H

#include "gate/limit.h"

typedef struct gw_lease {
    uint64_t id[2];
    uint32_t rule;
    uint32_t next; /* in its chain, or of the free ones; 1-based */
    int64_t left;
    int64_t stamp_ms;  /* the server's: where its units are counted */
    int64_t until_ms;  /* ours: may be used before this */
    int64_t remaining; /* in the server, when it was taken */
    int64_t reset_ms;
    bool used;
} gw_lease;

typedef struct gw_lease_table {
    gw_lease *list;
    uint32_t *index;
    uint32_t cap, mask, touched, free_head, count;
    int64_t first_ms; /* no lease ends before this; INT64_MAX: there is none */
} gw_lease_table;

bool gw_leases_init(gw_lease_table *table, size_t max);
void gw_leases_free(gw_lease_table *table);
/* NULL: none. It may have ended. */
gw_lease *gw_leases_find(gw_lease_table *table, uint32_t rule, const uint64_t id[2]);
/* A copy; there is none of that rule and key. False: the table is full. */
bool gw_leases_add(gw_lease_table *table, const gw_lease *lease);
void gw_leases_remove(gw_lease_table *table, gw_lease *lease);
/* Takes one that ended by now_ms out into *out; INT64_MAX: any. False: there is none. */
bool gw_leases_pop(gw_lease_table *table, int64_t now_ms, gw_lease *out);
size_t gw_leases_units(const gw_lease_table *table);

#endif
