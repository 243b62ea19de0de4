/* Samples of requests: of each metric and five minutes a uniform choice of bounded number, for three hours.
 * Must not know what a rule is, nor keep a byte of a body. */
#include "ledger/waf_parts.h"
#include <stdio.h>

/* Steele, Lea, Flood, SplitMix64, 2014: a counter and a mixer. Nobody outside knows where it began. */
uint64_t gw_waf_draw(gw_waf_books *b)
{
    const uint64_t step = 0x9E3779B97F4A7C15u;
    uint64_t z = atomic_fetch_add_explicit(&b->draws, step, memory_order_relaxed) + step;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The slot of the item with so many before it, or one behind the last. Of one draw it only grows with their
 * number: what is not chosen now will not be later (Vitter's algorithm R with one draw an item). */
static uint64_t slot_of(uint64_t draw, uint64_t before)
{
    if (before < GW_WAF_BUCKET_ITEMS)
        return before;
    double u = (double)(draw >> 11) * 0x1p-53;
    return (uint64_t)(u * (double)(before + 1));
}

/* -- buckets; `lock` is held -- */

static void let_go(gw_waf_sampled *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        gw_free(s);
}

static void empty(gw_waf_books *b, gw_waf_bucket *bucket)
{
    for (size_t i = 0; bucket->items && i < GW_WAF_BUCKET_ITEMS; i++) {
        if (bucket->items[i])
            b->sample_bytes -= bucket->items[i]->bytes;
        let_go(bucket->items[i]);
    }
    if (bucket->items)
        b->sample_bytes -= GW_WAF_BUCKET_ITEMS * sizeof *bucket->items;
    gw_free(bucket->items);
    bucket->items = NULL;
}

/* Everything up to this bucket. */
static void expire(gw_waf_books *b, int64_t last)
{
    for (size_t m = 0; m <= b->group_count; m++) {
        for (size_t i = 0; i < GW_WAF_BUCKETS; i++) {
            if (atomic_load(&b->buckets[m][i].number) <= last)
                empty(b, &b->buckets[m][i]);
        }
    }
}

/* Makes room under the cap: the oldest five minutes of all metrics go. False: there are only the newest. */
static bool make_room(gw_waf_books *b, size_t bytes, int64_t newest)
{
    while (b->sample_bytes + bytes > GW_WAF_SAMPLE_BYTES) {
        int64_t oldest = newest;
        for (size_t m = 0; m <= b->group_count; m++) {
            for (size_t i = 0; i < GW_WAF_BUCKETS; i++) {
                int64_t number = atomic_load(&b->buckets[m][i].number);
                if (b->buckets[m][i].items && number < oldest)
                    oldest = number;
            }
        }
        if (oldest == newest)
            return false;
        expire(b, oldest);
    }
    return true;
}

/* The bucket of this time, opened if it is new; NULL: it is over. Takes the lock only to open one. */
static gw_waf_bucket *bucket_at(gw_waf_books *b, size_t metric, int64_t unix_s)
{
    int64_t number = unix_s < 0 ? -1 : unix_s / GW_WAF_BUCKET_S;
    if (number < 0 || metric > b->group_count)
        return NULL;
    gw_waf_bucket *bucket = &b->buckets[metric][number % GW_WAF_BUCKETS];
    int64_t is = atomic_load_explicit(&bucket->number, memory_order_acquire);
    if (is < number) {
        pthread_mutex_lock(&b->lock);
        if (atomic_load(&bucket->number) < number) {
            expire(b, number - GW_WAF_BUCKETS);
            atomic_store(&bucket->population, 0);
            atomic_store_explicit(&bucket->number, number, memory_order_release);
        }
        is = atomic_load(&bucket->number);
        pthread_mutex_unlock(&b->lock);
    }
    return is == number ? bucket : NULL;
}

bool gw_waf_sample_due(gw_waf_books *b, size_t metric, int64_t unix_s, uint64_t draw)
{
    gw_waf_bucket *bucket = bucket_at(b, metric, unix_s);
    return bucket && slot_of(draw, gw_waf_cell_get(&bucket->population)) < GW_WAF_BUCKET_ITEMS;
}

/* -- making one -- */

static void add_labels(gw_waf_sampled *s, const gw_waf_event *e)
{
    for (size_t i = 0; i < e->fact_count; i++) {
        if (s->label_count < sizeof s->labels / sizeof *s->labels)
            s->labels[s->label_count++] = e->facts[i].label;
    }
}

static void name_rule(gw_waf_books *b, gw_waf_sampled *s, const gw_waf_fact *fact)
{
    const gw_waf_book_group *group = &b->groups[fact->group];
    if (group->kind == GW_WAF_RATE)
        return; /* a rule of the web ACL itself: it is in no group */
    (void)snprintf(s->rule_name, sizeof s->rule_name, "%s%s#%s", gw_waf_vendor(group), group->name,
                   fact->rule);
}

static gw_waf_sampled *sampled_new(gw_waf_books *b, const gw_waf_event *e, const gw_waf_fact *fact)
{
    const gw_waf_request none = {.method = GW_S("")};
    const gw_waf_request *from = e->request ? e->request : &none;
    size_t bytes = sizeof(gw_waf_sampled) + gw_waf_keep_bytes(from);
    gw_waf_sampled *s = gw_alloc(bytes);
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    atomic_store(&s->refs, 1);
    s->bytes = bytes;
    s->unix_s = e->unix_s;
    s->status = e->terminating ? e->status : 0;
    s->action = !fact ? "ALLOW" : fact->block ? "BLOCK" : "COUNT";
    if (fact) {
        s->rule = fact->rule;
        s->overridden = fact->overridden;
        name_rule(b, s, fact);
    }
    add_labels(s, e);
    gw_waf_keep(from, s + 1, &s->request);
    return s;
}

/* Takes over s. One that came later holds its slot against one that came before it. */
static bool place(gw_waf_books *b, gw_waf_bucket *bucket, gw_waf_sampled *s, uint64_t slot)
{
    size_t array = bucket->items ? 0 : GW_WAF_BUCKET_ITEMS * sizeof *bucket->items;
    int64_t number = s->unix_s / GW_WAF_BUCKET_S;
    if (atomic_load(&bucket->number) != number || !make_room(b, s->bytes + array, number)) {
        let_go(s);
        return true;
    }
    if (!bucket->items) {
        bucket->items = gw_calloc(GW_WAF_BUCKET_ITEMS, sizeof *bucket->items);
        if (!bucket->items) {
            let_go(s);
            return false;
        }
        b->sample_bytes += GW_WAF_BUCKET_ITEMS * sizeof *bucket->items;
    }
    gw_waf_sampled *was = bucket->items[slot];
    if (was && was->order > s->order) {
        let_go(s);
        return true;
    }
    b->sample_bytes += s->bytes - (was ? was->bytes : 0);
    let_go(was);
    bucket->items[slot] = s;
    return true;
}

bool gw_waf_sample(gw_waf_books *b, size_t metric, uint64_t draw, const gw_waf_event *e,
                   const gw_waf_fact *fact)
{
    gw_waf_bucket *bucket = bucket_at(b, metric, e->unix_s);
    if (!bucket)
        return true;
    uint64_t before = atomic_fetch_add_explicit(&bucket->population, 1, memory_order_relaxed);
    uint64_t slot = slot_of(draw, before);
    if (slot >= GW_WAF_BUCKET_ITEMS)
        return true;
    gw_waf_sampled *s = sampled_new(b, e, fact);
    if (!s)
        return false;
    s->order = before;
    pthread_mutex_lock(&b->lock);
    bool ok = place(b, bucket, s, slot);
    pthread_mutex_unlock(&b->lock);
    return ok;
}

/* -- picking some -- */

typedef struct picker {
    gw_waf_picked *out;
    uint64_t population[GW_WAF_BUCKETS]; /* of the buckets in the window */
    size_t returned[GW_WAF_BUCKETS];
    unsigned char from[GW_WAF_PICK_MAX]; /* whose each item is */
    size_t max, seen;
} picker;

static void pick_bucket(gw_waf_books *b, const gw_waf_bucket *bucket, size_t index, picker *p)
{
    p->population[index] = gw_waf_cell_get(&bucket->population);
    p->out->population += p->population[index];
    for (size_t i = 0; bucket->items && i < GW_WAF_BUCKET_ITEMS; i++) {
        gw_waf_sampled *s = bucket->items[i];
        if (!s)
            continue;
        size_t slot = p->out->count;
        if (p->out->count == p->max) {
            double u = (double)(gw_waf_draw(b) >> 11) * 0x1p-53;
            slot = (size_t)(u * (double)(p->seen + 1));
        } else {
            p->out->count++;
        }
        p->seen++;
        if (slot >= p->max)
            continue;
        p->out->items[slot] = s;
        p->from[slot] = (unsigned char)index;
    }
}

void gw_waf_pick(gw_waf_books *b, size_t metric, int64_t now_s, int64_t from, int64_t to,
                 size_t max, gw_waf_picked *out)
{
    picker p = {.out = out, .max = max < GW_WAF_PICK_MAX ? max : GW_WAF_PICK_MAX};
    int64_t now = now_s / GW_WAF_BUCKET_S, oldest = now - GW_WAF_BUCKETS + 1;
    int64_t first = from < 0 ? 0 : from / GW_WAF_BUCKET_S;
    int64_t last = to < 0 ? -1 : to / GW_WAF_BUCKET_S;
    memset(out, 0, sizeof *out);
    first = first < oldest ? oldest : first;
    last = last > now ? now : last;
    out->from = first * GW_WAF_BUCKET_S;
    out->to = last < first ? out->from : (last + 1) * GW_WAF_BUCKET_S;
    if (out->to > now_s)
        out->to = now_s > out->from ? now_s : out->from;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < GW_WAF_BUCKETS; i++) {
        const gw_waf_bucket *bucket = &b->buckets[metric][i];
        int64_t number = atomic_load(&bucket->number);
        if (number >= 0 && number >= first && number <= last)
            pick_bucket(b, bucket, i, &p);
    }
    for (size_t i = 0; i < out->count; i++) {
        atomic_fetch_add_explicit(&out->items[i]->refs, 1, memory_order_relaxed);
        p.returned[p.from[i]]++;
    }
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < out->count; i++) {
        uint64_t n = p.returned[p.from[i]];
        uint64_t weight = (p.population[p.from[i]] + n / 2) / n;
        out->weights[i] = weight ? weight : 1;
    }
}

void gw_waf_picked_free(gw_waf_picked *picked)
{
    for (size_t i = 0; i < picked->count; i++)
        let_go(picked->items[i]);
    picked->count = 0;
}

size_t gw_waf_sample_held(gw_waf_books *b)
{
    pthread_mutex_lock(&b->lock);
    size_t bytes = b->sample_bytes;
    pthread_mutex_unlock(&b->lock);
    return bytes;
}

void gw_waf_samples_free(gw_waf_books *b)
{
    expire(b, INT64_MAX);
}
