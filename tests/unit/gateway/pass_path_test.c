/* Paths of the pass-through: what may go upstream, how it is joined, where a Location leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "gateway/pass.h"

static void paths_that_pass(void **state)
{
    static const char *const good[] = {"/",
                                       "/v1/files",
                                       "/v1/files/",
                                       "/v1/files/file-a.b..c",
                                       "/v1beta/models/m:generateContent",
                                       "/v1/models/org%2Fmodel",
                                       "/v1/files/%C3%A9",
                                       "/v1/files/a%20b",
                                       "/v1/...",
                                       "/v1/a;b=..",
                                       "/v1/100%25",
                                       "/@x/~y/$z,(w)"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (gw_pass_path_fault(aigw_slice_of(good[i])))
            fail_msg("%s: %s", good[i], gw_pass_path_fault(aigw_slice_of(good[i])));
    }
}

static void paths_that_do_not(void **state)
{
    static const char *const bad[] = {"",
                                      "v1",
                                      "//x",
                                      "/v1//x",
                                      "/..",
                                      "/.",
                                      "/v1/../x",
                                      "/v1/./x",
                                      "/v1/..",
                                      "/v1/%2e%2e/x",
                                      "/v1/%2E./x",
                                      "/v1/.%2e",
                                      "/v1/..%2fx",
                                      "/v1%2f..%2fx",
                                      "/v1/%252e%252e/x",
                                      "/v1/%25252e%25252e/x",
                                      "/v1/x%2f%2fy",
                                      "/v1/x%2f/y",
                                      "/v1/..;/x",
                                      "/v1/%2e%2e;a/x",
                                      "/v1/..%3b/x",
                                      "/v1/;/x",
                                      "/v1\\x",
                                      "/v1/%5c..%5cx",
                                      "/v1/%c0%ae%c0%ae/x",
                                      "/v1/%25c0%25af",
                                      "/v1/caf%e9",
                                      "/v1/%255cx",
                                      "/v1/x\x01",
                                      "/v1/x%00",
                                      "/v1/x%0a",
                                      "/v1/x%0d%0aHost:%20y",
                                      "/v1/x%7f",
                                      "/v1/x\x7f",
                                      "/v1/x y",
                                      "/v1/x#y",
                                      "/v1/x?y",
                                      "/v1/%",
                                      "/v1/%2",
                                      "/v1/%zz",
                                      "/v1/\xc3\xa9",
                                      "/%25252525252525252e"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!gw_pass_path_fault(aigw_slice_of(bad[i])))
            fail_msg("%s passes", bad[i]);
    }
    static char longest[GW_PASS_PATH_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    assert_null(gw_pass_path_fault(gw_slice(longest, GW_PASS_PATH_MAX)));
    assert_non_null(gw_pass_path_fault(gw_slice(longest, GW_PASS_PATH_MAX + 1)));
}

static void keys_in_queries(void **state)
{
    (void)state;
    static const char *const with[] = {"key=1",
                                       "a=1&key=2",
                                       "KEY=",
                                       "a&access_token",
                                       "api%5Fkey=x",
                                       "%6b%65%79=1",
                                       "a=b&X-Amz-Signature=1"};
    static const char *const without[] = {"", "a=key", "keys=1", "pageToken=x", "akey=1", "&&=&"};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        assert_true(gw_pass_query_has_key(aigw_slice_of(with[i])));
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        assert_false(gw_pass_query_has_key(aigw_slice_of(without[i])));
    assert_false(gw_pass_query_has_key((aigw_slice){NULL, 0}));
}

static void joins(void **state)
{
    static const struct {
        const char *base, *rest, *want;
    } cases[] = {
        {"", "/v1/files", "/v1/files"},
        {"/v1", "/v1/files", "/v1/files"},
        {"/v1", "/files", "/v1/files"},
        {"/v1", "/v1", "/v1"},
        {"/v1", "/v10/files", "/v1/v10/files"},
        {"/openai/v1", "/v1/files", "/openai/v1/files"},
        {"/openai/v1", "/openai/v1/files", "/openai/v1/files"},
        {"/openai/v1", "/files", "/openai/v1/files"},
        {"/v1", "/", "/v1/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_buf out;
        gw_buf_init(&out, 200);
        gw_pass_join(aigw_slice_of(cases[i].base), aigw_slice_of(cases[i].rest), &out);
        gw_buf_putc(&out, '\0');
        assert_string_equal(gw_buf_slice(&out).data, cases[i].want);
        gw_buf_free(&out);
    }
}

static void lists(void **state)
{
    const aigw_slice list[] = {GW_S("/v1/files"), GW_S("/v1/audio/")};
    (void)state;
    assert_true(gw_pass_path_listed(list, 2, GW_S("/v1/files")));
    assert_true(gw_pass_path_listed(list, 2, GW_S("/v1/files/x/content")));
    assert_true(gw_pass_path_listed(list, 2, GW_S("/v1/audio")));
    assert_false(gw_pass_path_listed(list, 2, GW_S("/v1/filesystem")));
    assert_false(gw_pass_path_listed(list, 2, GW_S("/v1")));
    assert_false(gw_pass_path_listed(list, 2, GW_S("/V1/files")));
}

static void locations(void **state)
{
    static const struct {
        const char *base, *value, *want; /* NULL: it leads elsewhere */
    } cases[] = {
        {"/v1", "/v1/files/x?a=1", "/pass/up/files/x?a=1"},
        {"/v1", "https://api.example.com/v1/files/x", "/pass/up/files/x"},
        {"/v1", "HTTPS://API.example.com/v1/files/x", "/pass/up/files/x"},
        {"", "/v1/files", "/pass/up/v1/files"},
        {"/v1", "/v2/files", NULL},
        {"/v1", "/v1", NULL},
        {"/v1", "/v1/v1/files", NULL}, /* it would lead to /v1/files here */
        {"/v1", "https://api.example.com:444/v1/files", NULL},
        {"/v1", "https://api.example.com.evil.net/v1/files", NULL},
        {"/v1", "https://api.example.com@evil.net/v1/files", NULL},
        {"/v1", "https://evil.net/v1/files", NULL},
        {"/v1", "//api.example.com/v1/files", NULL},
        {"/v1", "//evil.net/v1/files", NULL},
        {"/v1", "files/x", NULL},
        {"/v1", "?a=1", NULL},
        {"/v1", "", NULL},
        {"/v1", "/v1/../x", NULL},
        {"/v1", "/v1/%2e%2e/x", NULL},
        {"/v1", "/v1/files#frag", NULL},
        {"/v1", "/v1/files?x=1#frag", NULL},
        {"/v1", "/v1/files?key=secret", NULL},
        {"/v1", "/v1/files\r\nX: y", NULL},
        {"/v1", "javascript:/v1/files", NULL},
        {"/v1", "\\\\evil.net/v1/files", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_upstream up = {.name = GW_S("up"),
                          .authority = GW_S("api.example.com"),
                          .base_path = aigw_slice_of(cases[i].base)};
        gw_buf out;
        gw_buf_init(&out, 300);
        bool safe = gw_pass_location(&up, aigw_slice_of(cases[i].value), &out);
        gw_buf_putc(&out, '\0');
        if (safe != (cases[i].want != NULL))
            fail_msg("%s", cases[i].value);
        if (safe)
            assert_string_equal(gw_buf_slice(&out).data, cases[i].want);
        gw_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_pass), cmocka_unit_test(paths_that_do_not),
        cmocka_unit_test(keys_in_queries), cmocka_unit_test(joins),
        cmocka_unit_test(lists),           cmocka_unit_test(locations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
