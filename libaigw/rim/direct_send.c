/*
 * Transfers of rim/direct until their request is out: connecting, writing, handing over, time.
 *
 * Must not know what an answer looks like.
 */
#include "rim/direct_parts.h"

#include "base/text.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PIECES_AT_ONCE 16

/* ---- sending ---- */

size_t gw_direct_request_bytes(const gw_direct_transfer *t)
{
    return gw_buf_len(&t->head) + t->request.body.len + (size_t)gw_pieces_bytes(t->request.pieces);
}

bool gw_direct_unsent(const gw_direct_transfer *t)
{
    return !t->broken_pipe && (t->out < gw_direct_request_bytes(t) ||
                               (t->request.upload && gw_direct_upload_ready(t)));
}

/* Watches for what can be done next. */
void gw_direct_watch(gw_direct_transfer *t)
{
    gw_direct_conn *c = t->conn;
    if (!c) /* it failed just now */
        return;
    bool full = t->stalled || gw_buf_len(&t->rest) > 0;
    unsigned events = !c->connected ? GW_LOOP_WRITE : full ? 0 : GW_LOOP_READ;

    if (c->connected && gw_direct_unsent(t))
        events |= GW_LOOP_WRITE;
    if (!gw_loop_watch(t->owner->loop, c->fd, events, gw_direct_on_conn, c))
        gw_direct_fail_soon(t, GW_HTTP_OTHER);
}

/* Head and body in one call. A peer that does not read on may have answered: that is found by reading. */
void gw_direct_send_some(gw_direct_transfer *t)
{
    aigw_slice head = gw_buf_slice(&t->head);

    if (t->request.upload) {
        gw_direct_upload_some(t);
        return;
    }
    while (gw_direct_unsent(t)) {
        struct iovec parts[2 + PIECES_AT_ONCE];
        struct msghdr message = {.msg_iov = parts};
        size_t skip = t->out < head.len ? 0 : t->out - head.len;
        size_t of_body = skip < t->request.body.len ? skip : t->request.body.len;
        aigw_slice body = gw_skip(t->request.body, of_body);
        if (t->out < head.len)
            parts[message.msg_iovlen++] =
                (struct iovec){(char *)head.data + t->out, head.len - t->out};
        if (body.len > 0)
            parts[message.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)body.data, body.len};
        message.msg_iovlen += gw_pieces_parts(t->request.pieces, skip - of_body,
                                              parts + message.msg_iovlen, PIECES_AT_ONCE);
        ssize_t n = sendmsg(t->conn->fd, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            t->out += (size_t)n;
            t->sent = t->sent || n > 0;
        } else if (errno != EINTR) {
            t->broken_pipe = errno != EAGAIN && errno != EWOULDBLOCK;
            break;
        }
    }
}

void gw_direct_begin_sending(gw_direct_transfer *t)
{
    t->sent_ms = gw_loop_now_ms(t->owner->loop);
    gw_direct_send_some(t);
    gw_direct_watch(t);
}

/* ---- the other transport takes over ---- */

static void forward_head(void *user, int status, const aigw_header *headers, size_t count)
{
    gw_direct_transfer *t = user;
    t->handler.on_head(t->user, status, headers, count);
}

static bool forward_data(void *user, aigw_slice bytes)
{
    gw_direct_transfer *t = user;
    return t->handler.on_data(t->user, bytes);
}

static void forward_end(void *user, gw_http_failure failure, bool sent)
{
    gw_direct_transfer *t = user;
    t->instead = NULL;
    t->sent = t->sent || sent;
    gw_direct_finish(t, failure);
}

/* A learned address is not reached: whoever can ask for the name's present one does the request. */
static void hand_over(gw_direct_transfer *t)
{
    static const gw_http_handler handler = {forward_head, forward_data, forward_end};
    aigw_header headers[GW_HTTP1_RESPONSE_HEADERS];
    gw_http_request request = t->request;
    gw_direct *d = t->owner;

    t->origin->known_until_ms = 0;
    aigw_slice rest = gw_skip(gw_buf_slice(&t->head), t->extra);
    if (request.header_count > GW_HTTP1_RESPONSE_HEADERS) {
        gw_direct_fail_soon(t, GW_HTTP_CONNECT);
        return;
    }
    for (size_t i = 0; i < request.header_count; i++) { /* as they were written */
        aigw_slice value = gw_cut(&rest, '\n');
        headers[i].name = gw_cut(&value, ':');
        headers[i].value = gw_trim(gw_slice(value.data, value.len - 1));
    }
    request.headers = headers;
    if (request.path.len > 0) {
        aigw_slice line = gw_skip(gw_buf_slice(&t->head), strlen(request.method) + 1);
        request.path = gw_cut(&line, ' ');
    }
    gw_loop_timer_clear(d->loop, &t->timer);
    if (d->instead->start(d->instead_self, &request, &handler, t, &t->instead, NULL) != AIGW_OK)
        gw_direct_fail_soon(t, GW_HTTP_OTHER);
}

/* ---- connecting ---- */

static void on_timer(void *user)
{
    gw_direct_transfer *t = user;
    int64_t now = gw_loop_now_ms(t->owner->loop);
    bool connecting = t->conn && !t->conn->connected;
    int64_t due =
        connecting && t->connect_due_ms < t->total_due_ms ? t->connect_due_ms : t->total_due_ms;
    if (due > now) { /* INT64_MAX: the connection stands and nothing limits the rest */
        if (due != INT64_MAX && !gw_loop_timer_set(t->owner->loop, &t->timer, due, on_timer, t))
            gw_direct_fail_soon(t, GW_HTTP_OTHER);
    } else if (t->busy) {
        t->expired = true;
    } else {
        if (connecting && t->target->address_count == 0)
            t->origin->known_until_ms = 0;
        gw_direct_finish(t, GW_HTTP_TIMEOUT);
    }
}

bool gw_direct_set_timer(gw_direct_transfer *t)
{
    int64_t due = t->connect_due_ms < t->total_due_ms ? t->connect_due_ms : t->total_due_ms;

    return due == INT64_MAX || gw_loop_timer_set(t->owner->loop, &t->timer, due, on_timer, t);
}

/* Tries the addresses from t->address on. */
void gw_direct_open_conn(gw_direct_transfer *t)
{
    gw_direct *d = t->owner;
    gw_http_failure why;

    t->out = 0;
    t->broken_pipe = false;
    if (!gw_direct_origin_known(d, t->origin) ||
        !gw_direct_origin_allowed(t->target, t->origin)) { /* learned meanwhile, by another rule */
        hand_over(t);
        return;
    }
    gw_direct_conn *c = gw_direct_open(d, t->origin, &t->address, &why);
    if (!c) {
        if (why == GW_HTTP_CONNECT && t->target->address_count == 0)
            hand_over(t);
        else
            gw_direct_fail_soon(t, why);
        return;
    }
    c->transfer = t;
    t->conn = c;
    t->connect_due_ms = gw_loop_now_ms(d->loop) + t->target->connect_timeout_ms;
    if (c->connected)
        gw_direct_begin_sending(t);
    else if (gw_direct_set_timer(t))
        gw_direct_watch(t);
    else
        gw_direct_fail_soon(t, GW_HTTP_OTHER);
}

void gw_direct_on_connecting(gw_direct_transfer *t)
{
    if (gw_direct_connected(t->conn)) {
        gw_direct_begin_sending(t);
        return;
    }
    gw_direct_drop_conn(t);
    t->address++;
    gw_direct_open_conn(t);
}
