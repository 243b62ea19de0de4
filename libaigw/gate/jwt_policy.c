/* Holds the facts of a signed token against policy and time, on the first day and on every cache hit.
 * Knows nothing of keys or signatures, and allocates nothing. */
#include "base/text.h"
#include "gate/jwt.h"

#define DEFAULT_LEEWAY_S 60
#define MAX_LEEWAY_S     300

static bool is_one_of(aigw_slice text, const aigw_slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(text, list[i]))
            return true;
    }
    return false;
}

/* Any of `wanted` is a whole word of the space-separated `words`. */
static bool has_any_word(aigw_slice words, const aigw_slice *wanted, size_t count)
{
    while (words.data) {
        aigw_slice word = gw_cut(&words, ' ');
        if (word.len && is_one_of(word, wanted, count))
            return true;
    }
    return false;
}

static bool has_scope(const gw_jwt_facts *facts, const aigw_policy *policy)
{
    if (!policy->scopes_all)
        return has_any_word(facts->scope, policy->scopes, policy->scope_count);
    for (size_t i = 0; i < policy->scope_count; i++) {
        if (!has_any_word(facts->scope, &policy->scopes[i], 1))
            return false;
    }
    return true;
}

static bool meets_rules(const gw_jwt_facts *facts, const aigw_policy *policy)
{
    for (size_t i = 0; i < policy->claim_count; i++) {
        if (!gw_jwt_extra_meets(facts->extra, &policy->claims[i]))
            return false;
    }
    return true;
}

static int64_t leeway_of(const aigw_policy *policy)
{
    if (policy->leeway_s < 0)
        return DEFAULT_LEEWAY_S;
    return policy->leeway_s < MAX_LEEWAY_S ? policy->leeway_s : MAX_LEEWAY_S;
}

static int check_times(const gw_jwt_facts *facts, const aigw_policy *policy, int64_t now_unix_s,
                       aigw_error *err)
{
    int64_t leeway = leeway_of(policy);
    if (!facts->has_expiry)
        return gw_jws_deny(err, "bad_claims", "the token has no expiry");
    if (now_unix_s - leeway >= facts->expires_unix_s)
        return gw_jws_deny(err, "expired", "the token has expired");
    if (now_unix_s + leeway < facts->not_before_unix_s ||
        now_unix_s + leeway < facts->issued_unix_s)
        return gw_jws_deny(err, "not_yet_valid", "the token is not valid yet");
    return AIGW_OK;
}

int gw_jwt_check_claims(const gw_jwt_facts *facts, const aigw_policy *policy, int64_t now_unix_s,
                        aigw_error *err)
{
    if (!(gw_jws_algorithms(policy->algorithms, policy->algorithm_count) >> facts->alg & 1))
        return gw_jws_deny(err, "algorithm_not_allowed", "the token's algorithm is not allowed");
    if (policy->issuer.len && !gw_eq(facts->issuer, policy->issuer))
        return gw_jws_deny(err, "wrong_issuer", "the token is another issuer's");
    int code = check_times(facts, policy, now_unix_s, err);
    if (code != AIGW_OK)
        return code;
    if (policy->token_use.len && !gw_eq(facts->token_use, policy->token_use))
        return gw_jws_deny(err, "wrong_token_use", "the token is for another use");
    if (policy->client_id_count &&
        !(facts->has_client &&
          is_one_of(facts->subject, policy->client_ids, policy->client_id_count)))
        return gw_jws_deny(err, "wrong_client", "the token is another client's");
    if (policy->audience_count &&
        !has_any_word(facts->audience, policy->audiences, policy->audience_count))
        return gw_jws_deny(err, "wrong_audience", "the token is for another audience");
    if (!meets_rules(facts, policy))
        return gw_jws_deny(err, "claim_mismatch", "a claim of the token is not as required");
    if (policy->scope_count && !has_scope(facts, policy))
        return gw_jws_deny(err, "missing_scope", "the token lacks the scope");
    return AIGW_OK;
}
