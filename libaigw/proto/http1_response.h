/*
 * HTTP/1.1 answers (RFC 9110, RFC 9112) as bytes in, meaning out. Client side.
 *
 * Strict: what two readers could read differently is refused. Interim answers (1xx) are skipped. Knows no
 * socket and no clock. The same result for every split of the input.
 */
#ifndef GW_PROTO_HTTP1_RESPONSE_H
#define GW_PROTO_HTTP1_RESPONSE_H

#include "base/buf.h"
#include "proto/http1_chunk.h"

#define GW_HTTP1_RESPONSE_HEADERS 128
#define GW_HTTP1_RESPONSE_HEAD    (64u * 1024) /* bytes of all heads of one answer together */

typedef enum gw_http1_response_state {
    GW_HTTP1_ANSWER_HEAD, /* wants bytes of a head */
    GW_HTTP1_ANSWER_BODY, /* the head is complete; wants body bytes */
    GW_HTTP1_ANSWER_DONE,
    GW_HTTP1_ANSWER_FAILED
} gw_http1_response_state;

typedef struct gw_http1_response {
    gw_http1_response_state state;
    const char *reason; /* of a failure; static text */
    bool too_large;     /* a failure: the head, or trailers, over the limit */
    bool no_memory;     /* a failure */
    bool no_body;       /* it answers a HEAD */
    bool began;         /* a byte has come */
    /* Valid from BODY (or DONE) on; the headers only until the next feed. */
    int status, minor;
    bool keep_alive; /* the connection may carry another message behind this one */
    aigw_header headers[GW_HTTP1_RESPONSE_HEADERS];
    size_t header_count;
    bool chunked, until_close;
    int64_t content_length; /* -1: none */
    gw_buf head;            /* of a head that came in pieces */
    size_t scanned, line;   /* in head: bytes looked at, start of the current line */
    size_t head_bytes;      /* of interim heads */
    uint64_t left;          /* of a body with a length */
    gw_http1_chunks chunks;
} gw_http1_response;

void gw_http1_response_init(gw_http1_response *p);
/* Ready for an answer; `no_body`: to a HEAD. Keeps small memory. */
void gw_http1_response_begin(gw_http1_response *p, bool no_body);
void gw_http1_response_free(gw_http1_response *p);
/*
 * Takes bytes and returns how many. It returns at the end of the (final) head, behind each run of body
 * bytes, and in DONE and FAILED. *body gets that run, which lies in `bytes` and ends where the taken bytes
 * end; empty otherwise. In BODY, bytes behind a head's end are taken by the next call.
 */
size_t gw_http1_response_feed(gw_http1_response *p, aigw_slice bytes, aigw_slice *body);
/* The connection has ended: DONE if the body runs until then, else FAILED. Not in DONE or FAILED. */
void gw_http1_response_end(gw_http1_response *p);

#endif
