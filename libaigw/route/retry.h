/*
 * What may be tried again, and when. Pure.
 *
 * Source: what the official OpenAI and Anthropic clients do (retry on 408, 429 and >= 500;
 * Retry-After first, else 0.5 s doubling to 8 s with up to 25 % less), and Anthropic's 529
 * "overloaded". They retry 409 too; a gateway does not: it cannot know that the conflict is a lock.
 */
#ifndef GW_ROUTE_RETRY_H
#define GW_ROUTE_RETRY_H

#include <aigw/error.h>

/* 408, 429 and 5xx (529 with them): yes. All else, 409 too: no. */
bool gw_retry_status(int status);
/*
 * Milliseconds to wait before retry n (1, 2, ...), or -1: do not retry. Retry-After (seconds; -1
 * unknown) is honoured as it is; one longer than max_wait_ms gives -1, since an earlier try would
 * only be refused again and the client can wait better than we. Without it: 500 ms doubling to 8 s,
 * less up to 25 % by `random`, at most max_wait_ms.
 */
int gw_retry_delay_ms(int n, int max_retries, int retry_after_s, int max_wait_ms, uint32_t random);

#endif
