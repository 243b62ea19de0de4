/* Bodies of requests piece by piece: the same bytes at every split, nothing kept, the bounds of others. */
#include "base/text.h"
#include "proto/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const gw_http1_limits limits = {.max_header_bytes = 600, .max_body_bytes = SIZE_MAX};

#define HEAD "POST /pass/x HTTP/1.1\r\nHost: h\r\n"

static void start(gw_http1 *p, const char *head)
{
    gw_http1_init(p, &limits);
    assert_int_equal(gw_http1_feed(p, head, strlen(head)), strlen(head));
    assert_int_equal(p->state, GW_HTTP1_BODY);
}

/* Feeds exact copies of at most `step` bytes; what was handed over is appended to out. */
static size_t feed(gw_http1 *p, aigw_slice text, size_t step, gw_buf *out)
{
    size_t taken = 0;
    while (taken < text.len && p->state == GW_HTTP1_BODY) {
        aigw_slice piece, rest = gw_skip(text, taken);
        size_t n = rest.len < step ? rest.len : step;
        char *exact = malloc(n);
        memcpy(exact, rest.data, n);
        size_t used = gw_http1_feed_piece(p, gw_slice(exact, n), &piece);
        assert_true(used > 0 && used <= n);
        assert_true(piece.len == 0 ||
                    (piece.data >= exact && piece.data + piece.len <= exact + used));
        gw_buf_add(out, piece);
        free(exact);
        taken += used;
    }
    return taken;
}

static void same_at_every_step(void **state)
{
    static const struct {
        const char *head, *body, *want;
        gw_http1_state end;
        size_t left; /* bytes behind the message */
    } cases[] = {
        {HEAD "Content-Length: 5\r\n\r\n", "hello", "hello", GW_HTTP1_DONE, 0},
        {HEAD "Content-Length: 5\r\n\r\n", "helloGET / HTTP/1.1", "hello", GW_HTTP1_DONE, 14},
        {HEAD "Content-Length: 6\r\n\r\n", "hello", "hello", GW_HTTP1_BODY, 0},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET",
         "abcde", GW_HTTP1_DONE, 3},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "0\r\nTrailer: x\r\n\r\n", "", GW_HTTP1_DONE,
         0},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabcX", "abc", GW_HTTP1_FAILED, 0},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\nx", "abc", GW_HTTP1_FAILED, 0},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "-1\r\n", "", GW_HTTP1_FAILED, 3},
        {HEAD "Transfer-Encoding: chunked\r\n\r\n", "3\nabc", "", GW_HTTP1_FAILED, 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        aigw_slice body = aigw_slice_of(cases[i].body);
        for (size_t step = 1; step <= body.len; step++) {
            gw_http1 p;
            gw_buf out;
            gw_buf_init(&out, 100);
            start(&p, cases[i].head);
            gw_http1_stream_body(&p);
            size_t taken = feed(&p, body, step, &out);
            assert_int_equal(p.state, cases[i].end);
            assert_int_equal(body.len - taken, cases[i].left);
            assert_true(gw_eq(gw_buf_slice(&out), aigw_slice_of(cases[i].want)));
            assert_int_equal(gw_buf_len(&p.body), 0); /* nothing of it was kept */
            size_t room;
            assert_null(gw_http1_body_space(&p, &room));
            gw_http1_free(&p);
            gw_buf_free(&out);
        }
    }
}

static void no_bound_but_that_of_a_number(void **state)
{
    gw_http1 p;
    aigw_slice piece;
    (void)state;
    start(&p, HEAD "Content-Length: 9000000000000\r\n\r\n");
    gw_http1_stream_body(&p);
    assert_int_equal(gw_http1_feed_piece(&p, GW_S("abc"), &piece), 3);
    assert_int_equal(piece.len, 3);
    gw_http1_free(&p);
    start(&p, HEAD "Transfer-Encoding: chunked\r\n\r\n");
    gw_http1_stream_body(&p);
    assert_int_equal(gw_http1_feed_piece(&p, GW_S("7fffffffffff\r\nabc"), &piece), 17);
    assert_int_equal(piece.len, 3);
    assert_int_equal(p.state, GW_HTTP1_BODY);
    gw_http1_free(&p);
}

static void a_bound_that_comes_late(void **state)
{
    gw_http1 p;
    (void)state;
    start(&p, HEAD "Content-Length: 11\r\n\r\n");
    gw_http1_limit_body(&p, 10);
    assert_int_equal(p.state, GW_HTTP1_FAILED);
    assert_int_equal(p.status, 413);
    gw_http1_free(&p);
    start(&p, HEAD "Content-Length: 10\r\n\r\n");
    gw_http1_limit_body(&p, 10);
    assert_int_equal(gw_http1_feed(&p, "0123456789", 10), 10);
    assert_int_equal(p.state, GW_HTTP1_DONE);
    gw_http1_free(&p);
    start(&p, HEAD "Transfer-Encoding: chunked\r\n\r\n");
    gw_http1_limit_body(&p, 10);
    gw_http1_feed(&p, "b\r\n", 3);
    assert_int_equal(p.state, GW_HTTP1_FAILED);
    assert_int_equal(p.status, 413);
    gw_http1_free(&p);
}

static void the_next_message_is_collected_again(void **state)
{
    gw_http1 p;
    aigw_slice piece;
    const char *again = HEAD "Content-Length: 3\r\n\r\n";
    (void)state;
    start(&p, HEAD "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_true(p.expect_continue);
    gw_http1_stream_body(&p);
    assert_int_equal(gw_http1_feed_piece(&p, GW_S("ab"), &piece), 2);
    assert_false(p.expect_continue);
    assert_int_equal(gw_http1_feed_piece(&p, GW_S("cd"), &piece), 0); /* done is done */
    gw_http1_reset(&p);
    gw_http1_feed(&p, again, strlen(again));
    assert_int_equal(gw_http1_feed(&p, "xyz", 3), 3);
    assert_int_equal(p.state, GW_HTTP1_DONE);
    assert_true(gw_eq(gw_buf_slice(&p.body), GW_S("xyz")));
    gw_http1_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_at_every_step),
        cmocka_unit_test(no_bound_but_that_of_a_number),
        cmocka_unit_test(a_bound_that_comes_late),
        cmocka_unit_test(the_next_message_is_collected_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
