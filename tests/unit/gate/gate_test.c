/* The gate: where the token stands, which issuer, which answer (RFC 6750), what a cache hit
 * still checks. */
#include "gate/gate.h"
#include "unit/gate/mint.h"

#define NOW    1700000000
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k\"}"
#define GOOD                                                                                       \
    "{\"iss\":\"https://a\",\"exp\":1700003600,\"scope\":\"gw/invoke x\",\"client_id\":\"c\","     \
    "\"custom:team\":\"blue\"}"
#define OF_B "{\"iss\":\"https://b\",\"exp\":1700003600,\"client_id\":\"d\"}"

static EVP_PKEY *rsa, *rsa_b;
static aigw_jwks *sets[2];
static size_t asked; /* how often the gate asked for keys */
static const aigw_slice scopes[] = {{"gw/invoke", 9}, {"gw/admin", 8}};
static gw_gate_issuer issuers[2];
static gw_gate gate;
static gw_gate_result result;

static const aigw_jwks *keys(void *user, size_t issuer)
{
    assert_ptr_equal(user, sets);
    asked++;
    return sets[issuer];
}

static void check_at(const aigw_header *headers, size_t count, int64_t now, bool last_try)
{
    gw_arena *arena = gw_arena_new(1 << 20);
    memset(&result, 0x5a, sizeof result);
    gw_gate_check(&gate, headers, count, keys, sets, now, last_try, arena, &result);
    gw_arena_free(arena);
}

static void check_header(const char *name, const char *value)
{
    aigw_header header = {aigw_slice_of(name), aigw_slice_of(value)};
    check_at(&header, 1, NOW, true);
}

static void check_bearer_at(const char *token, int64_t now, bool last_try)
{
    char *value = malloc(strlen(token) + 8);
    sprintf(value, "Bearer %s", token);
    aigw_header header = {GW_S("Authorization"), aigw_slice_of(value)};
    check_at(&header, 1, now, last_try);
    free(value);
}

static void check_payload(const char *payload, int64_t now)
{
    char *token = mint_token(rsa, HEADER, payload);
    check_bearer_at(token, now, true);
    free(token);
}

static void expect_denied(int status, const char *reason, const char *authenticate)
{
    assert_int_equal(result.verdict, GW_GATE_DENY);
    assert_string_equal(result.reason, reason);
    assert_int_equal(result.status, status);
    assert_string_equal(result.www_authenticate, authenticate);
    assert_true(result.message && result.message[0]);
}

#define BARE    "Bearer realm=\"aigw\""
#define REQUEST BARE ", error=\"invalid_request\""
#define TOKEN                                                                                      \
    BARE ", error=\"invalid_token\", "                                                             \
         "error_description=\"The access token is invalid or has expired\""
#define SCOPE BARE ", error=\"insufficient_scope\", scope=\"gw/invoke gw/admin\""

static void test_off_lets_everything_pass(void **state)
{
    (void)state;
    gate.jwt_enabled = false;
    check_at(NULL, 0, NOW, false);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_int_equal(result.subject.len, 0);
    gate.jwt_enabled = true;
}

static void test_no_token(void **state)
{
    (void)state;
    check_at(NULL, 0, NOW, false);
    expect_denied(401, "no_token", BARE);
    check_header("Cookie", "Bearer x");
    expect_denied(401, "no_token", BARE);
}

static void test_malformed_requests(void **state)
{
    (void)state;
    static const char *const values[] = {"Basic YTpi", "Bearer",      "", "Bearera.b.c", "Digest x",
                                         "a.b.c",      "Bearer,a.b.c"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        check_header("Authorization", values[i]);
        expect_denied(400, "not_bearer", REQUEST);
    }
    static const char *const several[] = {"Bearer a.b.c d.e.f", "Bearer a.b.c, Bearer d.e.f",
                                          "Bearer a.b.c,d"};
    for (size_t i = 0; i < sizeof several / sizeof several[0]; i++) {
        check_header("Authorization", several[i]);
        expect_denied(400, "malformed_credentials", REQUEST);
    }
    check_header("x-api-key", "");
    expect_denied(400, "malformed_credentials", REQUEST);
}

/* Each SDK has a field of its own for what it calls a key. */
static void test_key_fields(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER, GOOD), value[2048];
    snprintf(value, sizeof value, "Bearer %s", token);
    const aigw_header fields[] = {{GW_S("Authorization"), aigw_slice_of(value)},
                                  {GW_S("x-api-key"), aigw_slice_of(token)},
                                  {GW_S("X-Goog-Api-Key"), aigw_slice_of(token)},
                                  {GW_S("Api-Key"), aigw_slice_of(token)}};
    for (size_t i = 0; i < 4; i++) {
        check_at(&fields[i], 1, NOW, true);
        assert_int_equal(result.verdict, GW_GATE_PASS);
        for (size_t k = 0; k < 4; k++) {
            aigw_header pair[] = {fields[i], fields[k]};
            check_at(pair, 2, NOW, true);
            if (i == k)
                expect_denied(400, "several_credentials", REQUEST);
            else
                assert_int_equal(result.verdict, GW_GATE_PASS);
            pair[1].value = k ? GW_S("a.b.c") : GW_S("Bearer a.b.c");
            check_at(pair, 2, NOW, true);
            expect_denied(400, "several_credentials", REQUEST);
        }
    }
    check_at(fields, 4, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    check_header("x-goog-api-key", "");
    expect_denied(400, "malformed_credentials", REQUEST);
    check_header("api-key", "a b");
    expect_denied(400, "malformed_credentials", REQUEST);
    free(token);
}

static void test_several_credentials(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER, GOOD), value[2048];
    snprintf(value, sizeof value, "bEaReR   %s ", token);
    aigw_header good = {GW_S("AUTHORIZATION"), aigw_slice_of(value)};
    aigw_header key = {GW_S("X-Api-Key"), aigw_slice_of(token)};
    aigw_header other = {GW_S("x-api-key"), GW_S("sk-other")};
    aigw_header basic = {GW_S("authorization"), GW_S("Basic YTpi")};
    const aigw_header both[] = {good, key}, differ[] = {good, other}, twice[] = {good, good},
                      keys_twice[] = {key, key}, mixed[] = {key, basic};
    check_at(&good, 1, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    check_at(&key, 1, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    check_at(both, 2, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    check_at(differ, 2, NOW, true);
    expect_denied(400, "several_credentials", REQUEST);
    check_at(twice, 2, NOW, true);
    expect_denied(400, "several_credentials", REQUEST);
    check_at(keys_twice, 2, NOW, true);
    expect_denied(400, "several_credentials", REQUEST);
    check_at(mixed, 2, NOW, true);
    expect_denied(400, "not_bearer", REQUEST);
    free(token);
}

static void test_who_it_is(void **state)
{
    (void)state;
    for (int cached = 0; cached < 2; cached++) {
        check_payload(GOOD, NOW);
        assert_int_equal(result.verdict, GW_GATE_PASS);
        assert_true(gw_eq(result.subject, GW_S("c")));
        assert_true(gw_eq(result.team, GW_S("blue")));
        assert_true(gw_eq(result.scope, GW_S("gw/invoke x")));
        assert_true(result.subject.data >= result.room &&
                    result.subject.data < result.room + sizeof result.room);
        assert_string_equal(result.www_authenticate, "");
    }
}

static void test_invalid_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *payload, *reason;
    } rows[] = {
        {"{\"iss\":\"https://a\",\"exp\":1,\"scope\":\"gw/invoke\"}", "expired"},
        {"{\"iss\":\"https://x\",\"exp\":1700003600,\"scope\":\"gw/invoke\"}", "wrong_issuer"},
        {"{\"exp\":1700003600,\"scope\":\"gw/invoke\"}", "wrong_issuer"},
        {"{\"iss\":\"https://a\",\"scope\":\"gw/invoke\"}", "bad_claims"},
        {"{\"iss\":\"https://a\",\"exp\":1700003600,\"nbf\":1900000000}", "not_yet_valid"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_payload(rows[i].payload, NOW);
        expect_denied(401, rows[i].reason, TOKEN);
    }
    /* The token's own fault is the reason even where no issuer can be read. */
    check_header("Authorization", "Bearer a.b");
    expect_denied(401, "not_three_parts", TOKEN);
    check_header("x-api-key", "sk-ant-12345");
    expect_denied(401, "not_three_parts", TOKEN);
    check_header("Authorization", "Bearer a~.b.c");
    expect_denied(401, "bad_base64", TOKEN);
    char *token = mint_hmac("s", "{\"alg\":\"none\"}", GOOD);
    check_bearer_at(token, NOW, true);
    expect_denied(401, "algorithm_not_allowed", TOKEN);
    free(token);
    token = mint_token(rsa_b, HEADER, GOOD);
    check_bearer_at(token, NOW, true);
    expect_denied(401, "bad_signature", TOKEN);
    free(token);
}

static void test_missing_scope(void **state)
{
    (void)state;
    static const char payload[] =
        "{\"iss\":\"https://a\",\"exp\":1700003600,\"scope\":\"gw/other\"}";
    check_payload(payload, NOW);
    expect_denied(401, "missing_scope", SCOPE);
    gate.insufficient_scope_status = 403;
    check_payload(payload, NOW);
    expect_denied(403, "missing_scope", SCOPE);
    gate.insufficient_scope_status = 401;
}

/* Names that cannot be quoted are left out, and what does not fit. */
static void test_scope_challenge_is_bounded(void **state)
{
    (void)state;
    char long_name[200];
    memset(long_name, 'l', sizeof long_name);
    aigw_slice odd[] = {GW_S("a\"b"),   gw_slice(long_name, 199), GW_S("fits"),
                        GW_S("a\r\nb"), gw_slice(long_name, 100), GW_S("")};
    issuers[0].policy.scopes = odd;
    issuers[0].policy.scope_count = 6;
    check_payload("{\"iss\":\"https://a\",\"exp\":1700003600}", NOW);
    expect_denied(401, "missing_scope", result.www_authenticate);
    assert_non_null(strstr(result.www_authenticate, "scope=\"fits "));
    assert_null(strchr(result.www_authenticate, '\r'));
    size_t len = strlen(result.www_authenticate);
    assert_int_equal(result.www_authenticate[len - 1], '"');
    issuers[0].policy.scopes = scopes;
    issuers[0].policy.scope_count = 2;
}

static void test_no_keys(void **state)
{
    (void)state;
    aigw_jwks *kept = sets[0];
    char *token = mint_token(rsa, HEADER, GOOD);
    sets[0] = NULL;
    check_bearer_at(token, NOW, false);
    assert_int_equal(result.verdict, GW_GATE_NEED_KEYS);
    assert_int_equal(result.issuer, 0);
    assert_false(result.unknown_kid);
    check_bearer_at(token, NOW, true);
    expect_denied(503, "no_keys", "");
    sets[0] = kept;
    free(token);
}

static void test_unknown_key(void **state)
{
    (void)state;
    char *token = mint_token(rsa_b, "{\"alg\":\"RS256\",\"kid\":\"new\"}", OF_B);
    check_bearer_at(token, NOW, false);
    assert_int_equal(result.verdict, GW_GATE_NEED_KEYS);
    assert_int_equal(result.issuer, 1);
    assert_true(result.unknown_kid);
    check_bearer_at(token, NOW, true);
    expect_denied(401, "unknown_key", TOKEN);
    free(token);
}

static void test_issuers_do_not_share_keys(void **state)
{
    (void)state;
    char *token = mint_token(rsa_b, HEADER, OF_B);
    check_bearer_at(token, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_int_equal(result.issuer, 1);
    assert_true(gw_eq(result.subject, GW_S("d")));
    free(token);
    token = mint_token(rsa, HEADER, OF_B); /* A's key under B's name */
    check_bearer_at(token, NOW, true);
    expect_denied(401, "bad_signature", TOKEN);
    free(token);
    /* The name of the issuer binds, even under a policy that forgot it. */
    issuers[1].policy.issuer = GW_S("");
    token = mint_token(rsa_b, HEADER, "{\"iss\":\"https://c\",\"exp\":1700003600}");
    check_bearer_at(token, NOW, true);
    expect_denied(401, "wrong_issuer", TOKEN);
    free(token);
}

static void test_a_hit_still_checks_time_and_policy(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER, GOOD);
    check_bearer_at(token, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    /* Without the signature's key the facts alone answer: this is a hit. */
    char room[1024];
    gw_jwt_facts facts;
    assert_true(gw_jwt_cache_get(gate.cache, aigw_slice_of(token), gw_jwks_generation(sets[0]),
                                 room, sizeof room, &facts));
    check_bearer_at(token, NOW + 3660, true);
    expect_denied(401, "expired", TOKEN);
    check_bearer_at(token, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    static const aigw_slice stricter[] = {{"gw/other", 8}};
    issuers[0].policy.scopes = stricter;
    issuers[0].policy.scope_count = 1;
    check_bearer_at(token, NOW, true);
    expect_denied(401, "missing_scope", BARE ", error=\"insufficient_scope\", scope=\"gw/other\"");
    issuers[0].policy.scopes = scopes;
    issuers[0].policy.scope_count = 2;
    /* A snapshot that no longer trusts the issuer. */
    issuers[0].issuer = GW_S("https://a2");
    check_bearer_at(token, NOW, true);
    expect_denied(401, "wrong_issuer", TOKEN);
    issuers[0].issuer = GW_S("https://a");
    free(token);
}

static void test_a_new_key_set_forgets_old_tokens(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER, GOOD), *json = mint_set(rsa_b, ",\"kid\":\"k\"");
    aigw_jwks *old = sets[0];
    check_bearer_at(token, NOW, true);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(json), &sets[0], NULL), AIGW_OK);
    check_bearer_at(token, NOW, true);
    expect_denied(401, "bad_signature", TOKEN);
    aigw_jwks_free(sets[0]);
    sets[0] = old;
    free(json);
    free(token);
}

static void test_works_without_cache(void **state)
{
    (void)state;
    gw_jwt_cache *kept = gate.cache;
    gate.cache = NULL;
    asked = 0;
    check_payload(GOOD, NOW);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_int_equal(asked, 1);
    gate.cache = kept;
}

static void test_large_names(void **state)
{
    (void)state;
    char payload[4096], subject[1100], scope[1100];
    memset(subject, 's', sizeof subject);
    memset(scope, 'x', sizeof scope);
    snprintf(
        payload, sizeof payload,
        "{\"iss\":\"https://a\",\"exp\":1700003600,\"scope\":\"gw/invoke\",\"sub\":\"%.1025s\"}",
        subject);
    check_payload(payload, NOW);
    expect_denied(401, "bad_claims", TOKEN);
    snprintf(payload, sizeof payload,
             "{\"iss\":\"https://a\",\"exp\":1700003600,\"scope\":\"gw/invoke "
             "%.1000s\",\"sub\":\"%.300s\"}",
             scope, subject);
    check_payload(payload, NOW);
    assert_int_equal(result.verdict, GW_GATE_PASS);
    assert_int_equal(result.subject.len, 300);
    assert_true(gw_eq(result.scope, GW_S("gw/invoke"))); /* cut at a word */
}

static void test_no_memory_is_not_the_clients_fault(void **state)
{
    (void)state;
    char *token = mint_token(rsa, HEADER,
                             "{\"iss\":\"https://a\",\"exp\":1700003600,"
                             "\"scope\":\"gw/invoke\",\"jti\":\"unseen\"}");
    aigw_header header = {GW_S("x-api-key"), aigw_slice_of(token)};
    size_t passes = 0;
    gw_jwt_cache *kept = gate.cache;
    gate.cache = NULL;
    for (size_t cap = 16; cap < 131072; cap += 240) {
        gw_arena *arena = gw_arena_new(cap);
        gw_gate_check(&gate, &header, 1, keys, sets, NOW, true, arena, &result);
        if (result.verdict != GW_GATE_PASS)
            expect_denied(500, "no_memory", "");
        passes += result.verdict == GW_GATE_PASS;
        gw_arena_free(arena);
    }
    assert_true(passes > 0);
    mint_failing failing;
    result.verdict = GW_GATE_DENY;
    for (long n = 1; result.verdict != GW_GATE_PASS; n++) {
        assert_true(n < 100);
        gw_arena *arena = gw_arena_new(1 << 20);
        mint_fail_at(&failing, n);
        gw_gate_check(&gate, &header, 1, keys, sets, NOW, true, arena, &result);
        aigw_set_allocator(NULL);
        if (result.verdict != GW_GATE_PASS)
            expect_denied(500, "no_memory", "");
        gw_arena_free(arena);
    }
    gate.cache = kept;
    free(token);
}

static aigw_jwks *set_of(EVP_PKEY *key)
{
    aigw_jwks *out = NULL;
    char *json = mint_set(key, ",\"kid\":\"k\"");
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(json), &out, NULL), AIGW_OK);
    free(json);
    return out;
}

static int setup(void **state)
{
    (void)state;
    rsa = mint_rsa(2048);
    rsa_b = mint_rsa(2048);
    sets[0] = set_of(rsa);
    sets[1] = set_of(rsa_b);
    issuers[0] = (gw_gate_issuer){GW_S("https://a"),
                                  {.size = sizeof(aigw_policy),
                                   .issuer = GW_S("https://a"),
                                   .scopes = scopes,
                                   .scope_count = 2,
                                   .leeway_s = -1}};
    issuers[1] = (gw_gate_issuer){
        GW_S("https://b"),
        {.size = sizeof(aigw_policy), .issuer = GW_S("https://b"), .leeway_s = -1}};
    gate = (gw_gate){true, issuers, 2, 401, gw_jwt_cache_new(64)};
    return gate.cache ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    gw_jwt_cache_free(gate.cache);
    aigw_jwks_free(sets[0]);
    aigw_jwks_free(sets[1]);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa_b);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_lets_everything_pass),
        cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_key_fields),
        cmocka_unit_test(test_several_credentials),
        cmocka_unit_test(test_who_it_is),
        cmocka_unit_test(test_invalid_tokens),
        cmocka_unit_test(test_missing_scope),
        cmocka_unit_test(test_scope_challenge_is_bounded),
        cmocka_unit_test(test_no_keys),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_issuers_do_not_share_keys),
        cmocka_unit_test(test_a_hit_still_checks_time_and_policy),
        cmocka_unit_test(test_a_new_key_set_forgets_old_tokens),
        cmocka_unit_test(test_works_without_cache),
        cmocka_unit_test(test_large_names),
        cmocka_unit_test(test_no_memory_is_not_the_clients_fault),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
