/* What store.c (clients) and store_keys.c share: the open database and running statements on it. */
#ifndef GW_RIM_STORE_DB_H
#define GW_RIM_STORE_DB_H

#include "rim/store.h"
#include <pthread.h>
#include <sqlite3.h>

struct gw_store {
    sqlite3 *db;
    sqlite3_stmt *version;
    pthread_mutex_t lock; /* one statement at a time on this connection */
    uint64_t own_changes;
};

/* Fills err from an SQLite result code. Never a value of the database. */
int gw_store_fail(int rc, aigw_error *err);
/* A statement ready to bind; NULL with *rc set. */
sqlite3_stmt *gw_store_prepare(gw_store *store, const char *sql, int *rc);
void gw_store_bind_text(sqlite3_stmt *statement, int at, aigw_slice text);
/* Steps a statement that yields no row, and drops it. An SQLite code; *changes: rows it changed. */
int gw_store_run(gw_store *store, sqlite3_stmt *statement, int *changes);
int gw_store_exec(gw_store *store, const char *sql);
/* A text column, copied; data NULL without memory. */
aigw_slice gw_store_text(gw_arena *arena, sqlite3_stmt *statement, int column);

#endif
