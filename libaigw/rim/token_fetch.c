/* One fetch of a token: a request, at most one more after a pause, and what came of it. */
/* Must not keep a token, nor know who waits for it. */
#include "rim/token_parts.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/token_answer.h"

#define TRIES 2

struct gw_token_fetch {
    gw_token_fetch *next, *prev; /* of the port */
    gw_token_port *port;
    gw_token_job job;
    gw_transfer *transfer;
    gw_timer pause;
    gw_secret own; /* the body of a try, when it is not the constant one */
    gw_buf answer;
    int tries, status;
    int64_t retry_after_s;
    int64_t deadline_ms;
};

static void begin(void *fetch);

static void wipe_buf(gw_buf *buf)
{
    if (buf->data)
        gw_wipe(buf->data, buf->cap);
    gw_buf_free(buf);
}

void gw_token_outcome_clear(gw_token_outcome *outcome)
{
    gw_secret_free(&outcome->token);
    gw_buf_free(&outcome->refused);
}

/* The fetch is gone afterwards. */
static void end(gw_token_fetch *f, gw_token_outcome *outcome)
{
    gw_token_job job = f->job;

    *(f->prev ? &f->prev->next : &f->port->fetches) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    gw_loop_timer_clear(f->port->loop, &f->pause);
    gw_secret_free(&f->own);
    wipe_buf(&f->answer);
    gw_free(f);
    job.done(job.user, outcome);
}

static void fail(gw_token_fetch *f, int code, const aigw_error *error)
{
    gw_token_outcome outcome = {.code = code, .error = *error};

    end(f, &outcome);
}

/* ---- trying again ---- */

static int64_t pause_ms(const gw_token_fetch *f)
{
    uint16_t dice = 0;

    if (f->retry_after_s > 0)
        return f->retry_after_s < INT32_MAX ? f->retry_after_s * 1000 : INT64_MAX / 4;
    if (!gw_random(&dice, sizeof dice))
        dice = 0;
    return f->job.retry_ms + (int64_t)f->job.retry_ms * dice / UINT16_MAX;
}

static bool again(gw_token_fetch *f)
{
    int64_t now = gw_loop_now_ms(f->port->loop);
    int64_t wait = pause_ms(f);

    if (f->tries >= TRIES || now + wait >= f->deadline_ms)
        return false;
    return gw_loop_timer_set(f->port->loop, &f->pause, now + wait, begin, f);
}

/* RFC 6749 clause 5.2: a wrong secret does not get better, whatever the status. */
static bool is_final(aigw_slice body)
{
    gw_json_limits limits = {.max_depth = 32, .max_nodes = 10000};
    gw_arena *arena = gw_arena_new((size_t)1 << 20);
    gw_json_doc doc;
    aigw_error ignored;
    bool final = false;

    if (arena && gw_json_parse(arena, body, &limits, &doc, &ignored) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT)
        final = gw_json_is(&doc, gw_json_get(&doc, 0, "error"), "invalid_client");
    gw_arena_free(arena);
    return final;
}

/* ---- the answer ---- */

static void on_head(void *user, int status, const aigw_header *headers, size_t header_count)
{
    gw_token_fetch *f = user;
    aigw_slice after = gw_header_get(headers, header_count, GW_S("retry-after"));
    uint64_t seconds;

    f->status = status;
    if (gw_parse_u64(gw_trim(after), &seconds) && seconds <= INT32_MAX)
        f->retry_after_s = (int64_t)seconds;
}

static bool on_data(void *user, aigw_slice bytes)
{
    gw_token_fetch *f = user;
    size_t room = f->answer.max - gw_buf_len(&f->answer);

    gw_buf_append(&f->answer, bytes.data, bytes.len < room ? bytes.len : room);
    return true;
}

static void transport_failed(gw_token_fetch *f, gw_http_failure failure)
{
    static const char *const texts[] = {
        [GW_HTTP_OK] = "no error",
        [GW_HTTP_DNS] = "the token endpoint's name could not be resolved",
        [GW_HTTP_CONNECT] = "the token endpoint refused the connection",
        [GW_HTTP_TLS] = "no trusted TLS connection to the token endpoint",
        [GW_HTTP_TIMEOUT] = "the token endpoint did not answer in time",
        [GW_HTTP_BROKEN] = "the token endpoint broke off its answer",
        [GW_HTTP_TOO_LARGE] = "the token endpoint's answer is too large",
        [GW_HTTP_OTHER] = "the exchange with the token endpoint failed"};
    bool unreached = failure == GW_HTTP_DNS || failure == GW_HTTP_CONNECT;
    const char *text = gw_http_is_egress(failure)
                           ? "the token endpoint's name leads to an address that is not allowed"
                           : texts[failure];
    aigw_error error;

    if (unreached && again(f))
        return;
    int code = gw_fail(&error, failure == GW_HTTP_TIMEOUT ? AIGW_E_TIMEOUT : AIGW_E_UPSTREAM,
                       gw_http_failure_name(failure), "%s", text);
    fail(f, code, &error);
}

static void refused(gw_token_fetch *f)
{
    bool busy = f->status == 429 || f->status >= 500;
    gw_token_outcome outcome = {.retry_after_s = f->retry_after_s};

    if (busy && !is_final(gw_buf_slice(&f->answer)) && again(f))
        return;
    outcome.code = gw_fail(&outcome.error, AIGW_E_UPSTREAM, "token_status",
                           "the token endpoint answered with status %d", f->status);
    outcome.error.http_status = f->status;
    gw_buf_init(&outcome.refused, GW_TOKEN_MAX_ANSWER_BYTES);
    gw_buf_add(&outcome.refused, gw_buf_slice(&f->answer));
    end(f, &outcome);
}

static void granted(gw_token_fetch *f, bool whole)
{
    gw_token_outcome outcome = {.code = AIGW_OK};

    if (!whole)
        outcome.code = gw_fail(&outcome.error, AIGW_E_PARSE, "token_answer",
                               "the token endpoint's answer is too large");
    else
        outcome.code = gw_token_answer_parse(gw_buf_slice(&f->answer), gw_unix_s(&f->job.clock),
                                             &outcome.token, &outcome.life_s, &outcome.error);
    end(f, &outcome);
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    gw_token_fetch *f = user;
    bool too_large = failure == GW_HTTP_TOO_LARGE && f->status > 0;

    (void)sent;
    f->transfer = NULL;
    if (failure != GW_HTTP_OK && !too_large)
        transport_failed(f, failure);
    else if (f->status < 200 || f->status > 299)
        refused(f);
    else
        granted(f, !too_large);
}

/* ---- asking ---- */

static int ask(gw_token_fetch *f, aigw_error *err)
{
    static const gw_http_handler handler = {on_head, on_data, on_end};
    int64_t left_ms = f->deadline_ms - gw_loop_now_ms(f->port->loop);
    gw_http_request request = {.target = f->job.request->target,
                               .method = "POST",
                               .total_timeout_ms = left_ms > 1 ? (int)left_ms : 1,
                               .max_body_bytes = GW_TOKEN_MAX_ANSWER_BYTES};

    gw_secret_free(&f->own);
    int code = gw_token_request_body(f->job.request, gw_unix_s(&f->job.clock), &f->own,
                                     &request.body, err);
    if (code != AIGW_OK)
        return code;
    return f->port->transport->start(f->port->transport_self, &request, &handler, f, &f->transfer,
                                     err);
}

static void begin(void *user)
{
    gw_token_fetch *f = user;
    aigw_error error = {0};

    f->tries++;
    f->status = 0;
    f->retry_after_s = 0;
    gw_buf_clear(&f->answer);
    int code = ask(f, &error);
    if (code != AIGW_OK)
        fail(f, code, &error);
}

void gw_token_fetch_start(gw_token_port *port, const gw_token_job *job)
{
    gw_token_fetch *f = gw_calloc(1, sizeof *f);
    gw_token_outcome outcome = {.code = AIGW_E_NOMEM};

    if (!f) {
        gw_fail_nomem(&outcome.error);
        job->done(job->user, &outcome);
        return;
    }
    f->port = port;
    f->job = *job;
    f->deadline_ms = gw_loop_now_ms(port->loop) + job->timeout_ms;
    f->next = port->fetches;
    if (f->next)
        f->next->prev = f;
    port->fetches = f;
    gw_buf_init(&f->answer, GW_TOKEN_MAX_ANSWER_BYTES);
    if (gw_buf_reserve(&f->answer,
                       GW_TOKEN_MAX_ANSWER_BYTES)) { /* at once: no copies left behind */
        begin(f);
        return;
    }
    gw_fail_nomem(&outcome.error);
    end(f, &outcome);
}

void gw_token_port_close(gw_token_port *port)
{
    while (port->fetches) {
        gw_token_fetch *f = port->fetches;
        aigw_error error;
        if (f->transfer)
            port->transport->cancel(port->transport_self, f->transfer);
        f->transfer = NULL;
        gw_fail(&error, AIGW_E_CANCELLED, "cancelled", "the fetch of a token was cancelled");
        fail(f, AIGW_E_CANCELLED, &error);
    }
}
