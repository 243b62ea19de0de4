/* The states of an exchange and the public calls that move it. Calls and branches; parses nothing. */
#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/fetch/fetch.h"
#include "gateway/issuer/issuer.h"
#include "gateway/pass.h"
#include "gateway/peer.h"
#include "gateway/state.h"
#include <stddef.h>

/* -- the steps -- */

static void wipe_headers(aigw_exchange *x);
static bool keep_headers(aigw_exchange *x);
static void stop_waiting(aigw_exchange *x);

static void run(aigw_exchange *x)
{
    for (; *x->step; x->step++) {
        gw_next next = (*x->step)(x);
        if (next == GW_NEXT_ANSWERED)
            return;
        if (next == GW_NEXT_WAIT) {
            x->waiting = true;
            if (x->token_due && !keep_headers(x)) {
                stop_waiting(x);
                gw_respond_nomem(x);
            }
            return;
        }
    }
}

void gw_exchange_go_on(aigw_exchange *x)
{
    x->waiting = false;
    x->step++;
    run(x);
    if (!x->waiting || !x->token_due)
        wipe_headers(x);
}

/* -- the token -- */

static void list_waiting(aigw_exchange *x)
{
    x->waits = true;
    x->wait_prev = NULL;
    x->wait_next = x->loop->waiting;
    if (x->wait_next)
        x->wait_next->wait_prev = x;
    x->loop->waiting = x;
}

static void unlist_waiting(aigw_exchange *x)
{
    if (!x->waits)
        return;
    x->waits = false;
    if (x->wait_prev)
        x->wait_prev->wait_next = x->wait_next;
    else
        x->loop->waiting = x->wait_next;
    if (x->wait_next)
        x->wait_next->wait_prev = x->wait_prev;
}

static void stop_waiting(aigw_exchange *x)
{
    if (x->waits) {
        unlist_waiting(x);
        gw_keys_cancel(x->waiter.keys, &x->waiter);
    }
    gw_quota_cancel(x);
    x->waiting = false;
    gw_loop_timer_clear(x->loop->loop, &x->timer);
}

/* Credentials must not lie about in memory that is used again. */
static void wipe_headers(aigw_exchange *x)
{
    for (size_t i = 0; x->headers_kept && i < x->header_count; i++)
        gw_wipe((void *)(uintptr_t)x->headers[i].value.data, x->headers[i].value.len);
    x->headers = NULL;
    x->header_count = 0;
    x->headers_kept = false;
}

/* The caller's headers are gone when start returns; the token's step will want its own. */
static bool keep_headers(aigw_exchange *x)
{
    const aigw_slice names[] = {GW_S("authorization"), GW_S("x-api-key"), GW_S("x-goog-api-key"),
                                GW_S("api-key")};
    if (x->headers_kept)
        return true;
    aigw_header *kept =
        gw_arena_calloc(x->arena, x->header_count ? x->header_count : 1, sizeof *kept);
    size_t n = 0;
    if (!kept)
        return false;
    for (size_t i = 0; i < x->header_count; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (!gw_eq_nocase(x->headers[i].name, names[k]))
                continue;
            kept[n].name = names[k];
            kept[n].value = gw_arena_copy(x->arena, x->headers[i].value);
            if (!kept[n++].value.data)
                return false;
        }
    }
    x->headers = kept;
    x->header_count = n;
    x->headers_kept = true;
    return true;
}

static gw_api_error_kind denial_kind(int status)
{
    return status == 400   ? GW_ERR_INVALID_REQUEST
           : status == 401 ? GW_ERR_AUTHENTICATION
           : status == 403 ? GW_ERR_PERMISSION
           : status == 429 ? GW_ERR_RATE_LIMIT
                           : GW_ERR_UNAVAILABLE;
}

static gw_next denied(aigw_exchange *x)
{
    const gw_gate_result *r = &x->gate;
    x->reason = r->reason;
    gw_metrics_denied_as(x->loop->metrics, r->reason, r->alb_reason);
    if (r->www_authenticate[0])
        x->extra = (aigw_header){GW_S("www-authenticate"), aigw_slice_of(r->www_authenticate)};
    else if (r->status == 503) /* no keys: the next attempt to fetch them is that far away */
        x->extra = (aigw_header){GW_S("retry-after"), GW_S("10")};
    gw_respond_fail(x, denial_kind(r->status), r->status, r->message);
    return GW_NEXT_ANSWERED;
}

/* NEXT_WAIT: its keys are not at hand. */
static gw_next look_at_token(aigw_exchange *x, bool last_try)
{
    const gw_gate *door = x->endpoint->admin ? &x->live->admin_gate : &x->live->gate;
    gw_gate_check(door, x->headers, x->header_count, gw_held_keys, x->held,
                  gw_unix_s(x->loop->clock), last_try, x->arena, &x->gate);
    if (x->gate.cache_hit || x->gate.cache_miss)
        gw_metrics_add(x->loop->metrics,
                       x->gate.cache_hit ? GW_C_JWT_CACHE_HITS : GW_C_JWT_CACHE_MISSES, 1);
    if (x->gate.verdict == GW_GATE_PASS) {
        x->token_due = false;
        return GW_NEXT_ON;
    }
    return x->gate.verdict == GW_GATE_DENY || last_try ? denied(x) : GW_NEXT_WAIT;
}

static void keys_came(void *user)
{
    aigw_exchange *x = user;
    unlist_waiting(x);
    gw_loop_timer_clear(x->loop->loop, &x->timer);
    gw_held_renew(x->held, x->gate.issuer);
    if (look_at_token(x, true) == GW_NEXT_ON) {
        gw_exchange_go_on(x);
        return;
    }
    x->waiting = false;
    wipe_headers(x);
}

static void keys_too_late(void *user)
{
    aigw_exchange *x = user;
    gw_keys_cancel(x->waiter.keys, &x->waiter);
    keys_came(x);
}

static gw_next token_step(aigw_exchange *x)
{
    aigw_loop *w = x->loop;
    if (x->trusted || x->endpoint->open) {
        x->token_due = false;
        return GW_NEXT_ON;
    }
    gw_next next = look_at_token(x, false);
    if (next != GW_NEXT_WAIT)
        return next;
    if (!x->fresh) {
        x->fresh = true;
        if (gw_held_renew(x->held, x->gate.issuer)) { /* another thread had fetched it */
            next = look_at_token(x, false);
            if (next != GW_NEXT_WAIT)
                return next;
        }
    }
    gw_keys *keys = x->live->keys[x->gate.issuer];
    if (!gw_keys_request(keys, x->gate.unknown_kid, w->loop, w->transport, w->transport_self,
                         &x->waiter, keys_came, x))
        return look_at_token(x, true);
    x->waiter.keys = keys;
    list_waiting(x);
    gw_loop_timer_set(w->loop, &x->timer, gw_now_ms(w->clock) + GW_KEYS_WAIT_MS, keys_too_late, x);
    return GW_NEXT_WAIT;
}

/* -- behind the token -- */

static gw_next body_step(aigw_exchange *x)
{
    if (x->endpoint && gw_endpoint_is_call(x->endpoint) && !x->json) {
        x->reason = "content_type";
        gw_respond_fail(x, GW_ERR_INVALID_REQUEST, 415, "The body must be application/json.");
        return GW_NEXT_ANSWERED;
    }
    if (!x->body_due)
        return GW_NEXT_ON;
    x->phase = GW_X_BODY;
    return GW_NEXT_WAIT;
}

static gw_next prepare_step(aigw_exchange *x)
{
    return gw_prepare_call(x) ? GW_NEXT_ON : GW_NEXT_ANSWERED;
}

static gw_next ask_step(aigw_exchange *x)
{
    gw_attempt_next(x);
    return GW_NEXT_ANSWERED;
}

static gw_next pass_step(aigw_exchange *x)
{
    gw_pass_begin(x);
    return GW_NEXT_ANSWERED;
}

static gw_next local_step(aigw_exchange *x)
{
    gw_local_give(x);
    return GW_NEXT_ANSWERED;
}

static gw_next lost_step(aigw_exchange *x)
{
    bool unknown = x->lost_status == 404;
    x->reason = unknown ? "unknown_path" : "wrong_method";
    if (x->lost_allow)
        x->extra = (aigw_header){GW_S("allow"), aigw_slice_of(x->lost_allow)};
    gw_respond_fail(x, unknown ? GW_ERR_NOT_FOUND : GW_ERR_INVALID_REQUEST, x->lost_status,
                    unknown ? "There is nothing at this path."
                            : "This path does not take this method.");
    return GW_NEXT_ANSWERED;
}

/* Asks an upstream; passes on to one; is answered here; has no such path. */
static gw_step *const call_steps[] = {gw_quota_address, token_step,   body_step,
                                      gw_screen_body,   prepare_step, gw_guard_prompt,
                                      gw_quota_call,    ask_step,     NULL};
static gw_step *const pass_steps[] = {gw_quota_address, token_step, gw_guard_pass,
                                      gw_quota_call,    pass_step,  NULL};
static gw_step *const local_steps[] = {gw_quota_address, token_step, body_step,
                                       gw_screen_body,   local_step, NULL};
static gw_step *const lost_steps[] = {gw_quota_address, body_step, gw_screen_body, lost_step, NULL};

static gw_step *const *steps_of(const aigw_exchange *x)
{
    return !x->endpoint                       ? lost_steps
           : x->pass                          ? pass_steps
           : gw_endpoint_is_call(x->endpoint) ? call_steps
                                              : local_steps;
}

/* -- starting -- */

static aigw_slice header_copy(aigw_exchange *x, aigw_slice name, bool *ok)
{
    aigw_slice value = gw_header_get(x->headers, x->header_count, name);
    if (!value.data)
        return value;
    value = gw_arena_copy(x->arena, value);
    *ok = *ok && value.data;
    return value;
}

static bool has_header(const aigw_exchange *x, aigw_slice name)
{
    return gw_header_get(x->headers, x->header_count, name).data != NULL;
}

/* What later steps need of the headers, which are the caller's only until start returns. */
static bool capture(aigw_exchange *x, const aigw_request *request)
{
    aigw_slice type = gw_header_get(x->headers, x->header_count, GW_S("content-type"));
    x->json = type.data == NULL;
    if (type.data) {
        aigw_slice essence = gw_trim(gw_cut(&type, ';'));
        x->json = gw_eq_nocase(essence, GW_S("application/json"));
        x->form = gw_eq_nocase(essence, GW_S("application/x-www-form-urlencoded"));
    }
    bool ok = true;
    aigw_slice target = request->target;
    gw_cut(&target, '?');
    if (target.data) {
        x->query = gw_arena_copy(x->arena, target);
        ok = x->query.data != NULL;
    }
    if (x->name.len) {
        x->name = gw_arena_copy(x->arena, x->name);
        ok = ok && x->name.data;
    }
    x->anthropic_version = header_copy(x, GW_S("anthropic-version"), &ok);
    const gw_endpoint *e = x->endpoint;
    if (e && e->format == AIGW_FORMAT_ANTHROPIC)
        ok = gw_encode_betas(x) && ok;
    if (e && e->kind == GW_END_TOKEN)
        x->authorization = header_copy(x, GW_S("authorization"), &ok);
    if (e && e->issuer) {
        char text[GW_IP_TEXT];
        gw_ip key = gw_rate_key(&x->client_ip, 0); /* one client owns an IPv6 /64 */
        aigw_slice peer = request->peer;
        if (x->has_client_ip)
            peer = gw_slice(text, gw_ip_format(&key, text));
        x->peer = gw_arena_copy(x->arena, peer);
        ok = ok && x->peer.data;
    }
    if (request->tls_subject.len) {
        x->tls_subject = gw_arena_copy(x->arena, request->tls_subject);
        ok = ok && x->tls_subject.data;
    }
    x->trusted = request->trusted && !(e && e->admin); /* an admin shows a token, always */
    x->body = request->body;
    x->body_due = request->body_follows && ((e && e->body) || gw_screen_wants_body(x, request));
    if (ok && e && e->kind == GW_END_PASS)
        ok = gw_pass_open(x);
    return ok;
}

/* The models are listed in the dialect of who asks: each SDK has headers that no other one sends. */
static const gw_wire *dialect(const aigw_exchange *x, const aigw_request *request)
{
    const gw_endpoint *e = x->endpoint;
    aigw_format format = e ? e->format : gw_endpoint_dialect(request->target);
    bool open_question = e ? e->kind == GW_END_MODELS || e->kind == GW_END_MODEL : true;
    if (open_question && format == AIGW_FORMAT_OPENAI_CHAT) {
        if (has_header(x, GW_S("x-goog-api-key")) || has_header(x, GW_S("x-goog-api-client")))
            format = AIGW_FORMAT_GEMINI;
        else if (has_header(x, GW_S("anthropic-version")))
            format = AIGW_FORMAT_ANTHROPIC;
    }
    return gw_wire_of(format);
}

/* What a client wants to hear of what its provider cannot be told. False: it has been answered. */
static bool read_wishes(aigw_exchange *x)
{
    aigw_slice report = gw_header_get(x->headers, x->header_count, GW_S("x-aigw-report"));
    aigw_slice strict = gw_header_get(x->headers, x->header_count, GW_S("x-aigw-strict"));
    while (report.data)
        x->report = gw_eq_nocase(gw_trim(gw_cut(&report, ',')), GW_S("dropped")) || x->report;
    x->strict = gw_eq_nocase(gw_trim(strict), GW_S("true"));
    if (!strict.data || x->strict || gw_eq_nocase(gw_trim(strict), GW_S("false")))
        return true;
    /* Who asks to be strict and is not understood must not be served loosely. */
    x->reason = "bad_request";
    gw_respond_fail(x, GW_ERR_INVALID_REQUEST, 400, "x-aigw-strict must be true or false.");
    return false;
}

static void find_client(aigw_exchange *x, const aigw_request *request)
{
    gw_client_address found;
    x->has_client_ip = gw_peer_client(x->live->config, request, &found);
    if (!x->has_client_ip)
        return;
    x->client_ip = found.ip;
    x->screen.address_end = found.end;
    x->screen.malformed = found.malformed;
}

/* Before anything of it is looked at: a token in clear text is everybody's. */
static bool from_stranger(aigw_exchange *x, const aigw_request *request)
{
    if (x->endpoint && x->endpoint->probe) /* they ask for no token */
        return false;
    x->reason = gw_config_check_peer(x->live->config, request->peer, request->channel);
    if (!x->reason)
        return false;
    gw_metrics_denied(x->loop->metrics, x->reason);
    gw_respond_fail(x, GW_ERR_PERMISSION, 403, "Requests are not taken from this address.");
    return true;
}

static void open_exchange(aigw_exchange *x, const aigw_request *request)
{
    gw_respond_id(x);
    const aigw_issuer *issuer = x->live->issuer;
    unsigned have = (issuer ? GW_HAVE_ISSUER : 0u) |
                    (issuer && issuer->store ? GW_HAVE_STORE : 0u) |
                    (x->live->config->issuer_count ? GW_HAVE_TOKENS : 0u);
    x->endpoint = gw_endpoint_find(request->method, request->target, have, &x->name,
                                   &x->lost_status, &x->lost_allow);
    x->wire = dialect(x, request);
    find_client(x, request);
    if (from_stranger(x, request))
        return;
    if (!capture(x, request)) {
        gw_respond_nomem(x);
        return;
    }
    gw_evidence_head(x, request);
    if (gw_screen_head(x, request) != GW_NEXT_ON)
        return;
    /* Before the token: who sends a key in the URL is told so. */
    if (x->endpoint && (!read_wishes(x) || !gw_prepare_query(x)))
        return;
    x->token_due = x->endpoint != NULL;
    x->step = steps_of(x);
    run(x);
}

/* A caller may have been compiled against a shorter struct. */
static bool copy_request(const aigw_request *from, aigw_request *to)
{
    if (!from || from->size < offsetof(aigw_request, proxied))
        return false;
    memset(to, 0, sizeof *to);
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->size = sizeof *to;
    return true;
}

int aigw_exchange_start(aigw_loop *loop, const aigw_request *given, aigw_ready_fn *ready,
                        void *user, aigw_exchange **out, aigw_error *err)
{
    aigw_request request;
    if (!loop || !out || !copy_request(given, &request))
        return gw_fail(err, AIGW_E_INVALID, "argument", "a loop, a request with its size, an out");
    gw_held *held = gw_worker_held(loop);
    aigw_exchange *x = held ? gw_worker_take(loop) : NULL;
    if (!x) {
        gw_held_free(held);
        return gw_fail_nomem(err);
    }
    x->loop = loop;
    x->held = held;
    x->live = held->live;
    x->ready = ready;
    x->user = user;
    x->begun_ms = gw_now_ms(loop->clock);
    x->usage = gw_usage_unknown();
    x->headers = request.headers;
    x->header_count = request.header_count;
    gw_metrics_in_flight(loop->metrics, 1);
    open_exchange(x, &request);
    gw_evidence_leave(x);
    if (!x->headers_kept) {
        x->headers = NULL;
        x->header_count = 0;
    }
    *out = x;
    return AIGW_OK;
}

int aigw_exchange_body(aigw_exchange *x, aigw_slice body, aigw_error *err)
{
    if (!x || !x->body_due || (x->pass && x->pass->sent > 0))
        return gw_fail(err, AIGW_E_INVALID, "no_body_due", "this exchange waits for no body");
    x->body_due = false;
    x->body = body;
    if (x->phase != GW_X_BODY)
        return AIGW_OK;
    x->phase = GW_X_STEPS;
    if (x->pass)
        gw_pass_go(x);
    else
        gw_exchange_go_on(x);
    return AIGW_OK;
}

/* -- ending -- */

void aigw_exchange_free(aigw_exchange *x)
{
    if (!x)
        return;
    aigw_loop *w = x->loop;
    if (x->phase < GW_X_DONE) {
        gw_metrics_add(w->metrics, GW_C_CANCELLED, 1);
        gw_settle(x, "cancelled");
    }
    stop_waiting(x);
    wipe_headers(x);
    gw_attempt_drop(x);
    gw_guard_drop(x); /* behind the transfer, which may have borrowed the masked body */
    gw_fetch_free(x);
    gw_pass_free(x);
    gw_loop_timer_clear(w->loop, &x->timer);
    gw_loop_undefer(w->loop, &x->tell);
    gw_loop_undefer(w->loop, &x->later);
    gw_wipe((void *)(uintptr_t)x->authorization.data, x->authorization.len);
    if (x->gone)
        *x->gone = true;
    gw_held *held = x->held;
    x->held = NULL;
    gw_worker_give(w, x);
    gw_held_free(held);
}

aigw_slice aigw_exchange_id(const aigw_exchange *x)
{
    return gw_slice(x->id, x->id_len);
}

void aigw_exchange_usage(const aigw_exchange *x, aigw_usage *out)
{
    *out = x->usage;
}
