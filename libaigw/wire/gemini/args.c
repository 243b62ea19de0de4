/* Arguments of a call that come in pieces: a tree of values, each found by its path. */
/* Must not know streams; every list is bounded, since the pieces are the provider's. */
#include "wire/gemini/args.h"

#include "base/text.h"
#include "wire/gemini/gemini.h"

enum { MAX_DEPTH = 64, MAX_NODES = 4096, MAX_PATH = 4096 };

typedef enum kind { NOTHING, VALUE, STRING, OBJECT, ARRAY } kind;

typedef struct node {
    kind kind;
    aigw_slice name;  /* of a member: the inside of a JSON string */
    aigw_slice value; /* VALUE: JSON; STRING: the inside of one, in `cap` bytes */
    size_t cap;
    bool goes_on;
    struct node *first, *last, *next;
    uint32_t count;
} node;

struct gw_gm_args {
    gw_arena *arena;
    node root;
    uint32_t nodes;
};

gw_gm_args *gw_gm_args_new(gw_arena *arena)
{
    gw_gm_args *args = gw_arena_calloc(arena, 1, sizeof *args);
    if (args != NULL) {
        args->arena = arena;
        args->root.kind = OBJECT;
    }
    return args;
}

static int add_child(gw_gm_args *args, node *parent, aigw_slice name, node **out)
{
    if (args->nodes >= MAX_NODES)
        return AIGW_E_UPSTREAM;
    node *fresh = gw_arena_calloc(args->arena, 1, sizeof *fresh);
    if (fresh == NULL)
        return AIGW_E_NOMEM;
    args->nodes++;
    if (name.len > 0) {
        fresh->name = gw_arena_copy(args->arena, name);
        if (fresh->name.data == NULL)
            return AIGW_E_NOMEM;
    }
    if (parent->last == NULL)
        parent->first = fresh;
    else
        parent->last->next = fresh;
    parent->last = fresh;
    parent->count++;
    *out = fresh;
    return AIGW_OK;
}

static bool becomes(node *n, kind what)
{
    if (n->kind == NOTHING)
        n->kind = what;
    return n->kind == what;
}

/* The member of an object; most often it is the last one. */
static int member_of(gw_gm_args *args, node *parent, aigw_slice name, node **out)
{
    if (!becomes(parent, OBJECT))
        return AIGW_E_UPSTREAM;
    if (parent->last != NULL && gw_eq(parent->last->name, name)) {
        *out = parent->last;
        return AIGW_OK;
    }
    for (node *n = parent->first; n != NULL; n = n->next) {
        if (gw_eq(n->name, name)) {
            *out = n;
            return AIGW_OK;
        }
    }
    return add_child(args, parent, name, out);
}

/* Elements come in order: the last one, or the next. */
static int element_of(gw_gm_args *args, node *parent, aigw_slice digits, node **out)
{
    uint64_t index;
    if (!becomes(parent, ARRAY) || !gw_parse_u64(digits, &index) || index > parent->count)
        return AIGW_E_UPSTREAM;
    if (index == parent->count)
        return add_child(args, parent, GW_S(""), out);
    if (index + 1 == parent->count) {
        *out = parent->last;
        return AIGW_OK;
    }
    node *n = parent->first;
    for (; index > 0; index--)
        n = n->next;
    *out = n;
    return AIGW_OK;
}

/* ['name'] or ["name"] or [12]; *path stands behind the opening bracket and is moved behind the other. */
static int bracket(gw_gm_args *args, node *parent, aigw_slice *path, node **out)
{
    char quote = path->len > 0 ? path->data[0] : '\0';
    if (quote == '\\') /* the path is still escaped: \"name\" */
        quote = path->len > 1 ? path->data[1] : '\0';
    if (quote != '\'' && quote != '"') {
        aigw_slice digits = gw_cut(path, ']');
        return path->data == NULL ? AIGW_E_UPSTREAM : element_of(args, parent, digits, out);
    }
    const char *end = gw_find(*path, quote == '\'' ? GW_S("']") : GW_S("\\\"]"));
    size_t head = quote == '\'' ? 1 : 2;
    if (end == NULL || (size_t)(end - path->data) < head)
        return AIGW_E_UPSTREAM;
    size_t len = (size_t)(end - path->data) - head;
    aigw_slice name = gw_slice(path->data + head, len);
    *path = gw_skip(*path, len + 2 * head + 1);
    return member_of(args, parent, name, out);
}

static int find_node(gw_gm_args *args, aigw_slice path, node **out)
{
    node *at = &args->root;
    int rc = AIGW_OK;
    if (path.len < 2 || path.len > MAX_PATH || path.data[0] != '$')
        return AIGW_E_UPSTREAM;
    path = gw_skip(path, 1);
    for (int depth = 0; path.len > 0 && rc == AIGW_OK; depth++) {
        char c = path.data[0];
        path = gw_skip(path, 1);
        if (depth >= MAX_DEPTH)
            return AIGW_E_UPSTREAM;
        if (c == '[') {
            rc = bracket(args, at, &path, &at);
        } else if (c == '.') {
            size_t len = 0;
            while (len < path.len && path.data[len] != '.' && path.data[len] != '[')
                len++;
            if (len == 0)
                return AIGW_E_UPSTREAM;
            aigw_slice name = gw_slice(path.data, len);
            path = gw_skip(path, len);
            rc = member_of(args, at, name, &at);
        } else {
            return AIGW_E_UPSTREAM;
        }
    }
    *out = at;
    return rc;
}

static int append(gw_gm_args *args, node *n, aigw_slice text)
{
    size_t len = n->value.len + text.len;
    if (len > n->cap) {
        size_t cap = len < 64 ? 128 : len * 2;
        char *to = gw_arena_alloc(args->arena, cap);
        if (to == NULL)
            return AIGW_E_NOMEM;
        if (n->value.len > 0)
            memcpy(to, n->value.data, n->value.len);
        n->value.data = to;
        n->cap = cap;
    }
    if (text.len > 0)
        memcpy((char *)(uintptr_t)n->value.data + n->value.len, text.data, text.len);
    n->value.len = len;
    return AIGW_OK;
}

int gw_gm_args_add(gw_gm_args *args, const gw_json_doc *doc, gw_json_ref piece)
{
    node *n = NULL;
    bool more = false;
    int rc = find_node(args, gw_json_inner(doc, gw_gm_get(doc, piece, "jsonPath")), &n);
    if (rc != AIGW_OK)
        return rc;
    gw_json_bool(doc, gw_gm_get(doc, piece, "willContinue"), &more);
    gw_json_ref text = gw_gm_get(doc, piece, "stringValue");
    if (gw_json_typeof(doc, text) == GW_JSON_STRING) {
        if (!becomes(n, STRING))
            return AIGW_E_UPSTREAM;
        if (!n->goes_on)
            n->value.len = 0;
        n->goes_on = more;
        return append(args, n, gw_json_inner(doc, text));
    }
    gw_json_ref number = gw_gm_get(doc, piece, "numberValue");
    gw_json_ref flag = gw_gm_get(doc, piece, "boolValue");
    aigw_slice value = {NULL, 0};
    if (gw_json_typeof(doc, number) == GW_JSON_NUMBER)
        value = gw_json_raw(doc, number);
    else if (gw_json_typeof(doc, flag) == GW_JSON_TRUE ||
             gw_json_typeof(doc, flag) == GW_JSON_FALSE)
        value = gw_json_raw(doc, flag);
    else if (gw_gm_get(doc, piece, "nullValue") != GW_JSON_ABSENT)
        value = GW_S("null");
    else
        return AIGW_OK; /* a path, and nothing at it yet */
    if (!becomes(n, VALUE))
        return AIGW_E_UPSTREAM;
    n->value.len = 0;
    return append(args, n, value);
}

static void write_node(const node *n, gw_jw *w)
{
    switch (n->kind) {
    case STRING:
        gw_jw_inner(w, n->value.data == NULL ? GW_S("") : n->value);
        return;
    case VALUE:
        gw_jw_raw(w, n->value);
        return;
    case ARRAY:
        gw_jw_array(w);
        for (const node *c = n->first; c != NULL; c = c->next)
            write_node(c, w);
        gw_jw_array_end(w);
        return;
    case OBJECT:
        gw_jw_object(w);
        for (const node *c = n->first; c != NULL; c = c->next) {
            gw_jw_key_inner(w, c->name.data == NULL ? GW_S("") : c->name);
            write_node(c, w);
        }
        gw_jw_object_end(w);
        return;
    default:
        gw_jw_null(w);
    }
}

void gw_gm_args_write(const gw_gm_args *args, gw_jw *w)
{
    write_node(&args->root, w);
}
