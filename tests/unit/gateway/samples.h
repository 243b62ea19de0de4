/* Short answers of both formats, with members that nobody knows, for tests of exchanges. */
#ifndef UNIT_GATEWAY_SAMPLES_H
#define UNIT_GATEWAY_SAMPLES_H

#define JSON "application/json"
#define SSE  "text/event-stream"

#define ASK(model) "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASK_STREAM(model)                                                                          \
    "{\"model\":\"" model                                                                          \
    "\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASK_A(model)                                                                               \
    "{\"model\":\"" model                                                                          \
    "\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASK_A_STREAM(model)                                                                        \
    "{\"model\":\"" model "\",\"max_tokens\":64,\"stream\":true,"                                  \
    "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

/* Odd spacing and an unknown member: only a byte for byte forward keeps them. */
#define O_ANSWER                                                                                   \
    "{ \"id\" :\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000001,"              \
    "\"model\":\"gpt-real\",\"unknown_x\":{\"a\":[1, 2]},\"choices\":[{\"index\":0,"               \
    "\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":\"stop\"}],"     \
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}}\n"

#define A_ANSWER                                                                                   \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-real\","     \
    "\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}],\"stop_reason\":\"end_turn\","           \
    "\"stop_sequence\":null, \"unknown_y\":1,"                                                     \
    "\"usage\":{\"input_tokens\":9,\"output_tokens\":3}}"

#define O_CHUNK(delta, finish)                                                                     \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000001,"    \
    "\"model\":\"gpt-real\",\"choices\":[{\"index\":0,\"delta\":" delta                            \
    ",\"finish_reason\":" finish "}]}\n\n"
#define O_USAGE                                                                                    \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000001,"    \
    "\"model\":\"gpt-real\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,"                        \
    "\"completion_tokens\":3,\"total_tokens\":12}}\n\n"
#define O_FIRST  O_CHUNK("{\"role\":\"assistant\",\"content\":\"Hel\",\"odd\" : 1}", "null")
#define O_SECOND O_CHUNK("{\"content\":\"lo \\u00e9 \xe2\x82\xac\"}", "null")
#define O_FINISH O_CHUNK("{}", "\"stop\"")
#define O_DONE   "data: [DONE]\n\n"
#define O_STREAM O_FIRST O_SECOND O_FINISH O_USAGE O_DONE

#define A_START                                                                                    \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","       \
    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-real\",\"content\":[],"        \
    "\"stop_reason\":null,\"stop_sequence\":null,"                                                 \
    "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n"
#define A_BLOCK                                                                                    \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"             \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define A_TEXT(text)                                                                               \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"             \
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}}\n\n"
#define A_TAIL                                                                                     \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"           \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"          \
    "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n"
#define A_STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define A_STREAM                                                                                   \
    A_START A_BLOCK "event: ping\ndata: {\"type\": \"ping\"}\n\n" A_TEXT("Hel")                    \
        A_TEXT("lo \\u00e9 \xe2\x82\xac") A_TAIL A_STOP
#define A_OVERLOADED                                                                               \
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","            \
    "\"message\":\"Overloaded\"}}\n\n"

#define O_ERROR(message)                                                                           \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"some_type\",\"param\":null,\"code\":null}" \
                                         "}"
#define A_ERROR(type, message)                                                                     \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"}}"

#endif
