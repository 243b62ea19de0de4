/*
 * Writing tools and tool_choice of a Messages request.
 * Knows nothing of messages.
 */
#include "chat/wrap.h"
#include "wire/anthropic/anthropic.h"
#include "wire/schema.h"

/* The model has no output_config.format: a tool with the schema, which it must call. */
static int write_json_tool(gw_anthropic_out *o)
{
    gw_json_doc schema;
    int rc = gw_json_parse(o->arena, o->r->schema.json, NULL, &schema, o->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_jw *w = &o->w;
    gw_jw_key(w, "tools");
    gw_jw_array(w);
    gw_jw_object(w);
    gw_jw_key(w, "name");
    gw_jw_str(w, GW_JSON_TOOL);
    gw_jw_key(w, "description");
    if (o->r->schema_description.inner.len > 0) {
        gw_jw_jstr(w, o->r->schema_description);
    } else {
        gw_jw_str(w, "Give the answer by calling this tool.");
    }
    gw_jw_key(w, "input_schema");
    gw_anthropic_write_schema(w, &schema, 0);
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    gw_jw_key(w, "tool_choice");
    gw_jw_raw(w, GW_S("{\"type\":\"tool\",\"name\":\"" GW_JSON_TOOL "\"}"));
    return gw_anthropic_note_member(o, "response_format", "sent as a tool that must be called");
}

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

/* The API wants a schema whose type is "object"; a missing type is added, another one is a 400. */
static int write_schema(gw_anthropic_out *o, const gw_tool *tool)
{
    gw_jw_key(&o->w, "input_schema");
    if (!gw_has_raw(tool->schema)) {
        gw_jw_raw(&o->w, GW_S("{\"type\":\"object\",\"properties\":{}}"));
        return AIGW_OK;
    }
    gw_json_doc schema;
    int rc = gw_json_parse(o->arena, tool->schema.json, NULL, &schema, o->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_json_ref type = gw_json_get(&schema, 0, "type");
    if (gw_json_typeof(&schema, 0) != GW_JSON_OBJECT ||
        (type != GW_JSON_ABSENT && !gw_json_is(&schema, type, "object"))) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "bad_tool_schema",
                            "the parameters of a tool must be of type \"object\"");
    }
    if (tool->strict == 1 &&
        type != GW_JSON_ABSENT) { /* what is enforced has the subset of output_config.format */
        rc = gw_schema_flat(o->arena, o->r->doc, tool->schema, o->err);
        if (rc == AIGW_OK) {
            gw_anthropic_write_schema(&o->w, &schema, 0);
        }
        return rc;
    }
    if (type != GW_JSON_ABSENT) {
        gw_jw_raw(&o->w, tool->schema.json);
        return AIGW_OK;
    }
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, "object");
    for (gw_json_ref key = gw_json_first(&schema, 0); key != GW_JSON_ABSENT;
         key = gw_json_next(&schema, key)) {
        gw_jw_key_inner(&o->w, gw_json_inner(&schema, key));
        gw_jw_raw(&o->w, gw_json_raw(&schema, gw_json_value(&schema, key)));
    }
    if (gw_json_get(&schema, 0, "properties") == GW_JSON_ABSENT) {
        gw_jw_key(&o->w, "properties");
        gw_jw_raw(&o->w, GW_S("{}"));
    }
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

/* A free-text tool becomes a function with the one string property "input". */
static int write_custom(gw_anthropic_out *o, const gw_tool *tool)
{
    if (gw_has(tool->grammar)) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "grammar_tool",
                            "this provider has no tools with a grammar");
    }
    gw_jw_key(&o->w, "input_schema");
    gw_jw_raw(&o->w, GW_S("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                          "\"required\":[\"input\"],\"additionalProperties\":false}"));
    return gw_anthropic_note(o, tool->at, "a custom tool is sent as a function");
}

static int write_tool(gw_anthropic_out *o, const gw_tool *tool)
{
    if (o->plan.same && gw_has_raw(tool->raw)) {
        gw_jw_raw(&o->w, tool->raw.json);
        return AIGW_OK;
    }
    if (tool->native) {
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "hosted_tool",
                            "this provider does not have that hosted tool");
    }
    gw_jw_object(&o->w);
    gw_anthropic_write_tool_name(o, tool->name);
    if (gw_has(tool->description)) {
        gw_jw_key(&o->w, "description");
        gw_jw_jstr(&o->w, tool->description);
    }
    int rc = tool->custom ? write_custom(o, tool) : write_schema(o, tool);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (tool->strict == 1 && !tool->custom) {
        gw_jw_key(&o->w, "strict");
        gw_jw_bool(&o->w, true);
    }
    rc = gw_anthropic_write_cache(o, tool->cache, tool->at);
    gw_jw_object_end(&o->w);
    return rc;
}

static const char *choice_word(const gw_chat_request *r)
{
    switch (r->tool_choice) {
    case GW_TOOL_NONE:
        return "none";
    case GW_TOOL_REQUIRED:
    case GW_TOOL_ALLOWED_REQUIRED:
        return "any";
    case GW_TOOL_NAMED:
        return "tool";
    case GW_TOOL_AUTO:
    case GW_TOOL_ALLOWED_AUTO:
        return "auto";
    default: /* the flag below needs an object to stand in */
        return r->parallel_tool_calls == 0 ? "auto" : NULL;
    }
}

static void write_choice(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    const char *word = choice_word(r);
    if (word == NULL) {
        return;
    }
    gw_jw_key(&o->w, "tool_choice");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, word);
    if (r->tool_choice == GW_TOOL_NAMED && r->tool_name_count > 0) {
        gw_anthropic_write_tool_name(o, r->tool_names[0]);
    }
    bool tell = r->parallel_tool_calls == 0 || (o->plan.same && r->parallel_tool_calls == 1);
    if (tell && r->tool_choice != GW_TOOL_NONE) {
        gw_jw_key(&o->w, "disable_parallel_tool_use");
        gw_jw_bool(&o->w, r->parallel_tool_calls == 0);
    }
    gw_jw_object_end(&o->w);
}

int gw_anthropic_write_tools(gw_anthropic_out *o)
{
    const gw_chat_request *r = o->r;
    size_t written = 0;
    for (size_t i = 0; i < r->tool_count; i++) {
        if (!is_allowed(r, &r->tools[i])) {
            continue;
        }
        if (written++ == 0) {
            gw_jw_key(&o->w, "tools");
            gw_jw_array(&o->w);
        }
        int rc = write_tool(o, &r->tools[i]);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    if (o->plan.json_tool) {
        return write_json_tool(o);
    }
    if (written > 0) {
        gw_jw_array_end(&o->w);
        write_choice(o);
        return AIGW_OK;
    }
    return r->tool_choice == GW_TOOL_UNSAID || r->tool_choice == GW_TOOL_NONE
               ? AIGW_OK
               : gw_anthropic_note_member(o, "tool_choice", "there are no tools to choose from");
}
