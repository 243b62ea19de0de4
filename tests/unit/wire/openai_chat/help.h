/* What the tests of the OpenAI chat codec share: events as text, streams at any split, fixtures. */
#ifndef TESTS_OPENAI_CHAT_HELP_H
#define TESTS_OPENAI_CHAT_HELP_H

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

#define WIRE (&gw_wire_openai_chat)

typedef struct record {
    gw_buf text; /* one line an event */
    gw_fold *fold;
    int stop_at; /* refuse the n-th event; 0: none */
    int count;
} record;

static inline void put_named(gw_buf *b, const char *name, aigw_slice value)
{
    if (value.data == NULL)
        return;
    gw_buf_printf(b, " %s=", name);
    gw_buf_add(b, value);
}

static inline int record_event(void *user, const gw_event *ev)
{
    static const char *const kinds[] = {"START",  "OPEN", "DELTA", "CLOSE", "USAGE",
                                        "FINISH", "PING", "END",   "ERROR"};
    static const char *const blocks[] = {"text",     "refusal", "thinking",
                                         "redacted", "call",    "native"};
    record *r = user;
    gw_buf *b = &r->text;
    if (r->stop_at > 0 && ++r->count == r->stop_at)
        return AIGW_E_CANCELLED;
    gw_buf_puts(b, kinds[ev->kind]);
    if (ev->choice > 0)
        gw_buf_printf(b, " #%u", ev->choice);
    if (ev->kind >= GW_EV_BLOCK_START && ev->kind <= GW_EV_BLOCK_STOP)
        gw_buf_printf(b, " %u %s", ev->block, blocks[ev->block_kind]);
    if (ev->kind == GW_EV_BLOCK_START && ev->custom)
        gw_buf_puts(b, " custom");
    put_named(b, "id", ev->call_id.inner);
    put_named(b, "name", ev->tool_name.inner);
    put_named(b, "delta", ev->delta.inner);
    put_named(b, "signature", ev->signature.inner);
    put_named(b, "raw", ev->raw.json);
    put_named(b, "logprobs", ev->logprobs.json);
    if (ev->kind == GW_EV_USAGE)
        gw_buf_printf(b, " %d %d %d %d %d", (int)ev->usage.input_tokens,
                      (int)ev->usage.output_tokens, (int)ev->usage.cached_tokens,
                      (int)ev->usage.cache_write_tokens, (int)ev->usage.reasoning_tokens);
    if (ev->kind == GW_EV_FINISH) {
        gw_buf_printf(b, " %d", ev->finish);
        put_named(b, "native", ev->native_finish.inner);
    }
    if (ev->kind == GW_EV_ERROR) {
        gw_buf_printf(b, " kind=%d status=%d", ev->error.kind, ev->error.status);
        put_named(b, "message", ev->error.message.inner);
    }
    gw_buf_putc(b, '\n');
    return r->fold != NULL ? gw_fold_event(r->fold, ev) : AIGW_OK;
}

static inline char *text_of(const gw_buf *b)
{
    aigw_slice s = gw_buf_slice(b);
    char *copy = malloc(s.len + 1);
    assert_non_null(copy);
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}

/* Feeds a stream in pieces of `step` bytes (0: whole, -n: random pieces seeded by n). *events is malloc'ed.
 * With fold the order of the events is checked too. */
static inline int run_stream(aigw_slice bytes, int step, gw_fold *fold, char **events)
{
    record r = {.fold = fold};
    gw_buf_init(&r.text, (size_t)16 << 20);
    gw_event_sink sink = {record_event, &r};
    void *reader = calloc(1, WIRE->reader_size);
    assert_int_equal(WIRE->reader_init(reader, 1 << 20), AIGW_OK);
    int rc = AIGW_OK;
    unsigned seed = step < 0 ? (unsigned)-step : 1;
    for (size_t at = 0; at < bytes.len && rc == AIGW_OK;) {
        size_t n = step == 0 ? bytes.len : (size_t)step;
        if (step < 0) {
            seed = seed * 1103515245u + 12345u;
            n = 1 + (seed >> 16) % 97;
        }
        if (n > bytes.len - at)
            n = bytes.len - at;
        rc = WIRE->reader_feed(reader, gw_slice(bytes.data + at, n), &sink, NULL);
        at += n;
    }
    if (rc == AIGW_OK)
        rc = WIRE->reader_end(reader, &sink, NULL);
    WIRE->reader_free(reader);
    free(reader);
    *events = text_of(&r.text);
    gw_buf_free(&r.text);
    return rc;
}

/* A fixture's bytes (malloc'ed); skips the test where the shared data is absent. */
static inline aigw_slice fixture(const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/fixtures/%s", AIGW_SHARED_DATA, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    char *data = malloc(1 << 20);
    assert_non_null(data);
    size_t len = fread(data, 1, 1 << 20, f);
    fclose(f);
    return gw_slice(data, len);
}

static inline gw_json_doc parse(gw_arena *arena, aigw_slice text)
{
    gw_json_doc doc;
    aigw_error err;
    if (gw_json_parse(arena, text, NULL, &doc, &err) != AIGW_OK)
        fail_msg("%s in %.*s", err.message, (int)text.len, text.data);
    return doc;
}

#endif
