/* The slots of IP reputation: swapping tables under running look-ups, and what a hit means. */
/* Must not know list formats, files or requests. */
#include "gate/iprep.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define SHARDS      32u
#define MAX_ENTRIES 1000000u
#define PATIENCE    64 /* times that a load yields to let look-ups end */

/* Look-ups that run now. Shards are a cache line apart. */
typedef struct shard {
    atomic_uint readers;
    char apart[60];
} shard;

/* A table that was swapped out while look-ups ran. */
typedef struct retired {
    struct retired *next;
    gw_ip_table *table;
    uint32_t waits; /* a bit for each shard that has not been seen empty since */
} retired;

typedef struct slot {
    _Atomic(gw_ip_table *) table;
    aigw_iprep_facts facts; /* under the lock */
} slot;

struct aigw_iprep {
    shard shards[SHARDS];
    slot slots[AIGW_IPREP_LISTS];
    pthread_mutex_t lock; /* of loads and facts; look-ups take none */
    retired *retired;
    size_t max_entries;
};

static const char *const rules[AIGW_IPREP_LISTS] = {
    "AWSManagedIPReputationList", "AWSManagedReconnaissanceList", "AWSManagedIPDDoSList", ""};
#define LABEL "awswaf:managed:aws:amazon-ip-list:"
static const char *const labels[AIGW_IPREP_LISTS] = {LABEL "AWSManagedIPReputationList",
                                                     LABEL "AWSManagedReconnaissanceList",
                                                     LABEL "AWSManagedIPDDoSList", ""};

const char *aigw_iprep_rule(aigw_iprep_list list)
{
    return (unsigned)list < AIGW_IPREP_LISTS ? rules[list] : "";
}

const char *aigw_iprep_label(aigw_iprep_list list)
{
    return (unsigned)list < AIGW_IPREP_LISTS ? labels[list] : "";
}

int aigw_iprep_new(const aigw_iprep_options *options, aigw_iprep **out, aigw_error *err)
{
    size_t max = MAX_ENTRIES;
    if (options && options->size >= sizeof *options && options->max_entries)
        max = options->max_entries;
    if ((options && options->size < sizeof *options) || max > UINT32_MAX / 2)
        return gw_fail(err, AIGW_E_INVALID, "bad_options", "size or max_entries is out of range");
    aigw_iprep *p = gw_calloc(1, sizeof *p);
    if (!p)
        return gw_fail_nomem(err);
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        gw_free(p);
        return gw_fail_nomem(err);
    }
    p->max_entries = max;
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++)
        p->slots[i].facts.loaded_unix_s = -1;
    *out = p;
    return AIGW_OK;
}

/* ---- Swapping ---- */

/*
 * Frees what no look-up can hold any more. A look-up announces itself in its shard before it reads the
 * pointer; so a shard that is seen empty after the swap holds nobody who has read the old one.
 */
static void drop_retired(aigw_iprep *p)
{
    for (retired **at = &p->retired; *at;) {
        retired *r = *at;
        for (unsigned i = 0; i < SHARDS; i++) {
            if ((r->waits >> i & 1) != 0 && atomic_load(&p->shards[i].readers) == 0)
                r->waits &= ~(UINT32_C(1) << i);
        }
        if (r->waits != 0) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        gw_ip_table_free(r->table);
        gw_free(r);
    }
}

static void swap(aigw_iprep *p, aigw_iprep_list list, gw_ip_table *table, retired *old)
{
    old->table = atomic_exchange(&p->slots[list].table, table);
    old->waits = UINT32_MAX;
    old->next = p->retired;
    p->retired = old;
    for (int i = 0; i < PATIENCE && p->retired; i++) {
        if (i)
            sched_yield();
        drop_retired(p);
    }
}

void aigw_iprep_free(aigw_iprep *iprep)
{
    if (!iprep)
        return;
    drop_retired(iprep);
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++)
        gw_ip_table_free(atomic_load(&iprep->slots[i].table));
    pthread_mutex_destroy(&iprep->lock);
    gw_free(iprep);
}

/* ---- Loading ---- */

static int read_all(gw_ip_entries *e, const aigw_slice *files, size_t file_count, bool force,
                    aigw_error *err)
{
    for (size_t i = 0; i < file_count; i++) {
        size_t before = e->v4_count + e->v6_count;
        int code = gw_iprep_read(e, files[i], err);
        if (code != AIGW_OK)
            return code;
        if (!force && e->v4_count + e->v6_count == before)
            return gw_fail(err, AIGW_E_DENIED, "empty_list", "file %zu has no entry", i + 1);
    }
    if (!force && file_count == 0)
        return gw_fail(err, AIGW_E_DENIED, "empty_list", "no file");
    return AIGW_OK;
}

static int put(aigw_iprep *p, aigw_iprep_list list, gw_ip_table *table, size_t entries, bool force,
               int64_t now_unix_s, aigw_error *err)
{
    slot *s = &p->slots[list];
    retired *old = gw_calloc(1, sizeof *old);
    if (!old)
        return gw_fail_nomem(err);
    if (!force && entries < s->facts.entries - s->facts.entries / 2) {
        gw_free(old);
        return gw_fail(err, AIGW_E_DENIED, "shrunk", "%zu entries where there were %zu", entries,
                       s->facts.entries);
    }
    uint64_t loads = s->facts.loads + 1, refusals = s->facts.refusals;
    s->facts = (aigw_iprep_facts){
        .entries = entries, .loaded_unix_s = now_unix_s, .loads = loads, .refusals = refusals};
    gw_ip_table_facts(table, &s->facts);
    swap(p, list, table, old);
    return AIGW_OK;
}

int aigw_iprep_load(aigw_iprep *iprep, aigw_iprep_list list, const aigw_slice *files,
                    size_t file_count, bool force, int64_t now_unix_s, aigw_error *err)
{
    gw_ip_entries e = {.max = iprep->max_entries};
    gw_ip_table *table = NULL;
    if ((unsigned)list >= AIGW_IPREP_LISTS)
        return gw_fail(err, AIGW_E_INVALID, "unknown_list", "there is no such list");
    int code = read_all(&e, files, file_count, force, err);
    size_t entries = e.v4_count + e.v6_count;
    if (code == AIGW_OK)
        code = gw_ip_table_build(&e, &table, err);
    gw_ip_entries_free(&e);
    pthread_mutex_lock(&iprep->lock);
    if (code == AIGW_OK)
        code = put(iprep, list, table, entries, force, now_unix_s, err);
    if (code != AIGW_OK)
        iprep->slots[list].facts.refusals++;
    pthread_mutex_unlock(&iprep->lock);
    if (code != AIGW_OK)
        gw_ip_table_free(table);
    return code;
}

void aigw_iprep_facts_of(aigw_iprep *iprep, aigw_iprep_list list, aigw_iprep_facts *out)
{
    *out = (aigw_iprep_facts){.loaded_unix_s = -1};
    if ((unsigned)list >= AIGW_IPREP_LISTS)
        return;
    pthread_mutex_lock(&iprep->lock);
    *out = iprep->slots[list].facts;
    pthread_mutex_unlock(&iprep->lock);
}

/* ---- Looking up ---- */

static bool listed(aigw_iprep *p, aigw_iprep_list list, const gw_ip *ip)
{
    const gw_ip_table *table = atomic_load(&p->slots[list].table);
    return table && gw_ip_table_has(table, ip);
}

static void judge(aigw_iprep *p, const gw_ip *ip, aigw_iprep_hit *out)
{
    *out = (aigw_iprep_hit){AIGW_IPREP_NONE, 0, "", ""};
    if (listed(p, AIGW_IPREP_ALLOW, ip)) {
        out->action = AIGW_IPREP_ALLOWED;
        out->lists = 1u << AIGW_IPREP_ALLOW;
        return;
    }
    for (int i = AIGW_IPREP_REPUTATION; i < AIGW_IPREP_ALLOW; i++) {
        aigw_iprep_list list = (aigw_iprep_list)i;
        if (!listed(p, list, ip))
            continue;
        if (out->lists == 0) {
            out->rule = rules[list];
            out->label = labels[list];
        }
        out->lists |= 1u << list;
        if (list != AIGW_IPREP_DDOS)
            out->action = AIGW_IPREP_BLOCK;
        else if (out->action == AIGW_IPREP_NONE)
            out->action = AIGW_IPREP_COUNT;
    }
}

void gw_iprep_check(aigw_iprep *iprep, const gw_ip *ip, aigw_iprep_hit *out)
{
    /* Threads have stacks of their own: where one lies picks the shard. Any choice is right. */
    uintptr_t place = (uintptr_t)(void *)&place;
    shard *s = &iprep->shards[(place >> 16 ^ place >> 23) % SHARDS];
    atomic_fetch_add(&s->readers, 1);
    judge(iprep, ip, out);
    atomic_fetch_sub(&s->readers, 1);
}

bool aigw_iprep_check(aigw_iprep *iprep, aigw_slice address, aigw_iprep_hit *out)
{
    gw_ip ip;
    if (!gw_ip_parse(address, &ip))
        return false;
    gw_iprep_check(iprep, &ip, out);
    return true;
}
