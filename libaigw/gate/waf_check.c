/* One check of the WAF: whole, or the head first and the body later. Must not know how a request is taken apart. */
#include "base/error.h"
#include "base/text.h"
#include "gate/waf/norm.h"
#include "gate/waf/verdict.h"
#include <stddef.h>

/* --- from hits to a verdict --- */

/* Prompt text is blocked only under a policy that says so. */
aigw_waf_action gw_waf_action_of(const aigw_waf *waf, const gw_waf_view *view, size_t rule,
                                 aigw_waf_component component)
{
    aigw_waf_action action = (aigw_waf_action)waf->action[rule];
    bool counts = waf->options.count_only || waf->group_counts[gw_waf_rules[rule].group];
    if (component == AIGW_WAF_CONTENT)
        counts |= view->content != AIGW_WAF_CONTENT_BLOCK_SIGNATURES &&
                  view->content != AIGW_WAF_CONTENT_BLOCK_FULL;
    return action == AIGW_WAF_BLOCK && counts ? AIGW_WAF_COUNT : action;
}

void gw_waf_match_of(aigw_waf_match *out, size_t rule, aigw_waf_action action,
                     const gw_waf_hit *hit)
{
    out->group = gw_waf_groups[gw_waf_rules[rule].group].name;
    out->rule = gw_waf_rules[rule].name;
    out->label = hit->component == AIGW_WAF_CONTENT ? gw_waf_content_label((unsigned)rule)
                                                    : gw_waf_rules[rule].label;
    out->action = action;
    out->component = hit->component;
    out->pattern = hit->pattern;
    memcpy(out->location, hit->location, sizeof out->location);
    memcpy(out->matched, hit->matched, sizeof out->matched);
}

/* A block that a group's or the WAF's count mode turned into a count ends its group all the same. */
void gw_waf_verdict(const aigw_waf *waf, const gw_waf_view *view, const gw_waf_hit *hits,
                    aigw_waf_result *out)
{
    unsigned ended = GW_WAF_GROUPS;
    out->block = false;
    out->terminating = AIGW_WAF_MATCHES;
    out->match_count = 0;
    out->more = false;
    for (size_t n = 0; n < 2 * gw_waf_rule_count && !out->block; n++) {
        size_t i = n / 2;
        const gw_waf_hit *hit = &hits[i + (n % 2 ? GW_WAF_MAX_RULES : 0)];
        if (!hit->seen || gw_waf_rules[i].group == ended)
            continue;
        aigw_waf_action action = gw_waf_action_of(waf, view, i, hit->component);
        if (action == AIGW_WAF_NONE)
            continue;
        if (out->match_count < AIGW_WAF_MATCHES || action == AIGW_WAF_BLOCK) {
            out->match_count -= out->match_count == AIGW_WAF_MATCHES;
            gw_waf_match_of(&out->matches[out->match_count++], i, action, hit);
        } else {
            out->more = true;
        }
        if (action == AIGW_WAF_BLOCK) {
            out->block = true;
            out->terminating = out->match_count - 1;
        } else if (waf->action[i] == AIGW_WAF_BLOCK && hit->component != AIGW_WAF_CONTENT) {
            ended = gw_waf_rules[i].group;
        }
    }
}

/* Most requests match nothing: then there is nothing to go through. */
static void conclude(const aigw_waf *waf, const gw_waf_view *view, const gw_waf_scan *scan,
                     aigw_waf_result *out)
{
    if (scan->any) {
        gw_waf_verdict(waf, view, scan->hits, out);
        return;
    }
    out->block = out->more = false;
    out->terminating = AIGW_WAF_MATCHES;
    out->match_count = 0;
}

/* --- one run --- */

void gw_waf_view_of(const aigw_waf *waf, const aigw_waf_request *request, gw_waf_view *out)
{
    *out = (gw_waf_view){
        .request = request, .options = &waf->options, .body_bytes = request->body.len};
    out->route =
        request->route == AIGW_WAF_ROUTE_BY_PATH || (unsigned)request->route >= AIGW_WAF_ROUTES
            ? aigw_waf_route_of(request->path)
            : request->route;
    out->content = waf->options.route_content[out->route];
    if (out->content == AIGW_WAF_CONTENT_DEFAULT)
        out->content = waf->options.content;
    out->content_type = request->content_type;
    if (!out->content_type.data)
        out->content_type =
            gw_header_get(request->headers, request->header_count, GW_S("content-type"));
    out->credentials = gw_eq(request->path, GW_S("/oauth2/token"));
}

int gw_waf_run(const aigw_waf *waf, const gw_waf_view *view, gw_waf_scan *scan, int parts,
               aigw_error *err)
{
    scan->engine = waf->engine;
    scan->index = &waf->index;
    scan->scratch = gw_waf_scratch_take(waf->engine);
    scan->arena = scan->scratch ? gw_waf_scratch_arena(scan->scratch) : NULL;
    scan->failed = scan->scratch ? AIGW_OK : AIGW_E_NOMEM;
    if (!scan->failed && (parts & GW_WAF_HEAD))
        gw_waf_read_head(scan, view);
    if (!scan->failed && (parts & GW_WAF_BODY_PART))
        gw_waf_read_body(scan, view);
    if (scan->scratch)
        gw_waf_scratch_give(waf->engine, scan->scratch);
    if (scan->failed == AIGW_E_NOMEM)
        return gw_fail_nomem(err);
    return scan->failed ? gw_fail(err, scan->failed, "waf_scan", "the request cannot be scanned")
                        : AIGW_OK;
}

static void clear(gw_waf_hit hits[GW_WAF_HITS])
{
    for (size_t i = 0; i < GW_WAF_HITS; i++)
        hits[i].seen = false;
}

int gw_waf_request_of(const aigw_waf *waf, const aigw_waf_request *request, const void *out,
                      aigw_waf_request *own, aigw_error *err)
{
    memset(own, 0, sizeof *own);
    if (!waf || !request || !out || request->size < offsetof(aigw_waf_request, local) ||
        (!request->headers && request->header_count))
        return gw_fail(err, AIGW_E_INVALID, "argument", "a WAF, a request with its size, and out");
    memcpy(own, request, request->size < sizeof *own ? request->size : sizeof *own);
    return AIGW_OK;
}

/* --- the whole --- */

int aigw_waf_check(const aigw_waf *waf, const aigw_waf_request *request, aigw_waf_result *out,
                   aigw_error *err)
{
    aigw_waf_request own;
    int code = gw_waf_request_of(waf, request, out, &own, err);
    if (code != AIGW_OK)
        return code;
    gw_waf_view view;
    gw_waf_hit hits[GW_WAF_HITS];
    gw_waf_scan scan = {.hits = hits};
    clear(hits);
    gw_waf_view_of(waf, &own, &view);
    code = gw_waf_run(waf, &view, &scan, GW_WAF_ALL, err);
    if (code == AIGW_OK)
        conclude(waf, &view, &scan, out);
    return code;
}

/* --- the head first --- */

struct gw_waf_kept {
    unsigned rule; /* index into the hits */
    gw_waf_hit hit;
};

/* What the head's rules saw is counted again, in its order, when the body is judged. */
static int keep(const gw_waf_hit hits[GW_WAF_HITS], gw_arena *arena, gw_waf_step *step,
                aigw_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < GW_WAF_HITS; i++)
        count += hits[i].seen;
    if (count == 0)
        return AIGW_OK;
    gw_waf_kept *kept = gw_arena_alloc(arena, count * sizeof *kept);
    if (!kept)
        return gw_fail_nomem(err);
    for (unsigned i = 0, n = 0; i < GW_WAF_HITS; i++) {
        if (hits[i].seen)
            kept[n++] = (gw_waf_kept){i, hits[i]};
    }
    step->kept = kept;
    step->kept_count = count;
    return AIGW_OK;
}

int gw_waf_check_head(const aigw_waf *waf, const aigw_waf_request *request,
                      const gw_waf_about *about, gw_waf_step *step, aigw_waf_result *out,
                      aigw_error *err)
{
    aigw_waf_request own;
    uint64_t body_bytes = about->body_bytes;
    int code = gw_waf_request_of(waf, request, out, &own, err);
    if (code != AIGW_OK)
        return code;
    gw_waf_view view;
    gw_waf_hit hits[GW_WAF_HITS];
    gw_waf_scan scan = {.hits = hits};
    *step = (gw_waf_step){0};
    clear(hits);
    gw_waf_view_of(waf, &own, &view);
    view.body_bytes = body_bytes;
    view.framed = true;
    view.passes = about->passes;
    code = gw_waf_run(waf, &view, &scan, GW_WAF_HEAD, err);
    if (code != AIGW_OK)
        return code;
    if (body_bytes != GW_WAF_BODY_UNKNOWN && body_bytes > waf->options.max_body_bytes)
        gw_waf_scan_hit(&scan, GW_WAF_R_SIZE_BODY, "body", gw_slice(NULL, 0));
    conclude(waf, &view, &scan, out);
    step->route = view.route;
    step->credentials = view.credentials;
    step->untyped = body_bytes == GW_WAF_BODY_UNKNOWN && view.content_type.len == 0;
    step->fields = scan.fields;
    step->bytes = scan.bytes;
    if (view.content_type.data && body_bytes > 0) {
        step->content_type = gw_arena_copy(about->arena, view.content_type);
        if (!step->content_type.data)
            return gw_fail_nomem(err);
    }
    return scan.any ? keep(hits, about->arena, step, err) : AIGW_OK;
}

int gw_waf_check_body(const aigw_waf *waf, const gw_waf_step *step, const gw_waf_body *body,
                      aigw_waf_result *out, aigw_error *err)
{
    const aigw_waf_request request = {.size = sizeof request,
                                      .body = body->bytes,
                                      .content_type = step->content_type,
                                      .route = step->route};
    gw_waf_view view;
    gw_waf_hit hits[GW_WAF_HITS];
    gw_waf_scan scan = {
        .index = &waf->index, .hits = hits, .fields = step->fields, .bytes = step->bytes};
    clear(hits);
    scan.any = step->kept_count > 0;
    for (size_t i = 0; i < step->kept_count; i++)
        hits[step->kept[i].rule] = step->kept[i].hit;
    gw_waf_view_of(waf, &request, &view);
    view.doc = body->doc;
    view.no_json = body->no_json;
    view.credentials = step->credentials;
    if (step->untyped && body->bytes.len && !waf->options.any_content_type)
        gw_waf_scan_hit(&scan, GW_WAF_R_CONTENT_TYPE, "header", GW_S("content-type"));
    int code = gw_waf_run(waf, &view, &scan, GW_WAF_BODY_PART, err);
    if (code == AIGW_OK)
        conclude(waf, &view, &scan, out);
    return code;
}
