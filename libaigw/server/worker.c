/* One thread of the server: an epoll set with the listener, the gateway loop and the connections.
 * Knows nothing of HTTP. */
#include "server/worker.h"

#include "base/error.h"
#include "base/mem.h"
#include "server/conn.h"
#include "server/refusals.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_A_TURN  256
#define ACCEPTS_A_TURN 64
#define HELD_MS        1000
#define REST_MS        100 /* after accepting has failed for want of something */

static bool add_to_epoll(gw_worker *worker, int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};
    return fd >= 0 && epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

int gw_worker_init(gw_worker *worker, aigw_server *server, int listen_fd, aigw_error *err)
{
    memset(worker, 0, sizeof *worker);
    worker->server = server;
    worker->listen_fd = listen_fd;
    worker->ready_end = &worker->ready;
    worker->date_unix_s = -1;
    gw_timers_init(&worker->timers);
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    worker->read_buffer = gw_alloc(GW_READ_BYTES);
    worker->gather = gw_alloc(GW_IO_GATHER_BYTES);
    if (!worker->read_buffer || !worker->gather)
        return gw_fail_nomem(err);
    int code = aigw_loop_new(server->gateway, &worker->loop, err);
    if (code != AIGW_OK)
        return code;
    /* The addresses of the members tell these three from connections. */
    if (worker->epoll_fd < 0 || !add_to_epoll(worker, worker->wake_fd, &worker->wake_fd) ||
        !add_to_epoll(worker, listen_fd, &worker->listen_fd) ||
        !add_to_epoll(worker, aigw_loop_fd(worker->loop), &worker->loop))
        return gw_fail(err, AIGW_E_IO, "epoll", "cannot set up a thread: %s", strerror(errno));
    return AIGW_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void kill_all(gw_worker *worker)
{
    while (worker->conns)
        gw_conn_kill(worker->conns);
    for (gw_conn *c = worker->ready; c; c = c->ready_next)
        c->queued = false;
    worker->ready = NULL;
    worker->ready_end = &worker->ready;
    gw_conn_bury(worker);
}

void gw_worker_free(gw_worker *worker)
{
    if (!worker->server)
        return;
    kill_all(worker);
    aigw_loop_free(worker->loop);
    close_fd(&worker->listen_fd);
    close_fd(&worker->wake_fd);
    close_fd(&worker->spare_fd);
    close_fd(&worker->epoll_fd);
    gw_timers_free(&worker->timers);
    gw_free(worker->read_buffer);
    gw_free(worker->gather);
    memset(worker, 0, sizeof *worker);
}

/* Over the limit: a short answer, as far as it can be sent without waiting, and the end. */
static void refuse(gw_worker *worker, int fd)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n"
                               "retry-after: 1\r\nconnection: close\r\n\r\n";
    atomic_fetch_add(&worker->server->refused, 1);
    if (!worker->server->tls)
        (void)!send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* May this peer connect, and, where each must be a proxy, is it one? */
static bool admits(gw_worker *worker, const struct sockaddr_storage *from, char peer[GW_PEER_TEXT])
{
    aigw_server *server = worker->server;
    gw_address_peer(from, peer);
    aigw_slice address = aigw_slice_of(peer);
    if (!aigw_gateway_admits_peer(server->gateway, address)) {
        gw_refuse_peer(worker, address);
        return false;
    }
    if (server->options.proxy_protocol && !aigw_gateway_trusts_peer(server->gateway, address)) {
        gw_refuse_proxy(worker, address, "proxy_untrusted_peer");
        return false;
    }
    return true;
}

/* No descriptor is left: use the spare one to get rid of a client, who else would wait for ever. */
static bool refuse_with_spare(gw_worker *worker)
{
    if (worker->spare_fd < 0) /* another thread was faster the last time */
        worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (worker->spare_fd < 0)
        return false;
    close_fd(&worker->spare_fd);
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    char peer[GW_PEER_TEXT];
    int fd =
        accept4(worker->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && admits(worker, &from, peer))
        refuse(worker, fd);
    else if (fd >= 0)
        close(fd);
    worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void watch_listener(gw_worker *worker, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.ptr = &worker->listen_fd};
    if (worker->listen_fd >= 0)
        (void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, worker->listen_fd, &event);
}

/* Whoever waits goes on waiting; asking at once again would only burn the processor. */
static void rest(gw_worker *worker)
{
    worker->accept_at_ms = worker->now_ms + REST_MS;
    watch_listener(worker, false);
}

/* False when nobody is waiting any more, or nobody can be taken now. */
static bool accept_one(gw_worker *worker)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    char peer[GW_PEER_TEXT];
    int fd =
        accept4(worker->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        /* Errors of one connection that died in the queue, accept(2). */
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
            return true;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        if ((errno == EMFILE || errno == ENFILE) && refuse_with_spare(worker))
            return true;
        rest(worker);
        return false;
    }
    aigw_server *server = worker->server;
    if (!admits(worker, &from, peer)) {
        close(fd);
        return true;
    }
    if (atomic_fetch_add(&server->open, 1) >= server->options.max_connections) {
        atomic_fetch_sub(&server->open, 1);
        refuse(worker, fd);
        return true;
    }
    atomic_fetch_add(&server->accepted, 1);
    gw_conn_open(worker, fd, peer);
    return true;
}

static void accept_some(gw_worker *worker, int limit)
{
    while (worker->listen_fd >= 0 && limit-- > 0 && accept_one(worker))
        ;
}

/* First stop: no new connections, idle ones close. Second: all close. */
static void notice_stops(gw_worker *worker)
{
    uint64_t count;
    int stops = atomic_load(&worker->server->stops);
    (void)!read(worker->wake_fd, &count, sizeof count);
    if (stops > 0 && worker->stops_seen == 0) {
        worker->stops_seen = 1;
        worker->drain_until_ms = worker->now_ms + worker->server->options.drain_timeout_ms;
        accept_some(worker, INT_MAX); /* who is in the queue has perhaps sent a request */
        close_fd(&worker->listen_fd);
        for (gw_conn *c = worker->conns, *next; c; c = next) {
            next = c->next;
            gw_conn_drain(c);
        }
    }
    if (stops > 1)
        kill_all(worker);
}

static int wait_ms(gw_worker *worker)
{
    int wait = gw_timers_wait_ms(&worker->timers, worker->now_ms);
    int loop = aigw_loop_timeout_ms(worker->loop);
    if (loop >= 0 && (wait < 0 || loop < wait))
        wait = loop;
    if (worker->accept_at_ms && (wait < 0 || wait > REST_MS))
        wait = REST_MS;
    if (gw_refusals_held(worker) && (wait < 0 || wait > HELD_MS))
        wait = HELD_MS;
    if (worker->stops_seen) {
        int64_t left = worker->drain_until_ms - worker->now_ms;
        left = left < 0 ? 0 : left;
        if (wait < 0 || left < wait)
            wait = (int)left;
    }
    return wait;
}

static void resume_ready(gw_worker *worker)
{
    gw_conn *c = worker->ready;
    worker->ready = NULL;
    worker->ready_end = &worker->ready;
    while (c) {
        gw_conn *next = c->ready_next;
        c->queued = false;
        gw_conn_resume(c);
        c = next;
    }
}

static int dispatch(gw_worker *worker, const struct epoll_event *events, int count)
{
    bool step = false, stop = false;
    for (int i = 0; i < count; i++) {
        void *tag = events[i].data.ptr;
        if (tag == &worker->loop)
            step = true;
        else if (tag == &worker->listen_fd)
            accept_some(worker, ACCEPTS_A_TURN);
        else if (tag == &worker->wake_fd)
            stop = true;
        else
            gw_conn_event(tag, events[i].events);
    }
    if (step || aigw_loop_timeout_ms(worker->loop) == 0) {
        int code = aigw_loop_step(worker->loop, &worker->error);
        if (code < 0 && code != AIGW_E_NOMEM) /* want of memory may pass */
            return code;
    }
    resume_ready(worker);
    if (stop)
        notice_stops(worker);
    return AIGW_OK;
}

static void expire(gw_worker *worker)
{
    gw_refusals_tick(worker);
    for (gw_timer *t; (t = gw_timers_expired(&worker->timers, worker->now_ms));)
        gw_conn_timeout(t->owner);
    if (worker->stops_seen && worker->now_ms >= worker->drain_until_ms)
        kill_all(worker);
    if (worker->accept_at_ms && worker->now_ms >= worker->accept_at_ms) {
        worker->accept_at_ms = 0;
        watch_listener(worker, true);
    }
}

void gw_worker_run(gw_worker *worker)
{
    struct epoll_event events[EVENTS_A_TURN];
    worker->now_ms = gw_now_ms(&worker->server->clock);
    while (worker->code == AIGW_OK && (!worker->stops_seen || worker->conn_count > 0)) {
        int wait = worker->ready ? 0 : wait_ms(worker);
        int count = epoll_wait(worker->epoll_fd, events, EVENTS_A_TURN, wait);
        worker->now_ms = gw_now_ms(&worker->server->clock);
        if (count < 0 && errno != EINTR)
            worker->code =
                gw_fail(&worker->error, AIGW_E_IO, "epoll", "epoll_wait: %s", strerror(errno));
        else
            worker->code = dispatch(worker, events, count < 0 ? 0 : count);
        expire(worker);
        gw_conn_bury(worker);
    }
    kill_all(worker);
}
