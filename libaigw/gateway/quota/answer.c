/* What a client is told of its limits: a refusal in its dialect, and the header fields of every answer.
 * Must not know whose counts they are. */
#include "base/text.h"
#include "gateway/state.h"
#include <inttypes.h>
#include <stdio.h>

/* -- header fields -- */

static bool contains(aigw_slice text, aigw_slice part)
{
    return gw_find(text, part) != NULL;
}

/* A provider's own word about what we limit ourselves: two truths would be none. */
static bool contradicts(aigw_slice name, const gw_limit_facts *facts)
{
    char lower[64];
    size_t len = name.len < sizeof lower ? name.len : sizeof lower;
    if (!gw_starts_nocase(name, GW_S("x-ratelimit-")) &&
        !gw_starts_nocase(name, GW_S("anthropic-ratelimit-")))
        return false;
    for (size_t i = 0; i < len; i++)
        lower[i] =
            (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32 : name.data[i]);
    aigw_slice text = gw_slice(lower, len);
    return (facts->requests && contains(text, GW_S("requests"))) ||
           (facts->tokens && contains(text, GW_S("tokens")));
}

static void drop_contradictions(aigw_exchange *x, const gw_limit_facts *facts)
{
    size_t n = 0;
    for (size_t i = 0; i < x->head_count; i++) {
        if (!contradicts(x->head[i].name, facts))
            x->head[n++] = x->head[i];
    }
    x->head_count = n;
}

/* Of two limits of a kind the one with the smaller share left. */
static const aigw_limit_ask *tighter(const aigw_limit_ask *a, const aigw_limit_ask *b)
{
    if (!a)
        return b;
    return b->remaining * a->limit < a->remaining * b->limit ? b : a;
}

/* Was there a count, be it this process's own? */
static bool counted(const aigw_exchange *x, const aigw_limit_ask *ask)
{
    const aigw_limit_rule *rule = &x->live->config->quota.rules[ask->rule];
    return ask->by != 0 &&
           (ask->by != AIGW_LIMIT_BY_POLICY || rule->on_fail == AIGW_LIMIT_FAIL_LOCAL);
}

static gw_limit_facts facts_of(const aigw_exchange *x)
{
    const gw_quota_held *q = &x->quota;
    gw_limit_facts f = {0};
    for (size_t i = 0; i < q->count; i++) {
        const aigw_limit_ask *ask = &q->asks[i];
        if (!counted(x, ask))
            continue;
        if (q->kinds[i] == GW_QUOTA_REQUESTS)
            f.requests = tighter(f.requests, ask);
        else if (q->kinds[i] != GW_QUOTA_HELD)
            f.tokens = tighter(f.tokens, ask);
    }
    return f;
}

/* The lines lie in the arena; without memory the client does without. */
static void give_lines(aigw_exchange *x, const gw_limit_facts *facts)
{
    gw_quota_held *q = &x->quota;
    if (!q->lines)
        q->lines = gw_arena_calloc(x->arena, GW_LIMIT_LINES, sizeof *q->lines);
    if (!q->lines)
        return;
    aigw_format format = x->wire ? x->wire->format : AIGW_FORMAT_OPENAI_CHAT;
    size_t n = gw_limit_headers(format, facts, gw_unix_s(x->loop->clock) * 1000, q->lines);
    for (size_t i = 0; i < n; i++)
        gw_respond_header(x, aigw_slice_of(q->lines[i].name), aigw_slice_of(q->lines[i].value));
}

/* -- why a call was refused -- */

typedef struct refusal {
    const aigw_limit_ask *ask; /* the one that was hardest; NULL: nobody could tell */
    gw_quota_kind kind;
    bool never; /* it would not fit into an empty window either */
    int64_t retry_after_ms;
} refusal;

static refusal why(const aigw_exchange *x)
{
    const gw_quota_held *q = &x->quota;
    refusal r = {.retry_after_ms = -1};
    for (size_t i = 0; i < q->count; i++) {
        const aigw_limit_ask *ask = &q->asks[i];
        if (ask->allowed || !counted(x, ask))
            continue;
        bool never = ask->n > ask->limit;
        if (!r.ask || (never && !r.never) ||
            (never == r.never && ask->retry_after_ms > r.retry_after_ms)) {
            r = (refusal){ask, q->kinds[i], never, ask->retry_after_ms};
        }
    }
    return r;
}

void gw_quota_headers(aigw_exchange *x)
{
    const gw_quota_held *q = &x->quota;
    if (q->address_refused && x->head_status != 403) {
        gw_limit_facts f = {.denied = true, .retry_after_ms = q->address.retry_after_ms};
        give_lines(x, &f);
    }
    if (!q->told)
        return;
    gw_limit_facts f = facts_of(x);
    if (q->refused) {
        refusal r = why(x);
        f.denied = true;
        f.retry_after_ms = r.retry_after_ms;
        if (r.never)
            gw_respond_header(x, GW_S("x-should-retry"), GW_S("false"));
    }
    drop_contradictions(x, &f);
    give_lines(x, &f);
}

/* -- the refusals -- */

static const struct {
    const char *what, *per, *reason, *type;
} words[GW_QUOTA_KINDS] = {
    {"requests", " per minute", "rate_limit_requests", "requests"},
    {"tokens", " per minute", "rate_limit_tokens", "tokens"},
    {"tokens", " per day", "rate_limit_day", "tokens"},
    {"concurrent requests", " at a time", "rate_limit_concurrency", NULL},
};

static void respond(aigw_exchange *x, const char *text, const char *type)
{
    gw_api_error error = {.kind = GW_ERR_RATE_LIMIT,
                          .status = 429,
                          .message = gw_jstr_plain(x->arena, aigw_slice_of(text)),
                          .code = gw_jstr_lit("rate_limit_exceeded")};
    if (type)
        error.type = gw_jstr_lit(type);
    if (!gw_has(error.message))
        error.message = gw_jstr_lit("Rate limit reached.");
    gw_respond_error(x, &error);
}

static void unavailable(aigw_exchange *x)
{
    x->reason = "rate_limit_unavailable";
    gw_metrics_denied(x->loop->metrics, x->reason);
    gw_respond_fail(x, GW_ERR_UNAVAILABLE, 503, "Limits cannot be checked at the moment.");
}

/* A bucket holds its burst; what is said is what runs in. */
static int64_t told_limit(const aigw_exchange *x, const aigw_limit_ask *ask)
{
    const aigw_limit_rule *rule = &x->live->config->quota.rules[ask->rule];
    return rule->kind == AIGW_LIMIT_TOKEN_BUCKET ? rule->rate : ask->limit;
}

static void say_why(const aigw_exchange *x, const refusal *r, char *text, size_t size)
{
    char wait[32];
    const char *what = words[r->kind].what, *per = words[r->kind].per;
    int64_t limit = told_limit(x, r->ask);
    if (r->never) {
        bool burst = limit != r->ask->limit;
        snprintf(text, size,
                 "This request may need %" PRId64 " %s, which is above the limit of %" PRId64
                 "%s. It cannot succeed as it is.",
                 r->ask->n, what, r->ask->limit, burst ? " at once" : per);
    } else if (r->retry_after_ms > 0) {
        gw_limit_duration(r->retry_after_ms, wait);
        snprintf(text, size,
                 "Rate limit reached for %s: limit %" PRId64 "%s, %" PRId64 " left, %" PRId64
                 " requested. Please try again in %s.",
                 what, limit, per, r->ask->remaining, r->ask->n, wait);
    } else {
        snprintf(text, size, "Rate limit reached for %s: limit %" PRId64 "%s.", what, limit, per);
    }
}

void gw_quota_refuse_call(aigw_exchange *x)
{
    char text[256];
    refusal r = why(x);
    x->quota.refused = true;
    if (!r.ask) {
        unavailable(x);
        return;
    }
    x->reason = words[r.kind].reason;
    gw_metrics_denied(x->loop->metrics, x->reason);
    say_why(x, &r, text, sizeof text);
    respond(x, text, words[r.kind].type);
}

void gw_quota_refuse_address(aigw_exchange *x, int status, bool unknown)
{
    x->quota.address_refused = true;
    if (unknown) {
        unavailable(x);
        return;
    }
    x->reason = "rate_limit_address";
    gw_metrics_denied(x->loop->metrics, x->reason);
    if (status == 403)
        gw_respond_fail(x, GW_ERR_PERMISSION, 403, "The request was refused.");
    else
        respond(x, "Too many requests. Please try again later.", NULL);
}
