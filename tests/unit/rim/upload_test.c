/* Request bodies that come in pieces, against a real socket: framing, back-pressure, early ends. */
/* Must not look into the transports: upload_curl_test.c runs the same with libcurl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/rim/test_server.h"

#include "unit/rim/http_client.h"

#define LARGE ((size_t)3 << 20)

/* The byte at a place of every body here. */
static char byte_at(size_t i)
{
    return (char)(i * 7 + i / 251);
}

/* ---- the server's side: reads a body byte by byte, as strictly as can be ---- */

typedef struct reader {
    test_request *r;
    size_t at;
    size_t body; /* bytes of the body so far */
    bool wrong;
} reader;

static int next_byte(reader *in)
{
    if (in->at == in->r->rest_len) {
        ssize_t n = recv(in->r->fd, in->r->rest, sizeof in->r->rest, 0);
        if (n <= 0)
            return -1;
        in->r->rest_len = (size_t)n;
        in->at = 0;
    }
    return (unsigned char)in->r->rest[in->at++];
}

static bool take_bytes(reader *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int byte = next_byte(in);
        if (byte < 0)
            return false;
        in->wrong = in->wrong || (char)byte != byte_at(in->body);
        in->body++;
    }
    return true;
}

static bool take_text(reader *in, const char *text)
{
    for (; *text; text++) {
        if (next_byte(in) != *text)
            return false;
    }
    return true;
}

static bool take_chunks(reader *in)
{
    for (;;) {
        size_t size = 0;
        int byte, digits = 0;
        while ((byte = next_byte(in)) != '\r') {
            if (byte < 0 || !strchr("0123456789abcdef", byte) || ++digits > 8)
                return false;
            size = size * 16 + (size_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
        }
        if (digits == 0 || !take_text(in, "\n") || !take_bytes(in, size) || !take_text(in, "\r\n"))
            return false;
        if (size == 0)
            return true;
    }
}

/* Reads the whole body by what its head says. */
static bool take_body(reader *in)
{
    const char *length = strcasestr(in->r->head, "\r\ncontent-length:");
    bool coded = strcasestr(in->r->head, "\r\ntransfer-encoding: chunked\r\n") != NULL;

    if ((length != NULL) == coded)
        return false;
    return coded ? take_chunks(in) : take_bytes(in, strtoul(length + 17, NULL, 10));
}

/* Says what it got: the method, the framing, how many bytes. */
static bool serve_count(test_request *r)
{
    reader in = {.r = r};
    char text[128];

    if (!take_body(&in)) {
        server_count(r->server, &r->server->flag);
        return false;
    }
    snprintf(text, sizeof text, "%.*s %s %zu %s", (int)strcspn(r->head, " "), r->head,
             strcasestr(r->head, "content-length:") ? "length" : "chunked", in.body,
             in.wrong ? "wrong" : "right");
    bool kept = send_answer(r->fd, 200, text);
    r->rest_len = 0;
    return kept;
}

static bool serve_late(test_request *r)
{
    server_pass(r->server);
    return serve_count(r);
}

/* Answers before it has read anything, and reads nothing. */
static bool serve_refusal(test_request *r)
{
    send_text(r->fd, "HTTP/1.1 413 X\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large");
    shutdown(r->fd, SHUT_WR);
    reader in = {.r = r};
    while (next_byte(&in) >= 0) /* a reset would take the answer away */
        ;
    return false;
}

/* The same with a connection that stays open, whatever its head says. */
static bool refuse_openly(test_request *r, const char *head)
{
    send_text(r->fd, head);
    send_text(r->fd, "Content-Length: 9\r\n\r\ntoo large");
    reader in = {.r = r};
    while (next_byte(&in) >= 0)
        ;
    return false;
}

static bool serve_refusal_that_closes(test_request *r)
{
    return refuse_openly(r, "HTTP/1.1 413 X\r\nConnection: close\r\n");
}

static bool serve_refusal_that_stays(test_request *r)
{
    return refuse_openly(r, "HTTP/1.1 413 X\r\n");
}

static bool serve_cut(test_request *r)
{
    reader in = {.r = r};
    for (int i = 0; i < 100000; i++)
        next_byte(&in);
    shutdown(r->fd, SHUT_RDWR);
    while (next_byte(&in) >= 0) /* with room in its window the peer sends on, and is told */
        ;
    return false;
}

/* ---- the writer's side ---- */

typedef struct upload {
    test_server *server;
    client *c;
    gw_http_target *target;
    gw_pipe pipe;
    record r;
    size_t given;
    int rooms;
} upload;

static void on_room(void *user)
{
    upload *u = user;
    u->rooms++;
}

static void open_upload(upload *u, test_serve_fn *serve)
{
    char url[128];
    *u = (upload){0};
    u->server = server_start(serve, NULL);
    u->server->heads_only = true;
    u->c = client_new();
    u->target = target_for(server_url(u->server, url, sizeof url, "/v1/files"));
    gw_pipe_init(&u->pipe);
    u->pipe.room = on_room;
    u->pipe.writer = u;
}

static void send_upload(upload *u, const char *method, int64_t length)
{
    gw_http_request request = {
        .target = u->target, .method = method, .upload = &u->pipe, .upload_bytes = length};
    begin(u->c, &u->r, &request);
}

static void close_upload(upload *u)
{
    client_free(u->c);
    gw_http_target_free(u->target);
    gw_pipe_free(&u->pipe);
    free(u->r.body);
    server_stop(u->server);
}

/* Writes up to `total`, in pieces of at most `piece`; stops when there is no room. */
static void give(upload *u, size_t total, size_t piece)
{
    char bytes[4096];
    size_t taken = 1;
    while (u->given < total && taken > 0) {
        size_t n = total - u->given < piece ? total - u->given : piece;
        n = n < sizeof bytes ? n : sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = byte_at(u->given + i);
        assert_true(gw_pipe_write(&u->pipe, gw_slice(bytes, n), &taken));
        assert_true(gw_buf_len(&u->pipe.bytes) <= GW_PIPE_BYTES);
        u->given += taken;
    }
}

/* All of it, at the pace of the transfer, and its end. */
static void give_all(upload *u, size_t total)
{
    while (u->c->running > 0 && u->given < total) {
        give(u, total, 4096);
        if (u->given < total)
            gw_loop_wait(u->c->loop, -1);
    }
    gw_pipe_end(&u->pipe);
}

static void assert_answer(upload *u, const char *text)
{
    run(u->c);
    assert_int_equal(u->r.failure, GW_HTTP_OK);
    assert_int_equal(u->r.status, 200);
    assert_string_equal(u->r.body, text);
}

static void test_chunked(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "POST", -1);
    for (int i = 1; i <= 20; i++) { /* pieces with time between them */
        give(&u, (size_t)i * 37, 37);
        for (int k = 0; k < 3; k++)
            gw_loop_wait(u.c->loop, 1);
    }
    gw_pipe_end(&u.pipe);
    assert_answer(&u, "POST chunked 740 right");
    close_upload(&u);
}

static void test_with_length(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "PUT", (int64_t)LARGE);
    give_all(&u, LARGE);
    assert_answer(&u, "PUT length 3145728 right");
    assert_true(u.rooms > 0);
    assert_int_equal(u.pipe.out, LARGE);
    close_upload(&u);
}

static void test_large_chunked(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "PATCH", -1);
    give_all(&u, LARGE);
    assert_answer(&u, "PATCH chunked 3145728 right");
    close_upload(&u);
}

/* A body that lies in memory in many parts, some of them empty: more than go out at once. */
static void test_in_pieces(void **state)
{
    upload u;
    enum { PARTS = 100 };
    aigw_slice parts[PARTS];
    char *bytes = malloc(LARGE);
    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = byte_at(i);
    size_t from = 0;
    for (size_t i = 0; i < PARTS; i++) {
        size_t len = i % 7 == 0 ? 0 : i == PARTS - 1 ? LARGE - from : i * 300;
        parts[i] = gw_slice(bytes + from, len);
        from += len;
    }
    open_upload(&u, serve_count);
    gw_http_request request = {.target = u.target, .method = "POST", .pieces = {parts, PARTS}};
    for (int i = 0; i < 2; i++) { /* the second on a connection that was used */
        begin(u.c, &u.r, &request);
        assert_answer(&u, "POST length 3145728 right");
        free(u.r.body);
        u.r = (record){0};
    }
    send_upload(&u, "POST", -1); /* and one that comes through the pipe, on the same handle */
    gw_pipe_end(&u.pipe);
    assert_answer(&u, "POST chunked 0 right");
    close_upload(&u);
    free(bytes);
}

static void test_nothing(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "POST", -1);
    gw_pipe_end(&u.pipe);
    assert_answer(&u, "POST chunked 0 right");
    close_upload(&u);
}

static void test_ended_before_the_start(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    give(&u, 1000, 1000);
    gw_pipe_end(&u.pipe);
    send_upload(&u, "POST", 1000);
    assert_answer(&u, "POST length 1000 right");
    close_upload(&u);
}

static void test_a_slow_reader_holds_the_writer(void **state)
{
    upload u;
    size_t before = 0, total = (size_t)64 << 20;
    (void)state;
    open_upload(&u, serve_late);
    send_upload(&u, "POST", (int64_t)total);
    do { /* until neither the socket nor the pipe takes any more */
        before = u.given;
        give(&u, total, 4096);
        for (int i = 0; i < 20; i++)
            gw_loop_wait(u.c->loop, 5);
    } while (u.given > before || gw_pipe_room(&u.pipe) > 0);
    assert_true(u.given < total / 2);
    assert_int_equal(gw_buf_len(&u.pipe.bytes), GW_PIPE_BYTES);
    server_open_gate(u.server);
    give_all(&u, total);
    assert_answer(&u, "POST length 67108864 right");
    close_upload(&u);
}

/* `given`: bytes that are there at once; the answer meets a sender that waits for more, or one that sends. */
static void refused_early(test_serve_fn *serve, int64_t length, size_t given)
{
    upload u;
    open_upload(&u, serve);
    give(&u, given, 4096);
    send_upload(&u, "POST", length);
    run(u.c); /* without the end of the body */
    assert_int_equal(u.r.failure, GW_HTTP_OK);
    assert_int_equal(u.r.status, 413);
    assert_string_equal(u.r.body, "too large");
    assert_null(u.pipe.more);
    size_t taken;
    assert_true(gw_pipe_write(&u.pipe, GW_S("nobody listens"), &taken));
    close_upload(&u);
}

static void test_an_early_refusal_is_the_answer(void **state)
{
    test_serve_fn *const kinds[] = {serve_refusal, serve_refusal_that_closes,
                                    serve_refusal_that_stays};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t given = 100; given <= GW_PIPE_BYTES; given += GW_PIPE_BYTES - 100) {
            refused_early(kinds[i], (int64_t)LARGE * 100, given);
            refused_early(kinds[i], -1, given);
        }
    }
}

static void test_cancel(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "POST", -1);
    give(&u, 5000, 1000);
    for (int i = 0; i < 50 && u.pipe.out < 5000; i++)
        gw_loop_wait(u.c->loop, 20);
    assert_int_equal(u.pipe.out, 5000);
    cancel(u.c, &u.r);
    server_wait(u.server, &u.server->flag,
                1); /* it saw the end of the connection, no end of a body */
    assert_null(u.pipe.more);
    gw_pipe_end(&u.pipe);
    assert_int_equal(u.r.ends, 0);
    close_upload(&u);
}

static void test_less_than_was_said(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    send_upload(&u, "POST", 5000);
    give(&u, 4999, 1000);
    gw_pipe_end(&u.pipe);
    run(u.c);
    assert_int_equal(u.r.heads, 0);
    assert_int_equal(u.r.failure, GW_HTTP_OTHER);
    close_upload(&u);
}

static void test_more_than_was_said(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_count);
    give(&u, 5000, 1000);
    send_upload(&u, "POST", 4000);
    assert_answer(&u, "POST length 4000 right");
    assert_int_equal(u.server->requests, 1); /* the rest was not taken for a second request */
    close_upload(&u);
}

static void test_a_server_that_hangs_up(void **state)
{
    upload u;
    (void)state;
    open_upload(&u, serve_cut);
    send_upload(&u, "POST", -1);
    give_all(&u, LARGE);
    run(u.c);
    assert_int_equal(u.r.heads, 0);
    assert_int_equal(u.r.failure, GW_HTTP_BROKEN);
    assert_true(u.r.sent);
    close_upload(&u);
}

static void test_nobody_listens(void **state)
{
    upload u;
    char url[64];
    (void)state;
    open_upload(&u, serve_count);
    gw_http_target_free(u.target);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", closed_port());
    u.target = target_for(url);
    send_upload(&u, "POST", -1);
    give(&u, 100, 100);
    run(u.c);
    assert_int_equal(u.r.failure, GW_HTTP_CONNECT);
    assert_int_equal(u.pipe.out, 0);
    close_upload(&u);
}

static void test_plain_requests_before_and_after(void **state)
{
    upload u;
    char bytes[3] = {byte_at(0), byte_at(1), byte_at(2)};
    (void)state;
    open_upload(&u, serve_count);
    gw_http_request plain = {.target = u.target, .method = "POST", .body = {bytes, 3}};
    for (int i = 0; i < 3; i++) {
        record r = {0};
        begin(u.c, &r, &plain);
        run(u.c);
        assert_int_equal(r.failure, GW_HTTP_OK);
        assert_string_equal(r.body, "POST length 3 right");
        free(r.body);
        gw_pipe_free(&u.pipe);
        gw_pipe_init(&u.pipe);
        u.given = 0;
        free(u.r.body);
        u.r = (record){0};
        send_upload(&u, "POST", i == 1 ? 777 : -1);
        give(&u, 777, 100);
        gw_pipe_end(&u.pipe);
        assert_answer(&u, i == 1 ? "POST length 777 right" : "POST chunked 777 right");
    }
    close_upload(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_with_length),
        cmocka_unit_test(test_large_chunked),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_ended_before_the_start),
        cmocka_unit_test(test_a_slow_reader_holds_the_writer),
        cmocka_unit_test(test_an_early_refusal_is_the_answer),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_less_than_was_said),
        cmocka_unit_test(test_more_than_was_said),
        cmocka_unit_test(test_a_server_that_hangs_up),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_plain_requests_before_and_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
