/* Checks addresses that stand in a config: IP addresses, networks, ADDRESS:PORT, URLs.
 * Text only; must not resolve a name or open anything. */
#include "gateway/config/build.h"

#include "base/error.h"

#include "base/ip.h"
#include "base/text.h"

static bool is_ipv4(aigw_slice text)
{
    for (int i = 0; i < 4; i++) {
        uint64_t byte;
        aigw_slice part = gw_cut(&text, '.');
        bool last = text.data == NULL;
        if (part.len > 3 || (part.len > 1 && part.data[0] == '0') || !gw_parse_u64(part, &byte) ||
            byte > 255 || last != (i == 3))
            return false;
    }
    return true;
}

static bool is_hex_group(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return text.len >= 1 && text.len <= 4;
}

/* Groups of 16 bits in a part without "::"; -1: malformed. An IPv4 address may end the last. */
static int count_groups(aigw_slice part, bool last_part)
{
    int count = 0;
    if (part.len == 0)
        return 0;
    while (part.data) {
        aigw_slice group = gw_cut(&part, ':');
        bool last = part.data == NULL;
        if (is_hex_group(group))
            count += 1;
        else if (last && last_part && is_ipv4(group))
            count += 2;
        else
            return -1;
    }
    return count;
}

/* RFC 4291 clause 2.2, without zone ids. */
static bool is_ipv6(aigw_slice text)
{
    const char *gap = gw_find(text, GW_S("::"));
    if (!gap)
        return count_groups(text, true) == 8;
    aigw_slice left = gw_slice(text.data, (size_t)(gap - text.data));
    aigw_slice right = gw_skip(text, left.len + 2);
    int before = count_groups(left, false), after = count_groups(right, true);
    return before >= 0 && after >= 0 && before + after <= 7;
}

int gw_cfg_ip_version(aigw_slice text)
{
    if (text.len == 0 || text.len > 45)
        return 0;
    return is_ipv4(text) ? 4 : is_ipv6(text) ? 6 : 0;
}

bool gw_cfg_is_loopback(aigw_slice host)
{
    if (gw_eq_nocase(host, GW_S("localhost")) || gw_eq(host, GW_S("::1")))
        return true;
    return is_ipv4(host) && gw_starts(host, GW_S("127."));
}

static bool parse_port(aigw_slice text, unsigned *out)
{
    uint64_t port;
    if (text.len > 5 || !gw_parse_u64(text, &port) || port > 65535)
        return false;
    *out = (unsigned)port;
    return true;
}

bool gw_cfg_listen_parse(aigw_slice text, aigw_slice *host, unsigned *port)
{
    aigw_slice rest = text;
    if (text.len > 0 && text.data[0] == '[') {
        rest = gw_skip(text, 1);
        *host = gw_cut(&rest, ']');
        return rest.data && rest.len > 1 && rest.data[0] == ':' && is_ipv6(*host) &&
               parse_port(gw_skip(rest, 1), port);
    }
    *host = gw_cut(&rest, ':');
    return rest.data && parse_port(rest, port) &&
           (is_ipv4(*host) || gw_eq(*host, GW_S("localhost")));
}

static bool is_host_name(aigw_slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return host.len >= 1 && host.len <= 253;
}

/* host, host:port, [v6], [v6]:port */
static bool parse_authority(aigw_slice text, aigw_slice *host)
{
    unsigned port;
    aigw_slice rest = text;
    if (text.len > 0 && text.data[0] == '[') {
        rest = gw_skip(text, 1);
        *host = gw_cut(&rest, ']');
        if (!rest.data || !is_ipv6(*host))
            return false;
        return rest.len == 0 || (rest.data[0] == ':' && parse_port(gw_skip(rest, 1), &port));
    }
    *host = gw_cut(&rest, ':');
    return is_host_name(*host) && (!rest.data || parse_port(rest, &port));
}

const char *gw_cfg_url_parse(aigw_slice text, gw_cfg_url *out)
{
    aigw_slice rest;
    out->https = gw_starts_nocase(text, GW_S("https://"));
    if (!out->https && !gw_starts_nocase(text, GW_S("http://")))
        return "expected a URL that begins with https:// or http://";
    rest = gw_skip(text, out->https ? 8 : 7);
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\')
            return "expected a URL without white space or other special characters";
        if (c == '?' || c == '#')
            return "expected a URL without a query (?) or a fragment (#)";
    }
    aigw_slice authority = rest;
    const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
    if (slash)
        authority.len = (size_t)(slash - rest.data);
    out->path = gw_skip(rest, authority.len);
    if (authority.len > 0 && memchr(authority.data, '@', authority.len))
        return "expected a URL without credentials";
    if (!parse_authority(authority, &out->host))
        return "expected a URL with a valid host, and a port if it is not the usual one";
    out->loopback = gw_cfg_is_loopback(out->host);
    return NULL;
}

const gw_cfg_node *gw_cfg_item(const gw_cfg_texts *texts, size_t place)
{
    const gw_cfg_node *n = texts->node ? texts->node->first : NULL;
    while (n && n->index != place)
        n = n->next;
    return n;
}

int gw_cfg_nets(gw_cfg_build *b, const gw_cfg_texts *texts, gw_net **out)
{
    gw_net *nets = gw_arena_calloc(b->config->arena, texts->count + 1, sizeof *nets);
    if (!nets)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < texts->count; i++) {
        bool host_bits = false;
        if (!gw_net_parse(texts->items[i], &nets[i], &host_bits))
            return gw_cfg_fail(b->err, gw_cfg_item(texts, i), "bad_network",
                               "expected an address or a network such as 10.0.0.0/8");
        if (host_bits)
            return gw_cfg_fail(b->err, gw_cfg_item(texts, i), "host_bits",
                               "expected a network: there are bits behind its prefix");
    }
    *out = nets;
    return AIGW_OK;
}
