/* Embeddings in Gemini's dialect: embedContent and batchEmbedContents. */
/* Must not know any other dialect. */
#include "base/error.h"
#include "base/text.h"
#include "wire/embed/embed.h"
#include "wire/read.h"

enum { MAX_REQUESTS = 2048 };

static int bad(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, const char *message)
{
    return gw_json_fail(err, doc, at, AIGW_E_PARSE, "embeddings", "%s", message);
}

static bool key_is(const gw_json_doc *doc, gw_json_ref key, const char *camel, const char *snake)
{
    return gw_json_key_is(doc, key, camel) || gw_json_key_is(doc, key, snake);
}

/* Names come with and without the collection that they are in. */
static aigw_slice bare_model(aigw_slice name)
{
    const aigw_slice collection = GW_S("models/");
    return gw_starts(name, collection) ? gw_skip(name, collection.len) : name;
}

/* -- requests -- */

/* All texts of the parts as one; absent when a part is something else. */
static int read_parts(gw_arena *arena, const gw_json_doc *doc, gw_json_ref parts, gw_jstr *out,
                      aigw_error *err)
{
    size_t len = 0, n = 0;
    for (gw_json_ref part = gw_json_first(doc, parts); part != GW_JSON_ABSENT;
         part = gw_json_next(doc, part)) {
        gw_json_ref text = gw_json_get(doc, part, "text");
        if (gw_json_typeof(doc, part) != GW_JSON_OBJECT)
            return bad(err, doc, part, "A part must be an object.");
        if (text == GW_JSON_ABSENT)
            return AIGW_OK;
        if (gw_json_typeof(doc, text) != GW_JSON_STRING)
            return bad(err, doc, text, "\"text\" must be a string.");
        len += gw_json_inner(doc, text).len;
    }
    char *all = gw_arena_alloc(arena, len + 1);
    if (!all)
        return gw_fail_nomem(err);
    for (gw_json_ref part = gw_json_first(doc, parts); part != GW_JSON_ABSENT;
         part = gw_json_next(doc, part)) {
        aigw_slice inner = gw_json_inner(doc, gw_json_get(doc, part, "text"));
        memcpy(all + n, inner.data, inner.len);
        n += inner.len;
    }
    *out = (gw_jstr){gw_slice(all, n)};
    return AIGW_OK;
}

static int read_content(gw_arena *arena, const gw_json_doc *doc, gw_json_ref content,
                        gw_embed_input *in, aigw_error *err)
{
    gw_json_ref parts = gw_json_get(doc, content, "parts");
    if (gw_json_typeof(doc, content) != GW_JSON_OBJECT)
        return bad(err, doc, content, "\"content\" must be an object.");
    if (gw_json_is_null(doc, parts))
        return gw_read_missing(err, doc, content, "parts");
    if (gw_json_typeof(doc, parts) != GW_JSON_ARRAY || gw_json_count(doc, parts) == 0)
        return bad(err, doc, parts, "\"parts\" must be an array with at least one part.");
    return read_parts(arena, doc, parts, &in->text, err);
}

static int read_word(const gw_json_doc *doc, gw_json_ref value, gw_jstr *out, gw_json_ref *at,
                     aigw_error *err)
{
    *at = value;
    *out = gw_jstr_of(doc, value);
    return gw_has(*out) || gw_json_is_null(doc, value) ? AIGW_OK
                                                       : bad(err, doc, value, "must be a string");
}

static int read_dimensions(const gw_json_doc *doc, gw_json_ref value, gw_embed_input *in,
                           aigw_error *err)
{
    in->dimensions_at = value;
    if (!gw_json_is_null(doc, value) &&
        (!gw_json_i64(doc, value, &in->dimensions) || in->dimensions < 1))
        return bad(err, doc, value, "\"outputDimensionality\" must be a positive integer.");
    return AIGW_OK;
}

static int read_model(gw_arena *arena, const gw_json_doc *doc, gw_json_ref value, aigw_slice model,
                      aigw_error *err)
{
    aigw_slice text = gw_json_text(arena, doc, value);
    if (gw_json_typeof(doc, value) != GW_JSON_STRING)
        return bad(err, doc, value, "\"model\" must be a string.");
    if (!text.data)
        return gw_fail_nomem(err);
    return gw_eq(bare_model(text), bare_model(model))
               ? AIGW_OK
               : bad(err, doc, value, "\"model\" must be the model of the path.");
}

static int read_member(gw_arena *arena, const gw_json_doc *doc, gw_json_ref key, aigw_slice model,
                       gw_embed_request *r, aigw_error *err)
{
    gw_embed_input *in = &r->inputs[r->input_count];
    gw_json_ref value = gw_json_value(doc, key);
    if (gw_json_key_is(doc, key, "content"))
        return read_content(arena, doc, value, in, err);
    if (key_is(doc, key, "taskType", "task_type"))
        return read_word(doc, value, &in->task_type, &in->task_at, err);
    if (gw_json_key_is(doc, key, "title"))
        return read_word(doc, value, &in->title, &in->title_at, err);
    if (key_is(doc, key, "outputDimensionality", "output_dimensionality"))
        return read_dimensions(doc, value, in, err);
    if (gw_json_key_is(doc, key, "model"))
        return read_model(arena, doc, value, model, err);
    r->extras[r->extra_count++] = (gw_extra){key, value};
    return AIGW_OK;
}

static int read_one(gw_arena *arena, const gw_json_doc *doc, gw_json_ref at, aigw_slice model,
                    gw_embed_request *r, aigw_error *err)
{
    r->inputs[r->input_count] = (gw_embed_input){.at = at,
                                                 .task_at = GW_JSON_ABSENT,
                                                 .title_at = GW_JSON_ABSENT,
                                                 .dimensions_at = GW_JSON_ABSENT,
                                                 .dimensions = -1};
    if (gw_json_typeof(doc, at) != GW_JSON_OBJECT)
        return bad(err, doc, at, "A request must be an object.");
    if (gw_json_get(doc, at, "content") == GW_JSON_ABSENT)
        return gw_read_missing(err, doc, at, "content");
    for (gw_json_ref key = gw_json_first(doc, at); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        int rc = read_member(arena, doc, key, model, r, err);
        if (rc != AIGW_OK)
            return rc;
    }
    r->input_count++;
    return AIGW_OK;
}

static int read_batch(gw_arena *arena, const gw_json_doc *doc, gw_json_ref requests,
                      aigw_slice model, gw_embed_request *r, aigw_error *err)
{
    int rc = AIGW_OK;
    for (gw_json_ref at = gw_json_first(doc, requests); rc == AIGW_OK && at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at))
        rc = read_one(arena, doc, at, model, r, err);
    for (gw_json_ref key = gw_json_first(doc, 0); rc == AIGW_OK && key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        if (gw_json_key_is(doc, key, "model"))
            rc = read_model(arena, doc, gw_json_value(doc, key), model, err);
        else if (!gw_json_key_is(doc, key, "requests"))
            r->extras[r->extra_count++] = (gw_extra){key, gw_json_value(doc, key)};
    }
    return rc;
}

static int read_request(gw_arena *arena, const gw_json_doc *doc, aigw_slice model, bool one,
                        gw_embed_request *out, aigw_error *err)
{
    gw_json_ref requests = gw_json_get(doc, 0, "requests");
    size_t count = one ? 1 : gw_json_count(doc, requests), members = gw_json_count(doc, 0);
    gw_embed_request r = {
        .doc = doc, .format = AIGW_FORMAT_GEMINI, .one = one, .user_at = GW_JSON_ABSENT};
    if (!one && gw_json_is_null(doc, requests))
        return gw_read_missing(err, doc, 0, "requests");
    if (!one && (gw_json_typeof(doc, requests) != GW_JSON_ARRAY || !count || count > MAX_REQUESTS))
        return bad(err, doc, requests, "\"requests\" must be an array of 1 to 2048 requests.");
    for (gw_json_ref at = gw_json_first(doc, requests); !one && at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at))
        members += gw_json_count(doc, at);
    r.inputs = gw_arena_calloc(arena, count, sizeof *r.inputs);
    r.extras = gw_arena_calloc(arena, members + 1, sizeof *r.extras);
    if (!r.inputs || !r.extras)
        return gw_fail_nomem(err);
    int rc = one ? read_one(arena, doc, 0, model, &r, err)
                 : read_batch(arena, doc, requests, model, &r, err);
    if (rc == AIGW_OK)
        *out = r;
    return rc;
}

/* Its own words as they stood, but for the model. */
static void write_own(gw_jw *w, const gw_embed_request *r, const gw_embed_input *in)
{
    for (gw_json_ref key = gw_json_first(r->doc, in->at); key != GW_JSON_ABSENT;
         key = gw_json_next(r->doc, key)) {
        if (gw_json_key_is(r->doc, key, "model"))
            continue;
        gw_jw_key_inner(w, gw_json_inner(r->doc, key));
        gw_jw_raw(w, gw_json_raw(r->doc, gw_json_value(r->doc, key)));
    }
}

static void write_text(gw_jw *w, gw_jstr text)
{
    gw_jw_key(w, "content");
    gw_jw_object(w);
    gw_jw_key(w, "parts");
    gw_jw_array(w);
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_jstr(w, text);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

static int write_one(gw_jw *w, const gw_embed_request *r, const gw_embed_input *in,
                     aigw_slice model, aigw_error *err)
{
    gw_jw_object(w);
    gw_jw_key(w, "model");
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("models/"));
    gw_jw_part(w, bare_model(model));
    gw_jw_end_string(w);
    if (r->format == AIGW_FORMAT_GEMINI) {
        write_own(w, r, in);
    } else if (gw_has(in->text)) {
        write_text(w, in->text);
        if (in->dimensions >= 0) {
            gw_jw_key(w, "outputDimensionality");
            gw_jw_int(w, in->dimensions);
        }
    } else {
        return gw_json_fail(err, r->doc, in->at, AIGW_E_UNSUPPORTED, "input",
                            "this provider takes text, not token numbers");
    }
    gw_jw_object_end(w);
    return AIGW_OK;
}

static int note_rest(const gw_embed_request *r, gw_notes *notes, aigw_error *err)
{
    int rc = AIGW_OK;
    if (r->format == AIGW_FORMAT_GEMINI)
        return rc;
    if (gw_has(r->user))
        rc = gw_note_add(notes, r->doc, r->user_at, "this provider knows no users", err);
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++)
        rc = gw_note_add(notes, r->doc, r->extras[i].value, "unknown to this provider", err);
    return rc;
}

static int write_request(gw_arena *arena, const gw_embed_request *r,
                         const gw_embed_options *options, gw_buf *out, gw_notes *notes,
                         aigw_error *err)
{
    (void)arena;
    gw_jw w = gw_jw_on(out);
    int rc = note_rest(r, notes, err);
    if (rc == AIGW_OK && options->one && r->input_count == 1)
        return write_one(&w, r, &r->inputs[0], options->model, err);
    gw_jw_object(&w);
    gw_jw_key(&w, "requests");
    gw_jw_array(&w);
    for (size_t i = 0; i < r->input_count && rc == AIGW_OK; i++)
        rc = write_one(&w, r, &r->inputs[i], options->model, err);
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
    return rc;
}

/* -- answers -- */

static int read_vectors(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list,
                        gw_embed_answer *a)
{
    int rc = AIGW_OK;
    for (gw_json_ref at = gw_json_first(doc, list); rc == AIGW_OK && at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at))
        rc = gw_embed_floats(arena, doc, gw_json_get(doc, at, "values"),
                             &a->vectors[a->vector_count++]);
    return rc;
}

static int read_answer(gw_arena *arena, const gw_json_doc *doc, gw_embed_answer *out)
{
    gw_json_ref list = gw_json_get(doc, 0, "embeddings"), one = gw_json_get(doc, 0, "embedding");
    gw_embed_answer a = {.usage = gw_usage_unknown()};
    int rc = AIGW_E_UPSTREAM;
    a.vectors = gw_arena_calloc(arena, gw_json_count(doc, list) + (size_t)1, sizeof *a.vectors);
    if (!a.vectors)
        return AIGW_E_NOMEM;
    if (gw_json_typeof(doc, list) == GW_JSON_ARRAY) {
        rc = read_vectors(arena, doc, list, &a);
    } else if (gw_json_typeof(doc, one) == GW_JSON_OBJECT) {
        a.vector_count = 1;
        rc = gw_embed_floats(arena, doc, gw_json_get(doc, one, "values"), &a.vectors[0]);
    }
    gw_json_ref usage = gw_json_get(doc, 0, "usageMetadata");
    int64_t n;
    if (gw_json_i64(doc, gw_json_get(doc, usage, "promptTokenCount"), &n) && n >= 0)
        a.usage.input_tokens = n;
    if (rc == AIGW_OK)
        *out = a;
    return rc;
}

static void write_vector(gw_jw *w, const gw_embed_vector *vector)
{
    gw_jw_object(w);
    gw_jw_key(w, "values");
    gw_embed_write_floats(w, vector);
    gw_jw_object_end(w);
}

static void write_answer(const gw_embed_answer *answer, const gw_embed_options *options,
                         gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    if (options->one && answer->vector_count == 1) {
        gw_jw_key(&w, "embedding");
        write_vector(&w, &answer->vectors[0]);
    } else {
        gw_jw_key(&w, "embeddings");
        gw_jw_array(&w);
        for (size_t i = 0; i < answer->vector_count; i++)
            write_vector(&w, &answer->vectors[i]);
        gw_jw_array_end(&w);
    }
    if (answer->usage.input_tokens >= 0) {
        gw_jw_key(&w, "usageMetadata");
        gw_jw_object(&w);
        gw_jw_key(&w, "promptTokenCount");
        gw_jw_int(&w, answer->usage.input_tokens);
        gw_jw_key(&w, "totalTokenCount");
        gw_jw_int(&w, answer->usage.input_tokens);
        gw_jw_object_end(&w);
    }
    gw_jw_object_end(&w);
}

const gw_embed_wire gw_embed_gemini = {
    .format = AIGW_FORMAT_GEMINI,
    .read_request = read_request,
    .write_request = write_request,
    .read_answer = read_answer,
    .write_answer = write_answer,
};
