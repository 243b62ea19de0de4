/*
 * Folding events into one whole answer and unfolding an answer into events: fold(unfold(a)) = a.
 *
 * Knows no format. Everything of the answer lies in the arena.
 */
#ifndef GW_CHAT_FOLD_H
#define GW_CHAT_FOLD_H

#include "chat/event.h"

typedef struct gw_block {
    gw_block_kind kind;
    gw_jstr text;      /* text, thinking, refusal, redacted data, or arguments (inside of a string) */
    gw_jstr call_id, tool_name;
    bool custom;
    gw_jstr signature;
    aigw_format origin; /* whose signature or redacted data */
    gw_raw raw;        /* NATIVE block, or TEXT's citations as one JSON array */
} gw_block;

typedef struct gw_choice {
    gw_block *blocks;
    size_t block_count;
    bool finished;
    gw_finish finish;
    gw_jstr native_finish, stop_sequence, refusal;
    gw_raw logprobs;   /* OpenAI's shape: {"content":[...],"refusal":...}, merged over the deltas */
} gw_choice;

typedef struct gw_answer {
    gw_jstr id, model, service_tier, fingerprint;
    int64_t created;
    gw_choice *choices;
    size_t choice_count;
    aigw_usage usage;
    gw_raw usage_raw;
} gw_answer;

typedef struct gw_fold gw_fold; /* lies in the arena */

gw_fold *gw_fold_new(gw_arena *arena);
/* An event sink's emit: user is the gw_fold. AIGW_E_NOMEM, AIGW_E_LIMIT, AIGW_E_UPSTREAM (order broken). */
int gw_fold_event(void *fold, const gw_event *event);
/* After END: AIGW_OK and *out. After ERROR: AIGW_E_UPSTREAM and *api_error. Before either: AIGW_AGAIN. */
int gw_fold_result(gw_fold *fold, gw_answer *out, gw_api_error *api_error);

int gw_unfold(const gw_answer *answer, const gw_event_sink *sink);

#endif
