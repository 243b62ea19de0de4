/*
 * The key set of one issuer, shared by the loops: one fetches, the others wait, the last good set stays.
 *
 * Must not know what a token is, nor how bytes travel.
 */
#include "rim/keys.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/keys_file.h"
#include <pthread.h>

#define COOLDOWN_MS   10000            /* between attempts; stamped before each */
#define LIFE_MS       (10 * 60 * 1000) /* of a fetched set; refreshed at 75 % of it */
#define STALE_MS      (24 * 3600 * 1000LL)
#define BACKOFF_STEPS 3 /* the cooldown of background refreshes doubles so often */
#define CONNECT_MS    2000
#define TOTAL_MS      5000
#define NEVER         (INT64_MIN / 2)

struct gw_keys {
    pthread_mutex_t lock;
    unsigned refs; /* the owner, and the fetch that runs */
    gw_clock clock;
    gw_log log;
    char *url;
    gw_http_target *target; /* of the URL */
    gw_keys_file file;      /* path NULL: none */
    aigw_jwks *set;
    int64_t set_ms, refresh_ms; /* when it came; when to renew it */
    int64_t attempt_ms;         /* start of the last attempt */
    unsigned failed_in_row;
    bool fetching;
    gw_keys_waiter *waiters;
    uint64_t fetches, failures;
};

/* One fetch of a URL; owns a reference to the keys. */
typedef struct fetch {
    gw_keys *keys;
    gw_buf body;
    int status;
} fetch;

static void unref(gw_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    unsigned left = --keys->refs;
    pthread_mutex_unlock(&keys->lock);
    if (left > 0)
        return;
    pthread_mutex_destroy(&keys->lock);
    aigw_jwks_free(keys->set);
    gw_http_target_free(keys->target);
    gw_keys_file_free(&keys->file);
    gw_free(keys->url);
    gw_free(keys);
}

static void log_failure(const gw_keys *keys, const char *phase, int status, const char *detail)
{
    gw_log_field fields[] = {
        GW_LOG_TEXT("source", aigw_slice_of(keys->url ? keys->url : keys->file.path)),
        GW_LOG_TEXT("phase", aigw_slice_of(phase)),
        GW_LOG_INT("status", status),
        GW_LOG_TEXT("detail", aigw_slice_of(detail)),
    };

    gw_log_event(&keys->log, AIGW_LOG_WARN, "keys_fetch_failed", fields, 4);
}

/* At 75 % of its life, up to a tenth earlier: loops of many processes should not fetch in step. */
static int64_t refresh_time(int64_t now)
{
    uint16_t dice = 0;
    int64_t wait = LIFE_MS / 4 * 3;

    if (!gw_random(&dice, sizeof dice))
        dice = 0;
    return now + wait - wait / 10 * dice / UINT16_MAX;
}

/* Ends an attempt: takes the new set (NULL: it failed) and tells everybody who waits. */
static void complete(gw_keys *keys, aigw_jwks *set)
{
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    aigw_jwks *old = NULL;
    if (set) {
        old = keys->set;
        keys->set = set;
        keys->set_ms = now;
        keys->refresh_ms = refresh_time(now);
        keys->failed_in_row = 0;
    } else {
        keys->failures++;
        keys->failed_in_row++;
    }
    keys->fetching = false;
    for (gw_keys_waiter *w = keys->waiters; w; w = w->next) {
        w->done = true;
        gw_loop_wake(w->loop); /* under the lock: a loop is freed after its waiters are cancelled */
    }
    pthread_mutex_unlock(&keys->lock);
    aigw_jwks_free(old);
}

/* ---- a fetch by URL ---- */

static void on_head(void *user, int status, const aigw_header *headers, size_t header_count)
{
    fetch *f = user;

    (void)headers;
    (void)header_count;
    f->status = status;
}

static bool on_data(void *user, aigw_slice bytes)
{
    fetch *f = user;

    gw_buf_add(&f->body, bytes);
    return true;
}

/* The set that an answer holds; NULL, with a log line, if it holds none. */
static aigw_jwks *judge(const fetch *f, gw_http_failure failure)
{
    aigw_error err = {0};
    aigw_jwks *set = NULL;

    if (failure != GW_HTTP_OK) {
        log_failure(f->keys, gw_http_failure_name(failure), f->status, "");
    } else if (f->status != 200) {
        log_failure(f->keys, "status", f->status, "");
    } else if (f->body.failed) {
        log_failure(f->keys, "too_large", f->status, "");
    } else if (aigw_jwks_parse(gw_buf_slice(&f->body), &set, &err) != AIGW_OK) {
        log_failure(f->keys, "parse", f->status, err.reason);
    } else if (aigw_jwks_count(set) == 0) {
        aigw_jwks_free(set);
        set = NULL;
        log_failure(f->keys, "parse", f->status, "no usable key");
    }
    return set;
}

static void fetch_free(fetch *f)
{
    gw_buf_free(&f->body);
    unref(f->keys);
    gw_free(f);
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    fetch *f = user;

    (void)sent;
    complete(f->keys, judge(f, failure));
    fetch_free(f);
}

/* The caller has set `fetching`. An attempt that cannot start ends here. */
static void start(gw_keys *keys, const gw_transport *transport, void *transport_self)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    gw_http_request request = {.target = keys->target,
                               .method = "GET",
                               .total_timeout_ms = TOTAL_MS,
                               .max_body_bytes = GW_KEYS_MAX_BYTES};
    fetch *f = gw_calloc(1, sizeof *f);
    gw_transfer *transfer = NULL;
    aigw_error err = {0};

    if (!f) {
        log_failure(keys, "memory", 0, "");
        complete(keys, NULL);
        return;
    }
    gw_buf_init(&f->body, GW_KEYS_MAX_BYTES);
    pthread_mutex_lock(&keys->lock);
    keys->refs++;
    keys->fetches++;
    pthread_mutex_unlock(&keys->lock);
    f->keys = keys;
    if (transport->start(transport_self, &request, &handler, f, &transfer, &err) != AIGW_OK) {
        log_failure(keys, "start", 0, err.reason);
        complete(keys, NULL);
        fetch_free(f);
    }
}

/* ---- a reload of a file ---- */

/* An unchanged file is no failure: the set stays as it is. */
static void reload(gw_keys *keys)
{
    aigw_error err = {0};
    aigw_jwks *set = NULL;
    bool changed = gw_keys_file_changed(&keys->file);

    pthread_mutex_lock(&keys->lock);
    if (changed)
        keys->fetches++;
    else
        set = gw_jwks_ref(keys->set);
    pthread_mutex_unlock(&keys->lock);
    if (changed && gw_keys_file_read(&keys->file, &set, &err) != AIGW_OK)
        log_failure(keys, err.code == AIGW_E_PARSE ? "parse" : "file", 0, err.message);
    complete(keys, set);
}

static void attempt(gw_keys *keys, const gw_transport *transport, void *transport_self)
{
    if (keys->target)
        start(keys, transport, transport_self);
    else
        reload(keys);
}

/* With the lock held: claims the right to an attempt. */
static bool claim(gw_keys *keys, int64_t now, int64_t cooldown_ms)
{
    if (keys->fetching || now - keys->attempt_ms < cooldown_ms)
        return false;
    keys->attempt_ms = now;
    keys->fetching = true;
    return true;
}

/* ---- public ---- */

int gw_keys_new(const gw_keys_options *options, gw_keys **out, aigw_error *err)
{
    aigw_header accept = {GW_S("accept"), GW_S("application/json")};
    gw_http_target_options target = {.url = options->url,
                                     .headers = &accept,
                                     .header_count = 1,
                                     .ca_file = options->ca_file,
                                     .connect_timeout_ms = CONNECT_MS};
    gw_keys *keys = gw_calloc(1, sizeof *keys);
    int code = AIGW_OK;

    if (!keys)
        return gw_fail_nomem(err);
    pthread_mutex_init(&keys->lock, NULL);
    keys->refs = 1;
    keys->clock = options->clock ? *options->clock : gw_clock_of(NULL);
    keys->log = options->log ? *options->log : gw_log_of(NULL);
    keys->attempt_ms = NEVER;
    keys->set_ms = gw_now_ms(&keys->clock);
    if (options->url.len > 0) {
        keys->url = gw_strdup(options->url);
        code = keys->url ? gw_http_target_new(&target, &keys->target, err) : gw_fail_nomem(err);
    } else if (options->file.len > 0) {
        code = gw_keys_file_open(&keys->file, options->file, err);
        if (code == AIGW_OK)
            code = gw_keys_file_read(&keys->file, &keys->set, err);
    } else {
        code = aigw_jwks_parse(options->inline_json, &keys->set, err);
    }
    if (code != AIGW_OK) {
        unref(keys);
        return code;
    }
    *out = keys;
    return AIGW_OK;
}

void gw_keys_free(gw_keys *keys)
{
    if (keys)
        unref(keys);
}

aigw_jwks *gw_keys_get(gw_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    bool stale = keys->target && gw_now_ms(&keys->clock) - keys->set_ms > STALE_MS;
    aigw_jwks *set = keys->set && !stale ? gw_jwks_ref(keys->set) : NULL;
    pthread_mutex_unlock(&keys->lock);
    return set;
}

void gw_keys_stats_get(gw_keys *keys, gw_keys_stats *out)
{
    pthread_mutex_lock(&keys->lock);
    *out = (gw_keys_stats){keys->fetches, keys->failures,
                           keys->set ? gw_now_ms(&keys->clock) - keys->set_ms : -1};
    pthread_mutex_unlock(&keys->lock);
}

bool gw_keys_request(gw_keys *keys, bool unknown_kid, gw_loop *loop, const gw_transport *transport,
                     void *transport_self, gw_keys_waiter *waiter, void (*fn)(void *), void *user)
{
    if (!keys->target && !keys->file.path)
        return false;
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    bool usable = keys->set && !(keys->target && now - keys->set_ms > STALE_MS);
    bool came = usable && !unknown_kid; /* since the caller looked */
    bool mine = !came && claim(keys, now, COOLDOWN_MS);
    bool wait = came || keys->fetching;
    if (wait) {
        *waiter = (gw_keys_waiter){.next = keys->waiters,
                                   .fn = fn,
                                   .user = user,
                                   .loop = loop,
                                   .keys = keys,
                                   .waiting = true,
                                   .done = came};
        keys->waiters = waiter;
    }
    pthread_mutex_unlock(&keys->lock);
    if (came)
        gw_loop_wake(loop);
    if (mine)
        attempt(keys, transport, transport_self);
    return wait;
}

static void take_out(gw_keys *keys, gw_keys_waiter *waiter)
{
    gw_keys_waiter **at = &keys->waiters;

    while (*at && *at != waiter)
        at = &(*at)->next;
    if (*at)
        *at = waiter->next;
    waiter->next = NULL;
    waiter->waiting = false;
}

void gw_keys_cancel(gw_keys *keys, gw_keys_waiter *waiter)
{
    if (!keys || !waiter->waiting) /* written by the waiter's own thread only */
        return;
    pthread_mutex_lock(&keys->lock);
    take_out(keys, waiter);
    pthread_mutex_unlock(&keys->lock);
}

void gw_keys_dispatch(gw_keys *keys, gw_loop *loop)
{
    gw_keys_waiter *w;

    pthread_mutex_lock(&keys->lock);
    keys->refs++; /* a waiter may drop the last other one */
    do {
        for (w = keys->waiters; w && (w->loop != loop || !w->done); w = w->next)
            continue;
        if (!w)
            break;
        take_out(keys, w);
        void (*fn)(void *) = w->fn;
        void *user = w->user;
        pthread_mutex_unlock(&keys->lock);
        fn(user);
        pthread_mutex_lock(&keys->lock);
    } while (w);
    pthread_mutex_unlock(&keys->lock);
    unref(keys);
}

void gw_keys_tick(gw_keys *keys, gw_loop *loop, const gw_transport *transport, void *transport_self)
{
    (void)loop;
    if (!keys->target && !keys->file.path)
        return;
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    unsigned steps = keys->failed_in_row < BACKOFF_STEPS ? keys->failed_in_row : BACKOFF_STEPS;
    bool due = keys->target ? keys->set && now >= keys->refresh_ms : true;
    bool mine = due && claim(keys, now, (int64_t)COOLDOWN_MS << steps);
    pthread_mutex_unlock(&keys->lock);
    if (mine)
        attempt(keys, transport, transport_self);
}
