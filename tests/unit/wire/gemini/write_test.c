/* Requests of other formats in the words of generateContent. */
#include "unit/wire/gemini/kit.h"

#include "chat/wrap.h"

static kit k;

static int open_kit(void **state)
{
    (void)state;
    kit_open(&k);
    return 0;
}

static int close_kit(void **state)
{
    (void)state;
    kit_close(&k);
    return 0;
}

static const char *chat(const char *json)
{
    return kit_request(&k, CHAT, GEM, json, "gemini-3-flash-preview");
}

static void plain_settings(void **state)
{
    (void)state;
    const char *text = chat(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
        "{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"y\"},"
        "{\"role\":\"developer\",\"content\":\"b\"}],"
        "\"max_completion_tokens\":9,\"temperature\":1.7,\"top_p\":0.5,\"n\":2,\"seed\":7,"
        "\"stop\":[\"a\",\"b\"],\"presence_penalty\":1,\"frequency_penalty\":-1,\"logprobs\":true,"
        "\"top_logprobs\":3,\"stream\":true,\"service_tier\":\"default\",\"store\":true,"
        "\"user\":\"u\"}");
    kit_has(text, "\"systemInstruction\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}");
    kit_has(text,
            "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"},{\"text\":\"y\"}]}]");
    kit_has(text, "\"maxOutputTokens\":9,\"temperature\":1.7,\"topP\":0.5,\"candidateCount\":2");
    kit_has(text, "\"seed\":7,\"presencePenalty\":1,\"frequencyPenalty\":-1,"
                  "\"responseLogprobs\":true,\"logprobs\":3,\"stopSequences\":[\"a\",\"b\"]");
    kit_has(text, "\"serviceTier\":\"standard\",\"store\":true");
    kit_lacks(text, "\"stream\"");
    kit_lacks(text, "\"model\":\"m\"");
    assert_true(kit_noted(&k, "/messages/3"));
    assert_true(kit_noted(&k, "/user"));
}

#define CALLS                                                                                      \
    "{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":null,"             \
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","           \
    "\"arguments\":\"\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\","      \
    "\"arguments\":\"{\\\"a\\\":1}\"}}]}"

/* Case 14: role, name, object, all of them in one turn and in the order of the calls. */
static void edge_14_results_of_calls(void **state)
{
    (void)state;
    const char *text =
        chat("{\"model\":\"m\",\"messages\":[" CALLS
             ",{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"{\\\"k\\\":[1]}\"},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sun\"},"
             "{\"role\":\"user\",\"content\":\"and?\"}]}");
    kit_has(text,
            "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\","
            "\"args\":{}}},{\"functionCall\":{\"id\":\"c2\",\"name\":\"g\",\"args\":{\"a\":1}}}]}");
    kit_has(text,
            "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"f\","
            "\"response\":{\"output\":\"sun\"}}},{\"functionResponse\":{\"id\":\"c2\","
            "\"name\":\"g\",\"response\":{\"k\":[1]}}},{\"text\":\"and?\"}]}");
}

static void errors_and_images_of_tools(void **state)
{
    (void)state;
    static const char json[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"go\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
        "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
        "\"tool_use_id\":\"t\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
        "\"{\\\"no\\\":1}\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\",\"data\":\"AAAA\"}}]}]}]}";
    const char *image = "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}";
    char expected[512];
    snprintf(expected, sizeof expected,
             "\"response\":{\"error\":\"{\\\"no\\\":1}\"},\"parts\":[%s]}}", image);
    kit_has(kit_request(&k, MSG, GEM, json, "gemini-3-pro-preview"), expected);
    snprintf(expected, sizeof expected, "\"response\":{\"error\":\"{\\\"no\\\":1}\"}}},%s]", image);
    kit_has(kit_request(&k, MSG, GEM, json, "gemini-2.5-pro"), expected);
}

static void tools_and_choices(void **state)
{
    (void)state;
    static const struct {
        const char *choice, *config;
    } cases[] = {
        {"\"auto\"", "{\"mode\":\"AUTO\"}"},
        {"\"none\"", "{\"mode\":\"NONE\"}"},
        {"\"required\"", "{\"mode\":\"ANY\"}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}"},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{\"type\":"
         "\"function\",\"function\":{\"name\":\"f\"}}]}}",
         "{\"mode\":\"VALIDATED\",\"allowedFunctionNames\":[\"f\"]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[2048], expected[256];
        snprintf(
            json, sizeof json,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,"
            "\"description\":\"d\",\"parameters\":{\"$schema\":\"s\",\"type\":\"object\","
            "\"properties\":{\"p\":{\"const\":\"v\"},\"q\":{\"type\":\"string\",\"minLength\":3,"
            "\"description\":\"D\"}}}}},{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}],"
            "\"tool_choice\":%s}",
            cases[i].choice);
        const char *text = chat(json);
        kit_has(text,
                "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\","
                "\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"p\":{\"enum\":"
                "[\"v\"]},\"q\":{\"type\":\"string\",\"description\":\"D\\n\\nminLength: 3\"}}}}");
        kit_has(text,
                "{\"name\":\"c\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":"
                "{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}}");
        snprintf(expected, sizeof expected, "\"functionCallingConfig\":%s}", cases[i].config);
        kit_has(text, expected);
        assert_true(kit_noted(&k, "/tools/0/function") || kit_noted(&k, "/tools/0"));
    }
}

static void schema_is_reduced(void **state)
{
    (void)state;
    const char *text = chat(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":"
        "{\"type\":\"object\",\"definitions\":{\"A\":{\"oneOf\":[{\"type\":\"null\"},"
        "{\"pattern\":\"^\\\\d$\"}]}},\"properties\":{\"description\":{\"$ref\":\"#/definitions/"
        "A\","
        "\"title\":\"gone\"}},\"additionalProperties\":{\"minLength\":1}}}}}");
    kit_has(text, "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":"
                  "\"object\",\"$defs\":{\"A\":{\"anyOf\":[{\"type\":\"null\"},{\"description\":"
                  "\"pattern: \\\"^\\\\\\\\d$\\\"\"}]}},\"properties\":{\"description\":{\"$ref\":"
                  "\"#/$defs/A\"}},\"additionalProperties\":{\"description\":\"minLength: 1\"}}");
}

static void thinking_of_each_family(void **state)
{
    (void)state;
    static const struct {
        const char *model, *effort, *config;
    } cases[] = {
        {"gemini-3-flash-preview", "low", "\"thinkingLevel\":\"LOW\",\"includeThoughts\":true"},
        {"gemini-3-pro-preview", "medium", "\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true"},
        {"gemini-3-flash-preview", "none", "\"thinkingLevel\":\"MINIMAL\"}"},
        {"gemini-2.5-flash", "none", "\"thinkingBudget\":0}"},
        {"gemini-2.5-pro", "none", "\"thinkingBudget\":128}"},
        {"models/gemini-2.5-pro", "xhigh", "\"thinkingBudget\":32768,\"includeThoughts\":true"},
        {"gemini-2.5-flash", "max", "\"thinkingBudget\":24576,\"includeThoughts\":true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                 "\"reasoning_effort\":\"%s\"}",
                 cases[i].effort);
        kit_has(kit_request(&k, CHAT, GEM, json, cases[i].model), cases[i].config);
    }
    const char *text =
        kit_request(&k, CHAT, GEM,
                    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                    "\"reasoning_effort\":\"high\"}",
                    "gemini-2.0-flash");
    kit_lacks(text, "thinkingConfig");
    assert_true(kit_noted(&k, "/reasoning_effort"));
}

/* Case 17: what Gemini signed comes back to it, by either way; what others signed does not. */
static void edge_17_signatures_of_calls(void **state)
{
    (void)state;
    const char *text = chat(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
        "\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"extra_content\":"
        "{\"google\":{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}]}");
    kit_has(text, "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}},"
                  "\"thoughtSignature\":\"c2ln\"}");
    text =
        kit_request(&k, MSG, GEM,
                    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                    "\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
                    "\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},{\"type\":\"text\","
                    "\"text\":\"y\"}]},{\"role\":\"user\",\"content\":\"z\"}]}",
                    "gemini-3-pro-preview");
    kit_lacks(text, "hm");
    kit_lacks(text, "c2ln");
    assert_true(kit_noted(&k, "/messages/1/content/0"));
}

static void media(void **state)
{
    (void)state;
    const char *text = chat(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image/jpeg;base64,AAAA\",\"detail\":\"low\"}},{\"type\":"
        "\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}},{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"gs://b/o.png\"}},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"https://youtu.be/x\"}}]}]}");
    kit_has(text, "{\"inlineData\":{\"mimeType\":\"image/jpeg\",\"data\":\"AAAA\"},"
                  "\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_LOW\"}}");
    kit_has(text, "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"AAAA\"}}");
    kit_has(text, "{\"fileData\":{\"fileUri\":\"gs://b/o.png\"}}");
    kit_has(text, "{\"fileData\":{\"fileUri\":\"https://youtu.be/x\"}}");
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *pointer;
    } cases[] = {
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"https://example.com/a.png\"}}]}]}",
         "/messages/0/content/0"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"https://youtube.com.evil.example/a\"}}]}]}",
         "/messages/0/content/0"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\","
         "\"file\":{\"file_id\":\"file-1\"}}]}]}",
         "/messages/0/content/0"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}", "/messages/0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = kit_request_of(&k, CHAT, GEM, aigw_slice_of(cases[i].json), "gemini-3-pro");
        assert_int_equal(rc, AIGW_E_UNSUPPORTED);
        assert_string_equal(k.err.pointer, cases[i].pointer);
        assert_int_equal(k.err.http_status, 400);
    }
}

static int keep_name(void *user, const gw_event *event)
{
    if (event->kind == GW_EV_BLOCK_START)
        *(gw_jstr *)user = event->tool_name;
    return AIGW_OK;
}

/* Names that Gemini does not take go out as others, the same everywhere, and come back as they were. */
static void names_of_tools(void **state)
{
    (void)state;
    static const char *const names[] = {"3d.render", "3d", "-x", "a b", "plain"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char json[512], allowed[256];
        snprintf(json, sizeof json,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                 "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}],"
                 "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}}",
                 names[i], names[i]);
        const char *text = chat(json);
        gw_json_doc doc;
        assert_int_equal(gw_json_parse(k.arena, aigw_slice_of(text), NULL, &doc, NULL), AIGW_OK);
        gw_json_ref tools = gw_json_get(&doc, 0, "tools");
        gw_json_ref list = gw_json_get(&doc, gw_json_at(&doc, tools, 0), "functionDeclarations");
        aigw_slice name = gw_json_inner(&doc, gw_json_get(&doc, gw_json_at(&doc, list, 0), "name"));
        assert_true((name.data[0] | 32) >= 'a' || name.data[0] == '_');
        for (size_t c = 0; c < name.len; c++)
            assert_non_null(strchr(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", name.data[c]));
        snprintf(allowed, sizeof allowed, "\"allowedFunctionNames\":[\"%.*s\"]", (int)name.len,
                 name.data);
        kit_has(text, allowed);
        gw_chat_request r;
        gw_unwrap unwrap;
        gw_jstr back = {{NULL, 0}};
        assert_int_equal(CHAT->read_request(k.arena, &k.doc, &r, NULL), AIGW_OK);
        gw_unwrap_init(&unwrap, &r, (gw_event_sink){keep_name, &back});
        gw_event call = {
            .kind = GW_EV_BLOCK_START, .block_kind = GW_BLOCK_TOOL_CALL, .tool_name = {name}};
        assert_int_equal(gw_unwrap_event(&unwrap, &call), AIGW_OK);
        assert_true(gw_jstr_is(back, names[i]));
        assert_int_equal(gw_unwrap_needed(&r), strcmp(names[i], "plain") != 0);
        gw_unwrap_free(&unwrap);
    }
}

static void counting(void **state)
{
    (void)state;
    gw_chat_request r;
    gw_write_options options = {.model = GW_S("gemini-3-pro")};
    int64_t tokens = 0;
    kit_parse(&k, GW_S("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    assert_int_equal(CHAT->read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(GEM->write_count_request(k.arena, &r, &options, &k.out, &k.notes, &k.err),
                     AIGW_OK);
    const char *text = kit_text(&k);
    gw_buf_clear(&k.out);
    gw_write_options vertex = {.model = GW_S("gemini-3-pro"), .quirks = GW_QUIRK_COUNT_PLAIN};
    assert_int_equal(GEM->write_count_request(k.arena, &r, &vertex, &k.out, &k.notes, &k.err),
                     AIGW_OK);
    kit_has(kit_text(&k), "{\"contents\":[");
    kit_has(text, "{\"generateContentRequest\":{\"model\":\"models/gemini-3-pro\",\"contents\":[");
    kit_parse(&k, aigw_slice_of(text));
    assert_int_equal(GEM->read_count_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(r.message_count, 1);
    gw_buf_clear(&k.out);
    GEM->write_count(12, &k.out);
    kit_parse(&k, aigw_slice_of(kit_text(&k)));
    assert_true(GEM->read_count(&k.doc, &tokens));
    assert_int_equal(tokens, 12);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_settings),
        T(edge_14_results_of_calls),
        T(errors_and_images_of_tools),
        T(tools_and_choices),
        T(schema_is_reduced),
        T(thinking_of_each_family),
        T(edge_17_signatures_of_calls),
        T(media),
        T(refused),
        T(names_of_tools),
        T(counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
