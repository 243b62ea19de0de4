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
    aigw_slice file;
    aigw_slice inline_json;
    const char *ca_file;
    const gw_clock *clock;
    const gw_log *log;
} gw_keys_options;

/* File and inline sets are parsed here; a URL is fetched on first need. */
int gw_keys_new(const gw_keys_options *options, gw_keys **out, aigw_error *err);
void gw_keys_free(gw_keys *keys);

/* The current set, referenced (aigw_jwks_free); NULL if there is none yet or it is over 24 h old. */
aigw_jwks *gw_keys_get(gw_keys *keys);

/* Counts of what happened, for metrics. */
typedef struct gw_keys_stats {
    uint64_t fetches, failures;
    int64_t age_ms; /* of the set; -1: none */
} gw_keys_stats;
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

/* Starts a refresh if the set is past 75 % of its age (10 min); cheap; call it now and then. */
void gw_keys_tick(gw_keys *keys, gw_loop *loop, const gw_transport *transport, void *transport_self);

#endif
