/*
 * A real redis-server (or valkey-server) for a test: on a unix socket in a directory of its own,
 * gone with the test.
 *
 * Knows nothing of limits. Skips (exit 77) where none is installed.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct redis_server {
    char dir[64], socket[80], address[96];
    const char *password;
    pid_t pid;
} redis_server;

static inline const char *redis_program(void)
{
    static const char *const names[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server",
                                        "/usr/bin/valkey-server", "/usr/local/bin/valkey-server"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (access(names[i], X_OK) == 0)
            return names[i];
    }
    return NULL;
}

/* A connection of the test's own, or NULL. */
static inline redisContext *redis_open(const redis_server *s)
{
    redisContext *c = redisConnectUnix(s->socket);
    if (c && !c->err && s->password)
        freeReplyObject(redisCommand(c, "AUTH %s", s->password));
    if (c && !c->err) {
        redisReply *r = redisCommand(c, "PING");
        bool good = r && r->type == REDIS_REPLY_STATUS;
        if (r)
            freeReplyObject(r);
        if (good)
            return c;
    }
    if (c)
        redisFree(c);
    return NULL;
}

static inline void redis_start(redis_server *s)
{
    if (!s->dir[0]) {
        snprintf(s->dir, sizeof s->dir, "/tmp/aigw-redis-XXXXXX");
        if (!mkdtemp(s->dir))
            exit(1);
        snprintf(s->socket, sizeof s->socket, "%s/s", s->dir);
        snprintf(s->address, sizeof s->address, "unix:%s", s->socket);
    }
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        execl(redis_program(), "redis-server", "--port", "0", "--unixsocket", s->socket, "--save",
              "", "--appendonly", "no", "--dir", s->dir,
              s->password ? "--requirepass" : (char *)NULL, s->password, (char *)NULL);
        _exit(1);
    }
    redisContext *c = NULL;
    while (!(c = redis_open(s))) {
        if (waitpid(s->pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "the redis-server did not start\n");
            exit(1);
        }
        usleep(2000);
    }
    redisFree(c);
}

static inline void redis_kill(redis_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
    unlink(s->socket);
}

static inline void redis_end(redis_server *s)
{
    redis_kill(s);
    rmdir(s->dir);
}

/* Any command; its integer, or -1. */
static inline long long redis_do(const redis_server *s, const char *command)
{
    redisContext *c = redis_open(s);
    redisReply *r = c ? redisCommand(c, command) : NULL;
    long long number = r && r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
    if (r)
        freeReplyObject(r);
    if (c)
        redisFree(c);
    return number;
}

#endif
