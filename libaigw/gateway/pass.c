/* The pass-through: who is asked for what, the bytes both ways, time, and how it ends.
 * Must not know what the bytes mean. One try only: a body that flows by cannot be sent again. */
#include "gateway/pass.h"

#include "base/crypto.h"
#include "base/text.h"

static void ask_with_credential(aigw_exchange *x);
static void on_timer(void *user);

/* -- opening -- */

static const gw_upstream *upstream_named(const gw_config *c, aigw_slice name)
{
    for (size_t i = 0; i < c->upstream_count; i++) {
        if (c->upstreams[i].pass && gw_eq(c->upstreams[i].name, name))
            return &c->upstreams[i];
    }
    return NULL;
}

/* "openai/v1/files": whose, and which path there. */
static bool read_path(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    aigw_slice rest = x->name, name = gw_cut(&rest, '/');
    gw_buf path;
    p->upstream = upstream_named(x->live->config, name);
    if (!p->upstream)
        return true;
    rest = rest.data ? gw_slice(rest.data - 1, rest.len + 1) : gw_slice("", 0);
    p->bad_path = gw_pass_path_fault(rest);
    size_t most = p->upstream->base_path.len + rest.len + x->query.len + 1;
    if (!p->bad_path && most > 4 * GW_PASS_PATH_MAX)
        p->bad_path = "The path is too long.";
    if (p->bad_path)
        return true;
    gw_buf_init(&path, most);
    gw_pass_join(p->upstream->base_path, rest, &path);
    size_t path_len = gw_buf_len(&path);
    if (x->query.data) {
        gw_buf_putc(&path, '?');
        gw_buf_add(&path, x->query);
    }
    aigw_slice copy = {NULL, 0};
    if (!path.failed)
        copy = gw_arena_copy(x->arena, gw_buf_slice(&path));
    gw_buf_free(&path);
    if (!copy.data)
        return false;
    p->path = copy;
    p->query = gw_skip(copy, path_len < copy.len ? path_len : copy.len);
    return true;
}

bool gw_pass_open(aigw_exchange *x)
{
    gw_pass *p = x->pass = gw_arena_calloc(x->arena, 1, sizeof *p);
    uint64_t length;
    if (!p)
        return false;
    gw_pipe_init(&p->pipe);
    p->pipe.room = gw_pass_on_room;
    p->pipe.writer = x;
    gw_buf_init(&p->tap, GW_PASS_USAGE_MAX);
    p->method = x->endpoint->method.data;
    p->head_only = gw_eq(x->endpoint->method, GW_S("HEAD"));
    p->fetches = p->head_only || gw_eq(x->endpoint->method, GW_S("GET"));
    aigw_slice said = gw_header_get(x->headers, x->header_count, GW_S("content-length"));
    p->length = gw_parse_u64(said, &length) && length < INT64_MAX ? (int64_t)length : -1;
    p->length_back = -1;
    if (!read_path(x))
        return false;
    if (!p->upstream)
        return true;
    const gw_wire *wire = gw_wire_of(p->upstream->formats[0]);
    x->wire = wire ? wire : x->wire;
    return gw_pass_headers(x);
}

void gw_pass_free(aigw_exchange *x)
{
    if (!x->pass)
        return;
    gw_pipe_free(&x->pass->pipe);
    gw_buf_free(&x->pass->tap);
}

/* -- behind the gate -- */

static void refuse(aigw_exchange *x, int status, const char *reason, const char *message)
{
    x->reason = reason;
    gw_respond_fail(x,
                    status == 404   ? GW_ERR_NOT_FOUND
                    : status == 413 ? GW_ERR_TOO_LARGE
                                    : GW_ERR_INVALID_REQUEST,
                    status, message);
}

static bool may_pass(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    const gw_upstream *up = p->upstream;
    uint64_t max = x->live->config->max_pass_bytes;
    uint64_t body = x->body_due ? (p->length > 0 ? (uint64_t)p->length : 0) : x->body.len;
    if (!up) {
        refuse(x, 404, "unknown_path", "There is nothing at this path.");
    } else if (p->bad_path) {
        refuse(x, 400, "bad_path", p->bad_path);
    } else if (up->pass_path_count &&
               !gw_pass_path_listed(up->pass_paths, up->pass_path_count,
                                    gw_slice(p->path.data, p->path.len - p->query.len))) {
        refuse(x, 404, "unknown_path", "There is nothing at this path.");
    } else if (gw_pass_query_has_key(x->query)) {
        refuse(x, 400, "key_in_query", "Credentials do not belong into the URL.");
    } else if (p->fetches && (x->body.len > 0 || (x->body_due && p->length != 0))) {
        refuse(x, 400, "body_not_wanted", "This method takes no body.");
    } else if (max && body > max) {
        refuse(x, 413, "too_large", "The request is too large.");
    } else {
        return true;
    }
    return false;
}

void gw_pass_begin(aigw_exchange *x)
{
    if (!may_pass(x))
        return;
    if (x->body_due && !x->pass->streamed)
        x->phase = GW_X_BODY;
    else
        gw_pass_go(x);
}

void gw_pass_go(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    memset(a, 0, sizeof *a);
    a->upstream = x->pass->upstream;
    a->begun_ms = a->last_ms = gw_now_ms(x->loop->clock);
    x->phase = GW_X_TRYING;
    x->tries++;
    ask_with_credential(x);
}

/* -- the end -- */

static void log_failure(aigw_exchange *x, const char *failure)
{
    gw_log_field fields[] = {GW_LOG_TEXT("request_id", gw_slice(x->id, x->id_len)),
                             GW_LOG_TEXT("provider", x->pass->upstream->name),
                             GW_LOG_TEXT("failure", aigw_slice_of(failure)),
                             GW_LOG_TEXT("host", x->pass->upstream->host)};
    gw_log_event(&x->live->log, AIGW_LOG_WARN, "upstream_failed", fields, 4);
    gw_metrics_add(x->loop->metrics, GW_C_UPSTREAM_ERRORS, 1);
}

static void fail(aigw_exchange *x, bool late, const char *message)
{
    gw_attempt_drop(x);
    x->attempt.kept_count = x->status ? x->attempt.kept_count : 0;
    x->reason = late ? "upstream_timeout" : x->status ? "upstream_broke_off" : "upstream";
    if (!x->status) {
        gw_respond_fail(x, late ? GW_ERR_TIMEOUT : GW_ERR_UPSTREAM, late ? 504 : 502, message);
        return;
    }
    gw_metrics_add(x->loop->metrics, GW_C_STREAMS_BROKEN, 1);
    gw_exchange_broke(x, late ? AIGW_E_TIMEOUT : AIGW_E_UPSTREAM,
                      "the provider's answer broke off");
}

static void give_head(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    aigw_slice id = {x->id, x->id_len};
    if (x->status || !p->answered)
        return;
    x->head_count = 0;
    if (p->type_back.len)
        gw_respond_header(x, GW_S("content-type"), p->type_back);
    gw_respond_header(x, GW_S("x-request-id"), id);
    gw_respond_header(x, GW_S("request-id"), id);
    for (size_t i = 0; i < x->attempt.kept_count; i++)
        gw_respond_header(x, x->attempt.kept[i].name, x->attempt.kept[i].value);
    gw_quota_headers(x);
    x->status = x->head_status = x->attempt.status;
    x->first_byte_ms = gw_now_ms(x->loop->clock);
    x->streaming = p->length_back < 0 && !p->bodiless;
    x->body_bytes = p->length_back >= 0 ? p->length_back : p->bodiless ? 0 : -1;
    gw_exchange_tell(x);
}

static bool uploading(const aigw_exchange *x)
{
    return x->pass->streamed && !gw_pipe_done(&x->pass->pipe);
}

/* A good answer waits for the end of the body: who gets it stops sending. A bad one is told at once. */
static void maybe_give_head(aigw_exchange *x)
{
    if (!x->pass->bodiless && (x->attempt.status >= 300 || !uploading(x)))
        give_head(x);
}

void gw_pass_upload_over(aigw_exchange *x)
{
    x->attempt.last_ms = gw_now_ms(x->loop->clock);
    x->pass->seen_out = x->pass->pipe.out;
    if (x->phase != GW_X_TRYING)
        return;
    if (x->pass->answered)
        maybe_give_head(x);
    gw_pass_arm(x);
}

static bool counts(const aigw_exchange *x)
{
    aigw_slice path = gw_slice(x->pass->path.data, x->pass->path.len - x->pass->query.len);
    return x->attempt.status < 300 && strcmp(x->pass->method, "POST") == 0 &&
           !gw_ends(path, GW_S("/cancel")); /* which tells again what was told before */
}

static void done(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    if (p->tapped && counts(x))
        gw_pass_usage(x->arena, p->upstream->formats[0], gw_buf_slice(&p->tap), &x->usage);
    give_head(x);
    gw_attempt_done(x);
}

/* -- time: only silence counts, since a large file may take hours -- */

static int64_t after(int64_t from_ms, int timeout_ms)
{
    return timeout_ms > 0 ? from_ms + timeout_ms : INT64_MAX;
}

static int64_t silence_due(const aigw_exchange *x)
{
    const gw_attempt *a = &x->attempt;
    const gw_pass *p = x->pass;
    if (uploading(x) && a->transfer && gw_pipe_peek(&p->pipe).len == 0)
        return INT64_MAX; /* it is the client's turn; who embeds us watches that */
    if (p->answered && a->paused && !uploading(x))
        return INT64_MAX; /* it is the client who is slow */
    if (uploading(x) || p->answered)
        return after(a->last_ms, a->upstream->idle_timeout_ms);
    return after(a->last_ms, a->upstream->first_byte_timeout_ms);
}

static void on_timer(void *user)
{
    aigw_exchange *x = user;
    gw_pass *p = x->pass;
    int64_t now = gw_loop_now_ms(x->loop->loop);
    if (p->seen_out != p->pipe.out) {
        p->seen_out = p->pipe.out;
        x->attempt.last_ms = now;
    }
    if (now >= silence_due(x)) {
        log_failure(x, "timeout");
        fail(x, true, "The provider did not answer in time.");
        return;
    }
    gw_pass_arm(x);
}

void gw_pass_arm(aigw_exchange *x)
{
    int64_t due = x->phase == GW_X_TRYING ? silence_due(x) : INT64_MAX;
    if (due == INT64_MAX)
        gw_loop_timer_clear(x->loop->loop, &x->timer);
    else if (!gw_loop_timer_set(x->loop->loop, &x->timer, due, on_timer, x))
        fail(x, false, "The gateway is out of memory for this request.");
}

/* -- the transport's calls -- */

static void ask_again(void *user)
{
    aigw_exchange *x = user;
    ask_with_credential(x);
}

/* A token that is refused is fetched anew; the request is sent again only if its body is still there. */
static bool renew_token(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    gw_attempt *a = &x->attempt;
    size_t index = (size_t)(p->upstream - x->live->config->upstreams);
    if (!a->token_serial || !gw_token_drop(x->live->tokens[index], a->token_serial) ||
        p->streamed || p->renewed)
        return false;
    p->renewed = true;
    x->loop->transport->cancel(x->loop->transport_self, a->transfer);
    a->transfer = NULL;
    gw_loop_defer(x->loop->loop, &x->later, ask_again, x);
    return true;
}

static bool is_json(aigw_slice type)
{
    aigw_slice essence = gw_trim(gw_cut(&type, ';'));
    return gw_eq_nocase(essence, GW_S("application/json"));
}

static void on_head(void *user, int status, const aigw_header *headers, size_t count)
{
    aigw_exchange *x = user;
    gw_pass *p = x->pass;
    x->attempt.status = status;
    x->attempt.last_ms = gw_loop_now_ms(x->loop->loop);
    if (status == 401 && renew_token(x))
        return;
    if (status == 401 || status == 403 || status == 407) { /* its text may quote our credentials */
        log_failure(x, "credentials");
        fail(x, false, "The provider refused the gateway's credentials.");
        return;
    }
    if (status > 599) {
        log_failure(x, "status");
        fail(x, false, "The provider answered with no status of HTTP.");
        return;
    }
    if (!gw_pass_take_head(x, status, headers, count))
        return;
    p->answered = true;
    p->held = status >= 400;
    p->tapped = !p->held && is_json(p->type_back) && p->length_back <= (int64_t)GW_PASS_USAGE_MAX;
    maybe_give_head(x);
    gw_pass_arm(x);
}

/* An error that is small enough is looked at as a whole: a secret may be in two pieces of it. */
static bool hold(aigw_exchange *x, aigw_slice bytes)
{
    gw_pass *p = x->pass;
    if (!gw_buf_add(&p->tap, bytes))
        return false;
    p->received += bytes.len;
    return true;
}

static bool let_go(aigw_exchange *x)
{
    gw_pass *p = x->pass;
    if (!p->held)
        return true;
    p->held = false;
    p->tap.failed = false; /* it was full */
    gw_conceal_tail(p->upstream, &p->tap, 0);
    bool ok = gw_buf_add(&x->out, gw_buf_slice(&p->tap));
    gw_buf_clear(&p->tap);
    return ok;
}

static bool on_data(void *user, aigw_slice bytes)
{
    aigw_exchange *x = user;
    gw_pass *p = x->pass;
    gw_attempt *a = &x->attempt;
    maybe_give_head(x);
    if (gw_buf_len(&x->out) >= GW_OUT_HIGH) {
        a->paused = true;
        return false;
    }
    a->last_ms = gw_loop_now_ms(x->loop->loop);
    if (p->held && hold(x, bytes))
        return true;
    if (!let_go(x) || !gw_buf_add(&x->out, bytes)) {
        fail(x, false, "The gateway is out of memory for this request.");
        return true;
    }
    p->received += bytes.len;
    if (p->tapped && !gw_buf_add(&p->tap, bytes))
        p->tapped = false;
    if (x->status)
        gw_exchange_tell(x);
    return true;
}

static void on_end(void *user, gw_http_failure failure, bool sent)
{
    aigw_exchange *x = user;
    (void)sent;
    x->attempt.transfer = NULL;
    if (failure == GW_HTTP_OK && x->pass->answered && let_go(x)) {
        done(x);
        return;
    }
    bool late = failure == GW_HTTP_TIMEOUT;
    bool unreached = failure == GW_HTTP_DNS || failure == GW_HTTP_CONNECT ||
                     failure == GW_HTTP_TLS || gw_http_is_egress(failure);
    log_failure(x, gw_http_failure_name(failure));
    fail(x, late,
         late        ? "The provider did not answer in time."
         : unreached ? "The provider could not be reached."
                     : "The connection to the provider broke.");
}

static const gw_http_handler handler = {on_head, on_data, on_end};

/* -- asking -- */

static void ask(aigw_exchange *x, aigw_slice bearer)
{
    gw_pass *p = x->pass;
    gw_attempt *a = &x->attempt;
    aigw_error err;
    aigw_header headers[GW_PASS_HEADERS + 1];
    memcpy(headers, p->headers, p->header_count * sizeof *headers);
    gw_http_request request = {.target = p->upstream->pass,
                               .method = p->method,
                               .headers = headers,
                               .header_count = p->header_count,
                               .path = p->path,
                               .body = x->body,
                               .upload_bytes = p->length};
    if (p->streamed)
        request.upload = &p->pipe;
    else
        p->sent = x->body.len;
    if (bearer.len)
        headers[request.header_count++] = (aigw_header){GW_S("authorization"), bearer};
    int rc = x->loop->transport->start(x->loop->transport_self, &request, &handler, x, &a->transfer,
                                       &err);
    if (rc == AIGW_OK)
        gw_pass_arm(x);
    else if (rc == AIGW_E_NOMEM)
        gw_respond_nomem(x);
    else if (rc == AIGW_E_INVALID)
        refuse(x, 400, "bad_request", "The request cannot be sent on as it is.");
    else
        fail(x, false, "The provider could not be asked.");
}

static void token_came(void *user, aigw_slice token, uint64_t serial, const aigw_error *err)
{
    aigw_exchange *x = user;
    gw_buf bearer;
    (void)err;
    if (!token.len) {
        log_failure(x, "token");
        fail(x, false, "The gateway has no token for the provider.");
        return;
    }
    x->attempt.token_serial = serial;
    x->attempt.last_ms = gw_now_ms(x->loop->clock);
    gw_buf_init(&bearer, token.len + 8);
    if (gw_buf_reserve(&bearer, token.len + 8)) { /* at once: no copies left behind */
        gw_buf_puts(&bearer, "Bearer ");
        gw_buf_add(&bearer, token);
        ask(x, gw_buf_slice(&bearer));
        gw_wipe(bearer.data, bearer.cap);
    } else {
        gw_respond_nomem(x);
    }
    gw_buf_free(&bearer);
}

static void ask_with_credential(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    size_t index = (size_t)(x->pass->upstream - x->live->config->upstreams);
    aigw_token_source *source = x->live->tokens[index];
    if (!source) {
        ask(x, (aigw_slice){NULL, 0});
        return;
    }
    gw_token_ask(source, &x->loop->tokens, &a->token_waiter, token_came, x);
    if (a->token_waiter.waiting)
        gw_pass_arm(x);
}

void gw_pass_drained(aigw_exchange *x)
{
    gw_attempt *a = &x->attempt;
    if (!a->paused || !a->transfer || gw_buf_len(&x->out) >= GW_OUT_LOW)
        return;
    a->paused = false;
    a->last_ms = gw_now_ms(x->loop->clock);
    x->loop->transport->resume(x->loop->transport_self, a->transfer);
    gw_pass_arm(x);
}
