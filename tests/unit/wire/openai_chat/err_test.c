/* Error bodies of every sort, and the one that is written. */
#include "unit/wire/openai_chat/help.h"

static int setup(void **state)
{
    *state = gw_arena_new(1 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

static void bodies_are_understood(void **state)
{
    static const struct {
        int status;
        const char *body;
        gw_api_error_kind kind;
        int out_status;
        const char *message, *code;
    } cases[] = {
        {429,
         "{\"error\":{\"message\":\"slow\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}"
         "}",
         GW_ERR_RATE_LIMIT, 429, "slow", "rate_limit_exceeded"},
        {429, "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}", GW_ERR_QUOTA,
         429, "pay", "insufficient_quota"},
        {400, "{\"error\":{\"message\":\"m\",\"code\":\"model_not_found\"}}", GW_ERR_NOT_FOUND, 400,
         "m", "model_not_found"},
        {401, "{\"error\":{\"message\":\"k\",\"type\":\"server_error\"}}", GW_ERR_AUTHENTICATION,
         401, "k", NULL},
        {429, "{\"error\":{\"code\":429,\"message\":\"r\"}}", GW_ERR_RATE_LIMIT, 429, "r", "429"},
        {200, "{\"error\":{\"code\":\"503\",\"message\":\"r\"}}", GW_ERR_OVERLOADED, 503, "r",
         "503"},
        {401, "{\"statusCode\":401,\"message\":\"denied\"}", GW_ERR_AUTHENTICATION, 401, "denied",
         NULL},
        {404, "{\"error\":\"model 'x' not found\"}", GW_ERR_NOT_FOUND, 404, "model 'x' not found",
         NULL},
        {422, "{\"detail\":\"bad\"}", GW_ERR_INVALID_REQUEST, 422, "bad", NULL},
        {400, "[{\"error\":{\"code\":400,\"message\":\"g\"}}]", GW_ERR_INVALID_REQUEST, 400, "g",
         "400"},
        {502, "<html><b>nginx sk-secret</b></html>", GW_ERR_UPSTREAM, 502,
         "The provider answered with status 502.", NULL},
        {503, "", GW_ERR_OVERLOADED, 503, "The provider answered with status 503.", NULL},
        {500, "{\"error\":{}}", GW_ERR_SERVER, 500, "The provider answered with status 500.", NULL},
        {500, "[]", GW_ERR_SERVER, 500, "The provider answered with status 500.", NULL},
        {0, "{\"error\":null}", GW_ERR_UPSTREAM, 0, "The provider failed.", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_api_error e;
        WIRE->read_error(*state, cases[i].status, aigw_slice_of(cases[i].body), &e);
        if (e.kind != cases[i].kind || e.status != cases[i].out_status)
            fail_msg("%s: kind %d, status %d", cases[i].body, e.kind, e.status);
        assert_true(gw_jstr_is(e.message, cases[i].message));
        assert_true(cases[i].code == NULL ? !gw_has(e.code) : gw_jstr_is(e.code, cases[i].code));
    }
}

static void recorded_errors_survive(void **state)
{
    static const struct {
        const char *name;
        int status;
        gw_api_error_kind kind;
    } cases[] = {{"openai/error-400-bad-request", 400, GW_ERR_INVALID_REQUEST},
                 {"openai/error-401-invalid-key", 401, GW_ERR_AUTHENTICATION},
                 {"openai/error-404-unknown-model", 404, GW_ERR_NOT_FOUND},
                 {"openai/error-429-rate-limit", 429, GW_ERR_RATE_LIMIT},
                 {"azure/error-400-content-filter", 400, GW_ERR_INVALID_REQUEST},
                 {"azure/error-429-retry-after-ms", 429, GW_ERR_RATE_LIMIT},
                 {"openai-compatible/openrouter-error-429", 429, GW_ERR_RATE_LIMIT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[200];
        gw_api_error e, again;
        gw_buf out;
        int status = 0;
        gw_answer_options options = {0};
        snprintf(path, sizeof(path), "%s.response.json", cases[i].name);
        aigw_slice body = fixture(path);
        WIRE->read_error(*state, cases[i].status, body, &e);
        assert_int_equal(e.kind, cases[i].kind);
        gw_buf_init(&out, 1 << 16);
        WIRE->write_error(&e, &options, &out, &status);
        assert_int_equal(status, cases[i].status);
        WIRE->read_error(*state, status, gw_buf_slice(&out), &again);
        assert_true(gw_eq(e.message.inner, again.message.inner));
        assert_true(gw_eq(e.param.inner, again.param.inner));
        assert_int_equal(again.kind, e.kind);
        gw_buf_free(&out);
        free((void *)(uintptr_t)body.data);
    }
}

static void statuses_are_natural(void **state)
{
    (void)state;
    gw_answer_options options = {0};
    for (int kind = GW_ERR_INVALID_REQUEST; kind <= GW_ERR_UPSTREAM; kind++) {
        gw_api_error e = {.kind = (gw_api_error_kind)kind, .message = gw_jstr_lit("m")};
        int status = 0;
        gw_buf out;
        gw_buf_init(&out, 1 << 12);
        WIRE->write_error(&e, &options, &out, &status);
        assert_int_equal(status, gw_api_error_status(e.kind));
        assert_true(
            gw_starts(gw_buf_slice(&out), GW_S("{\"error\":{\"message\":\"m\",\"type\":\"")));
        gw_buf_clear(&out);
        e.status = 529;
        WIRE->write_error(&e, &options, &out, &status);
        assert_int_not_equal(status, 529);
        gw_buf_free(&out);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(bodies_are_understood), T(recorded_errors_survive),
                                       T(statuses_are_natural)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
