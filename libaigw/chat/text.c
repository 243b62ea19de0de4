/* Text on its way from JSON to JSON: still escaped strings and whole values. */
/* Must not know any format; unescapes only where somebody asks for plain text. */
#include "chat/text.h"

#include "base/text.h"

/* One character of the inside of a JSON string, decoded as far as these functions need it. Surrogate
 * halves come out one by one. `*at` moves behind it. */
static uint32_t next_char(aigw_slice inner, size_t *at)
{
    const unsigned char *p = (const unsigned char *)inner.data + *at;
    size_t left = inner.len - *at;
    if (p[0] == '\\' && left >= 2) {
        *at += 2;
        switch (p[1]) {
        case 'n':
            return '\n';
        case 't':
            return '\t';
        case 'r':
            return '\r';
        case 'f':
            return '\f';
        case 'b':
            return '\b';
        case 'u':
            break;
        default:
            return p[1];
        }
        uint32_t value = 0;
        for (size_t i = 2; i < 6 && i < left; i++) {
            uint32_t c = p[i];
            value = value * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
            *at += 1;
        }
        return value;
    }
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len > left)
        len = left;
    uint32_t value = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        value = (value << 6) | (p[i] & 0x3f);
    *at += len;
    return value;
}

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool needs_escape(aigw_slice plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        unsigned char c = (unsigned char)plain.data[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            return true;
    }
    return !gw_utf8_valid(plain);
}

gw_jstr gw_jstr_of(const gw_json_doc *doc, gw_json_ref ref)
{
    return (gw_jstr){gw_json_inner(doc, ref)};
}

gw_raw gw_raw_of(const gw_json_doc *doc, gw_json_ref ref)
{
    if (ref == GW_JSON_ABSENT)
        return (gw_raw){{NULL, 0}};
    return (gw_raw){gw_json_raw(doc, ref)};
}

/* The tape lies in the order of the text. */
gw_json_ref gw_ref_of(const gw_json_doc *doc, aigw_slice bytes)
{
    if (doc == NULL || bytes.data == NULL || bytes.data < doc->text.data ||
        bytes.data + bytes.len > doc->text.data + doc->text.len)
        return GW_JSON_ABSENT;
    size_t start = (size_t)(bytes.data - doc->text.data);
    uint32_t low = 0;
    for (uint32_t high = doc->node_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (doc->nodes[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < doc->node_count && doc->nodes[low].start == start ? low : GW_JSON_ABSENT;
}

gw_jstr gw_jstr_lit(const char *literal)
{
    return (gw_jstr){{literal, strlen(literal)}};
}

gw_jstr gw_jstr_plain(gw_arena *arena, aigw_slice plain)
{
    if (plain.len == 0)
        return gw_jstr_lit("");
    if (!needs_escape(plain))
        return (gw_jstr){plain};
    gw_buf buf;
    gw_buf_init(&buf, plain.len * 6 + 16);
    gw_json_escape(&buf, plain);
    gw_jstr out = {{NULL, 0}};
    if (!buf.failed)
        out.inner = gw_arena_copy(arena, gw_buf_slice(&buf));
    gw_buf_free(&buf);
    return out;
}

aigw_slice gw_jstr_text(gw_arena *arena, gw_jstr s)
{
    if (!gw_has(s))
        return (aigw_slice){"", 0};
    return gw_json_unescape(arena, s.inner);
}

bool gw_jstr_is(gw_jstr s, const char *plain)
{
    if (!gw_has(s))
        return false;
    size_t len = strlen(plain);
    if (memchr(s.inner.data, '\\', s.inner.len) == NULL)
        return s.inner.len == len && memcmp(s.inner.data, plain, len) == 0;
    size_t at = 0;
    for (; *plain != '\0'; plain++) {
        if (at >= s.inner.len || next_char(s.inner, &at) != (unsigned char)*plain)
            return false;
    }
    return at == s.inner.len;
}

bool gw_jstr_blank(gw_jstr s)
{
    for (size_t at = 0; at < s.inner.len;) {
        if (!is_space(next_char(s.inner, &at)))
            return false;
    }
    return true;
}

void gw_jw_jstr(gw_jw *w, gw_jstr s)
{
    gw_jw_inner(w, gw_has(s) ? s.inner : (aigw_slice){"", 0});
}
