/* Resolves which provider serves which model: prefixes of providers, and models with targets.
 * Must not choose: that is route/plan. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"

/* "gpt-*" and "gpt-" are the same prefix. */
static int keep_prefixes(gw_cfg_build *b, const gw_cfg_texts *models, const char *const **out)
{
    const char **prefixes = gw_arena_calloc(b->config->arena, models->count + 1, sizeof *prefixes);
    if (!prefixes)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < models->count; i++) {
        aigw_slice text = models->items[i];
        text.len -= text.data[text.len - 1] == '*';
        aigw_slice kept = gw_arena_copy(b->config->arena, text);
        if (!kept.data)
            return gw_fail_nomem(b->err);
        prefixes[i] = kept.data;
    }
    *out = prefixes;
    return AIGW_OK;
}

static int build_providers(gw_cfg_build *b)
{
    const gw_cfg_provider *raw = b->raw->providers.items;
    gw_config *c = b->config;
    gw_route_provider *routes = gw_arena_calloc(c->arena, c->upstream_count, sizeof *routes);
    if (!routes)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < c->upstream_count; i++) {
        const gw_upstream *up = &c->upstreams[i];
        routes[i].name = up->name;
        /* By another name it is somebody else's host: the vendor's models are not there. */
        bool vendor = gw_eq(up->name, aigw_slice_of(up->provider->name));
        if (!raw[i].models.node && vendor) {
            routes[i].model_prefixes = up->provider->model_prefixes;
            continue;
        }
        int code = keep_prefixes(b, &raw[i].models, &routes[i].model_prefixes);
        if (code != AIGW_OK)
            return code;
    }
    c->routes.providers = routes;
    c->routes.provider_count = c->upstream_count;
    return AIGW_OK;
}

static int build_targets(gw_cfg_build *b, const gw_cfg_model *raw, gw_route_model *out)
{
    const gw_cfg_target *from = raw->targets.items;
    gw_config *c = b->config;
    gw_route_target *targets = gw_arena_calloc(c->arena, raw->targets.count, sizeof *targets);
    if (!targets)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < raw->targets.count; i++) {
        size_t p = 0;
        while (p < c->upstream_count && !gw_eq(c->upstreams[p].name, from[i].provider))
            p++;
        if (p == c->upstream_count)
            return gw_cfg_fail_key(b->err, from[i].node, "provider", "unknown_provider",
                                   "expected the name of one of the providers");
        targets[i].provider = p;
        int code = gw_cfg_keep(b, from[i].model, &targets[i].model);
        if (code != AIGW_OK)
            return code;
    }
    out->targets = targets;
    out->target_count = raw->targets.count;
    return gw_cfg_keep(b, raw->name, &out->name);
}

int gw_cfg_build_routes(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->models;
    const gw_cfg_model *raw = list->items;
    gw_config *c = b->config;
    int code = build_providers(b);
    gw_route_model *models = gw_arena_calloc(c->arena, list->count + 1, sizeof *models);
    if (code != AIGW_OK || !models)
        return code != AIGW_OK ? code : gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (gw_eq(raw[i].name, raw[j].name))
                return gw_cfg_fail_key(b->err, raw[i].node, "name", "duplicate",
                                       "this model stands twice in the list");
        }
        code = build_targets(b, &raw[i], &models[i]);
        if (code != AIGW_OK)
            return code;
    }
    c->routes.models = models;
    c->routes.model_count = list->count;
    return AIGW_OK;
}
