/* The meaning of a complete HTTP/1.1 request head; for the files of proto/http1 only. */
#ifndef GW_PROTO_HTTP1_HEAD_H
#define GW_PROTO_HTTP1_HEAD_H

#include "proto/http1.h"

/* True with the fields of *p filled in; false with status and reason. Every line of the head ends in
 * CRLF and has no other CR or LF. */
bool gw_http1_parse_head(gw_http1 *p);

/* Sets status and reason, and the state FAILED; returns false. */
bool gw_http1_refuse(gw_http1 *p, int status, const char *reason);

#endif
