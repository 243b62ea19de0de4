/*
 * The seam of embeddings: one small codec per dialect, OpenAI's and Gemini's, each to each.
 *
 * Pure: bytes and neutral values in and out. A dialect's file names its fields; nobody else does.
 * Numbers are float32, as the models make them: decimal text goes in and out as the shortest text that gives
 * the same float32, base64 is its little-endian bytes.
 */
#ifndef GW_WIRE_EMBED_H
#define GW_WIRE_EMBED_H

#include "chat/event.h"
#include "chat/request.h"

/* One text that gets one vector. */
typedef struct gw_embed_input {
    gw_json_ref at;
    gw_jstr text;  /* absent: tokens, or (Gemini) a content that is more than text */
    gw_raw tokens; /* OpenAI: an array of token numbers instead of text */
    gw_jstr task_type, title;
    gw_json_ref task_at, title_at, dimensions_at;
    int64_t dimensions; /* -1 unsaid */
} gw_embed_input;

typedef struct gw_embed_request {
    const gw_json_doc *doc;
    aigw_format
        format; /* AIGW_FORMAT_OPENAI_CHAT stands for OpenAI's dialect, or AIGW_FORMAT_GEMINI */
    gw_embed_input *inputs;
    size_t input_count;
    bool one;    /* one input that was no list */
    bool base64; /* the answer's vectors are wanted as base64 */
    gw_jstr user;
    gw_json_ref user_at;
    gw_extra *extras; /* members without a neutral meaning */
    size_t extra_count;
} gw_embed_request;

typedef struct gw_embed_vector {
    const float *values; /* in the arena */
    size_t count;
} gw_embed_vector;

typedef struct gw_embed_answer {
    gw_embed_vector *vectors; /* in the order of the inputs */
    size_t vector_count;
    gw_jstr model;
    bool base64;      /* they came so */
    aigw_usage usage; /* input_tokens; -1 unsaid */
} gw_embed_answer;

/* What a writer must know besides. */
typedef struct gw_embed_options {
    aigw_slice model; /* plain: what the target, or the client, calls it */
    bool one;         /* Gemini: embedContent, not batchEmbedContents */
    bool base64;      /* answers, OpenAI */
} gw_embed_options;

typedef struct gw_embed_wire {
    aigw_format format;
    /* `one`: the path takes one input only (Gemini's embedContent). AIGW_E_PARSE, _UNSUPPORTED with pointer. */
    int (*read_request)(gw_arena *arena, const gw_json_doc *doc, aigw_slice model, bool one,
                        gw_embed_request *out, aigw_error *err);
    int (*write_request)(gw_arena *arena, const gw_embed_request *request,
                         const gw_embed_options *options, gw_buf *out, gw_notes *notes,
                         aigw_error *err);
    /* AIGW_E_UPSTREAM: no answer. AIGW_E_NOMEM. */
    int (*read_answer)(gw_arena *arena, const gw_json_doc *doc, gw_embed_answer *out);
    void (*write_answer)(const gw_embed_answer *answer, const gw_embed_options *options,
                         gw_buf *out);
} gw_embed_wire;

extern const gw_embed_wire gw_embed_openai;
extern const gw_embed_wire gw_embed_gemini;
extern const gw_embed_wire
    gw_embed_vertex; /* of a provider only: it reads no request, writes no answer */
/* Does Vertex serve this model by :predict? Else by :embedContent. */
bool gw_embed_vertex_predicts(aigw_slice model);

/* NULL: the format knows no embeddings. */
const gw_embed_wire *gw_embed_wire_of(aigw_format format);

/* Vectors of length 1, but for those that are zero or have it already. */
void gw_embed_normalise(gw_embed_answer *answer);

/* -- for the codecs -- */

/* An array of numbers (AIGW_E_UPSTREAM if it is none) as float32. */
int gw_embed_floats(gw_arena *arena, const gw_json_doc *doc, gw_json_ref array,
                    gw_embed_vector *out);
/* Base64 of little-endian float32. */
int gw_embed_unbase64(gw_arena *arena, aigw_slice text, gw_embed_vector *out);
void gw_embed_write_floats(gw_jw *w, const gw_embed_vector *vector);
void gw_embed_write_base64(gw_jw *w, const gw_embed_vector *vector);
/* The shortest decimal text that reads as this float32 (finite); out has room for 32 bytes. */
size_t gw_embed_decimal(float value, char *out);
/* The float32 that is nearest to a JSON number's text; false when there is none that is finite. */
bool gw_embed_float(aigw_slice number, float *out);

#endif
