/*
 * Inside of the token issuer: what its making (issuer.c), its clients (auth.c), its endpoint
 * (token.c) and its administration (admin.c) share.
 *
 * Options never change once made. What does change (keys, secrets that were right) is under `lock`.
 */
#ifndef GW_GATEWAY_ISSUER_H
#define GW_GATEWAY_ISSUER_H

#include "base/crypto.h"
#include "base/mem.h"
#include "base/time.h"
#include "gateway/issuer/guard.h"
#include "gateway/issuer/keys.h"
#include <aigw/issuer.h>
#include <aigw/verify.h>
#include <pthread.h>

#define GW_ISSUER_ARENA_BYTES ((size_t)256 * 1024) /* for one request at the token endpoint */
#define GW_SALT_BYTES         16

struct aigw_issuer_store {
    int refs; /* atomic */
    gw_store *db;
    gw_clock clock;
};

typedef struct gw_issuer_client {
    aigw_slice id, team, tenant_tier;
    aigw_slice *scopes;
    size_t scope_count;
    int64_t token_lifetime_s;
    bool disabled;
    gw_store_secret secrets[2];
    size_t secret_count;
    /* A secret that a person may have chosen: secrets[0].hash is scrypt's. After it was right once,
     * `seen` is its keyed SHA-256, so that only wrong ones go the slow way. */
    bool slow, has_seen;
    uint8_t salt[GW_SALT_BYTES];
    uint8_t seen[GW_SHA256_BYTES];
} gw_issuer_client;

/* A key set's text that aigw_issuer_jwks has handed out. */
typedef struct gw_pinned {
    struct gw_pinned *next;
    gw_issuer_keys *keys;
} gw_pinned;

struct aigw_issuer {
    gw_arena *arena; /* holds the texts and the config's clients */
    gw_clock clock;
    aigw_slice issuer;
    gw_issuer_client *clients; /* of the options; those of the store are read when asked for */
    size_t client_count;
    bool cognito_compat, has_slow;
    aigw_issuer_store *store; /* NULL: none */
    gw_guard *guard;          /* NULL: no limit */
    int64_t rotation_s;       /* 0: never */
    uint8_t seen_key[GW_SHA256_BYTES];
    pthread_mutex_t lock; /* guards keys, pinned, rotate_next_unix_s, each client's `seen` */
    gw_issuer_keys *keys;
    gw_pinned *pinned;
    int64_t rotate_next_unix_s; /* no try before */
};

/* As aigw_issuer_new. From `previous` (may be NULL) go on: failures, a key that nobody gave, and the
 * slow hashes that are known. */
int gw_issuer_new(const aigw_issuer_options *options, const aigw_host *host,
                  const aigw_issuer *previous, aigw_issuer **out, aigw_error *err);

/* The keys of this moment, referenced. Looks whether the store has changed; when it cannot, the
 * last ones hold. */
gw_issuer_keys *gw_issuer_keys_now(aigw_issuer *issuer);
/* The public ones, to verify with: aigw_jwks_free drops the reference. */
aigw_jwks *gw_issuer_key_set(aigw_issuer *issuer);
/* Rotates when the current key is old enough. */
void gw_issuer_rotate_if_due(aigw_issuer *issuer);

/*
 * Appends a signed token for the scopes asked for (space-separated; "" is all of the client's).
 * AIGW_E_DENIED with reason "invalid_scope": not the client's.
 */
int gw_issuer_sign(aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice scope,
                   gw_buf *out, aigw_error *err);

/* ---- auth.c ---- */

/* A client of the options; NULL if there is none. */
const gw_issuer_client *gw_issuer_find(const aigw_issuer *issuer, aigw_slice client_id);
/* A client of the options or of the store; in the arena. AIGW_E_DENIED "unknown_client". */
int gw_issuer_lookup(aigw_issuer *issuer, aigw_slice client_id, gw_arena *arena,
                     const gw_issuer_client **out, aigw_error *err);
/* Hashes the secret of a client of the options; `previous` may know the hash. */
int gw_issuer_take_secret(aigw_issuer *issuer, gw_issuer_client *client, aigw_slice secret,
                          const aigw_issuer *previous, aigw_error *err);
/*
 * *out is the client, or NULL: unknown, disabled or the wrong secret, all alike and in like time.
 * *later: ask again, too many slow hashes at the moment.
 */
int gw_issuer_authenticate(aigw_issuer *issuer, aigw_slice id, aigw_slice secret, gw_arena *arena,
                           const gw_issuer_client **out, bool *later, aigw_error *err);

/* ---- store.c ---- */

aigw_issuer_store *gw_issuer_store_ref(aigw_issuer_store *store);
bool gw_is_scope(aigw_slice text); /* scope-token of RFC 6749 clause 3.3 */
/* A client of the options as JSON. */
void gw_issuer_describe(const gw_issuer_client *client, gw_buf *out);

/* ---- admin.c ---- */

typedef enum gw_admin_action {
    GW_ADMIN_LIST,
    GW_ADMIN_ADD,
    GW_ADMIN_ROTATE,
    GW_ADMIN_DISABLE,
    GW_ADMIN_ENABLE,
    GW_ADMIN_REMOVE,
    GW_ADMIN_ROTATE_KEYS
} gw_admin_action;

/*
 * Does what an administrator asks. `id` names the client; `body` is its JSON, "" where none is
 * needed. Appends the JSON answer, which may hold a secret. *who gets the id of the client, in the
 * arena. Errors tell their http_status; AIGW_E_PARSE and AIGW_E_INVALID with a pointer.
 */
int gw_issuer_admin(aigw_issuer *issuer, gw_admin_action action, aigw_slice id, aigw_slice body,
                    gw_arena *arena, gw_buf *out, aigw_slice *who, aigw_error *err);

#endif
