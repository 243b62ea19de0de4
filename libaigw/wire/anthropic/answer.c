/*
 * A whole Messages answer, read as events and written from a folded answer.
 * Knows nothing of streams.
 */
#include "wire/anthropic/anthropic.h"

typedef struct answer_in {
    gw_arena *arena;
    const gw_json_doc *doc;
    const gw_event_sink *sink;
    aigw_error *err;
    uint32_t block;
} answer_in;

static int broken(const answer_in *in, gw_json_ref at, const char *what)
{
    gw_json_fail(in->err, in->doc, at, AIGW_E_UPSTREAM, "bad_answer", "%s", what);
    if (in->err != NULL) {
        in->err->http_status = 502;
    }
    return AIGW_E_UPSTREAM;
}

static gw_event event_of(const answer_in *in, gw_event_kind kind, gw_block_kind block_kind)
{
    return (gw_event){
        .kind = kind, .block = in->block, .block_kind = block_kind, .usage = gw_usage_unknown()};
}

/* BLOCK_START as given, one DELTA if it has anything, BLOCK_STOP. */
static int emit_block(answer_in *in, const gw_event *start, const gw_event *delta)
{
    int rc = gw_emit(in->sink, start);
    if (rc == AIGW_OK && (delta->delta.inner.len > 0 || delta->signature.inner.len > 0)) {
        rc = gw_emit(in->sink, delta);
    }
    if (rc == AIGW_OK) {
        gw_event stop = event_of(in, GW_EV_BLOCK_STOP, start->block_kind);
        rc = gw_emit(in->sink, &stop);
    }
    in->block++;
    return rc;
}

static int read_tool_use(answer_in *in, gw_json_ref block)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_TOOL_CALL);
    gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_TOOL_CALL);
    start.call_id = gw_jstr_of(in->doc, gw_json_get(in->doc, block, "id"));
    start.tool_name = gw_jstr_of(in->doc, gw_json_get(in->doc, block, "name"));
    if (!gw_has(start.tool_name)) {
        return broken(in, block, "a tool_use without a name");
    }
    gw_part part = {.kind = GW_PART_TOOL_CALL, .at = block};
    gw_json_ref input = gw_json_get(in->doc, block, "input");
    if (gw_json_typeof(in->doc, input) == GW_JSON_OBJECT) {
        part.args = gw_raw_of(in->doc, input);
    }
    int rc = gw_part_args_text(in->arena, &part, &delta.delta, in->err);
    return rc != AIGW_OK ? rc : emit_block(in, &start, &delta);
}

static int read_block(answer_in *in, gw_json_ref block)
{
    const gw_json_doc *doc = in->doc;
    gw_json_ref type = gw_json_get(doc, block, "type");
    if (gw_json_typeof(doc, block) != GW_JSON_OBJECT ||
        gw_json_typeof(doc, type) != GW_JSON_STRING) {
        return broken(in, block, "a content block without a type");
    }
    if (gw_json_is(doc, type, "tool_use")) {
        return read_tool_use(in, block);
    }
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_TEXT);
    gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_TEXT);
    if (gw_json_is(doc, type, "text")) {
        gw_json_ref citations = gw_json_get(doc, block, "citations");
        if (gw_json_typeof(doc, citations) == GW_JSON_ARRAY && gw_json_count(doc, citations) > 0) {
            start.raw = gw_raw_of(doc, citations);
        }
        delta.delta = gw_jstr_of(doc, gw_json_get(doc, block, "text"));
    } else if (gw_json_is(doc, type, "thinking")) {
        start.block_kind = delta.block_kind = GW_BLOCK_THINKING;
        gw_jstr slot = gw_jstr_of(doc, gw_json_get(doc, block, "signature"));
        gw_sealed sealed = gw_seal_open(in->arena, slot, AIGW_FORMAT_ANTHROPIC, false);
        start.origin = delta.origin = sealed.origin;
        delta.delta = gw_jstr_of(doc, gw_json_get(doc, block, "thinking"));
        delta.signature = sealed.text;
    } else if (gw_json_is(doc, type, "redacted_thinking")) {
        start.block_kind = delta.block_kind = GW_BLOCK_REDACTED_THINKING;
        gw_jstr slot = gw_jstr_of(doc, gw_json_get(doc, block, "data"));
        gw_sealed sealed = gw_seal_open(in->arena, slot, AIGW_FORMAT_ANTHROPIC, true);
        start.origin = sealed.origin;
        start.delta = sealed.text;
    } else {
        start.block_kind = delta.block_kind = GW_BLOCK_NATIVE;
        start.raw = gw_raw_of(doc, block);
    }
    return emit_block(in, &start, &delta);
}

static int emit_end(answer_in *in)
{
    const gw_json_doc *doc = in->doc;
    gw_event usage = event_of(in, GW_EV_USAGE, GW_BLOCK_TEXT);
    gw_anthropic_usage counts;
    gw_anthropic_usage_init(&counts);
    gw_json_ref ref = gw_json_get(doc, 0, "usage");
    gw_anthropic_usage_read(&counts, doc, ref);
    usage.usage = gw_anthropic_usage_neutral(&counts);
    usage.usage_raw = gw_raw_of(doc, ref);
    int rc = gw_emit(in->sink, &usage);
    gw_event finish = event_of(in, GW_EV_FINISH, GW_BLOCK_TEXT);
    finish.block = 0;
    gw_anthropic_finish_read(doc, 0, &finish);
    if (rc == AIGW_OK) {
        rc = gw_emit(in->sink, &finish);
    }
    gw_event end = event_of(in, GW_EV_END, GW_BLOCK_TEXT);
    return rc == AIGW_OK ? gw_emit(in->sink, &end) : rc;
}

int gw_anthropic_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                             aigw_error *err)
{
    answer_in in = {arena, doc, sink, err, 0};
    gw_json_ref content = gw_json_get(doc, 0, "content");
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT || gw_json_typeof(doc, content) != GW_JSON_ARRAY ||
        !gw_json_is(doc, gw_json_get(doc, 0, "type"), "message")) {
        return broken(&in, 0, "the provider's body is not a message");
    }
    gw_event start = event_of(&in, GW_EV_START, GW_BLOCK_TEXT);
    start.id = gw_jstr_of(doc, gw_json_get(doc, 0, "id"));
    start.model = gw_jstr_of(doc, gw_json_get(doc, 0, "model"));
    gw_json_ref usage = gw_json_get(doc, 0, "usage");
    if (gw_json_typeof(doc, usage) == GW_JSON_OBJECT) {
        start.service_tier = gw_jstr_of(doc, gw_json_get(doc, usage, "service_tier"));
    }
    int rc = gw_emit(sink, &start);
    for (gw_json_ref r = gw_json_first(doc, content); rc == AIGW_OK && r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        rc = read_block(&in, r);
    }
    return rc == AIGW_OK ? emit_end(&in) : rc;
}

/* Arguments that are no JSON object: cut short is understandable, anything else is the provider's fault. */
static int write_input(gw_arena *arena, const gw_block *block, bool cut_short, gw_jw *w,
                       aigw_error *err)
{
    gw_part part = {.kind = GW_PART_TOOL_CALL,
                    .at = GW_JSON_ABSENT,
                    .args_text = block->text,
                    .custom = block->custom};
    if (!gw_has(part.args_text)) {
        part.args_text = gw_jstr_lit("");
    }
    aigw_slice args;
    int rc = gw_part_args_object(arena, NULL, &part, &args, err);
    if (rc == AIGW_E_PARSE && cut_short) {
        args = GW_S("{}");
    } else if (rc == AIGW_E_PARSE) {
        gw_fail(err, AIGW_E_UPSTREAM, "bad_arguments",
                "the provider called a tool with arguments that are no JSON object");
        if (err != NULL) {
            err->http_status = 502;
        }
        return AIGW_E_UPSTREAM;
    } else if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw_key(w, "input");
    gw_jw_raw(w, args);
    return AIGW_OK;
}

static void open_block(gw_jw *w, const char *type, const char *name, gw_jstr value)
{
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, type);
    gw_jw_key(w, name);
    gw_jw_jstr(w, value);
}

typedef struct answer_out {
    gw_arena *arena;
    const gw_answer_options *options;
    gw_jw w;
    bool cut_short;
    int64_t calls;
    aigw_error *err;
} answer_out;

/* A text or a call has no place for a signature: it travels in a thinking block before it. */
static void write_signature(gw_jw *w, const gw_block *block)
{
    if (block->signature.inner.len == 0 || (int)block->origin == 0) {
        return;
    }
    open_block(w, "thinking", "thinking", gw_jstr_lit(""));
    gw_jw_key(w, "signature");
    gw_jw_seal(w, block->origin, false, block->signature);
    gw_jw_object_end(w);
}

static int write_block(answer_out *o, const gw_block *block)
{
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    switch (block->kind) {
    case GW_BLOCK_TEXT:
    case GW_BLOCK_REFUSAL:
        write_signature(w, block);
        if (block->text.inner.len == 0) {
            return AIGW_OK;
        }
        open_block(w, "text", "text", block->text);
        gw_anthropic_write_citations(o->arena, w, block->raw, block->text);
        break;
    case GW_BLOCK_THINKING:
        open_block(w, "thinking", "thinking", block->text);
        gw_jw_key(w, "signature");
        gw_jw_slot(w, AIGW_FORMAT_ANTHROPIC, block->origin, false, block->signature);
        break;
    case GW_BLOCK_REDACTED_THINKING:
        gw_jw_object(w);
        gw_jw_key(w, "type");
        gw_jw_str(w, "redacted_thinking");
        gw_jw_key(w, "data");
        gw_jw_slot(w, AIGW_FORMAT_ANTHROPIC, block->origin, true, block->text);
        break;
    case GW_BLOCK_TOOL_CALL:
        write_signature(w, block);
        gw_jw_object(w);
        gw_jw_key(w, "type");
        gw_jw_str(w, "tool_use");
        gw_jw_key(w, "id");
        gw_anthropic_write_id(w, block->call_id, "toolu_", o->options->id_seed, o->calls++);
        gw_jw_key(w, "name");
        gw_jw_jstr(w, block->tool_name);
        rc = write_input(o->arena, block, o->cut_short, w, o->err);
        break;
    default:
        if (gw_anthropic_own_block(block->raw.json)) {
            gw_jw_raw(w, block->raw.json);
        }
        return AIGW_OK;
    }
    gw_jw_object_end(w);
    return rc;
}

int gw_anthropic_write_answer(gw_arena *arena, const gw_answer *answer,
                              const gw_answer_options *options, gw_buf *out, aigw_error *err)
{
    static const gw_choice nothing = {.finish = GW_FINISH_STOP};
    const gw_choice *choice = answer->choice_count > 0 ? &answer->choices[0] : &nothing;
    bool cut_short = choice->finish == GW_FINISH_LENGTH || choice->finish == GW_FINISH_CONTEXT;
    answer_out o = {arena, options, gw_jw_on(out), cut_short, 0, err};
    gw_jw_object(&o.w);
    gw_jw_key(&o.w, "id");
    gw_anthropic_write_id(&o.w, answer->id, "msg_", options->id_seed, -1);
    gw_jw_key(&o.w, "type");
    gw_jw_str(&o.w, "message");
    gw_jw_key(&o.w, "role");
    gw_jw_str(&o.w, "assistant");
    gw_jw_key(&o.w, "model");
    gw_jw_jstr(&o.w, answer->model);
    gw_jw_key(&o.w, "content");
    gw_jw_array(&o.w);
    for (size_t i = 0; i < choice->block_count; i++) {
        int rc = write_block(&o, &choice->blocks[i]);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw_array_end(&o.w);
    gw_anthropic_stop stop = {choice->finish, choice->stop_sequence, choice->refusal, o.calls > 0};
    gw_anthropic_finish_write(&o.w, &stop);
    gw_jw_key(&o.w, "usage");
    gw_anthropic_usage_write(&o.w, &answer->usage, answer->service_tier);
    gw_jw_object_end(&o.w);
    return out->failed ? gw_fail(err, AIGW_E_LIMIT, "too_large", "the answer outgrew its buffer")
                       : AIGW_OK;
}
