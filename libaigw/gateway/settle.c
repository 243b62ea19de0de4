/* The end of an exchange: telling its owner, and the books. Must not see a body or a token. */
#include "base/text.h"
#include "gateway/pass.h"

static void count_tokens(aigw_exchange *x)
{
    const struct {
        gw_counter counter;
        int64_t n;
    } tokens[] = {
        {GW_C_INPUT_TOKENS, x->usage.input_tokens},
        {GW_C_OUTPUT_TOKENS, x->usage.output_tokens},
        {GW_C_CACHED_TOKENS, x->usage.cached_tokens},
        {GW_C_REASONING_TOKENS, x->usage.reasoning_tokens},
    };
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        if (tokens[i].n > 0)
            gw_metrics_add(x->loop->metrics, tokens[i].counter, (uint64_t)tokens[i].n);
    }
}

static void access_line(const aigw_exchange *x, const char *outcome, int64_t ms)
{
    gw_log_field fields[24];
    size_t n = 0;
    const gw_upstream *up = x->attempt.upstream;
    fields[n++] = GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len));
    fields[n++] = GW_LOG_TEXT("route", aigw_slice_of(x->endpoint ? x->endpoint->name : "none"));
    fields[n++] = GW_LOG_INT("status", x->status);
    fields[n++] = GW_LOG_TEXT("outcome", aigw_slice_of(outcome));
    if (x->reason)
        fields[n++] = GW_LOG_TEXT("reason", aigw_slice_of(x->reason));
    if (x->gate.verdict == GW_GATE_DENY && x->gate.alb_reason && x->gate.alb_reason[0])
        fields[n++] = GW_LOG_TEXT("alb_reason", aigw_slice_of(x->gate.alb_reason));
    char client[GW_IP_TEXT];
    if (x->has_client_ip)
        fields[n++] =
            GW_LOG_TEXT("client", gw_slice(client, gw_ip_format(&x->client_ip, client)));
    if (x->tls_subject.len)
        fields[n++] = GW_LOG_TEXT("tls_subject", x->tls_subject);
    if (x->gate.subject.len)
        fields[n++] = GW_LOG_TEXT("subject", x->gate.subject);
    if (x->gate.team.len)
        fields[n++] = GW_LOG_TEXT("team", x->gate.team);
    if (x->model.len)
        fields[n++] = GW_LOG_TEXT("model", x->model);
    if (up)
        fields[n++] = GW_LOG_TEXT("provider", up->name);
    if (x->tries)
        fields[n++] = GW_LOG_INT("tries", x->tries);
    if (x->usage.input_tokens >= 0)
        fields[n++] = GW_LOG_INT("input_tokens", x->usage.input_tokens);
    if (x->usage.output_tokens >= 0)
        fields[n++] = GW_LOG_INT("output_tokens", x->usage.output_tokens);
    if (x->usage.cached_tokens >= 0)
        fields[n++] = GW_LOG_INT("cached_tokens", x->usage.cached_tokens);
    if (x->pass) {
        fields[n++] = GW_LOG_INT("request_bytes", (int64_t)x->pass->sent);
        fields[n++] = GW_LOG_INT("response_bytes", (int64_t)x->pass->received);
    }
    aigw_slice guard = gw_guard_word(x);
    if (guard.len)
        fields[n++] = GW_LOG_TEXT("guard", guard);
    fields[n++] = GW_LOG_INT("ms", ms);
    if (x->first_byte_ms)
        fields[n++] = GW_LOG_INT("first_byte_ms", x->first_byte_ms - x->begun_ms);
    bool probe = x->endpoint && x->endpoint->probe && x->status < 400; /* each few seconds, for ever */
    gw_log_event(&x->live->log, probe ? AIGW_LOG_DEBUG : AIGW_LOG_INFO, "request", fields, n);
}

void gw_settle(aigw_exchange *x, const char *outcome)
{
    if (x->settled)
        return;
    x->settled = true;
    int64_t ms = gw_now_ms(x->loop->clock) - x->begun_ms;
    int64_t first = x->first_byte_ms ? x->first_byte_ms - x->begun_ms : -1;
    /* A client that went away before an answer is booked as 499, as proxies do. */
    int status = x->status ? x->status : x->phase == GW_X_FAILED ? 500 : 499;
    gw_metrics_request(x->loop->metrics, x->endpoint ? x->endpoint->name : "none", status, ms,
                       first);
    gw_metrics_in_flight(x->loop->metrics, -1);
    count_tokens(x);
    gw_quota_settle(x);
    gw_guard_settle(x);
    gw_evidence_settle(x);
    if (x->pass) {
        gw_metrics_add(x->loop->metrics, GW_C_PASS_REQUEST_BYTES, x->pass->sent);
        gw_metrics_add(x->loop->metrics, GW_C_PASS_RESPONSE_BYTES, x->pass->received);
    }
    if (x->live->config->access_log && x->live->log.write)
        access_line(x, outcome, ms);
}

/* -- saying that there is something to look at -- */

static void call_ready(void *user)
{
    aigw_exchange *x = user;
    x->ready(x, x->user); /* x may be gone afterwards */
}

void gw_exchange_tell(aigw_exchange *x)
{
    if (x->ready)
        gw_loop_defer(x->loop->loop, &x->tell, call_ready, x);
}

void gw_exchange_done(aigw_exchange *x)
{
    x->phase = GW_X_DONE;
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    gw_settle(x, x->status < 400 ? "ok" : "refused");
    gw_exchange_tell(x);
}

void gw_exchange_broke(aigw_exchange *x, int code, const char *failure)
{
    x->phase = GW_X_FAILED;
    x->code = code;
    x->failure = failure;
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    gw_settle(x, "broken");
    gw_exchange_tell(x);
}
