/* The gateway's counters in the Prometheus text format (version 0.0.4). Any thread. */
#ifndef AIGW_METRICS_H
#define AIGW_METRICS_H

#include <aigw/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

/* *out is the caller's; aigw_bytes_free drops it. */
AIGW_API int aigw_metrics_render(aigw_gateway *gw, aigw_slice *out, aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
