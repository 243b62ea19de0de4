/* The OpenAI Chat Completions format as one codec. */
/* Must not hold anything but the table; each file of the codec does one thing. */
#include "wire/openai_chat/openai_chat.h"

#include "wire/openai_chat/stream.h"

const gw_wire gw_wire_openai_chat = {
    .name = "openai-chat",
    .format = AIGW_FORMAT_OPENAI_CHAT,
    .stream_type = "text/event-stream; charset=utf-8",
    .usage_on_demand = true,
    .read_request = gw_oc_read_request,
    .write_request = gw_oc_write_request,
    .mend_request = gw_oc_mend_request,
    .read_answer = gw_oc_read_answer,
    .write_answer = gw_oc_write_answer,
    .read_error = gw_oc_read_error,
    .write_error = gw_oc_write_error,
    .reader_size = sizeof(gw_oc_reader),
    .reader_init = gw_oc_reader_init,
    .reader_free = gw_oc_reader_free,
    .reader_feed = gw_oc_reader_feed,
    .reader_end = gw_oc_reader_end,
    .writer_size = sizeof(gw_oc_writer),
    .writer_init = gw_oc_writer_init,
    .writer_free = gw_oc_writer_free,
    .writer_event = gw_oc_writer_event,
    .tap_size = sizeof(gw_oc_tap),
    .tap_init = gw_oc_tap_init,
    .tap_event = gw_oc_tap_event,
    .tap_repair = gw_oc_tap_repair,
    .tap_answer = gw_oc_tap_answer,
    .tap_complete = gw_oc_tap_complete,
};
