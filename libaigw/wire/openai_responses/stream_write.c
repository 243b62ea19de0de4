/* Neutral events as an OpenAI Responses event stream: the lifecycle, and which block goes where. */
/* Must not know any provider; the events of one block are in openai_responses_stream_blocks.c. */
#include "wire/openai_responses/stream_blocks.h"

#include "base/text.h"

enum { MAX_KEPT_BYTES = 64 * 1024 * 1024, MAX_OPEN = 256 };

static gw_jstr kept(aigw_slice all, size_t from, size_t len)
{
    return len > 0 ? (gw_jstr){{all.data + from, len}} : (gw_jstr){{NULL, 0}};
}

/* created, in_progress, and the terminal events: all of them hold the response object. */
static void write_lifecycle(gw_or_writer *s, gw_buf *out, const char *type, gw_or_envelope *e)
{
    aigw_slice head = gw_buf_slice(&s->head);
    e->options = &s->options;
    e->id = kept(head, 0, s->id_len);
    e->model = kept(head, s->id_len, s->model_len);
    e->service_tier = kept(head, s->id_len + s->model_len, s->tier_len);
    e->created = s->created;
    gw_jw w = gw_or_out_begin(s, out, type);
    gw_jw_key(&w, "response");
    gw_or_write_envelope(&w, e);
    gw_or_out_end(&w);
}

static void start(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_or_envelope e = {.status = "in_progress"};
    s->started = true;
    s->created = event->created;
    s->id_len = event->id.inner.len;
    s->model_len = event->model.inner.len;
    s->tier_len = event->service_tier.inner.len;
    gw_buf_add(&s->head, event->id.inner);
    gw_buf_add(&s->head, event->model.inner);
    gw_buf_add(&s->head, event->service_tier.inner);
    if (s->head.failed)
        s->id_len = s->model_len = s->tier_len = 0;
    write_lifecycle(s, out, "response.created", &e);
    write_lifecycle(s, out, "response.in_progress", &e);
}

static gw_or_open *find(gw_or_writer *s, uint32_t block)
{
    for (size_t i = s->open_count; i-- > 0;) {
        if (s->open[i].block == block && !s->open[i].stopped)
            return &s->open[i];
    }
    return NULL;
}

static int add_open(gw_or_writer *s, const gw_event *event, gw_or_open **out)
{
    if (s->open_count >= MAX_OPEN)
        return AIGW_E_LIMIT;
    if (s->open_count == s->open_cap) {
        size_t cap = s->open_cap == 0 ? 4 : s->open_cap * 2;
        gw_or_open *open = gw_realloc(s->open, cap * sizeof(*open));
        if (open == NULL)
            return AIGW_E_NOMEM;
        s->open = open;
        s->open_cap = cap;
    }
    gw_or_open *b = &s->open[s->open_count++];
    *b = (gw_or_open){.block = event->block,
                      .kind = event->block_kind,
                      .custom = event->custom,
                      .origin = event->origin};
    gw_buf_init(&b->text, MAX_KEPT_BYTES);
    gw_buf_init(&b->words, MAX_KEPT_BYTES);
    *out = b;
    return AIGW_OK;
}

static void drop_first(gw_or_writer *s)
{
    gw_buf_free(&s->open[0].text);
    gw_buf_free(&s->open[0].words);
    s->open_count--;
    memmove(s->open, s->open + 1, s->open_count * sizeof(*s->open));
}

/* The calls that are over, in order, up to the first that is not. `reason`: the answer was cut off here. */
static int flush_calls(gw_or_writer *s, const char *reason, gw_buf *out)
{
    int rc = AIGW_OK;
    while (rc == AIGW_OK && s->open_count > 0 && s->open[0].stopped) {
        bool cut = reason != NULL && s->open_count == 1 && !s->message;
        rc = gw_or_out_call_done(s, &s->open[0], cut ? "incomplete" : "completed", out);
        drop_first(s);
    }
    return rc;
}

static int start_text(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_or_open *b = NULL;
    int rc = AIGW_OK;
    if (gw_or_needs_carrier(event->block_kind, event->signature)) {
        rc = gw_or_out_message_done(s, "completed", out);
        if (rc == AIGW_OK)
            rc = gw_or_out_carrier(s, event, out);
    }
    if (rc == AIGW_OK)
        rc = add_open(s, event, &b);
    if (rc == AIGW_OK)
        gw_or_out_part_added(s, b, out);
    return rc;
}

static int start_call(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_or_open *b = NULL;
    int rc = AIGW_OK;
    if (gw_or_needs_carrier(event->block_kind, event->signature))
        rc = gw_or_out_carrier(s, event, out);
    if (rc == AIGW_OK)
        rc = add_open(s, event, &b);
    return rc == AIGW_OK ? gw_or_out_call_added(s, b, event, out) : rc;
}

static int start_thinking(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_or_open *b = NULL;
    int rc = add_open(s, event, &b);
    if (rc == AIGW_OK)
        gw_or_out_thinking_added(s, b, out);
    return rc;
}

static int start_block(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    int rc = flush_calls(s, NULL, out);
    if (rc != AIGW_OK)
        return rc;
    if (event->block_kind == GW_BLOCK_TEXT || event->block_kind == GW_BLOCK_REFUSAL)
        return start_text(s, event, out);
    if (event->block_kind == GW_BLOCK_NATIVE && !gw_or_own_native(event->origin, event->raw))
        return AIGW_OK; /* another vendor's */
    rc = gw_or_out_message_done(s, "completed", out);
    if (rc != AIGW_OK)
        return rc;
    switch (event->block_kind) {
    case GW_BLOCK_TOOL_CALL:
        return start_call(s, event, out);
    case GW_BLOCK_THINKING:
        return start_thinking(s, event, out);
    default:
        return gw_or_out_whole_item(s, event, out);
    }
}

static int write_delta(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    gw_or_open *b = find(s, event->block);
    if (b == NULL)
        return AIGW_OK; /* of a block that is not shown */
    if (b->kind == GW_BLOCK_THINKING) {
        gw_or_out_thinking_delta(s, b, event, out);
        return b->text.failed || b->words.failed ? AIGW_E_LIMIT : AIGW_OK;
    }
    if (b->kind == GW_BLOCK_TEXT)
        return gw_or_out_text_delta(s, b, event, out);
    if (event->delta.inner.len > 0)
        gw_or_out_plain_delta(s, b, event->delta, out);
    return b->text.failed ? AIGW_E_LIMIT : AIGW_OK;
}

static int stop_block(gw_or_writer *s, gw_or_open *b, gw_buf *out)
{
    int rc = AIGW_OK;
    if (b == NULL)
        return AIGW_OK;
    b->stopped = true;
    if (b->kind == GW_BLOCK_TOOL_CALL)
        return AIGW_OK; /* whether it is complete is known with what comes next */
    if (b->kind == GW_BLOCK_THINKING)
        rc = gw_or_out_thinking_done(s, b, out);
    else
        rc = gw_or_out_part_done(s, b, out);
    s->refused = s->refused || b->kind == GW_BLOCK_REFUSAL;
    drop_first(s); /* nothing else is open beside a block that is no call */
    return rc;
}

static int keep_finish(gw_or_writer *s, const gw_event *event)
{
    s->has_finish = true;
    s->finish = event->finish;
    gw_buf_clear(&s->refusal);
    gw_buf_add(&s->refusal, event->refusal.inner);
    return s->refusal.failed ? AIGW_E_LIMIT : AIGW_OK;
}

static int keep_usage(gw_or_writer *s, const gw_event *event)
{
    gw_usage_merge(&s->usage, &event->usage);
    if (!gw_has_raw(event->usage_raw))
        return AIGW_OK;
    gw_buf_clear(&s->usage_raw);
    gw_buf_add(&s->usage_raw, event->usage_raw.json);
    return s->usage_raw.failed ? AIGW_E_LIMIT : AIGW_OK;
}

/* An explanation that came with the refusal, in no block. */
static int write_explanation(gw_or_writer *s, gw_buf *out)
{
    aigw_slice text = gw_buf_slice(&s->refusal);
    gw_event event = {.block_kind = GW_BLOCK_REFUSAL, .block = UINT32_MAX};
    if (text.len == 0 || s->refused)
        return AIGW_OK;
    int rc = start_text(s, &event, out);
    if (rc != AIGW_OK)
        return rc;
    gw_or_open *b = &s->open[s->open_count - 1];
    gw_or_out_plain_delta(s, b, (gw_jstr){text}, out);
    return stop_block(s, b, out);
}

static int close_all(gw_or_writer *s, const char *reason, gw_buf *out)
{
    int rc = AIGW_OK;
    for (size_t i = 0; i < s->open_count && rc == AIGW_OK;) {
        bool call = s->open[i].kind == GW_BLOCK_TOOL_CALL;
        rc = stop_block(s, &s->open[i], out);
        i += call ? 1 : 0;
    }
    if (rc == AIGW_OK)
        rc = flush_calls(s, gw_buf_len(&s->refusal) > 0 && !s->refused ? NULL : reason, out);
    if (rc == AIGW_OK)
        rc = write_explanation(s, out);
    return rc == AIGW_OK
               ? gw_or_out_message_done(s, reason != NULL ? "incomplete" : "completed", out)
               : rc;
}

static int write_end(gw_or_writer *s, gw_buf *out)
{
    const char *reason = s->has_finish ? gw_or_incomplete_reason(s->finish) : NULL;
    int rc = close_all(s, reason, out);
    if (rc != AIGW_OK)
        return rc;
    gw_or_envelope e = {.status = reason != NULL ? "incomplete" : "completed",
                        .incomplete_reason = reason,
                        .output = gw_buf_slice(&s->items),
                        .usage = &s->usage};
    if (gw_buf_len(&s->usage_raw) > 0)
        e.usage_raw.json = gw_buf_slice(&s->usage_raw);
    write_lifecycle(s, out, reason != NULL ? "response.incomplete" : "response.completed", &e);
    s->ended = true;
    return AIGW_OK;
}

/* Behind a beginning that was the provider's: its response object is not known here, so that the error
 * comes without one. Clients hold an object with another id for a fault of the stream. */
static void write_bare_error(gw_or_writer *s, const gw_api_error *error, gw_buf *out)
{
    gw_jw w = gw_or_out_begin(s, out, "error");
    gw_or_write_error_members(&w, error);
    gw_jw_key(&w, "param");
    gw_jw_null(&w);
    gw_or_out_end(&w);
    s->ended = true;
}

/* What was not finished is not in the output. */
static void write_error(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    if (s->options.forwarded) {
        write_bare_error(s, &event->error, out);
        return;
    }
    gw_or_envelope e = {.status = "failed",
                        .error = &event->error,
                        .output = gw_buf_slice(&s->items),
                        .usage = &s->usage};
    write_lifecycle(s, out, "response.failed", &e);
    s->ended = true;
}

static int write_any(gw_or_writer *s, const gw_event *event, gw_buf *out)
{
    switch (event->kind) {
    case GW_EV_START:
        if (!s->started)
            start(s, event, out);
        return AIGW_OK;
    case GW_EV_BLOCK_START:
        return start_block(s, event, out);
    case GW_EV_DELTA:
        return write_delta(s, event, out);
    case GW_EV_BLOCK_STOP:
        return stop_block(s, find(s, event->block), out);
    case GW_EV_USAGE:
        return keep_usage(s, event);
    case GW_EV_FINISH:
        return keep_finish(s, event);
    case GW_EV_PING:
        gw_buf_puts(out, ": ping\n\n");
        return AIGW_OK;
    case GW_EV_END:
        return write_end(s, out);
    case GW_EV_ERROR:
        write_error(s, event, out);
        return AIGW_OK;
    }
    return AIGW_OK;
}

int gw_or_writer_event(void *state, const gw_event *event, gw_buf *out)
{
    gw_or_writer *s = state;
    if (s->ended || event->choice > 0)
        return AIGW_OK; /* nothing follows an end; this API gives one answer */
    bool needs_start =
        event->kind != GW_EV_START && event->kind != GW_EV_PING && event->kind != GW_EV_USAGE;
    if (needs_start && !s->started && !s->options.forwarded) {
        gw_event nothing = {.kind = GW_EV_START};
        start(s, &nothing, out);
    }
    int rc = write_any(s, event, out);
    bool failed = out->failed || s->items.failed || s->content.failed || s->head.failed ||
                  s->annotations.failed || s->logprobs.failed;
    return rc == AIGW_OK && failed ? AIGW_E_LIMIT : rc;
}

int gw_or_writer_init(void *state, const gw_answer_options *options)
{
    gw_or_writer *s = state;
    gw_buf *const bufs[] = {&s->head,        &s->items,    &s->content,   &s->citations,
                            &s->annotations, &s->logprobs, &s->usage_raw, &s->refusal};
    s->options = *options;
    s->usage = gw_usage_unknown();
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        gw_buf_init(bufs[i], MAX_KEPT_BYTES);
    return AIGW_OK;
}

void gw_or_writer_free(void *state)
{
    gw_or_writer *s = state;
    gw_buf *const bufs[] = {&s->head,        &s->items,    &s->content,   &s->citations,
                            &s->annotations, &s->logprobs, &s->usage_raw, &s->refusal};
    while (s->open_count > 0)
        drop_first(s);
    gw_free(s->open);
    s->open = NULL;
    s->open_cap = 0;
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        gw_buf_free(bufs[i]);
    gw_arena_free(s->arena);
    s->arena = NULL;
}
