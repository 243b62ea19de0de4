/* Resolves the section waf: overrides by name, content by route, lists of addresses, the rate by address.
 * Must not know requests. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/screen/screen.h"

static const gw_cfg_node *pair_node(const gw_cfg_pairs *pairs, size_t place)
{
    const gw_cfg_node *node = pairs->node->first;
    while (node && place--)
        node = node->next;
    return node;
}

static void read_routes(const gw_cfg_waf_routes *raw, aigw_waf_options *out)
{
    const struct {
        aigw_waf_route route;
        int content;
    } routes[] = {
        {AIGW_WAF_ROUTE_OTHER, raw->other},           {AIGW_WAF_ROUTE_CHAT, raw->chat},
        {AIGW_WAF_ROUTE_MESSAGES, raw->messages},     {AIGW_WAF_ROUTE_RESPONSES, raw->responses},
        {AIGW_WAF_ROUTE_GEMINI, raw->gemini},         {AIGW_WAF_ROUTE_BEDROCK, raw->bedrock},
        {AIGW_WAF_ROUTE_EMBEDDINGS, raw->embeddings},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        out->route_content[routes[i].route] = (aigw_waf_content)(routes[i].content + 1);
}

/* -- rules by name -- */

static bool is_rule(const char *name)
{
    aigw_waf_rule rule;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        if (strcmp(rule.rule, name) == 0 || strcmp(rule.group, name) == 0)
            return true;
    }
    return false;
}

/* The rules that are no patterns: false if it is none of them. */
static bool apply_own(gw_config_waf *waf, bool *group_counts, const char *name,
                      aigw_waf_action action)
{
    if (strcmp(name, GW_SCREEN_REPUTATION_GROUP) == 0) {
        *group_counts = action == AIGW_WAF_COUNT;
        return true;
    }
    if (strcmp(name, GW_SCREEN_RATE_RULE) == 0) {
        waf->rate.action = action;
        return true;
    }
    for (int i = 0; i < AIGW_IPREP_ALLOW; i++) {
        if (strcmp(name, aigw_iprep_rule((aigw_iprep_list)i)) == 0) {
            waf->lists[i].action = action;
            return true;
        }
    }
    return false;
}

static const char *const words[] = {"block", "count", "none"};
static const aigw_waf_action actions[] = {AIGW_WAF_BLOCK, AIGW_WAF_COUNT, AIGW_WAF_NONE};

static int read_rules(gw_cfg_build *b, gw_config_waf *waf, bool *group_counts)
{
    const gw_cfg_pairs *pairs = &b->raw->waf.rules;
    aigw_waf_override *overrides =
        gw_arena_calloc(b->config->arena, pairs->count + 1, sizeof *overrides);
    if (!overrides)
        return gw_fail_nomem(b->err);
    size_t n = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        size_t word = 0;
        aigw_slice name = {NULL, 0};
        while (word < 3 && !gw_eq(pairs->items[i].value, aigw_slice_of(words[word])))
            word++;
        if (word == 3)
            return gw_cfg_fail(b->err, pair_node(pairs, i), "unknown_word",
                               "expected block, count or none");
        if (gw_cfg_keep(b, pairs->items[i].name, &name) != AIGW_OK)
            return AIGW_E_NOMEM;
        if (name.len && apply_own(waf, group_counts, name.data, actions[word]))
            continue;
        if (!name.len || !is_rule(name.data))
            return gw_cfg_fail(b->err, pair_node(pairs, i), "unknown_rule",
                               "\"%s\" is no rule or group of the WAF",
                               gw_cfg_show(pairs->items[i].name).text);
        overrides[n++] = (aigw_waf_override){name.data, actions[word]};
    }
    waf->options.overrides = overrides;
    waf->options.override_count = n;
    return AIGW_OK;
}

/* -- the sections below -- */

static int read_lists(gw_cfg_build *b, gw_config_waf *waf)
{
    const gw_cfg_waf_lists *raw = &b->raw->waf.ip_reputation;
    const gw_cfg_texts *const texts[AIGW_IPREP_LISTS] = {&raw->reputation, &raw->reconnaissance,
                                                         &raw->ddos, &raw->allow};
    for (size_t i = 0; i < AIGW_IPREP_LISTS; i++) {
        waf->lists[i] =
            (gw_config_waf_list){.file_count = texts[i]->count,
                                 .action = i == AIGW_IPREP_DDOS ? AIGW_WAF_COUNT : AIGW_WAF_BLOCK};
        int code = gw_cfg_keep_all(b, texts[i], &waf->lists[i].files);
        if (code != AIGW_OK)
            return code;
    }
    waf->max_entries = (size_t)raw->max_entries;
    waf->check_ms = raw->check_s * 1000;
    return AIGW_OK;
}

static int check_lease(gw_cfg_build *b, const gw_cfg_waf_rate *raw)
{
    if (raw->lease > 0 && !b->raw->redis.node)
        return gw_cfg_fail_key(b->err, raw->node, "lease", "no_redis",
                               "leases are of a Redis: expected section redis");
    if (raw->lease > raw->limit)
        return gw_cfg_fail_key(b->err, raw->node, "lease", "out_of_range",
                               "expected at most limit");
    return AIGW_OK;
}

static void read_rate(const gw_cfg_waf_rate *raw, gw_config_waf_rate *out)
{
    *out = (gw_config_waf_rate){.action = actions[raw->action],
                                .limit = raw->limit,
                                .window_ms = raw->window_s * 1000,
                                .status = raw->status ? 429 : 403,
                                .ipv6_prefix = (unsigned)raw->ipv6_prefix,
                                .on_fail = raw->on_fail,
                                .lease = raw->lease,
                                .lease_ms = raw->lease_ms};
}

static void block_to_count(aigw_waf_action *action)
{
    if (*action == AIGW_WAF_BLOCK)
        *action = AIGW_WAF_COUNT;
}

int gw_cfg_build_waf(gw_cfg_build *b)
{
    const gw_cfg_waf *raw = &b->raw->waf;
    gw_config_waf *waf = &b->config->waf;
    bool count = raw->mode == 1, group_counts = false;
    waf->enabled = b->raw->enable_waf;
    waf->options = (aigw_waf_options){.size = sizeof waf->options,
                                      .count_only = count,
                                      .content = (aigw_waf_content)(raw->content + 1),
                                      .max_query_bytes = (size_t)raw->max_query_bytes,
                                      .max_cookie_bytes = (size_t)raw->max_cookie_bytes,
                                      .max_path_bytes = (size_t)raw->max_path_bytes,
                                      .max_body_bytes = (size_t)raw->max_body_bytes,
                                      .max_arguments = (size_t)raw->max_arguments,
                                      .allow_private_urls = raw->allow_private_urls,
                                      .any_content_type = raw->any_content_type};
    read_rate(&raw->rate_limit, &waf->rate);
    read_routes(&raw->routes, &waf->options);
    int code = check_lease(b, &raw->rate_limit);
    if (code == AIGW_OK)
        code = read_lists(b, waf);
    if (code == AIGW_OK)
        code = read_rules(b, waf, &group_counts);
    if (code != AIGW_OK)
        return code;
    for (size_t i = 0; i < AIGW_IPREP_ALLOW && (count || group_counts); i++)
        block_to_count(&waf->lists[i].action);
    if (count)
        block_to_count(&waf->rate.action);
    waf->log = (gw_waf_log)raw->log;
    waf->samples = raw->samples;
    return gw_cfg_keep(b, raw->name, &waf->name);
}
