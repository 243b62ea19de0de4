/* TLS 1.2 and 1.3 on a nonblocking descriptor. The only door of server/ to the TLS library. */
#ifndef GW_SERVER_TLS_H
#define GW_SERVER_TLS_H

#include <aigw/server.h>

typedef struct gw_tls_context gw_tls_context; /* shared between threads */
typedef struct gw_tls gw_tls;                 /* one connection */

/* Results below zero of the calls that move bytes. */
#define GW_IO_AGAIN       (-1) /* wait until readable (reads) or writable (writes) */
#define GW_IO_AGAIN_WRITE (-2) /* a read or handshake waits until writable */
#define GW_IO_ERROR       (-3) /* the connection is of no more use */

typedef struct gw_tls_settings {
    const char *cert_file, *key_file; /* PEM: the chain, the key */
    const char *client_ca_file;       /* PEM: who may sign certificates of clients; "": nobody */
    aigw_tls_client_auth client_auth; /* other than _NONE it needs client_ca_file */
    aigw_tls_version min_version;
} gw_tls_settings;

#define GW_TLS_SUBJECT_BYTES 256

/* Reads the files. AIGW_E_CONFIG names the one that was refused. */
int gw_tls_context_new(const gw_tls_settings *settings, gw_tls_context **out, aigw_error *err);
gw_tls_context *gw_tls_context_ref(gw_tls_context *context);
void gw_tls_context_free(gw_tls_context *context); /* drops one reference; NULL is fine */
/* The end of the certificate's validity. */
int64_t gw_tls_context_expires_unix_s(const gw_tls_context *context);

/* Holds the context for as long as it lives. NULL: no memory. */
gw_tls *gw_tls_new(gw_tls_context *context, int fd);
int gw_tls_handshake(gw_tls *tls); /* 1: done; else GW_IO_... */
/* Who the client is by a certificate that was verified (RFC 4514); "" without one. */
void gw_tls_client_subject(const gw_tls *tls, char out[GW_TLS_SUBJECT_BYTES]);
ptrdiff_t gw_tls_read(gw_tls *tls, char *data, size_t len); /* 0: end */
/* After GW_IO_AGAIN call again with at least the same bytes (they may have moved). */
ptrdiff_t gw_tls_write(gw_tls *tls, const char *data, size_t len);
bool gw_tls_buffered(const gw_tls *tls); /* bytes that the descriptor will not announce */
void gw_tls_close_notify(gw_tls *tls);
void gw_tls_free(gw_tls *tls);

#endif
