/* The few paths that the server answers itself. */
#ifndef GW_SERVER_ROUTES_H
#define GW_SERVER_ROUTES_H

#include "server/conn.h"

typedef enum gw_route { GW_ROUTE_EXCHANGE, GW_ROUTE_HEALTH, GW_ROUTE_METRICS } gw_route;

gw_route gw_route_of(aigw_slice path);
/* May bodies of requests to this path flow through the exchange, whatever their size? HEAD is itself there. */
bool gw_route_streams(aigw_slice path);
/* Answers the current request of conn into its out buffer. */
void gw_route_answer(gw_conn *conn, gw_route route);

#endif
