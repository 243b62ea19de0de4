/*
 * What the Redis is told and what it answers: two scripts, their arguments, their replies. Pure.
 *
 * Knows no connection and no waiting.
 */
#ifndef GW_RIM_REDIS_SCRIPT_H
#define GW_RIM_REDIS_SCRIPT_H

#include "base/buf.h"
#include "gate/limit.h"
#include <hiredis/hiredis.h>

#define GW_REDIS_EPOCH_BYTES 64

/*
 * Take (mode "t") or peek ("p"). KEYS: the epoch, then a hash and a sorted set for each ask. ARGV:
 * mode, the epoch that the caller knows (""), a name for a new one, then for each ask "kind limit
 * window rate n lease lease_ms strict". Reply: epoch, allowed, then for each ask ok, remaining,
 * reset, retry, stamp, extra, lost.
 */
extern const char gw_redis_take_script[];
/* One correction. KEYS: hash, sorted set. ARGV[1]: "kind limit window rate lease_ms stamp taken
 * actual". */
extern const char gw_redis_settle_script[];

/* One ask as the Redis sees it. */
typedef struct gw_redis_part {
    const gw_limit_rule *rule;
    uint64_t id[2];
    int64_t n;
    bool lease; /* may get units ahead */
} gw_redis_part;

/* What came back for it. */
typedef struct gw_redis_verdict {
    int64_t ok, remaining, reset_ms, retry_after_ms, stamp_ms, extra, lost;
} gw_redis_verdict;

/* The first 16 bytes of SHA-256: the same in all processes, which a secret of one could not be. */
void gw_redis_key_id(aigw_slice key, uint64_t out[2]);

/* Arguments of a command; texts lie in `text`. Zero it; gw_redis_args_free. */
typedef struct gw_redis_args {
    aigw_slice list[4 + 3 * AIGW_LIMIT_MAX_ASKS + 8];
    size_t count;
    gw_buf text;
    size_t ends[4 + 3 * AIGW_LIMIT_MAX_ASKS + 8];
} gw_redis_args;

/* sha "": the script itself is sent. False: no memory. */
bool gw_redis_take_args(gw_redis_args *args, const char *sha, const char *prefix,
                        const char *const epoch[2], const gw_redis_part *parts, size_t count,
                        bool peek);
bool gw_redis_settle_args(gw_redis_args *args, const char *sha, const char *prefix,
                          const gw_limit_rule *rule, const aigw_limit_hold *hold, int64_t actual);
void gw_redis_args_free(gw_redis_args *args);

/* False: not such a reply. *allowed: all fit, and were taken unless it was a peek. */
bool gw_redis_take_reply(const redisReply *reply, size_t count, char epoch[GW_REDIS_EPOCH_BYTES],
                         bool *allowed, gw_redis_verdict *out);

#endif
