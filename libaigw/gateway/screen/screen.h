/*
 * Screening: whose address it is, its reputation, and the WAF; before a token is looked at.
 *
 * Single, of one exchange; what it asks (lists, rules) is part of the snapshot. Must not know tokens or models.
 */
#ifndef GW_GATEWAY_SCREEN_SCREEN_H
#define GW_GATEWAY_SCREEN_SCREEN_H

#include "gate/address.h"
#include "gate/waf.h"
#include <aigw/exchange.h>
#include <aigw/iprep.h>
#include <aigw/waf.h>

/* What a step of an exchange says: see state.h. */
typedef enum gw_next {
    GW_NEXT_ON,       /* to the next step */
    GW_NEXT_ANSWERED, /* the client has its answer, or the last step runs */
    GW_NEXT_WAIT      /* gw_exchange_go_on will be called */
} gw_next;

/* What ended a request at the gate: reported in the order of AWS's priorities, whatever was looked at first. */
typedef enum gw_screen_end {
    GW_SCREEN_PASSED = 0,
    GW_SCREEN_BY_WAF,        /* `terminating` */
    GW_SCREEN_BY_REPUTATION, /* `reputation` */
    GW_SCREEN_BY_RATE        /* RateLimitPerIP */
} gw_screen_end;

/* A rule that looked at the address: IP reputation, RateLimitPerIP. */
typedef struct gw_screen_address_rule {
    aigw_waf_action action; /* DEFAULT: it saw nothing; COUNT; BLOCK. After overrides and mode */
    const char *rule;       /* static; "" if it saw nothing */
    const char *label;
} gw_screen_address_rule;

/*
 * What the gate found out about a request. All texts are static or in the exchange's arena. Zero: nothing was
 * looked at (the WAF is off, or the embedder vouches for the request).
 */
typedef struct gw_screened {
    bool looked; /* the WAF has looked at the head at least */
    gw_screen_end end;
    gw_address_end address_end; /* how x->client_ip was found */
    gw_malformed malformed;     /* what rules over addresses make of it, when that is MALFORMED */
    gw_screen_address_rule reputation;
    gw_screen_address_rule rate;       /* gateway/quota sets it, and `end` */
    const aigw_waf_match *terminating; /* BY_WAF: one of matches; else NULL */
    const aigw_waf_match
        *matches; /* each rule once, in the order of evaluation; the terminating one is the last */
    size_t match_count;
    bool more;               /* there were more matches than fit */
    bool failed;             /* a check had no verdict: answered 503 */
    uint64_t body_bytes;     /* as announced, then as it came */
    uint64_t body_inspected; /* bytes of it that the WAF has seen */
    bool oversize;           /* SizeRestrictions_BODY saw it, counted or not */
    gw_waf_step step;        /* of the head's check to the body's */
} gw_screened;

/* With the caller's request at hand: the reputation of its address, the WAF on the head. */
gw_next gw_screen_head(aigw_exchange *x, const aigw_request *request);
/* The WAF on the body, which is complete; may be empty. */
gw_next gw_screen_body(aigw_exchange *x);
/* Is the body of a request wanted that nothing else wants? */
bool gw_screen_wants_body(const aigw_exchange *x, const aigw_request *request);
/* A rule has ended the request: what rules of later priority saw is forgotten, as they would not have been asked.
 * BY_REPUTATION, BY_RATE. */
void gw_screen_stop(aigw_exchange *x, gw_screen_end end);

/* Group names and metrics of the rules that are no patterns; those of the others: aigw_waf_rule_at. */
#define GW_SCREEN_REPUTATION_GROUP  "AWSManagedRulesAmazonIpReputationList"
#define GW_SCREEN_REPUTATION_METRIC "ai-gateway-ip-reputation"
#define GW_SCREEN_RATE_RULE         "RateLimitPerIP"
#define GW_SCREEN_RATE_METRIC       "ai-gateway-rate-limit"
#define GW_SCREEN_RATE_LABEL        "aigw:waf:rate:RateLimitPerIP"

/* explain.c: what a config makes of a rule: its own override, then its group's count, then mode count. */
aigw_waf_action gw_screen_action_of(const aigw_waf_options *options, const aigw_waf_rule *rule);

#endif
