/* OpenAI's moderation endpoint: the question, and what its answer rejects. */
/* Must not know how it is reached, nor what is done with the verdict. */
#include "gate/guard_remote.h"

#include "base/json.h"
#include "base/json_write.h"
#include "base/text.h"

void gw_moderation_write(gw_buf *out, aigw_slice model, const gw_remote_question *q)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    if (model.len) {
        gw_jw_key(&w, "model");
        gw_jw_text(&w, model);
    }
    gw_jw_key(&w, "input");
    gw_jw_array(&w);
    for (size_t i = 0; i < q->text_count; i++)
        gw_jw_inner(&w, q->texts[i]);
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
}

static void reject(gw_remote_verdict *out, aigw_slice reason)
{
    if (out->word != GW_REMOTE_REJECT)
        *out = (gw_remote_verdict){.word = GW_REMOTE_REJECT, .reason = reason};
}

/* Without limits: OpenAI's own word, and the first category that is true. */
static int read_flagged(const gw_json_doc *doc, gw_json_ref result, gw_remote_verdict *out,
                        aigw_error *err)
{
    bool flagged = false, on = false;
    gw_json_ref categories = gw_json_get(doc, result, "categories");
    if (!gw_json_bool(doc, gw_json_get(doc, result, "flagged"), &flagged))
        return gw_remote_odd(err, "a result without flagged");
    if (!flagged)
        return AIGW_OK;
    for (gw_json_ref r = gw_json_first(doc, categories);
         r != GW_JSON_ABSENT && gw_json_typeof(doc, categories) == GW_JSON_OBJECT;
         r = gw_json_next(doc, r)) {
        if (gw_json_bool(doc, gw_json_value(doc, r), &on) && on) {
            reject(out, gw_json_inner(doc, r));
            return AIGW_OK;
        }
    }
    reject(out, GW_S("flagged"));
    return AIGW_OK;
}

static int read_scores(const gw_json_doc *doc, gw_json_ref result,
                       const gw_moderation_limit *limits, size_t count, gw_remote_verdict *out,
                       aigw_error *err)
{
    gw_json_ref scores = gw_json_get(doc, result, "category_scores");
    size_t seen = 0;
    if (gw_json_typeof(doc, scores) != GW_JSON_OBJECT)
        return gw_remote_odd(err, "a result without category_scores");
    for (gw_json_ref r = gw_json_first(doc, scores); r != GW_JSON_ABSENT;
         r = gw_json_next(doc, r)) {
        for (size_t i = 0; i < count; i++) {
            double score = 0;
            if (!gw_json_key_is(doc, r, limits[i].category))
                continue;
            if (!gw_json_f64(doc, gw_json_value(doc, r), &score))
                return gw_remote_odd(err, "a score is no number");
            seen++;
            if (score >= limits[i].score)
                reject(out, gw_json_inner(doc, r));
        }
    }
    return seen == count ? AIGW_OK : gw_remote_odd(err, "a category is missing");
}

int gw_moderation_read(gw_arena *arena, int status, aigw_slice body, size_t text_count,
                       const gw_moderation_limit *limits, size_t limit_count,
                       gw_remote_verdict *out, aigw_error *err)
{
    gw_json_doc doc;
    gw_remote_verdict verdict = {.word = GW_REMOTE_PASS};
    int code = gw_remote_object(arena, status, body, &doc, err);
    if (code != AIGW_OK)
        return code;
    gw_json_ref results = gw_json_get(&doc, 0, "results");
    if (gw_json_typeof(&doc, results) != GW_JSON_ARRAY ||
        gw_json_count(&doc, results) != text_count)
        return gw_remote_odd(err, "not as many results as texts");
    for (gw_json_ref r = gw_json_first(&doc, results); r != GW_JSON_ABSENT;
         r = gw_json_next(&doc, r)) {
        if (gw_json_typeof(&doc, r) != GW_JSON_OBJECT)
            return gw_remote_odd(err, "a result is no object");
        code = limit_count ? read_scores(&doc, r, limits, limit_count, &verdict, err)
                           : read_flagged(&doc, r, &verdict, err);
        if (code != AIGW_OK)
            return code;
    }
    *out = verdict;
    return AIGW_OK;
}
