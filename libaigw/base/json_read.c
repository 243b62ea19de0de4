/* Reading a parsed JSON document: members, values, pointers. */
/* Must not parse; it trusts the tape that the parser made. */
#include "base/error.h"
#include "base/json.h"
#include "base/json_string.h"
#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const gw_json_node *node_of(const gw_json_doc *doc, gw_json_ref ref)
{
    return doc != NULL && ref < doc->node_count ? &doc->nodes[ref] : NULL;
}

static bool is_container(const gw_json_node *node)
{
    return node != NULL && (node->type == GW_JSON_ARRAY || node->type == GW_JSON_OBJECT);
}

gw_json_type gw_json_typeof(const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    return node ? (gw_json_type)node->type : GW_JSON_NONE;
}

uint32_t gw_json_count(const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    return is_container(node) ? node->count : 0;
}

gw_json_ref gw_json_first(const gw_json_doc *doc, gw_json_ref container)
{
    return gw_json_count(doc, container) > 0 ? container + 1 : GW_JSON_ABSENT;
}

gw_json_ref gw_json_next(const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    return node && node->next != 0 ? node->next : GW_JSON_ABSENT;
}

gw_json_ref gw_json_value(const gw_json_doc *doc, gw_json_ref key)
{
    const gw_json_node *node = node_of(doc, key);
    return node && node->key ? key + 1 : GW_JSON_ABSENT;
}

static aigw_slice inner_of(const gw_json_doc *doc, const gw_json_node *node)
{
    return gw_slice(doc->text.data + node->start, node->end - node->start);
}

static bool string_is(const gw_json_doc *doc, const gw_json_node *node, aigw_slice plain)
{
    if (node == NULL || node->type != GW_JSON_STRING)
        return false;
    aigw_slice inner = inner_of(doc, node);
    return node->escaped ? gw_json_inner_is(inner, plain) : gw_eq(inner, plain);
}

bool gw_json_key_is(const gw_json_doc *doc, gw_json_ref key, const char *name)
{
    const gw_json_node *node = node_of(doc, key);
    return node && node->key && string_is(doc, node, aigw_slice_of(name));
}

gw_json_ref gw_json_get(const gw_json_doc *doc, gw_json_ref object, const char *name)
{
    if (gw_json_typeof(doc, object) != GW_JSON_OBJECT)
        return GW_JSON_ABSENT;
    aigw_slice plain = aigw_slice_of(name);
    for (gw_json_ref key = gw_json_first(doc, object); key != GW_JSON_ABSENT;
         key = gw_json_next(doc, key)) {
        if (string_is(doc, &doc->nodes[key], plain))
            return key + 1;
    }
    return GW_JSON_ABSENT;
}

gw_json_ref gw_json_at(const gw_json_doc *doc, gw_json_ref array, uint32_t i)
{
    if (gw_json_typeof(doc, array) != GW_JSON_ARRAY || i >= gw_json_count(doc, array))
        return GW_JSON_ABSENT;
    gw_json_ref ref = gw_json_first(doc, array);
    while (i-- > 0)
        ref = gw_json_next(doc, ref);
    return ref;
}

aigw_slice gw_json_raw(const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    if (node == NULL)
        return (aigw_slice){NULL, 0};
    uint32_t quote = node->type == GW_JSON_STRING ? 1 : 0;
    return gw_slice(doc->text.data + node->start - quote, node->end - node->start + 2 * quote);
}

aigw_slice gw_json_inner(const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    if (node == NULL || node->type != GW_JSON_STRING)
        return (aigw_slice){NULL, 0};
    return inner_of(doc, node);
}

aigw_slice gw_json_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref ref)
{
    const gw_json_node *node = node_of(doc, ref);
    if (node == NULL || node->type != GW_JSON_STRING)
        return (aigw_slice){NULL, 0};
    aigw_slice inner = inner_of(doc, node);
    return node->escaped ? gw_json_unescape(arena, inner) : inner;
}

bool gw_json_is(const gw_json_doc *doc, gw_json_ref ref, const char *plain)
{
    return string_is(doc, node_of(doc, ref), aigw_slice_of(plain));
}

bool gw_json_i64(const gw_json_doc *doc, gw_json_ref ref, int64_t *out)
{
    const gw_json_node *node = node_of(doc, ref);
    return node && node->type == GW_JSON_NUMBER && gw_parse_i64(inner_of(doc, node), out);
}

/* The decimal point must not depend on the locale of the embedding program. */
static double to_double(const char *text)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return NAN;
    double value = strtod_l(text, NULL, plain);
    freelocale(plain);
    return value;
}

bool gw_json_f64(const gw_json_doc *doc, gw_json_ref ref, double *out)
{
    const gw_json_node *node = node_of(doc, ref);
    if (node == NULL || node->type != GW_JSON_NUMBER)
        return false;
    aigw_slice text = inner_of(doc, node);
    char local[64];
    char *copy = text.len < sizeof(local) ? local : gw_alloc(text.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    double value = to_double(copy);
    if (copy != local)
        gw_free(copy);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool gw_json_bool(const gw_json_doc *doc, gw_json_ref ref, bool *out)
{
    gw_json_type type = gw_json_typeof(doc, ref);
    if (type != GW_JSON_TRUE && type != GW_JSON_FALSE)
        return false;
    *out = type == GW_JSON_TRUE;
    return true;
}

bool gw_json_is_null(const gw_json_doc *doc, gw_json_ref ref)
{
    gw_json_type type = gw_json_typeof(doc, ref);
    return type == GW_JSON_NONE || type == GW_JSON_NULL;
}

typedef struct pointer_out {
    char *at;
    char *end; /* the place of the NUL at the latest */
} pointer_out;

/* All of the bytes or none; afterwards nothing more, so that a cut never joins distant parts. */
static bool put(pointer_out *out, const void *bytes, size_t n)
{
    if ((size_t)(out->end - out->at) < n) {
        out->end = out->at;
        return false;
    }
    memcpy(out->at, bytes, n);
    out->at += n;
    return true;
}

static void put_name(pointer_out *out, aigw_slice inner)
{
    const char *p = inner.data, *end = inner.data + inner.len;
    bool room = true;
    while (p < end && room) {
        uint8_t bytes[4];
        size_t n = 0;
        if (*p == '\\') {
            uint32_t code = gw_json_escape_read(&p, end);
            n = gw_json_utf8_write(code >= 0xD800 && code < 0xE000 ? 0xFFFD : code, bytes);
        } else {
            n = gw_utf8_sequence(p, (size_t)(end - p));
            if (n == 0)
                return;
            memcpy(bytes, p, n);
            p += n;
        }
        if (bytes[0] == '~')
            room = put(out, "~0", 2);
        else if (bytes[0] == '/')
            room = put(out, "~1", 2);
        else
            room = put(out, bytes, n);
    }
}

/* Of the children of `at` the one whose run of the tape contains ref. A step that led there before, or to
 * one in front of it, is where the search begins. */
static gw_json_ref child_at(const gw_json_doc *doc, gw_json_trail *trail, size_t depth,
                            gw_json_ref at, gw_json_ref ref, uint32_t *index)
{
    gw_json_ref child = at + 1;
    bool kept = depth < sizeof(trail->steps) / sizeof(trail->steps[0]);
    *index = 0;
    if (kept && trail->steps[depth].at == at && trail->steps[depth].child > at &&
        trail->steps[depth].child <= ref) {
        child = trail->steps[depth].child;
        *index = trail->steps[depth].index;
    }
    while (doc->nodes[child].next != 0 && doc->nodes[child].next <= ref) {
        child = doc->nodes[child].next;
        (*index)++;
    }
    if (kept) {
        trail->steps[depth].at = at;
        trail->steps[depth].child = child;
        trail->steps[depth].index = *index;
    }
    return child;
}

void gw_json_pointer_along(gw_json_trail *trail, const gw_json_doc *doc, gw_json_ref ref, char *out,
                           size_t size)
{
    if (size == 0)
        return;
    if (trail->nodes != doc->nodes)
        *trail = (gw_json_trail){.nodes = doc->nodes};
    pointer_out to = {out, out + size - 1};
    gw_json_ref at = 0;
    for (size_t depth = 0; ref < doc->node_count && ref > at; depth++) {
        bool object = doc->nodes[at].type == GW_JSON_OBJECT;
        uint32_t i;
        gw_json_ref child = child_at(doc, trail, depth, at, ref, &i);
        put(&to, "/", 1);
        if (object) {
            put_name(&to, inner_of(doc, &doc->nodes[child]));
        } else {
            char digits[24];
            put(&to, digits, (size_t)snprintf(digits, sizeof(digits), "%lu", (unsigned long)i));
        }
        if (child == ref)
            break;
        at = object ? child + 1 : child;
    }
    *to.at = '\0';
}

void gw_json_pointer(const gw_json_doc *doc, gw_json_ref ref, char *out, size_t size)
{
    gw_json_trail trail = {.nodes = doc->nodes};
    gw_json_pointer_along(&trail, doc, ref, out, size);
}

int gw_json_fail(aigw_error *err, const gw_json_doc *doc, gw_json_ref ref, int code,
                 const char *reason, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    char message[sizeof(err->message)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    gw_fail(err, code, reason, "%s", message);
    err->http_status = 400;
    if (ref != GW_JSON_ABSENT)
        gw_json_pointer(doc, ref, err->pointer, sizeof(err->pointer));
    return code;
}
