/*
 * What a JSON Schema says, for writers whose vendor takes only some of it. Knows no format's fields.
 */
#ifndef GW_WIRE_SCHEMA_H
#define GW_WIRE_SCHEMA_H

#include "chat/text.h"

/*
 * A schema that refers to itself, or to one that lies elsewhere, cannot be made into one that does not:
 * AIGW_E_UNSUPPORTED, and the pointer names the $ref when the schema lies in `doc`. What a vendor calls no
 * schema at all is not looked for. AIGW_E_NOMEM.
 */
int gw_schema_flat(gw_arena *arena, const gw_json_doc *doc, gw_raw schema, aigw_error *err);

#endif
