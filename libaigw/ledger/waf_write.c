/* The evidence as JSON: samples in the form of GetSampledRequests, the log in AWS's record fields.
 * Every text is escaped and cut, so that no request forges a line; must not know where the bytes go. */
#include "ledger/waf_parts.h"

/* Budgets of a line's parts: together under GW_WAF_LINE_MAX, whatever is in them. */
enum {
    RULES_END = 14336, /* groups and their rules end here, */
    LABELS_END = 20480,
    RULE_ROOM = 768, /* ... each rule takes no more than this, */
    LABEL_ROOM = 160,
    PATH_ROOM = 1536,
    QUERY_ROOM = 1536,
    HEADERS_END = 31744, /* headers here, */
    HEADER_ROOM = 900,   /* and the rest is short */
    LABELS_MAX = 100,
    TEXT_ROOM = 256
};

const char *gw_waf_vendor(const gw_waf_book_group *group)
{
    return group->kind == GW_WAF_MANAGED ? "AWS#" : "";
}

/* -- a list or an object, a member at a time -- */

static void comma(gw_buf *out)
{
    aigw_slice so_far = gw_buf_slice(out);
    char last = so_far.len ? so_far.data[so_far.len - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        gw_buf_putc(out, ',');
}

static void name(gw_buf *out, const char *word)
{
    comma(out);
    gw_buf_printf(out, "\"%s\":", word);
}

static void text(gw_buf *out, const char *word, aigw_slice value, size_t max)
{
    name(out, word);
    gw_log_text(out, value, max);
}

static void word(gw_buf *out, const char *member, const char *value)
{
    name(out, member);
    if (value)
        gw_log_text(out, aigw_slice_of(value), TEXT_ROOM);
    else
        gw_buf_puts(out, "null");
}

static void number(gw_buf *out, const char *member, uint64_t value)
{
    name(out, member);
    gw_buf_printf(out, "%llu", (unsigned long long)value);
}

/* What AWS says "-" of. */
static aigw_slice or_dash(aigw_slice value)
{
    return value.len ? value : GW_S("-");
}

/* -- samples -- */

static void sample_request(const gw_waf_request *r, gw_buf *out)
{
    name(out, "Request");
    gw_buf_puts(out, "{");
    text(out, "ClientIP", or_dash(r->client), TEXT_ROOM);
    text(out, "Country", GW_S("-"), TEXT_ROOM);
    gw_buf uri;
    gw_buf_init(&uri, 2 * (size_t)GW_WAF_KEEP_MAX);
    gw_buf_add(&uri, r->path);
    if (r->query.len) {
        gw_buf_puts(&uri, "?");
        gw_buf_add(&uri, r->query);
    }
    text(out, "URI", or_dash(gw_buf_slice(&uri)), GW_WAF_KEEP_MAX);
    out->failed = out->failed || uri.failed;
    gw_buf_free(&uri);
    text(out, "Method", or_dash(r->method), TEXT_ROOM);
    text(out, "HTTPVersion", or_dash(r->version), TEXT_ROOM);
    name(out, "Headers");
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < r->header_count; i++) {
        comma(out);
        gw_buf_puts(out, "{");
        text(out, "Name", r->headers[i].name, GW_WAF_KEEP_MAX);
        text(out, "Value", r->headers[i].value, GW_WAF_KEEP_MAX);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]}");
}

static void sample(const gw_waf_sampled *s, uint64_t weight, gw_buf *out)
{
    comma(out);
    gw_buf_puts(out, "{");
    sample_request(&s->request, out);
    number(out, "Weight", weight);
    name(out, "Timestamp");
    gw_buf_int(out, s->unix_s);
    word(out, "Action", s->action);
    if (s->rule_name[0])
        word(out, "RuleNameWithinRuleGroup", s->rule_name);
    if (s->overridden)
        word(out, "OverriddenAction", s->overridden);
    if (s->status)
        number(out, "ResponseCodeSent", (uint64_t)s->status);
    name(out, "Labels");
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < s->label_count; i++) {
        comma(out);
        gw_buf_puts(out, "{");
        word(out, "Name", s->labels[i]);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]}");
}

void gw_waf_picked_write(const gw_waf_picked *picked, gw_buf *out)
{
    gw_buf_puts(out, "{");
    name(out, "SampledRequests");
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < picked->count; i++)
        sample(picked->items[i], picked->weights[i], out);
    gw_buf_puts(out, "]");
    number(out, "PopulationSize", picked->population);
    name(out, "TimeWindow");
    gw_buf_puts(out, "{");
    name(out, "StartTime");
    gw_buf_int(out, picked->from);
    name(out, "EndTime");
    gw_buf_int(out, picked->to);
    gw_buf_puts(out, "}}");
}

/* -- the log: rules -- */

static void match_details(const gw_waf_fact *fact, gw_buf *out)
{
    gw_buf_puts(out, "[");
    if (fact->condition) {
        gw_buf_puts(out, "{");
        word(out, "conditionType", fact->condition);
        word(out, "sensitivityLevel", "-");
        word(out, "location", fact->place);
        text(out, "matchedFieldName", aigw_slice_of(fact->location), 200);
        name(out, "matchedData");
        gw_buf_puts(out, "[");
        if (fact->matched[0])
            gw_log_text(out, aigw_slice_of(fact->matched), 96);
        gw_buf_puts(out, "]}");
    }
    gw_buf_puts(out, "]");
}

static void rule(const gw_waf_fact *fact, gw_buf *out)
{
    comma(out);
    gw_buf_puts(out, "{");
    word(out, "ruleId", fact->rule);
    word(out, "action", fact->block ? "BLOCK" : "COUNT");
    if (fact->overridden)
        word(out, "overriddenAction", fact->overridden);
    name(out, "ruleMatchDetails");
    match_details(fact, out);
    gw_buf_puts(out, "}");
}

static bool has_facts(const gw_waf_event *e, size_t group)
{
    for (size_t i = 0; i < e->fact_count; i++) {
        if (e->facts[i].group == group)
            return true;
    }
    return false;
}

static void group(const gw_waf_books *b, const gw_waf_event *e, size_t index, gw_buf *out)
{
    const gw_waf_book_group *g = gw_waf_group_at(b, index);
    comma(out);
    gw_buf_printf(out, "{\"ruleGroupId\":\"%s%s\",\"terminatingRule\":", gw_waf_vendor(g), g->name);
    if (e->terminating && e->terminating->group == index)
        rule(e->terminating, out);
    else
        gw_buf_puts(out, "null");
    name(out, "nonTerminatingMatchingRules");
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < e->fact_count && gw_buf_len(out) + RULE_ROOM < RULES_END; i++) {
        if (e->facts[i].group == index && &e->facts[i] != e->terminating)
            rule(&e->facts[i], out);
    }
    gw_buf_puts(out, "],\"excludedRules\":null}");
}

static void groups(const gw_waf_books *b, const gw_waf_event *e, gw_buf *out)
{
    name(out, "ruleGroupList");
    gw_buf_puts(out, "[");
    for (size_t g = 0; g < gw_waf_group_count(b); g++) {
        bool listed = gw_waf_group_at(b, g)->kind != GW_WAF_RATE &&
                      (gw_waf_group_asked(e, g) || has_facts(e, g));
        if (listed)
            group(b, e, g, out);
    }
    gw_buf_puts(out, "]");
}

/* Rules of the web ACL itself: the one of rates. */
static void rates(const gw_waf_books *b, const gw_waf_event *e, gw_buf *out)
{
    const gw_waf_fact *hit = NULL;
    for (size_t i = 0; i < e->fact_count; i++) {
        if (gw_waf_group_at(b, e->facts[i].group)->kind == GW_WAF_RATE)
            hit = &e->facts[i];
    }
    name(out, "rateBasedRuleList");
    gw_buf_puts(out, "[");
    if (hit) {
        gw_buf_puts(out, "{");
        word(out, "rateBasedRuleId", hit->rule);
        word(out, "rateBasedRuleName", hit->rule);
        word(out, "limitKey", e->forwarded ? "FORWARDED_IP" : "IP");
        text(out, "limitValue", e->request ? or_dash(e->request->client) : GW_S("-"), TEXT_ROOM);
        number(out, "maxRateAllowed", e->rate_limit);
        number(out, "evaluationWindowSec", e->rate_window_s);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]");
    name(out, "nonTerminatingMatchingRules");
    gw_buf_puts(out, "[");
    if (hit && hit != e->terminating)
        rule(hit, out);
    gw_buf_puts(out, "]");
}

/* -- the log: the request -- */

static void headers(const gw_waf_request *r, gw_buf *out)
{
    size_t i = 0;
    name(out, "headers");
    gw_buf_puts(out, "[");
    for (; i < r->header_count && gw_buf_len(out) + HEADER_ROOM < HEADERS_END; i++) {
        comma(out);
        gw_buf_puts(out, "{");
        text(out, "name", r->headers[i].name, 128);
        text(out, "value", r->headers[i].value, 700);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]");
    if (i < r->header_count || r->omitted)
        number(out, "headersOmitted", r->header_count - i + r->omitted);
}

static void http_request(const gw_waf_event *e, gw_buf *out)
{
    const gw_waf_request none = {.method = GW_S("")};
    const gw_waf_request *r = e->request ? e->request : &none;
    name(out, "httpRequest");
    gw_buf_puts(out, "{");
    text(out, "clientIp", or_dash(r->client), TEXT_ROOM);
    word(out, "country", "-");
    text(out, "uri", or_dash(r->path), PATH_ROOM);
    text(out, "args", r->query, QUERY_ROOM);
    text(out, "httpVersion", or_dash(r->version), TEXT_ROOM);
    text(out, "httpMethod", or_dash(r->method), TEXT_ROOM);
    text(out, "requestId", e->id, TEXT_ROOM);
    headers(r, out);
    gw_buf_puts(out, "}");
}

static void labels(const gw_waf_event *e, gw_buf *out)
{
    name(out, "labels");
    gw_buf_puts(out, "[");
    for (size_t i = 0; i < e->fact_count && i < LABELS_MAX; i++) {
        if (gw_buf_len(out) + LABEL_ROOM > LABELS_END)
            break;
        comma(out);
        gw_buf_puts(out, "{");
        word(out, "name", e->facts[i].label);
        gw_buf_puts(out, "}");
    }
    gw_buf_puts(out, "]");
}

static void oversize(const gw_waf_event *e, gw_buf *out)
{
    name(out, "oversizeFields");
    gw_buf_puts(out, "[");
    if (e->oversize)
        gw_buf_puts(out, e->json ? "\"REQUEST_JSON_BODY\"" : "\"REQUEST_BODY\"");
    gw_buf_puts(out, "]");
    number(out, "requestBodySize", e->body_bytes);
    number(out, "requestBodySizeInspectedByWAF", e->body_inspected);
}

static void terminating(const gw_waf_books *b, const gw_waf_event *e, gw_buf *out)
{
    static const char *const types[] = {"MANAGED_RULE_GROUP", "GROUP", "RATE_BASED"};
    const gw_waf_fact *t = e->terminating;
    const gw_waf_book_group *g = t ? gw_waf_group_at(b, t->group) : NULL;
    word(out, "terminatingRuleId", g ? g->name : "Default_Action");
    word(out, "terminatingRuleType", g ? types[g->kind] : "REGULAR");
    word(out, "action", t ? "BLOCK" : "ALLOW");
    name(out, "terminatingRuleMatchDetails");
    if (t)
        match_details(t, out);
    else
        gw_buf_puts(out, "[]");
}

void gw_waf_line(const gw_waf_books *b, const gw_waf_event *e, gw_buf *out)
{
    gw_buf_puts(out, "{");
    word(out, "level", gw_log_level_name(e->terminating ? AIGW_LOG_WARN : AIGW_LOG_INFO));
    word(out, "event", "waf");
    name(out, "timestamp");
    gw_buf_int(out, e->unix_s * 1000);
    number(out, "formatVersion", 1);
    text(out, "webaclId", or_dash(e->acl), TEXT_ROOM);
    terminating(b, e, out);
    word(out, "httpSourceName", "-");
    word(out, "httpSourceId", "-");
    groups(b, e, out);
    rates(b, e, out);
    labels(e, out);
    name(out, "requestHeadersInserted");
    gw_buf_puts(out, "null");
    name(out, "responseCodeSent");
    if (e->terminating && e->status)
        gw_buf_int(out, e->status);
    else
        gw_buf_puts(out, "null");
    http_request(e, out);
    oversize(e, out);
    gw_buf_puts(out, "}");
}
