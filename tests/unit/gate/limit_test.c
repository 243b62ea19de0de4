/*
 * The limiter as a program sees it: rules and asks refused, all or nothing, settling, threads, a
 * full table.
 *
 * Knows the public header, and the allocator to count bytes.
 */
#include <aigw/limit.h>

#include "gate/limit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#ifdef SLOW
#define TAKES 400000
#else
#define TAKES 10000000
#endif
#define THREADS 8

static aigw_limiter *limiter_with(const aigw_limit_rule *rules, size_t count, size_t max_keys)
{
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = rules,
                                    .rule_count = count,
                                    .rule_size = sizeof *rules,
                                    .max_keys = max_keys};
    aigw_limiter *limiter = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_limiter_new(&options, &limiter, &err), AIGW_OK);
    return limiter;
}

static aigw_limit_ask ask_of(size_t rule, const char *key, int64_t n)
{
    return (aigw_limit_ask){.rule = rule, .key = aigw_slice_of(key), .n = n};
}

/* One ask. */
static bool take(aigw_limiter *l, size_t rule, const char *key, int64_t n, int64_t now)
{
    aigw_limit_ask ask = ask_of(rule, key, n);
    assert_int_equal(aigw_limiter_take(l, &ask, 1, now, NULL), AIGW_OK);
    return ask.allowed;
}

static const aigw_limit_rule three[] = {
    {.name = "requests", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 3, .window_ms = 1000},
    {.name = "tokens",
     .kind = AIGW_LIMIT_TOKEN_BUCKET,
     .limit = 100,
     .window_ms = 1000,
     .rate = 50},
    {.name = "open", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 2},
};

static void rules_are_checked(void **state)
{
    (void)state;
    static const struct {
        aigw_limit_rule rule;
        const char *pointer;
    } bad[] = {
        {{.name = NULL, .kind = AIGW_LIMIT_CONCURRENCY, .limit = 1}, "/rules/1/name"},
        {{.name = "a b", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 1}, "/rules/1/name"},
        {{.name = "requests", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 1}, "/rules/1/name"},
        {{.name = "x", .limit = 1}, "/rules/1/kind"},
        {{.name = "x", .kind = 9, .limit = 1}, "/rules/1/kind"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 0}, "/rules/1/limit"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = -5}, "/rules/1/limit"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = INT64_C(1) << 31},
         "/rules/1/limit"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 1, .window_ms = -1},
         "/rules/1/window_ms"},
        {{.name = "x", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 1}, "/rules/1/window_ms"},
        {{.name = "x", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 1, .window_ms = 1, .rate = 1},
         "/rules/1/rate"},
        {{.name = "x", .kind = AIGW_LIMIT_TOKEN_BUCKET, .limit = 1, .window_ms = 1},
         "/rules/1/rate"},
        {{.name = "x",
          .kind = AIGW_LIMIT_TOKEN_BUCKET,
          .limit = 4194305,
          .window_ms = 2147483647,
          .rate = 1},
         "/rules/1/limit"},
        {{.name = "x", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 9, .window_ms = 9, .lease = 10},
         "/rules/1/lease"},
        {{.name = "x", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 9, .window_ms = 9, .lease = 1},
         "/rules/1/lease_ms"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 9, .lease = 1, .lease_ms = 1},
         "/rules/1/lease"},
        {{.name = "x", .kind = AIGW_LIMIT_CONCURRENCY, .limit = 9, .on_fail = 7},
         "/rules/1/on_fail"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        aigw_limit_rule rules[2] = {three[0], bad[i].rule};
        aigw_limiter_options options = {
            .size = sizeof options, .rules = rules, .rule_count = 2, .rule_size = sizeof *rules};
        aigw_limiter *limiter = NULL;
        aigw_error err = {0};
        assert_int_equal(aigw_limiter_new(&options, &limiter, &err), AIGW_E_CONFIG);
        assert_string_equal(err.pointer, bad[i].pointer);
        assert_null(limiter);
    }
}

static void asks_are_checked(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 3, 100);
    aigw_limit_ask twice[2] = {ask_of(0, "k", 1), ask_of(0, "k", 1)};
    aigw_limit_ask bad = ask_of(3, "k", 1);

    assert_int_equal(aigw_limiter_take(l, twice, 2, 0, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_limiter_take(l, twice, 0, 0, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_limiter_take(l, &bad, 1, 0, NULL), AIGW_E_INVALID);
    bad = ask_of(0, "k", 0);
    assert_int_equal(aigw_limiter_take(l, &bad, 1, 0, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_limiter_peek(l, &bad, 1, 0, NULL), AIGW_OK);
    bad.n = -1;
    assert_int_equal(aigw_limiter_peek(l, &bad, 1, 0, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_limiter_find(l, "open"), 2);
    assert_true(aigw_limiter_find(l, "opens") == SIZE_MAX);
    aigw_limiter_free(l);
    aigw_limiter_free(NULL);
}

static void all_or_nothing(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 3, 100);
    aigw_limit_ask asks[3] = {ask_of(0, "team", 1), ask_of(1, "team", 60), ask_of(2, "team", 1)};

    assert_int_equal(aigw_limiter_take(l, asks, 3, 10, NULL), AIGW_OK);
    assert_true(asks[0].allowed && asks[1].allowed && asks[2].allowed);
    assert_int_equal(asks[0].remaining, 2);
    assert_int_equal(asks[0].reset_ms, 1000);
    assert_int_equal(asks[1].remaining, 40);
    assert_int_equal(asks[1].reset_ms, 1200);
    assert_int_equal(asks[2].remaining, 1);

    aigw_limit_ask more[3] = {ask_of(0, "team", 1), ask_of(1, "team", 60), ask_of(2, "team", 1)};
    assert_int_equal(aigw_limiter_take(l, more, 3, 10, NULL), AIGW_OK);
    assert_true(more[0].allowed && !more[1].allowed && more[2].allowed);
    assert_int_equal(more[1].retry_after_ms, 400); /* 20 missing at 50 a second */
    assert_int_equal(more[0].remaining, 2);        /* nothing was taken */
    assert_int_equal(more[2].remaining, 1);
    assert_int_equal(more[0].hold.where, 0);

    assert_int_equal(aigw_limiter_take(l, more, 3, 409, NULL), AIGW_OK);
    assert_false(more[1].allowed);
    assert_int_equal(aigw_limiter_take(l, more, 3, 410, NULL), AIGW_OK);
    assert_true(more[0].allowed && more[1].allowed && more[2].allowed);
    assert_false(take(l, 2, "team", 1, 410));
    aigw_limiter_give_back(l, &asks[2].hold, 411);
    aigw_limiter_give_back(l, &asks[2].hold, 411); /* spent: does nothing */
    assert_true(take(l, 2, "team", 1, 412));
    assert_false(take(l, 2, "team", 1, 412));
    aigw_limiter_free(l);
}

static void settling_less_and_more(void **state)
{
    (void)state;
    static const aigw_limit_rule day = {.name = "tokens-day",
                                        .kind = AIGW_LIMIT_SLIDING_WINDOW,
                                        .limit = 1000,
                                        .window_ms = 86400000};
    aigw_limiter *l = limiter_with(&day, 1, 10);
    aigw_limit_ask a = ask_of(0, "k", 800), b = ask_of(0, "k", 200), look = ask_of(0, "k", 0);

    aigw_limiter_take(l, &a, 1, 0, NULL);
    assert_false(take(l, 0, "k", 201, 1));
    aigw_limiter_settle(l, &a.hold, 300, 5);
    aigw_limiter_take(l, &b, 1, 6, NULL);
    assert_int_equal(b.remaining, 500);
    aigw_limiter_settle(l, &b.hold, 900, 10); /* 700 more than reserved: 1,200 of 1,000 */
    aigw_limiter_peek(l, &look, 1, 10, NULL);
    assert_false(look.allowed);
    assert_int_equal(look.remaining, 0);
    assert_int_equal(look.retry_after_ms, 86400000 - 10);
    look.n = 1;
    aigw_limiter_peek(l, &look, 1, 10, NULL);
    assert_int_equal(look.retry_after_ms, 86400000 - 10);
    look.n = 101;
    aigw_limiter_peek(l, &look, 1, 10, NULL);
    assert_int_equal(look.retry_after_ms, 86400006 - 10);
    assert_int_equal(look.reset_ms, 86400000); /* the excess counts from 10 on */
    aigw_limiter_free(l);
}

static void time_does_not_go_back(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 1, 10);
    for (int i = 0; i < 3; i++)
        assert_true(take(l, 0, "k", 1, 1000));
    assert_false(take(l, 0, "k", 1, 5)); /* counts as 1000 */
    assert_true(take(l, 0, "k", 1, 2000));
    assert_true(take(l, 0, "k", 2, 1001)); /* what was at 1000 is gone: counts as 2000 */
    assert_false(take(l, 0, "k", 1, 2999));
    assert_true(take(l, 0, "k", 3, 3000));
    aigw_limiter_free(l);
}

static void keys_are_bytes_and_rules_are_apart(void **state)
{
    (void)state;
    static const aigw_limit_rule two[] = {
        {.name = "a", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 1, .window_ms = 1000},
        {.name = "b", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 1, .window_ms = 1000}};
    aigw_limiter *l = limiter_with(two, 2, 4000);
    char key[40] = {0};

    for (size_t len = 0; len <= sizeof key;
         len++) { /* zero bytes: each length is a key of its own */
        for (size_t rule = 0; rule < 2; rule++) {
            aigw_limit_ask ask = {.rule = rule, .key = {key, len}, .n = 1};
            aigw_limiter_take(l, &ask, 1, 7, NULL);
            assert_true(ask.allowed);
            aigw_limiter_take(l, &ask, 1, 7, NULL);
            assert_false(ask.allowed);
        }
    }
    aigw_limiter_free(l);
}

/* ---- a full table ---- */

static void name_of(char out[16], int i)
{
    snprintf(out, 16, "key-%d", i);
}

static void full_table_forgets_in_order(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 1, 4);
    aigw_limiter_stats stats;

    for (int i = 0; i < 4;
         i++) { /* key-0 and key-1 at their limit, 2 and 3 below, 2 the older one */
        char name[16];
        name_of(name, i);
        assert_true(take(l, 0, name, i < 2 ? 3 : 2, 100 + i));
    }
    assert_true(take(l, 0, "new", 3, 200)); /* in the place of key-2 */
    assert_false(take(l, 0, "key-0", 1, 200));
    assert_false(take(l, 0, "key-1", 1, 200));
    assert_false(take(l, 0, "key-3", 2, 200));
    aigw_limiter_get_stats(l, &stats);
    assert_int_equal(stats.forgot_counting, 1);
    assert_true(take(l, 0, "key-3", 1, 200)); /* now all four are at their limit */
    assert_false(take(l, 0, "newer", 1, 201));
    aigw_limit_ask ask = ask_of(0, "newer", 1);
    aigw_limiter_take(l, &ask, 1, 201, NULL);
    assert_int_equal(ask.by, AIGW_LIMIT_BY_POLICY);
    assert_false(take(l, 0, "newer", 1, 1099));
    assert_true(take(l, 0, "newer", 1, 1100)); /* key-0 counts nothing any more */
    aigw_limiter_get_stats(l, &stats);
    assert_int_equal(stats.forgot_idle, 1);
    assert_int_equal(stats.full, 3);
    assert_int_equal(stats.keys, 4);
    aigw_limiter_free(l);
}

static void full_table_policies(void **state)
{
    (void)state;
    for (int open = 0; open < 2; open++) {
        aigw_limiter_options options = {.size = sizeof options,
                                        .rules = three,
                                        .rule_count = 3,
                                        .rule_size = sizeof *three,
                                        .max_keys = 2,
                                        .keep_counting = true,
                                        .on_full =
                                            open ? AIGW_LIMIT_FAIL_OPEN : AIGW_LIMIT_FAIL_CLOSED};
        aigw_limiter *l = NULL;
        assert_int_equal(aigw_limiter_new(&options, &l, NULL), AIGW_OK);
        aigw_limit_ask a = ask_of(2, "a", 1);
        aigw_limiter_take(l, &a, 1, 0, NULL);
        assert_true(take(l, 0, "b", 1, 0));
        assert_int_equal(take(l, 0, "c", 1, 0), open);
        aigw_limiter_give_back(l, &a.hold, 1); /* its place is free at once */
        assert_true(take(l, 0, "c", 3, 1));
        assert_false(take(l, 0, "c", 1, 1));
        assert_int_equal(take(l, 2, "a", 1, 1), open);
        aigw_limiter_free(l);
    }
}

/* A hold of a key that was forgotten and began anew takes nothing from the new count. */
static void hold_of_a_forgotten_key(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 1, 1);
    aigw_limit_ask a = ask_of(0, "a", 2);
    aigw_limiter_take(l, &a, 1, 10, NULL);
    assert_true(take(l, 0, "b", 1, 10));
    assert_true(take(l, 0, "a", 3, 10)) /* b gave way */;
    aigw_limiter_give_back(l, &a.hold, 10);
    assert_false(take(l, 0, "a", 1, 10));
    aigw_limiter_free(l);
}

/* ---- threads ---- */

typedef struct runner {
    aigw_limiter *limiter;
    _Atomic int64_t *clock;
    int64_t *allowed_at; /* per key and tick, of this thread */
    int keys, ticks, takes, seed;
    bool give_back;
} runner;

#define TICKS 200

static void *run(void *user)
{
    runner *r = user;
    uint64_t x = (uint64_t)r->seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < r->takes; i++) {
        char name[16];
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int key = (int)(x % (uint64_t)r->keys);
        name_of(name, key);
        aigw_limit_ask ask = ask_of(0, name, 1);
        if (i % (r->takes / (r->ticks - 10)) == 0 && r->seed == 0)
            atomic_fetch_add(r->clock, 1);
        aigw_limiter_take(r->limiter, &ask, 1, atomic_load(r->clock), NULL);
        if (!ask.allowed)
            continue;
        if (r->give_back && x % 4 == 0)
            aigw_limiter_give_back(r->limiter, &ask.hold, atomic_load(r->clock));
        else
            r->allowed_at[key * r->ticks + ask.hold.at_ms]++;
    }
    return NULL;
}

/* 8 threads, 10 million takes over few keys while time passes: in no window more than the limit,
 * and with nothing given back in each full window of a busy key exactly the limit. */
static void threads_with(int keys, int64_t limit, int64_t window, bool give_back)
{
    aigw_limit_rule rule = {
        .name = "r", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = limit, .window_ms = window};
    aigw_limiter *l = limiter_with(&rule, 1, 1000);
    static _Atomic int64_t clock;
    pthread_t threads[THREADS];
    runner runners[THREADS];

    atomic_store(&clock, 0);
    for (int i = 0; i < THREADS; i++) {
        runners[i] = (runner){.limiter = l,
                              .clock = &clock,
                              .allowed_at = calloc((size_t)keys * TICKS, sizeof(int64_t)),
                              .keys = keys,
                              .ticks = TICKS,
                              .takes = TAKES / THREADS / 2,
                              .seed = i,
                              .give_back = give_back};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t most = 0;
    for (int key = 0; key < keys; key++) {
        for (int64_t end = 0; end < TICKS; end++) {
            int64_t sum = 0;
            for (int64_t t = end - window + 1 < 0 ? 0 : end - window + 1; t <= end; t++) {
                for (int i = 0; i < THREADS; i++)
                    sum += runners[i].allowed_at[key * TICKS + t];
            }
            assert_true(sum <= limit);
            most = sum > most ? sum : most;
        }
    }
    assert_true(give_back ? most > 0 : most == limit);
    for (int i = 0; i < THREADS; i++)
        free(runners[i].allowed_at);
    aigw_limiter_free(l);
}

static void threads_never_pass_the_limit(void **state)
{
    (void)state;
    threads_with(3, 1000, 20, false);
    threads_with(40, 333, 7, true);
}

/* ---- memory ---- */

static atomic_size_t bytes_now, bytes_most;

static void *counting_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    size_t *block = ptr ? (size_t *)ptr - 2 : NULL;
    size_t old = block ? block[0] : 0;
    size_t *fresh = realloc(block, bytes + 2 * sizeof *fresh);
    if (!fresh)
        return NULL;
    fresh[0] = bytes;
    size_t now = atomic_fetch_add(&bytes_now, bytes - old) + bytes - old;
    if (now > atomic_load(&bytes_most))
        atomic_store(&bytes_most, now);
    return fresh + 2;
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    if (!ptr)
        return;
    size_t *block = (size_t *)ptr - 2;
    atomic_fetch_sub(&bytes_now, block[0]);
    free(block);
}

/* All of a million keys are remembered, within 80 bytes each and what was allowed for events. */
static void a_million_keys(void **state)
{
    (void)state;
    enum { KEYS = 1000000, EVENT_BYTES = 1 << 20 };
    aigw_limit_rule rule = {
        .name = "ip", .kind = AIGW_LIMIT_SLIDING_WINDOW, .limit = 2000, .window_ms = 300000};
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = &rule,
                                    .rule_count = 1,
                                    .rule_size = sizeof rule,
                                    .max_keys = KEYS,
                                    .max_event_bytes = EVENT_BYTES};
    aigw_limiter *l = NULL;
    aigw_limiter_stats stats;

    assert_int_equal(aigw_limiter_new(&options, &l, NULL), AIGW_OK);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < KEYS; i++) {
            char name[16];
            name_of(name, i);
            aigw_limit_ask ask = ask_of(0, name, 1);
            aigw_limiter_take(l, &ask, 1, 1000 * round + i / 1000, NULL);
            assert_true(ask.allowed);
            assert_int_equal(ask.remaining, 2000 - 1 - round);
        }
    }
    aigw_limiter_get_stats(l, &stats);
    assert_int_equal(stats.keys, KEYS);
    assert_int_equal(stats.forgot_idle + stats.forgot_counting, 0);
    assert_true(stats.event_bytes <= EVENT_BYTES);
    assert_true(atomic_load(&bytes_most) <= (size_t)KEYS * 80 + EVENT_BYTES);
    printf("%zu bytes for %d keys\n", atomic_load(&bytes_most), KEYS);
    /* and a flood of others stays within it */
    for (int i = 0; i < 300000; i++) {
        char name[16];
        name_of(name, KEYS + i);
        assert_true(take(l, 0, name, 1, 4000));
    }
    assert_true(atomic_load(&bytes_most) <= (size_t)KEYS * 80 + EVENT_BYTES);
    aigw_limiter_free(l);
    assert_int_equal(atomic_load(&bytes_now), 0);
}

/* Each allocation that fails is an outcome. */
static int fail_after;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    return fail_after-- == 0 ? NULL : counting_realloc(user, ptr, bytes);
}

static void without_memory(void **state)
{
    (void)state;
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = three,
                                    .rule_count = 3,
                                    .rule_size = sizeof *three,
                                    .max_keys = 1000};
    aigw_allocator failing = {failing_realloc, counting_free, NULL};
    aigw_allocator counting = {counting_realloc, counting_free, NULL};
    aigw_limiter *l = NULL;
    int tries = 0;

    aigw_set_allocator(&failing);
    for (fail_after = tries; aigw_limiter_new(&options, &l, NULL) != AIGW_OK;
         fail_after = ++tries) {
        assert_null(l);
        assert_int_equal(atomic_load(&bytes_now), 0);
    }
    assert_true(tries > 5);
    fail_after = 0; /* no ring: counted all the same */
    for (int i = 0; i < 3; i++)
        assert_true(take(l, 0, "k", 1, i));
    assert_false(take(l, 0, "k", 1, 5));
    aigw_set_allocator(&counting);
    aigw_limiter_free(l);
    assert_int_equal(atomic_load(&bytes_now), 0);
}

static void the_seam(void **state)
{
    (void)state;
    aigw_limiter *l = limiter_with(three, 3, 100);
    const gw_limit_store *store = &gw_limit_memory;
    gw_limit_wait wait = {0};
    aigw_limit_ask ask = ask_of(2, "k", 2);

    assert_int_equal(store->take(l, &ask, 1, 0, &wait), AIGW_OK);
    assert_true(ask.allowed);
    aigw_limit_ask look = ask_of(2, "k", 1);
    assert_int_equal(store->peek(l, &look, 1, 0, &wait), AIGW_OK);
    assert_false(look.allowed);
    store->settle(l, &ask.hold, 0, 1);
    assert_int_equal(store->peek(l, &look, 1, 0, &wait), AIGW_OK);
    assert_true(look.allowed);
    store->cancel(l, &wait);
    aigw_limiter_free(l);
}

/* Against the crypto library's: of eight bytes that are the rule, and the key. */
static void hash_is_siphash(void **state)
{
    (void)state;
    uint64_t secret[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    size_t size = 16;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_end()};
    unsigned char message[8 + 70] = {0x44, 0x33, 0x22, 0x11}, want[16];

    for (size_t len = 0; len <= 70; len++) {
        uint64_t out[2];
        assert_int_equal(EVP_MAC_init(ctx, (unsigned char *)secret, 16, params), 1);
        assert_int_equal(EVP_MAC_update(ctx, message, 8 + len), 1);
        assert_int_equal(EVP_MAC_final(ctx, want, &size, sizeof want), 1);
        gw_limit_hash(secret, 0x11223344u, (aigw_slice){(char *)message + 8, len}, out);
        assert_memory_equal(out, want, 16);
        if (len < 70)
            message[8 + len] = (unsigned char)(200 + len * 7);
    }
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

int main(void)
{
    aigw_allocator counting = {counting_realloc, counting_free, NULL};
    aigw_set_allocator(&counting);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_checked),
        cmocka_unit_test(asks_are_checked),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(settling_less_and_more),
        cmocka_unit_test(time_does_not_go_back),
        cmocka_unit_test(keys_are_bytes_and_rules_are_apart),
        cmocka_unit_test(full_table_forgets_in_order),
        cmocka_unit_test(full_table_policies),
        cmocka_unit_test(hold_of_a_forgotten_key),
        cmocka_unit_test(the_seam),
        cmocka_unit_test(hash_is_siphash),
        cmocka_unit_test(threads_never_pass_the_limit),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(a_million_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
