/* The loop: order of timers, stale events, silence, waking from another thread, deferred tasks. */
/* Must not know of HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rim/loop.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct fake {
    int64_t now_ms;
} fake;

static int64_t fake_now(void *user)
{
    return ((fake *)user)->now_ms;
}

#define MARK(letter) ((void *)(uintptr_t)(letter))

static char trace[256];

static void note(void *user)
{
    size_t len = strlen(trace);
    trace[len] = (char)(uintptr_t)user;
    trace[len + 1] = '\0';
}

static gw_loop *fake_loop(fake *time)
{
    gw_clock clock = {time, fake_now, fake_now};
    gw_loop *loop = gw_loop_new(&clock);

    assert_non_null(loop);
    trace[0] = '\0';
    return loop;
}

static void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

static void timers_run_in_order(void **state)
{
    fake time = {1000};
    gw_loop *loop = fake_loop(&time);
    gw_timer t[6] = {{0}};

    (void)state;
    assert_int_equal(gw_loop_timeout_ms(loop), -1);
    assert_true(gw_loop_timer_set(loop, &t[0], 1030, note, MARK('c')));
    assert_true(gw_loop_timer_set(loop, &t[1], 1010, note, MARK('a')));
    assert_true(gw_loop_timer_set(loop, &t[2], 1020, note, MARK('b')));
    assert_true(
        gw_loop_timer_set(loop, &t[3], 1030, note, MARK('d'))); /* as late as c, set later */
    assert_true(gw_loop_timer_set(loop, &t[4], 1015, note, MARK('x')));
    assert_true(gw_loop_timer_set(loop, &t[5], 1500, note, MARK('e')));
    gw_loop_timer_clear(loop, &t[4]);
    gw_loop_timer_clear(loop, &t[4]);
    assert_int_equal(gw_loop_timeout_ms(loop), 10);
    assert_int_equal(gw_loop_step(loop), 0);
    time.now_ms = 1009;
    assert_int_equal(gw_loop_step(loop), 0);
    time.now_ms = 1030;
    assert_int_equal(gw_loop_step(loop), 4);
    assert_string_equal(trace, "abcd");
    assert_int_equal(t[0].slot, 0);
    assert_true(gw_loop_timer_set(loop, &t[5], 1031, note, MARK('f'))); /* moved forward */
    time.now_ms = 1031;
    assert_int_equal(gw_loop_step(loop), 1);
    assert_string_equal(trace, "abcdf");
    assert_int_equal(gw_loop_timeout_ms(loop), -1);
    gw_loop_free(loop);
}

static void many_timers_keep_the_heap(void **state)
{
    enum { N = 500 };
    fake time = {0};
    gw_loop *loop = fake_loop(&time);
    static gw_timer t[N];
    uint32_t seed = 12345;
    int set = 0;

    (void)state;
    memset(t, 0, sizeof t);
    for (int i = 0; i < 4 * N; i++) {
        seed = seed * 1664525u + 1013904223u;
        gw_timer *timer = &t[seed >> 16 & 0x1ff ? (seed >> 16) % N : 0];
        if (seed & 0x80) {
            gw_loop_timer_clear(loop, timer);
        } else {
            trace[0] = '\0';
            assert_true(gw_loop_timer_set(loop, timer, 1 + (seed >> 8) % 1000, note, MARK('t')));
        }
    }
    for (int i = 0; i < N; i++)
        set += t[i].slot != 0;
    assert_true(set > 50);
    int run = 0;
    while (run < set) {
        int64_t least = INT64_MAX;
        for (int i = 0; i < N; i++)
            if (t[i].slot && t[i].due_ms < least)
                least = t[i].due_ms;
        trace[0] = '\0';
        assert_int_equal(gw_loop_timeout_ms(loop), (int)(least - time.now_ms));
        time.now_ms = least;
        run += gw_loop_step(loop);
    }
    assert_int_equal(run, set);
    assert_int_equal(gw_loop_timeout_ms(loop), -1);
    gw_loop_free(loop);
}

typedef struct chain {
    gw_loop *loop;
    gw_timer self, other;
    gw_task task;
    int runs;
} chain;

static void again(void *user)
{
    chain *c = user;

    c->runs++;
    gw_loop_timer_clear(c->loop, &c->other);
    gw_loop_timer_set(c->loop, &c->self, 0, again, c); /* due at once, for ever */
}

static void a_timer_that_sets_itself_holds_nobody(void **state)
{
    fake time = {1000};
    gw_loop *loop = fake_loop(&time);
    chain c = {.loop = loop};
    gw_timer patient = {0};

    (void)state;
    gw_loop_timer_set(loop, &c.self, 1, again, &c);
    gw_loop_timer_set(loop, &c.other, 2, note, MARK('x')); /* cleared by the first one while due */
    gw_loop_timer_set(loop, &patient, 3, note, MARK('p'));
    gw_loop_step(loop);
    assert_int_equal(c.runs, 1);
    assert_string_equal(trace, "p");
    gw_loop_timer_set(loop, &patient, 1000, note, MARK('p'));
    gw_loop_step(loop);
    gw_loop_step(loop);
    assert_string_equal(trace, "pp");
    gw_loop_free(loop);
}

typedef struct peer {
    gw_loop *loop;
    int mine, other, fresh[2];
    int calls, reads;
    bool replace;
} peer;

static void count_read(void *user, int fd, unsigned events)
{
    peer *p = user;
    char byte;

    p->reads++;
    assert_int_equal(events, GW_LOOP_READ);
    assert_int_equal(read(fd, &byte, 1), 1);
}

static void close_other(void *user, int fd, unsigned events)
{
    peer *p = user;
    char byte;

    (void)events;
    p->calls++;
    assert_int_equal(read(fd, &byte, 1), 1);
    int victim = fd == p->mine ? p->other : p->mine;
    gw_loop_unwatch(p->loop, victim);
    if (!p->replace)
        return;
    /* the same number again, silent, in the middle of the batch */
    assert_int_equal(dup2(p->fresh[0], victim), victim);
    assert_true(gw_loop_watch(p->loop, victim, GW_LOOP_READ, count_read, p));
}

/* Both descriptors are ready in one batch; whoever comes first removes the other. */
static void stale_events(bool replace)
{
    fake time = {0};
    int a[2], b[2];
    peer p = {.loop = fake_loop(&time), .replace = replace};

    pair(a);
    pair(b);
    pair(p.fresh);
    p.mine = a[0];
    p.other = b[0];
    assert_true(gw_loop_watch(p.loop, a[0], GW_LOOP_READ, close_other, &p));
    assert_true(gw_loop_watch(p.loop, b[0], GW_LOOP_READ, close_other, &p));
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    assert_int_equal(gw_loop_step(p.loop), 1);
    assert_int_equal(p.calls, 1);
    assert_int_equal(p.reads, 0);
    if (replace) { /* the newcomer hears its own events */
        assert_int_equal(write(p.fresh[1], "y", 1), 1);
        assert_int_equal(gw_loop_step(p.loop), 1);
        assert_int_equal(p.reads, 1);
    } else {
        assert_int_equal(gw_loop_step(p.loop), 0);
    }
    for (int i = 0; i < 2; i++) {
        gw_loop_unwatch(p.loop, a[i]);
        gw_loop_unwatch(p.loop, b[i]);
        close(a[i]);
        close(b[i]);
        close(p.fresh[i]);
    }
    gw_loop_free(p.loop);
}

static void stale_events_are_dropped(void **state)
{
    (void)state;
    stale_events(false);
}

static void stale_events_do_not_reach_a_new_owner(void **state)
{
    (void)state;
    stale_events(true);
}

static void no_events_is_silence(void **state)
{
    fake time = {0};
    int fds[2];
    peer p = {.loop = fake_loop(&time)};
    struct pollfd outer;

    (void)state;
    pair(fds);
    assert_true(gw_loop_watch(p.loop, fds[0], GW_LOOP_READ, count_read, &p));
    assert_true(gw_loop_watch(p.loop, fds[0], 0, count_read, &p));
    assert_int_equal(write(fds[1], "ab", 2), 2);
    assert_int_equal(gw_loop_step(p.loop), 0);
    assert_int_equal(gw_loop_step(p.loop), 0);
    outer = (struct pollfd){gw_loop_fd(p.loop), POLLIN, 0};
    assert_int_equal(poll(&outer, 1, 0), 0); /* whoever polls our descriptor does not spin */
    assert_true(gw_loop_watch(p.loop, fds[0], GW_LOOP_READ, count_read, &p));
    assert_int_equal(poll(&outer, 1, 0), 1);
    assert_int_equal(gw_loop_step(p.loop), 1);
    assert_true(gw_loop_watch(p.loop, fds[0], 0, count_read, &p));
    close(fds[1]); /* hangup cannot be masked in the kernel, yet must not spin either */
    gw_loop_step(p.loop);
    gw_loop_step(p.loop);
    assert_int_equal(poll(&outer, 1, 0), 0);
    assert_true(gw_loop_watch(p.loop, fds[0], GW_LOOP_READ, count_read, &p));
    assert_int_equal(gw_loop_step(p.loop), 1);
    assert_int_equal(p.reads, 2);
    gw_loop_unwatch(p.loop, fds[0]);
    gw_loop_unwatch(p.loop, fds[0]);
    close(fds[0]);
    gw_loop_free(p.loop);
}

static void write_interest_comes_and_goes(void **state)
{
    fake time = {0};
    int fds[2];
    peer p = {.loop = fake_loop(&time)};

    (void)state;
    pair(fds);
    assert_true(gw_loop_watch(p.loop, fds[0], GW_LOOP_READ | GW_LOOP_WRITE, count_read, &p));
    assert_true(gw_loop_watch(p.loop, fds[0], GW_LOOP_READ, count_read, &p));
    assert_int_equal(gw_loop_step(p.loop), 0);
    assert_int_equal(write(fds[1], "a", 1), 1);
    assert_int_equal(gw_loop_step(p.loop), 1);
    assert_int_equal(p.reads, 1);
    assert_false(gw_loop_watch(p.loop, -1, GW_LOOP_READ, count_read, &p));
    gw_loop_unwatch(p.loop, fds[0]);
    close(fds[0]);
    close(fds[1]);
    gw_loop_free(p.loop);
}

static void *wake_it(void *arg)
{
    gw_loop_wake(arg);
    return NULL;
}

static void waking_from_another_thread(void **state)
{
    gw_loop *loop = gw_loop_new(NULL);
    pthread_t thread;

    (void)state;
    trace[0] = '\0';
    gw_loop_on_wake(loop, note, MARK('w'));
    pthread_create(&thread, NULL, wake_it, loop);
    assert_int_equal(gw_loop_wait(loop, -1), 1);
    pthread_join(thread, NULL);
    assert_string_equal(trace, "w");
    gw_loop_wake(loop);
    gw_loop_wake(loop); /* two that nobody waited for are one */
    assert_int_equal(gw_loop_step(loop), 1);
    assert_int_equal(gw_loop_step(loop), 0);
    assert_int_equal(gw_loop_wait(loop, 0), 0);
    assert_int_equal(gw_loop_wait(loop, 1), 0);
    gw_loop_free(loop);
}

static void waiting_ends_with_a_timer(void **state)
{
    gw_loop *loop = gw_loop_new(NULL);
    gw_timer timer = {0};

    (void)state;
    trace[0] = '\0';
    gw_loop_timer_set(loop, &timer, gw_loop_now_ms(loop) + 5, note, MARK('t'));
    assert_int_equal(gw_loop_wait(loop, -1), 1);
    assert_string_equal(trace, "t");
    gw_loop_free(loop);
}

static void defer_more(void *user)
{
    chain *c = user;

    if (++c->runs < 100)
        gw_loop_defer(c->loop, &c->task, defer_more, c);
}

static void drop_second(void *user)
{
    chain *c = user;

    note(MARK('1'));
    gw_loop_undefer(c->loop, &c->task);
}

static void deferred_tasks(void **state)
{
    fake time = {0};
    gw_loop *loop = fake_loop(&time);
    chain c = {.loop = loop};
    gw_task first = {0}, third = {0};

    (void)state;
    gw_loop_defer(loop, &first, drop_second, &c);
    gw_loop_defer(loop, &c.task, note, MARK('2'));
    gw_loop_defer(loop, &third, note, MARK('x'));
    gw_loop_defer(loop, &third, note, MARK('3')); /* queued once, with the latest function */
    assert_int_equal(gw_loop_timeout_ms(loop), 0);
    assert_int_equal(gw_loop_step(loop), 2);
    assert_string_equal(trace, "13");
    assert_int_equal(gw_loop_timeout_ms(loop), -1);
    gw_loop_undefer(loop, &third);
    gw_loop_defer(loop, &c.task, defer_more, &c);
    int steps = 0;
    while (gw_loop_timeout_ms(loop) == 0 && steps < 1000) {
        gw_loop_step(loop);
        steps++;
    }
    assert_int_equal(c.runs, 100);
    assert_true(steps > 1); /* a task that defers itself does not hold a step for ever */
    gw_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_run_in_order),
        cmocka_unit_test(many_timers_keep_the_heap),
        cmocka_unit_test(a_timer_that_sets_itself_holds_nobody),
        cmocka_unit_test(stale_events_are_dropped),
        cmocka_unit_test(stale_events_do_not_reach_a_new_owner),
        cmocka_unit_test(no_events_is_silence),
        cmocka_unit_test(write_interest_comes_and_goes),
        cmocka_unit_test(waking_from_another_thread),
        cmocka_unit_test(waiting_ends_with_a_timer),
        cmocka_unit_test(deferred_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
