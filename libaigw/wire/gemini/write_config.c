/* Writes generationConfig of a generateContent request, the thinking of each family of models in it. */
/* Must not know contents or tools. */
#include "wire/gemini/gemini.h"

enum { MAX_STOP = 5 };

static void put_raw(gw_jw *w, const char *key, gw_raw value)
{
    if (!gw_has_raw(value))
        return;
    gw_jw_key(w, key);
    gw_jw_raw(w, value.json);
}

static void put_int(gw_jw *w, const char *key, int64_t value)
{
    if (value < 0)
        return;
    gw_jw_key(w, key);
    gw_jw_int(w, value);
}

/* What thinking is written; the members exclude each other. */
typedef struct plan {
    const char *level; /* NULL: none */
    bool has_budget;
    int64_t budget;
    bool changed;
} plan;

/* Models and the budgets they take. */
typedef struct budget_limits {
    int64_t least, most;
    bool off; /* takes 0 */
} budget_limits;

static budget_limits limits_of(aigw_slice model)
{
    if (gw_find(model, GW_S("flash-lite")) != NULL)
        return (budget_limits){512, 24576, true};
    if (gw_find(model, GW_S("pro")) != NULL)
        return (budget_limits){128, 32768, false};
    return (budget_limits){1, 24576, true};
}

static gw_effort effort_of_budget(int64_t tokens)
{
    if (tokens <= 512)
        return GW_EFFORT_MINIMAL;
    if (tokens <= 4096)
        return GW_EFFORT_LOW;
    return tokens <= 16384 ? GW_EFFORT_MEDIUM : GW_EFFORT_HIGH;
}

static plan plan_level(const gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    gw_effort effort = r->effort;
    bool off = r->thinking == GW_THINKING_OFF || effort == GW_EFFORT_NONE;
    bool pro = gw_find(o->model, GW_S("pro")) != NULL;
    plan p = {.changed = off};
    if (effort == GW_EFFORT_UNSAID && r->thinking == GW_THINKING_BUDGET)
        effort = effort_of_budget(r->thinking_budget);
    if (off)
        effort = GW_EFFORT_MINIMAL;
    if (pro && effort == GW_EFFORT_MINIMAL) {
        effort = GW_EFFORT_LOW;
        p.changed = true;
    }
    if (effort == GW_EFFORT_MEDIUM && gw_starts(o->model, GW_S("gemini-3-pro"))) {
        effort = GW_EFFORT_HIGH; /* this one has two levels */
        p.changed = true;
    }
    static const char *const levels[] = {
        [GW_EFFORT_MINIMAL] = "MINIMAL", [GW_EFFORT_LOW] = "LOW",    [GW_EFFORT_MEDIUM] = "MEDIUM",
        [GW_EFFORT_HIGH] = "HIGH",       [GW_EFFORT_XHIGH] = "HIGH", [GW_EFFORT_MAX] = "HIGH"};
    p.level = effort == GW_EFFORT_UNSAID || effort == GW_EFFORT_NONE ? NULL : levels[effort];
    p.changed = p.changed || effort == GW_EFFORT_XHIGH || effort == GW_EFFORT_MAX;
    return p;
}

static plan plan_budget(const gw_gm_out *o)
{
    static const int64_t budgets[] = {
        [GW_EFFORT_NONE] = 0,      [GW_EFFORT_MINIMAL] = 1024, [GW_EFFORT_LOW] = 2048,
        [GW_EFFORT_MEDIUM] = 8192, [GW_EFFORT_HIGH] = 24576,   [GW_EFFORT_XHIGH] = 32768,
        [GW_EFFORT_MAX] = 32768};
    const gw_chat_request *r = o->r;
    budget_limits limits = limits_of(o->model);
    plan p = {.has_budget = true};
    if (r->thinking == GW_THINKING_OFF)
        p.budget = 0;
    else if (r->thinking == GW_THINKING_BUDGET && r->thinking_budget >= 0)
        p.budget = r->thinking_budget;
    else if (r->effort != GW_EFFORT_UNSAID)
        p.budget = budgets[r->effort];
    else if (r->thinking == GW_THINKING_ADAPTIVE)
        p.budget = -1;
    else
        return (plan){0};
    int64_t asked = p.budget;
    if (p.budget > 0 && r->max_tokens > 0 && p.budget >= r->max_tokens)
        p.budget = r->max_tokens / 2; /* the answer is counted in the same maximum */
    if (p.budget == 0 && !limits.off)
        p.budget = limits.least;
    else if (p.budget > 0 && p.budget < limits.least)
        p.budget = limits.least;
    if (p.budget > limits.most)
        p.budget = limits.most;
    p.changed = p.budget != asked && (r->thinking != GW_THINKING_UNSAID || asked == 0);
    return p;
}

static const char *plain_level(gw_effort effort)
{
    switch (effort) {
    case GW_EFFORT_MINIMAL:
        return "MINIMAL";
    case GW_EFFORT_LOW:
        return "LOW";
    case GW_EFFORT_MEDIUM:
        return "MEDIUM";
    default:
        return "HIGH";
    }
}

/* As the client of this format said it, whatever the model. */
static plan plan_same(const gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    if (r->effort != GW_EFFORT_UNSAID)
        return (plan){.level = plain_level(r->effort)};
    if (r->thinking == GW_THINKING_UNSAID)
        return (plan){0};
    return (plan){.has_budget = true,
                  .budget = r->thinking == GW_THINKING_BUDGET ? r->thinking_budget
                            : r->thinking == GW_THINKING_OFF  ? 0
                                                              : -1};
}

static int write_thinking(gw_gm_out *o)
{
    static const char *const names[] = {"thinking", "reasoning_effort", "reasoning",
                                        "output_config", NULL};
    const gw_chat_request *r = o->r;
    gw_jw *w = &o->w;
    bool asked = r->effort != GW_EFFORT_UNSAID || r->thinking != GW_THINKING_UNSAID;
    bool off = r->effort == GW_EFFORT_NONE || r->thinking == GW_THINKING_OFF;
    bool thoughts = !r->thinking_hidden && (gw_has(r->thinking_summary) || (asked && !off));
    if (!asked && !thoughts && !(o->same && r->thinking_hidden))
        return AIGW_OK;
    if (o->family == GW_GM_OTHER && !o->same)
        return asked && !off ? gw_gm_note_member(o, names, "this model does not think aloud")
                             : AIGW_OK;
    plan p = o->same ? plan_same(o) : o->family == GW_GM_2_5 ? plan_budget(o) : plan_level(o);
    gw_jw_key(w, "thinkingConfig");
    gw_jw_object(w);
    if (p.level != NULL) {
        gw_jw_key(w, "thinkingLevel");
        gw_jw_str(w, p.level);
    } else if (p.has_budget) {
        gw_jw_key(w, "thinkingBudget");
        gw_jw_int(w, p.budget);
    }
    if (thoughts || (o->same && r->thinking_hidden)) {
        gw_jw_key(w, "includeThoughts");
        gw_jw_bool(w, thoughts);
    }
    gw_jw_object_end(w);
    return p.changed ? gw_gm_note_member(o, names, "thinking was set to what this model takes")
                     : AIGW_OK;
}

/* A whole number within 32 bits: the API refuses others. */
static int write_whole(gw_gm_out *o, const char *key, const char *member, gw_raw value)
{
    int64_t n;
    const char *const names[] = {member, NULL};
    if (!gw_has_raw(value))
        return AIGW_OK;
    if (!o->same && (!gw_parse_i64(value.json, &n) || n > INT32_MAX || n < INT32_MIN))
        return gw_gm_note_member(o, names, "Gemini takes whole numbers of 32 bits here");
    put_raw(&o->w, key, value);
    return AIGW_OK;
}

static int write_sampling(gw_gm_out *o)
{
    static const char *const max_names[] = {"max_tokens", "max_completion_tokens",
                                            "max_output_tokens", NULL};
    const gw_chat_request *r = o->r;
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    if (!o->same && (r->max_tokens == 0 || r->max_tokens > INT32_MAX))
        rc = gw_gm_note_member(o, max_names, "Gemini takes no such maximum");
    else
        put_int(w, "maxOutputTokens", r->max_tokens);
    put_raw(w, "temperature", r->temperature);
    put_raw(w, "topP", r->top_p);
    if (rc == AIGW_OK)
        rc = write_whole(o, "topK", "top_k", r->top_k);
    if (r->n > 1 || o->same)
        put_int(w, "candidateCount", r->n);
    if (rc == AIGW_OK)
        rc = write_whole(o, "seed", "seed", r->seed);
    put_raw(w, "presencePenalty", r->presence_penalty);
    put_raw(w, "frequencyPenalty", r->frequency_penalty);
    if (r->logprobs) {
        gw_jw_key(w, "responseLogprobs");
        gw_jw_bool(w, true);
    }
    if (r->logprobs || o->same)
        put_int(w, "logprobs", r->top_logprobs);
    return rc;
}

static int write_stop(gw_gm_out *o)
{
    static const char *const names[] = {"stop", "stop_sequences", NULL};
    const gw_chat_request *r = o->r;
    size_t count = 0;
    for (size_t i = 0; i < r->stop_count; i++) {
        if (!o->same && (r->stop[i].inner.len == 0 || count == MAX_STOP))
            continue;
        if (count++ == 0) {
            gw_jw_key(&o->w, "stopSequences");
            gw_jw_array(&o->w);
        }
        gw_jw_jstr(&o->w, r->stop[i]);
    }
    if (count > 0)
        gw_jw_array_end(&o->w);
    return count == r->stop_count
               ? AIGW_OK
               : gw_gm_note_member(o, names, "Gemini takes at most 5 stop sequences, none empty");
}

static gw_json_ref config_of(const gw_gm_out *o)
{
    const gw_json_doc *doc = o->r->doc;
    if (!o->same)
        return GW_JSON_ABSENT;
    gw_json_ref inner = gw_gm_get(doc, 0, "generateContentRequest");
    return gw_gm_get(doc, inner == GW_JSON_ABSENT ? 0 : inner, "generationConfig");
}

/* Is the client's own type of answer among the extras ("text/x.enum")? */
static bool has_own_type(const gw_gm_out *o)
{
    const gw_json_doc *doc = o->r->doc;
    gw_jstr type = gw_gm_string_of(doc, config_of(o), "responseMimeType");
    return gw_has(type) && !gw_jstr_is(type, "application/json") && !gw_jstr_is(type, "text/plain");
}

static int write_shape(gw_gm_out *o)
{
    static const char *const names[] = {"response_format", "text", "output_config", NULL};
    const gw_chat_request *r = o->r;
    gw_jw *w = &o->w;
    if (r->shape == GW_SHAPE_TEXT || o->json_words)
        return AIGW_OK;
    if (!has_own_type(o)) {
        gw_jw_key(w, "responseMimeType");
        gw_jw_str(w, "application/json");
    }
    if (r->shape != GW_SHAPE_SCHEMA || !gw_has_raw(r->schema))
        return AIGW_OK;
    gw_json_doc schema;
    bool changed = false;
    int rc = gw_json_parse(o->arena, r->schema.json, NULL, &schema, o->err);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_key(w, "responseJsonSchema");
    gw_gm_schema_write(w, &schema, 0, &changed);
    rc = changed ? gw_gm_note_member(o, names, "the schema was reduced to what Gemini takes")
                 : AIGW_OK;
    return rc == AIGW_OK && r->schema_description.inner.len > 0
               ? gw_gm_note_member(o, names, "a schema has no description here")
               : rc;
}

/* ["text","audio"] in capitals. Gemini gives audio alone. */
static int write_modalities(gw_gm_out *o)
{
    static const char *const names[] = {"modalities", NULL};
    gw_json_doc doc;
    gw_jw *w = &o->w;
    bool audio = false, other = false;
    if (!gw_has_raw(o->r->modalities))
        return AIGW_OK;
    int rc = gw_json_parse(o->arena, o->r->modalities.json, NULL, &doc, o->err);
    if (rc != AIGW_OK)
        return rc;
    gw_json_ref ref = gw_json_first(&doc, 0);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        audio = audio || gw_json_is(&doc, ref, "audio");
        other = other || !gw_json_is(&doc, ref, "text");
    }
    if (!o->same && !other)
        return AIGW_OK;
    gw_jw_key(w, "responseModalities");
    gw_jw_array(w);
    for (ref = gw_json_first(&doc, 0); ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        aigw_slice word = gw_json_inner(&doc, ref);
        if (word.data == NULL || (audio && !o->same && !gw_json_is(&doc, ref, "audio")))
            continue;
        gw_jw_begin_string(w);
        for (size_t i = 0; i < word.len; i++) {
            char c = word.data[i];
            if (c >= 'a' && c <= 'z' && memchr(word.data, '\\', word.len) == NULL)
                c = (char)(c - 'a' + 'A');
            gw_jw_part_inner(w, gw_slice(&c, 1));
        }
        gw_jw_end_string(w);
    }
    gw_jw_array_end(w);
    return audio && !o->same ? gw_gm_note_member(o, names, "Gemini gives audio without text")
                             : AIGW_OK;
}

static int write_speech(gw_gm_out *o)
{
    static const char *const names[] = {"audio", NULL};
    gw_json_doc doc;
    gw_jw *w = &o->w;
    if (!gw_has_raw(o->r->audio))
        return AIGW_OK;
    if (!o->same)
        return gw_gm_note_member(o, names, "Gemini has other voices and one format of audio");
    int rc = gw_json_parse(o->arena, o->r->audio.json, NULL, &doc, o->err);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_key(w, "speechConfig");
    gw_jw_raw(w, GW_S("{\"voiceConfig\":{\"prebuiltVoiceConfig\":{\"voiceName\":"));
    gw_buf_add(w->buf, gw_json_raw(&doc, gw_json_get(&doc, 0, "voice")));
    gw_buf_puts(w->buf, "}}}");
    return AIGW_OK;
}

int gw_gm_write_config(gw_gm_out *o)
{
    gw_jw *w = &o->w;
    gw_jw_key(w, "generationConfig");
    gw_jw_object(w);
    int rc = write_sampling(o);
    if (rc == AIGW_OK)
        rc = write_stop(o);
    if (rc == AIGW_OK)
        rc = write_shape(o);
    if (rc == AIGW_OK)
        rc = write_thinking(o);
    if (rc == AIGW_OK)
        rc = write_modalities(o);
    if (rc == AIGW_OK)
        rc = write_speech(o);
    gw_gm_write_extras_of(o, config_of(o));
    gw_jw_object_end(w);
    return rc;
}
