/* Every allocation of the rim fails once: an error comes back, nothing leaks, nothing hangs. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#include "rim/keys.h"
#include "rim/token.h"

static long countdown; /* the allocation that fails; 0: none */
static long live;

/* One thread only: the server's threads allocate by malloc. */
static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    if (countdown > 0 && --countdown == 0)
        return NULL;
    void *result = realloc(ptr, bytes);
    if (result && !ptr)
        live++;
    return result;
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    if (ptr)
        live--;
    free(ptr);
}

static bool serve(test_request *r)
{
    return send_answer(r->fd, 200, "{\"access_token\":\"t\",\"expires_in\":60,\"keys\":[]}");
}

typedef int round_fn(test_server *server);

static int token_round(test_server *server)
{
    char url[128];
    gw_token_options options = {.client_id = "a", .client_secret = "b"};
    aigw_token_source *source = NULL;
    aigw_token token = {0};

    options.endpoint = server_url(server, url, sizeof url, "/");
    int code = gw_token_source_new(&options, &source, NULL);
    if (code == AIGW_OK)
        code = aigw_token_get(source, &token, NULL);
    if (code == AIGW_OK)
        assert_string_equal(token.value, "t");
    else
        assert_null(token.value);
    aigw_token_free(&token);
    aigw_token_source_free(source);
    return code;
}

static int transfer_round(test_server *server)
{
    char url[128];
    aigw_header extra = {GW_S("X-A"), GW_S("b")};
    gw_http_target_options options = {
        .headers = &extra, .header_count = 1, .ca_file = "x", .proxy = ""};
    gw_loop *loop = gw_loop_new(NULL);
    gw_http *http = NULL;
    gw_http_target *target = NULL;
    client c = {.loop = loop, .running = 1};
    record r = {.c = &c};

    options.url = aigw_slice_of(server_url(server, url, sizeof url, "/"));
    int code = loop ? gw_http_new(loop, &http, NULL) : AIGW_E_NOMEM;
    if (code == AIGW_OK)
        code = gw_http_target_new(&options, &target, NULL);
    gw_http_request request = {
        .target = target, .method = "GET", .headers = &extra, .header_count = 1};
    if (code == AIGW_OK)
        code = gw_http_transport.start(http, &request, &record_handler, &r, &r.transfer, NULL);
    while (code == AIGW_OK && r.ends == 0)
        gw_loop_wait(loop, -1);
    if (code == AIGW_OK && r.failure != GW_HTTP_OK)
        code = AIGW_E_NOMEM;
    free(r.body);
    gw_http_free(http);
    gw_http_target_free(target);
    gw_loop_free(loop);
    return code;
}

static int keys_round(test_server *server)
{
    char url[128];
    gw_keys_options options = {.url = aigw_slice_of(server_url(server, url, sizeof url, "/"))};
    gw_loop *loop = gw_loop_new(NULL);
    gw_http *http = NULL;
    gw_keys *keys = NULL;
    gw_keys_waiter waiter = {0};
    gw_keys_stats stats;

    int code = loop ? gw_http_new(loop, &http, NULL) : AIGW_E_NOMEM;
    if (code == AIGW_OK)
        code = gw_keys_new(&options, &keys, NULL);
    if (code == AIGW_OK)
        assert_true(
            gw_keys_request(keys, false, loop, &gw_http_transport, http, &waiter, NULL, NULL));
    while (code == AIGW_OK) { /* the set is empty or was not fetched: one failure either way */
        gw_keys_stats_get(keys, &stats);
        if (stats.failures > 0)
            break;
        gw_loop_wait(loop, -1);
    }
    if (keys)
        gw_keys_cancel(keys, &waiter);
    gw_http_free(http);
    gw_keys_free(keys);
    gw_loop_free(loop);
    return code;
}

static void fail_each(round_fn *round, bool must_fail_at_first)
{
    test_server *server = server_start(serve, NULL);
    long n = 0, base = live;

    for (bool hit = true; hit; n++) {
        countdown = n;
        int code = round(server);
        hit = n == 0 || countdown == 0; /* the failing one was reached */
        countdown = 0;
        if (n == 0 || !hit)
            assert_int_equal(code, AIGW_OK);
        if (n == 1 && must_fail_at_first)
            assert_int_equal(code, AIGW_E_NOMEM);
        assert_int_equal(live, base);
        assert_true(n < 55); /* more than the test server's connections could serve */
    }
    assert_true(n > 5);
    server_stop(server);
}

static void transfers(void **state)
{
    (void)state;
    fail_each(transfer_round, true);
}

static void tokens(void **state)
{
    (void)state;
    fail_each(token_round, true);
}

static void key_sets(void **state)
{
    (void)state;
    fail_each(keys_round, true);
}

int main(void)
{
    static const aigw_allocator allocator = {failing_realloc, counting_free, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers),
        cmocka_unit_test(tokens),
        cmocka_unit_test(key_sets),
    };

    aigw_set_allocator(&allocator);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
