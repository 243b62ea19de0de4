/* Guardrails: what is personal data and what only looks like it; every split; escapes; rules and verdicts. */
#include "base/buf.h"
#include "base/text.h"
#include <aigw/guard.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

typedef struct row {
    const char *in, *out; /* out NULL: as it went in */
} row;

static aigw_guard *guard_of(const aigw_guard_rule *rules, size_t count)
{
    aigw_guard *g = NULL;
    aigw_error err = {0};
    if (aigw_guard_new(rules, count, &g, &err) != AIGW_OK)
        fail_msg("%s: %s", err.reason, err.message);
    return g;
}

/* Without vectorscan there are no words and no patterns, and this is said. */
static bool has_lists(void)
{
    const aigw_slice text = GW_S("a");
    const aigw_guard_rule rule = {
        .kind = AIGW_GUARD_WORDS, .action = AIGW_GUARD_MASK, .texts = &text, .text_count = 1};
    aigw_guard *g = NULL;
    int code = aigw_guard_new(&rule, 1, &g, NULL);
    assert_true(code == AIGW_OK || code == AIGW_E_UNSUPPORTED);
    aigw_guard_free(g);
    return code == AIGW_OK;
}

static aigw_guard *all_kinds(aigw_guard_action action)
{
    aigw_guard_rule rules[6] = {{.kind = AIGW_GUARD_EMAIL}};
    for (int i = 0; i < 6; i++)
        rules[i] = (aigw_guard_rule){.kind = (aigw_guard_kind)i, .action = action};
    return guard_of(rules, 6);
}

/* A text in pieces: cut at a and b, or byte by byte when a is SIZE_MAX. The result is malloc'd. */
static char *cut_up(aigw_guard_stream *s, aigw_slice text, size_t a, size_t b, size_t *held)
{
    gw_buf all;
    aigw_slice out;
    size_t at = 0;
    gw_buf_init(&all, SIZE_MAX);
    while (at < text.len) {
        size_t next = a == SIZE_MAX ? at + 1 : at < a ? a : at < b ? b : text.len;
        next = next > text.len ? text.len : next;
        char *exact = malloc(next - at + 1);
        memcpy(exact, text.data + at, next - at);
        assert_int_equal(aigw_guard_stream_feed(s, gw_slice(exact, next - at), &out, NULL),
                         AIGW_OK);
        gw_buf_add(&all, out);
        free(exact);
        at = next;
        if (held && at - gw_buf_len(&all) > *held && at > gw_buf_len(&all))
            *held = at - gw_buf_len(&all);
    }
    assert_int_equal(aigw_guard_stream_end(s, &out, NULL), AIGW_OK);
    gw_buf_add(&all, out);
    gw_buf_putc(&all, '\0');
    char *copy = strdup(gw_buf_slice(&all).data);
    gw_buf_free(&all);
    return copy;
}

static void expect(const aigw_guard *g, aigw_guard_form form, const char *in, const char *out)
{
    aigw_slice text = aigw_slice_of(in), masked = {NULL, 0};
    aigw_guard_verdict whole;
    assert_int_equal(aigw_guard_text(g, form, text, &masked, &whole, NULL), AIGW_OK);
    if (!gw_eq(masked, aigw_slice_of(out)))
        fail_msg("[%s]: [%.*s], not [%s]", in, (int)masked.len, masked.data, out);
    aigw_bytes_free(masked);
    aigw_guard_stream *s = NULL;
    for (size_t a = 0; a <= text.len + 1; a++) {
        size_t first = a > text.len ? SIZE_MAX : a, second = a + 3;
        assert_int_equal(aigw_guard_stream_new(g, form, &s, NULL), AIGW_OK);
        char *got = cut_up(s, text, first, second, NULL);
        if (strcmp(got, out) != 0)
            fail_msg("[%s] cut at %zu: [%s], not [%s]", in, a, got, out);
        assert_memory_equal(aigw_guard_stream_verdict(s), &whole, sizeof whole);
        free(got);
        aigw_guard_stream_free(s);
    }
}

#define RUN(g, form, rows)                                                                         \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++)                           \
            expect(g, form, (rows)[i_].in, (rows)[i_].out ? (rows)[i_].out : (rows)[i_].in);       \
    } while (0)

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const row mail_rows[] = {
    {"bob@example.com", "[EMAIL]"},
    {"Write to bob@example.com.", "Write to [EMAIL]."},
    {"<bob.smith+tag@mail.example.co.uk>, x", "<[EMAIL]>, x"},
    {"bob@example.com,alice@example.org", "[EMAIL],[EMAIL]"},
    {"mailto:o'neil_1%x@ex-ample.de?subject", "mailto:[EMAIL]?subject"},
    {"BOB@EXAMPLE.COM", "[EMAIL]"},
    {"https://x.test/?mail=bob%40example.com&y=1", "https://x.test/?mail=[EMAIL]&y=1"},
    {"bob\xEF\xBC\xA0"
     "example.com",
     "[EMAIL]"},
    {"j\xC3\xB6rg@m\xC3\xBCller.de!", "[EMAIL]!"},
    {"\xE9\x82\xAE\xE7\xAE\xB1"
     "bob@example.com\xE3\x80\x82",
     "\xE9\x82\xAE\xE7\xAE\xB1[EMAIL]\xE3\x80\x82"},
    {"bob@example.com2.org", "[EMAIL]"},
    {"bob@mail.example.com.2 x", "[EMAIL].2 x"},
    {"bob@xn--mller-kva.xn--p1ai", "[EMAIL]"},
    {A64 "@example.com", "[EMAIL]"},
    {"bbb" A64 "@example.com", "bbb[EMAIL]"},
    {"bob@example", NULL},
    {"bob@localhost and @example.com", NULL},
    {"bob @ example.com", NULL},
    {"a@b.c", NULL},
    {"@decorator\ndef x():\n  return a@b", NULL},
    {"user@-bad.com, bob@.com, bob@example..com", NULL},
    {"100%40 of them", NULL},
    {"git@github.com:org/repo", "[EMAIL]:org/repo"},
    {"", NULL},
};

static const row number_rows[] = {
    /* cards */
    {"4111111111111111", "[CARD]"},
    {"Card: 4111 1111 1111 1111, thanks", "Card: [CARD], thanks"},
    {"4111-1111-1111-1111", "[CARD]"},
    {"4111\xC2\xA0"
     "1111\xC2\xA0"
     "1111\xC2\xA0"
     "1111",
     "[CARD]"},
    {"5555555555554444 378282246310005 6011111111111117", "[CARD] [CARD] [CARD]"},
    {"3530111333300000 30569309025904 6200000000000005", "[CARD] [CARD] [CARD]"},
    {"4111 1111 1111 1111 123", "[CARD] 123"},
    {"12 4111111111111111", "12 [CARD]"},
    {"4111111111111112", NULL}, /* Luhn */
    {"4111 1111-1111 1111", NULL},
    {"1234567890123452", NULL}, /* no issuer */
    {"x4111111111111111", NULL},
    {"4111111111111111x", NULL},
    {"41111111111111110000", NULL},
    {"0x4111111111111111", NULL},
    /* social security */
    {"SSN 123-45-6789.", "SSN [SSN]."},
    {"123 45 6789", "[SSN]"},
    {"123-45 6789", NULL},
    {"000-45-6789 666-45-6789 900-45-6789 123-00-6789 123-45-0000", NULL},
    {"123-45-67890", NULL},
    {"1123-45-6789", NULL},
    {"123456789", NULL},
    {"123-45-6789-1", NULL},
    /* telephones */
    {"+49 30 1234567", "[PHONE]"},
    {"+49 (0)30 1234567 x", "[PHONE] x"},
    {"+14155550142", "[PHONE]"},
    {"tel:+1-415-555-0142;", "tel:[PHONE];"},
    {"(415) 555-0142", "[PHONE]"},
    {"415-555-0142 or 415.555.0142", "[PHONE] or [PHONE]"},
    {"1-800-555-0199", "[PHONE]"},
    {"06 12 34 56 78", "[PHONE]"},
    {"030 1234567, 0176/12345678", "[PHONE], [PHONE]"},
    {"0049 30 1234567", "[PHONE]"},
    {"+44 20 7946 0958\n", "[PHONE]\n"},
    {"+1", NULL},
    {"1 + 2 = 3, x+12345678x", NULL},
    {"a = b +12", NULL},
    {"2024-11-23 22:30:00", NULL},
    {"23.11.2024", NULL},
    {"192.168.100.200 10.0.0.1", NULL},
    {"115-555-0142 415-055-0142", NULL},
    {"1732400000", NULL},
    {"3.14159265358979", NULL},
    {"version 1.22.333.4444", NULL},
    /* accounts */
    {"DE89 3704 0044 0532 0130 00", "[IBAN]"},
    {"DE89370400440532013000.", "[IBAN]."},
    {"gb82 west 1234 5698 7654 32", "[IBAN]"},
    {"IBAN:FR1420041010050500013M02606", "IBAN:[IBAN]"},
    {"NO9386011117947 and MT84MALT011000012345MTLCAST001S", "[IBAN] and [IBAN]"},
    {"DE89 3704 0044 0532 0130 01", NULL},
    {"DE8937040044053201300", NULL},
    {"DE893704004405320130001", NULL},
    {"XX89370400440532013000", NULL},
    {"XDE89370400440532013000", NULL},
};

#define K20 "a1b2c3d4e5f6g7h8i9j0"
static const row secret_rows[] = {
    {"key=sk-" K20 K20 ";", "key=[SECRET];"},
    {"sk-ant-api03-" K20 "-" K20 "_" K20 "AA", "[SECRET]"},
    {"sk-proj-" K20, "[SECRET]"},
    {"AKIAIOSFODNN7EXAMPLE", "[SECRET]"},
    {"\"ghp_" K20 K20 "\"", "\"[SECRET]\""},
    {"github_pat_11" K20 "_" K20 K20, "[SECRET]"},
    {"AIzaSyA-1234567890abcdefghijklmnopqrstu", "[SECRET]"},
    {"xoxb-12345678901-abcdefg", "[SECRET]"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U "
     "x",
     "[SECRET] x"},
    {"-----BEGIN RSA PRIVATE KEY-----\nMIIEow/+=\nabc\n-----END RSA PRIVATE KEY-----\nSee",
     "[SECRET]\nSee"},
    {"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----", "[SECRET]"},
    {"a -----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "a [SECRET]"},
    {"45-----BEGIN PRIVATE KEY-----\nb3Bl/b3Bl/b3Bl/b3Bl/b3Bl/b3Bl/b3Bl/b3Bl/b3Bl", "45[SECRET]"},
    {"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", NULL},
    {"-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", NULL},
    {"sk-learn-is-a-library-for-python-people", NULL},
    {"task-" K20 K20, NULL},
    {"sk-short1", NULL},
    {"eyJ", NULL},
    {"eyJub3QiOiJhIGp3dCJ9", NULL},
    {"AKIASHORT", NULL},
    {"the ghp_ prefix", NULL},
    {"---- x -----BEGIN", NULL},
};

static const row clean_rows[] = {
    {"Please write a function that sorts 3 numbers: 5, 12 and 42.", NULL},
    {"for (int i = 0; i < 10; i++) { a[i] = i * 3 + 1; } // 100% sure", NULL},
    {"SELECT * FROM users WHERE id = 12345678 AND ts > '2024-11-23'", NULL},
    {"uuid 123e4567-e89b-12d3-a456-426614174000 sha da39a3ee5e6b4b0d3255bfef95601890afd80709",
     NULL},
    {"\xF0\x9F\x98\x80 \xE4\xBD\xA0\xE5\xA5\xBD caf\xC3\xA9", NULL},
    {"\xff\xfe bad \xC3", NULL},
};

static void test_plain(void **state)
{
    (void)state;
    aigw_guard *g = all_kinds(AIGW_GUARD_MASK);
    RUN(g, AIGW_GUARD_PLAIN, mail_rows);
    RUN(g, AIGW_GUARD_PLAIN, number_rows);
    RUN(g, AIGW_GUARD_PLAIN, secret_rows);
    RUN(g, AIGW_GUARD_PLAIN, clean_rows);
    aigw_guard_free(g);
}

static void test_escapes(void **state)
{
    (void)state;
    static const row rows[] = {
        {"bob\\u0040example.com", "[EMAIL]"},
        {"b\\u006Fb@example\\u002ecom\\u002e", "[EMAIL]\\u002e"},
        {"\\nbob@example.com\\n", "\\n[EMAIL]\\n"},
        {"\\tbob@example.com\\\\", "\\t[EMAIL]\\\\"},
        {"a\\/b \\\"x\\\" \\u00e9\\ud83d\\ude00 \\b\\f\\r", NULL},
        {"\\ud83d\\ude00bob@example.com\\ud83d", "\\ud83d\\ude00[EMAIL]\\ud83d"},
        {"\\ude00 \\ud83d\\ud83d\\ude00 \\ud83dx", NULL},
        {"j\\u00f6rg@m\\u00FCller.de", "[EMAIL]"},
        {"4111\\u00a01111\\u00a01111\\u00a01111", "[CARD]"},
        {"\\u0034111111111111111", "[CARD]"},
        {"+49\\u002030 1234567", "[PHONE]"},
        {"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\nSee", "[SECRET]\\nSee"},
        {"{\\\"key\\\": \\\"sk-" K20 K20 "\\\"}", "{\\\"key\\\": \\\"[SECRET]\\\"}"},
        {"bob\\\\u0040example.com", NULL}, /* a backslash, not an escape */
    };
    static const char *const bad[] = {"\\x", "\\u12g4", "a\"b",        "a\nb",
                                      "\\",  "\\u00",   "\\ud83d\\u12"};
    aigw_guard *g = all_kinds(AIGW_GUARD_MASK);
    RUN(g, AIGW_GUARD_JSON, rows);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        aigw_error err = {0};
        aigw_slice out = {NULL, 7};
        if (aigw_guard_text(g, AIGW_GUARD_JSON, aigw_slice_of(bad[i]), &out, NULL, &err) !=
                AIGW_E_PARSE ||
            strcmp(err.reason, "bad_escape") != 0)
            fail_msg("[%s] passed", bad[i]);
        assert_int_equal(out.len, 7);
    }
    aigw_guard_free(g);
}

static void test_lists(void **state)
{
    (void)state;
    if (!has_lists())
        skip();
    const aigw_slice words[] = {GW_S("Project Falcon"), GW_S("c++"),
                                GW_S("\xC3\xBC"
                                     "ber")};
    const aigw_slice patterns[] = {GW_S("EMP-[0-9]{4,6}"), GW_S("(?i)internal\\s{1,3}only"),
                                   GW_S("end$")};
    const aigw_guard_rule rules[] = {
        {.kind = AIGW_GUARD_WORDS, .action = AIGW_GUARD_MASK, .texts = words, .text_count = 3},
        {.kind = AIGW_GUARD_PATTERNS,
         .action = AIGW_GUARD_MASK,
         .mask = GW_S("[X]"),
         .texts = patterns,
         .text_count = 3},
        {.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_MASK}};
    static const row rows[] = {
        {"About project falcon.", "About [REDACTED]."},
        {"PROJECT FALCONS", NULL},
        {"myproject falcon", NULL},
        {"C++ and c+", "[REDACTED] and c+"},
        {"\xC3\x9C"
         "ber",
         "[REDACTED]"},
        {"EMP-1234567", "[X]7"},
        {"EMP-123 EMP-1234 EMP-12345", "EMP-123 [X] [X]"},
        {"INTERNAL  Only", "[X]"},
        {"end the end", "end the [X]"},
        {"EMP-1234@example.com", "[EMAIL]"},
        {"x.EMP-1234@example.com y", "[EMAIL] y"},
        {"internal only project falcon", "[X] [REDACTED]"},
        {"nothing of it", NULL},
    };
    aigw_guard *g = guard_of(rules, 3);
    RUN(g, AIGW_GUARD_PLAIN, rows);
    static const row escaped[] = {{"Project\\u0020Falcon\\n", "[REDACTED]\\n"},
                                  {"\\u00fcber", "[REDACTED]"},
                                  {"EMP\\u002d1234", "[X]"}};
    RUN(g, AIGW_GUARD_JSON, escaped);
    aigw_guard_free(g);
}

static void test_verdicts(void **state)
{
    (void)state;
    aigw_guard_rule rules[] = {
        {.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_FLAG},
        {.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .mask = GW_S("****")},
        {.kind = AIGW_GUARD_SECRET, .action = AIGW_GUARD_BLOCK, .name = GW_S("keys")}};
    aigw_guard *g = guard_of(rules, 3);
    aigw_guard_verdict v;
    aigw_slice out = {NULL, 0};
    assert_int_equal(aigw_guard_text(g, AIGW_GUARD_PLAIN, GW_S("hello"), NULL, &v, NULL), AIGW_OK);
    assert_int_equal(v.action, AIGW_GUARD_NONE);
    assert_int_equal(v.total, 0);
    aigw_slice text = GW_S("a@bb.cc b@bb.cc 4111111111111111");
    assert_int_equal(aigw_guard_text(g, AIGW_GUARD_PLAIN, text, &out, &v, NULL), AIGW_OK);
    assert_true(gw_eq(out, GW_S("a@bb.cc b@bb.cc ****")));
    aigw_bytes_free(out);
    assert_int_equal(v.action, AIGW_GUARD_MASK);
    assert_int_equal(v.found[0], 2);
    assert_int_equal(v.found[1], 1);
    assert_int_equal(v.found[2], 0);
    assert_int_equal(v.total, 3);
    /* blocked: what stands before may go, nothing of the key */
    aigw_guard_stream *s = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_guard_stream_new(g, AIGW_GUARD_PLAIN, &s, NULL), AIGW_OK);
    assert_int_equal(aigw_guard_stream_feed(s, GW_S("key: AKIAIOSFODNN7EXAM"), &out, NULL),
                     AIGW_OK);
    assert_true(gw_eq(out, GW_S("key: ")));
    assert_int_equal(aigw_guard_stream_feed(s, GW_S("PLE and more"), &out, &err), AIGW_E_DENIED);
    assert_int_equal(out.len, 0);
    assert_string_equal(err.reason, "guard_blocked");
    assert_null(strstr(err.message, "AKIA"));
    assert_int_equal(aigw_guard_stream_feed(s, GW_S("x"), &out, &err), AIGW_E_DENIED);
    assert_int_equal(aigw_guard_stream_end(s, &out, &err), AIGW_E_DENIED);
    assert_int_equal(aigw_guard_stream_verdict(s)->action, AIGW_GUARD_BLOCK);
    assert_int_equal(aigw_guard_stream_verdict(s)->found[2], 1);
    aigw_guard_stream_free(s);
    assert_int_equal(aigw_guard_rule_count(g), 3);
    assert_true(gw_eq(aigw_guard_rule_name(g, 2), GW_S("keys")));
    assert_true(gw_eq(aigw_guard_rule_name(g, 0), GW_S("email")));
    assert_int_equal(aigw_guard_rule_name(g, 3).len, 0);
    assert_string_equal(aigw_guard_kind_word(AIGW_GUARD_PATTERNS), "patterns");
    aigw_guard_free(g);
}

/* Texts do not run into each other, the verdict goes on. */
static void test_several_texts(void **state)
{
    (void)state;
    aigw_guard *g = all_kinds(AIGW_GUARD_MASK);
    aigw_guard_stream *s = NULL;
    assert_int_equal(aigw_guard_stream_new(g, AIGW_GUARD_PLAIN, &s, NULL), AIGW_OK);
    static const row rows[] = {
        {"bob@", NULL}, {"example.com", NULL}, {"bob@example.com", "[EMAIL]"}};
    for (size_t i = 0; i < 3; i++) {
        char *got = cut_up(s, aigw_slice_of(rows[i].in), 1, 2, NULL);
        assert_string_equal(got, rows[i].out ? rows[i].out : rows[i].in);
        free(got);
    }
    assert_int_equal(aigw_guard_stream_verdict(s)->total, 1);
    aigw_guard_stream_free(s);
    aigw_guard_free(g);
}

/* A long text of everything, whole and byte by byte: the same, and never more held back than stated. */
static void test_held(void **state)
{
    (void)state;
    if (!has_lists())
        skip();
    static const char *const parts[] = {
        "bob@example.com ",
        "plain words and 12 numbers, ",
        "4111 1111 1111 1111; ",
        A64 A64 A64,
        A64 A64 A64 A64 A64 A64 A64 A64 A64 A64 "@",
        "+49 30 1234567 ",
        "eyJ" A64 A64 A64 A64 A64 A64 A64 " ",
        "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 ",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
        "EMP-1234 ",
        "\xF0\x9F\x98\x80",
        "DE89 3704 0044 0532 0130 00 ",
        "DE89 3704 0044 0532 0130 ",
        "sk-" A64 " ",
        "eyJ" A64 "." A64 "." A64 "\n"};
    const aigw_slice pattern = GW_S("EMP-[0-9]{4}"), wide = GW_S("<[a-z]{1,240}>");
    const aigw_slice texts[] = {pattern, wide};
    aigw_guard_rule rules[7];
    for (int i = 0; i < 6; i++)
        rules[i] = (aigw_guard_rule){
            .kind = (aigw_guard_kind)i, .action = AIGW_GUARD_MASK, .mask = GW_S("#")};
    rules[6] = (aigw_guard_rule){
        .kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_FLAG, .texts = texts, .text_count = 2};
    for (size_t with = 6; with <= 7; with++) {
        aigw_guard *g = guard_of(rules, with);
        gw_buf text;
        gw_buf_init(&text, SIZE_MAX);
        for (size_t i = 0; i < 300; i++)
            gw_buf_puts(&text, parts[i * 7 % (sizeof parts / sizeof parts[0])]);
        aigw_slice whole = {NULL, 0};
        aigw_guard_verdict v;
        assert_int_equal(
            aigw_guard_text(g, AIGW_GUARD_PLAIN, gw_buf_slice(&text), &whole, &v, NULL), AIGW_OK);
        assert_true(v.total > 100);
        static const size_t cuts[] = {SIZE_MAX, 511, 512, 513, 1023, 1024, 1025, 5000};
        for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
            aigw_guard_stream *s = NULL;
            assert_int_equal(aigw_guard_stream_new(g, AIGW_GUARD_PLAIN, &s, NULL), AIGW_OK);
            char *got = cut_up(s, gw_buf_slice(&text), cuts[i], cuts[i] + 600, NULL);
            assert_true(gw_eq(aigw_slice_of(got), whole));
            assert_memory_equal(aigw_guard_stream_verdict(s), &v, sizeof v);
            free(got);
            aigw_guard_stream_free(s);
        }
        aigw_bytes_free(whole);
        gw_buf_free(&text);
        aigw_guard_free(g);
    }
    /* what may begin something at every byte, and nothing is ever masked: so bytes held can be counted */
    aigw_guard *g = guard_of(rules, 7);
    static const char *const slow[] = {A64 A64 A64 A64 A64 A64 A64 A64 A64 A64,
                                       "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
                                       "<" A64 A64 A64 A64 A64, "plain words, nothing else"};
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        aigw_guard_stream *s = NULL;
        size_t held = 0;
        assert_int_equal(aigw_guard_stream_new(g, AIGW_GUARD_PLAIN, &s, NULL), AIGW_OK);
        char *got = cut_up(s, aigw_slice_of(slow[i]), SIZE_MAX, 0, &held);
        assert_string_equal(got, slow[i]);
        assert_true(held > 0 && held <= AIGW_GUARD_HOLD);
        free(got);
        aigw_guard_stream_free(s);
    }
    aigw_guard_free(g);
}

static void test_bad_rules(void **state)
{
    (void)state;
    if (!has_lists())
        skip();
    const aigw_slice one = GW_S("a+"), broken = GW_S("a("), empty = GW_S("a*"),
                     back = GW_S("(a)\\1"), none = GW_S(""), wide = GW_S("a{1,257}"),
                     fine = GW_S("x[ab]{1,240}");
    const aigw_guard_rule good = {.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_MASK};
    const struct {
        aigw_guard_rule rule;
        const char *reason;
    } rows[] = {
        {{.kind = AIGW_GUARD_KINDS, .action = AIGW_GUARD_MASK}, "bad_rule"},
        {{.kind = AIGW_GUARD_CARD}, "bad_rule"},
        {{.kind = AIGW_GUARD_CARD, .action = (aigw_guard_action)4}, "bad_rule"},
        {{.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_MASK}, "bad_rule"}, /* again */
        {{.kind = AIGW_GUARD_WORDS, .action = AIGW_GUARD_MASK}, "bad_rule"},
        {{.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .texts = &one, .text_count = 1},
         "bad_rule"},
        {{.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .mask = GW_S("a\"b")}, "bad_mask"},
        {{.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .mask = GW_S("a\\b")}, "bad_mask"},
        {{.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .mask = GW_S(A64 "x")}, "bad_mask"},
        {{.kind = AIGW_GUARD_CARD, .action = AIGW_GUARD_MASK, .name = GW_S(A64)}, "bad_rule"},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &one, .text_count = 1},
         "unbounded_pattern"},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &wide, .text_count = 1},
         "unbounded_pattern"},
        {{.kind = AIGW_GUARD_PATTERNS,
          .action = AIGW_GUARD_MASK,
          .texts = &broken,
          .text_count = 1},
         "bad_pattern"},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &back, .text_count = 1},
         "bad_pattern"},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &none, .text_count = 1},
         "bad_pattern"},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &empty, .text_count = 1},
         NULL},
        {{.kind = AIGW_GUARD_PATTERNS, .action = AIGW_GUARD_MASK, .texts = &fine, .text_count = 1},
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const aigw_guard_rule rules[] = {good, rows[i].rule};
        aigw_guard *g = NULL;
        aigw_error err = {0};
        int code = aigw_guard_new(rules, 2, &g, &err);
        if (rows[i].reason && rows[i].reason[0] == '\0') {
            if (code != AIGW_OK)
                fail_msg("row %zu: %s %s", i, err.reason, err.message);
            aigw_guard_free(g);
            continue;
        }
        if (code != AIGW_E_CONFIG || err.line != 2 ||
            (rows[i].reason && strcmp(err.reason, rows[i].reason) != 0))
            fail_msg("row %zu: %d %s %s", i, code, err.reason, err.message);
        assert_null(g);
    }
}

/* ---- Without memory: an outcome at each allocation, and nothing is left behind ---- */

static size_t allowed = SIZE_MAX, held;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    if (allowed == 0)
        return NULL;
    allowed--;
    void *p = realloc(ptr, bytes);
    held += p && !ptr;
    return p;
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    held -= ptr != NULL;
    free(ptr);
}

static void test_no_memory(void **state)
{
    (void)state;
    const aigw_slice words[] = {GW_S("falcon"), GW_S("c++")}, pattern = GW_S("EMP-[0-9]{4}");
    const aigw_guard_rule rules[] = {
        {.kind = AIGW_GUARD_EMAIL, .action = AIGW_GUARD_MASK},
        {.kind = AIGW_GUARD_WORDS, .action = AIGW_GUARD_MASK, .texts = words, .text_count = 2},
        {.kind = AIGW_GUARD_PATTERNS,
         .action = AIGW_GUARD_MASK,
         .texts = &pattern,
         .text_count = 1}};
    size_t count = has_lists() ? 3 : 1;
    int code = AIGW_E_NOMEM;
    aigw_set_allocator(&(aigw_allocator){failing_realloc, counting_free, NULL});
    for (size_t n = 0; code != AIGW_OK && n < 1000; n++) {
        aigw_guard *g = NULL;
        aigw_slice out = {NULL, 0};
        allowed = n;
        code = aigw_guard_new(rules, count, &g, NULL);
        if (code == AIGW_OK)
            code = aigw_guard_text(g, AIGW_GUARD_JSON, GW_S("a falcon bob@example.com EMP-1234"),
                                   &out, NULL, NULL);
        allowed = SIZE_MAX;
        assert_true(code == AIGW_OK || (code == AIGW_E_NOMEM && !out.data));
        aigw_bytes_free(out);
        aigw_guard_free(g);
        assert_int_equal(held, 0);
    }
    assert_int_equal(code, AIGW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),         cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_several_texts), cmocka_unit_test(test_held),
        cmocka_unit_test(test_bad_rules),     cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
