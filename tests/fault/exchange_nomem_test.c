/* Whole exchanges with the n-th allocation failing, once and from then on: an answer or an error, and
 * nothing is lost. */
#include "fault/nomem.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1}\n"                \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3}\n"                   \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: o-alias, targets: [{provider: openai, model: gpt-real}]}\n"                        \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: g, targets: [{provider: gemini, model: g-real}]}\n"                                \
    "  - {name: e, targets: [{provider: echo}]}\n"

#define G_CHUNK                                                                                    \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}],\"role\":\"model\"},"           \
    "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":9}}"
#define G_ASK    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]}]}"
#define G_STREAM "data: " G_CHUNK "\r\n\r\n"
#define O_VECTOR                                                                                   \
    "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[1,0.5]}],\"model\":\"x\"}"

static const scenario scenarios[] = {
    {OPENAI_PATH, ASK("o-alias"), {.status = 200, .type = JSON, .body = O_ANSWER, .piece = 50}},
    {OPENAI_PATH, ASK_STREAM("o"), {.status = 200, .type = SSE, .body = O_STREAM, .piece = 50}},
    {OPENAI_PATH, ASK_STREAM("a"), {.status = 200, .type = SSE, .body = A_STREAM, .piece = 50}},
    {ANTHROPIC_PATH,
     ASK_A_STREAM("o"),
     {.status = 200, .type = SSE, .body = O_STREAM, .piece = 50}},
    {OPENAI_PATH, ASK("a"), {.status = 200, .type = JSON, .body = A_ANSWER}},
    {ANTHROPIC_PATH, ASK_A("o"), {.status = 200, .type = JSON, .body = O_ANSWER}},
    {OPENAI_PATH, ASK("o"), {.status = 200, .type = SSE, .body = O_STREAM}},
    {OPENAI_PATH, ASK_STREAM("o"), {.status = 200, .type = JSON, .body = O_ANSWER}},
    {OPENAI_PATH,
     ASK("a"),
     {.status = 400,
      .type = JSON,
      .body = A_ERROR("invalid_request_error", "bad"),
      .headers = {"retry-after", "1", "request-id", "r"}}},
    {OPENAI_PATH, ASK_STREAM("e"), {0}},
    {"/healthz", NULL, {0}},
    {"/metrics", NULL, {0}},
    {OPENAI_PATH, "{\"model\":", {0}},
    {"/v1/embeddings",
     "{\"model\":\"o-alias\",\"input\":\"x\"}",
     {.status = 200, .type = JSON, .body = O_VECTOR}},
    {"/v1/embeddings",
     "{\"model\":\"o\",\"input\":[\"x\"],\"encoding_format\":\"base64\"}",
     {.status = 200, .type = JSON, .body = O_VECTOR}},
    {"/v1/embeddings",
     "{\"model\":\"g\",\"input\":[\"x\"],\"dimensions\":2}",
     {.status = 200, .type = JSON, .body = "{\"embedding\":{\"values\":[3,4]}}"}},
    {"/v1/models/o:embedContent",
     "{\"content\":{\"parts\":[{\"text\":\"x\"}]}}",
     {.status = 200, .type = JSON, .body = O_VECTOR}},
    {"/v1/messages/count_tokens",
     ASK("a"),
     {.status = 200, .type = JSON, .body = "{\"input_tokens\":3}"}},
    {"/v1/messages/count_tokens",
     ASK("g"),
     {.status = 200, .type = JSON, .body = "{\"totalTokens\":3}"}},
    {"/v1/messages/count_tokens", ASK("o"), {0}},
    {"/v1/models/g:streamGenerateContent",
     G_ASK,
     {.status = 200, .type = SSE, .body = G_STREAM, .piece = 50}},
    {"/v1/models/a:streamGenerateContent",
     G_ASK,
     {.status = 200, .type = SSE, .body = A_STREAM, .piece = 50}},
    {"/v1beta/models/o:generateContent?alt=json",
     G_ASK,
     {.status = 200, .type = JSON, .body = O_ANSWER}},
    {"/openai/deployments/o/chat/completions",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
     {.status = 200, .type = JSON, .body = O_ANSWER}},
    {"/v1/models", NULL, {0}},
    {"/v1beta/models?pageSize=2", NULL, {0}},
    {"/v1/models/o", NULL, {0}},
};

static void nothing_is_lost(bool for_good)
{
    nomem_each(CONFIG, scenarios, sizeof scenarios / sizeof *scenarios, for_good);
}

static void one_allocation_fails(void **state)
{
    (void)state;
    nothing_is_lost(false);
}

static void all_from_the_nth_fail(void **state)
{
    (void)state;
    nothing_is_lost(true);
}

/* The same for a gateway in the making, with an issuer in it. */
static void making_a_gateway(void **state)
{
    (void)state;
    const char *config = "issuer: {clients: [{id: a, secret: s}]}\n" CONFIG;
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
        if (!failed)
            break;
        if (n > 40)
            n += 6; /* a key is made each time that it comes so far */
    }
    aigw_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(all_from_the_nth_fail),
        cmocka_unit_test(making_a_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
