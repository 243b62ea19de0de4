/* What compatible hosts make of a stream: each way of saying it is the same answer, at every split. */
#include "unit/wire/openai_chat/help.h"

#define HEAD     "\"id\":\"a\",\"model\":\"m\",\"created\":1"
#define D(delta) "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}"
#define F(word)  "{" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]}"
#define U        "{" HEAD ",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"
#define EV(data) "data: " data "\n\n"
#define DONE     "data: [DONE]\n\n"
#define NAME(id, ix)                                                                               \
    "\"tool_calls\":[{" ix "\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\","
#define ARGS(rest) "\"arguments\":" rest "}}]"
#define TEXT_USAGE "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}"
#define FILTERS    "\"content_filter_results\":{\"hate\":{\"filtered\":false}}"

static const char text_answer[] = "text=hi|finish=0|3 2";
static const char call_answer[] = "call=f {\\\"a\\\":1}|finish=3|-1 -1";
static const char empty_call[] = "call=f {}|finish=3|-1 -1";

static const struct {
    const char *what, *stream, *answer;
} rows[] = {
    {"as it should be",
     EV(D("\"role\":\"assistant\",\"content\":\"\"")) EV(D("\"content\":\"hi\"")) EV(F("stop"))
         EV(U) DONE,
     text_answer},
    {"CRLF",
     "data: " D("\"content\":\"hi\"") "\r\n\r\ndata: " F("stop") "\r\n\r\ndata: " U
                                                                 "\r\n\r\ndata: [DONE]\r\n\r\n",
     text_answer},
    {"no space after data:",
     "data:" D("\"content\":\"hi\"") "\n\ndata:" F("stop") "\n\ndata:" U "\n\ndata:[DONE]\n\n",
     text_answer},
    {"comments",
     ": OPENROUTER PROCESSING\n\n" EV(D("\"content\":\"h\"")) ": x\n\n: y\n" EV(
         D("\"content\":\"i\"")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"leading spaces", " " EV(D("\"content\":\"hi\"")) "  " EV(F("stop")) " " EV(U) " " DONE,
     text_answer},
    {"repeated role",
     EV(D("\"role\":\"assistant\",\"content\":\"h\""))
         EV(D("\"role\":\"assistant\",\"content\":\"i\"")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"no [DONE]", EV(D("\"content\":\"hi\"")) EV(F("stop")) EV(U), text_answer},
    {"no blank line at the end", EV(D("\"content\":\"hi\"")) EV(F("stop")) "data: " U, text_answer},
    {"usage before the finish", EV(D("\"content\":\"hi\"")) EV(U) EV(F("stop")) DONE, text_answer},
    {"usage on the finish",
     EV(D("\"content\":\"hi\"")) "data: {" HEAD "," TEXT_USAGE
                                 ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                                 "\"stop\"}]}\n\n" DONE,
     text_answer},
    {"usage on every chunk",
     "data: {" HEAD ",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1},"
     "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {" HEAD "," TEXT_USAGE
     ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" DONE,
     text_answer},
    {"usage in x_groq",
     EV(D("\"content\":\"hi\""))
         EV(F("stop")) "data: {" HEAD ",\"choices\":[],\"x_groq\":{\"id\":\"r\"," TEXT_USAGE
                       "}}\n\n" DONE,
     text_answer},
    {"usage without choices",
     EV(D("\"content\":\"hi\"")) EV(F("stop")) "data: {" TEXT_USAGE "}\n\n" DONE, text_answer},
    {"several finish reasons", EV(D("\"content\":\"hi\"")) EV(F("stop")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"finish with the last text",
     "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
     "\"hi\"},\"finish_reason\":\"stop\"}]}\n\n" EV(U) DONE,
     text_answer},
    {"no delta",
     EV(D("\"content\":\"hi\"")) "data: {" HEAD ",\"choices\":[{\"index\":0,"
                                 "\"finish_reason\":\"stop\"}]}\n\n" EV(U) DONE,
     text_answer},
    {"null delta",
     EV(D("\"content\":\"hi\"")) "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":"
                                 "null,\"finish_reason\":\"stop\"}]}\n\n" EV(U) DONE,
     text_answer},
    {"no index",
     "data: {" HEAD ",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n" EV(F("stop")) EV(U) DONE,
     text_answer},
    {"null content", EV(D("\"content\":null")) EV(D("\"content\":\"hi\"")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"null choices",
     "data: {" HEAD ",\"choices\":null}\n\n" EV(D("\"content\":\"hi\"")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"Azure's first chunk",
     "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\","
     "\"prompt_filter_results\":[{\"prompt_index\":0," FILTERS "}]}\n\n" EV(D("\"content\":\"hi\""))
         EV(F("stop")) EV(U) DONE,
     text_answer},
    {"Azure's filter later",
     EV(D("\"content\":\"hi\"")) "data: {\"id\":\"\",\"choices\":[{\"index\":0,"
                                 "\"finish_reason\":null," FILTERS
                                 ",\"content_filter_offsets\":{\"check_offset\":4}}]}\n\n" EV(
                                     F("stop")) EV(U) DONE,
     text_answer},
    {"obfuscation",
     "data: {" HEAD ",\"obfuscation\":\"xYz\",\"choices\":[{\"index\":0,\"delta\":{"
     "\"content\":\"hi\"}}]}\n\n" EV(F("stop")) EV(U) DONE,
     text_answer},
    {"moderation",
     EV(D("\"content\":\"hi\"")) "data: {" HEAD ",\"choices\":[],\"moderation\":{"
                                 "\"input\":{}}}\n\n" EV(F("stop")) EV(U) DONE,
     text_answer},
    {"an event line", "event: message\n" EV(D("\"content\":\"hi\"")) EV(F("stop")) EV(U) DONE,
     text_answer},
    {"a call as it should be",
     EV(D(NAME("c", "\"index\":0,") ARGS("\"\"")))
         EV(D("\"tool_calls\":[{\"index\":0,\"function\":{" ARGS("\"{\\\"a\\\":1}\"")))
             EV(F("tool_calls")) DONE,
     call_answer},
    {"a call in one chunk",
     EV(D(NAME("c", "\"index\":0,") ARGS("\"{\\\"a\\\":1}\""))) EV(F("stop")) DONE, call_answer},
    {"a call without index", EV(D(NAME("c", "") ARGS("\"{\\\"a\\\":1}\""))) EV(F("stop")) DONE,
     call_answer},
    {"arguments as an object",
     EV(D(NAME("c", "\"index\":0,") ARGS("{\"a\":1}"))) EV(F("stop")) DONE, call_answer},
    {"arguments null", EV(D(NAME("c", "\"index\":0,") ARGS("null"))) EV(F("tool_calls")) DONE,
     empty_call},
    {"no arguments",
     EV(D("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\"}}]"))
         EV(F("tool_calls")) DONE,
     empty_call},
    {"no id and no type",
     EV(D("\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"," ARGS("\"{\\\"a\\\":1}\"")))
         EV(F("stop")) DONE,
     call_answer},
    {"the deprecated function_call",
     EV(D("\"function_call\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}"))
         EV(D("\"function_call\":{\"arguments\":\"\\\":1}\"}")) EV(F("function_call")) DONE,
     call_answer},
    {"a call after null content",
     EV(D("\"role\":\"assistant\",\"content\":null"))
         EV(D(NAME("c", "\"index\":0,") ARGS("\"{\\\"a\\\":1}\""))) EV(F("tool_calls")) DONE,
     call_answer},
    {"length beats a call",
     EV(D(NAME("c", "\"index\":0,") ARGS("\"{\\\"a\\\":1}\""))) EV(F("tool_calls")) EV(F("length"))
         DONE,
     "call=f {\\\"a\\\":1}|finish=2|-1 -1"},
};

static char *answer_of(aigw_slice stream, int step)
{
    gw_arena *arena = gw_arena_new((size_t)8 << 20);
    gw_fold *fold = gw_fold_new(arena);
    gw_answer a;
    gw_buf out;
    char *events;
    gw_buf_init(&out, 1 << 16);
    if (run_stream(stream, step, fold, &events) != AIGW_OK ||
        gw_fold_result(fold, &a, NULL) != AIGW_OK)
        fail_msg("%.*s\n%s", (int)stream.len, stream.data, events);
    free(events);
    assert_int_equal(a.choice_count, 1);
    assert_true(gw_jstr_is(a.id, "a") && gw_jstr_is(a.model, "m"));
    for (size_t i = 0; i < a.choices[0].block_count; i++) {
        const gw_block *b = &a.choices[0].blocks[i];
        bool call = b->kind == GW_BLOCK_TOOL_CALL;
        assert_true(!call || b->call_id.inner.len > 0);
        gw_buf_puts(&out, call ? "call=" : "text=");
        gw_buf_add(&out, b->tool_name.inner);
        gw_buf_puts(&out, call ? " " : "");
        gw_buf_add(&out, call && b->text.inner.len == 0 ? GW_S("{}") : b->text.inner);
        gw_buf_puts(&out, "|");
    }
    gw_buf_printf(&out, "finish=%d|%d %d", (int)a.choices[0].finish, (int)a.usage.input_tokens,
                  (int)a.usage.output_tokens);
    char *text = text_of(&out);
    gw_buf_free(&out);
    gw_arena_free(arena);
    return text;
}

static void every_way_of_saying_it(void **state)
{
    (void)state;
    static const int steps[] = {0, 1, 2, 3, 7, -5};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            char *answer = answer_of(aigw_slice_of(rows[i].stream), steps[k]);
            if (strcmp(answer, rows[i].answer) != 0)
                fail_msg("%s, step %d: %s", rows[i].what, steps[k], answer);
            free(answer);
        }
    }
}

static void choices_say_their_places(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[{\"index\":1,\"message\":{\"content\":\"b\"}},{\"index\":0,\"message\":{\"content\":"
        "\"a\"}}]",
        "[{\"message\":{\"content\":\"a\"}},{\"message\":{\"content\":\"b\"}}]",
        "[{\"index\":0,\"message\":{\"content\":\"a\"}},{\"index\":0,\"message\":{\"content\":"
        "\"b\"}}]",
        "[{\"index\":7,\"message\":{\"content\":\"a\"}},{\"index\":-1,\"message\":{\"content\":"
        "\"b\"}}]"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        gw_arena *arena = gw_arena_new((size_t)1 << 20);
        char text[512];
        snprintf(text, sizeof(text), "{\"id\":\"a\",\"choices\":%s}", lists[i]);
        gw_json_doc doc = parse(arena, aigw_slice_of(text));
        gw_fold *fold = gw_fold_new(arena);
        gw_event_sink sink = {gw_fold_event, fold};
        gw_answer a;
        assert_int_equal(WIRE->read_answer(arena, &doc, &sink, NULL), AIGW_OK);
        assert_int_equal(gw_fold_result(fold, &a, NULL), AIGW_OK);
        assert_int_equal(a.choice_count, 2);
        assert_true(gw_jstr_is(a.choices[0].blocks[0].text, "a"));
        assert_true(gw_jstr_is(a.choices[1].blocks[0].text, "b"));
        gw_arena_free(arena);
    }
}

/* Azure's filter, its API manager, OpenRouter, a bare string. */
static void errors_of_hosts(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body, *message, *code;
        gw_api_error_kind kind;
    } list[] = {
        {400,
         "{\"error\":{\"message\":\"m\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\","
         "\"content_filter_result\":{}}}}",
         "m", "content_filter", GW_ERR_INVALID_REQUEST},
        {404, "{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}",
         "Resource not found", "404", GW_ERR_NOT_FOUND},
        {401, "{\"statusCode\":401,\"message\":\"no key\"}", "no key", NULL, GW_ERR_AUTHENTICATION},
        {429, "{\"error\":{\"code\":429,\"message\":\"slow\",\"metadata\":{\"raw\":\"x\"}}}",
         "slow", "429", GW_ERR_RATE_LIMIT},
        {500, "{\"error\":\"boom\"}", "boom", NULL, GW_ERR_SERVER},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        gw_arena *arena = gw_arena_new((size_t)1 << 20);
        gw_api_error error;
        WIRE->read_error(arena, list[i].status, aigw_slice_of(list[i].body), &error);
        assert_int_equal(error.kind, list[i].kind);
        assert_true(gw_jstr_is(error.message, list[i].message));
        assert_true(list[i].code == NULL ? !gw_has(error.code)
                                         : gw_jstr_is(error.code, list[i].code));
        gw_arena_free(arena);
    }
}

typedef struct piping {
    void *writer;
    gw_buf *out;
} piping;

static int write_event(void *user, const gw_event *event)
{
    piping *p = user;
    return WIRE->writer_event(p->writer, event, p->out);
}

/* A client that asked with functions looks for function_call. */
static void functions_are_answered_as_asked(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new((size_t)4 << 20);
    gw_json_doc asked = parse(arena, GW_S("{\"functions\":[{\"name\":\"f\"}]}"));
    gw_answer_options options = {.id_seed = GW_S("0"), .request = &asked};
    gw_block blocks[2] = {{.kind = GW_BLOCK_TOOL_CALL,
                           .tool_name = gw_jstr_lit("f"),
                           .call_id = gw_jstr_lit("c"),
                           .text = gw_jstr_lit("{\\\"a\\\":1}")}};
    blocks[1] = blocks[0];
    gw_choice choice = {.blocks = blocks, .block_count = 2, .finished = true};
    choice.finish = GW_FINISH_TOOL_CALLS;
    gw_answer a = {.model = gw_jstr_lit("m"), .choices = &choice, .choice_count = 1};
    a.usage = gw_usage_unknown();
    gw_buf out;
    gw_buf_init(&out, 1 << 16);
    assert_int_equal(WIRE->write_answer(arena, &a, &options, &out, NULL), AIGW_OK);
    aigw_slice text = gw_buf_slice(&out);
    assert_non_null(gw_find(text, GW_S("\"function_call\":{\"name\":\"f\",\"arguments\":\"{"
                                       "\\\"a\\\":1}\"}")));
    assert_non_null(gw_find(text, GW_S("\"finish_reason\":\"function_call\"")));
    assert_null(gw_find(text, GW_S("tool_calls\":")));
    gw_buf_clear(&out);
    void *writer = calloc(1, WIRE->writer_size);
    assert_int_equal(WIRE->writer_init(writer, &options), AIGW_OK);
    gw_event_sink sink = {write_event, &(piping){writer, &out}};
    assert_int_equal(gw_unfold(&a, &sink), AIGW_OK);
    WIRE->writer_free(writer);
    free(writer);
    text = gw_buf_slice(&out);
    assert_non_null(gw_find(text, GW_S("{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}")));
    assert_non_null(gw_find(text, GW_S("{\"function_call\":{\"arguments\":\"{\\\"a\\\":1}\"}}")));
    assert_non_null(gw_find(text, GW_S("\"finish_reason\":\"function_call\"")));
    assert_null(gw_find(text, GW_S("tool_calls\":")));
    gw_buf_free(&out);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_saying_it),
        cmocka_unit_test(choices_say_their_places),
        cmocka_unit_test(errors_of_hosts),
        cmocka_unit_test(functions_are_answered_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
