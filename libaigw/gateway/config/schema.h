/*
 * The one table of the config document: every key with its type, default, range and meaning.
 *
 * It drives both the loader (config_bind) and the JSON Schema (config_schema_json): they are equal.
 */
#ifndef GW_GATEWAY_CONFIG_SCHEMA_H
#define GW_GATEWAY_CONFIG_SCHEMA_H

#include "base/buf.h"
#include "gateway/config/raw.h"

typedef enum gw_cfg_kind {
    GW_CFG_FLAG,     /* true or false -> int */
    GW_CFG_INT,      /* -> int64_t */
    GW_CFG_TEXT,     /* -> aigw_slice, never empty */
    GW_CFG_WORD,     /* one of `words` -> int, its index */
    GW_CFG_SECTION,  /* -> the section's struct */
    GW_CFG_TEXTS,    /* a list of texts -> gw_cfg_texts */
    GW_CFG_SECTIONS, /* a list of sections -> gw_cfg_list */
    GW_CFG_PAIRS     /* names with texts -> gw_cfg_pairs */
} gw_cfg_kind;

typedef struct gw_cfg_key {
    const char *name; /* NULL ends a section's keys */
    gw_cfg_kind kind;
    size_t offset; /* of the field in the section's struct */
    const char *doc;
    bool required;
    bool secret;             /* a text that must not be shown */
    bool computed;           /* no fixed default: absent is -1 */
    bool numbers;            /* PAIRS: a value may be a number, too */
    int64_t preset;          /* default of FLAG, INT, WORD (an index) */
    const char *preset_text; /* default of TEXT, or of TEXTS (one element) */
    int64_t min, max;        /* range of INT; bounds on the length of texts and lists */
    const char *const *words;
    const struct gw_cfg_section *section;
} gw_cfg_key;

typedef struct gw_cfg_section {
    const char *what; /* for messages: "a provider" */
    size_t size;      /* of its struct */
    const gw_cfg_key *keys;
} gw_cfg_section;

extern const gw_cfg_section gw_cfg_schema;        /* the document: gw_cfg_root */
extern const char *const gw_cfg_fail_policies[];  /* in the order of aigw_limit_policy */
extern const gw_cfg_section gw_cfg_guardrail_section; /* guard_schema.c */
extern const char *const gw_cfg_provider_types[]; /* in the order of gw_cfg_provider.type */

/* config_schema_json.c */
void gw_cfg_schema_json(gw_buf *out);

/* bind.c: fills a section's struct from its node (NULL or null: all defaults). Everything
 * lies in the tree's arena. */
int gw_cfg_bind(gw_cfg_tree *tree, const gw_cfg_section *section, const gw_cfg_node *node,
                void *out, aigw_error *err);

#endif
