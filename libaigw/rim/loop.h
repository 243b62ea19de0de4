/*
 * Readiness and timers behind one descriptor: an epoll set that holds an eventfd for waking.
 *
 * Single-threaded but for gw_loop_wake. Knows no protocol. Callbacks run from gw_loop_step only.
 */
#ifndef GW_RIM_LOOP_H
#define GW_RIM_LOOP_H

#include "base/time.h"
#include <aigw/error.h>

typedef struct gw_loop gw_loop;

#define GW_LOOP_READ 1u
#define GW_LOOP_WRITE 2u

typedef void gw_loop_fd_fn(void *user, int fd, unsigned events);

gw_loop *gw_loop_new(const gw_clock *clock);
void gw_loop_free(gw_loop *loop);
int gw_loop_fd(const gw_loop *loop);
int64_t gw_loop_now_ms(const gw_loop *loop); /* as of the current step */

/* Watches fd, or changes what is watched. events 0 keeps it registered and silent. Unwatch before the
 * fd is closed. Error and hangup are reported as the events that are watched. */
bool gw_loop_watch(gw_loop *loop, int fd, unsigned events, gw_loop_fd_fn *fn, void *user);
void gw_loop_unwatch(gw_loop *loop, int fd);

/* A timer lies in the user's struct; zero it before first use. */
typedef struct gw_timer {
    int64_t due_ms;
    void (*fn)(void *user);
    void *user;
    size_t slot; /* 1-based place in the heap; 0: not set */
} gw_timer;

bool gw_loop_timer_set(gw_loop *loop, gw_timer *timer, int64_t due_ms, void (*fn)(void *), void *user);
void gw_loop_timer_clear(gw_loop *loop, gw_timer *timer);

/* Runs `fn` once at the end of the current (or next) step; lies in the user's struct like a timer. */
typedef struct gw_task {
    struct gw_task *next, *prev;
    void (*fn)(void *user);
    void *user;
    bool queued;
} gw_task;

void gw_loop_defer(gw_loop *loop, gw_task *task, void (*fn)(void *), void *user);
void gw_loop_undefer(gw_loop *loop, gw_task *task);

int gw_loop_timeout_ms(gw_loop *loop);
int gw_loop_step(gw_loop *loop);                 /* never blocks; number of callbacks run */
int gw_loop_wait(gw_loop *loop, int timeout_ms); /* blocks, then steps; 0 on timeout */
void gw_loop_wake(gw_loop *loop);                /* any thread; async-signal-safe */

/* Called in a step after gw_loop_wake. */
void gw_loop_on_wake(gw_loop *loop, void (*fn)(void *user), void *user);

#endif
