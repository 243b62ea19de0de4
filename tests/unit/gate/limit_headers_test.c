/*
 * Header fields of limits, as the providers spell them.
 *
 * Knows no limiter.
 */
#include "gate/limit_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const aigw_limit_ask requests = {.limit = 60, .remaining = 59, .reset_ms = 1000};
static const aigw_limit_ask tokens = {.limit = 150000, .remaining = 149984, .reset_ms = 360000};
static const aigw_limit_ask holds = {.limit = 4, .remaining = 0, .reset_ms = -1};

static void lines_are(const gw_limit_line *got, size_t count, const char *const *want)
{
    for (size_t i = 0; i < count; i++) {
        char line[128];
        assert_non_null(want[i]);
        snprintf(line, sizeof line, "%s: %s", got[i].name, got[i].value);
        assert_string_equal(line, want[i]);
    }
    assert_null(want[count]);
}

static void openai(void **state)
{
    (void)state;
    gw_limit_line out[GW_LIMIT_LINES];
    gw_limit_facts facts = {.requests = &requests, .tokens = &tokens};
    static const char *const want[] = {"x-ratelimit-limit-requests: 60",
                                       "x-ratelimit-remaining-requests: 59",
                                       "x-ratelimit-reset-requests: 1s",
                                       "x-ratelimit-limit-tokens: 150000",
                                       "x-ratelimit-remaining-tokens: 149984",
                                       "x-ratelimit-reset-tokens: 6m0s",
                                       "retry-after: 2",
                                       "retry-after-ms: 1001",
                                       NULL};
    const char *allowed[7] = {want[0], want[1], want[2], want[3], want[4], want[5], NULL};

    lines_are(out, gw_limit_headers(AIGW_FORMAT_OPENAI_CHAT, &facts, 0, out), allowed);
    facts.denied = true;
    facts.retry_after_ms = 1001;
    lines_are(out, gw_limit_headers(AIGW_FORMAT_OPENAI_RESPONSES, &facts, 0, out), want);
}

static void anthropic(void **state)
{
    (void)state;
    gw_limit_line out[GW_LIMIT_LINES];
    gw_limit_facts facts = {.requests = &requests,
                            .tokens = &tokens,
                            .input_tokens = &tokens,
                            .output_tokens = &tokens,
                            .denied = true,
                            .retry_after_ms = 1000};
    static const char *const want[] = {
        "anthropic-ratelimit-requests-limit: 60",
        "anthropic-ratelimit-requests-remaining: 59",
        "anthropic-ratelimit-requests-reset: 2024-02-29T12:00:02Z",
        "anthropic-ratelimit-tokens-limit: 150000",
        "anthropic-ratelimit-tokens-remaining: 149984",
        "anthropic-ratelimit-tokens-reset: 2024-02-29T12:06:01Z",
        "anthropic-ratelimit-input-tokens-limit: 150000",
        "anthropic-ratelimit-input-tokens-remaining: 149984",
        "anthropic-ratelimit-input-tokens-reset: 2024-02-29T12:06:01Z",
        "anthropic-ratelimit-output-tokens-limit: 150000",
        "anthropic-ratelimit-output-tokens-remaining: 149984",
        "anthropic-ratelimit-output-tokens-reset: 2024-02-29T12:06:01Z",
        "retry-after: 1",
        NULL};
    lines_are(out, gw_limit_headers(AIGW_FORMAT_ANTHROPIC, &facts, 1709208000001, out), want);
}

static void others_and_unknowns(void **state)
{
    (void)state;
    gw_limit_line out[GW_LIMIT_LINES];
    gw_limit_facts facts = {.requests = &holds, .denied = true, .retry_after_ms = -1};
    static const char *const gemini[] = {"retry-after: 1", NULL};
    static const char *const chat[] = {"x-ratelimit-limit-requests: 4",
                                       "x-ratelimit-remaining-requests: 0", "retry-after: 1",
                                       "retry-after-ms: 1000", NULL};
    static const char *const now[] = {"retry-after: 1", NULL};

    lines_are(out, gw_limit_headers(AIGW_FORMAT_GEMINI, &facts, 0, out), gemini);
    lines_are(out, gw_limit_headers(AIGW_FORMAT_OPENAI_CHAT, &facts, 0, out), chat);
    facts.retry_after_ms = 0;
    lines_are(out, gw_limit_headers(AIGW_FORMAT_BEDROCK, &facts, 0, out), now);
    facts = (gw_limit_facts){.denied = false};
    assert_int_equal(gw_limit_headers(AIGW_FORMAT_ANTHROPIC, &facts, 0, out), 0);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } table[] = {{-5, "0s"},
                 {0, "0s"},
                 {1, "1ms"},
                 {120, "120ms"},
                 {999, "999ms"},
                 {1000, "1s"},
                 {1500, "1.5s"},
                 {8640, "8.64s"},
                 {20000, "20s"},
                 {59999, "59.999s"},
                 {60000, "1m0s"},
                 {360000, "6m0s"},
                 {100010, "1m40.01s"},
                 {3600000, "1h0m0s"},
                 {3600250, "1h0m0.25s"},
                 {86400000, "24h0m0s"},
                 {INT64_MAX, "2562047788015h12m55.807s"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char out[32];
        gw_limit_duration(table[i].ms, out);
        assert_string_equal(out, table[i].want);
    }
}

static void instants(void **state)
{
    (void)state;
    char out[32];
    gw_limit_instant(0, out);
    assert_string_equal(out, "1970-01-01T00:00:00Z");
    gw_limit_instant(1, out);
    assert_string_equal(out, "1970-01-01T00:00:01Z");
    gw_limit_instant(INT64_C(4102444799999), out);
    assert_string_equal(out, "2100-01-01T00:00:00Z");
    gw_limit_instant(INT64_MAX, out); /* no crash, and a date */
    assert_true(strlen(out) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai),
        cmocka_unit_test(anthropic),
        cmocka_unit_test(others_and_unknowns),
        cmocka_unit_test(durations),
        cmocka_unit_test(instants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
