/* Slices of text: comparing, trimming, numbers, UTF-8. */
/* Must not know any protocol. */
#include "base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

const char *aigw_version(void)
{
    return AIGW_VERSION;
}

aigw_slice aigw_slice_of(const char *text)
{
    return text ? (aigw_slice){text, strlen(text)} : (aigw_slice){"", 0};
}

bool gw_eq_nocase(aigw_slice a, aigw_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];
        unsigned char letter = (unsigned char)((x | 0x20) - 'a');
        if (x != y && ((x ^ y) != 0x20 || letter > 'z' - 'a'))
            return false;
    }
    return true;
}

bool gw_starts(aigw_slice text, aigw_slice prefix)
{
    return text.len >= prefix.len && gw_eq(gw_slice(text.data, prefix.len), prefix);
}

bool gw_starts_nocase(aigw_slice text, aigw_slice prefix)
{
    return text.len >= prefix.len && gw_eq_nocase(gw_slice(text.data, prefix.len), prefix);
}

bool gw_ends(aigw_slice text, aigw_slice suffix)
{
    return text.len >= suffix.len && gw_eq(gw_skip(text, text.len - suffix.len), suffix);
}

aigw_slice gw_trim(aigw_slice text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

aigw_slice gw_skip(aigw_slice text, size_t n)
{
    if (n == 0)
        return text;
    return (aigw_slice){text.data + n, text.len - n};
}

const char *gw_find(aigw_slice text, aigw_slice needle)
{
    if (needle.len > text.len || text.data == NULL)
        return NULL;
    if (needle.len == 0)
        return text.data;
#if defined(__SSE2__)
    if (needle.len > 1) { /* places where its first two bytes stand, sixteen at once */
        const __m128i one = _mm_set1_epi8(needle.data[0]), two = _mm_set1_epi8(needle.data[1]);
        while (text.len >= 17 && text.len >= needle.len + 15) {
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)text.data);
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(text.data + 1));
            __m128i both = _mm_and_si128(_mm_cmpeq_epi8(a, one), _mm_cmpeq_epi8(b, two));
            unsigned mask = (unsigned)_mm_movemask_epi8(both);
            for (; mask != 0; mask &= mask - 1) {
                const char *at = text.data + __builtin_ctz(mask);
                if (memcmp(at, needle.data, needle.len) == 0)
                    return at;
            }
            text = gw_skip(text, 16);
        }
    }
#endif
    return memmem(text.data, text.len, needle.data, needle.len);
}

aigw_slice gw_cut(aigw_slice *rest, char sep)
{
    aigw_slice whole = *rest;
    const char *at = whole.len ? memchr(whole.data, sep, whole.len) : NULL;
    if (at == NULL) {
        *rest = (aigw_slice){NULL, 0};
        return whole;
    }
    size_t head = (size_t)(at - whole.data);
    *rest = gw_skip(whole, head + 1);
    return gw_slice(whole.data, head);
}

bool gw_parse_u64(aigw_slice text, uint64_t *out)
{
    if (text.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool gw_parse_i64(aigw_slice text, int64_t *out)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t value;
    if (!gw_parse_u64(negative ? gw_skip(text, 1) : text, &value))
        return false;
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* Bytes of the well-formed sequence at p (Unicode table 3-7); 0 if it is none. */
size_t gw_utf8_sequence(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        return left >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        unsigned low = p[0] == 0xE0 ? 0xA0 : 0x80;
        unsigned high = p[0] == 0xED ? 0x9F : 0xBF;
        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        unsigned low = p[0] == 0xF0 ? 0x90 : 0x80;
        unsigned high = p[0] == 0xF4 ? 0x8F : 0xBF;
        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 &&
                       (p[3] & 0xC0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

bool gw_utf8_valid(aigw_slice text)
{
    size_t i = 0;
    while (i < text.len) {
        uint64_t word;
        if (text.len - i >= sizeof(word)) {
            memcpy(&word, text.data + i, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t n = gw_utf8_sequence(text.data + i, text.len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

aigw_slice gw_header_get(const aigw_header *headers, size_t count, aigw_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq_nocase(headers[i].name, name)) {
            aigw_slice value = headers[i].value;
            return value.data ? value : (aigw_slice){"", 0};
        }
    }
    return (aigw_slice){NULL, 0};
}
