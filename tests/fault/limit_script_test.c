/*
 * The scripts in a real Redis under a clock of the test's own, against a naive list: borders to the
 * millisecond.
 *
 * The scripts are run as they are, but for TIME, which is read from a list that the test writes.
 */
#include "rim/redis_script.h"

#include "redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MOST 4000

typedef struct taken {
    int64_t at, n;
    aigw_limit_hold hold;
} taken;

static taken list[MOST];
static size_t list_len;
static redis_server server;
static redisContext *redis;
static uint64_t random_state;
static char epoch[GW_REDIS_EPOCH_BYTES];

static int64_t below(int64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int64_t)(random_state % (uint64_t)n);
}

static void set_now(int64_t ms)
{
    freeReplyObject(redisCommand(redis, "DEL now"));
    freeReplyObject(redisCommand(redis, "RPUSH now %lld %lld", (long long)(ms / 1000),
                                 (long long)(ms % 1000 * 1000 + below(1000))));
}

/* The script with the list in the place of the clock. */
static aigw_slice with_test_clock(const char *script, char *out, size_t size)
{
    static const char clock[] = "call('TIME')";
    const char *at = strstr(script, clock);
    assert_non_null(at);
    snprintf(out, size, "%.*scall('LRANGE', 'now', 0, 1)%s", (int)(at - script), script,
             at + strlen(clock));
    return aigw_slice_of(out);
}

static redisReply *run(gw_redis_args *args)
{
    static char script[16384];
    const char *argv[64];
    size_t lens[64];
    args->list[1] = with_test_clock(args->list[1].data == NULL ? ""
                                    : args->list[1].len > 3000 ? gw_redis_take_script
                                                               : gw_redis_settle_script,
                                    script, sizeof script);
    for (size_t i = 0; i < args->count; i++) {
        argv[i] = args->list[i].data;
        lens[i] = args->list[i].len;
    }
    redisReply *reply = redisCommandArgv(redis, (int)args->count, argv, lens);
    gw_redis_args_free(args);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fprintf(stderr, "%s\n", reply->str);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    return reply;
}

static gw_redis_verdict ask(const gw_limit_rule *rule, int64_t n, bool lease, bool peek)
{
    const char *epochs[2] = {epoch, "00112233"};
    gw_redis_part part = {rule, {1, 2}, n, lease};
    gw_redis_args args;
    gw_redis_verdict v;
    bool allowed;

    assert_true(gw_redis_take_args(&args, "", "t:", epochs, &part, 1, peek));
    redisReply *reply = run(&args);
    assert_true(gw_redis_take_reply(reply, 1, epoch, &allowed, &v));
    freeReplyObject(reply);
    assert_int_equal(allowed, v.ok);
    return v;
}

static void settle(const gw_limit_rule *rule, const aigw_limit_hold *hold, int64_t actual)
{
    gw_redis_args args;
    assert_true(gw_redis_settle_args(&args, "", "t:", rule, hold, actual));
    freeReplyObject(run(&args));
}

static int64_t live(int64_t window, int64_t now)
{
    int64_t sum = 0;
    for (size_t i = 0; i < list_len; i++)
        sum += list[i].at > now - window ? list[i].n : 0;
    return sum;
}

static aigw_limit_hold hold_at(int64_t at, int64_t n)
{
    return (aigw_limit_hold){{1, 2}, at, n, 0, 0, GW_HOLD_REDIS, 0};
}

/* A random earlier take is corrected, down or up. */
static void correct(const gw_limit_rule *rule, int64_t now)
{
    taken *old = &list[list_len - 1 - (size_t)below((int64_t)(list_len < 20 ? list_len : 20))];
    if (old->hold.n == 0 || old->n == 0)
        return;
    int64_t actual = below(4) ? below(old->n + 1) : old->n + 1 + below(3);
    settle(rule, &old->hold, actual);
    old->hold.n = 0;
    if (actual <= old->n) {
        old->n = actual;
    } else {
        list[list_len++] = (taken){now, actual - old->n, hold_at(now, 0)};
    }
}

static void window_run(uint64_t seed, const gw_limit_rule *rule)
{
    int64_t now = 1700000000000 + below(1000);
    random_state = seed;
    list_len = 0;
    epoch[0] = '\0';
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    for (int step = 0; step < 900; step++) {
        now += below(3) ? below(rule->window_ms / 8 + 2) : below(2);
        set_now(below(10) ? now : now - below(50)); /* the server's clock may be set back */
        int64_t n = 1 + below(step % 7 == 0 ? rule->limit + 2 : 3),
                used = live(rule->window_ms, now);
        if (below(10) == 0) {
            gw_redis_verdict look = ask(rule, n, false, true);
            set_now(now);
            look = ask(rule, n, false, true);
            assert_int_equal(look.ok, used + n <= rule->limit);
        }
        set_now(now);
        gw_redis_verdict v = ask(rule, n, false, false);
        assert_int_equal(v.ok, used + n <= rule->limit);
        int64_t after = used + (v.ok ? n : 0), wait = 0;
        assert_int_equal(v.remaining, after < rule->limit ? rule->limit - after : 0);
        while (!v.ok && n <= rule->limit && live(rule->window_ms, now + wait) + n > rule->limit)
            wait++;
        assert_int_equal(v.retry_after_ms, n > rule->limit ? -1 : wait);
        if (v.ok) {
            assert_int_equal(v.stamp_ms, now);
            list[list_len++] = (taken){now, n, hold_at(now, n)};
        }
        int64_t reset = 0;
        while (live(rule->window_ms, now + reset) > 0)
            reset++;
        assert_int_equal(v.reset_ms, reset);
        if (list_len > 0 && below(3) == 0)
            correct(rule, now);
        assert_true(list_len < MOST - 2);
    }
}

static void window_is_what_a_naive_list_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        gw_limit_rule rule = {.name = "w",
                              .kind = AIGW_LIMIT_SLIDING_WINDOW,
                              .on_fail = AIGW_LIMIT_FAIL_OPEN,
                              .limit = 1 + (int64_t)(seed * 7 % 40),
                              .window_ms = 1 + (int64_t)(seed * 31 % 97)};
        random_state = seed;
        window_run(seed * 7919, &rule);
    }
}

static void bucket_is_exact(void **state)
{
    (void)state;
    static const gw_limit_rule rules[] = {
        {.name = "b", .kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 10, .window_ms = 1000, .rate = 3},
        {.name = "c",
         .kind = AIGW_LIMIT_TOKEN_BUCKET,
         .limit = 100000,
         .window_ms = 60000,
         .rate = 77777},
        {.name = "d",
         .kind = AIGW_LIMIT_TOKEN_BUCKET,
         .limit = 4194304,
         .window_ms = 2147483647,
         .rate = 2147483647}};
    for (size_t r = 0; r < 3; r++) {
        const gw_limit_rule *rule = &rules[r];
        int64_t full = rule->limit * rule->window_ms, level = full, now = 1700000000123;
        random_state = 5 + r;
        for (int step = 0; step < 600; step++) {
            int64_t n = 1 + below(rule->limit + 1), need = n * rule->window_ms;
            int64_t passed = below(5) ? below(4) : below(rule->window_ms);
            now += passed;
            level = passed > (full - level) / rule->rate ? full : level + passed * rule->rate;
            set_now(now);
            gw_redis_verdict v = ask(rule, n, false, false);
            assert_int_equal(v.ok, n <= rule->limit && need <= level);
            if (!v.ok && n <= rule->limit)
                assert_int_equal(v.retry_after_ms, (need - level + rule->rate - 1) / rule->rate);
            if (v.ok) {
                level -= need;
                if (below(4) == 0) {
                    int64_t actual = below(n + 1);
                    aigw_limit_hold hold = hold_at(now, n);
                    settle(rule, &hold, actual);
                    level += (n - actual) * rule->window_ms;
                }
                continue;
            }
            assert_int_equal(v.remaining, level / rule->window_ms);
        }
    }
}

/*
 * More stamps than are kept apart: never more than the limit, never later than a cell, and bounded.
 */
static void many_stamps_are_rounded_up(void **state)
{
    (void)state;
    gw_limit_rule rule = {.name = "many",
                          .kind = AIGW_LIMIT_SLIDING_WINDOW,
                          .on_fail = AIGW_LIMIT_FAIL_OPEN,
                          .limit = 3000,
                          .window_ms = 20000};
    int64_t now = 1700000000000;
    long long most = 0;
    list_len = 0;
    for (int step = 0; step < 3500; step++) {
        now += 1 + below(12);
        set_now(now);
        gw_redis_verdict v = ask(&rule, 1, false, false);
        int64_t used = live(rule.window_ms, now);
        assert_true(v.remaining <= rule.limit - used - v.ok);
        assert_true(v.remaining >= rule.limit - live(rule.window_ms + 40, now) - 1);
        if (v.ok)
            list[list_len++] = (taken){now, 1, hold_at(now, 1)};
        if (step % 100 == 0) {
            redisReply *r = redisCommand(redis, "ZCARD t:w:many:%s:z", "AQAAAAAAAAACAAAAAAAAAA");
            most = r->integer > most ? r->integer : most;
            freeReplyObject(r);
        }
    }
    assert_true(most > 400 && most <= 1600);
}

/*
 * Units taken ahead count from the end of the lease; and never more than a quarter of what is free.
 */
static void leases(void **state)
{
    (void)state;
    gw_limit_rule rule = {.name = "lease",
                          .kind = AIGW_LIMIT_SLIDING_WINDOW,
                          .on_fail = AIGW_LIMIT_FAIL_OPEN,
                          .limit = 100,
                          .window_ms = 1000,
                          .lease = 10,
                          .lease_ms = 200};
    int64_t now = 1700000000000;
    set_now(now);
    gw_redis_verdict v = ask(&rule, 1, true, false);
    assert_int_equal(v.extra, 9);
    assert_int_equal(v.stamp_ms, now + 200);
    assert_int_equal(v.remaining, 90);
    v = ask(&rule, 80, true, false);
    assert_int_equal(v.extra, 0); /* more is asked than a lease holds */
    assert_int_equal(v.stamp_ms, now);
    v = ask(&rule, 1, true, false);
    assert_int_equal(v.extra, 2); /* a quarter of the nine left */
    aigw_limit_hold unused = hold_at(now + 200, 5);
    settle(&rule, &unused, 0);
    v = ask(&rule, 0, true, true);
    assert_int_equal(v.remaining, 12);
    set_now(now + 1000); /* what was not ahead is free, the leased ones are not */
    assert_int_equal(ask(&rule, 0, true, true).remaining, 92);
    set_now(now + 1199);
    assert_int_equal(ask(&rule, 0, true, true).remaining, 92);
    set_now(now + 1200);
    assert_int_equal(ask(&rule, 0, true, true).remaining, 100);
}

/* Three that hand out what they took ahead, at random times of the lease, and give some of it back: by the time of
 * use no window has more than the limit. */
static void leases_never_pass_the_limit(void **state)
{
    (void)state;
    gw_limit_rule rule = {.name = "three",
                          .kind = AIGW_LIMIT_SLIDING_WINDOW,
                          .on_fail = AIGW_LIMIT_FAIL_OPEN,
                          .limit = 60,
                          .window_ms = 200,
                          .lease = 6,
                          .lease_ms = 60};
    struct {
        int64_t left, stamp, until;
    } ahead[3] = {{0, 0, 0}};
    int64_t now = 1700000000000, most = 0;
    long by_lease = 0;

    random_state = 4711;
    list_len = 0;
    for (int step = 0; step < 3000; step++) {
        int me = (int)below(3);
        now += below(4) ? below(3) : below(40);
        set_now(now);
        int64_t n = 1 + below(2);
        bool good = ahead[me].left >= n && now < ahead[me].until;
        if (good) {
            ahead[me].left -= n;
            by_lease++;
        } else {
            aigw_limit_hold rest = hold_at(ahead[me].stamp, ahead[me].left);
            if (ahead[me].left > 0 && below(4)) /* or it died, and it is lost */
                settle(&rule, &rest, 0);
            ahead[me].left = 0;
            gw_redis_verdict v = ask(&rule, n, true, false);
            good = v.ok;
            if (v.ok) {
                ahead[me].left = v.extra;
                ahead[me].stamp = v.stamp_ms;
                ahead[me].until = now + rule.lease_ms;
            }
        }
        if (good)
            list[list_len++] = (taken){now, n, hold_at(now, 0)};
        int64_t used = live(rule.window_ms, now);
        assert_true(used <= rule.limit);
        most = used > most ? used : most;
    }
    assert_true(by_lease > 300 && most > rule.limit / 2);
}

/* Lost data: closed rules say no until exactly one window after the loss. */
static void a_loss_to_the_millisecond(void **state)
{
    (void)state;
    gw_limit_rule rule = {
        .name = "closed", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 5, .window_ms = 1000};
    int64_t now = 1700000000000;
    epoch[0] = '\0';
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    set_now(now);
    assert_true(ask(&rule, 1, false, false).ok); /* empty, but nobody knows of a past */
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    set_now(now + 10);
    gw_redis_verdict v = ask(&rule, 1, false, false);
    assert_true(!v.ok && v.lost);
    assert_int_equal(v.retry_after_ms, 1000);
    set_now(now + 1009);
    v = ask(&rule, 1, false, false);
    assert_true(!v.ok && v.retry_after_ms == 1);
    set_now(now + 1010);
    v = ask(&rule, 5, false, false);
    assert_true(v.ok && !v.lost);
}

static int start(void **state)
{
    (void)state;
    redis_start(&server);
    redis = redis_open(&server);
    return redis ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    redisFree(redis);
    redis_end(&server);
    return 0;
}

int main(void)
{
    if (!redis_program()) {
        fprintf(stderr, "skipped: no redis-server or valkey-server is installed\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_what_a_naive_list_says),
        cmocka_unit_test(bucket_is_exact),
        cmocka_unit_test(many_stamps_are_rounded_up),
        cmocka_unit_test(leases),
        cmocka_unit_test(leases_never_pass_the_limit),
        cmocka_unit_test(a_loss_to_the_millisecond),
    };
    return cmocka_run_group_tests(tests, start, end);
}
