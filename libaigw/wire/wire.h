/*
 * The seam of a format. A client dialect and a provider API are the same kind of thing: one codec each.
 *
 * Pure: bytes and neutral values in and out. A format's file names its fields; nobody else does.
 */
#ifndef GW_WIRE_WIRE_H
#define GW_WIRE_WIRE_H

#include "chat/event.h"
#include "chat/fold.h"
#include "chat/request.h"
#include "proto/sse.h"

/* What hosts of a format do otherwise than its owner. Data of providers, obeyed by writers. */
typedef enum gw_quirk {
    GW_QUIRK_MAX_TOKENS = 1 << 0,       /* knows max_tokens only, not max_completion_tokens */
    GW_QUIRK_NO_DEVELOPER = 1 << 1,     /* the role is called system */
    GW_QUIRK_NO_USAGE_OPTION = 1 << 2,  /* refuses stream_options; sends usage by itself or never */
    GW_QUIRK_NO_JSON_SCHEMA = 1 << 3,   /* json_object at most: the schema goes into the prompt */
    GW_QUIRK_NO_STRICT = 1 << 4,        /* refuses `strict` of tools and schemas */
    GW_QUIRK_NO_PARALLEL_FLAG = 1 << 5, /* refuses parallel_tool_calls */
    GW_QUIRK_NO_REASONING = 1 << 6,     /* refuses reasoning_effort */
    GW_QUIRK_REASONING_REPLAY = 1 << 7, /* takes reasoning_content in assistant turns */
    GW_QUIRK_TEXT_ONLY = 1 << 8,        /* content must be a string: parts are joined */
    GW_QUIRK_NO_METADATA = 1 << 9,      /* refuses metadata, store, service_tier, user */
    GW_QUIRK_NO_PENALTIES = 1 << 10,
    GW_QUIRK_NO_LOGPROBS = 1 << 11,
    GW_QUIRK_NO_NAMED_CHOICE =
        1 << 12,              /* tool_choice: strings only; a named tool becomes required */
    GW_QUIRK_OPENAI = 1 << 13, /* OpenAI proper: unknown members of messages are a 400 */
    GW_QUIRK_NO_SAMPLING = 1 << 14, /* Anthropic since 2026-10-21: no temperature, top_p, top_k */
    GW_QUIRK_COUNT_PLAIN = 1 << 15  /* Vertex: countTokens takes the request itself, not wrapped */
} gw_quirk;

/* What the writer of a request must know about its target besides the request. */
typedef struct gw_write_options {
    aigw_slice model;           /* plain; "" : the request's own */
    int64_t default_max_tokens; /* for a format that requires one */
    bool force_usage;           /* ask for usage in the stream whatever the client said */
    unsigned quirks;            /* bits of gw_quirk: what the host does not take */
} gw_write_options;

/* What the writer of an answer must know. */
typedef struct gw_answer_options {
    aigw_slice id_seed;    /* hex; makes an id when the provider gave none */
    aigw_slice request_id; /* ours, for error bodies */
    int64_t created;       /* unix seconds when the provider gave none */
    bool include_usage;    /* streams: the client asked for usage */
    bool json_array;       /* Gemini streams: one JSON array instead of server-sent events */
    bool forwarded;        /* streams: the beginning came from the provider as it was; only pings and
                              an error are written */
    int64_t
        input_estimate; /* streams: tokens of the request, for formats that say them first; 0: unknown */
    /* What the client asked, in its own words, for answers that echo it (Responses); NULL: unknown. */
    const gw_json_doc *request;
} gw_answer_options;

/* What a tap decides about one event of a same-format stream. */
typedef enum gw_tap_verdict {
    GW_TAP_PASS,   /* forward the bytes as they came */
    GW_TAP_DROP,   /* the client must not see it */
    GW_TAP_LAST,   /* forward; the stream is complete with this */
    GW_TAP_ERROR,  /* forward; it is an error event: the stream ends in failure */
    GW_TAP_REPAIR, /* clients would break on it: forward what tap_repair writes instead */
    GW_TAP_BROKEN  /* no event of this format: the client must get an error event of ours instead */
} gw_tap_verdict;

/*
 * The same-format patch: which byte ranges of a request body to replace. Members are top-level only.
 * `value` is JSON; an absent member is inserted as the first one.
 */
typedef struct gw_patch {
    const char *member;
    aigw_slice value;
    bool remove; /* takes the member away; value is ignored, an absent one stays absent */
} gw_patch;

enum { GW_MEND_MAX = 24 };

typedef struct gw_wire {
    const char *name;
    aigw_format format;
    const char *stream_type; /* content-type of its streams */
    /* What a conductor must know of the format; no other file asks which format it is. */
    bool model_in_path;   /* bodies hold neither the model nor `stream`: the path says them */
    bool usage_on_demand; /* streams tell usage only if the request asks (stream_options) */
    bool array_streams;   /* a stream may also be one JSON array, and the query has `alt` */
    bool input_first;     /* streams begin with the input's tokens: an estimate where none is known */
    /* Do its providers open this URL of an image or a document? NULL: they open any. */
    bool (*opens_url)(gw_jstr url);

    /* AIGW_E_PARSE or _UNSUPPORTED with pointer, http_status 400. */
    int (*read_request)(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                        aigw_error *err);
    int (*write_request)(gw_arena *arena, const gw_chat_request *request,
                         const gw_write_options *options, gw_buf *out, gw_notes *notes,
                         aigw_error *err);

    /*
     * Same format on both ends: what of a request the provider would refuse because we made it up, as
     * patches of top-level members (values in the arena). NULL: nothing ever. *count is left 0 mostly.
     */
    int (*mend_request)(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                        gw_patch out[GW_MEND_MAX], size_t *count);

    /* A whole answer as events (START ... END). AIGW_E_UPSTREAM when the document is no answer. */
    int (*read_answer)(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                       aigw_error *err);
    int (*write_answer)(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                        gw_buf *out, aigw_error *err);

    /* An error body of any sort (JSON, HTML, empty) with the status it came with. Never fails: what
     * cannot be read becomes a generic message. Borrowed from body and arena. */
    void (*read_error)(gw_arena *arena, int status, aigw_slice body, gw_api_error *out);
    /* The body, and in *status the HTTP status of this dialect. */
    void (*write_error)(const gw_api_error *error, const gw_answer_options *options, gw_buf *out,
                        int *status);

    /*
     * Counting tokens. All NULL: the format's providers have no counter. The request as read_request gives
     * it, but that what only an answer needs (max_tokens) may be missing.
     */
    int (*read_count_request)(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                              aigw_error *err);
    int (*write_count_request)(gw_arena *arena, const gw_chat_request *request,
                               const gw_write_options *options, gw_buf *out, gw_notes *notes,
                               aigw_error *err);
    bool (*read_count)(const gw_json_doc *doc, int64_t *tokens);
    void (*write_count)(int64_t tokens, gw_buf *out);

    /* Streams. State is `*_size` zeroed bytes, 16-aligned; _init before, _free after use. */
    size_t reader_size;
    int (*reader_init)(void *reader, size_t max_event_bytes);
    void (*reader_free)(void *reader);
    /* Any split. AIGW_E_UPSTREAM (after an ERROR event went to the sink) when the stream is broken. */
    int (*reader_feed)(void *reader, aigw_slice bytes, const gw_event_sink *sink, aigw_error *err);
    /* The body ended. Without the terminal event: ERROR to the sink and AIGW_E_UPSTREAM. */
    int (*reader_end)(void *reader, const gw_event_sink *sink, aigw_error *err);

    size_t writer_size;
    int (*writer_init)(void *writer, const gw_answer_options *options);
    void (*writer_free)(void *writer);
    int (*writer_event)(void *writer, const gw_event *event, gw_buf *out);

    /* Same format on both ends: looks at one event in passing. Merges usage into *usage. tap_event NULL:
     * the format's streams are no server-sent events; they are read and written. */
    size_t tap_size;
    void (*tap_init)(void *tap, bool hide_usage);
    gw_tap_verdict (*tap_event)(void *tap, const gw_sse_event *event, aigw_usage *usage);
    /* After GW_TAP_REPAIR or GW_TAP_LAST: writes what is forwarded instead of the event. False: the event
     * is fine as it came. May be NULL. */
    bool (*tap_repair)(const void *tap, const gw_sse_event *event, gw_tap_verdict verdict,
                       gw_buf *out);
    /* Usage of a whole answer that is forwarded as it is; false if it is not an answer document. */
    bool (*tap_answer)(aigw_slice body, aigw_usage *usage);
    /* May the body end after what the tap has seen? (Some compatible hosts send no [DONE].) */
    bool (*tap_complete)(const void *tap);
} gw_wire;

extern const gw_wire gw_wire_openai_chat;
extern const gw_wire gw_wire_anthropic;
extern const gw_wire gw_wire_openai_responses;
extern const gw_wire gw_wire_gemini;
extern const gw_wire gw_wire_bedrock;

/* write_request of `to` behind what is the same for all: a request that needs its provider's state is
 * refused (AIGW_E_UNSUPPORTED, pointer) when `to` is another format. */
int gw_wire_request(const gw_wire *to, gw_arena *arena, const gw_chat_request *request,
                    const gw_write_options *options, gw_buf *out, gw_notes *notes, aigw_error *err);

/* The NULL-ended table, and a look-up by format; NULL if unknown. */
extern const gw_wire *const gw_wires[];
const gw_wire *gw_wire_of(aigw_format format);

/* The status that goes with a kind when the error names none. */
int gw_api_error_status(gw_api_error_kind kind);
gw_api_error_kind gw_api_error_kind_of(int status);

/* Of several patches of one member the last is done. */
int gw_patch_body(const gw_json_doc *doc, const gw_patch *patches, size_t count, gw_buf *out,
                  aigw_error *err);
/* The same without a copy: pieces of the document and of the patches, which outlive the list. It lies in
 * the arena. For large bodies: one request is then held once. */
int gw_patch_pieces(const gw_json_doc *doc, const gw_patch *patches, size_t count, gw_arena *arena,
                    const aigw_slice **out, size_t *out_count, aigw_error *err);

#endif
