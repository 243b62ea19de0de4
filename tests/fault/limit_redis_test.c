/*
 * Limits over a real Redis that is stopped, slow, killed or emptied, and three processes that share
 * it.
 *
 * Asserts no durations: what must come is waited for.
 */
#include <aigw/limit.h>

#include "redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

enum { CLOSED, OPEN, LOCAL, LEASED, SHORT, HOLDS, BUCKET, RULES };

static const aigw_limit_rule rules[RULES] = {
    {.name = "closed", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 300, .window_ms = 600000},
    {.name = "open",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .on_fail = AIGW_LIMIT_FAIL_OPEN,
     .limit = 300,
     .window_ms = 600000},
    {.name = "local",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .on_fail = AIGW_LIMIT_FAIL_LOCAL,
     .limit = 3,
     .window_ms = 600000},
    {.name = "leased",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .limit = 1000,
     .window_ms = 600000,
     .lease = 20,
     .lease_ms = 600000},
    {.name = "short", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 40, .window_ms = 200},
    {.name = "holds", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 2, .window_ms = 600000},
    {.name = "bucket",
     .kind = AIGW_LIMIT_TOKEN_BUCKET,
     .limit = 50,
     .window_ms = 600000,
     .rate = 1},
};

static redis_server server;

static aigw_limiter *new_limiter(void)
{
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = rules,
                                    .rule_count = RULES,
                                    .rule_size = sizeof *rules,
                                    .max_keys = 1000};
    aigw_limiter *limiter = NULL;
    assert_int_equal(aigw_limiter_new(&options, &limiter, NULL), AIGW_OK);
    return limiter;
}

static aigw_limit_link *new_link(aigw_limiter *limiter, int deadline_ms)
{
    aigw_limit_link_options options = {.size = sizeof options,
                                       .address = server.address,
                                       .password = server.password,
                                       .deadline_ms = deadline_ms};
    aigw_limit_link *link = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_limit_link_new(limiter, &options, NULL, &link, &err), AIGW_OK);
    return link;
}

static aigw_limit_ask ask_for(size_t rule, const char *key, int64_t n)
{
    return (aigw_limit_ask){.rule = rule, .key = aigw_slice_of(key), .n = n};
}

static aigw_limit_ask take(aigw_limit_link *link, size_t rule, const char *key, int64_t n)
{
    aigw_limit_ask ask = ask_for(rule, key, n);
    assert_int_equal(aigw_limit_link_take(link, &ask, 1, NULL), AIGW_OK);
    return ask;
}

static aigw_limit_ask look(aigw_limit_link *link, size_t rule, const char *key)
{
    aigw_limit_ask ask = ask_for(rule, key, 0);
    assert_int_equal(aigw_limit_link_peek(link, &ask, 1, NULL), AIGW_OK);
    return ask;
}

static int fresh_server(void **state)
{
    (void)state;
    redis_start(&server);
    return 0;
}

static int no_server(void **state)
{
    (void)state;
    redis_end(&server);
    server = (redis_server){.pid = 0};
    return 0;
}

/* Until the server answers again: its connection comes back by itself. */
static aigw_limit_ask until_counted(aigw_limit_link *link, size_t rule, const char *key)
{
    aigw_limit_ask ask = look(link, rule, key);
    while (ask.by != AIGW_LIMIT_BY_COUNT) {
        usleep(5000);
        aigw_limit_link_step(link);
        ask = look(link, rule, key);
    }
    return ask;
}

/* ---- one process ---- */

static void counts_like_memory(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000);

    aigw_limit_ask asks[4] = {ask_for(CLOSED, "k", 100), ask_for(OPEN, "k", 1),
                              ask_for(HOLDS, "k", 1), ask_for(BUCKET, "k", 20)};
    assert_int_equal(aigw_limit_link_take(link, asks, 4, NULL), AIGW_OK);
    for (int i = 0; i < 4; i++)
        assert_true(asks[i].allowed && asks[i].by == AIGW_LIMIT_BY_COUNT);
    assert_int_equal(asks[0].remaining, 200);
    assert_int_equal(asks[0].reset_ms, 600000);
    assert_int_equal(asks[2].remaining, 1);
    assert_int_equal(asks[2].reset_ms, -1);
    assert_int_equal(asks[3].remaining, 30);
    assert_int_equal(asks[3].reset_ms, 20 * 600000);

    /* all or nothing */
    aigw_limit_ask more[2] = {ask_for(CLOSED, "k", 200), ask_for(BUCKET, "k", 31)};
    assert_int_equal(aigw_limit_link_take(link, more, 2, NULL), AIGW_OK);
    assert_true(more[0].allowed && !more[1].allowed);
    assert_true(more[1].retry_after_ms > 0 && more[1].retry_after_ms <= 600000);
    assert_int_equal(look(link, CLOSED, "k").remaining, 200);
    assert_int_equal(take(link, CLOSED, "k", 301).retry_after_ms, -1);

    /* settled */
    aigw_limit_link_settle(link, &asks[0].hold, 40);
    aigw_limit_link_settle(link, &asks[0].hold, 0);
    assert_int_equal(look(link, CLOSED, "k").remaining, 260);
    aigw_limit_ask big = take(link, CLOSED, "k", 10);
    aigw_limit_link_settle(link, &big.hold, 400);
    aigw_limit_ask over = take(link, CLOSED, "k", 1);
    assert_false(over.allowed);
    assert_int_equal(over.remaining, 0);
    assert_true(over.retry_after_ms > 0 && over.retry_after_ms <= 600000);
    aigw_limit_link_settle(link, &asks[3].hold, 0);
    assert_int_equal(look(link, BUCKET, "k").remaining, 50);
    aigw_limit_ask spent = take(link, BUCKET, "k", 50);
    aigw_limit_link_settle(link, &spent.hold, 60);
    assert_int_equal(look(link, BUCKET, "k").remaining, 0);
    aigw_limit_ask hold = take(link, HOLDS, "k", 1);
    assert_true(hold.allowed && !take(link, HOLDS, "k", 1).allowed);
    aigw_limit_link_settle(link, &hold.hold, 0);
    assert_true(take(link, HOLDS, "k", 1).allowed);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static void one_more(void *user)
{
    ++*(int *)user;
}

static void many_at_once(void **state)
{
    (void)state;
    enum { CALLS = 700 };
    static aigw_limit_ask asks[CALLS];
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000);
    aigw_limit_link_stats stats;
    int done = 0, allowed = 0;

    for (int i = 0; i < CALLS; i++) {
        char key[8] = "pipe"; /* not needed once started */
        asks[i] = ask_for(CLOSED, key, 1);
        assert_int_equal(aigw_limit_link_start(link, &asks[i], 1, one_more, &done, NULL),
                         AIGW_AGAIN);
        memset(key, 'x', sizeof key);
    }
    while (done < CALLS)
        aigw_limit_link_step(link);
    for (int i = 0; i < CALLS; i++)
        allowed += asks[i].allowed;
    assert_int_equal(allowed, 300);
    aigw_limit_link_get_stats(link, &stats);
    assert_int_equal(stats.round_trips, CALLS);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static void leases_spare_round_trips(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000), *other = new_link(l, 10000);
    aigw_limit_link_stats stats;
    int allowed = 0;

    for (int i = 0; i < 900; i++)
        allowed += take(link, LEASED, "k", 1).allowed;
    assert_int_equal(allowed, 900);
    aigw_limit_link_get_stats(link, &stats);
    assert_true(stats.round_trips <= 60);
    assert_true(stats.leased_units <= 20);
    assert_int_equal(stats.by_lease + stats.round_trips, 900);
    while (take(other, LEASED, "k", 1).allowed)
        allowed++;
    aigw_limit_link_get_stats(link, &stats);
    assert_int_equal(allowed + stats.leased_units, 1000); /* what the first one still has */
    aigw_limit_link_free(link);                           /* and gives back */
    while (take(other, LEASED, "k", 1).allowed)
        allowed++;
    assert_int_equal(allowed, 1000);
    aigw_limit_link_free(other);
    aigw_limiter_free(l);
}

static void keys_expire(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000);

    redis_do(&server, "FLUSHALL");
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_true(take(link, SHORT, key, 1).by != 0);
    }
    while (redis_do(&server, "DBSIZE") > 1) /* the epoch stays */
        usleep(20000);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static void a_password(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = NULL;
    aigw_limit_link_options wrong = {
        .size = sizeof wrong, .address = server.address, .password = "no", .deadline_ms = 300};

    assert_int_equal(aigw_limit_link_new(l, &wrong, NULL, &link, NULL), AIGW_OK);
    assert_false(take(link, CLOSED, "k", 1).allowed);
    assert_int_equal(take(link, OPEN, "k", 1).by, AIGW_LIMIT_BY_POLICY);
    aigw_limit_link_free(link);
    link = new_link(l, 10000);
    assert_int_equal(take(link, CLOSED, "k", 1).by, AIGW_LIMIT_BY_COUNT);
    aigw_limit_link_free(link);
    wrong.password = server.password;
    wrong.username = "default";
    wrong.database = 3;
    wrong.deadline_ms = 10000;
    assert_int_equal(aigw_limit_link_new(l, &wrong, NULL, &link, NULL), AIGW_OK);
    assert_int_equal(take(link, CLOSED, "k", 1).remaining, 299);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static int with_password(void **state)
{
    server.password = "se cret\r\n$";
    return fresh_server(state);
}

/* ---- failures ---- */

/* What each policy says while the server says nothing. */
static void policies_hold(aigw_limit_link *link)
{
    aigw_limit_ask closed = take(link, CLOSED, "p", 1), open = take(link, OPEN, "p", 1);
    assert_true(!closed.allowed && closed.by == AIGW_LIMIT_BY_POLICY);
    assert_true(open.allowed && open.by == AIGW_LIMIT_BY_POLICY);
    aigw_limit_ask both[2] = {ask_for(LOCAL, "both", 3), ask_for(CLOSED, "both", 1)};
    assert_int_equal(aigw_limit_link_take(link, both, 2, NULL), AIGW_OK);
    assert_true(both[0].allowed && !both[1].allowed);
    for (int i = 0; i < 4;
         i++) { /* the limit of this process alone: and `both` took nothing of it */
        aigw_limit_ask local = take(link, LOCAL, "both", 1);
        assert_int_equal(local.by, AIGW_LIMIT_BY_POLICY);
        assert_int_equal(local.allowed, i < 3);
        if (i == 2) {
            aigw_limit_link_settle(link, &local.hold, 0);
            assert_true(take(link, LOCAL, "both", 1).allowed);
        }
    }
}

static void not_there(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    snprintf(server.address, sizeof server.address, "unix:/nonexistent/redis");
    aigw_limit_link *link = new_link(l, 200);
    policies_hold(link);
    aigw_limit_link_free(link);
    snprintf(server.address, sizeof server.address, "127.0.0.1:1");
    link = new_link(l, 200);
    assert_false(take(link, CLOSED, "p", 1).allowed);
    aigw_limit_link_free(link);
    server = (redis_server){.pid = 0};
    aigw_limiter_free(l);
}

static void stopped_and_continued(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 60);

    until_counted(link, CLOSED, "p");
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    policies_hold(link);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    until_counted(link, CLOSED, "p");
    /* The take that was denied has arrived there after all, and was given back. */
    while (look(link, CLOSED, "p").remaining != 300)
        usleep(2000);
    aigw_limit_ask again = take(link, OPEN, "p", 1);
    assert_true(again.allowed);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static void slow(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 50);

    until_counted(link, CLOSED, "s");
    redis_do(&server, "CLIENT PAUSE 700 ALL");
    assert_int_equal(take(link, CLOSED, "s", 1).by, AIGW_LIMIT_BY_POLICY);
    assert_true(take(link, OPEN, "s", 1).allowed);
    until_counted(link, CLOSED, "s");
    while (look(link, CLOSED, "s").remaining != 300)
        usleep(2000);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

/* Killed with all it knew: closed limits stay closed for a window, open ones begin anew. */
static void killed_and_started_empty(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 2000);
    aigw_limit_link_stats stats;

    until_counted(link, CLOSED, "k");
    assert_true(take(link, CLOSED, "k", 1).allowed && take(link, OPEN, "k", 300).allowed);
    redis_kill(&server);
    policies_hold(link);
    redis_start(&server);
    until_counted(link, OPEN, "k");
    aigw_limit_ask lost = take(link, CLOSED, "k", 1);
    assert_true(!lost.allowed && lost.by == AIGW_LIMIT_BY_POLICY);
    assert_true(lost.retry_after_ms > 0 && lost.retry_after_ms <= 600000);
    assert_true(take(link, OPEN, "k", 300).allowed);
    while (!take(link, SHORT, "k", 1).allowed) /* a window of 200 ms: then it is known again */
        usleep(5000);
    aigw_limit_link_get_stats(link, &stats);
    assert_true(stats.connects >= 2);
    /* A process that knows nothing of the past is told of the loss. */
    aigw_limit_link *other = new_link(l, 2000);
    lost = take(other, CLOSED, "z", 1);
    assert_true(!lost.allowed && lost.by == AIGW_LIMIT_BY_POLICY);
    aigw_limit_link_free(other);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static void emptied(void **state)
{
    (void)state;
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000), *other = new_link(l, 10000);

    assert_true(take(link, CLOSED, "e", 1).allowed);
    redis_do(&server, "SCRIPT FLUSH"); /* no matter */
    aigw_limit_ask second = take(link, CLOSED, "e", 1);
    assert_true(second.allowed && second.remaining == 298);
    redis_do(&server, "SCRIPT FLUSH");
    aigw_limit_link_settle(link, &second.hold, 0);
    assert_int_equal(look(link, CLOSED, "e").remaining, 299);
    redis_do(&server, "FLUSHALL");
    assert_true(take(other, CLOSED, "e", 1).allowed); /* a new process cannot know */
    assert_int_equal(take(link, CLOSED, "e", 1).by, AIGW_LIMIT_BY_POLICY);
    assert_int_equal(take(other, CLOSED, "e", 1).by, AIGW_LIMIT_BY_POLICY); /* now all do */
    assert_int_equal(take(other, OPEN, "e", 300).by, AIGW_LIMIT_BY_COUNT);
    assert_false(take(link, OPEN, "e", 1).allowed);
    aigw_limit_link_free(link);
    aigw_limit_link_free(other);
    aigw_limiter_free(l);
}

/* ---- three processes ---- */

#define MOST_LOG 200000

typedef struct shared {
    atomic_int ready, go, stop;
    atomic_long allowed[3]; /* how many, by process */
    atomic_long logged;
    struct {
        int64_t at, n;
    } log[MOST_LOG]; /* server's time of each take of SHORT */
} shared;

static void child(shared *s, int me)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000);
    until_counted(link, SHORT, "none");
    atomic_fetch_add(&s->ready, 1);
    while (!atomic_load(&s->go))
        usleep(500);
    while (!atomic_load(&s->stop)) {
        aigw_limit_ask ask = take(link, LEASED, "all", 1);
        atomic_fetch_add(&s->allowed[me], ask.allowed);
        for (int i = 0; i < 4; i++) {
            ask = take(link, SHORT, "all", 1 + i % 2);
            if (!ask.allowed)
                continue;
            long at = atomic_fetch_add(&s->logged, 1);
            if (at < MOST_LOG) {
                s->log[at].at = ask.hold.at_ms;
                s->log[at].n = ask.n;
            }
        }
    }
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* No window of the server's milliseconds has more than the limit. */
static void windows_hold(shared *s)
{
    long count = atomic_load(&s->logged), first = 0;
    int64_t sum = 0, most = 0;
    assert_true(count > 100 && count < MOST_LOG);
    qsort(s->log, (size_t)count, sizeof s->log[0], by_time);
    for (long i = 0; i < count; i++) {
        sum += s->log[i].n;
        while (s->log[first].at <= s->log[i].at - rules[SHORT].window_ms)
            sum -= s->log[first++].n;
        assert_true(sum <= rules[SHORT].limit);
        most = sum > most ? sum : most;
    }
    assert_int_equal(most, rules[SHORT].limit);
}

/* All three run at the same time; one is killed while it has units ahead. */
static void three_processes(void **state)
{
    (void)state;
    shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(s != MAP_FAILED);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            child(s, i);
            _exit(0);
        }
    }
    while (atomic_load(&s->ready) < 3)
        usleep(500);
    atomic_store(&s->go, 1);
    while (atomic_load(&s->allowed[0]) < 30)
        usleep(100);
    kill(pids[0], SIGKILL);
    waitpid(pids[0], NULL, 0);
    /* The others use up what there is: until nothing has been allowed for a while, and windows went
     * by. */
    long before = -1, now = 0, windows = 0;
    while (before != now || now < 900 || windows < 400) {
        usleep(100000);
        before = now;
        now =
            atomic_load(&s->allowed[0]) + atomic_load(&s->allowed[1]) + atomic_load(&s->allowed[2]);
        windows = atomic_load(&s->logged);
    }
    atomic_store(&s->stop, 1);
    int status = 0;
    for (int i = 1; i < 3; i++) {
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    long total =
        atomic_load(&s->allowed[0]) + atomic_load(&s->allowed[1]) + atomic_load(&s->allowed[2]);
    /* what the others gave back at their end can be taken still */
    aigw_limiter *l = new_limiter();
    aigw_limit_link *link = new_link(l, 10000);
    while (take(link, LEASED, "all", 1).allowed)
        total++;
    printf("%ld of %d allowed, %ld short ones\n", total, (int)rules[LEASED].limit,
           atomic_load(&s->logged));
    assert_true(total <= rules[LEASED].limit);
    /* the one that was killed had at most one lease, and one answer it did not count */
    assert_true(total >= rules[LEASED].limit - rules[LEASED].lease - 1);
    windows_hold(s);
    aigw_limit_link_free(link);
    aigw_limiter_free(l);
    munmap(s, sizeof *s);
}

int main(void)
{
    if (!redis_program()) {
        fprintf(stderr, "skipped: no redis-server or valkey-server is installed\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_like_memory, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(many_at_once, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(leases_spare_round_trips, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(keys_expire, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(a_password, with_password, no_server),
        cmocka_unit_test(not_there),
        cmocka_unit_test_setup_teardown(stopped_and_continued, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(slow, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(killed_and_started_empty, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(emptied, fresh_server, no_server),
        cmocka_unit_test_setup_teardown(three_processes, fresh_server, no_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
