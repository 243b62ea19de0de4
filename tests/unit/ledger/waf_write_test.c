/* The evidence as JSON, read by the strict reader: samples, lines of the log, what nobody can forge or overflow. */
#include "unit/ledger/waf_books.h"

static gw_buf out;

static doc line_of(const gw_waf_books *b, const gw_waf_event *e)
{
    gw_buf_free(&out);
    gw_buf_init(&out, GW_WAF_LINE_MAX);
    gw_waf_line(b, e, &out);
    assert_false(out.failed);
    aigw_slice line = gw_buf_slice(&out);
    for (size_t i = 0; i < line.len; i++)
        assert_false((unsigned char)line.data[i] < 0x20 || line.data[i] == 0x7F);
    return doc_of(line);
}

static const aigw_header two[] = {{{"host", 4}, {"h", 1}}, {{"user-agent", 10}, {"curl/8", 6}}};
static const gw_waf_request request = {.client = {"192.0.2.7", 9},
                                       .method = {"POST", 4},
                                       .path = {"/v1/x", 5},
                                       .query = {"q=1", 3},
                                       .version = {"HTTP/1.1", 8},
                                       .headers = two,
                                       .header_count = 2};

static void a_blocked_request(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    gw_waf_fact facts[] = {fact_of(OWN, "Odd", "l:lfi", false),
                           fact_of(COMMON, "CrossSiteScripting_QUERYARGUMENTS", "l:xss", true)};
    facts[0].condition = NULL;
    facts[0].overridden = "BLOCK";
    gw_waf_event e = event_of(facts, 2, true);
    e.request = &request;
    e.body_bytes = 9000;
    e.body_inspected = 9000;
    e.oversize = e.json = true;
    doc d = line_of(b, &e);
    const char *is[][2] = {
        {"level", "\"warn\""},
        {"event", "\"waf\""},
        {"timestamp", "1700000000000"},
        {"formatVersion", "1"},
        {"webaclId", "\"ai-gateway\""},
        {"terminatingRuleId", "\"AWSManagedRulesCommonRuleSet\""},
        {"terminatingRuleType", "\"MANAGED_RULE_GROUP\""},
        {"action", "\"BLOCK\""},
        {"terminatingRuleMatchDetails/0/conditionType", "\"XSS\""},
        {"terminatingRuleMatchDetails/0/location", "\"ALL_QUERY_ARGS\""},
        {"terminatingRuleMatchDetails/0/matchedFieldName", "\"args:q\""},
        {"terminatingRuleMatchDetails/0/matchedData", "[\"<script\"]"},
        {"httpSourceName", "\"-\""},
        {"httpSourceId", "\"-\""},
        {"ruleGroupList/0/ruleGroupId", "\"OwnRuleSet\""},
        {"ruleGroupList/0/terminatingRule", "null"},
        {"ruleGroupList/0/nonTerminatingMatchingRules",
         "[{\"ruleId\":\"Odd\",\"action\":\"COUNT\",\"overriddenAction\":\"BLOCK\","
         "\"ruleMatchDetails\":[]}]"},
        {"ruleGroupList/0/excludedRules", "null"},
        {"ruleGroupList/1/ruleGroupId", "\"AWS#AWSManagedRulesCommonRuleSet\""},
        {"ruleGroupList/1/terminatingRule/ruleId", "\"CrossSiteScripting_QUERYARGUMENTS\""},
        {"ruleGroupList/1/terminatingRule/action", "\"BLOCK\""},
        {"ruleGroupList/1/nonTerminatingMatchingRules", "[]"},
        {"rateBasedRuleList", "[]"},
        {"nonTerminatingMatchingRules", "[]"},
        {"labels", "[{\"name\":\"l:lfi\"},{\"name\":\"l:xss\"}]"},
        {"requestHeadersInserted", "null"},
        {"responseCodeSent", "403"},
        {"httpRequest/clientIp", "\"192.0.2.7\""},
        {"httpRequest/country", "\"-\""},
        {"httpRequest/uri", "\"/v1/x\""},
        {"httpRequest/args", "\"q=1\""},
        {"httpRequest/httpVersion", "\"HTTP/1.1\""},
        {"httpRequest/httpMethod", "\"POST\""},
        {"httpRequest/requestId", "\"req-1\""},
        {"httpRequest/headers", "[{\"name\":\"host\",\"value\":\"h\"},"
                                "{\"name\":\"user-agent\",\"value\":\"curl/8\"}]"},
        {"oversizeFields", "[\"REQUEST_JSON_BODY\"]"},
        {"requestBodySize", "9000"},
        {"requestBodySizeInspectedByWAF", "9000"},
    };
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        doc_is(&d, is[i][0], is[i][1]);
    /* Groups behind the terminating one were not asked. */
    assert_int_equal(gw_json_count(&d.json, doc_at(&d, "ruleGroupList")), 2);
    doc_free(&d);
    gw_waf_books_free(b);
}

static void rates_and_defaults(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    gw_waf_fact rate = fact_of(RATE, "RateLimitPerIP", "l:rate", true);
    rate.condition = NULL;
    gw_waf_event e = event_of(&rate, 1, true);
    e.request = &request;
    e.status = 429;
    e.forwarded = true;
    e.rate_limit = 2000;
    e.rate_window_s = 300;
    doc d = line_of(b, &e);
    doc_is(&d, "terminatingRuleId", "\"RateLimitPerIP\"");
    doc_is(&d, "terminatingRuleType", "\"RATE_BASED\"");
    doc_is(&d, "terminatingRuleMatchDetails", "[]");
    doc_is(&d, "responseCodeSent", "429");
    doc_is(&d, "rateBasedRuleList",
           "[{\"rateBasedRuleId\":\"RateLimitPerIP\",\"rateBasedRuleName\":\"RateLimitPerIP\","
           "\"limitKey\":\"FORWARDED_IP\",\"limitValue\":\"192.0.2.7\",\"maxRateAllowed\":2000,"
           "\"evaluationWindowSec\":300}]");
    doc_is(&d, "nonTerminatingMatchingRules", "[]");
    assert_int_equal(gw_json_count(&d.json, doc_at(&d, "ruleGroupList")), 3); /* it is no group */
    doc_free(&d);

    rate.block = false; /* counted */
    e = event_of(&rate, 1, false);
    d = line_of(b, &e);
    doc_is(&d, "level", "\"info\"");
    doc_is(&d, "terminatingRuleId", "\"Default_Action\"");
    doc_is(&d, "terminatingRuleType", "\"REGULAR\"");
    doc_is(&d, "action", "\"ALLOW\"");
    doc_is(&d, "responseCodeSent", "null");
    doc_is(&d, "nonTerminatingMatchingRules/0/action", "\"COUNT\"");
    doc_is(&d, "rateBasedRuleList/0/limitKey", "\"IP\"");
    doc_is(&d, "httpRequest/clientIp", "\"-\""); /* nothing was kept */
    doc_is(&d, "httpRequest/headers", "[]");
    assert_int_equal(gw_json_count(&d.json, doc_at(&d, "ruleGroupList")), 4);
    doc_free(&d);

    const gw_waf_fact own = fact_of(OWN, "Odd", "l:lfi", true);
    e = event_of(&own, 1, true);
    d = line_of(b, &e);
    doc_is(&d, "terminatingRuleType", "\"GROUP\"");
    doc_free(&d);
    gw_waf_books_free(b);
}

/* Whatever stands in a request, it is one line, and says in the end what was there. */
static void nothing_forges_a_line(void **state)
{
    (void)state;
    const char *evil[] = {"x\"}],\"action\":\"ALLOW\"}\n{\"level\":\"error\"",
                          "\\",
                          "\"",
                          "\r\n",
                          "\x1b[2J",
                          "\xE2\x80\xAE",
                          "\xFF\xC3",
                          "caf\xC3\xA9",
                          "\x7F"};
    gw_waf_books *b = books_new();
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        aigw_slice text = aigw_slice_of(evil[i]);
        const aigw_header header = {text, text};
        const gw_waf_request r = {text, text, text, text, text, &header, 1, 0};
        gw_waf_fact fact = fact_of(COMMON, "A", "l:xss", true);
        fact.location = fact.matched = evil[i];
        gw_waf_event e = event_of(&fact, 1, true);
        e.request = &r;
        e.acl = e.id = text;
        doc d = line_of(b, &e);
        doc_is(&d, "action", "\"BLOCK\"");
        doc_is(&d, "level", "\"warn\"");
        assert_null(gw_find(gw_buf_slice(&out), GW_S("\xE2\x80\xAE")));
        if (i != 6) {
            const char *members[] = {"httpRequest/uri", "httpRequest/headers/0/value",
                                     "httpRequest/httpMethod", "webaclId",
                                     "terminatingRuleMatchDetails/0/matchedData/0"};
            for (size_t k = 0; k < sizeof members / sizeof *members; k++)
                assert_true(gw_json_is(&d.json, doc_at(&d, members[k]), evil[i]));
        }
        doc_free(&d);
    }
    gw_waf_books_free(b);
}

/* As many rules, labels and headers as can be, of the worst bytes: valid, and within the bound. */
static void lines_are_bounded(void **state)
{
    (void)state;
    static char big[8000], location[96], matched[64];
    static aigw_header headers[64];
    static gw_waf_fact facts[GW_WAF_FACTS];
    const char fills[] = {'a', '"', '\x01', '\xC3', '\xFF'};
    gw_waf_books *b = books_new();
    for (size_t f = 0; f < sizeof fills; f++) {
        memset(big, fills[f], sizeof big);
        memset(location, fills[f], sizeof location - 1);
        memset(matched, fills[f], sizeof matched - 1);
        for (size_t len = 0; len <= sizeof big; len = len * 3 + 1) {
            aigw_slice text = gw_slice(big, len);
            for (size_t i = 0; i < 64; i++)
                headers[i] = (aigw_header){text, text};
            const gw_waf_request r = {text, text, text, text, text, headers, 64, 3};
            for (size_t i = 0; i < GW_WAF_FACTS; i++) {
                facts[i] =
                    fact_of(i % RATE, "AVeryLongNameOfARuleThatIsNotToBeFound_QUERYARGUMENTS",
                            "awswaf:managed:aws:core-rule-set:AVeryLongNameOfARule_Query", false);
                facts[i].location = location;
                facts[i].matched = matched;
                facts[i].overridden = "BLOCK";
            }
            facts[GW_WAF_FACTS - 1].block = true;
            gw_waf_event e = event_of(facts, GW_WAF_FACTS, len % 2 == 0);
            e.request = &r;
            e.acl = e.id = text;
            doc d = line_of(b, &e);
            assert_true(gw_json_count(&d.json, doc_at(&d, "labels")) > 20);
            assert_true(gw_json_count(&d.json, doc_at(&d, "httpRequest/headers")) >= 8);
            doc_is(&d, "requestBodySize", "0"); /* the end is there */
            if (len > 1000)
                assert_true(gw_json_typeof(&d.json, doc_at(&d, "httpRequest/headersOmitted")) ==
                            GW_JSON_NUMBER);
            doc_free(&d);
        }
    }
    gw_waf_books_free(b);
}

static void a_line_without_memory_fails(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    gw_waf_event e = event_of(NULL, 0, false);
    for (size_t max = 0; max < 500; max += 7) {
        gw_buf small;
        gw_buf_init(&small, max);
        gw_waf_line(b, &e, &small);
        assert_true(small.failed);
        gw_buf_free(&small);
    }
    gw_waf_books_free(b);
}

static void samples_as_aws_gives_them(void **state)
{
    (void)state;
    static gw_waf_picked picked;
    gw_waf_books *b = books_new();
    gw_waf_fact facts[] = {fact_of(OWN, "Odd", "l:lfi", false),
                           fact_of(COMMON, "SQLi_BODY", "l:xss", true)};
    facts[0].overridden = "BLOCK";
    gw_waf_event e = event_of(facts, 2, true);
    e.request = &request;
    assert_true(gw_waf_sample(b, OWN, 0, &e, &facts[0]));
    assert_true(gw_waf_sample(b, COMMON, 0, &e, &facts[1]));
    gw_waf_pick(b, COMMON, 1700000010, 1700000000, 1700000010, 1, &picked);
    gw_buf_clear(&out);
    gw_waf_picked_write(&picked, &out);
    doc d = doc_of(gw_buf_slice(&out));
    doc_is(&d, "PopulationSize", "1");
    doc_is(&d, "TimeWindow/StartTime", "1699999800");
    doc_is(&d, "TimeWindow/EndTime", "1700000010");
    doc_is(&d, "SampledRequests/0",
           "{\"Request\":{\"ClientIP\":\"192.0.2.7\",\"Country\":\"-\",\"URI\":\"/v1/x?q=1\","
           "\"Method\":\"POST\",\"HTTPVersion\":\"HTTP/1.1\",\"Headers\":["
           "{\"Name\":\"host\",\"Value\":\"h\"},{\"Name\":\"user-agent\",\"Value\":\"curl/8\"}]},"
           "\"Weight\":1,\"Timestamp\":1700000000,\"Action\":\"BLOCK\","
           "\"RuleNameWithinRuleGroup\":\"AWS#AWSManagedRulesCommonRuleSet#SQLi_BODY\","
           "\"ResponseCodeSent\":403,"
           "\"Labels\":[{\"Name\":\"l:lfi\"},{\"Name\":\"l:xss\"}]}");
    doc_free(&d);
    gw_waf_picked_free(&picked);
    gw_waf_pick(b, OWN, 1700000010, 1700000000, 1700000010, 1, &picked);
    gw_buf_clear(&out);
    gw_waf_picked_write(&picked, &out);
    d = doc_of(gw_buf_slice(&out));
    doc_is(&d, "SampledRequests/0/Action", "\"COUNT\"");
    doc_is(&d, "SampledRequests/0/RuleNameWithinRuleGroup", "\"OwnRuleSet#Odd\"");
    doc_is(&d, "SampledRequests/0/OverriddenAction", "\"BLOCK\"");
    doc_free(&d);
    gw_waf_picked_free(&picked);
    gw_waf_pick(b, KNOWN, 1700000010, 1700000000, 1700000010, 1, &picked);
    gw_buf_clear(&out);
    gw_waf_picked_write(&picked, &out);
    assert_true(gw_eq(gw_buf_slice(&out),
                      GW_S("{\"SampledRequests\":[],\"PopulationSize\":0,\"TimeWindow\":{"
                           "\"StartTime\":1699999800,\"EndTime\":1700000010}}")));
    gw_buf_free(&out);
    gw_waf_books_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_request),           cmocka_unit_test(rates_and_defaults),
        cmocka_unit_test(nothing_forges_a_line),       cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(a_line_without_memory_fails), cmocka_unit_test(samples_as_aws_gives_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
