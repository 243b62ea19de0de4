/*
 * The public link: a loop of its own around the store in a Redis, with a waiting and a not waiting
 * form.
 *
 * Must not know how the store decides.
 */
#include "base/error.h"
#include "base/mem.h"
#include "gate/limit.h"
#include "rim/redis_limit.h"
#include <string.h>

struct aigw_limit_link {
    gw_loop *loop;
    gw_clock clock;
    aigw_limiter *limiter;
    gw_redis_limit *store;
    struct started *calls; /* of aigw_limit_link_start */
};

/* A call that somebody else waits for. */
typedef struct started {
    struct started *next, *prev;
    aigw_limit_link *link;
    gw_limit_wait wait;
    void (*done)(void *user);
    void *user;
} started;

int aigw_limit_link_new(aigw_limiter *limiter, const aigw_limit_link_options *options,
                        const aigw_host *host, aigw_limit_link **out, aigw_error *err)
{
    aigw_limit_link_options o = {0};
    if (!limiter || !options || !out || options->size < offsetof(aigw_limit_link_options, prefix))
        return gw_fail(err, AIGW_E_INVALID, "options", "no options, or not their size");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    aigw_limit_link *link = gw_calloc(1, sizeof *link);
    if (!link)
        return gw_fail_nomem(err);
    link->limiter = limiter;
    link->clock = gw_clock_of(host);
    link->loop = gw_loop_new(&link->clock);
    int code = link->loop
                   ? gw_redis_limit_new(link->loop, &link->clock, limiter, &o, &link->store, err)
                   : gw_fail(err, AIGW_E_IO, "loop", "no epoll descriptor");
    if (code == AIGW_OK)
        *out = link;
    else
        aigw_limit_link_free(link);
    return code;
}

/* ---- waiting ---- */

static void set_flag(void *user)
{
    *(bool *)user = true;
}

static int ask(aigw_limit_link *link, aigw_limit_ask *asks, size_t count, bool peek,
               aigw_error *err)
{
    int code = gw_limit_check(link->limiter, asks, count, peek, err);
    if (code != AIGW_OK)
        return code;
    bool done = false;
    gw_limit_wait wait = {.done = set_flag, .user = &done};
    gw_loop_step(link->loop); /* answers and ends of connections that are there already */
    code = (peek ? gw_limit_redis.peek : gw_limit_redis.take)(link->store, asks, count, 0, &wait);
    while (code == AIGW_AGAIN && !done)
        gw_loop_wait(link->loop, -1);
    return AIGW_OK;
}

int aigw_limit_link_take(aigw_limit_link *link, aigw_limit_ask *asks, size_t count, aigw_error *err)
{
    return ask(link, asks, count, false, err);
}

int aigw_limit_link_peek(aigw_limit_link *link, aigw_limit_ask *asks, size_t count, aigw_error *err)
{
    return ask(link, asks, count, true, err);
}

/* ---- not waiting ---- */

static void free_started(started *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->link->calls = s->next;
    if (s->next)
        s->next->prev = s->prev;
    gw_free(s);
}

static void on_done(void *user)
{
    started *s = user;
    void (*done)(void *) = s->done;
    void *whose = s->user;
    free_started(s);
    done(whose);
}

int aigw_limit_link_start(aigw_limit_link *link, aigw_limit_ask *asks, size_t count,
                          void (*done)(void *user), void *user, aigw_error *err)
{
    int code = gw_limit_check(link->limiter, asks, count, false, err);
    if (code != AIGW_OK)
        return code;
    started *s = gw_calloc(1, sizeof *s);
    if (!s)
        return gw_fail_nomem(err);
    s->link = link;
    s->done = done;
    s->user = user;
    s->wait = (gw_limit_wait){.done = on_done, .user = s};
    s->next = link->calls;
    if (link->calls)
        link->calls->prev = s;
    link->calls = s;
    code = gw_limit_redis.take(link->store, asks, count, 0, &s->wait);
    if (code != AIGW_AGAIN)
        free_started(s);
    return code;
}

void aigw_limit_link_settle(aigw_limit_link *link, aigw_limit_hold *hold, int64_t actual)
{
    gw_limit_redis.settle(link->store, hold, actual, 0);
}

int aigw_limit_link_fd(const aigw_limit_link *link)
{
    return gw_loop_fd(link->loop);
}

int aigw_limit_link_timeout_ms(aigw_limit_link *link)
{
    return gw_loop_timeout_ms(link->loop);
}

void aigw_limit_link_step(aigw_limit_link *link)
{
    gw_loop_step(link->loop);
}

void aigw_limit_link_get_stats(const aigw_limit_link *link, aigw_limit_link_stats *out)
{
    gw_redis_limit_stats(link->store, out);
}

/* ---- the end ---- */

static void deliver(aigw_limit_link *link)
{
    int64_t end = gw_now_ms(&link->clock) + gw_redis_limit_deadline_ms(link->store);
    for (started *s = link->calls; s; s = s->next)
        gw_limit_redis.cancel(link->store, &s->wait);
    while (gw_redis_limit_flush(link->store)) {
        int64_t left = end - gw_now_ms(&link->clock);
        if (left <= 0)
            return;
        gw_loop_wait(link->loop, (int)left);
    }
}

void aigw_limit_link_free(aigw_limit_link *link)
{
    if (!link)
        return;
    if (link->store)
        deliver(link);
    while (link->calls)
        free_started(link->calls);
    gw_redis_limit_free(link->store);
    gw_loop_free(link->loop);
    gw_free(link);
}
