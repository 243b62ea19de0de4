/* Asks somebody else about texts, once, with a deadline; and keeps a waiting client's stream alive meanwhile.
 * Must not know what is done about a verdict. */
#include "gateway/guard/run.h"

#include "base/error.h"
#include "base/text.h"

#define ANSWER_BYTES ((size_t)256 << 10) /* besides the texts, which may come back */

static const gw_guard_remote *remote_of(const gw_guard_run *run)
{
    return &run->guards->items[run->ask.guard].remote;
}

void gw_guard_ask_drop(gw_guard_run *run)
{
    gw_guard_ask *ask = &run->ask;
    aigw_loop *w = run->x->loop;
    if (ask->transfer)
        w->transport->cancel(w->transport_self, ask->transfer);
    ask->transfer = NULL;
    gw_loop_timer_clear(w->loop, &ask->timer);
    if (ask->on) {
        gw_buf_free(&ask->sent);
        gw_buf_free(&ask->got);
    }
    ask->on = false;
}

/* ---- the verdict ---- */

static void log_failure(gw_guard_run *run, const char *reason)
{
    const aigw_exchange *x = run->x;
    gw_log_field fields[] = {GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len)),
                             GW_LOG_TEXT("guard", run->guards->items[run->ask.guard].name),
                             GW_LOG_TEXT("stage", run->ask.stage ? GW_S("answer") : GW_S("prompt")),
                             GW_LOG_TEXT("failure", aigw_slice_of(reason)),
                             GW_LOG_TEXT("policy", remote_of(run)->policy == GW_REMOTE_FAIL_OPEN
                                                       ? GW_S("open")
                                                       : GW_S("closed"))};
    gw_log_event(&x->live->log, AIGW_LOG_WARN, "guard_failed", fields, 5);
}

static void settle(gw_guard_run *run, int code, const char *reason)
{
    if (code != AIGW_OK)
        log_failure(run, reason);
    gw_remote_settle(code, remote_of(run)->policy, &run->ask.verdict);
}

static int read_verdict(gw_guard_run *run, aigw_error *err)
{
    gw_guard_ask *ask = &run->ask;
    const gw_guard_remote *r = remote_of(run);
    gw_arena *arena = run->x->arena;
    aigw_slice body = gw_buf_slice(&ask->got);
    if (ask->got.failed)
        return gw_fail(err, AIGW_E_UPSTREAM, "guard_too_large", "the answer is too large");
    if (r->asks == GW_ASKS_WEBHOOK)
        return gw_webhook_read(arena, ask->status, body, ask->text_count, &ask->verdict, err);
    if (r->asks == GW_ASKS_MODERATION)
        return gw_moderation_read(arena, ask->status, body, ask->text_count, r->limits,
                                  r->limit_count, &ask->verdict, err);
    return gw_apply_guardrail_read(arena, ask->status, body, ask->text_count, &ask->verdict, err);
}

/* ---- the transport's calls ---- */

static void on_head(void *user, int status, const aigw_header *headers, size_t count)
{
    gw_guard_run *run = user;
    (void)headers;
    (void)count;
    run->ask.status = status;
}

static bool on_data(void *user, aigw_slice bytes)
{
    gw_guard_run *run = user;
    gw_buf_add(&run->ask.got, bytes); /* what is too much fails it, and is seen at the end */
    return true;
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    gw_guard_run *run = user;
    aigw_error err = {0};
    int code = AIGW_E_UPSTREAM;
    const char *reason = gw_http_failure_name(failure);
    (void)sent;
    run->ask.transfer = NULL;
    gw_loop_timer_clear(run->x->loop->loop, &run->ask.timer);
    if (failure == GW_HTTP_OK) {
        code = read_verdict(run, &err);
        reason = err.reason;
    }
    settle(run, code, reason);
    run->ask.done(run);
}

static const gw_http_handler handler = {on_head, on_data, on_end};

/* ---- time ---- */

static void on_timer(void *user);

static bool arm(gw_guard_run *run)
{
    const aigw_exchange *x = run->x;
    int64_t due = run->ask.due_ms;
    if (x->streaming && x->fed_ms + GW_PING_MS < due)
        due = x->fed_ms + GW_PING_MS;
    return gw_loop_timer_set(x->loop->loop, &run->ask.timer, due, on_timer, run);
}

static void give_up(gw_guard_run *run, const char *reason)
{
    aigw_loop *w = run->x->loop;
    if (run->ask.transfer)
        w->transport->cancel(w->transport_self, run->ask.transfer);
    run->ask.transfer = NULL;
    settle(run, AIGW_E_TIMEOUT, reason);
    run->ask.done(run);
}

static void on_timer(void *user)
{
    gw_guard_run *run = user;
    aigw_exchange *x = run->x;
    int64_t now = gw_loop_now_ms(x->loop->loop);
    if (now >= run->ask.due_ms) {
        give_up(run, "timeout");
        return;
    }
    if (x->streaming && now >= x->fed_ms + GW_PING_MS)
        gw_stream_ping(x);
    if (!arm(run))
        give_up(run, "out_of_memory");
}

/* ---- asking ---- */

static void write_question(gw_guard_run *run)
{
    gw_guard_ask *ask = &run->ask;
    const aigw_exchange *x = run->x;
    const gw_guard_remote *r = remote_of(run);
    const gw_remote_question q = {.answer = ask->stage == GW_GUARD_ON_ANSWER,
                                  .request_id = gw_slice(x->id, x->id_len),
                                  .client = x->gate.subject,
                                  .model = x->model,
                                  .texts = ask->texts,
                                  .text_count = ask->text_count};
    if (r->asks == GW_ASKS_WEBHOOK)
        gw_webhook_write(&ask->sent, &q);
    else if (r->asks == GW_ASKS_MODERATION)
        gw_moderation_write(&ask->sent, r->model, &q);
    else
        gw_apply_guardrail_write(&ask->sent, &q);
}

static int sign(gw_guard_run *run, gw_http_request *request, aigw_header *headers)
{
    const gw_upstream *up = remote_of(run)->upstream;
    if (!up || !up->provider->sign || up->key_pair.access_key_id.len == 0)
        return AIGW_OK;
    const gw_signable what = {.site = &up->site,
                              .keys = &up->key_pair,
                              .method = GW_S("POST"),
                              .host = up->authority,
                              .path = request->path,
                              .body = request->body,
                              .unix_s = gw_unix_s(run->x->loop->clock)};
    return up->provider->sign(run->x->arena, &what, headers, &request->header_count, NULL);
}

static int send(gw_guard_run *run)
{
    gw_guard_ask *ask = &run->ask;
    const gw_guard_remote *r = remote_of(run);
    aigw_loop *w = run->x->loop;
    aigw_header headers[GW_SIGN_HEADERS];
    gw_http_request request = {.target = r->own ? r->own : r->upstream->target,
                               .method = "POST",
                               .headers = headers,
                               .body = gw_buf_slice(&ask->sent),
                               .path = r->path,
                               .max_body_bytes = ask->got.max};
    int rc = sign(run, &request, headers);
    if (rc == AIGW_OK)
        rc = w->transport->start(w->transport_self, &request, &handler, run, &ask->transfer, NULL);
    return rc;
}

static size_t bytes_of(const gw_guard_ask *ask)
{
    size_t sum = 0;
    for (size_t i = 0; i < ask->text_count; i++)
        sum += ask->texts[i].len;
    return sum;
}

bool gw_guard_ask_start(gw_guard_run *run)
{
    gw_guard_ask *ask = &run->ask;
    size_t bytes = bytes_of(ask);
    gw_guard_ask_drop(run);
    ask->status = 0;
    ask->verdict = (gw_remote_verdict){.word = GW_REMOTE_PASS};
    gw_buf_init(&ask->sent, 8 * GW_GUARD_ASK_BYTES);
    gw_buf_init(&ask->got, 2 * bytes + ANSWER_BYTES);
    ask->on = true;
    ask->due_ms = gw_now_ms(run->x->loop->clock) + remote_of(run)->timeout_ms;
    if (bytes > GW_GUARD_ASK_BYTES) {
        settle(run, AIGW_E_LIMIT, "text_too_large");
        return false;
    }
    write_question(run);
    if (ask->sent.failed || !arm(run)) {
        settle(run, AIGW_E_NOMEM, "out_of_memory");
        return false;
    }
    int rc = send(run);
    if (rc == AIGW_OK)
        return true;
    gw_loop_timer_clear(run->x->loop->loop, &ask->timer);
    ask->transfer = NULL;
    settle(run, rc, "not_asked");
    return false;
}
