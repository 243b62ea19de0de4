/* What leaves for each vendor: path, credential and body of a try, with a scripted transport. */
#include "unit/gateway/fake.h"

#include "base/json_write.h"
#include "proto/sigv4.h"
#include "unit/gate/mint.h"
#include "unit/gateway/samples.h"

#define ALIAS(provider, model)                                                                     \
    "models: [{name: m, targets: [{provider: " provider ", model: '" model "'}]}]\n"

#define G_ANSWER                                                                                   \
    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hello\"}]},"         \
    "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"           \
    "\"candidatesTokenCount\":3,\"totalTokenCount\":12},\"modelVersion\":\"g\"}"
#define G_EVENT "data: " G_ANSWER "\r\n\r\n"

#define B_ANSWER                                                                                   \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hello\"}]}},"       \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":3,"                 \
    "\"totalTokens\":12},\"metrics\":{\"latencyMs\":1}}"

/* A codec that is built beside this one may not be there yet. */
static bool has_wire(aigw_format format)
{
    if (gw_wire_of(format))
        return true;
    print_message("no codec for format %d: skipped\n", (int)format);
    return false;
}

static void assert_answered(fake_result *r)
{
    if (r->status != 200)
        fail_msg("status %d: %s", r->status, r->body);
    free(r->body);
}

/* One call with one answer; the caller looks at f->paths[0] and the like, and frees. */
static fake *one_call(const char *config, const fake_answer *answer, const char *path,
                      const char *body)
{
    fake *f = fake_new(config, answer, 1);
    fake_result r = fake_call(f, path, body);
    assert_answered(&r);
    assert_int_equal(f->next, 1);
    assert_string_equal(f->methods[0], "POST");
    return f;
}

static const fake_answer o_answer = {.status = 200, .type = JSON, .body = O_ANSWER};
static const fake_answer a_answer = {.status = 200, .type = JSON, .body = A_ANSWER};

static void paths_stand_behind_the_base_url(void **state)
{
    (void)state;
    fake *f = one_call("providers: [{type: openai, base_url: 'https://h/x/v1', api_key: k}]\n",
                       &o_answer, OPENAI_PATH, ASK("gpt-x"));
    assert_string_equal(f->paths[0], "/x/v1/chat/completions");
    fake_free(f);
    f = one_call("providers: [{type: anthropic, base_url: 'https://h/y/v1/', api_key: k}]\n",
                 &a_answer, ANTHROPIC_PATH, ASK_A("claude-x"));
    assert_string_equal(f->paths[0], "/y/v1/messages");
    fake_free(f);
    f = one_call("providers: [{type: groq, api_key: k}]\n", &o_answer, OPENAI_PATH, ASK("llama"));
    assert_string_equal(f->paths[0], "/openai/v1/chat/completions");
    fake_free(f);
}

static void azure_by_deployment(void **state)
{
    (void)state;
    const fake_answer answer = {.status = 200,
                                .type = JSON,
                                .headers = {"apim-request-id", "az-0", "x-request-id", "az-1"},
                                .body = O_ANSWER};
    const char *classic = "providers: [{type: azure, base_url: 'https://r.openai.azure.com', "
                          "api_key: k, api_version: 2024-10-21}]\n" ALIAS("azure", "my gpt/1");
    fake *f = fake_new(classic, &answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("m"));
    fake_steps(f);
    assert_slice(fake_header(x, "x-aigw-upstream-request-id"), "az-1");
    fake_result r = fake_take(f, x);
    assert_answered(&r);
    assert_string_equal(f->paths[0],
                        "/openai/deployments/my%20gpt%2F1/chat/completions?api-version=2024-10-21");
    fake_free(f);

    /* The client asks in another dialect: the deployment still decides. */
    f = one_call(classic, &o_answer, ANTHROPIC_PATH, ASK_A("m"));
    assert_string_equal(f->paths[0],
                        "/openai/deployments/my%20gpt%2F1/chat/completions?api-version=2024-10-21");
    fake_free(f);

    f = one_call("providers: [{type: azure, base_url: 'https://r.openai.azure.com/openai/v1', "
                 "api_key: k}]\n" ALIAS("azure", "my-gpt"),
                 &o_answer, OPENAI_PATH, ASK("m"));
    assert_string_equal(f->paths[0], "/openai/v1/chat/completions");
    assert_has(f->bodies[0], "\"model\":\"my-gpt\"");
    fake_free(f);
}

static void azure_with_an_entra_token(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 200, .type = JSON, .body = "{\"access_token\":\"ent-1\",\"expires_in\":3599}"},
        {.status = 401, .type = JSON, .body = "{\"error\":{\"code\":\"401\",\"message\":\"no\"}}"},
        {.status = 200, .type = JSON, .body = "{\"access_token\":\"ent-2\",\"expires_in\":3599}"},
        {.status = 200, .type = JSON, .body = O_ANSWER},
    };
    fake *f = fake_new("providers: [{type: azure, base_url: 'https://r.openai.azure.com', auth: "
                       "{entra: {tenant: t.example, client_id: app, client_secret: 'p&q'}}}]\n",
                       script, 4);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("m"));
    assert_answered(&r);
    assert_int_equal(f->next, 4);
    assert_string_equal(f->bodies[0],
                        "grant_type=client_credentials&client_id=app&client_secret=p%26q&scope="
                        "https%3A%2F%2Fcognitiveservices.azure.com%2F.default");
    assert_string_equal(f->paths[1], "/openai/v1/chat/completions");
    assert_has(f->headers[1], "authorization: Bearer ent-1\n");
    assert_has(f->headers[3], "authorization: Bearer ent-2\n"); /* refused, so it was renewed */
    assert_has_not(f->log, "ent-");
    fake_free(f);
}

static void gemini(void **state)
{
    (void)state;
    const fake_answer whole = {.status = 200, .type = JSON, .body = G_ANSWER};
    const fake_answer stream = {.status = 200, .type = SSE, .body = G_EVENT, .piece = 7};
    const char *config = "providers: [{type: gemini, api_key: k}]\n" ALIAS("gemini", "gemini-x");
    if (!has_wire(AIGW_FORMAT_GEMINI))
        return;
    fake *f = one_call(config, &whole, OPENAI_PATH, ASK("m"));
    assert_string_equal(f->paths[0], "/v1beta/models/gemini-x:generateContent");
    assert_has(f->bodies[0], "\"contents\"");
    assert_has_not(f->bodies[0], "\"model\":\"");
    fake_free(f);
    f = one_call(config, &stream, OPENAI_PATH, ASK_STREAM("m"));
    assert_string_equal(f->paths[0], "/v1beta/models/gemini-x:streamGenerateContent?alt=sse");
    fake_free(f);
    /* A client of its own dialect: as it came, to the model of the target. */
    f = one_call(config, &whole, "/v1beta/models/m:generateContent",
                 "{ \"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}], \"odd\": 1}");
    assert_string_equal(f->paths[0], "/v1beta/models/gemini-x:generateContent");
    assert_has(f->bodies[0], "\"odd\": 1}");
    fake_free(f);
}

static void gemini_says_when_to_come_again(void **state)
{
    (void)state;
    const fake_answer busy = {
        .status = 429,
        .type = JSON,
        .body = "{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\","
                "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                "\"retryDelay\":\"34s\"}]}}"};
    if (!has_wire(AIGW_FORMAT_GEMINI))
        return;
    fake *f = fake_new("providers: [{type: gemini, api_key: k}]\n", &busy, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("gemini-x"));
    fake_steps(f);
    assert_slice(fake_header(x, "retry-after"), "34"); /* too long to wait: the client hears it */
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 429);
    free(r.body);
    fake_free(f);
}

#define BEDROCK                                                                                    \
    "providers: [{type: bedrock, region: eu-west-1, auth: {aws: {access_key_id: AKIDX, "           \
    "secret_access_key: 'sec/ret', session_token: 'tok+en'}}}]\n" ALIAS("bedrock",                 \
                                                                        "anthropic.claude-v2:1")

static void bedrock_requests_are_signed(void **state)
{
    (void)state;
    static const char path[] = "/model/anthropic.claude-v2%3A1/converse";
    const fake_answer script[] = {
        {.status = 503, .type = JSON, .body = "{\"message\":\"later\"}"},
        {.status = 200, .type = JSON, .headers = {"x-amzn-RequestId", "aws-1"}, .body = B_ANSWER},
    };
    if (!has_wire(AIGW_FORMAT_BEDROCK))
        return;
    fake *f = fake_new(BEDROCK, script, 2);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("m"));
    fake_steps(f);
    f->unix_s += 2; /* a second try is signed anew */
    fake_pass(f, 20000);
    assert_slice(fake_header(x, "x-aigw-upstream-request-id"), "aws-1");
    fake_result r = fake_take(f, x);
    /* Its answers do not say the model. */
    assert_has(r.body, "\"model\":\"anthropic.claude-v2:1\"");
    assert_answered(&r);
    assert_int_equal(f->next, 2);
    for (size_t i = 0; i < 2; i++) {
        const gw_sigv4 who = {.access_key_id = GW_S("AKIDX"),
                              .secret_access_key = GW_S("sec/ret"),
                              .session_token = GW_S("tok+en"),
                              .region = GW_S("eu-west-1"),
                              .service = GW_S("bedrock")};
        gw_arena *arena = gw_arena_new(1 << 16);
        aigw_header want[GW_SIGV4_HEADERS];
        size_t count = 0;
        assert_int_equal(gw_sigv4_sign(arena, &who, GW_S("POST"),
                                       GW_S("bedrock-runtime.eu-west-1.amazonaws.com"),
                                       aigw_slice_of(path), GW_S(""), aigw_slice_of(f->bodies[i]),
                                       1700000000 + 2 * (int64_t)i, want, &count, NULL),
                         AIGW_OK);
        for (size_t k = 0; k < count; k++) {
            char line[2048];
            snprintf(line, sizeof line, "%.*s: %.*s\n", (int)want[k].name.len, want[k].name.data,
                     (int)want[k].value.len, want[k].value.data);
            assert_has(f->headers[i], line);
        }
        assert_has(f->headers[i], "Credential=AKIDX/20231114/eu-west-1/bedrock/aws4_request");
        assert_has(f->headers[i], "x-amz-security-token: tok+en");
        assert_string_equal(f->paths[i], path);
        gw_arena_free(arena);
    }
    assert_string_not_equal(f->headers[0], f->headers[1]);
    assert_has_not(f->log, "AKIDX");
    assert_has_not(f->log, "sec/ret");
    fake_free(f);
}

/* ---- Vertex ---- */

#define VERTEX                                                                                     \
    "providers: [{type: vertex, project: my-proj, location: us-east5, auth: {google: "             \
    "{service_account: '%s'}}}]\n"

static char *vertex_config(const char *pem, const char *aliases)
{
    gw_buf json, out;
    gw_buf_init(&json, 16384);
    gw_buf_init(&out, 16384);
    gw_buf_puts(&json, "{\"type\":\"service_account\",\"private_key_id\":\"kid-9\","
                       "\"private_key\":\"");
    gw_json_escape(&json, aigw_slice_of(pem));
    gw_buf_puts(&json, "\",\"client_email\":\"gw@my-proj.iam.gserviceaccount.com\","
                       "\"token_uri\":\"https://oauth2.googleapis.com/token\"}");
    char *account = mint_text(&json);
    gw_buf_printf(&out, VERTEX, account);
    gw_buf_puts(&out, aliases);
    free(account);
    return mint_text(&out);
}

/* The form is one grant, and its assertion is signed by the account's key for this endpoint. */
static void assert_assertion(const char *form, EVP_PKEY *key)
{
    static const char before[] =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    char *set = mint_set(key, ",\"kid\":\"kid-9\"");
    aigw_jwks *jwks = NULL;
    aigw_slice payload;
    assert_int_equal(strncmp(form, before, sizeof before - 1), 0);
    assert_int_equal(aigw_jwks_parse(aigw_slice_of(set), &jwks, NULL), AIGW_OK);
    assert_int_equal(
        aigw_jws_verify(jwks, aigw_slice_of(form + sizeof before - 1), NULL, 0, &payload, NULL),
        AIGW_OK);
    char *claims = malloc(payload.len + 1);
    memcpy(claims, payload.data, payload.len);
    claims[payload.len] = '\0';
    assert_has(claims, "\"iss\":\"gw@my-proj.iam.gserviceaccount.com\"");
    assert_has(claims, "\"scope\":\"https://www.googleapis.com/auth/cloud-platform\"");
    assert_has(claims, "\"aud\":\"https://oauth2.googleapis.com/token\"");
    assert_has(claims, "\"iat\":1700000000");
    assert_has_not(claims, "\"sub\"");
    free(claims);
    aigw_bytes_free(payload);
    aigw_jwks_free(jwks);
    free(set);
}

static const fake_answer google_token = {
    .status = 200,
    .type = JSON,
    .body = "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"};

#define CLAUDE "/v1/projects/my-proj/locations/us-east5/publishers/anthropic/models/claude-x@1"

static void vertex_gives_its_assertion_for_a_token(void **state)
{
    (void)state;
    EVP_PKEY *key = mint_rsa(2048);
    char *pem = mint_pem(key, true);
    char *config = vertex_config(pem, ALIAS("vertex", "claude-x@1"));
    const fake_answer stream = {.status = 200, .type = SSE, .body = A_STREAM};
    const fake_answer script[] = {google_token, a_answer, a_answer, stream};
    fake *f = fake_new(config, script, 4);
    fake_result r = fake_call(f, ANTHROPIC_PATH, ASK_A("m"));
    assert_answered(&r);
    assert_assertion(f->bodies[0], key);
    assert_has(f->headers[1], "authorization: Bearer ya29.x\n");
    assert_string_equal(f->paths[1], CLAUDE ":rawPredict");
    /* The model stands in the path alone, the version in the body. */
    assert_has(f->bodies[1], "\"anthropic_version\":\"vertex-2023-10-16\"");
    assert_has_not(f->bodies[1], "\"model\"");
    assert_has(f->bodies[1], "\"max_tokens\":64");
    /* From another dialect it is the same, and the token serves again. */
    r = fake_call(f, OPENAI_PATH, ASK("m"));
    assert_answered(&r);
    assert_string_equal(f->paths[2], CLAUDE ":rawPredict");
    assert_has(f->bodies[2], "\"anthropic_version\":\"vertex-2023-10-16\"");
    assert_has_not(f->bodies[2], "\"model\"");
    r = fake_call(f, ANTHROPIC_PATH, ASK_A_STREAM("m"));
    assert_answered(&r);
    assert_string_equal(f->paths[3], CLAUDE ":streamRawPredict");
    assert_has(f->bodies[3], "\"stream\":true");
    assert_has_not(f->log, "ya29");
    fake_free(f);
    free(config);
    free(pem);
    EVP_PKEY_free(key);
}

static void vertex_serves_gemini_and_others(void **state)
{
    (void)state;
    EVP_PKEY *key = mint_rsa(2048);
    char *pem = mint_pem(key, true);
    char *config = vertex_config(pem, ALIAS("vertex", "meta/llama-4"));
    const fake_answer script[] = {google_token, o_answer};
    fake *f = fake_new(config, script, 2);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("m"));
    assert_answered(&r);
    assert_string_equal(f->paths[1],
                        "/v1/projects/my-proj/locations/us-east5/endpoints/openapi/chat/"
                        "completions");
    assert_has(f->bodies[1], "\"model\":\"meta/llama-4\"");
    fake_free(f);
    free(config);
    if (has_wire(AIGW_FORMAT_GEMINI)) {
        const fake_answer whole = {.status = 200, .type = JSON, .body = G_ANSWER};
        const fake_answer both[] = {google_token, whole};
        config = vertex_config(pem, ALIAS("vertex", "gemini-x"));
        f = fake_new(config, both, 2);
        r = fake_call(f, OPENAI_PATH, ASK("m"));
        assert_answered(&r);
        assert_string_equal(f->paths[1], "/v1/projects/my-proj/locations/us-east5/publishers/"
                                         "google/models/gemini-x:generateContent");
        fake_free(f);
        free(config);
    }
    free(pem);
    EVP_PKEY_free(key);
}

/* ---- what a host does not take, and what no path can say ---- */

static void usage_is_not_asked_of_who_refuses_it(void **state)
{
    (void)state;
    const fake_answer stream = {.status = 200, .type = SSE, .body = O_STREAM};
    const char *const types[] = {"type: mistral, api_key: k", "type: groq, api_key: k"};
    for (size_t i = 0; i < 2; i++) {
        char config[128];
        snprintf(config, sizeof config, "providers: [{%s}]\n", types[i]);
        fake *f = one_call(config, &stream, OPENAI_PATH, ASK_STREAM("x"));
        assert_int_equal(strstr(f->bodies[0], "stream_options") != NULL, i == 1);
        fake_free(f);
        f = one_call(config, &stream, ANTHROPIC_PATH, ASK_A_STREAM("x"));
        assert_int_equal(strstr(f->bodies[0], "stream_options") != NULL, i == 1);
        assert_int_equal(strstr(f->bodies[0], "max_completion_tokens") != NULL, i == 1);
        fake_free(f);
    }
}

/* Version 2026-10-21 knows no sampling parameters; the client hears that they were left out. */
static void anthropics_newer_version_samples_by_itself(void **state)
{
    (void)state;
    static const char ask[] = "{\"model\":\"claude-3-5-haiku\",\"temperature\":0.5,"
                              "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    fake *f = one_call("providers: [{type: anthropic, api_key: k}]\n", &a_answer, OPENAI_PATH, ask);
    assert_has(f->bodies[0], "\"temperature\":0.5");
    fake_free(f);
    f = one_call("providers: [{type: anthropic, api_key: k, api_version: 2026-10-21}]\n", &a_answer,
                 OPENAI_PATH, ask);
    assert_has_not(f->bodies[0], "temperature");
    fake_free(f);
}

static void odd_models_do_not_reach_anybody(void **state)
{
    (void)state;
    static const char *const configs[] = {
        "providers: [{type: azure, base_url: 'https://h', api_key: k, api_version: 2024-10-21}]\n",
        /* Claude without a project, and a format that no model of it has. */
        "providers: [{type: vertex, api_key: k}]\n",
        "providers: [{type: vertex, project: p, api_key: k, formats: [anthropic]}]\n",
    };
    static const char *const bodies[] = {ASK(".."), ASK("claude-x"), ASK("meta/llama")};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        fake *f = fake_new(configs[i], NULL, 0);
        fake_result r = fake_call(f, OPENAI_PATH, bodies[i]);
        if (r.status != 400)
            fail_msg("case %zu: status %d: %s", i, r.status, r.body);
        assert_has(r.body, "\"error\"");
        assert_int_equal(f->next, 0);
        free(r.body);
        fake_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_stand_behind_the_base_url),
        cmocka_unit_test(azure_by_deployment),
        cmocka_unit_test(azure_with_an_entra_token),
        cmocka_unit_test(gemini),
        cmocka_unit_test(gemini_says_when_to_come_again),
        cmocka_unit_test(bedrock_requests_are_signed),
        cmocka_unit_test(vertex_gives_its_assertion_for_a_token),
        cmocka_unit_test(vertex_serves_gemini_and_others),
        cmocka_unit_test(usage_is_not_asked_of_who_refuses_it),
        cmocka_unit_test(anthropics_newer_version_samples_by_itself),
        cmocka_unit_test(odd_models_do_not_reach_anybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
