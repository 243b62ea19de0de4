/* The clients in the issuer's database. One statement is one transaction.
 * Must not see a secret: only hashes come here. */
#include "rim/store.h"
#include "base/error.h"
#include "base/text.h"
#include "rim/store_db.h"

#define COLUMNS                                                                                    \
    "SELECT id, team, tier, scopes, lifetime, disabled, created, updated, secret, "                \
    "secret_created, old_secret, old_created, old_expires FROM clients "

static int fail_unknown(aigw_error *err)
{
    int code = gw_fail(err, AIGW_E_INVALID, "unknown_client", "there is no such client");
    if (err)
        err->http_status = 404;
    return code;
}

static int fail_exists(aigw_error *err)
{
    int code = gw_fail(err, AIGW_E_INVALID, "client_exists", "there is a client with this id");
    if (err)
        err->http_status = 409;
    return code;
}

static int fail_full(aigw_error *err)
{
    int code = gw_fail(err, AIGW_E_LIMIT, "too_many_clients",
                       "the database holds %d clients, no more", GW_STORE_MAX_CLIENTS);
    if (err)
        err->http_status = 409;
    return code;
}

/* ---- Reading ---- */

static bool read_hash(sqlite3_stmt *row, int column, uint8_t out[GW_SHA256_BYTES])
{
    const void *hash = sqlite3_column_blob(row, column);
    if (!hash || sqlite3_column_bytes(row, column) != GW_SHA256_BYTES)
        return false;
    memcpy(out, hash, GW_SHA256_BYTES);
    return true;
}

/* An SQLite code: NOMEM, or CORRUPT for a row that we never wrote. */
static int read_client(sqlite3_stmt *row, gw_arena *arena, gw_store_client *out)
{
    aigw_slice *texts[] = {&out->id, &out->team, &out->tenant_tier, &out->scopes};
    for (int i = 0; i < 4; i++) {
        *texts[i] = gw_store_text(arena, row, i);
        if (!texts[i]->data)
            return SQLITE_NOMEM;
    }
    out->token_lifetime_s = sqlite3_column_int64(row, 4);
    out->disabled = sqlite3_column_int(row, 5) != 0;
    out->created_unix_s = sqlite3_column_int64(row, 6);
    out->updated_unix_s = sqlite3_column_int64(row, 7);
    if (!read_hash(row, 8, out->secrets[0].hash))
        return SQLITE_CORRUPT;
    out->secrets[0].created_unix_s = sqlite3_column_int64(row, 9);
    out->secrets[0].expires_unix_s = -1;
    out->secret_count = 1;
    if (read_hash(row, 10, out->secrets[1].hash)) {
        out->secrets[1].created_unix_s = sqlite3_column_int64(row, 11);
        out->secrets[1].expires_unix_s = sqlite3_column_int64(row, 12);
        out->secret_count = 2;
    }
    return SQLITE_OK;
}

int gw_store_get(gw_store *store, aigw_slice id, gw_arena *arena, gw_store_client *out,
                 aigw_error *err)
{
    int rc;
    gw_store_client client = {0};
    bool found = false;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = gw_store_prepare(store, COLUMNS "WHERE id = ?", &rc);
    if (row) {
        gw_store_bind_text(row, 1, id);
        rc = sqlite3_step(row);
        found = rc == SQLITE_ROW;
        rc = found ? read_client(row, arena, &client) : rc == SQLITE_DONE ? SQLITE_OK : rc;
        sqlite3_finalize(row);
    }
    pthread_mutex_unlock(&store->lock);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    if (!found)
        return fail_unknown(err);
    *out = client;
    return AIGW_OK;
}

int gw_store_list(gw_store *store, gw_arena *arena, gw_store_client **out, size_t *count,
                  aigw_error *err)
{
    int rc;
    size_t n = 0, room = 16;
    gw_store_client *list = gw_calloc(room, sizeof *list);
    if (!list)
        return gw_fail_nomem(err);
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = gw_store_prepare(store, COLUMNS "ORDER BY id", &rc);
    while (row && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        if (n == room) {
            gw_store_client *more = gw_realloc(list, 2 * room * sizeof *list);
            if (!more) {
                rc = SQLITE_NOMEM;
                break;
            }
            list = more;
            memset(list + room, 0, room * sizeof *list);
            room *= 2;
        }
        rc = read_client(row, arena, &list[n++]);
        if (rc != SQLITE_OK)
            break;
    }
    sqlite3_finalize(row);
    pthread_mutex_unlock(&store->lock);
    gw_store_client *copy = gw_arena_calloc(arena, n + 1, sizeof *copy);
    if (copy)
        memcpy(copy, list, n * sizeof *copy);
    gw_free(list);
    if (rc != SQLITE_DONE)
        return gw_store_fail(rc, err);
    if (!copy)
        return gw_fail_nomem(err);
    *out = copy;
    *count = n;
    return AIGW_OK;
}

/* ---- Changing ---- */

/* Runs a change of one client; none changed: there is no such client. */
static int change_one(gw_store *store, sqlite3_stmt *statement, int rc, aigw_error *err)
{
    int changes = 0;
    if (statement)
        rc = gw_store_run(store, statement, &changes);
    pthread_mutex_unlock(&store->lock);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    return changes ? AIGW_OK : fail_unknown(err);
}

int gw_store_add(gw_store *store, const gw_store_client *client, aigw_error *err)
{
    int rc, changes = 0;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *s = gw_store_prepare(
        store,
        "INSERT INTO clients(id, team, tier, scopes, lifetime, disabled, created, updated, secret,"
        " secret_created) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?7"
        " WHERE (SELECT count(*) FROM clients) < ?9",
        &rc);
    if (s) {
        const aigw_slice texts[] = {client->id, client->team, client->tenant_tier, client->scopes};
        for (int i = 0; i < 4; i++)
            gw_store_bind_text(s, i + 1, texts[i]);
        sqlite3_bind_int64(s, 5, client->token_lifetime_s);
        sqlite3_bind_int(s, 6, client->disabled);
        sqlite3_bind_int64(s, 7, client->created_unix_s);
        sqlite3_bind_blob(s, 8, client->secrets[0].hash, GW_SHA256_BYTES, SQLITE_STATIC);
        sqlite3_bind_int(s, 9, GW_STORE_MAX_CLIENTS);
        rc = gw_store_run(store, s, &changes);
    }
    pthread_mutex_unlock(&store->lock);
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        return fail_exists(err);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    return changes ? AIGW_OK : fail_full(err);
}

int gw_store_rotate(gw_store *store, aigw_slice id, const uint8_t hash[GW_SHA256_BYTES],
                    int64_t now_unix_s, int64_t grace_s, aigw_error *err)
{
    int rc;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *s =
        gw_store_prepare(store,
                         "UPDATE clients SET old_secret = iif(?4 > 0, secret, NULL),"
                         " old_created = iif(?4 > 0, secret_created, NULL), old_expires = iif(?4 > "
                         "0, ?3 + ?4, NULL),"
                         " secret = ?2, secret_created = ?3, updated = ?3 WHERE id = ?1",
                         &rc);
    if (s) {
        gw_store_bind_text(s, 1, id);
        sqlite3_bind_blob(s, 2, hash, GW_SHA256_BYTES, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, now_unix_s);
        sqlite3_bind_int64(s, 4, grace_s);
    }
    return change_one(store, s, rc, err);
}

int gw_store_disable(gw_store *store, aigw_slice id, bool disabled, int64_t now_unix_s,
                     aigw_error *err)
{
    int rc;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *s = gw_store_prepare(
        store, "UPDATE clients SET disabled = ?2, updated = ?3 WHERE id = ?1", &rc);
    if (s) {
        gw_store_bind_text(s, 1, id);
        sqlite3_bind_int(s, 2, disabled);
        sqlite3_bind_int64(s, 3, now_unix_s);
    }
    return change_one(store, s, rc, err);
}

int gw_store_remove(gw_store *store, aigw_slice id, aigw_error *err)
{
    int rc;
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *s = gw_store_prepare(store, "DELETE FROM clients WHERE id = ?1", &rc);
    if (s)
        gw_store_bind_text(s, 1, id);
    return change_one(store, s, rc, err);
}
