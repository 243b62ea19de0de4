/*
 * Whose request is it? The address of the TCP peer or, behind trusted proxies, the one that they name.
 *
 * Pure: texts in, an address out. A forwarding header counts only when the peer is a trusted proxy, only
 * the one that is configured, and only from its right end: what stands left of the first address that is
 * no trusted proxy was written by a stranger. Knows nothing of what the address is used for.
 */
#ifndef GW_GATE_ADDRESS_H
#define GW_GATE_ADDRESS_H

#include "base/ip.h"

typedef enum gw_forward {
    GW_FORWARD_NONE = 0, /* always the peer */
    GW_FORWARD_XFF,      /* X-Forwarded-For */
    GW_FORWARD_RFC7239,  /* Forwarded */
    GW_FORWARD_HEADER    /* one header with one address, such as X-Real-IP or CF-Connecting-IP */
} gw_forward;

/* What rules over addresses make of a request whose header is malformed (AWS: FallbackBehavior). */
typedef enum gw_malformed {
    GW_MALFORMED_LAST_GOOD = 0, /* judge the last good trusted hop, or the peer */
    GW_MALFORMED_MATCH,         /* every such rule matches */
    GW_MALFORMED_NO_MATCH       /* none does; the allow list neither */
} gw_malformed;

enum { GW_HOPS_DEFAULT = 10, GW_HOPS_MAX = 64 };

typedef struct gw_address_policy {
    const gw_net *trusted; /* gw_nets_parse */
    size_t trusted_count;
    gw_forward forward;
    aigw_slice header; /* GW_FORWARD_HEADER: its name */
    size_t max_hops;   /* addresses that are parsed at most; 0: 10; at most 64 */
    gw_malformed malformed;
} gw_address_policy;

/* Why the walk ended where it did; for the log. */
typedef enum gw_address_end {
    GW_ADDRESS_PEER = 0,  /* not forwarded: no trusted peer, no header, or none is read */
    GW_ADDRESS_FORWARDED, /* an address that is no trusted proxy */
    GW_ADDRESS_ALL,       /* every address of the list is a trusted proxy: the leftmost */
    GW_ADDRESS_CAPPED, /* max_hops addresses were trusted proxies and more follow: the last one read */
    GW_ADDRESS_HIDDEN, /* a hop says "unknown", an obfuscated name (RFC 7239 clause 6.3) or nothing:
                             the hop before it */
    GW_ADDRESS_MALFORMED /* an element is no address: the hop before it, and the policy's word */
} gw_address_end;

typedef struct gw_client_address {
    gw_ip ip; /* always set */
    gw_address_end end;
    gw_malformed malformed; /* when end is MALFORMED; else LAST_GOOD */
    size_t hops;            /* addresses taken from the header */
} gw_client_address;

/*
 * `peer` is the TCP peer's address, or the one of the PROXY protocol. Repeated header lines are one list in
 * their order. An element is an address, with a port ("1.2.3.4:5", "[::1]:5"), in brackets, with a zone id
 * (dropped), in either case; no other form. A line that is empty holds no element; an empty element is
 * malformed. A header of one address must be there once.
 */
void gw_client_address_of(const gw_address_policy *policy, const gw_ip *peer,
                          const aigw_header *headers, size_t header_count, gw_client_address *out);

/* Under which address a client is counted: IPv4 whole, IPv6 by its first `v6_bits` bits (0: 64), because
 * one client owns 2^64 of them. */
gw_ip gw_rate_key(const gw_ip *ip, unsigned v6_bits);

/* One hop of a list. */
typedef enum gw_hop { GW_HOP_ADDRESS, GW_HOP_HIDDEN, GW_HOP_MALFORMED } gw_hop;

/* RFC 7239 clause 6, and what X-Forwarded-For holds in practice: no quotes around it any more. */
gw_hop gw_hop_read(aigw_slice text, gw_ip *out);
/* Cuts the last forwarded-element off a Forwarded value (data NULL when it was the first), quotes
 * respected from the right, so that an open quote further left hides nothing. */
aigw_slice gw_forwarded_cut_last(aigw_slice *list);
/* The hop that a forwarded-element names by for=; strict: no parameter twice. */
gw_hop gw_forwarded_hop(aigw_slice element, gw_ip *out);

#endif
