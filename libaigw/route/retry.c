/* Which answers may be tried again and how long to wait before it.
 * Pure; must not know who sends or when: the conductor does both. */
#include "route/retry.h"

#define FIRST_WAIT_MS   500
#define LONGEST_WAIT_MS 8000

bool gw_retry_status(int status)
{
    return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

/* Half a second, doubled for every attempt after the first, up to eight. */
static int backoff_ms(int n)
{
    int wait = FIRST_WAIT_MS;
    while (--n > 0 && wait < LONGEST_WAIT_MS)
        wait *= 2;
    return wait;
}

int gw_retry_delay_ms(int n, int max_retries, int retry_after_s, int max_wait_ms, uint32_t random)
{
    if (n < 1 || n > max_retries)
        return -1;
    if (retry_after_s >= 0) {
        int64_t wait = (int64_t)retry_after_s * 1000;
        return wait <= max_wait_ms ? (int)wait : -1;
    }
    int wait = backoff_ms(n);
    wait -= (int)((uint64_t)wait * random / UINT32_MAX / 4);
    return wait < max_wait_ms ? wait : max_wait_ms;
}
