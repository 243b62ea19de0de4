/*
 * Embedding into somebody else's event loop: here plain poll(2) with a timer of its own. The gateway is one
 * more descriptor and one more deadline. Three requests run at once while the program keeps ticking.
 */
#include <aigw/exchange.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int answers;

/* "Look": carries no data. Takes what is there; the exchange may be freed from here. */
static void ready(aigw_exchange *x, void *user)
{
    const char *name = user;
    for (;;) {
        aigw_slice piece;
        aigw_error err;
        int rc = aigw_exchange_read(x, &piece, &err);
        if (rc == AIGW_AGAIN)
            return;
        if (rc != AIGW_OK) {
            printf("%s: %s\n", name, rc == AIGW_END ? "complete" : err.message);
            answers += rc == AIGW_END;
            aigw_exchange_free(x);
            return;
        }
        aigw_exchange_consume(x, piece.len);
    }
}

static int start_three(aigw_loop *loop, aigw_error *err)
{
    static const char *const names[] = {"first", "second", "third"};
    static const char body[] = "{\"model\":\"echo\",\"stream\":true,"
                               "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    aigw_request request = {
        .size = sizeof request,
        .method = aigw_slice_of("POST"),
        .target = aigw_slice_of("/v1/chat/completions"),
        .body = {body, sizeof body - 1},
        .trusted = true,
    };
    int rc = AIGW_OK;
    for (int i = 0; i < 3 && rc == AIGW_OK; i++) {
        aigw_exchange *x;
        rc = aigw_exchange_start(loop, &request, ready, (void *)names[i], &x, err);
    }
    return rc;
}

int main(void)
{
    aigw_gateway *gw = NULL;
    aigw_loop *loop = NULL;
    aigw_error err = {0};
    aigw_slice config = aigw_slice_of("{auth: {jwt: {enabled: false}}, providers: [{type: echo}]}");
    int rc = aigw_gateway_new(config, NULL, &gw, &err);
    if (rc == AIGW_OK)
        rc = aigw_loop_new(gw, &loop, &err);
    if (rc == AIGW_OK)
        rc = start_three(loop, &err);

    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), ticks = 0;
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    timerfd_settime(timer, 0, &every, NULL);
    while (rc == AIGW_OK && (answers < 3 || ticks == 0)) {
        struct pollfd fds[] = {{aigw_loop_fd(loop), POLLIN, 0}, {timer, POLLIN, 0}};
        poll(fds, 2, aigw_loop_timeout_ms(loop));
        unsigned long long expired;
        if ((fds[1].revents & POLLIN) && read(timer, &expired, sizeof expired) > 0)
            ticks += (int)expired; /* the program's own work */
        rc = aigw_loop_step(loop, &err);
        if (rc == AIGW_AGAIN)
            rc = AIGW_OK;
    }
    printf("%d answers, %d ticks\n", answers, ticks);

    close(timer);
    aigw_loop_free(loop);
    aigw_gateway_free(gw);
    return rc == AIGW_OK ? 0 : 1;
}
