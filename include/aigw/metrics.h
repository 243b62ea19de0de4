/* The gateway's counters in the Prometheus text format (version 0.0.4). Any thread. */
#ifndef AIGW_METRICS_H
#define AIGW_METRICS_H

#include <aigw/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

/* *out is the caller's; aigw_bytes_free drops it. */
AIGW_API int aigw_metrics_render(aigw_gateway *gw, aigw_slice *out, aigw_error *err);

/* One number of somebody else, such as a server: texts are static. */
typedef struct aigw_metric {
    size_t size;
    const char *name, *type, *help; /* type: "counter", "gauge" */
    const char *labels;             /* "reason=\"timeout\""; "" for none */
    uint64_t value;
    bool least; /* where several sources say it, the least counts; else the sum */
} aigw_metric;

typedef void aigw_metric_fn(void *to, const aigw_metric *metric);

/* Calls `add` for each of its numbers. Any thread; must not call the gateway. */
typedef void aigw_metrics_source_fn(void *user, aigw_metric_fn *add, void *to);

/* From now on `source` is asked whenever metrics are rendered. AIGW_E_LIMIT: there are too many (16). */
AIGW_API int aigw_metrics_add_source(aigw_gateway *gw, aigw_metrics_source_fn *source, void *user,
                                     aigw_error *err);
/* When this returns, it is not asked any more and does not run. */
AIGW_API void aigw_metrics_remove_source(aigw_gateway *gw, aigw_metrics_source_fn *source,
                                         void *user);

#ifdef __cplusplus
}
#endif
#endif
