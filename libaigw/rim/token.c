/*
 * A token source: one fetch at a time, its result shared, kept, renewed early, bridged when renewing fails.
 *
 * Must not know what a token says, how it is asked for, nor who uses it.
 */
#include "rim/token_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/token_answer.h"

#define TOTAL_MS         15000
#define RETRY_MS         500
#define MARGIN_S         60   /* renewed at 75 % of its life, and this long before its end */
#define LAST_USE_MS      5000 /* while renewing fails, handed out until this close to its end */
#define BACKOFF_MIN_MS   1000
#define BACKOFF_MAX_MS   30000
#define RETRY_AFTER_MS   300000 /* the longest that an endpoint may send us away for */
#define DROP_COOLDOWN_MS 10000
#define NEVER            (INT64_MIN / 2)

struct aigw_token_source {
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned refs;
    gw_clock clock;
    const gw_log *log;
    gw_token_request request;
    int timeout_ms, retry_ms;
    bool fetching;
    uint64_t rounds; /* fetches that have ended */
    int last_code;   /* of the last round */
    aigw_error last_error;
    gw_secret token;       /* unset: none */
    gw_secret round_token; /* of the last round, for those who waited on it; life may be unknown */
    int64_t round_expires_unix_s;
    uint64_t serial;            /* of the token that came last */
    int64_t got_ms, got_unix_s; /* when `token` came, by both clocks */
    int64_t life_s, renew_ms;   /* its life; at which age to renew it */
    int64_t retry_ms_at;        /* not before, after a failure */
    int64_t backoff_ms;
    int64_t dropped_ms;
    gw_buf last_body; /* of the last answer that was not 2xx */
    gw_token_waiter *waiters;
};

static void unref(aigw_token_source *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned left = --s->refs;
    pthread_mutex_unlock(&s->lock);
    if (left > 0)
        return;
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->done);
    gw_token_request_clear(&s->request);
    gw_secret_free(&s->token);
    gw_secret_free(&s->round_token);
    gw_buf_free(&s->last_body);
    gw_free(s);
}

/* ---- the kept token; with the lock held ---- */

/* By the clock that shows more: a machine may sleep, and a wall clock may be set. */
static int64_t age_ms(const aigw_token_source *s)
{
    int64_t running = gw_now_ms(&s->clock) - s->got_ms;
    int64_t wall = (gw_unix_s(&s->clock) - s->got_unix_s) * 1000;

    return running > wall ? running : wall;
}

static bool usable(const aigw_token_source *s)
{
    return s->token.data && age_ms(s) + LAST_USE_MS < s->life_s * 1000;
}

static bool due(const aigw_token_source *s)
{
    return age_ms(s) >= s->renew_ms;
}

static bool backing_off(const aigw_token_source *s)
{
    return s->last_code != AIGW_OK && gw_now_ms(&s->clock) < s->retry_ms_at;
}

/* At 75 % of its life, up to a tenth earlier: many processes should not fetch in step. */
static int64_t renew_time(int64_t life_s)
{
    uint16_t dice = 0;
    int64_t margin = life_s / 4 > MARGIN_S ? life_s / 4 : MARGIN_S;
    int64_t wait = (life_s - (margin < life_s / 2 ? margin : life_s / 2)) * 1000;

    if (!gw_random(&dice, sizeof dice))
        dice = 0;
    return wait - wait / 10 * dice / UINT16_MAX;
}

static void keep(aigw_token_source *s, const gw_secret *token, int64_t life_s)
{
    gw_secret_free(&s->token);
    if (life_s <= 0 || !gw_secret_set(&s->token, gw_slice(token->data, token->len)))
        return;
    s->got_ms = gw_now_ms(&s->clock);
    s->got_unix_s = gw_unix_s(&s->clock);
    s->life_s = life_s;
    s->renew_ms = renew_time(life_s);
}

static void back_off(aigw_token_source *s, int64_t retry_after_s)
{
    int64_t next = s->backoff_ms * 2, asked = retry_after_s * 1000;

    s->backoff_ms = next < BACKOFF_MIN_MS ? BACKOFF_MIN_MS : next;
    if (s->backoff_ms > BACKOFF_MAX_MS)
        s->backoff_ms = BACKOFF_MAX_MS;
    if (asked > RETRY_AFTER_MS)
        asked = RETRY_AFTER_MS;
    s->retry_ms_at = gw_now_ms(&s->clock) + (asked > s->backoff_ms ? asked : s->backoff_ms);
}

/* The endpoint without its query, where some keep a key. */
static void log_failure(const aigw_token_source *s, const aigw_error *error)
{
    aigw_slice query = aigw_slice_of(s->request.endpoint), endpoint = gw_cut(&query, '?');
    gw_log_field fields[] = {
        GW_LOG_TEXT("endpoint", endpoint),
        GW_LOG_TEXT("client_id", aigw_slice_of(s->request.client_id)),
        GW_LOG_TEXT("phase", aigw_slice_of(error->reason)),
        GW_LOG_INT("status", error->http_status),
    };

    if (s->log)
        gw_log_event(s->log, AIGW_LOG_WARN, "token_fetch_failed", fields, 4);
}

/* Ends a round: keeps what came, tells everybody who waits. A gw_token_done_fn. */
static void complete(void *user, gw_token_outcome *o)
{
    aigw_token_source *s = user;

    if (o->code != AIGW_OK)
        log_failure(s, &o->error);
    pthread_mutex_lock(&s->lock);
    s->rounds++;
    s->last_code = o->code;
    s->last_error = o->error;
    gw_secret_free(&s->round_token);
    gw_buf_free(&s->last_body);
    s->last_body = o->refused;
    o->refused = (gw_buf){0};
    if (o->code == AIGW_OK) {
        s->serial++;
        s->backoff_ms = 0;
        s->round_expires_unix_s = o->life_s > 0 ? gw_unix_s(&s->clock) + o->life_s : 0;
        keep(s, &o->token, o->life_s);
        s->round_token = o->token;
        o->token = (gw_secret){0};
    } else if (o->code == AIGW_E_CANCELLED) {
        s->retry_ms_at = NEVER; /* a loop went away: says nothing of the endpoint */
    } else {
        back_off(s, o->retry_after_s);
    }
    s->fetching = false;
    for (gw_token_waiter *w = s->waiters; w; w = w->next) {
        w->done = true;
        gw_loop_wake(w->port->loop); /* a loop is freed after its waiters are cancelled */
    }
    pthread_cond_broadcast(&s->done);
    pthread_mutex_unlock(&s->lock);
    gw_token_outcome_clear(o);
    unref(s);
}

/* The caller has set `fetching` and counted a reference. */
static void start(aigw_token_source *s, gw_token_port *port, const gw_clock *clock)
{
    gw_token_job job = {.request = &s->request,
                        .clock = *clock,
                        .timeout_ms = s->timeout_ms,
                        .retry_ms = s->retry_ms,
                        .done = complete,
                        .user = s};

    gw_token_fetch_start(port, &job);
}

/* With the lock held: claims the right to a round. */
static bool claim(aigw_token_source *s)
{
    if (s->fetching || backing_off(s))
        return false;
    s->fetching = true;
    s->refs++;
    return true;
}

/* ---- blocking ---- */

/* One round on a loop of its own; with `fetching` set and a reference counted. */
static void run_round(aigw_token_source *s)
{
    gw_clock real = gw_clock_of(NULL); /* waiting is real, whatever time the host shows */
    gw_http *http = NULL;
    gw_token_port port = {.transport = &gw_http_transport};
    gw_token_outcome outcome = {.code = AIGW_E_NOMEM};

    port.loop = gw_loop_new(&real);
    if (!port.loop)
        gw_fail_nomem(&outcome.error);
    else
        outcome.code = gw_http_new(port.loop, &http, &outcome.error);
    if (outcome.code != AIGW_OK) {
        complete(s, &outcome);
    } else {
        port.transport_self = http;
        start(s, &port, &s->clock);
        while (port.fetches)
            gw_loop_wait(port.loop, -1);
    }
    gw_http_free(http);
    gw_loop_free(port.loop);
}

static int hand_out(const gw_secret *token, int64_t expires_unix_s, aigw_token *out,
                    aigw_error *err)
{
    char *copy = gw_alloc(token->len + 1);

    if (!copy)
        return gw_fail_nomem(err);
    memcpy(copy, token->data, token->len);
    copy[token->len] = '\0';
    *out = (aigw_token){copy, expires_unix_s};
    return AIGW_OK;
}

static int hand_out_kept(const aigw_token_source *s, aigw_token *out, aigw_error *err)
{
    return hand_out(&s->token, s->got_unix_s + s->life_s, out, err);
}

static int hand_out_error(const aigw_token_source *s, aigw_error *err)
{
    if (err)
        *err = s->last_error;
    return s->last_code;
}

/* With the lock held: runs a round, or waits for the one that runs. */
static int after_round(aigw_token_source *s, aigw_token *out, aigw_error *err)
{
    uint64_t round = s->rounds;

    if (claim(s)) {
        pthread_mutex_unlock(&s->lock);
        run_round(s);
        pthread_mutex_lock(&s->lock);
    } else if (!s->fetching) {
        return hand_out_error(s, err);
    }
    while (s->rounds == round) /* bounded by the fetch's own timeout */
        pthread_cond_wait(&s->done, &s->lock);
    if (s->last_code == AIGW_OK)
        return hand_out(&s->round_token, s->round_expires_unix_s, out, err);
    return usable(s) ? hand_out_kept(s, out, err) : hand_out_error(s, err);
}

int aigw_token_get(aigw_token_source *source, aigw_token *out, aigw_error *err)
{
    if (!source || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_token_get wants a source and an out");
    pthread_mutex_lock(&source->lock);
    bool old_will_do = !due(source) || source->fetching || backing_off(source);
    int code = usable(source) && old_will_do ? hand_out_kept(source, out, err)
                                             : after_round(source, out, err);
    pthread_mutex_unlock(&source->lock);
    return code;
}

/* ---- on the caller's loop ---- */

static void take_out(gw_token_waiter *w)
{
    *(w->prev ? &w->prev->next : &w->source->waiters) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    *(w->port_prev ? &w->port_prev->port_next : &w->port->waiters) = w->port_next;
    if (w->port_next)
        w->port_next->port_prev = w->port_prev;
    w->waiting = false;
}

static void put_in(aigw_token_source *s, gw_token_port *port, gw_token_waiter *w)
{
    w->next = s->waiters;
    if (w->next)
        w->next->prev = w;
    s->waiters = w;
    w->port_next = port->waiters;
    if (w->port_next)
        w->port_next->port_prev = w;
    port->waiters = w;
    w->waiting = true;
}

/* What a caller gets, copied so that fn runs without the lock. */
typedef struct result {
    gw_secret token;
    uint64_t serial;
    aigw_error error;
} result;

static void take_result(const aigw_token_source *s, const gw_secret *token, result *r)
{
    r->serial = s->serial;
    r->error = s->last_error;
    if (token && !gw_secret_set(&r->token, gw_slice(token->data, token->len)))
        gw_fail_nomem(&r->error);
}

static void give(result *r, gw_token_fn *fn, void *user)
{
    fn(user, gw_slice(r->token.data, r->token.len), r->serial, &r->error);
    gw_secret_free(&r->token);
}

void gw_token_ask(aigw_token_source *s, gw_token_port *port, gw_token_waiter *waiter,
                  gw_token_fn *fn, void *user)
{
    result r = {.serial = 0};

    pthread_mutex_lock(&s->lock);
    bool have = usable(s);
    bool mine = (!have || due(s)) && claim(s);
    bool wait = !have && s->fetching;
    if (wait) {
        *waiter = (gw_token_waiter){.port = port, .source = s, .fn = fn, .user = user};
        put_in(s, port, waiter);
    } else {
        take_result(s, have ? &s->token : NULL, &r);
    }
    pthread_mutex_unlock(&s->lock);
    if (mine)
        start(s, port, &s->clock); /* wakes this loop when it is over: the waiter is told then */
    if (!wait)
        give(&r, fn, user);
}

void gw_token_cancel(gw_token_waiter *w)
{
    if (!w->waiting) /* written by the waiter's own thread only */
        return;
    aigw_token_source *s = w->source;
    pthread_mutex_lock(&s->lock);
    take_out(w);
    pthread_mutex_unlock(&s->lock);
}

/* Takes a waiter that is done off the lists; NULL: there is none. */
static gw_token_waiter *next_done(gw_token_port *port, result *r)
{
    gw_token_waiter *next;

    for (gw_token_waiter *w = port->waiters; w; w = next) {
        aigw_token_source *s = w->source;
        next = w->port_next;
        pthread_mutex_lock(&s->lock);
        bool done = w->done;
        if (done) {
            take_out(w);
            take_result(s,
                        s->last_code == AIGW_OK ? &s->round_token
                        : usable(s)             ? &s->token
                                                : NULL,
                        r);
        }
        pthread_mutex_unlock(&s->lock);
        if (done)
            return w;
    }
    return NULL;
}

void gw_token_dispatch(gw_token_port *port)
{
    result r = {.serial = 0};
    gw_token_waiter *w;

    while ((w = next_done(port, &r))) {
        give(&r, w->fn, w->user);
        r = (result){.serial = 0};
    }
}

bool gw_token_drop(aigw_token_source *s, uint64_t serial)
{
    pthread_mutex_lock(&s->lock);
    int64_t now = gw_now_ms(&s->clock);
    bool newer = serial != s->serial;
    bool drop = !newer && now - s->dropped_ms >= DROP_COOLDOWN_MS;
    if (drop) {
        s->dropped_ms = now;
        gw_secret_free(&s->token);
    }
    pthread_mutex_unlock(&s->lock);
    return newer || drop;
}

/* ---- making and freeing ---- */

int gw_token_source_new(const gw_token_options *options, aigw_token_source **out, aigw_error *err)
{
    aigw_token_source *s = gw_calloc(1, sizeof *s);

    if (!s)
        return gw_fail_nomem(err);
    int code = gw_token_request_make(options, &s->request, err);
    if (code != AIGW_OK) {
        gw_free(s);
        return code;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->done, NULL);
    gw_buf_init(&s->last_body, GW_TOKEN_MAX_ANSWER_BYTES);
    s->refs = 1;
    s->clock = gw_clock_of(options->host);
    s->log = options->log;
    s->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TOTAL_MS;
    s->retry_ms = options->retry_ms > 0 ? options->retry_ms : RETRY_MS;
    s->retry_ms_at = s->dropped_ms = NEVER;
    *out = s;
    return AIGW_OK;
}

aigw_token_source *gw_token_source_ref(aigw_token_source *source)
{
    pthread_mutex_lock(&source->lock);
    source->refs++;
    pthread_mutex_unlock(&source->lock);
    return source;
}

void gw_token_source_set_log(aigw_token_source *source, const gw_log *log)
{
    source->log = log;
}

bool gw_token_source_equal(const aigw_token_source *a, const aigw_token_source *b)
{
    return strcmp(a->request.fingerprint, b->request.fingerprint) == 0;
}

const char *aigw_token_source_fingerprint(const aigw_token_source *source)
{
    return source ? source->request.fingerprint : "";
}

aigw_slice aigw_token_last_body(aigw_token_source *source)
{
    aigw_slice body = {NULL, 0};

    pthread_mutex_lock(&source->lock);
    aigw_slice kept = gw_buf_slice(&source->last_body);
    char *copy = kept.len > 0 ? gw_alloc(kept.len) : NULL;
    if (copy) {
        memcpy(copy, kept.data, kept.len);
        body = gw_slice(copy, kept.len);
    }
    pthread_mutex_unlock(&source->lock);
    return body;
}

void aigw_token_free(aigw_token *token)
{
    if (!token || !token->value)
        return;
    gw_wipe(token->value, strlen(token->value));
    gw_free(token->value);
    token->value = NULL;
}

void aigw_token_source_free(aigw_token_source *source)
{
    if (source)
        unref(source);
}
