/*
 * Signatures and encrypted thinking, carried through formats that have no place for their maker's name.
 *
 * Such a text is opaque, and only the vendor that made it takes it back. In a slot of another format (a
 * thinking block's signature, a reasoning item's encrypted content, Gemini's thoughtSignature, a tool call's
 * id) it travels sealed: base64 of a short head that names its origin, and the text. A writer of the
 * origin's own format writes it bare. Knows no format's fields.
 */
#ifndef GW_CHAT_SEAL_H
#define GW_CHAT_SEAL_H

#include "chat/text.h"

typedef struct gw_sealed {
    aigw_format origin;
    bool redacted; /* the data of a redacted block, not the signature of a readable one */
    gw_jstr text;  /* as its maker wrote it */
} gw_sealed;

/* The sealed text; absent on no memory. Valid standard base64: it may stand where bytes are asked for. */
gw_jstr gw_seal(gw_arena *arena, aigw_format origin, bool redacted, gw_jstr text);
/* The same, as a JSON string straight into a writer. */
void gw_jw_seal(gw_jw *w, aigw_format origin, bool redacted, gw_jstr text);
/* False: not sealed by us (or no memory); *out is untouched. */
bool gw_unseal(gw_arena *arena, gw_jstr sealed, gw_sealed *out);

/* Does it begin as sealed texts do? Cheap, and no proof. */
bool gw_looks_sealed(gw_jstr text);
/* What a slot for a signature or for redacted data holds: taken apart, or as it stands and made by `own`. */
gw_sealed gw_seal_open(gw_arena *arena, gw_jstr slot, aigw_format own, bool redacted);
/* A string for such a slot of the format `own`: bare when it is its maker (or nobody is named), else sealed. */
void gw_jw_slot(gw_jw *w, aigw_format own, aigw_format origin, bool redacted, gw_jstr text);

/* The id of a tool call with its signature behind it, in [A-Za-z0-9_-]: for clients that keep nothing but
 * the id. An absent signature gives the id as it is. */
void gw_jw_seal_id(gw_jw *w, gw_jstr id, aigw_format origin, gw_jstr signature);
/* Takes them apart. Always sets *bare; false: there was nothing behind it. */
bool gw_unseal_id(gw_arena *arena, gw_jstr id, gw_jstr *bare, gw_sealed *out);

#endif
