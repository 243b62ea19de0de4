/* Whether a JSON Schema refers to itself. */
/* Must not know requests or formats. */
#include "wire/schema.h"

#include "base/error.h"
#include "base/text.h"

enum { DEPTH_MAX = 256, NAME_MAX_BYTES = 256 };

typedef enum state { NEW, OPEN, DONE } state;

typedef struct walk {
    const gw_json_doc *doc;
    gw_json_ref root;
    unsigned char *states; /* of the nodes from the root on */
    gw_json_ref found;     /* the $ref that cannot stand */
} walk;

/* One step of a JSON pointer, unescaped (RFC 6901 clause 6: percent too). False: too long to be meant. */
static bool step_name(aigw_slice step, char out[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < step.len; i++, n++) {
        unsigned byte = (unsigned char)step.data[i];
        if (n + 1 >= NAME_MAX_BYTES)
            return false;
        if (byte == '%' && i + 2 < step.len) {
            byte = 0;
            for (size_t k = 1; k <= 2; k++) {
                unsigned c = (unsigned char)step.data[i + k];
                byte = byte * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
            }
            i += 2;
        } else if (byte == '~' && i + 1 < step.len) {
            byte = step.data[++i] == '1' ? '/' : '~';
        }
        out[n] = (char)byte;
    }
    out[n] = '\0';
    return true;
}

/* Where "#/$defs/a" leads; ABSENT: nowhere. */
static gw_json_ref target_of(const walk *w, aigw_slice pointer)
{
    char name[NAME_MAX_BYTES];
    gw_json_ref at = w->root;
    gw_cut(&pointer, '/'); /* what stands before the first step: nothing */
    while (pointer.data != NULL && at != GW_JSON_ABSENT) {
        if (!step_name(gw_cut(&pointer, '/'), name))
            return GW_JSON_ABSENT;
        int64_t index;
        if (gw_json_typeof(w->doc, at) == GW_JSON_OBJECT)
            at = gw_json_get(w->doc, at, name);
        else if (gw_json_typeof(w->doc, at) == GW_JSON_ARRAY &&
                 gw_parse_i64(aigw_slice_of(name), &index) && index >= 0 && index < UINT32_MAX)
            at = gw_json_at(w->doc, at, (uint32_t)index);
        else
            at = GW_JSON_ABSENT;
    }
    return at;
}

/* Values of these are data, whatever they look like. */
static bool is_data(const gw_json_doc *doc, gw_json_ref key)
{
    static const char *const words[] = {"const", "enum", "default", "example", "examples"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_json_key_is(doc, key, words[i]))
            return true;
    }
    return false;
}

static bool visit(walk *w, gw_json_ref ref, int depth);

static bool follow(walk *w, gw_json_ref value, int depth)
{
    aigw_slice text = gw_json_inner(w->doc, value);
    bool local = text.len > 0 && text.data[0] == '#' && memchr(text.data, '\\', text.len) == NULL;
    gw_json_ref to = local ? target_of(w, text) : GW_JSON_ABSENT;
    if (local && to == GW_JSON_ABSENT)
        return true; /* an anchor, or nothing */
    if (!local || depth >= DEPTH_MAX || w->states[to - w->root] == OPEN) {
        w->found = value;
        return false;
    }
    return visit(w, to, depth + 1);
}

/* False: found. A reference to what is still being looked at closes a circle. */
static bool visit(walk *w, gw_json_ref ref, int depth)
{
    gw_json_type type = gw_json_typeof(w->doc, ref);
    unsigned char *seen = &w->states[ref - w->root];
    if ((type != GW_JSON_OBJECT && type != GW_JSON_ARRAY) || *seen == DONE)
        return true;
    *seen = OPEN;
    for (gw_json_ref at = gw_json_first(w->doc, ref); at != GW_JSON_ABSENT;
         at = gw_json_next(w->doc, at)) {
        bool member = type == GW_JSON_OBJECT;
        gw_json_ref value = member ? gw_json_value(w->doc, at) : at;
        if (member && is_data(w->doc, at))
            continue;
        bool refers = member && gw_json_key_is(w->doc, at, "$ref") &&
                      gw_json_typeof(w->doc, value) == GW_JSON_STRING;
        if (refers ? !follow(w, value, depth) : !visit(w, value, depth))
            return false;
    }
    *seen = DONE;
    return true;
}

int gw_schema_flat(gw_arena *arena, const gw_json_doc *doc, gw_raw schema, aigw_error *err)
{
    gw_json_doc own;
    walk w = {.doc = doc, .root = gw_ref_of(doc, schema.json), .found = GW_JSON_ABSENT};
    bool placed = w.root != GW_JSON_ABSENT;
    if (gw_find(schema.json, GW_S("$ref")) == NULL)
        return AIGW_OK;
    if (!placed) { /* it was made from something else */
        if (gw_json_parse(arena, schema.json, NULL, &own, NULL) != AIGW_OK)
            return gw_fail_nomem(err);
        w.doc = &own;
        w.root = 0;
    }
    w.states = gw_arena_calloc(arena, w.doc->node_count - w.root, 1);
    if (w.states == NULL)
        return gw_fail_nomem(err);
    if (visit(&w, w.root, 0))
        return AIGW_OK;
    return gw_json_fail(err, w.doc, placed ? w.found : GW_JSON_ABSENT, AIGW_E_UNSUPPORTED,
                        "schema_ref",
                        "a schema that refers to itself or elsewhere cannot be enforced there");
}
