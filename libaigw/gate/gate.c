/* May this request pass? Finds the bearer token, chooses its issuer, answers as RFC 6750 says.
 * Does no I/O: it asks for keys by returning; knows nothing of signatures or dialects. */
#include "gate/gate.h"
#include "base/error.h"
#include "base/text.h"
#include <stdio.h>

#define REALM               "Bearer realm=\"aigw\""
#define DEFAULT_TOKEN_BYTES 8192
#define FEW_ISSUERS         20 /* up to so many a hit allocates nothing */

/* The stable words of <aigw/verify.h>, to hand out as static text; and what the access log of AWS
 * load balancers says for them. */
static const struct {
    const char *reason, *alb;
} reasons[] = {
    {"no_token", "JWTHeaderNotPresent"},
    {"not_bearer", "JWTRequestFormatInvalid"},
    {"several_credentials", "JWTRequestFormatInvalid"},
    {"malformed_credentials", "JWTRequestFormatInvalid"},
    {"token_too_large", "JWTRequestFormatInvalid"},
    {"not_three_parts", "JWTRequestFormatInvalid"},
    {"bad_base64", "JWTRequestFormatInvalid"},
    {"bad_header", "JWTRequestFormatInvalid"},
    {"critical_header", "JWTRequestFormatInvalid"},
    {"wrong_type", "JWTRequestFormatInvalid"},
    {"algorithm_not_allowed", "JWTSignatureValidationError"},
    {"unknown_key", "JWTSignatureValidationError"},
    {"key_mismatch", "JWTSignatureValidationError"},
    {"bad_signature", "JWTSignatureValidationError"},
    {"bad_claims", "JWTClaimFormatInvalid"},
    {"wrong_issuer", "JWTClaimValueInvalid"},
    {"expired", "JWTClaimValueInvalid"},
    {"not_yet_valid", "JWTClaimValueInvalid"},
    {"wrong_token_use", "JWTClaimValueInvalid"},
    {"wrong_client", "JWTClaimValueInvalid"},
    {"wrong_audience", "JWTClaimValueInvalid"},
    {"claim_mismatch", "JWTClaimValueInvalid"},
    {"missing_scope", "JWTClaimValueInvalid"},
    {"no_keys", "JWKSRequestError"},
};

#define REASON_COUNT (sizeof reasons / sizeof reasons[0])

static size_t reason_index(const char *reason)
{
    size_t i = 0;
    while (i < REASON_COUNT && strcmp(reasons[i].reason, reason) != 0)
        i++;
    return i;
}

static const char *static_reason(const char *reason)
{
    size_t i = reason_index(reason);
    return i < REASON_COUNT ? reasons[i].reason : "invalid_token";
}

static const char *alb_reason(const char *reason)
{
    size_t i = reason_index(reason);
    return i < REASON_COUNT ? reasons[i].alb : "";
}

/* ---- The answers (RFC 6750 clause 3) ---- */

static void deny(gw_gate_result *out, int status, const char *reason, const char *message)
{
    out->verdict = GW_GATE_DENY;
    out->status = status;
    out->reason = reason;
    out->alb_reason = alb_reason(reason);
    out->message = message;
    out->www_authenticate[0] = '\0';
}

static void challenge(gw_gate_result *out, const char *parameters)
{
    snprintf(out->www_authenticate, sizeof out->www_authenticate, REALM "%s", parameters);
}

/* No error code: the client has not tried yet. */
static void deny_absent(gw_gate_result *out)
{
    deny(out, 401, "no_token", "A bearer token is required.");
    challenge(out, "");
}

static void deny_request(gw_gate_result *out, const char *reason)
{
    deny(out, 400, reason, "The credentials of the request are malformed.");
    challenge(out, ", error=\"invalid_request\"");
}

static void deny_token(gw_gate_result *out, const char *reason)
{
    deny(out, 401, reason, "The access token is invalid or has expired.");
    challenge(out, ", error=\"invalid_token\", "
                   "error_description=\"The access token is invalid or has expired\"");
}

/* scope-token of RFC 6749 clause 3.3: what may stand in the quoted string. */
static bool quotable(aigw_slice scope)
{
    for (size_t i = 0; i < scope.len; i++) {
        char c = scope.data[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return scope.len > 0;
}

/* The scopes that would do, as many as there is room for. */
static void deny_scope(const gw_gate *gate, const aigw_policy *policy, gw_gate_result *out)
{
    deny(out, gate->insufficient_scope_status == 403 ? 403 : 401, "missing_scope",
         "The access token lacks the required scope.");
    challenge(out, ", error=\"insufficient_scope\", scope=\"");
    size_t start = strlen(out->www_authenticate), len = start;
    for (size_t i = 0; i < policy->scope_count; i++) {
        aigw_slice scope = policy->scopes[i];
        if (!quotable(scope) || len + scope.len + 3 > sizeof out->www_authenticate)
            continue;
        if (len > start)
            out->www_authenticate[len++] = ' ';
        memcpy(out->www_authenticate + len, scope.data, scope.len);
        len += scope.len;
    }
    memcpy(out->www_authenticate + len, "\"", 2);
}

static void deny_verified(const gw_gate *gate, const aigw_policy *policy, const aigw_error *err,
                          gw_gate_result *out)
{
    if (err->code != AIGW_E_DENIED)
        deny(out, 500, "no_memory", "The gateway could not check the token.");
    else if (strcmp(err->reason, "missing_scope") == 0)
        deny_scope(gate, policy, out);
    else
        deny_token(out, static_reason(err->reason));
}

/* ---- The credential ---- */

/* The fields in which SDKs send what they call a key: Anthropic's, Google's, Azure's. */
static const aigw_slice key_fields[] = {
    {"x-api-key", sizeof "x-api-key" - 1},
    {"x-goog-api-key", sizeof "x-goog-api-key" - 1},
    {"api-key", sizeof "api-key" - 1},
};

enum { KEY_FIELDS = sizeof key_fields / sizeof *key_fields };

typedef struct credential {
    aigw_slice first; /* of whatever field; data NULL: none yet */
    size_t counts[1 + KEY_FIELDS];
    bool several; /* a field twice, or two that differ */
} credential;

static void add_credential(credential *c, size_t field, aigw_slice token)
{
    if (c->counts[field]++ || (c->first.data && !gw_eq(c->first, token)))
        c->several = true;
    if (!c->first.data)
        c->first = token.data ? token : gw_slice("", 0);
}

/* "Bearer" SP token. What could be a second credential in one field is refused. */
static bool read_bearer(aigw_slice value, aigw_slice *out)
{
    value = gw_trim(value);
    if (!gw_starts_nocase(value, GW_S("Bearer ")))
        return false;
    *out = gw_trim(gw_skip(value, sizeof "Bearer " - 1));
    return true;
}

static bool is_one_token(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '\t' || c == ',')
            return false;
    }
    return text.len > 0;
}

/* False: *out holds the denial. Claude Code sends the same token in both fields. */
static bool find_token(const aigw_header *headers, size_t count, aigw_slice *token,
                       gw_gate_result *out)
{
    credential c = {0};
    for (size_t i = 0; i < count; i++) {
        aigw_slice bearer;
        if (gw_eq_nocase(headers[i].name, GW_S("authorization"))) {
            if (!read_bearer(headers[i].value, &bearer)) {
                deny_request(out, "not_bearer");
                return false;
            }
            add_credential(&c, KEY_FIELDS, bearer);
            continue;
        }
        for (size_t k = 0; k < KEY_FIELDS; k++) {
            if (gw_eq_nocase(headers[i].name, key_fields[k]))
                add_credential(&c, k, gw_trim(headers[i].value));
        }
    }
    if (!c.first.data) {
        deny_absent(out);
        return false;
    }
    *token = c.first;
    if (c.several) {
        deny_request(out, "several_credentials");
        return false;
    }
    if (!is_one_token(*token)) {
        deny_request(out, "malformed_credentials");
        return false;
    }
    return true;
}

/* ---- The token ---- */

/* The policy of an issuer, tied to its name whatever the policy itself says. */
static aigw_policy policy_of(const gw_gate_issuer *issuer)
{
    aigw_policy policy = issuer->policy;
    policy.issuer = issuer->issuer;
    return policy;
}

static void pass(const gw_jwt_facts *facts, gw_gate_result *out)
{
    aigw_slice subject = facts->subject, team = facts->team, scope = facts->scope;
    if (subject.len > sizeof out->room || team.len > sizeof out->room - subject.len) {
        deny_token(out, "bad_claims");
        return;
    }
    /* Who it is must be whole; of the scope, what fits. */
    size_t left = sizeof out->room - subject.len - team.len;
    while (scope.len > left ||
           (scope.len < facts->scope.len && scope.len && facts->scope.data[scope.len] != ' '))
        scope.len--;
    char *at = out->room;
    aigw_slice *texts[] = {&subject, &team, &scope};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i]->len)
            memmove(at, texts[i]->data, texts[i]->len);
        texts[i]->data = at;
        at += texts[i]->len;
    }
    out->verdict = GW_GATE_PASS;
    out->status = 200;
    out->subject = subject;
    out->team = team;
    out->scope = scope;
}

/* Two issuers may share a key set; the token says whose it is. */
static size_t issuer_among(const gw_gate *gate, const uint64_t *generations, size_t first,
                           aigw_slice name)
{
    for (size_t i = first; i < gate->issuer_count; i++) {
        if (generations[i] == generations[first] && gw_eq(gate->issuers[i].issuer, name))
            return i;
    }
    return first;
}

/* True: the cache knew the token and *out is decided. Time and policy run as on the first day. */
static bool check_cached(const gw_gate *gate, aigw_slice token, gw_gate_keys_fn *keys,
                         void *keys_user, int64_t now_unix_s, gw_arena *arena, gw_gate_result *out)
{
    if (!gate->cache || gate->issuer_count == 0 || token.len > GW_JWT_MAX_BYTES)
        return false;
    uint64_t few[FEW_ISSUERS];
    uint64_t *generations = few;
    if (gate->issuer_count > FEW_ISSUERS)
        generations = gw_arena_calloc(arena, gate->issuer_count, sizeof *generations);
    if (!generations)
        return false;
    for (size_t i = 0; i < gate->issuer_count; i++) {
        const aigw_jwks *set = keys(keys_user, i);
        generations[i] = set ? gw_jwks_generation(set) : 0;
    }
    char room[sizeof out->room];
    gw_jwt_facts facts;
    size_t issuer;
    if (!gw_jwt_cache_get_any(gate->cache, token, generations, gate->issuer_count, room,
                              sizeof room, &facts, &issuer))
        return false;
    aigw_error err;
    issuer = issuer_among(gate, generations, issuer, facts.issuer);
    aigw_policy policy = policy_of(&gate->issuers[issuer]);
    if (!gw_jwt_extra_covers(facts.extra, policy.claims, policy.claim_count))
        return false; /* kept under an older policy, which did not ask for these claims */
    out->issuer = issuer;
    out->cache_hit = true;
    if (token.len > (policy.max_token_bytes ? policy.max_token_bytes : DEFAULT_TOKEN_BYTES))
        deny_token(out, "token_too_large");
    else if (gw_jwt_check_claims(&facts, &policy, now_unix_s, &err) == AIGW_OK)
        pass(&facts, out);
    else
        deny_verified(gate, &policy, &err, out);
    return true;
}

/* False: no issuer of ours; *out holds the denial, with the token's own fault where it has one. */
static bool choose_issuer(const gw_gate *gate, aigw_slice token, gw_arena *arena,
                          size_t *out_issuer, gw_gate_result *out)
{
    aigw_slice name = GW_S("");
    gw_jwt_facts facts;
    aigw_error err;
    /* Any algorithm: that of a stranger's token is not what is wrong with it. */
    aigw_slice algorithms[GW_JWA_COUNT];
    for (int i = 0; i < GW_JWA_COUNT; i++)
        algorithms[i] = aigw_slice_of(gw_jwa_table[i].name);
    const aigw_policy any = {
        .size = sizeof any, .algorithms = algorithms, .algorithm_count = GW_JWA_COUNT};
    int code = gw_jwt_read_issuer(arena, token, &name, &err);
    for (size_t i = 0; name.len && i < gate->issuer_count; i++) {
        if (gw_eq(name, gate->issuers[i].issuer)) {
            *out_issuer = i;
            return true;
        }
    }
    if (code == AIGW_OK)
        gw_jwt_check_token(NULL, token, &any, arena, &facts, &err);
    if (err.code != AIGW_E_DENIED)
        deny_verified(gate, NULL, &err, out);
    else
        deny_token(out, strcmp(err.reason, "unknown_key") == 0 ? "wrong_issuer"
                                                               : static_reason(err.reason));
    return false;
}

static void check_signed(const gw_gate *gate, aigw_slice token, const aigw_jwks *set,
                         int64_t now_unix_s, bool last_try, gw_arena *arena, gw_gate_result *out)
{
    aigw_error err;
    gw_jwt_facts facts;
    aigw_policy policy = policy_of(&gate->issuers[out->issuer]);
    int code = gw_jwt_check_token(set, token, &policy, arena, &facts, &err);
    if (code == AIGW_E_DENIED && !last_try && strcmp(err.reason, "unknown_key") == 0) {
        out->verdict = GW_GATE_NEED_KEYS;
        out->unknown_kid = true;
        return;
    }
    out->cache_miss = true;
    if (code == AIGW_OK)
        code = gw_jwt_check_claims(&facts, &policy, now_unix_s, &err);
    if (code != AIGW_OK) {
        deny_verified(gate, &policy, &err, out);
        return;
    }
    if (gate->cache)
        gw_jwt_cache_put(gate->cache, token, gw_jwks_generation(set), &facts);
    pass(&facts, out);
}

void gw_gate_check(const gw_gate *gate, const aigw_header *headers, size_t header_count,
                   gw_gate_keys_fn *keys, void *keys_user, int64_t now_unix_s, bool last_try,
                   gw_arena *arena, gw_gate_result *out)
{
    aigw_slice token;
    memset(out, 0, offsetof(gw_gate_result, room));
    out->subject = out->team = out->scope = GW_S("");
    if (!gate->jwt_enabled) {
        out->verdict = GW_GATE_PASS;
        out->status = 200;
        return;
    }
    if (!find_token(headers, header_count, &token, out) ||
        check_cached(gate, token, keys, keys_user, now_unix_s, arena, out) ||
        !choose_issuer(gate, token, arena, &out->issuer, out))
        return;
    const aigw_jwks *set = keys(keys_user, out->issuer);
    if (set) {
        check_signed(gate, token, set, now_unix_s, last_try, arena, out);
    } else if (last_try) {
        /* Not 401: clients would fetch tokens in a loop for a fault that is ours. */
        deny(out, 503, "no_keys", "The gateway cannot check tokens at the moment.");
    } else {
        out->verdict = GW_GATE_NEED_KEYS;
    }
}
