/* Requests of the Gemini API: what they say, what is refused, and read, write, read again. */
#include "unit/wire/gemini/kit.h"

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

static const char *to_chat(const char *json)
{
    return kit_request(&k, GEM, CHAT, json, "gpt-x");
}

static void both_spellings(void **state)
{
    (void)state;
    const char *camel = to_chat(
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"parts\":[{\"text\":"
        "\"x\"}]}],\"generationConfig\":{\"maxOutputTokens\":5,\"topP\":0.5,\"stopSequences\":"
        "[\"e\"],\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}},\"toolConfig\":"
        "{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}},"
        "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}");
    char *kept = strdup(camel);
    assert_non_null(kept);
    const char *snake = to_chat(
        "{\"system_instruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"parts\":[{"
        "\"text\":"
        "\"x\"}]}],\"generation_config\":{\"max_output_tokens\":5,\"top_p\":0.5,\"stop_sequences\":"
        "[\"e\"],\"thinking_config\":{\"thinking_level\":\"LOW\"}},\"tool_config\":"
        "{\"function_calling_config\":{\"mode\":\"ANY\",\"allowed_function_names\":[\"f\"]}},"
        "\"tools\":[{\"function_declarations\":[{\"name\":\"f\"}]}]}");
    assert_string_equal(kept, snake);
    kit_has(kept, "\"reasoning_effort\":\"low\"");
    kit_has(kept, "\"max_completion_tokens\":5");
    kit_has(kept, "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
    free(kept);
}

static void own_schema_becomes_common(void **state)
{
    (void)state;
    const char *text = to_chat(
        "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"tools\":[{\"functionDeclarations\":["
        "{\"name\":\"f\",\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"type\":{\"type\":"
        "\"STRING\",\"nullable\":true,\"enum\":[\"A\"],\"minLength\":\"3\"},\"l\":{\"type\":"
        "\"ARRAY\",\"items\":{\"type\":\"INTEGER\"},\"max_items\":\"4\"}},\"required\":[\"type\"]"
        "}}]}]}");
    kit_has(text,
            "\"parameters\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":[\"string\","
            "\"null\"],\"enum\":[\"A\",null],\"minLength\":3},\"l\":{\"type\":\"array\",\"items\":"
            "{\"type\":\"integer\"},\"maxItems\":4}},\"required\":[\"type\"]}");
}

static void calls_and_results(void **state)
{
    (void)state;
    /* No ids: two calls of one name are answered in their order. */
    const char *text = to_chat(
        "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\",\"parts\":["
        "{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1}}},{\"functionCall\":{\"name\":\"f\","
        "\"args\":{\"n\":2}}},{\"functionCall\":{\"id\":\"call_gm_3\",\"name\":\"g\"}}]},"
        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"g\",\"response\":"
        "{\"error\":\"bad\"}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":"
        "\"one\"}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{\"two\":[ 2 ]}}},{\"text\":"
        "\"go on\"}]}]}");
    kit_has(text, "\"id\":\"call_gm_0\"");
    kit_has(text, "\"id\":\"call_gm_1\"");
    kit_has(text, "\"tool_call_id\":\"call_gm_0\",\"content\":\"one\"");
    kit_has(text, "\"tool_call_id\":\"call_gm_1\",\"content\":\"{\\\"two\\\":[2]}\"");
    kit_has(text, "\"tool_call_id\":\"call_gm_3\"");
    kit_has(text, "\"content\":\"go on\"");
}

/* An id that the client said is never made up for another call. */
static void made_ids_are_nobodys(void **state)
{
    (void)state;
    const char *text = to_chat(
        "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":"
        "\"call_gm_1\",\"name\":\"a\"}},{\"functionCall\":{\"name\":\"b\"}}]},{\"role\":"
        "\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"b\",\"response\":{\"output\":"
        "\"B\"}}},{\"functionResponse\":{\"id\":\"call_gm_1\",\"name\":\"a\",\"response\":"
        "{\"output\":\"A\"}}}]}]}");
    kit_has(text, "\"tool_call_id\":\"call_gm_1\",\"content\":\"A\"");
    kit_lacks(text, "\"tool_call_id\":\"call_gm_1\",\"content\":\"B\"");
}

static void base64_of_the_python_sdk(void **state)
{
    (void)state;
    const char *text =
        to_chat("{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
                "\"-_8\"}}]}]}");
    kit_has(text, "data:image/png;base64,+/8=");
}

static void thoughts_in_pieces_are_one(void **state)
{
    (void)state;
    gw_buf sealed;
    gw_buf_init(&sealed, 1024);
    gw_buf_puts(&sealed, "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\","
                         "\"parts\":[{\"text\":\"a \","
                         "\"thought\":true},{\"text\":\"b\",\"thought\":true},{\"text\":\"\","
                         "\"thought\":true,\"thoughtSignature\":\"YWlndzEyc1NJRw==\"},{\"text\":"
                         "\"said\"}]},{\"parts\":[{\"text\":\"y\"}]}]}");
    gw_buf_putc(&sealed, '\0');
    const char *text = kit_request(&k, GEM, MSG, gw_buf_slice(&sealed).data, "claude-sonnet-4-5");
    kit_has(text, "{\"type\":\"thinking\",\"thinking\":\"a b\",\"signature\":\"SIG\"}");
    gw_buf_free(&sealed);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *pointer;
    } cases[] = {
        {"[]", ""},
        {"{}", "/contents"},
        {"{\"contents\":{}}", "/contents"},
        {"{\"contents\":[]}", "/contents"},
        {"{\"contents\":[1]}", "/contents/0"},

        {"{\"contents\":[{\"parts\":{}}]}", "/contents/0/parts"},
        {"{\"contents\":[{\"parts\":[{}]}]}", "/contents/0/parts/0"},
        {"{\"contents\":[{\"parts\":[\"x\"]}]}", "/contents/0/parts/0"},
        {"{\"contents\":[{\"parts\":[{\"text\":1}]}]}", "/contents/0/parts/0/text"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\",\"inlineData\":{}}]}]}",
         "/contents/0/parts/0"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\",\"thought\":1}]}]}",
         "/contents/0/parts/0/thought"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\",\"thoughtSignature\":{}}]}]}",
         "/contents/0/parts/0/thoughtSignature"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"AAAA\"}}]}]}",
         "/contents/0/parts/0/inlineData/mimeType"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\"}}]}]}",
         "/contents/0/parts/0/inlineData/data"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
         "png\",\"data\":\"A\"}}]}]}",
         "/contents/0/parts/0/inlineData/data"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
         "\"AA==AA==\"}}]}]}",
         "/contents/0/parts/0/inlineData/data"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
         "\"data:image/png;base64,AAAA\"}}]}]}",
         "/contents/0/parts/0/inlineData/data"},
        {"{\"contents\":[{\"parts\":[{\"fileData\":{\"mimeType\":\"a/b\"}}]}]}",
         "/contents/0/parts/0/fileData/fileUri"},
        {"{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}]}",
         "/contents/0/parts/0/functionCall"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"args\":{}}}]}]}",
         "/contents/0/parts/0/functionCall/name"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":"
         "\"{}\"}}]}]}",
         "/contents/0/parts/0/functionCall/args"},
        {"{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]}",
         "/contents/0/parts/0/functionResponse"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"
         "{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":\"text\"}}]}]}",
         "/contents/1/parts/0/functionResponse/response"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"
         "{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}},{"
         "\"functionResponse\":"
         "{\"name\":\"f\",\"response\":{}}}]}]}",
         "/contents/1/parts/1/functionResponse"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"1\",\"name\":"
         "\"f\"}}]},{\"parts\":[{\"functionResponse\":{\"id\":\"1\",\"name\":\"g\",\"response\":{}}"
         "}"
         "]}]}",
         "/contents/1/parts/0/functionResponse/name"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"1\",\"name\":"
         "\"f\"}}]},{\"parts\":[{\"functionResponse\":{\"id\":\"2\",\"name\":\"f\",\"response\":{}}"
         "}"
         "]}]}",
         "/contents/1/parts/0/functionResponse"},
#define X "\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]"
        {"{" X ",\"systemInstruction\":\"s\"}", "/systemInstruction"},
        {"{" X ",\"systemInstruction\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
         "\"data\":\"AAAA\"}}]}}",
         "/systemInstruction/parts/0"},
        {"{" X ",\"tools\":{}}", "/tools"},
        {"{" X ",\"tools\":[1]}", "/tools/0"},
        {"{" X ",\"tools\":[{\"functionDeclarations\":{}}]}", "/tools/0/functionDeclarations"},
        {"{" X ",\"tools\":[{\"functionDeclarations\":[{}]}]}",
         "/tools/0/functionDeclarations/0/name"},
        {"{" X ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{},"
         "\"parametersJsonSchema\":{}}]}]}",
         "/tools/0/functionDeclarations/0/parameters"},

        {"{" X ",\"generationConfig\":[]}", "/generationConfig"},
        {"{" X ",\"generationConfig\":{\"temperature\":\"1\"}}", "/generationConfig/temperature"},
        {"{" X ",\"generationConfig\":{\"maxOutputTokens\":-1}}",
         "/generationConfig/maxOutputTokens"},
        {"{" X ",\"generationConfig\":{\"maxOutputTokens\":99999999999999999999}}",
         "/generationConfig/maxOutputTokens"},
        {"{" X ",\"generationConfig\":{\"stopSequences\":[1]}}",
         "/generationConfig/stopSequences/0"},

        {"{" X ",\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\","
         "\"thinkingBudget\":1}}}",
         "/generationConfig/thinkingConfig/thinkingBudget"},
        {"{" X ",\"generationConfig\":{},\"generation_config\":{}}", "/generation_config"},
        {"{" X ",\"serviceTier\":1}", "/serviceTier"},
    };
    /* Perhaps of the vendor's future: a provider of its own may know it. */
    static const struct {
        const char *json, *pointer;
    } unknown[] = {
        {"{\"contents\":[{\"role\":\"tool\",\"parts\":[]}]}", "/contents/0/role"},
        {"{" X ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"SOME\"}}}",
         "/toolConfig/functionCallingConfig/mode"},
        {"{" X ",\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"HUGE\"}}}",
         "/generationConfig/thinkingConfig/thinkingLevel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = kit_request_of(&k, GEM, CHAT, aigw_slice_of(cases[i].json), "m");
        if (rc != AIGW_E_PARSE || strcmp(k.err.pointer, cases[i].pointer) != 0)
            fail_msg("%d at '%s', not '%s': %s", rc, k.err.pointer, cases[i].pointer,
                     cases[i].json);
        assert_int_equal(k.err.http_status, 400);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        int rc = kit_request_of(&k, GEM, CHAT, aigw_slice_of(unknown[i].json), "m");
        if (rc != AIGW_E_UNSUPPORTED || strcmp(k.err.pointer, unknown[i].pointer) != 0)
            fail_msg("%d at '%s': %s", rc, k.err.pointer, unknown[i].json);
    }
}

static void state_stays_with_its_provider(void **state)
{
    (void)state;
    static const char json[] = "{" X ",\"cachedContent\":\"cachedContents/1\"}";
    assert_int_equal(kit_request_of(&k, GEM, CHAT, aigw_slice_of(json), "m"), AIGW_E_UNSUPPORTED);
    assert_string_equal(k.err.pointer, "/cachedContent");
    kit_has(kit_request(&k, GEM, GEM, json, "m"), "\"cachedContent\":\"cachedContents/1\"");
}

static void own_members_stay(void **state)
{
    (void)state;
    static const char json[] =
        "{" X ",\"safetySettings\":[{\"category\":\"C\"}],\"labels\":{\"a\":\"b\"},"
        "\"tools\":[{\"googleSearch\":{},\"codeExecution\":{}},{\"functionDeclarations\":[{"
        "\"name\":"
        "\"a.b\",\"behavior\":\"BLOCKING\"}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":"
        "\"VALIDATED\"},\"retrievalConfig\":{\"languageCode\":\"de\"}},\"generationConfig\":"
        "{\"mediaResolution\":\"M\",\"responseMimeType\":\"text/x.enum\",\"responseSchema\":"
        "{\"type\":\"STRING\",\"enum\":[\"a\"]},\"speechConfig\":{\"languageCode\":\"de-DE\"},"
        "\"thinkingConfig\":{\"thinkingBudget\":7},\"responseModalities\":[\"AUDIO\"]}}";
    const char *text = kit_request(&k, GEM, GEM, json, "gemini-3-pro");
    kit_has(text, "\"safetySettings\":[{\"category\":\"C\"}],\"labels\":{\"a\":\"b\"}");
    kit_has(text, "{\"googleSearch\":{}},{\"codeExecution\":{}}");
    kit_has(text, "{\"name\":\"a.b\",\"behavior\":\"BLOCKING\"}");
    kit_has(text, "{\"functionCallingConfig\":{\"mode\":\"VALIDATED\"},\"retrievalConfig\":"
                  "{\"languageCode\":\"de\"}}");
    kit_has(text, "\"mediaResolution\":\"M\"");
    kit_has(text, "\"responseMimeType\":\"text/x.enum\"");
    kit_has(text, "\"responseJsonSchema\":{\"type\":\"string\",\"enum\":[\"a\"]}");
    kit_has(text, "\"speechConfig\":{\"languageCode\":\"de-DE\"}");
    kit_has(text, "\"thinkingBudget\":7");
    kit_has(text, "\"responseModalities\":[\"AUDIO\"]");
    assert_int_equal(k.notes.count, 0);
    to_chat("{" X ",\"safetySettings\":[],\"toolConfig\":{\"retrievalConfig\":{}},"
            "\"generationConfig\":{\"mediaResolution\":\"M\"}}");
    static const char *const noted[] = {"/safetySettings", "/generationConfig/mediaResolution",
                                        "/toolConfig/retrievalConfig"};
    for (size_t i = 0; i < sizeof noted / sizeof noted[0]; i++)
        assert_true(kit_noted(&k, noted[i]));
}

/* What we sealed for another vendor does not go to Gemini when the request passes as it is. */
static void mended(void **state)
{
    (void)state;
    gw_patch patches[GW_MEND_MAX];
    gw_write_options options = {.model = GW_S("m")};
    size_t count = 9;
    kit_parse(&k,
              GW_S("{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":"
                   "true,\"thoughtSignature\":\"YWlndzEyc1NJRw==\"},{\"functionCall\":{\"name\":"
                   "\"f\"},\"thoughtSignature\":\"c2ln\"},{\"text\":\"u\",\"thoughtSignature\":"
                   "\"YWlndzEyc1NJRw==\"}]}]}"));
    assert_int_equal(GEM->mend_request(k.arena, &k.doc, &options, patches, &count), AIGW_OK);
    assert_int_equal(count, 1);
    assert_string_equal(patches[0].member, "contents");
    assert_true(gw_eq(patches[0].value,
                      GW_S("[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"},"
                           "\"thoughtSignature\":\"c2ln\"},{\"text\":\"u\"}]}]")));
    kit_parse(&k, GW_S("{\"contents\":[{\"parts\":[{\"text\":\"t\"}]}]}"));
    assert_int_equal(GEM->mend_request(k.arena, &k.doc, &options, patches, &count), AIGW_OK);
    assert_int_equal(count, 0);
}

static const char *const fixtures[] = {"code-execution",
                                       "empty-assistant-in-history",
                                       "error-404-model",
                                       "grounding-google-search",
                                       "json-schema",
                                       "json-schema-prefix-items",
                                       "max-tokens-no-content",
                                       "plain",
                                       "safety-finish",
                                       "stream-json-array-no-alt-sse",
                                       "stream-plain",
                                       "stream-tool-call-thought-signature",
                                       "system-instruction",
                                       "text-inline-data",
                                       "thinking-config",
                                       "tool-call",
                                       "tool-call-no-args-any-mode",
                                       "tool-choice-any",
                                       "video-file-uri"};

/* Written and read again, each says what it said; and other formats can say it or refuse with a place. */
static void every_fixture(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "gemini/%s.request.json", fixtures[i]);
        aigw_slice json = kit_fixture(&k, name);
        assert_int_equal(kit_request_of(&k, GEM, GEM, json, "gemini-3-pro"), AIGW_OK);
        const char *once = kit_text(&k);
        assert_int_equal(k.notes.count, 0);
        const char *twice = kit_request(&k, GEM, GEM, once, "gemini-3-pro");
        assert_string_equal(once, twice);
        for (size_t w = 0; gw_wires[w] != NULL; w++) {
            int rc = kit_request_of(&k, GEM, gw_wires[w], json, "m");
            if (rc == AIGW_OK)
                kit_text(&k);
            else
                assert_int_not_equal(strlen(k.err.pointer), 0);
        }
        k.notes.count = 0;
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_spellings),
        T(own_schema_becomes_common),
        T(calls_and_results),
        T(made_ids_are_nobodys),
        T(base64_of_the_python_sdk),
        T(thoughts_in_pieces_are_one),
        T(refused),
        T(state_stays_with_its_provider),
        T(own_members_stay),
        T(mended),
        T(every_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
