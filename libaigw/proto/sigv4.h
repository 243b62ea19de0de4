/*
 * AWS Signature Version 4 for requests whose body is at hand, as services other than S3 want it.
 *
 * Pure: the time is an argument, nothing is sent. Knows no service; source: the AWS General Reference,
 * "Signature Version 4 signing process".
 */
#ifndef GW_PROTO_SIGV4_H
#define GW_PROTO_SIGV4_H

#include "base/mem.h"
#include <aigw/error.h>

typedef struct gw_sigv4 {
    aigw_slice access_key_id;
    aigw_slice secret_access_key;
    aigw_slice session_token; /* "" : long-term keys */
    aigw_slice region;        /* "us-east-1" */
    aigw_slice service;       /* "bedrock" */
} gw_sigv4;

/* Most headers that a signature needs: authorization, x-amz-date, x-amz-content-sha256,
 * x-amz-security-token. */
enum { GW_SIGV4_HEADERS = 4 };

/*
 * The headers to send with the request, besides host (which is signed as given, port included if the
 * request has one there). `path` is the one of the request line, percent-encoded; it is encoded once more
 * for the signature, and its dot segments are removed, as these services do. `query` is without '?', "" if
 * none. Whoever sends must send path and query as given. Names and values lie in the arena or are static;
 * `who` may go afterwards. The derived keys are wiped.
 *
 * AIGW_E_INVALID: a key, region, service, host or path that no request can have (empty, controls, a path
 * without its slash; an http_status of 500); AIGW_E_NOMEM. `out` is untouched then.
 */
int gw_sigv4_sign(gw_arena *arena, const gw_sigv4 *who, aigw_slice method, aigw_slice host,
                  aigw_slice path, aigw_slice query, aigw_slice body, int64_t unix_s,
                  aigw_header out[GW_SIGV4_HEADERS], size_t *count, aigw_error *err);

/* A request as the signature sees it, for who signs other headers than those above. */
typedef struct gw_sigv4_request {
    aigw_slice method, path, query;
    const aigw_header *headers; /* to be signed: names in lower case, sorted, each once */
    size_t header_count;
    aigw_slice body_digest; /* SHA-256 in hex, or "UNSIGNED-PAYLOAD" */
    int64_t unix_s;         /* the one of x-amz-date */
} gw_sigv4_request;

/* The value of the authorization header, in the arena. Errors as above. */
int gw_sigv4_authorize(gw_arena *arena, const gw_sigv4 *who, const gw_sigv4_request *request,
                       aigw_slice *out, aigw_error *err);

#endif
