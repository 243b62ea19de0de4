/* Content parts of OpenAI Responses requests: text, refusals, images, files, audio. */
/* Must not know items or any other format. */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/read.h"

static bool is_data_uri(gw_jstr uri)
{
    return gw_starts_nocase(uri.inner, GW_S("data:"));
}

/* data:image/png;charset=x;base64,AAAA -> media type and data (RFC 2397). */
static int split_data_uri(const gw_or_reading *rd, gw_json_ref at, gw_jstr uri, gw_part *out)
{
    aigw_slice rest = gw_skip(uri.inner, 5);
    aigw_slice head = gw_cut(&rest, ',');
    if (rest.data == NULL)
        return gw_or_wrong(rd, at, "a data URI", "of the form data:<type>;base64,<data>");
    head = gw_jstr_text(rd->arena, (gw_jstr){head});
    if (head.data == NULL)
        return gw_fail_nomem(rd->err);
    head = gw_trim(head);
    if (head.len < 7 || !gw_eq_nocase(gw_skip(head, head.len - 7), GW_S(";base64")))
        return gw_or_wrong(rd, at, "a data URI", "encoded in base64");
    aigw_slice type = gw_trim(gw_cut(&head, ';'));
    int rc = AIGW_OK;
    if (type.len > 0) {
        out->media_type = gw_jstr_plain(rd->arena, type);
        rc = gw_read_media_type(rd->err, rd->doc, at, out->media_type);
    }
    out->data.inner = rest;
    return rc == AIGW_OK ? gw_read_base64(rd->arena, rd->doc, at, &out->data, rd->err) : rc;
}

static int read_text(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_json_ref annotations;
    out->kind = GW_PART_TEXT;
    int rc = gw_or_string(rd, ref, "text", &out->text);
    if (rc == AIGW_OK)
        rc = gw_or_opt(rd, ref, "annotations", GW_JSON_ARRAY, &annotations);
    if (rc == AIGW_OK && gw_json_count(rd->doc, annotations) > 0)
        out->citations = gw_raw_of(rd->doc, annotations);
    return rc;
}

static int read_refusal(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    out->kind = GW_PART_REFUSAL;
    return gw_or_string(rd, ref, "refusal", &out->text);
}

static int read_image(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_jstr url = {{NULL, 0}};
    out->kind = GW_PART_IMAGE;
    int rc = gw_or_opt_string(rd, ref, "image_url", &url);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "file_id", &out->file_id);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "detail", &out->detail);
    if (rc != AIGW_OK)
        return rc;
    if (gw_has(url) == gw_has(out->file_id))
        return gw_or_wrong(rd, ref, "an input_image", "given by one of image_url and file_id");
    if (gw_has(url) && is_data_uri(url))
        return split_data_uri(rd, gw_json_get(rd->doc, ref, "image_url"), url, out);
    out->url = url;
    return gw_has(url) ? gw_read_url(rd->err, rd->doc, gw_json_get(rd->doc, ref, "image_url"), url)
                       : AIGW_OK;
}

static int read_file(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_jstr data = {{NULL, 0}};
    out->kind = GW_PART_DOCUMENT;
    int rc = gw_or_opt_string(rd, ref, "file_data", &data);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "file_url", &out->url);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "file_id", &out->file_id);
    if (rc == AIGW_OK)
        rc = gw_or_opt_string(rd, ref, "filename", &out->name);
    if (rc != AIGW_OK)
        return rc;
    if (gw_has(data) + gw_has(out->url) + gw_has(out->file_id) != 1)
        return gw_or_wrong(rd, ref, "an input_file",
                           "given by one of file_data, file_url and file_id");
    if (gw_has(out->url))
        return gw_read_url(rd->err, rd->doc, gw_json_get(rd->doc, ref, "file_url"), out->url);
    if (!gw_has(data))
        return AIGW_OK;
    gw_json_ref at = gw_json_get(rd->doc, ref, "file_data");
    if (is_data_uri(data))
        return split_data_uri(rd, at, data, out);
    out->data = data;
    out->media_type = gw_jstr_lit("application/pdf");
    return gw_read_base64(rd->arena, rd->doc, at, &out->data, rd->err);
}

static int read_audio(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    gw_json_ref audio;
    gw_jstr format = {{NULL, 0}};
    out->kind = GW_PART_AUDIO;
    int rc = gw_or_opt(rd, ref, "input_audio", GW_JSON_OBJECT, &audio);
    if (rc == AIGW_OK && audio == GW_JSON_ABSENT)
        audio = ref; /* some clients send its members flat */
    if (rc == AIGW_OK)
        rc = gw_or_string(rd, audio, "data", &out->data);
    if (rc == AIGW_OK)
        rc = gw_or_string(rd, audio, "format", &format);
    if (rc == AIGW_OK)
        rc = gw_read_base64(rd->arena, rd->doc, gw_json_get(rd->doc, audio, "data"), &out->data,
                            rd->err);
    if (rc != AIGW_OK)
        return rc;
    char *type = gw_arena_alloc(rd->arena, format.inner.len + 6);
    if (type == NULL)
        return gw_fail_nomem(rd->err);
    memcpy(type, "audio/", 6);
    if (format.inner.len > 0)
        memcpy(type + 6, format.inner.data, format.inner.len);
    out->media_type.inner = (aigw_slice){type, format.inner.len + 6};
    return gw_read_media_type(rd->err, rd->doc, gw_json_get(rd->doc, audio, "format"),
                              out->media_type);
}

static int read_cache(const gw_or_reading *rd, gw_json_ref ref, gw_cache_mark *out)
{
    gw_json_ref mark;
    gw_jstr ttl = {{NULL, 0}};
    int rc = gw_or_opt(rd, ref, "prompt_cache_breakpoint", GW_JSON_OBJECT, &mark);
    if (rc != AIGW_OK || mark == GW_JSON_ABSENT)
        return rc;
    rc = gw_or_opt_string(rd, mark, "ttl", &ttl);
    *out = gw_jstr_is(ttl, "30m") || gw_jstr_is(ttl, "12h") ? GW_CACHE_1H : GW_CACHE_DEFAULT;
    return rc;
}

int gw_or_read_part(const gw_or_reading *rd, gw_json_ref ref, gw_part *out)
{
    static const struct {
        const char *type;
        int (*read)(const gw_or_reading *rd, gw_json_ref ref, gw_part *out);
    } types[] = {{"input_text", read_text},   {"output_text", read_text}, {"text", read_text},
                 {"input_image", read_image}, {"input_file", read_file},  {"refusal", read_refusal},
                 {"input_audio", read_audio}};
    static const char *const items[] = {
        "message",          "function_call",           "reasoning",     "function_call_output",
        "custom_tool_call", "custom_tool_call_output", "item_reference"};
    *out = (gw_part){.at = ref};
    if (gw_json_typeof(rd->doc, ref) != GW_JSON_OBJECT)
        return gw_or_wrong(rd, ref, "a content part", "an object");
    gw_jstr type;
    int rc = gw_or_string(rd, ref, "type", &type);
    if (rc == AIGW_OK)
        rc = read_cache(rd, ref, &out->cache);
    if (rc != AIGW_OK)
        return rc;
    out->raw = gw_raw_of(rd->doc, ref);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (gw_jstr_is(type, types[i].type))
            return types[i].read(rd, ref, out);
    }
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (gw_jstr_is(type, items[i]))
            return gw_or_wrong(rd, ref, "a content part", "no item of the input");
    }
    out->kind = GW_PART_NATIVE;
    return AIGW_OK;
}
