/* How an embedder takes the answer: head, bytes, waiting, and the blocking form of it all. */
#include "base/error.h"
#include "gateway/pass.h"

#define FORM_MAX ((size_t)64 << 10) /* of a body that nobody has vouched for */

size_t aigw_exchange_body_max(const aigw_exchange *x)
{
    if (x->pass) /* it streams; its limit is its own */
        return SIZE_MAX;
    bool unwanted = !x->endpoint || !x->endpoint->body; /* it is only screened */
    bool open = unwanted || (x->endpoint->open && !x->trusted);
    return open ? FORM_MAX : x->live->config->max_exchange_bytes;
}

static int failure_of(const aigw_exchange *x, aigw_error *err)
{
    gw_fail(err, x->code, x->reason ? x->reason : "broken", "%s", x->failure);
    if (err)
        err->http_status = x->status;
    return x->code;
}

int aigw_exchange_head(aigw_exchange *x, aigw_head *out, aigw_error *err)
{
    if (!x || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "an exchange and an out");
    if (!x->status)
        return x->phase == GW_X_FAILED ? failure_of(x, err) : AIGW_AGAIN;
    x->head_seen = true;
    *out = (aigw_head){.size = sizeof *out,
                       .status = x->status,
                       .headers = x->head,
                       .header_count = x->head_count,
                       .streaming = x->streaming,
                       .body_bytes = x->body_bytes};
    return AIGW_OK;
}

int aigw_exchange_read(aigw_exchange *x, aigw_slice *out, aigw_error *err)
{
    if (!x || !out)
        return gw_fail(err, AIGW_E_INVALID, "argument", "an exchange and an out");
    if (x->status && gw_buf_len(&x->out) > 0) {
        *out = gw_buf_slice(&x->out);
        return AIGW_OK;
    }
    if (x->phase == GW_X_FAILED)
        return failure_of(x, err);
    return x->phase == GW_X_DONE ? AIGW_END : AIGW_AGAIN;
}

bool aigw_exchange_told(const aigw_exchange *x)
{
    return x && x->phase == GW_X_FAILED && x->status && !x->pass && x->streaming && x->attempt.told;
}

void aigw_exchange_consume(aigw_exchange *x, size_t n)
{
    size_t have = gw_buf_len(&x->out);
    gw_buf_consume(&x->out, n < have ? n : have);
    if (x->phase == GW_X_TRYING && x->pass)
        gw_pass_drained(x);
    else if (x->phase == GW_X_TRYING)
        gw_attempt_drained(x);
}

static bool has_news(const aigw_exchange *x)
{
    return x->phase >= GW_X_DONE || (x->pass && gw_pass_has_room(x)) ||
           (x->status && (!x->head_seen || gw_buf_len(&x->out) > 0));
}

int aigw_exchange_wait(aigw_exchange *x, int timeout_ms, aigw_error *err)
{
    if (!x)
        return gw_fail(err, AIGW_E_INVALID, "argument", "no exchange");
    aigw_loop *w = x->loop;
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : gw_now_ms(w->clock) + timeout_ms;
    bool gone = false;
    bool *outer = x->gone;
    x->gone = &gone;
    while (!gone && !has_news(x)) {
        if (x->body_due && x->phase == GW_X_BODY) {
            x->gone = outer;
            return gw_fail(err, AIGW_E_INVALID, "no_body", "the body has not been given");
        }
        int64_t left = timeout_ms < 0 ? -1 : end_ms - gw_now_ms(w->clock);
        if (timeout_ms >= 0 && left <= 0) {
            x->gone = outer;
            return AIGW_AGAIN;
        }
        aigw_loop_wait(w, left > INT32_MAX ? INT32_MAX : (int)left, NULL);
    }
    if (gone) {
        if (outer)
            *outer = true;
        return gw_fail(err, AIGW_E_CANCELLED, "freed", "the exchange was freed while it ran");
    }
    x->gone = outer;
    return AIGW_OK;
}

/* Everything of one exchange into `all`. */
static int drain(aigw_exchange *x, int64_t end_ms, const gw_clock *clock, gw_buf *all,
                 aigw_error *err)
{
    for (;;) {
        aigw_slice bytes;
        int rc = aigw_exchange_read(x, &bytes, err);
        if (rc == AIGW_OK) {
            if (!gw_buf_add(all, bytes))
                return gw_fail_nomem(err);
            aigw_exchange_consume(x, bytes.len);
            continue;
        }
        if (rc != AIGW_AGAIN)
            return rc == AIGW_END ? AIGW_OK : rc;
        int64_t left = end_ms == INT64_MAX ? -1 : end_ms - gw_now_ms(clock);
        if (end_ms != INT64_MAX && left < 0)
            left = 0;
        /* A head that nobody has asked for is news: take it, or wait would never block. */
        aigw_head head;
        aigw_exchange_head(x, &head, NULL);
        rc = aigw_exchange_wait(x, left > INT32_MAX ? INT32_MAX : (int)left, err);
        if (rc == AIGW_AGAIN)
            return gw_fail(err, AIGW_E_TIMEOUT, "timeout", "no complete answer in time");
        if (rc != AIGW_OK)
            return rc;
    }
}

static int call_on(aigw_loop *loop, const aigw_request *request, int timeout_ms, int *status,
                   gw_buf *all, aigw_usage *usage, aigw_error *err)
{
    aigw_exchange *x = NULL;
    const gw_clock *clock = loop->clock;
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : gw_now_ms(clock) + timeout_ms;
    int rc = aigw_exchange_start(loop, request, NULL, NULL, &x, err);
    if (rc != AIGW_OK)
        return rc;
    rc = drain(x, end_ms, clock, all, err);
    if (rc == AIGW_OK) {
        *status = x->status;
        if (usage)
            *usage = x->usage;
    }
    aigw_exchange_free(x);
    return rc;
}

int aigw_call(aigw_gateway *gw, const aigw_request *request, int timeout_ms, int *status,
              aigw_slice *body, aigw_usage *usage, aigw_error *err)
{
    if (!gw || !request || !status || !body || request->body_follows)
        return gw_fail(err, AIGW_E_INVALID, "argument", "a gateway, a request with its body, outs");
    aigw_loop *loop = NULL;
    int rc = aigw_loop_new(gw, &loop, err);
    if (rc != AIGW_OK)
        return rc;
    gw_buf all;
    gw_buf_init(&all, SIZE_MAX / 2);
    int answered = 0;
    rc = call_on(loop, request, timeout_ms, &answered, &all, usage, err);
    if (rc == AIGW_OK) {
        *status = answered;
        *body = gw_buf_steal(&all);
    }
    gw_buf_free(&all);
    aigw_loop_free(loop);
    return rc;
}
