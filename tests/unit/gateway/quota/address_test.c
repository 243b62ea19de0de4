/* RateLimitPerIP: whose address counts, what the client hears, and when it is not asked. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define BASE                                                                                       \
    "server: {trusted_proxies: [10.0.0.0/8], insecure_no_auth: true, forwarded: "                  \
    "x-forwarded-for}\n"                                                                           \
    "providers: [{type: echo}]\n"
#define RATE(more) BASE "waf: {rate_limit: {limit: 2, window_s: 300" more "}}\n"

typedef struct heard {
    int status;
    char retry_after[16];
    bool more; /* some other field about limits */
    char body[512];
} heard;

static heard ask(fake *f, const char *path, const char *peer, const char *forwarded)
{
    const aigw_header headers[] = {{GW_S("host"), GW_S("gateway")},
                                   {GW_S("user-agent"), GW_S("test/1")},
                                   {GW_S("content-type"), GW_S(JSON)},
                                   {GW_S("x-forwarded-for"), aigw_slice_of(forwarded)}};
    aigw_request request = fake_request(path, strcmp(path, "/healthz") ? ASK("echo") : NULL);
    request.headers = headers;
    request.header_count = forwarded ? 4 : 3;
    request.peer = aigw_slice_of(peer);
    request.channel = AIGW_CHANNEL_TLS;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    gw_buf out;
    gw_buf_init(&out, (size_t)1 << 20);
    fake_finish(f, x, &out);
    aigw_head head = {0};
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    heard h = {.status = head.status};
    aigw_slice after = fake_header(x, "retry-after");
    snprintf(h.retry_after, sizeof h.retry_after, "%.*s", (int)after.len,
             after.len ? after.data : "");
    for (size_t i = 0; i < head.header_count; i++)
        h.more = h.more || gw_starts_nocase(head.headers[i].name, GW_S("x-ratelimit"));
    aigw_slice body = gw_buf_slice(&out);
    snprintf(h.body, sizeof h.body, "%.*s", (int)body.len, body.len ? body.data : "");
    gw_buf_free(&out);
    aigw_exchange_free(x);
    return h;
}

static int status(fake *f, const char *peer)
{
    return ask(f, OPENAI_PATH, peer, NULL).status;
}

static void the_third_in_five_minutes_waits(void **state)
{
    (void)state;
    fake *f = fake_new(RATE(""), NULL, 0);
    assert_int_equal(status(f, "192.0.2.1"), 200);
    f->now_ms += 1000;
    assert_int_equal(status(f, "192.0.2.1"), 200);
    heard h = ask(f, OPENAI_PATH, "192.0.2.1", NULL);
    assert_int_equal(h.status, 429);
    assert_string_equal(h.retry_after, "299");
    assert_false(h.more);
    assert_has(h.body, "rate_limit_exceeded");
    assert_has_not(h.body, "RateLimitPerIP");
    assert_int_equal(ask(f, ANTHROPIC_PATH, "192.0.2.1", NULL).status, 429);
    assert_int_equal(ask(f, "/nowhere", "192.0.2.1", NULL).status, 429);
    assert_int_equal(ask(f, "/nowhere", "192.0.2.7", NULL).status, 404);
    assert_int_equal(status(f, "192.0.2.2"), 200);
    f->now_ms += 298999;
    assert_int_equal(status(f, "192.0.2.1"), 429);
    f->now_ms += 1;
    assert_int_equal(status(f, "192.0.2.1"), 200);
    assert_has(f->log, "rate_limit_address");
    fake_free(f);
}

static void the_status_may_be_that_of_aws(void **state)
{
    (void)state;
    fake *f = fake_new(RATE(", status: 403"), NULL, 0);
    status(f, "192.0.2.1");
    status(f, "192.0.2.1");
    heard h = ask(f, OPENAI_PATH, "192.0.2.1", NULL);
    assert_int_equal(h.status, 403);
    assert_string_equal(h.retry_after, "");
    fake_free(f);
}

static void counting_lets_pass(void **state)
{
    (void)state;
    const char *const configs[] = {RATE(", action: count"), RATE("") "enable_waf: false\n",
                                   RATE(", action: none")};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        fake *f = fake_new(configs[i], NULL, 0);
        for (int n = 0; n < 5; n++)
            assert_int_equal(status(f, "192.0.2.1"), 200);
        fake_free(f);
    }
}

/* What the gate found out, for its evidence. */
static void evidence_sees_the_rule(void **state)
{
    (void)state;
    const struct {
        const char *config;
        aigw_waf_action action;
        gw_screen_end end;
    } rows[] = {{RATE(""), AIGW_WAF_BLOCK, GW_SCREEN_BY_RATE},
                {RATE(", action: count"), AIGW_WAF_COUNT, GW_SCREEN_PASSED}};
    for (size_t i = 0; i < 2; i++) {
        fake *f = fake_new(rows[i].config, NULL, 0);
        status(f, "192.0.2.1");
        status(f, "192.0.2.1");
        const aigw_header headers[] = {{GW_S("host"), GW_S("gateway")},
                                       {GW_S("user-agent"), GW_S("test/1")},
                                       {GW_S("content-type"), GW_S(JSON)}};
        aigw_request request = fake_request(OPENAI_PATH, ASK("echo"));
        request.headers = headers;
        request.header_count = 3;
        request.peer = GW_S("192.0.2.1");
        request.channel = AIGW_CHANNEL_TLS;
        aigw_exchange *x = NULL;
        assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
        assert_int_equal(x->screen.rate.action, rows[i].action);
        assert_string_equal(x->screen.rate.rule, "RateLimitPerIP");
        assert_int_equal(x->screen.end, rows[i].end);
        fake_result r = fake_take(f, x);
        free(r.body);
        fake_free(f);
    }
}

static void whose_address_it_is(void **state)
{
    (void)state;
    const struct {
        const char *peer, *forwarded;
        int status; /* after two of 192.0.2.1 and two of 2001:db8::1 */
    } rows[] = {
        {"192.0.2.1", NULL, 429},
        {"::ffff:192.0.2.1", NULL, 429},
        {"10.1.2.3", "192.0.2.1", 429},
        {"10.1.2.3", "198.51.100.7, 192.0.2.1", 429}, /* from the right */
        {"10.1.2.3", "192.0.2.1, 198.51.100.7", 200},
        {"192.0.2.9", "192.0.2.1", 200}, /* no proxy of ours */
        {"192.0.2.1", "198.51.100.7", 429},
        {"10.1.2.3", "::ffff:192.0.2.1", 429},
        {"2001:db8::1", NULL, 429},
        {"2001:db8::dead:beef:1:2", NULL, 429}, /* the same /64 */
        {"2001:db8:0:1::1", NULL, 200},
        {"10.1.2.4", NULL, 200},
    };
    fake *f = fake_new(RATE(""), NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(status(f, "192.0.2.1"), 200);
        assert_int_equal(status(f, "2001:db8::1"), 200);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int got = ask(f, OPENAI_PATH, rows[i].peer, rows[i].forwarded).status;
        if (got != rows[i].status)
            fail_msg("row %zu: %d", i, got);
    }
    fake_free(f);
}

static void probes_and_nobody_are_not_counted(void **state)
{
    (void)state;
    fake *f = fake_new(RATE(""), NULL, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(f, "/healthz", "192.0.2.1", NULL).status, 200);
        fake_result r = fake_call(f, OPENAI_PATH, ASK("echo")); /* vouched for, without a peer */
        assert_int_equal(r.status, 200);
        free(r.body);
    }
    assert_int_equal(status(f, "192.0.2.1"), 200);
    assert_int_equal(status(f, "192.0.2.1"), 200);
    assert_int_equal(status(f, "192.0.2.1"), 429);
    assert_int_equal(ask(f, "/healthz", "192.0.2.1", NULL).status, 200);
    fake_free(f);
}

static void a_reload_of_other_limits_goes_on_counting(void **state)
{
    (void)state;
    fake *f = fake_new(RATE(""), NULL, 0);
    status(f, "192.0.2.1");
    status(f, "192.0.2.1");
    const char more[] = RATE("") "rate_limits: [{name: x, requests_per_minute: 9}]\n";
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(more), NULL), AIGW_OK);
    assert_int_equal(status(f, "192.0.2.1"), 429);
    const char other[] = RATE(", ipv6_prefix: 48") "limits: {max_rate_keys: 2048}\n";
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(other), NULL), AIGW_OK);
    assert_int_equal(status(f, "192.0.2.1"), 200);
    fake_free(f);
}

/* A header that cannot be read: the address before it, everybody's limit, or none. */
static void malformed_headers_do_as_told(void **state)
{
    (void)state;
    const struct {
        const char *word;
        int first, third;
    } rows[] = {{"last-good", 200, 429}, {"match", 429, 429}, {"no-match", 200, 200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char config[512];
        snprintf(config, sizeof config,
                 "server: {trusted_proxies: [10.0.0.0/8], insecure_no_auth: true, forwarded: "
                 "x-forwarded-for, forwarded_malformed: %s}\nproviders: [{type: echo}]\n"
                 "waf: {rate_limit: {limit: 2}}\n",
                 rows[i].word);
        fake *f = fake_new(config, NULL, 0);
        assert_int_equal(ask(f, OPENAI_PATH, "10.0.0.1", "a.b.c").status, rows[i].first);
        ask(f, OPENAI_PATH, "10.0.0.1", "a.b.c");
        assert_int_equal(ask(f, OPENAI_PATH, "10.0.0.1", "a.b.c").status, rows[i].third);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_third_in_five_minutes_waits),
        cmocka_unit_test(the_status_may_be_that_of_aws),
        cmocka_unit_test(counting_lets_pass),
        cmocka_unit_test(evidence_sees_the_rule),
        cmocka_unit_test(whose_address_it_is),
        cmocka_unit_test(probes_and_nobody_are_not_counted),
        cmocka_unit_test(a_reload_of_other_limits_goes_on_counting),
        cmocka_unit_test(malformed_headers_do_as_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
