/*
 * Inside of IP reputation: the reader of list files, the immutable table, the look-up by bytes.
 *
 * Memory of a table: 8 bytes a merged IPv4 range and 256 KiB of index if there is any; 32 bytes a merged IPv6
 * range, 256 KiB of index if there is any and 256 KiB more for each of at most 8 dense /16. Building needs,
 * besides, 8 bytes an IPv4 entry and 32 an IPv6 one (doubling: up to twice that), freed afterwards.
 */
#ifndef GW_GATE_IPREP_H
#define GW_GATE_IPREP_H

#include "base/ip.h"
#include <aigw/iprep.h>

/* ---- Entries, as they are read ---- */

typedef struct gw_ip_range {
    gw_ip first, last; /* both IPv4, or neither */
} gw_ip_range;

typedef struct gw_ip_entries {
    uint64_t *v4; /* first << 32 | last */
    gw_ip_range *v6;
    size_t v4_count, v4_cap, v6_count, v6_cap;
    size_t max; /* of both together */
} gw_ip_entries;

void gw_ip_entries_free(gw_ip_entries *e);
int gw_ip_entries_add(gw_ip_entries *e, const gw_ip_range *range, aigw_error *err);
/* Appends all entries of a file. On failure some may have been added. err->line is the line from 1. */
int gw_iprep_read(gw_ip_entries *e, aigw_slice file, aigw_error *err);

/* ---- The table ---- */

typedef struct gw_ip_table gw_ip_table;

/* Sorts and merges; the entries' arrays are used up. */
int gw_ip_table_build(gw_ip_entries *e, gw_ip_table **out, aigw_error *err);
void gw_ip_table_free(gw_ip_table *table);
bool gw_ip_table_has(const gw_ip_table *table, const gw_ip *ip);
void gw_ip_table_facts(const gw_ip_table *table, aigw_iprep_facts *out);

/* ---- The look-up ---- */

void gw_iprep_check(aigw_iprep *iprep, const gw_ip *ip, aigw_iprep_hit *out);

#endif
