/* Fills the structs of raw.h from a tree, by the table of schema.c.
 * Must not know a key by name; what several keys mean together is for others. */
#include "gateway/config/schema.h"

#include "base/error.h"
#include "base/text.h"
#include <stdlib.h>

typedef struct binder {
    gw_cfg_tree *tree;
    aigw_error *err;
} binder;

static int bind_section(binder *b, const gw_cfg_section *section, const gw_cfg_node *node,
                        void *out);

/* Levenshtein's distance of two short words; more than any limit when they are long. */
static size_t distance(aigw_slice a, aigw_slice b)
{
    size_t row[40];
    if (a.len >= 40 || b.len >= 40)
        return 100;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
            diagonal = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[b.len];
}

static int fail_unknown(binder *b, const gw_cfg_section *section, const gw_cfg_node *node)
{
    const char *best = NULL;
    size_t least = node->key.len / 3 + 2;
    for (const gw_cfg_key *key = section->keys; key->name; key++) {
        size_t d = distance(node->key, aigw_slice_of(key->name));
        if (d < least) {
            least = d;
            best = key->name;
        }
    }
    if (best)
        return gw_cfg_fail(b->err, node, "unknown_key",
                           "unknown key \"%s\" in %s: did you mean \"%s\"?",
                           gw_cfg_show(node->key).text, section->what, best);
    return gw_cfg_fail(b->err, node, "unknown_key", "unknown key \"%s\" in %s",
                       gw_cfg_show(node->key).text, section->what);
}

static int fail_type(binder *b, const gw_cfg_node *node, const char *expected)
{
    static const char *const found[] = {"a single value", "a section", "a list"};
    const char *what = gw_cfg_is_null(node) ? "nothing" : found[node->shape];
    if (node->shape == GW_CFG_SCALAR && !node->plain)
        what = "a text in quotes";
    return gw_cfg_fail(b->err, node, "wrong_type", "expected %s, found %s", expected, what);
}

/* May this scalar stand for a number or a truth value? Quotes make it a text, as in JSON. */
static bool is_bare(const gw_cfg_node *node)
{
    return node->shape == GW_CFG_SCALAR && (node->plain || node->expanded);
}

/* Would a YAML reader (1.2 core schema) take this plain scalar for something else than text? */
static bool looks_typed(const gw_cfg_node *node)
{
    if (!node->plain || node->expanded)
        return false;
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE",
                                        ".inf", ".Inf", ".INF", ".nan",  ".NaN",  ".NAN"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (gw_eq(node->text, aigw_slice_of(words[i])))
            return true;
    }
    if (node->text.len == 0 || !strchr("+-.0123456789", node->text.data[0]))
        return false;
    char *end;
    strtod(node->text.data, &end);
    return end == node->text.data + node->text.len;
}

static int bind_flag(binder *b, const gw_cfg_node *node, int *out)
{
    if (!is_bare(node))
        return fail_type(b, node, "true or false");
    bool yes = gw_eq(node->text, GW_S("true"));
    if (!yes && !gw_eq(node->text, GW_S("false")))
        return gw_cfg_fail(b->err, node, "wrong_type", "expected true or false");
    *out = yes;
    return AIGW_OK;
}

static int bind_int(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, int64_t *out)
{
    int64_t value;
    if (!is_bare(node) || gw_cfg_is_null(node))
        return fail_type(b, node, "a whole number");
    if (!gw_parse_i64(node->text, &value))
        return gw_cfg_fail(b->err, node, "wrong_type", "expected a whole number");
    if (value < key->min || value > key->max)
        return gw_cfg_fail(b->err, node, "out_of_range", "expected a number from %lld to %lld",
                           (long long)key->min, (long long)key->max);
    *out = value;
    return AIGW_OK;
}

static int bind_text(binder *b, int64_t max, const gw_cfg_node *node, aigw_slice *out)
{
    if (node->shape != GW_CFG_SCALAR || gw_cfg_is_null(node))
        return fail_type(b, node, "text");
    if (looks_typed(node))
        return gw_cfg_fail(b->err, node, "wrong_type",
                           "expected text: put quotes around this number or truth value");
    if (node->text.len == 0)
        return gw_cfg_fail(b->err, node, "empty", "expected text, found an empty one");
    if ((int64_t)node->text.len > max)
        return gw_cfg_fail(b->err, node, "too_long", "expected at most %lld bytes", (long long)max);
    if (memchr(node->text.data, 0, node->text.len))
        return gw_cfg_fail(b->err, node, "bad_text", "a NUL character is not accepted");
    *out = node->text;
    return AIGW_OK;
}

static int bind_word(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, int *out)
{
    char list[200] = "";
    size_t at = 0;
    bool cut = false;
    for (int i = 0; key->words[i]; i++) {
        if (node->shape == GW_CFG_SCALAR && gw_eq(node->text, aigw_slice_of(key->words[i]))) {
            *out = i;
            return AIGW_OK;
        }
        size_t n = strlen(key->words[i]);
        cut = cut || at + n + 3 >= sizeof list;
        if (!cut) {
            if (at > 0) {
                memcpy(list + at, ", ", 2);
                at += 2;
            }
            memcpy(list + at, key->words[i], n + 1);
            at += n;
        }
    }
    return gw_cfg_fail(b->err, node, "unknown_word", "expected one of: %s%s", list,
                       cut ? ", ..." : "");
}

static int check_count(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, size_t count)
{
    if ((int64_t)count < key->min)
        return gw_cfg_fail(b->err, node, "too_few", "expected at least %lld", (long long)key->min);
    if ((int64_t)count > key->max)
        return gw_cfg_fail(b->err, node, "too_many", "expected at most %lld", (long long)key->max);
    return AIGW_OK;
}

static int bind_texts(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, gw_cfg_texts *out)
{
    bool empty = gw_cfg_is_null(node);
    if (node->shape != GW_CFG_LIST && !empty)
        return fail_type(b, node, "a list of texts");
    size_t count = empty ? 0 : node->count;
    int code = check_count(b, key, node, count);
    if (code != AIGW_OK)
        return code;
    *out = (gw_cfg_texts){NULL, count, node};
    out->items = gw_arena_calloc(b->tree->arena, count + 1, sizeof *out->items);
    if (!out->items)
        return gw_fail_nomem(b->err);
    for (const gw_cfg_node *n = node->first; n; n = n->next) {
        code = bind_text(b, 1024, n, &out->items[n->index]);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

static int bind_pairs(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, gw_cfg_pairs *out)
{
    bool empty = gw_cfg_is_null(node);
    if (node->shape != GW_CFG_MAP && !empty)
        return fail_type(b, node, "a section of names with texts");
    size_t count = empty ? 0 : node->count;
    int code = check_count(b, key, node, count);
    if (code != AIGW_OK)
        return code;
    *out = (gw_cfg_pairs){NULL, count, node};
    out->items = gw_arena_calloc(b->tree->arena, count + 1, sizeof *out->items);
    if (!out->items)
        return gw_fail_nomem(b->err);
    aigw_header *pair = out->items;
    for (const gw_cfg_node *n = node->first; n; n = n->next, pair++) {
        pair->name = n->key;
        bool number = key->numbers && n->shape == GW_CFG_SCALAR && n->plain && n->text.len > 0;
        if (number)
            pair->value = n->text;
        code = number ? AIGW_OK : bind_text(b, 16384, n, &pair->value);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

static int bind_list(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, gw_cfg_list *out)
{
    bool empty = gw_cfg_is_null(node);
    if (node->shape != GW_CFG_LIST && !empty)
        return fail_type(b, node, "a list");
    size_t count = empty ? 0 : node->count;
    int code = check_count(b, key, node, count);
    if (code != AIGW_OK)
        return code;
    char *items = gw_arena_calloc(b->tree->arena, count + 1, key->section->size);
    if (!items)
        return gw_fail_nomem(b->err);
    *out = (gw_cfg_list){items, count, node};
    for (const gw_cfg_node *n = node->first; n; n = n->next) {
        if (n->shape != GW_CFG_MAP)
            return fail_type(b, n, "a section");
        code = bind_section(b, key->section, n, items + n->index * key->section->size);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

static int bind_value(binder *b, const gw_cfg_key *key, const gw_cfg_node *node, char *base)
{
    void *field = base + key->offset;
    switch (key->kind) {
    case GW_CFG_FLAG:
        return bind_flag(b, node, field);
    case GW_CFG_INT:
        return bind_int(b, key, node, field);
    case GW_CFG_TEXT:
        return bind_text(b, key->max, node, field);
    case GW_CFG_WORD:
        return bind_word(b, key, node, field);
    case GW_CFG_SECTION:
        return bind_section(b, key->section, node, field);
    case GW_CFG_TEXTS:
        return bind_texts(b, key, node, field);
    case GW_CFG_SECTIONS:
        return bind_list(b, key, node, field);
    case GW_CFG_PAIRS:
        return bind_pairs(b, key, node, field);
    }
    return AIGW_E_INVALID;
}

static int preset_texts(binder *b, const char *text, gw_cfg_texts *out)
{
    out->items = gw_arena_calloc(b->tree->arena, 1, sizeof *out->items);
    if (!out->items)
        return gw_fail_nomem(b->err);
    out->items[0] = aigw_slice_of(text);
    out->count = 1;
    return AIGW_OK;
}

/* The defaults of a section, those of its inner sections too. */
static int preset(binder *b, const gw_cfg_section *section, char *base)
{
    for (const gw_cfg_key *key = section->keys; key->name; key++) {
        void *field = base + key->offset;
        int code = AIGW_OK;
        if (key->kind == GW_CFG_FLAG || key->kind == GW_CFG_WORD)
            *(int *)field = (int)key->preset;
        else if (key->kind == GW_CFG_INT)
            *(int64_t *)field = key->preset;
        else if (key->kind == GW_CFG_TEXT && key->preset_text)
            *(aigw_slice *)field = aigw_slice_of(key->preset_text);
        else if (key->kind == GW_CFG_TEXTS && key->preset_text)
            code = preset_texts(b, key->preset_text, field);
        else if (key->kind == GW_CFG_SECTION)
            code = preset(b, key->section, field);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

static int bind_section(binder *b, const gw_cfg_section *section, const gw_cfg_node *node,
                        void *out)
{
    memset(out, 0, section->size);
    int code = preset(b, section, out);
    bool empty = !node || gw_cfg_is_null(node);
    if (code != AIGW_OK)
        return code;
    if (!empty && node->shape != GW_CFG_MAP)
        return fail_type(b, node, "a section");
    for (const gw_cfg_node *n = empty ? NULL : node->first; n; n = n->next) {
        const gw_cfg_key *key = section->keys;
        while (key->name && !gw_eq(n->key, aigw_slice_of(key->name)))
            key++;
        code = key->name ? bind_value(b, key, n, out) : fail_unknown(b, section, n);
        if (code != AIGW_OK)
            return code;
    }
    for (const gw_cfg_key *key = section->keys; key->name; key++) {
        if (key->required && !gw_cfg_member(node, key->name))
            return gw_cfg_fail(b->err, node, "missing_key", "%s needs the key \"%s\"",
                               section->what, key->name);
    }
    *(const gw_cfg_node **)out = empty ? NULL : node;
    return AIGW_OK;
}

int gw_cfg_bind(gw_cfg_tree *tree, const gw_cfg_section *section, const gw_cfg_node *node,
                void *out, aigw_error *err)
{
    binder b = {tree, err};
    return bind_section(&b, section, node, out);
}
