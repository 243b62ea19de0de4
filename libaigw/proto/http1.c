/* Reads HTTP/1.1 requests from any split of their bytes: where the head ends, and the body. */
/* Must not know sockets or clocks; what a head means is read in http1_head. */
#include "proto/http1.h"

#include "base/text.h"
#include "proto/http1_head.h"

#define KEPT_BYTES  (64u * 1024u)
#define AHEAD_BYTES (1024u * 1024u) /* of a body's length, believed before its bytes have come */

static void clear_message(gw_http1 *p)
{
    p->state = GW_HTTP1_HEAD;
    p->status = 0;
    p->reason = "";
    p->scanned = 0;
    p->leading_crlf = false;
    p->method = p->target = p->path = p->query = (aigw_slice){NULL, 0};
    p->header_count = 0;
    p->minor = 1;
    p->keep_alive = p->expect_continue = p->chunked = p->streamed = false;
    p->content_length = -1;
    p->left = 0;
    p->chunks = (gw_http1_chunks){0};
}

void gw_http1_init(gw_http1 *p, const gw_http1_limits *limits)
{
    p->limits = *limits;
    gw_buf_init(&p->head, limits->max_header_bytes);
    gw_buf_init(&p->body, limits->max_body_bytes);
    clear_message(p);
}

static void reset_buf(gw_buf *buf)
{
    if (buf->cap > KEPT_BYTES)
        gw_buf_free(buf);
    gw_buf_clear(buf);
}

void gw_http1_reset(gw_http1 *p)
{
    reset_buf(&p->head);
    reset_buf(&p->body);
    clear_message(p);
}

void gw_http1_free(gw_http1 *p)
{
    gw_buf_free(&p->head);
    gw_buf_free(&p->body);
    clear_message(p);
}

aigw_slice gw_http1_header(const gw_http1 *p, const char *name)
{
    return gw_header_get(p->headers, p->header_count, aigw_slice_of(name));
}

static void no_memory(gw_http1 *p)
{
    gw_http1_refuse(p, 503, "out of memory");
}

static void finish_head(gw_http1 *p)
{
    if (!gw_http1_parse_head(p))
        return;
    if (p->content_length > 0 && (uint64_t)p->content_length > p->limits.max_body_bytes) {
        gw_http1_refuse(p, 413, "body too large");
        return;
    }
    bool body = p->chunked || p->content_length > 0;
    p->left = p->content_length > 0 ? (uint64_t)p->content_length : 0;
    p->expect_continue = p->expect_continue && body;
    p->state = body ? GW_HTTP1_BODY : GW_HTTP1_DONE;
}

/* The line that starts at p->scanned has just got its LF. */
static void end_line(gw_http1 *p)
{
    aigw_slice head = gw_buf_slice(&p->head);
    aigw_slice line = gw_skip(head, p->scanned);
    if (line.len < 2 || line.data[line.len - 2] != '\r') {
        gw_http1_refuse(p, 400, "LF without CR");
        return;
    }
    if (memchr(line.data, '\r', line.len - 2) != NULL) {
        gw_http1_refuse(p, 400, "CR without LF");
        return;
    }
    if (line.len > 2) {
        p->scanned = head.len;
    } else if (p->scanned > 0) {
        finish_head(p);
    } else if (p->leading_crlf) {
        gw_http1_refuse(p, 400, "empty request line");
    } else {
        p->leading_crlf = true;
        gw_buf_clear(&p->head);
    }
}

static size_t feed_head(gw_http1 *p, const char *data, size_t len)
{
    size_t taken = 0;
    while (taken < len && p->state == GW_HTTP1_HEAD) {
        const char *lf = memchr(data + taken, '\n', len - taken);
        size_t n = lf ? (size_t)(lf - (data + taken)) + 1 : len - taken;
        if (n > p->limits.max_header_bytes - gw_buf_len(&p->head)) {
            if (p->scanned == 0)
                gw_http1_refuse(p, 414, "request line too long");
            else
                gw_http1_refuse(p, 431, "header fields too long");
        } else if (!gw_buf_append(&p->head, data + taken, n)) {
            no_memory(p);
        } else if (lf != NULL) {
            end_line(p);
        }
        taken += n;
    }
    if (taken < len)
        p->expect_continue = false;
    return taken;
}

static size_t take_body(gw_http1 *p, uint64_t *left, const char *data, size_t len)
{
    size_t n = len < *left ? len : (size_t)*left;
    if (!gw_buf_append(&p->body, data, n)) {
        no_memory(p);
        return 0;
    }
    *left -= n;
    return n;
}

/* The body grows to its length at once, as far as that may be believed. Who has sent that much is believed
 * the rest: growing step by step would leave copies behind in the heap. */
static char *body_room(gw_http1 *p, size_t *room)
{
    bool believed = gw_buf_len(&p->body) >= AHEAD_BYTES || p->left < AHEAD_BYTES;
    size_t n = believed ? (size_t)p->left : AHEAD_BYTES;
    size_t spare = p->body.data ? p->body.cap - p->body.end : 0;
    *room = spare > 0 && spare < n ? spare : n;
    char *to = gw_buf_reserve(&p->body, *room);
    if (to == NULL)
        no_memory(p);
    return to;
}

char *gw_http1_body_space(gw_http1 *p, size_t *room)
{
    if (p->state != GW_HTTP1_BODY || p->chunked || p->streamed)
        return NULL;
    p->expect_continue = false;
    return body_room(p, room);
}

void gw_http1_body_filled(gw_http1 *p, size_t len)
{
    gw_buf_grew(&p->body, len);
    p->left -= len;
    if (p->left == 0)
        p->state = GW_HTTP1_DONE;
}

static size_t feed_length(gw_http1 *p, const char *data, size_t len)
{
    size_t room;
    if (gw_buf_len(&p->body) == 0 && body_room(p, &room) == NULL)
        return 0;
    size_t n = take_body(p, &p->left, data, len);
    if (p->left == 0 && p->state == GW_HTTP1_BODY)
        p->state = GW_HTTP1_DONE;
    return n;
}

static size_t feed_framing(gw_http1 *p, const char *data, size_t len)
{
    gw_http1_framing now;
    const char *reason = "";
    size_t n = gw_http1_chunks_feed(&p->chunks, p->limits.max_header_bytes, gw_slice(data, len),
                                    &now, &reason);
    if (now == GW_HTTP1_CHUNK_END)
        p->state = GW_HTTP1_DONE;
    else if (now == GW_HTTP1_CHUNK_BAD || now == GW_HTTP1_CHUNK_LONG)
        gw_http1_refuse(p, now == GW_HTTP1_CHUNK_LONG ? 431 : 400, reason);
    else if (!p->streamed && p->chunks.left > p->limits.max_body_bytes - gw_buf_len(&p->body))
        gw_http1_refuse(p, 413, "body too large");
    return n;
}

static size_t feed_chunked(gw_http1 *p, const char *data, size_t len)
{
    size_t taken = 0;
    while (taken < len && p->state == GW_HTTP1_BODY) {
        if (p->chunks.left > 0)
            taken += take_body(p, &p->chunks.left, data + taken, len - taken);
        else
            taken += feed_framing(p, data + taken, len - taken);
    }
    return taken;
}

size_t gw_http1_feed(gw_http1 *p, const char *data, size_t len)
{
    if (len == 0)
        return 0;
    if (p->state == GW_HTTP1_HEAD)
        return feed_head(p, data, len);
    if (p->state != GW_HTTP1_BODY)
        return 0;
    p->expect_continue = false;
    return p->chunked ? feed_chunked(p, data, len) : feed_length(p, data, len);
}

void gw_http1_limit_body(gw_http1 *p, size_t max_bytes)
{
    p->limits.max_body_bytes = p->body.max = max_bytes;
    if (p->content_length > 0 && (uint64_t)p->content_length > max_bytes)
        gw_http1_refuse(p, 413, "body too large");
}

void gw_http1_stream_body(gw_http1 *p)
{
    p->streamed = true;
}

static size_t take_piece(uint64_t *left, aigw_slice bytes, aigw_slice *piece)
{
    *piece = gw_slice(bytes.data, bytes.len < *left ? bytes.len : (size_t)*left);
    *left -= piece->len;
    return piece->len;
}

size_t gw_http1_feed_piece(gw_http1 *p, aigw_slice bytes, aigw_slice *piece)
{
    size_t taken = 0;
    *piece = (aigw_slice){NULL, 0};
    if (bytes.len > 0)
        p->expect_continue = false;
    while (taken < bytes.len && p->state == GW_HTTP1_BODY && piece->len == 0) {
        aigw_slice rest = gw_skip(bytes, taken);
        if (!p->chunked)
            taken += take_piece(&p->left, rest, piece);
        else if (p->chunks.left > 0)
            taken += take_piece(&p->chunks.left, rest, piece);
        else
            taken += feed_framing(p, rest.data, rest.len);
        if (!p->chunked && p->left == 0)
            p->state = GW_HTTP1_DONE;
    }
    return taken;
}

const char *gw_http1_reason(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {424, "Failed Dependency"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {529, "Site Is Overloaded"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return "Unknown";
}
