/* Streams of OpenAI Responses: read at any split, written in order, with the quirks of hosts. */
#include "unit/wire/openai_responses/help.h"

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define CREATED                                                                                    \
    EV("response.created", ",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"created_at\":17,"   \
                           "\"status\":\"in_progress\",\"output\":[]}")
#define ADDED(at, item)                                                                            \
    EV("response.output_item.added", ",\"output_index\":" at ",\"item\":{" item "}")
#define DONE(at, item)                                                                             \
    EV("response.output_item.done", ",\"output_index\":" at ",\"item\":{" item "}")
#define TEXT(at, part, text)                                                                       \
    EV("response.output_text.delta",                                                               \
       ",\"output_index\":" at ",\"content_index\":" part ",\"delta\":\"" text "\"")
#define COMPLETED                                                                                  \
    EV("response.completed",                                                                       \
       ",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"output\":"                     \
       "[],\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}")
#define CALL(id, name) "\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name "\""

/* A stream as a whole answer of the chat format: what was understood. */
static const char *understood(kit *k, const char *stream)
{
    gw_arena *arena = k->arena;
    gw_fold *fold = gw_fold_new(arena);
    gw_event_sink sink = {gw_fold_event, fold};
    gw_answer answer;
    gw_api_error error;
    gw_answer_options options = kit_options();
    void *reader = calloc(1, RESPONSES->reader_size);
    assert_int_equal(RESPONSES->reader_init(reader, 1 << 20), AIGW_OK);
    int rc = RESPONSES->reader_feed(reader, aigw_slice_of(stream), &sink, &k->err);
    if (rc == AIGW_OK)
        rc = RESPONSES->reader_end(reader, &sink, &k->err);
    RESPONSES->reader_free(reader);
    free(reader);
    if (rc != AIGW_OK)
        fail_msg("%d %s", rc, k->err.message);
    gw_buf_clear(&k->out);
    assert_int_equal(gw_fold_result(fold, &answer, &error), AIGW_OK);
    assert_int_equal(CHAT->write_answer(arena, &answer, &options, &k->out, NULL), AIGW_OK);
    return kit_text(k);
}

static void parts_and_calls(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = understood(
        &k,
        CREATED ADDED("0", "\"type\":\"message\",\"id\":\"a\"") TEXT("0", "0", "one ") TEXT(
            "0", "0", "two") TEXT("0", "1", " three")
            EV("response.refusal.delta", ",\"output_index\":0,\"content_index\":2,\"delta\":\"no\"")
                DONE("0", "\"type\":\"message\",\"id\":\"rotated\",\"content\":[]")
                    ADDED("1", CALL("c1", "f")) ADDED("2", CALL("c2", "g"))
                        EV("response.function_call_arguments.delta",
                           ",\"output_index\":2,\"item_id\":\"x\",\"delta\":\"{\\\"b\\\"\"")
                            EV("response.function_call_arguments.delta",
                               ",\"output_index\":1,\"delta\":\"{}\"")
                                EV("response.function_call_arguments.delta",
                                   ",\"output_index\":2,\"item_id\":\"y\",\"delta\":\":2}\"")
                                    COMPLETED);
    has(out, "\"content\":\"one two three\"");
    has(out, "\"refusal\":\"no\"");
    has(out, "\"name\":\"f\",\"arguments\":\"{}\"");
    has(out, "\"name\":\"g\",\"arguments\":\"{\\\"b\\\":2}\"");
    has(out, "\"prompt_tokens\":5");
    has(out, "\"finish_reason\":\"tool_calls\"");
    kit_free(&k);
}

/* Hosts that send no deltas, or nothing but the last event. */
static void only_whole_pieces(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = understood(
        &k, CREATED DONE("0", "\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
                              "\"text\":\"hi\"}]")
                DONE("1", CALL("c1", "f") ",\"arguments\":\"{\\\"a\\\":1}\"") ADDED(
                    "2", CALL("c2", "g")) EV("response.function_call_arguments.done",
                                             ",\"output_index\":2,\"arguments\":\"{\\\"b\\\":1}\"")
                    DONE("2", CALL("c2", "g") ",\"arguments\":\"{\\\"b\\\":1}\"") COMPLETED);
    has(out, "\"content\":\"hi\"");
    has(out, "\"arguments\":\"{\\\"a\\\":1}\"");
    has(out, "\"arguments\":\"{\\\"b\\\":1}\"");
    out = understood(&k, EV("response.completed",
                            ",\"response\":{\"id\":\"resp_2\",\"status\":\"completed\",\"output\":"
                            "[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
                            "\"text\":\"late\"}]}]}"));
    has(out, "\"content\":\"late\"");
    has(out, "\"id\":\"resp_2\"");
    out = understood(&k, CREATED ADDED("0", "\"type\":\"message\"")
                             EV("response.output_text.done",
                                ",\"output_index\":0,\"content_index\":0,\"text\":\"once\"")
                                 EV("response.content_part.done",
                                    ",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":"
                                    "\"output_text\",\"text\":\"once\"}")
                                     DONE("0", "\"type\":\"message\",\"content\":[{\"type\":"
                                               "\"output_text\",\"text\":\"once\"}]") COMPLETED);
    has(out, "\"content\":\"once\"");
    kit_free(&k);
}

static void reasoning(void **state)
{
    (void)state;
    kit k = kit_new();
#define SUMMARY(part, text)                                                                        \
    EV("response.reasoning_summary_text.delta",                                                    \
       ",\"output_index\":0,\"summary_index\":" part ",\"delta\":\"" text "\"")
    const char *stream = CREATED ADDED("0", "\"type\":\"reasoning\",\"summary\":[]")
        SUMMARY("0", "a") SUMMARY("0", "b") SUMMARY("1", "c")
            EV("response.reasoning_text.delta",
               ",\"output_index\":0,\"content_index\":0,\"delta\":\"raw\"")
                DONE("0", "\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"text\":"
                          "\"ab\"},{\"text\":\"c\"}],\"encrypted_content\":\"gAAA\"")
                    TEXT("1", "0", "hi") COMPLETED;
    const char *out = understood(&k, stream);
    has(out, "\"reasoning_content\":\"ab\\n\\nc\"");
    has_not(out, "raw");
    assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, aigw_slice_of(stream), 0), AIGW_OK);
    out = kit_text(&k);
    has(out, "\"encrypted_content\":\"gAAA\"");
    assert_int_equal(count_of(out, "event: response.reasoning_summary_part.added"), 1);
    /* The text itself, where there is no summary. */
    out = understood(&k,
                     CREATED ADDED("0", "\"type\":\"reasoning\"")
                         EV("response.reasoning_text.delta",
                            ",\"output_index\":0,\"content_index\":0,\"delta\":\"raw\"") COMPLETED);
    has(out, "\"reasoning_content\":\"raw\"");
    kit_free(&k);
}

static void ends(void **state)
{
    (void)state;
    static const struct {
        const char *stream;
        int rc;
        const char *says;
    } rows[] = {
        {CREATED TEXT("0", "0", "hi"), AIGW_E_UPSTREAM, "broke off"},
        {CREATED TEXT("0", "0", "hi") "data: [DONE]\n\n", AIGW_E_UPSTREAM, "broke off"},
        {"", AIGW_E_UPSTREAM, "broke off"},
        {CREATED "data: [DONE]\n\n" COMPLETED "data: [DONE]\n\n", AIGW_OK, "\"stop\""},
        {CREATED EV("response.unheard_of", ",\"x\":1") ": comment\n\n" COMPLETED, AIGW_OK,
         "\"stop\""},
        {CREATED EV("response.incomplete",
                    ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
                    "\"max_output_tokens\"},\"output\":[]}"),
         AIGW_OK, "\"length\""},
        {CREATED EV("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":"
                                       "\"rate_limit_exceeded\",\"message\":\"slow down\"}}"),
         AIGW_E_UPSTREAM, "slow down"},
        {CREATED EV("error", ",\"code\":\"server_error\",\"message\":\"oops\",\"param\":null"),
         AIGW_E_UPSTREAM, "oops"},
        {CREATED EV("error", ",\"error\":{\"type\":\"insufficient_quota\",\"message\":\"no\"}"),
         AIGW_E_UPSTREAM, "no"},
        {"data: {\"error\":{\"message\":\"bare\"}}\n\n", AIGW_E_UPSTREAM, "bare"},
        {CREATED "data: {\"type\":\n\n", AIGW_E_UPSTREAM, "no JSON"},
        {CREATED "data: []\n\n", AIGW_E_UPSTREAM, "no object"},
        {CREATED EV("response.completed", ""), AIGW_E_UPSTREAM, "without its response"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kit k = kit_new();
        int rc = kit_stream(&k, RESPONSES, CHAT, aigw_slice_of(rows[i].stream), 0);
        if (rc != rows[i].rc)
            fail_msg("%zu: %d %s", i, rc, k.err.message);
        has(kit_text(&k), rows[i].says);
        if (rc != AIGW_OK)
            has_not(kit_text(&k), "[DONE]");
        kit_free(&k);
    }
}

/* Each type of event of the output in order, without "response.", with spaces between. */
static const char *order_of(kit *k)
{
    gw_buf types;
    gw_buf_init(&types, KIT_OUT);
    const char *text = kit_text(k);
    while ((text = strstr(text, "event: response.")) != NULL) {
        text += strlen("event: response.");
        gw_buf_append(&types, text, strcspn(text, "\n"));
        gw_buf_putc(&types, ' ');
    }
    const char *out = gw_arena_copy(k->arena, gw_buf_slice(&types)).data;
    gw_buf_free(&types);
    return out;
}

static void the_order_of_what_is_written(void **state)
{
    (void)state;
    kit k = kit_new();
    int rc = kit_stream(
        &k, CHAT, RESPONSES,
        GW_S("data: {\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
             "\"assistant\",\"content\":\"a\"}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u00e4\"}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
             "\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}"
             "\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n"
             "data: [DONE]\n\n"),
        0);
    assert_int_equal(rc, AIGW_OK);
    assert_string_equal(
        order_of(&k),
        "created in_progress output_item.added content_part.added output_text.delta "
        "output_text.delta output_text.done content_part.done output_item.done "
        "output_item.added function_call_arguments.delta function_call_arguments.done "
        "output_item.done completed ");
    const char *out = kit_text(&k);
    has(out, "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
             "\"response\":{\"id\":\"resp_00ff\"");
    has(out, "\"type\":\"response.completed\",\"sequence_number\":13,");
    has(out, "\"text\":\"a\\u00e4\"");
    has(out, "\"delta\":\"{}\""); /* what clients join must be JSON */
    has(out, "\"usage\":{\"input_tokens\":1,");
    assert_int_equal(count_of(out, "\"usage\":{"), 1);
    assert_int_equal(count_of(out, "\"id\":\"fc_00ff0001\""), 3);
    kit_free(&k);
}

/* A call that a limit cut off does not look complete, and the last event is the right one. */
static void cut_off(void **state)
{
    (void)state;
    kit k = kit_new();
    assert_int_equal(
        kit_stream(&k, CHAT, RESPONSES,
                   GW_S("data: {\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{"
                        "\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\","
                        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}}]}\n\n"
                        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                        "\"length\"}]}\n\ndata: [DONE]\n\n"),
                   0),
        AIGW_OK);
    const char *out = kit_text(&k);
    has(out, "\"status\":\"incomplete\",\"call_id\":\"c1\"");
    has(out, "event: response.incomplete\n");
    has_not(out, "response.completed");
    kit_free(&k);
}

static void errors_in_the_middle(void **state)
{
    (void)state;
    kit k = kit_new();
    void *writer = calloc(1, RESPONSES->writer_size);
    gw_answer_options options = kit_options();
    assert_int_equal(RESPONSES->writer_init(writer, &options), AIGW_OK);
    gw_event ev = {.kind = GW_EV_PING};
    assert_int_equal(RESPONSES->writer_event(writer, &ev, &k.out), AIGW_OK);
    ev = (gw_event){.kind = GW_EV_BLOCK_START, .block_kind = GW_BLOCK_TEXT};
    assert_int_equal(RESPONSES->writer_event(writer, &ev, &k.out), AIGW_OK);
    ev = (gw_event){.kind = GW_EV_ERROR, .error = {.kind = GW_ERR_OVERLOADED}};
    ev.error.message = gw_jstr_lit("busy");
    ev.error.code = gw_jstr_lit("weird");
    assert_int_equal(RESPONSES->writer_event(writer, &ev, &k.out), AIGW_OK);
    ev = (gw_event){.kind = GW_EV_END};
    assert_int_equal(RESPONSES->writer_event(writer, &ev, &k.out), AIGW_OK);
    RESPONSES->writer_free(writer);
    free(writer);
    assert_string_equal(order_of(&k),
                        "created in_progress output_item.added content_part.added failed ");
    const char *out = kit_text(&k);
    assert_int_equal(strncmp(out, ": ping\n\n", 8), 0);
    has(out, "\"status\":\"failed\"");
    has(out, "\"error\":{\"code\":\"server_error\",\"message\":\"busy\"}");
    kit_free(&k);
}

/* Behind a beginning that was the provider's, the error comes without a response object of ours. */
static void errors_behind_a_forwarded_beginning(void **state)
{
    (void)state;
    kit k = kit_new();
    void *writer = calloc(1, RESPONSES->writer_size);
    gw_answer_options options = kit_options();
    options.forwarded = true;
    assert_int_equal(RESPONSES->writer_init(writer, &options), AIGW_OK);
    gw_event ev = {.kind = GW_EV_ERROR, .error = {.kind = GW_ERR_RATE_LIMIT}};
    ev.error.message = gw_jstr_lit("slow");
    assert_int_equal(RESPONSES->writer_event(writer, &ev, &k.out), AIGW_OK);
    RESPONSES->writer_free(writer);
    free(writer);
    const char *out = kit_text(&k);
    has(out, "event: error\n");
    has(out, "\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"");
    has_not(out, "\"response\"");
    kit_free(&k);
}

/* Calls that overlap keep their places and ids, and are closed in order. */
static void parallel_calls(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *stream = CREATED ADDED("0", CALL("c1", "f")) ADDED("1", CALL("c2", "g"))
        EV("response.function_call_arguments.delta", ",\"output_index\":1,\"delta\":\"{}\"")
            DONE("1", CALL("c2", "g") ",\"arguments\":\"{}\"")
                EV("response.function_call_arguments.delta",
                   ",\"output_index\":0,\"delta\":\"{\\\"a\\\":1}\"")
                    DONE("0", CALL("c1", "f") ",\"arguments\":\"{\\\"a\\\":1}\"") COMPLETED;
    assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, aigw_slice_of(stream), 0), AIGW_OK);
    const char *out = kit_text(&k);
    const char *first = strstr(out, "output_item.done\",\"sequence_number\"");
    assert_non_null(first);
    has(first, "\"output_index\":0");
    assert_true(strstr(first, "\"output_index\":0") < strstr(first, "\"output_index\":1"));
    const char *last = strstr(out, "event: response.completed");
    assert_non_null(last);
    assert_true(strstr(last, "\"call_id\":\"c1\"") < strstr(last, "\"call_id\":\"c2\""));
    has(last, "\"arguments\":\"{\\\"a\\\":1}\"");
    kit_free(&k);
}

static const char *const fixtures[] = {"openai-responses/stream-custom-tool.stream.sse",
                                       "openai-responses/stream-error.stream.sse",
                                       "openai-responses/stream-phase-tool-call.stream.sse",
                                       "openai-responses/stream-plain.stream.sse",
                                       "openai-responses/stream-tool-call-reasoning.stream.sse",
                                       "openai-responses/stream-web-search-annotations.stream.sse",
                                       "azure/responses-stream-text.stream.sse"};

static aigw_slice with_crlf(kit *k, aigw_slice text)
{
    char *to = gw_arena_alloc(k->arena, text.len * 2 + 1);
    size_t n = 0;
    assert_non_null(to);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            to[n++] = '\r';
        to[n++] = text.data[i];
    }
    return gw_slice(to, n);
}

static void every_split(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 2, 3, 7, 64, 997};
    for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
        kit k = kit_new();
        aigw_slice text = kit_fixture(&k, fixtures[i]);
        aigw_slice crlf = with_crlf(&k, text);
        int rc = kit_stream(&k, RESPONSES, RESPONSES, text, 0);
        const char *whole = kit_text(&k);
        assert_int_equal(rc, i == 1 ? AIGW_E_UPSTREAM : AIGW_OK);
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, text, steps[s]), rc);
            assert_string_equal(kit_text(&k), whole);
            assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, crlf, steps[s]), rc);
            assert_string_equal(kit_text(&k), whole);
        }
        kit_free(&k);
    }
}

/* What is written reads as it was read. */
static void written_streams_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
        kit k = kit_new();
        aigw_slice text = kit_fixture(&k, fixtures[i]);
        int rc = kit_stream(&k, RESPONSES, RESPONSES, text, 0);
        const char *own = kit_text(&k);
        assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, aigw_slice_of(own), 0), rc);
        assert_string_equal(kit_text(&k), own);
        kit_free(&k);
    }
}

static void what_fixtures_say(void **state)
{
    (void)state;
    kit k = kit_new();
    aigw_slice text = kit_fixture(&k, fixtures[0]);
    assert_int_equal(kit_stream(&k, RESPONSES, CHAT, text, 0), AIGW_OK);
    has(kit_text(&k), "\"custom\":{\"name\":\"write_sql\"");
    text = kit_fixture(&k, fixtures[1]);
    assert_int_equal(kit_stream(&k, RESPONSES, CHAT, text, 0), AIGW_E_UPSTREAM);
    has(kit_text(&k), "\"code\":\"insufficient_quota\"");
    text = kit_fixture(&k, fixtures[5]);
    assert_int_equal(kit_stream(&k, RESPONSES, RESPONSES, text, 0), AIGW_OK);
    const char *out = kit_text(&k);
    has(out, "\"type\":\"web_search_call\"");
    has(out, "event: response.output_text.annotation.added");
    has(out, "\"start_index\":77");
    has(out, "\"reasoning_tokens\":100");
    has_not(out, "function_call");
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_calls),
        cmocka_unit_test(only_whole_pieces),
        cmocka_unit_test(reasoning),
        cmocka_unit_test(ends),
        cmocka_unit_test(the_order_of_what_is_written),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(errors_in_the_middle),
        cmocka_unit_test(errors_behind_a_forwarded_beginning),
        cmocka_unit_test(parallel_calls),
        cmocka_unit_test(every_split),
        cmocka_unit_test(written_streams_read_again),
        cmocka_unit_test(what_fixtures_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
