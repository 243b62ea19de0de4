/* Streams of the Gemini API: both framings, any split, how they end and how they break. */
#include "unit/wire/gemini/kit.h"

static kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k);
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

/* As `to` says it, the same at every size of pieces; *rc is the result. */
static const char *said(const gw_wire *to, aigw_slice bytes, int expected)
{
    const char *whole, *pieces;
    int rc = kit_stream(&k, GEM, to, bytes, 0, &whole);
    if (rc != expected)
        fail_msg("%d, not %d: %.*s", rc, expected, (int)bytes.len, bytes.data);
    for (size_t step = 1; step < 40; step += step < 8 ? 1 : 13) {
        assert_int_equal(kit_stream(&k, GEM, to, bytes, step, &pieces), rc);
        assert_string_equal(whole, pieces);
    }
    return whole;
}

static const char *chat(const char *stream)
{
    return said(CHAT, aigw_slice_of(stream), AIGW_OK);
}

#define PART(p) "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" p "]}}]," HEAD "}"
#define LAST(w)                                                                                    \
    "{\"candidates\":[{\"finishReason\":\"" w "\"}],\"usageMetadata\":{"                           \
    "\"promptTokenCount\":8,\"candidatesTokenCount\":3}," HEAD "}"
#define HEAD   "\"responseId\":\"R\",\"modelVersion\":\"g\""
#define SSE(d) "data: " d "\r\n\r\n"

/* Case 7: STOP with a call is tool_calls, also when the reason comes alone. */
static void edge_07_stop_behind_a_call(void **state)
{
    (void)state;
    const char *text =
        chat(SSE(PART("{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}")) SSE(LAST("STOP")));
    kit_has(text, "\"finish_reason\":\"tool_calls\"");
    kit_has(text, "\"name\":\"f\"");
    kit_lacks(text, "\"id\":\"\"");
    text = chat(SSE(PART("{\"functionCall\":{\"name\":\"f\"}}")) SSE(LAST("MAX_TOKENS")));
    kit_has(text, "\"finish_reason\":\"length\"");
}

static void framings_say_the_same(void **state)
{
    (void)state;
    const char *crlf = chat(SSE(PART("{\"text\":\"h\xc3\xa4\"}")) ": comment\r\n\r\n" SSE(
        PART("{\"text\":\"}]\\\"{\"}")) SSE(LAST("STOP")));
    assert_string_equal(crlf, chat("data: " PART("{\"text\":\"h\xc3\xa4\"}") "\n\ndata:" PART(
                                  "{\"text\":\"}]\\\"{\"}") "\n\ndata: " LAST("STOP") "\n\n"));
    assert_string_equal(crlf, chat(" \n[" PART("{\"text\":\"h\xc3\xa4\"}") ",\r\n" PART(
                                  "{\"text\":\"}]\\\"{\"}") "\n,\n" LAST("STOP") "\n]\n"));
    kit_has(crlf, "\"content\":\"h\xc3\xa4\"");
    kit_has(crlf, "\"content\":\"}]\\\"{\"");
    kit_has(crlf, "[DONE]");
}

static void ids_are_unique(void **state)
{
    (void)state;
    const char *text = chat(SSE(PART("{\"functionCall\":{\"name\":\"f\"}},{\"functionCall\":{"
                                     "\"name\":\"f\"}}")) SSE(LAST("STOP")));
    const char *first = strstr(text, "\"id\":\"call_");
    assert_non_null(first);
    const char *second = strstr(first + 1, "\"id\":\"call_");
    assert_non_null(second);
    assert_memory_not_equal(first, second, 31);
    kit_has(text, "\"index\":1");
}

static void pieces_of_arguments(void **state)
{
    (void)state;
    const char *text = said(
        GEM,
        GW_S(SSE(PART("{\"functionCall\":{\"id\":\"i\",\"name\":\"f\",\"willContinue\":true}}"))
                 SSE(PART("{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\","
                          "\"stringValue\":\"x\",\"willContinue\":true}],\"willContinue\":true}}"))
                     SSE(PART(
                         "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\","
                         "\"stringValue\":\"\\n\\\"y\"},{\"jsonPath\":\"$.a.b[1]\",\"numberValue\":"
                         "1.5},{\"jsonPath\":\"$['q r']\",\"boolValue\":true},{\"jsonPath\":"
                         "\"$.n\",\"nullValue\":null}],\"willContinue\":true}}"))
                         SSE(PART("{\"functionCall\":{}}")) SSE(LAST("STOP"))),
        AIGW_OK);
    kit_has(text,
            "{\"functionCall\":{\"id\":\"i\",\"name\":\"f\",\"args\":{\"a\":{\"b\":[\"x\\n\\\"y\","
            "1.5]},\"q r\":true,\"n\":null}}}");
}

static void usage_after_the_reason(void **state)
{
    (void)state;
    const char *text =
        chat(SSE("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":"
                 "\"STOP\"}],"
                 "\"usageMetadata\":{\"promptTokenCount\":15}}")
                 SSE("{\"usageMetadata\":{\"promptTokenCount\":13,\"candidatesTokenCount\":8,"
                     "\"thoughtsTokenCount\":2}}"));
    kit_has(text, "\"prompt_tokens\":15,\"completion_tokens\":10,\"total_tokens\":25");
}

static void broken_streams(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "\r\n",
        ": nothing\n\n",
        SSE("{}"),
        SSE(PART("{\"text\":\"x\"}")),
        "[" PART("{\"text\":\"x\"}") "]",
        "[" LAST("STOP"),
        "[" LAST("STOP") ",{\"candidates\":",
        "[1]",
        "[" LAST("STOP") "]{}",
        SSE("not json"),
        SSE("7"),
        SSE(PART("{\"text\":\"x\"}")) SSE("{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}"),
        SSE(PART("{\"text\":\"x\"}")) SSE("[{\"error\":{\"code\":500}}]"),
        "[{\"error\":{\"code\":500,\"message\":\"m\"}}]",
        "{\"error\":{\"code\":500,\"message\":\"m\"}}",
        SSE(LAST("MALFORMED_FUNCTION_CALL")),
        SSE(PART("{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}")) SSE(LAST("STOP")),
        SSE(PART("{\"functionCall\":{\"partialArgs\":[]}}")) SSE(LAST("STOP")),
        SSE(PART("{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"a\","
                 "\"stringValue\":\"x\"}]}}")) SSE(LAST("STOP")),
        SSE(PART("{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$.a[5]\","
                 "\"stringValue\":\"x\"}]}}")) SSE(LAST("STOP")),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = said(CHAT, aigw_slice_of(cases[i]), AIGW_E_UPSTREAM);
        kit_has(text, "\"error\"");
        kit_lacks(text, "[DONE]");
        kit_has(said(MSG, aigw_slice_of(cases[i]), AIGW_E_UPSTREAM), "event: error");
    }
}

static void a_blocked_prompt_is_an_end(void **state)
{
    (void)state;
    kit_has(chat(SSE("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}")),
            "\"finish_reason\":\"content_filter\"");
}

/* The stream of another format as an array is one JSON value; pings are white space in it. */
static void written_as_an_array(void **state)
{
    (void)state;
    static const char *const streams[] = {
        ("data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
         "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
         "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}"
         "}"
         "]"
         "}}]}\n\ndata: "
         "{\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":"
         "0,\"function\":{\"arguments\":\"\\\":1}\"}}]}}]}\n\n"
         "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
         "\"tool_calls\"}]}\n\ndata: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
         "\"completion_tokens\":4,\"total_tokens\":7}}\n\ndata: [DONE]\n\n"),
        ("data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
         "data: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n"),
        ("data: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n")};
    gw_answer_options options = {.id_seed = GW_S("00"), .json_array = true};
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        const char *text;
        gw_json_doc doc;
        int rc = kit_stream_as(&k, CHAT, GEM, aigw_slice_of(streams[i]), 0, &options, &text);
        assert_int_equal(rc, i == 0 ? AIGW_OK : AIGW_E_UPSTREAM);
        if (gw_json_parse(k.arena, aigw_slice_of(text), NULL, &doc, NULL) != AIGW_OK)
            fail_msg("no JSON: %s", text);
        assert_int_equal(gw_json_typeof(&doc, 0), GW_JSON_ARRAY);
        if (i > 0) {
            kit_has(text, "{\"error\":{\"code\":500");
            continue;
        }
        kit_has(text, "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"a\":1}}}");
        kit_has(text, "\"finishReason\":\"STOP\"");
        kit_has(text, "\"promptTokenCount\":3,\"candidatesTokenCount\":4,\"totalTokenCount\":7");
    }
    void *writer = calloc(1, GEM->writer_size);
    gw_event ping = {.kind = GW_EV_PING}, end = {.kind = GW_EV_END};
    gw_buf_clear(&k.out);
    assert_int_equal(GEM->writer_init(writer, &options), AIGW_OK);
    GEM->writer_event(writer, &ping, &k.out);
    GEM->writer_event(writer, &end, &k.out);
    kit_text(&k);
    GEM->writer_free(writer);
    free(writer);
}

/* A call whose arguments are no JSON is an error, unless the answer was cut short. */
static void broken_arguments(void **state)
{
    (void)state;
#define CALL(finish)                                                                               \
    "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"       \
    "\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}}]}\n\n"                \
    "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" finish       \
    "\"}]}\n\ndata: [DONE]\n\n"
    const char *text;
    assert_int_equal(kit_stream(&k, CHAT, GEM, GW_S(CALL("tool_calls")), 0, &text),
                     AIGW_E_UPSTREAM);
    kit_has(text, "{\"error\":{\"code\":502");
    kit_lacks(text, "functionCall");
    assert_int_equal(kit_stream(&k, CHAT, GEM, GW_S(CALL("length")), 0, &text), AIGW_OK);
    kit_has(text, "\"finishReason\":\"MAX_TOKENS\"");
}

static void signatures_of_others(void **state)
{
    (void)state;
    const char *text;
    aigw_slice bytes = kit_fixture(&k, "anthropic/stream-thinking.stream.sse");
    assert_int_equal(kit_stream(&k, MSG, GEM, bytes, 0, &text), AIGW_OK);
    kit_has(text, "\"thought\":true");
    kit_has(text, "\"thoughtSignature\":\"YWlndz");
    /* and back: the reader of that stream takes the sealed ones as opaque */
    kit_has(said(GEM, aigw_slice_of(text), AIGW_OK), "\"finishReason\":\"STOP\"");
}

static const char *const fixtures[] = {"stream-plain.stream.sse",
                                       "stream-tool-call-partial-args.stream.sse",
                                       "stream-tool-call-thought-signature.stream.sse",
                                       "stream-json-array-no-alt-sse.stream.jsonarray.json"};

/* Every format, every split of the small ones; with CRLF the same. */
static void every_fixture(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "gemini/%s", fixtures[i]);
        aigw_slice bytes = kit_fixture(&k, name);
        gw_buf crlf;
        gw_buf_init(&crlf, (size_t)4 << 20);
        for (size_t at = 0; at < bytes.len; at++) {
            if (bytes.data[at] == '\n')
                gw_buf_putc(&crlf, '\r');
            gw_buf_putc(&crlf, bytes.data[at]);
        }
        for (size_t w = 0; gw_wires[w] != NULL; w++) {
            char *kept = strdup(said(gw_wires[w], bytes, AIGW_OK));
            assert_non_null(kept);
            assert_string_equal(kept, said(gw_wires[w], gw_buf_slice(&crlf), AIGW_OK));
            free(kept);
        }
        gw_buf_free(&crlf);
    }
}

static void every_cut(void **state)
{
    (void)state;
    aigw_slice bytes = kit_fixture(&k, "gemini/stream-plain.stream.sse");
    const char *whole, *cut;
    assert_int_equal(kit_stream(&k, GEM, CHAT, bytes, 0, &whole), AIGW_OK);
    for (size_t at = 1; at < bytes.len; at++) {
        assert_int_equal(kit_stream(&k, GEM, CHAT, bytes, at, &cut), AIGW_OK);
        assert_string_equal(whole, cut);
    }
}

static aigw_usage tap_all(aigw_slice bytes, bool *complete, gw_tap_verdict *last)
{
    aigw_usage usage = gw_usage_unknown();
    void *tap = calloc(1, GEM->tap_size);
    GEM->tap_init(tap, true);
    *last = GW_TAP_PASS;
    while (bytes.len > 0 && *last == GW_TAP_PASS) {
        gw_sse_event event = {.type = GW_S(""), .has_data = true};
        event.data = gw_cut(&bytes, '\n');
        *last = GEM->tap_event(tap, &event, &usage);
    }
    *complete = GEM->tap_complete(tap);
    free(tap);
    return usage;
}

static void tapped(void **state)
{
    (void)state;
    bool complete;
    gw_tap_verdict last;
    aigw_usage usage = tap_all(
        GW_S("{\"usageMetadata\":{\"promptTokenCount\":9}}\n" LAST("STOP") "\n"), &complete, &last);
    assert_true(complete);
    assert_int_equal(last, GW_TAP_PASS);
    assert_int_equal(usage.input_tokens, 9);
    assert_int_equal(usage.output_tokens, 3);
    tap_all(GW_S(PART("{\"text\":\"x\"}") "\n"), &complete, &last);
    assert_false(complete);
    tap_all(GW_S("{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n"), &complete, &last);
    assert_true(complete);
    tap_all(GW_S("[{\"error\":{\"code\":500}}]\n"), &complete, &last);
    assert_int_equal(last, GW_TAP_ERROR);
    tap_all(GW_S("<html>\n"), &complete, &last);
    assert_int_equal(last, GW_TAP_BROKEN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(edge_07_stop_behind_a_call),
        T(framings_say_the_same),
        T(ids_are_unique),
        T(pieces_of_arguments),
        T(usage_after_the_reason),
        T(broken_streams),
        T(a_blocked_prompt_is_an_end),
        T(written_as_an_array),
        T(broken_arguments),
        T(signatures_of_others),
        T(every_fixture),
        T(every_cut),
        T(tapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
