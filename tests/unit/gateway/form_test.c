/* Form decoding: escapes, duplicates, bounds. */
#include "gateway/form.h"
#include "unit/gate/mint.h"

static void expect(const char *text, const char *name, const char *value)
{
    gw_form form;
    assert_int_equal(gw_form_parse(aigw_slice_of(text), &form), AIGW_OK);
    assert_true(gw_eq(gw_form_get(&form, name), aigw_slice_of(value)));
    gw_form_free(&form);
}

static void test_values(void **state)
{
    (void)state;
    expect("a=1&b=2", "b", "2");
    expect("a=x+y%2Bz%20%c3%A9", "a", "x y+z \xc3\xa9");
    expect("%61=1", "a", "1");
    expect("a=b=c", "a", "b=c");
    expect("a", "a", "");
    expect("a=", "a", "");
    expect("&&a=1&", "a", "1");
    expect("", "a", "");
    expect("A=1", "a", "");
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"a=%",      "a=%4", "a=%4g", "a=%00", "a=1&a=1",
                                      "a=1&%61=", "a&a",  "a=%ff", "%zz=1", "a=%-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gw_form form = {.count = 77};
        assert_int_equal(gw_form_parse(aigw_slice_of(bad[i]), &form), AIGW_E_PARSE);
        assert_int_equal(form.count, 77);
    }
    gw_form form;
    assert_int_equal(gw_form_parse(GW_S("a=\0b"), &form), AIGW_E_PARSE);
}

static void test_bounds(void **state)
{
    (void)state;
    gw_form form;
    gw_buf buf;
    gw_buf_init(&buf, 65536);
    for (int i = 0; i < GW_FORM_MAX_FIELDS; i++)
        gw_buf_printf(&buf, "n%d=v&", i);
    assert_int_equal(gw_form_parse(gw_buf_slice(&buf), &form), AIGW_OK);
    assert_int_equal(form.count, GW_FORM_MAX_FIELDS);
    gw_form_free(&form);
    gw_buf_puts(&buf, "more=1");
    assert_int_equal(gw_form_parse(gw_buf_slice(&buf), &form), AIGW_E_LIMIT);
    gw_buf_clear(&buf);
    gw_buf_puts(&buf, "a=");
    while (gw_buf_len(&buf) < GW_FORM_MAX_BYTES)
        gw_buf_putc(&buf, 'x');
    assert_int_equal(gw_form_parse(gw_buf_slice(&buf), &form), AIGW_OK);
    gw_form_free(&form);
    gw_buf_putc(&buf, 'x');
    assert_int_equal(gw_form_parse(gw_buf_slice(&buf), &form), AIGW_E_LIMIT);
    gw_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
