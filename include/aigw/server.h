/*
 * The reference server: HTTP/1.1 over epoll, one loop per thread, inside your process.
 *
 * aigw_server_stop may be called from any thread and from a signal handler, aigw_server_reload_tls from
 * any thread; the rest from one thread.
 */
#ifndef AIGW_SERVER_H
#define AIGW_SERVER_H

#include <aigw/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aigw_server aigw_server;

typedef enum aigw_tls_client_auth {
    AIGW_TLS_CLIENT_NONE,
    AIGW_TLS_CLIENT_REQUEST, /* a client may come without a certificate, not with a bad one */
    AIGW_TLS_CLIENT_REQUIRE
} aigw_tls_client_auth;

typedef enum aigw_tls_version { AIGW_TLS_1_2, AIGW_TLS_1_3 } aigw_tls_version;

typedef struct aigw_server_options {
    size_t size;
    char listen[128];         /* "127.0.0.1:8787", "[::1]:0"; port 0 takes a free one */
    char tls_cert_file[256];  /* PEM chain; "" : clear text */
    char tls_key_file[256];
    int threads;              /* 0: one per processor */
    int max_connections;      /* over all threads */
    int backlog;
    int header_timeout_ms;    /* absolute, from the first byte of a request (or accept) */
    int body_timeout_ms;      /* absolute, from the end of the header */
    int idle_timeout_ms;      /* between requests of a kept-alive connection */
    int write_timeout_ms;     /* a client that takes no byte for this long is gone */
    int drain_timeout_ms;     /* after stop: how long running answers may go on */
    size_t max_header_bytes;
    size_t max_body_bytes;
    char tls_client_ca_file[256]; /* PEM: authorities of client certificates */
    aigw_tls_client_auth tls_client_auth; /* needs tls_client_ca_file unless it is _NONE */
    aigw_tls_version tls_min_version;
    bool proxy_protocol; /* every connection begins with a PROXY header, v1 or v2, of a trusted proxy */
} aigw_server_options;

/* Defaults as the gateway's config says them; refuses (AIGW_E_CONFIG) what the config must not allow. */
AIGW_API int aigw_server_options_init(aigw_gateway *gw, aigw_server_options *out, aigw_error *err);

/* The two questions that a server asks the gateway; for embedders that bring a server of their own. */
AIGW_API int aigw_gateway_server_options(const aigw_gateway *gw, aigw_server_options *out,
                                         aigw_error *err);
/* AIGW_E_CONFIG when the config does not allow to listen there. `listen` as in the options. */
AIGW_API int aigw_gateway_check_listen(aigw_gateway *gw, const char *listen, bool tls,
                                       aigw_error *err);

/*
 * Two more, about the address of a TCP peer ("192.0.2.7"): may it connect (server.allowed_peers)? May it
 * say for whom it does, by a PROXY header (server.trusted_proxies)? They follow a reload. Any thread.
 */
AIGW_API bool aigw_gateway_admits_peer(aigw_gateway *gw, aigw_slice address);
AIGW_API bool aigw_gateway_trusts_peer(aigw_gateway *gw, aigw_slice address);

/* What a server saw that never became an exchange, for the gateway's log (level info). Any thread. */
typedef struct aigw_server_note {
    size_t size;
    const char *event;  /* "refused" */
    const char *reason; /* or NULL */
    aigw_slice peer;    /* "" if there is none */
    int status;         /* of the answer; 0: there was none */
    uint64_t more;      /* so many others were not noted since the last one */
} aigw_server_note;

AIGW_API void aigw_gateway_note(aigw_gateway *gw, const aigw_server_note *note);

/*
 * Binds and listens. Refuses an address beyond loopback unless JWT is on and TLS (or a trusted proxy)
 * is there, or the config says insecure_no_auth. *out is the caller's.
 */
AIGW_API int aigw_server_new(aigw_gateway *gw, const aigw_server_options *options, aigw_server **out,
                             aigw_error *err);

/* The port that was bound. */
AIGW_API int aigw_server_port(const aigw_server *server);
/* The address that was bound, "127.0.0.1:8787" or "[::1]:8787", NUL-terminated and cut to size. */
AIGW_API void aigw_server_address(const aigw_server *server, char *out, size_t size);

/* Runs until stopped and drained; the calling thread is one of the loops. */
AIGW_API int aigw_server_run(aigw_server *server, aigw_error *err);

/*
 * Reads certificate, key and client authorities anew, for the handshakes to come; connections that run
 * keep what they began with. The TLS members of `options` count, nothing else; NULL: the files as they
 * were named before. On failure everything stays as it was. Any thread, but not from a signal handler.
 */
AIGW_API int aigw_server_reload_tls(aigw_server *server, const aigw_server_options *options,
                                    aigw_error *err);

/* Stops accepting, lets running answers end (drain_timeout_ms), then _run returns. Twice: at once. */
AIGW_API void aigw_server_stop(aigw_server *server);

AIGW_API void aigw_server_free(aigw_server *server);

#ifdef __cplusplus
}
#endif
#endif
