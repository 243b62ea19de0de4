/* A bounded table of facts of verified tokens: sharded, each shard a hash table with a CLOCK hand.
 * Knows nothing of policy or time; both are checked again on every hit. */
#include "gate/jwt_cache.h"
#include "base/crypto.h"
#include "base/text.h"
#include <pthread.h>

#define MAX_SHARDS 16
#define TEXT_BYTES 512
#define TEXT_COUNT 8 /* key_id, issuer, subject, team, scope, audience, token_use, extra */
#define NO_ENTRY   UINT32_MAX

typedef struct entry {
    uint8_t digest[GW_SHA256_BYTES]; /* of the token: strict base64url leaves it one spelling */
    uint64_t generation;
    int64_t expires_unix_s, not_before_unix_s, issued_unix_s;
    uint32_t next; /* in its bucket */
    uint16_t len[TEXT_COUNT];
    uint8_t alg;
    bool has_expiry, has_client;
    bool used_lately; /* CLOCK's bit */
    char text[TEXT_BYTES];
} entry;

typedef struct shard {
    pthread_mutex_t lock;
    uint32_t *buckets; /* the first entry of each, or NO_ENTRY */
    uint32_t bucket_mask;
    entry *entries; /* the first `count` are in use */
    uint32_t count, capacity, hand;
    char apart[64]; /* no two shards' locks on one cache line */
} shard;

struct gw_jwt_cache {
    size_t shard_count; /* a power of two */
    shard shards[MAX_SHARDS];
};

static uint32_t number_at(const uint8_t *digest)
{
    uint32_t value;
    memcpy(&value, digest, sizeof value);
    return value;
}

static shard *shard_of(gw_jwt_cache *cache, const uint8_t *digest)
{
    return &cache->shards[digest[0] & (cache->shard_count - 1)];
}

static uint32_t *bucket_of(shard *s, const uint8_t *digest)
{
    return &s->buckets[number_at(digest + 4) & s->bucket_mask];
}

static entry *lookup(shard *s, const uint8_t *digest)
{
    uint32_t i = *bucket_of(s, digest);
    while (i != NO_ENTRY && memcmp(s->entries[i].digest, digest, GW_SHA256_BYTES) != 0)
        i = s->entries[i].next;
    return i == NO_ENTRY ? NULL : &s->entries[i];
}

static void unlink_entry(shard *s, uint32_t victim)
{
    uint32_t *link = bucket_of(s, s->entries[victim].digest);
    while (*link != victim)
        link = &s->entries[*link].next;
    *link = s->entries[victim].next;
}

/* A free entry, or the first that nobody used since the hand came by last. */
static entry *take_entry(shard *s)
{
    if (s->count < s->capacity)
        return &s->entries[s->count++];
    while (s->entries[s->hand].used_lately) {
        s->entries[s->hand].used_lately = false;
        s->hand = (s->hand + 1) % s->capacity;
    }
    uint32_t victim = s->hand;
    s->hand = (s->hand + 1) % s->capacity;
    unlink_entry(s, victim);
    return &s->entries[victim];
}

static void texts_of(const gw_jwt_facts *facts, aigw_slice texts[TEXT_COUNT])
{
    texts[0] = gw_slice(facts->key_id, strlen(facts->key_id) + 1); /* with its NUL */
    texts[1] = facts->issuer;
    texts[2] = facts->subject;
    texts[3] = facts->team;
    texts[4] = facts->scope;
    texts[5] = facts->audience;
    texts[6] = facts->token_use;
    texts[7] = facts->extra;
}

static size_t total_of(const aigw_slice texts[TEXT_COUNT])
{
    size_t total = 0;
    for (int i = 0; i < TEXT_COUNT; i++) {
        if (texts[i].len > TEXT_BYTES)
            return TEXT_BYTES + 1;
        total += texts[i].len;
    }
    return total;
}

static void fill(entry *e, uint64_t generation, const gw_jwt_facts *facts,
                 const aigw_slice texts[TEXT_COUNT])
{
    e->generation = generation;
    e->expires_unix_s = facts->expires_unix_s;
    e->not_before_unix_s = facts->not_before_unix_s;
    e->issued_unix_s = facts->issued_unix_s;
    e->has_expiry = facts->has_expiry;
    e->has_client = facts->has_client;
    e->alg = (uint8_t)facts->alg;
    e->used_lately = true;
    char *at = e->text;
    for (int i = 0; i < TEXT_COUNT; i++) {
        e->len[i] = (uint16_t)texts[i].len;
        if (texts[i].len)
            memcpy(at, texts[i].data, texts[i].len);
        at += texts[i].len;
    }
}

static bool copy_out(const entry *e, char *room, size_t room_size, gw_jwt_facts *out)
{
    aigw_slice texts[TEXT_COUNT];
    size_t total = 0;
    for (int i = 0; i < TEXT_COUNT; i++) {
        texts[i] = gw_slice(room + total, e->len[i]);
        total += e->len[i];
        if (total > room_size)
            return false;
    }
    memcpy(room, e->text, total);
    *out = (gw_jwt_facts){.key_id = texts[0].data,
                          .claims = GW_S(""),
                          .issuer = texts[1],
                          .subject = texts[2],
                          .team = texts[3],
                          .scope = texts[4],
                          .audience = texts[5],
                          .token_use = texts[6],
                          .extra = texts[7],
                          .alg = e->alg,
                          .has_expiry = e->has_expiry,
                          .has_client = e->has_client,
                          .expires_unix_s = e->expires_unix_s,
                          .not_before_unix_s = e->not_before_unix_s,
                          .issued_unix_s = e->issued_unix_s};
    return true;
}

static void clear_shard(shard *s)
{
    for (uint32_t i = 0; i <= s->bucket_mask; i++)
        s->buckets[i] = NO_ENTRY;
    s->count = 0;
    s->hand = 0;
}

static bool init_shard(shard *s, uint32_t capacity)
{
    uint32_t buckets = 1;
    while (buckets < capacity)
        buckets *= 2;
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return false;
    s->capacity = capacity;
    s->bucket_mask = buckets - 1;
    s->entries = gw_alloc(capacity * sizeof *s->entries);
    s->buckets = gw_alloc(buckets * sizeof *s->buckets);
    if (!s->entries || !s->buckets) {
        gw_free(s->entries);
        gw_free(s->buckets);
        pthread_mutex_destroy(&s->lock);
        return false;
    }
    clear_shard(s);
    return true;
}

gw_jwt_cache *gw_jwt_cache_new(size_t capacity)
{
    if (capacity == 0 || capacity > (size_t)1 << 24)
        return NULL;
    gw_jwt_cache *cache = gw_calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    size_t shards = 1;
    while (shards < MAX_SHARDS && shards * 2 <= capacity / 8)
        shards *= 2;
    for (; cache->shard_count < shards; cache->shard_count++) {
        if (!init_shard(&cache->shards[cache->shard_count], (uint32_t)(capacity / shards))) {
            gw_jwt_cache_free(cache);
            return NULL;
        }
    }
    return cache;
}

void gw_jwt_cache_free(gw_jwt_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->shard_count; i++) {
        gw_free(cache->shards[i].entries);
        gw_free(cache->shards[i].buckets);
        pthread_mutex_destroy(&cache->shards[i].lock);
    }
    gw_free(cache);
}

bool gw_jwt_cache_get_any(gw_jwt_cache *cache, aigw_slice token, const uint64_t *generations,
                          size_t count, char *room, size_t room_size, gw_jwt_facts *out,
                          size_t *which)
{
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256(token, digest);
    shard *s = shard_of(cache, digest);
    bool hit = false;
    pthread_mutex_lock(&s->lock);
    entry *e = lookup(s, digest);
    for (size_t i = 0; e && i < count && !hit; i++) {
        if (generations[i] == e->generation && copy_out(e, room, room_size, out)) {
            e->used_lately = true;
            *which = i;
            hit = true;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return hit;
}

bool gw_jwt_cache_get(gw_jwt_cache *cache, aigw_slice token, uint64_t generation, char *room,
                      size_t room_size, gw_jwt_facts *out)
{
    size_t which;
    return gw_jwt_cache_get_any(cache, token, &generation, 1, room, room_size, out, &which);
}

void gw_jwt_cache_put(gw_jwt_cache *cache, aigw_slice token, uint64_t generation,
                      const gw_jwt_facts *facts)
{
    aigw_slice texts[TEXT_COUNT];
    texts_of(facts, texts);
    if (generation == 0 || total_of(texts) > TEXT_BYTES)
        return;
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256(token, digest);
    shard *s = shard_of(cache, digest);
    pthread_mutex_lock(&s->lock);
    entry *e = lookup(s, digest);
    if (!e) {
        e = take_entry(s);
        uint32_t *bucket = bucket_of(s, digest);
        memcpy(e->digest, digest, sizeof e->digest);
        e->next = *bucket;
        *bucket = (uint32_t)(e - s->entries);
    }
    fill(e, generation, facts, texts);
    pthread_mutex_unlock(&s->lock);
}

void gw_jwt_cache_clear(gw_jwt_cache *cache)
{
    for (size_t i = 0; i < cache->shard_count; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        clear_shard(&cache->shards[i]);
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
}
