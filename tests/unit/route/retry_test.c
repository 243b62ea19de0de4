/* Which statuses are tried again, and the waits in between. */
#include "route/retry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void statuses(void **state)
{
    (void)state;
    static const int yes[] = {408, 429, 500, 502, 503, 504, 529, 599};
    static const int no[] = {0, 200, 301, 400, 401, 403, 404, 409, 413, 422, 499, 600, -1};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(gw_retry_status(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(gw_retry_status(no[i]));
}

static void waits_double_up_to_eight_seconds(void **state)
{
    (void)state;
    static const int expected[] = {500, 1000, 2000, 4000, 8000, 8000};
    for (int n = 1; n <= 6; n++)
        assert_int_equal(gw_retry_delay_ms(n, 6, -1, 60000, 0), expected[n - 1]);
    assert_int_equal(gw_retry_delay_ms(1000, 1000, -1, 60000, 0), 8000);
}

static void jitter_takes_at_most_a_quarter(void **state)
{
    (void)state;
    assert_int_equal(gw_retry_delay_ms(1, 2, -1, 60000, UINT32_MAX), 375);
    assert_int_equal(gw_retry_delay_ms(5, 9, -1, 60000, UINT32_MAX), 6000);
    for (uint32_t r = 0; r < 4000000000u; r += 99999989u) {
        int wait = gw_retry_delay_ms(2, 2, -1, 60000, r);
        assert_in_range(wait, 750, 1000);
    }
}

static void retry_after_is_honoured_or_given_to_the_client(void **state)
{
    (void)state;
    assert_int_equal(gw_retry_delay_ms(1, 2, 0, 10000, 7), 0);
    assert_int_equal(gw_retry_delay_ms(1, 2, 3, 10000, 7), 3000);
    assert_int_equal(gw_retry_delay_ms(2, 2, 10, 10000, 7), 10000);
    assert_int_equal(gw_retry_delay_ms(1, 2, 11, 10000, 7), -1);
    assert_int_equal(gw_retry_delay_ms(1, 2, INT32_MAX, 10000, 7), -1);
}

static void own_wait_is_capped(void **state)
{
    (void)state;
    assert_int_equal(gw_retry_delay_ms(5, 9, -1, 100, 0), 100);
    assert_int_equal(gw_retry_delay_ms(1, 9, -1, 0, 0), 0);
}

static void attempts_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(gw_retry_delay_ms(3, 2, -1, 10000, 0), -1);
    assert_int_equal(gw_retry_delay_ms(1, 0, 0, 10000, 0), -1);
    assert_int_equal(gw_retry_delay_ms(0, 2, -1, 10000, 0), -1);
    assert_int_equal(gw_retry_delay_ms(-1, 2, -1, 10000, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(waits_double_up_to_eight_seconds),
        cmocka_unit_test(jitter_takes_at_most_a_quarter),
        cmocka_unit_test(retry_after_is_honoured_or_given_to_the_client),
        cmocka_unit_test(own_wait_is_capped),
        cmocka_unit_test(attempts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
