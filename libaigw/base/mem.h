/* The process-wide allocator and the arena. Every allocation of the library goes through here. */
#ifndef GW_BASE_MEM_H
#define GW_BASE_MEM_H

#include <aigw/types.h>

/* NULL on failure, as malloc. gw_calloc zeroes. */
void *gw_alloc(size_t bytes);
void *gw_calloc(size_t count, size_t bytes);
void *gw_realloc(void *ptr, size_t bytes);
void gw_free(void *ptr);
char *gw_strdup(aigw_slice text); /* NUL-terminated copy */

/*
 * An arena: everything of one exchange, freed at once, with a cap on its bytes. Single-threaded.
 * Blocks grow from 4 KiB; a large request gets a block of its own size.
 */
typedef struct gw_arena gw_arena;

gw_arena *gw_arena_new(size_t max_bytes);
/* 16-byte aligned; NULL when memory or the cap is exhausted. Not zeroed. */
void *gw_arena_alloc(gw_arena *arena, size_t bytes);
void *gw_arena_calloc(gw_arena *arena, size_t count, size_t bytes); /* overflow-checked */
/* A copy with a NUL behind it (not counted); data NULL on failure. */
aigw_slice gw_arena_copy(gw_arena *arena, aigw_slice text);
size_t gw_arena_used(const gw_arena *arena);
/* Forgets the contents, keeps one small block for the next user. */
void gw_arena_reset(gw_arena *arena);
void gw_arena_free(gw_arena *arena);

#endif
