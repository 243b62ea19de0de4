/* One client connection: a state machine that reads requests, runs exchanges and writes answers. */
#ifndef GW_SERVER_CONN_H
#define GW_SERVER_CONN_H

#include "proto/http1.h"
#include "proto/proxy.h"
#include "server/thread.h"
#include <aigw/exchange.h>

typedef enum gw_conn_state {
    GW_CONN_PROXY,     /* the PROXY header is due */
    GW_CONN_HANDSHAKE, /* TLS */
    GW_CONN_HEAD,      /* idle, or reading the head of a request */
    GW_CONN_BODY,      /* the head is there, the body is not; x runs unless the route is local */
    GW_CONN_ANSWER,    /* x runs or a local answer is being written */
    GW_CONN_LINGER,    /* our side is closed; draining the client's so that it reads our answer */
    GW_CONN_DEAD
} gw_conn_state;

typedef struct gw_conn {
    gw_worker *worker;
    struct gw_conn *prev, *next; /* in worker->conns; next also in worker->dead */
    struct gw_conn *ready_next;
    bool queued; /* in worker->ready */
    gw_io io;
    uint32_t events; /* as registered with epoll */
    gw_conn_state state;
    gw_timer timer;
    char peer[GW_PEER_TEXT];
    char proxied[GW_PEER_TEXT];             /* the client, as the PROXY header says; "": the peer */
    char local[GW_LOCAL_TEXT];              /* our end */
    gw_proxy *proxy;                        /* while its header is read; else NULL */
    char tls_subject[GW_TLS_SUBJECT_BYTES]; /* "": no client certificate */
    gw_http1 request;
    bool in_request; /* a byte of the current request has come */
    gw_buf ahead;    /* bytes behind the current request */
    size_t lingered_bytes;
    aigw_exchange *x; /* NULL: idle, or a local answer */
    bool feeding;     /* BODY: it goes into x as it comes */
    /* The answer */
    gw_buf out;        /* to be sent first: heads, chunk framing, small pieces */
    size_t direct;     /* then so many bytes straight out of x */
    bool direct_chunk; /* and CRLF behind them */
    bool blocked;      /* the socket takes no more for now */
    size_t untaken;    /* then: bytes in it that the client had not taken */
    bool head_done, no_body, chunked;
    bool complete; /* all of the answer is in `out` and `direct` */
    bool broken;   /* it broke off: send what is there, then close without an end */
    bool close;    /* after this answer */
} gw_conn;

/* Takes over fd, which is already counted in server->open (closed and uncounted on failure, which is
 * silent), and reads what is there. */
void gw_conn_open(gw_worker *worker, int fd, const char *peer);
void gw_conn_event(gw_conn *conn, uint32_t events); /* from epoll */
void gw_conn_resume(gw_conn *conn);                 /* its exchange has something to say */
void gw_conn_timeout(gw_conn *conn);
void gw_conn_drain(gw_conn *conn); /* the server stops: idle ones close */
void gw_conn_kill(gw_conn *conn);  /* at once; freed at the end of the turn */
void gw_conn_bury(gw_worker *worker);

#endif
