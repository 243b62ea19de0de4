/* Notes on what was lost, and tool arguments as an object and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "chat/request.h"

static int setup(void **state)
{
    *state = gw_arena_new(1 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

static void unsaid_is_marked(void **state)
{
    (void)state;
    gw_chat_request r;
    gw_chat_request_init(&r, NULL);
    assert_int_equal(r.max_tokens, -1);
    assert_int_equal(r.n, -1);
    assert_int_equal(r.parallel_tool_calls, -1);
    assert_int_equal(r.schema_strict, -1);
    assert_int_equal(r.thinking_budget, -1);
    assert_int_equal(r.effort, GW_EFFORT_UNSAID);
}

static void notes_grow_and_point(void **state)
{
    gw_arena *arena = *state;
    gw_json_doc doc;
    assert_int_equal(gw_json_parse(arena, GW_S("{\"a\":[1,2]}"), NULL, &doc, NULL), AIGW_OK);
    gw_json_ref two = gw_json_at(&doc, gw_json_get(&doc, 0, "a"), 1);
    gw_notes notes = {.arena = arena};
    for (int i = 0; i < 20; i++)
        assert_int_equal(gw_note_add(&notes, &doc, two, "dropped", NULL), AIGW_OK);
    assert_int_equal(gw_note_add(&notes, NULL, GW_JSON_ABSENT, "nowhere", NULL), AIGW_OK);
    assert_int_equal(notes.count, 21);
    assert_true(gw_eq(notes.items[0].pointer, GW_S("/a/1")));
    assert_true(gw_eq(notes.items[19].pointer, GW_S("/a/1")));
    assert_int_equal(notes.items[20].pointer.len, 0);
    notes.strict = true;
    aigw_error err;
    assert_int_equal(gw_note_add(&notes, &doc, two, "dropped", &err), AIGW_E_UNSUPPORTED);
    assert_string_equal(err.pointer, "/a/1");
    assert_int_equal(err.http_status, 400);
    assert_int_equal(gw_note_add(&notes, &doc, GW_JSON_ABSENT, "dropped", &err),
                     AIGW_E_UNSUPPORTED);
    assert_int_equal(notes.count, 21);
}

static void arguments_become_an_object(void **state)
{
    gw_arena *arena = *state;
    static const struct {
        const char *text, *object;
    } cases[] = {{"", "{}"},
                 {" \\n ", "{}"},
                 {"null", "{}"},
                 {"{\\\"a\\\":1}", "{\"a\":1}"},
                 {" { \\\"a\\\" : \\\"\\\\n\\\" } ", "{ \"a\" : \"\\n\" }"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_part part = {.at = GW_JSON_ABSENT, .args_text = gw_jstr_lit(cases[i].text)};
        aigw_slice out;
        assert_int_equal(gw_part_args_object(arena, NULL, &part, &out, NULL), AIGW_OK);
        assert_int_equal(out.len, strlen(cases[i].object));
        assert_memory_equal(out.data, cases[i].object, out.len);
    }
    static const char *const bad[] = {"[1]", "1", "{", "{\\\"a\\\":1,\\\"a\\\":2}", "{} {}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gw_part part = {.at = GW_JSON_ABSENT, .args_text = gw_jstr_lit(bad[i])};
        aigw_slice out = {NULL, 0};
        aigw_error err;
        assert_int_equal(gw_part_args_object(arena, NULL, &part, &out, &err), AIGW_E_PARSE);
        assert_int_equal(err.http_status, 400);
        assert_null(out.data);
    }
    gw_part custom = {.custom = true, .args_text = gw_jstr_lit("say \\\"hi\\\"")};
    aigw_slice out;
    assert_int_equal(gw_part_args_object(arena, NULL, &custom, &out, NULL), AIGW_OK);
    assert_true(gw_eq(out, GW_S("{\"input\":\"say \\\"hi\\\"\"}")));
}

static void arguments_become_text(void **state)
{
    gw_arena *arena = *state;
    gw_part part = {.args.json = GW_S("{ \"a b\" : [ 1 , \" x \\\" \\\\ \\n \" ] }")};
    gw_jstr out;
    assert_int_equal(gw_part_args_text(arena, &part, &out, NULL), AIGW_OK);
    aigw_slice plain = gw_jstr_text(arena, out);
    assert_true(gw_eq(plain, GW_S("{\"a b\":[1,\" x \\\" \\\\ \\n \"]}")));
    gw_part none = {0};
    assert_int_equal(gw_part_args_text(arena, &none, &out, NULL), AIGW_OK);
    assert_true(gw_eq(out.inner, GW_S("{}")));
    gw_part given = {.args_text = gw_jstr_lit("{\\\"a\\\": 1}")};
    assert_int_equal(gw_part_args_text(arena, &given, &out, NULL), AIGW_OK);
    assert_true(gw_eq(out.inner, given.args_text.inner));
}

static gw_part carrier(const char *text, const char *signature, aigw_format origin)
{
    return (gw_part){.kind = GW_PART_THINKING,
                     .text = gw_jstr_lit(text),
                     .signature = gw_jstr_lit(signature),
                     .origin = origin};
}

static void signatures_join_what_they_sign(void **state)
{
    (void)state;
    gw_part parts[] = {
        carrier("", "A", AIGW_FORMAT_ANTHROPIC), /* another maker's stays what it is */
        carrier("t", "T", AIGW_FORMAT_GEMINI),   /* it signs its own text */
        carrier("", "1", AIGW_FORMAT_GEMINI),
        {.kind = GW_PART_TEXT, .text = gw_jstr_lit("x")},
        carrier("", "2", AIGW_FORMAT_GEMINI),
        {.kind = GW_PART_TOOL_CALL, .signature = gw_jstr_lit("own"), .origin = AIGW_FORMAT_GEMINI},
        carrier("", "3", AIGW_FORMAT_GEMINI),
        carrier("", "4", AIGW_FORMAT_GEMINI),
        {.kind = GW_PART_TOOL_CALL},
        carrier("", "5", AIGW_FORMAT_GEMINI), /* nothing behind it */
    };
    gw_message m = {
        .role = GW_ROLE_ASSISTANT, .parts = parts, .part_count = sizeof parts / sizeof *parts};
    gw_message_join_signatures(&m);
    assert_int_equal(m.part_count, 8);
    assert_true(gw_jstr_is(m.parts[0].signature, "A"));
    assert_true(gw_jstr_is(m.parts[1].text, "t"));
    assert_int_equal(m.parts[2].kind, GW_PART_TEXT);
    assert_true(gw_jstr_is(m.parts[2].signature, "1"));
    assert_int_equal(m.parts[2].origin, AIGW_FORMAT_GEMINI);
    assert_true(gw_jstr_is(m.parts[3].signature, "2"));
    assert_true(gw_jstr_is(m.parts[4].signature, "own"));
    assert_true(gw_jstr_is(m.parts[5].signature, "3"));
    assert_int_equal(m.parts[6].kind, GW_PART_TOOL_CALL);
    assert_true(gw_jstr_is(m.parts[6].signature, "4"));
    assert_true(gw_jstr_is(m.parts[7].signature, "5"));
    gw_part user[] = {carrier("", "1", AIGW_FORMAT_GEMINI), {.kind = GW_PART_TEXT}};
    gw_message other = {.role = GW_ROLE_USER, .parts = user, .part_count = 2};
    gw_message_join_signatures(&other);
    assert_int_equal(other.part_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_join_what_they_sign),
        cmocka_unit_test(unsaid_is_marked),
        cmocka_unit_test_setup_teardown(notes_grow_and_point, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_become_an_object, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_become_text, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
