/*
 * Writing a neutral request as a Converse request: the top-level members. What the API cannot say becomes
 * a note or a 400. Knows no other format; the model and whether it streams stand in the path.
 */
#include "wire/bedrock/bedrock.h"
#include "wire/schema.h"

static int refuse(gw_bedrock_out *o, const char *member, const char *why)
{
    gw_json_ref at = o->r->doc == NULL ? GW_JSON_ABSENT : gw_json_get(o->r->doc, 0, member);
    if (at != GW_JSON_ABSENT) {
        return gw_json_fail(o->err, o->r->doc, at, AIGW_E_UNSUPPORTED, "unsupported", "%s", why);
    }
    gw_fail(o->err, AIGW_E_UNSUPPORTED, "unsupported", "%s", why);
    if (o->err != NULL) {
        o->err->http_status = 400;
    }
    return AIGW_E_UNSUPPORTED;
}

static int refuse_unsayable(gw_bedrock_out *o)
{
    if (o->r->n > 1) {
        return refuse(o, "n", "this provider gives one choice only");
    }
    if (o->r->logprobs) {
        return refuse(o, "logprobs", "this provider gives no log probabilities");
    }
    return gw_has_raw(o->r->audio) ? refuse(o, "audio", "this provider gives no audio") : AIGW_OK;
}

static int note_unsayable(gw_bedrock_out *o)
{
    static const char why[] = "this provider has no such parameter";
    const gw_chat_request *r = o->r;
    const aigw_slice values[] = {
        r->seed.json, r->presence_penalty.json, r->frequency_penalty.json, r->verbosity.inner,
        r->user_id.inner, r->prompt_cache_key.inner, r->modalities.json,
        /* Claude tells its thinking unless it is told not to. */
        o->model.claude ? (aigw_slice){NULL, 0} : r->thinking_summary.inner};
    int rc = r->store == 1 ? gw_bedrock_note_member(o, "store", why) : AIGW_OK;
    for (size_t i = 0; rc == AIGW_OK && i < sizeof values / sizeof values[0]; i++) {
        if (values[i].data != NULL) {
            rc = gw_bedrock_note_value(o, values[i], why);
        }
    }
    for (size_t i = 0; rc == AIGW_OK && i < r->extra_count; i++) {
        if (!gw_json_is_null(r->doc, r->extras[i].value)) {
            rc = gw_bedrock_note(o, r->extras[i].value, "not known to this provider");
        }
    }
    return rc;
}

static bool number_of(gw_bedrock_out *o, gw_raw raw, double *out)
{
    gw_json_doc doc;
    return gw_json_parse(o->arena, raw.json, NULL, &doc, NULL) == AIGW_OK &&
           gw_json_f64(&doc, 0, out);
}

static bool nova_thinks_hard(const gw_bedrock_out *o)
{
    return o->model.nova2 && o->r->effort >= GW_EFFORT_HIGH;
}

/* Why the model takes no temperature, topP and top_k now; NULL: it does. */
static const char *no_sampling(const gw_bedrock_out *o)
{
    if (o->model.claude && !o->claude.model.sampling) {
        return "the model takes no sampling parameters";
    }
    if (gw_bedrock_thinks(o) && o->r->format != AIGW_FORMAT_ANTHROPIC) {
        return "no sampling parameters with thinking";
    }
    return nova_thinks_hard(o) ? "not with this much reasoning" : NULL;
}

/* 0 to 1 in this API, 0 to 2 elsewhere. */
static int write_in_range(gw_bedrock_out *o, const char *key, gw_raw raw)
{
    double value;
    if (!number_of(o, raw, &value)) {
        return gw_bedrock_note_value(o, raw.json, "no number");
    }
    gw_jw_key(&o->w, key);
    if (value >= 0 && value <= 1) {
        gw_jw_raw(&o->w, raw.json);
        return AIGW_OK;
    }
    gw_jw_int(&o->w, value > 1);
    return gw_bedrock_note_value(o, raw.json, "brought into the range 0 to 1");
}

static int write_sampling(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    const char *why = no_sampling(o);
    int rc = AIGW_OK;
    if (gw_has_raw(r->temperature) && why == NULL) {
        rc = write_in_range(o, "temperature", r->temperature);
    } else if (gw_has_raw(r->temperature)) {
        double value = 0;
        bool is_default = o->model.claude && number_of(o, r->temperature, &value) && value == 1.0;
        rc = is_default ? AIGW_OK : gw_bedrock_note_value(o, r->temperature.json, why);
    }
    if (why == NULL && o->model.claude && gw_has_raw(r->temperature) &&
        r->format != AIGW_FORMAT_ANTHROPIC) {
        why = "not together with temperature";
    }
    if (rc != AIGW_OK || !gw_has_raw(r->top_p)) {
        return rc;
    }
    return why == NULL ? write_in_range(o, "topP", r->top_p)
                       : gw_bedrock_note_value(o, r->top_p.json, why);
}

static int write_max_tokens(gw_bedrock_out *o)
{
    int64_t most = o->r->max_tokens;
    if (most < 0 && o->model.claude && o->claude.thinking == GW_THINKING_BUDGET) {
        most = o->claude.max_tokens; /* it must be more than the budget */
    }
    if (most < 0) {
        return AIGW_OK;
    }
    if (most == 0 || nova_thinks_hard(o)) {
        return gw_bedrock_note_member(o, "max_completion_tokens max_tokens max_output_tokens",
                                      "the model takes no such maximum");
    }
    gw_jw_key(&o->w, "maxTokens");
    gw_jw_int(&o->w, most);
    return AIGW_OK;
}

static void write_stop(gw_bedrock_out *o)
{
    bool open = false;
    for (size_t i = 0; i < o->r->stop_count; i++) {
        if (gw_jstr_blank(o->r->stop[i])) {
            continue; /* the models refuse them */
        }
        if (!open) {
            gw_jw_key(&o->w, "stopSequences");
            gw_jw_array(&o->w);
            open = true;
        }
        gw_jw_jstr(&o->w, o->r->stop[i]);
    }
    if (open) {
        gw_jw_array_end(&o->w);
    }
}

static int write_inference(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    if (r->max_tokens < 0 && !gw_has_raw(r->temperature) && !gw_has_raw(r->top_p) &&
        r->stop_count == 0 && !gw_bedrock_thinks(o)) {
        return AIGW_OK;
    }
    gw_jw_key(&o->w, "inferenceConfig");
    gw_jw_object(&o->w);
    int rc = write_max_tokens(o);
    if (rc == AIGW_OK) {
        rc = write_sampling(o);
    }
    write_stop(o);
    gw_jw_object_end(&o->w);
    return rc;
}

/* low, medium or high, the nearest: what models other than Claude take. */
static const char *three_efforts(gw_effort effort)
{
    if (effort <= GW_EFFORT_LOW) {
        return "low";
    }
    return effort == GW_EFFORT_MEDIUM ? "medium" : "high";
}

static void write_claude_thinking(gw_bedrock_out *o)
{
    static const char *const words[] = {[GW_THINKING_OFF] = "disabled",
                                        [GW_THINKING_ADAPTIVE] = "adaptive",
                                        [GW_THINKING_BUDGET] = "enabled",
                                        [GW_THINKING_BETWEEN_TOOLS] = "between_tools"};
    gw_jw *w = &o->w;
    gw_thinking kind = o->claude.thinking;
    if (kind != GW_THINKING_UNSAID) {
        gw_jw_key(w, "thinking");
        gw_jw_object(w);
        gw_jw_key(w, "type");
        gw_jw_str(w, words[kind]);
        if (kind == GW_THINKING_BUDGET) {
            gw_jw_key(w, "budget_tokens");
            gw_jw_int(w, o->claude.budget);
        }
        if (o->r->thinking_hidden && (kind == GW_THINKING_BUDGET || kind == GW_THINKING_ADAPTIVE)) {
            gw_jw_key(w, "display");
            gw_jw_str(w, "omitted");
        }
        gw_jw_object_end(w);
    }
}

/* Where the formats say how much to think. */
#define EFFORT_MEMBERS "reasoning_effort reasoning output_config generationConfig"

static int note_thinking(gw_bedrock_out *o)
{
    const char *why = "how this model is told to think is not known";
    if (o->r->effort > GW_EFFORT_NONE) {
        return gw_bedrock_note_member(o, EFFORT_MEMBERS, why);
    }
    bool wanted = o->r->thinking != GW_THINKING_UNSAID && o->r->thinking != GW_THINKING_OFF;
    return wanted ? gw_bedrock_note_member(o, "thinking generationConfig", why) : AIGW_OK;
}

static int write_thinking(gw_bedrock_out *o)
{
    gw_jw *w = &o->w;
    if (o->model.claude) {
        write_claude_thinking(o);
        return AIGW_OK;
    }
    gw_effort effort = o->r->effort;
    if (effort == GW_EFFORT_UNSAID || !(o->model.nova2 || o->model.openai)) {
        return note_thinking(o);
    }
    if (o->model.openai) { /* it cannot stop thinking */
        gw_jw_key(w, "reasoning_effort");
        gw_jw_str(w, three_efforts(effort));
    } else if (effort == GW_EFFORT_NONE) {
        gw_jw_key(w, "reasoningConfig");
        gw_jw_raw(w, GW_S("{\"type\":\"disabled\"}"));
    } else {
        gw_jw_key(w, "reasoningConfig");
        gw_jw_object(w);
        gw_jw_key(w, "type");
        gw_jw_str(w, "enabled");
        gw_jw_key(w, "maxReasoningEffort");
        gw_jw_str(w, three_efforts(effort));
        gw_jw_object_end(w);
    }
    bool three = effort >= GW_EFFORT_LOW && effort <= GW_EFFORT_HIGH;
    bool exact = three || (effort == GW_EFFORT_NONE && o->model.nova2);
    return exact ? AIGW_OK
                 : gw_bedrock_note_member(o, EFFORT_MEMBERS, "the nearest that the model takes");
}

static int write_top_k(gw_bedrock_out *o)
{
    const char *why = no_sampling(o);
    if (!gw_has_raw(o->r->top_k)) {
        return AIGW_OK;
    }
    if (why == NULL && o->model.claude) {
        gw_jw_key(&o->w, "top_k");
        gw_jw_raw(&o->w, o->r->top_k.json);
        return AIGW_OK;
    }
    if (why == NULL && o->model.nova) {
        gw_jw_key(&o->w, "inferenceConfig");
        gw_jw_object(&o->w);
        gw_jw_key(&o->w, "topK");
        gw_jw_raw(&o->w, o->r->top_k.json);
        gw_jw_object_end(&o->w);
        return AIGW_OK;
    }
    return gw_bedrock_note_value(o, o->r->top_k.json,
                                 why != NULL ? why : "how this model is told it is not known");
}

static int write_additional(gw_bedrock_out *o)
{
    /* Written aside: whether there is anything is known afterwards. */
    gw_jw outer = o->w;
    gw_buf fields;
    gw_buf_init(&fields, outer.buf->max);
    o->w = gw_jw_on(&fields);
    gw_jw_object(&o->w);
    int rc = write_thinking(o);
    if (rc == AIGW_OK) {
        rc = write_top_k(o);
    }
    gw_jw_object_end(&o->w);
    o->w = outer;
    if (fields.failed) {
        rc = rc == AIGW_OK ? gw_fail_nomem(o->err) : rc;
    } else if (gw_buf_len(&fields) > 2) {
        gw_jw_key(&o->w, "additionalModelRequestFields");
        gw_jw_raw(&o->w, gw_buf_slice(&fields));
    }
    gw_buf_free(&fields);
    return rc;
}

/* The schema travels as text. */
static int write_schema_text(gw_bedrock_out *o)
{
    gw_json_doc schema;
    gw_buf closed;
    if (!o->model.claude) {
        gw_jw_text(&o->w, o->r->schema.json);
        return AIGW_OK;
    }
    int rc = gw_json_parse(o->arena, o->r->schema.json, NULL, &schema, o->err);
    if (rc == AIGW_OK) {
        rc = gw_schema_flat(o->arena, o->r->doc, o->r->schema, o->err);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_buf_init(&closed, o->w.buf->max);
    gw_jw inner = gw_jw_on(&closed);
    gw_anthropic_write_schema(&inner, &schema, 0);
    gw_jw_text(&o->w, gw_buf_slice(&closed));
    rc = closed.failed ? gw_fail_nomem(o->err) : AIGW_OK;
    gw_buf_free(&closed);
    return rc;
}

static int write_text_format(gw_bedrock_out *o)
{
    gw_jw *w = &o->w;
    gw_jw_key(w, "textFormat");
    gw_jw_raw(w, GW_S("{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{"));
    w->comma = false;
    gw_jw_key(w, "schema");
    int rc = write_schema_text(o);
    if (o->r->schema_name.inner.len > 0) {
        gw_jw_key(w, "name");
        gw_jw_jstr(w, o->r->schema_name);
    }
    if (o->r->schema_description.inner.len > 0) {
        gw_jw_key(w, "description");
        gw_jw_jstr(w, o->r->schema_description);
    }
    for (int i = 0; i < 3; i++) {
        gw_jw_object_end(w);
    }
    return rc;
}

static int write_output(gw_bedrock_out *o)
{
    static const char *const efforts[] = {[GW_EFFORT_LOW] = "low",
                                          [GW_EFFORT_MEDIUM] = "medium",
                                          [GW_EFFORT_HIGH] = "high",
                                          [GW_EFFORT_XHIGH] = "xhigh",
                                          [GW_EFFORT_MAX] = "max"};
    bool effort = o->model.claude && o->claude.effort >= GW_EFFORT_LOW;
    if (!o->text_format && !effort) {
        return AIGW_OK;
    }
    gw_jw_key(&o->w, "outputConfig");
    gw_jw_object(&o->w);
    int rc = o->text_format ? write_text_format(o) : AIGW_OK;
    if (effort) {
        gw_jw_key(&o->w, "effort");
        gw_jw_str(&o->w, efforts[o->claude.effort]);
    }
    gw_jw_object_end(&o->w);
    return rc;
}

static int write_tier(gw_bedrock_out *o)
{
    gw_jstr tier = o->r->service_tier;
    if (!gw_has(tier) || gw_jstr_is(tier, "auto") || gw_bedrock_write_tier(&o->w, tier)) {
        return AIGW_OK;
    }
    return gw_bedrock_note_value(o, tier.inner, "no such tier here");
}

static bool good_label(aigw_slice text, size_t least)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr(" :_@$#=/+,-.", c) != NULL);
        if (!fine) {
            return false;
        }
    }
    return text.len >= least && text.len <= 256;
}

/* At most 16 labels, of few characters. */
static int write_metadata(gw_bedrock_out *o)
{
    enum { MOST = 16 };
    gw_json_doc doc;
    size_t written = 0, dropped = 0;
    if (!gw_has_raw(o->r->metadata)) {
        return AIGW_OK;
    }
    int rc = gw_json_parse(o->arena, o->r->metadata.json, NULL, &doc, o->err);
    for (gw_json_ref key = rc == AIGW_OK ? gw_json_first(&doc, 0) : GW_JSON_ABSENT;
         key != GW_JSON_ABSENT; key = gw_json_next(&doc, key)) {
        aigw_slice name = gw_json_inner(&doc, key);
        aigw_slice value = gw_json_inner(&doc, gw_json_value(&doc, key));
        if (value.data == NULL || written == MOST || !good_label(name, 1) ||
            !good_label(value, 0)) {
            dropped++;
            continue;
        }
        if (written++ == 0) {
            gw_jw_key(&o->w, "requestMetadata");
            gw_jw_object(&o->w);
        }
        gw_jw_key_inner(&o->w, name);
        gw_jw_inner(&o->w, value);
    }
    if (written > 0) {
        gw_jw_object_end(&o->w);
    }
    return rc == AIGW_OK && dropped > 0
               ? gw_bedrock_note_value(o, o->r->metadata.json,
                                       "labels that the provider does not take")
               : rc;
}

static size_t count_marks(const gw_chat_request *r)
{
    size_t marks = 0;
    for (size_t i = 0; i < r->tool_count; i++) {
        marks += r->tools[i].cache != GW_CACHE_NONE;
    }
    for (size_t m = 0; m < r->message_count; m++) {
        for (size_t i = 0; i < r->messages[m].part_count; i++) {
            const gw_part *part = &r->messages[m].parts[i];
            bool marked = part->cache != GW_CACHE_NONE;
            for (size_t k = 0; k < part->part_count; k++) {
                marked = marked || part->parts[k].cache != GW_CACHE_NONE;
            }
            marks += marked;
        }
    }
    return marks;
}

/* A request of our own format keeps its other members as they stand. */
static int write_same(gw_bedrock_out *o, const char *const *members)
{
    const gw_json_doc *doc = o->r->doc;
    int rc = gw_bedrock_write_system(o);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_write_messages(o);
    }
    gw_json_ref root = 0, input = doc == NULL ? GW_JSON_ABSENT : gw_json_get(doc, 0, "input");
    if (gw_json_typeof(doc, input) == GW_JSON_OBJECT) { /* a request to count */
        root = gw_json_get(doc, input, "converse");
    }
    for (gw_json_ref key = doc == NULL ? GW_JSON_ABSENT : gw_json_first(doc, root);
         rc == AIGW_OK && key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        bool wanted = members == NULL;
        for (size_t i = 0; members != NULL && members[i] != NULL; i++) {
            wanted = wanted || gw_json_key_is(doc, key, members[i]);
        }
        if (!wanted || gw_json_key_is(doc, key, "system") || gw_json_key_is(doc, key, "messages")) {
            continue;
        }
        gw_jw_key_inner(&o->w, gw_json_inner(doc, key));
        gw_jw_raw(&o->w, gw_json_raw(doc, gw_json_value(doc, key)));
    }
    return rc;
}

typedef int step(gw_bedrock_out *o);

/* Steps until one fails; the object's braces are the caller's. */
static int run(gw_bedrock_out *o, step *const *steps, size_t count)
{
    int rc = AIGW_OK;
    for (size_t i = 0; rc == AIGW_OK && i < count; i++) {
        rc = steps[i](o);
    }
    return rc;
}

static int finish(const gw_bedrock_out *o, int rc)
{
    if (rc == AIGW_OK && o->w.buf->failed) {
        return gw_fail(o->err, AIGW_E_LIMIT, "too_large", "the request outgrew its buffer");
    }
    return rc;
}

static gw_bedrock_out begin(gw_arena *arena, const gw_chat_request *request,
                            const gw_write_options *options, gw_buf *out, gw_notes *notes)
{
    return (gw_bedrock_out){.arena = arena,
                            .r = request,
                            .options = options,
                            .w = gw_jw_on(out),
                            .notes = notes,
                            .marks_total = count_marks(request)};
}

int gw_bedrock_write_request(gw_arena *arena, const gw_chat_request *request,
                             const gw_write_options *options, gw_buf *out, gw_notes *notes,
                             aigw_error *err)
{
    static step *const steps[] = {refuse_unsayable,
                                  note_unsayable,
                                  gw_bedrock_write_tools,
                                  gw_bedrock_write_system,
                                  gw_bedrock_write_messages,
                                  write_inference,
                                  write_additional,
                                  write_output,
                                  write_tier,
                                  write_metadata};
    gw_bedrock_out o = begin(arena, request, options, out, notes);
    o.err = err;
    int rc = gw_bedrock_decide(&o);
    gw_jw_object(&o.w);
    if (rc == AIGW_OK) {
        rc = o.same ? write_same(&o, NULL) : run(&o, steps, sizeof steps / sizeof steps[0]);
    }
    gw_jw_object_end(&o.w);
    return finish(&o, rc);
}

int gw_bedrock_write_count_request(gw_arena *arena, const gw_chat_request *request,
                                   const gw_write_options *options, gw_buf *out, gw_notes *notes,
                                   aigw_error *err)
{
    static const char *const members[] = {"toolConfig", "additionalModelRequestFields", NULL};
    static step *const steps[] = {gw_bedrock_write_tools, gw_bedrock_write_system,
                                  gw_bedrock_write_messages, write_additional};
    gw_bedrock_out o = begin(arena, request, options, out, notes);
    o.err = err;
    int rc = gw_bedrock_decide(&o);
    gw_jw_raw(&o.w, GW_S("{\"input\":{\"converse\":"));
    o.w.comma = false;
    gw_jw_object(&o.w);
    if (rc == AIGW_OK) {
        rc = o.same ? write_same(&o, members) : run(&o, steps, sizeof steps / sizeof steps[0]);
    }
    for (int i = 0; i < 3; i++) {
        gw_jw_object_end(&o.w);
    }
    return finish(&o, rc);
}
