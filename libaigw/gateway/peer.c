/* Reads addresses and networks, and X-Forwarded-For from its end.
 * Must not know what the address is used for. */
#include "gateway/peer.h"
#include "base/text.h"

#define V6_BYTES  16
#define V6_GROUPS 8

/* ---- Addresses as 16 bytes; an IPv4 one is mapped (RFC 4291 clause 2.5.5.2) ---- */

static bool read_v4(aigw_slice text, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        uint64_t number = 0;
        if (!text.data)
            return false;
        aigw_slice part = gw_cut(&text, '.');
        if (part.len == 0 || part.len > 3 || !gw_parse_u64(part, &number) || number > 255)
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

/* Groups of one side of "::"; the bytes written, or -1. */
static int read_groups(aigw_slice text, uint8_t out[V6_BYTES])
{
    int at = 0;
    if (text.len == 0)
        return 0;
    while (text.data) {
        aigw_slice part = gw_cut(&text, ':');
        if (!text.data && at <= V6_BYTES - 4 && memchr(part.data, '.', part.len))
            return read_v4(part, out + at) ? at + 4 : -1;
        if (at > V6_BYTES - 2 || !read_group(part, out + at))
            return -1;
        at += 2;
    }
    return at;
}

static bool read_address(aigw_slice text, uint8_t out[V6_BYTES])
{
    uint8_t tail[V6_BYTES];
    memset(out, 0, V6_BYTES);
    if (text.len == 0)
        return false;
    if (!memchr(text.data, ':', text.len)) {
        out[10] = out[11] = 0xff;
        return read_v4(text, out + 12);
    }
    const char *gap = gw_find(text, GW_S("::"));
    if (!gap)
        return read_groups(text, out) == V6_BYTES;
    size_t before = (size_t)(gap - text.data);
    int head = read_groups(gw_slice(text.data, before), out);
    int rest = read_groups(gw_skip(text, before + 2), tail);
    if (head < 0 || rest < 0 || head + rest > V6_BYTES - 2)
        return false;
    memset(out + head, 0, V6_BYTES - (size_t)head);
    memcpy(out + V6_BYTES - rest, tail, (size_t)rest);
    return true;
}

static bool is_mapped(const uint8_t address[V6_BYTES])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address, prefix, sizeof prefix) == 0;
}

static bool in_network(const uint8_t address[V6_BYTES], aigw_slice network)
{
    uint8_t base[V6_BYTES];
    uint64_t bits = 8 * V6_BYTES;
    aigw_slice length = network, text = gw_cut(&length, '/');
    bool v4 = !memchr(text.data, ':', text.len);
    if (!read_address(text, base))
        return false;
    if (length.data && !gw_parse_u64(length, &bits))
        return false;
    if (length.data && v4)
        bits += 96;
    /* ::/0 and its like mean IPv6: an IPv4 peer must be meant as such. */
    if (bits > 8 * V6_BYTES || (bits < 96 && is_mapped(address)))
        return false;
    size_t whole = bits / 8;
    unsigned left = bits % 8;
    if (memcmp(address, base, whole) != 0)
        return false;
    return left == 0 || (address[whole] ^ base[whole]) >> (8 - left) == 0;
}

bool gw_peer_in(aigw_slice address, const aigw_slice *networks, size_t count)
{
    uint8_t bytes[V6_BYTES];
    if (!read_address(address, bytes))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (in_network(bytes, networks[i]))
            return true;
    }
    return false;
}

/* ---- X-Forwarded-For ---- */

/* The last element of a list, and what stands before it. */
static aigw_slice cut_last(aigw_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->data[at - 1] != ',')
        at--;
    aigw_slice last = gw_trim(gw_skip(*list, at));
    *list = at ? gw_slice(list->data, at - 1) : gw_slice(NULL, 0);
    return last;
}

aigw_slice gw_peer_of(aigw_slice peer, const aigw_header *headers, size_t header_count,
                      const aigw_slice *networks, size_t network_count)
{
    uint8_t bytes[V6_BYTES];
    aigw_slice found = peer;
    if (!gw_peer_in(peer, networks, network_count))
        return peer;
    for (size_t i = header_count; i-- > 0;) {
        if (!gw_eq_nocase(headers[i].name, GW_S("x-forwarded-for")))
            continue;
        aigw_slice list = headers[i].value;
        while (list.data) {
            aigw_slice last = cut_last(&list);
            if (!read_address(last, bytes))
                return found;
            found = last;
            if (!gw_peer_in(last, networks, network_count))
                return found;
        }
    }
    return found;
}
