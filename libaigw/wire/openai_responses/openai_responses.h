/*
 * What the files of the OpenAI Responses codec share. Nobody else includes this.
 *
 * Two things of this format have no place of their own in the neutral middle and are carried so: the id
 * of a reasoning item stands before its encrypted content in the signature, with a colon between them;
 * the id and the phase of an assistant's message item are `id` and `detail` of its TEXT parts.
 */
#ifndef GW_WIRE_OPENAI_RESPONSES_H
#define GW_WIRE_OPENAI_RESPONSES_H

#include "base/hash.h"
#include "wire/wire.h"

/* Reading a request. */
typedef struct gw_or_reading {
    gw_arena *arena;
    const gw_json_doc *doc;
    gw_chat_request *out;
    aigw_error *err;
    /* Top-level members that are read after all others. */
    gw_json_ref input, instructions, tools, tool_choice, user, safety_identifier;
    bool has_state; /* the provider knows more of the conversation than the input says */
    /* Ids of the calls so far: open addressing, `slots` a power of two. */
    gw_jstr *ids;
    size_t id_count, slots;
    gw_hash_key id_key;
    size_t part_cap; /* room in the parts of the last message */
} gw_or_reading;

/* AIGW_E_PARSE at ref: "<what> must be <expected>". */
int gw_or_wrong(const gw_or_reading *rd, gw_json_ref ref, const char *what, const char *expected);
/* The same for the member of that name; when it is not there, "<name> is required". */
int gw_or_lacks(const gw_or_reading *rd, gw_json_ref object, gw_json_ref ref, const char *name,
                const char *expected);
/* A word of the member `name` that this code does not know: gw_read_unknown. */
int gw_or_unknown(const gw_or_reading *rd, gw_json_ref object, const char *name, const char *known);
/* A member that may be absent or null; else it must have the type. */
int gw_or_opt_string(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_jstr *out);
int gw_or_opt(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out);
/* A member that must be there and be a string. */
int gw_or_string(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_jstr *out);
/* A member of another format, or of this one without meaning elsewhere: kept by name. */
void gw_or_add_extra(gw_or_reading *rd, gw_json_ref value, const char *name);
/* Keeps the first member that needs the provider's state. */
void gw_or_set_stateful(gw_or_reading *rd, gw_json_ref ref);

int gw_or_read_part(const gw_or_reading *rd, gw_json_ref ref, gw_part *out);
/* `input` and `instructions`. */
int gw_or_read_input(gw_or_reading *rd);
int gw_or_read_tools(gw_or_reading *rd);
/* What `strict` means when nothing is said: 1 if the schema can be held strictly, with the schema that says so;
 * else 0 with the schema as it is. */
int gw_or_default_strict(const gw_or_reading *rd, gw_json_ref schema, gw_tool *out);
int gw_or_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err);
/* Counting says the same but for what only an answer needs. */
int gw_or_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count);

/* Writing a request. */
typedef struct gw_or_writing {
    gw_arena *arena;
    const gw_chat_request *request;
    const gw_write_options *options;
    gw_jw w;
    gw_notes *notes;
    aigw_error *err;
    bool same; /* the request was read from this format */
    const gw_part *
        *calls; /* sorted by id, if a custom one is among them; made when first asked for */
    size_t call_count;
    bool calls_known;
} gw_or_writing;

int gw_or_note(gw_or_writing *wr, gw_json_ref at, const char *reason);
int gw_or_write_part(gw_or_writing *wr, const gw_part *part);
/* Parts that this format cannot say are noted and skipped, or refused: AIGW_OK and false, or the error. */
int gw_or_can_write_part(gw_or_writing *wr, const gw_part *part, bool *can);
int gw_or_write_input(gw_or_writing *wr);
int gw_or_write_tools(gw_or_writing *wr);
int gw_or_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err);
int gw_or_write_count_request(gw_arena *arena, const gw_chat_request *request,
                              const gw_write_options *options, gw_buf *out, gw_notes *notes,
                              aigw_error *err);
bool gw_or_read_count(const gw_json_doc *doc, int64_t *tokens);
void gw_or_write_count(int64_t tokens, gw_buf *out);

/* Pieces that requests, whole answers and streams have in common. */

/* The readable text of a reasoning item: its summary, else its content, a blank line between the parts;
 * absent if there is none. AIGW_E_NOMEM. */
int gw_or_reasoning_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref item, gw_jstr *out);
/* "<id>:<encrypted content>"; absent on no memory. */
gw_jstr gw_or_pack_signature(gw_arena *arena, gw_jstr id, gw_jstr encrypted);
void gw_or_unpack_signature(gw_jstr signature, gw_jstr *id, gw_jstr *encrypted);
bool gw_or_read_usage(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out);
/* The value of `usage`; null when nothing is known. */
void gw_or_write_usage(gw_jw *w, const aigw_usage *usage, gw_raw raw);
/* "msg_", "fc_"... with the seed and the place in the output. */
void gw_or_write_item_id(gw_jw *w, const char *prefix, aigw_slice seed, uint32_t index);
/* {"type":"url_citation",...} for each citation that can be said, as elements of an open array. They
 * stand for the text up to `end` (code points) where they do not say so themselves. No memory
 * fails the buffer. */
void gw_or_write_citations(gw_arena *arena, gw_jw *w, gw_raw citations, int64_t end);
/* The list of log probabilities in OpenAI's object of a choice, and {"content":<list>}; absent if it is
 * empty. AIGW_E_NOMEM. */
int gw_or_logprobs_list(gw_arena *arena, gw_raw logprobs, gw_raw *out);
int gw_or_logprobs_object(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list, gw_raw *out);

/* The encrypted_content of a reasoning item that this gateway hands out. `signature` may be absent. */
void gw_or_write_encrypted(gw_jw *w, const gw_block *block);

/* The object around an answer: everything but its output and how it ended. */
typedef struct gw_or_envelope {
    const gw_answer_options *options;
    gw_jstr id, model, service_tier;
    int64_t created;
    const char *status;            /* "in_progress", "completed", "incomplete", "failed" */
    const char *incomplete_reason; /* or NULL */
    const gw_api_error *error;     /* or NULL */
    aigw_slice output;             /* elements of the list with their commas */
    const aigw_usage *usage;       /* NULL: null */
    gw_raw usage_raw;
} gw_or_envelope;

/* "code" and "message" of an error in a stream. */
void gw_or_write_error_members(gw_jw *w, const gw_api_error *error);
void gw_or_write_envelope(gw_jw *w, const gw_or_envelope *envelope);
/* "max_output_tokens" or "content_filter" when the answer is incomplete, else NULL. */
const char *gw_or_incomplete_reason(gw_finish finish);

/* Answers. */
int gw_or_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err);
int gw_or_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err);
/* The items of `output` as blocks from *block on; *calls counts the tool calls. */
int gw_or_read_output(gw_arena *arena, const gw_json_doc *doc, gw_json_ref output,
                      const gw_event_sink *sink, uint32_t *block, uint32_t *calls);
/* START from a response object. */
int gw_or_emit_start(const gw_json_doc *doc, gw_json_ref response, const gw_event_sink *sink);
/* USAGE, FINISH and END, or ERROR (then AIGW_E_UPSTREAM). */
int gw_or_emit_end(gw_arena *arena, const gw_json_doc *doc, gw_json_ref response,
                   const gw_event_sink *sink, uint32_t calls);
/* The error of a response object or of an error event. */
void gw_or_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, gw_api_error *out);

/* Streams. */
int gw_or_reader_init(void *reader, size_t max_event_bytes);
void gw_or_reader_free(void *reader);
int gw_or_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err);
int gw_or_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err);
int gw_or_writer_init(void *writer, const gw_answer_options *options);
void gw_or_writer_free(void *writer);
int gw_or_writer_event(void *writer, const gw_event *event, gw_buf *out);
void gw_or_tap_init(void *tap, bool hide_usage);
gw_tap_verdict gw_or_tap_event(void *tap, const gw_sse_event *event, aigw_usage *usage);
bool gw_or_tap_answer(aigw_slice body, aigw_usage *usage);
bool gw_or_tap_complete(const void *tap);

#endif
