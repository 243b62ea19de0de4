/* The state machine of one connection: bytes in, one request at a time, its answer out, the next one.
 * Knows nothing of accepting, of threads, or of what an exchange does. */
#include "server/conn.h"

#include "base/mem.h"
#include "base/text.h"
#include "server/answer.h"
#include "server/routes.h"
#include <sys/epoll.h>

#define LINGER_MS    2000
#define LINGER_BYTES (1024 * 1024)
#define READS_A_TURN 8
#define AHEAD_BYTES  4096 /* of the next request, read while an answer runs */

static void deadline(gw_conn *c, int after_ms)
{
    gw_timers_set(&c->worker->timers, &c->timer,
                  after_ms < 0 ? GW_TIMER_OFF : c->worker->now_ms + after_ms);
}

static void queue(gw_conn *c)
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
    queue(user);
}

static void drop_exchange(gw_conn *c)
{
    aigw_exchange_free(c->x);
    c->x = NULL;
}

/* An answer that ends with its connection, and is not at its end: without the alert that says so, a
 * TLS client sees that something is missing (RFC 9112 clause 9.8). */
static void end_unannounced(gw_conn *c)
{
    bool sent = c->complete && c->direct == 0 && gw_buf_len(&c->out) == 0;
    if (c->io.tls && c->head_done && !c->chunked && !sent)
        gw_io_drop_tls(&c->io);
}

void gw_conn_kill(gw_conn *c)
{
    gw_worker *worker = c->worker;
    if (c->state == GW_CONN_DEAD)
        return;
    c->state = GW_CONN_DEAD;
    end_unannounced(c);
    drop_exchange(c);
    gw_timers_remove(&worker->timers, &c->timer);
    gw_io_close(&c->io); /* closing takes it out of epoll, too */
    *(c->prev ? &c->prev->next : &worker->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = worker->dead;
    worker->dead = c;
    worker->conn_count--;
    atomic_fetch_sub(&worker->server->open, 1);
}

void gw_conn_bury(gw_worker *worker)
{
    for (gw_conn **link = &worker->dead, *c; (c = *link);) {
        if (c->queued) { /* still in the ready list: next turn */
            link = &c->next;
            continue;
        }
        *link = c->next;
        gw_http1_free(&c->request);
        gw_buf_free(&c->ahead);
        gw_buf_free(&c->out);
        gw_free(c);
    }
}

/* What epoll should tell. Hang-ups always; input unless enough lies here unread. */
static void watch(gw_conn *c)
{
    uint32_t events = EPOLLRDHUP;
    if (c->state == GW_CONN_DEAD)
        return;
    if (gw_buf_len(&c->ahead) == 0)
        events |= EPOLLIN;
    if (c->state == GW_CONN_LINGER)
        events = EPOLLIN;
    if (c->blocked)
        events |= EPOLLOUT;
    if (events == c->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(c->worker->epoll_fd, EPOLL_CTL_MOD, c->io.fd, &event) != 0)
        gw_conn_kill(c);
    else
        c->events = events;
}

/* Our answer ends here; reading on for a while keeps a reset from destroying it at the client. */
static void linger(gw_conn *c)
{
    gw_io_end_write(&c->io);
    c->state = GW_CONN_LINGER;
    c->blocked = false;
    c->lingered_bytes = 0;
    gw_buf_clear(&c->ahead);
    deadline(c, LINGER_MS);
}

/* The answer is out: the next request, or the end. */
static void finish(gw_conn *c, bool more_input)
{
    bool unread = c->request.state != GW_HTTP1_DONE || more_input || gw_worker_draining(c->worker);
    bool ends = c->close || gw_worker_draining(c->worker);
    drop_exchange(c);
    if (ends && unread) {
        linger(c);
    } else if (ends) {
        gw_conn_kill(c);
    } else {
        gw_answer_reset(c);
        gw_http1_reset(&c->request);
        c->request.limits.max_body_bytes = SIZE_MAX; /* until its head is there */
        c->feeding = false;
        c->in_request = false;
        c->state = GW_CONN_HEAD;
        deadline(c, c->worker->server->options.idle_timeout_ms);
    }
}

/* Answers an error instead of the request that is being read, then closes. */
static void fail(gw_conn *c, int status, const char *reason)
{
    drop_exchange(c);
    c->feeding = false;
    c->close = true;
    c->state = GW_CONN_ANSWER;
    deadline(c, c->worker->server->options.write_timeout_ms);
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
                            .tls_subject = aigw_slice_of(c->tls_subject)};
    if (gw_eq(r->method, GW_S("HEAD")) && !gw_route_streams(r->path))
        request.method = GW_S("GET");
    if (aigw_exchange_start(c->worker->loop, &request, on_ready, c, &c->x, &err) != AIGW_OK)
        fail(c, err.http_status >= 400 ? err.http_status : 500, "the request could not be started");
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
    gw_route route = gw_route_of(c->request.path);
    if (route != GW_ROUTE_EXCHANGE) {
        c->state = GW_CONN_ANSWER;
        deadline(c, c->worker->server->options.write_timeout_ms);
        gw_route_answer(c, route);
        return;
    }
    deadline(c, c->worker->server->options.body_timeout_ms);
    start_exchange(c, true);
    if (!c->x)
        return;
    gw_pump_result result = gw_answer_pump(c, &moved);
    c->feeding = result == GW_PUMP_WAIT && !c->head_done && aigw_exchange_body_streams(c->x);
    if (c->feeding) {
        gw_http1_stream_body(&c->request);
    } else if (result == GW_PUMP_WAIT && !c->head_done && !limit_body(c)) {
        fail(c, 413, "body too large");
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
static void begin(gw_conn *c)
{
    aigw_error err = {0};
    aigw_head head = {.size = sizeof head};
    gw_route route = gw_route_of(c->request.path);
    c->state = GW_CONN_ANSWER;
    deadline(c, -1);
    if (route != GW_ROUTE_EXCHANGE)
        gw_route_answer(c, route);
    else if (!c->x)
        start_exchange(c, false);
    else if (aigw_exchange_body(c->x, gw_buf_slice(&c->request.body), &err) != AIGW_OK &&
             aigw_exchange_head(c->x, &head, NULL) == AIGW_AGAIN) /* else it is denied already */
        fail(c, err.http_status >= 400 ? err.http_status : 500, "the request could not be started");
}

static bool is_feeding(const gw_conn *c)
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
        fail(c, c->request.status, c->request.reason);
    else if (code < 0)
        fail(c, err.http_status >= 400 ? err.http_status : 503, "the request could not be taken");
    else if (c->state == GW_CONN_ANSWER || in.len > 0) /* now it is for the exchange to go on */
        deadline(c, -1);
    else if (total > 0)
        deadline(c, c->worker->server->options.body_timeout_ms);
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
        deadline(c, c->worker->server->options.header_timeout_ms);
    }
    if (before == GW_HTTP1_HEAD && c->request.state == GW_HTTP1_BODY) {
        on_head(c);
        if (c->request.state == GW_HTTP1_BODY)
            return used;
    }
    switch (c->request.state) {
    case GW_HTTP1_FAILED:
        fail(c, c->request.status, c->request.reason);
        break;
    case GW_HTTP1_DONE:
        begin(c);
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
    deadline(c, c->worker->server->options.write_timeout_ms);
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
        end_unannounced(c);
        drop_exchange(c);
        linger(c);
        return true;
    }
    if (result == GW_PUMP_DONE) {
        finish(c, more_input);
        return true;
    }
    if (c->state == GW_CONN_ANSWER) {
        if (result == GW_PUMP_WAIT)
            deadline(c, -1);
        else if (moved || !was_blocked)
            await_reader(c);
    }
    return false;
}

/* Goes on with what is there until input or the answer is missing. Returns the bytes of `in` used. */
static size_t drive(gw_conn *c, aigw_slice in)
{
    size_t total = in.len;
    for (;;) {
        if (is_feeding(c)) {
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
    size_t used = drive(c, gw_buf_slice(&c->ahead));
    if (used && gw_buf_len(&c->ahead) >= used)
        gw_buf_consume(&c->ahead, used);
    if (gw_buf_len(&c->ahead) == 0)
        gw_buf_free(&c->ahead); /* rare enough not to keep the memory */
}

static void drain_input(gw_conn *c)
{
    ptrdiff_t n = gw_io_read(&c->io, c->worker->read_buffer, GW_READ_BYTES);
    if (n > 0)
        c->lingered_bytes += (size_t)n;
    if ((n <= 0 && n != GW_IO_AGAIN) || c->lingered_bytes > LINGER_BYTES)
        gw_conn_kill(c);
}

/* One read of a body with a length, to where it is to lie. False: there is no more for now. */
static bool read_body(gw_conn *c, char *space, size_t room)
{
    ptrdiff_t n = gw_io_read(&c->io, space, room);
    if (n == GW_IO_AGAIN || n == GW_IO_AGAIN_WRITE) {
        c->blocked = c->blocked || n == GW_IO_AGAIN_WRITE;
        return false;
    }
    if (n <= 0) {
        gw_conn_kill(c);
        return false;
    }
    gw_http1_body_filled(&c->request, (size_t)n);
    if (c->request.state == GW_HTTP1_DONE)
        begin(c);
    drive(c, (aigw_slice){"", 0});
    if (c->io.tls)
        return gw_io_buffered(&c->io);
    return c->state == GW_CONN_BODY && (size_t)n == room;
}

/* One read. False: there is no more for now. */
static bool read_once(gw_conn *c)
{
    size_t space_bytes;
    char *space = c->state == GW_CONN_BODY ? gw_http1_body_space(&c->request, &space_bytes) : NULL;
    if (space)
        return read_body(c, space, space_bytes);
    if (c->state == GW_CONN_BODY && c->request.state == GW_HTTP1_FAILED) {
        fail(c, c->request.status, c->request.reason);
        drive(c, (aigw_slice){"", 0});
        return false;
    }
    char *data = c->worker->read_buffer;
    size_t room = c->state == GW_CONN_ANSWER ? AHEAD_BYTES : GW_READ_BYTES;
    ptrdiff_t n = gw_io_read(&c->io, data, room);
    if (n == GW_IO_AGAIN)
        return false;
    if (n == GW_IO_AGAIN_WRITE) {
        c->blocked = true;
        return false;
    }
    if (n <= 0) { /* also a half-close: a client that will not read on is not told apart from it */
        gw_conn_kill(c);
        return false;
    }
    aigw_slice in = gw_slice(data, (size_t)n);
    size_t used = 0;
    if (c->state != GW_CONN_ANSWER)
        used = drive(c, in);
    if (used < in.len &&
        (c->state == GW_CONN_ANSWER || c->state == GW_CONN_HEAD || is_feeding(c)) &&
        !gw_buf_append(&c->ahead, data + used, in.len - used))
        gw_conn_kill(c);
    return c->io.tls ? gw_io_buffered(&c->io) : (size_t)n == room;
}

static void on_readable(gw_conn *c)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        if (c->state == GW_CONN_LINGER)
            drain_input(c);
        else if (gw_buf_len(&c->ahead) > 0 || !read_once(c))
            return;
        if (c->state == GW_CONN_DEAD || c->state == GW_CONN_LINGER)
            return;
    }
    if (gw_io_buffered(&c->io))
        queue(c); /* epoll will not tell of these bytes */
}

static void handshake(gw_conn *c)
{
    int result = gw_tls_handshake(c->io.tls);
    if (result == GW_IO_ERROR) {
        gw_io_drop_tls(&c->io); /* the alert is out; a reset would take it away from the client */
        linger(c);
        return;
    }
    c->blocked = result == GW_IO_AGAIN_WRITE;
    if (result != 1)
        return;
    gw_tls_client_subject(c->io.tls, c->tls_subject);
    c->state = GW_CONN_HEAD; /* still under the deadline that began at accept */
    on_readable(c);
}

void gw_conn_resume(gw_conn *c)
{
    if (c->blocked || c->state == GW_CONN_DEAD)
        return; /* it goes on when the socket takes bytes again */
    if (c->state == GW_CONN_ANSWER || c->state == GW_CONN_BODY)
        drive_ahead(c);
    if ((c->state == GW_CONN_HEAD || c->state == GW_CONN_BODY) && gw_io_buffered(&c->io))
        on_readable(c);
    watch(c);
}

void gw_conn_event(gw_conn *c, uint32_t events)
{
    if (c->state == GW_CONN_DEAD)
        return;
    if (events & (EPOLLERR | EPOLLHUP)) {
        gw_conn_kill(c);
        return;
    }
    if (c->state == GW_CONN_HANDSHAKE) {
        handshake(c);
    } else if ((c->state == GW_CONN_ANSWER || (is_feeding(c) && gw_buf_len(&c->ahead) > 0)) &&
               (events & EPOLLRDHUP)) {
        gw_conn_kill(c); /* the client is gone: this cancels the upstream transfer */
    } else {
        if (events & EPOLLOUT) {
            c->blocked = false;
            gw_conn_resume(c);
        }
        if (events & (EPOLLIN | EPOLLRDHUP))
            on_readable(c);
    }
    watch(c);
}

void gw_conn_timeout(gw_conn *c)
{
    if ((c->state == GW_CONN_HEAD && c->in_request) || c->state == GW_CONN_BODY) {
        fail(c, 408, "the request did not arrive in time");
        drive_ahead(c);
        watch(c);
    } else if (is_reading(c)) {
        await_reader(c);
    } else {
        gw_conn_kill(c);
    }
}

void gw_conn_drain(gw_conn *c)
{
    if (c->state == GW_CONN_HEAD && !c->in_request)
        on_readable(c); /* a request that is already here is answered */
    if (c->state == GW_CONN_HANDSHAKE || (c->state == GW_CONN_HEAD && !c->in_request))
        gw_conn_kill(c);
    watch(c);
}

static gw_conn *new_conn(gw_worker *worker, int fd)
{
    const aigw_server_options *options = &worker->server->options;
    gw_http1_limits limits = {options->max_header_bytes, SIZE_MAX};
    gw_conn *c = gw_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->worker = worker;
    c->io.fd = fd;
    if (worker->server->tls && !(c->io.tls = gw_tls_live_connect(&worker->server->tls_live, fd))) {
        gw_free(c);
        return NULL;
    }
    c->state = c->io.tls ? GW_CONN_HANDSHAKE : GW_CONN_HEAD;
    gw_timer_init(&c->timer, c);
    gw_http1_init(&c->request, &limits);
    gw_buf_init(&c->ahead, GW_READ_BYTES);
    gw_buf_init(&c->out, 8 * 1024 * 1024);
    c->next = worker->conns;
    if (c->next)
        c->next->prev = c;
    worker->conns = c;
    worker->conn_count++;
    return c;
}

void gw_conn_open(gw_worker *worker, int fd, const struct sockaddr_storage *peer)
{
    gw_io io = {fd, NULL};
    gw_conn *c =
        gw_timers_reserve(&worker->timers, worker->conn_count + 1) ? new_conn(worker, fd) : NULL;
    if (!c) {
        gw_io_close(&io);
        atomic_fetch_sub(&worker->server->open, 1);
        return;
    }
    gw_address_peer(peer, c->peer);
    deadline(c, worker->server->options.header_timeout_ms);
    c->events = EPOLLIN | EPOLLRDHUP;
    struct epoll_event event = {.events = c->events, .data.ptr = c};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        gw_conn_kill(c);
    else if (c->io.tls)
        handshake(c);
    else
        on_readable(c);
    watch(c);
}
