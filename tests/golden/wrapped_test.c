/* What goes out wrapped comes back unwrapped; ids, signatures and bounds that the target refuses are mended. */
/* Must not need fixtures: each input is written here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <aigw/translate.h>

#define CC  AIGW_FORMAT_OPENAI_CHAT
#define MSG AIGW_FORMAT_ANTHROPIC

static aigw_slice str(const char *s)
{
    return (aigw_slice){s, strlen(s)};
}

static char *copy(aigw_slice s)
{
    char *to = malloc(s.len + 1);
    assert_non_null(to);
    if (s.len > 0) {
        memcpy(to, s.data, s.len);
    }
    to[s.len] = '\0';
    return to;
}

static char *finish(int rc, aigw_translation *t, const aigw_error *err)
{
    if (rc != AIGW_OK) {
        fail_msg("%s %s", err->message, err->pointer);
    }
    char *out = copy(aigw_translation_body(t));
    aigw_translation_free(t);
    return out;
}

static char *request(aigw_format from, aigw_format to, const char *text, const char *model)
{
    aigw_translation *t = NULL;
    aigw_error err = {0};
    aigw_translate_options options = {.size = sizeof options, .model = str(model)};
    int rc = aigw_translate_request(from, to, str(text), &options, &t, &err);
    return finish(rc, t, &err);
}

static char *answer(aigw_format from, aigw_format to, const char *text, const char *asked)
{
    aigw_translation *t = NULL;
    aigw_error err = {0};
    aigw_translate_options options = {.size = sizeof options, .request = str(asked)};
    int rc = aigw_translate_answer(from, to, str(text), &options, &t, &err);
    return finish(rc, t, &err);
}

static char *stream(aigw_format from, aigw_format to, const char *text, const char *asked, int code)
{
    aigw_stream *s = NULL;
    aigw_stream_options options = {.size = sizeof options, .request = str(asked)};
    assert_int_equal(aigw_stream_new(from, to, &options, &s, NULL), AIGW_OK);
    int rc = AIGW_OK;
    for (size_t i = 0; i < strlen(text) && rc == AIGW_OK; i++) {
        rc = aigw_stream_feed(s, (aigw_slice){text + i, 1}, NULL);
    }
    rc = rc == AIGW_OK ? aigw_stream_finish(s, NULL) : rc;
    char *out = copy(aigw_stream_output(s));
    if (rc != code) {
        fail_msg("code %d, wanted %d: %s", rc, code, out);
    }
    aigw_stream_free(s);
    return out;
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in\n%s", part, text);
    }
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("unwanted %s in\n%s", part, text);
    }
}

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define CUSTOM                                                                                     \
    "{\"model\":\"m\",\"messages\":[" USER "],"                                                    \
    "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"code\"}}]}"
#define SCHEMA                                                                                     \
    "{\"model\":\"m\",\"messages\":[" USER "],\"response_format\":{\"type\":\"json_schema\","      \
    "\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\",\"description\":\"d\","       \
    "\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9},"                    \
    "\"m\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}}}}"
#define MESSAGE(content, reason)                                                                   \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"   \
    "[" content "],\"stop_reason\":\"" reason "\",\"usage\":{\"input_tokens\":1,"                  \
    "\"output_tokens\":2}}"
#define CALL(name, input)                                                                          \
    "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"" name "\",\"input\":" input "}"
#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define ARGS(s)                                                                                    \
    EV("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","             \
                              "\"partial_json\":\"" s "\"}")
#define CALLED(name, args)                                                                         \
    EV("message_start", ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"m\"}")    \
    EV("content_block_start", ",\"index\":0,\"content_block\":" CALL(name, "{}"))                  \
    args EV("content_block_stop", ",\"index\":0")                                                  \
        EV("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{}")              \
            EV("message_stop", "")

static void a_custom_tools_input_is_text_again(void **state)
{
    (void)state;
    char *out = answer(MSG, CC, MESSAGE(CALL("code", "{\"input\":\"a \\\"b\\\"\\n\"}"), "tool_use"),
                       CUSTOM);
    has(out, "\"type\":\"custom\",\"custom\":{\"name\":\"code\",\"input\":\"a \\\"b\\\"\\n\"}");
    free(out);
    /* Without the request nobody can know. */
    out = answer(MSG, CC, MESSAGE(CALL("code", "{\"input\":\"a\"}"), "tool_use"), "");
    has(out, "\"function\":{\"name\":\"code\",\"arguments\":\"{\\\"input\\\":\\\"a\\\"}\"}");
    free(out);
    /* Cut within an escape and between the halves of a pair. */
    out = stream(MSG, CC,
                 CALLED("code", ARGS("") ARGS("{\\\"inp") ARGS("ut\\\": \\\"a\\\\")
                                    ARGS("n\\\\ud83d") ARGS("\\\\ude00\\\"}")),
                 CUSTOM, AIGW_OK);
    has(out, "\"type\":\"custom\",\"custom\":{\"name\":\"code\",\"input\":\"\"}");
    has(out, "{\"index\":0,\"custom\":{\"input\":\"a\\n\\ud83d\\ude00\"}}");
    has(out, "\"finish_reason\":\"tool_calls\"");
    lacks(out, "\"function\"");
    free(out);
    /* A model that kept to no wrapping at all. */
    out = stream(MSG, CC, CALLED("code", ARGS("{\\\"x\\\":1}")), CUSTOM, AIGW_OK);
    has(out, "\"custom\":{\"input\":\"{\\\"x\\\":1}\"}");
    free(out);
}

static void a_schema_as_a_tool_is_content_again(void **state)
{
    (void)state;
    char *out = request(CC, MSG, SCHEMA, "claude-3-5-haiku-20241022");
    has(out, "\"tool_choice\":{\"type\":\"tool\",\"name\":\"json_response\"}");
    lacks(out, "output_config");
    free(out);
    out = answer(MSG, CC, MESSAGE(CALL("json_response", "{\"a\": 1}"), "tool_use"), SCHEMA);
    has(out, "\"content\":\"{\\\"a\\\":1}\"");
    has(out, "\"finish_reason\":\"stop\"");
    lacks(out, "tool_calls");
    free(out);
    out = stream(MSG, CC, CALLED("json_response", ARGS("{\\\"a\\\"") ARGS(":1}")), SCHEMA, AIGW_OK);
    has(out, "\"delta\":{\"content\":\"{\\\"a\\\"\"}");
    has(out, "\"finish_reason\":\"stop\"");
    lacks(out, "tool_calls");
    free(out);
    /* Cut short it stays cut short. */
    out = answer(MSG, CC, MESSAGE(CALL("json_response", "{}"), "max_tokens"), SCHEMA);
    has(out, "\"finish_reason\":\"length\"");
    free(out);
}

static void bounds_stand_in_the_description(void **state)
{
    (void)state;
    char *out = request(CC, MSG, SCHEMA, "claude-sonnet-4-5");
    has(out, "{\"type\":\"integer\",\"description\":\"minimum: 0, maximum: 9\"}");
    has(out, "{\"type\":\"object\",\"description\":\"additionalProperties: {\\\"type\\\":"
             "\\\"string\\\"}\",\"additionalProperties\":false}");
    has(out, "\"schema\":{\"type\":\"object\",\"description\":\"d\",");
    free(out);
}

#define TURN(id)                                                                                   \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"" id "\",\"type\":\"function\","            \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"                                       \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"

static void an_id_stands_once_in_a_conversation(void **state)
{
    (void)state;
    char *out = request(CC, MSG,
                        "{\"model\":\"m\",\"messages\":[" USER
                        "," TURN("f:0") "," TURN("f:0") "," TURN("f_0") "," TURN("g") "]}",
                        "");
    has(out, "\"id\":\"f_0\",");
    has(out, "\"tool_use_id\":\"f_0\",");
    has(out, "\"id\":\"f_0_2\",");
    has(out, "\"tool_use_id\":\"f_0_2\",");
    has(out, "\"id\":\"f_0_3\",");
    has(out, "\"tool_use_id\":\"f_0_3\",");
    has(out, "\"id\":\"g\",");
    free(out);
}

static void unsigned_thinking_is_not_replayed(void **state)
{
    (void)state;
#define OURS         "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"}"
#define SIGNED       "{\"type\":\"thinking\",\"thinking\":\"ok\",\"signature\":\"S\"}"
#define SAID(blocks) "{\"role\":\"assistant\", \"content\":[" blocks "]}"
#define ASK(more, messages)                                                                        \
    "{\"model\":\"m\",\"max_tokens\":9" more ",\"messages\":[" USER "," messages "], \"x\" : "     \
    "1.50}"
    const char *whole = ASK("", SAID(SIGNED ",{\"type\":\"text\",\"text\":\"a\"}") "," USER);
    char *out = request(MSG, MSG, whole, "");
    assert_string_equal(out, whole); /* byte for byte */
    free(out);
    out = request(MSG, MSG, ASK("", SAID(OURS "," SIGNED) "," SAID(OURS) "," USER), "");
    assert_string_equal(out, ASK("", "{\"role\":\"assistant\",\"content\":[" SIGNED "]}," USER));
    free(out);
    /* In a tool loop there is nothing to go on from. */
    out = request(MSG, MSG,
                  ASK(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}",
                      SAID(OURS "," CALL("f", "{}")) ",{\"role\":\"user\",\"content\":[{\"type\":"
                                                     "\"tool_result\",\"tool_use_id\":\"t\"}]}"),
                  "");
    has(out, "\"thinking\":{\"type\":\"disabled\"}");
    lacks(out, "\"signature\":\"\"");
    free(out);
    /* Only hosts that are known to want it get reasoning back, and never as signed. */
    out = request(
        MSG, CC,
        ASK("", SAID(OURS "," CALL("f", "{}")) ",{\"role\":\"user\",\"content\":[{"
                                               "\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}"),
        "");
    lacks(out, "reasoning_content");
    lacks(out, "thinking_blocks");
    free(out);
    out = request(MSG, CC, ASK("", SAID(OURS ",{\"type\":\"text\",\"text\":\"a\"}") "," USER), "");
    lacks(out, "reasoning_content");
    free(out);
}

static void the_models_own_maximum_is_the_default(void **state)
{
    (void)state;
    static const struct {
        const char *model, *tokens;
    } cases[] = {{"claude-sonnet-4-5", "\"max_tokens\":64000"},
                 {"claude-opus-4-1", "\"max_tokens\":32000"},
                 {"somebody", "\"max_tokens\":4096"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *out = request(CC, MSG, "{\"model\":\"m\",\"messages\":[" USER "]}", cases[i].model);
        has(out, cases[i].tokens);
        free(out);
    }
}

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish  \
    "}]}\n\n"
#define FRAGMENT(id, more)                                                                         \
    CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"" id "\",\"function\":{" more "}}]}", "null")

static void hosts_that_differ(void **state)
{
    (void)state;
    char *out = stream(CC, MSG,
                       FRAGMENT("a1", "\"name\":\"f\",\"arguments\":\"\"")
                           FRAGMENT("a2", "\"arguments\":\"{\\\"x\\\"\"")
                               FRAGMENT("a3", "\"arguments\":\":1}\"")
                                   FRAGMENT("b", "\"name\":\"g\",\"arguments\":\"{}\"")
                                       CHUNK("{}", "\"tool_calls\"") "data: [DONE]\n\n",
                       "", AIGW_OK);
    has(out, "\"id\":\"a1\",\"name\":\"f\"");
    has(out, "\"id\":\"b\",\"name\":\"g\"");
    lacks(out, "\"id\":\"a2\"");
    free(out);
    static const char *const broken[] = {
        CHUNK("{\"content\":\"x\"}", "null") "event: error\ndata: {\"message\":\"boom\"}\n\n",
        CHUNK("{\"content\":\"x\"}", "null") "{\"error\":{\"message\":\"boom\"}}\n\n",
        CHUNK("{\"content\":\"x\"}", "\"error\"") "data: [DONE]\n\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        out = stream(CC, MSG, broken[i], "", AIGW_E_UPSTREAM);
        has(out, "event: error\n");
        has(out, i < 2 ? "boom" : "broke off");
        lacks(out, "message_stop");
        free(out);
    }
    static const char *const bodies[] = {
        "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"boom\"}]}",
        "{\"message\":{\"detail\":\"boom\"}}", "{\"errors\":[{\"message\":\"boom\"}]}",
        "{\"msg\":\"boom\",\"code\":1210}", "[{\"error\":{\"message\":\"boom\"}}]"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        int status = 0;
        aigw_translation *t = NULL;
        aigw_error err = {0};
        int rc = aigw_translate_error(CC, MSG, 422, str(bodies[i]), &status, &t, &err);
        out = finish(rc, t, &err);
        has(out, "\"message\":\"boom\"");
        assert_int_equal(status, 422);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_custom_tools_input_is_text_again),
        cmocka_unit_test(a_schema_as_a_tool_is_content_again),
        cmocka_unit_test(bounds_stand_in_the_description),
        cmocka_unit_test(an_id_stands_once_in_a_conversation),
        cmocka_unit_test(unsigned_thinking_is_not_replayed),
        cmocka_unit_test(the_models_own_maximum_is_the_default),
        cmocka_unit_test(hosts_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
