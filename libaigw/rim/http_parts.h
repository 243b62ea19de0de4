/*
 * What the parts of rim/http share: targets, transfers, the connection pool. Included by http*.c only.
 *
 * Must not know what the bytes mean, nor who asks.
 */
#ifndef GW_RIM_HTTP_PARTS_H
#define GW_RIM_HTTP_PARTS_H

#include "base/buf.h"
#include "rim/direct.h"
#include "rim/egress.h"
#include "rim/http.h"
#include "rim/http_field.h"
#include <curl/curl.h>

/* Header lines as curl wants them: nodes and their text in one allocation. */
typedef struct gw_http_lines {
    struct curl_slist *first;
    void *block;
    size_t bytes;
} gw_http_lines;

struct gw_http_target {
    CURLU *url;
    gw_http_lines headers;
    char *ca_file, *proxy;
    char *client_cert_file, *client_key_file;
    int connect_timeout_ms;
    bool content_type; /* among the constant headers */
    bool origin_form;  /* no proxy reads the request line */
    gw_egress egress;  /* off where a proxy is connected to */
    struct curl_slist *resolve;
    gw_direct_target *direct; /* NULL: libcurl only */
};

struct gw_transfer {
    bool direct; /* false; first, as in gw_direct_transfer: tells the two kinds of handles apart */
    gw_http *http;
    const gw_http_target *target;
    CURL *easy;
    CURLU *url; /* of its own, when it has a path of its own; else NULL */
    gw_transfer *next, *prev;             /* among the active ones, or the pool */
    gw_transfer *ready_next, *ready_prev; /* has something for its handler */
    gw_http_handler handler;
    void *user;
    gw_http_lines extra;
    gw_buf head, inbox;
    size_t fields, body_bytes, max_body_bytes;
    uint64_t length; /* Content-Length */
    int status;
    gw_http_failure failure;
    gw_egress_kind refused; /* an address was not connected to: what it is */
    bool sent;
    bool in_multi, ready, has_length;
    bool head_done, head_told, finished;
    bool stalled;      /* the handler is full */
    bool paused;       /* curl holds bytes for us */
    bool resume_asked; /* from inside on_data */
    bool in_data, delivering, again;
    bool gone; /* cancelled or ended while delivering */
    gw_pipe *upload;     /* the body, if it comes in pieces */
    uint64_t upload_due; /* bytes that it still owes; UINT64_MAX: nobody knows */
    bool hungry;         /* curl waits for more of it */
    bool unwanted;       /* the answer came first, and is none that wants it */
    gw_task feed;
    gw_pieces pieces;    /* the body, if it lies in several parts */
    uint64_t pieces_sent;
};

struct gw_http {
    gw_loop *loop;
    gw_direct *direct;
    CURLM *multi;
    gw_transfer *active, *pool;
    size_t pool_count;
    gw_transfer *ready_first, *ready_last;
    gw_timer timer;
    gw_task kick, pump_task;
    bool starved; /* something could not be watched */
    const char *default_ca_file, *default_ca_path;
    uint8_t *conn_fds; /* by descriptor: 1 for a socket that we opened */
    size_t conn_fd_count;
};

/* http_target.c: the fields, then `fixed` (may be NULL), then the list `tail` without the lines that the
 * fields replace. */
int gw_http_lines_build(const aigw_header *headers, size_t count, char *fixed,
                        struct curl_slist *tail, gw_http_lines *out, aigw_error *err);
void gw_http_lines_free(gw_http_lines *l);

/* http_target_proxy.c: the proxy to use, "" for none; borrowed. `configured` NULL: the environment's. */
const char *gw_http_proxy_for(const char *configured, bool https, aigw_slice host);

/* http_transfer.c: a transfer with its curl handle; the part that takes and hands over its answer. */
gw_transfer *gw_http_transfer_new(gw_http *http);
void gw_http_transfer_destroy(gw_transfer *t);
void gw_http_recycle(gw_transfer *t); /* back to the pool; it is out of every list */
void gw_http_detach(gw_transfer *t);  /* out of curl: its connection is closed or pooled */
void gw_http_unlink(gw_transfer *t);  /* out of the active list */
void gw_http_end(gw_transfer *t);     /* detach, unlink, on_end; the caller recycles */
void gw_http_ready(gw_transfer *t);   /* pump will look at it */
void gw_http_pump(void *http);        /* calls the handlers */

/* http_upload.c: a body that comes from a pipe. _drop: before the pipe may be gone. */
bool gw_http_upload_begin(gw_transfer *t, const gw_http_request *request); /* false: no memory */
void gw_http_upload_drop(gw_transfer *t);
void gw_http_upload_unwanted(gw_transfer *t); /* an answer has come that wants no more of it */

/* http_pieces.c: a body that lies in several parts. */
void gw_http_pieces_begin(gw_transfer *t, const gw_http_request *request);

/* http.c, for the sockets of a transfer's connection. */
curl_socket_t gw_http_open_socket(void *transfer, curlsocktype purpose,
                                  struct curl_sockaddr *address);
int gw_http_close_socket(void *http, curl_socket_t fd);

#endif
