/* Folding and unfolding: the identity over random answers, merging, and every broken order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "chat/fold.h"

static int setup(void **state)
{
    *state = gw_arena_new((size_t)64 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    gw_arena_free(*state);
    return 0;
}

static unsigned rnd(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

static bool same(aigw_slice a, aigw_slice b)
{
    return (a.data == NULL) == (b.data == NULL) && gw_eq(a, b);
}

static void assert_same_block(const gw_block *a, const gw_block *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(same(a->text.inner, b->text.inner));
    assert_true(same(a->call_id.inner, b->call_id.inner));
    assert_true(same(a->tool_name.inner, b->tool_name.inner));
    assert_true(same(a->signature.inner, b->signature.inner));
    assert_true(same(a->raw.json, b->raw.json));
    assert_int_equal(a->custom, b->custom);
}

static void assert_same(const gw_answer *a, const gw_answer *b)
{
    assert_true(same(a->id.inner, b->id.inner));
    assert_true(same(a->model.inner, b->model.inner));
    assert_true(same(a->service_tier.inner, b->service_tier.inner));
    assert_true(same(a->fingerprint.inner, b->fingerprint.inner));
    assert_int_equal(a->created, b->created);
    assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
    assert_true(same(a->usage_raw.json, b->usage_raw.json));
    assert_int_equal(a->choice_count, b->choice_count);
    for (size_t i = 0; i < a->choice_count; i++) {
        const gw_choice *x = &a->choices[i], *y = &b->choices[i];
        assert_int_equal(x->finished, y->finished);
        assert_int_equal(x->finish, y->finish);
        assert_true(same(x->native_finish.inner, y->native_finish.inner));
        assert_true(same(x->stop_sequence.inner, y->stop_sequence.inner));
        assert_true(same(x->refusal.inner, y->refusal.inner));
        assert_true(same(x->logprobs.json, y->logprobs.json));
        assert_int_equal(x->block_count, y->block_count);
        for (size_t j = 0; j < x->block_count; j++)
            assert_same_block(&x->blocks[j], &y->blocks[j]);
    }
}

static gw_jstr random_text(gw_arena *arena, unsigned *seed)
{
    size_t len = rnd(seed, 3) == 0 ? 0 : rnd(seed, 300);
    char *to = gw_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++)
        to[i] = (char)('a' + rnd(seed, 26));
    return (gw_jstr){{to, len}};
}

static gw_jstr maybe(gw_arena *arena, unsigned *seed)
{
    return rnd(seed, 2) ? random_text(arena, seed) : (gw_jstr){{NULL, 0}};
}

static gw_block random_block(gw_arena *arena, unsigned *seed)
{
    gw_block b = {.kind = (gw_block_kind)rnd(seed, 6)};
    if (b.kind == GW_BLOCK_NATIVE) {
        b.raw.json = GW_S("{\"type\":\"x\"}");
        return b;
    }
    b.text = random_text(arena, seed);
    if (b.kind == GW_BLOCK_TOOL_CALL) {
        b.call_id = random_text(arena, seed);
        b.tool_name = random_text(arena, seed);
        b.custom = rnd(seed, 2);
    }
    if (b.kind == GW_BLOCK_TEXT && rnd(seed, 2))
        b.raw.json = GW_S("[{\"url\":1},2]");
    b.signature = maybe(arena, seed);
    return b;
}

static gw_answer random_answer(gw_arena *arena, unsigned *seed)
{
    gw_answer a = {.id = maybe(arena, seed), .model = maybe(arena, seed), .created = rnd(seed, 9)};
    a.service_tier = maybe(arena, seed);
    a.fingerprint = maybe(arena, seed);
    a.usage = (aigw_usage){(int)rnd(seed, 9) - 1, 2, -1, 0, (int)rnd(seed, 3) - 1};
    if (rnd(seed, 2))
        a.usage_raw.json = GW_S("{\"prompt_tokens\":1}");
    a.choice_count = 1 + rnd(seed, 3);
    a.choices = gw_arena_calloc(arena, a.choice_count, sizeof(*a.choices));
    for (size_t i = 0; i < a.choice_count; i++) {
        gw_choice *c = &a.choices[i];
        c->block_count = 1 + rnd(seed, 6);
        c->blocks = gw_arena_calloc(arena, c->block_count, sizeof(*c->blocks));
        for (size_t j = 0; j < c->block_count; j++)
            c->blocks[j] = random_block(arena, seed);
        c->finished = rnd(seed, 4) > 0;
        if (!c->finished)
            continue;
        c->finish = (gw_finish)rnd(seed, 7);
        c->native_finish = maybe(arena, seed);
        c->stop_sequence = maybe(arena, seed);
        c->refusal = maybe(arena, seed);
        if (rnd(seed, 2))
            c->logprobs.json = GW_S("{\"content\":[{\"token\":\"a\"}],\"refusal\":null}");
    }
    return a;
}

static void unfold_then_fold_is_identity(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 300; i++) {
        unsigned seed = i;
        gw_arena *arena = gw_arena_new((size_t)8 << 20);
        gw_answer a = random_answer(arena, &seed), b;
        gw_fold *fold = gw_fold_new(arena);
        gw_event_sink sink = {gw_fold_event, fold};
        assert_int_equal(gw_unfold(&a, &sink), AIGW_OK);
        assert_int_equal(gw_fold_result(fold, &b, NULL), AIGW_OK);
        assert_same(&a, &b);
        gw_arena_free(arena);
    }
}

static int put(gw_fold *f, gw_event ev)
{
    return gw_fold_event(f, &ev);
}

#define OPEN(b, k)  ((gw_event){.kind = GW_EV_BLOCK_START, .block = (b), .block_kind = (k)})
#define CLOSE(b, k) ((gw_event){.kind = GW_EV_BLOCK_STOP, .block = (b), .block_kind = (k)})
#define SAY(b, k, t)                                                                               \
    ((gw_event){.kind = GW_EV_DELTA, .block = (b), .block_kind = (k), .delta = gw_jstr_lit(t)})
#define JUST(k) ((gw_event){.kind = (k)})

static gw_fold *started(gw_arena *arena)
{
    gw_fold *f = gw_fold_new(arena);
    assert_int_equal(put(f, JUST(GW_EV_START)), AIGW_OK);
    return f;
}

static void calls_may_interleave(void **state)
{
    gw_fold *f = started(*state);
    assert_int_equal(put(f, OPEN(0, GW_BLOCK_TOOL_CALL)), AIGW_OK);
    assert_int_equal(put(f, OPEN(1, GW_BLOCK_TOOL_CALL)), AIGW_OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(put(f, SAY(1, GW_BLOCK_TOOL_CALL, "bb")), AIGW_OK);
        assert_int_equal(put(f, SAY(0, GW_BLOCK_TOOL_CALL, "a")), AIGW_OK);
    }
    assert_int_equal(put(f, CLOSE(1, GW_BLOCK_TOOL_CALL)), AIGW_OK);
    assert_int_equal(put(f, OPEN(2, GW_BLOCK_TEXT)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, CLOSE(0, GW_BLOCK_TOOL_CALL)), AIGW_OK);
    assert_int_equal(put(f, JUST(GW_EV_FINISH)), AIGW_OK);
    gw_answer a;
    assert_int_equal(gw_fold_result(f, &a, NULL), AIGW_AGAIN);
    assert_int_equal(put(f, JUST(GW_EV_END)), AIGW_OK);
    assert_int_equal(gw_fold_result(f, &a, NULL), AIGW_OK);
    assert_int_equal(a.choices[0].blocks[0].text.inner.len, 1000);
    assert_int_equal(a.choices[0].blocks[1].text.inner.len, 2000);
    assert_memory_equal(a.choices[0].blocks[1].text.inner.data, "bbbb", 4);
}

static void broken_orders_are_refused(void **state)
{
    gw_arena *arena = *state;
    gw_fold *f = gw_fold_new(arena);
    assert_int_equal(put(f, OPEN(0, GW_BLOCK_TEXT)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, JUST(GW_EV_USAGE)), AIGW_E_UPSTREAM);
    f = started(arena);
    assert_int_equal(put(f, JUST(GW_EV_START)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, OPEN(1, GW_BLOCK_TEXT)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, SAY(0, GW_BLOCK_TEXT, "x")), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, OPEN(0, GW_BLOCK_TEXT)), AIGW_OK);
    assert_int_equal(put(f, SAY(0, GW_BLOCK_THINKING, "x")), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, OPEN(1, GW_BLOCK_TOOL_CALL)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, JUST(GW_EV_FINISH)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, JUST(GW_EV_END)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, CLOSE(0, GW_BLOCK_TEXT)), AIGW_OK);
    assert_int_equal(put(f, CLOSE(0, GW_BLOCK_TEXT)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, JUST(GW_EV_FINISH)), AIGW_OK);
    assert_int_equal(put(f, JUST(GW_EV_FINISH)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, OPEN(1, GW_BLOCK_TEXT)), AIGW_E_UPSTREAM);
    assert_int_equal(put(f, JUST(GW_EV_END)), AIGW_OK);
    assert_int_equal(put(f, JUST(GW_EV_USAGE)), AIGW_E_UPSTREAM);
    gw_event far = {.kind = GW_EV_FINISH, .choice = 100000};
    assert_int_equal(put(started(arena), far), AIGW_E_LIMIT);
}

static void lists_are_merged(void **state)
{
    gw_fold *f = started(*state);
    put(f, OPEN(0, GW_BLOCK_TEXT));
    static const char *const citations[] = {"{\"a\":1}", "[2,3]", "[ ]", " [ 4 ] "};
    static const char *const logprobs[] = {"{\"content\":[1],\"refusal\":null}",
                                           "{\"content\":null}", "{\"content\":[2,3]}",
                                           "{\"refusal\":[9],\"content\":[]}"};
    for (size_t i = 0; i < 4; i++) {
        gw_event ev = SAY(0, GW_BLOCK_TEXT, "x");
        ev.raw.json = aigw_slice_of(citations[i]);
        ev.logprobs.json = aigw_slice_of(logprobs[i]);
        assert_int_equal(put(f, ev), AIGW_OK);
    }
    put(f, CLOSE(0, GW_BLOCK_TEXT));
    put(f, JUST(GW_EV_FINISH));
    put(f, JUST(GW_EV_END));
    gw_answer a;
    assert_int_equal(gw_fold_result(f, &a, NULL), AIGW_OK);
    assert_true(gw_eq(a.choices[0].blocks[0].raw.json, GW_S("[{\"a\":1},2,3,4]")));
    assert_true(gw_eq(a.choices[0].logprobs.json, GW_S("{\"content\":[1,2,3],\"refusal\":[9]}")));
}

static void error_ends_everything(void **state)
{
    gw_fold *f = gw_fold_new(*state);
    gw_event ev = {.kind = GW_EV_ERROR};
    ev.error.kind = GW_ERR_OVERLOADED;
    ev.error.message = gw_jstr_lit("busy");
    assert_int_equal(gw_fold_event(f, &ev), AIGW_OK);
    gw_answer a;
    gw_api_error error;
    assert_int_equal(gw_fold_result(f, &a, &error), AIGW_E_UPSTREAM);
    assert_int_equal(error.kind, GW_ERR_OVERLOADED);
    assert_true(gw_jstr_is(error.message, "busy"));
    assert_int_equal(put(f, JUST(GW_EV_START)), AIGW_E_UPSTREAM);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    gw_arena *arena = gw_arena_new(256 << 10);
    gw_fold *f = started(arena);
    assert_int_equal(put(f, OPEN(0, GW_BLOCK_TEXT)), AIGW_OK);
    int rc = AIGW_OK;
    for (int i = 0; i < 100000 && rc == AIGW_OK; i++)
        rc = put(f, SAY(0, GW_BLOCK_TEXT, "0123456789"));
    assert_int_equal(rc, AIGW_E_NOMEM);
    gw_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfold_then_fold_is_identity),
        cmocka_unit_test_setup_teardown(calls_may_interleave, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_orders_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(error_ends_everything, setup, teardown),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
