/* One exchange from its start to its end: routes, the gate, bodies, dialects, the pull side. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

static const fake_answer o_answer[] = {{.status = 200, .type = JSON, .body = O_ANSWER}};
static const fake_answer a_answer[] = {{.status = 200, .type = JSON, .body = A_ANSWER}};

static void same_format_is_byte_for_byte(void **state)
{
    (void)state;
    const char *ask = "{ \"messages\":[ {\"role\":\"user\",\"content\":\"Hi \\u00e9\"} ],"
                      "\"zzz\":[1.50e3],\"model\" : \"o\"}\n";
    fake *f = fake_new(FAKE_CONFIG, o_answer, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ask);
    assert_int_equal(r.code, AIGW_END);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, O_ANSWER);
    assert_string_equal(f->bodies[0], ask);
    assert_int_equal(r.usage.input_tokens, 9);
    assert_int_equal(r.usage.output_tokens, 3);
    assert_int_equal(r.usage.reasoning_tokens, -1);
    free(r.body);
    fake_free(f);
}

static void an_alias_changes_the_model_only(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, o_answer, 1);
    fake_result r = fake_call(f, OPENAI_PATH,
                              "{\"model\" : \"o-alias\" ,\"odd\":{\"model\":\"o-alias\"},"
                              "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}");
    assert_string_equal(f->bodies[0], "{\"model\" : \"gpt-real\" ,\"odd\":{\"model\":\"o-alias\"},"
                                      "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}");
    free(r.body);
    fake_free(f);
}

static void usage_is_asked_for_and_hidden(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = SSE, .body = O_STREAM},
                                  {.status = 200, .type = SSE, .body = O_STREAM}};
    fake *f = fake_new(FAKE_CONFIG, script, 2);
    fake_result r = fake_call(
        f, OPENAI_PATH,
        "{\"model\":\"o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"\"}],"
        "\"stream_options\":{\"include_obfuscation\":false}}");
    assert_string_equal(r.body, O_FIRST O_SECOND O_FINISH O_DONE);
    assert_has(f->bodies[0], "\"include_obfuscation\":false");
    assert_has(f->bodies[0], "\"include_usage\":true");
    assert_int_equal(r.usage.input_tokens, 9);
    free(r.body);
    const char *own =
        "{\"model\":\"o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"\"}],"
        "\"stream_options\":{\"include_usage\":true}}";
    r = fake_call(f, OPENAI_PATH, own);
    assert_string_equal(r.body, O_STREAM);
    assert_string_equal(f->bodies[1], own);
    free(r.body);
    fake_free(f);
}

/* The same bytes for every size of the pieces in which the upstream sends. */
static void every_split(const char *path, const char *ask, const char *stream, const char *want)
{
    char *first = NULL;
    for (size_t piece = strlen(stream); piece > 0; piece -= piece > 64 ? 37 : 1) {
        const fake_answer script[] = {{.status = 200, .type = SSE, .body = stream, .piece = piece}};
        fake *f = fake_new(FAKE_CONFIG, script, 1);
        fake_result r = fake_call(f, path, ask);
        assert_int_equal(r.code, AIGW_END);
        assert_true(r.streaming);
        assert_int_equal(r.usage.input_tokens, 9);
        assert_int_equal(r.usage.output_tokens, 3);
        if (!first) {
            first = strdup(r.body);
            if (want)
                assert_string_equal(r.body, want);
        }
        assert_string_equal(r.body, first);
        free(r.body);
        fake_free(f);
    }
    if (!want) {
        assert_has(first, "Hel");
        assert_has(first, "stop");
    }
    free(first);
}

static void streams_at_every_split(void **state)
{
    (void)state;
    every_split(OPENAI_PATH, ASK_STREAM("o"), O_STREAM, O_FIRST O_SECOND O_FINISH O_DONE);
    every_split(ANTHROPIC_PATH, ASK_A_STREAM("a"), A_STREAM, A_STREAM);
    every_split(OPENAI_PATH, ASK_STREAM("a"), A_STREAM, NULL);
    every_split(ANTHROPIC_PATH, ASK_A_STREAM("o"), O_STREAM, NULL);
}

static void the_other_format_is_translated(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("a"));
    assert_int_equal(r.status, 200);
    assert_has(f->bodies[0], "\"max_tokens\":4096");
    assert_has(r.body, "\"chat.completion\"");
    assert_has(r.body, "\"Hello\"");
    assert_has(r.body, "\"prompt_tokens\":9");
    assert_int_equal(r.usage.output_tokens, 3);
    free(r.body);
    fake_free(f);
    f = fake_new(FAKE_CONFIG, o_answer, 1);
    r = fake_call(f, ANTHROPIC_PATH, ASK_A("o"));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "\"end_turn\"");
    assert_has(r.body, "\"Hello\"");
    free(r.body);
    fake_free(f);
}

static void credentials_do_not_cross(void **state)
{
    (void)state;
    const aigw_header headers[] = {
        {GW_S("Authorization"), GW_S("Bearer client-secret")},
        {GW_S("X-Api-Key"), GW_S("client-secret")},
        {GW_S("Cookie"), GW_S("a=client-secret")},
        {GW_S("Anthropic-Version"), GW_S("2026-10-21")},
        {GW_S("anthropic-beta"), GW_S("b1, b2")},
        {GW_S("anthropic-beta"), GW_S("b2,b3")},
        {GW_S("connection"), GW_S("keep-alive")},
    };
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    aigw_request request = fake_request(ANTHROPIC_PATH, ASK_A("a"));
    request.headers = headers;
    request.header_count = 7;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_string_equal(f->headers[0], "anthropic-version: 2026-10-21\nanthropic-beta: b1,b2,b3\n");
    assert_has_not(f->log, "secret");
    free(r.body);
    fake_free(f);
}

static void the_request_id_is_theirs_or_ours(void **state)
{
    (void)state;
    char long_id[130];
    memset(long_id, 'a', sizeof long_id - 1);
    long_id[129] = '\0';
    const struct {
        const char *given;
        bool taken;
    } cases[] = {{"abc-1.2_Z", true}, {"", false},      {"a b", false},
                 {"a\"b", false},     {long_id, false}, {long_id + 1, true}};
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const aigw_header header = {GW_S("X-Request-ID"), aigw_slice_of(cases[i].given)};
        aigw_request request = fake_request("/v1/models", NULL);
        request.headers = &header;
        request.header_count = 1;
        aigw_exchange *x = NULL;
        assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
        aigw_slice id = fake_header(x, "x-request-id");
        assert_true(gw_eq(id, fake_header(x, "request-id")));
        assert_true(gw_eq(id, aigw_exchange_id(x)));
        assert_int_equal(gw_eq(id, header.value), cases[i].taken);
        assert_true(id.len > 0 && id.len <= 128);
        aigw_exchange_free(x);
    }
    fake_free(f);
}

static void refusals_speak_the_dialect_of_the_path(void **state)
{
    (void)state;
    const struct {
        const char *method, *path, *body, *type;
        int status;
        const char *has;
    } cases[] = {
        {"GET", "/nowhere", "", NULL, 404, "\"error\":{"},
        {"GET", "/v1/messages/batches", "", NULL, 404, "\"type\":\"error\""},
        {"GET", "/v1/chat/completions", "", NULL, 405, "\"error\":{"},
        {"DELETE", "/v1/messages?x=y", "", NULL, 405, "\"type\":\"error\""},
        {"POST", "/oauth2/token", "", NULL, 404, "\"error\":{"},
        {"POST", OPENAI_PATH, ASK("o"), "text/plain", 415, "application/json"},
        {"POST", OPENAI_PATH, ASK("o"), "application/x-www-form-urlencoded", 415,
         "application/json"},
        {"POST", OPENAI_PATH, "{\"model\":\"o\",\"model\":\"a\"}", JSON, 400, "\"error\""},
        {"POST", OPENAI_PATH, "{\"model\":", JSON, 400, "\"error\""},
        {"POST", OPENAI_PATH, "", JSON, 400, "\"error\""},
        {"POST", OPENAI_PATH, "[]", JSON, 400, "object"},
        {"POST", OPENAI_PATH, "{}", JSON, 400, "/model"},
        {"POST", OPENAI_PATH, "{\"model\":7}", JSON, 400, "/model"},
        {"POST", OPENAI_PATH, "{\"model\":\"o\",\"stream\":1}", JSON, 400, "/stream"},
        {"POST", ANTHROPIC_PATH, "{\"model\":\"\"}", "application/json; charset=utf-8", 400,
         "invalid_request_error"},
        {"POST", OPENAI_PATH, ASK("unheard-of"), JSON, 404, "model_not_found"},
    };
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const aigw_header type = {GW_S("content-type"), aigw_slice_of(cases[i].type)};
        aigw_request request = fake_request(cases[i].path, cases[i].body);
        request.method = aigw_slice_of(cases[i].method);
        request.headers = &type;
        request.header_count = cases[i].type ? 1 : 0;
        aigw_exchange *x = NULL;
        assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
        aigw_slice allow = fake_header(x, "allow");
        if (cases[i].status == 405)
            assert_slice(allow, "POST");
        else
            assert_null(allow.data);
        assert_slice(fake_header(x, "content-type"), JSON);
        fake_result r = fake_take(f, x);
        if (r.status != cases[i].status)
            fail_msg("case %zu: %d %s", i, r.status, r.body);
        assert_has(r.body, cases[i].has);
        free(r.body);
    }
    fake_free(f);
}

static void models_in_both_shapes(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    fake_result r = fake_call(f, "/v1/models?limit=20", NULL);
    assert_has(r.body, "{\"object\":\"list\",\"data\":[{\"id\":\"o\"");
    assert_has(r.body, "\"owned_by\":\"openai\"");
    free(r.body);
    const aigw_header version = {GW_S("anthropic-version"), GW_S("2023-06-01")};
    aigw_request request = fake_request("/v1/models", NULL);
    request.headers = &version;
    request.header_count = 1;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    r = fake_take(f, x);
    assert_has(r.body, "\"type\":\"model\"");
    assert_has(r.body, "\"has_more\":false");
    free(r.body);
    fake_free(f);
}

static void echo_answers_in_process(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("e"));
    assert_int_equal(r.status, 200);
    assert_has(r.body, "Hi");
    assert_true(r.usage.output_tokens > 0);
    free(r.body);
    r = fake_call(f, ANTHROPIC_PATH, ASK_A_STREAM("e"));
    assert_int_equal(r.code, AIGW_END);
    assert_true(r.streaming);
    assert_has(r.body, "event: message_stop");
    free(r.body);
    fake_free(f);
}

/* -- the gate -- */

#define GATE                                                                                       \
    "issuer: {url: 'http://127.0.0.1:8787', clients: [{id: team-a, secret: s3cret, team: "         \
    "blue}]}\n"                                                                                    \
    "providers: [{type: echo}]\n"

static void a_denial_needs_no_body(void **state)
{
    (void)state;
    fake *f = fake_new(GATE, NULL, 0);
    aigw_request request = fake_request(ANTHROPIC_PATH, "");
    request.body_follows = true;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    aigw_head head;
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.status, 401);
    assert_has(fake_header(x, "www-authenticate").data, "Bearer");
    /* A server that has read it all the same may hand it over. */
    assert_int_equal(aigw_exchange_body(x, GW_S("{}"), NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.code, AIGW_END);
    assert_has(r.body, "authentication_error");
    assert_has(f->log, "\"status\":401");
    free(r.body);
    fake_free(f);
}

static aigw_exchange *open_with(fake *f, const char *path, const char *body, const char *type,
                                const char *authorization)
{
    const aigw_header headers[] = {{GW_S("content-type"), aigw_slice_of(type)},
                                   {GW_S("authorization"), aigw_slice_of(authorization)}};
    aigw_request request = fake_request(path, body);
    request.headers = headers;
    request.header_count = 2;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    return x;
}

#define FORM  "application/x-www-form-urlencoded"
#define BASIC "Basic dGVhbS1hOnMzY3JldA==" /* team-a:s3cret */

/* "Bearer " and the access_token of an answer of the token endpoint. */
static void bearer_of(const char *body, char *out, size_t size)
{
    const char *at = strstr(body, "\"access_token\":\"");
    assert_non_null(at);
    at += strlen("\"access_token\":\"");
    int len = (int)strcspn(at, "\"");
    assert_true((size_t)len + 8 < size);
    snprintf(out, size, "Bearer %.*s", len, at);
}

static void the_token_that_we_issue_opens_the_gate(void **state)
{
    (void)state;
    char bearer[4096];
    fake *f = fake_new(GATE, NULL, 0);
    aigw_exchange *x = open_with(f, "/oauth2/token", "grant_type=client_credentials", FORM, BASIC);
    assert_slice(fake_header(x, "cache-control"), "no-store");
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    bearer_of(r.body, bearer, sizeof bearer);
    free(r.body);
    for (int i = 0; i < 2; i++) { /* checked, then from the cache */
        r = fake_take(f, open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer));
        assert_int_equal(r.status, 200);
        free(r.body);
    }
    assert_has(f->log, "\"subject\":\"team-a\"");
    assert_has(f->log, "\"team\":\"blue\"");
    assert_has_not(f->log, bearer + 7);
    aigw_slice metrics;
    assert_int_equal(aigw_metrics_render(f->gw, &metrics, NULL), AIGW_OK);
    char *text = strndup(metrics.data, metrics.len);
    assert_has(text, "aigw_jwt_cache_hits_total 1\n");
    assert_has(text, "aigw_jwt_cache_misses_total 1\n");
    assert_has(text, "aigw_tokens_issued_total 1\n");
    free(text);
    aigw_bytes_free(metrics);
    f->unix_s += 7200;
    r = fake_take(f, open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer));
    assert_int_equal(r.status, 401); /* expired, cached or not */
    free(r.body);
    fake_free(f);
}

static void the_issuer_is_public_and_strict(void **state)
{
    (void)state;
    fake *f = fake_new(GATE, NULL, 0);
    fake_result r = fake_take(f, open_with(f, "/oauth2/token", "{}", JSON, BASIC));
    assert_int_equal(r.status, 400);
    assert_has(r.body, "invalid_request");
    free(r.body);
    r = fake_take(
        f, open_with(f, "/oauth2/token", "grant_type=client_credentials", FORM, "Basic eDp5"));
    assert_int_equal(r.status, 401);
    free(r.body);
    r = fake_call(f, "/.well-known/jwks.json", NULL);
    assert_has(r.body, "\"keys\":[");
    free(r.body);
    r = fake_call(f, "/.well-known/openid-configuration", NULL);
    assert_has(r.body, "\"token_endpoint\":\"http://127.0.0.1:8787/oauth2/token\"");
    free(r.body);
    r = fake_call(f, "/v1/models", NULL);
    assert_int_equal(r.status, 401);
    free(r.body);
    fake_free(f);
}

static void the_embedder_may_vouch(void **state)
{
    (void)state;
    fake *f = fake_new(GATE, NULL, 0);
    aigw_request request = fake_request(OPENAI_PATH, ASK("echo"));
    request.trusted = true;
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

/* -- keys that must be fetched -- */

#define FAR                                                                                        \
    "auth: {jwt: {issuers: [{issuer: 'http://127.0.0.1:9/pool', jwks_url: "                        \
    "'http://127.0.0.1:9/keys'}]}}\nproviders: [{type: echo}]\n"

/* A token of somebody else's issuer, and its key set. */
static void far_token(fake *f, char *bearer, size_t size, char *jwks, size_t jwks_size)
{
    const aigw_slice scope = GW_S("https://gateway.internal/invoke");
    const aigw_issuer_client client = {
        .id = GW_S("c"), .secret = GW_S("s"), .scopes = &scope, .scope_count = 1};
    const aigw_issuer_options options = {.size = sizeof options,
                                         .clients = &client,
                                         .issuer = GW_S("http://127.0.0.1:9/pool"),
                                         .client_count = 1};
    aigw_issuer *issuer = NULL;
    aigw_slice token;
    assert_int_equal(aigw_issuer_new(&options, &f->host, &issuer, NULL), AIGW_OK);
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("c"), GW_S(""), &token, NULL), AIGW_OK);
    snprintf(bearer, size, "Bearer %.*s", (int)token.len, token.data);
    snprintf(jwks, jwks_size, "%.*s", (int)aigw_issuer_jwks(issuer).len,
             aigw_issuer_jwks(issuer).data);
    aigw_bytes_free(token);
    aigw_issuer_free(issuer);
}

static void it_waits_for_keys(void **state)
{
    (void)state;
    char bearer[4096], jwks[4096];
    fake_answer script[] = {{.status = 200, .type = JSON, .body = jwks}};
    fake *f = fake_new(FAR, script, 1);
    far_token(f, bearer, sizeof bearer, jwks, sizeof jwks);
    aigw_exchange *x = open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer);
    aigw_exchange *y = open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer);
    aigw_exchange *gone = open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer);
    aigw_head head;
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    aigw_exchange_free(gone);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    r = fake_take(f, y);
    assert_int_equal(r.status, 200);
    free(r.body);
    r = fake_take(f, open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer));
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_int_equal(f->next, 1); /* one fetch for them all */
    fake_free(f);
}

static void keys_that_do_not_come(void **state)
{
    (void)state;
    char bearer[4096], jwks[4096];
    const fake_answer script[] = {{.status = 0, .hang = true}, {.status = 500, .body = "no"}};
    for (int failing = 0; failing < 2; failing++) {
        fake *f = fake_new(FAR, script + failing, 1);
        far_token(f, bearer, sizeof bearer, jwks, sizeof jwks);
        aigw_exchange *x = open_with(f, OPENAI_PATH, ASK("echo"), JSON, bearer);
        fake_steps(f);
        aigw_head head;
        if (!failing) {
            assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
            fake_pass(f, 2999);
            assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
            fake_pass(f, 1);
        }
        fake_result r = fake_take(f, x);
        assert_int_equal(r.status, 503); /* not 401: the token may be good */
        free(r.body);
        if (!failing) { /* the transport goes away with the loop */
            f->transfers[0].used = false;
            f->transfers[0].handler->on_end(f->transfers[0].user, GW_HTTP_OTHER, true);
            f->running--;
        }
        fake_free(f);
    }
}

/* -- the pull side -- */

typedef struct seen {
    int calls;
    bool free_it;
} seen;

static void on_ready(aigw_exchange *x, void *user)
{
    seen *s = user;
    s->calls++;
    if (s->free_it)
        aigw_exchange_free(x);
}

static void ready_comes_from_the_step_only(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, o_answer, 1);
    for (int freeing = 0; freeing < 2; freeing++) {
        seen s = {.free_it = freeing};
        aigw_request request = fake_request("/v1/models", NULL);
        aigw_exchange *x = NULL;
        assert_int_equal(aigw_exchange_start(f->loop, &request, on_ready, &s, &x, NULL), AIGW_OK);
        assert_int_equal(s.calls, 0);
        assert_int_equal(aigw_loop_timeout_ms(f->loop), 0);
        aigw_loop_step(f->loop, NULL);
        assert_int_equal(s.calls, 1);
        aigw_loop_step(f->loop, NULL);
        assert_int_equal(s.calls, 1);
        if (!freeing)
            aigw_exchange_free(x);
    }
    fake_free(f);
}

static void a_body_may_follow(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, o_answer, 1);
    aigw_request request = fake_request(OPENAI_PATH, "");
    request.body_follows = true;
    aigw_exchange *x = NULL;
    aigw_error err;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    fake_steps(f);
    assert_int_equal(f->next, 0);
    assert_int_equal(aigw_exchange_wait(x, 0, &err), AIGW_E_INVALID);
    assert_int_equal(aigw_exchange_body(x, GW_S(ASK("o")), NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_body(x, GW_S(ASK("o")), NULL), AIGW_E_INVALID);
    fake_result r = fake_take(f, x);
    assert_string_equal(r.body, O_ANSWER);
    free(r.body);
    fake_free(f);
}

static void waiting_drives_the_loop(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, o_answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    aigw_head head;
    aigw_slice bytes;
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    assert_int_equal(aigw_exchange_wait(x, -1, NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.body_bytes, strlen(O_ANSWER));
    assert_int_equal(aigw_exchange_read(x, &bytes, NULL), AIGW_OK);
    aigw_exchange_consume(x, 5);
    assert_int_equal(aigw_exchange_read(x, &bytes, NULL), AIGW_OK);
    assert_int_equal(bytes.len, strlen(O_ANSWER) - 5);
    aigw_exchange_consume(x, bytes.len + 100);
    assert_int_equal(aigw_exchange_read(x, &bytes, NULL), AIGW_END);
    aigw_exchange_free(x);
    fake_free(f);
}

static void a_body_over_the_cap_is_413(void **state)
{
    (void)state;
    fake *f = fake_new(
        "server: {max_body_bytes: 65536}\nlimits: {max_exchange_bytes: 1048576}\n" FAKE_CONFIG,
        NULL, 0);
    char *body = malloc((2u << 20) + 1);
    memset(body, ' ', 2u << 20);
    body[2u << 20] = '\0';
    fake_result r = fake_call(f, OPENAI_PATH, body);
    assert_int_equal(r.status, 413);
    free(r.body);
    /* Small in bytes, large in nodes. */
    size_t n = (size_t)sprintf(body, "{\"model\":\"o\",\"x\":[0");
    while (n < 900000)
        n += (size_t)sprintf(body + n, ",0");
    strcpy(body + n, "]}");
    r = fake_call(f, OPENAI_PATH, body);
    assert_int_equal(r.status, 413);
    free(r.body);
    free(body);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_format_is_byte_for_byte),
        cmocka_unit_test(an_alias_changes_the_model_only),
        cmocka_unit_test(usage_is_asked_for_and_hidden),
        cmocka_unit_test(streams_at_every_split),
        cmocka_unit_test(the_other_format_is_translated),
        cmocka_unit_test(credentials_do_not_cross),
        cmocka_unit_test(the_request_id_is_theirs_or_ours),
        cmocka_unit_test(refusals_speak_the_dialect_of_the_path),
        cmocka_unit_test(models_in_both_shapes),
        cmocka_unit_test(echo_answers_in_process),
        cmocka_unit_test(a_denial_needs_no_body),
        cmocka_unit_test(the_token_that_we_issue_opens_the_gate),
        cmocka_unit_test(the_issuer_is_public_and_strict),
        cmocka_unit_test(the_embedder_may_vouch),
        cmocka_unit_test(it_waits_for_keys),
        cmocka_unit_test(keys_that_do_not_come),
        cmocka_unit_test(ready_comes_from_the_step_only),
        cmocka_unit_test(a_body_may_follow),
        cmocka_unit_test(waiting_drives_the_loop),
        cmocka_unit_test(a_body_over_the_cap_is_413),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
