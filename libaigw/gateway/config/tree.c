/* Reads YAML events into a tree with lines, refusing whatever two readers could read differently.
 * The one file that uses libyaml; must not know any key. */
#include "gateway/config/tree.h"

#include "base/crypto.h"
#include "base/error.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

int gw_cfg_tree_init(gw_cfg_tree *tree, const aigw_host *host, aigw_error *err)
{
    *tree = (gw_cfg_tree){.host = host};
    tree->arena = gw_arena_new((size_t)32 * 1024 * 1024);
    return tree->arena ? AIGW_OK : gw_fail_nomem(err);
}

void gw_cfg_tree_free(gw_cfg_tree *tree)
{
    for (gw_cfg_node *n = tree->newest; n; n = n->older) {
        if (n->text.len > 0)
            gw_wipe((void *)(uintptr_t)n->text.data, n->text.len);
    }
    if (tree->scratch)
        gw_wipe(tree->scratch, GW_CFG_MAX_SCALAR_BYTES + 1);
    gw_arena_free(tree->arena);
    *tree = (gw_cfg_tree){0};
}

const gw_cfg_node *gw_cfg_member(const gw_cfg_node *map, const char *key)
{
    if (!map || map->shape != GW_CFG_MAP)
        return NULL;
    for (const gw_cfg_node *n = map->first; n; n = n->next) {
        if (gw_eq(n->key, aigw_slice_of(key)))
            return n;
    }
    return NULL;
}

bool gw_cfg_is_null(const gw_cfg_node *node)
{
    if (node->shape != GW_CFG_SCALAR || !node->plain || node->expanded)
        return false;
    return node->text.len == 0 || gw_eq(node->text, GW_S("~")) || gw_eq(node->text, GW_S("null")) ||
           gw_eq(node->text, GW_S("Null")) || gw_eq(node->text, GW_S("NULL"));
}

gw_cfg_shown gw_cfg_show(aigw_slice name)
{
    gw_cfg_shown shown;
    size_t n = 0;
    for (; n < name.len && n < 48; n++)
        shown.text[n] = name.data[n] >= 0x20 && name.data[n] < 0x7f ? name.data[n] : '?';
    if (n < name.len)
        for (int dots = 0; dots < 3; dots++)
            shown.text[n++] = '.';
    shown.text[n] = '\0';
    return shown;
}

/* Appends one reference token of RFC 6901: ~ and / are escaped. */
static size_t put_token(char *out, size_t at, size_t size, aigw_slice token)
{
    for (size_t i = 0; i < token.len && at + 3 < size; i++) {
        char c = token.data[i];
        if (c == '~' || c == '/') {
            out[at++] = '~';
            c = c == '~' ? '0' : '1';
        }
        out[at++] = (unsigned char)c >= 0x20 && c != 0x7f ? c : '?';
    }
    return at;
}

static void put_pointer(char *out, size_t size, const gw_cfg_node *node)
{
    const gw_cfg_node *path[GW_CFG_MAX_DEPTH + 2];
    size_t depth = 0, at = 0;
    for (; node && node->parent && depth < GW_CFG_MAX_DEPTH + 2; node = node->parent)
        path[depth++] = node;
    while (depth > 0 && at + 16 < size) {
        const gw_cfg_node *n = path[--depth];
        out[at++] = '/';
        if (n->parent->shape == GW_CFG_LIST)
            at += (size_t)snprintf(out + at, size - at, "%u", (unsigned)n->index);
        else
            at = put_token(out, at, size, n->key);
    }
    out[at] = '\0';
}

static void place(aigw_error *err, const gw_cfg_node *node)
{
    if (!err || !node)
        return;
    err->line = node->line;
    put_pointer(err->pointer, sizeof err->pointer, node);
    if (node->origin) {
        char message[sizeof err->message];
        snprintf(message, sizeof message, "%s: %.*s", node->origin,
                 (int)(sizeof message - strlen(node->origin) - 3), err->message);
        memcpy(err->message, message, sizeof message);
    }
}

__attribute__((format(printf, 4, 0))) static int fail_at(aigw_error *err, const gw_cfg_node *node,
                                                         const char *reason, const char *fmt,
                                                         va_list args)
{
    char message[256];
    vsnprintf(message, sizeof message, fmt, args);
    gw_fail(err, AIGW_E_CONFIG, reason, "%s", message);
    place(err, node);
    return AIGW_E_CONFIG;
}

int gw_cfg_fail(aigw_error *err, const gw_cfg_node *node, const char *reason, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int code = fail_at(err, node, reason, fmt, args);
    va_end(args);
    return code;
}

int gw_cfg_fail_key(aigw_error *err, const gw_cfg_node *map, const char *key, const char *reason,
                    const char *fmt, ...)
{
    const gw_cfg_node *member = gw_cfg_member(map, key);
    va_list args;
    va_start(args, fmt);
    int code = fail_at(err, member ? member : map, reason, fmt, args);
    va_end(args);
    return code;
}

int gw_cfg_place(aigw_error *err, const gw_cfg_node *node, int code)
{
    if (code == AIGW_E_NOMEM)
        return code;
    if (code != AIGW_E_IO)
        code = AIGW_E_CONFIG;
    if (err) {
        err->code = code;
        err->http_status = 0;
    }
    place(err, node);
    return code;
}

static gw_cfg_node *new_node(gw_cfg_tree *tree, gw_cfg_node *parent, gw_cfg_shape shape)
{
    gw_cfg_node *node = gw_arena_calloc(tree->arena, 1, sizeof *node);
    if (!node)
        return NULL;
    node->shape = shape;
    node->parent = parent;
    node->older = tree->newest;
    tree->newest = node;
    tree->node_count++;
    if (!parent) {
        tree->root = node;
        return node;
    }
    node->index = (uint32_t)parent->count++;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

gw_cfg_node *gw_cfg_put(gw_cfg_tree *tree, gw_cfg_node *parent, gw_cfg_shape shape, const char *key,
                        const char *text, const char *origin)
{
    gw_cfg_node *node = new_node(tree, parent, shape);
    if (!node)
        return NULL;
    node->origin = origin;
    node->expanded = true; /* a number or a truth value may stand in it */
    if (key)
        node->key = aigw_slice_of(key);
    if (text) {
        node->text = gw_arena_copy(tree->arena, aigw_slice_of(text));
        if (!node->text.data)
            return NULL;
    }
    return node;
}

/* Where the reader is: the open container, and in a map the key that waits for its value. */
typedef struct reader {
    gw_cfg_tree *tree;
    gw_cfg_node *open;
    aigw_slice key;
    bool have_key;
    int key_line, depth, documents;
} reader;

/* A refusal at the place that is being read. */
static int refuse(reader *r, const yaml_event_t *event, aigw_error *err, const char *message)
{
    gw_cfg_node here = {.parent = r->open, .line = (int)event->start_mark.line + 1};
    if (r->open) {
        here.index = (uint32_t)r->open->count;
        here.key = r->have_key ? r->key : (aigw_slice){NULL, 0};
    }
    const gw_cfg_node *node = &here;
    if (r->open && r->open->shape == GW_CFG_MAP && !r->have_key) {
        here = *r->open;
        here.line = (int)event->start_mark.line + 1;
    }
    return gw_cfg_fail(err, node, "bad_document", "%s", message);
}

static int take_key(reader *r, const yaml_event_t *event, aigw_error *err)
{
    aigw_slice key = gw_slice((const char *)event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && gw_eq(key, GW_S("<<")))
        return refuse(r, event, err, "merge keys (<<) are not accepted; write the keys out");
    if (key.len == 0 || key.len > 256 || memchr(key.data, 0, key.len))
        return refuse(r, event, err, "a key must have 1 to 256 characters");
    if (r->open->count >= GW_CFG_MAX_KEYS)
        return refuse(r, event, err, "a section has too many keys");
    r->key = gw_arena_copy(r->tree->arena, key);
    if (!r->key.data)
        return gw_fail_nomem(err);
    r->have_key = true;
    r->key_line = (int)event->start_mark.line + 1;
    for (const gw_cfg_node *n = r->open->first; n; n = n->next) {
        if (gw_eq(n->key, key))
            return refuse(r, event, err, "this key stands twice in its section");
    }
    return AIGW_OK;
}

/* A node at the reader's place, which takes the waiting key. */
static gw_cfg_node *here(reader *r, gw_cfg_shape shape, const yaml_event_t *event)
{
    gw_cfg_node *node = new_node(r->tree, r->open, shape);
    if (!node)
        return NULL;
    node->line = r->have_key ? r->key_line : (int)event->start_mark.line + 1;
    if (r->have_key)
        node->key = r->key;
    r->have_key = false;
    return node;
}

static int take_scalar(reader *r, const yaml_event_t *event, aigw_error *err)
{
    aigw_slice text = gw_slice((const char *)event->data.scalar.value, event->data.scalar.length);
    gw_cfg_node *node = here(r, GW_CFG_SCALAR, event);
    if (!node)
        return gw_fail_nomem(err);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (text.len > 0 && memchr(text.data, 0, text.len))
        return gw_cfg_fail(err, node, "bad_document", "a NUL character is not accepted");
    int code = gw_cfg_expand(r->tree, text, &node->text, &node->expanded, err);
    return code == AIGW_OK ? AIGW_OK : gw_cfg_place(err, node, code);
}

static int open_container(reader *r, gw_cfg_shape shape, const yaml_event_t *event, aigw_error *err)
{
    if (r->depth >= GW_CFG_MAX_DEPTH)
        return refuse(r, event, err, "the document is nested too deep");
    gw_cfg_node *node = here(r, shape, event);
    if (!node)
        return gw_fail_nomem(err);
    r->open = node;
    r->depth++;
    return AIGW_OK;
}

/* What YAML can say and this document may not. NULL: fine. */
static const char *forbidden(const reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return "aliases (*name) are not accepted";
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor)
            return "anchors (&name) are not accepted";
        return event->data.scalar.tag ? "tags (!name) are not accepted" : NULL;
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor)
            return "anchors (&name) are not accepted";
        return event->data.sequence_start.tag ? "tags (!name) are not accepted" : NULL;
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor)
            return "anchors (&name) are not accepted";
        return event->data.mapping_start.tag ? "tags (!name) are not accepted" : NULL;
    case YAML_DOCUMENT_START_EVENT:
        if (r->documents > 0)
            return "only one document is accepted";
        return event->data.document_start.tag_directives.start !=
                       event->data.document_start.tag_directives.end
                   ? "tag directives are not accepted"
                   : NULL;
    default:
        return NULL;
    }
}

static int take_event(reader *r, const yaml_event_t *event, aigw_error *err)
{
    const char *fault = forbidden(r, event);
    if (fault)
        return refuse(r, event, err, fault);
    if (r->tree->node_count >= GW_CFG_MAX_NODES)
        return refuse(r, event, err, "the document has too many values");
    bool key_wanted = r->open && r->open->shape == GW_CFG_MAP && !r->have_key;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        r->documents++;
        return AIGW_OK;
    case YAML_SCALAR_EVENT:
        return key_wanted ? take_key(r, event, err) : take_scalar(r, event, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (key_wanted)
            return refuse(r, event, err, "a key must be a plain word");
        return open_container(r, event->type == YAML_MAPPING_START_EVENT ? GW_CFG_MAP : GW_CFG_LIST,
                              event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->open = r->open->parent;
        r->depth--;
        return AIGW_OK;
    default:
        return AIGW_OK;
    }
}

/* libyaml's `problem` texts are constants: no part of the document is in them. */
static int fail_yaml(reader *r, const yaml_parser_t *parser, aigw_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return gw_fail_nomem(err);
    gw_cfg_node at = {.parent = r->open, .key = r->key, .line = (int)parser->problem_mark.line + 1};
    if (r->open && r->open->shape == GW_CFG_LIST)
        at.index = (uint32_t)r->open->count;
    else if (!r->have_key)
        at.parent = NULL;
    return gw_cfg_fail(err, &at, "bad_yaml", "not valid YAML: %s (column %zu)",
                       parser->problem ? parser->problem : "unreadable",
                       parser->problem_mark.column + 1);
}

static int read_events(reader *r, yaml_parser_t *parser, aigw_error *err)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_yaml(r, parser, err);
        int code = take_event(r, &event, err);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (code != AIGW_OK)
            return code;
    }
    return AIGW_OK;
}

int gw_cfg_parse(gw_cfg_tree *tree, aigw_slice document, aigw_error *err)
{
    if (document.len > GW_CFG_MAX_DOCUMENT_BYTES)
        return gw_cfg_fail(err, NULL, "too_large", "the document is larger than 1 MiB");
    if (document.len > 0 && !gw_utf8_valid(document))
        return gw_cfg_fail(err, NULL, "bad_document", "the document is not UTF-8");
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return gw_fail_nomem(err);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &parser, (const unsigned char *)(document.data ? document.data : ""), document.len);
    reader r = {.tree = tree};
    int code = read_events(&r, &parser, err);
    yaml_parser_delete(&parser);
    if (code == AIGW_OK && tree->root && gw_cfg_is_null(tree->root))
        tree->root = NULL;
    return code;
}
