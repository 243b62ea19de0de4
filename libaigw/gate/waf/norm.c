/* Decoding and canonical forms of text under suspicion, in place. Must not know what is looked for in it. */
#include "gate/waf/norm.h"
#include <string.h>

int gw_waf_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to most hex digits at text; their number, and the value. */
static size_t hex_run(const char *text, size_t left, size_t most, uint32_t *value)
{
    size_t n = 0;
    *value = 0;
    while (n < left && n < most && gw_waf_hex(text[n]) >= 0)
        *value = *value << 4 | (uint32_t)gw_waf_hex(text[n++]);
    return n;
}

/* Full-width forms fold to ASCII, as AWS's URL_DECODE_UNI does. Writes at most 4 bytes. */
static size_t put_code(char *out, uint32_t code)
{
    if (code >= 0xFF01 && code <= 0xFF5E)
        code -= 0xFEE0;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18 & 7));
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

size_t gw_waf_url_decode(char *text, size_t len, bool plus, bool *changed)
{
    size_t in = 0;
    size_t out = 0;
    uint32_t code = 0;
    while (in < len) {
        char c = text[in];
        if (c == '%' && len - in >= 3 && hex_run(text + in + 1, 2, 2, &code) == 2) {
            text[out++] = (char)code;
            in += 3;
            *changed = true;
        } else if (c == '%' && len - in >= 6 && (text[in + 1] | 0x20) == 'u' &&
                   hex_run(text + in + 2, 4, 4, &code) == 4) {
            out += put_code(text + out, code);
            in += 6;
            *changed = true;
        } else {
            *changed |= plus && c == '+';
            text[out++] = plus && c == '+' ? ' ' : c;
            in++;
        }
    }
    return out;
}

static const struct {
    const char *name;
    unsigned char len;
    char is;
} entities[] = {{"lt", 2, '<'},    {"gt", 2, '>'},     {"amp", 3, '&'},    {"quot", 4, '"'},
                {"apos", 4, '\''}, {"nbsp", 4, ' '},   {"tab", 3, '\t'},   {"newline", 7, '\n'},
                {"colon", 5, ':'}, {"lpar", 4, '('},   {"rpar", 4, ')'},   {"sol", 3, '/'},
                {"bsol", 4, '\\'}, {"grave", 5, '`'},  {"lbrace", 6, '{'}, {"rbrace", 6, '}'},
                {"lcub", 4, '{'},  {"rcub", 4, '}'},   {"lsqb", 4, '['},   {"rsqb", 4, ']'},
                {"excl", 4, '!'},  {"num", 3, '#'},    {"dollar", 6, '$'}, {"percnt", 6, '%'},
                {"comma", 5, ','}, {"period", 6, '.'}, {"semi", 4, ';'},   {"equals", 6, '='},
                {"quest", 5, '?'}, {"commat", 6, '@'}, {"ast", 3, '*'},    {"plus", 4, '+'},
                {"vert", 4, '|'},  {"hyphen", 6, '-'}, {"lowbar", 6, '_'}};

static bool same_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] | 0x20) : a[i];
        if (c != b[i])
            return false;
    }
    return true;
}

/* Bytes that the entity after an & takes, its semicolon included; 0 if it is none. */
static size_t entity(const char *text, size_t left, uint32_t *code)
{
    size_t n = 0;
    if (left >= 2 && text[0] == '#') {
        bool is_hex = (text[1] | 0x20) == 'x';
        size_t at = is_hex ? 2 : 1;
        *code = 0;
        for (; at + n < left && n < 10; n++) {
            int digit = gw_waf_hex(text[at + n]);
            if (digit < 0 || (!is_hex && digit > 9))
                break;
            *code = (*code * (is_hex ? 16u : 10u) + (uint32_t)digit) & 0x1FFFFF;
        }
        n = n ? n + at : 0;
    } else {
        for (size_t i = 0; i < sizeof entities / sizeof entities[0] && n == 0; i++) {
            size_t size = entities[i].len;
            if (left > size && text[size] == ';' && same_nocase(text, entities[i].name, size)) {
                *code = (unsigned char)entities[i].is;
                n = size;
            }
        }
    }
    return n == 0 ? 0 : n + (n < left && text[n] == ';');
}

size_t gw_waf_html_decode(char *text, size_t len, bool *changed)
{
    char *first = len ? memchr(text, '&', len) : NULL;
    if (!first)
        return len;
    size_t in = (size_t)(first - text);
    size_t out = in;
    uint32_t code = 0;
    while (in < len) {
        size_t n = text[in] == '&' ? entity(text + in + 1, len - in - 1, &code) : 0;
        if (n == 0) {
            text[out++] = text[in++];
            continue;
        }
        /* "&#60" is the shortest: three bytes at least for what UTF-8 needs three for. */
        char room[4];
        size_t put = put_code(room, code);
        if (put > n + 1)
            put = n + 1;
        memcpy(text + out, room, put);
        out += put;
        in += n + 1;
        *changed = true;
    }
    return out;
}

/* Bytes that the escape after a backslash takes; 0 if it is not a numeric one. */
static size_t escape(const char *text, size_t left, uint32_t *code)
{
    size_t n;
    if (left >= 3 && text[0] == 'x' && hex_run(text + 1, 2, 2, code) == 2)
        return 3;
    if (left >= 3 && text[0] == 'u' && text[1] == '{') {
        n = hex_run(text + 2, left - 2, 8, code);
        *code &= 0x1FFFFF;
        return n > 0 && n + 2 < left && text[n + 2] == '}' ? n + 3 : 0;
    }
    if (left >= 5 && text[0] == 'u' && hex_run(text + 1, 4, 4, code) == 4)
        return 5;
    *code = 0;
    for (n = 0; n < left && n < 3 && text[n] >= '0' && text[n] <= '7'; n++)
        *code = *code << 3 | (uint32_t)(text[n] - '0');
    *code &= 0xFF;
    return n >= 2 && *code >= 0x20 && *code < 0x7F ? n : 0;
}

size_t gw_waf_js_decode(char *text, size_t len, bool *changed)
{
    char *first = len ? memchr(text, '\\', len) : NULL;
    if (!first)
        return len;
    size_t in = (size_t)(first - text);
    size_t out = in;
    uint32_t code = 0;
    while (in < len) {
        size_t n = text[in] == '\\' ? escape(text + in + 1, len - in - 1, &code) : 0;
        if (n == 0) {
            text[out++] = text[in++];
            continue;
        }
        char room[4];
        size_t put = put_code(room, code);
        memcpy(text + out, room, put);
        out += put;
        in += n + 1;
        *changed = true;
    }
    return out;
}

/* What the UTF-8 at text folds to: 0 for something to drop, -1 for nothing special. *taken bytes. */
static int fold(const unsigned char *text, size_t left, size_t *taken)
{
    *taken = 2;
    if (left >= 2 && (text[0] == 0xC0 || text[0] == 0xC1) && (text[1] & 0xC0) == 0x80)
        return (text[0] & 1) << 6 | (text[1] & 0x3F); /* overlong */
    if (left >= 2 && text[0] == 0xC2 && text[1] == 0xAD)
        return 0; /* soft hyphen */
    *taken = 3;
    if (left < 3)
        return -1;
    uint32_t code = ((uint32_t)(text[0] & 0x0F) << 12) | ((uint32_t)(text[1] & 0x3F) << 6) |
                    (uint32_t)(text[2] & 0x3F);
    bool three = (text[0] & 0xF0) == 0xE0 && (text[1] & 0xC0) == 0x80 && (text[2] & 0xC0) == 0x80;
    if (!three)
        return -1;
    if (code >= 0xFF01 && code <= 0xFF5E)
        return (int)(code - 0xFEE0);
    if (code < 0x80)
        return (int)code;
    return (code >= 0x200B && code <= 0x200D) || code == 0x2060 || code == 0xFEFF ? 0 : -1;
}

/* 8 bytes at once: a high bit, or one that borrows because a byte is 0. May take 0x01 above a 0 for one too. */
static bool plain_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

bool gw_waf_is_plain(aigw_slice text)
{
    size_t i = 0;
    while (i + 8 <= text.len && plain_word(text.data + i))
        i += 8;
    while (i < text.len && text.data[i] != 0 && (unsigned char)text.data[i] < 0x80)
        i++;
    return i == text.len;
}

size_t gw_waf_clean(char *text, size_t len, bool *changed)
{
    size_t out = 0;
    for (size_t in = 0; in < len;) {
        if (len - in >= 8 && plain_word(text + in)) {
            if (out != in)
                memmove(text + out, text + in, 8);
            out += 8;
            in += 8;
            continue;
        }
        unsigned char c = (unsigned char)text[in];
        size_t taken = 1;
        int as = c == 0 ? 0 : -1;
        if (c >= 0xC0)
            as = fold((const unsigned char *)text + in, len - in, &taken);
        if (as < 0) {
            text[out++] = text[in++];
            continue;
        }
        if (as > 0)
            text[out++] = (char)as;
        in += taken;
        *changed = true;
    }
    return out;
}
