/* What the tests of the OpenAI Responses codec share: requests and answers between formats, streams. */
#ifndef TESTS_OPENAI_RESPONSES_HELP_H
#define TESTS_OPENAI_RESPONSES_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "chat/seal.h"
#include "wire/wire.h"

#define RESPONSES (&gw_wire_openai_responses)
#define CHAT      (&gw_wire_openai_chat)
#define ANTHROPIC (&gw_wire_anthropic)

enum { KIT_ARENA = 64 * 1024 * 1024, KIT_OUT = 16 * 1024 * 1024 };

/* What the last conversion left behind. */
typedef struct kit {
    gw_arena *arena;
    gw_buf out;
    aigw_error err;
    gw_notes notes;
    int rc;
} kit;

static inline kit kit_new(void)
{
    kit k = {.arena = gw_arena_new(KIT_ARENA)};
    assert_non_null(k.arena);
    k.notes.arena = k.arena;
    gw_buf_init(&k.out, KIT_OUT);
    return k;
}

static inline void kit_free(kit *k)
{
    gw_buf_free(&k->out);
    gw_arena_free(k->arena);
}

/* The text of the output; NUL-terminated, of the arena. */
static inline const char *kit_text(kit *k)
{
    return gw_arena_copy(k->arena, gw_buf_slice(&k->out)).data;
}

/* A request from one format into another; the output and the notes are in the kit. */
static inline int kit_request(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice text)
{
    gw_write_options options = {.default_max_tokens = 1000};
    gw_json_doc *doc = gw_arena_calloc(k->arena, 1, sizeof(*doc));
    gw_chat_request *request = gw_arena_calloc(k->arena, 1, sizeof(*request));
    gw_buf_clear(&k->out);
    k->notes.count = 0;
    k->rc = gw_json_parse(k->arena, text, NULL, doc, &k->err);
    if (k->rc == AIGW_OK)
        k->rc = from->read_request(k->arena, doc, request, &k->err);
    if (k->rc == AIGW_OK)
        k->rc = gw_wire_request(to, k->arena, request, &options, &k->out, &k->notes, &k->err);
    return k->rc;
}

static inline const char *kit_says(kit *k, const gw_wire *from, const gw_wire *to, const char *text)
{
    if (kit_request(k, from, to, aigw_slice_of(text)) != AIGW_OK)
        fail_msg("%s %s", k->err.message, k->err.pointer);
    return kit_text(k);
}

/* Refused with the code and at the pointer. */
static inline void kit_refuses(const char *text, int code, const char *pointer)
{
    kit k = kit_new();
    int rc = kit_request(&k, RESPONSES, CHAT, aigw_slice_of(text));
    if (rc != code || strcmp(k.err.pointer, pointer) != 0)
        fail_msg("%s: %d at \"%s\": %s", text, rc, k.err.pointer, k.err.message);
    assert_int_equal(k.err.http_status, 400);
    kit_free(&k);
}

static inline void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

static inline void has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("%s in %s", part, text);
}

static inline int count_of(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static inline gw_answer_options kit_options(void)
{
    return (gw_answer_options){
        .id_seed = GW_S("00ff"), .created = 1700000000, .include_usage = true};
}

/* A whole answer from one format into another. `request` may be NULL. */
static inline int kit_answer(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice text,
                             const gw_json_doc *request)
{
    gw_json_limits lenient = {0, 0, true};
    gw_json_doc doc;
    gw_answer answer;
    gw_api_error error;
    gw_fold *fold = gw_fold_new(k->arena);
    gw_event_sink sink = {gw_fold_event, fold};
    gw_answer_options options = kit_options();
    options.request = request;
    gw_buf_clear(&k->out);
    if (fold == NULL)
        return k->rc = AIGW_E_NOMEM;
    k->rc = gw_json_parse(k->arena, text, &lenient, &doc, &k->err);
    if (k->rc == AIGW_OK)
        k->rc = from->read_answer(k->arena, &doc, &sink, &k->err);
    if (k->rc == AIGW_OK)
        k->rc = gw_fold_result(fold, &answer, &error);
    if (k->rc == AIGW_OK)
        k->rc = to->write_answer(k->arena, &answer, &options, &k->out, &k->err);
    return k->rc;
}

typedef struct kit_pipe {
    const gw_wire *to;
    void *writer;
    gw_buf *out;
    gw_fold *fold;
} kit_pipe;

static inline int kit_pipe_event(void *user, const gw_event *event)
{
    kit_pipe *p = user;
    int rc = gw_fold_event(p->fold, event);
    if (rc != AIGW_OK)
        fail_msg("event %d breaks the order", event->kind);
    return p->to->writer_event(p->writer, event, p->out);
}

/* A stream in pieces of `step` bytes (0: whole), checked for its order, into another format. */
static inline int kit_stream(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice text,
                             size_t step)
{
    gw_answer_options options = kit_options();
    kit_pipe p = {to, calloc(1, to->writer_size), &k->out, gw_fold_new(k->arena)};
    void *reader = calloc(1, from->reader_size);
    gw_event_sink sink = {kit_pipe_event, &p};
    gw_buf_clear(&k->out);
    assert_int_equal(from->reader_init(reader, 1 << 20), AIGW_OK);
    assert_int_equal(to->writer_init(p.writer, &options), AIGW_OK);
    k->rc = AIGW_OK;
    while (k->rc == AIGW_OK && text.len > 0) {
        size_t n = step == 0 || step > text.len ? text.len : step;
        k->rc = from->reader_feed(reader, gw_slice(text.data, n), &sink, &k->err);
        text = gw_skip(text, n);
    }
    if (k->rc == AIGW_OK)
        k->rc = from->reader_end(reader, &sink, &k->err);
    from->reader_free(reader);
    to->writer_free(p.writer);
    free(reader);
    free(p.writer);
    return k->rc;
}

/* A fixture's bytes, of the arena; skips the test where the shared data is absent. */
static inline aigw_slice kit_fixture(kit *k, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/fixtures/%s", AIGW_SHARED_DATA, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    char *data = gw_arena_alloc(k->arena, 1 << 20);
    assert_non_null(data);
    size_t len = fread(data, 1, 1 << 20, f);
    fclose(f);
    return gw_slice(data, len);
}

#endif
