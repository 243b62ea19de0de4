/* The heap of deadlines. A deadline that moves later stays where it is until its old time comes.
 * Knows no connection. */
#include "server/timers.h"

#include "base/mem.h"
#include <limits.h>

static void place(gw_timers *ts, size_t i, gw_timer_entry entry)
{
    ts->heap[i] = entry;
    entry.timer->slot = i;
}

static void sift_up(gw_timers *ts, size_t i)
{
    gw_timer_entry entry = ts->heap[i];
    while (i > 0) {
        size_t parent = (i - 1) / 2;
        if (ts->heap[parent].key <= entry.key)
            break;
        place(ts, i, ts->heap[parent]);
        i = parent;
    }
    place(ts, i, entry);
}

static void sift_down(gw_timers *ts, size_t i)
{
    gw_timer_entry entry = ts->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= ts->count)
            break;
        if (child + 1 < ts->count && ts->heap[child + 1].key < ts->heap[child].key)
            child++;
        if (ts->heap[child].key >= entry.key)
            break;
        place(ts, i, ts->heap[child]);
        i = child;
    }
    place(ts, i, entry);
}

void gw_timer_init(gw_timer *timer, void *owner)
{
    *timer = (gw_timer){GW_TIMER_OFF, SIZE_MAX, owner};
}

void gw_timers_init(gw_timers *ts)
{
    *ts = (gw_timers){NULL, 0, 0};
}

void gw_timers_free(gw_timers *ts)
{
    gw_free(ts->heap);
    gw_timers_init(ts);
}

bool gw_timers_reserve(gw_timers *ts, size_t n)
{
    if (n <= ts->cap)
        return true;
    size_t cap = ts->cap ? ts->cap * 2 : 64;
    if (cap < n)
        cap = n;
    gw_timer_entry *heap = gw_realloc(ts->heap, cap * sizeof *heap);
    if (!heap)
        return false;
    ts->heap = heap;
    ts->cap = cap;
    return true;
}

void gw_timers_set(gw_timers *ts, gw_timer *timer, int64_t due_ms)
{
    timer->due_ms = due_ms;
    if (timer->slot != SIZE_MAX) {
        if (due_ms >= ts->heap[timer->slot].key)
            return;
        ts->heap[timer->slot].key = due_ms;
        sift_up(ts, timer->slot);
    } else if (due_ms != GW_TIMER_OFF && ts->count < ts->cap) {
        ts->heap[ts->count] = (gw_timer_entry){due_ms, timer};
        sift_up(ts, ts->count++);
    }
}

void gw_timers_remove(gw_timers *ts, gw_timer *timer)
{
    size_t i = timer->slot;
    timer->due_ms = GW_TIMER_OFF;
    if (i == SIZE_MAX)
        return;
    timer->slot = SIZE_MAX;
    gw_timer_entry last = ts->heap[--ts->count];
    if (i == ts->count)
        return;
    place(ts, i, last);
    sift_up(ts, i);
    sift_down(ts, last.timer->slot);
}

gw_timer *gw_timers_expired(gw_timers *ts, int64_t now_ms)
{
    while (ts->count > 0 && ts->heap[0].key <= now_ms) {
        gw_timer *timer = ts->heap[0].timer;
        if (timer->due_ms <= now_ms) {
            gw_timers_remove(ts, timer);
            return timer;
        }
        if (timer->due_ms == GW_TIMER_OFF) {
            gw_timers_remove(ts, timer);
        } else {
            ts->heap[0].key = timer->due_ms;
            sift_down(ts, 0);
        }
    }
    return NULL;
}

int gw_timers_wait_ms(const gw_timers *ts, int64_t now_ms)
{
    if (ts->count == 0)
        return -1;
    int64_t left = ts->heap[0].key - now_ms;
    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}
