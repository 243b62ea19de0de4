/* The tap of forwarded answers: verdicts, usage, and whether a stream may end. */
#include "unit/wire/openai_chat_help.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(recorded_streams_end),
        cmocka_unit_test(whole_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
