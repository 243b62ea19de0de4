/* Reading a parsed document: members, numbers, text, pointers. */
#include "base/json.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    gw_arena *arena;
    gw_json_doc doc;
} fixture;

static fixture parse(const char *text)
{
    fixture f = {.arena = gw_arena_new(1 << 20)};
    aigw_error err = {.code = 0};
    gw_json_limits limits = {.lone_surrogates = true};
    if (gw_json_parse(f.arena, aigw_slice_of(text), &limits, &f.doc, &err) != AIGW_OK)
        fail_msg("%s: %s", text, err.message);
    return f;
}

static void test_members(void **state)
{
    (void)state;
    fixture f = parse("{\"a\":1,\"b\":[10,[],{\"c\":true}],\"\\u0064\":null,\"e\":\"x\"}");
    gw_json_doc *doc = &f.doc;
    assert_int_equal(gw_json_typeof(doc, 0), GW_JSON_OBJECT);
    assert_int_equal(gw_json_count(doc, 0), 4);
    gw_json_ref b = gw_json_get(doc, 0, "b");
    assert_int_equal(gw_json_typeof(doc, b), GW_JSON_ARRAY);
    assert_int_equal(gw_json_count(doc, b), 3);
    assert_true(gw_eq(gw_json_raw(doc, b), GW_S("[10,[],{\"c\":true}]")));
    assert_true(gw_eq(gw_json_raw(doc, gw_json_at(doc, b, 0)), GW_S("10")));
    assert_int_equal(gw_json_count(doc, gw_json_at(doc, b, 1)), 0);
    assert_int_equal(gw_json_first(doc, gw_json_at(doc, b, 1)), GW_JSON_ABSENT);
    assert_int_equal(gw_json_at(doc, b, 3), GW_JSON_ABSENT);
    bool yes = false;
    assert_true(gw_json_bool(doc, gw_json_get(doc, gw_json_at(doc, b, 2), "c"), &yes));
    assert_true(yes);
    assert_false(gw_json_bool(doc, b, &yes));
    assert_int_equal(gw_json_typeof(doc, gw_json_get(doc, 0, "d")), GW_JSON_NULL);
    assert_true(gw_json_is_null(doc, gw_json_get(doc, 0, "d")));
    assert_true(gw_json_is_null(doc, gw_json_get(doc, 0, "nope")));
    assert_false(gw_json_is_null(doc, b));
    assert_int_equal(gw_json_get(doc, 0, "c"), GW_JSON_ABSENT); /* not of a deeper level */
    assert_int_equal(gw_json_get(doc, 0, "x"), GW_JSON_ABSENT); /* nor a value */
    assert_int_equal(gw_json_get(doc, b, "c"), GW_JSON_ABSENT);
    gw_arena_free(f.arena);
}

static void test_absent_is_harmless(void **state)
{
    (void)state;
    fixture f = parse("[\"a\"]");
    const gw_json_ref bad[] = {GW_JSON_ABSENT, 2, 1000};
    for (size_t i = 0; i < 3; i++) {
        int64_t n;
        double d;
        assert_int_equal(gw_json_typeof(&f.doc, bad[i]), GW_JSON_NONE);
        assert_int_equal(gw_json_count(&f.doc, bad[i]), 0);
        assert_int_equal(gw_json_first(&f.doc, bad[i]), GW_JSON_ABSENT);
        assert_int_equal(gw_json_next(&f.doc, bad[i]), GW_JSON_ABSENT);
        assert_int_equal(gw_json_value(&f.doc, bad[i]), GW_JSON_ABSENT);
        assert_int_equal(gw_json_get(&f.doc, bad[i], "a"), GW_JSON_ABSENT);
        assert_null(gw_json_raw(&f.doc, bad[i]).data);
        assert_null(gw_json_inner(&f.doc, bad[i]).data);
        assert_null(gw_json_text(f.arena, &f.doc, bad[i]).data);
        assert_false(gw_json_is(&f.doc, bad[i], ""));
        assert_false(gw_json_key_is(&f.doc, bad[i], ""));
        assert_false(gw_json_i64(&f.doc, bad[i], &n));
        assert_false(gw_json_f64(&f.doc, bad[i], &d));
    }
    assert_int_equal(gw_json_value(&f.doc, 1), GW_JSON_ABSENT); /* an element is no key */
    gw_arena_free(f.arena);
}

static void test_iteration(void **state)
{
    (void)state;
    fixture f = parse("{\"a\":{\"x\":[1,2]},\"b\":[{},[]],\"c\":3}");
    const char *names = "abc";
    uint32_t n = 0;
    for (gw_json_ref key = gw_json_first(&f.doc, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(&f.doc, key)) {
        char name[2] = {names[n++], 0};
        assert_true(gw_json_key_is(&f.doc, key, name));
        assert_false(gw_json_key_is(&f.doc, gw_json_value(&f.doc, key), name));
    }
    assert_int_equal(n, 3);
    gw_arena_free(f.arena);
}

static void test_text(void **state)
{
    (void)state;
    fixture f = parse("[\"plain\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e4\\u20AC\\ud83d\\ude00\","
                      "\"a\\u0000b\",\"\\ud800\",\"x\\udc00\\ud800y\",\"\"]");
    const aigw_slice expected[] = {
        GW_S("plain"), GW_S("\"\\/\b\f\n\r\t"), GW_S("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"),
        GW_S("a\0b"),  GW_S("\xEF\xBF\xBD"),    GW_S("x\xEF\xBF\xBD\xEF\xBF\xBDy"),
        GW_S("")};
    for (uint32_t i = 0; i < 7; i++) {
        aigw_slice text = gw_json_text(f.arena, &f.doc, i + 1);
        assert_non_null(text.data);
        assert_true(gw_eq(text, expected[i]));
    }
    assert_ptr_equal(gw_json_text(f.arena, &f.doc, 1).data, gw_json_inner(&f.doc, 1).data);
    assert_true(gw_json_is(&f.doc, 2, "\"\\/\b\f\n\r\t"));
    assert_true(gw_json_is(&f.doc, 3, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"));
    assert_false(gw_json_is(&f.doc, 3, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98"));
    assert_false(gw_json_is(&f.doc, 4, "a")); /* the NUL does not end it */
    assert_false(gw_json_is(&f.doc, 5, "\xEF\xBF\xBD"));
    assert_true(gw_json_is(&f.doc, 7, ""));
    assert_true(gw_eq(gw_json_inner(&f.doc, 4), GW_S("a\\u0000b")));
    gw_arena *tiny = gw_arena_new(16);
    assert_null(gw_json_unescape(tiny, GW_S("a long one with \\n an escape")).data);
    assert_non_null(gw_json_unescape(tiny, (aigw_slice){NULL, 0}).data);
    gw_arena_free(tiny);
    gw_arena_free(f.arena);
}

static void test_numbers(void **state)
{
    (void)state;
    fixture f =
        parse("[0,-0,9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e2,0.1,"
              "1e400,-2.5E-3,\"1\",1e-400,"
              "1.0000000000000000000000000000000000000000000000000000000000000000000000001]");
    int64_t n = 5;
    double d = 5;
    const bool whole[] = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    for (uint32_t i = 0; i < 13; i++)
        assert_int_equal(gw_json_i64(&f.doc, i + 1, &n), whole[i]);
    assert_true(gw_json_i64(&f.doc, 4, &n));
    assert_true(n == INT64_MIN);
    assert_true(gw_json_f64(&f.doc, 8, &d));
    assert_true(d > 0.09 && d < 0.11);
    assert_true(gw_json_f64(&f.doc, 10, &d));
    assert_true(d < -0.0024 && d > -0.0026);
    assert_false(gw_json_f64(&f.doc, 9, &d)); /* not finite */
    assert_false(gw_json_f64(&f.doc, 11, &d));
    assert_true(gw_json_f64(&f.doc, 12, &d));
    assert_true(gw_json_f64(&f.doc, 13, &d));
    gw_arena_free(f.arena);
}

static void test_pointer(void **state)
{
    (void)state;
    fixture f = parse("{\"a\":[0,{\"b/c\":1,\"~\":[[],[9]]}],\"\":2,\"\\u00e4\\n\\/\":3}");
    const struct {
        const char *raw, *pointer;
    } cases[] = {{"1", "/a/1/b~1c"},     {"9", "/a/1/~0/1/0"}, {"2", "/"},
                 {"3", "/\xC3\xA4\n~1"}, {"0", "/a/0"},        {"[]", "/a/1/~0/0"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64] = "?";
        for (gw_json_ref r = 0; r < f.doc.node_count; r++) {
            if (gw_eq(gw_json_raw(&f.doc, r), aigw_slice_of(cases[i].raw)))
                gw_json_pointer(&f.doc, r, out, sizeof(out));
        }
        assert_string_equal(out, cases[i].pointer);
    }
    char out[8];
    gw_json_pointer(&f.doc, 0, out, sizeof(out));
    assert_string_equal(out, "");
    gw_json_pointer(&f.doc, gw_json_get(&f.doc, 0, "\xC3\xA4\n/"), out, 3);
    assert_string_equal(out, "/"); /* not half a character */
    gw_json_pointer(&f.doc, gw_json_get(&f.doc, 0, "a") + 1, out, 3);
    assert_string_equal(out, "/a");
    out[0] = 'x';
    gw_json_pointer(&f.doc, 1, out, 0);
    assert_int_equal(out[0], 'x');
    gw_arena_free(f.arena);
}

/* Whatever was asked for before, in whatever order, of whatever document. */
static void test_pointer_along(void **state)
{
    (void)state;
    fixture f[2] = {
        parse("{\"a\":[0,{\"b\":1,\"c\":[[],[9,8],7]},2],\"d\":{\"e\":[3,[4]]},\"f\":5}"),
        parse("[[1,[2,[3,[4,[5,[6,[7,[8,[9,10]]]]]]]]],{\"x\":{}}]")};
    gw_json_trail trail = {0};
    for (uint32_t seed = 0; seed < 4000; seed++) {
        const gw_json_doc *doc = &f[seed % 97 > 60].doc;
        gw_json_ref ref = seed * 2654435761u % doc->node_count;
        char plain[64], along[64];
        if (seed < 2000) /* upwards, then at random */
            ref = seed % doc->node_count;
        gw_json_pointer(doc, ref, plain, sizeof(plain));
        gw_json_pointer_along(&trail, doc, ref, along, sizeof(along));
        assert_string_equal(along, plain);
    }
    gw_arena_free(f[0].arena);
    gw_arena_free(f[1].arena);
}

static void test_fail(void **state)
{
    (void)state;
    fixture f = parse("{\"model\":3}");
    aigw_error err;
    assert_int_equal(gw_json_fail(&err, &f.doc, gw_json_get(&f.doc, 0, "model"), AIGW_E_PARSE,
                                  "type", "expected a %s", "string"),
                     AIGW_E_PARSE);
    assert_string_equal(err.pointer, "/model");
    assert_string_equal(err.message, "expected a string");
    assert_string_equal(err.reason, "type");
    assert_int_equal(err.http_status, 400);
    assert_int_equal(gw_json_fail(NULL, &f.doc, 0, AIGW_E_LIMIT, "a", "b"), AIGW_E_LIMIT);
    gw_json_fail(&err, &f.doc, GW_JSON_ABSENT, AIGW_E_LIMIT, "a", "b");
    assert_string_equal(err.pointer, "");
    gw_arena_free(f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),   cmocka_unit_test(test_absent_is_harmless),
        cmocka_unit_test(test_iteration), cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_fail),      cmocka_unit_test(test_pointer_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
