/* The PROXY protocol: both versions, at every split, with what is skipped and what is refused. */
#include "base/text.h"
#include "proto/proxy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define SIG "\r\n\r\n\0\r\nQUIT\n"

typedef struct row {
    const char *bytes;
    size_t len;
    int code;
    const char *reason; /* of a failure */
    gw_proxy_kind kind;
    const char *source, *destination;
    unsigned source_port, destination_port;
    size_t used;
} row;

#define B(text) text, sizeof(text) - 1
#define OK4(text, used)                                                                            \
    {                                                                                              \
        B(text), AIGW_OK, "", GW_PROXY_ADDRESS, "1.2.3.4", "5.6.7.8", 1000, 443, used              \
    }
#define OK6(text, used)                                                                            \
    {                                                                                              \
        B(text), AIGW_OK, "", GW_PROXY_ADDRESS, "2001:db8::1", "::5", 1000, 443, used              \
    }
#define NONE(text, kind, used)                                                                     \
    {                                                                                              \
        B(text), AIGW_OK, "", kind, NULL, NULL, 0, 0, used                                         \
    }
#define MORE(text)                                                                                 \
    {                                                                                              \
        B(text), AIGW_AGAIN, "", GW_PROXY_ADDRESS, NULL, NULL, 0, 0, sizeof(text) - 1              \
    }
#define FAIL(text, code, reason)                                                                   \
    {                                                                                              \
        B(text), code, reason, GW_PROXY_ADDRESS, NULL, NULL, 0, 0, 0                               \
    }
#define BAD(text, reason) FAIL(text, AIGW_E_PARSE, reason)

#define ENDS4 "\1\2\3\4\5\6\7\x08\x03\xe8\x01\xbb"
#define ENDS6                                                                                      \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\x03\xe8\x01\xbb"
#define TEN "xxxxxxxxxx"
#define UNIX                                                                                       \
    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "xxxxxx"

static const row rows[] = {
    OK4("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n", 37),
    OK4("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\nGET / HTTP/1.1\r\n", 37),
    OK6("PROXY TCP6 2001:db8::1 ::5 1000 443\r\n\r\n", 37),
    NONE("PROXY UNKNOWN\r\n", GW_PROXY_UNKNOWN, 15),
    NONE("PROXY UNKNOWN ffff:f...f:ffff 1 2 whatever\r\nX", GW_PROXY_UNKNOWN, 44),
    MORE("PROX"),
    MORE("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443"),
    MORE("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r"),
    BAD("GET / HTTP/1.1\r\n", "proxy_missing"),
    BAD("PROXy TCP4 1.2.3.4 5.6.7.8 1000 443\r\n", "proxy_missing"),
    BAD("proxy TCP4 1.2.3.4 5.6.7.8 1000 443\r\n", "proxy_missing"),
    BAD("PROXY\r\n", "proxy_missing"),
    BAD("\x16\x03\x01", "proxy_missing"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\n", "proxy_v1_line"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\rX", "proxy_v1_line"),
    BAD("PROXY TCP4 1.2.3.4\r5.6.7.8 1000 443\r\n", "proxy_v1_line"),
    BAD("PROXY \r\n", "proxy_v1_line"),
    BAD("PROXY UDP4 1.2.3.4 5.6.7.8 1000 443\r\n", "proxy_v1_line"),
    BAD("PROXY TCP5 1.2.3.4 5.6.7.8 1000 443\r\n", "proxy_v1_line"),
    BAD("PROXY  TCP4 1.2.3.4 5.6.7.8 1000 443\r\n", "proxy_v1_line"),
    BAD("PROXY TCP4\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1000\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443 \r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4  5.6.7.8 1000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 01.2.3.4 5.6.7.8 1000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 01000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1000 65536\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 -1 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 ::1 5.6.7.8 1000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP6 1.2.3.4 ::5 1000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 localhost 5.6.7.8 1000 443\r\n", "proxy_v1_address"),
    BAD("PROXY TCP4 1.2.3.4\0 5.6.7.8 1000 443\r\n", "proxy_v1_address"),
    FAIL("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "xxxx\r\n", AIGW_E_LIMIT,
         "proxy_too_long"),
    NONE("PROXY UNKNOWN " TEN TEN TEN TEN TEN TEN TEN TEN TEN "x\r\n", GW_PROXY_UNKNOWN, 107),
    /* version 2 */
    OK4(SIG "\x21\x11\x00\x0c" ENDS4 "GET", 28),
    OK4(SIG "\x21\x11\x00\x13" ENDS4 "\x04\x00\x04\1\2\3\4GET", 35),
    OK4(SIG "\x21\x11\x00\x0f" ENDS4 "\xff\xff\xff", 31), /* TLVs are not looked at */
    OK6(SIG "\x21\x21\x00\x24" ENDS6, 52),
    NONE(SIG "\x20\x00\x00\x00X", GW_PROXY_LOCAL, 16),
    NONE(SIG "\x20\x11\x00\x0c" ENDS4, GW_PROXY_LOCAL, 28),
    NONE(SIG "\x20\x11\x00\x02"
             "ab",
         GW_PROXY_LOCAL, 18),
    NONE(SIG "\x21\x00\x00\x00", GW_PROXY_UNKNOWN, 16),
    NONE(SIG "\x21\x00\x00\x03"
             "abcdef",
         GW_PROXY_UNKNOWN, 19),
    NONE(SIG "\x21\x31\x00\xd8" UNIX "y", GW_PROXY_UNKNOWN, 232),
    NONE(SIG "\x21\x32\x00\xda" UNIX "yy", GW_PROXY_UNKNOWN, 234),
    NONE(SIG "\x21\x12\x00\x0c" ENDS4, GW_PROXY_UNKNOWN, 28), /* datagrams */
    NONE(SIG "\x21\x10\x00\x0c" ENDS4, GW_PROXY_UNKNOWN, 28),
    MORE("\r\n\r\n"),
    MORE(SIG "\x21\x11\x00"),
    MORE(SIG "\x21\x11\x00\x0c"
             "\1\2\3"),
    BAD("\r\n\r\n\0\r\nQUIT\r", "proxy_missing"),
    BAD("\r\n\r\nGET", "proxy_missing"),
    BAD(SIG "\x11\x11\x00\x0c" ENDS4, "proxy_v2_version"),
    BAD(SIG "\x31\x11\x00\x0c" ENDS4, "proxy_v2_version"),
    BAD(SIG "\x22\x11\x00\x0c" ENDS4, "proxy_v2_command"),
    BAD(SIG "\x21\x41\x00\x0c" ENDS4, "proxy_v2_family"),
    BAD(SIG "\x21\x13\x00\x0c" ENDS4, "proxy_v2_family"),
    BAD(SIG "\x20\xf1\x00\x0c" ENDS4, "proxy_v2_family"),
    BAD(SIG "\x21\x11\x00\x0b" ENDS4, "proxy_v2_length"),
    BAD(SIG "\x21\x21\x00\x23" ENDS6, "proxy_v2_length"),
    BAD(SIG "\x21\x31\x00\x10" ENDS4 "aaaa", "proxy_v2_length"),
    FAIL(SIG "\x21\x11\xff\xff" ENDS4, AIGW_E_LIMIT, "proxy_too_long"),
    FAIL(SIG "\x21\x11\x08\x01" ENDS4, AIGW_E_LIMIT, "proxy_too_long"),
};

static void expect(const row *r, size_t number, const gw_proxy *p, int code, const aigw_error *err,
                   size_t used)
{
    char text[GW_IP_TEXT];
    if (code != r->code || strcmp(err->reason, r->reason) != 0)
        fail_msg("row %zu: %d %s, not %d %s", number, code, err->reason, r->code, r->reason);
    if (r->code < 0) {
        assert_int_not_equal(gw_proxy_end(p, NULL), AIGW_OK);
        return;
    }
    assert_int_equal(used, r->used);
    assert_int_equal(gw_proxy_end(p, NULL), r->code == AIGW_OK ? AIGW_OK : AIGW_E_PARSE);
    if (r->code != AIGW_OK)
        return;
    assert_int_equal(p->kind, r->kind);
    if (!r->source)
        return;
    gw_ip_format(&p->source, text);
    assert_string_equal(text, r->source);
    gw_ip_format(&p->destination, text);
    assert_string_equal(text, r->destination);
    assert_int_equal(p->source_port, r->source_port);
    assert_int_equal(p->destination_port, r->destination_port);
}

/* Feeds the row in two pieces, each in memory of its own size, the rest behind a complete header not at all. */
static void feed(const row *r, size_t number, size_t split)
{
    gw_proxy p = {0};
    aigw_error err = {0};
    size_t total = 0;
    int code = AIGW_AGAIN;
    for (int piece = 0; piece < 2 && code == AIGW_AGAIN; piece++) {
        size_t from = piece ? split : 0, len = (piece ? r->len : split) - from, used = 0;
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, r->bytes + from, len);
        code = gw_proxy_feed(&p, gw_slice(exact, len), &used, &err);
        free(exact);
        assert_true(used <= len);
        total += used;
    }
    expect(r, number, &p, code, &err, total);
}

static void test_rows_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t split = 0; split <= rows[i].len; split++)
            feed(&rows[i], i, split);
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gw_proxy p = {0};
        aigw_error err = {0};
        size_t total = 0;
        int code = AIGW_AGAIN;
        for (size_t at = 0; at < rows[i].len && code == AIGW_AGAIN; at++) {
            size_t used = 0;
            code = gw_proxy_feed(&p, gw_slice(rows[i].bytes + at, 1), &used, &err);
            total += used;
        }
        expect(&rows[i], i, &p, code, &err, total);
    }
}

static void test_after_the_end(void **state)
{
    (void)state;
    gw_proxy p = {0};
    size_t used = 9;
    aigw_slice line = GW_S("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n");
    assert_int_equal(gw_proxy_feed(&p, line, &used, NULL), AIGW_OK);
    assert_int_equal(gw_proxy_feed(&p, line, &used, NULL), AIGW_OK);
    assert_int_equal(used, 0); /* a second header is the connection's bytes */
    gw_proxy bad = {0};
    assert_int_equal(gw_proxy_feed(&bad, GW_S("x"), &used, NULL), AIGW_E_PARSE);
    assert_int_equal(gw_proxy_feed(&bad, line, &used, NULL), AIGW_E_PARSE);
    assert_int_equal(used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_at_every_split),
                                       cmocka_unit_test(test_byte_by_byte),
                                       cmocka_unit_test(test_after_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
