/*
 * How the tables of the config document are written: one line a key.
 *
 * For schema.c and the sections that have a file of their own.
 */
#ifndef GW_GATEWAY_CONFIG_SCHEMA_KEYS_H
#define GW_GATEWAY_CONFIG_SCHEMA_KEYS_H

#include "gateway/config/schema.h"

#define KEY(kind_, struct_, field_)                                                                \
    .name = #field_, .kind = (kind_), .offset = offsetof(struct_, field_)
#define FLAG(s, f, default_) KEY(GW_CFG_FLAG, s, f), .preset = (default_)
#define NUMBER(s, f, default_, min_, max_)                                                         \
    KEY(GW_CFG_INT, s, f), .preset = (default_), .min = (min_), .max = (max_)
#define TEXT(s, f, max_)             KEY(GW_CFG_TEXT, s, f), .max = (max_)
#define WORD(s, f, words_, default_) KEY(GW_CFG_WORD, s, f), .words = (words_), .preset = (default_)
#define SECTION(s, f, section_)      KEY(GW_CFG_SECTION, s, f), .section = &(section_)
#define LIST(s, f, section_, max_)   KEY(GW_CFG_SECTIONS, s, f), .section = &(section_), .max = (max_)
#define TEXTS(s, f, max_)            KEY(GW_CFG_TEXTS, s, f), .max = (max_)
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* Sections in files of their own. */
extern const gw_cfg_section gw_cfg_waf_section;

#endif
