/* Reads the PROXY protocol's header, version 1 (a line) or 2 (binary), from any split. */
/* Must not know sockets, nor who may send one. */
#include "proto/proxy.h"

#include "base/error.h"
#include "base/text.h"

#define V2_HEAD   16u
#define V4_BODY   12u
#define V6_BODY   36u
#define UNIX_BODY 216u

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static int fail(gw_proxy *p, aigw_error *err, int code, const char *reason, const char *message)
{
    p->failed = code;
    return gw_fail(err, code, reason, "%s", message);
}

/* ---- Version 1 ---- */

/* Decimal without leading zeros. */
static bool read_port(aigw_slice text, uint16_t *out)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0') ||
        !gw_parse_u64(text, &number) || number > 65535)
        return false;
    *out = (uint16_t)number;
    return true;
}

/* "TCP4" has dotted addresses, "TCP6" ones with colons. */
static bool read_address(aigw_slice text, bool v6, gw_ip *out)
{
    bool colons = text.len > 0 && memchr(text.data, ':', text.len) != NULL;
    return colons == v6 && gw_ip_parse(text, out);
}

static int read_line(gw_proxy *p, aigw_error *err)
{
    aigw_slice rest = gw_slice((const char *)p->room, p->seen - 2); /* without CR LF */
    gw_cut(&rest, ' ');                                             /* PROXY, checked already */
    if (!rest.data)
        return fail(p, err, AIGW_E_PARSE, "proxy_v1_line", "no protocol in a PROXY line");
    aigw_slice family = gw_cut(&rest, ' ');
    bool v6 = gw_eq(family, GW_S("TCP6"));
    if (gw_eq(family, GW_S("UNKNOWN"))) {
        p->kind = GW_PROXY_UNKNOWN; /* what follows must be ignored */
        return AIGW_OK;
    }
    if (!v6 && !gw_eq(family, GW_S("TCP4")))
        return fail(p, err, AIGW_E_PARSE, "proxy_v1_line", "unknown protocol in a PROXY line");
    aigw_slice source = gw_cut(&rest, ' '), destination = gw_cut(&rest, ' ');
    aigw_slice source_port = gw_cut(&rest, ' ');
    if (!read_address(source, v6, &p->source) || !read_address(destination, v6, &p->destination))
        return fail(p, err, AIGW_E_PARSE, "proxy_v1_address", "bad address in a PROXY line");
    if (!read_port(source_port, &p->source_port) || !read_port(rest, &p->destination_port))
        return fail(p, err, AIGW_E_PARSE, "proxy_v1_address", "bad port in a PROXY line");
    p->kind = GW_PROXY_ADDRESS;
    return AIGW_OK;
}

/* ---- Version 2 ---- */

static uint16_t number_at(const gw_proxy *p, size_t at)
{
    return (uint16_t)(p->room[at] << 8 | p->room[at + 1]);
}

/* Bytes that a family's addresses need. */
static size_t body_of(unsigned family)
{
    static const uint16_t bytes[] = {0, V4_BODY, V6_BODY, UNIX_BODY};
    return bytes[family];
}

static int read_head(gw_proxy *p, aigw_error *err)
{
    unsigned version = p->room[12] >> 4, command = p->room[12] & 15;
    unsigned family = p->room[13] >> 4, transport = p->room[13] & 15;
    size_t length = number_at(p, 14);
    if (version != 2)
        return fail(p, err, AIGW_E_PARSE, "proxy_v2_version", "the PROXY header is not version 2");
    if (command > 1)
        return fail(p, err, AIGW_E_PARSE, "proxy_v2_command", "unknown PROXY command");
    if (family > 3 || transport > 2)
        return fail(p, err, AIGW_E_PARSE, "proxy_v2_family", "unknown PROXY family or transport");
    if (length > GW_PROXY_V2_BYTES)
        return fail(p, err, AIGW_E_LIMIT, "proxy_too_long", "the PROXY header is too long");
    /* LOCAL says nothing about addresses: whatever its family, its body is skipped. */
    if (command == 1 && length < body_of(family))
        return fail(p, err, AIGW_E_PARSE, "proxy_v2_length",
                    "the PROXY header lacks its addresses");
    p->needed = V2_HEAD + length;
    return AIGW_OK;
}

static void read_body(gw_proxy *p)
{
    unsigned family = p->room[13] >> 4, transport = p->room[13] & 15;
    const uint8_t *body = p->room + V2_HEAD;
    p->kind = GW_PROXY_UNKNOWN;
    if ((p->room[12] & 15) == 0) {
        p->kind = GW_PROXY_LOCAL;
    } else if (transport == 1 && family == 1) {
        uint32_t ends[2] = {0, 0};
        for (size_t i = 0; i < 8; i++)
            ends[i / 4] = ends[i / 4] << 8 | body[i];
        p->source = gw_ip_v4(ends[0]);
        p->destination = gw_ip_v4(ends[1]);
        p->source_port = number_at(p, V2_HEAD + 8);
        p->destination_port = number_at(p, V2_HEAD + 10);
        p->kind = GW_PROXY_ADDRESS;
    } else if (transport == 1 && family == 2) {
        memcpy(p->source.b, body, GW_IP_BYTES);
        memcpy(p->destination.b, body + GW_IP_BYTES, GW_IP_BYTES);
        p->source_port = number_at(p, V2_HEAD + 32);
        p->destination_port = number_at(p, V2_HEAD + 34);
        p->kind = GW_PROXY_ADDRESS;
    }
}

/* ---- Bytes ---- */

/* One byte of the part that decides the version: both begins differ in the first one. */
static int take_begin(gw_proxy *p, uint8_t byte, aigw_error *err)
{
    static const char word[] = "PROXY ";
    size_t at = p->seen;
    p->room[p->seen++] = byte;
    if (p->room[0] == 'P' && byte == (uint8_t)word[at]) {
        if (p->seen == sizeof word - 1)
            p->version = 1;
        return AIGW_OK;
    }
    if (p->room[0] == '\r' && byte == (uint8_t)signature[at]) {
        if (p->seen == sizeof signature)
            p->version = 2;
        return AIGW_OK;
    }
    return fail(p, err, AIGW_E_PARSE, "proxy_missing",
                "the connection begins without a PROXY header");
}

static int take_v1(gw_proxy *p, uint8_t byte, aigw_error *err)
{
    bool after_cr = p->room[p->seen - 1] == '\r';
    if (p->seen >= GW_PROXY_V1_BYTES)
        return fail(p, err, AIGW_E_LIMIT, "proxy_too_long", "the PROXY line is too long");
    p->room[p->seen++] = byte;
    if (after_cr != (byte == '\n'))
        return fail(p, err, AIGW_E_PARSE, "proxy_v1_line", "a PROXY line ends in CR LF");
    if (byte == '\n') {
        p->done = true;
        return read_line(p, err);
    }
    return AIGW_OK;
}

static int take_v2(gw_proxy *p, uint8_t byte, aigw_error *err)
{
    if (p->seen < sizeof p->room)
        p->room[p->seen] = byte;
    p->seen++;
    if (p->seen == V2_HEAD) {
        int code = read_head(p, err);
        if (code != AIGW_OK)
            return code;
    }
    if (p->needed && p->seen == p->needed) {
        p->done = true;
        read_body(p);
    }
    return AIGW_OK;
}

int gw_proxy_feed(gw_proxy *p, aigw_slice bytes, size_t *used, aigw_error *err)
{
    *used = 0;
    if (p->failed)
        return fail(p, err, p->failed, "proxy_failed", "the PROXY header was refused before");
    while (!p->done && *used < bytes.len) {
        uint8_t byte = (uint8_t)bytes.data[(*used)++];
        int code = p->version == 0   ? take_begin(p, byte, err)
                   : p->version == 1 ? take_v1(p, byte, err)
                                     : take_v2(p, byte, err);
        if (code != AIGW_OK)
            return code;
    }
    return p->done ? AIGW_OK : AIGW_AGAIN;
}

int gw_proxy_end(const gw_proxy *p, aigw_error *err)
{
    if (p->done && !p->failed)
        return AIGW_OK;
    return gw_fail(err, AIGW_E_PARSE, "proxy_truncated",
                   "the connection ended within the PROXY header");
}
