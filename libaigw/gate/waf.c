/* The WAF: options to rules, and what they would say of a request (explain). Must not know how a request is
 * taken apart. */
#include "base/error.h"
#include "base/text.h"
#include "gate/waf/verdict.h"
#include <stdio.h>

/* --- making one --- */

static bool apply(aigw_waf *waf, const aigw_waf_override *override)
{
    bool known = false;
    for (size_t g = 0; g < GW_WAF_GROUPS; g++) {
        if (strcmp(gw_waf_groups[g].name, override->name) == 0) {
            waf->group_counts[g] = override->action == AIGW_WAF_COUNT;
            known = true;
        }
    }
    for (size_t i = 0; i < gw_waf_rule_count; i++) {
        if (strcmp(gw_waf_rules[i].name, override->name) == 0) {
            waf->action[i] = override->action == AIGW_WAF_DEFAULT
                                 ? gw_waf_rules[i].action
                                 : (unsigned char) override->action;
            known = true;
        }
    }
    return known;
}

static int set_up(aigw_waf *waf, const aigw_waf_options *options, aigw_error *err)
{
    aigw_waf_options *own = &waf->options;
    memcpy(own, options, options->size < sizeof *own ? options->size : sizeof *own);
    own->overrides = NULL;
    own->max_query_bytes = own->max_query_bytes ? own->max_query_bytes : 2048;
    own->max_cookie_bytes = own->max_cookie_bytes ? own->max_cookie_bytes : 10240;
    own->max_path_bytes = own->max_path_bytes ? own->max_path_bytes : 1024;
    own->max_body_bytes = own->max_body_bytes ? own->max_body_bytes : 8192;
    own->max_arguments = own->max_arguments ? own->max_arguments : 255;
    if (own->content == AIGW_WAF_CONTENT_DEFAULT)
        own->content = AIGW_WAF_CONTENT_SKIP;
    gw_waf_index_fill(&waf->index);
    for (size_t i = 0; i < gw_waf_rule_count; i++)
        waf->action[i] = gw_waf_rules[i].action;
    for (size_t i = 0; i < own->override_count; i++) {
        const aigw_waf_override *one = &options->overrides[i];
        bool valid = one->name && one->action >= AIGW_WAF_DEFAULT && one->action <= AIGW_WAF_NONE;
        if (valid && apply(waf, one))
            continue;
        gw_fail(err, AIGW_E_CONFIG, "waf_rule", "override %zu names no rule or group", i);
        if (err && one->name)
            snprintf(err->pointer, sizeof err->pointer, "/%s", one->name);
        return AIGW_E_CONFIG;
    }
    return gw_waf_engine_new(gw_waf_blobs, &waf->engine, err);
}

int aigw_waf_new(const aigw_waf_options *options, aigw_waf **out, aigw_error *err)
{
    if (!options || !out || options->size < sizeof(size_t) ||
        (options->override_count && !options->overrides))
        return gw_fail(err, AIGW_E_INVALID, "argument", "options with their size, and out");
    aigw_waf *waf = gw_calloc(1, sizeof *waf);
    if (!waf)
        return gw_fail_nomem(err);
    int code = set_up(waf, options, err);
    if (code != AIGW_OK) {
        aigw_waf_free(waf);
        return code;
    }
    *out = waf;
    return AIGW_OK;
}

void aigw_waf_free(aigw_waf *waf)
{
    if (waf)
        gw_waf_engine_free(waf->engine);
    gw_free(waf);
}

const char *aigw_waf_info(const aigw_waf *waf)
{
    return gw_waf_engine_compiled(waf->engine) ? "compiled" : "loaded";
}

/* --- what is asked --- */

aigw_waf_route aigw_waf_route_of(aigw_slice path)
{
    static const struct {
        const char *end;
        aigw_waf_route route;
    } ends[] = {{"/chat/completions", AIGW_WAF_ROUTE_CHAT},
                {"/completions", AIGW_WAF_ROUTE_CHAT},
                {"/messages", AIGW_WAF_ROUTE_MESSAGES},
                {"/messages/count_tokens", AIGW_WAF_ROUTE_MESSAGES},
                {"/responses", AIGW_WAF_ROUTE_RESPONSES},
                {"/responses/input_tokens", AIGW_WAF_ROUTE_RESPONSES},
                {"/embeddings", AIGW_WAF_ROUTE_EMBEDDINGS},
                {"/converse", AIGW_WAF_ROUTE_BEDROCK},
                {"/converse-stream", AIGW_WAF_ROUTE_BEDROCK},
                {"/count-tokens", AIGW_WAF_ROUTE_BEDROCK},
                {":generateContent", AIGW_WAF_ROUTE_GEMINI},
                {":streamGenerateContent", AIGW_WAF_ROUTE_GEMINI},
                {":countTokens", AIGW_WAF_ROUTE_GEMINI},
                {":embedContent", AIGW_WAF_ROUTE_EMBEDDINGS},
                {":batchEmbedContents", AIGW_WAF_ROUTE_EMBEDDINGS},
                {":predict", AIGW_WAF_ROUTE_EMBEDDINGS},
                /* what is passed through holds prompts as these do */
                {"/messages/batches", AIGW_WAF_ROUTE_MESSAGES},
                {"/invoke", AIGW_WAF_ROUTE_MESSAGES},
                {"/invoke-with-response-stream", AIGW_WAF_ROUTE_MESSAGES},
                {":rawPredict", AIGW_WAF_ROUTE_MESSAGES},
                {":streamRawPredict", AIGW_WAF_ROUTE_MESSAGES},
                {"/moderations", AIGW_WAF_ROUTE_RESPONSES},
                {"/images/generations", AIGW_WAF_ROUTE_RESPONSES},
                {"/audio/speech", AIGW_WAF_ROUTE_RESPONSES},
                {"/rerank", AIGW_WAF_ROUTE_RESPONSES},
                {"/healthz", AIGW_WAF_ROUTE_HEALTH},
                {"/readyz", AIGW_WAF_ROUTE_HEALTH},
                {"/livez", AIGW_WAF_ROUTE_HEALTH},
                {"/health", AIGW_WAF_ROUTE_HEALTH},
                {"/metrics", AIGW_WAF_ROUTE_HEALTH}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        aigw_slice end = aigw_slice_of(ends[i].end);
        bool whole = ends[i].route == AIGW_WAF_ROUTE_HEALTH;
        if (whole ? gw_eq(path, end) : gw_ends(path, end))
            return ends[i].route;
    }
    return AIGW_WAF_ROUTE_OTHER;
}

static bool rule_out(size_t index, aigw_waf_rule *out)
{
    if (index >= gw_waf_rule_count)
        return false;
    const gw_waf_rule *rule = &gw_waf_rules[index];
    *out = (aigw_waf_rule){gw_waf_groups[rule->group].name, gw_waf_groups[rule->group].metric,
                           rule->name, rule->label, (aigw_waf_action)rule->action};
    return true;
}

bool aigw_waf_rule_at(size_t index, aigw_waf_rule *out)
{
    return rule_out(index, out);
}

const char *aigw_waf_component_name(aigw_waf_component component)
{
    static const char *const names[] = {"METHOD", "URIPATH", "QUERYSTRING", "QUERYARGUMENTS",
                                        "HEADER", "COOKIE",  "BODY",        "CONTENT"};
    return (unsigned)component < sizeof names / sizeof names[0] ? names[component] : "unknown";
}

/* --- explaining --- */

typedef struct explained {
    const aigw_waf *waf;
    const gw_waf_view *view;
    gw_buf text;
    size_t more; /* lines that there was no room for */
} explained;

#define EXPLAIN_BYTES ((size_t)1 << 20)
#define LINE_BYTES    ((size_t)4096) /* more than any line has */

static void line_of(void *user, unsigned rule, const gw_waf_hit *hit)
{
    static const char *const actions[] = {"default", "block", "count", "none"};
    explained *e = user;
    aigw_waf_match match;
    if (gw_buf_slice(&e->text).len > EXPLAIN_BYTES - 2 * LINE_BYTES) {
        e->more++;
        return;
    }
    gw_waf_match_of(&match, rule, gw_waf_action_of(e->waf, e->view, rule, hit->component), hit);
    gw_buf_printf(&e->text, "%-5s %s/%s label=%s component=%s at=%s", actions[match.action],
                  match.group, match.rule, match.label, aigw_waf_component_name(match.component),
                  match.location);
    if (match.pattern)
        gw_buf_printf(&e->text, " pattern=%d", match.pattern);
    if (match.matched[0])
        gw_buf_printf(&e->text, " near=\"%s\"", match.matched);
    gw_buf_putc(&e->text, '\n');
}

int aigw_waf_explain(const aigw_waf *waf, const aigw_waf_request *request, aigw_slice *out,
                     aigw_error *err)
{
    aigw_waf_request own;
    int code = gw_waf_request_of(waf, request, out, &own, err);
    if (code != AIGW_OK)
        return code;
    gw_waf_view view;
    gw_waf_hit hits[GW_WAF_HITS] = {0};
    aigw_waf_result result;
    explained e = {.waf = waf, .view = &view};
    gw_waf_scan scan = {.hits = hits, .each = line_of, .user = &e};
    gw_waf_view_of(waf, &own, &view);
    aigw_waf_content policy = view.content;
    if (policy == AIGW_WAF_CONTENT_SKIP || policy == AIGW_WAF_CONTENT_COUNT_SIGNATURES)
        view.content = AIGW_WAF_CONTENT_COUNT_FULL;
    gw_buf_init(&e.text, EXPLAIN_BYTES);
    code = gw_waf_run(waf, &view, &scan, GW_WAF_ALL, err);
    if (code != AIGW_OK) {
        gw_buf_free(&e.text);
        return code;
    }
    view.content = policy;
    gw_waf_verdict(waf, &view, hits, &result);
    if (e.more)
        gw_buf_printf(&e.text, "... and %zu more\n", e.more);
    gw_buf_printf(&e.text, "verdict: %s%s\n", result.block ? "block by " : "allow",
                  result.block ? result.matches[result.terminating].rule : "");
    if (e.text.failed) {
        gw_buf_free(&e.text);
        return gw_fail_nomem(err);
    }
    *out = gw_buf_steal(&e.text);
    return AIGW_OK;
}
