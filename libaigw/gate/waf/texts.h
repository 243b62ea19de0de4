/*
 * The texts of a request that are prompt, one after the other, by the same classes as the WAF has.
 *
 * Pure. Knows nothing of what is looked for in them. Base64 and what only its maker reads are left out.
 */
#ifndef GW_GATE_WAF_TEXTS_H
#define GW_GATE_WAF_TEXTS_H

#include "gate/waf/place.h"

typedef enum gw_text_kind {
    GW_TEXT_PLAIN, /* may be changed */
    GW_TEXT_FIXED, /* a string that means something as it is (a name, signed thinking): look, do not change */
    GW_TEXT_NESTED, /* the arguments of a call: a string that holds JSON, mostly */
    GW_TEXT_KEY,    /* the name of a member in an author's own data */
    GW_TEXT_NUMBER  /* a number in an author's own data */
} gw_text_kind;

/* Called in the order of the document. Not AIGW_OK ends the walk, which returns it. */
typedef int gw_text_fn(void *user, const gw_json_doc *doc, gw_json_ref at, gw_text_kind kind);

/* The prompt of a request's body. */
int gw_waf_texts(const gw_json_doc *doc, aigw_waf_route route, gw_text_fn *fn, void *user);
/* Of an author's own data: every string, key and number. */
int gw_waf_value_texts(const gw_json_doc *doc, gw_text_fn *fn, void *user);

#endif
