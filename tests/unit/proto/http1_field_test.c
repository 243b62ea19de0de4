/* Field values are checked eight bytes at once: every byte at every place gives what the one-byte rule says. */
/* Must not need a whole head. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/http1_field.h"

static void test_every_byte_at_every_place(void **state)
{
    static const char fills[] = {'a', ' ', '~', '\t', (char)0x80, (char)0xFF};
    char text[27];

    (void)state;
    for (size_t f = 0; f < sizeof fills; f++) {
        for (size_t len = 0; len <= sizeof text; len++) {
            memset(text, fills[f], sizeof text);
            assert_true(gw_http1_is_value(gw_slice(text, len)));
            for (size_t at = 0; at < len; at++) {
                for (int byte = 0; byte < 256; byte++) {
                    text[at] = (char)byte;
                    bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
                    if (gw_http1_is_value(gw_slice(text, len)) != good)
                        fail_msg("byte %d at %zu of %zu", byte, at, len);
                }
                text[at] = fills[f];
            }
        }
    }
}

static void test_token_characters(void **state)
{
    static const char tokens[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool good = byte != 0 && strchr(tokens, byte) != NULL;
        assert_int_equal(gw_http1_token_char((char)byte), good);
    }
    assert_false(gw_http1_is_token(GW_S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_token_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
