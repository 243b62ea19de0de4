/* Counting tokens, and what a request decides of its own: thinking, tiers, ids, what it cannot say. */
#include "unit/wire/anthropic/kit.h"

#include <stdlib.h>

#define USER      "{\"role\":\"user\",\"content\":\"hi\"}"
#define ASK(more) "{\"model\":\"m\",\"messages\":[" USER "]" more "}"

static int count_request(kit *k, const gw_wire *from, const char *json)
{
    gw_chat_request r;
    gw_write_options options = {.model = GW_S("claude-sonnet-4-5")};
    kit_parse(k, json);
    int rc = from == &gw_wire_anthropic ? from->read_count_request(k->arena, &k->doc, &r, &k->err)
                                        : from->read_request(k->arena, &k->doc, &r, &k->err);
    return rc != AIGW_OK ? rc
                         : gw_wire_anthropic.write_count_request(k->arena, &r, &options, &k->out,
                                                                 &k->notes, &k->err);
}

static void test_count(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    assert_int_equal(
        count_request(&k, &gw_wire_anthropic,
                      ASK(",\"system\":\"s\",\"tools\":[{\"name\":\"f\",\"input_schema\":"
                          "{\"type\":\"object\"}}],\"thinking\":{\"type\":\"enabled\","
                          "\"budget_tokens\":1024}")),
        AIGW_OK);
    const char *out = kit_text(&k);
    kit_has(out, "\"model\":\"claude-sonnet-4-5\"");
    kit_has(out, "\"system\":\"s\"");
    kit_has(out, "\"budget_tokens\":1024");
    kit_lacks(out, "max_tokens");
    kit_close(&k);
    kit_open(&k);
    assert_int_equal(count_request(&k, &gw_wire_openai_chat,
                                   ASK(",\"temperature\":1,\"stream\":true,\"stop\":\"x\",\"n\":3,"
                                       "\"max_tokens\":4,\"metadata\":{},\"user\":\"u\"")),
                     AIGW_OK);
    kit_has(kit_text(&k), "{\"model\":\"claude-sonnet-4-5\",\"messages\":[{\"role\":\"user\","
                          "\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}");
    assert_int_equal(k.notes.count, 0);
    kit_close(&k);
    kit_open(&k); /* only counting does without */
    gw_chat_request r;
    kit_parse(&k, ASK(""));
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_E_PARSE);
    assert_string_equal(k.err.pointer, "/max_tokens");
    kit_close(&k);
}

static void test_count_answer(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "[]", "{\"input_tokens\":-1}",
                                      "{\"input_tokens\":\"3\"}", "{\"input_tokens\":1.5}"};
    kit k;
    int64_t n = 0;
    kit_open(&k);
    gw_wire_anthropic.write_count(4711, &k.out);
    assert_string_equal(kit_text(&k), "{\"input_tokens\":4711}");
    kit_parse(&k, "{\"input_tokens\":4711,\"more\":1}");
    assert_true(gw_wire_anthropic.read_count(&k.doc, &n));
    assert_int_equal(n, 4711);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        kit_parse(&k, bad[i]);
        assert_false(gw_wire_anthropic.read_count(&k.doc, &n));
    }
    assert_null(gw_wire_openai_chat.read_count);
    kit_close(&k);
}

/* Thinking as other formats say it, for models of both kinds. */
static void test_thinking_of_other_formats(void **state)
{
    (void)state;
    static const struct {
        gw_thinking thinking;
        int64_t budget;
        gw_effort effort;
        const char *model, *wanted, *unwanted;
    } rows[] = {
        {GW_THINKING_BUDGET, 8192, GW_EFFORT_UNSAID, "claude-sonnet-4-5",
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}", "effort"},
        {GW_THINKING_BUDGET, 8192, GW_EFFORT_UNSAID, "claude-opus-4-8", "\"effort\":\"medium\"",
         "budget_tokens"},
        {GW_THINKING_BUDGET, 500, GW_EFFORT_UNSAID, "claude-sonnet-4-5", "\"budget_tokens\":1024",
         "effort"},
        {GW_THINKING_BUDGET, 0, GW_EFFORT_UNSAID, "claude-sonnet-4-5", "\"type\":\"disabled\"",
         "budget_tokens"},
        {GW_THINKING_ADAPTIVE, -1, GW_EFFORT_UNSAID, "claude-sonnet-4-5", "\"type\":\"enabled\"",
         "adaptive"},
        {GW_THINKING_ADAPTIVE, -1, GW_EFFORT_LOW, "claude-opus-4-8", "\"type\":\"adaptive\"",
         "enabled"},
        {GW_THINKING_OFF, -1, GW_EFFORT_UNSAID, "claude-opus-4-8", "\"type\":\"disabled\"",
         "effort"},
        {GW_THINKING_BUDGET, 2048, GW_EFFORT_UNSAID, "claude-3-5-haiku-20241022", "\"messages\"",
         "thinking"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit k;
        gw_chat_request r;
        kit_open(&k);
        kit_parse(&k, ASK(""));
        assert_int_equal(gw_wire_openai_chat.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
        r.format = AIGW_FORMAT_GEMINI;
        r.thinking = rows[i].thinking;
        r.thinking_budget = rows[i].budget;
        r.effort = rows[i].effort;
        gw_write_options options = {.model = aigw_slice_of(rows[i].model)};
        assert_int_equal(
            gw_wire_anthropic.write_request(k.arena, &r, &options, &k.out, &k.notes, &k.err),
            AIGW_OK);
        kit_has(kit_text(&k), rows[i].wanted);
        kit_lacks(kit_text(&k), rows[i].unwanted);
        kit_close(&k);
    }
}

/* The version of 2026-10-21 does not know them at all. */
static void test_a_version_without_sampling(void **state)
{
    (void)state;
    kit k;
    gw_chat_request r;
    kit_open(&k);
    kit_parse(&k, ASK(",\"temperature\":0.5,\"top_p\":0.9,\"top_k\":4"));
    assert_int_equal(gw_wire_openai_chat.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    gw_write_options options = {.model = GW_S("claude-sonnet-4-5"), .quirks = GW_QUIRK_NO_SAMPLING};
    assert_int_equal(
        gw_wire_anthropic.write_request(k.arena, &r, &options, &k.out, &k.notes, &k.err), AIGW_OK);
    kit_lacks(kit_text(&k), "temperature");
    kit_lacks(kit_text(&k), "top_");
    assert_int_equal(k.notes.count, 3);
    assert_true(kit_noted(&k, "/temperature") && kit_noted(&k, "/top_p") &&
                kit_noted(&k, "/top_k"));
    kit_close(&k);
}

static void test_a_summary_is_asked_for(void **state)
{
    (void)state;
    kit k;
    gw_chat_request r;
    kit_open(&k);
    kit_parse(&k, ASK(",\"reasoning_effort\":\"high\""));
    assert_int_equal(gw_wire_openai_chat.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    r.thinking_summary = gw_jstr_lit("auto");
    gw_write_options options = {.model = GW_S("claude-opus-4-8")};
    assert_int_equal(
        gw_wire_anthropic.write_request(k.arena, &r, &options, &k.out, &k.notes, &k.err), AIGW_OK);
    kit_has(kit_text(&k), "{\"type\":\"adaptive\",\"display\":\"summarized\"}");
    kit_close(&k);
}

/* Never silent: refused, or noted at the place where the client said it. */
static void test_what_cannot_be_said(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int code;
        const char *pointer;
    } rows[] = {
        {ASK(",\"n\":2"), AIGW_E_UNSUPPORTED, "/n"},
        {ASK(",\"logprobs\":true,\"top_logprobs\":2"), AIGW_E_UNSUPPORTED, "/logprobs"},
        {ASK(",\"audio\":{\"voice\":\"x\",\"format\":\"wav\"}"), AIGW_E_UNSUPPORTED, "/audio"},
        {ASK(",\"modalities\":[\"text\",\"audio\"]"), AIGW_E_UNSUPPORTED, "/modalities"},
        {ASK(",\"modalities\":[\"text\"]"), AIGW_OK, NULL},
        {ASK(",\"store\":false"), AIGW_OK, NULL},
        {ASK(",\"store\":true"), AIGW_OK, "/store"},
        {ASK(",\"top_logprobs\":0"), AIGW_OK, "/top_logprobs"},
        {ASK(",\"prompt_cache_key\":\"k\""), AIGW_OK, "/prompt_cache_key"},
        {ASK(",\"seed\":5"), AIGW_OK, "/seed"},
        {ASK(",\"metadata\":{\"a\":\"b\"}"), AIGW_OK, "/metadata"},
        {ASK(",\"verbosity\":\"low\""), AIGW_OK, "/verbosity"},
        {ASK(",\"logit_bias\":{}"), AIGW_OK, "/logit_bias"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit k;
        kit_open(&k);
        assert_int_equal(kit_request(&k, &gw_wire_openai_chat, rows[i].json, ""), rows[i].code);
        if (rows[i].code != AIGW_OK) {
            assert_string_equal(k.err.pointer, rows[i].pointer);
        } else if (rows[i].pointer == NULL) {
            assert_int_equal(k.notes.count, 0);
        } else if (!kit_noted(&k, rows[i].pointer)) {
            fail_msg("row %zu has no note", i);
        }
        kit_close(&k);
    }
}

static void test_a_long_user_id_is_hashed(void **state)
{
    (void)state;
    char json[1024];
    kit k;
    kit_open(&k);
    snprintf(json, sizeof json, ASK(",\"user\":\"%0300d\""), 7);
    assert_int_equal(kit_request(&k, &gw_wire_openai_chat, json, ""), AIGW_OK);
    const char *out = strstr(kit_text(&k), "\"user_id\":\"");
    assert_non_null(out);
    assert_int_equal(strspn(out + 11, "0123456789abcdef"), 64);
    kit_close(&k);
}

/* A document's title and context: kept by this format, words before the text elsewhere. */
static void test_documents_title_and_context(void **state)
{
    (void)state;
    static const char asked[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"D\"},"
        "\"title\":\"T\",\"context\":\"C\"}]}]}";
    kit k;
    gw_chat_request r;
    gw_write_options options = {0};
    kit_open(&k);
    kit_parse(&k, asked);
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(
        gw_wire_openai_chat.write_request(k.arena, &r, &options, &k.out, &k.notes, &k.err),
        AIGW_OK);
    kit_has(kit_text(&k), "\"text\":\"T\\n\\nC\\n\\nD\"");
    gw_buf_clear(&k.out);
    r.format = AIGW_FORMAT_BEDROCK; /* not as it stood, but written */
    assert_int_equal(
        gw_wire_anthropic.write_request(k.arena, &r, &options, &k.out, &k.notes, &k.err), AIGW_OK);
    kit_has(kit_text(&k), "\"title\":\"T\",\"context\":\"C\"");
    assert_int_equal(k.notes.count, 0);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_count_answer),
        cmocka_unit_test(test_thinking_of_other_formats),
        cmocka_unit_test(test_a_version_without_sampling),
        cmocka_unit_test(test_a_summary_is_asked_for),
        cmocka_unit_test(test_what_cannot_be_said),
        cmocka_unit_test(test_a_long_user_id_is_hashed),
        cmocka_unit_test(test_documents_title_and_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
