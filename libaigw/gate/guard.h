/*
 * Inside of the guardrails: what the files of gate/guard* share.
 *
 * A detector is asked at one place of the text, with the bytes that are there so far behind it. It may answer
 * "more", but once it says no or yes, no further byte changes that: so the result is the same at every split.
 */
#ifndef GW_GATE_GUARD_H
#define GW_GATE_GUARD_H

#include "base/buf.h"
#include <aigw/guard.h>

/* ---- Detectors of personal data (guard_mail, guard_number, guard_iban, guard_secret) ---- */

typedef enum gw_see { GW_SEE_NO, GW_SEE_YES, GW_SEE_MORE } gw_see;

/* What may follow a match and belongs to it, however long. */
typedef enum gw_tail {
    GW_TAIL_NONE = 0,
    GW_TAIL_KEY,    /* letters, digits, - _ */
    GW_TAIL_BASE64, /* these and + / = */
    GW_TAIL_JWT,    /* letters, digits, - _ . */
    GW_TAIL_PEM     /* up to the end of the END line */
} gw_tail;

typedef struct gw_spot {
    const char *text; /* from the place on: at most AIGW_GUARD_HOLD bytes */
    size_t len;
    int before;       /* the byte before the place; -1 at the start */
    int before_that;  /* the byte before that one */
    bool mail_before; /* the character before it is one of a mail address */
    bool ended;       /* no more bytes come */
    /* of a match */
    size_t match_len;
    gw_tail tail;
} gw_spot;

typedef gw_see gw_detector(gw_spot *spot);
gw_detector gw_guard_email, gw_guard_phone, gw_guard_card, gw_guard_iban, gw_guard_ssn,
    gw_guard_secret;

/* Does the byte, or the Latin letter of two bytes, belong to the part of a mail address before its @? 0, 1, 2. */
size_t gw_guard_mail_char(const char *text, size_t len);
enum { GW_GUARD_LOCAL_MAX = 64 };

/* ASCII; a byte, or -1. */
static inline bool gw_guard_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool gw_guard_is_alnum(int c)
{
    static const uint64_t set[2] = {0x03FF000000000000, 0x07FFFFFE07FFFFFE};
    return c >= 0 && c < 128 && (set[c >> 6] >> (c & 63) & 1) != 0;
}

/* The byte as it is, or (of a wide form's lead) what may begin a sign @ of a mail address. */
static inline bool gw_guard_may_be_sign(char c)
{
    return c == '@' || c == '%' || c == '\xEF';
}

/* ---- Words and patterns (guard_pattern) ---- */

typedef struct gw_patterns gw_patterns; /* compiled; shared */
typedef struct gw_matching gw_matching; /* one text; single */

/* rules[i] for those of kind WORDS and PATTERNS. *out is NULL when there is none. */
int gw_patterns_new(const aigw_guard_rule *rules, size_t count, gw_patterns **out, aigw_error *err);
void gw_patterns_free(gw_patterns *p);
/* Bytes behind a place that must be known before what begins there is known. */
size_t gw_patterns_ahead(const gw_patterns *p);

int gw_matching_new(const gw_patterns *p, gw_matching **out, aigw_error *err);
void gw_matching_free(gw_matching *m);
typedef void gw_match_fn(void *user, size_t rule, uint64_t from, uint64_t to);
/* Whole UTF-8 characters. `from` and `to` count from the start of the text. */
int gw_matching_scan(gw_matching *m, const char *text, size_t len, gw_match_fn *fn, void *user);
/* The text ends; the next scan begins another one. */
int gw_matching_end(gw_matching *m, gw_match_fn *fn, void *user);

/* ---- Units of text (guard_unit) ---- */

/* One character as it stood, and what it means: valid UTF-8, U+FFFD for what is none. */
typedef struct gw_unit {
    size_t raw_len;
    unsigned len;
    char bytes[4];
} gw_unit;

/* The unit at the start of raw. AIGW_AGAIN: more bytes are needed (never when ended); AIGW_E_PARSE: a bad escape,
 * or a byte that no JSON string has. len > 0. */
int gw_unit_read(aigw_slice raw, aigw_guard_form form, bool ended, gw_unit *out);

/* ---- The guard ---- */

typedef struct gw_guard_row {
    aigw_guard_kind kind;
    aigw_guard_action action;
    char mask[80];
    size_t mask_len;
    char name[64];
} gw_guard_row;

struct aigw_guard {
    gw_guard_row rows[AIGW_GUARD_RULES];
    size_t row_count;
    int by_kind[AIGW_GUARD_KINDS]; /* the rule of a detector; -1 if none */
    gw_patterns *patterns;         /* may be NULL */
};

#endif
