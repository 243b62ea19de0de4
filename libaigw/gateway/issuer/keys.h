/*
 * The issuer's signing keys: making them, and the set of them that holds at one moment.
 *
 * A set is immutable and reference-counted, so that a rotation never takes a key from under a thread.
 */
#ifndef GW_GATEWAY_ISSUER_KEYS_H
#define GW_GATEWAY_ISSUER_KEYS_H

#include "base/crypto.h"
#include "rim/store.h"
#include <aigw/verify.h>

#define GW_KID_BYTES   43 /* RFC 7638 thumbprint, SHA-256 in base64url */
#define GW_MAX_RETIRED 8
/* A retired key stays published for the longest life of a token and the largest leeway. */
#define GW_RETIRED_S (86400 + 300)

typedef struct gw_issuer_keys {
    int refs;      /* atomic */
    gw_secret pem; /* of the current key, as libjwt wants it */
    char kid[GW_KID_BYTES + 1];
    aigw_jwks *jwks; /* every published key, to verify with */
    aigw_slice jwks_json;
    int64_t activated_unix_s; /* of the current key; -1 unknown */
    int64_t until_unix_s;     /* a retired key leaves the set then */
    uint64_t version;         /* of the database it was read from */
} gw_issuer_keys;

/* A private key in PKCS #8 and its kid: `pem` normalised, or with pem "" a fresh one of 2048 bits.
 * AIGW_E_CONFIG "bad_private_key". */
int gw_issuer_key_make(aigw_slice pem, gw_secret *out, char kid[GW_KID_BYTES + 1], aigw_error *err);

/* The set of these keys, the current one first; retired ones past their time are left out. */
int gw_issuer_keys_new(const gw_store_key *list, size_t count, int64_t now_unix_s,
                       gw_issuer_keys **out, aigw_error *err);
gw_issuer_keys *gw_issuer_keys_ref(gw_issuer_keys *keys);
void gw_issuer_keys_free(gw_issuer_keys *keys);

/* Sees to it that the database has keys: the given one (or a fresh one) and a next one. */
int gw_issuer_keys_first(gw_store *store, aigw_slice pem, int64_t now_unix_s, aigw_error *err);
/* Reads them from the database. */
int gw_issuer_keys_load(gw_store *store, int64_t now_unix_s, gw_issuer_keys **out, aigw_error *err);
/* Rotates if `current` still is the current kid; with "" whatever it is. */
int gw_issuer_keys_rotate(gw_store *store, aigw_slice current, int64_t now_unix_s, aigw_error *err);

#endif
