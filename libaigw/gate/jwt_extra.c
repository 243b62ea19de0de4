/* Claims that rules are about: packed as name, form and strings, and held against the rules.
 * Knows nothing of tokens; reading a pack allocates nothing, since the cache does it on each hit. */
#include "base/text.h"
#include "gate/jwt.h"

/* A record: name, form, count, strings. A number is two bytes, big end first; a string is its length
 * and its bytes. No token is larger than such a number can say. */
typedef enum form { FORM_ABSENT, FORM_STRING, FORM_ARRAY, FORM_OTHER } form;

typedef struct record {
    aigw_slice name;
    form form;
    unsigned count;
    aigw_slice strings; /* packed */
} record;

/* ---- Packing ---- */

static char *put_number(char *at, size_t number)
{
    *at++ = (char)(unsigned char)(number >> 8);
    *at++ = (char)(unsigned char)number;
    return at;
}

static char *put_string(char *at, aigw_slice text)
{
    at = put_number(at, text.len);
    if (text.len)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

static form form_of(const gw_json_doc *doc, gw_json_ref value)
{
    if (gw_json_is_null(doc, value))
        return FORM_ABSENT;
    if (gw_json_typeof(doc, value) == GW_JSON_STRING)
        return FORM_STRING;
    if (gw_json_typeof(doc, value) != GW_JSON_ARRAY)
        return FORM_OTHER;
    for (gw_json_ref r = gw_json_first(doc, value); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        if (gw_json_typeof(doc, r) != GW_JSON_STRING)
            return FORM_OTHER;
    }
    return FORM_ARRAY;
}

/* The claim of this name; the name is not NUL-terminated. */
static gw_json_ref find_claim(gw_arena *arena, const gw_json_doc *doc, aigw_slice name,
                              bool *no_memory)
{
    for (gw_json_ref r = gw_json_first(doc, 0); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        aigw_slice key = gw_json_unescape(arena, gw_json_inner(doc, r));
        *no_memory |= !key.data;
        if (key.data && gw_eq(key, name))
            return gw_json_value(doc, r);
    }
    return GW_JSON_ABSENT;
}

static char *put_claim(gw_arena *arena, const gw_json_doc *doc, aigw_slice name, gw_json_ref value,
                       char *at)
{
    form f = form_of(doc, value);
    at = put_string(at, name);
    *at++ = (char)f;
    if (f == FORM_STRING) {
        aigw_slice text = gw_json_text(arena, doc, value);
        return text.data ? put_string(put_number(at, 1), text) : NULL;
    }
    at = put_number(at, f == FORM_ARRAY ? gw_json_count(doc, value) : 0);
    if (f != FORM_ARRAY)
        return at;
    for (gw_json_ref r = gw_json_first(doc, value); r != GW_JSON_ABSENT; r = gw_json_next(doc, r)) {
        aigw_slice text = gw_json_text(arena, doc, r);
        if (!text.data)
            return NULL;
        at = put_string(at, text);
    }
    return at;
}

bool gw_jwt_extra_read(gw_arena *arena, const gw_json_doc *doc, const aigw_claim_rule *rules,
                       size_t count, aigw_slice *out)
{
    *out = GW_S("");
    if (count == 0)
        return true;
    /* A string takes no more room than it had with its quotes; 8 are for what stands around them. */
    size_t room = 0;
    bool no_memory = false;
    gw_json_ref *values = gw_arena_calloc(arena, count, sizeof *values);
    for (size_t i = 0; values && i < count; i++) {
        values[i] = find_claim(arena, doc, rules[i].name, &no_memory);
        room += rules[i].name.len + 8;
        if (values[i] != GW_JSON_ABSENT)
            room += gw_json_raw(doc, values[i]).len;
    }
    char *bytes = values && !no_memory ? gw_arena_alloc(arena, room) : NULL;
    char *at = bytes;
    for (size_t i = 0; at && i < count; i++)
        at = put_claim(arena, doc, rules[i].name, values[i], at);
    if (!at)
        return false;
    *out = gw_slice(bytes, (size_t)(at - bytes));
    return true;
}

/* ---- Reading a pack; it is our own, so nothing in it is out of bounds ---- */

static size_t take_number(aigw_slice *rest)
{
    const unsigned char *p = (const unsigned char *)rest->data;
    size_t number = (size_t)p[0] << 8 | p[1];
    *rest = gw_skip(*rest, 2);
    return number;
}

static aigw_slice take_string(aigw_slice *rest)
{
    size_t len = take_number(rest);
    aigw_slice text = gw_slice(rest->data, len);
    *rest = gw_skip(*rest, len);
    return text;
}

static bool find_record(aigw_slice extra, aigw_slice name, record *out)
{
    while (extra.len) {
        out->name = take_string(&extra);
        out->form = (form)extra.data[0];
        extra = gw_skip(extra, 1);
        out->count = (unsigned)take_number(&extra);
        out->strings = extra;
        if (gw_eq(out->name, name))
            return true;
        for (unsigned i = 0; i < out->count; i++)
            take_string(&extra);
    }
    return false;
}

bool gw_jwt_extra_covers(aigw_slice extra, const aigw_claim_rule *rules, size_t count)
{
    record r;
    for (size_t i = 0; i < count; i++) {
        if (!find_record(extra, rules[i].name, &r))
            return false;
    }
    return true;
}

static bool is_wanted(aigw_slice text, const aigw_claim_rule *rule)
{
    for (size_t i = 0; i < rule->value_count; i++) {
        if (gw_eq(text, rule->values[i]))
            return true;
    }
    return false;
}

static bool has_wanted_word(aigw_slice words, const aigw_claim_rule *rule)
{
    while (words.data) {
        aigw_slice word = gw_cut(&words, ' ');
        if (word.len && is_wanted(word, rule))
            return true;
    }
    return false;
}

bool gw_jwt_extra_meets(aigw_slice extra, const aigw_claim_rule *rule)
{
    record r;
    if (!find_record(extra, rule->name, &r))
        return false;
    bool any = rule->format == AIGW_CLAIM_AUTO;
    if (r.form == FORM_STRING) {
        aigw_slice text = take_string(&r.strings);
        return ((any || rule->format == AIGW_CLAIM_STRING) && is_wanted(text, rule)) ||
               ((any || rule->format == AIGW_CLAIM_WORDS) && has_wanted_word(text, rule));
    }
    if (r.form != FORM_ARRAY || !(any || rule->format == AIGW_CLAIM_ARRAY))
        return false;
    for (unsigned i = 0; i < r.count; i++) {
        if (is_wanted(take_string(&r.strings), rule))
            return true;
    }
    return false;
}
