/*
 * IP addresses and networks as 16 bytes. An IPv4 address is kept mapped (::ffff:a.b.c.d, RFC 4291 clause
 * 2.5.5.2), so that one form of it exists, whichever way it was written. Knows no sockets and no lists.
 */
#ifndef GW_BASE_IP_H
#define GW_BASE_IP_H

#include <aigw/error.h>
#include <aigw/types.h>

#define GW_IP_BYTES 16
#define GW_IP_TEXT  48 /* room for the longest text and its NUL */

typedef struct gw_ip {
    uint8_t b[GW_IP_BYTES];
} gw_ip;

typedef struct gw_net {
    gw_ip base;   /* bits behind the prefix are 0 */
    uint8_t bits; /* of 128; a prefix of IPv4 plus 96 */
} gw_net;

gw_ip gw_ip_v4(uint32_t address);
bool gw_ip_is_v4(const gw_ip *ip); /* mapped */
uint32_t gw_ip_to_v4(const gw_ip *ip);
int gw_ip_cmp(const gw_ip *a, const gw_ip *b);

/* The whole text is one address: RFC 4291 clause 2.2, or four decimal numbers without leading zeros. No
 * brackets, port, zone or spaces. */
bool gw_ip_parse(aigw_slice text, gw_ip *out);
/* RFC 5952; IPv4 with dots. NUL-terminated; returns its length. */
size_t gw_ip_format(const gw_ip *ip, char out[GW_IP_TEXT]);

/* "address" or "address/bits". Bits of the address behind the prefix are cleared, and *host_bits (may be
 * NULL) says whether there were any. */
bool gw_net_parse(aigw_slice text, gw_net *out, bool *host_bits);
/* An IPv6 network that contains the mapped range (such as ::/0) does not contain IPv4 addresses: these
 * must be meant as such. */
bool gw_net_has(const gw_net *net, const gw_ip *ip);
gw_ip gw_net_last(const gw_net *net);

/*
 * A list for a config: each text must be a network without host bits. AIGW_E_CONFIG ("bad_network",
 * "host_bits"); err->line is then the place in the list, from 1.
 */
int gw_nets_parse(const aigw_slice *texts, size_t count, gw_net *out, aigw_error *err);
bool gw_nets_have(const gw_net *nets, size_t count, const gw_ip *ip);

#endif
