/*
 * Evidence of what the gate saw of a request: counters, samples and the log of the WAF, from what screening
 * and quotas left in x->screen.
 *
 * Single, of one exchange; the books are the gateway's and outlive snapshots. Looks at no body and no token.
 */
#ifndef GW_GATEWAY_SCREEN_EVIDENCE_H
#define GW_GATEWAY_SCREEN_EVIDENCE_H

#include "ledger/waf.h"
#include <aigw/exchange.h>

/* Of one exchange. All zero: the WAF is off, or not asked. */
typedef struct gw_evidence {
    const aigw_request *request; /* the caller's, until aigw_exchange_start returns */
    gw_waf_request *raw; /* in the arena, until it is known whether it is needed; then wiped */
    void *raw_bytes;
    size_t raw_len;
    const gw_waf_request *kept; /* without secrets, in the arena; NULL: not (yet) needed */
    uint64_t draw;              /* for the sample of Default_Action */
    int64_t unix_s;             /* when the request came */
    bool on, booked;
} gw_evidence;

/* The books of a gateway, with all groups and labels that there are. NULL without memory. */
gw_waf_books *gw_evidence_books(void);

/* exchange.c: the request begins; its memory is the caller's until _leave, which keeps what may be needed later.
 * Most requests without a body need nothing. */
void gw_evidence_head(aigw_exchange *x, const aigw_request *request);
void gw_evidence_leave(aigw_exchange *x);
/* settle.c: the exchange is over; once. */
void gw_evidence_settle(aigw_exchange *x);

/* The paths /admin/waf/...: the action of their endpoints. */
typedef enum gw_evidence_ask { GW_EVIDENCE_SAMPLES, GW_EVIDENCE_RULES } gw_evidence_ask;
void gw_evidence_give(aigw_exchange *x);

#endif
