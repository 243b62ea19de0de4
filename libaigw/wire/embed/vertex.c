/* Embeddings as Vertex AI serves them: :predict for its text models, :embedContent for Gemini's. */
/* Must not know any other dialect. Provider side only: no client speaks it. */
#include "base/error.h"
#include "base/text.h"
#include "wire/embed/embed.h"

bool gw_embed_vertex_predicts(aigw_slice model)
{
    /* As Google's own SDK chooses. */
    return !gw_find(model, GW_S("gemini")) && !gw_find(model, GW_S("maas"));
}

static void write_word(gw_jw *w, const char *key, gw_jstr word)
{
    if (!gw_has(word))
        return;
    gw_jw_key(w, key);
    gw_jw_jstr(w, word);
}

static int need_text(const gw_embed_request *r, const gw_embed_input *in, aigw_error *err)
{
    return gw_has(in->text) ? AIGW_OK
                            : gw_json_fail(err, r->doc, in->at, AIGW_E_UNSUPPORTED, "input",
                                           "this provider makes embeddings of text only");
}

static int note_rest(const gw_embed_request *r, gw_notes *notes, aigw_error *err)
{
    int rc = AIGW_OK;
    if (gw_has(r->user))
        rc = gw_note_add(notes, r->doc, r->user_at, "this provider knows no users", err);
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++)
        rc = gw_note_add(notes, r->doc, r->extras[i].value, "unknown to this provider", err);
    return rc;
}

/* https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api */
static int write_predict(gw_jw *w, const gw_embed_request *r, aigw_error *err)
{
    gw_jw_object(w);
    gw_jw_key(w, "instances");
    gw_jw_array(w);
    for (size_t i = 0; i < r->input_count; i++) {
        const gw_embed_input *in = &r->inputs[i];
        int rc = need_text(r, in, err);
        if (rc != AIGW_OK)
            return rc;
        if (in->dimensions != r->inputs[0].dimensions)
            return gw_json_fail(err, r->doc, in->at, AIGW_E_UNSUPPORTED, "dimensions",
                                "this provider gives all inputs the same number of dimensions");
        gw_jw_object(w);
        write_word(w, "content", in->text);
        write_word(w, "task_type", in->task_type);
        write_word(w, "title", in->title);
        gw_jw_object_end(w);
    }
    gw_jw_array_end(w);
    if (r->inputs[0].dimensions >= 0) {
        gw_jw_key(w, "parameters");
        gw_jw_object(w);
        gw_jw_key(w, "outputDimensionality");
        gw_jw_int(w, r->inputs[0].dimensions);
        gw_jw_object_end(w);
    }
    gw_jw_object_end(w);
    return AIGW_OK;
}

static void write_config(gw_jw *w, const gw_embed_input *in)
{
    if (!gw_has(in->task_type) && !gw_has(in->title) && in->dimensions < 0)
        return;
    gw_jw_key(w, "embedContentConfig");
    gw_jw_object(w);
    write_word(w, "taskType", in->task_type);
    write_word(w, "title", in->title);
    if (in->dimensions >= 0) {
        gw_jw_key(w, "outputDimensionality");
        gw_jw_int(w, in->dimensions);
    }
    gw_jw_object_end(w);
}

static int write_content(gw_jw *w, const gw_embed_request *r, aigw_error *err)
{
    const gw_embed_input *in = &r->inputs[0];
    gw_json_ref own = gw_json_get(r->doc, in->at, "content");
    if (r->input_count != 1)
        return gw_json_fail(err, r->doc, r->inputs[1].at, AIGW_E_UNSUPPORTED, "input",
                            "this provider's model takes one input at a time");
    bool whole = r->format == AIGW_FORMAT_GEMINI && own != GW_JSON_ABSENT;
    if (!whole) {
        int rc = need_text(r, in, err);
        if (rc != AIGW_OK)
            return rc;
    }
    gw_jw_object(w);
    gw_jw_key(w, "content");
    if (whole) {
        gw_jw_raw(w, gw_json_raw(r->doc, own)); /* images and all */
    } else {
        gw_jw_object(w);
        gw_jw_key(w, "parts");
        gw_jw_array(w);
        gw_jw_object(w);
        write_word(w, "text", in->text);
        gw_jw_object_end(w);
        gw_jw_array_end(w);
        gw_jw_object_end(w);
    }
    write_config(w, in);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static int write_request(gw_arena *arena, const gw_embed_request *r,
                         const gw_embed_options *options, gw_buf *out, gw_notes *notes,
                         aigw_error *err)
{
    (void)arena;
    gw_jw w = gw_jw_on(out);
    int rc = note_rest(r, notes, err);
    if (rc != AIGW_OK)
        return rc;
    return gw_embed_vertex_predicts(options->model) ? write_predict(&w, r, err)
                                                    : write_content(&w, r, err);
}

static void add_tokens(const gw_json_doc *doc, gw_json_ref count, aigw_usage *usage)
{
    int64_t n;
    if (!gw_json_i64(doc, count, &n) || n < 0 || n > INT32_MAX)
        return;
    usage->input_tokens = (usage->input_tokens > 0 ? usage->input_tokens : 0) + n;
}

static int read_predictions(gw_arena *arena, const gw_json_doc *doc, gw_json_ref list,
                            gw_embed_answer *a)
{
    int rc = AIGW_OK;
    for (gw_json_ref at = gw_json_first(doc, list); rc == AIGW_OK && at != GW_JSON_ABSENT;
         at = gw_json_next(doc, at)) {
        gw_json_ref one = gw_json_get(doc, at, "embeddings");
        gw_json_ref statistics = gw_json_get(doc, one, "statistics");
        rc = gw_embed_floats(arena, doc, gw_json_get(doc, one, "values"),
                             &a->vectors[a->vector_count++]);
        add_tokens(doc, gw_json_get(doc, statistics, "token_count"), &a->usage);
    }
    return rc;
}

static int read_answer(gw_arena *arena, const gw_json_doc *doc, gw_embed_answer *out)
{
    gw_json_ref list = gw_json_get(doc, 0, "predictions");
    if (gw_json_typeof(doc, list) != GW_JSON_ARRAY)
        return gw_embed_gemini.read_answer(arena, doc, out);
    gw_embed_answer a = {.usage = gw_usage_unknown()};
    a.vectors = gw_arena_calloc(arena, gw_json_count(doc, list) + (size_t)1, sizeof *a.vectors);
    if (!a.vectors)
        return AIGW_E_NOMEM;
    int rc = read_predictions(arena, doc, list, &a);
    if (rc == AIGW_OK)
        *out = a;
    return rc;
}

const gw_embed_wire gw_embed_vertex = {
    .format = AIGW_FORMAT_GEMINI,
    .write_request = write_request,
    .read_answer = read_answer,
};
