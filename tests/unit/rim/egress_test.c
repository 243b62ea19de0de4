/* What a name may lead to: judged at each connection, by libcurl and by rim/direct, in time. */
/* Must not need any network but loopback: names are "*.localhost", or get their addresses from the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/base/fault_alloc.h"
#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#include "rim/egress.h"
#include "rim/http_parts.h"

static bool serve_text(test_request *r)
{
    return send_answer(r->fd, 200, "ok");
}

static bool serve_head_back(test_request *r)
{
    return send_answer(r->fd, 200, r->head);
}

typedef struct place {
    client *c;
    test_server *server;
    gw_net nets[4];
    gw_egress_policy policy;
} place;

static void place_open(place *p, test_serve_fn *serve)
{
    p->c = client_new();
    p->server = server_start(serve, NULL);
    p->policy = (gw_egress_policy){p->nets, 0};
}

static void allow(place *p, const char *net)
{
    assert_true(gw_net_parse(aigw_slice_of(net), &p->nets[p->policy.allowed_count++], NULL));
}

static void place_close(place *p)
{
    client_free(p->c);
    server_stop(p->server);
}

static gw_http_target *target_on(place *p, const char *host, gw_http_target_options options)
{
    char url[128];
    gw_http_target *target = NULL;
    snprintf(url, sizeof url, "http://%s:%d/x", host, p->server->port);
    options.url = aigw_slice_of(url);
    options.insecure_http_ok = true;
    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    return target;
}

/* How one GET ends; a body goes to `body` when it is wanted. */
static gw_http_failure ask(place *p, const gw_http_target *target, char **body)
{
    record r = {0};
    get(p->c, &r, target);
    if (r.failure != GW_HTTP_OK)
        assert_false(r.sent);
    if (body)
        *body = r.body;
    else
        free(r.body);
    return r.failure;
}

static gw_http_failure ask_once(place *p, const char *host, gw_http_target_options options)
{
    gw_http_target *target = target_on(p, host, options);
    gw_http_failure failure = ask(p, target, NULL);
    gw_http_target_free(target);
    return failure;
}

/* ---- names ---- */

static void a_name_that_leads_home_is_refused(void **state)
{
    place p;
    (void)state;
    place_open(&p, serve_text);
    for (int by_library = 0; by_library < 2; by_library++) {
        gw_http_target_options options = {.egress = &p.policy, .by_library = by_library};
        assert_int_equal(ask_once(&p, "name.localhost", options), GW_HTTP_EGRESS_LOOPBACK);
    }
    assert_int_equal(server_read(p.server, &p.server->connections), 0);
    assert_int_equal(ask_once(&p, "name.localhost", (gw_http_target_options){.proxy = ""}),
                     GW_HTTP_OK); /* nobody asked for a judgement */
    place_close(&p);
}

static void a_network_that_is_allowed_may_be_reached(void **state)
{
    place p;
    (void)state;
    place_open(&p, serve_text);
    allow(&p, "10.0.0.0/8");
    gw_http_target_options options = {.egress = &p.policy};
    assert_int_equal(ask_once(&p, "name.localhost", options), GW_HTTP_EGRESS_LOOPBACK);
    allow(&p, "127.0.0.0/8");
    gw_http_target *target = target_on(&p, "name.localhost", options);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&p, target, NULL), GW_HTTP_OK);
    /* The first by libcurl, which asked for the name; the others directly, at the address it found. */
    assert_int_equal(server_read(p.server, &p.server->connections), 2);
    gw_http_target_free(target);
    place_close(&p);
}

static void the_operators_word_stands(void **state)
{
    place p;
    (void)state;
    place_open(&p, serve_text);
    for (int by_library = 0; by_library < 2; by_library++) {
        gw_http_target_options options = {.egress = &p.policy, .by_library = by_library};
        assert_int_equal(ask_once(&p, "127.0.0.1", options), GW_HTTP_OK);
        assert_int_equal(ask_once(&p, "localhost", options), GW_HTTP_OK);
        assert_int_equal(ask_once(&p, "LOCALHOST", options), GW_HTTP_OK);
        assert_int_equal(ask_once(&p, "127.1", options), GW_HTTP_OK); /* made whole by the parser */
    }
    place_close(&p);
}

static void a_strangers_word_does_not(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "2130706433",
                                        "0x7f.1",    "[::1]",     "[::ffff:127.0.0.1]"};
    place p;
    (void)state;
    place_open(&p, serve_text);
    for (int by_library = 0; by_library < 2; by_library++) {
        gw_http_target_options options = {
            .egress = &p.policy, .by_library = by_library, .foreign = true};
        /* The operator's own connection is there to be used again: by him only. */
        gw_http_target_options own = {.egress = &p.policy, .by_library = by_library};
        assert_int_equal(ask_once(&p, "127.0.0.1", own), GW_HTTP_OK);
        int before = server_read(p.server, &p.server->requests);
        for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
            assert_int_equal(ask_once(&p, hosts[i], options), GW_HTTP_EGRESS_LOOPBACK);
        assert_int_equal(server_read(p.server, &p.server->requests), before);
        gw_http_target *said_by = target_on(&p, "127.0.0.1", own);
        options.found_at = said_by;
        assert_int_equal(ask_once(&p, "127.0.0.1", options), GW_HTTP_OK);
        assert_int_equal(ask_once(&p, "localhost", options), GW_HTTP_EGRESS_LOOPBACK);
        gw_http_target_free(said_by);
    }
    allow(&p, "127.0.0.1");
    gw_http_target_options allowed = {.egress = &p.policy, .foreign = true};
    assert_int_equal(ask_once(&p, "127.0.0.1", allowed), GW_HTTP_OK);
    assert_int_equal(ask_once(&p, "localhost", allowed), GW_HTTP_OK);
    place_close(&p);
}

static void each_kind_of_address_is_refused(void **state)
{
    static const struct {
        const char *addresses;
        gw_http_failure failure;
        const char *word;
    } rows[] = {
        {"10.1.2.3", GW_HTTP_EGRESS_PRIVATE, "egress_private"},
        {"192.168.0.1", GW_HTTP_EGRESS_PRIVATE, "egress_private"},
        {"[fd12::1]", GW_HTTP_EGRESS_PRIVATE, "egress_private"},
        {"100.64.0.1", GW_HTTP_EGRESS_SHARED, "egress_shared"},
        {"127.0.0.2", GW_HTTP_EGRESS_LOOPBACK, "egress_loopback"},
        {"[::1]", GW_HTTP_EGRESS_LOOPBACK, "egress_loopback"},
        {"[::ffff:127.0.0.1]", GW_HTTP_EGRESS_LOOPBACK, "egress_loopback"},
        {"169.254.1.1", GW_HTTP_EGRESS_LINK_LOCAL, "egress_link_local"},
        {"169.254.169.254", GW_HTTP_EGRESS_METADATA, "egress_metadata"},
        {"[fd00:ec2::254]", GW_HTTP_EGRESS_METADATA, "egress_metadata"},
        {"[64:ff9b::a9fe:a9fe]", GW_HTTP_EGRESS_METADATA, "egress_metadata"},
        {"224.0.0.1", GW_HTTP_EGRESS_MULTICAST, "egress_multicast"},
        {"0.0.0.0", GW_HTTP_EGRESS_RESERVED, "egress_reserved"},
        {"10.0.0.1,10.0.0.2", GW_HTTP_EGRESS_PRIVATE, "egress_private"},
    };
    place p;
    (void)state;
    place_open(&p, serve_text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char resolve[128], host[32];
        snprintf(host, sizeof host, "api%zu.example", i);
        snprintf(resolve, sizeof resolve, "%s:%d:%s", host, p.server->port, rows[i].addresses);
        gw_http_target_options options = {.egress = &p.policy, .resolve = resolve};
        gw_http_failure failure = ask_once(&p, host, options);
        assert_int_equal(failure, rows[i].failure);
        assert_true(gw_http_is_egress(failure));
        assert_string_equal(gw_http_failure_name(failure), rows[i].word);
    }
    assert_false(gw_http_is_egress(GW_HTTP_OTHER));
    place_close(&p);
}

/* A name with a private and an allowed address: the private one is passed over. */
static void the_next_address_is_tried(void **state)
{
    place p;
    char resolve[128];
    (void)state;
    place_open(&p, serve_text);
    allow(&p, "127.0.0.1");
    snprintf(resolve, sizeof resolve, "two.example:%d:10.0.0.1,127.0.0.1", p.server->port);
    gw_http_target_options options = {.egress = &p.policy, .resolve = resolve};
    assert_int_equal(ask_once(&p, "two.example", options), GW_HTTP_OK);
    assert_int_equal(server_read(p.server, &p.server->connections), 1);
    place_close(&p);
}

/* The rule may be stricter by the time a connection is used again: a reload, or another's target. */
static void a_kept_connection_is_judged_again(void **state)
{
    place p;
    (void)state;
    place_open(&p, serve_text);
    for (int by_library = 0; by_library < 2; by_library++) {
        gw_http_target_options options = {.egress = &p.policy, .by_library = by_library};
        p.policy.allowed_count = 0;
        allow(&p, "127.0.0.0/8");
        gw_http_target *loose = target_on(&p, "again.localhost", options);
        for (int i = 0; i < 3; i++)
            assert_int_equal(ask(&p, loose, NULL), GW_HTTP_OK);
        int before = server_read(p.server, &p.server->requests);
        p.policy.allowed_count = 0;
        gw_http_target *strict = target_on(&p, "again.localhost", options);
        assert_int_equal(ask(&p, strict, NULL), GW_HTTP_EGRESS_LOOPBACK);
        assert_int_equal(server_read(p.server, &p.server->requests), before);
        assert_int_equal(ask(&p, loose, NULL), GW_HTTP_OK);
        assert_int_equal(ask(&p, strict, NULL), GW_HTTP_EGRESS_LOOPBACK);
        gw_http_target_free(loose);
        gw_http_target_free(strict);
    }
    place_close(&p);
}

/* DNS rebinding: the name is public when it is looked at first, and private by the time it is asked. */
static void a_name_that_moves_home_is_refused(void **state)
{
    place p;
    char first[64], then[64];
    (void)state;
    place_open(&p, serve_text);
    allow(&p, "127.0.0.1");
    snprintf(first, sizeof first, "moves.example:%d:127.0.0.1", p.server->port);
    snprintf(then, sizeof then, "moves.example:%d:127.0.0.2", p.server->port);
    gw_http_target_options options = {.egress = &p.policy, .resolve = first, .by_library = true};
    assert_int_equal(ask_once(&p, "moves.example", options), GW_HTTP_OK);
    client_free(p.c); /* its connection with it */
    p.c = client_new();
    options.resolve = then;
    assert_int_equal(ask_once(&p, "moves.example", options), GW_HTTP_EGRESS_LOOPBACK);
    assert_int_equal(server_read(p.server, &p.server->requests), 1);
    place_close(&p);
}

/* ---- proxies ---- */

static void what_is_behind_a_proxy_is_its_business(void **state)
{
    place p;
    char proxy[64];
    char *body = NULL;
    (void)state;
    place_open(&p, serve_head_back);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", p.server->port);
    gw_http_target_options options = {.egress = &p.policy, .proxy = proxy};
    gw_http_target *target = target_on(&p, "home.localhost", options);
    assert_int_equal(ask(&p, target, &body), GW_HTTP_OK);
    assert_non_null(strstr(body, "GET http://home.localhost:"));
    free(body);
    gw_http_target_free(target);

    setenv("NO_PROXY", "example.com, .localhost", 1); /* so it is connected to, and judged */
    assert_int_equal(ask_once(&p, "home.localhost", options), GW_HTTP_EGRESS_LOOPBACK);
    unsetenv("NO_PROXY");
    place_close(&p);
}

static void which_proxy_is_asked(void **state)
{
    static const struct {
        const char *no_proxy, *host;
        bool exempt;
    } rows[] = {
        {"*", "a.b", true},
        {"a.b", "a.b", true},
        {".a.b", "a.b", true},
        {"a.b.", "A.B", true},
        {"a.b", "a.b.", true},
        {"a.b", "x.a.b", true},
        {"a.b", "xa.b", false},
        {"c,d\ta.b", "a.b", true},
        {"a.b.c", "b.c", false},
        {".", "a.b", false},
        {"10.0.0.0/8", "10.1.1.1", true},
        {"10.0.0.0/8", "11.1.1.1", false},
        {"10.1.1.1", "10.1.1.1", true},
        {"1.1.1", "1.1.1.1", false},
        {"fd00::/8", "[fd00::1]", true},
        {"::1", "[::1]", true},
        {"", "a.b", false},
        {"* ", "a.b", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setenv("NO_PROXY", rows[i].no_proxy, 1);
        const char *proxy = gw_http_proxy_for("http://p", true, aigw_slice_of(rows[i].host));
        if ((proxy[0] == '\0') != rows[i].exempt)
            fail_msg("%s among %s", rows[i].host, rows[i].no_proxy);
    }
    unsetenv("NO_PROXY");
    setenv("HTTP_PROXY", "http://of-a-client", 1);
    assert_string_equal(gw_http_proxy_for(NULL, false, GW_S("a.b")), "");
    setenv("ALL_PROXY", "http://all", 1);
    assert_string_equal(gw_http_proxy_for(NULL, false, GW_S("a.b")), "http://all");
    setenv("HTTPS_PROXY", "http://tls", 1);
    assert_string_equal(gw_http_proxy_for(NULL, true, GW_S("a.b")), "http://tls");
    assert_string_equal(gw_http_proxy_for(NULL, false, GW_S("a.b")), "http://all");
    setenv("http_proxy", "", 1);
    assert_string_equal(gw_http_proxy_for(NULL, false, GW_S("a.b")), "http://all");
    assert_string_equal(gw_http_proxy_for("", true, GW_S("a.b")), "");
    unsetenv("HTTP_PROXY");
    unsetenv("HTTPS_PROXY");
    unsetenv("ALL_PROXY");
    unsetenv("http_proxy");
}

/* ---- memory ---- */

static void without_memory_nothing_is_let_through(void **state)
{
    gw_net net;
    gw_egress_policy policy = {&net, 1};
    gw_http_target_options options = {.url = GW_S("https://api.example/x"), .egress = &policy};
    fault_alloc f;
    (void)state;
    assert_true(gw_net_parse(GW_S("10.0.0.0/8"), &net, NULL));
    int code = AIGW_E_NOMEM, failures = 0;
    for (long at = 1; code != AIGW_OK; at++) {
        gw_http_target *target = NULL;
        fault_use(&f, at);
        code = gw_http_target_new(&options, &target, NULL);
        failures += code == AIGW_E_NOMEM;
        if (code == AIGW_OK)
            assert_true(target->egress.on);
        else
            assert_int_equal(code, AIGW_E_NOMEM);
        gw_http_target_free(target);
        assert_int_equal(f.live, 0);
        aigw_set_allocator(NULL);
    }
    assert_true(failures > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_leads_home_is_refused),
        cmocka_unit_test(a_network_that_is_allowed_may_be_reached),
        cmocka_unit_test(the_operators_word_stands),
        cmocka_unit_test(a_strangers_word_does_not),
        cmocka_unit_test(each_kind_of_address_is_refused),
        cmocka_unit_test(the_next_address_is_tried),
        cmocka_unit_test(a_kept_connection_is_judged_again),
        cmocka_unit_test(a_name_that_moves_home_is_refused),
        cmocka_unit_test(what_is_behind_a_proxy_is_its_business),
        cmocka_unit_test(which_proxy_is_asked),
        cmocka_unit_test(without_memory_nothing_is_let_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
