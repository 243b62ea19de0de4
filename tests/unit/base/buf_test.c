/* The buffer: maximum, sticky failure, reading from the front in bounded work. */
#include "base/buf.h"
#include "base/text.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_append_and_read(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 1000);
    assert_int_equal(gw_buf_len(&buf), 0);
    assert_non_null(gw_buf_slice(&buf).data);
    assert_true(gw_buf_puts(&buf, "ab"));
    assert_true(gw_buf_putc(&buf, 'c'));
    assert_true(gw_buf_add(&buf, GW_S("de")));
    assert_true(gw_buf_int(&buf, -120));
    assert_true(gw_buf_printf(&buf, "<%s>", "x"));
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("abcde-120<x>")));
    gw_buf_consume(&buf, 3);
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("de-120<x>")));
    gw_buf_truncate(&buf, 2);
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("de")));
    gw_buf_truncate(&buf, 100);
    assert_int_equal(gw_buf_len(&buf), 2);
    gw_buf_consume(&buf, 50);
    assert_int_equal(gw_buf_len(&buf), 0);
    gw_buf_free(&buf);
    gw_buf_free(&buf);
    assert_true(gw_buf_puts(&buf, "again")); /* the maximum stays */
    gw_buf_free(&buf);
}

static void test_integers(void **state)
{
    (void)state;
    const int64_t values[] = {0, 1, -1, 9, 10, INT64_MAX, INT64_MIN};
    const char *texts[] = {
        "0", "1", "-1", "9", "10", "9223372036854775807", "-9223372036854775808"};
    for (size_t i = 0; i < 7; i++) {
        gw_buf buf;
        gw_buf_init(&buf, 100);
        assert_true(gw_buf_int(&buf, values[i]));
        assert_true(gw_eq(gw_buf_slice(&buf), aigw_slice_of(texts[i])));
        gw_buf_free(&buf);
    }
}

static void test_failure_is_sticky(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 4);
    assert_true(gw_buf_puts(&buf, "abc"));
    assert_false(gw_buf_puts(&buf, "de"));
    assert_true(buf.failed);
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("abc"))); /* nothing changed */
    assert_false(gw_buf_putc(&buf, 'd'));
    assert_false(gw_buf_append(&buf, "", 0));
    assert_null(gw_buf_reserve(&buf, 1));
    gw_buf_truncate(&buf, 0);
    assert_true(buf.failed);
    gw_buf_clear(&buf);
    assert_false(buf.failed);
    assert_true(gw_buf_puts(&buf, "abcd"));
    assert_false(gw_buf_append(&buf, "x", SIZE_MAX));
    gw_buf_free(&buf);
    gw_buf_init(&buf, 0);
    assert_false(gw_buf_putc(&buf, 'a'));
    gw_buf_free(&buf);
}

static void test_no_memory(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 2);
    gw_buf buf;
    gw_buf_init(&buf, 100000);
    assert_true(gw_buf_puts(&buf, "keep"));
    char big[2000] = {0};
    assert_false(gw_buf_append(&buf, big, sizeof(big)));
    assert_true(buf.failed);
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("keep")));
    gw_buf_free(&buf);
    assert_int_equal(f.live, 0);
    fault_use(&f, 1);
    gw_buf_init(&buf, 100000);
    assert_false(gw_buf_printf(&buf, "%0500d", 1));
    gw_buf_free(&buf);
    fault_done();
}

static void test_long_printf_and_steal(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 10000);
    assert_true(gw_buf_printf(&buf, "x%0600d", 7));
    assert_int_equal(gw_buf_len(&buf), 601);
    gw_buf_consume(&buf, 1);
    aigw_slice bytes = gw_buf_steal(&buf);
    assert_int_equal(bytes.len, 600);
    assert_int_equal(bytes.data[0], '0');
    assert_int_equal(bytes.data[599], '7');
    assert_int_equal(gw_buf_len(&buf), 0);
    aigw_bytes_free(bytes);
    gw_buf_free(&buf);
}

/* A queue that stays nearly full must not move its bytes at every append. */
static void test_queue_near_its_maximum(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_buf buf;
    gw_buf_init(&buf, 1 << 16);
    unsigned in = 0, out = 0;
    size_t moves = 0;
    while (gw_buf_len(&buf) < (1 << 16))
        assert_true(gw_buf_putc(&buf, (char)(in++ * 31)));
    for (int i = 0; i < 300000; i++) {
        assert_int_equal((unsigned char)gw_buf_slice(&buf).data[0], (unsigned char)(out++ * 31));
        gw_buf_consume(&buf, 1);
        size_t start = buf.start;
        assert_true(gw_buf_putc(&buf, (char)(in++ * 31)));
        moves += buf.start < start;
    }
    assert_true(moves < 40);
    assert_true(buf.cap <= (1 << 16) + (1 << 14) + 1);
    assert_false(gw_buf_putc(&buf, 'x')); /* the maximum counts unread bytes */
    gw_buf_free(&buf);
    assert_int_equal(f.live, 0);
    fault_done();
}

static void test_reserve(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 5000);
    for (int i = 0; i < 50; i++) {
        char *to = gw_buf_reserve(&buf, 100);
        assert_non_null(to);
        memset(to, 'a' + i % 26, 60);
        gw_buf_grew(&buf, 60);
        gw_buf_consume(&buf, 30);
    }
    assert_int_equal(gw_buf_len(&buf), 1500);
    aigw_slice all = gw_buf_slice(&buf);
    for (size_t i = 0; i < all.len; i++)
        assert_int_equal(all.data[i], 'a' + (int)((1500 + i) / 60) % 26);
    gw_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_read),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_long_printf_and_steal),
        cmocka_unit_test(test_queue_near_its_maximum),
        cmocka_unit_test(test_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
