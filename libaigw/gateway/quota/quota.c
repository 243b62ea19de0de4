/* Taking and settling the quotas of an exchange: when, and what follows. Must not know formats or keys. */
#include "gateway/quota/quota.h"
#include "base/text.h"
#include "gateway/state.h"

#define EVENTS_MIN 1024
#define EVENTS_MAX 4096

/* -- RateLimitPerIP -- */

static void note_rate(aigw_exchange *x, aigw_waf_action action)
{
    x->screen.rate = (gw_screen_address_rule){action, GW_SCREEN_RATE_RULE, GW_SCREEN_RATE_LABEL};
    if (action == AIGW_WAF_BLOCK)
        x->screen.end = GW_SCREEN_BY_RATE;
}

static gw_next judge_address(aigw_exchange *x)
{
    const gw_config_waf_rate *rate = &x->live->config->waf.rate;
    const aigw_limit_ask *ask = &x->quota.address;
    if (ask->allowed)
        return GW_NEXT_ON;
    if (rate->action == AIGW_WAF_COUNT) {
        if (ask->by != AIGW_LIMIT_BY_POLICY)
            note_rate(x, AIGW_WAF_COUNT);
        return GW_NEXT_ON;
    }
    bool unknown = ask->by == AIGW_LIMIT_BY_POLICY && rate->on_fail != AIGW_LIMIT_FAIL_LOCAL;
    if (unknown)
        x->screen.failed = true;
    else
        note_rate(x, AIGW_WAF_BLOCK);
    gw_quota_refuse_address(x, rate->status, unknown);
    return GW_NEXT_ANSWERED;
}

static void go_on(aigw_exchange *x, gw_next next)
{
    if (next == GW_NEXT_ON)
        gw_exchange_go_on(x);
    else
        x->waiting = false; /* it has been answered */
}

static void address_known(void *user)
{
    aigw_exchange *x = user;
    x->quota.waiting = NULL;
    go_on(x, judge_address(x));
}

/* The header that says whose request it is could not be read: the config says what rules make of that. */
static gw_next judge_malformed(aigw_exchange *x)
{
    if (x->live->config->client_address.malformed == GW_MALFORMED_NO_MATCH)
        return GW_NEXT_ON;
    x->quota.address = (aigw_limit_ask){.by = AIGW_LIMIT_BY_COUNT, .retry_after_ms = -1};
    return judge_address(x);
}

static gw_next take_address(aigw_exchange *x, gw_tally_link *link)
{
    gw_quota_held *q = &x->quota;
    gw_ip ip = gw_rate_key(&x->client_ip, x->live->config->waf.rate.ipv6_prefix);
    aigw_slice key = gw_arena_copy(x->arena, gw_slice((const char *)ip.b, sizeof ip.b));
    if (!key.data) {
        gw_respond_nomem(x);
        return GW_NEXT_ANSWERED;
    }
    q->address = (aigw_limit_ask){.rule = 0, .key = key, .n = 1};
    q->wait = (gw_limit_wait){.done = address_known, .user = x};
    if (gw_tally_take(link, &q->address, 1, &q->wait) != AIGW_AGAIN)
        return judge_address(x);
    q->waiting = link;
    return GW_NEXT_WAIT;
}

/* Load balancers and monitoring ask often, and from few addresses. */
static bool is_probe(const aigw_exchange *x)
{
    return x->endpoint &&
           (x->endpoint->kind == GW_END_HEALTH || x->endpoint->kind == GW_END_METRICS);
}

gw_next gw_quota_address(aigw_exchange *x)
{
    gw_tally_link *link = x->held->tallies[GW_TALLY_ADDRESS];
    gw_quota_note_key(x);
    if (!link || !x->has_client_ip || is_probe(x))
        return GW_NEXT_ON;
    if (x->screen.address_end == GW_ADDRESS_MALFORMED &&
        x->live->config->client_address.malformed != GW_MALFORMED_LAST_GOOD)
        return judge_malformed(x);
    return take_address(x, link);
}

/* -- rate_limits -- */

static gw_next judge_call(aigw_exchange *x)
{
    gw_quota_held *q = &x->quota;
    bool allowed = true;
    for (size_t i = 0; i < q->count; i++)
        allowed = allowed && q->asks[i].allowed;
    q->taken = allowed;
    q->told = true;
    if (allowed)
        return GW_NEXT_ON;
    gw_quota_refuse_call(x);
    return GW_NEXT_ANSWERED;
}

static void call_known(void *user)
{
    aigw_exchange *x = user;
    x->quota.waiting = NULL;
    go_on(x, judge_call(x));
}

gw_next gw_quota_call(aigw_exchange *x)
{
    gw_quota_held *q = &x->quota;
    gw_tally_link *link = x->held->tallies[GW_TALLY_CALLS];
    if (!link)
        return GW_NEXT_ON;
    if (!gw_quota_asks(x)) {
        gw_respond_nomem(x);
        return GW_NEXT_ANSWERED;
    }
    if (q->count == 0)
        return GW_NEXT_ON;
    q->wait = (gw_limit_wait){.done = call_known, .user = x};
    if (gw_tally_take(link, q->asks, q->count, &q->wait) != AIGW_AGAIN)
        return judge_call(x);
    q->waiting = link;
    return GW_NEXT_WAIT;
}

void gw_quota_settle(aigw_exchange *x)
{
    gw_quota_held *q = &x->quota;
    gw_tally_link *link = x->held->tallies[GW_TALLY_CALLS];
    for (size_t i = 0; q->taken && i < q->count; i++) {
        aigw_limit_hold *hold = &q->asks[i].hold;
        if (q->kinds[i] == GW_QUOTA_HELD) {
            gw_tally_settle(link, hold, 0);
        } else if (q->kinds[i] != GW_QUOTA_REQUESTS) {
            int64_t used = gw_quota_used(x, q->asks[i].n);
            if (used >= 0)
                gw_tally_settle(link, hold, used);
        }
    }
    q->taken = false;
}

void gw_quota_cancel(aigw_exchange *x)
{
    if (x->quota.waiting)
        gw_tally_cancel(x->quota.waiting, &x->quota.wait);
    x->quota.waiting = NULL;
}

/* -- where counts are kept -- */

static int make_tally(const gw_tally_options *options, gw_tally *before, gw_tally **out,
                      aigw_error *err)
{
    return options->rule_count ? gw_tally_new(options, before, out, err) : AIGW_OK;
}

static aigw_limit_rule address_rule(const gw_config_waf_rate *rate, bool redis)
{
    int64_t lease = rate->lease < rate->limit ? rate->lease : rate->limit;
    aigw_limit_rule rule = {.name = GW_SCREEN_RATE_RULE,
                            .kind = AIGW_LIMIT_SLIDING_WINDOW,
                            .on_fail = (aigw_limit_policy)rate->on_fail,
                            .limit = rate->limit,
                            .window_ms = rate->window_ms};
    if (redis && lease > 0) {
        rule.lease = lease;
        rule.lease_ms = rate->lease_ms < rate->window_ms ? rate->lease_ms : rate->window_ms;
    }
    return rule;
}

int gw_quota_tallies(const gw_config *config, gw_tally *const *before, gw_tally **out,
                     aigw_error *err)
{
    const gw_config_waf_rate *rate = &config->waf.rate;
    bool counts = config->waf.enabled && rate->action != AIGW_WAF_NONE;
    aigw_limit_rule rule = address_rule(rate, config->redis.address.len > 0);
    size_t events = rate->limit < EVENTS_MIN   ? EVENTS_MIN
                    : rate->limit < EVENTS_MAX ? (size_t)rate->limit
                                               : EVENTS_MAX;
    gw_tally_options addresses = {.rules = &rule,
                                  .rule_count = counts,
                                  .max_keys = config->quota.max_keys,
                                  .max_events = events,
                                  .redis = &config->redis};
    gw_tally_options calls = {.rules = config->quota.rules,
                              .rule_count = config->quota.rule_count,
                              .max_keys = config->quota.max_keys,
                              .max_events = EVENTS_MAX,
                              .redis = &config->redis};
    int code = make_tally(&addresses, before ? before[GW_TALLY_ADDRESS] : NULL,
                          &out[GW_TALLY_ADDRESS], err);
    return code == AIGW_OK ? make_tally(&calls, before ? before[GW_TALLY_CALLS] : NULL,
                                        &out[GW_TALLY_CALLS], err)
                           : code;
}
