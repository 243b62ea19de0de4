/* What all request readers share: base64, integers however written, URLs, and the sense of a whole request. */
#include "unit/wire/anthropic/kit.h"
#include "wire/read.h"

static void base64(void **state)
{
    (void)state;
    char long_one[400], broken[400];
    memset(long_one, 'A', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    long_one[396] = '\0'; /* blocks of 64 and a rest */
    const struct {
        const char *in, *out; /* out NULL: refused */
    } cases[] = {{"AAAA", "AAAA"},
                 {"AA==", "AA=="},
                 {"AAA=", "AAA="},
                 {"AA", "AA=="},
                 {"AAA", "AAA="},
                 {"-_-_", "+/+/"},
                 {"A\\nA\\r\\nA A", "AAAA"},
                 {"\\/\\/\\/\\/", "////"},
                 {long_one, long_one},
                 {"", NULL},
                 {"A", NULL},
                 {"AAAAA", NULL},
                 {"A===", NULL},
                 {"=AAA", NULL},
                 {"AA=A", NULL},
                 {"AA==AAAA", NULL},
                 {"AAA!", NULL},
                 {"AA\\u0000A", NULL},
                 {"\\u00e9AAA", NULL},
                 {"====", NULL},
                 {"AA=", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit k;
        gw_jstr data = gw_jstr_lit(cases[i].in);
        kit_open(&k);
        kit_parse(&k, "{}");
        int rc = gw_read_base64(k.arena, &k.doc, 0, &data, &k.err);
        if (rc != (cases[i].out ? AIGW_OK : AIGW_E_PARSE) ||
            (rc == AIGW_OK && !gw_jstr_is(data, cases[i].out)))
            fail_msg("%s: %d %.*s", cases[i].in, rc, (int)data.inner.len, data.inner.data);
        if (rc == AIGW_OK && strcmp(cases[i].in, cases[i].out) == 0)
            assert_ptr_equal(data.inner.data, cases[i].in); /* not copied */
        kit_close(&k);
    }
    /* A wrong byte at each place, within blocks and behind them. */
    for (size_t at = 0; at < 396; at++) {
        for (const char *wrong = "!@[`{:,\x7f"; *wrong != '\0'; wrong++) {
            kit k;
            memcpy(broken, long_one, sizeof broken);
            broken[at] = *wrong;
            gw_jstr data = gw_jstr_lit(broken);
            kit_open(&k);
            kit_parse(&k, "{}");
            assert_int_equal(gw_read_base64(k.arena, &k.doc, 0, &data, NULL), AIGW_E_PARSE);
            kit_close(&k);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    const struct {
        const char *json;
        bool integer, finite;
        int64_t value;
    } cases[] = {{"0", true, true, 0},
                 {"-7", true, true, -7},
                 {"1e3", true, true, 1000},
                 {"100.0", true, true, 100},
                 {"9007199254740993", true, true, 9007199254740993},
                 {"9223372036854775808", false, true, 0},
                 {"1e300", false, true, 0},
                 {"1e400", false, false, 0},
                 {"-1E999", false, false, 0},
                 {"1.5", false, true, 0},
                 {"1e-3", false, true, 0},
                 {"\"1\"", false, false, 0},
                 {"null", false, false, 0},
                 {"true", false, false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit k;
        int64_t value = 0;
        kit_open(&k);
        kit_parse(&k, cases[i].json);
        if (gw_read_integer(&k.doc, 0, &value) != cases[i].integer ||
            (cases[i].integer && value != cases[i].value) ||
            gw_read_finite(&k.doc, 0) != cases[i].finite)
            fail_msg("%s", cases[i].json);
        kit_close(&k);
    }
}

static void urls(void **state)
{
    (void)state;
    const struct {
        const char *url;
        int code;
    } cases[] = {{"https://a/b.png", AIGW_OK},
                 {"gs://bucket/a", AIGW_OK},
                 {"", AIGW_E_PARSE},
                 {"cat.png", AIGW_E_UNSUPPORTED},
                 {"FILE:///etc/passwd", AIGW_E_UNSUPPORTED}};
    kit k;
    kit_open(&k);
    kit_parse(&k, "{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gw_read_url(&k.err, &k.doc, 0, gw_jstr_lit(cases[i].url)), cases[i].code);
    kit_close(&k);
}

#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define ASK  "{\"role\":\"user\",\"content\":\"a\"}"
#define CALL                                                                                       \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\"}}]}"
#define GAVE   "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"b\"}"
#define SAY(x) "{\"model\":\"m\",\"messages\":[" x "]}"

/* The same sense in the words of a format that leaves much to its hosts. */
static void sense(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int code;
        const char *pointer;
    } cases[] = {
        {SAY(ASK "," CALL "," GAVE "," ASK), AIGW_OK, ""},
        {SAY(ASK "," CALL), AIGW_OK, ""},
        {SAY(ASK "," CALL "," ASK), AIGW_E_UNSUPPORTED, "/messages/1/tool_calls/0"},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tools\":[" TOOL "],\"tool_choice\":{\"type\":"
         "\"function\",\"function\":{\"name\":\"\\u0066\"}}}",
         AIGW_OK, ""},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tools\":[" TOOL "],\"tool_choice\":{\"type\":"
         "\"function\",\"function\":{\"name\":\"\"}}}",
         AIGW_E_PARSE, "/tool_choice/function/name"},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tools\":[],\"tool_choice\":\"required\"}",
         AIGW_E_PARSE, "/tool_choice"},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tool_choice\":\"auto\"}", AIGW_OK, ""},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tools\":[" TOOL "," TOOL "]}",
         AIGW_E_UNSUPPORTED, "/tools/1/function/name"},
        {"{\"model\":\"m\",\"messages\":[" ASK "],\"tools\":[{\"type\":\"web_search\"}],"
         "\"tool_choice\":\"required\"}",
         AIGW_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit k;
        gw_chat_request r;
        kit_open(&k);
        kit_parse(&k, cases[i].json);
        int rc = gw_wire_openai_chat.read_request(k.arena, &k.doc, &r, &k.err);
        if (rc != cases[i].code || strcmp(k.err.pointer, cases[i].pointer) != 0)
            fail_msg("%d at %s: %s", rc, k.err.pointer, cases[i].json);
        kit_close(&k);
    }
}

/* Arguments that are no JSON object may be some host's habit; another format is not given them. */
static void arguments(void **state)
{
    (void)state;
    static const char text[] = SAY(
        ASK ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
            "\"arguments\":\"{\\\"a\\\":\"}}]}," GAVE);
    const gw_write_options options = {.model = GW_S("m"), .default_max_tokens = 9};
    for (size_t i = 0; gw_wires[i] != NULL; i++) {
        kit k;
        gw_chat_request r;
        kit_open(&k);
        kit_parse(&k, text);
        assert_int_equal(gw_wire_openai_chat.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
        int rc = gw_wire_request(gw_wires[i], k.arena, &r, &options, &k.out, &k.notes, &k.err);
        if (gw_wires[i] == &gw_wire_openai_chat) {
            assert_int_equal(rc, AIGW_OK);
        } else {
            assert_int_equal(rc, AIGW_E_PARSE);
            assert_string_equal(k.err.pointer, "/messages/1/tool_calls/0/function/arguments");
        }
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(base64), cmocka_unit_test(numbers),
                                       cmocka_unit_test(urls), cmocka_unit_test(sense),
                                       cmocka_unit_test(arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
