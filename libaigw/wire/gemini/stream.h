/* The stream half of the Gemini codec: reader, writer, tap. Nobody else includes this. */
#ifndef GW_WIRE_GEMINI_STREAM_H
#define GW_WIRE_GEMINI_STREAM_H

#include "wire/gemini/turn.h"

/* How the chunks of a body are framed: seen in its first byte that is not blank. */
typedef enum gw_gm_framing {
    GW_GM_UNDECIDED,
    GW_GM_SSE,
    GW_GM_ARRAY, /* [{...},{...}] */
    GW_GM_OBJECT /* one object: an error, or an answer that was not streamed */
} gw_gm_framing;

typedef struct gw_gm_reader {
    gw_gm_turn turn;
    gw_gm_framing framing;
    gw_sse sse;
    gw_arena *arena; /* of one chunk */
    /* An element of the array, as far as it has come. */
    gw_buf element;
    size_t depth;
    bool in_string, escaped, closed;
    bool failed;
    aigw_error *err;
} gw_gm_reader;

typedef struct gw_gm_open_call {
    uint32_t block;
    bool open, broken, custom;
    aigw_format origin;
    gw_buf id, name, args, signature;
} gw_gm_open_call;

typedef struct gw_gm_out_choice {
    bool seen, finished;
    gw_buf signature; /* of the text block that has just begun */
    aigw_format origin;
    gw_gm_open_call *calls; /* gw_alloc; those that are not written yet */
    uint32_t call_count, call_cap;
    gw_buf citations;
    gw_finish finish;
    gw_buf native, refusal;
} gw_gm_out_choice;

typedef struct gw_gm_writer {
    gw_arena *arena;           /* of one chunk; made on first need */
    gw_gm_out_choice *choices; /* gw_alloc */
    uint32_t count, cap;
    gw_buf id, model, tier;
    char seed[64];
    size_t seed_len;
    int64_t created;
    bool json_array, begun, ended;
    size_t chunk; /* where the one at hand begins in the output */
    aigw_usage usage;
} gw_gm_writer;

typedef struct gw_gm_tap {
    bool finished; /* a finishReason or a block was seen */
    aigw_usage usage;
} gw_gm_tap;

int gw_gm_reader_init(void *reader, size_t max_event_bytes);
void gw_gm_reader_free(void *reader);
int gw_gm_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err);
int gw_gm_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err);
int gw_gm_writer_init(void *writer, const gw_answer_options *options);
void gw_gm_writer_free(void *writer);
int gw_gm_writer_event(void *writer, const gw_event *event, gw_buf *out);

#endif
