/*
 * The two kinds of text that the neutral middle carries, as types that do not mix.
 *
 * gw_jstr is the inside of a valid JSON string, still escaped: every format is JSON, so text goes from
 * input to output as it stands. gw_raw is one whole JSON value, as it stands.
 */
#ifndef GW_CHAT_TEXT_H
#define GW_CHAT_TEXT_H

#include "base/json.h"
#include "base/json_write.h"

/* How many there are of aigw_format: its values are 1 to this. */
enum { GW_FORMATS = AIGW_FORMAT_BEDROCK };

typedef struct gw_jstr {
    aigw_slice inner; /* data NULL: absent (which is not the empty string) */
} gw_jstr;

typedef struct gw_raw {
    aigw_slice json; /* data NULL: absent */
} gw_raw;

static inline bool gw_has(gw_jstr s)
{
    return s.inner.data != NULL;
}

static inline bool gw_has_raw(gw_raw r)
{
    return r.json.data != NULL;
}

/* From a parsed document; absent when ref is no string. */
gw_jstr gw_jstr_of(const gw_json_doc *doc, gw_json_ref ref);
gw_raw gw_raw_of(const gw_json_doc *doc, gw_json_ref ref);
/* The value of the document that these bytes are (of a gw_jstr or a gw_raw that borrows from it), for a
 * pointer to it; ABSENT if they lie elsewhere. */
gw_json_ref gw_ref_of(const gw_json_doc *doc, aigw_slice bytes);
/* From a literal that needs no escaping. */
gw_jstr gw_jstr_lit(const char *literal);
/* From plain text: escaped into the arena (or borrowed when nothing needs it); absent on no memory. */
gw_jstr gw_jstr_plain(gw_arena *arena, aigw_slice plain);
/* Unescaped; data NULL on no memory. */
aigw_slice gw_jstr_text(gw_arena *arena, gw_jstr s);
bool gw_jstr_is(gw_jstr s, const char *plain); /* plain ASCII without escapes */
bool gw_jstr_blank(gw_jstr s); /* absent, empty, or nothing but white space (escaped or not) */
void gw_jw_jstr(gw_jw *w, gw_jstr s); /* writes "" when absent */

#endif
