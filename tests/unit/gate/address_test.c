/* Whose request is it: spoofed headers, mixed notations, garbage; which header counts, and from which end. */
#include "base/text.h"
#include "gate/address.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define PEER  GW_ADDRESS_PEER
#define FWD   GW_ADDRESS_FORWARDED
#define ALL   GW_ADDRESS_ALL
#define CAP   GW_ADDRESS_CAPPED
#define HIDE  GW_ADDRESS_HIDDEN
#define BAD   GW_ADDRESS_MALFORMED
#define PROXY "10.0.0.1"

typedef struct row {
    const char *peer;
    const char *first, *second; /* two lines of the header; NULL: not there */
    const char *expected;
    gw_address_end end;
} row;

static gw_net trusted[3];

static const gw_ip *ip_of(const char *text, gw_ip *room)
{
    assert_true(gw_ip_parse(aigw_slice_of(text), room));
    return room;
}

static void expect(const gw_address_policy *policy, const char *header, const row *r, size_t at)
{
    gw_ip room;
    const aigw_header headers[] = {{GW_S("Host"), GW_S("9.9.9.9")},
                                   {aigw_slice_of(header), aigw_slice_of(r->first)},
                                   {GW_S("X-Other"), GW_S("8.8.8.8")},
                                   {aigw_slice_of(header), aigw_slice_of(r->second)}};
    aigw_header given[4];
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        if ((i == 1 && !r->first) || (i == 3 && !r->second))
            continue;
        given[count++] = headers[i];
    }
    gw_client_address out;
    char text[GW_IP_TEXT];
    gw_client_address_of(policy, ip_of(r->peer, &room), given, count, &out);
    gw_ip_format(&out.ip, text);
    if (strcmp(text, r->expected) != 0 || out.end != r->end)
        fail_msg("row %zu: %s [%s] [%s]: %s (%d), not %s (%d)", at, r->peer, r->first, r->second,
                 text, (int)out.end, r->expected, (int)r->end);
}

static gw_address_policy policy_of(gw_forward forward)
{
    return (gw_address_policy){.trusted = trusted, .trusted_count = 3, .forward = forward};
}

#define RUN(policy, header, rows)                                                                  \
    do {                                                                                           \
        for (size_t row_ = 0; row_ < sizeof(rows) / sizeof((rows)[0]); row_++)                     \
            expect(policy, header, &(rows)[row_], row_);                                           \
    } while (0)

static void test_x_forwarded_for(void **state)
{
    (void)state;
    static const row rows[] = {
        /* a stranger's header is not read */
        {"192.0.2.1", "198.51.100.1", NULL, "192.0.2.1", PEER},
        {"192.0.2.1", "10.0.0.1", NULL, "192.0.2.1", PEER},
        {"11.0.0.1", "127.0.0.1", NULL, "11.0.0.1", PEER},
        {"2001:db8::9", "::1", NULL, "2001:db8::9", PEER},
        /* no header, or an empty one */
        {PROXY, NULL, NULL, PROXY, PEER},
        {PROXY, "", NULL, PROXY, PEER},
        {PROXY, " \t ", NULL, PROXY, PEER},
        /* the plain case, and forged heads */
        {PROXY, "198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, " 198.51.100.1\t", NULL, "198.51.100.1", FWD},
        {PROXY, "203.0.113.9, 198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "127.0.0.1, 198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "10.0.0.7, 198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "<script>, 198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, ",,,,198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "' or 1=1 --, 198.51.100.1, 10.0.0.2", NULL, "198.51.100.1", FWD},
        /* several trusted hops */
        {PROXY, "198.51.100.1, 10.0.0.2,10.0.0.3", NULL, "198.51.100.1", FWD},
        {PROXY, "203.0.113.9, 198.51.100.1, fd00::2, 10.0.0.3", NULL, "198.51.100.1", FWD},
        {PROXY, "10.0.0.4, 10.0.0.3", NULL, "10.0.0.4", ALL},
        {PROXY, "10.0.0.1", NULL, "10.0.0.1", ALL},
        /* repeated lines are one list, in order */
        {PROXY, "203.0.113.9", "198.51.100.1", "198.51.100.1", FWD},
        {PROXY, "203.0.113.9", "198.51.100.1 , 10.0.0.2", "198.51.100.1", FWD},
        {PROXY, "203.0.113.9, 198.51.100.1", "10.0.0.2", "198.51.100.1", FWD},
        {PROXY, "198.51.100.1", "", "198.51.100.1", FWD},
        {PROXY, "", "198.51.100.1", "198.51.100.1", FWD},
        {PROXY, "rubbish", "198.51.100.1", "198.51.100.1", FWD},
        {PROXY, "198.51.100.1", "rubbish", PROXY, BAD},
        /* ports, brackets, zones, letter case */
        {PROXY, "198.51.100.1:4711", NULL, "198.51.100.1", FWD},
        {PROXY, "[2001:DB8::5]:443", NULL, "2001:db8::5", FWD},
        {PROXY, "[2001:db8::5]", NULL, "2001:db8::5", FWD},
        {PROXY, "2001:db8::5", NULL, "2001:db8::5", FWD},
        {PROXY, "fe80::1%eth0", NULL, "fe80::1", FWD},
        {PROXY, "[fe80::1%25eth0]:80", NULL, "fe80::1", FWD},
        /* IPv4 in IPv6 is IPv4: as a client, as a trusted hop, as the peer */
        {PROXY, "::ffff:198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "::FFFF:c633:6401", NULL, "198.51.100.1", FWD},
        {PROXY, "198.51.100.1, ::ffff:10.0.0.2", NULL, "198.51.100.1", FWD},
        {PROXY, "198.51.100.1, [0:0:0:0:0:ffff:10.0.0.2]:9", NULL, "198.51.100.1", FWD},
        {"::ffff:10.0.0.1", "198.51.100.1", NULL, "198.51.100.1", FWD},
        {"::ffff:192.0.2.1", "198.51.100.1", NULL, "192.0.2.1", PEER},
        {PROXY, "::10.0.0.2", NULL, "::a00:2", FWD}, /* IPv4-compatible is another address */
        {"fd00::1", "2001:db8::5", NULL, "2001:db8::5", FWD},
        /* hidden hops */
        {PROXY, "198.51.100.1, unknown", NULL, PROXY, HIDE},
        {PROXY, "198.51.100.1, UNKNOWN, 10.0.0.2", NULL, "10.0.0.2", HIDE},
        {PROXY, "198.51.100.1, _hidden", NULL, PROXY, HIDE},
        /* malformed: the last good hop */
        {PROXY, "198.51.100.1,", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1,,10.0.0.2", NULL, "10.0.0.2", BAD},
        {PROXY, "198.51.100.1, 10.0.0.256", NULL, PROXY, BAD},
        {PROXY, "198.51.100.01", NULL, PROXY, BAD},
        {PROXY, "0x7f.0.0.1", NULL, PROXY, BAD},
        {PROXY, "2130706433", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1 10.0.0.2", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1;10.0.0.2", NULL, PROXY, BAD},
        {PROXY, "\"198.51.100.1\"", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1:", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1:99999", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1:80:80", NULL, PROXY, BAD},
        {PROXY, "[198.51.100.1]", NULL, PROXY, BAD},
        {PROXY, "[::1", NULL, PROXY, BAD},
        {PROXY, "[::1]80", NULL, PROXY, BAD},
        {PROXY, "[]", NULL, PROXY, BAD},
        {PROXY, "fe80::1%", NULL, PROXY, BAD},
        {PROXY, "fe80::1%a b", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1%eth0", NULL, PROXY, BAD},
        {PROXY, "198.51.100.0/24", NULL, PROXY, BAD},
        {PROXY, "localhost", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1", NULL, PROXY, BAD},
        {PROXY, "198.51.100.1\x7f", NULL, PROXY, BAD},
    };
    gw_address_policy policy = policy_of(GW_FORWARD_XFF);
    RUN(&policy, "X-Forwarded-For", rows);
    RUN(&policy, "x-FORWARDED-for", rows);
    /* nobody is asked who is not configured */
    static const row off[] = {{PROXY, "198.51.100.1", NULL, PROXY, PEER}};
    RUN(&policy, "Forwarded", off);
    RUN(&policy, "X-Real-IP", off);
    RUN(&policy, "X-Forwarded-For2", off);
    policy.forward = GW_FORWARD_NONE;
    RUN(&policy, "X-Forwarded-For", off);
    policy = policy_of(GW_FORWARD_XFF);
    policy.trusted_count = 0;
    RUN(&policy, "X-Forwarded-For", off);
}

static void test_forwarded(void **state)
{
    (void)state;
    static const row rows[] = {
        {"192.0.2.1", "for=198.51.100.1", NULL, "192.0.2.1", PEER},
        {PROXY, "for=198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "FOR=198.51.100.1;Proto=https;by=203.0.113.4", NULL, "198.51.100.1", FWD},
        {PROXY, "proto=http ; for=198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "for=\"198.51.100.1:4711\"", NULL, "198.51.100.1", FWD},
        {PROXY, "for=198.51.100.1:4711", NULL, "198.51.100.1", FWD},
        {PROXY, "for=\"[2001:db8::5]\"", NULL, "2001:db8::5", FWD},
        {PROXY, "for=\"[2001:db8::5]:_port\"", NULL, "2001:db8::5", FWD},
        {PROXY, "for=[2001:db8::5]:80;proto=http", NULL, "2001:db8::5", FWD},
        {PROXY, "for=\"1\\98.51.100.\\1\"", NULL, "198.51.100.1", FWD},
        {PROXY, "for=\"[::ffff:198.51.100.1]\"", NULL, "198.51.100.1", FWD},
        {PROXY, "for=203.0.113.9, for=198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "for=203.0.113.9, for=198.51.100.1;host=\"a,b\\\",c\"", NULL, "198.51.100.1", FWD},
        {PROXY, "for=198.51.100.1, for=10.0.0.2, for=\"[fd00::7]\"", NULL, "198.51.100.1", FWD},
        {PROXY, "for=10.0.0.9, for=10.0.0.2", NULL, "10.0.0.9", ALL},
        {PROXY, "for=203.0.113.9", "for=198.51.100.1", "198.51.100.1", FWD},
        {PROXY, "for=198.51.100.1;", NULL, "198.51.100.1", FWD},
        {PROXY, "for=198.51.100.1;;proto=http", NULL, "198.51.100.1", FWD},
        /* a stranger's open quote or backslash hides nothing that comes behind it */
        {PROXY, "for=\", for=198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "for=\"\\, for=198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "for=\"x, for=198.51.100.1, for=10.0.0.2", NULL, "198.51.100.1", FWD},
        {PROXY, "a=\"", "for=198.51.100.1", "198.51.100.1", FWD},
        {PROXY, "for=\"x, for=\"198.51.100.1\"", NULL, "198.51.100.1", FWD},
        {PROXY, "\"\"\", for=\"198.51.100.1\"", NULL, "198.51.100.1", FWD},
        /* hidden */
        {PROXY, "for=unknown", NULL, PROXY, HIDE},
        {PROXY, "for=\"unknown:80\"", NULL, PROXY, HIDE},
        {PROXY, "for=198.51.100.1, for=_SEVKISEK", NULL, PROXY, HIDE},
        {PROXY, "for=198.51.100.1, for=_a;proto=https, for=10.0.0.2", NULL, "10.0.0.2", HIDE},
        {PROXY, "for=198.51.100.1, proto=https", NULL, PROXY, HIDE},
        /* malformed */
        {PROXY, "198.51.100.1", NULL, PROXY, BAD},
        {PROXY, "for=", NULL, PROXY, BAD},
        {PROXY, "for", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1,", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1;for=198.51.100.2", NULL, PROXY, BAD},
        {PROXY, "for=\"\"", NULL, PROXY, BAD},
        {PROXY, "for=\"198.51.100.1", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1\"", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1 proto=http", NULL, PROXY, BAD},
        {PROXY, "for = 198.51.100.1", NULL, PROXY, BAD},
        {PROXY, "for=\"198.51.100.1\"x", NULL, PROXY, BAD},
        {PROXY, "for=_", NULL, PROXY, BAD},
        {PROXY, "for=\"_a b\"", NULL, PROXY, BAD},
        {PROXY, "for=2001:db8::5/64", NULL, PROXY, BAD},
        {PROXY, "for=198.51.100.1, for=1.2.3.4.5, for=10.0.0.2", NULL, "10.0.0.2", BAD},
    };
    gw_address_policy policy = policy_of(GW_FORWARD_RFC7239);
    RUN(&policy, "Forwarded", rows);
}

static void test_single_header(void **state)
{
    (void)state;
    static const row rows[] = {
        {"192.0.2.1", "198.51.100.1", NULL, "192.0.2.1", PEER},
        {PROXY, NULL, NULL, PROXY, PEER},
        {PROXY, "198.51.100.1", NULL, "198.51.100.1", FWD},
        {PROXY, "[2001:db8::5]:1", NULL, "2001:db8::5", FWD},
        {PROXY, "10.0.0.9", NULL, "10.0.0.9", ALL},
        {PROXY, "198.51.100.1", "203.0.113.9", PROXY, BAD},
        {PROXY, "198.51.100.1", "198.51.100.1", PROXY, BAD},
        {PROXY, "203.0.113.9, 198.51.100.1", NULL, PROXY, BAD},
        {PROXY, "", NULL, PROXY, BAD},
        {PROXY, "unknown", NULL, PROXY, HIDE},
    };
    gw_address_policy policy = policy_of(GW_FORWARD_HEADER);
    policy.header = GW_S("X-Real-IP");
    RUN(&policy, "x-real-ip", rows);
    static const row off[] = {{PROXY, "198.51.100.1", NULL, PROXY, PEER}};
    RUN(&policy, "X-Forwarded-For", off);
}

static void test_cap(void **state)
{
    (void)state;
    static const row rows[] = {
        {PROXY, "198.51.100.1, 10.0.0.4, 10.0.0.3, 10.0.0.2", NULL, "10.0.0.4", CAP},
        {PROXY, "198.51.100.1, 10.0.0.3, 10.0.0.2", NULL, "198.51.100.1", FWD},
        {PROXY, "10.0.0.4, 10.0.0.3, 10.0.0.2", NULL, "10.0.0.4", ALL},
        {PROXY, "198.51.100.1", "10.0.0.4, 10.0.0.3, 10.0.0.2", "10.0.0.4", CAP},
    };
    gw_address_policy policy = policy_of(GW_FORWARD_XFF);
    policy.max_hops = 3;
    RUN(&policy, "X-Forwarded-For", rows);
    /* The default is ten. */
    char list[1024] = "198.51.100.1";
    for (int i = 0; i < 10; i++)
        strcat(list, ",10.9.9.9");
    const row ten[] = {{PROXY, list, NULL, "10.9.9.9", CAP}};
    policy.max_hops = 0;
    RUN(&policy, "X-Forwarded-For", ten);
    const row nine[] = {{PROXY, list, NULL, "198.51.100.1", FWD}};
    list[strlen(list) - 9] = '\0';
    RUN(&policy, "X-Forwarded-For", nine);
}

static void test_malformed_policy(void **state)
{
    (void)state;
    gw_ip room;
    gw_client_address out;
    static const gw_malformed policies[] = {GW_MALFORMED_LAST_GOOD, GW_MALFORMED_MATCH,
                                            GW_MALFORMED_NO_MATCH};
    for (size_t i = 0; i < 3; i++) {
        gw_address_policy policy = policy_of(GW_FORWARD_XFF);
        policy.malformed = policies[i];
        aigw_header header = {GW_S("X-Forwarded-For"), GW_S("x, 10.0.0.2")};
        gw_client_address_of(&policy, ip_of(PROXY, &room), &header, 1, &out);
        assert_int_equal(out.end, GW_ADDRESS_MALFORMED);
        assert_int_equal(out.malformed, policies[i]);
        assert_int_equal(out.hops, 1);
        header.value = GW_S("1.2.3.4, 10.0.0.2");
        gw_client_address_of(&policy, ip_of(PROXY, &room), &header, 1, &out);
        assert_int_equal(out.malformed, GW_MALFORMED_LAST_GOOD);
        assert_int_equal(out.hops, 2);
    }
}

static void test_rate_key(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        unsigned bits;
        const char *out;
    } rows[] = {{"1.2.3.4", 0, "1.2.3.4"},
                {"::ffff:1.2.3.4", 0, "1.2.3.4"},
                {"1.2.3.4", 32, "1.2.3.4"},
                {"2001:db8:1:2:3:4:5:6", 0, "2001:db8:1:2::"},
                {"2001:db8:1:2:ffff::1", 64, "2001:db8:1:2::"},
                {"2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::"},
                {"2001:db8:1:1ff:3:4:5:6", 60, "2001:db8:1:1f0::"},
                {"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_ip ip;
        char text[GW_IP_TEXT];
        gw_ip key = gw_rate_key(ip_of(rows[i].in, &ip), rows[i].bits);
        gw_ip_format(&key, text);
        assert_string_equal(text, rows[i].out);
    }
}

static int setup(void **state)
{
    (void)state;
    const aigw_slice texts[] = {GW_S("10.0.0.0/8"), GW_S("fd00::/8"), GW_S("::1")};
    return gw_nets_parse(texts, 3, trusted, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x_forwarded_for),  cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_single_header),    cmocka_unit_test(test_cap),
        cmocka_unit_test(test_malformed_policy), cmocka_unit_test(test_rate_key)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
