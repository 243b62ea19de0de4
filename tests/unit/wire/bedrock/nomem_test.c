/* The Converse codec when memory ends, at each allocation: an outcome, no leak, and no half success. */
#include "unit/base/fault_alloc.h"
#include "unit/wire/bedrock/kit.h"

static const char chat[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
    "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{"
    "\"url\":"
    "\"data:image/png;base64,iVBORw0KGgo\"}},{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
    "\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]},{\"role\":\"assistant\","
    "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}],"
    "\"seed\":1,\"metadata\":{\"a\":\"b\"},\"reasoning_effort\":\"high\",\"response_format\":{"
    "\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}}";

static const char converse[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":\"assistant\","
    "\"content\":[{\"reasoningContent\":{\"redactedContent\":\"b3du\"}},{\"citationsContent\":{"
    "\"content\":[{\"text\":\"c\"}]}},{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{}"
    "}}"
    "]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t\",\"content\":[{"
    "\"json\":"
    "{}}]}}]}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{"
    "\"type\":\"object\"}}}}],\"toolChoice\":{\"tool\":{\"name\":\"f\"}}},\"outputConfig\":{"
    "\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":"
    "\"{\\\"type\\\":\\\"object\\\"}\"}}}},\"inferenceConfig\":{\"stopSequences\":[\"x\"]}}";

static int convert(const gw_wire *from, const gw_wire *to, aigw_slice json)
{
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_notes notes = {.arena = arena};
    gw_write_options options = {.model = GW_S(CLAUDE)};
    gw_json_doc doc;
    gw_chat_request r;
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    int rc = arena == NULL ? AIGW_E_NOMEM : gw_json_parse(arena, json, NULL, &doc, NULL);
    if (rc == AIGW_OK)
        rc = from->read_request(arena, &doc, &r, NULL);
    if (rc == AIGW_OK)
        rc = to->write_request(arena, &r, &options, &out, &notes, NULL);
    gw_buf_free(&out);
    gw_arena_free(arena);
    return rc;
}

static void requests(void **state)
{
    static const struct {
        const gw_wire *from, *to;
        const char *json;
    } cases[] = {{&gw_wire_openai_chat, &gw_wire_bedrock, chat},
                 {&gw_wire_bedrock, &gw_wire_bedrock, converse},
                 {&gw_wire_bedrock, &gw_wire_anthropic, converse}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool whole = false;
        for (long n = 1; n < 2000 && !whole; n++) {
            fault_alloc f;
            fault_use(&f, n);
            int rc = convert(cases[i].from, cases[i].to, aigw_slice_of(cases[i].json));
            fault_done();
            assert_int_equal(f.live, 0);
            whole = f.calls < n; /* nothing failed */
            assert_int_equal(whole, rc == AIGW_OK);
            assert_true(whole || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT);
        }
        assert_true(whole);
    }
}

typedef struct pipe {
    void *writer;
    gw_buf out;
} pipe;

static int forward(void *user, const gw_event *event)
{
    pipe *p = user;
    return gw_wire_bedrock.writer_event(p->writer, event, &p->out);
}

static int stream(aigw_slice bytes)
{
    static const gw_answer_options options = {.id_seed = {"5eed", 4}};
    pipe p = {.writer = gw_calloc(1, gw_wire_bedrock.writer_size)};
    void *reader = gw_calloc(1, gw_wire_bedrock.reader_size);
    gw_event_sink sink = {forward, &p};
    int rc = p.writer == NULL || reader == NULL ? AIGW_E_NOMEM : AIGW_OK;
    gw_buf_init(&p.out, 1 << 20);
    if (rc == AIGW_OK) {
        rc = gw_wire_bedrock.writer_init(p.writer, &options);
        int opened = gw_wire_bedrock.reader_init(reader, 1 << 16);
        rc = rc == AIGW_OK ? opened : rc;
        for (size_t at = 0; rc == AIGW_OK && at < bytes.len; at += 40) {
            size_t n = bytes.len - at < 40 ? bytes.len - at : 40;
            rc = gw_wire_bedrock.reader_feed(reader, gw_slice(bytes.data + at, n), &sink, NULL);
        }
        if (rc == AIGW_OK)
            rc = gw_wire_bedrock.reader_end(reader, &sink, NULL);
        gw_wire_bedrock.reader_free(reader);
        gw_wire_bedrock.writer_free(p.writer);
    }
    gw_free(reader);
    gw_free(p.writer);
    gw_buf_free(&p.out);
    return rc;
}

static void streams(void **state)
{
    gw_buf frames;
    bool whole = false;
    (void)state;
    gw_buf_init(&frames, 1 << 20);
    kit_frame(&frames, "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}");
    kit_frame(
        &frames, "contentBlockStart",
        "{\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\"}}}");
    kit_frame(&frames, "contentBlockStart",
              "{\"contentBlockIndex\":2,\"start\":{\"toolResult\":{\"toolUseId\":\"t\"}}}");
    kit_frame(&frames, "contentBlockDelta",
              "{\"contentBlockIndex\":2,\"delta\":{\"toolResult\":[{\"text\":\"r\"}]}}");
    kit_frame(&frames, "messageStop", "{\"stopReason\":\"end_turn\"}");
    for (long n = 1; n < 2000 && !whole; n++) {
        fault_alloc f;
        fault_use(&f, n);
        int rc = stream(gw_buf_slice(&frames));
        fault_done();
        assert_int_equal(f.live, 0);
        whole = f.calls < n;
        assert_int_equal(whole, rc == AIGW_OK);
        assert_true(whole || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT);
    }
    assert_true(whole);
    gw_buf_free(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(streams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
