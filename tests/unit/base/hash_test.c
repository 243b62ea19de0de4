/* The published vectors of SipHash-2-4, and that a large table has a key of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"

/* Appendix A of the paper: the key 00 01 .. 0f, messages 00 01 .. of each length. */
static void published(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31u},
                   {1, 0x74f839c593dc67fdu},
                   {7, 0xab0200f58b01d137u},
                   {8, 0x93f5f5799a932462u},
                   {15, 0xa129ca6149be45e5u}};
    const gw_hash_key key = {{0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
    char text[16];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(gw_hash(&key, gw_slice(text, vectors[i].len)), vectors[i].hash);
}

static void keys(void **state)
{
    (void)state;
    gw_hash_key small = {{0, 0}}, one = {{0, 0}}, other = {{0, 0}};
    gw_hash_key_for(&small, 256);
    assert_int_equal(small.words[0] | small.words[1], 0);
    gw_hash_key_for(&one, 512);
    gw_hash_key_for(&other, 1024);
    assert_true(one.words[0] != other.words[0] && one.words[1] != other.words[1]);
    gw_hash_key kept = one;
    gw_hash_key_for(&one, 2048); /* a table that grows keeps it: nobody has seen it */
    assert_memory_equal(&kept, &one, sizeof one);
    assert_true(gw_hash(&one, GW_S("call_1")) != gw_hash(&other, GW_S("call_1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published), cmocka_unit_test(keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
