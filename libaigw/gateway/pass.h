/*
 * Pass-through: /pass/{provider}/... goes to that provider as it came, with the gateway's credential.
 *
 * Bodies flow both ways in pieces, through bounded buffers; nothing of them is understood but the usage in
 * a small JSON answer. Lies in its exchange; gw_pass_free lets go of what is outside the arena.
 */
#ifndef GW_GATEWAY_PASS_H
#define GW_GATEWAY_PASS_H

#include "gateway/state.h"
#include "rim/pipe.h"

#define GW_PASS_HEADERS  24                /* of a request, that go upstream */
#define GW_PASS_PATH_MAX ((size_t)8 << 10) /* path and query */
/* A body of a known length up to this is collected: it goes on a connection that is open already, and can be
 * sent again. It fits into the pipe. */
#define GW_PASS_WHOLE_MAX ((int64_t)64 << 10)
#define GW_PASS_USAGE_MAX                                                                          \
    ((size_t)64 << 10) /* an answer up to this size is looked at for its usage */

struct gw_pass {
    const gw_upstream *upstream; /* NULL: no such one, or it lets nothing pass */
    const char *method;
    bool fetches;           /* GET or HEAD */
    bool head_only;         /* HEAD */
    const char *bad_path;   /* why it is refused, static; NULL: it is fine */
    aigw_slice path, query; /* as they go upstream; query with its '?', or "" */
    aigw_header headers[GW_PASS_HEADERS];
    size_t header_count;
    /* The request's body */
    int64_t length; /* as the client says; -1: it does not */
    gw_pipe pipe;
    bool streamed;   /* it comes in pieces */
    bool wants_room; /* the writer was told to wait */
    bool renewed;    /* the token was fetched anew */
    uint64_t seen_out;
    /* The answer */
    bool answered;       /* its head has come from the provider */
    bool bodiless;       /* nothing follows that head */
    int64_t length_back; /* of its body; -1: unknown */
    aigw_slice type_back;
    uint64_t sent, received; /* bytes of bodies */
    gw_buf tap;              /* a copy of a small JSON answer; or an error until it is whole */
    bool tapped, held;
};

/* pass.c. _open: what is kept of the request, before the gate; false without memory. _begin: behind the
 * gate. _go: the body is there, or its first piece. */
bool gw_pass_open(aigw_exchange *x);
void gw_pass_begin(aigw_exchange *x);
void gw_pass_go(aigw_exchange *x);
void gw_pass_drained(aigw_exchange *x); /* the client has taken bytes */
void gw_pass_arm(aigw_exchange *x);     /* the timer, after something moved */
void gw_pass_upload_over(aigw_exchange *x);
void gw_pass_free(aigw_exchange *x); /* after gw_attempt_drop; NULL x->pass is fine */

/* pass_write.c. Is there news for a writer that was told to wait? */
bool gw_pass_has_room(const aigw_exchange *x);
void gw_pass_on_room(void *exchange);

/* pass_path.c; pure. */
/* NULL, or why a path must not go upstream (static). `path` begins with '/', without its query. */
const char *gw_pass_path_fault(aigw_slice path);
/* Is there a credential in this query? It would be the client's, and is not the provider's to see. */
bool gw_pass_query_has_key(aigw_slice query);
/* base_path ("" or "/v1") and the rest ("/v1/files"): what both say stands once. */
void gw_pass_join(aigw_slice base_path, aigw_slice rest, gw_buf *out);
/* Is the path one of these, or below one? */
bool gw_pass_path_listed(const aigw_slice *prefixes, size_t count, aigw_slice path);
/* A Location of the provider as one of ours: "/pass/NAME/...". False: it leads elsewhere. */
bool gw_pass_location(const gw_upstream *upstream, aigw_slice value, gw_buf *out);

/* pass_head.c. */
/* The client's fields that go on; false without memory. Copies. */
bool gw_pass_headers(aigw_exchange *x);
/* What of the answer's head the client gets, and its length. False: it cannot be given, and has failed. */
bool gw_pass_take_head(aigw_exchange *x, int status, const aigw_header *headers, size_t count);

/* pass_usage.c: the usage in an answer of the vendor, if that is a known shape. */
bool gw_pass_usage(gw_arena *arena, aigw_format format, aigw_slice body, aigw_usage *out);

#endif
