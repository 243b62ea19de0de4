/*
 * What the files of gateway/fetch share: the URLs of one request, and the transfer of each.
 *
 * Included by fetch*.c only. Lies in the exchange's arena; bytes and targets are freed by gw_fetch_free.
 */
#ifndef GW_GATEWAY_FETCH_PARTS_H
#define GW_GATEWAY_FETCH_PARTS_H

#include "gateway/fetch/fetch.h"
#include "gateway/state.h"

typedef struct gw_fetch_item {
    gw_fetch *fetch;
    aigw_slice url;
    gw_json_ref at; /* where it stands first */
    gw_http_target *target;
    gw_transfer *transfer;
    gw_task follow; /* a redirect, once the old transfer is gone */
    char *location; /* of it */
    int redirects;
    gw_buf body;
    gw_buf text;      /* base64 of the body, once it is whole */
    const char *type; /* static; of its first bytes */
    char said_type[64];
} gw_fetch_item;

/* A part that wants what an item holds. */
typedef struct gw_fetch_use {
    gw_part *part;
    gw_fetch_item *item;
} gw_fetch_use;

struct gw_fetch {
    aigw_exchange *x;
    const gw_fetch_rule *rule;
    gw_fetch_item *items;
    size_t count, room, started, done;
    gw_fetch_use *uses;
    size_t use_count;
    size_t bytes; /* of all bodies so far */
    gw_timer timer;
    bool failed;
    aigw_error err;
};

/* fetch.c: the first failure of all is what the client hears. `detail` is for the log. */
void gw_fetch_fail(gw_fetch_item *item, const char *reason, const char *message,
                   const char *detail);
bool gw_fetch_nomem(gw_fetch *f); /* the same for want of memory; false */
/* An item has moved on, from a handler or a task; the fetch may be over afterwards. */
void gw_fetch_moved(gw_fetch *f, bool item_done);

/* fetch_one.c. _start fails by gw_fetch_fail. */
void gw_fetch_start(gw_fetch_item *item);
void gw_fetch_stop(gw_fetch_item *item); /* its transfer, target and task */

/* fetch_type.c: the type that these first bytes are; NULL: none that is known. Static. */
const char *gw_fetch_type_of(aigw_slice bytes);

#endif
