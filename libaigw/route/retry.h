/* What may be tried again, and when. Pure. Source: reference table of SDK behaviour in docs/retry.md. */
#ifndef GW_ROUTE_RETRY_H
#define GW_ROUTE_RETRY_H

#include <aigw/error.h>

/* 408, 409 not; 408, 429, 5xx and 529 yes. */
bool gw_retry_status(int status);
/* Milliseconds to wait before attempt n (1, 2, ...): Retry-After (seconds; -1 unknown) capped at
 * max_wait_ms, else 500 ms doubling to 8 s less up to 25 % by `random`. -1: do not retry. */
int gw_retry_delay_ms(int n, int max_retries, int retry_after_s, int max_wait_ms, uint32_t random);

#endif
