/*
 * The other end of a Redis connection, played by the test in the same thread: on a unix socket,
 * under a fake clock.
 *
 * Knows the protocol as far as hiredis reads it.
 */
#ifndef TESTS_REDIS_FAKE_H
#define TESTS_REDIS_FAKE_H

#include "rim/loop.h"
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct fake {
    char dir[64], address[96];
    int listen_fd, fd;
    redisReader *reader;
    gw_loop *loop;
    int64_t now_ms;
} fake;

static inline int64_t fake_now(void *user)
{
    return ((fake *)user)->now_ms;
}

static inline int64_t fake_unix(void *user)
{
    return ((fake *)user)->now_ms / 1000;
}

static inline gw_clock fake_clock(fake *f)
{
    return (gw_clock){f, fake_now, fake_unix};
}

static inline void fake_start(fake *f)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    gw_clock clock;
    *f = (fake){.fd = -1, .now_ms = 1000};
    clock = fake_clock(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/aigw-fake-XXXXXX");
    if (!mkdtemp(f->dir))
        exit(1);
    snprintf(un.sun_path, sizeof un.sun_path, "%s/s", f->dir);
    snprintf(f->address, sizeof f->address, "unix:%s/s", f->dir);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(f->listen_fd, (struct sockaddr *)&un, sizeof un) != 0 || listen(f->listen_fd, 8) != 0)
        exit(1);
    f->loop = gw_loop_new(&clock);
}

static inline void fake_hang_up(fake *f)
{
    if (f->fd >= 0)
        close(f->fd);
    if (f->reader)
        redisReaderFree(f->reader);
    f->fd = -1;
    f->reader = NULL;
}

static inline void fake_end(fake *f)
{
    fake_hang_up(f);
    close(f->listen_fd);
    unlink(f->address + 5);
    rmdir(f->dir);
    gw_loop_free(f->loop);
}

/* Steps until nothing happens any more. */
static inline void fake_pump(fake *f)
{
    while (gw_loop_step(f->loop) > 0) {
    }
}

static inline void fake_pass(fake *f, int64_t ms)
{
    f->now_ms += ms;
    fake_pump(f);
}

/* The next connection; false: nobody connects. */
static inline bool fake_accept(fake *f)
{
    fake_hang_up(f);
    fake_pump(f);
    f->fd = accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK);
    if (f->fd >= 0)
        f->reader = redisReaderCreate();
    fake_pump(f);
    return f->fd >= 0;
}

/* The next command as an array, to be freed; NULL: there is none. */
static inline redisReply *fake_command(fake *f)
{
    void *command = NULL;
    char bytes[65536];
    ssize_t n;
    fake_pump(f);
    while ((n = recv(f->fd, bytes, sizeof bytes, 0)) > 0) {
        redisReaderFeed(f->reader, bytes, (size_t)n);
        fake_pump(f);
    }
    redisReaderGetReply(f->reader, &command);
    return command;
}

/* The next command begins with this word. */
static inline bool fake_expect(fake *f, const char *word)
{
    redisReply *c = fake_command(f);
    bool same = c && c->type == REDIS_REPLY_ARRAY && strcmp(c->element[0]->str, word) == 0;
    if (c && !same)
        fprintf(stderr, "got %s, not %s\n", c->element[0]->str, word);
    if (c)
        freeReplyObject(c);
    return same;
}

static inline void fake_say(fake *f, const char *text)
{
    if (send(f->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        perror("send");
    fake_pump(f);
}

static inline bool fake_log_in(fake *f)
{
    if (!fake_accept(f) || !fake_expect(f, "PING"))
        return false;
    fake_say(f, "+PONG\r\n");
    return true;
}

#endif
