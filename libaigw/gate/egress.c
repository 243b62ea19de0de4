/* What kind an address is, and whether it may be connected to. */
/* Must not know names, hosts or sockets. */
#include "gate/egress.h"

#include "base/error.h"
#include "base/text.h"

typedef struct v4_row {
    uint32_t base;
    uint8_t bits;
    gw_egress_kind kind;
} v4_row;

#define V4(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* The first row counts. IANA IPv4 Special-Purpose Address Registry. */
static const v4_row v4_rows[] = {
    {V4(169, 254, 169, 254), 32, GW_EGRESS_METADATA}, /* AWS, Google, Azure, Oracle, DigitalOcean */
    {V4(169, 254, 170, 2), 32, GW_EGRESS_METADATA},   /* AWS ECS task credentials */
    {V4(169, 254, 170, 23), 32, GW_EGRESS_METADATA},  /* AWS EKS pod identity */
    {V4(100, 100, 100, 200), 32, GW_EGRESS_METADATA}, /* Alibaba */
    {V4(168, 63, 129, 16), 32, GW_EGRESS_METADATA},   /* Azure wire server */
    {V4(192, 0, 0, 192), 32, GW_EGRESS_METADATA},     /* Oracle, the older one */
    {V4(0, 0, 0, 0), 8, GW_EGRESS_RESERVED},
    {V4(10, 0, 0, 0), 8, GW_EGRESS_PRIVATE},
    {V4(100, 64, 0, 0), 10, GW_EGRESS_SHARED},
    {V4(127, 0, 0, 0), 8, GW_EGRESS_LOOPBACK},
    {V4(169, 254, 0, 0), 16, GW_EGRESS_LINK_LOCAL},
    {V4(172, 16, 0, 0), 12, GW_EGRESS_PRIVATE},
    {V4(192, 0, 0, 0), 24, GW_EGRESS_RESERVED},
    {V4(192, 0, 2, 0), 24, GW_EGRESS_RESERVED},
    {V4(192, 88, 99, 0), 24, GW_EGRESS_RESERVED},
    {V4(192, 168, 0, 0), 16, GW_EGRESS_PRIVATE},
    {V4(198, 18, 0, 0), 15, GW_EGRESS_RESERVED},
    {V4(198, 51, 100, 0), 24, GW_EGRESS_RESERVED},
    {V4(203, 0, 113, 0), 24, GW_EGRESS_RESERVED},
    {V4(224, 0, 0, 0), 4, GW_EGRESS_MULTICAST},
    {V4(255, 255, 255, 255), 32, GW_EGRESS_MULTICAST},
    {V4(240, 0, 0, 0), 4, GW_EGRESS_RESERVED},
};

typedef struct v6_row {
    uint8_t base[GW_IP_BYTES];
    uint8_t bits;
    gw_egress_kind kind;
} v6_row;

/* IANA IPv6 Special-Purpose Address Registry; what is in none of them and not in 2000::/3 is reserved. */
static const v6_row v6_rows[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, GW_EGRESS_METADATA}, /* AWS fd00:ec2::254 */
    {{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}, 128, GW_EGRESS_METADATA}, /* AWS EKS fd00:ec2::23 */
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54},
     128,
     GW_EGRESS_METADATA}, /* Google fd20:ce::254 */
    {{[15] = 1}, 128, GW_EGRESS_LOOPBACK},
    {{0xfc}, 7, GW_EGRESS_PRIVATE},
    {{0xfe, 0x80}, 10, GW_EGRESS_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, GW_EGRESS_PRIVATE},
    {{0xff}, 8, GW_EGRESS_MULTICAST},
    {{0x00, 0x64, 0xff, 0x9b}, 96, GW_EGRESS_PUBLIC},              /* NAT64: what it carries */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, GW_EGRESS_PRIVATE}, /* local NAT64 (RFC 8215) */
    {{0x20, 0x01}, 32, GW_EGRESS_PUBLIC},                          /* Teredo: what it carries */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, GW_EGRESS_RESERVED},            /* documentation */
    {{0x20, 0x01}, 23, GW_EGRESS_RESERVED},                        /* protocol assignments */
    {{0x3f, 0xff}, 20, GW_EGRESS_RESERVED},                        /* documentation (RFC 9637) */
    {{0x20}, 3, GW_EGRESS_PUBLIC},
};

static gw_egress_kind kind_of_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof v4_rows / sizeof v4_rows[0]; i++) {
        const v4_row *row = &v4_rows[i];
        if ((address ^ row->base) >> (32 - row->bits) == 0)
            return row->kind;
    }
    return GW_EGRESS_PUBLIC;
}

static gw_egress_kind kind_of_v6(const gw_ip *ip)
{
    for (size_t i = 0; i < sizeof v6_rows / sizeof v6_rows[0]; i++) {
        gw_net net = {.bits = v6_rows[i].bits};
        memcpy(net.base.b, v6_rows[i].base, GW_IP_BYTES);
        if (gw_net_has(&net, ip))
            return v6_rows[i].kind;
    }
    return GW_EGRESS_RESERVED;
}

static uint32_t at(const gw_ip *ip, size_t place)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++)
        value = value << 8 | ip->b[place + i];
    return value;
}

static gw_egress_kind worse(gw_egress_kind a, gw_egress_kind b)
{
    /* What a metadata service is counts first: its rule is the strictest. */
    if (a == GW_EGRESS_METADATA || b == GW_EGRESS_METADATA)
        return GW_EGRESS_METADATA;
    return a != GW_EGRESS_PUBLIC ? a : b;
}

/* Does the address begin so? */
static bool begins(const gw_ip *ip, const char *bytes, size_t len)
{
    return memcmp(ip->b, bytes, len) == 0;
}

/* The IPv4 addresses that an IPv6 one carries; returns how many (at most 2). */
static size_t carried(const gw_ip *ip, uint32_t out[2])
{
    static const char zeros[12] = {0};
    size_t n = 0;
    if (begins(ip, "\0\x64\xff\x9b\0\1", 6)) {
        /* RFC 6052 clause 2.2: behind /48 the bytes lie around a zero; many put them at the end. */
        out[n++] = (uint32_t)ip->b[6] << 24 | (uint32_t)ip->b[7] << 16 | (uint32_t)ip->b[9] << 8 |
                   ip->b[10];
        out[n++] = at(ip, 12);
    } else if (begins(ip, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12)) {
        out[n++] = at(ip, 12);
    } else if (begins(ip, "\x20\x02", 2)) {
        out[n++] = at(ip, 2);
    } else if (begins(ip, "\x20\x01\0\0", 4)) {
        out[n++] = at(ip, 4);
        out[n++] = ~at(ip, 12);
    } else if (begins(ip, "\0\0\0\0\0\0\0\0\xff\xff\0\0", 12)) {
        out[n++] = at(ip, 12);
    } else if (begins(ip, zeros, 12) && at(ip, 12) > 1) {
        out[n++] = at(ip, 12);
    } else if ((ip->b[8] & 0xfc) == 0 && ip->b[9] == 0 && ip->b[10] == 0x5e && ip->b[11] == 0xfe) {
        out[n++] = at(ip, 12);
    }
    return n;
}

gw_egress_kind gw_egress_kind_of(const gw_ip *ip)
{
    uint32_t inner[2];
    if (gw_ip_is_v4(ip))
        return kind_of_v4(gw_ip_to_v4(ip));
    gw_egress_kind kind = kind_of_v6(ip);
    for (size_t i = 0, n = carried(ip, inner); i < n; i++) {
        gw_egress_kind within = kind_of_v4(inner[i]);
        /* The carried one says more than "reserved". */
        kind =
            kind == GW_EGRESS_RESERVED && within != GW_EGRESS_PUBLIC ? within : worse(kind, within);
    }
    return kind;
}

const char *gw_egress_word(gw_egress_kind kind)
{
    static const char *const words[] = {"public",     "private",  "shared",    "loopback",
                                        "link_local", "metadata", "multicast", "reserved"};
    return (unsigned)kind < sizeof words / sizeof words[0] ? words[kind] : "unknown";
}

int gw_egress_check(const gw_ip *ip, const gw_net *allowed, size_t allowed_count, aigw_error *err)
{
    gw_egress_kind kind = gw_egress_kind_of(ip);
    char reason[32] = "egress_", text[GW_IP_TEXT];
    if (kind == GW_EGRESS_PUBLIC)
        return AIGW_OK;
    for (size_t i = 0; i < allowed_count; i++) {
        if (gw_net_has(&allowed[i], ip) && (kind != GW_EGRESS_METADATA || allowed[i].bits == 128))
            return AIGW_OK;
    }
    memcpy(reason + 7, gw_egress_word(kind), strlen(gw_egress_word(kind)) + 1);
    gw_ip_format(ip, text);
    return gw_fail(err, AIGW_E_DENIED, reason, "%s is not to be connected to (%s)", text,
                   gw_egress_word(kind));
}

bool gw_egress_same(const gw_egress_policy *a, const gw_egress_policy *b)
{
    if (a->allowed_count != b->allowed_count)
        return false;
    for (size_t i = 0; i < a->allowed_count; i++) {
        if (a->allowed[i].bits != b->allowed[i].bits ||
            gw_ip_cmp(&a->allowed[i].base, &b->allowed[i].base) != 0)
            return false;
    }
    return true;
}
