/*
 * What OpenAI Responses does with a function whose `strict` is not said: it holds the schema strictly if
 * that can be done, and says so in the schema. Other formats are told the outcome. Knows no tools.
 */
#include "wire/openai_responses/openai_responses.h"

#include "base/error.h"
#include "base/text.h"

enum { MAX_DEPTH = 64 };

static bool is_required(const gw_json_doc *doc, gw_json_ref list, gw_json_ref key)
{
    aigw_slice name = gw_json_inner(doc, key);
    gw_json_ref ref = gw_json_first(doc, list);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        aigw_slice other = gw_json_inner(doc, ref);
        if (other.data != NULL && gw_eq(other, name))
            return true;
    }
    return false;
}

/* An object's schema that allows no member but those that must be there. */
static bool is_closed(const gw_json_doc *doc, gw_json_ref schema, bool *says_so)
{
    gw_json_ref more = gw_json_get(doc, schema, "additionalProperties");
    gw_json_ref properties = gw_json_get(doc, schema, "properties");
    gw_json_ref required = gw_json_get(doc, schema, "required");
    bool flag = true;
    *says_so = more != GW_JSON_ABSENT;
    if (*says_so && (!gw_json_bool(doc, more, &flag) || flag))
        return false;
    if (gw_json_typeof(doc, properties) != GW_JSON_OBJECT)
        return properties == GW_JSON_ABSENT;
    if (gw_json_count(doc, properties) > 0 && gw_json_typeof(doc, required) != GW_JSON_ARRAY)
        return false;
    gw_json_ref key = gw_json_first(doc, properties);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        if (!is_required(doc, required, key))
            return false;
    }
    return true;
}

/* Words of JSON Schema that strict holding refuses. */
static bool is_refused(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const words[] = {"oneOf",
                                        "allOf",
                                        "not",
                                        "if",
                                        "patternProperties",
                                        "dependentRequired",
                                        "dependentSchemas",
                                        "default"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gw_json_key_is(doc, key, words[i]))
            return true;
    }
    return false;
}

static bool copy(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref, int depth);

/* The values of these are maps of schemas, or lists of them, or a schema; all else is plain data. */
static bool copy_member(gw_jw *w, const gw_json_doc *doc, gw_json_ref key, int depth)
{
    static const char *const maps[] = {"properties", "$defs", "definitions"};
    gw_json_ref value = gw_json_value(doc, key);
    gw_jw_key_inner(w, gw_json_inner(doc, key));
    bool ok = true;
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        if (!gw_json_key_is(doc, key, maps[i]) || gw_json_typeof(doc, value) != GW_JSON_OBJECT)
            continue;
        gw_jw_object(w);
        gw_json_ref name = gw_json_first(doc, value);
        for (; name != GW_JSON_ABSENT && ok; name = gw_json_next(doc, name)) {
            gw_jw_key_inner(w, gw_json_inner(doc, name));
            ok = copy(w, doc, gw_json_value(doc, name), depth + 1);
        }
        gw_jw_object_end(w);
        return ok;
    }
    if (gw_json_key_is(doc, key, "anyOf") && gw_json_typeof(doc, value) == GW_JSON_ARRAY) {
        gw_jw_array(w);
        gw_json_ref one = gw_json_first(doc, value);
        for (; one != GW_JSON_ABSENT && ok; one = gw_json_next(doc, one))
            ok = copy(w, doc, one, depth + 1);
        gw_jw_array_end(w);
        return ok;
    }
    if (gw_json_key_is(doc, key, "items"))
        return copy(w, doc, value, depth + 1);
    gw_jw_raw(w, gw_json_raw(doc, value));
    return true;
}

static bool is_object_schema(const gw_json_doc *doc, gw_json_ref schema)
{
    gw_json_ref type = gw_json_get(doc, schema, "type");
    bool object =
        gw_json_is(doc, type, "object") || gw_json_get(doc, schema, "properties") != GW_JSON_ABSENT;
    if (gw_json_typeof(doc, type) != GW_JSON_ARRAY)
        return object;
    gw_json_ref ref = gw_json_first(doc, type);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref))
        object = object || gw_json_is(doc, ref, "object");
    return object;
}

/* False: the schema cannot be held strictly. */
static bool copy(gw_jw *w, const gw_json_doc *doc, gw_json_ref ref, int depth)
{
    bool says_so = true;
    if (gw_json_typeof(doc, ref) != GW_JSON_OBJECT || depth > MAX_DEPTH)
        return false;
    if (is_object_schema(doc, ref) && !is_closed(doc, ref, &says_so))
        return false;
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, ref);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        if (is_refused(doc, key) || !copy_member(w, doc, key, depth))
            return false;
    }
    if (!says_so) {
        gw_jw_key(w, "additionalProperties");
        gw_jw_bool(w, false);
    }
    gw_jw_object_end(w);
    return true;
}

int gw_or_default_strict(const gw_or_reading *rd, gw_json_ref schema, gw_tool *out)
{
    gw_buf buf;
    out->strict = 0;
    if (schema == GW_JSON_ABSENT)
        return AIGW_OK;
    gw_buf_init(&buf, gw_json_raw(rd->doc, schema).len * 16 + 4096);
    gw_jw w = gw_jw_on(&buf);
    int rc = AIGW_OK;
    if (copy(&w, rd->doc, schema, 0)) {
        out->strict = 1;
        out->schema.json = gw_arena_copy(rd->arena, gw_buf_slice(&buf));
        if (buf.failed || !gw_has_raw(out->schema))
            rc = gw_fail_nomem(rd->err);
    }
    gw_buf_free(&buf);
    return rc;
}
