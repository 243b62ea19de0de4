/* The heap of deadlines: order, lazy moves, removal, against a plain scan. */
#include "server/timers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT 200

static void earliest_comes_first(void **state)
{
    static const int64_t due[] = {50, 10, 40, 10, 30};
    gw_timers ts;
    gw_timer t[5];
    int64_t last = 0;
    (void)state;
    gw_timers_init(&ts);
    assert_true(gw_timers_reserve(&ts, 5));
    assert_int_equal(gw_timers_wait_ms(&ts, 0), -1);
    for (int i = 0; i < 5; i++) {
        gw_timer_init(&t[i], &t[i]);
        gw_timers_set(&ts, &t[i], due[i]);
    }
    assert_int_equal(gw_timers_wait_ms(&ts, 4), 6);
    assert_null(gw_timers_expired(&ts, 9));
    for (int i = 0; i < 5; i++) {
        gw_timer *x = gw_timers_expired(&ts, 50);
        assert_non_null(x);
        int64_t at = due[x - t];
        assert_true(at >= last);
        last = at;
    }
    assert_null(gw_timers_expired(&ts, 1000));
    assert_int_equal(gw_timers_wait_ms(&ts, 1000), -1);
    gw_timers_free(&ts);
}

static void a_later_deadline_does_not_fire_early(void **state)
{
    gw_timers ts;
    gw_timer a, b;
    (void)state;
    gw_timers_init(&ts);
    assert_true(gw_timers_reserve(&ts, 2));
    gw_timer_init(&a, &a);
    gw_timer_init(&b, &b);
    gw_timers_set(&ts, &a, 10);
    gw_timers_set(&ts, &b, 20);
    gw_timers_set(&ts, &a, 100);
    assert_null(gw_timers_expired(&ts, 15));
    assert_ptr_equal(gw_timers_expired(&ts, 25), &b);
    assert_null(gw_timers_expired(&ts, 99));
    gw_timers_set(&ts, &a, 50); /* earlier again */
    assert_ptr_equal(gw_timers_expired(&ts, 50), &a);
    gw_timers_set(&ts, &a, 60);
    gw_timers_set(&ts, &a, GW_TIMER_OFF);
    assert_null(gw_timers_expired(&ts, 1000));
    assert_int_equal(ts.count, 0);
    gw_timers_free(&ts);
}

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

/* Every due timer comes out exactly when a scan over all says so. */
static void agrees_with_a_scan(void **state)
{
    static gw_timer t[COUNT];
    gw_timers ts;
    uint32_t seed = 7;
    (void)state;
    gw_timers_init(&ts);
    assert_true(gw_timers_reserve(&ts, COUNT));
    for (int i = 0; i < COUNT; i++)
        gw_timer_init(&t[i], &t[i]);
    for (int64_t now = 0; now < 3000; now++) {
        for (int k = 0; k < 5; k++) {
            gw_timer *x = &t[next_random(&seed) % COUNT];
            uint32_t what = next_random(&seed) % 8;
            if (what == 0)
                gw_timers_remove(&ts, x);
            else if (what == 1)
                gw_timers_set(&ts, x, GW_TIMER_OFF);
            else
                gw_timers_set(&ts, x, now + 1 + next_random(&seed) % 300);
        }
        size_t due = 0, fired = 0;
        for (int i = 0; i < COUNT; i++)
            due += t[i].due_ms <= now;
        for (gw_timer *x; (x = gw_timers_expired(&ts, now)); fired++)
            assert_int_equal(x->slot, SIZE_MAX);
        assert_int_equal(fired, due);
        for (size_t i = 0; i < ts.count; i++) {
            assert_int_equal(ts.heap[i].timer->slot, i);
            assert_true(ts.heap[i].key <= ts.heap[i].timer->due_ms);
        }
    }
    gw_timers_free(&ts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earliest_comes_first),
        cmocka_unit_test(a_later_deadline_does_not_fire_early),
        cmocka_unit_test(agrees_with_a_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
