/*
 * The keys that are remembered: a bounded hash table in shards, each behind its own lock. Shared.
 *
 * Knows no text of a key and no network; how a key counts is limit_count's.
 */
#ifndef GW_GATE_LIMIT_TABLE_H
#define GW_GATE_LIMIT_TABLE_H

#include "gate/limit_count.h"
#include <pthread.h>

typedef struct gw_limit_slot {
    uint64_t id[2];
    gw_limit_count count;
    uint32_t next;        /* in its chain, or in the list of free ones; 1-based, 0: the end */
    uint32_t incarnation; /* 0: free */
} gw_limit_slot;

typedef struct gw_limit_shard {
    pthread_mutex_t lock;
    gw_limit_slot *slots;
    uint32_t *index; /* by hash: 1-based slot, 0: none */
    uint32_t cap, mask, used, free_head, touched, hand, last_incarnation;
    int64_t now_ms;       /* latest time seen: time never goes back */
    int64_t next_idle_ms; /* no slot counts nothing before this */
    int64_t no_room_ms;   /* when the last search found no place */
    uint64_t forgot_idle, forgot_counting, full;
} gw_limit_shard;

typedef struct gw_limit_table {
    gw_limit_shard *shards;
    size_t shard_count; /* a power of two */
    size_t bytes;
    const gw_limit_rule *rules; /* borrowed */
    gw_limit_room room;
    bool keep_counting;
} gw_limit_table;

/* False: no memory. The caller has set rules, room and keep_counting. */
bool gw_limit_table_init(gw_limit_table *table, size_t max_keys);
void gw_limit_table_free(gw_limit_table *table);

/* Locks the shard of this id; *now_ms becomes the shard's time when that is later. */
gw_limit_shard *gw_limit_table_lock(gw_limit_table *table, const uint64_t id[2], int64_t *now_ms);
void gw_limit_table_unlock(gw_limit_shard *shard);
/* The rest with the shard locked. NULL: not there. Its count is trimmed. */
gw_limit_slot *gw_limit_table_find(gw_limit_table *table, gw_limit_shard *shard,
                                   const uint64_t id[2]);
/* A new one, in the place of another if need be. NULL: there is no place. */
gw_limit_slot *gw_limit_table_add(gw_limit_table *table, gw_limit_shard *shard,
                                  const uint64_t id[2], size_t rule);
/* To be called when a slot is new or counts less, so that its place is found when it counts
 * nothing. */
void gw_limit_table_changed(gw_limit_table *table, gw_limit_shard *shard,
                            const gw_limit_slot *slot);

#endif
