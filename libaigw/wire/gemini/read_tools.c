/* Reads tools and toolConfig of a generateContent request. Hosted tools stay whole (native). */
/* Must not know contents. */
#include "wire/gemini/gemini.h"
#include "wire/read.h"

/* A schema in the API's own words, as common JSON Schema. */
static int common_schema(gw_gm_in *in, gw_json_ref schema, gw_raw *out)
{
    gw_buf text;
    aigw_slice raw = gw_json_raw(in->doc, schema);
    gw_buf_init(&text, raw.len * 2 + 256);
    gw_jw w = gw_jw_on(&text);
    gw_gm_schema_read(&w, in->doc, schema);
    out->json = gw_arena_copy(in->arena, gw_buf_slice(&text));
    bool ok = !text.failed && gw_has_raw(*out);
    gw_buf_free(&text);
    return ok ? AIGW_OK : gw_fail_nomem(in->err);
}

int gw_gm_read_schema(gw_gm_in *in, gw_json_ref object, const char *common, const char *own,
                      gw_raw *out)
{
    gw_json_ref schema, other;
    int rc = gw_gm_opt(in, object, common, GW_JSON_OBJECT, &schema);
    if (rc == AIGW_OK)
        rc = gw_gm_opt(in, object, own, GW_JSON_OBJECT, &other);
    if (rc != AIGW_OK)
        return rc;
    if (schema != GW_JSON_ABSENT && other != GW_JSON_ABSENT)
        return gw_gm_wrong(in, other, "one kind of schema, not both");
    if (schema != GW_JSON_ABSENT)
        *out = gw_raw_of(in->doc, schema);
    return other == GW_JSON_ABSENT ? AIGW_OK : common_schema(in, other, out);
}

static int read_function(gw_gm_in *in, gw_json_ref ref, gw_tool *tool)
{
    *tool = (gw_tool){.at = ref, .strict = -1, .raw = gw_raw_of(in->doc, ref)};
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT)
        return gw_gm_wrong(in, ref, "an object");
    int rc = gw_gm_string(in, ref, "name", &tool->name);
    if (rc == AIGW_OK)
        rc = gw_gm_opt_string(in, ref, "description", &tool->description);
    if (rc == AIGW_OK)
        rc = gw_gm_read_schema(in, ref, "parametersJsonSchema", "parameters", &tool->schema);
    return rc;
}

/* {"googleSearch":{}}: the member alone, as an object of its own. */
static int read_hosted(gw_gm_in *in, gw_json_ref key, bool alone, gw_json_ref whole, gw_tool *tool)
{
    gw_json_ref value = gw_json_value(in->doc, key);
    *tool = (gw_tool){.at = value, .strict = -1, .native = true, .raw = gw_raw_of(in->doc, whole)};
    if (alone)
        return AIGW_OK;
    gw_buf text;
    aigw_slice name = gw_json_inner(in->doc, key), raw = gw_json_raw(in->doc, value);
    gw_buf_init(&text, name.len + raw.len + 16);
    gw_jw w = gw_jw_on(&text);
    gw_jw_object(&w);
    gw_jw_key_inner(&w, name);
    gw_jw_raw(&w, raw);
    gw_jw_object_end(&w);
    tool->raw.json = gw_arena_copy(in->arena, gw_buf_slice(&text));
    bool ok = !text.failed && gw_has_raw(tool->raw);
    gw_buf_free(&text);
    return ok ? AIGW_OK : gw_fail_nomem(in->err);
}

static bool is_functions(const gw_json_doc *doc, gw_json_ref key)
{
    return gw_json_key_is(doc, key, "functionDeclarations") ||
           gw_json_key_is(doc, key, "function_declarations");
}

static int read_tool(gw_gm_in *in, gw_json_ref ref)
{
    gw_chat_request *out = in->out;
    int rc = AIGW_OK;
    gw_json_ref key = gw_json_first(in->doc, ref);
    for (; key != GW_JSON_ABSENT && rc == AIGW_OK; key = gw_json_next(in->doc, key)) {
        gw_json_ref value = gw_json_value(in->doc, key);
        if (gw_json_is_null(in->doc, value))
            continue;
        if (!is_functions(in->doc, key)) {
            rc = read_hosted(in, key, gw_json_count(in->doc, ref) == 1, ref,
                             &out->tools[out->tool_count++]);
            continue;
        }
        if (gw_json_typeof(in->doc, value) != GW_JSON_ARRAY)
            return gw_gm_wrong(in, value, "an array");
        gw_json_ref one = gw_json_first(in->doc, value);
        for (; one != GW_JSON_ABSENT && rc == AIGW_OK; one = gw_json_next(in->doc, one))
            rc = read_function(in, one, &out->tools[out->tool_count++]);
    }
    return rc;
}

static int read_names(gw_gm_in *in, gw_json_ref names)
{
    gw_chat_request *out = in->out;
    uint32_t count = gw_json_count(in->doc, names);
    if (count == 0)
        return AIGW_OK;
    out->tool_names = gw_arena_calloc(in->arena, count, sizeof *out->tool_names);
    if (out->tool_names == NULL)
        return gw_fail_nomem(in->err);
    gw_json_ref ref = gw_json_first(in->doc, names);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(in->doc, ref)) {
        if (gw_json_typeof(in->doc, ref) != GW_JSON_STRING)
            return gw_gm_wrong(in, ref, "a string");
        out->tool_names[out->tool_name_count++] = gw_jstr_of(in->doc, ref);
    }
    return AIGW_OK;
}

static int read_mode(gw_gm_in *in, gw_json_ref config)
{
    gw_chat_request *out = in->out;
    gw_jstr mode = {{NULL, 0}};
    gw_json_ref names;
    int rc = gw_gm_opt_string(in, config, "mode", &mode);
    if (rc == AIGW_OK)
        rc = gw_gm_opt(in, config, "allowedFunctionNames", GW_JSON_ARRAY, &names);
    if (rc == AIGW_OK)
        rc = read_names(in, names);
    if (rc != AIGW_OK)
        return rc;
    size_t count = out->tool_name_count;
    if (gw_jstr_is(mode, "ANY"))
        out->tool_choice = count == 0   ? GW_TOOL_REQUIRED
                           : count == 1 ? GW_TOOL_NAMED
                                        : GW_TOOL_ALLOWED_REQUIRED;
    else if (gw_jstr_is(mode, "NONE"))
        out->tool_choice = GW_TOOL_NONE;
    else if (gw_jstr_is(mode, "AUTO") || gw_jstr_is(mode, "VALIDATED"))
        out->tool_choice = count == 0 ? GW_TOOL_AUTO : GW_TOOL_ALLOWED_AUTO;
    else if (gw_has(mode) && !gw_jstr_is(mode, "MODE_UNSPECIFIED"))
        return gw_read_unknown(in->err, in->doc, gw_gm_get(in->doc, config, "mode"), "mode",
                               "AUTO, ANY, NONE or VALIDATED");
    else if (count > 0)
        out->tool_choice = GW_TOOL_ALLOWED_AUTO;
    return AIGW_OK;
}

static int read_choice(gw_gm_in *in)
{
    gw_json_ref config, calling;
    int rc = gw_gm_opt(in, in->root, "toolConfig", GW_JSON_OBJECT, &config);
    if (rc != AIGW_OK || config == GW_JSON_ABSENT)
        return rc;
    rc = gw_gm_opt(in, config, "functionCallingConfig", GW_JSON_OBJECT, &calling);
    if (rc == AIGW_OK && calling != GW_JSON_ABSENT)
        rc = read_mode(in, calling);
    gw_json_ref key = gw_json_first(in->doc, config);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(in->doc, key)) {
        if (gw_json_value(in->doc, key) != calling)
            gw_gm_extra(in, key);
    }
    return rc;
}

int gw_gm_read_tools(gw_gm_in *in)
{
    gw_json_ref tools;
    int rc = gw_gm_opt(in, in->root, "tools", GW_JSON_ARRAY, &tools);
    if (rc != AIGW_OK)
        return rc;
    size_t most = 0;
    gw_json_ref ref = gw_json_first(in->doc, tools);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(in->doc, ref)) {
        if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT)
            return gw_gm_wrong(in, ref, "an object");
        most += gw_json_count(in->doc, ref) +
                gw_json_count(in->doc, gw_gm_member(in, ref, "functionDeclarations"));
    }
    if (most > 0) {
        in->out->tools = gw_arena_calloc(in->arena, most, sizeof *in->out->tools);
        if (in->out->tools == NULL)
            return gw_fail_nomem(in->err);
    }
    ref = gw_json_first(in->doc, tools);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(in->doc, ref))
        rc = read_tool(in, ref);
    return rc == AIGW_OK ? read_choice(in) : rc;
}
