/*
 * Reading a Converse request: top-level members and tools into the neutral request. Refuses every wrong
 * type with a JSON pointer. Knows no provider; the model and whether it streams stand in the path.
 */
#include "wire/read.h"
#include "wire/bedrock/bedrock.h"

static int read_number(const gw_bedrock_in *in, gw_json_ref parent, const char *name, gw_raw *out)
{
    gw_json_ref ref = gw_json_get(in->doc, parent, name);
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (!gw_read_finite(in->doc, ref)) {
        return gw_bedrock_wrong(in, ref, "a number");
    }
    *out = gw_raw_of(in->doc, ref);
    return AIGW_OK;
}

static int read_stop(const gw_bedrock_in *in, gw_json_ref config, gw_chat_request *out)
{
    gw_json_ref array;
    int rc = gw_bedrock_array(in, config, "stopSequences", false, &array);
    if (rc != AIGW_OK || array == GW_JSON_ABSENT) {
        return rc;
    }
    out->stop = gw_arena_calloc(in->arena, gw_json_count(in->doc, array) + 1, sizeof *out->stop);
    if (out->stop == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        if (gw_json_typeof(in->doc, r) != GW_JSON_STRING) {
            return gw_bedrock_wrong(in, r, "a string");
        }
        out->stop[out->stop_count++] = gw_jstr_of(in->doc, r);
    }
    return AIGW_OK;
}

static int read_inference(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref config;
    int rc = gw_bedrock_object(in, in->root, "inferenceConfig", false, &config);
    if (rc != AIGW_OK || config == GW_JSON_ABSENT) {
        return rc;
    }
    gw_json_ref most = gw_json_get(in->doc, config, "maxTokens");
    if (!gw_json_is_null(in->doc, most) &&
        (!gw_read_integer(in->doc, most, &out->max_tokens) || out->max_tokens < 1)) {
        return gw_bedrock_wrong(in, most, "a positive integer");
    }
    rc = read_number(in, config, "temperature", &out->temperature);
    if (rc == AIGW_OK) {
        rc = read_number(in, config, "topP", &out->top_p);
    }
    return rc == AIGW_OK ? read_stop(in, config, out) : rc;
}

static int read_metadata(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref object;
    int rc = gw_bedrock_object(in, in->root, "requestMetadata", false, &object);
    if (rc != AIGW_OK || object == GW_JSON_ABSENT) {
        return rc;
    }
    for (gw_json_ref key = gw_json_first(in->doc, object); key != GW_JSON_ABSENT;
         key = gw_json_next(in->doc, key)) {
        gw_json_ref value = gw_json_value(in->doc, key);
        if (gw_json_typeof(in->doc, value) != GW_JSON_STRING) {
            return gw_bedrock_wrong(in, value, "a string");
        }
    }
    out->metadata = gw_raw_of(in->doc, object);
    return AIGW_OK;
}

static const struct {
    const char *word;
    gw_effort effort;
} efforts[] = {{"none", GW_EFFORT_NONE}, {"minimal", GW_EFFORT_MINIMAL},
               {"low", GW_EFFORT_LOW},   {"medium", GW_EFFORT_MEDIUM},
               {"high", GW_EFFORT_HIGH}, {"xhigh", GW_EFFORT_XHIGH},
               {"max", GW_EFFORT_MAX}};

static bool take_effort(const gw_bedrock_in *in, gw_json_ref value, gw_chat_request *out)
{
    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        if (gw_json_is(in->doc, value, efforts[i].word)) {
            out->effort = efforts[i].effort;
            return true;
        }
    }
    return false;
}

static int read_schema(const gw_bedrock_in *in, gw_json_ref format, gw_chat_request *out)
{
    gw_json_ref structure, schema;
    gw_jstr type, text = {{NULL, 0}};
    int rc = gw_bedrock_string(in, format, "type", true, &type);
    if (rc == AIGW_OK && !gw_jstr_is(type, "json_schema")) {
        rc = gw_read_unknown(in->err, in->doc, gw_json_get(in->doc, format, "type"), "type",
                             "\"json_schema\"");
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_object(in, format, "structure", true, &structure);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_object(in, structure, "jsonSchema", true, &schema);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, schema, "schema", true, &text);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, schema, "name", false, &out->schema_name);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, schema, "description", false, &out->schema_description);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_doc parsed; /* the API carries a schema as text */
    aigw_slice plain = gw_jstr_text(in->arena, text);
    rc = plain.data == NULL ? AIGW_E_NOMEM : gw_json_parse(in->arena, plain, NULL, &parsed, NULL);
    if (rc == AIGW_E_NOMEM) {
        return gw_fail_nomem(in->err);
    }
    if (rc != AIGW_OK || gw_json_typeof(&parsed, 0) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, gw_json_get(in->doc, schema, "schema"),
                                "a string that holds a JSON Schema");
    }
    out->shape = GW_SHAPE_SCHEMA;
    out->schema = gw_raw_of(&parsed, 0);
    return AIGW_OK;
}

static int read_output(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref config, format;
    int rc = gw_bedrock_object(in, in->root, "outputConfig", false, &config);
    if (rc != AIGW_OK || config == GW_JSON_ABSENT) {
        return rc;
    }
    gw_json_ref effort = gw_json_get(in->doc, config, "effort");
    if (!gw_json_is_null(in->doc, effort) && !take_effort(in, effort, out)) {
        return gw_read_unknown(in->err, in->doc, effort, "effort",
                               "low, medium, high, xhigh or max");
    }
    rc = gw_bedrock_object(in, config, "textFormat", false, &format);
    return rc != AIGW_OK || format == GW_JSON_ABSENT ? rc : read_schema(in, format, out);
}

static bool take_thinking(const gw_bedrock_in *in, gw_json_ref value, gw_chat_request *out)
{
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return false;
    }
    gw_json_ref type = gw_json_get(in->doc, value, "type");
    int64_t budget;
    if (gw_json_is(in->doc, type, "adaptive")) {
        out->thinking = GW_THINKING_ADAPTIVE;
    } else if (gw_json_is(in->doc, type, "disabled")) {
        out->thinking = GW_THINKING_OFF;
    } else if (gw_json_is(in->doc, type, "between_tools")) {
        out->thinking = GW_THINKING_BETWEEN_TOOLS;
    } else if (gw_json_is(in->doc, type, "enabled") &&
               gw_json_i64(in->doc, gw_json_get(in->doc, value, "budget_tokens"), &budget) &&
               budget >= 0) {
        out->thinking = GW_THINKING_BUDGET;
        out->thinking_budget = budget;
    } else {
        return false;
    }
    out->thinking_hidden = gw_json_is(in->doc, gw_json_get(in->doc, value, "display"), "omitted");
    return true;
}

/* An object of one known member, as {"effort":"low"}. */
static gw_json_ref only(const gw_bedrock_in *in, gw_json_ref object, const char *name)
{
    bool one =
        gw_json_typeof(in->doc, object) == GW_JSON_OBJECT && gw_json_count(in->doc, object) == 1;
    return one ? gw_json_get(in->doc, object, name) : GW_JSON_ABSENT;
}

static bool take_nova(const gw_bedrock_in *in, gw_json_ref value, gw_chat_request *out)
{
    if (gw_json_typeof(in->doc, value) != GW_JSON_OBJECT) {
        return false;
    }
    gw_json_ref type = gw_json_get(in->doc, value, "type");
    if (gw_json_is(in->doc, type, "disabled")) {
        out->effort = GW_EFFORT_NONE;
        return true;
    }
    return gw_json_is(in->doc, type, "enabled") &&
           take_effort(in, gw_json_get(in->doc, value, "maxReasoningEffort"), out);
}

/* What a model takes beside the API's own members; free in form, so that nothing is refused here. */
static bool take_field(const gw_bedrock_in *in, gw_json_ref key, gw_chat_request *out)
{
    gw_json_ref value = gw_json_value(in->doc, key);
    double number;
    if (gw_json_key_is(in->doc, key, "thinking")) {
        return take_thinking(in, value, out);
    }
    if (gw_json_key_is(in->doc, key, "output_config")) {
        return take_effort(in, only(in, value, "effort"), out);
    }
    if (gw_json_key_is(in->doc, key, "reasoning_effort")) {
        return take_effort(in, value, out);
    }
    if (gw_json_key_is(in->doc, key, "reasoningConfig")) {
        return take_nova(in, value, out);
    }
    gw_json_ref top_k = GW_JSON_ABSENT;
    if (gw_json_key_is(in->doc, key, "top_k")) {
        top_k = value;
    } else if (gw_json_key_is(in->doc, key, "inferenceConfig")) {
        top_k = only(in, value, "topK");
    }
    if (!gw_json_f64(in->doc, top_k, &number)) {
        return false;
    }
    out->top_k = gw_raw_of(in->doc, top_k);
    return true;
}

static int read_fields(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref object;
    int rc = gw_bedrock_object(in, in->root, "additionalModelRequestFields", false, &object);
    for (gw_json_ref key = gw_json_first(in->doc, object);
         rc == AIGW_OK && object != GW_JSON_ABSENT && key != GW_JSON_ABSENT;
         key = gw_json_next(in->doc, key)) {
        if (!take_field(in, key, out)) {
            out->extras[out->extra_count++] = (gw_extra){key, gw_json_value(in->doc, key)};
        }
    }
    return rc;
}

static void read_extras(const gw_bedrock_in *in, gw_chat_request *out)
{
    static const char *const known[] = {
        "messages",        "system",      "inferenceConfig", "toolConfig",
        "requestMetadata", "serviceTier", "outputConfig",    "additionalModelRequestFields"};
    for (gw_json_ref key = gw_json_first(in->doc, in->root); key != GW_JSON_ABSENT;
         key = gw_json_next(in->doc, key)) {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && !gw_json_key_is(in->doc, key, known[i])) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            out->extras[out->extra_count++] = (gw_extra){key, gw_json_value(in->doc, key)};
        }
    }
}

static int read_tier(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref tier;
    int rc = gw_bedrock_object(in, in->root, "serviceTier", false, &tier);
    return rc != AIGW_OK || tier == GW_JSON_ABSENT
               ? rc
               : gw_bedrock_string(in, tier, "type", true, &out->service_tier);
}

static int read_converse(const gw_bedrock_in *in, gw_chat_request *out)
{
    static int (*const steps[])(const gw_bedrock_in *,
                                gw_chat_request *) = {gw_bedrock_read_messages,
                                                      gw_bedrock_read_tools,
                                                      read_inference,
                                                      read_metadata,
                                                      read_tier,
                                                      read_output,
                                                      read_fields};
    gw_chat_request r;
    gw_chat_request_init(&r, in->doc);
    r.format = AIGW_FORMAT_BEDROCK;
    if (gw_json_typeof(in->doc, in->root) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, in->root, "an object");
    }
    gw_json_ref fields = gw_json_get(in->doc, in->root, "additionalModelRequestFields");
    size_t room = (size_t)gw_json_count(in->doc, in->root) + gw_json_count(in->doc, fields) + 1;
    r.extras = gw_arena_calloc(in->arena, room, sizeof *r.extras);
    if (r.extras == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int rc = steps[i](in, &r);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_json_ref config = gw_json_get(in->doc, in->root, "toolConfig");
    const gw_read_places places = {.tools = gw_json_get(in->doc, config, "tools"),
                                   .tool_choice = gw_json_get(in->doc, config, "toolChoice"),
                                   .unique_names = true,
                                   .answered_calls = true};
    int rc = gw_read_check(in->arena, &r, &places, in->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    read_extras(in, &r);
    r.include_usage = true; /* this API always tells usage */
    *out = r;
    return AIGW_OK;
}

int gw_bedrock_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                            aigw_error *err)
{
    gw_bedrock_in in = {arena, doc, 0, err};
    return read_converse(&in, out);
}

int gw_bedrock_read_count_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                                  aigw_error *err)
{
    gw_bedrock_in in = {arena, doc, 0, err};
    gw_json_ref input, key;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(&in, 0, "an object");
    }
    int rc = gw_bedrock_object(&in, 0, "input", true, &input);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_union(&in, input, &key);
    }
    if (rc == AIGW_OK && !gw_json_key_is(doc, key, "converse")) {
        return gw_json_fail(err, doc, gw_json_value(doc, key), AIGW_E_UNSUPPORTED, "unsupported",
                            "only Converse requests are counted here");
    }
    if (rc == AIGW_OK) {
        in.root = gw_json_value(doc, key);
        rc = read_converse(&in, out);
    }
    return rc;
}
