/* The incoming half of a connection: bytes from the socket to where they belong, and the TLS handshake.
 * Knows nothing of answers. */
#include "server/conn_parts.h"

#include "base/text.h"

#define LINGER_BYTES (1024 * 1024)
#define READS_A_TURN 8
#define AHEAD_BYTES  4096 /* of the next request, read while an answer runs */

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
        gw_conn_begin(c);
    gw_conn_drive(c, (aigw_slice){"", 0});
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
        gw_conn_fail(c, c->request.status, c->request.reason);
        gw_conn_drive(c, (aigw_slice){"", 0});
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
        used = gw_conn_drive(c, in);
    if (used < in.len &&
        (c->state == GW_CONN_ANSWER || c->state == GW_CONN_HEAD || gw_conn_feeding(c)) &&
        !gw_buf_append(&c->ahead, data + used, in.len - used))
        gw_conn_kill(c);
    return c->io.tls ? gw_io_buffered(&c->io) : (size_t)n == room;
}

void gw_conn_read(gw_conn *c)
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
        gw_conn_queue(c); /* epoll will not tell of these bytes */
}

void gw_conn_handshake(gw_conn *c)
{
    int result = gw_tls_handshake(c->io.tls);
    if (result == GW_IO_ERROR) {
        gw_io_drop_tls(&c->io); /* the alert is out; a reset would take it away from the client */
        gw_conn_linger(c);
        return;
    }
    c->blocked = result == GW_IO_AGAIN_WRITE;
    if (result != 1)
        return;
    gw_tls_client_subject(c->io.tls, c->tls_subject);
    c->state = GW_CONN_HEAD; /* still under the deadline that began at accept */
    gw_conn_read(c);
}
