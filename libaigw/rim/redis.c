/*
 * The connection as a machine of three states, with a queue of those who wait for an answer.
 *
 * Must not know what the commands mean.
 */
#include "rim/redis.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_WAIT_MS 50 /* before the second attempt; doubles */
#define MOST_WAIT_MS  2000
#define OUT_BYTES     ((size_t)16 << 20)
#define READ_BYTES    16384
#define READS         8                 /* in one step */
#define REPLY_BYTES   ((size_t)1 << 20) /* that are not a whole reply yet */
#define REPLY_ITEMS   1024

typedef struct waiting {
    gw_redis_fn *fn;
    void *user;
    int64_t sent_ms;
} waiting;

struct gw_redis {
    gw_loop *loop;
    gw_clock clock;
    gw_redis_options options; /* its texts are not used */
    char host[256], port[8];  /* host "" : path */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    char *username;
    gw_secret password;
    gw_redis_state state;
    bool logging_in, doomed;
    bool failed; /* since it was up last; at first not */
    int fd, wait_ms;
    uint64_t connects;
    redisReader *reader;
    redisReplyObjectFunctions make; /* the reader's, but for arrays, whose size is checked */
    redisReplyObjectFunctions plain;
    gw_buf out;
    waiting *queue; /* a ring */
    size_t head, len, cap;
    size_t fresh; /* of them, the last: not given to the kernel yet, so nobody can have been slow */
    gw_timer timer; /* DOWN: try again; CONNECTING: give up; UP: look whether it stalls */
    gw_task flush;
};

static void connect_now(gw_redis *r);
static void drop(gw_redis *r);
static bool read_some(gw_redis *r);
static void on_event(void *user, int fd, unsigned events);

/* ---- the queue ---- */

static bool queue_push(gw_redis *r, gw_redis_fn *fn, void *user)
{
    if (r->len == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        waiting *queue = gw_alloc(cap * sizeof *queue);
        if (!queue)
            return false;
        for (size_t i = 0; i < r->len; i++)
            queue[i] = r->queue[(r->head + i) & (r->cap - 1)];
        gw_free(r->queue);
        r->queue = queue;
        r->head = 0;
        r->cap = cap;
    }
    r->queue[(r->head + r->len++) & (r->cap - 1)] = (waiting){fn, user, 0};
    r->fresh++;
    return true;
}

static waiting queue_pop(gw_redis *r)
{
    waiting w = r->queue[r->head];
    r->head = (r->head + 1) & (r->cap - 1);
    r->len--;
    return w;
}

int64_t gw_redis_oldest_ms(const gw_redis *r)
{
    return r->len > r->fresh ? r->queue[r->head].sent_ms : INT64_MAX;
}

/* Their time begins when they leave, which may be long after they were queued. */
static void queue_sent(gw_redis *r)
{
    int64_t now = gw_now_ms(&r->clock);
    for (; r->fresh > 0; r->fresh--)
        r->queue[(r->head + r->len - r->fresh) & (r->cap - 1)].sent_ms = now;
}

/* ---- timer ---- */

/* What has arrived is read first: the loop may not have been stepped for long. */
static void on_timer(void *user)
{
    gw_redis *r = user;
    if (r->state == GW_REDIS_DOWN) {
        connect_now(r);
    } else if (r->state == GW_REDIS_CONNECTING || !read_some(r)) {
        drop(r);
    } else if (r->len > 0) {
        int64_t now = gw_now_ms(&r->clock), oldest = gw_redis_oldest_ms(r);
        int64_t due = (oldest == INT64_MAX ? now : oldest) + r->options.stall_ms;
        if (due <= now)
            drop(r);
        else
            gw_loop_timer_set(r->loop, &r->timer, due, on_timer, r);
    }
}

static void set_timer(gw_redis *r, int64_t in_ms)
{
    gw_loop_timer_set(r->loop, &r->timer, gw_now_ms(&r->clock) + in_ms, on_timer, r);
}

/* ---- ending ---- */

static void close_socket(gw_redis *r)
{
    if (r->fd >= 0) {
        gw_loop_unwatch(r->loop, r->fd);
        close(r->fd);
        r->fd = -1;
    }
    if (r->reader)
        redisReaderFree(r->reader);
    r->reader = NULL;
    gw_loop_undefer(r->loop, &r->flush);
    gw_loop_timer_clear(r->loop, &r->timer);
    gw_buf_clear(&r->out);
    r->fresh = 0;
}

/* Ends the connection or the attempt; who waits is told; tries again later. */
static void drop(gw_redis *r)
{
    close_socket(r);
    r->state = GW_REDIS_DOWN;
    r->failed = true;
    r->doomed = r->logging_in = false;
    set_timer(r, r->wait_ms);
    r->wait_ms = r->wait_ms * 2 > MOST_WAIT_MS ? MOST_WAIT_MS : r->wait_ms * 2;
    while (r->len > 0) {
        waiting w = queue_pop(r);
        w.fn(w.user, NULL);
    }
    r->options.down(r->options.user);
}

/* ---- sending ---- */

static bool watch(gw_redis *r, unsigned events)
{
    return gw_loop_watch(r->loop, r->fd, events, on_event, r);
}

static void flush_out(void *user)
{
    gw_redis *r = user;
    queue_sent(r);
    while (gw_buf_len(&r->out) > 0) {
        aigw_slice bytes = gw_buf_slice(&r->out);
        ssize_t n = send(r->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!watch(r, GW_LOOP_READ | GW_LOOP_WRITE))
                drop(r);
            return;
        }
        if (n < 0) {
            drop(r);
            return;
        }
        gw_buf_consume(&r->out, (size_t)n);
    }
    watch(r, GW_LOOP_READ);
}

/* RESP: an array of bulk strings. */
static bool send_any(gw_redis *r, const aigw_slice *args, size_t count, gw_redis_fn *fn, void *user)
{
    size_t bytes = 32;
    for (size_t i = 0; i < count; i++)
        bytes += args[i].len + 32;
    if (r->doomed || gw_buf_len(&r->out) + bytes > OUT_BYTES || !gw_buf_reserve(&r->out, bytes)) {
        r->out.failed = false;
        return false;
    }
    if (!queue_push(r, fn, user))
        return false;
    gw_buf_printf(&r->out, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        gw_buf_printf(&r->out, "$%zu\r\n", args[i].len);
        gw_buf_add(&r->out, args[i]);
        gw_buf_puts(&r->out, "\r\n");
    }
    gw_loop_defer(r->loop, &r->flush, flush_out, r);
    return true;
}

bool gw_redis_send(gw_redis *r, const aigw_slice *args, size_t count, gw_redis_fn *fn, void *user)
{
    if (r->state != GW_REDIS_UP || r->len >= r->options.max_waiting)
        return false;
    bool first = r->len == 0;
    if (!send_any(r, args, count, fn, user))
        return false;
    if (first)
        set_timer(r, r->options.stall_ms);
    return true;
}

/* ---- connecting ---- */

/* A header of ten bytes must not make us allocate gigabytes. */
#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif

static void *make_array(const redisReadTask *task, array_size items)
{
    const gw_redis *r = task->privdata;
    return items > REPLY_ITEMS ? NULL : r->plain.createArray(task, items);
}

static redisReader *new_reader(gw_redis *r)
{
    redisReader *reader = redisReaderCreate();
    if (!reader)
        return NULL;
    r->plain = r->make = *reader->fn;
    r->make.createArray = make_array;
    reader->fn = &r->make;
    reader->privdata = r;
    return reader;
}

static void on_login(void *user, const redisReply *reply)
{
    gw_redis *r = user;
    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        r->doomed = true;
}

static void on_ping(void *user, const redisReply *reply)
{
    gw_redis *r = user;
    if (!reply)
        return;
    if (reply->type == REDIS_REPLY_ERROR || r->doomed) {
        r->doomed = true;
        return;
    }
    r->state = GW_REDIS_UP;
    r->wait_ms = FIRST_WAIT_MS;
    r->failed = false;
    r->connects++;
    gw_loop_timer_clear(r->loop, &r->timer);
    r->options.up(r->options.user);
}

static bool log_in(gw_redis *r)
{
    bool sent = true;
    char database[16];
    r->logging_in = true;
    if (r->password.data) {
        aigw_slice auth[3] = {GW_S("AUTH"), aigw_slice_of(r->username),
                              gw_slice(r->password.data, r->password.len)};
        if (!r->username)
            auth[1] = auth[2];
        sent = send_any(r, auth, r->username ? 3 : 2, on_login, r);
    }
    if (r->options.database != 0) {
        snprintf(database, sizeof database, "%d", r->options.database);
        aigw_slice select[2] = {GW_S("SELECT"), aigw_slice_of(database)};
        sent = sent && send_any(r, select, 2, on_login, r);
    }
    aigw_slice ping[1] = {GW_S("PING")};
    return sent && send_any(r, ping, 1, on_ping, r);
}

static int open_socket(const struct sockaddr *address, socklen_t len)
{
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_any(gw_redis *r)
{
    if (!r->host[0]) {
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        memcpy(un.sun_path, r->path, sizeof un.sun_path);
        return open_socket((struct sockaddr *)&un, sizeof un);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int fd = -1;
    if (getaddrinfo(r->host, r->port, &hints, &found) != 0)
        return -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = open_socket(a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return fd;
}

static void connect_now(gw_redis *r)
{
    r->state = GW_REDIS_CONNECTING;
    r->logging_in = false;
    r->fd = open_any(r);
    r->reader = new_reader(r);
    if (r->fd < 0 || !r->reader || !watch(r, GW_LOOP_READ | GW_LOOP_WRITE))
        drop(r);
    else
        set_timer(r, r->options.connect_timeout_ms);
}

/* The socket is connected, or will never be. */
static void connected(gw_redis *r)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0 || !log_in(r))
        drop(r);
}

/* ---- reading ---- */

/* All answers that are whole. False: the connection is no good any more. */
static bool take_replies(gw_redis *r)
{
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
            return false;
        if (!reply)
            return !r->doomed && r->reader->len - r->reader->pos <= REPLY_BYTES;
        bool asked = r->len > 0;
        if (asked) {
            waiting w = queue_pop(r);
            w.fn(w.user, reply);
        }
        freeReplyObject(reply);
        if (!asked)
            return false;
    }
}

static bool read_some(gw_redis *r)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS; i++) {
        ssize_t n = recv(r->fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0 || redisReaderFeed(r->reader, bytes, (size_t)n) != REDIS_OK || !take_replies(r))
            return false;
    }
    return true;
}

static void on_event(void *user, int fd, unsigned events)
{
    gw_redis *r = user;
    (void)fd;
    if (r->state == GW_REDIS_CONNECTING && !r->logging_in) {
        connected(r);
        return;
    }
    if ((events & GW_LOOP_READ) && !read_some(r)) {
        drop(r);
        return;
    }
    if ((events & GW_LOOP_WRITE) && gw_buf_len(&r->out) > 0)
        flush_out(r);
}

/* ---- making ---- */

static bool parse_address(gw_redis *r, aigw_slice text)
{
    if (gw_starts(text, GW_S("unix:"))) {
        text = gw_skip(text, 5);
        if (text.len < 1 || text.len >= sizeof r->path || memchr(text.data, 0, text.len))
            return false;
        memcpy(r->path, text.data, text.len);
        return true;
    }
    const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;
    if (!colon)
        return false;
    aigw_slice host = gw_slice(text.data, (size_t)(colon - text.data));
    aigw_slice port = gw_skip(text, host.len + 1);
    uint64_t number;
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = gw_slice(host.data + 1, host.len - 2);
    else if (memchr(host.data, ':', host.len) || memchr(host.data, '[', host.len))
        return false;
    if (host.len < 1 || host.len >= sizeof r->host || port.len >= sizeof r->port ||
        !gw_parse_u64(port, &number) || number < 1 || number > 65535)
        return false;
    memcpy(r->host, host.data, host.len);
    memcpy(r->port, port.data, port.len);
    return true;
}

bool gw_redis_address_good(aigw_slice text)
{
    gw_redis unused = {0};
    return text.len > 0 && parse_address(&unused, text);
}

static int set_up(gw_redis *r, const gw_redis_options *o, aigw_error *err)
{
    if (!o->address || !parse_address(r, aigw_slice_of(o->address)))
        return gw_fail(err, AIGW_E_CONFIG, "redis_address",
                       "the address of the Redis is not host:port or unix:/path");
    if (o->username && !o->password)
        return gw_fail(err, AIGW_E_CONFIG, "redis_password", "a username without a password");
    if (o->password && !gw_secret_set(&r->password, aigw_slice_of(o->password)))
        return gw_fail_nomem(err);
    if (o->username && !(r->username = gw_strdup(aigw_slice_of(o->username))))
        return gw_fail_nomem(err);
    return AIGW_OK;
}

int gw_redis_new(gw_loop *loop, const gw_clock *clock, const gw_redis_options *options,
                 gw_redis **out, aigw_error *err)
{
    gw_redis *r = gw_calloc(1, sizeof *r);
    if (!r)
        return gw_fail_nomem(err);
    r->loop = loop;
    r->clock = *clock;
    r->fd = -1;
    r->wait_ms = FIRST_WAIT_MS;
    gw_buf_init(&r->out, OUT_BYTES);
    int code = set_up(r, options, err);
    r->options = *options;
    r->options.address = r->options.username = r->options.password = NULL;
    if (code == AIGW_OK && !gw_loop_timer_set(loop, &r->timer, gw_now_ms(clock), on_timer, r))
        code = gw_fail_nomem(err);
    if (code == AIGW_OK)
        *out = r;
    else
        gw_redis_free(r);
    return code;
}

void gw_redis_free(gw_redis *r)
{
    if (!r)
        return;
    close_socket(r);
    gw_secret_free(&r->password);
    gw_free(r->username);
    gw_free(r->queue);
    gw_buf_free(&r->out);
    gw_free(r);
}

gw_redis_state gw_redis_get_state(const gw_redis *r)
{
    return r->state == GW_REDIS_UP ? GW_REDIS_UP : r->failed ? GW_REDIS_DOWN : GW_REDIS_CONNECTING;
}

uint64_t gw_redis_connects(const gw_redis *r)
{
    return r->connects;
}
