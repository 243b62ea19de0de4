/* The client's address: which header counts, and the walk over its hops from the right. */
/* Must not know sockets, nor what is done with the address. */
#include "gate/address.h"

#include "base/text.h"

gw_ip gw_rate_key(const gw_ip *ip, unsigned v6_bits)
{
    gw_ip key = *ip;
    if (gw_ip_is_v4(ip))
        return key;
    unsigned bits = v6_bits == 0 ? 64 : v6_bits > 128 ? 128 : v6_bits;
    for (unsigned i = 0; i < GW_IP_BYTES; i++) {
        unsigned start = 8 * i;
        unsigned kept = bits <= start ? 0 : bits - start >= 8 ? 8 : bits - start;
        key.b[i] &= (uint8_t)(0xff00 >> kept);
    }
    return key;
}

/* ---- One hop ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* RFC 7239 clause 6: 1 to 5 digits, or an obfuscated port. */
static bool is_port(aigw_slice port)
{
    uint64_t number = 0;
    if (port.len > 1 && port.data[0] == '_') {
        for (size_t i = 1; i < port.len; i++) {
            if (!is_alnum(port.data[i]) && !memchr("._-", port.data[i], 3))
                return false;
        }
        return true;
    }
    return port.len >= 1 && port.len <= 5 && gw_parse_u64(port, &number) && number <= 65535;
}

static bool is_obfuscated(aigw_slice text)
{
    if (text.len < 2 || text.data[0] != '_')
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (!is_alnum(text.data[i]) && !memchr("._-", text.data[i], 3))
            return false;
    }
    return true;
}

/* An IPv6 address, with a zone id (RFC 4007, RFC 6874) that is dropped. */
static bool read_v6(aigw_slice text, gw_ip *out)
{
    aigw_slice zone = text, address = gw_cut(&zone, '%');
    if (zone.data) {
        if (zone.len == 0 || zone.len > 32)
            return false;
        for (size_t i = 0; i < zone.len; i++) {
            if (!is_alnum(zone.data[i]) && !memchr("%._~-", zone.data[i], 5))
                return false;
        }
    }
    return memchr(address.data, ':', address.len) && gw_ip_parse(address, out);
}

static gw_hop read_bracketed(aigw_slice text, gw_ip *out)
{
    aigw_slice rest = gw_skip(text, 1), inner = gw_cut(&rest, ']');
    if (!rest.data || inner.len == 0)
        return GW_HOP_MALFORMED;
    if (rest.len > 0 && (rest.data[0] != ':' || !is_port(gw_skip(rest, 1))))
        return GW_HOP_MALFORMED;
    return read_v6(inner, out) ? GW_HOP_ADDRESS : GW_HOP_MALFORMED;
}

gw_hop gw_hop_read(aigw_slice text, gw_ip *out)
{
    if (text.len == 0 || text.len > 96)
        return GW_HOP_MALFORMED;
    if (text.data[0] == '[')
        return read_bracketed(text, out);
    aigw_slice port = text, node = gw_cut(&port, ':');
    if (port.data && memchr(port.data, ':', port.len))
        return read_v6(text, out) ? GW_HOP_ADDRESS : GW_HOP_MALFORMED;
    if (port.data && !is_port(port))
        return GW_HOP_MALFORMED;
    if (gw_eq_nocase(node, GW_S("unknown")) || is_obfuscated(node))
        return GW_HOP_HIDDEN;
    return gw_ip_parse(node, out) ? GW_HOP_ADDRESS : GW_HOP_MALFORMED;
}

/* ---- The walk ---- */

typedef struct walk {
    const gw_address_policy *policy;
    gw_client_address *out;
    size_t max_hops;
} walk;

/* Takes one hop; true when the walk ends with it. */
static bool take(walk *w, gw_hop hop, const gw_ip *ip)
{
    gw_client_address *out = w->out;
    if (hop == GW_HOP_HIDDEN) {
        out->end = GW_ADDRESS_HIDDEN;
        return true;
    }
    if (hop == GW_HOP_MALFORMED) {
        out->end = GW_ADDRESS_MALFORMED;
        out->malformed = w->policy->malformed;
        return true;
    }
    out->ip = *ip;
    out->hops++;
    out->end = GW_ADDRESS_ALL;
    if (gw_nets_have(w->policy->trusted, w->policy->trusted_count, ip))
        return false;
    out->end = GW_ADDRESS_FORWARDED;
    return true;
}

/* The last element of a plain list, and what stands before it. */
static aigw_slice cut_last(aigw_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->data[at - 1] != ',')
        at--;
    aigw_slice last = gw_skip(*list, at);
    *list = at ? gw_slice(list->data, at - 1) : gw_slice(NULL, 0);
    return gw_trim(last);
}

/* The hops of one header line, from its right. True when the walk ends. */
static bool walk_line(walk *w, aigw_slice line)
{
    bool rfc = w->policy->forward == GW_FORWARD_RFC7239;
    while (line.data) {
        gw_ip ip = {{0}};
        if (w->out->hops >= w->max_hops) {
            w->out->end = GW_ADDRESS_CAPPED;
            return true;
        }
        gw_hop hop = rfc ? gw_forwarded_hop(gw_forwarded_cut_last(&line), &ip)
                         : gw_hop_read(cut_last(&line), &ip);
        if (take(w, hop, &ip))
            return true;
    }
    return false;
}

static void walk_list(walk *w, aigw_slice name, const aigw_header *headers, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (!gw_eq_nocase(headers[i].name, name))
            continue;
        aigw_slice line = gw_trim(headers[i].value);
        if (line.len > 0 && walk_line(w, line))
            return;
    }
}

/* One header, one address: it is the client, whoever it is. */
static void take_single(walk *w, const aigw_header *headers, size_t count)
{
    const aigw_header *found = NULL;
    gw_ip ip = {{0}};
    gw_hop hop = GW_HOP_ADDRESS;
    for (size_t i = 0; i < count; i++) {
        if (!gw_eq_nocase(headers[i].name, w->policy->header))
            continue;
        if (found)
            hop = GW_HOP_MALFORMED;
        found = &headers[i];
    }
    if (!found)
        return;
    if (hop == GW_HOP_ADDRESS)
        hop = gw_hop_read(gw_trim(found->value), &ip);
    take(w, hop, &ip);
}

void gw_client_address_of(const gw_address_policy *policy, const gw_ip *peer,
                          const aigw_header *headers, size_t header_count, gw_client_address *out)
{
    size_t max_hops = policy->max_hops == 0            ? GW_HOPS_DEFAULT
                      : policy->max_hops > GW_HOPS_MAX ? GW_HOPS_MAX
                                                       : policy->max_hops;
    walk w = {policy, out, max_hops};
    *out = (gw_client_address){.ip = *peer};
    if (policy->forward == GW_FORWARD_NONE ||
        !gw_nets_have(policy->trusted, policy->trusted_count, peer))
        return;
    if (policy->forward == GW_FORWARD_HEADER)
        take_single(&w, headers, header_count);
    else if (policy->forward == GW_FORWARD_RFC7239)
        walk_list(&w, GW_S("forwarded"), headers, header_count);
    else
        walk_list(&w, GW_S("x-forwarded-for"), headers, header_count);
}
