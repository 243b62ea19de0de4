/*
 * The client of the bench: N kept-alive connections on one epoll thread send M requests in all and check
 * each answer. Prints one JSON object: requests, errors, seconds, p50_us, p99_us, bytes.
 *
 * Usage: load PORT CONNECTIONS REQUESTS REQUEST_FILE
 * REQUEST_FILE holds one whole HTTP/1.1 request; loopback only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct conn {
    int fd;
    size_t sent;
    uint64_t started_ns;
    char head[8192];
    size_t head_len;
    bool in_body, chunked, ok;
    uint64_t body_left;
    char tail[5]; /* the last bytes of a chunked body: its end is "0\r\n\r\n" */
};

static char *request;
static size_t request_len;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int epoll_fd;
static long wanted, begun, done, errors;
static uint64_t bytes, *latency;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void open_conn(struct conn *c)
{
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
        perror("connect");
        exit(1);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {EPOLLIN, {.ptr = c}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void write_more(struct conn *c)
{
    while (c->sent < request_len) {
        ssize_t n = send(c->fd, request + c->sent, request_len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            break;
        c->sent += (size_t)n;
    }
    struct epoll_event e = {c->sent < request_len ? EPOLLIN | EPOLLOUT : EPOLLIN, {.ptr = c}};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void begin(struct conn *c)
{
    if (begun >= wanted)
        return;
    begun++;
    c->started_ns = now_ns();
    c->sent = c->head_len = 0;
    c->in_body = false;
    memset(c->tail, 0, sizeof c->tail);
    ssize_t n = send(c->fd, request, request_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    c->sent = n > 0 ? (size_t)n : 0;
    if (c->sent < request_len)
        write_more(c);
}

static void finish(struct conn *c, bool ok)
{
    latency[done++] = now_ns() - c->started_ns;
    errors += !ok;
    begin(c);
}

static void broken(struct conn *c)
{
    close(c->fd);
    open_conn(c);
    finish(c, false);
}

static bool read_head(struct conn *c)
{
    char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (!end)
        return false;
    *end = 0;
    c->ok = strncmp(c->head, "HTTP/1.1 200", 12) == 0;
    char *length = strcasestr(c->head, "content-length:");
    c->chunked = strcasestr(c->head, "transfer-encoding: chunked") != NULL;
    c->body_left = length ? strtoul(length + 15, NULL, 10) : 0;
    c->in_body = true;
    return true;
}

/* Takes body bytes; true at the end of the answer. */
static bool body(struct conn *c, const char *data, size_t len)
{
    if (!c->chunked) {
        c->body_left -= len < c->body_left ? len : c->body_left;
        return c->body_left == 0;
    }
    char joined[16];
    size_t keep = len < 5 ? 5 - len : 0;
    memcpy(joined, c->tail + 5 - keep, keep);
    size_t take = len < 5 ? len : 5;
    memcpy(joined + keep, data + len - take, take);
    memcpy(c->tail, joined, 5);
    return memcmp(c->tail, "0\r\n\r\n", 5) == 0;
}

static void readable(struct conn *c)
{
    static char buffer[1 << 18];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        broken(c);
        return;
    }
    bytes += (uint64_t)n;
    const char *data = buffer;
    size_t len = (size_t)n;
    if (!c->in_body) {
        size_t before = c->head_len, room = sizeof c->head - 1 - before;
        size_t take = len < room ? len : room;
        memcpy(c->head + before, data, take);
        c->head_len += take;
        if (!read_head(c))
            return;
        size_t head = strlen(c->head) + 4 - before;
        data += head;
        len -= head;
        if (!c->chunked && c->body_left == 0) {
            finish(c, c->ok);
            return;
        }
    }
    if (len && body(c, data, len))
        finish(c, c->ok);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    int count = atoi(argv[2]);
    wanted = atol(argv[3]);
    FILE *file = fopen(argv[4], "rb");
    if (!file || wanted < count)
        return 1;
    request = malloc(1 << 24);
    request_len = fread(request, 1, 1 << 24, file);
    fclose(file);
    latency = calloc((size_t)wanted, sizeof *latency);
    epoll_fd = epoll_create1(0);
    struct conn *conns = calloc((size_t)count, sizeof *conns);
    for (int i = 0; i < count; i++)
        open_conn(&conns[i]);
    uint64_t start = now_ns();
    for (int i = 0; i < count; i++)
        begin(&conns[i]);
    while (done < wanted) {
        struct epoll_event ready[256];
        int n = epoll_wait(epoll_fd, ready, 256, 30000);
        if (n <= 0) {
            fprintf(stderr, "no answer for 30 s after %ld of %ld\n", done, wanted);
            return 1;
        }
        for (int i = 0; i < n; i++) {
            struct conn *c = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT)
                write_more(c);
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(c);
        }
    }
    double seconds = (double)(now_ns() - start) / 1e9;
    qsort(latency, (size_t)wanted, sizeof *latency, compare);
    printf("{\"requests\":%ld,\"errors\":%ld,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"bytes\":%llu}\n", done, errors, seconds, (double)latency[wanted / 2] / 1e3,
           (double)latency[wanted * 99 / 100] / 1e3, (unsigned long long)bytes);
    return errors ? 2 : 0;
}
