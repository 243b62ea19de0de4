/* The token source on loops: waiting, sharing over threads, renewing, dropping, giving up; and its request. */
/* Must not need a network: the transport is scripted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "rim/token.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int64_t fake_ms;

static int64_t now_ms(void *user)
{
    (void)user;
    return fake_ms;
}

static int64_t unix_s(void *user)
{
    (void)user;
    return 1000000 + fake_ms / 1000;
}

static const char *no_env(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static const aigw_host host = {
    .size = sizeof(aigw_host), .now_ms = now_ms, .unix_s = unix_s, .env = no_env};

/* One request at a time is out; the test answers it. */
typedef struct script {
    gw_http_handler handler;
    void *user; /* NULL: nothing is out */
    int starts, cancels;
    char body[4096];
    int refuse; /* start fails with this */
} script;

static int script_start(void *self, const gw_http_request *request, const gw_http_handler *handler,
                        void *user, gw_transfer **out, aigw_error *err)
{
    script *s = self;

    (void)err;
    assert_null(s->user);
    s->starts++;
    if (s->refuse)
        return s->refuse;
    s->handler = *handler;
    s->user = user;
    snprintf(s->body, sizeof s->body, "%.*s", (int)request->body.len, request->body.data);
    *out = (gw_transfer *)self;
    return AIGW_OK;
}

static void script_cancel(void *self, gw_transfer *transfer)
{
    script *s = self;

    assert_ptr_equal(transfer, self);
    s->cancels++;
    s->user = NULL;
}

static void script_resume(void *self, gw_transfer *transfer)
{
    (void)self;
    (void)transfer;
}

static const gw_transport scripted = {script_start, script_cancel, script_resume};

static void answer(script *s, int status, const char *body)
{
    void *user = s->user;

    assert_non_null(user);
    s->user = NULL;
    s->handler.on_head(user, status, NULL, 0);
    s->handler.on_data(user, aigw_slice_of(body));
    s->handler.on_end(user, GW_HTTP_OK, true);
}

static void break_off(script *s, gw_http_failure failure)
{
    void *user = s->user;

    s->user = NULL;
    s->handler.on_end(user, failure, false);
}

typedef struct side {
    script script;
    gw_loop *loop;
    gw_token_port port;
} side;

typedef struct asker {
    gw_token_waiter waiter;
    int calls, code;
    char token[32], reason[48];
    uint64_t serial;
    aigw_token_source *again; /* asked from inside, once */
    struct asker *other;      /* cancelled from inside */
    side *side;
} asker;

static void came(void *user, aigw_slice token, uint64_t serial, const aigw_error *err)
{
    asker *a = user;

    a->calls++;
    a->serial = serial;
    a->code = token.len ? AIGW_OK : err->code;
    snprintf(a->token, sizeof a->token, "%.*s", (int)token.len, token.len ? token.data : "");
    snprintf(a->reason, sizeof a->reason, "%s", token.len ? "" : err->reason);
    if (a->other)
        gw_token_cancel(&a->other->waiter);
    if (a->again) {
        aigw_token_source *source = a->again;
        a->again = NULL;
        gw_token_ask(source, &a->side->port, &a->waiter, came, a);
    }
}

static void woken(void *user)
{
    gw_token_dispatch(user);
}

static void open_side(side *s)
{
    static const gw_clock clock = {NULL, now_ms, unix_s};

    *s = (side){.loop = gw_loop_new(&clock)};
    s->port =
        (gw_token_port){.loop = s->loop, .transport = &scripted, .transport_self = &s->script};
    gw_loop_on_wake(s->loop, woken, &s->port);
}

static void close_side(side *s)
{
    gw_token_port_close(&s->port);
    gw_loop_free(s->loop);
}

static aigw_token_source *source_new(void)
{
    gw_token_options options = {.endpoint = "https://issuer.example/token",
                                .client_id = "agent",
                                .client_secret = "s3cret",
                                .retry_ms = 10,
                                .host = &host};
    aigw_token_source *source = NULL;

    fake_ms = 1;
    assert_int_equal(gw_token_source_new(&options, &source, NULL), AIGW_OK);
    return source;
}

static void ask(aigw_token_source *source, side *s, asker *a)
{
    gw_token_ask(source, &s->port, &a->waiter, came, a);
}

static const char good[] = "{\"access_token\":\"t1\",\"expires_in\":1000}";
static const char newer[] = "{\"access_token\":\"t2\",\"expires_in\":1000}";

static void all_wait_for_one_fetch(void **state)
{
    aigw_token_source *source = source_new();
    side one, two;
    asker a[4] = {{.calls = 0}};

    (void)state;
    open_side(&one);
    open_side(&two);
    ask(source, &one, &a[0]);
    ask(source, &one, &a[1]);
    ask(source, &two, &a[2]);
    ask(source, &two, &a[3]);
    assert_int_equal(one.script.starts + two.script.starts, 1);
    gw_token_cancel(&a[1].waiter);
    gw_token_cancel(&a[1].waiter);
    answer(&one.script, 200, good);
    assert_int_equal(a[0].calls, 0); /* never from inside a transport's call */
    gw_loop_step(one.loop);
    gw_loop_step(two.loop);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].calls, i == 1 ? 0 : 1);
        assert_string_equal(a[i].token, i == 1 ? "" : "t1");
    }
    ask(source, &two, &a[1]); /* kept: at once */
    assert_string_equal(a[1].token, "t1");
    assert_int_equal(a[1].serial, a[0].serial);
    assert_int_equal(two.script.starts, 0);
    close_side(&one);
    close_side(&two);
    aigw_token_source_free(source);
}

static void renewed_behind_the_back(void **state)
{
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0};

    (void)state;
    open_side(&s);
    ask(source, &s, &a);
    answer(&s.script, 200, good);
    gw_loop_step(s.loop);
    fake_ms += 674 * 1000;
    ask(source, &s, &a);
    assert_int_equal(s.script.starts, 1);
    fake_ms += 77 * 1000; /* past three quarters */
    ask(source, &s, &a);
    ask(source, &s, &a);
    assert_int_equal(a.calls, 4);
    assert_string_equal(a.token, "t1");
    assert_int_equal(s.script.starts, 2);
    answer(&s.script, 500, "");
    fake_ms += 10 * 1000; /* the pause is over: the second try */
    gw_loop_step(s.loop);
    assert_int_equal(s.script.starts, 3);
    answer(&s.script, 500, "");
    ask(source, &s, &a); /* failed: the old one goes on, nobody is asked for a while */
    assert_string_equal(a.token, "t1");
    assert_int_equal(s.script.starts, 3);
    fake_ms += 1001;
    ask(source, &s, &a);
    answer(&s.script, 200, newer);
    ask(source, &s, &a);
    assert_string_equal(a.token, "t2");
    assert_int_equal(s.script.starts, 4);
    close_side(&s);
    aigw_token_source_free(source);
}

static void backing_off_doubles_up_to_half_a_minute(void **state)
{
    static const int waits_s[] = {1, 2, 4, 8, 16, 30, 30};
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0};

    (void)state;
    open_side(&s);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        ask(source, &s, &a);
        answer(&s.script, 400, "{\"error\":\"invalid_client\"}");
        gw_loop_step(s.loop);
        assert_int_equal(a.code, AIGW_E_UPSTREAM);
        fake_ms += waits_s[i] * 1000 - 1;
        ask(source, &s, &a); /* answered by what was said last */
        assert_int_equal(s.script.starts, (int)i + 1);
        assert_string_equal(a.reason, "token_status");
        fake_ms += 1;
    }
    ask(source, &s, &a);
    answer(&s.script, 200, good);
    gw_loop_step(s.loop);
    assert_string_equal(a.token, "t1");
    close_side(&s);
    aigw_token_source_free(source);
}

static void a_refused_token_is_dropped_but_not_in_a_storm(void **state)
{
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0};

    (void)state;
    open_side(&s);
    ask(source, &s, &a);
    answer(&s.script, 200, good);
    gw_loop_step(s.loop);
    uint64_t first = a.serial;
    assert_true(gw_token_drop(source, first));
    ask(source, &s, &a);
    assert_int_equal(s.script.starts, 2);
    assert_true(a.waiter.waiting);
    answer(&s.script, 200, newer);
    gw_loop_step(s.loop);
    assert_string_equal(a.token, "t2");
    assert_true(a.serial != first);
    assert_true(gw_token_drop(source, first)); /* somebody else's news: there is a newer one */
    ask(source, &s, &a);
    assert_string_equal(a.token, "t2");
    assert_false(gw_token_drop(source, a.serial)); /* too soon after the last */
    ask(source, &s, &a);
    assert_int_equal(s.script.starts, 2);
    fake_ms += 10000;
    assert_true(gw_token_drop(source, a.serial));
    ask(source, &s, &a);
    assert_int_equal(s.script.starts, 3);
    gw_token_cancel(&a.waiter);
    close_side(&s);
    aigw_token_source_free(source);
}

static void a_loop_that_goes_away_tells_those_who_wait(void **state)
{
    aigw_token_source *source = source_new();
    side one, two;
    asker a = {.calls = 0}, b = {.calls = 0};

    (void)state;
    for (int paused = 0; paused < 2; paused++) {
        open_side(&one);
        open_side(&two);
        ask(source, &one, &a);
        ask(source, &two, &b);
        if (paused)
            answer(&one.script, 503, "");
        gw_token_cancel(&a.waiter);
        close_side(&one);
        assert_int_equal(one.script.cancels, paused ? 0 : 1);
        gw_loop_step(two.loop);
        assert_int_equal(b.code, AIGW_E_CANCELLED);
        ask(source, &two, &b); /* no backing off for that */
        assert_int_equal(two.script.starts, 1);
        gw_token_cancel(&b.waiter);
        close_side(&two);
    }
    aigw_token_source_free(source);
}

static void a_source_that_is_freed_while_it_fetches(void **state)
{
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0};

    (void)state;
    open_side(&s);
    ask(source, &s, &a);
    gw_token_cancel(&a.waiter);
    aigw_token_source_free(source);
    answer(&s.script, 200, good); /* the fetch held it */
    close_side(&s);
    assert_int_equal(a.calls, 0);
}

static void waiters_may_cancel_each_other_and_ask_again(void **state)
{
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0}, b = {.calls = 0}, c = {.calls = 0};

    (void)state;
    open_side(&s);
    a.other = &b;
    b.other = &a;
    c.side = &s;
    c.again = source;
    ask(source, &s, &a);
    ask(source, &s, &b);
    ask(source, &s, &c);
    answer(&s.script, 200,
           "{\"access_token\":\"once\"}"); /* of unknown life: for this round only */
    gw_loop_step(s.loop);
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(c.calls, 1);
    assert_true(c.waiter.waiting);
    assert_int_equal(s.script.starts, 2);
    answer(&s.script, 200, good);
    gw_loop_step(s.loop);
    assert_string_equal(c.token, "t1");
    close_side(&s);
    aigw_token_source_free(source);
}

static void what_cannot_be_started_is_told_later(void **state)
{
    aigw_token_source *source = source_new();
    side s;
    asker a = {.calls = 0};

    (void)state;
    open_side(&s);
    s.script.refuse = AIGW_E_NOMEM;
    ask(source, &s, &a);
    assert_int_equal(a.calls, 0);
    gw_loop_step(s.loop);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.token[0], '\0');
    close_side(&s);
    aigw_token_source_free(source);
}

static void only_what_may_help_is_tried_again(void **state)
{
    static const struct {
        int status;
        gw_http_failure failure;
        const char *body;
        int starts;
    } rows[] = {{429, GW_HTTP_OK, "", 2},
                {503, GW_HTTP_OK, "{\"error\":\"temporarily_unavailable\"}", 2},
                {503, GW_HTTP_OK, "{\"error\":\"invalid_client\"}", 1},
                {503, GW_HTTP_OK, "{\"e\\u0072ror\":\"invalid_client\"}", 1},
                {400, GW_HTTP_OK, "", 1},
                {301, GW_HTTP_OK, "", 1},
                {200, GW_HTTP_OK, "junk", 1},
                {0, GW_HTTP_DNS, "", 2},
                {0, GW_HTTP_CONNECT, "", 2},
                {0, GW_HTTP_TLS, "", 1},
                {0, GW_HTTP_BROKEN, "", 1},
                {0, GW_HTTP_TIMEOUT, "", 1}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        aigw_token_source *source = source_new();
        side s;
        asker a = {.calls = 0};
        open_side(&s);
        ask(source, &s, &a);
        for (int n = 0; n < 3 && s.script.user; n++) {
            if (rows[i].failure == GW_HTTP_OK)
                answer(&s.script, rows[i].status, rows[i].body);
            else
                break_off(&s.script, rows[i].failure);
            fake_ms += 100;
            gw_loop_step(s.loop);
        }
        assert_int_equal(s.script.starts, rows[i].starts);
        assert_int_equal(a.calls, 1);
        close_side(&s);
        aigw_token_source_free(source);
    }
}

/* ---- the request ---- */

static int sign(void *user, aigw_slice claims, gw_buf *out, aigw_error *err)
{
    (void)err;
    snprintf(user, 1024, "%.*s", (int)claims.len, claims.data);
    gw_buf_puts(out, "a.b.c");
    return AIGW_OK;
}

static void assertions_are_signed_by_the_callers_function(void **state)
{
    char claims[1024];
    gw_token_options options = {.endpoint = "https://issuer.example/\"token",
                                .client_id = "agent \"7\"",
                                .auth = AIGW_TOKEN_PRIVATE_KEY_JWT,
                                .host = &host};
    aigw_token_source *source = NULL;
    aigw_error err;
    side s;
    asker a = {.calls = 0};

    (void)state;
    fake_ms = 1;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_E_INVALID);
    options.endpoint = "https://issuer.example/token";
    options.sign = sign;
    options.sign_user = claims;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_OK);
    open_side(&s);
    ask(source, &s, &a);
    assert_string_equal(s.script.body,
                        "grant_type=client_credentials&client_id=agent%20%227%22"
                        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-"
                        "type%3Ajwt-bearer&client_assertion=a.b.c");
    assert_non_null(strstr(claims, "\"iss\":\"agent \\\"7\\\"\",\"sub\":\"agent \\\"7\\\"\","
                                   "\"aud\":\"https://issuer.example/token\",\"jti\":\""));
    assert_non_null(strstr(claims, "\"iat\":1000000,\"exp\":1000240}"));
    gw_token_cancel(&a.waiter);
    close_side(&s);
    aigw_token_source_free(source);
}

/* RFC 7523 clause 2.1: nothing but the grant in the form, the scope in the claims, and nobody acted for. */
static void an_assertion_may_be_the_grant(void **state)
{
    char claims[1024];
    gw_token_options options = {.endpoint = "https://issuer.example/token",
                                .client_id = "a@p",
                                .scope = "s1 s2",
                                .auth = AIGW_TOKEN_JWT_BEARER,
                                .sign_user = claims,
                                .host = &host};
    aigw_token_source *source = NULL, *unscoped = NULL;
    aigw_error err;
    side s;
    asker a = {.calls = 0};

    (void)state;
    fake_ms = 1;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_E_INVALID);
    options.sign = sign;
    assert_int_equal(gw_token_source_new(&options, &source, &err), AIGW_OK);
    options.scope = NULL;
    assert_int_equal(gw_token_source_new(&options, &unscoped, &err), AIGW_OK);
    assert_false(gw_token_source_equal(source, unscoped));
    open_side(&s);
    ask(source, &s, &a);
    assert_string_equal(s.script.body,
                        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
                        "&assertion=a.b.c");
    assert_non_null(strstr(claims, "{\"iss\":\"a@p\",\"scope\":\"s1 s2\","
                                   "\"aud\":\"https://issuer.example/token\",\"jti\":\""));
    assert_null(strstr(claims, "\"sub\""));
    answer(&s.script, 200, good);
    gw_loop_step(s.loop);
    assert_string_equal(a.token, "t1");
    ask(unscoped, &s, &a);
    assert_null(strstr(claims, "scope"));
    gw_token_cancel(&a.waiter);
    close_side(&s);
    aigw_token_source_free(source);
    aigw_token_source_free(unscoped);
}

static void fingerprints_tell_requests_apart(void **state)
{
    const gw_token_options base = {.endpoint = "https://a/t",
                                   .client_id = "ab",
                                   .client_secret = "c",
                                   .scope = "d",
                                   .host = &host};
    gw_token_options rows[] = {base, base, base, base, base, base, base, base, base};
    aigw_token_source *sources[sizeof rows / sizeof rows[0]];
    size_t count = sizeof rows / sizeof rows[0];

    (void)state;
    rows[1].client_id = "a";
    rows[1].client_secret = "bc"; /* the same bytes in a row */
    rows[2].scope = NULL;
    rows[3].auth = AIGW_TOKEN_SECRET_BASIC;
    rows[4].audience = "x";
    rows[5].resource = "x";
    rows[6].endpoint = "https://b/t";
    rows[7].client_cert_file = "x";
    rows[8].timeout_ms = 77; /* decides nothing about the token */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(gw_token_source_new(&rows[i], &sources[i], NULL), AIGW_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(strlen(aigw_token_source_fingerprint(sources[i])), 64);
        for (size_t k = 0; k < i; k++)
            assert_int_equal(gw_token_source_equal(sources[i], sources[k]), i == 8 && k == 0);
    }
    for (size_t i = 0; i < count; i++)
        aigw_token_source_free(sources[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_wait_for_one_fetch),
        cmocka_unit_test(renewed_behind_the_back),
        cmocka_unit_test(backing_off_doubles_up_to_half_a_minute),
        cmocka_unit_test(a_refused_token_is_dropped_but_not_in_a_storm),
        cmocka_unit_test(a_loop_that_goes_away_tells_those_who_wait),
        cmocka_unit_test(a_source_that_is_freed_while_it_fetches),
        cmocka_unit_test(waiters_may_cancel_each_other_and_ask_again),
        cmocka_unit_test(what_cannot_be_started_is_told_later),
        cmocka_unit_test(only_what_may_help_is_tried_again),
        cmocka_unit_test(assertions_are_signed_by_the_callers_function),
        cmocka_unit_test(an_assertion_may_be_the_grant),
        cmocka_unit_test(fingerprints_tell_requests_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
