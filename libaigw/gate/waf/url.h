/*
 * Whom a URL names: itself, the metadata service, a private network. What SSRF needs.
 *
 * Reads hosts as lenient clients do (decimal, octal, hex and short IPv4; userinfo; percent-encoding). No DNS.
 */
#ifndef GW_GATE_WAF_URL_H
#define GW_GATE_WAF_URL_H

#include <aigw/types.h>

typedef enum gw_waf_host {
    GW_WAF_HOST_FINE,     /* a public name or address, a data: URL, no URL at all */
    GW_WAF_HOST_METADATA, /* metadata services, link-local */
    GW_WAF_HOST_LOOPBACK, /* this machine, in any spelling */
    GW_WAF_HOST_PRIVATE,  /* RFC 1918, RFC 6598, fc00::/7 */
    GW_WAF_HOST_ODD /* an address in a spelling that only serves to hide; no host; another scheme */
} gw_waf_host;

gw_waf_host gw_waf_url_host(aigw_slice url);
/* Of a host alone, as in the Host header: a port and brackets may be there. */
gw_waf_host gw_waf_host_of(aigw_slice host);

#endif
