/* What the tests of the Converse codec share: parse, convert, frames, files of the fixtures. */
#ifndef TESTS_WIRE_BEDROCK_KIT_H
#define TESTS_WIRE_BEDROCK_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/eventstream.h"
#include "wire/wire.h"

#define CLAUDE "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define NOVA   "us.amazon.nova-pro-v1:0"

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
    k->arena = gw_arena_new((size_t)128 << 20);
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
    int rc = gw_json_parse(k->arena, json, NULL, &k->doc, &k->err);
    if (rc != AIGW_OK)
        fail_msg("the test's own JSON does not parse: %s: %.*s", k->err.message, (int)json.len,
                 json.data);
}

/* The output as a C string in the arena, and the buffer is empty again; fails unless it is JSON. */
static inline const char *kit_text(kit *k)
{
    gw_json_doc doc;
    aigw_slice text = gw_arena_copy(k->arena, gw_buf_slice(&k->out));
    if (gw_json_parse(k->arena, text, NULL, &doc, &k->err) != AIGW_OK)
        fail_msg("not JSON: %s", text.data);
    gw_buf_clear(&k->out);
    return text.data;
}

static inline int kit_convert(kit *k, const gw_wire *from, const gw_wire *to, const char *model,
                              const char *json)
{
    gw_chat_request r;
    kit_parse(k, aigw_slice_of(json));
    k->notes.count = 0;
    int rc = from->read_request(k->arena, &k->doc, &r, &k->err);
    gw_write_options options = {.model = aigw_slice_of(model)};
    return rc != AIGW_OK ? rc
                         : to->write_request(k->arena, &r, &options, &k->out, &k->notes, &k->err);
}

/* Must succeed. */
static inline const char *kit_request(kit *k, const gw_wire *from, const gw_wire *to,
                                      const char *model, const char *json)
{
    int rc = kit_convert(k, from, to, model, json);
    if (rc != AIGW_OK)
        fail_msg("%d %s at %s: %s", rc, k->err.message, k->err.pointer, json);
    return kit_text(k);
}

/* A chat completions request with these members beside model and a message. */
static inline const char *kit_chat(kit *k, const char *model, const char *members)
{
    char json[8192];
    snprintf(json, sizeof json,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s%s}",
             members[0] ? "," : "", members);
    return kit_request(k, &gw_wire_openai_chat, &gw_wire_bedrock, model, json);
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

/* An answer document of `from` as one of `to`. */
static inline const char *kit_answer(kit *k, const gw_wire *from, const gw_wire *to,
                                     const char *json)
{
    static const gw_answer_options options = {.id_seed = {"5eed", 4}};
    gw_fold *fold = gw_fold_new(k->arena);
    gw_event_sink sink = {gw_fold_event, fold};
    gw_answer answer;
    kit_parse(k, aigw_slice_of(json));
    assert_int_equal(from->read_answer(k->arena, &k->doc, &sink, &k->err), AIGW_OK);
    assert_int_equal(gw_fold_result(fold, &answer, NULL), AIGW_OK);
    assert_int_equal(to->write_answer(k->arena, &answer, &options, &k->out, &k->err), AIGW_OK);
    return kit_text(k);
}

/* One frame of a stream: an event, or an exception when the name begins with '!'. */
static inline void kit_frame(gw_buf *out, const char *type, const char *payload)
{
    bool exception = type[0] == '!';
    gw_frame_header headers[] = {
        {exception ? GW_S(":exception-type") : GW_S(":event-type"), GW_FRAME_STRING,
         aigw_slice_of(type + exception), 0},
        {GW_S(":content-type"), GW_FRAME_STRING, GW_S("application/json"), 0},
        {GW_S(":message-type"), GW_FRAME_STRING, exception ? GW_S("exception") : GW_S("event"), 0}};
    assert_int_equal(gw_eventstream_write(out, headers, 3, aigw_slice_of(payload)), AIGW_OK);
}

/* Text of a file beside the checkout; skips the test where it is absent. */
static inline aigw_slice kit_file(kit *k, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/fixtures/%s", AIGW_SHARED_DATA, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("no fixtures at %s\n", path);
        skip();
        return GW_S("");
    }
    fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    char *bytes = gw_arena_alloc(k->arena, len + 1);
    rewind(file);
    assert_int_equal(fread(bytes, 1, len, file), len);
    bytes[len] = '\0';
    fclose(file);
    return gw_slice(bytes, len);
}

#endif
