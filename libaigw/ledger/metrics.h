/*
 * Counters of one gateway, and their Prometheus text. Shared between threads: relaxed atomics.
 *
 * Bounded: label values come from fixed sets only; a model name or client id is never a label.
 */
#ifndef GW_LEDGER_METRICS_H
#define GW_LEDGER_METRICS_H

#include "base/buf.h"

typedef struct gw_metrics gw_metrics;

typedef enum gw_counter {
    GW_C_REQUESTS,          /* labels: route, status class; by gw_metrics_request only */
    GW_C_DENIED,            /* label: reason; by gw_metrics_denied only */
    GW_C_UPSTREAM_ERRORS,
    GW_C_RETRIES,
    GW_C_INPUT_TOKENS,
    GW_C_OUTPUT_TOKENS,
    GW_C_CACHED_TOKENS,
    GW_C_REASONING_TOKENS,
    GW_C_STREAMS_BROKEN,
    GW_C_CANCELLED,
    GW_C_JWT_CACHE_HITS,
    GW_C_JWT_CACHE_MISSES,
    GW_C_TOKENS_ISSUED,
    GW_C_PASS_REQUEST_BYTES,
    GW_C_PASS_RESPONSE_BYTES,
    GW_C_COUNT
} gw_counter;

gw_metrics *gw_metrics_new(void);
void gw_metrics_free(gw_metrics *m);
void gw_metrics_add(gw_metrics *m, gw_counter counter, uint64_t n);
/* One finished request. `route` is a static word; status an HTTP status. */
void gw_metrics_request(gw_metrics *m, const char *route, int status, int64_t duration_ms,
                        int64_t first_byte_ms);
void gw_metrics_denied(gw_metrics *m, const char *reason); /* static word */
/* The same with what AWS load balancers call it, as a second label; both are static words. */
void gw_metrics_denied_as(gw_metrics *m, const char *reason, const char *alb_reason);
/* A guardrail's verdict about a prompt or an answer. `name`: of the config, letters, digits, '-', '_' and '.'; copied;
 * further ones than fit are counted as "other". action: "pass", "flag", "mask", "block". */
void gw_metrics_guard(gw_metrics *m, aigw_slice name, bool answer, const char *action, bool failed);
void gw_metrics_in_flight(gw_metrics *m, int delta);
/* Counters, histograms (request duration, first byte) and gauges of the gateway. */
void gw_metrics_render(gw_metrics *m, gw_buf *out);

#endif
