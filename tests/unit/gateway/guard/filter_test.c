/* Guardrails on streamed answers: the same at every split, in every dialect, whatever the block. */
#include "unit/gateway/guard/guard_fake.h"

#define MASKS                                                                                      \
    GUARD_CONFIG "  - {name: pii, on: [answer], rules: {email: mask, phone: mask, card: mask}}\n"
#define BLOCKS GUARD_CONFIG "  - {name: cards, on: [answer], rules: {card: block, email: flag}}\n"

static const char personal[] =
    "Write \\u0062ob\\u0040example.com (\xc3\xa9) or 4111 1111 1111 1111.";
static const char masked[] = "Write [EMAIL] (\xc3\xa9) or [CARD].";

/* Where an escape or a character may be cut without breaking the codec's own strings. */
static bool may_cut(const char *text, size_t at)
{
    for (size_t back = 1; back <= 5 && back <= at; back++) {
        if (text[at - back] == '\\')
            return false;
    }
    return ((unsigned char)text[at] & 0xC0) != 0x80;
}

typedef struct asked {
    gw_arena *arena;
    gw_answer answer;
    fake_result result;
    size_t len;
} asked;

/* What a client of this dialect gets of the stream. */
static asked get(fake *f, const guard_side *client, const guard_side *provider, aigw_slice stream,
                 size_t piece)
{
    const fake_answer script = {.status = 200,
                                .type = provider->type,
                                .body = stream.data,
                                .body_len = stream.len,
                                .piece = piece};
    asked got = {.arena = gw_arena_new(1 << 24)};
    guard_again(f, &script, 1);
    char *path = guard_put(client->stream_path, provider->model, "");
    char *ask = guard_put(client->ask_stream, provider->model, "hi");
    gw_buf out;
    gw_buf_init(&out, 1 << 24);
    aigw_exchange *x = fake_open(f, path, ask);
    assert_int_equal(fake_finish(f, x, &out), AIGW_END);
    got.result.status = x->status;
    aigw_exchange_free(x);
    free(path);
    free(ask);
    aigw_slice bytes = gw_arena_copy(got.arena, gw_buf_slice(&out));
    gw_buf_free(&out);
    assert_int_equal(got.result.status, 200);
    got.answer = guard_read(got.arena, client->format, bytes);
    return got;
}

static void check_text(asked *got, gw_block_kind kind, const char *want, gw_finish finish)
{
    char text[2048];
    guard_text_of(got->arena, &got->answer, kind, text, sizeof text);
    assert_string_equal(text, want);
    assert_int_equal(got->answer.choices[0].finish, finish);
    gw_arena_free(got->arena);
}

static guard_stream in_two(aigw_format format, gw_block_kind kind, const char *text, size_t at)
{
    guard_stream s = guard_begin(format);
    guard_start(&s, kind, 0);
    guard_delta(&s, kind, 0, text, at);
    guard_delta(&s, kind, 0, text + at, strlen(text) - at);
    guard_stop(&s, kind, 0);
    guard_end(&s, kind == GW_BLOCK_TOOL_CALL ? GW_FINISH_TOOL_CALLS : GW_FINISH_STOP);
    return s;
}

static void text_is_masked_at_every_split(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    for (size_t p = 0; p < SIDES; p++) {
        for (size_t at = 1; at + 1 < sizeof personal; at++) {
            if (!may_cut(personal, at))
                continue;
            guard_stream s = in_two(sides[p].format, GW_BLOCK_TEXT, personal, at);
            asked got = get(f, &sides[p], &sides[p], gw_buf_slice(&s.out), 0);
            check_text(&got, GW_BLOCK_TEXT, masked, GW_FINISH_STOP);
            gw_buf_free(&s.out);
        }
    }
    fake_free(f);
}

static void the_transport_cuts_as_it_likes(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    for (size_t p = 0; p < SIDES; p++) {
        for (size_t c = 0; c < SIDES; c++) {
            guard_stream s = in_two(sides[p].format, GW_BLOCK_TEXT, personal, 30);
            for (size_t piece = 1; piece < 90; piece += 11) {
                asked got = get(f, &sides[c], &sides[p], gw_buf_slice(&s.out), piece);
                check_text(&got, GW_BLOCK_TEXT, masked, GW_FINISH_STOP);
            }
            gw_buf_free(&s.out);
        }
    }
    fake_free(f);
}

static void each_byte_an_event(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    static const char text[] = "x bob@example.com, 4111111111111111 y";
    for (size_t p = 0; p < SIDES; p++) {
        guard_stream s = guard_begin(sides[p].format);
        guard_start(&s, GW_BLOCK_TEXT, 0);
        for (size_t i = 0; i + 1 < sizeof text; i++)
            guard_delta(&s, GW_BLOCK_TEXT, 0, text + i, 1);
        guard_stop(&s, GW_BLOCK_TEXT, 0);
        guard_end(&s, GW_FINISH_STOP);
        asked got = get(f, &sides[p], &sides[p], gw_buf_slice(&s.out), 13);
        check_text(&got, GW_BLOCK_TEXT, "x [EMAIL], [CARD] y", GW_FINISH_STOP);
        gw_buf_free(&s.out);
    }
    fake_free(f);
}

static void arguments_of_calls_stay_json(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    /* Inside of a JSON string: an escaped mail address within the arguments' own string, and a number. */
    static const char args[] =
        "{\\\"to\\\":\\\"bob\\\\u0040example.com\\\",\\\"card\\\":4111111111111111,"
        "\\\"n\\\":[12]}";
    for (size_t p = 0; p < SIDES; p++) {
        for (size_t at = 1; at + 1 < sizeof args; at += 3) {
            if (!may_cut(args, at))
                continue;
            guard_stream s = in_two(sides[p].format, GW_BLOCK_TOOL_CALL, args, at);
            asked got = get(f, &sides[p], &sides[p], gw_buf_slice(&s.out), 0);
            char text[512];
            gw_json_doc doc;
            guard_text_of(got.arena, &got.answer, GW_BLOCK_TOOL_CALL, text, sizeof text);
            assert_int_equal(gw_json_parse(got.arena, aigw_slice_of(text), NULL, &doc, NULL),
                             AIGW_OK);
            assert_true(gw_json_is(&doc, gw_json_get(&doc, 0, "to"), "[EMAIL]"));
            assert_true(gw_json_is(&doc, gw_json_get(&doc, 0, "card"), "[CARD]"));
            assert_int_equal(gw_json_count(&doc, gw_json_get(&doc, 0, "n")), 1);
            assert_int_equal(got.answer.choices[0].finish, GW_FINISH_TOOL_CALLS);
            gw_arena_free(got.arena);
            gw_buf_free(&s.out);
        }
    }
    fake_free(f);
}

static void thinking_is_masked_too_and_stays_signed(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    const guard_side *a = &sides[1];
    guard_stream s = guard_begin(a->format);
    guard_start(&s, GW_BLOCK_THINKING, 0);
    guard_delta(&s, GW_BLOCK_THINKING, 0, "ask bob@exam", 12);
    guard_delta(&s, GW_BLOCK_THINKING, 0, "ple.com", 7);
    guard_emit(&s, (gw_event){.kind = GW_EV_DELTA,
                              .block_kind = GW_BLOCK_THINKING,
                              .signature = gw_jstr_lit("c2lnbmVk"),
                              .origin = AIGW_FORMAT_ANTHROPIC});
    guard_stop(&s, GW_BLOCK_THINKING, 0);
    guard_start(&s, GW_BLOCK_TEXT, 1);
    guard_delta(&s, GW_BLOCK_TEXT, 1, "done", 4);
    guard_stop(&s, GW_BLOCK_TEXT, 1);
    guard_end(&s, GW_FINISH_STOP);
    asked got = get(f, a, a, gw_buf_slice(&s.out), 0);
    assert_int_equal(got.answer.choices[0].block_count, 2);
    assert_true(gw_jstr_is(got.answer.choices[0].blocks[0].signature, "c2lnbmVk"));
    check_text(&got, GW_BLOCK_THINKING, "ask [EMAIL]", GW_FINISH_STOP);
    gw_buf_free(&s.out);
    fake_free(f);
}

static void what_blocks_ends_the_stream_properly(void **state)
{
    (void)state;
    fake *f = fake_new(BLOCKS, NULL, 0);
    static const char text[] = "Take 4111 1111 1111 1111 and more words that nobody gets.";
    for (size_t p = 0; p < SIDES; p++) {
        for (size_t c = 0; c < SIDES; c++) {
            guard_stream s = in_two(sides[p].format, GW_BLOCK_TEXT, text, 12);
            asked got = get(f, &sides[c], &sides[p], gw_buf_slice(&s.out), 0);
            check_text(&got, GW_BLOCK_TEXT, "Take ", GW_FINISH_CONTENT_FILTER);
            assert_has(f->log, "\"guard\":\"cards:answer:block\"");
            gw_buf_free(&s.out);
        }
    }
    fake_free(f);
}

/* The upstream still talks: it is let go at once, and the client does not wait for it. */
static void what_blocks_lets_the_upstream_go(void **state)
{
    (void)state;
    fake_answer script = {.status = 200, .type = SSE, .hang = true};
    guard_stream s = in_two(AIGW_FORMAT_OPENAI_CHAT, GW_BLOCK_TEXT, "4111111111111111 x", 17);
    script.body = s.out.data;
    script.body_len = gw_buf_len(&s.out) / 2 + 150; /* not to its end */
    fake *f = fake_new(BLOCKS, &script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_equal(r.code, AIGW_END);
    assert_has(r.body, "\"finish_reason\":\"content_filter\"");
    assert_has(r.body, "data: [DONE]");
    assert_null(strstr(r.body, "4111"));
    assert_int_equal(f->cancelled, 1);
    free(r.body);
    gw_buf_free(&s.out);
    fake_free(f);
}

/* Gemini's stream as one JSON array: filtered, and alive while others are asked. */
static void streams_that_are_arrays(void **state)
{
    (void)state;
    static const char *const configs[] = {
        MASKS, GUARD_CONFIG "  - {name: h, on: [answer], webhook: {url: 'http://127.0.0.1:9/'}}\n"};
    for (size_t i = 0; i < 2; i++) {
        guard_stream s = in_two(AIGW_FORMAT_GEMINI, GW_BLOCK_TEXT, "to bob@example.com now", 9);
        const fake_answer script[] = {
            {.status = 200, .type = SSE, .body = s.out.data, .body_len = gw_buf_len(&s.out)},
            {.status = 200,
             .type = JSON,
             .body = "{\"verdict\":\"mask\",\"texts\":[\"to [EMAIL] now\"]}"}};
        fake *f = fake_new(configs[i], script, 2);
        fake_result r = fake_call(f, "/v1beta/models/g:streamGenerateContent",
                                  "{\"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}]}");
        gw_arena *arena = gw_arena_new(1 << 20);
        gw_json_doc doc;
        gw_buf all;
        assert_int_equal(r.code, AIGW_END);
        assert_int_equal(gw_json_parse(arena, aigw_slice_of(r.body), NULL, &doc, NULL), AIGW_OK);
        gw_buf_init(&all, 1 << 20);
        for (gw_json_ref e = gw_json_first(&doc, 0); e != GW_JSON_ABSENT;
             e = gw_json_next(&doc, e)) {
            gw_json_ref c = gw_json_at(&doc, gw_json_get(&doc, e, "candidates"), 0);
            gw_json_ref content = c == GW_JSON_ABSENT ? c : gw_json_get(&doc, c, "content");
            if (gw_json_typeof(&doc, content) != GW_JSON_OBJECT)
                continue;
            gw_json_ref p = gw_json_at(&doc, gw_json_get(&doc, content, "parts"), 0);
            if (p != GW_JSON_ABSENT)
                gw_buf_add(&all, gw_json_inner(&doc, gw_json_get(&doc, p, "text")));
        }
        assert_true(gw_eq(gw_buf_slice(&all), GW_S("to [EMAIL] now")));
        gw_buf_free(&all);
        gw_arena_free(arena);
        free(r.body);
        gw_buf_free(&s.out);
        fake_free(f);
    }
}

static void several_choices(void **state)
{
    (void)state;
    static const char stream[] =
        O_CHUNK("{\"content\":\"bob@ex\"}",
                "null") "data: {\"id\":\"chatcmpl-1\",\"object\":"
                        "\"chat.completion.chunk\",\"created\":1700000001,\"model\":\"gpt-real\","
                        "\"choices\":["
                        "{\"index\":1,\"delta\":{\"content\":\"amy@ex\"},\"finish_reason\":null}]}"
                        "\n\n" O_CHUNK("{\"content\":\"ample.com\"}",
                                       "null") "data: {\"id\":\"chatcmpl-1\",\"object\":"
                                               "\"chat.completion.chunk\",\"created\":1700000001,"
                                               "\"model\":\"gpt-real\",\"choices\":["
                                               "{\"index\":1,\"delta\":{\"content\":\"ample.org\"},"
                                               "\"finish_reason\":\"stop\"}]}\n\n" O_CHUNK(
                                                   "{}", "\"stop\"") O_DONE;
    const fake_answer script = {.status = 200, .type = SSE, .body = stream, .piece = 9};
    fake *f = fake_new(MASKS, &script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_equal(r.code, AIGW_END);
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_answer a = guard_read(arena, AIGW_FORMAT_OPENAI_CHAT, aigw_slice_of(r.body));
    assert_int_equal(a.choice_count, 2);
    assert_true(gw_jstr_is(a.choices[0].blocks[0].text, "[EMAIL]"));
    assert_true(gw_jstr_is(a.choices[1].blocks[0].text, "[EMAIL]"));
    gw_arena_free(arena);
    free(r.body);
    fake_free(f);
}

#define LOGPROBS                                                                                   \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"    \
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"at bob@example.com\"},"         \
    "\"logprobs\":{\"content\":[{\"token\":\"bob\",\"logprob\":-1,\"bytes\":null,"                 \
    "\"top_logprobs\":[]}],\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":"              \
    "{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}}"

static void whole_answers(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = LOGPROBS},
                                  {.status = 200, .type = JSON, .body = LOGPROBS},
                                  {.status = 200, .type = JSON, .body = LOGPROBS}};
    fake *f = fake_new(MASKS, script, 3);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "at [EMAIL]");
    assert_null(strstr(r.body, "\"bob\"")); /* what spells it out is gone too */
    assert_has(r.body, "\"prompt_tokens\":9");
    free(r.body);
    r = fake_call(f, ANTHROPIC_PATH, ASK_A("o"));
    assert_has(r.body, "at [EMAIL]");
    free(r.body);
    r = fake_call(f, OPENAI_PATH, ASK_STREAM("o")); /* a document where a stream was wanted */
    assert_has(r.body, "[EMAIL]");
    assert_null(strstr(r.body, "bob"));
    assert_has(r.body, "[DONE]");
    free(r.body);
    fake_free(f);
    fake *blocks =
        fake_new(GUARD_CONFIG "  - {name: m, on: [answer], rules: {email: block}}\n", script, 3);
    r = fake_call(blocks, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "\"finish_reason\":\"content_filter\"");
    assert_has(r.body, "\"prompt_tokens\":9"); /* of a document all is known */
    assert_null(strstr(r.body, "bob"));
    free(r.body);
    fake_free(blocks);
}

static void what_only_flags_changes_nothing(void **state)
{
    (void)state;
    const fake_answer script = {.status = 200, .type = JSON, .body = LOGPROBS};
    fake *f =
        fake_new(GUARD_CONFIG "  - {name: m, on: [answer], rules: {email: flag}}\n", &script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_has(r.body, "at bob@example.com");
    assert_has(r.body, "\"token\":\"bob\"");
    assert_has(f->log, "\"guard\":\"m:answer:flag\"");
    assert_null(strstr(f->log, "bob@"));
    free(r.body);
    fake_free(f);
}

/* Held bytes are bounded, and text that is plain goes on before the stream ends. */
static void plain_text_is_not_kept_waiting(void **state)
{
    (void)state;
    guard_stream s = guard_begin(AIGW_FORMAT_OPENAI_CHAT);
    guard_start(&s, GW_BLOCK_TEXT, 0);
    for (size_t i = 0; i < 200; i++)
        guard_delta(&s, GW_BLOCK_TEXT, 0, "some plain words, ", 18);
    const fake_answer script = {.status = 200,
                                .type = SSE,
                                .body = s.out.data,
                                .body_len = gw_buf_len(&s.out),
                                .hang = true};
    fake *f = fake_new(MASKS, &script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    gw_buf out;
    gw_buf_init(&out, 1 << 24);
    fake_steps(f);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    gw_buf_putc(&out, '\0');
    size_t words = 0;
    for (const char *at = out.data; (at = strstr(at, "words")); at++)
        words++;
    assert_true(words * 18 + AIGW_GUARD_HOLD >= 200 * 18);
    aigw_exchange_free(x);
    gw_buf_free(&out);
    s.wire->writer_free(s.state);
    free(s.state);
    gw_buf_free(&s.out);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_masked_at_every_split),
        cmocka_unit_test(the_transport_cuts_as_it_likes),
        cmocka_unit_test(each_byte_an_event),
        cmocka_unit_test(arguments_of_calls_stay_json),
        cmocka_unit_test(thinking_is_masked_too_and_stays_signed),
        cmocka_unit_test(what_blocks_ends_the_stream_properly),
        cmocka_unit_test(what_blocks_lets_the_upstream_go),
        cmocka_unit_test(streams_that_are_arrays),
        cmocka_unit_test(several_choices),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(what_only_flags_changes_nothing),
        cmocka_unit_test(plain_text_is_not_kept_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
