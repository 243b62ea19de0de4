/* Checking one compact JWS/JWT in the order of checks that leaves no gap (RFC 7515 clause 5.2,
 * RFC 7519).
 * Knows nothing of HTTP, of where keys come from, or of the clock. */
#include "gate/jwt.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#define MAX_LEEWAY_S       300
#define MAX_CLAIM_RULES    10
#define MAX_NUMERIC_DATE   INT64_C(9007199254740992) /* 2^53: exact in every reader */
#define VERIFY_ARENA_BYTES (1024 * 1024)
#define FIRST_POLICY_BYTES offsetof(aigw_policy, algorithms) /* of the first version */

static const gw_json_limits claims_limits = {.max_depth = 16, .max_nodes = 8192};

typedef struct claim {
    aigw_slice name, value;
} claim;

struct aigw_claims {
    gw_arena *arena;
    gw_jwt_facts facts;
    claim *strings; /* the string members of the top level, unescaped */
    size_t string_count;
};

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

static int read_facts(gw_arena *arena, const gw_json_doc *doc, const aigw_policy *policy,
                      gw_jwt_facts *out, aigw_error *err)
{
    bool no_memory = false;
    aigw_slice client;
    bool sound = read_text(arena, doc, "iss", &out->issuer, &no_memory) &&
                 read_text(arena, doc, "sub", &out->subject, &no_memory) &&
                 read_text(arena, doc, "client_id", &client, &no_memory) &&
                 read_text(arena, doc, "custom:team", &out->team, &no_memory) &&
                 read_text(arena, doc, "token_use", &out->token_use, &no_memory) &&
                 read_scope(arena, doc, &out->scope, &no_memory) &&
                 read_audience(arena, doc, &out->audience, &no_memory) &&
                 read_date(doc, "exp", false, &out->expires_unix_s) &&
                 read_date(doc, "nbf", true, &out->not_before_unix_s) &&
                 read_date(doc, "iat", true, &out->issued_unix_s);
    if (no_memory)
        return gw_fail_nomem(err);
    if (!sound)
        return gw_jws_deny(err, "bad_claims", "a claim has the wrong type or is out of range");
    if (!gw_jwt_extra_read(arena, doc, policy->claims, policy->claim_count, &out->extra))
        return gw_fail_nomem(err);
    out->has_expiry = out->expires_unix_s >= 0;
    out->has_client = client.len > 0;
    if (out->has_client)
        out->subject = client;
    out->claims = doc->text;
    return AIGW_OK;
}

static int parse_claims(gw_arena *arena, aigw_slice payload, gw_json_doc *doc, aigw_error *err)
{
    int code = gw_json_parse(arena, payload, &claims_limits, doc, err);
    if (code == AIGW_E_NOMEM) /* never the token's verdict */
        return gw_fail_nomem(err);
    if (code != AIGW_OK || gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_jws_deny(err, "bad_claims", "the token's claims are not sound JSON");
    return AIGW_OK;
}

/* ---- The parts that the gate uses ---- */

int gw_jwt_read_issuer(gw_arena *arena, aigw_slice token, aigw_slice *out, aigw_error *err)
{
    aigw_slice part[3], payload, issuer = GW_S("");
    gw_json_doc doc;
    bool no_memory = false;
    int code = AIGW_E_DENIED;
    if (token.len <= GW_JWT_MAX_BYTES && gw_jws_split(token, part))
        code = gw_jws_decode(arena, part[1], &payload, NULL);
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

static const aigw_policy no_policy = {.size = sizeof(aigw_policy)};

static int read_claims(gw_arena *arena, aigw_slice payload, const aigw_policy *policy,
                       gw_jwt_facts *out, aigw_error *err)
{
    gw_json_doc doc;
    gw_jwt_facts facts = {.key_id = out->key_id, .alg = out->alg};
    int code = parse_claims(arena, payload, &doc, err);
    if (code == AIGW_OK)
        code = read_facts(arena, &doc, policy, &facts, err);
    if (code == AIGW_OK)
        *out = facts;
    return code;
}

int gw_jwt_read_claims(gw_arena *arena, aigw_slice payload, gw_jwt_facts *out, aigw_error *err)
{
    return read_claims(arena, payload, &no_policy, out, err);
}

int gw_jwt_check_token(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                       gw_arena *arena, gw_jwt_facts *out, aigw_error *err)
{
    gw_jws jws;
    gw_jwt_facts facts = {0};
    uint32_t allowed = gw_jws_algorithms(policy->algorithms, policy->algorithm_count);
    int code = gw_jws_read(arena, token, policy->max_token_bytes, allowed, true, &jws, err);
    if (code == AIGW_OK)
        code = gw_jws_check(&jws, jwks, &facts.key_id, err);
    if (code != AIGW_OK)
        return code;
    facts.alg = jws.alg;
    code = read_claims(arena, jws.payload, policy, &facts, err);
    if (code == AIGW_OK)
        *out = facts;
    return code;
}

int gw_jwt_check_signature(const aigw_jwks *jwks, aigw_slice token, size_t max_token_bytes,
                           gw_arena *arena, gw_jwt_facts *out, aigw_error *err)
{
    aigw_policy policy = no_policy;
    policy.max_token_bytes = max_token_bytes;
    return gw_jwt_check_token(jwks, token, &policy, arena, out, err);
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
    int code = gw_jwt_check_token(jwks, token, policy, claims->arena, &claims->facts, err);
    if (code == AIGW_OK)
        code = gw_jwt_check_claims(&claims->facts, policy, now_unix_s, err);
    return code;
}

/* The caller's policy, of whichever version, as ours. What it asks beyond our knowledge is refused:
 * passing over a condition would let more tokens in than the caller wants. */
static bool read_policy(const aigw_policy *given, aigw_policy *out)
{
    if (!given || given->size < FIRST_POLICY_BYTES)
        return false;
    size_t known = given->size < sizeof *out ? given->size : sizeof *out;
    for (size_t i = known; i < given->size; i++) {
        if (((const char *)given)[i])
            return false;
    }
    memset(out, 0, sizeof *out);
    memcpy(out, given, known);
    for (size_t i = 0; i < out->claim_count && i < MAX_CLAIM_RULES; i++) {
        if ((unsigned)out->claims[i].format > AIGW_CLAIM_WORDS ||
            out->claims[i].name.len > GW_JWT_MAX_BYTES)
            return false;
    }
    return out->leeway_s >= -1 && out->leeway_s <= MAX_LEEWAY_S &&
           out->max_token_bytes <= GW_JWT_MAX_BYTES && out->claim_count <= MAX_CLAIM_RULES &&
           gw_jws_algorithms(out->algorithms, out->algorithm_count) != 0;
}

int aigw_jwt_verify(const aigw_jwks *jwks, aigw_slice token, const aigw_policy *policy,
                    int64_t now_unix_s, aigw_claims **out, aigw_error *err)
{
    aigw_policy whole;
    if (!jwks || !read_policy(policy, &whole))
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument",
                       "no key set, or a policy out of range");
    gw_arena *arena = gw_arena_new(VERIFY_ARENA_BYTES);
    aigw_claims *claims = arena ? gw_arena_calloc(arena, 1, sizeof *claims) : NULL;
    if (!claims) {
        gw_arena_free(arena);
        return gw_fail_nomem(err);
    }
    claims->arena = arena;
    int code = verify_into(jwks, token, &whole, now_unix_s, claims, err);
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
