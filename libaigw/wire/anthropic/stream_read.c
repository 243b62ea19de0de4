/*
 * A Messages event stream as neutral events. Refuses what is no such stream; skips what is merely new.
 * Knows no client.
 */
#include "wire/anthropic/stream.h"

#include <string.h>

/* What of an upstream block is open; the API has one at a time. */
typedef struct open_block {
    bool is_open;
    bool native;   /* held back until it is whole */
    bool said;     /* a delta that was not empty has gone out */
    int64_t index; /* the provider's */
    gw_block_kind kind;
} open_block;

typedef struct reader {
    gw_sse sse;
    gw_arena *arena; /* of one event */
    gw_buf held;     /* a tool's input given at its start, or a native block */
    gw_buf input;    /* the input of a native block, in deltas (escaped) */
    open_block open;
    uint32_t next_block;
    gw_anthropic_usage usage;
    bool started, finished, failed;
    bool has_id;
    bool has_finish;
    gw_finish finish;
    gw_buf id;
    gw_buf words; /* native reason, stop sequence, explanation, one behind the other */
    size_t words_len[3];
    bool words_has[3];
    const gw_event_sink *sink;
    aigw_error *err;
    const gw_json_doc *doc;
} reader;

_Static_assert(sizeof(reader) <= GW_ANTHROPIC_READER_BYTES, "the table tells the size");

enum { WORDS_MAX = 64 * 1024, HELD_EXTRA = 64, TAPE_PER_BYTE = 80, MOST_EVENT_BYTES = 1 << 30 };

int gw_anthropic_reader_init(void *state, size_t max_event_bytes)
{
    reader *r = state;
    if (max_event_bytes > MOST_EVENT_BYTES) {
        max_event_bytes = MOST_EVENT_BYTES;
    }
    gw_sse_init(&r->sse, max_event_bytes);
    gw_buf_init(&r->held, max_event_bytes * 2 + HELD_EXTRA);
    gw_buf_init(&r->input, max_event_bytes);
    gw_buf_init(&r->id, WORDS_MAX);
    gw_buf_init(&r->words, WORDS_MAX);
    gw_anthropic_usage_init(&r->usage);
    /* A tape takes up to eight times its text and grows by doubling; a native block needs three. */
    r->arena = gw_arena_new(max_event_bytes * TAPE_PER_BYTE + WORDS_MAX);
    return r->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

void gw_anthropic_reader_free(void *state)
{
    reader *r = state;
    gw_sse_free(&r->sse);
    gw_buf_free(&r->held);
    gw_buf_free(&r->input);
    gw_buf_free(&r->id);
    gw_buf_free(&r->words);
    gw_arena_free(r->arena);
    r->arena = NULL;
}

static gw_event event_of(const reader *r, gw_event_kind kind)
{
    return (gw_event){.kind = kind,
                      .block = r->next_block,
                      .block_kind = r->open.kind,
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

static int too_large(reader *r)
{
    return broken(r, "The provider sent a block that is too large.");
}

static int keep(reader *r, gw_buf *buf, aigw_slice bytes)
{
    if (bytes.len > buf->max - gw_buf_len(buf)) {
        return too_large(r);
    }
    return gw_buf_add(buf, bytes) ? AIGW_OK : no_memory(r);
}

static int ensure_started(reader *r, gw_json_ref message)
{
    if (r->started) {
        return AIGW_OK;
    }
    r->started = true;
    gw_event ev = event_of(r, GW_EV_START);
    ev.id = string(r, message, "id");
    ev.model = string(r, message, "model");
    ev.service_tier = string(r, get(r, message, "usage"), "service_tier");
    r->has_id = gw_has(ev.id);
    int rc = r->has_id ? keep(r, &r->id, ev.id.inner) : AIGW_OK;
    return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
}

static int read_usage(reader *r, gw_json_ref usage)
{
    if (gw_json_typeof(r->doc, usage) != GW_JSON_OBJECT) {
        return AIGW_OK;
    }
    gw_anthropic_usage_read(&r->usage, r->doc, usage);
    gw_event ev = event_of(r, GW_EV_USAGE);
    ev.usage = gw_anthropic_usage_neutral(&r->usage);
    ev.usage_raw = gw_raw_of(r->doc, usage);
    return gw_emit(r->sink, &ev);
}

/* A second one with nothing between is noise of a proxy. Behind content and with another id it is a second
 * answer, which cannot be told to a client that has read half of the first. */
static int on_message_start(reader *r)
{
    gw_json_ref message = get(r, 0, "message");
    if (r->started) {
        gw_jstr id = string(r, message, "id");
        bool other = r->has_id && gw_has(id) && !gw_eq(id.inner, gw_buf_slice(&r->id));
        if (other && (r->next_block > 0 || r->open.is_open)) {
            return broken(r, "The provider began a second message in one stream.");
        }
        return AIGW_OK;
    }
    int rc = ensure_started(r, message);
    return rc == AIGW_OK ? read_usage(r, get(r, message, "usage")) : rc;
}

/* A signature comes whole, and may be sealed by a gateway like this one. */
static int emit_signed(reader *r, gw_jstr text, gw_jstr slot)
{
    gw_sealed sealed = gw_seal_open(r->arena, slot, AIGW_FORMAT_ANTHROPIC, false);
    if (text.inner.len == 0 && slot.inner.len == 0) {
        return AIGW_OK;
    }
    gw_event ev = event_of(r, GW_EV_DELTA);
    ev.delta = text;
    ev.signature = sealed.text;
    ev.origin = sealed.origin;
    r->open.said = true;
    return gw_emit(r->sink, &ev);
}

static int emit_delta(reader *r, gw_jstr text, gw_raw citation)
{
    if (text.inner.len == 0 && !gw_has_raw(citation)) {
        return AIGW_OK;
    }
    gw_event ev = event_of(r, GW_EV_DELTA);
    ev.delta = text;
    ev.origin = r->open.kind == GW_BLOCK_THINKING ? AIGW_FORMAT_ANTHROPIC : (aigw_format)0;
    ev.raw = citation;
    r->open.said = true;
    return gw_emit(r->sink, &ev);
}

/* The held start with `input` as its input, into *whole. Nothing is written if `input` is no JSON. */
static int join_native(reader *r, aigw_slice input, gw_buf *whole)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc start, parsed;
    int rc = gw_json_parse(r->arena, input, NULL, &parsed, NULL);
    if (rc == AIGW_OK) {
        rc = gw_json_parse(r->arena, gw_buf_slice(&r->held), &lenient, &start, NULL);
    }
    if (rc != AIGW_OK) {
        return rc == AIGW_E_NOMEM ? rc : AIGW_OK;
    }
    gw_jw w = gw_jw_on(whole);
    gw_jw_object(&w);
    for (gw_json_ref k = gw_json_first(&start, 0); k != GW_JSON_ABSENT;
         k = gw_json_next(&start, k)) {
        gw_jw_key_inner(&w, gw_json_inner(&start, k));
        bool is_input = gw_json_key_is(&start, k, "input");
        gw_jw_raw(&w, is_input ? input : gw_json_raw(&start, gw_json_value(&start, k)));
    }
    gw_jw_object_end(&w);
    return whole->failed ? AIGW_E_NOMEM : AIGW_OK;
}

/* The whole native block: its start, with the input that came in deltas. */
static int emit_native(reader *r)
{
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    ev.raw.json = gw_buf_slice(&r->held);
    gw_buf whole;
    gw_buf_init(&whole, gw_buf_len(&r->held) + gw_buf_len(&r->input) + HELD_EXTRA);
    int rc = AIGW_OK;
    if (gw_buf_len(&r->input) > 0) {
        aigw_slice input = gw_json_unescape(r->arena, gw_buf_slice(&r->input));
        rc = input.data == NULL ? AIGW_E_NOMEM : join_native(r, input, &whole);
    }
    if (gw_buf_len(&whole) > 0) {
        ev.raw.json = gw_buf_slice(&whole);
    }
    rc = rc != AIGW_OK ? no_memory(r) : gw_emit(r->sink, &ev);
    gw_buf_free(&whole);
    return rc;
}

static int close_block(reader *r)
{
    if (!r->open.is_open) {
        return AIGW_OK;
    }
    r->open.is_open = false;
    int rc = AIGW_OK;
    if (r->open.native) {
        rc = emit_native(r);
    } else if (r->open.kind == GW_BLOCK_TOOL_CALL && !r->open.said) {
        /* Deltas without a byte mean no arguments, unless the block came with them. */
        gw_jstr args = {gw_buf_slice(&r->held)};
        rc = emit_delta(r, args.inner.len > 0 ? args : gw_jstr_lit("{}"), (gw_raw){{NULL, 0}});
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

static int open_tool(reader *r, gw_json_ref block)
{
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    ev.call_id = string(r, block, "id");
    ev.tool_name = string(r, block, "name");
    if (!gw_has(ev.tool_name)) {
        return broken(r, "The provider called a tool without a name.");
    }
    gw_json_ref input = get(r, block, "input");
    if (gw_json_typeof(r->doc, input) == GW_JSON_OBJECT && gw_json_count(r->doc, input) > 0) {
        gw_anthropic_escape_json(&r->held, gw_json_raw(r->doc, input));
        if (r->held.failed) { /* it has room for twice an event */
            return no_memory(r);
        }
    }
    return gw_emit(r->sink, &ev);
}

static int open_text(reader *r, gw_json_ref block)
{
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    gw_json_ref citations = get(r, block, "citations");
    if (gw_json_typeof(r->doc, citations) == GW_JSON_ARRAY &&
        gw_json_count(r->doc, citations) > 0) {
        ev.raw = gw_raw_of(r->doc, citations);
    }
    int rc = gw_emit(r->sink, &ev);
    return rc != AIGW_OK ? rc : emit_delta(r, string(r, block, "text"), (gw_raw){{NULL, 0}});
}

static int on_block_start(reader *r)
{
    gw_json_ref block = get(r, 0, "content_block");
    gw_json_ref type = get(r, block, "type");
    if (gw_json_typeof(r->doc, type) != GW_JSON_STRING) {
        return broken(r, "The provider began a block without a type.");
    }
    int rc = close_block(r);
    if (rc != AIGW_OK) {
        return rc;
    }
    r->open = (open_block){.is_open = true, .index = -1};
    gw_json_i64(r->doc, get(r, 0, "index"), &r->open.index);
    gw_event ev = event_of(r, GW_EV_BLOCK_START);
    if (gw_json_is(r->doc, type, "text")) {
        r->open.kind = GW_BLOCK_TEXT;
        return open_text(r, block);
    }
    if (gw_json_is(r->doc, type, "tool_use")) {
        r->open.kind = GW_BLOCK_TOOL_CALL;
        return open_tool(r, block);
    }
    if (gw_json_is(r->doc, type, "thinking")) {
        r->open.kind = ev.block_kind = GW_BLOCK_THINKING;
        ev.origin = AIGW_FORMAT_ANTHROPIC;
        rc = gw_emit(r->sink, &ev);
        return rc != AIGW_OK
                   ? rc
                   : emit_signed(r, string(r, block, "thinking"), string(r, block, "signature"));
    }
    if (gw_json_is(r->doc, type, "redacted_thinking")) {
        r->open.kind = ev.block_kind = GW_BLOCK_REDACTED_THINKING;
        gw_sealed sealed =
            gw_seal_open(r->arena, string(r, block, "data"), AIGW_FORMAT_ANTHROPIC, true);
        ev.delta = sealed.text;
        ev.origin = sealed.origin;
        return gw_emit(r->sink, &ev);
    }
    r->open.kind = GW_BLOCK_NATIVE;
    r->open.native = true;
    return keep(r, &r->held, gw_json_raw(r->doc, block));
}

static int on_block_delta(reader *r)
{
    static const struct {
        const char *type, *member;
        gw_block_kind kind;
    } deltas[] = {{"text_delta", "text", GW_BLOCK_TEXT},
                  {"input_json_delta", "partial_json", GW_BLOCK_TOOL_CALL},
                  {"thinking_delta", "thinking", GW_BLOCK_THINKING}};
    const gw_jstr none = {{NULL, 0}};
    const gw_raw no_raw = {{NULL, 0}};
    gw_json_ref delta = get(r, 0, "delta");
    gw_json_ref type = get(r, delta, "type");
    int64_t index = r->open.index;
    gw_json_i64(r->doc, get(r, 0, "index"), &index);
    if (!r->open.is_open || index != r->open.index) {
        return broken(r, "The provider sent a part of a block that is not open.");
    }
    if (r->open.native) {
        gw_jstr more = string(r, delta, "partial_json");
        return keep(r, &r->input, more.inner);
    }
    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        if (gw_json_is(r->doc, type, deltas[i].type) && r->open.kind == deltas[i].kind) {
            return emit_delta(r, string(r, delta, deltas[i].member), no_raw);
        }
    }
    if (gw_json_is(r->doc, type, "signature_delta") && r->open.kind == GW_BLOCK_THINKING) {
        return emit_signed(r, none, string(r, delta, "signature"));
    }
    gw_json_ref citation = get(r, delta, "citation");
    if (gw_json_is(r->doc, type, "citations_delta") && r->open.kind == GW_BLOCK_TEXT &&
        gw_json_typeof(r->doc, citation) == GW_JSON_OBJECT) {
        return emit_delta(r, none, gw_raw_of(r->doc, citation));
    }
    return AIGW_OK;
}

/* FINISH waits for the end: some hosts send several message_delta. */
static int keep_finish(reader *r, gw_json_ref delta)
{
    if (gw_json_typeof(r->doc, get(r, delta, "stop_reason")) != GW_JSON_STRING) {
        return AIGW_OK;
    }
    gw_event ev = event_of(r, GW_EV_FINISH);
    gw_anthropic_finish_read(r->doc, delta, &ev);
    const gw_jstr words[3] = {ev.native_finish, ev.stop_sequence, ev.refusal};
    gw_buf_clear(&r->words);
    for (size_t i = 0; i < 3; i++) {
        r->words_has[i] = gw_has(words[i]);
        r->words_len[i] = words[i].inner.len;
        int rc = keep(r, &r->words, words[i].inner);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    r->finish = ev.finish;
    r->has_finish = true;
    return AIGW_OK;
}

static int on_message_delta(reader *r)
{
    int rc = close_block(r);
    if (rc == AIGW_OK) {
        rc = keep_finish(r, get(r, 0, "delta"));
    }
    return rc == AIGW_OK ? read_usage(r, get(r, 0, "usage")) : rc;
}

static int on_message_stop(reader *r)
{
    int rc = close_block(r);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_event ev = event_of(r, GW_EV_FINISH);
    ev.block = 0;
    ev.finish = r->has_finish ? r->finish : GW_FINISH_STOP;
    const char *at = gw_buf_slice(&r->words).data;
    gw_jstr *words[3] = {&ev.native_finish, &ev.stop_sequence, &ev.refusal};
    for (size_t i = 0; i < 3; i++) {
        if (r->words_has[i]) {
            words[i]->inner = gw_slice(at != NULL ? at : "", r->words_len[i]);
            at = at != NULL ? at + r->words_len[i] : NULL;
        }
    }
    rc = gw_emit(r->sink, &ev);
    r->finished = true;
    ev = event_of(r, GW_EV_END);
    return rc == AIGW_OK ? gw_emit(r->sink, &ev) : rc;
}

static int on_error(reader *r)
{
    gw_api_error error;
    gw_anthropic_error_read(r->doc, get(r, 0, "error"), 0, &error);
    error.request_id = string(r, 0, "request_id");
    if (gw_jstr_blank(error.message)) {
        error.message = gw_jstr_lit("The provider broke off with an error.");
    }
    return fail_with(r, &error, "upstream_error");
}

static const struct handler {
    const char *type;
    int (*handle)(reader *r);
} handlers[] = {
    {"content_block_delta", on_block_delta},
    {"content_block_start", on_block_start},
    {"content_block_stop", close_block},
    {"message_start", on_message_start},
    {"message_delta", on_message_delta},
    {"message_stop", on_message_stop},
    {"error", on_error},
};

static int dispatch(reader *r, const gw_sse_event *event)
{
    gw_json_ref type = get(r, 0, "type");
    bool named = gw_json_typeof(r->doc, type) == GW_JSON_STRING;
    bool bare_error = !named && get(r, 0, "error") != GW_JSON_ABSENT;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        const struct handler *h = &handlers[i];
        bool is_it = named ? gw_json_is(r->doc, type, h->type)
                           : gw_eq(event->type, aigw_slice_of(h->type)) ||
                                 (bare_error && h->handle == on_error);
        if (!is_it) {
            continue;
        }
        bool starts = h->handle == on_message_start || h->handle == on_error;
        int rc = starts ? AIGW_OK : ensure_started(r, GW_JSON_ABSENT);
        return rc == AIGW_OK ? h->handle(r) : rc;
    }
    if (r->started && (gw_json_is(r->doc, type, "ping") || gw_eq(event->type, GW_S("ping")))) {
        gw_event ev = event_of(r, GW_EV_PING);
        return gw_emit(r->sink, &ev);
    }
    return AIGW_OK; /* newer than we are */
}

static int on_event(void *user, const gw_sse_event *event)
{
    reader *r = user;
    static const gw_json_limits lenient = {.lone_surrogates = true};
    if (!event->has_data || r->finished || gw_eq(event->data, GW_S("[DONE]"))) {
        return AIGW_OK;
    }
    gw_json_doc doc;
    gw_arena_reset(r->arena);
    int rc = gw_json_parse(r->arena, event->data, &lenient, &doc, NULL);
    if (rc == AIGW_E_NOMEM) {
        return no_memory(r);
    }
    if (rc != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT) {
        return broken(r, "The provider sent something that is not an event of this API.");
    }
    r->doc = &doc;
    rc = dispatch(r, event);
    r->doc = NULL;
    if (rc != AIGW_OK) {
        r->failed = true;
    }
    return rc;
}

static int failed_before(reader *r, aigw_error *err)
{
    (void)r;
    return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the provider's stream has failed");
}

int gw_anthropic_reader_feed(void *state, aigw_slice bytes, const gw_event_sink *sink,
                             aigw_error *err)
{
    reader *r = state;
    if (r->failed) {
        return failed_before(r, err);
    }
    r->sink = sink;
    r->err = err;
    int rc = gw_sse_feed(&r->sse, bytes, on_event, r);
    if (rc == AIGW_E_LIMIT && !r->failed) {
        rc = broken(r, "The provider sent an event that is too large.");
    }
    return rc;
}

int gw_anthropic_reader_end(void *state, const gw_event_sink *sink, aigw_error *err)
{
    reader *r = state;
    if (r->failed) {
        return failed_before(r, err);
    }
    r->sink = sink;
    r->err = err;
    int rc = gw_sse_end(&r->sse, on_event, r);
    if (rc != AIGW_OK || r->finished) {
        return rc;
    }
    return broken(r, "The provider's stream ended before the message did.");
}
