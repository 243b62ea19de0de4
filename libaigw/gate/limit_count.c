/*
 * Exact sliding windows as a log of events that merges only when it must, and buckets in whole
 * numbers.
 *
 * Must not know keys, locks or clocks.
 */
#include "gate/limit_count.h"

#include "base/mem.h"
#include <string.h>

static const gw_limit_event *event_at(const gw_limit_count *c, unsigned i)
{
    return c->cap ? &c->events.ring[(c->head + i) & (c->cap - 1u)]
                  : &c->events.few[(c->head + i) & (GW_LIMIT_FEW - 1u)];
}

static gw_limit_event *event_mut(gw_limit_count *c, unsigned i)
{
    return (gw_limit_event *)event_at(c, i);
}

static unsigned room_of(const gw_limit_count *c)
{
    return c->cap ? c->cap : GW_LIMIT_FEW;
}

void gw_limit_count_clear(gw_limit_count *c, gw_limit_room *room)
{
    uint16_t rule = c->rule;
    if (c->cap) {
        atomic_fetch_sub(&room->bytes, c->cap * sizeof(gw_limit_event));
        gw_free(c->events.ring);
    }
    memset(c, 0, sizeof *c);
    c->rule = rule;
}

/* ---- bucket ---- */

/* What is missing at now_ms. At most 2^53 + what settlements added, so elapsed * rate is not needed
 * beyond. */
static int64_t bucket_debt(const gw_limit_count *c, const gw_limit_rule *rule, int64_t now_ms)
{
    int64_t elapsed = now_ms - c->base_ms;
    if (c->used == 0 || elapsed > c->used / rule->rate)
        return 0;
    return c->used - elapsed * rule->rate;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static bool bucket_ask(const gw_limit_count *c, const gw_limit_rule *rule, int64_t n,
                       int64_t now_ms, aigw_limit_ask *out)
{
    int64_t full = rule->limit * rule->window_ms, debt = bucket_debt(c, rule, now_ms);
    bool fits = n <= rule->limit && debt <= full - n * rule->window_ms;

    out->remaining = debt >= full ? 0 : (full - debt) / rule->window_ms;
    out->reset_ms = ceil_div(debt, rule->rate);
    out->retry_after_ms = 0;
    if (!fits)
        out->retry_after_ms =
            n > rule->limit ? -1 : ceil_div(debt - (full - n * rule->window_ms), rule->rate);
    return fits;
}

/*
 * Settlements may owe more than the bucket holds; the sum stops at a height that no test reaches.
 */
static void bucket_add(gw_limit_count *c, const gw_limit_rule *rule, int64_t n, int64_t now_ms)
{
    int64_t most = INT64_MAX / 2, debt = bucket_debt(c, rule, now_ms);
    int64_t more = n > most / rule->window_ms ? most : n * rule->window_ms;
    c->used = debt > most - more ? most : debt + more;
    c->base_ms = now_ms;
}

static void bucket_subtract(gw_limit_count *c, const gw_limit_rule *rule, int64_t n, int64_t now_ms)
{
    int64_t debt = bucket_debt(c, rule, now_ms);
    int64_t less = n * rule->window_ms;
    c->used = less >= debt ? 0 : debt - less;
    c->base_ms = now_ms;
}

/* ---- window ---- */

static int64_t at_ms(const gw_limit_count *c, const gw_limit_event *e)
{
    return c->base_ms + (int64_t)e->at;
}

void gw_limit_count_trim(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                         int64_t now_ms)
{
    if (rule->kind == AIGW_LIMIT_TOKEN_BUCKET) {
        c->used = bucket_debt(c, rule, now_ms);
        c->base_ms = now_ms;
        return;
    }
    while (c->len > 0 && at_ms(c, event_at(c, 0)) <= now_ms - rule->window_ms) {
        c->used -= event_at(c, 0)->n;
        c->head++;
        c->len--;
    }
    if (c->used == 0)
        gw_limit_count_clear(c, room);
}

/* Walks from the oldest until enough has run out. */
static int64_t window_retry(const gw_limit_count *c, const gw_limit_rule *rule, int64_t n,
                            int64_t now_ms)
{
    int64_t used = c->used;
    for (unsigned i = 0; i < c->len; i++) {
        const gw_limit_event *e = event_at(c, i);
        used -= e->n;
        if (used <= rule->limit - n)
            return at_ms(c, e) + rule->window_ms - now_ms;
    }
    return 0; /* not reached: without events all fits */
}

/* A last event of no units (given back) holds nothing up. */
static int64_t window_reset(const gw_limit_count *c, const gw_limit_rule *rule, int64_t now_ms)
{
    for (unsigned i = c->len; i-- > 0;) {
        if (event_at(c, i)->n)
            return at_ms(c, event_at(c, i)) + rule->window_ms - now_ms;
    }
    return 0;
}

bool gw_limit_count_ask(const gw_limit_count *c, const gw_limit_rule *rule, int64_t n,
                        int64_t now_ms, aigw_limit_ask *out)
{
    out->limit = rule->limit;
    out->by = AIGW_LIMIT_BY_COUNT;
    if (rule->kind == AIGW_LIMIT_TOKEN_BUCKET)
        return bucket_ask(c, rule, n, now_ms, out);
    bool fits = c->used <= rule->limit - n;
    bool knows = rule->kind == AIGW_LIMIT_SLIDING_WINDOW;

    out->remaining = c->used < rule->limit ? rule->limit - c->used : 0;
    out->reset_ms = c->used == 0 ? 0 : knows ? window_reset(c, rule, now_ms) : -1;
    out->retry_after_ms = fits                        ? 0
                          : !knows || n > rule->limit ? -1
                                                      : window_retry(c, rule, n, now_ms);
    return fits;
}

/* Adds to an event and to the sum what still fits into 32 bits: at that height all is denied
 * anyway. */
static void event_add(gw_limit_count *c, gw_limit_event *e, int64_t n)
{
    int64_t left = (int64_t)UINT32_MAX - e->n;
    int64_t fits = n < left ? n : left;
    e->n += (uint32_t)fits;
    c->used += fits;
}

/* Merges events of the same cell of `cell_ms` into the later one, and drops those of no units. */
static void merge(gw_limit_count *c, int64_t cell_ms)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < c->len; i++) {
        gw_limit_event e = *event_at(c, i);
        if (e.n == 0)
            continue;
        gw_limit_event *last = kept ? event_mut(c, kept - 1) : NULL;
        if (last && at_ms(c, last) / cell_ms == at_ms(c, &e) / cell_ms) {
            c->used -= e.n;
            last->at = e.at;
            event_add(c, last, e.n);
        } else {
            *event_mut(c, kept++) = e;
        }
    }
    c->len = (uint16_t)kept;
}

/* Doubles the ring, if its own bound and the memory of all allow it. */
static bool grow(gw_limit_count *c, gw_limit_room *room)
{
    size_t cap = c->cap ? c->cap * 2u : GW_LIMIT_FEW * 2u;
    size_t more = (cap - c->cap) * sizeof(gw_limit_event);
    if (cap > room->max_events)
        return false;
    if (atomic_fetch_add(&room->bytes, more) + more > room->max_bytes) {
        atomic_fetch_sub(&room->bytes, more);
        return false;
    }
    gw_limit_event *ring = gw_alloc(cap * sizeof *ring);
    if (!ring) {
        atomic_fetch_sub(&room->bytes, more);
        return false;
    }
    for (unsigned i = 0; i < c->len; i++)
        ring[i] = *event_at(c, i);
    if (c->cap)
        gw_free(c->events.ring);
    c->events.ring = ring;
    c->head = 0;
    c->cap = (uint16_t)cap;
    return true;
}

/*
 * Room for one event at now_ms. False: it belongs to the cell of the last one, which is to be
 * moved. A window touches at most one cell more than half of what there is room for, so this is
 * rare; with room for two it touches two, and when both are taken the second is that of now_ms.
 */
static bool make_room(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room)
{
    unsigned has = room_of(c);
    if (c->len < has)
        return true;
    merge(c, 1); /* drops those of no units */
    if (c->len <= has / 2 || grow(c, room) || c->len < has)
        return true;
    int64_t cells = has > GW_LIMIT_FEW ? has / 2 : 1;
    int64_t cell_ms = (rule->window_ms + cells - 1) / cells;
    merge(c, cell_ms);
    return c->len < has;
}

/* So that the offset of now_ms fits into 32 bits; windows do. */
static void rebase(gw_limit_count *c, int64_t now_ms)
{
    if (c->len == 0) {
        c->base_ms = now_ms;
    } else if (now_ms - c->base_ms > (int64_t)UINT32_MAX) {
        uint32_t shift = event_at(c, 0)->at;
        for (unsigned i = 0; i < c->len; i++)
            event_mut(c, i)->at -= shift;
        c->base_ms += shift;
    }
}

void gw_limit_count_add(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                        int64_t n, int64_t now_ms)
{
    if (rule->kind == AIGW_LIMIT_TOKEN_BUCKET) {
        bucket_add(c, rule, n, now_ms);
        return;
    }
    rebase(c, now_ms);
    uint32_t at = (uint32_t)(now_ms - c->base_ms);
    gw_limit_event *last = c->len ? event_mut(c, c->len - 1u) : NULL;
    if (last && last->at == at) {
        event_add(c, last, n);
        return;
    }
    if (make_room(c, rule, room)) {
        c->len++;
        last = event_mut(c, c->len - 1u);
        last->n = 0;
    } else {
        last = event_mut(c, c->len - 1u);
    }
    last->at = at;
    event_add(c, last, n);
}

void gw_limit_count_subtract(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room,
                             int64_t n, int64_t at, int64_t now_ms)
{
    if (rule->kind == AIGW_LIMIT_TOKEN_BUCKET) {
        bucket_subtract(c, rule, n, now_ms);
        return;
    }
    if (at <= now_ms - rule->window_ms)
        return;
    unsigned low = 0, high = c->len; /* the first event at or after `at` holds the units of it */
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (at_ms(c, event_at(c, middle)) < at)
            low = middle + 1;
        else
            high = middle;
    }
    gw_limit_event *e = low < c->len ? event_mut(c, low) : NULL;
    if (!e || e->n == UINT32_MAX)
        return;
    uint32_t less = n < e->n ? (uint32_t)n : e->n;
    e->n -= less;
    c->used -= less;
    if (c->used == 0)
        gw_limit_count_clear(c, room);
}

bool gw_limit_count_idle(const gw_limit_count *c, const gw_limit_rule *rule, int64_t now_ms,
                         int64_t *until)
{
    if (c->used == 0)
        return true;
    if (rule->kind == AIGW_LIMIT_TOKEN_BUCKET)
        *until = c->base_ms + ceil_div(c->used, rule->rate);
    else
        *until = at_ms(c, event_at(c, c->len - 1u)) + rule->window_ms;
    return *until <= now_ms;
}

int64_t gw_limit_count_last(const gw_limit_count *c)
{
    return c->len ? at_ms(c, event_at(c, c->len - 1u)) : c->base_ms;
}
