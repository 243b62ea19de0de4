/* Opens the issuer's database: the file's mode, the journal, the schema and its version.
 * Must not know what the rows mean. */
#include "rim/store_db.h"
#include "base/error.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS        5000
#define WAL_TRIES      100
#define WAL_PAUSE_MS   20
#define SCHEMA_VERSION 1
#define APPLICATION_ID 1095321943 /* "AIGW" */
#define MAX_PATH_BYTES 4000

static const char schema[] =
    "CREATE TABLE clients(id TEXT PRIMARY KEY NOT NULL, team TEXT NOT NULL, tier TEXT NOT NULL,"
    " scopes TEXT NOT NULL, lifetime INTEGER NOT NULL, disabled INTEGER NOT NULL,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " secret BLOB NOT NULL, secret_created INTEGER NOT NULL,"
    " old_secret BLOB, old_created INTEGER, old_expires INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE keys(kid TEXT PRIMARY KEY NOT NULL, pem TEXT NOT NULL, state INTEGER NOT NULL,"
    " created INTEGER NOT NULL, activated INTEGER NOT NULL, not_after INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX one_of_each ON keys(state) WHERE state < 2;"
    "PRAGMA application_id=1095321943;"
    "PRAGMA user_version=1;";

/* ---- Statements ---- */

int gw_store_fail(int rc, aigw_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return gw_fail_nomem(err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return gw_fail(err, AIGW_E_TIMEOUT, "store_busy", "another process holds the database");
    case SQLITE_NOTADB:
        return gw_fail(err, AIGW_E_IO, "not_a_store", "the file is no database of an issuer");
    default:
        return gw_fail(err, AIGW_E_IO, "store_failed", "the database failed: %s",
                       sqlite3_errstr(rc));
    }
}

sqlite3_stmt *gw_store_prepare(gw_store *store, const char *sql, int *rc)
{
    sqlite3_stmt *statement = NULL;
    *rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    return statement;
}

void gw_store_bind_text(sqlite3_stmt *statement, int at, aigw_slice text)
{
    sqlite3_bind_text(statement, at, text.len ? text.data : "", (int)text.len, SQLITE_STATIC);
}

int gw_store_run(gw_store *store, sqlite3_stmt *statement, int *changes)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_DONE) {
        rc = SQLITE_OK;
        store->own_changes++;
        if (changes)
            *changes = sqlite3_changes(store->db);
    }
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_MISUSE : rc;
}

int gw_store_exec(gw_store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

aigw_slice gw_store_text(gw_arena *arena, sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return gw_arena_copy(arena, gw_slice(text ? text : "", text ? (size_t)len : 0));
}

/* ---- The file ---- */

/* Never opened and closed here once it exists: closing drops the locks that SQLite holds on it. */
static int check_file(const char *path, bool create, aigw_error *err)
{
    struct stat info;
    int rc = stat(path, &info);
    if (rc != 0 && errno == ENOENT && create) {
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
            close(fd);
        rc = stat(path, &info);
    }
    if (rc != 0)
        return gw_fail(err, AIGW_E_IO, "no_store", "the database cannot be %s",
                       create ? "made" : "found");
    if (!S_ISREG(info.st_mode))
        return gw_fail(err, AIGW_E_IO, "not_a_store", "the database is no regular file");
    if (info.st_mode & 077)
        return gw_fail(err, AIGW_E_IO, "store_mode",
                       "others may read or write the database: its mode must be 0600");
    if (info.st_uid != geteuid() && geteuid() != 0)
        return gw_fail(err, AIGW_E_IO, "store_owner", "the database belongs to another user");
    return AIGW_OK;
}

static int read_number(gw_store *store, const char *sql, int64_t *out)
{
    int rc;
    sqlite3_stmt *statement = gw_store_prepare(store, sql, &rc);
    if (!statement)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

/* The change to WAL needs the file for itself, and may say busy at once. */
static int set_journal(gw_store *store)
{
    int rc = SQLITE_BUSY;
    for (int i = 0; i < WAL_TRIES && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i)
            sqlite3_sleep(WAL_PAUSE_MS);
        rc = gw_store_exec(store, "PRAGMA journal_mode=WAL");
    }
    if (rc == SQLITE_OK)
        rc = gw_store_exec(store, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                                  "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
    return rc;
}

static int make_schema(gw_store *store)
{
    int64_t version = 0;
    int rc = gw_store_exec(store, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return rc;
    rc = read_number(store, "PRAGMA user_version", &version); /* another process was faster? */
    if (rc == SQLITE_OK && version == 0)
        rc = gw_store_exec(store, schema);
    if (rc == SQLITE_OK)
        rc = gw_store_exec(store, "COMMIT");
    if (rc != SQLITE_OK)
        gw_store_exec(store, "ROLLBACK");
    return rc;
}

static int check_schema(gw_store *store, aigw_error *err)
{
    int64_t version = 0, application = 0, tables = 0;
    int rc = read_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc == SQLITE_OK && tables == 0)
        rc = make_schema(store);
    if (rc == SQLITE_OK)
        rc = read_number(store, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = read_number(store, "PRAGMA application_id", &application);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    if (application != APPLICATION_ID || version < 1)
        return gw_store_fail(SQLITE_NOTADB, err);
    if (version > SCHEMA_VERSION)
        return gw_fail(err, AIGW_E_IO, "newer_store",
                       "the database was written by a newer version of this program");
    return AIGW_OK;
}

static int open_database(gw_store *store, const char *path, aigw_error *err)
{
    int rc = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_PRIVATECACHE,
        NULL);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    rc = set_journal(store);
    if (rc != SQLITE_OK)
        return gw_store_fail(rc, err);
    int code = check_schema(store, err);
    if (code != AIGW_OK)
        return code;
    store->version = gw_store_prepare(store, "PRAGMA data_version", &rc);
    return store->version ? AIGW_OK : gw_store_fail(rc, err);
}

int gw_store_open(aigw_slice path, bool create, gw_store **out, aigw_error *err)
{
    char name[MAX_PATH_BYTES + 3];
    if (path.len == 0 || path.len > MAX_PATH_BYTES || memchr(path.data, '\0', path.len))
        return gw_fail(err, AIGW_E_IO, "no_store", "the database has no usable path");
    /* SQLite takes ":memory:" and "file:..." for something else than a file. */
    size_t at = path.data[0] == '/' ? 0 : 2;
    memcpy(name, "./", 2);
    memcpy(name + at, path.data, path.len);
    name[at + path.len] = '\0';
    int code = check_file(name, create, err);
    if (code != AIGW_OK)
        return code;
    gw_store *store = gw_calloc(1, sizeof *store);
    if (!store)
        return gw_fail_nomem(err);
    pthread_mutex_init(&store->lock, NULL);
    code = open_database(store, name, err);
    if (code == AIGW_OK)
        *out = store;
    else
        gw_store_free(store);
    return code;
}

int gw_store_version(gw_store *store, uint64_t *out, aigw_error *err)
{
    pthread_mutex_lock(&store->lock);
    int rc = sqlite3_step(store->version);
    uint64_t theirs = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(store->version, 0) : 0;
    sqlite3_reset(store->version);
    uint64_t ours = store->own_changes;
    pthread_mutex_unlock(&store->lock);
    if (rc != SQLITE_ROW)
        return gw_store_fail(rc, err);
    *out = (theirs << 40) ^ ours;
    return AIGW_OK;
}

void gw_store_free(gw_store *store)
{
    if (!store)
        return;
    sqlite3_finalize(store->version);
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    gw_free(store);
}
