/*
 * The WAF's evidence: counters, samples of requests, and the line of the log. Shared: any thread.
 *
 * Bounded: groups and labels are those known at the start; samples have a cap on their bytes. Must not know what
 * an exchange is. Secrets do not come in: gw_waf_keep leaves them out. Never a body.
 */
#ifndef GW_LEDGER_WAF_H
#define GW_LEDGER_WAF_H

#include "base/log.h"

enum {
    GW_WAF_BOOK_GROUPS = 12, /* groups of rules at most */
    GW_WAF_FACTS = 68,       /* rules that saw something in one request */
    GW_WAF_BUCKET_S = 300,
    GW_WAF_BUCKETS = 36,       /* three hours */
    GW_WAF_BUCKET_ITEMS = 100, /* samples of one bucket and metric */
    GW_WAF_PICK_MAX = 500,     /* samples of one answer */
    GW_WAF_KEEP_MAX = 4096,    /* bytes kept of a request */
    GW_WAF_LINE_MAX = 32768    /* a line of the log */
};
#define GW_WAF_SAMPLE_BYTES ((size_t)8 << 20) /* all samples together; at the cap the oldest go */

/* -- what is kept of a request -- */

/* Its texts: the caller's, or (gw_waf_keep) copies without secrets. */
typedef struct gw_waf_request {
    aigw_slice client; /* address; "" if there is none */
    aigw_slice method, path, query, version;
    const aigw_header *headers;
    size_t header_count;
    size_t omitted; /* headers that did not fit */
} gw_waf_request;

/*
 * Is what goes by this name a secret? Authorization, cookies, and every name that says key, token, secret,
 * password, ...; case and percent-encoding do not matter. Rather too often than not.
 */
bool gw_waf_secret_name(aigw_slice name);
/* Does this text give a value to such a name, or hold what a credential begins with? Its first 512 bytes. */
bool gw_waf_tells_secret(aigw_slice text);
/* Room for a copy (never less than it takes; of texts GW_WAF_KEEP_MAX is kept); then the copy: secrets are replaced by
 * REDACTED, long fields cut, `out` points into room (which is aligned as gw_alloc's). */
size_t gw_waf_keep_bytes(const gw_waf_request *from);
void gw_waf_keep(const gw_waf_request *from, void *room, gw_waf_request *out);
/* The same in a hurry: only the credentials that everybody sends are left out. Not to be shown: gw_waf_keep reads it
 * again; and to be wiped. */
void gw_waf_keep_raw(const gw_waf_request *from, void *room, gw_waf_request *out);

/* -- what happened -- */

typedef enum gw_waf_kind {
    GW_WAF_MANAGED, /* a group of AWS's names */
    GW_WAF_OWN,
    GW_WAF_RATE /* one rule, of rates */
} gw_waf_kind;

/* A group of rules, as a rule of the web ACL. Static texts. */
typedef struct gw_waf_book_group {
    const char *name, *metric;
    gw_waf_kind kind;
} gw_waf_book_group;

/* A rule that saw something. rule, label, overridden, condition, place: static; the others live as long as
 * the event. */
typedef struct gw_waf_fact {
    size_t group; /* index */
    const char *rule, *label;
    bool block;
    const char *
        overridden; /* "BLOCK", "COUNT": what it does by itself, where the config says else; or NULL */
    const char *condition; /* "XSS", "SQL_INJECTION", "REGEX_MATCH"; NULL: no pattern */
    const char *place;     /* in AWS's words: "ALL_QUERY_ARGS" */
    const char *location;  /* "args:q"; "" */
    const char *matched;   /* excerpt; "" where there is none to show */
} gw_waf_fact;

/* One request, as the WAF saw it. */
typedef struct gw_waf_event {
    const gw_waf_request *request; /* kept: without secrets; NULL: nothing was kept */
    aigw_slice id;                 /* the request's */
    int64_t unix_s;                /* when it came */
    int status;                    /* sent to the client; 0: none */
    const gw_waf_fact *facts;
    size_t fact_count;
    const gw_waf_fact *terminating; /* one of facts; NULL: allowed */
    aigw_slice acl;                 /* the WAF's name */
    bool json, oversize;
    uint64_t body_bytes, body_inspected;
    bool forwarded; /* the address came from a header */
    uint64_t rate_limit, rate_window_s;
} gw_waf_event;

typedef struct gw_waf_books gw_waf_books;

/* Groups in order of priority. The arrays are copied, their texts not. NULL without memory. */
gw_waf_books *gw_waf_books_new(const gw_waf_book_group *groups, size_t group_count,
                               const char *const *labels, size_t label_count);
void gw_waf_books_free(gw_waf_books *b);
size_t gw_waf_group_count(const gw_waf_books *b);
const gw_waf_book_group *gw_waf_group_at(const gw_waf_books *b, size_t index);
/* Index of a group by its name; gw_waf_group_count if there is none. */
size_t gw_waf_group_of(const gw_waf_books *b, const char *name);
/* Was this group asked about the request? Those behind the terminating one were not. */
bool gw_waf_group_asked(const gw_waf_event *e, size_t group);

/* -- counters -- */

void gw_waf_count(gw_waf_books *b, const gw_waf_event *e);
void gw_waf_lost(gw_waf_books *b); /* a sample or a line that there was no memory for */
void gw_waf_books_render(gw_waf_books *b, gw_buf *out);

/* -- samples: per metric and five minutes a uniform reservoir -- */

/* A number for one request and metric: the later calls about them take the same one. */
uint64_t gw_waf_draw(gw_waf_books *b);
/* Could gw_waf_sample still choose it? metric: a group's index, or gw_waf_group_count for Default_Action. Once
 * false, false for good. Counts nothing. */
bool gw_waf_sample_due(gw_waf_books *b, size_t metric, int64_t unix_s, uint64_t draw);
/* Counts the request among the metric's population, and keeps it if it is chosen. fact: of that group; NULL for
 * Default_Action. False without memory. */
bool gw_waf_sample(gw_waf_books *b, size_t metric, uint64_t draw, const gw_waf_event *e,
                   const gw_waf_fact *fact);

typedef struct gw_waf_sampled gw_waf_sampled; /* immutable, counted */

typedef struct gw_waf_picked {
    gw_waf_sampled *items[GW_WAF_PICK_MAX];
    uint64_t weights[GW_WAF_PICK_MAX];
    size_t count;
    uint64_t population;
    int64_t from, to; /* the buckets' borders */
} gw_waf_picked;

/* At most max of the last three hours' samples, of all buckets that [from, to] touches. */
void gw_waf_pick(gw_waf_books *b, size_t metric, int64_t now_s, int64_t from, int64_t to,
                 size_t max, gw_waf_picked *out);
void gw_waf_picked_free(gw_waf_picked *picked);
/* As GetSampledRequests answers. Failure is sticky in out. */
void gw_waf_picked_write(const gw_waf_picked *picked, gw_buf *out);
size_t gw_waf_sample_held(gw_waf_books *b); /* bytes */

/* -- the log -- */

/* The line in AWS's record fields; at most GW_WAF_LINE_MAX bytes, valid JSON whatever the request holds. */
void gw_waf_line(const gw_waf_books *b, const gw_waf_event *e, gw_buf *out);

#endif
