/* What may be connected to: every special network, at its borders and beside them, and IPv4 in disguise. */
#include "base/text.h"
#include "gate/egress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants the three above first */
#include <cmocka.h>

typedef struct row {
    const char *address;
    gw_egress_kind kind;
} row;

#define PUB  GW_EGRESS_PUBLIC
#define PRIV GW_EGRESS_PRIVATE
#define CGN  GW_EGRESS_SHARED
#define LOOP GW_EGRESS_LOOPBACK
#define LINK GW_EGRESS_LINK_LOCAL
#define META GW_EGRESS_METADATA
#define MULT GW_EGRESS_MULTICAST
#define RES  GW_EGRESS_RESERVED

static const row rows[] = {
    {"1.1.1.1", PUB},
    {"8.8.8.8", PUB},
    {"9.255.255.255", PUB},
    {"10.0.0.0", PRIV},
    {"10.255.255.255", PRIV},
    {"11.0.0.0", PUB},
    {"100.63.255.255", PUB},
    {"100.64.0.0", CGN},
    {"100.127.255.255", CGN},
    {"100.128.0.0", PUB},
    {"100.100.100.200", META},
    {"126.255.255.255", PUB},
    {"127.0.0.1", LOOP},
    {"127.255.255.255", LOOP},
    {"128.0.0.0", PUB},
    {"169.253.255.255", PUB},
    {"169.254.0.1", LINK},
    {"169.254.169.254", META},
    {"169.254.170.2", META},
    {"169.254.170.23", META},
    {"169.254.169.253", LINK},
    {"169.255.0.0", PUB},
    {"168.63.129.16", META},
    {"168.63.129.17", PUB},
    {"172.15.255.255", PUB},
    {"172.16.0.0", PRIV},
    {"172.31.255.255", PRIV},
    {"172.32.0.0", PUB},
    {"192.0.0.1", RES},
    {"192.0.0.192", META},
    {"192.0.1.0", PUB},
    {"192.0.2.7", RES},
    {"192.88.99.1", RES},
    {"192.167.255.255", PUB},
    {"192.168.0.0", PRIV},
    {"192.168.255.255", PRIV},
    {"192.169.0.0", PUB},
    {"198.17.255.255", PUB},
    {"198.18.0.0", RES},
    {"198.19.255.255", RES},
    {"198.20.0.0", PUB},
    {"198.51.100.9", RES},
    {"203.0.113.9", RES},
    {"223.255.255.255", PUB},
    {"224.0.0.0", MULT},
    {"239.255.255.255", MULT},
    {"240.0.0.0", RES},
    {"255.255.255.254", RES},
    {"255.255.255.255", MULT},
    {"0.0.0.0", RES},
    {"0.1.2.3", RES},
    {"1.0.0.0", PUB},
    /* IPv6 */
    {"::", RES},
    {"::1", LOOP},
    {"2606:4700::1111", PUB},
    {"2a00:1450:4001::8a", PUB},
    {"3ffe::1", PUB},
    {"3fff::1", RES},
    {"4000::1", RES},
    {"1fff::1", RES},
    {"fbff::1", RES},
    {"fc00::1", PRIV},
    {"fdff:ffff::1", PRIV},
    {"fd00:ec2::254", META},
    {"fd00:ec2::23", META},
    {"fd20:ce::254", META},
    {"fd00:ec2::255", PRIV},
    {"fe00::1", RES},
    {"fe80::1", LINK},
    {"febf::1", LINK},
    {"fec0::1", PRIV},
    {"ff02::1", MULT},
    {"100::1", RES},
    {"2001:db8::1", RES},
    {"2001:2::1", RES},
    {"2001:200::1", PUB},
    /* IPv4 in disguise */
    {"::ffff:127.0.0.1", LOOP},
    {"::ffff:7f00:1", LOOP},
    {"::ffff:169.254.169.254", META},
    {"::ffff:8.8.8.8", PUB},
    {"::127.0.0.1", LOOP},
    {"::10.0.0.1", PRIV},
    {"::8.8.8.8", RES},
    {"::2", RES},
    {"::ffff:0:10.0.0.1", PRIV},
    {"::ffff:0:8.8.8.8", RES},
    {"64:ff9b::8.8.8.8", PUB},
    {"64:ff9b::10.0.0.1", PRIV},
    {"64:ff9b::169.254.169.254", META},
    {"64:ff9b::7f00:1", LOOP},
    {"64:ff9b:0:0:1::8.8.8.8", RES},
    {"64:ff9b:1::8.8.8.8", PRIV},
    {"64:ff9b:1::169.254.169.254", META},
    {"64:ff9b:1:a9fe:a9:fe00::", META},
    {"2002:808:808::1", PUB},
    {"2002:7f00:1::1", LOOP},
    {"2002:a9fe:a9fe::1", META},
    {"2002:c0a8:1::", PRIV},
    {"2001:0:808:808::f7f7:f7f7", PUB},
    {"2001:0:7f00:1::f7f7:f7f7", LOOP},
    {"2001:0:808:808::5601:5601", META}, /* the client, inverted: 169.254.169.254 */
    {"2001:0:808:808::f5ff:fffe", PRIV}, /* 10.0.0.1 */
    {"2606:4700::5efe:10.0.0.1", PRIV},
    {"2606:4700::200:5efe:127.0.0.1", LOOP},
    {"2606:4700::5efe:8.8.8.8", PUB},
    {"fe80::5efe:8.8.8.8", LINK},
};

static gw_ip ip_of(const char *text)
{
    gw_ip ip;
    assert_true(gw_ip_parse(aigw_slice_of(text), &ip));
    return ip;
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        aigw_error err = {0};
        char reason[48];
        gw_ip ip = ip_of(rows[i].address);
        gw_egress_kind kind = gw_egress_kind_of(&ip);
        if (kind != rows[i].kind)
            fail_msg("%s is %s, not %s", rows[i].address, gw_egress_word(kind),
                     gw_egress_word(rows[i].kind));
        int code = gw_egress_check(&ip, NULL, 0, &err);
        assert_int_equal(code, kind == PUB ? AIGW_OK : AIGW_E_DENIED);
        if (code == AIGW_OK)
            continue;
        snprintf(reason, sizeof reason, "egress_%s", gw_egress_word(kind));
        assert_string_equal(err.reason, reason);
    }
}

static bool allows(const char *network, const char *address)
{
    gw_net net;
    gw_ip ip = ip_of(address);
    assert_true(gw_net_parse(aigw_slice_of(network), &net, NULL));
    return gw_egress_check(&ip, &net, 1, NULL) == AIGW_OK;
}

static void test_allowed(void **state)
{
    (void)state;
    assert_true(allows("10.1.0.0/16", "10.1.2.3"));
    assert_true(allows("10.1.0.0/16", "::ffff:10.1.2.3"));
    assert_false(allows("10.1.0.0/16", "10.2.0.1"));
    assert_true(allows("127.0.0.1", "127.0.0.1"));
    assert_false(allows("127.0.0.1", "127.0.0.2"));
    assert_true(allows("::1", "::1"));
    assert_false(allows("::/0", "127.0.0.1"));
    assert_true(allows("0.0.0.0/0", "192.168.1.1"));
    /* the carried address is not the one connected to */
    assert_false(allows("10.0.0.0/8", "64:ff9b::10.0.0.1"));
    assert_true(allows("64:ff9b::/96", "64:ff9b::10.0.0.1"));
    /* a metadata service only by its own address */
    assert_false(allows("0.0.0.0/0", "169.254.169.254"));
    assert_false(allows("169.254.0.0/16", "169.254.169.254"));
    assert_false(allows("64:ff9b::/96", "64:ff9b::a9fe:a9fe"));
    assert_false(allows("fd00::/8", "fd00:ec2::254"));
    assert_true(allows("169.254.169.254/32", "169.254.169.254"));
    assert_true(allows("169.254.169.254", "::ffff:169.254.169.254"));
}

static void the_same_list(void **state)
{
    gw_net a[3], b[3];
    gw_egress_policy x = {a, 2}, y = {b, 2};
    (void)state;
    assert_true(gw_net_parse(GW_S("10.0.0.0/8"), &a[0], NULL));
    assert_true(gw_net_parse(GW_S("fd00::/8"), &a[1], NULL));
    memcpy(b, a, sizeof a);
    assert_true(gw_egress_same(&x, &y));
    y.allowed_count = 1;
    assert_false(gw_egress_same(&x, &y));
    y.allowed_count = 2;
    assert_true(gw_net_parse(GW_S("10.0.0.0/9"), &b[0], NULL));
    assert_false(gw_egress_same(&x, &y));
    assert_true(gw_net_parse(GW_S("11.0.0.0/8"), &b[0], NULL));
    assert_false(gw_egress_same(&x, &y));
    assert_true(gw_egress_same(&(gw_egress_policy){NULL, 0}, &(gw_egress_policy){a, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(the_same_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
