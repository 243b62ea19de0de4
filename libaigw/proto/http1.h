/*
 * HTTP/1.1 request messages (RFC 9110, RFC 9112) as bytes in, meaning out. Server side.
 *
 * Strict: what two readers could read differently is refused. Knows no socket and no clock. The same
 * result for every split of the input.
 */
#ifndef GW_PROTO_HTTP1_H
#define GW_PROTO_HTTP1_H

#include "base/buf.h"
#include "proto/http1_chunk.h"
#include <aigw/error.h>

#define GW_HTTP1_MAX_HEADERS 100

typedef struct gw_http1_limits {
    size_t max_header_bytes; /* request line and fields together; over it: 431 (414 for the line) */
    size_t max_body_bytes;   /* decoded; over it: 413 */
} gw_http1_limits;

typedef enum gw_http1_state {
    GW_HTTP1_HEAD,  /* wants bytes of a head */
    GW_HTTP1_BODY,  /* the head is complete: fields below are valid; wants body bytes */
    GW_HTTP1_DONE,  /* the message is complete */
    GW_HTTP1_FAILED /* answer `status`, then close */
} gw_http1_state;

/* One request. Offsets point into the head buffer that the parser keeps; slices are made on demand. */
typedef struct gw_http1 {
    gw_http1_limits limits;
    gw_http1_state state;
    int status;         /* of a failure: 400, 413, 414, 417, 431, 501, 505; 503 without memory */
    const char *reason; /* of a failure: static text for the log and the error body */
    gw_buf head;        /* the bytes of the head, as received */
    size_t scanned;     /* the start of its current line */
    bool leading_crlf;  /* the one empty line tolerated before a request has come */
    /* Into head; valid from BODY on. target is as received; of the absolute form, path and query are its
     * parts ("/" if it has no path) and its authority is the value of the header "host". query without
     * its ?; data NULL if there is none. */
    aigw_slice method, target, path, query;
    aigw_header headers[GW_HTTP1_MAX_HEADERS];
    size_t header_count;
    int minor;            /* HTTP/1.minor */
    bool keep_alive;      /* as the client wants it */
    bool expect_continue; /* and no body byte had come yet */
    bool chunked;
    int64_t content_length; /* -1: none */
    gw_buf body;            /* decoded bytes */
    bool streamed;          /* they are handed over piece by piece instead */
    uint64_t left;          /* of a body with a length */
    gw_http1_chunks chunks;
} gw_http1;

void gw_http1_init(gw_http1 *p, const gw_http1_limits *limits);
/* Ready for the next message on the connection; keeps memory up to 64 KiB. */
void gw_http1_reset(gw_http1 *p);
void gw_http1_free(gw_http1 *p);
/*
 * Takes bytes up to the end of the message and returns how many it took (fewer than len only in DONE
 * and FAILED; in BODY right after the head, it returns at the head's end so that a caller can decide).
 */
size_t gw_http1_feed(gw_http1 *p, const char *data, size_t len);
/* Where the next bytes of a body with a length may be put instead of being fed: at most *room of them,
 * which _filled then counts. NULL: feed them. The same result either way. */
char *gw_http1_body_space(gw_http1 *p, size_t *room);
void gw_http1_body_filled(gw_http1 *p, size_t len);
/*
 * In BODY, before a byte of the body was fed: another bound for it, which a longer one fails at once; or none
 * at all, since the body is not collected: from then on gw_http1_feed_piece takes the bytes. It returns
 * behind each run of body bytes, which lies in `bytes` and goes to *piece; empty if there was none.
 */
void gw_http1_limit_body(gw_http1 *p, size_t max_bytes);
void gw_http1_stream_body(gw_http1 *p);
size_t gw_http1_feed_piece(gw_http1 *p, aigw_slice bytes, aigw_slice *piece);
aigw_slice gw_http1_header(const gw_http1 *p, const char *name); /* data NULL if absent */

/* The reason phrase of a status, "Not Found"; "Unknown" otherwise. Static. */
const char *gw_http1_reason(int status);

#endif
