/* The cases where gateways go wrong, by number: 1-6, 9-13, 16-20, between OpenAI chat and Anthropic. */
/* Must not need fixtures: each input is written here. */
#include "golden/edge_kit.h"

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define START(usage)                                                                               \
    EV("message_start",                                                                            \
       ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","               \
       "\"model\":\"m\",\"content\":[],\"usage\":" usage "}")
#define OPEN(i, block)  EV("content_block_start", ",\"index\":" i ",\"content_block\":" block)
#define DELTA(i, delta) EV("content_block_delta", ",\"index\":" i ",\"delta\":" delta)
#define STOP(i)         EV("content_block_stop", ",\"index\":" i)
#define TEXT            "{\"type\":\"text\",\"text\":\"\"}"
#define TOOL(id)        "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}"
#define ARGS(s)         "{\"type\":\"input_json_delta\",\"partial_json\":\"" s "\"}"
#define ENDS(reason, usage)                                                                        \
    EV("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":" usage)            \
    EV("message_stop", "")
#define CHUNK(choices, rest)                                                                       \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","     \
    "\"choices\":[" choices "]" rest "}\n\n"
#define CDELTA(delta) "{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}"
#define CFINISH(word) "{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}"
#define CUSAGE                                                                                     \
    ",\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"total_tokens\":25,"                \
    "\"prompt_tokens_details\":{\"cached_tokens\":8}}"

static void edge_01_tool_call_without_arguments(void **state)
{
    (void)state;
    char *out = stream(MSG, CC,
                       START("{\"input_tokens\":1}") OPEN("0", TOOL("t")) DELTA("0", ARGS(""))
                           STOP("0") ENDS("tool_use", "{\"output_tokens\":2}"),
                       AIGW_OK, NULL);
    has(out, "{\"index\":0,\"function\":{\"arguments\":\"{}\"}}");
    free(out);
    out = request(
        CC, MSG,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
        "\"assistant\","
        "\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"r\"}]}",
        "", NULL);
    has(out, "\"name\":\"f\",\"input\":{}");
    free(out);
}

static void edge_02_call_index_counts_calls_only(void **state)
{
    (void)state;
    char *out = stream(MSG, CC,
                       START("{}") OPEN("0", TEXT) STOP("0") OPEN("1", TOOL("a"))
                           DELTA("1", ARGS("{}")) STOP("1") OPEN("2", TOOL("b"))
                               DELTA("2", ARGS("{}")) STOP("2") ENDS("tool_use", "{}"),
                       AIGW_OK, NULL);
    has(out, "\"tool_calls\":[{\"index\":0,\"id\":\"a\"");
    has(out, "\"tool_calls\":[{\"index\":1,\"id\":\"b\"");
    lacks(out, "\"tool_calls\":[{\"index\":2");
    free(out);
}

static void edge_03_message_start_first_and_once(void **state)
{
    (void)state;
    char *out =
        stream(CC, MSG,
               CHUNK(CDELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\","
                            "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"),
                     "") CHUNK(CFINISH("tool_calls"), "") "data: [DONE]\n\n",
               AIGW_OK, NULL);
    assert_int_equal(strncmp(out, "event: message_start\n", 21), 0);
    assert_int_equal(count(out, "event: message_start"), 1);
    assert_int_equal(count(out, "event: message_stop"), 1);
    free(out);
    /* Two from upstream are one for the client, translated or passed. */
    const char *twice = START("{}") START("{}") OPEN("0", TEXT) STOP("0") ENDS("end_turn", "{}");
    out = stream(MSG, MSG, twice, AIGW_OK, NULL);
    assert_int_equal(count(out, "event: message_start"), 1);
    free(out);
    out = stream(MSG, CC, twice, AIGW_OK, NULL);
    assert_int_equal(count(out, "\"role\":\"assistant\""), 1);
    free(out);
}

static void edge_04_error_event_is_no_success(void **state)
{
    (void)state;
    const char *text = START("{}") OPEN("0", TEXT)
        EV("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}");
    char *out = stream(MSG, CC, text, AIGW_E_UPSTREAM, NULL);
    has(out, "data: {\"error\":{\"message\":\"Overloaded\"");
    lacks(out, "[DONE]");
    lacks(out, "\"finish_reason\":\"stop\"");
    free(out);
    out = stream(MSG, MSG, text, AIGW_E_UPSTREAM, NULL);
    has(out, "event: error\n");
    lacks(out, "message_stop");
    free(out);
    out = stream(CC, MSG,
                 CHUNK(CDELTA("{\"content\":\"x\"}"),
                       "") "data: {\"error\":{\"message\":\"boom\",\"code\":502}}\n\n",
                 AIGW_E_UPSTREAM, NULL);
    has(out, "event: error\ndata: {\"type\":\"error\"");
    has(out, "boom");
    lacks(out, "message_stop");
    free(out);
}

static void edge_04_silence_is_no_success(void **state)
{
    (void)state;
    char *out = stream(MSG, CC, START("{}") OPEN("0", TEXT), AIGW_E_UPSTREAM, NULL);
    has(out, "data: {\"error\":");
    lacks(out, "[DONE]");
    free(out);
    out = stream(MSG, MSG, START("{}") OPEN("0", TEXT), AIGW_E_UPSTREAM, NULL);
    has(out, "event: error\n");
    free(out);
    out = stream(CC, MSG, CHUNK(CDELTA("{\"content\":\"x\"}"), ""), AIGW_E_UPSTREAM, NULL);
    has(out, "event: error\n");
    lacks(out, "message_stop");
    free(out);
}

static void edge_05_usage_of_message_delta_replaces(void **state)
{
    (void)state;
    aigw_usage usage;
    char *out = stream(MSG, CC,
                       START("{\"input_tokens\":34824,\"output_tokens\":0}")
                           ENDS("end_turn", "{\"input_tokens\":3883,\"output_tokens\":49,"
                                            "\"cache_creation_input_tokens\":0,"
                                            "\"cache_read_input_tokens\":30464}"),
                       AIGW_OK, &usage);
    has(out, "\"prompt_tokens\":34347");
    has(out, "\"cached_tokens\":30464");
    assert_int_equal(usage.input_tokens, 34347);
    assert_int_equal(usage.output_tokens, 49);
    free(out);
}

static void edge_06_anthropic_clients_see_input_tokens(void **state)
{
    (void)state;
    aigw_usage usage;
    char *out = stream(CC, MSG,
                       CHUNK(CDELTA("{\"role\":\"assistant\",\"content\":\"x\"}"), "")
                           CHUNK(CFINISH("stop"), "") CHUNK("", CUSAGE) "data: [DONE]\n\n",
                       AIGW_OK, &usage);
    has(out, "\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":0,"
             "\"cache_read_input_tokens\":8,\"output_tokens\":5}");
    assert_int_equal(usage.input_tokens, 20);
    assert_int_equal(count(out, "event: message_delta"), 1);
    free(out);
    out = request(
        MSG, CC,
        "{\"model\":\"m\",\"max_tokens\":1,\"stream\":true,\"messages\":[{\"role\":\"user\","
        "\"content\":\"a\"}]}",
        "", NULL);
    has(out, "\"include_usage\":true");
    free(out);
}

static void edge_09_usage_on_any_chunk(void **state)
{
    (void)state;
    static const char *const streams[] = {
        CHUNK(CDELTA("{\"content\":\"x\"}"), "") CHUNK(CFINISH("stop"), CUSAGE) "data: [DONE]\n\n",
        CHUNK(CDELTA("{\"content\":\"x\"}"), CUSAGE) CHUNK(CFINISH("stop"), "") "data: [DONE]\n\n",
        CHUNK("", CUSAGE) CHUNK(CDELTA("{\"content\":\"x\"}"), "")
            CHUNK(CFINISH("stop"), ",\"usage\":null") "data: [DONE]\n\n",
    };
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        aigw_usage usage;
        char *out = stream(CC, MSG, streams[i], AIGW_OK, &usage);
        has(out, "\"input_tokens\":12");
        assert_int_equal(usage.output_tokens, 5);
        free(out);
    }
}

static void edge_10_parallel_calls_with_one_index(void **state)
{
    (void)state;
    char *out = stream(
        CC, MSG,
        CHUNK(CDELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\","
                     "\"function\":{\"name\":"
                     "\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]}"),
              "")
            CHUNK(
                CDELTA(
                    "{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"type\":\"function\",\"function\":"
                    "{\"name\":\"g\",\"arguments\":\"{\\\"y\\\":2}\"}}]}"),
                "") CHUNK(CFINISH("tool_calls"), "") "data: [DONE]\n\n",
        AIGW_OK, NULL);
    has(out, "\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\"");
    has(out, "\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\"");
    ordered(out, "{\\\"x\\\":1}", "{\\\"y\\\":2}");
    ordered(out, "\"type\":\"content_block_stop\",\"index\":0", "\"id\":\"b\"");
    has(out, "\"stop_reason\":\"tool_use\"");
    free(out);
}

static void edge_11_characters_split_across_reads(void **state)
{
    (void)state;
    /* stream() feeds single bytes. */
    char *out =
        stream(MSG, CC,
               START("{}") OPEN("0", TEXT)
                   DELTA("0", "{\"type\":\"text_delta\",\"text\":\"\xF0\x9F\x98\x84 \xC3\xA9\"}")
                       STOP("0") ENDS("end_turn", "{}"),
               AIGW_OK, NULL);
    has(out, "\"content\":\"\xF0\x9F\x98\x84 \xC3\xA9\"");
    lacks(out, "\xEF\xBF\xBD");
    free(out);
    out = stream(CC, MSG,
                 CHUNK(CDELTA("{\"content\":\"\xF0\x9F\x98\x84\"}"), "")
                     CHUNK(CFINISH("stop"), "") "data: [DONE]\n\n",
                 AIGW_OK, NULL);
    has(out, "\"text\":\"\xF0\x9F\x98\x84\"");
    free(out);
}

#define CALL(id)                                                                                   \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"

static void edge_12_parallel_results_in_one_turn(void **state)
{
    (void)state;
    char *out = request(CC, MSG,
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{"
                        "\"role\":\"assistant\","
                        "\"content\":null,\"tool_calls\":[" CALL("x") "," CALL(
                            "y") "]},"
                                 "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"1\"},"
                                 "{\"role\":\"tool\",\"tool_call_id\":\"y\",\"content\":\"2\"},"
                                 "{\"role\":\"user\",\"content\":\"go on\"}]}",
                        "", NULL);
    has(out, "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"x\","
             "\"content\":\"1\"},"
             "{\"type\":\"tool_result\",\"tool_use_id\":\"y\",\"content\":\"2\"},"
             "{\"type\":\"text\",\"text\":\"go on\"}]}");
    free(out);
    out = request(
        MSG, CC,
        "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"assistant\",\"content\":"
        "[" TOOL("x") "," TOOL(
            "y") "]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                 "\"go on\"},{\"type\":\"tool_result\",\"tool_use_id\":\"x\",\"content\":\"1\"},"
                 "{\"type\":\"tool_result\",\"tool_use_id\":\"y\",\"content\":\"2\"}]}]}",
        "", NULL);
    ordered(out, "\"tool_call_id\":\"x\"", "\"tool_call_id\":\"y\"");
    ordered(out, "\"tool_call_id\":\"y\"", "go on");
    free(out);
}

static void edge_13_no_empty_text_blocks(void **state)
{
    (void)state;
    static const char *const empty[] = {"\"\"", "null", "\" \\n\\t\"",
                                        "[{\"type\":\"text\",\"text\":\"\"}]"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        char json[1024];
        snprintf(json, sizeof json,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                 "\"assistant\","
                 "\"content\":%s,\"tool_calls\":[" CALL(
                     "x") "]},{\"role\":\"tool\",\"tool_call_id\":\"x\","
                          "\"content\":\"1\"},{\"role\":\"assistant\",\"content\":%s},{\"role\":"
                          "\"user\",\"content\":\"b\"}]}",
                 empty[i], empty[i]);
        char *out = request(CC, MSG, json, "", NULL);
        has(out, "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\"");
        assert_int_equal(count(out, "\"role\":\"assistant\""), 1);
        has(out, "\"content\":\"1\"},{\"type\":\"text\",\"text\":\"b\"}]}]");
        free(out);
    }
}

#define SEARCHED                                                                                   \
    "{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\",\"name\":\"web_search\",\"input\":{"      \
    "\"query\":\"q\"}},{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"srvtoolu_1\","       \
    "\"content\":[{\"type\":\"web_search_result\",\"url\":\"u\",\"encrypted_content\":\"E\"}]},"   \
    "{\"type\":\"text\",\"text\":\"found\"}"

static void edge_16_server_tools_both_or_neither(void **state)
{
    (void)state;
    size_t drops;
    const char *ask =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
        "\"a\"},{\"role\":\"assistant\",\"content\":[" SEARCHED
        "]},{\"role\":\"user\",\"content\":\"b\"}]}";
    char *out = request(MSG, MSG, ask, "", NULL);
    assert_string_equal(out, ask);
    free(out);
    out = request(MSG, CC, ask, "", &drops);
    lacks(out, "srvtoolu_1");
    lacks(out, "web_search");
    has(out, "\"content\":\"found\"");
    assert_int_equal(drops, 2);
    free(out);
    /* In an answer they are no calls that a client could make. */
    aigw_translation *t = NULL;
    assert_int_equal(aigw_translate_answer(
                         MSG, CC,
                         str("{\"id\":\"x\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                             "\"m\",\"content\":[" SEARCHED "],\"stop_reason\":\"end_turn\","
                             "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}"),
                         NULL, &t, NULL),
                     AIGW_OK);
    out = copy(aigw_translation_body(t));
    aigw_translation_free(t);
    lacks(out, "tool_calls");
    has(out, "\"content\":\"found\"");
    has(out, "\"finish_reason\":\"stop\"");
    free(out);
}

/* An id that carries Gemini's signature is the bare one to anybody else, in call and result alike. */
static void edge_17_sealed_ids_stay_ours(void **state)
{
    (void)state;
#define SEALED "call_1__aigw_YWlndzE0c1NJRw" /* "aigw1", 4: Gemini, 's', "SIG" */
    const char *ask =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
        "\"assistant\","
        "\"content\":null,\"tool_calls\":[" CALL(
            SEALED) "]},{\"role\":\"tool\",\"tool_call_id\":\"" SEALED "\",\"content\":\"1\"}]}";
    size_t drops;
    char *out = request(CC, MSG, ask, "", &drops);
    has(out, "\"type\":\"tool_use\",\"id\":\"call_1\"");
    has(out, "\"tool_use_id\":\"call_1\"");
    lacks(out, "aigw");
    assert_int_equal(drops, 1);
    free(out);
    out = request(CC, CC, ask, "", NULL);
    assert_int_equal(count(out, "\"call_1\""), 2);
    lacks(out, "aigw");
    free(out);
    /* An id that only looks like one of ours stays what it is. */
    out = request(CC, CC,
                  "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL(
                      "a__aigw_zzz") "]}]}",
                  "", NULL);
    has(out, "\"a__aigw_zzz\"");
    free(out);
}

static void edge_18_sampling_parameters(void **state)
{
    (void)state;
    size_t drops;
    const char *hot =
        "{\"model\":\"m\",\"temperature\":1.7,\"top_p\":0.9,\"messages\":[{\"role\":\"user\","
        "\"content\":\"a\"}]}";
    char *out = request(CC, MSG, hot, "claude-opus-4-8", &drops);
    lacks(out, "temperature");
    lacks(out, "top_p");
    assert_int_equal(drops, 2);
    free(out);
    out = request(CC, MSG, hot, "claude-sonnet-4-5", &drops);
    has(out, "\"temperature\":1}");
    lacks(out, "top_p");
    assert_int_equal(drops, 2);
    free(out);
    out = request(
        CC, MSG,
        "{\"model\":\"m\",\"temperature\":0.5,\"reasoning_effort\":\"low\",\"messages\":[{\"role\":"
        "\"user\",\"content\":\"a\"}]}",
        "claude-sonnet-4-5", &drops);
    lacks(out, "temperature");
    has(out, "\"thinking\":{\"type\":\"enabled\"");
    assert_int_equal(drops, 1);
    free(out);
}

#define F "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}"

static void edge_19_strict_parallel_allowed_developer(void **state)
{
    (void)state;
    char *out = request(
        CC, MSG,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":"
        "\"user\",\"content\":\"a\"}],\"tools\":[" F "],\"parallel_tool_calls\":false}",
        "", NULL);
    has(out, "\"system\":\"d\"");
    has(out, "\"strict\":true");
    has(out, "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}");
    free(out);
    out = request(
        CC, MSG,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[" F
        "],\"tool_choice\":\"none\",\"parallel_tool_calls\":false}",
        "", NULL);
    has(out, "\"tool_choice\":{\"type\":\"none\"}");
    has(out, "\"tools\":[");
    free(out);
    out = request(
        MSG, CC,
        "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
        "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"},\"strict\":true}],"
        "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}}",
        "", NULL);
    has(out, "\"tool_choice\":\"required\"");
    has(out, "\"parallel_tool_calls\":false");
    has(out, "\"strict\":true");
    free(out);
}

static void edge_19_allowed_tools(void **state)
{
    (void)state;
    static const char *const modes[][2] = {{"auto", "{\"type\":\"auto\"}"},
                                           {"required", "{\"type\":\"any\"}"}};
    for (size_t i = 0; i < 2; i++) {
        char json[1024];
        snprintf(
            json, sizeof json,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[" F
            ",{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],\"tool_choice\":{\"type\":"
            "\"allowed_tools\",\"allowed_tools\":{\"mode\":\"%s\",\"tools\":[{\"type\":"
            "\"function\",\"function\":{\"name\":\"g\"}}]}}}",
            modes[i][0]);
        char *out = request(CC, MSG, json, "", NULL);
        has(out, "\"name\":\"g\"");
        lacks(out, "\"name\":\"f\"");
        has(out, modes[i][1]);
        free(out);
    }
}

static void edge_20_errors_keep_kind_and_natural_status(void **state)
{
    (void)state;
    static const struct {
        aigw_format from, to;
        int status, natural;
        const char *body, *wants;
    } list[] = {
        {MSG, CC, 529, 503,
         "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
         "\"message\":\"m\""},
        {MSG, CC, 429, 429,
         "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}",
         "\"rate_limit_exceeded\""},
        {CC, MSG, 429, 429,
         "{\"error\":{\"message\":\"m\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}",
         "\"type\":\"rate_limit_error\""},
        {CC, MSG, 502, 502, "<html>bad gateway</html>",
         "{\"type\":\"error\",\"error\":{\"type\":\"api_error\""},
        {MSG, CC, 500, 500, "", "{\"error\":{"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        int status = 0;
        aigw_translation *t = NULL;
        assert_int_equal(aigw_translate_error(list[i].from, list[i].to, list[i].status,
                                              str(list[i].body), &status, &t, NULL),
                         AIGW_OK);
        assert_int_equal(status, list[i].natural);
        char *out = copy(aigw_translation_body(t));
        has(out, list[i].wants);
        lacks(out, "html");
        free(out);
        aigw_translation_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edge_01_tool_call_without_arguments),
        cmocka_unit_test(edge_02_call_index_counts_calls_only),
        cmocka_unit_test(edge_03_message_start_first_and_once),
        cmocka_unit_test(edge_04_error_event_is_no_success),
        cmocka_unit_test(edge_04_silence_is_no_success),
        cmocka_unit_test(edge_05_usage_of_message_delta_replaces),
        cmocka_unit_test(edge_06_anthropic_clients_see_input_tokens),
        cmocka_unit_test(edge_09_usage_on_any_chunk),
        cmocka_unit_test(edge_10_parallel_calls_with_one_index),
        cmocka_unit_test(edge_11_characters_split_across_reads),
        cmocka_unit_test(edge_12_parallel_results_in_one_turn),
        cmocka_unit_test(edge_13_no_empty_text_blocks),
        cmocka_unit_test(edge_16_server_tools_both_or_neither),
        cmocka_unit_test(edge_17_sealed_ids_stay_ours),
        cmocka_unit_test(edge_18_sampling_parameters),
        cmocka_unit_test(edge_19_strict_parallel_allowed_developer),
        cmocka_unit_test(edge_19_allowed_tools),
        cmocka_unit_test(edge_20_errors_keep_kind_and_natural_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
