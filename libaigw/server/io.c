/* Reading and writing a connection without blocking and without SIGPIPE.
 * Knows nothing of what the bytes mean. */
#include "server/io.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static ptrdiff_t result_of(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? GW_IO_AGAIN : GW_IO_ERROR;
}

ptrdiff_t gw_io_read(gw_io *io, char *data, size_t len)
{
    return io->tls ? gw_tls_read(io->tls, data, len) : result_of(recv(io->fd, data, len, 0));
}

ptrdiff_t gw_io_peek(const gw_io *io, char *data, size_t len)
{
    return result_of(recv(io->fd, data, len, MSG_PEEK));
}

bool gw_io_take(const gw_io *io, char *data, size_t n)
{
    return n == 0 || recv(io->fd, data, n, 0) == (ssize_t)n; /* they are there: it cannot be less */
}

static ptrdiff_t write_record(gw_tls *tls, const struct iovec *parts, int count, char *gather)
{
    if (count == 1 || parts[0].iov_len >= GW_IO_GATHER_BYTES)
        return gw_tls_write(tls, parts[0].iov_base, parts[0].iov_len);
    size_t len = 0;
    for (int i = 0; i < count && len < GW_IO_GATHER_BYTES; i++) {
        size_t room = GW_IO_GATHER_BYTES - len;
        size_t n = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(gather + len, parts[i].iov_base, n);
        len += n;
    }
    return gw_tls_write(tls, gather, len);
}

ptrdiff_t gw_io_write(gw_io *io, const struct iovec *parts, int count, char *gather)
{
    if (io->tls)
        return write_record(io->tls, parts, count, gather);
    if (count == 1)
        return result_of(send(io->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL));
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    return result_of(sendmsg(io->fd, &message, MSG_NOSIGNAL));
}

bool gw_io_buffered(const gw_io *io)
{
    return io->tls && gw_tls_buffered(io->tls);
}

size_t gw_io_unacknowledged(const gw_io *io)
{
    int bytes = 0;
    return ioctl(io->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void gw_io_end_write(gw_io *io)
{
    if (io->tls)
        gw_tls_close_notify(io->tls);
    shutdown(io->fd, SHUT_WR);
}

void gw_io_drop_tls(gw_io *io)
{
    gw_tls_free(io->tls);
    io->tls = NULL;
}

void gw_io_close(gw_io *io)
{
    if (io->tls) {
        gw_tls_close_notify(io->tls);
        gw_tls_free(io->tls);
    }
    if (io->fd >= 0)
        close(io->fd);
    *io = (gw_io){-1, NULL};
}
