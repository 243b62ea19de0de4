/* Whole answers of the Gemini API, in other formats and back; its errors. */
#include "unit/wire/gemini/kit.h"

static kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k);
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

#define FIRST(parts, more)                                                                         \
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts "]}," more "}],"         \
    "\"usageMetadata\":{\"promptTokenCount\":10,\"toolUsePromptTokenCount\":5,"                    \
    "\"candidatesTokenCount\":3,\"thoughtsTokenCount\":4,\"cachedContentTokenCount\":2,"           \
    "\"totalTokenCount\":22,\"serviceTier\":\"standard\"},\"modelVersion\":\"models/g\","          \
    "\"responseId\":\"R\",\"createTime\":\"2026-04-02T17:03:50.399550Z\"}"

static void plain(void **state)
{
    (void)state;
    const char *json = FIRST("{\"text\":\"a\"},{\"text\":\"b\"},{\"text\":\"hm\",\"thought\":true}",
                             "\"finishReason\":\"STOP\"");
    const char *text = kit_answer(&k, GEM, CHAT, json);
    kit_has(text, "\"content\":\"ab\"");
    kit_has(text, "\"reasoning_content\":\"hm\"");
    kit_has(text, "\"finish_reason\":\"stop\"");
    kit_has(text, "\"model\":\"g\"");
    kit_has(text, "\"created\":1775149430");
    kit_has(text, "\"prompt_tokens\":15,\"completion_tokens\":7,\"total_tokens\":22");
    kit_has(text, "\"cached_tokens\":2");
    kit_has(text, "\"reasoning_tokens\":4");
    text = kit_answer(&k, GEM, GEM, json);
    kit_has(text, "\"usageMetadata\":{\"promptTokenCount\":15,\"candidatesTokenCount\":3,"
                  "\"totalTokenCount\":22,\"cachedContentTokenCount\":2,\"thoughtsTokenCount\":4,"
                  "\"serviceTier\":\"standard\"}");
    kit_has(text, "\"createTime\":\"2026-04-02T17:03:50Z\"");
    kit_has(text, "{\"text\":\"hm\",\"thought\":true}");
}

static void ends(void **state)
{
    (void)state;
    static const struct {
        const char *parts, *word, *finish;
    } cases[] = {
        {"{\"text\":\"x\"}", "MAX_TOKENS", "length"},
        {"{\"text\":\"x\"}", "RECITATION", "content_filter"},
        {"{\"text\":\"x\"}", "MODEL_ARMOR", "content_filter"},
        {"{\"text\":\"x\"}", "SOMETHING_NEW", "stop"},
        {"{\"text\":\"x\"}", "MALFORMED_FUNCTION_CALL", "stop"},
        {"{\"functionCall\":{\"name\":\"f\"}}", "STOP", "tool_calls"},
        {"{\"functionCall\":{\"name\":\"f\"}},{\"text\":\"x\"}", "STOP", "tool_calls"},
        {"{\"functionCall\":{\"name\":\"f\"}}", "MAX_TOKENS", "length"},
        {"{\"functionCall\":{\"name\":\"f\"}}", "SAFETY", "content_filter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512], expected[64];
        snprintf(json, sizeof json,
                 "{\"candidates\":[{\"content\":{\"parts\":[%s]},\"finishReason\":\"%s\"}]}",
                 cases[i].parts, cases[i].word);
        snprintf(expected, sizeof expected, "\"finish_reason\":\"%s\"", cases[i].finish);
        kit_has(kit_answer(&k, GEM, CHAT, json), expected);
    }
}

/* Case 8: no content, no candidate: one choice that says why. */
static void edge_08_nothing_was_said(void **state)
{
    (void)state;
    static const struct {
        const char *json, *finish;
    } cases[] = {
        {"{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\"}]}",
         "length"},
        {"{\"candidates\":[{\"finishReason\":\"SAFETY\"}]}", "content_filter"},
        {"{\"candidates\":[{\"content\":{},\"finishReason\":\"STOP\"}]}", "stop"},
        {"{\"promptFeedback\":{\"blockReason\":\"OTHER\"}}", "content_filter"},
        {"{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":3,\"thoughtsTokenCount\":9}}",
         "length"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64];
        gw_answer answer;
        snprintf(expected, sizeof expected, "\"finish_reason\":\"%s\"", cases[i].finish);
        assert_int_equal(kit_fold(&k, GEM, aigw_slice_of(cases[i].json), &answer), AIGW_OK);
        assert_int_equal(answer.choice_count, 1);
        kit_has(kit_write(&k, CHAT, &answer), expected);
        kit_write(&k, MSG, &answer);
        kit_write(&k, GEM, &answer);
    }
}

static void no_answers(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "[]",
        "{\"error\":{\"code\":500}}",
        "{\"id\":\"chatcmpl-1\",\"choices\":[]}",
        "{\"candidates\":[1]}",
        "{\"candidates\":[{\"index\":-1}]}",
        "{\"candidates\":[{\"index\":100000}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[7]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{}}}]}}]}",
        "{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}",
        "{\"candidates\":[{\"finishReason\":\"UNEXPECTED_TOOL_CALL\",\"content\":{\"parts\":[]}}]}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gw_answer answer;
        int rc = kit_fold(&k, GEM, aigw_slice_of(cases[i]), &answer);
        if (rc != AIGW_E_UPSTREAM)
            fail_msg("%d: %s", rc, cases[i]);
        assert_true(k.err.http_status >= 500);
    }
}

/* Case 17: the signature stays with the call, by the extension and by the id. */
static void edge_17_signature_of_a_call(void **state)
{
    (void)state;
    const char *json = FIRST("{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\": 1}},"
                             "\"thoughtSignature\":\"c2ln\"}",
                             "\"finishReason\":\"STOP\"");
    const char *text = kit_answer(&k, GEM, CHAT, json);
    kit_has(text, "\"thought_signature\":\"c2ln\"");
    kit_has(text, "__aigw_");
    kit_has(text, "\"arguments\":\"{\\\"a\\\":1}\"");
    text = kit_answer(&k, GEM, GEM, json);
    kit_has(text, "\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"c2ln\"}");
    text = kit_answer(&k, GEM, MSG, json);
    kit_has(text, "\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"YWlndz");
    kit_has(text, "\"type\":\"tool_use\"");
}

static void signature_without_text(void **state)
{
    (void)state;
    const char *json = FIRST("{\"text\":\"x\"},{\"text\":\"\",\"thoughtSignature\":\"c2ln\"}",
                             "\"finishReason\":\"STOP\"");
    kit_has(kit_answer(&k, GEM, GEM, json),
            "[{\"text\":\"x\"},{\"text\":\"\",\"thoughtSignature\":\"c2ln\"}]");
    json = FIRST("{\"text\":\"x\",\"thoughtSignature\":\"c2ln\"},{\"text\":\"y\"}",
                 "\"finishReason\":\"STOP\"");
    kit_has(kit_answer(&k, GEM, GEM, json),
            "[{\"text\":\"x\",\"thoughtSignature\":\"c2ln\"},{\"text\":\"y\"}]");
}

/* Another vendor's thinking goes to a Gemini client sealed, and comes back as it was. */
static void foreign_signatures(void **state)
{
    (void)state;
    const char *text = kit_answer(
        &k, MSG, GEM,
        "{\"type\":\"message\",\"id\":\"m\",\"model\":\"c\",\"role\":\"assistant\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"SIG\"},{\"type\":"
        "\"redacted_thinking\",\"data\":\"RED\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
        "\"f\","
        "\"input\":{}}],\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,"
        "\"output_tokens\":2}}");
    kit_lacks(text, "\"SIG\"");
    kit_has(text, "\"finishReason\":\"STOP\"");
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(k.arena, aigw_slice_of(text), NULL, &doc, NULL), AIGW_OK);
    gw_json_ref candidate = gw_json_at(&doc, gw_json_get(&doc, 0, "candidates"), 0);
    aigw_slice content = gw_json_raw(&doc, gw_json_get(&doc, candidate, "content"));
    char json[2048];
    snprintf(json, sizeof json,
             "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},%.*s,{\"parts\":[{\"functionResponse\":"
             "{\"id\":\"t\",\"name\":\"f\",\"response\":{\"output\":\"r\"}}}]}]}",
             (int)content.len, content.data);
    text = kit_request(&k, GEM, MSG, json, "claude-sonnet-4-5");
    kit_has(text, "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"SIG\"},{\"type\":"
                  "\"redacted_thinking\",\"data\":\"RED\"},{\"type\":\"tool_use\"");
    text = kit_request(&k, GEM, GEM, json, "gemini-3-pro");
    kit_lacks(text, "hm");
    kit_lacks(text, "thoughtSignature");
}

static void sources(void **state)
{
    (void)state;
    const char *json = FIRST(
        "{\"text\":\"hm\",\"thought\":true},{\"text\":\"\xc3\xa4\\n\\u00e4 \\ud83d\\ude00 "
        "end\"}",
        "\"finishReason\":\"STOP\",\"groundingMetadata\":{\"webSearchQueries\":[\"q\"],"
        "\"groundingChunks\":[{\"web\":{\"uri\":\"https://a/\",\"title\":\"A\"}}],"
        "\"groundingSupports\":[{\"segment\":{\"partIndex\":1,\"startIndex\":3,\"endIndex\":10}"
        ",\"groundingChunkIndices\":[0,7]}]}");
    const char *text = kit_answer(&k, GEM, CHAT, json);
    /* bytes: a-umlaut 2, newline 1, a-umlaut 2, space 1, emoji 4 */
    kit_has(text, "\"start_index\":2,\"end_index\":5,\"url\":\"https://a/\",\"title\":\"A\"");
    text = kit_answer(&k, GEM, GEM, json);
    kit_has(text, "\"groundingMetadata\":{\"webSearchQueries\":[\"q\"]");
    text = kit_answer(
        &k, CHAT, GEM,
        "{\"id\":\"i\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,"
        "\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":"
        "\"x\",\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,"
        "\"end_index\":1,\"url\":\"https://b/"
        "\",\"title\":\"B\"}},{\"type\":\"url_citation\",\"url_citation\":{"
        "\"start_index\":0,\"end_index\":1,\"url\":\"https://b/\",\"title\":\"B\"}}]}}]}");
    kit_has(text, "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://b/\","
                  "\"title\":\"B\"}}]}");
}

static void log_probabilities(void **state)
{
    (void)state;
    const char *json = FIRST(
        "{\"text\":\"x\"}",
        "\"finishReason\":\"STOP\",\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"x\","
        "\"tokenId\":7,\"logProbability\":-0.5}],\"topCandidates\":[{\"candidates\":[{"
        "\"token\":\"x\",\"logProbability\":-0.5},{\"token\":\"y\",\"logProbability\":-2}]}]}");
    kit_has(kit_answer(&k, GEM, CHAT, json),
            "\"logprobs\":{\"content\":[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":null,"
            "\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-0.5,\"bytes\":null},{\"token\":\"y\","
            "\"logprob\":-2,\"bytes\":null}]}],\"refusal\":null}");
    kit_has(kit_answer(&k, GEM, GEM, json),
            "\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"x\",\"logProbability\":-0.5}],"
            "\"topCandidates\":[{\"candidates\":[{\"token\":\"x\",\"logProbability\":-0.5},"
            "{\"token\":\"y\",\"logProbability\":-2}]}]}");
}

static void several_candidates(void **state)
{
    (void)state;
    const char *json =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},"
        "{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},\"finishReason\":\"STOP\","
        "\"index\":1}],\"responseId\":\"R\"}";
    const char *text = kit_answer(&k, GEM, CHAT, json);
    kit_has(text, "\"finish_reason\":\"stop\"");
    kit_has(text, "\"finish_reason\":\"tool_calls\"");
    text = kit_answer(&k, GEM, GEM, json);
    kit_has(text, "\"index\":0");
    kit_has(text, "\"index\":1");
}

static const char *const fixtures[] = {"code-execution",
                                       "empty-assistant-in-history",
                                       "grounding-google-search",
                                       "json-schema",
                                       "json-schema-prefix-items",
                                       "max-tokens-no-content",
                                       "plain",
                                       "safety-finish",
                                       "system-instruction",
                                       "text-inline-data",
                                       "thinking-config",
                                       "tool-call",
                                       "tool-call-gemini3-vercel",
                                       "tool-call-no-args-any-mode",
                                       "tool-choice-any",
                                       "video-file-uri"};

static void every_fixture(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        char name[128];
        gw_answer answer, again;
        aigw_usage usage = gw_usage_unknown();
        snprintf(name, sizeof name, "gemini/%s.response.json", fixtures[i]);
        aigw_slice json = kit_fixture(&k, name);
        assert_int_equal(kit_fold(&k, GEM, json, &answer), AIGW_OK);
        const char *once = kit_write(&k, GEM, &answer);
        assert_int_equal(kit_fold(&k, GEM, aigw_slice_of(once), &again), AIGW_OK);
        assert_string_equal(once, kit_write(&k, GEM, &again));
        assert_memory_equal(&answer.usage, &again.usage, sizeof usage);
        assert_true(GEM->tap_answer(json, &usage));
        assert_memory_equal(&usage, &answer.usage, sizeof usage);
        kit_parse(&k, json);
        int64_t total = 0;
        assert_true(gw_json_i64(
            &k.doc, gw_json_get(&k.doc, gw_json_get(&k.doc, 0, "usageMetadata"), "totalTokenCount"),
            &total));
        assert_int_equal(usage.input_tokens + usage.output_tokens, total);
        for (size_t w = 0; gw_wires[w] != NULL; w++)
            kit_write(&k, gw_wires[w], &answer);
    }
}

static void errors(void **state)
{
    (void)state;
    gw_api_error e;
    gw_answer_options options = {.id_seed = GW_S("00")};
    int status = 0;
    GEM->read_error(k.arena, 400,
                    GW_S("{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":"
                         "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":"
                         "\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"
                         "\"API_KEY_INVALID\"}]}}"),
                    &e);
    assert_int_equal(e.kind, GW_ERR_AUTHENTICATION);
    assert_int_equal(e.status, 401);
    GEM->read_error(
        k.arena, 429,
        GW_S("[{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":"
             "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
             "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34.4s\"}]}}]"),
        &e);
    assert_int_equal(e.kind, GW_ERR_RATE_LIMIT);
    assert_int_equal(e.retry_after_s, 35);
    assert_true(gw_jstr_is(e.message, "slow"));
    GEM->write_error(&e, &options, &k.out, &status);
    assert_int_equal(status, 429);
    assert_string_equal(kit_text(&k),
                        "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":"
                        "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
                        "\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"35s\"}]}}");
    static const char *const none[] = {"",    "<html>secret</html>", "[]",
                                       "[1]", "{\"error\":1}",       "7"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        GEM->read_error(k.arena, 503, aigw_slice_of(none[i]), &e);
        assert_int_equal(e.kind, GW_ERR_OVERLOADED);
        assert_true(gw_jstr_is(e.message, "The provider answered with status 503."));
        assert_int_equal(e.retry_after_s, 0);
    }
    e = (gw_api_error){.kind = GW_ERR_INVALID_REQUEST,
                       .message = gw_jstr_lit("no"),
                       .param = gw_jstr_lit("/contents/0")};
    gw_buf_clear(&k.out);
    GEM->write_error(&e, &options, &k.out, &status);
    assert_int_equal(status, 400);
    kit_has(kit_text(&k), "\"field\":\"/contents/0\"");
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain),
        T(ends),
        T(edge_08_nothing_was_said),
        T(no_answers),
        T(edge_17_signature_of_a_call),
        T(signature_without_text),
        T(foreign_signatures),
        T(sources),
        T(log_probabilities),
        T(several_candidates),
        T(every_fixture),
        T(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
