/* The gateway object: the current snapshot and how it is swapped. Must not know what requests are. */
#include "gateway/gateway.h"
#include "base/error.h"
#include "gateway/quota/quota.h"
#include "gateway/screen/evidence.h"
#include <aigw/metrics.h>
#include <pthread.h>
#include <string.h>

#define JWT_CACHE_TOKENS 4096

struct aigw_gateway {
    int refs; /* atomic */
    aigw_host host;
    gw_clock clock;
    gw_log log;
    gw_jwt_cache *cache;
    gw_metrics *metrics;
    gw_waf_books *waf;
    gw_sources sources;
    pthread_mutex_t reloading; /* one reload at a time */
    pthread_mutex_t lock;      /* guards `live`, for as long as a reference is taken */
    gw_live *live;
    uint64_t version; /* atomic; written under `lock` */
};

gw_live *gw_gateway_live(aigw_gateway *gw, uint64_t *version)
{
    pthread_mutex_lock(&gw->lock);
    gw_live *live = gw_live_ref(gw->live);
    if (version)
        *version = __atomic_load_n(&gw->version, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&gw->lock);
    return live;
}

uint64_t gw_gateway_version(const aigw_gateway *gw)
{
    return __atomic_load_n(&gw->version, __ATOMIC_ACQUIRE);
}

const gw_clock *gw_gateway_clock(const aigw_gateway *gw)
{
    return &gw->clock;
}

gw_metrics *gw_gateway_metrics(aigw_gateway *gw)
{
    return gw->metrics;
}

gw_waf_books *gw_gateway_waf(aigw_gateway *gw)
{
    return gw->waf;
}

gw_sources *gw_gateway_sources(aigw_gateway *gw)
{
    return &gw->sources;
}

static int load(aigw_gateway *gw, aigw_slice config, aigw_error *err)
{
    gw_live *fresh = NULL;
    gw_live_parts parts = {.host = &gw->host,
                           .clock = &gw->clock,
                           .log = &gw->log,
                           .cache = gw->cache,
                           .previous = gw->live}; /* only a reload writes it, and there is one */
    int rc = gw_live_new(config, &parts, &fresh, err);
    if (rc != AIGW_OK)
        return rc;
    pthread_mutex_lock(&gw->lock);
    gw_live *old = gw->live;
    gw->live = fresh;
    __atomic_add_fetch(&gw->version, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&gw->lock);
    gw_live_free(old);
    return AIGW_OK;
}

/* The caller's struct may be shorter than ours: it was compiled against an older header. */
static void copy_host(aigw_host *to, const aigw_host *from)
{
    memset(to, 0, sizeof *to);
    if (from)
        memcpy(to, from, from->size && from->size < sizeof *to ? from->size : sizeof *to);
    to->size = sizeof *to;
}

int aigw_gateway_new(aigw_slice config, const aigw_host *host, aigw_gateway **out, aigw_error *err)
{
    if (!out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_gateway_new wants an out");
    aigw_gateway *gw = gw_calloc(1, sizeof *gw);
    if (!gw)
        return gw_fail_nomem(err);
    gw->refs = 1;
    pthread_mutex_init(&gw->reloading, NULL);
    pthread_mutex_init(&gw->lock, NULL);
    gw_sources_init(&gw->sources);
    copy_host(&gw->host, host);
    gw->clock = gw_clock_of(&gw->host);
    gw->log = gw_log_of(&gw->host);
    gw->cache = gw_jwt_cache_new(JWT_CACHE_TOKENS);
    gw->metrics = gw_metrics_new();
    gw->waf = gw_evidence_books();
    int rc = gw->cache && gw->metrics && gw->waf ? load(gw, config, err) : gw_fail_nomem(err);
    if (rc != AIGW_OK) {
        aigw_gateway_free(gw);
        return rc;
    }
    *out = gw;
    return AIGW_OK;
}

int aigw_gateway_reload(aigw_gateway *gw, aigw_slice config, aigw_error *err)
{
    if (!gw)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_gateway_reload wants a gateway");
    pthread_mutex_lock(&gw->reloading);
    int rc = load(gw, config, err);
    pthread_mutex_unlock(&gw->reloading);
    return rc;
}

aigw_gateway *aigw_gateway_ref(aigw_gateway *gw)
{
    __atomic_add_fetch(&gw->refs, 1, __ATOMIC_RELAXED);
    return gw;
}

void aigw_gateway_free(aigw_gateway *gw)
{
    if (!gw || __atomic_sub_fetch(&gw->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    gw_live_free(gw->live);
    gw_jwt_cache_free(gw->cache);
    gw_metrics_free(gw->metrics);
    gw_waf_books_free(gw->waf);
    pthread_mutex_destroy(&gw->reloading);
    pthread_mutex_destroy(&gw->lock);
    gw_sources_free(&gw->sources);
    gw_free(gw);
}

int aigw_metrics_render(aigw_gateway *gw, aigw_slice *out, aigw_error *err)
{
    if (!gw || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_metrics_render wants both");
    gw_buf text;
    gw_buf_init(&text, (size_t)1 << 20);
    gw_metrics_render(gw->metrics, &text);
    gw_waf_books_render(gw->waf, &text);
    gw_live *live = gw_gateway_live(gw, NULL);
    gw_keys_metrics(live, &text);
    gw_screen_lists_metrics(live->screen.lists, gw_unix_s(&gw->clock), &text);
    gw_quota_metrics(live, &text);
    gw_sources_render(&gw->sources, &text);
    gw_live_free(live);
    if (text.failed) {
        gw_buf_free(&text);
        return gw_fail_nomem(err);
    }
    *out = gw_buf_steal(&text);
    gw_buf_free(&text);
    return AIGW_OK;
}
