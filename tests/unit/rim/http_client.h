/* A loop, a connection pool and a handler that records, for tests of outgoing HTTP. */
/* Must not know what is tested. Include after <cmocka.h> and test_server.h. */
#ifndef TESTS_UNIT_RIM_HTTP_CLIENT_H
#define TESTS_UNIT_RIM_HTTP_CLIENT_H

#include "base/text.h"
#include "rim/http.h"

#ifndef TEST_BY_LIBRARY /* http_curl_test.c and http_flow_curl_test.c set it */
#define TEST_BY_LIBRARY false
#endif

typedef struct client {
    gw_loop *loop;
    gw_http *http;
    bool inside; /* in start, cancel or resume: no handler may run */
    int running;
} client;

typedef struct record record;
typedef void record_hook(record *r);

struct record {
    client *c;
    gw_transfer *transfer;
    int heads, status, ends, datas;
    size_t header_count;
    char headers[4096]; /* "name=value\n" each */
    char *body;
    size_t body_len;
    gw_http_failure failure;
    bool sent;
    bool refuse;                             /* on_data says no */
    record_hook *on_head, *on_data, *on_end; /* called first */
    record *other;
};

static inline void record_head(void *user, int status, const aigw_header *headers, size_t count)
{
    record *r = user;
    size_t at = 0;

    assert_false(r->c->inside);
    r->heads++;
    r->status = status;
    r->header_count = count;
    for (size_t i = 0; i < count && at < sizeof r->headers; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s=%.*s\n",
                               (int)headers[i].name.len, headers[i].name.data,
                               (int)headers[i].value.len, headers[i].value.data);
    if (r->on_head)
        r->on_head(r);
}

static inline bool record_data(void *user, aigw_slice bytes)
{
    record *r = user;

    assert_false(r->c->inside);
    assert_int_equal(r->heads, 1);
    assert_true(bytes.len > 0);
    r->datas++;
    if (r->on_data)
        r->on_data(r);
    if (r->refuse)
        return false;
    r->body = realloc(r->body, r->body_len + bytes.len + 1);
    memcpy(r->body + r->body_len, bytes.data, bytes.len);
    r->body_len += bytes.len;
    r->body[r->body_len] = '\0';
    return true;
}

static inline void record_end(void *user, gw_http_failure failure, bool sent)
{
    record *r = user;

    assert_false(r->c->inside);
    r->ends++;
    r->failure = failure;
    r->sent = sent;
    r->c->running--;
    if (r->on_end)
        r->on_end(r);
    r->transfer = NULL;
}

static const gw_http_handler record_handler = {record_head, record_data, record_end};

static inline client *client_new(void)
{
    client *c = calloc(1, sizeof *c);

    c->loop = gw_loop_new(NULL);
    assert_non_null(c->loop);
    assert_int_equal(gw_http_new(c->loop, &c->http, NULL), AIGW_OK);
    return c;
}

static inline void client_free(client *c)
{
    gw_http_free(c->http);
    gw_loop_free(c->loop);
    free(c);
}

static inline gw_http_target *target_for(const char *url)
{
    gw_http_target_options options = {.url = aigw_slice_of(url), .by_library = TEST_BY_LIBRARY};
    gw_http_target *target = NULL;

    assert_int_equal(gw_http_target_new(&options, &target, NULL), AIGW_OK);
    return target;
}

static inline void begin(client *c, record *r, const gw_http_request *request)
{
    aigw_error err = {0};

    r->c = c;
    c->inside = true;
    assert_int_equal(
        gw_http_transport.start(c->http, request, &record_handler, r, &r->transfer, &err), AIGW_OK);
    c->inside = false;
    c->running++;
}

static inline void cancel(client *c, record *r)
{
    bool was = c->inside;

    c->inside = true;
    gw_http_transport.cancel(c->http, r->transfer);
    c->inside = was;
    r->transfer = NULL;
    c->running--;
}

static inline void resume(client *c, record *r)
{
    bool was = c->inside;

    c->inside = true;
    gw_http_transport.resume(c->http, r->transfer);
    c->inside = was;
}

static inline void run(client *c)
{
    while (c->running > 0)
        gw_loop_wait(c->loop, -1);
}

/* One GET to its end. */
static inline void get(client *c, record *r, const gw_http_target *target)
{
    gw_http_request request = {.target = target, .method = "GET"};

    begin(c, r, &request);
    run(c);
    assert_int_equal(r->ends, 1);
}

#endif
