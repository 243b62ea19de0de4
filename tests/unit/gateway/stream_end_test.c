/* How a forwarded stream ends: its last line end, an error behind what was the provider's, who was told.
 * No sockets: a scripted upstream. */
#include "unit/gateway/fake.h"

#define CONFIG                                                                                     \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: k,"                            \
    " formats: [openai-chat, openai-responses]}\n"                                                 \
    "  - {type: gemini, base_url: 'http://127.0.0.1:9', api_key: k}\n"                             \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: g, targets: [{provider: gemini, model: gemini-real}]}\n"

#define SSE    "text/event-stream"
#define GEMINI "/v1beta/models/g:streamGenerateContent?alt=sse"
#define G_ASK  "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]}]}"
#define G_1    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}]}}]}\r\n\r\n"
#define G_2    "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n"
#define R_ASK  "{\"model\":\"o\",\"input\":\"Hi\",\"stream\":true}"
#define R_CREATED                                                                                  \
    "event: response.created\ndata: "                                                              \
    "{\"type\":\"response.created\",\"response\":{\"id\":\"resp_up\"}}\n\n"
#define C_ASK   "{\"model\":\"o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define C_CHUNK "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"

typedef struct ended {
    char *body;
    int code;
    bool told;
} ended;

static ended run(const fake_answer *answer, const char *path, const char *ask)
{
    fake *f = fake_new(CONFIG, answer, 1);
    gw_buf out;
    ended e;
    gw_buf_init(&out, 1 << 20);
    aigw_exchange *x = fake_open(f, path, ask);
    e.code = fake_finish(f, x, &out);
    e.told = aigw_exchange_told(x);
    gw_buf_putc(&out, '\0');
    e.body = strdup(gw_buf_slice(&out).data);
    gw_buf_free(&out);
    aigw_exchange_free(x);
    fake_free(f);
    return e;
}

static void every_byte_is_forwarded_at_any_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 8; piece++) {
        const fake_answer whole = {.status = 200, .type = SSE, .body = G_1 G_1 G_2, .piece = piece};
        ended e = run(&whole, GEMINI, G_ASK);
        assert_int_equal(e.code, AIGW_END);
        assert_false(e.told);
        assert_string_equal(e.body, G_1 G_1 G_2);
        free(e.body);
    }
}

static void an_error_begins_on_a_line_of_its_own(void **state)
{
    (void)state;
    for (size_t less = 0; less < 4; less++) { /* also between the bytes of the last CRLF */
        const fake_answer cut = {
            .status = 200, .type = SSE, .body = G_1 G_1, .piece = 1, .cut = sizeof G_1 G_1 - less};
        ended e = run(&cut, GEMINI, G_ASK);
        assert_int_equal(e.code, AIGW_E_UPSTREAM);
        assert_true(e.told);
        assert_non_null(strstr(e.body, "}]}}]}\r\n\r\ndata: {\"error\":{"));
        free(e.body);
    }
}

static void behind_a_forwarded_beginning_there_is_no_second_response(void **state)
{
    (void)state;
    const fake_answer cut = {.status = 200, .type = SSE, .body = R_CREATED};
    ended e = run(&cut, "/v1/responses", R_ASK);
    assert_int_equal(e.code, AIGW_E_UPSTREAM);
    assert_true(e.told);
    assert_memory_equal(e.body, R_CREATED, sizeof R_CREATED - 1);
    assert_non_null(strstr(e.body, "event: error\ndata: {\"type\":\"error\""));
    assert_null(strstr(e.body, "response.failed"));
    free(e.body);
}

static void who_was_told(void **state)
{
    (void)state;
    const fake_answer half = {.status = 200, .type = SSE, .body = C_CHUNK};
    ended e = run(&half, "/v1/chat/completions", C_ASK ",\"stream\":true}");
    assert_true(e.told); /* in the stream */
    free(e.body);
    const fake_answer refused = {
        .status = 400, .type = "application/json", .body = "{\"error\":{\"message\":\"no\"}}"};
    e = run(&refused, "/v1/chat/completions", C_ASK ",\"stream\":true}");
    assert_false(e.told); /* by a status */
    free(e.body);
    assert_false(aigw_exchange_told(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_forwarded_at_any_split),
        cmocka_unit_test(an_error_begins_on_a_line_of_its_own),
        cmocka_unit_test(behind_a_forwarded_beginning_there_is_no_second_response),
        cmocka_unit_test(who_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
