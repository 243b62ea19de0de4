/* Log lines that no value can forge, and the clock of a host. */
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct sink {
    char line[8192];
    size_t len;
    int calls;
    aigw_log_level level;
} sink;

static void take(void *user, aigw_log_level level, const char *line, size_t len)
{
    sink *s = user;
    assert_true(len < sizeof(s->line));
    memcpy(s->line, line, len);
    s->line[len] = '\0';
    s->len = len;
    s->level = level;
    s->calls++;
}

static void test_a_line(void **state)
{
    (void)state;
    sink s = {.calls = 0};
    aigw_host host = {.size = sizeof(host), .user = &s, .log = take};
    gw_log log = gw_log_of(&host);
    gw_log_field fields[] = {GW_LOG_TEXT("path", GW_S("/v1")), GW_LOG_INT("status", -200),
                             GW_LOG_INT("low", INT64_MIN)};
    gw_log_event(&log, AIGW_LOG_WARN, "request", fields, 3);
    assert_string_equal(s.line, "{\"level\":\"warn\",\"event\":\"request\",\"path\":\"/v1\","
                                "\"status\":-200,\"low\":-9223372036854775808}");
    assert_int_equal(s.level, AIGW_LOG_WARN);
    gw_log_event(&log, AIGW_LOG_DEBUG, "quiet", NULL, 0);
    assert_int_equal(s.calls, 1);
    gw_log none = gw_log_of(NULL);
    gw_log_event(&none, AIGW_LOG_ERROR, "nobody", NULL, 0);
    host.size = offsetof(aigw_host, log); /* a host from before there was a log */
    none = gw_log_of(&host);
    assert_null(none.write);
}

static void check_line(const sink *s, const char *name, const char *expected)
{
    for (size_t i = 0; i < s->len; i++)
        assert_false((unsigned char)s->line[i] < 0x20 || s->line[i] == 0x7F);
    assert_true(s->len <= 4096);
    gw_arena *arena = gw_arena_new(1 << 16);
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, gw_slice(s->line, s->len), NULL, &doc, NULL), AIGW_OK);
    if (expected != NULL)
        assert_true(gw_json_is(&doc, gw_json_get(&doc, 0, name), expected));
    gw_arena_free(arena);
}

static void test_nothing_forges_a_line(void **state)
{
    (void)state;
    sink s = {.calls = 0};
    gw_log log = {&s, take, AIGW_LOG_DEBUG};
    const char *evil[] = {"a\"}\n{\"level\":\"error\"", "\\", "\x01\x1F\x7F\t\r", "\"",
                          "caf\xC3\xA9"};
    for (size_t i = 0; i < 5; i++) {
        gw_log_field field = GW_LOG_TEXT("v", aigw_slice_of(evil[i]));
        gw_log_event(&log, AIGW_LOG_INFO, "e", &field, 1);
        check_line(&s, "v", evil[i]);
    }
    gw_log_field broken = GW_LOG_TEXT("v", GW_S("x\xFF\xC3"));
    gw_log_event(&log, AIGW_LOG_INFO, "e", &broken, 1);
    check_line(&s, "v", "x\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_lines_are_bounded(void **state)
{
    (void)state;
    sink s = {.calls = 0};
    gw_log log = {&s, take, AIGW_LOG_DEBUG};
    static char text[10000];
    const char fills[] = {'a', '"', '\x01', '\xC3', '\xFF'};
    for (size_t k = 0; k < sizeof(fills); k++) {
        for (size_t len = 0; len < sizeof(text); len += len < 3900 || len > 4200 ? 97 : 1) {
            memset(text, fills[k], len);
            gw_log_field fields[] = {GW_LOG_TEXT("a", gw_slice(text, len)),
                                     GW_LOG_INT("n", INT64_MIN),
                                     GW_LOG_TEXT("b", gw_slice(text, len)), GW_LOG_INT("m", 1)};
            gw_log_event(&log, AIGW_LOG_INFO, "e", fields, 4);
            check_line(&s, "event", "e");
        }
    }
    memset(text, 'e', sizeof(text) - 1);
    gw_log_event(&log, AIGW_LOG_INFO, text, NULL, 0);
    check_line(&s, "level", "info");
}

/* Lines that are made elsewhere: each text escaped and cut, the level asked. */
static void test_lines_in_pieces(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t max;
        const char *want;
    } cases[] = {
        {"", 0, "\"\""},
        {"abc", 3, "\"abc\""},
        {"abcd", 3, "\"abc...\""},
        {"a\"b", 3, "\"a\\\"...\""},
        {"a\nb", 6, "\"a...\""}, /* an escape is not cut in two */
        {"a\nb", 7, "\"a\\u000a...\""},
        {"\xE2\x80\xAE", 10, "\"\\u202e\""},
        {"\xC3\xA9\xC3\xA9", 3, "\"\xC3\xA9...\""},
        {"\xFF", 10, "\"\xEF\xBF\xBD\""},
    };
    gw_buf out;
    gw_buf_init(&out, 64);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_buf_clear(&out);
        gw_log_text(&out, aigw_slice_of(cases[i].text), cases[i].max);
        aigw_slice got = gw_buf_slice(&out);
        if (!gw_eq(got, aigw_slice_of(cases[i].want)))
            fail_msg("%zu: %.*s", i, (int)got.len, got.data);
    }
    gw_buf_clear(&out);
    char big[100] = {0};
    gw_log_text(&out, gw_slice(big, sizeof(big)), 1000);
    assert_true(out.failed);
    gw_buf_free(&out);
    sink s = {.calls = 0};
    gw_log log = {&s, take, AIGW_LOG_WARN};
    gw_log_line(&log, AIGW_LOG_INFO, GW_S("{}"));
    assert_int_equal(s.calls, 0);
    gw_log_line(&log, AIGW_LOG_WARN, GW_S("{\"a\":1}"));
    assert_string_equal(s.line, "{\"a\":1}");
    gw_log_line(NULL, AIGW_LOG_ERROR, GW_S("{}"));
    log.write = NULL;
    gw_log_line(&log, AIGW_LOG_ERROR, GW_S("{}"));
    assert_int_equal(s.calls, 1);
    assert_string_equal(gw_log_level_name(AIGW_LOG_DEBUG), "debug");
}

static int64_t fake_ms(void *user)
{
    return *(int64_t *)user;
}

static void test_clock(void **state)
{
    (void)state;
    gw_clock clock = gw_clock_of(NULL);
    int64_t before = gw_now_ms(&clock);
    assert_true(gw_now_ms(&clock) >= before);
    assert_true(gw_unix_s(&clock) > 1700000000);
    int64_t value = 42;
    aigw_host host = {.size = sizeof(host), .user = &value, .now_ms = fake_ms};
    clock = gw_clock_of(&host);
    assert_int_equal(gw_now_ms(&clock), 42);
    assert_true(gw_unix_s(&clock) > 1700000000); /* not replaced */
    host.unix_s = fake_ms;
    clock = gw_clock_of(&host);
    assert_int_equal(gw_unix_s(&clock), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_nothing_forges_a_line),
        cmocka_unit_test(test_lines_are_bounded),
        cmocka_unit_test(test_lines_in_pieces),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
