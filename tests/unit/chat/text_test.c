/* Escaped text: what counts as absent, equal, blank, and how plain text goes in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "chat/text.h"

static void absent_is_not_empty(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, GW_S("{\"a\":\"\",\"b\":1}"), NULL, &doc, NULL), AIGW_OK);
    gw_jstr a = gw_jstr_of(&doc, gw_json_get(&doc, 0, "a"));
    assert_true(gw_has(a));
    assert_int_equal(a.inner.len, 0);
    assert_false(gw_has(gw_jstr_of(&doc, gw_json_get(&doc, 0, "b"))));
    assert_false(gw_has(gw_jstr_of(&doc, GW_JSON_ABSENT)));
    assert_false(gw_has_raw(gw_raw_of(&doc, GW_JSON_ABSENT)));
    assert_true(gw_eq(gw_raw_of(&doc, gw_json_get(&doc, 0, "b")).json, GW_S("1")));
    gw_arena_free(arena);
}

static void plain_text_round_trips(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "plain", "a \"quote\" and a \\", "line\nbreak\x01",
                                        "h\xc3\xa9"};
    gw_arena *arena = gw_arena_new(1 << 20);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        gw_jstr s = gw_jstr_plain(arena, aigw_slice_of(texts[i]));
        assert_true(gw_has(s));
        assert_null(memchr(s.inner.data, '\n', s.inner.len));
        assert_true(gw_eq(gw_jstr_text(arena, s), aigw_slice_of(texts[i])));
    }
    gw_jstr borrowed = gw_jstr_plain(arena, GW_S("plain"));
    assert_true(gw_eq(borrowed.inner, GW_S("plain")));
    gw_jstr bad = gw_jstr_plain(arena, GW_S("a\xff"));
    assert_true(gw_utf8_valid(bad.inner));
    gw_arena_free(arena);
}

static void compares_through_escapes(void **state)
{
    (void)state;
    assert_true(gw_jstr_is(gw_jstr_lit("user"), "user"));
    assert_true(gw_jstr_is(gw_jstr_lit("\\u0075ser"), "user"));
    assert_true(gw_jstr_is(gw_jstr_lit("a\\/b"), "a/b"));
    assert_false(gw_jstr_is(gw_jstr_lit("\\u0075serx"), "user"));
    assert_false(gw_jstr_is(gw_jstr_lit("use"), "user"));
    assert_false(gw_jstr_is((gw_jstr){{NULL, 0}}, ""));
    assert_true(gw_jstr_is(gw_jstr_lit(""), ""));
}

static void blank_sees_escaped_and_unicode_space(void **state)
{
    (void)state;
    static const char *const blank[] = {
        "", " ", "\\n\\t\\r", "\\u0020\\u00A0", "\xc2\xa0\xe3\x80\x80", "\\u2003 \\u3000"};
    static const char *const full[] = {".", " x ", "\\\\n", "\\u0041", "\\\"", "\xe2\x82\xac"};
    for (size_t i = 0; i < 6; i++) {
        assert_true(gw_jstr_blank(gw_jstr_lit(blank[i])));
        assert_false(gw_jstr_blank(gw_jstr_lit(full[i])));
    }
    assert_true(gw_jstr_blank((gw_jstr){{NULL, 0}}));
}

static void a_value_is_found_by_its_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d"};
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_json_doc doc;
    aigw_slice text = GW_S(" {\"a\":\"\",\"b\":[[1.5],{}],\"c\":\"x\",\"d\":{\"e\":\"f\"}}");
    assert_int_equal(gw_json_parse(arena, text, NULL, &doc, NULL), AIGW_OK);
    for (size_t i = 0; i < 4; i++) {
        gw_json_ref ref = gw_json_get(&doc, 0, names[i]);
        gw_jstr string = gw_jstr_of(&doc, ref);
        assert_int_equal(gw_ref_of(&doc, gw_has(string) ? string.inner : gw_raw_of(&doc, ref).json),
                         ref);
    }
    gw_json_ref deep = gw_json_at(&doc, gw_json_at(&doc, gw_json_get(&doc, 0, "b"), 0), 0);
    assert_int_equal(gw_ref_of(&doc, gw_json_raw(&doc, deep)), deep);
    assert_int_equal(gw_ref_of(&doc, GW_S("elsewhere")), GW_JSON_ABSENT);
    assert_int_equal(gw_ref_of(&doc, (aigw_slice){NULL, 0}), GW_JSON_ABSENT);
    assert_int_equal(gw_ref_of(&doc, gw_slice(text.data + 2, 1)), GW_JSON_ABSENT);
    assert_int_equal(gw_ref_of(NULL, text), GW_JSON_ABSENT);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_found_by_its_bytes),
        cmocka_unit_test(absent_is_not_empty),
        cmocka_unit_test(plain_text_round_trips),
        cmocka_unit_test(compares_through_escapes),
        cmocka_unit_test(blank_sees_escaped_and_unicode_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
