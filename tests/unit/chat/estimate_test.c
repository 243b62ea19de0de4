/* The guess of input tokens: in the right range for texts of known size, and never cheap for large ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "chat/estimate.h"

static void between(const char *text, int64_t low, int64_t high)
{
    int64_t n = gw_estimate_text(aigw_slice_of(text));
    if (n < low || n > high)
        fail_msg("%lld for: %s", (long long)n, text);
}

/* The bounds are a fifth around what today's tokenizers give. */
static void test_texts(void **state)
{
    (void)state;
    between("", 0, 0);
    between("The quick brown fox jumps over the lazy dog.", 8, 12);
    between("Write a function that reverses a linked list in C, and explain its complexity.", 14,
            21);
    between("{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\"}}", 13, 28);
    between("\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C", 3, 7);
    between("\\u4f60\\u597d", 1, 3);
    between("\\n\\n", 1, 2);
    between("12345678", 2, 4);
    between("\xF0\x9F\x98\x84", 1, 3);
}

static void test_large_texts_are_sampled(void **state)
{
    (void)state;
    static const char line[] = "All work and no play makes Jack a dull boy. ";
    size_t len = sizeof line - 1, times = 4000;
    char *text = malloc(len * times);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, line, len);
    int64_t one = gw_estimate_text(gw_slice(text, len * 100)) / 100;
    int64_t all = gw_estimate_text(gw_slice(text, len * times));
    assert_in_range(all, one * (int64_t)times * 9 / 10, one * (int64_t)times * 11 / 10);
    free(text);
}

static void test_requests(void **state)
{
    (void)state;
    gw_chat_request r;
    gw_chat_request_init(&r, NULL);
    gw_part parts[2] = {{.kind = GW_PART_TEXT, .text = gw_jstr_lit("What is in this picture?")},
                        {.kind = GW_PART_IMAGE, .url = gw_jstr_lit("https://x/y.png")}};
    gw_message message = {.role = GW_ROLE_USER, .parts = parts, .part_count = 1};
    r.messages = &message;
    r.message_count = 1;
    int64_t text = gw_estimate_tokens(&r);
    assert_in_range(text, 10, 20);
    message.part_count = 2;
    assert_int_equal(gw_estimate_tokens(&r), text + 1000);
    parts[1].detail = gw_jstr_lit("low");
    assert_int_equal(gw_estimate_tokens(&r), text + 85);
    gw_part result = {.kind = GW_PART_TOOL_RESULT, .parts = parts, .part_count = 1};
    gw_message tool_turn = {.role = GW_ROLE_TOOL, .parts = &result, .part_count = 1};
    r.messages = &tool_turn;
    assert_in_range(gw_estimate_tokens(&r), text, text + 10);
    gw_tool tool = {.name = gw_jstr_lit("f"), .schema = {GW_S("{\"type\":\"object\"}")}};
    r.tools = &tool;
    r.tool_count = 1;
    assert_true(gw_estimate_tokens(&r) > text + 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_large_texts_are_sampled),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
