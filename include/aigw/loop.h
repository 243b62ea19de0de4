/*
 * The event loop: one file descriptor and a step.
 *
 * Single: a loop belongs to one thread at a time, with everything started on it; only aigw_loop_wake
 * may be called from elsewhere. To embed: poll aigw_loop_fd for reading with aigw_loop_timeout_ms as
 * the timeout, then call aigw_loop_step.
 */
#ifndef AIGW_LOOP_H
#define AIGW_LOOP_H

#include <aigw/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_loop aigw_loop;

/* Holds a reference to gw until freed. */
AIGW_API int aigw_loop_new(aigw_gateway *gw, aigw_loop **out, aigw_error *err);

/* The descriptor to poll for POLLIN. It stays the loop's; do not read or close it. */
AIGW_API int aigw_loop_fd(const aigw_loop *loop);

/* Milliseconds until aigw_loop_step wants to run even if the fd is silent; -1: never. */
AIGW_API int aigw_loop_timeout_ms(aigw_loop *loop);

/* Does what can be done now and calls the `ready` callbacks. Never blocks. */
AIGW_API int aigw_loop_step(aigw_loop *loop, aigw_error *err);

/* Waits at most timeout_ms (-1: for ever) for something to do, then steps. AIGW_AGAIN on timeout. */
AIGW_API int aigw_loop_wait(aigw_loop *loop, int timeout_ms, aigw_error *err);

/* Makes a waiting loop return. Any thread; safe in a signal handler. */
AIGW_API void aigw_loop_wake(aigw_loop *loop);

/* Free all exchanges of the loop first. NULL is fine. */
AIGW_API void aigw_loop_free(aigw_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
