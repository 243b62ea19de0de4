/*
 * The neutral answer as events. A whole answer is a short stream of these; see chat/fold.h.
 *
 * Order that a reader must give and a writer may rely on: START first, once; then blocks, each
 * BLOCK_START, DELTA..., BLOCK_STOP; USAGE any number of times, any place (later values replace);
 * FINISH once per choice after its blocks; END last. ERROR ends everything and replaces END.
 * Blocks of one choice may overlap only if both are tool calls. Slices live during the call only.
 */
#ifndef GW_CHAT_EVENT_H
#define GW_CHAT_EVENT_H

#include "chat/text.h"

typedef enum gw_event_kind {
    GW_EV_START,
    GW_EV_BLOCK_START,
    GW_EV_DELTA,
    GW_EV_BLOCK_STOP,
    GW_EV_USAGE,
    GW_EV_FINISH,
    GW_EV_PING,
    GW_EV_END,
    GW_EV_ERROR
} gw_event_kind;

typedef enum gw_block_kind {
    GW_BLOCK_TEXT,
    GW_BLOCK_REFUSAL,
    GW_BLOCK_THINKING,
    GW_BLOCK_REDACTED_THINKING, /* data in `delta` of BLOCK_START */
    GW_BLOCK_TOOL_CALL,
    GW_BLOCK_NATIVE             /* a vendor's own block, whole in `raw` of BLOCK_START; `tool_name` names
                                 * the member it came from where it was no block there ("audio") */
} gw_block_kind;

typedef enum gw_finish {
    GW_FINISH_STOP,
    GW_FINISH_STOP_SEQUENCE,
    GW_FINISH_LENGTH,
    GW_FINISH_TOOL_CALLS,
    GW_FINISH_CONTENT_FILTER,
    GW_FINISH_PAUSE,  /* a server tool paused the turn */
    GW_FINISH_CONTEXT /* the context window is full */
} gw_finish;

/* What kind of failure, in no vendor's words; wire/ maps it to type, code and status. */
typedef enum gw_api_error_kind {
    GW_ERR_INVALID_REQUEST,
    GW_ERR_AUTHENTICATION,
    GW_ERR_PERMISSION,
    GW_ERR_NOT_FOUND,
    GW_ERR_CONFLICT,
    GW_ERR_TOO_LARGE,
    GW_ERR_RATE_LIMIT,
    GW_ERR_QUOTA,
    GW_ERR_SERVER,
    GW_ERR_OVERLOADED,
    GW_ERR_UNAVAILABLE, /* no healthy target, no keys */
    GW_ERR_TIMEOUT,
    GW_ERR_UPSTREAM     /* the provider broke its format or the connection */
} gw_api_error_kind;

typedef struct gw_api_error {
    gw_api_error_kind kind;
    int status;        /* the HTTP status to answer; 0: the kind's natural one */
    gw_jstr message;
    gw_jstr type;      /* the provider's own word, if there is one */
    gw_jstr code;      /* "context_length_exceeded", "model_not_found"... */
    gw_jstr param;     /* or a JSON pointer */
    gw_jstr request_id;
    int retry_after_s; /* seconds to wait, said in the body (Gemini's RetryInfo); 0: unknown */
} gw_api_error;

typedef struct gw_event {
    gw_event_kind kind;
    uint32_t choice;   /* 0 unless n > 1 */
    uint32_t block;    /* dense per choice, from 0, in order of BLOCK_START */
    gw_block_kind block_kind; /* BLOCK_START, DELTA, BLOCK_STOP */
    /* START */
    gw_jstr id, model;
    int64_t created;   /* unix seconds; 0 unknown */
    gw_jstr service_tier;
    gw_jstr fingerprint;
    /* BLOCK_START of a TOOL_CALL */
    gw_jstr call_id, tool_name;
    bool custom;
    gw_raw raw;        /* NATIVE: the block; on TEXT: citations array or one citation (DELTA) */
    /* DELTA: text, thinking, refusal, or a fragment of the arguments' JSON (as string inside) */
    gw_jstr delta;
    /* DELTA of THINKING; of other blocks in BLOCK_START or in a DELTA before the stop. Opaque. */
    gw_jstr signature;
    aigw_format origin; /* whose signature, or whose redacted data: a reader always says it */
    gw_raw logprobs;   /* DELTA or FINISH: OpenAI's logprobs object of the choice, as it stood */
    /* USAGE; -1 members are unknown and replace nothing */
    aigw_usage usage;
    gw_raw usage_raw;  /* the provider's object, for details that the five numbers do not hold */
    /* FINISH */
    gw_finish finish;
    gw_jstr native_finish;  /* the provider's word */
    gw_jstr stop_sequence;  /* if known */
    gw_jstr refusal;        /* explanation that came with a refusal */
    /* ERROR */
    gw_api_error error;
} gw_event;

/* Where a reader's events go. A non-zero result stops the reader, which returns it. */
typedef struct gw_event_sink {
    int (*emit)(void *user, const gw_event *event);
    void *user;
} gw_event_sink;

static inline int gw_emit(const gw_event_sink *sink, const gw_event *event)
{
    return sink->emit(sink->user, event);
}

aigw_usage gw_usage_unknown(void);
/* Each known number of `from` replaces that of `into`. */
void gw_usage_merge(aigw_usage *into, const aigw_usage *from);

#endif
