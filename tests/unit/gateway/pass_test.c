/* Pass-through with a scripted upstream: bodies in pieces, early ends, silence, limits. */
#include "gateway/pass.h"
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define PASS_CONFIG                                                                                \
    "auth: {jwt: {enabled: false}}\n"                                                              \
    "providers:\n"                                                                                 \
    "  - {name: o, type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1, "        \
    "pass_through: true, timeouts: {idle_ms: 10000, first_byte_ms: 30000, total_ms: 40000}}\n"     \
    "  - {name: a, type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2, "        \
    "pass_through: true}\n"                                                                        \
    "  - {name: g, type: gemini, base_url: 'http://127.0.0.1:9', api_key: up-secret-3, "           \
    "pass_through: true}\n"                                                                        \
    "limits: {max_pass_bytes: 1000000}\n"

static aigw_exchange *open_flow(fake *f, const char *method, const char *path, const char *length,
                                aigw_ready_fn *ready, void *user)
{
    const aigw_header headers[] = {{GW_S("content-type"), GW_S("x/y")},
                                   {GW_S("content-length"), aigw_slice_of(length)}};
    aigw_request request = {.size = sizeof request,
                            .method = aigw_slice_of(method),
                            .target = aigw_slice_of(path),
                            .headers = headers,
                            .header_count = length ? 2 : 1,
                            .body_follows = true};
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, ready, user, &x, NULL), AIGW_OK);
    return x;
}

static aigw_exchange *open_post(fake *f, const char *length)
{
    return open_flow(f, "POST", "/pass/o/v1/files", length, NULL, NULL);
}

static int put(aigw_exchange *x, const char *text, size_t *taken)
{
    size_t n = 0;
    int rc = aigw_exchange_write(x, aigw_slice_of(text), taken ? taken : &n, NULL);
    return rc;
}

static const char *taken_by(fake *f, size_t i)
{
    gw_buf_putc(&f->transfers[i].taken, '\0');
    return gw_buf_slice(&f->transfers[i].taken).data;
}

static const fake_answer fine = {.status = 200, .type = "text/plain", .body = "fine"};

static void whole_bodies(void **state)
{
    (void)state;
    const fake_answer script[] = {fine, fine};
    fake *f = fake_new(PASS_CONFIG, script, 2);
    aigw_exchange *x = fake_open(f, "/pass/o/v1/files?a=1", "the body");
    assert_false(aigw_exchange_body_streams(x));
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "fine");
    assert_true(r.streaming);
    free(r.body);
    assert_string_equal(f->methods[0], "POST");
    assert_string_equal(f->paths[0], "/v1/files?a=1");
    assert_string_equal(f->bodies[0], "the body");
    x = open_post(f, "5"); /* it may be given whole even where it could flow */
    assert_true(aigw_exchange_body_streams(x));
    assert_int_equal(aigw_exchange_body(x, GW_S("whole"), NULL), AIGW_OK);
    assert_false(aigw_exchange_body_streams(x));
    r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_string_equal(f->bodies[1], "whole");
    fake_free(f);
}

static void pieces(void **state)
{
    (void)state;
    const fake_answer script[] = {fine, fine};
    fake *f = fake_new(PASS_CONFIG, script, 2);
    for (size_t i = 0; i < 2; i++) {
        aigw_exchange *x = open_post(f, i ? "100000" : NULL);
        fake_steps(f);
        assert_int_equal(f->next, i); /* nobody is asked before there is something to send */
        const char *const parts[] = {"abc", "def", "ghi"};
        for (size_t k = 0; k < 3; k++) {
            size_t n = 0;
            assert_int_equal(put(x, parts[k], &n), AIGW_OK);
            assert_int_equal(n, 3);
            fake_steps(f);
        }
        assert_int_equal(aigw_exchange_body(x, GW_S("more"), NULL), AIGW_E_INVALID);
        for (size_t k = 0; i && k < 99991; k++)
            put(x, "x", NULL);
        assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
        assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_E_INVALID);
        assert_int_equal(put(x, "late", NULL), AIGW_E_INVALID);
        fake_result r = fake_take(f, x);
        assert_int_equal(r.status, 200);
        free(r.body);
        assert_int_equal(strlen(taken_by(f, i)), i ? 100000 : 9);
        assert_memory_equal(taken_by(f, i), "abcdefghi", 9);
        assert_int_equal(f->upload_bytes[i], i ? 100000 : -1);
    }
    assert_has(f->log, "\"request_bytes\":9,");
    assert_has(f->log, "\"request_bytes\":100000");
    assert_has(f->log, "\"response_bytes\":4");
    fake_free(f);
}

static void a_short_body_is_sent_as_a_whole(void **state)
{
    (void)state;
    const fake_answer script[] = {fine};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = open_post(f, "9");
    assert_true(aigw_exchange_body_streams(x));
    assert_int_equal(put(x, "abcdef", NULL), AIGW_OK);
    fake_steps(f);
    assert_int_equal(f->next, 0);
    assert_int_equal(put(x, "ghi", NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_string_equal(f->bodies[0], "abcdefghi");
    assert_null(f->transfers[0].upload);
    assert_has(f->log, "\"request_bytes\":9");
    fake_free(f);
}

static void no_body_at_all(void **state)
{
    (void)state;
    const fake_answer script[] = {fine, fine};
    fake *f = fake_new(PASS_CONFIG, script, 2);
    aigw_exchange *x = open_post(f, NULL);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_string_equal(f->bodies[0], "");
    r = fake_call(f, "/pass/o/v1/files", NULL);
    assert_string_equal(f->methods[1], "GET");
    free(r.body);
    fake_free(f);
}

static void the_said_length_holds(void **state)
{
    (void)state;
    const fake_answer script[] = {fine, fine};
    fake *f = fake_new(PASS_CONFIG, script, 2);
    aigw_exchange *x = open_post(f, "5");
    assert_int_equal(put(x, "abc", NULL), AIGW_OK);
    assert_int_equal(put(x, "def", NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_E_INVALID);
    fake_steps(f);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_E_INVALID);
    aigw_exchange_free(x);
    assert_int_equal(f->next, 0); /* a short one is sent when it is all there */
    static char large[100002];
    memset(large, 'k', 100001);
    x = open_post(f, "100000");
    assert_int_equal(put(x, large, NULL), AIGW_E_INVALID);
    assert_int_equal(put(x, large + 2, NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_E_INVALID);
    fake_steps(f);
    aigw_exchange_free(x);
    assert_int_equal(f->cancelled, 1);
    assert_has(f->log, "\"outcome\":\"cancelled\"");
    fake_free(f);
}

static void count_ready(aigw_exchange *x, void *user)
{
    (void)x;
    ++*(int *)user;
}

static void back_pressure(void **state)
{
    (void)state;
    static char kilo[1025];
    const fake_answer script[] = {fine};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    int calls = 0;
    memset(kilo, 'k', 1024);
    aigw_exchange *x = open_flow(f, "POST", "/pass/o/v1/files", NULL, count_ready, &calls);
    f->deaf = true;
    size_t given = 0, n;
    int rc;
    while ((rc = put(x, kilo, &n)) == AIGW_OK && given < 10000000) {
        given += n;
        fake_steps(f);
    }
    assert_int_equal(rc, AIGW_AGAIN);
    assert_int_equal(given, GW_PIPE_BYTES);
    assert_int_equal(aigw_exchange_write_room(x), 0);
    fake_steps(f);
    assert_int_equal(calls, 0);
    fake_hear(f);
    fake_steps(f);
    assert_int_equal(calls, 1);
    assert_int_equal(aigw_exchange_write_room(x), GW_PIPE_BYTES);
    assert_int_equal(aigw_exchange_wait(x, 0, NULL), AIGW_OK); /* room is news, too */
    assert_int_equal(put(x, kilo, &n), AIGW_OK);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_int_equal(gw_buf_len(&f->transfers[0].taken), GW_PIPE_BYTES + 1024);
    fake_free(f);
}

static void an_early_refusal(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 413, .type = JSON, .body = "{\"no\":1}", .early = true}};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = open_post(f, "100000");
    assert_int_equal(put(x, "abc", NULL), AIGW_OK);
    fake_steps(f);
    size_t n = 7;
    assert_int_equal(put(x, "def", &n), AIGW_END);
    assert_int_equal(n, 0);
    assert_int_equal(aigw_exchange_write_room(x), 0);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 413);
    assert_string_equal(r.body, "{\"no\":1}");
    free(r.body);
    fake_free(f);
}

static void an_early_good_answer_waits_for_the_body(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .body = "early", .early = true, .hang = true}};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = open_post(f, NULL);
    aigw_head head;
    assert_int_equal(put(x, "abc", NULL), AIGW_OK);
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    assert_int_equal(put(x, "def", NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.status, 200);
    assert_string_equal(taken_by(f, 0), "abcdef");
    aigw_exchange_free(x);
    fake_free(f);
}

/* Pieces may come while the key set is fetched; nobody is asked before the token has passed. */
static void pieces_while_keys_are_fetched(void **state)
{
    (void)state;
    static char jwks[4096], bearer[4096], large[70001];
    const aigw_slice scope = GW_S("https://gateway.internal/invoke");
    const aigw_issuer_client client = {
        .id = GW_S("c"), .secret = GW_S("s"), .scopes = &scope, .scope_count = 1};
    const aigw_issuer_options options = {.size = sizeof options,
                                         .clients = &client,
                                         .issuer = GW_S("http://127.0.0.1:9/pool"),
                                         .client_count = 1};
    const fake_answer script[] = {{.status = 200, .type = JSON, .body = jwks}, fine};
    fake *f = fake_new("auth: {jwt: {issuers: [{issuer: 'http://127.0.0.1:9/pool', jwks_url: "
                       "'http://127.0.0.1:9/keys'}]}}\nproviders: [{type: openai, api_key: k, "
                       "pass_through: true, base_url: 'http://127.0.0.1:9/v1'}]\n",
                       script, 2);
    aigw_issuer *issuer = NULL;
    aigw_slice token;
    assert_int_equal(aigw_issuer_new(&options, &f->host, &issuer, NULL), AIGW_OK);
    assert_int_equal(aigw_issuer_mint(issuer, GW_S("c"), GW_S(""), &token, NULL), AIGW_OK);
    snprintf(bearer, sizeof bearer, "Bearer %.*s", (int)token.len, token.data);
    snprintf(jwks, sizeof jwks, "%.*s", (int)aigw_issuer_jwks(issuer).len,
             aigw_issuer_jwks(issuer).data);
    aigw_bytes_free(token);
    aigw_issuer_free(issuer);
    const aigw_header headers[] = {{GW_S("authorization"), aigw_slice_of(bearer)}};
    aigw_request request = {.size = sizeof request,
                            .method = GW_S("POST"),
                            .target = GW_S("/pass/openai/files"),
                            .headers = headers,
                            .header_count = 1,
                            .body_follows = true};
    aigw_exchange *x = NULL;
    memset(large, 'k', 70000);
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    assert_true(aigw_exchange_body_streams(x));
    assert_int_equal(put(x, large, NULL), AIGW_OK);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    assert_int_equal(f->next, 1);
    assert_string_equal(f->methods[0], "GET");
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    assert_int_equal(gw_buf_len(&f->transfers[1].taken), 70000);
    assert_has_not(f->headers[1], "Bearer ey"); /* the client's token stays here */
    fake_free(f);
}

static void limits_of_size(void **state)
{
    (void)state;
    static char large[300001];
    const fake_answer script[] = {fine};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    memset(large, 'k', 300000);
    fake_result r = fake_take(f, open_post(f, "1000001"));
    assert_int_equal(r.status, 413);
    free(r.body);
    assert_int_equal(f->next, 0);
    aigw_exchange *x = open_post(f, NULL);
    size_t given = 0, n;
    int rc = AIGW_OK;
    while (rc == AIGW_OK || rc == AIGW_AGAIN) {
        rc = put(x, large, &n);
        given += n;
        fake_steps(f);
        assert_true(given <= 1000000);
    }
    assert_int_equal(rc, AIGW_END);
    r = fake_take(f, x);
    assert_int_equal(r.status, 413);
    free(r.body);
    assert_int_equal(f->cancelled, 1);
    fake_free(f);
}

static void silence_while_it_is_sent(void **state)
{
    (void)state;
    const fake_answer script[] = {fine};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = open_post(f, NULL);
    aigw_head head;
    put(x, "abc", NULL);
    fake_steps(f);
    fake_pass(f, 3600000); /* all was taken: it is the client who is slow */
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    f->deaf = true;
    put(x, "def", NULL);
    fake_pass(f, 9000);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    fake_pass(f, 11000);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 504);
    free(r.body);
    assert_int_equal(f->cancelled, 1);
    fake_free(f);
}

static void silence_before_the_answer(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 0, .hang = true}};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = open_post(f, NULL);
    aigw_head head;
    put(x, "abc", NULL);
    fake_steps(f);
    fake_pass(f, 100000);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_pass(f, 29999); /* from the end of the body on */
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_AGAIN);
    fake_pass(f, 2);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 504);
    free(r.body);
    fake_free(f);
}

static void silence_within_the_answer(void **state)
{
    (void)state;
    const fake_answer script[] = {{.status = 200, .body = "abc", .hang = true}};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = fake_open(f, "/pass/o/v1/files", NULL);
    fake_steps(f);
    fake_pass(f, 9999);
    assert_int_not_equal(x->phase, GW_X_FAILED);
    fake_pass(f, 2);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.code, AIGW_E_TIMEOUT);
    assert_string_equal(r.body, "abc");
    free(r.body);
    assert_has(f->log, "\"outcome\":\"broken\"");
    fake_free(f);
}

static void a_slow_client_is_not_the_providers_silence(void **state)
{
    (void)state;
    static char large[1000001];
    memset(large, 'd', 1000000);
    const fake_answer script[] = {{.status = 200, .body = large, .piece = 10000}};
    fake *f = fake_new(PASS_CONFIG, script, 1);
    aigw_exchange *x = fake_open(f, "/pass/o/v1/files", NULL);
    fake_steps(f);
    assert_true(gw_buf_len(&x->out) >= GW_OUT_HIGH && gw_buf_len(&x->out) < GW_OUT_HIGH + 20000);
    fake_pass(f, 3600000);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.code, AIGW_END);
    assert_int_equal(strlen(r.body), 1000000);
    assert_true(f->resumed > 0);
    free(r.body);
    fake_free(f);
}

static void answers_with_a_length(void **state)
{
    (void)state;
    const fake_answer script[] = {
        {.status = 206,
         .headers = {"content-length", "4", "content-range", "bytes 0-3/9"},
         .body = "part"},
        {.status = 200, .type = JSON, .headers = {"content-length", "99"}},
        {.status = 204},
        {.status = 200,
         .headers = {"content-length", "9"},
         .body = "part",
         .failure = GW_HTTP_BROKEN}};
    fake *f = fake_new(PASS_CONFIG, script, 4);
    aigw_head head;
    aigw_exchange *x = fake_open(f, "/pass/o/v1/files", NULL);
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.status, 206);
    assert_false(head.streaming);
    assert_int_equal(head.body_bytes, 4);
    assert_slice(fake_header(x, "content-range"), "bytes 0-3/9");
    assert_null(fake_header(x, "content-type").data);
    aigw_exchange_free(x);
    x = open_flow(f, "HEAD", "/pass/o/v1/files", "0", NULL, NULL);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_OK);
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.body_bytes, 99);
    aigw_slice bytes;
    assert_int_equal(aigw_exchange_read(x, &bytes, NULL), AIGW_END);
    assert_string_equal(f->methods[1], "HEAD");
    aigw_exchange_free(x);
    x = fake_open(f, "/pass/o/v1/files", NULL);
    fake_steps(f);
    assert_int_equal(aigw_exchange_head(x, &head, NULL), AIGW_OK);
    assert_int_equal(head.status, 204);
    assert_false(head.streaming);
    aigw_exchange_free(x);
    fake_result r = fake_take(f, fake_open(f, "/pass/o/v1/files", NULL));
    assert_int_equal(r.code, AIGW_E_UPSTREAM);
    free(r.body);
    fake_free(f);
}

static void requests_without_their_body_are_no_use_elsewhere(void **state)
{
    (void)state;
    fake *f = fake_new(PASS_CONFIG "models: [{name: m, targets: [{provider: o}]}]\n", NULL, 0);
    aigw_exchange *x = open_flow(f, "POST", OPENAI_PATH, "5", NULL, NULL);
    assert_false(aigw_exchange_body_streams(x));
    assert_int_equal(put(x, "abc", NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_exchange_write_end(x, NULL), AIGW_E_INVALID);
    assert_int_equal(aigw_exchange_write_room(x), 0);
    aigw_exchange_free(x);
    x = open_flow(f, "POST", "/pass/nobody/x", "5", NULL, NULL); /* answered before its body */
    size_t n;
    assert_int_equal(put(x, "abc", &n), AIGW_END);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 404);
    free(r.body);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_bodies),
        cmocka_unit_test(pieces),
        cmocka_unit_test(a_short_body_is_sent_as_a_whole),
        cmocka_unit_test(no_body_at_all),
        cmocka_unit_test(the_said_length_holds),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(an_early_refusal),
        cmocka_unit_test(an_early_good_answer_waits_for_the_body),
        cmocka_unit_test(pieces_while_keys_are_fetched),
        cmocka_unit_test(limits_of_size),
        cmocka_unit_test(silence_while_it_is_sent),
        cmocka_unit_test(silence_before_the_answer),
        cmocka_unit_test(silence_within_the_answer),
        cmocka_unit_test(a_slow_client_is_not_the_providers_silence),
        cmocka_unit_test(answers_with_a_length),
        cmocka_unit_test(requests_without_their_body_are_no_use_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
