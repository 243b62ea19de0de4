/*
 * Tokens in files of the user, so that many processes fetch once.
 *
 * A cache is never a reason to fail: whatever is wrong with a file, it is as if there were none.
 */
#ifndef AIGW_CLI_TOKEN_CACHE_H
#define AIGW_CLI_TOKEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cache {
    int dir, lock; /* descriptors; -1: none */
    char file[80]; /* token-FINGERPRINT.json */
    char lock_name[80];
    char temp[80];
} cache;

/*
 * $XDG_CACHE_HOME/aigw, else $HOME/.cache/aigw: made with mode 0700, and used only when it is a directory
 * of ours that nobody else can enter. False: no cache.
 */
bool cache_open(cache *c, const char *fingerprint);
void cache_close(cache *c); /* gives the lock back */

/*
 * The kept token (the caller's, wiped on free) if its file is a regular one of ours with mode 0600, was
 * written by us and not in the future, and the token has enough life left: min_ttl_s, or when that is
 * negative the larger of 10 minutes and a quarter of its life, but not more than half of it.
 */
char *cache_read(const cache *c, int64_t min_ttl_s, int64_t *expires_unix_s);

/* The lock of this token over all processes; waits at most wait_ms. */
bool cache_lock(cache *c, int64_t wait_ms);
/* With the lock held: replaces the file at once, or leaves it as it was. */
void cache_write(const cache *c, const char *token, int64_t expires_unix_s);

#endif
