/*
 * The seam of a vendor: a row of data, and what data cannot say.
 *
 * A vendor is not a format: it serves some. Knows addresses, authentication and quirks; no I/O.
 */
#ifndef GW_PROVIDER_PROVIDER_H
#define GW_PROVIDER_PROVIDER_H

#include "wire/wire.h"

/* How a key goes out. */
typedef enum gw_auth_style {
    GW_AUTH_NONE,
    GW_AUTH_BEARER,      /* Authorization: Bearer K */
    GW_AUTH_X_API_KEY,   /* x-api-key: K */
    GW_AUTH_API_KEY,     /* api-key: K */
    GW_AUTH_GOOG_API_KEY /* x-goog-api-key: K */
} gw_auth_style;

/* What is asked of an upstream. */
typedef enum gw_op {
    GW_OP_CHAT,
    GW_OP_COUNT, /* the tokens of a chat request */
    GW_OP_EMBED
} gw_op;

/* One call, as far as its address depends on it. */
typedef struct gw_call {
    gw_op op;
    aigw_format format; /* embeddings: AIGW_FORMAT_OPENAI_CHAT stands for OpenAI's dialect */
    aigw_slice model;   /* plain, as the provider calls it; not empty */
    bool stream;
    bool many; /* GW_OP_EMBED: several inputs */
} gw_call;

/* Where at the vendor: from the config entry. "" is the row's usual one. Letters, digits, '-', '.', '_'. */
typedef struct gw_site {
    aigw_slice api_version;
    aigw_slice region;
    aigw_slice project, location;
} gw_site;

/* A key pair that signs requests (AWS). Texts are plain and secret. */
typedef struct gw_key_pair {
    aigw_slice access_key_id, secret_access_key;
    aigw_slice session_token; /* "" if none */
} gw_key_pair;

/* What a signature is over; all borrowed. */
typedef struct gw_signable {
    const gw_site *site;
    const gw_key_pair *keys;
    aigw_slice method, host; /* as in the Host field */
    aigw_slice path;         /* with its query, as it goes out */
    aigw_slice body;
    int64_t unix_s;
} gw_signable;

/* Which keys of a config entry make sense for a row. */
enum {
    GW_USES_VERSION = 1 << 0, /* api_version */
    GW_USES_REGION = 1 << 1,  /* region */
    GW_USES_PROJECT = 1 << 2, /* project, location */
    GW_USES_AWS = 1 << 3,     /* auth.aws */
    GW_USES_GOOGLE = 1 << 4,  /* auth.google */
    GW_USES_ENTRA = 1 << 5    /* auth.entra */
};

enum { GW_FORMATS_MAX = 5, GW_SIGN_HEADERS = 6, GW_BODY_PATCHES = 4 };

typedef struct gw_provider {
    const char *name;                        /* the `type` of a config entry */
    aigw_format formats[GW_FORMATS_MAX + 1]; /* that it serves, preferred first, ended by 0 */
    const char *base_url; /* default; NULL: base() makes it, or the config must say it */
    /* Endings of base URLs that path() says again: cut off. NULL-ended; may be NULL. */
    const char *const *base_endings;
    /* Appends the default base URL of a site; false: the config does not say enough. May be NULL. */
    bool (*base)(const gw_site *site, gw_buf *out);
    /*
     * Appends path and query behind the base URL: "/chat/completions". AIGW_E_UNSUPPORTED: no such call
     * there; AIGW_E_INVALID: the model's name cannot stand in a path.
     */
    int (*path)(const gw_site *site, const gw_call *call, gw_buf *out);
    /* Is this format the one for this model? NULL: every format is for every model. */
    bool (*fits)(const gw_site *site, aigw_format format, aigw_slice model);
    unsigned quirks;                              /* bits of gw_quirk */
    unsigned (*site_quirks)(const gw_site *site); /* and these at such a site; may be NULL */
    unsigned uses;                                /* bits of GW_USES_... */
    /* Other hosts imitate it: at another base URL it serves its first format only, without its quirks. */
    bool imitated;
    bool
        version_in_base; /* a base URL's ending that is cut off is the api_version, if none is said */
    gw_auth_style auth;
    const char *key_env;        /* variable that holds the key by custom; NULL: it needs none */
    const aigw_header *headers; /* constant ones, ended by an empty name */
    const char *version_header; /* the field that takes api_version; NULL: it stands in paths */
    const char *const
        *model_prefixes; /* models that are its own, NULL-ended: routes without config */
    /* The fields that sign a request; texts in the arena, or the key pair's. NULL: none. */
    int (*sign)(gw_arena *arena, const gw_signable *what, aigw_header out[GW_SIGN_HEADERS],
                size_t *count, aigw_error *err);
    bool vertex_embeddings; /* GW_OP_EMBED is in Vertex's own words: gw_embed_vertex */
    /* What a body of call->format must say or not say there besides; returns how many. May be NULL. */
    size_t (*body)(const gw_site *site, const gw_call *call, gw_patch out[GW_BODY_PATCHES]);
    /*
     * Answers in process instead of over HTTP (echo): reads a request body of its first format, appends
     * the answer (a whole one or a complete SSE stream), sets *status. NULL for everybody else.
     */
    int (*answer)(gw_arena *arena, aigw_slice body, bool stream, int64_t unix_s, int *status,
                  gw_buf *out, aigw_error *err);
} gw_provider;

extern const gw_provider *const gw_providers[]; /* NULL-ended */
const gw_provider *gw_provider_named(aigw_slice name);

/*
 * The format of a call: `own` (the client's) if it is one of `formats` (0-ended) and the provider has such a
 * call for it, else the first of them that has. 0: none. Only op, model, stream and many of *call are read.
 */
aigw_format gw_provider_format(const gw_provider *provider, const gw_site *site,
                               const aigw_format *formats, aigw_format own, const gw_call *call);

/* quirk.c: the bit of a quirk's name in the config, 0 if there is none; and all names, NULL-ended. */
unsigned gw_quirk_named(aigw_slice name);
extern const char *const gw_quirk_names[];

/* -- for the rows -- */

/* Text as one segment of a path: everything but letters, digits and "-._~@" is percent-encoded. */
void gw_path_segment(gw_buf *out, aigw_slice text);
/* May a model of this name stand in a path? Not what a host that decodes it first could read as another
 * path: empty and dot segments, escapes, control characters, backslashes; nor what is longer than 2048 bytes. */
bool gw_path_model(aigw_slice model);

#endif
