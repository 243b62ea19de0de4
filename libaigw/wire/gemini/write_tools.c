/* Writes tools and toolConfig of a generateContent request. */
/* Must not know contents. */
#include "wire/gemini/gemini.h"

#include "chat/wrap.h"

void gw_gm_write_tool_name(gw_gm_out *o, gw_jstr name)
{
    gw_jw_key(&o->w, "name");
    if (o->same)
        gw_jw_jstr(&o->w, name);
    else
        gw_jw_tool_name_lettered(&o->w, name, GW_TOOL_NAME_LONG);
}

static int write_parameters(gw_gm_out *o, const gw_tool *tool)
{
    gw_jw *w = &o->w;
    if (tool->custom) {
        if (gw_has(tool->grammar))
            return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "grammar_tool",
                                "this provider has no tools with a grammar");
        gw_jw_key(w, "parametersJsonSchema");
        gw_jw_raw(w, GW_S("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                          "\"required\":[\"input\"]}"));
        return gw_gm_note(o, tool->at, "a custom tool is sent as a function");
    }
    if (!gw_has_raw(tool->schema))
        return AIGW_OK;
    gw_json_doc schema;
    bool changed = false;
    int rc = gw_json_parse(o->arena, tool->schema.json, NULL, &schema, o->err);
    if (rc != AIGW_OK)
        return rc;
    if (gw_json_typeof(&schema, 0) != GW_JSON_OBJECT)
        return gw_json_fail(o->err, o->r->doc, tool->at, AIGW_E_UNSUPPORTED, "bad_tool_schema",
                            "the parameters of a tool must be a JSON Schema object");
    gw_jw_key(w, "parametersJsonSchema");
    gw_gm_schema_write(w, &schema, 0, &changed);
    return changed ? gw_gm_note(o, tool->at, "the schema was reduced to what Gemini takes")
                   : AIGW_OK;
}

static bool is_other(const gw_json_doc *doc, gw_json_ref key)
{
    return gw_json_key_is(doc, key, "behavior") || gw_json_key_is(doc, key, "response") ||
           gw_json_key_is(doc, key, "responseJsonSchema") ||
           gw_json_key_is(doc, key, "response_json_schema");
}

static int write_function(gw_gm_out *o, const gw_tool *tool)
{
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    gw_jw_object(w);
    gw_gm_write_tool_name(o, tool->name);
    if (gw_has(tool->description)) {
        gw_jw_key(w, "description");
        gw_jw_jstr(w, tool->description);
    }
    rc = write_parameters(o, tool);
    if (o->same) {
        gw_json_ref key = gw_json_first(o->r->doc, tool->at);
        for (; key != GW_JSON_ABSENT; key = gw_json_next(o->r->doc, key)) {
            if (!is_other(o->r->doc, key))
                continue;
            gw_jw_key_inner(w, gw_json_inner(o->r->doc, key));
            gw_jw_raw(w, gw_json_raw(o->r->doc, gw_json_value(o->r->doc, key)));
        }
    }
    gw_jw_object_end(w);
    if (rc == AIGW_OK && tool->strict == 1)
        rc = gw_gm_note(o, tool->at, "Gemini has no strict tools");
    if (rc == AIGW_OK && tool->cache != GW_CACHE_NONE)
        rc = gw_gm_note(o, tool->at, "Gemini caches by itself and takes no marks");
    return rc;
}

static int write_list(gw_gm_out *o, size_t functions, bool natives)
{
    const gw_chat_request *r = o->r;
    gw_jw *w = &o->w;
    int rc = AIGW_OK;
    gw_jw_key(w, "tools");
    gw_jw_array(w);
    if (functions > 0) {
        gw_jw_object(w);
        gw_jw_key(w, "functionDeclarations");
        gw_jw_array(w);
        for (size_t i = 0; i < r->tool_count && rc == AIGW_OK; i++) {
            if (!r->tools[i].native)
                rc = write_function(o, &r->tools[i]);
        }
        gw_jw_array_end(w);
        gw_jw_object_end(w);
    }
    for (size_t i = 0; i < r->tool_count && natives && rc == AIGW_OK; i++) {
        if (r->tools[i].native)
            gw_jw_raw(w, r->tools[i].raw.json);
    }
    gw_jw_array_end(w);
    return rc;
}

static void write_names(gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    gw_jw_key(&o->w, "allowedFunctionNames");
    gw_jw_array(&o->w);
    for (size_t i = 0; i < r->tool_name_count; i++) {
        if (o->same)
            gw_jw_jstr(&o->w, r->tool_names[i]);
        else
            gw_jw_tool_name_lettered(&o->w, r->tool_names[i], GW_TOOL_NAME_LONG);
    }
    gw_jw_array_end(&o->w);
}

static gw_json_ref root_of(const gw_json_doc *doc)
{
    gw_json_ref inner = gw_gm_get(doc, 0, "generateContentRequest");
    return inner == GW_JSON_ABSENT ? 0 : inner;
}

/* VALIDATED says more than the neutral choice does. */
static const char *mode_of(const gw_gm_out *o)
{
    const gw_chat_request *r = o->r;
    if (o->same) {
        gw_json_ref config = gw_gm_get(r->doc, root_of(r->doc), "toolConfig");
        gw_json_ref calling = gw_gm_get(r->doc, config, "functionCallingConfig");
        if (gw_json_is(r->doc, gw_gm_get(r->doc, calling, "mode"), "VALIDATED"))
            return "VALIDATED";
    }
    switch (r->tool_choice) {
    case GW_TOOL_AUTO:
        return "AUTO";
    case GW_TOOL_NONE:
        return "NONE";
    case GW_TOOL_ALLOWED_AUTO:
        return "VALIDATED";
    default:
        return "ANY";
    }
}

static int write_choice(gw_gm_out *o, size_t functions)
{
    const gw_chat_request *r = o->r;
    gw_jw *w = &o->w;
    gw_json_ref config =
        o->same ? gw_gm_get(r->doc, root_of(r->doc), "toolConfig") : GW_JSON_ABSENT;
    bool said = r->tool_choice != GW_TOOL_UNSAID && (functions > 0 || o->same);
    if (!said && !gw_gm_has_extras_of(o, config))
        return AIGW_OK;
    gw_jw_key(w, "toolConfig");
    gw_jw_object(w);
    if (said) {
        bool names = r->tool_name_count > 0 && r->tool_choice != GW_TOOL_NONE;
        gw_jw_key(w, "functionCallingConfig");
        gw_jw_object(w);
        gw_jw_key(w, "mode");
        gw_jw_str(w, mode_of(o));
        if (names)
            write_names(o);
        gw_jw_object_end(w);
    }
    gw_gm_write_extras_of(o, config);
    gw_jw_object_end(w);
    return AIGW_OK;
}

int gw_gm_write_tools(gw_gm_out *o)
{
    static const char *const parallel[] = {"parallel_tool_calls", "tool_choice", NULL};
    const gw_chat_request *r = o->r;
    size_t functions = 0, natives = 0;
    int rc = AIGW_OK;
    for (size_t i = 0; i < r->tool_count && rc == AIGW_OK; i++) {
        if (!r->tools[i].native)
            functions++;
        else if (o->same)
            natives++;
        else
            rc = gw_json_fail(o->err, r->doc, r->tools[i].at, AIGW_E_UNSUPPORTED,
                              "unsupported_tool", "this provider does not have that hosted tool");
    }
    if (rc == AIGW_OK && functions + natives > 0)
        rc = write_list(o, functions, natives > 0);
    if (rc == AIGW_OK)
        rc = write_choice(o, functions);
    if (rc == AIGW_OK && r->parallel_tool_calls == 0 && functions > 0)
        rc = gw_gm_note_member(o, parallel, "Gemini cannot be kept from parallel calls");
    return rc;
}
