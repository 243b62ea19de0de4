/* The OpenAI Responses format as one codec. */
/* Must not hold anything but the table; each file of the codec does one thing. */
#include "wire/openai_chat/openai_chat.h"
#include "wire/openai_responses/stream.h"

const gw_wire gw_wire_openai_responses = {
    .name = "openai-responses",
    .format = AIGW_FORMAT_OPENAI_RESPONSES,
    .stream_type = "text/event-stream; charset=utf-8",
    .read_request = gw_or_read_request,
    .write_request = gw_or_write_request,
    .mend_request = gw_or_mend_request,
    .read_answer = gw_or_read_answer,
    .write_answer = gw_or_write_answer,
    .read_error = gw_oc_read_error, /* errors are those of the Chat Completions API */
    .write_error = gw_oc_write_error,
    .read_count_request = gw_or_read_request, /* nothing of a request is for the answer only */
    .write_count_request = gw_or_write_count_request,
    .read_count = gw_or_read_count,
    .write_count = gw_or_write_count,
    .reader_size = sizeof(gw_or_reader),
    .reader_init = gw_or_reader_init,
    .reader_free = gw_or_reader_free,
    .reader_feed = gw_or_reader_feed,
    .reader_end = gw_or_reader_end,
    .writer_size = sizeof(gw_or_writer),
    .writer_init = gw_or_writer_init,
    .writer_free = gw_or_writer_free,
    .writer_event = gw_or_writer_event,
    .tap_size = sizeof(gw_or_tap),
    .tap_init = gw_or_tap_init,
    .tap_event = gw_or_tap_event,
    .tap_answer = gw_or_tap_answer,
    .tap_complete = gw_or_tap_complete,
};
