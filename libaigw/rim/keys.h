/*
 * The key set of one issuer: from a URL, a file or inline text; fetched, refreshed, kept.
 *
 * Shared between threads. Single flight: one loop fetches, the others are woken when it is done. The
 * cooldown (10 s) is stamped before a fetch. The last good set stays when a fetch fails.
 */
#ifndef GW_RIM_KEYS_H
#define GW_RIM_KEYS_H

#include "base/log.h"
#include "gate/jwks.h"
#include "rim/http.h"

typedef struct gw_keys gw_keys;

typedef struct gw_keys_options {
    aigw_slice url;   /* https, or http to loopback */
    /* Instead of url: where the discovery document is, which names the key set; and whose it must be. */
    aigw_slice discovery_url, issuer;
    aigw_slice file;
    aigw_slice inline_json;
    const char *ca_file;
    const gw_clock *clock;
    const gw_log *log;
    /* Where names may lead; NULL: anywhere. Of an address that a discovery document names nothing is taken on
     * trust: a literal there is judged, too, unless it is the document's own host. Copied. */
    const gw_egress_policy *egress;
} gw_keys_options;

/* File and inline sets are parsed here; a URL is fetched on first need. */
int gw_keys_new(const gw_keys_options *options, gw_keys **out, aigw_error *err);
void gw_keys_free(gw_keys *keys);

/* The current set, referenced (aigw_jwks_free); NULL if there is none yet, or its life (Cache-Control,
 * 1 min to 24 h, else 10 min) ended over 24 h ago. */
aigw_jwks *gw_keys_get(gw_keys *keys);

/* Counts of what happened, for metrics. */
#define GW_KEYS_PHASES 14

typedef struct gw_keys_stats {
    uint64_t fetches, failures;
    int64_t age_ms; /* of the set; -1: none */
    size_t keys;    /* in the set */
    uint64_t failures_by[GW_KEYS_PHASES]; /* where it went wrong */
} gw_keys_stats;

/* The word of a phase, as in the log: "dns", "tls", "status", "parse", ... Static. */
const char *gw_keys_phase(size_t phase);
void gw_keys_stats_get(gw_keys *keys, gw_keys_stats *out);

/*
 * Asks for a fetch on this loop's transport. `unknown_kid`: the set lacks a key. True: a fetch runs
 * (ours or another loop's) and `waiter` will be called on `loop`'s thread when it ended, well or not.
 * False: cooling down or not fetchable; decide with what is there.
 */
typedef struct gw_keys_waiter {
    struct gw_keys_waiter *next;
    void (*fn)(void *user);
    void *user;
    gw_loop *loop;
    gw_keys *keys;
    bool waiting, done;
} gw_keys_waiter;

bool gw_keys_request(gw_keys *keys, bool unknown_kid, gw_loop *loop, const gw_transport *transport,
                     void *transport_self, gw_keys_waiter *waiter, void (*fn)(void *), void *user);
void gw_keys_cancel(gw_keys *keys, gw_keys_waiter *waiter);

/* In a loop's wake handler: calls the waiters of this loop that are done. */
void gw_keys_dispatch(gw_keys *keys, gw_loop *loop);

/* Starts a refresh if the set is past 75 % of its life; cheap; call it now and then. */
void gw_keys_tick(gw_keys *keys, gw_loop *loop, const gw_transport *transport, void *transport_self);

#endif
