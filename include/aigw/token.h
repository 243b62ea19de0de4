/*
 * An OAuth2 client_credentials token source (RFC 6749 clause 4.4): fetched once, cached, refreshed early.
 *
 * Shared: any thread may ask; one fetch runs at a time and the others wait for it.
 */
#ifndef AIGW_TOKEN_H
#define AIGW_TOKEN_H

#include <aigw/error.h>
#include <aigw/host.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_token_source aigw_token_source;

typedef struct aigw_token_options {
    size_t size;
    const char *endpoint;      /* https URL; http only to loopback unless allow_http */
    const char *client_id;
    const char *client_secret; /* copied, wiped on free */
    const char *scope;         /* NULL or "": none sent */
    const char *ca_file;       /* NULL: CURL_CA_BUNDLE, SSL_CERT_FILE, then the system's */
    int connect_timeout_ms;    /* 0: 5000 */
    int timeout_ms;            /* 0: 15000 */
    bool allow_http;
} aigw_token_options;

AIGW_API int aigw_token_source_new(const aigw_token_options *options, const aigw_host *host,
                                   aigw_token_source **out, aigw_error *err);

/* A token that is the caller's; aigw_token_free wipes and drops it. */
typedef struct aigw_token {
    char *value;              /* NUL-terminated */
    int64_t expires_unix_s;   /* 0 when the endpoint did not say */
} aigw_token;

/*
 * The current token, fetched if need be. Blocks at most timeout_ms of the options.
 * AIGW_E_UPSTREAM: err->http_status is what the endpoint answered (0: no answer).
 * AIGW_E_PARSE: a 2xx answer without a usable access_token.
 */
AIGW_API int aigw_token_get(aigw_token_source *source, aigw_token *out, aigw_error *err);

/* The body of the last answer that was not 2xx; "" if none. The caller frees with aigw_bytes_free. */
AIGW_API aigw_slice aigw_token_last_body(aigw_token_source *source);

AIGW_API void aigw_token_free(aigw_token *token);
AIGW_API void aigw_token_source_free(aigw_token_source *source);

#ifdef __cplusplus
}
#endif
#endif
