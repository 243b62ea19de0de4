/* What a provider entry says of its vendor: sites, formats, quirks; and credentials that are no keys. */
#include "base/json_write.h"
#include "gateway/config/schema.h"
#include "help.h"
#include "unit/base/fault_alloc.h"
#include "unit/gate/mint.h"

static void formats_are_the_rows_or_said(void **state)
{
    static const struct {
        const char *entry;
        aigw_format formats[4];
        unsigned quirks;
    } rows[] = {
        {"type: openai, api_key: k",
         {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
         GW_QUIRK_OPENAI},
        {"type: openai, base_url: 'https://API.openai.com/v1/', api_key: k",
         {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
         GW_QUIRK_OPENAI},
        {"type: openai, base_url: 'https://api.openai.com.evil.example/v1'",
         {AIGW_FORMAT_OPENAI_CHAT},
         0},
        /* Somebody else's host: chat only, and none of the vendor's quirks, unless said. */
        {"type: openai, base_url: 'https://h'", {AIGW_FORMAT_OPENAI_CHAT}, 0},
        {"type: openai, base_url: 'https://h', formats: [openai-responses, openai-chat]",
         {AIGW_FORMAT_OPENAI_RESPONSES, AIGW_FORMAT_OPENAI_CHAT},
         0},
        {"type: openai, api_key: k, formats: [openai-chat]",
         {AIGW_FORMAT_OPENAI_CHAT},
         GW_QUIRK_OPENAI},
        {"type: openai, api_key: k, quirks: []",
         {AIGW_FORMAT_OPENAI_CHAT, AIGW_FORMAT_OPENAI_RESPONSES},
         0},
        {"type: openai, base_url: 'https://h', quirks: [no_strict, text_only], "
         "max_tokens_field: max_tokens",
         {AIGW_FORMAT_OPENAI_CHAT},
         GW_QUIRK_NO_STRICT | GW_QUIRK_TEXT_ONLY | GW_QUIRK_MAX_TOKENS},
        {"type: ollama, base_url: 'http://127.0.0.1:9/v1'",
         {AIGW_FORMAT_OPENAI_CHAT},
         GW_QUIRK_MAX_TOKENS},
        {"type: ollama, quirks: [no_metadata]", {AIGW_FORMAT_OPENAI_CHAT}, GW_QUIRK_NO_METADATA},
        {"type: vertex, api_key: k, formats: [gemini]",
         {AIGW_FORMAT_GEMINI},
         GW_QUIRK_COUNT_PLAIN},
        {"type: gemini, base_url: 'https://h', api_key: k", {AIGW_FORMAT_GEMINI}, 0},
        {"type: anthropic, api_key: k", {AIGW_FORMAT_ANTHROPIC}, 0},
        {"type: anthropic, api_key: k, api_version: 2023-06-01", {AIGW_FORMAT_ANTHROPIC}, 0},
        {"type: anthropic, api_key: k, api_version: 2026-10-21",
         {AIGW_FORMAT_ANTHROPIC},
         GW_QUIRK_NO_SAMPLING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char document[512];
        snprintf(document, sizeof document, "providers: [{%s}]", rows[i].entry);
        gw_config *c = help_load(document);
        assert_memory_equal(c->upstreams[0].formats, rows[i].formats, sizeof rows[i].formats);
        assert_int_equal(c->upstreams[0].quirks, rows[i].quirks);
        gw_config_free(c);
    }
}

#define P "/providers/0"

static void what_is_refused(void **state)
{
    static const struct {
        const char *entry, *pointer, *message;
    } rows[] = {
        {"type: openai, api_key: k, formats: []", P "/formats", "at least 1"},
        {"type: openai, api_key: k, formats: [openai-chat, gemini]", P "/formats/1",
         "type openai may serve"},
        {"type: anthropic, api_key: k, formats: [claude]", P "/formats/0", "may serve"},
        {"type: openai, api_key: k, quirks: [max_tokens, max_tokenz]", P "/quirks/1",
         "no such quirk"},
        {"type: openai, api_key: k, api_version: '1'", P "/api_version", "has no api_version"},
        {"type: groq, api_key: k, region: eu", P "/region", "type groq has no region"},
        {"type: gemini, api_key: k, project: p", P "/project", "has no project"},
        {"type: gemini, api_key: k, api_version: v1/../x", P "/api_version", "expected letters"},
        {"type: gemini, api_key: k, api_version: ..", P "/api_version", "expected letters"},
        {"type: bedrock, api_key: k", P, "needs region"},
        {"type: bedrock, api_key: k, region: evil.example/", P "/region", "expected letters"},
        {"type: bedrock, api_key: k, region: a.b", P "/region", "expected letters"},
        {"type: bedrock, region: us-east-1", P, "auth.aws"},
        {"type: vertex, api_key: k, location: evil.example", P "/location", "expected letters"},
        {"type: vertex, project: p", P, "auth.google"},
        {"type: azure, api_key: k", P, "needs base_url"},
        {"type: azure, base_url: 'https://h'", P, "auth.entra"},
        {"type: gemini", P, "${GEMINI_API_KEY}"},
        {"type: openai, base_url: 'https://h/a//b', api_key: k", P "/base_url", "empty segments"},
        {"type: openai, base_url: 'https://h/a/../b', api_key: k", P "/base_url", "empty segments"},
        {"type: echo, auth: {entra: {tenant: t, client_id: c}}", P "/auth/entra", "has no entra"},
        {"type: echo, quirks: [nonsense]", P "/quirks/0", "no such quirk"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char document[512];
        snprintf(document, sizeof document, "providers: [{%s}]", rows[i].entry);
        help_refused(document, -1, rows[i].pointer, rows[i].message);
    }
}

#define AZURE "type: azure, base_url: 'https://r.openai.azure.com', auth: {entra: {"

static void entra(void **state)
{
    static const struct {
        const char *entry, *pointer, *message;
    } rows[] = {
        {AZURE "tenant: t}}", P "/auth/entra", "\"client_id\""},
        {AZURE "tenant: t, client_id: c}}", P "/auth/entra", "client_secret"},
        {AZURE "tenant: 'a/b', client_id: c, client_secret: HIDDEN}}", P "/auth/entra/tenant",
         "id or the domain"},
        {AZURE "tenant: .., client_id: c, client_secret: HIDDEN}}", P "/auth/entra/tenant",
         "id or the domain"},
        {AZURE "tenant: t, client_id: c, client_secret: HIDDEN, authority: 'http://h'}}",
         P "/auth/entra", "https"},
        {AZURE "tenant: t, client_id: c, client_secret: HIDDEN}}, api_key: HIDDEN", P "/api_key",
         "only one of"},
        {AZURE "tenant: t, client_id: c, client_secret: HIDDEN}, token: {endpoint: 'https://h', "
               "client_id: c, client_secret: d}}",
         P "/auth", "only one of"},
        {"type: openai, auth: {entra: {tenant: t, client_id: c, client_secret: HIDDEN}}",
         P "/auth/entra", "has no entra"},
    };
    char document[512];
    (void)state;
    gw_config *c = help_load("providers: [{" AZURE "tenant: contoso.example, client_id: app, "
                             "client_secret: s}}}]");
    assert_non_null(c->upstreams[0].token);
    gw_config_free(c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(document, sizeof document, "providers: [{%s}]", rows[i].entry);
        help_refused(document, -1, rows[i].pointer, rows[i].message);
        assert_null(strstr(help_err.message, "HIDDEN"));
    }
}

#define BEDROCK "type: bedrock, region: us-east-1, auth: {aws: {"

static void aws(void **state)
{
    static const struct {
        const char *entry, *pointer, *message;
    } rows[] = {
        {BEDROCK "access_key_id: A}}", P "/auth/aws", "secret_access_key"},
        {BEDROCK "secret_access_key: HIDDEN}}", P "/auth/aws", "\"access_key_id\""},
        {BEDROCK "access_key_id: A, secret_access_key: HIDDEN, secret_access_key_file: /f}}",
         P "/auth/aws", "either"},
        {BEDROCK "access_key_id: A, secret_access_key: 'HIDDEN x'}}",
         P "/auth/aws/secret_access_key", "white space"},
        {BEDROCK "access_key_id: \"A\\nB\", secret_access_key: HIDDEN}}",
         P "/auth/aws/access_key_id", "white space"},
        {BEDROCK "access_key_id: A, secret_access_key: HIDDEN}}, api_key: b", P "/api_key",
         "only one of"},
        {BEDROCK "access_key_id: A, secret_access_key: HIDDEN}}, headers: {X-Amz-Date: b}",
         P "/headers/X-Amz-Date", "auth.aws makes"},
        {BEDROCK "access_key_id: A, secret_access_key: HIDDEN}}, headers: {Authorization: b}",
         P "/headers/Authorization", "auth.aws makes"},
        {"type: bedrock, base_url: 'https://h', auth: {aws: {access_key_id: A, "
         "secret_access_key: HIDDEN}}",
         P, "needs region"},
    };
    char document[512];
    (void)state;
    gw_config *c = help_load("providers: [{" BEDROCK "access_key_id: A, secret_access_key: "
                             "'s/+k', session_token: t}}}]");
    const gw_upstream *up = &c->upstreams[0];
    assert_null(up->token);
    assert_true(gw_eq(up->key_pair.access_key_id, GW_S("A")));
    assert_true(gw_eq(up->key_pair.secret_access_key, GW_S("s/+k")));
    assert_true(gw_eq(up->key_pair.session_token, GW_S("t")));
    assert_true(gw_eq(up->authority, GW_S("bedrock-runtime.us-east-1.amazonaws.com")));
    gw_config_free(c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(document, sizeof document, "providers: [{%s}]", rows[i].entry);
        help_refused(document, -1, rows[i].pointer, rows[i].message);
        assert_null(strstr(help_err.message, "HIDDEN"));
    }
}

/* The JSON of a service account, as one variable. */
static char *account_of(const char *pem, const char *type, const char *token_uri)
{
    gw_buf out;
    gw_buf_init(&out, 16384);
    gw_buf_printf(&out,
                  "{\"type\":\"%s\",\"project_id\":\"p\",\"private_key_id\":\"k1\","
                  "\"private_key\":\"",
                  type);
    gw_json_escape(&out, aigw_slice_of(pem));
    gw_buf_printf(&out,
                  "\",\"client_email\":\"a@p.iam.gserviceaccount.com\",\"client_id\":\"1\","
                  "\"token_uri\":\"%s\",\"universe_domain\":\"googleapis.com\"}",
                  token_uri);
    return mint_text(&out);
}

#define VERTEX                                                                                     \
    "providers: [{type: vertex, project: p, location: us-central1, auth: {google: "                \
    "{service_account: '${ACCOUNT}'}}}]"

static void google(void **state)
{
    static const char at[] = P "/auth/google/service_account";
    EVP_PKEY *rsa = mint_rsa(2048), *ec = mint_p256();
    char *pem = mint_pem(rsa, true), *ec_pem = mint_pem(ec, true), *public = mint_pem(rsa, false);
    const char *good = "https://oauth2.googleapis.com/token";
    const struct {
        const char *pem, *type, *uri, *message; /* NULL: fine */
    } rows[] = {
        {pem, "service_account", good, NULL},
        {pem, "service_account", "http://127.0.0.1:9/token", NULL},
        {pem, "authorized_user", good, "service account"},
        {ec_pem, "service_account", good, "RSA"},
        {public, "service_account", good, "RSA"},
        {"nonsense", "service_account", good, "RSA"},
        {pem, "service_account", "http://evil.example/token", "token_uri"},
        {pem, "service_account", "", "token_uri"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *account = account_of(rows[i].pem, rows[i].type, rows[i].uri);
        const char *const env[] = {"ACCOUNT", account, NULL};
        help_env = env;
        if (rows[i].message) {
            help_refused(VERTEX, -1, at, rows[i].message);
            assert_null(strstr(help_err.message, "PRIVATE"));
        } else {
            gw_config *c = help_load(VERTEX);
            assert_non_null(c->upstreams[0].token);
            gw_config_free(c);
        }
        free(account);
    }
    static const char *const broken[] = {"ACCOUNT", "{\"type\":", NULL};
    help_env = broken;
    help_refused(VERTEX, -1, at, "JSON key file");
    help_env = NULL;
    help_refused("providers: [{type: vertex, project: p, auth: {google: {scope: s}}}]", -1,
                 P "/auth/google", "either");
    help_refused("providers: [{type: vertex, project: p, auth: {google: {service_account_file: "
                 "/nonexistent}}}]",
                 -1, P "/auth/google/service_account_file", "not exist");
    free(pem);
    free(ec_pem);
    free(public);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

/* Fails the n-th allocation, for every n; nothing may stay behind. */
static void every_allocation_may_fail(void **state)
{
    static const char *const documents[] = {
        VERTEX,
        "providers: [{" BEDROCK "access_key_id: A, secret_access_key: B, session_token: C}}}]",
        "providers: [{" AZURE "tenant: t, client_id: c, client_secret: s}}, formats: "
        "[openai-responses], quirks: [no_strict]}]",
    };
    EVP_PKEY *key = mint_rsa(2048);
    char *pem = mint_pem(key, true);
    char *account = account_of(pem, "service_account", "https://oauth2.googleapis.com/token");
    const char *const env[] = {"ACCOUNT", account, NULL};
    (void)state;
    help_env = env;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        int code = AIGW_E_NOMEM;
        for (long n = 1; code != AIGW_OK; n++) {
            fault_alloc f;
            aigw_error err = {0};
            gw_config *c = NULL;
            fault_use(&f, n);
            code = gw_config_load(aigw_slice_of(documents[i]), &help_host, &c, &err);
            if (code == AIGW_OK)
                gw_config_free(c);
            else
                assert_null(c);
            assert_int_equal(f.live, 0);
            assert_true(n < 2000);
        }
    }
    fault_done();
    help_env = NULL;
    free(account);
    free(pem);
    EVP_PKEY_free(key);
}

/* The list in the schema is the vendor table's: a row that is not in it could not be written down. */
static void types_are_the_rows(void **state)
{
    (void)state;
    size_t i = 0;
    for (; gw_providers[i]; i++) {
        assert_non_null(gw_cfg_provider_types[i]);
        assert_string_equal(gw_cfg_provider_types[i], gw_providers[i]->name);
    }
    assert_null(gw_cfg_provider_types[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_the_rows_or_said),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(entra),
        cmocka_unit_test(aws),
        cmocka_unit_test(google),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(types_are_the_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
