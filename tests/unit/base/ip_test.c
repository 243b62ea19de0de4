/* Addresses and networks: what is one, what is none, how they are written back. */
#include "base/ip.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"1.2.3.4", "1.2.3.4"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"::FFFF:102:304", "1.2.3.4"},
        {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
        {"::1.2.3.4", "::102:304"},
        {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
        {"2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[GW_IP_TEXT];
        gw_ip ip;
        assert_true(gw_ip_parse(aigw_slice_of(good[i][0]), &ip));
        assert_int_equal(gw_ip_format(&ip, text), strlen(good[i][1]));
        assert_string_equal(text, good[i][1]);
    }
    static const char *const bad[] = {"",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "01.2.3.4",
                                      "1.2.3.00",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1..2.3",
                                      "1.2.3.",
                                      ".1.2.3",
                                      "0x1.2.3.4",
                                      "1.2.3.-4",
                                      "1.2.3.4:80",
                                      "[::1]",
                                      "::1%eth0",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      ":1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:",
                                      "::g",
                                      "1.2.3.4::",
                                      "::1.2.3.4:1",
                                      "::1.2.3",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "unknown",
                                      "localhost",
                                      "::ffff:1.2.3.04"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gw_ip ip;
        if (gw_ip_parse(aigw_slice_of(bad[i]), &ip))
            fail_msg("'%s' passed", bad[i]);
    }
}

static bool within(const char *address, const char *network)
{
    gw_ip ip;
    gw_net net;
    assert_true(gw_ip_parse(aigw_slice_of(address), &ip));
    assert_true(gw_net_parse(aigw_slice_of(network), &net, NULL));
    return gw_net_has(&net, &ip);
}

static void test_networks(void **state)
{
    (void)state;
    assert_true(within("10.1.2.3", "10.0.0.0/8"));
    assert_false(within("11.1.2.3", "10.0.0.0/8"));
    assert_true(within("192.0.2.7", "192.0.2.4/30"));
    assert_false(within("192.0.2.8", "192.0.2.4/30"));
    assert_true(within("1.2.3.4", "0.0.0.0/0"));
    assert_false(within("::1", "0.0.0.0/0"));
    assert_false(within("1.2.3.4", "::/0"));
    assert_false(within("::ffff:1.2.3.4", "::/64"));
    assert_true(within("::ffff:10.1.2.3", "10.0.0.0/8"));
    assert_true(within("10.1.2.3", "::ffff:10.0.0.0/104"));
    assert_true(within("2001:db8:0:1::7", "2001:db8::/33"));
    assert_false(within("2001:db8:8000::7", "2001:db8::/33"));
    assert_true(within("::", "::/0"));
    static const char *const bad[] = {
        "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10/8", "::/129", "::1/1/1",
        "/8",          "",          "10.0.0.0/8 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gw_net net;
        if (gw_net_parse(aigw_slice_of(bad[i]), &net, NULL))
            fail_msg("'%s' passed", bad[i]);
    }
}

static void test_last(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"10.0.0.0/8", "10.255.255.255"},
        {"10.1.2.3/31", "10.1.2.3"},
        {"1.2.3.4", "1.2.3.4"},
        {"2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"},
        {"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_net net;
        char text[GW_IP_TEXT];
        assert_true(gw_net_parse(aigw_slice_of(rows[i][0]), &net, NULL));
        gw_ip last = gw_net_last(&net);
        gw_ip_format(&last, text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void test_config_lists(void **state)
{
    (void)state;
    gw_net nets[3];
    aigw_error err = {0};
    const aigw_slice good[] = {GW_S("10.0.0.0/8"), GW_S("2001:db8::/32"), GW_S("1.2.3.4")};
    assert_int_equal(gw_nets_parse(good, 3, nets, &err), AIGW_OK);
    gw_ip ip = gw_ip_v4(0x01020304);
    assert_true(gw_nets_have(nets, 3, &ip));
    ip = gw_ip_v4(0x01020305);
    assert_false(gw_nets_have(nets, 3, &ip));
    const aigw_slice odd[] = {GW_S("10.0.0.0/8"), GW_S("10.0.0.1/8")};
    assert_int_equal(gw_nets_parse(odd, 2, nets, &err), AIGW_E_CONFIG);
    assert_string_equal(err.reason, "host_bits");
    assert_int_equal(err.line, 2);
    const aigw_slice bad[] = {GW_S("10.0.0.0/8x")};
    assert_int_equal(gw_nets_parse(bad, 1, nets, &err), AIGW_E_CONFIG);
    assert_string_equal(err.reason, "bad_network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses),
                                       cmocka_unit_test(test_networks), cmocka_unit_test(test_last),
                                       cmocka_unit_test(test_config_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
