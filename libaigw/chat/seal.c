/* Sealing opaque texts of one vendor for a slot of another format, and taking them out again. */
/* Must not know any format's fields: whose text it is travels as a number. */
#include "chat/seal.h"

#include "base/crypto.h"
#include "base/text.h"

/* The payload: the mark, the origin's number, 's' (signature) or 'r' (redacted), the text as it stood. */
#define MARK       "aigw1"
#define MARK_LEN   (sizeof MARK - 1)
#define HEAD_LEN   (MARK_LEN + 2)
#define SEALED_MAX ((size_t)4 << 20)

/* What stands between an id and its signature: all of it is [A-Za-z0-9_-]. */
#define ID_MARK "__aigw_"

static bool put(gw_buf *out, aigw_format origin, bool redacted, gw_jstr text, bool url)
{
    char head[HEAD_LEN];
    gw_buf plain;
    memcpy(head, MARK, MARK_LEN);
    head[MARK_LEN] = (char)('0' + (int)origin);
    head[MARK_LEN + 1] = redacted ? 'r' : 's';
    gw_buf_init(&plain, SEALED_MAX);
    gw_buf_append(&plain, head, HEAD_LEN);
    gw_buf_add(&plain, text.inner);
    aigw_slice all = gw_buf_slice(&plain);
    bool ok = !plain.failed && (url ? gw_base64url_encode(out, all.data, all.len)
                                    : gw_base64_encode(out, all.data, all.len));
    out->failed = out->failed || !ok;
    gw_buf_free(&plain);
    return ok;
}

gw_jstr gw_seal(gw_arena *arena, aigw_format origin, bool redacted, gw_jstr text)
{
    gw_buf sealed;
    gw_jstr out = {{NULL, 0}};
    gw_buf_init(&sealed, 2 * SEALED_MAX);
    if (put(&sealed, origin, redacted, text, false))
        out.inner = gw_arena_copy(arena, gw_buf_slice(&sealed));
    gw_buf_free(&sealed);
    return out;
}

void gw_jw_seal(gw_jw *w, aigw_format origin, bool redacted, gw_jstr text)
{
    gw_jw_begin_string(w);
    put(w->buf, origin, redacted, text, false);
    gw_jw_end_string(w);
}

/* Is it the inside of a JSON string? Whoever sends it could have made it up. */
static bool is_inner(gw_arena *arena, aigw_slice text)
{
    gw_json_doc doc;
    char *quoted = gw_arena_alloc(arena, text.len + 2);
    if (!quoted)
        return false;
    quoted[0] = '"';
    memcpy(quoted + 1, text.data, text.len);
    quoted[text.len + 1] = '"';
    return gw_json_parse(arena, gw_slice(quoted, text.len + 2), NULL, &doc, NULL) == AIGW_OK &&
           gw_json_typeof(&doc, 0) == GW_JSON_STRING;
}

static bool take(gw_arena *arena, aigw_slice text, bool url, gw_sealed *out)
{
    if (text.len < HEAD_LEN || text.len > 2 * SEALED_MAX)
        return false;
    uint8_t *plain = gw_arena_alloc(arena, text.len / 4 * 3 + 3);
    if (!plain)
        return false;
    ptrdiff_t len = url ? gw_base64url_decode(text, plain) : gw_base64_decode(text, plain);
    if (len < (ptrdiff_t)HEAD_LEN || memcmp(plain, MARK, MARK_LEN) != 0)
        return false;
    int origin = plain[MARK_LEN] - '0';
    char kind = (char)plain[MARK_LEN + 1];
    aigw_slice rest = gw_slice((char *)plain + HEAD_LEN, (size_t)len - HEAD_LEN);
    if (origin < 1 || origin > GW_FORMATS || (kind != 's' && kind != 'r') || !is_inner(arena, rest))
        return false;
    *out = (gw_sealed){(aigw_format)origin, kind == 'r', {rest}};
    return true;
}

/* The head in base64 begins with these: most texts are somebody else's, and long. */
bool gw_looks_sealed(gw_jstr text)
{
    return gw_starts(text.inner, GW_S("YWlndz"));
}

bool gw_unseal(gw_arena *arena, gw_jstr sealed, gw_sealed *out)
{
    return gw_looks_sealed(sealed) && take(arena, sealed.inner, false, out);
}

gw_sealed gw_seal_open(gw_arena *arena, gw_jstr slot, aigw_format own, bool redacted)
{
    gw_sealed out = {own, redacted, slot};
    gw_unseal(arena, slot, &out);
    return out;
}

void gw_jw_slot(gw_jw *w, aigw_format own, aigw_format origin, bool redacted, gw_jstr text)
{
    if (origin == own || (int)origin == 0 || text.inner.len == 0)
        gw_jw_jstr(w, text);
    else
        gw_jw_seal(w, origin, redacted, text);
}

void gw_jw_seal_id(gw_jw *w, gw_jstr id, aigw_format origin, gw_jstr signature)
{
    gw_jw_begin_string(w);
    gw_jw_part_inner(w, id.inner);
    if (gw_has(signature)) {
        gw_jw_part_inner(w, GW_S(ID_MARK));
        put(w->buf, origin, false, signature, true);
    }
    gw_jw_end_string(w);
}

bool gw_unseal_id(gw_arena *arena, gw_jstr id, gw_jstr *bare, gw_sealed *out)
{
    const char *mark = gw_find(id.inner, GW_S(ID_MARK));
    *bare = id;
    if (!mark)
        return false;
    size_t before = (size_t)(mark - id.inner.data);
    if (!take(arena, gw_skip(id.inner, before + sizeof ID_MARK - 1), true, out))
        return false;
    bare->inner = gw_slice(id.inner.data, before);
    return true;
}
