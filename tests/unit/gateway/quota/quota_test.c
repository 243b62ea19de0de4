/* Limits of an exchange on a fake clock, counted in memory: taken, settled, given back, told. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define UPSTREAMS                                                                                  \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, max_retries: "    \
    "0}\n"                                                                                         \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2, max_retries: "    \
    "0}\n"                                                                                         \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: p, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic, model: claude-3-opus}]}\n"                      \
    "  - {name: both, targets: [{provider: openai}, {provider: anthropic}]}\n"                     \
    "  - {name: e, targets: [{provider: echo}]}\n"

static const fake_answer good = {.status = 200, .type = JSON, .body = O_ANSWER};

/* The status of one call, and a field of its head in `value` ("" if it is not there). */
static int call(fake *f, const char *path, const char *body, const char *field, char value[64])
{
    aigw_exchange *x = fake_open(f, path, body);
    gw_buf out;
    gw_buf_init(&out, (size_t)1 << 20);
    fake_finish(f, x, &out);
    aigw_head head = {0};
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    if (field) {
        aigw_slice got = fake_header(x, field);
        snprintf(value, 64, "%.*s", (int)got.len, got.data ? got.data : "");
    }
    gw_buf_free(&out);
    aigw_exchange_free(x);
    return head.status;
}

static int status(fake *f, const char *body)
{
    return call(f, OPENAI_PATH, body, NULL, NULL);
}

static void assert_field(fake *f, const char *body, const char *field, const char *want)
{
    char value[64];
    call(f, OPENAI_PATH, body, field, value);
    assert_string_equal(value, want);
}

/* -- requests -- */

#define TWO UPSTREAMS "rate_limits: [{name: two, requests_per_minute: 2}]\n"

static void requests_end_and_begin_to_the_millisecond(void **state)
{
    (void)state;
    char value[64];
    fake *f = fake_new(TWO, NULL, 0);
    assert_int_equal(call(f, OPENAI_PATH, ASK("e"), "x-ratelimit-remaining-requests", value), 200);
    assert_string_equal(value, "1");
    f->now_ms += 10000;
    assert_int_equal(call(f, OPENAI_PATH, ASK("e"), "x-ratelimit-limit-requests", value), 200);
    assert_string_equal(value, "2");
    assert_int_equal(call(f, OPENAI_PATH, ASK("e"), "retry-after-ms", value), 429);
    assert_string_equal(value, "50000");
    f->now_ms += 49999;
    assert_int_equal(call(f, OPENAI_PATH, ASK("e"), "retry-after", value), 429);
    assert_string_equal(value, "1");
    f->now_ms += 1;
    assert_int_equal(status(f, ASK("e")), 200);
    assert_int_equal(call(f, OPENAI_PATH, ASK("e"), "retry-after-ms", value), 429);
    assert_string_equal(value, "10000");
    fake_free(f);
}

static void a_refusal_speaks_the_clients_dialect(void **state)
{
    (void)state;
    const struct {
        const char *path, *ask, *has, *field;
    } rows[] = {
        {OPENAI_PATH, ASK("e"),
         "\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"",
         "x-ratelimit-remaining-requests"},
        {"/v1/responses", "{\"model\":\"e\",\"input\":\"Hi\"}", "rate_limit_exceeded",
         "x-ratelimit-remaining-requests"},
        {ANTHROPIC_PATH, ASK_A("e"), "\"type\":\"rate_limit_error\"",
         "anthropic-ratelimit-requests-remaining"},
        {"/v1beta/models/e:generateContent", "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}",
         "RESOURCE_EXHAUSTED", NULL},
        {"/model/e/converse", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}",
         "limit 2 per minute", NULL},
    };
    fake *f = fake_new(TWO, NULL, 0);
    status(f, ASK("e"));
    status(f, ASK("e"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_exchange *x = fake_open(f, rows[i].path, rows[i].ask);
        assert_slice(fake_header(x, "retry-after"), "60");
        if (rows[i].field)
            assert_slice(fake_header(x, rows[i].field), "0");
        fake_result r = fake_take(f, x);
        assert_int_equal(r.status, 429);
        assert_has(r.body, rows[i].has);
        assert_has(r.body, "Rate limit reached for requests: limit 2 per minute");
        assert_has_not(r.body, "two");
        free(r.body);
    }
    assert_has(f->log, "\"reason\":\"rate_limit_requests\"");
    fake_free(f);
}

static void what_is_no_call_is_not_counted(void **state)
{
    (void)state;
    fake *f = fake_new(TWO, NULL, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(call(f, "/v1/models", NULL, NULL, NULL), 200);
    assert_int_equal(status(f, "{\"model\":"), 400); /* nor what goes nowhere */
    assert_int_equal(status(f, ASK("e")), 200);
    assert_int_equal(status(f, ASK("e")), 200);
    assert_int_equal(status(f, ASK("e")), 429);
    fake_free(f);
}

static void a_bucket_lets_requests_run_in(void **state)
{
    (void)state;
    fake *f = fake_new(UPSTREAMS "rate_limits: [{name: b, requests_per_minute: 60, algorithm: "
                                 "token_bucket, burst: 2}]\n",
                       NULL, 0);
    assert_int_equal(status(f, ASK("e")), 200);
    assert_int_equal(status(f, ASK("e")), 200);
    assert_field(f, ASK("e"), "retry-after-ms", "1000");
    fake_result r = fake_call(f, OPENAI_PATH, ASK("e"));
    assert_has(r.body, "limit 60 per minute, 0 left");
    free(r.body);
    f->now_ms += 999;
    assert_int_equal(status(f, ASK("e")), 429);
    f->now_ms += 1;
    assert_int_equal(status(f, ASK("e")), 200);
    assert_int_equal(status(f, ASK("e")), 429);
    fake_free(f);
}

static void what_a_bucket_never_holds_says_so(void **state)
{
    (void)state;
    fake *f = fake_new(UPSTREAMS "rate_limits: [{name: b, tokens_per_minute: 60000, algorithm: "
                                 "token_bucket, burst_tokens: 500}]\n",
                       NULL, 0);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o")); /* 1,000 are assumed to come back */
    assert_int_equal(r.status, 429);
    assert_has(r.body, "above the limit of 500 at once");
    free(r.body);
    fake_free(f);
}

/* -- whose counts -- */

static int ask_as(fake *f, const char *field, const char *value, const char *peer, const char *body)
{
    const aigw_header header = {aigw_slice_of(field), aigw_slice_of(value)};
    aigw_request request = fake_request(OPENAI_PATH, body);
    request.headers = &header;
    request.header_count = field ? 1 : 0;
    request.peer = aigw_slice_of(peer);
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    free(r.body);
    return r.status;
}

static void counts_are_told_apart_by_key_model_and_address(void **state)
{
    (void)state;
    fake *f = fake_new(UPSTREAMS
                       "enable_waf: false\n"
                       "rate_limits:\n"
                       "  - {name: k, per: [key], requests_per_minute: 1, match: {models: [e]}}\n"
                       "  - {name: m, per: [model, address], requests_per_minute: 1, match: "
                       "{models: ['echo*']}}\n",
                       NULL, 0);
    assert_int_equal(ask_as(f, "authorization", "Bearer one", "", ASK("e")), 200);
    assert_int_equal(ask_as(f, "authorization", "bearer  one", "", ASK("e")), 429);
    assert_int_equal(ask_as(f, "x-api-key", "one", "", ASK("e")), 429);
    assert_int_equal(ask_as(f, "x-api-key", "two", "", ASK("e")), 200);
    assert_int_equal(ask_as(f, NULL, NULL, "", ASK("e")), 200); /* nobody is one, too */
    assert_int_equal(ask_as(f, NULL, NULL, "", ASK("e")), 429);
    assert_int_equal(ask_as(f, NULL, NULL, "192.0.2.1", ASK("echo/a")), 200);
    assert_int_equal(ask_as(f, NULL, NULL, "192.0.2.1", ASK("echo/b")), 200);
    assert_int_equal(ask_as(f, NULL, NULL, "192.0.2.1", ASK("echo/a")), 429);
    assert_int_equal(ask_as(f, NULL, NULL, "::ffff:192.0.2.1", ASK("echo/a")), 429);
    assert_int_equal(ask_as(f, NULL, NULL, "192.0.2.2", ASK("echo/a")), 200);
    assert_int_equal(ask_as(f, NULL, NULL, "2001:db8::1", ASK("echo/a")), 200);
    assert_int_equal(ask_as(f, NULL, NULL, "2001:db8::ffff:2", ASK("echo/a")), 429); /* its /64 */
    fake_free(f);
}

/* All or nothing: what one limit refuses is not taken from the other. */
static void a_refused_call_takes_nothing(void **state)
{
    (void)state;
    fake *f = fake_new(UPSTREAMS "rate_limits:\n"
                                 "  - {name: all, requests_per_minute: 3}\n"
                                 "  - {name: m, per: [model], requests_per_minute: 1}\n",
                       NULL, 0);
    assert_int_equal(status(f, ASK("e")), 200);
    for (int i = 0; i < 5; i++)
        assert_int_equal(status(f, ASK("e")), 429);
    assert_field(f, ASK("echo/x"), "x-ratelimit-remaining-requests", "0"); /* the tighter one */
    assert_int_equal(status(f, ASK("echo/y")), 200);
    assert_int_equal(status(f, ASK("echo/z")), 429);
    fake_free(f);
}

/* -- tokens -- */

#define TOKENS(n)                                                                                  \
    UPSTREAMS "rate_limits: [{name: t, tokens_per_minute: " #n ", assume_output_tokens: 100}]\n"
#define ASK_MAX(model, n)                                                                          \
    "{\"model\":\"" model "\",\"max_tokens\":" #n                                                  \
    ",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static long left(fake *f, const char *body)
{
    char value[64];
    call(f, OPENAI_PATH, body, "x-ratelimit-remaining-tokens", value);
    assert_true(value[0] != '\0');
    return atol(value);
}

static void tokens_are_reserved_and_settled_by_usage(void **state)
{
    (void)state;
    const fake_answer script[] = {good, good, good};
    fake *f = fake_new(TOKENS(1000), script, 3);
    long first = left(f, ASK("o")); /* while it runs: its estimate and 100 */
    assert_true(first < 1000 - 100 && first > 1000 - 120);
    assert_int_equal(left(f, ASK("o")), first - 12); /* the first one used 9 and 3 */
    assert_int_equal(left(f, ASK_MAX("o", 500)), first - 24 - 400);
    fake_free(f);
}

static void a_request_that_can_never_fit_says_so(void **state)
{
    (void)state;
    fake *f = fake_new(TOKENS(1000), NULL, 0);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_MAX("o", 1000));
    assert_slice(fake_header(x, "x-should-retry"), "false");
    assert_non_null(fake_header(x, "retry-after").data);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 429);
    assert_has(r.body, "above the limit of 1000 per minute");
    assert_has(r.body, "\"type\":\"tokens\"");
    assert_has(f->log, "rate_limit_tokens");
    free(r.body);
    fake_free(f);
}

static void what_the_gateway_puts_in_is_reserved(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = A_ANSWER}, good};
    fake *f = fake_new(TOKENS(10000), script, 2);
    long n = left(f, ASK("a")); /* claude-3-opus gets max_tokens 4096 */
    assert_true(n < 10000 - 4096 && n > 10000 - 4120);
    n = left(f, "{\"model\":\"o\",\"n\":3,\"max_completion_tokens\":200,"
                "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    assert_true(n < 10000 - 12 - 600 && n > 10000 - 12 - 620);
    fake_free(f);
}

/* What we cannot read, a provider may. */
static void a_request_that_we_do_not_know_says_its_size_too(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {
        {OPENAI_PATH, "{\"model\":\"o\",\"n\":200,\"max_completion_tokens\":60,"
                      "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"},
        {"/v1beta/models/o:generateContent",
         "{\"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}],\"generationConfig\":{"
         "\"candidateCount\":200,\"maxOutputTokens\":60}}"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        fake *f = fake_new(TOKENS(10000), NULL, 0);
        assert_int_equal(call(f, bodies[i][0], bodies[i][1], NULL, NULL), 429);
        fake_free(f);
    }
}

static void more_than_was_reserved_counts_too(void **state)
{
    (void)state;
    static const char much[] =
        "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"x\"},\"finish_reason\":"
        "\"stop\"}],\"usage\":{\"prompt_tokens\":2000,\"completion_tokens\":9,\"total_tokens\":"
        "2009}}";
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = much}, good};
    fake *f = fake_new(TOKENS(1000), script, 2);
    assert_int_equal(status(f, ASK("o")), 200);
    assert_field(f, ASK("o"), "retry-after", "60");
    f->now_ms += 60000;
    assert_int_equal(status(f, ASK("o")), 200);
    fake_free(f);
}

static void what_was_refused_upstream_costs_nothing(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 400, .type = JSON, .body = "{\"error\":{\"message\":\"bad\"}}"},
        {.status = 500, .type = JSON, .body = "{\"error\":{\"message\":\"bad\"}}"},
        {.failure = GW_HTTP_CONNECT},
        good};
    fake *f = fake_new(TOKENS(1000), script, 4);
    assert_int_equal(status(f, ASK("o")), 400);
    assert_int_equal(status(f, ASK("o")), 500);
    assert_int_equal(status(f, ASK("o")), 502);
    assert_true(left(f, ASK("o")) > 1000 - 120);
    fake_free(f);
}

/* A provider that is cut off may have worked: its tokens are not given away. */
static void what_broke_off_keeps_its_reservation(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.failure = GW_HTTP_BROKEN}, /* sent, and nothing came */
        {.status = 200, .type = SSE, .body = O_FIRST O_SECOND, .hang = true},
        {.status = 200, .type = SSE, .body = O_FIRST},
        {.hang = true},
        good};
    fake *f = fake_new(TOKENS(1000), script, 5);
    assert_int_equal(status(f, ASK("o")), 502);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    fake_steps(f);
    aigw_exchange_free(x); /* mid-stream */
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_not_equal(r.code, AIGW_END); /* cut */
    free(r.body);
    x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    aigw_exchange_free(x); /* before a head */
    long n = left(f, ASK("o"));
    assert_true(n < 1000 - 500 && n > 1000 - 600); /* four of them, and its own */
    fake_free(f);
}

/* The client did not ask for usage: the gateway does. */
static void streams_settle_at_their_end(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = SSE, .body = O_STREAM},
        {.status = 200, .type = SSE, .body = A_START A_BLOCK A_TEXT("x") A_TAIL A_STOP},
        good};
    fake *f = fake_new(TOKENS(10000), script, 3);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_has_not(r.body, "prompt_tokens");
    assert_has(f->bodies[0], "include_usage");
    free(r.body);
    r = fake_call(f, OPENAI_PATH, ASK_STREAM("a"));
    assert_int_equal(r.code, AIGW_END);
    free(r.body);
    long n = left(f, ASK("o"));
    assert_true(n < 10000 - 24 - 100 && n > 10000 - 24 - 120);
    fake_free(f);
}

static void a_fallback_is_one_reservation(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 500, .type = JSON, .body = "{\"error\":{\"message\":\"bad\"}}"},
        {.status = 200, .type = JSON, .body = A_ANSWER},
        good};
    fake *f = fake_new(TOKENS(100000), script, 3);
    assert_int_equal(status(f, ASK("both")), 200);
    long n = left(f, ASK("o"));
    assert_true(n < 100000 - 12 - 100 && n > 100000 - 12 - 120);
    fake_free(f);
}

static void a_day_is_a_window_of_its_own(void **state)
{
    (void)state;
    const fake_answer script[] = {good, good, good};
    fake *f = fake_new(UPSTREAMS "rate_limits: [{name: d, tokens_per_day: 130, tokens_per_minute: "
                                 "100000, assume_output_tokens: 100}]\n",
                       script, 3);
    assert_int_equal(status(f, ASK("o")), 200);
    assert_int_equal(status(f, ASK("o")), 200);
    f->now_ms += 60000;
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    assert_slice(fake_header(x, "x-ratelimit-limit-tokens"), "130"); /* the tighter one */
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 429);
    assert_has(r.body, "130 per day");
    assert_has(f->log, "rate_limit_day");
    free(r.body);
    f->now_ms += 86400000 - 60000;
    assert_int_equal(status(f, ASK("o")), 200);
    fake_free(f);
}

static void embeddings_and_counts_are_measured(void **state)
{
    (void)state;
    static const char vector[] =
        "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[1,0.5]}],\"model\":\"x\","
        "\"usage\":{\"prompt_tokens\":40,\"total_tokens\":40}}";
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = vector},
                                  {.status = 200, .type = JSON, .body = "{\"input_tokens\":3}"},
                                  good};
    fake *f = fake_new(TOKENS(1000), script, 3);
    assert_int_equal(call(f, "/v1/embeddings", "{\"model\":\"o\",\"input\":\"x\"}", NULL, NULL),
                     200);
    assert_int_equal(call(f, "/v1/messages/count_tokens", ASK("a"), NULL, NULL), 200);
    long n = left(f, ASK("o"));
    assert_true(n < 1000 - 40 - 100 && n > 1000 - 40 - 120);
    fake_free(f);
}

/* -- concurrency -- */

static void a_place_is_free_again_however_it_ended(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = SSE, .body = O_FIRST, .hang = true},
        {.status = 400, .type = JSON, .body = "{\"error\":{\"message\":\"bad\"}}"},
        {.status = 200, .type = SSE, .body = O_FIRST},
        {.status = 200, .type = SSE, .body = O_STREAM},
        {.hang = true},
        good};
    fake *f = fake_new(UPSTREAMS "rate_limits: [{name: c, concurrent_requests: 1}]\n", script, 6);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    fake_steps(f);
    char value[64];
    assert_int_equal(call(f, OPENAI_PATH, ASK("o"), "retry-after", value), 429);
    assert_string_equal(value, "1");
    assert_has(f->log, "rate_limit_concurrency");
    aigw_exchange_free(x);
    assert_int_equal(status(f, ASK("o")), 400);
    fake_result r = fake_call(f, OPENAI_PATH, ASK_STREAM("o"));
    assert_int_not_equal(r.code, AIGW_END);
    free(r.body);
    assert_int_equal(status(f, ASK_STREAM("o")), 200);
    x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_int_equal(status(f, ASK("o")), 429);
    aigw_exchange_free(x);
    assert_int_equal(status(f, ASK("o")), 200);
    fake_free(f);
}

/* -- the provider's own fields -- */

static void there_is_one_truth_about_what_we_limit(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200,
         .type = JSON,
         .body = O_ANSWER,
         .headers = {"x-ratelimit-limit-requests", "777", "X-RateLimit-Remaining-Requests", "776",
                     "x-ratelimit-limit-tokens", "888"}}};
    fake *f = fake_new(TWO, script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_slice(fake_header(x, "x-ratelimit-limit-requests"), "2");
    assert_slice(fake_header(x, "x-ratelimit-remaining-requests"), "1");
    assert_slice(fake_header(x, "x-ratelimit-limit-tokens"), "888"); /* no limit of ours */
    aigw_head head;
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    size_t n = 0;
    for (size_t i = 0; i < head.header_count; i++)
        n += gw_eq_nocase(head.headers[i].name, GW_S("x-ratelimit-limit-requests"));
    assert_int_equal(n, 1);
    fake_result r = fake_take(f, x);
    free(r.body);
    fake_free(f);
}

/* -- reloads and monitoring -- */

static void reload(fake *f, const char *config)
{
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(config), NULL), AIGW_OK);
}

static void a_reload_goes_on_counting(void **state)
{
    (void)state;
    fake *f = fake_new(TWO, NULL, 0);
    status(f, ASK("e"));
    status(f, ASK("e"));
    reload(f, TWO "log: {level: warn}\n");
    assert_int_equal(status(f, ASK("e")), 429);
    reload(f, UPSTREAMS "rate_limits: [{name: two, requests_per_minute: 3}]\n");
    assert_int_equal(status(f, ASK("e")), 200); /* another limit begins anew */
    reload(f, UPSTREAMS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(status(f, ASK("e")), 200);
    fake_free(f);
}

/* What runs over a reload gives back where it took. */
static void an_exchange_settles_where_it_took(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = SSE, .body = O_FIRST, .hang = true},
                                  good};
    fake *f = fake_new(UPSTREAMS "rate_limits: [{name: c, concurrent_requests: 1}]\n", script, 2);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_STREAM("o"));
    fake_steps(f);
    reload(f, UPSTREAMS "rate_limits: [{name: d, concurrent_requests: 1}]\n");
    assert_int_equal(status(f, ASK("o")), 200);
    aigw_exchange_free(x);
    fake_free(f);
}

static void monitoring_sees_counts_and_denials(void **state)
{
    (void)state;
    fake *f = fake_new(TWO, NULL, 0);
    for (int i = 0; i < 4; i++)
        status(f, ASK("e"));
    aigw_slice metrics;
    assert_int_equal(aigw_metrics_render(f->gw, &metrics, NULL), AIGW_OK);
    char *text = strndup(metrics.data, metrics.len);
    assert_has(text, "aigw_denied_total{reason=\"rate_limit_requests\"} 2\n");
    assert_has(text, "aigw_limit_keys{of=\"call\"} 1\n");
    assert_has(text, "aigw_limit_forgotten_total{of=\"call\",counting=\"yes\"} 0\n");
    assert_has_not(text, "aigw_redis_");
    free(text);
    aigw_bytes_free(metrics);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_end_and_begin_to_the_millisecond),
        cmocka_unit_test(a_refusal_speaks_the_clients_dialect),
        cmocka_unit_test(what_is_no_call_is_not_counted),
        cmocka_unit_test(a_bucket_lets_requests_run_in),
        cmocka_unit_test(what_a_bucket_never_holds_says_so),
        cmocka_unit_test(counts_are_told_apart_by_key_model_and_address),
        cmocka_unit_test(a_refused_call_takes_nothing),
        cmocka_unit_test(tokens_are_reserved_and_settled_by_usage),
        cmocka_unit_test(a_request_that_can_never_fit_says_so),
        cmocka_unit_test(what_the_gateway_puts_in_is_reserved),
        cmocka_unit_test(a_request_that_we_do_not_know_says_its_size_too),
        cmocka_unit_test(more_than_was_reserved_counts_too),
        cmocka_unit_test(what_was_refused_upstream_costs_nothing),
        cmocka_unit_test(what_broke_off_keeps_its_reservation),
        cmocka_unit_test(streams_settle_at_their_end),
        cmocka_unit_test(a_fallback_is_one_reservation),
        cmocka_unit_test(a_day_is_a_window_of_its_own),
        cmocka_unit_test(embeddings_and_counts_are_measured),
        cmocka_unit_test(a_place_is_free_again_however_it_ended),
        cmocka_unit_test(there_is_one_truth_about_what_we_limit),
        cmocka_unit_test(a_reload_goes_on_counting),
        cmocka_unit_test(an_exchange_settles_where_it_took),
        cmocka_unit_test(monitoring_sees_counts_and_denials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
