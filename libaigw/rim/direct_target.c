/*
 * Prepared origins of rim/direct, and the head of a request from their constant part.
 *
 * Must not know of connections.
 */
#include "rim/direct_parts.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "rim/http_field.h"
#include <arpa/inet.h>

#define HEAD_BYTES (256u * 1024)
#define HOST_BYTES 255u

/* Fields that say where a message ends or what becomes of the connection are ours to write. */
static bool changes_framing(aigw_slice name)
{
    switch (name.len) {
    case 2:
        return gw_eq_nocase(name, GW_S("te"));
    case 6:
        return gw_eq_nocase(name, GW_S("expect"));
    case 7:
        return gw_eq_nocase(name, GW_S("upgrade")) || gw_eq_nocase(name, GW_S("trailer"));
    case 10:
        return gw_eq_nocase(name, GW_S("connection")) || gw_eq_nocase(name, GW_S("keep-alive"));
    case 14:
        return gw_eq_nocase(name, GW_S("content-length"));
    case 16:
        return gw_eq_nocase(name, GW_S("proxy-connection"));
    case 17:
        return gw_eq_nocase(name, GW_S("transfer-encoding"));
    default:
        return false;
    }
}

bool gw_direct_fields_ok(const gw_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (changes_framing(request->headers[i].name))
            return false;
    }
    return true;
}

static uint32_t hash_of(aigw_slice text) /* FNV-1a */
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

static gw_direct_address v4_of(uint32_t address, uint16_t port)
{
    gw_direct_address a = {0};
    a.v4.sin_family = AF_INET;
    a.v4.sin_port = htons(port);
    a.v4.sin_addr.s_addr = htonl(address);
    return a;
}

static gw_direct_address v6_of(const struct in6_addr *address, uint16_t port)
{
    gw_direct_address a = {0};
    a.v6.sin6_family = AF_INET6;
    a.v6.sin6_port = htons(port);
    a.v6.sin6_addr = *address;
    return a;
}

static void find_addresses(gw_direct_target *t, aigw_slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    bool literal = host.len > 2 && host.data[0] == '[';

    if (gw_eq_nocase(host, GW_S("localhost"))) {
        t->addresses[0] = v4_of(INADDR_LOOPBACK, t->port);
        t->addresses[1] = v6_of(&in6addr_loopback, t->port);
        t->address_count = 2;
        return;
    }
    aigw_slice bare = literal ? gw_slice(host.data + 1, host.len - 2) : host;
    if (bare.len >= sizeof text)
        return;
    memcpy(text, bare.data, bare.len);
    text[bare.len] = '\0';
    if (literal ? inet_pton(AF_INET6, text, &v6) == 1 : inet_pton(AF_INET, text, &v4) == 1) {
        t->addresses[0] = literal ? v6_of(&v6, t->port) : v4_of(ntohl(v4.s_addr), t->port);
        t->address_count = 1;
    }
}

static bool place_ok(const gw_direct_place *place)
{
    if (place->host.len == 0 || place->host.len > HOST_BYTES ||
        memchr(place->host.data, '%', place->host.len)) /* a zone belongs to this host only */
        return false;
    for (size_t i = 0; i < place->target.len; i++) {
        unsigned char c = (unsigned char)place->target.data[i];
        if (c <= ' ' || c >= 0x7f)
            return false;
    }
    for (size_t i = 0; i < place->header_count; i++) {
        if (!gw_http_field_ok(&place->headers[i]) || changes_framing(place->headers[i].name))
            return false;
    }
    return place->target.len > 0 && place->target.data[0] == '/';
}

static void put_field(gw_buf *out, aigw_slice name, aigw_slice value)
{
    char *to = gw_buf_reserve(out, name.len + value.len + 4);
    if (!to)
        return;
    memcpy(to, name.data, name.len);
    to += name.len;
    *to++ = ':';
    if (value.len > 0) {
        *to++ = ' ';
        memcpy(to, value.data, value.len);
        to += value.len;
    }
    *to++ = '\r';
    *to++ = '\n';
    gw_buf_grew(out, name.len + value.len + (value.len > 0 ? 4 : 3));
}

static void put_line(gw_direct_target *t, gw_buf *out, aigw_slice name, aigw_slice value)
{
    size_t from = gw_buf_len(out);
    put_field(out, name, value);
    /* Offsets for now: the buffer may still move. */
    t->lines[t->line_count++] = (gw_direct_line){{NULL, name.len}, {NULL, gw_buf_len(out) - from}};
}

/* The texts of a target, one behind the other: authority, start, lines. */
static bool write_texts(gw_direct_target *t, const gw_direct_place *place, gw_buf *out)
{
    const aigw_header *headers = place->headers;
    size_t count = place->header_count;

    gw_buf_add(out, place->host);
    gw_buf_puts(out, ":");
    gw_buf_int(out, place->port);
    t->authority.len = gw_buf_len(out);
    gw_buf_puts(out, " ");
    gw_buf_add(out, place->target);
    gw_buf_puts(out, " HTTP/1.1\r\n");
    t->start.len = gw_buf_len(out) - t->authority.len;
    if (!gw_header_get(headers, count, GW_S("host")).data) {
        aigw_slice host =
            place->port == 80 ? place->host : gw_slice(gw_buf_slice(out).data, t->authority.len);
        char copy[HOST_BYTES + 8];
        memcpy(copy, host.data, host.len); /* it lies in the buffer that grows */
        put_line(t, out, GW_S("Host"), gw_slice(copy, host.len));
    }
    if (!gw_header_get(headers, count, GW_S("accept")).data)
        put_line(t, out, GW_S("Accept"), GW_S("*/*"));
    for (size_t i = 0; i < count; i++)
        put_line(t, out, headers[i].name, headers[i].value);
    return !out->failed;
}

static void set_slices(gw_direct_target *t)
{
    const char *at = t->text + t->authority.len;

    t->authority.data = t->text;
    t->start.data = at;
    at += t->start.len;
    t->block.data = at;
    for (size_t i = 0; i < t->line_count; i++) {
        t->lines[i].name.data = t->lines[i].line.data = at;
        at += t->lines[i].line.len;
    }
    t->block.len = (size_t)(at - t->block.data);
}

int gw_direct_target_new(const gw_direct_place *place, gw_direct_target **out, aigw_error *err)
{
    gw_buf text;

    if (!place_ok(place))
        return gw_fail(err, AIGW_E_UNSUPPORTED, "direct", "not for a plain connection");
    gw_direct_target *t = gw_calloc(1, sizeof *t);
    gw_buf_init(&text, HEAD_BYTES);
    if (t)
        t->lines = gw_calloc(place->header_count + 2, sizeof *t->lines);
    if (!t || !t->lines || !write_texts(t, place, &text)) {
        gw_buf_free(&text);
        gw_direct_target_free(t);
        return gw_fail_nomem(err);
    }
    t->text_len = text.cap; /* all of it is wiped */
    t->text = text.data;
    t->port = place->port;
    t->connect_timeout_ms = place->connect_timeout_ms;
    t->egress = place->egress;
    set_slices(t);
    t->hash = hash_of(t->authority);
    find_addresses(t, place->host);
    *out = t;
    return AIGW_OK;
}

void gw_direct_target_free(gw_direct_target *t)
{
    if (!t)
        return;
    if (t->text)
        gw_wipe(t->text, t->text_len);
    gw_free(t->text);
    gw_free(t->lines);
    gw_free(t);
}

/* ---- heads of requests ---- */

static bool is_replaced(const gw_direct_line *line, const gw_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        aigw_slice name = request->headers[i].name;
        if (name.len == line->name.len && gw_eq_nocase(name, line->name))
            return true;
    }
    return false;
}

static void put_lines(const gw_direct_target *t, const gw_http_request *request, gw_buf *out)
{
    size_t kept = 0;

    while (kept < t->line_count && !is_replaced(&t->lines[kept], request))
        kept++;
    if (kept == t->line_count) {
        gw_buf_add(out, t->block);
        return;
    }
    for (size_t i = 0; i < t->line_count; i++) {
        if (i < kept || !is_replaced(&t->lines[i], request))
            gw_buf_add(out, t->lines[i].line);
    }
}

int gw_direct_write_head(const gw_direct_target *t, const gw_http_request *request, gw_buf *out,
                         size_t *extra, aigw_error *err)
{
    aigw_slice method = aigw_slice_of(request->method);

    gw_buf_clear(out);
    out->max = HEAD_BYTES;
    if (request->path.len > 0 && !gw_http_path_ok(request->path))
        return gw_fail(err, AIGW_E_INVALID, "bad_path", "the path for upstream is malformed");
    gw_buf_add(out, method);
    if (request->path.len > 0) {
        gw_buf_putc(out, ' ');
        gw_buf_add(out, request->path);
        gw_buf_add(out, GW_S(" HTTP/1.1\r\n"));
    } else {
        gw_buf_add(out, t->start);
    }
    put_lines(t, request, out);
    *extra = gw_buf_len(out);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!gw_http_field_ok(&request->headers[i]))
            return gw_fail(err, AIGW_E_INVALID, "bad_header", "a header for upstream is malformed");
        put_field(out, request->headers[i].name, request->headers[i].value);
    }
    if (request->upload && request->upload_bytes < 0) {
        gw_buf_add(out, GW_S("Transfer-Encoding: chunked\r\n\r\n"));
    } else if (request->upload) {
        gw_buf_add(out, GW_S("Content-Length: "));
        gw_buf_int(out, request->upload_bytes);
        gw_buf_add(out, GW_S("\r\n\r\n"));
    } else if (request->body.len > 0 || request->pieces.count > 0 || gw_eq(method, GW_S("POST")) ||
               gw_eq(method, GW_S("PUT")) || gw_eq(method, GW_S("PATCH"))) {
        gw_buf_add(out, GW_S("Content-Length: "));
        gw_buf_int(out, (int64_t)(request->body.len + gw_pieces_bytes(request->pieces)));
        gw_buf_add(out, GW_S("\r\n\r\n"));
    } else {
        gw_buf_add(out, GW_S("\r\n"));
    }
    return out->failed ? gw_fail_nomem(err) : AIGW_OK;
}
