/* The rows of the vendor table: names, wholeness, what is documented of them, which format a call takes. */
#include "base/text.h"
#include "provider/provider.h"
#include "provider/rows.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void rows_are_found_by_name(void **state)
{
    (void)state;
    for (const gw_provider *const *row = gw_providers; *row; row++)
        assert_ptr_equal(gw_provider_named(aigw_slice_of((*row)->name)), *row);
    assert_null(gw_provider_named(GW_S("")));
    assert_null(gw_provider_named(GW_S("OpenAI")));
    assert_null(gw_provider_named(GW_S("openai2")));
}

static bool is_loopback(const char *url)
{
    return gw_starts(aigw_slice_of(url), GW_S("http://127.0.0.1:"));
}

static void rows_are_whole(void **state)
{
    (void)state;
    for (const gw_provider *const *row = gw_providers; *row; row++) {
        const gw_provider *p = *row;
        size_t formats = 0;
        while (p->formats[formats])
            assert_true(p->formats[formats++] <= AIGW_FORMAT_BEDROCK);
        assert_in_range(formats, 1, GW_FORMATS_MAX);
        assert_non_null(p->model_prefixes);
        if (p->answer)
            continue;
        assert_non_null(p->path);
        assert_int_not_equal(p->auth, GW_AUTH_NONE);
        if (!p->base_url)
            continue;
        assert_true(gw_starts(aigw_slice_of(p->base_url), GW_S("https://")) ||
                    is_loopback(p->base_url));
        assert_false(gw_ends(aigw_slice_of(p->base_url), GW_S("/")));
        assert_int_equal(p->key_env == NULL, is_loopback(p->base_url));
    }
}

/* Two vendors that claim one model would make a route depend on the order of a list. */
static void no_prefix_is_claimed_twice(void **state)
{
    (void)state;
    for (const gw_provider *const *a = gw_providers; *a; a++) {
        for (const gw_provider *const *b = gw_providers; b != a; b++) {
            for (const char *const *p = (*a)->model_prefixes; *p; p++) {
                for (const char *const *q = (*b)->model_prefixes; *q; q++)
                    assert_string_not_equal(*p, *q);
            }
        }
    }
}

static void vendors_are_as_documented(void **state)
{
    (void)state;
    const gw_provider *openai = gw_provider_named(GW_S("openai"));
    assert_string_equal(openai->base_url, "https://api.openai.com/v1");
    assert_int_equal(openai->auth, GW_AUTH_BEARER);
    assert_true(openai->quirks & GW_QUIRK_OPENAI);
    const gw_provider *anthropic = gw_provider_named(GW_S("anthropic"));
    assert_string_equal(anthropic->base_url, "https://api.anthropic.com");
    assert_int_equal(anthropic->auth, GW_AUTH_X_API_KEY);
    assert_true(
        gw_eq(gw_header_get(anthropic->headers, 1, GW_S("anthropic-version")), GW_S("2023-06-01")));
    const gw_provider *gemini = gw_provider_named(GW_S("gemini"));
    assert_string_equal(gemini->base_url, "https://generativelanguage.googleapis.com");
    assert_int_equal(gemini->auth, GW_AUTH_GOOG_API_KEY);
    assert_int_equal(gw_provider_named(GW_S("azure"))->auth, GW_AUTH_API_KEY);
    const gw_provider *mistral = gw_provider_named(GW_S("mistral"));
    assert_true(mistral->quirks & GW_QUIRK_NO_USAGE_OPTION);
    assert_true(mistral->quirks & GW_QUIRK_MAX_TOKENS);
    assert_true(gw_provider_named(GW_S("deepseek"))->quirks & GW_QUIRK_REASONING_REPLAY);
    assert_false(openai->quirks & GW_QUIRK_MAX_TOKENS);
}

static void bases_are_made_of_sites(void **state)
{
    static const struct {
        const char *row;
        gw_site site;
        const char *url; /* NULL: not enough is said */
    } cases[] = {
        {"bedrock",
         {.region = {"eu-central-1", 12}},
         "https://bedrock-runtime.eu-central-1.amazonaws.com"},
        {"bedrock",
         {.region = {"cn-north-1", 10}},
         "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"},
        {"bedrock", {.region = {NULL, 0}}, NULL},
        {"vertex",
         {.location = {"europe-west4", 12}},
         "https://europe-west4-aiplatform.googleapis.com"},
        {"vertex", {.location = {"global", 6}}, "https://aiplatform.googleapis.com"},
        {"vertex", {.location = {NULL, 0}}, "https://aiplatform.googleapis.com"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_buf out;
        gw_buf_init(&out, 256);
        const gw_provider *row = gw_provider_named(aigw_slice_of(cases[i].row));
        assert_int_equal(row->base(&cases[i].site, &out), cases[i].url != NULL);
        assert_true(gw_eq(gw_buf_slice(&out), aigw_slice_of(cases[i].url)));
        gw_buf_free(&out);
    }
}

static void quirks_have_names(void **state)
{
    (void)state;
    unsigned all = 0, count = 0;
    for (const char *const *name = gw_quirk_names; *name; name++) {
        unsigned bit = gw_quirk_named(aigw_slice_of(*name));
        assert_int_equal(bit, 1u << count++);
        all |= bit;
    }
    assert_int_equal(gw_quirk_named(GW_S("max_tokens")), GW_QUIRK_MAX_TOKENS);
    assert_int_equal(gw_quirk_named(GW_S("text_only")), GW_QUIRK_TEXT_ONLY);
    assert_int_equal(gw_quirk_named(GW_S("no_named_choice")), GW_QUIRK_NO_NAMED_CHOICE);
    assert_int_equal(gw_quirk_named(GW_S("openai")), GW_QUIRK_OPENAI);
    assert_int_equal(gw_quirk_named(GW_S("no_sampling")), GW_QUIRK_NO_SAMPLING);
    assert_int_equal(gw_quirk_named(GW_S("count_plain")), GW_QUIRK_COUNT_PLAIN);
    assert_int_equal(gw_quirk_named(GW_S("")), 0);
    assert_int_equal(gw_quirk_named(GW_S("max_token")), 0);
    for (const gw_provider *const *row = gw_providers; *row; row++)
        assert_int_equal((*row)->quirks & ~all, 0);
}

static aigw_format chosen(const char *row, const gw_site *site, aigw_format own, gw_op op,
                          const char *model)
{
    static const gw_site nowhere = {.region = {NULL, 0}};
    const gw_provider *p = gw_provider_named(aigw_slice_of(row));
    const gw_call call = {.op = op, .model = aigw_slice_of(model)};
    return gw_provider_format(p, site ? site : &nowhere, p->formats, own, &call);
}

/* Embeddings are asked for here, because they need no codec of a chat format. */
static void the_clients_own_format_is_preferred(void **state)
{
    (void)state;
    const gw_site project = {.project = GW_S("p")};
    assert_int_equal(chosen("openai", NULL, AIGW_FORMAT_OPENAI_CHAT, GW_OP_CHAT, "m"),
                     AIGW_FORMAT_OPENAI_CHAT);
    assert_int_equal(chosen("openai", NULL, AIGW_FORMAT_ANTHROPIC, GW_OP_CHAT, "m"),
                     AIGW_FORMAT_OPENAI_CHAT);
    assert_int_equal(chosen("anthropic", NULL, AIGW_FORMAT_OPENAI_CHAT, GW_OP_COUNT, "m"),
                     AIGW_FORMAT_ANTHROPIC);
    assert_int_equal(chosen("anthropic", NULL, AIGW_FORMAT_OPENAI_CHAT, GW_OP_EMBED, "m"), 0);
    assert_int_equal(chosen("gemini", NULL, AIGW_FORMAT_OPENAI_CHAT, GW_OP_EMBED, "m"),
                     AIGW_FORMAT_GEMINI);
    assert_int_equal(chosen("openai", NULL, AIGW_FORMAT_GEMINI, GW_OP_EMBED, "m"),
                     AIGW_FORMAT_OPENAI_CHAT);
    assert_int_equal(chosen("bedrock", NULL, AIGW_FORMAT_GEMINI, GW_OP_EMBED, "m"), 0);
    assert_int_equal(chosen("groq", NULL, AIGW_FORMAT_OPENAI_CHAT, GW_OP_COUNT, "m"), 0);
    assert_int_equal(chosen("echo", NULL, AIGW_FORMAT_ANTHROPIC, GW_OP_CHAT, "m"),
                     AIGW_FORMAT_OPENAI_CHAT);
    /* Vertex: by the model's maker. */
    assert_int_equal(
        chosen("vertex", &project, AIGW_FORMAT_OPENAI_CHAT, GW_OP_CHAT, "claude-sonnet-4@1"),
        AIGW_FORMAT_ANTHROPIC);
    assert_int_equal(chosen("vertex", &project, AIGW_FORMAT_ANTHROPIC, GW_OP_CHAT, "meta/llama-4"),
                     AIGW_FORMAT_OPENAI_CHAT);
    assert_int_equal(chosen("vertex", NULL, AIGW_FORMAT_ANTHROPIC, GW_OP_CHAT, "claude-x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_name),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(no_prefix_is_claimed_twice),
        cmocka_unit_test(vendors_are_as_documented),
        cmocka_unit_test(bases_are_made_of_sites),
        cmocka_unit_test(quirks_have_names),
        cmocka_unit_test(the_clients_own_format_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
