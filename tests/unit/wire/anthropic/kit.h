/* What the tests of the Anthropic codec share: parse, read, write, and hold the result to be JSON. */
#ifndef TESTS_WIRE_ANTHROPIC_KIT_H
#define TESTS_WIRE_ANTHROPIC_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/wire.h"

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
    k->arena = gw_arena_new(64u << 20);
    assert_non_null(k->arena);
    gw_buf_init(&k->out, 16u << 20);
    k->notes.arena = k->arena;
}

static inline void kit_close(kit *k)
{
    gw_buf_free(&k->out);
    gw_arena_free(k->arena);
}

static inline void kit_parse(kit *k, const char *json)
{
    int rc = gw_json_parse(k->arena, aigw_slice_of(json), NULL, &k->doc, &k->err);
    if (rc != AIGW_OK) {
        fail_msg("the test's own JSON does not parse: %s: %s", k->err.message, json);
    }
}

/* The output as a C string; fails unless it is JSON. */
static inline const char *kit_text(kit *k)
{
    gw_json_doc doc;
    aigw_slice text = gw_buf_slice(&k->out);
    if (gw_json_parse(k->arena, text, NULL, &doc, &k->err) != AIGW_OK) {
        fail_msg("not JSON: %.*s", (int)text.len, text.data);
    }
    return gw_arena_copy(k->arena, text).data;
}

/* Reads a request of `from` and writes it for Anthropic. */
static inline int kit_request(kit *k, const gw_wire *from, const char *json, const char *model)
{
    gw_chat_request r;
    kit_parse(k, json);
    int rc = from->read_request(k->arena, &k->doc, &r, &k->err);
    if (rc != AIGW_OK) {
        return rc;
    }
    gw_write_options options = {.model = aigw_slice_of(model)};
    return gw_wire_anthropic.write_request(k->arena, &r, &options, &k->out, &k->notes, &k->err);
}

static inline bool kit_noted(const kit *k, const char *pointer)
{
    for (size_t i = 0; i < k->notes.count; i++) {
        if (gw_eq(k->notes.items[i].pointer, aigw_slice_of(pointer))) {
            return true;
        }
    }
    return false;
}

static inline void kit_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
}

static inline void kit_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("unwanted %s in %s", part, text);
    }
}

#endif
