/* Reads a generateContent request: its top level and generationConfig. */
/* Must not know any other format. */
#include "wire/read.h"
#include "wire/gemini/gemini.h"

void gw_gm_extra(gw_gm_in *in, gw_json_ref key)
{
    in->out->extras[in->out->extra_count++] = (gw_extra){key, gw_json_value(in->doc, key)};
}

static int read_number(gw_gm_in *in, gw_json_ref config, const char *name, gw_raw *out)
{
    gw_json_ref ref = gw_gm_member(in, config, name);
    if (gw_json_is_null(in->doc, ref))
        return AIGW_OK;
    if (!gw_read_finite(in->doc, ref))
        return gw_gm_wrong(in, ref, "a number");
    *out = gw_raw_of(in->doc, ref);
    return AIGW_OK;
}

static int read_count(gw_gm_in *in, gw_json_ref config, const char *name, int64_t *out)
{
    gw_json_ref ref = gw_gm_member(in, config, name);
    if (gw_json_is_null(in->doc, ref))
        return AIGW_OK;
    if (!gw_read_integer(in->doc, ref, out) || *out < 0)
        return gw_gm_wrong(in, ref, "a non-negative integer");
    return AIGW_OK;
}

static int read_stop(gw_gm_in *in, gw_json_ref config)
{
    gw_chat_request *out = in->out;
    gw_json_ref stop;
    int rc = gw_gm_opt(in, config, "stopSequences", GW_JSON_ARRAY, &stop);
    if (rc != AIGW_OK || gw_json_count(in->doc, stop) == 0)
        return rc;
    out->stop = gw_arena_calloc(in->arena, gw_json_count(in->doc, stop), sizeof *out->stop);
    if (out->stop == NULL)
        return gw_fail_nomem(in->err);
    gw_json_ref ref = gw_json_first(in->doc, stop);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(in->doc, ref)) {
        if (gw_json_typeof(in->doc, ref) != GW_JSON_STRING)
            return gw_gm_wrong(in, ref, "a string");
        out->stop[out->stop_count++] = gw_jstr_of(in->doc, ref);
    }
    return AIGW_OK;
}

static int read_shape(gw_gm_in *in, gw_json_ref config)
{
    gw_chat_request *out = in->out;
    gw_jstr type = {{NULL, 0}};
    int rc = gw_gm_opt_string(in, config, "responseMimeType", &type);
    if (rc == AIGW_OK)
        rc = gw_gm_read_schema(in, config, "responseJsonSchema", "responseSchema", &out->schema);
    if (rc != AIGW_OK)
        return rc;
    if (gw_has_raw(out->schema))
        out->shape = GW_SHAPE_SCHEMA;
    else if (gw_jstr_is(type, "application/json"))
        out->shape = GW_SHAPE_JSON;
    return AIGW_OK;
}

static int read_level(gw_gm_in *in, gw_json_ref config)
{
    static const struct {
        const char *word;
        gw_effort effort;
    } levels[] = {{"MINIMAL", GW_EFFORT_MINIMAL},
                  {"LOW", GW_EFFORT_LOW},
                  {"MEDIUM", GW_EFFORT_MEDIUM},
                  {"HIGH", GW_EFFORT_HIGH}};
    gw_jstr level = {{NULL, 0}};
    int rc = gw_gm_opt_string(in, config, "thinkingLevel", &level);
    if (rc != AIGW_OK || !gw_has(level) || gw_jstr_is(level, "THINKING_LEVEL_UNSPECIFIED"))
        return rc;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (gw_eq_nocase(level.inner, aigw_slice_of(levels[i].word))) {
            in->out->effort = levels[i].effort;
            return AIGW_OK;
        }
    }
    return gw_read_unknown(in->err, in->doc, gw_gm_get(in->doc, config, "thinkingLevel"),
                           "thinkingLevel", "MINIMAL, LOW, MEDIUM or HIGH");
}

/* Thoughts are told only when they are asked for. */
static int read_thinking(gw_gm_in *in, gw_json_ref config)
{
    gw_chat_request *out = in->out;
    gw_json_ref thinking;
    bool thoughts = false;
    int rc = gw_gm_opt(in, config, "thinkingConfig", GW_JSON_OBJECT, &thinking);
    if (rc != AIGW_OK || thinking == GW_JSON_ABSENT)
        return rc;
    rc = gw_gm_opt_bool(in, thinking, "includeThoughts", &thoughts);
    if (rc == AIGW_OK)
        rc = read_level(in, thinking);
    if (rc != AIGW_OK)
        return rc;
    out->thinking_hidden = !thoughts;
    if (thoughts)
        out->thinking_summary = gw_jstr_lit("auto");
    int64_t budget;
    gw_json_ref ref = gw_gm_member(in, thinking, "thinkingBudget");
    if (gw_json_is_null(in->doc, ref))
        return AIGW_OK;
    if (!gw_read_integer(in->doc, ref, &budget) || budget < -1 || budget > INT32_MAX)
        return gw_gm_wrong(in, ref, "an integer from -1 on");
    if (out->effort != GW_EFFORT_UNSAID)
        return gw_gm_wrong(in, ref, "one of thinkingLevel and thinkingBudget");
    out->thinking = budget < 0    ? GW_THINKING_ADAPTIVE
                    : budget == 0 ? GW_THINKING_OFF
                                  : GW_THINKING_BUDGET;
    if (budget > 0)
        out->thinking_budget = budget;
    return AIGW_OK;
}

/* ["TEXT","AUDIO"] as ["text","audio"]. */
static int read_modalities(gw_gm_in *in, gw_json_ref config)
{
    gw_json_ref array;
    int rc = gw_gm_opt(in, config, "responseModalities", GW_JSON_ARRAY, &array);
    if (rc != AIGW_OK || array == GW_JSON_ABSENT)
        return rc;
    gw_json_ref ref = gw_json_first(in->doc, array);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(in->doc, ref)) {
        if (gw_json_typeof(in->doc, ref) != GW_JSON_STRING)
            return gw_gm_wrong(in, ref, "a string");
    }
    aigw_slice raw = gw_json_raw(in->doc, array);
    char *lower = gw_arena_alloc(in->arena, raw.len);
    if (lower == NULL)
        return gw_fail_nomem(in->err);
    bool escaped = memchr(raw.data, '\\', raw.len) != NULL;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        lower[i] = (char)(!escaped && c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    in->out->modalities.json = gw_slice(lower, raw.len);
    return AIGW_OK;
}

/* The one voice that other formats can name; whatever else is said stays an extra. */
static int read_speech(gw_gm_in *in, gw_json_ref config)
{
    static const char *const path[] = {"voiceConfig", "prebuiltVoiceConfig", "voiceName"};
    gw_json_ref at;
    int rc = gw_gm_opt(in, config, "speechConfig", GW_JSON_OBJECT, &at);
    for (size_t i = 0; i < 3 && rc == AIGW_OK && at != GW_JSON_ABSENT; i++) {
        if (gw_json_count(in->doc, at) != 1)
            return AIGW_OK;
        rc = gw_gm_opt(in, at, path[i], i < 2 ? GW_JSON_OBJECT : GW_JSON_STRING, &at);
    }
    if (rc != AIGW_OK || at == GW_JSON_ABSENT)
        return rc;
    gw_buf text;
    gw_buf_init(&text, gw_json_inner(in->doc, at).len + 64);
    gw_jw w = gw_jw_on(&text);
    gw_jw_object(&w);
    gw_jw_key(&w, "voice");
    gw_jw_inner(&w, gw_json_inner(in->doc, at));
    gw_jw_key(&w, "format");
    gw_jw_str(&w, "pcm16");
    gw_jw_object_end(&w);
    in->out->audio.json = gw_arena_copy(in->arena, gw_buf_slice(&text));
    bool ok = !text.failed && gw_has_raw(in->out->audio);
    gw_buf_free(&text);
    return ok ? AIGW_OK : gw_fail_nomem(in->err);
}

static bool names_one(const gw_json_doc *doc, gw_json_ref object, gw_json_ref key,
                      const char *const *names)
{
    for (; *names != NULL; names++) {
        if (gw_gm_get(doc, object, *names) == gw_json_value(doc, key))
            return true;
    }
    return false;
}

/* What was not read above is kept, for this format only. */
static void read_rest(gw_gm_in *in, gw_json_ref object, const char *const *known)
{
    gw_json_ref key = gw_json_first(in->doc, object);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(in->doc, key)) {
        if (!names_one(in->doc, object, key, known))
            gw_gm_extra(in, key);
    }
}

static bool is_odd_type(gw_jstr type)
{
    return gw_has(type) && !gw_jstr_is(type, "application/json") && !gw_jstr_is(type, "text/plain");
}

static int read_config(gw_gm_in *in)
{
    static const char *const known[] = {"maxOutputTokens",
                                        "temperature",
                                        "topP",
                                        "topK",
                                        "candidateCount",
                                        "stopSequences",
                                        "seed",
                                        "presencePenalty",
                                        "frequencyPenalty",
                                        "responseLogprobs",
                                        "logprobs",
                                        "responseMimeType",
                                        "responseJsonSchema",
                                        "responseSchema",
                                        "thinkingConfig",
                                        "responseModalities",
                                        "speechConfig",
                                        NULL};
    gw_chat_request *out = in->out;
    gw_json_ref config;
    int rc = gw_gm_opt(in, in->root, "generationConfig", GW_JSON_OBJECT, &config);
    if (rc != AIGW_OK || config == GW_JSON_ABSENT)
        return rc;
    const struct {
        const char *name;
        gw_raw *to;
    } numbers[] = {{"temperature", &out->temperature},
                   {"topP", &out->top_p},
                   {"topK", &out->top_k},
                   {"seed", &out->seed},
                   {"presencePenalty", &out->presence_penalty},
                   {"frequencyPenalty", &out->frequency_penalty}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && rc == AIGW_OK; i++)
        rc = read_number(in, config, numbers[i].name, numbers[i].to);
    if (rc == AIGW_OK)
        rc = read_count(in, config, "maxOutputTokens", &out->max_tokens);
    if (rc == AIGW_OK)
        rc = read_count(in, config, "candidateCount", &out->n);
    if (out->n == 0) /* the number that a field of protocol buffers has when nothing is said */
        out->n = -1;
    if (rc == AIGW_OK)
        rc = gw_gm_opt_bool(in, config, "responseLogprobs", &out->logprobs);
    if (rc == AIGW_OK)
        rc = read_count(in, config, "logprobs", &out->top_logprobs);
    if (rc == AIGW_OK)
        rc = read_stop(in, config);
    if (rc == AIGW_OK)
        rc = read_shape(in, config);
    if (rc == AIGW_OK)
        rc = read_thinking(in, config);
    if (rc == AIGW_OK)
        rc = read_modalities(in, config);
    if (rc == AIGW_OK)
        rc = read_speech(in, config);
    if (rc != AIGW_OK)
        return rc;
    read_rest(in, config, known);
    static const char *const odd[] = {"speechConfig", "responseMimeType"};
    for (size_t i = 0; i < 2; i++) {
        gw_json_ref value = gw_gm_get(in->doc, config, odd[i]), key;
        if (gw_json_is_null(in->doc, value) ||
            (i == 0 ? gw_has_raw(out->audio) : !is_odd_type(gw_jstr_of(in->doc, value))))
            continue;
        for (key = gw_json_first(in->doc, config); key != GW_JSON_ABSENT;
             key = gw_json_next(in->doc, key)) {
            if (gw_json_value(in->doc, key) == value)
                gw_gm_extra(in, key);
        }
    }
    return AIGW_OK;
}

static int read_top(gw_gm_in *in)
{
    static const char *const known[] = {"contents",
                                        "systemInstruction",
                                        "tools",
                                        "toolConfig",
                                        "generationConfig",
                                        "serviceTier",
                                        "store",
                                        "model",
                                        NULL};
    static const char *const stateful[] = {"cachedContent", "continuationToken"};
    gw_chat_request *out = in->out;
    bool store = false;
    int rc = gw_gm_opt_string(in, in->root, "serviceTier", &out->service_tier);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_bool(in, in->root, "store", &store);
    if (rc != AIGW_OK)
        return rc;
    if (!gw_json_is_null(in->doc, gw_gm_get(in->doc, in->root, "store")))
        out->store = store;
    /* What lies with the provider (a part of the prompt, an answer to go on with) has no meaning elsewhere. */
    for (size_t i = 0; i < 2; i++) {
        gw_json_ref ref = gw_gm_member(in, in->root, stateful[i]);
        if (!gw_json_is_null(in->doc, ref))
            out->stateful = ref;
    }
    read_rest(in, in->root, known);
    return AIGW_OK;
}

static int read_at(gw_arena *arena, const gw_json_doc *doc, gw_json_ref root, gw_chat_request *out,
                   aigw_error *err)
{
    gw_chat_request r;
    gw_chat_request_init(&r, doc);
    r.format = AIGW_FORMAT_GEMINI;
    r.include_usage = true; /* this API always tells usage */
    gw_gm_in in = {
        .arena = arena, .doc = doc, .out = &r, .err = err, .root = root, .twice = GW_JSON_ABSENT};
    if (gw_json_typeof(doc, root) != GW_JSON_OBJECT)
        return gw_gm_wrong(&in, root, "an object");
    size_t room = (size_t)gw_json_count(doc, root) + 3 +
                  gw_json_count(doc, gw_gm_member(&in, root, "generationConfig")) +
                  gw_json_count(doc, gw_gm_member(&in, root, "toolConfig"));
    r.extras = gw_arena_calloc(arena, room, sizeof *r.extras);
    if (r.extras == NULL)
        return gw_fail_nomem(err);
    int rc = gw_gm_read_contents(&in);
    if (rc == AIGW_OK)
        rc = gw_gm_read_tools(&in);
    if (rc == AIGW_OK)
        rc = read_config(&in);
    if (rc == AIGW_OK)
        rc = read_top(&in);
    if (rc == AIGW_OK && in.twice != GW_JSON_ABSENT)
        rc = gw_json_fail(err, doc, in.twice, AIGW_E_PARSE, "said_twice",
                          "this member is there in two spellings");
    gw_json_ref choice = gw_gm_get(doc, root, "toolConfig"),
                calling = gw_gm_get(doc, choice, "functionCallingConfig");
    const gw_read_places places = {.tools = gw_gm_get(doc, root, "tools"),
                                   .tool_choice = calling == GW_JSON_ABSENT ? choice : calling,
                                   .unique_names = true};
    if (rc == AIGW_OK)
        rc = gw_read_check(arena, &r, &places, err);
    if (rc == AIGW_OK)
        *out = r;
    return rc;
}

int gw_gm_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err)
{
    return read_at(arena, doc, 0, out, err);
}

int gw_gm_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                             aigw_error *err)
{
    gw_json_ref inner = gw_gm_get(doc, 0, "generateContentRequest");
    return read_at(arena, doc, inner == GW_JSON_ABSENT ? 0 : inner, out, err);
}
