/* A small HTTP server on threads for tests of outgoing HTTP; each test says how it answers. */
/* Must not know what is tested. Include after <cmocka.h>. */
#ifndef TESTS_UNIT_RIM_TEST_SERVER_H
#define TESTS_UNIT_RIM_TEST_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_CONNECTIONS 160

typedef struct test_server test_server;

typedef struct test_request {
    test_server *server;
    int fd;
    int number; /* 1 for the first request that the server got */
    char head[16384];
    char *body;
    size_t body_len;
    char rest[16384]; /* what was read behind the head, with heads_only */
    size_t rest_len;
} test_request;

/* Answers; false closes the connection. */
typedef bool test_serve_fn(test_request *request);

struct test_server {
    int fd, port;
    test_serve_fn *serve;
    void *user;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t workers[SERVER_CONNECTIONS];
    int fds[SERVER_CONNECTIONS];
    /* under the lock */
    int connections, requests, closed_by_peer, flag;
    bool gate_open; /* server_pass waits for it */
    bool
        heads_only; /* bodies are for the answering function to read; set before the first request */
};

static inline void server_count(test_server *s, int *counter)
{
    pthread_mutex_lock(&s->lock);
    ++*counter;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static inline int server_read(test_server *s, const int *counter)
{
    pthread_mutex_lock(&s->lock);
    int value = *counter;
    pthread_mutex_unlock(&s->lock);
    return value;
}

/* Blocks until *counter is at least n. */
static inline void server_wait(test_server *s, const int *counter, int n)
{
    pthread_mutex_lock(&s->lock);
    while (*counter < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static inline void server_open_gate(test_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->gate_open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* For an answering function: goes on once the test has opened the gate. */
static inline void server_pass(test_server *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->gate_open)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static inline bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static inline bool send_answer(int fd, int status, const char *body)
{
    char head[256];

    snprintf(head, sizeof head,
             "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Type: text/plain\r\n\r\n", status,
             strlen(body));
    return send_text(fd, head) && send_text(fd, body);
}

/* Reads one request; false at the end of the connection. */
static inline bool read_request(test_request *r)
{
    size_t len = 0;
    char *end = NULL;

    memset(r->head, 0, sizeof r->head);
    while (!end && len < sizeof r->head - 1) {
        ssize_t n = recv(r->fd, r->head + len, sizeof r->head - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        end = strstr(r->head, "\r\n\r\n");
    }
    if (!end)
        return false;
    size_t head_len = (size_t)(end + 4 - r->head);
    if (r->server->heads_only) {
        r->rest_len = len - head_len;
        memcpy(r->rest, end + 4, r->rest_len);
        end[4] = '\0';
        return true;
    }
    const char *length = strcasestr(r->head, "\r\ncontent-length:");
    r->body_len = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    r->body = realloc(r->body, r->body_len + 1);
    size_t have = len - head_len < r->body_len ? len - head_len : r->body_len;
    memcpy(r->body, end + 4, have);
    while (have < r->body_len) {
        ssize_t n = recv(r->fd, r->body + have, r->body_len - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    r->body[r->body_len] = '\0';
    end[4] = '\0';
    return true;
}

typedef struct test_worker {
    test_server *server;
    int fd, index;
} test_worker;

static inline void *server_worker(void *arg)
{
    test_worker *w = arg;
    test_request *r = calloc(1, sizeof *r);
    bool open = true;

    r->server = w->server;
    r->fd = w->fd;
    while (open && read_request(r)) {
        pthread_mutex_lock(&w->server->lock);
        r->number = ++w->server->requests;
        pthread_cond_broadcast(&w->server->changed);
        pthread_mutex_unlock(&w->server->lock);
        open = w->server->serve(r);
    }
    if (open)
        server_count(w->server, &w->server->closed_by_peer);
    shutdown(w->fd, SHUT_RDWR);
    free(r->body);
    free(r);
    free(w);
    return NULL;
}

static inline void *server_accept(void *arg)
{
    test_server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_mutex_lock(&s->lock);
        int index = s->connections++;
        assert_true(index < SERVER_CONNECTIONS);
        s->fds[index] = fd;
        test_worker *w = malloc(sizeof *w);
        *w = (test_worker){s, fd, index};
        pthread_create(&s->workers[index], NULL, server_worker, w);
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
}

static inline test_server *server_start(test_serve_fn *serve, void *user)
{
    test_server *s = calloc(1, sizeof *s);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    s->serve = serve;
    s->user = user;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 160), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    pthread_create(&s->thread, NULL, server_accept, s);
    return s;
}

static inline void server_stop(test_server *s)
{
    server_open_gate(s);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < s->connections; i++)
        shutdown(s->fds[i], SHUT_RDWR);
    for (int i = 0; i < s->connections; i++) {
        pthread_join(s->workers[i], NULL);
        close(s->fds[i]);
    }
    close(s->fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static inline const char *server_url(const test_server *s, char *out, size_t size, const char *path)
{
    snprintf(out, size, "http://127.0.0.1:%d%s", s->port, path);
    return out;
}

/* A port on which nobody listens. */
static inline int closed_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

#endif
