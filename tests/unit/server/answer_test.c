/* Heads and error bodies as bytes. */
#include "server/answer.h"

#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check_head(const aigw_head *head, const gw_head_framing *framing, const char *expected)
{
    gw_buf out;
    gw_buf_init(&out, 4096);
    gw_answer_write_head(&out, head, framing);
    gw_buf_putc(&out, '\0');
    assert_false(out.failed);
    assert_string_equal(gw_buf_slice(&out).data, expected);
    gw_buf_free(&out);
}

static void heads(void **state)
{
    aigw_header json = {GW_S("content-type"), GW_S("application/json")};
    aigw_head whole = {sizeof whole, 200, &json, 1, false, 2};
    aigw_head stream = {sizeof stream, 200, &json, 1, true, -1};
    aigw_head none = {sizeof none, 204, NULL, 0, false, 0};
    (void)state;
    check_head(&whole, &(gw_head_framing){2, false, false, false, NULL},
               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n");
    check_head(&whole, &(gw_head_framing){0, false, true, true, "D"},
               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: D\r\n"
               "content-length: 0\r\nconnection: close\r\n\r\n");
    check_head(&whole, &(gw_head_framing){2, false, false, true, NULL},
               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
               "connection: keep-alive\r\n\r\n");
    check_head(&stream, &(gw_head_framing){-1, true, false, false, NULL},
               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
               "transfer-encoding: chunked\r\n\r\n");
    check_head(&stream, &(gw_head_framing){-1, false, true, false, NULL},
               "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
    /* RFC 9110 clause 8.6: no content-length with 204. */
    check_head(&none, &(gw_head_framing){0, false, false, false, NULL},
               "HTTP/1.1 204 No Content\r\n\r\n");
}

static void a_field_cannot_split_the_head(void **state)
{
    aigw_header bad[] = {{GW_S("a"), GW_S("x\r\nset-cookie: y")},
                         {GW_S("b\r\nc"), GW_S("x")},
                         {GW_S("d"), GW_S("x\0y")},
                         {GW_S(""), GW_S("x")},
                         {GW_S("e f"), GW_S("x")},
                         {GW_S("g:"), GW_S("x")},
                         {GW_S("h"), GW_S("x\x01y")},
                         {GW_S("i"), GW_S("x\x7f")},
                         {GW_S("ok"), GW_S("fine\t\xC3\xBC")}};
    aigw_head head = {sizeof head, 404, bad, 9, false, 0};
    (void)state;
    check_head(&head, &(gw_head_framing){0, false, false, false, NULL},
               "HTTP/1.1 404 Not Found\r\nok: fine\t\xC3\xBC\r\ncontent-length: 0\r\n\r\n");
}

static void check_error(const char *path, int status, const char *expected)
{
    gw_buf out;
    gw_buf_init(&out, 4096);
    gw_answer_error_body(&out, aigw_slice_of(path), status, "why", GW_S("req_1"));
    gw_buf_putc(&out, '\0');
    assert_string_equal(gw_buf_slice(&out).data, expected);
    gw_buf_free(&out);
}

static void errors_speak_the_dialect_of_the_path(void **state)
{
    (void)state;
    check_error("/v1/chat/completions", 400,
                "{\"error\":{\"message\":\"why\",\"type\":\"invalid_request_error\","
                "\"param\":null,\"code\":null}}");
    check_error("", 500,
                "{\"error\":{\"message\":\"why\",\"type\":\"api_error\",\"param\":null,"
                "\"code\":null}}");
    check_error(
        "/v1/messages", 413,
        "{\"type\":\"error\",\"error\":{\"message\":\"why\",\"type\":\"request_too_large\"},"
        "\"request_id\":\"req_1\"}");
    check_error("/v1beta/models/m:generateContent", 413,
                "{\"error\":{\"code\":413,\"message\":\"why\",\"status\":\"INVALID_ARGUMENT\"}}");
    check_error("/v1/models/m:streamGenerateContent", 503,
                "{\"error\":{\"code\":503,\"message\":\"why\",\"status\":\"UNAVAILABLE\"}}");
    check_error("/model/m/converse", 408,
                "{\"message\":\"why\",\"__type\":\"ValidationException\"}");
    check_error("/v1/models/ft:m", 404,
                "{\"error\":{\"message\":\"why\",\"type\":\"not_found_error\","
                "\"param\":null,\"code\":null}}");
    check_error("/v1/messagesx", 408,
                "{\"error\":{\"message\":\"why\",\"type\":\"invalid_request_error\","
                "\"param\":null,\"code\":null}}");
}

static void dates(void **state)
{
    char text[GW_DATE_BYTES];
    (void)state;
    gw_date_print(784111777, text); /* RFC 9110 clause 5.6.7 */
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    gw_date_print(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    gw_date_print(1709164800, text);
    assert_string_equal(text, "Thu, 29 Feb 2024 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(a_field_cannot_split_the_head),
        cmocka_unit_test(errors_speak_the_dialect_of_the_path),
        cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
