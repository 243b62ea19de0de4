/* Holds the current TLS context and hands out references to it.
 * Knows nothing of files; who makes a context is for others. */
#include "server/tls_live.h"

void gw_tls_live_init(gw_tls_live *live)
{
    pthread_mutex_init(&live->lock, NULL);
    live->context = NULL;
}

void gw_tls_live_free(gw_tls_live *live)
{
    gw_tls_context_free(live->context);
    live->context = NULL;
    pthread_mutex_destroy(&live->lock);
}

void gw_tls_live_set(gw_tls_live *live, gw_tls_context *context)
{
    pthread_mutex_lock(&live->lock);
    gw_tls_context *old = live->context;
    live->context = context;
    pthread_mutex_unlock(&live->lock);
    gw_tls_context_free(old);
}

static gw_tls_context *current(gw_tls_live *live)
{
    pthread_mutex_lock(&live->lock);
    gw_tls_context *context = live->context ? gw_tls_context_ref(live->context) : NULL;
    pthread_mutex_unlock(&live->lock);
    return context;
}

gw_tls *gw_tls_live_connect(gw_tls_live *live, int fd)
{
    gw_tls_context *context = current(live);
    gw_tls *tls = context ? gw_tls_new(context, fd) : NULL;
    gw_tls_context_free(context);
    return tls;
}

int64_t gw_tls_live_expires_unix_s(gw_tls_live *live)
{
    gw_tls_context *context = current(live);
    int64_t expires = context ? gw_tls_context_expires_unix_s(context) : 0;
    gw_tls_context_free(context);
    return expires;
}
