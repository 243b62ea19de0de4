/*
 * Guardrails on prompts and answers: the rules of gate/guard, and those that others decide.
 *
 * Single, of one exchange.
 */
#ifndef GW_GATEWAY_GUARD_GUARD_H
#define GW_GATEWAY_GUARD_GUARD_H

#include "chat/fold.h"
#include "gateway/screen/screen.h"

typedef struct gw_guard_run gw_guard_run; /* run.h; in the exchange's arena */

/* The prompt, parsed and routed: passes, is masked (the body and what was read of it are made anew) or refused. */
gw_next gw_guard_prompt(aigw_exchange *x);
/* A pass-through, which nobody looks at: refused when a guardrail that is for it says so. */
gw_next gw_guard_pass(aigw_exchange *x);
/* A wait is given up; what is held is freed. */
void gw_guard_drop(aigw_exchange *x);

/* Is the answer looked at? Then it is read and written anew, whatever its format. */
bool gw_guard_reads(const aigw_exchange *x);
/* Does somebody else look at it? Then it is collected whole. */
bool gw_guard_collects(const aigw_exchange *x);
/* The sink to give to a reader: rules of our own, before `next`. The same until gw_guard_answer_drop. */
gw_event_sink gw_guard_sink(aigw_exchange *x, gw_event_sink next);
/* The try is over: what was held of its answer is forgotten. */
void gw_guard_answer_drop(aigw_exchange *x);
/*
 * The whole answer, collected (it lies in the arena). True: it is being asked about, and then
 * gw_whole_give or gw_whole_refuse is called from the loop. False: nobody is to be asked.
 */
bool gw_guard_answer(aigw_exchange *x, gw_answer *answer);

/* For the books: counts the verdicts, once. */
void gw_guard_settle(aigw_exchange *x);
/* "NAME:mask", the strictest verdict, for the access log; "": nothing was found. */
aigw_slice gw_guard_word(const aigw_exchange *x);

#endif
