/*
 * Screening: whose address it is, its reputation, and the WAF; before a token is looked at.
 *
 * Single, of one exchange; what it asks (lists, rules) is part of the snapshot. Must not know tokens or models.
 */
#ifndef GW_GATEWAY_SCREEN_SCREEN_H
#define GW_GATEWAY_SCREEN_SCREEN_H

#include <aigw/exchange.h>

/* What a step of an exchange says: see state.h. */
typedef enum gw_next {
    GW_NEXT_ON,       /* to the next step */
    GW_NEXT_ANSWERED, /* the client has its answer, or the last step runs */
    GW_NEXT_WAIT      /* gw_exchange_go_on will be called */
} gw_next;

/* With the caller's request at hand: the client's address, its reputation, the WAF on the head. */
gw_next gw_screen_head(aigw_exchange *x, const aigw_request *request);
/* The WAF on the body, which is complete; may be empty. */
gw_next gw_screen_body(aigw_exchange *x);
/* Is the body of a request wanted that nothing else wants? */
bool gw_screen_wants_body(const aigw_exchange *x);

#endif
