/*
 * What the files of a connection share: conn (requests and answers), conn_read (input), conn_proxy (the
 * PROXY header), conn_open (its beginning and end). Not for others.
 */
#ifndef GW_SERVER_CONN_PARTS_H
#define GW_SERVER_CONN_PARTS_H

#include "server/conn.h"

/* conn.c */
void gw_conn_deadline(gw_conn *c, int after_ms); /* < 0: none */
void gw_conn_queue(gw_conn *c);                  /* to be resumed in this turn */
void gw_conn_linger(gw_conn *c);
/* Answers an error instead of the request that is being read, then closes. */
void gw_conn_fail(gw_conn *c, int status, const char *reason);
void gw_conn_begin(gw_conn *c);                  /* the request is complete */
bool gw_conn_feeding(const gw_conn *c);          /* its body flows into the exchange */
size_t gw_conn_drive(gw_conn *c, aigw_slice in); /* returns the bytes of `in` used */

/* conn_read.c */
void gw_conn_read(gw_conn *c);
void gw_conn_handshake(gw_conn *c);

/* conn_proxy.c */
void gw_conn_proxy(gw_conn *c); /* reads on in the PROXY header; behind it the connection begins */

/* conn_open.c */
void gw_conn_start(gw_conn *c); /* the first byte of TLS or HTTP may come */
void gw_conn_watch(gw_conn *c); /* tells epoll what is waited for */
void gw_conn_drop_exchange(gw_conn *c);
void gw_conn_end_unannounced(gw_conn *c);

#endif
