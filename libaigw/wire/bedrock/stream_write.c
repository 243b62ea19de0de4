/*
 * Neutral events as ConverseStream frames: messageStart once, one open block at a time with dense indexes,
 * messageStop and metadata at the end. Knows no provider.
 */
#include "proto/eventstream.h"
#include "wire/bedrock/stream.h"

enum { MOST_WAITING = 256, WAITING_BYTES = 16 * 1024 * 1024 };

/* A block that the client sees, or will see when those before it are closed. */
typedef struct out_block {
    uint32_t block; /* of the events */
    uint32_t index; /* of the client */
    gw_block_kind kind;
    bool custom, said, stopped;
    gw_buf bytes; /* what waits; the open block writes straight through */
} out_block;

typedef struct writer {
    gw_answer_options options;
    bool started, ended, has_calls, has_finish;
    uint32_t next_index;
    int64_t calls;
    out_block *blocks; /* [0] is open, the rest waits */
    size_t count, cap;
    size_t waiting_bytes;
    aigw_usage usage;
    gw_finish finish;
    gw_buf payload; /* of one frame */
    char tier[16];
} writer;

_Static_assert(sizeof(writer) <= GW_BEDROCK_WRITER_BYTES, "the table tells the size");

int gw_bedrock_writer_init(void *state, const gw_answer_options *options)
{
    writer *w = state;
    w->options = *options;
    w->usage = gw_usage_unknown();
    gw_buf_init(&w->payload, 2 * (size_t)WAITING_BYTES);
    return AIGW_OK;
}

void gw_bedrock_writer_free(void *state)
{
    writer *w = state;
    for (size_t i = 0; i < w->count; i++) {
        gw_buf_free(&w->blocks[i].bytes);
    }
    gw_free(w->blocks);
    gw_buf_free(&w->payload);
    w->blocks = NULL;
    w->count = w->cap = 0;
}

static gw_jw begin(writer *s)
{
    gw_buf_clear(&s->payload);
    gw_jw w = gw_jw_on(&s->payload);
    gw_jw_object(&w);
    return w;
}

static gw_frame_header header(const char *name, aigw_slice value)
{
    return (gw_frame_header){
        .name = aigw_slice_of(name), .type = GW_FRAME_STRING, .value = value, .number = 0};
}

/* The payload as a frame. `kind` is "event" or "exception". */
static void end_frame(writer *s, gw_jw *w, const char *kind, const char *type, gw_buf *out)
{
    bool event = kind[1] == 'v';
    gw_jw_object_end(w);
    const gw_frame_header headers[] = {
        header(event ? ":event-type" : ":exception-type", aigw_slice_of(type)),
        header(":content-type", GW_S("application/json")),
        header(":message-type", aigw_slice_of(kind))};
    if (s->payload.failed ||
        gw_eventstream_write(out, headers, 3, gw_buf_slice(&s->payload)) != AIGW_OK) {
        out->failed = true;
    }
}

static void end_event(writer *s, gw_jw *w, const char *type, gw_buf *out)
{
    end_frame(s, w, "event", type, out);
}

static void write_start(writer *s, const gw_event *event, gw_buf *out)
{
    aigw_slice tier = event->service_tier.inner;
    s->started = true;
    if (tier.len < sizeof s->tier && tier.len > 0) {
        memcpy(s->tier, tier.data, tier.len);
    }
    gw_jw w = begin(s);
    gw_jw_key(&w, "role");
    gw_jw_str(&w, "assistant");
    end_event(s, &w, "messageStart", out);
}

static gw_jw begin_delta(writer *s, const char *name)
{
    gw_jw w = begin(s);
    gw_jw_key(&w, "delta");
    gw_jw_object(&w);
    gw_jw_key(&w, name);
    return w;
}

static void end_delta(writer *s, gw_jw *w, uint32_t index, gw_buf *out)
{
    gw_jw_object_end(w);
    gw_jw_key(w, "contentBlockIndex");
    gw_jw_int(w, index);
    end_event(s, w, "contentBlockDelta", out);
}

static void write_stop(writer *s, uint32_t index, gw_buf *out)
{
    gw_jw w = begin(s);
    gw_jw_key(&w, "contentBlockIndex");
    gw_jw_int(&w, index);
    end_event(s, &w, "contentBlockStop", out);
}

static void write_tool_start(writer *s, const out_block *b, const gw_event *event, gw_buf *out)
{
    gw_jw w = begin(s);
    gw_jw_key(&w, "start");
    gw_jw_object(&w);
    gw_jw_key(&w, "toolUse");
    gw_jw_object(&w);
    gw_jw_key(&w, "toolUseId");
    gw_bedrock_write_id(&w, event->call_id, s->options.id_seed, s->calls++);
    gw_jw_key(&w, "name");
    gw_jw_jstr(&w, event->tool_name);
    gw_jw_object_end(&w);
    gw_jw_object_end(&w);
    gw_jw_key(&w, "contentBlockIndex");
    gw_jw_int(&w, b->index);
    end_event(s, &w, "contentBlockStart", out);
}

static void write_input(writer *s, const out_block *b, gw_jstr json_text, gw_buf *out)
{
    gw_jw w = begin_delta(s, "toolUse");
    gw_jw_object(&w);
    gw_jw_key(&w, "input");
    gw_jw_jstr(&w, json_text);
    gw_jw_object_end(&w);
    end_delta(s, &w, b->index, out);
}

/* The inside of a string becomes JSON text within JSON text: escaped once more. */
static void write_custom_input(writer *s, const out_block *b, gw_jstr text, gw_buf *out)
{
    gw_jw w = begin_delta(s, "toolUse");
    gw_jw_object(&w);
    gw_jw_key(&w, "input");
    gw_jw_text(&w, text.inner);
    gw_jw_object_end(&w);
    end_delta(s, &w, b->index, out);
}

static void write_signature(writer *s, uint32_t index, const gw_event *event, gw_buf *out)
{
    gw_jw w = begin_delta(s, "reasoningContent");
    gw_jw_object(&w);
    gw_bedrock_write_signature(&w, event->signature, event->origin);
    gw_jw_object_end(&w);
    end_delta(s, &w, index, out);
}

static void write_redacted(writer *s, uint32_t index, const gw_event *event, gw_buf *out)
{
    gw_jw w = begin_delta(s, "reasoningContent");
    gw_jw_object(&w);
    gw_bedrock_write_redacted(&w, event->delta, event->origin);
    gw_jw_object_end(&w);
    end_delta(s, &w, index, out);
}

/* A call, result or image of this API, whole: its start, what it holds, as a reader takes it apart. */
static void write_native(writer *s, out_block *b, const gw_event *event, gw_buf *out)
{
    static const char *const names[][2] = {
        {"toolUse", "input"}, {"toolResult", "content"}, {"image", "source"}};
    static const gw_json_limits lenient = {.lone_surrogates = true};
    enum { TAPE_PER_BYTE = 48, AT_LEAST = 64 * 1024 };
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(event->raw.json.len * TAPE_PER_BYTE + AT_LEAST);
    int rc =
        arena == NULL ? AIGW_E_NOMEM : gw_json_parse(arena, event->raw.json, &lenient, &doc, NULL);
    if (rc != AIGW_OK) {
        out->failed = out->failed || rc == AIGW_E_NOMEM;
        gw_arena_free(arena);
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        gw_json_ref block = gw_json_get(&doc, 0, names[i][0]);
        if (gw_json_typeof(&doc, block) != GW_JSON_OBJECT) {
            continue;
        }
        gw_jw w = begin(s);
        gw_jw_key(&w, "start");
        gw_jw_object(&w);
        gw_jw_key(&w, names[i][0]);
        gw_jw_object(&w);
        for (gw_json_ref key = gw_json_first(&doc, block); key != GW_JSON_ABSENT;
             key = gw_json_next(&doc, key)) {
            if (!gw_json_key_is(&doc, key, names[i][1])) {
                gw_jw_key_inner(&w, gw_json_inner(&doc, key));
                gw_jw_raw(&w, gw_json_raw(&doc, gw_json_value(&doc, key)));
            }
        }
        gw_jw_object_end(&w);
        gw_jw_object_end(&w);
        gw_jw_key(&w, "contentBlockIndex");
        gw_jw_int(&w, b->index);
        end_event(s, &w, "contentBlockStart", out);
        gw_json_ref held = gw_json_get(&doc, block, names[i][1]);
        if (held == GW_JSON_ABSENT) {
            continue;
        }
        w = begin_delta(s, names[i][0]);
        if (i == 1) {
            gw_jw_raw(&w, gw_json_raw(&doc, held));
        } else {
            gw_jw_object(&w);
            gw_jw_key(&w, names[i][1]);
            if (i == 0) { /* text of JSON */
                gw_jw_text(&w, gw_json_raw(&doc, held));
            } else {
                gw_jw_raw(&w, gw_json_raw(&doc, held));
            }
            gw_jw_object_end(&w);
        }
        end_delta(s, &w, b->index, out);
    }
    gw_arena_free(arena);
}

static void write_block_start(writer *s, out_block *b, const gw_event *event, gw_buf *out)
{
    const gw_jstr custom_head = {GW_S("{\"input\":\"")};
    switch (b->kind) {
    case GW_BLOCK_TOOL_CALL:
        write_tool_start(s, b, event, out);
        if (b->custom) { /* free text travels as {"input":"..."} */
            write_custom_input(s, b, custom_head, out);
        }
        break;
    case GW_BLOCK_REDACTED_THINKING:
        write_redacted(s, b->index, event, out);
        b->said = true;
        break;
    case GW_BLOCK_NATIVE:
        write_native(s, b, event, out);
        b->said = true;
        break;
    default: /* text and thinking have no start */
        break;
    }
}

static void write_citations(writer *s, out_block *b, aigw_slice raw, gw_buf *out)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    enum { TAPE_PER_BYTE = 48, AT_LEAST = 64 * 1024 };
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(raw.len * TAPE_PER_BYTE + AT_LEAST);
    int rc = arena == NULL ? AIGW_E_NOMEM : gw_json_parse(arena, raw, &lenient, &doc, NULL);
    out->failed = out->failed || rc == AIGW_E_NOMEM;
    if (rc == AIGW_OK) {
        bool list = gw_json_typeof(&doc, 0) == GW_JSON_ARRAY;
        for (gw_json_ref r = list ? gw_json_first(&doc, 0) : 0; r != GW_JSON_ABSENT;
             r = list ? gw_json_next(&doc, r) : GW_JSON_ABSENT) {
            gw_jw w = begin_delta(s, "citation");
            gw_jw_raw(&w, gw_json_raw(&doc, r));
            end_delta(s, &w, b->index, out);
            b->said = true;
        }
    }
    gw_arena_free(arena);
}

static void write_delta(writer *s, out_block *b, const gw_event *event, gw_buf *out)
{
    bool text = b->kind == GW_BLOCK_TEXT || b->kind == GW_BLOCK_REFUSAL;
    bool empty = event->delta.inner.len == 0;
    if (b->kind == GW_BLOCK_TOOL_CALL && b->custom) {
        write_custom_input(s, b, event->delta, out);
    } else if (b->kind == GW_BLOCK_TOOL_CALL && !empty) {
        write_input(s, b, event->delta, out);
    } else if (text && !empty) {
        gw_jw w = begin_delta(s, "text");
        gw_jw_jstr(&w, event->delta);
        end_delta(s, &w, b->index, out);
    } else if (b->kind == GW_BLOCK_THINKING && !empty) {
        gw_jw w = begin_delta(s, "reasoningContent");
        gw_jw_object(&w);
        gw_jw_key(&w, "text");
        gw_jw_jstr(&w, event->delta);
        gw_jw_object_end(&w);
        end_delta(s, &w, b->index, out);
    }
    b->said = b->said || !empty;
    if (b->kind == GW_BLOCK_THINKING && event->signature.inner.len > 0) {
        write_signature(s, b->index, event, out);
        b->said = true;
    }
    if (text && gw_has_raw(event->raw) && gw_bedrock_own_citation(event->raw.json)) {
        write_citations(s, b, event->raw.json, out);
    }
}

static void write_block_stop(writer *s, out_block *b, gw_buf *out)
{
    const gw_jstr custom_tail = {GW_S("\"}")};
    if (b->custom) {
        write_custom_input(s, b, custom_tail, out);
    } else if (!b->said && b->kind != GW_BLOCK_TOOL_CALL) { /* a stop alone would have no block */
        gw_jw w = begin_delta(s, b->kind == GW_BLOCK_THINKING ? "reasoningContent" : "text");
        gw_jw_raw(&w, b->kind == GW_BLOCK_THINKING ? GW_S("{\"text\":\"\"}") : GW_S("\"\""));
        end_delta(s, &w, b->index, out);
    }
    write_stop(s, b->index, out);
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

static int start_block(writer *s, const gw_event *event, gw_buf *out)
{
    if (event->block_kind == GW_BLOCK_NATIVE && !gw_bedrock_own_block(event->raw.json)) {
        return AIGW_OK; /* another vendor's */
    }
    int rc = grow(s);
    if (rc != AIGW_OK) {
        return rc;
    }
    out_block *b = &s->blocks[s->count++];
    bool call = event->block_kind == GW_BLOCK_TOOL_CALL;
    *b = (out_block){
        .block = event->block, .kind = event->block_kind, .custom = call && event->custom};
    gw_buf_init(&b->bytes, WAITING_BYTES);
    s->has_calls = s->has_calls || call;
    gw_buf *to = buf_of(s, b, out);
    if (event->block_kind != GW_BLOCK_THINKING && event->signature.inner.len > 0) {
        write_signature(s, s->next_index, event, to); /* no slot of its own: before the block */
        write_stop(s, s->next_index++, to);
    }
    b->index = s->next_index++;
    write_block_start(s, b, event, to);
    if (event->block_kind == GW_BLOCK_TEXT && gw_has_raw(event->raw) &&
        gw_bedrock_own_citation(event->raw.json)) {
        write_citations(s, b, event->raw.json, to);
    }
    return b->bytes.failed ? AIGW_E_LIMIT : AIGW_OK;
}

static int write_block_delta(writer *s, const gw_event *event, gw_buf *out)
{
    out_block *b = find_block(s, event->block);
    if (b == NULL) {
        return AIGW_OK; /* of a block that is not shown */
    }
    size_t before = gw_buf_len(&b->bytes);
    write_delta(s, b, event, buf_of(s, b, out));
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
            size_t len = gw_buf_len(waiting);
            s->waiting_bytes -= len <= s->waiting_bytes ? len : s->waiting_bytes;
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
    write_block_stop(s, b, buf_of(s, b, out));
    b->stopped = true;
    bool failed = b->bytes.failed;
    if (b == &s->blocks[0]) {
        advance(s, out);
    }
    return failed ? AIGW_E_LIMIT : AIGW_OK;
}

static int write_end(writer *s, gw_buf *out)
{
    while (s->count > 0) {
        int rc = stop_block(s, &s->blocks[0], out);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw w = begin(s);
    gw_jw_key(&w, "stopReason");
    gw_jw_str(&w, gw_bedrock_stop_word(s->has_finish ? s->finish : GW_FINISH_STOP, s->has_calls));
    end_event(s, &w, "messageStop", out);
    w = begin(s);
    gw_jw_key(&w, "usage");
    gw_bedrock_usage_write(&w, &s->usage);
    gw_jw_key(&w, "metrics"); /* required; how long it took is known to nobody here */
    gw_jw_raw(&w, GW_S("{\"latencyMs\":0}"));
    gw_bedrock_write_tier(&w, gw_jstr_lit(s->tier));
    end_event(s, &w, "metadata", out);
    s->ended = true;
    return AIGW_OK;
}

/* In a stream only these have a name. */
static const char *stream_exception(gw_api_error_kind kind)
{
    switch (kind) {
    case GW_ERR_RATE_LIMIT:
    case GW_ERR_QUOTA:
        return "throttlingException";
    case GW_ERR_INVALID_REQUEST:
    case GW_ERR_AUTHENTICATION:
    case GW_ERR_PERMISSION:
    case GW_ERR_NOT_FOUND:
    case GW_ERR_CONFLICT:
    case GW_ERR_TOO_LARGE:
        return "validationException";
    case GW_ERR_OVERLOADED:
    case GW_ERR_UNAVAILABLE:
        return "serviceUnavailableException";
    case GW_ERR_UPSTREAM:
    case GW_ERR_TIMEOUT:
        return "modelStreamErrorException";
    default:
        return "internalServerException";
    }
}

static void write_error(writer *s, const gw_event *event, gw_buf *out)
{
    gw_jw w = begin(s);
    gw_jw_key(&w, "message");
    if (gw_has(event->error.message)) {
        gw_jw_jstr(&w, event->error.message);
    } else {
        gw_jw_str(&w, "Something went wrong.");
    }
    end_frame(s, &w, "exception", stream_exception(event->error.kind), out);
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
        return write_block_delta(s, event, out);
    case GW_EV_BLOCK_STOP:
        return stop_block(s, find_block(s, event->block), out);
    case GW_EV_USAGE:
        gw_usage_merge(&s->usage, &event->usage);
        return AIGW_OK;
    case GW_EV_FINISH:
        s->has_finish = true;
        s->finish = event->finish;
        return AIGW_OK;
    case GW_EV_PING: /* this API has none */
        return AIGW_OK;
    case GW_EV_END:
        return write_end(s, out);
    case GW_EV_ERROR:
        write_error(s, event, out);
        return AIGW_OK;
    }
    return AIGW_OK;
}

int gw_bedrock_writer_event(void *state, const gw_event *event, gw_buf *out)
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
