/*
 * A ConverseStream body, in event-stream frames, as neutral events. Refuses what is no such stream; skips
 * what is merely new. Knows no client.
 */
#include "proto/eventstream.h"
#include "wire/bedrock/stream.h"

/* Blocks that come in pieces but belong to nobody but this API: held back until they are whole. */
typedef enum native_kind { NOT_NATIVE, NATIVE_CALL, NATIVE_RESULT, NATIVE_IMAGE } native_kind;

typedef struct reader {
    gw_eventstream frames;
    gw_arena *arena; /* of one frame */
    gw_buf held;     /* of a native block: the members of its start, */
    gw_buf input;    /* and what its deltas brought */
    bool is_open, said;
    native_kind native;
    int64_t index; /* the provider's, of the open block */
    gw_block_kind kind;
    uint32_t next_block;
    bool started, stopped, has_usage, finished, failed;
    const gw_event_sink *sink;
    aigw_error *err;
    const gw_json_doc *doc;
} reader;

_Static_assert(sizeof(reader) <= GW_BEDROCK_READER_BYTES, "the table tells the size");

enum { EXTRA = 64 * 1024, TAPE_PER_BYTE = 80, MOST_EVENT_BYTES = 1 << 30 };

int gw_bedrock_reader_init(void *state, size_t max_event_bytes)
{
    reader *r = state;
    if (max_event_bytes > MOST_EVENT_BYTES) {
        max_event_bytes = MOST_EVENT_BYTES;
    }
    gw_eventstream_init(&r->frames, max_event_bytes);
    gw_buf_init(&r->held, max_event_bytes);
    gw_buf_init(&r->input, max_event_bytes);
    /* A tape takes up to eight times its text and grows by doubling; a native block is parsed again. */
    r->arena = gw_arena_new(max_event_bytes * TAPE_PER_BYTE + EXTRA);
    return r->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

void gw_bedrock_reader_free(void *state)
{
    reader *r = state;
    gw_eventstream_free(&r->frames);
    gw_buf_free(&r->held);
    gw_buf_free(&r->input);
    gw_arena_free(r->arena);
    r->arena = NULL;
}

static gw_event event_of(const reader *r, gw_event_kind kind)
{
    return (gw_event){.kind = kind,
                      .block = r->next_block,
                      .block_kind = r->kind,
                      .origin = GW_BEDROCK_ORIGIN,
                      .usage = gw_usage_unknown()};
}

static gw_json_ref get(const reader *r, gw_json_ref object, const char *name)
{
    return gw_json_typeof(r->doc, object) == GW_JSON_OBJECT ? gw_json_get(r->doc, object, name)
                                                            : GW_JSON_ABSENT;
}

static gw_jstr string(const reader *r, gw_json_ref object, const char *name)
{
    return gw_jstr_of(r->doc, get(r, object, name));
}

static int fail_with(reader *r, const gw_api_error *error, const char *reason)
{
    r->failed = true;
    gw_event ev = event_of(r, GW_EV_ERROR);
    ev.error = *error;
    int rc = gw_emit(r->sink, &ev);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_fail(r->err, AIGW_E_UPSTREAM, reason, "the provider's stream failed");
    if (r->err != NULL) {
        r->err->http_status = error->status != 0 ? error->status : gw_api_error_status(error->kind);
    }
    return AIGW_E_UPSTREAM;
}

static int broken(reader *r, const char *why)
{
    gw_api_error error = {.kind = GW_ERR_UPSTREAM, .message = gw_jstr_lit(why)};
    return fail_with(r, &error, "broken_stream");
}

static int no_memory(reader *r)
{
    r->failed = true;
    return gw_fail_nomem(r->err);
}

static int keep(reader *r, gw_buf *buf, aigw_slice bytes)
{
    if (bytes.len > buf->max - gw_buf_len(buf)) {
        return broken(r, "The provider sent a block that is too large.");
    }
    return gw_buf_add(buf, bytes) ? AIGW_OK : no_memory(r);
}

static int ensure_started(reader *r)
{
    if (r->started) {
        return AIGW_OK;
    }
    r->started = true;
    gw_event ev = event_of(r, GW_EV_START);
    return gw_emit(r->sink, &ev);
}

static int emit_delta(reader *r, gw_jstr text, gw_jstr signature)
{
    gw_event ev = event_of(r, GW_EV_DELTA);
    if (text.inner.len == 0 && signature.inner.len == 0) {
        return AIGW_OK;
    }
    ev.delta = text;
    ev.signature = signature;
    r->said = true;
    return gw_emit(r->sink, &ev);
}

/* {"toolUse":{start...,"input":{}}} and the like, of what was held. */
static int emit_native(reader *r)
{
    static const struct {
        const char *head, *tail;
    } shapes[] = {[NATIVE_CALL] = {"{\"toolUse\":{", "\"input\":"},
                  [NATIVE_RESULT] = {"{\"toolResult\":{", "\"content\":["},
                  [NATIVE_IMAGE] = {"{\"image\":{", "\"source\":"}};
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    gw_buf whole;
    gw_json_doc doc;
    gw_buf_init(&whole, gw_buf_len(&r->held) + gw_buf_len(&r->input) + EXTRA);
    gw_buf_puts(&whole, shapes[r->native].head);
    gw_buf_add(&whole, gw_buf_slice(&r->held));
    gw_buf_puts(&whole, gw_buf_len(&r->held) > 0 ? "," : "");
    gw_buf_puts(&whole, shapes[r->native].tail);
    aigw_slice input = gw_buf_slice(&r->input);
    if (r->native == NATIVE_CALL) { /* it came as text of JSON */
        input = gw_json_unescape(r->arena, input);
    }
    bool empty = input.len == 0 && r->native != NATIVE_RESULT;
    gw_buf_add(&whole, empty ? GW_S("{}") : input);
    gw_buf_puts(&whole, r->native == NATIVE_RESULT ? "]}}" : "}}");
    int rc = whole.failed ? AIGW_E_NOMEM
                          : gw_json_parse(r->arena, gw_buf_slice(&whole), &lenient, &doc, NULL);
    if (rc == AIGW_E_NOMEM) {
        rc = no_memory(r);
    } else if (rc != AIGW_OK) {
        rc = broken(r, "The provider sent a block that is no JSON.");
    } else {
        ev.raw.json = gw_buf_slice(&whole);
        rc = gw_emit(r->sink, &ev);
    }
    gw_buf_free(&whole);
    return rc;
}

static int close_block(reader *r)
{
    int rc = AIGW_OK;
    if (!r->is_open) {
        return AIGW_OK;
    }
    r->is_open = false;
    if (r->native != NOT_NATIVE) {
        rc = emit_native(r);
    } else if (r->kind == GW_BLOCK_TOOL_CALL && !r->said) { /* no deltas: no arguments */
        rc = emit_delta(r, gw_jstr_lit("{}"), (gw_jstr){{NULL, 0}});
    }
    if (rc == AIGW_OK) {
        gw_event ev = event_of(r, GW_EV_BLOCK_STOP);
        rc = gw_emit(r->sink, &ev);
    }
    r->next_block++;
    gw_buf_clear(&r->held);
    gw_buf_clear(&r->input);
    return rc;
}

static int64_t index_of(const reader *r)
{
    int64_t index = r->is_open ? r->index : 0;
    gw_json_i64(r->doc, get(r, 0, "contentBlockIndex"), &index);
    return index;
}

/* Closes what is open; the new one has no event yet. */
static int turn_to(reader *r, int64_t index, gw_block_kind kind)
{
    int rc = close_block(r);
    r->is_open = true;
    r->said = false;
    r->native = NOT_NATIVE;
    r->index = index;
    r->kind = kind;
    return rc;
}

/* Text and reasoning have no start: their first delta opens the block. */
static int ensure_open(reader *r, gw_block_kind kind)
{
    int64_t index = index_of(r);
    if (r->is_open && r->index == index && r->kind == kind && r->native == NOT_NATIVE) {
        return AIGW_OK;
    }
    int rc = turn_to(r, index, kind);
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
}

static int on_message_start(reader *r)
{
    (void)r; /* started is all that it says */
    return AIGW_OK;
}

/* The members of a start, without the braces. */
static int begin_native(reader *r, native_kind kind, gw_json_ref start)
{
    int rc = turn_to(r, index_of(r), GW_BLOCK_NATIVE);
    aigw_slice raw = gw_json_raw(r->doc, start);
    r->native = kind;
    return rc == AIGW_OK && gw_json_count(r->doc, start) > 0
               ? keep(r, &r->held, gw_slice(raw.data + 1, raw.len - 2))
               : rc;
}

static int on_block_start(reader *r)
{
    gw_json_ref start = get(r, 0, "start");
    gw_json_ref call = get(r, start, "toolUse"), result = get(r, start, "toolResult");
    gw_json_ref image = get(r, start, "image");
    if (gw_json_is(r->doc, get(r, call, "type"), "server_tool_use")) {
        return begin_native(r, NATIVE_CALL, call);
    }
    if (gw_json_typeof(r->doc, result) == GW_JSON_OBJECT) {
        return begin_native(r, NATIVE_RESULT, result);
    }
    if (gw_json_typeof(r->doc, image) == GW_JSON_OBJECT) {
        return begin_native(r, NATIVE_IMAGE, image);
    }
    if (gw_json_typeof(r->doc, call) != GW_JSON_OBJECT) {
        return close_block(r); /* of text: its delta opens it */
    }
    int rc = turn_to(r, index_of(r), GW_BLOCK_TOOL_CALL);
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    ev.call_id = string(r, call, "toolUseId");
    ev.tool_name = string(r, call, "name");
    if (rc == AIGW_OK && !gw_has(ev.tool_name)) {
        return broken(r, "The provider called a tool without a name.");
    }
    return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
}

static int reasoning_delta(reader *r, gw_json_ref value)
{
    gw_jstr redacted = string(r, value, "redactedContent");
    if (gw_has(redacted)) { /* whole in its start */
        int rc = turn_to(r, index_of(r), GW_BLOCK_REDACTED_THINKING);
        gw_event ev = event_of(r, GW_EV_BLOCK_START);
        ev.delta = redacted;
        return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
    }
    int rc = ensure_open(r, GW_BLOCK_THINKING);
    return rc == AIGW_OK ? emit_delta(r, string(r, value, "text"), string(r, value, "signature"))
                         : rc;
}

static int citation_delta(reader *r, gw_json_ref value)
{
    int rc = ensure_open(r, GW_BLOCK_TEXT);
    gw_event ev = event_of(r, GW_EV_DELTA);
    ev.raw = gw_raw_of(r->doc, value);
    return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
}

/* Pieces of a native block. Those of a kind that is not known are skipped. */
static int native_delta(reader *r, gw_json_ref delta)
{
    gw_json_ref items = get(r, delta, "toolResult");
    gw_json_ref source = get(r, get(r, delta, "image"), "source");
    if (r->native == NATIVE_CALL) {
        return keep(r, &r->input, string(r, get(r, delta, "toolUse"), "input").inner);
    }
    if (r->native == NATIVE_IMAGE && gw_json_typeof(r->doc, source) == GW_JSON_OBJECT) {
        gw_buf_clear(&r->input);
        return keep(r, &r->input, gw_json_raw(r->doc, source));
    }
    if (r->native != NATIVE_RESULT || gw_json_typeof(r->doc, items) != GW_JSON_ARRAY ||
        gw_json_count(r->doc, items) == 0) {
        return AIGW_OK;
    }
    aigw_slice raw = gw_json_raw(r->doc, items);
    int rc = gw_buf_len(&r->input) > 0 ? keep(r, &r->input, GW_S(",")) : AIGW_OK;
    return rc == AIGW_OK ? keep(r, &r->input, gw_slice(raw.data + 1, raw.len - 2)) : rc;
}

static int on_block_delta(reader *r)
{
    gw_json_ref delta = get(r, 0, "delta");
    gw_json_ref text = get(r, delta, "text"), call = get(r, delta, "toolUse");
    gw_json_ref reasoning = get(r, delta, "reasoningContent"), citation = get(r, delta, "citation");
    const gw_jstr none = {{NULL, 0}};
    if (r->is_open && r->native != NOT_NATIVE && index_of(r) == r->index) {
        return native_delta(r, delta);
    }
    if (gw_json_typeof(r->doc, call) == GW_JSON_OBJECT) {
        if (!r->is_open || r->kind != GW_BLOCK_TOOL_CALL || index_of(r) != r->index) {
            return broken(r, "The provider sent a part of a call that is not open.");
        }
        return emit_delta(r, string(r, call, "input"), none);
    }
    if (gw_json_typeof(r->doc, text) == GW_JSON_STRING) {
        int rc = ensure_open(r, GW_BLOCK_TEXT);
        return rc == AIGW_OK ? emit_delta(r, gw_jstr_of(r->doc, text), none) : rc;
    }
    if (gw_json_typeof(r->doc, reasoning) == GW_JSON_OBJECT) {
        return reasoning_delta(r, reasoning);
    }
    return gw_json_typeof(r->doc, citation) == GW_JSON_OBJECT ? citation_delta(r, citation)
                                                              : AIGW_OK;
}

static int on_block_stop(reader *r)
{
    return index_of(r) == r->index ? close_block(r) : AIGW_OK;
}

static int end(reader *r)
{
    gw_event ev = event_of(r, GW_EV_END);
    r->finished = true;
    return gw_emit(r->sink, &ev);
}

static int on_message_stop(reader *r)
{
    int rc = close_block(r);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (r->next_block == 0 && gw_bedrock_malformed(r->doc, 0)) {
        return broken(r, "The model's output could not be read.");
    }
    r->stopped = true;
    gw_event ev = event_of(r, GW_EV_FINISH);
    ev.block = 0;
    gw_bedrock_finish_read(r->doc, 0, &ev);
    rc = gw_emit(r->sink, &ev);
    return rc == AIGW_OK && r->has_usage ? end(r) : rc;
}

static int on_metadata(reader *r)
{
    gw_json_ref usage = get(r, 0, "usage");
    gw_event ev = event_of(r, GW_EV_USAGE);
    ev.usage = gw_bedrock_usage_read(r->doc, usage);
    ev.usage_raw = gw_raw_of(r->doc, usage);
    r->has_usage = true;
    int rc = gw_emit(r->sink, &ev);
    return rc == AIGW_OK && r->stopped ? end(r) : rc;
}

static int on_exception(reader *r, aigw_slice type, gw_jstr message)
{
    gw_api_error error;
    gw_bedrock_error_read(r->doc, r->doc == NULL ? GW_JSON_ABSENT : 0, type, 0, &error);
    if (gw_has(message)) {
        error.message = message;
    }
    if (gw_jstr_blank(error.message)) {
        error.message = gw_jstr_lit("The provider broke off with an error.");
    }
    return fail_with(r, &error, "upstream_error");
}

static const struct handler {
    const char *type;
    int (*handle)(reader *r);
} handlers[] = {
    {"contentBlockDelta", on_block_delta}, {"contentBlockStart", on_block_start},
    {"contentBlockStop", on_block_stop},   {"messageStart", on_message_start},
    {"messageStop", on_message_stop},      {"metadata", on_metadata},
};

static int dispatch(reader *r, aigw_slice type)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        bool late = r->stopped && handlers[i].handle != on_metadata;
        if (!late && gw_eq(type, aigw_slice_of(handlers[i].type))) {
            int rc = ensure_started(r);
            return rc == AIGW_OK ? handlers[i].handle(r) : rc;
        }
    }
    return AIGW_OK; /* newer than we are, or behind the message's stop */
}

static int on_parsed(reader *r, const gw_frame *frame, bool object)
{
    aigw_slice kind = gw_frame_string(frame, ":message-type");
    if (gw_eq(kind, GW_S("exception"))) {
        return on_exception(r, gw_frame_string(frame, ":exception-type"), (gw_jstr){{NULL, 0}});
    }
    if (gw_eq(kind, GW_S("error"))) {
        gw_jstr message = gw_jstr_plain(r->arena, gw_frame_string(frame, ":error-message"));
        return on_exception(r, gw_frame_string(frame, ":error-code"), message);
    }
    if (!gw_eq(kind, GW_S("event")) || !object) {
        return broken(r, "The provider sent something that is not an event of this API.");
    }
    return dispatch(r, gw_frame_string(frame, ":event-type"));
}

static int on_frame(void *user, const gw_frame *frame)
{
    reader *r = user;
    static const gw_json_limits lenient = {.lone_surrogates = true};
    static const gw_json_doc nothing;
    gw_json_doc doc;
    if (r->finished) {
        return AIGW_OK;
    }
    gw_arena_reset(r->arena);
    int rc = gw_json_parse(r->arena, frame->payload, &lenient, &doc, NULL);
    if (rc == AIGW_E_NOMEM) {
        return no_memory(r);
    }
    bool object = rc == AIGW_OK && gw_json_typeof(&doc, 0) == GW_JSON_OBJECT;
    r->doc = object ? &doc : &nothing;
    rc = on_parsed(r, frame, object);
    r->doc = NULL;
    r->failed = r->failed || rc != AIGW_OK;
    return rc;
}

static int failed_before(aigw_error *err)
{
    return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the provider's stream has failed");
}

int gw_bedrock_reader_feed(void *state, aigw_slice bytes, const gw_event_sink *sink,
                           aigw_error *err)
{
    reader *r = state;
    if (r->failed) {
        return failed_before(err);
    }
    r->sink = sink;
    r->err = err;
    int rc = gw_eventstream_feed(&r->frames, bytes, on_frame, r, NULL);
    if (rc == AIGW_OK || r->failed) {
        return rc;
    }
    if (r->finished) { /* what comes behind the end changes nothing any more */
        return AIGW_OK;
    }
    if (rc == AIGW_E_NOMEM) {
        return no_memory(r);
    }
    return broken(r, rc == AIGW_E_LIMIT ? "The provider sent an event that is too large."
                                        : "The provider sent a damaged event stream.");
}

int gw_bedrock_reader_end(void *state, const gw_event_sink *sink, aigw_error *err)
{
    reader *r = state;
    if (r->failed) {
        return failed_before(err);
    }
    r->sink = sink;
    r->err = err;
    if (r->finished) {
        return AIGW_OK;
    }
    if (r->stopped && gw_eventstream_end(&r->frames, NULL) == AIGW_OK) {
        return end(r); /* without its metadata */
    }
    return broken(r, "The provider's stream ended before the message did.");
}
