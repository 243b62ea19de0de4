/* What the tests of the Gemini codec share: requests and answers between formats, streams in pieces. */
/* Must not know what a test looks for. */
#ifndef TESTS_WIRE_GEMINI_KIT_H
#define TESTS_WIRE_GEMINI_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/wire.h"

#define GEM  (&gw_wire_gemini)
#define CHAT (&gw_wire_openai_chat)
#define MSG  (&gw_wire_anthropic)

typedef struct kit {
    gw_arena *arena;
    gw_json_doc doc;
    gw_buf out;
    gw_notes notes;
    aigw_error err;
} kit;

static inline void kit_open(kit *k)
{
    memset(k, 0, sizeof *k);
    k->arena = gw_arena_new((size_t)256 << 20);
    assert_non_null(k->arena);
    gw_buf_init(&k->out, (size_t)16 << 20);
    k->notes.arena = k->arena;
}

static inline void kit_close(kit *k)
{
    gw_buf_free(&k->out);
    gw_arena_free(k->arena);
}

static inline void kit_parse(kit *k, aigw_slice json)
{
    if (gw_json_parse(k->arena, json, NULL, &k->doc, &k->err) != AIGW_OK)
        fail_msg("the test's own JSON does not parse: %s: %.*s", k->err.message, (int)json.len,
                 json.data);
}

/* The output as a C string; fails unless it is JSON. */
static inline const char *kit_text(kit *k)
{
    gw_json_doc doc;
    aigw_slice text = gw_buf_slice(&k->out);
    if (gw_json_parse(k->arena, text, NULL, &doc, &k->err) != AIGW_OK)
        fail_msg("not JSON: %.*s", (int)text.len, text.data);
    return gw_arena_copy(k->arena, text).data;
}

static inline int kit_request_of(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice json,
                                 const char *model)
{
    gw_chat_request r;
    gw_write_options options = {.model = aigw_slice_of(model), .default_max_tokens = 100};
    kit_parse(k, json);
    gw_buf_clear(&k->out);
    int rc = from->read_request(k->arena, &k->doc, &r, &k->err);
    return rc != AIGW_OK ? rc
                         : gw_wire_request(to, k->arena, &r, &options, &k->out, &k->notes, &k->err);
}

/* The request in the words of `to`; fails the test unless it can be said. */
static inline const char *kit_request(kit *k, const gw_wire *from, const gw_wire *to,
                                      const char *json, const char *model)
{
    int rc = kit_request_of(k, from, to, aigw_slice_of(json), model);
    if (rc != AIGW_OK)
        fail_msg("%s at %s: %s", k->err.message, k->err.pointer, json);
    return kit_text(k);
}

static inline bool kit_noted(const kit *k, const char *pointer)
{
    for (size_t i = 0; i < k->notes.count; i++) {
        if (gw_eq(k->notes.items[i].pointer, aigw_slice_of(pointer)))
            return true;
    }
    return false;
}

static inline void kit_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

static inline void kit_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("unwanted %s in %s", part, text);
}

static inline int kit_fold(kit *k, const gw_wire *from, aigw_slice json, gw_answer *answer)
{
    gw_fold *fold = gw_fold_new(k->arena);
    gw_event_sink sink = {gw_fold_event, fold};
    kit_parse(k, json);
    int rc = from->read_answer(k->arena, &k->doc, &sink, &k->err);
    return rc == AIGW_OK ? gw_fold_result(fold, answer, NULL) : rc;
}

static inline const char *kit_write(kit *k, const gw_wire *to, const gw_answer *answer)
{
    gw_answer_options options = {.id_seed = GW_S("0123456789abcdef"), .created = 1700000000};
    gw_buf_clear(&k->out);
    if (to->write_answer(k->arena, answer, &options, &k->out, &k->err) != AIGW_OK)
        fail_msg("not written: %s", k->err.message);
    return kit_text(k);
}

static inline const char *kit_answer(kit *k, const gw_wire *from, const gw_wire *to,
                                     const char *json)
{
    gw_answer answer;
    if (kit_fold(k, from, aigw_slice_of(json), &answer) != AIGW_OK)
        fail_msg("not read: %s: %s", k->err.message, json);
    return kit_write(k, to, &answer);
}

typedef struct kit_pipe {
    const gw_wire *to;
    void *writer;
    gw_buf out;
    gw_fold *fold;
} kit_pipe;

static inline int kit_pipe_event(void *user, const gw_event *event)
{
    kit_pipe *p = user;
    int rc = gw_fold_event(p->fold, event);
    if (rc != AIGW_OK)
        fail_msg("the order of the events is broken at kind %d", (int)event->kind);
    return p->to->writer_event(p->writer, event, &p->out);
}

/* A stream in pieces of `step` bytes (0: whole) in the words of `to`; *text is a copy in the arena. */
static inline int kit_stream_as(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice bytes,
                                size_t step, const gw_answer_options *options, const char **text)
{
    kit_pipe p = {.to = to, .writer = calloc(1, to->writer_size), .fold = gw_fold_new(k->arena)};
    void *reader = calloc(1, from->reader_size);
    gw_event_sink sink = {kit_pipe_event, &p};
    gw_buf_init(&p.out, (size_t)16 << 20);
    assert_int_equal(to->writer_init(p.writer, options), AIGW_OK);
    assert_int_equal(from->reader_init(reader, 1 << 20), AIGW_OK);
    int rc = AIGW_OK;
    while (rc == AIGW_OK && bytes.len > 0) {
        size_t n = step == 0 || step > bytes.len ? bytes.len : step;
        rc = from->reader_feed(reader, gw_slice(bytes.data, n), &sink, &k->err);
        bytes = gw_skip(bytes, n);
    }
    if (rc == AIGW_OK)
        rc = from->reader_end(reader, &sink, &k->err);
    *text = gw_buf_len(&p.out) == 0 ? "" : gw_arena_copy(k->arena, gw_buf_slice(&p.out)).data;
    from->reader_free(reader);
    to->writer_free(p.writer);
    free(reader);
    free(p.writer);
    gw_buf_free(&p.out);
    return rc;
}

static inline int kit_stream(kit *k, const gw_wire *from, const gw_wire *to, aigw_slice bytes,
                             size_t step, const char **text)
{
    gw_answer_options options = {
        .id_seed = GW_S("0123456789abcdef"), .created = 1700000000, .include_usage = true};
    return kit_stream_as(k, from, to, bytes, step, &options, text);
}

/* A fixture's bytes in the arena; skips the test where the shared data is absent. */
static inline aigw_slice kit_fixture(kit *k, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/fixtures/%s", AIGW_SHARED_DATA, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("skipped: no %s\n", path);
        kit_close(k);
        skip();
    }
    char *data = gw_arena_alloc(k->arena, 1 << 20);
    assert_non_null(data);
    size_t len = fread(data, 1, 1 << 20, f);
    fclose(f);
    return gw_slice(data, len);
}

#endif
