/*
 * Reading toolConfig of a Converse request. Hosted tools stay whole (native).
 * Knows nothing of messages.
 */
#include "wire/bedrock/bedrock.h"

static int read_spec(const gw_bedrock_in *in, gw_json_ref spec, gw_tool *tool)
{
    gw_json_ref schema, json;
    if (gw_json_typeof(in->doc, spec) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, spec, "an object");
    }
    int rc = gw_bedrock_string(in, spec, "name", true, &tool->name);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, spec, "description", false, &tool->description);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_object(in, spec, "inputSchema", true, &schema);
    }
    if (rc == AIGW_OK) {
        rc = gw_bedrock_object(in, schema, "json", true, &json);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    tool->schema = gw_raw_of(in->doc, json);
    gw_json_ref strict = gw_json_get(in->doc, spec, "strict");
    bool flag = false;
    if (!gw_json_is_null(in->doc, strict)) {
        if (!gw_json_bool(in->doc, strict, &flag)) {
            return gw_bedrock_wrong(in, strict, "true or false");
        }
        tool->strict = flag;
    }
    return AIGW_OK;
}

static int read_tool(const gw_bedrock_in *in, gw_json_ref ref, gw_json_ref key, gw_tool *tool)
{
    gw_json_ref value = gw_json_value(in->doc, key);
    *tool = (gw_tool){.at = ref, .strict = -1, .raw = gw_raw_of(in->doc, ref)};
    if (gw_json_key_is(in->doc, key, "toolSpec")) {
        return read_spec(in, value, tool);
    }
    tool->native = true;
    return gw_json_key_is(in->doc, key, "systemTool") &&
                   gw_json_typeof(in->doc, value) == GW_JSON_OBJECT
               ? gw_bedrock_string(in, value, "name", true, &tool->name)
               : AIGW_OK;
}

static int read_choice(const gw_bedrock_in *in, gw_json_ref config, gw_chat_request *out)
{
    gw_json_ref choice, key;
    int rc = gw_bedrock_object(in, config, "toolChoice", false, &choice);
    if (rc != AIGW_OK || choice == GW_JSON_ABSENT) {
        return rc;
    }
    rc = gw_bedrock_union(in, choice, &key);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (gw_json_key_is(in->doc, key, "auto")) {
        out->tool_choice = GW_TOOL_AUTO;
    } else if (gw_json_key_is(in->doc, key, "any")) {
        out->tool_choice = GW_TOOL_REQUIRED;
    } else if (gw_json_key_is(in->doc, key, "tool")) {
        gw_json_ref named = gw_json_value(in->doc, key);
        out->tool_choice = GW_TOOL_NAMED;
        out->tool_names = gw_arena_calloc(in->arena, 1, sizeof *out->tool_names);
        if (out->tool_names == NULL) {
            return gw_fail_nomem(in->err);
        }
        out->tool_name_count = 1;
        return gw_json_typeof(in->doc, named) == GW_JSON_OBJECT
                   ? gw_bedrock_string(in, named, "name", true, &out->tool_names[0])
                   : gw_bedrock_wrong(in, named, "an object");
    } else {
        return gw_json_fail(in->err, in->doc, choice, AIGW_E_UNSUPPORTED, "unknown_value",
                            "expected auto, any or tool");
    }
    return AIGW_OK;
}

int gw_bedrock_read_tools(const gw_bedrock_in *in, gw_chat_request *out)
{
    gw_json_ref config, array;
    int rc = gw_bedrock_object(in, in->root, "toolConfig", false, &config);
    if (rc != AIGW_OK || config == GW_JSON_ABSENT) {
        return rc;
    }
    rc = gw_bedrock_array(in, config, "tools", true, &array);
    if (rc != AIGW_OK) {
        return rc;
    }
    out->tools = gw_arena_calloc(in->arena, gw_json_count(in->doc, array) + 1, sizeof *out->tools);
    if (out->tools == NULL) {
        return gw_fail_nomem(in->err);
    }
    for (gw_json_ref r = gw_json_first(in->doc, array); r != GW_JSON_ABSENT;
         r = gw_json_next(in->doc, r)) {
        gw_json_ref key;
        rc = gw_bedrock_union(in, r, &key);
        bool point = rc == AIGW_OK && gw_json_key_is(in->doc, key, "cachePoint");
        gw_cache_mark nothing;
        if (point) { /* at the beginning it marks nothing */
            size_t n = out->tool_count;
            rc = gw_bedrock_read_cache(in, gw_json_value(in->doc, key),
                                       n > 0 ? &out->tools[n - 1].cache : &nothing);
        } else if (rc == AIGW_OK) {
            rc = read_tool(in, r, key, &out->tools[out->tool_count++]);
        }
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    return read_choice(in, config, out);
}
