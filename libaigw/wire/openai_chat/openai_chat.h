/*
 * What the files of the OpenAI Chat Completions codec share. Nobody else includes this but the Responses
 * codec, which has the same errors and makes ids of calls the same way.
 */
#ifndef GW_WIRE_OPENAI_CHAT_H
#define GW_WIRE_OPENAI_CHAT_H

#include "base/hash.h"
#include "wire/wire.h"

/* Reading a request. */
typedef struct gw_oc_reading {
    gw_arena *arena;
    const gw_json_doc *doc;
    gw_chat_request *out;
    aigw_error *err;
    /* Top-level members that are read after all others. */
    gw_json_ref messages, tools, functions, tool_choice, function_call;
    gw_json_ref max_tokens, max_completion_tokens, user, safety_identifier;
    /* Ids of the tool calls so far: open addressing, `slots` a power of two. */
    gw_jstr *ids;
    size_t id_count, slots;
    gw_hash_key id_key;
    size_t synthesised; /* ids made for the deprecated function_call */
} gw_oc_reading;

/* AIGW_E_PARSE at ref: "<what> must be <expected>". */
int gw_oc_wrong(const gw_oc_reading *rd, gw_json_ref ref, const char *what, const char *expected);
/* The same for the member of that name; when it is not there, "<name> is required". */
int gw_oc_lacks(const gw_oc_reading *rd, gw_json_ref object, gw_json_ref ref, const char *name,
                const char *expected);
/* A member that may be absent or null; else it must have the type. */
int gw_oc_opt_string(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_jstr *out);
int gw_oc_opt(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out);
/* A member that must be there and be a string. */
int gw_oc_string(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_jstr *out);
int gw_oc_read_cache(const gw_oc_reading *rd, gw_json_ref object, gw_cache_mark *out);

int gw_oc_read_part(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out);
int gw_oc_read_messages(gw_oc_reading *rd);
int gw_oc_read_tools(gw_oc_reading *rd);
int gw_oc_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err);

/* The same-format patch: what of a request the host at hand does not take, and what is sealed of ours. */
int gw_oc_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count);

/* Writing a request. */
typedef struct gw_oc_writing {
    gw_arena *arena;
    const gw_chat_request *request;
    const gw_write_options *options;
    gw_jw w;
    gw_notes *notes;
    aigw_error *err;
    bool same; /* the request was read from this format */
} gw_oc_writing;

static inline bool gw_oc_has_quirk(const gw_oc_writing *wr, gw_quirk quirk)
{
    return (wr->options->quirks & (unsigned)quirk) != 0;
}

/* prompt_cache_breakpoint is OpenAI's own: other hosts may refuse a member that they do not know. */
static inline bool gw_oc_takes_marks(const gw_oc_writing *wr)
{
    return wr->options->quirks == 0 || gw_oc_has_quirk(wr, GW_QUIRK_OPENAI);
}

/* A tool's name as a member `name`, as OpenAI takes it. */
void gw_oc_write_tool_name(gw_oc_writing *wr, gw_jstr name);
int gw_oc_note(gw_oc_writing *wr, gw_json_ref at, const char *reason);
/* Where the client said something, for a note: the names are those of any client's format. */
gw_json_ref gw_oc_said_at(const gw_oc_writing *wr, const char *member);
/* The same for a value of the request that borrows from the client's document. */
int gw_oc_note_value(gw_oc_writing *wr, aigw_slice value, const char *reason);
/* Parts that this format cannot say are noted and skipped. */
bool gw_oc_can_write_part(const gw_oc_writing *wr, const gw_part *part);
int gw_oc_write_part(gw_oc_writing *wr, const gw_part *part);
/* The text of a part inside of an open string: a document's title and description stand before it. */
void gw_oc_write_text_inside(gw_jw *w, const gw_part *part);
/* A string that asks for JSON of that schema. */
void gw_oc_write_schema_words(gw_jw *w, gw_raw schema);
int gw_oc_write_messages(gw_oc_writing *wr);
int gw_oc_write_tools(gw_oc_writing *wr);
int gw_oc_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err);

/* Answers. */
int gw_oc_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err);
int gw_oc_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err);

/* Pieces that whole answers and streams have in common. */
bool gw_oc_read_usage(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out);
/* The usage object of an answer or chunk, x_groq.usage too; ABSENT if there is none. */
gw_json_ref gw_oc_usage_of(const gw_json_doc *doc, gw_json_ref root);
/* Writes nothing and gives false when nothing is known. */
bool gw_oc_write_usage(gw_jw *w, const char *key, const aigw_usage *usage, gw_raw raw);
gw_finish gw_oc_finish_of(gw_jstr word, bool saw_calls);
const char *gw_oc_finish_word(gw_finish finish, bool saw_calls);
/* Reasoning text of a message or delta outside of `content`; absent if none. */
gw_jstr gw_oc_reasoning_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref message);
/* The text of a Mistral thinking part, a string or a list of text parts. Absent if none. */
gw_jstr gw_oc_thinking_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref part);
/* tool_calls[].extra_content.google.thought_signature: bare it is Gemini's, anybody else's is sealed. */
gw_jstr gw_oc_call_signature(const gw_json_doc *doc, gw_json_ref call);
void gw_oc_write_call_signature(gw_jw *w, aigw_format origin, gw_jstr signature);
/* Signature and origin of an event of the call; nothing where the call has none. */
void gw_oc_read_call_signature(gw_arena *arena, const gw_json_doc *doc, gw_json_ref call,
                               gw_event *out);
/* An element of thinking_blocks, which is Anthropic's in shape, up to its closing brace. */
typedef struct gw_oc_thought {
    bool redacted;
    gw_jstr text, signature; /* text: of a redacted one its data */
    aigw_format origin;
} gw_oc_thought;
void gw_oc_write_thought(gw_jw *w, const gw_oc_thought *thought,
                         int64_t index); /* index < 0: none */
/* The same, read. False: no such element. */
bool gw_oc_read_thought(gw_arena *arena, const gw_json_doc *doc, gw_json_ref block,
                        gw_oc_thought *out);
/* Did the client ask with `functions`? Then it looks for function_call, and for one only. */
bool gw_oc_is_legacy(const gw_answer_options *options);
/* The tier in this format's words: Anthropic's standard is its default. */
gw_jstr gw_oc_tier_of(gw_jstr tier);
/* {"type":"url_citation",...} for each citation with a URL; `start` and `end` count code points. */
void gw_oc_write_annotations(gw_arena *arena, gw_jw *w, gw_raw citations, int64_t start,
                             int64_t end);
int64_t gw_oc_code_points(gw_jstr text);
/* The same with the call's signature sealed behind it, for clients that keep nothing but ids. */
void gw_oc_write_sealed_id(gw_jw *w, gw_jstr id, aigw_slice seed, uint32_t choice, uint32_t ordinal,
                           const gw_oc_thought *signature);
/* "call_" and 20 hex digits from the answer's id and the place of the call; to holds 26 bytes. */
void gw_oc_make_call_id(char *to, aigw_slice seed, uint32_t choice, uint32_t ordinal);
/* "audio" or "images": members of a message that are carried as native blocks. NULL-ended. */
extern const char *const gw_oc_native_members[];

/* Errors. */
void gw_oc_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out);
/* From a parsed document that has an `error` member (or is an error of another shape). */
void gw_oc_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, int status,
                    gw_api_error *out);
/* The member `error` of an answer, a chunk, or one of its choices; ABSENT if there is none. */
gw_json_ref gw_oc_error_in(const gw_json_doc *doc, gw_json_ref root);
void gw_oc_write_error(const gw_api_error *error, const gw_answer_options *options, gw_buf *out,
                       int *status);

/* Streams. */
int gw_oc_reader_init(void *reader, size_t max_event_bytes);
void gw_oc_reader_free(void *reader);
int gw_oc_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err);
int gw_oc_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err);
int gw_oc_writer_init(void *writer, const gw_answer_options *options);
void gw_oc_writer_free(void *writer);
int gw_oc_writer_event(void *writer, const gw_event *event, gw_buf *out);
void gw_oc_tap_init(void *tap, bool hide_usage);
gw_tap_verdict gw_oc_tap_event(void *tap, const gw_sse_event *event, aigw_usage *usage);
bool gw_oc_tap_repair(const void *tap, const gw_sse_event *event, gw_tap_verdict verdict,
                      gw_buf *out);
bool gw_oc_tap_answer(aigw_slice body, aigw_usage *usage);
bool gw_oc_tap_complete(const void *tap);

#endif
