/*
 * Where should it go? From a model name to an ordered list of attempts. Pure; data in, indexes out.
 */
#ifndef GW_ROUTE_PLAN_H
#define GW_ROUTE_PLAN_H

#include <aigw/error.h>

#define GW_PLAN_MAX 8

/* One way to serve a model. */
typedef struct gw_route_target {
    size_t provider;   /* index into the config's providers */
    aigw_slice model;  /* what to call it there; "" keeps the client's name */
} gw_route_target;

/* A model that the config names. */
typedef struct gw_route_model {
    aigw_slice name;
    const gw_route_target *targets;
    size_t target_count;
} gw_route_model;

typedef struct gw_route_provider {
    aigw_slice name;
    const char *const *model_prefixes; /* NULL-ended; NULL: none */
} gw_route_provider;

typedef struct gw_route_table {
    const gw_route_model *models;
    size_t model_count;
    const gw_route_provider *providers;
    size_t provider_count;
} gw_route_table;

/*
 * In this order: a named model; "provider/rest"; a provider whose prefix fits; the only provider.
 * Returns how many targets (at most GW_PLAN_MAX) were written; 0: nobody serves it.
 */
size_t gw_plan(const gw_route_table *table, aigw_slice model, gw_route_target out[GW_PLAN_MAX]);

#endif
