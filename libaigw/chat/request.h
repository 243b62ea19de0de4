/*
 * The neutral request: what a chat request says, in no vendor's words.
 *
 * Text is carried as it stood in the client's JSON (see chat/text.h); everything borrows from the
 * client's document or from the arena. Knows no format: names of fields belong to wire/.
 */
#ifndef GW_CHAT_REQUEST_H
#define GW_CHAT_REQUEST_H

#include "chat/text.h"

typedef enum gw_role {
    GW_ROLE_SYSTEM,
    GW_ROLE_DEVELOPER,
    GW_ROLE_USER,
    GW_ROLE_ASSISTANT,
    GW_ROLE_TOOL /* its parts are all GW_PART_TOOL_RESULT */
} gw_role;

typedef enum gw_part_kind {
    GW_PART_TEXT,
    GW_PART_IMAGE,
    GW_PART_AUDIO,
    GW_PART_DOCUMENT,
    GW_PART_TOOL_CALL,
    GW_PART_TOOL_RESULT,
    GW_PART_THINKING,          /* text + signature */
    GW_PART_REDACTED_THINKING, /* data */
    GW_PART_REFUSAL,
    GW_PART_NATIVE /* kept whole (raw), for the format it came from only */
} gw_part_kind;

/* How long a provider should keep the prefix up to here. */
typedef enum gw_cache_mark {
    GW_CACHE_NONE,
    GW_CACHE_DEFAULT,
    GW_CACHE_5M,
    GW_CACHE_1H
} gw_cache_mark;

typedef struct gw_part {
    gw_part_kind kind;
    gw_json_ref at; /* where it stood, for error pointers */
    gw_jstr text;   /* TEXT, THINKING, REFUSAL, text DOCUMENT */
    /* IMAGE, AUDIO, DOCUMENT (whatever is neither image nor audio): exactly one of data (base64), url,
     * file_id, or text */
    gw_jstr media_type, data, url, file_id, name /* file name or title */;
    gw_jstr detail; /* IMAGE: how closely to look; DOCUMENT: what it is, in words for the model */
    /* TOOL_CALL: id, tool_name, and arguments in the form they came in */
    gw_jstr id; /* TOOL_RESULT: the id of the call */
    gw_jstr tool_name;
    gw_jstr args_text; /* a string that holds JSON ... */
    gw_raw args;       /* ... or the JSON object itself */
    bool custom;       /* a custom (free text) tool: args_text is its input */
    /* TOOL_RESULT */
    struct gw_part *parts;
    size_t part_count;
    bool is_error;
    /* THINKING, or any part that its maker signed. Opaque; only its maker takes it back: see `origin`. */
    gw_jstr signature;
    aigw_format
        origin; /* whose signature or redacted data it is; 0: that of the request's own format */
    gw_cache_mark cache;
    gw_raw citations;
    gw_raw raw; /* the part as it stood */
} gw_part;

typedef struct gw_message {
    gw_role role;
    gw_json_ref at;
    gw_part *parts;
    size_t part_count;
    gw_jstr name;
} gw_message;

typedef struct gw_tool {
    gw_json_ref at;
    gw_jstr name, description;
    gw_raw schema; /* absent: no parameters */
    int strict;    /* -1 unsaid, 0, 1 */
    bool custom;   /* free text input */
    gw_jstr grammar, grammar_syntax; /* custom: what the input must match, and "lark" or "regex" */
    bool native;   /* a vendor's hosted tool: only `raw` is meaningful */
    gw_cache_mark cache;
    gw_raw raw;
} gw_tool;

typedef enum gw_tool_choice {
    GW_TOOL_UNSAID,
    GW_TOOL_AUTO,
    GW_TOOL_NONE,
    GW_TOOL_REQUIRED,
    GW_TOOL_NAMED,        /* tool_names[0] */
    GW_TOOL_ALLOWED_AUTO, /* of tool_names */
    GW_TOOL_ALLOWED_REQUIRED
} gw_tool_choice;

typedef enum gw_answer_shape { GW_SHAPE_TEXT, GW_SHAPE_JSON, GW_SHAPE_SCHEMA } gw_answer_shape;

typedef enum gw_effort {
    GW_EFFORT_UNSAID,
    GW_EFFORT_NONE,
    GW_EFFORT_MINIMAL,
    GW_EFFORT_LOW,
    GW_EFFORT_MEDIUM,
    GW_EFFORT_HIGH,
    GW_EFFORT_XHIGH,
    GW_EFFORT_MAX
} gw_effort;

typedef enum gw_thinking {
    GW_THINKING_UNSAID,
    GW_THINKING_OFF,
    GW_THINKING_ADAPTIVE,
    GW_THINKING_BUDGET, /* thinking_budget */
    GW_THINKING_BETWEEN_TOOLS
} gw_thinking;

/* A member that the reader knows no neutral meaning for; a writer of another format reports it. */
typedef struct gw_extra {
    gw_json_ref key;
    gw_json_ref value;
} gw_extra;

typedef struct gw_chat_request {
    const gw_json_doc *doc; /* what it was read from */
    /* Set by the reader: whose words the native parts, native tools and extras are. A writer compares it
     * with its own format only; 0 means nobody's. */
    aigw_format format;
    gw_jstr model;
    gw_message *messages;
    size_t message_count;
    gw_tool *tools;
    size_t tool_count;
    gw_tool_choice tool_choice;
    gw_jstr *tool_names;
    size_t tool_name_count;
    int parallel_tool_calls; /* -1 unsaid, 0, 1 */
    int64_t max_tokens;      /* -1 unsaid */
    /* Numbers as written, so that nothing is lost: absent when unsaid */
    gw_raw temperature, top_p, top_k, seed, presence_penalty, frequency_penalty;
    gw_jstr *stop;
    size_t stop_count;
    int64_t n; /* -1 unsaid */
    gw_answer_shape shape;
    gw_jstr schema_name, schema_description;
    gw_raw schema;
    int schema_strict; /* -1 unsaid */
    gw_effort effort;
    gw_thinking thinking;
    int64_t thinking_budget;  /* tokens; -1 unsaid */
    bool thinking_hidden;     /* no thinking text wanted */
    gw_jstr thinking_summary; /* how much thinking text: "auto", "concise", "detailed" */
    gw_jstr user_id;
    gw_raw metadata;      /* an object of strings, for the caller's own use */
    gw_jstr service_tier; /* in the words of the format it came from */
    gw_jstr verbosity;
    bool logprobs;
    int64_t top_logprobs; /* -1 unsaid */
    gw_raw modalities;    /* what the answer is made of: an array of "text", "audio", "image" */
    gw_raw audio;         /* how audio is to sound: {"voice","format"} */
    gw_jstr prompt_cache_key;
    int store; /* may the provider keep it: -1 unsaid, 0, 1 */
    /* A member that only the provider that holds its state understands (previous_response_id, a stored
     * prompt); GW_JSON_ABSENT: none. Writers of other formats are not asked: gw_wire_request refuses. */
    gw_json_ref stateful;
    bool stream;
    bool include_usage; /* the client wants usage in the stream */
    gw_extra *extras;
    size_t extra_count;
} gw_chat_request;

void gw_chat_request_init(gw_chat_request *r, const gw_json_doc *doc);

/* Where the conversation ends, for a pointer: its last message, or the whole document. */
gw_json_ref gw_request_end(const gw_chat_request *r);

/* What a writer could not say, or said otherwise. Grows in the arena. */
typedef struct gw_note {
    aigw_slice pointer; /* JSON pointer into the client's document; "" if none */
    const char *reason; /* static */
} gw_note;

typedef struct gw_notes {
    gw_arena *arena;
    gw_note *items;
    size_t count, cap;
    bool strict; /* gw_note_add refuses */
    gw_json_trail trail;
} gw_notes;

/* Records that `at` was dropped or changed. With strict set: AIGW_E_UNSUPPORTED, pointer filled. */
int gw_note_add(gw_notes *notes, const gw_json_doc *doc, gw_json_ref at, const char *reason,
                aigw_error *err);

/*
 * Signatures of parts that travelled beside them, in formats that have no place on the part itself: in an
 * assistant's message a THINKING part without text whose signature is Gemini's is moved onto the part
 * behind it, if that is no thinking and has no signature, and is removed. For request readers.
 */
void gw_message_join_signatures(gw_message *m);

/* The arguments of a tool call as one JSON object. "" means {}; the input of a custom tool is wrapped as
 * {"input":"..."}. AIGW_E_PARSE (with the pointer of
 * the arguments) when args_text holds no JSON object. */
int gw_part_args_object(gw_arena *arena, const gw_json_doc *doc, const gw_part *part,
                        aigw_slice *out, aigw_error *err);
/* The arguments as the inside of a JSON string that holds compact JSON. */
int gw_part_args_text(gw_arena *arena, const gw_part *part, gw_jstr *out, aigw_error *err);

#endif
