/*
 * One connection to a Redis or Valkey server on a loop: connects, logs in, sends many commands at
 * once, connects anew. Single-threaded. hiredis reads the replies; the socket is ours, since its
 * own writes raise SIGPIPE.
 *
 * Knows no command but those of the login. It runs on the address it is given: no cluster, no
 * sentinel, no TLS.
 */
#ifndef GW_RIM_REDIS_H
#define GW_RIM_REDIS_H

#include "rim/loop.h"
#include <hiredis/hiredis.h>

typedef struct gw_redis gw_redis;

typedef enum gw_redis_state {
    GW_REDIS_DOWN = 0,       /* the last attempt or connection failed, and none came up since */
    GW_REDIS_CONNECTING = 1, /* the first attempt */
    GW_REDIS_UP = 2
} gw_redis_state;

typedef struct gw_redis_options {
    const char *address;  /* "host:port", "[::1]:port", "unix:/path" */
    const char *username; /* NULL: none */
    const char *password; /* NULL: none */
    int database;
    int connect_timeout_ms; /* with the login */
    int stall_ms;           /* a command that has no answer for so long ends the connection */
    size_t max_waiting;     /* commands without an answer */
    /* Called when it is up, and each time an attempt or a connection ended (after the commands had
     * their NULL). They may send, and must not free the connection. */
    void (*up)(void *user);
    void (*down)(void *user);
    void *user;
} gw_redis_options;

/* The answer, borrowed for the call; NULL: the connection ended first, nobody knows whether it was
 * obeyed. */
typedef void gw_redis_fn(void *user, const redisReply *reply);

/* Is it one that gw_redis_new takes? */
bool gw_redis_address_good(aigw_slice text);
/* Begins to connect. AIGW_E_CONFIG: the address. */
int gw_redis_new(gw_loop *loop, const gw_clock *clock, const gw_redis_options *options,
                 gw_redis **out, aigw_error *err);
/* Commands that wait are dropped, without a call. */
void gw_redis_free(gw_redis *redis);
gw_redis_state gw_redis_get_state(const gw_redis *redis);
uint64_t gw_redis_connects(const gw_redis *redis); /* that came up */

/* Sent at the end of this step, or of the next. False: not up, or too many wait. */
bool gw_redis_send(gw_redis *redis, const aigw_slice *args, size_t count, gw_redis_fn *fn,
                   void *user);
/* When the oldest command without an answer was sent; INT64_MAX: there is none. */
int64_t gw_redis_oldest_ms(const gw_redis *redis);

#endif
