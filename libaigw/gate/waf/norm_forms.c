/* Canonical forms: a path, text without comments, a command line, text without blanks. Must not know what is
 * looked for in them. */
#include "gate/waf/norm.h"
#include <string.h>

static bool blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t gw_waf_path(char *text, size_t len, bool *changed)
{
    size_t out = 0;
    for (size_t in = 0; in < len; in++) {
        char c = text[in];
        *changed |= c == '\\';
        c = c == '\\' ? '/' : c;
        bool after_slash = out > 0 && text[out - 1] == '/';
        bool before_slash = in + 1 < len && (text[in + 1] == '/' || text[in + 1] == '\\');
        if (after_slash && (c == '/' || (c == '.' && before_slash))) {
            *changed = true;
            continue;
        }
        text[out++] = c;
    }
    return out;
}

size_t gw_waf_comments(char *text, size_t len, bool *changed)
{
    size_t out = 0;
    for (size_t in = 0; in < len;) {
        if (text[in] != '/' || in + 1 >= len || text[in + 1] != '*') {
            text[out++] = text[in++];
            continue;
        }
        size_t end = in + 2;
        while (end + 1 < len && !(text[end] == '*' && text[end + 1] == '/'))
            end++;
        text[out++] = ' ';
        in = end + 1 < len ? end + 2 : len;
        *changed = true;
    }
    return out;
}

/* Bytes of an expansion at text (which starts with $) that gives nothing or a blank: $@ $* $IFS ${IFS} $IFS$9
 * $() ``. 0 if it is another one. *space: it gives a blank. */
static size_t expansion(const char *text, size_t left, bool *space)
{
    static const struct {
        const char *is;
        unsigned char len;
        bool space;
    } known[] = {{"${IFS}", 6, true}, {"$IFS$9", 6, true}, {"$IFS", 4, true}, {"$@", 2, false},
                 {"$*", 2, false},    {"$()", 3, false},   {"${@}", 4, false}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (left >= known[i].len && memcmp(text, known[i].is, known[i].len) == 0) {
            *space = known[i].space;
            return known[i].len;
        }
    }
    return 0;
}

/* Bytes at text that a shell does not see; 0 if it sees them. */
static size_t unseen(const char *text, size_t left, bool *space)
{
    *space = false;
    if (text[0] == '$')
        return expansion(text, left, space);
    if (text[0] == '`' && left >= 2 && text[1] == '`')
        return 2;
    return text[0] == '\\' || text[0] == '"' || text[0] == '\'' || text[0] == '^' ? 1 : 0;
}

size_t gw_waf_command(char *text, size_t len, bool *changed)
{
    size_t out = 0;
    for (size_t in = 0; in < len;) {
        bool space;
        size_t n = unseen(text + in, len - in, &space);
        if (n == 0 && blank(text[in])) {
            n = 1;
            space = true;
        }
        if (n == 0) {
            text[out++] = text[in++];
            continue;
        }
        *changed |= n > 1 || text[in] != ' ' || (out > 0 && text[out - 1] == ' ');
        bool newline = text[in] == '\n';
        in += n;
        if (space && (out == 0 || text[out - 1] != ' '))
            text[out++] = newline ? '\n' : ' ';
    }
    return out;
}

#define BASE64_LEAST 12
#define BASE64_MOST  4096

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

size_t gw_waf_base64_decode(aigw_slice text, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;
    if (text.len < BASE64_LEAST || text.len > BASE64_MOST)
        return 0;
    for (int pad = 0; pad < 2 && text.data[text.len - 1] == '='; pad++)
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.data[i]);
        if (value < 0)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        char c = (char)(bits >> have & 0xFF);
        if (((unsigned char)c < 0x20 && !blank(c)) || (unsigned char)c >= 0x7F)
            return 0;
        out[n++] = c;
    }
    return n;
}

size_t gw_waf_squeeze(char *text, size_t len, bool *changed)
{
    size_t out = 0;
    for (size_t in = 0; in < len; in++) {
        if (blank(text[in]))
            *changed = true;
        else
            text[out++] = text[in];
    }
    return out;
}
