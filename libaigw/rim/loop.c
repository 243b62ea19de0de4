/*
 * One epoll set with an eventfd in it, a heap of timers and a list of deferred tasks.
 *
 * Must not know what the descriptors carry.
 */
#include "rim/loop.h"

#include "base/mem.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH       128 /* events taken from the kernel at once */
#define TASK_ROUNDS 8   /* rounds of tasks that defer tasks, within one step */
#define WAKE_KEY    UINT64_MAX

/*
 * What is known of one descriptor. `kernel` is what epoll reports, `wanted` what the owner asked for;
 * an excess of READ is tolerated until it costs an event, which spares two system calls a request.
 * `generation` tells a stale event of the same batch from one of the present owner.
 */
typedef struct slot {
    gw_loop_fd_fn *fn;
    void *user;
    uint32_t generation;
    uint8_t wanted, kernel;
    bool watched;  /* between watch and unwatch */
    bool in_epoll; /* the kernel has it */
} slot;

typedef struct entry {
    int64_t due_ms;
    uint64_t order; /* equal times run in the order in which they were set */
    gw_timer *timer;
} entry;

struct gw_loop {
    gw_clock clock;
    int epoll_fd, wake_fd;
    int depth; /* steps on the stack */
    int64_t now_ms;
    slot *slots; /* by descriptor */
    size_t slot_count;
    entry *heap; /* heap[0] is the earliest */
    size_t heap_len, heap_cap;
    uint64_t order;
    gw_task tasks, running; /* list heads: queued, and those of the current round */
    void (*wake_fn)(void *user);
    void *wake_user;
};

/* ---- tasks ---- */

static void list_init(gw_task *head)
{
    head->next = head->prev = head;
}

static void list_remove(gw_task *task)
{
    task->prev->next = task->next;
    task->next->prev = task->prev;
    task->next = task->prev = NULL;
    task->queued = false;
}

static void list_append(gw_task *head, gw_task *task)
{
    task->prev = head->prev;
    task->next = head;
    head->prev->next = task;
    head->prev = task;
    task->queued = true;
}

static int run_tasks(gw_loop *loop)
{
    int count = 0;

    for (int round = 0; round < TASK_ROUNDS && loop->tasks.next != &loop->tasks; round++) {
        while (loop->tasks.next != &loop->tasks) {
            gw_task *task = loop->tasks.next;
            list_remove(task);
            list_append(&loop->running, task);
        }
        while (loop->running.next != &loop->running) {
            gw_task *task = loop->running.next;
            list_remove(task);
            task->fn(task->user);
            count++;
        }
    }
    return count;
}

/* ---- timers ---- */

static bool earlier(const entry *a, const entry *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(gw_loop *loop, size_t at, entry e)
{
    loop->heap[at] = e;
    e.timer->slot = at + 1;
}

static void sift_up(gw_loop *loop, size_t at, entry e)
{
    while (at > 0 && earlier(&e, &loop->heap[(at - 1) / 2])) {
        place(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(loop, at, e);
}

static void sift_down(gw_loop *loop, size_t at, entry e)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->heap_len)
            break;
        if (child + 1 < loop->heap_len && earlier(&loop->heap[child + 1], &loop->heap[child]))
            child++;
        if (!earlier(&loop->heap[child], &e))
            break;
        place(loop, at, loop->heap[child]);
        at = child;
    }
    place(loop, at, e);
}

static bool heap_room(gw_loop *loop)
{
    if (loop->heap_len < loop->heap_cap)
        return true;
    size_t cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
    entry *heap = gw_realloc(loop->heap, cap * sizeof *heap);
    if (!heap)
        return false;
    loop->heap = heap;
    loop->heap_cap = cap;
    return true;
}

/* Those set meanwhile wait for the next step, so that a timer that sets itself cannot hold the loop. */
static int run_timers(gw_loop *loop)
{
    int count = 0;
    uint64_t last = loop->order;

    while (loop->heap_len > 0 && loop->heap[0].due_ms <= loop->now_ms &&
           loop->heap[0].order <= last) {
        gw_timer *timer = loop->heap[0].timer;
        gw_loop_timer_clear(loop, timer);
        timer->fn(timer->user);
        count++;
    }
    return count;
}

bool gw_loop_timer_set(gw_loop *loop, gw_timer *timer, int64_t due_ms, void (*fn)(void *),
                       void *user)
{
    if (timer->slot == 0 && !heap_room(loop))
        return false;
    size_t at = timer->slot ? timer->slot - 1 : loop->heap_len++;
    /* Set from a callback, the past counts as now: behind what is due already, so nothing starves. */
    int64_t key = loop->depth > 0 && due_ms < loop->now_ms ? loop->now_ms : due_ms;
    entry e = {key, ++loop->order, timer};

    timer->due_ms = due_ms;
    timer->fn = fn;
    timer->user = user;
    if (at > 0 && earlier(&e, &loop->heap[(at - 1) / 2]))
        sift_up(loop, at, e);
    else
        sift_down(loop, at, e);
    return true;
}

void gw_loop_timer_clear(gw_loop *loop, gw_timer *timer)
{
    if (timer->slot == 0)
        return;
    size_t at = timer->slot - 1;
    entry last = loop->heap[--loop->heap_len];

    timer->slot = 0;
    if (last.timer == timer)
        return;
    if (at > 0 && earlier(&last, &loop->heap[(at - 1) / 2]))
        sift_up(loop, at, last);
    else
        sift_down(loop, at, last);
}

/* ---- descriptors ---- */

static bool slot_room(gw_loop *loop, int fd)
{
    size_t need = (size_t)fd + 1;
    if (need <= loop->slot_count)
        return true;
    size_t count = loop->slot_count ? loop->slot_count : 64;
    while (count < need)
        count *= 2;
    slot *slots = gw_realloc(loop->slots, count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof *slots);
    loop->slots = slots;
    loop->slot_count = count;
    return true;
}

/* Tells the kernel. A descriptor that was closed and opened again behind our back is put right. */
static bool tell(gw_loop *loop, int fd, uint8_t events)
{
    slot *s = &loop->slots[fd];
    struct epoll_event ev = {0};

    if (events & GW_LOOP_READ)
        ev.events |= EPOLLIN;
    if (events & GW_LOOP_WRITE)
        ev.events |= EPOLLOUT;
    ev.data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd;
    int op = s->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int rc = epoll_ctl(loop->epoll_fd, op, fd, &ev);
    if (rc != 0 && (errno == ENOENT || errno == EEXIST))
        rc = epoll_ctl(loop->epoll_fd, errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev);
    s->in_epoll = rc == 0;
    s->kernel = rc == 0 ? events : 0;
    return rc == 0;
}

/* Takes it out of the kernel but keeps the slot: hangup and error cannot be masked out. */
static void hush(gw_loop *loop, int fd)
{
    slot *s = &loop->slots[fd];
    struct epoll_event ev = {0};

    if (s->in_epoll)
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, &ev);
    s->in_epoll = false;
    s->kernel = 0;
}

bool gw_loop_watch(gw_loop *loop, int fd, unsigned events, gw_loop_fd_fn *fn, void *user)
{
    if (fd < 0 || !slot_room(loop, fd))
        return false;
    slot *s = &loop->slots[fd];
    uint8_t wanted = events & (GW_LOOP_READ | GW_LOOP_WRITE);
    bool fresh = !s->watched;

    if (fresh)
        s->generation++;
    s->fn = fn;
    s->user = user;
    s->wanted = wanted;
    s->watched = true;
    if (!fresh && s->in_epoll && (s->kernel == wanted || s->kernel == (wanted | GW_LOOP_READ)))
        return true;
    if (!fresh && !s->in_epoll && wanted == 0)
        return true;
    if (tell(loop, fd, wanted))
        return true;
    if (fresh)
        s->watched = false;
    return false;
}

void gw_loop_unwatch(gw_loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->slot_count || !loop->slots[fd].watched)
        return;
    slot *s = &loop->slots[fd];
    hush(loop, fd);
    s->watched = false;
    s->wanted = 0;
    s->fn = NULL;
    s->generation++;
}

static int dispatch_fd(gw_loop *loop, const struct epoll_event *ev)
{
    int fd = (int)(uint32_t)ev->data.u64;
    slot *s = &loop->slots[fd];
    uint8_t got = 0;

    if (!s->watched || s->generation != (uint32_t)(ev->data.u64 >> 32))
        return 0; /* of an owner that has gone during this batch */
    if (ev->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        got |= GW_LOOP_READ;
    if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        got |= GW_LOOP_WRITE;
    got &= s->wanted;
    if (got) {
        s->fn(s->user, fd, got);
        return 1;
    }
    if (s->wanted == 0 && (s->kernel == 0 || ev->events & (EPOLLHUP | EPOLLERR)))
        hush(loop, fd);
    else if (s->kernel != s->wanted)
        tell(loop, fd, s->wanted);
    return 0;
}

/* ---- the step ---- */

static int dispatch(gw_loop *loop, const struct epoll_event *events, int n)
{
    int count = 0;

    loop->depth++;
    loop->now_ms = gw_now_ms(&loop->clock);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 != WAKE_KEY) {
            count += dispatch_fd(loop, &events[i]);
            continue;
        }
        uint64_t sum;
        if (read(loop->wake_fd, &sum, sizeof sum) != (ssize_t)sizeof sum)
            continue;
        count++;
        if (loop->wake_fn)
            loop->wake_fn(loop->wake_user);
    }
    count += run_timers(loop);
    count += run_tasks(loop);
    loop->depth--;
    return count;
}

int gw_loop_step(gw_loop *loop)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(loop->epoll_fd, events, BATCH, 0);

    return dispatch(loop, events, n < 0 ? 0 : n);
}

int gw_loop_wait(gw_loop *loop, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int64_t left = timeout_ms < 0 ? INT64_MAX : timeout_ms;

    for (;;) {
        int own = gw_loop_timeout_ms(loop);
        int limit = left > INT_MAX ? -1 : (int)left;
        if (own >= 0 && (limit < 0 || own < limit))
            limit = own;
        int64_t before = gw_now_ms(&loop->clock);
        int n = epoll_wait(loop->epoll_fd, events, BATCH, limit);
        int count = dispatch(loop, events, n < 0 ? 0 : n);
        if (count > 0)
            return count;
        if (timeout_ms >= 0) { /* a host's clock may stand still: silence counts as time, too */
            int64_t passed = loop->now_ms - before;
            left -= n == 0 && passed < limit ? limit : passed;
            if (left <= 0)
                return 0;
        }
    }
}

int gw_loop_timeout_ms(gw_loop *loop)
{
    if (loop->tasks.next != &loop->tasks)
        return 0;
    if (loop->heap_len == 0)
        return -1;
    int64_t left = loop->heap[0].due_ms - gw_now_ms(&loop->clock);
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int gw_loop_fd(const gw_loop *loop)
{
    return loop->epoll_fd;
}

int64_t gw_loop_now_ms(const gw_loop *loop)
{
    return loop->depth > 0 ? loop->now_ms : gw_now_ms(&loop->clock);
}

void gw_loop_defer(gw_loop *loop, gw_task *task, void (*fn)(void *), void *user)
{
    task->fn = fn;
    task->user = user;
    if (!task->queued)
        list_append(&loop->tasks, task);
}

void gw_loop_undefer(gw_loop *loop, gw_task *task)
{
    (void)loop;
    if (task->queued)
        list_remove(task);
}

void gw_loop_wake(gw_loop *loop)
{
    int saved = errno; /* may run in a signal handler */
    uint64_t one = 1;

    if (write(loop->wake_fd, &one, sizeof one) < 0)
        errno = EAGAIN; /* the counter is full: a wake-up is pending anyway */
    errno = saved;
}

void gw_loop_on_wake(gw_loop *loop, void (*fn)(void *user), void *user)
{
    loop->wake_fn = fn;
    loop->wake_user = user;
}

gw_loop *gw_loop_new(const gw_clock *clock)
{
    gw_loop *loop = gw_calloc(1, sizeof *loop);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = WAKE_KEY};

    if (!loop)
        return NULL;
    loop->clock = clock ? *clock : gw_clock_of(NULL);
    list_init(&loop->tasks);
    list_init(&loop->running);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) != 0) {
        gw_loop_free(loop);
        return NULL;
    }
    return loop;
}

void gw_loop_free(gw_loop *loop)
{
    if (!loop)
        return;
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    gw_free(loop->slots);
    gw_free(loop->heap);
    gw_free(loop);
}
