/* Finds keys and tokens by the shapes that their makers gave them. */
/* Must not know streams, rules or masks. */
#include "gate/guard.h"

#include "base/text.h"

#define JWT_HEAD_MAX 400u /* a longer run behind "eyJ" is taken for a token's header */
#define PEM_NAME_MAX 48u

typedef struct shape {
    const char *prefix;
    size_t least; /* characters behind it */
    gw_tail charset;
    bool digit; /* one of them is a digit: words joined by hyphens are no key */
} shape;

/* The published prefixes of GitHub's, GitLab's and the providers' secret scanners. */
static const shape shapes[] = {
    {"sk-ant-", 20, GW_TAIL_KEY, true},    {"sk-proj-", 20, GW_TAIL_KEY, true},
    {"sk-or-v1-", 20, GW_TAIL_KEY, true},  {"sk-", 20, GW_TAIL_KEY, true},
    {"sk_live_", 16, GW_TAIL_KEY, false},  {"sk_test_", 16, GW_TAIL_KEY, false},
    {"rk_live_", 16, GW_TAIL_KEY, false},  {"rk_test_", 16, GW_TAIL_KEY, false},
    {"whsec_", 24, GW_TAIL_BASE64, true},  {"AIza", 35, GW_TAIL_KEY, false},
    {"ya29.", 20, GW_TAIL_JWT, false},     {"GOCSPX-", 20, GW_TAIL_KEY, false},
    {"AKIA", 16, GW_TAIL_KEY, false},      {"ASIA", 16, GW_TAIL_KEY, false},
    {"ABSK", 60, GW_TAIL_BASE64, true},    {"bedrock-api-key-", 20, GW_TAIL_BASE64, true},
    {"ghp_", 30, GW_TAIL_KEY, false},      {"gho_", 30, GW_TAIL_KEY, false},
    {"ghu_", 30, GW_TAIL_KEY, false},      {"ghs_", 30, GW_TAIL_KEY, false},
    {"ghr_", 30, GW_TAIL_KEY, false},      {"github_pat_", 22, GW_TAIL_KEY, false},
    {"glpat-", 20, GW_TAIL_JWT, false},    {"xoxb-", 10, GW_TAIL_KEY, true},
    {"xoxp-", 10, GW_TAIL_KEY, true},      {"xoxa-", 10, GW_TAIL_KEY, true},
    {"xoxr-", 10, GW_TAIL_KEY, true},      {"xoxs-", 10, GW_TAIL_KEY, true},
    {"xapp-", 10, GW_TAIL_KEY, true},      {"SG.", 40, GW_TAIL_JWT, true},
    {"npm_", 36, GW_TAIL_KEY, false},      {"pypi-", 40, GW_TAIL_KEY, true},
    {"hf_", 30, GW_TAIL_KEY, false},       {"gsk_", 40, GW_TAIL_KEY, true},
    {"xai-", 40, GW_TAIL_KEY, true},       {"pplx-", 40, GW_TAIL_KEY, true},
    {"r8_", 36, GW_TAIL_KEY, true},        {"tvly-", 20, GW_TAIL_KEY, true},
    {"dop_v1_", 60, GW_TAIL_KEY, false},   {"shpat_", 32, GW_TAIL_KEY, false},
    {"dckr_pat_", 20, GW_TAIL_KEY, false}, {"lin_api_", 32, GW_TAIL_KEY, false},
    {"ntn_", 40, GW_TAIL_KEY, true},       {"AGE-SECRET-KEY-1", 50, GW_TAIL_KEY, false},
};

static bool in_set(gw_tail set, char c)
{
    if (gw_guard_is_alnum((unsigned char)c) || c == '-' || c == '_')
        return true;
    return (set == GW_TAIL_BASE64 && (c == '+' || c == '/' || c == '=')) ||
           (set == GW_TAIL_JWT && c == '.');
}

static gw_see more_or_no(const gw_spot *spot)
{
    return spot->ended ? GW_SEE_NO : GW_SEE_MORE;
}

static gw_see see_shape(gw_spot *spot, const shape *s)
{
    size_t prefix = strlen(s->prefix), need = prefix + s->least;
    size_t there = spot->len < prefix ? spot->len : prefix;
    bool digit = !s->digit;
    if (memcmp(spot->text, s->prefix, there) != 0)
        return GW_SEE_NO;
    for (size_t i = prefix; i < spot->len && i < need; i++) {
        if (!in_set(s->charset, spot->text[i]))
            return GW_SEE_NO;
        digit |= gw_guard_is_digit((unsigned char)spot->text[i]);
    }
    if (spot->len < need)
        return more_or_no(spot);
    if (!digit)
        return GW_SEE_NO;
    spot->match_len = need;
    spot->tail = s->charset;
    return GW_SEE_YES;
}

/* RFC 7515: a header that is a JSON object, a dot, and something long behind it. */
static gw_see see_jwt(gw_spot *spot)
{
    size_t n = 0, dot;
    while (n < spot->len && n < JWT_HEAD_MAX && in_set(GW_TAIL_KEY, spot->text[n]))
        n++;
    if (n < 3 || memcmp(spot->text, "eyJ", 3) != 0)
        return n == spot->len && memcmp(spot->text, "eyJ", n < 3 ? n : 3) == 0 ? more_or_no(spot)
                                                                               : GW_SEE_NO;
    spot->tail = GW_TAIL_JWT;
    spot->match_len = n;
    if (n == JWT_HEAD_MAX)
        return GW_SEE_YES;
    if (n == spot->len)
        return more_or_no(spot);
    if (n < 16 || spot->text[n] != '.')
        return GW_SEE_NO;
    for (dot = n++; n < spot->len && n < dot + 17; n++) {
        if (!in_set(GW_TAIL_KEY, spot->text[n]))
            return GW_SEE_NO;
    }
    spot->match_len = n;
    return n == dot + 17 ? GW_SEE_YES : more_or_no(spot);
}

/* RFC 7468: "-----BEGIN ... PRIVATE KEY". What it holds goes on to its END line. */
static gw_see see_pem(gw_spot *spot)
{
    static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY";
    size_t n = sizeof begin - 1, there = spot->len < n ? spot->len : n;
    if (memcmp(spot->text, begin, there) != 0)
        return GW_SEE_NO;
    for (; n < spot->len && n < PEM_NAME_MAX && spot->text[n] != '-'; n++) {
        size_t left = spot->len - n;
        if (left >= sizeof key - 1 && memcmp(spot->text + n, key, sizeof key - 1) == 0) {
            spot->match_len = n + sizeof key - 1;
            spot->tail = GW_TAIL_PEM;
            return GW_SEE_YES;
        }
    }
    return n >= spot->len && n < PEM_NAME_MAX ? more_or_no(spot) : GW_SEE_NO;
}

gw_see gw_guard_secret(gw_spot *spot)
{
    char c = spot->len ? spot->text[0] : '\0';
    gw_see result = GW_SEE_NO;
    if (c == '-')
        return spot->before == '-' ? GW_SEE_NO : see_pem(spot);
    if (!gw_guard_is_alnum((unsigned char)c) || gw_guard_is_alnum(spot->before) ||
        spot->before == '_')
        return GW_SEE_NO;
    if (c == 'e')
        return see_jwt(spot);
    if (!strchr("sSrwAyGBbgxnphtdl", c))
        return GW_SEE_NO;
    /* The first shape counts; one that is not decided yet keeps the later ones waiting. */
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && result == GW_SEE_NO; i++) {
        if (shapes[i].prefix[0] == c)
            result = see_shape(spot, &shapes[i]);
    }
    return result;
}
