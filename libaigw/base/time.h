/* Clocks as an argument: the only file that reads the system's. */
#ifndef GW_BASE_TIME_H
#define GW_BASE_TIME_H

#include <aigw/host.h>

typedef struct gw_clock {
    void *user;
    int64_t (*now_ms)(void *user);  /* monotonic */
    int64_t (*unix_s)(void *user);
} gw_clock;

/* The host's clock where it supplies one, else the system's. */
gw_clock gw_clock_of(const aigw_host *host);

static inline int64_t gw_now_ms(const gw_clock *clock)
{
    return clock->now_ms(clock->user);
}

static inline int64_t gw_unix_s(const gw_clock *clock)
{
    return clock->unix_s(clock->user);
}

#endif
