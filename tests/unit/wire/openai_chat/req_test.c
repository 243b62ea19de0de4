/* Requests: what is read, where a refusal points, and that what is written says the same. */
#include "unit/wire/openai_chat/help.h"

static int setup(void **state)
{
    *state = gw_arena_new((size_t)16 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

static gw_chat_request read_ok(gw_arena *arena, const char *body)
{
    gw_json_doc *doc = gw_arena_alloc(arena, sizeof(*doc));
    *doc = parse(arena, aigw_slice_of(body));
    gw_chat_request r;
    aigw_error err;
    if (WIRE->read_request(arena, doc, &r, &err) != AIGW_OK)
        fail_msg("%s at %s in %s", err.message, err.pointer, body);
    assert_int_equal(r.format, AIGW_FORMAT_OPENAI_CHAT);
    return r;
}

static char *written(gw_arena *arena, const gw_chat_request *r, const gw_write_options *options,
                     gw_notes *notes)
{
    static const gw_write_options plain = {0};
    gw_notes own = {.arena = arena};
    gw_buf out;
    aigw_error err;
    gw_buf_init(&out, 1 << 20);
    if (WIRE->write_request(arena, r, options ? options : &plain, &out, notes ? notes : &own,
                            &err) != AIGW_OK)
        fail_msg("%s", err.message);
    parse(arena, gw_buf_slice(&out));
    char *text = text_of(&out);
    gw_buf_free(&out);
    return text;
}

#define USER "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CALLED                                                                                     \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"   \
    "\"name\":"                                                                                    \
    "\"f\",\"arguments\":\"{}\"}}]}"
#define MESSAGES(inner) "{\"model\":\"m\",\"messages\":[" inner "]}"

static void refusals_point(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"[]", ""},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "/model"},
        {"{\"model\":7,\"messages\":[]}", "/model"},
        {"{\"model\":\"\",\"messages\":[]}", "/model"},
        {"{\"model\":\"m\"}", "/messages"},
        {"{\"model\":\"m\",\"messages\":[]}", "/messages"},
        {MESSAGES("1"), "/messages/0"},
        {MESSAGES("{\"content\":\"x\"}"), "/messages/0/role"},

        {MESSAGES("{\"role\":\"user\"}"), "/messages/0/content"},
        {MESSAGES("{\"role\":\"user\",\"content\":null}"), "/messages/0/content"},
        {MESSAGES("{\"role\":\"user\",\"content\":[\"x\"]}"), "/messages/0/content/0"},
        {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}"),
         "/messages/0/content/0/text"},
        {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"u\"}]}"),
         "/messages/0/content/0/image_url"},
        {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                  "\"data:image/png,x\"}}]}"),
         "/messages/0/content/0/image_url/url"},
        {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{}}]}"),
         "/messages/0/content/0/file"},
        {MESSAGES("{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"x\"}"),
         "/messages/0/tool_call_id"},
        {MESSAGES(CALLED ",{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":\"x\"}"),
         "/messages/1/tool_call_id"},
        {MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":"
                  "\"f\",\"arguments\":[1]}}]}"),
         "/messages/0/tool_calls/0/function/arguments"},
        {MESSAGES("{\"role\":\"function\",\"name\":\"f\",\"content\":\"x\"}"), "/messages/0"},
        {"{" USER ",\"temperature\":\"1\"}", "/temperature"},
        {"{" USER ",\"max_tokens\":1.5}", "/max_tokens"},
        {"{" USER ",\"max_tokens\":-1}", "/max_tokens"},
        {"{" USER ",\"n\":0}", "/n"},
        {"{" USER ",\"stream\":1}", "/stream"},
        {"{" USER ",\"stream_options\":{\"include_usage\":\"yes\"}}",
         "/stream_options/include_usage"},
        {"{" USER ",\"stop\":[\"a\",1]}", "/stop/1"},

        {"{" USER ",\"response_format\":{\"type\":\"json_schema\"}}",
         "/response_format/json_schema"},
        {"{" USER ",\"tools\":{}}", "/tools"},
        {"{" USER ",\"tools\":[{\"type\":\"function\"}]}", "/tools/0/function"},
        {"{" USER
         ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}]}",
         "/tools/0/function/parameters"},

        {"{" USER ",\"metadata\":{\"a\":1}}", "/metadata/a"},
    };
    /* Perhaps of the vendor's future: a provider of its own may know it. */
    static const struct {
        const char *body, *pointer;
    } unknown[] = {
        {MESSAGES("{\"role\":\"robot\",\"content\":\"x\"}"), "/messages/0/role"},
        {"{" USER ",\"reasoning_effort\":\"huge\"}", "/reasoning_effort"},
        {"{" USER ",\"response_format\":{\"type\":\"xml\"}}", "/response_format/type"},
        {"{" USER ",\"tool_choice\":\"maybe\"}", "/tool_choice"},
        {"{" USER ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"x\","
         "\"tools\":[]}}}",
         "/tool_choice/allowed_tools/mode"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_json_doc doc = parse(*state, aigw_slice_of(cases[i].body));
        gw_chat_request r = {.n = 77};
        aigw_error err;
        if (WIRE->read_request(*state, &doc, &r, &err) != AIGW_E_PARSE)
            fail_msg("not refused: %s", cases[i].body);
        if (strcmp(err.pointer, cases[i].pointer) != 0)
            fail_msg("at %s: %s", err.pointer, cases[i].body);
        assert_int_equal(err.http_status, 400);
        assert_true(strlen(err.message) > 0);
        assert_int_equal(r.n, 77); /* untouched on failure */
    }
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        gw_json_doc doc = parse(*state, aigw_slice_of(unknown[i].body));
        gw_chat_request r;
        aigw_error err;
        if (WIRE->read_request(*state, &doc, &r, &err) != AIGW_E_UNSUPPORTED)
            fail_msg("taken, or called malformed: %s", unknown[i].body);
        assert_string_equal(err.pointer, unknown[i].pointer);
    }
}

static void nulls_are_absent(void **state)
{
    gw_chat_request r = read_ok(
        *state, "{" USER ",\"temperature\":null,\"stop\":null,\"tools\":null,\"n\":null,"
                "\"max_tokens\":null,\"max_completion_tokens\":null,\"stream_options\":null,"
                "\"response_format\":null,\"tool_choice\":null,\"user\":null}");
    assert_false(gw_has_raw(r.temperature));
    assert_int_equal(r.stop_count + r.tool_count + r.extra_count, 0);
    assert_int_equal(r.max_tokens, -1);
}

static void settings_are_read(void **state)
{
    gw_chat_request r = read_ok(
        *state,
        "{" USER
        ",\"temperature\":1.70,\"max_tokens\":5,\"max_completion_tokens\":9,\"stop\":\"x\","
        "\"reasoning_effort\":\"xhigh\",\"user\":\"u\",\"safety_identifier\":\"s\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"logprobs\":true,\"top_logprobs\":2,"
        "\"parallel_tool_calls\":false,\"response_format\":{\"type\":\"json_schema\",\"json_"
        "schema\":"
        "{\"name\":\"n\",\"schema\":{\"a\": 1},\"strict\":true}},\"x-new\":[1]}");
    assert_true(gw_eq(r.temperature.json, GW_S("1.70")));
    assert_int_equal(r.max_tokens, 9);
    assert_int_equal(r.stop_count, 1);
    assert_int_equal(r.effort, GW_EFFORT_XHIGH);
    assert_true(gw_jstr_is(r.user_id, "s"));
    assert_true(r.stream && r.include_usage && r.logprobs);
    assert_int_equal(r.parallel_tool_calls, 0);
    assert_int_equal(r.shape, GW_SHAPE_SCHEMA);
    assert_int_equal(r.schema_strict, 1);
    assert_true(gw_eq(r.schema.json, GW_S("{\"a\": 1}")));
    assert_int_equal(r.top_logprobs, 2);
    assert_int_equal(r.extra_count, 1);
    assert_true(gw_json_key_is(r.doc, r.extras[0].key, "x-new"));
}

static void parts_are_read(void **state)
{
    gw_chat_request r = read_ok(
        *state,
        MESSAGES(
            "{\"role\":\"user\",\"content\":["
            "{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":"
            "\"1h\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;charset=x;base64,QU "
            "JD\\nQQ\",\"detail\":\"low\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}},"
            "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUJD\",\"format\":\"mp3\"}},"
            "{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/"
            "pdf;base64,QUJD\",\"filename\":\"a.pdf\"},"
            "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}},"
            "{\"type\":\"file\",\"file\":{\"file_id\":\"F\"}},{\"type\":\"hologram\",\"x\":1}]}"));
    const gw_part *p = r.messages[0].parts;
    assert_int_equal(r.messages[0].part_count, 7);
    assert_int_equal(p[0].cache, GW_CACHE_1H);
    assert_true(gw_jstr_is(p[1].media_type, "image/png"));
    assert_true(gw_eq(p[1].data.inner, GW_S("QUJDQQ==")));
    assert_true(gw_jstr_is(p[1].detail, "low"));
    assert_true(gw_jstr_is(p[2].url, "https://x/y.png"));
    assert_true(gw_jstr_is(p[3].media_type, "audio/mp3"));
    assert_int_equal(p[4].kind, GW_PART_DOCUMENT);
    assert_true(gw_jstr_is(p[4].name, "a.pdf"));
    assert_int_equal(p[4].cache, GW_CACHE_DEFAULT);
    assert_true(gw_jstr_is(p[5].file_id, "F"));
    assert_int_equal(p[6].kind, GW_PART_NATIVE);
}

static void tool_messages_become_one(void **state)
{
    gw_chat_request r = read_ok(
        *state,
        MESSAGES(
            "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"why\",\"tool_calls\":"
            "["
            "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},"
            "{\"id\":\"b\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"raw\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"\\u0062\",\"content\":\"1\"},"
            "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":"
            "\"2\"}]},"
            "{\"role\":\"user\",\"content\":\"go\"},"
            "{\"role\":\"assistant\",\"function_call\":{\"name\":\"h\",\"arguments\":\"{}\"}},"
            "{\"role\":\"function\",\"name\":\"h\",\"content\":\"3\"}"));
    assert_int_equal(r.message_count, 5);
    assert_int_equal(r.messages[0].part_count, 3);
    assert_int_equal(r.messages[0].parts[0].kind, GW_PART_THINKING);
    assert_true(r.messages[0].parts[2].custom);
    assert_int_equal(r.messages[1].role, GW_ROLE_TOOL);
    assert_int_equal(r.messages[1].part_count, 2);
    assert_int_equal(r.messages[1].parts[1].part_count, 1);
    const gw_part *call = &r.messages[3].parts[0], *result = &r.messages[4].parts[0];
    assert_true(call->id.inner.len > 0);
    assert_true(gw_eq(call->id.inner, result->id.inner));
}

static void thinking_blocks_win(void **state)
{
    gw_chat_request r = read_ok(
        *state, MESSAGES("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":"
                         "\"other\",\"thinking_blocks\":["
                         "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"},"
                         "{\"type\":\"redacted_thinking\",\"data\":\"D\"}]},"
                         "{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":"
                         "\"joined\",\"thinking_blocks\":["
                         "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"S\"}]}"));
    assert_int_equal(r.messages[0].part_count, 3);
    assert_true(gw_jstr_is(r.messages[0].parts[0].text, "t"));
    assert_true(gw_jstr_is(r.messages[0].parts[0].signature, "S"));
    assert_true(gw_jstr_is(r.messages[0].parts[1].data, "D"));
    assert_true(gw_jstr_is(r.messages[1].parts[0].text, "joined"));
}

/* Writing what was read, reading and writing it again gives the same bytes, and loses no member. */
static void read_write_read_is_read(void **state)
{
    static const char *const bodies[] = {
        "{" USER "}",
        "{" USER ",\"temperature\":0.50,\"top_p\":1,\"top_k\":3,\"seed\":9,\"presence_penalty\":1,"
        "\"frequency_penalty\":-1,"
        "\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"],\"n\":2,\"logprobs\":false,\"max_tokens\":1,"
        "\"user\":\"u\",\"metadata\":{\"k\":\"v\"},"
        "\"service_tier\":\"flex\",\"verbosity\":\"low\",\"reasoning_effort\":\"minimal\","
        "\"stream\":true,"
        "\"stream_options\":{\"include_obfuscation\":false},\"logit_bias\":{\"1\":2},"
        "\"\\u0066uture\":{\"a\": 1}}",
        "{" USER ",\"max_completion_tokens\":1,\"safety_identifier\":\"s\",\"user\":\"u\","
        "\"response_format\":{\"type\":\"json_object\"},"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"future\":"
        "1}},"
        "{\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"format\":{\"type\":\"text\"}}},{"
        "\"type\":\"web_search\"}],"
        "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\","
        "\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\"}},{\"type\":\"custom\",\"custom\":{\"name\":\"g\"}}]}},"
        "\"parallel_tool_calls\":false}",
        "{" USER ",\"functions\":[{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}],"
        "\"function_call\":{\"name\":\"f\"}}",
        MESSAGES(
            "{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":[{"
            "\"type\":\"text\",\"text\":\"d\"}]},"
            "{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\",\"text\":\"t\","
            "\"cache_control\":{\"type\":\"ephemeral\"}},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/"
            "png;base64,QUJD\"}},{\"type\":\"odd\",\"x\":1}]},"
            "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\",\"audio\":{\"id\":\"au\"},"
            "\"reasoning_content\":\"tt\","
            "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"},{"
            "\"type\":\"redacted_thinking\","
            "\"data\":\"D\"}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"
            "\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"},"
            "\"extra_content\":{\"google\":{\"thought_signature\":\"G\"}}},{\"id\":\"d\",\"type\":"
            "\"custom\",\"custom\":{\"name\":\"g\","
            "\"input\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"},{"
            "\"role\":\"tool\",\"tool_call_id\":\"d\","
            "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
            "\"refusal\",\"refusal\":\"y\"}]},"
            "{\"role\":\"assistant\",\"content\":\"\"},{\"role\":\"assistant\",\"content\":\"\","
            /* The text of the second is not what the first one signs. */
            "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"S\"},"
            "{\"type\":\"thinking\",\"thinking\":\"a\"}]},{\"role\":\"user\",\"content\":"
            "\"\\ud83d\\ude00 \\\"q\\\"\"}"),
    };
    gw_arena *arena = *state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        gw_notes notes = {.arena = arena, .strict = true};
        gw_chat_request first = read_ok(arena, bodies[i]);
        char *once = written(arena, &first, NULL, &notes);
        gw_chat_request second = read_ok(arena, once);
        char *twice = written(arena, &second, NULL, &notes);
        assert_string_equal(once, twice);
        assert_int_equal(notes.count, 0);
        assert_int_equal(first.extra_count, second.extra_count);
        assert_int_equal(first.message_count, second.message_count);
        for (size_t m = 0; m < first.message_count; m++) {
            assert_int_equal(first.messages[m].part_count, second.messages[m].part_count);
            for (size_t p = 0; p < first.messages[m].part_count; p++) {
                const gw_part *a = &first.messages[m].parts[p], *b = &second.messages[m].parts[p];
                assert_int_equal(a->kind, b->kind);
                assert_true(gw_eq(a->text.inner, b->text.inner));
                assert_true(gw_eq(a->id.inner, b->id.inner));
                assert_true(gw_eq(a->args_text.inner, b->args_text.inner) ||
                            a->args_text.inner.len == 0);
                assert_true(gw_eq(a->signature.inner, b->signature.inner));
                assert_true(gw_eq(a->raw.json, b->raw.json));
            }
        }
        free(once);
        free(twice);
    }
    assert_true(true);
}

static void members_stay_as_they_stood(void **state)
{
    gw_chat_request r =
        read_ok(*state, "{" USER ",\"max_tokens\":1,\"user\":\"u\",\"f\":[1 , 2],\"stream\":true}");
    gw_write_options options = {.model = GW_S("other"), .force_usage = true};
    char *out = written(*state, &r, &options, NULL);
    assert_string_equal(out, "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":"
                             "\"hi\"}],\"max_tokens\":1,"
                             "\"user\":\"u\",\"stream\":true,\"stream_options\":{\"include_usage\":"
                             "true},\"f\":[1 , 2]}");
    free(out);
}

static gw_chat_request foreign(gw_message *messages, size_t count)
{
    gw_chat_request r;
    gw_chat_request_init(&r, NULL);
    r.format = AIGW_FORMAT_ANTHROPIC;
    r.model = gw_jstr_lit("m");
    r.messages = messages;
    r.message_count = count;
    return r;
}

static void results_with_images_move(void **state)
{
    gw_part inner[] = {{.kind = GW_PART_TEXT, .at = GW_JSON_ABSENT, .text = gw_jstr_lit("seen")},
                       {.kind = GW_PART_IMAGE,
                        .at = GW_JSON_ABSENT,
                        .media_type = gw_jstr_lit("image/png"),
                        .data = gw_jstr_lit("QUJD")}};
    gw_part results[] = {
        {.kind = GW_PART_TOOL_RESULT,
         .at = GW_JSON_ABSENT,
         .id = gw_jstr_lit("a"),
         .parts = inner,
         .part_count = 2,
         .is_error = true},
        {.kind = GW_PART_TOOL_RESULT, .at = GW_JSON_ABSENT, .id = gw_jstr_lit("b")}};
    gw_message messages[] = {{.role = GW_ROLE_TOOL, .parts = results, .part_count = 2}};
    gw_chat_request r = foreign(messages, 1);
    char *out = written(*state, &r, NULL, NULL);
    assert_string_equal(
        out, "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
             "\"Error: seen\\n[image: see the next user "
             "message]\"},{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"\"},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"From the result of "
             "tool call a:\"},"
             "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}]}]}");
    free(out);
}

static void foreign_words_are_translated(void **state)
{
    char id[200];
    memset(id, 'x', 199);
    id[199] = '\0';
    gw_part parts[] = {{.kind = GW_PART_TEXT,
                        .at = GW_JSON_ABSENT,
                        .text = gw_jstr_lit("a"),
                        .cache = GW_CACHE_1H},
                       {.kind = GW_PART_NATIVE, .at = GW_JSON_ABSENT, .raw.json = GW_S("{}")}};
    gw_part call[] = {{.kind = GW_PART_TOOL_CALL,
                       .at = GW_JSON_ABSENT,
                       .id = gw_jstr_lit("c"),
                       .tool_name = gw_jstr_lit("f"),
                       .args.json = GW_S("{ \"a\" : \"b c\" }")}};
    gw_message messages[] = {{.role = GW_ROLE_DEVELOPER, .parts = parts, .part_count = 2},
                             {.role = GW_ROLE_ASSISTANT, .parts = call, .part_count = 1}};
    gw_jstr stop[6];
    for (size_t i = 0; i < 6; i++)
        stop[i] = gw_jstr_lit("s");
    gw_chat_request r = foreign(messages, 2);
    r.stop = stop;
    r.stop_count = 6;
    r.top_k.json = GW_S("5");
    r.thinking = GW_THINKING_BUDGET;
    r.thinking_budget = 16000;
    r.user_id = gw_jstr_lit(id);
    r.max_tokens = 100;
    r.tool_choice = GW_TOOL_REQUIRED;
    gw_notes notes = {.arena = *state};
    char *out = written(*state, &r, NULL, &notes);
    assert_non_null(
        strstr(out, "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\",\"ttl\":\"30m\"}"));
    assert_non_null(strstr(out, "\"content\":null,\"tool_calls\""));
    assert_non_null(strstr(out, "\"arguments\":\"{\\\"a\\\":\\\"b c\\\"}\""));
    assert_non_null(strstr(out, "\"stop\":[\"s\",\"s\",\"s\",\"s\"]"));
    assert_non_null(strstr(out, "\"reasoning_effort\":\"high\""));
    assert_non_null(strstr(out, "\"max_completion_tokens\":100"));
    assert_null(strstr(out, "top_k"));
    assert_null(strstr(out, "xxx"));
    assert_null(strstr(out, "tool_choice")); /* no tools */
    char *identifier = strstr(out, "\"safety_identifier\":\"");
    assert_non_null(identifier);
    assert_int_equal(strspn(identifier + 21, "0123456789abcdef"), 64);
    assert_int_equal(notes.count, 3); /* the native part, stop, top_k */
    free(out);
    gw_write_options legacy = {.quirks = GW_QUIRK_MAX_TOKENS | GW_QUIRK_NO_DEVELOPER |
                                         GW_QUIRK_TEXT_ONLY};
    out = written(*state, &r, &legacy, NULL);
    assert_non_null(strstr(out, "\"max_tokens\":100"));
    assert_non_null(strstr(out, "{\"role\":\"system\",\"content\":\"a\"}"));
    free(out);
    gw_notes strict = {.arena = *state, .strict = true};
    gw_buf buf;
    gw_buf_init(&buf, 1 << 16);
    gw_write_options plain = {0};
    assert_int_equal(WIRE->write_request(*state, &r, &plain, &buf, &strict, NULL),
                     AIGW_E_UNSUPPORTED);
    gw_buf_free(&buf);
}

static void hosted_tools_of_others_are_refused(void **state)
{
    gw_json_doc doc = parse(*state, GW_S("{\"tools\":[{}]}"));
    gw_tool tool = {.at = gw_json_at(&doc, gw_json_get(&doc, 0, "tools"), 0), .native = true};
    gw_message messages[] = {{.role = GW_ROLE_USER}};
    gw_chat_request r = foreign(messages, 1);
    gw_write_options plain = {0};
    gw_notes notes = {.arena = *state};
    gw_buf buf;
    aigw_error err;
    gw_buf_init(&buf, 1 << 16);
    r.doc = &doc;
    r.tools = &tool;
    r.tool_count = 1;
    assert_int_equal(WIRE->write_request(*state, &r, &plain, &buf, &notes, &err),
                     AIGW_E_UNSUPPORTED);
    assert_string_equal(err.pointer, "/tools/0");
    assert_int_equal(err.http_status, 400);
    gw_buf_free(&buf);
}

static void recorded_requests_round_trip(void **state)
{
    static const char *const names[] = {"openai/audio-input",
                                        "openai/image-url",
                                        "openai/json-schema-final",
                                        "openai/tool-result-roundtrip",
                                        "openai/tools-parallel-flag-true",
                                        "openai/web-search-annotations",
                                        "openai/tool-choice-named",
                                        "azure/plain",
                                        "openai-compatible/groq-error-400-tool-use-failed"};
    gw_arena *arena = *state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[200];
        snprintf(path, sizeof(path), "%s.request.json", names[i]);
        aigw_slice body = fixture(path);
        char *text = malloc(body.len + 1);
        memcpy(text, body.data, body.len);
        text[body.len] = '\0';
        gw_chat_request first = read_ok(arena, text);
        char *once = written(arena, &first, NULL, NULL);
        gw_chat_request second = read_ok(arena, once);
        char *twice = written(arena, &second, NULL, NULL);
        assert_string_equal(once, twice);
        free(text);
        free(once);
        free(twice);
        free((void *)(uintptr_t)body.data);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(refusals_point),
        T(nulls_are_absent),
        T(settings_are_read),
        T(parts_are_read),
        T(tool_messages_become_one),
        T(thinking_blocks_win),
        T(read_write_read_is_read),
        T(members_stay_as_they_stood),
        T(results_with_images_move),
        T(foreign_words_are_translated),
        T(hosted_tools_of_others_are_refused),
        T(recorded_requests_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
