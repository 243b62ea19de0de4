/*
 * Outgoing HTTP/1.1 in clear, without a library: for origins whose address is known.
 *
 * Single-threaded, on one gw_loop; same contract as rim/http.h, behind which it sits. It never asks a
 * resolver: an address is a literal, loopback, or learned from somebody who did.
 */
#ifndef GW_RIM_DIRECT_H
#define GW_RIM_DIRECT_H

#include "rim/egress.h"
#include "rim/http.h"

typedef struct gw_direct gw_direct;
typedef struct gw_direct_target gw_direct_target;
typedef struct gw_direct_transfer gw_direct_transfer;

/* An origin and the constant part of its requests. Immutable; shared between threads. */
typedef struct gw_direct_place {
    aigw_slice host; /* as in a URL: [::1] in brackets */
    uint16_t port;
    aigw_slice target; /* path and query */
    const aigw_header *headers;
    size_t header_count;
    int connect_timeout_ms;
    const gw_egress *egress; /* what its addresses must be; outlives the target; NULL: any */
} gw_direct_place;

/* AIGW_E_UNSUPPORTED: nothing for this transport (odd characters, headers that change the framing). */
int gw_direct_target_new(const gw_direct_place *place, gw_direct_target **out, aigw_error *err);
void gw_direct_target_free(gw_direct_target *target);

/* `instead` takes over when the learned address of a name is not reached; borrowed. */
int gw_direct_new(gw_loop *loop, const gw_transport *instead, void *instead_self, gw_direct **out,
                  aigw_error *err);
/* Ends what runs with GW_HTTP_OTHER; false if nothing did. Not from inside a handler. */
bool gw_direct_stop(gw_direct *direct);
void gw_direct_free(gw_direct *direct); /* stopped before */

/* Can this request be sent by gw_direct_start, now? An address that the target may not have is nobody's
 * business here: the other transport asks for the name anew and refuses. */
bool gw_direct_can(gw_direct *direct, const gw_direct_target *target,
                   const gw_http_request *request);
/* Needs gw_direct_can. */
int gw_direct_start(gw_direct *direct, const gw_direct_target *target,
                    const gw_http_request *request, const gw_http_handler *handler, void *user,
                    gw_direct_transfer **out, aigw_error *err);
void gw_direct_cancel(gw_direct_transfer *transfer);
void gw_direct_resume(gw_direct_transfer *transfer);

/* Somebody has just reached the target's origin at this address (text). Ignored for literals. */
void gw_direct_learn(gw_direct *direct, const gw_direct_target *target, const char *address);

#endif
