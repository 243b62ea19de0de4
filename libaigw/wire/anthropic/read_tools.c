/*
 * Reading the tools and tool_choice of a Messages request. Hosted tools stay whole (native).
 * Knows nothing of messages.
 */
#include "wire/anthropic/anthropic.h"

static int read_client_tool(const gw_anthropic_in *in, gw_json_ref ref, gw_tool *tool)
{
    int rc = gw_anthropic_string(in, ref, "name", true, &tool->name);
    if (rc == AIGW_OK) {
        rc = gw_anthropic_string(in, ref, "description", false, &tool->description);
    }
    if (rc == AIGW_OK) {
        rc = gw_anthropic_read_cache(in, ref, &tool->cache);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref schema = gw_json_get(in->doc, ref, "input_schema");
    if (schema == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, ref, "input_schema");
    }
    if (gw_json_typeof(in->doc, schema) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, schema, "an object");
    }
    tool->schema = gw_raw_of(in->doc, schema);
    gw_json_ref strict = gw_json_get(in->doc, ref, "strict");
    bool flag = false;
    if (!gw_json_is_null(in->doc, strict)) {
        if (!gw_json_bool(in->doc, strict, &flag)) {
            return gw_anthropic_wrong(in, strict, "true or false");
        }
        tool->strict = flag;
    }
    return AIGW_OK;
}

static int read_tool(const gw_anthropic_in *in, gw_json_ref ref, gw_tool *tool)
{
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    tool->at = ref;
    tool->strict = -1;
    tool->raw = gw_raw_of(in->doc, ref);
    gw_jstr type = {{NULL, 0}};
    int rc = gw_anthropic_string(in, ref, "type", false, &type);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (!gw_has(type) || gw_jstr_is(type, "custom")) {
        return read_client_tool(in, ref, tool);
    }
    tool->native = true;
    rc = gw_anthropic_string(in, ref, "name", false, &tool->name);
    return rc != AIGW_OK ? rc : gw_anthropic_read_cache(in, ref, &tool->cache);
}

static int read_named_choice(const gw_anthropic_in *in, gw_json_ref ref, gw_chat_request *out)
{
    out->tool_choice = GW_TOOL_NAMED;
    out->tool_names = gw_arena_calloc(in->arena, 1, sizeof *out->tool_names);
    if (out->tool_names == NULL) {
        return gw_fail_nomem(in->err);
    }
    out->tool_name_count = 1;
    return gw_anthropic_string(in, ref, "name", true, &out->tool_names[0]);
}

static int read_choice(const gw_anthropic_in *in, gw_chat_request *out)
{
    gw_json_ref ref = gw_json_get(in->doc, 0, "tool_choice");
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_json_ref off = gw_json_get(in->doc, ref, "disable_parallel_tool_use");
    bool flag = false;
    if (!gw_json_is_null(in->doc, off)) {
        if (!gw_json_bool(in->doc, off, &flag)) {
            return gw_anthropic_wrong(in, off, "true or false");
        }
        out->parallel_tool_calls = !flag;
    }
    gw_json_ref type = gw_json_get(in->doc, ref, "type");
    if (gw_json_is(in->doc, type, "auto")) {
        out->tool_choice = GW_TOOL_AUTO;
    } else if (gw_json_is(in->doc, type, "any")) {
        out->tool_choice = GW_TOOL_REQUIRED;
    } else if (gw_json_is(in->doc, type, "none")) {
        out->tool_choice = GW_TOOL_NONE;
    } else if (gw_json_is(in->doc, type, "tool")) {
        return read_named_choice(in, ref, out);
    } else if (type == GW_JSON_ABSENT) {
        return gw_anthropic_missing(in, ref, "type");
    } else {
        return gw_anthropic_unknown(in, type, "auto, any, tool or none");
    }
    return AIGW_OK;
}

int gw_anthropic_read_tools(const gw_anthropic_in *in, gw_chat_request *out)
{
    gw_json_ref array = gw_json_get(in->doc, 0, "tools");
    if (!gw_json_is_null(in->doc, array)) {
        if (gw_json_typeof(in->doc, array) != GW_JSON_ARRAY) {
            return gw_anthropic_wrong(in, array, "an array");
        }
        out->tools =
            gw_arena_calloc(in->arena, gw_json_count(in->doc, array) + 1, sizeof *out->tools);
        if (out->tools == NULL) {
            return gw_fail_nomem(in->err);
        }
        for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
             r = gw_json_next(in->doc, r)) {
            int rc = read_tool(in, r, &out->tools[out->tool_count++]);
            if (rc != AIGW_OK) {
                return rc;
            }
        }
    }
    return read_choice(in, out);
}
