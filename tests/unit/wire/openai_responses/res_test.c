/* Whole answers of OpenAI Responses: read, written, told to others, and the tap. */
#include "unit/wire/openai_responses/help.h"

#define ANSWER(status, rest)                                                                       \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":17,\"status\":\"" status            \
    "\",\"model\":\"m\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_7\",\"summary\":[{"        \
    "\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],"       \
    "\"encrypted_content\":\"gAAA\"},{\"type\":\"message\",\"id\":\"msg_7\",\"role\":"             \
    "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[],"     \
    "\"logprobs\":[{\"token\":\"hi\",\"logprob\":-0.5,\"bytes\":[104,105],\"top_logprobs\":[]}"    \
    "]}]},{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"},{\"type\":"      \
    "\"function_call\",\"id\":\"fc_7\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":"           \
    "\"{\\\"a\\\":1}\"},{\"type\":\"custom_tool_call\",\"id\":\"ct_7\",\"call_id\":\"c2\","        \
    "\"name\":\"g\",\"input\":\"free\"}],\"usage\":{\"input_tokens\":10,"                          \
    "\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":7,"                          \
    "\"output_tokens_details\":{\"reasoning_tokens\":3},\"total_tokens\":17}" rest "}"

static const char *told(kit *k, const gw_wire *from, const gw_wire *to, const char *text)
{
    if (kit_answer(k, from, to, aigw_slice_of(text), NULL) != AIGW_OK)
        fail_msg("%d %s", k->rc, k->err.message);
    return kit_text(k);
}

static void to_chat(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = told(&k, RESPONSES, CHAT, ANSWER("completed", ""));
    has(out, "\"content\":\"hi\"");
    has(out, "\"reasoning_content\":\"a\\n\\nb\"");
    has(out, "\"id\":\"c1\"");
    has(out, "\"arguments\":\"{\\\"a\\\":1}\"");
    has(out, "\"custom\":{\"name\":\"g\",\"input\":\"free\"}");
    has(out, "\"finish_reason\":\"tool_calls\"");
    has(out, "\"logprobs\":{\"content\":[{\"token\":\"hi\"");
    has(out, "\"prompt_tokens\":10,\"completion_tokens\":7,\"total_tokens\":17");
    has(out, "\"cached_tokens\":4");
    has(out, "\"reasoning_tokens\":3");
    has_not(out, "web_search_call");
    has_not(out, "gAAA"); /* another vendor's clients get it sealed */
    assert_int_equal(count_of(out, "\"type\":\"function\""), 1);
    kit_free(&k);
}

static void to_itself(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = told(&k, RESPONSES, RESPONSES, ANSWER("completed", ""));
    has(out, "{\"type\":\"reasoning\",\"id\":\"rs_7\",\"summary\":[{\"type\":\"summary_text\","
             "\"text\":\"a\\n\\nb\"}],\"encrypted_content\":\"gAAA\"}");
    has(out, "\"id\":\"msg_00ff0001\"");
    has(out, "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"}");
    has(out, "\"id\":\"fc_00ff0003\",\"status\":\"completed\",\"call_id\":\"c1\"");
    has(out, "\"id\":\"resp_1\"");
    has(out, "\"status\":\"completed\"");
    assert_string_equal(told(&k, RESPONSES, RESPONSES, out), out);
    kit_free(&k);
}

static void what_cut_it_wins(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *cut =
        ANSWER("incomplete", ",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
    has(told(&k, RESPONSES, CHAT, cut), "\"finish_reason\":\"length\"");
    const char *out = told(&k, RESPONSES, RESPONSES, cut);
    has(out, "\"status\":\"incomplete\"");
    has(out, "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}");
    has(out, "\"id\":\"ctc_00ff0004\",\"status\":\"incomplete\"");
    has(out, "\"id\":\"fc_00ff0003\",\"status\":\"completed\"");
    has(told(&k, RESPONSES, CHAT,
             ANSWER("incomplete", ",\"incomplete_details\":{\"reason\":\"content_filter\"}")),
        "\"finish_reason\":\"content_filter\"");
    kit_free(&k);
}

static void failures(void **state)
{
    (void)state;
    kit k = kit_new();
    static const char *const rows[] = {
        ANSWER("failed", ",\"error\":{\"code\":\"server_error\",\"message\":\"x\"}"),
        ANSWER("in_progress", ""),
        ANSWER("queued", ""),
        ANSWER("cancelled", ""),
        "{\"error\":{\"message\":\"x\"}}",
        "{\"output\":{}}",
        "[]",
        "null"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (kit_answer(&k, RESPONSES, CHAT, aigw_slice_of(rows[i]), NULL) != AIGW_E_UPSTREAM)
            fail_msg("%s: %d", rows[i], k.rc);
    }
    kit_free(&k);
}

static void from_others(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = told(
        &k, ANTHROPIC, RESPONSES,
        "{\"id\":\"msg_a\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":"
        "[{\"type\":\"thinking\",\"thinking\":\"why\",\"signature\":\"SIG\"},{\"type\":"
        "\"redacted_thinking\",\"data\":\"RD\"},{\"type\":\"text\",\"text\":\"see\",\"citations\":"
        "[{\"type\":\"web_search_result_location\",\"url\":\"https://x.test\",\"title\":\"X\","
        "\"encrypted_index\":\"e\",\"cited_text\":\"t\"}]},{\"type\":\"tool_use\",\"id\":"
        "\"toolu_1\",\"name\":\"f\",\"input\":{}}],\"stop_reason\":\"tool_use\",\"usage\":{"
        "\"input_tokens\":3,\"cache_read_input_tokens\":2,\"cache_creation_input_tokens\":1,"
        "\"output_tokens\":4}}");
    has(out, "\"id\":\"resp_00ff\"");
    has(out, "\"text\":\"why\"}],\"encrypted_content\":\"YWlndz");
    has_not(out, "SIG");
    assert_int_equal(count_of(out, "\"type\":\"reasoning\""), 2);
    has(out, "{\"type\":\"url_citation\",\"start_index\":0,\"end_index\":3,\"url\":"
             "\"https://x.test\",\"title\":\"X\"}");
    has(out, "\"call_id\":\"toolu_1\",\"name\":\"f\",\"arguments\":\"{}\"");
    has(out, "\"input_tokens\":6,\"input_tokens_details\":{\"cached_tokens\":2,"
             "\"cache_write_tokens\":1},\"output_tokens\":4");
    has(out, "\"total_tokens\":10");
    /* And back, as a client replays it. */
    kit back = kit_new();
    gw_json_doc doc;
    gw_buf request;
    gw_buf_init(&request, KIT_OUT);
    assert_int_equal(gw_json_parse(k.arena, aigw_slice_of(out), NULL, &doc, NULL), AIGW_OK);
    aigw_slice output = gw_json_raw(&doc, gw_json_get(&doc, 0, "output"));
    gw_buf_puts(&request, "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"q\"},");
    gw_buf_append(&request, output.data + 1, output.len - 2);
    gw_buf_puts(&request, ",{\"type\":\"function_call_output\",\"call_id\":\"toolu_1\",\"output\":"
                          "\"r\"}]}");
    assert_int_equal(kit_request(&back, RESPONSES, ANTHROPIC, gw_buf_slice(&request)), AIGW_OK);
    has(kit_text(&back), "{\"type\":\"thinking\",\"thinking\":\"why\",\"signature\":\"SIG\"},{"
                         "\"type\":\"redacted_thinking\",\"data\":\"RD\"}");
    gw_buf_free(&request);
    kit_free(&back);
    kit_free(&k);
}

/* A signature on a call stands in an item of its own before it. */
static void carriers(void **state)
{
    (void)state;
    kit k = kit_new();
    gw_block blocks[2] = {{.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("t")},
                          {.kind = GW_BLOCK_TOOL_CALL,
                           .call_id = gw_jstr_lit("c"),
                           .tool_name = gw_jstr_lit("f"),
                           .signature = gw_jstr_lit("GSIG"),
                           .origin = AIGW_FORMAT_GEMINI}};
    gw_choice choice = {.blocks = blocks, .block_count = 2, .finished = true};
    gw_answer answer = {.choices = &choice, .choice_count = 1, .usage = gw_usage_unknown()};
    gw_answer_options options = kit_options();
    assert_int_equal(RESPONSES->write_answer(k.arena, &answer, &options, &k.out, NULL), AIGW_OK);
    const char *out = kit_text(&k);
    const char *message = strstr(out, "\"type\":\"message\"");
    const char *reasoning = strstr(out, "\"type\":\"reasoning\"");
    const char *call = strstr(out, "\"type\":\"function_call\"");
    assert_true(message != NULL && reasoning > message && call > reasoning);
    has(out, "\"usage\":null");
    kit_free(&k);
}

static void the_request_is_echoed(void **state)
{
    (void)state;
    kit k = kit_new();
    gw_json_doc request;
    aigw_slice asked =
        GW_S("{\"model\":\"m\",\"input\":\"q\",\"instructions\":\"be \\u00e4\",\"temperature\":0.2,"
             "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"tool_choice\":\"required\","
             "\"parallel_tool_calls\":false,\"metadata\":{\"a\":\"b\"},\"text\":{\"verbosity\":"
             "\"low\"},\"reasoning\":{\"effort\":\"low\"},\"max_output_tokens\":99,\"store\":true,"
             "\"user\":null}");
    assert_int_equal(gw_json_parse(k.arena, asked, NULL, &request, NULL), AIGW_OK);
    assert_int_equal(
        kit_answer(&k, RESPONSES, RESPONSES, aigw_slice_of(ANSWER("completed", "")), &request),
        AIGW_OK);
    const char *out = kit_text(&k);
    has(out, "\"instructions\":\"be \\u00e4\"");
    has(out, "\"temperature\":0.2");
    has(out, "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]");
    has(out, "\"tool_choice\":\"required\"");
    has(out, "\"parallel_tool_calls\":false");
    has(out, "\"metadata\":{\"a\":\"b\"}");
    has(out, "\"text\":{\"format\":{\"type\":\"text\"},\"verbosity\":\"low\"}");
    has(out, "\"reasoning\":{\"summary\":null,\"effort\":\"low\"}");
    has(out, "\"max_output_tokens\":99");
    has(out, "\"store\":false"); /* never kept here */
    has(out, "\"user\":null");
    kit_free(&k);
}

/* A number that the provider did not say is 0 here: the SDKs' types have no place for "unknown". */
static const char *without_zero(kit *k, const char *text)
{
    static const char part[] = ",\"cache_write_tokens\":0";
    const char *at = strstr(text, part);
    size_t before = at == NULL ? strlen(text) : (size_t)(at - text);
    gw_buf out;
    gw_buf_init(&out, KIT_OUT);
    gw_buf_append(&out, text, before);
    if (at != NULL)
        gw_buf_puts(&out, at + sizeof(part) - 1);
    const char *copy = gw_arena_copy(k->arena, gw_buf_slice(&out)).data;
    gw_buf_free(&out);
    return copy;
}

/* previous-response-id is not among them: it has a status that the API does not have. */
static void fixtures_read_again(void **state)
{
    (void)state;
    static const char *const names[] = {"plain",
                                        "image-url",
                                        "json-schema",
                                        "reasoning-encrypted-tool-call",
                                        "reasoning-summary",
                                        "tool-call",
                                        "tool-choice-required",
                                        "tool-result-roundtrip"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        kit k = kit_new();
        char name[128];
        snprintf(name, sizeof(name), "openai-responses/%s.response.json", names[i]);
        aigw_slice text = kit_fixture(&k, name);
        assert_int_equal(kit_answer(&k, RESPONSES, CHAT, text, NULL), AIGW_OK);
        const char *chat = kit_text(&k);
        assert_int_equal(kit_answer(&k, RESPONSES, RESPONSES, text, NULL), AIGW_OK);
        const char *own = kit_text(&k);
        /* What was written says to others what the fixture says. */
        assert_string_equal(without_zero(&k, told(&k, RESPONSES, CHAT, own)),
                            without_zero(&k, chat));
        assert_string_equal(told(&k, RESPONSES, RESPONSES, own), own);
        kit_free(&k);
    }
}

static gw_tap_verdict look(void *tap, const char *type, const char *data, aigw_usage *usage)
{
    gw_sse_event ev = {.type = aigw_slice_of(type), .data = aigw_slice_of(data), .has_data = true};
    return RESPONSES->tap_event(tap, &ev, usage);
}

static void tap(void **state)
{
    (void)state;
    void *t = calloc(1, RESPONSES->tap_size);
    aigw_usage u = gw_usage_unknown();
    RESPONSES->tap_init(t, true);
    assert_int_equal(look(t, "",
                          "{\"type\":\"response.output_text.delta\",\"delta\":\"say \\\""
                          "response.completed\\\"\"}",
                          &u),
                     GW_TAP_PASS);
    assert_int_equal(look(t, "",
                          "{\"type\":\"response.output_text.delta\",\"delta\":"
                          "\"response.completed\"}",
                          &u),
                     GW_TAP_PASS);
    assert_int_equal(look(t, "", "[DONE]", &u), GW_TAP_PASS);
    assert_int_equal(look(t, "", "<html>", &u), GW_TAP_BROKEN);
    assert_int_equal(look(t, "response.completed", "{\"type\":", &u), GW_TAP_BROKEN);
    assert_false(RESPONSES->tap_complete(t));
    assert_int_equal(look(t, "error", "{\"type\":\"error\",\"message\":\"x\"}", &u), GW_TAP_ERROR);
    assert_int_equal(look(t, "", "{\"error\":{\"message\":\"x\"}}", &u), GW_TAP_ERROR);
    assert_int_equal(look(t, "response.failed",
                          "{\"type\":\"response.failed\",\"response\":{\"usage\":{"
                          "\"input_tokens\":2}}}",
                          &u),
                     GW_TAP_ERROR);
    assert_int_equal(u.input_tokens, 2);
    assert_int_equal(look(t, "",
                          "{\"response\":{\"status\":\"completed\",\"error\":null,\"usage\":{"
                          "\"input_tokens\":3,\"output_tokens\":4}},\"type\": "
                          "\"response.completed\"}",
                          &u),
                     GW_TAP_LAST);
    assert_int_equal(u.output_tokens, 4);
    assert_true(RESPONSES->tap_complete(t));
    u = gw_usage_unknown();
    assert_true(RESPONSES->tap_answer(aigw_slice_of(ANSWER("completed", "")), &u));
    assert_int_equal(u.input_tokens, 10);
    assert_int_equal(u.cached_tokens, 4);
    assert_int_equal(u.reasoning_tokens, 3);
    assert_false(RESPONSES->tap_answer(GW_S("{\"error\":{}}"), &u));
    assert_false(RESPONSES->tap_answer(GW_S("x"), &u));
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_chat),
        cmocka_unit_test(to_itself),
        cmocka_unit_test(what_cut_it_wins),
        cmocka_unit_test(failures),
        cmocka_unit_test(from_others),
        cmocka_unit_test(carriers),
        cmocka_unit_test(the_request_is_echoed),
        cmocka_unit_test(fixtures_read_again),
        cmocka_unit_test(tap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
