/* What a provider says of a failure tells no client our credentials, nor where a private host is. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "providers:\n"                                                                                 \
    "  - {name: o, type: openai, base_url: 'https://llm.corp.example/v1', max_retries: 0, "        \
    "api_key: up-secret-1, headers: {x-inner-token: 'Basic inner-secret-9', x-plain: "             \
    "plain-text}, "                                                                                \
    "pass_through: true}\n"                                                                        \
    "  - {name: a, type: anthropic, api_key: up-secret-2, max_retries: 0}\n"                       \
    "  - {name: b, type: bedrock, region: eu-west-1, max_retries: 0, auth: {aws: "                 \
    "{access_key_id: AKIDEXAMPLE, secret_access_key: up-secret-3, session_token: session-1}}}\n"   \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: o}]}\n"                                                    \
    "  - {name: a, targets: [{provider: a}]}\n"                                                    \
    "  - {name: b, targets: [{provider: b}]}\n"

#define SAYS                                                                                       \
    "up-secret-1 up-secret-2 AKIDEXAMPLE session-1 inner-secret-9 llm.corp.example "               \
    "Bearer abcdefghijklmnopqrst"
#define A_FAILS(text)                                                                              \
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","            \
    "\"message\":\"" text "\"}}\n\n"
#define O_FAILS(text) "data: {\"error\":{\"message\":\"" text "\",\"type\":\"server_error\"}}\n\n"

/* Each credential is looked for in the words of its own provider: others' stay, none of them is ours there. */
static void check(const char *body, char provider)
{
    static const char *const of_o[] = {"up-secret-1", "inner-secret-9", "llm.corp.example", NULL};
    static const char *const of_a[] = {"up-secret-2", NULL};
    static const char *const of_b[] = {"AKIDEXAMPLE", "session-1", NULL};
    const char *const *ours = provider == 'o' ? of_o : provider == 'a' ? of_a : of_b;
    for (; *ours; ours++)
        assert_has_not(body, *ours);
    assert_has_not(body, "abcdefghijklmnopqrst");
    assert_has(body, "***********");
    assert_has(body, provider == 'a' ? "up-secret-1" : "up-secret-2");
}

static void ask(const fake_answer *answer, const char *path, const char *body, char provider,
                int status)
{
    for (size_t piece = 0; piece < 4; piece += 3) {
        fake_answer script[] = {*answer};
        script[0].piece = piece;
        fake *f = fake_new(CONFIG, script, 1);
        fake_result r = fake_call(f, path, body);
        if (r.status != status)
            fail_msg("%s %s: %d %s", path, body, r.status, r.body);
        check(r.body, provider);
        assert_has_not(f->log, "secret");
        free(r.body);
        fake_free(f);
    }
}

static void errors_with_a_status(void **state)
{
    const fake_answer openai = {.status = 429, .type = JSON, .body = O_ERROR(SAYS)};
    const fake_answer anthropic = {
        .status = 400, .type = JSON, .body = A_ERROR("invalid_request_error", SAYS)};
    const fake_answer bedrock = {.status = 400, .type = JSON, .body = "{\"message\":\"" SAYS "\"}"};
    const fake_answer good = {.status = 200, .type = JSON, .body = O_ERROR(SAYS)};
    (void)state;
    ask(&openai, OPENAI_PATH, ASK("o"), 'o', 429); /* as it is, but for the secrets */
    ask(&openai, ANTHROPIC_PATH, ASK_A("o"), 'o', 429);
    ask(&openai, "/pass/o/v1/files", "{}", 'o', 429);
    ask(&anthropic, ANTHROPIC_PATH, ASK_A("a"), 'a', 400);
    ask(&anthropic, OPENAI_PATH, ASK("a"), 'a', 400);
    ask(&bedrock, OPENAI_PATH, ASK("b"), 'b', 400);
    ask(&good, OPENAI_PATH, ASK("o"), 'o', 502);
}

static void errors_in_streams(void **state)
{
    const fake_answer openai = {.status = 200, .type = SSE, .body = O_FIRST O_FAILS(SAYS)};
    const fake_answer anthropic = {
        .status = 200, .type = SSE, .body = A_START A_BLOCK A_FAILS(SAYS)};
    const fake_answer at_once = {.status = 200, .type = SSE, .body = A_FAILS(SAYS)};
    (void)state;
    ask(&openai, OPENAI_PATH, ASK_STREAM("o"), 'o', 200);
    ask(&openai, ANTHROPIC_PATH, ASK_A_STREAM("o"), 'o', 200);
    ask(&anthropic, ANTHROPIC_PATH, ASK_A_STREAM("a"), 'a', 200);
    ask(&anthropic, OPENAI_PATH, ASK_STREAM("a"), 'a', 200);
    ask(&at_once, ANTHROPIC_PATH, ASK_A_STREAM("a"), 'a', 529);
}

static void fields_of_errors(void **state)
{
    const fake_answer script[] = {{.status = 400,
                                   .type = JSON,
                                   .headers = {"x-ratelimit-key", "up-secret-1"},
                                   .body = O_ERROR("bad")}};
    (void)state;
    fake *f = fake_new(CONFIG, script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    fake_steps(f);
    assert_slice(fake_header(x, "x-ratelimit-key"), "***********");
    aigw_exchange_free(x);
    fake_free(f);
}

/* A large error flows by, and loses nothing. */
static void large_errors_pass(void **state)
{
    enum { LARGE = 200000 };
    char *body = malloc(LARGE + 1);
    (void)state;
    memset(body, 'x', LARGE);
    memcpy(body, "up-secret-1", 11);
    body[LARGE] = '\0';
    const fake_answer script[] = {
        {.status = 500, .type = "text/plain", .body = body, .piece = 1000}};
    fake *f = fake_new(CONFIG, script, 1);
    fake_result r = fake_call(f, "/pass/o/v1/files", "{}");
    assert_int_equal(r.status, 500);
    assert_int_equal(strlen(r.body), LARGE);
    assert_has_not(r.body, "up-secret");
    free(r.body);
    fake_free(f);
    free(body);
}

/* No such status is in HTTP: a client's library could make anything of it. */
static void no_status(void **state)
{
    const fake_answer script[] = {{.status = 999, .type = JSON, .body = O_ERROR("odd")},
                                  {.status = 600, .type = JSON, .body = O_ERROR("odd")}};
    (void)state;
    fake *f = fake_new(CONFIG, script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(r.status, 502);
    free(r.body);
    r = fake_call(f, "/pass/o/v1/files", "{}");
    assert_int_equal(r.status, 502);
    free(r.body);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_with_a_status),
        cmocka_unit_test(errors_in_streams),
        cmocka_unit_test(fields_of_errors),
        cmocka_unit_test(large_errors_pass),
        cmocka_unit_test(no_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
