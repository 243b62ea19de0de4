/* Sealed texts: what goes in comes out, and nothing that a client makes up gets through as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/text.h"
#include "chat/seal.h"

static gw_jstr inner(const char *text)
{
    return (gw_jstr){aigw_slice_of(text)};
}

static void there_and_back(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    static const char *const texts[] = {"", "Eo0C/+==", "a\\\"b\\u00e4", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (int format = AIGW_FORMAT_OPENAI_CHAT; format <= AIGW_FORMAT_BEDROCK; format++) {
            gw_sealed out;
            gw_jstr sealed = gw_seal(arena, (aigw_format)format, i % 2, inner(texts[i]));
            assert_true(gw_unseal(arena, sealed, &out));
            assert_int_equal(out.origin, format);
            assert_int_equal(out.redacted, i % 2);
            assert_true(gw_eq(out.text.inner, aigw_slice_of(texts[i])));
            gw_buf buf;
            gw_buf_init(&buf, 4096);
            gw_jw w = gw_jw_on(&buf);
            gw_jw_seal(&w, (aigw_format)format, i % 2, inner(texts[i]));
            aigw_slice written = gw_buf_slice(&buf);
            assert_true(gw_eq(gw_slice(written.data + 1, written.len - 2), sealed.inner));
            gw_buf_free(&buf);
        }
    }
    gw_arena_free(arena);
}

static void ids(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    gw_buf buf;
    gw_buf_init(&buf, 4096);
    gw_jw w = gw_jw_on(&buf);
    gw_jw_seal_id(&w, inner("call_1"), AIGW_FORMAT_GEMINI, inner("Cu/+8=="));
    aigw_slice id = gw_buf_slice(&buf);
    id = gw_slice(id.data + 1, id.len - 2);
    for (size_t i = 0; i < id.len; i++)
        assert_non_null(
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", id.data[i]));
    gw_jstr bare;
    gw_sealed out;
    assert_true(gw_unseal_id(arena, (gw_jstr){id}, &bare, &out));
    assert_true(gw_jstr_is(bare, "call_1"));
    assert_true(gw_jstr_is(out.text, "Cu/+8=="));
    assert_int_equal(out.origin, AIGW_FORMAT_GEMINI);
    gw_buf_clear(&buf);
    w = gw_jw_on(&buf);
    gw_jw_seal_id(&w, inner("call_2"), AIGW_FORMAT_GEMINI, (gw_jstr){{NULL, 0}});
    assert_true(gw_eq(gw_buf_slice(&buf), GW_S("\"call_2\"")));
    assert_false(gw_unseal_id(arena, inner("toolu_01__aigw_"), &bare, &out));
    assert_true(gw_jstr_is(bare, "toolu_01__aigw_"));
    gw_buf_free(&buf);
    gw_arena_free(arena);
}

static void forged(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    static const char *const plain[] = {
        "aigw1",       "aigw14",   "aigw1zsx",    "aigw10sx",
        "aigw16sx",    "aigw14xx", "aigw14sa\"b", /* would end the string */
        "aigw14sa\\",                             /* would escape its end */
        "aigw14s\n",                              /* no control characters */
        "aigw14s\xc3",                            /* half a character */
        "aigw24sx",                               /* another mark */
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        gw_buf buf;
        gw_sealed out = {0};
        gw_buf_init(&buf, 4096);
        assert_true(gw_base64_encode(&buf, plain[i], strlen(plain[i])));
        assert_false(gw_unseal(arena, (gw_jstr){gw_buf_slice(&buf)}, &out));
        assert_int_equal(out.origin, 0);
        gw_buf_free(&buf);
    }
    gw_sealed out;
    assert_false(gw_unseal(arena, inner("ErUBCkYIBRgCIkA="), &out));
    assert_false(gw_unseal(arena, inner("YWlndzE0c3g"), &out)); /* no padding */
    assert_false(gw_unseal(arena, (gw_jstr){{NULL, 0}}, &out));
    gw_arena_free(arena);
}

static void a_slot_is_bare_for_its_maker(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(1 << 20);
    const gw_jstr text = gw_jstr_lit("Abc+\\/=");
    static const aigw_format origins[] = {AIGW_FORMAT_GEMINI, AIGW_FORMAT_ANTHROPIC,
                                          (aigw_format)0};
    for (size_t i = 0; i < 3; i++) {
        gw_buf buf;
        gw_buf_init(&buf, 4096);
        gw_jw w = gw_jw_on(&buf);
        gw_jw_slot(&w, AIGW_FORMAT_ANTHROPIC, origins[i], true, text);
        aigw_slice slot = gw_buf_slice(&buf);
        slot = gw_slice(slot.data + 1, slot.len - 2);
        assert_int_equal(gw_eq(slot, text.inner), i > 0);
        assert_int_equal(gw_looks_sealed((gw_jstr){slot}), i == 0);
        gw_sealed open = gw_seal_open(arena, (gw_jstr){slot}, AIGW_FORMAT_ANTHROPIC, i == 0);
        assert_true(gw_eq(open.text.inner, text.inner));
        assert_int_equal(open.origin, i == 0 ? AIGW_FORMAT_GEMINI : AIGW_FORMAT_ANTHROPIC);
        assert_int_equal(open.redacted, i == 0);
        gw_buf_free(&buf);
    }
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_bare_for_its_maker),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(ids),
        cmocka_unit_test(forged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
