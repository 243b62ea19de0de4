/* One collected document: forwarded byte for byte, or read and written in the client's format; and the
 * bodies of errors. Must not know a transport or a format's fields. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/state.h"

static const gw_json_limits answer_limits = {.lone_surrogates = true};

static bool forwarded(const aigw_exchange *x)
{
    return x->attempt.same && !x->stream && x->op == GW_OP_CHAT && !gw_guard_reads(x);
}

/* Where it is collected: what is forwarded goes straight to the output, which nobody sees before its
 * head is given. */
static gw_buf *store(aigw_exchange *x)
{
    return forwarded(x) ? &x->out : &x->attempt.body;
}

static void open_body(aigw_exchange *x, size_t max)
{
    gw_attempt *a = &x->attempt;
    if (a->body_on)
        return;
    gw_buf_init(&a->body, max);
    a->body_on = true;
}

bool gw_whole_open(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    size_t max = x->live->config->max_exchange_bytes;
    if (!forwarded(x))
        open_body(x, max);
    if (a->length > 0 && (uint64_t)a->length <= max)
        return gw_buf_reserve(store(x), (size_t)a->length) != NULL;
    return true;
}

void gw_whole_data(aigw_exchange *x, aigw_slice bytes)
{
    gw_buf *buf = store(x);
    if (gw_buf_add(buf, bytes))
        return;
    if (gw_buf_len(buf) + bytes.len > buf->max)
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's answer was too large.");
    else
        gw_attempt_fail_nomem(x);
}

/* Does the body say an error as every dialect does: an object with an object "error"? */
static bool error_shaped(aigw_exchange *x, aigw_slice body)
{
    gw_json_doc doc;
    if (!body.len || gw_json_parse(x->arena, body, &answer_limits, &doc, NULL) != AIGW_OK)
        return false;
    return gw_json_typeof(&doc, gw_json_get(&doc, 0, "error")) == GW_JSON_OBJECT;
}

/* No answer. Some hosts tell an error under status 200: then it is that error. */
static void junk(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    aigw_slice body = gw_arena_copy(x->arena, gw_buf_slice(store(x)));
    if (body.len && body.len <= GW_ERROR_BODY_MAX && error_shaped(x, body)) {
        gw_api_error error;
        gw_conceal(a->upstream, (char *)(uintptr_t)body.data, body.len);
        a->wire->read_error(x->arena, 0, body, &error);
        gw_attempt_fail_with(x, &error);
        a->outcome.again = gw_attempt_may_pass(error.kind);
        return;
    }
    gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's answer could not be read.");
}

static void fold_failed(aigw_exchange *x, int rc)
{
    if (x->attempt.over)
        return;
    if (rc == AIGW_E_NOMEM)
        gw_attempt_fail_nomem(x);
    else
        junk(x);
}

static void write_whole(aigw_exchange *x, const gw_answer *answer)
{
    aigw_error err;
    gw_encode_answer_options(x);
    gw_buf_clear(&x->out);
    int rc = x->wire->write_answer(x->arena, answer, &x->answer, &x->out, &err);
    if (rc != AIGW_OK || x->out.failed) {
        fold_failed(x, x->out.failed ? AIGW_E_NOMEM : rc);
        return;
    }
    gw_respond_begin(x, 200, "application/json");
    gw_respond_whole(x);
    gw_attempt_drop(x);
}

/* The client wants a stream and the upstream gave a document. */
static void write_stream(aigw_exchange *x, const gw_answer *answer)
{
    gw_attempt *a = &x->attempt;
    gw_event_sink sink = {gw_stream_emit, x};
    a->fold = NULL;
    a->complete = false;
    int rc = gw_stream_writer(x) ? gw_unfold(answer, &sink) : AIGW_E_NOMEM;
    if (rc != AIGW_OK || x->out.failed || !a->complete)
        fold_failed(x, x->out.failed ? AIGW_E_NOMEM : rc);
    else
        gw_attempt_done(x);
}

void gw_whole_give(aigw_exchange *x, const gw_answer *answer)
{
    if (x->stream)
        write_stream(x, answer);
    else
        write_whole(x, answer);
}

/* The provider's part is over; who is asked about the answer has a time limit of its own. */
static void ask_about(aigw_exchange *x, gw_answer *answer)
{
    gw_attempt *a = &x->attempt;
    const gw_event start = {.kind = GW_EV_START,
                            .id = answer->id,
                            .model = answer->model,
                            .created = answer->created,
                            .service_tier = answer->service_tier,
                            .fingerprint = answer->fingerprint};
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    if (a->transfer)
        x->loop->transport->cancel(x->loop->transport_self, a->transfer);
    a->transfer = NULL;
    int rc = x->stream ? gw_stream_begin(x, &start) : AIGW_OK;
    if (rc != AIGW_OK)
        fold_failed(x, rc);
    else if (!gw_guard_answer(x, answer))
        gw_whole_give(x, answer);
}

void gw_whole_refuse(aigw_exchange *x)
{
    static const char message[] = "The answer could not be checked.";
    const gw_api_error error = {
        .kind = GW_ERR_UNAVAILABLE, .status = 503, .message = gw_jstr_lit(message)};
    if (!x->status) {
        gw_respond_error(x, &error);
        gw_attempt_drop(x);
        return;
    }
    gw_stream_error_event(x, &error);
    gw_attempt_drop(x);
    gw_exchange_broke(x, AIGW_E_UPSTREAM, message);
}

void gw_whole_fold_end(aigw_exchange *x)
{
    gw_answer answer;
    gw_api_error error;
    int rc = gw_fold_result(x->attempt.fold, &answer, &error);
    if (rc == AIGW_E_UPSTREAM) {
        gw_attempt_fail_with(x, &error);
        return;
    }
    if (rc != AIGW_OK) {
        fold_failed(x, rc);
        return;
    }
    gw_usage_merge(&x->usage, &answer.usage);
    if (gw_guard_collects(x))
        ask_about(x, &answer);
    else
        gw_whole_give(x, &answer);
}

/* What was asked was no chat. */
static void end_other(aigw_exchange *x)
{
    aigw_slice body = gw_buf_slice(&x->attempt.body);
    int rc = x->op == GW_OP_COUNT ? gw_count_end(x, body) : gw_embed_end(x, body);
    if (rc == AIGW_OK)
        gw_attempt_drop(x);
    else
        fold_failed(x, rc);
}

void gw_whole_end(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (forwarded(x)) {
        if (!a->wire->tap_answer(gw_buf_slice(&x->out), &x->usage)) {
            junk(x);
            return;
        }
        gw_respond_begin(x, 200, "application/json");
        gw_respond_whole(x);
        gw_attempt_drop(x);
        return;
    }
    if (x->op != GW_OP_CHAT) {
        end_other(x);
        return;
    }
    gw_json_doc doc;
    gw_event_sink sink = gw_stream_sink(x);
    a->fold = gw_fold_new(x->arena);
    int rc = a->fold ? gw_json_parse(x->arena, gw_buf_slice(&a->body), &answer_limits, &doc, NULL)
                     : AIGW_E_NOMEM;
    if (rc == AIGW_OK)
        rc = a->wire->read_answer(x->arena, &doc, &sink, NULL);
    if (rc != AIGW_OK)
        fold_failed(x, rc);
    else
        gw_whole_fold_end(x);
}

/* -- errors -- */

void gw_error_data(aigw_exchange *x, aigw_slice bytes)
{
    gw_attempt *a = &x->attempt;
    open_body(x, GW_ERROR_BODY_MAX);
    size_t room = GW_ERROR_BODY_MAX - gw_buf_len(&a->body);
    gw_buf_add(&a->body, gw_slice(bytes.data, bytes.len < room ? bytes.len : room));
}

void gw_error_end(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    aigw_slice body = a->body_on ? gw_buf_slice(&a->body) : GW_S("");
    bool again = a->should_retry < 0 ? gw_retry_status(a->status) : a->should_retry == 1;
    gw_api_error error;
    if (a->body_on)
        gw_conceal_tail(a->upstream, &a->body, 0);
    a->wire->read_error(x->arena, 0, body,
                        &error); /* some refuse a key with 400 and say it in words */
    bool ours = a->status == 401 || a->status == 403 || error.kind == GW_ERR_AUTHENTICATION;
    a->wire->read_error(x->arena, a->status, body, &error);
    if (ours)
        error.kind = GW_ERR_AUTHENTICATION;
    gw_attempt_fail_with(x, &error);
    a->outcome.again = again && !ours;
    a->outcome.elsewhere = again || ours || a->status == 404;
    a->outcome.as_it_is = !ours && a->same && error_shaped(x, body);
}
