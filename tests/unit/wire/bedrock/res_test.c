/* Converse answers and errors: read, written, and between the other formats. */
#include "unit/wire/bedrock/kit.h"

#include "chat/seal.h"

static const char answer[] =
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"sig\"}}},"
    "{\"reasoningContent\":{\"redactedContent\":\"b3du\"}},"
    "{\"text\":\"a\\u00e9\"},"
    "{\"citationsContent\":{\"content\":[{\"text\":\"c\"},{\"text\":\"d\"}],\"citations\":[{"
    "\"title\":\"x\",\"location\":{\"web\":{\"url\":\"u\"}}}]}},"
    "{\"toolUse\":{\"toolUseId\":\"t-1\",\"name\":\"f\",\"input\":{\"a\": [1, \"]\"]}}},"
    "{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\",\"type\":\"server_tool_use\",\"input\":{}}}]}"
    "},"
    "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":10,\"outputTokens\":5,\"totalTokens\":"
    "45,"
    "\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":10},\"metrics\":{\"latencyMs\":77},"
    "\"additionalModelResponseFields\":{\"x\":1},\"serviceTier\":{\"type\":\"flex\"}}";

static void to_itself(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *once = kit_answer(&k, &gw_wire_bedrock, &gw_wire_bedrock, answer);
    assert_string_equal(
        once,
        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
        "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"sig\"}}},"
        "{\"reasoningContent\":{\"redactedContent\":\"b3du\"}},{\"text\":\"a\\u00e9\"},"
        "{\"citationsContent\":{\"content\":[{\"text\":\"cd\"}],\"citations\":[{\"title\":\"x\","
        "\"location\":{\"web\":{\"url\":\"u\"}}}]}},"
        "{\"toolUse\":{\"toolUseId\":\"t-1\",\"name\":\"f\",\"input\":{\"a\":[1,\"]\"]}}},"
        "{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\",\"type\":\"server_tool_use\",\"input\":{}"
        "}}"
        "]}},\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":10,\"outputTokens\":5,"
        "\"totalTokens\":45,\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":10},\"metrics\":{"
        "\"latencyMs\":0},\"serviceTier\":{\"type\":\"flex\"}}");
    assert_string_equal(once, kit_answer(&k, &gw_wire_bedrock, &gw_wire_bedrock, once));
    kit_close(&k);
}

/* Usage: input of this API leaves the cached tokens out, as the Messages API does and OpenAI does not. */
static void to_others(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_answer(&k, &gw_wire_bedrock, &gw_wire_anthropic, answer);
    kit_has(text, "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"sig\"}");
    kit_has(text, "{\"type\":\"redacted_thinking\",\"data\":\"b3du\"}");
    kit_has(text, "\"input_tokens\":10,\"cache_creation_input_tokens\":10,"
                  "\"cache_read_input_tokens\":20,\"output_tokens\":5");
    kit_has(text, "\"stop_reason\":\"tool_use\"");
    kit_has(text, "\"input\":{\"a\":[1,\"]\"]}");
    const char *back = kit_answer(&k, &gw_wire_anthropic, &gw_wire_bedrock, text);
    kit_has(back, "{\"text\":\"t\",\"signature\":\"sig\"}");
    kit_has(back, "\"redactedContent\":\"b3du\"");
    kit_has(back, "\"inputTokens\":10,\"outputTokens\":5,\"totalTokens\":45,"
                  "\"cacheReadInputTokens\":20,\"cacheWriteInputTokens\":10");
    text = kit_answer(&k, &gw_wire_bedrock, &gw_wire_openai_chat, answer);
    kit_has(text, "\"prompt_tokens\":40");
    kit_has(text, "\"cached_tokens\":20");
    kit_has(text, "\"finish_reason\":\"tool_calls\"");
    kit_has(text, "\"arguments\":\"{\\\"a\\\":[1,\\\"]\\\"]}\"");
    kit_has(text, "a\\u00e9");
    kit_close(&k);
}

static void stop_reasons(void **state)
{
    static const struct {
        const char *word, *finish;
    } cases[] = {
        {"end_turn", "stop"},
        {"stop_sequence", "stop"},
        {"max_tokens", "length"},
        {"content_filtered", "content_filter"},
        {"guardrail_intervened", "content_filter"},
        {"model_context_window_exceeded", "length"},
        {"malformed_model_output", "stop"},
        {"something_new", "stop"},
    };
    kit k;
    char json[512], want[64];
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(
            json, sizeof json,
            "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"x\"}]}},"
            "\"stopReason\":\"%s\"}",
            cases[i].word);
        snprintf(want, sizeof want, "\"finish_reason\":\"%s\"", cases[i].finish);
        kit_has(kit_answer(&k, &gw_wire_bedrock, &gw_wire_openai_chat, json), want);
    }
    kit_close(&k);
}

static int swallow(void *user, const gw_event *event)
{
    (void)event;
    ++*(int *)user;
    return AIGW_OK;
}

static void no_answers(void **state)
{
    static const char *const cases[] = {
        "[]",
        "{}",
        "{\"message\":\"x\"}",
        "{\"output\":{},\"stopReason\":\"end_turn\"}",
        "{\"output\":{\"message\":{\"content\":\"x\"}},\"stopReason\":\"end_turn\"}",
        "{\"output\":{\"message\":{\"content\":[]}}}",
        "{\"output\":{\"message\":{\"content\":[1]}},\"stopReason\":\"end_turn\"}",
        "{\"output\":{\"message\":{\"content\":[{\"toolUse\":{}}]}},\"stopReason\":\"tool_use\"}",
        "{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":\"malformed_tool_use\"}",
    };
    kit k;
    int events = 0;
    gw_event_sink sink = {swallow, &events};
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_parse(&k, aigw_slice_of(cases[i]));
        if (gw_wire_bedrock.read_answer(k.arena, &k.doc, &sink, &k.err) != AIGW_E_UPSTREAM)
            fail_msg("an answer: %s", cases[i]);
        assert_int_equal(k.err.http_status, 502);
    }
    aigw_usage usage = gw_usage_unknown();
    assert_false(gw_wire_bedrock.tap_answer(GW_S("{\"message\":\"x\"}"), &usage));
    assert_false(gw_wire_bedrock.tap_answer(GW_S("{"), &usage));
    assert_int_equal(usage.input_tokens, -1);
    assert_true(gw_wire_bedrock.tap_answer(aigw_slice_of(answer), &usage));
    assert_int_equal(usage.input_tokens, 40);
    assert_int_equal(usage.cache_write_tokens, 10);
    kit_close(&k);
}

/* What another vendor signed is sealed on its way to a Converse client, and opened when it comes back. */
static void foreign_signatures(void **state)
{
    gw_block blocks[] = {
        {.kind = GW_BLOCK_THINKING,
         .text = gw_jstr_lit("t"),
         .signature = gw_jstr_lit("enc"),
         .origin = AIGW_FORMAT_OPENAI_RESPONSES},
        {.kind = GW_BLOCK_TOOL_CALL,
         .text = gw_jstr_lit("{}"),
         .call_id = gw_jstr_lit("c"),
         .tool_name = gw_jstr_lit("f"),
         .signature = gw_jstr_lit("gem"),
         .origin = AIGW_FORMAT_GEMINI},
        {.kind = GW_BLOCK_NATIVE, .raw = {GW_S("{\"type\":\"web_search_call\"}")}},
    };
    gw_choice choice = {.blocks = blocks, .block_count = 3, .finished = true};
    gw_answer neutral = {.choices = &choice, .choice_count = 1, .usage = gw_usage_unknown()};
    gw_answer_options options = {.id_seed = GW_S("00")};
    kit k;
    char json[4096];
    gw_chat_request r;
    (void)state;
    kit_open(&k);
    assert_int_equal(gw_wire_bedrock.write_answer(k.arena, &neutral, &options, &k.out, &k.err),
                     AIGW_OK);
    const char *text = kit_text(&k);
    kit_lacks(text, "\"enc\"");
    kit_lacks(text, "\"gem\"");
    kit_lacks(text, "web_search_call");
    kit_has(text, "\"stopReason\":\"tool_use\"");
    const char *content = strstr(text, "\"content\":"), *end = strstr(text, "}},\"stopReason\"");
    snprintf(json, sizeof json,
             "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
             "{\"role\":\"assistant\",%.*s}]}",
             (int)(end - content), content);
    kit_parse(&k, gw_arena_copy(k.arena, aigw_slice_of(json)));
    assert_int_equal(gw_wire_bedrock.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    const gw_message *m = &r.messages[1];
    assert_int_equal(m->part_count, 2);
    assert_int_equal(m->parts[0].origin, AIGW_FORMAT_OPENAI_RESPONSES);
    assert_true(gw_jstr_is(m->parts[0].signature, "enc"));
    assert_int_equal(m->parts[1].kind, GW_PART_TOOL_CALL);
    assert_int_equal(m->parts[1].origin, AIGW_FORMAT_GEMINI);
    assert_true(gw_jstr_is(m->parts[1].signature, "gem"));
    kit_close(&k);
}

static void errors_read(void **state)
{
    static const struct {
        int status;
        const char *body;
        gw_api_error_kind kind;
        const char *type, *message;
    } cases[] = {
        {400, "{\"message\":\"m\"}", GW_ERR_INVALID_REQUEST, NULL, "m"},
        {400, "{\"Message\":\"m\",\"__type\":\"a.b#ThrottlingException\"}", GW_ERR_RATE_LIMIT,
         "ThrottlingException", "m"},
        {400, "{\"message\":\"m\",\"__type\":\"ServiceQuotaExceededException:http://x\"}",
         GW_ERR_QUOTA, "ServiceQuotaExceededException", "m"},
        {403, "{\"Message\":\"m\"}", GW_ERR_PERMISSION, NULL, "m"},
        {424, "{\"message\":\"m\",\"code\":\"ModelErrorException\"}", GW_ERR_UPSTREAM,
         "ModelErrorException", "m"},
        {503, "<html>", GW_ERR_OVERLOADED, NULL, "The provider answered"},
        {500, "", GW_ERR_SERVER, NULL, "The provider answered"},
        {429, "[]", GW_ERR_RATE_LIMIT, NULL, "The provider answered"},
    };
    kit k;
    gw_api_error error;
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_wire_bedrock.read_error(k.arena, cases[i].status, aigw_slice_of(cases[i].body), &error);
        assert_int_equal(error.kind, cases[i].kind);
        assert_int_equal(error.status, cases[i].status);
        assert_true(cases[i].type ? gw_jstr_is(error.type, cases[i].type) : !gw_has(error.type));
        assert_true(gw_starts(error.message.inner, aigw_slice_of(cases[i].message)));
    }
    gw_wire_bedrock.read_error(
        k.arena, 400,
        GW_S("{\"message\":\"Input is too long for requested model.\",\"__type\":"
             "\"ValidationException\"}"),
        &error);
    assert_true(gw_jstr_is(error.code, "context_length_exceeded"));
    kit_close(&k);
}

static void errors_written(void **state)
{
    static const struct {
        gw_api_error_kind kind;
        int status, want;
        const char *type;
    } cases[] = {
        {GW_ERR_INVALID_REQUEST, 422, 422, "ValidationException"},
        {GW_ERR_AUTHENTICATION, 401, 403, "UnrecognizedClientException"},
        {GW_ERR_RATE_LIMIT, 0, 429, "ThrottlingException"},
        {GW_ERR_OVERLOADED, 529, 503, "ServiceUnavailableException"},
        {GW_ERR_SERVER, 500, 500, "InternalServerException"},
        {GW_ERR_TIMEOUT, 504, 408, "ModelTimeoutException"},
    };
    kit k;
    char want[200];
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_api_error error = {.kind = cases[i].kind,
                              .status = cases[i].status,
                              .message = gw_jstr_lit("m\\\"n"),
                              .param = gw_jstr_lit("/a")};
        int status = 0;
        gw_wire_bedrock.write_error(&error, NULL, &k.out, &status);
        snprintf(want, sizeof want, "{\"message\":\"/a: m\\\"n\",\"__type\":\"%s\"}",
                 cases[i].type);
        assert_string_equal(kit_text(&k), want);
        assert_int_equal(status, cases[i].want);
    }
    kit_close(&k);
}

/* Arguments that are no object: understandable when cut short, else the provider's fault. */
static void cut_arguments(void **state)
{
    gw_block block = {.kind = GW_BLOCK_TOOL_CALL,
                      .text = gw_jstr_lit("{\\\"a\\\":"),
                      .call_id = gw_jstr_lit("a.b:c"),
                      .tool_name = gw_jstr_lit("f")};
    gw_choice choice = {.blocks = &block, .block_count = 1, .finish = GW_FINISH_LENGTH};
    gw_answer neutral = {.choices = &choice, .choice_count = 1, .usage = gw_usage_unknown()};
    gw_answer_options options = {.id_seed = GW_S("00")};
    kit k;
    (void)state;
    kit_open(&k);
    assert_int_equal(gw_wire_bedrock.write_answer(k.arena, &neutral, &options, &k.out, &k.err),
                     AIGW_OK);
    const char *text = kit_text(&k);
    kit_has(text, "\"input\":{}");
    kit_has(text, "\"stopReason\":\"max_tokens\"");
    kit_has(text, "\"toolUseId\":\"a_b_c_");
    choice.finish = GW_FINISH_TOOL_CALLS;
    assert_int_equal(gw_wire_bedrock.write_answer(k.arena, &neutral, &options, &k.out, &k.err),
                     AIGW_E_UPSTREAM);
    kit_close(&k);
}

static void fixtures(void **state)
{
    static const char *const names[] = {"plain", "thinking", "tool-call"};
    kit k;
    gw_api_error error;
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof path, "bedrock/%s.response.json", names[i]);
        const char *json = kit_file(&k, path).data;
        const char *once = kit_answer(&k, &gw_wire_bedrock, &gw_wire_bedrock, json);
        assert_string_equal(once, kit_answer(&k, &gw_wire_bedrock, &gw_wire_bedrock, once));
        const char *chat = kit_answer(&k, &gw_wire_bedrock, &gw_wire_openai_chat, json);
        kit_has(chat, i == 2   ? "\"prompt_tokens\":655"
                      : i == 1 ? "\"prompt_tokens\":42"
                               : "\"prompt_tokens\":7");
        const char *messages = kit_answer(&k, &gw_wire_bedrock, &gw_wire_anthropic, json);
        kit_has(messages, i == 2   ? "\"input\":{\"city\":\"Paris\"}"
                          : i == 1 ? "\"signature\":\"Eu4CCkgIBxAB"
                                   : "\"stop_reason\":\"end_turn\"");
    }
    gw_wire_bedrock.read_error(k.arena, 400, kit_file(&k, "bedrock/error-400.response.json"),
                               &error);
    assert_int_equal(error.kind, GW_ERR_INVALID_REQUEST);
    assert_true(gw_jstr_is(error.message, "The provided model identifier is invalid."));
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_itself),          cmocka_unit_test(to_others),
        cmocka_unit_test(stop_reasons),       cmocka_unit_test(no_answers),
        cmocka_unit_test(foreign_signatures), cmocka_unit_test(errors_read),
        cmocka_unit_test(errors_written),     cmocka_unit_test(cut_arguments),
        cmocka_unit_test(fixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
