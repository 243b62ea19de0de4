/* The beginning and the end of a connection: made at accept, killed, buried.
 * Knows nothing of requests. */
#include "server/conn_parts.h"

#include "base/mem.h"
#include <string.h>
#include <sys/epoll.h>

void gw_conn_drop_exchange(gw_conn *c)
{
    aigw_exchange_free(c->x);
    c->x = NULL;
}

/* An answer that ends with its connection, and is not at its end: without the alert that says so, a
 * TLS client sees that something is missing (RFC 9112 clause 9.8). */
void gw_conn_end_unannounced(gw_conn *c)
{
    bool sent = c->complete && c->direct == 0 && gw_buf_len(&c->out) == 0;
    if (c->io.tls && c->head_done && !c->chunked && !sent)
        gw_io_drop_tls(&c->io);
}

void gw_conn_kill(gw_conn *c)
{
    gw_worker *worker = c->worker;
    if (c->state == GW_CONN_DEAD)
        return;
    c->state = GW_CONN_DEAD;
    gw_conn_end_unannounced(c);
    gw_conn_drop_exchange(c);
    gw_timers_remove(&worker->timers, &c->timer);
    gw_io_close(&c->io); /* closing takes it out of epoll, too */
    *(c->prev ? &c->prev->next : &worker->conns) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = worker->dead;
    worker->dead = c;
    worker->conn_count--;
    atomic_fetch_sub(&worker->server->open, 1);
}

void gw_conn_bury(gw_worker *worker)
{
    for (gw_conn **link = &worker->dead, *c; (c = *link);) {
        if (c->queued) { /* still in the ready list: next turn */
            link = &c->next;
            continue;
        }
        *link = c->next;
        gw_http1_free(&c->request);
        gw_buf_free(&c->ahead);
        gw_buf_free(&c->out);
        gw_free(c->proxy);
        gw_free(c);
    }
}

/* What epoll should tell. Hang-ups always; input unless enough lies here unread. */
void gw_conn_watch(gw_conn *c)
{
    uint32_t events = EPOLLRDHUP;
    if (c->state == GW_CONN_DEAD)
        return;
    if (gw_buf_len(&c->ahead) == 0)
        events |= EPOLLIN;
    if (c->state == GW_CONN_LINGER)
        events = EPOLLIN;
    if (c->blocked)
        events |= EPOLLOUT;
    if (events == c->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(c->worker->epoll_fd, EPOLL_CTL_MOD, c->io.fd, &event) != 0)
        gw_conn_kill(c);
    else
        c->events = events;
}

void gw_conn_drain(gw_conn *c)
{
    if (c->state == GW_CONN_PROXY)
        gw_conn_proxy(c);
    if (c->state == GW_CONN_HEAD && !c->in_request)
        gw_conn_read(c); /* a request that is already here is answered */
    if (c->state == GW_CONN_PROXY || c->state == GW_CONN_HANDSHAKE ||
        (c->state == GW_CONN_HEAD && !c->in_request))
        gw_conn_kill(c);
    gw_conn_watch(c);
}

/* What a connection begins with, by the options. False without memory. */
static bool begin_with(gw_conn *c)
{
    aigw_server *server = c->worker->server;
    c->state = GW_CONN_HEAD;
    if (server->tls) {
        c->io.tls = gw_tls_live_connect(&server->tls_live, c->io.fd);
        c->state = GW_CONN_HANDSHAKE;
    }
    if (server->options.proxy_protocol) {
        c->proxy = gw_calloc(1, sizeof *c->proxy);
        c->state = GW_CONN_PROXY;
    }
    return (c->io.tls || !server->tls) && (c->proxy || !server->options.proxy_protocol);
}

static gw_conn *new_conn(gw_worker *worker, int fd)
{
    gw_http1_limits limits = {worker->server->options.max_header_bytes, SIZE_MAX};
    gw_conn *c = gw_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->worker = worker;
    c->io.fd = fd;
    if (!begin_with(c)) {
        gw_io_drop_tls(&c->io);
        gw_free(c->proxy);
        gw_free(c);
        return NULL;
    }
    gw_timer_init(&c->timer, c);
    gw_http1_init(&c->request, &limits);
    gw_buf_init(&c->ahead, GW_READ_BYTES);
    gw_buf_init(&c->out, 8 * 1024 * 1024);
    c->next = worker->conns;
    if (c->next)
        c->next->prev = c;
    worker->conns = c;
    worker->conn_count++;
    return c;
}

void gw_conn_start(gw_conn *c)
{
    c->state = c->io.tls ? GW_CONN_HANDSHAKE : GW_CONN_HEAD;
    if (c->io.tls)
        gw_conn_handshake(c);
    else
        gw_conn_read(c);
}

void gw_conn_open(gw_worker *worker, int fd, const char *peer)
{
    gw_io io = {fd, NULL};
    gw_conn *c =
        gw_timers_reserve(&worker->timers, worker->conn_count + 1) ? new_conn(worker, fd) : NULL;
    if (!c) {
        gw_io_close(&io);
        atomic_fetch_sub(&worker->server->open, 1);
        return;
    }
    memcpy(c->peer, peer, strnlen(peer, sizeof c->peer - 1));
    gw_address_local(fd, c->local, sizeof c->local);
    gw_conn_deadline(c, worker->server->options.header_timeout_ms);
    c->events = EPOLLIN | EPOLLRDHUP;
    struct epoll_event event = {.events = c->events, .data.ptr = c};
    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        gw_conn_kill(c);
    else if (c->state == GW_CONN_PROXY)
        gw_conn_proxy(c);
    else
        gw_conn_start(c);
    gw_conn_watch(c);
}
