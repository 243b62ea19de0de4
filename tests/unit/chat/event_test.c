/* Token counts merge number by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chat/event.h"

static void known_numbers_replace(void **state)
{
    (void)state;
    aigw_usage u = gw_usage_unknown();
    aigw_usage first = {10, 1, -1, 0, -1}, second = {-1, 7, 3, -1, -1};
    gw_usage_merge(&u, &first);
    gw_usage_merge(&u, &second);
    assert_int_equal(u.input_tokens, 10);
    assert_int_equal(u.output_tokens, 7);
    assert_int_equal(u.cached_tokens, 3);
    assert_int_equal(u.cache_write_tokens, 0);
    assert_int_equal(u.reasoning_tokens, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_numbers_replace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
