/* The order of gw_plan's rules, and what each refuses. */
#include "base/text.h"
#include "route/plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const openai[] = {"gpt-", "o1", NULL};
static const char *const azure[] = {"gpt-4o-eu", NULL};
static const char *const twin[] = {"gpt-", NULL};
static const gw_route_provider providers[] = {
    {{"openai", 6}, openai}, {{"azure", 5}, azure}, {{"twin", 4}, twin}, {{"bare", 4}, NULL}};
static const gw_route_target fast[] = {{1, {"small", 5}}, {0, {NULL, 0}}};
static const gw_route_target slashed[] = {{3, {NULL, 0}}};
static const gw_route_model models[] = {
    {{"fast", 4}, fast, 2}, {{"openai/special", 14}, slashed, 1}, {{"gpt-named", 9}, slashed, 1}};
static const gw_route_table table = {models, 3, providers, 4};

static size_t plan(const char *model, gw_route_target out[GW_PLAN_MAX])
{
    return gw_plan(&table, aigw_slice_of(model), out);
}

static void named_model_gives_its_targets_in_order(void **state)
{
    (void)state;
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(plan("fast", out), 2);
    assert_int_equal(out[0].provider, 1);
    assert_true(gw_eq(out[0].model, GW_S("small")));
    assert_int_equal(out[1].provider, 0);
    assert_int_equal(out[1].model.len, 0);
}

static void named_model_wins_over_all_other_rules(void **state)
{
    (void)state;
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(plan("openai/special", out), 1);
    assert_int_equal(out[0].provider, 3);
    assert_int_equal(plan("gpt-named", out), 1);
    assert_int_equal(out[0].provider, 3);
}

static void qualified_name_goes_to_its_provider(void **state)
{
    (void)state;
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(plan("bare/org/model", out), 1);
    assert_int_equal(out[0].provider, 3);
    assert_true(gw_eq(out[0].model, GW_S("org/model")));
    assert_int_equal(plan("azure/gpt-4o", out), 1);
    assert_int_equal(out[0].provider, 1);
}

static void longest_prefix_wins_and_the_first_of_equal_ones(void **state)
{
    (void)state;
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(plan("gpt-4o-eu-2", out), 1);
    assert_int_equal(out[0].provider, 1);
    assert_int_equal(plan("gpt-4o", out), 1);
    assert_int_equal(out[0].provider, 0);
    assert_int_equal(out[0].model.len, 0);
}

static void nobody_serves_what_fits_nothing(void **state)
{
    (void)state;
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(plan("claude-3", out), 0);
    assert_int_equal(plan("", out), 0);
    assert_int_equal(plan("bare/", out), 0);
    assert_int_equal(plan("/gpt-4", out), 0);
    assert_int_equal(plan("GPT-4", out), 0);
    assert_int_equal(plan("unknown/gpt-4", out), 0);
}

static void an_only_provider_serves_everything(void **state)
{
    (void)state;
    gw_route_table one = {NULL, 0, &providers[3], 1};
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(gw_plan(&one, GW_S("meta-llama/Llama-3"), out), 1);
    assert_int_equal(out[0].provider, 0);
    assert_int_equal(out[0].model.len, 0);
}

static void targets_are_bounded(void **state)
{
    (void)state;
    gw_route_target many[GW_PLAN_MAX + 3] = {{0, {NULL, 0}}};
    gw_route_model model = {GW_S("m"), many, GW_PLAN_MAX + 3};
    gw_route_table big = {&model, 1, providers, 4};
    gw_route_target out[GW_PLAN_MAX];
    assert_int_equal(gw_plan(&big, GW_S("m"), out), GW_PLAN_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_model_gives_its_targets_in_order),
        cmocka_unit_test(named_model_wins_over_all_other_rules),
        cmocka_unit_test(qualified_name_goes_to_its_provider),
        cmocka_unit_test(longest_prefix_wins_and_the_first_of_equal_ones),
        cmocka_unit_test(nobody_serves_what_fits_nothing),
        cmocka_unit_test(an_only_provider_serves_everything),
        cmocka_unit_test(targets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
