/* Whole OpenAI Responses answers as events: output items, status, usage, errors. */
/* Must not know streams, nor which format the other end speaks. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/openai_chat/openai_chat.h"

typedef struct output_reading {
    gw_arena *arena;
    const gw_json_doc *doc;
    const gw_event_sink *sink;
    uint32_t *block, *calls;
} output_reading;

/* BLOCK_START, a DELTA if there is anything to say, BLOCK_STOP. */
static int emit_block(const output_reading * or, gw_event *open, gw_event *delta)
{
    open->kind = GW_EV_BLOCK_START;
    open->block = * or->block;
    int rc = gw_emit(or->sink, open);
    if (rc == AIGW_OK && delta != NULL) {
        delta->kind = GW_EV_DELTA;
        delta->block = * or->block;
        delta->block_kind = open->block_kind;
        rc = gw_emit(or->sink, delta);
    }
    gw_event stop = {
        .kind = GW_EV_BLOCK_STOP, .block = * or->block, .block_kind = open->block_kind};
    if (rc == AIGW_OK)
        rc = gw_emit(or->sink, &stop);
    * or->block += 1;
    return rc;
}

static int read_text(const output_reading * or, gw_json_ref part)
{
    const gw_json_doc *doc = or->doc;
    gw_event open = {.block_kind = GW_BLOCK_TEXT}, delta = {0};
    gw_json_ref annotations = gw_json_get(doc, part, "annotations");
    if (gw_json_typeof(doc, annotations) == GW_JSON_ARRAY && gw_json_count(doc, annotations) > 0)
        delta.raw = gw_raw_of(doc, annotations);
    delta.delta = gw_jstr_of(doc, gw_json_get(doc, part, "text"));
    int rc =
        gw_or_logprobs_object(or->arena, doc, gw_json_get(doc, part, "logprobs"), &delta.logprobs);
    return rc != AIGW_OK ? rc : emit_block(or, &open, &delta);
}

static int read_message(const output_reading * or, gw_json_ref item)
{
    const gw_json_doc *doc = or->doc;
    gw_json_ref content = gw_json_get(doc, item, "content");
    int rc = AIGW_OK;
    if (gw_json_typeof(doc, content) != GW_JSON_ARRAY)
        return AIGW_OK;
    gw_json_ref part = gw_json_first(doc, content);
    for (; part != GW_JSON_ABSENT && rc == AIGW_OK; part = gw_json_next(doc, part)) {
        if (gw_json_typeof(doc, part) != GW_JSON_OBJECT)
            continue;
        gw_json_ref type = gw_json_get(doc, part, "type");
        if (gw_json_is(doc, type, "refusal")) {
            gw_event open = {.block_kind = GW_BLOCK_REFUSAL};
            gw_event delta = {.delta = gw_jstr_of(doc, gw_json_get(doc, part, "refusal"))};
            rc = emit_block(or, &open, &delta);
        } else if (gw_json_typeof(doc, gw_json_get(doc, part, "text")) == GW_JSON_STRING) {
            rc = read_text(or, part);
        }
    }
    return rc;
}

static int read_call(const output_reading * or, gw_json_ref item, bool custom)
{
    const gw_json_doc *doc = or->doc;
    gw_event open = {.block_kind = GW_BLOCK_TOOL_CALL, .custom = custom}, delta = {0};
    open.call_id = gw_jstr_of(doc, gw_json_get(doc, item, "call_id"));
    if (!gw_has(open.call_id))
        open.call_id = gw_jstr_of(doc, gw_json_get(doc, item, "id"));
    open.tool_name = gw_jstr_of(doc, gw_json_get(doc, item, "name"));
    delta.delta = gw_jstr_of(doc, gw_json_get(doc, item, custom ? "input" : "arguments"));
    * or->calls += 1;
    return emit_block(or, &open, delta.delta.inner.len > 0 ? &delta : NULL);
}

static int read_reasoning(const output_reading * or, gw_json_ref item)
{
    const gw_json_doc *doc = or->doc;
    gw_event open = {.block_kind = GW_BLOCK_THINKING, .origin = AIGW_FORMAT_OPENAI_RESPONSES};
    gw_event delta = {.origin = AIGW_FORMAT_OPENAI_RESPONSES};
    gw_jstr encrypted = gw_jstr_of(doc, gw_json_get(doc, item, "encrypted_content"));
    int rc = gw_or_reasoning_text(or->arena, doc, item, &delta.delta);
    if (rc != AIGW_OK)
        return rc;
    if (encrypted.inner.len > 0) {
        delta.signature = gw_or_pack_signature(
            or->arena, gw_jstr_of(doc, gw_json_get(doc, item, "id")), encrypted);
        if (!gw_has(delta.signature))
            return AIGW_E_NOMEM;
    }
    if (delta.delta.inner.len == 0 && !gw_has(delta.signature))
        return AIGW_OK; /* it was thought, but nothing of it was given */
    return emit_block(or, &open, &delta);
}

static int read_item(const output_reading * or, gw_json_ref item)
{
    const gw_json_doc *doc = or->doc;
    gw_json_ref type = gw_json_get(doc, item, "type");
    if (gw_json_is(doc, type, "message"))
        return read_message(or, item);
    if (gw_json_is(doc, type, "function_call"))
        return read_call(or, item, false);
    if (gw_json_is(doc, type, "custom_tool_call"))
        return read_call(or, item, true);
    if (gw_json_is(doc, type, "reasoning"))
        return read_reasoning(or, item);
    gw_event open = {.block_kind = GW_BLOCK_NATIVE,
                     .origin = AIGW_FORMAT_OPENAI_RESPONSES,
                     .raw = gw_raw_of(doc, item)};
    return emit_block(or, &open, NULL);
}

int gw_or_read_output(gw_arena *arena, const gw_json_doc *doc, gw_json_ref output,
                      const gw_event_sink *sink, uint32_t *block, uint32_t *calls)
{
    output_reading or = {arena, doc, sink, block, calls};
    int rc = AIGW_OK;
    gw_json_ref item = gw_json_first(doc, output);
    for (; item != GW_JSON_ABSENT && rc == AIGW_OK; item = gw_json_next(doc, item)) {
        if (gw_json_typeof(doc, item) == GW_JSON_OBJECT)
            rc = read_item(& or, item);
    }
    return rc;
}

int gw_or_emit_start(const gw_json_doc *doc, gw_json_ref response, const gw_event_sink *sink)
{
    gw_event ev = {.kind = GW_EV_START};
    double created = 0;
    ev.id = gw_jstr_of(doc, gw_json_get(doc, response, "id"));
    ev.model = gw_jstr_of(doc, gw_json_get(doc, response, "model"));
    ev.service_tier = gw_jstr_of(doc, gw_json_get(doc, response, "service_tier"));
    gw_json_ref at = gw_json_get(doc, response, "created_at");
    if (gw_json_typeof(doc, at) == GW_JSON_NUMBER && gw_json_f64(doc, at, &created) &&
        created > 0 && created < 1e12)
        ev.created = (int64_t)created;
    return gw_emit(sink, &ev);
}

void gw_or_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, gw_api_error *out)
{
    gw_oc_error_of(arena, doc, root, 0, out);
    if (gw_jstr_is(out->type, "error"))
        out->type = (gw_jstr){{NULL, 0}}; /* a flat error event: that is the event's type */
}

/* ERROR, and nothing after it. */
static int emit_error(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root,
                      const gw_event_sink *sink)
{
    gw_event ev = {.kind = GW_EV_ERROR};
    gw_or_error_of(arena, doc, root, &ev.error);
    int rc = gw_emit(sink, &ev);
    return rc == AIGW_OK ? AIGW_E_UPSTREAM : rc;
}

static void set_finish(const gw_json_doc *doc, gw_json_ref response, uint32_t calls, gw_event *ev)
{
    gw_jstr status = gw_jstr_of(doc, gw_json_get(doc, response, "status"));
    gw_json_ref details = gw_json_get(doc, response, "incomplete_details");
    gw_jstr reason = {{NULL, 0}};
    if (gw_json_typeof(doc, details) == GW_JSON_OBJECT)
        reason = gw_jstr_of(doc, gw_json_get(doc, details, "reason"));
    ev->finish = calls > 0 ? GW_FINISH_TOOL_CALLS : GW_FINISH_STOP;
    ev->native_finish = status;
    if (!gw_jstr_is(status, "incomplete"))
        return;
    if (gw_has(reason))
        ev->native_finish = reason;
    /* What was cut off must not look complete, whatever cut it. */
    ev->finish = gw_jstr_is(reason, "content_filter") ? GW_FINISH_CONTENT_FILTER : GW_FINISH_LENGTH;
}

int gw_or_emit_end(gw_arena *arena, const gw_json_doc *doc, gw_json_ref response,
                   const gw_event_sink *sink, uint32_t calls)
{
    gw_json_ref usage = gw_json_get(doc, response, "usage");
    gw_event ev = {.kind = GW_EV_USAGE};
    int rc = AIGW_OK;
    if (gw_or_read_usage(doc, usage, &ev.usage)) {
        ev.usage_raw = gw_raw_of(doc, usage);
        rc = gw_emit(sink, &ev);
    }
    if (rc != AIGW_OK)
        return rc;
    gw_json_ref status = gw_json_get(doc, response, "status");
    if (!gw_json_is_null(doc, gw_json_get(doc, response, "error")) ||
        gw_json_is(doc, status, "failed") || gw_json_is(doc, status, "cancelled"))
        return emit_error(arena, doc, response, sink);
    ev = (gw_event){.kind = GW_EV_FINISH};
    set_finish(doc, response, calls, &ev);
    rc = gw_emit(sink, &ev);
    ev = (gw_event){.kind = GW_EV_END};
    return rc == AIGW_OK ? gw_emit(sink, &ev) : rc;
}

int gw_or_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err)
{
    uint32_t block = 0, calls = 0;
    bool object = gw_json_typeof(doc, 0) == GW_JSON_OBJECT;
    gw_json_ref output = object ? gw_json_get(doc, 0, "output") : GW_JSON_ABSENT;
    gw_json_ref status = object ? gw_json_get(doc, 0, "status") : GW_JSON_ABSENT;
    bool failed =
        object && (!gw_json_is_null(doc, gw_json_get(doc, 0, "error")) ||
                   gw_json_is(doc, status, "failed") || gw_json_is(doc, status, "cancelled"));
    if (!failed && gw_json_typeof(doc, output) != GW_JSON_ARRAY)
        return gw_fail(err, AIGW_E_UPSTREAM, "no_answer", "the provider's document has no output");
    if (gw_json_is(doc, status, "queued") || gw_json_is(doc, status, "in_progress"))
        return gw_fail(err, AIGW_E_UPSTREAM, "no_answer", "the provider has not answered yet");
    int rc = AIGW_OK;
    if (!failed) {
        rc = gw_or_emit_start(doc, 0, sink);
        if (rc == AIGW_OK)
            rc = gw_or_read_output(arena, doc, output, sink, &block, &calls);
        return rc == AIGW_OK ? gw_or_emit_end(arena, doc, 0, sink, calls) : rc;
    }
    rc = emit_error(arena, doc, 0, sink);
    return rc == AIGW_E_UPSTREAM ? gw_fail(err, AIGW_E_UPSTREAM, "provider_error",
                                           "the provider answered with an error")
                                 : rc;
}
