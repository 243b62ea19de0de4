/*
 * Writing JSON into a gw_buf: a thin layer that places commas and escapes plain text.
 *
 * Slices of a parsed document go through _raw or _inner as they stand, never unescaped and escaped
 * again. Failure is sticky in the buffer (gw_buf.failed).
 */
#ifndef GW_BASE_JSON_WRITE_H
#define GW_BASE_JSON_WRITE_H

#include "base/buf.h"

typedef struct gw_jw {
    gw_buf *buf;
    bool comma; /* a value has just been completed at this level */
} gw_jw;

static inline gw_jw gw_jw_on(gw_buf *buf)
{
    return (gw_jw){buf, false};
}

void gw_jw_object(gw_jw *w);
void gw_jw_object_end(gw_jw *w);
void gw_jw_array(gw_jw *w);
void gw_jw_array_end(gw_jw *w);
void gw_jw_key(gw_jw *w, const char *plain);      /* must need no escaping */
void gw_jw_key_inner(gw_jw *w, aigw_slice inner); /* already escaped */
void gw_jw_text(gw_jw *w, aigw_slice plain);      /* escapes; valid UTF-8 is the caller's promise */
void gw_jw_str(gw_jw *w, const char *plain);
void gw_jw_inner(gw_jw *w, aigw_slice inner);     /* quotes around already escaped bytes */
void gw_jw_raw(gw_jw *w, aigw_slice value);       /* a whole value, as it is */
void gw_jw_int(gw_jw *w, int64_t value);
void gw_jw_bool(gw_jw *w, bool value);
void gw_jw_null(gw_jw *w);
/* A string in pieces: quote, then gw_jw_part (plain, escaped) / gw_jw_part_inner, then quote. */
void gw_jw_begin_string(gw_jw *w);
void gw_jw_part(gw_jw *w, aigw_slice plain);
void gw_jw_part_inner(gw_jw *w, aigw_slice inner);
void gw_jw_end_string(gw_jw *w);

/* The escaped form of plain text without quotes, appended to buf. Bytes that are not UTF-8 become U+FFFD. */
void gw_json_escape(gw_buf *buf, aigw_slice plain);

#endif
