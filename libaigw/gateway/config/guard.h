/*
 * Guardrails of the config: as the document says them, and as the snapshot holds them.
 *
 * Plain data, but for the compiled rules and the targets, which gw_guardrails_free drops. Knows no exchange.
 */
#ifndef GW_GATEWAY_CONFIG_GUARD_H
#define GW_GATEWAY_CONFIG_GUARD_H

#include "gate/guard_remote.h"
#include "rim/http.h"
#include <aigw/guard.h>

struct gw_upstream;
struct gw_config;

#define GW_GUARDRAILS_MAX 16

typedef enum gw_guard_asks {
    GW_ASKS_NOBODY,
    GW_ASKS_WEBHOOK,
    GW_ASKS_MODERATION,
    GW_ASKS_BEDROCK /* ApplyGuardrail */
} gw_guard_asks;

/* Somebody else who decides. */
typedef struct gw_guard_remote {
    gw_guard_asks asks;
    gw_http_target *own;                /* its own address; or */
    const struct gw_upstream *upstream; /* that of a provider, with its credential */
    aigw_slice path;                    /* "": the target's */
    aigw_slice model;                   /* moderation: "" is the host's choice */
    const gw_moderation_limit *limits;
    size_t limit_count;
    int timeout_ms;
    gw_remote_policy policy;
} gw_guard_remote;

/* Whom it is for: an empty list is everybody. */
typedef struct gw_guard_match {
    aigw_slice *clients, *teams, *models, *routes; /* of models a * at the end is fine */
    size_t client_count, team_count, model_count, route_count;
} gw_guard_match;

typedef struct gw_guardrail {
    aigw_slice name;
    bool prompt, answer;
    bool allow_pass;             /* what passes through is not looked at, and passes */
    aigw_guard *local;           /* NULL: only asks */
    aigw_guard_action strictest; /* that its own rules have */
    gw_guard_remote remote;
    gw_guard_match match;
} gw_guardrail;

typedef struct gw_guardrails {
    gw_guardrail *items;
    size_t count;
} gw_guardrails;

void gw_guardrails_free(gw_guardrails *guards);

#endif
