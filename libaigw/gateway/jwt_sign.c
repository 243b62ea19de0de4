/* Signing JSON Web Tokens with libjwt, and checking each signature with our own verifier before
 * release.
 * Must not see a token that came from outside; knows nothing of clients or scopes. */
#include "gateway/jwt_sign.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "gate/jwks.h"
#include "gate/jwt.h"
#include <jwt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIGNED_BYTES  16384
#define CHECK_ARENA_BYTES (512 * 1024)

static int add_parts(jwt_t *jwt, const char *key_id, const char *claims, aigw_slice pem)
{
    if (jwt_add_grants_json(jwt, claims) != 0)
        return -1;
    if (key_id[0] && jwt_add_header(jwt, "kid", key_id) != 0)
        return -1;
    return jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)pem.data, (int)pem.len);
}

/* The compact form in libjwt's own memory; NULL when it cannot be made. */
static char *encode(const char *key_id, const char *claims, aigw_slice pem)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) != 0)
        return NULL;
    if (add_parts(jwt, key_id, claims, pem) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}

static int self_check(const aigw_jwks *check, aigw_slice token, aigw_error *err)
{
    gw_jwt_facts facts;
    gw_arena *arena = gw_arena_new(CHECK_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    int code = gw_jwt_check_signature(check, token, MAX_SIGNED_BYTES, arena, &facts, NULL);
    gw_arena_free(arena);
    if (code == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    if (code != AIGW_OK)
        return gw_fail(err, AIGW_E_INVALID, "self_check", "the signed token does not verify");
    return AIGW_OK;
}

static int sign(const aigw_jwks *check, aigw_slice pem, const char *key_id, const char *claims,
                gw_buf *out, aigw_error *err)
{
    char *text = encode(key_id, claims, pem);
    if (!text)
        return gw_fail(err, AIGW_E_INVALID, "cannot_sign",
                       "claims or private key were not accepted");
    aigw_slice token = aigw_slice_of(text);
    int code = self_check(check, token, err);
    if (code == AIGW_OK && !gw_buf_add(out, token))
        code = gw_fail_nomem(err);
    gw_wipe(text, token.len);
    free(text); /* libjwt's own memory: malloc, whatever our allocator is */
    return code;
}

int gw_jwt_sign_for(const aigw_jwks *check, aigw_slice private_key_pem, aigw_slice key_id,
                    aigw_slice claims_json, gw_buf *out, aigw_error *err)
{
    if (private_key_pem.len == 0 || private_key_pem.len > INT_MAX || claims_json.len == 0 ||
        memchr(claims_json.data, '\0', claims_json.len))
        return gw_fail(err, AIGW_E_INVALID, "cannot_sign", "no private key or no claims");
    char *kid = gw_strdup(key_id);
    char *claims = gw_strdup(claims_json);
    int code =
        kid && claims ? sign(check, private_key_pem, kid, claims, out, err) : gw_fail_nomem(err);
    gw_free(kid);
    gw_free(claims);
    return code;
}

int gw_jwt_sign(aigw_slice private_key_pem, aigw_slice key_id, aigw_slice claims_json, gw_buf *out,
                aigw_error *err)
{
    aigw_jwks *check = NULL;
    int code = gw_jwks_from_pem(private_key_pem, key_id, &check, err);
    if (code == AIGW_E_PARSE)
        return gw_fail(err, AIGW_E_INVALID, "cannot_sign", "not an unencrypted RSA key");
    if (code == AIGW_OK)
        code = gw_jwt_sign_for(check, private_key_pem, key_id, claims_json, out, err);
    aigw_jwks_free(check);
    return code;
}
