/*
 * State of the OpenAI chat stream machines: reader, writer, tap. The sizes go into gw_wire_openai_chat.
 */
#ifndef GW_WIRE_OPENAI_CHAT_STREAM_H
#define GW_WIRE_OPENAI_CHAT_STREAM_H

#include "wire/openai_chat/openai_chat.h"

/* A tool call that a stream opened. */
typedef struct gw_oc_call {
    int64_t index;  /* as the host counts; -1 when it does not */
    gw_jstr id;     /* the host's; gw_alloc. Absent: none given */
    uint32_t block; /* valid once opened */
    bool opened, closed, custom;
    bool any_args, is_signed;
    /* Is the JSON of the arguments complete? */
    int depth;
    bool in_string, escaped, complete;
} gw_oc_call;

typedef struct gw_oc_choice {
    uint32_t index;
    uint32_t next_block;
    bool open; /* a block that is no tool call is open: open_kind */
    gw_block_kind open_kind;
    uint32_t open_block;
    gw_oc_call *calls; /* gw_alloc */
    size_t call_count, call_cap;
    size_t open_calls, opened_calls;
    bool finished;
    gw_finish finish;
    char native[48]; /* the host's word, cut */
    size_t native_len;
} gw_oc_choice;

typedef struct gw_oc_reader {
    gw_sse sse;
    gw_arena *arena;       /* reset for each event */
    gw_oc_choice *choices; /* gw_alloc */
    size_t choice_count, choice_cap;
    bool started, done, failed;
    char seed[80]; /* of synthesised call ids: the answer's id, cut */
    size_t seed_len;
} gw_oc_reader;

/* One chunk on its way into events; err may be NULL. */
typedef struct gw_oc_chunk {
    gw_oc_reader *r;
    const gw_event_sink *sink;
    aigw_error *err;
    const gw_json_doc *doc;
    gw_oc_choice *choice; /* the one at hand */
} gw_oc_chunk;

int gw_oc_stream_emit(const gw_oc_chunk *cr, gw_event_kind kind, gw_block_kind block_kind,
                      uint32_t block);
/* The host broke the format: ERROR to the sink, and nothing more after it. `what` is static. */
int gw_oc_stream_broken(const gw_oc_chunk *cr, const char *what);
int gw_oc_stream_close_plain(const gw_oc_chunk *cr);
int gw_oc_stream_close_calls(const gw_oc_chunk *cr, bool complete_only);
int gw_oc_stream_read_calls(const gw_oc_chunk *cr, gw_json_ref delta);

typedef struct gw_oc_out_call {
    uint32_t block;
    uint32_t index; /* among the tool calls of the choice */
    bool custom, any_args;
} gw_oc_out_call;

typedef struct gw_oc_out_choice {
    bool role_sent, finished;
    bool seen;
    uint32_t calls;       /* so far */
    gw_oc_out_call *open; /* gw_alloc; the calls that are open */
    size_t open_count, open_cap;
    int64_t code_points; /* of the content so far */
    int64_t block_start; /* where the open text block starts */
    gw_buf citations;    /* of the open text block, as list elements: sent when its end is known */
    gw_buf
        annotations; /* of the blocks before, as they go out, with commas: in one chunk at the end */
    gw_buf thinking; /* text of the open thinking block: goes out once more with its signature */
    uint32_t thinking_blocks; /* that went out */
} gw_oc_out_choice;

typedef struct gw_oc_writer {
    gw_buf head; /* members that every chunk has, from "id" on */
    gw_buf usage_raw;
    gw_arena *arena; /* for citations; made on first need */
    char id_seed[64];
    size_t id_seed_len;
    int64_t created;
    bool include_usage, started, ended;
    bool legacy; /* the client asked with `functions` */
    aigw_usage usage;
    gw_oc_out_choice *choices; /* gw_alloc */
    size_t choice_count, choice_cap;
} gw_oc_writer;

/* A tool call that passed: as the host counts, and as clients expect it. */
typedef struct gw_oc_tap_call {
    int64_t choice, index; /* -1: the host does not say */
    uint64_t id;           /* a hash; 0: none */
    uint32_t dense;
    bool named;
} gw_oc_tap_call;

enum { GW_OC_TAP_CALLS = 32, GW_OC_TAP_HEAD = 400 };

typedef struct gw_oc_tap {
    bool hide_usage;
    bool done, finished;
    gw_oc_tap_call calls[GW_OC_TAP_CALLS];
    size_t call_count;
    /* The calls of the event at hand: the index they must have, and whether id and name were said before
     * (clients join what is said twice). */
    struct {
        uint32_t index;
        bool id_again, name_again;
    } wanted[GW_OC_TAP_CALLS];
    size_t wanted_count;
    uint64_t roles,
        roles_again;           /* a bit for each choice: had a role; has one again in this event */
    char head[GW_OC_TAP_HEAD]; /* id, created and model of the stream, as members */
    size_t head_len;
} gw_oc_tap;

/* Does the host write calls and roles of this chunk as clients expect it? If not, the tap knows how they do. */
bool gw_oc_tap_is_plain(gw_oc_tap *tap, aigw_slice data);
void gw_oc_tap_keep_head(gw_oc_tap *tap, aigw_slice data);

#endif
