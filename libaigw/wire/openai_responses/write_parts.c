/* Content parts of OpenAI Responses requests, and their tools, written. */
/* Must not know items, nor which format the parts came from, except whether it was this one. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/wrap.h"
#include "wire/openai_chat/openai_chat.h"

static void put_jstr(gw_jw *w, const char *key, gw_jstr value)
{
    gw_jw_key(w, key);
    gw_jw_jstr(w, value);
}

static void put_str(gw_jw *w, const char *key, const char *value)
{
    gw_jw_key(w, key);
    gw_jw_str(w, value);
}

static void put_data_uri(gw_jw *w, const char *key, const gw_part *part, const char *fallback)
{
    gw_jw_key(w, key);
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S("data:"));
    gw_jw_part_inner(w,
                     gw_has(part->media_type) ? part->media_type.inner : aigw_slice_of(fallback));
    gw_jw_part(w, GW_S(";base64,"));
    gw_jw_part_inner(w, part->data.inner);
    gw_jw_end_string(w);
}

static void write_image(gw_jw *w, const gw_part *part)
{
    put_str(w, "type", "input_image");
    if (gw_has(part->file_id))
        put_jstr(w, "file_id", part->file_id);
    else if (gw_has(part->url))
        put_jstr(w, "image_url", part->url);
    else
        put_data_uri(w, "image_url", part, "image/png");
    if (gw_has(part->detail))
        put_jstr(w, "detail", part->detail);
}

static void write_file(gw_jw *w, const gw_part *part)
{
    put_str(w, "type", "input_file");
    if (gw_has(part->url)) {
        put_jstr(w, "file_url", part->url);
        return;
    }
    if (gw_has(part->file_id)) {
        put_jstr(w, "file_id", part->file_id);
        return;
    }
    /* The API refuses file_data without a name. */
    put_jstr(w, "filename", gw_has(part->name) ? part->name : gw_jstr_lit("document.pdf"));
    put_data_uri(w, "file_data", part, "application/pdf");
}

int gw_or_can_write_part(gw_or_writing *wr, const gw_part *part, bool *can)
{
    *can = true;
    if (wr->same && gw_has_raw(part->raw))
        return AIGW_OK;
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        return AIGW_OK;
    case GW_PART_IMAGE:
    case GW_PART_DOCUMENT:
        if (gw_starts_nocase(part->media_type.inner, GW_S("video/")))
            return gw_json_fail(wr->err, wr->request->doc, part->at, AIGW_E_UNSUPPORTED,
                                "unsupported_content", "the Responses API takes no video");
        if (gw_has(part->url) && part->kind == GW_PART_DOCUMENT &&
            !gw_starts_nocase(part->url.inner, GW_S("http")))
            return gw_json_fail(wr->err, wr->request->doc, part->at, AIGW_E_UNSUPPORTED,
                                "unsupported_content",
                                "the Responses API fetches no URL but http:// and https://");
        if (gw_has(part->file_id) && wr->request->format != AIGW_FORMAT_OPENAI_CHAT)
            return gw_json_fail(wr->err, wr->request->doc, part->at, AIGW_E_UNSUPPORTED,
                                "unsupported_content", "the file is kept by another provider");
        if (gw_has(part->file_id) || gw_has(part->url) || gw_has(part->data) || gw_has(part->text))
            return AIGW_OK;
        break;
    case GW_PART_AUDIO:
        return gw_json_fail(wr->err, wr->request->doc, part->at, AIGW_E_UNSUPPORTED,
                            "unsupported_content", "the Responses API takes no audio");
    default:
        break;
    }
    *can = false;
    return gw_or_note(wr, part->at, "the Responses API has no such content");
}

/* prompt_cache_breakpoint is OpenAI's own; compatible hosts may refuse a member that they do not know. */
static int write_cache(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    if (part->cache == GW_CACHE_NONE)
        return AIGW_OK;
    if ((wr->options->quirks & GW_QUIRK_MAX_TOKENS) != 0)
        return gw_or_note(wr, part->at, "cache marks are not sent to OpenAI-compatible hosts");
    gw_jw_key(w, "prompt_cache_breakpoint");
    gw_jw_object(w);
    put_str(w, "mode", "explicit");
    if (part->cache == GW_CACHE_1H)
        put_str(w, "ttl", "30m");
    gw_jw_object_end(w);
    return AIGW_OK;
}

int gw_or_write_part(gw_or_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    if (wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return AIGW_OK;
    }
    bool document = part->kind == GW_PART_DOCUMENT && !gw_has(part->text);
    gw_jw_object(w);
    if (part->kind == GW_PART_IMAGE) {
        write_image(w, part);
    } else if (document) {
        write_file(w, part);
    } else {
        put_str(w, "type", "input_text");
        gw_jw_key(w, "text");
        gw_jw_begin_string(w);
        gw_oc_write_text_inside(w, part);
        gw_jw_end_string(w);
    }
    int rc = write_cache(wr, part);
    gw_jw_object_end(w);
    if (rc == AIGW_OK && document && gw_has(part->detail))
        rc = gw_or_note(wr, part->at, "the Responses API has no description of a file");
    if (rc == AIGW_OK && part->kind == GW_PART_DOCUMENT && gw_has_raw(part->citations))
        rc = gw_or_note(wr, part->at, "the Responses API cannot be asked to cite a document");
    return rc;
}

static void write_tool_name(gw_or_writing *wr, gw_jstr name)
{
    gw_jw_key(&wr->w, "name");
    if (wr->same)
        gw_jw_jstr(&wr->w, name);
    else
        gw_jw_tool_name(&wr->w, name, GW_TOOL_NAME_SHORT);
}

static void write_grammar(gw_jw *w, const gw_tool *tool)
{
    gw_jw_key(w, "format");
    gw_jw_object(w);
    put_str(w, "type", "grammar");
    put_jstr(w, "syntax",
             gw_has(tool->grammar_syntax) ? tool->grammar_syntax : gw_jstr_lit("lark"));
    put_jstr(w, "definition", tool->grammar);
    gw_jw_object_end(w);
}

static int write_tool(gw_or_writing *wr, const gw_tool *tool)
{
    gw_jw *w = &wr->w;
    int rc = AIGW_OK;
    if (wr->same && gw_has_raw(tool->raw)) {
        gw_jw_raw(w, tool->raw.json);
        return AIGW_OK;
    }
    if (tool->native)
        return gw_json_fail(wr->err, wr->request->doc, tool->at, AIGW_E_UNSUPPORTED,
                            "unsupported_tool", "this hosted tool does not exist at the target");
    if (tool->cache != GW_CACHE_NONE)
        rc = gw_or_note(wr, tool->at, "cache marks on tools do not exist at the target");
    gw_jw_object(w);
    put_str(w, "type", tool->custom ? "custom" : "function");
    write_tool_name(wr, tool->name);
    if (gw_has(tool->description))
        put_jstr(w, "description", tool->description);
    if (tool->custom && gw_has(tool->grammar))
        write_grammar(w, tool);
    if (!tool->custom) {
        gw_jw_key(w, "parameters");
        gw_jw_raw(w, gw_has_raw(tool->schema) ? tool->schema.json
                                              : GW_S("{\"type\":\"object\",\"properties\":{}}"));
    }
    /* Unsaid means true here, and false everywhere else. */
    if (!tool->custom && (wr->options->quirks & GW_QUIRK_NO_STRICT) == 0) {
        gw_jw_key(w, "strict");
        gw_jw_bool(w, tool->strict == 1);
    }
    gw_jw_object_end(w);
    return rc;
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

static void write_named(gw_or_writing *wr, gw_jstr name)
{
    gw_jw *w = &wr->w;
    gw_jw_object(w);
    put_str(w, "type", is_custom(wr->request, name) ? "custom" : "function");
    write_tool_name(wr, name);
    gw_jw_object_end(w);
}

static void write_choice(gw_or_writing *wr)
{
    static const char *const words[] = {
        [GW_TOOL_AUTO] = "auto", [GW_TOOL_NONE] = "none", [GW_TOOL_REQUIRED] = "required"};
    const gw_chat_request *r = wr->request;
    gw_jw *w = &wr->w;
    gw_jw_key(w, "tool_choice");
    if (r->tool_choice <= GW_TOOL_REQUIRED) {
        gw_jw_str(w, words[r->tool_choice]);
        return;
    }
    if (r->tool_choice == GW_TOOL_NAMED) {
        write_named(wr, r->tool_names[0]);
        return;
    }
    gw_jw_object(w);
    put_str(w, "type", "allowed_tools");
    put_str(w, "mode", r->tool_choice == GW_TOOL_ALLOWED_REQUIRED ? "required" : "auto");
    gw_jw_key(w, "tools");
    gw_jw_array(w);
    for (size_t i = 0; i < r->tool_name_count; i++)
        write_named(wr, r->tool_names[i]);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

int gw_or_write_tools(gw_or_writing *wr)
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
    if (r->tool_choice != GW_TOOL_UNSAID && !wr->same)
        write_choice(wr);
    if (r->parallel_tool_calls >= 0 && (wr->options->quirks & GW_QUIRK_NO_PARALLEL_FLAG) == 0) {
        gw_jw_key(w, "parallel_tool_calls");
        gw_jw_bool(w, r->parallel_tool_calls == 1);
    }
    return AIGW_OK;
}
