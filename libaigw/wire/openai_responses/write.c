/* The top level of an OpenAI Responses request, written from the neutral request. */
/* Must not know which format it came from, except whether it was this one. */
#include "wire/openai_responses/openai_responses.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"

enum { MIN_OUTPUT_TOKENS = 16, MAX_USER_ID = 64 };

/* Members that go to the same format as they stood. */
static const char *const kept[] = {
    "text",        "reasoning",  "include",    "stream_options", "user", "safety_identifier",
    "tool_choice", "truncation", "background", "top_logprobs"};

int gw_or_note(gw_or_writing *wr, gw_json_ref at, const char *reason)
{
    return gw_note_add(wr->notes, wr->request->doc, at, reason, wr->err);
}

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

/* Where the client said something, for a note: by any of its names in any client's format. */
static gw_json_ref said_at(const gw_or_writing *wr, const char *const names[])
{
    static const char *const nests[] = {"generationConfig", "inferenceConfig"};
    const gw_json_doc *doc = wr->request->doc;
    if (doc == NULL || gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return GW_JSON_ABSENT;
    for (size_t i = 0; names[i] != NULL; i++) {
        gw_json_ref found = gw_json_get(doc, 0, names[i]);
        for (size_t n = 0; n < 2 && found == GW_JSON_ABSENT; n++) {
            gw_json_ref nest = gw_json_get(doc, 0, nests[n]);
            if (gw_json_typeof(doc, nest) == GW_JSON_OBJECT)
                found = gw_json_get(doc, nest, names[i]);
        }
        if (found != GW_JSON_ABSENT)
            return found;
    }
    return GW_JSON_ABSENT;
}

static void write_kept(gw_or_writing *wr)
{
    const gw_json_doc *doc = wr->request->doc;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        gw_json_ref ref = gw_json_get(doc, 0, kept[i]);
        if (!gw_json_is_null(doc, ref))
            put_raw(&wr->w, kept[i], gw_raw_of(doc, ref));
    }
}

static bool is_kept(const gw_json_doc *doc, gw_json_ref key)
{
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (gw_json_key_is(doc, key, kept[i]))
            return true;
    }
    return false;
}

static int write_max_tokens(gw_or_writing *wr)
{
    static const char *const names[] = {"max_completion_tokens", "max_tokens", "maxOutputTokens",
                                        "maxTokens", NULL};
    int64_t n = wr->request->max_tokens;
    if (n < 0)
        return AIGW_OK;
    bool raise = n < MIN_OUTPUT_TOKENS && !wr->same;
    gw_jw_key(&wr->w, "max_output_tokens");
    gw_jw_int(&wr->w, raise ? MIN_OUTPUT_TOKENS : n);
    return raise ? gw_or_note(wr, said_at(wr, names),
                              "the Responses API takes no limit under 16 tokens: raised")
                 : AIGW_OK;
}

/* What the Responses API has no word for. */
static int note_unsaid(gw_or_writing *wr)
{
    const gw_chat_request *r = wr->request;
    const struct {
        bool said;
        const char *const names[4];
        const char *reason;
    } rows[] = {
        {r->stop_count > 0,
         {"stop", "stop_sequences", "stopSequences"},
         "the Responses API has no stop sequences"},
        {r->n > 1, {"n", "candidateCount"}, "the Responses API gives one answer"},
        {gw_has_raw(r->seed), {"seed"}, "the Responses API has no seed"},
        {gw_has_raw(r->top_k), {"top_k", "topK"}, "the Responses API has no top_k"},
        {gw_has_raw(r->presence_penalty),
         {"presence_penalty", "presencePenalty"},
         "the Responses API has no presence_penalty"},
        {gw_has_raw(r->frequency_penalty),
         {"frequency_penalty", "frequencyPenalty"},
         "the Responses API has no frequency_penalty"},
        {gw_has_raw(r->modalities),
         {"modalities", "responseModalities"},
         "the Responses API answers with text"},
        {gw_has_raw(r->audio), {"audio", "speechConfig"}, "the Responses API answers with text"},
        {r->store == 1, {"store"}, "nothing is stored through this gateway"},
    };
    int rc = AIGW_OK;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == AIGW_OK; i++) {
        if (rows[i].said)
            rc = gw_or_note(wr, said_at(wr, rows[i].names), rows[i].reason);
    }
    return rc;
}

static void write_shape(gw_or_writing *wr)
{
    static const char *const types[] = {"text", "json_object", "json_schema"};
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    if (r->shape == GW_SHAPE_TEXT && !gw_has(r->verbosity))
        return;
    gw_jw_key(w, "text");
    gw_jw_object(w);
    gw_jw_key(w, "format");
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, types[r->shape]);
    if (r->shape == GW_SHAPE_SCHEMA) {
        gw_jw_key(w, "name");
        gw_jw_jstr(w, gw_has(r->schema_name) ? r->schema_name : gw_jstr_lit("response"));
        put_jstr(w, "description", r->schema_description);
        gw_jw_key(w, "schema");
        gw_jw_raw(w, gw_has_raw(r->schema) ? r->schema.json : GW_S("{}"));
        if (r->schema_strict >= 0 && (wr->options->quirks & GW_QUIRK_NO_STRICT) == 0) {
            gw_jw_key(w, "strict");
            gw_jw_bool(w, r->schema_strict == 1);
        }
    }
    gw_jw_object_end(w);
    put_jstr(w, "verbosity", r->verbosity);
    gw_jw_object_end(w);
}

/* The row of the table of budgets that is nearest. */
static gw_effort effort_of_budget(int64_t tokens)
{
    static const struct {
        int64_t upto;
        gw_effort effort;
    } rows[] = {{0, GW_EFFORT_NONE},
                {2048, GW_EFFORT_LOW},
                {12288, GW_EFFORT_MEDIUM},
                {24576, GW_EFFORT_HIGH}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tokens >= 0 && tokens <= rows[i].upto)
            return rows[i].effort;
    }
    return tokens < 0 ? GW_EFFORT_UNSAID : GW_EFFORT_XHIGH;
}

static gw_effort effort_of(const gw_chat_request *r)
{
    if (r->effort != GW_EFFORT_UNSAID)
        return r->effort;
    if (r->thinking == GW_THINKING_OFF)
        return GW_EFFORT_NONE;
    return r->thinking == GW_THINKING_BUDGET ? effort_of_budget(r->thinking_budget)
                                             : GW_EFFORT_UNSAID;
}

/* Reasoning is on when somebody asked for it: models without it refuse all of this. */
static bool reasoning_on(const gw_chat_request *r)
{
    gw_effort effort = effort_of(r);
    bool asked = r->thinking == GW_THINKING_ADAPTIVE || r->thinking == GW_THINKING_BUDGET ||
                 r->thinking == GW_THINKING_BETWEEN_TOOLS || gw_has(r->thinking_summary);
    return effort != GW_EFFORT_NONE && (effort != GW_EFFORT_UNSAID || asked);
}

static int write_reasoning(gw_or_writing *wr)
{
    static const char *const words[] = {
        [GW_EFFORT_NONE] = "none",     [GW_EFFORT_MINIMAL] = "minimal", [GW_EFFORT_LOW] = "low",
        [GW_EFFORT_MEDIUM] = "medium", [GW_EFFORT_HIGH] = "high",       [GW_EFFORT_XHIGH] = "xhigh",
        [GW_EFFORT_MAX] = "max"};
    static const char *const names[] = {"reasoning_effort", "thinking", "thinkingConfig", NULL};
    const gw_chat_request *r = wr->request;
    gw_effort effort = effort_of(r);
    bool on = reasoning_on(r);
    if (effort == GW_EFFORT_UNSAID && !on)
        return AIGW_OK;
    if ((wr->options->quirks & GW_QUIRK_NO_REASONING) != 0)
        return gw_or_note(wr, said_at(wr, names), "the host takes no reasoning effort");
    gw_jstr summary = r->thinking_summary;
    bool thinks = r->thinking == GW_THINKING_ADAPTIVE || r->thinking == GW_THINKING_BUDGET ||
                  r->thinking == GW_THINKING_BETWEEN_TOOLS;
    if (!gw_has(summary) && thinks && !r->thinking_hidden)
        summary = gw_jstr_lit("auto"); /* formats with thinking show its text unless told not to */
    if (effort == GW_EFFORT_UNSAID && !(on && gw_has(summary)))
        return AIGW_OK;
    gw_jw *w = &wr->w;
    gw_jw_key(w, "reasoning");
    gw_jw_object(w);
    if (effort != GW_EFFORT_UNSAID) {
        gw_jw_key(w, "effort");
        gw_jw_str(w, words[effort]);
    }
    if (on)
        put_jstr(w, "summary", summary);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static int write_user(gw_or_writing *wr)
{
    static const char digits[] = "0123456789abcdef";
    const gw_chat_request *r = wr->request;
    if (!gw_has(r->user_id))
        return AIGW_OK;
    aigw_slice plain = gw_jstr_text(wr->arena, r->user_id);
    if (plain.data == NULL)
        return gw_fail_nomem(wr->err);
    gw_jw_key(&wr->w, "safety_identifier");
    if (plain.len <= MAX_USER_ID) {
        gw_jw_jstr(&wr->w, r->user_id);
        return AIGW_OK;
    }
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

static void write_tier(gw_or_writing *wr)
{
    static const char *const same[] = {"auto", "default", "flex", "scale", "priority"};
    gw_jstr tier = wr->request->service_tier;
    if (!gw_has(tier))
        return;
    const char *word = "auto";
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        if (gw_jstr_is(tier, same[i]))
            word = same[i];
    }
    if (gw_jstr_is(tier, "standard_only") || gw_jstr_is(tier, "standard"))
        word = "default";
    gw_jw_key(&wr->w, "service_tier");
    gw_jw_str(&wr->w, word);
}

static int write_identity(gw_or_writing *wr)
{
    static const char *const names[] = {"metadata", NULL};
    const gw_chat_request *r = wr->request;
    bool said = gw_has_raw(r->metadata) || gw_has(r->service_tier) || gw_has(r->user_id);
    if (said && (wr->options->quirks & GW_QUIRK_NO_METADATA) != 0)
        return gw_or_note(wr, said_at(wr, names), "the host takes no metadata, tier or user");
    put_raw(&wr->w, "metadata", r->metadata);
    write_tier(wr);
    return write_user(wr);
}

static int write_logprobs(gw_or_writing *wr)
{
    static const char *const names[] = {"logprobs", "top_logprobs", "responseLogprobs", NULL};
    const gw_chat_request *r = wr->request;
    if (!r->logprobs)
        return AIGW_OK;
    if ((wr->options->quirks & GW_QUIRK_NO_LOGPROBS) != 0)
        return gw_or_note(wr, said_at(wr, names), "the host gives no log probabilities");
    if (r->top_logprobs >= 0) {
        gw_jw_key(&wr->w, "top_logprobs");
        gw_jw_int(&wr->w, r->top_logprobs > 20 ? 20 : r->top_logprobs);
    }
    return AIGW_OK;
}

static void write_include(gw_or_writing *wr)
{
    gw_jw *w = &wr->w;
    bool probs = wr->request->logprobs && (wr->options->quirks & GW_QUIRK_NO_LOGPROBS) == 0;
    bool encrypted =
        reasoning_on(wr->request) && (wr->options->quirks & GW_QUIRK_NO_REASONING) == 0;
    if (!probs && !encrypted)
        return;
    gw_jw_key(w, "include");
    gw_jw_array(w);
    if (encrypted)
        gw_jw_str(w, "reasoning.encrypted_content");
    if (probs)
        gw_jw_str(w, "message.output_text.logprobs");
    gw_jw_array_end(w);
}

static int write_extras(gw_or_writing *wr)
{
    const gw_chat_request *r = wr->request;
    int rc = AIGW_OK;
    for (size_t i = 0; i < r->extra_count && rc == AIGW_OK; i++) {
        const gw_extra *extra = &r->extras[i];
        if (!wr->same) {
            rc = gw_or_note(wr, extra->value, "the Responses API has no such parameter");
        } else if (!is_kept(r->doc, extra->key)) {
            gw_jw_key_inner(&wr->w, gw_json_inner(r->doc, extra->key));
            gw_jw_raw(&wr->w, gw_json_raw(r->doc, extra->value));
        }
    }
    return rc;
}

static void write_stream(gw_or_writing *wr)
{
    if (!wr->request->stream)
        return;
    gw_jw_key(&wr->w, "stream");
    gw_jw_bool(&wr->w, true);
}

static int write_same(gw_or_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    put_raw(w, "metadata", r->metadata);
    put_jstr(w, "service_tier", r->service_tier);
    if (r->store >= 0) {
        gw_jw_key(w, "store");
        gw_jw_bool(w, r->store == 1);
    }
    write_kept(wr);
    return write_extras(wr);
}

static int write_other(gw_or_writing *wr)
{
    int rc = note_unsaid(wr);
    write_shape(wr);
    if (rc == AIGW_OK)
        rc = write_reasoning(wr);
    if (rc == AIGW_OK)
        rc = write_logprobs(wr);
    if (rc == AIGW_OK)
        rc = write_identity(wr);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_key(&wr->w, "store");
    gw_jw_bool(&wr->w, false);
    write_include(wr);
    return write_extras(wr);
}

static int write_settings(gw_or_writing *wr)
{
    const gw_chat_request *r = wr->request;
    int rc = write_max_tokens(wr);
    put_raw(&wr->w, "temperature", r->temperature);
    put_raw(&wr->w, "top_p", r->top_p);
    put_jstr(&wr->w, "prompt_cache_key", r->prompt_cache_key);
    write_stream(wr);
    if (rc != AIGW_OK)
        return rc;
    return wr->same ? write_same(wr) : write_other(wr);
}

/* What the counter takes besides the conversation. */
static int write_counted(gw_or_writing *wr)
{
    static const char *const names[] = {"text",       "reasoning",    "tool_choice",
                                        "truncation", "conversation", "previous_response_id"};
    if (!wr->same) {
        write_shape(wr);
        return write_reasoning(wr);
    }
    const gw_json_doc *doc = wr->request->doc;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gw_json_ref ref = gw_json_get(doc, 0, names[i]);
        if (!gw_json_is_null(doc, ref))
            put_raw(&wr->w, names[i], gw_raw_of(doc, ref));
    }
    return AIGW_OK;
}

static int write_any(gw_or_writing *wr, int (*rest)(gw_or_writing *wr))
{
    gw_jw *w = &wr->w;
    wr->same = wr->request->format == AIGW_FORMAT_OPENAI_RESPONSES;
    gw_jw_object(w);
    gw_jw_key(w, "model");
    if (wr->options->model.len > 0)
        gw_jw_text(w, wr->options->model);
    else
        gw_jw_jstr(w, wr->request->model);
    int rc = gw_or_write_input(wr);
    if (rc == AIGW_OK)
        rc = gw_or_write_tools(wr);
    if (rc == AIGW_OK)
        rc = rest(wr);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && w->buf->failed)
        rc = gw_fail(wr->err, AIGW_E_LIMIT, "request_too_large",
                     "the translated request is too large");
    return rc;
}

int gw_or_write_request(gw_arena *arena, const gw_chat_request *request,
                        const gw_write_options *options, gw_buf *out, gw_notes *notes,
                        aigw_error *err)
{
    gw_or_writing wr = {.arena = arena,
                        .request = request,
                        .options = options,
                        .w = gw_jw_on(out),
                        .notes = notes,
                        .err = err};
    return write_any(&wr, write_settings);
}

int gw_or_write_count_request(gw_arena *arena, const gw_chat_request *request,
                              const gw_write_options *options, gw_buf *out, gw_notes *notes,
                              aigw_error *err)
{
    gw_or_writing wr = {.arena = arena,
                        .request = request,
                        .options = options,
                        .w = gw_jw_on(out),
                        .notes = notes,
                        .err = err};
    return write_any(&wr, write_counted);
}
