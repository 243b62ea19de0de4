/* Reads characters of a text: plain UTF-8, or the inside of a JSON string through its escapes. */
/* Must not know what is looked for. */
#include "gate/guard.h"

#include "base/text.h"

static void put(gw_unit *out, size_t raw_len, uint32_t code)
{
    *out = (gw_unit){.raw_len = raw_len};
    if (code >= 0xD800 && code < 0xE000)
        code = 0xFFFD;
    if (code < 0x80) {
        out->bytes[out->len++] = (char)code;
    } else if (code < 0x800) {
        out->bytes[out->len++] = (char)(0xC0 | code >> 6);
        out->bytes[out->len++] = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        out->bytes[out->len++] = (char)(0xE0 | code >> 12);
        out->bytes[out->len++] = (char)(0x80 | (code >> 6 & 63));
        out->bytes[out->len++] = (char)(0x80 | (code & 63));
    } else {
        out->bytes[out->len++] = (char)(0xF0 | code >> 18);
        out->bytes[out->len++] = (char)(0x80 | (code >> 12 & 63));
        out->bytes[out->len++] = (char)(0x80 | (code >> 6 & 63));
        out->bytes[out->len++] = (char)(0x80 | (code & 63));
    }
}

/* Bytes of the sequence that this lead byte begins; 1 for what begins none. */
static size_t promised(unsigned char lead)
{
    return lead >= 0xF0 && lead <= 0xF4  ? 4
           : lead >= 0xE0                ? 3
           : lead >= 0xC2 && lead < 0xE0 ? 2
                                         : 1;
}

/* Could the bytes that are there be the start of a sequence? */
static bool may_go_on(aigw_slice raw)
{
    size_t want =
        raw.len && (unsigned char)raw.data[0] <= 0xF4 ? promised((unsigned char)raw.data[0]) : 1;
    if (raw.len >= want)
        return false;
    for (size_t i = 1; i < raw.len; i++) {
        if (((unsigned char)raw.data[i] & 0xC0) != 0x80)
            return false;
    }
    return true;
}

static int read_utf8(aigw_slice raw, bool ended, gw_unit *out)
{
    size_t n = gw_utf8_sequence(raw.data, raw.len);
    if (n == 0 && !ended && may_go_on(raw))
        return AIGW_AGAIN;
    if (n == 0) {
        put(out, 1, 0xFFFD);
        return AIGW_OK;
    }
    *out = (gw_unit){.raw_len = n, .len = (unsigned)n};
    memcpy(out->bytes, raw.data, n);
    return AIGW_OK;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* "\uXXXX" at raw: AIGW_OK, AIGW_AGAIN, AIGW_E_PARSE. */
static int read_u(aigw_slice raw, uint32_t *code)
{
    *code = 0;
    for (size_t i = 2; i < 6; i++) {
        if (i >= raw.len)
            return AIGW_AGAIN;
        int digit = hex_of(raw.data[i]);
        if (digit < 0)
            return AIGW_E_PARSE;
        *code = *code << 4 | (uint32_t)digit;
    }
    return AIGW_OK;
}

/* The low half behind a high one may follow: how much of "\u" is there? */
static int read_pair(aigw_slice raw, bool ended, uint32_t high, gw_unit *out)
{
    uint32_t low = 0;
    aigw_slice rest = gw_skip(raw, 6);
    bool second = (rest.len < 1 || rest.data[0] == '\\') && (rest.len < 2 || rest.data[1] == 'u');
    int code = AIGW_E_PARSE;
    if (second)
        code = rest.len < 2 ? AIGW_AGAIN : read_u(rest, &low);
    if (code == AIGW_AGAIN && !ended)
        return AIGW_AGAIN;
    if (code == AIGW_OK && low >= 0xDC00 && low < 0xE000)
        put(out, 12, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
    else
        put(out, 6, 0xFFFD);
    return AIGW_OK;
}

static int read_escape(aigw_slice raw, bool ended, gw_unit *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (raw.len < 2)
        return ended ? AIGW_E_PARSE : AIGW_AGAIN;
    if (raw.data[1] != 'u') {
        const char *at = raw.data[1] ? strchr(from, raw.data[1]) : NULL;
        if (!at)
            return AIGW_E_PARSE;
        put(out, 2, (unsigned char)to[at - from]);
        return AIGW_OK;
    }
    uint32_t code = 0;
    int rc = read_u(raw, &code);
    if (rc != AIGW_OK)
        return rc == AIGW_AGAIN && ended ? AIGW_E_PARSE : rc;
    if (code >= 0xD800 && code < 0xDC00)
        return read_pair(raw, ended, code, out);
    put(out, 6, code);
    return AIGW_OK;
}

int gw_unit_read(aigw_slice raw, aigw_guard_form form, bool ended, gw_unit *out)
{
    unsigned char c = (unsigned char)raw.data[0];
    if (form == AIGW_GUARD_JSON) {
        if (c == '\\')
            return read_escape(raw, ended, out);
        if (c == '"' || c < 0x20)
            return AIGW_E_PARSE;
    }
    if (c < 0x80) {
        *out = (gw_unit){.raw_len = 1, .len = 1, .bytes = {(char)c}};
        return AIGW_OK;
    }
    return read_utf8(raw, ended, out);
}
