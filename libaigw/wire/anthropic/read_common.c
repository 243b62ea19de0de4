/*
 * What every part of a Messages request is read with: members by type, cache marks, and refusals with
 * a JSON pointer. Knows no member of its own but cache_control.
 */
#include "wire/anthropic/anthropic.h"
#include "wire/read.h"

int gw_anthropic_wrong(const gw_anthropic_in *in, gw_json_ref ref, const char *expected)
{
    return gw_json_fail(in->err, in->doc, ref, AIGW_E_PARSE, "wrong_type", "expected %s", expected);
}

int gw_anthropic_missing(const gw_anthropic_in *in, gw_json_ref parent, const char *name)
{
    return gw_read_missing(in->err, in->doc, parent, name);
}

int gw_anthropic_unknown(const gw_anthropic_in *in, gw_json_ref ref, const char *known)
{
    return gw_read_unknown(in->err, in->doc, ref, "this", known);
}

int gw_anthropic_string(const gw_anthropic_in *in, gw_json_ref parent, const char *name,
                        bool required, gw_jstr *out)
{
    gw_json_ref ref = gw_json_get(in->doc, parent, name);
    if (gw_json_is_null(in->doc, ref)) {
        return required ? gw_anthropic_missing(in, parent, name) : AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_STRING) {
        return gw_anthropic_wrong(in, ref, "a string");
    }
    *out = gw_jstr_of(in->doc, ref);
    return AIGW_OK;
}

int gw_anthropic_read_cache(const gw_anthropic_in *in, gw_json_ref owner, gw_cache_mark *out)
{
    gw_json_ref ref = gw_json_get(in->doc, owner, "cache_control");
    if (gw_json_is_null(in->doc, ref)) {
        return AIGW_OK;
    }
    if (gw_json_typeof(in->doc, ref) != GW_JSON_OBJECT) {
        return gw_anthropic_wrong(in, ref, "an object");
    }
    gw_json_ref ttl = gw_json_get(in->doc, ref, "ttl");
    if (gw_json_is_null(in->doc, ttl)) {
        *out = GW_CACHE_DEFAULT;
    } else if (gw_json_is(in->doc, ttl, "5m")) {
        *out = GW_CACHE_5M;
    } else if (gw_json_is(in->doc, ttl, "1h")) {
        *out = GW_CACHE_1H;
    } else {
        return gw_anthropic_unknown(in, ttl, "\"5m\" or \"1h\"");
    }
    return AIGW_OK;
}
