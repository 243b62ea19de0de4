/*
 * What the parts of rim/direct share: targets, origins, connections, transfers. Included by direct*.c only.
 *
 * Must not know who asks, nor what the bytes of a body mean.
 */
#ifndef GW_RIM_DIRECT_PARTS_H
#define GW_RIM_DIRECT_PARTS_H

#include "base/buf.h"
#include "proto/http1_response.h"
#include "rim/direct.h"
#include <netinet/in.h>

typedef union gw_direct_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} gw_direct_address;

typedef struct gw_direct_conn gw_direct_conn;
typedef struct gw_direct_origin gw_direct_origin;

/* A constant header line, CRLF included, and its name. */
typedef struct gw_direct_line {
    aigw_slice name, line;
} gw_direct_line;

struct gw_direct_target {
    char *text; /* what the slices below point into; wiped on free: it holds the credential */
    size_t text_len;
    aigw_slice authority; /* host:port, what an origin is known by */
    uint32_t hash;        /* of the authority */
    uint16_t port;
    aigw_slice start; /* " /path HTTP/1.1\r\n" */
    aigw_slice block; /* all lines */
    gw_direct_line *lines;
    size_t line_count;
    gw_direct_address addresses[2]; /* of a literal or localhost */
    size_t address_count;
    int connect_timeout_ms;
    const gw_egress *egress; /* NULL: any address */
};

struct gw_direct_conn {
    gw_direct *owner;
    gw_direct_origin *origin;
    gw_direct_conn *newer, *older; /* among the idle ones of the origin */
    gw_direct_transfer *transfer;  /* NULL: idle */
    int64_t idle_since_ms;
    int fd;
    bool connected, reused;
};

struct gw_direct_origin {
    char *authority;
    size_t authority_len;
    uint32_t hash;
    gw_direct_address addresses[2];
    size_t address_count;
    int64_t known_until_ms;          /* INT64_MAX: no name */
    gw_direct_conn *newest, *oldest; /* idle ones */
    size_t users;                    /* connections and transfers */
};

struct gw_direct_transfer {
    bool direct; /* true; first, as in gw_transfer: tells the two kinds of handles apart */
    bool sent;   /* request bytes left */
    bool retried, broken_pipe;
    bool stalled;      /* the handler is full */
    bool resume_asked; /* from inside on_data */
    bool in_data;
    bool busy;       /* a handler of it runs */
    bool waiting;    /* something came up while it was busy */
    bool expired;    /* the timer did */
    bool gone;       /* cancelled or ended */
    uint8_t address; /* of the origin, being tried */
    gw_direct *owner;
    gw_direct_origin *origin;
    gw_direct_conn *conn;
    gw_direct_transfer *next, *prev; /* among the active ones, or the pool */
    gw_http_handler handler;
    void *user;
    gw_transfer *instead; /* of the other transport */
    gw_http_request request;
    const gw_direct_target *target;
    gw_buf head;  /* of the request */
    size_t out;   /* bytes of head and body that left on this connection */
    size_t extra; /* where the request's own lines begin in head */
    int64_t sent_ms, connect_due_ms, total_due_ms;
    uint64_t body_bytes;
    gw_http1_response answer;
    /* A body from a pipe, behind the head: the line of a chunk, its data, its end */
    char frame[24];
    uint8_t frame_len, frame_at, tail; /* tail: bytes of the CRLF behind the data that are left */
    bool last_chunk;                   /* its line is written */
    uint64_t piece;                    /* bytes of the pipe that belong to what is being sent */
    gw_buf rest; /* what came and could not be handed over; its first `held` bytes are body */
    size_t held;
    gw_http_failure failure; /* to be told by the task */
    gw_timer timer;
    gw_task task;
};

#define GW_DIRECT_ORIGINS 64

struct gw_direct {
    gw_loop *loop;
    const gw_transport *instead;
    void *instead_self;
    gw_direct_origin origins[GW_DIRECT_ORIGINS];
    size_t origin_count;
    gw_direct_transfer *active, *pool;
    size_t pool_count, idle_count;
    char *buffer; /* for reading; NULL while in use */
    gw_timer sweep;
};

/* direct_target.c */
bool gw_direct_fields_ok(const gw_http_request *request); /* none that changes the framing */
int gw_direct_write_head(const gw_direct_target *target, const gw_http_request *request,
                         gw_buf *out, size_t *extra, aigw_error *err);

/* direct_pool.c */
gw_direct_origin *gw_direct_origin_get(gw_direct *d, const gw_direct_target *target);
bool gw_direct_origin_known(const gw_direct *d, const gw_direct_origin *origin);
/* May this target connect to all that is known of the origin? */
bool gw_direct_origin_allowed(const gw_direct_target *target, const gw_direct_origin *origin);
gw_direct_conn *gw_direct_idle(gw_direct_origin *origin);
/* A connection that is connected or being connected; NULL with *why. Neither is watched yet. */
gw_direct_conn *gw_direct_open(gw_direct *d, gw_direct_origin *origin, uint8_t *address,
                               gw_http_failure *why);
bool gw_direct_connected(gw_direct_conn *c); /* the pending connect succeeded */
void gw_direct_close(gw_direct_conn *c);
void gw_direct_keep(gw_direct_conn *c); /* into the pool; it stays watched */

/* direct_send.c: to where the request is out. These call no handler but by the task or a timer. */
size_t gw_direct_request_bytes(const gw_direct_transfer *t);
bool gw_direct_unsent(const gw_direct_transfer *t); /* bytes that can still leave */
void gw_direct_watch(gw_direct_transfer *t);        /* for what can be done next */
void gw_direct_send_some(gw_direct_transfer *t);
void gw_direct_begin_sending(gw_direct_transfer *t);
bool gw_direct_set_timer(gw_direct_transfer *t);
void gw_direct_open_conn(gw_direct_transfer *t); /* tries the addresses from t->address on */
void gw_direct_on_connecting(gw_direct_transfer *t);

/* direct_upload.c: a body that comes from a pipe. */
void gw_direct_upload_begin(gw_direct_transfer *t);
void gw_direct_upload_some(gw_direct_transfer *t);        /* sends head and body as far as they are there */
bool gw_direct_upload_ready(const gw_direct_transfer *t); /* bytes of it could leave now */
bool gw_direct_upload_over(const gw_direct_transfer *t);  /* all left, or there is no pipe */
void gw_direct_upload_drop(gw_direct_transfer *t);        /* listens no more */

/* direct.c */
void gw_direct_on_conn(void *conn, int fd, unsigned events);
void gw_direct_drop_conn(gw_direct_transfer *t);
void gw_direct_finish(gw_direct_transfer *t, gw_http_failure failure); /* tells the handler */
void gw_direct_fail_soon(gw_direct_transfer *t,
                         gw_http_failure failure); /* where none may be called */

#endif
