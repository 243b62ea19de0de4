/*
 * Quotas: limits of requests, tokens and concurrency, taken before and settled after a call.
 *
 * Single, of one exchange; counts are the snapshot's limiter's, in memory or in a Redis.
 */
#ifndef GW_GATEWAY_QUOTA_QUOTA_H
#define GW_GATEWAY_QUOTA_QUOTA_H

#include "gateway/screen/screen.h"

/* RateLimitPerIP: by the client's address, before a token is looked at. */
gw_next gw_quota_address(aigw_exchange *x);
/* The limits of client, team, key and model, when it is known what will be sent. Of a pass-through: before
 * its body. */
gw_next gw_quota_call(aigw_exchange *x);
/* The exchange is over: tokens are settled from usage, what is held is given back. Once. */
void gw_quota_settle(aigw_exchange *x);
/* Header fields of an answer that is about to be given. */
void gw_quota_headers(aigw_exchange *x);
/* A wait is given up. */
void gw_quota_cancel(aigw_exchange *x);

#endif
