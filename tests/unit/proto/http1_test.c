/* HTTP/1.1 requests: what is refused, what is meant, at every split and within bounds. */
#include "base/text.h"
#include "proto/http1.h"
#include "unit/base/fault_alloc.h"
#include "unit/proto/http1_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const gw_http1_limits limits = {.max_header_bytes = 600, .max_body_bytes = 50};

/* Feeds exact copies, so that a sanitizer sees any byte read too far. Returns the bytes taken. */
static size_t feed(gw_http1 *p, aigw_slice text)
{
    size_t taken = 0;
    while (taken < text.len) {
        aigw_slice rest = gw_skip(text, taken);
        char *exact = malloc(rest.len);
        memcpy(exact, rest.data, rest.len);
        size_t n = gw_http1_feed(p, exact, rest.len);
        free(exact);
        assert_true(n <= rest.len);
        taken += n;
        if (n == 0)
            break;
    }
    return taken;
}

/* In two parts, cut at `cut`; and byte by byte if cut is past the end. */
static size_t feed_cut(gw_http1 *p, aigw_slice text, size_t cut)
{
    if (cut > text.len) {
        size_t taken = 0;
        while (taken < text.len && feed(p, gw_slice(text.data + taken, 1)) == 1)
            taken++;
        return taken;
    }
    size_t taken = feed(p, gw_slice(text.data, cut));
    return taken < cut ? taken : taken + feed(p, gw_skip(text, cut));
}

static void test_refuses_at_every_split(void **state)
{
    (void)state;
    size_t count = sizeof(bad_requests) / sizeof(bad_requests[0]);
    assert_true(count > 100);
    for (size_t i = 0; i < count; i++) {
        aigw_slice text = aigw_slice_of(bad_requests[i].text);
        const char *reason = NULL;
        for (size_t cut = 0; cut <= text.len + 1; cut++) {
            gw_http1 p;
            gw_http1_init(&p, &limits);
            feed_cut(&p, text, cut);
            if (p.state != GW_HTTP1_FAILED || p.status != bad_requests[i].status)
                fail_msg("state %d status %d for, cut at %zu:\n%s", p.state, p.status, cut,
                         text.data);
            reason = reason ? reason : p.reason;
            assert_string_equal(p.reason, reason);
            assert_int_equal(gw_http1_feed(&p, "GET", 3), 0);
            gw_http1_free(&p);
        }
    }
}

static void test_nul_is_refused_everywhere(void **state)
{
    (void)state;
    const char text[] =
        "POST /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1;a=\"b\"\r\nz\r\n0\r\nT: v\r\n\r\n";
    size_t len = sizeof(text) - 1;
    size_t body = (size_t)(strstr(text, "\r\nz\r\n") - text) + 2;
    for (size_t at = 0; at < len; at++) {
        char copy[sizeof(text)];
        memcpy(copy, text, sizeof(text));
        copy[at] = '\0';
        gw_http1 p;
        gw_http1_init(&p, &limits);
        feed(&p, gw_slice(copy, len));
        if (at == body)
            assert_int_equal(p.state, GW_HTTP1_DONE); /* a body may hold anything */
        else if (p.state == GW_HTTP1_DONE)
            fail_msg("NUL at %zu", at);
        gw_http1_free(&p);
    }
}

static void check_head(const gw_http1 *p, const char *path, const char *query, const char *host)
{
    assert_true(gw_eq(p->path, aigw_slice_of(path)));
    assert_int_equal(p->query.data != NULL, query != NULL);
    assert_true(gw_eq(p->query, aigw_slice_of(query)));
    assert_true(gw_eq(gw_http1_header(p, "host"), aigw_slice_of(host)));
}

static void test_targets(void **state)
{
    (void)state;
    const struct {
        const char *head, *path, *query, *host;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "/", NULL, "x"},
        {"\r\nGET /v1/models?a=%20&b=/?:@ HTTP/1.1\r\nHost: x:80\r\n\r\n", "/v1/models",
         "a=%20&b=/?:@", "x:80"},
        {"GET /? HTTP/1.1\r\nHOST:\t[::1]:8080 \t\r\n\r\n", "/", "", "[::1]:8080"},
        {"GET /v1beta/models/m-1.5:gen?x[]=y HTTP/1.1\r\nHost: a.b-c_d\r\n\r\n",
         "/v1beta/models/m-1.5:gen", "x[]=y", "a.b-c_d"},
        {"GET //x/../y HTTP/1.1\r\nHost: x\r\n\r\n", "//x/../y", NULL, "x"},
        {"GET http://h:1/p?q HTTP/1.1\r\nHost: other\r\n\r\n", "/p", "q", "h:1"},
        {"GET HTTPS://h HTTP/1.1\r\nHost: other\r\n\r\n", "/", NULL, "h"},
        {"GET http://h?q HTTP/1.1\r\nHost: other\r\n\r\n", "/", "q", "h"},
        {"GET http://h/ HTTP/1.0\r\n\r\n", "/", NULL, "h"},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*", NULL, "x"},
        {"GET / HTTP/1.0\r\n\r\n", "/", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aigw_slice text = aigw_slice_of(cases[i].head);
        for (size_t cut = 0; cut <= text.len + 1; cut++) {
            gw_http1 p;
            gw_http1_init(&p, &limits);
            assert_int_equal(feed_cut(&p, text, cut), text.len);
            assert_int_equal(p.state, GW_HTTP1_DONE);
            check_head(&p, cases[i].path, cases[i].query, cases[i].host);
            gw_http1_free(&p);
        }
    }
}

static void test_fields(void **state)
{
    (void)state;
    gw_http1 p;
    gw_http1_init(&p, &limits);
    feed(&p, GW_S("DELETE /x HTTP/1.1\r\nHost: x\r\nA:b\r\nc-D: \t a\tb\xC3\xA4 \r\nEmpty:\r\na: "
                  "second\r\n\r\n"));
    assert_int_equal(p.state, GW_HTTP1_DONE);
    assert_true(gw_eq(p.method, GW_S("DELETE")));
    assert_true(gw_eq(p.target, GW_S("/x")));
    assert_int_equal(p.header_count, 5);
    assert_int_equal(p.content_length, -1);
    assert_true(gw_eq(gw_http1_header(&p, "a"), GW_S("b")));
    assert_true(gw_eq(gw_http1_header(&p, "C-d"), GW_S("a\tb\xC3\xA4")));
    assert_non_null(gw_http1_header(&p, "empty").data);
    assert_null(gw_http1_header(&p, "none").data);
    gw_http1_free(&p);
}

static void test_keep_alive(void **state)
{
    (void)state;
    const struct {
        const char *head;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_http1 p;
        gw_http1_init(&p, &limits);
        feed(&p, aigw_slice_of(cases[i].head));
        assert_int_equal(p.state, GW_HTTP1_DONE);
        assert_int_equal(p.keep_alive, cases[i].keep);
        gw_http1_free(&p);
    }
}

static void test_bodies_at_every_split(void **state)
{
    (void)state;
    const struct {
        const char *text, *body, *rest;
    } cases[] = {
        {POST "Content-Length: 5\r\n\r\nhelloGET", "hello", "GET"},
        {POST "Content-Length: 0\r\n\r\nGET", "", "GET"},
        {POST "\r\nGET", "", "GET"},
        {CHUNKED "5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET"},
        {POST "transfer-encoding:\tCHUNKED \r\n\r\n000a\r\n0123456789\r\n1;a;b=c;d=\"e \\\" "
              "f\"\r\n\n\r\n00\r\nT: v\r\nU:\r\n\r\n",
         "0123456789\n", ""},
        {CHUNKED "9\r\n\r\n0\r\n\r\n\r\n\r\n0;x\r\n\r\n", "\r\n0\r\n\r\n\r\n", ""},
        {CHUNKED "0000000000000001\r\nx\r\n0\r\n\r\n", "x", ""},
        {CHUNKED "32\r\n01234567890123456789012345678901234567890123456789\r\n0\r\n\r\n",
         "01234567890123456789012345678901234567890123456789", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        aigw_slice text = aigw_slice_of(cases[i].text);
        for (size_t cut = 0; cut <= text.len + 1; cut++) {
            gw_http1 p;
            gw_http1_init(&p, &limits);
            size_t taken = feed_cut(&p, text, cut);
            assert_int_equal(p.state, GW_HTTP1_DONE);
            assert_int_equal(taken, text.len - strlen(cases[i].rest));
            assert_true(gw_eq(gw_buf_slice(&p.body), aigw_slice_of(cases[i].body)));
            gw_http1_free(&p);
        }
    }
}

/* What is put in place and what is fed is the same body, in any mixture. */
static void test_bodies_put_in_place(void **state)
{
    (void)state;
    static const char head[] = POST "Content-Length: 10\r\n\r\n", body[] = "0123456789";
    for (size_t fed = 0; fed <= 10; fed++) {
        for (size_t step = 1; step <= 10; step++) {
            gw_http1 p;
            size_t at = fed, room;
            gw_http1_init(&p, &limits);
            assert_null(gw_http1_body_space(&p, &room));
            feed(&p, aigw_slice_of(head));
            feed(&p, gw_slice(body, fed));
            for (char *to; (to = gw_http1_body_space(&p, &room));) {
                assert_true(room > 0 && room <= 10 - at);
                size_t n = step < room ? step : room;
                memcpy(to, body + at, n);
                gw_http1_body_filled(&p, n);
                at += n;
            }
            assert_int_equal(at, 10);
            assert_int_equal(p.state, GW_HTTP1_DONE);
            assert_true(gw_eq(gw_buf_slice(&p.body), GW_S("0123456789")));
            gw_http1_free(&p);
        }
    }
    gw_http1 chunked;
    size_t room;
    gw_http1_init(&chunked, &limits);
    feed(&chunked, aigw_slice_of(CHUNKED));
    assert_int_equal(chunked.state, GW_HTTP1_BODY);
    assert_null(gw_http1_body_space(&chunked, &room));
    gw_http1_free(&chunked);
}

static void test_returns_at_the_end_of_the_head(void **state)
{
    (void)state;
    const char *head = POST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
    char text[200];
    snprintf(text, sizeof(text), "%sabcGET", head);
    gw_http1 p;
    gw_http1_init(&p, &limits);
    assert_int_equal(gw_http1_feed(&p, text, strlen(text)), strlen(head));
    assert_int_equal(p.state, GW_HTTP1_BODY);
    assert_int_equal(p.content_length, 3);
    assert_false(p.expect_continue); /* the body is there already */
    assert_int_equal(gw_http1_feed(&p, text + strlen(head), 6), 3);
    assert_int_equal(p.state, GW_HTTP1_DONE);
    assert_int_equal(gw_http1_feed(&p, "GET", 3), 0);
    gw_http1_reset(&p);
    assert_int_equal(gw_http1_feed(&p, head, strlen(head)), strlen(head));
    assert_true(p.expect_continue);
    assert_int_equal(gw_http1_feed(&p, "a", 1), 1);
    assert_false(p.expect_continue);
    gw_http1_reset(&p);
    feed(&p, GW_S("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(p.state, GW_HTTP1_BODY);
    assert_false(p.expect_continue);
    gw_http1_free(&p);
}

static void test_pipeline_and_reset(void **state)
{
    (void)state;
    aigw_slice text = GW_S(POST "Content-Length: 2\r\n\r\nab\r\n" GET "\r\n" CHUNKED
                                "1\r\nc\r\n0\r\n\r\n" GET "X: y\r\n\r\n");
    for (size_t step = 1; step < text.len; step++) {
        gw_http1 p;
        gw_http1_init(&p, &limits);
        char seen[64] = "";
        for (size_t at = 0; at < text.len;) {
            size_t n = text.len - at < step ? text.len - at : step;
            at += gw_http1_feed(&p, text.data + at, n);
            assert_int_not_equal(p.state, GW_HTTP1_FAILED);
            if (p.state != GW_HTTP1_DONE)
                continue;
            snprintf(seen + strlen(seen), 32, "%.*s:%.*s%zu;", (int)p.method.len, p.method.data,
                     (int)gw_buf_len(&p.body), gw_buf_slice(&p.body).data, p.header_count);
            gw_http1_reset(&p);
        }
        assert_string_equal(seen, "POST:ab2;GET:1;POST:c2;GET:2;");
        gw_http1_free(&p);
    }
}

static int status_of(const char *start, char fill, size_t count, const char *end, size_t step)
{
    size_t len = strlen(start) + count + strlen(end);
    char *text = malloc(len + 1);
    strcpy(text, start);
    memset(text + strlen(start), fill, count);
    strcpy(text + strlen(start) + count, end);
    gw_http1 p;
    gw_http1_init(&p, &limits);
    for (size_t at = 0; at < len;) {
        size_t n = gw_http1_feed(&p, text + at, len - at < step ? len - at : step);
        if (n == 0)
            break;
        at += n;
    }
    int status = p.state == GW_HTTP1_FAILED ? p.status : 0;
    gw_http1_free(&p);
    free(text);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    for (size_t step = 1; step < 2000; step = step * 3 + 1) {
        assert_int_equal(status_of("GET /", 'a', 700, " HTTP/1.1\r\n" H "\r\n", step), 414);
        assert_int_equal(status_of("\r\nGET /", 'a', 586, " HTTP/1.1\r\n" H "\r\n", step), 414);
        assert_int_equal(status_of("GET /", 'a', 584, " HTTP/1.1\r\n" H "\r\n", step), 431);
        assert_int_equal(status_of(GET "A: ", 'b', 700, "\r\n\r\n", step), 431);
        assert_int_equal(status_of("", 'x', 5000, "", step), 414);
        size_t used = strlen(GET "A: \r\n\r\n");
        assert_int_equal(status_of(GET "A: ", 'b', 600 - used, "\r\n\r\n", step), 0);
        assert_int_equal(status_of(GET "A: ", 'b', 601 - used, "\r\n\r\n", step), 431);
        assert_int_equal(status_of(CHUNKED "1;a=", 'b', 300, "\r\na\r\n", step), 400);
        assert_int_equal(status_of(CHUNKED "1;a=", 'b', 200, "\r\na\r\n0\r\n\r\n", step), 0);
        assert_int_equal(status_of(CHUNKED "0\r\nA: ", 'b', 700, "\r\n\r\n", step), 431);
        assert_int_equal(status_of(CHUNKED "0\r\nA: ", 'b', 500, "\r\n\r\n", step), 0);
    }
}

static void test_field_count(void **state)
{
    (void)state;
    const gw_http1_limits wide = {.max_header_bytes = 60000, .max_body_bytes = 10};
    for (int count = GW_HTTP1_MAX_HEADERS - 1; count < GW_HTTP1_MAX_HEADERS + 2; count++) {
        gw_http1 p;
        gw_http1_init(&p, &wide);
        feed(&p, GW_S(GET));
        for (int i = 1; i < count; i++)
            feed(&p, GW_S("A: b\r\n"));
        feed(&p, GW_S("\r\n"));
        assert_int_equal(p.status, count > GW_HTTP1_MAX_HEADERS ? 431 : 0);
        gw_http1_free(&p);
    }
}

/* Memory beyond 64 KiB is given back between messages, less is kept. */
static void test_reset_and_memory(void **state)
{
    (void)state;
    const gw_http1_limits wide = {.max_header_bytes = 600, .max_body_bytes = 1 << 20};
    fault_alloc f;
    fault_use(&f, 0);
    gw_http1 p;
    gw_http1_init(&p, &wide);
    for (int round = 0; round < 2; round++) {
        size_t len = round ? 200000 : 1000;
        char head[200];
        snprintf(head, sizeof(head), POST "Content-Length: %zu\r\n\r\n", len);
        feed(&p, aigw_slice_of(head));
        char *body = calloc(1, len);
        feed(&p, gw_slice(body, len));
        free(body);
        assert_int_equal(p.state, GW_HTTP1_DONE);
        gw_http1_reset(&p);
        assert_int_equal(p.body.cap > 0, round == 0);
        assert_int_equal(gw_buf_len(&p.body), 0);
    }
    gw_http1_free(&p);
    assert_int_equal(f.live, 0);
    fault_done();
}

static void test_allocation_failures(void **state)
{
    (void)state;
    const gw_http1_limits wide = {.max_header_bytes = 6000, .max_body_bytes = 6000};
    char text[3000];
    int head = snprintf(text, sizeof(text), POST "A: %0700d\r\nContent-Length: 1500\r\n\r\n", 1);
    memset(text + head, 'x', 1500);
    int status = 503;
    long n = 1;
    for (; status != 0 && n < 50; n++) {
        fault_alloc f;
        fault_use(&f, n);
        gw_http1 p;
        gw_http1_init(&p, &wide);
        for (size_t at = 0; at < (size_t)head + 1500 && p.state != GW_HTTP1_FAILED; at += 100) {
            size_t left = (size_t)head + 1500 - at;
            feed(&p, gw_slice(text + at, left < 100 ? left : 100));
        }
        status = p.status;
        assert_true(status == 503 || (status == 0 && p.state == GW_HTTP1_DONE));
        gw_http1_reset(&p);
        gw_http1_free(&p);
        assert_int_equal(f.live, 0);
        fault_done();
    }
    assert_int_equal(status, 0);
    assert_true(n > 4);
}

static void test_reason_phrases(void **state)
{
    (void)state;
    assert_string_equal(gw_http1_reason(200), "OK");
    assert_string_equal(gw_http1_reason(404), "Not Found");
    assert_string_equal(gw_http1_reason(429), "Too Many Requests");
    assert_string_equal(gw_http1_reason(799), "Unknown");
    assert_string_equal(gw_http1_reason(-1), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_at_every_split),
        cmocka_unit_test(test_nul_is_refused_everywhere),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_bodies_at_every_split),
        cmocka_unit_test(test_bodies_put_in_place),
        cmocka_unit_test(test_returns_at_the_end_of_the_head),
        cmocka_unit_test(test_pipeline_and_reset),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_field_count),
        cmocka_unit_test(test_reset_and_memory),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_reason_phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
