/*
 * What every part of a Converse request is read with: members by type, unions, cache points, ids, media
 * words, and refusals with a JSON pointer. Knows no turn and no tool.
 */
#include "wire/bedrock/bedrock.h"
#include "wire/read.h"

#include <string.h>

int gw_bedrock_wrong(const gw_bedrock_in *in, gw_json_ref ref, const char *expected)
{
    return gw_json_fail(in->err, in->doc, ref, AIGW_E_PARSE, "wrong_type", "expected %s", expected);
}

int gw_bedrock_missing(const gw_bedrock_in *in, gw_json_ref parent, const char *name)
{
    return gw_read_missing(in->err, in->doc, parent, name);
}

static int typed(const gw_bedrock_in *in, gw_json_ref parent, const char *name, gw_json_type type,
                 const char *expected, gw_json_ref *out)
{
    gw_json_ref ref = gw_json_get(in->doc, parent, name);
    *out = GW_JSON_ABSENT;
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != type) {
        return gw_bedrock_wrong(in, ref, expected);
    }
    *out = ref;
    return AIGW_OK;
}

int gw_bedrock_string(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                      gw_jstr *out)
{
    gw_json_ref ref;
    int rc = typed(in, parent, name, GW_JSON_STRING, "a string", &ref);
    if (rc == AIGW_OK && ref != GW_JSON_ABSENT) {
        *out = gw_jstr_of(in->doc, ref);
    }
    return rc == AIGW_OK && required && ref == GW_JSON_ABSENT ? gw_bedrock_missing(in, parent, name)
                                                              : rc;
}

int gw_bedrock_object(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                      gw_json_ref *out)
{
    int rc = typed(in, parent, name, GW_JSON_OBJECT, "an object", out);
    return rc == AIGW_OK && required && *out == GW_JSON_ABSENT
               ? gw_bedrock_missing(in, parent, name)
               : rc;
}

int gw_bedrock_array(const gw_bedrock_in *in, gw_json_ref parent, const char *name, bool required,
                     gw_json_ref *out)
{
    int rc = typed(in, parent, name, GW_JSON_ARRAY, "an array", out);
    return rc == AIGW_OK && required && *out == GW_JSON_ABSENT
               ? gw_bedrock_missing(in, parent, name)
               : rc;
}

int gw_bedrock_union(const gw_bedrock_in *in, gw_json_ref object, gw_json_ref *key)
{
    *key = GW_JSON_ABSENT;
    if (gw_json_typeof(in->doc, object) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, object, "an object");
    }
    for (gw_json_ref k = gw_json_first(in->doc, object); k != GW_JSON_ABSENT;
         k = gw_json_next(in->doc, k)) {
        if (gw_json_is_null(in->doc, gw_json_value(in->doc, k))) {
            continue;
        }
        if (*key != GW_JSON_ABSENT) {
            return gw_bedrock_wrong(in, object, "exactly one member");
        }
        *key = k;
    }
    return *key == GW_JSON_ABSENT ? gw_bedrock_wrong(in, object, "exactly one member") : AIGW_OK;
}

int gw_bedrock_read_cache(const gw_bedrock_in *in, gw_json_ref point, gw_cache_mark *out)
{
    gw_jstr type, ttl = {{NULL, 0}};
    if (gw_json_typeof(in->doc, point) != GW_JSON_OBJECT) {
        return gw_bedrock_wrong(in, point, "an object");
    }
    int rc = gw_bedrock_string(in, point, "type", true, &type);
    if (rc == AIGW_OK) {
        rc = gw_bedrock_string(in, point, "ttl", false, &ttl);
    }
    if (rc != AIGW_OK) {
        return rc;
    }
    if (!gw_has(ttl)) {
        *out = GW_CACHE_DEFAULT;
    } else if (gw_jstr_is(ttl, "5m")) {
        *out = GW_CACHE_5M;
    } else if (gw_jstr_is(ttl, "1h")) {
        *out = GW_CACHE_1H;
    } else {
        return gw_read_unknown(in->err, in->doc, gw_json_get(in->doc, point, "ttl"), "ttl",
                               "\"5m\" or \"1h\"");
    }
    return AIGW_OK;
}

/* The first line of a format is the one it is read as. */
static const struct media {
    gw_bedrock_media kind;
    const char *format, *mime;
} media[] = {
    {GW_BEDROCK_IMAGE, "png", "image/png"},
    {GW_BEDROCK_IMAGE, "jpeg", "image/jpeg"},
    {GW_BEDROCK_IMAGE, "jpeg", "image/jpg"},
    {GW_BEDROCK_IMAGE, "gif", "image/gif"},
    {GW_BEDROCK_IMAGE, "webp", "image/webp"},
    {GW_BEDROCK_DOCUMENT, "pdf", "application/pdf"},
    {GW_BEDROCK_DOCUMENT, "csv", "text/csv"},
    {GW_BEDROCK_DOCUMENT, "doc", "application/msword"},
    {GW_BEDROCK_DOCUMENT, "docx",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {GW_BEDROCK_DOCUMENT, "xls", "application/vnd.ms-excel"},
    {GW_BEDROCK_DOCUMENT, "xlsx",
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {GW_BEDROCK_DOCUMENT, "html", "text/html"},
    {GW_BEDROCK_DOCUMENT, "md", "text/markdown"},
    {GW_BEDROCK_DOCUMENT, "txt", "text/plain"},
    {GW_BEDROCK_DOCUMENT, "txt", "application/json"},
    {GW_BEDROCK_VIDEO, "mkv", "video/x-matroska"},
    {GW_BEDROCK_VIDEO, "mov", "video/quicktime"},
    {GW_BEDROCK_VIDEO, "mp4", "video/mp4"},
    {GW_BEDROCK_VIDEO, "webm", "video/webm"},
    {GW_BEDROCK_VIDEO, "flv", "video/x-flv"},
    {GW_BEDROCK_VIDEO, "mpeg", "video/mpeg"},
    {GW_BEDROCK_VIDEO, "mpg", "video/mpg"},
    {GW_BEDROCK_VIDEO, "wmv", "video/x-ms-wmv"},
    {GW_BEDROCK_VIDEO, "three_gp", "video/3gpp"},
    {GW_BEDROCK_AUDIO, "mp3", "audio/mpeg"},
    {GW_BEDROCK_AUDIO, "mp3", "audio/mp3"},
    {GW_BEDROCK_AUDIO, "mpga", "audio/mpga"},
    {GW_BEDROCK_AUDIO, "mpeg", "audio/x-mpeg"},
    {GW_BEDROCK_AUDIO, "wav", "audio/wav"},
    {GW_BEDROCK_AUDIO, "wav", "audio/x-wav"},
    {GW_BEDROCK_AUDIO, "opus", "audio/opus"},
    {GW_BEDROCK_AUDIO, "aac", "audio/aac"},
    {GW_BEDROCK_AUDIO, "x-aac", "audio/x-aac"},
    {GW_BEDROCK_AUDIO, "flac", "audio/flac"},
    {GW_BEDROCK_AUDIO, "ogg", "audio/ogg"},
    {GW_BEDROCK_AUDIO, "m4a", "audio/m4a"},
    {GW_BEDROCK_AUDIO, "mp4", "audio/mp4"},
    {GW_BEDROCK_AUDIO, "mka", "audio/x-matroska"},
    {GW_BEDROCK_AUDIO, "mkv", "audio/mkv"},
    {GW_BEDROCK_AUDIO, "pcm", "audio/pcm"},
    {GW_BEDROCK_AUDIO, "pcm", "audio/l16"},
    {GW_BEDROCK_AUDIO, "webm", "audio/webm"},
};

enum { MEDIA_COUNT = sizeof media / sizeof media[0] };

const char *gw_bedrock_mime(gw_bedrock_media kind, gw_jstr format)
{
    for (size_t i = 0; i < MEDIA_COUNT; i++) {
        if (media[i].kind == kind && gw_jstr_is(format, media[i].format)) {
            return media[i].mime;
        }
    }
    return NULL;
}

const char *gw_bedrock_format(gw_bedrock_media kind, aigw_slice mime)
{
    mime = gw_trim(gw_cut(&mime, ';'));
    for (size_t i = 0; i < MEDIA_COUNT; i++) {
        if (media[i].kind == kind && gw_eq_nocase(mime, aigw_slice_of(media[i].mime))) {
            return media[i].format;
        }
    }
    return kind == GW_BEDROCK_DOCUMENT && gw_starts_nocase(mime, GW_S("text/")) ? "txt" : NULL;
}

const char *gw_bedrock_format_of_name(gw_bedrock_media kind, aigw_slice name)
{
    size_t dot = name.len;
    while (dot > 0 && name.data[dot - 1] != '.') {
        dot--;
    }
    aigw_slice ending = gw_skip(name, dot);
    for (size_t i = 0; dot > 0 && i < MEDIA_COUNT; i++) {
        if (media[i].kind == kind && gw_eq_nocase(ending, aigw_slice_of(media[i].format))) {
            return media[i].format;
        }
    }
    bool jpeg = dot > 0 && kind == GW_BEDROCK_IMAGE && gw_eq_nocase(ending, GW_S("jpg"));
    return jpeg ? "jpeg" : NULL;
}

static gw_bedrock_id *slot_of(const gw_hash_key *key, gw_bedrock_id *slots, size_t cap,
                              aigw_slice id)
{
    size_t at = (size_t)gw_hash(key, id) & (cap - 1);
    while (slots[at].id.data != NULL && !gw_eq(slots[at].id, id)) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

/* At most half of the slots are taken. */
static bool make_room(gw_arena *arena, gw_bedrock_ids *ids)
{
    if (2 * (ids->count + 1) <= ids->cap) {
        return true;
    }
    size_t cap = ids->cap == 0 ? 32 : ids->cap * 2;
    gw_bedrock_id *slots = gw_arena_calloc(arena, cap, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    gw_hash_key key = ids->key;
    gw_hash_key_for(&key, cap);
    for (size_t i = 0; i < ids->cap; i++) {
        if (ids->slots[i].id.data != NULL) {
            *slot_of(&key, slots, cap, ids->slots[i].id) = ids->slots[i];
        }
    }
    ids->slots = slots;
    ids->cap = cap;
    ids->key = key;
    return true;
}

gw_bedrock_id *gw_bedrock_id_of(gw_arena *arena, gw_bedrock_ids *ids, aigw_slice id)
{
    if (id.data == NULL) {
        id = GW_S("");
    }
    if (!make_room(arena, ids)) {
        return NULL;
    }
    gw_bedrock_id *slot = slot_of(&ids->key, ids->slots, ids->cap, id);
    if (slot->id.data == NULL) {
        *slot = (gw_bedrock_id){.id = id};
        ids->count++;
    }
    return slot;
}
