/*
 * The connection against a server that splits, lies, hangs and hangs up. The clock is the test's.
 *
 * Knows no limits.
 */
#include "rim/redis.h"

#include "base/text.h"
#include "redis_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct seen {
    int ups, downs, replies, lost;
    char text[4096];
} seen;

static fake peer;
static seen saw;

static void on_up(void *user)
{
    ((seen *)user)->ups++;
}

static void on_down(void *user)
{
    ((seen *)user)->downs++;
}

static void on_reply(void *user, const redisReply *reply)
{
    (void)user;
    if (!reply) {
        saw.lost++;
        return;
    }
    saw.replies++;
    size_t len = strlen(saw.text);
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(saw.text + len, sizeof saw.text - len, "%lld;", reply->integer);
    else if (reply->type == REDIS_REPLY_ARRAY)
        snprintf(saw.text + len, sizeof saw.text - len, "[%zu];", reply->elements);
    else if (reply->type == REDIS_REPLY_NIL)
        snprintf(saw.text + len, sizeof saw.text - len, "nil;");
    else
        snprintf(saw.text + len, sizeof saw.text - len, "%s;", reply->str);
}

static gw_redis *connect_with(const char *username, const char *password, int database)
{
    gw_clock clock = fake_clock(&peer);
    gw_redis_options options = {.address = peer.address,
                                .username = username,
                                .password = password,
                                .database = database,
                                .connect_timeout_ms = 1000,
                                .stall_ms = 500,
                                .max_waiting = 40,
                                .up = on_up,
                                .down = on_down,
                                .user = &saw};
    gw_redis *redis = NULL;
    memset(&saw, 0, sizeof saw);
    assert_int_equal(gw_redis_new(peer.loop, &clock, &options, &redis, NULL), AIGW_OK);
    assert_int_equal(gw_redis_get_state(redis), GW_REDIS_CONNECTING);
    return redis;
}

static bool say(gw_redis *redis, const char *word)
{
    aigw_slice args[2] = {aigw_slice_of(word), GW_S("a\r\nb\0c")};
    return gw_redis_send(redis, args, 2, on_reply, NULL);
}

static int set_up(void **state)
{
    (void)state;
    fake_start(&peer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_end(&peer);
    return 0;
}

static void addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:+1",
        ":6379", "unix:",     "::1:6379",   "[]:1",        "host:12a",        "[::1]6379"};
    static const char *const good[] = {"localhost:1", "[::1]:6379", "unix:/x", "127.0.0.1:65535"};
    gw_clock clock = fake_clock(&peer);
    char path[300] = "unix:";
    gw_redis *redis = NULL;
    aigw_error err;

    memset(path + 5, 'x', 200);
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        gw_redis_options o = {.address = i < sizeof bad / sizeof *bad ? bad[i] : path};
        assert_int_equal(gw_redis_new(peer.loop, &clock, &o, &redis, &err), AIGW_E_CONFIG);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        gw_redis_options o = {.address = good[i]};
        assert_int_equal(gw_redis_new(peer.loop, &clock, &o, &redis, &err), AIGW_OK);
        gw_redis_free(redis);
    }
    gw_redis_options o = {.address = "unix:/x", .username = "me"};
    assert_int_equal(gw_redis_new(peer.loop, &clock, &o, &redis, &err), AIGW_E_CONFIG);
}

static void commands_as_they_are_written(void **state)
{
    (void)state;
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_false(say(redis, "EARLY"));
    assert_true(fake_log_in(&peer));
    assert_int_equal(saw.ups, 1);
    assert_int_equal(gw_redis_get_state(redis), GW_REDIS_UP);
    assert_true(say(redis, "SET"));
    redisReply *c = fake_command(&peer);
    assert_int_equal(c->elements, 2);
    assert_int_equal(c->element[1]->len, 6);
    assert_memory_equal(c->element[1]->str, "a\r\nb\0c", 6);
    freeReplyObject(c);
    gw_redis_free(redis); /* with one that waits: no call */
    assert_int_equal(saw.replies + saw.lost, 0);
}

static void replies_at_every_split(void **state)
{
    (void)state;
    static const char text[] =
        "+OK\r\n:42\r\n$5\r\nhe\r\no\r\n$-1\r\n*2\r\n:1\r\n$0\r\n\r\n-ERR no\r\n";
    for (size_t split = 0; split <= sizeof text; split++) {
        gw_redis *redis = connect_with(NULL, NULL, 0);
        assert_true(fake_log_in(&peer));
        for (int i = 0; i < 6; i++)
            assert_true(say(redis, "X"));
        for (size_t i = 0; i < sizeof text - 1; i++) {
            char one[2] = {text[i], 0};
            if (split == sizeof text) { /* byte by byte */
                fake_say(&peer, one);
            } else if (i == split) {
                char head[sizeof text] = {0};
                memcpy(head, text, i);
                fake_say(&peer, head);
                fake_say(&peer, text + i);
            }
        }
        if (split == sizeof text - 1)
            fake_say(&peer, text);
        assert_string_equal(saw.text, "OK;42;he\r\no;nil;[2];ERR no;");
        gw_redis_free(redis);
        fake_hang_up(&peer);
    }
}

static void login_in_order(void **state)
{
    (void)state;
    gw_redis *redis = connect_with("me", "pass", 7);
    assert_true(fake_accept(&peer));
    assert_true(fake_expect(&peer, "AUTH"));
    assert_true(fake_expect(&peer, "SELECT"));
    assert_true(fake_expect(&peer, "PING"));
    fake_say(&peer, "+OK\r\n+OK\r\n");
    assert_int_equal(saw.ups, 0);
    fake_say(&peer, "+PONG\r\n");
    assert_int_equal(saw.ups, 1);
    gw_redis_free(redis);

    static const char *const refused[] = {"-WRONGPASS\r\n", "+OK\r\n-ERR DB index\r\n",
                                          "+OK\r\n+OK\r\n-LOADING\r\n", "HTTP/1.1 400\r\n"};
    for (size_t i = 0; i < 4; i++) {
        redis = connect_with("me", "pass", 7);
        assert_true(fake_accept(&peer));
        fake_say(&peer, refused[i]);
        assert_int_equal(saw.ups, 0);
        assert_int_equal(saw.downs, 1);
        assert_int_equal(gw_redis_get_state(redis), GW_REDIS_DOWN);
        gw_redis_free(redis);
    }
}

static void lies_end_the_connection(void **state)
{
    (void)state;
    static const char *const lies[] = {"+OK\r\n+MORE\r\n", "?\r\n", "$99999999999999999999\r\n",
                                       "*2147483647\r\n", "*-7x\r\n"};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        gw_redis *redis = connect_with(NULL, NULL, 0);
        assert_true(fake_log_in(&peer));
        assert_true(say(redis, "X"));
        fake_say(&peer, lies[i]);
        assert_int_equal(saw.replies + saw.lost, 1);
        assert_int_equal(saw.downs, 1);
        fake_pass(&peer, 50);
        assert_true(fake_log_in(&peer)); /* and connects anew */
        assert_int_equal(saw.ups, 2);
        gw_redis_free(redis);
    }
}

static void hang_up_and_back_off(void **state)
{
    (void)state;
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_true(fake_log_in(&peer));
    for (int i = 0; i < 5; i++)
        assert_true(say(redis, "X"));
    fake_say(&peer, ":1\r\n:2\r\n$10\r\nhal");
    fake_hang_up(&peer);
    fake_pump(&peer);
    assert_int_equal(saw.replies, 2);
    assert_int_equal(saw.lost, 3);
    assert_int_equal(saw.downs, 1);
    assert_false(say(redis, "X"));
    int64_t wait = 50;
    for (int i = 0; i < 8; i++) { /* doubles, to two seconds */
        fake_pass(&peer, wait - 1);
        assert_false(fake_accept(&peer));
        fake_pass(&peer, 1);
        assert_true(fake_accept(&peer));
        fake_hang_up(&peer);
        fake_pump(&peer);
        wait = wait * 2 > 2000 ? 2000 : wait * 2;
    }
    fake_pass(&peer, wait);
    assert_true(fake_log_in(&peer));
    assert_true(say(redis, "X"));
    assert_int_equal(gw_redis_connects(redis), 2);
    gw_redis_free(redis);
}

static void silence_is_noticed(void **state)
{
    (void)state;
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_true(fake_accept(&peer)); /* and says nothing: 1,000 ms for the login */
    fake_pass(&peer, 999);
    assert_int_equal(saw.downs, 0);
    fake_pass(&peer, 1);
    assert_int_equal(saw.downs, 1);
    fake_pass(&peer, 50);
    assert_true(fake_log_in(&peer));
    fake_pass(&peer, 100000); /* with nothing to wait for, for ever */
    assert_int_equal(saw.downs, 1);
    assert_true(gw_redis_oldest_ms(redis) == INT64_MAX);
    assert_true(say(redis, "X"));
    peer.now_ms += 5000; /* the loop was not stepped: nobody was slow */
    assert_true(gw_redis_oldest_ms(redis) == INT64_MAX);
    fake_pump(&peer);
    assert_int_equal(gw_redis_oldest_ms(redis), peer.now_ms);
    fake_pass(&peer, 499);
    assert_int_equal(saw.downs, 1);
    assert_true(say(redis, "Y"));
    fake_say(&peer, ":1\r\n");
    fake_pass(&peer, 499);
    assert_int_equal(saw.downs, 1);
    fake_pass(&peer, 1);
    assert_int_equal(saw.downs, 2);
    assert_int_equal(saw.lost, 1);
    gw_redis_free(redis);
}

static void queue_has_an_end(void **state)
{
    (void)state;
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_true(fake_log_in(&peer));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++)
            assert_true(say(redis, "X"));
        assert_false(say(redis, "X"));
        for (int i = 0; i < 40; i++)
            fake_say(&peer, ":1\r\n");
        saw.text[0] = '\0';
    }
    assert_int_equal(saw.replies, 800);
    gw_redis_free(redis);
}

/* A reply that never ends is not kept. */
static void reply_without_end(void **state)
{
    (void)state;
    static char kilobyte[1025];
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_true(fake_log_in(&peer));
    assert_true(say(redis, "X"));
    memset(kilobyte, 'x', 1024);
    fake_say(&peer, "$500000000\r\n");
    int sent = 0;
    while (saw.lost == 0 && sent < 3000) {
        fake_say(&peer, kilobyte);
        sent++;
    }
    assert_int_equal(saw.lost, 1);
    assert_true(sent > 900 && sent < 1100);
    gw_redis_free(redis);
}

/* More than the socket takes at once: the rest follows when the server reads. */
static void large_commands(void **state)
{
    (void)state;
    static char big[3 << 20];
    gw_redis *redis = connect_with(NULL, NULL, 0);
    assert_true(fake_log_in(&peer));
    memset(big, 'z', sizeof big);
    aigw_slice args[2] = {GW_S("BIG"), {big, sizeof big}};
    assert_true(gw_redis_send(redis, args, 2, on_reply, NULL));
    redisReply *c = NULL;
    while (!(c = fake_command(&peer))) {
    }
    assert_int_equal(c->element[1]->len, sizeof big);
    freeReplyObject(c);
    fake_say(&peer, ":3\r\n");
    assert_string_equal(saw.text, "3;");
    int sent = 0;
    while (sent < 40 && gw_redis_send(redis, args, 2, on_reply, NULL))
        sent++;
    assert_true(sent >= 4 && sent < 40); /* 16 MB wait at most */
    gw_redis_free(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commands_as_they_are_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replies_at_every_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(login_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lies_end_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hang_up_and_back_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queue_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reply_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_commands, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
