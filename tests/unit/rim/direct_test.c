/* What is particular to rim/direct: reuse, stale connections, pieces, cancelling, running the loop inside. */
/* Must not need any network but loopback. What both transports do alike is in http_test and http_flow_test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#include "unit/rim/direct_room.h"
#include <netinet/tcp.h>

/* ---- connections ---- */

static void a_connection_is_used_again(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_ok, NULL, "127.0.0.1");
    for (int i = 0; i < 10; i++)
        one(&x);
    assert_int_equal(server_read(x.server, &x.server->connections), 1);
    room_close(&x);
}

static bool serve_and_close(test_request *r)
{
    return send_answer(r->fd, 200, "ok") && false;
}

/* The server hangs up behind its answer; the loop sees that before the next request, or not. */
static void a_closed_idle_connection_is_not_used(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_and_close, NULL, "127.0.0.1");
    for (int i = 1; i <= 4; i++) {
        one(&x);
        while (i % 2 && gw_loop_wait(x.c.loop, 1000) == 0)
            continue; /* the close arrives */
    }
    assert_int_equal(server_read(x.server, &x.server->requests), 4);
    room_close(&x);
}

/* Reads the second request on a connection, then hangs up without a word. */
static bool serve_stale(test_request *r)
{
    return r->number == 2 ? false : send_answer(r->fd, 200, "ok");
}

static void a_reused_connection_that_dies_is_retried_once(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_stale, NULL, "127.0.0.1");
    one(&x);
    one(&x); /* the server saw it twice, the handler once */
    assert_int_equal(server_read(x.server, &x.server->requests), 3);
    assert_int_equal(server_read(x.server, &x.server->connections), 2);
    room_close(&x);
}

static bool serve_nothing_but_first(test_request *r)
{
    return r->number == 1 ? send_answer(r->fd, 200, "ok") : false;
}

static void it_is_retried_only_once(void **state)
{
    room x;
    record r = {0}, fresh = {0};

    (void)state;
    room_open(&x, serve_nothing_but_first, NULL, "127.0.0.1");
    one(&x);
    post(&x, &r);
    run(&x.c);
    assert_int_equal(r.failure, GW_HTTP_BROKEN);
    assert_true(r.sent);
    assert_int_equal(server_read(x.server, &x.server->requests), 3);
    post(&x, &fresh); /* nor on a connection that is new */
    run(&x.c);
    assert_int_equal(fresh.failure, GW_HTTP_BROKEN);
    assert_int_equal(server_read(x.server, &x.server->requests), 4);
    room_close(&x);
}

/* One byte of an answer came: the request was read, so it is not sent again. */
static bool serve_half(test_request *r)
{
    return r->number == 1 ? send_answer(r->fd, 200, "ok") : send_text(r->fd, "H") && false;
}

static void an_answer_that_began_is_not_retried(void **state)
{
    room x;
    record r = {0};

    (void)state;
    room_open(&x, serve_half, NULL, "127.0.0.1");
    one(&x);
    post(&x, &r);
    run(&x.c);
    assert_int_equal(r.failure, GW_HTTP_BROKEN);
    assert_int_equal(r.heads, 0);
    assert_int_equal(server_read(x.server, &x.server->requests), 2);
    room_close(&x);
}

static bool serve_too_much(test_request *r)
{
    return send_text(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
                            "Content-Length: 4\r\n\r\nevil");
}

/* Bytes behind an answer must not become the next request's. */
static void nobody_asked_for_a_second_answer(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_too_much, NULL, "127.0.0.1");
    one(&x);
    one(&x);
    assert_int_equal(server_read(x.server, &x.server->connections), 2);
    room_close(&x);
}

static bool serve_old(test_request *r)
{
    return send_text(r->fd, "HTTP/1.0 200 OK\r\n\r\nok") && false;
}

static void a_body_until_the_end(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_old, NULL, "localhost");
    one(&x);
    one(&x);
    assert_int_equal(server_read(x.server, &x.server->connections), 2);
    room_close(&x);
}

/* ---- pieces ---- */

static bool serve_bytes(test_request *r)
{
    const char *text = r->number % 2
                           ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
                             "1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
                           : "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n"
                             "Content-Length: 2\r\n\r\nok";
    int on = 1;

    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (; *text; text++) {
        struct timespec pause = {.tv_nsec = 200000};
        if (!send_all(r->fd, text, 1))
            return false;
        nanosleep(&pause, NULL); /* so that most bytes come alone; nothing depends on it */
    }
    return true;
}

static void an_answer_byte_by_byte(void **state)
{
    room x;

    (void)state;
    room_open(&x, serve_bytes, NULL, "127.0.0.1");
    for (int i = 0; i < 4; i++)
        one(&x);
    assert_int_equal(server_read(x.server, &x.server->connections), 1);
    room_close(&x);
}

/* Answers after the head of a request and leaves its body alone. */
static void *answer_early(void *arg)
{
    int listener = *(int *)arg, fd = accept(listener, NULL, NULL);
    char head[1024], byte;

    assert_true(recv(fd, head, sizeof head, MSG_PEEK) > 0);
    send_answer(fd, 413, "too much");
    while (recv(fd, &byte, 1, MSG_PEEK) > 0 && recv(fd, head, sizeof head, 0) > 0)
        continue;
    close(fd);
    return NULL;
}

static void an_answer_before_the_body_has_left(void **state)
{
    room x;
    record r = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
    size_t body_len = 64 * 1024 * 1024;
    char *body = calloc(1, body_len);
    pthread_t thread;

    (void)state;
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    room_open(&x, serve_ok, NULL, "127.0.0.1");
    gw_direct_target *target = target_at("127.0.0.1", ntohs(address.sin_port), 5000);
    pthread_create(&thread, NULL, answer_early, &listener);
    gw_http_request request = {.method = "POST", .body = {body, body_len}};
    send_to(&x, target, &r, &request);
    run(&x.c);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_int_equal(r.status, 413);
    assert_string_equal(r.body, "too much");
    pthread_join(thread, NULL); /* the connection was closed: the rest of the body never left */
    close(listener);
    free(r.body);
    free(body);
    gw_direct_target_free(target);
    room_close(&x);
}

static bool serve_echo(test_request *r)
{
    char head[96];

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", r->body_len);
    return send_text(r->fd, head) && send_all(r->fd, r->body, r->body_len);
}

static void many_at_once_with_bodies(void **state)
{
    enum { N = 100, BYTES = 300000 };
    static record r[N];
    char *body = malloc(BYTES);
    gw_http_request request = {.method = "POST", .body = {body, BYTES}};
    room x;

    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        body[i] = (char)(i * 7 % 253);
    room_open(&x, serve_echo, NULL, "127.0.0.1");
    for (int round = 0; round < 2; round++) {
        memset(r, 0, sizeof r);
        for (int i = 0; i < N; i++)
            send_to(&x, x.target, &r[i], &request);
        run(&x.c);
        for (int i = 0; i < N; i++) {
            assert_int_equal(r[i].failure, GW_HTTP_OK);
            assert_int_equal(r[i].body_len, BYTES);
            assert_memory_equal(r[i].body, body, BYTES);
            free(r[i].body);
        }
    }
    assert_int_equal(server_read(x.server, &x.server->connections), N);
    free(body);
    room_close(&x);
}

/* ---- handlers that do what they like ---- */

static void run_loop_inside(record *r)
{
    if (r->other && r->other->ends == 0 && r->datas == 1) {
        while (r->other->ends == 0)
            gw_loop_wait(r->c->loop, -1);
    }
}

/* A handler that runs the loop keeps its bytes; its own transfer goes on behind it. */
static void a_handler_runs_the_loop(void **state)
{
    enum { BYTES = 400000 };
    char *body = malloc(BYTES), *second = malloc(BYTES);
    gw_http_request request = {.method = "POST", .body = {body, BYTES}};
    gw_http_request next = {.method = "POST", .body = {second, BYTES}};
    record a = {.on_data = run_loop_inside}, b = {0};
    room x;

    (void)state;
    memset(body, 'a', BYTES);
    memset(second, 'b', BYTES);
    a.other = &b;
    room_open(&x, serve_echo, NULL, "127.0.0.1");
    send_to(&x, x.target, &a, &request);
    send_to(&x, x.target, &b, &next);
    run(&x.c);
    assert_int_equal(a.body_len, BYTES);
    assert_memory_equal(a.body, body, BYTES);
    assert_memory_equal(b.body, second, BYTES);
    free(a.body);
    free(b.body);
    free(body);
    free(second);
    room_close(&x);
}

static bool serve_stream(test_request *r)
{
    char byte;

    send_text(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    if (recv(r->fd, &byte, 1, 0) <= 0)
        server_count(r->server, &r->server->flag);
    return false;
}

static void cancel_now(record *r)
{
    gw_direct_cancel((gw_direct_transfer *)(void *)r->transfer);
    r->transfer = NULL;
    r->c->running--;
}

static void refuse_once(record *r)
{
    r->refuse = true;
}

/* Right after the start, in each callback, while stalled, after a resume: no callback follows. */
static void cancelling_at_every_stage(void **state)
{
    (void)state;
    for (int stage = 0; stage < 6; stage++) {
        room x;
        record r = {.on_head = stage == 1 ? cancel_now : NULL,
                    .on_data = stage == 2  ? cancel_now
                               : stage > 2 ? refuse_once
                                           : NULL};
        room_open(&x, serve_stream, NULL, "127.0.0.1");
        post(&x, &r);
        if (stage == 0) {
            cancel_direct(&x, &r);
            gw_loop_step(x.c.loop);
        }
        while (x.c.running > 0 && r.datas == 0)
            gw_loop_wait(x.c.loop, -1);
        if (stage == 4 || stage == 5)
            gw_direct_resume((gw_direct_transfer *)(void *)r.transfer);
        while (stage == 5 && r.datas < 2)
            gw_loop_wait(x.c.loop, -1);
        if (stage >= 3)
            cancel_direct(&x, &r);
        if (stage > 0)
            server_wait(x.server, &x.server->flag, 1); /* the connection was closed at once */
        while (gw_loop_wait(x.c.loop, 10) > 0)
            continue;
        assert_int_equal(r.ends, 0);
        assert_int_equal(r.datas, stage < 2 ? 0 : stage == 5 ? 2 : 1);
        free(r.body);
        room_close(&x);
    }
}

static void cancelling_while_it_connects(void **state)
{
    room x;
    record r = {0}, late = {0};
    /* A listener whose queue is full lets nobody in. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fill[8];

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(connect(fill[i], (struct sockaddr *)&address, len) == 0 ||
                    errno == EINPROGRESS);
    }
    room_open(&x, serve_ok, NULL, "127.0.0.1");
    gw_direct_target *target = target_at("127.0.0.1", ntohs(address.sin_port), 50);
    gw_http_request request = {.method = "GET"};
    send_to(&x, target, &r, &request);
    gw_loop_step(x.c.loop);
    cancel_direct(&x, &r);
    send_to(&x, target, &late, &request);
    run(&x.c);
    assert_int_equal(late.failure, GW_HTTP_TIMEOUT);
    assert_false(late.sent);
    assert_int_equal(r.ends, 0);
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
    gw_direct_target_free(target);
    room_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_closed_idle_connection_is_not_used),
        cmocka_unit_test(a_reused_connection_that_dies_is_retried_once),
        cmocka_unit_test(it_is_retried_only_once),
        cmocka_unit_test(an_answer_that_began_is_not_retried),
        cmocka_unit_test(nobody_asked_for_a_second_answer),
        cmocka_unit_test(a_body_until_the_end),
        cmocka_unit_test(an_answer_byte_by_byte),
        cmocka_unit_test(an_answer_before_the_body_has_left),
        cmocka_unit_test(many_at_once_with_bodies),
        cmocka_unit_test(a_handler_runs_the_loop),
        cmocka_unit_test(cancelling_at_every_stage),
        cmocka_unit_test(cancelling_while_it_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
