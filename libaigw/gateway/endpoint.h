/* The table of what is served: method and path to dialect and kind. Knows nothing of exchanges. */
#ifndef GW_GATEWAY_ENDPOINT_H
#define GW_GATEWAY_ENDPOINT_H

#include <aigw/types.h>

typedef enum gw_endpoint_kind {
    GW_END_CHAT,
    GW_END_MODELS,
    GW_END_TOKEN,
    GW_END_JWKS,
    GW_END_DISCOVERY
} gw_endpoint_kind;

typedef struct gw_endpoint {
    aigw_slice method, path;
    gw_endpoint_kind kind;
    const char *name;   /* label of metrics and of the access log */
    aigw_format format; /* dialect of errors, and of the body of a chat */
    bool open;          /* needs no token */
    bool issuer;        /* there only with the embedded issuer */
    bool body;          /* takes a body */
} gw_endpoint;

/* NULL: *status is 404 or 405, and *allow the methods of the path (NULL for 404). */
const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, bool issuer, int *status,
                                    const char **allow);
/* The dialect in which an error about this target is told. */
aigw_format gw_endpoint_dialect(aigw_slice target);

#endif
