/* The provider that answers in process: whole, streamed, with a tool, refused. */
#include "base/json.h"
#include "base/text.h"
#include "provider/rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct answer {
    gw_arena *arena;
    gw_buf buf;
    int status, code;
} answer;

static answer ask(const char *body, bool stream, size_t max)
{
    answer a = {.arena = gw_arena_new(64 << 20)};
    gw_buf_init(&a.buf, max);
    a.code = gw_provider_echo.answer(a.arena, aigw_slice_of(body), stream, 1700000000, &a.status,
                                     &a.buf, NULL);
    return a;
}

static void done(answer *a)
{
    gw_buf_free(&a->buf);
    gw_arena_free(a->arena);
}

static gw_json_doc parse(answer *a, aigw_slice text)
{
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(a->arena, text, NULL, &doc, NULL), AIGW_OK);
    return doc;
}

/* The value at a path of names; a number names an element. */
static gw_json_ref at(const gw_json_doc *doc, const char *path)
{
    gw_json_ref ref = 0;
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok_r(copy, ".", &save); part; part = strtok_r(NULL, ".", &save)) {
        if (part[0] >= '0' && part[0] <= '9')
            ref = gw_json_at(doc, ref, (uint32_t)atoi(part));
        else
            ref = gw_json_get(doc, ref, part);
        assert_int_not_equal(ref, GW_JSON_ABSENT);
    }
    return ref;
}

static void assert_inner(const gw_json_doc *doc, const char *path, const char *expected)
{
    aigw_slice inner = gw_json_inner(doc, at(doc, path));
    assert_non_null(inner.data);
    assert_int_equal(inner.len, strlen(expected));
    assert_memory_equal(inner.data, expected, inner.len);
}

static void whole_answer(void **state)
{
    (void)state;
    answer a = ask("{\"model\":\"echo-1\",\"messages\":[{\"role\":\"system\",\"content\":\"be "
                   "brief\"},{\"role\":\"user\",\"content\":\"first\"},{\"role\":\"assistant\","
                   "\"content\":\"ok\"},{\"role\":\"user\",\"content\":\"one \\\"two\\\"\\nthree "
                   "\\u00e9 \xc3\xa9\"}]}",
                   false, 1 << 20);
    assert_int_equal(a.code, AIGW_OK);
    assert_int_equal(a.status, 200);
    gw_json_doc doc = parse(&a, gw_buf_slice(&a.buf));
    assert_inner(&doc, "object", "chat.completion");
    assert_inner(&doc, "model", "echo-1");
    assert_inner(&doc, "choices.0.message.role", "assistant");
    /* The text is as it stood: escapes neither resolved nor doubled. */
    assert_inner(&doc, "choices.0.message.content",
                 "echo: one \\\"two\\\"\\nthree \\u00e9 \xc3\xa9");
    assert_inner(&doc, "choices.0.finish_reason", "stop");
    int64_t in = 0, out = 0, total = 0, created = 0;
    assert_true(gw_json_i64(&doc, at(&doc, "usage.prompt_tokens"), &in));
    assert_true(gw_json_i64(&doc, at(&doc, "usage.completion_tokens"), &out));
    assert_true(gw_json_i64(&doc, at(&doc, "usage.total_tokens"), &total));
    assert_true(gw_json_i64(&doc, at(&doc, "created"), &created));
    assert_int_equal(in, 2 + 1 + 1 + 5);
    assert_int_equal(out, 6);
    assert_int_equal(total, in + out);
    assert_int_equal(created, 1700000000);
    done(&a);
}

static void parts_are_joined(void **state)
{
    (void)state;
    answer a = ask("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                   "\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}},{\"type\":"
                   "\"text\",\"text\":\"b\"}]}]}",
                   false, 1 << 20);
    gw_json_doc doc = parse(&a, gw_buf_slice(&a.buf));
    assert_inner(&doc, "choices.0.message.content", "echo: ab");
    assert_inner(&doc, "model", "echo");
    done(&a);
}

/* What one stream says: the joined deltas (still escaped), its ends, and how many chunks. */
typedef struct seen {
    char text[8192];
    char finish[16];
    int chunks, usages, nulls, done_marks;
    size_t longest;
} seen;

static void see_chunk(answer *a, aigw_slice data, seen *s)
{
    gw_json_doc doc = parse(a, data);
    assert_inner(&doc, "object", "chat.completion.chunk");
    s->chunks++;
    gw_json_ref usage = gw_json_get(&doc, 0, "usage");
    s->nulls += gw_json_typeof(&doc, usage) == GW_JSON_NULL;
    if (gw_json_typeof(&doc, usage) == GW_JSON_OBJECT) {
        s->usages++;
        assert_int_equal(gw_json_count(&doc, at(&doc, "choices")), 0);
        return;
    }
    gw_json_ref content = gw_json_get(&doc, at(&doc, "choices.0.delta"), "content");
    aigw_slice inner = gw_json_inner(&doc, content);
    size_t n = strlen(s->text);
    assert_true(n + inner.len < sizeof s->text);
    if (inner.len > 0)
        memcpy(s->text + n, inner.data, inner.len);
    s->text[n + inner.len] = '\0';
    s->longest = inner.len > s->longest ? inner.len : s->longest;
    aigw_slice finish =
        gw_json_inner(&doc, gw_json_get(&doc, at(&doc, "choices.0"), "finish_reason"));
    if (finish.data)
        snprintf(s->finish, sizeof s->finish, "%.*s", (int)finish.len, finish.data);
}

static void see_stream(answer *a, seen *s)
{
    aigw_slice rest = gw_buf_slice(&a->buf);
    memset(s, 0, sizeof *s);
    while (rest.len > 0) {
        const char *end = gw_find(rest, GW_S("\n\n"));
        assert_non_null(end);
        assert_true(gw_starts(rest, GW_S("data: ")));
        aigw_slice data = gw_slice(rest.data + 6, (size_t)(end - rest.data) - 6);
        assert_null(memchr(data.data, '\n', data.len));
        rest = gw_skip(rest, data.len + 8);
        assert_int_equal(s->done_marks, 0);
        if (gw_eq(data, GW_S("[DONE]")))
            s->done_marks++;
        else
            see_chunk(a, data, s);
    }
    assert_int_equal(s->done_marks, 1);
}

static void streamed_word_by_word(void **state)
{
    (void)state;
    answer a = ask("{\"model\":\"echo\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                   "\"content\":\"one  two\\nthree\\\\n\"}]}",
                   true, 1 << 20);
    assert_int_equal(a.status, 200);
    seen s;
    see_stream(&a, &s);
    assert_string_equal(s.text, "echo: one  two\\nthree\\\\n");
    assert_string_equal(s.finish, "stop");
    assert_int_equal(s.chunks, 1 + 1 + 3 + 1); /* role, "echo: ", three words, the end */
    assert_int_equal(s.usages, 0);
    assert_int_equal(s.nulls, 0);
    done(&a);
}

static void usage_when_asked(void **state)
{
    (void)state;
    answer a = ask("{\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
                   "\"content\":\"hi\"}]}",
                   true, 1 << 20);
    seen s;
    see_stream(&a, &s);
    assert_int_equal(s.usages, 1);
    assert_int_equal(s.nulls, s.chunks - 1);
    done(&a);
}

static void long_words_are_cut_between_characters(void **state)
{
    (void)state;
    static char body[8192];
    static const char *const units[] = {
        "\\ud83d\\ude00", "\xf0\x9f\x98\x80", "\xc3\xa9", "\\\\", "\\\"", "x"};
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        char word[6000] = "z";
        size_t step = strlen(units[u]);
        for (size_t n = 1; n + step < 4000; n += step)
            memcpy(word + n, units[u], step);
        snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
                 word);
        answer a = ask(body, true, 1 << 20);
        seen s;
        see_stream(&a, &s); /* every chunk is strict JSON: no half pair, no half character */
        assert_string_equal(s.text + 6, word);
        assert_true(s.longest < 1100);
        done(&a);
    }
}

static void demanded_tool_is_called(void **state)
{
    (void)state;
    static const char tools[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"first\"}},{\"type\":\"function\",\"function\":{\"name\":\"b\"}}],"
        "\"tool_choice\":%s}";
    char body[512];
    snprintf(body, sizeof body, tools, "\"required\"");
    answer a = ask(body, false, 1 << 20);
    gw_json_doc doc = parse(&a, gw_buf_slice(&a.buf));
    assert_inner(&doc, "choices.0.finish_reason", "tool_calls");
    assert_inner(&doc, "choices.0.message.tool_calls.0.function.name", "first");
    assert_inner(&doc, "choices.0.message.tool_calls.0.function.arguments", "{}");
    assert_true(gw_json_is_null(&doc, at(&doc, "choices.0.message.content")));
    done(&a);

    snprintf(body, sizeof body, tools, "{\"type\":\"function\",\"function\":{\"name\":\"b\"}}");
    a = ask(body, true, 1 << 20);
    assert_non_null(gw_find(gw_buf_slice(&a.buf), GW_S("\"name\":\"b\"")));
    seen s;
    see_stream(&a, &s);
    assert_string_equal(s.finish, "tool_calls");
    assert_string_equal(s.text, "");
    done(&a);

    snprintf(body, sizeof body, tools, "\"auto\"");
    a = ask(body, false, 1 << 20);
    doc = parse(&a, gw_buf_slice(&a.buf));
    assert_inner(&doc, "choices.0.finish_reason", "stop");
    done(&a);
}

static void odd_requests(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "", "[]", "{", "{}", "{\"messages\":{}}", "{\"messages\":[],\"messages\":[]}"};
    static const char *const fine[] = {
        "{\"messages\":[]}", "{\"messages\":[null,1,{},{\"role\":\"user\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[1,{},{\"text\":5}]}],\"tool_choice\":5}",
        "{\"messages\":[],\"tools\":[1],\"tool_choice\":\"required\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":null}],\"stream_options\":5,\"tools\":7}"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        answer a = ask(refused[i], i & 1, 1 << 20);
        assert_int_equal(a.code, AIGW_OK);
        assert_int_equal(a.status, 400);
        gw_json_doc doc = parse(&a, gw_buf_slice(&a.buf));
        assert_inner(&doc, "error.type", "invalid_request_error");
        done(&a);
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        answer a = ask(fine[i], false, 1 << 20);
        assert_int_equal(a.status, 200);
        gw_json_doc doc = parse(&a, gw_buf_slice(&a.buf));
        assert_inner(&doc, "choices.0.message.content", "echo: ");
        done(&a);
    }
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    answer a = ask("{\"messages\":[]}", true, 64);
    assert_int_equal(a.code, AIGW_E_LIMIT);
    done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answer),
        cmocka_unit_test(parts_are_joined),
        cmocka_unit_test(streamed_word_by_word),
        cmocka_unit_test(usage_when_asked),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(demanded_tool_is_called),
        cmocka_unit_test(odd_requests),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
