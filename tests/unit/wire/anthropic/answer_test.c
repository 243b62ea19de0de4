/* Whole Messages answers and error bodies, read and written. */
/* Must not depend on another format. */
#include "unit/wire/anthropic/kit.h"

static const gw_wire *const W = &gw_wire_anthropic;

static int read_answer(kit *k, const char *json, gw_answer *out)
{
    gw_fold *fold = gw_fold_new(k->arena);
    gw_event_sink sink = {gw_fold_event, fold};
    kit_parse(k, json);
    int rc = W->read_answer(k->arena, &k->doc, &sink, &k->err);
    if (rc == AIGW_OK) {
        assert_int_equal(gw_fold_result(fold, out, NULL), AIGW_OK);
    }
    return rc;
}

static int write_answer(kit *k, const gw_answer *answer)
{
    gw_answer_options options = {.id_seed = GW_S("5eed")};
    return W->write_answer(k->arena, answer, &options, &k->out, &k->err);
}

#define MSG(content, rest)                                                                         \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"   \
    "[" content "]," rest "}"
#define USAGE                                                                                      \
    "\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":4,\"cache_read_input_tokens\":" \
    "5,"                                                                                           \
    "\"output_tokens\":6,\"output_tokens_details\":{\"thinking_tokens\":2},\"service_tier\":"      \
    "\"standard\"}"
#define ENDED(reason) "\"stop_reason\":\"" reason "\",\"stop_sequence\":null,"

/* What is read is written again, byte for byte. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const answers[] = {
        MSG("{\"type\":\"text\",\"text\":\"h\\u00e9\\n\"}", ENDED("end_turn") USAGE),
        MSG("", ENDED("max_tokens") USAGE),
        MSG("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"S\"},"
            "{\"type\":\"redacted_thinking\",\"data\":\"D\"},"
            "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"a\":[1,\"\\\"\"]"
            "}},"
            "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"g\",\"input\":{}}",
            ENDED("tool_use") USAGE),
        MSG("{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"w\",\"input\":{}},"
            "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]},"
            "{\"type\":\"text\",\"text\":\"x\",\"citations\":[{\"type\":\"char_location\"}]}",
            ENDED("pause_turn") USAGE),
        MSG("", "\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":{\"type\":"
                "\"refusal\","
                "\"category\":null,\"explanation\":\"no\"}," USAGE),
        MSG("", "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"###\"," USAGE),
        MSG("", ENDED("model_context_window_exceeded") USAGE),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        kit k;
        gw_answer a;
        kit_open(&k);
        assert_int_equal(read_answer(&k, answers[i], &a), AIGW_OK);
        assert_int_equal(a.usage.input_tokens, 12);
        assert_int_equal(a.usage.cached_tokens, 5);
        assert_int_equal(a.usage.cache_write_tokens, 4);
        assert_int_equal(a.usage.reasoning_tokens, 2);
        assert_int_equal(write_answer(&k, &a), AIGW_OK);
        assert_string_equal(kit_text(&k), answers[i]);
        kit_close(&k);
    }
}

static void test_finish_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        gw_finish finish;
    } list[] = {
        {ENDED("end_turn") USAGE, GW_FINISH_STOP},
        {ENDED("tool_use") USAGE, GW_FINISH_TOOL_CALLS},
        {ENDED("refusal") USAGE, GW_FINISH_CONTENT_FILTER},
        {ENDED("pause_turn") USAGE, GW_FINISH_PAUSE},
        {ENDED("model_context_window_exceeded") USAGE, GW_FINISH_CONTEXT},
        {ENDED("compaction") USAGE, GW_FINISH_STOP},
        {"\"stop_reason\":null," USAGE, GW_FINISH_STOP},
        {USAGE, GW_FINISH_STOP},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        kit k;
        gw_answer a;
        char text[1024];
        kit_open(&k);
        snprintf(text, sizeof text, MSG("%s", "%s"), "", list[i].rest);
        assert_int_equal(read_answer(&k, text, &a), AIGW_OK);
        assert_int_equal(a.choices[0].finish, list[i].finish);
        kit_close(&k);
    }
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"type\":\"error\",\"error\":{}}",
        "{\"type\":\"message\",\"content\":\"x\"}",
        "{\"type\":\"message\",\"content\":[1]}",
        "{\"type\":\"message\",\"content\":[{}]}",
        "{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"input\":{}}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        kit k;
        gw_answer a;
        kit_open(&k);
        assert_int_equal(read_answer(&k, bad[i], &a), AIGW_E_UPSTREAM);
        assert_int_equal(k.err.http_status, 502);
        kit_close(&k);
    }
}

static gw_answer call_answer(gw_block *block, gw_choice *choice, const char *args, gw_finish finish)
{
    *block = (gw_block){.kind = GW_BLOCK_TOOL_CALL, .tool_name = gw_jstr_lit("f")};
    block->text = gw_jstr_lit(args);
    *choice = (gw_choice){.blocks = block, .block_count = 1, .finished = true, .finish = finish};
    return (gw_answer){.choices = choice, .choice_count = 1, .usage = gw_usage_unknown()};
}

static void test_arguments_of_other_providers(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        gw_finish finish;
        int rc;
        const char *input, *reason;
    } list[] = {
        {"", GW_FINISH_STOP, AIGW_OK, "\"input\":{}", "tool_use"},
        {" ", GW_FINISH_TOOL_CALLS, AIGW_OK, "\"input\":{}", "tool_use"},
        {"{\\\"a\\\": 1}", GW_FINISH_TOOL_CALLS, AIGW_OK, "\"input\":{\"a\": 1}", "tool_use"},
        {"{\\\"a\\\"", GW_FINISH_LENGTH, AIGW_OK, "\"input\":{}", "max_tokens"},
        {"{\\\"a\\\"", GW_FINISH_TOOL_CALLS, AIGW_E_UPSTREAM, NULL, NULL},
        {"[1]", GW_FINISH_STOP, AIGW_E_UPSTREAM, NULL, NULL},
        {"{\\\"a\\\":1,\\\"a\\\":2}", GW_FINISH_STOP, AIGW_E_UPSTREAM, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        kit k;
        gw_block block;
        gw_choice choice;
        kit_open(&k);
        gw_answer a = call_answer(&block, &choice, list[i].args, list[i].finish);
        assert_int_equal(write_answer(&k, &a), list[i].rc);
        if (list[i].rc == AIGW_OK) {
            const char *text = kit_text(&k);
            kit_has(text, list[i].input);
            kit_has(text, list[i].reason);
            kit_has(text, "\"id\":\"msg_5eed\"");
            kit_has(text, "\"id\":\"toolu_5eed_0\"");
        } else {
            assert_int_equal(k.err.http_status, 502);
        }
        kit_close(&k);
    }
}

static void test_foreign_blocks(void **state)
{
    (void)state;
    kit k;
    kit_open(&k);
    gw_block blocks[] = {
        {.kind = GW_BLOCK_NATIVE, .raw = {GW_S("{\"a\":{\"type\":\"server_tool_use\"}}")}},
        {.kind = GW_BLOCK_TEXT,
         .text = gw_jstr_lit("x"),
         .raw = {GW_S("[{\"type\":\"url_citation\"}]")}},
        {.kind = GW_BLOCK_TEXT, .text = gw_jstr_lit("")},
        {.kind = GW_BLOCK_REFUSAL, .text = gw_jstr_lit("no")},
        {.kind = GW_BLOCK_THINKING, .text = gw_jstr_lit("hm")},
    };
    gw_choice choice = {.blocks = blocks, .block_count = 5, .finished = true};
    gw_answer a = {.choices = &choice, .choice_count = 1, .usage = {10, 5, 20, -1, -1}};
    assert_int_equal(write_answer(&k, &a), AIGW_OK);
    const char *text = kit_text(&k);
    kit_has(text,
            "\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"no\"},"
            "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"}]");
    kit_has(text, "\"input_tokens\":0"); /* never below */
    kit_close(&k);
}

static void test_read_error(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        gw_api_error_kind kind;
        const char *message;
    } list[] = {
        {400,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}",
         GW_ERR_INVALID_REQUEST, "m"},
        {401,
         "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"m\"}}",
         GW_ERR_AUTHENTICATION, "m"},
        {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
         GW_ERR_OVERLOADED, "m"},
        {413, "{\"error\":{\"type\":\"request_too_large\",\"message\":\"m\"}}", GW_ERR_TOO_LARGE,
         "m"},
        {402, "{\"error\":{\"type\":\"billing_error\",\"message\":\"m\"}}", GW_ERR_QUOTA, "m"},
        {429, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}", GW_ERR_RATE_LIMIT,
         "m"},
        {504, "{\"error\":{\"type\":\"timeout_error\",\"message\":\"m\"}}", GW_ERR_TIMEOUT, "m"},
        {429, "<html>slow down</html>", GW_ERR_RATE_LIMIT,
         "The provider answered with an error that says nothing."},
        {404, "", GW_ERR_NOT_FOUND, "The provider answered with an error that says nothing."},
        {500, "{\"message\":\"m\"}", GW_ERR_SERVER, "m"},
        {400, "{\"error\":\"m\"}", GW_ERR_INVALID_REQUEST, "m"},
        {400, "{\"error\":{\"message\":7}}", GW_ERR_INVALID_REQUEST,
         "The provider answered with an error that says nothing."},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        kit k;
        gw_api_error error;
        kit_open(&k);
        W->read_error(k.arena, list[i].status, aigw_slice_of(list[i].body), &error);
        assert_int_equal(error.kind, list[i].kind);
        assert_true(gw_jstr_is(error.message, list[i].message));
        assert_int_equal(error.status, list[i].status == 529 ? 0 : list[i].status);
        kit_close(&k);
    }
}

static void test_write_error(void **state)
{
    (void)state;
    static const struct {
        gw_api_error_kind kind;
        int given, status;
        const char *type;
    } list[] = {
        {GW_ERR_INVALID_REQUEST, 0, 400, "invalid_request_error"},
        {GW_ERR_INVALID_REQUEST, 422, 422, "invalid_request_error"},
        {GW_ERR_AUTHENTICATION, 0, 401, "authentication_error"},
        {GW_ERR_PERMISSION, 0, 403, "permission_error"},
        {GW_ERR_NOT_FOUND, 0, 404, "not_found_error"},
        {GW_ERR_TOO_LARGE, 0, 413, "request_too_large"},
        {GW_ERR_RATE_LIMIT, 0, 429, "rate_limit_error"},
        {GW_ERR_QUOTA, 429, 402, "billing_error"},
        {GW_ERR_SERVER, 0, 500, "api_error"},
        {GW_ERR_OVERLOADED, 503, 529, "overloaded_error"},
        {GW_ERR_UNAVAILABLE, 0, 503, "api_error"},
        {GW_ERR_TIMEOUT, 0, 504, "timeout_error"},
        {GW_ERR_UPSTREAM, 0, 502, "api_error"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        kit k;
        int status = 0;
        char expected[256];
        kit_open(&k);
        gw_api_error error = {.kind = list[i].kind, .status = list[i].given};
        error.message = gw_jstr_lit("it \\\"broke\\\"");
        gw_answer_options options = {.request_id = GW_S("req-1")};
        W->write_error(&error, &options, &k.out, &status);
        assert_int_equal(status, list[i].status);
        snprintf(expected, sizeof expected,
                 "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"it \\\"broke\\\"\"},"
                 "\"request_id\":\"req-1\"}",
                 list[i].type);
        assert_string_equal(kit_text(&k), expected);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_finish_reasons),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_arguments_of_other_providers),
        cmocka_unit_test(test_foreign_blocks),
        cmocka_unit_test(test_read_error),
        cmocka_unit_test(test_write_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
