/* Whom rim/direct serves, at which address, with which head; and that proxies are not passed by. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#include "unit/rim/direct_room.h"

/* ---- addresses ---- */

static void localhost_has_two_addresses(void **state)
{
    room x;
    record r = {0};
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        print_message("no IPv6 here: skipped\n");
        if (fd >= 0)
            close(fd);
        skip();
    }
    room_open(&x, serve_ok, NULL, "127.0.0.1");
    socklen_t len = sizeof address;
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    gw_direct_target *target = target_at("LocalHost", ntohs(address.sin6_port), 5000);
    gw_http_request request = {.method = "GET", .total_timeout_ms = 60000};
    send_to(&x, target, &r, &request); /* nobody listens at 127.0.0.1 */
    int peer = -1;
    while (peer < 0) {
        gw_loop_wait(x.c.loop, 10);
        peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    send_answer(peer, 200, "ok");
    run(&x.c);
    assert_int_equal(r.failure, GW_HTTP_OK);
    free(r.body);
    close(peer);
    close(fd);
    gw_direct_target_free(target);
    room_close(&x);
}

static void a_name_needs_an_address(void **state)
{
    room x;
    record r = {0};
    gw_http_request request = {.method = "GET"};
    aigw_header extra[] = {{GW_S("X-A"), GW_S("b: c")}, {GW_S("X-None"), GW_S("")}};
    gw_http_request full = {
        .method = "POST", .headers = extra, .header_count = 2, .body = GW_S("body")};

    (void)state;
    room_open(&x, serve_ok, NULL, "api.example");
    assert_false(gw_direct_can(x.direct, x.target, &request));
    gw_direct_learn(x.direct, x.target, "not an address");
    gw_direct_learn(x.direct, x.target, "fe80::1");
    assert_false(gw_direct_can(x.direct, x.target, &request));
    gw_direct_learn(x.direct, x.target, "127.0.0.1");
    one(&x);

    /* Where it does not answer any more, the other transport does the request. */
    gw_direct_target *gone = target_at("gone.example", closed_port(), 5000);
    gw_direct_learn(x.direct, gone, "127.0.0.1");
    send_to(&x, gone, &r, &full);
    while (x.other.starts == 0)
        gw_loop_wait(x.c.loop, -1);
    assert_string_equal(x.other.method, "POST");
    assert_string_equal(x.other.headers, "X-A=b: c\nX-None=\n");
    assert_true(gw_eq(x.other.body, GW_S("body")));
    assert_false(gw_direct_can(x.direct, gone, &request)); /* forgotten */
    gw_direct_resume((gw_direct_transfer *)(void *)r.transfer);
    assert_int_equal(x.other.resumes, 1);
    x.other.handler->on_head(x.other.user, 200, extra, 2);
    assert_true(x.other.handler->on_data(x.other.user, GW_S("from there")));
    x.other.handler->on_end(x.other.user, GW_HTTP_OK, true);
    assert_int_equal(r.ends, 1);
    assert_true(r.sent);
    assert_string_equal(r.body, "from there");
    free(r.body);

    record dropped = {0};
    gw_direct_learn(x.direct, gone, "127.0.0.1");
    send_to(&x, gone, &dropped, &full);
    while (x.other.starts == 1)
        gw_loop_wait(x.c.loop, -1);
    cancel_direct(&x, &dropped);
    assert_int_equal(x.other.cancels, 1);
    assert_int_equal(dropped.ends, 0);
    gw_direct_target_free(gone);
    room_close(&x);
}

static void what_is_not_for_it(void **state)
{
    const aigw_header framing[] = {
        {GW_S("Transfer-Encoding"), GW_S("chunked")}, {GW_S("content-length"), GW_S("3")},
        {GW_S("Connection"), GW_S("close")},          {GW_S("TE"), GW_S("trailers")},
        {GW_S("Expect"), GW_S("100-continue")},       {GW_S("upgrade"), GW_S("h2c")}};
    static const char *const targets[] = {"", "x", "/a b", "/\xC3\xA4", "/a\r\nX: y"};
    gw_direct_target *target = NULL;
    room x;

    (void)state;
    room_open(&x, serve_ok, NULL, "127.0.0.1");
    for (size_t i = 0; i < sizeof framing / sizeof *framing; i++) {
        gw_http_request request = {.method = "POST", .headers = &framing[i], .header_count = 1};
        gw_direct_place place = {.host = GW_S("127.0.0.1"),
                                 .port = 1,
                                 .target = GW_S("/"),
                                 .headers = &framing[i],
                                 .header_count = 1};
        assert_false(gw_direct_can(x.direct, x.target, &request));
        assert_int_equal(gw_direct_target_new(&place, &target, NULL), AIGW_E_UNSUPPORTED);
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        gw_direct_place place = {
            .host = GW_S("127.0.0.1"), .port = 1, .target = aigw_slice_of(targets[i])};
        assert_int_equal(gw_direct_target_new(&place, &target, NULL), AIGW_E_UNSUPPORTED);
    }
    gw_direct_place zone = {.host = GW_S("[fe80::1%25lo]"), .port = 1, .target = GW_S("/")};
    assert_int_equal(gw_direct_target_new(&zone, &target, NULL), AIGW_E_UNSUPPORTED);
    assert_null(target);
    room_close(&x);
}

/* ---- heads ---- */

static bool serve_head(test_request *r)
{
    return send_answer(r->fd, 200, r->head);
}

static void heads_of_requests(void **state)
{
    const aigw_header fixed[] = {{GW_S("Authorization"), GW_S("Bearer a")},
                                 {GW_S("X-Empty"), GW_S("")},
                                 {GW_S("Content-Type"), GW_S("application/json")}};
    const aigw_header extra[] = {{GW_S("authorization"), GW_S("Bearer b")},
                                 {GW_S("HOST"), GW_S("other")}};
    gw_http_request plain = {.method = "POST", .body = GW_S("abc")};
    gw_http_request own = {.method = "GET", .headers = extra, .header_count = 2};
    gw_direct_target *target = NULL;
    record a = {0}, b = {0};
    char expected[512];
    room x;

    (void)state;
    room_open(&x, serve_head, NULL, "127.0.0.1");
    gw_direct_place place = {.host = GW_S("127.0.0.1"),
                             .port = (uint16_t)x.server->port,
                             .target = GW_S("/v1?a=b"),
                             .headers = fixed,
                             .header_count = 3,
                             .connect_timeout_ms = 5000};
    assert_int_equal(gw_direct_target_new(&place, &target, NULL), AIGW_OK);
    send_to(&x, target, &a, &plain);
    send_to(&x, target, &b, &own);
    run(&x.c);
    snprintf(
        expected, sizeof expected,
        "POST /v1?a=b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\nAuthorization: Bearer a\r\n"
        "X-Empty:\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n",
        x.server->port);
    assert_string_equal(a.body, expected);
    assert_string_equal(b.body, "GET /v1?a=b HTTP/1.1\r\nAccept: */*\r\nX-Empty:\r\n"
                                "Content-Type: application/json\r\nauthorization: Bearer b\r\n"
                                "HOST: other\r\n\r\n");
    free(a.body);
    free(b.body);
    gw_direct_target_free(target);
    room_close(&x);
}

/* ---- behind the seam ---- */

static void a_configured_proxy_is_used(void **state)
{
    client *c = client_new();
    test_server *server = server_start(serve_head, NULL);
    char proxy[64], url[] = "http://127.0.0.1:1/x";
    gw_http_target_options options = {.url = aigw_slice_of(url), .proxy = proxy};
    gw_http_target *target = NULL;
    record r = {0};

    (void)state;
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server->port);
    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    get(c, &r, target);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(strncmp(r.body, "GET http://127.0.0.1:1/x HTTP/1.1\r\n", 35), 0);
    free(r.body);
    gw_http_target_free(target);
    client_free(c);
    server_stop(server);
}

static void a_proxy_of_the_environment_is_used(void **state)
{
    client *c = client_new();
    test_server *server = server_start(serve_head, NULL);
    char proxy[64];
    gw_http_target_options options = {.url = GW_S("http://192.0.2.1:1/x"),
                                      .insecure_http_ok = true};
    gw_http_target *target = NULL;
    record r = {0};

    (void)state;
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server->port);
    setenv("http_proxy", proxy, 1);
    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    get(c, &r, target);
    unsetenv("http_proxy");
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(strncmp(r.body, "GET http://192.0.2.1:1/x HTTP/1.1\r\n", 35), 0);
    free(r.body);
    gw_http_target_free(target);
    client_free(c);
    server_stop(server);
}

/* "*.localhost" is loopback to libcurl, but a name to us: resolved there once, its address is known. */
static void a_name_that_was_resolved_is_served_directly(void **state)
{
    client *c = client_new();
    test_server *server = server_start(serve_ok, NULL);
    char url[64];
    gw_http_target_options options = {.proxy = "", .insecure_http_ok = true};
    gw_http_target *target = NULL;

    (void)state;
    snprintf(url, sizeof url, "http://name.localhost:%d/x", server->port);
    options.url = aigw_slice_of(url);
    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    for (int i = 0; i < 4; i++) {
        record r = {0};
        get(c, &r, target);
        assert_int_equal(r.failure, GW_HTTP_OK);
        assert_string_equal(r.body, "ok");
        free(r.body);
    }
    assert_int_equal(server_read(server, &server->connections), 2); /* libcurl's, and ours */
    gw_http_target_free(target);
    client_free(c);
    server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_has_two_addresses),
        cmocka_unit_test(a_name_needs_an_address),
        cmocka_unit_test(what_is_not_for_it),
        cmocka_unit_test(heads_of_requests),
        cmocka_unit_test(a_configured_proxy_is_used),
        cmocka_unit_test(a_proxy_of_the_environment_is_used),
        cmocka_unit_test(a_name_that_was_resolved_is_served_directly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
