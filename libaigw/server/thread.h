/* What one thread of the server owns, and what all of them share. */
#ifndef GW_SERVER_THREAD_H
#define GW_SERVER_THREAD_H

#include "base/time.h"
#include "server/io.h"
#include "server/listener.h"
#include "server/timers.h"
#include "server/tls_live.h"
#include <aigw/loop.h>
#include <pthread.h>
#include <stdatomic.h>

#define GW_READ_BYTES (64 * 1024) /* one read, and at most this much is read ahead */
#define GW_DATE_BYTES 32

struct gw_conn;
struct gw_worker;

enum { GW_PROXY_ERRORS = 12, GW_REFUSED_STATUSES = 12 };

/* So many lines in a second; what is more is counted. */
typedef struct gw_limiter {
    atomic_llong until_ms; /* the end of this second */
    atomic_int left;
    atomic_ullong held;
} gw_limiter;

/* refusals.h */
typedef struct gw_refusals {
    atomic_ullong peers, proxy[GW_PROXY_ERRORS], requests[GW_REFUSED_STATUSES];
    gw_limiter peers_log, proxy_log;
} gw_refusals;

struct aigw_server {
    aigw_gateway *gateway;
    aigw_server_options options;
    gw_clock clock;
    gw_address address;
    bool tls; /* else clear text */
    gw_tls_live tls_live;
    pthread_mutex_t
        reloading; /* one reload of TLS at a time; guards the TLS members of `options` */
    struct gw_worker *workers;
    int worker_count;
    atomic_int stops; /* calls of aigw_server_stop */
    atomic_int open;  /* connections of all threads */
    atomic_ullong accepted, refused;
    gw_refusals refusals;
    bool metrics; /* it is a source of the gateway's */
};

typedef struct gw_worker {
    aigw_server *server;
    pthread_t thread;
    int code; /* why the thread ended; AIGW_OK after a stop */
    aigw_error error;
    int epoll_fd, listen_fd, wake_fd, spare_fd;
    int64_t accept_at_ms; /* accepting rests until then; 0: it does not */
    aigw_loop *loop;
    gw_timers timers;
    int64_t now_ms; /* read once per turn */
    int stops_seen;
    int64_t drain_until_ms;
    struct gw_conn *conns; /* all that are open, doubly linked */
    size_t conn_count;
    struct gw_conn *ready, **ready_end; /* to be resumed in this turn */
    struct gw_conn *dead;               /* closed in this turn; freed at its end */
    gw_limiter requests_log;            /* of the requests that this thread refused */
    int64_t date_unix_s;
    char date[GW_DATE_BYTES];
    char *read_buffer; /* GW_READ_BYTES */
    char *gather;      /* GW_IO_GATHER_BYTES, for TLS */
} gw_worker;

static inline bool gw_worker_draining(const gw_worker *worker)
{
    return worker->stops_seen > 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 clause 5.6.7), made once a second. */
const char *gw_worker_date(gw_worker *worker);
void gw_date_print(int64_t unix_s, char out[GW_DATE_BYTES]);

#endif
