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

/*
 * At most 150 KB and 64 keys (AIGW_E_LIMIT: jwks_too_large, too_many_keys). Keys of unknown type are
 * skipped, and so are shared secrets (oct): a set may be left with no key, and then verifies nothing.
 * AIGW_E_PARSE: not_a_jwks for JSON without a `keys` array of objects, any other reason for what is no
 * JSON at all.
 */
AIGW_API int aigw_jwks_parse(aigw_slice json, aigw_jwks **out, aigw_error *err);
AIGW_API size_t aigw_jwks_count(const aigw_jwks *jwks);
AIGW_API void aigw_jwks_free(aigw_jwks *jwks);

/* The forms that a claim may have (the names that AWS load balancers use are in brackets). */
typedef enum aigw_claim_format {
    AIGW_CLAIM_AUTO = 0,   /* a string, by whole or by any of its words; or an array of strings */
    AIGW_CLAIM_STRING = 1, /* one string, by whole (single-string) */
    AIGW_CLAIM_ARRAY = 2,  /* an array of strings (string-array) */
    AIGW_CLAIM_WORDS = 3   /* one string of words with single spaces (space-separated-values) */
} aigw_claim_format;

/* A token needs this claim of the top level, in this form, with one of these values. */
typedef struct aigw_claim_rule {
    aigw_slice name;
    aigw_claim_format format;
    const aigw_slice *values;
    size_t value_count; /* 0: nothing passes */
} aigw_claim_rule;

/*
 * What a token must be. `size` is sizeof(aigw_policy); members that it does not cover are as 0, so that
 * programs built against an older header go on; a larger one must have zeros behind what is known here.
 */
typedef struct aigw_policy {
    size_t size;
    aigw_slice issuer;             /* exact; "" accepts any */
    const aigw_slice *scopes;      /* any one of these is enough; none: no check */
    size_t scope_count;
    const aigw_slice *audiences;   /* any one of these is enough; none: no check */
    size_t audience_count;
    int leeway_s;                  /* 0..300; -1: 60 */
    size_t max_token_bytes;        /* 0: 8192; at most 16384 */
    /* From here on only as far as `size` goes. */
    const aigw_slice *algorithms;  /* RS, PS, ES with 256, 384, 512, and EdDSA; none: RS256 alone */
    size_t algorithm_count;
    const aigw_slice *client_ids;  /* client_id is one of these; none: no check */
    size_t client_id_count;
    aigw_slice token_use;          /* exact, such as "access"; "": no check */
    int scopes_all;                /* 1: every scope of the list is needed */
    const aigw_claim_rule *claims; /* every rule must be met; at most 10 */
    size_t claim_count;
} aigw_policy;

/*
 * Verifies one compact token at a given time. The algorithm must be allowed by the policy and agree
 * with the key's type, size, curve, use, key_ops and alg; there is no `none` and no HS*. The key is the
 * one with the token's kid; a token without a kid needs a set with only one key that fits its
 * algorithm. A key in the token (jwk, jku, x5u, x5c) is never looked at.
 *
 * On AIGW_OK *out (may be NULL) is the caller's. AIGW_E_DENIED: err->reason is the first of these, in
 * the order of the checks:
 *   token_too_large        more bytes than the policy allows
 *   not_three_parts        no compact JWS
 *   bad_base64             a part is not canonical base64url
 *   bad_header             the header is no sound JSON object with a string alg
 *   critical_header        crit or b64 is there
 *   algorithm_not_allowed  unknown, or not in the policy
 *   wrong_type             typ is there and neither JWT nor at+jwt
 *   unknown_key            no key has the kid; or there is no kid and several keys fit
 *   key_mismatch           the key may not be used with the algorithm
 *   bad_signature          the signature is not the key's
 *   bad_claims             no sound JSON object, a claim of a wrong type, or no exp
 *   wrong_issuer  expired  not_yet_valid  wrong_token_use  wrong_client  wrong_audience
 *   claim_mismatch         a rule of `claims` is not met
 *   missing_scope
 */
AIGW_API int aigw_jwt_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                             int64_t now_unix_s, aigw_claims **out, aigw_error *err);

/*
 * Checks the JWS layer alone (RFC 7515, compact form, at most 1 MiB): any payload, no typ, no time, no
 * claims. The algorithms are named as in aigw_policy; an unknown name is AIGW_E_INVALID. Every key that
 * the token can mean is tried, up to 10: those with its kid, or all that fit when it has none. On
 * AIGW_OK *payload (may be NULL) is the caller's: aigw_bytes_free. AIGW_E_DENIED: a reason of the list
 * above, up to bad_signature.
 */
AIGW_API int aigw_jws_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_slice *algorithms,
                             size_t algorithm_count, aigw_slice *payload, aigw_error *err);

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
