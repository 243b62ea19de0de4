/*
 * Verified tokens: facts only, keyed by the SHA-256 of the exact token bytes. Shared between
 * threads.
 *
 * Policy and time are checked again on every hit. Bounded; sharded locks; CLOCK eviction.
 */
#ifndef GW_GATE_JWT_CACHE_H
#define GW_GATE_JWT_CACHE_H

#include "gate/jwt.h"

typedef struct gw_jwt_cache gw_jwt_cache;

/* capacity: most tokens kept. */
gw_jwt_cache *gw_jwt_cache_new(size_t capacity);
void gw_jwt_cache_free(gw_jwt_cache *cache);

/*
 * Looks the token up. A hit fills *out; its texts are copied into the caller's `room` (no
 * allocation) and only when the entry belongs to `generation`. False: a miss (or room too small).
 */
bool gw_jwt_cache_get(gw_jwt_cache *cache, aigw_slice token, uint64_t generation, char *room,
                      size_t room_size, gw_jwt_facts *out);
/* The same for whichever of several generations it belongs to (0 matches nothing); *which says
 * which. */
bool gw_jwt_cache_get_any(gw_jwt_cache *cache, aigw_slice token, const uint64_t *generations,
                          size_t count, char *room, size_t room_size, gw_jwt_facts *out,
                          size_t *which);
/* Keeps the facts (claims text is not kept; out->claims of a hit is empty). Too large: not kept. */
void gw_jwt_cache_put(gw_jwt_cache *cache, aigw_slice token, uint64_t generation,
                      const gw_jwt_facts *facts);
void gw_jwt_cache_clear(gw_jwt_cache *cache);

#endif
