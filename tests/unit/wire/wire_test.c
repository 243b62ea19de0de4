/* The table of formats, statuses, and the byte-exact patch of request bodies. */
#include "unit/wire/openai_chat/help.h"

static void table_is_complete(void **state)
{
    (void)state;
    for (const gw_wire *const *w = gw_wires; *w != NULL; w++) {
        assert_ptr_equal(gw_wire_of((*w)->format), *w);
        assert_non_null((*w)->name);
        assert_true((*w)->reader_size > 0 && (*w)->writer_size > 0);
        assert_true((*w)->tap_event == NULL || (*w)->tap_size > 0);
    }
    assert_ptr_equal(gw_wire_of(AIGW_FORMAT_OPENAI_CHAT), &gw_wire_openai_chat);
    assert_null(gw_wire_of((aigw_format)99));
}

static void statuses_and_kinds_agree(void **state)
{
    (void)state;
    for (int kind = GW_ERR_INVALID_REQUEST; kind <= GW_ERR_UPSTREAM; kind++) {
        int status = gw_api_error_status((gw_api_error_kind)kind);
        assert_in_range(status, 400, 599);
        assert_int_equal(gw_api_error_status(gw_api_error_kind_of(status)), status);
    }
    assert_int_equal(gw_api_error_kind_of(529), GW_ERR_OVERLOADED);
    assert_int_equal(gw_api_error_kind_of(422), GW_ERR_INVALID_REQUEST);
    assert_int_equal(gw_api_error_kind_of(599), GW_ERR_SERVER);
    assert_int_equal(gw_api_error_kind_of(200), GW_ERR_UPSTREAM);
}

static void patch_is_byte_exact(void **state)
{
    (void)state;
    static const struct {
        const char *body, *out;
    } cases[] = {
        {"{}", "{\"model\":\"X\",\"stream\":true}"},
        {" { \"a\" : [ 1 , {\"model\":2} ] } ",
         " {\"model\":\"X\",\"stream\":true, \"a\" : [ 1 , {\"model\":2} ] } "},
        {"{\"model\" : \"old\\\"\" ,\n\"z\":1.0e5}",
         "{\"stream\":true,\"model\" : \"X\" ,\n\"z\":1.0e5}"},
        {"{\"stream\":{\"a\":[]},\"m\\u006fdel\":null}", "{\"stream\":true,\"m\\u006fdel\":\"X\"}"},
    };
    const gw_patch patches[] = {{.member = "model", .value = GW_S("\"X\"")},
                                {.member = "stream", .value = GW_S("true")}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_arena *arena = gw_arena_new(1 << 20);
        gw_json_doc doc = parse(arena, aigw_slice_of(cases[i].body));
        gw_buf out;
        gw_buf_init(&out, 1 << 16);
        assert_int_equal(gw_patch_body(&doc, patches, 2, &out, NULL), AIGW_OK);
        char *text = text_of(&out);
        assert_string_equal(text, cases[i].out);
        parse(arena, gw_buf_slice(&out));
        free(text);
        gw_buf_free(&out);
        gw_arena_free(arena);
    }
}

static void patch_removes(void **state)
{
    (void)state;
    static const struct {
        const char *body, *out;
    } cases[] = {
        {"{\"gone\":1}", "{\"model\":\"X\"}"},
        {"{}", "{\"model\":\"X\"}"},
        {"{\"a\":1, \"gone\" : [1,{\"gone\":2}] ,\"b\": 2}", "{\"model\":\"X\",\"a\":1,\"b\":2}"},
        {"{\"gone\":1,\"model\":0}", "{\"model\":\"X\"}"},
        {"{\"model\":0 ,\"g\\u006fne\":\"}\"}", "{\"model\":\"X\"}"},
        {"{\"a\" : {\"gone\":1}}", "{\"model\":\"X\",\"a\" : {\"gone\":1}}"},
    };
    const gw_patch patches[] = {{.member = "model", .value = GW_S("\"X\"")},
                                {.member = "gone", .remove = true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gw_arena *arena = gw_arena_new(1 << 20);
        gw_json_doc doc = parse(arena, aigw_slice_of(cases[i].body));
        gw_buf out;
        gw_buf_init(&out, 1 << 16);
        assert_int_equal(gw_patch_body(&doc, patches, 2, &out, NULL), AIGW_OK);
        char *text = text_of(&out);
        assert_string_equal(text, cases[i].out);
        free(text);
        gw_buf_free(&out);
        gw_arena_free(arena);
    }
}

/* The list says what the copy says, and nothing of the body is copied for it. */
static void pieces_say_the_same(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{}",
        "{\"gone\":1}",
        " { \"a\" : [ 1 ] , \"model\":\"old\" , \"z\":2 } ",
        "{\"gone\":1,\"model\":0,\"b\":2}",
        "{\"stream\":false}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (size_t count = 1; count <= 3; count++) {
            const gw_patch patches[] = {{.member = "model", .value = GW_S("\"X\"")},
                                        {.member = "stream", .value = GW_S("true")},
                                        {.member = "gone", .remove = true}};
            gw_arena *arena = gw_arena_new(1 << 20);
            gw_json_doc doc = parse(arena, aigw_slice_of(bodies[i]));
            gw_buf copied, joined;
            const aigw_slice *pieces;
            size_t pieces_count;
            gw_buf_init(&copied, 1 << 16);
            gw_buf_init(&joined, 1 << 16);
            assert_int_equal(gw_patch_body(&doc, patches, count, &copied, NULL), AIGW_OK);
            assert_int_equal(
                gw_patch_pieces(&doc, patches, count, arena, &pieces, &pieces_count, NULL),
                AIGW_OK);
            for (size_t k = 0; k < pieces_count; k++)
                gw_buf_add(&joined, pieces[k]);
            assert_true(gw_eq(gw_buf_slice(&copied), gw_buf_slice(&joined)));
            gw_buf_free(&copied);
            gw_buf_free(&joined);
            gw_arena_free(arena);
        }
    }
}

static void patch_refuses(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    const gw_patch patch = {.member = "model", .value = GW_S("\"XXXXXXXXXXXXXXXXXXXX\"")};
    gw_buf out;
    gw_buf_init(&out, 16);
    gw_json_doc list = parse(arena, GW_S("[1]")), object = parse(arena, GW_S("{}"));
    assert_int_equal(gw_patch_body(&list, &patch, 1, &out, NULL), AIGW_E_PARSE);
    assert_int_equal(gw_patch_body(&object, &patch, 1, &out, NULL), AIGW_E_LIMIT);
    gw_buf_free(&out);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_complete),   cmocka_unit_test(statuses_and_kinds_agree),
        cmocka_unit_test(patch_is_byte_exact), cmocka_unit_test(patch_removes),
        cmocka_unit_test(pieces_say_the_same), cmocka_unit_test(patch_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
