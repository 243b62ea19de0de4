/*
 * Transfers of rim/direct: how they start and end; an answer is read and handed over where it lies.
 *
 * Must not know the resolver, proxies or TLS: what needs them is not for this transport.
 */
#include "rim/direct_parts.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <sys/socket.h>

#define READ_BYTES (64u * 1024)
#define READ_TURNS 4    /* full reads of one connection before the others have their turn */
#define STALE_MS   1000 /* a reused connection that dies so soon was dead already */
#define POOL_MAX   256u /* idle transfers kept */
#define KEPT_BYTES (16u * 1024)

static void advance(void *user);

/* ---- the end of a transfer ---- */

static void recycle(gw_direct_transfer *t)
{
    gw_direct *d = t->owner;

    if (d->pool_count >= POOL_MAX) {
        gw_wipe(t->head.data, t->head.cap); /* the credential */
        gw_buf_free(&t->head);
        gw_buf_free(&t->rest);
        gw_http1_response_free(&t->answer);
        gw_free(t);
        return;
    }
    if (t->rest.cap > KEPT_BYTES)
        gw_buf_free(&t->rest);
    if (t->head.cap > KEPT_BYTES) {
        gw_wipe(t->head.data, t->head.cap);
        gw_buf_free(&t->head);
    }
    t->next = d->pool;
    d->pool = t;
    d->pool_count++;
}

void gw_direct_drop_conn(gw_direct_transfer *t)
{
    if (t->conn)
        gw_direct_close(t->conn);
    t->conn = NULL;
}

/* Out of everything; the handle is invalid from now on. */
static void let_go(gw_direct_transfer *t)
{
    gw_direct *d = t->owner;

    gw_direct_drop_conn(t);
    gw_direct_upload_drop(t);
    gw_loop_timer_clear(d->loop, &t->timer);
    gw_loop_undefer(d->loop, &t->task);
    *(t->prev ? &t->prev->next : &d->active) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->next = t->prev = NULL;
    t->origin->users--;
    t->gone = true;
}

void gw_direct_finish(gw_direct_transfer *t, gw_http_failure failure)
{
    let_go(t);
    t->handler.on_end(t->user, failure, t->sent);
    recycle(t);
}

/* From where no handler may be called. */
void gw_direct_fail_soon(gw_direct_transfer *t, gw_http_failure failure)
{
    gw_direct_drop_conn(t);
    t->failure = failure;
    gw_loop_defer(t->owner->loop, &t->task, advance, t);
}

/* ---- the answer ---- */

/* Back to the pool before on_end, whose next request may want it. */
static void complete(gw_direct_transfer *t, bool clean)
{
    gw_direct_conn *c = t->conn;

    if (c && clean && t->answer.keep_alive && t->out == gw_direct_request_bytes(t) &&
        gw_direct_upload_over(t) &&
        gw_loop_watch(t->owner->loop, c->fd, GW_LOOP_READ, gw_direct_on_conn, c)) {
        t->conn = NULL;
        gw_direct_keep(c);
    }
    gw_direct_finish(t, GW_HTTP_OK);
}

/* Keeps what the handler did not take, and what is behind it. */
static bool keep(gw_direct_transfer *t, aigw_slice bytes, size_t held)
{
    aigw_slice rest = gw_buf_slice(&t->rest);
    bool inside = rest.len > 0 && bytes.data >= rest.data && bytes.data < rest.data + rest.len;

    t->held = held;
    if (inside) {
        gw_buf_consume(&t->rest, (size_t)(bytes.data - rest.data));
        return true;
    }
    gw_buf_clear(&t->rest);
    t->rest.max = READ_BYTES;
    return gw_buf_add(&t->rest, bytes);
}

/* The handler's answer; a transfer that has gone meanwhile is not looked at by this. */
static bool tell_data(gw_direct_transfer *t, aigw_slice body)
{
    t->resume_asked = false;
    t->in_data = true;
    bool taken = t->handler.on_data(t->user, body);
    t->in_data = false;
    if (!taken && !t->gone) {
        t->stalled = !t->resume_asked;
        if (t->resume_asked)
            gw_loop_defer(t->owner->loop, &t->task, advance, t);
    }
    return taken;
}

typedef enum step { GO_ON, STOP, COMPLETE, REFUSED, TOO_LARGE, NO_MEMORY } step;

/* Feeds the parser and tells the handler, until the bytes are used up or something ends it. */
static step digest(gw_direct_transfer *t, aigw_slice *bytes)
{
    gw_http1_response *answer = &t->answer;
    aigw_slice body;

    while (bytes->len > 0 && answer->state != GW_HTTP1_ANSWER_DONE) {
        bool head = answer->state == GW_HTTP1_ANSWER_HEAD;
        *bytes = gw_skip(*bytes, gw_http1_response_feed(answer, *bytes, &body));
        if (answer->state == GW_HTTP1_ANSWER_FAILED)
            return answer->too_large ? TOO_LARGE : answer->no_memory ? NO_MEMORY : REFUSED;
        if (head && answer->state != GW_HTTP1_ANSWER_HEAD) {
            t->handler.on_head(t->user, answer->status, answer->headers, answer->header_count);
            if (t->gone)
                return STOP;
        }
        if (body.len == 0)
            continue;
        t->body_bytes += body.len;
        if (t->request.max_body_bytes > 0 && t->body_bytes > t->request.max_body_bytes)
            return TOO_LARGE;
        if (!tell_data(t, body)) {
            if (t->gone)
                return STOP;
            return keep(t, gw_slice(body.data, body.len + bytes->len), body.len) ? STOP : NO_MEMORY;
        }
        if (t->gone)
            return STOP;
    }
    return answer->state == GW_HTTP1_ANSWER_DONE ? COMPLETE : GO_ON;
}

/* What follows from a step. True if the transfer is there and wants more bytes. */
static bool settle(gw_direct_transfer *t, step s, bool clean)
{
    if (t->gone) {
        recycle(t);
    } else if (t->expired) {
        gw_direct_finish(t, GW_HTTP_TIMEOUT);
    } else if (s == COMPLETE) {
        complete(t, clean);
    } else if (s == REFUSED || s == TOO_LARGE || s == NO_MEMORY) {
        gw_direct_finish(t, s == REFUSED     ? GW_HTTP_BROKEN
                            : s == TOO_LARGE ? GW_HTTP_TOO_LARGE
                                             : GW_HTTP_OTHER);
    } else if (s == STOP || t->waiting) { /* full; or something to do once the stack is unwound */
        if (t->waiting)
            gw_loop_defer(t->owner->loop, &t->task, advance, t);
        t->waiting = false;
        gw_direct_watch(t);
    } else {
        return true;
    }
    return false;
}

static bool process(gw_direct_transfer *t, aigw_slice bytes)
{
    t->busy = true;
    step s = digest(t, &bytes);
    t->busy = false;
    return settle(t, s, bytes.len == 0);
}

/*
 * The connection ended. One that was used before may have been closed by the peer just when the request
 * left; it was never read then, so it is sent again, once, on a fresh connection, whatever its method
 * (RFC 9110 clause 9.2.2, RFC 9112 clause 9.3.1). Only if it ended at once and not a byte of an answer
 * came: a peer that worked on the request first does not look like that.
 */
static void ended(gw_direct_transfer *t, bool orderly)
{
    gw_http1_response *answer = &t->answer;

    if (!answer->began && t->conn->reused && !t->retried &&
        gw_loop_now_ms(t->owner->loop) - t->sent_ms < STALE_MS) {
        t->retried = true;
        gw_direct_drop_conn(t);
        t->address = 0;
        gw_direct_open_conn(t);
        return;
    }
    if (orderly)
        gw_http1_response_end(answer);
    if (orderly && answer->state == GW_HTTP1_ANSWER_DONE)
        complete(t, false);
    else
        gw_direct_finish(t, GW_HTTP_BROKEN);
}

static void read_some(gw_direct_transfer *t)
{
    gw_direct *d = t->owner;
    char *buffer = d->buffer ? d->buffer : gw_alloc(READ_BYTES); /* a handler may run the loop */
    bool more = true;

    if (!buffer) {
        gw_direct_finish(t, GW_HTTP_OTHER);
        return;
    }
    d->buffer = NULL;
    for (int turn = 0; more && turn < READ_TURNS; turn++) {
        ssize_t n = recv(t->conn->fd, buffer, READ_BYTES, 0);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            break;
        if (n <= 0) {
            ended(t, n == 0);
            break;
        }
        more = process(t, gw_slice(buffer, (size_t)n)) && (size_t)n == READ_BYTES && t->conn;
    }
    if (d->buffer)
        gw_free(buffer);
    else
        d->buffer = buffer;
}

void gw_direct_on_conn(void *user, int fd, unsigned events)
{
    gw_direct_conn *c = user;
    gw_direct_transfer *t = c->transfer;

    (void)fd;
    if (!t) { /* idle: the peer closes it, or says what nobody asked for */
        gw_direct_close(c);
        return;
    }
    if (t->busy) { /* its handler runs the loop: afterwards */
        t->waiting = true;
        gw_loop_watch(t->owner->loop, c->fd, 0, gw_direct_on_conn, c);
        return;
    }
    if (!c->connected) {
        gw_direct_on_connecting(t);
        return;
    }
    if (events & GW_LOOP_WRITE && gw_direct_unsent(t)) {
        gw_direct_send_some(t);
        if (!gw_direct_unsent(t))
            gw_direct_watch(t);
    }
    if (events & GW_LOOP_READ && t->conn == c)
        read_some(t);
}

/* ---- what was put off ---- */

/* What was kept back: first the bytes that were refused, then those that were not read yet. */
static bool digest_rest(gw_direct_transfer *t)
{
    aigw_slice rest = gw_buf_slice(&t->rest);
    aigw_slice held = gw_slice(rest.data, t->held), behind = gw_skip(rest, t->held);

    t->busy = true;
    step s = STOP;
    if (tell_data(t, held) && !t->gone)
        s = digest(t, &behind);
    t->busy = false;
    bool clean = behind.len == 0;
    if (s == GO_ON)
        gw_buf_clear(&t->rest);
    return settle(t, s, clean);
}

static void advance(void *user)
{
    gw_direct_transfer *t = user;

    if (t->busy) {
        t->waiting = true;
        return;
    }
    if (t->failure != GW_HTTP_OK) {
        gw_direct_finish(t, t->failure);
        return;
    }
    if (t->stalled || (gw_buf_len(&t->rest) > 0 && !digest_rest(t)))
        return;
    if (t->conn)
        gw_direct_watch(t);
}

/* ---- the seam ---- */

static gw_direct_transfer *take_transfer(gw_direct *d)
{
    gw_direct_transfer *t = d->pool;

    if (t) {
        d->pool = t->next;
        d->pool_count--;
        return t;
    }
    t = gw_calloc(1, sizeof *t);
    if (t) {
        gw_buf_init(&t->head, SIZE_MAX);
        gw_buf_init(&t->rest, READ_BYTES);
        gw_http1_response_init(&t->answer);
    }
    return t;
}

static void clear(gw_direct_transfer *t)
{
    t->direct = true;
    t->sent = t->retried = t->broken_pipe = t->stalled = t->resume_asked = t->in_data = false;
    t->busy = t->waiting = t->expired = t->gone = false;
    t->address = 0;
    t->conn = NULL;
    t->next = t->prev = NULL;
    t->instead = NULL;
    t->out = t->held = 0;
    t->body_bytes = 0;
    t->failure = GW_HTTP_OK;
    t->connect_due_ms = t->total_due_ms = INT64_MAX;
    gw_buf_clear(&t->rest);
}

bool gw_direct_can(gw_direct *d, const gw_direct_target *target, const gw_http_request *request)
{
    gw_direct_origin *o = gw_direct_fields_ok(request) ? gw_direct_origin_get(d, target) : NULL;

    return o && (o->newest || gw_direct_origin_known(d, o)) && gw_direct_origin_allowed(target, o);
}

int gw_direct_start(gw_direct *d, const gw_direct_target *target, const gw_http_request *request,
                    const gw_http_handler *handler, void *user, gw_direct_transfer **out,
                    aigw_error *err)
{
    gw_direct_transfer *t = take_transfer(d);

    if (!t)
        return gw_fail_nomem(err);
    clear(t);
    t->owner = d;
    t->handler = *handler;
    t->user = user;
    t->request = *request;
    t->target = target;
    t->origin = gw_direct_origin_get(d, target);
    gw_http1_response_begin(&t->answer, strcmp(request->method, "HEAD") == 0);
    int code = gw_direct_write_head(target, request, &t->head, &t->extra, err);
    if (code == AIGW_OK && request->total_timeout_ms > 0) {
        t->total_due_ms = gw_loop_now_ms(d->loop) + request->total_timeout_ms;
        code = gw_direct_set_timer(t) ? AIGW_OK : gw_fail_nomem(err);
    }
    if (code != AIGW_OK) {
        recycle(t);
        return code;
    }
    t->next = d->active;
    if (t->next)
        t->next->prev = t;
    d->active = t;
    t->origin->users++;
    gw_direct_upload_begin(t);
    /* What cannot be sent again must not meet a connection that is dead already. */
    t->conn = request->upload ? NULL : gw_direct_idle(t->origin);
    if (t->conn) {
        t->conn->transfer = t;
        gw_direct_begin_sending(t);
    } else {
        gw_direct_open_conn(t);
    }
    *out = t;
    return AIGW_OK;
}

void gw_direct_cancel(gw_direct_transfer *t)
{
    if (t->gone)
        return;
    if (t->instead)
        t->owner->instead->cancel(t->owner->instead_self, t->instead);
    t->instead = NULL;
    let_go(t);
    if (!t->busy)
        recycle(t);
}

void gw_direct_resume(gw_direct_transfer *t)
{
    if (t->gone)
        return;
    if (t->instead) {
        t->owner->instead->resume(t->owner->instead_self, t->instead);
        return;
    }
    t->resume_asked = true;
    if (!t->stalled)
        return;
    t->stalled = false;
    gw_loop_defer(t->owner->loop, &t->task, advance, t);
}

int gw_direct_new(gw_loop *loop, const gw_transport *instead, void *instead_self, gw_direct **out,
                  aigw_error *err)
{
    gw_direct *d = gw_calloc(1, sizeof *d);

    if (!d)
        return gw_fail_nomem(err);
    d->loop = loop;
    d->instead = instead;
    d->instead_self = instead_self;
    *out = d;
    return AIGW_OK;
}

bool gw_direct_stop(gw_direct *d)
{
    bool any = d->active != NULL;

    while (d->active) {
        gw_direct_transfer *t = d->active;
        if (t->instead)
            d->instead->cancel(d->instead_self, t->instead);
        t->instead = NULL;
        gw_direct_finish(t, GW_HTTP_OTHER);
    }
    return any;
}

void gw_direct_free(gw_direct *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->origin_count; i++) {
        while (d->origins[i].newest)
            gw_direct_close(d->origins[i].newest);
        gw_free(d->origins[i].authority);
    }
    d->pool_count = POOL_MAX; /* nothing is kept any more */
    while (d->pool) {
        gw_direct_transfer *t = d->pool;
        d->pool = t->next;
        recycle(t);
    }
    gw_loop_timer_clear(d->loop, &d->sweep);
    gw_free(d->buffer);
    gw_free(d);
}
