/* Limits of what passes through: requests and places before its body, tokens from its usage where that is known. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define UPSTREAM                                                                                   \
    "providers: [{type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k, pass_through: "     \
    "true, max_retries: 0}]\n"
#define PATH "/pass/openai/v1/images/generations"

static const char used[] = "{\"usage\":{\"input_tokens\":40,\"output_tokens\":60}}";
static const fake_answer image = {
    .status = 200,
    .type = JSON,
    .body = used,
    .headers = {"content-length", "48", "x-ratelimit-limit-tokens", "777"}};

static aigw_exchange *ask(fake *f, const char *method, const char *path, const char *body)
{
    const char *const fields[] = {"content-type", JSON, NULL};
    return fake_ask(f, method, path, fields, body);
}

static int status(fake *f, const char *method, const char *path, const char *body)
{
    fake_result r = fake_take(f, ask(f, method, path, body));
    free(r.body);
    return r.status;
}

static void requests_are_counted_whatever_they_are(void **state)
{
    (void)state;
    const fake_answer script[] = {image, {.status = 200, .type = JSON, .body = "{}"}};
    fake *f = fake_new(UPSTREAM "rate_limits: [{name: r, requests_per_minute: 2}]\n", script, 2);
    assert_int_equal(status(f, "POST", PATH, "{}"), 200);
    assert_int_equal(status(f, "GET", "/pass/openai/v1/files", NULL), 200);
    aigw_exchange *x = ask(f, "POST", PATH, "{}");
    assert_slice(fake_header(x, "retry-after"), "60");
    assert_slice(fake_header(x, "x-ratelimit-remaining-requests"), "0");
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 429);
    assert_has(r.body, "rate_limit_exceeded");
    free(r.body);
    fake_free(f);
}

static void tokens_come_from_its_usage(void **state)
{
    (void)state;
    const fake_answer script[] = {image,
                                  {.status = 200, .type = JSON, .body = "{}"},
                                  {.status = 400, .type = JSON, .body = used},
                                  image};
    fake *f = fake_new(UPSTREAM "rate_limits: [{name: t, tokens_per_minute: 150}]\n", script, 4);
    aigw_exchange *x = ask(f, "POST", PATH, "{}");
    fake_steps(f);
    assert_slice(fake_header(x, "x-ratelimit-limit-tokens"), "150"); /* ours, and once */
    assert_slice(fake_header(x, "x-ratelimit-remaining-tokens"), "149");
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.usage.output_tokens, 60);
    free(r.body);
    assert_int_equal(status(f, "POST", PATH, "{}"), 200); /* without usage: none */
    assert_int_equal(status(f, "POST", PATH, "{}"), 400);
    x = ask(f, "POST", PATH, "{}");
    fake_steps(f);
    assert_slice(fake_header(x, "x-ratelimit-remaining-tokens"), "49");
    r = fake_take(f, x);
    free(r.body);
    assert_int_equal(status(f, "POST", PATH, "{}"), 429); /* 200 of 150 are used */
    fake_free(f);
}

static void a_place_is_held_while_it_flows(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = "{", .hang = true}, image};
    fake *f = fake_new(UPSTREAM "rate_limits: [{name: c, concurrent_requests: 1}]\n", script, 2);
    aigw_exchange *x = ask(f, "POST", PATH, "{}");
    fake_steps(f);
    assert_int_equal(status(f, "POST", PATH, "{}"), 429);
    assert_int_equal(status(f, "GET", "/pass/openai/v1/files", NULL), 429);
    aigw_exchange_free(x);
    assert_int_equal(status(f, "POST", PATH, "{}"), 200);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_counted_whatever_they_are),
        cmocka_unit_test(tokens_come_from_its_usage),
        cmocka_unit_test(a_place_is_held_while_it_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
