/*
 * The matcher: the signatures as one database, scanned in one pass. The only place that knows which library
 * does it. Without that library gw_waf_engine_new says AIGW_E_UNSUPPORTED.
 */
#ifndef GW_GATE_WAF_MATCH_H
#define GW_GATE_WAF_MATCH_H

#include "base/mem.h"
#include <aigw/waf.h>

/* In which form of a text a pattern is looked for. */
#define GW_WAF_FORM_TEXT    1u
#define GW_WAF_FORM_PATH    2u
#define GW_WAF_FORM_COMMAND 4u
#define GW_WAF_FORM_SQUEEZE 8u

/* The score of one family in one field at which its rule has seen something. */
#define GW_WAF_THRESHOLD 5

/* A line of patterns.txt. */
typedef struct gw_waf_pattern {
    int number;
    unsigned char family;
    unsigned char score;
    unsigned char forms;      /* GW_WAF_FORM_ */
    unsigned char components; /* bit i: aigw_waf_component i */
    bool signature;           /* of the small set */
    unsigned flags;           /* the library's */
    const char *expression;
} gw_waf_pattern;

/* Written at build from patterns.txt. */
extern const gw_waf_pattern gw_waf_patterns[];
extern const unsigned gw_waf_pattern_count;
typedef struct gw_waf_blob {
    const void *data;
    size_t len;
} gw_waf_blob;

/* Each set is a database of its own: a text is scanned for no pattern that cannot count where it stands. */
typedef enum gw_waf_set {
    GW_WAF_SET_FULL,    /* outside prompt text: for text and command lines */
    GW_WAF_SET_SMALL,   /* what is an exploit wherever it stands */
    GW_WAF_SET_PROMPT,  /* everything for prompt text, in every form */
    GW_WAF_SET_PATH,    /* outside prompt text: for paths */
    GW_WAF_SET_SQUEEZE, /* and for text without white space */
    GW_WAF_SETS
} gw_waf_set;
extern const gw_waf_blob gw_waf_blobs[GW_WAF_SETS];

static inline bool gw_waf_in_set(const gw_waf_pattern *pattern, gw_waf_set set)
{
    unsigned prompt = 1u << AIGW_WAF_CONTENT;
    unsigned forms = GW_WAF_FORM_TEXT | GW_WAF_FORM_COMMAND;
    if (set == GW_WAF_SET_SMALL)
        return pattern->signature;
    if (set == GW_WAF_SET_PROMPT)
        return (pattern->components & prompt) != 0;
    if (set != GW_WAF_SET_FULL)
        forms = set == GW_WAF_SET_PATH ? GW_WAF_FORM_PATH : GW_WAF_FORM_SQUEEZE;
    return (pattern->components & ~prompt) != 0 && (pattern->forms & forms) != 0;
}

typedef struct gw_waf_engine gw_waf_engine;
typedef struct gw_waf_scratch gw_waf_scratch;

/* From the databases given, or compiled where they do not fit this machine. */
int gw_waf_engine_new(const gw_waf_blob blobs[GW_WAF_SETS], gw_waf_engine **out, aigw_error *err);
void gw_waf_engine_free(gw_waf_engine *engine);
bool gw_waf_engine_compiled(const gw_waf_engine *engine); /* and not loaded */

/* What a scan needs to write to: one per check, from a pool that grows to the number of threads. NULL: no
 * memory. */
gw_waf_scratch *gw_waf_scratch_take(gw_waf_engine *engine);
void gw_waf_scratch_give(gw_waf_engine *engine, gw_waf_scratch *scratch);
/* Its memory for forms and texts; forgotten when it is given back. */
gw_arena *gw_waf_scratch_arena(gw_waf_scratch *scratch);

/* pattern: index into gw_waf_patterns, each at most once a scan; end: one past its match. */
typedef void gw_waf_seen_fn(void *user, unsigned pattern, size_t end);
/* Text over 1 GiB is AIGW_E_LIMIT. */
int gw_waf_engine_scan(const gw_waf_engine *engine, gw_waf_scratch *scratch, gw_waf_set set,
                       aigw_slice text, gw_waf_seen_fn *seen, void *user);

#endif
