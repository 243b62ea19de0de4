/* Messages streams: the reader's events, the writer's order, the tap's verdicts. */
/* Must not depend on another format. */
#include "unit/wire/anthropic/kit.h"

static const gw_wire *const W = &gw_wire_anthropic;

/* Events as one line each, so that a test can compare whole streams. */
typedef struct trace {
    gw_buf text;
    gw_fold *fold;
} trace;

static void put(gw_buf *b, const char *name, gw_jstr s)
{
    if (gw_has(s)) {
        gw_buf_printf(b, " %s=%.*s", name, (int)s.inner.len, s.inner.data);
    }
}

static int record(void *user, const gw_event *ev)
{
    static const char *const kinds[] = {"start",  "open", "delta", "stop", "usage",
                                        "finish", "ping", "end",   "error"};
    trace *t = user;
    gw_buf_printf(&t->text, "%s", kinds[ev->kind]);
    if (ev->kind >= GW_EV_BLOCK_START && ev->kind <= GW_EV_BLOCK_STOP) {
        gw_buf_printf(&t->text, " %u/%d", ev->block, (int)ev->block_kind);
    }
    put(&t->text, "id", ev->id);
    put(&t->text, "model", ev->model);
    put(&t->text, "call", ev->call_id);
    put(&t->text, "tool", ev->tool_name);
    put(&t->text, "text", ev->delta);
    put(&t->text, "sig", ev->signature);
    put(&t->text, "raw", (gw_jstr){ev->raw.json});
    if (ev->kind == GW_EV_USAGE) {
        gw_buf_printf(&t->text, " in=%lld out=%lld hit=%lld made=%lld think=%lld",
                      (long long)ev->usage.input_tokens, (long long)ev->usage.output_tokens,
                      (long long)ev->usage.cached_tokens, (long long)ev->usage.cache_write_tokens,
                      (long long)ev->usage.reasoning_tokens);
    }
    if (ev->kind == GW_EV_FINISH) {
        gw_buf_printf(&t->text, " %d", (int)ev->finish);
        put(&t->text, "native", ev->native_finish);
        put(&t->text, "seq", ev->stop_sequence);
        put(&t->text, "refusal", ev->refusal);
    }
    if (ev->kind == GW_EV_ERROR) {
        gw_buf_printf(&t->text, " %d", (int)ev->error.kind);
        put(&t->text, "message", ev->error.message);
    }
    gw_buf_putc(&t->text, '\n');
    return gw_fold_event(t->fold, ev);
}

/* Feeds `text` in pieces of `step` bytes; the events and the code of the last call. */
static int run(kit *k, const char *text, size_t step, trace *t)
{
    _Alignas(16) static unsigned char state[8192];
    assert_true(W->reader_size <= sizeof state);
    memset(state, 0, sizeof state);
    gw_buf_init(&t->text, 1u << 20);
    t->fold = gw_fold_new(k->arena);
    assert_int_equal(W->reader_init(state, 64 * 1024), AIGW_OK);
    gw_event_sink sink = {record, t};
    size_t len = strlen(text);
    int rc = AIGW_OK;
    for (size_t i = 0; i < len && rc == AIGW_OK; i += step) {
        rc = W->reader_feed(state, gw_slice(text + i, step < len - i ? step : len - i), &sink,
                            &k->err);
    }
    if (rc == AIGW_OK) {
        rc = W->reader_end(state, &sink, &k->err);
    }
    gw_buf_putc(&t->text, '\0');
    W->reader_free(state);
    return rc;
}

static void expect(const char *stream, int code, const char *events)
{
    static const size_t steps[] = {100000, 1, 2, 3, 7, 64};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        kit k;
        trace t;
        kit_open(&k);
        int rc = run(&k, stream, steps[i], &t);
        assert_string_equal(gw_buf_slice(&t.text).data, events);
        assert_int_equal(rc, code);
        gw_answer answer;
        gw_api_error error;
        int folded = gw_fold_result(t.fold, &answer, &error);
        assert_int_equal(folded, code == AIGW_OK ? AIGW_OK : AIGW_E_UPSTREAM);
        gw_buf_free(&t.text);
        kit_close(&k);
    }
}

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define START                                                                                      \
    EV("message_start",                                                                            \
       ",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"usage\":{\"input_tokens\":5,"             \
       "\"cache_read_input_tokens\":2,\"output_tokens\":1}}")
#define OPEN(index, block)                                                                         \
    EV("content_block_start", ",\"index\":" index ",\"content_block\":" block)
#define DELTA(index, delta) EV("content_block_delta", ",\"index\":" index ",\"delta\":" delta)
#define STOP(index)         EV("content_block_stop", ",\"index\":" index)
#define TEXT0               "{\"type\":\"text\",\"text\":\"\"}"
#define DONE(reason)                                                                               \
    EV("message_delta",                                                                            \
       ",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":{\"output_tokens\":9}")              \
    EV("message_stop", "")
#define START_LINES "start id=msg_1 model=m\nusage in=7 out=1 hit=2 made=-1 think=-1\n"
#define END_LINES(n, word)                                                                         \
    "usage in=7 out=9 hit=2 made=-1 think=-1\nfinish " n " native=" word "\nend\n"

static void test_text_and_ping_and_news(void **state)
{
    (void)state;
    expect(START EV("ping", "") OPEN("0", TEXT0)
               DELTA("0", "{\"type\":\"text_delta\",\"text\":\"H\\u00e9\"}")
                   EV("brand_new", ",\"x\":1") DELTA("0", "{\"type\":\"new_delta\",\"text\":\"?\"}")
                       STOP("0") DONE("end_turn") ": bye\n\n",
           AIGW_OK,
           START_LINES
           "ping\nopen 0/0\ndelta 0/0 text=H\\u00e9\nstop 0/0\n" END_LINES("0", "end_turn"));
}

static void test_thinking_with_signature(void **state)
{
    (void)state;
    expect(START OPEN("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
               DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
                   DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"S=\"}") STOP("0")
                       OPEN("1", "{\"type\":\"redacted_thinking\",\"data\":\"D\"}") STOP("1")
                           DONE("max_tokens"),
           AIGW_OK,
           START_LINES "open 0/2\ndelta 0/2 text=hm\ndelta 0/2 sig=S=\nstop 0/2\n"
                       "open 1/3 text=D\nstop 1/3\n" END_LINES("2", "max_tokens"));
}

#define TOOL(id, input)                                                                            \
    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":" input "}"
#define ARGS(json) "{\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"}"

static void test_tool_arguments(void **state)
{
    (void)state;
    /* Empty deltas are {}; an input at the start counts when no delta says anything. */
    expect(
        START OPEN("0", TOOL("a", "{}")) DELTA("0", ARGS("")) STOP("0")
            OPEN("1", TOOL("b", "{\"q\": [1, \"x y\"]}")) STOP("1") OPEN("2", TOOL("c", "{}"))
                DELTA("2", ARGS("{\\\"a\\\"")) DELTA("2", ARGS(":1}")) STOP("2") DONE("tool_use"),
        AIGW_OK,
        START_LINES "open 0/4 call=a tool=f\ndelta 0/4 text={}\nstop 0/4\n"
                    "open 1/4 call=b tool=f\ndelta 1/4 text={\\\"q\\\":[1,\\\"x y\\\"]}\nstop 1/4\n"
                    "open 2/4 call=c tool=f\ndelta 2/4 text={\\\"a\\\"\ndelta 2/4 text=:1}\n"
                    "stop 2/4\n" END_LINES("3", "tool_use"));
}

static void test_server_tools_are_native(void **state)
{
    (void)state;
    expect(
        START OPEN(
            "0", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}")
            DELTA("0", ARGS("")) DELTA("0", ARGS("{\\\"q\\\":")) DELTA("0", ARGS("\\\"z\\\"}"))
                STOP("0") OPEN("1", "{\"type\":\"web_search_tool_result\",\"content\":[]}")
                    STOP("1") OPEN("2", "{\"citations\":[],\"type\":\"text\",\"text\":\"\"}")
                        DELTA("2", "{\"type\":\"citations_delta\",\"citation\":{\"type\":"
                                   "\"web_search_result_location\"}}") STOP("2") DONE("pause_turn"),
        AIGW_OK,
        START_LINES
        "open 0/5 raw={\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\","
        "\"input\":{\"q\":\"z\"}}\nstop 0/5\n"
        "open 1/5 raw={\"type\":\"web_search_tool_result\",\"content\":[]}\nstop 1/5\n"
        "open 2/0\ndelta 2/0 raw={\"type\":\"web_search_result_location\"}\nstop 2/0\n" END_LINES(
            "5", "pause_turn"));
}

static void test_second_start(void **state)
{
    (void)state;
    expect(START START OPEN("0", TEXT0) STOP("0") START DONE("end_turn"), AIGW_OK,
           START_LINES "open 0/0\nstop 0/0\n" END_LINES("0", "end_turn"));
    /* Another message behind content cannot be told to anybody. */
    expect(START OPEN("0", TEXT0) STOP("0") EV("message_start", ",\"message\":{\"id\":\"msg_2\"}")
               DONE("end_turn"),
           AIGW_E_UPSTREAM,
           START_LINES "open 0/0\nstop 0/0\n"
                       "error 12 message=The provider began a second message in one stream.\n");
}

static void test_missing_events_are_mended(void **state)
{
    (void)state;
    expect(OPEN("0", TEXT0) DELTA("0", "{\"type\":\"text_delta\",\"text\":\"x\"}") DONE("end_turn"),
           AIGW_OK,
           "start\nopen 0/0\ndelta 0/0 text=x\nstop 0/0\n"
           "usage in=-1 out=9 hit=-1 made=-1 think=-1\nfinish 0 native=end_turn\nend\n");
}

static void test_stop_sequence_and_refusal(void **state)
{
    (void)state;
    expect(START EV("message_delta",
                    ",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":"
                    "\"a\\nb\"},\"usage\":{\"input_tokens\":null,\"output_tokens\":3,"
                    "\"output_tokens_details\":{\"thinking_tokens\":2}}") EV("message_stop", ""),
           AIGW_OK,
           START_LINES "usage in=7 out=3 hit=2 made=-1 think=2\n"
                       "finish 1 native=stop_sequence seq=a\\nb\nend\n");
    expect(START EV("message_delta",
                    ",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":{\"type\":"
                    "\"refusal\",\"explanation\":\"no\"}}") EV("message_stop", ""),
           AIGW_OK, START_LINES "finish 4 native=refusal refusal=no\nend\n");
}

static void test_failures(void **state)
{
    (void)state;
    expect(START OPEN("0", TEXT0)
               EV("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Over\"}")
                   DONE("end_turn"),
           AIGW_E_UPSTREAM, START_LINES "open 0/0\nerror 9 message=Over\n");
    expect("data: {\"error\":{\"message\":\"plain\"}}\n\n", AIGW_E_UPSTREAM,
           "error 12 message=plain\n");
    expect(START OPEN("0", TEXT0), AIGW_E_UPSTREAM,
           START_LINES "open 0/0\n"
                       "error 12 message=The provider's stream ended before the message did.\n");
    expect("", AIGW_E_UPSTREAM,
           "error 12 message=The provider's stream ended before the message did.\n");
    expect(START "data: <html>\n\n" DONE("end_turn"), AIGW_E_UPSTREAM,
           START_LINES
           "error 12 message=The provider sent something that is not an event of this API.\n");
    expect(START DELTA("0", "{\"type\":\"text_delta\",\"text\":\"x\"}"), AIGW_E_UPSTREAM,
           START_LINES "error 12 message=The provider sent a part of a block that is not open.\n");
}

static void test_oversized_event_is_an_error(void **state)
{
    (void)state;
    enum { BYTES = 200 * 1024 };
    kit k;
    trace t;
    kit_open(&k);
    char *text = gw_arena_alloc(k.arena, BYTES + 1);
    memset(text, 'x', BYTES);
    memcpy(text, "data: ", 6);
    text[BYTES] = '\0';
    assert_int_equal(run(&k, text, 1000, &t), AIGW_E_UPSTREAM);
    assert_string_equal(gw_buf_slice(&t.text).data,
                        "error 12 message=The provider sent an event that is too large.\n");
    gw_buf_free(&t.text);
    kit_close(&k);
}

/* --- the writer --- */

typedef struct pen {
    _Alignas(16) unsigned char state[8192];
    gw_buf out;
} pen;

static void pen_open(pen *p, const char *seed)
{
    memset(p->state, 0, sizeof p->state);
    gw_answer_options options = {.id_seed = aigw_slice_of(seed)};
    assert_true(W->writer_size <= sizeof p->state);
    assert_int_equal(W->writer_init(p->state, &options), AIGW_OK);
    gw_buf_init(&p->out, 1u << 20);
}

static void pen_close(pen *p)
{
    W->writer_free(p->state);
    gw_buf_free(&p->out);
}

static void say(pen *p, gw_event ev)
{
    if (ev.kind != GW_EV_USAGE) {
        ev.usage = gw_usage_unknown();
    }
    assert_int_equal(W->writer_event(p->state, &ev, &p->out), AIGW_OK);
}

static void wrote(pen *p, const char *expected)
{
    gw_buf_putc(&p->out, '\0');
    assert_string_equal(gw_buf_slice(&p->out).data, expected);
}

#define W_START                                                                                    \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"type\":"  \
    "\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,"      \
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,"      \
    "\"cache_read_input_tokens\":0,\"output_tokens\":0}}}\n\n"
#define W_END(reason, in, out)                                                                     \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason \
    "\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":" in                                   \
    ",\"cache_creation_input_tokens\":0,"                                                          \
    "\"cache_read_input_tokens\":4,\"output_tokens\":" out "}}\n\n"                                \
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static void say_start(pen *p)
{
    say(p, (gw_event){.kind = GW_EV_START, .id = gw_jstr_lit("x"), .model = gw_jstr_lit("m")});
}

static void say_end(pen *p, gw_finish finish)
{
    say(p, (gw_event){.kind = GW_EV_FINISH, .finish = finish});
    say(p, (gw_event){.kind = GW_EV_USAGE, .usage = {10, 3, 4, -1, -1}});
    say(p, (gw_event){.kind = GW_EV_END});
}

static gw_event call(gw_event_kind kind, uint32_t block, const char *text)
{
    gw_event ev = {.kind = kind, .block = block, .block_kind = GW_BLOCK_TOOL_CALL};
    if (kind == GW_EV_BLOCK_START) {
        ev.call_id = gw_jstr_lit(text);
        ev.tool_name = gw_jstr_lit("f");
    } else if (text != NULL) {
        ev.delta = gw_jstr_lit(text);
    }
    return ev;
}

#define W_TOOL(i, id)                                                                              \
    OPEN(i, "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}")

static void test_writer_holds_usage_back(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say(&p, (gw_event){.kind = GW_EV_PING});
    say_start(&p);
    say(&p, (gw_event){.kind = GW_EV_BLOCK_START, .block_kind = GW_BLOCK_TEXT});
    say(&p, (gw_event){.kind = GW_EV_PING});
    say(&p, (gw_event){.kind = GW_EV_DELTA, .delta = gw_jstr_lit("a\\nb")});
    say(&p, (gw_event){.kind = GW_EV_BLOCK_STOP});
    say_end(&p, GW_FINISH_STOP);
    say(&p, (gw_event){.kind = GW_EV_ERROR});
    wrote(&p, W_START OPEN("0", TEXT0) EV("ping", "")
                  DELTA("0", "{\"type\":\"text_delta\",\"text\":\"a\\nb\"}") STOP("0")
                      W_END("end_turn", "6", "3"));
    pen_close(&p);
}

static void test_writer_serialises_interleaved_calls(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say_start(&p);
    say(&p, call(GW_EV_BLOCK_START, 0, "a"));
    say(&p, call(GW_EV_BLOCK_START, 1, "b"));
    say(&p, call(GW_EV_BLOCK_START, 2, "c"));
    say(&p, call(GW_EV_DELTA, 1, "1"));
    say(&p, call(GW_EV_DELTA, 0, "0"));
    say(&p, call(GW_EV_DELTA, 1, "1"));
    say(&p, call(GW_EV_BLOCK_STOP, 1, NULL));
    say(&p, call(GW_EV_DELTA, 2, "2"));
    say(&p, call(GW_EV_BLOCK_STOP, 0, NULL));
    say(&p, call(GW_EV_DELTA, 2, "3"));
    say_end(&p, GW_FINISH_STOP); /* the host's word; there were calls */
    wrote(&p, W_START W_TOOL("0", "a") DELTA("0", ARGS("0")) STOP("0") W_TOOL("1", "b")
                  DELTA("1", ARGS("1")) DELTA("1", ARGS("1")) STOP("1") W_TOOL("2", "c")
                      DELTA("2", ARGS("2")) DELTA("2", ARGS("3")) STOP("2")
                          W_END("tool_use", "6", "3"));
    pen_close(&p);
}

static void test_writer_drops_foreign_natives_and_keeps_indexes_dense(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say_start(&p);
    gw_event native = {.kind = GW_EV_BLOCK_START, .block_kind = GW_BLOCK_NATIVE};
    native.raw.json = GW_S("{\"type\":\"executable_code\"}");
    say(&p, native);
    native.kind = GW_EV_BLOCK_STOP;
    say(&p, native);
    gw_event thinking = {.kind = GW_EV_BLOCK_START, .block = 1, .block_kind = GW_BLOCK_THINKING};
    say(&p, thinking);
    thinking.kind = GW_EV_DELTA;
    thinking.delta = gw_jstr_lit("hm");
    thinking.signature = gw_jstr_lit("S");
    say(&p, thinking);
    thinking = (gw_event){.kind = GW_EV_BLOCK_STOP, .block = 1, .block_kind = GW_BLOCK_THINKING};
    say(&p, thinking);
    say_end(&p, GW_FINISH_LENGTH);
    wrote(&p, W_START OPEN("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
                  DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
                      DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"S\"}") STOP("0")
                          W_END("max_tokens", "6", "3"));
    pen_close(&p);
}

static void test_writer_starts_when_the_provider_forgot(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say(&p, call(GW_EV_BLOCK_START, 0, ""));
    gw_buf_putc(&p.out, '\0');
    const char *text = gw_buf_slice(&p.out).data;
    kit_has(text, "event: message_start\n");
    kit_has(text, "\"id\":\"msg_5eed\"");
    kit_has(text, "\"id\":\"toolu_5eed_0\"");
    assert_true(strncmp(text, "event: message_start", 20) == 0);
    pen_close(&p);
}

static void test_writer_error_ends_it(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say(&p, (gw_event){.kind = GW_EV_ERROR,
                       .error = {.kind = GW_ERR_OVERLOADED, .message = gw_jstr_lit("busy")}});
    say_end(&p, GW_FINISH_STOP);
    wrote(&p, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
              "\"message\":\"busy\"}}\n\n");
    pen_close(&p);
}

static void test_writer_wraps_custom_input(void **state)
{
    (void)state;
    pen p;
    pen_open(&p, "5eed");
    say_start(&p);
    gw_event ev = call(GW_EV_BLOCK_START, 0, "a");
    ev.custom = true;
    say(&p, ev);
    ev = call(GW_EV_DELTA, 0, "say \\\"hi\\\"");
    ev.custom = true;
    say(&p, ev);
    say(&p, call(GW_EV_BLOCK_STOP, 0, NULL));
    wrote(&p, W_START W_TOOL("0", "a") DELTA("0", ARGS("{\\\"input\\\":\\\""))
                  DELTA("0", ARGS("say \\\\\\\"hi\\\\\\\"")) DELTA("0", ARGS("\\\"}")) STOP("0"));
    pen_close(&p);
}

/* --- the tap --- */

static gw_tap_verdict tap(void *state, const char *type, const char *data, aigw_usage *usage)
{
    gw_sse_event ev = {.type = aigw_slice_of(type), .data = aigw_slice_of(data), .has_data = true};
    return W->tap_event(state, &ev, usage);
}

static void test_tap(void **state)
{
    (void)state;
    _Alignas(16) unsigned char t[256];
    aigw_usage usage = gw_usage_unknown();
    assert_true(W->tap_size <= sizeof t);
    memset(t, 0, sizeof t);
    W->tap_init(t, true);
    const char *start = "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,"
                        "\"cache_creation_input_tokens\":4}}}";
    assert_int_equal(tap(t, "message_start", start, &usage), GW_TAP_PASS);
    assert_int_equal(usage.input_tokens, 7);
    assert_int_equal(tap(t, "message_start", start, &usage), GW_TAP_DROP);
    assert_int_equal(tap(t, "content_block_delta", "{", &usage), GW_TAP_PASS);
    assert_int_equal(tap(t, "message_delta", "{\"usage\":{\"output_tokens\":8}}", &usage),
                     GW_TAP_PASS);
    assert_int_equal(usage.output_tokens, 8);
    assert_int_equal(usage.cache_write_tokens, 4);
    assert_false(W->tap_complete(t));
    assert_int_equal(tap(t, "message_stop", "{}", &usage), GW_TAP_LAST);
    assert_true(W->tap_complete(t));
    W->tap_init(t, true);
    assert_int_equal(tap(t, "error", "{}", &usage), GW_TAP_ERROR);
    assert_false(W->tap_complete(t));
}

static void test_tap_answer(void **state)
{
    (void)state;
    aigw_usage usage = gw_usage_unknown();
    assert_true(
        W->tap_answer(GW_S("{\"type\":\"message\",\"content\":[],\"usage\":{\"input_tokens\":1,"
                           "\"cache_read_input_tokens\":2,\"output_tokens\":3}}"),
                      &usage));
    assert_int_equal(usage.input_tokens, 3);
    assert_int_equal(usage.cached_tokens, 2);
    assert_false(W->tap_answer(GW_S("{\"type\":\"error\"}"), &usage));
    assert_false(W->tap_answer(GW_S("<html>"), &usage));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_ping_and_news),
        cmocka_unit_test(test_thinking_with_signature),
        cmocka_unit_test(test_tool_arguments),
        cmocka_unit_test(test_server_tools_are_native),
        cmocka_unit_test(test_second_start),
        cmocka_unit_test(test_missing_events_are_mended),
        cmocka_unit_test(test_stop_sequence_and_refusal),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_oversized_event_is_an_error),
        cmocka_unit_test(test_writer_holds_usage_back),
        cmocka_unit_test(test_writer_serialises_interleaved_calls),
        cmocka_unit_test(test_writer_drops_foreign_natives_and_keeps_indexes_dense),
        cmocka_unit_test(test_writer_starts_when_the_provider_forgot),
        cmocka_unit_test(test_writer_error_ends_it),
        cmocka_unit_test(test_writer_wraps_custom_input),
        cmocka_unit_test(test_tap),
        cmocka_unit_test(test_tap_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
