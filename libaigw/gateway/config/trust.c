/* Resolves an entry of auth.jwt.issuers: what a token of that issuer must be to come in.
 * Must not know where its keys are. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"

/* RFC 6749 clause 3.3: scope-token. */
static bool is_scope(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return text.len > 0;
}

int gw_cfg_check_scopes(gw_cfg_build *b, const gw_cfg_texts *scopes)
{
    const gw_cfg_node *n = scopes->node ? scopes->node->first : NULL;
    for (; n; n = n->next) {
        if (!is_scope(n->text))
            return gw_cfg_fail(b->err, n, "bad_scope", "expected one scope without white space");
    }
    return AIGW_OK;
}

static int check_algorithms(gw_cfg_build *b, const gw_cfg_texts *algorithms)
{
    const gw_cfg_node *n = algorithms->node ? algorithms->node->first : NULL;
    for (; n; n = n->next) {
        if (gw_jwa_row(n->text) == GW_JWA_COUNT)
            return gw_cfg_fail(b->err, n, "unknown_word",
                               "expected RS, PS or ES with 256, 384 or 512, or EdDSA");
    }
    return AIGW_OK;
}

/* These are checked for every token, and are no strings but for iss, which `issuer` is about. */
static bool is_reserved(aigw_slice name)
{
    return gw_eq(name, GW_S("iss")) || gw_eq(name, GW_S("exp")) || gw_eq(name, GW_S("nbf")) ||
           gw_eq(name, GW_S("iat"));
}

static int check_claim(gw_cfg_build *b, const gw_cfg_claim *raw)
{
    if (is_reserved(raw->name))
        return gw_cfg_fail_key(b->err, raw->node, "name", "reserved",
                               "iss, exp, nbf and iat are checked anyway");
    for (const gw_cfg_node *n = raw->values.node ? raw->values.node->first : NULL; n; n = n->next) {
        if (raw->format == AIGW_CLAIM_WORDS && memchr(n->text.data, ' ', n->text.len))
            return gw_cfg_fail(b->err, n, "bad_value", "expected one word without spaces");
    }
    return AIGW_OK;
}

static int set_claims(gw_cfg_build *b, const gw_cfg_list *list, aigw_policy *out)
{
    const gw_cfg_claim *raw = list->items;
    aigw_claim_rule *rules = gw_arena_calloc(b->config->arena, list->count + 1, sizeof *rules);
    if (!rules)
        return gw_fail_nomem(b->err);
    out->claims = rules;
    out->claim_count = list->count;
    for (size_t i = 0; i < list->count; i++, raw++) {
        aigw_slice *values = NULL;
        int code = check_claim(b, raw);
        if (code == AIGW_OK)
            code = gw_cfg_keep(b, raw->name, &rules[i].name);
        if (code == AIGW_OK)
            code = gw_cfg_keep_all(b, &raw->values, &values);
        if (code != AIGW_OK)
            return code;
        rules[i].format = (aigw_claim_format)raw->format;
        rules[i].values = values;
        rules[i].value_count = raw->values.count;
    }
    return AIGW_OK;
}

int gw_cfg_trust_policy(gw_cfg_build *b, const gw_cfg_trust *raw, gw_gate_issuer *out)
{
    aigw_slice *algorithms = NULL, *audiences = NULL, *clients = NULL, *scopes = NULL;
    int64_t leeway_s = raw->leeway_s >= 0 ? raw->leeway_s : b->raw->auth.jwt.leeway_s;
    aigw_policy policy = {.size = sizeof policy,
                          .audience_count = raw->audiences.count,
                          .client_id_count = raw->client_ids.count,
                          .scope_count = raw->scopes.count,
                          .algorithm_count = raw->algorithms.count,
                          .scopes_all = raw->scope_match,
                          .leeway_s = (int)leeway_s,
                          .max_token_bytes = (size_t)raw->max_token_bytes};
    int code = gw_cfg_keep(b, raw->issuer, &out->issuer);
    if (code == AIGW_OK)
        code = check_algorithms(b, &raw->algorithms);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->algorithms, &algorithms);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->audiences, &audiences);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->client_ids, &clients);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->token_use, &policy.token_use);
    if (code == AIGW_OK)
        code = gw_cfg_check_scopes(b, &raw->scopes);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->scopes, &scopes);
    if (code == AIGW_OK)
        code = set_claims(b, &raw->claims, &policy);
    if (code != AIGW_OK)
        return code;
    policy.issuer = out->issuer;
    policy.algorithms = algorithms;
    policy.audiences = audiences;
    policy.client_ids = clients;
    policy.scopes = scopes;
    out->policy = policy;
    return AIGW_OK;
}
