/* Passing over the plain part of a JSON string, fast. */
#ifndef GW_BASE_JSON_SCAN_H
#define GW_BASE_JSON_SCAN_H

#include <stdbool.h>

/* The bytes that may follow a backslash in an escape of two bytes (RFC 8259 clause 7). */
extern const bool gw_json_short_escape[256];

/*
 * Passes plain bytes and escapes of two bytes (then *escaped is set). Stops at a quote, at a control or
 * non-ASCII byte, at any other backslash, or at the end.
 */
const char *gw_json_scan(const char *p, const char *end, bool *escaped);

#endif
