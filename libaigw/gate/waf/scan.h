/*
 * One check in progress: fields go in, rules that saw something come out. The verdict is gate/waf.c's.
 *
 * Knows what a field is (a text with a place), not where in HTTP it came from.
 */
#ifndef GW_GATE_WAF_SCAN_H
#define GW_GATE_WAF_SCAN_H

#include "base/buf.h"
#include "base/mem.h"
#include "gate/waf/match.h"
#include "gate/waf/rules.h"

typedef struct gw_waf_hit {
    bool seen;
    aigw_waf_component component;
    int pattern;
    char location[96], matched[64];
} gw_waf_hit;

#define GW_WAF_HITS (2 * GW_WAF_MAX_RULES)
/* More texts, and more bytes of them, than any honest request has outside its prompts: a text costs some microseconds
 * however short it is, a byte meant to be dear 1,200 instructions. What comes behind is not looked at, and the rule
 * about a body's form says so. */
#define GW_WAF_FIELDS_MAX 8192
#define GW_WAF_BYTES_MAX  ((size_t)1 << 20)
#define GW_WAF_SEEN_MAX   96 /* patterns told apart in one field; beyond it scores no longer add up */

typedef struct gw_waf_scan {
    gw_waf_engine *engine;
    const gw_waf_index *index;
    gw_waf_scratch *scratch;
    gw_arena *arena;
    /* told about every rule in every field (explain); NULL: only the first of each rule is kept */
    void (*each)(void *user, unsigned rule, const gw_waf_hit *hit);
    void *user;
    gw_waf_hit *hits; /* GW_WAF_HITS: by rule, then again for prompt text */
    bool any;         /* some rule has seen something */
    int failed;       /* an aigw_code; the check has no verdict */
    char *room[2];    /* for forms of a field */
    size_t room_size;
    size_t fields, bytes; /* looked at so far, prompt text apart */
    /* the field at work */
    aigw_waf_component component;
    gw_waf_set set;
    bool argument; /* of a URL or a form */
    unsigned form;
    aigw_slice text;
    uint32_t except; /* bit f: not family f */
    unsigned seen_count;
    unsigned short seen[GW_WAF_SEEN_MAX];
    unsigned char score[GW_WAF_FAMILIES];
    int best[GW_WAF_FAMILIES]; /* the number that scored highest */
    unsigned char best_score[GW_WAF_FAMILIES];
    char matched[GW_WAF_FAMILIES][64];
} gw_waf_scan;

typedef struct gw_waf_field {
    aigw_waf_component component;
    const char *where; /* "args", "header"; static */
    aigw_slice name;   /* may be empty; cut to what fits */
    /* says the name when it is asked for, into out: for names that cost; or NULL */
    void (*describe)(const void *of, uint32_t at, char *out, size_t size);
    const void *of;
    uint32_t at;
    aigw_slice text;
    bool url;        /* percent-encoded */
    bool plus;       /* + is a space */
    bool small;      /* the small set only */
    uint32_t except; /* bit f: family f is not looked for here */
} gw_waf_field;

#define GW_WAF_EXCEPT(family) (UINT32_C(1) << (family))

/* Normalises and scans one field. Failures go to scan->failed. */
void gw_waf_scan_field(gw_waf_scan *scan, const gw_waf_field *field);
/* A rule that is code saw something. */
void gw_waf_scan_hit(gw_waf_scan *scan, gw_waf_code_rule rule, const char *where, aigw_slice name);
/* The same for a rule by its number, e.g. of gw_waf_index.family. */
void gw_waf_scan_rule(gw_waf_scan *scan, unsigned rule, aigw_waf_component component,
                      const char *where, aigw_slice name);

#endif
