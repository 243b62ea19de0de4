/*
 * A small token issuer: client_credentials in, RS256 JSON Web Tokens out, and the key set to check them.
 *
 * Shared: any thread.
 */
#ifndef AIGW_ISSUER_H
#define AIGW_ISSUER_H

#include <aigw/error.h>
#include <aigw/host.h>
#include <aigw/issuer_store.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_issuer aigw_issuer;

typedef struct aigw_issuer_client {
    aigw_slice id;
    aigw_slice secret;            /* hashed on the way in, not kept: with scrypt below 32 bytes */
    const aigw_slice *scopes;     /* what the client may ask for */
    size_t scope_count;
    aigw_slice team;              /* custom:team; "" none */
    int64_t token_lifetime_s;     /* 0: 3600 */
    aigw_slice tenant_tier;       /* custom:tenant_tier; "" none */
} aigw_issuer_client;

typedef struct aigw_issuer_options {
    size_t size;
    aigw_slice issuer;            /* the iss claim, "https://gateway.internal" */
    aigw_slice private_key_pem;   /* RSA; "" makes a fresh 2048-bit key */
    const aigw_issuer_client *clients;
    size_t client_count;
    bool cognito_compat;          /* every refusal is a 400, as Cognito answers */
    /*
     * Further clients, and the signing keys (private_key_pem is then only the first of them). May be
     * NULL. The issuer keeps its own reference: free yours when you like.
     */
    aigw_issuer_store *store;
    int key_rotation_days;        /* with a store: the age at which keys are rotated; 0: never */
    int max_failures;             /* wrong secrets of a client in a minute, five times as many of an
                                     address; 0: 10; below: no limit */
} aigw_issuer_options;

AIGW_API int aigw_issuer_new(const aigw_issuer_options *options, const aigw_host *host,
                             aigw_issuer **out, aigw_error *err);

/* An answer to give as it is. The body is the caller's; aigw_bytes_free drops it. */
typedef struct aigw_issuer_answer {
    int status;
    const char *www_authenticate; /* static; NULL if none */
    aigw_slice body;              /* application/json; send with Cache-Control: no-store */
    int64_t retry_after_s;        /* of a 429; else 0 */
} aigw_issuer_answer;

/*
 * Answers POST /oauth2/token: `authorization` is the value of that header ("" if absent), `form` the
 * urlencoded body. A refusal is AIGW_OK with its status; errors are the issuer's own.
 */
AIGW_API int aigw_issuer_token(aigw_issuer *issuer, aigw_slice authorization, aigw_slice form,
                               aigw_issuer_answer *out, aigw_error *err);

/* The same for a request from the address `peer` ("192.0.2.7"), whose wrong tries are counted: 429. */
AIGW_API int aigw_issuer_token_from(aigw_issuer *issuer, aigw_slice authorization, aigw_slice form,
                                    aigw_slice peer, aigw_issuer_answer *out, aigw_error *err);

/* Mints a token for a client without asking for its secret; *out is the caller's, aigw_bytes_free. */
AIGW_API int aigw_issuer_mint(aigw_issuer *issuer, aigw_slice client_id, aigw_slice scope,
                              aigw_slice *out, aigw_error *err);

/* The public key set as it is now. Borrowed from the issuer, even when the keys change later. */
AIGW_API aigw_slice aigw_issuer_jwks(const aigw_issuer *issuer);

AIGW_API void aigw_issuer_free(aigw_issuer *issuer);

#ifdef __cplusplus
}
#endif
#endif
