/* Content parts of OpenAI chat messages: text, images, audio, files, refusals, cache marks. */
/* Must not know messages or any other format. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/read.h"

static bool is_data_uri(gw_jstr uri)
{
    return gw_starts_nocase(uri.inner, GW_S("data:"));
}

/* data:image/png;charset=x;base64,AAAA -> media type and data (RFC 2397). */
static int split_data_uri(const gw_oc_reading *rd, gw_json_ref at, gw_jstr uri, gw_part *out)
{
    aigw_slice rest = gw_skip(uri.inner, 5);
    aigw_slice head = gw_cut(&rest, ',');
    if (rest.data == NULL)
        return gw_oc_wrong(rd, at, "a data URI", "of the form data:<type>;base64,<data>");
    head = gw_jstr_text(rd->arena, (gw_jstr){head});
    if (head.data == NULL)
        return gw_fail_nomem(rd->err);
    if (!gw_eq_nocase(gw_trim(gw_slice(head.len < 7 ? head.data : head.data + head.len - 7,
                                       head.len < 7 ? head.len : 7)),
                      GW_S(";base64")))
        return gw_oc_wrong(rd, at, "a data URI", "encoded in base64");
    aigw_slice type = gw_trim(gw_cut(&head, ';'));
    int rc = AIGW_OK;
    if (type.len > 0) {
        out->media_type = gw_jstr_plain(rd->arena, type);
        rc = gw_read_media_type(rd->err, rd->doc, at, out->media_type);
    }
    out->data.inner = rest;
    return rc == AIGW_OK ? gw_read_base64(rd->arena, rd->doc, at, &out->data, rd->err) : rc;
}

static int read_text(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    out->kind = GW_PART_TEXT;
    return gw_oc_string(rd, ref, "text", &out->text);
}

static int read_refusal(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    out->kind = GW_PART_REFUSAL;
    return gw_oc_string(rd, ref, "refusal", &out->text);
}

static int required_object(const gw_oc_reading *rd, gw_json_ref ref, const char *name,
                           gw_json_ref *out)
{
    *out = gw_json_get(rd->doc, ref, name);
    if (gw_json_typeof(rd->doc, *out) != GW_JSON_OBJECT)
        return gw_oc_lacks(rd, ref, *out, name, "an object");
    return AIGW_OK;
}

static int read_image(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_json_ref image;
    gw_jstr url;
    out->kind = GW_PART_IMAGE;
    int rc = required_object(rd, ref, "image_url", &image);
    if (rc == AIGW_OK)
        rc = gw_oc_string(rd, image, "url", &url);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, image, "detail", &out->detail);
    if (rc != AIGW_OK)
        return rc;
    gw_json_ref at = gw_json_get(rd->doc, image, "url");
    if (is_data_uri(url))
        return split_data_uri(rd, at, url, out);
    out->url = url;
    return gw_read_url(rd->err, rd->doc, at, url);
}

static int read_audio(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_json_ref audio;
    gw_jstr format = {{NULL, 0}};
    out->kind = GW_PART_AUDIO;
    int rc = required_object(rd, ref, "input_audio", &audio);
    if (rc == AIGW_OK)
        rc = gw_oc_string(rd, audio, "data", &out->data);
    if (rc == AIGW_OK)
        rc = gw_oc_string(rd, audio, "format", &format);
    if (rc == AIGW_OK)
        rc = gw_read_base64(rd->arena, rd->doc, gw_json_get(rd->doc, audio, "data"), &out->data,
                            rd->err);
    if (rc != AIGW_OK)
        return rc;
    char *type = gw_arena_alloc(rd->arena, format.inner.len + 6);
    if (type == NULL)
        return gw_json_fail(rd->err, rd->doc, ref, AIGW_E_NOMEM, "out_of_memory", "out of memory");
    memcpy(type, "audio/", 6);
    memcpy(type + 6, format.inner.data, format.inner.len);
    out->media_type.inner = (aigw_slice){type, format.inner.len + 6};
    return gw_read_media_type(rd->err, rd->doc, gw_json_get(rd->doc, audio, "format"),
                              out->media_type);
}

static int read_file(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_json_ref file;
    gw_jstr data = {{NULL, 0}};
    out->kind = GW_PART_DOCUMENT;
    int rc = required_object(rd, ref, "file", &file);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, file, "file_data", &data);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, file, "filename", &out->name);
    if (rc == AIGW_OK)
        rc = gw_oc_opt_string(rd, file, "file_id", &out->file_id);
    if (rc != AIGW_OK)
        return rc;
    if (gw_has(data) == gw_has(out->file_id))
        return gw_oc_wrong(rd, file, "file", "an object with one of file_data and file_id");
    if (!gw_has(data))
        return AIGW_OK;
    gw_json_ref at = gw_json_get(rd->doc, file, "file_data");
    if (is_data_uri(data))
        return split_data_uri(rd, at, data, out);
    out->data = data;
    out->media_type = gw_jstr_lit("application/pdf");
    return gw_read_base64(rd->arena, rd->doc, at, &out->data, rd->err);
}

int gw_oc_read_cache(const gw_oc_reading *rd, gw_json_ref object, gw_cache_mark *out)
{
    static const char *const names[] = {"cache_control", "prompt_cache_breakpoint"};
    for (size_t i = 0; i < 2; i++) {
        gw_json_ref mark;
        gw_jstr ttl = {{NULL, 0}};
        int rc = gw_oc_opt(rd, object, names[i], GW_JSON_OBJECT, &mark);
        if (rc == AIGW_OK && mark != GW_JSON_ABSENT)
            rc = gw_oc_opt_string(rd, mark, "ttl", &ttl);
        if (rc != AIGW_OK)
            return rc;
        if (mark == GW_JSON_ABSENT)
            continue;
        *out = GW_CACHE_DEFAULT;
        if (gw_jstr_is(ttl, "5m"))
            *out = GW_CACHE_5M;
        else if (gw_jstr_is(ttl, "1h") || gw_jstr_is(ttl, "30m") || gw_jstr_is(ttl, "12h"))
            *out = GW_CACHE_1H;
    }
    return AIGW_OK;
}

int gw_oc_read_part(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out)
{
    static const struct {
        const char *type;
        int (*read)(const gw_oc_reading *rd, gw_json_ref ref, gw_part *out);
    } types[] = {{"text", read_text},
                 {"image_url", read_image},
                 {"input_audio", read_audio},
                 {"file", read_file},
                 {"refusal", read_refusal}};
    memset(out, 0, sizeof(*out));
    out->at = ref;
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_oc_wrong(rd, ref, "a content part", "an object");
    gw_jstr type;
    int rc = gw_oc_string(rd, ref, "type", &type);
    if (rc == AIGW_OK)
        rc = gw_oc_read_cache(rd, ref, &out->cache);
    if (rc != AIGW_OK)
        return rc;
    out->raw = gw_raw_of(rd->doc, ref);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (gw_jstr_is(type, types[i].type))
            return types[i].read(rd, ref, out);
    }
    out->kind = GW_PART_NATIVE;
    return AIGW_OK;
}

static void write_data_uri(gw_jw *w, const gw_part *part, const char *fallback)
{
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
    gw_jw_key(w, "image_url");
    gw_jw_object(w);
    gw_jw_key(w, "url");
    if (gw_has(part->url))
        gw_jw_jstr(w, part->url);
    else
        write_data_uri(w, part, "image/png");
    if (gw_has(part->detail)) {
        gw_jw_key(w, "detail");
        gw_jw_jstr(w, part->detail);
    }
    gw_jw_object_end(w);
}

static void write_audio(gw_jw *w, const gw_part *part)
{
    aigw_slice format = GW_S("wav"), type = part->media_type.inner;
    if (gw_jstr_is(part->media_type, "audio/mpeg"))
        format = GW_S("mp3");
    else if (gw_starts_nocase(type, GW_S("audio/")))
        format = gw_skip(type, 6);
    gw_jw_key(w, "input_audio");
    gw_jw_object(w);
    gw_jw_key(w, "data");
    gw_jw_jstr(w, part->data);
    gw_jw_key(w, "format");
    gw_jw_inner(w, format);
    gw_jw_object_end(w);
}

static void write_file(gw_jw *w, const gw_part *part)
{
    gw_jw_key(w, "file");
    gw_jw_object(w);
    if (gw_has(part->file_id)) {
        gw_jw_key(w, "file_id");
        gw_jw_jstr(w, part->file_id);
        gw_jw_object_end(w);
        return;
    }
    gw_jw_key(w, "filename");
    if (gw_has(part->name))
        gw_jw_jstr(w, part->name);
    else
        gw_jw_str(w, "document.pdf"); /* the API refuses file_data without a name */
    gw_jw_key(w, "file_data");
    write_data_uri(w, part, "application/pdf");
    gw_jw_object_end(w);
}

bool gw_oc_can_write_part(const gw_oc_writing *wr, const gw_part *part)
{
    if (wr->same && gw_has_raw(part->raw))
        return true;
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        return true;
    case GW_PART_IMAGE:
        return gw_has(part->url) || gw_has(part->data);
    case GW_PART_AUDIO:
        return gw_has(part->data);
    case GW_PART_DOCUMENT:
        if (gw_has(part->file_id)) /* OpenAI's files are OpenAI's in both of its formats */
            return wr->request->format == AIGW_FORMAT_OPENAI_RESPONSES;
        return (gw_has(part->data) || gw_has(part->text)) &&
               !gw_starts_nocase(part->media_type.inner, GW_S("video/"));
    default:
        return false;
    }
}

static void write_cache(gw_oc_writing *wr, const gw_part *part)
{
    if (part->cache == GW_CACHE_NONE || !gw_oc_takes_marks(wr))
        return;
    gw_jw *w = &wr->w;
    gw_jw_key(w, "prompt_cache_breakpoint");
    gw_jw_object(w);
    gw_jw_key(w, "mode");
    gw_jw_str(w, "explicit");
    if (part->cache == GW_CACHE_1H) {
        gw_jw_key(w, "ttl");
        gw_jw_str(w, "30m");
    }
    gw_jw_object_end(w);
}

void gw_oc_write_text_inside(gw_jw *w, const gw_part *part)
{
    const gw_jstr heads[2] = {part->name, part->detail};
    for (size_t i = 0; part->kind == GW_PART_DOCUMENT && i < 2; i++) {
        if (heads[i].inner.len == 0)
            continue;
        gw_jw_part_inner(w, heads[i].inner);
        gw_jw_part_inner(w, GW_S("\\n\\n"));
    }
    gw_jw_part_inner(w, part->text.inner);
}

int gw_oc_write_part(gw_oc_writing *wr, const gw_part *part)
{
    gw_jw *w = &wr->w;
    if (wr->same && gw_has_raw(part->raw)) {
        gw_jw_raw(w, part->raw.json);
        return AIGW_OK;
    }
    bool text = part->kind == GW_PART_TEXT || part->kind == GW_PART_REFUSAL ||
                (part->kind == GW_PART_DOCUMENT && gw_has(part->text));
    gw_jw_object(w);
    gw_jw_key(w, "type");
    if (text) {
        gw_jw_str(w, "text");
        gw_jw_key(w, "text");
        gw_jw_begin_string(w);
        gw_oc_write_text_inside(w, part);
        gw_jw_end_string(w);
    } else if (part->kind == GW_PART_IMAGE) {
        gw_jw_str(w, "image_url");
        write_image(w, part);
    } else if (part->kind == GW_PART_AUDIO) {
        gw_jw_str(w, "input_audio");
        write_audio(w, part);
    } else {
        gw_jw_str(w, "file");
        write_file(w, part);
    }
    write_cache(wr, part);
    gw_jw_object_end(w);
    bool described = part->kind == GW_PART_DOCUMENT && !text && gw_has(part->detail);
    return described ? gw_oc_note(wr, part->at, "OpenAI chat has no description of a file")
                     : AIGW_OK;
}
