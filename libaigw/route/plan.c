/* Chooses the targets of a model: by its name, "provider/rest", the longest prefix, or the only
 * provider. Pure; must not know what a provider is beyond its name and prefixes. */
#include "route/plan.h"

#include "base/text.h"

static size_t plan_named(const gw_route_model *model, gw_route_target *out)
{
    size_t count = 0;
    for (size_t i = 0; i < model->target_count && count < GW_PLAN_MAX; i++)
        out[count++] = model->targets[i];
    return count;
}

static bool plan_qualified(const gw_route_table *table, aigw_slice model, gw_route_target *out)
{
    aigw_slice rest = model;
    aigw_slice name = gw_cut(&rest, '/');
    if (rest.data == NULL || rest.len == 0)
        return false;
    for (size_t i = 0; i < table->provider_count; i++) {
        if (gw_eq(table->providers[i].name, name)) {
            *out = (gw_route_target){i, rest};
            return true;
        }
    }
    return false;
}

/* Length of the longest prefix that fits, or -1. */
static ptrdiff_t fit(const char *const *prefixes, aigw_slice model)
{
    ptrdiff_t best = -1;
    for (; prefixes && *prefixes; prefixes++) {
        aigw_slice prefix = {*prefixes, strlen(*prefixes)};
        if (gw_starts(model, prefix) && (ptrdiff_t)prefix.len > best)
            best = (ptrdiff_t)prefix.len;
    }
    return best;
}

/* Of equal prefixes, the provider that the config names first. */
static bool plan_prefix(const gw_route_table *table, aigw_slice model, gw_route_target *out)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < table->provider_count; i++) {
        ptrdiff_t length = fit(table->providers[i].model_prefixes, model);
        if (length > best) {
            best = length;
            *out = (gw_route_target){i, {NULL, 0}};
        }
    }
    return best >= 0;
}

size_t gw_plan(const gw_route_table *table, aigw_slice model, gw_route_target out[GW_PLAN_MAX])
{
    for (size_t i = 0; i < table->model_count; i++) {
        if (gw_eq(table->models[i].name, model))
            return plan_named(&table->models[i], out);
    }
    gw_route_target found;
    if (plan_qualified(table, model, &found) || plan_prefix(table, model, &found)) {
        out[0] = found;
        return 1;
    }
    if (table->provider_count == 1) {
        out[0] = (gw_route_target){0, {NULL, 0}};
        return 1;
    }
    return 0;
}
