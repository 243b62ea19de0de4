/* The issuer's database under kill -9 and under two processes: old state or new state, nothing else. */
#include "base/text.h"
#include "gateway/issuer/issuer.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define KILLS      50
#define CLIENTS    4
#define GRACE_S    3600
#define ISSUER_URL "https://gateway.internal"

/* What the writer says when a change has returned. One write of a pipe is whole or not there. */
typedef struct ack {
    int client;
    char what; /* a: added, r: rotated, d: disabled, e: enabled */
    char secret[AIGW_CLIENT_SECRET_SIZE];
} ack;

/* What is known of a client: acknowledged, and what may have happened after. */
typedef struct known {
    bool there, disabled;
    char secret[AIGW_CLIENT_SECRET_SIZE];
} known;

static char folder[64], path[128];

static aigw_slice id_of(int client)
{
    static const char *const ids[CLIENTS] = {"c0", "c1", "c2", "c3"};
    return aigw_slice_of(ids[client]);
}

static aigw_issuer_store *open_store(void)
{
    aigw_issuer_store *store = NULL;
    aigw_error err = {0};
    if (aigw_issuer_store_open(aigw_slice_of(path), true, NULL, &store, &err) != AIGW_OK)
        fprintf(stderr, "open: %s\n", err.message);
    return store;
}

static aigw_issuer *issuer_on(aigw_issuer_store *store)
{
    aigw_issuer_options options = {
        .size = sizeof options, .issuer = GW_S(ISSUER_URL), .store = store, .max_failures = -1};
    aigw_issuer *issuer = NULL;
    assert_int_equal(aigw_issuer_new(&options, NULL, &issuer, NULL), AIGW_OK);
    return issuer;
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/aigw-kill-XXXXXX");
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

/* ---- The writer: a process that changes things until it is killed ---- */

static void say(int pipe_fd, int client, char what, const char *secret)
{
    ack a = {.client = client, .what = what};
    if (secret)
        memcpy(a.secret, secret, sizeof a.secret);
    if (write(pipe_fd, &a, sizeof a) != (ssize_t)sizeof a)
        _exit(1);
}

static void change_for_ever(int pipe_fd, unsigned seed)
{
    char id[AIGW_CLIENT_ID_SIZE], secret[AIGW_CLIENT_SECRET_SIZE];
    aigw_issuer_store *store = open_store();
    if (!store)
        _exit(1);
    for (unsigned i = seed;; i = i * 1103515245u + 12345u) {
        int client = (int)(i >> 8) % CLIENTS, code;
        client = client < 0 ? -client : client;
        aigw_error err;
        aigw_client_spec spec = {.size = sizeof spec, .id = id_of(client)};
        switch ((i >> 16) % 4) {
        case 0:
            code = aigw_issuer_store_add(store, &spec, id, secret, &err);
            if (code == AIGW_OK)
                say(pipe_fd, client, 'a', secret);
            break;
        case 1:
            code = aigw_issuer_store_set_disabled(store, id_of(client), i >> 20 & 1, &err);
            if (code == AIGW_OK)
                say(pipe_fd, client, i >> 20 & 1 ? 'd' : 'e', NULL);
            break;
        default:
            code = aigw_issuer_store_rotate(store, id_of(client), GRACE_S, secret, &err);
            if (code == AIGW_OK)
                say(pipe_fd, client, 'r', secret);
        }
        if (code != AIGW_OK && code != AIGW_E_INVALID)
            _exit(2);
    }
}

/* ---- The judge ---- */

static void learn(known *all, const ack *a)
{
    known *k = &all[a->client];
    k->there = true;
    if (a->what == 'a' || a->what == 'r')
        memcpy(k->secret, a->secret, sizeof k->secret);
    else
        k->disabled = a->what == 'd';
    if (a->what == 'a')
        k->disabled = false;
}

/* Everything that was said before the end. Returns how much. */
static int drain(int fd, known *all)
{
    ack a;
    int count = 0;
    ssize_t n;
    while ((n = read(fd, &a, sizeof a)) == (ssize_t)sizeof a) {
        learn(all, &a);
        count++;
    }
    assert_int_equal(n, 0);
    return count;
}

static void check_integrity(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(row, 0), "ok");
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static int status_with(aigw_issuer *issuer, int client, const char *secret)
{
    char form[256];
    aigw_issuer_answer answer = {0};
    aigw_slice id = id_of(client);
    snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%.*s&client_secret=%s",
             (int)id.len, id.data, secret);
    assert_int_equal(aigw_issuer_token(issuer, GW_S(""), aigw_slice_of(form), &answer, NULL),
                     AIGW_OK);
    aigw_bytes_free(answer.body);
    return answer.status;
}

/*
 * The last acknowledged secret works: as the newest, or within its grace if one more rotation was on
 * its way. At most one change was not acknowledged, so that one client alone may be a step ahead.
 */
static void judge(known *all)
{
    int ahead = 0;
    check_integrity();
    aigw_issuer_store *store = open_store();
    assert_non_null(store);
    aigw_issuer *issuer = issuer_on(store);
    gw_arena *arena = gw_arena_new(1 << 20);
    for (int i = 0; i < CLIENTS; i++) {
        gw_store_client row;
        int code = gw_store_get(store->db, id_of(i), arena, &row, NULL);
        if (!all[i].there) {
            /* Perhaps added unheard: then its secret is lost, which is what rotate is for. */
            ahead += code == AIGW_OK;
            if (code == AIGW_OK) {
                char secret[AIGW_CLIENT_SECRET_SIZE];
                assert_int_equal(aigw_issuer_store_rotate(store, id_of(i), 0, secret, NULL),
                                 AIGW_OK);
                learn(all, &(ack){.client = i, .what = 'a'});
                memcpy(all[i].secret, secret, sizeof secret);
            }
            continue;
        }
        assert_int_equal(code, AIGW_OK);
        uint8_t hash[GW_SHA256_BYTES];
        gw_sha256(aigw_slice_of(all[i].secret), hash);
        bool newest = memcmp(hash, row.secrets[0].hash, sizeof hash) == 0;
        bool second = row.secret_count == 2 && memcmp(hash, row.secrets[1].hash, sizeof hash) == 0;
        assert_true(newest || second);
        ahead += !newest;
        ahead += row.disabled != all[i].disabled;
        all[i].disabled = row.disabled;
        assert_int_equal(status_with(issuer, i, all[i].secret), row.disabled ? 400 : 200);
        if (!newest) { /* as an operator would, whose command was killed */
            char secret[AIGW_CLIENT_SECRET_SIZE];
            assert_int_equal(aigw_issuer_store_rotate(store, id_of(i), 0, secret, NULL), AIGW_OK);
            memcpy(all[i].secret, secret, sizeof secret);
        }
    }
    assert_true(ahead <= 1);
    gw_arena_free(arena);
    aigw_issuer_free(issuer);
    aigw_issuer_store_free(store);
}

static pid_t start_writer(int *read_fd, unsigned seed)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        change_for_ever(ends[1], seed);
    }
    close(ends[1]);
    *read_fd = ends[0];
    return child;
}

static void test_kill_at_any_point(void **state)
{
    known all[CLIENTS] = {0};
    int heard = 0;
    (void)state;
    aigw_issuer_store *store = open_store();
    assert_non_null(store);
    aigw_issuer_free(issuer_on(store)); /* the keys */
    aigw_issuer_store_free(store);
    for (unsigned i = 0; i < KILLS; i++) {
        int fd, status;
        pid_t child = start_writer(&fd, 7919u * i + 1);
        usleep(500 + (i * 7001u) % 40000); /* anywhere: before, within and after changes */
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        heard += drain(fd, all);
        close(fd);
        judge(all);
    }
    assert_true(heard > 0); /* or nothing was tested */
}

/* ---- Two processes at once ---- */

static void add_many(const char *prefix, int count)
{
    char id[AIGW_CLIENT_ID_SIZE], secret[AIGW_CLIENT_SECRET_SIZE], name[32];
    aigw_issuer_store *store = open_store();
    for (int i = 0; store && i < count; i++) {
        snprintf(name, sizeof name, "%s%d", prefix, i);
        aigw_client_spec spec = {.size = sizeof spec, .id = aigw_slice_of(name)};
        if (aigw_issuer_store_add(store, &spec, id, secret, NULL) != AIGW_OK ||
            aigw_issuer_store_rotate(store, spec.id, GRACE_S, secret, NULL) != AIGW_OK)
            _exit(1);
    }
    aigw_issuer_store_free(store);
    _exit(store ? 0 : 2);
}

static void count_client(const aigw_client_info *info, void *user)
{
    int *count = user;
    assert_int_equal(info->secret_count, 2);
    (*count)++;
}

/* A new file, which both make at the same moment. */
static void test_two_processes(void **state)
{
    pid_t children[2];
    int status, count = 0;
    (void)state;
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            add_many(i ? "b" : "a", 50);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    check_integrity();
    aigw_issuer_store *store = open_store();
    assert_int_equal(aigw_issuer_store_each(store, count_client, &count, NULL), AIGW_OK);
    assert_int_equal(count, 100);
    aigw_issuer_store_free(store);
}

/* First keys and rotations of several processes at once: always one current key and one next. */
static void test_keys_of_two_processes(void **state)
{
    pid_t children[2];
    int status;
    (void)state;
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            aigw_issuer_store *store = open_store();
            int code = aigw_issuer_store_rotate_keys(store, NULL);
            aigw_issuer_store_free(store);
            _exit(code == AIGW_OK || code == AIGW_E_INVALID ? 0 : 1); /* the other was faster */
        }
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    gw_store_key *keys;
    size_t count;
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_issuer_store *store = open_store();
    assert_int_equal(gw_store_keys(store->db, arena, &keys, &count, NULL), AIGW_OK);
    assert_in_range(count, 3, 4);
    assert_true(keys[0].state == GW_KEY_CURRENT && keys[1].state == GW_KEY_NEXT);
    aigw_issuer_store_free(store);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill_at_any_point, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_of_two_processes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
