/*
 * The table entry of the Converse format, what reads usage off a whole answer that passes through, and
 * counts of tokens. Its streams are frames: they are read and written, never tapped. Knows no other format.
 */
#include "wire/bedrock/stream.h"

static bool tap_answer(aigw_slice body, aigw_usage *usage)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    enum { TAPE_PER_BYTE = 48, AT_LEAST = 64 * 1024 };
    gw_json_doc doc;
    bool answer = false;
    gw_arena *arena = gw_arena_new(body.len * TAPE_PER_BYTE + AT_LEAST);
    if (arena != NULL && gw_json_parse(arena, body, &lenient, &doc, NULL) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        answer = gw_json_typeof(&doc, gw_json_get(&doc, 0, "output")) == GW_JSON_OBJECT;
        aigw_usage now = gw_bedrock_usage_read(&doc, gw_json_get(&doc, 0, "usage"));
        if (answer) {
            gw_usage_merge(usage, &now);
        }
    }
    gw_arena_free(arena);
    return answer;
}

static bool read_count(const gw_json_doc *doc, int64_t *tokens)
{
    int64_t n;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT ||
        !gw_json_i64(doc, gw_json_get(doc, 0, "inputTokens"), &n) || n < 0) {
        return false;
    }
    *tokens = n;
    return true;
}

static void write_count(int64_t tokens, gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "inputTokens");
    gw_jw_int(&w, tokens);
    gw_jw_object_end(&w);
}

const gw_wire gw_wire_bedrock = {
    .name = "bedrock",
    .format = AIGW_FORMAT_BEDROCK,
    .stream_type = "application/vnd.amazon.eventstream",
    .model_in_path = true,
    .opens_url = gw_bedrock_opens_url,
    .read_request = gw_bedrock_read_request,
    .write_request = gw_bedrock_write_request,
    .mend_request = gw_bedrock_mend_request,
    .read_answer = gw_bedrock_read_answer,
    .write_answer = gw_bedrock_write_answer,
    .read_error = gw_bedrock_read_error,
    .write_error = gw_bedrock_write_error,
    .read_count_request = gw_bedrock_read_count_request,
    .write_count_request = gw_bedrock_write_count_request,
    .read_count = read_count,
    .write_count = write_count,
    .reader_size = GW_BEDROCK_READER_BYTES,
    .reader_init = gw_bedrock_reader_init,
    .reader_free = gw_bedrock_reader_free,
    .reader_feed = gw_bedrock_reader_feed,
    .reader_end = gw_bedrock_reader_end,
    .writer_size = GW_BEDROCK_WRITER_BYTES,
    .writer_init = gw_bedrock_writer_init,
    .writer_free = gw_bedrock_writer_free,
    .writer_event = gw_bedrock_writer_event,
    .tap_answer = tap_answer,
};
