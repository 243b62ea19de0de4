/* The token source: one request for many, renewal, errors, the form, the answer. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "base/text.h"
#include "rim/token.h"
#include "rim/token_answer.h"
#include <stdatomic.h>

static _Atomic int64_t fake_s;

static int64_t fake_unix_s(void *user)
{
    (void)user;
    return atomic_load(&fake_s);
}

static int64_t fake_now_ms(void *user)
{
    (void)user;
    return atomic_load(&fake_s) * 1000;
}

static const char *no_env(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static const aigw_host host = {
    .size = sizeof(aigw_host), .now_ms = fake_now_ms, .unix_s = fake_unix_s, .env = no_env};

typedef struct answer {
    int status;
    const char *body; /* %d: the number of the request */
    bool gated;
    char form[4096], head[4096];
} answer;

static bool serve_token(test_request *r)
{
    answer *a = r->server->user;
    static _Thread_local char text[200 * 1024]; /* one of each thread of the server */

    snprintf(a->form, sizeof a->form, "%s", r->body);
    snprintf(a->head, sizeof a->head, "%.*s", (int)sizeof a->head - 1, r->head);
    if (a->gated)
        server_pass(r->server);
    const char *hash = strchr(a->body, '#');
    if (hash)
        snprintf(text, sizeof text, "%.*s%d%s", (int)(hash - a->body), a->body, r->number,
                 hash + 1);
    else
        snprintf(text, sizeof text, "%s", a->body);
    return send_answer(r->fd, a->status, text);
}

typedef struct room {
    answer answer;
    test_server *server;
    aigw_token_source *source;
} room;

static room *room_new(const char *secret, const char *scope, int status, const char *body)
{
    room *x = calloc(1, sizeof *x);
    char url[128];
    gw_token_options options = {.client_id = "agent",
                                .client_secret = secret,
                                .scope = scope,
                                .retry_ms = 1,
                                .host = &host};

    atomic_store(&fake_s, 1000000);
    x->answer.status = status;
    x->answer.body = body;
    x->server = server_start(serve_token, &x->answer);
    options.endpoint = server_url(x->server, url, sizeof url, "/oauth2/token");
    assert_int_equal(gw_token_source_new(&options, &x->source, NULL), AIGW_OK);
    return x;
}

static void room_free(room *x)
{
    aigw_token_source_free(x->source);
    server_stop(x->server);
    free(x);
}

static void expect(room *x, const char *value, int64_t expires)
{
    aigw_token token = {0};
    aigw_error err = {0};

    if (aigw_token_get(x->source, &token, &err) != AIGW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(token.value, value);
    assert_int_equal(token.expires_unix_s, expires);
    aigw_token_free(&token);
    assert_null(token.value);
}

static void expect_error(room *x, int code, int status, const char *reason)
{
    aigw_token token = {0};
    aigw_error err = {0};

    assert_int_equal(aigw_token_get(x->source, &token, &err), code);
    assert_null(token.value);
    assert_int_equal(err.http_status, status);
    assert_string_equal(err.reason, reason);
    assert_null(strstr(err.message, "s3cret"));
}

static void the_form_arrives_intact(void **state)
{
    room *x = room_new("a&b=c+d%e f/\xc3\xa4~", "x/invoke y", 200, "{\"access_token\":\"t\"}");

    (void)state;
    expect(x, "t", 0);
    assert_string_equal(x->answer.form,
                        "grant_type=client_credentials&client_id=agent"
                        "&client_secret=a%26b%3Dc%2Bd%25e%20f%2F%C3%A4~&scope=x%2Finvoke%20y");
    assert_int_equal(strncmp(x->answer.head, "POST /oauth2/token HTTP/1.1\r\n", 29), 0);
    assert_non_null(
        strcasestr(x->answer.head, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    room_free(x);
}

static void kept_and_renewed_in_time(void **state)
{
    room *x = room_new("s", NULL, 200,
                       "{\"access_token\":\"t#\",\"expires_in\":3600,\"token_type\":\"Bearer\"}");

    (void)state;
    expect(x, "t1", 1003600);
    assert_null(strstr(x->answer.form, "scope"));
    atomic_store(&fake_s, 1000000 + 2429); /* up to a tenth before three quarters of its life */
    expect(x, "t1", 1003600);
    atomic_store(&fake_s, 1000000 + 2700);
    expect(x, "t2", 1002700 + 3600);
    x->answer.body =
        "{\"access_token\":\"s#\",\"expires_in\":\"100\"}"; /* short: renewed at half of it */
    atomic_store(&fake_s, 1010000);
    expect(x, "s3", 1010100);
    atomic_store(&fake_s, 1010044);
    expect(x, "s3", 1010100);
    atomic_store(&fake_s, 1010050);
    expect(x, "s4", 1010150);
    room_free(x);
}

static void a_life_that_is_not_told_is_not_trusted(void **state)
{
    static const char *const bodies[] = {"{\"access_token\":\"t#\"}",
                                         "{\"access_token\":\"t#\",\"expires_in\":-5}",
                                         "{\"access_token\":\"t#\",\"expires_in\":null}",
                                         "{\"access_token\":\"t#\",\"expires_in\":\"soon\"}"};
    room *x = room_new("s", NULL, 200, bodies[0]);
    char value[8];

    (void)state;
    for (int i = 0; i < 8; i++) {
        x->answer.body = bodies[i % 4];
        snprintf(value, sizeof value, "t%d", i + 1);
        expect(x, value, 0);
    }
    room_free(x);
}

static void the_old_token_bridges_a_failing_endpoint(void **state)
{
    room *x = room_new("s", NULL, 200, "{\"access_token\":\"t#\",\"expires_in\":3600}");

    (void)state;
    expect(x, "t1", 1003600);
    x->answer.status = 500;
    atomic_store(&fake_s, 1003000);
    expect(x, "t1", 1003600); /* two tries */
    expect(x, "t1", 1003600); /* backing off: not asked again within the same second */
    assert_int_equal(server_read(x->server, &x->server->requests), 3);
    atomic_store(&fake_s, 1003001);
    expect(x, "t1", 1003600);
    assert_int_equal(server_read(x->server, &x->server->requests), 5);
    atomic_store(&fake_s, 1003599);
    expect_error(x, AIGW_E_UPSTREAM, 500, "token_status"); /* too close to its end */
    x->answer.status = 200;
    expect_error(x, AIGW_E_UPSTREAM, 500, "token_status"); /* backing off: 4 seconds */
    assert_int_equal(server_read(x->server, &x->server->requests), 7);
    atomic_store(&fake_s, 1003603);
    expect(x, "t8", 1003603 + 3600);
    room_free(x);
}

static void refusals_show_their_body(void **state)
{
    room *x = room_new("s3cret", NULL, 400, "{\"error\":\"invalid_client\"}");

    (void)state;
    assert_int_equal(aigw_token_last_body(x->source).len, 0);
    expect_error(x, AIGW_E_UPSTREAM, 400, "token_status");
    aigw_slice body = aigw_token_last_body(x->source);
    assert_true(gw_eq(body, GW_S("{\"error\":\"invalid_client\"}")));
    aigw_bytes_free(body);
    x->answer.status = 302;
    atomic_fetch_add(&fake_s, 30);
    expect_error(x, AIGW_E_UPSTREAM, 302, "token_status");
    x->answer.status = 201; /* any 2xx will do */
    atomic_fetch_add(&fake_s, 30);
    x->answer.body = "{\"access_token\":\"t\"}";
    expect(x, "t", 0);
    assert_int_equal(aigw_token_last_body(x->source).len, 0);
    room_free(x);
}

static void answers_without_a_token(void **state)
{
    static char huge[100 * 1024];
    static const char *const bodies[] = {"",
                                         "junk",
                                         "[]",
                                         "\"access_token\"",
                                         "{}",
                                         "{\"access_token\":\"\"}",
                                         "{\"access_token\":5}",
                                         "{\"access_token\":null}",
                                         "{\"access_token\":[\"t\"]}",
                                         "{\"access_token\":\"t\"} x",
                                         "{\"access_token\":\"t\"",
                                         "{\"access_token\":\"a\",\"access_token\":\"b\"}",
                                         "{\"access_token\":\"a\\u0000b\"}",
                                         "{\"access_token\":\"a\\r\\nX: y\"}",
                                         "{\"Access_Token\":\"t\"}",
                                         "{\"access_token\":\"\xff\"}",
                                         huge};
    room *x = room_new("s3cret", NULL, 200, "");

    (void)state;
    memset(huge, ' ', sizeof huge - 1);
    memcpy(huge, "{\"access_token\":\"t\"}", 20);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        x->answer.body = bodies[i];
        atomic_fetch_add(&fake_s, 30);
        expect_error(x, AIGW_E_PARSE, 0, "token_answer");
    }
    atomic_fetch_add(&fake_s, 30);
    x->answer.body = "{\"access_token\":\"a\\u002Eb\\/\\u00e4\"}";
    expect(x, "a.b/\xc3\xa4", 0);
    room_free(x);
}

typedef struct asker {
    room *x;
    int code;
    int status;
    char value[64];
} asker;

static void *ask(void *arg)
{
    asker *a = arg;
    aigw_token token = {0};
    aigw_error err = {0};

    a->code = aigw_token_get(a->x->source, &token, &err);
    a->status = err.http_status;
    snprintf(a->value, sizeof a->value, "%s", token.value ? token.value : "");
    aigw_token_free(&token);
    return NULL;
}

/* The endpoint answers once all have asked or are about to; whoever comes later finds the kept token. */
static void ask_from_many(int status, const char *body, int code, const char *value)
{
    enum { N = 8 };
    room *x = room_new("s", NULL, status, body);
    pthread_t threads[N];
    asker askers[N];

    x->answer.gated = true;
    for (int i = 0; i < N; i++) {
        askers[i] = (asker){.x = x};
        pthread_create(&threads[i], NULL, ask, &askers[i]);
    }
    server_wait(x->server, &x->server->requests, 1);
    server_open_gate(x->server);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].code, code);
        assert_string_equal(askers[i].value, value);
        assert_int_equal(askers[i].status, code == AIGW_OK ? 0 : status);
    }
    if (code == AIGW_OK)
        assert_int_equal(server_read(x->server, &x->server->requests), 1);
    room_free(x);
}

static void one_request_for_many_threads(void **state)
{
    (void)state;
    ask_from_many(200, "{\"access_token\":\"t#\",\"expires_in\":3600}", AIGW_OK, "t1");
}

static void an_error_reaches_all_who_waited(void **state)
{
    (void)state;
    ask_from_many(403, "no", AIGW_E_UPSTREAM, "");
}

static void no_endpoint(void **state)
{
    gw_token_options options = {
        .client_id = "a", .client_secret = "s3cret", .retry_ms = 1, .host = &host};
    aigw_token_source *source = NULL;
    aigw_token token = {0};
    aigw_error err = {0};
    char url[64];

    (void)state;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_E_INVALID);
    options.endpoint = "http://example.com/token";
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_E_CONFIG);
    assert_string_equal(err.reason, "insecure_url");
    options.allow_http = true;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_OK);
    aigw_token_source_free(source);
    options.allow_http = false;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/token", closed_port());
    options.endpoint = url;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_OK);
    assert_int_equal(aigw_token_get(source, &token, &err), AIGW_E_UPSTREAM);
    assert_int_equal(err.http_status, 0);
    assert_string_equal(err.reason, "connect");
    assert_int_equal(aigw_token_last_body(source).len, 0);
    aigw_token_source_free(source);
    aigw_token_source_free(NULL);
    aigw_token_free(NULL);
}

static void a_silent_endpoint(void **state)
{
    room *x = room_new("s", NULL, 200, "{}");
    gw_token_options options = {
        .client_id = "a", .client_secret = "b", .timeout_ms = 100, .host = &host};
    char url[128];
    aigw_token token;
    aigw_error err;

    (void)state;
    x->answer.gated = true;
    aigw_token_source_free(x->source);
    options.endpoint = server_url(x->server, url, sizeof url, "/");
    assert_int_equal(gw_token_source_new(&options, &x->source, NULL), AIGW_OK);
    assert_int_equal(aigw_token_get(x->source, &token, &err), AIGW_E_TIMEOUT);
    room_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_arrives_intact),
        cmocka_unit_test(kept_and_renewed_in_time),
        cmocka_unit_test(a_life_that_is_not_told_is_not_trusted),
        cmocka_unit_test(the_old_token_bridges_a_failing_endpoint),
        cmocka_unit_test(refusals_show_their_body),
        cmocka_unit_test(answers_without_a_token),
        cmocka_unit_test(one_request_for_many_threads),
        cmocka_unit_test(an_error_reaches_all_who_waited),
        cmocka_unit_test(no_endpoint),
        cmocka_unit_test(a_silent_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
