/* Whole answers: as events, as documents, and back. */
#include "unit/wire/openai_chat/help.h"

static int setup(void **state)
{
    *state = gw_arena_new((size_t)32 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

static int events_of(gw_arena *arena, aigw_slice body, gw_answer *answer, char **events)
{
    gw_json_doc doc = parse(arena, body);
    record r = {.fold = gw_fold_new(arena)};
    gw_buf_init(&r.text, 1 << 20);
    gw_event_sink sink = {record_event, &r};
    int rc = WIRE->read_answer(arena, &doc, &sink, NULL);
    if (rc == AIGW_OK)
        assert_int_equal(gw_fold_result(r.fold, answer, NULL), AIGW_OK);
    *events = text_of(&r.text);
    gw_buf_free(&r.text);
    return rc;
}

static char *document_of(gw_arena *arena, const gw_answer *answer)
{
    gw_answer_options options = {.id_seed = GW_S("feed"), .created = 42};
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    assert_int_equal(WIRE->write_answer(arena, answer, &options, &out, NULL), AIGW_OK);
    char *text = text_of(&out);
    gw_buf_free(&out);
    parse(arena, aigw_slice_of(text));
    return text;
}

static void recorded_answers_round_trip(void **state)
{
    static const char *const names[] = {
        "openai/plain",
        "openai/audio-input",
        "openai/cache-write-tokens",
        "openai/json-schema-final",
        "openai/moderation-field",
        "openai/tools-parallel-flag-true",
        "openai/usage-detailed",
        "openai/web-search-annotations",
        "openai/tool-choice-named",
        "azure/plain",
        "openai-compatible/deepseek-reasoning-content",
        "openai-compatible/gemini-compat-tool-call-no-id",
        "openai-compatible/mistral-magistral-thinking-content-array"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[200], *a, *b;
        gw_answer first, second;
        snprintf(path, sizeof(path), "%s.response.json", names[i]);
        aigw_slice body = fixture(path);
        assert_int_equal(events_of(*state, body, &first, &a), AIGW_OK);
        assert_true(first.usage.input_tokens > 0 && first.usage.output_tokens > 0);
        char *once = document_of(*state, &first);
        assert_int_equal(events_of(*state, aigw_slice_of(once), &second, &b), AIGW_OK);
        assert_string_equal(a, b);
        char *twice = document_of(*state, &second);
        assert_string_equal(once, twice);
        free(a);
        free(b);
        free(once);
        free(twice);
        free((void *)(uintptr_t)body.data);
    }
}

static void a_missing_call_id_is_made(void **state)
{
    char *events;
    gw_answer answer;
    aigw_slice body = fixture("openai-compatible/gemini-compat-tool-call-no-id.response.json");
    assert_int_equal(events_of(*state, body, &answer, &events), AIGW_OK);
    assert_int_equal(answer.choices[0].finish, GW_FINISH_TOOL_CALLS);
    assert_true(gw_starts(answer.choices[0].blocks[0].call_id.inner, GW_S("call_")));
    assert_int_equal(answer.choices[0].blocks[0].call_id.inner.len, 25);
    free(events);
    free((void *)(uintptr_t)body.data);
}

static void everything_of_a_message_is_read(void **state)
{
    char *events;
    gw_answer answer;
    static const char body[] =
        "{\"id\":\"i\",\"model\":\"m\",\"created\":3,\"service_tier\":\"flex\",\"system_"
        "fingerprint\":\"fp\",\"choices\":["
        "{\"finish_reason\":\"stop\",\"logprobs\":{\"content\":[1],\"refusal\":null},\"message\":{"
        "\"content\":\"x\","
        "\"refusal\":\"no\",\"reasoning\":\"because\",\"annotations\":[{\"type\":\"url_citation\","
        "\"url_citation\":{}}],"
        "\"audio\":{\"id\":\"a\"},\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
        "\"arguments\":{ \"a\" : 1 }},"
        "\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}}},{\"id\":\"d\",\"type\":"
        "\"custom\",\"custom\":{"
        "\"name\":\"g\",\"input\":\"raw\"}}]}},"
        "{\"finish_reason\":\"model_length\",\"message\":{\"content\":[{\"type\":\"thinking\","
        "\"thinking\":[{\"text\":\"p\"},"
        "{\"text\":\"q\"}]},{\"type\":\"text\",\"text\":\"y\"}]}},{\"message\":{\"content\":null},"
        "\"finish_reason\":\"content_filter\"}],"
        "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6,\"prompt_cache_hit_tokens\":2}}";
    assert_int_equal(events_of(*state, aigw_slice_of(body), &answer, &events), AIGW_OK);
    assert_string_equal(
        events,
        "START\nOPEN 0 thinking\nDELTA 0 thinking delta=because\nCLOSE 0 thinking\nOPEN 1 text\n"
        "DELTA 1 text delta=x raw=[{\"type\":\"url_citation\",\"url_citation\":{}}] "
        "logprobs={\"content\":[1],\"refusal\":null}\n"
        "CLOSE 1 text\nOPEN 2 refusal\nDELTA 2 refusal delta=no\nCLOSE 2 refusal\n"
        "OPEN 3 native name=audio raw={\"id\":\"a\"}\nCLOSE 3 native\n"
        "OPEN 4 call id=c name=f signature=G\nDELTA 4 call delta={\\\"a\\\":1}\nCLOSE 4 call\n"
        "OPEN 5 call custom id=d name=g\nDELTA 5 call delta=raw\nCLOSE 5 call\nFINISH 3 "
        "native=stop\n"
        "OPEN #1 0 thinking\nDELTA #1 0 thinking delta=pq\nCLOSE #1 0 thinking\nOPEN #1 1 text\n"
        "DELTA #1 1 text delta=y\nCLOSE #1 1 text\nFINISH #1 2 native=model_length\nFINISH #2 4 "
        "native=content_filter\n"
        "USAGE 5 6 2 -1 -1\nEND\n");
    char *doc = document_of(*state, &answer), *again;
    gw_answer second;
    assert_non_null(
        strstr(doc, "\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"stop\""));
    assert_non_null(strstr(doc, "\"audio\":{\"id\":\"a\"}"));
    assert_int_equal(events_of(*state, aigw_slice_of(doc), &second, &again), AIGW_OK);
    assert_string_equal(events, again);
    free(events);
    free(again);
    free(doc);
}

static void no_answers_are_refused(void **state)
{
    static const char *const bodies[] = {
        "[]",
        "{}",
        "null",
        "{\"choices\":[]}",
        "{\"choices\":null}",
        "{\"choices\":[1]}",
        "{\"error\":{\"code\":429,\"message\":\"slow\"}}",
        "{\"choices\":[{\"error\":{\"code\":502,\"message\":\"bad\"}}]}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char *events;
        gw_answer answer;
        assert_int_equal(events_of(*state, aigw_slice_of(bodies[i]), &answer, &events),
                         AIGW_E_UPSTREAM);
        assert_null(strstr(events, "END"));
        if (strstr(bodies[i], "error") != NULL)
            assert_non_null(strstr(events, "ERROR"));
        free(events);
    }
}

/* An answer as another format's reader would give it. */
static void foreign_answers_are_written(void **state)
{
    gw_block blocks[] = {
        {.kind = GW_BLOCK_THINKING, .text = gw_jstr_lit("t"), .signature = gw_jstr_lit("S")},
        {.kind = GW_BLOCK_REDACTED_THINKING, .text = gw_jstr_lit("D")},
        {.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("h\xc3\xa9\\n\\ud83d\\ude00")},
        {.kind = GW_BLOCK_TEXT,
         .text = gw_jstr_lit("ab"),
         .raw.json = GW_S("[{\"type\":\"web_search_result_location\",\"url\":\"http://"
                          "u\",\"title\":\"T\"},{\"type\":\"char_location\"}]")},
        {.kind = GW_BLOCK_NATIVE, .raw.json = GW_S("{\"type\":\"server_tool_use\"}")},
        {.kind = GW_BLOCK_TOOL_CALL, .call_id = gw_jstr_lit("c"), .tool_name = gw_jstr_lit("f")}};
    gw_choice choice = {.blocks = blocks,
                        .block_count = 6,
                        .finished = true,
                        .finish = GW_FINISH_TOOL_CALLS,
                        .native_finish = gw_jstr_lit("tool_use")};
    gw_answer answer = {.model = gw_jstr_lit("m"),
                        .choices = &choice,
                        .choice_count = 1,
                        .usage = {10, 5, 3, -1, 2},
                        .usage_raw.json = GW_S("{\"input_tokens\":7}")};
    char *doc = document_of(*state, &answer);
    assert_string_equal(
        doc, "{\"id\":\"chatcmpl-feed\",\"object\":\"chat.completion\",\"created\":42,\"model\":"
             "\"m\",\"choices\":[{\"index\":0,"
             "\"message\":{\"role\":\"assistant\",\"content\":\"h\xc3\xa9\\n\\ud83d\\ude00"
             "ab\",\"refusal\":null,"
             "\"reasoning_content\":\"t\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":"
             "\"t\",\"signature\":\"S\"},"
             "{\"type\":\"redacted_thinking\",\"data\":\"D\"}],\"annotations\":[{\"type\":\"url_"
             "citation\",\"url_citation\":{"
             "\"start_index\":4,\"end_index\":6,\"url\":\"http://"
             "u\",\"title\":\"T\"}}],\"tool_calls\":[{\"id\":\"c\","
             "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
             "\"logprobs\":null,\"finish_reason\":"
             "\"tool_calls\",\"native_finish_reason\":\"tool_use\"}],\"usage\":{\"prompt_tokens\":"
             "10,\"completion_tokens\":5,"
             "\"total_tokens\":15,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_"
             "tokens_details\":{"
             "\"reasoning_tokens\":2}}}");
    free(doc);
}

static void nothing_said_is_still_a_choice(void **state)
{
    gw_answer answer = {.id = gw_jstr_lit("i"), .usage = {-1, -1, -1, -1, -1}};
    char *doc = document_of(*state, &answer);
    assert_non_null(strstr(doc, "\"content\":\"\""));
    assert_null(strstr(doc, "usage"));
    free(doc);
    gw_choice refused = {
        .finished = true, .finish = GW_FINISH_CONTENT_FILTER, .refusal = gw_jstr_lit("no")};
    answer.choices = &refused;
    answer.choice_count = 1;
    doc = document_of(*state, &answer);
    assert_non_null(strstr(doc, "\"content\":null,\"refusal\":\"no\""));
    assert_non_null(strstr(doc, "\"finish_reason\":\"content_filter\""));
    free(doc);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(recorded_answers_round_trip),     T(a_missing_call_id_is_made),
        T(everything_of_a_message_is_read), T(no_answers_are_refused),
        T(foreign_answers_are_written),     T(nothing_said_is_still_a_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
