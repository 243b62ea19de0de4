/* The inside of JSON strings, for the files of base/json only: bytes after unescaping, one reader. */
#ifndef GW_BASE_JSON_STRING_H
#define GW_BASE_JSON_STRING_H

#include <aigw/types.h>

/*
 * Reads the unescaped bytes of a valid string's inside. A lone surrogate comes out as its three-byte
 * form, which is not UTF-8, so that two different ones never compare equal.
 */
typedef struct gw_json_cursor {
    const char *at;
    const char *end;
    uint8_t held[4]; /* rest of an escape's bytes */
    unsigned held_len;
    unsigned held_at;
} gw_json_cursor;

gw_json_cursor gw_json_cursor_of(aigw_slice inner);
/* Up to 8 bytes; 0 at the end. Fewer than 8 only at the end. */
size_t gw_json_cursor_read(gw_json_cursor *c, uint8_t out[8]);
/* The code point of the escape at *at, which moves behind it. A lone surrogate comes out as it is. */
uint32_t gw_json_escape_read(const char **at, const char *end);
/* UTF-8 of a code point (surrogates too); returns 1 to 4. */
unsigned gw_json_utf8_write(uint32_t code, uint8_t out[4]);

bool gw_json_inner_equal(aigw_slice a, aigw_slice b);
/* b is plain. */
bool gw_json_inner_is(aigw_slice inner, aigw_slice plain);
/* SipHash-2-4 of the unescaped bytes. */
uint64_t gw_json_inner_hash(const uint64_t key[2], aigw_slice inner);

#endif
