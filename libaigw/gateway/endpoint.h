/* The table of what is served: method and path to dialect and kind. Knows nothing of exchanges. */
#ifndef GW_GATEWAY_ENDPOINT_H
#define GW_GATEWAY_ENDPOINT_H

#include <aigw/types.h>

typedef enum gw_endpoint_kind {
    GW_END_CHAT,
    GW_END_MODELS,
    GW_END_TOKEN,
    GW_END_JWKS,
    GW_END_DISCOVERY,
    GW_END_ADMIN
} gw_endpoint_kind;

/* What a gateway has, so that its paths are there. */
enum { GW_HAVE_ISSUER = 1, GW_HAVE_STORE = 2 };

typedef struct gw_endpoint {
    aigw_slice method, path;
    gw_endpoint_kind kind;
    const char *name;   /* label of metrics and of the access log */
    aigw_format format; /* dialect of errors, and of the body of a chat */
    bool open;          /* needs no token */
    bool issuer;        /* there only with the embedded issuer */
    bool body;          /* takes a body */
    bool store;         /* there only with the issuer's database; for the admin scope only */
    int action;         /* a gw_admin_action */
    const char *allow;  /* all methods of the path, where it has several */
} gw_endpoint;

/* NULL: *status is 404 or 405, and *allow the methods of the path (NULL for 404). */
/* A path may have one segment {id}, which goes to *id, else "". `have`: bits of GW_HAVE_... */
const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, unsigned have,
                                    aigw_slice *id, int *status, const char **allow);
/* The dialect in which an error about this target is told. */
aigw_format gw_endpoint_dialect(aigw_slice target);

#endif
