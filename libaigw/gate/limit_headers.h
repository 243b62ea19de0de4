/*
 * What a client is told of its limits: the header fields of OpenAI's and of Anthropic's API. Pure.
 *
 * Knows no connection; which rule is which is the caller's.
 */
#ifndef GW_GATE_LIMIT_HEADERS_H
#define GW_GATE_LIMIT_HEADERS_H

#include "gate/limit.h"

/* The ask that answered for each; NULL: there is no such limit. */
typedef struct gw_limit_facts {
    const aigw_limit_ask *requests;
    const aigw_limit_ask *tokens;
    const aigw_limit_ask *input_tokens;  /* Anthropic's only */
    const aigw_limit_ask *output_tokens; /* Anthropic's only */
    bool denied;                         /* the call was refused: say when to come back */
    int64_t retry_after_ms;              /* then; below 0: not known, one second is said */
} gw_limit_facts;

typedef struct gw_limit_line {
    const char *name; /* static storage, lower case */
    char value[32];
} gw_limit_line;

#define GW_LIMIT_LINES 16

/*
 * The fields of one answer, at most GW_LIMIT_LINES; returns how many. OpenAI's two formats have
 * x-ratelimit-limit-requests, -remaining-, -reset- ("120ms", "6m0s": how long) and -tokens;
 * Anthropic's has anthropic-ratelimit-requests-limit, -remaining, -reset (RFC 3339, in whole
 * seconds, when). A reset that is not known (-1) is left out. Refused: retry-after in whole
 * seconds, rounded up, and for OpenAI's retry-after-ms. Gemini and Bedrock have retry-after only.
 */
size_t gw_limit_headers(aigw_format format, const gw_limit_facts *facts, int64_t now_unix_ms,
                        gw_limit_line out[GW_LIMIT_LINES]);

/* "0s", "7ms", "1.5s", "6m0s", "1h0m0.25s": as OpenAI writes durations (Go's way). */
void gw_limit_duration(int64_t ms, char out[32]);
/* "2026-03-01T12:00:05Z"; rounded up to the second. */
void gw_limit_instant(int64_t unix_ms, char out[32]);

#endif
