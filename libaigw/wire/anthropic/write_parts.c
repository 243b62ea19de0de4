/*
 * Writing one neutral part as a Messages content block. Files and images become sources.
 * Knows nothing of turns.
 */
#include "base/crypto.h"
#include "chat/wrap.h"
#include "wire/anthropic/anthropic.h"

#include <string.h>

void gw_anthropic_write_tool_name(gw_anthropic_out *o, gw_jstr name)
{
    gw_jw_key(&o->w, "name");
    if (o->plan.same) {
        gw_jw_jstr(&o->w, name);
    } else {
        gw_jw_tool_name(&o->w, name, GW_TOOL_NAME_LONG);
    }
}

int gw_anthropic_write_cache(gw_anthropic_out *o, gw_cache_mark mark, gw_json_ref at)
{
    enum { MOST_MARKS = 4 };
    int rc = AIGW_OK;
    if (mark == GW_CACHE_NONE) {
        return rc;
    }
    o->marks_seen++;
    if (o->marks_total > MOST_MARKS && o->marks_seen <= o->marks_total - MOST_MARKS) {
        /* The last ones hold the longest prefixes. */
        return gw_anthropic_note(o, at, "this provider takes four cache marks");
    }
    if (mark == GW_CACHE_1H && o->short_mark) {
        mark = GW_CACHE_5M;
        rc = gw_anthropic_note(o, at,
                               "a cache mark of one hour stands before those of five minutes");
    }
    o->short_mark = o->short_mark || mark != GW_CACHE_1H;
    gw_jw_key(&o->w, "cache_control");
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, "ephemeral");
    if (mark != GW_CACHE_DEFAULT) {
        gw_jw_key(&o->w, "ttl");
        gw_jw_str(&o->w, mark == GW_CACHE_1H ? "1h" : "5m");
    }
    gw_jw_object_end(&o->w);
    return rc;
}

static int refuse_part(gw_anthropic_out *o, const gw_part *part, const char *why)
{
    return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part", "%s",
                        why);
}

static void open_block(gw_anthropic_out *o, const char *type)
{
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "type");
    gw_jw_str(&o->w, type);
}

static void member(gw_anthropic_out *o, const char *name, gw_jstr value)
{
    gw_jw_key(&o->w, name);
    gw_jw_jstr(&o->w, value);
}

/* Base64 without white space and with its padding, as the API wants it. data NULL on no memory. */
static aigw_slice clean_base64(gw_arena *arena, gw_jstr data)
{
    aigw_slice in = data.inner;
    bool clean = in.len % 4 == 0 && memchr(in.data, '\\', in.len) == NULL &&
                 memchr(in.data, ' ', in.len) == NULL;
    if (in.len == 0 || clean) {
        return in;
    }
    aigw_slice plain = gw_jstr_text(arena, data);
    char *to = plain.data == NULL ? NULL : gw_arena_alloc(arena, plain.len + 4);
    if (to == NULL) {
        return (aigw_slice){NULL, 0};
    }
    size_t n = 0;
    for (size_t i = 0; i < plain.len; i++) {
        if (strchr(" \t\r\n", plain.data[i]) == NULL || plain.data[i] == '\0') {
            to[n++] = plain.data[i];
        }
    }
    while (n % 4 != 0) {
        to[n++] = '=';
    }
    return (aigw_slice){to, n};
}

/* The API refuses an image whose declared type its first bytes deny; they win. */
static aigw_slice sniff(aigw_slice base64)
{
    static const struct {
        const char *start, *type;
    } magic[] = {{"iVBORw0KGgo", "image/png"},
                 {"/9j/", "image/jpeg"},
                 {"R0lGOD", "image/gif"},
                 {"UklGR", "image/webp"},
                 {"JVBERi", "application/pdf"}};
    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++) {
        if (gw_starts(base64, aigw_slice_of(magic[i].start))) {
            return aigw_slice_of(magic[i].type);
        }
    }
    return (aigw_slice){NULL, 0};
}

static int write_base64_source(gw_anthropic_out *o, const gw_part *part, const char *fallback)
{
    aigw_slice data = clean_base64(o->arena, part->data);
    if (data.data == NULL) {
        return gw_fail_nomem(o->err);
    }
    aigw_slice type = sniff(data);
    open_block(o, "base64");
    gw_jw_key(&o->w, "media_type");
    if (type.data != NULL) {
        gw_jw_text(&o->w, type);
    } else if (part->media_type.inner.len > 0) {
        gw_jw_jstr(&o->w, part->media_type);
    } else {
        gw_jw_str(&o->w, fallback);
    }
    gw_jw_key(&o->w, "data");
    if (data.data == part->data.inner.data) {
        gw_jw_inner(&o->w, data);
    } else {
        gw_jw_text(&o->w, data);
    }
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

static bool is_text_type(gw_jstr type)
{
    aigw_slice t = type.inner;
    return gw_starts_nocase(t, GW_S("text/")) || gw_eq_nocase(t, GW_S("application/json")) ||
           gw_eq_nocase(t, GW_S("text\\/plain")) || gw_eq_nocase(t, GW_S("application\\/json"));
}

static void write_text_source(gw_anthropic_out *o)
{
    open_block(o, "text");
    gw_jw_key(&o->w, "media_type");
    gw_jw_str(&o->w, "text/plain");
    gw_jw_key(&o->w, "data");
}

/* A text file that came as base64: the API takes it as text only. */
static int write_decoded_source(gw_anthropic_out *o, const gw_part *part)
{
    aigw_slice data = clean_base64(o->arena, part->data);
    uint8_t *bytes = data.data == NULL ? NULL : gw_arena_alloc(o->arena, data.len / 4 * 3 + 3);
    if (bytes == NULL) {
        return gw_fail_nomem(o->err);
    }
    ptrdiff_t n = gw_base64_decode(data, bytes);
    aigw_slice text = {(const char *)bytes, n < 0 ? 0 : (size_t)n};
    if (n < 0 || !gw_utf8_valid(text)) {
        return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_PARSE, "bad_file",
                            "a text file must be UTF-8 in base64");
    }
    write_text_source(o);
    gw_jw_text(&o->w, text);
    gw_jw_object_end(&o->w);
    return AIGW_OK;
}

static int write_source(gw_anthropic_out *o, const gw_part *part)
{
    if (gw_starts_nocase(part->media_type.inner, GW_S("video/"))) {
        return refuse_part(o, part, "this provider takes no video");
    }
    gw_jw_key(&o->w, "source");
    if (gw_has(part->url)) {
        if (!gw_starts_nocase(part->url.inner, GW_S("http"))) {
            return refuse_part(o, part, "this provider fetches no URL but http:// and https://");
        }
        open_block(o, "url");
        member(o, "url", part->url);
        gw_jw_object_end(&o->w);
        return AIGW_OK;
    }
    if (gw_has(part->file_id)) {
        if (!o->plan.same) {
            return refuse_part(o, part, "the file is kept by another provider");
        }
        open_block(o, "file");
        member(o, "file_id", part->file_id);
        gw_jw_object_end(&o->w);
        return AIGW_OK;
    }
    if (gw_has(part->text)) {
        write_text_source(o);
        gw_jw_jstr(&o->w, part->text);
        gw_jw_object_end(&o->w);
        return AIGW_OK;
    }
    if (!gw_has(part->data)) {
        return refuse_part(o, part, "the file has no content");
    }
    if (part->kind == GW_PART_IMAGE) {
        return write_base64_source(o, part, "image/png");
    }
    return is_text_type(part->media_type) ? write_decoded_source(o, part)
                                          : write_base64_source(o, part, "application/pdf");
}

static int write_file(gw_anthropic_out *o, const gw_part *part)
{
    open_block(o, part->kind == GW_PART_IMAGE ? "image" : "document");
    int rc = write_source(o, part);
    if (part->kind == GW_PART_DOCUMENT && part->name.inner.len > 0) {
        member(o, "title", part->name);
    }
    if (part->kind == GW_PART_DOCUMENT && part->detail.inner.len > 0) {
        member(o, "context", part->detail);
    }
    if (part->kind == GW_PART_DOCUMENT && gw_has_raw(part->citations)) {
        gw_jw_key(&o->w, "citations");
        gw_jw_raw(&o->w, part->citations.json);
    }
    bool detail =
        part->kind == GW_PART_IMAGE && gw_has(part->detail) && !gw_jstr_is(part->detail, "auto");
    return rc == AIGW_OK && detail
               ? gw_anthropic_note(o, part->at, "this provider takes no detail of an image")
               : rc;
}

static int write_tool_use(gw_anthropic_out *o, const gw_part *part)
{
    aigw_slice args;
    int rc = gw_part_args_object(o->arena, o->r->doc, part, &args, o->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    open_block(o, "tool_use");
    rc = gw_anthropic_write_call_id(o, part->id);
    gw_anthropic_write_tool_name(o, part->tool_name);
    gw_jw_key(&o->w, "input");
    gw_jw_raw(&o->w, args);
    return rc;
}

static int write_result_blocks(gw_anthropic_out *o, const gw_part *result)
{
    gw_jw_array(&o->w);
    for (size_t i = 0; i < result->part_count; i++) {
        const gw_part *part = &result->parts[i];
        bool blank = part->kind == GW_PART_TEXT && gw_jstr_blank(part->text);
        if (part->kind == GW_PART_NATIVE && !o->plan.same) {
            int noted = gw_anthropic_note(o, part->at, "not known to this provider");
            if (noted != AIGW_OK) {
                return noted;
            }
            continue;
        }
        int rc = blank ? AIGW_OK : gw_anthropic_write_part(o, part);
        if (rc != AIGW_OK) {
            return rc;
        }
    }
    gw_jw_array_end(&o->w);
    return AIGW_OK;
}

static int write_tool_result(gw_anthropic_out *o, const gw_part *part)
{
    open_block(o, "tool_result");
    int rc = gw_anthropic_write_result_id(o, part->id);
    if (rc != AIGW_OK) {
        return rc;
    }
    if (part->is_error) {
        gw_jw_key(&o->w, "is_error");
        gw_jw_bool(&o->w, true);
    }
    if (part->part_count == 0) {
        return AIGW_OK;
    }
    gw_jw_key(&o->w, "content");
    const gw_part *only = &part->parts[0];
    if (part->part_count == 1 && only->kind == GW_PART_TEXT && only->cache == GW_CACHE_NONE) {
        gw_jw_jstr(&o->w, only->text);
        return AIGW_OK;
    }
    return write_result_blocks(o, part);
}

static int write_members(gw_anthropic_out *o, const gw_part *part)
{
    switch (part->kind) {
    case GW_PART_TEXT:
    case GW_PART_REFUSAL:
        open_block(o, "text");
        member(o, "text", part->text);
        return gw_has_raw(part->citations)
                   ? gw_anthropic_note(o, part->at, "citations of another provider are not sent on")
                   : AIGW_OK;
    case GW_PART_IMAGE:
    case GW_PART_DOCUMENT:
        return write_file(o, part);
    case GW_PART_TOOL_CALL:
        return write_tool_use(o, part);
    case GW_PART_TOOL_RESULT:
        return write_tool_result(o, part);
    case GW_PART_THINKING:
        open_block(o, "thinking");
        member(o, "thinking", part->text);
        member(o, "signature", part->signature);
        return AIGW_OK;
    case GW_PART_REDACTED_THINKING:
        open_block(o, "redacted_thinking");
        member(o, "data", part->data);
        return AIGW_OK;
    case GW_PART_AUDIO:
        return refuse_part(o, part, "this provider takes no audio");
    default:
        return refuse_part(o, part, "this provider does not know such a part");
    }
}

int gw_anthropic_write_part(gw_anthropic_out *o, const gw_part *part)
{
    bool own = o->plan.same && part->raw.json.len > 0 && part->raw.json.data[0] == '{';
    if (own) {
        gw_jw_raw(&o->w, part->raw.json);
        return AIGW_OK;
    }
    int rc = write_members(o, part);
    if (rc != AIGW_OK) {
        return rc;
    }
    bool markable = part->kind != GW_PART_THINKING && part->kind != GW_PART_REDACTED_THINKING;
    rc = gw_anthropic_write_cache(o, markable ? part->cache : GW_CACHE_NONE, part->at);
    gw_jw_object_end(&o->w);
    return rc;
}
