/* The TLS context that new connections get, swapped whole while others run. Any thread. */
#ifndef GW_SERVER_TLS_LIVE_H
#define GW_SERVER_TLS_LIVE_H

#include "server/tls.h"
#include <pthread.h>

typedef struct gw_tls_live {
    pthread_mutex_t lock;    /* guards `context`, for as long as a reference is taken */
    gw_tls_context *context; /* NULL: clear text */
} gw_tls_live;

void gw_tls_live_init(gw_tls_live *live);
void gw_tls_live_free(gw_tls_live *live);
/* Takes over the reference. Connections that run keep the context that they began with. */
void gw_tls_live_set(gw_tls_live *live, gw_tls_context *context);
/* A connection by the current context. NULL: no memory. */
gw_tls *gw_tls_live_connect(gw_tls_live *live, int fd);
/* The end of the current certificate's validity; 0 in clear text. */
int64_t gw_tls_live_expires_unix_s(gw_tls_live *live);

#endif
