/* Converse requests: from the other formats, to them, to itself, and what is refused. */
#include "unit/wire/bedrock/kit.h"

#include "chat/seal.h"

static void parameters(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *text =
        kit_chat(&k, CLAUDE,
                 "\"max_tokens\":7,\"temperature\":1.7,\"stop\":[\"END\",\" \"],\"seed\":1,"
                 "\"presence_penalty\":0.1,\"user\":\"u\",\"service_tier\":\"flex\","
                 "\"metadata\":{\"team\":\"a b\",\"bad key!\":\"x\",\"v\":\"\\u00e9\"}");
    assert_string_equal(text, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
                              "\"inferenceConfig\":{\"maxTokens\":7,\"temperature\":1,"
                              "\"stopSequences\":[\"END\"]},\"serviceTier\":{\"type\":\"flex\"},"
                              "\"requestMetadata\":{\"team\":\"a b\"}}");
    assert_true(kit_noted(&k, "/temperature"));
    assert_true(kit_noted(&k, "/seed"));
    assert_true(kit_noted(&k, "/presence_penalty"));
    assert_true(kit_noted(&k, "/user"));
    assert_true(kit_noted(&k, "/metadata"));
    assert_false(kit_noted(&k, "/max_tokens"));
    /* Case 18: what the model rejects is not sent. */
    text = kit_chat(&k, "anthropic.claude-opus-4-8-v1:0", "\"temperature\":0.2,\"top_p\":0.5");
    kit_lacks(text, "temperature");
    kit_lacks(text, "topP");
    assert_true(kit_noted(&k, "/temperature") && kit_noted(&k, "/top_p"));
    text = kit_chat(&k, CLAUDE, "\"temperature\":0.2,\"top_p\":0.5");
    kit_lacks(text, "topP");
    text = kit_chat(&k, NOVA, "\"temperature\":0.2,\"top_p\":0.5");
    kit_has(text, "\"topP\":0.5");
    kit_close(&k);
}

static void refused_for_bedrock(void **state)
{
    static const char *const members[] = {
        "\"n\":2", "\"logprobs\":true",
        ("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
         "\"array\"}}}]")};
    static const char *const parts[] = {
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/x.png\"}}",
        "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}",
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/tiff;base64,AAAA\"}}",
        ("{\"type\":\"file\",\"file\":{\"filename\":\"x.zip\",\"file_data\":"
         "\"data:application/zip;base64,AAAA\"}}")};
    kit k;
    char json[1024];
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < 3; i++) {
        snprintf(json, sizeof json,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],%s}",
                 members[i]);
        assert_int_equal(kit_convert(&k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE, json),
                         AIGW_E_UNSUPPORTED);
        assert_int_equal(k.err.http_status, 400);
        assert_true(k.err.pointer[0] == '/');
        gw_buf_clear(&k.out);
    }
    for (size_t i = 0; i < 4; i++) {
        snprintf(json, sizeof json,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", parts[i]);
        assert_int_equal(kit_convert(&k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE, json),
                         AIGW_E_UNSUPPORTED);
        assert_string_equal(k.err.pointer, "/messages/0/content/0");
        gw_buf_clear(&k.out);
    }
    kit_close(&k);
}

/* Case 13: blank text never goes out, all-empty turns vanish, and pairs of call and result stay. */
static void case_13_blank_text(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_request(
        &k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\" \\n\"},"
        "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\","
        "\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}");
    kit_has(text, "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":"
                  "\"b\"}]},{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":"
                  "\"c1\",\"name\":\"f\",\"input\":{}}}]},{\"role\":\"user\",\"content\":["
                  "{\"toolResult\":{\"toolUseId\":\"c1\",\"content\":[]}}]}]");
    kit_lacks(text, "\"text\":\"\"");
    assert_int_equal(kit_convert(&k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
                                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                                 "\" \"}]}"),
                     AIGW_E_PARSE);
    kit_close(&k);
}

/* Case 15 (and 12): results are structured, linked by id, in one user turn, before any text. */
static void case_15_tool_results(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_request(
        &k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"tool_calls\":["
        "{\"id\":\"call 1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"x\\\":1}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call 1\",\"content\":\"r1\"},"
        "{\"role\":\"system\",\"content\":\"mid\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"r2\"},"
        "{\"role\":\"user\",\"content\":\"more\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
        "\"tool_choice\":\"none\"}");
    const char *first = strstr(text, "\"toolUseId\":\"call_1_");
    assert_non_null(first);
    char id[80];
    snprintf(id, sizeof id, "%.28s", first);
    assert_non_null(strstr(first + 10, id)); /* the result has the id that the call got */
    kit_has(text, "\"content\":[{\"text\":\"r1\"}]}},{\"toolResult\":{\"toolUseId\":\"c2\","
                  "\"content\":[{\"text\":\"r2\"}]}},{\"text\":\"mid\"},{\"text\":\"more\"}]");
    /* Tools cannot be forbidden, but must be told: the history speaks of them. */
    kit_has(text, "\"toolSpec\":{\"name\":\"f\"");
    kit_lacks(text, "toolChoice");
    assert_true(kit_noted(&k, "/tool_choice"));
    /* Without tools in the request those of the history are named. */
    text =
        kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, CLAUDE,
                    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                    "\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
                    "\"tool_use\",\"id\":\"t\",\"name\":\"g\",\"input\":{}}]},{\"role\":\"user\","
                    "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
                    "\"is_error\":true,\"content\":\"no\"}]}]}");
    kit_has(text, "{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{\"json\":{\"type\":\"object\"");
    kit_has(text, "\"status\":\"error\"");
    /* An id that a host gives in every turn is another one each time. */
    text = kit_request(
        &k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"0\",\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"0\","
        "\"content\":\"x\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"0\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
        "\"tool_call_id\":\"0\",\"content\":\"y\"}]}");
    kit_has(text, "{\"toolResult\":{\"toolUseId\":\"0\",\"content\":[{\"text\":\"x\"}]}}");
    kit_has(text, "{\"toolResult\":{\"toolUseId\":\"0_2\",\"content\":[{\"text\":\"y\"}]}}");
    kit_close(&k);
}

#define ONE_TOOL                                                                                   \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,"              \
    "\"description\":\"d\",\"parameters\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}}]"

static void tools(void **state)
{
    static const struct {
        const char *model, *choice, *has, *noted;
    } cases[] = {
        {CLAUDE, "\"auto\"", "\"toolChoice\":{\"auto\":{}}", NULL},
        {CLAUDE, "\"required\"", "\"toolChoice\":{\"any\":{}}", NULL},
        {CLAUDE, "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         "\"toolChoice\":{\"tool\":{\"name\":\"f\"}}", NULL},
        {"mistral.mistral-large-2402-v1:0", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         "\"toolChoice\":{\"any\":{}}", "/tool_choice"},
        {"meta.llama3-3-70b-instruct-v1:0", "\"required\"", "\"toolSpec\"", "/tool_choice"},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/x", "\"required\"",
         "\"toolChoice\":{\"any\":{}}", NULL},
        {CLAUDE,
         "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":["
         "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}",
         "\"toolChoice\":{\"any\":{}}", NULL},
    };
    kit k;
    char members[1024];
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(members, sizeof members, ONE_TOOL ",\"tool_choice\":%s", cases[i].choice);
        const char *text = kit_chat(&k, cases[i].model, members);
        kit_has(text, cases[i].has);
        kit_has(text, "\"description\":\"d\",\"inputSchema\":{\"json\":{\"type\":\"object\","
                      "\"properties\":{\"a\":{\"type\":\"string\"}}}}");
        assert_true(cases[i].noted == NULL || kit_noted(&k, cases[i].noted));
    }
    kit_lacks(kit_chat(&k, CLAUDE, ONE_TOOL ",\"tool_choice\":\"none\""), "toolConfig");
    const char *text = kit_chat(&k, CLAUDE, ONE_TOOL ",\"parallel_tool_calls\":false");
    kit_has(text, "\"strict\":true");
    assert_true(kit_noted(&k, "/parallel_tool_calls"));
    text = kit_chat(&k, CLAUDE, "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c.c\"}}]");
    kit_has(text, "\"name\":\"c_c_");
    kit_has(text, "\"required\":[\"input\"]");
    kit_close(&k);
}

static void thinking(void **state)
{
    static const struct {
        const char *model, *has;
        bool noted;
    } cases[] = {
        {CLAUDE,
         "\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\","
         "\"budget_tokens\":16384}}",
         false},
        {"anthropic.claude-opus-4-6-v1",
         "{\"thinking\":{\"type\":\"adaptive\"}},\"outputConfig\":"
         "{\"effort\":\"high\"}",
         false},
        {"us.amazon.nova-2-lite-v1:0",
         "{\"reasoningConfig\":{\"type\":\"enabled\","
         "\"maxReasoningEffort\":\"high\"}}",
         false},
        {"openai.gpt-oss-120b-1:0", "{\"reasoning_effort\":\"high\"}", false},
        {"meta.llama3-3-70b-instruct-v1:0", "\"messages\"", true},
    };
    kit k;
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = kit_chat(&k, cases[i].model, "\"reasoning_effort\":\"high\"");
        kit_has(text, cases[i].has);
        assert_int_equal(kit_noted(&k, "/reasoning_effort"), cases[i].noted);
    }
    const char *text = kit_request(
        &k, &gw_wire_anthropic, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"max_tokens\":3000,\"top_k\":5,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":2000},\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
    kit_has(text, "\"inferenceConfig\":{\"maxTokens\":3000}");
    kit_has(text, "\"budget_tokens\":2000");
    text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, NOVA,
                       "{\"model\":\"m\",\"max_tokens\":3,\"top_k\":5,\"messages\":[{\"role\":"
                       "\"user\",\"content\":\"a\"}]}");
    kit_has(text, "\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":5}}");
    kit_close(&k);
}

static void structured_output(void **state)
{
    static const char asked[] =
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":"
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}";
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_chat(&k, CLAUDE, asked);
    kit_has(text, "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{"
                  "\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\"");
    kit_has(text, "\\\"additionalProperties\\\":false");
    kit_has(text, "\"name\":\"n\"}}}}");
    /* Its own reader takes the text apart again. */
    const char *back = kit_request(&k, &gw_wire_bedrock, &gw_wire_openai_chat, "m", text);
    kit_has(back, "\"schema\":{\"type\":\"object\"");
    text = kit_chat(&k, NOVA, asked);
    kit_has(text, "\"toolChoice\":{\"tool\":{\"name\":\"json_response\"}}");
    assert_true(kit_noted(&k, "/response_format"));
    text = kit_chat(&k, "meta.llama3-3-70b-instruct-v1:0", asked);
    kit_lacks(text, "toolConfig");
    kit_has(text, "\"system\":[{\"text\":\"Answer with one valid JSON object");
    text = kit_chat(&k, CLAUDE, "\"response_format\":{\"type\":\"json_object\"}");
    kit_has(text, "\"system\":[{\"text\":\"Answer with one valid JSON object");
    kit_close(&k);
}

static void media(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    /* The first bytes win; the padding is there; a name has only what the API takes, and is its own. */
    const char *text = kit_request(
        &k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,iVBORw0KGgo\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"s3://bucket/a.webp\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a__b \\u00e9!(1).pdf\",\"file_data\":"
        "\"data:application/pdf;base64,JVBERi0=\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a b (1).csv\",\"file_data\":"
        "\"data:text/csv;base64,YSxi\"}},"
        "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklGRg==\",\"format\":\"wav\"}}]}]"
        "}");
    kit_has(text, "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"iVBORw0KGgo=\"}}}");
    kit_has(text, "{\"image\":{\"format\":\"webp\",\"source\":{\"s3Location\":{\"uri\":"
                  "\"s3://bucket/a.webp\"}}}}");
    kit_has(text, "{\"document\":{\"format\":\"pdf\",\"name\":\"a b (1)\",\"source\":{\"bytes\":"
                  "\"JVBERi0=\"}}}");
    kit_has(text, "{\"document\":{\"format\":\"csv\",\"name\":\"a b (1) (2)\"");
    kit_has(text, "{\"audio\":{\"format\":\"wav\",\"source\":{\"bytes\":\"UklGRg==\"}}}");
    kit_has(text, "{\"text\":\"See the document.\"}");
    text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, CLAUDE,
                       "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                       "\"content\":[{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":"
                       "\"text\",\"media_type\":\"text/plain\",\"data\":\"caf\\u00e9\\n\"}},"
                       "{\"type\":\"text\",\"text\":\"?\"}]}]}");
    kit_has(text, "{\"document\":{\"format\":\"txt\",\"name\":\"T\",\"source\":{\"bytes\":"
                  "\"Y2Fmw6kK\"}}}");
    /* And back: what a Converse client sends. */
    text = kit_request(
        &k, &gw_wire_bedrock, &gw_wire_openai_chat, "m",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"jpeg\",\"source\":"
        "{\"bytes\":\"/9j/\"}}},{\"document\":{\"format\":\"pdf\",\"name\":\"d\",\"source\":"
        "{\"bytes\":\"JVBERi0=\"}}},{\"text\":\"x\"}]}]}");
    kit_has(text, "data:image/jpeg;base64,/9j/");
    kit_has(text, "data:application/pdf;base64,JVBERi0=");
    kit_close(&k);
}

static void cache_points(void **state)
{
    static const char marked[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":"
        "\"object\"},\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"system\":[{"
        "\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
        "\"cache_control\":{\"type\":\"ephemeral\"}}]}]}";
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, CLAUDE, marked);
    kit_has(text, "}},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}]}");
    kit_has(text, "\"system\":[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}]");
    kit_has(text, "\"content\":[{\"text\":\"a\"},{\"cachePoint\":{\"type\":\"default\"}}]");
    const char *back =
        kit_request(&k, &gw_wire_bedrock, &gw_wire_anthropic, "claude-opus-4-5", text);
    kit_has(back, "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}");
    kit_has(back, "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, "meta.llama3-3-70b-instruct-v1:0",
                       marked);
    kit_lacks(text, "cachePoint");
    assert_true(kit_noted(&k, "/messages/0/content/0"));
    /* At the beginning of a turn, where turns are merged behind each other. */
    text =
        kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE,
                    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
                    "\"user\",\"content\":[{\"cachePoint\":{\"type\":\"default\"}},{\"text\":"
                    "\"b\"}]}]}");
    assert_string_equal(text, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{"
                              "\"cachePoint\":{\"type\":\"default\"}},{\"text\":\"b\"}]}]}");
    kit_close(&k);
}

/* Only its maker takes a signature back. */
static void signatures(void **state)
{
    kit k;
    char json[2048];
    (void)state;
    kit_open(&k);
    gw_jstr gemini = gw_seal(k.arena, AIGW_FORMAT_GEMINI, false, gw_jstr_lit("gem"));
    gw_jstr redacted = gw_seal(k.arena, AIGW_FORMAT_OPENAI_RESPONSES, true, gw_jstr_lit("enc"));
    snprintf(json, sizeof json,
             "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":"
             "\"assistant\",\"content\":["
             "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"own\",\"signature\":\"sig\"}}},"
             "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"\",\"signature\":\"%.*s\"}}},"
             "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":{}}},"
             "{\"reasoningContent\":{\"redactedContent\":\"%.*s\"}},"
             "{\"reasoningContent\":{\"redactedContent\":\"b3du\"}}]},"
             "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t\",\"content\":["
             "{\"json\":{\"a\": 1}}]}}]}]}",
             (int)gemini.inner.len, gemini.inner.data, (int)redacted.inner.len,
             redacted.inner.data);
    const char *text = kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE, json);
    kit_has(text, "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"own\",\"signature\":"
                  "\"sig\"}}}");
    kit_has(text, "{\"reasoningContent\":{\"redactedContent\":\"b3du\"}}");
    kit_lacks(text, "YWlndz");
    text = kit_request(&k, &gw_wire_bedrock, &gw_wire_anthropic, "claude-sonnet-4-5", json);
    kit_has(text, "\"signature\":\"sig\"");
    kit_has(text, "{\"type\":\"redacted_thinking\",\"data\":\"b3du\"}");
    kit_has(text, "{\\\"a\\\":1}");
    kit_lacks(text, "\"gem\"");
    kit_lacks(text, "\"enc\"");
    /* Where it passes as it is, what we sealed is taken out, once. */
    gw_patch patches[GW_MEND_MAX];
    gw_write_options none = {.model = GW_S(CLAUDE)};
    size_t count = 9;
    kit_parse(&k, aigw_slice_of(json));
    assert_int_equal(gw_wire_bedrock.mend_request(k.arena, &k.doc, &none, patches, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(gw_patch_body(&k.doc, patches, count, &k.out, &k.err), AIGW_OK);
    text = kit_text(&k);
    kit_lacks(text, "YWlndz");
    kit_has(text, "\"signature\":\"sig\"");
    kit_parse(&k, aigw_slice_of(text));
    assert_int_equal(gw_wire_bedrock.mend_request(k.arena, &k.doc, &none, patches, &count), 0);
    assert_int_equal(count, 0);
    /* A Claude's signature travels to Bedrock's Claude, not to its other models. */
    snprintf(
        json, sizeof json,
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
        "\"signature\":\"sig\"},{\"type\":\"thinking\",\"thinking\":\"u\",\"signature\":"
        "\"%.*s\"},{\"type\":\"redacted_thinking\",\"data\":\"no base64!\"},"
        "{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"user\",\"content\":\"c\"}]}",
        (int)gemini.inner.len, gemini.inner.data);
    text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, CLAUDE, json);
    kit_has(text,
            "[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"sig\"}}"
            "},{\"text\":\"b\"}]");
    assert_true(kit_noted(&k, "/messages/1/content/2"));
    text = kit_request(&k, &gw_wire_anthropic, &gw_wire_bedrock, NOVA, json);
    kit_lacks(text, "reasoningContent");
    kit_close(&k);
}

/* The user begins, roles alternate, a prefill has no space at its end. */
static void turns(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *text = kit_request(
        &k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
        "\"assistant\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b \\\\n "
        "\\n\\t\"}]}");
    assert_string_equal(text, "{\"system\":[{\"text\":\"s\"}],\"messages\":[{\"role\":\"user\","
                              "\"content\":[{\"text\":\"Continue.\"}]},{\"role\":\"assistant\","
                              "\"content\":[{\"text\":\"a\"},{\"text\":\"b \\\\n\"}]}]}");
    text = kit_request(&k, &gw_wire_openai_chat, &gw_wire_bedrock, CLAUDE,
                       "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}");
    kit_has(text, "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"s\"}]}]");
    kit_close(&k);
}

static const char full[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"guardContent\":{\"text\":"
    "{\"text\":\"g\"}}},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"5m\"}}]},{\"role\":"
    "\"assistant\",\"content\":[{\"citationsContent\":{\"content\":[{\"text\":\"x\"},{\"text\":"
    "\"y\"}],\"citations\":[{\"title\":\"t\",\"location\":{\"web\":{\"url\":\"u\"}}}]}},"
    "{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\",\"type\":\"server_tool_use\",\"input\":{}}},"
    "{\"toolResult\":{\"toolUseId\":\"s\",\"type\":\"nova\",\"content\":[]}}]},{\"role\":"
    "\"system\","
    "\"content\":[{\"text\":\"mid\"}]},{\"role\":\"user\",\"content\":[{\"searchResult\":{"
    "\"source\":\"s\",\"title\":\"t\",\"content\":[{\"text\":\"f\"}]}},{\"text\":\"\"}]}],"
    "\"system\":[{\"text\":\"s\"},{\"guardContent\":{\"text\":{\"text\":\"q\"}}}],"
    "\"inferenceConfig\":{\"maxTokens\":5,\"temperature\":0.5,\"topP\":1,\"stopSequences\":[\"x\"]}"
    ","
    "\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":\"nova_grounding\"}},{\"cachePoint\":{"
    "\"type\":\"default\"}}],\"toolChoice\":{\"auto\":{}}},\"guardrailConfig\":{"
    "\"guardrailIdentifier\":\"g\"},\"additionalModelRequestFields\":{\"top_k\":3,\"odd\":[1]},"
    "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"],\"requestMetadata\":{\"a\":\"b\"},"
    "\"performanceConfig\":{\"latency\":\"optimized\"},\"serviceTier\":{\"type\":\"reserved\"}}";

/* read∘write∘read = read: nothing of its own words is lost to itself, and much to others, with notes. */
static void itself(void **state)
{
    kit k;
    (void)state;
    kit_open(&k);
    const char *once = kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE, full);
    assert_int_equal(k.notes.count, 0);
    const char *twice = kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE, once);
    assert_string_equal(once, twice);
    static const char *const kept[] = {"guardContent\":{\"text\":{\"text\":\"g\"",
                                       "\"ttl\":\"5m\"",
                                       "\"type\":\"server_tool_use\"",
                                       "\"type\":\"nova\"",
                                       "{\"role\":\"system\",\"content\":",
                                       "searchResult",
                                       "nova_grounding",
                                       "guardrailIdentifier",
                                       "\"odd\":[1]",
                                       "/stop_sequence",
                                       "\"latency\":\"optimized\"",
                                       "\"reserved\"",
                                       "\"citations\":[{\"title\":\"t\"",
                                       "\"stopSequences\":[\"x\"]"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        kit_has(once, kept[i]);
    kit_lacks(once, "\"text\":\"\"");
    kit_close(&k);
}

static void fixtures(void **state)
{
    static const char *const names[] = {"plain", "thinking", "tool-call", "error-400"};
    kit k;
    (void)state;
    kit_open(&k);
    for (size_t i = 0; i < 4; i++) {
        char path[80];
        snprintf(path, sizeof path, "bedrock/%s.request.json", names[i]);
        const char *json = kit_file(&k, path).data;
        const char *once = kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE, json);
        assert_string_equal(once,
                            kit_request(&k, &gw_wire_bedrock, &gw_wire_bedrock, CLAUDE, once));
        kit_request(&k, &gw_wire_bedrock, &gw_wire_openai_chat, "m", json);
        const char *text =
            kit_request(&k, &gw_wire_bedrock, &gw_wire_anthropic, "claude-sonnet-4-5", json);
        kit_has(text, i == 1 ? "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}"
                             : "\"max_tokens\"");
        kit_has(text, i == 2 ? "\"tool_choice\":{\"type\":\"any\"}" : "\"messages\"");
    }
    kit_close(&k);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]"

static void counting(void **state)
{
    kit k;
    gw_chat_request r;
    gw_write_options options = {.model = GW_S(CLAUDE)};
    int64_t tokens = 0;
    (void)state;
    kit_open(&k);
    kit_parse(&k,
              GW_S("{\"input\":{\"converse\":{" MESSAGES ",\"inferenceConfig\":{\"maxTokens\":3},"
                   "\"system\":[{\"text\":\"s\"}]}}}"));
    assert_int_equal(gw_wire_bedrock.read_count_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(r.message_count, 2);
    assert_int_equal(
        gw_wire_bedrock.write_count_request(k.arena, &r, &options, &k.out, &k.notes, &k.err),
        AIGW_OK);
    assert_string_equal(kit_text(&k),
                        "{\"input\":{\"converse\":{\"system\":[{\"text\":\"s\"}]," MESSAGES "}}}");
    kit_parse(&k,
              GW_S("{\"model\":\"m\",\"max_tokens\":9,\"temperature\":1,\"messages\":[{\"role\":"
                   "\"user\",\"content\":\"a\"}]}"));
    assert_int_equal(gw_wire_anthropic.read_request(k.arena, &k.doc, &r, &k.err), AIGW_OK);
    assert_int_equal(
        gw_wire_bedrock.write_count_request(k.arena, &r, &options, &k.out, &k.notes, &k.err),
        AIGW_OK);
    assert_string_equal(kit_text(&k), "{\"input\":{\"converse\":{" MESSAGES "}}}");
    kit_parse(&k, GW_S("{\"input\":{\"invokeModel\":{\"body\":\"\"}}}"));
    assert_int_equal(gw_wire_bedrock.read_count_request(k.arena, &k.doc, &r, &k.err),
                     AIGW_E_UNSUPPORTED);
    kit_parse(&k, GW_S("{\"inputTokens\":15}"));
    assert_true(gw_wire_bedrock.read_count(&k.doc, &tokens));
    assert_int_equal(tokens, 15);
    gw_wire_bedrock.write_count(tokens, &k.out);
    assert_string_equal(kit_text(&k), "{\"inputTokens\":15}");
    kit_parse(&k, GW_S("{\"inputTokens\":-1}"));
    assert_false(gw_wire_bedrock.read_count(&k.doc, &tokens));
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters),
        cmocka_unit_test(refused_for_bedrock),
        cmocka_unit_test(case_13_blank_text),
        cmocka_unit_test(case_15_tool_results),
        cmocka_unit_test(tools),
        cmocka_unit_test(thinking),
        cmocka_unit_test(structured_output),
        cmocka_unit_test(media),
        cmocka_unit_test(cache_points),
        cmocka_unit_test(signatures),
        cmocka_unit_test(turns),
        cmocka_unit_test(itself),
        cmocka_unit_test(fixtures),
        cmocka_unit_test(counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
