/* What screening found out about a request, told to the books: counted, sampled, logged.
 * Must not see a body; what it keeps of a head went through the books' redaction. */
#include "gateway/screen/evidence.h"
#include "base/crypto.h"
#include "base/text.h"
#include "gate/waf/rules.h"
#include "gateway/state.h"

/* -- the books -- */

static bool add_group(gw_waf_book_group *groups, size_t *count, const gw_waf_book_group *group)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(groups[i].name, group->name) == 0)
            return true;
    }
    if (*count == GW_WAF_BOOK_GROUPS)
        return false;
    groups[(*count)++] = *group;
    return true;
}

/* In AWS's order of priority: reputation and the rate stand behind the common rules. */
static size_t all_groups(gw_waf_book_group *groups)
{
    const gw_waf_book_group reputation = {GW_SCREEN_REPUTATION_GROUP, GW_SCREEN_REPUTATION_METRIC,
                                          GW_WAF_MANAGED};
    const gw_waf_book_group rate = {GW_SCREEN_RATE_RULE, GW_SCREEN_RATE_METRIC, GW_WAF_RATE};
    aigw_waf_rule rule;
    size_t count = 0;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        bool managed = strncmp(rule.group, "AWS", 3) == 0;
        const gw_waf_book_group group = {rule.group, rule.metric,
                                         managed ? GW_WAF_MANAGED : GW_WAF_OWN};
        if (!add_group(groups, &count, &group))
            return 0;
        bool common = strcmp(rule.group, "AWSManagedRulesCommonRuleSet") == 0;
        if (common &&
            (!add_group(groups, &count, &reputation) || !add_group(groups, &count, &rate)))
            return 0;
    }
    return count;
}

gw_waf_books *gw_evidence_books(void)
{
    gw_waf_book_group groups[GW_WAF_BOOK_GROUPS];
    const char *labels[2 * GW_WAF_MAX_RULES + AIGW_IPREP_LISTS + 1];
    size_t count = 0, group_count = all_groups(groups);
    aigw_waf_rule rule;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule) && i < GW_WAF_MAX_RULES; i++) {
        labels[count++] = rule.label;
        labels[count++] = gw_waf_content_label((unsigned)i);
    }
    for (int list = 0; list < AIGW_IPREP_ALLOW; list++)
        labels[count++] = aigw_iprep_label((aigw_iprep_list)list);
    labels[count++] = GW_SCREEN_RATE_LABEL;
    return group_count ? gw_waf_books_new(groups, group_count, labels, count) : NULL;
}

/* -- what is kept of a request -- */

static aigw_slice client_text(const aigw_exchange *x, char room[GW_IP_TEXT])
{
    return x->has_client_ip ? gw_slice(room, gw_ip_format(&x->client_ip, room)) : GW_S("");
}

static void from_caller(const aigw_exchange *x, char room[GW_IP_TEXT], gw_waf_request *out)
{
    const aigw_request *request = x->evidence.request;
    aigw_slice query = request->target;
    aigw_slice path = gw_cut(&query, '?');
    *out = (gw_waf_request){.client = client_text(x, room),
                            .method = request->method,
                            .path = path,
                            .query = query,
                            .version = request->version,
                            .headers = request->headers,
                            .header_count = request->header_count};
}

/* The request without its secrets, if it or a raw copy of it is still there. NULL: it is not, or no memory. */
static const gw_waf_request *keep(aigw_exchange *x)
{
    gw_evidence *e = &x->evidence;
    char room[GW_IP_TEXT];
    gw_waf_request from;
    if (e->kept || (!e->request && !e->raw))
        return e->kept;
    if (e->raw)
        from = *e->raw;
    else
        from_caller(x, room, &from);
    gw_waf_request *kept = gw_arena_alloc(x->arena, sizeof *kept);
    void *bytes = kept ? gw_arena_alloc(x->arena, gw_waf_keep_bytes(&from)) : NULL;
    if (!bytes)
        return NULL;
    gw_waf_keep(&from, bytes, kept);
    e->kept = kept;
    return kept;
}

/* A copy that costs little, since most of them are never looked at. */
static void keep_raw(aigw_exchange *x)
{
    gw_evidence *e = &x->evidence;
    char room[GW_IP_TEXT];
    gw_waf_request from;
    from_caller(x, room, &from);
    size_t len = gw_waf_keep_bytes(&from);
    gw_waf_request *raw = gw_arena_alloc(x->arena, sizeof *raw);
    void *bytes = raw ? gw_arena_alloc(x->arena, len) : NULL;
    if (!bytes)
        return; /* the evidence says "-" */
    gw_waf_keep_raw(&from, bytes, raw);
    e->raw = raw;
    e->raw_bytes = bytes;
    e->raw_len = len;
}

static void wipe_raw(gw_evidence *e)
{
    if (e->raw)
        gw_wipe(e->raw_bytes, e->raw_len);
    e->raw = NULL;
}

static bool saw_something(const gw_screened *s)
{
    return s->match_count > 0 || s->reputation.action != AIGW_WAF_DEFAULT ||
           s->rate.action != AIGW_WAF_DEFAULT;
}

void gw_evidence_head(aigw_exchange *x, const aigw_request *request)
{
    const gw_config_waf *waf = &x->live->config->waf;
    gw_evidence *e = &x->evidence;
    if (e->on || !waf->enabled || request->channel == AIGW_CHANNEL_VOUCHED)
        return;
    e->on = true;
    e->request = request;
    e->unix_s = gw_unix_s(x->loop->clock);
    if (waf->samples)
        e->draw = gw_waf_draw(gw_gateway_waf(x->loop->gw));
}

void gw_evidence_leave(aigw_exchange *x)
{
    const gw_config_waf *waf = &x->live->config->waf;
    gw_evidence *e = &x->evidence;
    if (!e->request)
        return;
    gw_waf_books *books = gw_gateway_waf(x->loop->gw);
    bool judged = !x->waiting && (!x->body_due || x->pass); /* nothing more will be found out */
    bool shown = waf->samples || waf->log == GW_WAF_LOG_MATCHES;
    if (!x->settled &&
        (waf->log == GW_WAF_LOG_ALL || (shown && (!judged || saw_something(&x->screen))) ||
         (waf->samples && gw_waf_sample_due(books, gw_waf_group_count(books), e->unix_s, e->draw))))
        keep_raw(x);
    e->request = NULL;
}

/* -- the facts -- */

static const char *default_action(const char *rule_name)
{
    aigw_waf_rule rule;
    for (size_t i = 0; aigw_waf_rule_at(i, &rule); i++) {
        if (strcmp(rule.rule, rule_name) == 0)
            return rule.action == AIGW_WAF_COUNT ? "COUNT" : "BLOCK";
    }
    return strcmp(rule_name, aigw_iprep_rule(AIGW_IPREP_DDOS)) == 0 ? "COUNT" : "BLOCK";
}

static const char *overridden(const char *rule, bool block)
{
    const char *own = default_action(rule);
    return strcmp(own, block ? "BLOCK" : "COUNT") == 0 ? NULL : own;
}

static const char *place_of(aigw_waf_component component)
{
    static const char *const places[] = {
        [AIGW_WAF_METHOD] = "METHOD",
        [AIGW_WAF_URIPATH] = "URI",
        [AIGW_WAF_QUERYSTRING] = "QUERY_STRING",
        [AIGW_WAF_QUERYARGUMENTS] = "ALL_QUERY_ARGS",
        [AIGW_WAF_HEADER] = "HEADER",
        [AIGW_WAF_COOKIE] = "COOKIE",
        [AIGW_WAF_BODY] = "BODY",
        [AIGW_WAF_CONTENT] = "BODY",
    };
    return (unsigned)component < sizeof places / sizeof *places ? places[component] : "-";
}

/* Was a secret left out where this match was? Then its neighbourhood is not shown either. */
static bool beside_secret(const gw_waf_request *kept, const aigw_waf_match *m)
{
    const aigw_slice hidden = GW_S("REDACTED");
    if (m->component == AIGW_WAF_QUERYSTRING || m->component == AIGW_WAF_URIPATH)
        return !kept || gw_find(kept->query, hidden);
    if (m->component != AIGW_WAF_HEADER)
        return false;
    aigw_slice name = aigw_slice_of(m->location);
    gw_cut(&name, ':');
    bool found = false;
    for (size_t i = 0; kept && name.data && i < kept->header_count; i++) {
        if (!gw_eq_nocase(kept->headers[i].name, name))
            continue;
        found = true;
        if (gw_find(kept->headers[i].value, hidden))
            return true;
    }
    return !found;
}

static bool may_show(const gw_waf_request *kept, const aigw_waf_match *m)
{
    return m->component != AIGW_WAF_CONTENT && m->component != AIGW_WAF_COOKIE &&
           !gw_waf_secret_name(aigw_slice_of(m->location)) &&
           !gw_waf_tells_secret(aigw_slice_of(m->matched)) && !beside_secret(kept, m);
}

static gw_waf_fact fact_of_match(const gw_waf_books *books, const gw_waf_request *kept,
                                 const aigw_waf_match *m)
{
    bool block = m->action == AIGW_WAF_BLOCK;
    const char *condition = strncmp(m->rule, "CrossSiteScripting", 18) == 0 ? "XSS"
                            : strncmp(m->rule, "SQLi", 4) == 0              ? "SQL_INJECTION"
                                                                            : "REGEX_MATCH";
    return (gw_waf_fact){.group = gw_waf_group_of(books, m->group),
                         .rule = m->rule,
                         .label = m->label,
                         .block = block,
                         .overridden = overridden(m->rule, block),
                         .condition = m->pattern ? condition : NULL,
                         .place = place_of(m->component),
                         .location = m->location,
                         .matched = may_show(kept, m) ? m->matched : ""};
}

static gw_waf_fact fact_of_address(const gw_waf_books *books, const char *group,
                                   const gw_screen_address_rule *r)
{
    bool block = r->action == AIGW_WAF_BLOCK;
    return (gw_waf_fact){.group = gw_waf_group_of(books, group),
                         .rule = r->rule,
                         .label = r->label,
                         .block = block,
                         .overridden = overridden(r->rule, block),
                         .place = "-",
                         .location = "",
                         .matched = ""};
}

static void add_fact(gw_waf_event *e, gw_waf_fact *facts, const gw_waf_books *books,
                     const gw_waf_fact *fact, bool ended)
{
    if (e->fact_count == GW_WAF_FACTS || fact->group >= gw_waf_group_count(books))
        return;
    facts[e->fact_count] = *fact;
    if (ended)
        e->terminating = &facts[e->fact_count];
    e->fact_count++;
}

static void gather(const gw_waf_books *books, const gw_screened *s, gw_waf_event *e,
                   gw_waf_fact *facts)
{
    gw_waf_fact fact;
    if (s->reputation.action != AIGW_WAF_DEFAULT) {
        fact = fact_of_address(books, GW_SCREEN_REPUTATION_GROUP, &s->reputation);
        add_fact(e, facts, books, &fact, s->end == GW_SCREEN_BY_REPUTATION);
    }
    if (s->rate.action != AIGW_WAF_DEFAULT) {
        fact = fact_of_address(books, GW_SCREEN_RATE_RULE, &s->rate);
        add_fact(e, facts, books, &fact, s->end == GW_SCREEN_BY_RATE);
    }
    for (size_t i = 0; i < s->match_count; i++) {
        fact = fact_of_match(books, e->request, &s->matches[i]);
        add_fact(e, facts, books, &fact,
                 s->end == GW_SCREEN_BY_WAF && s->terminating == &s->matches[i]);
    }
}

/* -- telling it -- */

static void sample(gw_waf_books *books, gw_waf_event *e, size_t metric, uint64_t draw,
                   const gw_waf_fact *fact)
{
    if (!gw_waf_sample(books, metric, draw, e, fact))
        gw_waf_lost(books);
}

/* One of each group that saw something, the terminating rule before others; and of what was allowed. */
static void sample_all(aigw_exchange *x, gw_waf_books *books, gw_waf_event *e)
{
    size_t all = gw_waf_group_count(books);
    for (size_t g = 0; g < all && e->fact_count; g++) {
        const gw_waf_fact *fact =
            e->terminating && e->terminating->group == g ? e->terminating : NULL;
        for (size_t i = 0; i < e->fact_count && !fact; i++)
            fact = e->facts[i].group == g ? &e->facts[i] : NULL;
        if (fact)
            sample(books, e, g, gw_waf_draw(books), fact);
    }
    if (e->terminating)
        return;
    if (!e->request && gw_waf_sample_due(books, all, e->unix_s, x->evidence.draw))
        e->request = keep(x);
    sample(books, e, all, x->evidence.draw, NULL);
}

static void log_line(const aigw_exchange *x, gw_waf_books *books, const gw_waf_event *e)
{
    gw_buf line;
    if (!x->live->log.write)
        return;
    gw_buf_init(&line, GW_WAF_LINE_MAX);
    gw_waf_line(books, e, &line);
    if (line.failed)
        gw_waf_lost(books);
    else
        gw_log_line(&x->live->log, e->terminating ? AIGW_LOG_WARN : AIGW_LOG_INFO,
                    gw_buf_slice(&line));
    gw_buf_free(&line);
}

static void book(aigw_exchange *x)
{
    const gw_config_waf *waf = &x->live->config->waf;
    const gw_screened *s = &x->screen;
    if (!x->evidence.on || x->evidence.booked || s->failed || (!s->looked && !saw_something(s)))
        return;
    x->evidence.booked = true;
    gw_waf_books *books = gw_gateway_waf(x->loop->gw);
    gw_waf_fact facts[GW_WAF_FACTS];
    bool lines = waf->log == GW_WAF_LOG_ALL || (waf->log && saw_something(s));
    bool needed = lines || (waf->samples && saw_something(s));
    gw_waf_event e = {.request = needed ? keep(x) : x->evidence.kept,
                      .id = gw_slice(x->id, x->id_len),
                      .unix_s = x->evidence.unix_s,
                      .status = x->status,
                      .facts = facts,
                      .acl = waf->name,
                      .json = x->json,
                      .oversize = s->oversize,
                      .body_bytes = s->body_bytes,
                      .body_inspected = s->body_inspected,
                      .forwarded = s->address_end != GW_ADDRESS_PEER,
                      .rate_limit = (uint64_t)waf->rate.limit,
                      .rate_window_s = (uint64_t)waf->rate.window_ms / 1000};
    if (saw_something(s))
        gather(books, s, &e, facts);
    gw_waf_count(books, &e);
    if (waf->samples)
        sample_all(x, books, &e);
    if (lines)
        log_line(x, books, &e);
}

void gw_evidence_settle(aigw_exchange *x)
{
    book(x);
    wipe_raw(&x->evidence);
}
