/* The JWS layer (RFC 7515): takes a compact token apart, judges its header, checks its signature.
 * Knows nothing of claims, policy or time. */
#include "gate/jws.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#define DEFAULT_TOKEN_BYTES 8192
#define MAX_RAW_BYTES       ((size_t)1024 * 1024)
#define RAW_ARENA_BYTES     ((size_t)8 * 1024 * 1024)
#define MAX_TRIES           10 /* keys tried on one token of the raw layer */

static const gw_json_limits header_limits = {.max_depth = 16, .max_nodes = 1024};

int gw_jws_deny(aigw_error *err, const char *reason, const char *message)
{
    int code = gw_fail(err, AIGW_E_DENIED, reason, "%s", message);
    if (err)
        err->http_status = 401;
    return code;
}

uint32_t gw_jws_algorithms(const aigw_slice *names, size_t count)
{
    uint32_t allowed = count ? 0 : 1u << GW_JWA_RS256;
    for (size_t i = 0; i < count; i++) {
        int row = gw_jwa_row(names[i]);
        if (row == GW_JWA_COUNT)
            return 0;
        allowed |= 1u << row;
    }
    return allowed;
}

bool gw_jws_split(aigw_slice token, aigw_slice part[3])
{
    aigw_slice rest = token;
    for (int i = 0; i < 3; i++) {
        if (!rest.data)
            return false;
        part[i] = gw_cut(&rest, '.');
    }
    return rest.data == NULL;
}

int gw_jws_decode(gw_arena *arena, aigw_slice text, aigw_slice *out, aigw_error *err)
{
    uint8_t *bytes = gw_arena_alloc(arena, text.len / 4 * 3 + 3);
    if (!bytes)
        return gw_fail_nomem(err);
    ptrdiff_t len = gw_base64url_decode(text, bytes);
    if (len < 0)
        return gw_jws_deny(err, "bad_base64", "the token is not base64url");
    *out = gw_slice((const char *)bytes, (size_t)len);
    return AIGW_OK;
}

/* RFC 7519 clause 5.1, RFC 9068 clause 2.1: media types without case, "application/" left off or
 * not. */
static bool type_allowed(aigw_slice typ)
{
    if (gw_starts_nocase(typ, GW_S("application/")))
        typ = gw_skip(typ, sizeof "application/" - 1);
    return gw_eq_nocase(typ, GW_S("JWT")) || gw_eq_nocase(typ, GW_S("at+jwt"));
}

static int check_type(gw_arena *arena, const gw_json_doc *doc, aigw_error *err)
{
    gw_json_ref typ = gw_json_get(doc, 0, "typ");
    if (typ == GW_JSON_ABSENT)
        return AIGW_OK;
    aigw_slice text = gw_json_text(arena, doc, typ);
    if (!text.data && gw_json_typeof(doc, typ) == GW_JSON_STRING)
        return gw_fail_nomem(err);
    if (!text.data || !type_allowed(text))
        return gw_jws_deny(err, "wrong_type", "the token's type is not JWT");
    return AIGW_OK;
}

/* jwk, jku, x5u and x5c are not looked at: a token does not choose its own key. */
static int read_header(gw_arena *arena, aigw_slice json, uint32_t algorithms, bool jwt, gw_jws *out,
                       aigw_error *err)
{
    gw_json_doc doc;
    int code = gw_json_parse(arena, json, &header_limits, &doc, err);
    if (code == AIGW_E_NOMEM) /* never the token's verdict */
        return gw_fail_nomem(err);
    if (code != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return gw_jws_deny(err, "bad_header", "the token's header is not sound JSON");
    gw_json_ref alg = gw_json_get(&doc, 0, "alg"), kid = gw_json_get(&doc, 0, "kid");
    /* RFC 7515 clause 4.1.11: understand all of crit or refuse; RFC 7797 needs crit, so b64
     * alone too. */
    if (gw_json_get(&doc, 0, "crit") != GW_JSON_ABSENT ||
        gw_json_get(&doc, 0, "b64") != GW_JSON_ABSENT)
        return gw_jws_deny(err, "critical_header", "the token needs an extension");
    if (gw_json_typeof(&doc, alg) != GW_JSON_STRING ||
        (kid != GW_JSON_ABSENT && gw_json_typeof(&doc, kid) != GW_JSON_STRING))
        return gw_jws_deny(err, "bad_header", "alg and kid are strings");
    out->alg = 0;
    while (out->alg < GW_JWA_COUNT && !gw_json_is(&doc, alg, gw_jwa_table[out->alg].name))
        out->alg++;
    if (out->alg == GW_JWA_COUNT || !(algorithms >> out->alg & 1))
        return gw_jws_deny(err, "algorithm_not_allowed", "the token's algorithm is not allowed");
    if (jwt && (code = check_type(arena, &doc, err)) != AIGW_OK)
        return code;
    out->kid = GW_S("");
    if (kid != GW_JSON_ABSENT && !(out->kid = gw_json_text(arena, &doc, kid)).data)
        return gw_fail_nomem(err);
    return AIGW_OK;
}

int gw_jws_read(gw_arena *arena, aigw_slice token, size_t max_bytes, uint32_t algorithms, bool jwt,
                gw_jws *out, aigw_error *err)
{
    aigw_slice part[3], header;
    if (token.len > (max_bytes ? max_bytes : DEFAULT_TOKEN_BYTES) ||
        token.len > (jwt ? GW_JWT_MAX_BYTES : MAX_RAW_BYTES))
        return gw_jws_deny(err, "token_too_large", "the token is too large");
    if (token.len == 0 || !gw_jws_split(token, part))
        return gw_jws_deny(err, "not_three_parts", "a token has three parts");
    int code = gw_jws_decode(arena, part[0], &header, err);
    if (code == AIGW_OK)
        code = gw_jws_decode(arena, part[1], &out->payload, err);
    if (code == AIGW_OK)
        code = gw_jws_decode(arena, part[2], &out->signature, err);
    out->signed_text = gw_slice(token.data, part[0].len + 1 + part[1].len);
    return code == AIGW_OK ? read_header(arena, header, algorithms, jwt, out, err) : code;
}

static int signed_by(const gw_jws *jws, const gw_jwk *key, aigw_error *err)
{
    int code = gw_jwa_verify(&gw_jwa_table[jws->alg], key->verify[jws->alg], jws->signed_text,
                             jws->signature);
    if (code == AIGW_E_DENIED)
        return gw_jws_deny(err, "bad_signature", "the signature is not the key's");
    return code == AIGW_OK ? AIGW_OK : gw_fail_nomem(err);
}

static int no_fit_key(const gw_jws *jws, const aigw_jwks *jwks, aigw_error *err)
{
    if (gw_jwks_find(jwks, jws->kid))
        return gw_jws_deny(err, "key_mismatch", "the key does not fit the token's algorithm");
    return gw_jws_deny(err, "unknown_key", "no key of the set is the token's");
}

int gw_jws_check(const gw_jws *jws, const aigw_jwks *jwks, const char **kid, aigw_error *err)
{
    size_t at = 0;
    const gw_jwk *key = gw_jwks_next_fit(jwks, jws->kid, jws->alg, &at);
    if (!key)
        return no_fit_key(jws, jwks, err);
    if (jws->kid.len == 0 && gw_jwks_next_fit(jwks, jws->kid, jws->alg, &at))
        return gw_jws_deny(err, "unknown_key", "several keys could be the token's");
    int code = signed_by(jws, key, err);
    if (code == AIGW_OK)
        *kid = key->kid;
    return code;
}

/* As gw_jws_check, but every key that could be meant is tried, up to a bound. */
static int check_any(const gw_jws *jws, const aigw_jwks *jwks, aigw_error *err)
{
    size_t at = 0;
    int code = AIGW_E_DENIED;
    const gw_jwk *key = gw_jwks_next_fit(jwks, jws->kid, jws->alg, &at);
    if (!key)
        return no_fit_key(jws, jwks, err);
    for (int i = 0; key && i < MAX_TRIES && code == AIGW_E_DENIED; i++) {
        code = signed_by(jws, key, err);
        key = gw_jwks_next_fit(jwks, jws->kid, jws->alg, &at);
    }
    return code;
}

int aigw_jws_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_slice *algorithms,
                    size_t algorithm_count, aigw_slice *payload, aigw_error *err)
{
    uint32_t allowed = gw_jws_algorithms(algorithms, algorithm_count);
    gw_jws jws = {0};
    if (!jwks || allowed == 0)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument",
                       "no key set, or an algorithm that does not exist here");
    gw_arena *arena = gw_arena_new(RAW_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    int code = gw_jws_read(arena, token, MAX_RAW_BYTES, allowed, false, &jws, err);
    if (code == AIGW_OK)
        code = check_any(&jws, jwks, err);
    char *bytes = code == AIGW_OK && payload ? gw_alloc(jws.payload.len + 1) : NULL;
    if (code == AIGW_OK && payload && !bytes)
        code = gw_fail_nomem(err);
    if (bytes) {
        memcpy(bytes, jws.payload.data, jws.payload.len);
        bytes[jws.payload.len] = '\0';
        *payload = gw_slice(bytes, jws.payload.len);
    }
    gw_arena_free(arena);
    return code;
}
