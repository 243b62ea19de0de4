/* Arguments of a call that come in pieces (partialArgs), put together as one JSON object. */
/* Knows no stream. */
#ifndef GW_WIRE_GEMINI_ARGS_H
#define GW_WIRE_GEMINI_ARGS_H

#include "base/json.h"
#include "base/json_write.h"

typedef struct gw_gm_args gw_gm_args; /* lies in its arena */

/* NULL on no memory. */
gw_gm_args *gw_gm_args_new(gw_arena *arena);
/*
 * One element of partialArgs: {"jsonPath":"$.a.b[0]","stringValue":...,"willContinue":...}. A string goes
 * on where the last one of the same path said that it would. AIGW_E_UPSTREAM: a path that leads nowhere;
 * AIGW_E_NOMEM.
 */
int gw_gm_args_add(gw_gm_args *args, const gw_json_doc *doc, gw_json_ref piece);
/* The object as JSON. */
void gw_gm_args_write(const gw_gm_args *args, gw_jw *w);

#endif
