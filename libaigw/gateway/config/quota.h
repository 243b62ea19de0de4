/*
 * The sections rate_limits and redis as the snapshot holds them: which limits there are, whose count each is,
 * and where it is kept.
 *
 * Plain data in the snapshot's arena. Knows no exchange.
 */
#ifndef GW_GATEWAY_CONFIG_QUOTA_H
#define GW_GATEWAY_CONFIG_QUOTA_H

#include "base/crypto.h"
#include <aigw/limit.h>

typedef enum gw_quota_kind {
    GW_QUOTA_REQUESTS, /* a minute */
    GW_QUOTA_TOKENS,   /* a minute */
    GW_QUOTA_DAY,      /* tokens in 24 hours */
    GW_QUOTA_HELD,     /* requests at a time */
    GW_QUOTA_KINDS
} gw_quota_kind;

/* What a count is told apart by: bits of gw_quota_entry.per. None: all requests together. */
enum { GW_PER_CLIENT = 1, GW_PER_TEAM = 2, GW_PER_KEY = 4, GW_PER_MODEL = 8, GW_PER_ADDRESS = 16 };

/* Words that a request is matched with; none: any. */
typedef struct gw_quota_words {
    aigw_slice *items;
    size_t count;
} gw_quota_words;

typedef struct gw_quota_entry {
    aigw_slice name;
    unsigned per;
    gw_quota_words clients, teams, models; /* models: a '*' at the end is any rest */
    int64_t assume_output_tokens;
    size_t rules[GW_QUOTA_KINDS]; /* place in gw_quota_config.rules; SIZE_MAX: no such limit */
} gw_quota_entry;

/* address "": no Redis, counts are in memory. */
typedef struct gw_redis_config {
    aigw_slice address, username, prefix; /* NUL-terminated */
    gw_secret password;                   /* wiped on free */
    int database, deadline_ms, connect_timeout_ms;
} gw_redis_config;

typedef struct gw_quota_config {
    gw_quota_entry *entries;
    size_t entry_count;
    aigw_limit_rule *rules; /* of all entries */
    size_t rule_count;
    unsigned per; /* of all entries together */
    bool tokens;  /* some entry limits tokens */
    size_t max_keys;
} gw_quota_config;

#endif
