/* The top level of an OpenAI Responses request, read into the neutral request. */
/* Must not know what any other format can say. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/read.h"

typedef int read_member(gw_or_reading *rd, gw_json_ref value);

int gw_or_wrong(const gw_or_reading *rd, gw_json_ref ref, const char *what, const char *expected)
{
    return gw_json_fail(rd->err, rd->doc, ref, AIGW_E_PARSE, "wrong_type", "%s must be %s", what,
                        expected);
}

int gw_or_lacks(const gw_or_reading *rd, gw_json_ref object, gw_json_ref ref, const char *name,
                const char *expected)
{
    return ref == GW_JSON_ABSENT ? gw_read_missing(rd->err, rd->doc, object, name)
                                 : gw_or_wrong(rd, ref, name, expected);
}

int gw_or_unknown(const gw_or_reading *rd, gw_json_ref object, const char *name, const char *known)
{
    return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, object, name), name, known);
}

int gw_or_opt(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out)
{
    static const char *const words[] = {
        [GW_JSON_NONE] = "there",     [GW_JSON_NULL] = "null",       [GW_JSON_FALSE] = "false",
        [GW_JSON_TRUE] = "true",      [GW_JSON_NUMBER] = "a number", [GW_JSON_STRING] = "a string",
        [GW_JSON_ARRAY] = "an array", [GW_JSON_OBJECT] = "an object"};
    gw_json_ref ref = gw_json_get(rd->doc, object, name);
    *out = GW_JSON_ABSENT;
    if (gw_json_is_null(rd->doc, ref))
        return AIGW_OK;
    if (gw_json_typeof(rd->doc, ref) != type)
        return gw_or_wrong(rd, ref, name, words[type]);
    *out = ref;
    return AIGW_OK;
}

int gw_or_opt_string(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref;
    int rc = gw_or_opt(rd, object, name, GW_JSON_STRING, &ref);
    if (rc == AIGW_OK && ref != GW_JSON_ABSENT)
        *out = gw_jstr_of(rd->doc, ref);
    return rc;
}

int gw_or_string(const gw_or_reading *rd, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref = gw_json_get(rd->doc, object, name);
    *out = gw_jstr_of(rd->doc, ref);
    if (gw_has(*out))
        return AIGW_OK;
    return gw_or_lacks(rd, object, ref, name, "a string");
}

void gw_or_set_stateful(gw_or_reading *rd, gw_json_ref ref)
{
    if (rd->out->stateful == GW_JSON_ABSENT)
        rd->out->stateful = ref;
    rd->has_state = true;
}

/* The key is looked for: only members of the top level are extras. */
void gw_or_add_extra(gw_or_reading *rd, gw_json_ref value, const char *name)
{
    gw_json_ref key = gw_json_first(rd->doc, 0);
    while (key != GW_JSON_ABSENT && !gw_json_key_is(rd->doc, key, name))
        key = gw_json_next(rd->doc, key);
    if (key != GW_JSON_ABSENT)
        rd->out->extras[rd->out->extra_count++] = (gw_extra){key, value};
}

static int number(const gw_or_reading *rd, gw_json_ref value, const char *name, gw_raw *out)
{
    if (!gw_read_finite(rd->doc, value))
        return gw_or_wrong(rd, value, name, "a number");
    *out = gw_raw_of(rd->doc, value);
    return AIGW_OK;
}

static int text(const gw_or_reading *rd, gw_json_ref value, const char *name, gw_jstr *out)
{
    *out = gw_jstr_of(rd->doc, value);
    return gw_has(*out) ? AIGW_OK : gw_or_wrong(rd, value, name, "a string");
}

static int boolean(const gw_or_reading *rd, gw_json_ref value, const char *name, bool *out)
{
    return gw_json_bool(rd->doc, value, out) ? AIGW_OK
                                             : gw_or_wrong(rd, value, name, "true or false");
}

static int object(const gw_or_reading *rd, gw_json_ref value, const char *name)
{
    return gw_json_typeof(rd->doc, value) == GW_JSON_OBJECT
               ? AIGW_OK
               : gw_or_wrong(rd, value, name, "an object");
}

static int read_model(gw_or_reading *rd, gw_json_ref v)
{
    int rc = text(rd, v, "model", &rd->out->model);
    return rc == AIGW_OK && rd->out->model.inner.len == 0
               ? gw_or_wrong(rd, v, "model", "the name of a model")
               : rc;
}

static int read_temperature(gw_or_reading *rd, gw_json_ref v)
{
    return number(rd, v, "temperature", &rd->out->temperature);
}

static int read_top_p(gw_or_reading *rd, gw_json_ref v)
{
    return number(rd, v, "top_p", &rd->out->top_p);
}

static int read_tier(gw_or_reading *rd, gw_json_ref v)
{
    return text(rd, v, "service_tier", &rd->out->service_tier);
}

static int read_cache_key(gw_or_reading *rd, gw_json_ref v)
{
    return text(rd, v, "prompt_cache_key", &rd->out->prompt_cache_key);
}

static int read_stream(gw_or_reading *rd, gw_json_ref v)
{
    int rc = boolean(rd, v, "stream", &rd->out->stream);
    rd->out->include_usage = rd->out->stream; /* its streams always end with the usage */
    return rc;
}

static int read_parallel(gw_or_reading *rd, gw_json_ref v)
{
    bool value = false;
    int rc = boolean(rd, v, "parallel_tool_calls", &value);
    rd->out->parallel_tool_calls = value ? 1 : 0;
    return rc;
}

static int read_store(gw_or_reading *rd, gw_json_ref v)
{
    bool value = false;
    int rc = boolean(rd, v, "store", &value);
    rd->out->store = value ? 1 : 0;
    return rc;
}

static int read_background(gw_or_reading *rd, gw_json_ref v)
{
    bool value = false;
    int rc = boolean(rd, v, "background", &value);
    if (rc == AIGW_OK && value) {
        if (rd->out->stateful == GW_JSON_ABSENT)
            rd->out->stateful = v;
        gw_or_add_extra(rd, v, "background");
    }
    return rc;
}

static int read_previous(gw_or_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_STRING)
        return gw_or_wrong(rd, v, "previous_response_id", "a string");
    gw_or_set_stateful(rd, v);
    gw_or_add_extra(rd, v, "previous_response_id");
    return AIGW_OK;
}

static int read_conversation(gw_or_reading *rd, gw_json_ref v)
{
    gw_json_type type = gw_json_typeof(rd->doc, v);
    if (type != GW_JSON_STRING && type != GW_JSON_OBJECT)
        return gw_or_wrong(rd, v, "conversation", "a string or an object");
    gw_or_set_stateful(rd, v);
    gw_or_add_extra(rd, v, "conversation");
    return AIGW_OK;
}

static int read_prompt(gw_or_reading *rd, gw_json_ref v)
{
    int rc = object(rd, v, "prompt");
    if (rc != AIGW_OK)
        return rc;
    gw_or_set_stateful(rd, v);
    gw_or_add_extra(rd, v, "prompt");
    return AIGW_OK;
}

static int read_truncation(gw_or_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_STRING)
        return gw_or_wrong(rd, v, "truncation", "a string");
    if (!gw_json_is(rd->doc, v, "disabled")) /* what everybody else does anyway */
        gw_or_add_extra(rd, v, "truncation");
    return AIGW_OK;
}

static int read_stream_options(gw_or_reading *rd, gw_json_ref v)
{
    /* Its one member pads events against listeners: nothing that another format would have to say. */
    return object(rd, v, "stream_options");
}

static int read_top_logprobs(gw_or_reading *rd, gw_json_ref v)
{
    int64_t *n = &rd->out->top_logprobs;
    if (!gw_read_integer(rd->doc, v, n) || *n < 0)
        return gw_or_wrong(rd, v, "top_logprobs", "an integer from 0 to 20");
    return *n <= 20 ? AIGW_OK
                    : gw_json_fail(rd->err, rd->doc, v, AIGW_E_UNSUPPORTED, "too_many",
                                   "top_logprobs must be at most 20");
}

static int read_max_tokens(gw_or_reading *rd, gw_json_ref v)
{
    if (!gw_read_integer(rd->doc, v, &rd->out->max_tokens) || rd->out->max_tokens < 0)
        return gw_or_wrong(rd, v, "max_output_tokens", "an integer from 0 on");
    return AIGW_OK;
}

static int read_include(gw_or_reading *rd, gw_json_ref v)
{
    bool other = false;
    if (gw_json_typeof(rd->doc, v) != GW_JSON_ARRAY)
        return gw_or_wrong(rd, v, "include", "an array of strings");
    gw_json_ref ref = gw_json_first(rd->doc, v);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(rd->doc, ref)) {
        if (gw_json_typeof(rd->doc, ref) != GW_JSON_STRING)
            return gw_or_wrong(rd, ref, "include", "an array of strings");
        if (gw_json_is(rd->doc, ref, "message.output_text.logprobs"))
            rd->out->logprobs = true;
        else if (!gw_json_is(rd->doc, ref, "reasoning.encrypted_content")) /* always given */
            other = true;
    }
    if (other)
        gw_or_add_extra(rd, v, "include");
    return AIGW_OK;
}

static int read_metadata(gw_or_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_OBJECT)
        return gw_or_wrong(rd, v, "metadata", "an object of strings");
    gw_json_ref key = gw_json_first(rd->doc, v);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(rd->doc, key)) {
        gw_json_ref value = gw_json_value(rd->doc, key);
        if (gw_json_typeof(rd->doc, value) != GW_JSON_STRING)
            return gw_or_wrong(rd, value, "a value in metadata", "a string");
    }
    rd->out->metadata = gw_raw_of(rd->doc, v);
    return AIGW_OK;
}

static int read_effort(gw_or_reading *rd, gw_json_ref v)
{
    static const char *const words[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
    if (gw_json_is_null(rd->doc, v))
        return AIGW_OK;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_json_is(rd->doc, v, words[i])) {
            rd->out->effort = (gw_effort)(GW_EFFORT_NONE + (int)i);
            return AIGW_OK;
        }
    }
    return gw_read_unknown(rd->err, rd->doc, v, "effort",
                           "none, minimal, low, medium, high, xhigh or max");
}

static int read_reasoning(gw_or_reading *rd, gw_json_ref v)
{
    int rc = object(rd, v, "reasoning");
    if (rc == AIGW_OK)
        rc = read_effort(rd, gw_json_get(rd->doc, v, "effort"));
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, v, "generate_summary", &rd->out->thinking_summary);
    return rc == AIGW_OK ? gw_or_opt_string(rd, v, "summary", &rd->out->thinking_summary) : rc;
}

static int read_schema(gw_or_reading *rd, gw_json_ref format)
{
    gw_chat_request *out = rd->out;
    gw_json_ref schema = gw_json_get(rd->doc, format, "schema");
    int rc = gw_or_string(rd, format, "name", &out->schema_name);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, format, "description", &out->schema_description);
    if (rc == AIGW_OK && gw_json_typeof(rd->doc, schema) != GW_JSON_OBJECT)
        rc = gw_or_lacks(rd, format, schema, "schema", "an object");
    if (rc != AIGW_OK)
        return rc;
    out->schema = gw_raw_of(rd->doc, schema);
    gw_json_ref strict = gw_json_get(rd->doc, format, "strict");
    bool value = false;
    if (gw_json_is_null(rd->doc, strict))
        return AIGW_OK;
    rc = boolean(rd, strict, "strict", &value);
    out->schema_strict = value ? 1 : 0;
    return rc;
}

static int read_text_member(gw_or_reading *rd, gw_json_ref v)
{
    gw_json_ref format = GW_JSON_ABSENT;
    gw_jstr type;
    int rc = object(rd, v, "text");
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, v, "verbosity", &rd->out->verbosity);
    if (rc == AIGW_OK)
        rc = gw_or_opt(rd, v, "format", GW_JSON_OBJECT, &format);
    if (rc != AIGW_OK || format == GW_JSON_ABSENT)
        return rc;
    rc = gw_or_string(rd, format, "type", &type);
    if (rc != AIGW_OK || gw_jstr_is(type, "text"))
        return rc;
    if (gw_jstr_is(type, "json_object")) {
        rd->out->shape = GW_SHAPE_JSON;
        return AIGW_OK;
    }
    if (!gw_jstr_is(type, "json_schema"))
        return gw_or_unknown(rd, format, "type", "\"text\", \"json_object\" or \"json_schema\"");
    rd->out->shape = GW_SHAPE_SCHEMA;
    return read_schema(rd, format);
}

/* Members that are looked at together, after all others. */
static int see_input(gw_or_reading *rd, gw_json_ref v)
{
    rd->input = v;
    return AIGW_OK;
}

static int see_instructions(gw_or_reading *rd, gw_json_ref v)
{
    rd->instructions = v;
    return gw_json_typeof(rd->doc, v) == GW_JSON_STRING
               ? AIGW_OK
               : gw_or_wrong(rd, v, "instructions", "a string");
}

static int see_tools(gw_or_reading *rd, gw_json_ref v)
{
    rd->tools = v;
    return gw_json_typeof(rd->doc, v) == GW_JSON_ARRAY ? AIGW_OK
                                                       : gw_or_wrong(rd, v, "tools", "an array");
}

static int see_tool_choice(gw_or_reading *rd, gw_json_ref v)
{
    rd->tool_choice = v;
    return AIGW_OK;
}

static int see_user(gw_or_reading *rd, gw_json_ref v)
{
    rd->user = v;
    return AIGW_OK;
}

static int see_safety_identifier(gw_or_reading *rd, gw_json_ref v)
{
    rd->safety_identifier = v;
    return AIGW_OK;
}

static const struct {
    const char *name;
    read_member *read;
} members[] = {
    {"model", read_model},
    {"input", see_input},
    {"instructions", see_instructions},
    {"stream", read_stream},
    {"stream_options", read_stream_options},
    {"store", read_store},
    {"include", read_include},
    {"reasoning", read_reasoning},
    {"text", read_text_member},
    {"tools", see_tools},
    {"tool_choice", see_tool_choice},
    {"parallel_tool_calls", read_parallel},
    {"max_output_tokens", read_max_tokens},
    {"temperature", read_temperature},
    {"top_p", read_top_p},
    {"top_logprobs", read_top_logprobs},
    {"truncation", read_truncation},
    {"metadata", read_metadata},
    {"service_tier", read_tier},
    {"prompt_cache_key", read_cache_key},
    {"user", see_user},
    {"safety_identifier", see_safety_identifier},
    {"previous_response_id", read_previous},
    {"conversation", read_conversation},
    {"prompt", read_prompt},
    {"background", read_background},
};

/* null means absent for every known member: SDKs send it for what the caller left out. */
static int read_top_level(gw_or_reading *rd)
{
    const size_t count = sizeof(members) / sizeof(members[0]);
    gw_json_ref key = gw_json_first(rd->doc, 0);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(rd->doc, key)) {
        size_t i = 0;
        while (i < count && !gw_json_key_is(rd->doc, key, members[i].name))
            i++;
        gw_json_ref value = gw_json_value(rd->doc, key);
        if (gw_json_typeof(rd->doc, value) == GW_JSON_NULL)
            continue;
        if (i == count) {
            rd->out->extras[rd->out->extra_count++] = (gw_extra){key, value};
            continue;
        }
        int rc = members[i].read(rd, value);
        if (rc != AIGW_OK)
            return rc;
    }
    return AIGW_OK;
}

static int read_user(gw_or_reading *rd)
{
    if (rd->safety_identifier != GW_JSON_ABSENT)
        return text(rd, rd->safety_identifier, "safety_identifier", &rd->out->user_id);
    return rd->user == GW_JSON_ABSENT ? AIGW_OK : text(rd, rd->user, "user", &rd->out->user_id);
}

int gw_or_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err)
{
    const gw_json_ref none = GW_JSON_ABSENT;
    gw_chat_request request;
    gw_or_reading rd = {.arena = arena, .doc = doc, .out = &request, .err = err};
    rd.input = rd.instructions = rd.tools = rd.tool_choice = none;
    rd.user = rd.safety_identifier = none;
    gw_chat_request_init(&request, doc);
    request.format = AIGW_FORMAT_OPENAI_RESPONSES;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_or_wrong(&rd, 0, "the body", "a JSON object");
    request.extras = gw_arena_calloc(arena, gw_json_count(doc, 0) + 1u, sizeof(*request.extras));
    if (request.extras == NULL)
        return gw_fail_nomem(err);
    int rc = read_top_level(&rd);
    if (rc == AIGW_OK && !gw_has(request.model))
        rc = gw_read_missing(err, doc, 0, "model");
    if (!request.logprobs)
        request.top_logprobs = -1; /* how many of what was not asked for */
    if (rc == AIGW_OK)
        rc = read_user(&rd);
    if (rc == AIGW_OK)
        rc = gw_or_read_tools(&rd);
    if (rc == AIGW_OK)
        rc = gw_or_read_input(&rd);
    const gw_read_places places = {.tools = rd.tools, .tool_choice = rd.tool_choice};
    if (rc == AIGW_OK)
        rc = gw_read_check(arena, &request, &places, err);
    if (rc == AIGW_OK)
        *out = request;
    return rc;
}
