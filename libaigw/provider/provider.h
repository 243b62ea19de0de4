/*
 * The seam of a vendor: a row of data, and what data cannot say.
 *
 * A vendor is not a format: it names one. Knows addresses, authentication and quirks; no I/O.
 */
#ifndef GW_PROVIDER_PROVIDER_H
#define GW_PROVIDER_PROVIDER_H

#include "wire/wire.h"

typedef enum gw_auth_style {
    GW_AUTH_NONE,
    GW_AUTH_BEARER,   /* Authorization: Bearer K */
    GW_AUTH_X_API_KEY /* x-api-key: K */
} gw_auth_style;

/* What is asked of an upstream. */
typedef enum gw_op {
    GW_OP_CHAT,
    GW_OP_COUNT, /* the tokens of a chat request */
    GW_OP_EMBED
} gw_op;

typedef struct gw_provider {
    const char *name;      /* the `type` of a config entry */
    aigw_format format;
    const char *base_url;  /* default; NULL: the config must say it */
    const char *chat_path; /* appended to the base URL */
    gw_auth_style auth;
    const char *key_env;   /* variable that holds the key by default; NULL: none */
    const aigw_header *headers; /* constant ones, ended by an empty name */
    const char *const *model_prefixes; /* models that are its own, NULL-ended: routes without config */
    bool max_tokens_legacy;
    /*
     * Answers in process instead of over HTTP (echo): reads a request body of `format`, appends the
     * answer (a whole one or a complete SSE stream), sets *status. NULL for everybody else.
     */
    int (*answer)(gw_arena *arena, aigw_slice body, bool stream, int64_t unix_s, int *status,
                  gw_buf *out, aigw_error *err);
} gw_provider;

extern const gw_provider *const gw_providers[]; /* NULL-ended */
const gw_provider *gw_provider_named(aigw_slice name);

#endif
