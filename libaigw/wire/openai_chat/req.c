/* The top level of an OpenAI chat request, read into the neutral request. */
/* Must not know what any other format can say. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/read.h"

typedef int read_member(gw_oc_reading *rd, gw_json_ref value);

static int number(const gw_oc_reading *rd, gw_json_ref value, const char *name, gw_raw *out)
{
    if (!gw_read_finite(rd->doc, value))
        return gw_oc_wrong(rd, value, name, "a number");
    *out = gw_raw_of(rd->doc, value);
    return AIGW_OK;
}

static int text(const gw_oc_reading *rd, gw_json_ref value, const char *name, gw_jstr *out)
{
    *out = gw_jstr_of(rd->doc, value);
    return gw_has(*out) ? AIGW_OK : gw_oc_wrong(rd, value, name, "a string");
}

static int boolean(const gw_oc_reading *rd, gw_json_ref value, const char *name, bool *out)
{
    return gw_json_bool(rd->doc, value, out) ? AIGW_OK
                                             : gw_oc_wrong(rd, value, name, "true or false");
}

static int read_model(gw_oc_reading *rd, gw_json_ref v)
{
    int rc = text(rd, v, "model", &rd->out->model);
    return rc == AIGW_OK && rd->out->model.inner.len == 0
               ? gw_oc_wrong(rd, v, "model", "the name of a model")
               : rc;
}

static int read_temperature(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "temperature", &rd->out->temperature);
}

static int read_top_p(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "top_p", &rd->out->top_p);
}

static int read_top_k(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "top_k", &rd->out->top_k);
}

static int read_seed(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "seed", &rd->out->seed);
}

static int read_presence(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "presence_penalty", &rd->out->presence_penalty);
}

static int read_frequency(gw_oc_reading *rd, gw_json_ref v)
{
    return number(rd, v, "frequency_penalty", &rd->out->frequency_penalty);
}

static int read_tier(gw_oc_reading *rd, gw_json_ref v)
{
    return text(rd, v, "service_tier", &rd->out->service_tier);
}

static int read_verbosity(gw_oc_reading *rd, gw_json_ref v)
{
    return text(rd, v, "verbosity", &rd->out->verbosity);
}

static int read_logprobs(gw_oc_reading *rd, gw_json_ref v)
{
    return boolean(rd, v, "logprobs", &rd->out->logprobs);
}

static int read_stream(gw_oc_reading *rd, gw_json_ref v)
{
    return boolean(rd, v, "stream", &rd->out->stream);
}

static int read_stream_options(gw_oc_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, v, "stream_options", "an object");
    gw_json_ref usage = gw_json_get(rd->doc, v, "include_usage");
    if (gw_json_is_null(rd->doc, usage))
        return AIGW_OK;
    return boolean(rd, usage, "include_usage", &rd->out->include_usage);
}

static int read_parallel(gw_oc_reading *rd, gw_json_ref v)
{
    bool value = false;
    int rc = boolean(rd, v, "parallel_tool_calls", &value);
    rd->out->parallel_tool_calls = value ? 1 : 0;
    return rc;
}

/* A bound of OpenAI's own; another host of this format may have another. */
static int too_many(const gw_oc_reading *rd, gw_json_ref value, const char *bound)
{
    return gw_json_fail(rd->err, rd->doc, value, AIGW_E_UNSUPPORTED, "too_many", "%s", bound);
}

static int read_n(gw_oc_reading *rd, gw_json_ref v)
{
    if (!gw_read_integer(rd->doc, v, &rd->out->n) || rd->out->n < 1)
        return gw_oc_wrong(rd, v, "n", "an integer from 1 to 128");
    return rd->out->n <= 128 ? AIGW_OK : too_many(rd, v, "n must be at most 128");
}

static int read_top_logprobs(gw_oc_reading *rd, gw_json_ref v)
{
    int64_t *out = &rd->out->top_logprobs;
    if (!gw_read_integer(rd->doc, v, out) || *out < 0)
        return gw_oc_wrong(rd, v, "top_logprobs", "an integer from 0 to 20");
    return *out <= 20 ? AIGW_OK : too_many(rd, v, "top_logprobs must be at most 20");
}

static int read_modalities(gw_oc_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_ARRAY)
        return gw_oc_wrong(rd, v, "modalities", "an array of strings");
    gw_json_ref ref = gw_json_first(rd->doc, v);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(rd->doc, ref)) {
        if (gw_json_typeof(rd->doc, ref) != GW_JSON_STRING)
            return gw_oc_wrong(rd, ref, "a modality", "a string");
    }
    rd->out->modalities = gw_raw_of(rd->doc, v);
    return AIGW_OK;
}

static int read_audio(gw_oc_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, v, "audio", "an object");
    rd->out->audio = gw_raw_of(rd->doc, v);
    return AIGW_OK;
}

static int read_cache_key(gw_oc_reading *rd, gw_json_ref v)
{
    return text(rd, v, "prompt_cache_key", &rd->out->prompt_cache_key);
}

static int read_store(gw_oc_reading *rd, gw_json_ref v)
{
    bool value = false;
    int rc = boolean(rd, v, "store", &value);
    rd->out->store = value ? 1 : 0;
    return rc;
}

static int read_metadata(gw_oc_reading *rd, gw_json_ref v)
{
    if (gw_json_typeof(rd->doc, v) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, v, "metadata", "an object of strings");
    gw_json_ref key = gw_json_first(rd->doc, v);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(rd->doc, key)) {
        gw_json_ref value = gw_json_value(rd->doc, key);
        if (gw_json_typeof(rd->doc, value) != GW_JSON_STRING)
            return gw_oc_wrong(rd, value, "a value in metadata", "a string");
    }
    rd->out->metadata = gw_raw_of(rd->doc, v);
    return AIGW_OK;
}

static int read_effort(gw_oc_reading *rd, gw_json_ref v)
{
    static const char *const words[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_json_is(rd->doc, v, words[i])) {
            rd->out->effort = (gw_effort)(GW_EFFORT_NONE + (int)i);
            return AIGW_OK;
        }
    }
    return gw_read_unknown(rd->err, rd->doc, v, "reasoning_effort",
                           "none, minimal, low, medium, high, xhigh or max");
}

static int read_stop(gw_oc_reading *rd, gw_json_ref v)
{
    gw_chat_request *out = rd->out;
    bool list = gw_json_typeof(rd->doc, v) == GW_JSON_ARRAY;
    size_t count = list ? gw_json_count(rd->doc, v) : 1;
    out->stop = gw_arena_calloc(rd->arena, count + 1, sizeof(*out->stop));
    if (out->stop == NULL)
        return gw_fail_nomem(rd->err);
    gw_json_ref ref = list ? gw_json_first(rd->doc, v) : v;
    for (size_t i = 0; i < count; i++) {
        out->stop[i] = gw_jstr_of(rd->doc, ref);
        if (!gw_has(out->stop[i]))
            return gw_oc_wrong(rd, ref, "stop", "a string or an array of strings");
        if (list)
            ref = gw_json_next(rd->doc, ref);
    }
    out->stop_count = count;
    return AIGW_OK;
}

static int read_schema(gw_oc_reading *rd, gw_json_ref format)
{
    gw_chat_request *out = rd->out;
    gw_json_ref body = gw_json_get(rd->doc, format, "json_schema"), schema;
    if (gw_json_typeof(rd->doc, body) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, format, body, "json_schema", "an object");
    int rc = gw_oc_string(rd, body, "name", &out->schema_name);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, body, "description", &out->schema_description);
    if (rc == AIGW_OK)
        rc = gw_oc_opt(rd, body, "schema", GW_JSON_OBJECT, &schema);
    if (rc != AIGW_OK)
        return rc;
    out->schema = gw_raw_of(rd->doc, schema);
    gw_json_ref strict = gw_json_get(rd->doc, body, "strict");
    bool value = false;
    if (gw_json_is_null(rd->doc, strict))
        return AIGW_OK;
    rc = boolean(rd, strict, "strict", &value);
    out->schema_strict = value ? 1 : 0;
    return rc;
}

static int read_response_format(gw_oc_reading *rd, gw_json_ref v)
{
    gw_jstr type;
    if (gw_json_typeof(rd->doc, v) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, v, "response_format", "an object");
    int rc = gw_oc_string(rd, v, "type", &type);
    if (rc != AIGW_OK || gw_jstr_is(type, "text"))
        return rc;
    if (gw_jstr_is(type, "json_object")) {
        rd->out->shape = GW_SHAPE_JSON;
        return AIGW_OK;
    }
    if (!gw_jstr_is(type, "json_schema"))
        return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, v, "type"), "type",
                               "\"text\", \"json_object\" or \"json_schema\"");
    rd->out->shape = GW_SHAPE_SCHEMA;
    return read_schema(rd, v);
}

/* Members that are looked at together, after all others. */
static int later(gw_json_ref *slot, gw_json_ref v)
{
    *slot = v;
    return AIGW_OK;
}

static int see_messages(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->messages, v);
}

static int see_tools(gw_oc_reading *rd, gw_json_ref v)
{
    return gw_json_typeof(rd->doc, v) == GW_JSON_ARRAY ? later(&rd->tools, v)
                                                       : gw_oc_wrong(rd, v, "tools", "an array");
}

static int see_functions(gw_oc_reading *rd, gw_json_ref v)
{
    return gw_json_typeof(rd->doc, v) == GW_JSON_ARRAY
               ? later(&rd->functions, v)
               : gw_oc_wrong(rd, v, "functions", "an array");
}

static int see_tool_choice(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->tool_choice, v);
}

static int see_function_call(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->function_call, v);
}

static int see_max_tokens(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->max_tokens, v);
}

static int see_max_completion(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->max_completion_tokens, v);
}

static int see_user(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->user, v);
}

static int see_safety_identifier(gw_oc_reading *rd, gw_json_ref v)
{
    return later(&rd->safety_identifier, v);
}

static const struct {
    const char *name;
    read_member *read;
} members[] = {
    {"model", read_model},
    {"messages", see_messages},
    {"stream", read_stream},
    {"stream_options", read_stream_options},
    {"temperature", read_temperature},
    {"top_p", read_top_p},
    {"max_tokens", see_max_tokens},
    {"max_completion_tokens", see_max_completion},
    {"tools", see_tools},
    {"tool_choice", see_tool_choice},
    {"parallel_tool_calls", read_parallel},
    {"functions", see_functions},
    {"function_call", see_function_call},
    {"response_format", read_response_format},
    {"reasoning_effort", read_effort},
    {"verbosity", read_verbosity},
    {"stop", read_stop},
    {"n", read_n},
    {"seed", read_seed},
    {"top_k", read_top_k},
    {"presence_penalty", read_presence},
    {"frequency_penalty", read_frequency},
    {"logprobs", read_logprobs},
    {"top_logprobs", read_top_logprobs},
    {"modalities", read_modalities},
    {"audio", read_audio},
    {"prompt_cache_key", read_cache_key},
    {"store", read_store},
    {"user", see_user},
    {"safety_identifier", see_safety_identifier},
    {"metadata", read_metadata},
    {"service_tier", read_tier},
};

static void add_extra(gw_oc_reading *rd, gw_json_ref key)
{
    rd->out->extras[rd->out->extra_count++] = (gw_extra){key, gw_json_value(rd->doc, key)};
}

/* null means absent for every known member: SDKs send it for what the caller left out. */
static int read_top_level(gw_oc_reading *rd)
{
    const size_t count = sizeof(members) / sizeof(members[0]);
    gw_json_ref key = gw_json_first(rd->doc, 0);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(rd->doc, key)) {
        size_t i = 0;
        while (i < count && !gw_json_key_is(rd->doc, key, members[i].name))
            i++;
        gw_json_ref value = gw_json_value(rd->doc, key);
        if (i == count) {
            add_extra(rd, key);
        } else if (gw_json_typeof(rd->doc, value) != GW_JSON_NULL) {
            int rc = members[i].read(rd, value);
            if (rc != AIGW_OK)
                return rc;
        }
    }
    return AIGW_OK;
}

static int read_max_tokens(gw_oc_reading *rd)
{
    const char *name = "max_completion_tokens";
    gw_json_ref ref = rd->max_completion_tokens; /* wins */
    if (ref == GW_JSON_ABSENT) {
        name = "max_tokens";
        ref = rd->max_tokens;
    }
    if (ref == GW_JSON_ABSENT)
        return AIGW_OK;
    if (!gw_read_integer(rd->doc, ref, &rd->out->max_tokens) || rd->out->max_tokens < 0)
        return gw_oc_wrong(rd, ref, name, "an integer from 0 on");
    return AIGW_OK;
}

static int read_user(gw_oc_reading *rd)
{
    if (rd->safety_identifier != GW_JSON_ABSENT)
        return text(rd, rd->safety_identifier, "safety_identifier", &rd->out->user_id);
    return rd->user == GW_JSON_ABSENT ? AIGW_OK : text(rd, rd->user, "user", &rd->out->user_id);
}

int gw_oc_read_request(gw_arena *arena, const gw_json_doc *doc, gw_chat_request *out,
                       aigw_error *err)
{
    const gw_json_ref none = GW_JSON_ABSENT;
    gw_chat_request request;
    gw_oc_reading rd = {arena, doc,  &request, err,  none, none, none, none, none,
                        none,  none, none,     none, NULL, 0,    0,    {{0, 0}},
                        0};
    gw_chat_request_init(&request, doc);
    request.format = AIGW_FORMAT_OPENAI_CHAT;
    if (gw_json_typeof(doc, 0) != GW_JSON_OBJECT)
        return gw_oc_wrong(&rd, 0, "the body", "a JSON object");
    request.extras = gw_arena_calloc(arena, gw_json_count(doc, 0) + 1u, sizeof(*request.extras));
    if (request.extras == NULL)
        return gw_fail_nomem(err);
    int rc = read_top_level(&rd);
    if (rc == AIGW_OK && !gw_has(request.model))
        rc = gw_read_missing(err, doc, 0, "model");
    if (rc == AIGW_OK)
        rc = read_max_tokens(&rd);
    if (rc == AIGW_OK)
        rc = read_user(&rd);
    if (rc == AIGW_OK)
        rc = gw_oc_read_tools(&rd);
    if (rc == AIGW_OK)
        rc = gw_oc_read_messages(&rd);
    const gw_read_places places = {.tools = rd.tools,
                                   .tool_choice =
                                       rd.tool_choice == none ? rd.function_call : rd.tool_choice};
    if (rc == AIGW_OK)
        rc = gw_read_check(arena, &request, &places, err);
    if (rc == AIGW_OK)
        *out = request;
    return rc;
}
