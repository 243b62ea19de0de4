/* Slices of text: comparing, trimming, numbers, UTF-8, percent-encoding. Knows no protocol. */
#ifndef GW_BASE_TEXT_H
#define GW_BASE_TEXT_H

#include <aigw/types.h>
#include <string.h>

/* A slice over a string literal. */
#define GW_S(literal) ((aigw_slice){(literal), sizeof(literal) - 1})

static inline aigw_slice gw_slice(const char *data, size_t len)
{
    return (aigw_slice){data, len};
}

static inline bool gw_eq(aigw_slice a, aigw_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool gw_eq_nocase(aigw_slice a, aigw_slice b); /* ASCII only */
bool gw_starts(aigw_slice text, aigw_slice prefix);
bool gw_starts_nocase(aigw_slice text, aigw_slice prefix);
bool gw_ends(aigw_slice text, aigw_slice suffix);
aigw_slice gw_trim(aigw_slice text); /* spaces and tabs (HTTP OWS) at both ends */
aigw_slice gw_skip(aigw_slice text, size_t n); /* without the first n bytes; n <= len */
/* First occurrence of needle in text; NULL if none. */
const char *gw_find(aigw_slice text, aigw_slice needle);
/* Cuts *rest at the first sep: returns the head, leaves the tail (data NULL when sep did not occur). */
aigw_slice gw_cut(aigw_slice *rest, char sep);
/* Whole text is decimal digits (one leading '-' for _i64) within range. */
bool gw_parse_u64(aigw_slice text, uint64_t *out);
bool gw_parse_i64(aigw_slice text, int64_t *out);
bool gw_utf8_valid(aigw_slice text);
/* Bytes (1 to 4) of the well-formed UTF-8 sequence at text; 0 if there is none. */
size_t gw_utf8_sequence(const char *text, size_t left);
/* The value of a header, by name without case; data NULL when absent. First one wins. */
aigw_slice gw_header_get(const aigw_header *headers, size_t count, aigw_slice name);

#endif
