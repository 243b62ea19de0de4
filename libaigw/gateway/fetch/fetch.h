/*
 * Fetching what URLs in a request hold, for providers that open none: off unless the config says so.
 *
 * Single, of one exchange, on its loop. Bounded in number, bytes and time; public addresses only, like every
 * connection. Must not know formats: a wire says which parts its provider opens itself.
 */
#ifndef GW_GATEWAY_FETCH_FETCH_H
#define GW_GATEWAY_FETCH_FETCH_H

#include "gateway/screen/screen.h"
#include "wire/wire.h"

/*
 * The request is read (x->request), and is about to be written in this format. NEXT_ON: there is nothing to
 * fetch. NEXT_WAIT: gw_attempt_fetched will be called, with the parts changed to hold the bytes, or the
 * client will have been answered. NEXT_ANSWERED: it has been, with 400 and the place of the part.
 */
gw_next gw_fetch_urls(aigw_exchange *x, const gw_wire *to);
void gw_fetch_cancel(aigw_exchange *x); /* stops what runs; what was fetched stays */
void gw_fetch_free(aigw_exchange *x);   /* the request is written no more */

#endif
