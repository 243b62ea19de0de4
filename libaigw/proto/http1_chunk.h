/* The framing of a chunked body (RFC 9112 clause 7.1); for the files of proto/http1 only. */
#ifndef GW_PROTO_HTTP1_CHUNK_H
#define GW_PROTO_HTTP1_CHUNK_H

#include <aigw/types.h>

/* Zeroed at first. While `left` is not 0, the next `left` bytes are data: the owner takes them and
 * counts `left` down; everything else goes to gw_http1_chunks_feed. */
typedef struct gw_http1_chunks {
    uint64_t left;
    uint64_t size;   /* of the chunk line, as far as it came */
    size_t line_len; /* bytes of the current chunk line, or of all trailers, seen */
    int phase;
} gw_http1_chunks;

typedef enum gw_http1_framing {
    GW_HTTP1_CHUNK_MORE, /* all bytes taken */
    GW_HTTP1_CHUNK_DATA, /* a chunk begins */
    GW_HTTP1_CHUNK_END,  /* the body is complete */
    GW_HTTP1_CHUNK_LONG, /* trailers over the limit */
    GW_HTTP1_CHUNK_BAD
} gw_http1_framing;

/* Takes framing up to what *out says and returns how many bytes; a failure comes with its reason. */
size_t gw_http1_chunks_feed(gw_http1_chunks *c, size_t max_trailer_bytes, aigw_slice bytes,
                            gw_http1_framing *out, const char **reason);

#endif
