/*
 * The section waf as the snapshot has it: rules and their actions, lists of addresses, the rate by address.
 */
#ifndef GW_GATEWAY_CONFIG_WAF_H
#define GW_GATEWAY_CONFIG_WAF_H

#include <aigw/iprep.h>
#include <aigw/waf.h>

typedef enum gw_waf_log { GW_WAF_LOG_NONE, GW_WAF_LOG_MATCHES, GW_WAF_LOG_ALL } gw_waf_log;

/* RateLimitPerIP. Its action is final: overrides and mode count are in it. */
typedef struct gw_config_waf_rate {
    aigw_waf_action action; /* BLOCK, COUNT or NONE */
    int64_t limit, window_ms;
    int status;           /* 403 or 429 */
    unsigned ipv6_prefix; /* 1 to 128 */
    int on_fail;          /* 0: closed, 1: open, 2: local */
    int64_t lease, lease_ms;
} gw_config_waf_rate;

typedef struct gw_config_waf_list {
    aigw_slice *files;
    size_t file_count;
    aigw_waf_action action; /* of its rule: BLOCK, COUNT or NONE; final. Of the allow list: none */
} gw_config_waf_list;

typedef struct gw_config_waf {
    bool enabled;
    aigw_waf_options options; /* overrides in the snapshot's arena */
    gw_config_waf_rate rate;
    gw_config_waf_list lists[AIGW_IPREP_LISTS];
    size_t max_entries;
    int64_t check_ms;
    gw_waf_log log;
    bool samples;
    aigw_slice name;
} gw_config_waf;

#endif
