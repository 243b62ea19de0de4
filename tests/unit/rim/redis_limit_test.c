/*
 * The store's decisions against a server that is late, wrong or gone: deadlines, leases, what is
 * given back.
 *
 * The server is played by the test, under a clock of its own.
 */
#include "rim/redis_limit.h"

#include "redis_fake.h"
#include "rim/redis_lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { CLOSED, OPEN, LEASED, HOLDS };

static const aigw_limit_rule rules[] = {
    {.name = "closed", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 10, .window_ms = 60000},
    {.name = "open",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .on_fail = AIGW_LIMIT_FAIL_OPEN,
     .limit = 10,
     .window_ms = 60000},
    {.name = "leased",
     .kind = AIGW_LIMIT_SLIDING_WINDOW,
     .limit = 100,
     .window_ms = 60000,
     .lease = 5,
     .lease_ms = 300},
    {.name = "holds", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 3},
};

#define KEY "n4bQgYhMfWWaL-qgxVrQFQ" /* the first 16 bytes of SHA-256 of "test" */

static fake peer;
static aigw_limiter *limiter;
static gw_redis_limit *store;
static int dones;

static void on_done(void *user)
{
    (void)user;
    dones++;
}

static gw_limit_wait waiter(void)
{
    return (gw_limit_wait){.done = on_done};
}

static aigw_limit_ask ask_for(size_t rule, int64_t n)
{
    return (aigw_limit_ask){.rule = rule, .key = aigw_slice_of("test"), .n = n};
}

static int set_up(void **state)
{
    (void)state;
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = rules,
                                    .rule_count = 4,
                                    .rule_size = sizeof *rules,
                                    .max_keys = 50};
    aigw_limit_link_options link = {.size = sizeof link,
                                    .address = NULL,
                                    .deadline_ms = 100,
                                    .max_waiting = 8,
                                    .max_leases = 2};
    gw_clock clock;
    fake_start(&peer);
    clock = fake_clock(&peer);
    link.address = peer.address;
    dones = 0;
    if (aigw_limiter_new(&options, &limiter, NULL) != AIGW_OK ||
        gw_redis_limit_new(peer.loop, &clock, limiter, &link, &store, NULL) != AIGW_OK)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_redis_limit_free(store);
    aigw_limiter_free(limiter);
    fake_end(&peer);
    return 0;
}

#define SHA "0123456789012345678901234567890123456789"

static void come_up(void)
{
    assert_true(fake_log_in(&peer));
    assert_true(fake_expect(&peer, "SCRIPT"));
    assert_true(fake_expect(&peer, "SCRIPT"));
    fake_say(&peer, "$40\r\n" SHA "\r\n$40\r\n" SHA "\r\n");
}

static int take(aigw_limit_ask *asks, size_t count, gw_limit_wait *wait)
{
    return gw_limit_redis.take(store, asks, count, 0, wait);
}

/* One verdict: ok remaining reset retry stamp extra lost. */
static void verdict(int ok, int remaining, int retry, long long stamp, int extra)
{
    char text[256];
    snprintf(text, sizeof text,
             "*9\r\n$14\r\nN:1000:abcdefg\r\n:%d\r\n:%d\r\n:%d\r\n:60000\r\n:%d\r\n:%lld\r\n:%"
             "d\r\n:0\r\n",
             ok, ok, remaining, retry, stamp, extra);
    fake_say(&peer, text);
}

/* The next command corrects `taken` units at `stamp` of this rule to `actual`. */
static void expect_settle(const char *rule, long long stamp, int taken, int actual)
{
    redisReply *c = fake_command(&peer);
    char key[80], tail[80];
    assert_non_null(c);
    assert_string_equal(c->element[0]->str, "EVALSHA");
    snprintf(key, sizeof key, "aigw:w:%s:%s:h", rule, KEY);
    assert_string_equal(c->element[3]->str, key);
    snprintf(tail, sizeof tail, " %lld %d %d", stamp, taken, actual);
    const char *args = c->element[5]->str;
    assert_string_equal(args + strlen(args) - strlen(tail), tail);
    freeReplyObject(c);
    fake_say(&peer, ":1\r\n");
}

static void nothing_more(void)
{
    assert_null(fake_command(&peer));
}

static void a_round_trip(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(CLOSED, 3);
    gw_limit_wait wait = waiter();
    come_up();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    redisReply *c = fake_command(&peer);
    static const char *const want[] = {
        "EVALSHA", SHA, "3", "aigw:epoch", "aigw:w:closed:" KEY ":h", "aigw:w:closed:" KEY ":z",
        "t",       ""};
    assert_int_equal(c->elements, 10);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(c->element[i]->str, want[i]);
    assert_string_equal(c->element[9]->str, "1 10 60000 0 3 0 0 1");
    freeReplyObject(c);
    assert_int_equal(dones, 0);
    verdict(1, 7, 0, 777, 0);
    assert_int_equal(dones, 1);
    assert_true(ask.allowed && ask.by == AIGW_LIMIT_BY_COUNT);
    assert_int_equal(ask.remaining, 7);
    gw_limit_redis.settle(store, &ask.hold, 2, 0);
    expect_settle("closed", 777, 3, 2);
    gw_limit_redis.settle(store, &ask.hold, 0, 0);
    nothing_more();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    c = fake_command(&peer);
    assert_string_equal(c->element[7]->str, "N:1000:abcdefg"); /* the epoch is remembered */
    freeReplyObject(c);
    verdict(0, 1, 1234, 0, 0);
    assert_false(ask.allowed);
    assert_int_equal(ask.retry_after_ms, 1234);
    gw_limit_redis.settle(store, &ask.hold, 0, 0);
    nothing_more();
}

static void deadline_and_a_late_answer(void **state)
{
    (void)state;
    gw_limit_wait wait = waiter(), other = waiter();
    come_up();
    aigw_limit_ask closed = ask_for(CLOSED, 3), open = ask_for(OPEN, 2);
    assert_int_equal(take(&closed, 1, &wait), AIGW_AGAIN);
    assert_int_equal(take(&open, 1, &other), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA") && fake_expect(&peer, "EVALSHA"));
    fake_pass(&peer, 99);
    assert_int_equal(dones, 0);
    fake_pass(&peer, 1);
    assert_int_equal(dones, 2);
    assert_true(!closed.allowed && closed.by == AIGW_LIMIT_BY_POLICY);
    assert_true(open.allowed && open.by == AIGW_LIMIT_BY_POLICY);
    fake_pass(&peer, 1); /* it stalls: the next ones are decided at once */
    aigw_limit_ask next = ask_for(CLOSED, 1);
    assert_int_equal(take(&next, 1, &wait), AIGW_OK);
    assert_false(next.allowed);
    verdict(1, 7, 0, 555, 0);
    expect_settle("closed", 555, 3, 0);
    verdict(1, 8, 0, 556, 0);
    nothing_more(); /* it was let through: it counts */
    assert_int_equal(dones, 2);
    assert_int_equal(take(&next, 1, &wait), AIGW_AGAIN); /* it answers again */
    gw_limit_redis.cancel(store, &wait);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 7, 0, 600, 0);
    expect_settle("closed", 600, 1, 0);
    assert_int_equal(dones, 2);
}

static void wrong_answers_are_no_answers(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "$-1\r\n",
        "-OOM command not allowed\r\n",
        "-READONLY\r\n",
        "*9\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*9\r\n$3\r\nN:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n+1\r\n",
        "*9\r\n$0\r\n\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"};
    come_up();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        aigw_limit_ask ask = ask_for(CLOSED, 1);
        gw_limit_wait wait = waiter();
        assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
        assert_true(fake_expect(&peer, "EVALSHA"));
        fake_say(&peer, wrong[i]);
        assert_int_equal(dones, (int)i + 1);
        assert_true(!ask.allowed && ask.by == AIGW_LIMIT_BY_POLICY);
    }
}

static void a_script_that_is_gone(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(CLOSED, 1);
    gw_limit_wait wait = waiter();
    come_up();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    fake_say(&peer, "-NOSCRIPT No matching script\r\n");
    assert_true(fake_expect(&peer, "EVAL"));
    fake_say(&peer, "-NOSCRIPT still not\r\n"); /* does not go round */
    assert_int_equal(dones, 1);
    assert_false(ask.allowed);
    nothing_more();
}

static void gone_and_back(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(OPEN, 1), before = ask_for(HOLDS, 1);
    gw_limit_wait wait = waiter();
    aigw_limit_link_stats stats;

    come_up();
    assert_int_equal(take(&before, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 2, 0, 42, 0);
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    fake_hang_up(&peer);
    fake_pump(&peer);
    assert_int_equal(dones, 2);
    assert_true(ask.allowed && ask.by == AIGW_LIMIT_BY_POLICY);
    gw_limit_redis.settle(store, &before.hold, 0, 0); /* waits for the next connection */
    fake_pass(&peer, 50);
    come_up();
    redisReply *c = fake_command(&peer);
    assert_string_equal(c->element[3]->str, "aigw:c:holds:" KEY ":h");
    assert_string_equal(c->element[5]->str, "3 3 3600000 0 0 42 1 0");
    freeReplyObject(c);
    fake_hang_up(&peer); /* it may have arrived: not sent again */
    fake_pump(&peer);
    fake_pass(&peer, 50);
    come_up();
    nothing_more();
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.lost_settlements, 1);
    assert_int_equal(stats.connects, 3);
}

static void the_first_connection_is_waited_for(void **state)
{
    (void)state;
    aigw_limit_ask a = ask_for(CLOSED, 1), b = ask_for(CLOSED, 1);
    gw_limit_wait wait = waiter(), other = waiter();
    assert_int_equal(take(&a, 1, &wait), AIGW_AGAIN);
    assert_int_equal(take(&b, 1, &other), AIGW_AGAIN);
    gw_limit_redis.cancel(store, &other);
    come_up();
    assert_true(fake_expect(&peer, "EVAL")); /* the script's name was not known yet */
    verdict(1, 9, 0, 5, 0);
    assert_int_equal(dones, 1);
    assert_true(a.allowed);
    nothing_more(); /* the one that was cancelled was never sent */
}

static void it_never_comes(void **state)
{
    (void)state;
    aigw_limit_ask a = ask_for(CLOSED, 1);
    gw_limit_wait wait = waiter();
    assert_int_equal(take(&a, 1, &wait), AIGW_AGAIN);
    assert_true(fake_accept(&peer));
    fake_say(&peer, "-NOAUTH\r\n");
    assert_int_equal(dones, 1); /* not only at the deadline */
    assert_false(a.allowed);
    assert_int_equal(take(&a, 1, &wait), AIGW_OK);
    assert_false(a.allowed);
}

static void too_many_wait(void **state)
{
    (void)state;
    aigw_limit_ask asks[9];
    gw_limit_wait waits[9];
    come_up();
    for (int i = 0; i < 9; i++) {
        asks[i] = ask_for(OPEN, 1);
        waits[i] = waiter();
        assert_int_equal(take(&asks[i], 1, &waits[i]), i < 8 ? AIGW_AGAIN : AIGW_OK);
    }
    assert_true(asks[8].allowed && asks[8].by == AIGW_LIMIT_BY_POLICY);
}

/* ---- leases ---- */

static void lease_is_used_and_ends(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(LEASED, 1);
    gw_limit_wait wait = waiter();
    aigw_limit_link_stats stats;
    come_up();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    fake_pass(&peer, 60); /* the lease runs from when it was asked for */
    verdict(1, 90, 0, 9300, 4);
    assert_int_equal(ask.remaining, 94);
    assert_int_equal(take(&ask, 1, &wait), AIGW_OK);
    assert_true(ask.allowed && ask.by == AIGW_LIMIT_BY_LEASE && ask.remaining == 93);
    gw_limit_redis.settle(store, &ask.hold, 0, 0); /* leased units are given back to the server */
    expect_settle("leased", 9300, 1, 0);
    nothing_more();
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.leased_units, 3);
    fake_pass(&peer, 239);
    nothing_more();
    fake_pass(&peer, 1);
    expect_settle("leased", 9300, 3, 0);
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.leased_units, 0);
}

/* The loop was not stepped meanwhile: a lease that ended is not used all the same. */
static void lease_that_ended_unnoticed(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(LEASED, 1);
    gw_limit_wait wait = waiter();
    come_up();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 90, 0, 9300, 4);
    peer.now_ms += 299;
    assert_int_equal(take(&ask, 1, &wait), AIGW_OK);
    peer.now_ms += 1;
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    expect_settle("leased", 9300, 3, 0);
}

/* A lease and the server in one call: denied there, the lease has its unit again. */
static void lease_in_a_call_that_is_denied(void **state)
{
    (void)state;
    aigw_limit_ask both[2] = {ask_for(LEASED, 1), ask_for(CLOSED, 1)};
    gw_limit_wait wait = waiter();
    aigw_limit_link_stats stats;
    come_up();
    assert_int_equal(take(both, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 90, 0, 9300, 4);
    assert_int_equal(take(both, 2, &wait), AIGW_AGAIN);
    redisReply *c = fake_command(&peer);
    assert_string_equal(c->element[2]->str, "3"); /* one of the two is asked for */
    freeReplyObject(c);
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.leased_units, 3);
    verdict(0, 0, 100, 0, 0);
    assert_true(both[0].allowed && !both[1].allowed);
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.leased_units, 4);
    /* and when nobody answers */
    assert_int_equal(take(both, 2, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    fake_pass(&peer, 100);
    assert_false(both[1].allowed);
    gw_redis_limit_stats(store, &stats);
    assert_int_equal(stats.leased_units, 4);
    /* and at the end all goes back */
    assert_true(gw_redis_limit_flush(store));
    expect_settle("leased", 9300, 4, 0);
}

static void lease_that_is_too_small_or_late(void **state)
{
    (void)state;
    aigw_limit_ask ask = ask_for(LEASED, 1);
    gw_limit_wait wait = waiter();
    come_up();
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 90, 0, 9300, 4);
    ask.n = 5; /* more than is at hand: that goes back first */
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    expect_settle("leased", 9300, 4, 0);
    assert_true(fake_expect(&peer, "EVALSHA"));
    verdict(1, 90, 0, 9400, 0);
    ask.n = 1;
    assert_int_equal(take(&ask, 1, &wait), AIGW_AGAIN);
    assert_true(fake_expect(&peer, "EVALSHA"));
    fake_pass(&peer, 100); /* denied; the answer brings a take and a lease: both go back */
    verdict(1, 90, 0, 9500, 4);
    expect_settle("leased", 9500, 5, 0);
    nothing_more();
}

static void lease_table(void **state)
{
    (void)state;
    gw_lease_table table;
    gw_lease out, lease = {.left = 2, .until_ms = 50};
    assert_true(gw_leases_init(&table, 100));
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 100; i++) {
            lease.id[0] = i / 3;
            lease.rule = (uint32_t)(i % 3);
            lease.until_ms = 100 + (int64_t)(i * 37 % 100);
            assert_true(gw_leases_add(&table, &lease));
        }
        assert_false(gw_leases_add(&table, &lease));
        assert_int_equal(gw_leases_units(&table), 200);
        assert_false(gw_leases_pop(&table, 99, &out));
        int popped = 0;
        for (int64_t now = 100; now < 150; now++) {
            while (gw_leases_pop(&table, now, &out)) {
                assert_true(out.until_ms <= now);
                assert_null(gw_leases_find(&table, out.rule, out.id));
                popped++;
            }
        }
        assert_int_equal(popped, 50);
        while (gw_leases_pop(&table, INT64_MAX, &out))
            popped++;
        assert_int_equal(popped, 100);
        assert_true(table.first_ms == INT64_MAX);
    }
    gw_leases_free(&table);
}

static void options_are_checked(void **state)
{
    (void)state;
    aigw_limit_link_options good = {.size = sizeof good, .address = peer.address};
    aigw_limit_link_options bad[6] = {good, good, good, good, good, good};
    aigw_limit_link *link = NULL;
    char prefix[80];
    memset(prefix, 'p', 79);
    prefix[79] = '\0';
    bad[0].deadline_ms = -1;
    bad[1].max_waiting = -1;
    bad[2].max_leases = 1 << 30;
    bad[3].prefix = prefix;
    bad[4].address = NULL;
    bad[5].database = -1;
    for (int i = 0; i < 6; i++)
        assert_int_equal(aigw_limit_link_new(limiter, &bad[i], NULL, &link, NULL), AIGW_E_CONFIG);
    good.size = 3;
    assert_int_equal(aigw_limit_link_new(limiter, &good, NULL, &link, NULL), AIGW_E_INVALID);
    assert_null(link);
    aigw_limit_link_free(NULL);
}

/* ---- without memory ---- */

static int fail_after;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    return fail_after-- == 0 ? NULL : realloc(ptr, bytes);
}

static void plain_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/* Whoever connects is let in, and whatever is asked is allowed. */
static void answer_all(void)
{
    redisReply *c;
    int fd = accept4(peer.listen_fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0) {
        fake_hang_up(&peer);
        peer.fd = fd;
        peer.reader = redisReaderCreate();
    }
    while (peer.fd >= 0 && (c = fake_command(&peer))) {
        const char *word = c->element[0]->str;
        bool settles = c->elements == 6;
        if (strcmp(word, "PING") == 0)
            fake_say(&peer, "+PONG\r\n");
        else if (strcmp(word, "SCRIPT") == 0)
            fake_say(&peer, "$40\r\n" SHA "\r\n");
        else if (settles)
            fake_say(&peer, ":1\r\n");
        else
            verdict(1, 50, 0, 9000, 4);
        freeReplyObject(c);
    }
}

static void one_scenario(void)
{
    aigw_limit_link_options link = {
        .size = sizeof link, .address = peer.address, .password = "p", .deadline_ms = 100};
    gw_clock clock = fake_clock(&peer);
    gw_redis_limit *own = NULL;
    if (gw_redis_limit_new(peer.loop, &clock, limiter, &link, &own, NULL) != AIGW_OK) {
        assert_null(own);
        return;
    }
    for (int i = 0; i < 6; i++) {
        aigw_limit_ask ask = ask_for(i % 2 ? LEASED : OPEN, 1 + i % 3);
        gw_limit_wait wait = waiter();
        dones = 0;
        fake_pump(&peer);
        answer_all();
        int code = gw_limit_redis.take(own, &ask, 1, 0, &wait);
        fake_pump(&peer);
        answer_all();
        fake_pass(&peer, 100);
        assert_int_equal(dones, code == AIGW_AGAIN); /* decided, always */
        assert_true(ask.by != 0);
        gw_limit_redis.settle(own, &ask.hold, i, 0);
        fake_pass(&peer, 100);
        answer_all();
    }
    gw_redis_limit_free(own);
}

/* Each allocation that fails is an outcome; each call is decided all the same. */
static void without_memory(void **state)
{
    (void)state;
    aigw_allocator failing = {failing_realloc, plain_free, NULL};
    int after = 0;
    aigw_set_allocator(&failing);
    do {
        fail_after = after;
        one_scenario();
        fake_hang_up(&peer);
        after++;
    } while (fail_after < 0);
    assert_true(after > 20);
    fail_after = -1;
    int fd;
    while ((fd = accept(peer.listen_fd, NULL, NULL)) >= 0)
        close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deadline_and_a_late_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_answers_are_no_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_script_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gone_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_connection_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_never_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lease_is_used_and_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lease_that_ended_unnoticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lease_in_a_call_that_is_denied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lease_that_is_too_small_or_late, set_up, tear_down),
        cmocka_unit_test(lease_table),
        cmocka_unit_test_setup_teardown(options_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
