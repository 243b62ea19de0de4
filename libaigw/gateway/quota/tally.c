/* The limiter of a snapshot and its links: made, kept over reloads, given back at the end.
 * Must not know exchanges. */
#include "gateway/quota/tally.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/redis_limit.h"
#include <inttypes.h>
#include <stdatomic.h>

#define TICK_MS        1000 /* how old the numbers of monitoring may be */
#define FLUSH_MS       5
#define IDENTITY_BYTES ((size_t)1 << 20)

struct gw_tally {
    int refs; /* atomic */
    aigw_limiter *limiter;
    uint8_t identity[GW_SHA256_BYTES]; /* of all options */
    bool redis;
    char *address, *username, *prefix;
    gw_secret password;
    int database, deadline_ms, connect_timeout_ms;
    atomic_uint_fast64_t links, connected, leased_units;
    atomic_uint_fast64_t round_trips, by_lease, by_policy, lost_settlements, connects;
};

struct gw_tally_link {
    gw_tally_link *next;
    gw_tally_port *port;
    gw_tally *tally;
    gw_redis_limit *store; /* NULL: counts are in memory */
    int refs;              /* 0: it is giving leases back */
    int64_t end_ms;
    gw_timer timer;
    aigw_limit_link_stats told;
};

/* -- the tally -- */

/* Everything that its counts depend on; what is the same may go on. */
static bool identify(const gw_tally_options *o, uint8_t out[GW_SHA256_BYTES])
{
    const gw_redis_config *r = o->redis;
    gw_buf text;
    gw_buf_init(&text, IDENTITY_BYTES);
    for (size_t i = 0; i < o->rule_count; i++) {
        const aigw_limit_rule *rule = &o->rules[i];
        gw_buf_printf(&text,
                      "%s %d %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                      rule->name, (int)rule->kind, (int)rule->on_fail, rule->limit, rule->window_ms,
                      rule->rate, rule->lease, rule->lease_ms);
    }
    gw_buf_printf(&text, "%zu %zu\n%d %d %d\n", o->max_keys, o->max_events, r->database,
                  r->deadline_ms, r->connect_timeout_ms);
    const aigw_slice parts[] = {
        r->address, r->username, r->prefix, {r->password.data, r->password.len}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        gw_buf_printf(&text, "%zu ", parts[i].len);
        gw_buf_add(&text, parts[i]);
    }
    bool ok = !text.failed;
    if (ok)
        gw_sha256(gw_buf_slice(&text), out);
    if (text.data)
        gw_wipe(text.data, text.cap);
    gw_buf_free(&text);
    return ok;
}

static bool copy_text(aigw_slice text, char **out)
{
    if (text.len == 0)
        return true;
    *out = gw_strdup(text);
    return *out != NULL;
}

static bool copy_redis(gw_tally *t, const gw_redis_config *r)
{
    t->redis = r->address.len > 0;
    t->database = r->database;
    t->deadline_ms = r->deadline_ms;
    t->connect_timeout_ms = r->connect_timeout_ms;
    return copy_text(r->address, &t->address) && copy_text(r->username, &t->username) &&
           copy_text(r->prefix, &t->prefix) &&
           (!r->password.data ||
            gw_secret_set(&t->password, gw_slice(r->password.data, r->password.len)));
}

int gw_tally_new(const gw_tally_options *o, gw_tally *before, gw_tally **out, aigw_error *err)
{
    uint8_t identity[GW_SHA256_BYTES];
    if (!identify(o, identity))
        return gw_fail_nomem(err);
    if (before && memcmp(before->identity, identity, sizeof identity) == 0) {
        *out = gw_tally_ref(before);
        return AIGW_OK;
    }
    gw_tally *t = gw_calloc(1, sizeof *t);
    if (!t)
        return gw_fail_nomem(err);
    t->refs = 1;
    memcpy(t->identity, identity, sizeof identity);
    const aigw_limiter_options options = {.size = sizeof options,
                                          .rules = o->rules,
                                          .rule_count = o->rule_count,
                                          .rule_size = sizeof *o->rules,
                                          .max_keys = o->max_keys,
                                          .max_events = o->max_events};
    int code =
        copy_redis(t, o->redis) ? aigw_limiter_new(&options, &t->limiter, err) : gw_fail_nomem(err);
    if (code != AIGW_OK) {
        gw_tally_free(t);
        return code;
    }
    *out = t;
    return AIGW_OK;
}

gw_tally *gw_tally_ref(gw_tally *tally)
{
    __atomic_add_fetch(&tally->refs, 1, __ATOMIC_RELAXED);
    return tally;
}

void gw_tally_free(gw_tally *t)
{
    if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    aigw_limiter_free(t->limiter);
    gw_secret_free(&t->password);
    gw_free(t->address);
    gw_free(t->username);
    gw_free(t->prefix);
    gw_free(t);
}

void gw_tally_get_stats(const gw_tally *t, gw_tally_stats *out)
{
    *out = (gw_tally_stats){.redis = t->redis,
                            .links = atomic_load(&t->links),
                            .connected = atomic_load(&t->connected),
                            .leased_units = atomic_load(&t->leased_units),
                            .round_trips = atomic_load(&t->round_trips),
                            .by_lease = atomic_load(&t->by_lease),
                            .by_policy = atomic_load(&t->by_policy),
                            .lost_settlements = atomic_load(&t->lost_settlements),
                            .connects = atomic_load(&t->connects)};
    aigw_limiter_get_stats(t->limiter, &out->limiter);
}

/* -- the numbers of a link, for threads that must not look at it -- */

static void publish(gw_tally_link *l, const aigw_limit_link_stats *now)
{
    gw_tally *t = l->tally;
    /* Sums of unsigned numbers: what went down wraps around and comes out right. */
    const struct {
        atomic_uint_fast64_t *sum;
        uint64_t now, told;
    } rows[] = {{&t->connected, now->connected, l->told.connected},
                {&t->leased_units, now->leased_units, l->told.leased_units},
                {&t->round_trips, now->round_trips, l->told.round_trips},
                {&t->by_lease, now->by_lease, l->told.by_lease},
                {&t->by_policy, now->by_policy, l->told.by_policy},
                {&t->lost_settlements, now->lost_settlements, l->told.lost_settlements},
                {&t->connects, now->connects, l->told.connects}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].now != rows[i].told)
            atomic_fetch_add(rows[i].sum, rows[i].now - rows[i].told);
    }
    l->told = *now;
}

static void link_free(gw_tally_link *l)
{
    gw_tally_link **at = &l->port->links;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    if (l->store) {
        aigw_limit_link_stats last;
        gw_redis_limit_stats(l->store, &last);
        last.connected = false;
        last.leased_units = 0;
        publish(l, &last);
        atomic_fetch_sub(&l->tally->links, 1);
        gw_redis_limit_free(l->store);
    }
    gw_loop_timer_clear(l->port->loop, &l->timer);
    gw_tally_free(l->tally);
    gw_free(l);
}

/* Once in a while: tells the numbers; at the end, often: looks whether everything has been given back. */
static void on_timer(void *user)
{
    gw_tally_link *l = user;
    int64_t now = gw_now_ms(l->port->clock);
    if (l->refs == 0 && (now >= l->end_ms || !gw_redis_limit_flush(l->store))) {
        link_free(l);
        return;
    }
    aigw_limit_link_stats stats;
    gw_redis_limit_stats(l->store, &stats);
    publish(l, &stats);
    gw_loop_timer_set(l->port->loop, &l->timer, now + (l->refs ? TICK_MS : FLUSH_MS), on_timer, l);
}

/* -- links -- */

static bool connect_link(gw_tally_link *l)
{
    const gw_tally *t = l->tally;
    const aigw_limit_link_options options = {.size = sizeof options,
                                             .address = t->address,
                                             .username = t->username,
                                             .password = t->password.data,
                                             .prefix = t->prefix,
                                             .database = t->database,
                                             .deadline_ms = t->deadline_ms,
                                             .connect_timeout_ms = t->connect_timeout_ms};
    if (gw_redis_limit_new(l->port->loop, l->port->clock, t->limiter, &options, &l->store, NULL) !=
        AIGW_OK)
        return false;
    if (!gw_loop_timer_set(l->port->loop, &l->timer, gw_now_ms(l->port->clock) + TICK_MS, on_timer,
                           l)) {
        gw_redis_limit_free(l->store);
        l->store = NULL;
        return false;
    }
    atomic_fetch_add(&l->tally->links, 1);
    return true;
}

gw_tally_link *gw_tally_link_open(gw_tally_port *port, gw_tally *tally)
{
    for (gw_tally_link *l = port->links; l; l = l->next) {
        if (l->tally == tally) {
            l->refs++;
            return l;
        }
    }
    gw_tally_link *l = gw_calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l =
        (gw_tally_link){.next = port->links, .port = port, .tally = gw_tally_ref(tally), .refs = 1};
    port->links = l;
    if (tally->redis && !connect_link(l)) {
        link_free(l);
        return NULL;
    }
    return l;
}

void gw_tally_link_close(gw_tally_link *l)
{
    if (!l || --l->refs > 0)
        return;
    int64_t now = gw_now_ms(l->port->clock);
    if (!l->store || !gw_redis_limit_flush(l->store)) {
        link_free(l);
        return;
    }
    l->end_ms = now + l->tally->deadline_ms;
    if (!gw_loop_timer_set(l->port->loop, &l->timer, now + FLUSH_MS, on_timer, l))
        link_free(l);
}

/* Steps are counted instead of time: a clock may stand still. */
void gw_tally_port_close(gw_tally_port *port)
{
    while (port->links) {
        gw_tally_link *l = port->links;
        for (int i = 0; l->store && i < l->tally->deadline_ms; i++) {
            if (!gw_redis_limit_flush(l->store))
                break;
            gw_loop_timer_clear(port->loop, &l->timer);
            gw_loop_wait(port->loop, 1);
        }
        link_free(l);
    }
}

/* -- counting -- */

int gw_tally_take(gw_tally_link *l, aigw_limit_ask *asks, size_t count, gw_limit_wait *wait)
{
    if (l->store)
        return gw_limit_redis.take(l->store, asks, count, 0, wait);
    return gw_limit_memory.take(l->tally->limiter, asks, count, gw_now_ms(l->port->clock), wait);
}

void gw_tally_settle(gw_tally_link *l, aigw_limit_hold *hold, int64_t actual)
{
    if (l->store)
        gw_limit_redis.settle(l->store, hold, actual, 0);
    else
        gw_limit_memory.settle(l->tally->limiter, hold, actual, gw_now_ms(l->port->clock));
}

void gw_tally_cancel(gw_tally_link *l, gw_limit_wait *wait)
{
    if (l->store)
        gw_limit_redis.cancel(l->store, wait);
}
