/*
 * How a call is decided: by a lease, by the server's answer, or by the rules' policy when there is
 * none in time.
 *
 * Must not know sockets or scripts.
 */
#include "rim/redis_limit.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/redis_limit_parts.h"
#include <stdio.h>

#define DEADLINE_MS   50
#define CONNECT_MS    1000
#define MAX_WAITING   4096
#define MAX_LEASES    4096
#define STALL_MS      1000 /* without any answer for so long, or 4 deadlines: given up */
#define MOST_WAITING  1000000
#define MOST_DEADLINE 60000

/* ---- calls ---- */

static void link_call(gw_redis_limit *s, gw_redis_call *c)
{
    c->next = s->calls;
    if (s->calls)
        s->calls->prev = c;
    s->calls = c;
    s->call_count++;
}

static void free_call(gw_redis_call *c)
{
    gw_redis_limit *s = c->store;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->call_count--;
    gw_loop_timer_clear(s->loop, &c->deadline);
    gw_free(c);
}

static void give_back(gw_redis_limit *s, aigw_limit_ask *ask)
{
    if (ask->hold.where == GW_HOLD_MEMORY)
        aigw_limiter_give_back(s->limiter, &ask->hold, gw_now_ms(&s->clock));
    else if (ask->hold.where == GW_HOLD_REDIS)
        gw_redis_lease_return(s, &ask->hold);
}

/* One ask that the server did not answer. The bytes of its key may be gone: its id stands for them. */
static void by_policy(gw_redis_limit *s, aigw_limit_ask *ask, const gw_redis_part *part, bool peek)
{
    const gw_limit_rule *rule = &s->rules[ask->rule];
    s->stats.by_policy++;
    if (rule->on_fail == AIGW_LIMIT_FAIL_LOCAL) {
        int64_t now = gw_now_ms(&s->clock);
        aigw_slice key = ask->key;
        ask->key = gw_slice((const char *)part->id, sizeof part->id);
        if (peek)
            aigw_limiter_peek(s->limiter, ask, 1, now, NULL);
        else
            aigw_limiter_take(s->limiter, ask, 1, now, NULL);
        ask->key = key;
        ask->by = AIGW_LIMIT_BY_POLICY;
        return;
    }
    gw_limit_by_policy(ask, rule, rule->on_fail == AIGW_LIMIT_FAIL_OPEN);
}

/* All parts: what no lease answered. True: the whole is allowed, else nothing is held. */
static bool all_by_policy(const gw_redis_call *c)
{
    bool allowed = true;
    for (size_t i = 0; i < c->part_count; i++) {
        aigw_limit_ask *ask = &c->asks[c->place[i]];
        by_policy(c->store, ask, &c->parts[i], c->peek);
        allowed = allowed && ask->allowed;
    }
    for (size_t i = 0; !allowed && i < c->count; i++)
        give_back(c->store, &c->asks[i]);
    return allowed;
}

static void tell(gw_limit_wait *wait)
{
    wait->pending = NULL;
    wait->done(wait->user);
}

/* The call is decided without the server; its answer may still come, so it stays if it was sent. */
static void decide_without(gw_redis_call *c)
{
    gw_limit_wait *wait = c->wait;
    c->undo = !all_by_policy(c);
    c->asks = NULL;
    c->wait = NULL;
    gw_loop_timer_clear(c->store->loop, &c->deadline);
    if (!c->sent)
        free_call(c);
    tell(wait);
}

static void on_deadline(void *user)
{
    decide_without(user);
}

/* ---- answers ---- */

static aigw_limit_hold hold_of(const gw_redis_call *c, size_t i, int64_t stamp_ms, int64_t n)
{
    const gw_redis_part *p = &c->parts[i];
    return (aigw_limit_hold){{p->id[0], p->id[1]}, stamp_ms, n, c->rules[i], 0, GW_HOLD_REDIS, 0};
}

static void put_lease(gw_redis_call *c, size_t i, const gw_redis_verdict *v)
{
    const gw_redis_part *p = &c->parts[i];
    gw_lease lease = {.id = {p->id[0], p->id[1]},
                      .rule = c->rules[i],
                      .left = v->extra,
                      .stamp_ms = v->stamp_ms,
                      .until_ms = c->sent_ms + p->rule->lease_ms,
                      .remaining = v->remaining,
                      .reset_ms = v->reset_ms};
    gw_redis_lease_put(c->store, &lease);
}

/* Decided already: what was taken goes back, or (it was let through) counts, but for what came
 * ahead. */
static void answer_late(gw_redis_call *c, const gw_redis_verdict *v)
{
    for (size_t i = 0; i < c->part_count; i++) {
        int64_t n = v[i].extra + (c->undo ? c->parts[i].n : 0);
        aigw_limit_hold hold = hold_of(c, i, v[i].stamp_ms, n);
        if (n > 0)
            gw_redis_settle(c->store, &hold, 0);
    }
}

static void answer_part(gw_redis_call *c, size_t i, const gw_redis_verdict *v, bool taken)
{
    aigw_limit_ask *ask = &c->asks[c->place[i]];
    ask->allowed = v->ok;
    ask->by = v->lost ? AIGW_LIMIT_BY_POLICY : AIGW_LIMIT_BY_COUNT;
    ask->limit = c->parts[i].rule->limit;
    ask->remaining = v->remaining + v->extra;
    ask->reset_ms = v->reset_ms;
    ask->retry_after_ms = v->ok ? 0 : v->retry_after_ms;
    if (v->lost)
        c->store->stats.by_policy++;
    if (!taken)
        return;
    ask->hold = hold_of(c, i, v->stamp_ms, c->parts[i].n);
    if (v->extra > 0)
        put_lease(c, i, v);
}

static void answer(gw_redis_call *c, const gw_redis_verdict *v, bool allowed)
{
    gw_limit_wait *wait = c->wait;
    c->store->stats.round_trips++;
    for (size_t i = 0; i < c->part_count; i++)
        answer_part(c, i, &v[i], allowed && !c->peek);
    for (size_t i = 0; !allowed && i < c->count; i++) {
        if (c->asks[i].by == AIGW_LIMIT_BY_LEASE)
            give_back(c->store, &c->asks[i]);
    }
    free_call(c);
    tell(wait);
}

static bool send_call(gw_redis_call *c);

static void on_reply(void *user, const redisReply *reply)
{
    gw_redis_call *c = user;
    gw_redis_verdict v[AIGW_LIMIT_MAX_ASKS];
    bool allowed = false;
    bool unknown = reply && reply->type == REDIS_REPLY_ERROR && !c->whole_script &&
                   strncmp(reply->str, "NOSCRIPT", 8) == 0;

    c->sent = false;
    if (unknown && c->asks) {
        c->whole_script = true;
        if (send_call(c))
            return;
    }
    bool good = gw_redis_take_reply(reply, c->part_count, c->store->epoch, &allowed, v);
    if (good && c->asks) {
        answer(c, v, allowed);
    } else if (c->asks) {
        decide_without(c);
    } else {
        if (good && allowed && !c->peek)
            answer_late(c, v);
        free_call(c);
    }
}

static bool send_call(gw_redis_call *c)
{
    gw_redis_limit *s = c->store;
    const char *epoch[2] = {s->epoch, s->fresh};
    gw_redis_args args;
    c->sent_ms = gw_now_ms(&s->clock);
    c->sent = gw_redis_take_args(&args, c->whole_script ? "" : s->take_sha, s->prefix, epoch,
                                 c->parts, c->part_count, c->peek) &&
              gw_redis_send(s->redis, args.list, args.count, on_reply, c);
    gw_redis_args_free(&args);
    return c->sent;
}

/* ---- the seam ---- */

/* Asking makes sense: there is (or may soon be) a connection, and it answers. */
static bool may_ask(const gw_redis_limit *s, int64_t now)
{
    gw_redis_state state = gw_redis_get_state(s->redis);
    int64_t oldest = gw_redis_oldest_ms(s->redis);
    bool stalls = oldest != INT64_MAX && now - oldest > s->deadline_ms;
    return state != GW_REDIS_DOWN && !stalls && s->call_count < s->max_waiting;
}

/* Leases answer what they can; the rest are the parts of a call. */
static size_t split(gw_redis_limit *s, aigw_limit_ask *asks, size_t count, gw_redis_call *c)
{
    int64_t now = gw_now_ms(&s->clock);
    for (size_t i = 0; i < count; i++) {
        const gw_limit_rule *rule = &s->rules[asks[i].rule];
        uint64_t id[2];
        gw_redis_key_id(asks[i].key, id);
        asks[i].hold = (aigw_limit_hold){0};
        asks[i].by = 0;
        asks[i].allowed = false;
        if (!c->peek && gw_redis_lease_take(s, &asks[i], id, now))
            continue;
        c->rules[c->part_count] = (uint32_t)asks[i].rule;
        c->place[c->part_count] = i;
        c->parts[c->part_count++] =
            (gw_redis_part){rule, {id[0], id[1]}, asks[i].n, rule->lease > 0 && !c->peek};
    }
    return c->part_count;
}

static int ask_server(gw_redis_limit *s, aigw_limit_ask *asks, size_t count, bool peek,
                      gw_limit_wait *wait)
{
    gw_redis_call local = {.store = s, .asks = asks, .wait = wait, .count = count, .peek = peek};
    int64_t now = gw_now_ms(&s->clock);

    wait->pending = NULL;
    if (split(s, asks, count, &local) == 0)
        return AIGW_OK;
    gw_redis_call *c = may_ask(s, now) ? gw_alloc(sizeof *c) : NULL;
    if (!c) {
        all_by_policy(&local);
        return AIGW_OK;
    }
    *c = local;
    link_call(s, c);
    bool up = gw_redis_get_state(s->redis) == GW_REDIS_UP;
    if (!gw_loop_timer_set(s->loop, &c->deadline, now + s->deadline_ms, on_deadline, c) ||
        (up && !send_call(c))) {
        free_call(c);
        all_by_policy(&local);
        return AIGW_OK;
    }
    wait->pending = c;
    return AIGW_AGAIN;
}

static int redis_take(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                      gw_limit_wait *wait)
{
    (void)now_ms;
    return ask_server(self, asks, count, false, wait);
}

static int redis_peek(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                      gw_limit_wait *wait)
{
    (void)now_ms;
    return ask_server(self, asks, count, true, wait);
}

static void redis_settle(void *self, aigw_limit_hold *hold, int64_t actual, int64_t now_ms)
{
    gw_redis_limit *s = self;
    (void)now_ms;
    if (hold->where == GW_HOLD_MEMORY)
        aigw_limiter_settle(s->limiter, hold, actual, gw_now_ms(&s->clock));
    else if (hold->where == GW_HOLD_REDIS && hold->rule < s->rule_count && actual != hold->n)
        gw_redis_settle(s, hold, actual < 0 ? 0 : actual);
    hold->where = GW_HOLD_NONE;
}

static void redis_cancel(void *self, gw_limit_wait *wait)
{
    gw_redis_limit *s = self;
    gw_redis_call *c = wait->pending;
    if (!c)
        return;
    wait->pending = NULL;
    for (size_t i = 0; i < c->count; i++) {
        if (c->asks[i].by == AIGW_LIMIT_BY_LEASE)
            give_back(s, &c->asks[i]);
    }
    c->asks = NULL;
    c->wait = NULL;
    c->undo = true;
    gw_loop_timer_clear(s->loop, &c->deadline);
    if (!c->sent)
        free_call(c);
}

const gw_limit_store gw_limit_redis = {
    .name = "redis",
    .take = redis_take,
    .peek = redis_peek,
    .settle = redis_settle,
    .cancel = redis_cancel,
};

/* ---- the connection ---- */

static void keep_sha(const redisReply *reply, char out[41])
{
    if (reply && reply->type == REDIS_REPLY_STRING && reply->len == 40)
        snprintf(out, 41, "%s", reply->str);
}

static void on_take_sha(void *user, const redisReply *reply)
{
    keep_sha(reply, ((gw_redis_limit *)user)->take_sha);
}

static void on_settle_sha(void *user, const redisReply *reply)
{
    keep_sha(reply, ((gw_redis_limit *)user)->settle_sha);
}

/* Those that waited for the first connection are sent; scripts are loaded ahead of them. */
static void on_up(void *user)
{
    gw_redis_limit *s = user;
    aigw_slice load[3] = {GW_S("SCRIPT"), GW_S("LOAD"), aigw_slice_of(gw_redis_take_script)};
    gw_redis_send(s->redis, load, 3, on_take_sha, s);
    load[2] = aigw_slice_of(gw_redis_settle_script);
    gw_redis_send(s->redis, load, 3, on_settle_sha, s);
    for (gw_redis_call *c = s->calls; c; c = c->next) {
        if (!c->sent && c->asks)
            send_call(c); /* if not, its deadline decides */
    }
    gw_redis_settle_all(s);
}

/* Who waits for a first connection that did not come need not wait on. */
static void on_down(void *user)
{
    gw_redis_limit *s = user;
    bool more = true;
    while (more) {
        gw_redis_call *c = s->calls;
        while (c && (c->sent || !c->asks))
            c = c->next;
        more = c != NULL;
        if (c)
            decide_without(c);
    }
}

/* ---- making ---- */

static int number(aigw_error *err, const char *member)
{
    int code = gw_fail(err, AIGW_E_CONFIG, "limit_link", "%s is out of range", member);
    if (err)
        snprintf(err->pointer, sizeof err->pointer, "/%s", member);
    return code;
}

static int set_up(gw_redis_limit *s, const aigw_limit_link_options *o, aigw_error *err)
{
    const char *prefix = o->prefix ? o->prefix : "aigw:";
    if (strlen(prefix) >= sizeof s->prefix)
        return number(err, "prefix");
    if (o->deadline_ms < 0 || o->deadline_ms > MOST_DEADLINE)
        return number(err, "deadline_ms");
    if (o->connect_timeout_ms < 0)
        return number(err, "connect_timeout_ms");
    if (o->max_waiting < 0 || o->max_waiting > MOST_WAITING)
        return number(err, "max_waiting");
    if (o->max_leases < 0 || o->max_leases > MOST_WAITING)
        return number(err, "max_leases");
    if (o->database < 0)
        return number(err, "database");
    snprintf(s->prefix, sizeof s->prefix, "%s", prefix);
    s->deadline_ms = o->deadline_ms ? o->deadline_ms : DEADLINE_MS;
    s->max_waiting = o->max_waiting ? (size_t)o->max_waiting : MAX_WAITING;
    if (!gw_random_hex(s->fresh, 16))
        return gw_fail(err, AIGW_E_IO, "random", "no random bytes");
    if (!gw_leases_init(&s->leases, o->max_leases ? (size_t)o->max_leases : MAX_LEASES))
        return gw_fail_nomem(err);
    gw_redis_options ro = {
        .address = o->address,
        .username = o->username,
        .password = o->password,
        .database = o->database,
        .connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_MS,
        .stall_ms = 4 * s->deadline_ms > STALL_MS ? 4 * s->deadline_ms : STALL_MS,
        .max_waiting = 2 * s->max_waiting + 2,
        .up = on_up,
        .down = on_down,
        .user = s};
    return gw_redis_new(s->loop, &s->clock, &ro, &s->redis, err);
}

int gw_redis_limit_new(gw_loop *loop, const gw_clock *clock, aigw_limiter *limiter,
                       const aigw_limit_link_options *options, gw_redis_limit **out,
                       aigw_error *err)
{
    gw_redis_limit *s = gw_calloc(1, sizeof *s);
    if (!s)
        return gw_fail_nomem(err);
    s->loop = loop;
    s->clock = *clock;
    s->limiter = limiter;
    s->rules = gw_limiter_rules(limiter, &s->rule_count);
    int code = set_up(s, options, err);
    if (code == AIGW_OK)
        *out = s;
    else
        gw_redis_limit_free(s);
    return code;
}

void gw_redis_limit_free(gw_redis_limit *s)
{
    if (!s)
        return;
    gw_redis_free(s->redis);
    while (s->calls) {
        if (s->calls->wait)
            s->calls->wait->pending = NULL;
        free_call(s->calls);
    }
    gw_redis_settle_free(s);
    gw_loop_timer_clear(s->loop, &s->lease_timer);
    gw_leases_free(&s->leases);
    gw_free(s);
}

bool gw_redis_limit_flush(gw_redis_limit *s)
{
    gw_redis_lease_expire(s, INT64_MAX);
    gw_redis_settle_all(s);
    return s->debt_count + s->call_count > 0 && gw_redis_get_state(s->redis) == GW_REDIS_UP;
}

int gw_redis_limit_deadline_ms(const gw_redis_limit *s)
{
    return s->deadline_ms;
}

void gw_redis_limit_stats(const gw_redis_limit *s, aigw_limit_link_stats *out)
{
    *out = s->stats;
    out->connected = gw_redis_get_state(s->redis) == GW_REDIS_UP;
    out->connects = gw_redis_connects(s->redis);
    out->leased_units = gw_leases_units(&s->leases);
}
