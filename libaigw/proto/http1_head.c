/* Reads the meaning of a request head (RFC 9112 clauses 3, 5, 6) and refuses what is doubtful. */
/* Must not know where bytes come from, nor read a body. */
#include "proto/http1_head.h"

#include "base/text.h"
#include "proto/http1_field.h"

bool gw_http1_refuse(gw_http1 *p, int status, const char *reason)
{
    p->state = GW_HTTP1_FAILED;
    p->status = status;
    p->reason = reason;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* %XX at position i. */
static bool is_percent_encoded(aigw_slice text, size_t i)
{
    return text.len - i >= 3 && is_hex(text.data[i + 1]) && is_hex(text.data[i + 2]);
}

/* The characters of RFC 3986 paths and queries, and [ ], which clients leave plain in queries. */
static bool is_target(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%' ? !is_percent_encoded(text, i)
                     : c != '/' && !is_alnum(c) && !is_one_of(c, "?-._~!$&'()*+,;=:@[]"))
            return false;
    }
    return true;
}

static bool is_port(aigw_slice text)
{
    uint64_t port;
    return text.len <= 5 && gw_parse_u64(text, &port) && port <= 65535;
}

/* host [ ":" port ], no user information, not empty. */
static bool is_host(aigw_slice text)
{
    aigw_slice host = text;
    bool literal = text.len > 0 && text.data[0] == '[';
    if (literal) {
        const char *close = memchr(text.data, ']', text.len);
        if (close == NULL)
            return false;
        host = gw_slice(text.data + 1, (size_t)(close - text.data) - 1);
        text = gw_skip(text, host.len + 2);
        if (text.len > 0 && (text.data[0] != ':' || !is_port(gw_skip(text, 1))))
            return false;
    } else {
        host = gw_cut(&text, ':');
        if (text.data != NULL && !is_port(text))
            return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool ok = literal    ? is_hex(c) || c == ':' || c == '.'
                  : c == '%' ? is_percent_encoded(host, i)
                             : is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=");
        if (!ok)
            return false;
    }
    return host.len > 0;
}

/* 0 if the version is ours; otherwise the status that says why not. */
static int check_version(aigw_slice text, int *minor)
{
    if (text.len != 8 || !gw_starts(text, GW_S("HTTP/")) || text.data[6] != '.')
        return 400;
    unsigned high = (unsigned)(unsigned char)text.data[5] - '0';
    unsigned low = (unsigned)(unsigned char)text.data[7] - '0';
    if (high > 9 || low > 9)
        return 400;
    if (high != 1 || low > 1)
        return 505;
    *minor = (int)low;
    return 0;
}

/* Origin form, absolute form, or the asterisk of OPTIONS (RFC 9112 clause 3.2); *authority stays empty
 * but for the absolute form. */
static bool parse_target(gw_http1 *p, aigw_slice *authority)
{
    aigw_slice rest = p->target;
    if (gw_eq(rest, GW_S("*")) && gw_eq(p->method, GW_S("OPTIONS"))) {
        p->path = rest;
        return true;
    }
    if (!is_target(rest))
        return gw_http1_refuse(p, 400, "bad character in the request target");
    size_t scheme = gw_starts_nocase(rest, GW_S("http://"))    ? 7
                    : gw_starts_nocase(rest, GW_S("https://")) ? 8
                                                               : 0;
    if (scheme > 0) {
        rest = gw_skip(rest, scheme);
        size_t n = 0;
        while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?')
            n++;
        *authority = gw_slice(rest.data, n);
        if (!is_host(*authority))
            return gw_http1_refuse(p, 400, "bad authority in the request target");
        rest = gw_skip(rest, n);
    } else if (rest.len == 0 || rest.data[0] != '/') {
        return gw_http1_refuse(p, 400, "unknown form of request target");
    }
    p->path = gw_cut(&rest, '?');
    p->query = rest;
    if (p->path.len == 0)
        p->path = GW_S("/");
    return true;
}

static bool parse_request_line(gw_http1 *p, aigw_slice line, aigw_slice *authority)
{
    p->method = gw_cut(&line, ' ');
    if (!gw_http1_is_token(p->method))
        return gw_http1_refuse(p, 400, "bad method");
    p->target = gw_cut(&line, ' ');
    if (line.data == NULL)
        return gw_http1_refuse(p, 400, "bad request line");
    int status = check_version(line, &p->minor);
    if (status != 0)
        return gw_http1_refuse(p, status, "unknown protocol version");
    return parse_target(p, authority);
}

static bool parse_field(gw_http1 *p, aigw_slice line)
{
    aigw_header field;
    const char *fault = gw_http1_field(line, &field);
    if (fault)
        return gw_http1_refuse(p, 400, fault);
    if (p->header_count == GW_HTTP1_MAX_HEADERS)
        return gw_http1_refuse(p, 431, "too many header fields");
    p->headers[p->header_count++] = field;
    return true;
}

/* How often a field occurs, and the last one. */
static size_t count_fields(gw_http1 *p, aigw_slice name, aigw_header **last)
{
    size_t count = 0;
    for (size_t i = 0; i < p->header_count; i++) {
        if (p->headers[i].name.len == name.len && gw_eq_nocase(p->headers[i].name, name)) {
            *last = &p->headers[i];
            count++;
        }
    }
    return count;
}

/* RFC 9112 clause 3.2: one Host; the authority of an absolute target takes its place. */
static bool read_host(gw_http1 *p, aigw_slice authority)
{
    aigw_header *host = NULL;
    size_t count = count_fields(p, GW_S("host"), &host);
    if (count > 1)
        return gw_http1_refuse(p, 400, "more than one Host");
    if (count == 0 && p->minor > 0)
        return gw_http1_refuse(p, 400, "no Host");
    if (count == 1 && !is_host(host->value))
        return gw_http1_refuse(p, 400, "bad Host");
    if (authority.len == 0)
        return true;
    if (count == 1) {
        host->value = authority;
        return true;
    }
    if (p->header_count == GW_HTTP1_MAX_HEADERS)
        return gw_http1_refuse(p, 431, "too many header fields");
    p->headers[p->header_count++] = (aigw_header){GW_S("host"), authority};
    return true;
}

/* Where the body ends (RFC 9112 clause 6.3). */
static bool read_framing(gw_http1 *p)
{
    bool unknown;
    aigw_slice coding;
    const char *fault = gw_http1_length(p->headers, p->header_count, &p->content_length);
    if (fault)
        return gw_http1_refuse(p, 400, fault);
    if (gw_http1_count(p->headers, p->header_count, GW_S("transfer-encoding"), &coding) == 0)
        return true;
    if (p->minor == 0)
        return gw_http1_refuse(p, 400, "Transfer-Encoding in HTTP/1.0");
    if (p->content_length >= 0)
        return gw_http1_refuse(p, 400, "Content-Length with Transfer-Encoding");
    fault = gw_http1_encoding(p->headers, p->header_count, &p->chunked, &unknown);
    return fault ? gw_http1_refuse(p, unknown ? 501 : 400, fault) : true;
}

/* RFC 9110 clause 10.1.1; a 1.0 client cannot mean it. */
static bool read_expect(gw_http1 *p)
{
    for (size_t i = 0; i < p->header_count; i++) {
        if (!gw_eq_nocase(p->headers[i].name, GW_S("expect")))
            continue;
        if (!gw_eq_nocase(p->headers[i].value, GW_S("100-continue")))
            return gw_http1_refuse(p, 417, "unknown expectation");
        p->expect_continue = p->minor > 0;
    }
    return true;
}

/* The next line without its CRLF; the head is known to consist of such lines. */
static aigw_slice next_line(aigw_slice *rest)
{
    aigw_slice line = gw_cut(rest, '\n');
    line.len--;
    return line;
}

bool gw_http1_parse_head(gw_http1 *p)
{
    aigw_slice rest = gw_buf_slice(&p->head);
    aigw_slice authority = {NULL, 0};
    if (!parse_request_line(p, next_line(&rest), &authority))
        return false;
    for (;;) {
        aigw_slice line = next_line(&rest);
        if (line.len == 0)
            break;
        if (!parse_field(p, line))
            return false;
    }
    p->keep_alive = gw_http1_persists(p->headers, p->header_count, p->minor);
    return read_host(p, authority) && read_framing(p) && read_expect(p);
}
