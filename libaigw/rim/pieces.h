/*
 * A request body as it lies in memory: one range, or several that are sent one after the other.
 *
 * Borrowed, all of it. Knows no transport.
 */
#ifndef GW_RIM_PIECES_H
#define GW_RIM_PIECES_H

#include <aigw/types.h>
#include <sys/uio.h>

typedef struct gw_pieces {
    const aigw_slice *items;
    size_t count;
} gw_pieces;

uint64_t gw_pieces_bytes(gw_pieces p);
/* Copies what lies at the offset; less than room at the end only. */
size_t gw_pieces_copy(gw_pieces p, uint64_t offset, char *to, size_t room);
/* Fills at most max parts from the offset on; how many. */
size_t gw_pieces_parts(gw_pieces p, uint64_t offset, struct iovec *out, size_t max);

#endif
