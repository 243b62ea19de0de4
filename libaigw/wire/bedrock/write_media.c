/*
 * Writing images, documents, videos and audio of a Converse request: format words, names, sources.
 * Knows nothing of turns or tools.
 */
#include "base/crypto.h"
#include "wire/bedrock/bedrock.h"

static int refuse(gw_bedrock_out *o, const gw_part *part, const char *why)
{
    return gw_json_fail(o->err, o->r->doc, part->at, AIGW_E_UNSUPPORTED, "unsupported_part", "%s",
                        why);
}

/* Base64 without white space and with its padding, as the API wants it. data NULL on no memory. */
static aigw_slice clean_base64(gw_arena *arena, gw_jstr data)
{
    aigw_slice in = data.inner;
    if (in.len == 0 || (in.len % 4 == 0 && memchr(in.data, '\\', in.len) == NULL &&
                        memchr(in.data, ' ', in.len) == NULL)) {
        return in;
    }
    aigw_slice plain = gw_jstr_text(arena, data);
    char *to = plain.data == NULL ? NULL : gw_arena_alloc(arena, plain.len + 4);
    size_t n = 0;
    for (size_t i = 0; to != NULL && i < plain.len; i++) {
        if (memchr(" \t\r\n", plain.data[i], 4) == NULL) {
            to[n++] = plain.data[i];
        }
    }
    while (to != NULL && n % 4 != 0) {
        to[n++] = '=';
    }
    return gw_slice(to, n);
}

/* A model refuses an image whose declared format its first bytes deny; they win. */
static const char *sniff(aigw_slice base64)
{
    static const struct {
        const char *start, *format;
    } magic[] = {{"iVBORw0KGgo", "png"}, {"/9j/", "jpeg"}, {"R0lGOD", "gif"}, {"UklGR", "webp"}};
    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++) {
        if (gw_starts(base64, aigw_slice_of(magic[i].start))) {
            return magic[i].format;
        }
    }
    return NULL;
}

static gw_bedrock_media kind_of(const gw_part *part, aigw_slice mime)
{
    if (part->kind == GW_PART_IMAGE) {
        return GW_BEDROCK_IMAGE;
    }
    if (part->kind == GW_PART_AUDIO) {
        return GW_BEDROCK_AUDIO;
    }
    return gw_starts_nocase(mime, GW_S("video/")) ? GW_BEDROCK_VIDEO : GW_BEDROCK_DOCUMENT;
}

static const char *format_of(gw_bedrock_out *o, const gw_part *part, gw_bedrock_media kind,
                             aigw_slice mime)
{
    const char *format = part->kind == GW_PART_IMAGE ? sniff(part->data.inner) : NULL;
    if (format == NULL && mime.len > 0) {
        format = gw_bedrock_format(kind, mime);
    }
    aigw_slice name = gw_jstr_text(o->arena, gw_has(part->name) ? part->name : part->url);
    if (format == NULL && name.data != NULL) {
        format = gw_bedrock_format_of_name(kind, name);
    }
    if (format == NULL && kind == GW_BEDROCK_DOCUMENT && mime.len == 0) {
        format = gw_has(part->text) ? "txt" : "pdf";
    }
    return format;
}

/* Letters and digits, single spaces, - ( ) [ ]: what the API takes in a name. 200 bytes at most. */
static size_t clean_name(aigw_slice name, char *to, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < name.len && n < room; i++) {
        char c = name.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr("-()[]", c) != NULL);
        if (!fine && (n == 0 || to[n - 1] == ' ')) {
            continue;
        }
        to[n++] = fine ? c : ' ';
    }
    while (n > 0 && to[n - 1] == ' ') {
        n--;
    }
    return n;
}

/* The name of a document, without its ending; no two alike in one request. */
static int write_name(gw_bedrock_out *o, const gw_part *part)
{
    enum { LONGEST = 200, NUMBER = 24 };
    aigw_slice name = gw_jstr_text(o->arena, part->name);
    char *to = gw_arena_alloc(o->arena, LONGEST + NUMBER);
    if (name.data == NULL || to == NULL) {
        return gw_fail_nomem(o->err);
    }
    if (gw_bedrock_format_of_name(GW_BEDROCK_DOCUMENT, name) != NULL) {
        while (name.data[--name.len] != '.') {
        }
    }
    size_t n = clean_name(name, to, LONGEST - NUMBER);
    if (n == 0) {
        memcpy(to, "document", 8);
        n = 8;
    }
    gw_bedrock_id *known = gw_bedrock_id_of(o->arena, &o->names, gw_slice(to, n));
    if (known == NULL) {
        return gw_fail_nomem(o->err);
    }
    gw_jw_key(&o->w, "name");
    gw_jw_begin_string(&o->w);
    gw_jw_part(&o->w, gw_slice(to, n));
    if (++known->calls > 1) {
        gw_jw_part(&o->w, GW_S(" ("));
        gw_buf_int(o->w.buf, (int64_t)known->calls);
        gw_jw_part(&o->w, GW_S(")"));
    }
    gw_jw_end_string(&o->w);
    return AIGW_OK;
}

static int write_bytes(gw_bedrock_out *o, const gw_part *part)
{
    gw_jw_key(&o->w, "bytes");
    if (!gw_has(part->data)) { /* a text document: every model takes it as a file */
        aigw_slice text = gw_jstr_text(o->arena, part->text);
        if (text.data == NULL) {
            return gw_fail_nomem(o->err);
        }
        gw_jw_begin_string(&o->w);
        gw_base64_encode(o->w.buf, text.data, text.len);
        gw_jw_end_string(&o->w);
        return AIGW_OK;
    }
    aigw_slice data = clean_base64(o->arena, part->data);
    if (data.data == NULL) {
        return gw_fail_nomem(o->err);
    }
    if (data.data == part->data.inner.data) {
        gw_jw_inner(&o->w, data);
    } else {
        gw_jw_text(&o->w, data);
    }
    return AIGW_OK;
}

static int write_source(gw_bedrock_out *o, const gw_part *part)
{
    int rc = AIGW_OK;
    gw_jw_key(&o->w, "source");
    gw_jw_object(&o->w);
    if (gw_has(part->url)) {
        gw_jw_key(&o->w, "s3Location");
        gw_jw_object(&o->w);
        gw_jw_key(&o->w, "uri");
        gw_jw_jstr(&o->w, part->url);
        gw_jw_object_end(&o->w);
    } else {
        rc = write_bytes(o, part);
    }
    gw_jw_object_end(&o->w);
    return rc;
}

static void write_document_members(gw_bedrock_out *o, const gw_part *part)
{
    if (part->detail.inner.len > 0) {
        gw_jw_key(&o->w, "context");
        gw_jw_jstr(&o->w, part->detail);
    }
    if (gw_has_raw(part->citations)) {
        gw_jw_key(&o->w, "citations");
        gw_jw_raw(&o->w, part->citations.json);
    }
}

bool gw_bedrock_opens_url(gw_jstr url)
{
    return gw_starts(url.inner, GW_S("s3://")) || gw_starts(url.inner, GW_S("s3:\\/\\/"));
}

static const char *why_not(const gw_part *part)
{
    if (gw_has(part->url) && !gw_bedrock_opens_url(part->url)) {
        return "this provider fetches no URL but s3://";
    }
    if (gw_has(part->file_id)) {
        return "the file is kept by another provider";
    }
    bool empty = part->data.inner.len == 0 && part->text.inner.len == 0 && !gw_has(part->url);
    return empty ? "the file has no content" : NULL;
}

int gw_bedrock_write_media(gw_bedrock_out *o, const gw_part *part)
{
    static const char *const words[] = {[GW_BEDROCK_IMAGE] = "image",
                                        [GW_BEDROCK_DOCUMENT] = "document",
                                        [GW_BEDROCK_VIDEO] = "video",
                                        [GW_BEDROCK_AUDIO] = "audio"};
    const char *wrong = why_not(part);
    if (wrong != NULL) {
        return refuse(o, part, wrong);
    }
    aigw_slice mime = gw_jstr_text(o->arena, part->media_type);
    if (mime.data == NULL) {
        return gw_fail_nomem(o->err);
    }
    gw_bedrock_media kind = kind_of(part, mime);
    const char *format = format_of(o, part, kind, mime);
    if (format == NULL) {
        return refuse(o, part, "this provider does not take a file of that type");
    }
    gw_jw_key(&o->w, words[kind]);
    gw_jw_object(&o->w);
    gw_jw_key(&o->w, "format");
    gw_jw_str(&o->w, format);
    int rc = kind == GW_BEDROCK_DOCUMENT ? write_name(o, part) : AIGW_OK;
    if (rc == AIGW_OK) {
        rc = write_source(o, part);
    }
    if (rc == AIGW_OK && kind == GW_BEDROCK_DOCUMENT) {
        write_document_members(o, part);
    }
    gw_jw_object_end(&o->w);
    bool detail =
        kind == GW_BEDROCK_IMAGE && gw_has(part->detail) && !gw_jstr_is(part->detail, "auto");
    return rc == AIGW_OK && detail
               ? gw_bedrock_note(o, part->at, "this provider takes no detail of an image")
               : rc;
}
