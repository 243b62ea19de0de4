/* Taking and settling the quotas of an exchange. Must not know formats. */
#include "gateway/quota/quota.h"
#include "gateway/state.h"

gw_next gw_quota_address(aigw_exchange *x)
{
    (void)x;
    return GW_NEXT_ON;
}

gw_next gw_quota_call(aigw_exchange *x)
{
    (void)x;
    return GW_NEXT_ON;
}

void gw_quota_settle(aigw_exchange *x)
{
    (void)x;
}

void gw_quota_headers(aigw_exchange *x)
{
    (void)x;
}

void gw_quota_cancel(aigw_exchange *x)
{
    (void)x;
}
