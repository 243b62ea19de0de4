/* Answers at every split: accepted ones give the same fields and body, doubtful ones are refused. */
/* Must not need a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/http1_response.h"

#define OK "HTTP/1.1 200 OK\r\n"

typedef struct seen {
    int status;
    char headers[512], body[512];
    size_t body_len, rest;
    bool done, failed, too_large, keep_alive;
} seen;

/* Feeds `text` in pieces of the given lengths (the last one repeats), each in memory of its own size. */
static seen feed(aigw_slice text, size_t first, size_t then, bool no_body, bool ends)
{
    static gw_http1_response p;
    seen s = {0};
    size_t piece = first;

    gw_http1_response_init(&p);
    gw_http1_response_begin(&p, no_body);
    while (text.len > 0 && p.state < GW_HTTP1_ANSWER_DONE) {
        size_t n = piece < text.len ? piece : text.len, at = 0;
        char *bytes = malloc(n);
        memcpy(bytes, text.data, n);
        piece = then;
        while (at < n && p.state < GW_HTTP1_ANSWER_DONE) {
            bool head = p.state == GW_HTTP1_ANSWER_HEAD;
            aigw_slice body;
            size_t took = gw_http1_response_feed(&p, gw_slice(bytes + at, n - at), &body);
            assert_true(took > 0 || p.state == GW_HTTP1_ANSWER_FAILED);
            at += took;
            if (body.len > 0) { /* lies in the input, at the end of what was taken */
                assert_ptr_equal(body.data + body.len, bytes + at);
                memcpy(s.body + s.body_len, body.data, body.len);
                s.body_len += body.len;
            }
            if (head && (p.state == GW_HTTP1_ANSWER_BODY || p.state == GW_HTTP1_ANSWER_DONE)) {
                s.status = p.status;
                for (size_t i = 0, to = 0; i < p.header_count; i++)
                    to += (size_t)snprintf(s.headers + to, sizeof s.headers - to, "%.*s=%.*s;",
                                           (int)p.headers[i].name.len, p.headers[i].name.data,
                                           (int)p.headers[i].value.len, p.headers[i].value.data);
            }
        }
        free(bytes);
        text = gw_skip(text, at);
    }
    if (ends && p.state < GW_HTTP1_ANSWER_DONE)
        gw_http1_response_end(&p);
    s.rest = text.len;
    s.done = p.state == GW_HTTP1_ANSWER_DONE;
    s.failed = p.state == GW_HTTP1_ANSWER_FAILED;
    s.too_large = p.too_large;
    s.keep_alive = p.keep_alive;
    if (s.failed)
        assert_true(p.reason[0] != '\0');
    gw_http1_response_free(&p);
    return s;
}

static void assert_same(const seen *a, const seen *b)
{
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->headers, b->headers);
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, sizeof a->body);
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->too_large, b->too_large);
    if (a->done) {
        assert_int_equal(a->rest, b->rest);
        assert_int_equal(a->keep_alive, b->keep_alive);
    }
}

static seen at_every_split(aigw_slice text, bool no_body, bool ends)
{
    seen whole = feed(text, text.len, text.len, no_body, ends);

    for (size_t i = 1; i < text.len; i++) {
        seen split = feed(text, i, text.len, no_body, ends);
        assert_same(&whole, &split);
        split = feed(text, i, 1, no_body, ends);
        assert_same(&whole, &split);
    }
    return whole;
}

typedef struct good {
    const char *text;
    int status;
    const char *headers, *body;
    size_t rest;
    bool keep_alive, no_body, ends;
} good;

static const good goods[] = {
    {OK "Content-Length: 5\r\nX-A:  b c \t\r\nX-Empty:\r\n\r\nhello", 200,
     "Content-Length=5;X-A=b c;X-Empty=;", "hello", 0, true, false, false},
    {OK "Content-Length: 5\r\n\r\nhelloHTTP/1.1", 200, "Content-Length=5;", "hello", 8, true, false,
     false},
    {OK "Content-Length: 0\r\n\r\n", 200, "Content-Length=0;", "", 0, true, false, false},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "Content-Length=0;", "", 0, true, false,
     false},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "Content-Length=0;", "", 0, true, false,
     false},
    {"HTTP/1.1 529 \xC3\xA4 b\r\ncontent-LENGTH:1\r\n\r\nx", 529, "content-LENGTH=1;", "x", 0, true,
     false, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;e=\"1\"\r\ndefg\r\n0\r\nT: t\r\n\r\n", 200,
     "Transfer-Encoding=chunked;", "abcdefg", 0, true, false, false},
    {OK "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\nmore", 200, "Transfer-Encoding=Chunked;", "", 4,
     true, false, false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK
     "Content-Length: 1\r\n\r\nx",
     200, "Content-Length=1;", "x", 0, true, false, false},
    {"HTTP/1.1 204 None\r\nX: y\r\n\r\n", 204, "X=y;", "", 0, true, false, false},
    {"HTTP/1.1 304 Same\r\nContent-Length: 10\r\n\r\n", 304, "Content-Length=10;", "", 0, true,
     false, false},
    {OK "Content-Length: 10\r\n\r\n", 200, "Content-Length=10;", "", 0, true, true, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n", 200, "Transfer-Encoding=chunked;", "", 0, true, true,
     false},
    {OK "\r\nuntil the end", 200, "", "until the end", 0, false, false, true},
    {OK "Connection: close\r\n\r\nx", 200, "Connection=close;", "x", 0, false, false, true},
    {OK "Connection: x, Close\r\nContent-Length: 1\r\n\r\nx", 200,
     "Connection=x, Close;Content-Length=1;", "x", 0, false, false, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "Content-Length=1;", "x", 0, false,
     false, false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", 200,
     "Connection=keep-alive;Content-Length=1;", "x", 0, true, false, false},
};

static void test_good_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        const good *g = &goods[i];
        seen s = at_every_split(aigw_slice_of(g->text), g->no_body, g->ends);
        if (!s.done)
            fail_msg("not done: %s", g->text);
        assert_int_equal(s.status, g->status);
        assert_string_equal(s.headers, g->headers);
        assert_string_equal(s.body, g->body);
        assert_int_equal(s.rest, g->rest);
        assert_int_equal(s.keep_alive, g->keep_alive);
    }
}

static const char *const bads[] = {
    "SSH-2.0-OpenSSH\r\n\r\n",
    "http/1.1 200 OK\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/1.2 200 OK\r\n\r\n",
    "HTTP/1.x 200 OK\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\n\r\n",
    " HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "HTTP/1.1 +20 OK\r\n\r\n",
    "HTTP/1.1 200\tOK\r\n\r\n",
    "HTTP/1.1\r\n\r\n",
    "HTTP/1.1 200 O\rK\r\n\r\n",
    "HTTP/1.1 200 O\x01K\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\n\n",
    OK "X: y\n\r\n",
    OK "X: y\r\n\n",
    OK "X: a\rb\r\n\r\n",
    OK "X: 1\r\n folded\r\n\r\n",
    OK " X: 1\r\n\r\n",
    OK "X : 1\r\n\r\n",
    OK "no colon\r\n\r\n",
    OK ": empty\r\n\r\n",
    OK "X\x80: 1\r\n\r\n",
    OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    OK "Content-Length: 2, 2\r\n\r\nab",
    OK "Content-Length: +2\r\n\r\nab",
    OK "Content-Length: -2\r\n\r\nab",
    OK "Content-Length: 0x2\r\n\r\nab",
    OK "Content-Length: 02\r\n\r\nab",
    OK "Content-Length:\r\n\r\nab",
    OK "Content-Length: 99999999999999999999\r\n\r\nab",
    OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: gzip\r\n\r\nx",
    OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding:\r\n\r\nx",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
    /* cut */
    "",
    "HTTP/1.1 200 OK\r\nX: 1\r\n",
    OK "Content-Length: 2\r\n\r\na",
    OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
};

static void test_bad_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        seen s = at_every_split(aigw_slice_of(bads[i]), false, true);
        if (!s.failed)
            fail_msg("accepted: %s", bads[i]);
        assert_false(s.too_large);
    }
}

static void test_nul_is_refused_everywhere(void **state)
{
    static const char text[] =
        OK "X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\nT: t\r\n\r\n";
    char copy[sizeof text];

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        if (text[i] == 'x')
            continue; /* the body */
        memcpy(copy, text, sizeof text);
        copy[i] = '\0';
        seen s = at_every_split(gw_slice(copy, sizeof text - 1), false, true);
        if (!s.failed)
            fail_msg("NUL at %zu", i);
    }
}

/* Heads of exactly the limit pass, one byte more does not; interim heads count. */
static void test_head_limit(void **state)
{
    static char text[GW_HTTP1_RESPONSE_HEAD + 64];
    static const char interim[] = "HTTP/1.1 100 C\r\n\r\n", begin[] = OK "Content-Length: 0\r\nX: ";

    (void)state;
    for (int with = 0; with < 2; with++) {
        for (size_t over = 0; over < 2; over++) {
            size_t len = GW_HTTP1_RESPONSE_HEAD + over;
            memset(text, 'a', sizeof text);
            memcpy(text, with ? interim : "", with ? sizeof interim - 1 : 0);
            memcpy(text + (with ? sizeof interim - 1 : 0), begin, sizeof begin - 1);
            memcpy(text + len - 4, "\r\n\r\n", 4);
            static const size_t pieces[] = {1, 7, 4096, SIZE_MAX};
            for (size_t i = 0; i < 4; i++) {
                static gw_http1_response p;
                aigw_slice rest = {text, len}, body;
                gw_http1_response_init(&p);
                while (rest.len > 0 && p.state == GW_HTTP1_ANSWER_HEAD) {
                    size_t n = pieces[i] < rest.len ? pieces[i] : rest.len;
                    rest = gw_skip(rest, gw_http1_response_feed(&p, gw_slice(rest.data, n), &body));
                }
                assert_int_equal(p.state, over ? GW_HTTP1_ANSWER_FAILED : GW_HTTP1_ANSWER_DONE);
                assert_int_equal(p.too_large, over);
                gw_http1_response_free(&p);
            }
        }
    }
}

static void test_field_limit(void **state)
{
    char text[4096];

    (void)state;
    for (int over = 0; over < 2; over++) {
        static gw_http1_response p;
        aigw_slice body;
        size_t at = (size_t)snprintf(text, sizeof text, OK "Content-Length: 0\r\n");
        for (int i = 1; i < GW_HTTP1_RESPONSE_HEADERS + over; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "X-%d: v\r\n", i);
        at += (size_t)snprintf(text + at, sizeof text - at, "\r\n");
        gw_http1_response_init(&p);
        gw_http1_response_feed(&p, gw_slice(text, at), &body);
        assert_int_equal(p.state, over ? GW_HTTP1_ANSWER_FAILED : GW_HTTP1_ANSWER_DONE);
        assert_int_equal(p.too_large, over);
        gw_http1_response_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_answers),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_nul_is_refused_everywhere),
        cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_field_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
