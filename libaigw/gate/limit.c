/*
 * The limiter that a program holds: its rules checked, its asks checked, and the store that counts
 * in memory.
 *
 * Must not know HTTP, a network or a clock.
 */
#include "gate/limit.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "gate/limit_table.h"
#include <stdio.h>

#define DEFAULT_KEYS        100000
#define MOST_KEYS           ((size_t)1 << 26)
#define DEFAULT_EVENTS      1024
#define MOST_EVENTS         32768
#define DEFAULT_EVENT_BYTES ((size_t)64 << 20)
#define MOST_BUCKET         ((int64_t)1 << 53) /* a script of a Redis computes in doubles */
#define HOLD_LIFE_MS        3600000

struct aigw_limiter {
    gw_limit_rule *rules;
    size_t rule_count;
    uint64_t secret[2];
    aigw_limit_policy on_full;
    gw_limit_table table;
};

/* ---- rules ---- */

static int refuse(aigw_error *err, size_t at, const char *member, const char *why)
{
    int code = gw_fail(err, AIGW_E_CONFIG, "limit_rule", "rule %zu: %s %s", at, member, why);
    if (err)
        snprintf(err->pointer, sizeof err->pointer, "/rules/%zu/%s", at, member);
    return code;
}

static bool good_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    return len >= 1 && len <= 48 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static bool within(int64_t value, int64_t most)
{
    return value >= 1 && value <= most;
}

static int check_numbers(const aigw_limit_rule *r, size_t at, aigw_error *err)
{
    if (!within(r->limit, AIGW_LIMIT_MAX_UNITS))
        return refuse(err, at, "limit", "is out of range");
    if (!(r->kind == AIGW_LIMIT_CONCURRENCY && r->window_ms == 0) &&
        !within(r->window_ms, AIGW_LIMIT_MAX_WINDOW_MS))
        return refuse(err, at, "window_ms", "is out of range");
    if (r->kind == AIGW_LIMIT_TOKEN_BUCKET) {
        if (!within(r->rate, AIGW_LIMIT_MAX_UNITS))
            return refuse(err, at, "rate", "is out of range");
        if (r->limit > MOST_BUCKET / r->window_ms)
            return refuse(err, at, "limit", "times window_ms is above 2^53");
    } else if (r->rate != 0) {
        return refuse(err, at, "rate", "is for a token bucket");
    }
    if (r->lease < 0 || (r->lease > 0 && r->kind != AIGW_LIMIT_SLIDING_WINDOW))
        return refuse(err, at, "lease", "is for a sliding window");
    if (r->lease > r->limit)
        return refuse(err, at, "lease", "is above the limit");
    if (r->lease > 0 ? !within(r->lease_ms, r->window_ms) : r->lease_ms != 0)
        return refuse(err, at, "lease_ms", "is out of range");
    return AIGW_OK;
}

static int check_rule(const aigw_limit_rule *r, size_t at, aigw_error *err)
{
    if (!good_name(r->name))
        return refuse(err, at, "name", "is not 1 to 48 of a-z A-Z 0-9 _ . -");
    if (r->kind < AIGW_LIMIT_SLIDING_WINDOW || r->kind > AIGW_LIMIT_CONCURRENCY)
        return refuse(err, at, "kind", "is unknown");
    if (r->on_fail < AIGW_LIMIT_FAIL_CLOSED || r->on_fail > AIGW_LIMIT_FAIL_LOCAL)
        return refuse(err, at, "on_fail", "is unknown");
    return check_numbers(r, at, err);
}

static int copy_rules(aigw_limiter *l, const aigw_limiter_options *o, aigw_error *err)
{
    l->rules = gw_calloc(o->rule_count, sizeof *l->rules);
    if (!l->rules)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < o->rule_count; i++) {
        aigw_limit_rule r = {0};
        size_t known = o->rule_size < sizeof r ? o->rule_size : sizeof r;
        memcpy(&r, (const char *)o->rules + i * o->rule_size, known);
        int code = check_rule(&r, i, err);
        if (code != AIGW_OK)
            return code;
        if (aigw_limiter_find(l, r.name) != SIZE_MAX)
            return refuse(err, i, "name", "is taken");
        gw_limit_rule *rule = &l->rules[l->rule_count++];
        snprintf(rule->name, sizeof rule->name, "%s", r.name);
        rule->kind = r.kind;
        rule->on_fail = r.on_fail;
        rule->limit = r.limit;
        rule->window_ms = r.window_ms ? r.window_ms : HOLD_LIFE_MS;
        rule->rate = r.rate;
        rule->lease = r.lease;
        rule->lease_ms = r.lease_ms;
    }
    return AIGW_OK;
}

/* ---- options ---- */

static int option(aigw_error *err, const char *member)
{
    int code = gw_fail(err, AIGW_E_CONFIG, "limit_option", "%s is out of range", member);
    if (err)
        snprintf(err->pointer, sizeof err->pointer, "/%s", member);
    return code;
}

static int check_options(const aigw_limiter_options *o, aigw_error *err)
{
    if (!o->rules || o->rule_count < 1 || o->rule_count > AIGW_LIMIT_MAX_RULES)
        return option(err, "rules");
    if (o->rule_size < offsetof(aigw_limit_rule, lease))
        return option(err, "rule_size");
    if (o->max_keys > MOST_KEYS)
        return option(err, "max_keys");
    if (o->max_events != 0 && (o->max_events < 4 || o->max_events > MOST_EVENTS))
        return option(err, "max_events");
    if (o->on_full != AIGW_LIMIT_FAIL_CLOSED && o->on_full != AIGW_LIMIT_FAIL_OPEN)
        return option(err, "on_full");
    return AIGW_OK;
}

static int set_up(aigw_limiter *l, const aigw_limiter_options *o, aigw_error *err)
{
    int code = copy_rules(l, o, err);
    if (code != AIGW_OK)
        return code;
    if (!gw_random(l->secret, sizeof l->secret))
        return gw_fail(err, AIGW_E_IO, "random", "no random bytes");
    size_t events = o->max_events ? o->max_events : DEFAULT_EVENTS;
    l->table.rules = l->rules;
    l->table.keep_counting = o->keep_counting;
    l->table.room.max_events = 4;
    while (l->table.room.max_events < events)
        l->table.room.max_events *= 2;
    l->table.room.max_bytes = o->max_event_bytes ? o->max_event_bytes : DEFAULT_EVENT_BYTES;
    l->on_full = o->on_full;
    if (!gw_limit_table_init(&l->table, o->max_keys ? o->max_keys : DEFAULT_KEYS))
        return gw_fail_nomem(err);
    return AIGW_OK;
}

int aigw_limiter_new(const aigw_limiter_options *options, aigw_limiter **out, aigw_error *err)
{
    aigw_limiter_options o = {0};
    if (!options || !out || options->size < offsetof(aigw_limiter_options, max_keys))
        return gw_fail(err, AIGW_E_INVALID, "options", "no options, or not their size");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    int code = check_options(&o, err);
    if (code != AIGW_OK)
        return code;
    aigw_limiter *l = gw_calloc(1, sizeof *l);
    if (!l)
        return gw_fail_nomem(err);
    code = set_up(l, &o, err);
    if (code == AIGW_OK)
        *out = l;
    else
        aigw_limiter_free(l);
    return code;
}

void aigw_limiter_free(aigw_limiter *limiter)
{
    if (!limiter)
        return;
    gw_limit_table_free(&limiter->table);
    gw_wipe(limiter->secret, sizeof limiter->secret);
    gw_free(limiter->rules);
    gw_free(limiter);
}

size_t aigw_limiter_find(const aigw_limiter *limiter, const char *name)
{
    for (size_t i = 0; i < limiter->rule_count; i++) {
        if (strcmp(limiter->rules[i].name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

const gw_limit_rule *gw_limiter_rules(const aigw_limiter *limiter, size_t *count)
{
    *count = limiter->rule_count;
    return limiter->rules;
}

/* ---- asks ---- */

static int bad_ask(aigw_error *err, size_t at, const char *why)
{
    return gw_fail(err, AIGW_E_INVALID, "limit_ask", "ask %zu: %s", at, why);
}

int gw_limit_check(const aigw_limiter *limiter, const aigw_limit_ask *asks, size_t count, bool peek,
                   aigw_error *err)
{
    if (count < 1 || count > AIGW_LIMIT_MAX_ASKS)
        return gw_fail(err, AIGW_E_INVALID, "limit_ask", "not 1 to 16 asks");
    for (size_t i = 0; i < count; i++) {
        if (asks[i].rule >= limiter->rule_count)
            return bad_ask(err, i, "no such rule");
        if (asks[i].n < (peek ? 0 : 1) || asks[i].n > AIGW_LIMIT_MAX_UNITS)
            return bad_ask(err, i, "units out of range");
        for (size_t k = 0; k < i; k++) {
            if (asks[k].rule == asks[i].rule && gw_eq(asks[k].key, asks[i].key))
                return bad_ask(err, i, "the same rule and key twice");
        }
    }
    return AIGW_OK;
}

void gw_limit_by_policy(aigw_limit_ask *ask, const gw_limit_rule *rule, bool allowed)
{
    ask->allowed = allowed;
    ask->by = AIGW_LIMIT_BY_POLICY;
    ask->limit = rule->limit;
    ask->remaining = 0;
    ask->reset_ms = -1;
    ask->retry_after_ms = allowed ? 0 : -1;
}

static gw_limit_count nothing_counted(size_t rule)
{
    return (gw_limit_count){.rule = (uint16_t)rule};
}

/* One ask. A key that is denied at once (n above the limit) takes no place. */
static void ask_one(aigw_limiter *l, aigw_limit_ask *ask, int64_t now_ms, bool take)
{
    const gw_limit_rule *rule = &l->rules[ask->rule];
    gw_limit_room *room = &l->table.room;
    uint64_t id[2];

    gw_limit_hash(l->secret, (uint32_t)ask->rule, ask->key, id);
    gw_limit_shard *shard = gw_limit_table_lock(&l->table, id, &now_ms);
    gw_limit_slot *slot = gw_limit_table_find(&l->table, shard, id);
    gw_limit_count none = nothing_counted(ask->rule);
    bool fresh = false;
    ask->allowed = gw_limit_count_ask(slot ? &slot->count : &none, rule, ask->n, now_ms, ask);
    if (ask->allowed && take && !slot) {
        slot = gw_limit_table_add(&l->table, shard, id, ask->rule);
        fresh = slot != NULL;
        if (!slot)
            gw_limit_by_policy(ask, rule, l->on_full == AIGW_LIMIT_FAIL_OPEN);
    }
    if (ask->allowed && take && slot) {
        gw_limit_count_add(&slot->count, rule, room, ask->n, now_ms);
        gw_limit_count_ask(&slot->count, rule, 0, now_ms, ask);
        ask->hold =
            (aigw_limit_hold){{id[0], id[1]},    now_ms,         ask->n, (uint32_t)ask->rule,
                              slot->incarnation, GW_HOLD_MEMORY, 0};
    }
    if (fresh)
        gw_limit_table_changed(&l->table, shard, slot);
    gw_limit_table_unlock(shard);
}

int aigw_limiter_peek(aigw_limiter *limiter, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                      aigw_error *err)
{
    int code = gw_limit_check(limiter, asks, count, true, err);
    for (size_t i = 0; code == AIGW_OK && i < count; i++) {
        asks[i].hold = (aigw_limit_hold){0};
        ask_one(limiter, &asks[i], now_ms, false);
    }
    return code;
}

/* After a denial the earlier ones are given back, and their numbers are as of then. */
static void undo(aigw_limiter *l, aigw_limit_ask *asks, size_t count, int64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        bool counted = asks[i].hold.where != GW_HOLD_NONE;
        aigw_limiter_give_back(l, &asks[i].hold, now_ms);
        if (counted)
            ask_one(l, &asks[i], now_ms, false);
    }
}

static int take_all(aigw_limiter *l, aigw_limit_ask *asks, size_t count, int64_t now_ms)
{
    bool denied = false;
    for (size_t i = 0; i < count; i++) {
        asks[i].hold = (aigw_limit_hold){0};
        ask_one(l, &asks[i], now_ms, !denied);
        if (!asks[i].allowed && !denied) {
            denied = true;
            undo(l, asks, i, now_ms);
        }
    }
    return AIGW_OK;
}

int aigw_limiter_take(aigw_limiter *limiter, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                      aigw_error *err)
{
    int code = gw_limit_check(limiter, asks, count, false, err);
    return code == AIGW_OK ? take_all(limiter, asks, count, now_ms) : code;
}

void aigw_limiter_settle(aigw_limiter *limiter, aigw_limit_hold *hold, int64_t actual,
                         int64_t now_ms)
{
    if (hold->where != GW_HOLD_MEMORY || hold->rule >= limiter->rule_count)
        return;
    const gw_limit_rule *rule = &limiter->rules[hold->rule];
    gw_limit_room *room = &limiter->table.room;
    gw_limit_shard *shard = gw_limit_table_lock(&limiter->table, hold->id, &now_ms);
    gw_limit_slot *slot = gw_limit_table_find(&limiter->table, shard, hold->id);

    if (slot && slot->incarnation == hold->incarnation) {
        if (actual < hold->n)
            gw_limit_count_subtract(&slot->count, rule, room, hold->n - (actual > 0 ? actual : 0),
                                    hold->at_ms, now_ms);
        else if (actual > hold->n)
            gw_limit_count_add(&slot->count, rule, room, actual - hold->n, now_ms);
        gw_limit_table_changed(&limiter->table, shard, slot);
    }
    gw_limit_table_unlock(shard);
    hold->where = GW_HOLD_NONE;
}

void aigw_limiter_give_back(aigw_limiter *limiter, aigw_limit_hold *hold, int64_t now_ms)
{
    aigw_limiter_settle(limiter, hold, 0, now_ms);
}

void aigw_limiter_get_stats(const aigw_limiter *limiter, aigw_limiter_stats *out)
{
    const gw_limit_table *table = &limiter->table;
    *out = (aigw_limiter_stats){.table_bytes = table->bytes,
                                .event_bytes = atomic_load(&table->room.bytes)};
    for (size_t i = 0; i < table->shard_count; i++) {
        gw_limit_shard *s = &table->shards[i];
        pthread_mutex_lock(&s->lock);
        out->keys += s->used;
        out->forgot_idle += s->forgot_idle;
        out->forgot_counting += s->forgot_counting;
        out->full += s->full;
        pthread_mutex_unlock(&s->lock);
    }
}

/* ---- the seam ---- */

static int memory_take(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                       gw_limit_wait *wait)
{
    (void)wait;
    return take_all(self, asks, count, now_ms);
}

static int memory_peek(void *self, aigw_limit_ask *asks, size_t count, int64_t now_ms,
                       gw_limit_wait *wait)
{
    (void)wait;
    return aigw_limiter_peek(self, asks, count, now_ms, NULL);
}

static void memory_settle(void *self, aigw_limit_hold *hold, int64_t actual, int64_t now_ms)
{
    aigw_limiter_settle(self, hold, actual, now_ms);
}

static void memory_cancel(void *self, gw_limit_wait *wait)
{
    (void)self;
    (void)wait; /* no call of it ever waits */
}

const gw_limit_store gw_limit_memory = {
    .name = "memory",
    .take = memory_take,
    .peek = memory_peek,
    .settle = memory_settle,
    .cancel = memory_cancel,
};
