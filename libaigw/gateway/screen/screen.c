/* Screening of a request before its token is looked at. Must not know tokens or models. */
#include "gateway/screen/screen.h"
#include "base/text.h"
#include "gate/iprep.h"
#include "gateway/peer.h"
#include "gateway/state.h"

/* -- what was seen -- */

static bool is_common(const aigw_waf_match *match)
{
    return strcmp(match->group, "AWSManagedRulesCommonRuleSet") == 0;
}

void gw_screen_stop(aigw_exchange *x, gw_screen_end end)
{
    gw_screened *s = &x->screen;
    s->end = end;
    s->terminating = NULL;
    if (end == GW_SCREEN_BY_REPUTATION)
        s->rate = (gw_screen_address_rule){AIGW_WAF_DEFAULT, "", ""};
    /* In the order of evaluation the common rules stand together: what is left is one piece. */
    size_t first = 0, count = 0;
    while (first < s->match_count && !is_common(&s->matches[first]))
        first++;
    while (first + count < s->match_count && is_common(&s->matches[first + count]))
        count++;
    s->matches = count ? s->matches + first : NULL;
    s->match_count = count;
}

/* Keeps what there is to keep: most requests match nothing. False without memory. */
static bool keep(aigw_exchange *x, const aigw_waf_result *result)
{
    gw_screened *s = &x->screen;
    s->matches = NULL;
    s->match_count = 0;
    s->more = result->more;
    s->terminating = NULL;
    if (result->match_count == 0)
        return true;
    size_t bytes = result->match_count * sizeof *result->matches;
    aigw_waf_match *kept = gw_arena_alloc(x->arena, bytes);
    if (!kept)
        return false;
    memcpy(kept, result->matches, bytes);
    s->matches = kept;
    s->match_count = result->match_count;
    for (size_t i = 0; i < result->match_count; i++)
        s->oversize = s->oversize || strcmp(kept[i].rule, "SizeRestrictions_BODY") == 0;
    if (result->block) {
        s->terminating = &kept[result->terminating];
        s->end = GW_SCREEN_BY_WAF;
    }
    return true;
}

/* A blocked client learns a request id and nothing else. */
static gw_next refuse(aigw_exchange *x, const char *reason)
{
    x->reason = reason;
    gw_metrics_denied(x->loop->metrics, reason);
    gw_respond_fail(x, GW_ERR_PERMISSION, 403, "The request was refused.");
    return GW_NEXT_ANSWERED;
}

/* No verdict: it must not pass. */
static gw_next no_verdict(aigw_exchange *x)
{
    x->screen.failed = true;
    gw_respond_nomem(x);
    return GW_NEXT_ANSWERED;
}

/* -- reputation -- */

/* The lists that have the address, a bit each. */
static unsigned lists_of(const aigw_exchange *x)
{
    const gw_screen_live *live = &x->live->screen;
    aigw_iprep_hit hit;
    unsigned all = 0;
    if (x->screen.malformed == GW_MALFORMED_NO_MATCH)
        return 0;
    if (x->screen.malformed == GW_MALFORMED_MATCH) {
        for (unsigned i = 0; i < AIGW_IPREP_ALLOW; i++)
            all |= gw_screen_lists_has(live->lists, (aigw_iprep_list)i) ? 1u << i : 0u;
        return all;
    }
    gw_iprep_check(live->iprep, &x->client_ip, &hit);
    return hit.action == AIGW_IPREP_ALLOWED ? 0 : hit.lists;
}

/* In the order of the rules; the first that blocks ends the group, one that only counts does not. */
static void judge_reputation(aigw_exchange *x)
{
    gw_screen_address_rule *out = &x->screen.reputation;
    if (!x->live->screen.iprep || !x->has_client_ip)
        return;
    unsigned lists = lists_of(x);
    for (unsigned i = 0; i < AIGW_IPREP_ALLOW && lists; i++) {
        aigw_iprep_list list = (aigw_iprep_list)i;
        aigw_waf_action action = x->live->config->waf.lists[i].action;
        if (!(lists >> i & 1) || action == AIGW_WAF_NONE || action == out->action)
            continue;
        *out = (gw_screen_address_rule){action, aigw_iprep_rule(list), aigw_iprep_label(list)};
        if (action == AIGW_WAF_BLOCK)
            return;
    }
}

/* -- the head -- */

/* How long a body the head announces. */
static uint64_t announced(const aigw_request *request)
{
    uint64_t length;
    if (!request->body_follows)
        return request->body.len;
    aigw_slice said =
        gw_header_get(request->headers, request->header_count, GW_S("content-length"));
    return gw_parse_u64(said, &length) ? length : GW_WAF_BODY_UNKNOWN;
}

static int check_head(aigw_exchange *x, const aigw_request *request, aigw_waf_result *result)
{
    aigw_slice query = request->target;
    aigw_slice path = gw_cut(&query, '?');
    const aigw_waf_request asked = {.size = sizeof asked,
                                    .method = request->method,
                                    .path = path,
                                    .query = query,
                                    .headers = request->headers,
                                    .header_count = request->header_count,
                                    .local = request->local};
    uint64_t bytes = announced(request);
    x->screen.body_bytes = bytes == GW_WAF_BODY_UNKNOWN ? 0 : bytes;
    const gw_waf_about about = {.body_bytes = bytes, .passes = x->pass != NULL, .arena = x->arena};
    return gw_waf_check_head(x->live->screen.waf, &asked, &about, &x->screen.step, result, NULL);
}

gw_next gw_screen_head(aigw_exchange *x, const aigw_request *request)
{
    aigw_waf_result result;
    if (!x->live->screen.waf || request->channel == AIGW_CHANNEL_VOUCHED)
        return GW_NEXT_ON;
    x->screen.looked = true;
    judge_reputation(x);
    if (check_head(x, request, &result) != AIGW_OK || !keep(x, &result))
        return no_verdict(x);
    /* The common rules come before the lists; all others behind. */
    if (x->screen.terminating && is_common(x->screen.terminating))
        x->screen.reputation = (gw_screen_address_rule){AIGW_WAF_DEFAULT, "", ""};
    if (x->screen.reputation.action == AIGW_WAF_BLOCK) {
        gw_screen_stop(x, GW_SCREEN_BY_REPUTATION);
        return refuse(x, "ip_reputation");
    }
    return x->screen.terminating ? refuse(x, "waf") : GW_NEXT_ON;
}

/* -- the body -- */

bool gw_screen_wants_body(const aigw_exchange *x, const aigw_request *request)
{
    return x->live->screen.waf && request->channel != AIGW_CHANNEL_VOUCHED;
}

/* A call's body is parsed here, for all who come later. What is no JSON is looked at as text, and then refused as
 * what it is. */
gw_next gw_screen_body(aigw_exchange *x)
{
    aigw_waf_result result;
    aigw_error err;
    int parsed = AIGW_OK;
    if (!x->screen.looked || x->body.len == 0)
        return GW_NEXT_ON;
    bool call = x->endpoint && gw_endpoint_is_call(x->endpoint);
    if (call)
        parsed = gw_prepare_parse(x, &err);
    if (parsed == AIGW_E_NOMEM) {
        gw_prepare_refuse(x, parsed, &err);
        return GW_NEXT_ANSWERED;
    }
    bool told =
        parsed != AIGW_OK || (x->endpoint && x->endpoint->admin); /* what is wrong with it */
    const gw_waf_body body = {
        .bytes = x->body, .doc = call && parsed == AIGW_OK ? &x->doc : NULL, .no_json = told};
    x->screen.body_bytes = x->screen.body_inspected = x->body.len;
    if (gw_waf_check_body(x->live->screen.waf, &x->screen.step, &body, &result, NULL) != AIGW_OK ||
        !keep(x, &result))
        return no_verdict(x);
    if (x->screen.terminating)
        return refuse(x, "waf");
    if (parsed == AIGW_OK)
        return GW_NEXT_ON;
    gw_prepare_refuse(x, parsed, &err);
    return GW_NEXT_ANSWERED;
}
