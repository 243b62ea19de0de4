/* The table of failures at the token endpoint.
 * Must not know what a client or a secret is. */
#include "gateway/issuer/guard.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include <pthread.h>

#define SETS          1024
#define WAYS          4
#define KEY_BYTES     16
#define MAX_HASHED    512
#define KNOWN_MS      ((int64_t)24 * 3600 * 1000)
#define MS_PER_SECOND 1000

typedef enum kind { FAILED_CLIENT = 'c', FAILED_PEER = 'p', KNOWN_PAIR = 'k' } kind;

typedef struct entry {
    uint64_t tag;       /* 0: free */
    int64_t begun_ms;   /* of the window; of a pair: when it last passed */
    int64_t blocked_ms; /* until then */
    int failures;
} entry;

struct gw_guard {
    int refs; /* atomic */
    int max_failures;
    uint8_t key[KEY_BYTES];
    pthread_mutex_t lock;
    int64_t slow_ms;      /* when the bucket was last filled */
    int64_t slow_credits; /* thousandths of a hash */
    entry entries[SETS][WAYS];
};

/* ---- Keys ---- */

/* One customer of an IPv6 network has a /64 at least: what follows the fourth group does not count. */
static aigw_slice network_of(aigw_slice peer, char room[64])
{
    if (!memchr(peer.data, ':', peer.len) || peer.len >= 64)
        return peer;
    const char *gap = gw_find(peer, GW_S("::"));
    size_t groups = 0, i = 0;
    for (; i < peer.len && groups < 4; i++) {
        if (gap == peer.data + i)
            break; /* zeros from here: the text before it says all */
        if (peer.data[i] == ':')
            groups++;
        room[i] = peer.data[i];
    }
    if (gw_starts(peer, GW_S("::")))
        return peer; /* ::1, ::ffff:192.0.2.1 and the like */
    if (i && room[i - 1] == ':')
        i--;
    return gw_slice(room, i);
}

static uint64_t tag_of(const gw_guard *guard, kind what, aigw_slice a, aigw_slice b)
{
    char text[KEY_BYTES + 1 + 2 * (MAX_HASHED + sizeof(size_t))];
    uint8_t hash[GW_SHA256_BYTES];
    uint64_t tag;
    size_t at = KEY_BYTES;
    memcpy(text, guard->key, KEY_BYTES);
    text[at++] = (char)what;
    const aigw_slice parts[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        size_t len = parts[i].len < MAX_HASHED ? parts[i].len : MAX_HASHED;
        memcpy(text + at, &parts[i].len, sizeof parts[i].len);
        at += sizeof parts[i].len;
        if (len)
            memcpy(text + at, parts[i].data, len);
        at += len;
    }
    gw_sha256(gw_slice(text, at), hash);
    memcpy(&tag, hash, sizeof tag);
    return tag ? tag : 1;
}

static entry *find(gw_guard *guard, uint64_t tag)
{
    entry *set = guard->entries[tag % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
    }
    return NULL;
}

/* Who is blocked stays longest: a flood of names must not push a block out while there is another. */
static int64_t worth(const entry *e)
{
    return e->tag ? (e->blocked_ms > e->begun_ms ? e->blocked_ms : e->begun_ms) : INT64_MIN;
}

static entry *find_or_make(gw_guard *guard, uint64_t tag, int64_t now_ms)
{
    entry *found = find(guard, tag);
    if (found)
        return found;
    entry *set = guard->entries[tag % SETS], *least = &set[0];
    for (size_t i = 1; i < WAYS; i++) {
        if (worth(&set[i]) < worth(least))
            least = &set[i];
    }
    *least = (entry){.tag = tag, .begun_ms = now_ms, .blocked_ms = INT64_MIN};
    return least;
}

/* ---- Counting ---- */

static void count(gw_guard *guard, uint64_t tag, int limit, int64_t now_ms)
{
    entry *e = find_or_make(guard, tag, now_ms);
    if (now_ms - e->begun_ms >= GW_GUARD_WINDOW_MS) {
        e->begun_ms = now_ms;
        e->failures = 0;
    }
    if (++e->failures >= limit) {
        e->blocked_ms = now_ms + GW_GUARD_BLOCK_MS;
        e->begun_ms = now_ms;
        e->failures = 0;
    }
}

static int64_t left_ms(const entry *e, int64_t now_ms)
{
    return e && e->blocked_ms > now_ms ? e->blocked_ms - now_ms : 0;
}

/* An address that has failed in this window, or is blocked, is no friend. */
static bool trusted(gw_guard *guard, const entry *peer, uint64_t pair, int64_t now_ms)
{
    const entry *known = find(guard, pair);
    bool failed_lately = peer && peer->failures && now_ms - peer->begun_ms < GW_GUARD_WINDOW_MS;
    return known && now_ms - known->begun_ms < KNOWN_MS && !failed_lately;
}

int64_t gw_guard_wait_s(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms)
{
    char room[64];
    peer = network_of(peer, room);
    uint64_t of_client = tag_of(guard, FAILED_CLIENT, client, GW_S(""));
    uint64_t of_peer = tag_of(guard, FAILED_PEER, peer, GW_S(""));
    uint64_t of_pair = tag_of(guard, KNOWN_PAIR, client, peer);
    pthread_mutex_lock(&guard->lock);
    const entry *address = peer.len ? find(guard, of_peer) : NULL;
    int64_t wait_ms = left_ms(address, now_ms);
    if (!wait_ms && client.len) {
        wait_ms = left_ms(find(guard, of_client), now_ms);
        if (wait_ms && peer.len && trusted(guard, address, of_pair, now_ms))
            wait_ms = 0;
    }
    pthread_mutex_unlock(&guard->lock);
    return (wait_ms + MS_PER_SECOND - 1) / MS_PER_SECOND;
}

void gw_guard_failed(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms)
{
    char room[64];
    peer = network_of(peer, room);
    uint64_t of_client = tag_of(guard, FAILED_CLIENT, client, GW_S(""));
    uint64_t of_peer = tag_of(guard, FAILED_PEER, peer, GW_S(""));
    pthread_mutex_lock(&guard->lock);
    if (client.len)
        count(guard, of_client, guard->max_failures, now_ms);
    if (peer.len)
        count(guard, of_peer, guard->max_failures * GW_GUARD_IP_FACTOR, now_ms);
    pthread_mutex_unlock(&guard->lock);
}

void gw_guard_passed(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms)
{
    char room[64];
    peer = network_of(peer, room);
    if (!peer.len)
        return;
    uint64_t of_pair = tag_of(guard, KNOWN_PAIR, client, peer);
    pthread_mutex_lock(&guard->lock);
    find_or_make(guard, of_pair, now_ms)->begun_ms = now_ms;
    pthread_mutex_unlock(&guard->lock);
}

bool gw_guard_slow(gw_guard *guard, int64_t now_ms)
{
    pthread_mutex_lock(&guard->lock);
    const int64_t full = (int64_t)GW_GUARD_SLOW_BURST * MS_PER_SECOND;
    int64_t passed_ms = now_ms - guard->slow_ms;
    if (passed_ms > full)
        passed_ms = full;
    if (passed_ms > 0) {
        guard->slow_ms = now_ms;
        guard->slow_credits += passed_ms * GW_GUARD_SLOW_PER_S;
    }
    if (guard->slow_credits > full)
        guard->slow_credits = full;
    bool may = guard->slow_credits >= MS_PER_SECOND;
    if (may)
        guard->slow_credits -= MS_PER_SECOND;
    pthread_mutex_unlock(&guard->lock);
    return may;
}

/* ---- Making ---- */

gw_guard *gw_guard_new(int max_failures)
{
    gw_guard *guard = gw_calloc(1, sizeof *guard);
    if (!guard)
        return NULL;
    guard->refs = 1;
    guard->max_failures = max_failures;
    guard->slow_credits = (int64_t)GW_GUARD_SLOW_BURST * MS_PER_SECOND;
    if (!gw_random(guard->key, sizeof guard->key)) {
        gw_free(guard);
        return NULL;
    }
    pthread_mutex_init(&guard->lock, NULL);
    return guard;
}

gw_guard *gw_guard_ref(gw_guard *guard)
{
    __atomic_add_fetch(&guard->refs, 1, __ATOMIC_RELAXED);
    return guard;
}

int gw_guard_max_failures(const gw_guard *guard)
{
    return guard->max_failures;
}

void gw_guard_free(gw_guard *guard)
{
    if (!guard || __atomic_sub_fetch(&guard->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_destroy(&guard->lock);
    gw_free(guard);
}
