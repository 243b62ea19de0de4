/*
 * A table of fixed size per shard: chains over an array of slots, and the search for a place when
 * it is full.
 *
 * Must not know how a rule counts.
 */
#include "gate/limit_table.h"

#include "base/mem.h"
#include <string.h>

#define SMALL          256  /* below this one shard, of exactly so many keys */
#define KEYS_PER_SHARD 4096 /* at least, with more than 8 shards */
#define MAX_SHARDS     1024
#define SAMPLE         64 /* keys below their limit that are compared for one to forget */

_Static_assert(sizeof(gw_limit_slot) == 64, "what limit.h states");

static uint32_t power_of_two(size_t n)
{
    uint32_t p = 1;
    while (p < n)
        p *= 2;
    return p;
}

static size_t root(size_t n)
{
    size_t r = 1;
    while (r * r < n)
        r++;
    return r;
}

/* Keys fall into shards like balls: six standard deviations of room keep max_keys of them. */
static size_t shard_room(size_t max_keys, size_t shards)
{
    if (shards == 1)
        return max_keys;
    size_t mean = max_keys / shards + 1;
    return mean + 6 * root(mean) + 8;
}

static bool shard_init(gw_limit_shard *s, size_t cap)
{
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return false;
    s->cap = (uint32_t)cap;
    s->mask = power_of_two(cap) - 1;
    s->no_room_ms = -1;
    s->slots = gw_calloc(cap, sizeof *s->slots);
    s->index = gw_calloc((size_t)s->mask + 1, sizeof *s->index);
    if (s->slots && s->index)
        return true;
    gw_free(s->slots);
    gw_free(s->index);
    pthread_mutex_destroy(&s->lock);
    return false;
}

bool gw_limit_table_init(gw_limit_table *table, size_t max_keys)
{
    size_t shards = max_keys < SMALL ? 1 : 8;
    while (shards < MAX_SHARDS && shards * KEYS_PER_SHARD < max_keys)
        shards *= 2;
    size_t cap = shard_room(max_keys, shards);

    table->shards = gw_calloc(shards, sizeof *table->shards);
    if (!table->shards)
        return false;
    table->bytes = shards * sizeof *table->shards;
    for (; table->shard_count < shards; table->shard_count++) {
        gw_limit_shard *s = &table->shards[table->shard_count];
        if (!shard_init(s, cap)) {
            gw_limit_table_free(table);
            return false;
        }
        table->bytes += cap * sizeof *s->slots + ((size_t)s->mask + 1) * sizeof *s->index;
    }
    return true;
}

void gw_limit_table_free(gw_limit_table *table)
{
    for (size_t i = 0; i < table->shard_count; i++) {
        gw_limit_shard *s = &table->shards[i];
        for (uint32_t k = 0; k < s->touched; k++)
            gw_limit_count_clear(&s->slots[k].count, &table->room);
        gw_free(s->slots);
        gw_free(s->index);
        pthread_mutex_destroy(&s->lock);
    }
    gw_free(table->shards);
    table->shards = NULL;
    table->shard_count = 0;
}

gw_limit_shard *gw_limit_table_lock(gw_limit_table *table, const uint64_t id[2], int64_t *now_ms)
{
    gw_limit_shard *s = &table->shards[id[0] & (table->shard_count - 1)];
    pthread_mutex_lock(&s->lock);
    if (*now_ms > s->now_ms)
        s->now_ms = *now_ms;
    *now_ms = s->now_ms;
    return s;
}

void gw_limit_table_unlock(gw_limit_shard *shard)
{
    pthread_mutex_unlock(&shard->lock);
}

static void trim(gw_limit_table *table, gw_limit_shard *s, gw_limit_slot *slot)
{
    gw_limit_count_trim(&slot->count, &table->rules[slot->count.rule], &table->room, s->now_ms);
}

gw_limit_slot *gw_limit_table_find(gw_limit_table *table, gw_limit_shard *s, const uint64_t id[2])
{
    for (uint32_t at = s->index[id[1] & s->mask]; at != 0; at = s->slots[at - 1].next) {
        gw_limit_slot *slot = &s->slots[at - 1];
        if (slot->id[0] == id[0] && slot->id[1] == id[1]) {
            trim(table, s, slot);
            return slot;
        }
    }
    return NULL;
}

static void forget(gw_limit_table *table, gw_limit_shard *s, gw_limit_slot *slot)
{
    uint32_t self = (uint32_t)(slot - s->slots) + 1;
    uint32_t *link = &s->index[slot->id[1] & s->mask];
    while (*link != self)
        link = &s->slots[*link - 1].next;
    *link = slot->next;
    gw_limit_count_clear(&slot->count, &table->room);
    slot->incarnation = 0;
    slot->next = s->free_head;
    s->free_head = self;
    s->used--;
}

/* One that counts nothing, from the hand on. Looks at all at most once until one can be there. */
static gw_limit_slot *find_idle(gw_limit_table *table, gw_limit_shard *s)
{
    if (s->now_ms < s->next_idle_ms)
        return NULL;
    int64_t earliest = INT64_MAX;
    for (uint32_t i = 0; i < s->cap; i++) {
        gw_limit_slot *slot = &s->slots[s->hand];
        int64_t until = INT64_MAX;
        s->hand = s->hand + 1 == s->cap ? 0 : s->hand + 1;
        if (gw_limit_count_idle(&slot->count, &table->rules[slot->count.rule], s->now_ms, &until))
            return slot;
        if (until < earliest)
            earliest = until;
    }
    s->next_idle_ms = earliest;
    return NULL;
}

/* Of the first few below their limit, from the hand on, that which was used longest ago. */
static gw_limit_slot *find_below(gw_limit_table *table, gw_limit_shard *s)
{
    gw_limit_slot *best = NULL;
    aigw_limit_ask facts;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < s->cap && seen < SAMPLE; i++) {
        gw_limit_slot *slot = &s->slots[s->hand];
        const gw_limit_rule *rule = &table->rules[slot->count.rule];
        s->hand = s->hand + 1 == s->cap ? 0 : s->hand + 1;
        trim(table, s, slot);
        if (!gw_limit_count_ask(&slot->count, rule, 1, s->now_ms, &facts))
            continue;
        seen++;
        if (!best || gw_limit_count_last(&slot->count) < gw_limit_count_last(&best->count))
            best = slot;
    }
    return best;
}

/*
 * All slots are in use. False: none may be forgotten. A search that failed holds until time moves.
 */
static bool make_place(gw_limit_table *table, gw_limit_shard *s)
{
    gw_limit_slot *slot = find_idle(table, s);
    if (slot) {
        s->forgot_idle++;
    } else if (!table->keep_counting && s->no_room_ms != s->now_ms) {
        slot = find_below(table, s);
        if (slot)
            s->forgot_counting++;
        else
            s->no_room_ms = s->now_ms;
    }
    if (slot)
        forget(table, s, slot);
    return slot != NULL;
}

gw_limit_slot *gw_limit_table_add(gw_limit_table *table, gw_limit_shard *s, const uint64_t id[2],
                                  size_t rule)
{
    if (s->used == s->cap && !make_place(table, s)) {
        s->full++;
        return NULL;
    }
    uint32_t self = s->free_head;
    if (self)
        s->free_head = s->slots[self - 1].next;
    else
        self = ++s->touched;
    gw_limit_slot *slot = &s->slots[self - 1];
    uint32_t *link = &s->index[id[1] & s->mask];

    memset(slot, 0, sizeof *slot);
    slot->id[0] = id[0];
    slot->id[1] = id[1];
    slot->count.rule = (uint16_t)rule;
    s->last_incarnation = s->last_incarnation == UINT32_MAX ? 1 : s->last_incarnation + 1;
    slot->incarnation = s->last_incarnation;
    slot->next = *link;
    *link = self;
    s->used++;
    return slot;
}

void gw_limit_table_changed(gw_limit_table *table, gw_limit_shard *s, const gw_limit_slot *slot)
{
    int64_t until = s->now_ms;
    gw_limit_count_idle(&slot->count, &table->rules[slot->count.rule], s->now_ms, &until);
    if (until < s->next_idle_ms)
        s->next_idle_ms = until;
    s->no_room_ms = -1;
}
