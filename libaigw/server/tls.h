/* TLS 1.2 and 1.3 on a nonblocking descriptor. The only door of server/ to the TLS library. */
#ifndef GW_SERVER_TLS_H
#define GW_SERVER_TLS_H

#include <aigw/error.h>

typedef struct gw_tls_context gw_tls_context; /* shared between threads */
typedef struct gw_tls gw_tls;                 /* one connection */

/* Results below zero of the calls that move bytes. */
#define GW_IO_AGAIN       (-1) /* wait until readable (reads) or writable (writes) */
#define GW_IO_AGAIN_WRITE (-2) /* a read or handshake waits until writable */
#define GW_IO_ERROR       (-3) /* the connection is of no more use */

/* Reads the chain and the key (PEM). AIGW_E_CONFIG names the file that was refused. */
int gw_tls_context_new(const char *cert_file, const char *key_file, gw_tls_context **out,
                       aigw_error *err);
void gw_tls_context_free(gw_tls_context *context);

gw_tls *gw_tls_new(gw_tls_context *context, int fd);        /* NULL: no memory */
int gw_tls_handshake(gw_tls *tls);                          /* 1: done; else GW_IO_... */
ptrdiff_t gw_tls_read(gw_tls *tls, char *data, size_t len); /* 0: end */
/* After GW_IO_AGAIN call again with at least the same bytes (they may have moved). */
ptrdiff_t gw_tls_write(gw_tls *tls, const char *data, size_t len);
bool gw_tls_buffered(const gw_tls *tls); /* bytes that the descriptor will not announce */
void gw_tls_close_notify(gw_tls *tls);
void gw_tls_free(gw_tls *tls);

#endif
