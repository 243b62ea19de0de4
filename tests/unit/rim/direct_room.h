/* rim/direct alone, with another transport beside it that notes what it is asked for. */
/* Must not know what is tested. Include after http_client.h. */
#ifndef TESTS_UNIT_RIM_DIRECT_ROOM_H
#define TESTS_UNIT_RIM_DIRECT_ROOM_H

#include "rim/direct.h"
#include <errno.h>

typedef struct other {
    int starts, cancels, resumes;
    char method[8], headers[256];
    aigw_slice body;
    const gw_http_handler *handler;
    void *user;
} other;

static inline int other_start(void *self, const gw_http_request *request,
                              const gw_http_handler *handler, void *user, gw_transfer **out,
                              aigw_error *err)
{
    other *o = self;
    size_t at = 0;

    (void)err;
    o->starts++;
    snprintf(o->method, sizeof o->method, "%s", request->method);
    for (size_t i = 0; i < request->header_count; i++)
        at += (size_t)snprintf(o->headers + at, sizeof o->headers - at, "%.*s=%.*s\n",
                               (int)request->headers[i].name.len, request->headers[i].name.data,
                               (int)request->headers[i].value.len, request->headers[i].value.data);
    o->body = request->body;
    o->handler = handler;
    o->user = user;
    *out = (gw_transfer *)(void *)o;
    return AIGW_OK;
}

static inline void other_cancel(void *self, gw_transfer *t)
{
    (void)t;
    ((other *)self)->cancels++;
}

static inline void other_resume(void *self, gw_transfer *t)
{
    (void)t;
    ((other *)self)->resumes++;
}

static const gw_transport other_transport = {other_start, other_cancel, other_resume};

typedef struct room {
    test_server *server;
    client c; /* its http stays NULL */
    gw_direct *direct;
    gw_direct_target *target;
    other other;
} room;

static inline gw_direct_target *target_at(const char *host, int port, int connect_timeout_ms)
{
    gw_direct_place place = {.host = aigw_slice_of(host),
                             .port = (uint16_t)port,
                             .target = GW_S("/x?y"),
                             .connect_timeout_ms = connect_timeout_ms};
    gw_direct_target *target = NULL;

    assert_int_equal(gw_direct_target_new(&place, &target, NULL), AIGW_OK);
    return target;
}

static inline void room_open(room *x, test_serve_fn *serve, void *user, const char *host)
{
    *x = (room){.server = server_start(serve, user)};
    x->c.loop = gw_loop_new(NULL);
    assert_int_equal(gw_direct_new(x->c.loop, &other_transport, &x->other, &x->direct, NULL),
                     AIGW_OK);
    x->target = target_at(host, x->server->port, 5000);
}

static inline void room_close(room *x)
{
    gw_direct_stop(x->direct);
    gw_direct_free(x->direct);
    gw_direct_target_free(x->target);
    gw_loop_free(x->c.loop);
    server_stop(x->server);
}

static inline void send_to(room *x, const gw_direct_target *target, record *r,
                           const gw_http_request *request)
{
    gw_direct_transfer *t = NULL;

    r->c = &x->c;
    x->c.inside = true;
    assert_true(gw_direct_can(x->direct, target, request));
    assert_int_equal(gw_direct_start(x->direct, target, request, &record_handler, r, &t, NULL),
                     AIGW_OK);
    x->c.inside = false;
    x->c.running++;
    r->transfer = (gw_transfer *)(void *)t;
}

static inline void post(room *x, record *r)
{
    gw_http_request request = {.method = "POST", .body = GW_S("{\"a\":1}")};
    send_to(x, x->target, r, &request);
}

static inline void cancel_direct(room *x, record *r)
{
    x->c.inside = true;
    gw_direct_cancel((gw_direct_transfer *)(void *)r->transfer);
    x->c.inside = false;
    r->transfer = NULL;
    x->c.running--;
}

static inline void one(room *x)
{
    record r = {0};
    post(x, &r);
    run(&x->c);
    assert_int_equal(r.failure, GW_HTTP_OK);
    assert_string_equal(r.body, "ok");
    free(r.body);
}

static inline bool serve_ok(test_request *r)
{
    return send_answer(r->fd, 200, "ok");
}

#endif
