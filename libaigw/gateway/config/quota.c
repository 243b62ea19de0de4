/* Resolves the list rate_limits: each entry becomes up to four rules of a limiter, and says whose they are.
 * Must not know how anything is counted. */
#include "gateway/config/quota.h"
#include "base/error.h"
#include "base/text.h"
#include "gateway/config/build.h"
#include <stdio.h>

#define MINUTE_MS   60000
#define DAY_MS      86400000
#define HOUR_MS     3600000
#define NAME_MAX    32
#define LEASE_MS    1000
#define MOST_BUCKET ((int64_t)1 << 53)

static const char *const suffixes[GW_QUOTA_KINDS] = {"requests", "tokens", "day", "held"};
static const char *const keys[GW_QUOTA_KINDS] = {"requests_per_minute", "tokens_per_minute",
                                                 "tokens_per_day", "concurrent_requests"};

static int64_t number_of(const gw_cfg_rate_limit *raw, gw_quota_kind kind)
{
    return kind == GW_QUOTA_REQUESTS ? raw->requests_per_minute
           : kind == GW_QUOTA_TOKENS ? raw->tokens_per_minute
           : kind == GW_QUOTA_DAY    ? raw->tokens_per_day
                                     : raw->concurrent_requests;
}

/* -- checks -- */

static bool good_name(aigw_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '.' || c == '-' || c == '_'))
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX;
}

static int fail(gw_cfg_build *b, const gw_cfg_rate_limit *raw, const char *key, const char *reason,
                const char *what)
{
    return gw_cfg_fail_key(b->err, raw->node, key, reason, "%s", what);
}

/* What goes with a token bucket only, and whether its numbers can be computed with. */
static int check_bucket(gw_cfg_build *b, const gw_cfg_rate_limit *raw)
{
    bool bucket = raw->algorithm == 1;
    if (raw->burst >= 0 && (!bucket || raw->requests_per_minute < 0))
        return fail(b, raw, "burst", "conflict",
                    "burst goes with algorithm: token_bucket and requests_per_minute");
    if (raw->burst_tokens >= 0 && (!bucket || raw->tokens_per_minute < 0))
        return fail(b, raw, "burst_tokens", "conflict",
                    "burst_tokens goes with algorithm: token_bucket and tokens_per_minute");
    if (bucket && raw->requests_per_minute < 0 && raw->tokens_per_minute < 0)
        return fail(b, raw, "algorithm", "conflict",
                    "token_bucket is for requests_per_minute and tokens_per_minute");
    return AIGW_OK;
}

static int check_redis(gw_cfg_build *b, const gw_cfg_rate_limit *raw)
{
    bool redis = b->raw->redis.node != NULL;
    if (!redis && raw->on_fail >= 0)
        return fail(b, raw, "on_fail", "no_redis",
                    "on_fail is about a Redis: expected section redis");
    if (!redis && raw->lease > 0)
        return fail(b, raw, "lease", "no_redis", "leases are of a Redis: expected section redis");
    if (raw->lease > 0 && (raw->algorithm == 1 || raw->requests_per_minute < 0))
        return fail(b, raw, "lease", "conflict",
                    "a lease is for requests_per_minute in a sliding window");
    if (raw->lease > raw->requests_per_minute && raw->lease > 0)
        return fail(b, raw, "lease", "out_of_range", "expected at most requests_per_minute");
    if (raw->lease == 0 && raw->lease_ms >= 0)
        return fail(b, raw, "lease_ms", "incomplete", "expected lease, too");
    return AIGW_OK;
}

static int check(gw_cfg_build *b, const gw_cfg_rate_limit *raw)
{
    int64_t any = -1;
    if (!good_name(raw->name))
        return fail(b, raw, "name", "bad_name", "expected 1 to 32 of a-z A-Z 0-9 _ . -");
    for (int kind = 0; kind < GW_QUOTA_KINDS; kind++)
        any = number_of(raw, (gw_quota_kind)kind) > 0 ? 1 : any;
    if (any < 0)
        return gw_cfg_fail(b->err, raw->node, "incomplete",
                           "expected requests_per_minute, tokens_per_minute, tokens_per_day or "
                           "concurrent_requests");
    int code = check_bucket(b, raw);
    return code == AIGW_OK ? check_redis(b, raw) : code;
}

/* -- whose count it is -- */

static int read_per(gw_cfg_build *b, const gw_cfg_rate_limit *raw, unsigned *out)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"client", GW_PER_CLIENT},
                 {"team", GW_PER_TEAM},
                 {"key", GW_PER_KEY},
                 {"model", GW_PER_MODEL},
                 {"address", GW_PER_ADDRESS}};
    for (const gw_cfg_node *n = raw->per.node ? raw->per.node->first : NULL; n; n = n->next) {
        size_t i = 0;
        while (i < sizeof words / sizeof *words && !gw_eq(n->text, aigw_slice_of(words[i].word)))
            i++;
        if (i == sizeof words / sizeof *words)
            return gw_cfg_fail(b->err, n, "unknown_word",
                               "expected client, team, key, model or address");
        if (*out & words[i].bit)
            return gw_cfg_fail(b->err, n, "duplicate", "this stands twice in the list");
        *out |= words[i].bit;
    }
    return AIGW_OK;
}

static int keep_words(gw_cfg_build *b, const gw_cfg_texts *texts, gw_quota_words *out)
{
    out->count = texts->count;
    return gw_cfg_keep_all(b, texts, &out->items);
}

/* -- rules -- */

/* Longer than a request can take, so that what a process that died held is free again some time. */
static int64_t held_ms(const gw_config *c)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->upstream_count; i++) {
        const gw_upstream *up = &c->upstreams[i];
        sum += (int64_t)(up->max_retries + 1) * (up->total_timeout_ms + c->max_wait_retry_ms);
    }
    sum = (sum / HOUR_MS + 1) *
          HOUR_MS; /* whole hours: a timeout that changes leaves it mostly alone */
    return sum < AIGW_LIMIT_MAX_WINDOW_MS ? sum : AIGW_LIMIT_MAX_WINDOW_MS;
}

static void fill_rate(const gw_cfg_rate_limit *raw, gw_quota_kind kind, aigw_limit_rule *rule)
{
    int64_t burst = kind == GW_QUOTA_REQUESTS ? raw->burst : raw->burst_tokens;
    rule->window_ms = MINUTE_MS;
    if (raw->algorithm == 1) {
        rule->kind = AIGW_LIMIT_TOKEN_BUCKET;
        rule->rate = rule->limit;
        rule->limit = burst > 0 ? burst : rule->limit;
    } else if (kind == GW_QUOTA_REQUESTS && raw->lease > 0) {
        rule->lease = raw->lease;
        rule->lease_ms = raw->lease_ms > 0 ? raw->lease_ms : LEASE_MS;
    }
}

static int add_rule(gw_cfg_build *b, const gw_cfg_rate_limit *raw, gw_quota_kind kind,
                    gw_quota_entry *entry)
{
    gw_quota_config *q = &b->config->quota;
    char name[NAME_MAX + 16];
    int len =
        snprintf(name, sizeof name, "%.*s.%s", (int)raw->name.len, raw->name.data, suffixes[kind]);
    aigw_slice kept = gw_arena_copy(b->config->arena, gw_slice(name, (size_t)len));
    if (!kept.data)
        return gw_fail_nomem(b->err);
    aigw_limit_rule rule = {.name = kept.data,
                            .kind = AIGW_LIMIT_SLIDING_WINDOW,
                            .on_fail = raw->on_fail > 0 ? (aigw_limit_policy)raw->on_fail
                                                        : AIGW_LIMIT_FAIL_CLOSED,
                            .limit = number_of(raw, kind),
                            .window_ms = DAY_MS};
    if (kind == GW_QUOTA_HELD) {
        rule.kind = AIGW_LIMIT_CONCURRENCY;
        rule.window_ms = held_ms(b->config);
    } else if (kind != GW_QUOTA_DAY) {
        fill_rate(raw, kind, &rule);
    }
    if (rule.kind == AIGW_LIMIT_TOKEN_BUCKET && rule.limit > MOST_BUCKET / rule.window_ms)
        return fail(b, raw, keys[kind], "out_of_range", "too much for a token bucket");
    entry->rules[kind] = q->rule_count;
    q->rules[q->rule_count++] = rule;
    q->tokens = q->tokens || kind == GW_QUOTA_TOKENS || kind == GW_QUOTA_DAY;
    return AIGW_OK;
}

static int build_entry(gw_cfg_build *b, const gw_cfg_rate_limit *raw, gw_quota_entry *entry)
{
    int code = check(b, raw);
    if (code == AIGW_OK)
        code = read_per(b, raw, &entry->per);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->name, &entry->name);
    if (code == AIGW_OK)
        code = keep_words(b, &raw->match.clients, &entry->clients);
    if (code == AIGW_OK)
        code = keep_words(b, &raw->match.teams, &entry->teams);
    if (code == AIGW_OK)
        code = keep_words(b, &raw->match.models, &entry->models);
    entry->assume_output_tokens = raw->assume_output_tokens;
    for (int kind = 0; kind < GW_QUOTA_KINDS && code == AIGW_OK; kind++) {
        entry->rules[kind] = SIZE_MAX;
        if (number_of(raw, (gw_quota_kind)kind) > 0)
            code = add_rule(b, raw, (gw_quota_kind)kind, entry);
    }
    b->config->quota.per |= entry->per;
    return code;
}

/* -- how many limits one request may meet: they are taken in one call -- */

static size_t limits_of(const gw_quota_entry *entry)
{
    size_t n = 0;
    for (int kind = 0; kind < GW_QUOTA_KINDS; kind++)
        n += entry->rules[kind] != SIZE_MAX;
    return n;
}

static const gw_quota_words *first_words(const gw_quota_entry *e)
{
    return e->clients.count ? &e->clients : e->teams.count ? &e->teams : &e->models;
}

static bool has_word(const gw_quota_words *words, aigw_slice word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (gw_eq(words->items[i], word))
            return true;
    }
    return false;
}

static int dimension(const gw_quota_entry *e)
{
    return e->clients.count ? 1 : e->teams.count ? 2 : e->models.count ? 3 : 0;
}

/* The most limits of entries that are told apart by clients (1), teams (2) or models (3) that one such word
 * can meet. Prefixes of models may overlap: they all count. */
static size_t most_in(const gw_quota_config *q, int which)
{
    size_t most = 0, all = 0;
    for (size_t i = 0; i < q->entry_count; i++) {
        const gw_quota_entry *e = &q->entries[i];
        if (dimension(e) != which)
            continue;
        all += limits_of(e);
        const gw_quota_words *words = first_words(e);
        for (size_t k = 0; k < words->count; k++) {
            size_t n = 0;
            for (size_t j = 0; j < q->entry_count; j++) {
                const gw_quota_entry *other = &q->entries[j];
                if (dimension(other) == which && has_word(first_words(other), words->items[k]))
                    n += limits_of(other);
            }
            most = n > most ? n : most;
        }
    }
    return which == 0 || which == 3 ? all : most;
}

static int check_count(gw_cfg_build *b)
{
    const gw_quota_config *q = &b->config->quota;
    size_t n = most_in(q, 0) + most_in(q, 1) + most_in(q, 2) + most_in(q, 3);
    if (n <= AIGW_LIMIT_MAX_ASKS)
        return AIGW_OK;
    return gw_cfg_fail(b->err, b->raw->rate_limits.node, "too_many",
                       "one request could meet %zu limits, %d are possible", n,
                       AIGW_LIMIT_MAX_ASKS);
}

int gw_cfg_build_quota(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->rate_limits;
    const gw_cfg_rate_limit *raw = list->items;
    gw_quota_config *q = &b->config->quota;
    int code = gw_cfg_build_redis(b);
    if (code != AIGW_OK)
        return code;
    q->max_keys = (size_t)b->raw->limits.max_rate_keys;
    q->entries = gw_arena_calloc(b->config->arena, list->count + 1, sizeof *q->entries);
    q->rules =
        gw_arena_calloc(b->config->arena, GW_QUOTA_KINDS * list->count + 1, sizeof *q->rules);
    if (!q->entries || !q->rules)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count && code == AIGW_OK; i++) {
        for (size_t j = 0; j < i; j++) {
            if (gw_eq(raw[i].name, raw[j].name))
                return fail(b, &raw[i], "name", "duplicate", "this name stands twice in the list");
        }
        code = build_entry(b, &raw[i], &q->entries[i]);
        q->entry_count++;
    }
    return code == AIGW_OK ? check_count(b) : code;
}
