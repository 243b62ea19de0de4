/*
 * An answer of the API, as chunks of one or of many: what a whole answer and a stream have in common.
 *
 * Chunks in, neutral events out. Knows no framing.
 */
#ifndef GW_WIRE_GEMINI_TURN_H
#define GW_WIRE_GEMINI_TURN_H

#include "wire/gemini/args.h"
#include "wire/gemini/gemini.h"

enum { GW_GM_PARTS_KNOWN = 32 };

/* One candidate. */
typedef struct gw_gm_choice {
    bool seen, usable, called;
    bool open; /* a block is */
    gw_block_kind open_kind;
    uint32_t next_block; /* of the open one: its own number */
    uint32_t calls;
    bool has_finish;
    gw_buf native, refusal; /* finishReason, finishMessage */
    gw_buf text;            /* all of it, while it is short: places of sources are counted in it */
    uint32_t starts[GW_GM_PARTS_KNOWN], start_count;
    bool many;                  /* parts came in more than one chunk */
    gw_buf grounding, citation; /* the last metadata, as it stood */
    gw_arena *args_arena;
    gw_gm_args *args; /* of a call whose arguments come in pieces; NULL: none */
} gw_gm_choice;

typedef struct gw_gm_turn {
    gw_gm_choice *choices; /* gw_alloc */
    uint32_t count, cap;
    size_t max_bytes; /* of one piece of text that is kept */
    bool whole;       /* a whole answer: errors are told by the result only */
    bool started, finished, failed;
    bool has_candidates, blocked;
    gw_buf id;
    bool has_usage;
    aigw_usage usage;
    /* of the chunk at hand */
    gw_arena *arena;
    const gw_json_doc *doc;
    const gw_event_sink *sink;
    aigw_error *err;
    gw_raw logprobs; /* of the candidate at hand, until a text takes them */
} gw_gm_turn;

void gw_gm_turn_init(gw_gm_turn *t, size_t max_bytes, bool whole);
void gw_gm_turn_free(gw_gm_turn *t);
/* A GenerateContentResponse. AIGW_E_UPSTREAM, after an ERROR event in a stream. */
int gw_gm_turn_chunk(gw_gm_turn *t, const gw_json_doc *doc, gw_json_ref root);
/* The body is over: FINISH of each choice, usage, END; or the failure that it was no answer. */
int gw_gm_turn_end(gw_gm_turn *t);
/* The failure of a stream or an answer that breaks the format. */
int gw_gm_turn_broken(gw_gm_turn *t, const char *why);

/* Blocks of a choice, for the files of the turn only. */
gw_event gw_gm_turn_event(const gw_gm_turn *t, const gw_gm_choice *c, gw_event_kind kind);
int gw_gm_turn_close(gw_gm_turn *t, gw_gm_choice *c);
int gw_gm_turn_open(gw_gm_turn *t, gw_gm_choice *c, gw_event *start);
int gw_gm_turn_call(gw_gm_turn *t, gw_gm_choice *c, gw_json_ref call, gw_jstr signature);
/* Ends a call whose arguments came in pieces, if there is one. */
int gw_gm_turn_end_call(gw_gm_turn *t, gw_gm_choice *c);

#endif
