/* Answers: any split gives the same verdict, fields and body, for every answer of a connection. */
#include "base/text.h"
#include "proto/http1_response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool over(const gw_http1_response *p)
{
    return p->state == GW_HTTP1_ANSWER_DONE || p->state == GW_HTTP1_ANSWER_FAILED;
}

static void describe_head(gw_buf *out, const gw_http1_response *p)
{
    check(p->status >= 200 && p->status <= 999 && (p->minor == 0 || p->minor == 1));
    check(!(p->chunked && p->content_length >= 0));
    check(!(p->until_close && p->keep_alive));
    gw_buf_printf(out, "[%d %d %d %d %lld", p->status, p->minor, p->keep_alive, p->chunked,
                  (long long)p->content_length);
    for (size_t i = 0; i < p->header_count; i++) {
        aigw_slice name = p->headers[i].name, value = p->headers[i].value;
        check(name.len > 0 && !memchr(name.data, '\0', name.len));
        check(value.len == 0 ||
              (!memchr(value.data, '\n', value.len) && !memchr(value.data, '\r', value.len) &&
               !memchr(value.data, '\0', value.len)));
        gw_buf_puts(out, "\n ");
        gw_buf_add(out, name);
        gw_buf_puts(out, "=");
        gw_buf_add(out, value);
    }
    gw_buf_puts(out, "]\n");
}

/* One piece; returns what was not taken. */
static aigw_slice feed(gw_http1_response *p, aigw_slice piece, gw_buf *out)
{
    while (piece.len > 0 && !over(p)) {
        bool head = p->state == GW_HTTP1_ANSWER_HEAD;
        aigw_slice body;
        size_t took = gw_http1_response_feed(p, piece, &body);
        check(took <= piece.len && (took > 0 || p->state == GW_HTTP1_ANSWER_FAILED));
        check(body.len == 0 || (!head && body.data + body.len == piece.data + took));
        if (head && (p->state == GW_HTTP1_ANSWER_BODY || p->state == GW_HTTP1_ANSWER_DONE))
            describe_head(out, p);
        gw_buf_add(out, body);
        piece = gw_skip(piece, took);
    }
    return piece;
}

static void run(gw_buf *out, aigw_slice text, uint32_t seed, bool whole, bool no_body)
{
    static gw_http1_response p;

    gw_http1_response_init(&p);
    gw_http1_response_begin(&p, no_body);
    while (text.len > 0 && p.state != GW_HTTP1_ANSWER_FAILED) {
        seed = seed * 1664525u + 1013904223u;
        size_t n = whole ? text.len : 1 + (seed >> 24) % ((seed >> 8 & 1) ? 3 : 40);
        n = n < text.len ? n : text.len;
        char *exact = malloc(n);
        check(exact != NULL);
        memcpy(exact, text.data, n);
        size_t left = feed(&p, gw_slice(exact, n), out).len;
        free(exact);
        text = gw_skip(text, n - left);
        if (p.state == GW_HTTP1_ANSWER_DONE) {
            gw_buf_puts(out, "{done}");
            gw_http1_response_begin(&p, no_body);
        }
    }
    if (!over(&p))
        gw_http1_response_end(&p);
    gw_buf_printf(out, "{%d %d}", p.state, p.too_large);
    gw_http1_response_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    aigw_slice text = {(const char *)data + 1, size - 1};
    gw_buf whole, split;

    gw_buf_init(&whole, SIZE_MAX);
    gw_buf_init(&split, SIZE_MAX);
    run(&whole, text, 0, true, data[0] & 1);
    for (uint32_t i = 0; i < 4; i++) {
        run(&split, text, data[0] * 4u + i, false, data[0] & 1);
        check(gw_eq(gw_buf_slice(&whole), gw_buf_slice(&split)));
        gw_buf_clear(&split);
    }
    gw_buf_free(&whole);
    gw_buf_free(&split);
    return 0;
}
