/* What the server decides by the path of a request. */
#ifndef GW_SERVER_ROUTES_H
#define GW_SERVER_ROUTES_H

#include "server/conn.h"

/* May bodies of requests to this path flow through the exchange, whatever their size? HEAD is itself there. */
bool gw_route_streams(aigw_slice path);
/* Is this a probe while the server drains? The gateway cannot know that; all other paths are its own. */
bool gw_route_drains(const gw_conn *conn);
void gw_route_say_draining(gw_conn *conn);

#endif
