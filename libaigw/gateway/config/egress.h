/*
 * What the gateway fetches for its clients, as the config allows it: URLs that stand in requests.
 *
 * Plain data of a snapshot. Knows no transport.
 */
#ifndef GW_GATEWAY_CONFIG_EGRESS_H
#define GW_GATEWAY_CONFIG_EGRESS_H

#include "gate/egress.h"

typedef struct gw_fetch_rule {
    bool enabled, allow_http;
    size_t max_bytes, max_total_bytes; /* of one answer; of all of a request */
    size_t max_urls;                   /* of a request; one that stands twice counts once */
    int max_redirects;
    int timeout_ms;    /* for all of them together */
    aigw_slice *hosts; /* names, or "*.suffix"; none: any */
    size_t host_count;
    aigw_slice *types; /* "application/pdf", or "image/" for all images */
    size_t type_count;
} gw_fetch_rule;

/* May it be asked? The host as in a URL, without a port. */
bool gw_fetch_host_ok(const gw_fetch_rule *rule, aigw_slice host);
/* Is a content-type (parameters and all) one of those that are taken? */
bool gw_fetch_type_ok(const gw_fetch_rule *rule, aigw_slice type);

#endif
