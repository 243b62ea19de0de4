/*
 * What the parts of rim/token share: the source, its request, one fetch. Included by token*.c only.
 *
 * Must not know who asks, nor what a token says beyond its end.
 */
#ifndef GW_RIM_TOKEN_PARTS_H
#define GW_RIM_TOKEN_PARTS_H

#include "rim/token.h"

#include "base/crypto.h"
#include <pthread.h>

#define GW_TOKEN_FINGERPRINT 64 /* hex digits */

/* How to ask: immutable once made. token_form.c */
typedef struct gw_token_request {
    gw_http_target *target;
    gw_secret form; /* the body, or its beginning when an assertion follows */
    gw_token_sign_fn *sign;
    void (*sign_free)(void *user);
    void *sign_user;
    char *client_id, *endpoint; /* of the assertion, and of the log */
    bool grant;                 /* the assertion is the grant: AIGW_TOKEN_JWT_BEARER */
    char *scope;                /* of such an assertion; NULL: none */
    char fingerprint[GW_TOKEN_FINGERPRINT + 1];
} gw_token_request;

int gw_token_request_make(const gw_token_options *options, gw_token_request *out, aigw_error *err);
void gw_token_request_clear(gw_token_request *request);
/* The body of one try; *own holds it when it is not the constant one. */
int gw_token_request_body(const gw_token_request *request, int64_t now_unix_s, gw_secret *own,
                          aigw_slice *body, aigw_error *err);
/* ca_file, else what CURL_CA_BUNDLE or SSL_CERT_FILE say, else NULL. */
const char *gw_token_ca_file(const char *ca_file, const aigw_host *host);

/* How a fetch ended. token_fetch.c fills it, token.c keeps what is of use. */
typedef struct gw_token_outcome {
    int code;
    aigw_error error;
    gw_secret token;
    int64_t life_s;        /* 0: unknown */
    int64_t retry_after_s; /* what a failed answer asked for; 0: nothing */
    gw_buf refused;        /* the body of an answer that was not 2xx */
} gw_token_outcome;

/* Takes over what is in the outcome. */
typedef void gw_token_done_fn(void *user, gw_token_outcome *outcome);

typedef struct gw_token_fetch gw_token_fetch;

/* What one fetch needs of its source; it may run at most timeout_ms, with at most two tries. */
typedef struct gw_token_job {
    const gw_token_request *request;
    gw_clock clock; /* the time in assertions and of exp claims */
    int timeout_ms, retry_ms;
    gw_token_done_fn *done; /* exactly once, never from inside start unless it fails there */
    void *user;
} gw_token_job;

void gw_token_fetch_start(gw_token_port *port, const gw_token_job *job);
void gw_token_outcome_clear(gw_token_outcome *outcome);

#endif
