/* Writing Messages requests from OpenAI chat requests: what is mapped, noted and refused. */
/* Must not look at neutral structures: bytes in, bytes out. */
#include "unit/wire/anthropic/kit.h"

#define CHAT(rest)     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" rest "}"
#define TALK(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define USER_HI        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}"
#define BODY(messages, rest)                                                                       \
    "{\"model\":\"m\",\"max_tokens\":4096" rest ",\"messages\":[" messages "]}"
#define FUNCTION(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define CALL(id, name, args)                                                                       \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" args "\"}}"

/* A request, the model of the target, and what must stand in the result. */
static const struct mapped {
    const char *json, *model, *wants, *lacks, *noted;
} mapped[] = {
    {CHAT(""), "", BODY(USER_HI, ""), NULL, NULL},
    {CHAT(""), "claude-x", "\"model\":\"claude-x\"", NULL, NULL},
    {CHAT(",\"max_tokens\":5,\"max_completion_tokens\":7"), "", "\"max_tokens\":7", NULL, NULL},
    {CHAT(",\"max_tokens\":0"), "", "\"max_tokens\":0", NULL, NULL},
    {CHAT(""), "claude-3-opus-latest", "\"max_tokens\":4096", NULL, NULL},
    {CHAT(",\"stream\":true"), "", "\"stream\":true", NULL, NULL},
    /* system */
    {TALK("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":\"b\"},"
          "{\"role\":\"user\",\"content\":\"hi\"}"),
     "", "\"system\":\"a\\n\\nb\"", NULL, NULL},
    {TALK("{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
          "{\"role\":\"system\",\"content\":\"b\"},{\"role\":\"user\",\"content\":\"hi\"}"),
     "", "\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]", NULL,
     NULL},
    {TALK("{\"role\":\"system\",\"content\":\" \\n\"},{\"role\":\"user\",\"content\":\"hi\"}"), "",
     USER_HI, "\"system\"", NULL},
    {TALK("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"s\"}"),
     "claude-opus-4-8",
     "[" USER_HI ",{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\"}]}]", NULL,
     NULL},
    {TALK("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"s\"}"),
     "claude-sonnet-4-5",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"},{\"type\":\"text\","
     "\"text\":\"s\"}]}]",
     NULL, "/messages/1"},
    {TALK("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\"tool_"
          "calls\":[" CALL("c", "f",
                           "{}") "]},{\"role\":\"system\",\"content\":\"s\"},"
                                 "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}"),
     "claude-opus-4-8",
     "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"content\":"
     "\"r\"}]},"
     "{\"role\":\"system\"",
     NULL, NULL},
    {TALK("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":\"hi\"}"),
     "claude-opus-4-8", "\"system\":\"a\",\"messages\":[" USER_HI "]", NULL, "/messages/1"},
    /* turns */
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}"), "",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\","
     "\"text\":\"b\"}]}]",
     NULL, NULL},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\" \"},"
          "{\"role\":\"user\",\"content\":\"b\"}"),
     "", "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}", "assistant",
     NULL},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b \\n "
          "\\\\n\\t\"}"),
     "", "\"text\":\"b \\n \\\\n\"", NULL, NULL},
    {TALK("{\"role\":\"user\",\"content\":\"a\",\"name\":\"bob\"}"), "", "\"text\":\"a\"", "bob",
     "/messages/0"},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"x\",\"tool_"
          "calls\":[" CALL("c:1", "f", "") "," CALL(
              "d", "g",
              " {\\\"a\\\": 1} ") "]},"
                                  "{\"role\":\"tool\",\"tool_call_id\":\"c:1\",\"content\":\"\"},"
                                  "{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":[{"
                                  "\"type\":\"text\",\"text\":\"1\"},"
                                  "{\"type\":\"text\",\"text\":\"2\"}]},{\"role\":\"user\","
                                  "\"content\":\"go\"}"),
     "",
     "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_"
     "use\","
     "\"id\":\"c_1\",\"name\":\"f\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"d\",\"name\":"
     "\"g\","
     "\"input\":{\"a\": "
     "1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
     "\"c_1\",\"content\":\"\"},{\"type\":\"tool_result\",\"tool_use_id\":\"d\",\"content\":[{"
     "\"type\":"
     "\"text\",\"text\":\"1\"},{\"type\":\"text\",\"text\":\"2\"}]},{\"type\":\"text\",\"text\":"
     "\"go\"}]}",
     NULL, NULL},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"x\","
          "\"reasoning_content\":\"hm\"}"),
     "", "{\"type\":\"text\",\"text\":\"x\"}", "hm", "/messages/1/reasoning_content"},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"x\",\"tool_"
          "calls\":[" CALL(
              "c", "f",
              "{}") "],\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
                    "\"signature\":\"S\"},{\"type\":\"redacted_thinking\",\"data\":\"D\"}]},"
                    "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}"),
     "",
     "[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"S\"},{\"type\":\"redacted_"
     "thinking\","
     "\"data\":\"D\"},{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\"",
     NULL, NULL},
    /* files */
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
          "\"data:image/png;base64,/9j/4AAQ\"}}]}"),
     "", "{\"type\":\"base64\",\"media_type\":\"image/jpeg\",\"data\":\"/9j/4AAQ\"}", "image/png",
     NULL},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https:/"
          "/x/y\"}}]}"),
     "", "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y\"}}", NULL, NULL},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.txt\","
          "\"file_data\":"
          "\"data:text/plain;base64,aGkKIg==\"}}]}"),
     "",
     "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/"
     "plain\",\"data\":\"hi\\n\\\"\"},"
     "\"title\":\"a.txt\"}",
     NULL, NULL},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
          "\"file_data\":"
          "\"data:application/pdf;base64,JVBERi0x\"}}]}"),
     "", "{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0x\"}", NULL,
     NULL},
    /* tools */
    {CHAT(",\"tools\":[" FUNCTION("f") "],\"parallel_tool_calls\":false"), "",
     "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],"
     "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}",
     NULL, NULL},
    {CHAT(",\"tools\":[" FUNCTION("f") "],\"parallel_tool_calls\":false,\"tool_choice\":\"none\""),
     "", "\"tool_choice\":{\"type\":\"none\"}", "parallel", NULL},
    {CHAT(",\"tools\":[" FUNCTION(
         "f") "],\"tool_choice\":\"required\",\"parallel_tool_calls\":true"),
     "", "\"tool_choice\":{\"type\":\"any\"}", "parallel", NULL},
    {CHAT(",\"tools\":[" FUNCTION(
         "f") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
              "\"f\"}}"),
     "", "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}", NULL, NULL},
    {CHAT(",\"tools\":[" FUNCTION("f") "," FUNCTION(
         "g") "],\"tool_choice\":{\"type\":\"allowed_tools\","
              "\"allowed_tools\":{\"mode\":\"required\",\"tools\":[" FUNCTION("g") "]}}"),
     "", "\"tools\":[{\"name\":\"g\"", "\"f\"", NULL},
    {CHAT(",\"tool_choice\":\"auto\""), "", USER_HI, "tool_choice", "/tool_choice"},
    {CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
          "\"strict\":true,"
          "\"parameters\":{\"properties\":{\"a\":{}}}}}]"),
     "",
     "{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\",\"properties\":{"
     "\"a\":{}}},"
     "\"strict\":true}",
     NULL, NULL},
    {CHAT(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}]"), "",
     "\"properties\":{\"input\":{\"type\":\"string\"}}", NULL, "/tools/0"},
    /* shape */
    {CHAT(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
          "\"schema\":"
          "{\"type\":\"object\",\"properties\":{\"properties\":{\"type\":\"array\",\"items\":{"
          "\"anyOf\":["
          "{\"type\":\"object\"},{\"type\":\"object\",\"additionalProperties\":true,\"enum\":[{"
          "\"type\":"
          "\"object\"}]}]}},\"type\":{\"type\":\"string\"}}}}}"),
     "",
     "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\","
     "\"properties\":"
     "{\"properties\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"object\","
     "\"additionalProperties\":false},{\"type\":\"object\",\"enum\":[{\"type\":\"object\"}],"
     "\"additionalProperties\":false}]}},\"type\":{\"type\":\"string\"}},\"additionalProperties\":"
     "false}}}",
     NULL, NULL},
    {CHAT(",\"response_format\":{\"type\":\"json_object\"}"), "",
     "\"system\":\"Answer with one valid JSON object and nothing else.\"", NULL,
     "/response_format"},
    /* sampling and stop */
    {CHAT(",\"stop\":[\"a\",\" \",\"\",\"b\"]"), "", "\"stop_sequences\":[\"a\",\"b\"]", NULL,
     NULL},
    {CHAT(",\"stop\":\"\""), "", USER_HI, "stop_sequences", NULL},
    {CHAT(",\"temperature\":1.7"), "claude-sonnet-4-5", "\"temperature\":1}", "1.7",
     "/temperature"},
    {CHAT(",\"temperature\":0.30"), "", "\"temperature\":0.30", NULL, NULL},
    {CHAT(",\"temperature\":0.3,\"top_p\":0.5"), "", "\"temperature\":0.3", "top_p", "/top_p"},
    {CHAT(",\"top_p\":0.5,\"top_k\":3"), "", "\"top_p\":0.5,\"top_k\":3", NULL, NULL},
    {CHAT(",\"temperature\":0.3"), "claude-opus-4-7", USER_HI, "temperature", "/temperature"},
    {CHAT(",\"top_k\":3"), "claude-sonnet-5", USER_HI, "top_k", "/top_k"},
    {CHAT(",\"temperature\":0.3"), "claude-opus-4-6", "\"temperature\":0.3", NULL, NULL},
    /* reasoning */
    {CHAT(",\"reasoning_effort\":\"medium\",\"temperature\":0.2"), "claude-sonnet-4-5",
     "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}", "temperature", "/temperature"},
    {CHAT(",\"reasoning_effort\":\"medium\""), "claude-sonnet-4-5", "\"max_tokens\":64000", NULL,
     NULL},
    {CHAT(",\"reasoning_effort\":\"high\",\"max_tokens\":4000"), "claude-sonnet-4-5",
     "\"budget_tokens\":2000", "output_config", NULL},
    {CHAT(",\"reasoning_effort\":\"high\",\"max_tokens\":1500"), "claude-sonnet-4-5",
     "\"max_tokens\":1500", "thinking", "/reasoning_effort"},
    {CHAT(",\"reasoning_effort\":\"max\""), "claude-opus-4-1", "\"max_tokens\":32000", NULL, NULL},
    {CHAT(",\"reasoning_effort\":\"minimal\""), "claude-opus-4-6",
     "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}", NULL, NULL},
    {CHAT(",\"reasoning_effort\":\"xhigh\""), "claude-opus-4-6", "\"effort\":\"high\"", NULL,
     "/reasoning_effort"},
    {CHAT(",\"reasoning_effort\":\"xhigh\""), "claude-opus-4-7", "\"effort\":\"xhigh\"", NULL,
     NULL},
    {CHAT(",\"reasoning_effort\":\"none\""), "claude-sonnet-4-5",
     "\"thinking\":{\"type\":\"disabled\"}", NULL, NULL},
    {CHAT(",\"reasoning_effort\":\"low\""), "claude-3-5-haiku-latest", USER_HI, "thinking",
     "/reasoning_effort"},
    {CHAT(",\"reasoning_effort\":\"low\",\"tools\":[" FUNCTION(
         "f") "],\"tool_choice\":\"required\""),
     "claude-sonnet-4-5", "\"type\":\"any\"", "thinking", "/reasoning_effort"},
    /* the rest */
    {CHAT(",\"user\":\"u\""), "", "\"metadata\":{\"user_id\":\"u\"}", NULL, NULL},
    {CHAT(",\"service_tier\":\"flex\""), "", "\"service_tier\":\"standard_only\"", NULL, NULL},
    {CHAT(",\"service_tier\":\"scale\""), "", USER_HI, "service_tier", "/service_tier"},
    {CHAT(",\"seed\":1"), "", USER_HI, "seed", "/seed"},
    {CHAT(",\"logit_bias\":{}"), "", USER_HI, "logit_bias", "/logit_bias"},
    {CHAT(",\"logit_bias\":null,\"n\":1,\"logprobs\":false"), "", BODY(USER_HI, ""), NULL, NULL},
};

static void test_mapping(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++) {
        const struct mapped *m = &mapped[i];
        kit k;
        kit_open(&k);
        int rc = kit_request(&k, &gw_wire_openai_chat, m->json, m->model);
        if (rc != AIGW_OK) {
            fail_msg("%s: %d %s %s", m->json, rc, k.err.message, k.err.pointer);
        }
        const char *text = kit_text(&k);
        kit_has(text, m->wants);
        if (m->lacks != NULL) {
            kit_lacks(text, m->lacks);
        }
        if (m->noted != NULL ? !kit_noted(&k, m->noted) : k.notes.count != 0) {
            fail_msg("%s: %zu notes, first %s, wanted %s", m->json, k.notes.count,
                     k.notes.count > 0 ? k.notes.items[0].pointer.data : "none",
                     m->noted != NULL ? m->noted : "none");
        }
        kit_close(&k);
    }
}

static const struct {
    const char *json, *pointer;
} refused[] = {
    {CHAT(",\"n\":2"), "/n"},
    {CHAT(",\"logprobs\":true"), "/logprobs"},
    {CHAT(",\"audio\":{\"voice\":\"a\",\"format\":\"wav\"}"), "/audio"},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
          "\"AAAA\","
          "\"format\":\"wav\"}}]}"),
     "/messages/0/content/0"},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}]}"),
     "/messages/0/content/0"},
    {TALK("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a\",\"file_"
          "data\":"
          "\"data:text/plain;base64,/w==\"}}]}"),
     "/messages/0/content/0"},
    {TALK("{\"role\":\"user\",\"content\":\" \"}"), "/messages/0"},
    {TALK("{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":null,\"tool_"
          "calls\":[" CALL("c", "f", "{\\\"a\\\"") "]}"),
     "/messages/1/tool_calls/0/function/arguments"},
    {CHAT(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"format\":{\"type\":"
          "\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":\"start: A\"}}}}]"),
     "/tools/0"},
    {CHAT(
         ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
         "\"array\"}}}]"),
     "/tools/0"},
    {CHAT(",\"tools\":[{\"type\":\"web_search\"}]"), "/tools/0"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        kit k;
        kit_open(&k);
        int rc = kit_request(&k, &gw_wire_openai_chat, refused[i].json, "");
        if ((rc != AIGW_E_UNSUPPORTED && rc != AIGW_E_PARSE) || k.err.http_status != 400 ||
            strcmp(k.err.pointer, refused[i].pointer) != 0) {
            fail_msg("%s: %d status %d pointer %s", refused[i].json, rc, k.err.http_status,
                     k.err.pointer);
        }
        kit_close(&k);
    }
}

static void test_strict_notes_refuse(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    k.notes.strict = true;
    assert_int_equal(kit_request(&k, &gw_wire_openai_chat, CHAT(",\"seed\":1"), ""),
                     AIGW_E_UNSUPPORTED);
    assert_string_equal(k.err.pointer, "/seed");
    kit_close(&k);
}

/* Six marks come in; the last four go out. */
static void test_at_most_four_cache_marks(void **state)
{
    (void)state;
    kit k;
    gw_buf text;
    kit_open(&k);
    gw_buf_init(&text, 65536);
    gw_buf_puts(&text, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < 6; i++) {
        gw_buf_printf(&text,
                      "%s{\"type\":\"text\",\"text\":\"%d\",\"prompt_cache_breakpoint\":{\"mode\":"
                      "\"explicit\"%s}}",
                      i > 0 ? "," : "", i, i == 5 ? ",\"ttl\":\"12h\"" : "");
    }
    gw_buf_puts(&text, "]}]}");
    gw_buf_putc(&text, '\0');
    assert_int_equal(kit_request(&k, &gw_wire_openai_chat, gw_buf_slice(&text).data, ""), AIGW_OK);
    const char *out = kit_text(&k);
    kit_has(out, "{\"type\":\"text\",\"text\":\"1\"}");
    kit_has(out, "{\"type\":\"text\",\"text\":\"2\",\"cache_control\":{\"type\":\"ephemeral\"}}");
    /* Behind those of five minutes one of an hour is refused. */
    kit_has(out,
            "{\"type\":\"text\",\"text\":\"5\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":"
            "\"5m\"}}");
    assert_true(kit_noted(&k, "/messages/0/content/5"));
    assert_true(kit_noted(&k, "/messages/0/content/1")); /* the fifth from behind */
    assert_false(kit_noted(&k, "/messages/0/content/2"));
    gw_buf_free(&text);
    kit_close(&k);
}

static void test_an_hour_before_five_minutes(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    assert_int_equal(
        kit_request(&k, &gw_wire_openai_chat,
                    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
                    "{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"ttl\":\"1h\"}},"
                    "{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{}}]}]}",
                    ""),
        AIGW_OK);
    kit_has(kit_text(&k),
            "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    assert_int_equal(k.notes.count, 0);
    kit_close(&k);
}

/* A tool loop whose assistant turn was not thought by this API cannot go on thinking. */
static void test_no_thinking_inside_a_foreign_tool_loop(void **state)
{
    (void)state;
    const char *json =
        "{\"model\":\"m\",\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL(
            "c", "f", "{}") "]},"
                            "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}]}";
    kit k;
    kit_open(&k);
    assert_int_equal(kit_request(&k, &gw_wire_openai_chat, json, "claude-sonnet-4-5"), AIGW_OK);
    kit_lacks(kit_text(&k), "thinking");
    assert_true(kit_noted(&k, "/reasoning_effort"));
    kit_close(&k);
    kit_open(&k); /* the adaptive kind does not mind */
    assert_int_equal(kit_request(&k, &gw_wire_openai_chat, json, "claude-opus-4-6"), AIGW_OK);
    kit_has(kit_text(&k), "\"adaptive\"");
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapping),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_strict_notes_refuse),
        cmocka_unit_test(test_at_most_four_cache_marks),
        cmocka_unit_test(test_an_hour_before_five_minutes),
        cmocka_unit_test(test_no_thinking_inside_a_foreign_tool_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
