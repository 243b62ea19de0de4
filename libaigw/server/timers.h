/* Deadlines in a binary heap with lazy moves: O(1) to push a deadline out, O(log n) otherwise. */
#ifndef GW_SERVER_TIMERS_H
#define GW_SERVER_TIMERS_H

#include <aigw/types.h>

#define GW_TIMER_OFF INT64_MAX

/* One deadline, inside the thing it belongs to. Zero-initialise, then gw_timer_init. */
typedef struct gw_timer {
    int64_t due_ms; /* GW_TIMER_OFF: none */
    size_t slot;    /* place in the heap; SIZE_MAX: not in it */
    void *owner;
} gw_timer;

typedef struct gw_timer_entry {
    int64_t key; /* never later than timer->due_ms */
    gw_timer *timer;
} gw_timer_entry;

typedef struct gw_timers {
    gw_timer_entry *heap;
    size_t count, cap;
} gw_timers;

void gw_timer_init(gw_timer *timer, void *owner);
void gw_timers_init(gw_timers *timers);
void gw_timers_free(gw_timers *timers);
/* Room for n timers in all, so that _set cannot fail. False on no memory. */
bool gw_timers_reserve(gw_timers *timers, size_t n);
/* Sets, moves or (GW_TIMER_OFF) ends the deadline. */
void gw_timers_set(gw_timers *timers, gw_timer *timer, int64_t due_ms);
void gw_timers_remove(gw_timers *timers, gw_timer *timer);
/* Takes one timer that is due out of the heap; NULL when none is. */
gw_timer *gw_timers_expired(gw_timers *timers, int64_t now_ms);
/* Milliseconds until _expired should be asked again; -1: never. */
int gw_timers_wait_ms(const gw_timers *timers, int64_t now_ms);

#endif
