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

/* How the client proves who it is. */
typedef enum aigw_token_auth {
    AIGW_TOKEN_SECRET_POST = 0,     /* client_secret_post: RFC 6749 clause 2.3.1, in the body */
    AIGW_TOKEN_SECRET_BASIC = 1,    /* client_secret_basic: the same, in a header */
    AIGW_TOKEN_PRIVATE_KEY_JWT = 2, /* private_key_jwt: RFC 7523, signed with RS256 */
    AIGW_TOKEN_TLS_CLIENT = 3,      /* tls_client_auth: RFC 8705, by the client certificate */
    /* RFC 7523 clause 2.1: a JWT of the client_id as iss, signed with RS256, is itself the grant, as Google
     * wants it of service accounts: scope is a claim, there is no sub. */
    AIGW_TOKEN_JWT_BEARER = 4
} aigw_token_auth;

/* `size` is sizeof(aigw_token_options); members that it does not cover are as 0. */
typedef struct aigw_token_options {
    size_t size;
    const char *endpoint;      /* https URL; http only to loopback unless allow_http */
    const char *client_id;
    const char *client_secret; /* copied, wiped on free; NULL where the way to authenticate has none */
    const char *scope;         /* NULL or "": none sent */
    const char *ca_file;       /* NULL: CURL_CA_BUNDLE, SSL_CERT_FILE, then the system's */
    int connect_timeout_ms;    /* 0: 5000 */
    int timeout_ms;            /* 0: 15000 */
    bool allow_http;
    /* since 0.2 */
    const char *audience;         /* sent as it is; NULL or "": not sent */
    const char *resource;         /* RFC 8707; NULL or "": not sent */
    const char *private_key_pem;  /* RSA; of a way that signs; copied, wiped on free */
    const char *key_id;           /* the kid of that key; NULL: none */
    const char *client_cert_file; /* PEM; sent to who asks for it, whatever auth_method says */
    const char *client_key_file;  /* PEM; NULL: in the certificate's file */
    const char *proxy;            /* URL; NULL: the variables that the curl tool reads; "": none */
    aigw_token_auth auth_method;
    /* The endpoint's name must not lead to a private address (nor loopback, link-local, metadata, ...): AIGW_E_UPSTREAM
     * ("egress_private", ...). An address or localhost in the URL stands for itself; a proxy is not judged. */
    bool public_only;
    const char *allow_private; /* with public_only: networks (CIDR) that it may; commas between; NULL: none */
} aigw_token_options;

AIGW_API int aigw_token_source_new(const aigw_token_options *options, const aigw_host *host,
                                   aigw_token_source **out, aigw_error *err);

/* A token that is the caller's; aigw_token_free wipes and drops it. */
typedef struct aigw_token {
    char *value;              /* NUL-terminated */
    int64_t expires_unix_s;   /* 0 when neither the endpoint nor the token (exp) says */
} aigw_token;

/*
 * The current token, fetched if need be: a kept one until three quarters of its life, and until its
 * end while renewing fails. Blocks at most timeout_ms of the options. When no connection can be made, or
 * on 429 and 5xx, the endpoint is asked once more (after Retry-After, if that is in time). A failure
 * then stands for 1 second, doubling up to 30, in which it is returned without asking.
 * AIGW_E_UPSTREAM: err->http_status is what the endpoint answered (0: no answer).
 * AIGW_E_PARSE: a 2xx answer without a usable access_token.
 */
AIGW_API int aigw_token_get(aigw_token_source *source, aigw_token *out, aigw_error *err);

/* The body of the last answer that was not 2xx; "" if none. The caller frees with aigw_bytes_free. */
AIGW_API aigw_slice aigw_token_last_body(aigw_token_source *source);

/*
 * What tells one source's tokens from another's: SHA-256 in hex over everything that decides which token
 * the endpoint gives (endpoint, client, credential, scope, audience, resource). Borrowed.
 */
AIGW_API const char *aigw_token_source_fingerprint(const aigw_token_source *source);

AIGW_API void aigw_token_free(aigw_token *token);
AIGW_API void aigw_token_source_free(aigw_token_source *source);

/*
 * Header and claims of a JWT as JSON texts (*header is the caller's, aigw_bytes_free, and *claims lies in it), and exp (0:
 * none). Nothing is verified: to show a token to its owner, never to decide by it. AIGW_E_PARSE: no JWT.
 */
AIGW_API int aigw_token_decode(aigw_slice token, aigw_slice *header, aigw_slice *claims,
                               int64_t *expires_unix_s, aigw_error *err);

/*
 * Fetches a key set for aigw_jwks_parse: GET, https or loopback only, no redirects, status 200, at most
 * 150 KB. ca_file as in aigw_token_options; timeout_ms 0: 15000. *out is the caller's
 * (aigw_bytes_free). AIGW_E_CONFIG: the URL is refused; AIGW_E_UPSTREAM, AIGW_E_TIMEOUT.
 */
AIGW_API int aigw_jwks_fetch(const char *url, const char *ca_file, int timeout_ms, aigw_slice *out,
                             aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
