/* Signatures through dialects that are not their maker's: out in an answer, back in the next request. */
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

#define CC  (&gw_wire_openai_chat)
#define MSG (&gw_wire_anthropic)

typedef struct room {
    gw_arena *arena;
    gw_buf out;
    gw_json_doc doc;
    gw_notes notes;
} room;

static void room_open(room *k)
{
    memset(k, 0, sizeof(*k));
    k->arena = gw_arena_new((size_t)64 << 20);
    assert_non_null(k->arena);
    gw_buf_init(&k->out, (size_t)8 << 20);
    k->notes.arena = k->arena;
}

static void room_close(room *k)
{
    gw_buf_free(&k->out);
    gw_arena_free(k->arena);
}

static aigw_slice taken(room *k)
{
    aigw_slice copy = gw_arena_copy(k->arena, gw_buf_slice(&k->out));
    gw_buf_clear(&k->out);
    return copy;
}

static void parse(room *k, aigw_slice text)
{
    aigw_error err = {0};
    if (gw_json_parse(k->arena, text, NULL, &k->doc, &err) != AIGW_OK)
        fail_msg("%s: %.*s", err.message, (int)text.len, text.data);
}

static aigw_slice raw_at(const room *k, gw_json_ref object, const char *name)
{
    gw_json_ref ref = gw_json_get(&k->doc, object, name);
    assert_int_not_equal(ref, GW_JSON_ABSENT);
    return gw_json_raw(&k->doc, ref);
}

static bool has(aigw_slice text, const char *part)
{
    return gw_find(text, aigw_slice_of(part)) != NULL;
}

static gw_answer answer_of(gw_choice *choice, gw_block *blocks, size_t count)
{
    *choice = (gw_choice){.blocks = blocks, .block_count = count, .finished = true};
    choice->finish = GW_FINISH_TOOL_CALLS;
    gw_answer a = {.id = gw_jstr_lit("a"), .model = gw_jstr_lit("m"), .created = 1};
    a.choices = choice;
    a.choice_count = 1;
    a.usage = gw_usage_unknown();
    return a;
}

static aigw_slice written(room *k, const gw_wire *wire, const gw_answer *a)
{
    gw_answer_options options = {.id_seed = GW_S("0123456789abcdef")};
    assert_int_equal(wire->write_answer(k->arena, a, &options, &k->out, NULL), AIGW_OK);
    return taken(k);
}

/* What a client sends next: the assistant's message as it came, and a result for its call. */
static gw_chat_request replayed(room *k, const gw_wire *wire, aigw_slice answer, const char *id)
{
    gw_chat_request r;
    aigw_error err = {0};
    parse(k, answer);
    gw_buf_puts(&k->out, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                         "\"content\":\"hi\"},");
    if (wire == CC) {
        gw_json_ref choice = gw_json_at(&k->doc, gw_json_get(&k->doc, 0, "choices"), 0);
        gw_buf_add(&k->out, raw_at(k, choice, "message"));
        gw_buf_printf(&k->out, ",{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"r\"}",
                      id);
    } else {
        gw_buf_puts(&k->out, "{\"role\":\"assistant\",\"content\":");
        gw_buf_add(&k->out, raw_at(k, 0, "content"));
        gw_buf_printf(&k->out,
                      "},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                      "\"tool_use_id\":\"%s\",\"content\":\"r\"}]}",
                      id);
    }
    gw_buf_puts(&k->out, "]}");
    parse(k, taken(k));
    if (wire->read_request(k->arena, &k->doc, &r, &err) != AIGW_OK)
        fail_msg("%s %s: %.*s", err.message, err.pointer, (int)k->doc.text.len, k->doc.text.data);
    return r;
}

static gw_block gemini_call(void)
{
    return (gw_block){.kind = GW_BLOCK_TOOL_CALL,
                      .call_id = gw_jstr_lit("c1"),
                      .tool_name = gw_jstr_lit("f"),
                      .text = gw_jstr_lit("{}"),
                      .signature = gw_jstr_lit("CiQB+\\/=="),
                      .origin = AIGW_FORMAT_GEMINI};
}

static void is_signed_call(const gw_part *part)
{
    assert_int_equal(part->kind, GW_PART_TOOL_CALL);
    assert_true(gw_jstr_is(part->id, "c1"));
    assert_true(gw_eq(part->signature.inner, GW_S("CiQB+\\/==")));
    assert_int_equal(part->origin, AIGW_FORMAT_GEMINI);
}

static void edge_17_by_extension_and_by_id(void **state)
{
    (void)state;
    room k;
    room_open(&k);
    gw_choice choice;
    gw_block block = gemini_call();
    gw_answer a = answer_of(&choice, &block, 1);
    aigw_slice text = written(&k, CC, &a);
    assert_true(has(text, "\"extra_content\":{\"google\":{\"thought_signature\":\"CiQB+\\/==\"}}"));
    parse(&k, text);
    gw_json_ref call = gw_json_at(&k.doc, gw_json_get(&k.doc, 0, "choices"), 0);
    call = gw_json_get(&k.doc, gw_json_get(&k.doc, call, "message"), "tool_calls");
    call = gw_json_at(&k.doc, call, 0);
    aigw_slice id = gw_arena_copy(k.arena, gw_json_inner(&k.doc, gw_json_get(&k.doc, call, "id")));
    assert_true(gw_starts(id, GW_S("c1__aigw_")));
    for (size_t i = 0; i < id.len; i++) /* what every dialect takes as an id */
        assert_non_null(
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", id.data[i]));
    char plain[200];
    snprintf(plain, sizeof(plain), "%.*s", (int)id.len, id.data);
    gw_chat_request r = replayed(&k, CC, text, plain);
    is_signed_call(&r.messages[1].parts[0]);
    assert_true(gw_jstr_is(r.messages[2].parts[0].id, "c1"));
    /* A client that drops what it does not know. */
    gw_buf_printf(
        &k.out,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
        "\"%s\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"r\"}]}",
        plain, plain);
    parse(&k, taken(&k));
    assert_int_equal(CC->read_request(k.arena, &k.doc, &r, NULL), AIGW_OK);
    is_signed_call(&r.messages[0].parts[0]);
    assert_true(gw_jstr_is(r.messages[1].parts[0].id, "c1"));
    room_close(&k);
}

static void edge_17_through_anthropic(void **state)
{
    (void)state;
    room k;
    room_open(&k);
    gw_choice choice;
    gw_block blocks[] = {{.kind = GW_BLOCK_THINKING, .text = gw_jstr_lit("hm")},
                         {.kind = GW_BLOCK_TEXT,
                          .text = gw_jstr_lit("x"),
                          .signature = gw_jstr_lit("T"),
                          .origin = AIGW_FORMAT_GEMINI},
                         gemini_call()};
    gw_answer a = answer_of(&choice, blocks, 3);
    aigw_slice text = written(&k, MSG, &a);
    gw_chat_request r = replayed(&k, MSG, text, "c1");
    const gw_message *said = &r.messages[1];
    assert_int_equal(said->part_count, 3);
    assert_int_equal(said->parts[1].kind, GW_PART_TEXT);
    assert_true(gw_jstr_is(said->parts[1].signature, "T"));
    is_signed_call(&said->parts[2]);
    /* The same through OpenAI's dialect, where the text's signature has no other place. */
    text = written(&k, CC, &a);
    r = replayed(&k, CC, text, "c1");
    said = &r.messages[1];
    assert_int_equal(said->part_count, 3);
    assert_true(gw_jstr_is(said->parts[0].text, "hm"));
    assert_int_equal(said->parts[0].signature.inner.len, 0);
    assert_true(gw_jstr_is(said->parts[1].signature, "T"));
    is_signed_call(&said->parts[2]);
    room_close(&k);
}

typedef struct piping {
    const gw_wire *wire;
    void *writer;
    gw_buf *out;
} piping;

static int pipe_event(void *user, const gw_event *event)
{
    piping *p = user;
    return p->wire->writer_event(p->writer, event, p->out);
}

/* Unfolded, written as a stream, read again. */
static gw_answer streamed(room *k, const gw_wire *wire, const gw_answer *a)
{
    gw_answer_options options = {.id_seed = GW_S("0123456789abcdef")};
    gw_answer out;
    gw_fold *fold = gw_fold_new(k->arena);
    piping p = {wire, calloc(1, wire->writer_size), &k->out};
    void *reader = calloc(1, wire->reader_size);
    gw_event_sink writing = {pipe_event, &p}, folding = {gw_fold_event, fold};
    assert_int_equal(wire->writer_init(p.writer, &options), AIGW_OK);
    assert_int_equal(wire->reader_init(reader, 1 << 20), AIGW_OK);
    assert_int_equal(gw_unfold(a, &writing), AIGW_OK);
    aigw_slice text = taken(k);
    if (wire->reader_feed(reader, text, &folding, NULL) != AIGW_OK ||
        wire->reader_end(reader, &folding, NULL) != AIGW_OK)
        fail_msg("%.*s", (int)text.len, text.data);
    assert_int_equal(gw_fold_result(fold, &out, NULL), AIGW_OK);
    wire->writer_free(p.writer);
    wire->reader_free(reader);
    free(p.writer);
    free(reader);
    return out;
}

static void streams_carry_them_too(void **state)
{
    (void)state;
    room k;
    room_open(&k);
    gw_choice choice;
    gw_block blocks[] = {{.kind = GW_BLOCK_THINKING,
                          .text = gw_jstr_lit("t"),
                          .signature = gw_jstr_lit("S"),
                          .origin = AIGW_FORMAT_ANTHROPIC},
                         {.kind = GW_BLOCK_REDACTED_THINKING,
                          .text = gw_jstr_lit("ENC"),
                          .origin = AIGW_FORMAT_OPENAI_RESPONSES},
                         gemini_call()};
    gw_answer a = answer_of(&choice, blocks, 3);
    gw_answer out = streamed(&k, CC, &a);
    const gw_block *b = out.choices[0].blocks;
    assert_int_equal(out.choices[0].block_count, 3);
    assert_true(gw_jstr_is(b[0].text, "t") && gw_jstr_is(b[0].signature, "S"));
    assert_int_equal(b[0].origin, AIGW_FORMAT_ANTHROPIC);
    assert_int_equal(b[1].kind, GW_BLOCK_REDACTED_THINKING);
    assert_true(gw_jstr_is(b[1].text, "ENC"));
    assert_int_equal(b[1].origin, AIGW_FORMAT_OPENAI_RESPONSES);
    assert_true(gw_jstr_is(b[2].call_id, "c1"));
    assert_true(gw_eq(b[2].signature.inner, blocks[2].signature.inner));
    assert_int_equal(b[2].origin, AIGW_FORMAT_GEMINI);
    out = streamed(&k, MSG, &a);
    b = out.choices[0].blocks;
    assert_int_equal(out.choices[0].block_count, 4); /* the call's signature before the call */
    assert_true(gw_jstr_is(b[0].signature, "S"));
    assert_int_equal(b[1].origin, AIGW_FORMAT_OPENAI_RESPONSES);
    assert_true(gw_jstr_is(b[1].text, "ENC"));
    assert_int_equal(b[2].kind, GW_BLOCK_THINKING);
    assert_int_equal(b[2].origin, AIGW_FORMAT_GEMINI);
    assert_true(gw_eq(b[2].signature.inner, blocks[2].signature.inner));
    assert_int_equal(b[3].kind, GW_BLOCK_TOOL_CALL);
    room_close(&k);
}

static aigw_slice request_to(room *k, const gw_wire *wire, const gw_chat_request *r)
{
    gw_write_options options = {.model = GW_S("m")};
    aigw_error err = {0};
    k->notes.count = 0;
    if (wire->write_request(k->arena, r, &options, &k->out, &k->notes, &err) != AIGW_OK)
        fail_msg("%s", err.message);
    return taken(k);
}

/* Only its maker gets a signature back: everybody else's is dropped, and said to be. */
static void foreign_ones_are_dropped_with_a_note(void **state)
{
    (void)state;
    room k;
    room_open(&k);
    gw_choice choice;
    gw_block blocks[] = {{.kind = GW_BLOCK_THINKING,
                          .text = gw_jstr_lit("mine"),
                          .signature = gw_jstr_lit("S"),
                          .origin = AIGW_FORMAT_ANTHROPIC},
                         {.kind = GW_BLOCK_REDACTED_THINKING,
                          .text = gw_jstr_lit("ENC"),
                          .origin = AIGW_FORMAT_OPENAI_RESPONSES},
                         gemini_call()};
    gw_answer a = answer_of(&choice, blocks, 3);
    const gw_wire *dialects[] = {CC, MSG};
    for (size_t i = 0; i < 2; i++) {
        gw_chat_request r = replayed(&k, dialects[i], written(&k, dialects[i], &a), "c1");
        assert_int_equal(r.messages[1].part_count, 3);
        aigw_slice out = request_to(&k, MSG, &r);
        assert_true(has(out, "{\"type\":\"thinking\",\"thinking\":\"mine\",\"signature\":\"S\"}"));
        assert_false(has(out, "ENC"));
        assert_false(has(out, "YWlndz"));
        assert_false(has(out, "CiQB"));
        assert_false(has(out, "aigw"));
        assert_int_equal(k.notes.count, 2); /* the redacted one, and the signature of the call */
        r.format = AIGW_FORMAT_GEMINI;      /* as any other client's */
        out = request_to(&k, CC, &r);
        assert_false(has(out, "mine"));
        assert_false(has(out, "extra_content"));
        assert_false(has(out, "aigw"));
        assert_int_equal(k.notes.count, 3);
    }
    room_close(&k);
}

static void sealed_thinking_never_reaches_anthropic_as_it_is(void **state)
{
    (void)state;
    room k;
    room_open(&k);
    gw_jstr sealed = gw_seal(k.arena, AIGW_FORMAT_GEMINI, false, gw_jstr_lit("G"));
    gw_jstr data = gw_seal(k.arena, AIGW_FORMAT_OPENAI_RESPONSES, true, gw_jstr_lit("R"));
    gw_buf_printf(
        &k.out,
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"%.*s\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"},"
        "{\"type\":\"redacted_thinking\",\"data\":\"own\"},"
        "{\"type\":\"text\",\"text\":\"x\",\"citations\":[{\"type\":"
        "\"web_search_result_location\",\"url\":\"u\",\"encrypted_index\":\"\"}]}]}]}",
        (int)sealed.inner.len, sealed.inner.data, (int)data.inner.len, data.inner.data);
    parse(&k, taken(&k));
    gw_patch patches[GW_MEND_MAX];
    size_t count = 0;
    gw_write_options options = {0};
    assert_int_equal(MSG->mend_request(k.arena, &k.doc, &options, patches, &count), AIGW_OK);
    assert_int_equal(count, 1);
    assert_true(gw_eq(patches[0].value,
                      GW_S("[{\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\","
                           "\"data\":\"own\"},{\"type\":\"text\",\"text\":\"x\"}]}]")));
    room_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edge_17_by_extension_and_by_id),
        cmocka_unit_test(edge_17_through_anthropic),
        cmocka_unit_test(streams_carry_them_too),
        cmocka_unit_test(foreign_ones_are_dropped_with_a_note),
        cmocka_unit_test(sealed_thinking_never_reaches_anthropic_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
