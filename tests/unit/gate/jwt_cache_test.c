/* The cache of verified tokens: facts in and out, generations, bounds, eviction, eight threads. */
#include "gate/jwt_cache.h"
#include "unit/gate/mint.h"
#include <pthread.h>

static gw_jwt_facts facts_of(const char *subject)
{
    return (gw_jwt_facts){.key_id = "k",
                          .claims = GW_S("{}"),
                          .issuer = GW_S("https://i"),
                          .subject = aigw_slice_of(subject),
                          .team = GW_S("blue"),
                          .scope = GW_S("a b"),
                          .audience = GW_S(""),
                          .has_expiry = true,
                          .expires_unix_s = 5,
                          .not_before_unix_s = -1,
                          .issued_unix_s = 7};
}

static void test_facts_come_back(void **state)
{
    (void)state;
    char room[1024];
    gw_jwt_facts out, in = facts_of("alice");
    gw_jwt_cache *cache = gw_jwt_cache_new(100);
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 1, room, sizeof room, &out));
    gw_jwt_cache_put(cache, GW_S("token"), 1, &in);
    assert_true(gw_jwt_cache_get(cache, GW_S("token"), 1, room, sizeof room, &out));
    assert_string_equal(out.key_id, "k");
    assert_true(gw_eq(out.issuer, in.issuer) && gw_eq(out.subject, in.subject) &&
                gw_eq(out.team, in.team) && gw_eq(out.scope, in.scope) && out.audience.len == 0);
    assert_int_equal(out.claims.len, 0);
    assert_true(out.has_expiry && out.expires_unix_s == 5 && out.not_before_unix_s == -1 &&
                out.issued_unix_s == 7);
    assert_true(out.subject.data >= room && out.subject.data < room + sizeof room);
    assert_false(gw_jwt_cache_get(cache, GW_S("token "), 1, room, sizeof room, &out));
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 1, room, 4, &out));
    gw_jwt_cache_clear(cache);
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 1, room, sizeof room, &out));
    gw_jwt_cache_free(cache);
    gw_jwt_cache_free(NULL);
}

static void test_only_the_current_generation_hits(void **state)
{
    (void)state;
    char room[1024];
    size_t which = 9;
    gw_jwt_facts out, in = facts_of("alice"), newer = facts_of("bob");
    gw_jwt_cache *cache = gw_jwt_cache_new(100);
    gw_jwt_cache_put(cache, GW_S("token"), 7, &in);
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 8, room, sizeof room, &out));
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 0, room, sizeof room, &out));
    uint64_t generations[] = {0, 3, 7};
    assert_true(gw_jwt_cache_get_any(cache, GW_S("token"), generations, 3, room, sizeof room, &out,
                                     &which));
    assert_int_equal(which, 2);
    assert_false(gw_jwt_cache_get_any(cache, GW_S("token"), generations, 2, room, sizeof room, &out,
                                      &which));
    gw_jwt_cache_put(cache, GW_S("token"), 8, &newer);
    assert_false(gw_jwt_cache_get(cache, GW_S("token"), 7, room, sizeof room, &out));
    assert_true(gw_jwt_cache_get(cache, GW_S("token"), 8, room, sizeof room, &out));
    assert_true(gw_eq(out.subject, GW_S("bob")));
    /* A set that has no number keeps nothing. */
    gw_jwt_cache_put(cache, GW_S("zero"), 0, &in);
    assert_false(gw_jwt_cache_get(cache, GW_S("zero"), 0, room, sizeof room, &out));
    gw_jwt_cache_free(cache);
}

static void test_large_facts_are_not_kept(void **state)
{
    (void)state;
    char room[2048], subject[700];
    gw_jwt_facts out;
    gw_jwt_cache *cache = gw_jwt_cache_new(100);
    size_t others = strlen("k") + 1 + strlen("https://i") + strlen("blue") + strlen("a b");
    for (size_t over = 0; over < 2; over++) {
        size_t len = 512 - others + over;
        memset(subject, 's', len);
        subject[len] = '\0';
        gw_jwt_facts in = facts_of(subject);
        aigw_slice token = over ? GW_S("over") : GW_S("fits");
        gw_jwt_cache_put(cache, token, 1, &in);
        assert_int_equal(gw_jwt_cache_get(cache, token, 1, room, sizeof room, &out), !over);
    }
    gw_jwt_cache_free(cache);
}

static void test_bounded_and_the_busy_stay(void **state)
{
    (void)state;
    char room[1024], name[32];
    gw_jwt_facts out, in = facts_of("alice");
    for (size_t capacity = 1; capacity <= 1000; capacity = capacity * 3 + 1) {
        gw_jwt_cache *cache = gw_jwt_cache_new(capacity);
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "token %d", i);
            gw_jwt_cache_put(cache, aigw_slice_of(name), 1, &in);
            assert_true(gw_jwt_cache_get(cache, aigw_slice_of(name), 1, room, sizeof room, &out));
        }
        size_t kept = 0;
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "token %d", i);
            kept += gw_jwt_cache_get(cache, aigw_slice_of(name), 1, room, sizeof room, &out);
        }
        assert_true(kept <= capacity && kept * 2 >= capacity);
        gw_jwt_cache_free(cache);
    }
    assert_null(gw_jwt_cache_new(0));
}

/* One shard of four: the hand passes over what was used since it came by. */
static void test_clock(void **state)
{
    (void)state;
    char room[1024];
    gw_jwt_facts out, in = facts_of("alice");
    static const aigw_slice names[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}};
    gw_jwt_cache *cache = gw_jwt_cache_new(4);
    for (size_t i = 0; i < 5; i++)
        gw_jwt_cache_put(cache, names[i], 1, &in); /* e: all were used, a full round, out goes a */
    assert_false(gw_jwt_cache_get(cache, names[0], 1, room, sizeof room, &out));
    assert_true(gw_jwt_cache_get(cache, names[1], 1, room, sizeof room, &out));
    gw_jwt_cache_put(cache, names[5], 1, &in); /* b was used since: c goes */
    assert_true(gw_jwt_cache_get(cache, names[1], 1, room, sizeof room, &out));
    assert_false(gw_jwt_cache_get(cache, names[2], 1, room, sizeof room, &out));
    assert_true(gw_jwt_cache_get(cache, names[3], 1, room, sizeof room, &out));
    assert_true(gw_jwt_cache_get(cache, names[4], 1, room, sizeof room, &out));
    gw_jwt_cache_free(cache);
}

static gw_jwt_cache *shared;

static void *work(void *argument)
{
    unsigned seed = *(unsigned *)argument;
    char room[1024], name[32];
    size_t wrong = 0;
    for (int i = 0; i < 20000; i++) {
        gw_jwt_facts out;
        seed = seed * 1103515245u + 12345u;
        snprintf(name, sizeof name, "token %u", seed >> 16 & 255);
        gw_jwt_facts in = facts_of(name);
        if (gw_jwt_cache_get(shared, in.subject, 1, room, sizeof room, &out))
            wrong += !gw_eq(out.subject, in.subject) || out.expires_unix_s != 5;
        else
            gw_jwt_cache_put(shared, in.subject, 1, &in);
        if (i % 5000 == 4999)
            gw_jwt_cache_clear(shared);
    }
    return wrong ? argument : NULL;
}

static void test_eight_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    unsigned seeds[8];
    shared = gw_jwt_cache_new(100);
    for (unsigned i = 0; i < 8; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    gw_jwt_cache_free(shared);
}

static void test_a_hit_allocates_nothing(void **state)
{
    (void)state;
    mint_failing failing;
    char room[1024];
    gw_jwt_facts out, in = facts_of("alice");
    gw_jwt_cache *cache = gw_jwt_cache_new(100);
    mint_fail_at(&failing, 1);
    gw_jwt_cache_put(cache, GW_S("token"), 1, &in);
    assert_true(gw_jwt_cache_get(cache, GW_S("token"), 1, room, sizeof room, &out));
    aigw_set_allocator(NULL);
    assert_int_equal(failing.countdown, 1);
    gw_jwt_cache_free(cache);
    cache = NULL;
    for (long n = 1; !cache; n++) {
        assert_true(n < 100);
        mint_fail_at(&failing, n);
        cache = gw_jwt_cache_new(100);
        aigw_set_allocator(NULL);
    }
    gw_jwt_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_come_back),
        cmocka_unit_test(test_only_the_current_generation_hits),
        cmocka_unit_test(test_large_facts_are_not_kept),
        cmocka_unit_test(test_bounded_and_the_busy_stay),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_eight_threads),
        cmocka_unit_test(test_a_hit_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
