/* What a provider's entry becomes on the wire: address, credential, headers. Loading without memory. */
#include "help.h"
#include "rim/http_parts.h"
#include "unit/base/fault_alloc.h"
#include <aigw/gateway.h>

static gw_config *config;

static const gw_http_target *target_of(const char *entry)
{
    char document[512];
    snprintf(document, sizeof document, "providers: [{%s}]", entry);
    help_env = NULL;
    config = help_load(document);
    return config->upstreams[0].target;
}

static void assert_url(const char *entry, const char *expected)
{
    char *url = NULL;
    const gw_http_target *target = target_of(entry);
    assert_int_equal(curl_url_get(target->url, CURLUPART_URL, &url, 0), CURLUE_OK);
    assert_string_equal(url, expected);
    curl_free(url);
    gw_config_free(config);
}

/* How often the line stands among the target's headers. */
static int count_line(const gw_http_target *target, const char *line)
{
    int count = 0;
    for (const struct curl_slist *h = target->headers.first; h; h = h->next)
        count += strcmp(h->data, line) == 0;
    return count;
}

static void addresses_are_joined_once(void **state)
{
    (void)state;
    assert_url("type: openai, api_key: k", "https://api.openai.com/v1/chat/completions");
    assert_url("type: anthropic, api_key: k", "https://api.anthropic.com/v1/messages");
    assert_url("type: openai, base_url: 'http://127.0.0.1:1/v1///'",
               "http://127.0.0.1:1/v1/chat/completions");
    assert_url("type: openai, base_url: 'https://h'", "https://h/chat/completions");
    assert_url("type: openai, base_url: 'https://h/a/b/'", "https://h/a/b/chat/completions");
    assert_url("type: anthropic, base_url: 'https://h/v1'", "https://h/v1/messages");
    assert_url("type: anthropic, base_url: 'https://h/x/v1/'", "https://h/x/v1/messages");
    assert_url("type: anthropic, base_url: 'https://h/xv1'", "https://h/xv1/v1/messages");
    assert_url("type: openai, base_url: 'http://[::1]:80/v1'",
               "http://[::1]:80/v1/chat/completions");
}

static void credentials_are_as_the_vendor_wants_them(void **state)
{
    (void)state;
    const gw_http_target *target = target_of("type: openai, api_key: sk-1");
    assert_int_equal(count_line(target, "authorization: Bearer sk-1"), 1);
    gw_config_free(config);
    target = target_of("type: anthropic, api_key: sk-2");
    assert_int_equal(count_line(target, "x-api-key: sk-2"), 1);
    assert_int_equal(count_line(target, "anthropic-version: 2023-06-01"), 1);
    gw_config_free(config);
    target = target_of("type: openai, base_url: 'https://h', headers: {api-key: sk-3}");
    assert_int_equal(count_line(target, "api-key: sk-3"), 1);
    for (const struct curl_slist *h = target->headers.first; h; h = h->next)
        assert_null(strstr(h->data, "Bearer"));
    gw_config_free(config);
}

static void headers_of_the_config_replace_the_rows(void **state)
{
    (void)state;
    const gw_http_target *target =
        target_of("type: anthropic, api_key: k, headers: {Anthropic-Version: '2026-10-21', b: c}");
    assert_int_equal(count_line(target, "Anthropic-Version: 2026-10-21"), 1);
    assert_int_equal(count_line(target, "anthropic-version: 2023-06-01"), 0);
    assert_int_equal(count_line(target, "b: c"), 1);
    gw_config_free(config);
}

static void the_environments_providers(void **state)
{
    (void)state;
    static const char *const env[] = {"GOOGLE_API_KEY",
                                      "g",
                                      "AZURE_API_KEY",
                                      "z",
                                      "AZURE_OPENAI_ENDPOINT",
                                      "https://r.openai.azure.com/openai/v1/",
                                      NULL};
    char *url = NULL;
    help_env = env;
    gw_config *c = help_load("");
    const gw_http_target *google = c->upstreams[0].target, *azure = c->upstreams[1].target;
    curl_url_get(google->url, CURLUPART_URL, &url, 0);
    assert_string_equal(url,
                        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions");
    curl_free(url);
    assert_int_equal(count_line(google, "authorization: Bearer g"), 1);
    curl_url_get(azure->url, CURLUPART_URL, &url, 0);
    assert_string_equal(url, "https://r.openai.azure.com/openai/v1/chat/completions");
    curl_free(url);
    assert_int_equal(count_line(azure, "api-key: z"), 1);
    gw_config_free(c);
}

static const char everything[] =
    "server: {trusted_proxies: [10.0.0.0/8], tls: {cert_file: a, key_file: b}}\n"
    "auth: {jwt: {issuers: [{issuer: 'https://a', audiences: [x]}]}}\n"
    "issuer: {clients: [{id: a, secret: '${A:-x}'}]}\n"
    "providers: [{type: openai, api_key: k, headers: {a: b}}, {type: echo, models: [q]}]\n"
    "models: [{name: m, targets: [{provider: echo, model: z}]}]\n";

/* Fails the n-th allocation, for every n; nothing may stay behind. Returns how many there are. */
static long fail_each(const char *document, bool strict)
{
    fault_alloc f;
    int code = AIGW_E_NOMEM;
    long n = 0;
    help_env = NULL;
    while (code != AIGW_OK) {
        aigw_error err = {0};
        gw_config *c = NULL;
        fault_use(&f, ++n);
        code = gw_config_load(aigw_slice_of(document), &help_host, &c, &err);
        if (code != AIGW_OK) {
            assert_true(code == AIGW_E_NOMEM || !strict);
            assert_int_equal(err.code, code);
            assert_null(c);
        } else {
            gw_config_free(c);
        }
        assert_int_equal(f.live, 0);
        assert_true(n < 10000);
    }
    fault_done();
    return n;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fail_each(ECHO "issuer: {clients: [{id: a, secret: b}]}", true) > 5);
    /* A target that could not be made may call it otherwise; that is the transport's matter. */
    assert_true(fail_each(everything, false) > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_joined_once),
        cmocka_unit_test(credentials_are_as_the_vendor_wants_them),
        cmocka_unit_test(headers_of_the_config_replace_the_rows),
        cmocka_unit_test(the_environments_providers),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
