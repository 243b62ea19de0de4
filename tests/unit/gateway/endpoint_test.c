/* What is served: every path with its method, dialect and kind; and models' names in paths under attack. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/text.h"
#include "gateway/endpoint.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const gw_endpoint *find(const char *method, const char *target, char id[256], int *status,
                               const char **allow)
{
    aigw_slice name;
    const gw_endpoint *e = gw_endpoint_find(aigw_slice_of(method), aigw_slice_of(target),
                                            GW_HAVE_ISSUER | GW_HAVE_STORE, &name, status, allow);
    snprintf(id, 256, "%.*s", (int)name.len, name.data);
    return e;
}

static void every_path_is_there(void **state)
{
    (void)state;
    const struct {
        const char *method, *target;
        gw_endpoint_kind kind;
        aigw_format format;
        const char *id;
        bool stream, one;
    } cases[] = {
        {"POST", "/v1/chat/completions", GW_END_CHAT, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"POST", "/v1/messages?beta=true", GW_END_CHAT, AIGW_FORMAT_ANTHROPIC, "", 0, 0},
        {"POST", "/v1/messages/count_tokens", GW_END_COUNT, AIGW_FORMAT_ANTHROPIC, "", 0, 0},
        {"POST", "/v1/responses", GW_END_CHAT, AIGW_FORMAT_OPENAI_RESPONSES, "", 0, 0},
        {"POST", "/v1/responses/input_tokens", GW_END_COUNT, AIGW_FORMAT_OPENAI_RESPONSES, "", 0,
         0},
        {"POST", "/v1/embeddings", GW_END_EMBED, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"POST", "/v1beta/models/g-1:generateContent", GW_END_CHAT, AIGW_FORMAT_GEMINI, "g-1", 0,
         0},
        {"POST", "/v1/models/g-1:generateContent?alt=json", GW_END_CHAT, AIGW_FORMAT_GEMINI, "g-1",
         0, 0},
        {"POST", "/v1/models/a:b:streamGenerateContent?alt=sse", GW_END_CHAT, AIGW_FORMAT_GEMINI,
         "a:b", 1, 0},
        {"POST", "/v1beta/models/a%2Fb:countTokens", GW_END_COUNT, AIGW_FORMAT_GEMINI, "a%2Fb", 0,
         0},
        {"POST", "/v1beta/models/a/b:countTokens", GW_END_COUNT, AIGW_FORMAT_GEMINI, "a/b", 0, 0},
        {"POST", "/v1beta/models/e:embedContent", GW_END_EMBED, AIGW_FORMAT_GEMINI, "e", 0, 1},
        {"POST", "/v1/models/e:batchEmbedContents", GW_END_EMBED, AIGW_FORMAT_GEMINI, "e", 0, 0},
        {"GET", "/v1/models", GW_END_MODELS, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"GET", "/v1/models/anthropic.claude-v2:0", GW_END_MODEL, AIGW_FORMAT_OPENAI_CHAT,
         "anthropic.claude-v2:0", 0, 0},
        {"GET", "/v1beta/models?pageSize=3", GW_END_MODELS, AIGW_FORMAT_GEMINI, "", 0, 0},
        {"GET", "/v1beta/models/x", GW_END_MODEL, AIGW_FORMAT_GEMINI, "x", 0, 0},
        {"POST", "/openai/deployments/d/chat/completions?api-version=2024-10-21", GW_END_CHAT,
         AIGW_FORMAT_OPENAI_CHAT, "d", 0, 0},
        {"POST", "/openai/deployments/d/embeddings?api-version=1", GW_END_EMBED,
         AIGW_FORMAT_OPENAI_CHAT, "d", 0, 0},
        {"POST", "/openai/responses?api-version=1", GW_END_CHAT, AIGW_FORMAT_OPENAI_RESPONSES, "",
         0, 0},
        {"POST", "/openai/v1/chat/completions", GW_END_CHAT, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"POST", "/openai/v1/responses", GW_END_CHAT, AIGW_FORMAT_OPENAI_RESPONSES, "", 0, 0},
        {"POST", "/openai/v1/embeddings", GW_END_EMBED, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"GET", "/openai/v1/models", GW_END_MODELS, AIGW_FORMAT_OPENAI_CHAT, "", 0, 0},
        {"POST", "/model/a.b-v1%3A0/converse", GW_END_CHAT, AIGW_FORMAT_BEDROCK, "a.b-v1%3A0", 0,
         0},
        {"POST", "/model/m/converse-stream", GW_END_CHAT, AIGW_FORMAT_BEDROCK, "m", 1, 0},
        {"POST", "/model/m/count-tokens", GW_END_COUNT, AIGW_FORMAT_BEDROCK, "m", 0, 0},
        {"DELETE", "/admin/clients/c1", GW_END_ADMIN, AIGW_FORMAT_OPENAI_CHAT, "c1", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[256];
        int status;
        const char *allow;
        const gw_endpoint *e = find(cases[i].method, cases[i].target, id, &status, &allow);
        if (!e)
            fail_msg("nothing at %s %s", cases[i].method, cases[i].target);
        assert_int_equal(e->kind, cases[i].kind);
        assert_int_equal(e->format, cases[i].format);
        assert_int_equal(e->stream, cases[i].stream);
        assert_int_equal(e->one, cases[i].one);
        assert_string_equal(id, cases[i].id);
        assert_int_equal(e->path_model, gw_endpoint_is_call(e) && id[0] != '\0');
    }
}

/* An admin needs a token, whoever issues it: no issuer of ours, no database. */
static void evidence_is_there_where_tokens_are(void **state)
{
    (void)state;
    const char *const targets[] = {"/admin/waf/samples?rule=x", "/admin/waf/rules"};
    for (size_t i = 0; i < 2; i++) {
        aigw_slice name, target = aigw_slice_of(targets[i]);
        int status;
        const char *allow;
        const gw_endpoint *e =
            gw_endpoint_find(GW_S("GET"), target, GW_HAVE_TOKENS, &name, &status, &allow);
        assert_non_null(e);
        assert_int_equal(e->kind, GW_END_WAF);
        assert_true(e->admin && !e->open && !e->body);
        assert_null(gw_endpoint_find(GW_S("GET"), target, GW_HAVE_ISSUER | GW_HAVE_STORE, &name,
                                     &status, &allow));
        assert_int_equal(status, 404);
        assert_null(gw_endpoint_find(GW_S("POST"), target, GW_HAVE_TOKENS, &name, &status, &allow));
        assert_int_equal(status, 405);
        assert_string_equal(allow, "GET");
    }
}

static void other_methods_are_405(void **state)
{
    (void)state;
    const struct {
        const char *method, *target, *allow;
    } cases[] = {
        {"GET", "/v1/chat/completions", "POST"},
        {"post", "/v1/chat/completions", "POST"},
        {"DELETE", "/v1/responses", "POST"},
        {"GET", "/v1/responses/input_tokens", "POST"},
        {"GET", "/v1beta/models/m:generateContent", "POST"},
        {"GET", "/v1/models/m:streamGenerateContent", "POST"},
        {"PUT", "/v1beta/models/m:countTokens", "POST"},
        {"POST", "/v1/models", "GET"},
        {"POST", "/v1/models/m", "GET"},
        {"POST", "/v1beta/models/m:unknownVerb", "GET"},
        {"GET", "/openai/deployments/d/embeddings", "POST"},
        {"GET", "/model/m/converse", "POST"},
        {"PATCH", "/admin/clients", "GET, POST"},
        {"GET", "/admin/clients/c1", "DELETE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[256];
        int status;
        const char *allow;
        assert_null(find(cases[i].method, cases[i].target, id, &status, &allow));
        assert_int_equal(status, 405);
        assert_string_equal(allow, cases[i].allow);
        assert_string_equal(id, "");
    }
}

static void what_is_not_there_is_404(void **state)
{
    (void)state;
    const char *const targets[] = {"//",
                                   "/healthz/",
                                   "/metrics/x",
                                   "",
                                   "?",
                                   "/v1",
                                   "/v1/",
                                   "/V1/models",
                                   "/v1/models/",
                                   "/v1//models",
                                   "/v1/chat/completions/",
                                   "/v1/responses/resp_1",
                                   "/v1beta/tunedModels/m:generateContent",
                                   "/v2/models/m:generateContent",
                                   "/openai/deployments//embeddings",
                                   "/openai/deployments/d/images/generations",
                                   "/model//converse",
                                   "/model/converse",
                                   "/admin/clients/",
                                   "/admin/clients/a/b"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char id[256];
        int status;
        const char *allow;
        if (find("POST", targets[i], id, &status, &allow) || status != 404)
            fail_msg("something at %s: %d", targets[i], status);
        assert_null(allow);
    }
    aigw_slice id;
    int status;
    const char *allow;
    assert_null(gw_endpoint_find(GW_S("POST"), GW_S("/oauth2/token"), 0, &id, &status, &allow));
    assert_int_equal(status, 404);
}

static void probes_are_open_and_take_get_only(void **state)
{
    (void)state;
    const char *const paths[] = {"/", "/healthz", "/metrics", "/healthz?verbose"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char id[256];
        int status;
        const char *allow;
        const gw_endpoint *e = find("GET", paths[i], id, &status, &allow);
        assert_non_null(e);
        assert_true(e->open && e->probe && !e->body);
        assert_int_equal(e->kind, strcmp(paths[i], "/metrics") ? GW_END_HEALTH : GW_END_METRICS);
        assert_null(find("POST", paths[i], id, &status, &allow));
        assert_int_equal(status, 405);
        assert_string_equal(allow, "GET, HEAD");
    }
}

static void errors_have_the_dialect_of_the_path(void **state)
{
    (void)state;
    const struct {
        const char *target;
        aigw_format format;
    } cases[] = {
        {"/", AIGW_FORMAT_OPENAI_CHAT},
        {"/v1/messages/batches", AIGW_FORMAT_ANTHROPIC},
        {"/v1/responses/resp_1", AIGW_FORMAT_OPENAI_RESPONSES},
        {"/v1beta/cachedContents", AIGW_FORMAT_GEMINI},
        {"/v1/models/m:generateContent", AIGW_FORMAT_GEMINI},
        {"/v1beta/models/m:nothing", AIGW_FORMAT_GEMINI},
        {"/model/m/invoke", AIGW_FORMAT_BEDROCK},
        {"/openai/v1/images/edits", AIGW_FORMAT_OPENAI_CHAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gw_endpoint_dialect(aigw_slice_of(cases[i].target)), cases[i].format);
}

static void names_of_models_are_decoded(void **state)
{
    (void)state;
    const struct {
        const char *raw, *name;
    } cases[] = {{"gpt-4o", "gpt-4o"}, {"a%2Fb", "a/b"},       {"a/b", "a/b"}, {"v1%3A0", "v1:0"},
                 {"a%20b", "a b"},     {"%C3%A9", "\xc3\xa9"}, {"...", "..."}, {"a..b", "a..b"},
                 {"%2525", "%25"},     {"a%3Fb%23c", "a?b#c"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[GW_MODEL_NAME_MAX];
        size_t len;
        assert_true(gw_endpoint_model(aigw_slice_of(cases[i].raw), name, &len));
        assert_int_equal(len, strlen(cases[i].name));
        assert_memory_equal(name, cases[i].name, len);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    const char *const raws[] = {"",
                                ".",
                                "..",
                                "%2e%2e",
                                "%2E.",
                                "../x",
                                "x/..",
                                "x%2f..%2fy",
                                "x%2f%2e%2e%2fy",
                                "/x",
                                "x/",
                                "x//y",
                                "x%2f%2fy",
                                "x%5cy",
                                "x\\..\\y",
                                "x%00y",
                                "x%0ay",
                                "x%0d%0aHost:%20evil",
                                "x%7f",
                                "x\ty",
                                "%",
                                "%4",
                                "%zz",
                                "a+b",
                                "%ff",
                                "%c0%ae%c0%ae",
                                "%ed%a0%80"};
    char name[GW_MODEL_NAME_MAX] = "kept";
    size_t len = 99;
    for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
        if (gw_endpoint_model(aigw_slice_of(raws[i]), name, &len))
            fail_msg("%s is a name", raws[i]);
    }
    char text[4 * GW_MODEL_NAME_MAX];
    memset(text, 'a', sizeof text);
    assert_true(gw_endpoint_model(gw_slice(text, GW_MODEL_NAME_MAX), name, &len));
    assert_false(gw_endpoint_model(gw_slice(text, GW_MODEL_NAME_MAX + 1), name, &len));
    assert_false(gw_endpoint_model(gw_slice(text, sizeof text), name, &len));
    assert_int_equal(len, GW_MODEL_NAME_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_is_there),
        cmocka_unit_test(evidence_is_there_where_tokens_are),
        cmocka_unit_test(other_methods_are_405),
        cmocka_unit_test(what_is_not_there_is_404),
        cmocka_unit_test(probes_are_open_and_take_get_only),
        cmocka_unit_test(errors_have_the_dialect_of_the_path),
        cmocka_unit_test(names_of_models_are_decoded),
        cmocka_unit_test(what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
