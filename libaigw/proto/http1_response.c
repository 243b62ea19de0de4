/* Reads HTTP/1.1 answers from any split of their bytes; a head that comes whole is not copied. */
/* Must not know sockets or clocks, nor what was asked. */
#include "proto/http1_response.h"

#include "base/text.h"
#include "proto/http1_field.h"

#define KEPT_BYTES 4096u

static void refuse(gw_http1_response *p, const char *reason)
{
    p->state = GW_HTTP1_ANSWER_FAILED;
    p->reason = reason;
}

void gw_http1_response_init(gw_http1_response *p)
{
    gw_buf_init(&p->head, GW_HTTP1_RESPONSE_HEAD);
    gw_http1_response_begin(p, false);
}

void gw_http1_response_begin(gw_http1_response *p, bool no_body)
{
    if (p->head.cap > KEPT_BYTES)
        gw_buf_free(&p->head);
    gw_buf_clear(&p->head);
    p->state = GW_HTTP1_ANSWER_HEAD;
    p->reason = "";
    p->too_large = p->no_memory = p->began = false;
    p->no_body = no_body;
    p->status = 0;
    p->minor = 1;
    p->keep_alive = p->chunked = p->until_close = false;
    p->header_count = p->scanned = p->line = p->head_bytes = 0;
    p->content_length = -1;
    p->left = 0;
    p->chunks = (gw_http1_chunks){0};
}

void gw_http1_response_free(gw_http1_response *p)
{
    gw_buf_free(&p->head);
    gw_http1_response_begin(p, false);
}

/* ---- the head ---- */

/* Looks for the empty line from p->scanned on: 1 found (p->scanned is behind it), 0 not yet, -1 refused. */
static int scan(gw_http1_response *p, aigw_slice text)
{
    static const char version[7] = {'H', 'T', 'T', 'P', '/', '1', '.'};

    if (memcmp(text.data, version, text.len < sizeof version ? text.len : sizeof version) != 0) {
        refuse(p, "not an HTTP/1 answer");
        return -1;
    }
    while (p->scanned < text.len) {
        const char *lf = memchr(text.data + p->scanned, '\n', text.len - p->scanned);
        if (!lf) {
            p->scanned = text.len;
            break;
        }
        size_t end = (size_t)(lf - text.data) + 1;
        if (end - p->line < 2 || text.data[end - 2] != '\r') {
            refuse(p, "LF without CR");
            return -1;
        }
        bool empty = end - p->line == 2;
        p->scanned = p->line = end;
        if (empty)
            return 1;
    }
    return 0;
}

/* HTTP/1.x SP 3DIGIT [ SP reason ]; the blank before no reason is often missing. */
static bool status_line(gw_http1_response *p, aigw_slice line)
{
    uint64_t status;

    if (line.len < 12 || (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ' ||
        !gw_parse_u64(gw_slice(line.data + 9, 3), &status) || status < 100 ||
        (line.len > 12 && line.data[12] != ' '))
        return false;
    for (size_t i = 12; i < line.len; i++) {
        if (!gw_http1_value_char(line.data[i]))
            return false;
    }
    p->minor = line.data[7] - '0';
    p->status = (int)status;
    return true;
}

/* RFC 9112 clause 6.3. */
static void start_body(gw_http1_response *p)
{
    bool unknown;
    aigw_slice coding;
    const aigw_header *headers = p->headers;
    size_t count = p->header_count;
    const char *fault = gw_http1_length(headers, count, &p->content_length);

    if (!fault && gw_http1_count(headers, count, GW_S("transfer-encoding"), &coding) > 0) {
        fault = p->minor == 0            ? "Transfer-Encoding in HTTP/1.0"
                : p->content_length >= 0 ? "Content-Length with Transfer-Encoding"
                                         : gw_http1_encoding(headers, count, &p->chunked, &unknown);
    }
    if (fault) {
        refuse(p, fault);
        return;
    }
    bool none = p->no_body || p->status == 204 || p->status == 304 || p->content_length == 0;
    p->until_close = !none && !p->chunked && p->content_length < 0;
    p->left = p->content_length > 0 ? (uint64_t)p->content_length : 0;
    p->keep_alive = !p->until_close && gw_http1_persists(headers, count, p->minor);
    p->state = none ? GW_HTTP1_ANSWER_DONE : GW_HTTP1_ANSWER_BODY;
}

/* `head` is made of lines that end in CRLF, the last of them empty. */
static void read_head(gw_http1_response *p, aigw_slice head)
{
    aigw_slice rest = head;
    aigw_slice line = gw_cut(&rest, '\n');

    if (!status_line(p, gw_slice(line.data, line.len - 1))) {
        refuse(p, "bad status line");
        return;
    }
    p->header_count = 0;
    for (;;) {
        line = gw_cut(&rest, '\n');
        if (--line.len == 0)
            break;
        if (p->header_count == GW_HTTP1_RESPONSE_HEADERS) {
            p->too_large = true;
            refuse(p, "too many header fields");
            return;
        }
        const char *fault = gw_http1_field(line, &p->headers[p->header_count]);
        if (fault) {
            refuse(p, fault);
            return;
        }
        p->header_count++;
    }
    if (p->status >= 200)
        start_body(p);
    else if (p->status == 101)
        refuse(p, "a protocol switch that nobody asked for");
}

/* Behind an interim head: what it took counts, the rest starts anew. */
static void next_head(gw_http1_response *p)
{
    p->head_bytes += p->scanned;
    p->scanned = p->line = 0;
    gw_buf_clear(&p->head);
}

static size_t feed_head(gw_http1_response *p, aigw_slice bytes)
{
    size_t held = gw_buf_len(&p->head);
    size_t room = GW_HTTP1_RESPONSE_HEAD - p->head_bytes - held;
    size_t n = bytes.len < room ? bytes.len : room;
    aigw_slice text = gw_slice(bytes.data, n);

    if (held > 0) {
        if (!gw_buf_append(&p->head, bytes.data, n)) {
            p->no_memory = true;
            refuse(p, "out of memory");
            return n;
        }
        text = gw_buf_slice(&p->head);
    }
    int found = text.len > 0 ? scan(p, text) : 0;
    if (found < 0)
        return n;
    if (found > 0) {
        size_t taken = p->scanned - held;
        read_head(p, gw_slice(text.data, p->scanned));
        if (p->state == GW_HTTP1_ANSWER_HEAD)
            next_head(p);
        return taken;
    }
    if (n == room) {
        p->too_large = true;
        refuse(p, "the head is too long");
    } else if (held == 0 && !gw_buf_append(&p->head, bytes.data, n)) {
        p->no_memory = true;
        refuse(p, "out of memory");
    }
    return n;
}

/* ---- the body ---- */

static size_t take(uint64_t *left, aigw_slice bytes, aigw_slice *body)
{
    size_t n = bytes.len < *left ? bytes.len : (size_t)*left;

    *body = gw_slice(bytes.data, n);
    *left -= n;
    return n;
}

static size_t feed_chunked(gw_http1_response *p, aigw_slice bytes, aigw_slice *body)
{
    gw_http1_framing now;

    if (p->chunks.left > 0)
        return take(&p->chunks.left, bytes, body);
    size_t n = gw_http1_chunks_feed(&p->chunks, GW_HTTP1_RESPONSE_HEAD, bytes, &now, &p->reason);
    if (now == GW_HTTP1_CHUNK_END)
        p->state = GW_HTTP1_ANSWER_DONE;
    else if (now == GW_HTTP1_CHUNK_BAD || now == GW_HTTP1_CHUNK_LONG)
        p->state = GW_HTTP1_ANSWER_FAILED;
    p->too_large = now == GW_HTTP1_CHUNK_LONG;
    return n;
}

static size_t feed_body(gw_http1_response *p, aigw_slice bytes, aigw_slice *body)
{
    if (p->chunked)
        return feed_chunked(p, bytes, body);
    if (p->until_close) {
        *body = bytes;
        return bytes.len;
    }
    size_t n = take(&p->left, bytes, body);
    if (p->left == 0)
        p->state = GW_HTTP1_ANSWER_DONE;
    return n;
}

size_t gw_http1_response_feed(gw_http1_response *p, aigw_slice bytes, aigw_slice *body)
{
    size_t taken = 0;

    *body = (aigw_slice){NULL, 0};
    p->began = p->began || bytes.len > 0;
    if (p->state == GW_HTTP1_ANSWER_HEAD) {
        while (taken < bytes.len && p->state == GW_HTTP1_ANSWER_HEAD)
            taken += feed_head(p, gw_skip(bytes, taken));
        return taken;
    }
    while (taken < bytes.len && p->state == GW_HTTP1_ANSWER_BODY && body->len == 0)
        taken += feed_body(p, gw_skip(bytes, taken), body);
    return taken;
}

void gw_http1_response_end(gw_http1_response *p)
{
    if (p->state == GW_HTTP1_ANSWER_BODY && p->until_close)
        p->state = GW_HTTP1_ANSWER_DONE;
    else
        refuse(p, "the connection ended within an answer");
}
