/* Parts of an answer as they are written, whole or in a stream. Knows no framing. */
#ifndef GW_WIRE_GEMINI_ANSWER_H
#define GW_WIRE_GEMINI_ANSWER_H

#include "wire/gemini/gemini.h"

typedef struct gw_gm_called {
    gw_jstr id, name;
    gw_jstr args; /* the inside of a string that holds JSON */
    bool custom;
    gw_jstr signature;
    aigw_format origin;
    bool cut_short; /* the answer reached its maximum: broken arguments are understandable */
} gw_gm_called;

void gw_gm_write_text_part(gw_jw *w, gw_jstr text, bool thought, gw_jstr signature,
                           aigw_format origin);
void gw_gm_write_redacted_part(gw_jw *w, gw_jstr data, aigw_format origin);
/* AIGW_E_UPSTREAM, and nothing written: arguments that are no JSON object. */
int gw_gm_write_call_part(gw_arena *arena, gw_jw *w, const gw_gm_called *call, aigw_error *err);
/* modelVersion and responseId. */
void gw_gm_write_ids(gw_jw *w, gw_jstr id, gw_jstr model, aigw_slice seed);

#endif
