/*
 * One try at one upstream: what was sent, what came back so far, and how it is decoded.
 *
 * Lies in its exchange. Everything that holds memory outside the arena is freed by gw_attempt_drop.
 */
#ifndef GW_GATEWAY_ATTEMPT_H
#define GW_GATEWAY_ATTEMPT_H

#include "chat/wrap.h"
#include "gateway/config/config.h"
#include "route/retry.h"
#include "wire/wire.h"
#include <aigw/exchange.h>

#define GW_KEPT_MAX       24                  /* answer headers that go on to the client */
#define GW_ERROR_BODY_MAX ((size_t)1 << 20)   /* of an error answer; the rest is not read */
#define GW_OUT_HIGH       ((size_t)256 << 10) /* unread bytes that stop the upstream */
#define GW_OUT_LOW        ((size_t)64 << 10)  /* ... and those that let it go on */

typedef enum gw_take {
    GW_TAKE_NOTHING, /* no head yet */
    GW_TAKE_SNIFF,   /* a good head; the first bytes will say what it is */
    GW_TAKE_STREAM,  /* server-sent events */
    GW_TAKE_WHOLE,   /* one document, collected */
    GW_TAKE_ERROR    /* the body of an error status, collected */
} gw_take;

/* Why a try failed, and what may be done about it. Text lies in the arena or is static. */
typedef struct gw_outcome {
    gw_api_error error;
    bool again;     /* the same upstream may be asked once more */
    bool elsewhere; /* another one may do better */
    bool as_it_is;  /* the collected error body may be forwarded as it stands */
} gw_outcome;

typedef struct gw_attempt {
    const gw_upstream *upstream;
    const gw_wire *wire; /* in which it is asked; NULL: it has no such call */
    bool same;           /* the client speaks it too */
    gw_transfer *transfer;
    bool paused;   /* the receiver was full; resume is due */
    bool over;     /* decided: bytes that still come are dropped */
    bool complete; /* the answer's terminal event was seen */
    bool cut;      /* it was ours: the provider still talks, and is not waited for */
    bool begun;    /* of an answer that is collected the client's stream has begun */
    bool told;     /* the client has had an error event */
    gw_take take;
    int status;
    bool sse_type;     /* the head says text/event-stream */
    bool frames_type;  /* ... or application/vnd.amazon.eventstream */
    bool unsse;        /* a stream that is no server-sent events: only its reader can take it */
    int64_t length;    /* content-length; -1 unsaid */
    int retry_after_s; /* -1 unsaid */
    int should_retry;  /* x-should-retry: -1 unsaid, 0, 1 */
    int64_t begun_ms, head_ms, last_ms;
    gw_buf body; /* what was collected, unless it goes straight to the output */
    bool body_on;
    aigw_header kept[GW_KEPT_MAX];
    size_t kept_count;
    /* Decoding a stream: the first pair on the same format, else reader and writer or fold */
    gw_sse sse;
    void *tap;
    void *reader, *writer;
    gw_fold *fold;
    gw_unwrap unwrap; /* its request is NULL where nothing went out wrapped */
    bool sse_on, reader_on, writer_on;
    bool lf_given; /* behind the CR that the last forwarded event ended with */
    size_t elements; /* of a JSON array that the client has got */
    gw_outcome outcome;
    aigw_slice path; /* and query of the request; in the arena */
    aigw_slice sent; /* the body, while its token is awaited */
    gw_pieces pieces; /* the body instead, in parts: the client's own bytes around what was patched */
    gw_token_waiter token_waiter;
    uint64_t token_serial; /* of the token that it went with; 0: none */
} gw_attempt;

/* Starts the next try of the plan at once. The exchange is planned and its body parsed. */
void gw_attempt_next(aigw_exchange *x);
/* What its URLs hold has come: the try goes on. */
void gw_attempt_fetched(aigw_exchange *x);
/* Lets go of the transfer (cancelled if it runs) and of all memory but the arena's. */
void gw_attempt_drop(aigw_exchange *x);
/* The client has taken bytes: goes on if the upstream was stopped. */
void gw_attempt_drained(aigw_exchange *x);

/* -- for the files attempt_*.c -- */

/* Ends the try in failure; what follows is decided at the end of the loop's step. Another upstream may
 * be asked, the same one not, unless the caller changes a->outcome afterwards. */
void gw_attempt_fail(aigw_exchange *x, gw_api_error_kind kind, int status, const char *message);
/* The same with an error that was read; its texts must live until then. */
void gw_attempt_fail_with(aigw_exchange *x, const gw_api_error *error);
void gw_attempt_fail_nomem(aigw_exchange *x);
/* Is it about our credentials, not the client's? Its text may quote them, so no client sees it. */
bool gw_attempt_is_ours(gw_api_error_kind kind);
/* A failure told under a good status: may it be gone by itself the next time? */
bool gw_attempt_may_pass(gw_api_error_kind kind);
/* The answer is complete and in the output. */
void gw_attempt_done(aigw_exchange *x);
/* Sets the timer for what is due next. */
void gw_attempt_arm(aigw_exchange *x);
/* Gives the head of a stream to the client: from here on nothing is tried again. */
void gw_attempt_commit(aigw_exchange *x);

/* attempt_head.c: what an answer's head says, and what of it the client gets. */
bool gw_head_take(aigw_exchange *x, int status, const aigw_header *headers, size_t count);
/* A field that goes on to the client, copied; what is none is left out. False without memory. */
bool gw_head_keep(aigw_exchange *x, aigw_slice name, aigw_slice value);
/* The first bytes of a good answer: is it a stream? Wrong content-types are common. */
bool gw_head_is_stream(aigw_exchange *x, aigw_slice bytes);
/* The error as a copy in the arena; false without memory. */
bool gw_head_keep_error(aigw_exchange *x, const gw_api_error *error, gw_api_error *out);

/* attempt_stream.c: bytes of a stream, and its end. */
bool gw_stream_open(aigw_exchange *x);
void gw_stream_data(aigw_exchange *x, aigw_slice bytes);
void gw_stream_end(aigw_exchange *x, bool cut);
void gw_stream_close(aigw_exchange *x); /* frees what decoding holds */
void gw_stream_error_event(aigw_exchange *x, const gw_api_error *error);
void gw_stream_ping(aigw_exchange *x);
/* A writer of the client's format; false without memory. */
bool gw_stream_writer(aigw_exchange *x);
/* Of an answer that is collected first: the client's stream begins, so that it can be kept alive. */
int gw_stream_begin(aigw_exchange *x, const gw_event *start);
/* The sink of readers: into the client's stream, or into the fold. User is the exchange. */
int gw_stream_emit(void *user, const gw_event *event);
/* The sink to give to a reader: that one, behind what unwraps where the request went out wrapped. */
gw_event_sink gw_stream_sink(aigw_exchange *x);

/* attempt_whole.c: a collected document. */
bool gw_whole_open(aigw_exchange *x);
void gw_whole_data(aigw_exchange *x, aigw_slice bytes);
void gw_whole_end(aigw_exchange *x);
void gw_whole_fold_end(aigw_exchange *x); /* the fold is complete: writes the answer */
/* The answer that guardrails have looked at; or their policy says that none is to be given. */
void gw_whole_give(aigw_exchange *x, const gw_answer *answer);
void gw_whole_refuse(aigw_exchange *x);
void gw_error_data(aigw_exchange *x, aigw_slice bytes);
void gw_error_end(aigw_exchange *x);

/* encode.c: fills x->send or points *body at the client's own bytes; and the headers that are not the
 * same for all requests to the upstream: those lie in its target. */
int gw_encode_body(aigw_exchange *x, const gw_route_target *target, aigw_slice *body,
                   aigw_error *err);
#define GW_SEND_HEADERS 2
int gw_encode_headers(aigw_exchange *x, aigw_header out[GW_SEND_HEADERS], size_t *count,
                      aigw_error *err);
/* The wire of a try: the client's own format if the upstream serves it for this call, else what it prefers.
 * NULL: it has no such call. */
const gw_wire *gw_encode_wire(const aigw_exchange *x, const gw_route_target *target);
/* Path and query of the call, in the arena. AIGW_E_UNSUPPORTED, AIGW_E_PARSE (a model's name that cannot stand
 * there), AIGW_E_NOMEM. */
int gw_encode_path(aigw_exchange *x, const gw_route_target *target, aigw_slice *path,
                   aigw_error *err);
/* Appends the fields that sign the request, where the upstream has a key pair: GW_SIGN_HEADERS at most. */
int gw_encode_sign(aigw_exchange *x, gw_http_request *request, aigw_header *headers,
                   aigw_error *err);
/* The client's anthropic-beta fields as one list without duplicates; false without memory. */
bool gw_encode_betas(aigw_exchange *x);
/* What the writer of the client's format wants to know. */
void gw_encode_answer_options(aigw_exchange *x);

#endif
