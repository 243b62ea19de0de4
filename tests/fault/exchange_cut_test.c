/* The upstream's connection breaks after n bytes, for every n: a client never takes a part for the
 * whole. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

/* A gateway for each byte: without the WAF, which is loaded each time. */
#define ONE_TRY                                                                                    \
    "enable_waf: false\n"                                                                          \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k, max_retries: 0}\n"          \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: k, max_retries: 0}\n"          \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: a, targets: [{provider: anthropic}]}\n"

static const struct {
    const char *path, *ask, *type, *body, *end; /* end: what only a complete answer has */
} cases[] = {
    {OPENAI_PATH, ASK("o"), JSON, O_ANSWER, "}\n"},
    {OPENAI_PATH, ASK("a"), JSON, A_ANSWER, "}"},
    {OPENAI_PATH, ASK_STREAM("o"), SSE, O_STREAM, "[DONE]"},
    {OPENAI_PATH, ASK_STREAM("a"), SSE, A_STREAM, "[DONE]"},
    {OPENAI_PATH, ASK("a"), SSE, A_STREAM, "}"},
    {ANTHROPIC_PATH, ASK_A("a"), JSON, A_ANSWER, "}"},
    {ANTHROPIC_PATH, ASK_A_STREAM("a"), SSE, A_STREAM, "event: message_stop"},
    {ANTHROPIC_PATH, ASK_A_STREAM("o"), SSE, O_STREAM, "event: message_stop"},
};

static void check(size_t i, size_t at, const fake_result *r, bool streamed)
{
    bool error = strstr(r->body, "\"error\"") != NULL;
    if (r->code == AIGW_END && r->status == 200) {
        if (error || !strstr(r->body, cases[i].end))
            fail_msg("case %zu cut at %zu passed for whole: %s", i, at, r->body);
    } else if (r->status == 200) {
        assert_int_equal(r->code, AIGW_E_UPSTREAM);
        assert_true(streamed && error);
        if (strstr(r->body, cases[i].end))
            fail_msg("case %zu cut at %zu has an end: %s", i, at, r->body);
    } else {
        assert_int_equal(r->status, 502);
        assert_true(error);
    }
}

static void cut_everywhere(gw_http_failure failure)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool streamed = strstr(cases[i].ask, "\"stream\":true") != NULL;
        for (size_t at = 0; at < strlen(cases[i].body); at++) {
            const fake_answer script[] = {{.status = 200,
                                           .type = cases[i].type,
                                           .body = cases[i].body,
                                           .cut = at + 1,
                                           .failure = failure}};
            fake *f = fake_new(ONE_TRY, script, 1);
            fake_result r = fake_call(f, cases[i].path, cases[i].ask);
            check(i, at, &r, streamed);
            free(r.body);
            fake_free(f);
        }
    }
}

static void the_connection_breaks(void **state)
{
    (void)state;
    cut_everywhere(GW_HTTP_BROKEN);
}

static void the_answer_grows_too_large(void **state)
{
    (void)state;
    cut_everywhere(GW_HTTP_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connection_breaks),
        cmocka_unit_test(the_answer_grows_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
