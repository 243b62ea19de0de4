/* The inside of JSON strings: unescaping, comparing and hashing what they mean. */
/* Must not know documents; it is given only strings that the parser has accepted. */
#include "base/json_string.h"

#include "base/hash.h"

#include "base/json.h"
#include "base/text.h"

static uint32_t hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    return (uint32_t)((c | 0x20) - 'a' + 10);
}

static uint32_t hex4(const char *p)
{
    return hex_value(p[0]) << 12 | hex_value(p[1]) << 8 | hex_value(p[2]) << 4 | hex_value(p[3]);
}

static uint32_t simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return (unsigned char)c;
    }
}

/* *at stands on a backslash. A cut escape cannot occur behind the parser; it reads as U+FFFD. */
uint32_t gw_json_escape_read(const char **at, const char *end)
{
    const char *p = *at + 1;
    if (p >= end || (*p == 'u' && end - p < 5)) {
        *at = end;
        return 0xFFFD;
    }
    if (*p != 'u') {
        *at = p + 1;
        return simple_escape(*p);
    }
    uint32_t code = hex4(p + 1);
    p += 5;
    if (code >= 0xD800 && code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
    }
    *at = p;
    return code;
}

unsigned gw_json_utf8_write(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

gw_json_cursor gw_json_cursor_of(aigw_slice inner)
{
    gw_json_cursor c = {0};
    c.at = inner.len ? inner.data : "";
    c.end = c.at + inner.len;
    return c;
}

size_t gw_json_cursor_read(gw_json_cursor *c, uint8_t out[8])
{
    if (c->held_at == c->held_len && c->end - c->at >= 8 && memchr(c->at, '\\', 8) == NULL) {
        memcpy(out, c->at, 8);
        c->at += 8;
        return 8;
    }
    size_t n = 0;
    while (n < 8) {
        if (c->held_at < c->held_len) {
            out[n++] = c->held[c->held_at++];
        } else if (c->at == c->end) {
            break;
        } else if (*c->at != '\\') {
            out[n++] = (uint8_t)*c->at++;
        } else {
            c->held_len = gw_json_utf8_write(gw_json_escape_read(&c->at, c->end), c->held);
            c->held_at = 0;
        }
    }
    return n;
}

bool gw_json_inner_equal(aigw_slice a, aigw_slice b)
{
    gw_json_cursor one = gw_json_cursor_of(a), two = gw_json_cursor_of(b);
    for (;;) {
        uint8_t left[8], right[8];
        size_t n = gw_json_cursor_read(&one, left);
        if (n != gw_json_cursor_read(&two, right) || memcmp(left, right, n) != 0)
            return false;
        if (n < 8)
            return true;
    }
}

bool gw_json_inner_is(aigw_slice inner, aigw_slice plain)
{
    gw_json_cursor c = gw_json_cursor_of(inner);
    for (;;) {
        uint8_t bytes[8];
        size_t n = gw_json_cursor_read(&c, bytes);
        if (n > plain.len || (n > 0 && memcmp(bytes, plain.data, n) != 0))
            return false;
        plain = gw_skip(plain, n);
        if (n < 8)
            return plain.len == 0;
    }
}

uint64_t gw_json_inner_hash(const uint64_t key[2], aigw_slice inner)
{
    gw_sip sip;
    gw_json_cursor c = gw_json_cursor_of(inner);
    uint64_t total = 0;
    size_t n;
    gw_sip_begin(&sip, key);
    do {
        uint8_t bytes[8];
        n = gw_json_cursor_read(&c, bytes);
        total += n;
        uint64_t word = 0;
        for (size_t i = 0; i < n; i++)
            word |= (uint64_t)bytes[i] << (8 * i);
        if (n < 8)
            word |= total << 56;
        gw_sip_word(&sip, word);
    } while (n == 8);
    return gw_sip_end(&sip);
}

aigw_slice gw_json_unescape(gw_arena *arena, aigw_slice inner)
{
    const char *at = inner.len ? memchr(inner.data, '\\', inner.len) : NULL;
    if (at == NULL)
        return inner.data ? inner : (aigw_slice){"", 0};
    const char *from = inner.data, *end = inner.data + inner.len;
    char *out = gw_arena_alloc(arena, inner.len);
    if (out == NULL)
        return (aigw_slice){NULL, 0};
    char *to = out;
    while (at != NULL) { /* an escape is never shorter than what it means */
        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        uint32_t code = gw_json_escape_read(&at, end);
        uint8_t bytes[4];
        unsigned n = gw_json_utf8_write(code >= 0xD800 && code < 0xE000 ? 0xFFFD : code, bytes);
        memcpy(to, bytes, n);
        to += n;
        from = at;
        at = memchr(from, '\\', (size_t)(end - from));
    }
    memcpy(to, from, (size_t)(end - from));
    to += end - from;
    return gw_slice(out, (size_t)(to - out));
}
