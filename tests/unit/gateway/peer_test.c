/* Addresses in networks, and whose request it is behind proxies. */
#include "base/text.h"
#include "gateway/peer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static bool within(const char *address, const char *network)
{
    aigw_slice networks[] = {aigw_slice_of(network)};
    return gw_peer_in(aigw_slice_of(address), networks, 1);
}

static void test_networks(void **state)
{
    (void)state;
    assert_true(within("10.1.2.3", "10.0.0.0/8"));
    assert_false(within("11.1.2.3", "10.0.0.0/8"));
    assert_true(within("192.0.2.5", "192.0.2.4/30"));
    assert_false(within("192.0.2.8", "192.0.2.4/30"));
    assert_true(within("192.0.2.5", "192.0.2.5"));
    assert_false(within("192.0.2.6", "192.0.2.5"));
    assert_true(within("1.2.3.4", "0.0.0.0/0"));
    assert_true(within("::ffff:10.1.2.3", "10.0.0.0/8"));
    assert_true(within("2001:db8:0:1::7", "2001:db8::/32"));
    assert_true(within("2001:0db8:0000:0001:0:0:0:7", "2001:db8:0:1::7"));
    assert_false(within("2001:db9::", "2001:db8::/32"));
    assert_true(within("::1", "::1/128"));
    assert_true(within("::", "::/0"));
    assert_false(within("10.1.2.3", "2001:db8::/32"));
    static const char *const odd[] = {
        "",      "10.1.2",     "10.1.2.3.4",        "10.1.2.256", "x",
        "1:2:3", ":::",        "1::2::3",           "12345::",    "10.1.2.3:80",
        "[::1]", "10.1.2.03x", "1:2:3:4:5:6:7:8:9", "unknown"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_false(within(odd[i], odd[i][0] && strchr(odd[i], ':') ? "::/0" : "0.0.0.0/0"));
}

static void expect_peer(const char *peer, const char *first, const char *second,
                        const char *expected)
{
    static const aigw_slice proxies[] = {{"10.0.0.0/8", 10}, {"fd00::/8", 8}};
    const aigw_header headers[] = {{GW_S("X-Forwarded-For"), aigw_slice_of(first)},
                                   {GW_S("x-forwarded-for"), aigw_slice_of(second)}};
    aigw_slice found = gw_peer_of(aigw_slice_of(peer), headers,
                                  second  ? 2
                                  : first ? 1
                                          : 0,
                                  proxies, 2);
    if (!gw_eq(found, aigw_slice_of(expected)))
        fail_msg("%s, %s, %s: %.*s", peer, first, second, (int)found.len, found.data);
}

static void test_proxies(void **state)
{
    (void)state;
    expect_peer("192.0.2.1", "198.51.100.1", NULL, "192.0.2.1"); /* not believed */
    expect_peer("10.0.0.1", NULL, NULL, "10.0.0.1");
    expect_peer("10.0.0.1", "198.51.100.1", NULL, "198.51.100.1");
    expect_peer("10.0.0.1", "203.0.113.9, 198.51.100.1", NULL, "198.51.100.1"); /* forged head */
    expect_peer("10.0.0.1", "198.51.100.1, 10.0.0.2,10.0.0.3", NULL, "198.51.100.1");
    expect_peer("10.0.0.1", "203.0.113.9", "198.51.100.1 , 10.0.0.2", "198.51.100.1");
    expect_peer("10.0.0.1", "198.51.100.1", "10.0.0.2", "198.51.100.1");
    expect_peer("fd00::1", "2001:db8::5", NULL, "2001:db8::5");
    expect_peer("10.0.0.1", "198.51.100.1, unknown", NULL, "10.0.0.1");
    expect_peer("10.0.0.1", "198.51.100.1,", NULL, "10.0.0.1");
    expect_peer("10.0.0.1", "", NULL, "10.0.0.1");
    expect_peer("", "198.51.100.1", NULL, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_networks),
                                       cmocka_unit_test(test_proxies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
