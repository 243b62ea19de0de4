/* Key sets: single flight over threads, cooldown, the last good set, files that change. */
/* Must not verify any token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "base/text.h"
#include "rim/keys.h"
#include <stdatomic.h>

#define MODULUS_A                                                                                  \
    "530Evk-e1auBjsP0g2U_JNdn4sO8UYTB5ga0YW7w1w9_C3GBqZ4LjZb4RznpyyKQ-8Nw5xSLJpzQqY6QXPn47PEqys"   \
    "vhrFEPRKHhSpEQxn7xQ26eNDIEoZ2-849VKlYVsaAKmNBa717fslqmqAvJV52kv9i_KGx-CIp8w9oRXM4kSkpJYO-9"   \
    "uFL5sgYOsML5tXRyF--So12Sm095XYCUprjB8dfJz643XLE_Ai9t7LpgoNh99KYWYUXxQCigzDYKUmdX_tam28ZiK5"   \
    "sq08nLOXIggK-fDta8F5a7x-hd0eHr-eLauDRrVhuGAuBET9zfOkfHVctVP18-iN1uV-a73w"

#define MODULUS_B                                                                                  \
    "39Kt8umZgAOfchcCGwUj4Ovlg4_K1rztGOJazXIuKWh0JA7sARc1I8mrxg4Pv8FxnL1zEtl2eigi_YrhztNV596YRU"   \
    "7HiioA8ApsTkUQXqVeUaQQZgcK0dt2faq-FAO4WGWiFUZBlX4D8Ph7dBwyCyLTCSRi2XQ2CCTn9CrqS06Yc3GFzx1_"   \
    "EV84tUAOJM5GDRAn8dB3Xsf0YqmiVyegQxp1VjMb0pT6cRWiMApUobNzeXPmzzHEjpz_Umk38JjKXfs0EKH7lcTYlg"   \
    "c49qlJJ3iNWuqkqhNbViKE58EE1fWsTSaKOiJ-eyUEliYKcSp-_93hy_CsfiXNipSvfhCfBQ"

#define KEY(kid, n)                                                                                \
    "{\"kty\":\"RSA\",\"kid\":\"" kid                                                              \
    "\",\"alg\":\"RS256\",\"use\":\"sig\",\"e\":\"AQAB\",\"n\":\"" n "\"}"
#define SET_A  "{\"keys\":[" KEY("a", MODULUS_A) "]}"
#define SET_AB "{\"keys\":[" KEY("a", MODULUS_A) "," KEY("b", MODULUS_B) "]}"

#define MINUTE 60000

/* ---- a clock to turn, a log to read ---- */

static _Atomic int64_t fake_ms;

static int64_t fake_now(void *user)
{
    (void)user;
    return atomic_load(&fake_ms);
}

static const gw_clock clock_of_tests = {NULL, fake_now, fake_now};
static char last_log[4096];

static void keep_log(void *user, aigw_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    snprintf(last_log, sizeof last_log, "%.*s", (int)len, line);
}

static const gw_log log_of_tests = {NULL, keep_log, AIGW_LOG_INFO};

/* ---- a server that serves what `answer` says ---- */

typedef struct answer {
    int status;
    const char *body;
    bool gated;
} answer;

static bool serve_keys(test_request *r)
{
    const answer *a = r->server->user;

    if (a->gated)
        server_pass(r->server);
    return send_answer(r->fd, a->status, a->body);
}

typedef struct room {
    answer answer;
    test_server *server;
    gw_keys *keys;
    gw_loop *loop;
    gw_http *http;
    int called;
} room;

static void called(void *user)
{
    ++*(int *)user;
}

static void woken(void *user)
{
    room *x = user;
    gw_keys_dispatch(x->keys, x->loop);
}

/* The loop's clock is the system's, so that transfers move; the keys' clock is ours. */
static room *room_new(const char *body)
{
    room *x = calloc(1, sizeof *x);
    char url[128];

    atomic_store(&fake_ms, 5);
    last_log[0] = '\0';
    x->answer = (answer){200, body, false};
    x->server = server_start(serve_keys, &x->answer);
    gw_keys_options options = {.clock = &clock_of_tests, .log = &log_of_tests};
    options.url = aigw_slice_of(server_url(x->server, url, sizeof url, "/jwks.json"));
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_OK);
    x->loop = gw_loop_new(NULL);
    assert_int_equal(gw_http_new(x->loop, &x->http, NULL), AIGW_OK);
    gw_loop_on_wake(x->loop, woken, x);
    return x;
}

static void room_free(room *x)
{
    gw_http_free(x->http);
    gw_keys_free(x->keys);
    gw_loop_free(x->loop);
    server_stop(x->server);
    free(x);
}

static bool request(room *x, bool unknown_kid, gw_keys_waiter *waiter)
{
    return gw_keys_request(x->keys, unknown_kid, x->loop, &gw_http_transport, x->http, waiter,
                           called, &x->called);
}

static bool request_and_wait(room *x, bool unknown_kid)
{
    gw_keys_waiter waiter = {0};
    int before = x->called;

    if (!request(x, unknown_kid, &waiter))
        return false;
    assert_int_equal(x->called, before); /* never from inside */
    while (x->called == before)
        gw_loop_wait(x->loop, -1);
    return true;
}

static size_t count(room *x)
{
    aigw_jwks *set = gw_keys_get(x->keys);
    size_t n = set ? aigw_jwks_count(set) : 0;

    aigw_jwks_free(set);
    return n;
}

static int requests(room *x)
{
    return server_read(x->server, &x->server->requests);
}

static void fetched_on_first_need(void **state)
{
    room *x = room_new(SET_A);
    gw_keys_stats stats;

    (void)state;
    assert_int_equal(count(x), 0);
    gw_keys_tick(x->keys, x->loop, &gw_http_transport, x->http);
    gw_keys_stats_get(x->keys, &stats);
    assert_int_equal(stats.age_ms, -1);
    assert_int_equal(stats.fetches, 0);
    assert_true(request_and_wait(x, false));
    assert_int_equal(count(x), 1);
    atomic_fetch_add(&fake_ms, 1234);
    gw_keys_stats_get(x->keys, &stats);
    assert_int_equal(stats.fetches, 1);
    assert_int_equal(stats.failures, 0);
    assert_int_equal(stats.age_ms, 1234);
    assert_true(request_and_wait(x, false)); /* it came while the caller looked: no second fetch */
    assert_int_equal(requests(x), 1);
    room_free(x);
}

static void unknown_kids_cannot_hammer_the_issuer(void **state)
{
    room *x = room_new(SET_A);

    (void)state;
    assert_true(request_and_wait(x, true));
    for (int i = 0; i < 100; i++)
        assert_false(request_and_wait(x, true));
    atomic_fetch_add(&fake_ms, 9999);
    assert_false(request_and_wait(x, true));
    assert_int_equal(requests(x), 1);
    x->answer.body = SET_AB;
    atomic_fetch_add(&fake_ms, 1);
    assert_true(request_and_wait(x, true));
    assert_int_equal(requests(x), 2);
    assert_int_equal(count(x), 2);
    room_free(x);
}

static void a_failed_fetch_cools_down_too(void **state)
{
    room *x = room_new("no");

    (void)state;
    x->answer.status = 500;
    assert_true(request_and_wait(x, false));
    assert_int_equal(count(x), 0);
    assert_non_null(strstr(last_log, "\"phase\":\"status\""));
    assert_non_null(strstr(last_log, "\"status\":500"));
    assert_false(request_and_wait(x, false));
    atomic_fetch_add(&fake_ms, 10000);
    assert_true(request_and_wait(x, false));
    assert_int_equal(requests(x), 2);
    room_free(x);
}

static void the_last_good_set_stays(void **state)
{
    static char huge[200 * 1024];
    static const struct {
        int status;
        const char *body, *phase;
    } rows[] = {
        {500, SET_AB, "status"},
        {301, SET_AB, "status"},
        {200, "<html>sign in</html>", "parse"},
        {200, "{\"keys\":[]}", "parse"},
        {200, "{}", "parse"},
        {200, "", "parse"},
        {200, huge, "too_large"},
    };
    room *x = room_new(SET_A);
    gw_keys_stats stats;

    (void)state;
    memset(huge, ' ', sizeof huge - 1);
    memcpy(huge, SET_AB, sizeof SET_AB - 1);
    assert_true(request_and_wait(x, false));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        x->answer.status = rows[i].status;
        x->answer.body = rows[i].body;
        atomic_fetch_add(&fake_ms, 10000);
        assert_true(request_and_wait(x, true));
        assert_int_equal(count(x), 1);
        char phase[64];
        snprintf(phase, sizeof phase, "\"phase\":\"%s\"", rows[i].phase);
        if (!strstr(last_log, phase))
            fail_msg("row %zu: %s", i, last_log);
    }
    gw_keys_stats_get(x->keys, &stats);
    assert_int_equal(stats.failures, sizeof rows / sizeof rows[0]);
    atomic_store(&fake_ms, 5 + (10 + 24 * 60) * (int64_t)MINUTE);
    assert_int_equal(count(x), 1);
    atomic_fetch_add(&fake_ms, 1);
    assert_int_equal(count(x), 0); /* ran out over a day ago: no longer trusted */
    x->answer.status = 200;
    x->answer.body = SET_AB;
    assert_true(request_and_wait(x, false));
    assert_int_equal(count(x), 2);
    room_free(x);
}

static void an_issuer_that_is_gone(void **state)
{
    room *x = room_new(SET_A);
    char url[64];

    (void)state;
    gw_keys_free(x->keys);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", closed_port());
    gw_keys_options options = {
        .url = aigw_slice_of(url), .clock = &clock_of_tests, .log = &log_of_tests};
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_OK);
    assert_true(request_and_wait(x, false));
    assert_int_equal(count(x), 0);
    assert_non_null(strstr(last_log, "\"phase\":\"connect\""));
    room_free(x);
}

static void refreshed_in_the_background(void **state)
{
    room *x = room_new(SET_A);

    (void)state;
    assert_true(request_and_wait(x, false));
    x->answer.body = SET_AB;
    atomic_fetch_add(&fake_ms, 6 * MINUTE); /* before 75 % of 10 minutes less the spread */
    gw_keys_tick(x->keys, x->loop, &gw_http_transport, x->http);
    assert_false(gw_loop_wait(x->loop, 0));
    atomic_fetch_add(&fake_ms, 90000);
    gw_keys_tick(x->keys, x->loop, &gw_http_transport, x->http);
    gw_keys_tick(x->keys, x->loop, &gw_http_transport, x->http); /* one is enough */
    assert_int_equal(count(x), 1);                               /* served meanwhile */
    while (count(x) == 1)
        gw_loop_wait(x->loop, -1);
    assert_int_equal(requests(x), 2);
    room_free(x);
}

/* ---- several loops ---- */

typedef struct looper {
    gw_keys *keys;
    gw_loop *loop;
    gw_http *http;
    gw_keys_waiter waiter;
    int called;
    size_t keys_seen;
    _Atomic bool asked;
    bool cancel;
} looper;

static void looper_woken(void *user)
{
    looper *l = user;
    gw_keys_dispatch(l->keys, l->loop);
}

static void *looper_run(void *arg)
{
    looper *l = arg;

    bool runs = gw_keys_request(l->keys, false, l->loop, &gw_http_transport, l->http, &l->waiter,
                                called, &l->called);
    atomic_store(&l->asked, true);
    if (l->cancel) {
        gw_keys_cancel(l->keys, &l->waiter);
        gw_keys_cancel(l->keys, &l->waiter);
        return NULL;
    }
    while (runs && l->called == 0)
        gw_loop_wait(l->loop, -1);
    aigw_jwks *set = gw_keys_get(l->keys);
    l->keys_seen = set ? aigw_jwks_count(set) : 0;
    aigw_jwks_free(set);
    return NULL;
}

static void one_fetch_for_all_loops(void **state)
{
    enum { N = 8 };
    room *x = room_new(SET_A);
    gw_keys_waiter first = {0};
    pthread_t threads[N];
    static looper loopers[N];

    (void)state;
    memset(loopers, 0, sizeof loopers);
    x->answer.gated = true;
    assert_true(request(x, false, &first)); /* this loop fetches */
    for (int i = 0; i < N; i++) {
        looper *l = &loopers[i];
        l->keys = x->keys;
        l->cancel = i == 0;
        l->loop = gw_loop_new(NULL);
        assert_int_equal(gw_http_new(l->loop, &l->http, NULL), AIGW_OK);
        gw_loop_on_wake(l->loop, looper_woken, l);
        pthread_create(&threads[i], NULL, looper_run, l);
    }
    for (int i = 0; i < N; i++)
        while (!atomic_load(&loopers[i].asked))
            gw_loop_wait(x->loop, 1);
    server_open_gate(x->server);
    while (x->called == 0)
        gw_loop_wait(x->loop, -1);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(loopers[i].called, i == 0 ? 0 : 1);
        assert_int_equal(loopers[i].keys_seen, i == 0 ? 0 : 1);
        gw_http_free(loopers[i].http);
        gw_loop_free(loopers[i].loop);
    }
    assert_int_equal(requests(x), 1);
    room_free(x);
}

static void the_keys_may_go_while_a_fetch_runs(void **state)
{
    room *x = room_new(SET_A);
    gw_keys_waiter waiter = {0};

    (void)state;
    x->answer.gated = true;
    assert_true(request(x, false, &waiter));
    gw_loop_wait(x->loop, 1);
    gw_keys_cancel(x->keys, &waiter);
    gw_keys_free(x->keys); /* a reload dropped them */
    x->keys = NULL;
    gw_loop_on_wake(x->loop, NULL, NULL);
    gw_http_free(x->http); /* and the fetch ends here */
    x->http = NULL;
    assert_int_equal(x->called, 0);
    room_free(x);
}

static void a_fetch_that_dies_with_its_loop_frees_the_way(void **state)
{
    room *x = room_new(SET_A);
    gw_keys_waiter waiter = {0};

    (void)state;
    x->answer.gated = true;
    assert_true(request(x, false, &waiter));
    gw_loop_wait(x->loop, 1);
    gw_http_free(x->http);
    while (x->called == 0)
        gw_loop_wait(x->loop, -1);
    assert_int_equal(gw_http_new(x->loop, &x->http, NULL), AIGW_OK);
    server_open_gate(x->server);
    atomic_fetch_add(&fake_ms, 10000);
    assert_true(request_and_wait(x, false));
    assert_int_equal(count(x), 1);
    room_free(x);
}

/* ---- other sources ---- */

static void write_file(const char *path, const char *text)
{
    char next[256];

    snprintf(next, sizeof next, "%s.next", path);
    FILE *f = fopen(next, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(next, path), 0);
}

static void a_file_is_read_again_when_it_changed(void **state)
{
    room *x = room_new(SET_A);
    char dir[] = "/tmp/aigw-keys-XXXXXX", path[64];
    gw_keys_stats stats;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/jwks.json", dir);
    gw_keys_free(x->keys);
    x->keys = NULL;
    gw_keys_options options = {
        .file = aigw_slice_of(path), .clock = &clock_of_tests, .log = &log_of_tests};
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_E_IO);
    write_file(path, "junk");
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_E_PARSE);
    assert_null(x->keys);
    write_file(path, SET_A);
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_OK);
    assert_int_equal(count(x), 1);

    write_file(path, SET_AB);
    assert_true(request_and_wait(x, true));
    assert_int_equal(count(x), 2);
    assert_false(request_and_wait(x, true)); /* cooling down */
    write_file(path, "half a file {");
    atomic_fetch_add(&fake_ms, 10000);
    gw_keys_tick(x->keys, x->loop, NULL, NULL);
    assert_int_equal(count(x), 2);
    assert_non_null(strstr(last_log, "\"phase\":\"parse\""));
    assert_int_equal(unlink(path), 0);
    atomic_fetch_add(&fake_ms, 20000);
    gw_keys_tick(x->keys, x->loop, NULL, NULL);
    assert_int_equal(count(x), 2);
    assert_non_null(strstr(last_log, "\"phase\":\"file\""));
    write_file(path, SET_A);
    atomic_fetch_add(&fake_ms, 40000);
    gw_keys_tick(x->keys, x->loop, NULL, NULL);
    assert_int_equal(count(x), 1);
    gw_keys_stats_get(x->keys, &stats);
    assert_int_equal(stats.fetches, 4);
    assert_int_equal(stats.failures, 2);
    atomic_fetch_add(&fake_ms, 48 * 60 * (int64_t)MINUTE);
    assert_int_equal(count(x), 1); /* a file does not go stale */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    room_free(x);
}

static void inline_keys_and_bad_urls(void **state)
{
    gw_keys *keys = NULL;
    gw_keys_waiter waiter = {0};
    gw_keys_options options = {
        .inline_json = GW_S(SET_A), .clock = &clock_of_tests, .log = &log_of_tests};
    aigw_error err = {0};

    (void)state;
    assert_int_equal(gw_keys_new(&options, &keys, NULL), AIGW_OK);
    assert_false(gw_keys_request(keys, true, NULL, NULL, NULL, &waiter, called, NULL));
    gw_keys_tick(keys, NULL, NULL, NULL);
    aigw_jwks *set = gw_keys_get(keys);
    assert_int_equal(aigw_jwks_count(set), 1);
    aigw_jwks_free(set);
    gw_keys_free(keys);
    options = (gw_keys_options){.inline_json = GW_S("[]"), .clock = &clock_of_tests};
    assert_int_equal(gw_keys_new(&options, &keys, NULL), AIGW_E_PARSE);
    options = (gw_keys_options){.url = GW_S("http://example.com/jwks"), .clock = &clock_of_tests};
    assert_int_equal(gw_keys_new(&options, &keys, &err), AIGW_E_CONFIG);
    assert_string_equal(err.reason, "insecure_url");
    gw_keys_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetched_on_first_need),
        cmocka_unit_test(unknown_kids_cannot_hammer_the_issuer),
        cmocka_unit_test(a_failed_fetch_cools_down_too),
        cmocka_unit_test(the_last_good_set_stays),
        cmocka_unit_test(an_issuer_that_is_gone),
        cmocka_unit_test(refreshed_in_the_background),
        cmocka_unit_test(one_fetch_for_all_loops),
        cmocka_unit_test(the_keys_may_go_while_a_fetch_runs),
        cmocka_unit_test(a_fetch_that_dies_with_its_loop_frees_the_way),
        cmocka_unit_test(a_file_is_read_again_when_it_changed),
        cmocka_unit_test(inline_keys_and_bad_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
