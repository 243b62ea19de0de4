/* Tools and tool choice of OpenAI Responses requests, read. */
/* Must not know items or any other format. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/read.h"

static int read_function(const gw_or_reading *rd, gw_json_ref ref, gw_tool *out)
{
    gw_json_ref schema;
    int rc = gw_or_opt(rd, ref, "parameters", GW_JSON_OBJECT, &schema);
    if (rc != AIGW_OK)
        return rc;
    out->schema = gw_raw_of(rd->doc, schema);
    gw_json_ref strict = gw_json_get(rd->doc, ref, "strict");
    bool value = false;
    if (gw_json_is_null(rd->doc, strict))
        return gw_or_default_strict(rd, schema, out);
    if (!gw_json_bool(rd->doc, strict, &value))
        return gw_or_wrong(rd, strict, "strict", "true or false");
    out->strict = value ? 1 : 0;
    return AIGW_OK;
}

/* {"type":"grammar","syntax":...,"definition":...}, or {"type":"text"}. */
static int read_grammar(const gw_or_reading *rd, gw_json_ref ref, gw_tool *out)
{
    gw_json_ref format;
    int rc = gw_or_opt(rd, ref, "format", GW_JSON_OBJECT, &format);
    if (rc != AIGW_OK || format == GW_JSON_ABSENT ||
        !gw_json_is(rd->doc, gw_json_get(rd->doc, format, "type"), "grammar"))
        return rc;
    rc = gw_or_string(rd, format, "syntax", &out->grammar_syntax);
    return rc == AIGW_OK ? gw_or_string(rd, format, "definition", &out->grammar) : rc;
}

static int read_tool(const gw_or_reading *rd, gw_json_ref ref, gw_tool *out)
{
    gw_jstr type;
    *out = (gw_tool){.at = ref, .strict = -1};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_or_wrong(rd, ref, "a tool", "an object");
    int rc = gw_or_string(rd, ref, "type", &type);
    if (rc != AIGW_OK)
        return rc;
    out->raw = gw_raw_of(rd->doc, ref);
    out->custom = gw_jstr_is(type, "custom");
    out->native = !out->custom && !gw_jstr_is(type, "function");
    if (out->native)
        return AIGW_OK;
    rc = gw_or_string(rd, ref, "name", &out->name);
    if (rc == AIGW_OK && out->name.inner.len == 0)
        rc = gw_or_wrong(rd, gw_json_get(rd->doc, ref, "name"), "name", "the name of a tool");
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "description", &out->description);
    if (rc != AIGW_OK)
        return rc;
    return out->custom ? read_grammar(rd, ref, out) : read_function(rd, ref, out);
}

static bool is_plain_tool(const gw_or_reading *rd, gw_json_ref ref)
{
    gw_json_ref type = gw_json_typeof(rd->doc, ref) == GW_JSON_OBJECT
                           ? gw_json_get(rd->doc, ref, "type")
                           : GW_JSON_ABSENT;
    return gw_json_is(rd->doc, type, "function") || gw_json_is(rd->doc, type, "custom");
}

/* A choice among hosted tools means nothing elsewhere: it is kept as it stands. */
static bool all_plain(const gw_or_reading *rd, gw_json_ref tools)
{
    gw_json_ref ref = gw_json_first(rd->doc, tools);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(rd->doc, ref)) {
        if (!is_plain_tool(rd, ref))
            return false;
    }
    return true;
}

static int read_names(gw_or_reading *rd, gw_json_ref tools, size_t count)
{
    gw_chat_request *out = rd->out;
    out->tool_names = gw_arena_calloc(rd->arena, count + 1, sizeof(*out->tool_names));
    if (out->tool_names == NULL)
        return gw_fail_nomem(rd->err);
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(rd->doc, tools);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
        rc = gw_or_string(rd, ref, "name", &out->tool_names[out->tool_name_count++]);
    return rc;
}

static int read_allowed(gw_or_reading *rd, gw_json_ref ref)
{
    gw_jstr mode;
    gw_json_ref tools = gw_json_get(rd->doc, ref, "tools");
    int rc = gw_or_string(rd, ref, "mode", &mode);
    if (rc != AIGW_OK)
        return rc;
    bool required = gw_jstr_is(mode, "required");
    if (!required && !gw_jstr_is(mode, "auto"))
        return gw_or_unknown(rd, ref, "mode", "\"auto\" or \"required\"");
    if (gw_json_typeof(rd->doc, tools) != GW_JSON_ARRAY)
        return gw_or_lacks(rd, ref, tools, "tools", "an array");
    if (!all_plain(rd, tools)) {
        gw_or_add_extra(rd, ref, "tool_choice");
        return AIGW_OK;
    }
    rd->out->tool_choice = required ? GW_TOOL_ALLOWED_REQUIRED : GW_TOOL_ALLOWED_AUTO;
    return read_names(rd, tools, gw_json_count(rd->doc, tools));
}

static int read_named(gw_or_reading *rd, gw_json_ref ref)
{
    gw_chat_request *out = rd->out;
    out->tool_choice = GW_TOOL_NAMED;
    out->tool_names = gw_arena_calloc(rd->arena, 1, sizeof(*out->tool_names));
    if (out->tool_names == NULL)
        return gw_fail_nomem(rd->err);
    out->tool_name_count = 1;
    return gw_or_string(rd, ref, "name", &out->tool_names[0]);
}

static int read_choice(gw_or_reading *rd, gw_json_ref ref)
{
    const gw_json_doc *doc = rd->doc;
    gw_jstr type;
    if (gw_json_is(doc, ref, "auto"))
        rd->out->tool_choice = GW_TOOL_AUTO;
    else if (gw_json_is(doc, ref, "none"))
        rd->out->tool_choice = GW_TOOL_NONE;
    else if (gw_json_is(doc, ref, "required"))
        rd->out->tool_choice = GW_TOOL_REQUIRED;
    else if (gw_json_typeof(doc, ref) == GW_JSON_STRING)
        return gw_read_unknown(rd->err, doc, ref, "tool_choice",
                               "\"none\", \"auto\" or \"required\"");
    else if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT)
        return gw_or_wrong(rd, ref, "tool_choice", "\"none\", \"auto\", \"required\" or an object");
    else {
        int rc = gw_or_string(rd, ref, "type", &type);
        if (rc != AIGW_OK)
            return rc;
        if (gw_jstr_is(type, "allowed_tools"))
            return read_allowed(rd, ref);
        if (is_plain_tool(rd, ref))
            return read_named(rd, ref);
        gw_or_add_extra(rd, ref, "tool_choice");
    }
    return AIGW_OK;
}

int gw_or_read_tools(gw_or_reading *rd)
{
    gw_chat_request *out = rd->out;
    size_t count = rd->tools == GW_JSON_ABSENT ? 0 : gw_json_count(rd->doc, rd->tools);
    int rc = AIGW_OK;
    if (count > 0) {
        out->tools = gw_arena_calloc(rd->arena, count, sizeof(*out->tools));
        if (out->tools == NULL)
            return gw_fail_nomem(rd->err);
        gw_json_ref ref = gw_json_first(rd->doc, rd->tools);
        for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(rd->doc, ref))
            rc = read_tool(rd, ref, &out->tools[out->tool_count++]);
    }
    return rc == AIGW_OK && rd->tool_choice != GW_JSON_ABSENT ? read_choice(rd, rd->tool_choice)
                                                              : rc;
}
