/* Guardrails that others decide: what they are asked, what their word does, and what their silence means. */
#include "unit/gateway/guard/guard_fake.h"

#define HOOK(on, policy)                                                                           \
    GUARD_CONFIG "  - {name: hook, on: [" on "], webhook: {url: 'http://127.0.0.1:9/check', "      \
                 "secret: s3cret, timeout_ms: 3000, on_fail: " policy "}}\n"

#define SAYS(json)                                                                                 \
    {                                                                                              \
        .status = 200, .type = JSON, .body = (json)                                                \
    }
#define PASS SAYS("{\"verdict\":\"pass\"}")
#define GOOD SAYS(O_ANSWER)

static const fake_answer good_stream = {.status = 200, .type = SSE, .body = O_STREAM};

static fake_result take_late(fake *f, aigw_exchange *x)
{
    aigw_head head;
    for (int i = 0; i < 20 && aigw_exchange_head(x, &head, NULL) == AIGW_AGAIN; i++)
        fake_pass(f, 1000);
    return fake_take(f, x);
}

/* ---- prompts ---- */

static void a_prompt_is_asked_about(void **state)
{
    (void)state;
    const fake_answer script[] = {PASS, GOOD};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_has(f->bodies[0], "{\"version\":1,\"stage\":\"prompt\",\"request_id\":\"");
    assert_has(f->bodies[0], "\"model\":\"o\",\"texts\":[\"Hi\"]}");
    assert_string_equal(f->methods[0], "POST");
    assert_string_equal(f->bodies[1], ASK("o"));
    free(r.body);
    fake_free(f);
}

static void its_masks_are_taken(void **state)
{
    (void)state;
    const fake_answer script[] = {SAYS("{\"verdict\":\"mask\",\"texts\":[\"a\\u0062\",\"\"]}"),
                                  GOOD};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 2);
    fake_result r = fake_call(f, OPENAI_PATH,
                              "{\"model\":\"o\",\"messages\":[{\"role\":\"system\",\"content\":"
                              "\"x\\ny\"},{\"role\":\"user\",\"content\":\"z\"}], \"n\":1}");
    assert_int_equal(r.status, 200);
    assert_has(f->bodies[0], "\"texts\":[\"x\\ny\",\"z\"]");
    assert_string_equal(f->bodies[1],
                        "{\"model\":\"o\",\"messages\":[{\"role\":\"system\",\"content\":"
                        "\"a\\u0062\"},{\"role\":\"user\",\"content\":\"\"}], \"n\":1}");
    assert_has(f->log, "\"guard\":\"hook:prompt:mask\"");
    free(r.body);
    fake_free(f);
}

static void what_it_rejects_is_refused(void **state)
{
    (void)state;
    const fake_answer script[] = {SAYS("{\"verdict\":\"reject\",\"reason\":\"because\"}")};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 400);
    assert_has(r.body, "content_policy_violation");
    assert_null(strstr(r.body, "because"));
    assert_int_equal(f->next, 1);
    free(r.body);
    fake_free(f);
}

/* Everything that can go wrong with it. */
static const fake_answer failures[] = {
    {.failure = GW_HTTP_CONNECT},
    {.failure = GW_HTTP_TIMEOUT},
    {.status = 500, .type = JSON, .body = "{\"verdict\":\"pass\"}"},
    {.status = 204, .body = ""},
    {.status = 200, .type = JSON, .body = "not json"},
    {.status = 200, .type = JSON, .body = ""},
    {.status = 200, .type = JSON, .body = "[]"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"fine\"}"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"mask\",\"texts\":[]}"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"mask\",\"texts\":[\"a\",\"b\"]}"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"mask\",\"texts\":[7]}"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"pass\",\"extra\":1}"},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"pass\"}", .cut = 10},
    {.status = 200, .type = JSON, .body = "{\"verdict\":\"pass\"}", .hang = true},
    {.status = 200, .type = JSON, .body = "{\"verd", .piece = 1, .hang = true},
};

static void its_failures_on_a_prompt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const fake_answer script[] = {failures[i], GOOD};
        fake *closed = fake_new(HOOK("prompt", "closed"), script, 2);
        fake_result r = take_late(closed, fake_open(closed, OPENAI_PATH, ASK("o")));
        if (r.status != 503 || closed->next != 1)
            fail_msg("closed, case %zu: %d %s", i, r.status, r.body);
        assert_has(closed->log, "\"event\":\"guard_failed\"");
        assert_has(closed->log, "\"reason\":\"guard_failed\"");
        free(r.body);
        fake_free(closed);
        fake *open = fake_new(HOOK("prompt", "open"), script, 2);
        r = take_late(open, fake_open(open, OPENAI_PATH, ASK("o")));
        if (r.status != 200 || open->next != 2)
            fail_msg("open, case %zu: %d %s", i, r.status, r.body);
        assert_string_equal(open->bodies[1], ASK("o"));
        assert_has(open->log, "\"policy\":\"open\"");
        free(r.body);
        fake_free(open);
    }
}

static void a_giant_answer_is_none(void **state)
{
    (void)state;
    char *giant = malloc((size_t)2 << 20);
    memset(giant, ' ', (size_t)2 << 20);
    fake_answer script[] = {{.status = 200, .type = JSON, .body = giant, .body_len = 2 << 20},
                            GOOD};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 503);
    assert_has(f->log, "guard_too_large");
    free(r.body);
    fake_free(f);
    free(giant);
}

static void too_much_to_ask_about(void **state)
{
    (void)state;
    size_t len = (size_t)4 << 20;
    char *ask = malloc(len + 200);
    int at = sprintf(ask, "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    memset(ask + at, 'a', len + 1);
    strcpy(ask + (size_t)at + len + 1, "\"}]}");
    const fake_answer script[] = {GOOD};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ask);
    assert_int_equal(r.status, 503);
    assert_int_equal(f->next, 0);
    assert_has(f->log, "text_too_large");
    free(r.body);
    fake_free(f);
    f = fake_new(HOOK("prompt", "open"), script, 1);
    r = fake_call(f, OPENAI_PATH, ask);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
    free(ask);
}

static void who_goes_away_takes_the_question_along(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .hang = true}};
    fake *f = fake_new(HOOK("prompt", "closed"), script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_int_equal(f->running, 1);
    aigw_exchange_free(x);
    assert_int_equal(f->cancelled, 1);
    fake_pass(f, 10000);
    fake_free(f);
}

static void each_one_is_asked_and_gets_what_is_masked(void **state)
{
    (void)state;
    const fake_answer script[] = {SAYS("{\"verdict\":\"mask\",\"texts\":[\"second\"]}"), PASS,
                                  GOOD};
    fake *f = fake_new(GUARD_CONFIG
                       "  - {name: one, on: [prompt], webhook: {url: 'http://127.0.0.1:9/'}}\n"
                       "  - {name: two, on: [prompt], webhook: {url: 'http://127.0.0.1:9/'}}\n"
                       "  - {name: own, on: [prompt], rules: {email: mask}}\n",
                       script, 3);
    fake_result r = fake_call(f, OPENAI_PATH,
                              "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":"
                              "\"a@b.example\"}]}");
    assert_has(f->bodies[0], "\"texts\":[\"[EMAIL]\"]");
    assert_has(f->bodies[1], "\"texts\":[\"second\"]");
    assert_has(f->bodies[2], "\"content\":\"second\"");
    free(r.body);
    fake_free(f);
}

/* ---- answers ---- */

static void an_answer_is_asked_about(void **state)
{
    (void)state;
    const fake_answer script[] = {GOOD, SAYS("{\"verdict\":\"mask\",\"texts\":[\"Bye\"]}")};
    fake *f = fake_new(HOOK("answer", "closed"), script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_has(f->bodies[1], "\"stage\":\"answer\"");
    assert_has(f->bodies[1], "\"texts\":[\"Hello\"]");
    assert_has(r.body, "\"content\":\"Bye\"");
    assert_null(strstr(r.body, "Hello"));
    assert_has(r.body, "\"prompt_tokens\":9");
    free(r.body);
    fake_free(f);
}

static void a_stream_is_collected_and_given(void **state)
{
    (void)state;
    for (size_t c = 0; c < SIDES; c++) {
        const fake_answer script[] = {good_stream,
                                      SAYS("{\"verdict\":\"mask\",\"texts\":[\"Bye\"]}")};
        fake *f = fake_new(HOOK("answer", "closed"), script, 2);
        char *path = guard_put(sides[c].stream_path, "o", "");
        char *ask = guard_put(sides[c].ask_stream, "o", "hi");
        aigw_exchange *x = fake_open(f, path, ask);
        gw_buf out;
        gw_buf_init(&out, 1 << 20);
        assert_int_equal(fake_finish(f, x, &out), AIGW_END);
        assert_int_equal(x->status, 200);
        aigw_exchange_free(x);
        gw_arena *arena = gw_arena_new(1 << 20);
        gw_answer a = guard_read(arena, sides[c].format, gw_buf_slice(&out));
        char text[64];
        guard_text_of(arena, &a, GW_BLOCK_TEXT, text, sizeof text);
        assert_string_equal(text, "Bye");
        gw_arena_free(arena);
        gw_buf_free(&out);
        free(path);
        free(ask);
        fake_free(f);
    }
}

static void while_it_thinks_the_client_is_kept_alive(void **state)
{
    (void)state;
    const fake_answer script[] = {good_stream, {.status = 200, .type = JSON, .hang = true}};
    fake *f = fake_new(GUARD_CONFIG "  - {name: slow, on: [answer], webhook: {url: "
                                    "'http://127.0.0.1:9/', timeout_ms: 100000}}\n",
                       script, 2);
    aigw_exchange *x = fake_open(f, ANTHROPIC_PATH, ASK_A_STREAM("o"));
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    fake_steps(f);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    assert_int_equal(x->status, 200);
    assert_null(gw_find(gw_buf_slice(&out), GW_S("Hel")));
    for (int i = 0; i < 3; i++)
        fake_pass(f, GW_PING_MS + 1);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    gw_buf_putc(&out, '\0');
    size_t pings = 0;
    for (const char *at = out.data; (at = strstr(at, "event: ping")); at++)
        pings++;
    assert_true(pings >= 3);
    assert_null(strstr(out.data, "Hel"));
    aigw_exchange_free(x);
    gw_buf_free(&out);
    fake_free(f);
}

static void a_rejected_answer_is_filtered(void **state)
{
    (void)state;
    const fake_answer no = SAYS("{\"verdict\":\"reject\"}");
    const fake_answer whole[] = {GOOD, no}, stream[] = {good_stream, no};
    fake *f = fake_new(HOOK("answer", "closed"), whole, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "\"finish_reason\":\"content_filter\"");
    assert_null(strstr(r.body, "Hello"));
    free(r.body);
    guard_again(f, stream, 2);
    r = fake_call(f, ANTHROPIC_PATH, ASK_A_STREAM("o"));
    assert_has(r.body, "\"stop_reason\":\"refusal\"");
    assert_has(r.body, "event: message_stop");
    assert_null(strstr(r.body, "Hel"));
    free(r.body);
    fake_free(f);
}

static void its_failures_on_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const fake_answer whole[] = {GOOD, failures[i]}, stream[] = {good_stream, failures[i]};
        fake *f = fake_new(HOOK("answer", "closed"), whole, 2);
        fake_result r = take_late(f, fake_open(f, OPENAI_PATH, ASK("o")));
        if (r.status != 503 || strstr(r.body, "Hello") || f->next != 2)
            fail_msg("closed, case %zu: %d %s", i, r.status, r.body);
        free(r.body);
        guard_again(f, stream, 2);
        aigw_exchange *x = fake_open(f, ANTHROPIC_PATH, ASK_A_STREAM("o"));
        fake_steps(f);
        fake_pass(f, 3001);
        r = fake_take(f, x);
        if (r.status != 200 || r.code != AIGW_E_UPSTREAM || strstr(r.body, "Hel") ||
            !strstr(r.body, "event: error"))
            fail_msg("closed stream, case %zu: %d %d %s", i, r.status, r.code, r.body);
        free(r.body);
        fake_free(f);
        f = fake_new(HOOK("answer", "open"), stream, 2);
        x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
        fake_steps(f);
        fake_pass(f, 3001);
        r = fake_take(f, x);
        if (r.code != AIGW_END || !strstr(r.body, "Hello") || !strstr(r.body, "[DONE]"))
            fail_msg("open stream, case %zu: %d %s", i, r.code, r.body);
        free(r.body);
        fake_free(f);
    }
}

#define O_CALL                                                                                     \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"    \
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"    \
    "\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}" \
    ","                                                                                            \
    "\"finish_reason\":\"tool_calls\"}]}"

static void arguments_that_are_no_json_any_more(void **state)
{
    (void)state;
    const fake_answer script[] = {SAYS(O_CALL),
                                  SAYS("{\"verdict\":\"mask\",\"texts\":[\"gone\"]}")};
    fake *f = fake_new(HOOK("answer", "closed"), script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_has(f->bodies[1], "\"texts\":[\"{\\\"a\\\":1}\"]");
    assert_int_equal(r.status, 503);
    free(r.body);
    fake_free(f);
}

static void an_upstream_that_fails_is_not_asked_about(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 400, .type = JSON, .body = O_ERROR("bad")}};
    fake *f = fake_new(HOOK("answer", "closed"), script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 400);
    assert_int_equal(f->next, 1);
    free(r.body);
    fake_free(f);
}

/* A stream that breaks while it is collected: the client, who has its beginning, hears it; nobody is asked. */
static void a_stream_that_breaks_is_not_asked_about(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = SSE, .body = O_STREAM, .cut = sizeof O_FIRST O_SECOND}};
    fake *f = fake_new(HOOK("answer", "open"), script, 1);
    fake_result r = fake_call(f, ANTHROPIC_PATH, ASK_A_STREAM("o"));
    assert_int_equal(r.code, AIGW_E_UPSTREAM);
    assert_has(r.body, "event: error");
    assert_null(strstr(r.body, "Hel"));
    assert_int_equal(f->next, 1);
    free(r.body);
    fake_free(f);
}

/* What a failed try has left in a filter is forgotten. */
static void another_try_begins_anew(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = SSE, .body = "data: {\"error\":{\"message\":\"busy\"}}\n\n"},
        {.status = 200,
         .type = SSE,
         .body = O_CHUNK("{\"content\":\"bob@ex\"}", "null")
             O_CHUNK("{\"content\":\"ample.com\"}", "\"stop\"") O_DONE}};
    fake *f =
        fake_new(GUARD_CONFIG "  - {name: m, on: [answer], rules: {email: mask}}\n", script, 2);
    fake_result r = take_late(f, fake_open(f, OPENAI_PATH, ASK_STREAM("o")));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "[EMAIL]");
    assert_has(r.body, "[DONE]");
    assert_int_equal(f->next, 2);
    free(r.body);
    fake_free(f);
}

/* ---- the others ---- */

static void moderation(void **state)
{
    (void)state;
    static const char flagged[] =
        "{\"id\":\"m\",\"model\":\"x\",\"results\":[{\"flagged\":true,\"categories\":{\"violence\":"
        "true},\"category_scores\":{\"violence\":0.4}}]}";
    const fake_answer script[] = {SAYS(flagged), GOOD};
    fake *f = fake_new(GUARD_CONFIG
                       "  - {name: mod, on: [prompt], openai_moderation: {provider: openai, model: "
                       "omni}}\n",
                       script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("a"));
    assert_int_equal(r.status, 400);
    assert_string_equal(f->paths[0], "/v1/moderations");
    assert_string_equal(f->bodies[0], "{\"model\":\"omni\",\"input\":[\"Hi\"]}");
    free(r.body);
    fake_free(f);
    f = fake_new(GUARD_CONFIG
                 "  - {name: mod, on: [prompt], openai_moderation: {base_url: "
                 "'http://127.0.0.1:9/v1/', api_key: k, categories: {violence: '0.5'}}}\n",
                 script, 2);
    r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200); /* our limit counts, not its word */
    free(r.body);
    fake_free(f);
}

static void apply_guardrail(void **state)
{
    (void)state;
    static const char masked[] =
        "{\"action\":\"GUARDRAIL_INTERVENED\",\"outputs\":[{\"text\":\"{NAME}\"}],\"assessments\":["
        "{"
        "\"sensitiveInformationPolicy\":{\"piiEntities\":[{\"type\":\"NAME\",\"action\":"
        "\"ANONYMIZED\"}]}}]}";
    const fake_answer script[] = {SAYS(masked), GOOD};
    fake *f = fake_new(GUARD_CONFIG "  - {name: aws, on: [prompt], bedrock_guardrail: {provider: "
                                    "bedrock, id: gr1, version: '2'}}\n",
                       script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 200);
    assert_string_equal(f->paths[0], "/guardrail/gr1/version/2/apply");
    assert_has(f->bodies[0], "{\"source\":\"INPUT\",\"content\":[{\"text\":{\"text\":\"Hi\"}}]}");
    assert_has(f->headers[0], "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
    assert_has(f->bodies[1], "\"content\":\"{NAME}\"");
    free(r.body);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_asked_about),
        cmocka_unit_test(its_masks_are_taken),
        cmocka_unit_test(what_it_rejects_is_refused),
        cmocka_unit_test(its_failures_on_a_prompt),
        cmocka_unit_test(a_giant_answer_is_none),
        cmocka_unit_test(too_much_to_ask_about),
        cmocka_unit_test(who_goes_away_takes_the_question_along),
        cmocka_unit_test(each_one_is_asked_and_gets_what_is_masked),
        cmocka_unit_test(an_answer_is_asked_about),
        cmocka_unit_test(a_stream_is_collected_and_given),
        cmocka_unit_test(while_it_thinks_the_client_is_kept_alive),
        cmocka_unit_test(a_rejected_answer_is_filtered),
        cmocka_unit_test(its_failures_on_an_answer),
        cmocka_unit_test(arguments_that_are_no_json_any_more),
        cmocka_unit_test(an_upstream_that_fails_is_not_asked_about),
        cmocka_unit_test(a_stream_that_breaks_is_not_asked_about),
        cmocka_unit_test(another_try_begins_anew),
        cmocka_unit_test(moderation),
        cmocka_unit_test(apply_guardrail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
