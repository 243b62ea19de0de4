/*
 * Reading the items of an OpenAI Responses stream: one function for each type of event.
 */
#ifndef GW_WIRE_OPENAI_RESPONSES_STREAM_ITEMS_H
#define GW_WIRE_OPENAI_RESPONSES_STREAM_ITEMS_H

#include "wire/openai_responses/stream.h"

/* One event on its way into neutral ones; err may be NULL. */
typedef struct gw_or_event {
    gw_or_reader *r;
    const gw_event_sink *sink;
    aigw_error *err;
    const gw_json_doc *doc;
} gw_or_event;

/* The host broke the format: ERROR to the sink, and nothing more after it. `what` is static. */
int gw_or_stream_broken(const gw_or_event *ev, const char *what);
/* START, once. */
int gw_or_stream_start(const gw_or_event *ev);
int gw_or_stream_close_all(const gw_or_event *ev);

int gw_or_on_item_added(gw_or_event *ev);
int gw_or_on_item_done(gw_or_event *ev);
int gw_or_on_part_done(gw_or_event *ev);
int gw_or_on_text_delta(gw_or_event *ev);
int gw_or_on_text_done(gw_or_event *ev);
int gw_or_on_annotation(gw_or_event *ev);
int gw_or_on_refusal_delta(gw_or_event *ev);
int gw_or_on_refusal_done(gw_or_event *ev);
int gw_or_on_args_delta(gw_or_event *ev);
int gw_or_on_args_done(gw_or_event *ev);
int gw_or_on_input_done(gw_or_event *ev);
int gw_or_on_summary_delta(gw_or_event *ev);
int gw_or_on_summary_done(gw_or_event *ev);
int gw_or_on_reasoning_delta(gw_or_event *ev);
int gw_or_on_reasoning_done(gw_or_event *ev);

#endif
