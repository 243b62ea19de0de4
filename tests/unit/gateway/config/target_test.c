/* What a provider's entry becomes on the wire: address, credential, headers. Loading without memory. */
#include "help.h"
#include "rim/http_field.h"
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

/* Origin, base path and the path of a chat call in the preferred format. */
static void assert_upstream_url(const gw_upstream *up, const char *expected)
{
    char *scheme = NULL, *url = NULL;
    char made[512];
    gw_buf path;
    const gw_call call = {.op = GW_OP_CHAT, .format = up->formats[0], .model = GW_S("M")};
    gw_buf_init(&path, 512);
    gw_buf_add(&path, up->base_path);
    assert_int_equal(up->provider->path(&up->site, &call, &path), AIGW_OK);
    assert_int_equal(curl_url_get(up->target->url, CURLUPART_SCHEME, &scheme, 0), CURLUE_OK);
    snprintf(made, sizeof made, "%s://%.*s%.*s", scheme, (int)up->authority.len, up->authority.data,
             (int)gw_buf_len(&path), gw_buf_slice(&path).data);
    assert_string_equal(made, expected);
    assert_true(gw_http_path_ok(gw_buf_slice(&path)));
    /* The target is the same origin. */
    assert_int_equal(curl_url_get(up->target->url, CURLUPART_URL, &url, 0), CURLUE_OK);
    aigw_slice origin = gw_slice(made, strlen(scheme) + 3 + up->authority.len);
    assert_true(gw_starts(aigw_slice_of(url), origin));
    curl_free(scheme);
    curl_free(url);
    gw_buf_free(&path);
}

static void assert_url(const char *entry, const char *expected)
{
    target_of(entry);
    assert_upstream_url(&config->upstreams[0], expected);
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
    assert_url("type: openai, base_url: 'http://[::1]:80/v1'", "http://[::1]/v1/chat/completions");
}

static void every_vendor_has_its_address(void **state)
{
    (void)state;
    assert_url("type: gemini, api_key: k",
               "https://generativelanguage.googleapis.com/v1beta/models/M:generateContent");
    assert_url("type: gemini, api_key: k, api_version: v1",
               "https://generativelanguage.googleapis.com/v1/models/M:generateContent");
    assert_url("type: gemini, base_url: 'https://h/proxy/v1/'",
               "https://h/proxy/v1/models/M:generateContent");
    assert_url("type: gemini, base_url: 'https://h/v1', api_version: v1beta",
               "https://h/v1beta/models/M:generateContent");
    assert_url("type: azure, base_url: 'https://r.openai.azure.com', api_key: k",
               "https://r.openai.azure.com/openai/v1/chat/completions");
    assert_url("type: azure, base_url: 'https://r.openai.azure.com/openai/', api_key: k, "
               "api_version: preview",
               "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview");
    assert_url("type: azure, base_url: 'https://gw.example/x/openai/v1', api_key: k, "
               "api_version: 2024-10-21",
               "https://gw.example/x/openai/deployments/M/chat/completions?api-version=2024-10-21");
    assert_url("type: bedrock, region: us-west-2, api_key: k",
               "https://bedrock-runtime.us-west-2.amazonaws.com/model/M/converse");
    assert_url("type: vertex, api_key: k, api_version: v1beta1",
               "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/"
               "M:generateContent");
    assert_url("type: vertex, project: p-1, location: europe-west4, headers: {x: y}",
               "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/"
               "europe-west4/publishers/google/models/M:generateContent");
    assert_url("type: groq, api_key: k", "https://api.groq.com/openai/v1/chat/completions");
    assert_url("type: deepseek, api_key: k", "https://api.deepseek.com/chat/completions");
    assert_url("type: ollama", "http://127.0.0.1:11434/v1/chat/completions");
    assert_url("type: vllm, base_url: 'https://h:8443/v1'", "https://h:8443/v1/chat/completions");
    assert_url("type: openai, base_url: 'https://h:443/v1'", "https://h/v1/chat/completions");
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
    target = target_of("type: gemini, api_key: g-1");
    assert_int_equal(count_line(target, "x-goog-api-key: g-1"), 1);
    gw_config_free(config);
    target = target_of("type: azure, base_url: 'https://h', api_key: z-1");
    assert_int_equal(count_line(target, "api-key: z-1"), 1);
    gw_config_free(config);
    target = target_of("type: bedrock, region: us-east-1, api_key: b-1");
    assert_int_equal(count_line(target, "authorization: Bearer b-1"), 1);
    assert_int_equal(config->upstreams[0].key_pair.access_key_id.len, 0);
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
    target = target_of("type: anthropic, api_key: k, api_version: 2026-10-21");
    assert_int_equal(count_line(target, "anthropic-version: 2026-10-21"), 1);
    assert_int_equal(count_line(target, "anthropic-version: 2023-06-01"), 0);
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
    help_env = env;
    gw_config *c = help_load("");
    const gw_upstream *google = &c->upstreams[0], *azure = &c->upstreams[1];
    assert_upstream_url(google, "https://generativelanguage.googleapis.com/v1beta/models/"
                                "M:generateContent");
    assert_int_equal(count_line(google->target, "x-goog-api-key: g"), 1);
    assert_upstream_url(azure, "https://r.openai.azure.com/openai/v1/chat/completions");
    assert_int_equal(count_line(azure->target, "api-key: z"), 1);
    gw_config_free(c);
}

static const char everything[] =
    "server: {trusted_proxies: [10.0.0.0/8], tls: {cert_file: a, key_file: b}}\n"
    "auth: {jwt: {issuers: [{issuer: 'https://a', audiences: [x]}]}}\n"
    "issuer: {clients: [{id: a, secret: '${A:-x}'}]}\n"
    "providers: [{type: openai, api_key: k, headers: {a: b}}, {type: echo, models: [q]},\n"
    "  {type: bedrock, region: r, auth: {aws: {access_key_id: a, secret_access_key: b}}}]\n"
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
        cmocka_unit_test(every_vendor_has_its_address),
        cmocka_unit_test(credentials_are_as_the_vendor_wants_them),
        cmocka_unit_test(headers_of_the_config_replace_the_rows),
        cmocka_unit_test(the_environments_providers),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
