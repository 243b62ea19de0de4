/* Options, order of rules, count modes, content policies, explain, bad arguments, many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "gate/waf.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static aigw_header headers[] = {{{"Host", 4}, {"gw.example.com", 14}},
                                {{"User-Agent", 10}, {"t/1", 3}},
                                {{"Content-Type", 12}, {"application/json", 16}},
                                {{"Content-Length", 14}, {"9", 1}}};

static aigw_waf_request request_of(const char *query, const char *body)
{
    return (aigw_waf_request){.size = sizeof(aigw_waf_request),
                              .method = GW_S("POST"),
                              .path = GW_S("/v1/chat/completions"),
                              .query = aigw_slice_of(query),
                              .headers = headers,
                              .header_count = 4,
                              .body = aigw_slice_of(body)};
}

static aigw_waf *waf_of(const aigw_waf_options *options)
{
    aigw_waf *waf = NULL;
    assert_int_equal(aigw_waf_new(options, &waf, NULL), AIGW_OK);
    return waf;
}

static const aigw_waf_result *check(const aigw_waf *waf, const char *query, const char *body)
{
    static aigw_waf_result result;
    aigw_waf_request request = request_of(query, body);
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    return &result;
}

static const char *stopped_by(const aigw_waf_result *result)
{
    return result->block ? result->matches[result->terminating].rule : "";
}

static bool labelled(const aigw_waf_result *result, const char *label)
{
    for (size_t i = 0; i < result->match_count; i++) {
        if (strcmp(result->matches[i].label, label) == 0)
            return true;
    }
    return false;
}

/* A body of many short texts is no way to keep the WAF busy. */
static void many_fields(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    static char body[65536];
    for (int more = 0; more < 2; more++) {
        size_t n = (size_t)sprintf(body, "{\"list\":[");
        /* of the 8,192 the head has some: its path, and the names and values of its fields */
        for (int i = 0; i < 8192 - 16 + 32 * more; i++)
            n += (size_t)sprintf(body + n, "\"ab\",");
        sprintf(body + n - 1, "]}");
        assert_string_equal(stopped_by(check(waf, "", body)), more ? "BodySyntax_BODY" : "");
    }
    aigw_waf_free(waf);
}

/* Nor is one long setting; a prompt may be as long as it likes. */
static void many_bytes(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options),
                                               .content = AIGW_WAF_CONTENT_COUNT_FULL});
    static const struct {
        const char *head, *tail;
        size_t bytes;
        const char *by;
    } cases[] = {{"{\"x\":\"", "\"}", (1 << 20) - 4096, ""},
                 {"{\"x\":\"", "\"}", (1 << 20) + 1, "BodySyntax_BODY"},
                 {"{\"messages\":[{\"content\":\"", "\"}]}", 3 << 20, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *body = malloc(cases[i].bytes + 64);
        size_t n = (size_t)sprintf(body, "%s", cases[i].head);
        memset(body + n, 'a', cases[i].bytes);
        strcpy(body + n + cases[i].bytes, cases[i].tail);
        assert_string_equal(stopped_by(check(waf, "", body)), cases[i].by);
        free(body);
    }
    aigw_waf_free(waf);
}

static void first_by_priority(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    const char *query = "a=1'+or+1=1--&b=${jndi:ldap://x}&c=<script>&d=../../x";
    assert_string_equal(stopped_by(check(waf, query, NULL)), "GenericLFI_QUERYARGUMENTS");
    assert_string_equal(stopped_by(check(waf, "a=1'+or+1=1--&b=${jndi:ldap:x}", NULL)),
                        "Log4JRCE_QUERYSTRING");
    assert_string_equal(stopped_by(check(waf, "a=hello", NULL)), "");
    assert_string_equal(check(waf, "name=../../x", NULL)->matches[0].location, "args:name");
    aigw_waf_free(waf);
}

static void overrides(void **state)
{
    (void)state;
    const char *query = "c=<script>&d=../../x&a=1'+or+1=1--";
    aigw_waf_override rule[] = {{"GenericLFI_QUERYARGUMENTS", AIGW_WAF_COUNT}};
    aigw_waf *waf = waf_of(&(aigw_waf_options){
        .size = sizeof(aigw_waf_options), .overrides = rule, .override_count = 1});
    const aigw_waf_result *r = check(waf, query, NULL);
    assert_string_equal(stopped_by(r), "CrossSiteScripting_QUERYARGUMENTS");
    assert_int_equal(r->match_count, 2);
    assert_int_equal(r->matches[0].action, AIGW_WAF_COUNT);
    aigw_waf_free(waf);

    /* The group's block becomes a count, and ends the group: the third rule of it is not reached. */
    aigw_waf_override group[] = {{"AWSManagedRulesCommonRuleSet", AIGW_WAF_COUNT}};
    waf = waf_of(&(aigw_waf_options){
        .size = sizeof(aigw_waf_options), .overrides = group, .override_count = 1});
    r = check(waf, query, NULL);
    assert_string_equal(stopped_by(r), "SQLi_QUERYARGUMENTS");
    assert_string_equal(r->matches[0].rule, "GenericLFI_QUERYARGUMENTS");
    assert_int_equal(r->match_count, 2);
    aigw_waf_free(waf);

    aigw_waf_override none[] = {{"GenericLFI_QUERYARGUMENTS", AIGW_WAF_NONE}};
    waf = waf_of(&(aigw_waf_options){
        .size = sizeof(aigw_waf_options), .overrides = none, .override_count = 1});
    r = check(waf, "d=../../x", NULL);
    assert_int_equal(r->match_count, 0);
    aigw_waf_free(waf);

    waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options), .count_only = true});
    r = check(waf, query, NULL);
    assert_false(r->block);
    assert_true(r->match_count >= 2);
    aigw_waf_free(waf);
}

static void bad_options(void **state)
{
    (void)state;
    aigw_waf *waf = NULL;
    aigw_error err;
    aigw_waf_override unknown[] = {{"GenericLFI", AIGW_WAF_COUNT}};
    aigw_waf_options options = {.size = sizeof options, .overrides = unknown, .override_count = 1};
    assert_int_equal(aigw_waf_new(&options, &waf, &err), AIGW_E_CONFIG);
    assert_string_equal(err.pointer, "/GenericLFI");
    unknown[0] = (aigw_waf_override){"GenericLFI_BODY", (aigw_waf_action)9};
    assert_int_equal(aigw_waf_new(&options, &waf, &err), AIGW_E_CONFIG);
    assert_int_equal(aigw_waf_new(NULL, &waf, &err), AIGW_E_INVALID);
    options.size = 0;
    assert_int_equal(aigw_waf_new(&options, &waf, &err), AIGW_E_INVALID);
    assert_null(waf);
    aigw_waf_free(NULL);
    aigw_waf_result result;
    assert_int_equal(aigw_waf_check(NULL, NULL, &result, &err), AIGW_E_INVALID);
}

#define ATTACK "x'; ${jndi:ldap://e/a} <script>alert(1)</script>"

static void content(void **state)
{
    (void)state;
    static const char prompt[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" ATTACK "\"}]}";
    static const char arguments[] =
        "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":"
        "\"function\","
        "\"function\":{\"name\":\"bash\",\"arguments\":\"" ATTACK "\"}}]}],\"tools\":[{\"type\":"
        "\"function\",\"function\":{\"name\":\"bash\",\"description\":\"" ATTACK
        "\",\"parameters\":{\"" ATTACK "\":\"" ATTACK "\"}}}]}";
    for (int policy = AIGW_WAF_CONTENT_SKIP; policy <= AIGW_WAF_CONTENT_BLOCK_FULL; policy++) {
        aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options),
                                                   .content = (aigw_waf_content)policy});
        bool blocks = policy >= AIGW_WAF_CONTENT_BLOCK_SIGNATURES;
        for (int which = 0; which < 2; which++) {
            const aigw_waf_result *r = check(waf, NULL, which ? arguments : prompt);
            assert_int_equal(r->block, blocks);
            assert_int_equal(r->match_count > 0, policy != AIGW_WAF_CONTENT_SKIP);
            if (!blocks && policy != AIGW_WAF_CONTENT_SKIP) {
                assert_true(labelled(r, "aigw:waf:content:Log4JRCE"));
                assert_string_equal(r->matches[0].matched, "");
                assert_int_equal(r->matches[0].component, AIGW_WAF_CONTENT);
            }
        }
        aigw_waf_free(waf);
    }
}

/* What is counted in a prompt must not hide the same thing where it is blocked. */
static void content_hides_nothing(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options),
                                               .content = AIGW_WAF_CONTENT_COUNT_FULL});
    const aigw_waf_result *r =
        check(waf, NULL,
              "{\"messages\":[{\"role\":\"user\",\"content\":\"${jndi:ldap://e}\"}],"
              "\"metadata\":{\"x\":\"${jndi:ldap://e}\"}}");
    assert_string_equal(stopped_by(r), "Log4JRCE_BODY");
    assert_string_equal(r->matches[r->terminating].location, "json:/metadata/x");
    aigw_waf_free(waf);

    /* On a route without prompts the same body is settings all over. */
    waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    static aigw_waf_result result;
    aigw_waf_request request =
        request_of(NULL, "{\"messages\":[{\"role\":\"user\",\"content\":\"${jndi:ldap://e}\"}]}");
    request.route = AIGW_WAF_ROUTE_OTHER;
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    assert_string_equal(stopped_by(&result), "Log4JRCE_BODY");
    aigw_waf_free(waf);
}

static void classes_of_json(void **state)
{
    (void)state;
    static const struct {
        const char *body, *rule;
    } cases[] = {
        {"{\"model\":\"x' or 1=1--\"}", "SQLi_BODY"},
        {"{\"metadata\":{\"1;drop table x--\":\"1\"}}", "SQLi_BODY"},
        {"{\"messages\":[{\"role\":\"<script>\",\"content\":\"hi\"}]}", "CrossSiteScripting_BODY"},
        {"{\"messages\":[{\"role\":\"user\",\"<script>\":\"hi\"}]}", "CrossSiteScripting_BODY"},
        {"{\"user\":\"\\u003cscript\\u003e\"}", "CrossSiteScripting_BODY"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file_url\":"
         "\"http://2130706433/\"}]}]}",
         "EC2MetaDataSSRF_BODY"},
        {"{\"x\":[[[{\"callback_url\":\"http://0x7f.1/\"}]]]}", "EC2MetaDataSSRF_BODY"},
        {"{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"bash\",\"parameters\":"
         "{\"type\":\"object\",\"properties\":{\"select * from\":{\"type\":\"string\"}}}}}]}",
         ""},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
         "\"data:image/png;base64,PHNjcmlwdD4=\"}]}]}",
         ""},
        {"[1,2", "BodySyntax_BODY"},
        {"{\"a\":\"\\ud800\"}", "BodySyntax_BODY"},
    };
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *by = stopped_by(check(waf, NULL, cases[i].body));
        if (strcmp(by, cases[i].rule) != 0)
            fail_msg("%s: %s, not %s", cases[i].body, by, cases[i].rule);
    }
    aigw_waf_free(waf);
}

static void credentials_are_not_read(void **state)
{
    (void)state;
    static aigw_waf_result result;
    static const char *const names[] = {"authorization", "X-Api-Key", "x-goog-api-key", "api-key"};
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    for (size_t i = 0; i < 4; i++) {
        aigw_header with[3] = {headers[0], headers[1], {aigw_slice_of(names[i]), GW_S(ATTACK)}};
        aigw_waf_request request = request_of(NULL, NULL);
        request.headers = with;
        request.header_count = 3;
        assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
        assert_int_equal(result.match_count, 0);
    }
    aigw_waf_free(waf);
}

/* Heads of browsers, SDKs, proxies and tracers; queries and cookies of every day. */
static void honest_heads(void **state)
{
    (void)state;
    static aigw_waf_result result;
    static const char *const lines[] = {
        "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
        "Gecko) "
        "Chrome/124.0.0.0 Safari/537.36",
        "User-Agent: aws-sdk-java/2.25.1 Linux/6.1 OpenJDK_64-Bit_Server_VM/17.0.10+7 Java/17.0.10 "
        "vendor/Debian exec-env/AWS_Lambda io/async http/Netty cfg/retry-mode/legacy",
        "User-Agent: Apache-HttpClient/4.5.14 (Java/17.0.10)",
        "User-Agent: langchain/0.2 (python 3.12; Linux x86_64; find me at "
        "https://example.com/a?b=c)",
        "User-Agent: Boto3/1.34.0 md/Botocore#1.34.0 ua/2.0 os/linux#6.1 md/arch#x86_64 "
        "lang/python#3.12.1",
        "sec-ch-ua: \"Chromium\";v=\"124\", \" Not A;Brand\";v=\"99\", \"Google Chrome\";v=\"124\"",
        "sec-ch-ua-platform: \"Windows\"",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "baggage: sentry-environment=prod,sentry-release=app@1.2.3,user=a%20b;p=1",
        "If-None-Match: W/\"67ab43\", \"54ed21\"",
        "Via: 1.1 varnish (Varnish/7.1), 1.1 4f3.cloudfront.net (CloudFront)",
        "Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43, for=\"[2001:db8::17]:4711\"",
        "X-Forwarded-For: 203.0.113.7, 10.0.0.1",
        "CF-Visitor: {\"scheme\":\"https\"}",
        "Referer: https://chat.example.com/c/9?q=select+a+model&sort=name&order=asc#x",
        "Content-Disposition: form-data; name=\"file\"; filename=\"notes (final).txt\"",
        "anthropic-beta: prompt-caching-2024-07-31,computer-use-2024-10-22",
        "x-amzn-trace-id: "
        "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
        "Cookie: _ga=GA1.2.1234.5678; theme=dark; sid=s%3Aj7Xk.9b%2Fc%2Bd; prefs=%7B%22a%22%3A1%7D",
        "Authorization: Basic dXNlcjpwYXNz",
        "Last-Event-ID: 42",
        "Priority: u=1, i",
        "X-Request-Id: or=1; and=2"};
    static const char *const queries[] = {"api-version=2024-10-21",
                                          "q=select+the+best+model&page=2",
                                          "alt=sse&key=AIzaSyA-1234567890abcdefghijklmnopqrstu",
                                          "limit=20&order=desc&after=file-abc123",
                                          "filter=created_at%3E2024-01-01&id=7",
                                          "name=O%27Brien&q=rock+%26+roll",
                                          "q=what+is+1%2B1%3F+and+who+is+%22Bob%22%3F",
                                          "redirect=https%3A%2F%2Fapp.example.com%2Fdone%3Fa%3Db",
                                          "file=report.pdf&date=2024-05-06T07:08:09Z"};
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        aigw_slice value = aigw_slice_of(lines[i]);
        aigw_slice name = gw_cut(&value, ':');
        bool agent = gw_eq(name, GW_S("User-Agent"));
        aigw_header with[] = {
            headers[0], {GW_S("User-Agent"), GW_S("t/1")}, {name, gw_trim(value)}};
        if (agent)
            with[1] = with[2];
        aigw_waf_request request = request_of(queries[i % 9], NULL);
        request.method = GW_S("GET");
        request.path = GW_S("/v1/models/gpt-4o");
        request.headers = with;
        request.header_count = agent ? 2 : 3;
        assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
        if (result.match_count)
            fail_msg("%s ? %s: %s %d %s", lines[i], queries[i % 9], result.matches[0].rule,
                     result.matches[0].pattern, result.matches[0].matched);
    }
    aigw_waf_free(waf);
}

static void explains(void **state)
{
    (void)state;
    aigw_waf_override none[] = {{"GenericLFI_QUERYARGUMENTS", AIGW_WAF_NONE}};
    aigw_waf *waf = waf_of(&(aigw_waf_options){
        .size = sizeof(aigw_waf_options), .overrides = none, .override_count = 1});
    aigw_waf_request request = request_of("a=../../x&b=../../y&c=<script>",
                                          "{\"messages\":[{\"content\":\"${jndi:ldap://e}\"}]}");
    aigw_slice text;
    assert_int_equal(aigw_waf_explain(waf, &request, &text, NULL), AIGW_OK);
    assert_non_null(
        gw_find(text, GW_S("none  AWSManagedRulesCommonRuleSet/GenericLFI_QUERYARGUMENTS")));
    assert_non_null(gw_find(text, GW_S("at=args:a")));
    assert_non_null(gw_find(text, GW_S("at=args:b")));
    assert_non_null(gw_find(text, GW_S("label=aigw:waf:content:Log4JRCE component=CONTENT "
                                       "at=json:/messages/0/content")));
    assert_null(gw_find(text, GW_S("jndi")));
    assert_non_null(gw_find(text, GW_S("verdict: block by CrossSiteScripting_QUERYARGUMENTS")));
    aigw_bytes_free(text);
    aigw_waf_free(waf);
}

/* More places than there is room for: the verdict still stands at the end. */
static void explains_without_end(void **state)
{
    (void)state;
    enum { ITEMS = 20000 };
    static char body[ITEMS * 11 + 64];
    size_t len = 0;
    for (int i = 0; i < ITEMS; i++)
        len += (size_t)snprintf(body + len, sizeof body - len, "%s\"<script>\"", i ? "," : "[");
    snprintf(body + len, sizeof body - len, "]");
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    aigw_waf_request request = request_of("", body);
    aigw_slice text;
    assert_int_equal(aigw_waf_explain(waf, &request, &text, NULL), AIGW_OK);
    assert_in_range(text.len, 1, 1 << 20);
    assert_non_null(gw_find(text, GW_S(" more\nverdict: block by ")));
    aigw_bytes_free(text);
    aigw_waf_free(waf);
}

static void *many(void *user)
{
    const aigw_waf *waf = user;
    aigw_waf_result *result = calloc(1, sizeof *result);
    for (int i = 0; i < 200; i++) {
        aigw_waf_request request = request_of(i % 2 ? "a=../../x" : "a=x", NULL);
        if (aigw_waf_check(waf, &request, result, NULL) != AIGW_OK || result->block != (i % 2)) {
            free(result);
            return NULL;
        }
    }
    free(result);
    return user;
}

static void shared_by_threads(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, waf), 0);
    for (int i = 0; i < 4; i++) {
        void *fine = NULL;
        pthread_join(threads[i], &fine);
        assert_non_null(fine);
    }
    assert_string_equal(aigw_waf_info(waf), "loaded");
    aigw_waf_free(waf);
}

int main(void)
{
    aigw_waf *waf = NULL;
    aigw_error err;
    if (aigw_waf_new(&(aigw_waf_options){.size = sizeof(aigw_waf_options)}, &waf, &err) ==
        AIGW_E_UNSUPPORTED) {
        printf("skipped: %s\n", err.message);
        return 0;
    }
    aigw_waf_free(waf);
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_fields),
                                       cmocka_unit_test(many_bytes),
                                       cmocka_unit_test(first_by_priority),
                                       cmocka_unit_test(overrides),
                                       cmocka_unit_test(bad_options),
                                       cmocka_unit_test(content),
                                       cmocka_unit_test(content_hides_nothing),
                                       cmocka_unit_test(classes_of_json),
                                       cmocka_unit_test(credentials_are_not_read),
                                       cmocka_unit_test(honest_heads),
                                       cmocka_unit_test(explains),
                                       cmocka_unit_test(explains_without_end),
                                       cmocka_unit_test(shared_by_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
