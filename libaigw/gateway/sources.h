/* Numbers of others beside the gateway's metrics. Shared: any thread. */
#ifndef GW_GATEWAY_SOURCES_H
#define GW_GATEWAY_SOURCES_H

#include "base/buf.h"
#include <aigw/metrics.h>
#include <pthread.h>

enum { GW_SOURCES_MAX = 16, GW_SOURCE_METRICS_MAX = 256 };

typedef struct gw_sources {
    pthread_mutex_t lock; /* also held while a source is asked, so that removing one waits for it */
    struct gw_source {
        aigw_metrics_source_fn *fn;
        void *user;
    } items[GW_SOURCES_MAX];
    size_t count;
} gw_sources;

void gw_sources_init(gw_sources *sources);
void gw_sources_free(gw_sources *sources);
int gw_sources_add(gw_sources *sources, aigw_metrics_source_fn *fn, void *user, aigw_error *err);
void gw_sources_remove(gw_sources *sources, aigw_metrics_source_fn *fn, void *user);
/* In the Prometheus text format, lines of one name together. */
void gw_sources_render(gw_sources *sources, gw_buf *out);

#endif
