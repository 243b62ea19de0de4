/* The rows of the vendor table. */
#include "base/text.h"
#include "provider/provider.h"
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

static void rows_are_whole(void **state)
{
    (void)state;
    for (const gw_provider *const *row = gw_providers; *row; row++) {
        const gw_provider *p = *row;
        assert_true(p->chat_path && p->chat_path[0] == '/');
        assert_true(p->format == AIGW_FORMAT_OPENAI_CHAT || p->format == AIGW_FORMAT_ANTHROPIC);
        assert_non_null(p->model_prefixes);
        if (p->answer)
            continue;
        assert_true(gw_starts(aigw_slice_of(p->base_url), GW_S("https://")));
        assert_false(gw_ends(aigw_slice_of(p->base_url), GW_S("/")));
        assert_non_null(p->key_env);
        assert_int_not_equal(p->auth, GW_AUTH_NONE);
    }
}

static void vendors_are_as_documented(void **state)
{
    (void)state;
    const gw_provider *openai = gw_provider_named(GW_S("openai"));
    assert_string_equal(openai->base_url, "https://api.openai.com/v1");
    assert_string_equal(openai->chat_path, "/chat/completions");
    assert_int_equal(openai->auth, GW_AUTH_BEARER);
    const gw_provider *anthropic = gw_provider_named(GW_S("anthropic"));
    assert_string_equal(anthropic->base_url, "https://api.anthropic.com");
    assert_string_equal(anthropic->chat_path, "/v1/messages");
    assert_int_equal(anthropic->auth, GW_AUTH_X_API_KEY);
    assert_true(
        gw_eq(gw_header_get(anthropic->headers, 1, GW_S("anthropic-version")), GW_S("2023-06-01")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_name),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(vendors_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
