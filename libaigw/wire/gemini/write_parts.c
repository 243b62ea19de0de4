/* Writes one part of a generateContent request: text, media, calls and their results. */
/* Must not know turns. */
#include "wire/gemini/gemini.h"

#include "chat/wrap.h"

/* Signatures of others mean nothing to Gemini. */
static bool is_own(const gw_gm_out *o, const gw_part *part)
{
    return part->origin == AIGW_FORMAT_GEMINI || (part->origin == 0 && o->same);
}

static int write_signature(gw_gm_out *o, const gw_part *part)
{
    if (part->signature.inner.len == 0)
        return AIGW_OK;
    if (!is_own(o, part))
        return gw_gm_note(o, part->at, "the signature is another vendor's and is not sent");
    gw_jw_key(&o->w, "thoughtSignature");
    gw_jw_jstr(&o->w, part->signature);
    return AIGW_OK;
}

static int write_text(gw_gm_out *o, const gw_part *part)
{
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "text");
    gw_jw_jstr(&o->w, part->text);
    if (part->kind == GW_PART_THINKING && part->text.inner.len > 0) {
        gw_jw_key(&o->w, "thought");
        gw_jw_bool(&o->w, true);
    }
    int rc = write_signature(o, part);
    gw_jw_object_end(&o->w);
    return rc;
}

static bool is_google_file(aigw_slice uri)
{
    return gw_starts(uri, GW_S("gs://")) || gw_starts(uri, GW_S("files/")) ||
           gw_starts_nocase(uri, GW_S("https://generativelanguage.googleapis.com/"));
}

static bool is_youtube(aigw_slice url)
{
    static const char *const starts[] = {"https://www.youtube.com/", "https://youtube.com/",
                                         "https://m.youtube.com/",   "https://youtu.be/",
                                         "http://www.youtube.com/",  "http://youtu.be/"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (gw_starts_nocase(url, aigw_slice_of(starts[i])))
            return true;
    }
    return false;
}

bool gw_gm_opens_url(gw_jstr url)
{
    return is_google_file(url.inner) || is_youtube(url.inner);
}

static void write_file(gw_gm_out *o, const gw_part *part, gw_jstr uri)
{
    gw_jw *w = &o->w;
    gw_jw_object(w);
    gw_jw_key(w, "fileData");
    gw_jw_object(w);
    if (gw_has(part->media_type)) {
        gw_jw_key(w, "mimeType");
        gw_jw_jstr(w, part->media_type);
    }
    gw_jw_key(w, "fileUri");
    gw_jw_jstr(w, uri);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
}

static void write_type(gw_jw *w, const gw_part *part)
{
    gw_jw_key(w, "mimeType");
    if (gw_has(part->media_type))
        gw_jw_jstr(w, part->media_type);
    else if (part->kind == GW_PART_IMAGE)
        gw_jw_str(w, "image/png");
    else
        gw_jw_str(w, part->kind == GW_PART_AUDIO ? "audio/wav" : "application/pdf");
}

/* How closely to look: only Gemini 3 is told for each picture. */
static int write_detail(gw_gm_out *o, const gw_part *part)
{
    bool low = gw_jstr_is(part->detail, "low");
    bool high = gw_jstr_is(part->detail, "high") || gw_jstr_is(part->detail, "original");
    if (!low && !high)
        return AIGW_OK;
    if (o->family != GW_GM_3)
        return gw_gm_note(o, part->at, "this model takes no detail of an image");
    gw_jw_key(&o->w, "mediaResolution");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "level");
    gw_jw_str(&o->w, low ? "MEDIA_RESOLUTION_LOW" : "MEDIA_RESOLUTION_HIGH");
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

static int write_inline(gw_gm_out *o, const gw_part *part)
{
    gw_jw *w = &o->w;
    gw_jw_object(w);
    gw_jw_key(w, "inlineData");
    gw_jw_object(w);
    write_type(w, part);
    gw_jw_key(w, "data");
    gw_jw_jstr(w, part->data);
    gw_jw_object_end(w);
    int rc = part->kind == GW_PART_IMAGE ? write_detail(o, part) : AIGW_OK;
    gw_jw_object_end(w);
    bool document = part->kind == GW_PART_DOCUMENT;
    if (rc == AIGW_OK && document && (gw_has(part->name) || gw_has(part->detail)))
        rc = gw_gm_note(o, part->at, "Gemini takes no names or descriptions of files");
    return rc;
}

/* A text document is a text, with its title and what it is in front. */
static void write_document_text(gw_gm_out *o, const gw_part *part)
{
    const gw_jstr heads[2] = {part->name, part->detail};
    gw_jw *w = &o->w;
    gw_jw_object(w);
    gw_jw_key(w, "text");
    gw_jw_begin_string(w);
    for (size_t i = 0; i < 2; i++) {
        if (heads[i].inner.len == 0)
            continue;
        gw_jw_part_inner(w, heads[i].inner);
        gw_jw_part_inner(w, GW_S("\\n\\n"));
    }
    gw_jw_part_inner(w, part->text.inner);
    gw_jw_end_string(w);
    gw_jw_object_end(w);
}

static int write_media(gw_gm_out *o, const gw_part *part)
{
    if (o->same && part->raw.json.len > 0 && part->raw.json.data[0] == '{') {
        gw_jw_raw(&o->w, part->raw.json);
        return AIGW_OK;
    }
    if (gw_has(part->data))
        return write_inline(o, part);
    if (gw_has(part->text)) {
        write_document_text(o, part);
        return AIGW_OK;
    }
    gw_jstr uri = gw_has(part->file_id) ? part->file_id : part->url;
    if (is_google_file(uri.inner) || (gw_has(part->url) && is_youtube(uri.inner))) {
        write_file(o, part, uri);
        return AIGW_OK;
    }
    return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part", "%s",
                        gw_has(part->file_id)
                            ? "the file is kept by another provider"
                            : "Gemini opens no URLs but those of its Files API, gs:// and YouTube, "
                              "and nothing is fetched here: send the bytes");
}

static int write_call(gw_gm_out *o, const gw_part *part)
{
    aigw_slice args;
    gw_jw *w = &o->w;
    int rc = gw_part_args_object(o->arena, o->r->doc, part, &args, o->err);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_object(w);
    gw_jw_key(w, "functionCall");
    gw_jw_object(w);
    if (part->id.inner.len > 0) {
        gw_jw_key(w, "id");
        gw_jw_jstr(w, part->id);
    }
    gw_gm_write_tool_name(o, part->tool_name);
    gw_jw_key(w, "args");
    gw_jw_raw(w, args);
    gw_jw_object_end(w);
    rc = write_signature(o, part);
    gw_jw_object_end(w);
    return rc;
}

static bool is_text_of_result(const gw_part *part)
{
    return part->kind == GW_PART_TEXT || part->kind == GW_PART_REFUSAL ||
           (part->kind == GW_PART_DOCUMENT && gw_has(part->text));
}

/* The text of a result: borrowed when it is one piece, else joined. */
static int result_text(gw_gm_out *o, const gw_part *result, gw_jstr *out)
{
    size_t count = 0, len = 0;
    *out = gw_jstr_lit("");
    for (size_t i = 0; i < result->part_count; i++) {
        if (!is_text_of_result(&result->parts[i]))
            continue;
        *out = result->parts[i].text;
        len += out->inner.len + 2;
        count++;
    }
    if (count < 2)
        return AIGW_OK;
    char *text = gw_arena_alloc(o->arena, len);
    if (text == NULL)
        return gw_fail_nomem(o->err);
    len = 0;
    for (size_t i = 0; i < result->part_count; i++) {
        aigw_slice piece = result->parts[i].text.inner;
        if (!is_text_of_result(&result->parts[i]))
            continue;
        if (len > 0) {
            memcpy(text + len, "\\n", 2);
            len += 2;
        }
        if (piece.len > 0)
            memcpy(text + len, piece.data, piece.len);
        len += piece.len;
    }
    out->inner = gw_slice(text, len);
    return AIGW_OK;
}

/* A result that is a JSON object is one for Gemini too; any other text is the output of one. */
static int write_response(gw_gm_out *o, const gw_part *result)
{
    gw_jstr text;
    gw_jw *w = &o->w;
    int rc = result_text(o, result, &text);
    if (rc != AIGW_OK)
        return rc;
    gw_jw_key(w, "response");
    size_t at = 0;
    while (at < text.inner.len && text.inner.data[at] == ' ')
        at++;
    bool may_be = !result->is_error && at < text.inner.len &&
                  (text.inner.data[at] == '{' || text.inner.data[at] == '\\');
    if (may_be) {
        gw_json_doc doc;
        aigw_slice plain = gw_jstr_text(o->arena, text);
        if (plain.data == NULL)
            return gw_fail_nomem(o->err);
        if (gw_json_parse(o->arena, plain, NULL, &doc, NULL) == AIGW_OK &&
            gw_json_typeof(&doc, 0) == GW_JSON_OBJECT) {
            gw_jw_raw(w, gw_json_raw(&doc, 0));
            return AIGW_OK;
        }
    }
    gw_jw_object(w);
    gw_jw_key(w, result->is_error ? "error" : "output");
    gw_jw_jstr(w, text);
    gw_jw_object_end(w);
    return AIGW_OK;
}

static bool is_media(const gw_part *part)
{
    return (part->kind == GW_PART_IMAGE || part->kind == GW_PART_AUDIO ||
            part->kind == GW_PART_DOCUMENT) &&
           !is_text_of_result(part);
}

static int write_result_media(gw_gm_out *o, const gw_part *result)
{
    int rc = AIGW_OK;
    bool any = false;
    for (size_t i = 0; i < result->part_count && rc == AIGW_OK; i++) {
        if (!is_media(&result->parts[i]))
            continue;
        if (!any) {
            gw_jw_key(&o->w, "parts");
            gw_jw_array(&o->w);
            any = true;
        }
        rc = write_media(o, &result->parts[i]);
    }
    if (any)
        gw_jw_array_end(&o->w);
    return rc;
}

static int write_result(gw_gm_out *o, const gw_part *part)
{
    gw_jw *w = &o->w;
    gw_jw_object(w);
    gw_jw_key(w, "functionResponse");
    gw_jw_object(w);
    if (part->id.inner.len > 0) {
        gw_jw_key(w, "id");
        gw_jw_jstr(w, part->id);
    }
    gw_gm_write_tool_name(o, part->tool_name);
    int rc = write_response(o, part);
    if (rc == AIGW_OK && (o->same || o->family == GW_GM_3))
        rc = write_result_media(o, part);
    gw_jw_object_end(w);
    gw_jw_object_end(w);
    return rc;
}

int gw_gm_write_part(gw_gm_out *o, const gw_part *part)
{
    int rc = AIGW_OK;
    if (part->cache != GW_CACHE_NONE)
        rc = gw_gm_note(o, part->at, "Gemini caches by itself and takes no marks");
    if (rc == AIGW_OK && gw_has_raw(part->citations))
        rc = gw_gm_note(o, part->at, "Gemini takes no citations in a request");
    if (rc != AIGW_OK)
        return rc;
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
    case GW_PART_THINKING:
        return write_text(o, part);
    case GW_PART_IMAGE:
    case GW_PART_AUDIO:
    case GW_PART_DOCUMENT:
        return write_media(o, part);
    case GW_PART_TOOL_CALL:
        return write_call(o, part);
    case GW_PART_TOOL_RESULT:
        return write_result(o, part);
    default:
        gw_jw_raw(&o->w, part->raw.json);
        return AIGW_OK;
    }
}
