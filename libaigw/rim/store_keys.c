/* The signing keys in the issuer's database: a current one, a next one, retired ones.
 * Must not know how a key is made or used. */
#include "base/error.h"
#include "base/text.h"
#include "rim/store_db.h"

/* ---- Reading ---- */

static int read_key(sqlite3_stmt *row, gw_arena *arena, gw_store_key *out)
{
    out->kid = gw_store_text(arena, row, 0);
    out->pem = gw_store_text(arena, row, 1);
    int state = sqlite3_column_int(row, 2);
    if (state < GW_KEY_CURRENT || state > GW_KEY_RETIRED)
        return SQLITE_CORRUPT;
    out->state = (gw_store_key_state)state;
    out->created_unix_s = sqlite3_column_int64(row, 3);
    out->activated_unix_s = sqlite3_column_int64(row, 4);
    out->not_after_unix_s = sqlite3_column_int64(row, 5);
    return out->kid.data && out->pem.data ? SQLITE_OK : SQLITE_NOMEM;
}

int gw_store_keys(gw_store *store, gw_arena *arena, gw_store_key **out, size_t *count,
                  aigw_error *err)
{
    int rc = SQLITE_NOMEM;
    size_t n = 0;
    gw_store_key *list = gw_arena_calloc(arena, GW_STORE_MAX_KEYS, sizeof *list);
    if (!list)
        return gw_fail_nomem(err);
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *row = gw_store_prepare(store,
                                         "SELECT kid, pem, state, created, activated, not_after"
                                         " FROM keys ORDER BY state, not_after DESC LIMIT 64",
                                         &rc);
    while (row && n < GW_STORE_MAX_KEYS && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        rc = read_key(row, arena, &list[n++]);
        if (rc != SQLITE_OK)
            break;
    }
    sqlite3_finalize(row);
    pthread_mutex_unlock(&store->lock);
    if (rc != SQLITE_DONE && rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    *out = list;
    *count = n;
    return AIGW_OK;
}

/* ---- Changing ---- */

static int insert(gw_store *store, const gw_store_key *key, gw_store_key_state state,
                  int64_t activated)
{
    int rc;
    sqlite3_stmt *s = gw_store_prepare(store,
                                       "INSERT INTO keys(kid, pem, state, created, activated, "
                                       "not_after) VALUES(?, ?, ?, ?, ?, -1)",
                                       &rc);
    if (!s)
        return rc;
    gw_store_bind_text(s, 1, key->kid);
    gw_store_bind_text(s, 2, key->pem);
    sqlite3_bind_int(s, 3, (int)state);
    sqlite3_bind_int64(s, 4, key->created_unix_s);
    sqlite3_bind_int64(s, 5, activated);
    return gw_store_run(store, s, NULL);
}

/* The first column of the only row, 0 when there is none. `kid` may be bound as ?1. */
static int ask(gw_store *store, const char *sql, const aigw_slice *kid, int64_t number,
               int64_t *out)
{
    int rc;
    sqlite3_stmt *s = gw_store_prepare(store, sql, &rc);
    if (!s)
        return rc;
    if (kid)
        gw_store_bind_text(s, 1, *kid);
    else
        sqlite3_bind_int64(s, 1, number);
    rc = sqlite3_step(s);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int change(gw_store *store, const char *sql, int64_t a, int *changes)
{
    int rc;
    sqlite3_stmt *s = gw_store_prepare(store, sql, &rc);
    if (!s)
        return rc;
    sqlite3_bind_int64(s, 1, a);
    return gw_store_run(store, s, changes);
}

static int commit(gw_store *store, int rc)
{
    if (rc == SQLITE_OK)
        rc = gw_store_exec(store, "COMMIT");
    if (rc != SQLITE_OK)
        gw_store_exec(store, "ROLLBACK");
    return rc;
}

int gw_store_first_keys(gw_store *store, const gw_store_key *current, const gw_store_key *next,
                        int64_t now_unix_s, aigw_error *err)
{
    int64_t there = 0;
    pthread_mutex_lock(&store->lock);
    int rc = gw_store_exec(store, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK) {
        rc = ask(store, "SELECT count(*) FROM keys WHERE state < ?1", NULL, GW_KEY_RETIRED, &there);
        if (rc == SQLITE_OK && there == 0)
            rc = insert(store, current, GW_KEY_CURRENT, now_unix_s);
        if (rc == SQLITE_OK && there == 0)
            rc = insert(store, next, GW_KEY_NEXT, -1);
        rc = commit(store, rc);
    }
    pthread_mutex_unlock(&store->lock);
    return rc == SQLITE_OK ? AIGW_OK : gw_store_fail(rc, err);
}

static int rotate(gw_store *store, const gw_store_rotation *r)
{
    int retired = 0, activated = 0;
    int rc =
        change(store, "DELETE FROM keys WHERE state = 2 AND not_after <= ?1", r->now_unix_s, NULL);
    if (rc == SQLITE_OK)
        rc = change(store, "UPDATE keys SET state = 2, not_after = ?1 WHERE state = 0",
                    r->not_after_unix_s, &retired);
    if (rc == SQLITE_OK)
        rc = change(store, "UPDATE keys SET state = 0, activated = ?1 WHERE state = 1",
                    r->now_unix_s, &activated);
    if (rc == SQLITE_OK && (retired != 1 || activated != 1))
        rc = SQLITE_CORRUPT;
    return rc == SQLITE_OK ? insert(store, &r->fresh, GW_KEY_NEXT, -1) : rc;
}

static int fail_conflict(aigw_error *err, int code, const char *reason, const char *message)
{
    code = gw_fail(err, code, reason, "%s", message);
    if (err)
        err->http_status = 409;
    return code;
}

int gw_store_rotate_keys(gw_store *store, const gw_store_rotation *r, aigw_error *err)
{
    int64_t is_current = 0, retired = 0;
    bool late = false, full = false;
    pthread_mutex_lock(&store->lock);
    int rc = gw_store_exec(store, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK) {
        rc = ask(store, "SELECT count(*) FROM keys WHERE state = 0 AND kid = ?1", &r->current, 0,
                 &is_current);
        if (rc == SQLITE_OK)
            rc = ask(store, "SELECT count(*) FROM keys WHERE state = 2 AND not_after > ?1", NULL,
                     r->now_unix_s, &retired);
        late = rc == SQLITE_OK && !is_current;
        full = rc == SQLITE_OK && retired >= (int64_t)r->max_retired;
        if (rc == SQLITE_OK && !late && !full)
            rc = rotate(store, r);
        rc = commit(store, rc);
    }
    pthread_mutex_unlock(&store->lock);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    if (late)
        return fail_conflict(err, AIGW_E_INVALID, "already_rotated",
                             "the keys were rotated by somebody else");
    if (full)
        return fail_conflict(err, AIGW_E_LIMIT, "too_many_keys",
                             "too many retired keys are still published; try again later");
    return AIGW_OK;
}
