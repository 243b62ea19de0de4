/* The stream half of the Converse codec: what the vtable takes from the reader and the writer. */
#ifndef GW_WIRE_BEDROCK_STREAM_H
#define GW_WIRE_BEDROCK_STREAM_H

#include "wire/bedrock/bedrock.h"

/* The sizes are what the table tells; each file asserts its own. */
enum { GW_BEDROCK_READER_BYTES = 512, GW_BEDROCK_WRITER_BYTES = 512 };

int gw_bedrock_reader_init(void *reader, size_t max_event_bytes);
void gw_bedrock_reader_free(void *reader);
int gw_bedrock_reader_feed(void *reader, aigw_slice bytes, const gw_event_sink *sink,
                           aigw_error *err);
int gw_bedrock_reader_end(void *reader, const gw_event_sink *sink, aigw_error *err);

int gw_bedrock_writer_init(void *writer, const gw_answer_options *options);
void gw_bedrock_writer_free(void *writer);
int gw_bedrock_writer_event(void *writer, const gw_event *event, gw_buf *out);

#endif
