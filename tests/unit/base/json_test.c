/* The JSON parser: what it accepts and refuses, its bounds, its errors. */
#include "base/json.h"
#include "base/text.h"
#include "unit/base/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse_limited(aigw_slice text, const gw_json_limits *limits, aigw_error *err)
{
    gw_arena *arena = gw_arena_new(64 << 20);
    /* A copy of exact size, so that a sanitizer sees any byte read too far. */
    char *copy = malloc(text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    char *exact = realloc(copy, text.len ? text.len : 1);
    gw_json_doc doc;
    int rc = gw_json_parse(arena, gw_slice(exact, text.len), limits, &doc, err);
    free(exact);
    gw_arena_free(arena);
    return rc;
}

static int parse(const char *text)
{
    return parse_limited(aigw_slice_of(text), NULL, NULL);
}

static void test_accepts(void **state)
{
    (void)state;
    const char *good[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "\"\"",
        "null",
        "true",
        "false",
        " \t\r\n[]\n",
        "[[]   ]",
        "[null, 1]",
        "123",
        "-12",
        "0.5",
        "-0.0",
        "1e1",
        "1E+1",
        "1e-001",
        "0e1",
        "0e+1",
        "20e1",
        "123.456e78",
        "1e99999",
        "-1e-99999",
        "[123456789012345678901234567890]",
        "{\"\":0}",
        "{\"a\":{\"a\":[]}}",
        "{\"a\":1,\"A\":2}",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "\"\\u0000\"",
        "\"\\u0012\"",
        "\"\\uD801\\udc37\"",
        "\"\\ud83d\\ude39\\ud83d\\udc8d\"",
        "\"\\uFFFF\"",
        "\"\\uDBFF\\uDFFF\"",
        "\"\x7F\"",
        "\"\xF4\x8F\xBF\xBF\"",
        "\"\xE2\x82\xAC\xE3\x81\x84\"",
        "\"\\\\u0000\"",
        "\"\xE2\x80\xA8\"",
        "\"a/*b*/c\"",
        "[1,\n1\n,1]",
        "{\"a\":\"b\"  ,  \"c\" : [ ] }",
        "\"0123456789abcdef\"",
        "\"0123456789abcde\\n0123456789abcdef\xC3\xA4\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (parse(good[i]) != AIGW_OK)
            fail_msg("refused %s", good[i]);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    const char *bad[] = {
        /* structure */
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1,,2]",
        "[,]",
        "[1}",
        "[1 2]",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\",1}",
        "[]]",
        "{}}",
        "[] x",
        "1 2",
        "{}{}",
        "nullx",
        "[\"a\"\"b\"]",
        ":",
        ",",
        "[1:2]",
        "{\"a\":1]",
        "[{]}",
        "[\"x\"",
        "{[]:1}",
        "{null:1}",
        "[1]\f",
        "\v1",
        /* words */
        "nul",
        "tru",
        "fals",
        "True",
        "NULL",
        "truefalse",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "undefined",
        "t",
        "n",
        "[tru]",
        /* numbers */
        "-",
        "+1",
        "01",
        "-01",
        "00",
        "1.",
        ".5",
        "-.5",
        "1e",
        "1e+",
        "1E-",
        "1.e1",
        "0x1",
        "1_000",
        "1,000",
        "--1",
        "1-",
        "1e1.5",
        "1ee1",
        "0e",
        "2.e+3",
        "1 000",
        "-a",
        "- 1",
        "1.5.5",
        "\xEF\xBC\x91",
        /* strings */
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "'a'",
        "\"\\a\"",
        "\"\\x41\"",
        "\"\\0\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\U0041\"",
        "\"\\ \"",
        "\"\t\"",
        "\"\n\"",
        "\"\r\"",
        "\"\x01\"",
        "\"\x1F\"",
        "\"\\\n\"",
        "\"\\u 123\"",
        "\"\\u-123\"",
        "\"\\\xC3\xA4\"",
        "\"0123456789abcdef\x02\"",
        /* lone surrogates */
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800x\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800\\udbff\"",
        "\"\\ud800\\ue000\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u\"",
        "\"\\ud800\\udc0",
        "{\"\\udfff\":1}",
        /* bytes */
        "\xEF\xBB\xBF{}",
        "\xEF\xBB\xBF",
        "\"\xC0\xAF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xFF\"",
        "\"\x80\"",
        "\"\xC3\"",
        "\"\xE2\x82\"",
        "\"\xF8\x88\x80\x80\x80\"",
        "[\xC3\xA4]",
        "\xC2\xA0[]",
        "\"\xE0\x80\x80\"",
        "\"0123456789abcdef0123456789abcd\xC3\"",
        "\xFF\xFE[\x01",
        /* comments and other dialects */
        "[1]//x",
        "/**/1",
        "[1,/*x*/2]",
        "#\n1",
        "{\"a\":1;}",
        "(1)",
        "<null>",
        "`a`",
        "[1]\x1A",
        /* duplicates, after unescaping */
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\":1,\"\":2}",
        "{\"a/b\":1,\"a\\/b\":2}",
        "[[{\"x\":{\"y\":1,\"z\":2,\"y\":3}}]]",
        "{\"\\n\":1,\"\\u000a\":2}",
        "{\"\\uD83D\\uDE00\":1,\"\xF0\x9F\x98\x80\":2}",
        "{\"a\":1,\"b\":[],\"c\":{\"a\":0},\"a\":null}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        aigw_error err;
        if (parse_limited(aigw_slice_of(bad[i]), NULL, &err) != AIGW_E_PARSE)
            fail_msg("accepted %s", bad[i]);
        assert_int_equal(err.code, AIGW_E_PARSE);
        assert_int_equal(err.http_status, 400);
    }
    assert_int_equal(parse_limited((aigw_slice){NULL, 0}, NULL, NULL), AIGW_E_PARSE);
    assert_int_equal(parse_limited((aigw_slice){"[1]\0", 4}, NULL, NULL), AIGW_E_PARSE);
    assert_int_equal(parse_limited((aigw_slice){"\"a\0b\"", 5}, NULL, NULL), AIGW_E_PARSE);
    assert_int_equal(parse_limited((aigw_slice){"\"\\\0\"", 4}, NULL, NULL), AIGW_E_PARSE);
}

/* No proper prefix of a container or string is a document. */
static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":[1,2.5e3,{\"b\":\"x\\u00e4\\ud83d\\ude00 0123456789abcdef\xC3\xA4\"}],"
        "\"c\":true,\"d\":null,\"e\":{}}";
    assert_int_equal(parse(text), AIGW_OK);
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(parse_limited(gw_slice(text, n), NULL, NULL), AIGW_E_PARSE);
}

/* Each byte value at each place around the block sizes of the scan. */
static void test_every_byte_in_a_string(void **state)
{
    (void)state;
    for (size_t at = 1; at < 40; at++) {
        for (int c = 0; c < 256; c++) {
            char text[48];
            memset(text, 'a', sizeof(text));
            text[0] = '"';
            text[at] = (char)c;
            text[47] = '"';
            bool ok = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            int rc = parse_limited(gw_slice(text, sizeof(text)), NULL, NULL);
            if ((rc == AIGW_OK) != ok)
                fail_msg("byte %d at %zu", c, at);
        }
    }
}

static void test_lone_surrogates_on_request(void **state)
{
    (void)state;
    gw_json_limits limits = {.lone_surrogates = true};
    assert_int_equal(
        parse_limited(GW_S("[\"\\ud800\",\"\\udc00x\",\"\\ud800\\ud800\"]"), &limits, NULL),
        AIGW_OK);
    assert_int_equal(parse_limited(GW_S("{\"\\ud800\":1,\"\\ud801\":2}"), &limits, NULL), AIGW_OK);
    assert_int_equal(parse_limited(GW_S("{\"\\ud800\":1,\"\\uD800\":2}"), &limits, NULL),
                     AIGW_E_PARSE);
    assert_int_equal(parse_limited(GW_S("\"\xED\xA0\x80\""), &limits, NULL), AIGW_E_PARSE);
    assert_int_equal(parse_limited(GW_S("\"\\ud8\""), &limits, NULL), AIGW_E_PARSE);
}

static void test_depth(void **state)
{
    (void)state;
    static char text[4000];
    for (uint32_t max = 1; max < 300; max += 49) {
        gw_json_limits limits = {.max_depth = max};
        memset(text, '[', max);
        memset(text + max, ']', max);
        assert_int_equal(parse_limited(gw_slice(text, 2 * max), &limits, NULL), AIGW_OK);
        memset(text, '[', max + 1);
        memset(text + max + 1, ']', max + 1);
        aigw_error err;
        assert_int_equal(parse_limited(gw_slice(text, 2 * max + 2), &limits, &err), AIGW_E_LIMIT);
        assert_string_equal(err.reason, "too_deep");
    }
    memset(text, '[', 128);
    memset(text + 128, ']', 128);
    assert_int_equal(parse_limited(gw_slice(text, 256), NULL, NULL), AIGW_OK);
    memset(text, '[', sizeof(text));
    assert_int_equal(parse_limited(gw_slice(text, sizeof(text)), NULL, NULL), AIGW_E_LIMIT);
    assert_int_equal(parse("[[],[],{\"a\":[]}]"), AIGW_OK); /* depth goes down again */
}

static void test_node_limit(void **state)
{
    (void)state;
    gw_json_limits limits = {.max_nodes = 4};
    assert_int_equal(parse_limited(GW_S("[1,2,3]"), &limits, NULL), AIGW_OK);
    aigw_error err;
    assert_int_equal(parse_limited(GW_S("[1,2,3,4]"), &limits, &err), AIGW_E_LIMIT);
    assert_string_equal(err.reason, "too_many_values");
    assert_int_equal(parse_limited(GW_S("{\"a\":1,\"b\":2}"), &limits, NULL), AIGW_E_LIMIT);
    size_t len = 2 * 1000001 + 1;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = i % 2 ? '1' : ',';
    big[0] = '[';
    big[len - 1] = ']';
    assert_int_equal(parse_limited(gw_slice(big, len), NULL, NULL), AIGW_E_LIMIT);
    big[len - 5] = ']';
    assert_int_equal(parse_limited(gw_slice(big, len - 4), NULL, NULL), AIGW_OK);
    free(big);
}

/* Around the switch from pairs to the table: many, long and escaped names. */
static void test_duplicates_among_many(void **state)
{
    (void)state;
    for (int count = 2; count < 400; count += count < 20 ? 1 : 37) {
        for (int style = 0; style < 3; style++) {
            for (int twin = -1; twin < count - 1; twin += 1 + count / 5) {
                gw_buf buf;
                gw_buf_init(&buf, 1 << 20);
                for (int i = 0; i < count; i++) {
                    int id = i == count - 1 && twin >= 0 ? twin : i;
                    gw_buf_puts(&buf, i ? "," : "{");
                    if (style == 0)
                        gw_buf_printf(&buf, "\"%d\":0", id);
                    else if (style == 1)
                        gw_buf_printf(&buf, "\"%080d\":[{}]", id);
                    else
                        gw_buf_printf(&buf, i % 2 ? "\"\\u006b%d\":1" : "\"k%d\":1", id);
                }
                gw_buf_puts(&buf, "}");
                int rc = parse_limited(gw_buf_slice(&buf), NULL, NULL);
                assert_int_equal(rc, twin >= 0 ? AIGW_E_PARSE : AIGW_OK);
                gw_buf_free(&buf);
            }
        }
    }
}

static void test_error_place(void **state)
{
    (void)state;
    const struct {
        const char *text, *pointer, *message;
    } cases[] = {
        {"{\"a\":[1,{\"b/c\":tru}]}", "/a/1/b~1c", "invalid JSON: unexpected character at byte 15"},
        {"[0,[1,[2,x]]]", "/1/1/0", "invalid JSON: unexpected character at byte 9"},
        {"{\"a\":1,\"b\":{\"c\":0,\"\\u0063\":1}}", "/b/c",
         "invalid JSON: duplicate member at byte 19"},
        {"{\"a~b\":\"\x01\"}", "/a~0b", "invalid JSON: control character in a string at byte 8"},
        {"x", "", "invalid JSON: unexpected character at byte 0"},
        {"[", "", "invalid JSON: unexpected end at byte 1"},
        {"{} {}", "", "invalid JSON: bytes behind the document at byte 3"},
        {"[\"\\ud800\"]", "/0", "invalid JSON: lone surrogate at byte 2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aigw_error err;
        assert_int_equal(parse_limited(aigw_slice_of(cases[i].text), NULL, &err), AIGW_E_PARSE);
        assert_string_equal(err.pointer, cases[i].pointer);
        assert_string_equal(err.message, cases[i].message);
    }
}

/* A body that is one huge string costs nearly nothing. */
static void test_thrift(void **state)
{
    (void)state;
    size_t len = 20 << 20;
    char *text = malloc(len);
    memset(text, 'A', len);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + len - 2, "\"}", 2);
    fault_alloc f;
    fault_use(&f, 0);
    gw_arena *arena = gw_arena_new(4096);
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, gw_slice(text, len), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(doc.node_count, 3);
    assert_true(gw_arena_used(arena) <= 64);
    assert_true(f.largest <= 4096 + 64);
    aigw_slice inner = gw_json_text(arena, &doc, 2);
    assert_int_equal(inner.len, len - 8);
    assert_ptr_equal(inner.data, text + 6);
    gw_arena_free(arena);
    assert_int_equal(f.live, 0);
    fault_done();
    free(text);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 600; i++)
        gw_buf_printf(&buf, "%s\"k%d\":[1,2,{\"\\u0061\":1,\"b\":\"\\n\"}]", i ? "," : "{", i);
    gw_buf_puts(&buf, "}");
    char *copy = gw_strdup(gw_buf_slice(&buf));
    gw_buf_free(&buf);
    int rc = AIGW_E_NOMEM;
    long n = 1;
    for (; rc != AIGW_OK && n < 100; n++) {
        fault_alloc f;
        gw_arena *arena = gw_arena_new(4 << 20);
        fault_use(&f, n);
        f.live = 1;
        gw_json_doc doc = {.node_count = 77};
        aigw_error err;
        rc = gw_json_parse(arena, aigw_slice_of(copy), NULL, &doc, &err);
        if (rc != AIGW_OK) {
            assert_int_equal(rc, AIGW_E_NOMEM);
            assert_int_equal(err.code, AIGW_E_NOMEM);
            assert_int_equal(doc.node_count, 77); /* out is untouched */
        }
        gw_arena_free(arena);
        assert_int_equal(f.live, 0);
        fault_done();
    }
    assert_int_equal(rc, AIGW_OK);
    assert_true(n > 5);
    gw_free(copy);
    gw_arena *tiny = gw_arena_new(32);
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(tiny, GW_S("[1,2,3]"), NULL, &doc, NULL), AIGW_E_NOMEM);
    gw_arena_free(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_every_byte_in_a_string),
        cmocka_unit_test(test_lone_surrogates_on_request),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_node_limit),
        cmocka_unit_test(test_duplicates_among_many),
        cmocka_unit_test(test_error_place),
        cmocka_unit_test(test_thrift),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
