/*
 * Neutral events as a Messages event stream: message_start once, one open block at a time with dense
 * indexes, usage and stop reason at the end. Knows no provider.
 */
#include "wire/anthropic/stream.h"

#include <string.h>

enum { MOST_WAITING = 256, WAITING_BYTES = 16 * 1024 * 1024 };

/* A block that the client sees, or will see when those before it are closed. */
typedef struct out_block {
    uint32_t block; /* of the events */
    uint32_t index; /* of the client */
    gw_block_kind kind;
    bool custom;
    bool stopped;
    gw_buf bytes; /* what waits; the open block writes straight through */
} out_block;

typedef struct writer {
    gw_answer_options options;
    bool started, ended;
    uint32_t next_index;
    out_block *blocks; /* [0] is open, the rest waits */
    size_t count, cap;
    size_t waiting_bytes;
    bool has_calls;
    aigw_usage usage;
    bool has_finish;
    gw_finish finish;
    gw_buf words; /* stop sequence, then explanation */
    size_t sequence_len, refusal_len;
    bool has_sequence, has_refusal;
} writer;

_Static_assert(sizeof(writer) <= GW_ANTHROPIC_WRITER_BYTES, "the table tells the size");

int gw_anthropic_writer_init(void *state, const gw_answer_options *options)
{
    writer *w = state;
    w->options = *options;
    w->usage = gw_usage_unknown();
    gw_buf_init(&w->words, WAITING_BYTES);
    return AIGW_OK;
}

void gw_anthropic_writer_free(void *state)
{
    writer *w = state;
    for (size_t i = 0; i < w->count; i++) {
        gw_buf_free(&w->blocks[i].bytes);
    }
    gw_free(w->blocks);
    gw_buf_free(&w->words);
    w->blocks = NULL;
    w->count = w->cap = 0;
}

/* `event: T\ndata: {"type":"T"` - the object stays open for more members. */
static gw_jw begin(gw_buf *out, const char *type)
{
    gw_buf_puts(out, "event: ");
    gw_buf_puts(out, type);
    gw_buf_puts(out, "\ndata: ");
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    return w;
}

static void end(gw_jw *w)
{
    gw_jw_object_end(w);
    gw_buf_puts(w->buf, "\n\n");
}

static void write_start(writer *s, const gw_event *event, gw_buf *out)
{
    static const aigw_usage zero;
    s->started = true;
    gw_jw w = begin(out, "message_start");
    gw_jw_key(&w, "message");
    gw_jw_object(&w);
    gw_jw_key(&w, "id");
    gw_anthropic_write_id(&w, event->id, "msg_", s->options.id_seed, -1);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, "message");
    gw_jw_key(&w, "role");
    gw_jw_str(&w, "assistant");
    gw_jw_key(&w, "model");
    gw_jw_jstr(&w, event->model);
    gw_jw_key(&w, "content");
    gw_jw_raw(&w, GW_S("[]"));
    gw_jw_key(&w, "stop_reason");
    gw_jw_null(&w);
    gw_jw_key(&w, "stop_sequence");
    gw_jw_null(&w);
    gw_jw_key(&w, "usage");
    aigw_usage usage = zero; /* the true numbers come with message_delta */
    usage.input_tokens = s->options.input_estimate > 0 ? s->options.input_estimate : 0;
    usage.reasoning_tokens = -1;
    gw_anthropic_usage_write(&w, &usage, event->service_tier);
    gw_jw_object_end(&w);
    end(&w);
}

static void member(gw_jw *w, const char *name, gw_jstr value)
{
    gw_jw_key(w, name);
    gw_jw_jstr(w, value);
}

/* Citations are rare: their arena lives as long as the event. */
static gw_arena *arena_for(gw_raw raw)
{
    enum { TAPE_PER_BYTE = 80, AT_LEAST = 16 * 1024 };
    return gw_has_raw(raw) ? gw_arena_new(raw.json.len * TAPE_PER_BYTE + AT_LEAST) : NULL;
}

static void write_citations(gw_jw *w, gw_raw raw)
{
    gw_arena *arena = arena_for(raw);
    if (arena != NULL) {
        gw_anthropic_write_citations(arena, w, raw, (gw_jstr){{NULL, 0}});
        gw_arena_free(arena);
    }
}

static void write_content_block(writer *s, gw_jw *w, const gw_event *event)
{
    static const char *const types[] = {
        [GW_BLOCK_TEXT] = "text",          [GW_BLOCK_REFUSAL] = "text",
        [GW_BLOCK_THINKING] = "thinking",  [GW_BLOCK_REDACTED_THINKING] = "redacted_thinking",
        [GW_BLOCK_TOOL_CALL] = "tool_use",
    };
    const gw_jstr none = {{NULL, 0}};
    if (event->block_kind == GW_BLOCK_NATIVE) {
        gw_jw_raw(w, event->raw.json);
        return;
    }
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, types[event->block_kind]);
    switch (event->block_kind) {
    case GW_BLOCK_THINKING:
        member(w, "thinking", none);
        member(w, "signature", none);
        break;
    case GW_BLOCK_REDACTED_THINKING:
        gw_jw_key(w, "data");
        gw_jw_slot(w, AIGW_FORMAT_ANTHROPIC, event->origin, true, event->delta);
        break;
    case GW_BLOCK_TOOL_CALL:
        gw_jw_key(w, "id");
        gw_anthropic_write_id(w, event->call_id, "toolu_", s->options.id_seed, event->block);
        member(w, "name", event->tool_name);
        gw_jw_key(w, "input");
        gw_jw_raw(w, GW_S("{}"));
        break;
    default:
        member(w, "text", none);
        write_citations(w, event->raw);
        break;
    }
    gw_jw_object_end(w);
}

static gw_jw begin_delta(gw_buf *out, const out_block *b, const char *type)
{
    gw_jw w = begin(out, "content_block_delta");
    gw_jw_key(&w, "index");
    gw_jw_int(&w, b->index);
    gw_jw_key(&w, "delta");
    gw_jw_object(&w);
    gw_jw_key(&w, "type");
    gw_jw_str(&w, type);
    return w;
}

static void end_delta(gw_jw *w)
{
    gw_jw_object_end(w);
    end(w);
}

static void write_partial(const out_block *b, aigw_slice json_text, gw_buf *out)
{
    gw_jw w = begin_delta(out, b, "input_json_delta");
    gw_jw_key(&w, "partial_json");
    gw_jw_text(&w, json_text);
    end_delta(&w);
}

static void write_block_start(writer *s, const out_block *b, const gw_event *event, gw_buf *out)
{
    gw_jw w = begin(out, "content_block_start");
    gw_jw_key(&w, "index");
    gw_jw_int(&w, b->index);
    gw_jw_key(&w, "content_block");
    write_content_block(s, &w, event);
    end(&w);
    if (b->custom) { /* free text travels as {"input":"..."} */
        write_partial(b, GW_S("{\"input\":\""), out);
    }
}

static void write_block_stop(const out_block *b, gw_buf *out)
{
    if (b->custom) {
        write_partial(b, GW_S("\"}"), out);
    }
    gw_jw w = begin(out, "content_block_stop");
    gw_jw_key(&w, "index");
    gw_jw_int(&w, b->index);
    end(&w);
}

static void write_text_delta(const out_block *b, const gw_event *event, gw_buf *out)
{
    static const struct {
        const char *type, *name;
    } kinds[] = {[GW_BLOCK_TEXT] = {"text_delta", "text"},
                 [GW_BLOCK_REFUSAL] = {"text_delta", "text"},
                 [GW_BLOCK_THINKING] = {"thinking_delta", "thinking"},
                 [GW_BLOCK_TOOL_CALL] = {"input_json_delta", "partial_json"}};
    if (b->kind == GW_BLOCK_REDACTED_THINKING || b->kind == GW_BLOCK_NATIVE) {
        return; /* they are whole in their start */
    }
    if (b->custom) { /* the inside of a string is JSON text here: escape it once more */
        write_partial(b, event->delta.inner, out);
        return;
    }
    gw_jw w = begin_delta(out, b, kinds[b->kind].type);
    member(&w, kinds[b->kind].name, event->delta);
    end_delta(&w);
}

/* One citation or a list of them, each in an event of its own. */
static void write_citation_deltas(const out_block *b, gw_raw raw, gw_buf *out)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    gw_arena *arena = arena_for(raw);
    if (arena == NULL || gw_json_parse(arena, raw.json, &lenient, &doc, NULL) != AIGW_OK) {
        gw_arena_free(arena);
        return;
    }
    bool list = gw_json_typeof(&doc, 0) == GW_JSON_ARRAY;
    for (gw_json_ref r = list ? gw_json_first(&doc, 0) : 0; r != GW_JSON_ABSENT;
         r = list ? gw_json_next(&doc, r) : GW_JSON_ABSENT) {
        size_t before = gw_buf_len(out);
        gw_jw w = begin_delta(out, b, "citations_delta");
        gw_jw_key(&w, "citation");
        if (gw_anthropic_write_citation(&w, &doc, r, (gw_jstr){{NULL, 0}})) {
            end_delta(&w);
        } else {
            gw_buf_truncate(out, before);
        }
    }
    gw_arena_free(arena);
}

static void write_delta(const out_block *b, const gw_event *event, gw_buf *out)
{
    if (event->delta.inner.len > 0) {
        write_text_delta(b, event, out);
    }
    if (b->kind == GW_BLOCK_TEXT && gw_has_raw(event->raw)) {
        write_citation_deltas(b, event->raw, out);
    }
    if (b->kind == GW_BLOCK_THINKING && event->signature.inner.len > 0) {
        gw_jw w = begin_delta(out, b, "signature_delta");
        gw_jw_key(&w, "signature");
        gw_jw_slot(&w, AIGW_FORMAT_ANTHROPIC, event->origin, false, event->signature);
        end_delta(&w);
    }
}

static out_block *find_block(writer *s, uint32_t block)
{
    for (size_t i = s->count; i-- > 0;) {
        if (s->blocks[i].block == block && !s->blocks[i].stopped) {
            return &s->blocks[i];
        }
    }
    return NULL;
}

static gw_buf *buf_of(writer *s, out_block *b, gw_buf *out)
{
    return b == &s->blocks[0] ? out : &b->bytes;
}

static int grow(writer *s)
{
    if (s->count < s->cap) {
        return AIGW_OK;
    }
    if (s->cap >= MOST_WAITING) {
        return AIGW_E_LIMIT;
    }
    size_t cap = s->cap == 0 ? 4 : s->cap * 2;
    out_block *blocks = gw_realloc(s->blocks, cap * sizeof *blocks);
    if (blocks == NULL) {
        return AIGW_E_NOMEM;
    }
    s->blocks = blocks;
    s->cap = cap;
    return AIGW_OK;
}

static int open_block(writer *s, const gw_event *event, gw_buf *out)
{
    int rc = grow(s);
    if (rc != AIGW_OK) {
        return rc;
    }
    out_block *b = &s->blocks[s->count++];
    bool call = event->block_kind == GW_BLOCK_TOOL_CALL;
    *b = (out_block){.block = event->block,
                     .index = s->next_index++,
                     .kind = event->block_kind,
                     .custom = call && event->custom};
    gw_buf_init(&b->bytes, WAITING_BYTES);
    s->has_calls = s->has_calls || call;
    write_block_start(s, b, event, buf_of(s, b, out));
    return b->bytes.failed ? AIGW_E_LIMIT : AIGW_OK;
}

static int write_block_delta(writer *s, const gw_event *event, gw_buf *out)
{
    out_block *b = find_block(s, event->block);
    if (b == NULL) {
        return AIGW_OK; /* of a block that is not shown */
    }
    size_t before = gw_buf_len(&b->bytes);
    write_delta(b, event, buf_of(s, b, out));
    s->waiting_bytes += gw_buf_len(&b->bytes) - before;
    return b->bytes.failed || s->waiting_bytes > WAITING_BYTES ? AIGW_E_LIMIT : AIGW_OK;
}

/* The open block is closed: what waited behind it comes out, up to the first that is not complete. */
static void advance(writer *s, gw_buf *out)
{
    size_t gone = 0;
    while (gone < s->count && s->blocks[gone].stopped) {
        gw_buf_free(&s->blocks[gone].bytes);
        gone++;
        if (gone < s->count) {
            gw_buf *waiting = &s->blocks[gone].bytes;
            s->waiting_bytes -=
                gw_buf_len(waiting) <= s->waiting_bytes ? gw_buf_len(waiting) : s->waiting_bytes;
            gw_buf_add(out, gw_buf_slice(waiting));
            gw_buf_clear(waiting);
        }
    }
    if (gone > 0) {
        memmove(s->blocks, s->blocks + gone, (s->count - gone) * sizeof *s->blocks);
        s->count -= gone;
    }
}

static int stop_block(writer *s, out_block *b, gw_buf *out)
{
    if (b == NULL) {
        return AIGW_OK;
    }
    write_block_stop(b, buf_of(s, b, out));
    b->stopped = true;
    bool failed = b->bytes.failed;
    if (b == &s->blocks[0]) {
        advance(s, out);
    }
    return failed ? AIGW_E_LIMIT : AIGW_OK;
}

/* The signature of a text or a call, which have no place for it: a thinking block of its own. */
static int write_signature(writer *s, const gw_event *event, gw_buf *out)
{
    gw_event own = {
        .kind = GW_EV_BLOCK_START, .block = UINT32_MAX, .block_kind = GW_BLOCK_THINKING};
    int rc = open_block(s, &own, out);
    if (rc == AIGW_OK) {
        own.signature = event->signature;
        own.origin = event->origin;
        rc = write_block_delta(s, &own, out);
    }
    return rc == AIGW_OK ? stop_block(s, find_block(s, UINT32_MAX), out) : rc;
}

static bool has_foreign_signature(const gw_event *event)
{
    return event->signature.inner.len > 0 && (int)event->origin != 0 &&
           event->block_kind != GW_BLOCK_THINKING &&
           event->block_kind != GW_BLOCK_REDACTED_THINKING;
}

static int start_block(writer *s, const gw_event *event, gw_buf *out)
{
    if (event->block_kind == GW_BLOCK_NATIVE && !gw_anthropic_own_block(event->raw.json)) {
        return AIGW_OK; /* another vendor's */
    }
    int rc = has_foreign_signature(event) ? write_signature(s, event, out) : AIGW_OK;
    return rc == AIGW_OK ? open_block(s, event, out) : rc;
}

/* A signature that comes when its block is open already stands behind it. */
static int continue_block(writer *s, const gw_event *event, gw_buf *out)
{
    int rc = write_block_delta(s, event, out);
    return rc == AIGW_OK && has_foreign_signature(event) ? write_signature(s, event, out) : rc;
}

static int keep_finish(writer *s, const gw_event *event)
{
    s->has_finish = true;
    s->finish = event->finish;
    s->has_sequence = gw_has(event->stop_sequence);
    s->has_refusal = gw_has(event->refusal);
    s->sequence_len = event->stop_sequence.inner.len;
    s->refusal_len = event->refusal.inner.len;
    gw_buf_clear(&s->words);
    gw_buf_add(&s->words, event->stop_sequence.inner);
    gw_buf_add(&s->words, event->refusal.inner);
    return s->words.failed ? AIGW_E_NOMEM : AIGW_OK;
}

static gw_jstr kept(bool has, const char *at, size_t len)
{
    return has ? (gw_jstr){{len > 0 ? at : "", len}} : (gw_jstr){{NULL, 0}};
}

static int write_end(writer *s, gw_buf *out)
{
    while (s->count > 0) {
        int rc = stop_block(s, &s->blocks[0], out);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    if (s->usage.input_tokens < 0 && s->options.input_estimate > 0) {
        s->usage.input_tokens =
            s->options.input_estimate; /* the provider told nothing: what was said stays */
    }
    const char *words = gw_buf_slice(&s->words).data;
    gw_anthropic_stop stop = {.finish = s->has_finish ? s->finish : GW_FINISH_STOP,
                              .has_calls = s->has_calls};
    stop.stop_sequence = kept(s->has_sequence, words, s->sequence_len);
    stop.refusal =
        kept(s->has_refusal, s->refusal_len > 0 ? words + s->sequence_len : words, s->refusal_len);
    gw_jw w = begin(out, "message_delta");
    gw_jw_key(&w, "delta");
    gw_jw_object(&w);
    gw_anthropic_finish_write(&w, &stop);
    gw_jw_object_end(&w);
    gw_jw_key(&w, "usage");
    gw_anthropic_usage_write(&w, &s->usage, (gw_jstr){{NULL, 0}});
    end(&w);
    w = begin(out, "message_stop");
    end(&w);
    s->ended = true;
    return AIGW_OK;
}

static void write_error(writer *s, const gw_event *event, gw_buf *out)
{
    int status;
    gw_buf_puts(out, "event: error\ndata: ");
    gw_anthropic_write_error(&event->error, &s->options, out, &status);
    gw_buf_puts(out, "\n\n");
    s->ended = true;
}

static int write_any(writer *s, const gw_event *event, gw_buf *out)
{
    switch (event->kind) {
    case GW_EV_START:
        if (!s->started) {
            write_start(s, event, out);
        }
        return AIGW_OK;
    case GW_EV_BLOCK_START:
        return start_block(s, event, out);
    case GW_EV_DELTA:
        return continue_block(s, event, out);
    case GW_EV_BLOCK_STOP:
        return stop_block(s, find_block(s, event->block), out);
    case GW_EV_USAGE:
        gw_usage_merge(&s->usage, &event->usage);
        return AIGW_OK;
    case GW_EV_FINISH:
        return keep_finish(s, event);
    case GW_EV_PING:
        if (s->started) {
            gw_jw w = begin(out, "ping");
            end(&w);
        }
        return AIGW_OK;
    case GW_EV_END:
        return write_end(s, out);
    case GW_EV_ERROR:
        write_error(s, event, out);
        return AIGW_OK;
    }
    return AIGW_OK;
}

int gw_anthropic_writer_event(void *state, const gw_event *event, gw_buf *out)
{
    writer *s = state;
    if (s->ended || event->choice > 0) {
        return AIGW_OK; /* nothing follows an end; this API has one choice */
    }
    bool needs_start = event->kind != GW_EV_START && event->kind != GW_EV_ERROR &&
                       event->kind != GW_EV_PING && event->kind != GW_EV_USAGE;
    if (needs_start && !s->started) {
        gw_event start = {.kind = GW_EV_START};
        write_start(s, &start, out);
    }
    int rc = write_any(s, event, out);
    return rc == AIGW_OK && out->failed ? AIGW_E_LIMIT : rc;
}
