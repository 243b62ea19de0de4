/*
 * What the files of the Anthropic Messages codec share: its words, usage, models, and the vtable's parts.
 *
 * Source: the Messages API reference, versions 2023-06-01 and 2026-10-21. Knows no other format.
 */
#ifndef GW_WIRE_ANTHROPIC_H
#define GW_WIRE_ANTHROPIC_H

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "chat/seal.h"
#include "wire/wire.h"

/* Request, reading */
int gw_anthropic_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                              aigw_error *err);

typedef struct gw_anthropic_in {
    gw_arena *arena;
    const gw_json_doc *doc;
    aigw_error *err;
} gw_anthropic_in;

/* 400s with a pointer: `ref` has the wrong type, or `parent` lacks `name`. Both return AIGW_E_PARSE. */
int gw_anthropic_wrong(const gw_anthropic_in *in, gw_json_ref ref, const char *expected);
/* A word that this code does not know: gw_read_unknown. */
int gw_anthropic_unknown(const gw_anthropic_in *in, gw_json_ref ref, const char *known);
int gw_anthropic_missing(const gw_anthropic_in *in, gw_json_ref parent, const char *name);
/* A string member; absent or null leaves *out absent, unless it is required. */
int gw_anthropic_string(const gw_anthropic_in *in, gw_json_ref parent, const char *name,
                        bool required, gw_jstr *out);
int gw_anthropic_read_cache(const gw_anthropic_in *in, gw_json_ref owner, gw_cache_mark *out);
/* Content that is a string or an array of blocks. `role` says which blocks may stand there. */
int gw_anthropic_read_content(const gw_anthropic_in *in, gw_json_ref content, gw_role role,
                              gw_part **parts, size_t *count);
int gw_anthropic_read_messages(const gw_anthropic_in *in, gw_json_ref array, gw_chat_request *out);
int gw_anthropic_read_tools(const gw_anthropic_in *in, gw_chat_request *out);

int gw_anthropic_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                                    aigw_error *err);
bool gw_anthropic_read_count(const gw_json_doc *doc, int64_t *tokens);

/* The same-format patch: thinking that nobody signed (ours, of a provider of another format) goes. */
int gw_anthropic_mend_request(gw_arena *arena, const gw_json_doc *doc,
                              const gw_write_options *options, gw_patch out[GW_MEND_MAX],
                              size_t *count);

/* Request, writing */
int gw_anthropic_write_request(gw_arena *arena, const gw_chat_request *request,
                               const gw_write_options *options, gw_buf *out, gw_notes *notes,
                               aigw_error *err);

/* May the API have this part back? Thinking only with a signature of its own maker. */
bool gw_anthropic_own_thinking(const gw_chat_request *r, const gw_part *part);

int gw_anthropic_write_count_request(gw_arena *arena, const gw_chat_request *request,
                                     const gw_write_options *options, gw_buf *out, gw_notes *notes,
                                     aigw_error *err);
void gw_anthropic_write_count(int64_t tokens, gw_buf *out);

/* What a model of the family takes. A model of another name (a host that speaks the dialect) is plain. */
typedef struct gw_anthropic_model {
    bool known;
    bool thinking;      /* extended thinking at all */
    bool adaptive;      /* thinking:{type:"adaptive"} and output_config.effort */
    bool xhigh;         /* effort "xhigh" */
    bool sampling;      /* temperature, top_p, top_k */
    bool mid_system;    /* role "system" inside of messages */
    bool structured;    /* output_config.format */
    int64_t max_output; /* 0: not known */
} gw_anthropic_model;

gw_anthropic_model gw_anthropic_model_of(aigw_slice name);
/* max_tokens of a request that names none: what the config says (0: nothing), within what the model gives. */
int64_t gw_anthropic_default_max_tokens(int64_t configured, aigw_slice model);

/* What is decided about a request before its first byte is written. */
typedef struct gw_anthropic_plan {
    gw_anthropic_model model;
    bool same; /* the request came from this format */
    int64_t max_tokens;
    gw_thinking thinking; /* UNSAID: none is written */
    int64_t budget;
    gw_effort effort; /* output_config.effort; UNSAID: none */
    bool json_tool;   /* the schema of the answer goes out as a tool that must be called */
    bool json_words;  /* JSON is asked for in the system prompt */
} gw_anthropic_plan;

typedef struct gw_anthropic_out {
    gw_arena *arena;
    const gw_chat_request *r;
    const gw_write_options *options;
    gw_anthropic_plan plan;
    gw_jw w;
    gw_notes *notes;
    aigw_error *err;
    size_t marks_total, marks_seen; /* cache marks: only the last four are written */
    bool short_mark;             /* one of less than an hour went out: no longer one may follow */
    bool counting;               /* for count_tokens: nothing that only an answer needs */
    struct gw_anthropic_id *ids; /* of the calls written so far: open addressing */
    size_t id_count, id_slots;
    gw_hash_key id_key;
    size_t turn; /* number of the turn at hand */
} gw_anthropic_out;

int gw_anthropic_note(gw_anthropic_out *o, gw_json_ref at, const char *reason);
/* The pointer is that of a value that borrows from the client's document. */
int gw_anthropic_note_value(gw_anthropic_out *o, aigw_slice value, const char *reason);
/* The pointer is that of the member of the client's document; "" if it has none of that name. */
int gw_anthropic_note_member(gw_anthropic_out *o, const char *member, const char *reason);
int gw_anthropic_decide(gw_anthropic_out *o);
int gw_anthropic_write_cache(gw_anthropic_out *o, gw_cache_mark mark, gw_json_ref at);
int gw_anthropic_write_part(gw_anthropic_out *o, const gw_part *part);
/* Ids as the API takes them, each one once: `id` and `tool_use_id` of the same call get the same. */
int gw_anthropic_write_call_id(gw_anthropic_out *o, gw_jstr id);
int gw_anthropic_write_result_id(gw_anthropic_out *o, gw_jstr id);
void gw_anthropic_write_tool_name(gw_anthropic_out *o, gw_jstr name);
int gw_anthropic_write_system(gw_anthropic_out *o);
int gw_anthropic_write_messages(gw_anthropic_out *o);
int gw_anthropic_write_tools(gw_anthropic_out *o);
/* The schema at `schema`, closed: each object in it gets additionalProperties:false unless it says more. */
void gw_anthropic_write_schema(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema);

/* Answers */
typedef struct gw_anthropic_usage { /* running numbers as the API counts; -1 unknown */
    int64_t input, cache_creation, cache_read, output, thinking;
} gw_anthropic_usage;

void gw_anthropic_usage_init(gw_anthropic_usage *u);
/* Each number that is there and not null replaces the running one. */
void gw_anthropic_usage_read(gw_anthropic_usage *u, const gw_json_doc *doc, gw_json_ref object);
aigw_usage gw_anthropic_usage_neutral(const gw_anthropic_usage *u);
void gw_anthropic_usage_write(gw_jw *w, const aigw_usage *usage, gw_jstr service_tier);

/* stop_reason, stop_sequence and stop_details of `owner` into a FINISH event. */
void gw_anthropic_finish_read(const gw_json_doc *doc, gw_json_ref owner, gw_event *finish);
typedef struct gw_anthropic_stop {
    gw_finish finish;
    gw_jstr stop_sequence, refusal;
    bool has_calls;
} gw_anthropic_stop;
/* The members stop_reason, stop_sequence and, for an explained refusal, stop_details. */
void gw_anthropic_finish_write(gw_jw *w, const gw_anthropic_stop *stop);

/* Is it one of this API's own blocks (not another vendor's)? */
bool gw_anthropic_own_block(aigw_slice raw);
/* The member `citations` of a text block, own ones as they are; url_citations become results of a web
 * search, with the cited text where `text` holds it. Nothing where none can be said. */
void gw_anthropic_write_citations(gw_arena *arena, gw_jw *w, gw_raw citations, gw_jstr text);
/* One citation of this API at ref of doc. False, and nothing written: it cannot be said here. */
bool gw_anthropic_write_citation(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref, gw_jstr text);
/* Appends JSON without white space between tokens, escaped as the inside of a string. */
void gw_anthropic_escape_json(gw_buf *out, aigw_slice json);
void gw_anthropic_write_id(gw_jw *w, gw_jstr id, const char *prefix, aigw_slice seed,
                           int64_t number);

int gw_anthropic_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                             aigw_error *err);
int gw_anthropic_write_answer(gw_arena *arena, const gw_answer *answer,
                              const gw_answer_options *options, gw_buf *out, aigw_error *err);
/* From the `error` object of a document (or ABSENT) and the status it came with. */
void gw_anthropic_error_read(const gw_json_doc *doc, gw_json_ref object, int status,
                             gw_api_error *out);
void gw_anthropic_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out);
void gw_anthropic_write_error(const gw_api_error *error, const gw_answer_options *options,
                              gw_buf *out, int *status);

#endif
