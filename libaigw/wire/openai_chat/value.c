/* Members of an OpenAI chat request by type with the refusals, and notes of what cannot be written. */
/* Must not know any member by name. */
#include "wire/openai_chat/openai_chat.h"

#include "base/error.h"
#include "base/text.h"
#include "chat/wrap.h"
#include "wire/read.h"

int gw_oc_wrong(const gw_oc_reading *rd, gw_json_ref ref, const char *what, const char *expected)
{
    return gw_json_fail(rd->err, rd->doc, ref, AIGW_E_PARSE, "wrong_value", "%s must be %s", what,
                        expected);
}

int gw_oc_lacks(const gw_oc_reading *rd, gw_json_ref object, gw_json_ref ref, const char *name,
                const char *expected)
{
    return ref == GW_JSON_ABSENT ? gw_read_missing(rd->err, rd->doc, object, name)
                                 : gw_oc_wrong(rd, ref, name, expected);
}

int gw_oc_opt(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_json_type type,
              gw_json_ref *out)
{
    gw_json_ref ref = gw_json_get(rd->doc, object, name);
    *out = GW_JSON_ABSENT;
    if (gw_json_is_null(rd->doc, ref))
        return AIGW_OK;
    if (gw_json_typeof(rd->doc, ref) != type)
        return gw_oc_wrong(rd, ref, name,
                           type == GW_JSON_OBJECT  ? "an object"
                           : type == GW_JSON_ARRAY ? "an array"
                                                   : "a string");
    *out = ref;
    return AIGW_OK;
}

int gw_oc_opt_string(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref;
    int rc = gw_oc_opt(rd, object, name, GW_JSON_STRING, &ref);
    if (rc == AIGW_OK && ref != GW_JSON_ABSENT)
        *out = gw_jstr_of(rd->doc, ref);
    return rc;
}

int gw_oc_string(const gw_oc_reading *rd, gw_json_ref object, const char *name, gw_jstr *out)
{
    gw_json_ref ref = gw_json_get(rd->doc, object, name);
    *out = gw_jstr_of(rd->doc, ref);
    if (gw_has(*out))
        return AIGW_OK;
    return gw_oc_lacks(rd, object, ref, name, "a string");
}

void gw_oc_write_schema_words(gw_jw *w, gw_raw schema)
{
    gw_jw_begin_string(w);
    gw_jw_part(w, GW_S(GW_JSON_WORDS));
    if (gw_has_raw(schema)) {
        gw_jw_part(w, GW_S(GW_SCHEMA_WORDS));
        gw_jw_part(w, schema.json);
    }
    gw_jw_end_string(w);
}

int gw_oc_note_value(gw_oc_writing *wr, aigw_slice value, const char *reason)
{
    return gw_oc_note(wr, gw_ref_of(wr->request->doc, value), reason);
}

int gw_oc_note(gw_oc_writing *wr, gw_json_ref at, const char *reason)
{
    return gw_note_add(wr->notes, wr->request->doc, at, reason, wr->err);
}
