/*
 * Writing a neutral request as a Messages request: the top-level members. What the API cannot say becomes
 * a note or a 400. Knows no other format.
 */
#include "base/crypto.h"
#include "wire/anthropic/anthropic.h"
#include "wire/schema.h"

static int refuse(gw_anthropic_out *o, const char *member, const char *why)
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

/* An array of strings: is each of them "text"? */
static bool only_text(gw_raw modalities)
{
    aigw_slice rest = modalities.json;
    for (const char *open; (open = gw_find(rest, GW_S("\""))) != NULL;) {
        rest = gw_skip(rest, (size_t)(open + 1 - rest.data));
        aigw_slice word = gw_cut(&rest, '"');
        if (!gw_eq_nocase(word, GW_S("text"))) {
            return false;
        }
    }
    return true;
}

static int refuse_unsayable(gw_anthropic_out *o)
{
    if (o->r->n > 1) {
        return refuse(o, "n", "this provider gives one choice only");
    }
    if (o->r->logprobs) {
        return refuse(o, "logprobs", "this provider gives no log probabilities");
    }
    if (gw_has_raw(o->r->audio) || (gw_has_raw(o->r->modalities) && !only_text(o->r->modalities))) {
        return refuse(o, gw_has_raw(o->r->audio) ? "audio" : "modalities",
                      "this provider answers in text only");
    }
    return AIGW_OK;
}

static int note_unsayable(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    static const char why[] = "this provider has no such parameter";
    const aigw_slice list[] = {
        r->seed.json,       r->presence_penalty.json, r->frequency_penalty.json,
        r->verbosity.inner, r->metadata.json,         r->prompt_cache_key.inner,
    };
    int rc = AIGW_OK;
    for (size_t i = 0; i < sizeof list / sizeof list[0] && rc == AIGW_OK; i++) {
        rc = list[i].data != NULL ? gw_anthropic_note_value(o, list[i], why) : AIGW_OK;
    }
    if (rc == AIGW_OK && r->top_logprobs >= 0) {
        rc = gw_anthropic_note_member(o, "top_logprobs", why);
    }
    if (rc == AIGW_OK && r->store == 1) { /* where nothing is to be kept, nothing is lost */
        rc = gw_anthropic_note_member(o, "store", "this provider stores no answers");
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    for (size_t i = 0; !o->plan.same && i < r->extra_count; i++) {
        gw_json_ref value = r->extras[i].value;
        if (gw_json_is_null(r->doc, value)) {
            continue; /* as good as not there */
        }
        rc = gw_anthropic_note(o, value, "not known to this provider");
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    return AIGW_OK;
}

static bool number_of(gw_anthropic_out *o, gw_raw raw, double *out)
{
    gw_json_doc doc;
    return gw_json_parse(o->arena, raw.json, NULL, &doc, NULL) == AIGW_OK &&
           gw_json_f64(&doc, 0, out);
}

static bool thinks(gw_thinking kind)
{
    return kind != GW_THINKING_UNSAID && kind != GW_THINKING_OFF;
}

static int write_temperature(gw_anthropic_out *o)
{
    double value = 1;
    if (!number_of(o, o->r->temperature, &value)) {
        return refuse(o, "temperature", "expected a number");
    }
    gw_jw_key(&o->w, "temperature");
    if (o->plan.same || (value >= 0 && value <= 1)) {
        gw_jw_raw(&o->w, o->r->temperature.json);
        return AIGW_OK;
    }
    gw_jw_int(&o->w, value > 1);
    return gw_anthropic_note_value(o, o->r->temperature.json, "brought into the range 0 to 1");
}

/* Newer models take no sampling parameters, nor does any model that thinks; and not two of them. */
static int write_sampling(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    const char *why = NULL;
    if ((o->options->quirks & GW_QUIRK_NO_SAMPLING) != 0) {
        why = "this version of the API has no sampling parameters";
    } else if (!o->plan.model.sampling) {
        why = "the model takes no sampling parameters";
    } else if (thinks(o->plan.thinking) && !o->plan.same) {
        why = "no sampling parameters with thinking";
    }
    int rc = AIGW_OK;
    if (gw_has_raw(r->temperature)) {
        double value = 0;
        bool is_default = why != NULL && number_of(o, r->temperature, &value) && value == 1.0;
        if (why == NULL) {
            rc = write_temperature(o);
        } else if (!is_default) {
            rc = gw_anthropic_note_value(o, r->temperature.json, why);
        }
    }
    const char *top_p_why = why;
    if (why == NULL && gw_has_raw(r->temperature) && !o->plan.same) {
        top_p_why = "not together with temperature";
    }
    if (rc == AIGW_OK && gw_has_raw(r->top_p)) {
        if (top_p_why == NULL) {
            gw_jw_key(&o->w, "top_p");
            gw_jw_raw(&o->w, r->top_p.json);
        } else {
            rc = gw_anthropic_note_value(o, r->top_p.json, top_p_why);
        }
    }
    if (rc == AIGW_OK && gw_has_raw(r->top_k)) {
        if (why == NULL) {
            gw_jw_key(&o->w, "top_k");
            gw_jw_raw(&o->w, r->top_k.json);
        } else {
            rc = gw_anthropic_note_value(o, r->top_k.json, why);
        }
    }
    return rc;
}

static void write_stop(gw_anthropic_out *o)
{
    bool open = false;
    for (size_t i = 0; i < o->r->stop_count; i++) {
        if (gw_jstr_blank(o->r->stop[i])) {
            continue; /* the API refuses them */
        }
        if (!open) {
            gw_jw_key(&o->w, "stop_sequences");
            gw_jw_array(&o->w);
            open = true;
        }
        gw_jw_jstr(&o->w, o->r->stop[i]);
    }
    if (open) {
        gw_jw_array_end(&o->w);
    }
}

static gw_raw own_member(const gw_anthropic_out *o, const char *name)
{
    gw_raw none = {{NULL, 0}};
    if (!o->plan.same || o->r->doc == NULL) {
        return none;
    }
    return gw_raw_of(o->r->doc, gw_json_get(o->r->doc, 0, name));
}

/* A member of our own format, as it stood. False if there is none. */
static bool write_own(gw_anthropic_out *o, const char *name)
{
    gw_raw raw = own_member(o, name);
    if (!gw_has_raw(raw)) {
        return false;
    }
    gw_jw_key(&o->w, name);
    gw_jw_raw(&o->w, raw.json);
    return true;
}

static void write_thinking(gw_anthropic_out *o)
{
    static const char *const words[] = {[GW_THINKING_OFF] = "disabled",
                                        [GW_THINKING_ADAPTIVE] = "adaptive",
                                        [GW_THINKING_BUDGET] = "enabled",
                                        [GW_THINKING_BETWEEN_TOOLS] = "between_tools"};
    gw_thinking kind = o->plan.thinking;
    if (kind == GW_THINKING_UNSAID || write_own(o, "thinking")) {
        return;
    }
    gw_jw_key(&o->w, "thinking");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, words[kind]);
    if (kind == GW_THINKING_BUDGET) {
        gw_jw_key(&o->w, "budget_tokens");
        gw_jw_int(&o->w, o->plan.budget);
    }
    bool can_hide = kind == GW_THINKING_BUDGET || kind == GW_THINKING_ADAPTIVE;
    bool wanted = gw_has(o->r->thinking_summary) && o->plan.model.adaptive;
    if (can_hide && (o->r->thinking_hidden || wanted)) {
        gw_jw_key(&o->w, "display");
        gw_jw_str(&o->w, o->r->thinking_hidden ? "omitted" : "summarized");
    }
    gw_jw_object_end(&o->w);
}

static int write_format(gw_anthropic_out *o)
{
    gw_json_doc schema;
    int rc = gw_json_parse(o->arena, o->r->schema.json, NULL, &schema, o->err);
    if (rc == AIGW_OK && !o->plan.same) {
        rc = gw_schema_flat(o->arena, o->r->doc, o->r->schema, o->err);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw_key(&o->w, "format");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, "json_schema");
    gw_jw_key(&o->w, "schema");
    if (o->plan.same) {
        gw_jw_raw(&o->w, o->r->schema.json);
    } else {
        gw_anthropic_write_schema(&o->w, &schema, 0);
    }
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

static int write_output_config(gw_anthropic_out *o)
{
    static const char *const efforts[] = {
        [GW_EFFORT_LOW] = "low",     [GW_EFFORT_MEDIUM] = "medium", [GW_EFFORT_HIGH] = "high",
        [GW_EFFORT_XHIGH] = "xhigh", [GW_EFFORT_MAX] = "max",
    };
    bool schema = o->r->shape == GW_SHAPE_SCHEMA && !o->plan.json_tool && !o->plan.json_words;
    bool effort = o->plan.effort >= GW_EFFORT_LOW;
    if (!schema && !effort) {
        return AIGW_OK;
    }
    /* The older spelling, output_format, is written in the newer one. */
    if (!gw_has_raw(own_member(o, "output_format")) && write_own(o, "output_config")) {
        return AIGW_OK;
    }
    gw_jw_key(&o->w, "output_config");
    gw_jw_object(&o->w);
    int rc = schema ? write_format(o) : AIGW_OK;
    if (rc == AIGW_OK && schema && o->r->schema_description.inner.len > 0) {
        rc = gw_anthropic_note_value(o, o->r->schema_description.inner,
                                     "a schema has no description here");
    }
    if (effort) {
        gw_jw_key(&o->w, "effort");
        gw_jw_str(&o->w, efforts[o->plan.effort]);
    }
    gw_jw_object_end(&o->w);
    return rc;
}

static int write_service_tier(gw_anthropic_out *o)
{
    static const char *const words[][2] = {{"auto", "auto"},
                                           {"default", "standard_only"},
                                           {"flex", "standard_only"},
                                           {"priority", "auto"},
                                           {"fast", "auto"}};
    gw_jstr tier = o->r->service_tier;
    if (!gw_has(tier)) {
        return AIGW_OK;
    }
    if (o->plan.same) {
        gw_jw_key(&o->w, "service_tier");
        gw_jw_jstr(&o->w, tier);
        return AIGW_OK;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_jstr_is(tier, words[i][0])) {
            gw_jw_key(&o->w, "service_tier");
            gw_jw_str(&o->w, words[i][1]);
            return AIGW_OK;
        }
    }
    return gw_anthropic_note_value(o, tier.inner, "no such tier here");
}

/* An id that is too long for the API travels as its hash: the same for the same user. */
static void write_user_id(gw_anthropic_out *o)
{
    enum { MOST_BYTES = 256 };
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[GW_SHA256_BYTES];
    char hex[GW_SHA256_BYTES * 2];
    aigw_slice id = o->r->user_id.inner;
    if (id.len <= MOST_BYTES) {
        gw_jw_inner(&o->w, id);
        return;
    }
    gw_sha256(id, hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    gw_jw_text(&o->w, gw_slice(hex, sizeof hex));
}

static void write_metadata(gw_anthropic_out *o)
{
    if (!gw_has(o->r->user_id) || write_own(o, "metadata")) {
        return;
    }
    gw_jw_key(&o->w, "metadata");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "user_id");
    write_user_id(o);
    gw_jw_object_end(&o->w);
}

static void write_extras(gw_anthropic_out *o)
{
    for (size_t i = 0; o->plan.same && i < o->r->extra_count; i++) {
        gw_jw_key_inner(&o->w, gw_json_inner(o->r->doc, o->r->extras[i].key));
        gw_jw_raw(&o->w, gw_json_raw(o->r->doc, o->r->extras[i].value));
    }
}

static void write_head(gw_anthropic_out *o)
{
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "model");
    if (o->options->model.len > 0) {
        gw_jw_text(&o->w, o->options->model);
    } else {
        gw_jw_jstr(&o->w, o->r->model);
    }
    if (!o->counting) {
        gw_jw_key(&o->w, "max_tokens");
        gw_jw_int(&o->w, o->plan.max_tokens);
    }
}

static size_t count_marks(const gw_part *parts, size_t count)
{
    size_t marks = 0;
    for (size_t i = 0; i < count; i++) {
        marks += parts[i].cache != GW_CACHE_NONE;
        for (size_t k = 0; k < parts[i].part_count; k++) {
            marks += parts[i].parts[k].cache != GW_CACHE_NONE;
        }
    }
    return marks;
}

static size_t count_all_marks(const gw_chat_request *r)
{
    size_t marks = 0;
    for (size_t i = 0; i < r->tool_count; i++) {
        marks += r->tools[i].cache != GW_CACHE_NONE;
    }
    for (size_t i = 0; i < r->message_count; i++) {
        marks += count_marks(r->messages[i].parts, r->messages[i].part_count);
    }
    return marks;
}

/* What the prompt is made of, up to the closing brace. */
static int write_prompt(gw_anthropic_out *o)
{
    int rc = gw_anthropic_decide(o);
    if (rc == AIGW_OK && !o->counting) {
        rc = note_unsayable(o);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    write_head(o); /* everything is decided: the first byte */
    rc = gw_anthropic_write_tools(o);
    if (rc == AIGW_OK) {
        rc = gw_anthropic_write_system(o);
    }
    return rc == AIGW_OK ? gw_anthropic_write_messages(o) : rc;
}

static int finish(gw_anthropic_out *o, int rc)
{
    gw_jw_object_end(&o->w);
    return rc == AIGW_OK && o->w.buf->failed
               ? gw_fail(o->err, AIGW_E_LIMIT, "too_large", "the request outgrew its buffer")
               : rc;
}

int gw_anthropic_write_request(gw_arena *arena, const gw_chat_request *request,
                               const gw_write_options *options, gw_buf *out, gw_notes *notes,
                               aigw_error *err)
{
    gw_anthropic_out o = {.arena = arena,
                          .r = request,
                          .options = options,
                          .w = gw_jw_on(out),
                          .notes = notes,
                          .err = err,
                          .marks_total = count_all_marks(request)};
    int rc = refuse_unsayable(&o);
    if (rc == AIGW_OK) {
        rc = write_prompt(&o);
    }
    if (rc == AIGW_OK) {
        rc = write_sampling(&o);
    }
    if (rc == AIGW_OK) {
        rc = write_service_tier(&o);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    write_stop(&o);
    write_metadata(&o);
    write_thinking(&o);
    rc = write_output_config(&o);
    if (request->stream) {
        gw_jw_key(&o.w, "stream");
        gw_jw_bool(&o.w, true);
    }
    write_extras(&o);
    return finish(&o, rc);
}

int gw_anthropic_write_count_request(gw_arena *arena, const gw_chat_request *request,
                                     const gw_write_options *options, gw_buf *out, gw_notes *notes,
                                     aigw_error *err)
{
    gw_anthropic_out o = {.arena = arena,
                          .r = request,
                          .options = options,
                          .w = gw_jw_on(out),
                          .notes = notes,
                          .err = err,
                          .marks_total = count_all_marks(request),
                          .counting = true};
    int rc = write_prompt(&o);
    if (rc == AIGW_OK) {
        write_thinking(&o);
        rc = write_output_config(&o);
    }
    return rc == AIGW_OK ? finish(&o, rc) : rc;
}

void gw_anthropic_write_count(int64_t tokens, gw_buf *out)
{
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    gw_jw_key(&w, "input_tokens");
    gw_jw_int(&w, tokens);
    gw_jw_object_end(&w);
}
