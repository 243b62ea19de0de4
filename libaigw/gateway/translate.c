/*
 * The public one-shot translations of requests, answers and errors: parse, read, write.
 * Knows no format's fields and no provider.
 */
#include "base/error.h"
#include "base/text.h"
#include "chat/fold.h"
#include "chat/wrap.h"
#include "wire/carries.h"
#include "wire/wire.h"
#include <aigw/translate.h>

#include <string.h>

enum {
    ARENA_PER_BYTE = 96,
    ARENA_AT_LEAST = 1024 * 1024,
    OUTPUT_PER_BYTE = 8,
    MOST_INPUT_BYTES = 256 * 1024 * 1024,
    SEED_DIGITS = 16
};

struct aigw_translation {
    gw_arena *arena; /* of the notes */
    aigw_slice body; /* of gw_alloc */
    gw_notes notes;
};

/* What every translation works with; finish() turns it into a result or into nothing. */
typedef struct job {
    const gw_wire *from, *to;
    aigw_slice body;
    aigw_translate_options options;
    gw_arena *arena;
    gw_buf out;
    gw_notes notes;
    gw_json_doc *asked; /* the request that is answered; NULL: not given */
    char seed[SEED_DIGITS];
    aigw_error *err;
} job;

static int begin(job *j, aigw_format from, aigw_format to, aigw_slice body,
                 const aigw_translate_options *options)
{
    j->from = gw_wire_of(from);
    j->to = gw_wire_of(to);
    j->body = body;
    if (j->from == NULL || j->to == NULL) {
        return gw_fail(j->err, AIGW_E_INVALID, "unknown_format", "no such format");
    }
    if (body.len > MOST_INPUT_BYTES) {
        return gw_fail(j->err, AIGW_E_LIMIT, "too_large", "the document is too large");
    }
    if (options != NULL) {
        size_t size = options->size < sizeof *options ? options->size : sizeof *options;
        memcpy(&j->options, options, size);
    }
    size_t asked = j->options.request.len;
    if (asked > MOST_INPUT_BYTES) {
        return gw_fail(j->err, AIGW_E_LIMIT, "too_large", "the request is too large");
    }
    j->arena = gw_arena_new((body.len + asked) * ARENA_PER_BYTE + ARENA_AT_LEAST);
    if (j->arena == NULL) {
        return gw_fail_nomem(j->err);
    }
    gw_buf_init(&j->out, body.len * OUTPUT_PER_BYTE + ARENA_AT_LEAST);
    j->notes = (gw_notes){.arena = j->arena, .strict = j->options.strict};
    return AIGW_OK;
}

static int finish(job *j, int rc, aigw_translation **out)
{
    aigw_translation *t = rc == AIGW_OK ? gw_calloc(1, sizeof *t) : NULL;
    if (t != NULL) {
        t->body = gw_buf_steal(&j->out);
        t->arena = j->arena;
        t->notes = j->notes;
        *out = t;
        return AIGW_OK;
    }
    gw_buf_free(&j->out);
    gw_arena_free(j->arena);
    return rc == AIGW_OK ? gw_fail_nomem(j->err) : rc;
}

/* Within one format a document stays as it is, but for its model and what we had made up ourselves. */
static int pass(job *j, const gw_json_doc *doc, bool request)
{
    gw_patch patches[1 + GW_MEND_MAX];
    size_t count = 0;
    if (request && j->from->mend_request != NULL &&
        j->from->mend_request(j->arena, doc, &(gw_write_options){0}, patches, &count) != AIGW_OK) {
        return gw_fail_nomem(j->err);
    }
    if (j->options.model.len == 0 && count == 0) {
        return gw_buf_add(&j->out, j->body) ? AIGW_OK : gw_fail_nomem(j->err);
    }
    if (j->options.model.len == 0) {
        return gw_patch_body(doc, patches, count, &j->out, j->err);
    }
    gw_buf model;
    gw_buf_init(&model, j->options.model.len * OUTPUT_PER_BYTE + 2);
    gw_jw w = gw_jw_on(&model);
    gw_jw_text(&w, j->options.model);
    patches[count++] = (gw_patch){.member = "model", .value = gw_buf_slice(&model)};
    int rc =
        model.failed ? gw_fail_nomem(j->err) : gw_patch_body(doc, patches, count, &j->out, j->err);
    gw_buf_free(&model);
    return rc;
}

static int translate_request(job *j)
{
    gw_json_doc doc;
    gw_chat_request request;
    int rc = gw_json_parse(j->arena, j->body, NULL, &doc, j->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (j->from == j->to) {
        return pass(j, &doc, true);
    }
    gw_write_options options = {.model = j->options.model,
                                .default_max_tokens = j->options.default_max_tokens};
    rc = j->from->read_request(j->arena, &doc, &request, j->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (!gw_has(request.model) && j->options.model.len == 0 && !j->to->model_in_path) {
        return gw_fail(j->err, AIGW_E_INVALID, "model",
                       "this format does not name the model in the "
                       "body: give it in the options");
    }
    request.stream = request.stream || j->options.stream;
    return gw_wire_request(j->to, j->arena, &request, &options, &j->out, &j->notes, j->err);
}

/* An id for a document that has none: the same document gives the same id (FNV-1a). */
static aigw_slice make_seed(job *j)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)j->options.created_unix_s;
    for (size_t i = 0; i < j->body.len; i++) {
        hash = (hash ^ (unsigned char)j->body.data[i]) * 0x100000001b3u;
    }
    for (size_t i = 0; i < SEED_DIGITS; i++, hash >>= 4) {
        j->seed[i] = "0123456789abcdef"[hash & 15];
    }
    return gw_slice(j->seed, SEED_DIGITS);
}

/* The request that is answered, if we were given it. */
static int read_asked(job *j, gw_chat_request *out)
{
    if (j->options.request.len == 0) {
        return AIGW_OK;
    }
    gw_json_doc *doc = gw_arena_calloc(j->arena, 1, sizeof *doc);
    j->asked = doc;
    if (doc == NULL) {
        return gw_fail_nomem(j->err);
    }
    int rc = gw_json_parse(j->arena, j->options.request, NULL, doc, j->err);
    return rc == AIGW_OK ? j->to->read_request(j->arena, doc, out, j->err) : rc;
}

static int fold_answer(job *j, const gw_json_doc *doc, gw_answer *out)
{
    gw_fold *fold = gw_fold_new(j->arena);
    if (fold == NULL) {
        return gw_fail_nomem(j->err);
    }
    gw_event_sink sink = {gw_fold_event, fold};
    gw_api_error error;
    gw_chat_request request;
    gw_unwrap unwrap = {0};
    int rc = read_asked(j, &request);
    if (rc == AIGW_OK && j->options.request.len > 0) {
        gw_unwrap_init(&unwrap, &request, sink);
        sink = (gw_event_sink){gw_unwrap_event, &unwrap};
    }
    gw_losses losses = {
        .from = j->from->format, .to = j->to->format, .notes = &j->notes, .next = sink};
    sink = (gw_event_sink){gw_losses_event, &losses};
    rc = rc == AIGW_OK ? j->from->read_answer(j->arena, doc, &sink, j->err) : rc;
    gw_unwrap_free(&unwrap);
    if (rc == AIGW_E_UNSUPPORTED) {
        return gw_fail(j->err, rc, "unsupported", "the answer holds what the format cannot say");
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    rc = gw_fold_result(fold, out, &error);
    return rc == AIGW_OK ? AIGW_OK
                         : gw_fail(j->err, rc == AIGW_E_NOMEM ? AIGW_E_NOMEM : AIGW_E_UPSTREAM,
                                   "bad_answer", "the document is no whole answer");
}

static int translate_answer(job *j)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    gw_answer answer;
    int rc = gw_json_parse(j->arena, j->body, &lenient, &doc, j->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (j->from == j->to) {
        return pass(j, &doc, false);
    }
    rc = fold_answer(j, &doc, &answer);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (j->options.model.len > 0) {
        answer.model = gw_jstr_plain(j->arena, j->options.model);
    }
    gw_answer_options options = {
        .id_seed = make_seed(j), .created = j->options.created_unix_s, .request = j->asked};
    return j->to->write_answer(j->arena, &answer, &options, &j->out, j->err);
}

static int translate_error(job *j, int status, int *status_out)
{
    static const gw_json_limits lenient = {.lone_surrogates = true};
    gw_json_doc doc;
    if (j->from == j->to && gw_json_parse(j->arena, j->body, &lenient, &doc, NULL) == AIGW_OK &&
        gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
        *status_out = status;
        return gw_buf_add(&j->out, j->body) ? AIGW_OK : gw_fail_nomem(j->err);
    }
    gw_api_error error;
    gw_answer_options options = {.id_seed = make_seed(j)};
    j->from->read_error(j->arena, status, j->body, &error);
    j->to->write_error(&error, &options, &j->out, status_out);
    return j->out.failed ? gw_fail_nomem(j->err) : AIGW_OK;
}

int aigw_translate_request(aigw_format from, aigw_format to, aigw_slice body,
                           const aigw_translate_options *options, aigw_translation **out,
                           aigw_error *err)
{
    job j = {.err = err};
    int rc = begin(&j, from, to, body, options);
    return finish(&j, rc != AIGW_OK ? rc : translate_request(&j), out);
}

int aigw_translate_answer(aigw_format from, aigw_format to, aigw_slice body,
                          const aigw_translate_options *options, aigw_translation **out,
                          aigw_error *err)
{
    job j = {.err = err};
    int rc = begin(&j, from, to, body, options);
    return finish(&j, rc != AIGW_OK ? rc : translate_answer(&j), out);
}

int aigw_translate_error(aigw_format from, aigw_format to, int status, aigw_slice body,
                         int *status_out, aigw_translation **out, aigw_error *err)
{
    job j = {.err = err};
    int answered = status;
    int rc = begin(&j, from, to, body, NULL);
    rc = finish(&j, rc != AIGW_OK ? rc : translate_error(&j, status, &answered), out);
    if (rc == AIGW_OK) {
        *status_out = answered;
    }
    return rc;
}

aigw_slice aigw_translation_body(const aigw_translation *t)
{
    return t->body;
}

size_t aigw_translation_drop_count(const aigw_translation *t)
{
    return t->notes.count;
}

aigw_drop aigw_translation_drop(const aigw_translation *t, size_t i)
{
    const gw_note *note = &t->notes.items[i];
    return (aigw_drop){note->pointer, aigw_slice_of(note->reason)};
}

void aigw_translation_free(aigw_translation *t)
{
    if (t != NULL) {
        aigw_bytes_free(t->body);
        gw_arena_free(t->arena);
        gw_free(t);
    }
}
