/* The process-wide allocator and the arena of one exchange. */
/* Must not know what is stored; no other file of the library calls malloc. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK   4096u
#define LARGEST_BLOCK (256u * 1024u)
#define KEPT_BLOCK    (16u * 1024u)
#define ALIGNMENT     16u

static void *system_realloc(void *user, void *ptr, size_t bytes)
{
    (void)user;
    return realloc(ptr, bytes);
}

static void system_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static aigw_allocator current = {system_realloc, system_free, NULL};

void aigw_set_allocator(const aigw_allocator *allocator)
{
    if (allocator != NULL)
        current = *allocator;
    else
        current = (aigw_allocator){system_realloc, system_free, NULL};
}

void *gw_realloc(void *ptr, size_t bytes)
{
    return current.realloc(current.user, ptr, bytes ? bytes : 1);
}

void *gw_alloc(size_t bytes)
{
    return gw_realloc(NULL, bytes);
}

void *gw_calloc(size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    void *ptr = gw_alloc(total);
    if (ptr != NULL)
        memset(ptr, 0, total);
    return ptr;
}

void gw_free(void *ptr)
{
    if (ptr != NULL)
        current.free(current.user, ptr);
}

void aigw_bytes_free(aigw_slice bytes)
{
    gw_free((void *)(uintptr_t)bytes.data);
}

char *gw_strdup(aigw_slice text)
{
    if (text.len == SIZE_MAX)
        return NULL;
    char *copy = gw_alloc(text.len + 1);
    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* A block's bytes follow its header; the header's size keeps them aligned. */
typedef struct block {
    struct block *older;
    size_t size;
    size_t used;
    size_t padding;
} block;

_Static_assert(sizeof(block) % ALIGNMENT == 0, "block contents must be aligned");

struct gw_arena {
    block *newest;
    size_t max_bytes;
    size_t used;      /* bytes handed out, rounded up */
    size_t held;      /* bytes of all blocks: what the cap counts */
    size_t next_size; /* of the next ordinary block */
};

gw_arena *gw_arena_new(size_t max_bytes)
{
    gw_arena *arena = gw_calloc(1, sizeof(*arena));
    if (arena == NULL)
        return NULL;
    arena->max_bytes = max_bytes;
    arena->next_size = FIRST_BLOCK;
    return arena;
}

/* A new block for `bytes`. Near the cap a block is only as large as what is asked for. */
static block *add_block(gw_arena *arena, size_t bytes)
{
    size_t left = arena->max_bytes - arena->held;
    if (bytes > left)
        return NULL;
    bool own = bytes > arena->next_size / 2;
    size_t size = own ? bytes : arena->next_size;
    if (size > left)
        size = bytes;
    block *fresh = gw_alloc(sizeof(*fresh) + size);
    if (fresh == NULL)
        return NULL;
    fresh->size = size;
    fresh->used = 0;
    arena->held += size;
    if (own && arena->newest != NULL) { /* the newest stays in use: its room is not lost */
        fresh->older = arena->newest->older;
        arena->newest->older = fresh;
        return fresh;
    }
    fresh->older = arena->newest;
    arena->newest = fresh;
    if (!own && arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return fresh;
}

void *gw_arena_alloc(gw_arena *arena, size_t bytes)
{
    if (bytes > arena->max_bytes || bytes > SIZE_MAX - 2 * ALIGNMENT - sizeof(block))
        return NULL;
    size_t rounded = bytes ? (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    block *from = arena->newest;
    if (from == NULL || from->size - from->used < rounded)
        from = add_block(arena, rounded);
    if (from == NULL)
        return NULL;
    char *at = (char *)(from + 1) + from->used;
    from->used += rounded;
    arena->used += rounded;
    return at;
}

void *gw_arena_calloc(gw_arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    void *ptr = gw_arena_alloc(arena, total);
    if (ptr != NULL)
        memset(ptr, 0, total);
    return ptr;
}

aigw_slice gw_arena_copy(gw_arena *arena, aigw_slice text)
{
    char *copy = text.len < SIZE_MAX ? gw_arena_alloc(arena, text.len + 1) : NULL;
    if (copy == NULL)
        return (aigw_slice){NULL, 0};
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (aigw_slice){copy, text.len};
}

size_t gw_arena_used(const gw_arena *arena)
{
    return arena->used;
}

void gw_arena_reset(gw_arena *arena)
{
    block *kept = NULL;
    for (block *b = arena->newest, *older; b != NULL; b = older) {
        older = b->older;
        if (b->size <= KEPT_BLOCK && (kept == NULL || b->size > kept->size)) {
            gw_free(kept);
            kept = b;
        } else {
            gw_free(b);
        }
    }
    arena->newest = kept;
    arena->held = 0;
    arena->used = 0;
    arena->next_size = FIRST_BLOCK;
    if (kept != NULL) {
        kept->older = NULL;
        kept->used = 0;
        arena->held = kept->size;
    }
}

void gw_arena_free(gw_arena *arena)
{
    if (arena == NULL)
        return;
    for (block *b = arena->newest, *older; b != NULL; b = older) {
        older = b->older;
        gw_free(b);
    }
    gw_free(arena);
}
