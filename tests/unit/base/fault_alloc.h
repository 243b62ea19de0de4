/* An allocator for tests: counts, checks that all is given back, and fails the n-th call on demand. */
#ifndef UNIT_BASE_FAULT_ALLOC_H
#define UNIT_BASE_FAULT_ALLOC_H

#include "base/mem.h"
#include <stdlib.h>

typedef struct fault_alloc {
    long calls;   /* allocations tried */
    long fail_at; /* the call that fails, from 1; 0: none */
    long live;    /* blocks not freed */
    size_t largest;
} fault_alloc;

static inline void *fault_realloc(void *user, void *ptr, size_t bytes)
{
    fault_alloc *f = user;
    if (++f->calls == f->fail_at)
        return NULL;
    if (bytes > f->largest)
        f->largest = bytes;
    void *out = realloc(ptr, bytes);
    if (ptr == NULL && out != NULL)
        f->live++;
    return out;
}

static inline void fault_free(void *user, void *ptr)
{
    fault_alloc *f = user;
    if (ptr != NULL)
        f->live--;
    free(ptr);
}

static inline void fault_use(fault_alloc *f, long fail_at)
{
    *f = (fault_alloc){.fail_at = fail_at};
    aigw_set_allocator(&(aigw_allocator){fault_realloc, fault_free, f});
}

static inline void fault_done(void)
{
    aigw_set_allocator(NULL);
}

#endif
