/* Embeddings through the gateway: each dialect from each provider, encodings, and who makes none. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k}\n"                          \
    "  - {type: azure, base_url: 'http://127.0.0.1:9', api_key: k, api_version: '2024-10-21'}\n"   \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: k}\n"                          \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret}\n"                     \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: o-alias, targets: [{provider: openai, model: real}]}\n"                            \
    "  - {name: az, targets: [{provider: azure, model: dep}]}\n"                                   \
    "  - {name: claude, targets: [{provider: anthropic}]}\n"                                       \
    "  - {name: g, targets: [{provider: gemini}]}\n"                                               \
    "  - {name: g-alias, targets: [{provider: gemini, model: real}]}\n"                            \
    "  - {name: either, targets: [{provider: anthropic}, {provider: openai}]}\n"                   \
    "  - {name: e, targets: [{provider: echo}]}\n"

#define PATH "/v1/embeddings"
/* Odd spacing: only a byte for byte forward keeps it. */
#define O_FLOATS                                                                                   \
    "{ \"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-2,"   \
    "0.50]}],\"model\":\"real\",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"
#define O_BASE64                                                                                   \
    "{ \"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"         \
    "\"AACAPwAAAMAAAAA/\"}],\"model\":\"real\",\"usage\":{\"prompt_tokens\":5,"                    \
    "\"total_tokens\":5}}"
#define G_ONE  "{ \"embedding\":{\"values\":[3,4]}}"
#define G_MANY "{ \"embeddings\":[{\"values\":[3,4]},{\"values\":[0,2]}]}"

static const fake_answer o_floats[] = {{.status = 200, .type = JSON, .body = O_FLOATS}};
static const fake_answer o_base64[] = {{.status = 200, .type = JSON, .body = O_BASE64}};
static const fake_answer g_one[] = {{.status = 200, .type = JSON, .body = G_ONE}};
static const fake_answer g_many[] = {{.status = 200, .type = JSON, .body = G_MANY}};

static void same_dialect_is_byte_for_byte(void **state)
{
    (void)state;
    const struct {
        const fake_answer *script;
        const char *target, *body, *sent, *path;
        int64_t tokens;
    } cases[] = {
        {o_floats, PATH, "{\"model\":\"o\", \"input\":\"x\",\"zz\":1.50}", NULL, "/v1/embeddings",
         5},
        {o_floats, PATH, "{\"model\":\"o-alias\",\"input\":[[1,2]]}",
         "{\"model\":\"real\",\"input\":[[1,2]]}", "/v1/embeddings", 5},
        {o_base64, PATH, "{\"model\":\"o\",\"encoding_format\":\"base64\",\"input\":[\"x\"]}", NULL,
         "/v1/embeddings", 5},
        {o_floats, "/openai/v1/embeddings", "{\"model\":\"o\",\"input\":\"x\"}", NULL,
         "/v1/embeddings", 5},
        {o_floats, "/openai/deployments/o/embeddings?api-version=1", "{\"input\":\"x\"}",
         "{\"model\":\"o\",\"input\":\"x\"}", "/v1/embeddings", 5},
        {o_floats, "/openai/deployments/az/embeddings?api-version=1",
         "{\"model\":\"ignored\",\"input\":\"x\"}", "{\"model\":\"dep\",\"input\":\"x\"}",
         "/openai/deployments/dep/embeddings?api-version=2024-10-21", 5},
        {g_one, "/v1beta/models/g:embedContent",
         "{ \"content\":{\"parts\":[{\"text\":\"x\"}]},\"taskType\":\"T\",\"zz\":1}", NULL,
         "/v1beta/models/g:embedContent", -1},
        {g_many, "/v1/models/g:batchEmbedContents",
         "{\"requests\":[{\"model\":\"models/g\",\"content\":{\"parts\":[{\"text\":\"x\"}]}}, "
         "{\"content\":{\"parts\":[{\"text\":\"y\"}]}}]}",
         NULL, "/v1beta/models/g:batchEmbedContents", -1},
        {g_one, "/v1beta/models/g-alias:embedContent",
         "{\"model\":\"models/g-alias\",\"content\":{\"parts\":[{\"text\":\"x\"}]},\"zz\":1}",
         "{\"model\":\"models/real\",\"content\":{\"parts\":[{\"text\":\"x\"}]},\"zz\":1}",
         "/v1beta/models/real:embedContent", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, cases[i].script, 1);
        fake_result r = fake_call(f, cases[i].target, cases[i].body);
        if (r.status != 200)
            fail_msg("%s: %s", cases[i].target, r.body);
        assert_string_equal(r.body, cases[i].script->body);
        assert_string_equal(f->bodies[0], cases[i].sent ? cases[i].sent : cases[i].body);
        assert_string_equal(f->paths[0], cases[i].path);
        assert_int_equal(r.usage.input_tokens, cases[i].tokens);
        free(r.body);
        fake_free(f);
    }
}

/* Clients decode what they asked for, whatever the host made of it. */
static void the_encoding_is_the_one_asked_for(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, o_floats, 1);
    fake_result r =
        fake_call(f, PATH, "{\"model\":\"o\",\"encoding_format\":\"base64\",\"input\":\"x\"}");
    assert_has(r.body, "\"embedding\":\"AACAPwAAAMAAAAA/\"");
    assert_has(r.body, "\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}");
    free(r.body);
    fake_free(f);
    f = fake_new(CONFIG, o_base64, 1);
    r = fake_call(f, PATH, "{\"model\":\"o\",\"input\":\"x\"}");
    assert_has(r.body, "\"embedding\":[1,-2,0.5]");
    free(r.body);
    fake_free(f);
}

static void openai_from_gemini(void **state)
{
    (void)state;
    const char *const report[] = {"x-aigw-report", "dropped", NULL};
    fake *f = fake_new(CONFIG, g_many, 1);
    aigw_exchange *x = fake_ask(f, "POST", PATH, report,
                                "{\"model\":\"g-alias\",\"input\":[\"x\",\"12345\"],"
                                "\"user\":\"u\"}");
    fake_steps(f);
    assert_slice(fake_header(x, "x-aigw-estimate"), "true");
    assert_true(gw_starts(fake_header(x, "x-aigw-dropped"), GW_S("\"/user\";reason=")));
    fake_result r = fake_take(f, x);
    assert_has(r.body,
               "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
               "\"embedding\":[3,4]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[0,2]}],"
               "\"model\":\"g-alias\",\"usage\":{\"prompt_tokens\":");
    assert_has_not(r.body, "\"prompt_tokens\":0");
    assert_string_equal(f->paths[0], "/v1beta/models/real:batchEmbedContents");
    assert_int_equal(r.usage.input_tokens, -1); /* nobody has counted */
    free(r.body);
    fake_free(f);
}

/* Gemini shortens vectors without making them of length one again. */
static void fewer_dimensions_are_normalised(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, g_one, 1);
    fake_result r = fake_call(f, PATH, "{\"model\":\"g\",\"input\":\"x\",\"dimensions\":2}");
    assert_has(r.body, "\"embedding\":[0.6,0.8]");
    assert_string_equal(f->bodies[0], "{\"model\":\"models/g\",\"content\":{\"parts\":[{\"text\":"
                                      "\"x\"}]},\"outputDimensionality\":2}");
    assert_string_equal(f->paths[0], "/v1beta/models/g:embedContent");
    free(r.body);
    fake_free(f);
}

static void gemini_from_openai(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, o_floats, 1);
    fake_result r = fake_call(f, "/v1beta/models/o-alias:embedContent",
                              "{\"content\":{\"parts\":[{\"text\":\"x\"}]},"
                              "\"outputDimensionality\":3}");
    assert_string_equal(r.body, "{\"embedding\":{\"values\":[1,-2,0.5]},\"usageMetadata\":{"
                                "\"promptTokenCount\":5,\"totalTokenCount\":5}}");
    assert_string_equal(f->bodies[0], "{\"model\":\"real\",\"input\":\"x\",\"dimensions\":3,"
                                      "\"encoding_format\":\"float\"}");
    free(r.body);
    fake_free(f);
    f = fake_new(CONFIG, o_floats, 1);
    r = fake_call(f, "/v1beta/models/o:batchEmbedContents",
                  "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}");
    assert_true(gw_starts(aigw_slice_of(r.body), GW_S("{\"embeddings\":[{\"values\":[1,-2,")));
    assert_has(f->bodies[0], "\"input\":[\"x\"]");
    free(r.body);
    fake_free(f);
}

static void who_makes_none_is_not_asked(void **state)
{
    (void)state;
    const char *const bodies[] = {"{\"model\":\"claude\",\"input\":\"x\"}",
                                  "{\"model\":\"e\",\"input\":\"x\"}"};
    for (size_t i = 0; i < 2; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = fake_call(f, PATH, bodies[i]);
        assert_int_equal(r.status, 400);
        assert_has(r.body, "embeddings");
        assert_has(r.body, "\"param\":\"/model\"");
        free(r.body);
        fake_free(f);
    }
    fake *f = fake_new(CONFIG, o_floats, 1);
    fake_result r = fake_call(f, PATH, "{\"model\":\"either\",\"input\":\"x\"}");
    assert_int_equal(r.status, 200); /* the second target does */
    free(r.body);
    fake_free(f);
}

static void nonsense_is_502(void **state)
{
    (void)state;
    const char *const bodies[] = {"{}", "[", "{\"data\":[]}", G_ONE,
                                  "{\"data\":[{\"embedding\":[1]},{\"embedding\":[2]}]}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const fake_answer script[] = {{.status = 200, .type = JSON, .body = bodies[i]}};
        fake *f = fake_new(CONFIG, script, 1);
        fake_result r = fake_call(f, PATH, "{\"model\":\"o\",\"input\":\"x\"}");
        assert_int_equal(r.status, 502);
        free(r.body);
        fake_free(f);
    }
}

static void a_full_provider_is_asked_again(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 429, .type = JSON, .headers = {"retry-after", "1"}, .body = O_ERROR("slow")},
        {.status = 200, .type = JSON, .body = O_FLOATS}};
    fake *f = fake_new(CONFIG, script, 2);
    aigw_exchange *x = fake_open(f, PATH, "{\"model\":\"o\",\"input\":\"x\"}");
    fake_steps(f);
    fake_pass(f, 1001);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    assert_int_equal(f->next, 2);
    assert_has(f->log, "\"route\":\"embeddings\"");
    free(r.body);
    fake_free(f);
}

static void bad_requests_reach_nobody(void **state)
{
    (void)state;
    const struct {
        const char *target, *body, *word;
    } cases[] = {
        {PATH, "{\"model\":\"o\"}", "input"},
        {PATH, "{\"model\":\"o\",\"input\":[]}", "/input"},
        {PATH, "{\"model\":\"g\",\"input\":[1,2]}", "/input"},
        {PATH, "{\"input\":\"x\"}", "model"},
        {"/v1beta/models/g:embedContent", "{\"content\":5}", "INVALID_ARGUMENT"},
        {"/v1beta/models/g:batchEmbedContents", "{\"requests\":[]}", "INVALID_ARGUMENT"},
        {"/v1beta/models/%2e%2e:embedContent", "{\"content\":{\"parts\":[{\"text\":\"x\"}]}}",
         "INVALID_ARGUMENT"},
        {"/v1beta/models/o:embedContent?key=secret", "{}", "UNAUTHENTICATED"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = fake_call(f, cases[i].target, cases[i].body);
        if (r.status != 400 && r.status != 401)
            fail_msg("%s: %d", cases[i].body, r.status);
        assert_has(r.body, cases[i].word);
        assert_has_not(f->log, "secret");
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_dialect_is_byte_for_byte),
        cmocka_unit_test(the_encoding_is_the_one_asked_for),
        cmocka_unit_test(openai_from_gemini),
        cmocka_unit_test(fewer_dimensions_are_normalised),
        cmocka_unit_test(gemini_from_openai),
        cmocka_unit_test(who_makes_none_is_not_asked),
        cmocka_unit_test(nonsense_is_502),
        cmocka_unit_test(a_full_provider_is_asked_again),
        cmocka_unit_test(bad_requests_reach_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
