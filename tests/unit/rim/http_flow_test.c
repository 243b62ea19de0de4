/* Transfers under way: back-pressure, cancelling from everywhere, many at once, freeing the pool. */
/* Must not need any network but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#define FLOOD_BYTES (64 * 1024 * 1024) /* more than all socket buffers between the two take */

static char flood_byte(size_t at)
{
    return (char)('a' + at % 23);
}

/* Sends FLOOD_BYTES; `flag` counts when all of them were taken. */
static bool serve_flood(test_request *r)
{
    static char block[65536];
    char head[128];
    size_t at = 0;

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", FLOOD_BYTES);
    send_text(r->fd, head);
    while (at < FLOOD_BYTES) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = flood_byte(at + i);
        if (!send_all(r->fd, block, sizeof block))
            return false;
        at += sizeof block;
    }
    server_count(r->server, &r->server->flag);
    return true;
}

/* Sends a head and one piece of a stream, then waits for the other side to hang up: `flag`. */
static bool serve_stream(test_request *r)
{
    char byte;

    send_text(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    if (recv(r->fd, &byte, 1, 0) <= 0)
        server_count(r->server, &r->server->flag);
    return false;
}

static bool serve_ok(test_request *r)
{
    return send_answer(r->fd, 200, "ok");
}

typedef struct room {
    test_server *server;
    client *c;
    gw_http_target *target;
    gw_http_request request;
} room;

static room room_new(test_serve_fn *serve)
{
    room x = {.server = server_start(serve, NULL), .c = client_new()};
    char url[128];

    x.target = target_for(server_url(x.server, url, sizeof url, "/"));
    x.request = (gw_http_request){.target = x.target, .method = "POST", .body = GW_S("{}")};
    return x;
}

static void room_free(room *x)
{
    client_free(x->c);
    server_stop(x->server);
    gw_http_target_free(x->target);
}

static bool flood_data(void *user, aigw_slice bytes)
{
    record *r = user;

    assert_false(r->c->inside);
    r->datas++;
    if (r->refuse)
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != flood_byte(r->body_len + i))
            fail_msg("wrong byte at %zu", r->body_len + i);
    r->body_len += bytes.len;
    return true;
}

static void a_full_receiver_stops_the_sender(void **state)
{
    static const gw_http_handler handler = {record_head, flood_data, record_end};
    room x = room_new(serve_flood);
    record r = {.c = x.c, .refuse = true};
    int rounds = 0;

    (void)state;
    x.c->running = 1;
    assert_int_equal(
        gw_http_transport.start(x.c->http, &x.request, &handler, &r, &r.transfer, NULL), AIGW_OK);
    while (r.datas == 0)
        gw_loop_wait(x.c->loop, -1);
    while (gw_loop_wait(x.c->loop, 50) > 0)
        continue; /* until nothing moves any more */
    assert_int_equal(server_read(x.server, &x.server->flag), 0);
    assert_int_equal(r.datas, 1); /* a full receiver is not asked again */
    while (r.ends == 0) {         /* full, again and again */
        r.refuse = ++rounds % 3 == 0;
        resume(x.c, &r);
        gw_loop_wait(x.c->loop, 10);
    }
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.body_len, FLOOD_BYTES);
    server_wait(x.server, &x.server->flag, 1);
    room_free(&x);
}

static void resume_inside(record *r)
{
    r->refuse = r->datas == 1;
    if (r->refuse)
        resume(r->c, r);
}

static void resuming_before_refusing_loses_nothing(void **state)
{
    room x = room_new(serve_ok);
    record r = {.on_data = resume_inside};

    (void)state;
    begin(x.c, &r, &x.request);
    run(x.c);
    assert_int_equal(r.datas, 2);
    assert_string_equal(r.body, "ok");
    free(r.body);
    room_free(&x);
}

static void a_refused_rest_comes_before_the_end(void **state)
{
    room x = room_new(serve_ok);
    record r = {.refuse = true};

    (void)state;
    begin(x.c, &r, &x.request);
    while (r.datas == 0)
        gw_loop_wait(x.c->loop, -1);
    while (gw_loop_wait(x.c->loop, 50) > 0)
        continue;
    assert_int_equal(r.ends, 0);
    r.refuse = false;
    resume(x.c, &r);
    run(x.c);
    assert_string_equal(r.body, "ok");
    assert_int_equal(r.failure, GW_HTTP_OK);
    free(r.body);
    room_free(&x);
}

static void the_server_sees_a_cancel_at_once(void **state)
{
    room x = room_new(serve_stream);
    record r = {0};

    (void)state;
    begin(x.c, &r, &x.request);
    while (r.datas == 0)
        gw_loop_wait(x.c->loop, -1);
    cancel(x.c, &r);
    server_wait(x.server, &x.server->flag, 1); /* our loop does not run any more */
    assert_int_equal(r.ends, 0);
    gw_loop_step(x.c->loop);
    assert_int_equal(r.ends, 0);
    free(r.body);
    room_free(&x);
}

static void cancel_self(record *r)
{
    cancel(r->c, r);
}

static void cancel_other(record *r)
{
    if (r->other && r->other->transfer)
        cancel(r->c, r->other);
}

static void cancelling_inside_callbacks(void **state)
{
    record_hook *const hooks[] = {cancel_self, cancel_other};

    (void)state;
    for (int where = 0; where < 2; where++) {
        for (int what = 0; what < 2; what++) {
            room x = room_new(serve_stream);
            record a = {0}, b = {0};
            a.other = &b;
            b.other = &a;
            *(where ? &a.on_data : &a.on_head) = hooks[what];
            *(where ? &b.on_data : &b.on_head) = hooks[what];
            begin(x.c, &a, &x.request);
            begin(x.c, &b, &x.request);
            int stop = what == 0 ? 0 : 1; /* of two that cancel each other, one is left */
            while (x.c->running > stop)
                gw_loop_wait(x.c->loop, -1);
            server_wait(x.server, &x.server->flag, what == 0 ? 2 : 1);
            record *left = a.transfer ? &a : &b;
            if (what == 1) {
                left->on_head = left->on_data = NULL;
                while (left->datas == 0)
                    gw_loop_wait(x.c->loop, -1);
                cancel(x.c, left);
            }
            assert_int_equal(a.ends + b.ends, 0);
            free(a.body);
            free(b.body);
            room_free(&x);
        }
    }
}

/* In on_end the handle is gone already: cancelling it must do no harm, and a new one may start. */
static void start_next(record *r)
{
    static gw_http_request request;

    gw_http_transport.cancel(r->c->http, r->transfer);
    if (r->other) {
        request = (gw_http_request){.target = (const gw_http_target *)(const void *)r->other->body,
                                    .method = "GET"};
        r->other->body = NULL;
        begin(r->c, r->other, &request);
    }
}

static void starting_inside_callbacks(void **state)
{
    room x = room_new(serve_ok);
    record chain[5] = {{0}};

    (void)state;
    for (int i = 0; i < 5; i++) {
        chain[i].on_end = start_next;
        chain[i].other = i < 4 ? &chain[i + 1] : NULL;
        chain[i].body = i ? (char *)x.target : NULL;
    }
    begin(x.c, &chain[0], &x.request);
    run(x.c);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(chain[i].ends, 1);
        assert_int_equal(chain[i].failure, GW_HTTP_OK);
        assert_string_equal(chain[i].body, "ok");
        free(chain[i].body);
    }
    assert_int_equal(server_read(x.server, &x.server->connections), 1);
    room_free(&x);
}

static void cancelling_before_anything_happened(void **state)
{
    room x = room_new(serve_ok);
    record r = {0}, next = {0};

    (void)state;
    begin(x.c, &r, &x.request);
    cancel(x.c, &r);
    begin(x.c, &next, &x.request); /* takes the same handle from the pool */
    run(x.c);
    assert_int_equal(r.ends, 0);
    assert_int_equal(next.failure, GW_HTTP_OK);
    free(next.body);
    room_free(&x);
}

static void many_at_once(void **state)
{
    enum { N = 40 };
    room x = room_new(serve_ok);
    static record r[N];

    (void)state;
    for (int round = 0; round < 3; round++) {
        memset(r, 0, sizeof r);
        for (int i = 0; i < N; i++)
            begin(x.c, &r[i], &x.request);
        run(x.c);
        for (int i = 0; i < N; i++) {
            assert_int_equal(r[i].failure, GW_HTTP_OK);
            assert_string_equal(r[i].body, "ok");
            free(r[i].body);
        }
    }
    assert_true(server_read(x.server, &x.server->connections) <=
                N); /* later rounds found them open */
    room_free(&x);
}

static void freeing_the_pool_ends_what_runs(void **state)
{
    room x = room_new(serve_stream);
    record r = {0};

    (void)state;
    begin(x.c, &r, &x.request);
    while (r.datas == 0)
        gw_loop_wait(x.c->loop, -1);
    room_free(&x);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.failure, GW_HTTP_OTHER);
    free(r.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_receiver_stops_the_sender),
        cmocka_unit_test(resuming_before_refusing_loses_nothing),
        cmocka_unit_test(a_refused_rest_comes_before_the_end),
        cmocka_unit_test(the_server_sees_a_cancel_at_once),
        cmocka_unit_test(cancelling_inside_callbacks),
        cmocka_unit_test(starting_inside_callbacks),
        cmocka_unit_test(cancelling_before_anything_happened),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(freeing_the_pool_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
