/* Reading a body that lies in several ranges, from any offset. */
/* Must not know who sends it. */
#include "rim/pieces.h"

#include <string.h>

uint64_t gw_pieces_bytes(gw_pieces p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p.count; i++)
        sum += p.items[i].len;
    return sum;
}

size_t gw_pieces_parts(gw_pieces p, uint64_t offset, struct iovec *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < p.count && n < max; i++) {
        if (offset >= p.items[i].len) {
            offset -= p.items[i].len;
            continue;
        }
        out[n++] = (struct iovec){(void *)(uintptr_t)(p.items[i].data + offset),
                                  p.items[i].len - (size_t)offset};
        offset = 0;
    }
    return n;
}

size_t gw_pieces_copy(gw_pieces p, uint64_t offset, char *to, size_t room)
{
    struct iovec part;
    size_t done = 0;
    while (done < room && gw_pieces_parts(p, offset + done, &part, 1) == 1) {
        size_t n = part.iov_len < room - done ? part.iov_len : room - done;
        memcpy(to + done, part.iov_base, n);
        done += n;
    }
    return done;
}
