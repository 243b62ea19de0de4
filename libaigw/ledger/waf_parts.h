/* The inside of the WAF's books, for the files that keep them. Must not be seen from elsewhere. */
#ifndef GW_LEDGER_WAF_PARTS_H
#define GW_LEDGER_WAF_PARTS_H

#include "base/mem.h"
#include "base/text.h"
#include "ledger/waf.h"
#include <pthread.h>
#include <stdatomic.h>

typedef _Atomic uint64_t gw_waf_cell;

/* A sample: one block, its texts behind it. */
struct gw_waf_sampled {
    _Atomic int refs;
    size_t bytes;
    uint64_t order; /* its place in the population */
    int64_t unix_s;
    int status;
    const char *action, *rule, *overridden;
    char rule_name[160]; /* with its group, as AWS writes it; "" */
    const char *labels[8];
    size_t label_count;
    gw_waf_request request;
};

typedef struct gw_waf_bucket {
    _Atomic int64_t number; /* unix_s / GW_WAF_BUCKET_S; -1: never used */
    gw_waf_cell population;
    gw_waf_sampled **items; /* GW_WAF_BUCKET_ITEMS, made at the first; under the lock */
} gw_waf_bucket;

typedef struct gw_waf_label_count {
    const char *label;
    gw_waf_cell blocked, counted;
} gw_waf_label_count;

struct gw_waf_books {
    size_t group_count;
    gw_waf_book_group groups[GW_WAF_BOOK_GROUPS];
    struct {
        gw_waf_cell blocked, counted, passed;
    } by_group[GW_WAF_BOOK_GROUPS];
    gw_waf_cell clean;   /* requests in which no rule saw anything: allowed, passed by each group */
    gw_waf_cell allowed; /* others */
    gw_waf_cell lost;
    gw_waf_cell draws;
    size_t label_count;
    gw_waf_label_count *labels;
    pthread_mutex_t lock; /* samples */
    size_t sample_bytes;
    gw_waf_bucket buckets[GW_WAF_BOOK_GROUPS + 1][GW_WAF_BUCKETS];
};

static inline void gw_waf_cell_add(gw_waf_cell *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t gw_waf_cell_get(const gw_waf_cell *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* waf_sample.c */
void gw_waf_samples_free(gw_waf_books *b);

/* waf_write.c: "AWS#AWSManagedRulesCommonRuleSet", "AigwProtocolRuleSet". */
const char *gw_waf_vendor(const gw_waf_book_group *group);

#endif
