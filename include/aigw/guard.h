/*
 * Guardrails: personal data, secrets, words and patterns in prompts and answers; flagged, masked or blocked.
 *
 * Pure, no I/O. A guard is shared: immutable, any thread. A stream is single: one text after the other, in
 * pieces of any size; the result is the same for every way of cutting it. It holds back at most
 * AIGW_GUARD_HOLD bytes of text, and only while these may be the beginning of something.
 *
 * Text inside of JSON (AIGW_GUARD_JSON) is read through its escapes: "bob\u0040example.com" is found. What
 * is not masked comes out byte by byte as it went in, escapes included.
 */
#ifndef AIGW_GUARD_H
#define AIGW_GUARD_H

#include <aigw/error.h>
#include <aigw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most bytes of unescaped text that a stream holds back; in escapes that is up to six times as much. */
#define AIGW_GUARD_HOLD 512
/* Longest text that one word or pattern may match, in bytes. */
#define AIGW_GUARD_PATTERN_BYTES 256
#define AIGW_GUARD_RULES         64
#define AIGW_GUARD_TEXTS         2000 /* words and patterns of all rules */

typedef enum aigw_guard_kind {
    AIGW_GUARD_EMAIL = 0, /* also with %40 for @; [EMAIL] */
    AIGW_GUARD_PHONE,     /* +..., 00..., North American, French and German spellings; [PHONE] */
    AIGW_GUARD_CARD,      /* 13 to 19 digits, a known issuer, Luhn (ISO/IEC 7812); [CARD] */
    AIGW_GUARD_IBAN,      /* ISO 13616: the country's length, checksum modulo 97; [IBAN] */
    AIGW_GUARD_SSN,       /* US, with separators, numbers that are given out; [SSN] */
    AIGW_GUARD_SECRET,    /* keys and tokens of known shapes, JWTs, PEM private keys; [SECRET] */
    AIGW_GUARD_WORDS,     /* a list of words or phrases, without case, whole words; [REDACTED] */
    AIGW_GUARD_PATTERNS, /* a list of regular expressions (vectorscan's, linear time); [REDACTED] */
    AIGW_GUARD_KINDS
} aigw_guard_kind;

/* The strictest of what was found is the verdict. */
typedef enum aigw_guard_action {
    AIGW_GUARD_NONE = 0,
    AIGW_GUARD_FLAG,
    AIGW_GUARD_MASK,
    AIGW_GUARD_BLOCK
} aigw_guard_action;

typedef struct aigw_guard_rule {
    aigw_guard_kind kind;
    aigw_guard_action action;
    aigw_slice name;         /* for the verdict; "": the kind's word */
    aigw_slice mask;         /* "": as above; at most 64 printable ASCII bytes without " and \ */
    const aigw_slice *texts; /* WORDS and PATTERNS */
    size_t text_count;
} aigw_guard_rule;

typedef struct aigw_guard aigw_guard;

/*
 * Rules are copied. Each kind of personal data at most once. AIGW_E_CONFIG: "bad_rule", "bad_mask",
 * "bad_pattern" (the message says what the compiler said), "unbounded_pattern" (it can match more than
 * AIGW_GUARD_PATTERN_BYTES: write {1,200} for +), "empty_pattern" (it can match nothing); err->line is the rule from
 * 1. AIGW_E_LIMIT: "too_many_rules". AIGW_E_UNSUPPORTED: words or patterns in a build without vectorscan.
 */
AIGW_API int aigw_guard_new(const aigw_guard_rule *rules, size_t rule_count, aigw_guard **out,
                            aigw_error *err);
AIGW_API void aigw_guard_free(aigw_guard *guard);
AIGW_API size_t aigw_guard_rule_count(const aigw_guard *guard);
/* Static words, or borrowed from the guard. */
AIGW_API aigw_slice aigw_guard_rule_name(const aigw_guard *guard, size_t rule);
AIGW_API const char *aigw_guard_kind_word(aigw_guard_kind kind); /* "email", "phone", ... */

/* What was found, never the text itself. */
typedef struct aigw_guard_verdict {
    aigw_guard_action action;
    uint64_t total;
    uint64_t found[AIGW_GUARD_RULES]; /* by rule */
} aigw_guard_verdict;

typedef enum aigw_guard_form {
    AIGW_GUARD_PLAIN = 0, /* UTF-8; what is none is passed on and matches nothing */
    AIGW_GUARD_JSON = 1   /* the inside of a JSON string */
} aigw_guard_form;

typedef struct aigw_guard_stream aigw_guard_stream;

/* The guard must outlive the stream. */
AIGW_API int aigw_guard_stream_new(const aigw_guard *guard, aigw_guard_form form,
                                   aigw_guard_stream **out, aigw_error *err);
AIGW_API void aigw_guard_stream_free(aigw_guard_stream *s);
/*
 * Takes bytes; *out (may be NULL) is what may go on now, borrowed until the next call. AIGW_E_DENIED
 * "guard_blocked": a rule with BLOCK has matched; *out is then set too, to what stands before the match, and the
 * stream takes no more. AIGW_E_PARSE "bad_escape": no inside of a JSON string. AIGW_E_NOMEM.
 */
AIGW_API int aigw_guard_stream_feed(aigw_guard_stream *s, aigw_slice bytes, aigw_slice *out,
                                    aigw_error *err);
/* The text is complete: the rest of it. The next feed begins another text; the verdict goes on. */
AIGW_API int aigw_guard_stream_end(aigw_guard_stream *s, aigw_slice *out, aigw_error *err);
/* So far. Borrowed. */
AIGW_API const aigw_guard_verdict *aigw_guard_stream_verdict(const aigw_guard_stream *s);

/*
 * A whole text. *verdict (may be NULL) is set also for AIGW_E_DENIED. On AIGW_OK *masked (may be NULL) is the
 * caller's: aigw_bytes_free; it is the text itself, copied, when nothing is masked.
 */
AIGW_API int aigw_guard_text(const aigw_guard *guard, aigw_guard_form form, aigw_slice text,
                             aigw_slice *masked, aigw_guard_verdict *verdict, aigw_error *err);

#ifdef __cplusplus
}
#endif
#endif
