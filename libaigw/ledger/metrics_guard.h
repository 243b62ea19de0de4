/*
 * Counts of guardrails' verdicts by name, stage and action. Shared between threads.
 *
 * Bounded: names are those of configs, and what does not fit is counted as "other".
 */
#ifndef GW_LEDGER_METRICS_GUARD_H
#define GW_LEDGER_METRICS_GUARD_H

#include "base/buf.h"

typedef struct gw_guard_counts gw_guard_counts;

gw_guard_counts *gw_guard_counts_new(void);
void gw_guard_counts_free(gw_guard_counts *c);
void gw_guard_counts_add(gw_guard_counts *c, aigw_slice name, bool answer, const char *action,
                         bool failed);
void gw_guard_counts_render(gw_guard_counts *c, gw_buf *out);

#endif
