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
#include "rim/keys_answer.h"
#include "rim/keys_file.h"
#include <pthread.h>

#define COOLDOWN_MS   10000            /* between attempts; stamped before each */
#define STALE_MS      (24 * 3600 * 1000LL) /* behind a set's life, while its issuer is down */
#define FOUND_MS      (3600 * 1000LL)      /* how long a discovered address is not asked for again */
#define BACKOFF_STEPS 3 /* the cooldown of background refreshes doubles so often */
#define CONNECT_MS    2000
#define TOTAL_MS      5000
#define NEVER         (INT64_MIN / 2)

struct gw_keys {
    pthread_mutex_t lock;
    unsigned refs; /* the owner, and the fetch that runs */
    gw_clock clock;
    gw_log log;
    bool remote;
    char *ca_file;
    gw_net *allowed; /* of egress */
    gw_egress_policy egress;
    bool judged;            /* by egress */
    char *url;              /* of the key set, or of the discovery document */
    char *issuer;           /* with discovery: whose document it must be; else NULL */
    bool http_ok;           /* the discovery document itself comes in clear, from loopback */
    gw_http_target *discovery;
    /* With discovery these belong to the fetch that runs. */
    gw_http_target *target; /* the key set; NULL: not discovered yet */
    int64_t found_ms;
    bool search; /* the address failed: discover it anew */
    gw_keys_file file;      /* path NULL: none */
    aigw_jwks *set;
    int64_t set_ms, life_ms, refresh_ms; /* when it came; for how long; when to renew it */
    int64_t attempt_ms;         /* start of the last attempt */
    unsigned failed_in_row;
    bool fetching;
    gw_keys_waiter *waiters;
    uint64_t fetches;
    uint64_t failures_by[GW_KEYS_PHASES];
};

/* One fetch: of the discovery document if need be, then of the key set; owns a reference to the keys. */
typedef struct fetch {
    gw_keys *keys;
    const gw_transport *transport;
    void *transport_self;
    bool discovering;
    gw_buf body;
    int status;
    int64_t life_ms;
} fetch;

static const char *const phases[GW_KEYS_PHASES] = {
    "dns",   "connect", "egress",    "tls",  "timeout", "broken", "too_large", "status",
    "parse", "issuer",  "discovery", "file", "start",   "other"};

const char *gw_keys_phase(size_t phase)
{
    return phases[phase];
}

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
    gw_http_target_free(keys->discovery);
    gw_free(keys->issuer);
    gw_free(keys->ca_file);
    gw_free(keys->allowed);
    gw_keys_file_free(&keys->file);
    gw_free(keys->url);
    gw_free(keys);
}

/* Without a query, where some keep a key. */
static aigw_slice source_of(const gw_keys *keys)
{
    aigw_slice source = aigw_slice_of(keys->url ? keys->url : keys->file.path);
    return keys->url ? gw_cut(&source, '?') : source;
}

/* Counts and logs it. */
static void failed(gw_keys *keys, const char *phase, int status, const char *detail)
{
    gw_log_field fields[] = {
        GW_LOG_TEXT("source", source_of(keys)),
        GW_LOG_TEXT("phase", aigw_slice_of(phase)),
        GW_LOG_INT("status", status),
        GW_LOG_TEXT("detail", aigw_slice_of(detail)),
    };
    size_t i = 0;

    while (i < GW_KEYS_PHASES - 1 && strcmp(phases[i], phase) != 0)
        i++;
    pthread_mutex_lock(&keys->lock);
    keys->failures_by[i]++;
    pthread_mutex_unlock(&keys->lock);
    gw_log_event(&keys->log, AIGW_LOG_WARN, "keys_fetch_failed", fields, 4);
}

/* At 75 % of its life, up to a tenth earlier: loops of many processes should not fetch in step. */
static int64_t refresh_time(int64_t now, int64_t life_ms)
{
    uint16_t dice = 0;
    int64_t wait = life_ms / 4 * 3;

    if (!gw_random(&dice, sizeof dice))
        dice = 0;
    return now + wait - wait / 10 * dice / UINT16_MAX;
}

/* Ends an attempt: takes the new set (NULL: it failed) and tells everybody who waits. */
static void complete(gw_keys *keys, aigw_jwks *set, int64_t life_ms)
{
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    aigw_jwks *old = NULL;
    if (set) {
        /* The same set again keeps its generation, and with it the tokens that are cached for it. */
        bool same = keys->set && gw_jwks_same(keys->set, set);
        old = same ? set : keys->set;
        keys->set = same ? keys->set : set;
        keys->set_ms = now;
        keys->life_ms = life_ms;
        keys->refresh_ms = refresh_time(now, life_ms);
        keys->failed_in_row = 0;
    } else {
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

    f->status = status;
    f->life_ms = gw_keys_life_ms(headers, header_count);
}

static bool on_data(void *user, aigw_slice bytes)
{
    fetch *f = user;

    gw_buf_add(&f->body, bytes);
    return true;
}

/* Is there a whole answer with status 200? Else the failure is logged. */
static bool answered(const fetch *f, gw_http_failure failure)
{
    if (gw_http_is_egress(failure))
        failed(f->keys, "egress", f->status, gw_http_failure_name(failure));
    else if (failure != GW_HTTP_OK)
        failed(f->keys, gw_http_failure_name(failure), f->status, "");
    else if (f->status != 200)
        failed(f->keys, "status", f->status, "");
    else if (f->body.failed)
        failed(f->keys, "too_large", f->status, "");
    else
        return true;
    return false;
}

/* The set that an answer holds; NULL, with a log line, if it holds none. */
static aigw_jwks *judge(const fetch *f, gw_http_failure failure)
{
    aigw_error err = {0};
    aigw_jwks *set = NULL;

    if (!answered(f, failure))
        return NULL;
    if (aigw_jwks_parse(gw_buf_slice(&f->body), &set, &err) != AIGW_OK) {
        failed(f->keys, "parse", f->status, err.reason);
    } else if (aigw_jwks_count(set) == 0) {
        aigw_jwks_free(set);
        set = NULL;
        failed(f->keys, "parse", f->status, "no usable key");
    }
    return set;
}

/* found: its address was read in the discovery document. */
static int new_target(const gw_keys *keys, aigw_slice url, bool found, gw_http_target **out,
                      aigw_error *err)
{
    const aigw_header headers[] = {{GW_S("accept"), GW_S("application/json")},
                                   {GW_S("user-agent"), GW_S("aigw/" AIGW_VERSION)}};
    gw_http_target_options options = {.url = url,
                                      .headers = headers,
                                      .header_count = 2,
                                      .ca_file = keys->ca_file,
                                      .connect_timeout_ms = CONNECT_MS,
                                      .egress = keys->judged ? &keys->egress : NULL,
                                      .foreign = found,
                                      .found_at = keys->discovery};

    return gw_http_target_new(&options, out, err);
}

/* Takes the key set's address from a discovery document. */
static bool learn(const fetch *f, gw_http_failure failure)
{
    gw_keys *keys = f->keys;
    aigw_error err = {0};
    gw_http_target *target = NULL;
    char *url = NULL;

    if (!answered(f, failure))
        return false;
    int code = gw_keys_discovered(gw_buf_slice(&f->body), aigw_slice_of(keys->issuer),
                                  keys->http_ok, &url, &err);
    if (code == AIGW_OK)
        code = new_target(keys, aigw_slice_of(url), true, &target, &err);
    gw_free(url);
    if (code != AIGW_OK) {
        bool stranger = strcmp(err.reason, "wrong_issuer") == 0;
        failed(keys, stranger ? "issuer" : "discovery", f->status, err.message);
        return false;
    }
    gw_http_target_free(keys->target);
    keys->target = target;
    keys->found_ms = gw_now_ms(&keys->clock);
    return true;
}

static void end(fetch *f, aigw_jwks *set)
{
    f->keys->search = !set;
    complete(f->keys, set, f->life_ms);
    gw_buf_free(&f->body);
    unref(f->keys);
    gw_free(f);
}

static void on_end(void *user, gw_http_failure failure, bool sent);

static void ask(fetch *f)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    gw_http_request request = {.target = f->discovering ? f->keys->discovery : f->keys->target,
                               .method = "GET",
                               .total_timeout_ms = TOTAL_MS,
                               .max_body_bytes = GW_KEYS_MAX_BYTES};
    gw_transfer *transfer = NULL;
    aigw_error err = {0};

    gw_buf_clear(&f->body);
    f->status = 0;
    if (f->transport->start(f->transport_self, &request, &handler, f, &transfer, &err) ==
        AIGW_OK)
        return;
    failed(f->keys, "start", 0, err.reason);
    end(f, NULL);
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    fetch *f = user;

    (void)sent;
    if (!f->discovering) {
        end(f, judge(f, failure));
    } else if (learn(f, failure) || (f->keys->target && failure != GW_HTTP_OTHER)) {
        f->discovering = false; /* without an answer the address of last time is still good */
        ask(f);
    } else {
        end(f, NULL);
    }
}

/* The caller has set `fetching`. An attempt that cannot start ends here. */
static void start(gw_keys *keys, const gw_transport *transport, void *transport_self)
{
    fetch *f = gw_calloc(1, sizeof *f);

    if (!f) {
        failed(keys, "start", 0, "no memory");
        complete(keys, NULL, 0);
        return;
    }
    gw_buf_init(&f->body, GW_KEYS_MAX_BYTES);
    pthread_mutex_lock(&keys->lock);
    keys->refs++;
    keys->fetches++;
    pthread_mutex_unlock(&keys->lock);
    f->keys = keys;
    f->transport = transport;
    f->transport_self = transport_self;
    f->discovering = keys->discovery && (!keys->target || keys->search ||
                                         gw_now_ms(&keys->clock) - keys->found_ms > FOUND_MS);
    ask(f);
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
        failed(keys, err.code == AIGW_E_PARSE ? "parse" : "file", 0, err.message);
    complete(keys, set, GW_KEYS_LIFE_MS);
}

static void attempt(gw_keys *keys, const gw_transport *transport, void *transport_self)
{
    if (keys->remote)
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

static int open_discovery(gw_keys *keys, const gw_keys_options *options, aigw_error *err)
{
    keys->url = gw_strdup(options->discovery_url);
    keys->issuer = gw_strdup(options->issuer);
    if (!keys->url || !keys->issuer)
        return gw_fail_nomem(err);
    keys->http_ok = gw_starts_nocase(options->discovery_url, GW_S("http://"));
    return new_target(keys, options->discovery_url, false, &keys->discovery, err);
}

static bool copy_egress(gw_keys *keys, const gw_egress_policy *egress)
{
    keys->judged = egress != NULL;
    if (!egress || egress->allowed_count == 0)
        return true;
    keys->allowed = gw_calloc(egress->allowed_count, sizeof *keys->allowed);
    if (!keys->allowed)
        return false;
    memcpy(keys->allowed, egress->allowed, egress->allowed_count * sizeof *keys->allowed);
    keys->egress = (gw_egress_policy){keys->allowed, egress->allowed_count};
    return true;
}

static int open_source(gw_keys *keys, const gw_keys_options *options, aigw_error *err)
{
    if (!copy_egress(keys, options->egress))
        return gw_fail_nomem(err);
    if (options->ca_file && !(keys->ca_file = gw_strdup(aigw_slice_of(options->ca_file))))
        return gw_fail_nomem(err);
    keys->remote = options->discovery_url.len > 0 || options->url.len > 0;
    if (options->discovery_url.len > 0)
        return open_discovery(keys, options, err);
    if (options->url.len > 0) {
        keys->url = gw_strdup(options->url);
        return keys->url ? new_target(keys, options->url, false, &keys->target, err)
                         : gw_fail_nomem(err);
    }
    if (options->file.len == 0)
        return aigw_jwks_parse(options->inline_json, &keys->set, err);
    int code = gw_keys_file_open(&keys->file, options->file, err);
    return code == AIGW_OK ? gw_keys_file_read(&keys->file, &keys->set, err) : code;
}

int gw_keys_new(const gw_keys_options *options, gw_keys **out, aigw_error *err)
{
    gw_keys *keys = gw_calloc(1, sizeof *keys);

    if (!keys)
        return gw_fail_nomem(err);
    pthread_mutex_init(&keys->lock, NULL);
    keys->refs = 1;
    keys->clock = options->clock ? *options->clock : gw_clock_of(NULL);
    keys->log = options->log ? *options->log : gw_log_of(NULL);
    keys->attempt_ms = NEVER;
    keys->set_ms = gw_now_ms(&keys->clock);
    int code = open_source(keys, options, err);
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

/* With the lock held. What is in a file or in place does not grow old. */
static bool is_usable(const gw_keys *keys, int64_t now)
{
    return keys->set && !(keys->remote && now - keys->set_ms > keys->life_ms + STALE_MS);
}

aigw_jwks *gw_keys_get(gw_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    aigw_jwks *set =
        is_usable(keys, gw_now_ms(&keys->clock)) ? gw_jwks_ref(keys->set) : NULL;
    pthread_mutex_unlock(&keys->lock);
    return set;
}

void gw_keys_stats_get(gw_keys *keys, gw_keys_stats *out)
{
    pthread_mutex_lock(&keys->lock);
    *out = (gw_keys_stats){.fetches = keys->fetches,
                           .age_ms = keys->set ? gw_now_ms(&keys->clock) - keys->set_ms : -1,
                           .keys = aigw_jwks_count(keys->set)};
    for (size_t i = 0; i < GW_KEYS_PHASES; i++) {
        out->failures_by[i] = keys->failures_by[i];
        out->failures += keys->failures_by[i];
    }
    pthread_mutex_unlock(&keys->lock);
}

bool gw_keys_request(gw_keys *keys, bool unknown_kid, gw_loop *loop, const gw_transport *transport,
                     void *transport_self, gw_keys_waiter *waiter, void (*fn)(void *), void *user)
{
    if (!keys->remote && !keys->file.path)
        return false;
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    bool came = is_usable(keys, now) && !unknown_kid; /* since the caller looked */
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
    if (!keys->remote && !keys->file.path)
        return;
    pthread_mutex_lock(&keys->lock);
    int64_t now = gw_now_ms(&keys->clock);
    unsigned steps = keys->failed_in_row < BACKOFF_STEPS ? keys->failed_in_row : BACKOFF_STEPS;
    bool due = keys->remote ? keys->set && now >= keys->refresh_ms : true;
    bool mine = due && claim(keys, now, (int64_t)COOLDOWN_MS << steps);
    pthread_mutex_unlock(&keys->lock);
    if (mine)
        attempt(keys, transport, transport_self);
}
