/* Samples: uniform, bounded in number and bytes, gone after three hours, under a clock of the test's. */
#include "unit/base/fault_alloc.h"
#include "unit/ledger/waf_books.h"

#define T0 (1700000100 / GW_WAF_BUCKET_S * GW_WAF_BUCKET_S) /* the border of a bucket */

static gw_waf_picked picked;

static void pick(gw_waf_books *b, size_t metric, int64_t now, int64_t from, int64_t to, size_t max)
{
    gw_waf_picked_free(&picked);
    gw_waf_pick(b, metric, now, from, to, max, &picked);
}

/* A request that was allowed, at this time, whose method is its number. */
static void see(gw_waf_books *b, int64_t unix_s, int number)
{
    char method[16];
    int n = snprintf(method, sizeof method, "%d", number);
    const gw_waf_request request = {.method = gw_slice(method, (size_t)n)};
    gw_waf_event e = event_of(NULL, 0, false);
    e.request = &request;
    e.unix_s = unix_s;
    assert_true(gw_waf_sample(b, GROUPS, gw_waf_draw(b), &e, NULL));
}

/* The methods of what was picked, as numbers. */
static size_t numbers(int *out)
{
    gw_buf buf;
    gw_buf_init(&buf, (size_t)8 << 20);
    gw_waf_picked_write(&picked, &buf);
    assert_false(buf.failed);
    doc d = doc_of(gw_buf_slice(&buf));
    gw_json_ref list = doc_at(&d, "SampledRequests");
    size_t n = 0;
    for (gw_json_ref r = gw_json_first(&d.json, list); r != GW_JSON_ABSENT;
         r = gw_json_next(&d.json, r)) {
        gw_json_ref request = gw_json_get(&d.json, r, "Request");
        aigw_slice method = gw_json_inner(&d.json, gw_json_get(&d.json, request, "Method"));
        out[n++] = atoi(method.data);
    }
    doc_free(&d);
    gw_buf_free(&buf);
    return n;
}

/* Each of 1,000 requests must be as likely to be among the hundred: 400 rounds, so 40 of each expected, with a
 * deviation of 6; and the first, middle and last hundred alike. */
static void choice_is_uniform(void **state)
{
    (void)state;
    enum { N = 1000, ROUNDS = 400 };
    static int times[N];
    int got[GW_WAF_PICK_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        gw_waf_books *b = books_new();
        for (int i = 0; i < N; i++)
            see(b, T0, i);
        pick(b, GROUPS, T0, T0, T0, 500);
        assert_int_equal(picked.count, GW_WAF_BUCKET_ITEMS);
        assert_int_equal(picked.population, N);
        assert_int_equal(picked.weights[0], N / GW_WAF_BUCKET_ITEMS);
        size_t n = numbers(got);
        for (size_t i = 0; i < n; i++)
            times[got[i]]++;
        gw_waf_picked_free(&picked);
        gw_waf_books_free(b);
    }
    double chi = 0, expected = (double)ROUNDS * GW_WAF_BUCKET_ITEMS / N;
    for (int i = 0; i < N; i++)
        chi += (times[i] - expected) * (times[i] - expected) / expected;
    /* 999 degrees of freedom less the tenth that choosing without return takes: 900, deviation 42 */
    if (chi > 1150 || chi < 650)
        fail_msg("chi square %f", chi);
    for (int part = 0; part < 10; part++) {
        int sum = 0;
        for (int i = 0; i < 100; i++)
            sum += times[part * 100 + i];
        if (sum < 3600 || sum > 4400)
            fail_msg("the %d. tenth was chosen %d times of 4000", part + 1, sum);
    }
}

/* What cannot be chosen any more is never chosen: nothing need be kept of it. */
static void due_is_kept_as_a_promise(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    const gw_waf_event e = event_of(NULL, 0, false);
    gw_waf_event at = e;
    at.unix_s = T0;
    for (int i = 0; i < GW_WAF_BUCKET_ITEMS; i++) {
        assert_true(gw_waf_sample_due(b, GROUPS, T0, UINT64_MAX));
        assert_true(gw_waf_sample(b, GROUPS, UINT64_MAX, &at, NULL));
    }
    assert_false(gw_waf_sample_due(b, GROUPS, T0, UINT64_MAX));
    assert_true(gw_waf_sample_due(b, GROUPS, T0, 0)); /* the smallest draw always is */
    int refused = 0;
    for (int i = 0; i < 5000; i++) {
        uint64_t draw = gw_waf_draw(b);
        bool due = gw_waf_sample_due(b, GROUPS, T0, draw);
        gw_waf_sample(b, GROUPS, UINT64_MAX, &at, NULL); /* others come in between */
        if (!due)
            assert_false(gw_waf_sample_due(b, GROUPS, T0, draw));
        refused += !due;
    }
    assert_true(refused > 4000);
    pick(b, GROUPS, T0, T0, T0, 500);
    assert_int_equal(picked.population, 5100);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

static void buckets_expire(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    for (int i = 0; i < GW_WAF_BUCKETS; i++)
        see(b, T0 + i * (int64_t)GW_WAF_BUCKET_S, i);
    int64_t now = T0 + (int64_t)GW_WAF_BUCKETS * GW_WAF_BUCKET_S - 1; /* all of three hours */
    int got[GW_WAF_PICK_MAX];
    pick(b, GROUPS, now, 0, now, 500);
    assert_int_equal(picked.population, GW_WAF_BUCKETS);
    assert_int_equal(numbers(got), GW_WAF_BUCKETS);
    assert_int_equal(picked.from, T0);
    assert_int_equal(picked.to, now);
    pick(b, GROUPS, now + 1, 0, now + 1, 500); /* a second later the first is over */
    assert_int_equal(picked.count, GW_WAF_BUCKETS - 1);
    assert_int_equal(picked.from, T0 + GW_WAF_BUCKET_S);
    size_t before = gw_waf_sample_held(b);
    see(b, now + 1, 99); /* its slot is taken by the newest, whose memory is no more */
    pick(b, GROUPS, now + 1, 0, now + 1, 500);
    assert_int_equal(picked.count, GW_WAF_BUCKETS);
    assert_true(gw_waf_sample_held(b) <= before + 16);
    see(b, T0, 7); /* too late: nothing is there for it */
    pick(b, GROUPS, now + 1, 0, now + 1, 500);
    assert_int_equal(picked.count, GW_WAF_BUCKETS);
    see(b, now + 100000, 1); /* a long silence: all the rest is let go */
    assert_true(gw_waf_sample_held(b) < 2000);
    see(b, -5, 1); /* no time at all */
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

static void windows_are_whole_buckets(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 10; k++)
            see(b, T0 + i * (int64_t)GW_WAF_BUCKET_S + k, i);
    }
    int64_t now = T0 + 2 * (int64_t)GW_WAF_BUCKET_S + 50;
    pick(b, GROUPS, now, T0 + 299, T0 + 300, 500);
    assert_int_equal(picked.population, 20);
    assert_int_equal(picked.from, T0);
    assert_int_equal(picked.to, T0 + 600);
    pick(b, GROUPS, now, T0 + 300, INT64_MAX, 500);
    assert_int_equal(picked.population, 20);
    assert_int_equal(picked.to, now);
    pick(b, GROUPS, now, INT64_MAX, INT64_MAX, 500);
    assert_int_equal(picked.count, 0);
    pick(b, GROUPS, now, 0, T0 - 1, 500);
    assert_int_equal(picked.count, 0);
    pick(b, GROUPS, now, INT64_MIN, INT64_MIN, 500);
    assert_int_equal(picked.count, 0);
    pick(b, RATE, now, 0, now, 500); /* of another metric */
    assert_int_equal(picked.population, 0);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

/* Fewer are asked for than there are: weights say how many each stands for. */
static void a_few_of_many(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    for (int i = 0; i < 1000; i++)
        see(b, T0, i);
    for (int i = 0; i < 20; i++)
        see(b, T0 + GW_WAF_BUCKET_S, i);
    int64_t now = T0 + GW_WAF_BUCKET_S;
    int ones = 0;
    for (int i = 0; i < 200; i++) {
        pick(b, GROUPS, now, 0, now, 12);
        assert_int_equal(picked.count, 12);
        assert_int_equal(picked.population, 1020);
        uint64_t sum = 0;
        for (size_t k = 0; k < 12; k++)
            sum += picked.weights[k];
        assert_true(sum <= 1020 + 12);
        pick(b, GROUPS, now, 0, now, 1);
        ones += picked.weights[0] == 20;
    }
    if (ones < 5 || ones > 75) /* 20 of 120: 33 expected, deviation 5 */
        fail_msg("the small bucket was chosen %d times of 200", ones);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

/* Large requests everywhere: never over the cap, and the newest are there. */
static void bytes_are_capped(void **state)
{
    (void)state;
    static char big[300];
    aigw_header headers[32];
    memset(big, 'x', sizeof big);
    for (size_t i = 0; i < 32; i++)
        headers[i] = (aigw_header){GW_S("x-field"), gw_slice(big, sizeof big)};
    const gw_waf_request request = {.path = GW_S("/"), .headers = headers, .header_count = 32};
    gw_waf_fact fact = fact_of(COMMON, "A", "l:xss", true);
    gw_waf_books *b = books_new();
    size_t most = 0;
    for (int i = 0; i < GW_WAF_BUCKETS; i++) {
        for (size_t m = 0; m <= GROUPS; m++) {
            for (int k = 0; k < GW_WAF_BUCKET_ITEMS; k++) {
                gw_waf_event e = event_of(&fact, m < GROUPS, m < GROUPS);
                e.request = &request;
                e.unix_s = T0 + i * (int64_t)GW_WAF_BUCKET_S;
                fact.group = m < GROUPS ? m : 0;
                assert_true(gw_waf_sample(b, m, gw_waf_draw(b), &e, m < GROUPS ? &fact : NULL));
            }
            size_t held = gw_waf_sample_held(b);
            most = held > most ? held : most;
        }
    }
    assert_true(most <= GW_WAF_SAMPLE_BYTES);
    assert_true(most > GW_WAF_SAMPLE_BYTES / 2); /* the cap was at work */
    int64_t now = T0 + (GW_WAF_BUCKETS - 1) * (int64_t)GW_WAF_BUCKET_S;
    for (size_t m = 0; m <= GROUPS; m++) {
        pick(b, m, now, now, now, 500);
        assert_int_equal(picked.count, GW_WAF_BUCKET_ITEMS);
        pick(b, m, now, T0, T0, 500);
        assert_int_equal(picked.count, 0);                        /* the oldest went */
        assert_int_equal(picked.population, GW_WAF_BUCKET_ITEMS); /* but it is known how many */
    }
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

static void a_sample_outlives_its_bucket(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    see(b, T0, 42);
    pick(b, GROUPS, T0, T0, T0, 500);
    see(b, T0 + 100000, 1);
    int got[GW_WAF_PICK_MAX];
    assert_int_equal(numbers(got), 1);
    assert_int_equal(got[0], 42);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

static void without_memory_nothing_is_lost(void **state)
{
    (void)state;
    fault_alloc f;
    fault_use(&f, 0);
    gw_waf_books *b = books_new();
    const gw_waf_event none = event_of(NULL, 0, false);
    gw_waf_event e = none;
    e.unix_s = T0;
    long live = f.live;
    for (long n = 1; n <= 2; n++) { /* the sample itself, and the bucket's slots */
        f = (fault_alloc){.fail_at = n, .live = f.live};
        assert_false(gw_waf_sample(b, GROUPS, 0, &e, NULL));
        assert_int_equal(f.live, live);
    }
    f = (fault_alloc){.live = f.live};
    assert_true(gw_waf_sample(b, GROUPS, 0, &e, NULL));
    pick(b, GROUPS, T0, T0, T0, 500);
    assert_int_equal(picked.count, 1);
    assert_int_equal(picked.population, 3);
    assert_int_equal(picked.weights[0], 3);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
    assert_int_equal(f.live, 0);
    fault_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choice_is_uniform),
        cmocka_unit_test(due_is_kept_as_a_promise),
        cmocka_unit_test(buckets_expire),
        cmocka_unit_test(windows_are_whole_buckets),
        cmocka_unit_test(a_few_of_many),
        cmocka_unit_test(bytes_are_capped),
        cmocka_unit_test(a_sample_outlives_its_bucket),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
