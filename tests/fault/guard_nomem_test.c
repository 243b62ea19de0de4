/* Exchanges with guardrails and the n-th allocation failing: an answer or an error, never what should have been
 * masked, and nothing is lost. */
#include "fault/nomem.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1}\n"                \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: e, targets: [{provider: echo}]}\n"                                                 \
    "guardrails:\n"                                                                                \
    "  - {name: pii, on: [prompt, answer], rules: {email: mask, card: block, words: [{texts: "     \
    "[falcon], action: mask}]}}\n"

#define HOOKS                                                                                      \
    CONFIG                                                                                         \
    "  - {name: hook, on: [prompt, answer], webhook: {url: 'http://127.0.0.1:9/', on_fail: "       \
    "open}}\n"

#define MAIL "bob@example.com"
#define ASK_MAIL(model, more)                                                                      \
    "{\"model\":\"" model "\"," more "\"messages\":[{\"role\":\"user\",\"content\":\"" MAIL        \
    "\"},{\"role\":\"assistant\","                                                                 \
    "\"content\":\"x\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"         \
    "\"name\":\"f\",\"arguments\":\"{\\\"m\\\":\\\"" MAIL "\\\"}\"}}]},{\"role\":\"tool\","        \
    "\"tool_call_id\":\"c\",\"content\":\"y\"}]}"

#define STREAM                                                                                     \
    O_CHUNK("{\"role\":\"assistant\",\"content\":\"to bob@ex\"}", "null")                          \
    O_CHUNK("{\"content\":\"ample.com falcon\"}", "null") O_CHUNK("{}", "\"stop\"") O_DONE
#define WHOLE                                                                                      \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"    \
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"to " MAIL "\"},"                \
    "\"finish_reason\":\"stop\"}]}"
#define BLOCKED                                                                                    \
    O_CHUNK("{\"content\":\"4111 1111 1111 1111 x\"}", "null") O_CHUNK("{}", "\"stop\"") O_DONE

static const scenario scenarios[] = {
    {OPENAI_PATH, ASK_MAIL("o", ""), {.status = 200, .type = JSON, .body = WHOLE, .piece = 50}},
    {OPENAI_PATH,
     ASK_MAIL("o", "\"stream\":true,"),
     {.status = 200, .type = SSE, .body = STREAM, .piece = 50}},
    {OPENAI_PATH,
     ASK_MAIL("o", "\"stream\":true,"),
     {.status = 200, .type = SSE, .body = BLOCKED, .piece = 50}},
    {ANTHROPIC_PATH, ASK_A_STREAM("o"), {.status = 200, .type = SSE, .body = STREAM}},
    {OPENAI_PATH, ASK_MAIL("e", ""), {0}},
};

static void each(const char *config, bool for_good)
{
    nomem_never = MAIL;
    nomem_each(config, scenarios, sizeof scenarios / sizeof *scenarios, for_good);
    nomem_never = NULL;
}

static void one_allocation_fails(void **state)
{
    (void)state;
    each(CONFIG, false);
}

static void all_from_the_nth_fail(void **state)
{
    (void)state;
    each(CONFIG, true);
}

static void one_fails_while_others_are_asked(void **state)
{
    (void)state;
    each(HOOKS, false);
}

static void all_fail_while_others_are_asked(void **state)
{
    (void)state;
    each(HOOKS, true);
}

/* A gateway in the making: what was compiled and prepared half-way is given back. */
static void making_a_gateway(void **state)
{
    (void)state;
    static const char config[] = HOOKS
        "  - {name: mod, on: [prompt], openai_moderation: {base_url: 'http://127.0.0.1:9/v1', "
        "api_key: k, categories: {violence: '0.5'}}}\n";
    failing a = {0};
    fake host = {0};
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &a});
    for (long n = 1; n < 4000; n++) {
        aigw_gateway *gw = NULL;
        a = (failing){.fail_at = n};
        int rc = aigw_gateway_new(aigw_slice_of(config), &host.host, &gw, NULL);
        bool failed = a.calls >= n;
        a.fail_at = 0;
        if (rc == AIGW_OK)
            aigw_gateway_free(gw);
        else
            assert_null(gw);
        if (a.live != 0)
            fail_msg("allocation %ld: %ld blocks lost", n, a.live);
        if (!failed) {
            assert_int_equal(rc, AIGW_OK);
            break;
        }
    }
    aigw_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(all_from_the_nth_fail),
        cmocka_unit_test(one_fails_while_others_are_asked),
        cmocka_unit_test(all_fail_while_others_are_asked),
        cmocka_unit_test(making_a_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
