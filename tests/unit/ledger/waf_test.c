/* The WAF's counters as Prometheus text; and what is kept of a request: nothing that is secret. */
#include "unit/base/fault_alloc.h"
#include "unit/ledger/waf_books.h"
#include <pthread.h>

static char text[65536];

static void render(gw_waf_books *b)
{
    gw_buf buf;
    gw_buf_init(&buf, sizeof text - 1);
    gw_waf_books_render(b, &buf);
    assert_false(buf.failed);
    aigw_slice all = gw_buf_slice(&buf);
    memcpy(text, all.data, all.len);
    text[all.len] = '\0';
    gw_buf_free(&buf);
}

static void has_line(const char *line)
{
    const char *at = strstr(text, line);
    if (!at || at[strlen(line)] != '\n' || (at != text && at[-1] != '\n'))
        fail_msg("no line \"%s\" in:\n%s", line, text);
}

#define REQUESTS(rule, action, n)                                                                  \
    has_line("aigw_waf_requests_total{rule=\"" rule "\",action=\"" action "\"} " n)

static void counts_are_awss(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    render(b);
    REQUESTS("Default_Action", "allow", "0"); /* there from the start, so that rates are right */
    REQUESTS("known-bad", "block", "0");

    gw_waf_event clean = event_of(NULL, 0, false);
    for (int i = 0; i < 3; i++)
        gw_waf_count(b, &clean);
    /* Two rules of a group count; another group blocks; what stands behind it was not asked. */
    const gw_waf_fact blocked[] = {fact_of(COMMON, "A", "l:xss", false),
                                   fact_of(COMMON, "B", "l:lfi", false),
                                   fact_of(RATE, "RateLimitPerIP", "l:rate", true)};
    gw_waf_event e = event_of(blocked, 3, true);
    gw_waf_count(b, &e);
    /* The terminating group may have counted before. */
    const gw_waf_fact both[] = {fact_of(COMMON, "B", "l:lfi", false),
                                fact_of(COMMON, "A", "l:xss", true)};
    e = event_of(both, 2, true);
    gw_waf_count(b, &e);
    /* Counted and allowed; a label that nobody knows is no line. */
    const gw_waf_fact counted[] = {fact_of(KNOWN, "C", "l:log4j", false),
                                   fact_of(KNOWN, "D", "l:{evil}\"\n", false)};
    e = event_of(counted, 2, false);
    gw_waf_count(b, &e);
    render(b);
    REQUESTS("own-rules", "pass", "6");
    REQUESTS("own-rules", "block", "0");
    REQUESTS("common-rules", "block", "1");
    REQUESTS("common-rules", "count", "2");
    REQUESTS("common-rules", "pass", "4");
    REQUESTS("ip-reputation", "pass", "5"); /* not of what the common rules ended */
    REQUESTS("rate-limit", "block", "1");
    REQUESTS("rate-limit", "pass", "4");
    REQUESTS("known-bad", "count", "1");
    REQUESTS("known-bad", "pass", "3");
    REQUESTS("Default_Action", "allow", "4");
    has_line("aigw_waf_label_total{label=\"l:xss\",action=\"block\"} 1");
    has_line("aigw_waf_label_total{label=\"l:xss\",action=\"count\"} 1");
    has_line("aigw_waf_label_total{label=\"l:lfi\",action=\"count\"} 2");
    has_line("aigw_waf_label_total{label=\"l:rate\",action=\"block\"} 1");
    assert_null(strstr(text, "evil"));
    has_line("aigw_waf_evidence_lost_total 0");
    gw_waf_lost(b);
    render(b);
    has_line("aigw_waf_evidence_lost_total 1");
    gw_waf_books_free(b);
}

enum { THREADS = 8, EACH = 20000 };

static void *count_many(void *user)
{
    gw_waf_books *b = user;
    const gw_waf_fact fact = fact_of(COMMON, "A", "l:xss", true);
    for (int i = 0; i < EACH; i++) {
        gw_waf_event clean = event_of(NULL, 0, false), e = event_of(&fact, 1, true);
        gw_waf_count(b, &clean);
        gw_waf_count(b, &e);
        gw_waf_sample(b, COMMON, gw_waf_draw(b), &e, &fact);
        gw_waf_sample(b, GROUPS, gw_waf_draw(b), &clean, NULL);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    gw_waf_books *b = books_new();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, b), 0);
    static gw_waf_picked picked;
    for (int i = 0; i < 50; i++) { /* reading at the same time */
        gw_waf_pick(b, COMMON, 1700000000, 0, 1700000000, 500, &picked);
        for (size_t k = 0; k < picked.count; k++)
            assert_true(picked.weights[k] > 0);
        gw_waf_picked_free(&picked);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    render(b);
    REQUESTS("common-rules", "block", "160000");
    REQUESTS("Default_Action", "allow", "160000");
    REQUESTS("known-bad", "pass", "160000");
    gw_waf_pick(b, COMMON, 1700000000, 0, 1700000000, 500, &picked);
    assert_int_equal(picked.population, (uint64_t)THREADS * EACH);
    assert_int_equal(picked.count, GW_WAF_BUCKET_ITEMS);
    gw_waf_picked_free(&picked);
    gw_waf_books_free(b);
}

static void books_need_memory(void **state)
{
    (void)state;
    for (long n = 1; n <= 2; n++) {
        fault_alloc f;
        fault_use(&f, n);
        assert_null(gw_waf_books_new(groups, GROUPS, labels, 5));
        assert_int_equal(f.live, 0);
        fault_done();
    }
    gw_waf_book_group many[GW_WAF_BOOK_GROUPS + 1];
    for (size_t i = 0; i <= GW_WAF_BOOK_GROUPS; i++)
        many[i] = groups[0];
    assert_null(gw_waf_books_new(many, GW_WAF_BOOK_GROUPS + 1, labels, 0));
}

/* -- what is kept -- */

static void names_of_secrets(void **state)
{
    (void)state;
    const char *secret[] = {"Authorization",
                            "proxy-authorization",
                            "Cookie",
                            "Set-Cookie",
                            "x-api-key",
                            "api-key",
                            "X-Goog-Api-Key",
                            "x-amz-security-token",
                            "key",
                            "KEY",
                            "token",
                            "access_token",
                            "refresh-token",
                            "client_secret",
                            "password",
                            "passwd",
                            "pwd",
                            "X-Auth",
                            "api%5fkey",
                            "%6bey",
                            "a%256b",
                            "X-Session-Id",
                            "sig",
                            "X-Amz-Signature",
                            "x-sig",
                            "client_assertion",
                            "jwt",
                            "sid",
                            "x_otp",
                            "code_verifier",
                            "awsAccessKeyId",
                            "x-secret-x"};
    const char *plain[] = {"q",     "user-agent", "Host",   "Accept",       "model",
                           "limit", "design",     "inside", "content-type", "x-request-id",
                           "opt",   "referer",    "after",  "side",         "pw",
                           "%41",   "%",          "%4"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        if (!gw_waf_secret_name(aigw_slice_of(secret[i])))
            fail_msg("%s is shown", secret[i]);
    }
    for (size_t i = 0; i + 2 < sizeof plain / sizeof *plain; i++) {
        if (gw_waf_secret_name(aigw_slice_of(plain[i])))
            fail_msg("%s is hidden", plain[i]);
    }
    /* What is not encoded well, or longer than names are, is nobody's to judge: hidden. */
    assert_true(gw_waf_secret_name(GW_S("%")));
    char big[300];
    memset(big, 'a', sizeof big);
    assert_true(gw_waf_secret_name(gw_slice(big, sizeof big)));
}

static void texts_that_tell(void **state)
{
    (void)state;
    const char *tell[] = {"api_key=abc", "\"password\": \"x", "token : 1", "Bearer abc",
                          "x sk-abc",    "eyJhbGci",          "AKIAABC",   "ghp_x",
                          "secret_2=1",  "{\\\"token\\\":1"};
    const char *plain[] = {"",
                           "<script",
                           "union select password from users",
                           "tokens of text",
                           "../../etc/passwd",
                           "q=1",
                           "the key is",
                           "x=author"};
    for (size_t i = 0; i < sizeof tell / sizeof *tell; i++) {
        if (!gw_waf_tells_secret(aigw_slice_of(tell[i])))
            fail_msg("%s is shown", tell[i]);
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (gw_waf_tells_secret(aigw_slice_of(plain[i])))
            fail_msg("%s is hidden", plain[i]);
    }
}

/* A copy in exactly the room that was asked for, so that a sanitizer sees one byte too many. */
static void *kept(const gw_waf_request *from, gw_waf_request *out)
{
    size_t bytes = gw_waf_keep_bytes(from);
    void *room = malloc(bytes);
    gw_waf_keep(from, room, out);
    return room;
}

static void queries_lose_their_secrets(void **state)
{
    (void)state;
    const struct {
        const char *query, *want;
    } cases[] = {
        {"", ""},
        {"q=1&limit=2", "q=1&limit=2"},
        {"key=AIza&q=1", "key=REDACTED&q=1"},
        {"q=1&access_token=abc", "q=1&access_token=REDACTED"},
        {"a&b&&token=", "a&b&&token=REDACTED"},
        {"api%5Fkey=s&x=%3D", "api%5Fkey=REDACTED&x=%3D"},
        {"x=sk-verysecret", "x=REDACTED"},
        {"to=https://u:PASS@h/", "to=REDACTED"},
        {"to=https%3A%2F%2Fu%3APASS%40h%2F", "to=REDACTED"},
        {"to=https://h/a@b", "to=https://h/a@b"},
        {"q=api_key%3Dabc&r=token%3A1", "q=REDACTED&r=REDACTED"},
        {"KEY=1;key=2", "KEY=REDACTED"},
        {"key", "key"},
        {"=v", "=v"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_waf_request out;
        const gw_waf_request from = {.query = aigw_slice_of(cases[i].query)};
        void *room = kept(&from, &out);
        if (!gw_eq(out.query, aigw_slice_of(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].query, (int)out.query.len, out.query.data);
        free(room);
    }
}

static void headers_lose_their_secrets(void **state)
{
    (void)state;
    const aigw_header headers[] = {
        {GW_S("Authorization"), GW_S("Bearer abc")},
        {GW_S("x-other"), GW_S("bearer abc")},
        {GW_S("X-API-Key"), GW_S("")},
        {GW_S("referer"), GW_S("https://h/p?key=abc&q=1")},
        {GW_S("user-agent"), GW_S("curl/8")},
        {GW_S("cookie"), GW_S("a=b")},
        {GW_S("x-meta"), GW_S("{\"password\":\"abc\"}")},
    };
    const char *want[] = {"REDACTED", "REDACTED", "REDACTED", "https://h/p?key=REDACTED&q=1",
                          "curl/8",   "REDACTED", "REDACTED"};
    const gw_waf_request from = {.headers = headers, .header_count = 7};
    gw_waf_request out, again;
    void *room = kept(&from, &out);
    void *room2 = kept(&out, &again); /* a copy of a copy is the same */
    assert_int_equal(out.header_count, 7);
    assert_int_equal(out.omitted, 0);
    for (size_t i = 0; i < 7; i++) {
        assert_true(gw_eq(out.headers[i].name, headers[i].name));
        if (!gw_eq(out.headers[i].value, aigw_slice_of(want[i])))
            fail_msg("%zu: %.*s", i, (int)out.headers[i].value.len, out.headers[i].value.data);
        assert_true(gw_eq(again.headers[i].value, out.headers[i].value));
    }
    free(room);
    free(room2);
    /* In a hurry: what everybody sends is out, the rest is when it is read again. */
    room = malloc(gw_waf_keep_bytes(&from));
    gw_waf_keep_raw(&from, room, &out);
    assert_true(gw_eq(out.headers[0].value, GW_S("REDACTED")));
    assert_true(gw_eq(out.headers[5].value, GW_S("REDACTED")));
    assert_true(gw_eq(out.headers[3].value, headers[3].value));
    room2 = kept(&out, &again);
    for (size_t i = 0; i < 7; i++)
        assert_true(gw_eq(again.headers[i].value, aigw_slice_of(want[i])));
    free(room);
    free(room2);
}

/* Of any size and filling: within the room, within the cap, characters whole. */
static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    static char big[20000];
    static aigw_header headers[200];
    const char *fills[] = {"a", "\xC3\xA9", "?", "&", "=", "?k=", "key=&", "%", "\xFF"};
    for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
        size_t n = strlen(fills[f]);
        for (size_t i = 0; i < sizeof big; i++)
            big[i] = fills[f][i % n];
        for (size_t len = 0; len <= sizeof big; len += len < 1100 ? 1 : 6301) {
            aigw_slice text_ = gw_slice(big, len);
            for (size_t i = 0; i < 200; i++)
                headers[i] = (aigw_header){gw_slice(big, len % 90), text_};
            const gw_waf_request from = {text_, text_, text_, text_, text_, headers, len % 201, 0};
            gw_waf_request out;
            void *room = kept(&from, &out);
            size_t sum =
                out.client.len + out.method.len + out.path.len + out.query.len + out.version.len;
            for (size_t i = 0; i < out.header_count; i++)
                sum += out.headers[i].name.len + out.headers[i].value.len;
            assert_true(sum <= GW_WAF_KEEP_MAX);
            assert_true(out.header_count <= 32);
            assert_int_equal(out.header_count + out.omitted, from.header_count);
            if (f == 1 && len % 2 == 0)
                assert_true(gw_utf8_valid(out.path) && gw_utf8_valid(out.client));
            if (len > 600)
                assert_true(gw_ends(out.path, GW_S("...")));
            free(room);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_awss),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(books_need_memory),
        cmocka_unit_test(names_of_secrets),
        cmocka_unit_test(texts_that_tell),
        cmocka_unit_test(queries_lose_their_secrets),
        cmocka_unit_test(headers_lose_their_secrets),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
