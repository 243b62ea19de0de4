/*
 * Inside of the token issuer: what its making (issuer.c) and its endpoint (issuer_token.c) share.
 *
 * Immutable once made, so that any thread may use it without a lock.
 */
#ifndef GW_GATEWAY_ISSUER_H
#define GW_GATEWAY_ISSUER_H

#include "base/crypto.h"
#include "base/mem.h"
#include "base/time.h"
#include <aigw/issuer.h>
#include <aigw/verify.h>

typedef struct gw_issuer_client {
    aigw_slice id, team;
    uint8_t secret_hash[GW_SHA256_BYTES];
    aigw_slice *scopes;
    size_t scope_count;
    int64_t token_lifetime_s;
} gw_issuer_client;

struct aigw_issuer {
    gw_arena *arena; /* holds the texts and the clients */
    gw_clock clock;
    gw_secret key_pem; /* the private key, as libjwt wants it */
    aigw_jwks *jwks;   /* its public part, to check signatures with */
    aigw_slice jwks_json;
    aigw_slice key_id; /* RFC 7638 thumbprint */
    aigw_slice issuer;
    gw_issuer_client *clients;
    size_t client_count;
    bool cognito_compat;
};

/* NULL if there is none. */
const gw_issuer_client *gw_issuer_find(const aigw_issuer *issuer, aigw_slice client_id);

/*
 * Appends a signed token for the scopes asked for (space-separated; "" is all of the client's).
 * AIGW_E_DENIED with reason "invalid_scope": not the client's.
 */
int gw_issuer_sign(const aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice scope,
                   gw_buf *out, aigw_error *err);

#endif
