/* What the fuzz targets of the wire formats share: requests through both writers, answers, streams. */
/* Must not know any format's fields. */
#ifndef TESTS_FUZZ_WIRE_FUZZ_H
#define TESTS_FUZZ_WIRE_FUZZ_H

#include "base/text.h"
#include "chat/wrap.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_ARENA = 32 * 1024 * 1024,
    FUZZ_OUT = 16 * 1024 * 1024,
    FUZZ_EVENT = 1024 * 1024,
    FUZZ_INPUT = 64 * 1024
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(bool holds, const char *what, aigw_slice text)
{
    if (!holds) {
        fprintf(stderr, "%s: %.*s\n", what, (int)text.len, text.data);
        abort();
    }
}

static inline void fuzz_is_json(aigw_slice text)
{
    gw_json_limits lenient = {.max_depth = 512, .lone_surrogates = true};
    gw_json_doc doc;
    gw_arena *arena = gw_arena_new(FUZZ_ARENA * (size_t)4);
    int rc = gw_json_parse(arena, text, &lenient, &doc, NULL);
    fuzz_check(rc == AIGW_OK || rc == AIGW_E_LIMIT || rc == AIGW_E_NOMEM, "output is no JSON",
               text);
    gw_arena_free(arena);
}

/* Parse, read as `from`, write as `to` into *out. */
static inline int fuzz_convert(const gw_wire *from, const gw_wire *to, aigw_slice text, gw_buf *out)
{
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    gw_notes notes = {.arena = arena};
    gw_write_options options = {.default_max_tokens = 100};
    gw_json_doc doc;
    gw_chat_request request;
    int rc = gw_json_parse(arena, text, NULL, &doc, NULL);
    if (rc == AIGW_OK) {
        rc = from->read_request(arena, &doc, &request, NULL);
    }
    if (rc == AIGW_OK) {
        rc = to->write_request(arena, &request, &options, out, &notes, NULL);
    }
    gw_arena_free(arena);
    return rc;
}

/* A request that was mended is JSON and needs it no more. */
static inline void fuzz_mend(const gw_wire *wire, unsigned quirks, aigw_slice text)
{
    const gw_write_options options = {.quirks = quirks};
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    gw_patch patches[GW_MEND_MAX];
    size_t count = 0, again = 0;
    gw_json_doc doc, mended;
    gw_buf out;
    gw_buf_init(&out, FUZZ_OUT);
    if (wire->mend_request != NULL && gw_json_parse(arena, text, NULL, &doc, NULL) == AIGW_OK &&
        wire->mend_request(arena, &doc, &options, patches, &count) == AIGW_OK && count > 0 &&
        gw_patch_body(&doc, patches, count, &out, NULL) == AIGW_OK) {
        int rc = gw_json_parse(arena, gw_buf_slice(&out), NULL, &mended, NULL);
        fuzz_check(rc == AIGW_OK || rc == AIGW_E_NOMEM, "mended is no JSON", gw_buf_slice(&out));
        if (rc == AIGW_OK && wire->mend_request(arena, &mended, &options, patches, &again) == AIGW_OK) {
            fuzz_check(again == 0, "mended twice", gw_buf_slice(&out));
        }
    }
    gw_buf_free(&out);
    gw_arena_free(arena);
}

/* Parse, read as `from`, write as `to` as the gateway does it, refusals with a place in what was said. */
static inline int fuzz_pass_on(const gw_wire *from, const gw_wire *to, aigw_slice text, gw_buf *out)
{
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    gw_notes notes = {.arena = arena};
    gw_write_options options = {.default_max_tokens = 100, .model = GW_S("m")};
    gw_json_doc doc;
    gw_chat_request request;
    aigw_error err = {0};
    int rc = gw_json_parse(arena, text, NULL, &doc, NULL);
    if (rc == AIGW_OK) {
        rc = from->read_request(arena, &doc, &request, &err);
        fuzz_check(rc == AIGW_OK || rc == AIGW_E_PARSE || rc == AIGW_E_UNSUPPORTED ||
                       rc == AIGW_E_NOMEM,
                   "a reader gave another code", text);
        fuzz_check(rc == AIGW_OK || rc == AIGW_E_NOMEM || err.http_status == 400, "no 400", text);
    }
    if (rc == AIGW_OK) {
        rc = gw_wire_request(to, arena, &request, &options, out, &notes, &err);
    }
    gw_arena_free(arena);
    return rc;
}

/* What is written for a vendor is never what that vendor's own reader calls malformed. */
static inline void fuzz_is_well_formed(const gw_wire *to, aigw_slice text)
{
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    gw_json_doc doc;
    gw_chat_request request;
    aigw_error err = {0};
    if (gw_json_parse(arena, text, NULL, &doc, NULL) == AIGW_OK &&
        to->read_request(arena, &doc, &request, &err) == AIGW_E_PARSE) {
        fprintf(stderr, "%s: %s at %s\n", to->name, err.message, err.pointer);
        fuzz_check(false, "what was written is malformed", text);
    }
    gw_arena_free(arena);
}

/* Into every format, each output JSON; and within one format what was written reads as it was read. */
static inline int fuzz_request(const gw_wire *from, const uint8_t *data, size_t size)
{
    if (size > FUZZ_INPUT) {
        return 0;
    }
    aigw_slice text = {(const char *)data, size};
    fuzz_mend(from, 0, text);
    fuzz_mend(from, GW_QUIRK_OPENAI, text);
    /* Every quirk but the one that takes a member away whether it is there or not. */
    fuzz_mend(from, (2u * GW_QUIRK_OPENAI - 1) & ~(unsigned)GW_QUIRK_NO_USAGE_OPTION, text);
    for (size_t i = 0; gw_wires[i] != NULL; i++) {
        const gw_wire *to = gw_wires[i];
        gw_buf first, second;
        gw_buf_init(&first, FUZZ_OUT);
        gw_buf_init(&second, FUZZ_OUT);
        if (fuzz_convert(from, to, text, &first) == AIGW_OK) {
            fuzz_is_json(gw_buf_slice(&first));
            int rc = fuzz_convert(to, to, gw_buf_slice(&first), &second);
            if (from == to) {
                fuzz_check(rc == AIGW_OK || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT,
                           "not readable again", gw_buf_slice(&first));
            }
            if (from == to && rc == AIGW_OK) {
                fuzz_check(gw_eq(gw_buf_slice(&first), gw_buf_slice(&second)), "reads otherwise",
                           gw_buf_slice(&first));
            }
        }
        gw_buf_clear(&first);
        if (fuzz_pass_on(from, to, text, &first) == AIGW_OK && from != to) {
            fuzz_is_well_formed(to, gw_buf_slice(&first));
        }
        gw_buf_free(&first);
        gw_buf_free(&second);
    }
    return 0;
}

static inline void fuzz_answer(const gw_wire *from, aigw_slice text)
{
    gw_json_limits lenient = {.lone_surrogates = true};
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    gw_fold *fold = gw_fold_new(arena);
    gw_event_sink sink = {gw_fold_event, fold};
    gw_answer_options options = {.id_seed = GW_S("00")};
    gw_json_doc doc;
    gw_answer answer;
    bool whole = gw_json_parse(arena, text, &lenient, &doc, NULL) == AIGW_OK &&
                 from->read_answer(arena, &doc, &sink, NULL) == AIGW_OK;
    if (whole) {
        int rc = gw_fold_result(fold, &answer, NULL);
        fuzz_check(rc == AIGW_OK || rc == AIGW_E_NOMEM, "a whole answer does not fold", text);
        whole = rc == AIGW_OK;
    }
    for (size_t i = 0; gw_wires[i] != NULL; i++) {
        gw_buf out;
        int status = 0;
        gw_api_error error;
        gw_buf_init(&out, FUZZ_OUT);
        if (whole && gw_wires[i]->write_answer(arena, &answer, &options, &out, NULL) == AIGW_OK) {
            fuzz_is_json(gw_buf_slice(&out));
        }
        gw_buf_clear(&out);
        from->read_error(arena, 500, text, &error);
        gw_wires[i]->write_error(&error, &options, &out, &status);
        fuzz_check(status >= 400 && status < 600, "no status of an error", text);
        fuzz_is_json(gw_buf_slice(&out));
        gw_buf_free(&out);
    }
    aigw_usage usage = gw_usage_unknown();
    from->tap_answer(text, &usage);
    gw_arena_free(arena);
}

typedef struct fuzz_pipe {
    const gw_wire *to;
    void *writer;
    gw_buf out;
    gw_fold *fold;
} fuzz_pipe;

static inline int fuzz_pipe_event(void *user, const gw_event *event)
{
    fuzz_pipe *p = user;
    int rc = gw_fold_event(p->fold, event);
    fuzz_check(rc == AIGW_OK || rc == AIGW_E_NOMEM || rc == AIGW_E_LIMIT, "the order is broken",
               event->delta.inner);
    return p->to->writer_event(p->writer, event, &p->out);
}

/* The stream in pieces of `step` bytes through one writer; the result is in p->out. */
static inline int fuzz_run(const gw_wire *from, fuzz_pipe *p, aigw_slice text, size_t step)
{
    gw_answer_options options = {.id_seed = GW_S("00"), .include_usage = true};
    gw_arena *arena = gw_arena_new(FUZZ_ARENA);
    void *reader = gw_calloc(1, from->reader_size);
    p->writer = gw_calloc(1, p->to->writer_size);
    p->fold = gw_fold_new(arena);
    gw_buf_init(&p->out, FUZZ_OUT);
    gw_event_sink sink = {fuzz_pipe_event, p};
    /* Calls of f are a custom tool's, and json_response is the answer's schema. */
    gw_tool tool = {.name = gw_jstr_lit("f"), .custom = true};
    gw_chat_request asked = {.tools = &tool, .tool_count = 1, .shape = GW_SHAPE_SCHEMA};
    gw_unwrap unwrap;
    gw_unwrap_init(&unwrap, &asked, sink);
    if (from->format == AIGW_FORMAT_ANTHROPIC) {
        sink = (gw_event_sink){gw_unwrap_event, &unwrap};
    }
    int rc = from->reader_init(reader, FUZZ_EVENT);
    p->to->writer_init(p->writer, &options);
    while (rc == AIGW_OK && text.len > 0) {
        size_t n = step < text.len ? step : text.len;
        rc = from->reader_feed(reader, gw_slice(text.data, n), &sink, NULL);
        text = gw_skip(text, n);
    }
    if (rc == AIGW_OK) {
        rc = from->reader_end(reader, &sink, NULL);
    }
    gw_unwrap_free(&unwrap);
    from->reader_free(reader);
    p->to->writer_free(p->writer);
    gw_free(reader);
    gw_free(p->writer);
    gw_arena_free(arena);
    return rc;
}

static inline int fuzz_is_json_event(void *user, const gw_sse_event *event)
{
    (void)user;
    if (event->has_data && !gw_eq(event->data, GW_S("[DONE]"))) {
        fuzz_is_json(event->data);
    }
    return AIGW_OK;
}

/* A reader gives the same at every split, in an order that holds, and every event written is JSON. */
static inline void fuzz_stream(const gw_wire *from, aigw_slice text, size_t step)
{
    for (size_t i = 0; gw_wires[i] != NULL; i++) {
        fuzz_pipe whole = {.to = gw_wires[i]}, pieces = {.to = gw_wires[i]};
        gw_sse sse;
        int a = fuzz_run(from, &whole, text, SIZE_MAX);
        int b = fuzz_run(from, &pieces, text, step);
        fuzz_check(a == b && gw_eq(gw_buf_slice(&whole.out), gw_buf_slice(&pieces.out)),
                   "a split changes the result", text);
        gw_sse_init(&sse, FUZZ_OUT);
        gw_sse_feed(&sse, gw_buf_slice(&whole.out), fuzz_is_json_event, NULL);
        gw_sse_free(&sse);
        gw_buf_free(&whole.out);
        gw_buf_free(&pieces.out);
    }
}

typedef struct fuzz_taps {
    const gw_wire *wire;
    void *tap;
    gw_buf out;
} fuzz_taps;

static inline int fuzz_tap_event(void *user, const gw_sse_event *event)
{
    fuzz_taps *t = user;
    aigw_usage usage = gw_usage_unknown();
    gw_tap_verdict verdict = t->wire->tap_event(t->tap, event, &usage);
    bool asks = verdict == GW_TAP_REPAIR || verdict == GW_TAP_LAST;
    if (asks && t->wire->tap_repair != NULL &&
        t->wire->tap_repair(t->tap, event, verdict, &t->out)) {
        gw_sse sse;
        gw_sse_init(&sse, FUZZ_OUT);
        gw_sse_feed(&sse, gw_buf_slice(&t->out), fuzz_is_json_event, NULL);
        gw_sse_free(&sse);
        gw_buf_clear(&t->out);
    }
    return AIGW_OK;
}

/* What a tap repairs is JSON. */
static inline void fuzz_tap(const gw_wire *wire, aigw_slice text)
{
    fuzz_taps t = {.wire = wire, .tap = gw_calloc(1, wire->tap_size)};
    gw_sse sse;
    gw_buf_init(&t.out, FUZZ_OUT);
    wire->tap_init(t.tap, false);
    gw_sse_init(&sse, FUZZ_EVENT);
    gw_sse_feed(&sse, text, fuzz_tap_event, &t);
    gw_sse_free(&sse);
    gw_buf_free(&t.out);
    gw_free(t.tap);
}

/* The first byte is the size of the pieces; the rest is read as a stream, an answer and an error. */
static inline int fuzz_response(const gw_wire *from, const uint8_t *data, size_t size)
{
    if (size < 1 || size > FUZZ_INPUT) {
        return 0;
    }
    aigw_slice text = {(const char *)data + 1, size - 1};
    fuzz_stream(from, text, 1 + (size_t)data[0] % 64);
    fuzz_answer(from, text);
    fuzz_tap(from, text);
    return 0;
}

#endif
