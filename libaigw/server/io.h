/* The bytes of one accepted connection, in clear text or through TLS. */
#ifndef GW_SERVER_IO_H
#define GW_SERVER_IO_H

#include "server/tls.h"
#include <sys/uio.h>

typedef struct gw_io {
    int fd;
    gw_tls *tls; /* NULL: clear text */
} gw_io;

#define GW_IO_GATHER_BYTES 16384 /* one TLS record */

/* > 0: bytes; 0: the peer has ended; else GW_IO_... */
ptrdiff_t gw_io_read(gw_io *io, char *data, size_t len);
/* Bytes of the socket below TLS: looked at without taking them, and n of those taken. _peek as _read. */
ptrdiff_t gw_io_peek(const gw_io *io, char *data, size_t len);
bool gw_io_take(const gw_io *io, char *data, size_t n);
/* One system call or one TLS record. `gather` has GW_IO_GATHER_BYTES; only TLS uses it. */
ptrdiff_t gw_io_write(gw_io *io, const struct iovec *parts, int count, char *gather);
bool gw_io_buffered(const gw_io *io);
size_t gw_io_unacknowledged(
    const gw_io *io);            /* bytes that were written and not yet taken by the peer */
void gw_io_end_write(gw_io *io); /* close_notify and FIN; reading goes on */
void gw_io_drop_tls(gw_io *io);  /* a handshake failed: what comes is only to be read away */
void gw_io_close(gw_io *io);

#endif
