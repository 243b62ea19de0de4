/* Slices: comparing, cutting, numbers, UTF-8, header lookup. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_comparing(void **state)
{
    (void)state;
    assert_true(gw_eq((aigw_slice){NULL, 0}, GW_S("")));
    assert_false(gw_eq(GW_S("a"), GW_S("b")));
    assert_true(gw_eq_nocase(GW_S("Content-TYPE"), GW_S("content-type")));
    assert_false(gw_eq_nocase(GW_S("@"), GW_S("`"))); /* not letters, though 0x20 apart */
    assert_false(gw_eq_nocase(GW_S("\xC4"), GW_S("\xE4")));
    assert_true(gw_starts(GW_S("abc"), GW_S("ab")));
    assert_false(gw_starts(GW_S("a"), GW_S("ab")));
    assert_true(gw_starts_nocase(GW_S("HTTPS://x"), GW_S("https://")));
    assert_true(gw_ends(GW_S("abc"), GW_S("bc")));
    assert_true(gw_ends(GW_S("abc"), GW_S("")));
    assert_false(gw_ends(GW_S("c"), GW_S("bc")));
    assert_int_equal(aigw_slice_of(NULL).len, 0);
    assert_string_equal(aigw_version(), AIGW_VERSION);
}

static void test_cutting(void **state)
{
    (void)state;
    assert_true(gw_eq(gw_trim(GW_S(" \t a b\t ")), GW_S("a b")));
    assert_true(gw_eq(gw_trim(GW_S(" \t ")), GW_S("")));
    assert_true(gw_eq(gw_trim(GW_S("\na\r")), GW_S("\na\r")));
    aigw_slice rest = GW_S("a,b,");
    assert_true(gw_eq(gw_cut(&rest, ','), GW_S("a")));
    assert_true(gw_eq(gw_cut(&rest, ','), GW_S("b")));
    assert_non_null(rest.data);
    assert_int_equal(rest.len, 0);
    assert_true(gw_eq(gw_cut(&rest, ','), GW_S("")));
    assert_null(rest.data);
    assert_string_equal(gw_find(GW_S("hello"), GW_S("ll")), "llo");
    assert_null(gw_find(GW_S("hello"), GW_S("lll")));
    assert_null(gw_find(GW_S("he"), GW_S("hello")));
    assert_null(gw_find((aigw_slice){NULL, 0}, GW_S("a")));
    for (size_t len = 0; len < 60; len++) { /* at every place of texts of every length */
        for (size_t size = 1; size <= len && size < 20; size++) {
            char text[64], needle[20];
            memset(text, 'a', sizeof text);
            memset(needle, 'a', sizeof needle);
            needle[size - 1] = 'b';
            assert_null(gw_find(gw_slice(text, len), gw_slice(needle, size)));
            for (size_t at = 0; at + size <= len; at++) {
                text[at + size - 1] = 'b';
                assert_ptr_equal(gw_find(gw_slice(text, len), gw_slice(needle, size)), text + at);
                text[at + size - 1] = 'a';
            }
        }
    }
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t u = 7;
    int64_t i = 7;
    const char *bad[] = {
        "", "-", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999999"};
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_false(gw_parse_u64(aigw_slice_of(bad[k]), &u));
        assert_false(gw_parse_i64(aigw_slice_of(bad[k]), &i));
    }
    assert_int_equal(u, 7);
    assert_int_equal(i, 7);
    assert_false(gw_parse_u64(GW_S("-1"), &u));
    assert_true(gw_parse_u64(GW_S("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_true(gw_parse_i64(GW_S("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_true(gw_parse_i64(GW_S("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_false(gw_parse_i64(GW_S("9223372036854775808"), &i));
    assert_false(gw_parse_i64(GW_S("-9223372036854775809"), &i));
    assert_false(gw_parse_i64(GW_S("--1"), &i));
}

/* Every sequence of one to three bytes, against the definition by code points. */
static bool utf8_reference(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned c = p[i], n = c < 0x80       ? 1
                               : c >> 5 == 6  ? 2
                               : c >> 4 == 14 ? 3
                               : c >> 3 == 30 ? 4
                                              : 0;
        if (n == 0 || i + n > len)
            return false;
        uint32_t code = n == 1 ? c : c & (0x7Fu >> n);
        for (unsigned k = 1; k < n; k++) {
            if (p[i + k] >> 6 != 2)
                return false;
            code = code << 6 | (p[i + k] & 0x3F);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
            return false;
        i += n;
    }
    return true;
}

static void test_utf8(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1 << 24; v += v < 0x10000 ? 1 : 7) {
        unsigned char p[3] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16)};
        if (gw_utf8_valid(gw_slice((char *)p, 3)) != utf8_reference(p, 3))
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
    }
    const char *good[] = {"",
                          "a",
                          "\xF0\x9F\x98\x80",
                          "\xF4\x8F\xBF\xBF",
                          "\xEE\x80\x80",
                          "0123456789abcdef\xC3\xA4",
                          "12345678\342\202\25412345678"};
    const char *bad[] = {"\xF4\x90\x80\x80",
                         "\xF0\x8F\xBF\xBF",
                         "\xF5\x80\x80\x80",
                         "\xF0\x9F\x98",
                         "\xED\xA0\x80",
                         "\xC0\x80",
                         "\xFF",
                         "abcdefg\x80",
                         "12345678\xC3",
                         "\xF8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(gw_utf8_valid(aigw_slice_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(gw_utf8_valid(aigw_slice_of(bad[i])));
    assert_true(gw_utf8_valid((aigw_slice){"a\0b", 3}));
    assert_int_equal(gw_utf8_sequence("\xE2\x82\xAC", 2), 0);
    assert_int_equal(gw_utf8_sequence("\xE2\x82\xAC", 3), 3);
    assert_int_equal(gw_utf8_sequence("", 0), 0);
}

static void test_header_get(void **state)
{
    (void)state;
    aigw_header headers[] = {
        {GW_S("X-A"), GW_S("1")}, {GW_S("x-a"), GW_S("2")}, {GW_S("Empty"), {NULL, 0}}};
    assert_true(gw_eq(gw_header_get(headers, 3, GW_S("x-A")), GW_S("1")));
    assert_non_null(gw_header_get(headers, 3, GW_S("empty")).data);
    assert_null(gw_header_get(headers, 3, GW_S("x")).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparing),  cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_header_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
