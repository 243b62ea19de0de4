/*
 * Origins, their addresses and their connections: opened, kept while idle, closed.
 *
 * Must not know of requests; a connection that is idle and becomes readable is closed by direct.c.
 */
#include "rim/direct_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS     60000 /* an idle connection is kept that long */
#define IDLE_MAX    1024u /* and that many of them */
#define KNOWN_MS    60000 /* a learned address is trusted that long, as in curl's own cache */
#define KEEPIDLE_S  60
#define KEEPINTVL_S 30

static void sweep(void *user);

/* ---- origins ---- */

static void forget(gw_direct_origin *o)
{
    gw_free(o->authority);
    *o = (gw_direct_origin){0};
}

/* A free place: a new one, or that of an origin that nothing uses. */
static gw_direct_origin *free_place(gw_direct *d)
{
    if (d->origin_count < GW_DIRECT_ORIGINS)
        return &d->origins[d->origin_count];
    for (size_t i = 0; i < GW_DIRECT_ORIGINS; i++) {
        if (d->origins[i].users == 0) {
            forget(&d->origins[i]);
            return &d->origins[i];
        }
    }
    return NULL;
}

gw_direct_origin *gw_direct_origin_get(gw_direct *d, const gw_direct_target *target)
{
    for (size_t i = 0; i < d->origin_count; i++) {
        gw_direct_origin *o = &d->origins[i];
        if (o->hash == target->hash && o->authority &&
            gw_eq(gw_slice(o->authority, o->authority_len), target->authority))
            return o;
    }
    gw_direct_origin *o = free_place(d);
    char *authority = o ? gw_strdup(target->authority) : NULL;
    if (!authority)
        return NULL;
    *o = (gw_direct_origin){.authority = authority,
                            .authority_len = target->authority.len,
                            .hash = target->hash,
                            .address_count = target->address_count,
                            .known_until_ms = target->address_count > 0 ? INT64_MAX : 0};
    memcpy(o->addresses, target->addresses, sizeof o->addresses);
    if (o == &d->origins[d->origin_count])
        d->origin_count++;
    return o;
}

bool gw_direct_origin_known(const gw_direct *d, const gw_direct_origin *o)
{
    return o->known_until_ms == INT64_MAX ||
           (o->address_count > 0 && gw_loop_now_ms(d->loop) < o->known_until_ms);
}

bool gw_direct_origin_allowed(const gw_direct_target *target, const gw_direct_origin *o)
{
    for (size_t i = 0; target->egress && i < o->address_count; i++) {
        if (gw_egress_judge(target->egress, &o->addresses[i].any) != GW_EGRESS_PUBLIC)
            return false;
    }
    return true;
}

static bool same_address(const gw_direct_address *a, const gw_direct_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET
               ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
               : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

void gw_direct_learn(gw_direct *d, const gw_direct_target *target, const char *address)
{
    gw_direct_address learned = {0};
    gw_direct_origin *o = target->address_count == 0 ? gw_direct_origin_get(d, target) : NULL;

    if (!o)
        return;
    if (inet_pton(AF_INET, address, &learned.v4.sin_addr) == 1) {
        learned.v4.sin_family = AF_INET;
        learned.v4.sin_port = htons(target->port);
    } else if (inet_pton(AF_INET6, address, &learned.v6.sin6_addr) == 1 &&
               !IN6_IS_ADDR_LINKLOCAL(&learned.v6.sin6_addr)) { /* it would need its interface */
        learned.v6.sin6_family = AF_INET6;
        learned.v6.sin6_port = htons(target->port);
    } else {
        return;
    }
    if (o->address_count > 0 && !same_address(&o->addresses[0], &learned)) {
        while (o->newest) /* the name has moved */
            gw_direct_close(o->newest);
    }
    o->addresses[0] = learned;
    o->address_count = 1;
    o->known_until_ms = gw_loop_now_ms(d->loop) + KNOWN_MS;
}

/* ---- connections ---- */

static void idle_remove(gw_direct_conn *c)
{
    gw_direct_origin *o = c->origin;

    *(c->newer ? &c->newer->older : &o->newest) = c->older;
    *(c->older ? &c->older->newer : &o->oldest) = c->newer;
    c->newer = c->older = NULL;
    c->owner->idle_count--;
}

gw_direct_conn *gw_direct_idle(gw_direct_origin *o)
{
    gw_direct_conn *c = o->newest;

    if (!c)
        return NULL;
    idle_remove(c);
    c->reused = true;
    return c;
}

void gw_direct_close(gw_direct_conn *c)
{
    if (!c->transfer)
        idle_remove(c);
    gw_loop_unwatch(c->owner->loop, c->fd);
    close(c->fd);
    c->origin->users--;
    gw_free(c);
}

/* A timer that could not be set costs nothing but the sweep: the peer's close is seen anyway. */
void gw_direct_keep(gw_direct_conn *c)
{
    gw_direct *d = c->owner;
    gw_direct_origin *o = c->origin;

    c->transfer = NULL;
    c->idle_since_ms = gw_loop_now_ms(d->loop);
    c->older = o->newest;
    *(o->newest ? &o->newest->newer : &o->oldest) = c;
    o->newest = c;
    d->idle_count++;
    if (d->idle_count > IDLE_MAX)
        gw_direct_close(o->oldest);
    else if (d->sweep.slot == 0)
        gw_loop_timer_set(d->loop, &d->sweep, c->idle_since_ms + IDLE_MS, sweep, d);
}

static void sweep(void *user)
{
    gw_direct *d = user;
    int64_t now = gw_loop_now_ms(d->loop), first = INT64_MAX;

    for (size_t i = 0; i < d->origin_count; i++) {
        gw_direct_origin *o = &d->origins[i];
        while (o->oldest && o->oldest->idle_since_ms + IDLE_MS <= now)
            gw_direct_close(o->oldest);
        if (o->oldest && o->oldest->idle_since_ms < first)
            first = o->oldest->idle_since_ms;
    }
    if (first != INT64_MAX)
        gw_loop_timer_set(d->loop, &d->sweep, first + IDLE_MS, sweep, d);
}

static void set_options(int fd)
{
    int one = 1, idle_s = KEEPIDLE_S, interval_s = KEEPINTVL_S;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
}

static int begin_connect(const gw_direct_address *to, bool *connected)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = to->any.sa_family == AF_INET ? sizeof to->v4 : sizeof to->v6;

    if (fd < 0)
        return -1;
    set_options(fd);
    *connected = connect(fd, &to->any, len) == 0;
    if (*connected || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

gw_direct_conn *gw_direct_open(gw_direct *d, gw_direct_origin *o, uint8_t *address,
                               gw_http_failure *why)
{
    gw_direct_conn *c = gw_calloc(1, sizeof *c);

    *why = c ? GW_HTTP_CONNECT : GW_HTTP_OTHER;
    for (; c && *address < o->address_count; ++*address) {
        c->fd = begin_connect(&o->addresses[*address], &c->connected);
        if (c->fd < 0)
            continue;
        c->owner = d;
        c->origin = o;
        o->users++;
        return c;
    }
    gw_free(c);
    return NULL;
}

bool gw_direct_connected(gw_direct_conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;

    c->connected = getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
    return c->connected;
}
