/* One try at one upstream: started, timed, ended; and whether another one follows.
 * Must not know any format: what bytes mean is for attempt_stream.c and attempt_whole.c. */
#include "gateway/attempt.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/fetch/fetch.h"
#include "gateway/state.h"
#include <stdio.h>

static void conclude(void *user);
static void start_again(void *user);

/* -- the end of a try -- */

bool gw_attempt_is_ours(gw_api_error_kind kind)
{
    return kind == GW_ERR_AUTHENTICATION || kind == GW_ERR_PERMISSION;
}

/* Some say in the body when to come again: the client and the next try hear it as from the head. */
static void take_wait(aigw_exchange *x, const gw_api_error *error)
{
    gw_attempt *a = &x->attempt;
    char text[16];
    if (error->retry_after_s <= 0 || a->retry_after_s >= 0)
        return;
    a->retry_after_s = error->retry_after_s;
    int n = snprintf(text, sizeof text, "%d", error->retry_after_s);
    gw_head_keep(x, GW_S("retry-after"), gw_slice(text, (size_t)n));
}

void gw_attempt_fail_with(aigw_exchange *x, const gw_api_error *error)
{
    gw_attempt *a = &x->attempt;
    if (a->over)
        return;
    a->over = true;
    a->outcome = (gw_outcome){.error = *error, .elsewhere = true};
    take_wait(x, error);
    if (gw_attempt_is_ours(error->kind))
        a->outcome.error = (gw_api_error){
            .kind = GW_ERR_UPSTREAM,
            .status = 502,
            .message = gw_jstr_lit("The provider refused the gateway's credentials.")};
    gw_loop_defer(x->loop->loop, &x->later, conclude, x);
}

void gw_attempt_fail(aigw_exchange *x, gw_api_error_kind kind, int status, const char *message)
{
    gw_api_error error = {.kind = kind, .status = status, .message = gw_jstr_lit(message)};
    gw_attempt_fail_with(x, &error);
}

void gw_attempt_fail_nomem(aigw_exchange *x)
{
    gw_attempt_fail(x, GW_ERR_UNAVAILABLE, 503, "The gateway is out of memory for this request.");
    x->attempt.outcome.elsewhere = false;
}

bool gw_attempt_may_pass(gw_api_error_kind kind)
{
    return kind == GW_ERR_RATE_LIMIT || kind == GW_ERR_SERVER || kind == GW_ERR_OVERLOADED ||
           kind == GW_ERR_UNAVAILABLE || kind == GW_ERR_TIMEOUT || kind == GW_ERR_UPSTREAM;
}

void gw_attempt_drop(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    gw_token_cancel(&a->token_waiter);
    gw_fetch_cancel(x);
    if (a->transfer)
        x->loop->transport->cancel(x->loop->transport_self, a->transfer);
    a->transfer = NULL;
    a->over = true;
    gw_stream_close(x);
    if (a->body_on)
        gw_buf_free(&a->body);
    a->body_on = false;
}

void gw_attempt_done(aigw_exchange *x)
{
    gw_attempt_drop(x);
    gw_exchange_done(x);
}

static void broke_off(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    bool late = a->outcome.error.kind == GW_ERR_TIMEOUT;
    if (!a->told)
        gw_stream_error_event(x, &a->outcome.error);
    gw_metrics_add(x->loop->metrics, GW_C_STREAMS_BROKEN, 1);
    gw_attempt_drop(x);
    x->reason = late ? "upstream_timeout" : "upstream_broke_off";
    gw_exchange_broke(x, late ? AIGW_E_TIMEOUT : AIGW_E_UPSTREAM,
                      "the provider's answer broke off");
}

/* Every planned target once, without a pause; then, if it may help, all of them again after one. */
static bool try_on(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (a->outcome.elsewhere && x->target + 1 < x->target_count) {
        x->target++;
        gw_attempt_next(x);
        return true;
    }
    if (!a->outcome.again)
        return false;
    uint32_t random = 0;
    gw_random(&random, sizeof random);
    int delay = gw_retry_delay_ms(x->round + 1, a->upstream->max_retries, a->retry_after_s,
                                  x->live->config->max_wait_retry_ms, random);
    if (delay < 0)
        return false;
    x->round++;
    x->target = 0;
    x->phase = GW_X_PAUSE;
    return gw_loop_timer_set(x->loop->loop, &x->timer, gw_now_ms(x->loop->clock) + delay,
                             start_again, x);
}

static void give_error(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    x->reason = a->outcome.error.kind == GW_ERR_TIMEOUT ? "upstream_timeout" : "upstream";
    if (!a->outcome.as_it_is) {
        gw_respond_error(x, &a->outcome.error);
        return;
    }
    gw_buf_add(&x->out, gw_buf_slice(&a->body));
    gw_respond_begin(x, a->status, "application/json");
    gw_respond_whole(x);
}

static void conclude(void *user)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    gw_metrics_add(x->loop->metrics, GW_C_UPSTREAM_ERRORS, 1);
    if (x->status) {
        broke_off(x);
        return;
    }
    gw_token_cancel(&a->token_waiter);
    if (a->transfer)
        x->loop->transport->cancel(x->loop->transport_self, a->transfer);
    a->transfer = NULL;
    gw_buf_clear(&x->out);
    if (try_on(x))
        return;
    give_error(x);
    gw_attempt_drop(x);
}

/* -- time -- */

static int64_t after(int64_t from_ms, int timeout_ms)
{
    return timeout_ms > 0 ? from_ms + timeout_ms : INT64_MAX;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When the upstream will have been silent for too long. */
static int64_t silence_due(const aigw_exchange *x)
{
    const gw_attempt *a = &x->attempt;
    const gw_upstream *u = a->upstream;
    if (a->take == GW_TAKE_NOTHING)
        return after(a->begun_ms, u->first_byte_timeout_ms);
    if (a->paused)
        return INT64_MAX; /* it is the client who is slow */
    int64_t due = after(a->last_ms, u->idle_timeout_ms);
    if (!x->status && a->take == GW_TAKE_STREAM)
        due = sooner(due, after(a->head_ms, u->first_event_timeout_ms));
    return due;
}

static int64_t ping_due(const aigw_exchange *x)
{
    return x->streaming && !x->attempt.paused ? x->fed_ms + GW_PING_MS : INT64_MAX;
}

/* How long the transfer of a complete answer may go on to its end, so that its connection is used again. */
static int64_t linger_due(const gw_attempt *a)
{
    return a->cut ? a->last_ms : a->last_ms + GW_LINGER_MS;
}

static void on_timer(void *user)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    int64_t now = gw_loop_now_ms(x->loop->loop);
    if (a->over)
        return;
    if (a->complete) {
        if (now >= linger_due(a))
            gw_stream_end(x, false);
        else
            gw_attempt_arm(x);
        return;
    }
    bool total = now >= after(a->begun_ms, a->upstream->total_timeout_ms);
    if (total || now >= silence_due(x)) {
        x->quota.unsure = x->quota.unsure || a->transfer;
        gw_attempt_fail(x, GW_ERR_TIMEOUT, 504, "The provider did not answer in time.");
        a->outcome.elsewhere = !total;
        return;
    }
    if (now >= ping_due(x))
        gw_stream_ping(x);
    gw_attempt_arm(x);
}

/* Activity only moves deadlines away, so it need not touch the timer: on_timer looks again. */
void gw_attempt_arm(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    int64_t due = a->complete ? linger_due(a)
                              : sooner(after(a->begun_ms, a->upstream->total_timeout_ms),
                                       sooner(silence_due(x), ping_due(x)));
    if (due == INT64_MAX)
        gw_loop_timer_clear(x->loop->loop, &x->timer);
    else if (!gw_loop_timer_set(x->loop->loop, &x->timer, due, on_timer, x))
        gw_attempt_fail_nomem(x); /* what cannot be timed must not run */
}

/* -- the transport's calls -- */

static void ask_again(void *user)
{
    aigw_exchange *x = user;
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    gw_buf_clear(&x->out);
    gw_attempt_next(x);
}

/* A token that its provider refuses is fetched anew, once for each exchange and target. */
static bool renew_token(aigw_exchange *x, int status)
{
    gw_attempt *a = &x->attempt;
    const gw_route_target *target = &x->targets[x->target];
    unsigned bit = 1u << x->target;
    if (status != 401 || !a->token_serial || (x->renewed & bit))
        return false;
    x->renewed |= bit;
    if (!gw_token_drop(x->live->tokens[target->provider], a->token_serial))
        return false;
    a->over = true;
    gw_loop_defer(x->loop->loop, &x->later, ask_again, x);
    return true;
}

static void on_head(void *user, int status, const aigw_header *headers, size_t count)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    if (a->over || renew_token(x, status))
        return;
    a->head_ms = a->last_ms = gw_loop_now_ms(x->loop->loop);
    a->take = status >= 400 ? GW_TAKE_ERROR : GW_TAKE_SNIFF;
    if (!gw_head_take(x, status, headers, count))
        gw_attempt_fail_nomem(x);
    else if (status > 599)
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider answered with no status of HTTP.");
    else if (status < 200 || (status >= 300 && status < 400))
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider answered with a redirect.");
    else
        gw_attempt_arm(x);
}

static void sniff(aigw_exchange *x, aigw_slice bytes)
{
    gw_attempt *a = &x->attempt;
    bool stream = gw_head_is_stream(x, bytes);
    a->take = stream ? GW_TAKE_STREAM : GW_TAKE_WHOLE;
    if (!(stream ? gw_stream_open(x) : gw_whole_open(x)))
        gw_attempt_fail_nomem(x);
    else if (stream)
        gw_attempt_arm(x); /* for the first event */
}

static bool on_data(void *user, aigw_slice bytes)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    if (a->over || a->complete || bytes.len == 0)
        return true;
    if (x->status && gw_buf_len(&x->out) >= GW_OUT_HIGH) {
        a->paused = true;
        return false;
    }
    a->last_ms = gw_loop_now_ms(x->loop->loop);
    if (a->take == GW_TAKE_SNIFF)
        sniff(x, bytes);
    if (a->over)
        return true;
    if (a->take == GW_TAKE_STREAM)
        gw_stream_data(x, bytes);
    else if (a->take == GW_TAKE_WHOLE)
        gw_whole_data(x, bytes);
    else
        gw_error_data(x, bytes);
    return true;
}

static void transport_failed(aigw_exchange *x, gw_http_failure failure, bool sent)
{
    gw_attempt *a = &x->attempt;
    bool late = failure == GW_HTTP_TIMEOUT;
    bool unreached = failure == GW_HTTP_DNS || failure == GW_HTTP_CONNECT ||
                     failure == GW_HTTP_TLS || gw_http_is_egress(failure);
    x->quota.unsure = x->quota.unsure || (sent && !unreached);
    gw_log_field fields[] = {GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len)),
                             GW_LOG_TEXT("provider", a->upstream->name),
                             GW_LOG_TEXT("failure", aigw_slice_of(gw_http_failure_name(failure))),
                             GW_LOG_TEXT("host", a->upstream->host)};
    gw_log_event(&x->live->log, AIGW_LOG_WARN, "upstream_failed", fields, 4);
    gw_attempt_fail(x, late ? GW_ERR_TIMEOUT : GW_ERR_UPSTREAM, late ? 504 : 502,
                    late        ? "The provider did not answer in time."
                    : unreached ? "The provider could not be reached."
                                : "The connection to the provider broke.");
    a->outcome.again =
        failure != GW_HTTP_TOO_LARGE && !gw_http_is_egress(failure) && (!late || !sent);
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    a->transfer = NULL;
    if (a->over)
        return;
    if (a->take == GW_TAKE_STREAM)
        gw_stream_end(x, failure != GW_HTTP_OK);
    else if (a->take == GW_TAKE_ERROR)
        gw_error_end(x); /* as much of the body as came */
    else if (failure != GW_HTTP_OK)
        transport_failed(x, failure, sent);
    else if (a->take == GW_TAKE_WHOLE)
        gw_whole_end(x);
    else
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider's answer was empty.");
}

static const gw_http_handler handler = {on_head, on_data, on_end};

/* -- starting -- */

static void answer_in_process(aigw_exchange *x, aigw_slice body)
{
    gw_attempt *a = &x->attempt;
    gw_buf got;
    aigw_error err;
    int status = 0;
    gw_buf_init(&got, x->live->config->max_exchange_bytes);
    int rc = a->upstream->provider->answer(x->arena, body, x->stream, gw_unix_s(x->loop->clock),
                                           &status, &got, &err);
    if (got.failed)
        rc = AIGW_E_NOMEM;
    if (rc == AIGW_E_NOMEM) {
        gw_attempt_fail_nomem(x);
    } else if (rc != AIGW_OK) {
        gw_respond_refusal(x, &err);
    } else {
        bool stream = x->stream && status == 200;
        aigw_header type = {GW_S("content-type"),
                            stream ? GW_S("text/event-stream") : GW_S("application/json")};
        on_head(x, status, &type, 1);
        on_data(x, gw_buf_slice(&got));
        on_end(x, GW_HTTP_OK, true);
    }
    gw_buf_free(&got);
}

/* bearer: "Bearer ..." of a token that was fetched; "" when the credential is in the target. */
static void ask(aigw_exchange *x, aigw_slice body, aigw_slice bearer)
{
    gw_attempt *a = &x->attempt;
    aigw_error err;
    aigw_header headers[GW_SEND_HEADERS + 1 + GW_SIGN_HEADERS];
    gw_http_request request = {.target = a->upstream->target,
                               .method = "POST",
                               .headers = headers,
                               .body = body,
                               .pieces = a->pieces,
                               .path = a->path};
    int rc = gw_encode_headers(x, headers, &request.header_count, &err);
    if (bearer.len)
        headers[request.header_count++] = (aigw_header){GW_S("authorization"), bearer};
    if (rc == AIGW_OK)
        rc = gw_encode_sign(x, &request, headers, &err);
    if (rc == AIGW_OK)
        rc = x->loop->transport->start(x->loop->transport_self, &request, &handler, x, &a->transfer,
                                       &err);
    if (rc == AIGW_OK)
        gw_attempt_arm(x);
    else if (rc == AIGW_E_NOMEM)
        gw_attempt_fail_nomem(x);
    else
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The provider could not be asked.");
}

static void token_came(void *user, aigw_slice token, uint64_t serial, const aigw_error *err)
{
    aigw_exchange *x = user;
    gw_attempt *a = &x->attempt;
    gw_buf bearer;
    if (a->over)
        return;
    if (!token.len) {
        gw_attempt_fail(x, GW_ERR_UPSTREAM, 502, "The gateway has no token for the provider.");
        /* What was cancelled went away with another thread, and says nothing of the endpoint. */
        a->outcome.again = err->code == AIGW_E_CANCELLED || err->code == AIGW_E_TIMEOUT;
        return;
    }
    a->token_serial = serial;
    a->begun_ms = a->last_ms = gw_now_ms(x->loop->clock);
    gw_buf_init(&bearer, token.len + 8);
    if (gw_buf_reserve(&bearer, token.len + 8)) { /* at once: no copies left behind */
        gw_buf_puts(&bearer, "Bearer ");
        gw_buf_add(&bearer, token);
        ask(x, a->sent, gw_buf_slice(&bearer));
        gw_wipe(bearer.data, bearer.cap);
    } else {
        gw_attempt_fail_nomem(x);
    }
    gw_buf_free(&bearer);
}

static void ask_with_credential(aigw_exchange *x, aigw_slice body)
{
    gw_attempt *a = &x->attempt;
    aigw_token_source *source = x->live->tokens[x->targets[x->target].provider];
    if (!source) {
        ask(x, body, (aigw_slice){NULL, 0});
        return;
    }
    a->sent = body;
    gw_token_ask(source, &x->loop->tokens, &a->token_waiter, token_came, x);
    if (a->token_waiter.waiting)
        gw_attempt_arm(x);
}

static void begin(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    gw_attempt_drop(x);
    memset(a, 0, sizeof *a);
    a->upstream = &x->live->config->upstreams[x->targets[x->target].provider];
    a->wire = gw_encode_wire(x, &x->targets[x->target]);
    /* A stream without a tap is read and written: its bytes could not be looked at in passing. */
    a->same = a->wire && a->wire == x->wire && (!x->stream || a->wire->tap_event);
    a->retry_after_s = a->should_retry = -1;
    a->length = -1;
    a->begun_ms = a->last_ms = gw_now_ms(x->loop->clock);
    x->phase = GW_X_TRYING;
    if (x->tries++ > 0)
        gw_metrics_add(x->loop->metrics, GW_C_RETRIES, 1);
}

static void encode_and_ask(aigw_exchange *x)
{
    aigw_slice body;
    aigw_error err;
    int rc = gw_encode_body(x, &x->targets[x->target], &body, &err);
    if (rc == AIGW_OK && !x->attempt.upstream->provider->answer)
        rc = gw_encode_path(x, &x->targets[x->target], &x->attempt.path, &err);
    if (rc == AIGW_E_NOMEM)
        gw_attempt_fail_nomem(x);
    else if (rc == AIGW_END)
        gw_attempt_drop(x); /* it has been answered here */
    else if (rc != AIGW_OK)
        gw_respond_refusal(x, &err);
    else if (x->attempt.upstream->provider->answer)
        answer_in_process(x, body);
    else
        ask_with_credential(x, body);
}

void gw_attempt_fetched(aigw_exchange *x)
{
    x->attempt.begun_ms = x->attempt.last_ms = gw_now_ms(x->loop->clock);
    encode_and_ask(x);
}

/* In the client's own format its URLs are between it and the provider. */
void gw_attempt_next(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    begin(x);
    bool reads = a->wire && !a->same && (x->op == GW_OP_CHAT || x->op == GW_OP_COUNT);
    if (!reads || a->upstream->provider->answer || gw_fetch_urls(x, a->wire) == GW_NEXT_ON)
        encode_and_ask(x);
}

static void start_again(void *user)
{
    gw_attempt_next(user);
}

void gw_attempt_commit(aigw_exchange *x)
{
    gw_respond_begin(x, 200, gw_respond_stream_type(x));
    gw_respond_header(x, GW_S("cache-control"), GW_S("no-cache"));
    gw_respond_stream(x);
    x->fed_ms = x->first_byte_ms;
    gw_attempt_arm(x);
}

void gw_attempt_drained(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (!a->paused || !a->transfer || a->over || gw_buf_len(&x->out) >= GW_OUT_LOW)
        return;
    a->paused = false;
    a->last_ms = gw_now_ms(x->loop->clock);
    x->loop->transport->resume(x->loop->transport_self, a->transfer);
    gw_attempt_arm(x);
}
