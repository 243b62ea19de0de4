/* The quirks of hosts: a request on the same-format path, and the same request translated. */
#include "unit/wire/openai_chat/help.h"

#include "chat/seal.h"

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"

static int setup(void **state)
{
    *state = gw_arena_new((size_t)32 << 20);
    return *state == NULL;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

/* The body as it goes out; the caller frees. */
static char *mended(gw_arena *arena, unsigned quirks, const char *text)
{
    gw_json_doc doc = parse(arena, aigw_slice_of(text));
    gw_write_options options = {.quirks = quirks};
    gw_patch patches[GW_MEND_MAX];
    size_t count = 0;
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    assert_int_equal(WIRE->mend_request(arena, &doc, &options, patches, &count), AIGW_OK);
    if (count == 0)
        gw_buf_puts(&out, text);
    else
        assert_int_equal(gw_patch_body(&doc, patches, count, &out, NULL), AIGW_OK);
    char *body = text_of(&out);
    gw_json_doc again = parse(arena, aigw_slice_of(gw_arena_copy(arena, gw_buf_slice(&out)).data));
    gw_buf_free(&out);
    /* What was mended needs it no more, but for what goes whether it is there or not. */
    size_t more = 0;
    options.quirks &= ~(unsigned)GW_QUIRK_NO_USAGE_OPTION;
    assert_int_equal(WIRE->mend_request(arena, &again, &options, patches, &more), AIGW_OK);
    assert_int_equal(more, 0);
    return body;
}

static char *translated(gw_arena *arena, unsigned quirks, const char *text, gw_notes *notes)
{
    gw_json_doc doc = parse(arena, aigw_slice_of(text));
    gw_write_options options = {.quirks = quirks, .force_usage = true};
    gw_chat_request r;
    gw_buf out;
    aigw_error err = {0};
    gw_buf_init(&out, 1 << 20);
    if (WIRE->read_request(arena, &doc, &r, &err) != AIGW_OK)
        fail_msg("%s %s", err.message, err.pointer);
    r.format = AIGW_FORMAT_OPENAI_RESPONSES; /* as if it came from elsewhere */
    if (WIRE->write_request(arena, &r, &options, &out, notes, &err) != AIGW_OK)
        fail_msg("%s %s", err.message, err.pointer);
    char *body = text_of(&out);
    parse(arena, aigw_slice_of(body));
    gw_buf_free(&out);
    return body;
}

#define SCHEMA_FORMAT                                                                              \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","               \
    "\"schema\":{\"type\":\"object\"},\"strict\":true}}"
#define TOOL                                                                                       \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,"              \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"strict\":{}}}}}]"
#define NAMED      "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define BODY(rest) "{\"model\":\"m\",\"messages\":[" USER "]," rest "}"

/* Each quirk on both paths: what must be there and what must not. */
static const struct {
    unsigned quirk;
    const char *body;
    const char *wanted, *unwanted;
    const char *note; /* the pointer, when translating; NULL: nothing is lost */
} rows[] = {
    {GW_QUIRK_MAX_TOKENS, BODY("\"max_completion_tokens\":7"), "\"max_tokens\":7",
     "max_completion_tokens", NULL},
    {GW_QUIRK_MAX_TOKENS, BODY("\"max_tokens\":9,\"max_completion_tokens\":7"), "\"max_tokens\":7",
     "max_completion_tokens", NULL},
    {GW_QUIRK_NO_DEVELOPER,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"be developer\"}]}",
     "{\"role\":\"system\",\"content\":", "\"role\":\"developer\"", NULL},
    {GW_QUIRK_NO_USAGE_OPTION, BODY("\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
     "\"stream\":true", "stream_options", NULL},
    {GW_QUIRK_NO_STRICT, BODY(TOOL), "\"properties\":{\"strict\":{}}", "\"strict\":true",
     "/tools/0"},
    {GW_QUIRK_NO_STRICT, BODY(SCHEMA_FORMAT), "\"json_schema\"", "\"strict\":true",
     "/response_format/json_schema/schema"},
    {GW_QUIRK_NO_PARALLEL_FLAG, BODY(TOOL ",\"parallel_tool_calls\":false"), "\"tools\"",
     "parallel_tool_calls", "/parallel_tool_calls"},
    {GW_QUIRK_NO_REASONING, BODY("\"reasoning_effort\":\"high\""), "\"m\"", "reasoning_effort",
     "/reasoning_effort"},
    {GW_QUIRK_NO_METADATA,
     BODY("\"metadata\":{\"a\":\"b\"},\"store\":true,\"service_tier\":\"flex\",\"user\":\"u\","
          "\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\""),
     "\"m\"", "\"metadata\"", "/metadata"},
    {GW_QUIRK_NO_METADATA, BODY("\"store\":true"), "\"m\"", "\"store\"", "/store"},
    {GW_QUIRK_NO_METADATA, BODY("\"service_tier\":\"flex\""), "\"m\"", "service_tier",
     "/service_tier"},
    {GW_QUIRK_NO_METADATA, BODY("\"user\":\"u\""), "\"m\"", "\"u\"", "/user"},
    {GW_QUIRK_NO_METADATA, BODY("\"prompt_cache_key\":\"k\""), "\"m\"", "prompt_cache_key",
     "/prompt_cache_key"},
    {GW_QUIRK_NO_PENALTIES, BODY("\"presence_penalty\":1,\"seed\":4"), "\"seed\":4", "penalty",
     "/presence_penalty"},
    {GW_QUIRK_NO_LOGPROBS, BODY("\"logprobs\":true,\"top_logprobs\":3"), "\"m\"", "logprobs",
     "/logprobs"},
    {GW_QUIRK_NO_JSON_SCHEMA, BODY(SCHEMA_FORMAT), "fit this JSON Schema", "\"json_schema\"",
     "/response_format/json_schema/schema"},
    {GW_QUIRK_NO_JSON_SCHEMA, BODY(SCHEMA_FORMAT), "\"type\":\"json_object\"", "\"strict\"",
     "/response_format/json_schema/schema"},
    {GW_QUIRK_NO_NAMED_CHOICE, BODY(TOOL "," NAMED), "\"tool_choice\":\"required\"",
     "\"tool_choice\":{", "/tool_choice/function/name"},
    {GW_QUIRK_NO_NAMED_CHOICE,
     BODY(TOOL ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\","
               "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}"),
     "\"tool_choice\":\"auto\"", "allowed_tools",
     "/tool_choice/allowed_tools/tools/0/function/name"},
    {GW_QUIRK_TEXT_ONLY,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
     "\"content\":\"a\\n\\nb\"", "\"type\"", NULL},
};

static void quirks_are_obeyed_on_both_paths(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gw_notes notes = {.arena = *state};
        char *bodies[2] = {mended(*state, rows[i].quirk, rows[i].body),
                           translated(*state, rows[i].quirk, rows[i].body, &notes)};
        for (size_t k = 0; k < 2; k++) {
            if (strstr(bodies[k], rows[i].wanted) == NULL ||
                strstr(bodies[k], rows[i].unwanted) != NULL)
                fail_msg("row %zu path %zu: %s", i, k, bodies[k]);
            free(bodies[k]);
        }
        bool noted = rows[i].note == NULL;
        for (size_t k = 0; k < notes.count && rows[i].note != NULL; k++)
            noted = noted || gw_eq(notes.items[k].pointer, aigw_slice_of(rows[i].note));
        if (!noted || (rows[i].note == NULL && notes.count > 0))
            fail_msg("row %zu: %zu notes", i, notes.count);
        /* And nobody else is touched. */
        char *other = mended(*state, 0, rows[i].body);
        assert_string_equal(other, rows[i].body);
        free(other);
    }
}

static char *sealed_id(gw_arena *arena)
{
    gw_buf out;
    gw_buf_init(&out, 4096);
    gw_jw w = gw_jw_on(&out);
    gw_jw_seal_id(&w, gw_jstr_lit("call_1"), AIGW_FORMAT_GEMINI, gw_jstr_lit("SIG=="));
    gw_buf_putc(&out, '\0');
    char *id = (char *)(uintptr_t)gw_arena_copy(arena, gw_buf_slice(&out)).data;
    gw_buf_free(&out);
    return id; /* with its quotes */
}

static void nothing_of_ours_reaches_openai(void **state)
{
    char text[4096];
    const char *id = sealed_id(*state);
    gw_jstr sealed = gw_seal(*state, AIGW_FORMAT_GEMINI, false, gw_jstr_lit("S"));
    snprintf(text, sizeof(text),
             "{\"model\":\"m\",\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":null,"
             "\"reasoning_content\":\"hm\",\"thinking_blocks\":[{\"type\":\"thinking\","
             "\"thinking\":\"a\",\"signature\":\"own\"},{\"type\":\"thinking\",\"thinking\":\"\","
             "\"signature\":\"%.*s\"}],\"tool_calls\":[{\"id\":%s,\"type\":\"function\","
             "\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}},"
             "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
             "{\"role\":\"tool\",\"tool_call_id\":%s,\"content\":\"r\"}],\"x\":1}",
             (int)sealed.inner.len, sealed.inner.data, id, id);
    char *out = mended(*state, GW_QUIRK_OPENAI, text);
    assert_string_equal(
        out,
        "{\"model\":\"m\",\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":null,"
        "\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":"
        "\"r\"}],\"x\":1}");
    free(out);
    /* Any other host keeps what is its own, and gets nothing that we sealed. */
    out = mended(*state, 0, text);
    assert_non_null(strstr(out, "\"reasoning_content\":\"hm\""));
    assert_non_null(strstr(out, "\"signature\":\"own\"}]"));
    assert_non_null(strstr(out, "\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}}"));
    assert_non_null(strstr(out, "\"tool_call_id\":\"call_1\""));
    assert_null(strstr(out, "aigw"));
    assert_null(strstr(out, "YWlndz"));
    free(out);
}

static void a_later_patch_of_a_member_wins(void **state)
{
    gw_json_doc doc = parse(*state, GW_S("{\"a\":1,\"b\":2}"));
    const gw_patch patches[] = {{.member = "b", .value = GW_S("3")},
                                {.member = "c", .value = GW_S("4")},
                                {.member = "b", .remove = true},
                                {.member = "c", .remove = true}};
    gw_buf out;
    gw_buf_init(&out, 1 << 10);
    assert_int_equal(gw_patch_body(&doc, patches, 4, &out, NULL), AIGW_OK);
    assert_true(gw_eq(gw_buf_slice(&out), GW_S("{\"a\":1}")));
    gw_buf_free(&out);
}

/* Reasoning goes back to hosts that want it, within the tool loop. */
static void reasoning_is_replayed_where_it_is_wanted(void **state)
{
    static const char loop[] =
        "{\"model\":\"m\",\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":null,"
        "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}%s]}";
    char text[1024];
    for (int over = 0; over < 2; over++) {
        gw_notes notes = {.arena = *state}, none = {.arena = *state};
        snprintf(text, sizeof(text), loop, over ? "," USER : "");
        char *out = translated(*state, GW_QUIRK_REASONING_REPLAY, text, &notes);
        assert_int_equal(strstr(out, "\"reasoning_content\":\"hm\"") != NULL, !over);
        assert_int_equal(notes.count, over);
        free(out);
        out = translated(*state, 0, text, &none);
        assert_null(strstr(out, "reasoning_content"));
        assert_int_equal(none.count, 1);
        free(out);
    }
}

/* Members that other formats share are written for whoever takes them. */
static void shared_members_are_written(void **state)
{
    static const char *const members[] = {"\"logprobs\":true",
                                          "\"top_logprobs\":2",
                                          "\"modalities\":[\"text\",\"audio\"]",
                                          "\"audio\":{\"voice\":\"alloy\",\"format\":\"wav\"}",
                                          "\"prompt_cache_key\":\"k\"",
                                          "\"store\":false",
                                          "\"metadata\":{\"a\":\"b\"}",
                                          "\"service_tier\":\"flex\""};
    char text[1024] = "{\"model\":\"m\",\"messages\":[" USER "]";
    gw_notes notes = {.arena = *state};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%s", members[i]);
    strcat(text, "}");
    char *out = translated(*state, 0, text, &notes);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strstr(out, members[i]) == NULL)
            fail_msg("no %s in %s", members[i], out);
    }
    assert_int_equal(notes.count, 0);
    free(out);
    static const char *const bad[][2] = {
        {"\"top_logprobs\":-1", "/top_logprobs"},        {"\"modalities\":\"text\"", "/modalities"},
        {"\"modalities\":[1]", "/modalities/0"},         {"\"audio\":[]", "/audio"},
        {"\"prompt_cache_key\":7", "/prompt_cache_key"}, {"\"store\":\"yes\"", "/store"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gw_chat_request r;
        aigw_error err = {0};
        snprintf(text, sizeof(text), "{\"model\":\"m\",\"messages\":[" USER "],%s}", bad[i][0]);
        gw_json_doc doc = parse(*state, aigw_slice_of(text));
        assert_int_equal(WIRE->read_request(*state, &doc, &r, &err), AIGW_E_PARSE);
        assert_string_equal(err.pointer, bad[i][1]);
    }
}

/* OpenAI's own word for a cache mark is nobody else's, and its loss is told. */
static void cache_marks_are_openais(void **state)
{
    static const struct {
        unsigned quirks;
        bool sent;
    } list[] = {{0, true},
                {GW_QUIRK_OPENAI, true},
                {GW_QUIRK_MAX_TOKENS, false},
                {GW_QUIRK_TEXT_ONLY, false}};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        gw_json_doc doc = parse(
            *state,
            GW_S("{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":["
                 "{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]"
                 "}"));
        gw_chat_request r;
        gw_notes notes = {.arena = *state};
        gw_write_options options = {.quirks = list[i].quirks};
        gw_buf out;
        gw_buf_init(&out, 1 << 16);
        assert_int_equal(gw_wire_anthropic.read_request(*state, &doc, &r, NULL), AIGW_OK);
        assert_int_equal(WIRE->write_request(*state, &r, &options, &out, &notes, NULL), AIGW_OK);
        bool sent = gw_find(gw_buf_slice(&out), GW_S("prompt_cache_breakpoint")) != NULL;
        assert_int_equal(sent, list[i].sent);
        assert_int_equal(notes.count, list[i].sent ? 0 : 1);
        gw_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quirks_are_obeyed_on_both_paths),
        cmocka_unit_test(nothing_of_ours_reaches_openai),
        cmocka_unit_test(a_later_patch_of_a_member_wins),
        cmocka_unit_test(cache_marks_are_openais),
        cmocka_unit_test(shared_members_are_written),
        cmocka_unit_test(reasoning_is_replayed_where_it_is_wanted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
