/* Streams: real ones and broken ones at every split, the order of events, and what is written. */
#include "unit/wire/openai_chat/help.h"

static const char *const good[] = {
    "openai/stream-plain",
    "openai/stream-tool-call",
    "openai/stream-tool-empty-content",
    "openai-compatible/anthropic-compat-stream-fallback-tool-call",
    "openai-compatible/openrouter-stream-kimi-duplicate-role",
    "openai-compatible/openrouter-stream-no-arguments-field",
    "openai-compatible/zai-stream-thinking",
    "azure/stream-model-router",
};

static aigw_slice stream_fixture(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s.stream.sse", name);
    return fixture(path);
}

/* Runs at many splits: the same result each time, and an order that the fold accepts. */
static int at_every_split(aigw_slice bytes, char **events)
{
    gw_arena *arena = gw_arena_new((size_t)64 << 20);
    int rc = run_stream(bytes, 0, gw_fold_new(arena), events);
    static const int steps[] = {1, 2, 3, 7, 64, 997, -1, -2, -3, -4};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        char *again;
        assert_int_equal(run_stream(bytes, steps[i], gw_fold_new(arena), &again), rc);
        assert_string_equal(again, *events);
        free(again);
    }
    gw_arena_free(arena);
    return rc;
}

static aigw_slice with_crlf(aigw_slice text)
{
    char *out = malloc(text.len * 2);
    size_t n = 0;
    assert_non_null(out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n')
            out[n++] = '\r';
        out[n++] = text.data[i];
    }
    return gw_slice(out, n);
}

static void recorded_streams_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        aigw_slice bytes = stream_fixture(good[i]), crlf = with_crlf(bytes);
        char *events, *other;
        if (at_every_split(bytes, &events) != AIGW_OK)
            fail_msg("%s:\n%s", good[i], events);
        assert_non_null(strstr(events, "START"));
        assert_non_null(strstr(events, "\nFINISH"));
        assert_non_null(strstr(events, "\nEND\n"));
        assert_null(strstr(events, "ERROR"));
        assert_int_equal(at_every_split(crlf, &other), AIGW_OK);
        assert_string_equal(events, other);
        free(events);
        free(other);
        free((void *)(uintptr_t)bytes.data);
        free((void *)(uintptr_t)crlf.data);
    }
}

/* A stream without its last n bytes must never end as if it were whole, unless its finish was seen. */
static void cut_streams_are_errors(void **state)
{
    (void)state;
    aigw_slice bytes = stream_fixture("openai/stream-tool-call");
    const char *finish = gw_find(bytes, GW_S("\"finish_reason\":\"tool_calls\""));
    assert_non_null(finish);
    for (size_t len = 0; len < (size_t)(finish - bytes.data); len += 13) {
        char *events;
        assert_int_equal(run_stream(gw_slice(bytes.data, len), 0, NULL, &events), AIGW_E_UPSTREAM);
        assert_null(strstr(events, "END\n"));
        assert_non_null(strstr(events, "ERROR"));
        free(events);
    }
    free((void *)(uintptr_t)bytes.data);
}

static void expect(const char *stream, int rc, const char *events)
{
    char *got;
    int result = at_every_split(aigw_slice_of(stream), &got);
    assert_string_equal(got, events);
    assert_int_equal(result, rc);
    free(got);
}

#define CHUNK(inner) "data: {\"id\":\"a\",\"choices\":[{\"index\":0," inner "}]}\n\n"
#define DELTA(inner) CHUNK("\"delta\":{" inner "}")
#define CALL(inner)  DELTA("\"tool_calls\":[" inner "]")
#define STOP         CHUNK("\"delta\":{},\"finish_reason\":\"stop\"")
#define DONE         "data: [DONE]\n\n"

static void text_and_usage(void **state)
{
    (void)state;
    expect(
        DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"h\\u00e9\"")
            DELTA("\"content\":\"y\"") STOP
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n" DONE,
        AIGW_OK,
        "START\nOPEN 0 text\nDELTA 0 text delta=h\\u00e9\nDELTA 0 text delta=y\nCLOSE 0 text\n"
        "USAGE 3 2 -1 -1 -1\nFINISH 0 native=stop\nEND\n");
    /* Usage in x_groq, no [DONE], no delta, usage on the finish chunk. */
    expect(
        DELTA(
            "\"content\":\"x\"") "data: {\"id\":\"a\",\"choices\":[{\"finish_reason\":\"length\"}],"
                                 "\"x_groq\":{\"usage\":{\"prompt_tokens\":1}}}\n\n",
        AIGW_OK,
        "START\nOPEN 0 text\nDELTA 0 text delta=x\nCLOSE 0 text\nUSAGE 1 -1 -1 -1 -1\n"
        "FINISH 2 native=length\nEND\n");
}

static void every_call_has_index_0(void **state)
{
    (void)state;
    expect(
        CALL("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":"
             "\"}}") CALL("{\"index\":0,\"function\":{\"arguments\":\"1}\"}}")
            CALL("{\"index\":0,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}")
                STOP DONE,
        AIGW_OK,
        "START\nOPEN 0 call id=c1 name=f\nDELTA 0 call delta={\\\"a\\\":\nDELTA 0 call delta=1}\n"
        "CLOSE 0 call\nOPEN 1 call id=c2 name=g\nDELTA 1 call delta={}\nCLOSE 1 call\n"
        "FINISH 3 native=stop\nEND\n");
}

static void calls_without_index(void **state)
{
    (void)state;
    expect(CALL("{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{ \"a\" : 1 }}},"
                "{\"id\":\"c2\",\"function\":{\"name\":\"f\",\"arguments\":null}}") STOP DONE,
           AIGW_OK,
           "START\nOPEN 0 call id=c1 name=f\nDELTA 0 call delta={\\\"a\\\":1}\nCLOSE 0 call\n"
           "OPEN 1 call id=c2 name=f\nCLOSE 1 call\nFINISH 3 native=stop\nEND\n");
    /* Neither ids nor indexes: a name is a new call, and its id is made. */
    char *events;
    assert_int_equal(
        run_stream(aigw_slice_of(CALL("{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}") CALL(
                       "{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}") STOP DONE),
                   0, NULL, &events),
        AIGW_OK);
    char *first = strstr(events, "OPEN 0 call id=call_"),
         *second = strstr(events, "OPEN 1 call id=call_");
    assert_non_null(first);
    assert_non_null(second);
    assert_memory_not_equal(first + 15, second + 15, 25);
    free(events);
}

static void interleaved_calls_stay_open(void **state)
{
    (void)state;
    expect(CALL("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}")
               CALL("{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}")
                   DELTA("\"content\":\"\\n\"")
                       CALL("{\"index\":0,\"function\":{\"arguments\":\"}\"}}")
                           CALL("{\"index\":1,\"function\":{\"arguments\":\"}\"}}") STOP DONE,
           AIGW_OK,
           "START\nOPEN 0 call id=c1 name=f\nDELTA 0 call delta={\nOPEN 1 call id=c2 name=g\n"
           "DELTA 1 call delta={\nDELTA 0 call delta=}\nDELTA 1 call delta=}\nCLOSE 0 call\nCLOSE "
           "1 call\n"
           "FINISH 3 native=stop\nEND\n");
}

static void id_before_name_and_custom(void **state)
{
    (void)state;
    expect(CALL("{\"index\":0,\"id\":\"c1\",\"type\":\"function\"}")
               CALL("{\"index\":0,\"function\":{\"name\":\"f\"}}") CALL(
                   "{\"index\":1,\"id\":\"c2\",\"custom\":{\"name\":\"g\",\"input\":\"fr{e\"}}")
                   STOP DONE,
           AIGW_OK,
           "START\nOPEN 0 call id=c1 name=f\nOPEN 1 call custom id=c2 name=g\nDELTA 1 call "
           "delta=fr{e\n"
           "CLOSE 0 call\nCLOSE 1 call\nFINISH 3 native=stop\nEND\n");
}

static void reasoning_in_every_spelling(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        DELTA("\"reasoning_content\":\"t\""),
        DELTA("\"reasoning\":\"t\""),
        DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\"}]"),
        DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}"
              "]}]"),
        DELTA("\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\"}]"),
        DELTA("\"reasoning_content\":\"t\",\"thinking_blocks\":[{\"type\":\"thinking\","
              "\"thinking\":\"t\"}]")};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char stream[1000];
        snprintf(stream, sizeof(stream), "%s%s", spellings[i],
                 DELTA("\"content\":\"x\"") STOP DONE);
        expect(stream, AIGW_OK,
               "START\nOPEN 0 thinking\nDELTA 0 thinking delta=t\nCLOSE 0 thinking\nOPEN 1 text\n"
               "DELTA 1 text delta=x\nCLOSE 1 text\nFINISH 0 native=stop\nEND\n");
    }
    expect(DELTA("\"reasoning_content\":\"t\"") DELTA(
               "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"S\"},"
               "{\"type\":\"redacted_thinking\",\"data\":\"D\"}]") STOP DONE,
           AIGW_OK,
           "START\nOPEN 0 thinking\nDELTA 0 thinking delta=t\nDELTA 0 thinking delta= "
           "signature=S\nCLOSE 0 thinking\n"
           "OPEN 1 redacted delta=D\nCLOSE 1 redacted\nFINISH 0 native=stop\nEND\n");
}

static void errors_and_junk(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *end;
    } cases[] = {
        {"data: {\"error\":{\"code\":400,\"message\":\"no\"}}\n\n",
         "ERROR kind=0 status=400 message=no\n"},
        {DELTA("\"content\":\"x\"") "data: {\"error\":\"boom\"}\n\n",
         "ERROR kind=12 status=0 message=boom\n"},
        {DELTA("\"content\":\"x\"") CHUNK("\"error\":{\"code\":502,\"message\":\"up\"}"),
         "ERROR kind=12 status=502 message=up\n"},
        {"data: {}\n\ndata: junk\n\n", "ERROR kind=12"},
        {"data: [1]\n\n", "ERROR kind=12"},
        {DELTA("\"content\":\"x\""), "ERROR kind=12"},
        {DONE, "ERROR kind=12"},
        {"", "ERROR kind=12"},
        {CHUNK("\"delta\":{}") "data: {\"id\":\"a\",\"choices\":[7]}\n\n", "ERROR kind=12"},
        {"data: {\"id\":\"a\",\"choices\":[{\"index\":4096}]}\n\n", "ERROR kind=12"},
        {"data: {\"id\":1,\"id\":2}\n\n", "ERROR kind=12"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *events;
        assert_int_equal(at_every_split(aigw_slice_of(cases[i].stream), &events), AIGW_E_UPSTREAM);
        if (strstr(events, cases[i].end) == NULL)
            fail_msg("%s gave %s", cases[i].stream, events);
        assert_null(strstr(events, "END"));
        free(events);
    }
    char *events;
    aigw_slice mid = stream_fixture("openai-compatible/openrouter-stream-error-mid");
    assert_int_equal(at_every_split(mid, &events), AIGW_E_UPSTREAM);
    assert_non_null(strstr(events, "USAGE 43 10"));
    assert_non_null(strstr(events, "ERROR kind=0 status=400 message=Token limit reached\n"));
    assert_null(strstr(events, "FINISH"));
    free(events);
    free((void *)(uintptr_t)mid.data);
    aigw_slice junk = stream_fixture("openai/broken-sse");
    assert_int_equal(at_every_split(junk, &events), AIGW_E_UPSTREAM);
    assert_int_equal(strncmp(events, "ERROR kind=12", 13), 0);
    free(events);
    free((void *)(uintptr_t)junk.data);
}

static void finishes_have_precedence(void **state)
{
    (void)state;
    expect(CALL("{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}")
               CHUNK("\"finish_reason\":\"length\"") STOP DONE,
           AIGW_OK,
           "START\nOPEN 0 call id=c name=f\nDELTA 0 call delta={\nCLOSE 0 call\nFINISH 2 "
           "native=length\nEND\n");
    expect(DELTA("\"content\":\"x\"") CHUNK("\"finish_reason\":\"tool_calls\"") DONE, AIGW_OK,
           "START\nOPEN 0 text\nDELTA 0 text delta=x\nCLOSE 0 text\nFINISH 0 "
           "native=tool_calls\nEND\n");
}

static void a_sink_can_stop_the_reader(void **state)
{
    (void)state;
    void *reader = calloc(1, WIRE->reader_size);
    record r = {.stop_at = 3};
    gw_buf_init(&r.text, 1 << 16);
    gw_event_sink sink = {record_event, &r};
    assert_int_equal(WIRE->reader_init(reader, 1 << 16), AIGW_OK);
    aigw_slice s = aigw_slice_of(DELTA("\"content\":\"x\"") STOP DONE);
    assert_int_equal(WIRE->reader_feed(reader, s, &sink, NULL), AIGW_E_CANCELLED);
    WIRE->reader_free(reader);
    free(reader);
    gw_buf_free(&r.text);
}

static void an_endless_event_is_refused(void **state)
{
    (void)state;
    void *reader = calloc(1, WIRE->reader_size);
    record r = {0};
    gw_buf_init(&r.text, 1 << 16);
    gw_event_sink sink = {record_event, &r};
    assert_int_equal(WIRE->reader_init(reader, 1000), AIGW_OK);
    int rc = WIRE->reader_feed(reader, GW_S("data: {\"a\":\""), &sink, NULL);
    for (int i = 0; i < 100 && rc == AIGW_OK; i++)
        rc = WIRE->reader_feed(reader, GW_S("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), &sink, NULL);
    assert_int_equal(rc, AIGW_E_UPSTREAM);
    assert_int_equal(WIRE->reader_end(reader, &sink, NULL), AIGW_E_UPSTREAM);
    WIRE->reader_free(reader);
    free(reader);
    gw_buf_free(&r.text);
}

typedef struct writing {
    void *writer;
    gw_buf *out;
    gw_fold *fold;
} writing;

static int write_it(void *user, const gw_event *ev)
{
    writing *w = user;
    int rc = WIRE->writer_event(w->writer, ev, w->out);
    return rc == AIGW_OK && w->fold != NULL ? gw_fold_event(w->fold, ev) : rc;
}

/* Reads a stream and writes it again. */
static char *rewrite(aigw_slice bytes, bool include_usage, int expected)
{
    gw_answer_options options = {
        .id_seed = GW_S("ab12"), .created = 5, .include_usage = include_usage};
    gw_buf out;
    gw_buf_init(&out, (size_t)8 << 20);
    writing w = {calloc(1, WIRE->writer_size), &out, NULL};
    void *reader = calloc(1, WIRE->reader_size);
    gw_event_sink sink = {write_it, &w};
    assert_int_equal(WIRE->writer_init(w.writer, &options), AIGW_OK);
    assert_int_equal(WIRE->reader_init(reader, 1 << 20), AIGW_OK);
    int rc = WIRE->reader_feed(reader, bytes, &sink, NULL);
    if (rc == AIGW_OK)
        rc = WIRE->reader_end(reader, &sink, NULL);
    assert_int_equal(rc, expected);
    WIRE->reader_free(reader);
    WIRE->writer_free(w.writer);
    free(reader);
    free(w.writer);
    char *text = text_of(&out);
    gw_buf_free(&out);
    return text;
}

/* START tells the head; what the writer adds ("{}" for no arguments) is there after the first round. */
static void read_write_read_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        aigw_slice bytes = stream_fixture(good[i]);
        char *once = rewrite(bytes, true, AIGW_OK), *twice, *a, *b;
        twice = rewrite(aigw_slice_of(once), true, AIGW_OK);
        assert_string_equal(once, twice);
        assert_int_equal(run_stream(bytes, 0, NULL, &a), AIGW_OK);
        assert_int_equal(run_stream(aigw_slice_of(once), 0, NULL, &b), AIGW_OK);
        if (strcmp(good[i], "openai-compatible/openrouter-stream-kimi-duplicate-role") != 0)
            assert_int_equal(strlen(a), strlen(b)); /* that one names no finish reason */
        free(a);
        free(b);
        free(once);
        free(twice);
        free((void *)(uintptr_t)bytes.data);
    }
}

static void chunks_are_exact(void **state)
{
    (void)state;
    const char *in = "data: "
                     "{\"id\":\"x\",\"model\":\"m\",\"created\":7,\"choices\":[{\"delta\":{\"tool_"
                     "calls\":[{\"index\":5,"
                     "\"id\":\"c\",\"function\":{\"name\":\"f\"}}]}}]}\n\n" STOP
                     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"x\":2}}\n\n" DONE;
#define HEAD                                                                                       \
    "data: "                                                                                       \
    "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\","            \
    "\"choices\":["
    char *out = rewrite(aigw_slice_of(in), true, AIGW_OK);
    assert_string_equal(
        out, HEAD
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null},\"finish_reason\":null}],"
        "\"usage\":null}\n\n" HEAD "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
        "\"c\",\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":null}],\"usage\":null}\n\n" HEAD
        "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]"
        "},"
        "\"finish_reason\":null}],\"usage\":null}\n\n" HEAD
        "{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":"
        "\"stop\"}],"
        "\"usage\":null}\n\n" HEAD "],\"usage\":{\"prompt_tokens\":1,\"x\":2}}\n\n" DONE);
    free(out);
    out = rewrite(aigw_slice_of(DELTA("\"content\":\"x\"") STOP DONE), false, AIGW_OK);
    assert_null(strstr(out, "usage"));
    assert_non_null(strstr(out, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"));
    assert_non_null(strstr(out, "\"created\":5"));
    free(out);
    out = rewrite(
        aigw_slice_of(DELTA("\"content\":\"x\"") "data: {\"error\":{\"message\":\"no\"}}\n\n"),
        false, AIGW_E_UPSTREAM);
    assert_non_null(strstr(out, "data: {\"error\":{\"message\":\"no\""));
    assert_null(strstr(out, "[DONE]"));
    free(out);
}

/* Citations may come before the text that they are for; the indexes span that text. */
static void citations_wait_for_their_text(void **state)
{
    (void)state;
    gw_answer_options options = {.created = 1};
    gw_buf out;
    void *writer = calloc(1, WIRE->writer_size);
    gw_buf_init(&out, 1 << 20);
    assert_int_equal(WIRE->writer_init(writer, &options), AIGW_OK);
    const gw_event events[] = {
        {.kind = GW_EV_START},
        {.kind = GW_EV_BLOCK_START},
        {.kind = GW_EV_DELTA, .delta = gw_jstr_lit("abc")},
        {.kind = GW_EV_BLOCK_STOP},
        {.kind = GW_EV_BLOCK_START, .block = 1},
        {.kind = GW_EV_DELTA, .block = 1, .raw.json = GW_S("{\"url\":\"u\",\"title\":\"t\"}")},
        {.kind = GW_EV_DELTA, .block = 1, .raw.json = GW_S("[{\"type\":\"char_location\"}]")},
        {.kind = GW_EV_DELTA, .block = 1, .delta = gw_jstr_lit("h\\u00e9\\n")},
        {.kind = GW_EV_BLOCK_STOP, .block = 1},
        {.kind = GW_EV_END},
    };
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        assert_int_equal(WIRE->writer_event(writer, &events[i], &out), AIGW_OK);
    char *text = text_of(&out);
    assert_non_null(strstr(text, "\"delta\":{\"annotations\":[{\"type\":\"url_citation\","
                                 "\"url_citation\":{\"start_index\":3,\"end_index\":6,"
                                 "\"url\":\"u\",\"title\":\"t\"}}]}"));
    WIRE->writer_free(writer);
    free(writer);
    free(text);
    gw_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_streams_are_whole),
        cmocka_unit_test(cut_streams_are_errors),
        cmocka_unit_test(text_and_usage),
        cmocka_unit_test(every_call_has_index_0),
        cmocka_unit_test(calls_without_index),
        cmocka_unit_test(interleaved_calls_stay_open),
        cmocka_unit_test(id_before_name_and_custom),
        cmocka_unit_test(reasoning_in_every_spelling),
        cmocka_unit_test(errors_and_junk),
        cmocka_unit_test(finishes_have_precedence),
        cmocka_unit_test(a_sink_can_stop_the_reader),
        cmocka_unit_test(an_endless_event_is_refused),
        cmocka_unit_test(read_write_read_is_read),
        cmocka_unit_test(chunks_are_exact),
        cmocka_unit_test(citations_wait_for_their_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
