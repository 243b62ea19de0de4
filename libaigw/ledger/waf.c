/* The books of the WAF: what was asked, counted and blocked, as Prometheus text.
 * Must not know how a verdict is found; label values are static words, and their number is bounded. */
#include "ledger/waf.h"
#include "base/crypto.h"
#include "ledger/waf_parts.h"

gw_waf_books *gw_waf_books_new(const gw_waf_book_group *groups, size_t group_count,
                               const char *const *labels, size_t label_count)
{
    uint64_t seed;
    gw_waf_books *b = group_count <= GW_WAF_BOOK_GROUPS ? gw_calloc(1, sizeof *b) : NULL;
    if (!b)
        return NULL;
    b->labels = gw_calloc(label_count + 1, sizeof *b->labels);
    if (!b->labels || !gw_random(&seed, sizeof seed)) {
        gw_free(b->labels);
        gw_free(b);
        return NULL;
    }
    atomic_store(&b->draws, seed);
    pthread_mutex_init(&b->lock, NULL);
    b->group_count = group_count;
    if (group_count)
        memcpy(b->groups, groups, group_count * sizeof *groups);
    for (size_t i = 0; i < label_count; i++) {
        size_t k = 0;
        while (k < b->label_count && strcmp(b->labels[k].label, labels[i]) != 0)
            k++;
        b->labels[k].label = labels[i];
        b->label_count += k == b->label_count;
    }
    for (size_t m = 0; m <= GW_WAF_BOOK_GROUPS; m++) {
        for (size_t i = 0; i < GW_WAF_BUCKETS; i++)
            atomic_store(&b->buckets[m][i].number, -1);
    }
    return b;
}

void gw_waf_books_free(gw_waf_books *b)
{
    if (!b)
        return;
    gw_waf_samples_free(b);
    pthread_mutex_destroy(&b->lock);
    gw_free(b->labels);
    gw_free(b);
}

size_t gw_waf_group_count(const gw_waf_books *b)
{
    return b->group_count;
}

const gw_waf_book_group *gw_waf_group_at(const gw_waf_books *b, size_t index)
{
    return &b->groups[index];
}

size_t gw_waf_group_of(const gw_waf_books *b, const char *name)
{
    size_t i = 0;
    while (i < b->group_count && strcmp(b->groups[i].name, name) != 0)
        i++;
    return i;
}

bool gw_waf_group_asked(const gw_waf_event *e, size_t group)
{
    return !e->terminating || group <= e->terminating->group;
}

/* -- counting -- */

static void count_label(gw_waf_books *b, const gw_waf_fact *fact)
{
    for (size_t i = 0; i < b->label_count; i++) {
        if (strcmp(b->labels[i].label, fact->label) == 0) {
            gw_waf_cell_add(fact->block ? &b->labels[i].blocked : &b->labels[i].counted, 1);
            return;
        }
    }
}

void gw_waf_count(gw_waf_books *b, const gw_waf_event *e)
{
    bool counted[GW_WAF_BOOK_GROUPS] = {false};
    if (e->fact_count == 0) {
        gw_waf_cell_add(&b->clean, 1); /* one cell for most requests */
        return;
    }
    for (size_t i = 0; i < e->fact_count; i++) {
        if (&e->facts[i] != e->terminating)
            counted[e->facts[i].group] = true;
        count_label(b, &e->facts[i]);
    }
    for (size_t g = 0; g < b->group_count; g++) {
        if (e->terminating && e->terminating->group == g)
            gw_waf_cell_add(&b->by_group[g].blocked, 1);
        if (counted[g])
            gw_waf_cell_add(&b->by_group[g].counted, 1);
        else if (gw_waf_group_asked(e, g) && !(e->terminating && e->terminating->group == g))
            gw_waf_cell_add(&b->by_group[g].passed, 1);
    }
    if (!e->terminating)
        gw_waf_cell_add(&b->allowed, 1);
}

void gw_waf_lost(gw_waf_books *b)
{
    gw_waf_cell_add(&b->lost, 1);
}

/* -- rendering -- */

static void head(gw_buf *out, const char *name, const char *type, const char *help)
{
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void request_line(gw_buf *out, const char *rule, const char *action, uint64_t n)
{
    gw_buf_printf(out, "aigw_waf_requests_total{rule=\"%s\",action=\"%s\"} %llu\n", rule, action,
                  (unsigned long long)n);
}

static void label_line(gw_buf *out, const char *label, const char *action, uint64_t n)
{
    if (n)
        gw_buf_printf(out, "aigw_waf_label_total{label=\"%s\",action=\"%s\"} %llu\n", label, action,
                      (unsigned long long)n);
}

void gw_waf_books_render(gw_waf_books *b, gw_buf *out)
{
    uint64_t clean = gw_waf_cell_get(&b->clean);
    head(out, "aigw_waf_requests_total", "counter", "Requests by the WAF's rule and what it did.");
    for (size_t g = 0; g < b->group_count; g++) {
        const char *metric = b->groups[g].metric;
        request_line(out, metric, "block", gw_waf_cell_get(&b->by_group[g].blocked));
        request_line(out, metric, "count", gw_waf_cell_get(&b->by_group[g].counted));
        request_line(out, metric, "pass", clean + gw_waf_cell_get(&b->by_group[g].passed));
    }
    request_line(out, "Default_Action", "allow", clean + gw_waf_cell_get(&b->allowed));
    head(out, "aigw_waf_label_total", "counter", "Labels that the WAF's rules gave.");
    for (size_t i = 0; i < b->label_count; i++) {
        label_line(out, b->labels[i].label, "block", gw_waf_cell_get(&b->labels[i].blocked));
        label_line(out, b->labels[i].label, "count", gw_waf_cell_get(&b->labels[i].counted));
    }
    head(out, "aigw_waf_sample_bytes", "gauge", "Memory that samples of requests take.");
    gw_buf_printf(out, "aigw_waf_sample_bytes %zu\n", gw_waf_sample_held(b));
    head(out, "aigw_waf_evidence_lost_total", "counter",
         "Samples and log lines there was no memory for.");
    gw_buf_printf(out, "aigw_waf_evidence_lost_total %llu\n",
                  (unsigned long long)gw_waf_cell_get(&b->lost));
}
