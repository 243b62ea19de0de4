/* Counting tokens: by the provider that counts, in every dialect, and by estimate where nobody does. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k}\n"                          \
    "  - {name: all, type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k,\n"               \
    "     formats: [openai-chat, openai-responses]}\n"                                             \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: k}\n"                          \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: k}\n"                             \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: chat, targets: [{provider: openai}]}\n"                                            \
    "  - {name: resp, targets: [{provider: all, model: gpt-real}]}\n"                              \
    "  - {name: claude, targets: [{provider: anthropic}]}\n"                                       \
    "  - {name: alias, targets: [{provider: anthropic, model: claude-real}]}\n"                    \
    "  - {name: gem, targets: [{provider: gemini, model: gemini-real}]}\n"                         \
    "  - {name: e, targets: [{provider: echo}]}\n"

#define A_COUNT  "/v1/messages/count_tokens"
#define A_ASK(m) "{\"model\":\"" m "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi you\"}]}"
#define R_COUNT  "/v1/responses/input_tokens"
#define R_ASK(m) "{\"model\":\"" m "\",\"input\":\"Hi you\"}"
#define G_ASK    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi you\"}]}]}"

static const fake_answer a_count[] = {
    {.status = 200, .type = JSON, .body = "{ \"input_tokens\": 41, \"odd\":1}"}};
static const fake_answer g_count[] = {
    {.status = 200, .type = JSON, .body = "{\"totalTokens\": 42}"}};
static const fake_answer r_count[] = {
    {.status = 200,
     .type = JSON,
     .body = "{\"object\":\"response.input_tokens\",\"input_tokens\":43}"}};

static void the_same_format_is_forwarded(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, a_count, 1);
    fake_result r = fake_call(f, A_COUNT, A_ASK("claude"));
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, a_count[0].body);
    assert_string_equal(f->bodies[0], A_ASK("claude"));
    assert_string_equal(f->paths[0], "/v1/messages/count_tokens");
    free(r.body);
    fake_free(f);
    f = fake_new(CONFIG, a_count, 1);
    r = fake_call(f, A_COUNT, A_ASK("alias"));
    assert_string_equal(f->bodies[0], A_ASK("claude-real"));
    free(r.body);
    fake_free(f);
}

/* Every dialect against every counter. */
static void each_to_each(void **state)
{
    (void)state;
    const struct {
        const char *target, *body, *want;
    } clients[] = {{A_COUNT, NULL, "{\"input_tokens\":"},
                   {R_COUNT, NULL, "\"input_tokens\":"},
                   {NULL, G_ASK, "\"totalTokens\":"}};
    const struct {
        const char *model, *a, *r, *g;
        const fake_answer *script;
        int tokens;
        const char *path;
    } providers[] = {
        {"claude", A_ASK("claude"), R_ASK("claude"), "/v1beta/models/claude:countTokens", a_count,
         41, "/v1/messages/count_tokens"},
        {"resp", A_ASK("resp"), R_ASK("resp"), "/v1/models/resp:countTokens", r_count, 43,
         "/v1/responses/input_tokens"},
        {"gem", A_ASK("gem"), R_ASK("gem"), "/v1beta/models/gem:countTokens", g_count, 42,
         "/v1beta/models/gemini-real:countTokens"},
    };
    for (size_t c = 0; c < 3; c++) {
        for (size_t p = 0; p < 3; p++) {
            char want[64];
            fake *f = fake_new(CONFIG, providers[p].script, 1);
            const char *target = c == 2 ? providers[p].g : clients[c].target;
            const char *body = c == 0 ? providers[p].a : c == 1 ? providers[p].r : clients[c].body;
            aigw_exchange *x = fake_open(f, target, body);
            fake_steps(f);
            assert_null(fake_header(x, "x-aigw-estimate").data);
            fake_result r = fake_take(f, x);
            if (r.status != 200)
                fail_msg("%s at %s: %s", body, target, r.body);
            assert_string_equal(f->paths[0], providers[p].path);
            assert_has(f->bodies[0], "Hi you");
            if (c != p) {
                snprintf(want, sizeof want, "%s%d", clients[c].want, providers[p].tokens);
                assert_has(r.body, want);
            } else {
                assert_string_equal(r.body, providers[p].script->body);
            }
            free(r.body);
            fake_free(f);
        }
    }
}

static void nobody_counts_so_it_is_estimated(void **state)
{
    (void)state;
    const char *const models[] = {A_ASK("chat"), A_ASK("e")};
    for (size_t i = 0; i < 2; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        aigw_exchange *x = fake_open(f, A_COUNT, models[i]);
        fake_steps(f);
        assert_slice(fake_header(x, "x-aigw-estimate"), "true");
        fake_result r = fake_take(f, x);
        assert_int_equal(r.code, AIGW_END);
        assert_int_equal(r.status, 200);
        assert_true(gw_starts(aigw_slice_of(r.body), GW_S("{\"input_tokens\":")));
        int n = atoi(r.body + strlen("{\"input_tokens\":"));
        assert_in_range(n, 3, 20);
        assert_has(f->log, "\"route\":\"count_tokens\"");
        free(r.body);
        fake_free(f);
    }
}

static void a_providers_error_is_an_error(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 400, .type = JSON, .body = A_ERROR("invalid_request_error", "too odd")},
        {.status = 200, .type = JSON, .body = "{\"tokens\":1}"},
        {.status = 200, .type = JSON, .body = "{\"input_tokens\":-1}"},
        {.status = 200, .type = JSON, .body = "<html>"},
        {.status = 404, .type = JSON, .body = "{}"}};
    const int want[] = {400, 502, 502, 502, 404};
    for (size_t i = 0; i < 5; i++) {
        fake *f = fake_new(CONFIG, &script[i], 1);
        fake_result r = fake_call(f, A_COUNT, A_ASK("claude"));
        assert_int_equal(r.status, want[i]);
        assert_has(r.body, "\"type\":\"error\"");
        assert_has_not(r.body, "input_tokens");
        free(r.body);
        fake_free(f);
    }
}

static void bad_requests_reach_nobody(void **state)
{
    (void)state;
    const struct {
        const char *target, *body;
        int status;
    } cases[] = {{A_COUNT, "{\"model\":\"gem\"}", 400},
                 {A_COUNT, "{\"model\":\"chat\",\"messages\":5}", 400},
                 {A_COUNT, "{\"messages\":[]}", 400},
                 {A_COUNT, "[]", 400},
                 {A_COUNT, "", 400},
                 {A_COUNT, A_ASK("nobody"), 404}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = fake_call(f, cases[i].target, cases[i].body);
        assert_int_equal(r.status, cases[i].status);
        assert_has(r.body, "\"type\":\"error\"");
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_format_is_forwarded),
        cmocka_unit_test(each_to_each),
        cmocka_unit_test(nobody_counts_so_it_is_estimated),
        cmocka_unit_test(a_providers_error_is_an_error),
        cmocka_unit_test(bad_requests_reach_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
