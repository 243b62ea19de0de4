/* Tools and tool choice of OpenAI chat requests, with the deprecated functions and function_call. */
/* Must not know messages or any other format. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/wrap.h"
#include "wire/read.h"

static int read_strict(const gw_oc_reading *rd, gw_json_ref object, int *out)
{
    gw_json_ref strict = gw_json_get(rd->doc, object, "strict");
    bool value = false;
    if (gw_json_is_null(rd->doc, strict))
        return AIGW_OK;
    if (!gw_json_bool(rd->doc, strict, &value))
        return gw_oc_wrong(rd, strict, "strict", "true or false");
    *out = value ? 1 : 0;
    return AIGW_OK;
}

static int read_function(const gw_oc_reading *rd, gw_json_ref function, gw_tool *out)
{
    gw_json_ref schema;
    int rc = gw_oc_string(rd, function, "name", &out->name);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, function, "description", &out->description);
    if (rc == AIGW_OK)
        rc = gw_oc_opt(rd, function, "parameters", GW_JSON_OBJECT, &schema);
    if (rc == AIGW_OK)
        rc = read_strict(rd, function, &out->strict);
    if (rc == AIGW_OK)
        out->schema = gw_raw_of(rd->doc, schema);
    return rc;
}

/* {"type":"grammar","grammar":{"syntax","definition"}}, or {"type":"text"}. */
static int read_grammar(const gw_oc_reading *rd, gw_json_ref body, gw_tool *out)
{
    gw_json_ref format = gw_json_get(rd->doc, body, "format");
    if (gw_json_is_null(rd->doc, format))
        return AIGW_OK;
    if (gw_json_typeof(rd->doc, format) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, format, "format", "an object");
    if (!gw_json_is(rd->doc, gw_json_get(rd->doc, format, "type"), "grammar"))
        return AIGW_OK;
    gw_json_ref grammar = gw_json_get(rd->doc, format, "grammar");
    if (gw_json_typeof(rd->doc, grammar) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, format, grammar, "grammar", "an object");
    int rc = gw_oc_string(rd, grammar, "syntax", &out->grammar_syntax);
    return rc == AIGW_OK ? gw_oc_string(rd, grammar, "definition", &out->grammar) : rc;
}

static void write_grammar(gw_jw *w, const gw_tool *tool)
{
    gw_jw_key(w, "format");
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "grammar");
    gw_jw_key(w, "grammar");
    gw_jw_object(w);
    gw_jw_key(w, "syntax");
    gw_jw_jstr(w, gw_has(tool->grammar_syntax) ? tool->grammar_syntax : gw_jstr_lit("lark"));
    gw_jw_key(w, "definition");
    gw_jw_jstr(w, tool->grammar);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static int read_tool(const gw_oc_reading *rd, gw_json_ref ref, gw_tool *out)
{
    *out = (gw_tool){.at = ref, .strict = -1};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a tool", "an object");
    gw_jstr type;
    int rc = gw_oc_string(rd, ref, "type", &type);
    if (rc == AIGW_OK)
        rc = gw_oc_read_cache(rd, ref, &out->cache);
    if (rc != AIGW_OK)
        return rc;
    out->raw = gw_raw_of(rd->doc, ref);
    bool function = gw_jstr_is(type, "function");
    out->custom = gw_jstr_is(type, "custom");
    out->native = !function && !out->custom;
    if (out->native)
        return AIGW_OK;
    const char *name = function ? "function" : "custom";
    gw_json_ref body = gw_json_get(rd->doc, ref, name);
    if (gw_json_typeof(rd->doc, body) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, ref, body, name, "an object");
    rc = out->custom ? read_grammar(rd, body, out) : AIGW_OK;
    return rc == AIGW_OK ? read_function(rd, body, out) : rc;
}

static int read_tool_lists(const gw_oc_reading *rd)
{
    const gw_json_doc *doc = rd->doc;
    gw_chat_request *out = rd->out;
    size_t count = (size_t)gw_json_count(doc, rd->tools) + gw_json_count(doc, rd->functions);
    if (count == 0)
        return AIGW_OK;
    out->tools = gw_arena_calloc(rd->arena, count, sizeof(*out->tools));
    if (out->tools == NULL)
        return gw_fail_nomem(rd->err);
    int rc = AIGW_OK;
    gw_json_ref ref = gw_json_first(doc, rd->tools);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref))
        rc = read_tool(rd, ref, &out->tools[out->tool_count++]);
    ref = gw_json_first(doc, rd->functions);
    for (; ref != GW_JSON_ABSENT && rc == AIGW_OK; ref = gw_json_next(doc, ref)) {
        gw_tool *tool = &out->tools[out->tool_count++];
        *tool = (gw_tool){.at = ref, .strict = -1};
        if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT)
            return gw_oc_wrong(rd, ref, "a function", "an object");
        rc = read_function(rd, ref, tool);
    }
    return rc;
}

/* {"type":"function","function":{"name":...}} or the same with "custom". */
static int read_named(const gw_oc_reading *rd, gw_json_ref ref, gw_jstr *name)
{
    gw_jstr type;
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a tool reference", "an object");
    int rc = gw_oc_string(rd, ref, "type", &type);
    if (rc != AIGW_OK)
        return rc;
    const char *key = gw_jstr_is(type, "custom") ? "custom" : "function";
    if (!gw_jstr_is(type, key))
        return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, ref, "type"), "type",
                               "\"function\", \"custom\" or \"allowed_tools\"");
    gw_json_ref body = gw_json_get(rd->doc, ref, key);
    if (gw_json_typeof(rd->doc, body) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, ref, body, key, "an object");
    return gw_oc_string(rd, body, "name", name);
}

static int read_allowed(const gw_oc_reading *rd, gw_json_ref ref)
{
    gw_chat_request *out = rd->out;
    gw_jstr mode;
    gw_json_ref body = gw_json_get(rd->doc, ref, "allowed_tools");
    if (gw_json_typeof(rd->doc, body) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, ref, body, "allowed_tools", "an object");
    int rc = gw_oc_string(rd, body, "mode", &mode);
    if (rc != AIGW_OK)
        return rc;
    gw_json_ref tools = gw_json_get(rd->doc, body, "tools");
    bool required = gw_jstr_is(mode, "required");
    if (!required && !gw_jstr_is(mode, "auto"))
        return gw_read_unknown(rd->err, rd->doc, gw_json_get(rd->doc, body, "mode"), "mode",
                               "\"auto\" or \"required\"");
    if (gw_json_typeof(rd->doc, tools) != GW_JSON_ARRAY)
        return gw_oc_lacks(rd, body, tools, "tools", "an array");
    out->tool_choice = required ? GW_TOOL_ALLOWED_REQUIRED : GW_TOOL_ALLOWED_AUTO;
    out->tool_names =
        gw_arena_calloc(rd->arena, gw_json_count(rd->doc, tools) + 1u, sizeof(*out->tool_names));
    if (out->tool_names == NULL)
        return gw_fail_nomem(rd->err);
    gw_json_ref tool = gw_json_first(rd->doc, tools);
    for (; tool != GW_JSON_ABSENT && rc == AIGW_OK; tool = gw_json_next(rd->doc, tool))
        rc = read_named(rd, tool, &out->tool_names[out->tool_name_count++]);
    return rc;
}

static int set_named(const gw_oc_reading *rd, gw_jstr name)
{
    gw_chat_request *out = rd->out;
    out->tool_choice = GW_TOOL_NAMED;
    out->tool_names = gw_arena_calloc(rd->arena, 1, sizeof(*out->tool_names));
    if (out->tool_names == NULL)
        return gw_fail_nomem(rd->err);
    out->tool_names[0] = name;
    out->tool_name_count = 1;
    return AIGW_OK;
}

static int read_choice(const gw_oc_reading *rd, gw_json_ref ref)
{
    const gw_json_doc *doc = rd->doc;
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
        return gw_oc_wrong(rd, ref, "tool_choice", "\"none\", \"auto\", \"required\" or an object");
    else if (gw_json_is(doc, gw_json_get(doc, ref, "type"), "allowed_tools"))
        return read_allowed(rd, ref);
    else {
        gw_jstr name;
        int rc = read_named(rd, ref, &name);
        return rc == AIGW_OK ? set_named(rd, name) : rc;
    }
    return AIGW_OK;
}

static int read_function_call(const gw_oc_reading *rd, gw_json_ref ref)
{
    if (gw_json_is(rd->doc, ref, "auto"))
        rd->out->tool_choice = GW_TOOL_AUTO;
    else if (gw_json_is(rd->doc, ref, "none"))
        rd->out->tool_choice = GW_TOOL_NONE;
    else {
        gw_jstr name;
        if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
            return gw_oc_wrong(rd, ref, "function_call", "\"none\", \"auto\" or an object");
        int rc = gw_oc_string(rd, ref, "name", &name);
        return rc == AIGW_OK ? set_named(rd, name) : rc;
    }
    return AIGW_OK;
}

int gw_oc_read_tools(gw_oc_reading *rd)
{
    int rc = read_tool_lists(rd);
    if (rc != AIGW_OK)
        return rc;
    if (rd->tool_choice != GW_JSON_ABSENT)
        return read_choice(rd, rd->tool_choice);
    return rd->function_call == GW_JSON_ABSENT ? AIGW_OK
                                               : read_function_call(rd, rd->function_call);
}

void gw_oc_write_tool_name(gw_oc_writing *wr, gw_jstr name)
{
    gw_jw_key(&wr->w, "name");
    if (wr->same)
        gw_jw_jstr(&wr->w, name);
    else
        gw_jw_tool_name(&wr->w, name, GW_TOOL_NAME_SHORT);
}

static int write_tool(gw_oc_writing *wr, const gw_tool *tool)
{
    gw_jw *w = &wr->w;
    bool loose = tool->strict >= 0 && gw_oc_has_quirk(wr, GW_QUIRK_NO_STRICT);
    if (wr->same && gw_has_raw(tool->raw) && !loose) {
        gw_jw_raw(w, tool->raw.json);
        return AIGW_OK;
    }
    if (tool->native)
        return gw_json_fail(wr->err, wr->request->doc, tool->at, AIGW_E_UNSUPPORTED,
                            "unsupported_tool", "this hosted tool does not exist at the target");
    if (tool->cache != GW_CACHE_NONE) {
        int rc = gw_oc_note(wr, tool->at, "cache marks on tools do not exist at the target");
        if (rc != AIGW_OK)
            return rc;
    }
    if (loose && tool->strict == 1) {
        int rc = gw_oc_note(wr, tool->at, "this host does not enforce schemas of tools");
        if (rc != AIGW_OK)
            return rc;
    }
    const char *type = tool->custom ? "custom" : "function";
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, type);
    gw_jw_key(w, type);
    gw_jw_object(w);
    gw_oc_write_tool_name(wr, tool->name);
    if (gw_has(tool->description)) {
        gw_jw_key(w, "description");
        gw_jw_jstr(w, tool->description);
    }
    if (gw_has_raw(tool->schema) && !tool->custom) {
        gw_jw_key(w, "parameters");
        gw_jw_raw(w, tool->schema.json);
    }
    if (tool->custom && gw_has(tool->grammar))
        write_grammar(w, tool);
    if (tool->strict >= 0 && !loose) {
        gw_jw_key(w, "strict");
        gw_jw_bool(w, tool->strict == 1);
    }
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static bool is_custom(const gw_chat_request *r, gw_jstr name)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        const gw_tool *tool = &r->tools[i];
        if (tool->custom && gw_eq(tool->name.inner, name.inner))
            return true;
    }
    return false;
}

static void write_named(gw_oc_writing *wr, gw_jstr name)
{
    const char *type = is_custom(wr->request, name) ? "custom" : "function";
    gw_jw *w = &wr->w;
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, type);
    gw_jw_key(w, type);
    gw_jw_object(w);
    gw_oc_write_tool_name(wr, name);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static void write_allowed(gw_oc_writing *wr, bool required)
{
    gw_jw *w = &wr->w;
    gw_jw_object(w);
    gw_jw_key(w, "type");
    gw_jw_str(w, "allowed_tools");
    gw_jw_key(w, "allowed_tools");
    gw_jw_object(w);
    gw_jw_key(w, "mode");
    gw_jw_str(w, required ? "required" : "auto");
    gw_jw_key(w, "tools");
    gw_jw_array(w);
    for (size_t i = 0; i < wr->request->tool_name_count; i++)
        write_named(wr, wr->request->tool_names[i]);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

/* Hosts that take strings only: auto stays auto, everything else must call something. */
static int write_choice_word(gw_oc_writing *wr)
{
    bool may = wr->request->tool_choice == GW_TOOL_ALLOWED_AUTO;
    gw_jw_str(&wr->w, may ? "auto" : "required");
    aigw_slice name = {NULL, 0};
    if (wr->request->tool_name_count > 0)
        name = wr->request->tool_names[0].inner;
    return gw_oc_note_value(wr, name, "this host cannot be told which tool to call");
}

static int write_choice(gw_oc_writing *wr)
{
    static const char *const words[] = {
        [GW_TOOL_AUTO] = "auto", [GW_TOOL_NONE] = "none", [GW_TOOL_REQUIRED] = "required"};
    const gw_chat_request *r = wr->request;
    gw_jw_key(&wr->w, "tool_choice");
    if (r->tool_choice <= GW_TOOL_REQUIRED)
        gw_jw_str(&wr->w, words[r->tool_choice]);
    else if (gw_oc_has_quirk(wr, GW_QUIRK_NO_NAMED_CHOICE))
        return write_choice_word(wr);
    else if (r->tool_choice == GW_TOOL_NAMED)
        write_named(wr, r->tool_names[0]);
    else
        write_allowed(wr, r->tool_choice == GW_TOOL_ALLOWED_REQUIRED);
    return AIGW_OK;
}

int gw_oc_write_tools(gw_oc_writing *wr)
{
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    int rc = AIGW_OK;
    if (r->tool_count > 0) {
        gw_jw_key(w, "tools");
        gw_jw_array(w);
        for (size_t i = 0; i < r->tool_count && rc == AIGW_OK; i++)
            rc = write_tool(wr, &r->tools[i]);
        gw_jw_array_end(w);
    }
    /* Without tools both members are refused by the API: they mean nothing then. */
    if (rc != AIGW_OK || (r->tool_count == 0 && !wr->same))
        return rc;
    if (r->tool_choice != GW_TOOL_UNSAID)
        rc = write_choice(wr);
    if (rc != AIGW_OK || r->parallel_tool_calls < 0)
        return rc;
    if (gw_oc_has_quirk(wr, GW_QUIRK_NO_PARALLEL_FLAG))
        return r->parallel_tool_calls == 1
                   ? AIGW_OK
                   : gw_oc_note(wr, gw_oc_said_at(wr, "parallel_tool_calls"),
                                "this host may call several tools at once");
    gw_jw_key(w, "parallel_tool_calls");
    gw_jw_bool(w, r->parallel_tool_calls == 1);
    return AIGW_OK;
}
