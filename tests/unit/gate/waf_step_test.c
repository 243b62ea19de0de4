/* Head first, body later: the same verdict as the whole check, and what only the head's check knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "gate/waf.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct sample {
    const char *method, *path, *query, *type, *name, *value, *body;
} sample;

#define CHAT "/v1/chat/completions"
#define JSON "application/json"

static const sample samples[] = {
    {"POST", CHAT, NULL, JSON, "Accept", "*/*", "{\"model\":\"m\"}"},
    {"POST", CHAT, "q=%3Cscript%3Ealert(1)%3C/script%3E", JSON, "Accept", "*/*", "{}"},
    {"POST", CHAT, NULL, JSON, "X-Api", "${jndi:ldap://e/a}", "{}"},
    {"POST", CHAT, NULL, JSON, "Accept", "*/*", "{\"model\":\"../../../../etc/passwd\"}"},
    {"POST", CHAT, NULL, JSON, "Accept", "*/*", "{\"x\":\"1' or '1'='1' -- \"}"},
    {"POST", CHAT, "a=1", JSON, "Referer", "http://x/?a=<script>alert(1)</script>",
     "{\"x\":\"<script>alert(1)</script>\"}"},
    {"POST", CHAT, NULL, JSON, "Accept", "*/*", "{\"model\":"},
    {"POST", "/x", NULL, "application/x-www-form-urlencoded", "Accept", "*/*",
     "a=1%27%20or%20%271%27=%271"},
    {"POST", "/x", NULL, "text/plain", "Accept", "*/*", "hello"},
    {"POST", "/x", NULL, NULL, "Accept", "*/*", "hello"},
    {"GET", "/x", "f=../../../../etc/passwd", NULL, "Accept", "*/*", ""},
    {"GET", "/x", NULL, JSON, "Accept", "*/*", "{}"},
    {"PROPFIND", "/x", NULL, JSON, "Proxy", "1", "${jndi:ldap://e/a}"},
};

static char length[24];
static aigw_header fields[5];

static aigw_waf_request request_of(const sample *s)
{
    size_t n = 0;
    snprintf(length, sizeof length, "%zu", strlen(s->body));
    fields[n++] = (aigw_header){GW_S("Host"), GW_S("gw.example.com")};
    fields[n++] = (aigw_header){GW_S("User-Agent"), GW_S("t/1")};
    fields[n++] = (aigw_header){GW_S("Content-Length"), aigw_slice_of(length)};
    fields[n++] = (aigw_header){aigw_slice_of(s->name), aigw_slice_of(s->value)};
    if (s->type)
        fields[n++] = (aigw_header){GW_S("Content-Type"), aigw_slice_of(s->type)};
    return (aigw_waf_request){.size = sizeof(aigw_waf_request),
                              .method = aigw_slice_of(s->method),
                              .path = aigw_slice_of(s->path),
                              .query = s->query ? aigw_slice_of(s->query) : gw_slice(NULL, 0),
                              .headers = fields,
                              .header_count = n,
                              .body = aigw_slice_of(s->body)};
}

static aigw_waf *waf_of(const aigw_waf_options *options)
{
    aigw_waf *waf = NULL;
    assert_int_equal(aigw_waf_new(options, &waf, NULL), AIGW_OK);
    return waf;
}

static void same(const aigw_waf_result *a, const aigw_waf_result *b)
{
    assert_int_equal(a->block, b->block);
    assert_int_equal(a->terminating, b->terminating);
    assert_int_equal(a->match_count, b->match_count);
    for (size_t i = 0; i < a->match_count; i++) {
        assert_string_equal(a->matches[i].rule, b->matches[i].rule);
        assert_string_equal(a->matches[i].location, b->matches[i].location);
        assert_string_equal(a->matches[i].matched, b->matches[i].matched);
        assert_int_equal(a->matches[i].action, b->matches[i].action);
    }
}

/* Mode count and content policies too: then nothing ends in the head, and all of it must be there in the end. */
static void as_the_whole(void **state)
{
    (void)state;
    const aigw_waf_options options[] = {
        {.size = sizeof options[0]},
        {.size = sizeof options[0], .count_only = true},
        {.size = sizeof options[0], .content = AIGW_WAF_CONTENT_COUNT_FULL, .max_body_bytes = 4}};
    static aigw_waf_result whole, head, body;
    size_t ended = 0, late = 0;
    for (size_t o = 0; o < 3; o++) {
        aigw_waf *waf = waf_of(&options[o]);
        for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
            aigw_waf_request request = request_of(&samples[i]);
            gw_arena *arena = gw_arena_new(1 << 20);
            gw_waf_step step;
            gw_waf_body bytes = {.bytes = request.body};
            assert_int_equal(aigw_waf_check(waf, &request, &whole, NULL), AIGW_OK);
            size_t len = request.body.len;
            request.body = gw_slice(NULL, 0);
            assert_int_equal(gw_waf_check_head(waf, &request,
                                               &(gw_waf_about){.body_bytes = len, .arena = arena},
                                               &step, &head, NULL),
                             AIGW_OK);
            memset(fields, 0, sizeof fields); /* the caller's headers are gone by now */
            if (head.block) {
                assert_true(whole.block);
                ended++;
            } else {
                assert_int_equal(gw_waf_check_body(waf, &step, &bytes, &body, NULL), AIGW_OK);
                same(&whole, &body);
                late += body.block;
            }
            gw_arena_free(arena);
        }
        aigw_waf_free(waf);
    }
    assert_true(ended >= 6 && late >= 4);
}

static bool saw(const aigw_waf_result *result, const char *rule)
{
    for (size_t i = 0; i < result->match_count; i++) {
        if (strcmp(result->matches[i].rule, rule) == 0)
            return true;
    }
    return false;
}

static const aigw_waf_result *head_of(const aigw_waf *waf, const aigw_waf_request *request,
                                      uint64_t bytes, gw_waf_step *step, gw_arena *arena)
{
    static aigw_waf_result result;
    assert_int_equal(gw_waf_check_head(waf, request,
                                       &(gw_waf_about){.body_bytes = bytes, .arena = arena}, step,
                                       &result, NULL),
                     AIGW_OK);
    return &result;
}

/* A body over the limit is refused by its announcement; one of unknown length when it is there. */
static void announced(void **state)
{
    (void)state;
    const aigw_waf_override block = {"SizeRestrictions_BODY", AIGW_WAF_BLOCK};
    aigw_waf *waf = waf_of(&(aigw_waf_options){
        .size = sizeof(aigw_waf_options), .overrides = &block, .override_count = 1});
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_waf_request request = request_of(&samples[0]);
    request.body = gw_slice(NULL, 0);
    gw_waf_step step;
    assert_false(head_of(waf, &request, 8192, &step, arena)->block);
    const aigw_waf_result *r = head_of(waf, &request, 8193, &step, arena);
    assert_true(r->block && saw(r, "SizeRestrictions_BODY"));
    assert_false(head_of(waf, &request, GW_WAF_BODY_UNKNOWN, &step, arena)->block);
    static char big[8193];
    memset(big, ' ', sizeof big);
    memcpy(big + sizeof big - 2, "{}", 2);
    gw_waf_body body = {.bytes = {big, sizeof big}};
    static aigw_waf_result result;
    assert_int_equal(gw_waf_check_body(waf, &step, &body, &result, NULL), AIGW_OK);
    assert_true(saw(&result, "SizeRestrictions_BODY"));
    gw_arena_free(arena);
    aigw_waf_free(waf);
}

/* Of unknown length and without a type: whether there is a body is seen when it has come. */
static void untyped(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    gw_arena *arena = gw_arena_new(1 << 20);
    sample s = samples[0];
    s.type = NULL;
    aigw_waf_request request = request_of(&s);
    request.body = gw_slice(NULL, 0);
    gw_waf_step step;
    static aigw_waf_result result;
    assert_false(head_of(waf, &request, GW_WAF_BODY_UNKNOWN, &step, arena)->block);
    assert_int_equal(gw_waf_check_body(waf, &step, &(gw_waf_body){0}, &result, NULL), AIGW_OK);
    assert_false(result.block);
    gw_waf_body body = {.bytes = GW_S("hello")};
    assert_int_equal(gw_waf_check_body(waf, &step, &body, &result, NULL), AIGW_OK);
    assert_true(result.block && saw(&result, "ContentType_HEADER"));
    assert_true(saw(head_of(waf, &request, 5, &step, arena), "ContentType_HEADER"));
    gw_arena_free(arena);
    aigw_waf_free(waf);
}

/* That a body is no JSON may be told by who needs it; attacks in it are attacks all the same. */
static void no_json(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    gw_arena *arena = gw_arena_new(1 << 20);
    aigw_waf_request request = request_of(&samples[0]);
    gw_waf_step step;
    static aigw_waf_result result;
    head_of(waf, &request, 9, &step, arena);
    gw_waf_body body = {.bytes = GW_S("{\"a\":tru}"), .no_json = true};
    assert_int_equal(gw_waf_check_body(waf, &step, &body, &result, NULL), AIGW_OK);
    assert_false(result.block);
    body.bytes = GW_S("{\"a\":\"select 1 from b where c='d'\",}");
    assert_int_equal(gw_waf_check_body(waf, &step, &body, &result, NULL), AIGW_OK);
    assert_false(result.block);
    body.bytes = GW_S("{\"a\":${jndi:ldap://e/a}");
    assert_int_equal(gw_waf_check_body(waf, &step, &body, &result, NULL), AIGW_OK);
    assert_true(result.block && saw(&result, "Log4JRCE_BODY"));
    gw_arena_free(arena);
    aigw_waf_free(waf);
}

/* Who reaches a listener on loopback calls it by its address and port; nobody else may. */
static void own_host(void **state)
{
    (void)state;
    static const struct {
        const char *host, *local;
        bool attack;
    } hosts[] = {{"localhost:8787", "127.0.0.1:8787", false},
                 {"LOCALHOST:8787", "127.0.0.1:8787", false},
                 {"127.0.0.1:8787", "127.0.0.1:8787", false},
                 {"[::1]:8787", "[::1]:8787", false},
                 {"localhost:8787", "[::1]:8787", false},
                 {"127.0.0.7:8787", "127.0.0.7:8787", false},
                 {"localhost", "127.0.0.1:8787", true},
                 {"localhost:", "127.0.0.1:8787", true},
                 {"127.0.0.1", "127.0.0.1:8787", true},
                 {"localhost:8788", "127.0.0.1:8787", true},
                 {"localhost:87870", "127.0.0.1:8787", true},
                 {"127.0.0.2:8787", "127.0.0.1:8787", true},
                 {"localhost:8787", "10.0.0.1:8787", true},
                 {"localhost:8787", "", true},
                 {"localhost:8787", "[2001:db8::1]:8787", true},
                 {"2130706433:8787", "127.0.0.1:8787", true},
                 {"localhost:8787", ":8787", true},
                 {"localhost:8787", "127.0.0.1", true}};
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_waf_step step;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        aigw_waf_request request = request_of(&samples[0]);
        fields[0].value = aigw_slice_of(hosts[i].host);
        request.local = aigw_slice_of(hosts[i].local);
        const aigw_waf_result *r = head_of(waf, &request, 9, &step, arena);
        if (r->block != hosts[i].attack || saw(r, "Host_localhost_HEADER") != hosts[i].attack)
            fail_msg("%s at %s", hosts[i].host, hosts[i].local);
    }
    gw_arena_free(arena);
    aigw_waf_free(waf);
}

/* A body that only passes through may be of any type, packed, and a part of a whole; its head is a head. */
static void passes(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_waf_step step;
    static aigw_waf_result result;
    static const char *const names[] = {"Content-Range", "Content-Encoding", "Accept", "Proxy"};
    static const char *const values[] = {"bytes 0-9/20", "gzip", "*/*", "x"};
    for (size_t i = 0; i < 8; i++) {
        sample s = samples[0];
        s.type = i % 4 == 2 ? "application/x-of-theirs" : JSON;
        s.name = names[i % 4];
        s.value = values[i % 4];
        aigw_waf_request request = request_of(&s);
        const gw_waf_about about = {.body_bytes = 9, .passes = i < 4, .arena = arena};
        assert_int_equal(gw_waf_check_head(waf, &request, &about, &step, &result, NULL), AIGW_OK);
        assert_int_equal(result.block, i >= 3);
    }
    gw_arena_free(arena);
    aigw_waf_free(waf);
}

/* The secret of a client is a random text, at the one path that takes it. */
static void credentials(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    sample s = {"POST",
                "/oauth2/token",
                NULL,
                "application/x-www-form-urlencoded",
                "Accept",
                "*/*",
                "grant_type=client_credentials&client_id=a&client_secret=%27%20or%20%271%27=%271"};
    static aigw_waf_result result;
    aigw_waf_request request = request_of(&s);
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    assert_false(result.block);
    s.path = "/other";
    request = request_of(&s);
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    assert_true(result.block);
    s.path = "/oauth2/token";
    s.body = "client_secret=a&scope=%27%20or%20%271%27=%271";
    request = request_of(&s);
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    assert_true(result.block);
    aigw_waf_free(waf);
}

/* Compiled against the header before `local` was there. */
static void older_caller(void **state)
{
    (void)state;
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    static aigw_waf_result result;
    aigw_waf_request request = request_of(&samples[0]);
    fields[0].value = GW_S("localhost:1");
    request.size = offsetof(aigw_waf_request, local);
    request.local = GW_S("127.0.0.1:1");
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    assert_true(result.block);
    request.size--;
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_E_INVALID);
    aigw_waf_free(waf);
}

static long calls;

static void *counting_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    calls++;
    return realloc(ptr, bytes);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/* An honest request takes no memory of its own, once a check has run. */
static void no_allocation(void **state)
{
    (void)state;
    const aigw_allocator allocator = {counting_realloc, counting_free, NULL};
    aigw_waf *waf = waf_of(&(aigw_waf_options){.size = sizeof(aigw_waf_options)});
    static aigw_waf_result result;
    aigw_waf_request request = request_of(&samples[0]);
    assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    aigw_set_allocator(&allocator);
    for (int i = 0; i < 3; i++)
        assert_int_equal(aigw_waf_check(waf, &request, &result, NULL), AIGW_OK);
    aigw_set_allocator(NULL);
    assert_int_equal(calls, 0);
    aigw_waf_free(waf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_whole),  cmocka_unit_test(announced),
        cmocka_unit_test(untyped),       cmocka_unit_test(no_json),
        cmocka_unit_test(own_host),      cmocka_unit_test(credentials),
        cmocka_unit_test(passes),        cmocka_unit_test(older_caller),
        cmocka_unit_test(no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
