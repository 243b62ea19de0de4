/* Reads HTTP/1.1 requests from any split of their bytes: where the head ends, and the body. */
/* Must not know sockets or clocks; what a head means is read in http1_head. */
#include "proto/http1.h"

#include "base/text.h"
#include "proto/http1_head.h"

#define KEPT_BYTES       (64u * 1024u)
#define MAX_CHUNK_LINE   256u
#define MAX_CHUNK_DIGITS 16u

/* The places within a chunked body (RFC 9112 clause 7.1). */
enum phase {
    CHUNK_SIZE = 0,
    EXT_NAME_START,
    EXT_NAME,
    EXT_VALUE_START,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_QUOTED_PAIR,
    EXT_QUOTED_END,
    CHUNK_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF
};

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
    p->keep_alive = p->expect_continue = p->chunked = false;
    p->content_length = -1;
    p->chunk_left = 0;
    p->line_len = 0;
    p->phase = CHUNK_SIZE;
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
    p->chunk_left = p->content_length > 0 ? (uint64_t)p->content_length : 0;
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

static size_t take_body(gw_http1 *p, const char *data, size_t len)
{
    size_t n = len < p->chunk_left ? len : (size_t)p->chunk_left;
    if (!gw_buf_append(&p->body, data, n)) {
        no_memory(p);
        return 0;
    }
    p->chunk_left -= n;
    return n;
}

static size_t feed_length(gw_http1 *p, const char *data, size_t len)
{
    size_t n = take_body(p, data, len);
    if (p->chunk_left == 0 && p->state == GW_HTTP1_BODY)
        p->state = GW_HTTP1_DONE;
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The next phase of a chunk line in or behind its size; -1 if the byte may not stand there. */
static int size_byte(gw_http1 *p, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (p->line_len > MAX_CHUNK_DIGITS)
            return -1;
        p->chunk_left = p->chunk_left << 4 | (uint64_t)digit;
        return CHUNK_SIZE;
    }
    if (p->line_len == 1) /* no digit */
        return -1;
    return c == ';' ? EXT_NAME_START : c == '\r' ? CHUNK_LF : -1;
}

static int extension_end(char c)
{
    return c == ';' ? EXT_NAME_START : c == '\r' ? CHUNK_LF : -1;
}

/* Chunk extensions are read and forgotten (RFC 9112 clause 7.1.1); blanks in them are refused. */
static int extension_byte(int phase, char c)
{
    bool token = gw_http1_token_char(c);
    switch (phase) {
    case EXT_NAME_START:
        return token ? EXT_NAME : -1;
    case EXT_NAME:
        return token ? EXT_NAME : c == '=' ? EXT_VALUE_START : extension_end(c);
    case EXT_VALUE_START:
        return token ? EXT_VALUE : c == '"' ? EXT_QUOTED : -1;
    case EXT_VALUE:
        return token ? EXT_VALUE : extension_end(c);
    case EXT_QUOTED:
        if (c == '"')
            return EXT_QUOTED_END;
        if (c == '\\')
            return EXT_QUOTED_PAIR;
        return gw_http1_value_char(c) ? EXT_QUOTED : -1;
    case EXT_QUOTED_PAIR:
        return gw_http1_value_char(c) ? EXT_QUOTED : -1;
    default:
        return extension_end(c);
    }
}

/* A chunk line is complete: the last one has size 0. */
static void start_chunk(gw_http1 *p)
{
    p->line_len = 0;
    p->phase = p->chunk_left > 0 ? CHUNK_DATA : TRAILER_START;
    if (p->chunk_left > p->limits.max_body_bytes - gw_buf_len(&p->body))
        gw_http1_refuse(p, 413, "body too large");
}

/* Trailers are checked and forgotten: nothing of ours wants one. */
static int trailer_byte(int phase, char c)
{
    switch (phase) {
    case TRAILER_START:
        return c == '\r' ? LAST_LF : gw_http1_token_char(c) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        return c == ':' ? TRAILER_VALUE : gw_http1_token_char(c) ? TRAILER_NAME : -1;
    case TRAILER_VALUE:
        return c == '\r' ? TRAILER_LF : gw_http1_value_char(c) ? TRAILER_VALUE : -1;
    default:
        return c == '\n' ? TRAILER_START : -1;
    }
}

static void chunk_line_byte(gw_http1 *p, char c)
{
    if (++p->line_len > MAX_CHUNK_LINE) {
        gw_http1_refuse(p, 400, "chunk line too long");
        return;
    }
    int next = p->phase == CHUNK_SIZE ? size_byte(p, c) : extension_byte(p->phase, c);
    if (next < 0)
        gw_http1_refuse(p, 400, p->phase == CHUNK_SIZE ? "bad chunk size" : "bad chunk extension");
    else
        p->phase = next;
}

static void trailer_line_byte(gw_http1 *p, char c)
{
    if (++p->line_len > p->limits.max_header_bytes) {
        gw_http1_refuse(p, 431, "trailer fields too long");
        return;
    }
    int next = trailer_byte(p->phase, c);
    if (next < 0)
        gw_http1_refuse(p, 400, "bad trailer field");
    else
        p->phase = next;
}

/* One byte of framing. */
static void chunk_byte(gw_http1 *p, char c)
{
    switch (p->phase) {
    case CHUNK_LF:
        if (c == '\n')
            start_chunk(p);
        else
            gw_http1_refuse(p, 400, "bad end of a chunk line");
        break;
    case CHUNK_DATA_CR:
        p->phase = CHUNK_DATA_LF;
        if (c != '\r')
            gw_http1_refuse(p, 400, "no CRLF behind a chunk");
        break;
    case CHUNK_DATA_LF:
        p->phase = CHUNK_SIZE;
        if (c != '\n')
            gw_http1_refuse(p, 400, "no CRLF behind a chunk");
        break;
    case LAST_LF:
        p->state = GW_HTTP1_DONE;
        if (c != '\n')
            gw_http1_refuse(p, 400, "bad end of the last chunk");
        break;
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        trailer_line_byte(p, c);
        break;
    default:
        chunk_line_byte(p, c);
    }
}

static size_t feed_chunked(gw_http1 *p, const char *data, size_t len)
{
    size_t taken = 0;
    while (taken < len && p->state == GW_HTTP1_BODY) {
        if (p->phase != CHUNK_DATA) {
            chunk_byte(p, data[taken++]);
            continue;
        }
        taken += take_body(p, data + taken, len - taken);
        if (p->chunk_left == 0)
            p->phase = CHUNK_DATA_CR;
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
