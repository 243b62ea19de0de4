/*
 * The loop of one thread: readiness, outgoing HTTP, a pool of exchanges, and the snapshot in use here.
 *
 * Implements <aigw/loop.h>. Knows nothing of what exchanges do.
 */
#ifndef GW_GATEWAY_WORKER_H
#define GW_GATEWAY_WORKER_H

#include "base/crypto.h"
#include "gateway/gateway.h"
#include "rim/http.h"
#include "rim/loop.h"
#include <aigw/exchange.h>

/* A snapshot as one thread holds it: counted without atomics, its key sets at hand without locks. */
typedef struct gw_held {
    int refs;
    gw_live *live;
    uint64_t version;
    int64_t fresh_ms; /* when `sets` was last renewed */
    aigw_jwks **sets; /* by issuer index; referenced; NULL for none */
    gw_tally_link *tallies[GW_TALLIES]; /* to live->tallies; NULL where that is */
} gw_held;

struct aigw_loop {
    aigw_gateway *gw;
    gw_loop *loop;
    gw_http *http;
    const gw_transport *transport;
    void *transport_self;
    const gw_clock *clock;
    gw_metrics *metrics;
    gw_held *held;
    aigw_exchange *pool; /* idle ones, linked by pool_next */
    size_t pooled;
    aigw_exchange *waiting; /* those that wait for keys */
    int64_t ticked_ms;
    gw_tally_port tallies;
    gw_token_port tokens; /* fetches of upstream tokens that run here, and who waits for one */
    gw_random_pool ids;   /* for names, not for secrets */
};

/* Tests put a scripted transport in place of libcurl. Before anything is started. */
void gw_worker_set_transport(aigw_loop *w, const gw_transport *transport, void *self);

/* The current snapshot, referenced: gw_held_free. NULL without memory. */
gw_held *gw_worker_held(aigw_loop *w);
void gw_held_free(gw_held *held);
/* Asks the key sets anew. True if the set of this issuer changed. */
bool gw_held_renew(gw_held *held, size_t issuer);
/* A gw_gate_keys_fn; user is a gw_held. */
const aigw_jwks *gw_held_keys(void *user, size_t issuer);

/* An exchange with an empty arena and output, all else zero; NULL without memory. */
aigw_exchange *gw_worker_take(aigw_loop *w);
void gw_worker_give(aigw_loop *w, aigw_exchange *x);

#endif
