/* Webhook, moderation, ApplyGuardrail: exact questions, sound answers, and answers that lie. */
#include "base/text.h"
#include "gate/guard_remote.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static gw_arena *arena;
static const aigw_slice texts[] = {{"a \\\"b\\\" \\u0040", 14}, {"", 0}};

typedef struct row {
    int status;
    const char *body;
    int code;
    const char *reason; /* of a failure, or of a rejection */
    gw_remote_word word;
    const char *texts[2];
} row;

#define PASS(body)                                                                                 \
    {                                                                                              \
        200, body, AIGW_OK, "", GW_REMOTE_PASS,                                                    \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
#define REJECT(body, why)                                                                          \
    {                                                                                              \
        200, body, AIGW_OK, why, GW_REMOTE_REJECT,                                                 \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
#define MASK(body, one, two)                                                                       \
    {                                                                                              \
        200, body, AIGW_OK, "", GW_REMOTE_MASK,                                                    \
        {                                                                                          \
            one, two                                                                               \
        }                                                                                          \
    }
#define ODD(body)                                                                                  \
    {                                                                                              \
        200, body, AIGW_E_UPSTREAM, "guard_answer", GW_REMOTE_PASS,                                \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }
#define FAIL(status, body, why)                                                                    \
    {                                                                                              \
        status, body, AIGW_E_UPSTREAM, why, GW_REMOTE_PASS,                                        \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }

static void expect(const row *r, size_t i, int code, const gw_remote_verdict *v,
                   const aigw_error *err)
{
    if (code != r->code)
        fail_msg("row %zu: %d %s", i, code, err->reason);
    if (code != AIGW_OK) {
        assert_string_equal(err->reason, r->reason);
        assert_int_equal(v->word, 77); /* untouched */
        return;
    }
    if (v->word != r->word || !gw_eq(v->reason, aigw_slice_of(r->reason)))
        fail_msg("row %zu: word %d, %.*s", i, (int)v->word, (int)v->reason.len, v->reason.data);
    assert_false(v->failed);
    for (size_t k = 0; r->word == GW_REMOTE_MASK && k < 2; k++)
        assert_true(gw_eq(v->texts[k], aigw_slice_of(r->texts[k])));
}

static void expect_written(gw_buf *buf, const char *text)
{
    if (!gw_eq(gw_buf_slice(buf), aigw_slice_of(text)))
        fail_msg("%.*s", (int)gw_buf_len(buf), gw_buf_slice(buf).data);
    gw_buf_clear(buf);
}

static void test_questions(void **state)
{
    (void)state;
    gw_buf buf;
    gw_buf_init(&buf, 1 << 16);
    gw_remote_question q = {
        .request_id = GW_S("r\"1"), .model = GW_S("m"), .texts = texts, .text_count = 2};
    gw_webhook_write(&buf, &q);
    expect_written(&buf,
                   "{\"version\":1,\"stage\":\"prompt\",\"request_id\":\"r\\\"1\",\"model\":\"m\","
                   "\"texts\":[\"a \\\"b\\\" \\u0040\",\"\"]}");
    q.answer = true;
    q.client = GW_S("c");
    q.text_count = 0;
    gw_webhook_write(&buf, &q);
    expect_written(&buf,
                   "{\"version\":1,\"stage\":\"answer\",\"request_id\":\"r\\\"1\",\"client\":\"c\","
                   "\"model\":\"m\",\"texts\":[]}");
    q.text_count = 2;
    gw_moderation_write(&buf, GW_S("omni-moderation-latest"), &q);
    expect_written(
        &buf, "{\"model\":\"omni-moderation-latest\",\"input\":[\"a \\\"b\\\" \\u0040\",\"\"]}");
    gw_apply_guardrail_write(&buf, &q);
    expect_written(
        &buf, "{\"source\":\"OUTPUT\",\"content\":[{\"text\":{\"text\":\"a \\\"b\\\" \\u0040\"}},"
              "{\"text\":{\"text\":\"\"}}]}");
    assert_true(gw_apply_guardrail_path(&buf, GW_S("abc123"), GW_S("DRAFT")));
    expect_written(&buf, "/guardrail/abc123/version/DRAFT/apply");
    assert_true(gw_apply_guardrail_path(
        &buf, GW_S("arn:aws:bedrock:eu-west-1:123456789012:guardrail/x1"), GW_S("3")));
    expect_written(&buf,
                   "/guardrail/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aguardrail%2Fx1/"
                   "version/3/apply");
    assert_false(gw_apply_guardrail_path(&buf, GW_S("a?b"), GW_S("1")));
    assert_false(gw_apply_guardrail_path(&buf, GW_S("a"), GW_S("../1")));
    assert_false(gw_apply_guardrail_path(&buf, GW_S(""), GW_S("1")));
    assert_int_equal(gw_buf_len(&buf), 0);
    gw_buf_free(&buf);
}

static void test_webhook(void **state)
{
    (void)state;
    static const row rows[] = {
        PASS("{\"verdict\":\"pass\"}"),
        PASS(" {\"verdict\" : \"p\\u0061ss\"}\n"),
        MASK("{\"verdict\":\"mask\",\"texts\":[\"x\\n\",\"\"]}", "x\\n", ""),
        REJECT("{\"verdict\":\"reject\"}", ""),
        REJECT("{\"verdict\":\"reject\",\"reason\":\"topic\"}", "topic"),
        FAIL(500, "{\"verdict\":\"pass\"}", "guard_status"),
        FAIL(204, "", "guard_status"),
        FAIL(302, "{\"verdict\":\"pass\"}", "guard_status"),
        FAIL(200, "", "guard_json"),
        FAIL(200, "pass", "guard_json"),
        FAIL(200, "[\"pass\"]", "guard_json"),
        FAIL(200, "{\"verdict\":\"pass\"", "guard_json"),
        FAIL(200, "{\"verdict\":\"pass\"}{}", "guard_json"),
        FAIL(200, "{\"verdict\":\"reject\",\"verdict\":\"pass\"}", "guard_json"),
        ODD("{}"),
        ODD("{\"verdict\":null}"),
        ODD("{\"verdict\":true}"),
        ODD("{\"verdict\":\"PASS\"}"),
        ODD("{\"verdict\":\"allow\"}"),
        ODD("{\"verdict\":\"pass\",\"texts\":[\"a\",\"b\"]}"),
        ODD("{\"verdict\":\"pass\",\"reason\":\"x\"}"),
        ODD("{\"verdict\":\"pass\",\"score\":1}"),
        ODD("{\"verdict\":\"mask\"}"),
        ODD("{\"verdict\":\"mask\",\"texts\":[\"a\"]}"),
        ODD("{\"verdict\":\"mask\",\"texts\":[\"a\",\"b\",\"c\"]}"),
        ODD("{\"verdict\":\"mask\",\"texts\":[\"a\",7]}"),
        ODD("{\"verdict\":\"mask\",\"texts\":\"ab\"}"),
        ODD("{\"verdict\":\"reject\",\"reason\":7}"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_remote_verdict v = {.word = (gw_remote_word)77};
        aigw_error err = {0};
        int code = gw_webhook_read(arena, rows[i].status, aigw_slice_of(rows[i].body), 2, &v, &err);
        expect(&rows[i], i, code, &v, &err);
    }
}

#define RESULT(flag, cat, score)                                                                   \
    "{\"flagged\":" flag ",\"categories\":{\"hate\":false,\"violence\":" cat "},"                  \
    "\"category_scores\":{\"hate\":0.01,\"violence\":" score "}}"
#define ANSWER(one, two) "{\"id\":\"modr-1\",\"model\":\"omni\",\"results\":[" one "," two "]}"
#define GOOD             RESULT("false", "false", "1.5e-5")

static void test_moderation(void **state)
{
    (void)state;
    static const row plain[] = {
        PASS(ANSWER(GOOD, GOOD)),
        REJECT(ANSWER(GOOD, RESULT("true", "true", "0.9")), "violence"),
        REJECT(ANSWER("{\"flagged\":true}", GOOD), "flagged"),
        FAIL(429, "{}", "guard_status"),
        FAIL(200, "<html>", "guard_json"),
        ODD("{\"results\":[" GOOD "]}"),
        ODD("{\"results\":[]}"),
        ODD("{}"),
        ODD(ANSWER(GOOD, "{\"flagged\":\"no\"}")),
        ODD(ANSWER(GOOD, "{}")),
        ODD(ANSWER(GOOD, "7")),
    };
    static const row limited[] = {
        PASS(ANSWER(GOOD, RESULT("true", "true", "0.49"))), /* only the limits count */
        REJECT(ANSWER(GOOD, RESULT("false", "false", "0.5")), "violence"),
        ODD(ANSWER(GOOD, RESULT("true", "true", "\"1\""))),
        ODD(ANSWER(GOOD, "{\"flagged\":false,\"category_scores\":{\"hate\":0.1}}")),
        ODD(ANSWER(GOOD, "{\"flagged\":false}")),
    };
    static const gw_moderation_limit limits[] = {{"violence", 0.5}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        gw_remote_verdict v = {.word = (gw_remote_word)77};
        aigw_error err = {0};
        int code = gw_moderation_read(arena, plain[i].status, aigw_slice_of(plain[i].body), 2, NULL,
                                      0, &v, &err);
        expect(&plain[i], i, code, &v, &err);
    }
    for (size_t i = 0; i < sizeof limited / sizeof limited[0]; i++) {
        gw_remote_verdict v = {.word = (gw_remote_word)77};
        aigw_error err = {0};
        int code =
            gw_moderation_read(arena, 200, aigw_slice_of(limited[i].body), 2, limits, 1, &v, &err);
        expect(&limited[i], i, code, &v, &err);
    }
}

#define INTERVENED "{\"action\":\"GUARDRAIL_INTERVENED\",\"usage\":{\"topicPolicyUnits\":1},"
#define PII(action)                                                                                \
    "{\"sensitiveInformationPolicy\":{\"piiEntities\":[{\"type\":\"EMAIL\",\"match\":\"x\","       \
    "\"action\":\"" action                                                                         \
    "\"}],\"regexes\":[]},\"invocationMetrics\":{\"guardrailProcessingLatency\":9}}"
#define TOPIC                                                                                      \
    "{\"topicPolicy\":{\"topics\":[{\"name\":\"t\",\"type\":\"DENY\",\"action\":\"BLOCKED\"}]}}"

static void test_apply_guardrail(void **state)
{
    (void)state;
    static const row rows[] = {
        PASS("{\"action\":\"NONE\",\"outputs\":[],\"assessments\":[{}],\"usage\":{}}"),
        MASK(INTERVENED
             "\"outputs\":[{\"text\":\"a {EMAIL}\"},{\"text\":\"\"}],\"assessments\":[" PII(
                 "ANONYMIZED") "]}",
             "a {EMAIL}", ""),
        REJECT(INTERVENED "\"outputs\":[{\"text\":\"Sorry.\"}],\"assessments\":[" TOPIC "]}",
               "Sorry."),
        REJECT(INTERVENED "\"outputs\":[{\"text\":\"no\"},{\"text\":\"b\"}],\"assessments\":[" PII(
                   "ANONYMIZED") "," TOPIC "]}",
               "no"),
        REJECT(INTERVENED "\"outputs\":[{\"text\":\"x\"},{\"text\":\"b\"}],\"assessments\":[" PII(
                   "SHREDDED") "]}",
               "x"),
        /* masked, but it cannot be told which text became which */
        REJECT(INTERVENED "\"outputs\":[{\"text\":\"x\"}],\"assessments\":[" PII("ANONYMIZED") "]}",
               "x"),
        REJECT(INTERVENED "\"outputs\":[],\"assessments\":[]}", ""),
        REJECT(INTERVENED "\"assessments\":7}", ""),
        ODD(INTERVENED
            "\"outputs\":[{\"text\":\"x\"},{}],\"assessments\":[" PII("ANONYMIZED") "]}"),
        ODD("{\"action\":\"SOMETHING\"}"),
        ODD("{}"),
        FAIL(403, "{\"message\":\"no\"}", "guard_status"),
        FAIL(200, "null", "guard_json"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_remote_verdict v = {.word = (gw_remote_word)77};
        aigw_error err = {0};
        int code = gw_apply_guardrail_read(arena, rows[i].status, aigw_slice_of(rows[i].body), 2,
                                           &v, &err);
        expect(&rows[i], i, code, &v, &err);
    }
}

static void test_policy(void **state)
{
    (void)state;
    static const int codes[] = {AIGW_E_TIMEOUT, AIGW_E_IO, AIGW_E_UPSTREAM, AIGW_E_NOMEM,
                                AIGW_E_CANCELLED};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        gw_remote_verdict v = {.word = GW_REMOTE_MASK};
        gw_remote_settle(codes[i], GW_REMOTE_FAIL_OPEN, &v);
        assert_int_equal(v.word, GW_REMOTE_PASS);
        assert_true(v.failed);
        gw_remote_settle(codes[i], GW_REMOTE_FAIL_CLOSED, &v);
        assert_int_equal(v.word, GW_REMOTE_REJECT);
        assert_true(v.failed);
    }
    gw_remote_verdict v = {.word = GW_REMOTE_MASK, .text_count = 3};
    gw_remote_settle(AIGW_OK, GW_REMOTE_FAIL_CLOSED, &v);
    assert_int_equal(v.word, GW_REMOTE_MASK);
    assert_int_equal(v.text_count, 3);
}

static int setup(void **state)
{
    (void)state;
    arena = gw_arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gw_arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions), cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_moderation), cmocka_unit_test(test_apply_guardrail),
        cmocka_unit_test(test_policy)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
