/*
 * A whole Converse answer, read as events and written from a folded answer.
 * Knows nothing of streams.
 */
#include "chat/seal.h"
#include "wire/bedrock/bedrock.h"

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

/* A member of what may be an object. */
static gw_json_ref get(const answer_in *in, gw_json_ref object, const char *name)
{
    return gw_json_typeof(in->doc, object) == GW_JSON_OBJECT ? gw_json_get(in->doc, object, name)
                                                             : GW_JSON_ABSENT;
}

static gw_jstr string(const answer_in *in, gw_json_ref object, const char *name)
{
    return gw_jstr_of(in->doc, get(in, object, name));
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

static int read_text(answer_in *in, gw_json_ref block, gw_json_ref value)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_TEXT);
    gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_TEXT);
    (void)block;
    delta.delta = gw_jstr_of(in->doc, value);
    return emit_block(in, &start, &delta);
}

/* Text with its citations: one block, a delta for each piece. */
static int read_cited(answer_in *in, gw_json_ref block, gw_json_ref value)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_TEXT);
    gw_json_ref citations = get(in, value, "citations"), content = get(in, value, "content");
    (void)block;
    if (gw_json_typeof(in->doc, citations) == GW_JSON_ARRAY &&
        gw_json_count(in->doc, citations) > 0) {
        start.raw = gw_raw_of(in->doc, citations);
    }
    int rc = gw_emit(in->sink, &start);
    gw_json_ref r = gw_json_typeof(in->doc, content) == GW_JSON_ARRAY
                        ? gw_json_first(in->doc, content)
                        : GW_JSON_ABSENT;
    for (; rc == AIGW_OK && r != GW_JSON_ABSENT; r = gw_json_next(in->doc, r)) {
        gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_TEXT);
        delta.delta = string(in, r, "text");
        rc = delta.delta.inner.len > 0 ? gw_emit(in->sink, &delta) : AIGW_OK;
    }
    if (rc == AIGW_OK) {
        gw_event stop = event_of(in, GW_EV_BLOCK_STOP, GW_BLOCK_TEXT);
        rc = gw_emit(in->sink, &stop);
    }
    in->block++;
    return rc;
}

static int read_native(answer_in *in, gw_json_ref block, gw_json_ref value)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_NATIVE);
    gw_event none = event_of(in, GW_EV_DELTA, GW_BLOCK_NATIVE);
    (void)value;
    start.raw = gw_raw_of(in->doc, block);
    return emit_block(in, &start, &none);
}

static int read_tool_use(answer_in *in, gw_json_ref block, gw_json_ref value)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_TOOL_CALL);
    gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_TOOL_CALL);
    if (gw_json_is(in->doc, get(in, value, "type"), "server_tool_use")) {
        return read_native(in, block, value);
    }
    start.call_id = string(in, value, "toolUseId");
    start.tool_name = string(in, value, "name");
    if (!gw_has(start.tool_name)) {
        return broken(in, block, "a toolUse without a name");
    }
    gw_part part = {.kind = GW_PART_TOOL_CALL, .at = block};
    gw_json_ref input = get(in, value, "input");
    if (gw_json_typeof(in->doc, input) == GW_JSON_OBJECT) {
        part.args = gw_raw_of(in->doc, input);
    }
    int rc = gw_part_args_text(in->arena, &part, &delta.delta, in->err);
    return rc != AIGW_OK ? rc : emit_block(in, &start, &delta);
}

static int read_reasoning(answer_in *in, gw_json_ref block, gw_json_ref value)
{
    gw_event start = event_of(in, GW_EV_BLOCK_START, GW_BLOCK_THINKING);
    gw_event delta = event_of(in, GW_EV_DELTA, GW_BLOCK_THINKING);
    gw_jstr redacted = string(in, value, "redactedContent");
    gw_json_ref text = get(in, value, "reasoningText");
    (void)block;
    start.origin = delta.origin = GW_BEDROCK_ORIGIN;
    if (gw_has(redacted)) {
        start.block_kind = delta.block_kind = GW_BLOCK_REDACTED_THINKING;
        start.delta = redacted;
    } else {
        delta.delta = string(in, text, "text");
        delta.signature = string(in, text, "signature");
    }
    return emit_block(in, &start, &delta);
}

static int read_block(answer_in *in, gw_json_ref block)
{
    static const struct {
        const char *name;
        gw_json_type type;
        int (*read)(answer_in *in, gw_json_ref block, gw_json_ref value);
    } readers[] = {{"text", GW_JSON_STRING, read_text},
                   {"toolUse", GW_JSON_OBJECT, read_tool_use},
                   {"reasoningContent", GW_JSON_OBJECT, read_reasoning},
                   {"citationsContent", GW_JSON_OBJECT, read_cited}};
    if (gw_json_typeof(in->doc, block) != GW_JSON_OBJECT) {
        return broken(in, block, "a content block that is no object");
    }
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        gw_json_ref value = gw_json_get(in->doc, block, readers[i].name);
        if (gw_json_typeof(in->doc, value) == readers[i].type) {
            return readers[i].read(in, block, value);
        }
    }
    return read_native(in, block, GW_JSON_ABSENT);
}

static int emit_end(answer_in *in)
{
    gw_json_ref usage_ref = gw_json_get(in->doc, 0, "usage");
    gw_event usage = event_of(in, GW_EV_USAGE, GW_BLOCK_TEXT);
    usage.usage = gw_bedrock_usage_read(in->doc, usage_ref);
    usage.usage_raw = gw_raw_of(in->doc, usage_ref);
    int rc = gw_emit(in->sink, &usage);
    gw_event finish = event_of(in, GW_EV_FINISH, GW_BLOCK_TEXT);
    finish.block = 0;
    gw_bedrock_finish_read(in->doc, 0, &finish);
    if (rc == AIGW_OK) {
        rc = gw_emit(in->sink, &finish);
    }
    gw_event end = event_of(in, GW_EV_END, GW_BLOCK_TEXT);
    return rc == AIGW_OK ? gw_emit(in->sink, &end) : rc;
}

int gw_bedrock_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                           aigw_error *err)
{
    answer_in in = {arena, doc, sink, err, 0};
    gw_json_ref message = get(&in, get(&in, 0, "output"), "message");
    gw_json_ref content = get(&in, message, "content");
    if (gw_json_typeof(doc, content) != GW_JSON_ARRAY ||
        gw_json_typeof(doc, get(&in, 0, "stopReason")) != GW_JSON_STRING) {
        return broken(&in, 0, "the provider's body is not a Converse answer");
    }
    if (gw_json_count(doc, content) == 0 && gw_bedrock_malformed(doc, 0)) {
        return broken(&in, 0, "the model's output could not be read");
    }
    gw_event start = event_of(&in, GW_EV_START, GW_BLOCK_TEXT);
    start.service_tier = string(&in, get(&in, 0, "serviceTier"), "type");
    int rc = gw_emit(sink, &start);
    for (gw_json_ref r = gw_json_first(doc, content); rc == AIGW_OK && r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        rc = read_block(&in, r);
    }
    return rc == AIGW_OK ? emit_end(&in) : rc;
}

typedef struct answer_out {
    gw_arena *arena;
    const gw_answer_options *options;
    gw_jw w;
    bool cut_short;
    int64_t calls;
    aigw_error *err;
} answer_out;

/* Arguments that are no JSON object: cut short is understandable, anything else is the provider's fault. */
static int write_input(answer_out *o, const gw_block *block)
{
    gw_part part = {.kind = GW_PART_TOOL_CALL,
                    .at = GW_JSON_ABSENT,
                    .args_text = gw_has(block->text) ? block->text : gw_jstr_lit(""),
                    .custom = block->custom};
    aigw_slice args;
    int rc = gw_part_args_object(o->arena, NULL, &part, &args, o->err);
    if (rc == AIGW_E_PARSE && o->cut_short) {
        args = GW_S("{}");
    } else if (rc == AIGW_E_PARSE) {
        gw_fail(o->err, AIGW_E_UPSTREAM, "bad_arguments",
                "the provider called a tool with arguments that are no JSON object");
        if (o->err != NULL) {
            o->err->http_status = 502;
        }
        return AIGW_E_UPSTREAM;
    } else if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw_key(&o->w, "input");
    gw_jw_raw(&o->w, args);
    return AIGW_OK;
}

static void open_member(gw_jw *w, const char *name)
{
    gw_jw_object(w);
    gw_jw_key(w, name);
}

static void write_thought(gw_jw *w, gw_jstr text, gw_jstr signature, aigw_format origin)
{
    open_member(w, "reasoningContent");
    open_member(w, "reasoningText");
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_jstr(w, text);
    gw_bedrock_write_signature(w, signature, origin);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static int write_tool_use(answer_out *o, const gw_block *block)
{
    open_member(&o->w, "toolUse");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "toolUseId");
    gw_bedrock_write_id(&o->w, block->call_id, o->options->id_seed, o->calls++);
    gw_jw_key(&o->w, "name");
    gw_jw_jstr(&o->w, block->tool_name);
    int rc = write_input(o, block);
    gw_jw_object_end(&o->w);
    gw_jw_object_end(&o->w);
    return rc;
}

static void write_text(gw_jw *w, const gw_block *block)
{
    if (gw_has_raw(block->raw) && gw_bedrock_own_citation(block->raw.json)) {
        open_member(w, "citationsContent");
        open_member(w, "content");
        gw_jw_array(w);
        open_member(w, "text");
        gw_jw_jstr(w, block->text);
        gw_jw_object_end(w);
        gw_jw_array_end(w);
        gw_jw_key(w, "citations");
        gw_jw_raw(w, block->raw.json);
        gw_jw_object_end(w);
        gw_jw_object_end(w);
        return;
    }
    open_member(w, "text");
    gw_jw_jstr(w, block->text);
    gw_jw_object_end(w);
}

static int write_block(answer_out *o, const gw_block *block)
{
    gw_jw *w = &o->w;
    bool thought = block->kind == GW_BLOCK_THINKING;
    if (!thought && block->signature.inner.len > 0) { /* no slot of its own: before the block */
        write_thought(w, gw_jstr_lit(""), block->signature, block->origin);
    }
    switch (block->kind) {
    case GW_BLOCK_TEXT:
    case GW_BLOCK_REFUSAL:
        if (block->text.inner.len > 0) {
            write_text(w, block);
        }
        return AIGW_OK;
    case GW_BLOCK_THINKING:
        write_thought(w, block->text, block->signature, block->origin);
        return AIGW_OK;
    case GW_BLOCK_REDACTED_THINKING:
        open_member(w, "reasoningContent");
        gw_jw_object(w);
        gw_bedrock_write_redacted(w, block->text, block->origin);
        gw_jw_object_end(w);
        gw_jw_object_end(w);
        return AIGW_OK;
    case GW_BLOCK_TOOL_CALL:
        return write_tool_use(o, block);
    default:
        if (gw_bedrock_own_block(block->raw.json)) {
            gw_jw_raw(w, block->raw.json);
        }
        return AIGW_OK;
    }
}

int gw_bedrock_write_answer(gw_arena *arena, const gw_answer *answer,
                            const gw_answer_options *options, gw_buf *out, aigw_error *err)
{
    static const gw_choice nothing = {.finish = GW_FINISH_STOP};
    const gw_choice *choice = answer->choice_count > 0 ? &answer->choices[0] : &nothing;
    bool cut_short = choice->finish == GW_FINISH_LENGTH || choice->finish == GW_FINISH_CONTEXT;
    answer_out o = {arena, options, gw_jw_on(out), cut_short, 0, err};
    open_member(&o.w, "output");
    open_member(&o.w, "message");
    gw_jw_object(&o.w);
    gw_jw_key(&o.w, "role");
    gw_jw_str(&o.w, "assistant");
    gw_jw_key(&o.w, "content");
    gw_jw_array(&o.w);
    for (size_t i = 0; i < choice->block_count; i++) {
        int rc = write_block(&o, &choice->blocks[i]);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw_array_end(&o.w);
    gw_jw_object_end(&o.w);
    gw_jw_object_end(&o.w);
    gw_jw_key(&o.w, "stopReason");
    gw_jw_str(&o.w, gw_bedrock_stop_word(choice->finish, o.calls > 0));
    gw_jw_key(&o.w, "usage");
    gw_bedrock_usage_write(&o.w, &answer->usage);
    gw_jw_key(&o.w, "metrics"); /* required; how long it took is known to nobody here */
    gw_jw_raw(&o.w, GW_S("{\"latencyMs\":0}"));
    gw_bedrock_write_tier(&o.w, answer->service_tier);
    gw_jw_object_end(&o.w);
    return out->failed ? gw_fail(err, AIGW_E_LIMIT, "too_large", "the answer outgrew its buffer")
                       : AIGW_OK;
}
