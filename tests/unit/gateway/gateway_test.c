/* The gateway object: made, reloaded while requests run, shared by threads, called without a loop. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"
#include <pthread.h>

#define ECHO            "providers: [{type: echo}]\n"
#define ISSUER(clients) "issuer: {url: 'http://127.0.0.1:8787', clients: [" clients "]}\n" ECHO

static void a_bad_config_makes_nothing(void **state)
{
    (void)state;
    aigw_gateway *gw = NULL;
    aigw_error err = {0};
    assert_int_equal(aigw_gateway_new(GW_S("providers: [{type: no-such}]"), NULL, &gw, &err),
                     AIGW_E_CONFIG);
    assert_null(gw);
    assert_int_equal(err.line, 1);
    assert_int_equal(aigw_gateway_new(GW_S(ECHO), NULL, NULL, &err), AIGW_E_INVALID);
}

static void a_reload_is_all_or_nothing(void **state)
{
    (void)state;
    aigw_error err = {0};
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    assert_int_equal(aigw_gateway_reload(f->gw, GW_S("providers: 7"), &err), AIGW_E_CONFIG);
    fake_result r = fake_call(f, "/v1/models", NULL);
    assert_has(r.body, "\"o-alias\"");
    free(r.body);
    assert_int_equal(aigw_gateway_reload(f->gw, GW_S(ECHO), &err), AIGW_OK);
    r = fake_call(f, "/v1/models", NULL);
    assert_has_not(r.body, "\"o-alias\"");
    free(r.body);
    fake_free(f);
}

static void running_exchanges_keep_the_old_config(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = O_ANSWER}};
    fake *f = fake_new(FAKE_CONFIG, script, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK("o"));
    assert_int_equal(aigw_gateway_reload(f->gw, GW_S(ECHO), NULL), AIGW_OK);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("echo"));
    assert_int_equal(r.status, 200);
    free(r.body);
    r = fake_take(f, x);
    assert_string_equal(r.body, O_ANSWER);
    free(r.body);
    fake_free(f);
}

/* A key that was made, not configured, outlives a reload, and so do the tokens that it signed. */
static void a_made_key_outlives_a_reload(void **state)
{
    (void)state;
    fake *f = fake_new(ISSUER("{id: a, secret: s}"), NULL, 0);
    fake_result before = fake_call(f, "/.well-known/jwks.json", NULL);
    assert_int_equal(
        aigw_gateway_reload(f->gw, GW_S(ISSUER("{id: a, secret: t}, {id: b, secret: s}")), NULL),
        AIGW_OK);
    fake_result after = fake_call(f, "/.well-known/jwks.json", NULL);
    assert_int_equal(before.status, 200);
    assert_string_equal(before.body, after.body);
    free(before.body);
    free(after.body);
    assert_int_equal(aigw_gateway_reload(f->gw, GW_S(ECHO), NULL), AIGW_OK);
    after = fake_call(f, "/.well-known/jwks.json", NULL);
    assert_int_equal(after.status, 404);
    free(after.body);
    fake_free(f);
}

#define FAR(scope)                                                                                 \
    "auth: {jwt: {issuers: [{issuer: 'http://127.0.0.1:9/pool', scopes: [" scope                   \
    "], jwks_url: 'http://127.0.0.1:9/keys'}]}}\n" ECHO

/* Fetched keys outlive a reload, too: the script has one answer only. */
static void fetched_keys_outlive_a_reload(void **state)
{
    (void)state;
    char bearer[4096], jwks[4096];
    fake_answer script[] = {{.status = 200, .type = JSON, .body = jwks}};
    fake *f = fake_new(FAR("x"), script, 1);
    const aigw_slice scope = GW_S("x");
    const aigw_issuer_client client = {
        .id = GW_S("c"), .secret = GW_S("s"), .scopes = &scope, .scope_count = 1};
    const aigw_issuer_options options = {.size = sizeof options,
                                         .clients = &client,
                                         .client_count = 1,
                                         .issuer = GW_S("http://127.0.0.1:9/pool")};
    aigw_issuer *issuer = NULL;
    aigw_slice token;
    assert_int_equal(aigw_issuer_new(&options, &f->host, &issuer, NULL), AIGW_OK);
    assert_int_equal(aigw_issuer_mint(issuer, client.id, GW_S(""), &token, NULL), AIGW_OK);
    snprintf(bearer, sizeof bearer, "Bearer %.*s", (int)token.len, token.data);
    snprintf(jwks, sizeof jwks, "%.*s", (int)aigw_issuer_jwks(issuer).len,
             aigw_issuer_jwks(issuer).data);
    aigw_bytes_free(token);
    aigw_issuer_free(issuer);
    for (int i = 0; i < 3; i++) {
        const aigw_header header = {GW_S("authorization"), aigw_slice_of(bearer)};
        aigw_request request = fake_request(OPENAI_PATH, ASK("echo"));
        request.headers = &header;
        request.header_count = 1;
        aigw_exchange *x = NULL;
        assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
        fake_result r = fake_take(f, x);
        /* Policy runs on cached facts: with another scope the same token is refused. */
        assert_int_equal(r.status, i < 2 ? 200 : 401);
        free(r.body);
        aigw_slice next = i == 0 ? GW_S("log: {access: false}\n" FAR("x")) : GW_S(FAR("y"));
        assert_int_equal(aigw_gateway_reload(f->gw, next, NULL), AIGW_OK);
    }
    assert_int_equal(f->next, 1);
    fake_free(f);
}

static void a_call_needs_no_loop(void **state)
{
    (void)state;
    aigw_gateway *gw = NULL;
    aigw_slice body = {NULL, 0};
    aigw_usage usage;
    int status = 0;
    assert_int_equal(aigw_gateway_new(GW_S(ECHO), NULL, &gw, NULL), AIGW_OK);
    aigw_request request = fake_request(OPENAI_PATH, ASK("echo"));
    assert_int_equal(aigw_call(gw, &request, 10000, &status, &body, &usage, NULL), AIGW_OK);
    assert_int_equal(status, 200);
    assert_true(body.len > 0);
    assert_true(usage.output_tokens > 0);
    aigw_bytes_free(body);
    request = fake_request(OPENAI_PATH, ASK_STREAM("echo"));
    assert_int_equal(aigw_call(gw, &request, -1, &status, &body, NULL, NULL), AIGW_OK);
    assert_true(gw_ends(body, GW_S("data: [DONE]\n\n")));
    aigw_bytes_free(body);
    request = fake_request("/nowhere", NULL);
    assert_int_equal(aigw_call(gw, &request, -1, &status, &body, NULL, NULL), AIGW_OK);
    assert_int_equal(status, 404);
    aigw_bytes_free(body);
    aigw_gateway_free(gw);
}

static void a_loop_keeps_its_gateway(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    aigw_gateway_free(f->gw);
    fake_result r = fake_call(f, OPENAI_PATH, ASK("e"));
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_ptr_equal(aigw_gateway_ref(f->loop->gw), f->gw);
    fake_free(f);
}

/* -- eight threads, while the config changes under them -- */

typedef struct crowd {
    aigw_gateway *gw;
    char *bearer;
    int bad;
} crowd;

static void *one_of_the_crowd(void *user)
{
    crowd *c = user;
    aigw_loop *loop = NULL;
    if (aigw_loop_new(c->gw, &loop, NULL) != AIGW_OK)
        return c;
    const aigw_header header = {GW_S("authorization"), aigw_slice_of(c->bearer)};
    for (int i = 0; i < 150; i++) {
        aigw_request request = fake_request(OPENAI_PATH, ASK_STREAM("echo"));
        request.headers = &header;
        request.header_count = 1;
        aigw_exchange *x = NULL;
        if (aigw_exchange_start(loop, &request, NULL, NULL, &x, NULL) != AIGW_OK)
            continue;
        gw_buf out;
        gw_buf_init(&out, 1 << 20);
        int rc = fake_read(x, &out);
        if (rc != AIGW_END || x->status != 200 || !gw_ends(gw_buf_slice(&out), GW_S(O_DONE)))
            __atomic_add_fetch(&c->bad, 1, __ATOMIC_RELAXED);
        gw_buf_free(&out);
        aigw_exchange_free(x);
        aigw_loop_step(loop, NULL);
    }
    aigw_loop_free(loop);
    return NULL;
}

static void reloads_under_a_crowd(void **state)
{
    (void)state;
    crowd c = {0};
    pthread_t threads[8];
    aigw_slice body;
    int status;
    assert_int_equal(aigw_gateway_new(GW_S(ISSUER("{id: a, secret: s}")), NULL, &c.gw, NULL),
                     AIGW_OK);
    const aigw_header headers[] = {
        {GW_S("content-type"), GW_S("application/x-www-form-urlencoded")},
        {GW_S("authorization"), GW_S("Basic YTpz")}};
    aigw_request request = fake_request("/oauth2/token", "grant_type=client_credentials");
    request.headers = headers;
    request.header_count = 2;
    assert_int_equal(aigw_call(c.gw, &request, -1, &status, &body, NULL, NULL), AIGW_OK);
    assert_int_equal(status, 200);
    const char *at = gw_find(body, GW_S("\"access_token\":\""));
    assert_non_null(at);
    at += strlen("\"access_token\":\"");
    c.bearer = malloc(body.len + 16);
    sprintf(c.bearer, "Bearer %.*s", (int)strcspn(at, "\""), at);
    aigw_bytes_free(body);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_the_crowd, &c), 0);
    for (int i = 0; i < 20; i++) {
        aigw_slice config = i % 3 == 0   ? GW_S(ISSUER("{id: a, secret: s}, {id: b, secret: s}"))
                            : i % 3 == 1 ? GW_S(ISSUER("{id: a, secret: s}"))
                                         : GW_S("nonsense: true");
        aigw_slice text;
        assert_int_equal(aigw_gateway_reload(c.gw, config, NULL) == AIGW_OK, i % 3 != 2);
        assert_int_equal(aigw_metrics_render(c.gw, &text, NULL), AIGW_OK);
        aigw_bytes_free(text);
    }
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(c.bad, 0);
    free(c.bearer);
    aigw_gateway_free(c.gw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_config_makes_nothing),
        cmocka_unit_test(a_reload_is_all_or_nothing),
        cmocka_unit_test(running_exchanges_keep_the_old_config),
        cmocka_unit_test(a_made_key_outlives_a_reload),
        cmocka_unit_test(fetched_keys_outlive_a_reload),
        cmocka_unit_test(a_call_needs_no_loop),
        cmocka_unit_test(a_loop_keeps_its_gateway),
        cmocka_unit_test(reloads_under_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
