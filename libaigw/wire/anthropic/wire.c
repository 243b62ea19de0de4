/*
 * The table entry of the Messages format, and its tap: a look at the events that pass through as they are.
 * Knows no other format.
 */
#include "wire/anthropic/stream.h"

typedef struct tap {
    bool started, finished;
    gw_anthropic_usage usage;
} tap;

_Static_assert(sizeof(tap) <= GW_ANTHROPIC_TAP_BYTES, "the table tells the size");

static void tap_init(void *state, bool hide_usage)
{
    tap *t = state;
    (void)hide_usage; /* usage belongs to every stream of this API */
    *t = (tap){false, false, {0, 0, 0, 0, 0}};
    gw_anthropic_usage_init(&t->usage);
}

static gw_arena *parse(aigw_slice text, gw_json_doc *doc)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    enum { TAPE_PER_BYTE = 48, AT_LEAST = 64 * 1024 };
    gw_arena *arena = gw_arena_new(text.len * TAPE_PER_BYTE + AT_LEAST);
    if (arena != NULL && gw_json_parse(arena, text, &lenient, doc, NULL) == AIGW_OK &&
        gw_json_typeof(doc, 0) == GW_JSON_OBJECT) {
        return arena;
    }
    gw_arena_free(arena);
    return NULL;
}

static void read_usage(tap *t, const gw_sse_event *event, bool in_message, aigw_usage *usage)
{
    gw_json_doc doc;
    gw_arena *arena = parse(event->data, &doc);
    if (arena == NULL) {
        return;
    }
    gw_json_ref owner = in_message ? gw_json_get(&doc, 0, "message") : 0;
    if (gw_json_typeof(&doc, owner) == GW_JSON_OBJECT) {
        gw_anthropic_usage_read(&t->usage, &doc, gw_json_get(&doc, owner, "usage"));
        aigw_usage now = gw_anthropic_usage_neutral(&t->usage);
        gw_usage_merge(usage, &now);
    }
    gw_arena_free(arena);
}

static gw_tap_verdict tap_event(void *state, const gw_sse_event *event, aigw_usage *usage)
{
    tap *t = state;
    if (!event->has_data || gw_eq(event->type, GW_S("content_block_delta"))) {
        return GW_TAP_PASS;
    }
    if (t->finished) {
        return GW_TAP_DROP;
    }
    if (gw_eq(event->type, GW_S("message_start"))) {
        if (t->started) {
            return GW_TAP_DROP; /* clients break on a second one */
        }
        t->started = true;
        read_usage(t, event, true, usage);
    } else if (gw_eq(event->type, GW_S("message_delta"))) {
        read_usage(t, event, false, usage);
    } else if (gw_eq(event->type, GW_S("message_stop"))) {
        t->finished = true;
        return GW_TAP_LAST;
    } else if (gw_eq(event->type, GW_S("error"))) {
        return GW_TAP_ERROR;
    }
    return GW_TAP_PASS;
}

static bool tap_answer(aigw_slice body, aigw_usage *usage)
{
    gw_json_doc doc;
    gw_arena *arena = parse(body, &doc);
    if (arena == NULL) {
        return false;
    }
    bool answer = gw_json_is(&doc, gw_json_get(&doc, 0, "type"), "message");
    if (answer) {
        gw_anthropic_usage counts;
        gw_anthropic_usage_init(&counts);
        gw_anthropic_usage_read(&counts, &doc, gw_json_get(&doc, 0, "usage"));
        aigw_usage now = gw_anthropic_usage_neutral(&counts);
        gw_usage_merge(usage, &now);
    }
    gw_arena_free(arena);
    return answer;
}

static bool tap_complete(const void *state)
{
    const tap *t = state;
    return t->finished;
}

const gw_wire gw_wire_anthropic = {
    .name = "anthropic",
    .format = AIGW_FORMAT_ANTHROPIC,
    .stream_type = "text/event-stream; charset=utf-8",
    .input_first = true,
    .read_request = gw_anthropic_read_request,
    .write_request = gw_anthropic_write_request,
    .mend_request = gw_anthropic_mend_request,
    .read_answer = gw_anthropic_read_answer,
    .write_answer = gw_anthropic_write_answer,
    .read_error = gw_anthropic_read_error,
    .write_error = gw_anthropic_write_error,
    .read_count_request = gw_anthropic_read_count_request,
    .write_count_request = gw_anthropic_write_count_request,
    .read_count = gw_anthropic_read_count,
    .write_count = gw_anthropic_write_count,
    .reader_size = GW_ANTHROPIC_READER_BYTES,
    .reader_init = gw_anthropic_reader_init,
    .reader_free = gw_anthropic_reader_free,
    .reader_feed = gw_anthropic_reader_feed,
    .reader_end = gw_anthropic_reader_end,
    .writer_size = GW_ANTHROPIC_WRITER_BYTES,
    .writer_init = gw_anthropic_writer_init,
    .writer_free = gw_anthropic_writer_free,
    .writer_event = gw_anthropic_writer_event,
    .tap_size = GW_ANTHROPIC_TAP_BYTES,
    .tap_init = tap_init,
    .tap_event = tap_event,
    .tap_answer = tap_answer,
    .tap_complete = tap_complete,
};
