/* The sections rate_limits and redis: what is refused, and what comes out. */
#include "help.h"

#define ECHO      "providers: [{type: echo}]\n"
#define REDIS     "redis: {address: '127.0.0.1:6379'}\n"
#define ONE(more) ECHO "rate_limits: [{name: a, requests_per_minute: 10" more "}]\n"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *document, *pointer, *reason;
    } rows[] = {
        {ECHO "rate_limits: [{requests_per_minute: 1}]\n", "/rate_limits/0", NULL},
        {ECHO "rate_limits: [{name: a}]\n", "/rate_limits/0", "incomplete"},
        {ECHO "rate_limits: [{name: 'a b', tokens_per_day: 1}]\n", "/rate_limits/0/name",
         "bad_name"},
        {ECHO "rate_limits: [{name: a, tokens_per_day: 1}, {name: a, tokens_per_day: 2}]\n",
         "/rate_limits/1/name", "duplicate"},
        {ECHO "rate_limits: [{name: a, requests_per_minute: 0}]\n",
         "/rate_limits/0/requests_per_minute", NULL},
        {ECHO "rate_limits: [{name: a, tokens_per_minute: 2147483648}]\n",
         "/rate_limits/0/tokens_per_minute", NULL},
        {ECHO "rate_limits: [{name: a, concurrent_requests: -3}]\n",
         "/rate_limits/0/concurrent_requests", NULL},
        {ONE(", per: [client, user]"), "/rate_limits/0/per/1", "unknown_word"},
        {ONE(", per: [team, team]"), "/rate_limits/0/per/1", "duplicate"},
        {ONE(", match: {users: [x]}"), "/rate_limits/0/match/users", NULL},
        {ONE(", algorithm: leaky"), "/rate_limits/0/algorithm", NULL},
        {ONE(", burst: 5"), "/rate_limits/0/burst", "conflict"},
        {ONE(", algorithm: token_bucket, burst_tokens: 5"), "/rate_limits/0/burst_tokens",
         "conflict"},
        {ECHO "rate_limits: [{name: a, tokens_per_day: 5, algorithm: token_bucket}]\n",
         "/rate_limits/0/algorithm", "conflict"},
        {ONE(", on_fail: open"), "/rate_limits/0/on_fail", "no_redis"},
        {ONE(", lease: 5"), "/rate_limits/0/lease", "no_redis"},
        {ONE(", lease: 11") REDIS, "/rate_limits/0/lease", "out_of_range"},
        {ONE(", lease: 5, algorithm: token_bucket") REDIS, "/rate_limits/0/lease", "conflict"},
        {ONE(", lease_ms: 5") REDIS, "/rate_limits/0/lease_ms", "incomplete"},
        {ONE(", on_fail: maybe") REDIS, "/rate_limits/0/on_fail", NULL},
        {ECHO "redis: {}\n", "/redis", NULL},
        {ECHO "redis: {address: localhost}\n", "/redis/address", "bad_address"},
        {ECHO "redis: {address: 'localhost:0'}\n", "/redis/address", "bad_address"},
        {ECHO "redis: {address: '::1:6379'}\n", "/redis/address", "bad_address"},
        {ECHO "redis: {address: 'unix:'}\n", "/redis/address", "bad_address"},
        {ECHO "redis: {address: 'h:1', username: u}\n", "/redis/username", "incomplete"},
        {ECHO "redis: {address: 'h:1', password: p, password_file: /x}\n", "/redis/password_file",
         "conflict"},
        {ECHO "redis: {address: 'h:1', password_file: /nonexistent/x}\n", "/redis/password_file",
         NULL},
        {ECHO "redis: {address: 'h:1', deadline_ms: 0}\n", "/redis/deadline_ms", NULL},
        {ECHO "limits: {max_rate_keys: 5}\n", "/limits/max_rate_keys", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_error err = {0};
        int code = aigw_config_check(aigw_slice_of(rows[i].document), NULL, &err);
        if (code == AIGW_OK || strcmp(err.pointer, rows[i].pointer) != 0 ||
            (rows[i].reason && strcmp(err.reason, rows[i].reason) != 0))
            fail_msg("row %zu: %d at %s: %s, %s", i, code, err.pointer, err.reason, err.message);
        assert_null(strstr(err.message, "password: p"));
    }
}

static void one_request_meets_sixteen_limits_at_most(void **state)
{
    (void)state;
    char document[8192], *at = document;
    const char four[] = "requests_per_minute: 1, tokens_per_minute: 1, tokens_per_day: 1, "
                        "concurrent_requests: 1";
    at += sprintf(at, ECHO "rate_limits:\n");
    for (int i = 0; i < 3; i++)
        at += sprintf(at, "  - {name: a%d, %s}\n", i, four);
    for (int i = 0; i < 20; i++) /* no request has two teams */
        at += sprintf(at, "  - {name: t%d, match: {teams: [t%d]}, %s}\n", i, i, four);
    gw_config *c = help_load(document);
    assert_int_equal(c->quota.entry_count, 23);
    assert_int_equal(c->quota.rule_count, 92);
    gw_config_free(c);
    sprintf(at, "  - {name: last, match: {teams: [x, t7]}, tokens_per_day: 1}\n");
    aigw_error err = {0};
    assert_int_equal(aigw_config_check(aigw_slice_of(document), NULL, &err), AIGW_E_CONFIG);
    assert_string_equal(err.pointer, "/rate_limits");
    assert_string_equal(err.reason, "too_many");
}

static void what_comes_out(void **state)
{
    (void)state;
    gw_config *c =
        help_load(ECHO "redis: {address: 'unix:/run/r', username: u, password: p}\n"
                       "rate_limits:\n"
                       "  - {name: a, per: [team, key], requests_per_minute: 10, lease: 4, "
                       "tokens_per_day: 7, on_fail: local}\n"
                       "  - {name: b, tokens_per_minute: 9, algorithm: token_bucket, "
                       "burst_tokens: 3, concurrent_requests: 2}\n");
    const gw_quota_config *q = &c->quota;
    assert_int_equal(q->per, GW_PER_TEAM | GW_PER_KEY);
    assert_true(q->tokens);
    assert_int_equal(q->rule_count, 4);
    assert_string_equal(q->rules[0].name, "a.requests");
    assert_int_equal(q->rules[0].lease, 4);
    assert_int_equal(q->rules[0].lease_ms, 1000);
    assert_int_equal(q->rules[0].on_fail, AIGW_LIMIT_FAIL_LOCAL);
    assert_string_equal(q->rules[1].name, "a.day");
    assert_int_equal(q->rules[1].window_ms, 86400000);
    assert_int_equal(q->rules[1].lease, 0);
    assert_int_equal(q->rules[2].kind, AIGW_LIMIT_TOKEN_BUCKET);
    assert_int_equal(q->rules[2].rate, 9);
    assert_int_equal(q->rules[2].limit, 3);
    assert_int_equal(q->rules[3].kind, AIGW_LIMIT_CONCURRENCY);
    assert_true(q->rules[3].window_ms >= 3600000);
    assert_int_equal(q->rules[3].on_fail, AIGW_LIMIT_FAIL_CLOSED);
    assert_true(q->entries[1].rules[GW_QUOTA_REQUESTS] == SIZE_MAX);
    assert_int_equal(q->entries[1].assume_output_tokens, 1000);
    assert_string_equal(c->redis.password.data, "p");
    assert_int_equal(c->redis.deadline_ms, 50);
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(one_request_meets_sixteen_limits_at_most),
        cmocka_unit_test(what_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
