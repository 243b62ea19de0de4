/* How an embedder gives a body that comes in pieces, and waits for room.
 * Must not know where it goes. */
#include "gateway/pass.h"

#include "base/error.h"
#include "base/text.h"

bool aigw_exchange_body_streams(const aigw_exchange *x)
{
    return x && x->pass && x->body_due;
}

/* Does anybody still want it? */
static bool wanted(const aigw_exchange *x)
{
    return x->phase < GW_X_DONE && !x->status;
}

size_t aigw_exchange_write_room(const aigw_exchange *x)
{
    return aigw_exchange_body_streams(x) && wanted(x) ? gw_pipe_room(&x->pass->pipe) : 0;
}

bool gw_pass_has_room(const aigw_exchange *x)
{
    return x->pass->wants_room && x->body_due && gw_pipe_room(&x->pass->pipe) > 0;
}

void gw_pass_on_room(void *exchange)
{
    aigw_exchange *x = exchange;
    if (gw_pipe_done(&x->pass->pipe))
        gw_pass_upload_over(x);
    else
        gw_exchange_tell(x);
}

/* False: it has been answered. */
static bool within_limit(aigw_exchange *x, size_t more)
{
    uint64_t max = x->live->config->max_pass_bytes;
    if (max == 0 || (x->pass->sent <= max && more <= max - x->pass->sent))
        return true;
    gw_attempt_drop(x);
    x->reason = "too_large";
    gw_respond_fail(x, GW_ERR_TOO_LARGE, 413, "The request is too large.");
    return false;
}

static bool is_small(const gw_pass *p)
{
    return p->length >= 0 && p->length <= GW_PASS_WHOLE_MAX;
}

int aigw_exchange_write(aigw_exchange *x, aigw_slice bytes, size_t *taken, aigw_error *err)
{
    if (!aigw_exchange_body_streams(x) || !taken)
        return gw_fail(err, AIGW_E_INVALID, "no_body_due", "this exchange wants no body in pieces");
    gw_pass *p = x->pass;
    *taken = 0;
    if (!wanted(x))
        return AIGW_END;
    if (p->length >= 0 && bytes.len > (uint64_t)p->length - p->sent)
        return gw_fail(err, AIGW_E_INVALID, "too_long", "the body is longer than content-length");
    if (bytes.len == 0)
        return AIGW_OK;
    if (!within_limit(x, bytes.len))
        return AIGW_END;
    if (!gw_pipe_write(&p->pipe, bytes, taken))
        return gw_fail_nomem(err);
    p->sent += *taken;
    p->wants_room = *taken < bytes.len;
    if (is_small(p))
        return AIGW_OK;
    p->streamed = true;
    if (x->phase == GW_X_BODY)
        gw_pass_go(x);
    else if (x->phase == GW_X_TRYING)
        gw_pass_arm(x);
    return *taken ? AIGW_OK : AIGW_AGAIN;
}

int aigw_exchange_write_end(aigw_exchange *x, aigw_error *err)
{
    if (!aigw_exchange_body_streams(x))
        return gw_fail(err, AIGW_E_INVALID, "no_body_due", "this exchange wants no body in pieces");
    gw_pass *p = x->pass;
    if (!wanted(x)) {
        x->body_due = false;
        return AIGW_OK;
    }
    if (p->length >= 0 && p->sent != (uint64_t)p->length)
        return gw_fail(err, AIGW_E_INVALID, "too_short", "the body is shorter than content-length");
    x->body_due = false;
    gw_pipe_end(&p->pipe);
    x->body = p->streamed ? gw_slice("", 0) : gw_pipe_peek(&p->pipe);
    if (x->phase == GW_X_BODY)
        gw_pass_go(x);
    else if (x->phase == GW_X_TRYING && gw_pipe_done(&p->pipe))
        gw_pass_upload_over(x);
    return AIGW_OK;
}
