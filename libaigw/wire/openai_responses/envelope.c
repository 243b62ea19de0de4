/*
 * The response object of OpenAI Responses around its output: what the client asked is said back to it,
 * and what it did not ask as the API's defaults. Knows no blocks and no events.
 */
#include "wire/openai_responses/openai_responses.h"

#include "base/text.h"

static void put_str(gw_jw *w, const char *key, const char *value)
{
    gw_jw_key(w, key);
    gw_jw_str(w, value);
}

/* What the client said, if it is of the type; ABSENT. */
static gw_json_ref asked(const gw_json_doc *request, const char *name, gw_json_type type)
{
    if (request == NULL || gw_json_typeof(request, 0) != GW_JSON_OBJECT)
        return GW_JSON_ABSENT;
    gw_json_ref ref = gw_json_get(request, 0, name);
    return gw_json_typeof(request, ref) == type ? ref : GW_JSON_ABSENT;
}

/* The client's value, or the default as JSON. */
static void echo(gw_jw *w, const gw_json_doc *request, const char *name, gw_json_type type,
                 const char *otherwise)
{
    gw_json_ref ref = asked(request, name, type);
    gw_jw_key(w, name);
    gw_jw_raw(w, ref != GW_JSON_ABSENT ? gw_json_raw(request, ref) : aigw_slice_of(otherwise));
}

static void echo_bool(gw_jw *w, const gw_json_doc *request, const char *name, bool otherwise)
{
    bool value = otherwise;
    gw_json_ref ref = asked(request, name, otherwise ? GW_JSON_FALSE : GW_JSON_TRUE);
    if (ref != GW_JSON_ABSENT)
        value = !otherwise;
    gw_jw_key(w, name);
    gw_jw_bool(w, value);
}

static void echo_choice(gw_jw *w, const gw_json_doc *request)
{
    gw_json_ref ref = asked(request, "tool_choice", GW_JSON_OBJECT);
    if (ref == GW_JSON_ABSENT)
        ref = asked(request, "tool_choice", GW_JSON_STRING);
    gw_jw_key(w, "tool_choice");
    gw_jw_raw(w, ref != GW_JSON_ABSENT ? gw_json_raw(request, ref) : GW_S("\"auto\""));
}

/* The client's object with `members` (JSON, by name) for those that it left out. */
static void echo_object(gw_jw *w, const gw_json_doc *request, const char *name,
                        const char *const members[][2])
{
    gw_json_ref ref = asked(request, name, GW_JSON_OBJECT);
    gw_jw_key(w, name);
    gw_jw_object(w);
    for (size_t i = 0; members[i][0] != NULL; i++) {
        gw_json_ref said =
            ref != GW_JSON_ABSENT ? gw_json_get(request, ref, members[i][0]) : GW_JSON_ABSENT;
        if (said == GW_JSON_ABSENT) {
            gw_jw_key(w, members[i][0]);
            gw_jw_raw(w, aigw_slice_of(members[i][1]));
        }
    }
    gw_json_ref key = ref != GW_JSON_ABSENT ? gw_json_first(request, ref) : GW_JSON_ABSENT;
    for (; key != GW_JSON_ABSENT; key = gw_json_next(request, key)) {
        gw_jw_key_inner(w, gw_json_inner(request, key));
        gw_jw_raw(w, gw_json_raw(request, gw_json_value(request, key)));
    }
    gw_jw_object_end(w);
}

static void write_tier(gw_jw *w, gw_jstr tier)
{
    static const char *const words[] = {"default", "auto", "flex", "scale", "priority"};
    const char *word = words[0]; /* "standard" and the like of others */
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_jstr_is(tier, words[i]))
            word = words[i];
    }
    gw_jw_key(w, "service_tier");
    if (gw_has(tier))
        gw_jw_str(w, word);
    else
        gw_jw_null(w);
}

/* The API knows few codes; SDKs check them. */
static const char *code_of(const gw_api_error *error)
{
    static const char *const codes[] = {"server_error",        "rate_limit_exceeded",
                                        "invalid_prompt",      "bio_policy",
                                        "invalid_image",       "invalid_image_format",
                                        "image_too_large",     "image_too_small",
                                        "image_parse_error",   "image_content_policy_violation",
                                        "invalid_image_url",   "failed_to_download_image",
                                        "image_file_not_found"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (gw_jstr_is(error->code, codes[i]))
            return codes[i];
    }
    if (error->kind == GW_ERR_RATE_LIMIT || error->kind == GW_ERR_QUOTA)
        return "rate_limit_exceeded";
    return error->kind == GW_ERR_INVALID_REQUEST ? "invalid_prompt" : "server_error";
}

void gw_or_write_error_members(gw_jw *w, const gw_api_error *error)
{
    put_str(w, "code", code_of(error));
    gw_jw_key(w, "message");
    gw_jw_jstr(w, error->message);
}

static void write_error(gw_jw *w, const gw_api_error *error)
{
    gw_jw_key(w, "error");
    if (error == NULL) {
        gw_jw_null(w);
        return;
    }
    gw_jw_object(w);
    gw_or_write_error_members(w, error);
    gw_jw_object_end(w);
}

static void write_reason(gw_jw *w, const char *reason)
{
    gw_jw_key(w, "incomplete_details");
    if (reason == NULL) {
        gw_jw_null(w);
        return;
    }
    gw_jw_object(w);
    put_str(w, "reason", reason);
    gw_jw_object_end(w);
}

static void write_head(gw_jw *w, const gw_or_envelope *e)
{
    gw_jw_key(w, "id");
    gw_jw_begin_string(w);
    if (gw_starts(e->id.inner, GW_S("resp_"))) {
        gw_jw_part_inner(w, e->id.inner);
    } else {
        gw_jw_part(w, GW_S("resp_"));
        gw_jw_part(w, e->options->id_seed);
    }
    gw_jw_end_string(w);
    put_str(w, "object", "response");
    gw_jw_key(w, "created_at");
    gw_jw_int(w, e->created > 0 ? e->created : e->options->created);
    put_str(w, "status", e->status);
    gw_jw_key(w, "background");
    gw_jw_bool(w, false);
    write_error(w, e->error);
    write_reason(w, e->incomplete_reason);
}

void gw_or_write_envelope(gw_jw *w, const gw_or_envelope *e)
{
    static const char *const reasoning[][2] = {
        {"effort", "null"}, {"summary", "null"}, {NULL, NULL}};
    static const char *const text[][2] = {{"format", "{\"type\":\"text\"}"}, {NULL, NULL}};
    const gw_json_doc *request = e->options->request;
    gw_jw_object(w);
    write_head(w, e);
    echo(w, request, "instructions", GW_JSON_STRING, "null");
    echo(w, request, "max_output_tokens", GW_JSON_NUMBER, "null");
    echo(w, request, "max_tool_calls", GW_JSON_NUMBER, "null");
    gw_jw_key(w, "model");
    gw_jw_jstr(w, e->model);
    gw_jw_key(w, "output");
    gw_jw_array(w);
    if (e->output.len > 0)
        gw_jw_raw(w, e->output);
    gw_jw_array_end(w);
    echo_bool(w, request, "parallel_tool_calls", true);
    gw_jw_key(w, "previous_response_id");
    gw_jw_null(w);
    echo(w, request, "prompt_cache_key", GW_JSON_STRING, "null");
    echo_object(w, request, "reasoning", reasoning);
    echo(w, request, "safety_identifier", GW_JSON_STRING, "null");
    write_tier(w, e->service_tier);
    gw_jw_key(w, "store");
    gw_jw_bool(w, false); /* nothing is kept here, whatever was asked */
    echo(w, request, "temperature", GW_JSON_NUMBER, "1.0");
    echo_object(w, request, "text", text);
    echo_choice(w, request);
    echo(w, request, "tools", GW_JSON_ARRAY, "[]");
    echo(w, request, "top_logprobs", GW_JSON_NUMBER, "0");
    echo(w, request, "top_p", GW_JSON_NUMBER, "1.0");
    echo(w, request, "truncation", GW_JSON_STRING, "\"disabled\"");
    gw_jw_key(w, "usage");
    gw_or_write_usage(w, e->usage, e->usage_raw);
    echo(w, request, "user", GW_JSON_STRING, "null");
    echo(w, request, "metadata", GW_JSON_OBJECT, "{}");
    gw_jw_object_end(w);
}
