/*
 * State of the OpenAI Responses stream machines: reader, writer, tap. Their sizes go into the table.
 */
#ifndef GW_WIRE_OPENAI_RESPONSES_STREAM_H
#define GW_WIRE_OPENAI_RESPONSES_STREAM_H

#include "wire/openai_responses/items.h"

typedef enum gw_or_item_kind {
    GW_OR_UNKNOWN, /* nothing but an index yet */
    GW_OR_MESSAGE,
    GW_OR_CALL,
    GW_OR_REASONING,
    GW_OR_NATIVE
} gw_or_item_kind;

/* An item that a stream announced. Hosts change its id in passing: the index is what holds. */
typedef struct gw_or_item {
    int64_t index;
    gw_or_item_kind kind;
    bool custom;
    bool open;   /* a block of it is open: `block`, `block_kind`, and of which part */
    bool closed; /* nothing more is taken from it */
    uint32_t block;
    gw_block_kind block_kind;
    int64_t part;      /* content or summary index of the last delta; -1: none yet */
    bool part_said;    /* that part came in deltas, */
    bool any;          /* or anything of the item did */
    bool cited;        /* annotations of that part came */
    bool from_content; /* reasoning: the text is the content, not the summary */
} gw_or_item;

typedef struct gw_or_reader {
    gw_sse sse;
    gw_arena *arena;   /* reset for each event */
    gw_or_item *items; /* gw_alloc */
    size_t item_count, item_cap;
    uint32_t next_block, calls;
    bool started, done, failed;
} gw_or_reader;

/* A block of the events that the client sees and that is not closed. */
typedef struct gw_or_open {
    uint32_t block;
    gw_block_kind kind;
    bool custom, stopped;
    bool any;       /* deltas went out */
    uint32_t index; /* of its item in the output */
    uint32_t call;  /* among the calls */
    gw_buf text;    /* all of it so far */
    gw_buf words;   /* call id and name, or the signature */
    size_t id_len;
    bool has_signature;
    aigw_format origin;
} gw_or_open;

typedef struct gw_or_writer {
    gw_answer_options options;
    gw_buf head; /* the upstream's id, model and tier, one behind the other */
    size_t id_len, model_len, tier_len;
    int64_t created;
    int64_t sequence;
    bool started, ended;
    gw_arena *arena; /* for citations; made on first need */
    gw_buf items;    /* the output so far, as list elements with commas */
    uint32_t next_index, calls;
    bool message; /* a message item is open, at message_index */
    uint32_t message_index, content_index;
    gw_buf content;     /* its finished parts */
    gw_buf citations;   /* of the part at hand as they came, */
    gw_buf annotations; /* as they go out, */
    gw_buf logprobs;    /* and its log probabilities */
    gw_or_open *open;   /* gw_alloc */
    size_t open_count, open_cap;
    bool refused;
    bool has_finish;
    gw_finish finish;
    aigw_usage usage;
    gw_buf usage_raw;
    gw_buf refusal; /* the explanation that came with FINISH */
} gw_or_writer;

typedef struct gw_or_tap {
    bool done;
} gw_or_tap;

#endif
