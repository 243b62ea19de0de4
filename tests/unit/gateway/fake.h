/* A gateway on a fake clock with a scripted upstream: for tests of exchanges, without any socket.
 * The script plays one answer per transfer, in pieces of any size, honouring pause and resume. */
#ifndef UNIT_GATEWAY_FAKE_H
#define UNIT_GATEWAY_FAKE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/text.h"
#include "gateway/state.h"
#include <aigw/aigw.h>
#include <stdio.h>
#include <stdlib.h>

#define FAKE_MAX 32

/* One answer of the upstream. */
typedef struct fake_answer {
    int status;             /* 0: no head, ends with `failure` at once */
    const char *type;       /* content-type; NULL: none */
    const char *headers[8]; /* name, value, ... */
    const char *body;
    size_t body_len; /* 0: it is a text */
    size_t piece; /* bytes per call; 0: all at once */
    size_t cut;   /* 0: whole; else only so many bytes, less one, then `failure` */
    gw_http_failure failure;
    bool hang;  /* never ends */
    bool early; /* comes before the request's body is there, if that comes in pieces */
} fake_answer;

struct fake;
typedef struct fake_transfer {
    struct fake *fake;
    const fake_answer *answer;
    const gw_http_handler *handler;
    void *user;
    gw_task task;
    size_t sent;
    bool used, told_head, paused;
    gw_pipe *upload;
    gw_buf taken; /* of the upload */
} fake_transfer;

typedef struct fake {
    aigw_gateway *gw;
    aigw_loop *loop;
    const fake_answer *script;
    size_t count, next;
    fake_transfer transfers[FAKE_MAX];
    char *bodies[FAKE_MAX]; /* of the requests, NUL-terminated */
    char headers[FAKE_MAX][4096];
    char paths[FAKE_MAX][512]; /* "" where it is the target's own */
    const char *methods[FAKE_MAX];
    int64_t upload_bytes[FAKE_MAX];
    bool deaf; /* takes nothing of an upload */
    size_t running, cancelled, resumed;
    int64_t now_ms, unix_s;
    char log[16384];
    size_t log_len;
    aigw_host host;
} fake;

/* What is there of a body in pieces. True: that was all of it, or there is none. */
static inline bool fake_take_upload(fake_transfer *t)
{
    if (!t->upload)
        return true;
    aigw_slice bytes = gw_pipe_peek(t->upload);
    if (!t->fake->deaf && bytes.len) {
        gw_buf_add(&t->taken, bytes);
        gw_pipe_take(t->upload, bytes.len);
    }
    return gw_pipe_done(t->upload);
}

static void fake_run(void *user)
{
    fake_transfer *t = user;
    const fake_answer *a = t->answer;
    size_t len = a->body_len ? a->body_len : a->body ? strlen(a->body) : 0;
    size_t end = a->cut && a->cut - 1 < len ? a->cut - 1 : len;
    if (!fake_take_upload(t) && !a->early)
        return;
    if (!t->told_head && a->status) {
        aigw_header headers[8];
        size_t n = 0;
        if (a->type)
            headers[n++] = (aigw_header){GW_S("content-type"), aigw_slice_of(a->type)};
        for (size_t i = 0; i + 1 < 8 && a->headers[i]; i += 2)
            headers[n++] =
                (aigw_header){aigw_slice_of(a->headers[i]), aigw_slice_of(a->headers[i + 1])};
        t->told_head = true;
        t->handler->on_head(t->user, a->status, headers, n);
    }
    while (t->used && a->status && t->sent < end) {
        size_t n = a->piece && a->piece < end - t->sent ? a->piece : end - t->sent;
        /* A copy of its own, so that a sanitizer sees who reads on after the call. */
        char *copy = malloc(n);
        memcpy(copy, a->body + t->sent, n);
        bool taken = t->handler->on_data(t->user, gw_slice(copy, n));
        free(copy);
        if (!t->used)
            return;
        if (!taken) {
            t->paused = true;
            return;
        }
        t->sent += n;
    }
    if (!t->used || a->hang)
        return;
    t->used = false;
    if (t->upload)
        t->upload->more = NULL;
    t->upload = NULL;
    t->fake->running--;
    t->handler->on_end(t->user, a->cut && !a->failure ? GW_HTTP_BROKEN : a->failure, true);
}

static void fake_more(void *user)
{
    fake_transfer *t = user;
    if (t->used && !t->paused)
        gw_loop_defer(t->fake->loop->loop, &t->task, fake_run, t);
}

static inline void fake_hear(fake *f) /* no longer deaf */
{
    f->deaf = false;
    for (size_t i = 0; i < f->next; i++) {
        if (f->transfers[i].upload)
            fake_more(&f->transfers[i]);
    }
}

static int fake_start(void *self, const gw_http_request *request, const gw_http_handler *handler,
                      void *user, gw_transfer **out, aigw_error *err)
{
    fake *f = self;
    (void)err;
    assert_true(f->next < FAKE_MAX);
    assert_true(f->next < f->count);
    fake_transfer *t = &f->transfers[f->next];
    f->bodies[f->next] = malloc(request->body.len + 1);
    if (request->body.len)
        memcpy(f->bodies[f->next], request->body.data, request->body.len);
    f->bodies[f->next][request->body.len] = '\0';
    f->methods[f->next] = request->method;
    snprintf(f->paths[f->next], sizeof f->paths[0], "%.*s", (int)request->path.len,
             request->path.len ? request->path.data : "");
    char *at = f->headers[f->next];
    for (size_t i = 0; i < request->header_count; i++)
        at += sprintf(at, "%.*s: %.*s\n", (int)request->headers[i].name.len,
                      request->headers[i].name.data, (int)request->headers[i].value.len,
                      request->headers[i].value.data);
    *t = (fake_transfer){
        .fake = f, .answer = &f->script[f->next++], .handler = handler, .user = user, .used = true};
    gw_buf_init(&t->taken, SIZE_MAX / 2);
    t->upload = request->upload;
    f->upload_bytes[f->next - 1] = request->upload_bytes;
    if (t->upload) {
        t->upload->more = fake_more;
        t->upload->reader = t;
    }
    f->running++;
    gw_loop_defer(f->loop->loop, &t->task, fake_run, t);
    *out = (gw_transfer *)(void *)t;
    return AIGW_OK;
}

static void fake_cancel(void *self, gw_transfer *transfer)
{
    fake *f = self;
    fake_transfer *t = (fake_transfer *)(void *)transfer;
    assert_true(t->used);
    t->used = false;
    f->running--;
    f->cancelled++;
    if (t->upload)
        t->upload->more = NULL;
    t->upload = NULL;
    gw_loop_undefer(f->loop->loop, &t->task);
}

static void fake_resume(void *self, gw_transfer *transfer)
{
    fake *f = self;
    fake_transfer *t = (fake_transfer *)(void *)transfer;
    assert_true(t->used && t->paused);
    t->paused = false;
    f->resumed++;
    gw_loop_defer(f->loop->loop, &t->task, fake_run, t);
}

static const gw_transport fake_transport = {fake_start, fake_cancel, fake_resume};

static int64_t fake_now(void *user)
{
    return ((fake *)user)->now_ms;
}

static int64_t fake_unix(void *user)
{
    return ((fake *)user)->unix_s;
}

static const char *fake_env(void *user, const char *name)
{
    (void)user;
    (void)name;
    return NULL;
}

static void fake_log(void *user, aigw_log_level level, const char *line, size_t len)
{
    fake *f = user;
    (void)level;
    if (f->log_len + len + 2 > sizeof f->log)
        return;
    memcpy(f->log + f->log_len, line, len);
    f->log_len += len;
    f->log[f->log_len++] = '\n';
    f->log[f->log_len] = '\0';
}

/* Two upstreams of different formats, an alias for each, and one model served by both. */
#define FAKE_CONFIG                                                                                \
    "providers:\n"                                                                                 \
    "  - {type: openai, base_url: 'http://127.0.0.1:9/v1', api_key: up-secret-1}\n"                \
    "  - {type: anthropic, base_url: 'http://127.0.0.1:9', api_key: up-secret-2}\n"                \
    "  - {type: echo}\n"                                                                           \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: openai}]}\n"                                               \
    "  - {name: o-alias, targets: [{provider: openai, model: gpt-real}]}\n"                        \
    "  - {name: a, targets: [{provider: anthropic}]}\n"                                            \
    "  - {name: both, targets: [{provider: openai}, {provider: anthropic}]}\n"                     \
    "  - {name: e, targets: [{provider: echo}]}\n"

static inline void fake_host(fake *f)
{
    f->now_ms = 1000000;
    f->unix_s = 1700000000;
    f->host = (aigw_host){.size = sizeof f->host,
                          .user = f,
                          .now_ms = fake_now,
                          .unix_s = fake_unix,
                          .log = fake_log,
                          .env = fake_env};
}

static inline fake *fake_new(const char *config, const fake_answer *script, size_t count)
{
    aigw_error err = {0};
    fake *f = calloc(1, sizeof *f);
    fake_host(f);
    f->script = script;
    f->count = count;
    if (aigw_gateway_new(aigw_slice_of(config), &f->host, &f->gw, &err) != AIGW_OK)
        fail_msg("config line %d %s: %s", err.line, err.pointer, err.message);
    assert_int_equal(aigw_loop_new(f->gw, &f->loop, &err), AIGW_OK);
    gw_worker_set_transport(f->loop, &fake_transport, f);
    return f;
}

static inline void fake_free(fake *f)
{
    assert_int_equal(f->running, 0); /* nothing is left at an upstream */
    aigw_loop_free(f->loop);
    aigw_gateway_free(f->gw);
    for (size_t i = 0; i < FAKE_MAX; i++) {
        free(f->bodies[i]);
        gw_buf_free(&f->transfers[i].taken);
    }
    free(f);
}

static inline void fake_steps(fake *f)
{
    for (int i = 0; i < 12; i++)
        aigw_loop_step(f->loop, NULL);
}

static inline void fake_pass(fake *f, int64_t ms)
{
    f->now_ms += ms;
    fake_steps(f);
}

#define OPENAI_PATH    "/v1/chat/completions"
#define ANTHROPIC_PATH "/v1/messages"

static inline aigw_request fake_request(const char *path, const char *body)
{
    return (aigw_request){.size = sizeof(aigw_request),
                          .method = aigw_slice_of(body ? "POST" : "GET"),
                          .target = aigw_slice_of(path),
                          .body = aigw_slice_of(body)};
}

static inline aigw_exchange *fake_open(fake *f, const char *path, const char *body)
{
    aigw_request request = fake_request(path, body);
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    return x;
}

/* Everything that can be read now, appended; the code that ended it. */
static inline int fake_read(aigw_exchange *x, gw_buf *out)
{
    aigw_slice bytes;
    int rc;
    while ((rc = aigw_exchange_read(x, &bytes, NULL)) == AIGW_OK) {
        assert_true(bytes.len > 0);
        gw_buf_add(out, bytes);
        aigw_exchange_consume(x, bytes.len);
    }
    return rc;
}

/* Reads to the end, however slowly the upstream comes. */
static inline int fake_finish(fake *f, aigw_exchange *x, gw_buf *out)
{
    int rc = AIGW_AGAIN;
    for (int i = 0; i < 20000 && rc == AIGW_AGAIN; i++) {
        aigw_loop_step(f->loop, NULL);
        rc = fake_read(x, out);
    }
    return rc;
}

typedef struct fake_result {
    int code, status;
    char *body; /* free() */
    aigw_usage usage;
    bool streaming;
} fake_result;

static inline fake_result fake_take(fake *f, aigw_exchange *x)
{
    fake_result r = {0};
    gw_buf out;
    gw_buf_init(&out, (size_t)64 << 20);
    r.code = fake_finish(f, x, &out);
    aigw_head head = {0};
    if (aigw_exchange_head(x, &head, NULL) == AIGW_OK) {
        r.status = head.status;
        r.streaming = head.streaming;
    }
    aigw_slice body = gw_buf_slice(&out);
    r.body = malloc(body.len + 1);
    if (body.len)
        memcpy(r.body, body.data, body.len);
    r.body[body.len] = '\0';
    aigw_exchange_usage(x, &r.usage);
    aigw_exchange_free(x);
    gw_buf_free(&out);
    return r;
}

static inline fake_result fake_call(fake *f, const char *path, const char *body)
{
    return fake_take(f, fake_open(f, path, body));
}

/* With header fields, given as name, value, ..., NULL; the exchange, for its head, is the caller's. */
static inline aigw_exchange *fake_ask(fake *f, const char *method, const char *target,
                                      const char *const *fields, const char *body)
{
    aigw_header headers[8];
    aigw_request request = fake_request(target, body);
    request.method = aigw_slice_of(method);
    request.headers = headers;
    for (; fields && *fields; fields += 2)
        headers[request.header_count++] =
            (aigw_header){aigw_slice_of(fields[0]), aigw_slice_of(fields[1])};
    aigw_exchange *x = NULL;
    assert_int_equal(aigw_exchange_start(f->loop, &request, NULL, NULL, &x, NULL), AIGW_OK);
    return x;
}

static inline aigw_slice fake_header(aigw_exchange *x, const char *name)
{
    aigw_head head;
    if (aigw_exchange_head(x, &head, NULL) != AIGW_OK)
        return (aigw_slice){NULL, 0};
    return gw_header_get(head.headers, head.header_count, aigw_slice_of(name));
}

static inline void assert_slice(aigw_slice got, const char *want)
{
    if (!got.data || got.len != strlen(want) || memcmp(got.data, want, got.len) != 0)
        fail_msg("got \"%.*s\", want \"%s\"", (int)got.len, got.data ? got.data : "", want);
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("no \"%s\" in: %s", (part), (text));                                          \
    } while (0)
#define assert_has_not(text, part)                                                                 \
    do {                                                                                           \
        if (strstr((text), (part)))                                                                \
            fail_msg("\"%s\" in: %s", (part), (text));                                             \
    } while (0)

#endif
