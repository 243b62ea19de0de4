/* Writing JSON: commas, escapes, and that what is written parses to what was meant. */
#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_structure(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 1000);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_object(&w);
    gw_jw_key(&w, "a");
    gw_jw_int(&w, -5);
    gw_jw_key(&w, "b");
    gw_jw_array(&w);
    gw_jw_str(&w, "x\"y");
    gw_jw_bool(&w, true);
    gw_jw_bool(&w, false);
    gw_jw_null(&w);
    gw_jw_object(&w);
    gw_jw_object_end(&w);
    gw_jw_array(&w);
    gw_jw_array_end(&w);
    gw_jw_inner(&w, GW_S("\\n"));
    gw_jw_raw(&w, GW_S("1.50"));
    gw_jw_array_end(&w);
    gw_jw_key_inner(&w, GW_S("\\u0063"));
    gw_jw_begin_string(&w);
    gw_jw_part(&w, GW_S("p\n"));
    gw_jw_part_inner(&w, GW_S("\\t"));
    gw_jw_end_string(&w);
    gw_jw_key(&w, "d");
    gw_jw_text(&w, GW_S(""));
    gw_jw_object_end(&w);
    assert_true(gw_eq(gw_buf_slice(&buf),
                      GW_S("{\"a\":-5,\"b\":[\"x\\\"y\",true,false,null,{},[],\"\\n\",1.50],"
                           "\"\\u0063\":\"p\\n\\t\",\"d\":\"\"}")));
    gw_buf_free(&buf);
}

static void test_escapes(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 1000);
    gw_json_escape(&buf, GW_S("\"\\\b\f\n\r\t\x01\x1F/\x7F\xC3\xA4\0"));
    assert_true(gw_eq(gw_buf_slice(&buf),
                      GW_S("\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\x7F\xC3\xA4\\u0000")));
    gw_buf_clear(&buf);
    gw_json_escape(&buf, GW_S("a\xFF"
                              "b\xED\xA0\x80\xC3"));
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("a\xEF\xBF\xBD"
                                               "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                                               "\xEF\xBF\xBD")));
    gw_buf_free(&buf);
}

static void test_any_bytes_become_a_string(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        for (int d = 0; d < 256; d += 3) {
            char text[3] = {(char)c, (char)d, 'x'};
            gw_buf buf;
            gw_buf_init(&buf, 1000);
            gw_jw w = gw_jw_on(&buf);
            gw_jw_text(&w, gw_slice(text, 3));
            gw_arena *arena = gw_arena_new(4096);
            gw_json_doc doc;
            assert_int_equal(gw_json_parse(arena, gw_buf_slice(&buf), NULL, &doc, NULL), AIGW_OK);
            aigw_slice back = gw_json_text(arena, &doc, 0);
            if (gw_utf8_valid(gw_slice(text, 3)))
                assert_true(gw_eq(back, gw_slice(text, 3)));
            gw_arena_free(arena);
            gw_buf_free(&buf);
        }
    }
}

static void test_failure_stays(void **state)
{
    (void)state;
    for (size_t max = 0; max < 30; max++) {
        gw_buf buf;
        gw_buf_init(&buf, max);
        gw_jw w = gw_jw_on(&buf);
        gw_jw_object(&w);
        gw_jw_key(&w, "key");
        gw_jw_str(&w, "a\nb");
        gw_jw_key(&w, "n");
        gw_jw_int(&w, 123456);
        gw_jw_object_end(&w);
        assert_int_equal(buf.failed, max < sizeof("{\"key\":\"a\\nb\",\"n\":123456}") - 1);
        gw_buf_free(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_any_bytes_become_a_string),
        cmocka_unit_test(test_failure_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
