/*
 * Limits: how many units of something (requests, tokens, open streams) a key may use. Exact in
 * memory; exact over several processes with a Redis or Valkey server. Time is an argument.
 *
 * A limiter is shared: any thread may use it. A link to a Redis is single: one thread at a time.
 */
#ifndef AIGW_LIMIT_H
#define AIGW_LIMIT_H

#include <aigw/error.h>
#include <aigw/host.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIGW_LIMIT_MAX_ASKS      16 /* in one call */
#define AIGW_LIMIT_MAX_RULES     1024
#define AIGW_LIMIT_MAX_UNITS     2147483647
#define AIGW_LIMIT_MAX_WINDOW_MS 2147483647 /* 24.8 days */

typedef enum aigw_limit_kind {
    /*
     * At most `limit` units in any window_ms, whatever their timing: a unit taken at t counts until
     * t + window_ms, exclusive. Exact to the millisecond while a key has units of at most
     * max_events different milliseconds in its window, so always where limit or window_ms is not
     * above max_events, settlements above the limit aside. Beyond that neighbouring units are
     * counted together, as taken at the time of the last of them: then units count for at most 2 *
     * window_ms / max_events longer than they should (for at most another window_ms while
     * max_event_bytes is used up). Never shorter: not one unit over the limit passes.
     */
    AIGW_LIMIT_SLIDING_WINDOW = 1,
    /*
     * A bucket of `limit` units (the burst), full at first, into which `rate` units run per
     * window_ms. Exact: levels are kept in fractions of a unit, nothing is rounded. limit *
     * window_ms is at most 2^53.
     */
    AIGW_LIMIT_TOKEN_BUCKET = 2,
    /* At most `limit` units held at a time. What is not given back in window_ms (0: one hour) no
     * longer counts: its holder is taken for dead. Let it be longer than the longest request. */
    AIGW_LIMIT_CONCURRENCY = 3
} aigw_limit_kind;

/* What is said when nobody can tell: the Redis is stopped, slow or has lost its counts; the table
 * is full. */
typedef enum aigw_limit_policy {
    AIGW_LIMIT_FAIL_CLOSED = 0, /* no */
    AIGW_LIMIT_FAIL_OPEN = 1,   /* yes, uncounted */
    /* What this process alone has counted meanwhile; over a Redis only. Lost counts begin anew. */
    AIGW_LIMIT_FAIL_LOCAL = 2
} aigw_limit_policy;

/* Zero what you do not set. */
typedef struct aigw_limit_rule {
    const char *name; /* unique; 1 to 48 of a-z A-Z 0-9 _ . - */
    aigw_limit_kind kind;
    aigw_limit_policy on_fail; /* of this limit, when its Redis does not say */
    int64_t limit;             /* 1 to AIGW_LIMIT_MAX_UNITS */
    int64_t window_ms;         /* 1 to AIGW_LIMIT_MAX_WINDOW_MS */
    int64_t rate;              /* token bucket only: 1 to AIGW_LIMIT_MAX_UNITS */
    /*
     * Sliding window over a Redis only: a link takes up to `lease` units ahead and hands them out
     * without a round trip, for lease_ms, then gives back the rest. Never more than a quarter of
     * what is free, so that near the limit each decision is the server's. A leased unit counts from
     * the end of its lease, so it counts up to lease_ms longer than it should; the limit holds. A
     * process that dies loses, for one window, at most `lease` units a key and link. 0: no leases.
     */
    int64_t lease;
    int64_t lease_ms; /* 1 to window_ms when lease is not 0 */
} aigw_limit_rule;

/* `size` is sizeof(aigw_limiter_options); members that it does not cover are as 0. */
typedef struct aigw_limiter_options {
    size_t size;
    const aigw_limit_rule *rules; /* copied */
    size_t rule_count;            /* 1 to AIGW_LIMIT_MAX_RULES */
    size_t rule_size;             /* sizeof(aigw_limit_rule) */
    /*
     * Pairs of a rule and a key that are remembered; 0: 100,000; at most 2^26. The table has 64
     * bytes and an index entry of 4 to 8 for each, and up to a fifth more of them than asked for,
     * as they are spread over shards (below 4,096 keys, up to three times as many): 80 bytes a key
     * for a million. Pages are touched as they are used.
     */
    size_t max_keys;
    /*
     * Besides, a key whose window holds units of more than two milliseconds has 8 bytes for each,
     * in steps of doubling up to max_events (4 to 32768, 0: 1024), all keys together
     * max_event_bytes (0: 64 MiB).
     */
    size_t max_events;
    size_t max_event_bytes;
    /*
     * A new key in a full table takes the place of one that counts nothing any more; else, unless
     * keep_counting is set, of one below its limit (of a sample, that which was used longest ago),
     * which so begins anew; never of one at its limit. Where there is no place on_full decides:
     * FAIL_CLOSED or FAIL_OPEN.
     */
    bool keep_counting;
    aigw_limit_policy on_full;
} aigw_limiter_options;

typedef struct aigw_limiter aigw_limiter;

/* AIGW_E_CONFIG: an option or a rule is refused; err->pointer says which, "/rules/0/limit". */
AIGW_API int aigw_limiter_new(const aigw_limiter_options *options, aigw_limiter **out,
                              aigw_error *err);
/* Free its links first. NULL is fine. */
AIGW_API void aigw_limiter_free(aigw_limiter *limiter);
/* The place of a rule in the options, or SIZE_MAX. */
AIGW_API size_t aigw_limiter_find(const aigw_limiter *limiter, const char *name);

/* What was taken, to be given back or settled. Plain data, no resource; zeroed: of nothing. */
typedef struct aigw_limit_hold {
    uint64_t id[2];
    int64_t at_ms;
    int64_t n;
    uint32_t rule;
    uint32_t incarnation;
    uint32_t where;
    uint32_t reserved;
} aigw_limit_hold;

typedef enum aigw_limit_source {
    AIGW_LIMIT_BY_COUNT = 1, /* memory or the Redis, whichever was asked */
    AIGW_LIMIT_BY_LEASE = 2, /* units taken ahead; `remaining` is as of then */
    AIGW_LIMIT_BY_POLICY = 3 /* nobody could tell: on_fail or on_full decided */
} aigw_limit_source;

/* One question: may `key` use n units of this rule? The caller fills the upper part. */
typedef struct aigw_limit_ask {
    size_t rule;
    aigw_slice key; /* any bytes; only its hash is kept */
    int64_t n;      /* 1 to AIGW_LIMIT_MAX_UNITS; for a peek 0 too */

    bool allowed; /* by this rule; the whole is allowed when all are */
    aigw_limit_source by;
    int64_t limit;
    int64_t remaining; /* after this, at least 0 */
    int64_t reset_ms;  /* until all is free again if nobody takes; -1: not known (concurrency) */
    /*
     * When denied: the earliest time at which this would be allowed if nobody else takes and
     * nothing is settled. -1: never (n is above the limit) or not known (concurrency). 0 when
     * allowed.
     */
    int64_t retry_after_ms;
    aigw_limit_hold hold;
} aigw_limit_ask;

/*
 * All or nothing: takes for every ask or, when one is denied, for none; each ask says for itself
 * whether it was the one. In memory a denied call may for an instant have taken for the asks before
 * the one denied, so another thread may be denied what would have been left: too strict, never too
 * lax. now_ms: a monotonic clock, any origin, from 0; a value smaller than one that was seen before
 * counts as that one. No pair of rule and key twice. AIGW_OK: decided, look at `allowed`.
 * AIGW_E_INVALID: nothing happened.
 */
AIGW_API int aigw_limiter_take(aigw_limiter *limiter, aigw_limit_ask *asks, size_t count,
                               int64_t now_ms, aigw_error *err);
/* The same answers, taking nothing. */
AIGW_API int aigw_limiter_peek(aigw_limiter *limiter, aigw_limit_ask *asks, size_t count,
                               int64_t now_ms, aigw_error *err);
/*
 * Corrects a take to what was used. Less: the difference is free at once, as if it had not been
 * taken. More: the excess counts from now_ms on, even above the limit: `remaining` is 0 and takes
 * are denied until enough has run out. The hold is spent afterwards, a second call does nothing;
 * nor does one for a key that was forgotten meanwhile. Concurrency: actual 0 is the end of the
 * hold; anything else corrects it and spends the hold.
 */
AIGW_API void aigw_limiter_settle(aigw_limiter *limiter, aigw_limit_hold *hold, int64_t actual,
                                  int64_t now_ms);
/* aigw_limiter_settle with 0. */
AIGW_API void aigw_limiter_give_back(aigw_limiter *limiter, aigw_limit_hold *hold, int64_t now_ms);

typedef struct aigw_limiter_stats {
    size_t keys;              /* remembered now */
    size_t table_bytes;       /* allocated for them at the start */
    size_t event_bytes;       /* and since, at most max_event_bytes */
    uint64_t forgot_idle;     /* keys that gave way and counted nothing */
    uint64_t forgot_counting; /* keys below their limit that gave way */
    uint64_t full;            /* asks that on_full decided */
} aigw_limiter_stats;

AIGW_API void aigw_limiter_get_stats(const aigw_limiter *limiter, aigw_limiter_stats *out);

/* ---- several processes: a Redis or Valkey server counts ---- */

/*
 * One connection and what waits for it. The rules are the limiter's, which must be the same in all
 * processes; its memory is used for AIGW_LIMIT_FAIL_LOCAL only, and its holds are settled by the
 * link, too. One round trip and one script a call, pipelined; time is the server's, so clocks of
 * the processes need not agree. Exactness as in memory with max_events 512; exact always for
 * buckets.
 *
 * What is kept there: per pair of rule and key a hash and a sorted set of at most 1,600 members,
 * which expire with the window; names are prefix, rule and a hash of the key. One more key, prefix
 * + "epoch", does not expire: it tells a server that lost its data. Losing it counts as a failure
 * for rules that fail closed, until one window after the loss (what was in it is not known): those
 * are denied until then; others begin anew, and leases that are out are used up. Processes that all
 * begin after the loss cannot know of it. One primary is needed, with maxmemory-policy noeviction.
 * Writes that a server acknowledged and then lost (a crash within the last second, a failover) are
 * not noticed when the rest is there.
 *
 * When the server does not answer within deadline_ms, on_fail of each rule decides; a take that
 * arrives there after all is given back. While the oldest request is older than that, and while
 * there is no connection, on_fail decides at once. Settlements wait for the next connection, at
 * most max_waiting of them; one that was on its way when the connection ended is not sent again.
 * Nothing happens between calls: a program that does not ask for long should step, so that leases
 * go back.
 */
typedef struct aigw_limit_link aigw_limit_link;

/* `size` is sizeof(aigw_limit_link_options); members that it does not cover are as 0. */
typedef struct aigw_limit_link_options {
    size_t size;
    /* "host:port", "[::1]:port" or "unix:/path". A name is looked up, blocking, at each connect. */
    const char *address;
    const char *username; /* NULL: none */
    const char *password; /* NULL: none; copied, wiped on free */
    const char *prefix;   /* of all keys; NULL: "aigw:" ; at most 64 bytes */
    int database;
    int deadline_ms;        /* 0: 50 */
    int connect_timeout_ms; /* 0: 1000; with the login */
    int max_waiting;        /* calls that wait at a time, beyond them on_fail decides; 0: 4096 */
    int max_leases;         /* keys with a lease at a time; 0: 4096 */
} aigw_limit_link_options;

/*
 * Does not wait for the connection. The limiter must outlive it. host: for its clock, may be NULL.
 */
AIGW_API int aigw_limit_link_new(aigw_limiter *limiter, const aigw_limit_link_options *options,
                                 const aigw_host *host, aigw_limit_link **out, aigw_error *err);
/* As aigw_limiter_take and _peek, waiting at most deadline_ms. */
AIGW_API int aigw_limit_link_take(aigw_limit_link *link, aigw_limit_ask *asks, size_t count,
                                  aigw_error *err);
AIGW_API int aigw_limit_link_peek(aigw_limit_link *link, aigw_limit_ask *asks, size_t count,
                                  aigw_error *err);
/*
 * Does not wait. AIGW_OK: decided. AIGW_AGAIN: `done` will be called once, by a step, when asks
 * hold the answer; they must stay until then, the bytes of their keys need not. Do not free the
 * link in `done`.
 */
AIGW_API int aigw_limit_link_start(aigw_limit_link *link, aigw_limit_ask *asks, size_t count,
                                   void (*done)(void *user), void *user, aigw_error *err);
/* Any hold of the limiter or of a link of it. Does not wait: it goes with the next step or call. */
AIGW_API void aigw_limit_link_settle(aigw_limit_link *link, aigw_limit_hold *hold, int64_t actual);

/* The descriptor to poll for POLLIN, and for how long; then step, which never blocks. */
AIGW_API int aigw_limit_link_fd(const aigw_limit_link *link);
AIGW_API int aigw_limit_link_timeout_ms(aigw_limit_link *link);
AIGW_API void aigw_limit_link_step(aigw_limit_link *link);

typedef struct aigw_limit_link_stats {
    bool connected;
    uint64_t round_trips;      /* calls that the server answered in time */
    uint64_t by_lease;         /* asks that needed none */
    uint64_t by_policy;        /* asks that on_fail decided */
    uint64_t lost_settlements; /* that could not be delivered */
    uint64_t connects;
    size_t leased_units; /* at hand now */
} aigw_limit_link_stats;

AIGW_API void aigw_limit_link_get_stats(const aigw_limit_link *link, aigw_limit_link_stats *out);

/* Gives leases back and delivers settlements, waiting at most deadline_ms; calls that wait are
 * dropped without `done`. */
AIGW_API void aigw_limit_link_free(aigw_limit_link *link);

#ifdef __cplusplus
}
#endif
#endif
