/* Long strings are read in blocks: whatever stands where, the answer is that of a reader by the byte. */
#include "base/json.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The slow truth over ASCII: the length of the string's inside, or -1 if it is not one. */
static ptrdiff_t by_the_byte(const char *text, size_t len, bool *escaped)
{
    *escaped = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            return i == len - 1 ? (ptrdiff_t)i : -1;
        if ((unsigned char)text[i] < 0x20)
            return -1;
        if (text[i] != '\\')
            continue;
        *escaped = true;
        i++;
        if (i < len && text[i] == 'u') {
            for (int digit = 0; digit < 4; digit++)
                if (++i >= len || !strchr("0123456789abcdef", text[i]))
                    return -1;
        } else if (i >= len || text[i] == '\0' || !strchr("\"\\/bfnrt", text[i])) {
            return -1;
        }
    }
    return -1;
}

static void compare(gw_arena *arena, const char *text, size_t len)
{
    bool escaped;
    ptrdiff_t inside = by_the_byte(text + 1, len - 1, &escaped);
    gw_json_doc doc;
    gw_arena_reset(arena);
    int rc = gw_json_parse(arena, gw_slice(text, len), NULL, &doc, NULL);
    assert_int_equal(rc == AIGW_OK, inside >= 0);
    if (rc == AIGW_OK) {
        assert_int_equal(gw_json_inner(&doc, 0).len, inside);
        assert_int_equal(doc.nodes[0].escaped, escaped);
    }
}

/* Each piece at each place of a string that is long enough for the widest blocks. */
static void every_piece_at_every_place(void **state)
{
    static const char *const pieces[] = {
        "\\n",         "\\\"",     "\\\\", "\\/",    "\\\\\\\"", "\\\\\\\\", "\\\\\\\\\\n", "\\u0041",
        "\\u00e9\\\\", "\\n\\n\\", "\\x",  "\\\\\\", "\"",       "\\",       "\x01",        "\\u12",
        "\\\x01",      "\\b\\f",   "\\2",  "\\R",    "\\,",      "\\6",
    };
    gw_arena *arena = gw_arena_new(1 << 20);
    char text[512];

    (void)state;
    for (size_t n = 0; n < sizeof pieces / sizeof *pieces; n++) {
        for (size_t place = 1; place < 400; place++) {
            size_t len = strlen(pieces[n]), total = 420;
            memset(text, 'a', sizeof text);
            memcpy(text + place, pieces[n], len);
            text[0] = text[total - 1] = '"';
            compare(arena, text, total);
        }
    }
    gw_arena_free(arena);
}

static void any_mixture(void **state)
{
    static const char alphabet[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\\\\\nnn\"/bfrtu0041";
    gw_arena *arena = gw_arena_new(1 << 20);
    char text[700];
    uint32_t seed = 12345;
    int accepted = 0;

    (void)state;
    for (int round = 0; round < 60000; round++) {
        size_t total = 280 + (size_t)(round % 400);
        text[0] = text[total - 1] = '"';
        for (size_t i = 1; i < total - 1; i++) {
            seed = seed * 1664525 + 1013904223;
            char c = alphabet[(seed >> 8) % (sizeof alphabet - 1)];
            text[i] = c == '"' || (c == '\\' && i + 2 >= total) ? 'a' : c;
            /* Mostly sound escapes, or hardly any string would be accepted. */
            if (text[i - 1] == '\\' && text[i] == 'a' && seed >> 31)
                text[i] = 'n';
        }
        if (round % 3 == 0) /* no bad escape at all */
            for (size_t i = 1; i < total - 1; i++)
                if (text[i] == '\\')
                    text[++i < total - 1 ? i : i - 1] = 'n';
        bool escaped;
        accepted += by_the_byte(text + 1, total - 1, &escaped) >= 0;
        compare(arena, text, total);
    }
    assert_true(accepted > 10000 && accepted < 59000);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_at_every_place),
        cmocka_unit_test(any_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
