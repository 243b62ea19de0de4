/* Resolves guardrails: compiles their rules, checks whom they are for, and leaves asking to guard_remote.c.
 * Must not know an exchange. */
#include "gateway/config/guard_build.h"

#include "base/error.h"
#include "base/text.h"

static bool is_name(aigw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return name.len > 0;
}

static int set_name(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *g)
{
    if (!is_name(raw->name))
        return gw_cfg_fail_key(b->err, raw->node, "name", "bad_name",
                               "expected letters, digits, '-', '_' and '.' only");
    for (size_t i = 0; i < b->config->guards.count; i++) {
        if (gw_eq(b->config->guards.items[i].name, raw->name))
            return gw_cfg_fail_key(b->err, raw->node, "name", "duplicate",
                                   "two guardrails have this name");
    }
    return gw_cfg_keep(b, raw->name, &g->name);
}

static int set_stages(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *g)
{
    const gw_cfg_node *node = raw->on.node ? raw->on.node->first : NULL;
    for (size_t i = 0; i < raw->on.count; i++, node = node->next) {
        bool prompt = gw_eq(raw->on.items[i], GW_S("prompt"));
        if (!prompt && !gw_eq(raw->on.items[i], GW_S("answer")))
            return gw_cfg_fail(b->err, node, "unknown_word", "expected prompt or answer");
        g->prompt = g->prompt || prompt;
        g->answer = g->answer || !prompt;
    }
    return AIGW_OK;
}

/* ---- rules ---- */

typedef struct rule_list {
    aigw_guard_rule items[AIGW_GUARD_RULES + 8];
    const gw_cfg_node *nodes[AIGW_GUARD_RULES + 8]; /* where each stands */
    size_t count;
} rule_list;

static void add_kinds(const gw_cfg_guard_rules *raw, rule_list *rules)
{
    const struct {
        aigw_guard_kind kind;
        int action;
    } kinds[] = {{AIGW_GUARD_EMAIL, raw->email}, {AIGW_GUARD_PHONE, raw->phone},
                 {AIGW_GUARD_CARD, raw->card},   {AIGW_GUARD_IBAN, raw->iban},
                 {AIGW_GUARD_SSN, raw->ssn},     {AIGW_GUARD_SECRET, raw->secret}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].action == AIGW_GUARD_NONE)
            continue;
        rules->nodes[rules->count] = raw->node;
        rules->items[rules->count++] =
            (aigw_guard_rule){.kind = kinds[i].kind, .action = (aigw_guard_action)kinds[i].action};
    }
}

static int add_lists(gw_cfg_build *b, const gw_cfg_list *lists, aigw_guard_kind kind,
                     rule_list *rules)
{
    const gw_cfg_guard_list *raw = lists->items;
    for (size_t i = 0; i < lists->count; i++) {
        if (raw[i].action == AIGW_GUARD_NONE)
            continue;
        if (rules->count >= AIGW_GUARD_RULES)
            return gw_cfg_fail(b->err, raw[i].node, "too_many_rules", "at most %d rules",
                               AIGW_GUARD_RULES);
        rules->nodes[rules->count] = raw[i].node;
        rules->items[rules->count++] = (aigw_guard_rule){.kind = kind,
                                                         .action = (aigw_guard_action)raw[i].action,
                                                         .name = raw[i].name,
                                                         .mask = raw[i].mask,
                                                         .texts = raw[i].texts.items,
                                                         .text_count = raw[i].texts.count};
    }
    return AIGW_OK;
}

/* The fault of a rule is told at its place in the document. */
static int place_fault(gw_cfg_build *b, const rule_list *rules, const gw_cfg_node *own, int code)
{
    int rule = b->err ? b->err->line : 0;
    const gw_cfg_node *node =
        rule > 0 && (size_t)rule <= rules->count ? rules->nodes[rule - 1] : NULL;
    if (code == AIGW_E_NOMEM || !node)
        return code == AIGW_E_UNSUPPORTED ? gw_cfg_place(b->err, own, AIGW_E_CONFIG) : code;
    b->err->code = AIGW_E_CONFIG;
    return gw_cfg_place(b->err, node, AIGW_E_CONFIG);
}

static int set_rules(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *g)
{
    rule_list *rules = gw_arena_calloc(b->tree->arena, 1, sizeof *rules);
    if (!rules)
        return gw_fail_nomem(b->err);
    add_kinds(&raw->rules, rules);
    int code = add_lists(b, &raw->rules.words, AIGW_GUARD_WORDS, rules);
    if (code == AIGW_OK)
        code = add_lists(b, &raw->rules.patterns, AIGW_GUARD_PATTERNS, rules);
    if (code != AIGW_OK)
        return code;
    if (raw->rules.node && rules->count == 0)
        return gw_cfg_fail(b->err, raw->rules.node, "missing_key",
                           "expected at least one rule with an action");
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].action > g->strictest)
            g->strictest = rules->items[i].action;
    }
    if (rules->count == 0)
        return AIGW_OK;
    code = aigw_guard_new(rules->items, rules->count, &g->local, b->err);
    return code == AIGW_OK ? code : place_fault(b, rules, raw->rules.node, code);
}

/* ---- whom it is for ---- */

/* The labels of endpoints whose requests have a prompt. */
static const char *const routes[] = {"chat_completions", "messages", "responses",
                                     "generate_content", "converse", "count_tokens",
                                     "embeddings",       "pass",     NULL};

static int check_routes(gw_cfg_build *b, const gw_cfg_texts *texts)
{
    const gw_cfg_node *node = texts->node ? texts->node->first : NULL;
    for (size_t i = 0; i < texts->count; i++, node = node->next) {
        const char *const *known = routes;
        while (*known && !gw_eq(texts->items[i], aigw_slice_of(*known)))
            known++;
        if (!*known)
            return gw_cfg_fail(b->err, node, "unknown_word",
                               "expected a route: chat_completions, messages, responses, "
                               "generate_content, converse, count_tokens, embeddings, pass");
    }
    return AIGW_OK;
}

static int set_match(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *g)
{
    const gw_cfg_guard_match *m = &raw->match;
    int code = check_routes(b, &m->routes);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &m->clients, &g->match.clients);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &m->teams, &g->match.teams);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &m->models, &g->match.models);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &m->routes, &g->match.routes);
    g->match.client_count = m->clients.count;
    g->match.team_count = m->teams.count;
    g->match.model_count = m->models.count;
    g->match.route_count = m->routes.count;
    return code;
}

static int build(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *g)
{
    int code = set_name(b, raw, g);
    if (code == AIGW_OK)
        code = set_stages(b, raw, g);
    if (code == AIGW_OK)
        code = set_match(b, raw, g);
    if (code == AIGW_OK)
        code = gw_cfg_make_guard_remote(b, raw, g);
    if (code == AIGW_OK)
        code = set_rules(b, raw, g);
    if (code == AIGW_OK && !g->local && g->remote.asks == GW_ASKS_NOBODY)
        code = gw_cfg_fail(b->err, raw->node, "missing_key",
                           "expected rules, webhook, openai_moderation or bedrock_guardrail");
    g->allow_pass = raw->pass_through == 1 ||
                    (g->strictest <= AIGW_GUARD_FLAG && g->remote.asks == GW_ASKS_NOBODY);
    return code;
}

int gw_cfg_build_guards(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->guardrails;
    const gw_cfg_guardrail *raw = list->items;
    gw_guardrails *guards = &b->config->guards;
    if (list->count == 0)
        return AIGW_OK;
    guards->items = gw_arena_calloc(b->config->arena, list->count, sizeof *guards->items);
    if (!guards->items)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count; i++) {
        gw_guardrail made = {0};
        int code = build(b, &raw[i], &made);
        guards->items[i] = made; /* what was made of it is freed with the others, even half-way */
        guards->count += code == AIGW_OK;
        if (code != AIGW_OK) {
            gw_guardrails free_it = {&guards->items[i], 1};
            gw_guardrails_free(&free_it);
            return code;
        }
    }
    return AIGW_OK;
}

void gw_guardrails_free(gw_guardrails *guards)
{
    for (size_t i = 0; i < guards->count; i++) {
        aigw_guard_free(guards->items[i].local);
        gw_http_target_free(guards->items[i].remote.own);
    }
    guards->count = 0;
}
