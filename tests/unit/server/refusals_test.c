/* What is said of those who were turned away: counted all, logged seldom, and nobody forgotten. */
#include "server/refusals.h"
#include <aigw/aigw.h>

#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct room {
    aigw_server server;
    gw_worker worker;
    char log[16384];
    size_t lines;
} room;

static void keep_line(void *user, aigw_log_level level, const char *line, size_t len)
{
    room *r = user;
    size_t at = strlen(r->log);
    assert_int_equal(level, AIGW_LOG_INFO);
    assert_true(at + len + 2 < sizeof r->log);
    memcpy(r->log + at, line, len);
    memcpy(r->log + at + len, "\n", 2);
    r->lines++;
}

static room *open_room(void)
{
    room *r = calloc(1, sizeof *r);
    aigw_host host = {.size = sizeof host, .user = r, .log = keep_line};
    assert_non_null(r);
    assert_int_equal(aigw_gateway_new(aigw_slice_of("providers: [{type: echo}]"), &host,
                                      &r->server.gateway, NULL),
                     AIGW_OK);
    r->worker.server = &r->server;
    r->worker.now_ms = 5000;
    return r;
}

static void close_room(room *r)
{
    aigw_gateway_free(r->server.gateway);
    free(r);
}

static void peers_are_told_once_a_second(void **state)
{
    (void)state;
    room *r = open_room();
    for (int i = 0; i < 100; i++)
        gw_refuse_peer(&r->worker, GW_S("192.0.2.7"));
    assert_int_equal(r->lines, 1);
    assert_non_null(strstr(r->log, "\"peer_refused\""));
    assert_non_null(strstr(r->log, "\"peer\":\"192.0.2.7\""));
    assert_null(strstr(r->log, "more"));
    assert_true(gw_refusals_held(&r->worker));
    r->worker.now_ms += 999;
    gw_refusals_tick(&r->worker);
    assert_int_equal(r->lines, 1);
    r->worker.now_ms += 1;
    gw_refusals_tick(&r->worker);
    assert_int_equal(r->lines, 2);
    assert_non_null(strstr(r->log, "\"more\":99"));
    assert_false(gw_refusals_held(&r->worker));
    gw_refuse_peer(&r->worker, GW_S("192.0.2.8")); /* within the second that this line began */
    assert_int_equal(r->lines, 2);
    r->worker.now_ms += 1000;
    gw_refuse_peer(&r->worker, GW_S("192.0.2.9"));
    assert_int_equal(r->lines, 3);
    assert_non_null(strstr(r->log, "\"peer\":\"192.0.2.9\",\"more\":1"));
    assert_int_equal(atomic_load(&r->server.refusals.peers), 102);
    r->worker.now_ms += 1000;
    gw_refusals_tick(&r->worker);
    assert_int_equal(r->lines, 3); /* nothing is held */
    close_room(r);
}

static void requests_are_told_ten_times_a_second(void **state)
{
    (void)state;
    room *r = open_room();
    for (int i = 0; i < 25; i++)
        gw_refuse_request(&r->worker, GW_S("::1"), 431, "the header is too large");
    assert_int_equal(r->lines, 10);
    assert_non_null(strstr(r->log, "\"event\":\"refused\""));
    assert_non_null(strstr(r->log, "\"status\":431"));
    r->worker.now_ms += 1000;
    for (int i = 0; i < 25; i++)
        gw_refuse_request(&r->worker, GW_S("::1"), 400, "x");
    assert_int_equal(r->lines, 20);
    assert_non_null(strstr(r->log, "\"more\":15"));
    close_room(r);
}

/* Each listens for its own; a flood of one does not silence the other. */
static void kinds_are_apart(void **state)
{
    (void)state;
    room *r = open_room();
    for (int i = 0; i < 20; i++)
        gw_refuse_proxy(&r->worker, GW_S("192.0.2.7"), "proxy_missing");
    gw_refuse_peer(&r->worker, GW_S("192.0.2.8"));
    gw_refuse_request(&r->worker, GW_S("192.0.2.9"), 408, "late");
    assert_int_equal(r->lines, 3);
    close_room(r);
}

typedef struct found {
    size_t count;
    uint64_t sum;
    char labels[1024];
} found;

static void collect(void *to, const aigw_metric *m)
{
    found *f = to;
    assert_int_equal(m->size, sizeof *m);
    f->count++;
    f->sum += m->value;
    if (m->value > 0)
        snprintf(f->labels + strlen(f->labels), sizeof f->labels - strlen(f->labels), "%s %s;",
                 m->name, m->labels);
}

static void all_are_counted(void **state)
{
    (void)state;
    room *r = open_room();
    found f = {0};
    gw_refuse_proxy(&r->worker, GW_S(""), "proxy_timeout");
    gw_refuse_proxy(&r->worker, GW_S(""), "proxy_no_such_reason");
    gw_refuse_request(&r->worker, GW_S(""), 408, "x");
    gw_refuse_request(&r->worker, GW_S(""), 499, "x");
    gw_refusals_metrics(&r->server, collect, &f);
    assert_int_equal(f.sum, 2); /* of PROXY headers only where they are expected */
    r->server.options.proxy_protocol = true;
    memset(&f, 0, sizeof f);
    gw_refusals_metrics(&r->server, collect, &f);
    assert_int_equal(f.sum, 4);
    assert_non_null(strstr(f.labels, "proxy_errors_total reason=\"timeout\";"));
    assert_non_null(strstr(f.labels, "proxy_errors_total reason=\"other\";"));
    assert_non_null(strstr(f.labels, "requests_refused_total status=\"408\";"));
    assert_non_null(strstr(f.labels, "requests_refused_total status=\"other\";"));
    close_room(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_told_once_a_second),
        cmocka_unit_test(requests_are_told_ten_times_a_second),
        cmocka_unit_test(kinds_are_apart),
        cmocka_unit_test(all_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
