/* Policy: each condition with its one reason, the same cold, by the library's function and on a cache
 * hit; versions of the policy's struct; and keys that rotate under many threads. */
#include "gate/gate.h"
#include "unit/gate/mint_alg.h"
#include <pthread.h>

#define NOW    1700000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k\"}"
#define BODY   "\"iss\":\"i\",\"exp\":1700003600"

static EVP_PKEY *rsa;
static aigw_jwks *jwks;

static const aigw_jwks *the_set(void *user, size_t issuer)
{
    (void)issuer;
    return user;
}

/* The gate's reason for the token; "" when it passes. */
static const char *gate_says(const aigw_policy *policy, const char *token, gw_jwt_cache *cache,
                             bool *hit)
{
    static gw_gate_result result;
    const gw_gate_issuer issuer = {GW_S("i"), *policy};
    const gw_gate gate = {.jwt_enabled = true,
                          .issuers = &issuer,
                          .issuer_count = 1,
                          .insufficient_scope_status = 401,
                          .cache = cache};
    aigw_header header = {GW_S("x-api-key"), aigw_slice_of(token)};
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, arena, &result);
    gw_arena_free(arena);
    *hit = result.cache_hit;
    return result.verdict == GW_GATE_PASS ? "" : result.reason;
}

/* The reason, which all ways to it must give alike. */
static const char *verdict(const aigw_policy *given, const char *payload)
{
    static aigw_error err;
    bool hit;
    aigw_policy policy = *given, open = {.size = sizeof open};
    policy.size = sizeof policy;
    policy.issuer = GW_S("i");
    open.claims = policy.claims;
    open.claim_count = policy.claim_count;
    char *token = mint_token(rsa, HEADER, payload);
    int code = aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, NOW, NULL, &err);
    const char *reason = code == AIGW_OK ? "" : err.reason;
    assert_true(code == AIGW_OK || code == AIGW_E_DENIED);
    gw_jwt_cache *cache = gw_jwt_cache_new(8);
    assert_string_equal(gate_says(&policy, token, cache, &hit), reason);
    assert_false(hit);
    if (code == AIGW_OK) {
        assert_string_equal(gate_says(&policy, token, cache, &hit), "");
        assert_true(hit);
    }
    gw_jwt_cache_free(cache);
    free(token);
    return reason;
}

static void test_token_use(void **state)
{
    (void)state;
    aigw_policy access = {.token_use = GW_S("access")}, any = {0};
    assert_string_equal(verdict(&access, "{" BODY ",\"token_use\":\"access\"}"), "");
    assert_string_equal(verdict(&access, "{" BODY ",\"token_use\":\"id\"}"), "wrong_token_use");
    assert_string_equal(verdict(&access, "{" BODY ",\"token_use\":\"Access\"}"), "wrong_token_use");
    assert_string_equal(verdict(&access, "{" BODY "}"), "wrong_token_use");
    assert_string_equal(verdict(&access, "{" BODY ",\"token_use\":[\"access\"]}"), "bad_claims");
    assert_string_equal(verdict(&any, "{" BODY ",\"token_use\":\"id\"}"), "");
}

static void test_clients(void **state)
{
    (void)state;
    const aigw_slice ids[] = {GW_S("a"), GW_S("b")};
    aigw_policy policy = {.client_ids = ids, .client_id_count = 2};
    assert_string_equal(verdict(&policy, "{" BODY ",\"client_id\":\"b\"}"), "");
    assert_string_equal(verdict(&policy, "{" BODY ",\"client_id\":\"c\"}"), "wrong_client");
    assert_string_equal(verdict(&policy, "{" BODY ",\"client_id\":\"\"}"), "wrong_client");
    assert_string_equal(verdict(&policy, "{" BODY ",\"client_id\":\"a b\"}"), "wrong_client");
    /* The subject may look like a client; azp is another claim. */
    assert_string_equal(verdict(&policy, "{" BODY ",\"sub\":\"a\"}"), "wrong_client");
    assert_string_equal(verdict(&policy, "{" BODY ",\"azp\":\"a\"}"), "wrong_client");
    assert_string_equal(verdict(&policy, "{" BODY ",\"client_id\":[\"a\"]}"), "bad_claims");
}

static void test_audience(void **state)
{
    (void)state;
    const aigw_slice list[] = {GW_S("x"), GW_S("y")};
    aigw_policy policy = {.audiences = list, .audience_count = 2};
    assert_string_equal(verdict(&policy, "{" BODY ",\"aud\":\"y\"}"), "");
    assert_string_equal(verdict(&policy, "{" BODY ",\"aud\":[\"z\",\"x\"]}"), "");
    assert_string_equal(verdict(&policy, "{" BODY ",\"aud\":\"x y\"}"), "wrong_audience");
    assert_string_equal(verdict(&policy, "{" BODY "}"), "wrong_audience");
}

static void test_scopes_any_and_all(void **state)
{
    (void)state;
    const aigw_slice list[] = {GW_S("r"), GW_S("w")};
    aigw_policy any = {.scopes = list, .scope_count = 2}, all = any, none = {.scopes_all = 1};
    all.scopes_all = 1;
    static const struct {
        const char *scope, *any, *all;
    } rows[] = {
        {"\"r w\"", "", ""},
        {"\"w x r\"", "", ""},
        {"[\"w\",\"r\"]", "", ""},
        {"\"r\"", "", "missing_scope"},
        {"[\"w\"]", "", "missing_scope"},
        {"\"rw\"", "missing_scope", "missing_scope"},
        {"\"\"", "missing_scope", "missing_scope"},
        {"null", "missing_scope", "missing_scope"},
        {"[\"r w\"]", "bad_claims", "bad_claims"},
    };
    char payload[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(payload, sizeof payload, "{" BODY ",\"scope\":%s}", rows[i].scope);
        assert_string_equal(verdict(&any, payload), rows[i].any);
        assert_string_equal(verdict(&all, payload), rows[i].all);
    }
    assert_string_equal(verdict(&none, "{" BODY "}"), "");
}

/* Each form of the claim against each format that may be asked for. */
static void test_formats_of_claims(void **state)
{
    (void)state;
    const aigw_slice values[] = {GW_S("v"), GW_S("w"), GW_S("two words")};
    static const struct {
        const char *claim;
        bool passes[4]; /* auto, string, array, words */
    } rows[] = {
        {"\"v\"", {true, true, false, true}},
        {"\"w\"", {true, true, false, true}},
        {"\"\\u0076\"", {true, true, false, true}},
        {"\"a v b\"", {true, false, false, true}},
        {"\"two words\"", {true, true, false, false}},
        {"\"two\"", {false, false, false, false}},
        {"\"av\"", {false, false, false, false}},
        {"\"V\"", {false, false, false, false}},
        {"\"\"", {false, false, false, false}},
        {"[\"v\"]", {true, false, true, false}},
        {"[\"a\",\"w\"]", {true, false, true, false}},
        {"[\"two words\"]", {true, false, true, false}},
        {"[\"a v\"]", {false, false, false, false}},
        {"[]", {false, false, false, false}},
        {"[\"v\",1]", {false, false, false, false}},
        {"[[\"v\"]]", {false, false, false, false}},
        {"{\"v\":\"v\"}", {false, false, false, false}},
        {"true", {false, false, false, false}},
        {"1", {false, false, false, false}},
        {"null", {false, false, false, false}},
    };
    char payload[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(payload, sizeof payload, "{" BODY ",\"x:t\":%s}", rows[i].claim);
        for (int format = 0; format < 4; format++) {
            aigw_claim_rule rule = {GW_S("x:t"), (aigw_claim_format)format, values, 3};
            aigw_policy policy = {.claims = &rule, .claim_count = 1};
            const char *wanted = rows[i].passes[format] ? "" : "claim_mismatch";
            if (strcmp(verdict(&policy, payload), wanted) != 0)
                fail_msg("%s as %d", rows[i].claim, format);
        }
    }
}

static void test_several_claims(void **state)
{
    (void)state;
    const aigw_slice one = GW_S("1"), two = GW_S("2");
    const aigw_claim_rule rules[] = {{GW_S("a"), AIGW_CLAIM_AUTO, &one, 1},
                                     {GW_S("b\"\\"), AIGW_CLAIM_ARRAY, &two, 1},
                                     {GW_S(""), AIGW_CLAIM_STRING, &one, 1}};
    aigw_policy policy = {.claims = rules, .claim_count = 2}, empty = policy;
    assert_string_equal(verdict(&policy, "{" BODY ",\"a\":\"1\",\"b\\\"\\\\\":[\"2\"]}"), "");
    assert_string_equal(verdict(&policy, "{" BODY ",\"\\u0061\":\"1\",\"b\\u0022\\\\\":[\"2\"]}"),
                        "");
    assert_string_equal(verdict(&policy, "{" BODY ",\"a\":\"1\",\"b\":[\"2\"]}"), "claim_mismatch");
    assert_string_equal(verdict(&policy, "{" BODY ",\"a\":\"1\"}"), "claim_mismatch");
    assert_string_equal(verdict(&policy, "{" BODY ",\"x\":{\"a\":\"1\"}}"), "claim_mismatch");
    empty.claims = rules + 2;
    empty.claim_count = 1;
    assert_string_equal(verdict(&empty, "{" BODY ",\"\":\"1\"}"), "");
    assert_string_equal(verdict(&empty, "{" BODY "}"), "claim_mismatch");
    aigw_claim_rule nothing = {GW_S("a"), AIGW_CLAIM_AUTO, NULL, 0};
    empty.claims = &nothing;
    assert_string_equal(verdict(&empty, "{" BODY ",\"a\":\"1\"}"), "claim_mismatch");
}

static void test_the_order_of_reasons(void **state)
{
    (void)state;
    const aigw_slice x = GW_S("x");
    const aigw_claim_rule rule = {GW_S("c"), AIGW_CLAIM_AUTO, &x, 1};
    const aigw_policy policy = {.token_use = x,
                                .client_ids = &x,
                                .client_id_count = 1,
                                .audiences = &x,
                                .audience_count = 1,
                                .claims = &rule,
                                .claim_count = 1,
                                .scopes = &x,
                                .scope_count = 1};
    static const char *const rows[][2] = {
        {"", "wrong_token_use"},
        {",\"token_use\":\"x\"", "wrong_client"},
        {",\"token_use\":\"x\",\"client_id\":\"x\"", "wrong_audience"},
        {",\"token_use\":\"x\",\"client_id\":\"x\",\"aud\":\"x\"", "claim_mismatch"},
        {",\"token_use\":\"x\",\"client_id\":\"x\",\"aud\":\"x\",\"c\":\"x\"", "missing_scope"},
        {",\"token_use\":\"x\",\"client_id\":\"x\",\"aud\":\"x\",\"c\":\"x\",\"scope\":\"x\"", ""},
    };
    char payload[256];
    for (size_t i = 0; i < 6; i++) {
        snprintf(payload, sizeof payload, "{" BODY "%s}", rows[i][0]);
        assert_string_equal(verdict(&policy, payload), rows[i][1]);
    }
    assert_string_equal(verdict(&policy, "{\"iss\":\"i\",\"exp\":1}"), "expired");
}

/* ---- A cache that outlives its policy: a reload may only take away, never let through ---- */

static void test_a_narrower_policy_counts_on_hits(void **state)
{
    (void)state;
    const aigw_slice x = GW_S("x"), es = GW_S("ES256");
    const aigw_claim_rule rule = {GW_S("c"), AIGW_CLAIM_AUTO, &x, 1};
    const aigw_policy open = {.size = sizeof open};
    aigw_policy narrow[6] = {open, open, open, open, open, open};
    static const char *const reasons[] = {"wrong_token_use",       "wrong_client",
                                          "wrong_audience",        "missing_scope",
                                          "algorithm_not_allowed", "token_too_large"};
    narrow[0].token_use = x;
    narrow[1].client_ids = narrow[2].audiences = narrow[3].scopes = &x;
    narrow[1].client_id_count = narrow[2].audience_count = narrow[3].scope_count = 1;
    narrow[4].algorithms = &es;
    narrow[4].algorithm_count = 1;
    narrow[5].max_token_bytes = 100;
    gw_jwt_cache *cache = gw_jwt_cache_new(8);
    char *token = mint_token(rsa, HEADER, "{" BODY ",\"c\":\"y\"}");
    bool hit;
    assert_string_equal(gate_says(&open, token, cache, &hit), "");
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(gate_says(&narrow[i], token, cache, &hit), reasons[i]);
        assert_true(hit);
    }
    /* A claim that nobody asked for then is not among the facts: back to the token. */
    aigw_policy claims = open;
    claims.claims = &rule;
    claims.claim_count = 1;
    assert_string_equal(gate_says(&claims, token, cache, &hit), "claim_mismatch");
    assert_false(hit);
    assert_string_equal(gate_says(&open, token, cache, &hit), "");
    assert_true(hit);
    gw_jwt_cache_free(cache);
    free(token);
}

static void test_claims_that_are_too_long_are_not_cached(void **state)
{
    (void)state;
    char payload[2048], large[1200];
    memset(large, 'l', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const aigw_slice value = aigw_slice_of(large);
    const aigw_claim_rule rule = {GW_S("c"), AIGW_CLAIM_STRING, &value, 1};
    const aigw_policy policy = {.size = sizeof policy, .claims = &rule, .claim_count = 1};
    snprintf(payload, sizeof payload, "{" BODY ",\"c\":\"%s\"}", large);
    char *token = mint_token(rsa, HEADER, payload);
    gw_jwt_cache *cache = gw_jwt_cache_new(8);
    for (int i = 0; i < 2; i++) {
        bool hit;
        assert_string_equal(gate_says(&policy, token, cache, &hit), "");
        assert_false(hit);
    }
    gw_jwt_cache_free(cache);
    free(token);
}

static void test_a_hit_with_claims_allocates_nothing(void **state)
{
    (void)state;
    static mint_failing failing; /* stays the allocator until the end */
    const aigw_slice x = GW_S("x");
    const aigw_claim_rule rule = {GW_S("c"), AIGW_CLAIM_AUTO, &x, 1};
    const gw_gate_issuer issuer = {GW_S("i"),
                                   {.size = sizeof(aigw_policy),
                                    .claims = &rule,
                                    .claim_count = 1,
                                    .client_ids = &x,
                                    .client_id_count = 1}};
    gw_gate gate = {.jwt_enabled = true, .issuers = &issuer, .issuer_count = 1};
    gate.cache = gw_jwt_cache_new(8);
    char *token = mint_token(rsa, HEADER, "{" BODY ",\"c\":[\"y\",\"x\"],\"client_id\":\"x\"}");
    aigw_header header = {GW_S("x-api-key"), aigw_slice_of(token)};
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_gate_result result;
    gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, arena, &result);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    mint_fail_at(&failing, 1);
    gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, NULL, &result);
    mint_fail_at(&failing, 0);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_true(result.cache_hit);
    gw_arena_free(arena);
    gw_jwt_cache_free(gate.cache);
    free(token);
}

/* Two issuers on one key set: a hit is judged by the issuer that the token names. */
static void test_issuers_with_one_key_set(void **state)
{
    (void)state;
    const gw_gate_issuer issuers[] = {{GW_S("h"), {.size = sizeof(aigw_policy)}},
                                      {GW_S("i"), {.size = sizeof(aigw_policy)}}};
    gw_gate gate = {.jwt_enabled = true, .issuers = issuers, .issuer_count = 2};
    gate.cache = gw_jwt_cache_new(8);
    char *token = mint_token(rsa, HEADER, "{" BODY "}");
    aigw_header header = {GW_S("x-api-key"), aigw_slice_of(token)};
    gw_arena *arena = gw_arena_new(1 << 20);
    for (int i = 0; i < 2; i++) {
        gw_gate_result result;
        gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, i ? NULL : arena, &result);
        assert_int_equal(result.verdict, GW_GATE_PASS);
        assert_int_equal(result.issuer, 1);
        assert_int_equal(result.cache_hit, i);
    }
    gw_arena_free(arena);
    gw_jwt_cache_free(gate.cache);
    free(token);
}

static void test_names_of_load_balancers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *alb;
    } rows[] = {
        {"cookie", "x", "JWTHeaderNotPresent"},
        {"authorization", "Basic x", "JWTRequestFormatInvalid"},
        {"x-api-key", "a.b", "JWTRequestFormatInvalid"},
    };
    const gw_gate_issuer issuer = {GW_S("i"), {.size = sizeof(aigw_policy)}};
    const gw_gate gate = {.jwt_enabled = true, .issuers = &issuer, .issuer_count = 1};
    gw_gate_result result;
    gw_arena *arena = gw_arena_new(1 << 20);
    for (size_t i = 0; i < 3; i++) {
        aigw_header header = {aigw_slice_of(rows[i].name), aigw_slice_of(rows[i].value)};
        gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, arena, &result);
        assert_string_equal(result.alb_reason, rows[i].alb);
    }
    static const char *const tokens[][2] = {
        {"{\"iss\":\"i\",\"exp\":1}", "JWTClaimValueInvalid"},
        {"{\"iss\":\"i\",\"exp\":\"1\"}", "JWTClaimFormatInvalid"},
        {"{\"iss\":\"j\",\"exp\":1700003600}", "JWTClaimValueInvalid"},
    };
    for (size_t i = 0; i < 3; i++) {
        char *token = mint_token(rsa, HEADER, tokens[i][0]);
        aigw_header header = {GW_S("x-api-key"), aigw_slice_of(token)};
        gw_gate_check(&gate, &header, 1, the_set, jwks, NOW, true, arena, &result);
        assert_string_equal(result.alb_reason, tokens[i][1]);
        gw_gate_check(&gate, &header, 1, the_set, NULL, NOW, true, arena, &result);
        assert_string_equal(result.alb_reason,
                            i == 2 ? "JWTClaimValueInvalid" : "JWKSRequestError");
        free(token);
    }
    gw_arena_free(arena);
}

/* ---- The struct of the policy ---- */

static void test_versions_of_the_policy(void **state)
{
    (void)state;
    struct {
        aigw_policy policy;
        char later[16];
    } next = {.policy = {.size = sizeof next, .issuer = GW_S("i")}};
    char *token = mint_token(rsa, HEADER, "{" BODY "}");
    aigw_slice t = aigw_slice_of(token);
    /* What lies behind the size is not read. */
    aigw_policy first = {.size = offsetof(aigw_policy, algorithms), .issuer = GW_S("i")};
    memset((char *)&first + first.size, 0xa5, sizeof first - first.size);
    assert_int_equal(aigw_jwt_verify(jwks, t, &first, NOW, NULL, NULL), AIGW_OK);
    first.size--;
    assert_int_equal(aigw_jwt_verify(jwks, t, &first, NOW, NULL, NULL), AIGW_E_INVALID);
    /* A condition of the future that this library does not know. */
    assert_int_equal(aigw_jwt_verify(jwks, t, &next.policy, NOW, NULL, NULL), AIGW_OK);
    next.later[15] = 1;
    assert_int_equal(aigw_jwt_verify(jwks, t, &next.policy, NOW, NULL, NULL), AIGW_E_INVALID);
    aigw_claim_rule rules[11] = {{GW_S("c"), (aigw_claim_format)4, NULL, 0}};
    aigw_policy odd = {.size = sizeof odd, .claims = rules, .claim_count = 1};
    assert_int_equal(aigw_jwt_verify(jwks, t, &odd, NOW, NULL, NULL), AIGW_E_INVALID);
    rules[0].format = AIGW_CLAIM_AUTO;
    odd.claim_count = 11;
    assert_int_equal(aigw_jwt_verify(jwks, t, &odd, NOW, NULL, NULL), AIGW_E_INVALID);
    free(token);
}

/* ---- Rotation ---- */

#define THREADS   8
#define ROTATIONS 40

typedef struct rotation {
    pthread_mutex_t lock;
    aigw_jwks *now;
    bool over;
    gw_jwt_cache *cache;
    char *steady, *leaving; /* tokens: one by a key of all sets, one by a key of every second */
} rotation;

static void *verify_on(void *user)
{
    rotation *r = user;
    const gw_gate_issuer issuer = {GW_S("i"), {.size = sizeof(aigw_policy)}};
    const gw_gate gate = {
        .jwt_enabled = true, .issuers = &issuer, .issuer_count = 1, .cache = r->cache};
    gw_arena *arena = gw_arena_new(1 << 20);
    for (bool over = false; !over;) {
        pthread_mutex_lock(&r->lock);
        aigw_jwks *set = gw_jwks_ref(r->now);
        over = r->over;
        pthread_mutex_unlock(&r->lock);
        bool has_leaving = aigw_jwks_count(set) == 2;
        for (int i = 0; i < 2; i++) {
            gw_gate_result result;
            aigw_header header = {GW_S("x-api-key"), aigw_slice_of(i ? r->leaving : r->steady)};
            gw_arena_reset(arena);
            gw_gate_check(&gate, &header, 1, the_set, set, NOW, true, arena, &result);
            if ((result.verdict == GW_GATE_PASS) != (i == 0 || has_leaving)) {
                aigw_jwks_free(set);
                gw_arena_free(arena);
                return r;
            }
        }
        aigw_jwks_free(set);
    }
    gw_arena_free(arena);
    return NULL;
}

static void test_threads_while_keys_rotate(void **state)
{
    (void)state;
    EVP_PKEY *other = mint_rsa(2048);
    char *one = mint_jwk(rsa, ",\"kid\":\"k\""), *two = mint_jwk(other, ",\"kid\":\"l\"");
    char *texts[] = {mint_set_of(one, two), mint_set_of(one, NULL)};
    rotation r = {.cache = gw_jwt_cache_new(64)};
    r.steady = mint_token(rsa, HEADER, "{" BODY "}");
    r.leaving = mint_token(other, "{\"alg\":\"RS256\",\"kid\":\"l\"}", "{" BODY "}");
    pthread_mutex_init(&r.lock, NULL);
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(texts[0]), &r.now, NULL), AIGW_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_on, &r), 0);
    for (int i = 1; i <= ROTATIONS; i++) {
        aigw_jwks *next = NULL;
        assert_int_equal(aigw_jwks_parse(aigw_slice_of(texts[i % 2]), &next, NULL), AIGW_OK);
        pthread_mutex_lock(&r.lock);
        aigw_jwks *old = r.now;
        r.now = next;
        r.over = i == ROTATIONS;
        pthread_mutex_unlock(&r.lock);
        aigw_jwks_free(old);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    pthread_mutex_destroy(&r.lock);
    aigw_jwks_free(r.now);
    gw_jwt_cache_free(r.cache);
    free(r.steady);
    free(r.leaving);
    free(texts[0]);
    free(texts[1]);
    free(one);
    free(two);
    EVP_PKEY_free(other);
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    char *text = mint_set(rsa, ",\"kid\":\"k\"");
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(text), &jwks, NULL), AIGW_OK);
    free(text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aigw_jwks_free(jwks);
    EVP_PKEY_free(rsa);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_use),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_audience),
        cmocka_unit_test(test_scopes_any_and_all),
        cmocka_unit_test(test_formats_of_claims),
        cmocka_unit_test(test_several_claims),
        cmocka_unit_test(test_the_order_of_reasons),
        cmocka_unit_test(test_a_narrower_policy_counts_on_hits),
        cmocka_unit_test(test_claims_that_are_too_long_are_not_cached),
        cmocka_unit_test(test_a_hit_with_claims_allocates_nothing),
        cmocka_unit_test(test_issuers_with_one_key_set),
        cmocka_unit_test(test_names_of_load_balancers),
        cmocka_unit_test(test_versions_of_the_policy),
        cmocka_unit_test(test_threads_while_keys_rotate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
