/*
 * The upstream of the bench: one epoll thread that answers chat requests at once, in the dialect of the
 * path, or as a stream of 200 events, one event per stream and millisecond (so that a proxy sees each).
 * Not a general server: it trusts its peer to send well-formed requests.
 *
 * Usage: stub PORT_FILE   (binds 127.0.0.1 on a free port and writes it there)
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
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_FD 65536
#define EVENTS 200

enum { IN_BYTES = 1 << 20 };

struct conn {
    char *in;
    size_t len;
    bool anthropic;
    int left; /* events to send; 0: none */
};

static struct conn conns[MAX_FD];
static int streaming[MAX_FD], streaming_count;
static char answers[2][4096];
static size_t answer_len[2];
static char events[2][EVENTS][512];
static size_t event_len[2][EVENTS];

static const char *filler = "The quick brown fox jumps over the lazy dog, and the lazy dog lets it pass. ";

static void build(void)
{
    char text[600] = "", body[1500];
    for (int i = 0; i < 6; i++)
        strcat(text, filler);
    snprintf(body, sizeof body,
             "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1755137933,"
             "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
             "\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":90,\"total_tokens\":210,"
             "\"prompt_tokens_details\":{\"cached_tokens\":0}},\"system_fingerprint\":null}", text);
    answer_len[0] = (size_t)snprintf(answers[0], sizeof answers[0],
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(body), body);
    snprintf(body, sizeof body,
             "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\","
             "\"model\":\"claude-sonnet-4-5\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],"
             "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":120,"
             "\"output_tokens\":90}}", text);
    answer_len[1] = (size_t)snprintf(answers[1], sizeof answers[1],
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(body), body);
}

static void put_event(int dialect, int i, const char *event)
{
    size_t n = strlen(event);
    const char *head = i == 0 ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n" : "";
    const char *tail = i == EVENTS - 1 ? "0\r\n\r\n" : "";
    event_len[dialect][i] = (size_t)snprintf(events[dialect][i], sizeof events[dialect][i],
                                             "%s%zx\r\n%s\r\n%s", head, n, event, tail);
}

static void build_events(void)
{
    char event[400];
    for (int i = 0; i < EVENTS; i++) {
        const char *delta = i == 0 ? "{\"role\":\"assistant\",\"content\":\"\"}"
                            : i >= EVENTS - 2 ? "{}" : "{\"content\":\" and on it goes\"}";
        snprintf(event, sizeof event,
                 "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                 "\"created\":1755137933,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,"
                 "\"delta\":%s,\"finish_reason\":%s}]}\n\n%s",
                 delta, i >= EVENTS - 2 ? "\"stop\"" : "null", i == EVENTS - 1 ? "data: [DONE]\n\n" : "");
        put_event(0, i, event);
        if (i == 0)
            snprintf(event, sizeof event, "event: message_start\ndata: {\"type\":\"message_start\","
                     "\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\","
                     "\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,"
                     "\"usage\":{\"input_tokens\":120,\"output_tokens\":1}}}\n\n");
        else if (i == 1)
            snprintf(event, sizeof event, "event: content_block_start\ndata: {\"type\":"
                     "\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
                     "\"text\":\"\"}}\n\n");
        else if (i == EVENTS - 3)
            snprintf(event, sizeof event, "event: content_block_stop\ndata: {\"type\":"
                     "\"content_block_stop\",\"index\":0}\n\n");
        else if (i == EVENTS - 2)
            snprintf(event, sizeof event, "event: message_delta\ndata: {\"type\":\"message_delta\","
                     "\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
                     "\"usage\":{\"output_tokens\":90}}\n\n");
        else if (i == EVENTS - 1)
            snprintf(event, sizeof event, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        else
            snprintf(event, sizeof event, "event: content_block_delta\ndata: {\"type\":"
                     "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                     "\"text\":\" and on it goes\"}}\n\n");
        put_event(1, i, event);
    }
}

static void close_conn(int fd)
{
    for (int i = 0; i < streaming_count; i++)
        if (streaming[i] == fd)
            streaming[i--] = streaming[--streaming_count];
    free(conns[fd].in);
    memset(&conns[fd], 0, sizeof conns[fd]);
    close(fd);
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The length of the complete request at the front of the buffer; 0 if it is not complete. */
static size_t complete(const struct conn *c)
{
    const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - c->in) + 4, body = 0;
    for (const char *p = c->in; p < end; p++)
        if ((p[0] == '\n') && strncasecmp(p + 1, "content-length:", 15) == 0)
            body = strtoul(p + 16, NULL, 10);
    return c->len >= head + body ? head + body : 0;
}

static void serve(int fd)
{
    struct conn *c = &conns[fd];
    size_t n;
    while ((n = complete(c)) > 0) {
        size_t line = (size_t)((char *)memchr(c->in, '\r', n) - c->in);
        int dialect = memmem(c->in, line, "/messages", 9) != NULL;
        bool stream = memmem(c->in, n, "\"stream\":true", 13) != NULL ||
                      memmem(c->in, n, "\"stream\": true", 14) != NULL;
        memmove(c->in, c->in + n, c->len - n);
        c->len -= n;
        if (stream) {
            c->anthropic = dialect;
            c->left = EVENTS;
            streaming[streaming_count++] = fd;
        } else if (!send_all(fd, answers[dialect], answer_len[dialect])) {
            close_conn(fd);
            return;
        }
    }
}

static void readable(int fd)
{
    struct conn *c = &conns[fd];
    if (!c->in)
        c->in = malloc(IN_BYTES);
    ssize_t n = read(fd, c->in + c->len, IN_BYTES - c->len);
    if (n <= 0 && !(n < 0 && errno == EAGAIN)) {
        close_conn(fd);
        return;
    }
    if (n > 0)
        c->len += (size_t)n;
    serve(fd);
}

static void tick(void)
{
    for (int i = 0; i < streaming_count; i++) {
        int fd = streaming[i];
        struct conn *c = &conns[fd];
        int at = EVENTS - c->left--;
        if (!send_all(fd, events[c->anthropic][at], event_len[c->anthropic][at])) {
            close_conn(fd);
            i--;
        } else if (c->left == 0) {
            streaming[i--] = streaming[--streaming_count];
        }
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), one = 1;
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    if (argc != 2 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096))
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    FILE *file = fopen(argv[1], "w");
    if (!file)
        return 1;
    fprintf(file, "%d\n", ntohs(address.sin_port));
    fclose(file);
    build();
    build_events();
    timerfd_settime(timer, 0, &every, NULL);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){EPOLLIN, {.fd = listener}});
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &(struct epoll_event){EPOLLIN, {.fd = timer}});
    for (;;) {
        struct epoll_event ready[256];
        int n = epoll_wait(poll, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            uint64_t ticks;
            if (fd == timer) {
                if (read(timer, &ticks, sizeof ticks) > 0)
                    tick();
            } else if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    epoll_ctl(poll, EPOLL_CTL_ADD, peer, &(struct epoll_event){EPOLLIN, {.fd = peer}});
                }
            } else {
                readable(fd);
            }
        }
    }
}
