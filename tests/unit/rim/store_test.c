/* The issuer's database: what it refuses to open, what each change leaves, who sees it. */
#include "rim/store.h"
#include "unit/gate/mint.h"
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/aigw-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static gw_store *open_store(bool create)
{
    gw_store *store = NULL;
    assert_int_equal(gw_store_open(aigw_slice_of(path), create, &store, NULL), AIGW_OK);
    return store;
}

static void expect_refused(const char *at, bool create, const char *reason)
{
    aigw_error err = {0};
    gw_store *store = NULL;
    assert_int_equal(gw_store_open(aigw_slice_of(at), create, &store, &err), AIGW_E_IO);
    assert_string_equal(err.reason, reason);
    assert_null(store);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static gw_store_client sample(const char *id)
{
    gw_store_client client = {.id = aigw_slice_of(id),
                              .team = GW_S("blue"),
                              .scopes = GW_S("a b"),
                              .token_lifetime_s = 3600,
                              .created_unix_s = 1000};
    memset(client.secrets[0].hash, 7, GW_SHA256_BYTES);
    return client;
}

static void test_what_is_not_opened(void **state)
{
    (void)state;
    expect_refused(path, false, "no_store");
    expect_refused("", true, "no_store");
    expect_refused(folder, true, "not_a_store");
    expect_refused("/nonexistent/folder/db", true, "no_store");
    gw_store_free(open_store(true));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    for (mode_t mode = 0604; mode <= 0640; mode += 034) { /* 0604 and 0640 */
        assert_int_equal(chmod(path, mode), 0);
        expect_refused(path, true, "store_mode");
    }
    assert_int_equal(chmod(path, 0600), 0);
    gw_store_free(open_store(false));
    run_sql("PRAGMA user_version=2");
    expect_refused(path, false, "newer_store");
    run_sql("PRAGMA user_version=1; PRAGMA application_id=1");
    expect_refused(path, false, "not_a_store");
}

static void test_a_foreign_file_is_left_alone(void **state)
{
    (void)state;
    run_sql("CREATE TABLE theirs(x)");
    assert_int_equal(chmod(path, 0600), 0);
    expect_refused(path, true, "not_a_store");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database at all; ", file);
    fclose(file);
    expect_refused(path, true, "not_a_store");
}

static void test_special_names_are_files(void **state)
{
    (void)state;
    char before[256];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    gw_store *store = NULL;
    assert_int_equal(gw_store_open(GW_S(":memory:"), true, &store, NULL), AIGW_OK);
    gw_store_free(store);
    assert_int_equal(access(":memory:", F_OK), 0);
    store = NULL;
    assert_int_equal(gw_store_open(GW_S("file:x?mode=memory"), true, &store, NULL), AIGW_OK);
    gw_store_free(store);
    assert_int_equal(access("file:x?mode=memory", F_OK), 0);
    assert_int_equal(chdir(before), 0);
}

static void test_clients(void **state)
{
    (void)state;
    aigw_error err;
    gw_store_client got, *list, a = sample("a"), odd = sample("o'; DROP TABLE clients; --");
    gw_arena *arena = gw_arena_new(1 << 20);
    size_t count;
    uint8_t hash[GW_SHA256_BYTES] = {9};
    gw_store *store = open_store(true);
    assert_int_equal(gw_store_add(store, &odd, NULL), AIGW_OK);
    assert_int_equal(gw_store_add(store, &a, NULL), AIGW_OK);
    assert_int_equal(gw_store_add(store, &a, &err), AIGW_E_INVALID);
    assert_string_equal(err.reason, "client_exists");
    assert_int_equal(err.http_status, 409);
    gw_store_free(store);
    store = open_store(false); /* as after a restart */
    assert_int_equal(gw_store_get(store, GW_S("a"), arena, &got, NULL), AIGW_OK);
    assert_true(gw_eq(got.team, GW_S("blue")) && gw_eq(got.scopes, GW_S("a b")));
    assert_true(got.tenant_tier.len == 0 && !got.disabled && got.secret_count == 1);
    assert_memory_equal(got.secrets[0].hash, a.secrets[0].hash, GW_SHA256_BYTES);
    assert_int_equal(gw_store_rotate(store, GW_S("a"), hash, 2000, 60, NULL), AIGW_OK);
    assert_int_equal(gw_store_get(store, GW_S("a"), arena, &got, NULL), AIGW_OK);
    assert_int_equal(got.secret_count, 2);
    assert_memory_equal(got.secrets[0].hash, hash, GW_SHA256_BYTES);
    assert_memory_equal(got.secrets[1].hash, a.secrets[0].hash, GW_SHA256_BYTES);
    assert_int_equal(got.secrets[1].expires_unix_s, 2060);
    assert_int_equal(got.secrets[1].created_unix_s, 1000);
    assert_int_equal(got.secrets[0].expires_unix_s, -1);
    assert_int_equal(gw_store_rotate(store, GW_S("a"), hash, 2000, 0, NULL), AIGW_OK);
    assert_int_equal(gw_store_get(store, GW_S("a"), arena, &got, NULL), AIGW_OK);
    assert_int_equal(got.secret_count, 1);
    assert_int_equal(gw_store_disable(store, GW_S("a"), true, 3000, NULL), AIGW_OK);
    assert_int_equal(gw_store_list(store, arena, &list, &count, NULL), AIGW_OK);
    assert_int_equal(count, 2);
    assert_true(list[0].disabled && list[0].updated_unix_s == 3000 && !list[1].disabled);
    assert_int_equal(gw_store_remove(store, GW_S("a"), NULL), AIGW_OK);
    assert_int_equal(gw_store_remove(store, GW_S("a"), &err), AIGW_E_INVALID);
    assert_string_equal(err.reason, "unknown_client");
    assert_int_equal(gw_store_rotate(store, GW_S("a"), hash, 1, 1, NULL), AIGW_E_INVALID);
    assert_int_equal(gw_store_disable(store, GW_S("a"), true, 1, NULL), AIGW_E_INVALID);
    assert_int_equal(gw_store_get(store, GW_S("a"), arena, &got, NULL), AIGW_E_INVALID);
    gw_store_free(store);
    gw_arena_free(arena);
}

static void test_many_clients_are_listed(void **state)
{
    (void)state;
    gw_store_client *list;
    size_t count;
    char id[16];
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_store *store = open_store(true);
    for (int i = 0; i < 70; i++) {
        snprintf(id, sizeof id, "c%03d", i);
        gw_store_client client = sample(id);
        assert_int_equal(gw_store_add(store, &client, NULL), AIGW_OK);
    }
    assert_int_equal(gw_store_list(store, arena, &list, &count, NULL), AIGW_OK);
    assert_int_equal(count, 70);
    for (int i = 0; i < 70; i++) {
        snprintf(id, sizeof id, "c%03d", i);
        assert_true(gw_eq(list[i].id, aigw_slice_of(id)));
    }
    gw_store_free(store);
    gw_arena_free(arena);
}

static gw_store_key key_named(const char *kid)
{
    return (gw_store_key){.kid = aigw_slice_of(kid), .pem = GW_S("pem"), .created_unix_s = 1};
}

static int rotate(gw_store *store, const char *current, const char *fresh, int64_t now,
                  aigw_error *err)
{
    gw_store_rotation r = {.current = aigw_slice_of(current),
                           .fresh = key_named(fresh),
                           .now_unix_s = now,
                           .not_after_unix_s = now + 100,
                           .max_retired = 2};
    return gw_store_rotate_keys(store, &r, err);
}

static void expect_keys(gw_store *store, const char *expected)
{
    static const char letters[] = "CNR";
    char text[256] = "";
    gw_store_key *list;
    size_t count;
    gw_arena *arena = gw_arena_new(1 << 20);
    assert_int_equal(gw_store_keys(store, arena, &list, &count, NULL), AIGW_OK);
    for (size_t i = 0; i < count; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s:%c", i ? " " : "",
                 (int)list[i].kid.len, list[i].kid.data, letters[list[i].state]);
    }
    assert_string_equal(text, expected);
    gw_arena_free(arena);
}

static void test_keys(void **state)
{
    (void)state;
    aigw_error err;
    gw_store *store = open_store(true);
    gw_store_key one = key_named("one"), two = key_named("two"), x = key_named("x");
    expect_keys(store, "");
    assert_int_equal(gw_store_first_keys(store, &one, &two, 10, NULL), AIGW_OK);
    assert_int_equal(gw_store_first_keys(store, &x, &x, 10, NULL), AIGW_OK); /* too late */
    expect_keys(store, "one:C two:N");
    assert_int_equal(rotate(store, "one", "three", 20, NULL), AIGW_OK);
    expect_keys(store, "two:C three:N one:R");
    assert_int_equal(rotate(store, "one", "four", 20, &err), AIGW_E_INVALID);
    assert_string_equal(err.reason, "already_rotated");
    assert_int_equal(rotate(store, "two", "one", 20, &err), AIGW_E_IO); /* a kid twice: nothing */
    expect_keys(store, "two:C three:N one:R");
    assert_int_equal(rotate(store, "two", "four", 30, NULL), AIGW_OK);
    expect_keys(store, "three:C four:N two:R one:R");
    assert_int_equal(rotate(store, "three", "five", 40, &err), AIGW_E_LIMIT);
    assert_string_equal(err.reason, "too_many_keys");
    assert_int_equal(rotate(store, "three", "five", 120, NULL), AIGW_OK); /* "one" has gone */
    expect_keys(store, "four:C five:N three:R two:R");
    gw_store_free(store);
}

static uint64_t version_of(gw_store *store)
{
    uint64_t version = 0;
    assert_int_equal(gw_store_version(store, &version, NULL), AIGW_OK);
    return version;
}

static void test_who_sees_a_change(void **state)
{
    (void)state;
    gw_store *one = open_store(true), *two = open_store(true);
    gw_store_client a = sample("a");
    uint64_t first = version_of(one), second = version_of(two);
    assert_true(version_of(one) == first && version_of(two) == second);
    assert_int_equal(gw_store_add(one, &a, NULL), AIGW_OK);
    assert_true(version_of(one) != first && version_of(two) != second);
    gw_store_free(one);
    gw_store_free(two);
}

static void test_another_holds_the_file(void **state)
{
    (void)state;
    aigw_error err;
    gw_store *store = open_store(true);
    gw_store_client a = sample("a");
    gw_arena *arena = gw_arena_new(1 << 20);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(gw_store_add(store, &a, &err), AIGW_E_TIMEOUT);
    assert_string_equal(err.reason, "store_busy");
    /* Readers go on. */
    assert_int_equal(gw_store_get(store, GW_S("a"), arena, &a, NULL), AIGW_E_INVALID);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    a = sample("a");
    assert_int_equal(gw_store_add(store, &a, NULL), AIGW_OK);
    sqlite3_close(db);
    gw_store_free(store);
    gw_arena_free(arena);
}

static void test_each_failing_allocation_is_an_outcome(void **state)
{
    (void)state;
    mint_failing failing;
    gw_store_free(open_store(true));
    int code = AIGW_E_NOMEM;
    for (long n = 1; code != AIGW_OK; n++) {
        assert_true(n < 100);
        mint_fail_at(&failing, n);
        gw_store *store = NULL;
        gw_arena *arena = gw_arena_new(1 << 16);
        gw_store_client *list, a = sample("a");
        size_t count;
        code = arena ? gw_store_open(aigw_slice_of(path), false, &store, NULL) : AIGW_E_NOMEM;
        if (code == AIGW_OK) {
            gw_store_remove(store, GW_S("a"), NULL);
            code = gw_store_add(store, &a, NULL);
        }
        if (code == AIGW_OK)
            code = gw_store_get(store, GW_S("a"), arena, &a, NULL);
        if (code == AIGW_OK)
            code = gw_store_list(store, arena, &list, &count, NULL);
        aigw_set_allocator(NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        gw_store_free(store);
        gw_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_foreign_file_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_names_are_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_clients_are_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_sees_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_holds_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_failing_allocation_is_an_outcome, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
