/* The section waf: defaults, names of rules and groups, and what is refused with its place. */
#include "help.h"

static const gw_config_waf *waf_of(gw_config *c)
{
    return &c->waf;
}

static void defaults(void **state)
{
    (void)state;
    help_env = NULL;
    gw_config *c = help_load(ECHO);
    const gw_config_waf *w = waf_of(c);
    assert_true(w->enabled);
    assert_false(w->options.count_only);
    assert_int_equal(w->options.content, AIGW_WAF_CONTENT_SKIP);
    assert_int_equal(w->options.override_count, 0);
    assert_int_equal(w->options.max_body_bytes, 8192);
    assert_int_equal(w->rate.action, AIGW_WAF_BLOCK);
    assert_int_equal(w->rate.limit, 2000);
    assert_int_equal(w->rate.window_ms, 300000);
    assert_int_equal(w->rate.status, 429);
    assert_int_equal(w->rate.ipv6_prefix, 64);
    assert_int_equal(w->lists[AIGW_IPREP_REPUTATION].action, AIGW_WAF_BLOCK);
    assert_int_equal(w->lists[AIGW_IPREP_RECONNAISSANCE].action, AIGW_WAF_BLOCK);
    assert_int_equal(w->lists[AIGW_IPREP_DDOS].action, AIGW_WAF_COUNT);
    assert_int_equal(w->max_entries, 1000000);
    assert_int_equal(w->check_ms, 60000);
    assert_int_equal(w->log, GW_WAF_LOG_MATCHES);
    assert_true(w->samples && gw_eq(w->name, GW_S("ai-gateway")));
    gw_config_free(c);
    c = help_load(ECHO "enable_waf: false\n");
    assert_false(c->waf.enabled);
    gw_config_free(c);
}

static void everything(void **state)
{
    (void)state;
    gw_config *c = help_load(
        ECHO
        "waf:\n"
        "  content: count-signatures\n"
        "  routes: {chat: count-full, other: skip}\n"
        "  rules:\n"
        "    GenericLFI_BODY: count\n"
        "    AWSManagedRulesSQLiRuleSet: count\n"
        "    AWSManagedIPDDoSList: block\n"
        "    AWSManagedReconnaissanceList: none\n"
        "    RateLimitPerIP: count\n"
        "  rate_limit: {limit: 5, window_s: 60, status: 403, ipv6_prefix: 56, on_fail: closed}\n"
        "  ip_reputation: {ddos: [/a, /b], allow: [/c], max_entries: 9, check_s: 2}\n"
        "  log: all\n"
        "  name: mine\n");
    const gw_config_waf *w = waf_of(c);
    assert_int_equal(w->options.content, AIGW_WAF_CONTENT_COUNT_SIGNATURES);
    assert_int_equal(w->options.route_content[AIGW_WAF_ROUTE_CHAT], AIGW_WAF_CONTENT_COUNT_FULL);
    assert_int_equal(w->options.route_content[AIGW_WAF_ROUTE_OTHER], AIGW_WAF_CONTENT_SKIP);
    assert_int_equal(w->options.route_content[AIGW_WAF_ROUTE_MESSAGES], AIGW_WAF_CONTENT_DEFAULT);
    assert_int_equal(w->options.override_count, 2);
    assert_string_equal(w->options.overrides[0].name, "GenericLFI_BODY");
    assert_int_equal(w->options.overrides[1].action, AIGW_WAF_COUNT);
    assert_int_equal(w->lists[AIGW_IPREP_DDOS].action, AIGW_WAF_BLOCK);
    assert_int_equal(w->lists[AIGW_IPREP_DDOS].file_count, 2);
    assert_true(gw_eq(w->lists[AIGW_IPREP_DDOS].files[1], GW_S("/b")));
    assert_int_equal(w->lists[AIGW_IPREP_RECONNAISSANCE].action, AIGW_WAF_NONE);
    assert_int_equal(w->rate.action, AIGW_WAF_COUNT);
    assert_int_equal(w->rate.limit, 5);
    assert_int_equal(w->rate.status, 403);
    assert_int_equal(w->rate.ipv6_prefix, 56);
    assert_int_equal(w->check_ms, 2000);
    assert_int_equal(w->log, GW_WAF_LOG_ALL);
    assert_true(gw_eq(w->name, GW_S("mine")));
    gw_config_free(c);
}

/* Of what a group or the mode says, nothing is left to be asked later. */
static void modes(void **state)
{
    (void)state;
    static const char *const documents[] = {
        ECHO "waf: {mode: count, rules: {AWSManagedIPDDoSList: block}}\n", ECHO
        "waf: {rules: {AWSManagedRulesAmazonIpReputationList: count, RateLimitPerIP: none}}\n"};
    for (int i = 0; i < 2; i++) {
        gw_config *c = help_load(documents[i]);
        for (int l = 0; l < AIGW_IPREP_ALLOW; l++)
            assert_int_equal(c->waf.lists[l].action, AIGW_WAF_COUNT);
        assert_int_equal(c->waf.rate.action, i ? AIGW_WAF_NONE : AIGW_WAF_COUNT);
        assert_int_equal(c->waf.options.count_only, i == 0);
        gw_config_free(c);
    }
}

/* Each name of each rule is one; its group is one. */
static void every_rule(void **state)
{
    (void)state;
    aigw_waf_rule rule;
    size_t n = 0;
    for (; aigw_waf_rule_at(n, &rule); n++) {
        char document[512];
        snprintf(document, sizeof document, ECHO "waf: {rules: {%s: none, %s: count}}\n", rule.rule,
                 rule.group);
        gw_config *c = help_load(document);
        assert_int_equal(c->waf.options.override_count, 2);
        gw_config_free(c);
    }
    assert_true(n > 40);
}

static void refused(void **state)
{
    (void)state;
    help_refused(ECHO "waf:\n  rules:\n    GenericLFI_BODY: block\n    Nothing: block\n", 5,
                 "/waf/rules/Nothing", "no rule or group");
    help_refused(ECHO "waf:\n  rules:\n    genericlfi_body: block\n", 4,
                 "/waf/rules/genericlfi_body", "no rule or group");
    help_refused(ECHO "waf: {rules: {GenericLFI_BODY: allow}}\n", 2, "/waf/rules/GenericLFI_BODY",
                 "expected block, count or none");
    help_refused(ECHO "waf: {mode: off}\n", 2, "/waf/mode", "expected one of");
    help_refused(ECHO "waf: {routes: {chats: skip}}\n", 2, "/waf/routes/chats", "did you mean");
    help_refused(ECHO "waf: {routes: {chat: none}}\n", 2, "/waf/routes/chat", "expected one of");
    help_refused(ECHO "waf: {rate_limit: {limit: 0}}\n", 2, "/waf/rate_limit/limit", "from 1");
    help_refused(ECHO "waf: {rate_limit: {ipv6_prefix: 129}}\n", 2, "/waf/rate_limit/ipv6_prefix",
                 "to 128");
    help_refused(ECHO "waf: {ip_reputation: {reputation: x}}\n", 2, "/waf/ip_reputation/reputation",
                 "expected");
    help_refused(ECHO "enable_waf: yes\n", 2, "/enable_waf", "true or false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),   cmocka_unit_test(everything), cmocka_unit_test(modes),
        cmocka_unit_test(every_rule), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
