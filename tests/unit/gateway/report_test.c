/* What was dropped: told to who asks, refused for who is strict, and safe as a header field. */
#include "unit/gateway/fake.h"
#include "unit/gateway/samples.h"

#define ASK_SEED                                                                                   \
    "{\"model\":\"a\",\"seed\":7,\"logit_bias\":{\"1\":2},"                                        \
    "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static const fake_answer a_answer[] = {{.status = 200, .type = JSON, .body = A_ANSWER}};

static void nothing_is_said_unasked(void **state)
{
    (void)state;
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    aigw_exchange *x = fake_open(f, OPENAI_PATH, ASK_SEED);
    fake_steps(f);
    assert_null(fake_header(x, "x-aigw-dropped").data);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

static void who_asks_is_told(void **state)
{
    (void)state;
    const char *const fields[] = {"X-Aigw-Report", "usage , Dropped", NULL};
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    aigw_exchange *x = fake_ask(f, "POST", OPENAI_PATH, fields, ASK_SEED);
    fake_steps(f);
    aigw_slice told = fake_header(x, "x-aigw-dropped");
    assert_non_null(told.data);
    assert_true(gw_starts(told, GW_S("\"/")));
    assert_non_null(gw_find(told, GW_S("\"/seed\";reason=\"")));
    assert_non_null(gw_find(told, GW_S("\"/logit_bias\";reason=\"")));
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

static void who_is_strict_is_refused(void **state)
{
    (void)state;
    const char *const fields[] = {"x-aigw-strict", " TRUE ", NULL};
    fake *f = fake_new(FAKE_CONFIG, NULL, 0);
    fake_result r = fake_take(f, fake_ask(f, "POST", OPENAI_PATH, fields, ASK_SEED));
    assert_int_equal(r.status, 400);
    assert_has(r.body, "\"invalid_request_error\"");
    if (!strstr(r.body, "\"param\":\"/seed\"") && !strstr(r.body, "\"param\":\"/logit_bias\""))
        fail_msg("no pointer: %s", r.body);
    free(r.body);
    fake_free(f);
}

static void strict_passes_what_can_be_said(void **state)
{
    (void)state;
    const char *const fields[] = {"x-aigw-strict", "true", "x-aigw-report", "dropped", NULL};
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    aigw_exchange *x = fake_ask(f, "POST", OPENAI_PATH, fields, ASK("a"));
    fake_steps(f);
    assert_null(fake_header(x, "x-aigw-dropped").data);
    fake_result r = fake_take(f, x);
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

static void strict_is_true_or_false(void **state)
{
    (void)state;
    const char *const values[] = {"", "yes", "1", "true,true", "tru\xc3\xa9"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *const fields[] = {"x-aigw-strict", values[i], NULL};
        fake *f = fake_new(FAKE_CONFIG, NULL, 0);
        fake_result r = fake_take(f, fake_ask(f, "POST", ANTHROPIC_PATH, fields, ASK_A("a")));
        assert_int_equal(r.status, 400);
        assert_has(r.body, "x-aigw-strict");
        assert_has(r.body, "\"type\":\"error\"");
        free(r.body);
        fake_free(f);
    }
    const char *const fields[] = {"x-aigw-strict", "False", NULL};
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    fake_result r = fake_take(f, fake_ask(f, "POST", OPENAI_PATH, fields, ASK_SEED));
    assert_int_equal(r.status, 200);
    free(r.body);
    fake_free(f);
}

/* Directly: any pointer gives one line of printable ASCII within its bound. */
static void the_field_is_safe_and_bounded(void **state)
{
    (void)state;
    const char *const fields[] = {"x-aigw-report", "dropped", NULL};
    fake *f = fake_new(FAKE_CONFIG, a_answer, 1);
    aigw_exchange *x = fake_ask(f, "POST", OPENAI_PATH, fields, ASK("a"));
    gw_note notes[200];
    gw_notes all = {.items = notes};
    notes[all.count++] = (gw_note){GW_S("/a\"b\\c\r\nX: y\xc3\xa9\x7f%"), "so\"so"};
    notes[all.count++] = (gw_note){GW_S(""), "no place"};
    assert_true(gw_report_dropped(x, &all));
    assert_int_equal(x->attempt.kept_count, 1);
    assert_slice(x->attempt.kept[0].value,
                 "\"/a\\\"b\\\\c%0d%0aX: y%c3%a9%7f%25\";reason=\"so\\\"so\", "
                 "\"\";reason=\"no place\"");
    char pointer[300];
    memset(pointer, 'p', sizeof pointer);
    for (all.count = 0; all.count < 200; all.count++)
        notes[all.count] = (gw_note){gw_slice(pointer, sizeof pointer), "long"};
    assert_true(gw_report_dropped(x, &all));
    aigw_slice value = x->attempt.kept[1].value;
    assert_true(value.len <= 4096);
    assert_true(gw_ends(value, GW_S(", \"\";omitted=188")));
    fake_result r = fake_take(f, x);
    free(r.body);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_said_unasked),
        cmocka_unit_test(who_asks_is_told),
        cmocka_unit_test(who_is_strict_is_refused),
        cmocka_unit_test(strict_passes_what_can_be_said),
        cmocka_unit_test(strict_is_true_or_false),
        cmocka_unit_test(the_field_is_safe_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
