/* Screening of a request before its token is looked at. Must not know tokens or models. */
#include "gateway/screen/screen.h"
#include "gateway/state.h"

gw_next gw_screen_head(aigw_exchange *x, const aigw_request *request)
{
    (void)x;
    (void)request;
    return GW_NEXT_ON;
}

gw_next gw_screen_body(aigw_exchange *x)
{
    (void)x;
    return GW_NEXT_ON;
}

bool gw_screen_wants_body(const aigw_exchange *x)
{
    (void)x;
    return false;
}
