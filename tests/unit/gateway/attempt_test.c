/* Tries at upstreams: what is tried again, what the client sees of failures, time, back-pressure. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const fake_answer good = {.status = 200, .type = JSON, .body = O_ANSWER};
static const fake_answer good_stream = {.status = 200, .type = SSE, .body = O_STREAM};

/* Lets time pass until the exchange has ended. */
static fake_result take_late(fake *f, aigw_exchange *x)
{
    aigw_head head;
    for (int i = 0; i < 100 && aigw_exchange_head(x, &head, NULL) == AIGW_AGAIN; i++)
        fake_pass(f, 1000);
    return fake_take(f, x);
}

static void what_may_be_retried_is(void **state)
{
    (void)state;
    const fake_answer first[] = {
        {.status = 429, .type = JSON, .body = O_ERROR("slow")},
        {.status = 500, .type = JSON, .body = O_ERROR("oops")},
        {.status = 503, .type = "text/html", .body = "<html>"},
        {.status = 408, .type = JSON, .body = ""},
        {.failure = GW_HTTP_CONNECT},
        {.failure = GW_HTTP_BROKEN},
        {.status = 200, .type = SSE, .body = "data: {\"error\":{\"message\":\"busy\"}}\n\n"},
        {.status = 200, .type = SSE, .body = ": hello\n\n"},
        {.status = 400, .type = JSON, .headers = {"x-should-retry", "true"}, .body = "{}"},
    };
    for (size_t i = 0; i < COUNT(first); i++) {
        const fake_answer script[] = {first[i], good_stream};
        fake *f = fake_new(FAKE_CONFIG, script, 2);
        fake_result r = take_late(f, fake_open(f, OPENAI_PATH, ASK_STREAM("o")));
        if (r.status != 200)
            fail_msg("case %zu: %d %s", i, r.status, r.body);
        assert_string_equal(r.body, O_FIRST O_SECOND O_FINISH O_DONE);
        assert_string_equal(f->bodies[0], f->bodies[1]);
        assert_has(f->log, "\"tries\":2");
        free(r.body);
        fake_free(f);
    }
}

static void what_may_not_is_not(void **state)
{
    (void)state;
    const fake_answer first[] = {
        {.status = 400, .type = JSON, .body = O_ERROR("bad")},
        {.status = 409, .type = JSON, .body = O_ERROR("bad")},
        {.status = 422, .type = JSON, .body = O_ERROR("bad")},
        {.status = 429, .type = JSON, .headers = {"x-should-retry", "false"}, .body = "{}"},
        {.status = 429, .type = JSON, .headers = {"retry-after", "3600"}, .body = "{}"},
        {.status = 200, .type = "text/html", .body = "<html>hi</html>"},
        {.status = 200, .type = JSON, .body = "{\"hello\":1}"},
        {.status = 302, .type = JSON, .headers = {"location", "http://127.0.0.1/"}, .body = ""},
    };
    for (size_t i = 0; i < COUNT(first); i++) {
        fake *f = fake_new(FAKE_CONFIG, &first[i], 1);
        fake_result r = take_late(f, fake_open(f, OPENAI_PATH, ASK("o")));
        int want = first[i].status == 200 || first[i].status == 302 ? 502 : first[i].status;
        if (r.status != want)
            fail_msg("case %zu: %d %s", i, r.status, r.body);
        assert_has(r.body, "\"error\"");
        assert_int_equal(f->next, 1);
        free(r.body);
        fake_free(f);
    }
}

static void retries_end(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 500, .type = JSON, .body = O_ERROR("one")},
                                  {.status = 500, .type = JSON, .body = O_ERROR("two")},
                                  {.status = 503, .type = JSON, .body = O_ERROR("three")}};
    fake *f = fake_new(FAKE_CONFIG, script, 3);
    fake_result r = take_late(f, fake_open(f, OPENAI_PATH, ASK("o")));
    assert_int_equal(r.status, 503);
    assert_string_equal(r.body, O_ERROR("three"));
    free(r.body);
    fake_free(f);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 429, .type = JSON, .headers = {"Retry-After", "7"}, .body = "{}"}, good};
    fake *f = fake_new(FAKE_CONFIG, script, 2);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    fake_pass(f, 6999);
    assert_int_equal(f->next, 1);
    fake_pass(f, 1);
    assert_int_equal(f->next, 2);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

static void another_target_takes_over_at_once(void **state)
{
    (void)state;
    const fake_answer first[] = {
        {.status = 529, .type = JSON, .body = "{}"},
        {.status = 401, .type = JSON, .body = O_ERROR("key up-secret-1 is bad")},
        {.status = 404, .type = JSON, .body = O_ERROR("no such model")},
        {.status = 200, .type = JSON, .body = "junk"},
        {.failure = GW_HTTP_DNS},
    };
    for (size_t i = 0; i < COUNT(first); i++) {
        const fake_answer script[] = {first[i], {.status = 200, .type = JSON, .body = A_ANSWER}};
        fake *f = fake_new(FAKE_CONFIG, script, 2);
        fake_result r = fake_call(f, OPENAI_PATH, ASK("both"));
        assert_int_equal(r.status, 200);
        assert_has(r.body, "\"chat.completion\"");
        assert_has(f->bodies[1], "\"max_tokens\"");
        assert_has(f->log, "\"provider\":\"anthropic\"");
        free(r.body);
        fake_free(f);
    }
}

static void nothing_is_tried_again_after_the_first_event(void **state)
{
    (void)state;
    /* Cut at every byte behind the first event: the client gets whole events, an error, and no end. */
    const size_t head = strlen(O_FIRST), end = strlen(O_FIRST O_SECOND O_FINISH);
    for (size_t at = head; at < end; at += 5) {
        const fake_answer script[] = {{.status = 200, .type = SSE, .body = O_STREAM, .cut = at + 1},
                                      good_stream};
        fake *f = fake_new(FAKE_CONFIG, script, 2);
        fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
        assert_int_equal(r.code, AIGW_E_UPSTREAM);
        assert_int_equal(r.status, 200);
        assert_int_equal(strncmp(r.body, O_FIRST, head), 0);
        assert_has(r.body, "\n\ndata: {\"error\":{");
        assert_has_not(r.body, "[DONE]");
        assert_int_equal(f->next, 1);
        assert_has(f->log, "\"outcome\":\"broken\"");
        free(r.body);
        fake_free(f);
    }
}

static void a_body_that_ends_early_is_an_error(void **state)
{
    (void)state;
    const struct {
        const char *path, *ask, *body, *error;
    } cases[] = {
        {OPENAI_PATH, ASK_STREAM("o"), O_FIRST, "data: {\"error\":{"},
        {OPENAI_PATH, ASK_STREAM("o"), O_FIRST "data: {\"id\":\"chat", "data: {\"error\":{"},
        {OPENAI_PATH, ASK_STREAM("a"), A_START A_BLOCK A_TEXT("x"), "data: {\"error\":{"},
        {ANTHROPIC_PATH, ASK_A_STREAM("a"), A_START A_BLOCK A_TEXT("x") A_TAIL, "event: error\n"},
        {ANTHROPIC_PATH, ASK_A_STREAM("o"), O_FIRST, "event: error\n"},
        {ANTHROPIC_PATH, ASK_A_STREAM("a"), A_START A_OVERLOADED, A_OVERLOADED},
        {OPENAI_PATH, ASK_STREAM("a"), A_START A_BLOCK A_TEXT("x") A_OVERLOADED, "Overloaded"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const fake_answer script[] = {{.status = 200, .type = SSE, .body = cases[i].body}};
        fake *f = fake_new(FAKE_CONFIG, script, 1);
        fake_result r = fake_call(f, cases[i].path, cases[i].ask);
        assert_int_equal(r.code, AIGW_E_UPSTREAM);
        assert_has(r.body, cases[i].error);
        assert_has_not(r.body, "[DONE]");
        assert_has_not(r.body, "message_stop");
        assert_has_not(r.body, "\"id\":\"chat\"");
        /* One error event only. */
        const char *at = strstr(r.body, "\"error\"");
        at = strstr(at + 1, "data: ");
        assert_null(at);
        free(r.body);
        fake_free(f);
    }
}

static void a_stream_may_end_without_its_blank_line(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = SSE, .body = O_FIRST O_FINISH "data: [DONE]"},
        {.status = 200, .type = SSE, .body = O_FIRST O_FINISH}, /* some hosts send no [DONE] */
    };
    for (size_t i = 0; i < COUNT(script); i++) {
        fake *f = fake_new(FAKE_CONFIG, &script[i], 1);
        fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
        assert_int_equal(r.code, AIGW_END);
        assert_has(r.body, O_FIRST O_FINISH);
        free(r.body);
        fake_free(f);
    }
}

/* What a client sees of an upstream's refusal, by dialect. */
static void errors_are_mapped(void **state)
{
    (void)state;
    const struct {
        const char *path, *ask;
        int given;
        const char *body;
        int status;
        const char *has; /* starting with '=': the whole body */
    } cases[] = {
        {OPENAI_PATH, ASK("o"), 400, O_ERROR("bad"), 400, "=" O_ERROR("bad")},
        {OPENAI_PATH, ASK("o"), 404, O_ERROR("gone"), 404, "=" O_ERROR("gone")},
        {OPENAI_PATH, ASK("o"), 401, O_ERROR("key up-secret-1"), 502, "credentials"},
        {OPENAI_PATH, ASK("o"), 403, O_ERROR("key up-secret-1"), 502, "credentials"},
        {OPENAI_PATH, ASK("o"), 400, "<html>up-secret-1", 400, "\"error\":{"},
        {OPENAI_PATH, ASK("o"), 400, "", 400, "\"error\":{"},
        {ANTHROPIC_PATH, ASK_A("a"), 401, A_ERROR("authentication_error", "up-secret-2"), 502,
         "\"type\":\"error\""},
        {ANTHROPIC_PATH, ASK_A("a"), 400, A_ERROR("invalid_request_error", "bad"), 400,
         "=" A_ERROR("invalid_request_error", "bad")},
        {OPENAI_PATH, ASK("a"), 400, A_ERROR("invalid_request_error", "bad"), 400, "\"bad\""},
        {OPENAI_PATH, ASK("a"), 413, A_ERROR("request_too_large", "big"), 413, "\"error\":{"},
        {ANTHROPIC_PATH, ASK_A("o"), 400, O_ERROR("bad"), 400, "\"invalid_request_error\""},
        {ANTHROPIC_PATH, ASK_A("o"), 404, O_ERROR("gone"), 404, "\"not_found_error\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const fake_answer script[] = {
            {.status = cases[i].given, .type = JSON, .body = cases[i].body}};
        fake *f = fake_new(FAKE_CONFIG, script, 1);
        fake_result r = fake_call(f, cases[i].path, cases[i].ask);
        if (r.status != cases[i].status)
            fail_msg("case %zu: %d %s", i, r.status, r.body);
        if (cases[i].has[0] == '=')
            assert_string_equal(r.body, cases[i].has + 1);
        else
            assert_has(r.body, cases[i].has);
        assert_has_not(r.body, "up-secret");
        assert_has_not(r.body, "127.0.0.1");
        free(r.body);
        fake_free(f);
    }
}

#define NO_RETRIES                                                                                 \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k, max_retries: 0}\n"          \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: k, max_retries: 0}\n"          \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic}]}\n"

static void overload_is_told_in_the_words_of_the_dialect(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 529, .type = JSON, .body = A_ERROR("overloaded_error", "Overloaded")}};
    fake *f = fake_new(NO_RETRIES, script, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("a"));
    assert_int_equal(r.status, 503);
    free(r.body);
    fake_free(f);
    f = fake_new(NO_RETRIES, script, 1);
    r = fake_call(f, ANTHROPIC_PATH, ASK_A("a"));
    assert_int_equal(r.status, 529);
    assert_string_equal(r.body, A_ERROR("overloaded_error", "Overloaded"));
    free(r.body);
    fake_free(f);
}

static void transport_failures_are_502(void **state)
{
    (void)state;
    const gw_http_failure failures[] = {GW_HTTP_DNS,    GW_HTTP_CONNECT, GW_HTTP_TLS,
                                        GW_HTTP_BROKEN, GW_HTTP_TIMEOUT, GW_HTTP_TOO_LARGE,
                                        GW_HTTP_OTHER};
    for (size_t i = 0; i < COUNT(failures); i++) {
        const fake_answer script[] = {{.failure = failures[i]}};
        fake *f = fake_new(NO_RETRIES, script, 1);
        fake_result r = fake_call(f, ANTHROPIC_PATH, ASK_A("a"));
        assert_int_equal(r.status, failures[i] == GW_HTTP_TIMEOUT ? 504 : 502);
        assert_has(r.body, "\"type\":\"error\"");
        assert_has_not(r.body, "127.0.0.1");
        free(r.body);
        fake_free(f);
    }
}

static void steering_headers_reach_the_client(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 429,
         .type = JSON,
         .body = O_ERROR("slow"),
         .headers = {"Retry-After", "30", "x-ratelimit-remaining-tokens", "0", "X-Request-Id",
                     "req_up"}},
        {.status = 200,
         .type = JSON,
         .body = A_ANSWER,
         .headers = {"anthropic-ratelimit-tokens-remaining", "5", "request-id", "req_a",
                     "set-cookie", "up-secret"}},
        {.status = 429,
         .type = JSON,
         .body = O_ERROR("slow"),
         .headers = {"retry-after", "1\x01", "x-ratelimit-a b", "0", "x-request-id", "a\x7f"}}};
    fake *f = fake_new(NO_RETRIES, script, 3);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_slice(fake_header(x, "retry-after"), "30");
    assert_slice(fake_header(x, "x-ratelimit-remaining-tokens"), "0");
    assert_slice(fake_header(x, "x-aigw-upstream-request-id"), "req_up");
    assert_true(gw_eq(fake_header(x, "x-request-id"), aigw_exchange_id(x)));
    aigw_exchange_free(x);
    x = fake_open(f, ANTHROPIC_PATH, ASK_A("a"));
    fake_steps(f);
    assert_slice(fake_header(x, "anthropic-ratelimit-tokens-remaining"), "5");
    assert_slice(fake_header(x, "x-aigw-upstream-request-id"), "req_a");
    assert_null(fake_header(x, "set-cookie").data);
    aigw_exchange_free(x);
    /* What is no field of HTTP does not become one by passing through. */
    x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_null(fake_header(x, "retry-after").data);
    assert_null(fake_header(x, "x-ratelimit-a b").data);
    assert_null(fake_header(x, "x-aigw-upstream-request-id").data);
    aigw_exchange_free(x);
    fake_free(f);
}

static void an_error_under_a_good_status_is_that_error(void **state)
{
    (void)state;
    const char *body = "{\"error\":{\"message\":\"too long\",\"type\":\"invalid_request_error\","
                       "\"code\":400}}";
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = body}};
    const char *paths[] = {OPENAI_PATH, ANTHROPIC_PATH};
    const char *asks[] = {ASK("o"), ASK_A("o")};
    for (int i = 0; i < 2; i++) {
        fake *f = fake_new(FAKE_CONFIG, script, 1);
        fake_result r = take_late(f, fake_open(f, paths[i], asks[i]));
        assert_int_equal(r.status, 400);
        assert_has(r.body, "too long");
        free(r.body);
        fake_free(f);
    }
}

/* -- stream or not, against what was asked -- */

static void a_document_becomes_a_stream(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, &good, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_equal(r.code, AIGW_END);
    assert_true(r.streaming);
    assert_has(r.body, "chat.completion.chunk");
    assert_has(r.body, "Hello");
    assert_has(r.body, O_DONE);
    assert_int_equal(r.usage.output_tokens, 3);
    free(r.body);
    fake_free(f);
}

static void a_stream_becomes_a_document(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, &good_stream, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.code, AIGW_END);
    assert_false(r.streaming);
    assert_has(r.body, "\"chat.completion\"");
    assert_has(r.body, "Hello \\u00e9");
    assert_int_equal(r.usage.output_tokens, 3);
    free(r.body);
    fake_free(f);
}

static void content_type_is_a_hint_only(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = O_STREAM, .piece = 1},
                                  {.status = 200, .body = O_ANSWER, .piece = 3},
                                  {.status = 200, .type = SSE, .body = O_ANSWER}};
    fake *f = fake_new(FAKE_CONFIG, script, 3);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_string_equal(r.body, O_FIRST O_SECOND O_FINISH O_DONE);
    free(r.body);
    for (int i = 0; i < 2; i++) {
        r = fake_call(f, OPENAI_PATH, ASK("o"));
        assert_string_equal(r.body, O_ANSWER);
        free(r.body);
    }
    fake_free(f);
}

/* -- time -- */

#define TIMED                                                                                      \
    "providers:\n  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k, timeouts: "     \
    "{first_byte_ms: 1000, first_event_ms: 2000, idle_ms: 3000, total_ms: 50000}}\n"

static void expect_504(const fake_answer *answer, int64_t after_ms)
{
    fake *f = fake_new(TIMED, answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("gpt-x"));
    aigw_head head;
    fake_steps(f);
    fake_pass(f, after_ms - 1);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    fake_pass(f, 1);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 504);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(f->next, 1);
    free(r.body);
    fake_free(f);
}

static void silence_before_the_first_event_is_504(void **state)
{
    (void)state;
    const fake_answer no_head = {.hang = true};
    const fake_answer no_event = {.status = 200, .type = SSE, .body = ": wait\n\n", .hang = true};
    const fake_answer no_byte = {.status = 200, .type = SSE, .hang = true};
    expect_504(&no_head, 1000);
    expect_504(&no_event, 2000);
    expect_504(&no_byte, 3000);
}

static void silence_within_a_stream_is_an_error_event(void **state)
{
    (void)state;
    const fake_answer answer = {.status = 200, .type = SSE, .body = O_FIRST, .hang = true};
    fake *f = fake_new(TIMED, &answer, 1);
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("gpt-x"));
    fake_steps(f);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    fake_pass(f, 2999);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    fake_pass(f, 1);
    assert_int_equal(fake_read(x, &out), AIGW_E_TIMEOUT);
    gw_buf_putc(&out, '\0');
    assert_has(gw_buf_slice(&out).data, "data: {\"error\":{");
    assert_int_equal(f->cancelled, 1);
    gw_buf_free(&out);
    aigw_exchange_free(x);
    fake_free(f);
}

static void a_quiet_stream_is_kept_alive(void **state)
{
    (void)state;
    const struct {
        const char *path, *ask, *body, *ping;
    } cases[] = {{OPENAI_PATH, ASK_STREAM("o"), O_FIRST, ":"},
                 {OPENAI_PATH, ASK_STREAM("a"), A_START A_BLOCK A_TEXT("x"), ":"},
                 {ANTHROPIC_PATH, ASK_A_STREAM("a"), A_START, "event: ping"},
                 {ANTHROPIC_PATH, ASK_A_STREAM("o"), O_FIRST, "event: ping"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const fake_answer answer = {
            .status = 200, .type = SSE, .body = cases[i].body, .hang = true};
        fake *f = fake_new(FAKE_CONFIG, &answer, 1);
        gw_buf out;
        gw_buf_init(&out, 1 << 20);
        aigw_exchange *x = fake_open(f, cases[i].path, cases[i].ask);
        fake_steps(f);
        fake_read(x, &out);
        gw_buf_clear(&out);
        fake_pass(f, 14999);
        assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
        assert_int_equal(gw_buf_len(&out), 0);
        fake_pass(f, 1);
        assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
        if (!gw_starts(gw_buf_slice(&out), aigw_slice_of(cases[i].ping)))
            fail_msg("case %zu: %.*s", i, (int)gw_buf_len(&out), gw_buf_slice(&out).data);
        assert_true(gw_ends(gw_buf_slice(&out), GW_S("\n\n")));
        gw_buf_free(&out);
        aigw_exchange_free(x);
        fake_free(f);
    }
}

static void a_complete_stream_does_not_wait_for_its_connection(void **state)
{
    (void)state;
    const fake_answer answer = {.status = 200, .type = SSE, .body = O_STREAM, .hang = true};
    fake *f = fake_new(FAKE_CONFIG, &answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    gw_buf out;
    gw_buf_init(&out, 1 << 20);
    fake_steps(f);
    assert_int_equal(fake_read(x, &out), AIGW_AGAIN);
    assert_true(gw_ends(gw_buf_slice(&out), GW_S(O_DONE)));
    fake_pass(f, 1000);
    assert_int_equal(fake_read(x, &out), AIGW_END);
    assert_int_equal(f->cancelled, 1);
    gw_buf_free(&out);
    aigw_exchange_free(x);
    fake_free(f);
}

/* -- the client's pace -- */

static void a_hang_up_cancels_at_once(void **state)
{
    (void)state;
    const fake_answer answers[] = {{.hang = true},
                                   {.status = 200, .type = JSON, .body = "{", .hang = true},
                                   {.status = 200, .type = SSE, .body = O_FIRST, .hang = true}};
    for (size_t i = 0; i < COUNT(answers); i++) {
        fake *f = fake_new(FAKE_CONFIG, &answers[i], 1);
        aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
        fake_steps(f);
        assert_int_equal(f->running, 1);
        aigw_exchange_free(x);
        assert_int_equal(f->running, 0);
        assert_int_equal(f->cancelled, 1);
        assert_has(f->log, "\"outcome\":\"cancelled\"");
        fake_free(f);
    }
}

static void a_hang_up_between_two_tries(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 500, .type = JSON, .body = "{}"}};
    fake *f = fake_new(FAKE_CONFIG, script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    aigw_exchange_free(x);
    fake_pass(f, 60000);
    assert_int_equal(f->next, 1);
    fake_free(f);
}

static void a_slow_client_stops_the_upstream(void **state)
{
    (void)state;
    const size_t events = 20000;
    gw_buf body, out;
    gw_buf_init(&body, (size_t)64 << 20);
    gw_buf_init(&out, (size_t)64 << 20);
    for (size_t i = 0; i < events; i++)
        gw_buf_puts(&body, O_CHUNK("{\"content\":\"x\"}", "null"));
    gw_buf_puts(&body, O_FINISH O_DONE);
    gw_buf_putc(&body, '\0');
    const fake_answer answer = {
        .status = 200, .type = SSE, .body = gw_buf_slice(&body).data, .piece = 4096};
    fake *f = fake_new(FAKE_CONFIG, &answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    fake_steps(f);
    size_t held = gw_buf_len(&x->out);
    assert_true(held >= GW_OUT_HIGH && held < GW_OUT_HIGH + 8192);
    fake_pass(f,
              300000); /* it is the client who is slow: the upstream's silence is not its fault */
    assert_int_equal(gw_buf_len(&x->out), held);
    assert_int_equal(f->running, 1);
    aigw_exchange_free(x);
    assert_int_equal(f->cancelled, f->next);
    fake_free(f);
    f = fake_new(FAKE_CONFIG, &answer, 1);
    x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_equal(fake_finish(f, x, &out), AIGW_END);
    assert_true(f->resumed > 5);
    assert_int_equal(gw_buf_len(&out), gw_buf_len(&body) - 1);
    assert_memory_equal(gw_buf_slice(&out).data, gw_buf_slice(&body).data, gw_buf_len(&out));
    aigw_exchange_free(x);
    fake_free(f);
    gw_buf_free(&body);
    gw_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_retried_is),
        cmocka_unit_test(what_may_not_is_not),
        cmocka_unit_test(retries_end),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(another_target_takes_over_at_once),
        cmocka_unit_test(nothing_is_tried_again_after_the_first_event),
        cmocka_unit_test(a_body_that_ends_early_is_an_error),
        cmocka_unit_test(a_stream_may_end_without_its_blank_line),
        cmocka_unit_test(errors_are_mapped),
        cmocka_unit_test(overload_is_told_in_the_words_of_the_dialect),
        cmocka_unit_test(transport_failures_are_502),
        cmocka_unit_test(steering_headers_reach_the_client),
        cmocka_unit_test(an_error_under_a_good_status_is_that_error),
        cmocka_unit_test(a_document_becomes_a_stream),
        cmocka_unit_test(a_stream_becomes_a_document),
        cmocka_unit_test(content_type_is_a_hint_only),
        cmocka_unit_test(silence_before_the_first_event_is_504),
        cmocka_unit_test(silence_within_a_stream_is_an_error_event),
        cmocka_unit_test(a_quiet_stream_is_kept_alive),
        cmocka_unit_test(a_complete_stream_does_not_wait_for_its_connection),
        cmocka_unit_test(a_hang_up_cancels_at_once),
        cmocka_unit_test(a_hang_up_between_two_tries),
        cmocka_unit_test(a_slow_client_stops_the_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
