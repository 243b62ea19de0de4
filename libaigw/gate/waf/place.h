/*
 * The place of a string in a request's JSON, and with it its class: setting, prompt, or an author's own data.
 *
 * One classifier for who skips prompts (the WAF) and who looks at nothing else (guardrails).
 */
#ifndef GW_GATE_WAF_PLACE_H
#define GW_GATE_WAF_PLACE_H

#include "base/json.h"
#include <aigw/waf.h>

/* What is below a member. */
typedef enum gw_place {
    GW_PLACE_PLAIN,  /* settings */
    GW_PLACE_PROMPT, /* messages, tools: known members have their class, the rest is prompt */
    GW_PLACE_FREE    /* arguments, schemas, results: prompt, keys and all */
} gw_place;

/* The place below a member whose key is at `key` in an object at `where`; root: in the document itself. */
gw_place gw_place_below(const gw_json_doc *doc, aigw_waf_route route, gw_json_ref key,
                        gw_place where, bool root);
/* Does this member name something: a model, a role, an id? */
bool gw_place_identifier(const gw_json_doc *doc, gw_json_ref key);
/* Is this the key of a URL? */
bool gw_place_url(aigw_slice key);

#endif
