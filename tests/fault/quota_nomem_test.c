/* Exchanges under limits with the n-th allocation failing: an answer or an error, and what was held is given back. */
#include "fault/nomem.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, pass_through: "   \
    "true}\n"                                                                                      \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: e, targets: [{provider: echo}]}\n"                                                 \
    "rate_limits:\n"                                                                               \
    "  - {name: one, per: [client, team, key, model, address], requests_per_minute: 1000000, "     \
    "tokens_per_minute: 2000000000, tokens_per_day: 2000000000, concurrent_requests: 1}\n"         \
    "  - {name: two, per: [model], match: {models: [e]}, requests_per_minute: 1000000, "           \
    "tokens_per_minute: 5}\n"

/* Nobody listens there: each limit's policy decides, after a connection that fails. */
#define REDIS                                                                                      \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1}\n"                \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "rate_limits:\n"                                                                               \
    "  - {name: one, requests_per_minute: 1000000, concurrent_requests: 1, on_fail: local}\n"      \
    "  - {name: two, per: [model], tokens_per_minute: 5, on_fail: open}\n"                         \
    "redis: {address: '127.0.0.1:1', password: x}\n"

static const scenario lonely[] = {
    {OPENAI_PATH, ASK("o"), {.status = 200, .type = JSON, .body = O_ANSWER, .piece = 50}},
    {OPENAI_PATH, ASK_STREAM("o"), {.status = 200, .type = SSE, .body = O_STREAM}},
    {OPENAI_PATH, ASK("o"), {.status = 200, .type = JSON, .body = O_ANSWER}},
};

static const scenario scenarios[] = {
    {OPENAI_PATH, ASK("o"), {.status = 200, .type = JSON, .body = O_ANSWER, .piece = 50}},
    {OPENAI_PATH, ASK_STREAM("o"), {.status = 200, .type = SSE, .body = O_STREAM, .piece = 50}},
    {ANTHROPIC_PATH, ASK_A("o"), {.status = 200, .type = JSON, .body = O_ANSWER}},
    {OPENAI_PATH, ASK_STREAM("a"), {.status = 200, .type = SSE, .body = A_STREAM, .piece = 50}},
    {"/v1/embeddings",
     "{\"model\":\"o\",\"input\":\"x\"}",
     {.status = 200,
      .type = JSON,
      .body =
          "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[1,0.5]}],\"model\":\"x\"}"}},
    {"/pass/openai/v1/files", "{\"a\":1}", {.status = 200, .type = JSON, .body = "{\"id\":\"f\"}"}},
    {OPENAI_PATH, ASK("e"), {.status = 429}}, /* it can never fit */
};

/* One place for all of them: were it not given back, nothing would pass any more. */
static void each_allocation_fails_once(void **state)
{
    (void)state;
    nomem_each(CONFIG, scenarios, sizeof scenarios / sizeof *scenarios, false);
}

static void each_allocation_fails_for_good(void **state)
{
    (void)state;
    nomem_each(CONFIG, scenarios, sizeof scenarios / sizeof *scenarios, true);
}

static void each_allocation_fails_beside_a_dead_redis(void **state)
{
    (void)state;
    nomem_each(REDIS, lonely, sizeof lonely / sizeof *lonely, false);
    nomem_each(REDIS, lonely, sizeof lonely / sizeof *lonely, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(each_allocation_fails_for_good),
        cmocka_unit_test(each_allocation_fails_beside_a_dead_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
