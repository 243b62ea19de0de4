/*
 * Rate limit header fields, by the providers' pages.
 *
 * Must not know what was limited or why.
 */
#include "gate/limit_headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

typedef struct family {
    const char *limit, *remaining, *reset;
} family;

static const family openai_requests = {
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"};
static const family openai_tokens = {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                                     "x-ratelimit-reset-tokens"};
static const family anthropic_requests = {"anthropic-ratelimit-requests-limit",
                                          "anthropic-ratelimit-requests-remaining",
                                          "anthropic-ratelimit-requests-reset"};
static const family anthropic_tokens = {"anthropic-ratelimit-tokens-limit",
                                        "anthropic-ratelimit-tokens-remaining",
                                        "anthropic-ratelimit-tokens-reset"};
static const family anthropic_input = {"anthropic-ratelimit-input-tokens-limit",
                                       "anthropic-ratelimit-input-tokens-remaining",
                                       "anthropic-ratelimit-input-tokens-reset"};
static const family anthropic_output = {"anthropic-ratelimit-output-tokens-limit",
                                        "anthropic-ratelimit-output-tokens-remaining",
                                        "anthropic-ratelimit-output-tokens-reset"};

typedef struct lines {
    gw_limit_line *list;
    size_t count;
} lines;

static int64_t up(int64_t ms)
{
    return ms / 1000 + (ms % 1000 > 0);
}

/* " 250" of 250 ms is ".25": without zeros at the end. */
static void fraction(int64_t ms, char out[8])
{
    snprintf(out, 8, ".%03d", (int)(ms % 1000));
    for (int i = 3; i >= 0 && (out[i] == '0' || out[i] == '.'); i--) {
        bool point = out[i] == '.';
        out[i] = '\0';
        if (point)
            break;
    }
}

void gw_limit_duration(int64_t ms, char out[32])
{
    char part[8];
    if (ms <= 0) {
        snprintf(out, 32, "0s");
        return;
    }
    if (ms < 1000) {
        snprintf(out, 32, "%" PRId64 "ms", ms);
        return;
    }
    fraction(ms, part);
    int64_t s = ms / 1000;
    if (s < 60)
        snprintf(out, 32, "%" PRId64 "%ss", s, part);
    else if (s < 3600)
        snprintf(out, 32, "%" PRId64 "m%" PRId64 "%ss", s / 60, s % 60, part);
    else
        snprintf(out, 32, "%" PRId64 "h%" PRId64 "m%" PRId64 "%ss", s / 3600, s / 60 % 60, s % 60,
                 part);
}

void gw_limit_instant(int64_t unix_ms, char out[32])
{
    struct tm tm;
    time_t s = (time_t)up(unix_ms);
    if (!gmtime_r(&s, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, 32, "1970-01-01T00:00:00Z");
}

static void number(lines *l, const char *name, int64_t value)
{
    gw_limit_line *line = &l->list[l->count++];
    line->name = name;
    snprintf(line->value, sizeof line->value, "%" PRId64, value);
}

static void add(lines *l, const family *names, const aigw_limit_ask *ask, int64_t now_unix_ms)
{
    if (!ask)
        return;
    number(l, names->limit, ask->limit);
    number(l, names->remaining, ask->remaining);
    if (ask->reset_ms < 0)
        return;
    gw_limit_line *line = &l->list[l->count++];
    line->name = names->reset;
    if (now_unix_ms < 0)
        gw_limit_duration(ask->reset_ms, line->value);
    else
        gw_limit_instant(now_unix_ms + ask->reset_ms, line->value);
}

/* Zero would invite the client at once. */
static void retry(lines *l, const gw_limit_facts *facts, bool with_ms)
{
    int64_t ms = facts->retry_after_ms < 0   ? 1000
                 : facts->retry_after_ms < 1 ? 1
                                             : facts->retry_after_ms;
    if (!facts->denied)
        return;
    number(l, "retry-after", up(ms));
    if (with_ms)
        number(l, "retry-after-ms", ms);
}

size_t gw_limit_headers(aigw_format format, const gw_limit_facts *facts, int64_t now_unix_ms,
                        gw_limit_line out[GW_LIMIT_LINES])
{
    lines l = {out, 0};
    bool openai = format == AIGW_FORMAT_OPENAI_CHAT || format == AIGW_FORMAT_OPENAI_RESPONSES;
    if (openai) {
        add(&l, &openai_requests, facts->requests, -1);
        add(&l, &openai_tokens, facts->tokens, -1);
    } else if (format == AIGW_FORMAT_ANTHROPIC) {
        int64_t now = now_unix_ms < 0 ? 0 : now_unix_ms;
        add(&l, &anthropic_requests, facts->requests, now);
        add(&l, &anthropic_tokens, facts->tokens, now);
        add(&l, &anthropic_input, facts->input_tokens, now);
        add(&l, &anthropic_output, facts->output_tokens, now);
    }
    retry(&l, facts, openai);
    return l.count;
}
