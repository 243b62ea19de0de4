/*
 * One key's count against a naive model: a list of all events and a loop over milliseconds.
 *
 * Knows nothing of tables and threads.
 */
#include "gate/limit_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 20000

__extension__ typedef __int128 wide;

typedef struct taken {
    int64_t at, n;
} taken;

typedef struct model {
    taken list[MOST];
    size_t len;
} model;

static model all;

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t below(int64_t n)
{
    return (int64_t)(next_random() % (uint64_t)n);
}

static int64_t live(const model *m, int64_t window, int64_t now)
{
    int64_t sum = 0;
    for (size_t i = m->len; i-- > 0 && m->list[i].at > now - window;)
        sum += m->list[i].n;
    return sum;
}

/* The first later millisecond at which n fit, by trying each. */
static int64_t naive_retry(const model *m, const gw_limit_rule *rule, int64_t n, int64_t now)
{
    if (n > rule->limit)
        return -1;
    for (int64_t later = 0;; later++) {
        if (live(m, rule->window_ms, now + later) + n <= rule->limit)
            return later;
    }
}

static gw_limit_room room_for(size_t events, size_t bytes)
{
    return (gw_limit_room){.max_events = events, .max_bytes = bytes};
}

/* A correction of a random earlier take, in both. */
static void settle(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room, int64_t now)
{
    if (all.len == 0)
        return;
    taken *old = &all.list[all.len - 1 - (size_t)below((int64_t)(all.len < 30 ? all.len : 30))];
    if (old->n == 0)
        return;
    int64_t less = 1 + below(old->n);
    gw_limit_count_subtract(c, rule, room, less, old->at, now);
    old->n -= less;
}

static void add(gw_limit_count *c, const gw_limit_rule *rule, gw_limit_room *room, int64_t n,
                int64_t now)
{
    gw_limit_count_add(c, rule, room, n, now);
    assert_true(all.len < MOST);
    all.list[all.len++] = (taken){now, n};
}

static void exact_run(uint64_t seed, const gw_limit_rule *rule)
{
    gw_limit_count c = {0};
    gw_limit_room room = room_for(1024, 1 << 20);
    int64_t now = below(1000000);

    random_state = seed;
    all.len = 0;
    for (int step = 0; step < 1500; step++) {
        aigw_limit_ask got;
        int64_t n = 1 + below(step % 7 == 0 ? rule->limit + 2 : 3);
        now += below(3) ? below(rule->window_ms / 8 + 2) : below(2);
        gw_limit_count_trim(&c, rule, &room, now);
        int64_t used = live(&all, rule->window_ms, now);
        bool fits = gw_limit_count_ask(&c, rule, n, now, &got);
        assert_int_equal(fits, used + n <= rule->limit);
        assert_int_equal(got.remaining, used < rule->limit ? rule->limit - used : 0);
        assert_int_equal(got.retry_after_ms, fits ? 0 : naive_retry(&all, rule, n, now));
        assert_int_equal(c.used, used);
        if (fits)
            add(&c, rule, &room, n, now);
        else if (below(20) == 0)
            add(&c, rule, &room, n, now); /* a settlement above the limit */
        if (below(3) == 0)
            settle(&c, rule, &room, now);
        gw_limit_count_ask(&c, rule, 0, now, &got);
        int64_t reset = 0;
        while (live(&all, rule->window_ms, now + reset) > 0)
            reset++;
        assert_int_equal(got.reset_ms, reset);
    }
    gw_limit_count_clear(&c, &room);
    assert_int_equal(room.bytes, 0);
}

static void window_is_what_a_naive_list_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        gw_limit_rule rule = {.kind = AIGW_LIMIT_SLIDING_WINDOW,
                              .limit = 1 + (int64_t)(seed * 7 % 40),
                              .window_ms = 1 + (int64_t)(seed * 13 % 97)};
        random_state = seed * 977;
        exact_run(seed * 7919, &rule);
    }
}

static void borders_to_the_millisecond(void **state)
{
    (void)state;
    gw_limit_rule rule = {.kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 2, .window_ms = 1000};
    gw_limit_room room = room_for(16, 4096);
    gw_limit_count c = {0};
    aigw_limit_ask got;

    gw_limit_count_add(&c, &rule, &room, 1, 5000);
    gw_limit_count_add(&c, &rule, &room, 1, 5001);
    gw_limit_count_trim(&c, &rule, &room, 5999);
    assert_false(gw_limit_count_ask(&c, &rule, 1, 5999, &got));
    assert_int_equal(got.retry_after_ms, 1);
    assert_false(gw_limit_count_ask(&c, &rule, 2, 5999, &got));
    assert_int_equal(got.retry_after_ms, 2);
    assert_int_equal(got.reset_ms, 2);
    assert_false(gw_limit_count_ask(&c, &rule, 3, 5999, &got));
    assert_int_equal(got.retry_after_ms, -1);
    gw_limit_count_trim(&c, &rule, &room, 6000);
    assert_true(gw_limit_count_ask(&c, &rule, 1, 6000, &got));
    assert_false(gw_limit_count_ask(&c, &rule, 2, 6000, &got));
    gw_limit_count_trim(&c, &rule, &room, 6001);
    assert_true(gw_limit_count_ask(&c, &rule, 2, 6001, &got));
    assert_int_equal(got.reset_ms, 0);
}

/* With too few events: never more than the limit in any window, and never later than stated. */
static void strict_run(const gw_limit_rule *rule, size_t events, size_t bytes, int64_t late)
{
    gw_limit_count c = {0};
    gw_limit_room room = room_for(events, bytes);
    int64_t now = 12345;

    all.len = 0;
    for (int step = 0; step < 6000; step++) {
        aigw_limit_ask got;
        now += below(4) ? below(3) : below(rule->window_ms / 50 + 1);
        gw_limit_count_trim(&c, rule, &room, now);
        int64_t used = live(&all, rule->window_ms, now);
        assert_true(c.used >= used);
        assert_true(c.used <= live(&all, rule->window_ms + late, now));
        if (gw_limit_count_ask(&c, rule, 1, now, &got)) {
            assert_true(used + 1 <= rule->limit);
            add(&c, rule, &room, 1, now);
        }
        assert_true(atomic_load(&room.bytes) <= bytes);
        if (below(5) == 0)
            settle(&c, rule, &room, now);
    }
    gw_limit_count_clear(&c, &room);
    assert_int_equal(room.bytes, 0);
}

static void too_few_events_make_it_strict_never_lax(void **state)
{
    (void)state;
    gw_limit_rule rule = {.kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 500, .window_ms = 4000};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        random_state = seed * 104729;
        strict_run(&rule, 64, 1 << 16, 2 * 4000 / 64);
        strict_run(&rule, 4, 1 << 16, 2 * 4000 / 4);
        strict_run(&rule, 64, 0, 4000); /* no memory for events at all */
    }
}

/* An offset of 32 bits is not the end of the world: 50 days of a busy key with a long window. */
static void long_times(void **state)
{
    (void)state;
    gw_limit_rule rule = {.kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 100, .window_ms = 2147483647};
    gw_limit_room room = room_for(128, 1 << 16);
    gw_limit_count c = {0};
    int64_t now = INT64_C(1) << 41;

    all.len = 0;
    for (int step = 0; step < 2000; step++) {
        aigw_limit_ask got;
        now += 20000000 + below(9000000);
        gw_limit_count_trim(&c, &rule, &room, now);
        int64_t used = live(&all, rule.window_ms, now);
        assert_int_equal(c.used, used);
        if (gw_limit_count_ask(&c, &rule, 1, now, &got))
            add(&c, &rule, &room, 1, now);
    }
    assert_true(all.len > 1000);
    gw_limit_count_clear(&c, &room);
}

/* More units than 32 bits hold: all is denied, for a window, and then all is as before. */
static void overflow_of_settlements(void **state)
{
    (void)state;
    gw_limit_rule rule = {.kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 100, .window_ms = 1000};
    gw_limit_room room = room_for(16, 4096);
    gw_limit_count c = {0};
    aigw_limit_ask got;

    gw_limit_count_add(&c, &rule, &room, INT64_C(1) << 40, 1000);
    gw_limit_count_add(&c, &rule, &room, INT64_MAX, 1000);
    gw_limit_count_subtract(&c, &rule, &room, INT64_MAX, 1000, 1000);
    assert_false(gw_limit_count_ask(&c, &rule, 1, 1000, &got));
    assert_int_equal(got.retry_after_ms, 1000);
    gw_limit_count_trim(&c, &rule, &room, 2000);
    assert_true(gw_limit_count_ask(&c, &rule, 100, 2000, &got));
    assert_int_equal(c.used, 0);
}

/* ---- buckets ---- */

/* Exactly, in fractions of a unit: the level in units * window, over 128 bits. */
static void bucket_run(const gw_limit_rule *rule)
{
    gw_limit_count c = {0};
    gw_limit_room room = room_for(4, 0);
    wide full = (wide)rule->limit * rule->window_ms, level = full;
    int64_t now = 1000;

    for (int step = 0; step < 4000; step++) {
        aigw_limit_ask got;
        int64_t wait = below(5) ? below(4) : below(2 * rule->window_ms);
        int64_t n = 1 + below(rule->limit + 1);
        now += wait;
        level += (wide)wait * rule->rate;
        level = level > full ? full : level;
        gw_limit_count_trim(&c, rule, &room, now);
        bool fits = gw_limit_count_ask(&c, rule, n, now, &got);
        assert_int_equal(fits, (wide)n * rule->window_ms <= level);
        assert_int_equal(got.remaining, level < 0 ? 0 : (int64_t)(level / rule->window_ms));
        if (!fits && n <= rule->limit) {
            int64_t at = got.retry_after_ms;
            assert_true(level + (wide)at * rule->rate >= (wide)n * rule->window_ms);
            assert_true(level + (wide)(at - 1) * rule->rate < (wide)n * rule->window_ms);
        } else if (!fits) {
            assert_int_equal(got.retry_after_ms, -1);
        }
        if (fits || below(50) == 0) { /* or a settlement that makes debts */
            gw_limit_count_add(&c, rule, &room, n, now);
            level -= (wide)n * rule->window_ms;
        }
        if (below(9) == 0) {
            gw_limit_count_subtract(&c, rule, &room, n, now, now);
            level += (wide)n * rule->window_ms;
            level = level > full ? full : level;
        }
    }
}

static void bucket_is_exact(void **state)
{
    (void)state;
    static const gw_limit_rule rules[] = {
        {.kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 10, .window_ms = 1000, .rate = 3},
        {.kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 1, .window_ms = 7, .rate = 11},
        {.kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 100000, .window_ms = 60000, .rate = 77777},
        {.kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 4194303, .window_ms = 2147483647, .rate = 1},
        {.kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 5, .window_ms = 3, .rate = 2147483647}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        random_state = 31 + i;
        bucket_run(&rules[i]);
    }
}

static void bucket_debt_has_a_bottom(void **state)
{
    (void)state;
    gw_limit_rule rule = {
        .kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 4, .window_ms = 2147483647, .rate = 1};
    gw_limit_room room = room_for(4, 0);
    gw_limit_count c = {0};
    aigw_limit_ask got;

    for (int i = 0; i < 5; i++)
        gw_limit_count_add(&c, &rule, &room, INT64_MAX, 10);
    assert_true(c.used > 0);
    assert_false(gw_limit_count_ask(&c, &rule, 1, 10, &got));
    assert_int_equal(got.remaining, 0);
    assert_true(got.retry_after_ms > 0);
}

/* Holds: a place is free when it is given back, not when time passes. */
static void holds_end_when_given_back(void **state)
{
    (void)state;
    gw_limit_rule rule = {.kind = AIGW_LIMIT_CONCURRENCY, .limit = 3, .window_ms = 100000};
    gw_limit_room room = room_for(64, 1 << 16);
    gw_limit_count c = {0};
    aigw_limit_ask got;
    int64_t now = 0;

    for (int64_t i = 0; i < 5000; i++) { /* one stays, others come and go: the log does not fill */
        now += 7;
        gw_limit_count_trim(&c, &rule, &room, now);
        gw_limit_count_add(&c, &rule, &room, 1, now);
        if (i > 0)
            gw_limit_count_subtract(&c, &rule, &room, 1, now, now + 1);
    }
    assert_int_equal(c.used, 1);
    assert_true(atomic_load(&room.bytes) <= 4 * sizeof(gw_limit_event));
    assert_true(gw_limit_count_ask(&c, &rule, 2, now, &got));
    assert_false(gw_limit_count_ask(&c, &rule, 3, now, &got));
    assert_int_equal(got.retry_after_ms, -1);
    assert_int_equal(got.reset_ms, -1);
    gw_limit_count_trim(&c, &rule, &room, 7 + 100000);
    assert_true(gw_limit_count_ask(&c, &rule, 3, 7 + 100000, &got)); /* its holder is dead */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_what_a_naive_list_says),
        cmocka_unit_test(borders_to_the_millisecond),
        cmocka_unit_test(too_few_events_make_it_strict_never_lax),
        cmocka_unit_test(long_times),
        cmocka_unit_test(overflow_of_settlements),
        cmocka_unit_test(bucket_is_exact),
        cmocka_unit_test(bucket_debt_has_a_bottom),
        cmocka_unit_test(holds_end_when_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
