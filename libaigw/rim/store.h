/*
 * The issuer's database: clients and signing keys in one SQLite file. The only user of SQLite.
 *
 * Shared: any thread; several processes may have the same file open. Each change is one transaction
 * that is on the disk when the call returns (WAL, synchronous=FULL): a crash leaves the old state or
 * the new one. Knows nothing of tokens; hashes and keys are made by the caller.
 */
#ifndef GW_RIM_STORE_H
#define GW_RIM_STORE_H

#include "base/crypto.h"
#include "base/mem.h"
#include <aigw/error.h>

#define GW_STORE_MAX_CLIENTS 10000
#define GW_STORE_MAX_KEYS    64

typedef struct gw_store gw_store;

typedef struct gw_store_secret {
    uint8_t hash[GW_SHA256_BYTES];
    int64_t created_unix_s, expires_unix_s; /* expires: -1 for never */
} gw_store_secret;

typedef struct gw_store_client {
    aigw_slice id, team, tenant_tier;
    aigw_slice scopes; /* space-separated */
    int64_t token_lifetime_s, created_unix_s, updated_unix_s;
    bool disabled;
    gw_store_secret secrets[2]; /* the newest first */
    size_t secret_count;        /* 1 or 2; the second may have expired */
} gw_store_client;

typedef enum gw_store_key_state { GW_KEY_CURRENT, GW_KEY_NEXT, GW_KEY_RETIRED } gw_store_key_state;

typedef struct gw_store_key {
    aigw_slice kid, pem; /* the private key; wipe what holds it */
    gw_store_key_state state;
    int64_t created_unix_s, activated_unix_s; /* activated: -1 for not yet */
    int64_t not_after_unix_s;                 /* of a retired one; else -1 */
} gw_store_key;

/*
 * Opens, or with `create` makes, the file; it must be a regular file of this user that nobody else
 * may read (mode 0600). AIGW_E_IO with reason no_store, store_mode, store_owner, not_a_store,
 * newer_store, store_failed (...); AIGW_E_TIMEOUT "store_busy" when another process holds it for long.
 * The same codes come from every other call.
 */
int gw_store_open(aigw_slice path, bool create, gw_store **out, aigw_error *err);
void gw_store_free(gw_store *store);

/* Differs whenever anybody has changed the file since the last call; cheap enough for each request. */
int gw_store_version(gw_store *store, uint64_t *out, aigw_error *err);

/* Of `client` the first secret counts. AIGW_E_INVALID "client_exists" (409); AIGW_E_LIMIT. */
int gw_store_add(gw_store *store, const gw_store_client *client, aigw_error *err);
/* Texts lie in the arena. AIGW_E_INVALID "unknown_client" (404), here and below. */
int gw_store_get(gw_store *store, aigw_slice id, gw_arena *arena, gw_store_client *out,
                 aigw_error *err);
/* All of them, by id. */
int gw_store_list(gw_store *store, gw_arena *arena, gw_store_client **out, size_t *count,
                  aigw_error *err);
/* The newest secret becomes the second one and lives grace_s longer (0: it ends now). */
int gw_store_rotate(gw_store *store, aigw_slice id, const uint8_t hash[GW_SHA256_BYTES],
                    int64_t now_unix_s, int64_t grace_s, aigw_error *err);
int gw_store_disable(gw_store *store, aigw_slice id, bool disabled, int64_t now_unix_s,
                     aigw_error *err);
int gw_store_remove(gw_store *store, aigw_slice id, aigw_error *err);

/* Current, next, then the retired ones, the newest first. None at all in a new file. */
int gw_store_keys(gw_store *store, gw_arena *arena, gw_store_key **out, size_t *count,
                  aigw_error *err);
/* Puts the first two keys into a file that has none; does nothing if it has. */
int gw_store_first_keys(gw_store *store, const gw_store_key *current, const gw_store_key *next,
                        int64_t now_unix_s, aigw_error *err);
/*
 * Next becomes current, current retired until not_after_unix_s, `fresh` next; retired keys past
 * their time go. AIGW_E_INVALID "already_rotated" (409) when `current` is not the current kid any
 * more; AIGW_E_LIMIT "too_many_keys" (409) with max_retired keys published already.
 */
typedef struct gw_store_rotation {
    aigw_slice current;
    gw_store_key fresh;
    int64_t now_unix_s, not_after_unix_s;
    size_t max_retired;
} gw_store_rotation;
int gw_store_rotate_keys(gw_store *store, const gw_store_rotation *rotation, aigw_error *err);

#endif
