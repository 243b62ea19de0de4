/* The list of models in three dialects, page by page, and one model by its name. */
#include "unit/gateway/fake.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k}\n"                          \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: m1, targets: [{provider: openai}]}\n"                                              \
    "  - {name: 'a/b', targets: [{provider: openai, model: real}]}\n"                              \
    "  - {name: 'v:0', targets: [{provider: echo}]}\n"                                             \
    "  - {name: m4, targets: [{provider: openai}]}\n"

static const char *const anthropic[] = {"anthropic-version", "2023-06-01", NULL};
static const char *const google[] = {"x-goog-api-client", "google-genai-sdk/1", NULL};

static fake_result get(fake *f, const char *target, const char *const *fields)
{
    return fake_take(f, fake_ask(f, "GET", target, fields, NULL));
}

static void check(const char *target, const char *const *fields, int status, const char *want)
{
    fake *f = fake_new(CONFIG, NULL, 0);
    fake_result r = get(f, target, fields);
    assert_int_equal(r.status, status);
    if (strcmp(r.body, want) != 0)
        fail_msg("%s: %s", target, r.body);
    free(r.body);
    fake_free(f);
}

#define O(id, owner)                                                                               \
    "{\"id\":\"" id "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"" owner "\"}"
#define A(id)                                                                                      \
    "{\"type\":\"model\",\"id\":\"" id "\",\"display_name\":\"" id                                 \
    "\",\"created_at\":\"1970-01-01T00:00:00Z\"}"
#define G(id)                                                                                      \
    "{\"name\":\"models/" id "\",\"displayName\":\"" id "\",\"supportedGenerationMethods\":["      \
    "\"generateContent\",\"streamGenerateContent\",\"countTokens\",\"embedContent\","              \
    "\"batchEmbedContents\"]}"
#define A_PAGE(data, more, first, last)                                                            \
    "{\"data\":[" data "],\"has_more\":" more ",\"first_id\":" first ",\"last_id\":" last "}"

static void openai_gets_them_all(void **state)
{
    (void)state;
    const char *want = "{\"object\":\"list\",\"data\":[" O("m1", "openai") "," O(
        "a/b", "openai") "," O("v:0", "echo") "," O("m4", "openai") "," O("echo", "echo") "]}";
    check("/v1/models", NULL, 200, want);
    check("/v1/models?limit=1&limit=%zz", NULL, 200, want); /* it has no query */
    check("/openai/v1/models", NULL, 200, want);
    check("/openai/models?api-version=2024-10-21", NULL, 200, want);
}

static void anthropic_gets_pages(void **state)
{
    (void)state;
    check("/v1/models", anthropic, 200,
          A_PAGE(A("m1") "," A("a/b") "," A("v:0") "," A("m4") "," A("echo"), "false", "\"m1\"",
                 "\"echo\""));
    check("/v1/models?limit=2", anthropic, 200,
          A_PAGE(A("m1") "," A("a/b"), "true", "\"m1\"", "\"a/b\""));
    check("/v1/models?limit=2&after_id=a%2Fb", anthropic, 200,
          A_PAGE(A("v:0") "," A("m4"), "true", "\"v:0\"", "\"m4\""));
    check("/v1/models?limit=2&after_id=m4", anthropic, 200,
          A_PAGE(A("echo"), "false", "\"echo\"", "\"echo\""));
    check("/v1/models?after_id=echo", anthropic, 200, A_PAGE("", "false", "null", "null"));
    check("/v1/models?before_id=m4&limit=2", anthropic, 200,
          A_PAGE(A("a/b") "," A("v:0"), "true", "\"a/b\"", "\"v:0\""));
    check("/v1/models?before_id=a/b&limit=2", anthropic, 200,
          A_PAGE(A("m1"), "false", "\"m1\"", "\"m1\""));
    check("/v1/models?limit=99999999999", anthropic, 200,
          A_PAGE(A("m1") "," A("a/b") "," A("v:0") "," A("m4") "," A("echo"), "false", "\"m1\"",
                 "\"echo\""));
}

static void gemini_gets_pages(void **state)
{
    (void)state;
    const char *first = "{\"models\":[" G("m1") "," G("a/b") "],\"nextPageToken\":\"a/b\"}";
    const char *rest = "{\"models\":[" G("v:0") "," G("m4") "," G("echo") "]}";
    check("/v1beta/models?pageSize=2", NULL, 200, first);
    check("/v1beta/models?pageSize=20&pageToken=a%2fb", NULL, 200, rest);
    check("/v1/models?pageSize=2", google, 200, first);
    const char *const key[] = {"x-goog-api-key", "t", NULL};
    check("/v1/models?pageToken=a%2Fb", key, 200, rest);
}

static void wrong_pages_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *target;
        const char *const *fields;
        const char *word;
    } cases[] = {
        {"/v1/models?limit=0", anthropic, "limit"},
        {"/v1/models?limit=-1", anthropic, "limit"},
        {"/v1/models?limit=x", anthropic, "limit"},
        {"/v1/models?limit=1&limit=2", anthropic, "query"},
        {"/v1/models?after_id=nobody", anthropic, "no such model"},
        {"/v1/models?before_id=nobody", anthropic, "no such model"},
        {"/v1/models?before_id=m1&after_id=m1", anthropic, "Only one"},
        {"/v1/models?after_id=%zz", anthropic, "query"},
        {"/v1/models?after_id=%00", anthropic, "query"},
        {"/v1beta/models?pageSize=0", NULL, "pageSize"},
        {"/v1beta/models?pageToken=nobody", NULL, "page token"},
        {"/v1beta/models?pageSize=1&pageSize=2", NULL, "query"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = get(f, cases[i].target, cases[i].fields);
        assert_int_equal(r.status, 400);
        assert_has(r.body, cases[i].word);
        assert_has(r.body, cases[i].fields ? "\"invalid_request_error\"" : "\"error\"");
        free(r.body);
        fake_free(f);
    }
}

static void one_model_by_its_name(void **state)
{
    (void)state;
    check("/v1/models/m1", NULL, 200, O("m1", "openai"));
    check("/v1/models/a/b", NULL, 200, O("a/b", "openai"));
    check("/v1/models/a%2Fb?x=y", NULL, 200, O("a/b", "openai"));
    check("/v1/models/v:0", anthropic, 200, A("v:0"));
    check("/v1/models/v%3a0", google, 200, G("v:0"));
    check("/v1beta/models/m4", NULL, 200, G("m4"));
    check("/openai/models/m4?api-version=1", NULL, 200, O("m4", "openai"));
}

static void an_unknown_one_is_404_in_the_dialect(void **state)
{
    (void)state;
    const struct {
        const char *target;
        const char *const *fields;
        const char *word;
    } cases[] = {
        {"/v1/models/gpt-9", NULL, "\"model_not_found\""},
        {"/v1/models/real", NULL, "\"model_not_found\""},
        {"/v1/models/M1", NULL, "\"model_not_found\""},
        {"/v1/models/m1%00", NULL, "\"model_not_found\""},
        {"/v1/models/..%2fmodels", NULL, "\"model_not_found\""},
        {"/v1/models/%2e%2e/m1", NULL, "\"model_not_found\""},
        {"/v1/models/claude-9", anthropic, "\"not_found_error\""},
        {"/v1beta/models/g-9", NULL, "\"NOT_FOUND\""},
        {"/v1/models/g-9", google, "\"NOT_FOUND\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake *f = fake_new(CONFIG, NULL, 0);
        fake_result r = get(f, cases[i].target, cases[i].fields);
        assert_int_equal(r.status, 404);
        assert_has(r.body, cases[i].word);
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_gets_them_all),
        cmocka_unit_test(anthropic_gets_pages),
        cmocka_unit_test(gemini_gets_pages),
        cmocka_unit_test(wrong_pages_are_refused),
        cmocka_unit_test(one_model_by_its_name),
        cmocka_unit_test(an_unknown_one_is_404_in_the_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
