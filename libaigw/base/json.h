/*
 * A strict JSON reader (RFC 8259) that keeps the text: a tape of byte ranges over the caller's input.
 *
 * Nothing is copied or unescaped. One reader serves every path, so that policy and provider never see
 * different requests: duplicate members (compared after unescaping), bad UTF-8, lone surrogates, NUL,
 * trailing bytes and excessive depth are errors. Knows nothing of what the documents mean.
 */
#ifndef GW_BASE_JSON_H
#define GW_BASE_JSON_H

#include "base/buf.h"
#include "base/mem.h"
#include <aigw/error.h>

typedef enum gw_json_type {
    GW_JSON_NONE = 0, /* absent */
    GW_JSON_NULL,
    GW_JSON_FALSE,
    GW_JSON_TRUE,
    GW_JSON_NUMBER,
    GW_JSON_STRING,
    GW_JSON_ARRAY,
    GW_JSON_OBJECT
} gw_json_type;

/* A position on the tape: 0 is the root; GW_JSON_ABSENT is no value. */
typedef uint32_t gw_json_ref;
#define GW_JSON_ABSENT UINT32_MAX

typedef struct gw_json_node {
    uint32_t start; /* byte offset; of a string: behind its opening quote */
    uint32_t end;   /* one past; of a string: at its closing quote */
    uint32_t next;  /* next sibling (of a key: the next key); 0 if last */
    uint32_t type : 3;
    uint32_t escaped : 1; /* a string with at least one backslash */
    uint32_t key : 1;     /* a member name; its value is the next node on the tape */
    uint32_t count : 27;  /* members or elements */
} gw_json_node;

typedef struct gw_json_doc {
    aigw_slice text;
    const gw_json_node *nodes;
    uint32_t node_count;
} gw_json_doc;

typedef struct gw_json_limits {
    uint32_t max_depth;   /* containers within containers; 0: 128 */
    uint32_t max_nodes;   /* 0: 1,000,000 */
    bool lone_surrogates; /* accept \ud800 alone: for answers, whose bytes only pass through */
} gw_json_limits;

/*
 * Parses all of text (at most 1 GiB). The text must outlive the doc; the tape lies in the arena.
 * `limits` may be NULL. Errors: AIGW_E_PARSE with the byte offset in the message and a pointer to the
 * innermost member; AIGW_E_LIMIT (depth, nodes, size); both with http_status 400. AIGW_E_NOMEM.
 */
int gw_json_parse(gw_arena *arena, aigw_slice text, const gw_json_limits *limits, gw_json_doc *out,
                  aigw_error *err);

gw_json_type gw_json_typeof(const gw_json_doc *doc, gw_json_ref ref); /* NONE for ABSENT */
uint32_t gw_json_count(const gw_json_doc *doc, gw_json_ref ref);      /* 0 unless a container */
/* The member of an object by (unescaped) name, or element i; ABSENT if there is none. */
gw_json_ref gw_json_get(const gw_json_doc *doc, gw_json_ref object, const char *name);
gw_json_ref gw_json_at(const gw_json_doc *doc, gw_json_ref array,
                       uint32_t i); /* O(i): iterate instead */

/*
 * Iteration: for (r = gw_json_first(doc, c); r != GW_JSON_ABSENT; r = gw_json_next(doc, r))
 * yields elements of an array, or KEYS of an object (the value is gw_json_value(doc, r)).
 */
gw_json_ref gw_json_first(const gw_json_doc *doc, gw_json_ref container);
gw_json_ref gw_json_next(const gw_json_doc *doc, gw_json_ref ref);
gw_json_ref gw_json_value(const gw_json_doc *doc, gw_json_ref key);
bool gw_json_key_is(const gw_json_doc *doc, gw_json_ref key, const char *name);

/* The value's bytes as they stand, quotes included. Borrowed from the text. */
aigw_slice gw_json_raw(const gw_json_doc *doc, gw_json_ref ref);
/* A string's bytes between the quotes, still escaped; data NULL if not a string. */
aigw_slice gw_json_inner(const gw_json_doc *doc, gw_json_ref ref);
/* A string unescaped: borrowed from the text when it has no escapes, else in the arena; data NULL if
 * not a string or no memory. */
aigw_slice gw_json_text(gw_arena *arena, const gw_json_doc *doc, gw_json_ref ref);
/* Compares a string with plain text, escapes considered. False if not a string. */
bool gw_json_is(const gw_json_doc *doc, gw_json_ref ref, const char *plain);
/* An integer without fraction or exponent, within int64; false otherwise. */
bool gw_json_i64(const gw_json_doc *doc, gw_json_ref ref, int64_t *out);
bool gw_json_f64(const gw_json_doc *doc, gw_json_ref ref, double *out); /* any finite number */
bool gw_json_bool(const gw_json_doc *doc, gw_json_ref ref, bool *out);
bool gw_json_is_null(const gw_json_doc *doc, gw_json_ref ref); /* null or absent */

/* Writes the JSON pointer (RFC 6901) of ref, cut to size - 1 bytes, NUL-terminated. */
void gw_json_pointer(const gw_json_doc *doc, gw_json_ref ref, char *out, size_t size);

/* Where the last pointer led, level by level; zeroed at first. Pointers to many nodes of one document, asked
 * for in its order, then take one walk through it, not one each. */
typedef struct gw_json_trail {
    const gw_json_node *nodes;
    struct {
        gw_json_ref at, child;
        uint32_t index;
    } steps[8];
} gw_json_trail;
void gw_json_pointer_along(gw_json_trail *trail, const gw_json_doc *doc, gw_json_ref ref, char *out,
                           size_t size);
/* gw_fail with err->pointer set to ref and http_status 400. */
int gw_json_fail(aigw_error *err, const gw_json_doc *doc, gw_json_ref ref, int code,
                 const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Unescapes the inside of a valid JSON string; the result is in the arena (or is `inner` itself when
 * nothing is escaped). data NULL on no memory. A lone surrogate becomes U+FFFD. */
aigw_slice gw_json_unescape(gw_arena *arena, aigw_slice inner);

#endif
