/*
 * The embedded issuer's database: its clients and its signing keys, in one SQLite file (mode 0600).
 *
 * Shared: any thread; several processes may use one file at once, and each sees what another has
 * changed with its next token. Every change is one transaction that is on the disk when the call
 * returns: a crash at any point leaves the old state or the new one.
 *
 * Errors of every call: AIGW_E_IO (reason no_store, store_mode, store_owner, not_a_store,
 * newer_store, store_failed), AIGW_E_TIMEOUT "store_busy", AIGW_E_NOMEM. No error holds a secret.
 */
#ifndef AIGW_ISSUER_STORE_H
#define AIGW_ISSUER_STORE_H

#include <aigw/error.h>
#include <aigw/host.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_issuer_store aigw_issuer_store;

#define AIGW_CLIENT_ID_SIZE        129 /* with its NUL */
#define AIGW_CLIENT_SECRET_SIZE    44  /* with its NUL: 256 random bits in base64url */
#define AIGW_CLIENT_MIN_LIFETIME_S 300
#define AIGW_CLIENT_MAX_LIFETIME_S 86400
#define AIGW_CLIENT_MAX_GRACE_S    (30 * 86400)

/* The resource server and its scopes. In the calls below "invoke" and "admin" stand for them. */
#define AIGW_RESOURCE_SERVER "https://gateway.internal"
#define AIGW_SCOPE_INVOKE    "https://gateway.internal/invoke"
#define AIGW_SCOPE_ADMIN     "https://gateway.internal/admin"

/*
 * Opens the file, or with `create` makes it. A file that group or others may read is refused. `host`
 * may be NULL; its clock counts. *out is the caller's; aigw_issuer_store_free drops it.
 */
AIGW_API int aigw_issuer_store_open(aigw_slice path, bool create, const aigw_host *host,
                                    aigw_issuer_store **out, aigw_error *err);
AIGW_API void aigw_issuer_store_free(aigw_issuer_store *store);

typedef struct aigw_client_spec {
    size_t size;              /* sizeof(aigw_client_spec) */
    aigw_slice id;            /* letters, digits, "-._~"; "": one is made */
    aigw_slice team;          /* custom:team; "" none */
    aigw_slice tenant_tier;   /* custom:tenant_tier; "" none */
    const aigw_slice *scopes; /* none: invoke */
    size_t scope_count;
    int64_t token_lifetime_s; /* 300 to 86400; 0: 3600 */
} aigw_client_spec;

/*
 * Adds a client. Its id and its secret go to the caller's arrays; the secret is nowhere else (the
 * database has its hash): show it once, then wipe it. AIGW_E_INVALID with reason client_exists or
 * what is wrong with the spec; AIGW_E_LIMIT "too_many_clients" (10,000).
 */
AIGW_API int aigw_issuer_store_add(aigw_issuer_store *store, const aigw_client_spec *spec,
                                   char id[AIGW_CLIENT_ID_SIZE],
                                   char secret[AIGW_CLIENT_SECRET_SIZE], aigw_error *err);

/*
 * A new secret beside the present one, which stays valid for grace_s seconds (0: ends at once; at
 * most 30 days). Two secrets live at most: an older one ends now. AIGW_E_INVALID "unknown_client",
 * here and below.
 */
AIGW_API int aigw_issuer_store_rotate(aigw_issuer_store *store, aigw_slice id, int64_t grace_s,
                                      char secret[AIGW_CLIENT_SECRET_SIZE], aigw_error *err);

/* A disabled client gets no tokens; those it has live until they end. */
AIGW_API int aigw_issuer_store_set_disabled(aigw_issuer_store *store, aigw_slice id, bool disabled,
                                            aigw_error *err);
AIGW_API int aigw_issuer_store_remove(aigw_issuer_store *store, aigw_slice id, aigw_error *err);

/* What is known of a client. Slices are borrowed during the call of the function. */
typedef struct aigw_client_info {
    size_t size;
    aigw_slice id, team, tenant_tier;
    aigw_slice scopes; /* space-separated */
    int64_t token_lifetime_s, created_unix_s, updated_unix_s;
    bool disabled;
    size_t secret_count; /* that are valid now */
    int64_t secret_created_unix_s[2];
    int64_t secret_expires_unix_s[2]; /* -1: never */
} aigw_client_info;

typedef void aigw_client_fn(const aigw_client_info *client, void *user);

/* Calls fn for each client, by id. fn may call the store. */
AIGW_API int aigw_issuer_store_each(aigw_issuer_store *store, aigw_client_fn *fn, void *user,
                                    aigw_error *err);

/* A client as a JSON object, or with id "" all as {"clients":[...]}; aigw_bytes_free drops *json. */
AIGW_API int aigw_issuer_store_describe(aigw_issuer_store *store, aigw_slice id, aigw_slice *json,
                                        aigw_error *err);

/*
 * Next becomes the current signing key; the old one stays published until every token that it
 * signed has ended, and a new next one is published. AIGW_E_LIMIT "too_many_keys" with eight retired
 * keys still published.
 */
AIGW_API int aigw_issuer_store_rotate_keys(aigw_issuer_store *store, aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
