/* The path of a request, by both transports: it goes out as it is, the origin stays, odd ones do not. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "rim/http_field.h"
#include "unit/rim/http_client.h"

typedef struct seen {
    char head[8192];
    size_t body_len;
} seen;

static bool serve_seen(test_request *request)
{
    seen *s = request->server->user;

    snprintf(s->head, sizeof s->head, "%.*s", (int)sizeof s->head - 1, request->head);
    s->body_len = request->body_len;
    if (strncmp(s->head, "HEAD ", 5) == 0)
        return send_text(request->fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    return send_text(request->fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* One request to a target whose own path is /own?own=1. */
static void ask(client *c, const gw_http_target *target, const char *method, const char *path,
                const char *body)
{
    record r = {0};
    gw_http_request request = {.target = target,
                               .method = method,
                               .path = aigw_slice_of(path),
                               .body = aigw_slice_of(body)};

    begin(c, &r, &request);
    run(c);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.status, 200);
    free(r.body);
}

static void assert_line(const seen *s, const char *line)
{
    if (strncmp(s->head, line, strlen(line)) != 0 ||
        strncmp(s->head + strlen(line), " HTTP/1.1\r\n", 11) != 0)
        fail_msg("want \"%s\" in: %s", line, s->head);
}

static void paths_go_out_as_they_are(void **state)
{
    static const char *const paths[] = {
        "/",
        "/v1/chat/completions",
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        "/model/anthropic.claude%3A0/converse",
        "/model/arn%3Aaws%3Abedrock%3Aus%2Fx/converse-stream",
        "/openai/deployments/a%20b/chat/completions?api-version=2024-10-21",
        "/m/claude@2024/x%3f?a=%2F&b=//c",
        "/v1/",
        "/a/...",
        "/a.b/.c",
        "/x?",
    };
    seen s = {.body_len = 0};
    char url[128];

    (void)state;
    test_server *server = server_start(serve_seen, &s);
    client *c = client_new();
    gw_http_target *target = target_for(server_url(server, url, sizeof url, "/own?own=1"));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char line[256], host[64];
        ask(c, target, "POST", paths[i], "{}");
        /* A query with nothing in it may go. */
        bool bare = strcmp(paths[i], "/x?") == 0 && strncmp(s.head, "POST /x HTTP", 12) == 0;
        snprintf(line, sizeof line, "POST %s", bare ? "/x" : paths[i]);
        assert_line(&s, line);
        snprintf(host, sizeof host, "Host: 127.0.0.1:%d\r\n", server->port);
        assert_non_null(strstr(s.head, host));
        assert_int_equal(s.body_len, 2);
    }
    /* A handle that is used again has forgotten it. */
    ask(c, target, "POST", "", "{}");
    assert_line(&s, "POST /own?own=1");
    assert_int_equal(server->connections, 1);
    client_free(c);
    server_stop(server);
    gw_http_target_free(target);
}

static void methods_with_and_without_a_body(void **state)
{
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "POST", "PUT", "GET"};
    seen s = {.body_len = 0};
    char url[128];

    (void)state;
    test_server *server = server_start(serve_seen, &s);
    client *c = client_new();
    gw_http_target *target = target_for(server_url(server, url, sizeof url, "/own"));
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char line[64];
        bool length = methods[i][0] == 'P';
        ask(c, target, methods[i], "/p?q=1", "");
        snprintf(line, sizeof line, "%s /p?q=1", methods[i]);
        assert_line(&s, line);
        assert_int_equal(strstr(s.head, "Content-Length: 0\r\n") != NULL, length);
        assert_int_equal(s.body_len, 0);
        if (strcmp(methods[i], "HEAD") == 0)
            continue;
        ask(c, target, methods[i], "/p", "abc");
        snprintf(line, sizeof line, "%s /p", methods[i]);
        assert_line(&s, line);
        assert_int_equal(s.body_len, 3);
    }
    client_free(c);
    server_stop(server);
    gw_http_target_free(target);
}

static void odd_paths_are_refused(void **state)
{
    static const char *const bad[] = {
        "x",           "//evil.example/x",
        "/a//b",       "/a/../b",
        "/..",         "/a/.",
        "/a/%2e%2E/b", "/a/.%2e",
        "/a b",        "/a\tb",
        "/a\r\nX:1",   "/a\x7f",
        "/\xc3\xa9",   "/a#b",
        "/a\\b",       "http://e/",
        "@e/x",        "?a=b",
        "/./a",        "/a//",
        "/%2e/b?c=d",  "/a/%2E%2e",
    };
    client *c = client_new();
    gw_http_target *target = target_for("http://127.0.0.1:9/own");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        record r = {0};
        aigw_error err = {0};
        gw_http_request request = {
            .target = target, .method = "GET", .path = aigw_slice_of(bad[i])};
        if (gw_http_path_ok(request.path))
            fail_msg("accepted: %s", bad[i]);
        int code =
            gw_http_transport.start(c->http, &request, &record_handler, &r, &r.transfer, &err);
        assert_int_equal(code, AIGW_E_INVALID);
        assert_string_equal(err.reason, "bad_path");
        assert_int_equal(r.ends, 0);
    }
    assert_false(gw_http_path_ok(gw_slice("/a\0b", 4)));
    client_free(c);
    gw_http_target_free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_go_out_as_they_are),
        cmocka_unit_test(methods_with_and_without_a_body),
        cmocka_unit_test(odd_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
