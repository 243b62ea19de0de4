/* Screening with the n-th allocation failing, once and from then on: nothing is lost, and an attack is answered 403
 * or 503, never served. */
#include "gateway/screen/lists.h"
#include "unit/gateway/fake.h"
#include <unistd.h>

/* Samples are kept, and counts of addresses, so that more is held afterwards: not here. */
#define RULES  "samples: false, rate_limit: {action: none}"
#define ECHO   "providers: [{type: echo}]\n"
#define CONFIG ECHO "waf: {" RULES "}\n"

typedef struct failing {
    long calls, fail_at, live;
    bool for_good;
} failing;

static void *failing_realloc(void *user, void *ptr, size_t bytes)
{
    failing *a = user;
    a->calls++;
    if (a->fail_at && (a->calls == a->fail_at || (a->for_good && a->calls > a->fail_at)))
        return NULL;
    void *got = realloc(ptr, bytes);
    a->live += got && !ptr;
    return got;
}

static void failing_free(void *user, void *ptr)
{
    failing *a = user;
    a->live -= ptr != NULL;
    free(ptr);
}

typedef struct scenario {
    const char *path, *body;
    bool attack, late;
} scenario;

static const scenario scenarios[] = {
    {"/v1/chat/completions",
     "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}", false, true},
    {"/v1/chat/completions?a=%3Cscript%3Ealert(1)%3C/script%3E", "{}", true, true},
    {"/v1/chat/completions",
     "{\"model\":\"echo\",\"metadata\":{\"a\":\"${jndi:ldap://e/a}\"},"
     "\"messages\":[{\"role\":\"user\",\"content\":\"h\"}]}",
     true, true},
    {"/nowhere", "{\"a\":\"${jndi:ldap://e/a}\"}", true, false},
    {"/v1/chat/completions", "{\"model\":\"${jndi:ldap://e/a}\",}", true, false},
};

static const aigw_header fields[] = {{{"Host", 4}, {"gw.example.com", 14}},
                                     {{"User-Agent", 10}, {"t/1", 3}},
                                     {{"Content-Type", 12}, {"application/json", 16}},
                                     {{"Content-Length", 14}, {"90", 2}}};

/* The status; 0 without an answer. */
static int run(aigw_gateway *gw, const scenario *s)
{
    aigw_loop *loop = NULL;
    aigw_exchange *x = NULL;
    aigw_head head = {.size = sizeof head};
    int status = 0;
    if (aigw_loop_new(gw, &loop, NULL) != AIGW_OK)
        return 0;
    aigw_request request = fake_request(s->path, s->late ? "" : s->body);
    request.method = GW_S("POST");
    request.headers = fields;
    request.header_count = 4;
    request.peer = GW_S("127.0.0.1");
    request.channel = AIGW_CHANNEL_CLEAR;
    request.body_follows = s->late;
    if (aigw_exchange_start(loop, &request, NULL, NULL, &x, NULL) == AIGW_OK) {
        if (s->late && aigw_exchange_head(x, &head, NULL) == AIGW_AGAIN)
            aigw_exchange_body(x, aigw_slice_of(s->body), NULL);
        for (int i = 0; i < 12; i++)
            aigw_loop_step(loop, NULL);
        if (aigw_exchange_head(x, &head, NULL) == AIGW_OK)
            status = head.status;
    }
    aigw_exchange_free(x);
    aigw_loop_free(loop);
    return status;
}

static void each(bool for_good)
{
    failing a = {0};
    fake host = {0};
    aigw_gateway *gw = NULL;
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &a});
    assert_int_equal(aigw_gateway_new(aigw_slice_of(CONFIG), &host.host, &gw, NULL), AIGW_OK);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const scenario *s = &scenarios[i];
        assert_int_equal(run(gw, s), s->attack ? 403 : 200);
        run(gw, s); /* fills what is made once */
        long live = a.live;
        for (long n = 1; n < 1000; n++) {
            a = (failing){.fail_at = n, .live = live, .for_good = for_good};
            int status = run(gw, s);
            long calls = a.calls;
            a.fail_at = 0;
            if (status != 0 && status != 503 && status != (s->attack ? 403 : 200) &&
                !(status == 502 && !s->attack))
                fail_msg("scenario %zu, allocation %ld: %d", i, n, status);
            if (a.live != live)
                fail_msg("scenario %zu, allocation %ld: %ld blocks lost", i, n, a.live - live);
            if (calls < n)
                break;
        }
    }
    aigw_gateway_free(gw);
    assert_int_equal(a.live, 0);
    aigw_set_allocator(NULL);
}

static void once(void **state)
{
    (void)state;
    each(false);
}

static void from_then_on(void **state)
{
    (void)state;
    each(true);
}

/* A snapshot with a WAF and lists: made whole, or not at all; a reload leaves what was. */
static void making(void **state)
{
    (void)state;
    char path[] = "/tmp/aigw_screen_XXXXXX", config[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "198.51.100.1\n2001:db8::/64\n", 27), 27);
    close(fd);
    snprintf(config, sizeof config,
             ECHO "waf: {" RULES
                  ", rules: {GenericLFI_BODY: count}, ip_reputation: {reputation: [%s], "
                  "allow: [%s]}}\n",
             path, path);
    failing a = {0};
    fake host = {0};
    aigw_gateway *gw = NULL;
    aigw_error err;
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &a});
    long n = 1;
    for (; n < 5000; n++) {
        a.calls = 0;
        a.fail_at = n;
        if (aigw_gateway_new(aigw_slice_of(config), &host.host, &gw, &err) == AIGW_OK)
            break;
        a.fail_at = 0;
        assert_int_equal(err.code, AIGW_E_NOMEM);
        assert_int_equal(a.live, 0);
    }
    assert_true(n > 10 && n < 5000);
    a.fail_at = 0;
    assert_int_equal(run(gw, &scenarios[1]), 403);
    aigw_gateway_free(gw);
    assert_int_equal(a.live, 0);
    aigw_set_allocator(NULL);
    unlink(path);
}

static size_t look(aigw_gateway *gw, fake *host, int64_t later_ms)
{
    gw_live *live = gw_gateway_live(gw, NULL);
    aigw_iprep_facts facts;
    host->now_ms += later_ms;
    gw_screen_lists_tick(live->screen.lists, 60000, gw_gateway_clock(gw), &live->log);
    aigw_iprep_facts_of(live->screen.iprep, AIGW_IPREP_REPUTATION, &facts);
    gw_live_free(live);
    return facts.entries;
}

/* A list that could not be read for want of memory is not forgotten: the next look reads it. */
static void a_list_is_tried_again(void **state)
{
    (void)state;
    char path[] = "/tmp/aigw_screen_XXXXXX", config[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "198.51.100.1\n", 13), 13);
    snprintf(config, sizeof config, ECHO "waf: {" RULES ", ip_reputation: {reputation: [%s]}}\n",
             path);
    failing a = {0};
    fake host = {0};
    aigw_gateway *gw = NULL;
    fake_host(&host);
    aigw_set_allocator(&(aigw_allocator){failing_realloc, failing_free, &a});
    assert_int_equal(aigw_gateway_new(aigw_slice_of(config), &host.host, &gw, NULL), AIGW_OK);
    size_t had = 1;
    for (long n = 1; n < 100; n++) {
        char line[32];
        int len = snprintf(line, sizeof line, "203.0.%ld.1\n", n);
        assert_int_equal(write(fd, line, (size_t)len), len);
        assert_int_equal(look(gw, &host, 60000), had); /* the change is seen */
        a.calls = 0;
        a.fail_at = n;
        size_t now = look(gw, &host, 1000);
        bool failed = a.calls >= n;
        a.fail_at = 0;
        assert_true(failed || n > 1);
        if (failed && now == had) {
            look(gw, &host, 60000);
            now = look(gw, &host, 1000);
        }
        assert_int_equal(now, had + 1);
        had = now;
        if (!failed)
            break;
    }
    close(fd);
    aigw_gateway_free(gw);
    assert_int_equal(a.live, 0);
    aigw_set_allocator(NULL);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(making), cmocka_unit_test(once),
                                       cmocka_unit_test(from_then_on),
                                       cmocka_unit_test(a_list_is_tried_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
