/*
 * The inside of a token source: one fetch at a time, on the caller's loop or on one of its own.
 *
 * Shared: any thread. Implements all of <aigw/token.h> that needs no key to sign with; who can sign gives
 * a function. Knows nothing of gateways.
 */
#ifndef GW_RIM_TOKEN_H
#define GW_RIM_TOKEN_H

#include "base/buf.h"
#include "base/log.h"
#include "rim/http.h"
#include <aigw/token.h>

/* One compact JWS over the claims (a JSON object), appended to out. Any thread. */
typedef int gw_token_sign_fn(void *user, aigw_slice claims_json, gw_buf *out, aigw_error *err);

typedef struct gw_token_options {
    const char *endpoint, *client_id, *client_secret, *scope, *audience, *resource; /* copied */
    aigw_token_auth auth;
    gw_token_sign_fn *sign; /* for AIGW_TOKEN_PRIVATE_KEY_JWT and _JWT_BEARER */
    void (*sign_free)(void *user); /* called once gw_token_source_new has succeeded; may be NULL */
    void *sign_user;
    aigw_slice key_material; /* what tells one signer from another, for the fingerprint */
    const char *ca_file, *client_cert_file, *client_key_file, *proxy;
    int connect_timeout_ms, timeout_ms; /* 0: 5000 and 15000 */
    int retry_ms;                       /* before the second try, at least; 0: 500 */
    bool allow_http;
    const aigw_host *host; /* clock, and the variables of the certificates; only used by the call */
    const gw_log *log;     /* outlives the source; NULL: failures are returned only */
    const gw_egress_policy *egress; /* where the endpoint's name may lead; NULL: anywhere; copied */
} gw_token_options;

int gw_token_source_new(const gw_token_options *options, aigw_token_source **out, aigw_error *err);
aigw_token_source *gw_token_source_ref(aigw_token_source *source); /* aigw_token_source_free */

/* Before it is used: where failures are logged. The log outlives the source. */
void gw_token_source_set_log(aigw_token_source *source, const gw_log *log);

/* Do both ask the same endpoint in the same way for the same token? */
bool gw_token_source_equal(const aigw_token_source *a, const aigw_token_source *b);

/* ---- the form for loops: nothing blocks ---- */

/* What a loop brings: lies in its owner. Single-threaded. */
typedef struct gw_token_port {
    gw_loop *loop;
    const gw_transport *transport;
    void *transport_self;
    struct gw_token_fetch *fetches;
    struct gw_token_waiter *waiters;
} gw_token_port;

/* Ends the fetches that run here; everybody who waits on them is told. Its own waiters are gone. */
void gw_token_port_close(gw_token_port *port);
/* In the loop's wake handler: calls the waiters of this port whose fetch has ended. */
void gw_token_dispatch(gw_token_port *port);

/* token: "" with err when there is none. The bytes live during the call only. */
typedef void gw_token_fn(void *user, aigw_slice token, uint64_t serial, const aigw_error *err);

/* Lies in the user's struct; zero it before first use. */
typedef struct gw_token_waiter {
    struct gw_token_waiter *next, *prev;           /* of the source; under its lock */
    struct gw_token_waiter *port_next, *port_prev; /* of the port */
    gw_token_port *port;
    aigw_token_source *source;
    gw_token_fn *fn;
    void *user;
    bool waiting, done;
} gw_token_waiter;

/*
 * Calls fn at once (from inside) when a token is at hand or cannot be had now, and later otherwise. A
 * token past three quarters of its life is handed out and renewed in the background, on this port.
 */
void gw_token_ask(aigw_token_source *source, gw_token_port *port, gw_token_waiter *waiter,
                  gw_token_fn *fn, void *user);
void gw_token_cancel(gw_token_waiter *waiter); /* fine when it does not wait */

/*
 * The token of this serial was refused: the next one to ask fetches anew. False: one was dropped less
 * than 10 s ago, and asking again would not help.
 */
bool gw_token_drop(aigw_token_source *source, uint64_t serial);

#endif
