/* A connection's PROXY header, on a pair of sockets: every split, exact bytes, the deadline, no memory. */
#include "server/conn.h"
#include "server/worker.h"
#include <aigw/aigw.h>

#include "base/text.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char document[] = "server: {listen: '127.0.0.1:0', threads: 1, proxy_protocol: true, "
                               "trusted_proxies: [127.0.0.1]}\n"
                               "providers: [{type: echo}]\n";

#define V1    "PROXY TCP4 198.51.100.7 192.0.2.1 5000 443\r\n"
#define V2    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc0\0\2\1\x13\x88\1\xbb"
#define LOCAL "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define ASK   "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

typedef struct room {
    aigw_gateway *gw;
    aigw_server *server;
    gw_worker *worker;
} room;

static int open_room(void **state)
{
    room *r = calloc(1, sizeof *r);
    aigw_server_options options;
    assert_non_null(r);
    assert_int_equal(aigw_gateway_new(aigw_slice_of(document), NULL, &r->gw, NULL), AIGW_OK);
    assert_int_equal(aigw_server_options_init(r->gw, &options, NULL), AIGW_OK);
    assert_true(options.proxy_protocol);
    assert_int_equal(aigw_server_new(r->gw, &options, &r->server, NULL), AIGW_OK);
    r->worker = &r->server->workers[0];
    r->worker->now_ms = 1000;
    *state = r;
    return 0;
}

static int close_room(void **state)
{
    room *r = *state;
    aigw_server_free(r->server);
    aigw_gateway_free(r->gw);
    free(r);
    return 0;
}

/* The connection of the server's end; *ours is the proxy's. NULL: it was closed at once. */
static gw_conn *connect_pair(room *r, int *ours, aigw_slice sent_before)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *ours = fds[0];
    if (sent_before.len)
        assert_int_equal(send(fds[0], sent_before.data, sent_before.len, 0), sent_before.len);
    atomic_fetch_add(&r->server->open, 1);
    gw_conn_open(r->worker, fds[1], "127.0.0.1");
    return r->worker->conns;
}

static void give(gw_conn *c, int ours, const char *data, size_t len)
{
    assert_int_equal(send(ours, data, len, MSG_NOSIGNAL), len);
    gw_conn_event(c, EPOLLIN);
}

static bool is_closed(int ours)
{
    char byte;
    ssize_t n = recv(ours, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void end(room *r, int ours)
{
    while (r->worker->conns)
        gw_conn_kill(r->worker->conns);
    for (gw_conn *c = r->worker->ready; c; c = c->ready_next)
        c->queued = false;
    r->worker->ready = NULL;
    r->worker->ready_end = &r->worker->ready;
    gw_conn_bury(r->worker);
    close(ours);
    assert_int_equal(atomic_load(&r->server->open), 0);
}

static void every_split(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        const char *proxied;
    } rows[] = {{V1, sizeof V1 - 1, "198.51.100.7"},
                {V2, sizeof V2 - 1, "198.51.100.7"},
                {LOCAL, sizeof LOCAL - 1, ""}};
    room *r = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t cut = 0; cut <= rows[i].len; cut++) {
            int ours;
            gw_conn *c = connect_pair(r, &ours, gw_slice(rows[i].data, cut));
            assert_non_null(c);
            assert_int_equal(c->state, cut < rows[i].len ? GW_CONN_PROXY : GW_CONN_HEAD);
            if (cut < rows[i].len)
                give(c, ours, rows[i].data + cut, rows[i].len - cut);
            assert_int_equal(c->state, GW_CONN_HEAD);
            assert_string_equal(c->proxied, rows[i].proxied);
            assert_string_equal(c->peer, "127.0.0.1");
            assert_null(c->proxy);
            assert_false(c->in_request);
            end(r, ours);
        }
    }
}

static void the_request_behind_it_is_whole(void **state)
{
    room *r = *state;
    int ours;
    char answer[512] = "";
    gw_conn *c = connect_pair(r, &ours, gw_slice(V2 ASK, sizeof V2 ASK - 1));
    assert_non_null(c);
    for (int i = 0; i < 100 && !answer[0]; i++) {
        aigw_loop_step(r->worker->loop, NULL);
        gw_conn_resume(c);
        (void)!recv(ours, answer, sizeof answer - 1, 0);
    }
    assert_int_equal(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
    end(r, ours);
}

static void what_is_none_is_closed(void **state)
{
    static const char *const bad[] = {"GET / HTTP/1.1\r\n", "PROXY TCP4 x\r\n", "PROXY\n",
                                      "\r\n\r\nGET", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"};
    room *r = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int ours;
        connect_pair(r, &ours, aigw_slice_of(bad[i]));
        assert_null(r->worker->conns);
        assert_true(is_closed(ours));
        end(r, ours);
    }
}

static void its_end_and_its_deadline(void **state)
{
    room *r = *state;
    gw_refusals *refused = &r->server->refusals;
    int ours;
    gw_conn *c = connect_pair(r, &ours, GW_S("PROXY"));
    shutdown(ours, SHUT_WR);
    gw_conn_event(c, EPOLLIN | EPOLLRDHUP);
    assert_true(is_closed(ours));
    end(r, ours);
    unsigned long long truncated = atomic_load(&refused->proxy[8]);
    assert_true(truncated >= 1);

    c = connect_pair(r, &ours, GW_S("")); /* one that only looks: no error */
    shutdown(ours, SHUT_WR);
    gw_conn_event(c, EPOLLIN | EPOLLRDHUP);
    assert_true(is_closed(ours));
    end(r, ours);
    assert_int_equal(atomic_load(&refused->proxy[8]), truncated);

    c = connect_pair(r, &ours, GW_S("PROXY"));
    unsigned long long late = atomic_load(&refused->proxy[9]);
    assert_true(c->timer.due_ms > r->worker->now_ms);
    gw_conn_timeout(c);
    assert_true(is_closed(ours));
    end(r, ours);
    assert_int_equal(atomic_load(&refused->proxy[9]), late + 1);

    c = connect_pair(r, &ours, GW_S("PROXY"));
    gw_conn_drain(c);
    assert_true(is_closed(ours));
    end(r, ours);

    c = connect_pair(r, &ours,
                     GW_S("PROXY")); /* what is already here when the server stops counts */
    const char rest[] = " UNKNOWN\r\nGET /healthz HT";
    assert_int_equal(send(ours, rest, sizeof rest - 1, MSG_NOSIGNAL), sizeof rest - 1);
    gw_conn_drain(c);
    assert_int_equal(c->state, GW_CONN_HEAD);
    assert_true(c->in_request);
    end(r, ours);
}

/* ---- no memory ---- */

static long calls, fail_at;

static void *failing(void *user, void *ptr, size_t bytes)
{
    (void)user;
    return ++calls == fail_at ? NULL : realloc(ptr, bytes);
}

static void drop(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void without_memory(void **state)
{
    room *r = *state;
    const aigw_allocator allocator = {failing, drop, NULL};
    bool opened = false;
    aigw_set_allocator(&allocator);
    for (fail_at = 1; fail_at < 20 && !opened; fail_at++) {
        int ours;
        calls = 0;
        gw_conn *c = connect_pair(r, &ours, gw_slice(V1, sizeof V1 - 1));
        opened = c != NULL && calls < fail_at;
        if (!c)
            assert_true(is_closed(ours));
        end(r, ours);
    }
    assert_true(opened && fail_at > 2);
    aigw_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split),
        cmocka_unit_test(the_request_behind_it_is_whole),
        cmocka_unit_test(what_is_none_is_closed),
        cmocka_unit_test(its_end_and_its_deadline),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
