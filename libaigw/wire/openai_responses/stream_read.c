/* OpenAI Responses event streams as neutral events: the frames, the lifecycle, the end. */
/* Must not know what the other end speaks; items are read in openai_responses_stream_items.c. */
#include "wire/openai_responses/stream_items.h"

#include "base/error.h"
#include "base/text.h"

typedef int read_event(gw_or_event *ev);

int gw_or_stream_broken(const gw_or_event *ev, const char *what)
{
    gw_event out = {.kind = GW_EV_ERROR};
    out.error.kind = GW_ERR_UPSTREAM;
    out.error.message = gw_jstr_lit(what);
    ev->r->failed = true;
    int rc = gw_emit(ev->sink, &out);
    return rc != AIGW_OK ? rc : gw_fail(ev->err, AIGW_E_UPSTREAM, "broken_stream", "%s", what);
}

static gw_json_ref response_of(const gw_or_event *ev)
{
    gw_json_ref response = gw_json_get(ev->doc, 0, "response");
    return gw_json_typeof(ev->doc, response) == GW_JSON_OBJECT ? response : GW_JSON_ABSENT;
}

int gw_or_stream_start(const gw_or_event *ev)
{
    if (ev->r->started)
        return AIGW_OK;
    ev->r->started = true;
    gw_json_ref response = response_of(ev);
    if (response != GW_JSON_ABSENT)
        return gw_or_emit_start(ev->doc, response, ev->sink);
    gw_event start = {.kind = GW_EV_START};
    return gw_emit(ev->sink, &start);
}

static int on_lifecycle(gw_or_event *ev)
{
    return gw_or_stream_start(ev);
}

static int provider_error(const gw_or_event *ev, gw_json_ref root)
{
    gw_event out = {.kind = GW_EV_ERROR};
    gw_or_error_of(ev->r->arena, ev->doc, root, &out.error);
    ev->r->failed = true;
    int rc = gw_emit(ev->sink, &out);
    if (rc != AIGW_OK)
        return rc;
    gw_fail(ev->err, AIGW_E_UPSTREAM, "provider_error", "the provider's stream ended in an error");
    if (ev->err != NULL)
        ev->err->http_status = out.error.status;
    return AIGW_E_UPSTREAM;
}

static int on_error(gw_or_event *ev)
{
    return provider_error(ev, 0);
}

/* USAGE is worth having even then. */
static int on_failed(gw_or_event *ev)
{
    gw_json_ref response = response_of(ev);
    gw_event usage = {.kind = GW_EV_USAGE};
    if (response == GW_JSON_ABSENT)
        return provider_error(ev, 0);
    gw_json_ref ref = gw_json_get(ev->doc, response, "usage");
    int rc = AIGW_OK;
    if (ev->r->started && gw_or_read_usage(ev->doc, ref, &usage.usage)) {
        usage.usage_raw = gw_raw_of(ev->doc, ref);
        rc = gw_emit(ev->sink, &usage);
    }
    return rc == AIGW_OK ? provider_error(ev, response) : rc;
}

static int on_end(gw_or_event *ev)
{
    gw_or_reader *r = ev->r;
    gw_json_ref response = response_of(ev);
    if (response == GW_JSON_ABSENT)
        return gw_or_stream_broken(ev, "The provider's stream ended without its response.");
    int rc = gw_or_stream_start(ev);
    if (rc == AIGW_OK)
        rc = gw_or_stream_close_all(ev);
    gw_json_ref output = gw_json_get(ev->doc, response, "output");
    if (rc == AIGW_OK && r->item_count == 0 && gw_json_typeof(ev->doc, output) == GW_JSON_ARRAY)
        rc = gw_or_read_output(r->arena, ev->doc, output, ev->sink, &r->next_block, &r->calls);
    if (rc == AIGW_OK)
        rc = gw_or_emit_end(r->arena, ev->doc, response, ev->sink, r->calls);
    r->done = rc == AIGW_OK;
    r->failed = rc == AIGW_E_UPSTREAM;
    if (r->failed)
        gw_fail(ev->err, AIGW_E_UPSTREAM, "provider_error",
                "the provider's stream ended in an error");
    return rc;
}

static const struct {
    const char *type;
    read_event *read;
} types[] = {
    {"response.output_text.delta", gw_or_on_text_delta},
    {"response.function_call_arguments.delta", gw_or_on_args_delta},
    {"response.reasoning_summary_text.delta", gw_or_on_summary_delta},
    {"response.reasoning_text.delta", gw_or_on_reasoning_delta},
    {"response.output_item.added", gw_or_on_item_added},
    {"response.output_item.done", gw_or_on_item_done},
    {"response.content_part.done", gw_or_on_part_done},
    {"response.output_text.done", gw_or_on_text_done},
    {"response.output_text.annotation.added", gw_or_on_annotation},
    {"response.refusal.delta", gw_or_on_refusal_delta},
    {"response.refusal.done", gw_or_on_refusal_done},
    {"response.function_call_arguments.done", gw_or_on_args_done},
    {"response.custom_tool_call_input.delta", gw_or_on_args_delta},
    {"response.custom_tool_call_input.done", gw_or_on_input_done},
    {"response.reasoning_summary_text.done", gw_or_on_summary_done},
    {"response.reasoning_text.done", gw_or_on_reasoning_done},
    {"response.created", on_lifecycle},
    {"response.in_progress", on_lifecycle},
    {"response.queued", on_lifecycle},
    {"response.completed", on_end},
    {"response.incomplete", on_end},
    {"response.failed", on_failed},
    {"response.cancelled", on_failed},
    {"error", on_error},
};

static int dispatch(gw_or_event *ev, aigw_slice frame_type)
{
    if (gw_json_typeof(ev->doc, 0) != GW_JSON_OBJECT)
        return gw_or_stream_broken(ev, "The provider sent an event that is no object.");
    gw_jstr type = gw_jstr_of(ev->doc, gw_json_get(ev->doc, 0, "type"));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        bool it = gw_has(type) ? gw_jstr_is(type, types[i].type)
                               : gw_eq(frame_type, aigw_slice_of(types[i].type));
        if (it)
            return types[i].read(ev);
    }
    /* A bare error body, as it would come with a bad status. */
    if (!gw_has(type) && !gw_json_is_null(ev->doc, gw_json_get(ev->doc, 0, "error")))
        return on_error(ev);
    return AIGW_OK;
}

static aigw_slice trim(aigw_slice s)
{
    while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
        s.len--;
    while (s.len > 0 && strchr(" \t\r\n", s.data[0]) != NULL)
        s = gw_skip(s, 1);
    return s;
}

static int on_frame(void *user, const gw_sse_event *frame)
{
    gw_or_event *ev = user;
    gw_or_reader *r = ev->r;
    if (r->done)
        return AIGW_OK;
    aigw_slice data = frame->has_data ? trim(frame->data) : (aigw_slice){NULL, 0};
    if (data.len == 0) {
        gw_event ping = {.kind = GW_EV_PING};
        return r->started ? gw_emit(ev->sink, &ping) : AIGW_OK;
    }
    if (gw_eq(data, GW_S("[DONE]")))
        return AIGW_OK; /* not of this format, but hosts send it */
    gw_json_limits limits = {0, 0, true};
    gw_json_doc doc;
    gw_arena_reset(r->arena);
    int rc = gw_json_parse(r->arena, data, &limits, &doc, ev->err);
    if (rc == AIGW_E_NOMEM)
        return rc;
    if (rc != AIGW_OK)
        return gw_or_stream_broken(ev, "The provider sent an event that is no JSON.");
    ev->doc = &doc;
    return dispatch(ev, frame->type);
}

int gw_or_reader_init(void *reader, size_t max_event_bytes)
{
    gw_or_reader *r = reader;
    *r = (gw_or_reader){0};
    gw_sse_init(&r->sse, max_event_bytes);
    /* The tape of an event is at most some 20 times its bytes, and is copied as it grows. */
    r->arena = gw_arena_new(((size_t)1 << 20) + max_event_bytes * 64);
    return r->arena == NULL ? AIGW_E_NOMEM : AIGW_OK;
}

void gw_or_reader_free(void *reader)
{
    gw_or_reader *r = reader;
    gw_free(r->items);
    gw_arena_free(r->arena);
    gw_sse_free(&r->sse);
    *r = (gw_or_reader){0};
}

int gw_or_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err)
{
    gw_or_reader *r = reader;
    gw_or_event ev = {r, sink, err, NULL};
    if (r->failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the stream has failed before");
    int rc = gw_sse_feed(&r->sse, bytes, on_frame, &ev);
    if (rc == AIGW_E_LIMIT && r->sse.failed)
        return gw_or_stream_broken(&ev, "The provider sent an event that is too large.");
    return rc;
}

int gw_or_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err)
{
    gw_or_reader *r = reader;
    gw_or_event ev = {r, sink, err, NULL};
    if (r->failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "broken_stream", "the stream has failed before");
    int rc = gw_sse_end(&r->sse, on_frame, &ev);
    if (rc != AIGW_OK || r->done)
        return rc;
    return gw_or_stream_broken(&ev, "The provider's stream broke off.");
}
