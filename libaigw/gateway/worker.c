/* Loops and the pool of exchanges. Must not know what a request is. */
#include "gateway/worker.h"
#include "base/error.h"
#include "gateway/state.h"
#include <stddef.h>
#include <string.h>

#define POOL_MAX       256
#define BUF_KEEP_BYTES ((size_t)32 << 10)
#define SETS_FRESH_MS  1000
#define WAKE_KEYS_MAX  64

/* -- the snapshot as this thread holds it -- */

bool gw_held_renew(gw_held *held, size_t issuer)
{
    if (issuer >= held->live->config->issuer_count)
        return false;
    aigw_jwks *now = gw_live_key_set(held->live, issuer);
    bool changed = now != held->sets[issuer];
    aigw_jwks_free(held->sets[issuer]);
    held->sets[issuer] = now;
    return changed;
}

const aigw_jwks *gw_held_keys(void *user, size_t issuer)
{
    const gw_held *held = user;
    return issuer < held->live->config->issuer_count ? held->sets[issuer] : NULL;
}

static bool link_tallies(aigw_loop *w, gw_held *held)
{
    for (size_t i = 0; i < GW_TALLIES; i++) {
        if (!held->live->tallies[i])
            continue;
        held->tallies[i] = gw_tally_link_open(&w->tallies, held->live->tallies[i]);
        if (!held->tallies[i])
            return false;
    }
    return true;
}

static gw_held *held_new(aigw_loop *w)
{
    aigw_gateway *gw = w->gw;
    gw_held *held = gw_calloc(1, sizeof *held);
    if (!held)
        return NULL;
    held->live = gw_gateway_live(gw, &held->version);
    size_t count = held->live->config->issuer_count;
    held->sets = gw_calloc(count ? count : 1, sizeof *held->sets);
    held->refs = 1;
    held->fresh_ms = INT64_MIN;
    if (held->sets && link_tallies(w, held))
        return held;
    gw_held_free(held);
    return NULL;
}

void gw_held_free(gw_held *held)
{
    if (!held || --held->refs > 0)
        return;
    for (size_t i = 0; held->sets && i < held->live->config->issuer_count; i++)
        aigw_jwks_free(held->sets[i]);
    for (size_t i = 0; i < GW_TALLIES; i++)
        gw_tally_link_close(held->tallies[i]);
    gw_free(held->sets);
    gw_live_free(held->live);
    gw_free(held);
}

static void held_refresh(aigw_loop *w, gw_held *held)
{
    int64_t now = gw_now_ms(w->clock);
    if (!held->live->gate.jwt_enabled ||
        (held->fresh_ms != INT64_MIN && now - held->fresh_ms < SETS_FRESH_MS))
        return;
    held->fresh_ms = now;
    for (size_t i = 0; i < held->live->config->issuer_count; i++) {
        gw_keys_tick(held->live->keys[i], w->loop, w->transport, w->transport_self);
        gw_held_renew(held, i);
    }
}

gw_held *gw_worker_held(aigw_loop *w)
{
    if (!w->held || w->held->version != gw_gateway_version(w->gw)) {
        gw_held *held = held_new(w);
        if (!held)
            return NULL;
        gw_held_free(w->held);
        w->held = held;
    }
    held_refresh(w, w->held);
    if (w->held->live->screen.lists)
        gw_screen_lists_tick(w->held->live->screen.lists, w->held->live->config->waf.check_ms,
                             w->clock, &w->held->live->log);
    w->held->refs++;
    return w->held;
}

/* -- waking: another thread's fetch of keys has ended -- */

static void woken(void *user)
{
    aigw_loop *w = user;
    gw_keys *keys[WAKE_KEYS_MAX];
    size_t count = 0;
    for (aigw_exchange *x = w->waiting; x; x = x->wait_next) {
        size_t i = 0;
        while (i < count && keys[i] != x->waiter.keys)
            i++;
        if (i < count || !x->waiter.keys)
            continue;
        if (count == WAKE_KEYS_MAX) {
            gw_loop_wake(w->loop); /* the rest in the next step */
            break;
        }
        keys[count++] = x->waiter.keys;
    }
    /* No exchange is freed meanwhile, so none of these goes away: `ready` runs from its own task. */
    for (size_t i = 0; i < count; i++)
        gw_keys_dispatch(keys[i], w->loop);
    gw_token_dispatch(&w->tokens);
}

/* -- the pool -- */

static void exchange_destroy(aigw_exchange *x)
{
    gw_buf_free(&x->out);
    gw_buf_free(&x->send);
    gw_arena_free(x->arena);
    gw_free(x);
}

aigw_exchange *gw_worker_take(aigw_loop *w)
{
    size_t max = w->held->live->config->max_exchange_bytes;
    aigw_exchange *x;
    while ((x = w->pool)) {
        w->pool = x->pool_next;
        w->pooled--;
        if (x->out.max == max) {
            x->pool_next = NULL;
            memset(&x->loop, 0, sizeof *x - offsetof(aigw_exchange, loop));
            return x;
        }
        exchange_destroy(x); /* from before a reload that changed the cap */
    }
    x = gw_calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->arena = gw_arena_new(max);
    if (!x->arena) {
        gw_free(x);
        return NULL;
    }
    gw_buf_init(&x->out, max);
    gw_buf_init(&x->send, max);
    return x;
}

/* Small memory stays for the next user. */
static void buf_reset(gw_buf *buf, size_t max)
{
    gw_buf_clear(buf);
    if (buf->cap > BUF_KEEP_BYTES) {
        gw_buf_free(buf);
        gw_buf_init(buf, max);
    }
}

void gw_worker_give(aigw_loop *w, aigw_exchange *x)
{
    size_t max = w->held ? w->held->live->config->max_exchange_bytes : 0;
    if (w->pooled >= POOL_MAX || x->out.max != max) {
        exchange_destroy(x);
        return;
    }
    gw_arena_reset(x->arena);
    buf_reset(&x->out, max);
    buf_reset(&x->send, max);
    x->pool_next = w->pool;
    w->pool = x;
    w->pooled++;
}

void gw_worker_set_transport(aigw_loop *w, const gw_transport *transport, void *self)
{
    w->transport = transport;
    w->transport_self = self;
    w->tokens.loop = w->loop;
    w->tokens.transport = transport;
    w->tokens.transport_self = self;
}

/* -- <aigw/loop.h> -- */

int aigw_loop_new(aigw_gateway *gw, aigw_loop **out, aigw_error *err)
{
    if (!gw || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "aigw_loop_new wants a gateway and an out");
    aigw_loop *w = gw_calloc(1, sizeof *w);
    if (!w)
        return gw_fail_nomem(err);
    w->gw = aigw_gateway_ref(gw);
    w->clock = gw_gateway_clock(gw);
    w->metrics = gw_gateway_metrics(gw);
    w->loop = gw_loop_new(w->clock);
    int rc = w->loop ? gw_http_new(w->loop, &w->http, err)
                     : gw_fail(err, AIGW_E_NOMEM, "loop", "no event loop could be made");
    if (rc != AIGW_OK) {
        aigw_loop_free(w);
        return rc;
    }
    gw_worker_set_transport(w, &gw_http_transport, w->http);
    w->tallies = (gw_tally_port){.loop = w->loop, .clock = w->clock};
    w->held = held_new(w); /* its Redis should be at hand when the first request comes; NULL: later */
    gw_loop_on_wake(w->loop, woken, w);
    *out = w;
    return AIGW_OK;
}

int aigw_loop_fd(const aigw_loop *loop)
{
    return gw_loop_fd(loop->loop);
}

int aigw_loop_timeout_ms(aigw_loop *loop)
{
    return gw_loop_timeout_ms(loop->loop);
}

int aigw_loop_step(aigw_loop *loop, aigw_error *err)
{
    if (!loop)
        return gw_fail(err, AIGW_E_INVALID, "argument", "no loop");
    gw_loop_step(loop->loop);
    return AIGW_OK;
}

int aigw_loop_wait(aigw_loop *loop, int timeout_ms, aigw_error *err)
{
    if (!loop)
        return gw_fail(err, AIGW_E_INVALID, "argument", "no loop");
    return gw_loop_wait(loop->loop, timeout_ms) > 0 ? AIGW_OK : AIGW_AGAIN;
}

void aigw_loop_wake(aigw_loop *loop)
{
    gw_loop_wake(loop->loop);
}

void aigw_loop_free(aigw_loop *loop)
{
    if (!loop)
        return;
    gw_token_port_close(&loop->tokens);
    gw_http_free(loop->http);
    while (loop->pool) {
        aigw_exchange *x = loop->pool;
        loop->pool = x->pool_next;
        exchange_destroy(x);
    }
    gw_held_free(loop->held);
    gw_tally_port_close(&loop->tallies);
    if (loop->loop)
        gw_loop_free(loop->loop);
    aigw_gateway_free(loop->gw);
    gw_free(loop);
}
