/*
 * Outgoing HTTP: the transport seam, and its libcurl multi implementation. The only includer of curl.
 * In clear to an address that is known, without a proxy, rim/direct does the same with less.
 *
 * Single-threaded, on one gw_loop. Connections are pooled per gw_http. A program that speaks TLS ignores
 * SIGPIPE itself: the library sets no signal handlers.
 */
#ifndef GW_RIM_HTTP_H
#define GW_RIM_HTTP_H

#include "gate/egress.h"
#include "rim/loop.h"
#include "rim/pieces.h"
#include "rim/pipe.h"

typedef struct gw_http gw_http;
typedef struct gw_transfer gw_transfer;

/* A prepared origin: URL parsed once, constant headers (credential included) built once. Shared
 * between threads after it is made; lives as long as the config snapshot. */
typedef struct gw_http_target gw_http_target;

typedef struct gw_http_target_options {
    aigw_slice url;              /* absolute; scheme, host, path; no credentials in it */
    const aigw_header *headers;  /* constant ones; a secret among them is wiped on free */
    size_t header_count;
    const char *ca_file;         /* NULL: system */
    /* NULL: proxy variables as the curl tool reads them, but never for loopback; "": none */
    const char *proxy;
    int connect_timeout_ms;      /* 0: 5000 */
    bool insecure_http_ok;       /* http to other than loopback */
    bool by_library;             /* by libcurl even where rim/direct could */
    const char *client_cert_file, *client_key_file; /* PEM; NULL: none; key NULL: in cert's file */
    /*
     * Where a name may lead: each address that it resolves to is judged, and that very one is connected
     * to. An address or localhost in the URL stands for itself, unless the URL is `foreign`: found in what
     * somebody else said. `found_at` (may be NULL; used by the call) said it: its own host is not foreign.
     * A proxy is not judged, nor what lies behind it. NULL: any address. Copied.
     */
    const gw_egress_policy *egress;
    bool foreign;
    const gw_http_target *found_at;
    const char *resolve; /* tests: "NAME:PORT:ADDRESS[,ADDRESS...]", as if it had been asked; copied */
} gw_http_target_options;

int gw_http_target_new(const gw_http_target_options *options, gw_http_target **out, aigw_error *err);
void gw_http_target_free(gw_http_target *target);

#define GW_HTTP_HOST_BYTES 256
/* Its host as it is connected to, NUL-terminated, brackets around IPv6; false without memory, or if longer. */
bool gw_http_target_host(const gw_http_target *target, char out[GW_HTTP_HOST_BYTES]);
/* The URL that this one (absolute or relative, RFC 3986 clause 5) is, seen from the target's; *out is the caller's
 * (gw_free). AIGW_E_INVALID, AIGW_E_NOMEM. */
int gw_http_url_join(const gw_http_target *target, aigw_slice url, char **out);

typedef struct gw_http_request {
    const gw_http_target *target; /* must outlive the transfer */
    const char *method;           /* "POST", "GET", "HEAD", "PUT", ...; static */
    const aigw_header *headers;   /* besides the target's, whose namesakes they replace; copied */
    size_t header_count;
    aigw_slice body;              /* borrowed until the transfer is gone */
    gw_pieces pieces;             /* the body in several parts, instead of `body`; borrowed like it */
    /* Path and query instead of those of the target's URL; copied. "": the target's. Origin, host, TLS
     * and pools stay the target's. What gw_http_path_ok does not take is AIGW_E_INVALID (bad_path). */
    aigw_slice path;
    int total_timeout_ms;         /* 0: none */
    size_t max_body_bytes;        /* of the answer; 0: unlimited */
    /* A body that comes in pieces, instead of `body`; borrowed until the transfer is gone, which listens
     * to it meanwhile. Such a request is never sent twice. NULL: `body`. */
    gw_pipe *upload;
    int64_t upload_bytes; /* its length, held to whatever the pipe says; -1: unknown, sent chunked */
} gw_http_request;

/* How a transfer ended, when it was not by an answer. */
typedef enum gw_http_failure {
    GW_HTTP_OK,
    GW_HTTP_DNS,
    GW_HTTP_CONNECT,
    GW_HTTP_TLS,
    GW_HTTP_TIMEOUT,
    GW_HTTP_BROKEN,   /* cut before its end */
    GW_HTTP_TOO_LARGE,
    GW_HTTP_OTHER,
    /* The name leads to an address that is not to be connected to; in the order of gw_egress_kind. */
    GW_HTTP_EGRESS_PRIVATE,
    GW_HTTP_EGRESS_SHARED,
    GW_HTTP_EGRESS_LOOPBACK,
    GW_HTTP_EGRESS_LINK_LOCAL,
    GW_HTTP_EGRESS_METADATA,
    GW_HTTP_EGRESS_MULTICAST,
    GW_HTTP_EGRESS_RESERVED
} gw_http_failure;

/* None of these is called from inside start, cancel or resume. */
typedef struct gw_http_handler {
    /* The head is complete (100 and friends are skipped). Headers live during the call. */
    void (*on_head)(void *user, int status, const aigw_header *headers, size_t header_count);
    /* Body bytes. False: the receiver is full; the same bytes come again after resume. */
    bool (*on_data)(void *user, aigw_slice bytes);
    /* The transfer is gone: handle invalid afterwards. `sent` tells whether request bytes left. */
    void (*on_end)(void *user, gw_http_failure failure, bool sent);
} gw_http_handler;

/* The seam: libcurl, or a scripted fake in tests. */
typedef struct gw_transport {
    int (*start)(void *self, const gw_http_request *request, const gw_http_handler *handler,
                 void *user, gw_transfer **out, aigw_error *err);
    void (*cancel)(void *self, gw_transfer *transfer); /* closes at once; no callback follows */
    void (*resume)(void *self, gw_transfer *transfer);
} gw_transport;

extern const gw_transport gw_http_transport; /* self is a gw_http */

int gw_http_new(gw_loop *loop, gw_http **out, aigw_error *err);
/* What still runs ends with GW_HTTP_OTHER (on_end is called). Not from inside a handler. */
void gw_http_free(gw_http *http);

/* Word for log and metrics: "dns", "tls", ..., "egress_private", ... */
const char *gw_http_failure_name(gw_http_failure failure);
bool gw_http_is_egress(gw_http_failure failure); /* one of GW_HTTP_EGRESS_... */

#endif
