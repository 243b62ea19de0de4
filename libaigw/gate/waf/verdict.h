/*
 * The WAF as its files share it: rules with their actions, one check from a request to hits to a verdict.
 */
#ifndef GW_GATE_WAF_VERDICT_H
#define GW_GATE_WAF_VERDICT_H

#include "gate/waf.h"
#include "gate/waf/parts.h"

struct aigw_waf {
    aigw_waf_options options; /* limits filled in; no pointers */
    gw_waf_engine *engine;
    gw_waf_index index;
    unsigned char action[GW_WAF_MAX_RULES]; /* an aigw_waf_action */
    bool group_counts[GW_WAF_GROUPS];
};

enum { GW_WAF_HEAD = 1, GW_WAF_BODY_PART = 2, GW_WAF_ALL = 3 };

/* A caller's request, which may have been compiled against a shorter struct. AIGW_E_INVALID. */
int gw_waf_request_of(const aigw_waf *waf, const aigw_waf_request *request, const void *out,
                      aigw_waf_request *own, aigw_error *err);
void gw_waf_view_of(const aigw_waf *waf, const aigw_waf_request *request, gw_waf_view *out);
/* Everything but the verdict. scan->hits and ->each are set. */
int gw_waf_run(const aigw_waf *waf, const gw_waf_view *view, gw_waf_scan *scan, int parts,
               aigw_error *err);
void gw_waf_verdict(const aigw_waf *waf, const gw_waf_view *view, const gw_waf_hit *hits,
                    aigw_waf_result *out);
aigw_waf_action gw_waf_action_of(const aigw_waf *waf, const gw_waf_view *view, size_t rule,
                                 aigw_waf_component component);
void gw_waf_match_of(aigw_waf_match *out, size_t rule, aigw_waf_action action,
                     const gw_waf_hit *hit);

#endif
