/*
 * What the files of the Bedrock Converse codec share: its words, models, media, and the vtable's parts.
 *
 * Source: the Bedrock Runtime API reference (Converse, ConverseStream, CountTokens). Of other formats it
 * knows the Messages API's models only: what a Claude takes does not depend on who serves it.
 */
#ifndef GW_WIRE_BEDROCK_H
#define GW_WIRE_BEDROCK_H

#include "base/error.h"
#include "base/text.h"
#include "wire/anthropic/anthropic.h"
#include "wire/wire.h"

/* Whose the signatures of reasoningContent are: Claude's are the same on every platform. */
#define GW_BEDROCK_ORIGIN AIGW_FORMAT_ANTHROPIC

/* Media, by the API's short words */
typedef enum gw_bedrock_media {
    GW_BEDROCK_IMAGE,
    GW_BEDROCK_DOCUMENT,
    GW_BEDROCK_VIDEO,
    GW_BEDROCK_AUDIO
} gw_bedrock_media;

/* The MIME type of a format word; NULL if it is none of that kind. */
const char *gw_bedrock_mime(gw_bedrock_media kind, gw_jstr format);
/* The format word of a MIME type (parameters ignored, any case), of the kind; NULL if there is none. */
const char *gw_bedrock_format(gw_bedrock_media kind, aigw_slice mime);
/* By the ending of a file name; NULL if there is none. */
const char *gw_bedrock_format_of_name(gw_bedrock_media kind, aigw_slice name);

/* Ids of tool calls: how often a call had one, and which of them the next result answers. */
typedef struct gw_bedrock_id {
    aigw_slice id; /* data NULL: a free slot */
    size_t calls, answered;
    size_t turn; /* of the last call */
} gw_bedrock_id;

typedef struct gw_bedrock_ids {
    gw_bedrock_id *slots;
    gw_hash_key key;
    size_t count, cap;
} gw_bedrock_ids;

/* The entry of an id, made if need be; NULL on no memory. Good until the next call. */
gw_bedrock_id *gw_bedrock_id_of(gw_arena *arena, gw_bedrock_ids *ids, aigw_slice id);

/* Request, reading */
typedef struct gw_bedrock_in {
    gw_arena *arena;
    const gw_json_doc *doc;
    gw_json_ref root; /* the Converse request; not the document's root when tokens are counted */
    aigw_error *err;
} gw_bedrock_in;

/* 400s with a pointer: `ref` has the wrong type, or `parent` lacks `name`. Both return AIGW_E_PARSE. */
int gw_bedrock_wrong(const gw_bedrock_in *in, gw_json_ref ref, const char *expected);
int gw_bedrock_missing(const gw_bedrock_in *in, gw_json_ref parent, const char *name);
/* Members by type; absent or null leaves *out absent, unless it is required. */
int gw_bedrock_string(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                      gw_jstr *out);
int gw_bedrock_object(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                      gw_json_ref *out);
int gw_bedrock_array(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                     gw_json_ref *out);
/* The one member of a union: its key. */
int gw_bedrock_union(const gw_bedrock_in *in, gw_json_ref object, gw_json_ref *key);
int gw_bedrock_read_cache(const gw_bedrock_in *in, gw_json_ref point, gw_cache_mark *out);
int gw_bedrock_read_messages(const gw_bedrock_in *in, gw_chat_request *out);
int gw_bedrock_read_tools(const gw_bedrock_in *in, gw_chat_request *out);
int gw_bedrock_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                            aigw_error *err);
int gw_bedrock_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                                  aigw_error *err);

/* Request, writing */

/* What a model takes, as far as its name tells. `known` is false for a name that hides its family (the ARN
 * of a profile or of provisioned throughput): then what the client asks for is believed. */
typedef struct gw_bedrock_model {
    bool known;
    bool claude, nova, nova2, openai;
    bool choice_any, choice_named; /* of toolChoice */
    bool status;                   /* toolResult.status */
    bool cache, cache_tools, cache_1h;
    bool structured; /* outputConfig.textFormat, and strict tools */
} gw_bedrock_model;

typedef struct gw_bedrock_out {
    gw_arena *arena;
    const gw_chat_request *r;
    const gw_write_options *options;
    gw_jw w;
    gw_notes *notes;
    aigw_error *err;
    bool same; /* the request came from this format */
    gw_bedrock_model model;
    gw_anthropic_plan claude; /* thinking and the like of a Claude */
    bool text_format;         /* the schema of the answer goes out as outputConfig.textFormat, */
    bool json_tool;           /* or as a tool that must be called, */
    bool json_words;          /* or JSON is asked for in the system prompt */
    bool has_calls;           /* tool blocks in the history: then the API wants a toolConfig */
    size_t marks_total, marks_seen; /* cache marks: only the last four are written */
    gw_bedrock_ids ids, names;      /* ids of calls; names of documents */
    size_t turn;
} gw_bedrock_out;

int gw_bedrock_note(gw_bedrock_out *o, gw_json_ref at, const char *reason);
/* The pointer is that of the first of the members (their names in the formats, a space between) that the
 * client's document has; "" if it has none. */
int gw_bedrock_note_member(gw_bedrock_out *o, const char *members, const char *reason);
/* The pointer is that of a value that was read from the client's document. */
int gw_bedrock_note_value(gw_bedrock_out *o, aigw_slice bytes, const char *reason);
int gw_bedrock_decide(gw_bedrock_out *o);
bool gw_bedrock_thinks(const gw_bedrock_out *o);
/* A cachePoint block behind what is marked, if the model knows them. */
int gw_bedrock_write_cache(gw_bedrock_out *o, gw_cache_mark mark, gw_json_ref at, bool takes);
int gw_bedrock_write_part(gw_bedrock_out *o, const gw_part *part);
/* An image, document, video or audio as its block, without the brace around it. */
bool gw_bedrock_opens_url(gw_jstr url); /* s3:// */
int gw_bedrock_write_media(gw_bedrock_out *o, const gw_part *part);
void gw_bedrock_write_tool_name(gw_bedrock_out *o, gw_jstr name);
/* May the signature or redacted data of the part go out bare? */
bool gw_bedrock_own_signature(const gw_bedrock_out *o, const gw_part *part);
int gw_bedrock_write_system(gw_bedrock_out *o);
int gw_bedrock_write_messages(gw_bedrock_out *o);
int gw_bedrock_write_tools(gw_bedrock_out *o);
int gw_bedrock_write_request(gw_arena *arena, const gw_chat_request *request,
                             const gw_write_options *options, gw_buf *out, gw_notes *notes,
                             aigw_error *err);
int gw_bedrock_write_count_request(gw_arena *arena, const gw_chat_request *request,
                                   const gw_write_options *options, gw_buf *out, gw_notes *notes,
                                   aigw_error *err);
/* The same-format patch: what we sealed is taken out of `messages`. */
int gw_bedrock_mend_request(gw_arena *arena, const gw_json_doc *doc,
                            const gw_write_options *options, gw_patch out[GW_MEND_MAX],
                            size_t *count);

/* Answers */

/* Into neutral numbers: input_tokens of this API does not contain the cached ones. */
aigw_usage gw_bedrock_usage_read(const gw_json_doc *doc, gw_json_ref object);
void gw_bedrock_usage_write(gw_jw *w, const aigw_usage *usage);
/* stopReason and the stop sequence, if the model told it, of `owner` into a FINISH event. */
void gw_bedrock_finish_read(const gw_json_doc *doc, gw_json_ref owner, gw_event *finish);
/* The model's output could not be read: an answer without anything else is a failure. */
bool gw_bedrock_malformed(const gw_json_doc *doc, gw_json_ref owner);
const char *gw_bedrock_stop_word(gw_finish finish, bool has_calls);
/* Is it one of this API's own blocks or citations (not another vendor's)? */
bool gw_bedrock_own_block(aigw_slice raw);
bool gw_bedrock_own_citation(aigw_slice raw);
/* An id as it is if the API takes it, else one made of it or of the seed. */
void gw_bedrock_write_id(gw_jw *w, gw_jstr id, aigw_slice seed, int64_t number);
/* A reasoningText signature: bare when its maker's is taken here, else sealed. Absent: nothing. */
void gw_bedrock_write_signature(gw_jw *w, gw_jstr signature, aigw_format origin);
void gw_bedrock_write_redacted(gw_jw *w, gw_jstr data, aigw_format origin);
/* serviceTier:{"type"} in this API's words; nothing for a word it does not have. */
bool gw_bedrock_write_tier(gw_jw *w, gw_jstr tier);

int gw_bedrock_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                           aigw_error *err);
int gw_bedrock_write_answer(gw_arena *arena, const gw_answer *answer,
                            const gw_answer_options *options, gw_buf *out, aigw_error *err);
/* `type` is the exception's name, "" if none is known; `object` the document's root or ABSENT. */
void gw_bedrock_error_read(const gw_json_doc *doc, gw_json_ref object, aigw_slice type, int status,
                           gw_api_error *out);
void gw_bedrock_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out);
void gw_bedrock_write_error(const gw_api_error *error, const gw_answer_options *options,
                            gw_buf *out, int *status);

#endif
