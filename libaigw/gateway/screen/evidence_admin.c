/* The evidence over the admin API: samples of requests, and the rules as they are configured.
 * Must not know who may ask: the admin gate has said so. */
#include "base/json_write.h"
#include "base/text.h"
#include "gateway/form.h"
#include "gateway/screen/evidence.h"
#include "gateway/state.h"

enum { SAMPLES_DEFAULT = 100 };

typedef struct question {
    size_t metric;
    int64_t from, to;
    uint64_t max;
} question;

static void refuse(aigw_exchange *x, int status, const char *param, const char *message)
{
    gw_api_error error = {.kind = status == 404 ? GW_ERR_NOT_FOUND : GW_ERR_INVALID_REQUEST,
                          .status = status,
                          .message = gw_jstr_plain(x->arena, aigw_slice_of(message))};
    if (param)
        error.param = gw_jstr_plain(x->arena, aigw_slice_of(param));
    x->reason = "admin_refused";
    gw_respond_error(x, &error);
}

static void give(aigw_exchange *x)
{
    if (x->out.failed) {
        gw_respond_nomem(x);
        return;
    }
    gw_respond_begin(x, 200, "application/json");
    gw_respond_header(x, GW_S("cache-control"), GW_S("no-store"));
    gw_respond_whole(x);
}

/* -- samples -- */

/* A whole number from 0; *out stays where the member is absent. */
static bool read_number(const gw_form *form, const char *name, uint64_t *out)
{
    uint64_t value;
    if (!gw_form_has(form, name))
        return true;
    if (!gw_parse_u64(gw_form_get(form, name), &value) || value > INT64_MAX)
        return false;
    *out = value;
    return true;
}

static size_t metric_of(const gw_waf_books *books, aigw_slice metric)
{
    size_t all = gw_waf_group_count(books);
    for (size_t i = 0; i < all; i++) {
        if (gw_eq(metric, aigw_slice_of(gw_waf_group_at(books, i)->metric)))
            return i;
    }
    return gw_eq(metric, GW_S("Default_Action")) ? all : SIZE_MAX;
}

/* NULL: it is understood; else the parameter that is not. */
static const char *read_question(aigw_exchange *x, const gw_form *form, question *q)
{
    uint64_t now = (uint64_t)gw_unix_s(x->loop->clock), from = 0, to = now;
    *q = (question){.metric = SIZE_MAX, .max = SAMPLES_DEFAULT};
    if (!gw_form_has(form, "rule"))
        return "rule";
    q->metric = metric_of(gw_gateway_waf(x->loop->gw), gw_form_get(form, "rule"));
    if (!read_number(form, "max", &q->max) || q->max < 1 || q->max > GW_WAF_PICK_MAX)
        return "max";
    if (!read_number(form, "from", &from))
        return "from";
    if (!read_number(form, "to", &to) || to < from)
        return "to";
    q->from = (int64_t)from;
    q->to = (int64_t)to;
    return NULL;
}

static void give_samples(aigw_exchange *x)
{
    gw_form form = {0};
    question q;
    int rc = gw_form_parse(x->query, &form);
    const char *wrong = rc == AIGW_OK ? read_question(x, &form, &q) : "query";
    gw_form_free(&form);
    if (rc == AIGW_E_NOMEM) {
        gw_respond_nomem(x);
        return;
    }
    if (wrong) {
        refuse(x, 400, wrong,
               "rule must be a metric name; max is 1 to 500; from and to are seconds since 1970.");
        return;
    }
    if (q.metric == SIZE_MAX) {
        refuse(x, 404, "rule", "There is no rule with this metric name.");
        return;
    }
    gw_waf_picked *picked = gw_calloc(1, sizeof *picked);
    if (!picked) {
        gw_respond_nomem(x);
        return;
    }
    gw_waf_pick(gw_gateway_waf(x->loop->gw), q.metric, gw_unix_s(x->loop->clock), q.from, q.to,
                (size_t)q.max, picked);
    gw_waf_picked_write(picked, &x->out);
    gw_waf_picked_free(picked);
    gw_free(picked);
    give(x);
}

/* -- rules -- */

static const char *action_name(aigw_waf_action action)
{
    return action == AIGW_WAF_BLOCK ? "block" : action == AIGW_WAF_COUNT ? "count" : "none";
}

static void put_rule(gw_jw *w, const aigw_waf_rule *rule)
{
    gw_jw_object(w);
    gw_jw_key(w, "group");
    gw_jw_str(w, rule->group);
    gw_jw_key(w, "metric");
    gw_jw_str(w, rule->metric);
    gw_jw_key(w, "rule");
    gw_jw_str(w, rule->rule);
    gw_jw_key(w, "label");
    gw_jw_str(w, rule->label);
    gw_jw_key(w, "action");
    gw_jw_str(w, action_name(rule->action));
    gw_jw_object_end(w);
}

/* What looks at the address stands behind the common rules, as in AWS's order. */
static void put_address_rules(gw_jw *w, const gw_config_waf *waf)
{
    for (int i = 0; i < AIGW_IPREP_ALLOW; i++) {
        const aigw_waf_rule rule = {GW_SCREEN_REPUTATION_GROUP, GW_SCREEN_REPUTATION_METRIC,
                                    aigw_iprep_rule((aigw_iprep_list)i),
                                    aigw_iprep_label((aigw_iprep_list)i), waf->lists[i].action};
        put_rule(w, &rule);
    }
    const aigw_waf_rule rate = {GW_SCREEN_RATE_RULE, GW_SCREEN_RATE_METRIC, GW_SCREEN_RATE_RULE,
                                GW_SCREEN_RATE_LABEL, waf->rate.action};
    put_rule(w, &rate);
}

static void give_rules(aigw_exchange *x)
{
    const gw_config_waf *waf = &x->live->config->waf;
    gw_jw w = gw_jw_on(&x->out);
    aigw_waf_rule rule;
    const char *before = "";
    gw_jw_object(&w);
    gw_jw_key(&w, "name");
    gw_jw_text(&w, waf->name);
    gw_jw_key(&w, "enabled");
    gw_jw_bool(&w, waf->enabled);
    gw_jw_key(&w, "mode");
    gw_jw_str(&w, waf->options.count_only ? "count" : "block");
    gw_jw_key(&w, "rules");
    gw_jw_array(&w);
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        if (strcmp(before, "AWSManagedRulesCommonRuleSet") == 0 && strcmp(before, rule.group) != 0)
            put_address_rules(&w, waf);
        before = rule.group;
        rule.action = gw_screen_action_of(&waf->options, &rule);
        put_rule(&w, &rule);
    }
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
    give(x);
}

void gw_evidence_give(aigw_exchange *x)
{
    gw_buf_clear(&x->out);
    if (x->endpoint->action == GW_EVIDENCE_RULES)
        give_rules(x);
    else
        give_samples(x);
}
