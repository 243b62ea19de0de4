/* Citations: those of a URL become results of a web search, and go the other way with code points. */
#include "unit/wire/anthropic/kit.h"

#include <stdlib.h>

static const char *cited(kit *k, const char *citations, const char *text)
{
    gw_choice choice = {.finished = true};
    gw_block block = {
        .kind = GW_BLOCK_TEXT, .text = {aigw_slice_of(text)}, .raw = {aigw_slice_of(citations)}};
    gw_answer a = {.model = gw_jstr_lit("m"), .choices = &choice, .choice_count = 1};
    gw_answer_options options = {.id_seed = GW_S("0")};
    choice.blocks = &block;
    choice.block_count = 1;
    a.usage = gw_usage_unknown();
    gw_buf_clear(&k->out);
    assert_int_equal(gw_wire_anthropic.write_answer(k->arena, &a, &options, &k->out, NULL),
                     AIGW_OK);
    return kit_text(k);
}

static void test_url_citations(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    /* The span counts code points: an escaped pair and a raw one are one each. */
    const char *out = cited(&k,
                            "[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":2,"
                            "\"end_index\":6,\"url\":\"https://a\",\"title\":\"A\"}}]",
                            "\\ud83d\\ude04\xF0\x9F\x98\x84\\\"b\xC3\xA9\\nzz");
    kit_has(
        out,
        "\"citations\":[{\"type\":\"web_search_result_location\",\"cited_text\":"
        "\"\\\"b\xC3\xA9\\n\",\"url\":\"https://a\",\"title\":\"A\",\"encrypted_index\":\"\"}]");
    /* Flat, without a span; beyond the text; no URL at all. */
    out = cited(&k, "[{\"type\":\"url_citation\",\"url\":\"u\"}]", "abc");
    kit_has(out, "\"cited_text\":\"\",\"url\":\"u\",\"title\":null");
    out = cited(&k, "{\"url\":\"u\",\"start_index\":1,\"end_index\":99}", "abc");
    kit_has(out, "\"cited_text\":\"bc\"");
    out = cited(&k, "[{\"type\":\"file_citation\",\"file_id\":\"f\"}]", "abc");
    kit_lacks(out, "citations");
    out = cited(&k, "[{\"type\":\"page_location\",\"cited_text\":\"x\"}]", "abc");
    kit_has(out, "\"citations\":[{\"type\":\"page_location\",\"cited_text\":\"x\"}]");
    kit_close(&k);
}

typedef struct writing {
    void *writer;
    gw_buf *out;
} writing;

static int write_event(void *user, const gw_event *event)
{
    writing *w = user;
    return gw_wire_anthropic.writer_event(w->writer, event, w->out);
}

static void test_in_a_stream(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    gw_choice choice = {.finished = true, .block_count = 1};
    gw_block block = {.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("abc")};
    block.raw.json =
        GW_S("[{\"url\":\"u\"},{\"type\":\"char_location\",\"start\":1},{\"none\":1}]");
    choice.blocks = &block;
    gw_answer a = {.model = gw_jstr_lit("m"), .choices = &choice, .choice_count = 1};
    a.usage = gw_usage_unknown();
    gw_answer_options options = {.id_seed = GW_S("0"), .input_estimate = 77};
    writing w = {calloc(1, gw_wire_anthropic.writer_size), &k.out};
    gw_event_sink sink = {write_event, &w};
    assert_int_equal(gw_wire_anthropic.writer_init(w.writer, &options), AIGW_OK);
    assert_int_equal(gw_unfold(&a, &sink), AIGW_OK);
    gw_wire_anthropic.writer_free(w.writer);
    free(w.writer);
    gw_buf_putc(&k.out, '\0');
    const char *out = gw_buf_slice(&k.out).data;
    kit_has(out, "\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":"
                 "\"web_search_result_location\",\"cited_text\":\"\",\"url\":\"u\"");
    kit_has(out, "\"citation\":{\"type\":\"char_location\",\"start\":1}}");
    kit_lacks(out, "none");
    kit_has(out, "\"usage\":{\"input_tokens\":77,"); /* said before the provider does */
    kit_has(out, "\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
                 "\"input_tokens\":77");
    kit_close(&k);
}

/* Anthropic's to OpenAI's: one block after the other, places in the joined text. */
static void test_to_annotations(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    gw_choice choice = {.finished = true, .block_count = 3};
    gw_block blocks[3] = {{.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("\\u00e9\xF0\x9F\x98\x84 ")},
                          {.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("cited")},
                          {.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("tail")}};
    blocks[1].raw.json =
        GW_S("[{\"type\":\"web_search_result_location\",\"url\":\"u\",\"title\":\"t\"}]");
    blocks[2].raw.json =
        GW_S("[{\"type\":\"url_citation\",\"url\":\"v\",\"start_index\":1,\"end_index\":3}]");
    choice.blocks = blocks;
    gw_answer a = {.model = gw_jstr_lit("m"), .choices = &choice, .choice_count = 1};
    a.usage = gw_usage_unknown();
    gw_answer_options options = {.id_seed = GW_S("0")};
    assert_int_equal(gw_wire_openai_chat.write_answer(k.arena, &a, &options, &k.out, NULL),
                     AIGW_OK);
    const char *out = kit_text(&k);
    kit_has(out, "\"start_index\":3,\"end_index\":8,\"url\":\"u\",\"title\":\"t\"");
    kit_has(out, "\"start_index\":9,\"end_index\":11,\"url\":\"v\"");
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_citations),
        cmocka_unit_test(test_in_a_stream),
        cmocka_unit_test(test_to_annotations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
