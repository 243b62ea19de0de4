/* The system's clocks: the only file that reads them. */
/* Must not know who asks; everybody else gets a gw_clock as an argument. */
#include "base/time.h"

#include <time.h>

static int64_t system_now_ms(void *user)
{
    (void)user;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_unix_s(void *user)
{
    (void)user;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

/* Both functions share one `user`, which the system's ignore: each may be replaced alone. */
gw_clock gw_clock_of(const aigw_host *host)
{
    gw_clock clock = {NULL, system_now_ms, system_unix_s};
    if (host == NULL)
        return clock;
    clock.user = host->user;
    if (host->size >= offsetof(aigw_host, now_ms) + sizeof(host->now_ms) && host->now_ms != NULL)
        clock.now_ms = host->now_ms;
    if (host->size >= offsetof(aigw_host, unix_s) + sizeof(host->unix_s) && host->unix_s != NULL)
        clock.unix_s = host->unix_s;
    return clock;
}
