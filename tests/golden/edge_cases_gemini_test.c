/* The cases where gateways go wrong, by number: 7, 8, 14, 15 and the siblings of others at Gemini and Bedrock. */
/* Must not need fixtures: each input is written here. */
#include "golden/edge_kit.h"

#define G3         "gemini-3-pro-preview"
#define CLAUDE     "anthropic.claude-sonnet-4-5-20250929-v1:0"
#define DATA(json) "data: " json "\r\n\r\n"
#define PARTS(p)   "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" p "]}}]}"
#define GUSAGE                                                                                     \
    "\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}"
#define FCALL(n) "{\"functionCall\":{\"name\":\"" n "\",\"args\":{\"a\":1}}}"
#define CALLED(id)                                                                                 \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define ASKED "{\"role\":\"user\",\"content\":\"a\"},"

static void edge_07_stop_with_calls_is_tool_calls(void **state)
{
    (void)state;
    /* The finish comes alone, behind the chunk with the call. */
    const char *text =
        DATA(PARTS(FCALL("f"))) DATA("{\"candidates\":[{\"finishReason\":\"STOP\"}]," GUSAGE "}");
    char *out = stream(GEM, CC, text, AIGW_OK, NULL);
    has(out, "\"finish_reason\":\"tool_calls\"");
    lacks(out, "\"finish_reason\":\"stop\"");
    free(out);
    out = stream(GEM, MSG, text, AIGW_OK, NULL);
    has(out, "\"stop_reason\":\"tool_use\"");
    free(out);
    out = stream(GEM, RESP, text, AIGW_OK, NULL);
    has(out, "\"type\":\"function_call\"");
    has(out, "response.completed");
    free(out);
    /* A call that the limit cut must not look whole. */
    out = answer(GEM, CC,
                 "{\"candidates\":[{\"content\":{\"parts\":[" FCALL(
                     "f") "]},\"finishReason\":\"MAX_TOKENS\"}]}");
    has(out, "\"finish_reason\":\"length\"");
    free(out);
}

static void edge_08_no_content_and_no_candidate(void **state)
{
    (void)state;
    const char *starved =
        "{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\",\"index\":0}]," GUSAGE "}";
    const char *blocked = "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}," GUSAGE "}";
    char *out = answer(GEM, CC, starved);
    has(out, "\"content\":\"\"");
    has(out, "\"finish_reason\":\"length\"");
    assert_int_equal(count(out, "\"index\":"), 1);
    free(out);
    out = answer(GEM, CC, blocked);
    has(out, "\"finish_reason\":\"content_filter\"");
    assert_int_equal(count(out, "\"index\":"), 1);
    free(out);
    out = answer(GEM, MSG, blocked);
    has(out, "\"content\":[]");
    has(out, "\"stop_reason\":\"refusal\"");
    free(out);
    out = answer(GEM, RESP, blocked);
    has(out, "\"status\":\"incomplete\"");
    has(out, "\"reason\":\"content_filter\"");
    free(out);
    out = answer(GEM, CON, starved);
    has(out, "\"stopReason\":\"max_tokens\"");
    free(out);
    char text[400];
    snprintf(text, sizeof text, "data: %s\r\n\r\n", blocked);
    out = stream(GEM, CC, text, AIGW_OK, NULL);
    has(out, "\"finish_reason\":\"content_filter\"");
    has(out, "[DONE]");
    free(out);
}

static void edge_14_function_responses(void **state)
{
    (void)state;
    const char *ask =
        "{\"model\":\"m\",\"messages\":[" ASKED
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALLED("c1") "," CALLED(
            "c2") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"plain\"},"
                  "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"{\\\"a\\\":1}\"}]}";
    char *out = request(CC, GEM, ask, G3, NULL);
    lacks(out, "\"role\":\"function\"");
    lacks(out, "\"role\":\"tool\"");
    assert_int_equal(count(out, "\"role\":\"user\""), 2); /* both results in one turn */
    has(out, "\"name\":\"f\",\"response\":{\"output\":\"plain\"}");
    has(out, "\"response\":{\"a\":1}");
    ordered(out, "\"plain\"", "\"response\":{\"a\":1}");
    free(out);
    out = request(
        MSG, GEM,
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" ASKED
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\","
        "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
        "\"c1\",\"content\":\"broken\",\"is_error\":true}]}]}",
        G3, NULL);
    has(out, "\"name\":\"f\",\"response\":{\"error\":\"broken\"}");
    free(out);
    /* A result whose call is nowhere has no name: the client's mistake, said where it is. */
    aigw_translation *t = NULL;
    aigw_error err = {0};
    aigw_translate_options options = {.size = sizeof options, .model = str(G3)};
    int rc = aigw_translate_request(
        CC, GEM,
        str("{\"model\":\"m\",\"messages\":[" ASKED
            "{\"role\":\"tool\",\"tool_call_id\":\"nobody\",\"content\":\"x\"}]}"),
        &options, &t, &err);
    assert_int_not_equal(rc, AIGW_OK);
    has(err.pointer, "/messages/1");
}

static void edge_15_results_are_linked_at_bedrock(void **state)
{
    (void)state;
    char *out = request(CC, CON,
                        "{\"model\":\"m\",\"messages\":[" ASKED
                        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" CALLED(
                            "c1") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":"
                                  "\"sunny\"}],\"tools\":[{"
                                  "\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
                        CLAUDE, NULL);
    has(out, "{\"toolResult\":{\"toolUseId\":\"c1\",\"content\":[{\"text\":\"sunny\"}]}}");
    has(out, "\"toolConfig\"");
    assert_int_equal(count(out, "sunny"), 1); /* in the result, and not as a user's words */
    lacks(out, "{\"text\":\"\"}");            /* 13: no empty text beside the call */
    free(out);
    /* Calls in the history need a toolConfig even where the client sends no tools any more. */
    out = request(
        CC, CON,
        "{\"model\":\"m\",\"messages\":[" ASKED "{\"role\":\"assistant\",\"tool_calls\":[" CALLED(
            "c1") "]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sunny\"}]}",
        CLAUDE, NULL);
    has(out, "\"toolConfig\"");
    free(out);
}

/* The value of the first member of that name. */
static void pick(const char *text, const char *member, char *out, size_t size)
{
    const char *at = strstr(text, member);
    assert_non_null(at);
    at += strlen(member);
    const char *end = strchr(at, '"');
    assert_non_null(end);
    snprintf(out, size, "%.*s", (int)(end - at), at);
}

#define SIGNED                                                                                     \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}},"    \
    "\"thoughtSignature\":\"CsUB\"}]},\"finishReason\":\"STOP\"}]," GUSAGE "}"

static void edge_17_signatures_survive_openai_chat(void **state)
{
    (void)state;
    char id[200], ask[1200];
    char *out = answer(GEM, CC, SIGNED);
    has(out, "\"extra_content\":{\"google\":{\"thought_signature\":\"CsUB\"}}");
    pick(out, "\"tool_calls\":[{\"id\":\"", id, sizeof id);
    free(out);
    /* A client that keeps the extension, and one that keeps nothing but the id. */
    static const char *const extra[] = {
        ",\"extra_content\":{\"google\":{\"thought_signature\":\"CsUB\"}}", ""};
    for (size_t i = 0; i < 2; i++) {
        snprintf(ask, sizeof ask,
                 "{\"model\":\"m\",\"messages\":[" ASKED
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"%s\",\"type\":"
                 "\"function\","
                 "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}%s}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"x\"}]}",
                 id, extra[i], id);
        out = request(CC, GEM, ask, G3, NULL);
        has(out, "\"thoughtSignature\":\"CsUB\"");
        lacks(out, "aigw");
        ordered(out, "functionCall", "thoughtSignature");
        ordered(out, "thoughtSignature", "functionResponse");
        free(out);
    }
}

static void edge_17_signatures_survive_messages_and_responses(void **state)
{
    (void)state;
    char seal[200], ask[1200];
    char *out = answer(GEM, MSG, SIGNED);
    pick(out, "\"signature\":\"", seal, sizeof seal);
    free(out);
    snprintf(ask, sizeof ask,
             "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" ASKED
             "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\","
             "\"signature\":\"%s\"},"
             "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}]},{\"role\":"
             "\"user\",\"content\":["
             "{\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"x\"}]}]}",
             seal);
    out = request(MSG, GEM, ask, G3, NULL);
    has(out, "\"thoughtSignature\":\"CsUB\"");
    lacks(out, "\"thought\":true");
    free(out);
    out = answer(GEM, RESP, SIGNED);
    pick(out, "\"encrypted_content\":\"", seal, sizeof seal);
    free(out);
    snprintf(ask, sizeof ask,
             "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"type\":"
             "\"reasoning\",\"id\":\"rs_1\","
             "\"summary\":[],\"encrypted_content\":\"%s\"},{\"type\":\"function_call\",\"call_id\":"
             "\"c\",\"name\":\"f\","
             "\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c\","
             "\"output\":\"x\"}]}",
             seal);
    out = request(RESP, GEM, ask, G3, NULL);
    has(out, "\"thoughtSignature\":\"CsUB\"");
    free(out);
}

static void edge_04_error_in_a_gemini_stream(void **state)
{
    (void)state;
    const char *text = DATA(PARTS("{\"text\":\"hel\"}"))
        DATA("{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}");
    char *out = stream(GEM, CC, text, AIGW_E_UPSTREAM, NULL);
    has(out, "\"error\":{");
    lacks(out, "[DONE]");
    lacks(out, "\"finish_reason\":\"stop\"");
    free(out);
    out = stream(GEM, MSG, text, AIGW_E_UPSTREAM, NULL);
    has(out, "event: error");
    lacks(out, "message_stop");
    free(out);
    out = stream(GEM, RESP, text, AIGW_E_UPSTREAM, NULL);
    has(out, "response.failed");
    lacks(out, "response.completed");
    free(out);
}

static void edge_11_characters_split_in_a_gemini_stream(void **state)
{
    (void)state;
    /* stream() feeds a byte at a time. */
    char *out = stream(GEM, MSG,
                       DATA(PARTS("{\"text\":\"\xf0\x9f\x98\x80\xc3\xa9\"}"))
                           DATA("{\"candidates\":[{\"finishReason\":\"STOP\"}]," GUSAGE "}"),
                       AIGW_OK, NULL);
    has(out, "\xf0\x9f\x98\x80\xc3\xa9");
    lacks(out, "\xef\xbf\xbd");
    free(out);
}

static void edge_16_code_execution_is_no_call(void **state)
{
    (void)state;
    char *out = answer(
        GEM, CC,
        "{\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{\"language\":\"PYTHON\","
        "\"code\":\"1\"}},{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_OK\",\"output\":\"1\"}},"
        "{\"text\":\"one\"}]},\"finishReason\":\"STOP\"}]}");
    lacks(out, "tool_calls");
    has(out, "\"content\":\"one\"");
    has(out, "\"finish_reason\":\"stop\"");
    free(out);
}

static void edge_18_sampling_parameters_elsewhere(void **state)
{
    (void)state;
    const char *hot = "{\"model\":\"m\",\"temperature\":1.7,\"messages\":[{\"role\":\"user\","
                      "\"content\":\"a\"}]}";
    size_t drops;
    char *out = request(CC, GEM, hot, G3, &drops);
    has(out, "\"temperature\":1.7");
    assert_int_equal(drops, 0);
    free(out);
    out = request(CC, CON, hot, CLAUDE, &drops);
    has(out, "\"temperature\":1}");
    assert_int_equal(drops, 1);
    free(out);
}

static void edge_20_errors_of_gemini(void **state)
{
    (void)state;
    aigw_translation *t = NULL;
    int status = 0;
    assert_int_equal(
        aigw_translate_error(
            GEM, MSG, 429,
            str("{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\","
                "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                "\"retryDelay\":\"34s\"}]}}"),
            &status, &t, NULL),
        AIGW_OK);
    char *out = copy(aigw_translation_body(t));
    aigw_translation_free(t);
    assert_int_equal(status, 429);
    has(out, "rate_limit_error");
    free(out);
    assert_int_equal(
        aigw_translate_error(MSG, GEM, 529,
                             str("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                 "\"message\":\"Overloaded\"}}"),
                             &status, &t, NULL),
        AIGW_OK);
    out = copy(aigw_translation_body(t));
    aigw_translation_free(t);
    assert_int_equal(status, 503);
    has(out, "\"status\":\"UNAVAILABLE\"");
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edge_04_error_in_a_gemini_stream),
        cmocka_unit_test(edge_07_stop_with_calls_is_tool_calls),
        cmocka_unit_test(edge_08_no_content_and_no_candidate),
        cmocka_unit_test(edge_11_characters_split_in_a_gemini_stream),
        cmocka_unit_test(edge_14_function_responses),
        cmocka_unit_test(edge_15_results_are_linked_at_bedrock),
        cmocka_unit_test(edge_16_code_execution_is_no_call),
        cmocka_unit_test(edge_17_signatures_survive_openai_chat),
        cmocka_unit_test(edge_17_signatures_survive_messages_and_responses),
        cmocka_unit_test(edge_18_sampling_parameters_elsewhere),
        cmocka_unit_test(edge_20_errors_of_gemini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
