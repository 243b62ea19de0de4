/*
 * The WAF inside the gate: aigw/waf.h with the tape of a body that the caller has parsed already.
 */
#ifndef GW_GATE_WAF_H
#define GW_GATE_WAF_H

#include "base/json.h"
#include <aigw/waf.h>

/* As aigw_waf_check. doc: the body's tape, or NULL to parse it here; it is read, not kept. */
int gw_waf_check(const aigw_waf *waf, const aigw_waf_request *request, const gw_json_doc *doc,
                 aigw_waf_result *out, aigw_error *err);

#endif
