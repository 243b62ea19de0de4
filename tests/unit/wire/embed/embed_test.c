/* Embeddings: numbers to the last bit, both dialects read and written, each to each, and bad input. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/text.h"
#include "wire/embed/embed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gw_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gw_arena_new((size_t)64 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gw_arena_free(arena);
    return 0;
}

static gw_json_doc parse(const char *text)
{
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, aigw_slice_of(text), NULL, &doc, NULL), AIGW_OK);
    return doc;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The judge is the C library: our text must read as the same number, and no shorter one may. */
static void judge(float value)
{
    char ours[40], shorter[40];
    size_t len = gw_embed_decimal(value, ours);
    assert_true(len < 32);
    ours[len] = '\0';
    if (strtof(ours, NULL) != value)
        fail_msg("%.9g came out as %s", (double)value, ours);
    float back;
    assert_true(gw_embed_float(gw_slice(ours, len), &back));
    assert_memory_equal(&back, &value, sizeof value);
    size_t digits = 0;
    const char *c = ours;
    while (*c == '-' || *c == '0' || *c == '.')
        c++;
    for (; *c && *c != 'e'; c++)
        digits += *c != '.';
    if (digits < 2)
        return;
    snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, (double)value);
    while (digits > 1 && ours[len - 1] == '0' && !strchr(ours, '.') && !strchr(ours, 'e'))
        return; /* an integer's zeros are no digits of its text's precision */
    double near =
        strtod(shorter, NULL); /* between two floats, readers may choose: not ours to give */
    if ((float)(near * (1 + 1e-15)) == value && (float)(near * (1 - 1e-15)) == value)
        fail_msg("%s would do for %s", shorter, ours);
}

static void floats_are_written_shortest(void **state)
{
    (void)state;
    const struct {
        float value;
        const char *text;
    } cases[] = {{0.0f, "0"},
                 {0.5f, "0.5"},
                 {-1.0f, "-1"},
                 {0.1f, "0.1"},
                 {0.3f, "0.3"},
                 {1e-5f, "0.00001"},
                 {3.8923972e-05f, "0.000038923972"},
                 {1.5122982e-06f, "0.0000015122982"},
                 {1e-7f, "1e-7"},
                 {16777216.0f, "16777216"},
                 {1e20f, "1e20"},
                 {3.4028235e38f, "3.4028235e38"},
                 {1.17549435e-38f, "1.1754944e-38"},
                 {1e-45f, "1e-45"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        text[gw_embed_decimal(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
    char text[40];
    text[gw_embed_decimal(-0.0f, text)] = '\0';
    assert_string_equal(text, "-0");
}

static void every_sort_of_float_goes_and_comes(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (uint32_t exponent = 0; exponent < 255; exponent++) {
        const uint32_t ends[] = {0, 1, 2, 0x7fffff, 0x7ffffe, 0x400000, 0x555555};
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            if (exponent || ends[i])
                judge(float_of(exponent << 23 | ends[i]));
        }
        for (int i = 0; i < 60; i++) {
            random = random * 1664525u + 1013904223u;
            judge(float_of((random & 0x80000000u) | exponent << 23 | (random >> 3 & 0x7fffffu)));
        }
    }
}

static void numbers_round_once(void **state)
{
    (void)state;
    const char *const texts[] = {"0.1",
                                 "-0.039718185",
                                 "1.00000005960464477539062500000000000001",
                                 "1.000000059604644775390625",
                                 "1.0000000596046447",
                                 "16777217",
                                 "16777217.0000000000000000001",
                                 "1e-46",
                                 "7.006492321624085354618e-46",
                                 "7.1e-46",
                                 "3.4028235677973366e38",
                                 "0.00000000000000000000000000000000000001e1",
                                 "-0",
                                 "123456789012345678901234567890e-20",
                                 "1E+2",
                                 "1e0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        float got, want = strtof(texts[i], NULL);
        bool ok = gw_embed_float(aigw_slice_of(texts[i]), &got);
        assert_int_equal(ok, want - want == 0);
        if (ok)
            assert_memory_equal(&got, &want, sizeof got);
    }
    float out;
    assert_false(gw_embed_float(GW_S("1e39"), &out));
    assert_false(gw_embed_float(GW_S("1e999999999999"), &out));
}

static void base64_is_little_endian(void **state)
{
    (void)state;
    gw_embed_vector v;
    assert_int_equal(gw_embed_unbase64(arena, GW_S("AACAPwAAAMAAAAA/"), &v), AIGW_OK);
    assert_int_equal(v.count, 3);
    assert_true(v.values[0] == 1.0f && v.values[1] == -2.0f && v.values[2] == 0.5f);
    for (size_t count = 0; count <= v.count; count++) {
        const char *const want[] = {"\"\"", "\"AACAPw==\"", "\"AACAPwAAAMA=\"",
                                    "\"AACAPwAAAMAAAAA/\""};
        gw_embed_vector some = {v.values, count};
        gw_buf out;
        gw_buf_init(&out, 1000);
        gw_jw w = gw_jw_on(&out);
        gw_embed_write_base64(&w, &some);
        assert_int_equal(gw_buf_len(&out), strlen(want[count]));
        assert_memory_equal(gw_buf_slice(&out).data, want[count], strlen(want[count]));
        gw_buf_free(&out);
    }
    assert_int_equal(gw_embed_unbase64(arena, GW_S("AACAPw"), &v), AIGW_E_UPSTREAM);
    assert_int_equal(gw_embed_unbase64(arena, GW_S("AACA"), &v), AIGW_E_UPSTREAM);
    assert_int_equal(gw_embed_unbase64(arena, GW_S("AADAfw=="), &v), AIGW_E_UPSTREAM); /* NaN */
}

/* -- requests -- */

static const gw_embed_wire *wire_of(char dialect)
{
    if (dialect == 'v' || dialect == 'V')
        return &gw_embed_vertex;
    return gw_embed_wire_of(dialect == 'o' ? AIGW_FORMAT_OPENAI_CHAT : AIGW_FORMAT_GEMINI);
}

/* "path reason" of what was dropped, one a line, behind the body. */
static int convert(char from, char to, bool one, const char *body, char *out, aigw_error *err)
{
    gw_json_doc doc = parse(body);
    gw_embed_request r;
    gw_notes notes = {.arena = arena};
    gw_buf buf;
    gw_buf_init(&buf, 1 << 20);
    int rc = wire_of(from)->read_request(arena, &doc, GW_S("m"), one, &r, err);
    gw_embed_options options = {.model = to == 'V' ? GW_S("gemini-embedding-001") : GW_S("real"),
                                .one = one};
    if (rc == AIGW_OK)
        rc = wire_of(to)->write_request(arena, &r, &options, &buf, &notes, err);
    if (rc == AIGW_OK) {
        gw_buf_putc(&buf, '\0');
        strcpy(out, gw_buf_slice(&buf).data);
        for (size_t i = 0; i < notes.count; i++)
            sprintf(out + strlen(out), " -%.*s", (int)notes.items[i].pointer.len,
                    notes.items[i].pointer.data);
    }
    gw_buf_free(&buf);
    return rc;
}

static void requests_go_both_ways(void **state)
{
    (void)state;
    const struct {
        char from, to;
        bool one;
        const char *body, *want;
    } cases[] = {
        {'o', 'o', false, "{\"input\":\"a\\u00e9\",\"model\":\"m\",\"user\":\"u\",\"zz\":[1.50]}",
         "{\"model\":\"real\",\"input\":\"a\\u00e9\",\"encoding_format\":\"float\",\"user\":\"u\","
         "\"zz\":[1.50]}"},
        {'o', 'g', true, "{\"input\":\"a\\\"b\",\"dimensions\":3,\"user\":\"u\",\"zz\":1}",
         "{\"model\":\"models/real\",\"content\":{\"parts\":[{\"text\":\"a\\\"b\"}]},"
         "\"outputDimensionality\":3} -/user -/zz"},
        {'o', 'g', false, "{\"encoding_format\":\"base64\",\"input\":[\"a\",\"b\"]}",
         "{\"requests\":[{\"model\":\"models/real\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
         "{\"model\":\"models/real\",\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}"},
        {'o', 'o', false, "{\"input\":[[1,2],[3]],\"encoding_format\":\"base64\"}",
         "{\"model\":\"real\",\"input\":[[1,2],[3]],\"encoding_format\":\"base64\"}"},
        {'o', 'o', false, "{\"input\":[1,2]}",
         "{\"model\":\"real\",\"input\":[1,2],\"encoding_format\":\"float\"}"},
        {'g', 'o', true,
         "{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"\\n\"}]},\"taskType\":\"X\","
         "\"title\":\"T\",\"outputDimensionality\":7,\"autoTruncate\":true}",
         "{\"model\":\"real\",\"input\":\"a\\n\",\"dimensions\":7,\"encoding_format\":\"float\"} "
         "-/taskType -/title -/autoTruncate"},
        {'g', 'o', false,
         "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
         "{\"model\":\"m\",\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
         "{\"model\":\"real\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"float\"}"},
        {'g', 'g', false,
         "{\"requests\":[{\"model\":\"models/m\",\"content\":{\"parts\":[{\"inlineData\":{}}]},"
         "\"task_type\":\"X\",\"odd\":1}]}",
         "{\"requests\":[{\"model\":\"models/real\",\"content\":{\"parts\":[{\"inlineData\":{}}]},"
         "\"task_type\":\"X\",\"odd\":1}]}"},
        /* Vertex: v by :predict, V by :embedContent */
        {'o', 'v', false, "{\"input\":[\"a\",\"b\"],\"dimensions\":3,\"user\":\"u\"}",
         "{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}],\"parameters\":{"
         "\"outputDimensionality\":3}} -/user"},
        {'g', 'v', true,
         "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"X\",\"title\":\"T\"}",
         "{\"instances\":[{\"content\":\"a\",\"task_type\":\"X\",\"title\":\"T\"}]}"},
        {'o', 'V', false, "{\"input\":[\"a\"],\"dimensions\":3}",
         "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"embedContentConfig\":{"
         "\"outputDimensionality\":3}}"},
        {'g', 'V', true,
         "{\"content\":{\"parts\":[{\"inlineData\":{}}]},\"title\":\"T\",\"task_type\":\"X\"}",
         "{\"content\":{\"parts\":[{\"inlineData\":{}}]},\"embedContentConfig\":{\"taskType\":"
         "\"X\","
         "\"title\":\"T\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4096];
        aigw_error err = {0};
        if (convert(cases[i].from, cases[i].to, cases[i].one, cases[i].body, out, &err) != AIGW_OK)
            fail_msg("%s: %s", cases[i].body, err.message);
        assert_string_equal(out, cases[i].want);
    }
}

static void bad_requests_say_where(void **state)
{
    (void)state;
    const struct {
        char from, to;
        bool one;
        const char *body, *pointer;
    } cases[] = {
        {'o', 'o', false, "{}", "/input"},
        {'o', 'o', false, "{\"input\":null}", "/input"},
        {'o', 'o', false, "{\"input\":\"\"}", "/input"},
        {'o', 'o', false, "{\"input\":[]}", "/input"},
        {'o', 'o', false, "{\"input\":[\"a\",\"\"]}", "/input/1"},
        {'o', 'o', false, "{\"input\":[\"a\",1]}", "/input/1"},
        {'o', 'o', false, "{\"input\":[1,\"a\"]}", "/input"},
        {'o', 'o', false, "{\"input\":[1.5]}", "/input"},
        {'o', 'o', false, "{\"input\":[-1]}", "/input"},
        {'o', 'o', false, "{\"input\":[[]]}", "/input/0"},
        {'o', 'o', false, "{\"input\":{\"a\":1}}", "/input"},
        {'o', 'o', false, "{\"input\":\"a\",\"encoding_format\":\"hex\"}", "/encoding_format"},
        {'o', 'o', false, "{\"input\":\"a\",\"encoding_format\":1}", "/encoding_format"},
        {'o', 'o', false, "{\"input\":\"a\",\"dimensions\":0}", "/dimensions"},
        {'o', 'o', false, "{\"input\":\"a\",\"dimensions\":1e99}", "/dimensions"},
        {'o', 'o', false, "{\"input\":\"a\",\"user\":5}", "/user"},
        {'o', 'g', true, "{\"input\":[1,2]}", "/input"},
        {'o', 'g', false, "{\"input\":[\"a\",[1,2]]}", "/input/1"},
        {'o', 'v', false, "{\"input\":[[1,2]]}", "/input/0"},
        {'o', 'V', false, "{\"input\":[1,2]}", "/input"},
        {'o', 'V', false, "{\"input\":[\"a\",\"b\"]}", "/input/1"},
        {'g', 'v', true, "{\"content\":{\"parts\":[{\"inlineData\":{}}]}}", ""},
        {'g', 'g', true, "{}", "/content"},
        {'g', 'g', true, "{\"content\":\"a\"}", "/content"},
        {'g', 'g', true, "{\"content\":{}}", "/content/parts"},
        {'g', 'g', true, "{\"content\":{\"parts\":[]}}", "/content/parts"},
        {'g', 'g', true, "{\"content\":{\"parts\":[{\"text\":1}]}}", "/content/parts/0/text"},
        {'g', 'g', true, "{\"content\":{\"parts\":[1]}}", "/content/parts/0"},
        {'g', 'g', false, "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "/requests"},
        {'g', 'g', false, "{\"requests\":[]}", "/requests"},
        {'g', 'g', false, "{\"requests\":{}}", "/requests"},
        {'g', 'g', false, "{\"requests\":[5]}", "/requests/0"},
        {'g', 'g', false,
         "{\"requests\":[{\"model\":\"models/x\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
         "/requests/0/model"},
        {'g', 'g', true, "{\"model\":1,\"content\":{\"parts\":[{\"text\":\"a\"}]}}", "/model"},
        {'g', 'g', true, "{\"taskType\":1,\"content\":{\"parts\":[{\"text\":\"a\"}]}}",
         "/taskType"},
        {'g', 'o', true, "{\"content\":{\"parts\":[{\"text\":\"a\"},{\"inlineData\":{}}]}}", ""},
        {'g', 'o', false,
         "{\"requests\":[{\"outputDimensionality\":1,\"content\":{\"parts\":[{\"text\":\"a\"}]}},"
         "{\"outputDimensionality\":2,\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
         "/requests/1/outputDimensionality"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4096];
        aigw_error err = {0};
        int rc = convert(cases[i].from, cases[i].to, cases[i].one, cases[i].body, out, &err);
        if (rc != AIGW_E_PARSE && rc != AIGW_E_UNSUPPORTED)
            fail_msg("%s gave %d", cases[i].body, rc);
        assert_string_equal(err.pointer, cases[i].pointer);
        assert_int_equal(err.http_status, 400);
        assert_true(err.message[0] != '\0');
    }
}

/* -- answers -- */

static int answer(char from, char to, bool one, bool base64, const char *body, char *out)
{
    gw_json_doc doc = parse(body);
    gw_embed_answer a;
    gw_embed_options options = {.model = GW_S("asked"), .one = one, .base64 = base64};
    gw_buf buf;
    gw_buf_init(&buf, 1 << 20);
    int rc = wire_of(from)->read_answer(arena, &doc, &a);
    if (rc == AIGW_OK) {
        wire_of(to)->write_answer(&a, &options, &buf);
        gw_buf_putc(&buf, '\0');
        strcpy(out, gw_buf_slice(&buf).data);
    }
    gw_buf_free(&buf);
    return rc;
}

#define O_FLOATS                                                                                   \
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-2,"    \
    "0.5]}],\"model\":\"x\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"
#define O_BASE64                                                                                   \
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"          \
    "\"AACAPwAAAMAAAAA/\"}],\"model\":\"x\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"

static void answers_go_both_ways(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(answer('o', 'o', true, true, O_FLOATS, out), AIGW_OK);
    assert_string_equal(out, O_BASE64);
    assert_int_equal(answer('o', 'o', true, false, O_BASE64, out), AIGW_OK);
    assert_string_equal(out, O_FLOATS);
    assert_int_equal(answer('o', 'g', true, false, O_BASE64, out), AIGW_OK);
    assert_string_equal(out, "{\"embedding\":{\"values\":[1,-2,0.5]},\"usageMetadata\":{"
                             "\"promptTokenCount\":5,\"totalTokenCount\":5}}");
    assert_int_equal(answer('g', 'o', false, true,
                            "{\"embeddings\":[{\"values\":[1.0,-2.00,5e-1]},{\"values\":[]}]}",
                            out),
                     AIGW_OK);
    assert_string_equal(
        out, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
             "\"AACAPwAAAMAAAAA/\"},{\"object\":\"embedding\",\"index\":1,\"embedding\":\"\"}],"
             "\"model\":\"asked\",\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}");
    assert_int_equal(
        answer('v', 'g', false, false,
               "{\"predictions\":[{\"embeddings\":{\"values\":[1],\"statistics\":{"
               "\"token_count\":6,\"truncated\":false}}},{\"embeddings\":{\"values\":[2],"
               "\"statistics\":{\"token_count\":2.0}}},{\"embeddings\":{\"values\":[3],"
               "\"statistics\":{\"token_count\":2}}}]}",
               out),
        AIGW_OK);
    assert_string_equal(out, "{\"embeddings\":[{\"values\":[1]},{\"values\":[2]},{\"values\":[3]}],"
                             "\"usageMetadata\":{\"promptTokenCount\":8,\"totalTokenCount\":8}}");
    assert_int_equal(answer('v', 'g', true, false,
                            "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{"
                            "\"promptTokenCount\":3}}",
                            out),
                     AIGW_OK);
    assert_string_equal(out, "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{"
                             "\"promptTokenCount\":3,\"totalTokenCount\":3}}");
    assert_int_equal(answer('g', 'g', false, false, "{\"embedding\":{\"values\":[0.1]}}", out),
                     AIGW_OK);
    assert_string_equal(out, "{\"embeddings\":[{\"values\":[0.1]}]}");
}

/* A host may answer out of order; the index counts. */
static void vectors_stand_in_the_order_of_the_inputs(void **state)
{
    (void)state;
    char out[4096];
    assert_int_equal(answer('o', 'g', false, false,
                            "{\"data\":[{\"index\":1,\"embedding\":[2]},"
                            "{\"index\":0,\"embedding\":[1]}]}",
                            out),
                     AIGW_OK);
    assert_string_equal(out, "{\"embeddings\":[{\"values\":[1]},{\"values\":[2]}]}");
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    const char *twice = "{\"data\":[{\"index\":0,\"embedding\":[1]},"
                        "{\"index\":0,\"embedding\":[1]}]}";
    const char *const openai[] = {"{}",
                                  "[]",
                                  "{\"data\":{}}",
                                  "{\"data\":[{}]}",
                                  "{\"data\":[1]}",
                                  "{\"data\":[{\"embedding\":[\"a\"]}]}",
                                  "{\"data\":[{\"embedding\":[1e39]}]}",
                                  "{\"data\":[{\"embedding\":\"!\"}]}",
                                  "{\"data\":[{\"index\":1,\"embedding\":[1]}]}",
                                  "{\"data\":[{\"index\":-1,\"embedding\":[1]}]}",
                                  twice};
    const char *const gemini[] = {"{}", "{\"embedding\":[]}", "{\"embeddings\":[{}]}",
                                  "{\"embeddings\":{\"values\":[1]}}",
                                  "{\"embedding\":{\"values\":[null]}}"};
    char out[4096];
    for (size_t i = 0; i < sizeof openai / sizeof *openai; i++)
        assert_int_equal(answer('o', 'o', true, false, openai[i], out), AIGW_E_UPSTREAM);
    for (size_t i = 0; i < sizeof gemini / sizeof *gemini; i++)
        assert_int_equal(answer('g', 'g', true, false, gemini[i], out), AIGW_E_UPSTREAM);
}

static void vectors_get_the_length_one(void **state)
{
    (void)state;
    float values[] = {3, 4}, zero[] = {0, 0}, whole[] = {0.6f, 0.8f}, tiny[] = {3e-20f, 4e-20f};
    gw_embed_vector vectors[] = {{values, 2}, {zero, 2}, {whole, 2}, {tiny, 2}};
    gw_embed_answer a = {.vectors = vectors, .vector_count = 4};
    gw_embed_normalise(&a);
    assert_true(values[0] == 0.6f && values[1] == 0.8f);
    assert_true(zero[0] == 0 && zero[1] == 0);
    assert_true(whole[0] == 0.6f && whole[1] == 0.8f);
    assert_true(tiny[0] > 0.59f && tiny[0] < 0.61f && tiny[1] > 0.79f && tiny[1] < 0.81f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(floats_are_written_shortest, setup, teardown),
        cmocka_unit_test_setup_teardown(every_sort_of_float_goes_and_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_round_once, setup, teardown),
        cmocka_unit_test_setup_teardown(base64_is_little_endian, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_requests_say_where, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(vectors_stand_in_the_order_of_the_inputs, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_answer_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(vectors_get_the_length_one, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
