/* IP addresses and networks: reading, writing, comparing. */
/* Must not know sockets, headers or what an address is used for. */
#include "base/ip.h"

#include "base/error.h"
#include "base/text.h"
#include <stdio.h>

#define GROUPS 8

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

gw_ip gw_ip_v4(uint32_t address)
{
    gw_ip ip;
    memcpy(ip.b, mapped, sizeof mapped);
    for (int i = 0; i < 4; i++)
        ip.b[12 + i] = (uint8_t)(address >> (24 - 8 * i));
    return ip;
}

bool gw_ip_is_v4(const gw_ip *ip)
{
    return memcmp(ip->b, mapped, sizeof mapped) == 0;
}

uint32_t gw_ip_to_v4(const gw_ip *ip)
{
    return (uint32_t)ip->b[12] << 24 | (uint32_t)ip->b[13] << 16 | (uint32_t)ip->b[14] << 8 |
           ip->b[15];
}

int gw_ip_cmp(const gw_ip *a, const gw_ip *b)
{
    return memcmp(a->b, b->b, GW_IP_BYTES);
}

static bool read_v4(aigw_slice text, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        uint64_t number = 0;
        if (!text.data)
            return false;
        aigw_slice part = gw_cut(&text, '.');
        /* A leading zero means octal to some readers. */
        if (part.len == 0 || part.len > 3 || (part.len > 1 && part.data[0] == '0'))
            return false;
        if (!gw_parse_u64(part, &number) || number > 255)
            return false;
        out[i] = (uint8_t)number;
    }
    return text.data == NULL;
}

static bool read_group(aigw_slice text, uint8_t out[2])
{
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return text.len > 0 && text.len <= 4;
}

/* Groups of one side of "::"; only the last one of all may be four numbers. Bytes written, or -1. */
static int read_groups(aigw_slice text, bool last, uint8_t out[GW_IP_BYTES])
{
    int at = 0;
    if (text.len == 0)
        return 0;
    while (text.data) {
        aigw_slice part = gw_cut(&text, ':');
        if (last && !text.data && at <= GW_IP_BYTES - 4 && part.len &&
            memchr(part.data, '.', part.len))
            return read_v4(part, out + at) ? at + 4 : -1;
        if (at > GW_IP_BYTES - 2 || !read_group(part, out + at))
            return -1;
        at += 2;
    }
    return at;
}

bool gw_ip_parse(aigw_slice text, gw_ip *out)
{
    uint8_t head[GW_IP_BYTES], tail[GW_IP_BYTES];
    if (text.len == 0 || text.len >= GW_IP_TEXT)
        return false;
    if (!memchr(text.data, ':', text.len)) {
        if (!read_v4(text, head))
            return false;
        memcpy(out->b, mapped, sizeof mapped);
        memcpy(out->b + 12, head, 4);
        return true;
    }
    const char *gap = gw_find(text, GW_S("::"));
    if (!gap) {
        if (read_groups(text, true, head) != GW_IP_BYTES)
            return false;
        memcpy(out->b, head, GW_IP_BYTES);
        return true;
    }
    size_t before = (size_t)(gap - text.data);
    int first = read_groups(gw_slice(text.data, before), false, head);
    int rest = read_groups(gw_skip(text, before + 2), true, tail);
    if (first < 0 || rest < 0 || first + rest > GW_IP_BYTES - 2)
        return false;
    memset(out->b, 0, GW_IP_BYTES);
    memcpy(out->b, head, (size_t)first);
    memcpy(out->b + GW_IP_BYTES - rest, tail, (size_t)rest);
    return true;
}

static unsigned group_of(const gw_ip *ip, int i)
{
    return (unsigned)ip->b[2 * i] << 8 | ip->b[2 * i + 1];
}

size_t gw_ip_format(const gw_ip *ip, char out[GW_IP_TEXT])
{
    if (gw_ip_is_v4(ip))
        return (size_t)snprintf(out, GW_IP_TEXT, "%u.%u.%u.%u", ip->b[12], ip->b[13], ip->b[14],
                                ip->b[15]);
    int gap = -1, gap_len = 1; /* the longest run of two zero groups or more, the first of equals */
    for (int i = 0; i < GROUPS; i++) {
        int n = 0;
        while (i + n < GROUPS && group_of(ip, i + n) == 0)
            n++;
        if (n > gap_len) {
            gap = i;
            gap_len = n;
        }
    }
    size_t len = 0;
    for (int i = 0; i < GROUPS; i++) {
        if (i == gap) {
            len += (size_t)snprintf(out + len, GW_IP_TEXT - len, i == 0 ? "::" : ":");
            i += gap_len - 1;
            continue;
        }
        len += (size_t)snprintf(out + len, GW_IP_TEXT - len, "%x%s", group_of(ip, i),
                                i + 1 < GROUPS ? ":" : "");
    }
    return len;
}

bool gw_net_parse(aigw_slice text, gw_net *out, bool *host_bits)
{
    uint64_t bits = 128;
    aigw_slice length = text, address = gw_cut(&length, '/');
    gw_ip ip;
    if (!gw_ip_parse(address, &ip))
        return false;
    if (length.data) {
        if (length.len == 0 || length.len > 3 || (length.len > 1 && length.data[0] == '0') ||
            !gw_parse_u64(length, &bits) || bits > 128)
            return false;
        if (!memchr(address.data, ':', address.len))
            bits += 96;
        if (bits > 128)
            return false;
    }
    gw_ip base = ip;
    for (size_t i = 0; i < GW_IP_BYTES; i++) {
        size_t start = 8 * i;
        unsigned kept = bits <= start ? 0 : bits - start >= 8 ? 8 : (unsigned)(bits - start);
        base.b[i] &= (uint8_t)(0xff00 >> kept);
    }
    if (host_bits)
        *host_bits = gw_ip_cmp(&base, &ip) != 0;
    *out = (gw_net){base, (uint8_t)bits};
    return true;
}

bool gw_net_has(const gw_net *net, const gw_ip *ip)
{
    if (net->bits < 96 && gw_ip_is_v4(ip))
        return false;
    size_t whole = net->bits / 8;
    unsigned left = net->bits % 8;
    if (memcmp(ip->b, net->base.b, whole) != 0)
        return false;
    return left == 0 || (ip->b[whole] ^ net->base.b[whole]) >> (8 - left) == 0;
}

gw_ip gw_net_last(const gw_net *net)
{
    gw_ip last = net->base;
    for (size_t i = 0; i < GW_IP_BYTES; i++) {
        size_t start = 8 * i;
        unsigned kept = net->bits <= start       ? 0
                        : net->bits - start >= 8 ? 8
                                                 : (unsigned)(net->bits - start);
        last.b[i] |= (uint8_t)(0xff >> kept);
    }
    return last;
}

int gw_nets_parse(const aigw_slice *texts, size_t count, gw_net *out, aigw_error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool host_bits = false;
        gw_net net;
        int code = AIGW_OK;
        if (!gw_net_parse(texts[i], &net, &host_bits))
            code = gw_fail(err, AIGW_E_CONFIG, "bad_network", "entry %zu is no network", i + 1);
        else if (host_bits)
            code = gw_fail(err, AIGW_E_CONFIG, "host_bits",
                           "entry %zu has bits behind its prefix length", i + 1);
        if (code != AIGW_OK) {
            if (err)
                err->line = (int)(i + 1);
            return code;
        }
        out[i] = net;
    }
    return AIGW_OK;
}

bool gw_nets_have(const gw_net *nets, size_t count, const gw_ip *ip)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_net_has(&nets[i], ip))
            return true;
    }
    return false;
}
