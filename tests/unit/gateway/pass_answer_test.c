/* Pass-through: what of an answer is counted, whose dialect errors have, which configs are refused. */
#include "gateway/pass.h"
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define PASS_CONFIG                                                                                \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "providers:\n"                                                                                 \
    "  - {name: o, type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, "        \
    "pass_through: true}\n"                                                                        \
    "  - {name: a, type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2, "        \
    "pass_through: true}\n"                                                                        \
    "  - {name: g, type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3, "           \
    "pass_through: true}\n"

static void what_is_counted(void **state)
{
    (void)state;
    const struct {
        const char *path, *body, *type;
        int64_t in, out, cached;
        bool get;
    } cases[] = {
        {"/pass/o/v1/images/generations",
         "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7,\"total_tokens\":12}}", JSON, 5, 7, -1,
         false},
        {"/pass/o/v1/embeddings", "{\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}",
         "application/json; charset=utf-8", 5, -1, -1, false},
        {"/pass/o/v1/audio/transcriptions", "{\"usage\":{\"type\":\"duration\",\"seconds\":9}}",
         JSON, -1, -1, -1, false},
        {"/pass/a/v1/messages",
         "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7,\"cache_read_input_tokens\":100,"
         "\"cache_creation_input_tokens\":10}}",
         JSON, 115, 7, 100, false},
        {"/pass/g/v1beta/models/m:generateContent",
         "{\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":7,"
         "\"thoughtsTokenCount\":3}}",
         JSON, 5, 10, -1, false},
        {"/pass/o/v1/responses/r", "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}", JSON, -1,
         -1, -1, true},
        {"/pass/o/v1/responses/r/cancel", "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}",
         JSON, -1, -1, -1, false},
        {"/pass/o/v1/files", "{\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}", "text/plain",
         -1, -1, -1, false},
        {"/pass/o/v1/x", "{\"usage\":{\"input_tokens\":-5,\"output_tokens\":7.5}}", JSON, -1, -1,
         -1, false},
        {"/pass/o/v1/x", "{\"usage\":{\"input_tokens\":5,\"output", JSON, -1, -1, -1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fake_answer script[] = {
            {.status = 200, .type = cases[i].type, .body = cases[i].body, .piece = 7}};
        fake *f = fake_new(PASS_CONFIG, script, 1);
        fake_result r = fake_call(f, cases[i].path, cases[i].get ? NULL : "{}");
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, cases[i].body);
        assert_int_equal(r.usage.input_tokens, cases[i].in);
        assert_int_equal(r.usage.output_tokens, cases[i].out);
        assert_int_equal(r.usage.cached_tokens, cases[i].cached);
        free(r.body);
        fake_free(f);
    }
}

static void errors_are_in_the_vendors_dialect(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 401, .type = JSON, .body = "{\"error\":\"key up-secret-2\"}"},
        {.status = 302, .headers = {"location", "https://elsewhere.example/", "etag", "x"}},
        {.status = 0, .failure = GW_HTTP_CONNECT},
        {.status = 200, .failure = GW_HTTP_BROKEN, .cut = 1}};
    const int want[] = {502, 502, 502, 502};
    fake *f = fake_new(PASS_CONFIG, script, 4);
    for (size_t i = 0; i < 3; i++) {
        aigw_exchange *x = fake_open(f, "/pass/a/v1/files", "{}");
        fake_steps(f);
        assert_null(fake_header(x, "etag").data);
        assert_null(fake_header(x, "location").data);
        fake_result r = fake_take(f, x);
        assert_int_equal(r.status, want[i]);
        assert_has(r.body, "\"type\":\"error\"");
        assert_has_not(r.body, "up-secret");
        assert_has_not(r.body, "elsewhere");
        free(r.body);
    }
    fake_free(f);
}

static void configs_that_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *provider, *pointer;
    } cases[] = {
        {"{type: echo, pass_through: true}", "/providers/0/pass_through"},
        {"{type: openai, api_key: k, pass_through_paths: [/v1/files]}",
         "/providers/0/pass_through_paths"},
        {"{type: openai, api_key: k, pass_through: true, pass_through_paths: [v1]}",
         "/providers/0/pass_through_paths/0"},
        {"{type: openai, api_key: k, pass_through: true, pass_through_paths: [/a, /v1/../x]}",
         "/providers/0/pass_through_paths/1"},
        {"{type: bedrock, region: us-east-1, pass_through: true, auth: {aws: {access_key_id: a, "
         "secret_access_key: s}}}",
         "/providers/0/pass_through"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        aigw_error err = {0};
        fake f = {0};
        aigw_gateway *gw = NULL;
        fake_host(&f);
        snprintf(text, sizeof text, "providers: [%s]\n", cases[i].provider);
        assert_int_equal(aigw_gateway_new(aigw_slice_of(text), &f.host, &gw, &err), AIGW_E_CONFIG);
        assert_string_equal(err.pointer, cases[i].pointer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted),
        cmocka_unit_test(errors_are_in_the_vendors_dialect),
        cmocka_unit_test(configs_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
