/* Requests: any split gives the same state, fields and body, for every message of a connection; bodies that
 * are collected, and bodies that are handed over piece by piece. */
#include "base/text.h"
#include "proto/http1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void describe(gw_buf *out, const gw_http1 *p)
{
    gw_buf_printf(out, "[%d %d %s", p->state, p->status, p->reason);
    if (p->state == GW_HTTP1_BODY || p->state == GW_HTTP1_DONE) {
        gw_buf_printf(out, " %d %d %d %lld", p->minor, p->keep_alive, p->chunked,
                      (long long)p->content_length);
        aigw_slice parts[] = {p->method, p->target, p->path, p->query};
        for (size_t i = 0; i < 4; i++) {
            gw_buf_printf(out, " %zu:", parts[i].len);
            gw_buf_add(out, parts[i]);
        }
        for (size_t i = 0; i < p->header_count; i++) {
            gw_buf_puts(out, "\n ");
            gw_buf_add(out, p->headers[i].name);
            gw_buf_puts(out, "=");
            gw_buf_add(out, p->headers[i].value);
        }
        gw_buf_puts(out, "\n");
        gw_buf_add(out, gw_buf_slice(&p->body));
    }
    gw_buf_puts(out, "]");
}

/* What can never be true of a request that was accepted. */
static void check_sane(const gw_http1 *p)
{
    if (p->state == GW_HTTP1_FAILED) {
        check(p->status >= 400 && p->reason[0] != '\0');
        return;
    }
    check(gw_buf_len(&p->body) <= p->limits.max_body_bytes);
    check(gw_buf_len(&p->head) <= p->limits.max_header_bytes);
    if (p->state == GW_HTTP1_HEAD)
        return;
    check(p->method.len > 0 && p->path.len > 0 && p->target.len > 0);
    check(p->minor == 0 || gw_http1_header(p, "host").len > 0);
    check(!(p->chunked && p->content_length >= 0));
    if (p->state == GW_HTTP1_DONE && p->content_length >= 0)
        check(gw_buf_len(&p->body) == (uint64_t)p->content_length);
    for (size_t i = 0; i < p->header_count; i++) {
        aigw_slice value = p->headers[i].value;
        check(p->headers[i].name.len > 0);
        check(value.len == 0 ||
              (!memchr(value.data, '\n', value.len) && !memchr(value.data, '\r', value.len) &&
               !memchr(value.data, '\0', value.len)));
    }
}

/* A body that is not kept: its pieces lie in the bytes that were given. */
static size_t feed_piece(gw_http1 *p, const char *data, size_t len, gw_buf *out)
{
    aigw_slice piece;
    size_t took = gw_http1_feed_piece(p, gw_slice(data, len), &piece);
    check(took <= len && gw_buf_len(&p->body) == 0);
    check(piece.len == 0 || (piece.data >= data && piece.data + piece.len <= data + took));
    gw_buf_add(out, piece);
    return took;
}

static void run(gw_buf *out, aigw_slice text, uint32_t seed, bool whole, bool streamed)
{
    gw_http1_limits limits = {.max_header_bytes = 300, .max_body_bytes = 100};
    gw_http1 p;
    gw_http1_init(&p, &limits);
    while (text.len > 0 && p.state != GW_HTTP1_FAILED) {
        seed = seed * 1664525u + 1013904223u;
        size_t n = whole ? text.len : 1 + (seed >> 24) % ((seed >> 8 & 1) ? 3 : 40);
        n = n < text.len ? n : text.len;
        char *exact = malloc(n);
        check(exact != NULL);
        memcpy(exact, text.data, n);
        bool piece = streamed && p.state == GW_HTTP1_BODY;
        size_t took = piece ? feed_piece(&p, exact, n, out) : gw_http1_feed(&p, exact, n);
        free(exact);
        check(took <= n && (took > 0 || p.state == GW_HTTP1_FAILED));
        check(took == n || p.state != GW_HTTP1_HEAD);
        if (streamed && p.state == GW_HTTP1_BODY)
            gw_http1_stream_body(&p);
        if (!streamed)
            check_sane(&p);
        text = gw_skip(text, took);
        if (p.state == GW_HTTP1_DONE) {
            describe(out, &p);
            gw_http1_reset(&p);
        }
    }
    describe(out, &p);
    gw_http1_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    aigw_slice text = {(const char *)data + 1, size - 1};
    gw_buf whole, split;
    gw_buf_init(&whole, SIZE_MAX);
    gw_buf_init(&split, SIZE_MAX);
    for (int streamed = 0; streamed < 2; streamed++) {
        gw_buf_clear(&whole);
        run(&whole, text, 0, true, streamed);
        for (uint32_t i = 0; i < 4; i++) {
            run(&split, text, data[0] * 4u + i, false, streamed);
            check(gw_eq(gw_buf_slice(&whole), gw_buf_slice(&split)));
            gw_buf_clear(&split);
        }
    }
    gw_buf_free(&whole);
    gw_buf_free(&split);
    return 0;
}
