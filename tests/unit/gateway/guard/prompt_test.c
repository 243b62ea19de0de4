/* Guardrails on prompts: masked in place, refused in each dialect, for whom they are for. */
#include "unit/gateway/guard/guard_fake.h"

#define MASKS  GUARD_CONFIG "  - {name: pii, on: [prompt], rules: {email: mask, card: mask}}\n"
#define BLOCKS GUARD_CONFIG "  - {name: pii, on: [prompt], rules: {email: block}}\n"

#define MAIL "ask \\u0062ob\\u0040example.com now"

static const fake_answer refusal = {.status = 400, .type = JSON, .body = O_ERROR("stop")};

/* What the upstream got, whatever its format. */
static void is_masked_for_every_upstream(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    for (size_t c = 0; c < SIDES; c++) {
        for (size_t p = 0; p < SIDES; p++) {
            guard_again(f, &refusal, 1);
            fake_result r = guard_ask(f, &sides[c], sides[p].model, p & 1, MAIL);
            assert_int_equal(f->next, 1);
            assert_has(f->bodies[0], "ask [EMAIL] now");
            assert_null(strstr(f->bodies[0], "example.com"));
            assert_has(f->log, "\"guard\":\"pii:prompt:mask\"");
            free(r.body);
        }
    }
    fake_free(f);
}

static void what_is_clean_goes_as_it_came(void **state)
{
    (void)state;
    static const char ask[] = "{ \"model\" :\"o\",\"messages\":[ {\"role\":\"user\",\"content\":"
                              "\"no\\u0062ody\"}],\"odd\":1.50}";
    fake *f = fake_new(MASKS, &refusal, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ask);
    assert_string_equal(f->bodies[0], ask);
    assert_null(strstr(f->log, "\"guard\""));
    free(r.body);
    fake_free(f);
}

static void is_refused_in_every_dialect(void **state)
{
    (void)state;
    static const char *const said[] = {
        "\"code\":\"content_policy_violation\"", "\"type\":\"invalid_request_error\"",
        "\"code\":\"content_policy_violation\"", "\"status\":\"INVALID_ARGUMENT\"",
        "refused by a content policy"};
    fake *f = fake_new(BLOCKS, NULL, 0);
    for (size_t c = 0; c < SIDES; c++) {
        for (int stream = 0; stream < 2; stream++) {
            guard_again(f, NULL, 0);
            fake_result r = guard_ask(f, &sides[c], "o", stream, MAIL);
            assert_int_equal(r.status, 400);
            assert_has(r.body, said[c]);
            assert_has(r.body, "The request was refused by a content policy.");
            assert_null(strstr(r.body, "example"));
            assert_null(strstr(r.body, "pii")); /* nor which rule it was */
            assert_has(f->log, "\"guard\":\"pii:prompt:block\"");
            assert_has(f->log, "\"reason\":\"guard\"");
            assert_null(strstr(f->log, "example.com"));
            free(r.body);
        }
    }
    fake_free(f);
}

static void every_text_counts(void **state)
{
    (void)state;
    static const struct {
        const char *path, *ask, *want;
    } rows[] = {
        {OPENAI_PATH,
         "{\"model\":\"o\",\"messages\":[{\"role\":\"system\",\"content\":\"a@b.example\"},{"
         "\"role\":"
         "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"to\\\":\\\"a\\\\u0040b.example\\\","
         "\\\"card\\\":4111111111111111}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
         "\"content\":\"c@d.example\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"e@f.example\"}]}]}",
         "{\"model\":\"o\",\"messages\":[{\"role\":\"system\",\"content\":\"[EMAIL]\"},{\"role\":"
         "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"to\\\":\\\"[EMAIL]\\\","
         "\\\"card\\\":\\\"[CARD]\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
         "\"content\":\"[EMAIL]\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"[EMAIL]\"}]}]}"},
        {ANTHROPIC_PATH,
         "{\"model\":\"a\",\"max_tokens\":9,\"system\":\"a@b.example\",\"metadata\":{\"user_id\":"
         "\"u@v.example\"},\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
         "\"thinking\",\"thinking\":\"t@u.example\",\"signature\":\"c2ln\"},{\"type\":\"tool_use\","
         "\"id\":\"i\",\"name\":\"f\",\"input\":{\"to\":\"c@d.example\",\"n\":4111111111111111}}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\","
         "\"content\":\"e@f.example\"}]}]}",
         "{\"model\":\"a\",\"max_tokens\":9,\"system\":\"[EMAIL]\",\"metadata\":{\"user_id\":"
         "\"u@v.example\"},\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
         "\"thinking\",\"thinking\":\"t@u.example\",\"signature\":\"c2ln\"},{\"type\":\"tool_use\","
         "\"id\":\"i\",\"name\":\"f\",\"input\":{\"to\":\"[EMAIL]\",\"n\":\"[CARD]\"}}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\","
         "\"content\":\"[EMAIL]\"}]}]}"},
        {"/v1/messages/count_tokens",
         "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a@b.example\"}]}",
         "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"[EMAIL]\"}]}"},
        {"/v1/embeddings", "{\"model\":\"o\",\"input\":[\"x\",\"a@b.example\"]}",
         "{\"model\":\"o\",\"input\":[\"x\",\"[EMAIL]\"]}"},
    };
    fake *f = fake_new(MASKS, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        guard_again(f, &refusal, 1);
        fake_result r = fake_call(f, rows[i].path, rows[i].ask);
        if (!f->bodies[0])
            fail_msg("row %zu: %d %s", i, r.status, r.body);
        assert_string_equal(f->bodies[0], rows[i].want);
        free(r.body);
    }
    fake_free(f);
}

/* Two keys of one object cannot become the same: then it is no request any more, and goes nowhere. */
static void keys_that_would_be_the_same(void **state)
{
    (void)state;
    fake *f = fake_new(MASKS, NULL, 0);
    fake_result r =
        fake_call(f, ANTHROPIC_PATH,
                  "{\"model\":\"a\",\"max_tokens\":9,\"messages\":[{\"role\":"
                  "\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"i\","
                  "\"name\":\"f\",\"input\":{\"a@b.example\":1,\"c@d.example\":2}}]}]}");
    assert_int_equal(r.status, 400);
    assert_null(strstr(r.body, "b.example"));
    free(r.body);
    fake_free(f);
}

static void several_in_a_row(void **state)
{
    (void)state;
    fake *f = fake_new(GUARD_CONFIG
                       "  - {name: one, on: [prompt], rules: {email: mask}}\n"
                       "  - {name: two, on: [prompt], rules: {words: [{texts: [falcon], action: "
                       "mask, mask: BIRD}]}}\n"
                       "  - {name: three, on: [prompt], rules: {patterns: [{name: ids, texts: "
                       "['E-[0-9]{4}'], action: flag}]}}\n",
                       &refusal, 1);
    fake_result r =
        fake_call(f, OPENAI_PATH,
                  "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":\"Falcon, "
                  "E-1234: a@b.example\"}]}");
    assert_has(f->bodies[0], "\"content\":\"BIRD, E-1234: [EMAIL]\"");
    free(r.body);
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    gw_metrics_render(gw_gateway_metrics(f->gw), &out);
    gw_buf_putc(&out, '\0');
    assert_has(
        out.data,
        "aigw_guard_total{guard=\"one\",stage=\"prompt\",action=\"mask\",failed=\"false\"} 1");
    assert_has(
        out.data,
        "aigw_guard_total{guard=\"three\",stage=\"prompt\",action=\"flag\",failed=\"false\"} 1");
    gw_buf_free(&out);
    fake_free(f);
}

/* Without tokens the subject is "", which no list of clients has in it. */
static void for_whom_it_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        bool masked;
    } rows[] = {
        {"match: {models: [o]}", true},
        {"match: {models: ['o*', x]}", true},
        {"match: {models: [oo, p]}", false},
        {"match: {routes: [chat_completions]}", true},
        {"match: {routes: [messages]}", false},
        {"match: {clients: [alice]}", false},
        {"match: {teams: [blue]}", false},
        {"match: {models: [o], routes: [embeddings]}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char config[4096];
        snprintf(config, sizeof config,
                 GUARD_CONFIG "  - {name: pii, on: [prompt], rules: {email: mask}, %s}\n",
                 rows[i].match);
        fake *f = fake_new(config, &refusal, 1);
        fake_result r = guard_ask(f, &sides[0], "o", false, "a@b.example");
        if ((strstr(f->bodies[0], "[EMAIL]") != NULL) != rows[i].masked)
            fail_msg("row %zu: %s", i, f->bodies[0]);
        free(r.body);
        fake_free(f);
    }
}

static void what_passes_through_is_not_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *guard;
        int status;
    } rows[] = {
        {"{name: g, on: [prompt], rules: {email: mask}}", 403},
        {"{name: g, on: [answer], rules: {email: block}}", 403},
        {"{name: g, on: [prompt], webhook: {url: 'http://127.0.0.1:9/'}}", 403},
        {"{name: g, on: [prompt], rules: {email: flag}}", 200},
        {"{name: g, on: [prompt], rules: {email: mask}, pass_through: allow}", 200},
        {"{name: g, on: [prompt], rules: {email: mask}, match: {routes: [messages]}}", 200},
        {"{name: g, on: [prompt], rules: {email: mask}, match: {models: [messages]}}", 403},
    };
    const fake_answer good = {.status = 200, .type = JSON, .body = "{}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char config[4096];
        snprintf(config, sizeof config, GUARD_CONFIG "  - %s\n", rows[i].guard);
        fake *f = fake_new(config, &good, 1);
        fake_result r = fake_call(f, "/pass/openai/files", NULL);
        if (r.status != rows[i].status)
            fail_msg("row %zu: %d %s", i, r.status, r.body);
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_masked_for_every_upstream),
        cmocka_unit_test(what_is_clean_goes_as_it_came),
        cmocka_unit_test(is_refused_in_every_dialect),
        cmocka_unit_test(every_text_counts),
        cmocka_unit_test(keys_that_would_be_the_same),
        cmocka_unit_test(several_in_a_row),
        cmocka_unit_test(for_whom_it_is_not),
        cmocka_unit_test(what_passes_through_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
