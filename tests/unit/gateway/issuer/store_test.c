/* The issuer on its database: clients, two live secrets, rotation of keys, the limit on guesses. */
#include "base/json.h"
#include "gateway/issuer/issuer.h"
#include "unit/gate/mint.h"
#include <aigw/verify.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define NOW       INT64_C(1700000000)
#define ISSUER    "https://gateway.internal"
#define DAY_S     86400
#define STRONG    "0123456789abcdef0123456789abcdef"
#define GRANT     "grant_type=client_credentials"
#define FORM_SIZE 512

static char folder[64], path[128], template[64]; /* template: a database with its first keys */
static _Atomic int64_t offset_s;

static int64_t unix_clock(void *user)
{
    (void)user;
    return NOW + offset_s;
}

static int64_t ms_clock(void *user)
{
    (void)user;
    return 1000000 + offset_s * 1000;
}

static const aigw_host host = {.size = sizeof(aigw_host), .unix_s = unix_clock, .now_ms = ms_clock};

typedef struct fixture {
    aigw_issuer_store *store;
    aigw_issuer *issuer;
    char id[AIGW_CLIENT_ID_SIZE], secret[AIGW_CLIENT_SECRET_SIZE];
} fixture;

static aigw_issuer_store *open_store(void)
{
    aigw_issuer_store *store = NULL;
    assert_int_equal(aigw_issuer_store_open(aigw_slice_of(path), true, &host, &store, NULL),
                     AIGW_OK);
    return store;
}

static aigw_issuer *issuer_on(aigw_issuer_store *store, int days, int max_failures)
{
    static const aigw_slice scopes[] = {{"own", 3}};
    static const aigw_issuer_client clients[] = {
        {.id = {"strong", 6}, .secret = {STRONG, 32}, .scopes = scopes, .scope_count = 1},
        {.id = {"weak", 4}, .secret = {"hunter2", 7}, .scopes = scopes, .scope_count = 1}};
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = GW_S(ISSUER),
                                   .clients = clients,
                                   .client_count = 2,
                                   .store = store,
                                   .key_rotation_days = days,
                                   .max_failures = max_failures};
    aigw_issuer *issuer = NULL;
    assert_int_equal(aigw_issuer_new(&options, &host, &issuer, NULL), AIGW_OK);
    return issuer;
}

static void add_client(fixture *f, aigw_client_spec spec)
{
    spec.size = sizeof spec;
    assert_int_equal(aigw_issuer_store_add(f->store, &spec, f->id, f->secret, NULL), AIGW_OK);
}

static int setup(void **state)
{
    static fixture f;
    char command[256];
    strcpy(folder, "/tmp/aigw-issuer-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
    snprintf(command, sizeof command, "cp -p %s/db %s", template, path);
    assert_int_equal(system(command), 0);
    offset_s = 0;
    f.store = open_store();
    f.issuer = issuer_on(f.store, 0, 0);
    *state = &f;
    return 0;
}

/* Two RSA keys take their time: they are made once. */
static int make_template(void **state)
{
    (void)state;
    strcpy(template, "/tmp/aigw-template-XXXXXX");
    assert_non_null(mkdtemp(template));
    snprintf(path, sizeof path, "%s/db", template);
    aigw_issuer_store *store = open_store();
    aigw_issuer_free(issuer_on(store, 0, 0));
    aigw_issuer_store_free(store);
    return 0;
}

static int drop_template(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", template);
    return system(command);
}

static int teardown(void **state)
{
    char command[128];
    fixture *f = *state;
    aigw_issuer_free(f->issuer);
    aigw_issuer_store_free(f->store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- Asking ---- */

static aigw_issuer_answer ask_from(aigw_issuer *issuer, const char *peer, const char *id,
                                   const char *secret, const char *more)
{
    char form[FORM_SIZE];
    aigw_issuer_answer answer = {0};
    snprintf(form, sizeof form, GRANT "&client_id=%s&client_secret=%s%s", id, secret, more);
    assert_int_equal(aigw_issuer_token_from(issuer, GW_S(""), aigw_slice_of(form),
                                            aigw_slice_of(peer), &answer, NULL),
                     AIGW_OK);
    return answer;
}

static void expect_status(aigw_issuer *issuer, const char *peer, const char *id, const char *secret,
                          int status)
{
    aigw_issuer_answer answer = ask_from(issuer, peer, id, secret, "");
    if (answer.status != status)
        fail_msg("%s from %s: %d instead of %d", id, peer, answer.status, status);
    assert_true((answer.retry_after_s > 0) == (status == 429));
    aigw_bytes_free(answer.body);
}

/* The token of a 200, for free(). */
static char *token_of(aigw_issuer *issuer, const char *id, const char *secret)
{
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_issuer_answer answer = ask_from(issuer, "", id, secret, "");
    assert_int_equal(answer.status, 200);
    assert_int_equal(gw_json_parse(arena, answer.body, NULL, &doc, NULL), AIGW_OK);
    aigw_slice token = gw_json_text(arena, &doc, gw_json_get(&doc, 0, "access_token"));
    char *copy = strndup(token.data, token.len);
    aigw_bytes_free(answer.body);
    gw_arena_free(arena);
    return copy;
}

static int verify(aigw_issuer *issuer, const char *token, aigw_claims **claims)
{
    aigw_policy policy = {.size = sizeof policy, .issuer = GW_S(ISSUER), .leeway_s = 0};
    aigw_jwks *set = gw_issuer_key_set(issuer);
    int code = aigw_jwt_verify(set, aigw_slice_of(token), &policy, NOW + offset_s, claims, NULL);
    aigw_jwks_free(set);
    return code;
}

static size_t published(aigw_issuer *issuer)
{
    aigw_jwks *set = NULL;
    assert_int_equal(aigw_jwks_parse(aigw_issuer_jwks(issuer), &set, NULL), AIGW_OK);
    size_t count = aigw_jwks_count(set);
    aigw_jwks_free(set);
    return count;
}

/* ---- Clients ---- */

static void test_a_token_of_a_stored_client(void **state)
{
    fixture *f = *state;
    const aigw_slice scopes[] = {GW_S("invoke"), GW_S("admin"), GW_S("https://other.example/x")};
    add_client(f, (aigw_client_spec){.id = GW_S("team-a"),
                                     .team = GW_S("Z\xc3\xbcrich \"a\""),
                                     .tenant_tier = GW_S("gold"),
                                     .scopes = scopes,
                                     .scope_count = 3,
                                     .token_lifetime_s = 300});
    assert_string_equal(f->id, "team-a");
    assert_int_equal(strlen(f->secret), 43);
    aigw_claims *claims = NULL;
    char *token = token_of(f->issuer, "team-a", f->secret);
    assert_int_equal(verify(f->issuer, token, &claims), AIGW_OK);
    assert_true(gw_eq(aigw_claims_string(claims, "custom:tenant_tier"), GW_S("gold")));
    assert_true(gw_eq(aigw_claims_string(claims, "custom:team"), GW_S("Z\xc3\xbcrich \"a\"")));
    assert_true(gw_eq(aigw_claims_string(claims, "scope"),
                      GW_S(AIGW_SCOPE_INVOKE " " AIGW_SCOPE_ADMIN " https://other.example/x")));
    assert_int_equal(aigw_claims_expires_unix_s(claims), NOW + 300);
    aigw_claims_free(claims);
    free(token);
    free(token_of(f->issuer, "strong", STRONG)); /* the document's clients beside it */
    expect_status(f->issuer, "", "team-a", "x", 400);
    expect_status(f->issuer, "", "team-b", f->secret, 400);
}

static void test_defaults_of_a_client(void **state)
{
    fixture *f = *state;
    add_client(f, (aigw_client_spec){.id = GW_S("")});
    assert_int_equal(strlen(f->id), 26);
    aigw_claims *claims = NULL;
    char *token = token_of(f->issuer, f->id, f->secret);
    assert_int_equal(verify(f->issuer, token, &claims), AIGW_OK);
    assert_true(gw_eq(aigw_claims_string(claims, "scope"), GW_S(AIGW_SCOPE_INVOKE)));
    assert_int_equal(aigw_claims_expires_unix_s(claims), NOW + 3600);
    assert_null(gw_find(aigw_claims_json(claims), GW_S("custom:")));
    aigw_claims_free(claims);
    free(token);
}

static void expect_bad(fixture *f, aigw_client_spec spec, const char *reason)
{
    aigw_error err;
    spec.size = sizeof spec;
    assert_int_equal(aigw_issuer_store_add(f->store, &spec, f->id, f->secret, &err),
                     AIGW_E_INVALID);
    assert_string_equal(err.reason, reason);
}

static void test_bad_clients(void **state)
{
    fixture *f = *state;
    static const char *const ids[] = {"a b", "a/b", "..", ".", "\xc3\xbc", "a%20", "a?b"};
    static const char *const scopes[] = {
        "",    "a b", "invok", "Admin", "\"", AIGW_SCOPE_INVOKE "x", "https://gateway.internal/",
        "\xff"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        expect_bad(f, (aigw_client_spec){.id = aigw_slice_of(ids[i])}, "bad_client_id");
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        aigw_slice scope = aigw_slice_of(scopes[i]);
        expect_bad(f, (aigw_client_spec){.scopes = &scope, .scope_count = 1}, "bad_scope");
    }
    expect_bad(f, (aigw_client_spec){.team = GW_S("a\nb")}, "bad_team");
    expect_bad(f, (aigw_client_spec){.tenant_tier = GW_S("\xff")}, "bad_tenant_tier");
    expect_bad(f, (aigw_client_spec){.token_lifetime_s = 299}, "bad_token_lifetime");
    expect_bad(f, (aigw_client_spec){.token_lifetime_s = 86401}, "bad_token_lifetime");
    char id[AIGW_CLIENT_ID_SIZE + 1];
    memset(id, 'a', sizeof id);
    expect_bad(f, (aigw_client_spec){.id = gw_slice(id, AIGW_CLIENT_ID_SIZE)}, "bad_client_id");
    add_client(f, (aigw_client_spec){.id = gw_slice(id, AIGW_CLIENT_ID_SIZE - 1)});
}

static void test_two_live_secrets(void **state)
{
    fixture *f = *state;
    char second[AIGW_CLIENT_SECRET_SIZE], third[AIGW_CLIENT_SECRET_SIZE];
    aigw_error err;
    add_client(f, (aigw_client_spec){.id = GW_S("a")});
    assert_int_equal(aigw_issuer_store_rotate(f->store, GW_S("a"), 60, second, NULL), AIGW_OK);
    assert_string_not_equal(f->secret, second);
    expect_status(f->issuer, "", "a", f->secret, 200);
    expect_status(f->issuer, "", "a", second, 200);
    offset_s = 59;
    expect_status(f->issuer, "", "a", f->secret, 200);
    offset_s = 60; /* its grace has ended */
    expect_status(f->issuer, "", "a", f->secret, 400);
    expect_status(f->issuer, "", "a", second, 200);
    assert_int_equal(aigw_issuer_store_rotate(f->store, GW_S("a"), 0, third, NULL), AIGW_OK);
    expect_status(f->issuer, "", "a", second, 400);
    expect_status(f->issuer, "", "a", third, 200);
    assert_int_equal(aigw_issuer_store_rotate(f->store, GW_S("a"), -1, second, &err),
                     AIGW_E_INVALID);
    assert_int_equal(aigw_issuer_store_rotate(f->store, GW_S("a"), 2592001, second, &err),
                     AIGW_E_INVALID);
    assert_int_equal(aigw_issuer_store_rotate(f->store, GW_S("b"), 0, second, &err),
                     AIGW_E_INVALID);
    assert_string_equal(err.reason, "unknown_client");
}

static void test_disable_and_remove(void **state)
{
    fixture *f = *state;
    aigw_error err;
    aigw_slice token;
    add_client(f, (aigw_client_spec){.id = GW_S("a")});
    assert_int_equal(aigw_issuer_store_set_disabled(f->store, GW_S("a"), true, NULL), AIGW_OK);
    expect_status(f->issuer, "", "a", f->secret, 400);
    assert_int_equal(aigw_issuer_mint(f->issuer, GW_S("a"), GW_S(""), &token, &err), AIGW_E_DENIED);
    assert_string_equal(err.reason, "client_disabled");
    assert_int_equal(aigw_issuer_store_set_disabled(f->store, GW_S("a"), false, NULL), AIGW_OK);
    expect_status(f->issuer, "", "a", f->secret, 200);
    assert_int_equal(aigw_issuer_store_remove(f->store, GW_S("a"), NULL), AIGW_OK);
    expect_status(f->issuer, "", "a", f->secret, 400);
}

static void test_another_connection_sees_it_at_once(void **state)
{
    fixture *f = *state;
    aigw_issuer_store *store = open_store();
    aigw_issuer *other = issuer_on(store, 0, 0);
    char *before = token_of(f->issuer, "strong", STRONG);
    assert_int_equal(verify(other, before, NULL), AIGW_OK);
    add_client(f, (aigw_client_spec){.id = GW_S("a")});
    expect_status(other, "", "a", f->secret, 200);
    assert_int_equal(aigw_issuer_store_set_disabled(store, GW_S("a"), true, NULL), AIGW_OK);
    expect_status(f->issuer, "", "a", f->secret, 400);
    for (int i = 0; i < 3; i++) { /* more than it could have known ahead */
        assert_int_equal(aigw_issuer_store_rotate_keys(store, NULL), AIGW_OK);
        char *fresh = token_of(other, "strong", STRONG);
        assert_int_equal(verify(f->issuer, fresh, NULL), AIGW_OK);
        assert_int_equal(verify(f->issuer, before, NULL), AIGW_OK);
        free(fresh);
    }
    free(before);
    aigw_issuer_free(other);
    aigw_issuer_store_free(store);
}

/* ---- Keys ---- */

static void test_a_retired_key_goes_when_its_tokens_have(void **state)
{
    fixture *f = *state;
    const aigw_slice scopes[] = {GW_S("invoke")};
    add_client(
        f, (aigw_client_spec){
               .id = GW_S("long"), .scopes = scopes, .scope_count = 1, .token_lifetime_s = DAY_S});
    assert_int_equal(published(f->issuer), 2);
    aigw_slice first = aigw_issuer_jwks(f->issuer);
    char *text = strndup(first.data, first.len);
    char *token = token_of(f->issuer, "long", f->secret);
    assert_int_equal(aigw_issuer_store_rotate_keys(f->store, NULL), AIGW_OK);
    assert_int_equal(published(f->issuer), 3);
    assert_true(gw_eq(first, aigw_slice_of(text))); /* still readable */
    offset_s = DAY_S - 1;
    assert_int_equal(verify(f->issuer, token, NULL), AIGW_OK);
    offset_s = DAY_S + 299;
    assert_int_equal(published(f->issuer), 3);
    offset_s = DAY_S + 300;
    assert_int_equal(published(f->issuer), 2);
    aigw_error err;
    aigw_policy policy = {.size = sizeof policy, .leeway_s = 0};
    aigw_jwks *set = gw_issuer_key_set(f->issuer);
    assert_int_equal(aigw_jwt_verify(set, aigw_slice_of(token), &policy, NOW, NULL, &err),
                     AIGW_E_DENIED);
    assert_string_equal(err.reason, "unknown_key");
    aigw_jwks_free(set);
    free(token);
    free(text);
}

static void test_next_becomes_current(void **state)
{
    fixture *f = *state;
    gw_issuer_keys *before = gw_issuer_keys_now(f->issuer);
    assert_int_equal(aigw_issuer_store_rotate_keys(f->store, NULL), AIGW_OK);
    gw_issuer_keys *after = gw_issuer_keys_now(f->issuer);
    assert_string_not_equal(before->kid, after->kid);
    /* Who had fetched the old set knows the new key already. */
    assert_non_null(gw_find(before->jwks_json, aigw_slice_of(after->kid)));
    assert_non_null(gw_find(after->jwks_json, aigw_slice_of(before->kid)));
    gw_issuer_keys_free(before);
    gw_issuer_keys_free(after);
}

static void test_a_change_of_clients_keeps_the_set(void **state)
{
    fixture *f = *state;
    aigw_jwks *before = gw_issuer_key_set(f->issuer);
    add_client(f, (aigw_client_spec){.id = GW_S("a")});
    aigw_jwks *after = gw_issuer_key_set(f->issuer);
    assert_ptr_equal(before, after); /* so that verified tokens stay cached */
    aigw_jwks_free(before);
    aigw_jwks_free(after);
}

static void test_keys_outlive_a_restart_and_a_limit_holds(void **state)
{
    fixture *f = *state;
    aigw_error err;
    char *token = token_of(f->issuer, "strong", STRONG);
    aigw_issuer_free(f->issuer);
    aigw_issuer_store_free(f->store);
    f->store = open_store();
    f->issuer = issuer_on(f->store, 0, 0);
    assert_int_equal(verify(f->issuer, token, NULL), AIGW_OK);
    free(token);
    for (int i = 0; i < GW_MAX_RETIRED; i++)
        assert_int_equal(aigw_issuer_store_rotate_keys(f->store, NULL), AIGW_OK);
    assert_int_equal(aigw_issuer_store_rotate_keys(f->store, &err), AIGW_E_LIMIT);
    assert_int_equal(published(f->issuer), 2 + GW_MAX_RETIRED);
}

static void test_keys_rotate_when_they_are_old(void **state)
{
    fixture *f = *state;
    aigw_issuer *own = issuer_on(f->store, 30, 0);
    offset_s = 30 * DAY_S - 1;
    expect_status(own, "", "strong", STRONG, 200);
    assert_int_equal(published(own), 2);
    offset_s++;
    expect_status(own, "", "strong", STRONG, 200);
    expect_status(own, "", "strong", STRONG, 200);
    assert_int_equal(published(own), 3);
    expect_status(f->issuer, "", "strong", STRONG, 200); /* the other one does not rotate again */
    assert_int_equal(published(own), 3);
    aigw_issuer_free(own);
}

/* ---- Guesses ---- */

static void test_a_client_is_blocked(void **state)
{
    fixture *f = *state;
    add_client(f, (aigw_client_spec){.id = GW_S("a")});
    for (int i = 0; i < GW_GUARD_PER_CLIENT; i++)
        expect_status(f->issuer, "", "a", "x", 400);
    expect_status(f->issuer, "", "a", "x", 429);
    expect_status(f->issuer, "", "a", f->secret, 429); /* or a guess would be told from the rest */
    expect_status(f->issuer, "", "strong", STRONG, 200);
    aigw_issuer_answer answer = ask_from(f->issuer, "", "a", "x", "");
    assert_int_equal(answer.retry_after_s, 60);
    assert_null(answer.www_authenticate);
    aigw_bytes_free(answer.body);
    offset_s = 59;
    expect_status(f->issuer, "", "a", f->secret, 429);
    offset_s = 60;
    expect_status(f->issuer, "", "a", f->secret, 200);
    for (int i = 0; i < GW_GUARD_PER_CLIENT; i++) { /* slowly is no attack */
        offset_s += 61;
        expect_status(f->issuer, "", "a", "x", 400);
    }
    expect_status(f->issuer, "", "a", f->secret, 200);
}

static void test_an_address_is_blocked(void **state)
{
    fixture *f = *state;
    char id[32];
    for (int i = 0; i < GW_GUARD_PER_CLIENT * GW_GUARD_IP_FACTOR; i++) {
        snprintf(id, sizeof id, "guess%d", i);
        offset_s = i / 10; /* as many as the slow hashes allow */
        expect_status(f->issuer, i % 2 ? "2001:db8::1" : "2001:db8::2:3", id, "x", 400);
    }
    expect_status(f->issuer, "2001:db8::4", "strong", STRONG, 429);
    expect_status(f->issuer, "2001:db8:0:1::4", "strong", STRONG, 200);
    expect_status(f->issuer, "192.0.2.1", "strong", STRONG, 200);
    expect_status(f->issuer, "", "strong", STRONG, 200);
}

static void test_a_stranger_cannot_lock_a_team_out(void **state)
{
    fixture *f = *state;
    expect_status(f->issuer, "192.0.2.1", "strong", STRONG, 200);
    for (int i = 0; i < GW_GUARD_PER_CLIENT; i++)
        expect_status(f->issuer, "198.51.100.1", "strong", "x", 400);
    expect_status(f->issuer, "198.51.100.1", "strong", STRONG, 429);
    expect_status(f->issuer, "198.51.100.2", "strong", STRONG, 429);
    expect_status(f->issuer, "192.0.2.1", "strong", STRONG, 200);
    expect_status(f->issuer, "192.0.2.1", "strong", "x", 400); /* and it fails once: no friend */
    expect_status(f->issuer, "192.0.2.1", "strong", STRONG, 429);
}

static void test_a_flood_of_names_does_not_unblock(void **state)
{
    fixture *f = *state;
    char id[32];
    gw_guard *guard = gw_guard_new(3);
    (void)f;
    for (int i = 0; i < 3; i++)
        gw_guard_failed(guard, GW_S("a"), GW_S("192.0.2.1"), 5000);
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof id, "n%d", i);
        gw_guard_failed(guard, aigw_slice_of(id), GW_S(""), 6000);
    }
    assert_int_equal(gw_guard_wait_s(guard, GW_S("a"), GW_S(""), 6000), 59);
    gw_guard_free(guard);
}

static void test_short_secrets_go_the_slow_way(void **state)
{
    fixture *f = *state;
    const gw_issuer_client *weak = gw_issuer_find(f->issuer, GW_S("weak"));
    uint8_t hash[GW_SHA256_BYTES];
    gw_sha256(GW_S("hunter2"), hash);
    assert_true(weak->slow && !weak->has_seen);
    assert_memory_not_equal(weak->secrets[0].hash, hash, sizeof hash);
    assert_false(gw_issuer_find(f->issuer, GW_S("strong"))->slow);
    expect_status(f->issuer, "", "weak", "hunter3", 400);
    assert_false(weak->has_seen);
    expect_status(f->issuer, "", "weak", "hunter2", 200);
    assert_true(weak->has_seen);
    expect_status(f->issuer, "", "weak", "hunter3", 400);
    /* Nobody can keep the threads busy with hashing; who was right before goes on. */
    int later = 0;
    char id[32];
    for (int i = 0; i < 2 * GW_GUARD_SLOW_BURST; i++) {
        snprintf(id, sizeof id, "guess%d", i);
        aigw_issuer_answer answer = ask_from(f->issuer, "", id, "x", "");
        later += answer.status == 429;
        aigw_bytes_free(answer.body);
    }
    assert_int_equal(later, 2 * GW_GUARD_SLOW_BURST - (GW_GUARD_SLOW_BURST - 3));
    expect_status(f->issuer, "", "weak", "hunter2", 200);
    expect_status(f->issuer, "", "strong", STRONG, 200);
}

static void test_a_reload_keeps_failures_and_hashes(void **state)
{
    fixture *f = *state;
    static const aigw_issuer_client client = {.id = {"weak", 4}, .secret = {"hunter2", 7}};
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = GW_S(ISSUER),
                                   .clients = &client,
                                   .client_count = 1,
                                   .store = f->store};
    aigw_issuer *next = NULL;
    expect_status(f->issuer, "", "weak", "hunter2", 200);
    for (int i = 0; i < GW_GUARD_PER_CLIENT; i++)
        expect_status(f->issuer, "", "weak", "x", 400);
    assert_int_equal(gw_issuer_new(&options, &host, f->issuer, &next, NULL), AIGW_OK);
    assert_true(gw_issuer_find(next, GW_S("weak"))->has_seen);
    expect_status(next, "", "weak", "hunter2", 429);
    offset_s = 61;
    expect_status(next, "", "weak", "hunter2", 200);
    aigw_issuer_free(next);
}

/* ---- Threads ---- */

static atomic_bool stop;
static _Atomic long verified;

static void *verify_all_the_time(void *user)
{
    fixture *f = user;
    char *token = token_of(f->issuer, "strong", STRONG);
    while (!atomic_load(&stop)) {
        assert_int_equal(verify(f->issuer, token, NULL), AIGW_OK);
        char *fresh = token_of(f->issuer, "strong", STRONG);
        assert_int_equal(verify(f->issuer, fresh, NULL), AIGW_OK);
        free(fresh);
        atomic_fetch_add(&verified, 1);
    }
    free(token);
    return NULL;
}

static void test_rotation_under_load(void **state)
{
    fixture *f = *state;
    pthread_t threads[8];
    atomic_store(&stop, false);
    atomic_store(&verified, 0);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_all_the_time, f), 0);
    for (int i = 0; i < 4; i++) {
        long before = atomic_load(&verified);
        while (atomic_load(&verified) < before + 8)
            usleep(1000);
        assert_int_equal(aigw_issuer_store_rotate_keys(f->store, NULL), AIGW_OK);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(published(f->issuer), 2 + 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_of_a_stored_client),
        TEST(test_defaults_of_a_client),
        TEST(test_bad_clients),
        TEST(test_two_live_secrets),
        TEST(test_disable_and_remove),
        TEST(test_another_connection_sees_it_at_once),
        TEST(test_a_retired_key_goes_when_its_tokens_have),
        TEST(test_next_becomes_current),
        TEST(test_a_change_of_clients_keeps_the_set),
        TEST(test_keys_outlive_a_restart_and_a_limit_holds),
        TEST(test_keys_rotate_when_they_are_old),
        TEST(test_a_client_is_blocked),
        TEST(test_an_address_is_blocked),
        TEST(test_a_stranger_cannot_lock_a_team_out),
        TEST(test_a_flood_of_names_does_not_unblock),
        TEST(test_short_secrets_go_the_slow_way),
        TEST(test_a_reload_keeps_failures_and_hashes),
        TEST(test_rotation_under_load),
    };
    return cmocka_run_group_tests(tests, make_template, drop_template);
}
