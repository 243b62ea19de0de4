/* The token issuer: takes its options, keeps its keys up to date, signs Cognito-shaped access tokens.
 * Must not know HTTP, nor how a client proves who it is. */
#include "gateway/issuer/issuer.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gate/jwks.h"
#include "gateway/jwt_sign.h"
#include <stddef.h>

#define DEFAULT_LIFETIME_S 3600
#define DEFAULT_FAILURES   10
#define MAX_LIFETIME_S     (366 * 86400)
#define MAX_ARENA_BYTES    ((size_t)64 * 1024 * 1024)
#define MAX_CLAIMS_BYTES   16384
#define MAX_TOKEN_BYTES    16384
#define DAY_S              86400
#define ROTATE_AGAIN_S     60

static int refuse(aigw_error *err, const char *reason, const char *message)
{
    return gw_fail(err, AIGW_E_CONFIG, reason, "%s", message);
}

/* ---- The clients ---- */

static int check_client(const aigw_issuer_client *client, bool stored_keys, aigw_error *err)
{
    if (client->id.len == 0 || client->id.len > 256 || !gw_utf8_valid(client->id))
        return refuse(err, "bad_client_id", "a client id has 1 to 256 bytes of UTF-8");
    if (client->secret.len == 0)
        return refuse(err, "bad_client_secret", "a client needs a secret");
    if (client->team.len > 256 || !gw_utf8_valid(client->team))
        return refuse(err, "bad_team", "a team has at most 256 bytes of UTF-8");
    if (client->tenant_tier.len > 256 || !gw_utf8_valid(client->tenant_tier))
        return refuse(err, "bad_tenant_tier", "a tenant tier has at most 256 bytes of UTF-8");
    /* A retired key goes when the longest-lived of the store's tokens has ended. */
    if (stored_keys && client->token_lifetime_s > AIGW_CLIENT_MAX_LIFETIME_S)
        return refuse(err, "bad_token_lifetime", "with a store a token lives a day at most");
    if (client->token_lifetime_s < 0 || client->token_lifetime_s > MAX_LIFETIME_S)
        return refuse(err, "bad_token_lifetime", "a token lives 1 second to 366 days");
    for (size_t i = 0; i < client->scope_count; i++) {
        if (!gw_is_scope(client->scopes[i]))
            return refuse(err, "bad_scope",
                          "a scope is printable ASCII without space, quote, backslash");
    }
    return AIGW_OK;
}

static int take_client(aigw_issuer *issuer, const aigw_issuer_client *from, aigw_error *err)
{
    int code = check_client(from, issuer->store != NULL, err);
    if (code != AIGW_OK)
        return code;
    if (gw_issuer_find(issuer, from->id))
        return refuse(err, "duplicate_client", "two clients have the same id");
    gw_issuer_client *to = &issuer->clients[issuer->client_count];
    to->id = gw_arena_copy(issuer->arena, from->id);
    to->team = gw_arena_copy(issuer->arena, from->team);
    to->tenant_tier = gw_arena_copy(issuer->arena, from->tenant_tier);
    to->scopes = gw_arena_calloc(issuer->arena, from->scope_count + 1, sizeof *to->scopes);
    if (!to->id.data || !to->team.data || !to->tenant_tier.data || !to->scopes)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < from->scope_count; i++) {
        to->scopes[i] = gw_arena_copy(issuer->arena, from->scopes[i]);
        if (!to->scopes[i].data)
            return gw_fail_nomem(err);
    }
    to->scope_count = from->scope_count;
    to->token_lifetime_s = from->token_lifetime_s ? from->token_lifetime_s : DEFAULT_LIFETIME_S;
    issuer->client_count++;
    return AIGW_OK;
}

static int take_guard(aigw_issuer *issuer, int max_failures, const aigw_issuer *previous,
                      aigw_error *err)
{
    if (max_failures < 0)
        return AIGW_OK;
    max_failures = max_failures ? max_failures : DEFAULT_FAILURES;
    if (previous && previous->guard && gw_guard_max_failures(previous->guard) == max_failures)
        issuer->guard = gw_guard_ref(previous->guard);
    else
        issuer->guard = gw_guard_new(max_failures);
    return issuer->guard ? AIGW_OK : gw_fail_nomem(err);
}

/* ---- The keys ---- */

/* The one key of an issuer without a store. */
static int take_key(aigw_issuer *issuer, aigw_slice pem, aigw_error *err)
{
    gw_secret own = {NULL, 0};
    char kid[GW_KID_BYTES + 1];
    int code = gw_issuer_key_make(pem, &own, kid, err);
    if (code == AIGW_OK) {
        gw_store_key key = {.kid = gw_slice(kid, GW_KID_BYTES),
                            .pem = gw_slice(own.data, own.len),
                            .state = GW_KEY_CURRENT,
                            .activated_unix_s = -1};
        code = gw_issuer_keys_new(&key, 1, 0, &issuer->keys, err);
    }
    gw_secret_free(&own);
    return code;
}

static int take_keys(aigw_issuer *issuer, aigw_slice pem, const aigw_issuer *previous,
                     aigw_error *err)
{
    int64_t now = gw_unix_s(&issuer->clock);
    if (issuer->store) {
        int code = gw_issuer_keys_first(issuer->store->db, pem, now, err);
        return code == AIGW_OK ? gw_issuer_keys_load(issuer->store->db, now, &issuer->keys, err)
                               : code;
    }
    /* A key that was made, not given, goes on: tokens outlive a reload. */
    if (!pem.len && previous && !previous->store) {
        issuer->keys = gw_issuer_keys_ref(previous->keys);
        return AIGW_OK;
    }
    return take_key(issuer, pem, err);
}

/* Under the lock. */
static void renew_keys(aigw_issuer *issuer)
{
    uint64_t version;
    gw_issuer_keys *fresh = NULL;
    int64_t now = gw_unix_s(&issuer->clock);
    if (!issuer->store || gw_store_version(issuer->store->db, &version, NULL) != AIGW_OK ||
        (version == issuer->keys->version && now < issuer->keys->until_unix_s) ||
        gw_issuer_keys_load(issuer->store->db, now, &fresh, NULL) != AIGW_OK)
        return;
    /* Most changes are of clients: then the set stays the very same one, and with it what is cached. */
    if (gw_eq(fresh->jwks_json, issuer->keys->jwks_json)) {
        issuer->keys->version = fresh->version;
        gw_issuer_keys_free(fresh);
        return;
    }
    gw_issuer_keys_free(issuer->keys);
    issuer->keys = fresh;
}

gw_issuer_keys *gw_issuer_keys_now(aigw_issuer *issuer)
{
    pthread_mutex_lock(&issuer->lock);
    renew_keys(issuer);
    gw_issuer_keys *keys = gw_issuer_keys_ref(issuer->keys);
    pthread_mutex_unlock(&issuer->lock);
    return keys;
}

aigw_jwks *gw_issuer_key_set(aigw_issuer *issuer)
{
    gw_issuer_keys *keys = gw_issuer_keys_now(issuer);
    aigw_jwks *set = gw_jwks_ref(keys->jwks);
    gw_issuer_keys_free(keys);
    return set;
}

void gw_issuer_rotate_if_due(aigw_issuer *issuer)
{
    int64_t now = gw_unix_s(&issuer->clock);
    char kid[GW_KID_BYTES + 1] = "";
    if (!issuer->store || !issuer->rotation_s)
        return;
    pthread_mutex_lock(&issuer->lock);
    if (now - issuer->keys->activated_unix_s >= issuer->rotation_s &&
        now >= issuer->rotate_next_unix_s) {
        issuer->rotate_next_unix_s = now + ROTATE_AGAIN_S; /* stamped before: one thread tries */
        memcpy(kid, issuer->keys->kid, sizeof kid);
    }
    pthread_mutex_unlock(&issuer->lock);
    /* Another process may be faster; a failure is tried again. */
    if (kid[0])
        gw_issuer_keys_rotate(issuer->store->db, aigw_slice_of(kid), now, NULL);
}

/* ---- The options ---- */

static int take_texts(aigw_issuer *issuer, const aigw_issuer_options *options, aigw_error *err)
{
    if (options->issuer.len == 0 || !gw_utf8_valid(options->issuer))
        return refuse(err, "bad_issuer", "an issuer needs its name");
    issuer->cognito_compat = options->cognito_compat;
    issuer->rotation_s = (int64_t)options->key_rotation_days * DAY_S;
    if (options->store)
        issuer->store = gw_issuer_store_ref(options->store);
    issuer->issuer = gw_arena_copy(issuer->arena, options->issuer);
    issuer->clients =
        gw_arena_calloc(issuer->arena, options->client_count + 1, sizeof *issuer->clients);
    if (!issuer->issuer.data || !issuer->clients)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < options->client_count; i++) {
        int code = take_client(issuer, &options->clients[i], err);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

static int take_options(aigw_issuer *issuer, const aigw_issuer_options *options,
                        const aigw_issuer *previous, aigw_error *err)
{
    int code = take_texts(issuer, options, err);
    if (code == AIGW_OK)
        code = take_guard(issuer, options->max_failures, previous, err);
    if (code == AIGW_OK && previous)
        memcpy(issuer->seen_key, previous->seen_key, sizeof issuer->seen_key);
    else if (code == AIGW_OK && !gw_random(issuer->seen_key, sizeof issuer->seen_key))
        code = gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
    if (code == AIGW_OK)
        code = take_keys(issuer, options->private_key_pem, previous, err);
    /* Last, since it is slow. */
    for (size_t i = 0; code == AIGW_OK && i < issuer->client_count; i++)
        code = gw_issuer_take_secret(issuer, &issuer->clients[i], options->clients[i].secret,
                                     previous, err);
    return code;
}

/* ---- Tokens ---- */

static bool contains(const aigw_slice *words, size_t count, aigw_slice word)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(words[i], word))
            return true;
    }
    return false;
}

static bool asked_for(aigw_slice scope, aigw_slice word)
{
    while (scope.data) {
        if (gw_eq(gw_cut(&scope, ' '), word))
            return true;
    }
    return false;
}

/* What is asked for, in the client's order. False: a word that is not the client's, or an empty
 * one. */
static bool choose_scopes(const gw_issuer_client *client, aigw_slice scope, gw_buf *out)
{
    aigw_slice rest = scope;
    while (scope.len && rest.data) {
        if (!contains(client->scopes, client->scope_count, gw_cut(&rest, ' ')))
            return false;
    }
    for (size_t i = 0; i < client->scope_count; i++) {
        if (scope.len && !asked_for(scope, client->scopes[i]))
            continue;
        if (gw_buf_len(out))
            gw_buf_putc(out, ' ');
        gw_buf_add(out, client->scopes[i]);
    }
    return true;
}

static void write_member(gw_jw *w, const char *name, aigw_slice text)
{
    gw_jw_key(w, name);
    gw_jw_text(w, text);
}

static void write_number_member(gw_jw *w, const char *name, int64_t value)
{
    gw_jw_key(w, name);
    gw_jw_int(w, value);
}

/* The claims of a Cognito machine-to-machine access token: no aud. */
static void write_claims(const aigw_issuer *issuer, const gw_issuer_client *client,
                         aigw_slice scope, aigw_slice token_id, gw_buf *out)
{
    int64_t now = gw_unix_s(&issuer->clock);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    write_member(&w, "sub", client->id);
    write_member(&w, "token_use", GW_S("access"));
    if (scope.len)
        write_member(&w, "scope", scope);
    write_number_member(&w, "auth_time", now);
    write_member(&w, "iss", issuer->issuer);
    write_number_member(&w, "exp", now + client->token_lifetime_s);
    write_number_member(&w, "iat", now);
    write_number_member(&w, "version", 2);
    write_member(&w, "jti", token_id);
    write_member(&w, "client_id", client->id);
    if (client->team.len)
        write_member(&w, "custom:team", client->team);
    if (client->tenant_tier.len)
        write_member(&w, "custom:tenant_tier", client->tenant_tier);
    gw_jw_object_end(&w);
}

int gw_issuer_sign(aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice scope,
                   gw_buf *out, aigw_error *err)
{
    char token_id[32];
    int code = AIGW_OK;
    gw_buf scopes, claims;
    gw_buf_init(&scopes, MAX_CLAIMS_BYTES);
    gw_buf_init(&claims, MAX_CLAIMS_BYTES);
    if (!choose_scopes(client, scope, &scopes))
        code = gw_fail(err, AIGW_E_DENIED, "invalid_scope", "the client may not have that scope");
    else if (!gw_random_hex(token_id, sizeof token_id))
        code = gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
    if (code == AIGW_OK) {
        write_claims(issuer, client, gw_buf_slice(&scopes), gw_slice(token_id, sizeof token_id),
                     &claims);
        code = scopes.failed || claims.failed ? gw_fail_nomem(err) : AIGW_OK;
    }
    if (code == AIGW_OK) {
        gw_issuer_keys *keys = gw_issuer_keys_now(issuer);
        code = gw_jwt_sign_for(keys->jwks, gw_slice(keys->pem.data, keys->pem.len),
                               aigw_slice_of(keys->kid), gw_buf_slice(&claims), out, err);
        gw_issuer_keys_free(keys);
    }
    gw_buf_free(&scopes);
    gw_buf_free(&claims);
    return code;
}

/* ---- <aigw/issuer.h> ---- */

/* The caller's struct may be shorter than ours: it was compiled against an older header. */
static bool copy_options(aigw_issuer_options *to, const aigw_issuer_options *from)
{
    if (!from || from->size < offsetof(aigw_issuer_options, store))
        return false;
    memset(to, 0, sizeof *to);
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    return true;
}

int gw_issuer_new(const aigw_issuer_options *given, const aigw_host *host,
                  const aigw_issuer *previous, aigw_issuer **out, aigw_error *err)
{
    aigw_issuer_options options;
    if (!out || !copy_options(&options, given))
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no options, or of another size");
    gw_arena *arena = gw_arena_new(MAX_ARENA_BYTES);
    aigw_issuer *issuer = arena ? gw_arena_calloc(arena, 1, sizeof *issuer) : NULL;
    if (!issuer) {
        gw_arena_free(arena);
        return gw_fail_nomem(err);
    }
    issuer->arena = arena;
    issuer->clock = gw_clock_of(host);
    pthread_mutex_init(&issuer->lock, NULL);
    int code = take_options(issuer, &options, previous, err);
    if (code == AIGW_OK)
        *out = issuer;
    else
        aigw_issuer_free(issuer);
    return code;
}

int aigw_issuer_new(const aigw_issuer_options *options, const aigw_host *host, aigw_issuer **out,
                    aigw_error *err)
{
    return gw_issuer_new(options, host, NULL, out, err);
}

static int mint(aigw_issuer *issuer, aigw_slice client_id, aigw_slice scope, gw_arena *arena,
                gw_buf *token, aigw_error *err)
{
    const gw_issuer_client *client;
    int code = gw_issuer_lookup(issuer, client_id, arena, &client, err);
    if (code == AIGW_OK && client->disabled)
        code = gw_fail(err, AIGW_E_DENIED, "client_disabled", "the client is disabled");
    return code == AIGW_OK ? gw_issuer_sign(issuer, client, scope, token, err) : code;
}

int aigw_issuer_mint(aigw_issuer *issuer, aigw_slice client_id, aigw_slice scope, aigw_slice *out,
                     aigw_error *err)
{
    gw_arena *arena = gw_arena_new(GW_ISSUER_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    gw_buf token;
    gw_buf_init(&token, MAX_TOKEN_BYTES);
    int code = mint(issuer, client_id, scope, arena, &token, err);
    if (code == AIGW_OK)
        *out = gw_buf_steal(&token);
    gw_buf_free(&token);
    gw_arena_free(arena);
    return code;
}

aigw_slice aigw_issuer_jwks(const aigw_issuer *issuer)
{
    aigw_issuer *own = (aigw_issuer *)(uintptr_t)issuer; /* its keys do change */
    pthread_mutex_lock(&own->lock);
    renew_keys(own);
    if (own->store && (!own->pinned || own->pinned->keys != own->keys)) {
        gw_pinned *pin = gw_alloc(sizeof *pin);
        if (pin) {
            *pin = (gw_pinned){own->pinned, gw_issuer_keys_ref(own->keys)};
            own->pinned = pin;
        }
    }
    /* Without memory to pin the new one: the one that was given last. */
    const gw_issuer_keys *keys = own->pinned ? own->pinned->keys : own->keys;
    aigw_slice text = keys->jwks_json;
    pthread_mutex_unlock(&own->lock);
    return text;
}

void aigw_issuer_free(aigw_issuer *issuer)
{
    if (!issuer)
        return;
    while (issuer->pinned) {
        gw_pinned *pin = issuer->pinned;
        issuer->pinned = pin->next;
        gw_issuer_keys_free(pin->keys);
        gw_free(pin);
    }
    gw_issuer_keys_free(issuer->keys);
    gw_guard_free(issuer->guard);
    aigw_issuer_store_free(issuer->store);
    pthread_mutex_destroy(&issuer->lock);
    gw_wipe(issuer->seen_key, sizeof issuer->seen_key);
    gw_arena_free(issuer->arena);
}
