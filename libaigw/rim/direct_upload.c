/*
 * A request body of rim/direct that comes from a pipe: by its length, or chunk by chunk.
 *
 * Must not know who writes into the pipe, nor what an answer looks like.
 */
#include "rim/direct_parts.h"

#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

static bool chunked(const gw_direct_transfer *t)
{
    return t->request.upload_bytes < 0;
}

/* Of the pipe's bytes those that may go out: never more than the length that was said. */
static size_t sendable(const gw_direct_transfer *t)
{
    const gw_pipe *pipe = t->request.upload;
    size_t have = gw_pipe_peek(pipe).len;
    uint64_t due = chunked(t) ? UINT64_MAX : (uint64_t)t->request.upload_bytes - pipe->out;

    return have < due ? have : (size_t)due;
}

bool gw_direct_upload_over(const gw_direct_transfer *t)
{
    const gw_pipe *pipe = t->request.upload;

    if (!pipe)
        return true;
    if (!chunked(t))
        return pipe->out == (uint64_t)t->request.upload_bytes;
    return t->last_chunk && t->frame_at == t->frame_len;
}

bool gw_direct_upload_ready(const gw_direct_transfer *t)
{
    if (t->frame_at < t->frame_len || t->tail > 0 || sendable(t) > 0)
        return true;
    return chunked(t) && !t->last_chunk && gw_pipe_done(t->request.upload);
}

/* What is there becomes the next chunk; at the end of the pipe the last one. */
static void next_piece(gw_direct_transfer *t)
{
    if (t->frame_at < t->frame_len || t->piece > 0 || t->tail > 0 || t->last_chunk)
        return;
    t->piece = sendable(t);
    t->frame_at = t->frame_len = 0;
    if (!chunked(t))
        return;
    if (t->piece > 0) {
        t->frame_len =
            (uint8_t)snprintf(t->frame, sizeof t->frame, "%llx\r\n", (unsigned long long)t->piece);
        t->tail = 2;
    } else if (gw_pipe_done(t->request.upload)) {
        memcpy(t->frame, "0\r\n\r\n", 5);
        t->frame_len = 5;
        t->last_chunk = true;
    }
}

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* n bytes left: of the head, the chunk's line, its data, its end, in this order. */
static void account(gw_direct_transfer *t, size_t n, size_t head_len)
{
    size_t part = less(n, head_len - t->out);
    t->out += part;
    n -= part;
    part = less(n, (size_t)(t->frame_len - t->frame_at));
    t->frame_at = (uint8_t)(t->frame_at + part);
    n -= part;
    part = less(n, (size_t)t->piece);
    t->piece -= part;
    n -= part;
    t->tail = (uint8_t)(t->tail - n);
    if (part > 0)
        gw_pipe_take(t->request.upload, part); /* last: the writer hears of it */
}

void gw_direct_upload_some(gw_direct_transfer *t)
{
    static char crlf[] = "\r\n";
    aigw_slice head = gw_buf_slice(&t->head);

    while (gw_direct_unsent(t)) {
        struct iovec parts[4];
        struct msghdr message = {.msg_iov = parts};
        next_piece(t);
        if (t->out < head.len)
            parts[message.msg_iovlen++] =
                (struct iovec){(char *)(uintptr_t)head.data + t->out, head.len - t->out};
        if (t->frame_at < t->frame_len)
            parts[message.msg_iovlen++] =
                (struct iovec){t->frame + t->frame_at, (size_t)(t->frame_len - t->frame_at)};
        if (t->piece > 0)
            parts[message.msg_iovlen++] =
                (struct iovec){(void *)(uintptr_t)gw_pipe_peek(t->request.upload).data, t->piece};
        if (t->tail > 0)
            parts[message.msg_iovlen++] = (struct iovec){crlf + 2 - t->tail, t->tail};
        ssize_t n = sendmsg(t->conn->fd, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            t->sent = t->sent || n > 0;
            account(t, (size_t)n, head.len);
        } else if (errno != EINTR) {
            t->broken_pipe = errno != EAGAIN && errno != EWOULDBLOCK;
            break;
        }
    }
}

/* The writer has put something in, or ended: no handler may be called from here. */
static void on_more(void *user)
{
    gw_direct_transfer *t = user;
    const gw_pipe *pipe = t->request.upload;

    if (pipe->ended && !chunked(t) && pipe->in < (uint64_t)t->request.upload_bytes) {
        gw_direct_fail_soon(t, GW_HTTP_OTHER); /* it will never be whole */
        return;
    }
    if (!t->conn || !t->conn->connected || t->out < gw_buf_len(&t->head) || !gw_direct_unsent(t))
        return;
    gw_direct_upload_some(t);
    gw_direct_watch(t);
}

void gw_direct_upload_begin(gw_direct_transfer *t)
{
    gw_pipe *pipe = t->request.upload;

    t->frame_len = t->frame_at = t->tail = 0;
    t->last_chunk = false;
    t->piece = 0;
    if (!pipe)
        return;
    pipe->more = on_more;
    pipe->reader = t;
    if (pipe->ended)
        on_more(t);
}

void gw_direct_upload_drop(gw_direct_transfer *t)
{
    gw_pipe *pipe = t->request.upload;

    if (pipe && pipe->reader == t)
        pipe->more = NULL;
    t->request.upload = NULL;
}
