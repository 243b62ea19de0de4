/* Reads the host of a URL as the most lenient client would. Must not know what is done about it. */
#include "gate/waf/url.h"
#include "base/text.h"
#include "gate/waf/norm.h"

#define HOST_MAX 256

static const char *const metadata_names[] = {"metadata.google.internal",
                                             "metadata.goog",
                                             "metadata",
                                             "instance-data",
                                             "metadata.azure.com",
                                             "metadata.azure.internal",
                                             "metadata.tencentyun.com",
                                             "metadata.platformequinix.com",
                                             "instance-data.ec2.internal"};
static const char *const loopback_names[] = {"localhost",
                                             "localhost.localdomain",
                                             "ip6-localhost",
                                             "ip6-loopback",
                                             "localtest.me",
                                             "lvh.me",
                                             "vcap.me",
                                             "kubernetes.default",
                                             "kubernetes.default.svc",
                                             "host.docker.internal"};
/* Names that answer with the address written in them. */
static const char *const echo_names[] = {".nip.io", ".sslip.io", ".xip.io"};

static gw_waf_host of_v4(uint32_t a)
{
    if (a >> 16 == 0xA9FE || a == 0x646464C8 || a == 0xA83F8110) /* Alibaba's and Azure's too */
        return GW_WAF_HOST_METADATA;
    if (a >> 24 == 127 || a >> 24 == 0)
        return GW_WAF_HOST_LOOPBACK;
    if (a >> 24 == 10 || a >> 20 == 0xAC1 || a >> 16 == 0xC0A8 || a >> 22 == 0x64400000u >> 22)
        return GW_WAF_HOST_PRIVATE;
    return a >> 28 >= 14 ? GW_WAF_HOST_ODD : GW_WAF_HOST_FINE;
}

/* One part of inet_aton's notation: decimal, 0octal, 0xhex. */
static bool v4_part(aigw_slice text, uint64_t *out, bool *plain)
{
    unsigned base = 10;
    size_t i = 0;
    if (text.len > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        base = 16;
        i = 2;
    } else if (text.len > 1 && text.data[0] == '0') {
        base = 8;
        i = 1;
    }
    *plain &= base == 10;
    *out = 0;
    for (; i < text.len; i++) {
        int digit = gw_waf_hex(text.data[i]);
        if (digit < 0 || (unsigned)digit >= base || *out > UINT32_MAX)
            return false;
        *out = *out * base + (unsigned)digit;
    }
    return text.len > 0;
}

/* An IPv4 address of one to four parts; *plain: written as everybody does. */
static bool v4(aigw_slice host, uint32_t *out, bool *plain)
{
    uint64_t part[4];
    size_t n = 0;
    *plain = true;
    aigw_slice rest = host;
    while (rest.data) {
        aigw_slice one = gw_cut(&rest, '.');
        if (n == 4 || !v4_part(one, &part[n], plain))
            return false;
        n++;
    }
    if (n == 0)
        return false;
    *plain &= n == 4;
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (part[i] > 255)
            return false;
        sum |= part[i] << (24 - 8 * i);
    }
    if (part[n - 1] >> (8 * (5 - n)))
        return false;
    *out = (uint32_t)(sum | part[n - 1]);
    return true;
}

/* Hex groups of an IPv6 address, until "::" or the end; a trailing IPv4 gives two. */
static bool v6_groups(aigw_slice text, uint16_t *out, size_t *count)
{
    aigw_slice rest = text;
    *count = 0;
    while (text.len && rest.data) {
        aigw_slice one = gw_cut(&rest, ':');
        uint32_t tail;
        bool plain;
        if (!rest.data && memchr(one.data, '.', one.len) && *count <= 6 && v4(one, &tail, &plain)) {
            out[(*count)++] = (uint16_t)(tail >> 16);
            out[(*count)++] = (uint16_t)tail;
            return true;
        }
        if (one.len == 0 || one.len > 4 || *count == 8)
            return false;
        uint32_t value = 0;
        for (size_t i = 0; i < one.len; i++) {
            int digit = gw_waf_hex(one.data[i]);
            if (digit < 0)
                return false;
            value = value << 4 | (uint32_t)digit;
        }
        out[(*count)++] = (uint16_t)value;
    }
    return true;
}

static bool v6(aigw_slice text, uint16_t out[8])
{
    uint16_t head[8], tail[8];
    size_t heads = 0, tails = 0;
    const char *gap = gw_find(text, GW_S("::"));
    aigw_slice first = gap ? gw_slice(text.data, (size_t)(gap - text.data)) : text;
    aigw_slice last = gap ? gw_skip(text, first.len + 2) : gw_slice(NULL, 0);
    if (!v6_groups(first, head, &heads) || !v6_groups(last, tail, &tails) ||
        (gap ? heads + tails > 7 : heads != 8))
        return false;
    memset(out, 0, 8 * sizeof *out);
    memcpy(out, head, heads * sizeof *out);
    memcpy(out + 8 - tails, tail, tails * sizeof *out);
    return true;
}

static gw_waf_host of_v6(aigw_slice text)
{
    uint16_t g[8];
    const char *zone = text.len ? memchr(text.data, '%', text.len) : NULL;
    if (zone)
        text.len = (size_t)(zone - text.data);
    if (!v6(text, g))
        return GW_WAF_HOST_ODD;
    uint32_t low = (uint32_t)g[6] << 16 | g[7];
    bool zero4 = !g[0] && !g[1] && !g[2] && !g[3];
    if (zero4 && !g[4] && (g[5] == 0 || g[5] == 0xFFFF))
        return low <= 1 && !g[5] ? GW_WAF_HOST_LOOPBACK : of_v4(low);
    if (g[0] == 0x64 && g[1] == 0xFF9B)
        return of_v4(low);
    if (g[0] == 0x2002)
        return of_v4((uint32_t)g[1] << 16 | g[2]);
    if (g[0] >> 6 == 0xFE80 >> 6 || (g[0] == 0xFD00 && g[1] == 0xEC2))
        return GW_WAF_HOST_METADATA;
    if (g[0] >> 9 == 0xFC00 >> 9)
        return GW_WAF_HOST_PRIVATE;
    return g[0] >> 8 == 0xFF ? GW_WAF_HOST_ODD : GW_WAF_HOST_FINE;
}

static bool listed(aigw_slice host, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        aigw_slice name = aigw_slice_of(names[i]);
        if (gw_eq(host, name))
            return true;
    }
    return false;
}

/* Also as the end of a longer name. */
static bool under(aigw_slice host, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        aigw_slice name = aigw_slice_of(names[i]);
        if (gw_ends(host, name) && (host.len == name.len || name.data[0] == '.' ||
                                    host.data[host.len - name.len - 1] == '.'))
            return true;
    }
    return false;
}

/* "10.0.0.1.nip.io", "app-10-0-0-1.nip.io": the address before the suffix. */
static gw_waf_host of_echo(aigw_slice host)
{
    char text[HOST_MAX];
    size_t n = 0;
    for (size_t i = 0; i < host.len; i++)
        text[n++] = host.data[i] == '-' ? '.' : host.data[i];
    for (size_t from = 0; from < n; from++) {
        uint32_t address;
        bool plain;
        for (size_t to = from + 7; to <= n && to <= from + 15; to++) {
            if ((to == n || text[to] == '.') && (from == 0 || text[from - 1] == '.') &&
                v4(gw_slice(text + from, to - from), &address, &plain) && plain &&
                of_v4(address) != GW_WAF_HOST_FINE)
                return of_v4(address);
        }
    }
    return GW_WAF_HOST_FINE;
}

/* Lower case, decoded, cleaned; without trailing dots. */
static aigw_slice plain_host(aigw_slice host, char room[HOST_MAX])
{
    bool changed = false;
    size_t n = host.len < HOST_MAX ? host.len : HOST_MAX;
    memcpy(room, host.data, n);
    n = gw_waf_url_decode(room, n, false, &changed);
    n = gw_waf_clean(room, n, &changed);
    for (size_t i = 0; i < n; i++) {
        if (room[i] >= 'A' && room[i] <= 'Z')
            room[i] = (char)(room[i] | 0x20);
    }
    while (n > 0 && room[n - 1] == '.')
        n--;
    return gw_slice(room, n);
}

gw_waf_host gw_waf_host_of(aigw_slice raw)
{
    char room[HOST_MAX];
    if (raw.len == 0)
        return GW_WAF_HOST_ODD;
    if (raw.data[0] == '[') {
        const char *end = memchr(raw.data, ']', raw.len);
        return end ? of_v6(gw_slice(raw.data + 1, (size_t)(end - raw.data) - 1)) : GW_WAF_HOST_ODD;
    }
    const char *colon = memchr(raw.data, ':', raw.len);
    aigw_slice host =
        plain_host(colon ? gw_slice(raw.data, (size_t)(colon - raw.data)) : raw, room);
    uint32_t address;
    bool plain;
    if (v4(host, &address, &plain)) {
        gw_waf_host is = of_v4(address);
        return is == GW_WAF_HOST_FINE && !plain ? GW_WAF_HOST_ODD : is;
    }
    /* Enclosed and other digits that name preparation turns into ASCII ones. */
    if (gw_find(host, GW_S("\xE2\x91")) || gw_find(host, GW_S("\xE2\x92")) ||
        gw_find(host, GW_S("\xE2\x93")) || gw_find(host, GW_S("\xE3\x80\x82")))
        return GW_WAF_HOST_ODD;
    if (listed(host, metadata_names, sizeof metadata_names / sizeof metadata_names[0]))
        return GW_WAF_HOST_METADATA;
    if (under(host, loopback_names, sizeof loopback_names / sizeof loopback_names[0]))
        return GW_WAF_HOST_LOOPBACK;
    if (under(host, echo_names, sizeof echo_names / sizeof echo_names[0]))
        return of_echo(host);
    return host.len ? GW_WAF_HOST_FINE : GW_WAF_HOST_ODD;
}

/* Length of the scheme before its colon; 0 if the text has none. */
static size_t scheme_of(aigw_slice url)
{
    for (size_t i = 0; i < url.len && i < 32; i++) {
        char c = (char)(url.data[i] | 0x20);
        if (url.data[i] == ':')
            return i;
        if (!(c >= 'a' && c <= 'z') &&
            !(i > 0 && ((url.data[i] >= '0' && url.data[i] <= '9') || strchr("+-.", url.data[i]))))
            return 0;
    }
    return 0;
}

gw_waf_host gw_waf_url_host(aigw_slice url)
{
    static const char *const carried[] = {"http", "https", "ws", "wss", "gs", "s3"};
    while (url.len && (unsigned char)url.data[0] <= ' ')
        url = gw_skip(url, 1);
    size_t n = scheme_of(url);
    if (n == 0 && !gw_starts(url, GW_S("//")))
        return GW_WAF_HOST_FINE; /* an id, a path */
    if (n == 4 && gw_starts_nocase(url, GW_S("data")))
        return GW_WAF_HOST_FINE;
    bool known = n == 0;
    for (size_t i = 0; i < sizeof carried / sizeof carried[0]; i++)
        known |= gw_eq_nocase(gw_slice(url.data, n), aigw_slice_of(carried[i]));
    aigw_slice rest = gw_skip(url, n ? n + 1 : 0);
    bool slashes = rest.len >= 2 && (rest.data[0] == '/' || rest.data[0] == '\\');
    if (!known) /* "file-abc:1" is an id; file://, gopher://, jar:http: are not */
        return slashes || gw_find(rest, GW_S("://")) ? GW_WAF_HOST_ODD : GW_WAF_HOST_FINE;
    while (rest.len && (rest.data[0] == '/' || rest.data[0] == '\\'))
        rest = gw_skip(rest, 1);
    size_t end = 0;
    while (end < rest.len && !strchr("/\\?#", rest.data[end]))
        end++;
    aigw_slice host = gw_slice(rest.data, end);
    for (const char *at; host.len && (at = memchr(host.data, '@', host.len));)
        host = gw_skip(host, (size_t)(at - host.data) + 1);
    return gw_waf_host_of(host);
}
