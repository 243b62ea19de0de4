/* Requests of OpenAI Responses: read, written, refused, and between formats. */
#include "unit/wire/openai_responses/help.h"

#define IN(items) "{\"model\":\"m\",\"input\":[" items "]}"
#define USER      "{\"role\":\"user\",\"content\":\"q\"}"
#define CALL                                                                                       \
    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}"  \
    "\"}"

static void a_turn_is_one_message(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = kit_says(
        &k, RESPONSES, CHAT,
        IN(USER ",{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[{"
                "\"type\":\"output_text\",\"text\":\"I look\",\"annotations\":[]}]}," CALL
                ",{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":"
                "\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"two\"},"
                "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":"
                "\"input_text\",\"text\":\"one\"}]}"));
    assert_int_equal(count_of(out, "\"role\":\"assistant\""), 1);
    assert_int_equal(count_of(out, "\"role\":\"tool\""), 2);
    has(out, "\"tool_call_id\":\"c2\",\"content\":\"two\"");
    has(out, "\"arguments\":\"{\\\"a\\\":1}\"");
    out = kit_says(&k, RESPONSES, ANTHROPIC,
                   IN(USER "," CALL
                           ",{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":"
                           "[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,"
                           "AAAA\"}]}"));
    has(out, "\"type\":\"tool_use\",\"id\":\"c1\"");
    has(out, "\"media_type\":\"image/png\",\"data\":\"AAAA\"");
    kit_free(&k);
}

static void instructions_and_roles(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = kit_says(&k, RESPONSES, CHAT,
                               "{\"model\":\"m\",\"instructions\":\"be kind\",\"input\":\"hi\"}");
    has(out,
        "[{\"role\":\"system\",\"content\":\"be kind\"},{\"role\":\"user\",\"content\":\"hi\"}]");
    out = kit_says(&k, CHAT, RESPONSES,
                   "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},{"
                   "\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":"
                   "\"hi\"}]}");
    has(out,
        "\"instructions\":\"be kind\",\"input\":[{\"type\":\"message\",\"role\":\"developer\"");
    has(out, "\"store\":false");
    has_not(out, "include");
    kit_free(&k);
}

static void strict_is_said(void **state)
{
    (void)state;
    kit k = kit_new();
#define TOOL(more)                                                                                 \
    "{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"" more "}]}"
    /* Unsaid: as the API holds it, with the schema that says so. */
    const char *out = kit_says(&k, RESPONSES, CHAT,
                               TOOL(",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{"
                                    "\"type\":\"integer\"}},\"required\":[\"a\"]}"));
    has(out, "\"additionalProperties\":false");
    has(out, "\"strict\":true");
    out = kit_says(&k, RESPONSES, CHAT,
                   TOOL(",\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
                        "\"integer\"}}}"));
    has(out, "\"strict\":false");
    has_not(out, "additionalProperties");
    out = kit_says(&k, RESPONSES, CHAT, TOOL(",\"strict\":true"));
    has(out, "\"strict\":true");
    /* And the other way: what others leave out means false. */
    out = kit_says(&k, CHAT, RESPONSES,
                   "{\"model\":\"m\",\"messages\":[" USER
                   "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}");
    has(out, "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\","
             "\"properties\":{}},\"strict\":false}");
    kit_free(&k);
}

static void tool_choices(void **state)
{
    (void)state;
    kit k = kit_new();
#define CHOICE(choice)                                                                             \
    "{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{"         \
    "\"type\":"                                                                                    \
    "\"custom\",\"name\":\"g\",\"format\":{\"type\":\"grammar\",\"syntax\":\"regex\","             \
    "\"definition\":\"a+\"}}],\"tool_choice\":" choice "}"
    has(kit_says(&k, RESPONSES, CHAT, CHOICE("\"required\"")), "\"tool_choice\":\"required\"");
    has(kit_says(&k, RESPONSES, CHAT, CHOICE("{\"type\":\"custom\",\"name\":\"g\"}")),
        "\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"g\"}}");
    const char *allowed = CHOICE("{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{"
                                 "\"type\":\"function\",\"name\":\"f\"}]}");
    const char *chat = kit_says(&k, RESPONSES, CHAT, allowed);
    has(chat, "\"allowed_tools\":{\"mode\":\"auto\"");
    has(kit_says(&k, CHAT, RESPONSES, chat),
        "\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":"
        "\"function\",\"name\":\"f\"}]}");
    has(kit_says(&k, RESPONSES, RESPONSES, allowed), "\"definition\":\"a+\"");
    /* A hosted tool's choice goes nowhere else; the tool itself is refused. */
    kit_refuses("{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"web_search\"}]}",
                AIGW_E_UNSUPPORTED, "/tools/0");
    has(kit_says(&k, RESPONSES, RESPONSES,
                 "{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"web_search\"}],"
                 "\"tool_choice\":{\"type\":\"web_search\"}}"),
        "\"tool_choice\":{\"type\":\"web_search\"}");
    kit_free(&k);
}

static void settings_go_over(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out =
        kit_says(&k, RESPONSES, CHAT,
                 "{\"model\":\"m\",\"input\":\"q\",\"max_output_tokens\":99,\"temperature\":0.50,"
                 "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":"
                 "\"s\",\"strict\":true,\"schema\":{\"type\":\"object\"}}},\"reasoning\":{"
                 "\"effort\":\"xhigh\"},\"stream\":true,\"stream_options\":{"
                 "\"include_obfuscation\":false},\"truncation\":\"disabled\",\"include\":["
                 "\"message.output_text.logprobs\"],\"top_logprobs\":2}");
    has(out, "\"max_completion_tokens\":99");
    has(out, "\"temperature\":0.50");
    has(out, "\"json_schema\":{\"name\":\"s\",\"schema\":{\"type\":\"object\"},\"strict\":true}");
    has(out, "\"reasoning_effort\":\"xhigh\"");
    has(out, "\"verbosity\":\"low\"");
    has(out, "\"include_usage\":true");
    has(out, "\"logprobs\":true");
    assert_int_equal(k.notes.count, 0);
    kit_says(&k, RESPONSES, CHAT,
             "{\"model\":\"m\",\"input\":\"q\",\"truncation\":\"auto\",\"max_tool_calls\":2}");
    assert_int_equal(k.notes.count, 2);
    assert_string_equal(k.notes.items[0].pointer.data, "/truncation");
    out = kit_says(&k, CHAT, RESPONSES,
                   "{\"model\":\"m\",\"messages\":[" USER
                   "],\"stop\":\"x\",\"seed\":1,\"n\":2,\"max_tokens\":5,\"reasoning_effort\":"
                   "\"low\",\"response_format\":{\"type\":\"json_object\"},\"store\":true}");
    has(out, "\"max_output_tokens\":16");
    has(out, "\"text\":{\"format\":{\"type\":\"json_object\"}}");
    has(out, "\"reasoning\":{\"effort\":\"low\"}");
    has(out, "\"include\":[\"reasoning.encrypted_content\"]");
    has(out, "\"store\":false");
    assert_int_equal(k.notes.count, 5);
    kit_free(&k);
}

/* Reasoning is taken back by its maker only, and everybody's survives a client of this format. */
static void signatures(void **state)
{
    (void)state;
    kit k = kit_new();
    char text[1024];
    gw_jstr sealed = gw_seal(k.arena, AIGW_FORMAT_ANTHROPIC, false, gw_jstr_lit("SIG=="));
    snprintf(text, sizeof(text),
             IN(USER ",{\"type\":\"reasoning\",\"id\":\"rs_0\",\"summary\":[{\"type\":"
                     "\"summary_text\",\"text\":\"why\"}],\"encrypted_content\":\"%.*s\"}," CALL
                     ",{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"x\"}"),
             (int)sealed.inner.len, sealed.inner.data);
    has(kit_says(&k, RESPONSES, ANTHROPIC, text),
        "{\"type\":\"thinking\",\"thinking\":\"why\",\"signature\":\"SIG==\"}");
    const char *out = kit_says(&k, RESPONSES, RESPONSES, text);
    has_not(out, "\"type\":\"reasoning\"");
    assert_int_equal(k.notes.count, 1);
    sealed = gw_seal(k.arena, AIGW_FORMAT_ANTHROPIC, true, gw_jstr_lit("DATA"));
    snprintf(text, sizeof(text),
             IN(USER ",{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"%.*s\"}," CALL
                     ",{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"x\"}"),
             (int)sealed.inner.len, sealed.inner.data);
    has(kit_says(&k, RESPONSES, ANTHROPIC, text),
        "{\"type\":\"redacted_thinking\",\"data\":\"DATA\"}");
    /* OpenAI's own, bare: kept with its id, also in several summaries. */
    out = kit_says(&k, RESPONSES, RESPONSES,
                   IN(USER ",{\"type\":\"reasoning\",\"id\":\"rs_9\",\"summary\":[{\"type\":"
                           "\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":"
                           "\"b\"}],\"encrypted_content\":\"gAAA\"}"));
    has(out, "\"id\":\"rs_9\",\"summary\":[{");
    has(out, "\"text\":\"b\"}],\"encrypted_content\":\"gAAA\"");
    kit_free(&k);
}

/* A reasoning item that only carries Gemini's signature joins the call behind it. */
static void carried_signatures(void **state)
{
    (void)state;
    kit k = kit_new();
    char text[1024];
    gw_json_doc doc;
    gw_chat_request request;
    gw_jstr sealed = gw_seal(k.arena, AIGW_FORMAT_GEMINI, false, gw_jstr_lit("GSIG"));
    snprintf(text, sizeof(text),
             IN(USER ",{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"%.*s\"}," CALL
                     ",{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"x\"}"),
             (int)sealed.inner.len, sealed.inner.data);
    assert_int_equal(gw_json_parse(k.arena, aigw_slice_of(text), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(RESPONSES->read_request(k.arena, &doc, &request, NULL), AIGW_OK);
    assert_int_equal(request.message_count, 3);
    assert_int_equal(request.messages[1].part_count, 1);
    const gw_part *call = &request.messages[1].parts[0];
    assert_int_equal(call->kind, GW_PART_TOOL_CALL);
    assert_int_equal(call->origin, AIGW_FORMAT_GEMINI);
    assert_true(gw_jstr_is(call->signature, "GSIG"));
    kit_free(&k);
}

static void state_stays_with_its_provider(void **state)
{
    (void)state;
    kit k = kit_new();
    kit_refuses("{\"model\":\"m\",\"previous_response_id\":\"resp_1\",\"input\":\"q\"}",
                AIGW_E_UNSUPPORTED, "/previous_response_id");
    kit_refuses("{\"model\":\"m\",\"conversation\":{\"id\":\"c\"}}", AIGW_E_UNSUPPORTED,
                "/conversation");
    kit_refuses("{\"model\":\"m\",\"prompt\":{\"id\":\"p\"}}", AIGW_E_UNSUPPORTED, "/prompt");
    kit_refuses("{\"model\":\"m\",\"input\":\"q\",\"background\":true}", AIGW_E_UNSUPPORTED,
                "/background");
    kit_refuses(IN("{\"type\":\"item_reference\",\"id\":\"msg_1\"}"), AIGW_E_UNSUPPORTED,
                "/input/0");
    kit_says(
        &k, RESPONSES, CHAT,
        "{\"model\":\"m\",\"input\":\"q\",\"background\":false,\"previous_response_id\":null}");
    /* A call may be part of what the provider holds. */
    const char *out = kit_says(&k, RESPONSES, RESPONSES,
                               "{\"model\":\"m\",\"previous_response_id\":\"resp_1\",\"input\":[{"
                               "\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
                               "\"x\"}]}");
    has(out, "\"previous_response_id\":\"resp_1\"");
    kit_free(&k);
}

static void bad_requests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *pointer;
    } rows[] = {
        {"[]", ""},
        {"{\"input\":\"q\"}", "/model"},
        {"{\"model\":\"m\"}", "/input"},
        {"{\"model\":1,\"input\":\"q\"}", "/model"},
        {"{\"model\":\"m\",\"input\":[]}", "/input"},
        {"{\"model\":\"m\",\"input\":{}}", "/input"},
        {IN("\"q\""), "/input/0"},

        {IN("{\"role\":\"user\"}"), "/input/0/content"},
        {IN("{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]}"), "/input/0/content/0/type"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":1}]}"),
         "/input/0/content/0/text"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}"), "/input/0/content/0"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
            "\"data:image/png;base64\"}]}"),
         "/input/0/content/0/image_url"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
            "\"data:image/png;base64,A*\"}]}"),
         "/input/0/content/0/image_url"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"
            "\"data:image/png,AAAA\"}]}"),
         "/input/0/content/0/image_url"},
        {IN("{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_data\":\"AAAA\","
            "\"file_id\":\"f\"}]}"),
         "/input/0/content/0"},
        {IN("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}"),
         "/input/0/call_id"},
        {IN("{\"type\":\"function_call\",\"call_id\":\"\",\"name\":\"f\",\"arguments\":\"{}\"}"),
         "/input/0/call_id"},
        {IN("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":{}}"),
         "/input/0/arguments"},
        {IN(USER ",{\"type\":\"function_call_output\",\"call_id\":\"c9\",\"output\":\"x\"}"),
         "/input/1/call_id"},
        {IN(CALL ",{\"type\":\"function_call_output\",\"call_id\":\"c1\"}"), "/input/1/output"},
        {IN("{\"type\":\"reasoning\",\"summary\":\"x\"}"), "/input/0/summary"},
        {IN("{\"type\":\"reasoning\",\"summary\":[{\"text\":1}]}"), "/input/0/summary/0/text"},
        {"{\"model\":\"m\",\"input\":\"q\",\"tools\":{}}", "/tools"},
        {"{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"function\"}]}", "/tools/0/name"},
        {"{\"model\":\"m\",\"input\":\"q\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
         "\"parameters\":[]}]}",
         "/tools/0/parameters"},
        {"{\"model\":\"m\",\"input\":\"q\",\"tool_choice\":7}", "/tool_choice"},

        {"{\"model\":\"m\",\"input\":\"q\",\"text\":{\"format\":{\"type\":\"json_schema\","
         "\"name\":\"s\"}}}",
         "/text/format/schema"},

        {"{\"model\":\"m\",\"input\":\"q\",\"max_output_tokens\":1.5}", "/max_output_tokens"},

        {"{\"model\":\"m\",\"input\":\"q\",\"metadata\":{\"a\":1}}", "/metadata/a"},
        {"{\"model\":\"m\",\"input\":\"q\",\"include\":[1]}", "/include/0"},
        {"{\"model\":\"m\",\"input\":\"q\",\"stream\":\"yes\"}", "/stream"},
        {"{\"model\":\"m\",\"input\":\"q\",\"instructions\":[]}", "/instructions"},
    };
    /* Perhaps of the vendor's future: a provider of its own may know it. */
    static const struct {
        const char *text, *pointer;
    } unknown[] = {
        {IN("{\"role\":\"king\",\"content\":\"q\"}"), "/input/0/role"},
        {"{\"model\":\"m\",\"input\":\"q\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
         "\"all\",\"tools\":[]}}",
         "/tool_choice/mode"},
        {"{\"model\":\"m\",\"input\":\"q\",\"text\":{\"format\":{\"type\":\"xml\"}}}",
         "/text/format/type"},
        {"{\"model\":\"m\",\"input\":\"q\",\"reasoning\":{\"effort\":\"much\"}}",
         "/reasoning/effort"},
        {"{\"model\":\"m\",\"input\":\"q\",\"top_logprobs\":21}", "/top_logprobs"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        kit_refuses(rows[i].text, AIGW_E_PARSE, rows[i].pointer);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        kit_refuses(unknown[i].text, AIGW_E_UNSUPPORTED, unknown[i].pointer);
}

static void what_cannot_be_said_is_told(void **state)
{
    (void)state;
    kit k = kit_new();
    const char *out = kit_says(
        &k, ANTHROPIC, RESPONSES,
        "{\"model\":\"m\",\"max_tokens\":99,\"top_k\":3,\"stop_sequences\":[\"x\"],\"messages\":[{"
        "\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"},{\"type\":\"tool_use\",\"id\":\"t1\","
        "\"name\":\"f\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":"
        "\"tool_result\",\"tool_use_id\":\"t1\",\"is_error\":true,\"content\":[{\"type\":\"text\","
        "\"text\":\"bad\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\",\"data\":\"AAAA\"}}]}]}],\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":4096},\"metadata\":{\"user_id\":\"u\"},\"service_tier\":"
        "\"standard_only\"}");
    has(out, "\"type\":\"function_call\",\"call_id\":\"t1\",\"name\":\"f\",\"arguments\":"
             "\"{\\\"a\\\":1}\"");
    has(out, "\"output\":[{\"type\":\"input_text\",\"text\":\"bad\"},{\"type\":\"input_image\","
             "\"image_url\":\"data:image/png;base64,AAAA\"}]");
    has(out, "\"reasoning\":{\"effort\":\"medium\",\"summary\":\"auto\"}");
    has(out, "\"include\":[\"reasoning.encrypted_content\"]");
    has(out, "\"safety_identifier\":\"u\"");
    has(out, "\"service_tier\":\"default\"");
    has_not(out, "\"type\":\"reasoning\"");
    static const char *const pointers[] = {"/messages/1/content/0", "/messages/2/content/0",
                                           "/stop_sequences", "/top_k"};
    assert_int_equal(k.notes.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(k.notes.items[i].pointer.data, pointers[i]);
    kit_free(&k);
}

static void audio_is_refused_here(void **state)
{
    (void)state;
    kit k = kit_new();
    int rc = kit_request(&k, CHAT, RESPONSES,
                         aigw_slice_of("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                                       "\"content\":[{\"type\":\"input_audio\",\"input_audio\":{"
                                       "\"data\":\"AAAA\",\"format\":\"wav\"}}]}]}"));
    assert_int_equal(rc, AIGW_E_UNSUPPORTED);
    assert_string_equal(k.err.pointer, "/messages/0/content/0");
    kit_free(&k);
}

/* What is written reads as it was read: each fixture, in its own format and through the chat format. */
static void fixtures_read_again(void **state)
{
    (void)state;
    static const char *const names[] = {"plain",
                                        "image-url",
                                        "json-schema",
                                        "previous-response-id",
                                        "reasoning-encrypted-tool-call",
                                        "reasoning-summary",
                                        "stream-web-search-annotations",
                                        "tool-choice-required",
                                        "tool-result-roundtrip"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        kit k = kit_new();
        char name[128];
        snprintf(name, sizeof(name), "openai-responses/%s.request.json", names[i]);
        aigw_slice text = kit_fixture(&k, name);
        assert_int_equal(kit_request(&k, RESPONSES, RESPONSES, text), AIGW_OK);
        const char *first = kit_text(&k);
        assert_string_equal(kit_says(&k, RESPONSES, RESPONSES, first), first);
        if (kit_request(&k, RESPONSES, CHAT, text) == AIGW_OK) {
            const char *there = kit_says(&k, CHAT, RESPONSES, kit_text(&k));
            const char *again = kit_says(&k, RESPONSES, RESPONSES, there); /* in its own order */
            assert_string_equal(kit_says(&k, RESPONSES, RESPONSES, again), again);
        }
        kit_free(&k);
    }
}

static void counting(void **state)
{
    (void)state;
    kit k = kit_new();
    gw_json_doc doc;
    gw_chat_request request;
    gw_write_options options = {0};
    int64_t tokens = -1;
    aigw_slice text = GW_S("{\"model\":\"m\",\"input\":\"q\",\"stream\":true,\"max_output_tokens\":"
                           "9,\"tools\":[{\"type\":\"web_search\"}],\"text\":{\"verbosity\":"
                           "\"low\"}}");
    assert_int_equal(gw_json_parse(k.arena, text, NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(RESPONSES->read_count_request(k.arena, &doc, &request, NULL), AIGW_OK);
    assert_int_equal(
        RESPONSES->write_count_request(k.arena, &request, &options, &k.out, &k.notes, NULL),
        AIGW_OK);
    const char *out = kit_text(&k);
    has(out, "\"verbosity\":\"low\"");
    has(out, "web_search");
    has_not(out, "stream");
    has_not(out, "max_output_tokens");
    gw_buf_clear(&k.out);
    RESPONSES->write_count(12, &k.out);
    assert_string_equal(kit_text(&k), "{\"object\":\"response.input_tokens\",\"input_tokens\":12}");
    assert_int_equal(gw_json_parse(k.arena, gw_buf_slice(&k.out), NULL, &doc, NULL), AIGW_OK);
    assert_true(RESPONSES->read_count(&doc, &tokens));
    assert_int_equal(tokens, 12);
    assert_int_equal(gw_json_parse(k.arena, GW_S("[]"), NULL, &doc, NULL), AIGW_OK);
    assert_false(RESPONSES->read_count(&doc, &tokens));
    kit_free(&k);
}

static void mending(void **state)
{
    (void)state;
    kit k = kit_new();
    char text[1024];
    gw_json_doc doc;
    gw_patch patches[GW_MEND_MAX];
    size_t count = 0;
    gw_write_options options = {0};
    gw_jstr sealed = gw_seal(k.arena, AIGW_FORMAT_ANTHROPIC, false, gw_jstr_lit("S"));
    snprintf(text, sizeof(text),
             IN(USER
                ",{\"type\":\"reasoning\",\"id\":\"rs_0\",\"summary\":[],\"encrypted_content\":"
                "\"%.*s\"},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],"
                "\"encrypted_content\":\"gAAA\"}"),
             (int)sealed.inner.len, sealed.inner.data);
    assert_int_equal(gw_json_parse(k.arena, aigw_slice_of(text), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(RESPONSES->mend_request(k.arena, &doc, &options, patches, &count), AIGW_OK);
    assert_int_equal(count, 1);
    assert_string_equal(patches[0].member, "input");
    has(patches[0].value.data, "rs_1");
    has_not(patches[0].value.data, "rs_0");
    count = 0;
    assert_int_equal(gw_json_parse(k.arena, GW_S(IN(USER)), NULL, &doc, NULL), AIGW_OK);
    assert_int_equal(RESPONSES->mend_request(k.arena, &doc, &options, patches, &count), AIGW_OK);
    assert_int_equal(count, 0);
    kit_free(&k);
}

/* What answers a custom call has a type of its own; each result is told by its own call, in whatever order,
 * and of one id by the last. */
static void results_of_custom_calls(void **state)
{
    (void)state;
    kit k = kit_new();
#define C_CALL(id)                                                                                 \
    "{\"id\":\"" id "\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"x\"}}"
#define F_CALL(id)                                                                                 \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define RESULT(id)   "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
    const char *out = kit_says(
        &k, CHAT, RESPONSES,
        "{\"model\":\"m\",\"messages\":[" USER
        "," CALLS(F_CALL("c3") "," C_CALL("c1") "," F_CALL("c2")) "," RESULT("c2") "," RESULT("c1") "," RESULT(
            "c3") "," CALLS(C_CALL("c3") "," F_CALL("c1")) "," RESULT("c1") "," RESULT("c3") "]}");
    assert_int_equal(count_of(out, "\"custom_tool_call_output\",\"call_id\":\"c3\""), 2);
    assert_int_equal(count_of(out, "\"function_call_output\",\"call_id\":\"c1\""), 2);
    assert_int_equal(count_of(out, "\"function_call_output\",\"call_id\":\"c2\""), 1);
    out =
        kit_says(&k, CHAT, RESPONSES,
                 "{\"model\":\"m\",\"messages\":[" USER
                 "," CALLS(C_CALL("c1") "," F_CALL("c10")) "," RESULT("c10") "," RESULT("c1") "]}");
    assert_int_equal(count_of(out, "\"custom_tool_call_output\",\"call_id\":\"c1\""), 1);
    assert_int_equal(count_of(out, "\"function_call_output\",\"call_id\":\"c10\""), 1);
    kit_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_one_message),
        cmocka_unit_test(instructions_and_roles),
        cmocka_unit_test(strict_is_said),
        cmocka_unit_test(tool_choices),
        cmocka_unit_test(settings_go_over),
        cmocka_unit_test(signatures),
        cmocka_unit_test(carried_signatures),
        cmocka_unit_test(state_stays_with_its_provider),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(what_cannot_be_said_is_told),
        cmocka_unit_test(audio_is_refused_here),
        cmocka_unit_test(fixtures_read_again),
        cmocka_unit_test(counting),
        cmocka_unit_test(mending),
        cmocka_unit_test(results_of_custom_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
