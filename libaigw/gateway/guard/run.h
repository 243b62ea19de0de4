/*
 * Inside of the guardrails of an exchange: what the files of gateway/guard share.
 *
 * Single, of one exchange.
 */
#ifndef GW_GATEWAY_GUARD_RUN_H
#define GW_GATEWAY_GUARD_RUN_H

#include "gate/guard_remote.h"
#include "gate/waf/texts.h"
#include "gateway/guard/guard.h"
#include "gateway/state.h"
#include <aigw/guard.h>

/* Most bytes of text that others are asked about at a time; more is a failure, and the policy says what then. */
#define GW_GUARD_ASK_BYTES ((size_t)4 << 20)

enum { GW_GUARD_ON_PROMPT = 0, GW_GUARD_ON_ANSWER, GW_GUARD_STAGES };

typedef struct gw_guard_seen {
    bool looked, failed;
    aigw_guard_action action;
} gw_guard_seen;

/* ---- one text, one value (pass.c) ---- */

/* One guard going over texts. */
typedef struct gw_guard_reading {
    aigw_guard_stream *stream; /* form JSON */
    gw_arena *arena;
    gw_buf scratch;
    bool changed;
} gw_guard_reading;

int gw_guard_pass_begin(gw_guard_reading *p, const aigw_guard *guard, gw_arena *arena, size_t max);
/* What it has found; then it is freed. */
aigw_guard_action gw_guard_pass_end(gw_guard_reading *p);
/* The inside of a string, appended to out as it may go on. AIGW_E_DENIED: blocked; out then has what stands
 * before the match. */
int gw_guard_pass_text(gw_guard_reading *p, aigw_slice inner, gw_buf *out);
/* A whole JSON value: every string, key and number in it. AIGW_E_PARSE: it is none; out is untouched. */
int gw_guard_pass_value(gw_guard_reading *p, aigw_slice json, gw_buf *out);
/* The inside of a string that holds JSON, or any other text. */
int gw_guard_pass_nested(gw_guard_reading *p, aigw_slice inner, gw_buf *out);
/* A request's body. *changed: out holds another one; else nothing. */
int gw_guard_pass_body(gw_guard_reading *p, const gw_json_doc *doc, aigw_waf_route route,
                       gw_buf *out);

/* ---- the filter of a stream (filter.c) ---- */

typedef struct gw_guard_filter gw_guard_filter;
/* In the arena; NULL without memory. */
gw_guard_filter *gw_guard_filter_new(gw_guard_run *run, size_t guard, gw_event_sink next);
void gw_guard_filter_drop(gw_guard_filter *f);
/* An event sink's emit: user is the filter. */
int gw_guard_filter_event(void *filter, const gw_event *event);

/* ---- asking others (ask.c) ---- */

typedef struct gw_guard_ask {
    gw_transfer *transfer;
    gw_timer timer;
    int64_t due_ms;
    gw_buf sent, got;
    bool on; /* the buffers are made */
    int status;
    size_t guard, stage;
    const aigw_slice *texts;
    size_t text_count;
    gw_remote_verdict verdict;
    void (*done)(gw_guard_run *run); /* from the loop; the verdict is settled */
} gw_guard_ask;

/* False: nobody was asked, and the verdict is settled: a failure. */
bool gw_guard_ask_start(gw_guard_run *run);
void gw_guard_ask_drop(gw_guard_run *run);

/* ---- the run ---- */

struct gw_guard_run {
    aigw_exchange *x;
    const gw_guardrails *guards;
    uint32_t on[GW_GUARD_STAGES]; /* bits: which guardrails look */
    gw_guard_seen seen[GW_GUARD_STAGES][GW_GUARDRAILS_MAX];
    bool settled;
    size_t at; /* rules of our own first: 0 to count; then who is asked: to twice that */
    gw_buf body;
    bool body_on;
    gw_guard_ask ask;
    gw_guard_filter *filters[GW_GUARDRAILS_MAX];
    size_t filter_count;
    bool filters_made;
    gw_answer *answer; /* collected */
    char word[96];
};

/* guard.c */
void gw_guard_note(gw_guard_run *run, size_t stage, size_t guard, aigw_guard_action action);
/* The verdict of who was asked, noted; and as an action. */
aigw_guard_action gw_guard_note_asked(gw_guard_run *run);

#endif
