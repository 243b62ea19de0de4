/* The public translations: options, ownership, the same format on both ends, and every failing allocation. */
/* Must not repeat what the golden tests say about formats. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/text.h"
#include "unit/base/fault_alloc.h"
#include <aigw/translate.h>
#include <string.h>

#define CC  AIGW_FORMAT_OPENAI_CHAT
#define MSG AIGW_FORMAT_ANTHROPIC

static const char chat[] = "{\"model\":\"m\",\"seed\":1,\"messages\":[{\"role\":\"system\","
                           "\"content\":\"s\"},{\"role\":\"user\","
                           "\"content\":\"hi\"}],\"tools\":[{\"type\":\"function\",\"function\":{"
                           "\"name\":\"f\",\"parameters\":{}}}]}";
static const char message[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{"
    "\"type\":"
    "\"text\",\"text\":\"x\"},{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"b\": "
    "1}}],"
    "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}";
static const char chunks[] =
    "data: "
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":"
    "0,\"id\":"
    "\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}},{\"index\":1,\"id\":\"b\","
    "\"function\":{\"name\":"
    "\"g\",\"arguments\":\"{}\"}},{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: "
    "[DONE]\n\n";
static const char events[] =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\","
    "\"usage\":{\"input_tokens\":7}}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
    "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"w\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
    "\"usage\":{\"output_tokens\":8}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static aigw_slice str(const char *s)
{
    return (aigw_slice){s, strlen(s)};
}

static bool contains(aigw_slice text, const char *part)
{
    return gw_find(text, str(part)) != NULL;
}

static void test_request_and_drops(void **state)
{
    (void)state;
    aigw_translation *t = NULL;
    aigw_translate_options options = {
        .size = sizeof options, .model = GW_S("claude \"x\""), .default_max_tokens = 77};
    assert_int_equal(aigw_translate_request(CC, MSG, str(chat), &options, &t, NULL), AIGW_OK);
    assert_true(
        contains(aigw_translation_body(t), "\"model\":\"claude \\\"x\\\"\",\"max_tokens\":77"));
    assert_int_equal(aigw_translation_drop_count(t), 1);
    aigw_drop drop = aigw_translation_drop(t, 0);
    assert_true(gw_eq(drop.pointer, GW_S("/seed")));
    assert_true(drop.reason.len > 0);
    aigw_translation_free(t);
}

static void test_strict_refuses_and_leaves_out_alone(void **state)
{
    (void)state;
    aigw_error err = {0};
    aigw_translation *t = (aigw_translation *)&err; /* any value: it must stay */
    aigw_translate_options options = {.size = sizeof options, .strict = true};
    assert_int_equal(aigw_translate_request(CC, MSG, str(chat), &options, &t, &err),
                     AIGW_E_UNSUPPORTED);
    assert_ptr_equal(t, &err);
    assert_string_equal(err.pointer, "/seed");
    assert_int_equal(err.http_status, 400);
    aigw_translation_free(NULL);
}

static void test_bad_calls(void **state)
{
    (void)state;
    aigw_translation *t = NULL;
    aigw_stream *s = NULL;
    aigw_error err;
    assert_int_equal(aigw_translate_request((aigw_format)9, MSG, str(chat), NULL, &t, &err),
                     AIGW_E_INVALID);
    assert_int_equal(aigw_translate_request(CC, MSG, str("{\"a\":1,\"a\":2}"), NULL, &t, &err),
                     AIGW_E_PARSE);
    assert_int_equal(aigw_translate_answer(MSG, CC, str("{\"type\":\"error\"}"), NULL, &t, &err),
                     AIGW_E_UPSTREAM);
    assert_int_equal(aigw_stream_new(CC, (aigw_format)0, NULL, &s, &err), AIGW_E_INVALID);
    assert_null(t);
    assert_null(s);
    aigw_stream_free(NULL);
}

static void test_same_format_patches_the_model_only(void **state)
{
    (void)state;
    aigw_translation *t = NULL;
    assert_int_equal(aigw_translate_request(CC, CC, str(chat), NULL, &t, NULL), AIGW_OK);
    assert_true(gw_eq(aigw_translation_body(t), str(chat)));
    aigw_translation_free(t);
    aigw_translate_options options = {.size = sizeof options, .model = GW_S("other")};
    assert_int_equal(aigw_translate_request(CC, CC, str(chat), &options, &t, NULL), AIGW_OK);
    aigw_slice body = aigw_translation_body(t);
    assert_true(contains(body, "{\"model\":\"other\",\"seed\":1,"));
    assert_int_equal(body.len, strlen(chat) + 4);
    aigw_translation_free(t);
}

static void test_answer(void **state)
{
    (void)state;
    aigw_translation *t = NULL;
    aigw_translate_options options = {
        .size = sizeof options, .model = GW_S("alias"), .created_unix_s = 12};
    assert_int_equal(aigw_translate_answer(MSG, CC, str(message), &options, &t, NULL), AIGW_OK);
    aigw_slice body = aigw_translation_body(t);
    assert_true(contains(body, "\"created\":12"));
    assert_true(contains(body, "\"model\":\"alias\""));
    assert_true(contains(body, "\"arguments\":\"{\\\"b\\\":1}\""));
    aigw_translation_free(t);
}

static void test_errors(void **state)
{
    (void)state;
    int status = 0;
    aigw_translation *t = NULL;
    const char *own = "{\"error\":{\"message\":\"m\",\"mine\":1}}";
    assert_int_equal(aigw_translate_error(CC, CC, 418, str(own), &status, &t, NULL), AIGW_OK);
    assert_int_equal(status, 418);
    assert_true(gw_eq(aigw_translation_body(t), str(own)));
    aigw_translation_free(t);
    /* What is no JSON becomes the dialect's, even on the same format. */
    assert_int_equal(aigw_translate_error(CC, CC, 502, str("<html>"), &status, &t, NULL), AIGW_OK);
    assert_true(contains(aigw_translation_body(t), "{\"error\":{\"message\":"));
    assert_int_equal(status, 502);
    aigw_translation_free(t);
}

static void test_stream_consume_and_usage(void **state)
{
    (void)state;
    aigw_stream *s = NULL;
    aigw_usage usage;
    assert_int_equal(aigw_stream_new(CC, MSG, NULL, &s, NULL), AIGW_OK);
    assert_int_equal(aigw_stream_feed(s, str(chunks), NULL), AIGW_OK);
    assert_int_equal(aigw_stream_finish(s, NULL), AIGW_OK);
    aigw_slice all = aigw_stream_output(s);
    assert_true(contains(all, "event: message_stop"));
    aigw_stream_consume(s, all.len);
    assert_int_equal(aigw_stream_output(s).len, 0);
    aigw_stream_usage(s, &usage);
    assert_int_equal(usage.input_tokens, 3);
    assert_int_equal(usage.output_tokens, 4);
    assert_int_equal(usage.cached_tokens, -1);
    aigw_stream_free(s);
}

static void test_stream_failure_stays(void **state)
{
    (void)state;
    aigw_stream *s = NULL;
    aigw_error err;
    assert_int_equal(aigw_stream_new(MSG, CC, NULL, &s, NULL), AIGW_OK);
    assert_int_equal(aigw_stream_feed(s, str("data: nonsense\n\n"), &err), AIGW_E_UPSTREAM);
    assert_int_equal(err.http_status, 502);
    size_t len = aigw_stream_output(s).len;
    assert_true(len > 0);
    assert_int_equal(aigw_stream_feed(s, str(events), &err), AIGW_E_UPSTREAM);
    assert_int_equal(aigw_stream_finish(s, &err), AIGW_E_UPSTREAM);
    assert_int_equal(aigw_stream_output(s).len, len);
    aigw_stream_free(s);
}

static void test_passing_stream_hides_usage_that_nobody_asked_for(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        aigw_stream *s = NULL;
        aigw_usage usage;
        aigw_stream_options options = {.size = sizeof options, .include_usage = wanted};
        assert_int_equal(aigw_stream_new(CC, CC, &options, &s, NULL), AIGW_OK);
        assert_int_equal(aigw_stream_feed(s, str(chunks), NULL), AIGW_OK);
        assert_int_equal(aigw_stream_finish(s, NULL), AIGW_OK);
        assert_int_equal(contains(aigw_stream_output(s), "\"prompt_tokens\":3"), wanted);
        assert_true(contains(aigw_stream_output(s), "[DONE]"));
        aigw_stream_usage(s, &usage);
        assert_int_equal(usage.input_tokens, 3);
        aigw_stream_free(s);
    }
}

/* One run of everything; the first code that is not AIGW_OK. */
static int run_stream(aigw_format from, aigw_format to, const char *text)
{
    aigw_stream *s = NULL;
    int rc = aigw_stream_new(from, to, NULL, &s, NULL);
    for (size_t i = 0; rc == AIGW_OK && i < strlen(text); i += 40) {
        size_t left = strlen(text) - i;
        rc = aigw_stream_feed(s, gw_slice(text + i, left < 40 ? left : 40), NULL);
    }
    if (rc == AIGW_OK) {
        rc = aigw_stream_finish(s, NULL);
    }
    aigw_stream_free(s);
    return rc;
}

static int run_document(bool answer)
{
    aigw_translation *t = NULL;
    int rc = answer ? aigw_translate_answer(MSG, CC, str(message), NULL, &t, NULL)
                    : aigw_translate_request(CC, MSG, str(chat), NULL, &t, NULL);
    if (rc == AIGW_OK) {
        aigw_translation_free(t);
    }
    return rc;
}

static int run_case(int which)
{
    switch (which) {
    case 0:
        return run_document(false);
    case 1:
        return run_document(true);
    case 2:
        return run_stream(CC, MSG, chunks);
    case 3:
        return run_stream(MSG, CC, events);
    default:
        return run_stream(MSG, MSG, events);
    }
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    for (int which = 0; which < 5; which++) {
        fault_alloc f;
        fault_use(&f, 0);
        assert_int_equal(run_case(which), AIGW_OK);
        long calls = f.calls;
        assert_int_equal(f.live, 0);
        for (long n = 1; n <= calls; n++) {
            fault_use(&f, n);
            int rc = run_case(which);
            /* Streams may go on without details of usage; everything else says that memory ran out. */
            bool fine = rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT || (which >= 3 && rc == AIGW_OK);
            if (!fine || f.live != 0) {
                fault_done();
                fail_msg("case %d, allocation %ld of %ld: code %d, %ld left", which, n, calls, rc,
                         f.live);
            }
        }
        fault_done();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_drops),
        cmocka_unit_test(test_strict_refuses_and_leaves_out_alone),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_same_format_patches_the_model_only),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_stream_consume_and_usage),
        cmocka_unit_test(test_stream_failure_stays),
        cmocka_unit_test(test_passing_stream_hides_usage_that_nobody_asked_for),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
