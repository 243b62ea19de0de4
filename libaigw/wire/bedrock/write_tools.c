/*
 * Writing toolConfig of a Converse request. Knows nothing of messages but which tools they speak of.
 */
#include "chat/wrap.h"
#include "wire/bedrock/bedrock.h"

static bool is_allowed(const gw_chat_request *r, const gw_tool *tool)
{
    if (r->tool_choice != GW_TOOL_ALLOWED_AUTO && r->tool_choice != GW_TOOL_ALLOWED_REQUIRED) {
        return true;
    }
    for (size_t i = 0; i < r->tool_name_count; i++) {
        if (gw_eq(r->tool_names[i].inner, tool->name.inner)) {
            return true;
        }
    }
    return false;
}

static void open_schema(gw_jw *w)
{
    gw_jw_key(w, "inputSchema");
    gw_jw_object(w);
    gw_jw_key(w, "json");
}

/* A schema whose type is "object": a missing type is added, another one is a 400. */
static int write_schema(gw_bedrock_out *o, const gw_tool *tool)
{
    gw_jw *w = &o->w;
    gw_json_doc schema;
    int rc = gw_json_parse(o->arena, tool->schema.json, NULL, &schema, o->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref type = gw_json_typeof(&schema, 0) == GW_JSON_OBJECT
                           ? gw_json_get(&schema, 0, "type")
                           : GW_JSON_ABSENT;
    if (gw_json_typeof(&schema, 0) != GW_JSON_OBJECT ||
        (type != GW_JSON_ABSENT && !gw_json_is(&schema, type, "object"))) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "bad_tool_schema",
                            "the parameters of a tool must be of type \"object\"");
    }
    if (type != GW_JSON_ABSENT && tool->strict == 1 && o->model.claude && o->model.structured) {
        gw_anthropic_write_schema(w, &schema, 0);
        return AIGW_OK;
    }
    if (type != GW_JSON_ABSENT) {
        gw_jw_raw(w, tool->schema.json);
        return AIGW_OK;
    }
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "object");
    for (gw_json_ref key = gw_json_first(&schema, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(&schema, key)) {
        gw_jw_key_inner(w, gw_json_inner(&schema, key));
        gw_jw_raw(w, gw_json_raw(&schema, gw_json_value(&schema, key)));
    }
    gw_jw_object_end(w);
    return AIGW_OK;
}

/* A free-text tool becomes a function with the one string property "input". */
static int write_custom(gw_bedrock_out *o, const gw_tool *tool)
{
    if (gw_has(tool->grammar)) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "grammar_tool",
                            "this provider has no tools with a grammar");
    }
    gw_jw_raw(&o->w, GW_S("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                          "\"required\":[\"input\"],\"additionalProperties\":false}"));
    return gw_bedrock_note(o, tool->at, "a custom tool is sent as a function");
}

static int write_spec(gw_bedrock_out *o, const gw_tool *tool)
{
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    gw_jw_object(w);
    gw_jw_key(w, "toolSpec");
    gw_jw_object(w);
    gw_bedrock_write_tool_name(o, tool->name);
    if (!gw_jstr_blank(tool->description)) {
        gw_jw_key(w, "description");
        gw_jw_jstr(w, tool->description);
    }
    open_schema(w);
    if (tool->custom) {
        rc = write_custom(o, tool);
    } else if (gw_has_raw(tool->schema)) {
        rc = write_schema(o, tool);
    } else {
        gw_jw_raw(w, GW_S("{\"type\":\"object\",\"properties\":{}}"));
    }
    gw_jw_object_end(w);
    if (tool->strict == 1 && !tool->custom && o->model.structured) {
        gw_jw_key(w, "strict");
        gw_jw_bool(w, true);
    } else if (rc == AIGW_OK && tool->strict == 1 && !tool->custom) {
        rc = gw_bedrock_note(o, tool->at, "the model does not enforce strict tools");
    }
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    return rc;
}

static int write_tool(gw_bedrock_out *o, const gw_tool *tool)
{
    if (tool->native) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "hosted_tool",
                            "this provider does not have that hosted tool");
    }
    int rc = write_spec(o, tool);
    return rc != AIGW_OK ? rc
                         : gw_bedrock_write_cache(o, tool->cache, tool->at, o->model.cache_tools);
}

/* The schema of the answer, where the model knows none: a tool that it must call. */
static int write_json_tool(gw_bedrock_out *o)
{
    gw_jw *w = &o->w;
    gw_jw_raw(w, GW_S("{\"toolSpec\":{\"name\":\"" GW_JSON_TOOL "\""));
    gw_jw_key(w, "description");
    if (gw_jstr_blank(o->r->schema_description)) {
        gw_jw_str(w, "Give the answer by calling this tool.");
    } else {
        gw_jw_jstr(w, o->r->schema_description);
    }
    open_schema(w);
    gw_jw_raw(w, o->r->schema.json);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    return gw_bedrock_note_member(o, "response_format text output_config generationConfig",
                                  "sent as a tool that must be called");
}

/* A history with tool blocks needs a toolConfig: the tools of which it speaks, without what they take. */
static int write_past_tools(gw_bedrock_out *o)
{
    gw_bedrock_ids seen = {0};
    for (size_t m = 0; m < o->r->message_count; m++) {
        for (size_t i = 0; i < o->r->messages[m].part_count; i++) {
            const gw_part *part = &o->r->messages[m].parts[i];
            if (part->kind != GW_PART_TOOL_CALL) {
                continue;
            }
            gw_bedrock_id *known = gw_bedrock_id_of(o->arena, &seen, part->tool_name.inner);
            if (known == NULL) {
                return gw_fail_nomem(o->err);
            }
            if (known->calls++ > 0) {
                continue;
            }
            gw_tool tool = {.name = part->tool_name, .strict = -1};
            int rc = write_spec(o, &tool);
            if (rc != AIGW_OK) {
                return rc;
            }
        }
    }
    return gw_bedrock_note_member(o, "messages input contents",
                                  "tools of the history are named: the provider wants them");
}

static int write_choice(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    bool named = r->tool_choice == GW_TOOL_NAMED && r->tool_name_count > 0;
    bool any =
        named || r->tool_choice == GW_TOOL_REQUIRED || r->tool_choice == GW_TOOL_ALLOWED_REQUIRED;
    const gw_jstr json_tool = {GW_S(GW_JSON_TOOL)};
    if (r->tool_choice == GW_TOOL_NONE && !o->json_tool) {
        return gw_bedrock_note_member(o, "tool_choice toolConfig",
                                      "this provider cannot forbid tools");
    }
    if (o->json_tool || (named && o->model.choice_named)) {
        gw_jw_key(&o->w, "toolChoice");
        gw_jw_raw(&o->w, GW_S("{\"tool\":{"));
        o->w.comma = false;
        gw_bedrock_write_tool_name(o, o->json_tool ? json_tool : r->tool_names[0]);
        gw_jw_object_end(&o->w);
        gw_jw_object_end(&o->w);
        return AIGW_OK;
    }
    if (any && o->model.choice_any) {
        gw_jw_key(&o->w, "toolChoice");
        gw_jw_raw(&o->w, GW_S("{\"any\":{}}"));
        return named ? gw_bedrock_note_member(o, "tool_choice toolConfig",
                                              "the model must call some tool: it takes no name")
                     : AIGW_OK;
    }
    if (any) {
        return gw_bedrock_note_member(o, "tool_choice toolConfig",
                                      "the model cannot be made to call a tool");
    }
    if (r->tool_choice == GW_TOOL_AUTO && o->model.choice_any) {
        gw_jw_key(&o->w, "toolChoice");
        gw_jw_raw(&o->w, GW_S("{\"auto\":{}}"));
    }
    return AIGW_OK;
}

static int write_list(gw_bedrock_out *o, size_t count)
{
    int rc = AIGW_OK;
    if (o->json_tool) {
        return write_json_tool(o);
    }
    if (count == 0) {
        return write_past_tools(o);
    }
    for (size_t i = 0; rc == AIGW_OK && i < o->r->tool_count; i++) {
        if (is_allowed(o->r, &o->r->tools[i])) {
            rc = write_tool(o, &o->r->tools[i]);
        }
    }
    return rc;
}

int gw_bedrock_write_tools(gw_bedrock_out *o)
{
    const gw_chat_request *r = o->r;
    size_t count = 0;
    for (size_t i = 0; i < r->tool_count; i++) {
        count += is_allowed(r, &r->tools[i]);
    }
    bool forbidden = r->tool_choice == GW_TOOL_NONE && !o->has_calls;
    if (!o->json_tool && !o->has_calls && (count == 0 || forbidden)) {
        return r->tool_choice == GW_TOOL_UNSAID || r->tool_choice == GW_TOOL_NONE
                   ? AIGW_OK
                   : gw_bedrock_note_member(o, "tool_choice toolConfig",
                                            "there are no tools to choose from");
    }
    if (r->parallel_tool_calls == 0 && count > 0) {
        int rc = gw_bedrock_note_member(o, "parallel_tool_calls tool_choice",
                                        "this provider has no such flag");
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw_key(&o->w, "toolConfig");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "tools");
    gw_jw_array(&o->w);
    int rc = write_list(o, count);
    gw_jw_array_end(&o->w);
    if (rc == AIGW_OK && (count > 0 || o->json_tool)) {
        rc = write_choice(o);
    }
    gw_jw_object_end(&o->w);
    return rc;
}
