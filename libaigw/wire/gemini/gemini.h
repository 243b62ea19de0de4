/*
 * What the files of the Gemini generateContent codec share. Nobody else includes this.
 *
 * Source: the generateContent API, v1 and v1beta. Knows no other format.
 */
#ifndef GW_WIRE_GEMINI_H
#define GW_WIRE_GEMINI_H

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "wire/wire.h"

/* The member by its camelCase name, or by the same name in snake_case, which the API takes as well.
 * ABSENT also when `object` is no object. */
gw_json_ref gw_gm_get(const gw_json_doc *doc, gw_json_ref object, const char *name);
gw_jstr gw_gm_string_of(const gw_json_doc *doc, gw_json_ref object, const char *name);
/* "model" without "models/" and whatever stands before it. */
aigw_slice gw_gm_model_name(aigw_slice model);

/* Reading a request. */
typedef struct gw_gm_call { /* a functionCall of the conversation, as results look for it */
    gw_jstr id, name;
    bool given; /* the client said the id */
    bool answered;
    uint32_t next; /* the next one of the same name; UINT32_MAX: none */
    uint32_t last; /* of the first one that may be open: the last of its name */
} gw_gm_call;

typedef struct gw_gm_calls {
    gw_gm_call *items;
    uint32_t count, cap;
    uint32_t *by_id, *by_name; /* open addressing: index + 1 */
    uint32_t slots;            /* a power of two */
    gw_hash_key key;
} gw_gm_calls;

typedef struct gw_gm_in {
    gw_arena *arena;
    const gw_json_doc *doc;
    gw_chat_request *out;
    aigw_error *err;
    gw_json_ref root;  /* the request in the document */
    gw_json_ref twice; /* a member that was said in both spellings; ABSENT: none */
    gw_gm_calls calls;
} gw_gm_in;

/* As gw_gm_get, and remembers a member that is there twice. */
gw_json_ref gw_gm_member(gw_gm_in *in, gw_json_ref object, const char *name);
/* AIGW_E_PARSE with a pointer: `ref` has the wrong type, or `parent` lacks `name`. */
int gw_gm_wrong(const gw_gm_in *in, gw_json_ref ref, const char *expected);
int gw_gm_missing(const gw_gm_in *in, gw_json_ref parent, const char *name);
/* A member that may be absent or null, else it has the type. */
int gw_gm_opt(gw_gm_in *in, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out);
int gw_gm_opt_string(gw_gm_in *in, gw_json_ref object, const char *name, gw_jstr *out);
int gw_gm_string(gw_gm_in *in, gw_json_ref object, const char *name, gw_jstr *out);
int gw_gm_opt_bool(gw_gm_in *in, gw_json_ref object, const char *name, bool *out);
/* Keeps a member that has no neutral meaning; gw_gm_read_request has made the room. */
void gw_gm_extra(gw_gm_in *in, gw_json_ref key);

int gw_gm_read_contents(gw_gm_in *in);
int gw_gm_read_tools(gw_gm_in *in);
/* One of two members that exclude each other: JSON Schema, or the API's own kind of it. */
int gw_gm_read_schema(gw_gm_in *in, gw_json_ref object, const char *common, const char *own,
                      gw_raw *out);
int gw_gm_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err);
/* The table of calls; `room` is the most there can be. */
int gw_gm_calls_init(gw_gm_calls *calls, gw_arena *arena, uint32_t room);
/* An absent id is made up. Gives the index. */
int gw_gm_calls_add(gw_gm_calls *calls, gw_arena *arena, gw_jstr *id, gw_jstr name);
/* By id; UINT32_MAX if there is none. */
uint32_t gw_gm_calls_find(const gw_gm_calls *calls, gw_jstr id);
/* The first one of that name that was not answered; UINT32_MAX if there is none. */
uint32_t gw_gm_calls_open(gw_gm_calls *calls, gw_jstr name);

/* JSON Schema: the API's own kind (types in capitals, nullable) into the common one, and the common one
 * into what parametersJsonSchema and responseJsonSchema take; what they do not take goes into words. */
void gw_gm_schema_read(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema);
void gw_gm_schema_write(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema, bool *changed);

/* Writing a request. */
typedef enum gw_gm_family { GW_GM_OTHER, GW_GM_2_5, GW_GM_3 } gw_gm_family;

typedef struct gw_gm_out {
    gw_arena *arena;
    const gw_chat_request *r;
    const gw_write_options *options;
    gw_jw w;
    gw_notes *notes;
    aigw_error *err;
    bool same;       /* the request was read from this format */
    bool json_words; /* the shape of the answer is asked for in the system instruction */
    aigw_slice model;
    gw_gm_family family;
    gw_gm_calls calls;
} gw_gm_out;

int gw_gm_note(gw_gm_out *o, gw_json_ref at, const char *reason);
/* Notes the member of the client's document that has one of these names (NULL-ended). */
int gw_gm_note_member(gw_gm_out *o, const char *const *names, const char *reason);
void gw_gm_write_tool_name(gw_gm_out *o, gw_jstr name);
int gw_gm_write_part(gw_gm_out *o, const gw_part *part);
int gw_gm_write_system(gw_gm_out *o);
int gw_gm_write_contents(gw_gm_out *o);
int gw_gm_write_tools(gw_gm_out *o);
int gw_gm_write_config(gw_gm_out *o);
/* Members of `object` in the client's document that were kept as extras, as they stood. */
void gw_gm_write_extras_of(gw_gm_out *o, gw_json_ref object);
bool gw_gm_has_extras_of(const gw_gm_out *o, gw_json_ref object);
int gw_gm_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err);
/* Files of Google, and videos. */
bool gw_gm_opens_url(gw_jstr url);
int gw_gm_mend_request(gw_arena *arena, const gw_json_doc *doc, const gw_write_options *options,
                       gw_patch out[GW_MEND_MAX], size_t *count);

/* Counting. */
int gw_gm_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                             aigw_error *err);
int gw_gm_write_count_request(gw_arena *arena, const gw_chat_request *request,
                              const gw_write_options *options, gw_buf *out, gw_notes *notes,
                              aigw_error *err);

/* Answers. */
bool gw_gm_usage_read(const gw_json_doc *doc, gw_json_ref usage, aigw_usage *out);
/* The usageMetadata object; false and nothing when nothing is known. */
bool gw_gm_usage_write(gw_jw *w, const aigw_usage *usage, gw_jstr service_tier);
/* False: the answer is unusable unless something came before. */
bool gw_gm_finish_of(gw_jstr word, gw_finish *out);
void gw_gm_finish_write(gw_jw *w, gw_finish finish, gw_jstr native, gw_jstr refusal);
/* RFC 3339 in UTC; 0 if it is none. */
int64_t gw_gm_time_of(aigw_slice text);
void gw_gm_time_write(gw_jw *w, int64_t unix_s);
/* Is it a whole part in this API's own words? */
bool gw_gm_own_part(aigw_slice raw);
/* Appends JSON without white space between tokens, escaped as the inside of a string. */
void gw_gm_escape_json(gw_buf *out, aigw_slice json);

/* Logprobs of a candidate in OpenAI's shape, and back. Absent when there are none (or no memory). */
gw_raw gw_gm_logprobs_read(gw_arena *arena, const gw_json_doc *doc, gw_json_ref candidate);
bool gw_gm_logprobs_write(gw_arena *arena, gw_jw *w, gw_raw logprobs);
/*
 * Citations. What is read is an array: first {"groundingMetadata":...} or {"citationMetadata":...} as it
 * stood, then for each web source OpenAI's {"type":"url_citation","url_citation":{...}}, its places
 * counted in code points of `text` (the candidate's text as inner of a string). `base` is the byte at
 * which the part begins that segments count from. Written back from any vendor's web citations.
 */
typedef struct gw_gm_text {
    aigw_slice inner;
    const uint32_t *starts; /* bytes before part i */
    uint32_t count;
} gw_gm_text;

gw_raw gw_gm_citations_read(gw_arena *arena, const char *member, aigw_slice json,
                            const gw_gm_text *text);
/* The members groundingMetadata / citationMetadata; writes nothing where there is nothing to say. */
void gw_gm_citations_write(gw_arena *arena, gw_jw *w, aigw_slice citations);

int gw_gm_read_answer(gw_arena *arena, const gw_json_doc *doc, const gw_event_sink *sink,
                      aigw_error *err);
int gw_gm_write_answer(gw_arena *arena, const gw_answer *answer, const gw_answer_options *options,
                       gw_buf *out, aigw_error *err);
void gw_gm_error_of(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, int status,
                    gw_api_error *out);
void gw_gm_read_error(gw_arena *arena, int status, aigw_slice body, gw_api_error *out);
void gw_gm_write_error(const gw_api_error *error, const gw_answer_options *options, gw_buf *out,
                       int *status);

#endif
