/* JSON Schema between the common form and the two that the Gemini API has. */
/* Must not know requests. Recursion ends with the depth that the JSON reader allows. */
#include "wire/gemini/gemini.h"

typedef enum holds { HOLDS_VALUE, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_NAMED, HOLDS_NOTHING } holds;

typedef struct keyword {
    const char *name;
    holds what;
} keyword;

/* What parametersJsonSchema and responseJsonSchema take. */
static const keyword taken[] = {
    {"$id", HOLDS_VALUE},
    {"$defs", HOLDS_NAMED},
    {"$ref", HOLDS_VALUE},
    {"$anchor", HOLDS_VALUE},
    {"type", HOLDS_VALUE},
    {"format", HOLDS_VALUE},
    {"title", HOLDS_VALUE},
    {"description", HOLDS_VALUE},
    {"enum", HOLDS_VALUE},
    {"items", HOLDS_SCHEMA},
    {"prefixItems", HOLDS_LIST},
    {"minItems", HOLDS_VALUE},
    {"maxItems", HOLDS_VALUE},
    {"minimum", HOLDS_VALUE},
    {"maximum", HOLDS_VALUE},
    {"anyOf", HOLDS_LIST},
    {"oneOf", HOLDS_LIST},
    {"properties", HOLDS_NAMED},
    {"required", HOLDS_VALUE},
    {"additionalProperties", HOLDS_SCHEMA},
    {"propertyOrdering", HOLDS_VALUE},
};

/* What it does not take and what says something: kept in words. */
static const char *const told[] = {"minLength",
                                   "maxLength",
                                   "pattern",
                                   "exclusiveMinimum",
                                   "exclusiveMaximum",
                                   "multipleOf",
                                   "uniqueItems",
                                   "minProperties",
                                   "maxProperties",
                                   "default",
                                   "examples",
                                   "example",
                                   "not",
                                   "if",
                                   "then",
                                   "else",
                                   "allOf",
                                   "patternProperties",
                                   "propertyNames",
                                   "dependentRequired",
                                   "dependencies",
                                   "contains",
                                   "minContains",
                                   "maxContains",
                                   "contentEncoding",
                                   "contentMediaType",
                                   "readOnly",
                                   "writeOnly",
                                   "deprecated"};

static holds find(const gw_json_doc *doc, gw_json_ref key)
{
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (gw_json_key_is(doc, key, taken[i].name))
            return taken[i].what;
    }
    return HOLDS_NOTHING;
}

static bool is_told(const gw_json_doc *doc, gw_json_ref key)
{
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        if (gw_json_key_is(doc, key, told[i]))
            return gw_json_typeof(doc, gw_json_value(doc, key)) != GW_JSON_FALSE;
    }
    return false;
}

static size_t count_told(const gw_json_doc *doc, gw_json_ref schema)
{
    size_t n = 0;
    gw_json_ref key = gw_json_first(doc, schema);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key))
        n += is_told(doc, key);
    return n;
}

/* The description as it was, and behind it what had to go: "minLength: 3, pattern: ...". */
static void write_description(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema)
{
    aigw_slice said = gw_json_inner(doc, gw_json_get(doc, schema, "description"));
    bool first = true;
    gw_jw_key(w, "description");
    gw_jw_begin_string(w);
    if (said.len > 0) {
        gw_jw_part_inner(w, said);
        gw_jw_part_inner(w, GW_S("\\n\\n"));
    }
    gw_json_ref key = gw_json_first(doc, schema);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        if (!is_told(doc, key))
            continue;
        if (!first)
            gw_jw_part_inner(w, GW_S(", "));
        first = false;
        gw_jw_part_inner(w, gw_json_inner(doc, key));
        gw_jw_part_inner(w, GW_S(": "));
        gw_jw_part(w, gw_json_raw(doc, gw_json_value(doc, key)));
    }
    gw_jw_end_string(w);
}

static void write_list(gw_jw *w, const gw_json_doc *doc, gw_json_ref array, bool *changed)
{
    gw_jw_array(w);
    gw_json_ref ref = gw_json_first(doc, array);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref))
        gw_gm_schema_write(w, doc, ref, changed);
    gw_jw_array_end(w);
}

static void write_named(gw_jw *w, const gw_json_doc *doc, gw_json_ref object, bool *changed)
{
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, object);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_jw_key_inner(w, gw_json_inner(doc, key));
        gw_gm_schema_write(w, doc, gw_json_value(doc, key), changed);
    }
    gw_jw_object_end(w);
}

/* The member `key` under the name `name`; of the right type, or as it stands. */
static void write_value(gw_jw *w, const gw_json_doc *doc, gw_json_ref value, holds what,
                        bool *changed)
{
    gw_json_type type = gw_json_typeof(doc, value);
    if (what == HOLDS_NAMED && type == GW_JSON_OBJECT)
        write_named(w, doc, value, changed);
    else if (what == HOLDS_LIST && type == GW_JSON_ARRAY)
        write_list(w, doc, value, changed);
    else if (what == HOLDS_SCHEMA)
        gw_gm_schema_write(w, doc, value, changed);
    else
        gw_jw_raw(w, gw_json_raw(doc, value));
}

/* Beside $ref only other words with a dollar may stand. */
static bool refers_only(const gw_json_doc *doc, gw_json_ref schema, gw_json_ref key)
{
    return gw_json_get(doc, schema, "$ref") != GW_JSON_ABSENT &&
           !gw_starts(gw_json_inner(doc, key), GW_S("$"));
}

/* Words of older drafts, and const: what they are called here. Writes and gives true. */
static bool write_renamed(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema, gw_json_ref key,
                          bool *changed)
{
    gw_json_ref value = gw_json_value(doc, key);
    if (gw_json_key_is(doc, key, "const") && gw_json_get(doc, schema, "enum") == GW_JSON_ABSENT) {
        gw_jw_key(w, "enum");
        gw_jw_array(w);
        gw_jw_raw(w, gw_json_raw(doc, value));
        gw_jw_array_end(w);
        return true;
    }
    if (gw_json_key_is(doc, key, "definitions") &&
        gw_json_get(doc, schema, "$defs") == GW_JSON_ABSENT) {
        gw_jw_key(w, "$defs");
        write_value(w, doc, value, HOLDS_NAMED, changed);
        return true;
    }
    return false;
}

/* "#/definitions/X" has moved with its target. */
static void write_ref(gw_jw *w, const gw_json_doc *doc, gw_json_ref value, bool *changed)
{
    static const char old[] = "#/definitions/";
    aigw_slice inner = gw_json_inner(doc, value);
    if (inner.data == NULL || !gw_starts(inner, aigw_slice_of(old))) {
        gw_jw_raw(w, gw_json_raw(doc, value));
        return;
    }
    *changed = true;
    gw_jw_begin_string(w);
    gw_jw_part_inner(w, GW_S("#/$defs/"));
    gw_jw_part_inner(w, gw_skip(inner, sizeof old - 1));
    gw_jw_end_string(w);
}

void gw_gm_schema_write(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema, bool *changed)
{
    if (gw_json_typeof(doc, schema) != GW_JSON_OBJECT) {
        gw_jw_raw(w, gw_json_raw(doc, schema));
        return;
    }
    bool refers = gw_json_get(doc, schema, "$ref") != GW_JSON_ABSENT;
    size_t words = refers ? 0 : count_told(doc, schema);
    bool any = gw_json_get(doc, schema, "anyOf") != GW_JSON_ABSENT;
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, schema);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        holds what = find(doc, key);
        if (what == HOLDS_NOTHING || refers_only(doc, schema, key)) {
            *changed = true;
            if (!refers_only(doc, schema, key))
                write_renamed(w, doc, schema, key, changed);
            continue;
        }
        if (words > 0 && gw_json_key_is(doc, key, "description"))
            continue;
        bool one_of = gw_json_key_is(doc, key, "oneOf");
        if (one_of && any)
            continue;
        if (one_of)
            gw_jw_key(w, "anyOf");
        else
            gw_jw_key_inner(w, gw_json_inner(doc, key));
        if (gw_json_key_is(doc, key, "$ref"))
            write_ref(w, doc, value, changed);
        else
            write_value(w, doc, value, what, changed);
    }
    if (words > 0)
        write_description(w, doc, schema);
    gw_jw_object_end(w);
}

/* "STRING" -> "string"; with nullable, ["string","null"]. */
static void read_type(gw_jw *w, const gw_json_doc *doc, gw_json_ref value, bool nullable)
{
    char lower[32];
    aigw_slice word = gw_json_inner(doc, value);
    if (word.data == NULL || word.len > sizeof lower) {
        gw_jw_raw(w, gw_json_raw(doc, value));
        return;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    if (nullable)
        gw_jw_array(w);
    gw_jw_inner(w, gw_slice(lower, word.len));
    if (nullable) {
        gw_jw_str(w, "null");
        gw_jw_array_end(w);
    }
}

/* Numbers of 64 bits are strings in this API. */
static void read_number(gw_jw *w, const gw_json_doc *doc, gw_json_ref value)
{
    int64_t n;
    aigw_slice digits = gw_json_inner(doc, value);
    if (digits.data != NULL && gw_parse_i64(digits, &n))
        gw_jw_int(w, n);
    else
        gw_jw_raw(w, gw_json_raw(doc, value));
}

static void read_enum(gw_jw *w, const gw_json_doc *doc, gw_json_ref value, bool nullable)
{
    if (!nullable || gw_json_typeof(doc, value) != GW_JSON_ARRAY) {
        gw_jw_raw(w, gw_json_raw(doc, value));
        return;
    }
    gw_jw_array(w);
    gw_json_ref ref = gw_json_first(doc, value);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref))
        gw_jw_raw(w, gw_json_raw(doc, ref));
    gw_jw_null(w);
    gw_jw_array_end(w);
}

static void read_each(gw_jw *w, const gw_json_doc *doc, gw_json_ref container)
{
    bool named = gw_json_typeof(doc, container) == GW_JSON_OBJECT;
    if (named)
        gw_jw_object(w);
    else
        gw_jw_array(w);
    gw_json_ref ref = gw_json_first(doc, container);
    for (; ref != GW_JSON_ABSENT; ref = gw_json_next(doc, ref)) {
        if (named)
            gw_jw_key_inner(w, gw_json_inner(doc, ref));
        gw_gm_schema_read(w, doc, named ? gw_json_value(doc, ref) : ref);
    }
    if (named)
        gw_jw_object_end(w);
    else
        gw_jw_array_end(w);
}

/* The common name of a keyword that may come in snake_case; NULL: it stays as it is. */
static const char *common_name(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const names[][2] = {{"any_of", "anyOf"},
                                           {"min_items", "minItems"},
                                           {"max_items", "maxItems"},
                                           {"min_length", "minLength"},
                                           {"max_length", "maxLength"},
                                           {"min_properties", "minProperties"},
                                           {"max_properties", "maxProperties"},
                                           {"property_ordering", "propertyOrdering"},
                                           {"prefix_items", "prefixItems"},
                                           {"additional_properties", "additionalProperties"},
                                           {"example", "examples"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (gw_json_key_is(doc, key, names[i][0]))
            return names[i][1];
    }
    return NULL;
}

static bool is_one_of(const gw_json_doc *doc, gw_json_ref key, const char *const *names)
{
    const char *renamed = common_name(doc, key);
    for (; *names != NULL; names++) {
        if (gw_json_key_is(doc, key, *names) || (renamed != NULL && strcmp(renamed, *names) == 0))
            return true;
    }
    return false;
}

void gw_gm_schema_read(gw_jw *w, const gw_json_doc *doc, gw_json_ref schema)
{
    static const char *const schemas[] = {"items", "additionalProperties", NULL};
    static const char *const lists[] = {"anyOf", "prefixItems", "properties", "$defs", NULL};
    static const char *const numbers[] = {
        "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", NULL};
    if (gw_json_typeof(doc, schema) != GW_JSON_OBJECT) {
        gw_jw_raw(w, gw_json_raw(doc, schema));
        return;
    }
    bool nullable = gw_json_typeof(doc, gw_json_get(doc, schema, "nullable")) == GW_JSON_TRUE;
    gw_jw_object(w);
    gw_json_ref key = gw_json_first(doc, schema);
    for (; key != GW_JSON_ABSENT; key = gw_json_next(doc, key)) {
        gw_json_ref value = gw_json_value(doc, key);
        const char *renamed = common_name(doc, key);
        if (gw_json_key_is(doc, key, "nullable") ||
            (renamed != NULL && gw_json_get(doc, schema, renamed) != GW_JSON_ABSENT))
            continue;
        if (renamed != NULL)
            gw_jw_key(w, renamed);
        else
            gw_jw_key_inner(w, gw_json_inner(doc, key));
        gw_json_type type = gw_json_typeof(doc, value);
        if (gw_json_key_is(doc, key, "type"))
            read_type(w, doc, value, nullable);
        else if (gw_json_key_is(doc, key, "enum"))
            read_enum(w, doc, value, nullable);
        else if (gw_json_key_is(doc, key, "example"))
            (gw_jw_array(w), gw_jw_raw(w, gw_json_raw(doc, value)), gw_jw_array_end(w));
        else if (is_one_of(doc, key, numbers))
            read_number(w, doc, value);
        else if (is_one_of(doc, key, schemas))
            gw_gm_schema_read(w, doc, value);
        else if (is_one_of(doc, key, lists) && (type == GW_JSON_OBJECT || type == GW_JSON_ARRAY))
            read_each(w, doc, value);
        else
            gw_jw_raw(w, gw_json_raw(doc, value));
    }
    gw_jw_object_end(w);
}
