/*
 * One request on its way through the gateway and its answer back.
 *
 * Single: an exchange lives on its loop's thread. Data is pulled: `ready` carries nothing and says
 * "look"; then call _head, _read and _consume until they say AIGW_AGAIN. What is not consumed stays,
 * and a full buffer stops the upstream transfer: that is the back-pressure.
 */
#ifndef AIGW_EXCHANGE_H
#define AIGW_EXCHANGE_H

#include <aigw/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_exchange aigw_exchange;

/* How a request came; the config says what may come in clear text, and from whom. */
typedef enum aigw_channel {
    AIGW_CHANNEL_VOUCHED, /* the embedder answers for it: any peer may ask, and the WAF is not asked */
    AIGW_CHANNEL_TLS,
    AIGW_CHANNEL_CLEAR /* beyond loopback, tokens pass from trusted proxies only */
} aigw_channel;

/*
 * A request as a client sent it. Slices and headers are borrowed until aigw_exchange_start returns;
 * the gateway copies what it keeps. The body is borrowed until the exchange is freed.
 */
typedef struct aigw_request {
    size_t size;        /* sizeof(aigw_request); members that it does not cover are as 0 */
    aigw_slice method;  /* "POST" */
    aigw_slice target;  /* origin form, "/v1/chat/completions?x=y" */
    const aigw_header *headers;
    size_t header_count;
    aigw_slice body;
    aigw_slice peer;    /* address of the TCP peer, "192.0.2.7"; "" if there is none */
    bool body_follows;  /* the body comes later, by aigw_exchange_body; `body` is ignored */
    bool trusted;       /* the embedder vouches for the caller: skip token checks */
    aigw_channel channel;
    aigw_slice tls_subject; /* of the client's verified certificate, for the access log; or "" */
    aigw_slice proxied; /* the client's address as a trusted peer's PROXY header says it; or "" */
    aigw_slice local;   /* our end of the connection, "127.0.0.1:8787", "[::1]:8787"; or "" */
    aigw_slice version; /* "HTTP/1.1", for the evidence of the WAF; or "" */
} aigw_request;

/* Called on the loop's thread from aigw_loop_step. May call any function of this exchange, _free too. */
typedef void aigw_ready_fn(aigw_exchange *x, void *user);

/*
 * Starts an exchange. Denials (401, 404, ...) are not errors of this call: they are answers, with a
 * body in the dialect of the route. `ready` may be NULL when only the blocking forms are used; it is
 * never called from inside this function.
 */
AIGW_API int aigw_exchange_start(aigw_loop *loop, const aigw_request *request, aigw_ready_fn *ready,
                                 void *user, aigw_exchange **out, aigw_error *err);

/* Gives the body of a request that was started with body_follows; once. Borrowed until _free. */
AIGW_API int aigw_exchange_body(aigw_exchange *x, aigw_slice body, aigw_error *err);

/* The most bytes that a body may have that is given later: a server need not read more than that. */
AIGW_API size_t aigw_exchange_body_max(const aigw_exchange *x);

/*
 * A body that flows. What passes through to a provider's own API (/pass/...) is not collected: of an
 * exchange that was started with body_follows, _body_streams says whether its body is wanted in pieces, by
 * _write and _write_end instead of _body. (_body does as well, if it is all there.) A content-length among
 * the request's headers holds: no more and no less may be written; without one the body goes on chunked.
 * A short one of known length may be kept until it is complete.
 */
AIGW_API bool aigw_exchange_body_streams(const aigw_exchange *x);

/* How many bytes _write would take now. 0: none for the moment, or nobody wants any. */
AIGW_API size_t aigw_exchange_write_room(const aigw_exchange *x);

/*
 * The next piece; copied. AIGW_OK: *taken bytes of it were taken, the rest is to be given again later;
 * AIGW_AGAIN: none was; after either, `ready` says when there is room (and _wait returns). AIGW_END: nobody
 * wants more, there is an answer: see _head. AIGW_E_INVALID: not this exchange, or over content-length.
 */
AIGW_API int aigw_exchange_write(aigw_exchange *x, aigw_slice bytes, size_t *taken, aigw_error *err);

/* The body is complete. AIGW_E_INVALID: not this exchange, or short of content-length: free it then. */
AIGW_API int aigw_exchange_write_end(aigw_exchange *x, aigw_error *err);

/* The head of an answer. Borrowed until the next non-const call on x. */
typedef struct aigw_head {
    size_t size;
    int status;
    const aigw_header *headers; /* content-type, x-request-id, ...; never framing headers */
    size_t header_count;
    bool streaming;     /* the length of the body is not known */
    int64_t body_bytes; /* -1 when streaming; what a GET would have, in an answer to a HEAD */
} aigw_head;

/* AIGW_OK: *out is filled. AIGW_AGAIN: not yet. Otherwise the exchange failed before an answer. */
AIGW_API int aigw_exchange_head(aigw_exchange *x, aigw_head *out, aigw_error *err);

/*
 * The bytes of the body that are there. AIGW_OK with *out not empty, AIGW_AGAIN, AIGW_END after the
 * last byte, or an error when the answer broke off (a stream got its dialect's error event first).
 * *out is borrowed until the next non-const call on x.
 */
AIGW_API int aigw_exchange_read(aigw_exchange *x, aigw_slice *out, aigw_error *err);

/*
 * After an error of _read: does the body end in its dialect's whole error event? Then it can be ended as a
 * body (the client is told, and has the provider's words); without one it must be seen to be cut.
 */
AIGW_API bool aigw_exchange_told(const aigw_exchange *x);

/* Takes n bytes of what _read showed. */
AIGW_API void aigw_exchange_consume(aigw_exchange *x, size_t n);

/* Blocks until _head or _read has something new, or timeout_ms (-1: no limit) passed: AIGW_AGAIN. */
AIGW_API int aigw_exchange_wait(aigw_exchange *x, int timeout_ms, aigw_error *err);

/* What was used; complete after AIGW_END. Unknown numbers are -1. */
AIGW_API void aigw_exchange_usage(const aigw_exchange *x, aigw_usage *out);

/* The id that went into x-request-id. Borrowed until _free. */
AIGW_API aigw_slice aigw_exchange_id(const aigw_exchange *x);

/* Ends it. If it still runs, the upstream transfer is cancelled at once. NULL is fine. */
AIGW_API void aigw_exchange_free(aigw_exchange *x);

/*
 * The blocking form: runs one request to its end on a loop of its own. *status and *body are set on
 * AIGW_OK, whatever the status; *body is the caller's, aigw_bytes_free drops it. Any thread.
 */
AIGW_API int aigw_call(aigw_gateway *gw, const aigw_request *request, int timeout_ms, int *status,
                       aigw_slice *body, aigw_usage *usage, aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
