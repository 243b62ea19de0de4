/*
 * Writing the events of one block of an OpenAI Responses stream. The writer says when; these say how.
 */
#ifndef GW_WIRE_OPENAI_RESPONSES_STREAM_BLOCKS_H
#define GW_WIRE_OPENAI_RESPONSES_STREAM_BLOCKS_H

#include "wire/openai_responses/stream.h"

/* `event: T`, `data: {"type":T,"sequence_number":n` - the object stays open for more members. */
gw_jw gw_or_out_begin(gw_or_writer *s, gw_buf *out, const char *type);
void gw_or_out_end(gw_jw *w);

/* A text or a refusal, in the message that is open or in a new one. */
void gw_or_out_part_added(gw_or_writer *s, gw_or_open *b, gw_buf *out);
int gw_or_out_text_delta(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out);
int gw_or_out_part_done(gw_or_writer *s, gw_or_open *b, gw_buf *out);
/* The message item, if one is open. */
int gw_or_out_message_done(gw_or_writer *s, const char *status, gw_buf *out);

int gw_or_out_call_added(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out);
int gw_or_out_call_done(gw_or_writer *s, gw_or_open *b, const char *status, gw_buf *out);
/* Text of a refusal, or of a call's arguments. */
void gw_or_out_plain_delta(gw_or_writer *s, gw_or_open *b, gw_jstr delta, gw_buf *out);

void gw_or_out_thinking_added(gw_or_writer *s, gw_or_open *b, gw_buf *out);
void gw_or_out_thinking_delta(gw_or_writer *s, gw_or_open *b, const gw_event *event, gw_buf *out);
int gw_or_out_thinking_done(gw_or_writer *s, gw_or_open *b, gw_buf *out);

/* Redacted thinking, or a hosted tool's item: added and done at once. */
int gw_or_out_whole_item(gw_or_writer *s, const gw_event *event, gw_buf *out);
/* The signature of the block that starts with this event, as a reasoning item of its own. */
int gw_or_out_carrier(gw_or_writer *s, const gw_event *event, gw_buf *out);

#endif
