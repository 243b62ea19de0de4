/* Where each call goes at each vendor, with models of odd names; and what a body must say there besides. */
#include "base/text.h"
#include "provider/provider.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CHAT      AIGW_FORMAT_OPENAI_CHAT
#define RESPONSES AIGW_FORMAT_OPENAI_RESPONSES
#define ANTHROPIC AIGW_FORMAT_ANTHROPIC
#define GEMINI    AIGW_FORMAT_GEMINI
#define BEDROCK   AIGW_FORMAT_BEDROCK
#define V(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

typedef struct path_case {
    const char *row;
    aigw_format format;
    gw_op op;
    const char *model;
    const char *path; /* NULL: no such call */
    bool stream, many;
    gw_site site;
} path_case;

/* The path, and after it what else there is to say. */
#define C(row_, format_, op_, model_, ...)                                                         \
    {                                                                                              \
        .row = (row_), .format = (format_), .op = (op_), .model = (model_), .path = __VA_ARGS__    \
    }

static int make(const path_case *c, gw_buf *out)
{
    const gw_provider *row = gw_provider_named(aigw_slice_of(c->row));
    const gw_call call = {.op = c->op,
                          .format = c->format,
                          .model = aigw_slice_of(c->model),
                          .stream = c->stream,
                          .many = c->many};
    gw_buf_init(out, 4096);
    return row->path(&c->site, &call, out);
}

/* One request line: nothing that ends it or leads elsewhere. */
static bool is_plain(aigw_slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] <= ' ' || path.data[i] >= 0x7f || path.data[i] == '#')
            return false;
    }
    return path.data[0] == '/' && !gw_find(path, GW_S("//")) && !gw_find(path, GW_S("/../"));
}

static void check(const path_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gw_buf out;
        int rc = make(&cases[i], &out);
        aigw_slice got = gw_buf_slice(&out);
        if (!cases[i].path) {
            if (rc != AIGW_E_UNSUPPORTED || got.len != 0)
                fail_msg("case %zu (%s): %d \"%.*s\"", i, cases[i].row, rc, (int)got.len, got.data);
        } else if (rc != AIGW_OK || !gw_eq(got, aigw_slice_of(cases[i].path))) {
            fail_msg("case %zu (%s): %d \"%.*s\", want %s", i, cases[i].row, rc, (int)got.len,
                     got.data ? got.data : "", cases[i].path);
        }
        if (cases[i].path && !is_plain(got))
            fail_msg("case %zu: no path for a transport: %s", i, cases[i].path);
        gw_buf_free(&out);
    }
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof *(cases))

static void openai_and_who_imitates_it(void **state)
{
    static const path_case cases[] = {
        C("openai", CHAT, GW_OP_CHAT, "gpt-5", "/chat/completions", .stream = true),
        C("openai", RESPONSES, GW_OP_CHAT, "gpt-5", "/responses"),
        C("openai", RESPONSES, GW_OP_COUNT, "gpt-5", "/responses/input_tokens"),
        C("openai", CHAT, GW_OP_COUNT, "gpt-5", NULL),
        C("openai", CHAT, GW_OP_EMBED, "e", "/embeddings", .many = true),
        C("openai", RESPONSES, GW_OP_EMBED, "e", NULL),
        C("openai", ANTHROPIC, GW_OP_CHAT, "c", NULL),
        C("groq", CHAT, GW_OP_CHAT, "../x", "/chat/completions"),
        C("xai", RESPONSES, GW_OP_CHAT, "grok-5", "/responses"),
        C("xai", RESPONSES, GW_OP_COUNT, "grok-5", NULL),
        C("mistral", CHAT, GW_OP_EMBED, "mistral-embed", "/embeddings"),
        C("anthropic", ANTHROPIC, GW_OP_CHAT, "claude-x", "/v1/messages", .stream = true),
        C("anthropic", ANTHROPIC, GW_OP_COUNT, "claude-x", "/v1/messages/count_tokens"),
        C("anthropic", ANTHROPIC, GW_OP_EMBED, "claude-x", NULL),
        C("anthropic", CHAT, GW_OP_CHAT, "claude-x", NULL),
    };
    (void)state;
    CHECK(cases);
}

static void gemini(void **state)
{
    static const path_case cases[] = {
        C("gemini", GEMINI, GW_OP_CHAT, "gemini-2.5-pro",
          "/v1beta/models/gemini-2.5-pro:generateContent"),
        C("gemini", GEMINI, GW_OP_CHAT, "gemini-2.5-pro",
          "/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse", .stream = true,
          .site = {.api_version = V("v1")}),
        C("gemini", GEMINI, GW_OP_COUNT, "g", "/v1beta/models/g:countTokens"),
        C("gemini", GEMINI, GW_OP_EMBED, "g", "/v1beta/models/g:embedContent"),
        C("gemini", GEMINI, GW_OP_EMBED, "g", "/v1beta/models/g:batchEmbedContents", .many = true),
        C("gemini", GEMINI, GW_OP_CHAT, "models/g", "/v1beta/models/g:generateContent"),
        C("gemini", GEMINI, GW_OP_CHAT, "tunedModels/my-1",
          "/v1beta/tunedModels/my-1:generateContent"),
        C("gemini", CHAT, GW_OP_CHAT, "g", NULL),
        /* A name cannot become another method, query or place. */
        C("gemini", GEMINI, GW_OP_CHAT, "g:countTokens",
          "/v1beta/models/g%3AcountTokens:generateContent"),
        C("gemini", GEMINI, GW_OP_CHAT, "g?key=x#y",
          "/v1beta/models/g%3Fkey%3Dx%23y:generateContent"),
        C("gemini", GEMINI, GW_OP_CHAT, "a/b?c#d", "/v1beta/models/a%2Fb%3Fc%23d:generateContent"),
        C("gemini", GEMINI, GW_OP_CHAT, "a b:X y+\xc3\xa4",
          "/v1beta/models/a%20b%3AX%20y%2B%C3%A4:generateContent"),
    };
    (void)state;
    CHECK(cases);
}

static void azure_by_deployment_and_v1(void **state)
{
    static const path_case cases[] = {
        C("azure", CHAT, GW_OP_CHAT, "my-gpt", "/openai/v1/chat/completions"),
        C("azure", CHAT, GW_OP_CHAT, "my-gpt", "/openai/v1/chat/completions",
          .site = {.api_version = V("v1")}),
        C("azure", RESPONSES, GW_OP_CHAT, "my-gpt", "/openai/v1/responses?api-version=preview",
          .site = {.api_version = V("preview")}),
        C("azure", CHAT, GW_OP_EMBED, "e", "/openai/v1/embeddings"),
        C("azure", RESPONSES, GW_OP_COUNT, "e", NULL),
        C("azure", ANTHROPIC, GW_OP_CHAT, "e", NULL),
        C("azure", CHAT, GW_OP_CHAT, "my-gpt",
          "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
          .site = {.api_version = V("2024-10-21")}),
        C("azure", CHAT, GW_OP_EMBED, "e/1",
          "/openai/deployments/e%2F1/embeddings?api-version=2025-04-01-preview",
          .site = {.api_version = V("2025-04-01-preview")}),
        C("azure", RESPONSES, GW_OP_CHAT, "my-gpt",
          "/openai/responses?api-version=2025-04-01-preview",
          .site = {.api_version = V("2025-04-01-preview")}),
        C("azure", CHAT, GW_OP_CHAT, "a/b?x=1",
          "/openai/deployments/a%2Fb%3Fx%3D1/chat/completions?api-version=2024-10-21",
          .site = {.api_version = V("2024-10-21")}),
        C("azure", RESPONSES, GW_OP_EMBED, "m", NULL, .site = {.api_version = V("2024-10-21")}),
    };
    (void)state;
    CHECK(cases);
    const gw_provider *row = gw_provider_named(GW_S("azure"));
    const struct {
        gw_site site;
        bool responses;
    } fits[] = {
        {{.api_version = V("2024-10-21")}, false},
        {{.api_version = V("2025-02-28")}, false},
        {{.api_version = V("2025-03-01-preview")}, true},
        {{.api_version = V("2026-01-01")}, true},
        {{.api_version = V("preview")}, true},
        {{.api_version = {NULL, 0}}, true},
        {{.api_version = V("2025")}, false},
    };
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        assert_int_equal(row->fits(&fits[i].site, RESPONSES, GW_S("m")), fits[i].responses);
        assert_true(row->fits(&fits[i].site, CHAT, GW_S("m")));
    }
}

static void bedrock(void **state)
{
    static const path_case cases[] = {
        C("bedrock", BEDROCK, GW_OP_CHAT, "anthropic.claude-3-5-sonnet-20241022-v2:0",
          "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse"),
        C("bedrock", BEDROCK, GW_OP_CHAT, "amazon.nova-pro-v1:0",
          "/model/amazon.nova-pro-v1%3A0/converse-stream", .stream = true),
        C("bedrock", BEDROCK, GW_OP_CHAT,
          "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x",
          "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/"
          "converse"),
        C("bedrock", BEDROCK, GW_OP_COUNT, "m", "/model/m/count-tokens"),
        C("bedrock", BEDROCK, GW_OP_EMBED, "m", NULL),
        C("bedrock", ANTHROPIC, GW_OP_CHAT, "m", NULL),
    };
    (void)state;
    CHECK(cases);
}

#define PLACE  .site = {.project = V("my-proj"), .location = V("us-east5")}
#define BEFORE "/v1/projects/my-proj/locations/us-east5"

static void vertex(void **state)
{
    static const path_case cases[] = {
        C("vertex", GEMINI, GW_OP_CHAT, "gemini-2.5-pro",
          BEFORE "/publishers/google/models/gemini-2.5-pro:generateContent", PLACE),
        C("vertex", GEMINI, GW_OP_CHAT, "google/gemini-2.5-pro",
          BEFORE "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
          .stream = true, PLACE),
        C("vertex", GEMINI, GW_OP_COUNT, "publishers/google/models/g",
          BEFORE "/publishers/google/models/g:countTokens", PLACE),
        C("vertex", GEMINI, GW_OP_EMBED, "text-embedding-005",
          BEFORE "/publishers/google/models/text-embedding-005:predict", .many = true, PLACE),
        C("vertex", GEMINI, GW_OP_EMBED, "google/gemini-embedding-001",
          BEFORE "/publishers/google/models/gemini-embedding-001:embedContent", PLACE),
        C("vertex", ANTHROPIC, GW_OP_EMBED, "claude-opus-4", NULL, PLACE),
        C("vertex", ANTHROPIC, GW_OP_CHAT, "claude-sonnet-4-5@20250929",
          BEFORE "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict", PLACE),
        C("vertex", ANTHROPIC, GW_OP_CHAT, "anthropic/claude-opus-4",
          BEFORE "/publishers/anthropic/models/claude-opus-4:streamRawPredict", .stream = true,
          PLACE),
        C("vertex", ANTHROPIC, GW_OP_COUNT, "claude-opus-4",
          BEFORE "/publishers/anthropic/models/count-tokens:rawPredict", PLACE),
        C("vertex", ANTHROPIC, GW_OP_CHAT, "gemini-2.5-pro", NULL, PLACE),
        C("vertex", GEMINI, GW_OP_CHAT, "claude-opus-4", NULL, PLACE),
        C("vertex", CHAT, GW_OP_CHAT, "meta/llama-4", BEFORE "/endpoints/openapi/chat/completions",
          PLACE),
        C("vertex", CHAT, GW_OP_COUNT, "meta/llama-4", NULL, PLACE),
        /* Without a location: global; without a project: express mode, Gemini alone. */
        C("vertex", GEMINI, GW_OP_CHAT, "g",
          "/v1beta1/projects/p/locations/global/publishers/google/models/g:generateContent",
          .site = {.project = V("p"), .api_version = V("v1beta1")}),
        C("vertex", GEMINI, GW_OP_CHAT, "g", "/v1/publishers/google/models/g:generateContent"),
        C("vertex", ANTHROPIC, GW_OP_CHAT, "claude-x", NULL),
        C("vertex", GEMINI, GW_OP_CHAT, "google/a/x:y",
          "/v1/publishers/google/models/a%2Fx%3Ay:generateContent"),
    };
    (void)state;
    CHECK(cases);
}

static void names_that_cannot_stand_in_a_path(void **state)
{
    static const path_case cases[] = {
        C("gemini", GEMINI, GW_OP_CHAT, "models/", NULL),
        C("azure", CHAT, GW_OP_CHAT, "..", NULL, .site = {.api_version = V("2024-10-21")}),
        C("azure", CHAT, GW_OP_CHAT, ".", NULL, .site = {.api_version = V("2024-10-21")}),
        C("bedrock", BEDROCK, GW_OP_CHAT, "..", NULL),
        C("bedrock", BEDROCK, GW_OP_CHAT, ".", NULL),
        C("vertex", GEMINI, GW_OP_CHAT, "google/", NULL),
        C("vertex", GEMINI, GW_OP_CHAT, "google/../x:y", NULL),
        /* Escaped, but a host may look at paths behind its decoder. */
        C("gemini", GEMINI, GW_OP_CHAT, "..", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "tunedModels/..", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "../files/x", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a/../../b", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a//b", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "/a", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a/", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a\\..\\b", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a%2f..%2fb", NULL),
        C("gemini", GEMINI, GW_OP_CHAT, "a\r\nx: y", NULL),
        C("azure", CHAT, GW_OP_CHAT, "../x", NULL, .site = {.api_version = V("2024-10-21")}),
        C("bedrock", BEDROCK, GW_OP_CHAT, "x/../../y", NULL),
        C("vertex", ANTHROPIC, GW_OP_CHAT, "anthropic/../../x", NULL, PLACE),
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_buf out;
        assert_int_equal(make(&cases[i], &out), AIGW_E_INVALID);
        gw_buf_free(&out);
    }
}

static void what_vertex_wants_of_claude(void **state)
{
    (void)state;
    const gw_provider *row = gw_provider_named(GW_S("vertex"));
    const gw_site site = {.project = GW_S("p")};
    gw_call call = {.op = GW_OP_CHAT, .format = ANTHROPIC, .model = GW_S("claude-x")};
    gw_patch patches[GW_BODY_PATCHES];
    assert_int_equal(row->body(&site, &call, patches), 2);
    assert_string_equal(patches[0].member, "anthropic_version");
    assert_true(gw_eq(patches[0].value, GW_S("\"vertex-2023-10-16\"")));
    assert_string_equal(patches[1].member, "model");
    assert_true(patches[1].remove);
    call.op = GW_OP_COUNT; /* the path does not say the model there */
    assert_int_equal(row->body(&site, &call, patches), 1);
    call.format = GEMINI;
    assert_int_equal(row->body(&site, &call, patches), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_and_who_imitates_it),
        cmocka_unit_test(gemini),
        cmocka_unit_test(azure_by_deployment_and_v1),
        cmocka_unit_test(bedrock),
        cmocka_unit_test(vertex),
        cmocka_unit_test(names_that_cannot_stand_in_a_path),
        cmocka_unit_test(what_vertex_wants_of_claude),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
