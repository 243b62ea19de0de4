/* The issuer's clients and their secrets: finding one, checking what it brings.
 * Must not know HTTP or tokens. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include <openssl/evp.h>

#define STRONG_BYTES   32 /* from here on a secret counts as made by a machine */
#define SCRYPT_N       16384
#define SCRYPT_R       8
#define SCRYPT_P       1
#define SCRYPT_MAX_MEM ((uint64_t)64 * 1024 * 1024)
#define MAX_SCOPES     64

/* ---- Hashes ---- */

static bool slow_hash(aigw_slice secret, const uint8_t salt[GW_SALT_BYTES],
                      uint8_t out[GW_SHA256_BYTES])
{
    return EVP_PBE_scrypt(secret.len ? secret.data : "", secret.len, salt, GW_SALT_BYTES, SCRYPT_N,
                          SCRYPT_R, SCRYPT_P, SCRYPT_MAX_MEM, out, GW_SHA256_BYTES) == 1;
}

/* Two hashes, so that nothing of the key's length or the secret's shows: H(key || H(secret)). */
static void seen_hash(const aigw_issuer *issuer, aigw_slice secret, uint8_t out[GW_SHA256_BYTES])
{
    uint8_t both[2 * GW_SHA256_BYTES];
    memcpy(both, issuer->seen_key, GW_SHA256_BYTES);
    gw_sha256(secret, both + GW_SHA256_BYTES);
    gw_sha256(gw_slice((const char *)both, sizeof both), out);
    gw_wipe(both, sizeof both);
}

static bool was_seen(aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice secret)
{
    uint8_t hash[GW_SHA256_BYTES];
    seen_hash(issuer, secret, hash);
    pthread_mutex_lock(&issuer->lock);
    bool same = gw_equal_ct(hash, client->seen, sizeof hash) && client->has_seen;
    pthread_mutex_unlock(&issuer->lock);
    gw_wipe(hash, sizeof hash);
    return same;
}

static void note_seen(aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice secret)
{
    uint8_t hash[GW_SHA256_BYTES];
    gw_issuer_client *own = &issuer->clients[client - issuer->clients];
    seen_hash(issuer, secret, hash);
    pthread_mutex_lock(&issuer->lock);
    memcpy(own->seen, hash, sizeof hash);
    own->has_seen = true;
    pthread_mutex_unlock(&issuer->lock);
    gw_wipe(hash, sizeof hash);
}

/* ---- Finding ---- */

const gw_issuer_client *gw_issuer_find(const aigw_issuer *issuer, aigw_slice client_id)
{
    for (size_t i = 0; i < issuer->client_count; i++) {
        if (gw_eq(issuer->clients[i].id, client_id))
            return &issuer->clients[i];
    }
    return NULL;
}

static int from_row(const gw_store_client *row, gw_arena *arena, const gw_issuer_client **out,
                    aigw_error *err)
{
    gw_issuer_client *client = gw_arena_calloc(arena, 1, sizeof *client);
    aigw_slice *scopes = gw_arena_calloc(arena, MAX_SCOPES, sizeof *scopes);
    if (!client || !scopes)
        return gw_fail_nomem(err);
    *client = (gw_issuer_client){.id = row->id,
                                 .team = row->team,
                                 .tenant_tier = row->tenant_tier,
                                 .scopes = scopes,
                                 .token_lifetime_s = row->token_lifetime_s,
                                 .disabled = row->disabled,
                                 .secret_count = row->secret_count};
    memcpy(client->secrets, row->secrets, sizeof client->secrets);
    aigw_slice rest = row->scopes;
    while (rest.len && client->scope_count < MAX_SCOPES)
        scopes[client->scope_count++] = gw_cut(&rest, ' ');
    *out = client;
    return AIGW_OK;
}

int gw_issuer_lookup(aigw_issuer *issuer, aigw_slice client_id, gw_arena *arena,
                     const gw_issuer_client **out, aigw_error *err)
{
    aigw_error own;
    gw_store_client row;
    const gw_issuer_client *client = gw_issuer_find(issuer, client_id);
    if (client) {
        *out = client;
        return AIGW_OK;
    }
    int code = AIGW_E_INVALID;
    if (issuer->store && client_id.len <= AIGW_CLIENT_ID_SIZE) {
        code = gw_store_get(issuer->store->db, client_id, arena, &row, &own);
        if (code == AIGW_OK)
            return from_row(&row, arena, out, err);
    }
    if (code == AIGW_E_INVALID)
        return gw_fail(err, AIGW_E_DENIED, "unknown_client", "there is no such client");
    if (err)
        *err = own;
    return code;
}

/* ---- Checking ---- */

static bool fast_match(const gw_issuer_client *client, aigw_slice secret, int64_t now_unix_s)
{
    static const gw_store_secret nobody[2];
    const gw_store_secret *secrets = client && !client->slow ? client->secrets : nobody;
    size_t count = client && !client->slow ? client->secret_count : 0;
    uint8_t hash[GW_SHA256_BYTES];
    bool right = false;
    gw_sha256(secret, hash);
    for (size_t i = 0; i < 2; i++) { /* both, whatever the first says */
        bool same = gw_equal_ct(hash, secrets[i].hash, sizeof hash);
        bool lives =
            i < count && (secrets[i].expires_unix_s < 0 || secrets[i].expires_unix_s > now_unix_s);
        right |= same && lives;
    }
    gw_wipe(hash, sizeof hash);
    return right;
}

/* One slow hash for each refusal when any client has one: the time tells nothing of who is who. */
static int slow_match(aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice secret,
                      bool *right, bool *later)
{
    static const uint8_t no_salt[GW_SALT_BYTES];
    uint8_t hash[GW_SHA256_BYTES];
    bool slow = client && client->slow;
    if (issuer->guard && !gw_guard_slow(issuer->guard, gw_now_ms(&issuer->clock))) {
        *later = true;
        return AIGW_OK;
    }
    if (!slow_hash(secret, slow ? client->salt : no_salt, hash))
        return AIGW_E_NOMEM;
    *right = slow && gw_equal_ct(hash, client->secrets[0].hash, sizeof hash);
    gw_wipe(hash, sizeof hash);
    if (*right)
        note_seen(issuer, client, secret);
    return AIGW_OK;
}

int gw_issuer_authenticate(aigw_issuer *issuer, aigw_slice id, aigw_slice secret, gw_arena *arena,
                           const gw_issuer_client **out, bool *later, aigw_error *err)
{
    const gw_issuer_client *client = NULL;
    *out = NULL;
    *later = false;
    int code = gw_issuer_lookup(issuer, id, arena, &client, err);
    if (code != AIGW_OK && code != AIGW_E_DENIED)
        return code;
    bool right = fast_match(client, secret, gw_unix_s(&issuer->clock));
    if (client && client->slow)
        right = was_seen(issuer, client, secret);
    if (!right && issuer->has_slow) {
        code = slow_match(issuer, client, secret, &right, later);
        if (code != AIGW_OK)
            return gw_fail_nomem(err);
    }
    if (right && !client->disabled)
        *out = client;
    return AIGW_OK;
}

/* ---- Taking ---- */

/* The hash that the issuer before this one has made of the same secret. */
static bool known_hash(const aigw_issuer *previous, gw_issuer_client *client, aigw_slice secret)
{
    const gw_issuer_client *old = previous ? gw_issuer_find(previous, client->id) : NULL;
    if (!old || !old->slow || !was_seen((aigw_issuer *)(uintptr_t)previous, old, secret))
        return false;
    memcpy(client->salt, old->salt, sizeof client->salt);
    memcpy(client->secrets[0].hash, old->secrets[0].hash, GW_SHA256_BYTES);
    memcpy(client->seen, old->seen, sizeof client->seen);
    client->has_seen = true;
    return true;
}

int gw_issuer_take_secret(aigw_issuer *issuer, gw_issuer_client *client, aigw_slice secret,
                          const aigw_issuer *previous, aigw_error *err)
{
    client->secret_count = 1;
    client->secrets[0].expires_unix_s = -1;
    client->slow = secret.len < STRONG_BYTES;
    if (!client->slow) {
        gw_sha256(secret, client->secrets[0].hash);
        return AIGW_OK;
    }
    issuer->has_slow = true;
    if (known_hash(previous, client, secret))
        return AIGW_OK;
    if (!gw_random(client->salt, sizeof client->salt))
        return gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
    return slow_hash(secret, client->salt, client->secrets[0].hash) ? AIGW_OK : gw_fail_nomem(err);
}
