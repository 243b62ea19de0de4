/* Decoding an event stream: forwarded as it came, translated, or folded into one answer.
 * Must not know a transport or a format's fields. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/state.h"

#define EVENT_MAX ((size_t)16 << 20)

static size_t event_max(const aigw_exchange *x)
{
    size_t cap = x->live->config->max_exchange_bytes;
    return cap < EVENT_MAX ? cap : EVENT_MAX;
}

/* -- same format: whole events as they came -- */

/* An event as it came. One that ended with the CR of a CRLF, its LF still on the way, gets it now: nothing
 * may follow, and what follows may be our own. The one that comes is then one too many. */
static bool add_raw(aigw_exchange *x, aigw_slice raw)
{
    gw_attempt *a = &x->attempt;
    if (a->lf_given && gw_starts(raw, GW_S("\n")))
        raw = gw_skip(raw, 1);
    a->lf_given = raw.len > 0 && raw.data[raw.len - 1] == '\r';
    gw_buf_add(&x->out, raw);
    if (a->lf_given)
        gw_buf_putc(&x->out, '\n');
    return !x->out.failed;
}

/* The first event of a stream may be its failure: then another try may still do. Later on the client
 * gets the event as it came, unless it is about our credentials. */
static void event_failed(aigw_exchange *x, const gw_sse_event *event, bool tell)
{
    gw_attempt *a = &x->attempt;
    gw_api_error error;
    aigw_slice kept = gw_arena_copy(x->arena, event->data);
    size_t before = gw_buf_len(&x->out);
    if (!kept.data) {
        gw_attempt_fail_nomem(x);
        return;
    }
    gw_conceal(a->upstream, (char *)(uintptr_t)kept.data, kept.len);
    a->wire->read_error(x->arena, 0, kept,
                        &error); /* its words decide: the status was a good one */
    a->told = tell && x->status && !x->json_array && !gw_attempt_is_ours(error.kind) &&
              add_raw(x, event->raw);
    gw_conceal_tail(a->upstream, &x->out, before);
    gw_attempt_fail_with(x, &error);
    a->outcome.again = gw_attempt_may_pass(error.kind);
}

/* The next element of the client's one array. */
static void forward_element(aigw_exchange *x, aigw_slice json)
{
    gw_buf_puts(&x->out, x->attempt.elements++ ? ",\r\n" : "[");
    gw_buf_add(&x->out, gw_trim(json));
}

static void forward_end(aigw_exchange *x)
{
    gw_buf_puts(&x->out, x->attempt.elements ? "]" : "[]");
}

/* As it came, with the blank line that it may lack, or as clients take it. */
static void forward(aigw_exchange *x, const gw_sse_event *event, gw_tap_verdict verdict,
                    const char *blank_line)
{
    gw_attempt *a = &x->attempt;
    if (x->json_array) {
        forward_element(x, event->data);
        return;
    }
    bool repair = (verdict == GW_TAP_REPAIR || verdict == GW_TAP_LAST) && a->wire->tap_repair;
    if (!repair || !a->wire->tap_repair(a->tap, event, verdict, &x->out))
        add_raw(x, event->raw);
    gw_buf_puts(&x->out, blank_line);
}

static int on_event(void *user, const gw_sse_event *event)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    if (!event->has_data) {
        if (!x->json_array)
            add_raw(x, event->raw);
        return 0;
    }
    gw_tap_verdict verdict = a->wire->tap_event(a->tap, event, &x->usage);
    if (verdict == GW_TAP_DROP)
        return 0;
    if (verdict == GW_TAP_ERROR) {
        event_failed(x, event, true);
        return 1;
    }
    if (verdict == GW_TAP_BROKEN) {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's stream broke its format.");
        return 1;
    }
    if (verdict == GW_TAP_LAST && !x->status && !a->wire->tap_complete(a->tap)) {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's answer was empty.");
        return 1;
    }
    forward(x, event, verdict, "");
    a->complete = verdict == GW_TAP_LAST;
    if (!x->status)
        gw_attempt_commit(x);
    return a->complete;
}

/* Taps look at words; a document that was cut behind one of them is still none. */
static bool is_cut(aigw_exchange *x, aigw_slice data)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    data = gw_trim(data);
    return gw_starts(data, GW_S("{")) &&
           gw_json_parse(x->arena, data, &lenient, &doc, NULL) != AIGW_OK;
}

/* An event whose blank line never came. It counts only if it completes the stream: else it is the
 * beginning of one that was cut. */
static int on_last_event(void *user, const gw_sse_event *event)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    if (!event->has_data || a->complete || is_cut(x, event->data))
        return 0;
    gw_tap_verdict verdict = a->wire->tap_event(a->tap, event, &x->usage);
    if (verdict == GW_TAP_ERROR) {
        event_failed(x, event, false);
        return 1;
    }
    if (verdict == GW_TAP_BROKEN || (verdict != GW_TAP_LAST && !a->wire->tap_complete(a->tap)))
        return 0;
    if (verdict != GW_TAP_DROP) {
        forward(x, event, verdict, "\n\n");
    }
    a->complete = true;
    if (!x->status)
        gw_attempt_commit(x);
    return 0;
}

static bool open_tap(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    a->tap = gw_arena_calloc(x->arena, 1, a->wire->tap_size ? a->wire->tap_size : 1);
    if (!a->tap)
        return false;
    a->wire->tap_init(a->tap, !x->include_usage);
    gw_sse_init(&a->sse, event_max(x));
    a->sse_on = true;
    return true;
}

/* -- another format, or a client that wants one document -- */

/* Beside a tap the writer only says pings and errors; the upstream has begun the stream for it. */
static bool begun_elsewhere(aigw_exchange *x)
{
    gw_event start = {.kind = GW_EV_START};
    gw_buf unseen;
    gw_buf_init(&unseen, event_max(x));
    int rc = x->wire->writer_event(x->attempt.writer, &start, &unseen);
    gw_buf_free(&unseen);
    return rc == AIGW_OK;
}

bool gw_stream_writer(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (a->writer_on)
        return true;
    gw_encode_answer_options(x);
    x->answer.forwarded = a->tap != NULL;
    a->writer = gw_arena_calloc(x->arena, 1, x->wire->writer_size ? x->wire->writer_size : 1);
    a->writer_on = a->writer && x->wire->writer_init(a->writer, &x->answer) == AIGW_OK;
    return a->writer_on && (!a->tap || begun_elsewhere(x));
}

static int emit_error(aigw_exchange *x, const gw_event *event)
{
    gw_attempt *a = &x->attempt;
    gw_event kept = *event;
    if (!gw_head_keep_error(x, &event->error, &kept.error)) {
        gw_attempt_fail_nomem(x);
        return AIGW_E_UPSTREAM;
    }
    if (x->status && !a->fold && !gw_attempt_is_ours(kept.error.kind))
        a->told = x->wire->writer_event(a->writer, &kept, &x->out) == AIGW_OK && !x->out.failed;
    gw_attempt_fail_with(x, &kept.error);
    a->outcome.again = gw_attempt_may_pass(kept.error.kind);
    return AIGW_E_UPSTREAM;
}

/* Some formats' answers do not say their model (Bedrock's): it is the one that was asked for. */
static int name_model(aigw_exchange *x, const gw_event *event, gw_event *copy)
{
    const gw_route_target *target = &x->targets[x->target];
    *copy = *event;
    copy->model = gw_jstr_plain(x->arena, target->model.len ? target->model : x->model);
    return gw_has(copy->model) ? AIGW_OK : AIGW_E_NOMEM;
}

int gw_stream_begin(aigw_exchange *x, const gw_event *start)
{
    gw_attempt *a = &x->attempt;
    if (a->begun)
        return AIGW_OK;
    if (!gw_stream_writer(x))
        return AIGW_E_NOMEM;
    int rc = x->wire->writer_event(a->writer, start, &x->out);
    if (rc != AIGW_OK || x->out.failed)
        return rc != AIGW_OK ? rc : AIGW_E_NOMEM;
    a->begun = true;
    if (!x->status)
        gw_attempt_commit(x);
    return AIGW_OK;
}

int gw_stream_emit(void *user, const gw_event *event)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    gw_event named;
    if (a->complete)
        return AIGW_OK;
    if (event->kind == GW_EV_START && event->model.inner.len == 0) {
        if (name_model(x, event, &named) != AIGW_OK)
            return AIGW_E_NOMEM;
        event = &named;
    }
    if (event->kind == GW_EV_ERROR)
        return emit_error(x, event);
    if (event->kind == GW_EV_USAGE)
        gw_usage_merge(&x->usage, &event->usage);
    if (event->kind == GW_EV_START && a->begun && !a->fold)
        return AIGW_OK; /* the client has it */
    int rc =
        a->fold ? gw_fold_event(a->fold, event) : x->wire->writer_event(a->writer, event, &x->out);
    if (rc == AIGW_OK && a->fold && x->stream && event->kind == GW_EV_START &&
        a->take == GW_TAKE_STREAM)
        rc = gw_stream_begin(x, event);
    if (rc != AIGW_OK)
        return rc;
    a->complete = event->kind == GW_EV_END;
    if (!a->fold && !x->status && event->kind != GW_EV_PING && !x->out.failed)
        gw_attempt_commit(x);
    return AIGW_OK;
}

gw_event_sink gw_stream_sink(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    const gw_event_sink plain = gw_guard_sink(x, (gw_event_sink){gw_stream_emit, x});
    if (a->same || !x->read || !gw_unwrap_needed(&x->request))
        return plain;
    if (!a->unwrap.request)
        gw_unwrap_init(&a->unwrap, &x->request, plain);
    return (gw_event_sink){gw_unwrap_event, &a->unwrap};
}

static bool open_reader(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    a->reader = gw_arena_calloc(x->arena, 1, a->wire->reader_size ? a->wire->reader_size : 1);
    if (!a->reader || a->wire->reader_init(a->reader, event_max(x)) != AIGW_OK)
        return false;
    a->reader_on = true;
    if (x->stream && !gw_guard_collects(x))
        return gw_stream_writer(x);
    a->fold = gw_fold_new(x->arena);
    return a->fold != NULL;
}

/* -- for attempt.c -- */

bool gw_stream_open(aigw_exchange *x)
{
    const gw_attempt *a = &x->attempt;
    bool tap = a->same && x->stream && !a->unsse && a->wire->tap_event && !gw_guard_reads(x);
    return tap ? open_tap(x) : open_reader(x);
}

void gw_stream_close(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (a->sse_on)
        gw_sse_free(&a->sse);
    if (a->reader_on)
        a->wire->reader_free(a->reader);
    if (a->writer_on)
        x->wire->writer_free(a->writer);
    gw_unwrap_free(&a->unwrap);
    gw_guard_answer_drop(x);
    a->sse_on = a->reader_on = a->writer_on = false;
}

/* What a decoder returned, when no error event has said it yet. */
static void decoder_failed(aigw_exchange *x, int rc)
{
    gw_attempt *a = &x->attempt;
    if (a->over)
        return;
    if (rc == AIGW_E_NOMEM || x->out.failed) {
        gw_attempt_fail_nomem(x);
    } else if (rc == AIGW_E_LIMIT) {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's answer was too large.");
    } else {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's stream could not be read.");
        a->outcome.again = true;
    }
}

void gw_stream_data(aigw_exchange *x, aigw_slice bytes)
{
    gw_attempt *a = &x->attempt;
    size_t before = gw_buf_len(&x->out);
    gw_event_sink sink = gw_stream_sink(x);
    int rc = a->tap ? gw_sse_feed(&a->sse, bytes, on_event, x)
                    : a->wire->reader_feed(a->reader, bytes, &sink, NULL);
    if (x->out.failed)
        decoder_failed(x, AIGW_E_NOMEM);
    else if (rc != AIGW_OK && !a->complete)
        decoder_failed(x, rc);
    if (x->status && gw_buf_len(&x->out) > before) {
        x->fed_ms = a->last_ms;
        gw_exchange_tell(x);
    }
    if (a->complete && !a->over)
        gw_attempt_arm(x); /* the transfer should end by itself, and its connection be used again */
}

static void end_decoder(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    gw_event_sink sink = gw_stream_sink(x);
    int rc;
    if (a->tap) {
        rc = gw_sse_end(&a->sse, on_last_event, x);
        if (!a->over && x->status && a->wire->tap_complete(a->tap))
            a->complete = true;
    } else {
        rc = a->wire->reader_end(a->reader, &sink, NULL);
    }
    if (x->out.failed || (rc != AIGW_OK && !a->complete))
        decoder_failed(x, rc);
}

void gw_stream_end(aigw_exchange *x, bool cut)
{
    gw_attempt *a = &x->attempt;
    if (!a->complete && !cut)
        end_decoder(x);
    if (a->over)
        return;
    if (a->complete && a->tap && x->json_array)
        forward_end(x);
    if (!a->complete) {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's stream broke off.");
        a->outcome.again = true;
    } else if (a->fold) {
        gw_whole_fold_end(x);
    } else {
        gw_attempt_done(x);
    }
}

/* In an array that the writer has not begun: the error is its last element. */
static void error_element(aigw_exchange *x, const gw_api_error *error)
{
    gw_buf body;
    int status;
    gw_answer_options options = {.request_id = {x->id, x->id_len}};
    gw_buf_init(&body, GW_ERROR_BODY_MAX);
    x->wire->write_error(error, &options, &body, &status);
    forward_element(x, gw_buf_slice(&body));
    forward_end(x);
    x->attempt.told = !body.failed && !x->out.failed;
    gw_buf_free(&body);
}

void gw_stream_error_event(aigw_exchange *x, const gw_api_error *error)
{
    gw_attempt *a = &x->attempt;
    gw_event event = {.kind = GW_EV_ERROR, .error = *error};
    if (a->told)
        return;
    if (a->tap && x->json_array) {
        error_element(x, error);
        return;
    }
    if (!gw_stream_writer(x))
        return;
    a->told = x->wire->writer_event(a->writer, &event, &x->out) == AIGW_OK;
}

void gw_stream_ping(aigw_exchange *x)
{
    gw_event event = {.kind = GW_EV_PING};
    x->fed_ms = gw_loop_now_ms(x->loop->loop);
    if (gw_buf_len(&x->out) >= GW_OUT_HIGH)
        return;
    size_t before = gw_buf_len(&x->out);
    if (x->attempt.tap && x->json_array)
        gw_buf_puts(&x->out, "\n"); /* between elements white space is nothing */
    else if (gw_stream_writer(x))
        x->wire->writer_event(x->attempt.writer, &event, &x->out);
    if (gw_buf_len(&x->out) > before)
        gw_exchange_tell(x);
}
