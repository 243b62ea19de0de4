/* Key sets by discovery, and how long an answer lives. */
/* Must not verify any token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/base/fault_alloc.h"
#include "unit/rim/test_server.h"

#include "base/mem.h"
#include "base/text.h"
#include "rim/keys.h"
#include "rim/keys_answer.h"

#define KEY                                                                                        \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","     \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define SET_1  "{\"keys\":[" KEY "]}"
#define SET_2  "{\"keys\":[" KEY "," KEY "]}"
#define MINUTE ((int64_t)60000)
#define HOUR   (60 * MINUTE)

static int64_t fake_ms;

static int64_t fake_now(void *user)
{
    (void)user;
    return fake_ms;
}

static const gw_clock clock_of_tests = {NULL, fake_now, fake_now};
static char last_log[4096];

static void keep_log(void *user, aigw_log_level level, const char *line, size_t len)
{
    (void)user;
    (void)level;
    snprintf(last_log, sizeof last_log, "%.*s", (int)len, line);
}

static const gw_log log_of_tests = {NULL, keep_log, AIGW_LOG_INFO};

/* ---- a server with a document and a key set ---- */

typedef struct room {
    test_server *server;
    int document_status, set_status;
    char document[512];
    const char *set, *headers; /* further header lines of the set */
    int documents, sets;       /* requests */
    gw_keys *keys;
    gw_loop *loop;
    gw_http *http;
    int called;
} room;

/* Takes all it needs while it has the lock: the test changes it between two requests. */
static bool serve(test_request *r)
{
    room *x = r->server->user;
    char text[2048];

    pthread_mutex_lock(&r->server->lock);
    bool document = strncmp(r->head, "GET /doc?", 9) == 0;
    bool found = document || strncmp(r->head, "GET /keys ", 10) == 0;
    int status = !found ? 404 : document ? x->document_status : x->set_status;
    const char *body = document ? x->document : x->set;
    ++*(document ? &x->documents : &x->sets);
    snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status,
             strlen(body), document ? "" : x->headers, body);
    pthread_mutex_unlock(&r->server->lock);
    return send_text(r->fd, text);
}

static void called(void *user)
{
    ++*(int *)user;
}

static void woken(void *user)
{
    room *x = user;
    gw_keys_dispatch(x->keys, x->loop);
}

static void write_document(room *x, const char *issuer, const char *path)
{
    snprintf(x->document, sizeof x->document,
             "{\"issuer\":\"%s\",\"jwks_uri\":\"http://127.0.0.1:%d%s\",\"x\":[1]}", issuer,
             x->server->port, path);
}

static room *room_by(const gw_egress_policy *egress)
{
    room *x = calloc(1, sizeof *x);
    char url[128];

    fake_ms = 5;
    x->document_status = x->set_status = 200;
    x->set = SET_1;
    x->headers = "";
    x->server = server_start(serve, x);
    write_document(x, "https://i", "/keys");
    gw_keys_options options = {.issuer = GW_S("https://i"),
                               .clock = &clock_of_tests,
                               .log = &log_of_tests,
                               .egress = egress};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/doc?key=s3cr3t", x->server->port);
    options.discovery_url = aigw_slice_of(url);
    assert_int_equal(gw_keys_new(&options, &x->keys, NULL), AIGW_OK);
    x->loop = gw_loop_new(NULL);
    assert_int_equal(gw_http_new(x->loop, &x->http, NULL), AIGW_OK);
    gw_loop_on_wake(x->loop, woken, x);
    return x;
}

static room *room_new(void)
{
    return room_by(NULL);
}

static void room_free(room *x)
{
    gw_http_free(x->http);
    gw_keys_free(x->keys);
    gw_loop_free(x->loop);
    server_stop(x->server);
    free(x);
}

/* An attempt now; the number of keys after it. */
static size_t attempt(room *x)
{
    gw_keys_waiter waiter = {0};
    int before = x->called;

    fake_ms += 10000;
    server_read(x->server, &x->sets); /* passes on what the test has changed */
    assert_true(gw_keys_request(x->keys, true, x->loop, &gw_http_transport, x->http, &waiter,
                                called, &x->called));
    while (x->called == before)
        gw_loop_wait(x->loop, -1);
    server_read(x->server, &x->sets);
    aigw_jwks *set = gw_keys_get(x->keys);
    size_t n = aigw_jwks_count(set);
    aigw_jwks_free(set);
    return n;
}

static uint64_t failures_of(room *x, const char *phase)
{
    gw_keys_stats stats;
    size_t i = 0;

    gw_keys_stats_get(x->keys, &stats);
    while (strcmp(gw_keys_phase(i), phase) != 0)
        i++;
    return stats.failures_by[i];
}

static void the_document_names_the_set(void **state)
{
    room *x = room_new();
    gw_keys_stats stats;

    (void)state;
    assert_int_equal(attempt(x), 1);
    assert_int_equal(server_read(x->server, &x->documents), 1);
    x->set = SET_2;
    assert_int_equal(attempt(x), 2); /* its address is known */
    assert_int_equal(server_read(x->server, &x->documents), 1);
    fake_ms += 2 * HOUR;
    assert_int_equal(attempt(x), 2); /* and looked up again now and then */
    assert_int_equal(server_read(x->server, &x->documents), 2);
    gw_keys_stats_get(x->keys, &stats);
    assert_int_equal(stats.fetches, 3);
    assert_int_equal(stats.failures, 0);
    assert_int_equal(stats.keys, 2);
    room_free(x);
}

static uint64_t generation(room *x)
{
    aigw_jwks *set = gw_keys_get(x->keys);
    uint64_t n = gw_jwks_generation(set);

    aigw_jwks_free(set);
    return n;
}

static void the_same_set_again_is_no_new_one(void **state)
{
    room *x = room_new();

    (void)state;
    assert_int_equal(attempt(x), 1);
    uint64_t first = generation(x);
    assert_int_equal(attempt(x), 1);
    assert_true(generation(x) == first); /* what is cached for it stays */
    x->set = SET_1 " ";
    assert_int_equal(attempt(x), 1);
    assert_true(generation(x) != first);
    room_free(x);
}

static void documents_that_are_none(void **state)
{
    static const struct {
        const char *document, *phase;
    } rows[] = {
        {"{\"issuer\":\"https://i/\",\"jwks_uri\":\"https://i/k\"}", "issuer"},
        {"{\"issuer\":\"https://I\",\"jwks_uri\":\"https://i/k\"}", "issuer"},
        {"{\"issuer\":\"https://j\",\"jwks_uri\":\"https://i/k\"}", "issuer"},
        {"{\"jwks_uri\":\"https://i/k\"}", "discovery"},
        {"{\"issuer\":[\"https://i\"],\"jwks_uri\":\"https://i/k\"}", "discovery"},
        {"{\"issuer\":\"https://i\"}", "discovery"},
        {"{\"issuer\":\"https://i\",\"jwks_uri\":7}", "discovery"},
        {"{\"issuer\":\"https://i\",\"jwks_uri\":\"file:///etc/passwd\"}", "discovery"},
        {"{\"issuer\":\"https://i\",\"jwks_uri\":\"/keys\"}", "discovery"},
        {"{\"issuer\":\"https://i\",\"jwks_uri\":\"http://example.com/keys\"}", "discovery"},
        {"{\"issuer\":\"https://i\",\"issuer\":\"https://i\",\"jwks_uri\":\"https://i/k\"}",
         "discovery"},
        {"<html>", "discovery"},
        {"", "discovery"},
    };
    room *x = room_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = failures_of(x, rows[i].phase);
        strcpy(x->document, rows[i].document);
        assert_int_equal(attempt(x), 0);
        if (failures_of(x, rows[i].phase) != before + 1)
            fail_msg("%s: %s", rows[i].document, last_log);
    }
    assert_int_equal(server_read(x->server, &x->sets), 0);
    x->document_status = 302;
    assert_int_equal(attempt(x), 0);
    assert_int_equal(failures_of(x, "status"), 1);
    room_free(x);
}

static void the_address_moves(void **state)
{
    room *x = room_new();

    (void)state;
    assert_int_equal(attempt(x), 1);
    x->set_status = 404;
    assert_int_equal(attempt(x), 1); /* the old set stays */
    assert_int_equal(server_read(x->server, &x->documents), 1);
    x->set_status = 200;
    x->set = SET_2;
    assert_int_equal(attempt(x), 2);
    assert_int_equal(server_read(x->server, &x->documents), 2); /* asked again after a failure */
    room_free(x);
}

static void without_the_document_the_old_address_serves(void **state)
{
    room *x = room_new();

    (void)state;
    assert_int_equal(attempt(x), 1);
    fake_ms += 2 * HOUR;
    x->document_status = 500;
    x->set = SET_2;
    assert_int_equal(attempt(x), 2);
    assert_int_equal(failures_of(x, "status"), 1);
    write_document(x, "https://other", "/keys");
    x->document_status = 200;
    fake_ms += 2 * HOUR;
    assert_int_equal(attempt(x), 2);
    assert_int_equal(failures_of(x, "issuer"), 1);
    room_free(x);
}

static void a_document_in_clear_only_for_one_in_clear(void **state)
{
    char *url = NULL;
    aigw_error err;
    aigw_slice document =
        GW_S("{\"issuer\":\"https://i\",\"jwks_uri\":\"http://127.0.0.1:1/keys\"}");

    (void)state;
    assert_int_equal(gw_keys_discovered(document, GW_S("https://i"), true, &url, &err), AIGW_OK);
    assert_string_equal(url, "http://127.0.0.1:1/keys");
    gw_free(url);
    url = NULL;
    assert_int_equal(gw_keys_discovered(document, GW_S("https://i"), false, &url, &err),
                     AIGW_E_PARSE);
    assert_null(url);
}

/* The server allocates by malloc, so that the count is this thread's alone. */
static void each_failing_allocation_is_a_failed_attempt(void **state)
{
    fault_alloc f;
    room *x = room_new();

    (void)state;
    for (long n = 1;; n++) {
        gw_keys_waiter waiter = {0};
        int before = x->called;
        fault_use(&f, n);
        fake_ms += 10000 + 2 * HOUR; /* always by way of the document */
        bool runs = gw_keys_request(x->keys, true, x->loop, &gw_http_transport, x->http, &waiter,
                                    called, &x->called);
        if (!runs)
            gw_keys_cancel(x->keys, &waiter);
        while (runs && x->called == before)
            gw_loop_wait(x->loop, -1);
        bool reached = f.calls >= n;
        fault_done();
        if (!reached)
            break;
    }
    assert_int_equal(attempt(x), 1);
    room_free(x);
}

static void each_failing_allocation_of_opening(void **state)
{
    fault_alloc f;
    gw_keys_options options = {.issuer = GW_S("https://i"),
                               .discovery_url = GW_S("https://i/doc"),
                               .ca_file = "/dev/null",
                               .clock = &clock_of_tests,
                               .log = &log_of_tests};
    int code = AIGW_E_NOMEM;

    (void)state;
    for (long n = 1; code != AIGW_OK; n++) {
        gw_keys *keys = NULL;
        fault_use(&f, n);
        code = gw_keys_new(&options, &keys, NULL);
        assert_true(code == AIGW_OK || code == AIGW_E_NOMEM);
        gw_keys_free(keys);
        assert_int_equal(f.live, 0);
        fault_done();
    }
}

/* ---- lives ---- */

static int64_t life(const char *control, const char *age)
{
    aigw_header headers[2] = {{GW_S("Cache-Control"), aigw_slice_of(control)},
                              {GW_S("Age"), aigw_slice_of(age)}};
    return gw_keys_life_ms(headers, age ? 2 : control ? 1 : 0);
}

static void lives_of_answers(void **state)
{
    (void)state;
    assert_int_equal(life(NULL, NULL), 10 * MINUTE);
    assert_int_equal(life("public", NULL), 10 * MINUTE);
    assert_int_equal(life("max-age=3600", NULL), HOUR);
    assert_int_equal(life("public , MAX-AGE=\"3600\", must-revalidate", NULL), HOUR);
    assert_int_equal(life("max-age=0", NULL), MINUTE);
    assert_int_equal(life("max-age=5", NULL), MINUTE);
    assert_int_equal(life("max-age=999999999", NULL), 24 * HOUR);
    assert_int_equal(life("max-age=99999999999999999999999", NULL), 10 * MINUTE);
    assert_int_equal(life("max-age=-5", NULL), 10 * MINUTE);
    assert_int_equal(life("max-age", NULL), 10 * MINUTE);
    assert_int_equal(life("max-age=", NULL), 10 * MINUTE);
    assert_int_equal(life("s-maxage=60, x-max-age=1", NULL), 10 * MINUTE);
    assert_int_equal(life("max-age=3600, max-age=120", NULL), 2 * MINUTE); /* the stricter */
    assert_int_equal(life("no-store, max-age=3600", NULL), MINUTE);
    assert_int_equal(life("No-Cache", NULL), MINUTE);
    assert_int_equal(life("max-age=3600", "600"), 50 * MINUTE);
    assert_int_equal(life("max-age=3600", "7200"), MINUTE);
    assert_int_equal(life("max-age=3600", "x"), HOUR);
}

static void tick(room *x)
{
    server_read(x->server, &x->sets);
    gw_keys_tick(x->keys, x->loop, &gw_http_transport, x->http);
}

static void a_set_lives_as_long_as_it_says(void **state)
{
    room *x = room_new();

    (void)state;
    x->headers = "Cache-Control: max-age=36000\r\n"; /* ten hours: renewed at 6.75 to 7.5 */
    assert_int_equal(attempt(x), 1);
    fake_ms += 6 * HOUR;
    tick(x);
    assert_int_equal(gw_loop_wait(x->loop, 0), 0);
    x->set = SET_2;
    fake_ms += 90 * MINUTE + 1;
    tick(x);
    for (size_t n = 1; n != 2;) {
        gw_loop_wait(x->loop, -1);
        aigw_jwks *set = gw_keys_get(x->keys);
        n = aigw_jwks_count(set);
        aigw_jwks_free(set);
    }
    server_read(x->server, &x->sets);
    /* Down: it serves its ten hours, and a day more. */
    x->document_status = x->set_status = 500;
    fake_ms += 33 * HOUR;
    assert_int_equal(attempt(x), 2);
    fake_ms += HOUR;
    assert_int_equal(attempt(x), 0);
    x->document_status = x->set_status = 200;
    assert_int_equal(attempt(x), 2);
    room_free(x);
}

/* What somebody's document says is no word of the operator: an address there is judged like a name. */
static void a_document_cannot_lead_home(void **state)
{
    gw_net home;
    gw_egress_policy egress = {&home, 0};
    (void)state;
    assert_true(gw_net_parse(GW_S("127.0.0.0/8"), &home, NULL));
    room *x = room_by(&egress);
    assert_int_equal(attempt(x), 1); /* the document's own host: the operator has named it */
    snprintf(x->document, sizeof x->document,
             "{\"issuer\":\"https://i\",\"jwks_uri\":\"http://localhost:%d/keys\"}",
             x->server->port);
    x->set = SET_2;
    fake_ms += 2 * HOUR;
    assert_int_equal(attempt(x), 1);
    assert_int_equal(failures_of(x, "egress"), 1);
    assert_non_null(strstr(last_log, "\"phase\":\"egress\""));
    assert_non_null(strstr(last_log, "egress_loopback"));
    assert_null(strstr(last_log, "s3cr3t"));
    assert_int_equal(server_read(x->server, &x->sets), 1);
    room_free(x);

    egress.allowed_count = 1;
    x = room_by(&egress);
    snprintf(x->document, sizeof x->document,
             "{\"issuer\":\"https://i\",\"jwks_uri\":\"http://localhost:%d/keys\"}",
             x->server->port);
    assert_int_equal(attempt(x), 1);
    assert_int_equal(failures_of(x, "egress"), 0);
    room_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_names_the_set),
        cmocka_unit_test(the_same_set_again_is_no_new_one),
        cmocka_unit_test(documents_that_are_none),
        cmocka_unit_test(the_address_moves),
        cmocka_unit_test(without_the_document_the_old_address_serves),
        cmocka_unit_test(a_document_in_clear_only_for_one_in_clear),
        cmocka_unit_test(each_failing_allocation_is_a_failed_attempt),
        cmocka_unit_test(each_failing_allocation_of_opening),
        cmocka_unit_test(a_document_cannot_lead_home),
        cmocka_unit_test(lives_of_answers),
        cmocka_unit_test(a_set_lives_as_long_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
