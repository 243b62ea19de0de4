/* The one answer that only the server can give, and what it must know of paths before an exchange.
 * Knows nothing of providers or tokens. */
#include "server/routes.h"

#include "base/text.h"
#include "server/answer.h"

bool gw_route_streams(aigw_slice path)
{
    return gw_starts(path, GW_S("/pass/"));
}

bool gw_route_drains(const gw_conn *c)
{
    aigw_slice method = c->request.method;
    return gw_worker_draining(c->worker) && gw_eq(c->request.path, GW_S("/healthz")) &&
           (gw_eq(method, GW_S("GET")) || gw_eq(method, GW_S("HEAD")));
}

void gw_route_say_draining(gw_conn *c)
{
    gw_local_answer answer = {503, "application/json", GW_S("{\"status\":\"draining\"}"), NULL, 0};
    gw_answer_local(c, &answer);
}
