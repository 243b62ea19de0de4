/* The tap of forwarded answers: verdicts, usage, and whether a stream may end. */
#include "unit/wire/openai_chat/help.h"

typedef struct tapped {
    void *tap;
    aigw_usage usage;
    int verdicts[8];
} tapped;

static gw_tap_verdict look(void *tap, const char *data, aigw_usage *usage)
{
    gw_sse_event ev = {.data = aigw_slice_of(data), .has_data = true};
    return WIRE->tap_event(tap, &ev, usage);
}

static void verdicts(void **state)
{
    (void)state;
    void *tap = calloc(1, WIRE->tap_size);
    aigw_usage u = gw_usage_unknown();
    WIRE->tap_init(tap, true);
    gw_sse_event comment = {.has_data = false};
    assert_int_equal(WIRE->tap_event(tap, &comment, &u), GW_TAP_PASS);
    assert_int_equal(look(tap,
                          "{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{}\"},\"finish_"
                          "reason\":null}],\"usage\":null}",
                          &u),
                     GW_TAP_PASS);
    assert_false(WIRE->tap_complete(tap));
    assert_int_equal(
        look(tap,
             "{\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\":\\\"x\\\"\"}}],\"error\":null}",
             &u),
        GW_TAP_PASS);
    assert_int_equal(u.input_tokens, -1);
    assert_int_equal(look(tap,
                          "{\"choices\":[{\"delta\":{},\"finish_reason\" : "
                          "\"stop\"}],\"usage\":{\"prompt_tokens\":4}}",
                          &u),
                     GW_TAP_PASS);
    assert_true(WIRE->tap_complete(tap));
    assert_int_equal(u.input_tokens, 4);
    assert_int_equal(look(tap, "{\"choices\": [],\"usage\": {\"completion_tokens\":9}}", &u),
                     GW_TAP_DROP);
    assert_int_equal(u.output_tokens, 9);
    assert_int_equal(look(tap, " [DONE] ", &u), GW_TAP_LAST);
    assert_int_equal(look(tap, "{\"error\":{\"message\":\"x\"},\"choices\":[]}", &u), GW_TAP_ERROR);
    assert_int_equal(look(tap, "{\"choices\":[{\"error\":{\"message\":\"x\"}}]}", &u),
                     GW_TAP_ERROR);
    assert_int_equal(look(tap, "not json", &u), GW_TAP_BROKEN);
    assert_int_equal(look(tap, "{\"usage\":{\"prompt_tokens\":", &u), GW_TAP_BROKEN);
    WIRE->tap_init(tap, false);
    assert_false(WIRE->tap_complete(tap));
    assert_int_equal(look(tap, "{\"choices\":[],\"usage\":{\"completion_tokens\":9}}", &u),
                     GW_TAP_PASS);
    free(tap);
}

static int tap_it(void *user, const gw_sse_event *event)
{
    tapped *t = user;
    t->verdicts[WIRE->tap_event(t->tap, event, &t->usage)]++;
    return AIGW_OK;
}

static void recorded_streams_end(void **state)
{
    (void)state;
    static const char *const names[] = {"openai/stream-plain", "openai/stream-tool-call",
                                        "azure/stream-model-router",
                                        "openai-compatible/zai-stream-thinking"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[200];
        snprintf(path, sizeof(path), "%s.stream.sse", names[i]);
        aigw_slice bytes = fixture(path);
        tapped t = {.tap = calloc(1, WIRE->tap_size), .usage = gw_usage_unknown()};
        gw_sse sse;
        gw_sse_init(&sse, 1 << 20);
        WIRE->tap_init(t.tap, true);
        assert_int_equal(gw_sse_feed(&sse, bytes, tap_it, &t), AIGW_OK);
        assert_int_equal(gw_sse_end(&sse, tap_it, &t), AIGW_OK);
        assert_int_equal(t.verdicts[GW_TAP_LAST], 1);
        assert_int_equal(t.verdicts[GW_TAP_BROKEN] + t.verdicts[GW_TAP_ERROR], 0);
        assert_true(WIRE->tap_complete(t.tap));
        gw_sse_free(&sse);
        free(t.tap);
        free((void *)(uintptr_t)bytes.data);
    }
}

static void whole_answers(void **state)
{
    (void)state;
    aigw_usage u = gw_usage_unknown();
    assert_true(WIRE->tap_answer(
        GW_S("{\"choices\":[{}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
             "\"prompt_tokens_details\":{\"cached_tokens\":1,\"cache_write_tokens\":0},"
             "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}"),
        &u));
    assert_int_equal(u.input_tokens, 1);
    assert_int_equal(u.output_tokens, 2);
    assert_int_equal(u.cached_tokens, 1);
    assert_int_equal(u.cache_write_tokens, 0);
    assert_int_equal(u.reasoning_tokens, 2);
    assert_true(WIRE->tap_answer(GW_S("{\"choices\":[]}"), &u));
    static const char *const bad[] = {"",
                                      "<html>",
                                      "[]",
                                      "{}",
                                      "{\"error\":{}}",
                                      "{\"choices\":[],\"error\":{}}",
                                      "{\"choices\":["};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(WIRE->tap_answer(aigw_slice_of(bad[i]), &u));
}

/* The event comes with a line end of the one before it, and goes with it. */
static void repaired(void *tap, const char *data, gw_tap_verdict verdict, const char *wanted)
{
    char raw[1000];
    snprintf(raw, sizeof(raw), "\ndata:%s\r\n\r\n", data);
    gw_sse_event ev = {
        .data = gw_slice(raw + 6, strlen(data)), .raw = aigw_slice_of(raw), .has_data = true};
    aigw_usage u = gw_usage_unknown();
    gw_buf out;
    gw_buf_init(&out, 4096);
    assert_int_equal(WIRE->tap_event(tap, &ev, &u), verdict);
    assert_int_equal(WIRE->tap_repair(tap, &ev, verdict, &out), wanted[0] != '\0');
    gw_buf_putc(&out, '\0');
    assert_string_equal(gw_buf_slice(&out).data, wanted);
    gw_buf_free(&out);
}

#define CHUNK_HEAD "{\"id\":\"c\",\"x\":1.50,\"choices\":[{\"index\":0,\"delta\":{"
#define PART(...)  CHUNK_HEAD __VA_ARGS__ "}}]}"
#define SENT(...)  "\ndata:" CHUNK_HEAD __VA_ARGS__ "}}]}\r\n\r\n"
#define CALLS(...) "\"tool_calls\":[" __VA_ARGS__ "]"

/* Clients join ids, names and roles that are said twice, and fail on indexes with gaps. */
static void what_clients_break_on_is_repaired(void **state)
{
    (void)state;
    void *tap = calloc(1, WIRE->tap_size);
    aigw_usage u = gw_usage_unknown();
    WIRE->tap_init(tap, true);
    assert_int_equal(look(tap, PART("\"role\":\"assistant\",\"content\":\"\""), &u), GW_TAP_PASS);
    repaired(tap, PART("\"role\":\"assistant\",\"content\":\"a\""), GW_TAP_REPAIR,
             SENT("\"content\":\"a\""));
    repaired(tap,
             PART(CALLS("{\"index\":1,\"id\":\"p\",\"function\":{\"name\":\"f\",\"arguments\":"
                        "\"\"}}")),
             GW_TAP_REPAIR,
             SENT(CALLS("{\"index\":0,\"id\":\"p\",\"function\":{\"name\":\"f\",\"arguments\":"
                        "\"\"}}")));
    repaired(tap,
             PART(CALLS("{\"index\":1,\"id\":\"p\",\"y\":[ ],\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"}}")),
             GW_TAP_REPAIR,
             SENT(CALLS("{\"index\":0,\"y\":[ ],\"function\":{\"arguments\":\"{}\"}}")));
    /* A new id at a used index, and no index at all, are new calls. */
    repaired(tap,
             PART(CALLS("{\"index\":1,\"id\":\"q\",\"function\":{\"name\":\"g\"}}"
                        ",{\"id\":\"r\",\"function\":{\"name\":\"h\"}}")),
             GW_TAP_REPAIR,
             SENT(CALLS("{\"index\":1,\"id\":\"q\",\"function\":{\"name\":\"g\"}}"
                        ",{\"index\":2,\"id\":\"r\",\"function\":{\"name\":\"h\"}}")));
    repaired(tap, "[DONE]", GW_TAP_LAST,
             "\ndata: {\"object\":\"chat.completion.chunk\",\"id\":\"c\",\"choices\":[{\"index\":0,"
             "\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata:[DONE]\r\n\r\n");
    /* What is as it should be passes. */
    WIRE->tap_init(tap, true);
    assert_int_equal(
        look(tap, PART(CALLS("{\"index\":0,\"id\":\"p\",\"function\":{\"name\":\"f\"}}")), &u),
        GW_TAP_PASS);
    assert_int_equal(
        look(tap, PART(CALLS("{\"index\":0,\"function\":{\"arguments\":\"{}\"}}")), &u),
        GW_TAP_PASS);
    assert_int_equal(look(tap, "{\"choices\":[{\"finish_reason\":\"stop\"}]}", &u), GW_TAP_PASS);
    repaired(tap, "[DONE]", GW_TAP_LAST, "");
    /* Clients look for the very word. */
    repaired(tap, " [DONE] ", GW_TAP_LAST, "\ndata: [DONE]\n\n");
    repaired(tap, "\n[DONE]", GW_TAP_LAST, "\ndata: [DONE]\n\n");
    free(tap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(recorded_streams_end),
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(what_clients_break_on_is_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
