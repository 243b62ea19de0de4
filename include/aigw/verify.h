/*
 * Verifying JSON Web Tokens (RFC 7519) against a JSON Web Key Set (RFC 7517): pure, no I/O.
 *
 * Shared: a parsed key set is immutable; any number of threads may verify with it.
 */
#ifndef AIGW_VERIFY_H
#define AIGW_VERIFY_H

#include <aigw/error.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_jwks aigw_jwks;
typedef struct aigw_claims aigw_claims;

/* At most 150 KB and 64 keys. Keys of unknown type are skipped; a document that is no JWKS is an error. */
AIGW_API int aigw_jwks_parse(aigw_slice json, aigw_jwks **out, aigw_error *err);
AIGW_API size_t aigw_jwks_count(const aigw_jwks *jwks);
AIGW_API void aigw_jwks_free(aigw_jwks *jwks);

typedef struct aigw_policy {
    size_t size;
    aigw_slice issuer;             /* exact; "" accepts any */
    const aigw_slice *scopes;      /* any one of these is enough; none: no check */
    size_t scope_count;
    const aigw_slice *audiences;   /* any one of these is enough; none: no check */
    size_t audience_count;
    int leeway_s;                  /* 0..300; -1: 60 */
    size_t max_token_bytes;        /* 0: 8192; at most 16384 */
} aigw_policy;

/*
 * Verifies one compact token at a given time. RS256 only. On AIGW_OK *out (may be NULL) is the
 * caller's. AIGW_E_DENIED: err->reason is one of
 *   token_too_large not_three_parts bad_base64 bad_header critical_header algorithm_not_allowed
 *   wrong_type unknown_key key_mismatch bad_signature bad_claims wrong_issuer expired not_yet_valid
 *   wrong_audience missing_scope
 */
AIGW_API int aigw_jwt_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                             int64_t now_unix_s, aigw_claims **out, aigw_error *err);

/* A string claim, unescaped; "" when it is absent or not a string. Borrowed from claims. */
AIGW_API aigw_slice aigw_claims_string(const aigw_claims *claims, const char *name);
/* The whole claims set as JSON. Borrowed. */
AIGW_API aigw_slice aigw_claims_json(const aigw_claims *claims);
AIGW_API int64_t aigw_claims_expires_unix_s(const aigw_claims *claims);
AIGW_API void aigw_claims_free(aigw_claims *claims);

#ifdef __cplusplus
}
#endif
#endif
