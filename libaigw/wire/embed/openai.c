/* Embeddings in OpenAI's dialect: POST /embeddings and its answer. */
/* Must not know any other dialect. */
#include "base/error.h"
#include "base/text.h"
#include "wire/embed/embed.h"
#include "wire/read.h"

enum { MAX_INPUTS = 2048 }; /* OpenAI's own bound */

static int bad(aigw_error *err, const gw_json_doc *doc, gw_json_ref at, const char *message)
{
    return gw_json_fail(err, doc, at, AIGW_E_PARSE, "embeddings", "%s", message);
}

static bool all_numbers(const gw_json_doc *doc, gw_json_ref array)
{
    int64_t n;
    for (gw_json_ref at = gw_json_first(doc, array); at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at)) {
        if (!gw_json_i64(doc, at, &n) || n < 0)
            return false;
    }
    return gw_json_count(doc, array) > 0;
}

static int read_one(const gw_json_doc *doc, gw_json_ref at, gw_embed_input *out, aigw_error *err)
{
    *out = (gw_embed_input){.at = at,
                            .task_at = GW_JSON_ABSENT,
                            .title_at = GW_JSON_ABSENT,
                            .dimensions_at = GW_JSON_ABSENT,
                            .dimensions = -1};
    if (gw_json_typeof(doc, at) == GW_JSON_STRING) {
        out->text = gw_jstr_of(doc, at);
        return out->text.inner.len ? AIGW_OK : bad(err, doc, at, "An input must not be empty.");
    }
    if (gw_json_typeof(doc, at) == GW_JSON_ARRAY && all_numbers(doc, at)) {
        out->tokens = gw_raw_of(doc, at);
        return AIGW_OK;
    }
    return bad(err, doc, at, "An input must be a string or an array of token numbers.");
}

static int read_inputs(gw_arena *arena, const gw_json_doc *doc, gw_json_ref input,
                       gw_embed_request *r, aigw_error *err)
{
    bool list = gw_json_typeof(doc, input) == GW_JSON_ARRAY &&
                gw_json_typeof(doc, gw_json_first(doc, input)) != GW_JSON_NUMBER;
    size_t count = list ? gw_json_count(doc, input) : 1;
    if (gw_json_is_null(doc, input))
        return gw_read_missing(err, doc, 0, "input");
    if (list && (count == 0 || count > MAX_INPUTS))
        return bad(err, doc, input, "\"input\" must be a string, or an array of 1 to 2048 inputs.");
    r->inputs = gw_arena_calloc(arena, count, sizeof *r->inputs);
    if (!r->inputs)
        return gw_fail_nomem(err);
    r->one = !list;
    if (!list) {
        r->input_count = 1;
        return read_one(doc, input, &r->inputs[0], err);
    }
    for (gw_json_ref at = gw_json_first(doc, input); at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at)) {
        int rc = read_one(doc, at, &r->inputs[r->input_count++], err);
        if (rc != AIGW_OK)
            return rc;
    }
    return AIGW_OK;
}

static int read_encoding(const gw_json_doc *doc, gw_json_ref value, gw_embed_request *r,
                         aigw_error *err)
{
    r->base64 = gw_json_is(doc, value, "base64");
    if (!r->base64 && !gw_json_is_null(doc, value) && !gw_json_is(doc, value, "float"))
        return bad(err, doc, value, "\"encoding_format\" must be \"float\" or \"base64\".");
    return AIGW_OK;
}

static int read_dimensions(const gw_json_doc *doc, gw_json_ref value, gw_embed_request *r,
                           aigw_error *err)
{
    int64_t n = -1;
    if (!gw_json_is_null(doc, value) && (!gw_json_i64(doc, value, &n) || n < 1))
        return bad(err, doc, value, "\"dimensions\" must be a positive integer.");
    for (size_t i = 0; i < r->input_count; i++) {
        r->inputs[i].dimensions = n;
        r->inputs[i].dimensions_at = value;
    }
    return AIGW_OK;
}

static int read_user(const gw_json_doc *doc, gw_json_ref value, gw_embed_request *r,
                     aigw_error *err)
{
    r->user_at = value;
    r->user = gw_jstr_of(doc, value);
    if (!gw_has(r->user) && !gw_json_is_null(doc, value))
        return bad(err, doc, value, "\"user\" must be a string.");
    return AIGW_OK;
}

static int read_request(gw_arena *arena, const gw_json_doc *doc, aigw_slice model, bool one,
                        gw_embed_request *out, aigw_error *err)
{
    (void)model; /* routing has read it */
    (void)one;
    gw_embed_request r = {.doc = doc, .format = AIGW_FORMAT_OPENAI_CHAT, .user_at = GW_JSON_ABSENT};
    r.extras = gw_arena_calloc(arena, gw_json_count(doc, 0) + 1, sizeof *r.extras);
    if (!r.extras)
        return gw_fail_nomem(err);
    int rc = read_inputs(arena, doc, gw_json_get(doc, 0, "input"), &r, err);
    for (gw_json_ref key = gw_json_first(doc, 0); rc == AIGW_OK && key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (gw_json_key_is(doc, key, "encoding_format"))
            rc = read_encoding(doc, value, &r, err);
        else if (gw_json_key_is(doc, key, "dimensions"))
            rc = read_dimensions(doc, value, &r, err);
        else if (gw_json_key_is(doc, key, "user"))
            rc = read_user(doc, value, &r, err);
        else if (!gw_json_key_is(doc, key, "input") && !gw_json_key_is(doc, key, "model"))
            r.extras[r.extra_count++] = (gw_extra){key, value};
    }
    if (rc == AIGW_OK)
        *out = r;
    return rc;
}

/* What only Gemini's dialect can say of an input. */
static int note_input(const gw_embed_request *r, const gw_embed_input *in, gw_notes *notes,
                      aigw_error *err)
{
    int rc = AIGW_OK;
    if (gw_has(in->task_type))
        rc = gw_note_add(notes, r->doc, in->task_at, "this provider knows no task types", err);
    if (rc == AIGW_OK && in->dimensions != r->inputs[0].dimensions)
        rc = gw_json_fail(err, r->doc,
                          in->dimensions_at != GW_JSON_ABSENT ? in->dimensions_at : in->at,
                          AIGW_E_UNSUPPORTED, "dimensions",
                          "this provider gives all inputs the same number of dimensions");
    if (rc == AIGW_OK && gw_has(in->title))
        rc = gw_note_add(notes, r->doc, in->title_at, "this provider knows no titles", err);
    return rc;
}

static int write_inputs(gw_jw *w, const gw_embed_request *r, gw_notes *notes, aigw_error *err)
{
    gw_jw_key(w, "input");
    if (!r->one)
        gw_jw_array(w);
    for (size_t i = 0; i < r->input_count; i++) {
        const gw_embed_input *in = &r->inputs[i];
        int rc = note_input(r, in, notes, err);
        if (rc != AIGW_OK)
            return rc;
        if (gw_has(in->text))
            gw_jw_jstr(w, in->text);
        else if (gw_has_raw(in->tokens))
            gw_jw_raw(w, in->tokens.json);
        else
            return gw_json_fail(err, r->doc, in->at, AIGW_E_UNSUPPORTED, "input",
                                "this provider makes embeddings of text only");
    }
    if (!r->one)
        gw_jw_array_end(w);
    return AIGW_OK;
}

static int write_request(gw_arena *arena, const gw_embed_request *r,
                         const gw_embed_options *options, gw_buf *out, gw_notes *notes,
                         aigw_error *err)
{
    (void)arena;
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "model");
    gw_jw_text(&w, options->model);
    int rc = write_inputs(&w, r, notes, err);
    if (r->input_count && r->inputs[0].dimensions >= 0) {
        gw_jw_key(&w, "dimensions");
        gw_jw_int(&w, r->inputs[0].dimensions);
    }
    gw_jw_key(&w, "encoding_format");
    gw_jw_str(&w, r->base64 ? "base64" : "float");
    if (gw_has(r->user)) {
        gw_jw_key(&w, "user");
        gw_jw_jstr(&w, r->user);
    }
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++) {
        if (r->format != AIGW_FORMAT_OPENAI_CHAT) {
            rc = gw_note_add(notes, r->doc, r->extras[i].value, "unknown to this provider", err);
            continue;
        }
        gw_jw_key_inner(&w, gw_json_inner(r->doc, r->extras[i].key));
        gw_jw_raw(&w, gw_json_raw(r->doc, r->extras[i].value));
    }
    gw_jw_object_end(&w);
    return rc;
}

static int read_vector(gw_arena *arena, const gw_json_doc *doc, gw_json_ref item, size_t position,
                       gw_embed_answer *out)
{
    gw_json_ref value = gw_json_get(doc, item, "embedding");
    int64_t index = (int64_t)position;
    gw_json_ref at = gw_json_get(doc, item, "index");
    if (!gw_json_is_null(doc, at) && !gw_json_i64(doc, at, &index))
        return AIGW_E_UPSTREAM;
    if (index < 0 || (uint64_t)index >= out->vector_count || out->vectors[index].values)
        return AIGW_E_UPSTREAM;
    if (gw_json_typeof(doc, value) != GW_JSON_STRING)
        return gw_embed_floats(arena, doc, value, &out->vectors[index]);
    aigw_slice text = gw_json_text(arena, doc, value);
    if (!text.data)
        return AIGW_E_NOMEM;
    out->base64 = true;
    return gw_embed_unbase64(arena, text, &out->vectors[index]);
}

static int read_answer(gw_arena *arena, const gw_json_doc *doc, gw_embed_answer *out)
{
    gw_json_ref data = gw_json_get(doc, 0, "data");
    if (gw_json_typeof(doc, data) != GW_JSON_ARRAY)
        return AIGW_E_UPSTREAM;
    gw_embed_answer a = {.vector_count = gw_json_count(doc, data),
                         .model = gw_jstr_of(doc, gw_json_get(doc, 0, "model")),
                         .usage = gw_usage_unknown()};
    a.vectors = gw_arena_calloc(arena, a.vector_count + 1, sizeof *a.vectors);
    if (!a.vectors)
        return AIGW_E_NOMEM;
    size_t position = 0;
    for (gw_json_ref item = gw_json_first(doc, data); item != GW_JSON_ABSENT;
         item = gw_json_next(doc, item)) {
        int rc = read_vector(arena, doc, item, position++, &a);
        if (rc != AIGW_OK)
            return rc;
    }
    gw_json_ref usage = gw_json_get(doc, 0, "usage");
    int64_t n;
    if (gw_json_i64(doc, gw_json_get(doc, usage, "prompt_tokens"), &n) && n >= 0)
        a.usage.input_tokens = n;
    *out = a;
    return AIGW_OK;
}

static void write_answer(const gw_embed_answer *answer, const gw_embed_options *options,
                         gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    int64_t tokens = answer->usage.input_tokens > 0 ? answer->usage.input_tokens : 0;
    gw_jw_object(&w);
    gw_jw_key(&w, "object");
    gw_jw_str(&w, "list");
    gw_jw_key(&w, "data");
    gw_jw_array(&w);
    for (size_t i = 0; i < answer->vector_count; i++) {
        gw_jw_object(&w);
        gw_jw_key(&w, "object");
        gw_jw_str(&w, "embedding");
        gw_jw_key(&w, "index");
        gw_jw_int(&w, (int64_t)i);
        gw_jw_key(&w, "embedding");
        if (options->base64)
            gw_embed_write_base64(&w, &answer->vectors[i]);
        else
            gw_embed_write_floats(&w, &answer->vectors[i]);
        gw_jw_object_end(&w);
    }
    gw_jw_array_end(&w);
    gw_jw_key(&w, "model");
    if (gw_has(answer->model))
        gw_jw_jstr(&w, answer->model);
    else
        gw_jw_text(&w, options->model);
    gw_jw_key(&w, "usage");
    gw_jw_object(&w);
    gw_jw_key(&w, "prompt_tokens");
    gw_jw_int(&w, tokens);
    gw_jw_key(&w, "total_tokens");
    gw_jw_int(&w, tokens);
    gw_jw_object_end(&w);
    gw_jw_object_end(&w);
}

const gw_embed_wire gw_embed_openai = {
    .format = AIGW_FORMAT_OPENAI_CHAT,
    .read_request = read_request,
    .write_request = write_request,
    .read_answer = read_answer,
    .write_answer = write_answer,
};
