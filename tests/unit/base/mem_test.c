/* Allocator, arena and error record: caps, alignment, reset, faults. */
#include "base/error.h"
#include "base/mem.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_arena_aligns_and_keeps(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    assert_non_null(arena);
    char *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = gw_arena_alloc(arena, (size_t)i * 7);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], i, (size_t)i * 7);
    }
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < i * 7; k++)
            assert_int_equal((unsigned char)blocks[i][k], i);
    }
    assert_true(gw_arena_used(arena) >= 199 * 200 / 2 * 7);
    gw_arena_free(arena);
}

static void test_arena_cap_is_exact_and_survives(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(100000);
    assert_null(gw_arena_alloc(arena, 100001));
    assert_null(gw_arena_alloc(arena, SIZE_MAX));
    assert_null(gw_arena_alloc(arena, SIZE_MAX - 20));
    assert_null(gw_arena_calloc(arena, SIZE_MAX / 2, 3));
    size_t got = 0;
    while (gw_arena_alloc(arena, 16) != NULL)
        got += 16;
    assert_in_range(got, 90000, 100000);
    assert_true(gw_arena_used(arena) <= 100000);
    assert_null(gw_arena_alloc(arena, 1024));
    gw_arena_reset(arena);
    assert_int_equal(gw_arena_used(arena), 0);
    assert_non_null(gw_arena_alloc(arena, 50000));
    gw_arena_free(arena);

    arena = gw_arena_new(64);
    assert_non_null(gw_arena_alloc(arena, 64));
    assert_null(gw_arena_alloc(arena, 1));
    gw_arena_free(arena);
}

static void test_arena_reset_keeps_one_small_block(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_arena *arena = gw_arena_new(10 << 20);
    for (int i = 0; i < 5000; i++)
        assert_non_null(gw_arena_alloc(arena, 1000));
    assert_non_null(gw_arena_alloc(arena, 1 << 20));
    gw_arena_reset(arena);
    assert_int_equal(f.live, 2); /* the arena and one block */
    long calls = f.calls;
    assert_non_null(gw_arena_alloc(arena, 3000));
    assert_int_equal(f.calls, calls);
    gw_arena_free(arena);
    assert_int_equal(f.live, 0);
    gw_arena_free(NULL);
    fault_done();
}

static void test_large_block_does_not_waste_the_small_one(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_arena_alloc(arena, 16);
    gw_arena_alloc(arena, 100000);
    long calls = f.calls;
    for (int i = 0; i < 100; i++)
        assert_non_null(gw_arena_alloc(arena, 16));
    assert_int_equal(f.calls, calls);
    gw_arena_free(arena);
    fault_done();
}

static void test_copies(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(4096);
    aigw_slice copy = gw_arena_copy(arena, aigw_slice_of("abc"));
    assert_int_equal(copy.len, 3);
    assert_string_equal(copy.data, "abc");
    copy = gw_arena_copy(arena, (aigw_slice){NULL, 0});
    assert_non_null(copy.data);
    assert_string_equal(copy.data, "");
    char big[5000] = {0};
    copy = gw_arena_copy(arena, (aigw_slice){big, sizeof(big)});
    assert_null(copy.data);
    assert_int_equal(copy.len, 0);
    gw_arena_free(arena);
    char *text = gw_strdup(aigw_slice_of("xyz"));
    assert_string_equal(text, "xyz");
    aigw_bytes_free((aigw_slice){text, 3});
    aigw_bytes_free((aigw_slice){NULL, 0});
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 1);
    assert_null(gw_arena_new(100));
    fault_use(&f, 1);
    assert_null(gw_alloc(10));
    assert_null(gw_calloc(SIZE_MAX, 2));
    fault_use(&f, 1);
    assert_null(gw_strdup(aigw_slice_of("a")));
    fault_use(&f, 2);
    gw_arena *arena = gw_arena_new(100000);
    assert_null(gw_arena_alloc(arena, 10));
    assert_non_null(gw_arena_alloc(arena, 10));
    gw_arena_free(arena);
    assert_int_equal(f.live, 0);
    fault_done();
    unsigned char *zeroed = gw_calloc(5, 5);
    for (int i = 0; i < 25; i++)
        assert_int_equal(zeroed[i], 0);
    zeroed = gw_realloc(zeroed, 0);
    assert_non_null(zeroed);
    gw_free(zeroed);
}

static void test_errors(void **state)
{
    (void)state;
    aigw_error err;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(gw_fail(&err, AIGW_E_DENIED, "expired", "token %d", 7), AIGW_E_DENIED);
    assert_int_equal(err.code, AIGW_E_DENIED);
    assert_int_equal(err.http_status, 0);
    assert_int_equal(err.line, 0);
    assert_string_equal(err.pointer, "");
    assert_string_equal(err.reason, "expired");
    assert_string_equal(err.message, "token 7");
    char longer[1000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[999] = '\0';
    gw_fail(&err, AIGW_E_IO, longer, "%s", longer);
    assert_int_equal(strlen(err.reason), sizeof(err.reason) - 1);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_int_equal(gw_fail(NULL, AIGW_E_IO, "x", "y"), AIGW_E_IO);
    assert_int_equal(gw_fail_nomem(&err), AIGW_E_NOMEM);
    assert_int_equal(err.code, AIGW_E_NOMEM);
    assert_string_equal(aigw_code_name(AIGW_E_NOMEM), "AIGW_E_NOMEM");
    assert_string_equal(aigw_code_name(AIGW_END), "AIGW_END");
    assert_string_equal(aigw_code_name(-99), "unknown");
    for (int code = AIGW_E_UNSUPPORTED; code <= AIGW_END; code++)
        assert_memory_equal(aigw_code_name(code), "AIGW_", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_aligns_and_keeps),
        cmocka_unit_test(test_arena_cap_is_exact_and_survives),
        cmocka_unit_test(test_arena_reset_keeps_one_small_block),
        cmocka_unit_test(test_large_block_does_not_waste_the_small_one),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
