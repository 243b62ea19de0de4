/* Fuzzes Converse streams, answers and errors through all writers. */
/* See wire_fuzz.h for what must hold. */
#include "fuzz/wire_fuzz.h"

#include "proto/eventstream.h"

/* A line is an event: its name, a space, its payload. '!' before the name: an exception. */
static void frames_of(aigw_slice text, gw_buf *out)
{
    while (text.data != NULL && text.len > 0) {
        aigw_slice payload = gw_cut(&text, '\n');
        aigw_slice type = gw_cut(&payload, ' ');
        bool exception = type.len > 0 && type.data[0] == '!';
        const gw_frame_header headers[] = {
            {exception ? GW_S(":exception-type") : GW_S(":event-type"), GW_FRAME_STRING,
             gw_skip(type, exception), 0},
            {GW_S(":message-type"), GW_FRAME_STRING, exception ? GW_S("exception") : GW_S("event"),
             0}};
        gw_eventstream_write(out, headers, 2, payload);
    }
}

static int is_json(void *user, const gw_frame *frame)
{
    (void)user;
    fuzz_is_json(frame->payload);
    return AIGW_OK;
}

/* What the writer gives is frames of JSON. */
static void check_frames(aigw_slice stream)
{
    gw_eventstream r;
    gw_eventstream_init(&r, FUZZ_OUT);
    int rc = gw_eventstream_feed(&r, stream, is_json, NULL, NULL);
    fuzz_check(rc == AIGW_OK && gw_eventstream_end(&r, NULL) == AIGW_OK, "no frames", stream);
    gw_eventstream_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > FUZZ_INPUT) {
        return 0;
    }
    aigw_slice text = {(const char *)data + 1, size - 1};
    size_t step = 1 + (size_t)data[0] % 64;
    fuzz_pipe own = {.to = &gw_wire_bedrock};
    gw_buf stream;
    gw_buf_init(&stream, FUZZ_OUT);
    frames_of(text, &stream);
    fuzz_stream(&gw_wire_bedrock, gw_buf_slice(&stream), step);
    fuzz_stream(&gw_wire_bedrock, text, step);
    fuzz_answer(&gw_wire_bedrock, text);
    fuzz_run(&gw_wire_bedrock, &own, gw_buf_slice(&stream), SIZE_MAX);
    check_frames(gw_buf_slice(&own.out));
    gw_buf_free(&own.out);
    gw_buf_free(&stream);
    return 0;
}
