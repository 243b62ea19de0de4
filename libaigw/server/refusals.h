/*
 * Whom the server turns away before there is an exchange: counted, and told to the gateway's log, where a
 * flood of them is a few lines and a number. Any thread.
 */
#ifndef GW_SERVER_REFUSALS_H
#define GW_SERVER_REFUSALS_H

#include "server/thread.h"
#include <aigw/metrics.h>

/* A TCP peer that server.allowed_peers does not have. */
void gw_refuse_peer(gw_worker *worker, aigw_slice peer);
/* A connection whose PROXY header is no good: a reason of gw_proxy_feed, "proxy_timeout",
 * "proxy_untrusted_peer". */
void gw_refuse_proxy(gw_worker *worker, aigw_slice peer, const char *reason);
/* A request that the parser or the server's limits refused. */
void gw_refuse_request(gw_worker *worker, aigw_slice peer, int status, const char *reason);

/* Says how many were not logged, once their second is over. */
void gw_refusals_tick(gw_worker *worker);
bool gw_refusals_held(const gw_worker *worker); /* is there something that _tick would say? */

void gw_refusals_metrics(const aigw_server *server, aigw_metric_fn *add, void *to);

#endif
