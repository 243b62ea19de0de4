/* The state machine of one connection: bytes in, one request at a time, its answer out, the next one.
 * Knows nothing of accepting, of threads, or of what an exchange does. */
#include "server/conn_parts.h"

#include "base/text.h"
#include "server/answer.h"
#include "server/refusals.h"
#include "server/routes.h"
#include <sys/epoll.h>

#define LINGER_MS 2000

void gw_conn_deadline(gw_conn *c, int after_ms)
{
    gw_timers_set(&c->worker->timers, &c->timer,
                  after_ms < 0 ? GW_TIMER_OFF : c->worker->now_ms + after_ms);
}

void gw_conn_queue(gw_conn *c)
{
    gw_worker *worker = c->worker;
    if (c->queued || c->state == GW_CONN_DEAD)
        return;
    c->queued = true;
    c->ready_next = NULL;
    *worker->ready_end = c;
    worker->ready_end = &c->ready_next;
}

static void on_ready(aigw_exchange *x, void *user)
{
    (void)x;
    gw_conn_queue(user);
}

/* Our answer ends here; reading on for a while keeps a reset from destroying it at the client. */
void gw_conn_linger(gw_conn *c)
{
    gw_io_end_write(&c->io);
    c->state = GW_CONN_LINGER;
    c->blocked = false;
    c->lingered_bytes = 0;
    gw_buf_clear(&c->ahead);
    gw_conn_deadline(c, LINGER_MS);
}

/* The answer is out: the next request, or the end. */
static void finish(gw_conn *c, bool more_input)
{
    bool unread = c->request.state != GW_HTTP1_DONE || more_input || gw_worker_draining(c->worker);
    bool ends = c->close || gw_worker_draining(c->worker);
    gw_conn_drop_exchange(c);
    if (ends && unread) {
        gw_conn_linger(c);
    } else if (ends) {
        gw_conn_kill(c);
    } else {
        gw_answer_reset(c);
        gw_http1_reset(&c->request);
        c->request.limits.max_body_bytes = SIZE_MAX; /* until its head is there */
        c->feeding = false;
        c->in_request = false;
        c->state = GW_CONN_HEAD;
        gw_conn_deadline(c, c->worker->server->options.idle_timeout_ms);
    }
}

/* Answers an error instead of the request that is being read, then closes. */
void gw_conn_fail(gw_conn *c, int status, const char *reason)
{
    gw_refuse_request(c->worker, aigw_slice_of(c->proxied[0] ? c->proxied : c->peer), status,
                      reason);
    gw_conn_drop_exchange(c);
    c->feeding = false;
    c->close = true;
    c->state = GW_CONN_ANSWER;
    gw_conn_deadline(c, c->worker->server->options.write_timeout_ms);
    gw_answer_error(c, status, reason);
}

/* Path and query, whatever the form of the target (RFC 9112 clause 3.2.2: every server takes all). */
static aigw_slice origin_form(const gw_http1 *r)
{
    bool behind = r->query.data && r->query.data == r->path.data + r->path.len + 1;
    return gw_slice(r->path.data, r->path.len + (behind ? 1 + r->query.len : 0));
}

static void start_exchange(gw_conn *c, bool body_follows)
{
    aigw_error err = {0};
    const gw_http1 *r = &c->request;
    bool tls = c->io.tls != NULL;
    aigw_request request = {.size = sizeof request,
                            .method = r->method,
                            .target = origin_form(r),
                            .headers = r->headers,
                            .header_count = r->header_count,
                            .body = gw_buf_slice(&r->body),
                            .peer = aigw_slice_of(c->peer),
                            .body_follows = body_follows,
                            .channel = tls ? AIGW_CHANNEL_TLS : AIGW_CHANNEL_CLEAR,
                            .tls_subject = aigw_slice_of(c->tls_subject),
                            .proxied = aigw_slice_of(c->proxied),
                            .local = aigw_slice_of(c->local),
                            .version = r->minor ? GW_S("HTTP/1.1") : GW_S("HTTP/1.0")};
    if (gw_eq(r->method, GW_S("HEAD")) && !gw_route_streams(r->path))
        request.method = GW_S("GET");
    if (aigw_exchange_start(c->worker->loop, &request, on_ready, c, &c->x, &err) != AIGW_OK)
        gw_conn_fail(c, err.http_status >= 400 ? err.http_status : 500,
                     "the request could not be started");
}

/* The exchange may want less of a body than the server reads. False: it has become too large for it. */
static bool limit_body(gw_conn *c)
{
    gw_http1 *r = &c->request;
    size_t max = aigw_exchange_body_max(c->x), ours = c->worker->server->options.max_body_bytes;
    if (ours < r->limits.max_body_bytes)
        r->limits.max_body_bytes = ours;
    if (max < r->limits.max_body_bytes)
        r->limits.max_body_bytes = max;
    return gw_buf_len(&r->body) <= r->limits.max_body_bytes &&
           (r->content_length < 0 || (uint64_t)r->content_length <= r->limits.max_body_bytes);
}

/* The head is there, the body is not. Denials come now, before the body is read. */
static void begin_early(gw_conn *c)
{
    bool moved;
    if (gw_route_drains(c)) {
        c->state = GW_CONN_ANSWER;
        gw_conn_deadline(c, c->worker->server->options.write_timeout_ms);
        gw_route_say_draining(c);
        return;
    }
    gw_conn_deadline(c, c->worker->server->options.body_timeout_ms);
    start_exchange(c, true);
    if (!c->x)
        return;
    gw_pump_result result = gw_answer_pump(c, &moved);
    c->feeding = result == GW_PUMP_WAIT && !c->head_done && aigw_exchange_body_streams(c->x);
    if (c->feeding) {
        gw_http1_stream_body(&c->request);
    } else if (result == GW_PUMP_WAIT && !c->head_done && !limit_body(c)) {
        gw_conn_fail(c, 413, "body too large");
        return;
    }
    if (result == GW_PUMP_WAIT && !c->head_done && c->request.expect_continue) {
        gw_buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        result = gw_answer_pump(c, &moved);
    }
    if (result == GW_PUMP_GONE)
        gw_conn_kill(c);
    else if (c->head_done)
        c->state = GW_CONN_ANSWER;
}

/* The request is complete. */
void gw_conn_begin(gw_conn *c)
{
    aigw_error err = {0};
    aigw_head head = {.size = sizeof head};
    c->state = GW_CONN_ANSWER;
    gw_conn_deadline(c, -1);
    if (!c->x && gw_route_drains(c))
        gw_route_say_draining(c);
    else if (!c->x)
        start_exchange(c, false);
    else if (aigw_exchange_body(c->x, gw_buf_slice(&c->request.body), &err) != AIGW_OK &&
             aigw_exchange_head(c->x, &head, NULL) == AIGW_AGAIN) /* else it is denied already */
        gw_conn_fail(c, err.http_status >= 400 ? err.http_status : 500,
                     "the request could not be started");
}

bool gw_conn_feeding(const gw_conn *c)
{
    return c->state == GW_CONN_BODY && c->feeding;
}

/* A body that flows: as many bytes as the exchange has room for. Returns those it took. */
static size_t feed(gw_conn *c, aigw_slice in)
{
    size_t total = in.len, room;
    aigw_error err = {0};
    int code = AIGW_OK;
    while (in.len > 0 && c->request.state == GW_HTTP1_BODY && code == AIGW_OK &&
           (room = aigw_exchange_write_room(c->x)) > 0) {
        aigw_slice piece, some = gw_slice(in.data, in.len < room ? in.len : room);
        size_t taken;
        in = gw_skip(in, gw_http1_feed_piece(&c->request, some, &piece));
        if (piece.len > 0)
            code = aigw_exchange_write(c->x, piece, &taken, &err);
    }
    if (c->request.state == GW_HTTP1_DONE && code == AIGW_OK) {
        c->state = GW_CONN_ANSWER;
        code = aigw_exchange_write_end(c->x, &err);
    }
    if (c->request.state == GW_HTTP1_FAILED)
        gw_conn_fail(c, c->request.status, c->request.reason);
    else if (code < 0)
        gw_conn_fail(c, err.http_status >= 400 ? err.http_status : 503,
                     "the request could not be taken");
    else if (c->state == GW_CONN_ANSWER || in.len > 0) /* now it is for the exchange to go on */
        gw_conn_deadline(c, -1);
    else if (total > 0)
        gw_conn_deadline(c, c->worker->server->options.body_timeout_ms);
    return total - in.len;
}

/* Before a byte of the body is looked at. */
static void on_head(gw_conn *c)
{
    c->state = GW_CONN_BODY;
    if (gw_route_streams(c->request.path))
        begin_early(c);
    else
        gw_http1_limit_body(&c->request, c->worker->server->options.max_body_bytes);
}

/* Feeds the parser; returns the bytes it took. */
static size_t parse(gw_conn *c, aigw_slice in)
{
    gw_http1_state before = c->request.state;
    size_t used = gw_http1_feed(&c->request, in.data, in.len);
    if (!c->in_request) {
        c->in_request = true;
        gw_conn_deadline(c, c->worker->server->options.header_timeout_ms);
    }
    if (before == GW_HTTP1_HEAD && c->request.state == GW_HTTP1_BODY) {
        on_head(c);
        if (c->request.state == GW_HTTP1_BODY)
            return used;
    }
    switch (c->request.state) {
    case GW_HTTP1_FAILED:
        gw_conn_fail(c, c->request.status, c->request.reason);
        break;
    case GW_HTTP1_DONE:
        gw_conn_begin(c);
        break;
    case GW_HTTP1_BODY:
        c->state = GW_CONN_BODY;
        break;
    case GW_HTTP1_HEAD:
        break;
    }
    if (used == 0 && c->request.state == before)
        gw_conn_kill(c); /* no progress: never spin */
    return used;
}

static void await_reader(gw_conn *c)
{
    c->untaken = gw_io_unacknowledged(&c->io);
    gw_conn_deadline(c, c->worker->server->options.write_timeout_ms);
}

/* A large send buffer is writable again only when much of it has gone: a slow client may still read. */
static bool is_reading(gw_conn *c)
{
    return c->state == GW_CONN_ANSWER && c->blocked && gw_io_unacknowledged(&c->io) < c->untaken;
}

/* Moves the answer. True: it is out, or the connection is done for; look at the state again. */
static bool pump(gw_conn *c, bool more_input)
{
    bool moved, was_blocked = c->blocked;
    gw_pump_result result = gw_answer_pump(c, &moved);
    if (c->state == GW_CONN_BODY && c->head_done)
        c->state = GW_CONN_ANSWER;
    if (result == GW_PUMP_GONE) {
        gw_conn_kill(c);
        return true;
    }
    if (result == GW_PUMP_BROKEN) { /* no last chunk: the client sees that the end is missing */
        gw_conn_end_unannounced(c);
        gw_conn_drop_exchange(c);
        gw_conn_linger(c);
        return true;
    }
    if (result == GW_PUMP_DONE) {
        finish(c, more_input);
        return true;
    }
    if (c->state == GW_CONN_ANSWER) {
        if (result == GW_PUMP_WAIT)
            gw_conn_deadline(c, -1);
        else if (moved || !was_blocked)
            await_reader(c);
    }
    return false;
}

/* Goes on with what is there until input or the answer is missing. Returns the bytes of `in` used. */
size_t gw_conn_drive(gw_conn *c, aigw_slice in)
{
    size_t total = in.len;
    for (;;) {
        if (gw_conn_feeding(c)) {
            in = gw_skip(in, feed(c, in));
            if (c->state == GW_CONN_BODY && !pump(c, in.len > 0) && c->state == GW_CONN_BODY)
                break;
        } else if (c->state == GW_CONN_HEAD || c->state == GW_CONN_BODY) {
            if (in.len > 0) {
                size_t used = parse(c, in);
                in = gw_skip(in, used);
                continue;
            }
            if (c->state == GW_CONN_BODY && !c->x)
                begin_early(c);
            else if (c->state != GW_CONN_BODY || !pump(c, false))
                break;
            if (c->state == GW_CONN_BODY)
                break;
        } else if (c->state != GW_CONN_ANSWER || !pump(c, in.len > 0)) {
            break;
        }
    }
    return total - in.len;
}

/* Goes on with the bytes that were read ahead. */
static void drive_ahead(gw_conn *c)
{
    size_t used = gw_conn_drive(c, gw_buf_slice(&c->ahead));
    if (used && gw_buf_len(&c->ahead) >= used)
        gw_buf_consume(&c->ahead, used);
    if (gw_buf_len(&c->ahead) == 0)
        gw_buf_free(&c->ahead); /* rare enough not to keep the memory */
}

void gw_conn_resume(gw_conn *c)
{
    if (c->blocked || c->state == GW_CONN_DEAD)
        return; /* it goes on when the socket takes bytes again */
    if (c->state == GW_CONN_ANSWER || c->state == GW_CONN_BODY)
        drive_ahead(c);
    if ((c->state == GW_CONN_HEAD || c->state == GW_CONN_BODY) && gw_io_buffered(&c->io))
        gw_conn_read(c);
    gw_conn_watch(c);
}

void gw_conn_event(gw_conn *c, uint32_t events)
{
    if (c->state == GW_CONN_DEAD)
        return;
    if (events & (EPOLLERR | EPOLLHUP)) {
        gw_conn_kill(c);
        return;
    }
    if (c->state == GW_CONN_PROXY) {
        gw_conn_proxy(c);
    } else if (c->state == GW_CONN_HANDSHAKE) {
        gw_conn_handshake(c);
    } else if ((c->state == GW_CONN_ANSWER || (gw_conn_feeding(c) && gw_buf_len(&c->ahead) > 0)) &&
               (events & EPOLLRDHUP)) {
        gw_conn_kill(c); /* the client is gone: this cancels the upstream transfer */
    } else {
        if (events & EPOLLOUT) {
            c->blocked = false;
            gw_conn_resume(c);
        }
        if (events & (EPOLLIN | EPOLLRDHUP))
            gw_conn_read(c);
    }
    gw_conn_watch(c);
}

void gw_conn_timeout(gw_conn *c)
{
    if ((c->state == GW_CONN_HEAD && c->in_request) || c->state == GW_CONN_BODY) {
        gw_conn_fail(c, 408, "the request did not arrive in time");
        drive_ahead(c);
        gw_conn_watch(c);
    } else if (c->state == GW_CONN_PROXY) {
        gw_refuse_proxy(c->worker, aigw_slice_of(c->peer), "proxy_timeout");
        gw_io_drop_tls(&c->io);
        gw_conn_kill(c);
    } else if (is_reading(c)) {
        await_reader(c);
    } else {
        gw_conn_kill(c);
    }
}
