/* Reading Messages requests: every wrong type is a 400 with its pointer; nothing that was said is lost. */
/* Must not test what other formats make of it. */
#include "unit/wire/anthropic/kit.h"

#define HEAD         "\"model\":\"claude-sonnet-4-5\",\"max_tokens\":10"
#define HI           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define USER(blocks) "{" HEAD ",\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]}"
#define ASSISTANT(blocks)                                                                          \
    "{" HEAD ",\"messages\":[{\"role\":\"assistant\",\"content\":[" blocks "]}]}"

static const struct {
    const char *json, *pointer;
} refused[] = {
    {"[]", ""},
    {"{\"max_tokens\":1," HI "}", "/model"},
    {"{\"model\":3,\"max_tokens\":1," HI "}", "/model"},
    {"{\"model\":\"m\"," HI "}", "/max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":-1," HI "}", "/max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":1.5," HI "}", "/max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":\"1\"," HI "}", "/max_tokens"},
    {"{\"model\":\"m\",\"max_tokens\":null," HI "}", "/max_tokens"},
    {"{" HEAD "}", "/messages"},
    {"{" HEAD ",\"messages\":{}}", "/messages"},
    {"{" HEAD ",\"messages\":[1]}", "/messages/0"},

    {"{" HEAD ",\"messages\":[{\"content\":\"x\"}]}", "/messages/0/role"},
    {"{" HEAD ",\"messages\":[{\"role\":\"user\"}]}", "/messages/0/content"},
    {"{" HEAD ",\"messages\":[{\"role\":\"user\",\"content\":null}]}", "/messages/0/content"},
    {USER("1"), "/messages/0/content/0"},
    {USER("{}"), "/messages/0/content/0/type"},
    {USER("{\"type\":1}"), "/messages/0/content/0/type"},
    {USER("{\"type\":\"text\"}"), "/messages/0/content/0/text"},
    {USER("{\"type\":\"text\",\"text\":1}"), "/messages/0/content/0/text"},
    {USER("{\"type\":\"text\",\"text\":\"a\",\"citations\":{}}"),
     "/messages/0/content/0/citations"},
    {USER("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":1}"),
     "/messages/0/content/0/cache_control"},

    {USER("{\"type\":\"image\"}"), "/messages/0/content/0/source"},
    {USER("{\"type\":\"image\",\"source\":\"x\"}"), "/messages/0/content/0/source"},
    {USER("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"x\"}}"),
     "/messages/0/content/0/source/media_type"},
    {USER("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":7}}"),
     "/messages/0/content/0/source/url"},
    {USER("{\"type\":\"document\",\"source\":{\"type\":\"file\"}}"),
     "/messages/0/content/0/source/file_id"},
    {USER("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"b\",\"input\":{}}"),
     "/messages/0/content/0/type"},
    {USER("{\"type\":\"thinking\",\"thinking\":\"a\"}"), "/messages/0/content/0/type"},
    {USER("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"x\"}"),
     "/messages/0/content/0/tool_use_id"},
    {USER("{\"type\":\"tool_result\"}"), "/messages/0/content/0/tool_use_id"},
    {ASSISTANT("{\"type\":\"tool_use\",\"id\":\"a\",\"input\":{}}"), "/messages/0/content/0/name"},
    {ASSISTANT("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"b\"}"),
     "/messages/0/content/0/input"},
    {ASSISTANT("{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"b\",\"input\":\"{}\"}"),
     "/messages/0/content/0/input"},

    {"{" HEAD "," HI ",\"system\":7}", "/system"},

    {"{" HEAD "," HI ",\"temperature\":\"1\"}", "/temperature"},
    {"{" HEAD "," HI ",\"top_p\":{}}", "/top_p"},
    {"{" HEAD "," HI ",\"stop_sequences\":\"x\"}", "/stop_sequences"},
    {"{" HEAD "," HI ",\"stop_sequences\":[1]}", "/stop_sequences/0"},
    {"{" HEAD "," HI ",\"stream\":\"yes\"}", "/stream"},
    {"{" HEAD "," HI ",\"metadata\":[]}", "/metadata"},
    {"{" HEAD "," HI ",\"metadata\":{\"user_id\":1}}", "/metadata/user_id"},
    {"{" HEAD "," HI ",\"service_tier\":1}", "/service_tier"},
    {"{" HEAD "," HI ",\"thinking\":true}", "/thinking"},
    {"{" HEAD "," HI ",\"thinking\":{}}", "/thinking/type"},

    {"{" HEAD "," HI ",\"thinking\":{\"type\":\"enabled\"}}", "/thinking/budget_tokens"},
    {"{" HEAD "," HI ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":\"1\"}}",
     "/thinking/budget_tokens"},

    {"{" HEAD "," HI ",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}",
     "/output_config/format/schema"},
    {"{" HEAD "," HI ",\"tools\":{}}", "/tools"},
    {"{" HEAD "," HI ",\"tools\":[{}]}", "/tools/0/name"},
    {"{" HEAD "," HI ",\"tools\":[{\"name\":\"a\"}]}", "/tools/0/input_schema"},
    {"{" HEAD "," HI ",\"tools\":[{\"name\":\"a\",\"input_schema\":1}]}", "/tools/0/input_schema"},
    {"{" HEAD "," HI ",\"tools\":[{\"name\":\"a\",\"input_schema\":{},\"strict\":1}]}",
     "/tools/0/strict"},
    {"{" HEAD "," HI ",\"tool_choice\":\"auto\"}", "/tool_choice"},
    {"{" HEAD "," HI ",\"tool_choice\":{}}", "/tool_choice/type"},
    {"{" HEAD "," HI ",\"tool_choice\":{\"type\":\"tool\"}}", "/tool_choice/name"},
    {"{" HEAD "," HI ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":1}}",
     "/tool_choice/disable_parallel_tool_use"},
};

/* Perhaps of the vendor's future: a provider of its own may know it. */
static const struct {
    const char *json, *pointer;
} unknown[] = {
    {USER("{\"type\":\"image\",\"source\":{\"type\":\"text\",\"data\":\"x\"}}"),
     "/messages/0/content/0/source/type"},
    {"{" HEAD ",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "/messages/0/role"},
    {USER("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"ttl\":\"2h\"}}"),
     "/messages/0/content/0/cache_control/ttl"},
    {ASSISTANT("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}"),
     "/messages/0/content/0/type"},
    {"{" HEAD "," HI ",\"system\":[{\"type\":\"image\"}]}", "/system/0/type"},
    {"{" HEAD "," HI ",\"thinking\":{\"type\":\"on\"}}", "/thinking/type"},
    {"{" HEAD "," HI ",\"output_config\":{\"effort\":\"huge\"}}", "/output_config/effort"},
    {"{" HEAD "," HI ",\"output_config\":{\"format\":{\"type\":\"xml\"}}}",
     "/output_config/format/type"},
};

static void test_wrong_types_are_400_with_pointer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        kit k;
        gw_chat_request r;
        kit_open(&k);
        kit_parse(&k, refused[i].json);
        int rc = gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err);
        if (rc != AIGW_E_PARSE || k.err.http_status != 400 ||
            strcmp(k.err.pointer, refused[i].pointer) != 0) {
            fail_msg("%s: code %d status %d pointer \"%s\", wanted \"%s\"", refused[i].json, rc,
                     k.err.http_status, k.err.pointer, refused[i].pointer);
        }
        kit_close(&k);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        kit k;
        gw_chat_request r;
        kit_open(&k);
        kit_parse(&k, unknown[i].json);
        int rc = gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err);
        if (rc != AIGW_E_UNSUPPORTED || strcmp(k.err.pointer, unknown[i].pointer) != 0) {
            fail_msg("%s: code %d pointer \"%s\", wanted \"%s\"", unknown[i].json, rc,
                     k.err.pointer, unknown[i].pointer);
        }
        kit_close(&k);
    }
}

static void test_user_turn_with_results_splits(void **state)
{
    (void)state;
    kit k;
    gw_chat_request r;
    kit_open(&k);
    kit_parse(
        &k,
        "{" HEAD ",\"messages\":["
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\","
        "\"input\":{\"x\":1}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"first\"},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"is_error\":true,"
        "\"content\":[{\"type\":\"text\",\"text\":\"no\"},{\"type\":\"image\",\"source\":"
        "{\"type\":\"url\",\"url\":\"http://x\"}}]},{\"type\":\"text\",\"text\":\"last\"}]}]}");
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(r.format, AIGW_FORMAT_ANTHROPIC);
    assert_int_equal(r.message_count, 3);
    assert_int_equal(r.messages[1].role, GW_ROLE_TOOL);
    assert_int_equal(r.messages[1].part_count, 1);
    assert_true(r.messages[1].parts[0].is_error);
    assert_int_equal(r.messages[1].parts[0].part_count, 2);
    assert_int_equal(r.messages[1].parts[0].parts[1].kind, GW_PART_IMAGE);
    assert_int_equal(r.messages[2].role, GW_ROLE_USER);
    assert_int_equal(r.messages[2].part_count, 2);
    assert_true(gw_jstr_is(r.messages[2].parts[0].text, "first"));
    kit_close(&k);
}

static void test_a_result_before_its_call_is_refused(void **state)
{
    (void)state;
    kit k;
    gw_chat_request r;
    kit_open(&k);
    kit_parse(
        &k,
        "{" HEAD ",\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\","
        "\"input\":{}}]}]}");
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_E_PARSE);
    assert_string_equal(k.err.pointer, "/messages/0/content/0/tool_use_id");
    kit_close(&k);
}

static void test_many_calls_and_results_are_found(void **state)
{
    (void)state;
    enum { CALLS = 500 };
    kit k;
    gw_chat_request r;
    gw_buf text;
    kit_open(&k);
    gw_buf_init(&text, 1u << 20);
    gw_buf_puts(&text, "{" HEAD ",\"messages\":[{\"role\":\"assistant\",\"content\":[");
    for (int i = 0; i < CALLS; i++) {
        gw_buf_printf(&text, "%s{\"type\":\"tool_use\",\"id\":\"t%d\",\"name\":\"f\",\"input\":{}}",
                      i > 0 ? "," : "", (i * 7919) % CALLS);
    }
    gw_buf_puts(&text, "]},{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < CALLS; i++) {
        gw_buf_printf(&text, "%s{\"type\":\"tool_result\",\"tool_use_id\":\"t%d\"}",
                      i > 0 ? "," : "", i);
    }
    gw_buf_puts(&text, "]}]}");
    gw_buf_putc(&text, '\0');
    kit_parse(&k, gw_buf_slice(&text).data);
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(r.messages[1].part_count, CALLS);
    gw_buf_free(&text);
    kit_close(&k);
}

static void test_everything_is_read(void **state)
{
    (void)state;
    kit k;
    gw_chat_request r;
    kit_open(&k);
    kit_parse(
        &k, "{" HEAD ",\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":"
            "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
            "\"messages\":[{\"role\":\"user\",\"content\":["
            "{\"type\":\"document\",\"title\":\"t\",\"source\":{\"type\":\"text\",\"media_type\":"
            "\"text/plain\",\"data\":\"d\"}},{\"type\":\"search_result\",\"source\":\"x\"}]},"
            "{\"role\":\"system\",\"content\":\"later\"}],"
            "\"tools\":[{\"name\":\"f\",\"type\":\"custom\",\"input_schema\":{},\"strict\":true},"
            "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}],"
            "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
            "\"stop_sequences\":[\"a\",\"b\"],\"temperature\":0.50,\"top_k\":5,"
            "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\","
            "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
            "\"output_config\":{\"effort\":\"xhigh\",\"format\":{\"type\":\"json_schema\","
            "\"schema\":{\"type\":\"object\"}}},\"stream\":true,\"mcp_servers\":[]}");
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(r.message_count, 3);
    assert_int_equal(r.messages[0].role, GW_ROLE_SYSTEM);
    assert_int_equal(r.messages[0].parts[0].cache, GW_CACHE_1H);
    assert_int_equal(r.messages[1].parts[0].kind, GW_PART_DOCUMENT);
    assert_true(gw_jstr_is(r.messages[1].parts[0].text, "d"));
    assert_int_equal(r.messages[1].parts[1].kind, GW_PART_NATIVE);
    assert_int_equal(r.messages[2].role, GW_ROLE_SYSTEM);
    assert_int_equal(r.tools[0].strict, 1);
    assert_false(r.tools[0].native);
    assert_true(r.tools[1].native);
    assert_int_equal(r.tool_choice, GW_TOOL_NAMED);
    assert_int_equal(r.parallel_tool_calls, 0);
    assert_int_equal(r.stop_count, 2);
    assert_true(gw_eq(r.temperature.json, GW_S("0.50")));
    assert_true(gw_jstr_is(r.user_id, "u"));
    assert_int_equal(r.thinking, GW_THINKING_ADAPTIVE);
    assert_true(r.thinking_hidden);
    assert_int_equal(r.effort, GW_EFFORT_XHIGH);
    assert_int_equal(r.shape, GW_SHAPE_SCHEMA);
    assert_true(r.stream);
    assert_int_equal(r.extra_count, 1);
    kit_close(&k);
}

/* read, write, read, write: the second text equals the first, and native things stand as they stood. */
static void test_same_format_round_trip(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "{" HEAD "," HI "}",
        "{" HEAD ",\"system\":\"s\"," HI
        ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000,"
        "\"display\":\"summarized\"},\"temperature\":1.0}",
        "{" HEAD "," HI
        ",\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}},"
        "\"output_config\":{\"effort\":\"low\"}}",
        "{" HEAD "," HI
        ",\"tools\":[{\"type\":\"code_execution_20250825\",\"name\":\"code\",\"x\":[1]},"
        "{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"auto\","
        "\"disable_parallel_tool_use\":false},\"container\":{\"id\":\"c\"},\"metadata\":{\"user_"
        "id\":\"u\","
        "\"more\":1}}",
        ASSISTANT(
            "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"server_tool_use\",\"id\":\"s\","
            "\"name\":"
            "\"web_search\",\"input\":{\"q\":1}},{\"type\":\"web_search_tool_result\",\"tool_use_"
            "id\":"
            "\"s\",\"content\":[]},{\"type\":\"text\",\"text\":\"b\",\"citations\":[{\"type\":"
            "\"web_search_result_location\",\"url\":\"u\"}]}"),
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        kit a, b;
        kit_open(&a);
        kit_open(&b);
        assert_int_equal(kit_request(&a, &gw_wire_anthropic, requests[i], ""), AIGW_OK);
        const char *once = kit_text(&a);
        assert_int_equal(kit_request(&b, &gw_wire_anthropic, once, ""), AIGW_OK);
        assert_string_equal(kit_text(&b), once);
        assert_int_equal(a.notes.count, 0);
        if (i == 3) {
            kit_has(once, "{\"type\":\"code_execution_20250825\",\"name\":\"code\",\"x\":[1]}");
            kit_has(once, "\"container\":{\"id\":\"c\"}");
            kit_has(once, "\"more\":1");
            kit_has(once, "\"disable_parallel_tool_use\":false");
        } else if (i == 4) {
            kit_has(once, "\"input\":{\"q\":1}},{\"type\":\"web_search_tool_result\"");
            kit_has(once, "\"citations\":[{\"type\":\"web_search_result_location\"");
        } else if (i == 1) {
            kit_has(once, "\"display\":\"summarized\"");
            kit_has(once, "\"temperature\":1.0");
        } else if (i == 2) {
            kit_has(once, "\"effort\":\"low\"");
            kit_has(once, "\"schema\":{\"type\":\"object\"}");
        }
        kit_close(&a);
        kit_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_types_are_400_with_pointer),
        cmocka_unit_test(test_user_turn_with_results_splits),
        cmocka_unit_test(test_a_result_before_its_call_is_refused),
        cmocka_unit_test(test_many_calls_and_results_are_found),
        cmocka_unit_test(test_everything_is_read),
        cmocka_unit_test(test_same_format_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
