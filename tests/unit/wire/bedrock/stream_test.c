/* ConverseStream: events of its frames at every split, frames of events, and what breaks a stream. */
#include "unit/wire/bedrock/kit.h"

enum { MAX_FRAME = 64 * 1024 };

/* Events as text, and as a stream of another format. */
typedef struct trace {
    gw_buf text;
    const gw_wire *to; /* NULL: text only */
    void *writer;
    gw_buf out;
} trace;

static int record(void *user, const gw_event *ev)
{
    static const char *const kinds[] = {"START",  "OPEN", "DELTA", "STOP", "USAGE",
                                        "FINISH", "PING", "END",   "ERROR"};
    trace *t = user;
    gw_buf_printf(&t->text, "%s %u/%d", kinds[ev->kind], ev->block, (int)ev->block_kind);
    const aigw_slice parts[] = {
        ev->call_id.inner, ev->tool_name.inner,     ev->delta.inner,        ev->signature.inner,
        ev->raw.json,      ev->native_finish.inner, ev->error.message.inner};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].len > 0) {
            gw_buf_putc(&t->text, ' ');
            gw_buf_add(&t->text, parts[i]);
        }
    }
    if (ev->kind == GW_EV_USAGE)
        gw_buf_printf(&t->text, " %lld+%lld", (long long)ev->usage.input_tokens,
                      (long long)ev->usage.output_tokens);
    if (ev->kind == GW_EV_ERROR)
        gw_buf_printf(&t->text, " kind=%d", (int)ev->error.kind);
    gw_buf_putc(&t->text, '\n');
    return t->to == NULL ? AIGW_OK : t->to->writer_event(t->writer, ev, &t->out);
}

/* The stream in pieces of `step`; the trace stays for the caller. */
static int run(trace *t, const gw_wire *from, aigw_slice bytes, size_t step, aigw_error *err)
{
    static const gw_answer_options options = {.id_seed = {"5eed", 4}, .include_usage = true};
    void *reader = gw_calloc(1, from->reader_size);
    gw_event_sink sink = {record, t};
    gw_buf_init(&t->text, 1 << 20);
    gw_buf_init(&t->out, 1 << 20);
    if (t->to != NULL) {
        t->writer = gw_calloc(1, t->to->writer_size);
        t->to->writer_init(t->writer, &options);
    }
    int rc = from->reader_init(reader, MAX_FRAME);
    for (size_t at = 0; rc == AIGW_OK && at < bytes.len; at += step) {
        size_t n = step < bytes.len - at ? step : bytes.len - at;
        rc = from->reader_feed(reader, gw_slice(bytes.data + at, n), &sink, err);
    }
    if (rc == AIGW_OK)
        rc = from->reader_end(reader, &sink, err);
    if (rc != AIGW_OK) /* no second word */
        assert_int_equal(from->reader_feed(reader, GW_S("x"), &sink, NULL), AIGW_E_UPSTREAM);
    from->reader_free(reader);
    gw_free(reader);
    if (t->to != NULL) {
        t->to->writer_free(t->writer);
        gw_free(t->writer);
    }
    gw_buf_putc(&t->text, '\0');
    return rc;
}

static void done(trace *t)
{
    gw_buf_free(&t->text);
    gw_buf_free(&t->out);
}

/* All kinds of blocks. Text and reasoning have no start; ids of blocks may jump. */
static void write_full(gw_buf *out)
{
    kit_frame(out, "messageStart", "{\"p\":\"abc\",\"role\":\"assistant\"}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"th\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"sig\"}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":0}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":{\"redactedContent\":"
              "\"b3du\"}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":1}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":2,\"delta\":{\"text\":\"\\u00e9\xc3\xa9\"}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":2,\"delta\":{\"citation\":{\"title\":\"x\",\"location\":{"
              "\"web\":{\"url\":\"u\"}}}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":2}");
    kit_frame(out, "brandNew", "{\"x\":1}");
    kit_frame(out, "contentBlockStart",
              "{\"contentBlockIndex\":4,\"start\":{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":"
              "\"f\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":4,\"delta\":{\"toolUse\":{\"input\":\"\"}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":4}");
    kit_frame(out, "contentBlockStart",
              "{\"contentBlockIndex\":5,\"start\":{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":"
              "\"g\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":5,\"delta\":{\"toolUse\":{\"input\":\"{\\\"a\\\":\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":5,\"delta\":{\"toolUse\":{\"input\":\"1}\"}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":5}");
    kit_frame(out, "contentBlockStart",
              "{\"contentBlockIndex\":6,\"start\":{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\","
              "\"type\":\"server_tool_use\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":6,\"delta\":{\"toolUse\":{\"input\":\"{\\\"q\\\":1}\"}}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":6}");
    kit_frame(out, "contentBlockStart",
              "{\"contentBlockIndex\":7,\"start\":{\"toolResult\":{\"toolUseId\":\"s\"}}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":7,\"delta\":{\"toolResult\":[{\"text\":\"r\"}]}}");
    kit_frame(out, "contentBlockDelta",
              "{\"contentBlockIndex\":7,\"delta\":{\"toolResult\":[{\"text\":\"s\"}]}}");
    kit_frame(out, "contentBlockStop", "{\"contentBlockIndex\":7}");
    kit_frame(out, "messageStop", "{\"stopReason\":\"tool_use\"}");
    kit_frame(out, "metadata",
              "{\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":12,"
              "\"cacheReadInputTokens\":7},\"metrics\":{\"latencyMs\":1}}");
}

static const char full_events[] =
    "START 0/0\nOPEN 0/2\nDELTA 0/2 th\nDELTA 0/2 sig\nSTOP 0/2\nOPEN 1/3 b3du\nSTOP 1/3\n"
    "OPEN 2/0\nDELTA 2/0 \\u00e9\xc3\xa9\n"
    "DELTA 2/0 {\"title\":\"x\",\"location\":{\"web\":{\"url\":\"u\"}}}\nSTOP 2/0\n"
    "OPEN 3/4 t1 f\nDELTA 3/4 {}\nSTOP 3/4\nOPEN 4/4 t2 g\nDELTA 4/4 {\\\"a\\\":\n"
    "DELTA 4/4 1}\nSTOP 4/4\n"
    "OPEN 5/5 {\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\",\"type\":\"server_tool_use\","
    "\"input\":{\"q\":1}}}\nSTOP 5/5\n"
    "OPEN 6/5 "
    "{\"toolResult\":{\"toolUseId\":\"s\",\"content\":[{\"text\":\"r\"},{\"text\":\"s\"}]}}"
    "\nSTOP 6/5\n";

static void every_split(void **state)
{
    gw_buf stream;
    (void)state;
    gw_buf_init(&stream, 1 << 20);
    write_full(&stream);
    aigw_slice bytes = gw_buf_slice(&stream);
    for (size_t step = 1; step <= bytes.len; step += step < 300 ? 1 : 101) {
        trace t = {.to = NULL};
        assert_int_equal(run(&t, &gw_wire_bedrock, bytes, step, NULL), AIGW_OK);
        const char *text = gw_buf_slice(&t.text).data;
        assert_true(gw_starts(aigw_slice_of(text), GW_S(full_events)));
        kit_has(text, "FINISH 0/5 tool_use\nUSAGE 7/5 10+2\nEND 7/5\n");
        done(&t);
    }
    /* read∘write∘read = read */
    trace once = {.to = &gw_wire_bedrock}, twice = {.to = &gw_wire_bedrock};
    assert_int_equal(run(&once, &gw_wire_bedrock, bytes, 7, NULL), AIGW_OK);
    assert_int_equal(run(&twice, &gw_wire_bedrock, gw_buf_slice(&once.out), 11, NULL), AIGW_OK);
    assert_true(gw_eq(gw_buf_slice(&once.out), gw_buf_slice(&twice.out)));
    kit_has(
        gw_buf_slice(&twice.text).data,
        "{\"toolResult\":{\"toolUseId\":\"s\",\"content\":[{\"text\":\"r\"},{\"text\":\"s\"}]}}");
    kit_has(gw_buf_slice(&twice.text).data, "DELTA 2/0 {\"title\":\"x\"");
    done(&once);
    done(&twice);
    gw_buf_free(&stream);
}

static void to_others(void **state)
{
    gw_buf stream;
    trace chat = {.to = &gw_wire_openai_chat}, messages = {.to = &gw_wire_anthropic};
    (void)state;
    gw_buf_init(&stream, 1 << 20);
    write_full(&stream);
    assert_int_equal(run(&chat, &gw_wire_bedrock, gw_buf_slice(&stream), 5, NULL), AIGW_OK);
    gw_buf_putc(&chat.out, '\0');
    const char *text = gw_buf_slice(&chat.out).data;
    kit_has(text, "\"index\":0,\"id\":\"t1\"");
    kit_has(text, "\"index\":1,\"id\":\"t2\"");
    kit_has(text, "\"finish_reason\":\"tool_calls\"");
    kit_has(text, "\"prompt_tokens\":10");
    kit_has(text, "data: [DONE]");
    kit_lacks(text, "toolResult");
    assert_int_equal(run(&messages, &gw_wire_bedrock, gw_buf_slice(&stream), 5, NULL), AIGW_OK);
    gw_buf_putc(&messages.out, '\0');
    text = gw_buf_slice(&messages.out).data;
    kit_has(text, "{\"type\":\"signature_delta\",\"signature\":\"sig\"}");
    kit_has(text, "{\"type\":\"redacted_thinking\",\"data\":\"b3du\"}");
    kit_has(text, "\"partial_json\":\"{}\"");
    kit_has(text, "\"input_tokens\":3,");
    kit_has(text, "\"cache_read_input_tokens\":7");
    done(&chat);
    done(&messages);
    gw_buf_free(&stream);
}

/* A stream of another format as frames, and these read again. */
static void from_others(void **state)
{
    static const char sse[] =
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
        "\"assistant\",\"content\":\"hi\"}}]}\n\n"
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
        "\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"\"}},{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
        "\"arguments\":\"{\"}}]}}]}\n\n"
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
        "\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":2}\"}},{\"index\":1,\"function\":{"
        "\"arguments\":\"}\"}}]}}]}\n\n"
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},"
        "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,"
        "\"total_tokens\":11}}\n\ndata: [DONE]\n\n";
    trace t = {.to = &gw_wire_bedrock}, back = {.to = NULL};
    (void)state;
    assert_int_equal(run(&t, &gw_wire_openai_chat, GW_S(sse), 9, NULL), AIGW_OK);
    assert_int_equal(run(&back, &gw_wire_bedrock, gw_buf_slice(&t.out), 13, NULL), AIGW_OK);
    const char *text = gw_buf_slice(&back.text).data;
    kit_has(text, "START 0/0\nOPEN 0/0\nDELTA 0/0 hi\nSTOP 0/0\nOPEN 1/4 a f\n");
    kit_has(text, "DELTA 1/4 {\\\"x\\\":2}\nSTOP 1/4\nOPEN 2/4 b g\nDELTA 2/4 {\nDELTA 2/4 }\nSTOP "
                  "2/4\nFINISH 0/4 tool_use\nUSAGE 3/4 5+6\nEND");
    done(&t);
    done(&back);
}

/* What a block without a slot was signed with goes before it, sealed. */
static void signed_blocks(void **state)
{
    static const gw_answer_options options = {.id_seed = {"5eed", 4}};
    const gw_event events[] = {
        {.kind = GW_EV_BLOCK_START,
         .block_kind = GW_BLOCK_TOOL_CALL,
         .call_id = gw_jstr_lit("c"),
         .tool_name = gw_jstr_lit("f"),
         .signature = gw_jstr_lit("gem"),
         .origin = AIGW_FORMAT_GEMINI},
        {.kind = GW_EV_DELTA, .block_kind = GW_BLOCK_TOOL_CALL, .delta = gw_jstr_lit("{}")},
        {.kind = GW_EV_BLOCK_STOP, .block_kind = GW_BLOCK_TOOL_CALL},
        {.kind = GW_EV_BLOCK_START, .block = 1, .block_kind = GW_BLOCK_TEXT},
        {.kind = GW_EV_BLOCK_STOP, .block = 1, .block_kind = GW_BLOCK_TEXT},
        {.kind = GW_EV_FINISH, .finish = GW_FINISH_STOP},
        {.kind = GW_EV_END},
        {.kind = GW_EV_END}, /* nothing follows an end */
    };
    void *writer = gw_calloc(1, gw_wire_bedrock.writer_size);
    gw_buf out;
    trace back = {.to = NULL};
    (void)state;
    gw_buf_init(&out, 1 << 20);
    gw_wire_bedrock.writer_init(writer, &options);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_int_equal(gw_wire_bedrock.writer_event(writer, &events[i], &out), AIGW_OK);
    gw_wire_bedrock.writer_free(writer);
    gw_free(writer);
    assert_int_equal(run(&back, &gw_wire_bedrock, gw_buf_slice(&out), 3, NULL), AIGW_OK);
    const char *text = gw_buf_slice(&back.text).data;
    kit_has(text, "START 0/0\nOPEN 0/2\nDELTA 0/2 YWlndz");
    kit_has(text, "STOP 0/2\nOPEN 1/4 c f\nDELTA 1/4 {}\nSTOP 1/4\n");
    kit_has(text, "FINISH 0/0 tool_use\nUSAGE");
    done(&back);
    gw_buf_free(&out);
}

typedef struct bad_stream {
    const char *frames[8][2];
    int kind;
    const char *message;
} bad_stream;

#define START_FRAME                                                                                \
    {                                                                                              \
        "messageStart", "{\"role\":\"assistant\"}"                                                 \
    }
#define TEXT_FRAME                                                                                 \
    {                                                                                              \
        "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}"                \
    }
#define STOP_FRAME                                                                                 \
    {                                                                                              \
        "messageStop", "{\"stopReason\":\"end_turn\"}"                                             \
    }

/* Case 4, and its siblings: no stream that failed ends as a success. */
static void broken_streams(void **state)
{
    static const bad_stream cases[] = {
        {{{NULL, NULL}}, GW_ERR_UPSTREAM, "ended before"},
        {{START_FRAME, TEXT_FRAME}, GW_ERR_UPSTREAM, "ended before"},
        {{START_FRAME, TEXT_FRAME, {"metadata", "{\"usage\":{}}"}},
         GW_ERR_UPSTREAM,
         "ended before"},
        {{START_FRAME, TEXT_FRAME, {"!throttlingException", "{\"message\":\"slow\"}"}, STOP_FRAME},
         GW_ERR_RATE_LIMIT,
         "slow"},
        {{{"!validationException", "{\"message\":\"bad\"}"}}, GW_ERR_INVALID_REQUEST, "bad"},
        {{START_FRAME, {"!modelStreamErrorException", "{\"originalMessage\":\"x\"}"}},
         GW_ERR_UPSTREAM,
         "broke off"},
        {{START_FRAME, {"!internalServerException", "no JSON"}}, GW_ERR_SERVER, "broke off"},
        {{START_FRAME, {"contentBlockDelta", "no JSON"}}, GW_ERR_UPSTREAM, "not an event"},
        {{START_FRAME, {"contentBlockDelta", "[]"}}, GW_ERR_UPSTREAM, "not an event"},
        {{START_FRAME,
          {"contentBlockDelta",
           "{\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}"}},
         GW_ERR_UPSTREAM,
         "not open"},
        {{START_FRAME,
          {"contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{}}}"}},
         GW_ERR_UPSTREAM,
         "without a name"},
        {{START_FRAME, {"messageStop", "{\"stopReason\":\"malformed_model_output\"}"}},
         GW_ERR_UPSTREAM,
         "could not be read"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_buf stream;
        trace t = {.to = &gw_wire_openai_chat};
        aigw_error err = {0};
        char kind[24];
        gw_buf_init(&stream, 1 << 20);
        for (size_t n = 0; n < 8 && cases[i].frames[n][0] != NULL; n++)
            kit_frame(&stream, cases[i].frames[n][0], cases[i].frames[n][1]);
        assert_int_equal(run(&t, &gw_wire_bedrock, gw_buf_slice(&stream), 1 + i, &err),
                         AIGW_E_UPSTREAM);
        const char *text = gw_buf_slice(&t.text).data;
        kit_has(text, "ERROR ");
        kit_has(text, cases[i].message);
        snprintf(kind, sizeof kind, "kind=%d\n", cases[i].kind);
        kit_has(text, kind);
        kit_lacks(text, "END");
        gw_buf_putc(&t.out, '\0');
        kit_lacks(gw_buf_slice(&t.out).data, "[DONE]");
        done(&t);
        gw_buf_free(&stream);
    }
}

/* Without metadata, and with metadata first: complete all the same. */
static void lenient_ends(void **state)
{
    gw_buf stream;
    trace t = {.to = NULL};
    (void)state;
    gw_buf_init(&stream, 1 << 20);
    kit_frame(&stream, "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}");
    kit_frame(&stream, "messageStop", "{\"stopReason\":\"max_tokens\"}");
    assert_int_equal(run(&t, &gw_wire_bedrock, gw_buf_slice(&stream), 2, NULL), AIGW_OK);
    assert_string_equal(gw_buf_slice(&t.text).data,
                        "START 0/0\nOPEN 0/0\nDELTA 0/0 a\nSTOP 0/0\nFINISH 0/0 max_tokens\n"
                        "END 1/0\n");
    done(&t);
    gw_buf_putc(&stream, '\0'); /* half a frame behind it is a failure */
    assert_int_equal(run(&t, &gw_wire_bedrock, gw_buf_slice(&stream), 2, NULL), AIGW_E_UPSTREAM);
    done(&t);
    gw_buf_clear(&stream);
    kit_frame(&stream, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}");
    kit_frame(&stream, "messageStop", "{\"stopReason\":\"end_turn\"}");
    kit_frame(&stream, "contentBlockDelta", "{\"delta\":{\"text\":\"late\"}}");
    kit_frame(&stream, "!throttlingException", "{\"message\":\"late\"}");
    assert_int_equal(run(&t, &gw_wire_bedrock, gw_buf_slice(&stream), 2, NULL), AIGW_OK);
    kit_has(gw_buf_slice(&t.text).data, "USAGE 0/0 1+2\nFINISH 0/0 end_turn\nEND 0/0\n");
    kit_lacks(gw_buf_slice(&t.text).data, "late");
    done(&t);
    gw_buf_free(&stream);
}

/* Nothing but the usage may follow the stop. */
static void behind_the_stop(void **state)
{
    gw_buf stream;
    trace t = {.to = NULL};
    (void)state;
    gw_buf_init(&stream, 1 << 20);
    kit_frame(&stream, "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}");
    kit_frame(&stream, "messageStop", "{\"stopReason\":\"end_turn\"}");
    kit_frame(&stream, "contentBlockDelta", "{\"delta\":{\"text\":\"late\"}}");
    kit_frame(&stream, "messageStop", "{\"stopReason\":\"max_tokens\"}");
    kit_frame(&stream, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}");
    assert_int_equal(run(&t, &gw_wire_bedrock, gw_buf_slice(&stream), 9, NULL), AIGW_OK);
    assert_string_equal(gw_buf_slice(&t.text).data,
                        "START 0/0\nOPEN 0/0\nDELTA 0/0 a\nSTOP 0/0\nFINISH 0/0 end_turn\n"
                        "USAGE 1/0 1+2\nEND 1/0\n");
    done(&t);
    gw_buf_free(&stream);
}

/* No bit of a stream may flip unseen. */
static void flipped_bits(void **state)
{
    gw_buf stream;
    (void)state;
    gw_buf_init(&stream, 1 << 20);
    kit_frame(&stream, "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}");
    kit_frame(&stream, "messageStop", "{\"stopReason\":\"end_turn\"}");
    size_t len = gw_buf_len(&stream);
    char *bytes = malloc(len);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        trace t = {.to = NULL};
        memcpy(bytes, gw_buf_slice(&stream).data, len);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(run(&t, &gw_wire_bedrock, gw_slice(bytes, len), 50, NULL),
                         AIGW_E_UPSTREAM);
        kit_has(gw_buf_slice(&t.text).data, "ERROR");
        done(&t);
    }
    free(bytes);
    gw_buf_free(&stream);
}

static void fixture(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    aigw_slice bytes = kit_file(&k, "bedrock/stream-eventstream-basic.stream.bin");
    trace whole = {.to = &gw_wire_openai_chat};
    assert_int_equal(run(&whole, &gw_wire_bedrock, bytes, bytes.len, NULL), AIGW_OK);
    kit_has(gw_buf_slice(&whole.text).data, "Once upon a time");
    kit_has(gw_buf_slice(&whole.text).data, "FINISH 0/0 end_turn\nUSAGE 1/0 15+142\nEND 1/0\n");
    for (size_t step = 1; step < 1000; step += step < 30 ? 1 : 97) {
        trace t = {.to = &gw_wire_openai_chat};
        assert_int_equal(run(&t, &gw_wire_bedrock, bytes, step, NULL), AIGW_OK);
        assert_true(gw_eq(gw_buf_slice(&t.text), gw_buf_slice(&whole.text)));
        assert_true(gw_eq(gw_buf_slice(&t.out), gw_buf_slice(&whole.out)));
        done(&t);
    }
    done(&whole);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split),     cmocka_unit_test(to_others),
        cmocka_unit_test(from_others),     cmocka_unit_test(signed_blocks),
        cmocka_unit_test(broken_streams),  cmocka_unit_test(lenient_ends),
        cmocka_unit_test(behind_the_stop), cmocka_unit_test(flipped_bits),
        cmocka_unit_test(fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
