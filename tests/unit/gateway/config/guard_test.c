/* The guardrails' section: what is refused and where, what it becomes, and that secrets come from files too. */
#include "help.h"
#include <stdlib.h>
#include <unistd.h>

#define PROVIDERS                                                                                  \
    "providers: [{type: echo}, {type: openai, api_key: k}, {type: bedrock, region: us-east-1, "    \
    "api_key: k}, {type: openai, name: fetched, base_url: 'https://x.example/v1', auth: {token: "  \
    "{endpoint: 'https://t.example/t', client_id: c, client_secret: s}}}]\n"
#define GUARD(rest) PROVIDERS "guardrails: [{name: g, on: [prompt], " rest "}]\n"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *document, *pointer, *reason;
    } rows[] = {
        {GUARD("match: {}"), "/guardrails/0", "missing_key"},
        {GUARD("rules: {}"), "/guardrails/0/rules", "missing_key"},
        {GUARD("rules: {email: none}"), "/guardrails/0/rules", "missing_key"},
        {GUARD("rules: {email: hide}"), "/guardrails/0/rules/email", NULL},
        {GUARD("rules: {emails: mask}"), "/guardrails/0/rules/emails", "unknown_key"},
        {GUARD("rules: {patterns: [{texts: ['(']}]}"), "/guardrails/0/rules/patterns/0",
         "bad_pattern"},
        {GUARD("rules: {email: mask, patterns: [{texts: [a]}, {texts: ['a+b']}]}"),
         "/guardrails/0/rules/patterns/1", "unbounded_pattern"},
        {GUARD("rules: {patterns: [{texts: ['a{0,3}']}]}"), "/guardrails/0/rules/patterns/0",
         "empty_pattern"},
        {GUARD("rules: {words: [{texts: []}]}"), "/guardrails/0/rules/words/0/texts", NULL},
        {GUARD("rules: {words: [{texts: [a], action: mask, mask: '\"'}]}"),
         "/guardrails/0/rules/words/0", "bad_mask"},
        {PROVIDERS "guardrails: [{name: 'a b', on: [prompt], rules: {email: mask}}]\n",
         "/guardrails/0/name", "bad_name"},
        {PROVIDERS "guardrails: [{name: a, on: [prompt], rules: {email: mask}}, {name: a, on: "
                   "[answer], rules: {email: mask}}]\n",
         "/guardrails/1/name", "duplicate"},
        {PROVIDERS "guardrails: [{name: a, on: [prompt, both], rules: {email: mask}}]\n",
         "/guardrails/0/on/1", "unknown_word"},
        {PROVIDERS "guardrails: [{name: a, on: [], rules: {email: mask}}]\n", "/guardrails/0/on",
         NULL},
        {GUARD("rules: {email: mask}, match: {routes: [chat]}"), "/guardrails/0/match/routes/0",
         "unknown_word"},
        {GUARD("webhook: {url: 'http://policy.example/'}"), "/guardrails/0/webhook/url",
         "clear_text"},
        {GUARD("webhook: {url: 'policy.example'}"), "/guardrails/0/webhook/url", "bad_url"},
        {GUARD("webhook: {url: 'https://p.example/', secret: a, secret_file: b}"),
         "/guardrails/0/webhook/secret_file", "conflict"},
        {GUARD("webhook: {url: 'https://p.example/', secret: 'a b'}"),
         "/guardrails/0/webhook/secret", "bad_key"},
        {GUARD("webhook: {url: 'https://p.example/', secret_file: /no/such/file}"),
         "/guardrails/0/webhook/secret_file", NULL},
        {GUARD("webhook: {url: 'https://p.example/', headers: {host: x}}"),
         "/guardrails/0/webhook/headers/host", "bad_header"},
        {GUARD("webhook: {url: 'https://p.example/', secret: s, headers: {Authorization: x}}"),
         "/guardrails/0/webhook/headers/Authorization", "bad_header"},
        {GUARD("webhook: {url: 'https://p.example/', headers: {\"a\\nb\": x}}"), NULL, NULL},
        {GUARD("webhook: {url: 'https://p.example/', timeout_ms: 0}"),
         "/guardrails/0/webhook/timeout_ms", NULL},
        {GUARD(
             "webhook: {url: 'https://p.example/'}, bedrock_guardrail: {provider: bedrock, id: a}"),
         "/guardrails/0", "conflict"},
        {GUARD("openai_moderation: {}"), "/guardrails/0/openai_moderation", NULL},
        {GUARD("openai_moderation: {provider: nobody}"), "/guardrails/0/openai_moderation/provider",
         "unknown_provider"},
        {GUARD("openai_moderation: {provider: bedrock}"),
         "/guardrails/0/openai_moderation/provider", "conflict"},
        {GUARD("openai_moderation: {provider: echo}"), "/guardrails/0/openai_moderation/provider",
         "conflict"},
        {GUARD("openai_moderation: {provider: fetched}"),
         "/guardrails/0/openai_moderation/provider", "conflict"},
        {GUARD("openai_moderation: {provider: openai, base_url: 'https://p.example/v1'}"),
         "/guardrails/0/openai_moderation", "missing_key"},
        {GUARD("openai_moderation: {provider: openai, api_key: k}"),
         "/guardrails/0/openai_moderation/api_key", "conflict"},
        {GUARD("openai_moderation: {provider: openai, categories: {violence: '1.5'}}"),
         "/guardrails/0/openai_moderation/categories/violence", "bad_value"},
        {GUARD("openai_moderation: {provider: openai, categories: {violence: much}}"),
         "/guardrails/0/openai_moderation/categories/violence", "bad_value"},
        {GUARD("bedrock_guardrail: {provider: openai, id: a}"),
         "/guardrails/0/bedrock_guardrail/provider", "conflict"},
        {GUARD("bedrock_guardrail: {provider: bedrock}"), "/guardrails/0/bedrock_guardrail", NULL},
        {GUARD("bedrock_guardrail: {provider: bedrock, id: '../a'}"),
         "/guardrails/0/bedrock_guardrail/id", "bad_value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aigw_error err = {0};
        int code = aigw_config_check(aigw_slice_of(rows[i].document), NULL, &err);
        if (code == AIGW_OK)
            fail_msg("row %zu is accepted", i);
        if (rows[i].pointer && strncmp(err.pointer, rows[i].pointer, strlen(rows[i].pointer)) != 0)
            fail_msg("row %zu: %s (%s: %s)", i, err.pointer, err.reason, err.message);
        if (rows[i].reason && strcmp(err.reason, rows[i].reason) != 0)
            fail_msg("row %zu: %s: %s", i, err.reason, err.message);
    }
}

static void none_is_the_default(void **state)
{
    (void)state;
    gw_config *c = help_load(ECHO);
    assert_int_equal(c->guards.count, 0);
    gw_config_free(c);
}

static void all_of_it(void **state)
{
    (void)state;
    gw_config *c =
        help_load(PROVIDERS "guardrails:\n"
                            "  - {name: own, on: [prompt, answer], rules: {email: flag, words: "
                            "[{texts: [a], action: mask}]}, match: {clients: [c], teams: [t, u], "
                            "models: ['m*'], routes: [pass]}}\n"
                            "  - {name: flags, on: [answer], rules: {email: flag}}\n"
                            "  - {name: mod, on: [prompt], openai_moderation: {provider: openai, "
                            "categories: {violence/graphic: '0.25', hate: 1}, timeout_ms: 7, "
                            "on_fail: open}}\n"
                            "  - {name: aws, on: [prompt], bedrock_guardrail: {provider: bedrock, "
                            "id: 'arn:aws:bedrock:us-east-1:1:guardrail/g'}}\n"
                            "  - {name: hook, on: [prompt], webhook: {url: 'https://p.example/c'}, "
                            "pass_through: allow}\n");
    assert_int_equal(c->guards.count, 5);
    const gw_guardrail *g = c->guards.items;
    assert_true(g[0].prompt && g[0].answer && g[0].local && !g[0].allow_pass);
    assert_int_equal(g[0].strictest, AIGW_GUARD_MASK);
    assert_int_equal(g[0].match.team_count, 2);
    assert_true(!g[1].prompt && g[1].answer && g[1].allow_pass);
    assert_int_equal(g[2].remote.asks, GW_ASKS_MODERATION);
    assert_int_equal(g[2].remote.timeout_ms, 7);
    assert_int_equal(g[2].remote.policy, GW_REMOTE_FAIL_OPEN);
    assert_int_equal(g[2].remote.limit_count, 2);
    assert_string_equal(g[2].remote.limits[0].category, "violence/graphic");
    assert_true(g[2].remote.limits[0].score > 0.24 && g[2].remote.limits[0].score < 0.26);
    assert_true(gw_eq(g[2].remote.path, GW_S("/v1/moderations")));
    assert_true(gw_eq(g[3].remote.path,
                      GW_S("/guardrail/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aguardrail%2Fg/version/"
                           "DRAFT/apply")));
    assert_int_equal(g[3].remote.policy, GW_REMOTE_FAIL_CLOSED);
    assert_non_null(g[4].remote.own);
    assert_true(g[4].allow_pass);
    gw_config_free(c);
}

static void a_secret_in_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/aigw-guard-XXXXXX", document[1024];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "s3cret\n", 7), 7);
    close(fd);
    snprintf(document, sizeof document,
             PROVIDERS "guardrails: [{name: g, on: [prompt], webhook: {url: 'https://p.example/', "
                       "secret_file: '%s'}}]\n",
             path);
    gw_config_free(help_load(document));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(none_is_the_default),
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(a_secret_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
