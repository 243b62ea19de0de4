/* Guardrails on the prompt of an exchange. Must not know transports. */
#include "gateway/guard/guard.h"
#include "gateway/state.h"

gw_next gw_guard_prompt(aigw_exchange *x)
{
    (void)x;
    return GW_NEXT_ON;
}

void gw_guard_drop(aigw_exchange *x)
{
    (void)x;
}
