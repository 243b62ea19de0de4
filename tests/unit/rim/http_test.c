/* Transfers against a small server: answers of all shapes, broken ones, limits, reuse, targets. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

/* What a test wants the server to send, byte for byte; "close" ends the connection after it. */
typedef struct script {
    const char *bytes;
    bool close;
    char head[8192]; /* of the last request */
    char *body;
    size_t body_len;
} script;

static bool serve_script(test_request *request)
{
    script *s = request->server->user;

    snprintf(s->head, sizeof s->head, "%.*s", (int)sizeof s->head - 1, request->head);
    free(s->body);
    s->body = malloc(request->body_len + 1);
    memcpy(s->body, request->body, request->body_len + 1);
    s->body_len = request->body_len;
    return send_text(request->fd, s->bytes) && !s->close;
}

/* One GET of a scripted answer on a fresh client. */
static void get_script(const char *bytes, bool close_after, record *r, size_t max_body_bytes)
{
    script s = {.bytes = bytes, .close = close_after};
    test_server *server = server_start(serve_script, &s);
    client *c = client_new();
    char url[128];
    gw_http_target *target = target_for(server_url(server, url, sizeof url, "/x"));
    gw_http_request request = {.target = target, .method = "GET", .max_body_bytes = max_body_bytes};

    *r = (record){0};
    begin(c, r, &request);
    run(c);
    assert_int_equal(r->ends, 1);
    client_free(c);
    server_stop(server);
    gw_http_target_free(target);
    free(s.body);
}

static void plain_answer(void **state)
{
    record r;

    (void)state;
    get_script("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b c \t\r\nX-Empty:\r\n\r\nhello",
               false, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_true(r.sent);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.heads, 1);
    assert_string_equal(r.headers, "Content-Length=5\nX-A=b c\nX-Empty=\n");
    assert_string_equal(r.body, "hello");
    free(r.body);
}

static void interim_answers_and_trailers_stay_out(void **state)
{
    record r;

    (void)state;
    get_script("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
               "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: t\r\n\r\n",
               false, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.heads, 1);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.headers, "Transfer-Encoding=chunked\nX-A=1\n");
    assert_string_equal(r.body, "abcdefg");
    free(r.body);
}

static void redirects_and_errors_are_answers(void **state)
{
    record r;

    (void)state;
    get_script("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
               false, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.status, 302);
    assert_int_equal(r.body_len, 0);
    get_script("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", false, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.status, 503);
    free(r.body);
    get_script("HTTP/1.1 204 None\r\n\r\n", false, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.status, 204);
    assert_int_equal(r.heads, 1);
}

static void cut_answers_are_broken(void **state)
{
    static const char *const cut[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    };
    record r;

    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        get_script(cut[i], true, &r, 0);
        assert_int_equal(r.failure, GW_HTTP_BROKEN);
        assert_int_equal(r.status, 200);
        assert_true(r.sent);
        assert_string_equal(r.body, "hello"); /* what came before the cut is handed over */
        free(r.body);
    }
    get_script("", true, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_BROKEN);
    assert_int_equal(r.heads, 0);
    get_script("HTTP/1.1 200 OK\r\nX-A: 1\r\n", true, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_BROKEN);
    assert_int_equal(r.heads, 0);
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
    };
    record r;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        get_script(bad[i], true, &r, 0);
        assert_int_equal(r.failure, GW_HTTP_BROKEN);
        assert_int_equal(r.heads, 0);
    }
}

static void limits(void **state)
{
    static char big[200 * 1024];
    record r;

    (void)state;
    int at = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 0; i < 128; i++)
        at += snprintf(big + at, sizeof big - (size_t)at, "X-%d: v\r\n", i);
    snprintf(big + at, sizeof big - (size_t)at, "\r\n");
    get_script(big, true, &r, 0); /* 129 fields */
    assert_int_equal(r.failure, GW_HTTP_TOO_LARGE);
    assert_int_equal(r.heads, 0);

    at = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: ");
    memset(big + at, 'a', 70 * 1024);
    snprintf(big + at + 70 * 1024, 8, "\r\n\r\n");
    get_script(big, true, &r, 0);
    assert_int_equal(r.failure, GW_HTTP_TOO_LARGE);

    get_script("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, &r, 5);
    assert_int_equal(r.failure, GW_HTTP_OK);
    free(r.body);
    get_script("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, &r, 4);
    assert_int_equal(r.failure, GW_HTTP_TOO_LARGE);
    free(r.body);
}

static void a_request_arrives_as_it_is(void **state)
{
    script s = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    test_server *server = server_start(serve_script, &s);
    client *c = client_new();
    char url[128];
    size_t len = 3 * 1024 * 1024; /* curl would ask Expect: 100-continue for this much */
    char *body = malloc(len);
    aigw_header fixed[] = {{GW_S("Authorization"), GW_S("Bearer secret")},
                           {GW_S("X-None"), GW_S("")}};
    aigw_header extra[] = {{GW_S("X-Request-Id"), GW_S("r1")},
                           {GW_S("Content-Type"), GW_S("application/json")}};
    gw_http_target_options options = {
        .headers = fixed, .header_count = 2, .by_library = TEST_BY_LIBRARY};
    gw_http_target *target = NULL;
    record r = {0}, bare = {0}, head = {0}, del = {0};

    (void)state;
    for (size_t i = 0; i < len; i++)
        body[i] = (char)(i * 31 % 251);
    options.url = aigw_slice_of(server_url(server, url, sizeof url, "/v1/x?y=z%20a"));
    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    gw_http_request request = {.target = target,
                               .method = "POST",
                               .headers = extra,
                               .header_count = 2,
                               .body = {body, len}};
    begin(c, &r, &request);
    run(c);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(strncmp(s.head, "POST /v1/x?y=z%20a HTTP/1.1\r\n", 29), 0);
    assert_non_null(strstr(s.head, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(s.head, "\r\nX-None:\r\n"));
    assert_non_null(strstr(s.head, "\r\nX-Request-Id: r1\r\n"));
    assert_non_null(strstr(s.head, "\r\nContent-Type: application/json\r\n"));
    assert_null(strcasestr(s.head, "Expect"));
    assert_null(strcasestr(s.head, "Accept-Encoding"));
    assert_int_equal(s.body_len, len);
    assert_memory_equal(s.body, body, len);

    /* The same handle again: nothing of the last request is left. */
    gw_http_request second = {.target = target, .method = "POST"};
    begin(c, &bare, &second);
    run(c);
    assert_int_equal(bare.failure, GW_HTTP_OK);
    assert_null(strcasestr(s.head, "Content-Type"));
    assert_null(strstr(s.head, "X-Request-Id"));
    assert_non_null(strstr(s.head, "\r\nAuthorization: Bearer secret\r\n"));
    assert_int_equal(s.body_len, 0);
    second.method = "HEAD";
    begin(c, &head, &second);
    run(c);
    assert_int_equal(head.failure, GW_HTTP_OK);
    assert_int_equal(strncmp(s.head, "HEAD ", 5), 0);
    second.method = "DELETE";
    begin(c, &del, &second);
    run(c);
    assert_int_equal(del.failure, GW_HTTP_OK);
    assert_int_equal(strncmp(s.head, "DELETE ", 7), 0);
    assert_int_equal(server_read(server, &server->connections), 1);
    client_free(c);
    server_stop(server);
    gw_http_target_free(target);
    free(s.body);
    free(body);
}

static void header_injection_is_refused(void **state)
{
    client *c = client_new();
    gw_http_target *target = target_for("http://127.0.0.1:1/");
    aigw_header bad[] = {{GW_S("X-A"), GW_S("1\r\nX-B: 2")},
                         {GW_S("X A"), GW_S("1")},
                         {GW_S(""), GW_S("1")},
                         {GW_S("X:A"), GW_S("1")},
                         {GW_S("X-A"), {"a\0b", 3}}};
    gw_transfer *transfer = NULL;
    aigw_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gw_http_request request = {
            .target = target, .method = "GET", .headers = &bad[i], .header_count = 1};
        assert_int_equal(
            gw_http_transport.start(c->http, &request, &record_handler, NULL, &transfer, &err),
            AIGW_E_INVALID);
        assert_null(transfer);
    }
    client_free(c);
    gw_http_target_free(target);
}

static void connections_are_used_again(void **state)
{
    script s = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    test_server *server = server_start(serve_script, &s);
    client *c = client_new();
    char url[128];
    gw_http_target *target = target_for(server_url(server, url, sizeof url, "/"));

    (void)state;
    for (int i = 0; i < 20; i++) {
        record r = {0};
        get(c, &r, target);
        assert_int_equal(r.failure, GW_HTTP_OK);
        assert_string_equal(r.body, "ok");
        free(r.body);
    }
    assert_int_equal(server_read(server, &server->connections), 1);
    for (int i = 0; i < 5;
         i++) { /* the server hangs up after each: the descriptor's number comes back */
        record r = {0};
        s.close = true;
        get(c, &r, target);
        assert_int_equal(r.failure, GW_HTTP_OK);
        free(r.body);
    }
    client_free(c);
    server_stop(server);
    gw_http_target_free(target);
    free(s.body);
}

static void refused_and_silent_servers(void **state)
{
    script s = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    test_server *server = server_start(serve_script, &s);
    client *c = client_new();
    char url[128];
    gw_http_target *good = target_for(server_url(server, url, sizeof url, "/"));
    record first = {0}, refused = {0}, silent = {0};

    (void)state;
    get(c, &first, good); /* so that the handle has a past */
    assert_true(first.sent);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", closed_port());
    gw_http_target *nobody = target_for(url);
    get(c, &refused, nobody);
    assert_int_equal(refused.failure, GW_HTTP_CONNECT);
    assert_false(refused.sent);
    assert_int_equal(refused.heads, 0);

    s.bytes = ""; /* reads the request, says nothing */
    gw_http_request request = {
        .target = good, .method = "POST", .body = GW_S("x"), .total_timeout_ms = 100};
    begin(c, &silent, &request);
    run(c);
    assert_int_equal(silent.failure, GW_HTTP_TIMEOUT);
    assert_true(silent.sent);
    client_free(c);
    server_stop(server);
    gw_http_target_free(good);
    gw_http_target_free(nobody);
    free(s.body);
}

static void loopback_never_goes_to_a_proxy(void **state)
{
    record r;
    char proxy[64];

    (void)state;
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", closed_port());
    setenv("http_proxy", proxy, 1);
    setenv("all_proxy", proxy, 1);
    get_script("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &r, 0);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(r.failure, GW_HTTP_OK);
}

static void targets(void **state)
{
    static const struct {
        const char *url;
        int code;
        const char *reason;
        bool insecure_ok;
    } rows[] = {
        {"https://example.com/v1", AIGW_OK, "", false},
        {"http://localhost:80/", AIGW_OK, "", false},
        {"http://127.8.9.1/", AIGW_OK, "", false},
        {"http://[::1]:8/", AIGW_OK, "", false},
        {"http://example.com/", AIGW_E_CONFIG, "insecure_url", false},
        {"http://example.com/", AIGW_OK, "", true},
        {"http://localhost.example.com/", AIGW_E_CONFIG, "insecure_url", false},
        {"http://127.0.0.1.example.com/", AIGW_E_CONFIG, "insecure_url", false},
        {"https://user:secret@example.com/", AIGW_E_CONFIG, "bad_url", false},
        {"ftp://example.com/", AIGW_E_CONFIG, "bad_url", false},
        {"file:///etc/passwd", AIGW_E_CONFIG, "bad_url", false},
        {"example.com", AIGW_E_CONFIG, "bad_url", false},
        {"https://exa mple.com/", AIGW_E_CONFIG, "bad_url", false},
        {"https://example.com/\r\nX: y", AIGW_E_CONFIG, "bad_url", false},
        {"", AIGW_E_CONFIG, "bad_url", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_http_target_options options = {.url = aigw_slice_of(rows[i].url),
                                          .insecure_http_ok = rows[i].insecure_ok};
        gw_http_target *target = NULL;
        aigw_error err = {0};
        int code = gw_http_target_new(&options, &target, &err);
        if (code != rows[i].code)
            fail_msg("%s: %d", rows[i].url, code);
        if (code != AIGW_OK) {
            assert_string_equal(err.reason, rows[i].reason);
            assert_null(target);
            assert_null(strstr(err.message, "secret"));
        }
        gw_http_target_free(target);
    }
}

static void failures_have_names(void **state)
{
    (void)state;
    assert_string_equal(gw_http_failure_name(GW_HTTP_DNS), "dns");
    assert_string_equal(gw_http_failure_name(GW_HTTP_TOO_LARGE), "too_large");
    assert_string_equal(gw_http_failure_name((gw_http_failure)99), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_answer),
        cmocka_unit_test(interim_answers_and_trailers_stay_out),
        cmocka_unit_test(redirects_and_errors_are_answers),
        cmocka_unit_test(cut_answers_are_broken),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(a_request_arrives_as_it_is),
        cmocka_unit_test(header_injection_is_refused),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(refused_and_silent_servers),
        cmocka_unit_test(loopback_never_goes_to_a_proxy),
        cmocka_unit_test(targets),
        cmocka_unit_test(failures_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
