/* The table of what is served: method and path to dialect and kind. Knows nothing of exchanges. */
#ifndef GW_GATEWAY_ENDPOINT_H
#define GW_GATEWAY_ENDPOINT_H

#include "provider/provider.h"
#include <aigw/types.h>

typedef enum gw_endpoint_kind {
    GW_END_CHAT,
    GW_END_MODELS,
    GW_END_TOKEN,
    GW_END_JWKS,
    GW_END_DISCOVERY,
    GW_END_ADMIN,
    GW_END_COUNT, /* how many tokens a chat request has */
    GW_END_EMBED,
    GW_END_MODEL, /* one of the models */
    GW_END_PASS,  /* a provider's own API */
    GW_END_HEALTH,
    GW_END_METRICS,
    GW_END_WAF /* evidence of the WAF, for admins */
} gw_endpoint_kind;

/* What a gateway has, so that its paths are there. */
enum { GW_HAVE_ISSUER = 1, GW_HAVE_STORE = 2, GW_HAVE_TOKENS = 4 };

typedef struct gw_endpoint {
    aigw_slice method, path;
    gw_endpoint_kind kind;
    const char *name;   /* label of metrics and of the access log */
    aigw_format format; /* dialect of errors, and of the body of what goes to an upstream */
    bool open;          /* needs no token */
    bool probe;         /* says how the gateway is: for any peer, in clear text, too */
    bool issuer;        /* there only with the embedded issuer */
    bool body;          /* takes a body */
    bool store;         /* there only with the issuer's database */
    bool admin;         /* for the admin scope only */
    bool tokens;        /* there only where tokens are asked for */
    bool path_model;    /* {model} of the path is the model, whatever the body says */
    bool stream;        /* the path asks for a stream; the body cannot */
    bool one;           /* embeddings: one input, one vector, and no list of them */
    int action;         /* a gw_admin_action */
    const char *allow;  /* all methods of the path, where it has several */
} gw_endpoint;

/*
 * NULL: *status is 404 or 405, and *allow the methods of the path (NULL for 404). The first path that fits
 * counts, whatever its method. It may have one segment {id}, or one {model} that may be several segments:
 * it goes to *id as it stands in the target, else "". `have`: bits of GW_HAVE_...
 */
const gw_endpoint *gw_endpoint_find(aigw_slice method, aigw_slice target, unsigned have,
                                    aigw_slice *id, int *status, const char **allow);
/* The dialect in which an error about this target is told, when there is nothing at it. */
aigw_format gw_endpoint_dialect(aigw_slice target);
/* Does what is there go to an upstream? And what is asked of that. */
bool gw_endpoint_is_call(const gw_endpoint *endpoint);
gw_op gw_endpoint_op(const gw_endpoint *endpoint);

enum { GW_MODEL_NAME_MAX = 256 };

/*
 * The name of a model in a path: percent-decoded into out (GW_MODEL_NAME_MAX bytes). False: a bad escape, no
 * UTF-8, control characters, a segment that is empty, "." or "..", or too long.
 */
bool gw_endpoint_model(aigw_slice raw, char *out, size_t *len);

#endif
