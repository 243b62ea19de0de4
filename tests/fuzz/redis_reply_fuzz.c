/* What a Redis may say: whatever it is, the call is decided and the connection is in order or given up. */
#include "redis_fake.h"
#include "rim/redis_limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void count_done(void *user)
{
    ++*(int *)user;
}

/* The first byte says where the rest is cut; it answers the login, the scripts and two calls. */
static void play(fake *peer, gw_redis_limit *store, const uint8_t *data, size_t size)
{
    aigw_limit_ask asks[2] = {{.rule = 0, .key = {"k", 1}, .n = 3},
                              {.rule = 1, .key = {"k", 1}, .n = 1}};
    int done = 0;
    gw_limit_wait first = {.done = count_done, .user = &done}, second = first;
    size_t cut = data[0] % size;

    if (!fake_accept(peer))
        return;
    int waits = gw_limit_redis.take(store, &asks[0], 1, 0, &first) == AIGW_AGAIN;
    waits += gw_limit_redis.take(store, &asks[1], 1, 0, &second) == AIGW_AGAIN;
    if (data[0] & 1) { /* let in first */
        fake_say(peer, "+PONG\r\n$1\r\nx\r\n$1\r\nx\r\n");
    }
    send(peer->fd, data + 1, cut, MSG_NOSIGNAL);
    fake_pump(peer);
    send(peer->fd, data + 1 + cut, size - 1 - cut, MSG_NOSIGNAL);
    fake_pass(peer, 100);
    check(done == waits);
    for (int i = 0; i < 2; i++) {
        check(asks[i].by != 0);
        gw_limit_redis.settle(store, &asks[i].hold, i, 0);
    }
    fake_pass(peer, 5000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const aigw_limit_rule rules[] = {{.name = "w",
                                             .kind = AIGW_LIMIT_SLIDING_WINDOW,
                                             .limit = 9,
                                             .window_ms = 1000,
                                             .lease = 4,
                                             .lease_ms = 9},
                                            {.name = "c",
                                             .kind = AIGW_LIMIT_CONCURRENCY,
                                             .on_fail = AIGW_LIMIT_FAIL_LOCAL,
                                             .limit = 2}};
    aigw_limiter_options options = {.size = sizeof options,
                                    .rules = rules,
                                    .rule_count = 2,
                                    .rule_size = sizeof *rules,
                                    .max_keys = 4};
    aigw_limit_link_options link = {.size = sizeof link, .deadline_ms = 50, .max_leases = 4};
    aigw_limiter *limiter = NULL;
    gw_redis_limit *store = NULL;
    fake peer;

    if (size < 2 || size > 4096)
        return 0;
    fake_start(&peer);
    gw_clock clock = fake_clock(&peer);
    link.address = peer.address;
    check(aigw_limiter_new(&options, &limiter, NULL) == AIGW_OK);
    check(gw_redis_limit_new(peer.loop, &clock, limiter, &link, &store, NULL) == AIGW_OK);
    play(&peer, store, data, size);
    gw_redis_limit_free(store);
    aigw_limiter_free(limiter);
    fake_end(&peer);
    return 0;
}
