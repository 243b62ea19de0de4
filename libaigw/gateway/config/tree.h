/*
 * A config document as a tree: sections, lists, scalars and their lines. Knows no key's meaning.
 *
 * The tree is scratch: it holds secrets, so gw_cfg_tree_free wipes every scalar.
 */
#ifndef GW_GATEWAY_CONFIG_TREE_H
#define GW_GATEWAY_CONFIG_TREE_H

#include "base/mem.h"
#include <aigw/error.h>
#include <aigw/host.h>

#define GW_CFG_MAX_DOCUMENT_BYTES (1024 * 1024)
#define GW_CFG_MAX_DEPTH          12
#define GW_CFG_MAX_NODES          20000
#define GW_CFG_MAX_KEYS           256 /* of one section */
#define GW_CFG_MAX_SCALAR_BYTES   (64 * 1024)
#define GW_CFG_MAX_TEXT_BYTES     (4 * 1024 * 1024) /* all scalars together, expanded */

typedef enum gw_cfg_shape { GW_CFG_SCALAR, GW_CFG_MAP, GW_CFG_LIST } gw_cfg_shape;

typedef struct gw_cfg_node {
    gw_cfg_shape shape;
    bool plain;         /* a scalar without quotes */
    bool expanded;      /* a variable stood in it */
    aigw_slice text;    /* a scalar, expanded; NUL behind it */
    aigw_slice key;     /* its name, when the parent is a map */
    uint32_t index;     /* its place, when the parent is a list */
    int line;           /* 1-based; 0: not from a document */
    const char *origin; /* the variable it came from, when not from a document */
    struct gw_cfg_node *parent, *first, *last, *next;
    struct gw_cfg_node *older; /* all nodes, to wipe them */
    size_t count;              /* children */
} gw_cfg_node;

typedef struct gw_cfg_tree {
    gw_arena *arena;
    const aigw_host *host;
    gw_cfg_node *root; /* NULL: the document is empty */
    gw_cfg_node *newest;
    size_t node_count, text_bytes;
    char *scratch; /* GW_CFG_MAX_SCALAR_BYTES + 1; made when first needed */
} gw_cfg_tree;

/* Makes the tree's arena. Then parse or put. Free it also after a failure. */
int gw_cfg_tree_init(gw_cfg_tree *tree, const aigw_host *host, aigw_error *err);
void gw_cfg_tree_free(gw_cfg_tree *tree);

/*
 * Reads one YAML document. Refused: anchors, aliases, merge keys, tags, several documents,
 * duplicate keys, keys that are no scalars, and what exceeds the bounds above. Scalars are expanded.
 */
int gw_cfg_parse(gw_cfg_tree *tree, aigw_slice document, aigw_error *err);

/* For configs without a document: a child of `parent` (NULL: the root). `key` NULL in a list;
 * `text` NULL makes a container. Texts are copied. NULL on no memory. */
gw_cfg_node *gw_cfg_put(gw_cfg_tree *tree, gw_cfg_node *parent, gw_cfg_shape shape, const char *key,
                        const char *text, const char *origin);

/* The member of a map; NULL if absent or no map. */
const gw_cfg_node *gw_cfg_member(const gw_cfg_node *map, const char *key);
/* Nothing stands there: "key:" or null. */
bool gw_cfg_is_null(const gw_cfg_node *node);

/* AIGW_E_CONFIG with line and pointer of the node. Never pass a value into fmt. */
int gw_cfg_fail(aigw_error *err, const gw_cfg_node *node, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a member of a section: points to it, or to the section when it is absent. */
int gw_cfg_fail_key(aigw_error *err, const gw_cfg_node *map, const char *key, const char *reason,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Gives an error that somebody else made the node's place, and AIGW_E_CONFIG for input errors. */
int gw_cfg_place(aigw_error *err, const gw_cfg_node *node, int code);

/* A name from the document, fit for a message: printable, at most 48 bytes. */
typedef struct gw_cfg_shown {
    char text[52];
} gw_cfg_shown;
gw_cfg_shown gw_cfg_show(aigw_slice name);

/* expand.c: ${NAME}, ${NAME:-default}, $$. *out lies in the tree's arena. */
int gw_cfg_expand(gw_cfg_tree *tree, aigw_slice in, aigw_slice *out, bool *expanded,
                  aigw_error *err);
/* The value of a variable by way of the host; NULL if unset. Valid until the next call. */
const char *gw_cfg_env(const aigw_host *host, const char *name);

#endif
