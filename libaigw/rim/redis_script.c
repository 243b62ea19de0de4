/*
 * The two scripts: the same counting as in memory, by the server's own clock, in one step each.
 *
 * Must not know connections. Lua 5.1 as Redis 5 to 8 and Valkey run it; numbers are doubles, exact
 * to 2^53.
 */
#include "rim/redis_script.h"

#include "base/crypto.h"
#include "base/text.h"
#include <inttypes.h>

#define MOST_NUMBER ((long long)1 << 53) /* the scripts know no larger ones */

/*
 * Hash: "u" the units that count (bucket: the debt, in units * window), "c" the latest time seen,
 * and per stamp its units. Sorted set: the stamps. A stamp counts until stamp + window. With 512 of
 * them new ones are rounded up to cells of window / 512, so there are at most 512 + 2 * 512 and a
 * few. All keys live a little longer than they count.
 */
/* clang-format off */
const char gw_redis_take_script[] =
    "local call = redis.call\n"
    "local mode, known, fresh = ARGV[1], ARGV[2], ARGV[3]\n"
    "local CELLS = 512\n"
    "local time = call('TIME')\n"
    "local server = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local function text(x) return string.format('%.0f', x) end\n"
    "local epoch = call('GET', KEYS[1])\n"
    "if not epoch then\n"
    "epoch = (known == '' and 'N' or 'L') .. ':' .. text(server) .. ':' .. fresh\n"
    "call('SET', KEYS[1], epoch)\n"
    "elseif known ~= '' and string.sub(known, 2) ~= string.sub(epoch, 2) and string.sub(epoch, 1, 1) == 'N' then\n"
    "epoch = 'L' .. string.sub(epoch, 2)\n"
    "call('SET', KEYS[1], epoch)\n"
    "end\n"
    "local lost = string.sub(epoch, 1, 1) == 'L' and tonumber(string.match(epoch, ':(%d+):'))\n"
    "local function trim(a)\n"
    "local old = call('ZRANGEBYSCORE', a.z, '-inf', text(a.now - a.window))\n"
    "if #old == 0 then return end\n"
    "local counts, sum = call('HMGET', a.h, unpack(old)), 0\n"
    "for i = 1, #old do sum = sum + (tonumber(counts[i]) or 0) end\n"
    "call('HDEL', a.h, unpack(old))\n"
    "call('ZREMRANGEBYSCORE', a.z, '-inf', text(a.now - a.window))\n"
    "call('HSET', a.h, 'u', text(a.used - sum), 'c', text(a.now))\n"
    "a.used = a.used - sum\n"
    "end\n"
    "local function window_retry(a)\n"
    "if a.kind == 3 or a.n > a.limit then return -1 end\n"
    "local stamps = call('ZRANGE', a.z, 0, -1)\n"
    "if #stamps == 0 then return a.window end\n"
    "local counts, used = call('HMGET', a.h, unpack(stamps)), a.used\n"
    "for i = 1, #stamps do\n"
    "used = used - (tonumber(counts[i]) or 0)\n"
    "if used + a.n <= a.limit then return stamps[i] + a.window - a.now end\n"
    "end\n"
    "return 0\n"
    "end\n"
    "local function load(i)\n"
    "local v = {}\n"
    "for x in string.gmatch(ARGV[3 + i], '%-?%d+') do v[#v + 1] = tonumber(x) end\n"
    "local a = {h = KEYS[2 * i], z = KEYS[2 * i + 1], kind = v[1], limit = v[2], window = v[3],\n"
    "rate = v[4], n = v[5], lease = v[6], lease_ms = v[7], strict = v[8], retry = 0, extra = 0, lost = 0}\n"
    "local s = call('HMGET', a.h, 'u', 'c')\n"
    "local clock = tonumber(s[2]) or 0\n"
    "a.used, a.now, a.stamp = tonumber(s[1]) or 0, math.max(server, clock), 0\n"
    "if a.kind == 2 then\n"
    "a.used = math.max(0, a.used - (a.now - clock) * a.rate)\n"
    "a.full = a.limit * a.window\n"
    "a.span = math.ceil(a.full / a.rate)\n"
    "a.ok = a.n <= a.limit and a.used <= a.full - a.n * a.window\n"
    "if not a.ok then\n"
    "a.retry = a.n > a.limit and -1 or math.ceil((a.used - (a.full - a.n * a.window)) / a.rate)\n"
    "end\n"
    "else\n"
    "trim(a)\n"
    "a.span = a.window + a.lease_ms\n"
    "a.ok = a.used + a.n <= a.limit\n"
    "if not a.ok then a.retry = window_retry(a) end\n"
    "end\n"
    "if lost and a.strict == 1 and server < lost + a.span then\n"
    "a.ok, a.lost, a.retry = false, 1, lost + a.span - server\n"
    "end\n"
    "return a\n"
    "end\n"
    "local function apply(a)\n"
    "if a.kind == 2 then\n"
    "a.used, a.stamp = a.used + a.n * a.window, a.now\n"
    "call('HSET', a.h, 'u', text(a.used), 'c', text(a.now))\n"
    "call('PEXPIRE', a.h, text(math.ceil(a.used / a.rate) + 1000))\n"
    "return\n"
    "end\n"
    "if a.lease > a.n then\n"
    "a.extra = math.max(0, math.min(a.lease - a.n, math.floor((a.limit - a.used - a.n) / 4)))\n"
    "end\n"
    "local cell = math.ceil(a.window / CELLS)\n"
    "a.stamp = a.now + (a.extra > 0 and a.lease_ms or 0)\n"
    "if call('ZCARD', a.z) >= CELLS then a.stamp = math.ceil(a.stamp / cell) * cell end\n"
    "a.used = a.used + a.n + a.extra\n"
    "call('ZADD', a.z, text(a.stamp), text(a.stamp))\n"
    "call('HINCRBY', a.h, text(a.stamp), text(a.n + a.extra))\n"
    "call('HSET', a.h, 'u', text(a.used), 'c', text(a.now))\n"
    "local life = text(a.window + a.lease_ms + cell + 1000)\n"
    "call('PEXPIRE', a.h, life)\n"
    "call('PEXPIRE', a.z, life)\n"
    "end\n"
    "local function numbers(a, out)\n"
    "local remaining, reset\n"
    "if a.kind == 2 then\n"
    "remaining = math.floor((a.full - a.used) / a.window)\n"
    "reset = math.ceil(a.used / a.rate)\n"
    "else\n"
    "remaining = a.limit - a.used\n"
    "local last = call('ZREVRANGE', a.z, 0, 0)[1]\n"
    "reset = not last and 0 or a.kind == 3 and -1 or last + a.window - a.now\n"
    "end\n"
    "for _, x in ipairs({a.ok and 1 or 0, math.max(0, remaining), reset, a.retry, a.stamp, a.extra, a.lost}) do\n"
    "out[#out + 1] = x\n"
    "end\n"
    "end\n"
    "local asks, allowed = {}, 1\n"
    "for i = 1, #ARGV - 3 do\n"
    "asks[i] = load(i)\n"
    "if not asks[i].ok then allowed = 0 end\n"
    "end\n"
    "local out = {epoch, allowed}\n"
    "for i = 1, #asks do\n"
    "if mode == 't' and allowed == 1 then apply(asks[i]) end\n"
    "numbers(asks[i], out)\n"
    "end\n"
    "return out\n";

const char gw_redis_settle_script[] =
    "local call = redis.call\n"
    "local CELLS = 512\n"
    "local time = call('TIME')\n"
    "local server = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local function text(x) return string.format('%.0f', x) end\n"
    "local v = {}\n"
    "for x in string.gmatch(ARGV[1], '%-?%d+') do v[#v + 1] = tonumber(x) end\n"
    "local kind, limit, window, rate, lease_ms, stamp, taken, actual = unpack(v)\n"
    "local h, z = KEYS[1], KEYS[2]\n"
    "local s = call('HMGET', h, 'u', 'c')\n"
    "local used, clock = tonumber(s[1]) or 0, tonumber(s[2]) or 0\n"
    "local now = math.max(server, clock)\n"
    "if kind == 2 then\n"
    "used = math.max(0, used - (now - clock) * rate)\n"
    "used = math.min(9007199254740992, math.max(0, used + (actual - taken) * window))\n"
    "call('HSET', h, 'u', text(used), 'c', text(now))\n"
    "call('PEXPIRE', h, text(math.ceil(used / rate) + 1000))\n"
    "elseif actual < taken then\n"
    "local count = tonumber(call('HGET', h, text(stamp)))\n"
    "if not count then return 0 end\n"
    "local less = math.min(count, taken - actual)\n"
    "if less == count then\n"
    "call('HDEL', h, text(stamp))\n"
    "call('ZREM', z, text(stamp))\n"
    "else\n"
    "call('HINCRBY', h, text(stamp), text(-less))\n"
    "end\n"
    "call('HINCRBY', h, 'u', text(-less))\n"
    "elseif actual > taken then\n"
    "local cell = math.ceil(window / CELLS)\n"
    "if call('ZCARD', z) >= CELLS then now = math.ceil(now / cell) * cell end\n"
    "call('ZADD', z, text(now), text(now))\n"
    "call('HINCRBY', h, text(now), text(actual - taken))\n"
    "call('HINCRBY', h, 'u', text(actual - taken))\n"
    "local life = text(window + lease_ms + cell + 1000)\n"
    "call('PEXPIRE', h, life)\n"
    "call('PEXPIRE', z, life)\n"
    "end\n"
    "return 1\n";
/* clang-format on */

void gw_redis_key_id(aigw_slice key, uint64_t out[2])
{
    uint8_t digest[GW_SHA256_BYTES];
    gw_sha256(key, digest);
    memcpy(out, digest, 2 * sizeof *out);
}

/* ---- arguments ---- */

/* Ends the argument that was appended last; slices are set when the text no longer moves. */
static void end_arg(gw_redis_args *args)
{
    args->ends[args->count++] = gw_buf_len(&args->text);
}

static void add_arg(gw_redis_args *args, const char *text)
{
    gw_buf_puts(&args->text, text);
    end_arg(args);
}

static void begin(gw_redis_args *args, const char *sha, const char *script, size_t keys)
{
    *args = (gw_redis_args){.count = 0};
    gw_buf_init(&args->text, (size_t)1 << 20);
    add_arg(args, sha[0] ? "EVALSHA" : "EVAL");
    add_arg(args, sha[0] ? sha : script);
    gw_buf_printf(&args->text, "%zu", keys);
    end_arg(args);
}

static bool finish(gw_redis_args *args)
{
    const char *text = gw_buf_slice(&args->text).data;
    size_t from = 0;
    for (size_t i = 0; i < args->count; i++) {
        args->list[i] = gw_slice(text + from, args->ends[i] - from);
        from = args->ends[i];
    }
    return !args->text.failed;
}

/* The hash and the sorted set of a rule and a key. */
static void add_keys(gw_redis_args *args, const char *prefix, const gw_limit_rule *rule,
                     const uint64_t id[2])
{
    static const char kinds[] = "?wbc";
    for (int i = 0; i < 2; i++) {
        gw_buf_printf(&args->text, "%s%c:%s:", prefix, kinds[rule->kind], rule->name);
        gw_base64url_encode(&args->text, id, 2 * sizeof *id);
        gw_buf_puts(&args->text, i == 0 ? ":h" : ":z");
        end_arg(args);
    }
}

bool gw_redis_take_args(gw_redis_args *args, const char *sha, const char *prefix,
                        const char *const epoch[2], const gw_redis_part *parts, size_t count,
                        bool peek)
{
    begin(args, sha, gw_redis_take_script, 1 + 2 * count);
    gw_buf_printf(&args->text, "%sepoch", prefix);
    end_arg(args);
    for (size_t i = 0; i < count; i++)
        add_keys(args, prefix, parts[i].rule, parts[i].id);
    add_arg(args, peek ? "p" : "t");
    add_arg(args, epoch[0]);
    add_arg(args, epoch[1]);
    for (size_t i = 0; i < count; i++) {
        const gw_limit_rule *r = parts[i].rule;
        gw_buf_printf(
            &args->text,
            "%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d",
            (int)r->kind, r->limit, r->window_ms, r->rate, parts[i].n,
            parts[i].lease ? r->lease : 0, r->lease_ms, r->on_fail == AIGW_LIMIT_FAIL_CLOSED);
        end_arg(args);
    }
    return finish(args);
}

bool gw_redis_settle_args(gw_redis_args *args, const char *sha, const char *prefix,
                          const gw_limit_rule *r, const aigw_limit_hold *hold, int64_t actual)
{
    begin(args, sha, gw_redis_settle_script, 2);
    add_keys(args, prefix, r, hold->id);
    gw_buf_printf(
        &args->text,
        "%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
        (int)r->kind, r->limit, r->window_ms, r->rate, r->lease_ms, hold->at_ms, hold->n, actual);
    end_arg(args);
    return finish(args);
}

void gw_redis_args_free(gw_redis_args *args)
{
    gw_buf_free(&args->text);
}

/* ---- replies ---- */

static bool read_epoch(const redisReply *e, char out[GW_REDIS_EPOCH_BYTES])
{
    if (e->type != REDIS_REPLY_STRING || (size_t)e->len >= GW_REDIS_EPOCH_BYTES || e->len < 3 ||
        memchr(e->str, 0, (size_t)e->len))
        return false;
    memcpy(out, e->str, (size_t)e->len);
    out[e->len] = '\0';
    return true;
}

bool gw_redis_take_reply(const redisReply *reply, size_t count, char epoch[GW_REDIS_EPOCH_BYTES],
                         bool *allowed, gw_redis_verdict *out)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 + 7 * count)
        return false;
    for (size_t i = 1; i < reply->elements; i++) {
        const redisReply *e = reply->element[i];
        if (e->type != REDIS_REPLY_INTEGER || e->integer < -1 || e->integer > MOST_NUMBER)
            return false;
    }
    if (!read_epoch(reply->element[0], epoch))
        return false;
    *allowed = reply->element[1]->integer == 1;
    for (size_t i = 0; i < count; i++) {
        redisReply **v = &reply->element[2 + 7 * i];
        out[i] = (gw_redis_verdict){v[0]->integer, v[1]->integer, v[2]->integer, v[3]->integer,
                                    v[4]->integer, v[5]->integer, v[6]->integer};
    }
    return true;
}
