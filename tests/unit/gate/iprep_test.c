/* IP reputation: each list format, what is refused, the table against a slow oracle, swaps under look-ups. */
#include "base/mem.h"
#include "base/text.h"
#include "gate/iprep.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define LABEL "awswaf:managed:aws:amazon-ip-list:"

static aigw_iprep *fresh(size_t max)
{
    aigw_iprep_options options = {.size = sizeof options, .max_entries = max};
    aigw_iprep *p = NULL;
    assert_int_equal(aigw_iprep_new(&options, &p, NULL), AIGW_OK);
    return p;
}

static int load(aigw_iprep *p, aigw_iprep_list list, const char *text, bool force, aigw_error *err)
{
    aigw_slice file = aigw_slice_of(text);
    return aigw_iprep_load(p, list, &file, 1, force, 1000, err);
}

static aigw_iprep_action action_of(aigw_iprep *p, const char *address)
{
    aigw_iprep_hit hit;
    assert_true(aigw_iprep_check(p, aigw_slice_of(address), &hit));
    return hit.action;
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t entries;
        const char *in[3], *out[3];
    } rows[] = {
        {"1.2.3.4\n", 1, {"1.2.3.4", "::ffff:1.2.3.4"}, {"1.2.3.3", "1.2.3.5", "::1.2.3.4"}},
        {"# FireHOL\n#\n1.2.3.0/24\r\n\r\n5.6.7.8 # one\n",
         2,
         {"1.2.3.0", "1.2.3.255", "5.6.7.8"},
         {"1.2.2.255", "1.2.4.0", "5.6.7.9"}},
        {"; Spamhaus DROP List\n1.10.16.0/20 ; SBL256894\n", 1, {"1.10.31.255"}, {"1.10.32.0"}},
        {"1.2.3.4\t7\n9.9.9.9   3 more words\n", 2, {"1.2.3.4", "9.9.9.9"}, {"1.2.3.7"}},
        {"10.0.0.5-10.0.0.9\n10.0.1.5 - 10.0.1.9",
         2,
         {"10.0.0.5", "10.0.0.9", "10.0.1.7"},
         {"10.0.0.4", "10.0.0.10", "10.0.1.10"}},
        {"Start\n", 0, {NULL}, {NULL}},
        {"45.1.2.0\t45.1.2.255\t24\t1234\tNAME\n", 1, {"45.1.2.0", "45.1.2.255"}, {"45.1.3.0"}},
        {"\xef\xbb\xbf"
         "1.2.3.4",
         1,
         {"1.2.3.4"},
         {"1.2.3.5"}},
        {"1.2.3.4/0x\n", 0, {NULL}, {NULL}},
        {"2001:db8::/32\n2a00:1::5-2a00:1::9\n::ffff:7.7.7.0/120\n",
         3,
         {"2001:db8:ffff::1", "2a00:1::7", "7.7.7.9"},
         {"2001:db9::", "2a00:1::a", "7.7.8.0"}},
        {"10.1.2.3/8\n", 1, {"10.255.0.1"}, {"11.0.0.0"}}, /* host bits are ignored */
        {"255.255.255.255\n0.0.0.0\n", 2, {"0.0.0.0", "255.255.255.255"}, {"0.0.0.1"}},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n::\n", 2, {"::"}, {"::1"}},
        {"{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n"
         "{\"cidr\":\"2a06:e480::/29\",\"sblid\":\"SBL\",\"rir\":\"x\"}\n"
         "{\"type\":\"metadata\",\"timestamp\":1,\"size\":2,\"records\":2}\n",
         2,
         {"1.10.17.1", "2a06:e487::1"},
         {"1.10.32.0", "2a06:e488::"}},
        {"{\"cidr\":\"1.10.16.0\\/20\"}", 1, {"1.10.17.1"}, {"1.10.32.0"}},
        {" {\"Name\":\"x\",\"IPAddressVersion\":\"IPV4\",\"Addresses\":[\"192.0.2.0/24\",\n"
         "\"198.51.100.7/32\"]}",
         2,
         {"192.0.2.9", "198.51.100.7"},
         {"192.0.3.0", "198.51.100.8"}},
        {"{\"IPSet\":{\"Addresses\":[\"2001:db8::/48\"]},\"LockToken\":\"a\"}",
         1,
         {"2001:db8:0:5::"},
         {"2001:db8:1::"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        aigw_iprep *p = fresh(0);
        aigw_iprep_facts facts;
        int code = load(p, AIGW_IPREP_REPUTATION, rows[i].file, false, NULL);
        if (code != (rows[i].entries ? AIGW_OK : AIGW_E_PARSE))
            fail_msg("row %zu: code %d", i, code);
        aigw_iprep_facts_of(p, AIGW_IPREP_REPUTATION, &facts);
        assert_int_equal(facts.entries, rows[i].entries);
        for (size_t k = 0; k < 3; k++) {
            if (rows[i].in[k] && action_of(p, rows[i].in[k]) != AIGW_IPREP_BLOCK)
                fail_msg("row %zu: %s is not in", i, rows[i].in[k]);
            if (rows[i].out[k] && action_of(p, rows[i].out[k]) != AIGW_IPREP_NONE)
                fail_msg("row %zu: %s is in", i, rows[i].out[k]);
        }
        aigw_iprep_free(p);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int code;
        const char *reason;
        int line;
    } rows[] = {
        {"", AIGW_E_DENIED, "empty_list", 0},
        {"\n\n", AIGW_E_DENIED, "empty_list", 0},
        {"# nothing\n", AIGW_E_DENIED, "empty_list", 0},
        {"<html><body>503</body></html>", AIGW_E_PARSE, "bad_entry", 1},
        {"1.2.3.4\nexample.org\n", AIGW_E_PARSE, "bad_entry", 2},
        {"1.2.3.4\n1.2.3.4/33\n", AIGW_E_PARSE, "bad_entry", 2},
        {"0.0.0.0/0\n", AIGW_E_PARSE, "bad_entry", 1},
        {"::/0\n", AIGW_E_PARSE, "bad_entry", 1},
        {"::ffff:0:0/96\n", AIGW_E_PARSE, "bad_entry", 1},
        {"::/64\n", AIGW_E_PARSE, "bad_entry", 1}, /* would seem to hold all of IPv4 */
        {"10.0.0.9-10.0.0.5\n", AIGW_E_PARSE, "bad_entry", 1},
        {"10.0.0.9-::1\n", AIGW_E_PARSE, "bad_entry", 1},
        {"10.0.0.9-\n", AIGW_E_PARSE, "bad_entry", 1},
        {"1.2.3.4,5.6.7.8\n", AIGW_E_PARSE, "bad_entry", 1},
        {"{}", AIGW_E_PARSE, "bad_entry", 1},
        {"{\"cidr\":\"1.2.3.4\"}\n{\"cidr\":7}", AIGW_E_PARSE, "bad_entry", 2},
        {"{\"cidr\":\"1.2.3.4\"}\n{\"cidr\":\"1.2.3.4\"", AIGW_E_PARSE, "bad_entry", 2},
        {"{\"cidr\":\"1.2.3.4\"}\n{\"type\":\"other\"}", AIGW_E_PARSE, "bad_entry", 2},
        {"{\"Addresses\":[\"1.2.3.4/32\",5]}", AIGW_E_PARSE, "bad_entry", 2},
        {"{\"Addresses\":[\"1.2.3.4/32\",\"0.0.0.0/0\"]}", AIGW_E_PARSE, "bad_entry", 2},
        {"{\"Addresses\":[]}", AIGW_E_DENIED, "empty_list", 0},
        {"[\"1.2.3.4\"]", AIGW_E_PARSE, "bad_entry", 1},
        {"1.1.1.1\n2.2.2.2\n3.3.3.3\n4.4.4.4\n5.5.5.5\n6.6.6.6\n", AIGW_E_LIMIT, "too_many_entries",
         0},
        {"1.2.3.4\n", AIGW_E_DENIED, "shrunk", 0},
    };
    aigw_iprep *p = fresh(5);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "9.9.9.9\n8.8.8.8\n7.7.7.7\n", false, NULL),
                     AIGW_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        aigw_error err = {0};
        aigw_iprep_facts facts;
        int code = load(p, AIGW_IPREP_REPUTATION, rows[i].file, false, &err);
        if (code != rows[i].code || strcmp(err.reason, rows[i].reason) != 0)
            fail_msg("row %zu: %d %s", i, code, err.reason);
        assert_int_equal(err.line, rows[i].line);
        /* the last good one stays */
        assert_int_equal(action_of(p, "9.9.9.9"), AIGW_IPREP_BLOCK);
        assert_int_equal(action_of(p, "1.2.3.4"), AIGW_IPREP_NONE);
        aigw_iprep_facts_of(p, AIGW_IPREP_REPUTATION, &facts);
        assert_int_equal(facts.refusals, i + 1);
        assert_int_equal(facts.loads, 1);
        assert_int_equal(facts.entries, 3);
    }
    /* two of three is not less than half; one of two is not either; none of one is */
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "1.1.1.1\n2.2.2.2", false, NULL), AIGW_OK);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "1.1.1.1\n", false, NULL), AIGW_OK);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "", false, NULL), AIGW_E_DENIED);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "x", true, NULL), AIGW_E_PARSE);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "", true, NULL), AIGW_OK);
    assert_int_equal(action_of(p, "1.1.1.1"), AIGW_IPREP_NONE);
    /* several files, each with an entry */
    aigw_error err = {0};
    const aigw_slice files[] = {GW_S("1.2.3.4"), GW_S("2001:db8::/32"), GW_S("# none")};
    assert_int_equal(aigw_iprep_load(p, AIGW_IPREP_REPUTATION, files, 3, false, 1, &err),
                     AIGW_E_DENIED);
    assert_int_equal(aigw_iprep_load(p, AIGW_IPREP_REPUTATION, files, 2, false, 1, &err), AIGW_OK);
    assert_int_equal(action_of(p, "2001:db8::1"), AIGW_IPREP_BLOCK);
    assert_int_equal(action_of(p, "1.2.3.4"), AIGW_IPREP_BLOCK);
    assert_int_equal(aigw_iprep_load(p, AIGW_IPREP_LISTS, files, 2, false, 1, &err),
                     AIGW_E_INVALID);
    aigw_iprep_free(p);
}

static void test_slots(void **state)
{
    (void)state;
    aigw_iprep *p = fresh(0);
    aigw_iprep_hit hit;
    assert_true(aigw_iprep_check(p, GW_S("10.0.0.1"), &hit));
    assert_int_equal(hit.action, AIGW_IPREP_NONE);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "10.0.0.0/24", false, NULL), AIGW_OK);
    assert_int_equal(load(p, AIGW_IPREP_RECONNAISSANCE, "10.0.0.0/25\n10.0.1.1", false, NULL),
                     AIGW_OK);
    assert_int_equal(load(p, AIGW_IPREP_DDOS, "10.0.0.0/26\n10.0.2.1", false, NULL), AIGW_OK);
    assert_int_equal(load(p, AIGW_IPREP_ALLOW, "10.0.0.5\n10.0.2.0/24", false, NULL), AIGW_OK);
    static const struct {
        const char *address;
        aigw_iprep_action action;
        unsigned lists;
        const char *rule;
    } rows[] = {{"10.0.0.1", AIGW_IPREP_BLOCK, 7, "AWSManagedIPReputationList"},
                {"10.0.0.65", AIGW_IPREP_BLOCK, 3, "AWSManagedIPReputationList"},
                {"10.0.0.129", AIGW_IPREP_BLOCK, 1, "AWSManagedIPReputationList"},
                {"10.0.1.1", AIGW_IPREP_BLOCK, 2, "AWSManagedReconnaissanceList"},
                {"10.0.0.5", AIGW_IPREP_ALLOWED, 8, ""},
                {"10.0.2.1", AIGW_IPREP_ALLOWED, 8, ""},
                {"10.0.3.1", AIGW_IPREP_NONE, 0, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char label[128] = "";
        assert_true(aigw_iprep_check(p, aigw_slice_of(rows[i].address), &hit));
        assert_int_equal(hit.action, rows[i].action);
        assert_int_equal(hit.lists, rows[i].lists);
        assert_string_equal(hit.rule, rows[i].rule);
        if (rows[i].rule[0])
            snprintf(label, sizeof label, "%s%s", LABEL, rows[i].rule);
        assert_string_equal(hit.label, label);
    }
    assert_int_equal(load(p, AIGW_IPREP_ALLOW, "", true, NULL), AIGW_OK);
    assert_true(aigw_iprep_check(p, GW_S("10.0.2.1"), &hit));
    assert_int_equal(hit.action, AIGW_IPREP_COUNT);
    assert_string_equal(hit.rule, "AWSManagedIPDDoSList");
    assert_false(aigw_iprep_check(p, GW_S("10.0.2.1:80"), &hit));
    assert_false(aigw_iprep_check(p, GW_S(""), &hit));
    aigw_iprep_free(p);
}

/* ---- The table against a slow oracle ---- */

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static gw_ip random_ip(uint64_t *seed, bool v6)
{
    if (!v6)
        return gw_ip_v4(0x0a000000 + next_random(seed) % 0x30000);
    /* few prefixes, so that some are dense */
    gw_ip ip = {{0x20, (uint8_t)(next_random(seed) % 2)}};
    ip.b[2] = (uint8_t)(next_random(seed) % 2);
    ip.b[3] = (uint8_t)next_random(seed);
    ip.b[15] = (uint8_t)(next_random(seed) % 8);
    return ip;
}

static void test_oracle(void **state)
{
    (void)state;
    enum { RANGES = 600 };
    static gw_ip_range ranges[RANGES];
    for (uint64_t round = 0; round < 6; round++) {
        uint64_t seed = round + 1;
        bool v6 = round % 2;
        gw_ip_entries e = {.max = RANGES};
        gw_ip_table *table = NULL;
        aigw_iprep_facts facts;
        for (size_t i = 0; i < RANGES; i++) {
            gw_ip a = random_ip(&seed, v6), b = a;
            if (v6)
                b.b[14] |= (uint8_t)(next_random(&seed) % 2);
            else
                b = gw_ip_v4(gw_ip_to_v4(&a) + next_random(&seed) % 300);
            ranges[i] = (gw_ip_range){a, b};
            assert_int_equal(gw_ip_entries_add(&e, &ranges[i], NULL), AIGW_OK);
        }
        assert_int_equal(gw_ip_table_build(&e, &table, NULL), AIGW_OK);
        gw_ip_entries_free(&e);
        gw_ip_table_facts(table, &facts);
        assert_true(v6 ? facts.ranges_v6 > 64 && facts.ranges_v4 == 0
                       : facts.ranges_v4 > 64 && facts.ranges_v6 == 0);
        for (int k = 0; k < 20000; k++) {
            gw_ip ip = random_ip(&seed, v6);
            bool in = false;
            for (size_t i = 0; i < RANGES && !in; i++)
                in = gw_ip_cmp(&ranges[i].first, &ip) <= 0 && gw_ip_cmp(&ip, &ranges[i].last) <= 0;
            if (gw_ip_table_has(table, &ip) != in)
                fail_msg("round %d: the oracle says %d", (int)round, in);
        }
        for (size_t i = 0; i < RANGES; i++)
            assert_true(gw_ip_table_has(table, &ranges[i].first) &&
                        gw_ip_table_has(table, &ranges[i].last));
        gw_ip_table_free(table);
    }
}

/* ---- A million prefixes: memory as stated ---- */

static size_t held, most;

static void *counting_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    size_t *old = ptr ? (size_t *)ptr - 2 : NULL;
    size_t before = old ? *old : 0;
    size_t *p = realloc(old, bytes + 2 * sizeof(size_t));
    if (!p)
        return NULL;
    *p = bytes;
    held += bytes - before;
    most = held > most ? held : most;
    return p + 2;
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    if (!ptr)
        return;
    held -= ((size_t *)ptr)[-2];
    free((size_t *)ptr - 2);
}

static void test_million(void **state)
{
    (void)state;
    const size_t count = 1000000, text_bytes = 24 * count;
    char *text = malloc(text_bytes);
    assert_non_null(text);
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) { /* a /30 each, one free /30 between: nothing merges */
        uint32_t a = 0x01000000 + i * 8;
        len += (size_t)snprintf(text + len, text_bytes - len, "%u.%u.%u.%u/30\n", a >> 24,
                                a >> 16 & 255, a >> 8 & 255, a & 255);
    }
    held = most = 0;
    aigw_iprep *p = fresh(0);
    aigw_slice file = {text, len};
    aigw_iprep_facts facts;
    assert_int_equal(aigw_iprep_load(p, AIGW_IPREP_REPUTATION, &file, 1, false, 77, NULL), AIGW_OK);
    aigw_iprep_facts_of(p, AIGW_IPREP_REPUTATION, &facts);
    assert_int_equal(facts.entries, count);
    assert_int_equal(facts.ranges_v4, count);
    assert_int_equal(facts.loaded_unix_s, 77);
    assert_true(facts.bytes < 8 * count + (257u << 10) + 1024);
    assert_true(held < facts.bytes + 8192);
    assert_true(most < 5 * 8 * count);
    for (uint32_t i = 0; i < count; i += 997) {
        aigw_iprep_hit hit;
        gw_ip in = gw_ip_v4(0x01000000 + i * 8 + i % 4), out = gw_ip_v4(0x01000004 + i * 8 + i % 4);
        gw_iprep_check(p, &in, &hit);
        assert_int_equal(hit.action, AIGW_IPREP_BLOCK);
        gw_iprep_check(p, &out, &hit);
        assert_int_equal(hit.action, AIGW_IPREP_NONE);
    }
    print_message("[  FACTS   ] 1,000,000 prefixes: %zu bytes of table, %zu bytes while loading\n",
                  facts.bytes, most);
    /* one more is refused */
    len += (size_t)snprintf(text + len, text_bytes - len, "9.9.9.9\n");
    file.len = len;
    assert_int_equal(aigw_iprep_load(p, AIGW_IPREP_REPUTATION, &file, 1, false, 78, NULL),
                     AIGW_E_LIMIT);
    aigw_iprep_free(p);
    assert_int_equal(held, 0);
    free(text);
}

/* ---- Swaps under look-ups ---- */

typedef struct shared {
    aigw_iprep *iprep;
    atomic_bool stop;
    atomic_uint wrong, looked;
} shared;

static void *look_up(void *user)
{
    shared *s = user;
    while (!atomic_load(&s->stop)) {
        aigw_iprep_hit hit;
        if (!aigw_iprep_check(s->iprep, GW_S("10.1.2.3"), &hit) || hit.action != AIGW_IPREP_BLOCK)
            atomic_fetch_add(&s->wrong, 1);
        atomic_fetch_add(&s->looked, 1);
    }
    return NULL;
}

static void test_swaps(void **state)
{
    (void)state;
    shared s = {.iprep = fresh(0)};
    pthread_t threads[3];
    assert_int_equal(load(s.iprep, AIGW_IPREP_REPUTATION, "10.1.2.0/24", false, NULL), AIGW_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, &s), 0);
    for (int i = 0; i < 200 || atomic_load(&s.looked) < 1000; i++)
        assert_int_equal(load(s.iprep, AIGW_IPREP_REPUTATION,
                              i % 2 ? "10.0.0.0/8\n2001:db8::/32" : "10.1.2.3\n11.0.0.0/8", false,
                              NULL),
                         AIGW_OK);
    atomic_store(&s.stop, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&s.wrong), 0);
    aigw_iprep_free(s.iprep);
    assert_int_equal(held, 0);
}

/* Every allocation of a load may fail: an outcome, and the last good list stays. */
static size_t allowed;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    if (allowed == 0)
        return NULL;
    allowed--;
    return counting_realloc(user, ptr, bytes);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const files[] = {"11.0.0.1\n2001:db8::/32\n",
                                        "{\"Addresses\":[\"11.0.0.1/32\",\"2001:db8::/32\"]}"};
    aigw_iprep *p = fresh(0);
    assert_int_equal(load(p, AIGW_IPREP_REPUTATION, "10.0.0.1", false, NULL), AIGW_OK);
    for (size_t k = 0; k < 2; k++) {
        int code = AIGW_E_NOMEM;
        for (size_t n = 0; code != AIGW_OK && n < 100; n++) {
            aigw_set_allocator(&(aigw_allocator){failing_realloc, counting_free, NULL});
            allowed = n;
            code = load(p, AIGW_IPREP_REPUTATION, files[k], false, NULL);
            allowed = SIZE_MAX;
            assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
            assert_int_equal(action_of(p, k == 0 && code != AIGW_OK ? "10.0.0.1" : "11.0.0.1"),
                             AIGW_IPREP_BLOCK);
        }
        assert_int_equal(code, AIGW_OK);
    }
    aigw_iprep_free(p);
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_slots),    cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_million),  cmocka_unit_test(test_swaps),
        cmocka_unit_test(test_no_memory)};
    aigw_set_allocator(&(aigw_allocator){counting_realloc, counting_free, NULL});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
