/*
 * May this address be connected to? What stops a request from making us fetch from our own network (SSRF),
 * and a name from resolving to it (DNS rebinding).
 *
 * Pure. To be asked for each address that a name resolved to, and that address is then the one connected
 * to: a second resolution may say otherwise. Knows nothing of names, hosts and sockets.
 */
#ifndef GW_GATE_EGRESS_H
#define GW_GATE_EGRESS_H

#include "base/ip.h"

/* What an address is. Those from PRIVATE on are refused unless a network of the list has them. */
typedef enum gw_egress_kind {
    GW_EGRESS_PUBLIC = 0,
    GW_EGRESS_PRIVATE,    /* RFC 1918, unique local fc00::/7, site-local fec0::/10 */
    GW_EGRESS_SHARED,     /* 100.64.0.0/10, carrier-grade NAT (RFC 6598) */
    GW_EGRESS_LOOPBACK,   /* 127.0.0.0/8, ::1 */
    GW_EGRESS_LINK_LOCAL, /* 169.254.0.0/16, fe80::/10 */
    GW_EGRESS_METADATA,   /* the known addresses of clouds' metadata and credential services */
    GW_EGRESS_MULTICAST,  /* 224.0.0.0/4, ff00::/8, and 255.255.255.255 */
    GW_EGRESS_RESERVED /* 0.0.0.0/8, ::, documentation, benchmarks, 240.0.0.0/4, discard, and all IPv6
                             outside 2000::/3 that is not named above */
} gw_egress_kind;

/*
 * An address that carries an IPv4 one is judged by both, the worse counts: mapped, compatible
 * (::a.b.c.d), NAT64 (64:ff9b::/96 and 64:ff9b:1::/48 by RFC 6052), 6to4 (2002::/16), Teredo (2001::/32,
 * its server and its inverted client), ISATAP (...:0:5efe:a.b.c.d, ...:200:5efe:a.b.c.d), SIIT
 * (::ffff:0:a.b.c.d).
 */
gw_egress_kind gw_egress_kind_of(const gw_ip *ip);

/* A stable word: "public", "private", ... */
const char *gw_egress_word(gw_egress_kind kind);

/*
 * AIGW_OK, or AIGW_E_DENIED with reason "egress_private", "egress_metadata", ... The networks allow what
 * they name, also where it is carried within IPv6 only if they name the carrying address. The metadata
 * addresses need an entry for that one address: a wide network does not allow them.
 */
int gw_egress_check(const gw_ip *ip, const gw_net *allowed, size_t allowed_count, aigw_error *err);

/* What somebody's connections must keep to: public addresses, and these networks. Borrowed. */
typedef struct gw_egress_policy {
    const gw_net *allowed;
    size_t allowed_count;
} gw_egress_policy;

bool gw_egress_same(const gw_egress_policy *a, const gw_egress_policy *b); /* the same list */

#endif
