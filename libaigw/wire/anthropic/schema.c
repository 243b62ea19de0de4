/*
 * A JSON Schema as output_config.format takes it: every object says additionalProperties:false, and bounds
 * of numbers, texts and lists, which the API refuses, stand in the description.
 * Knows the keywords that hold schemas, and nothing of requests.
 */
#include "wire/anthropic/anthropic.h"

/* What stands under a keyword. */
typedef enum holds { HOLDS_VALUE, HOLDS_SCHEMA, HOLDS_NAMED } holds;

static holds keyword(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const named[] = {"properties", "$defs", "definitions", NULL};
    static const char *const schemas[] = {"items", "prefixItems", "anyOf", "allOf", "oneOf", NULL};
    for (size_t i = 0; named[i] != NULL; i++) {
        if (gw_json_key_is(doc, key, named[i])) {
            return HOLDS_NAMED;
        }
    }
    for (size_t i = 0; schemas[i] != NULL; i++) {
        if (gw_json_key_is(doc, key, schemas[i])) {
            return HOLDS_SCHEMA;
        }
    }
    return HOLDS_VALUE;
}

/* What the API refuses at this place of a schema. */
static bool is_refused(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const bounds[] = {"minimum",          "maximum",       "exclusiveMinimum",
                                         "exclusiveMaximum", "multipleOf",    "minLength",
                                         "maxLength",        "maxItems",      "uniqueItems",
                                         "minProperties",    "maxProperties", NULL};
    gw_json_ref value = gw_json_value(doc, key);
    int64_t n;
    for (size_t i = 0; bounds[i] != NULL; i++) {
        if (gw_json_key_is(doc, key, bounds[i])) {
            return true;
        }
    }
    if (gw_json_key_is(doc, key, "minItems")) {
        return !gw_json_i64(doc, value, &n) || n > 1;
    }
    return gw_json_key_is(doc, key, "additionalProperties") &&
           gw_json_typeof(doc, value) != GW_JSON_FALSE;
}

/* The description with what was refused: "minimum: 0, maximum: 10". */
static void write_description(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema)
{
    gw_json_ref said = gw_json_get(doc, schema, "description");
    bool text = gw_json_typeof(doc, said) == GW_JSON_STRING, first = true;
    for (gw_json_ref key = gw_json_first(doc, schema); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        if (!is_refused(doc, key) || gw_json_typeof(doc, value) == GW_JSON_TRUE) {
            continue;
        }
        if (first) {
            gw_jw_key(w, "description");
            gw_jw_begin_string(w);
            gw_jw_part_inner(w, text ? gw_json_inner(doc, said) : GW_S(""));
        }
        gw_jw_part_inner(w, first ? (text ? GW_S("\\n\\n") : GW_S("")) : GW_S(", "));
        first = false;
        gw_jw_part_inner(w, gw_json_inner(doc, key));
        gw_jw_part_inner(w, GW_S(": "));
        gw_jw_part(w, gw_json_raw(doc, value));
    }
    if (!first) {
        gw_jw_end_string(w);
    }
}

static bool has_refused(const gw_json_doc *doc, gw_json_ref schema)
{
    for (gw_json_ref key = gw_json_first(doc, schema); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        if (is_refused(doc, key) && gw_json_typeof(doc, gw_json_value(doc, key)) != GW_JSON_TRUE) {
            return true;
        }
    }
    return false;
}

static void write_key(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema, gw_json_ref key)
{
    if (gw_json_key_is(doc, key, "oneOf") && gw_json_get(doc, schema, "anyOf") == GW_JSON_ABSENT) {
        gw_jw_key(w, "anyOf"); /* the API has no oneOf */
    } else {
        gw_jw_key_inner(w, gw_json_inner(doc, key));
    }
}

static void write_list(gw_jw *w, const gw_json_doc *doc, gw_json_ref array)
{
    gw_jw_array(w);
    for (gw_json_ref r = gw_json_first(doc, array); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        gw_anthropic_write_schema(w, doc, r);
    }
    gw_jw_array_end(w);
}

static void write_named(gw_jw *w, const gw_json_doc *doc, gw_json_ref object)
{
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, object); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        gw_anthropic_write_schema(w, doc, gw_json_value(doc, key));
    }
    gw_jw_object_end(w);
}

/* Recursion ends with the depth that the JSON reader allows. */
void gw_anthropic_write_schema(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema)
{
    if (gw_json_typeof(doc, schema) != GW_JSON_OBJECT) {
        gw_jw_raw(w, gw_json_raw(doc, schema));
        return;
    }
    bool refused = has_refused(doc, schema);
    gw_jw_object(w);
    for (gw_json_ref key = gw_json_first(doc, schema); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        gw_json_type type = gw_json_typeof(doc, value);
        holds what = keyword(doc, key);
        if (is_refused(doc, key) || (refused && gw_json_key_is(doc, key, "description"))) {
            continue;
        }
        write_key(w, doc, schema, key);
        if (what == HOLDS_NAMED && type == GW_JSON_OBJECT) {
            write_named(w, doc, value);
        } else if (what == HOLDS_SCHEMA && type == GW_JSON_ARRAY) {
            write_list(w, doc, value);
        } else if (what == HOLDS_SCHEMA) {
            gw_anthropic_write_schema(w, doc, value);
        } else {
            gw_jw_raw(w, gw_json_raw(doc, value));
        }
    }
    bool object = gw_json_is(doc, gw_json_get(doc, schema, "type"), "object") ||
                  gw_json_get(doc, schema, "properties") != GW_JSON_ABSENT;
    gw_json_ref more = gw_json_get(doc, schema, "additionalProperties");
    if (refused) {
        write_description(w, doc, schema);
    }
    if ((object || more != GW_JSON_ABSENT) && gw_json_typeof(doc, more) != GW_JSON_FALSE) {
        gw_jw_key(w, "additionalProperties");
        gw_jw_bool(w, false);
    }
    gw_jw_object_end(w);
}
