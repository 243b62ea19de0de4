/*
 * Bytes on their way from somebody who has them in pieces to a transfer that sends them; bounded.
 *
 * Single-threaded. The writer fills it as far as there is room; the transfer takes what is there. Each
 * hears of the other by a call that may come from inside the other's: it must only note it.
 */
#ifndef GW_RIM_PIPE_H
#define GW_RIM_PIPE_H

#include "base/buf.h"

#define GW_PIPE_BYTES ((size_t)256 << 10) /* the most that lies in a pipe */
#define GW_PIPE_LOW   ((size_t)128 << 10) /* so few, and the writer is told of room */

typedef struct gw_pipe {
    gw_buf bytes;
    bool ended;                 /* by the writer: nothing follows */
    uint64_t in;                /* bytes that were ever written */
    uint64_t out;               /* ... and taken */
    void (*more)(void *reader); /* bytes, or the end, have come; NULL: nobody listens */
    void *reader;
    void (*room)(void *writer); /* down to GW_PIPE_LOW was taken, or all */
    void *writer;
} gw_pipe;

void gw_pipe_init(gw_pipe *pipe);
void gw_pipe_free(gw_pipe *pipe); /* the reader is gone before */
size_t gw_pipe_room(const gw_pipe *pipe);
/* Takes what there is room for and says how much; false without memory. Not after the end. */
bool gw_pipe_write(gw_pipe *pipe, aigw_slice bytes, size_t *taken);
void gw_pipe_end(gw_pipe *pipe);

/* The reader's side. */
aigw_slice gw_pipe_peek(const gw_pipe *pipe); /* until the next call */
void gw_pipe_take(gw_pipe *pipe, size_t n);
bool gw_pipe_done(const gw_pipe *pipe); /* ended, and all of it taken */

#endif
