/* Checking one compact JWS/JWT in the order of checks that leaves no gap (RFC 7515 clause 5.2,
 * RFC 7519).
 * Knows nothing of HTTP, of where keys come from, or of the clock. */
#include "gate/jwt.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#define DEFAULT_TOKEN_BYTES 8192
#define MAX_TOKEN_BYTES     16384
#define DEFAULT_LEEWAY_S    60
#define MAX_LEEWAY_S        300
#define MAX_NUMERIC_DATE    INT64_C(9007199254740992) /* 2^53: exact in every reader */
#define VERIFY_ARENA_BYTES  (1024 * 1024)

static const gw_json_limits header_limits = {.max_depth = 16, .max_nodes = 1024};
static const gw_json_limits claims_limits = {.max_depth = 16, .max_nodes = 8192};

/* The three parts, decoded, and what the first two sign. */
typedef struct parts {
    aigw_slice header, payload, signature;
    aigw_slice signed_text;
} parts;

typedef struct header {
    int alg; /* row of gw_jwa_table */
    aigw_slice kid;
} header;

typedef struct claim {
    aigw_slice name, value;
} claim;

struct aigw_claims {
    gw_arena *arena;
    gw_jwt_facts facts;
    claim *strings; /* the string members of the top level, unescaped */
    size_t string_count;
};

static int deny(aigw_error *err, const char *reason, const char *message)
{
    int code = gw_fail(err, AIGW_E_DENIED, reason, "%s", message);
    if (err)
        err->http_status = 401;
    return code;
}

/* An arena that is full and memory that is out look alike; neither is the token's verdict. */
static int deny_or_nomem(int json_code, aigw_error *err, const char *reason, const char *message)
{
    return json_code == AIGW_E_NOMEM ? gw_fail_nomem(err) : deny(err, reason, message);
}

static bool split(aigw_slice token, aigw_slice part[3])
{
    aigw_slice rest = token;
    for (int i = 0; i < 3; i++) {
        if (!rest.data)
            return false;
        part[i] = gw_cut(&rest, '.');
    }
    return rest.data == NULL;
}

static int decode(gw_arena *arena, aigw_slice text, aigw_slice *out, aigw_error *err)
{
    uint8_t *bytes = gw_arena_alloc(arena, text.len / 4 * 3 + 3);
    if (!bytes)
        return gw_fail_nomem(err);
    ptrdiff_t len = gw_base64url_decode(text, bytes);
    if (len < 0)
        return deny(err, "bad_base64", "the token is not base64url");
    *out = gw_slice((const char *)bytes, (size_t)len);
    return AIGW_OK;
}

static int take_apart(aigw_slice token, size_t max_token_bytes, gw_arena *arena, parts *out,
                      aigw_error *err)
{
    size_t max = max_token_bytes ? max_token_bytes : DEFAULT_TOKEN_BYTES;
    if (token.len > max || token.len > MAX_TOKEN_BYTES)
        return deny(err, "token_too_large", "the token is too large");
    aigw_slice part[3];
    if (token.len == 0 || !split(token, part))
        return deny(err, "not_three_parts", "a token has three parts");
    int code = decode(arena, part[0], &out->header, err);
    if (code == AIGW_OK)
        code = decode(arena, part[1], &out->payload, err);
    if (code == AIGW_OK)
        code = decode(arena, part[2], &out->signature, err);
    out->signed_text = gw_slice(token.data, part[0].len + 1 + part[1].len);
    return code;
}

/* RFC 7519 clause 5.1, RFC 9068 clause 2.1: media types without case, "application/" left off or
 * not. */
static bool type_allowed(aigw_slice typ)
{
    if (gw_starts_nocase(typ, GW_S("application/")))
        typ = gw_skip(typ, sizeof "application/" - 1);
    return gw_eq_nocase(typ, GW_S("JWT")) || gw_eq_nocase(typ, GW_S("at+jwt"));
}

/* jwk, jku, x5u and x5c are not looked at: a token does not choose its own key. */
static int read_header(gw_arena *arena, aigw_slice json, header *out, aigw_error *err)
{
    gw_json_doc doc;
    int code = gw_json_parse(arena, json, &header_limits, &doc, err);
    if (code != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return deny_or_nomem(code, err, "bad_header", "the token's header is not sound JSON");
    gw_json_ref alg = gw_json_get(&doc, 0, "alg"), typ = gw_json_get(&doc, 0, "typ");
    gw_json_ref kid = gw_json_get(&doc, 0, "kid");
    /* RFC 7515 clause 4.1.11: understand all of crit or refuse; RFC 7797 needs crit, so b64
     * alone too. */
    if (gw_json_get(&doc, 0, "crit") != GW_JSON_ABSENT ||
        gw_json_get(&doc, 0, "b64") != GW_JSON_ABSENT)
        return deny(err, "critical_header", "the token needs an extension");
    if (gw_json_typeof(&doc, alg) != GW_JSON_STRING ||
        (kid != GW_JSON_ABSENT && gw_json_typeof(&doc, kid) != GW_JSON_STRING))
        return deny(err, "bad_header", "alg and kid are strings");
    out->alg = 0;
    while (out->alg < GW_JWA_COUNT && !gw_json_is(&doc, alg, gw_jwa_table[out->alg].name))
        out->alg++;
    if (out->alg == GW_JWA_COUNT)
        return deny(err, "algorithm_not_allowed", "the token's algorithm is not allowed");
    if (typ != GW_JSON_ABSENT) {
        aigw_slice text = gw_json_text(arena, &doc, typ);
        if (!text.data && gw_json_typeof(&doc, typ) == GW_JSON_STRING)
            return gw_fail_nomem(err);
        if (!text.data || !type_allowed(text))
            return deny(err, "wrong_type", "the token's type is not JWT");
    }
    out->kid = GW_S("");
    if (kid != GW_JSON_ABSENT && !(out->kid = gw_json_text(arena, &doc, kid)).data)
        return gw_fail_nomem(err);
    return AIGW_OK;
}

/* ---- Claims ---- */

/* Absent and null are "". False: the claim has another type, or (*no_memory) there is none. */
static bool read_text(gw_arena *arena, const gw_json_doc *doc, const char *name, aigw_slice *out,
                      bool *no_memory)
{
    gw_json_ref ref = gw_json_get(doc, 0, name);
    *out = GW_S("");
    if (gw_json_is_null(doc, ref))
        return true;
    aigw_slice text = gw_json_text(arena, doc, ref);
    if (text.data)
        *out = text;
    else
        *no_memory |= gw_json_typeof(doc, ref) == GW_JSON_STRING;
    return text.data != NULL;
}

/* NumericDate (RFC 7519 clause 2): 0..2^53; a fraction goes up or down, whichever is the
 * stricter. */
static bool read_date(const gw_json_doc *doc, const char *name, bool up, int64_t *out)
{
    gw_json_ref ref = gw_json_get(doc, 0, name);
    int64_t value = -1;
    double real = -1;
    *out = -1;
    if (ref == GW_JSON_ABSENT)
        return true;
    if (!gw_json_i64(doc, ref, &value)) {
        if (!gw_json_f64(doc, ref, &real) || !(real >= 0 && real <= (double)MAX_NUMERIC_DATE))
            return false;
        value = (int64_t)real;
        value += up && (double)value < real;
    }
    if (value < 0 || value > MAX_NUMERIC_DATE)
        return false;
    *out = value;
    return true;
}

static bool is_word(aigw_slice text)
{
    return text.len > 0 && !memchr(text.data, ' ', text.len);
}

/* Appends an element to the space-separated list in *out, whose memory is wide enough. */
static void add_word(char *room, size_t *len, aigw_slice word)
{
    if (*len)
        room[(*len)++] = ' ';
    memcpy(room + *len, word.data, word.len);
    *len += word.len;
}

/*
 * A string or an array of strings as one space-separated text. An element that is no word (empty,
 * or with a space) could pass for two: it is left out when `skip_odd`, else the claim is refused.
 */
static bool read_words(gw_arena *arena, const gw_json_doc *doc, gw_json_ref ref, bool skip_odd,
                       aigw_slice *out, bool *no_memory)
{
    size_t len = 0;
    *out = GW_S("");
    if (gw_json_typeof(doc, ref) != GW_JSON_ARRAY)
        return false;
    char *room = gw_arena_alloc(arena, gw_json_raw(doc, ref).len + 1);
    *no_memory |= !room;
    if (!room)
        return false;
    for (gw_json_ref r = gw_json_first(doc, ref); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        aigw_slice word = gw_json_text(arena, doc, r);
        if (!word.data) {
            *no_memory |= gw_json_typeof(doc, r) == GW_JSON_STRING;
            return false;
        }
        if (is_word(word))
            add_word(room, &len, word);
        else if (!skip_odd)
            return false;
    }
    *out = gw_slice(room, len);
    return true;
}

static bool read_scope(gw_arena *arena, const gw_json_doc *doc, aigw_slice *out, bool *no_memory)
{
    gw_json_ref ref = gw_json_get(doc, 0, "scope");
    if (gw_json_typeof(doc, ref) == GW_JSON_ARRAY)
        return read_words(arena, doc, ref, false, out, no_memory);
    return read_text(arena, doc, "scope", out, no_memory);
}

static bool read_audience(gw_arena *arena, const gw_json_doc *doc, aigw_slice *out, bool *no_memory)
{
    gw_json_ref ref = gw_json_get(doc, 0, "aud");
    if (gw_json_typeof(doc, ref) == GW_JSON_ARRAY)
        return read_words(arena, doc, ref, true, out, no_memory);
    if (!read_text(arena, doc, "aud", out, no_memory))
        return false;
    if (!is_word(*out))
        *out = GW_S("");
    return true;
}

static int read_facts(gw_arena *arena, const gw_json_doc *doc, gw_jwt_facts *out, aigw_error *err)
{
    bool no_memory = false;
    aigw_slice client;
    bool sound = read_text(arena, doc, "iss", &out->issuer, &no_memory) &&
                 read_text(arena, doc, "sub", &out->subject, &no_memory) &&
                 read_text(arena, doc, "client_id", &client, &no_memory) &&
                 read_text(arena, doc, "custom:team", &out->team, &no_memory) &&
                 read_scope(arena, doc, &out->scope, &no_memory) &&
                 read_audience(arena, doc, &out->audience, &no_memory) &&
                 read_date(doc, "exp", false, &out->expires_unix_s) &&
                 read_date(doc, "nbf", true, &out->not_before_unix_s) &&
                 read_date(doc, "iat", true, &out->issued_unix_s);
    if (no_memory)
        return gw_fail_nomem(err);
    if (!sound)
        return deny(err, "bad_claims", "a claim has the wrong type or is out of range");
    out->has_expiry = out->expires_unix_s >= 0;
    if (client.len)
        out->subject = client;
    out->claims = doc->text;
    return AIGW_OK;
}

static int parse_claims(gw_arena *arena, aigw_slice payload, gw_json_doc *doc, aigw_error *err)
{
    int code = gw_json_parse(arena, payload, &claims_limits, doc, err);
    if (code != AIGW_OK || gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return deny_or_nomem(code, err, "bad_claims", "the token's claims are not sound JSON");
    return AIGW_OK;
}

/* Any of `wanted` is a whole word of the space-separated `words`. */
static bool has_any_word(aigw_slice words, const aigw_slice *wanted, size_t count)
{
    while (words.data) {
        aigw_slice word = gw_cut(&words, ' ');
        for (size_t i = 0; i < count && word.len; i++) {
            if (gw_eq(word, wanted[i]))
                return true;
        }
    }
    return false;
}

static int64_t leeway_of(const aigw_policy *policy)
{
    if (policy->leeway_s < 0)
        return DEFAULT_LEEWAY_S;
    return policy->leeway_s < MAX_LEEWAY_S ? policy->leeway_s : MAX_LEEWAY_S;
}

/* ---- The parts that the gate uses ---- */

int gw_jwt_read_issuer(gw_arena *arena, aigw_slice token, aigw_slice *out, aigw_error *err)
{
    aigw_slice part[3], payload, issuer = GW_S("");
    gw_json_doc doc;
    bool no_memory = false;
    int code = AIGW_E_DENIED;
    if (token.len <= MAX_TOKEN_BYTES && split(token, part))
        code = decode(arena, part[1], &payload, NULL);
    if (code == AIGW_OK)
        code = parse_claims(arena, payload, &doc, NULL);
    if (code == AIGW_OK && !read_text(arena, &doc, "iss", &issuer, &no_memory))
        issuer = GW_S("");
    if (code == AIGW_E_NOMEM || no_memory)
        return gw_fail_nomem(err);
    *out = issuer;
    return AIGW_OK;
}

aigw_slice gw_jwt_peek_issuer(gw_arena *arena, aigw_slice token)
{
    aigw_slice issuer;
    return gw_jwt_read_issuer(arena, token, &issuer, NULL) == AIGW_OK ? issuer : GW_S("");
}

int gw_jwt_read_claims(gw_arena *arena, aigw_slice payload, gw_jwt_facts *out, aigw_error *err)
{
    gw_json_doc doc;
    gw_jwt_facts facts = {.key_id = out->key_id};
    int code = parse_claims(arena, payload, &doc, err);
    if (code == AIGW_OK)
        code = read_facts(arena, &doc, &facts, err);
    if (code == AIGW_OK)
        *out = facts;
    return code;
}

int gw_jwt_check_signature(const aigw_jwks *jwks, aigw_slice token, size_t max_token_bytes,
                           gw_arena *arena, gw_jwt_facts *out, aigw_error *err)
{
    parts p;
    header h = {0};
    int code = take_apart(token, max_token_bytes, arena, &p, err);
    if (code == AIGW_OK)
        code = read_header(arena, p.header, &h, err);
    if (code != AIGW_OK)
        return code;
    const gw_jwk *key = gw_jwks_find(jwks, h.kid);
    if (!key)
        return deny(err, "unknown_key", "no key of the set is the token's");
    if (!key->verify[h.alg])
        return deny(err, "key_mismatch", "the key does not fit the token's algorithm");
    code = gw_jwa_verify(&gw_jwa_table[h.alg], key->verify[h.alg], p.signed_text, p.signature);
    if (code == AIGW_E_DENIED)
        return deny(err, "bad_signature", "the signature is not the key's");
    if (code != AIGW_OK)
        return gw_fail_nomem(err);
    gw_jwt_facts facts = {.key_id = key->kid};
    code = gw_jwt_read_claims(arena, p.payload, &facts, err);
    if (code == AIGW_OK)
        *out = facts;
    return code;
}

int gw_jwt_check_claims(const gw_jwt_facts *facts, const aigw_policy *policy, int64_t now_unix_s,
                        aigw_error *err)
{
    int64_t leeway = leeway_of(policy);
    if (policy->issuer.len && !gw_eq(facts->issuer, policy->issuer))
        return deny(err, "wrong_issuer", "the token is another issuer's");
    if (!facts->has_expiry)
        return deny(err, "bad_claims", "the token has no expiry");
    if (now_unix_s - leeway >= facts->expires_unix_s)
        return deny(err, "expired", "the token has expired");
    if (now_unix_s + leeway < facts->not_before_unix_s ||
        now_unix_s + leeway < facts->issued_unix_s)
        return deny(err, "not_yet_valid", "the token is not valid yet");
    if (policy->audience_count &&
        !has_any_word(facts->audience, policy->audiences, policy->audience_count))
        return deny(err, "wrong_audience", "the token is for another audience");
    if (policy->scope_count && !has_any_word(facts->scope, policy->scopes, policy->scope_count))
        return deny(err, "missing_scope", "the token lacks the scope");
    return AIGW_OK;
}

/* ---- <aigw/verify.h> ---- */

static int collect_strings(aigw_claims *claims, aigw_error *err)
{
    gw_json_doc doc;
    int code = parse_claims(claims->arena, claims->facts.claims, &doc, err);
    if (code != AIGW_OK)
        return code;
    claims->strings = gw_arena_calloc(claims->arena, gw_json_count(&doc, 0) + 1, sizeof(claim));
    if (!claims->strings)
        return gw_fail_nomem(err);
    for (gw_json_ref r = gw_json_first(&doc, 0); r != GW_JSON_ABSENT; r = gw_json_next(&doc, r)) {
        gw_json_ref value = gw_json_value(&doc, r);
        if (gw_json_typeof(&doc, value) != GW_JSON_STRING)
            continue;
        claim *c = &claims->strings[claims->string_count++];
        c->name = gw_json_unescape(claims->arena, gw_json_inner(&doc, r));
        c->value = gw_json_text(claims->arena, &doc, value);
        if (!c->name.data || !c->value.data)
            return gw_fail_nomem(err);
    }
    return AIGW_OK;
}

static int verify_into(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                       int64_t now_unix_s, aigw_claims *claims, aigw_error *err)
{
    int code = gw_jwt_check_signature(jwks, token, policy->max_token_bytes, claims->arena,
                                      &claims->facts, err);
    if (code == AIGW_OK)
        code = gw_jwt_check_claims(&claims->facts, policy, now_unix_s, err);
    return code;
}

int aigw_jwt_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                    int64_t now_unix_s, aigw_claims **out, aigw_error *err)
{
    if (!jwks || !policy || policy->size < sizeof *policy || policy->leeway_s < -1 ||
        policy->leeway_s > MAX_LEEWAY_S || policy->max_token_bytes > MAX_TOKEN_BYTES)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument",
                       "no key set, or a policy out of range");
    gw_arena *arena = gw_arena_new(VERIFY_ARENA_BYTES);
    aigw_claims *claims = arena ? gw_arena_calloc(arena, 1, sizeof *claims) : NULL;
    if (!claims) {
        gw_arena_free(arena);
        return gw_fail_nomem(err);
    }
    claims->arena = arena;
    int code = verify_into(jwks, token, policy, now_unix_s, claims, err);
    if (code == AIGW_OK && out)
        code = collect_strings(claims, err);
    if (code == AIGW_OK && out)
        *out = claims;
    else
        gw_arena_free(arena);
    return code;
}

aigw_slice aigw_claims_string(const aigw_claims *claims, const char *name)
{
    aigw_slice wanted = gw_slice(name, strlen(name));
    for (size_t i = 0; i < claims->string_count; i++) {
        if (gw_eq(claims->strings[i].name, wanted))
            return claims->strings[i].value;
    }
    return GW_S("");
}

aigw_slice aigw_claims_json(const aigw_claims *claims)
{
    return claims->facts.claims;
}

int64_t aigw_claims_expires_unix_s(const aigw_claims *claims)
{
    return claims->facts.expires_unix_s;
}

void aigw_claims_free(aigw_claims *claims)
{
    if (claims)
        gw_arena_free(claims->arena);
}
