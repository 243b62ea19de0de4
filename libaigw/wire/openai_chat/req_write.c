/* The top level of an OpenAI chat request, written from the neutral request. */
/* Must not know which format it came from, except whether it was this one. */
#include "wire/openai_chat/openai_chat.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"

enum { MAX_STOP = 4, MAX_USER_ID = 128 };

static void put_raw(gw_jw *w, const char *key, gw_raw value)
{
    if (!gw_has_raw(value))
        return;
    gw_jw_key(w, key);
    gw_jw_raw(w, value.json);
}

static void put_jstr(gw_jw *w, const char *key, gw_jstr value)
{
    if (!gw_has(value))
        return;
    gw_jw_key(w, key);
    gw_jw_jstr(w, value);
}

gw_json_ref gw_oc_said_at(const gw_oc_writing *wr, const char *member)
{
    return wr->request->doc == NULL ? GW_JSON_ABSENT : gw_json_get(wr->request->doc, 0, member);
}

static bool client_said(const gw_oc_writing *wr, const char *member)
{
    const gw_json_doc *doc = wr->request->doc;
    return wr->same && !gw_json_is_null(doc, gw_json_get(doc, 0, member));
}

static void write_max_tokens(gw_oc_writing *wr)
{
    if (wr->request->max_tokens < 0)
        return;
    bool legacy = gw_oc_has_quirk(wr, GW_QUIRK_MAX_TOKENS) ||
                  (client_said(wr, "max_tokens") && !client_said(wr, "max_completion_tokens"));
    gw_jw_key(&wr->w, legacy ? "max_tokens" : "max_completion_tokens");
    gw_jw_int(&wr->w, wr->request->max_tokens);
}

/* A member that this host refuses is noted, any other is written. */
static int put_unless(gw_oc_writing *wr, gw_quirk quirk, const char *key, gw_raw value)
{
    if (gw_has_raw(value) && gw_oc_has_quirk(wr, quirk))
        return gw_oc_note_value(wr, value.json, "this host has no such parameter");
    put_raw(&wr->w, key, value);
    return AIGW_OK;
}

static int write_sampling(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    put_raw(w, "temperature", r->temperature);
    put_raw(w, "top_p", r->top_p);
    put_raw(w, "seed", r->seed);
    int rc = put_unless(wr, GW_QUIRK_NO_PENALTIES, "presence_penalty", r->presence_penalty);
    if (rc == AIGW_OK)
        rc = put_unless(wr, GW_QUIRK_NO_PENALTIES, "frequency_penalty", r->frequency_penalty);
    if (rc == AIGW_OK && gw_has_raw(r->top_k) && !wr->same)
        return gw_oc_note_value(wr, r->top_k.json, "OpenAI chat has no top_k");
    put_raw(w, "top_k", r->top_k);
    return rc;
}

/* Probabilities that an answer then lacks are noted, whoever asked. */
static int write_logprobs(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    bool wanted = r->logprobs || r->top_logprobs > 0;
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_LOGPROBS))
        return wanted ? gw_oc_note(wr, gw_oc_said_at(wr, r->logprobs ? "logprobs" : "top_logprobs"),
                                   "this host gives no log probabilities")
                      : AIGW_OK;
    if (r->logprobs || client_said(wr, "logprobs") || (wanted && !wr->same)) {
        gw_jw_key(&wr->w, "logprobs");
        gw_jw_bool(&wr->w, r->logprobs || !wr->same);
    }
    if (r->top_logprobs >= 0) {
        gw_jw_key(&wr->w, "top_logprobs");
        gw_jw_int(&wr->w, r->top_logprobs);
    }
    return AIGW_OK;
}

static int write_stop(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    size_t count = r->stop_count;
    if (count == 0)
        return AIGW_OK;
    if (count > MAX_STOP && !wr->same)
        count = MAX_STOP;
    gw_jw_key(&wr->w, "stop");
    gw_jw_array(&wr->w);
    for (size_t i = 0; i < count; i++)
        gw_jw_jstr(&wr->w, r->stop[i]);
    gw_jw_array_end(&wr->w);
    if (count == r->stop_count)
        return AIGW_OK;
    return gw_oc_note_value(wr, r->stop[count].inner, "OpenAI chat takes at most 4 stop sequences");
}

static int write_shape(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    if (r->shape == GW_SHAPE_TEXT)
        return AIGW_OK;
    bool schema = r->shape == GW_SHAPE_SCHEMA && !gw_oc_has_quirk(wr, GW_QUIRK_NO_JSON_SCHEMA);
    gw_jw_key(w, "response_format");
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, schema ? "json_schema" : "json_object");
    if (schema) {
        gw_jw_key(w, "json_schema");
        gw_jw_object(w);
        gw_jw_key(w, "name");
        gw_jw_jstr(w, gw_has(r->schema_name) ? r->schema_name : gw_jstr_lit("response"));
        put_jstr(w, "description", r->schema_description);
        put_raw(w, "schema", r->schema);
        if (r->schema_strict >= 0 && !gw_oc_has_quirk(wr, GW_QUIRK_NO_STRICT)) {
            gw_jw_key(w, "strict");
            gw_jw_bool(w, r->schema_strict == 1);
        }
        gw_jw_object_end(w);
    }
    gw_jw_object_end(w);
    if (schema && r->schema_strict == 1 && gw_oc_has_quirk(wr, GW_QUIRK_NO_STRICT))
        return gw_oc_note_value(wr, r->schema.json, "this host does not enforce the schema");
    return AIGW_OK;
}

/* The row of the budget table that is nearest. */
static gw_effort effort_of_budget(int64_t tokens)
{
    if (tokens <= 3072)
        return GW_EFFORT_LOW;
    if (tokens <= 12288)
        return GW_EFFORT_MEDIUM;
    return tokens <= 24576 ? GW_EFFORT_HIGH : GW_EFFORT_XHIGH;
}

static int note_summary(gw_oc_writing *wr);

static int write_effort(gw_oc_writing *wr)
{
    static const char *const words[] = {
        [GW_EFFORT_NONE] = "none",     [GW_EFFORT_MINIMAL] = "minimal", [GW_EFFORT_LOW] = "low",
        [GW_EFFORT_MEDIUM] = "medium", [GW_EFFORT_HIGH] = "high",       [GW_EFFORT_XHIGH] = "xhigh",
        [GW_EFFORT_MAX] = "max"};
    const gw_chat_request *r = wr->request;
    gw_effort effort = r->effort;
    if (r->thinking == GW_THINKING_OFF)
        effort = GW_EFFORT_NONE;
    else if (effort == GW_EFFORT_UNSAID && r->thinking == GW_THINKING_BUDGET)
        effort = effort_of_budget(r->thinking_budget);
    if (effort == GW_EFFORT_UNSAID)
        return note_summary(wr);
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_REASONING)) {
        static const char *const names[] = {"reasoning_effort", "thinking", "output_config",
                                            "reasoning"};
        gw_json_ref at = GW_JSON_ABSENT;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at == GW_JSON_ABSENT; i++)
            at = gw_oc_said_at(wr, names[i]);
        return effort == GW_EFFORT_NONE
                   ? AIGW_OK
                   : gw_oc_note(wr, at, "this host cannot be told how much to think");
    }
    gw_jw_key(&wr->w, "reasoning_effort");
    gw_jw_str(&wr->w, words[effort]);
    return note_summary(wr);
}

/* Chat has no parameter for it: what thinking text comes, comes unasked. */
static int note_summary(gw_oc_writing *wr)
{
    static const char *const names[] = {"reasoning", "thinking", "generationConfig",
                                        "additionalModelRequestFields"};
    gw_json_ref at = GW_JSON_ABSENT;
    if (!gw_has(wr->request->thinking_summary))
        return AIGW_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at == GW_JSON_ABSENT; i++)
        at = gw_oc_said_at(wr, names[i]);
    return gw_oc_note(wr, at, "OpenAI chat cannot be asked for the text of the thinking");
}

static int write_user(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    if (!gw_has(r->user_id))
        return AIGW_OK;
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_METADATA))
        return gw_oc_note_value(wr, r->user_id.inner, "this host takes no id of a user");
    bool as_user = gw_oc_has_quirk(wr, GW_QUIRK_MAX_TOKENS); /* it knows the older spellings */
    if (wr->same)
        as_user = !client_said(wr, "safety_identifier");
    gw_jw_key(&wr->w, as_user ? "user" : "safety_identifier");
    aigw_slice plain = gw_jstr_text(wr->arena, r->user_id);
    if (plain.data == NULL)
        return gw_fail_nomem(wr->err);
    if (wr->same || plain.len <= MAX_USER_ID) {
        gw_jw_jstr(&wr->w, r->user_id);
        return AIGW_OK;
    }
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[GW_SHA256_BYTES];
    char hex[GW_SHA256_BYTES * 2];
    gw_sha256(plain, hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    gw_jw_text(&wr->w, gw_slice(hex, sizeof(hex)));
    return AIGW_OK;
}

/* auto and standard_only are Anthropic's words; standard, flex and priority Gemini's. */
static int write_tier(gw_oc_writing *wr)
{
    static const char *const words[][2] = {{"standard_only", "default"},
                                           {"standard", "default"},
                                           {"default", "default"},
                                           {"flex", "flex"},
                                           {"priority", "priority"}};
    gw_jstr tier = wr->request->service_tier;
    if (!gw_has(tier))
        return AIGW_OK;
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_METADATA))
        return gw_oc_note_value(wr, tier.inner, "this host has no service tiers");
    bool ours = wr->same || wr->request->format == AIGW_FORMAT_OPENAI_RESPONSES;
    const char *word = "auto";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        word = gw_jstr_is(tier, words[i][0]) ? words[i][1] : word;
    put_jstr(&wr->w, "service_tier", ours ? tier : gw_jstr_lit(word));
    return AIGW_OK;
}

/* What only OpenAI keeps: its own words, for its own hosts. */
static int write_kept(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    bool ours = wr->same || r->format == AIGW_FORMAT_OPENAI_RESPONSES;
    bool refused = gw_oc_has_quirk(wr, GW_QUIRK_NO_METADATA);
    int rc = AIGW_OK;
    if (gw_has_raw(r->metadata) && (refused || !ours))
        rc = gw_oc_note_value(wr, r->metadata.json, "metadata is not sent on");
    else
        put_raw(&wr->w, "metadata", r->metadata);
    if (rc == AIGW_OK && refused && gw_has(r->prompt_cache_key))
        rc = gw_oc_note_value(wr, r->prompt_cache_key.inner, "this host has no such parameter");
    else
        put_jstr(&wr->w, "prompt_cache_key", r->prompt_cache_key);
    if (rc != AIGW_OK || r->store < 0)
        return rc;
    if (refused)
        return r->store == 0
                   ? rc
                   : gw_oc_note(wr, gw_oc_said_at(wr, "store"), "this host stores no answers");
    gw_jw_key(&wr->w, "store");
    gw_jw_bool(&wr->w, r->store == 1);
    return rc;
}

static void write_stream(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    if (!r->stream)
        return;
    gw_jw_key(w, "stream");
    gw_jw_bool(w, true);
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_USAGE_OPTION))
        return;
    bool usage = r->include_usage || wr->options->force_usage;
    gw_json_ref old = wr->same ? gw_json_get(r->doc, 0, "stream_options") : GW_JSON_ABSENT;
    bool had = gw_json_typeof(r->doc, old) == GW_JSON_OBJECT;
    if (!usage && !had)
        return;
    gw_jw_key(w, "stream_options");
    gw_jw_object(w);
    if (usage) {
        gw_jw_key(w, "include_usage");
        gw_jw_bool(w, true);
    }
    gw_json_ref key = had ? gw_json_first(r->doc, old) : GW_JSON_ABSENT;
    for (; key != GW_JSON_ABSENT; key = gw_json_next(r->doc, key)) {
        if (gw_json_key_is(r->doc, key, "include_usage"))
            continue;
        gw_jw_key_inner(w, gw_json_inner(r->doc, key));
        gw_jw_raw(w, gw_json_raw(r->doc, gw_json_value(r->doc, key)));
    }
    gw_jw_object_end(w);
}

static int write_extras(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    int rc = AIGW_OK;
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++) {
        const gw_extra *extra = &r->extras[i];
        if (!wr->same) {
            rc = gw_oc_note(wr, extra->value, "OpenAI chat has no such parameter");
            continue;
        }
        gw_jw_key_inner(&wr->w, gw_json_inner(r->doc, extra->key));
        gw_jw_raw(&wr->w, gw_json_raw(r->doc, extra->value));
    }
    return rc;
}

static int write_settings(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    write_max_tokens(wr);
    int rc = write_sampling(wr);
    if (rc == AIGW_OK)
        rc = write_stop(wr);
    if (rc != AIGW_OK)
        return rc;
    if (r->n >= 0) {
        gw_jw_key(w, "n");
        gw_jw_int(w, r->n);
    }
    static int (*const steps[])(gw_oc_writing *) = {write_logprobs, write_effort, write_user,
                                                    write_kept,     write_tier,   write_shape};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == AIGW_OK; i++)
        rc = steps[i](wr);
    put_jstr(w, "verbosity", r->verbosity);
    put_raw(w, "modalities", r->modalities);
    put_raw(w, "audio", r->audio);
    write_stream(wr);
    return rc;
}

int gw_oc_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err)
{
    gw_oc_writing wr = {arena, request, options, gw_jw_on(out), notes, err, false};
    wr.same = request->format == AIGW_FORMAT_OPENAI_CHAT;
    gw_jw *w = &wr.w;
    gw_jw_object(w);
    gw_jw_key(w, "model");
    if (options->model.len > 0)
        gw_jw_text(w, options->model);
    else
        gw_jw_jstr(w, request->model);
    int rc = gw_oc_write_messages(&wr);
    if (rc == AIGW_OK)
        rc = gw_oc_write_tools(&wr);
    if (rc == AIGW_OK)
        rc = write_settings(&wr);
    if (rc == AIGW_OK)
        rc = write_extras(&wr);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && out->failed)
        rc = gw_fail(err, AIGW_E_LIMIT, "request_too_large", "the translated request is too large");
    return rc;
}
