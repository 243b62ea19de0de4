/*
 * Server-sent events (WHATWG HTML, clause 9.2): a reader that takes any split.
 *
 * Besides the fields it tells where an event lies in the raw bytes, so that a pass-through can forward
 * whole events as they came. Knows nothing of JSON.
 */
#ifndef GW_PROTO_SSE_H
#define GW_PROTO_SSE_H

#include "base/buf.h"
#include <aigw/error.h>

typedef struct gw_sse_event {
    aigw_slice type; /* the `event:` field; "" if absent */
    aigw_slice data; /* `data:` lines joined by \n */
    aigw_slice raw;  /* all bytes of the event, terminator and comments before it included; put together
                        they are the input: when a feed ends within the last CRLF of an event, which is
                        given at once, the LF comes first in the raw bytes of the next */
    bool has_data;   /* false: only comments or other fields; a keep-alive */
} gw_sse_event;

typedef struct gw_sse {
    gw_buf pending;  /* bytes of the event that is not complete */
    gw_buf joined;   /* data of an event with several data lines */
    size_t scanned;  /* of the current event: bytes searched for line ends, */
    size_t line;     /* the start of the current line, */
    size_t lead;     /* and bytes in front that mean nothing: BOM, LF of a CRLF */
    size_t max_event_bytes;
    bool bom_checked;
    bool after_cr;   /* the last event ended in a CR at the end of a feed */
    bool failed;     /* an event larger than max_event_bytes, or no memory */
} gw_sse;

void gw_sse_init(gw_sse *r, size_t max_event_bytes);
void gw_sse_free(gw_sse *r);
/* Gives bytes. They are copied only when an event spans calls. */
typedef int gw_sse_fn(void *user, const gw_sse_event *event);
/* Calls fn for each complete event, in order; stops at the first non-zero result and returns it (what
 * follows in `bytes` is then dropped). AIGW_E_LIMIT when an event outgrows the maximum, its blank line
 * not counted; AIGW_E_NOMEM; both for ever after. LF, CR and CRLF end a line. A blank line without
 * fields before it is an event without data. */
int gw_sse_feed(gw_sse *r, aigw_slice bytes, gw_sse_fn *fn, void *user);
/* The body ended: an event without its blank line is given too if it has data (as lenient clients do);
 * the result is that of fn. */
int gw_sse_end(gw_sse *r, gw_sse_fn *fn, void *user);

#endif
