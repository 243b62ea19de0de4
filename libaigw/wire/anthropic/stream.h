/* The stream half of the Anthropic codec: what the vtable takes from the reader, the writer and the tap. */
#ifndef GW_WIRE_ANTHROPIC_STREAM_H
#define GW_WIRE_ANTHROPIC_STREAM_H

#include "wire/anthropic/anthropic.h"

/* The sizes are what the table tells; each file asserts its own. */
enum {
    GW_ANTHROPIC_READER_BYTES = 1024,
    GW_ANTHROPIC_WRITER_BYTES = 1024,
    GW_ANTHROPIC_TAP_BYTES = 128
};

int gw_anthropic_reader_init(void *reader, size_t max_event_bytes);
void gw_anthropic_reader_free(void *reader);
int gw_anthropic_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink,
                             aigw_error *err);
int gw_anthropic_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err);

int gw_anthropic_writer_init(void *writer, const gw_answer_options *options);
void gw_anthropic_writer_free(void *writer);
int gw_anthropic_writer_event(void *writer, const gw_event *event, gw_buf *out);

#endif
