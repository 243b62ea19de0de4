/*
 * Guardrails on prompts and answers: the rules of gate/guard, and those that others decide.
 *
 * Single, of one exchange.
 */
#ifndef GW_GATEWAY_GUARD_GUARD_H
#define GW_GATEWAY_GUARD_GUARD_H

#include "gateway/screen/screen.h"

/* The prompt, parsed and routed: passes, is masked (the body and what was read of it are made anew) or refused. */
gw_next gw_guard_prompt(aigw_exchange *x);
/* A wait is given up; what is held is freed. */
void gw_guard_drop(aigw_exchange *x);

#endif
