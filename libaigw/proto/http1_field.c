/* Fields of a head as RFC 9110 clause 5 and RFC 9112 clauses 5 to 9 write them; doubtful ones are refused. */
/* Must not know whether a request or an answer carries them. */
#include "proto/http1_field.h"

#include "base/text.h"

#define MAX_LENGTH_DIGITS 18u /* any such number fits int64 */

/* By byte: 1 for the characters of a token (RFC 9110 clause 5.6.2). */
static const uint8_t token_chars[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1};

bool gw_http1_token_char(char c)
{
    return token_chars[(unsigned char)c];
}

bool gw_http1_is_token(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!token_chars[(unsigned char)text.data[i]])
            return false;
    }
    return text.len > 0;
}

/* Eight bytes at once: is one of them below 0x20, or 0x7F? Exact, for every position (no borrow crosses
 * a byte: the top bits are taken out first). */
static bool has_control(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t low = bytes & ~tops;                 /* 7 bits of each */
    uint64_t plain = (low + ones * 0x60) | bytes; /* top bit: 0x20 or more, or obs-text */
    uint64_t no_del = ((low ^ ones * 0x7F) + ones * 0x7F) | bytes; /* top bit: not 0x7F */
    return (plain & no_del & tops) != tops;
}

bool gw_http1_is_value(aigw_slice text)
{
    size_t i = 0;
    for (; text.len - i >= 8; i += 8) {
        uint64_t bytes;
        memcpy(&bytes, text.data + i, 8);
        if (has_control(bytes))
            break; /* perhaps a tab */
    }
    for (; i < text.len; i++) {
        if (!gw_http1_value_char(text.data[i]))
            return false;
    }
    return true;
}

const char *gw_http1_field(aigw_slice line, aigw_header *out)
{
    if (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t'))
        return "folded header field";
    aigw_slice value = line;
    aigw_slice name = gw_cut(&value, ':');
    if (value.data == NULL || !gw_http1_is_token(name))
        return "bad header field name";
    if (!gw_http1_is_value(value))
        return "control character in a header field";
    *out = (aigw_header){name, gw_trim(value)};
    return NULL;
}

static bool is_named(const aigw_header *header, aigw_slice name)
{
    return header->name.len == name.len && gw_eq_nocase(header->name, name);
}

size_t gw_http1_count(const aigw_header *headers, size_t count, aigw_slice name, aigw_slice *last)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_named(&headers[i], name)) {
            *last = headers[i].value;
            found++;
        }
    }
    return found;
}

const char *gw_http1_length(const aigw_header *headers, size_t count, int64_t *out)
{
    aigw_slice text = {NULL, 0};
    uint64_t value;

    *out = -1;
    size_t found = gw_http1_count(headers, count, GW_S("content-length"), &text);
    if (found == 0)
        return NULL;
    if (found > 1)
        return "more than one Content-Length";
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return "bad Content-Length";
    }
    if (text.len > MAX_LENGTH_DIGITS || (text.len > 1 && text.data[0] == '0') ||
        !gw_parse_u64(text, &value))
        return "bad Content-Length";
    *out = (int64_t)value;
    return NULL;
}

const char *gw_http1_encoding(const aigw_header *headers, size_t count, bool *chunked,
                              bool *unknown)
{
    size_t fields = 0, codings = 0;

    *chunked = *unknown = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(&headers[i], GW_S("transfer-encoding")))
            continue;
        fields++;
        aigw_slice rest = headers[i].value;
        do {
            aigw_slice coding = gw_trim(gw_cut(&rest, ','));
            if (coding.len == 0)
                return "bad Transfer-Encoding";
            if (!gw_eq_nocase(coding, GW_S("chunked"))) {
                *unknown = true;
                return "unknown Transfer-Encoding";
            }
            codings++;
        } while (rest.data != NULL);
    }
    if (fields > 0 && codings != 1)
        return "bad Transfer-Encoding";
    *chunked = codings == 1;
    return NULL;
}

bool gw_http1_persists(const aigw_header *headers, size_t count, int minor)
{
    bool close = false, keep = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(&headers[i], GW_S("connection")))
            continue;
        aigw_slice rest = headers[i].value;
        do {
            aigw_slice option = gw_trim(gw_cut(&rest, ','));
            close = close || gw_eq_nocase(option, GW_S("close"));
            keep = keep || gw_eq_nocase(option, GW_S("keep-alive"));
        } while (rest.data != NULL);
    }
    return !close && (minor > 0 || keep);
}
