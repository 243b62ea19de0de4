/*
 * The guardrails of the config document as structs, before anything is resolved: see raw.h.
 *
 * Filled by bind.c from the table in guard_schema.c. Knows no meaning.
 */
#ifndef GW_GATEWAY_CONFIG_RAW_GUARD_H
#define GW_GATEWAY_CONFIG_RAW_GUARD_H

#include "gateway/config/raw.h"

/* Words or patterns. */
typedef struct gw_cfg_guard_list {
    const gw_cfg_node *node;
    aigw_slice name, mask;
    int action; /* an aigw_guard_action */
    gw_cfg_texts texts;
} gw_cfg_guard_list;

typedef struct gw_cfg_guard_rules {
    const gw_cfg_node *node;
    int email, phone, card, iban, ssn, secret; /* an aigw_guard_action */
    gw_cfg_list words, patterns;               /* gw_cfg_guard_list */
} gw_cfg_guard_rules;

typedef struct gw_cfg_webhook {
    const gw_cfg_node *node;
    aigw_slice url, secret, secret_file, ca_file;
    gw_cfg_pairs headers;
    int64_t timeout_ms;
    int on_fail; /* a gw_remote_policy */
    int allow_http;
} gw_cfg_webhook;

typedef struct gw_cfg_moderation {
    const gw_cfg_node *node;
    aigw_slice provider, base_url, api_key, api_key_file, model, ca_file;
    gw_cfg_pairs categories;
    int64_t timeout_ms;
    int on_fail;
    int allow_http;
} gw_cfg_moderation;

typedef struct gw_cfg_apply {
    const gw_cfg_node *node;
    aigw_slice provider, id, version;
    int64_t timeout_ms;
    int on_fail;
} gw_cfg_apply;

typedef struct gw_cfg_guard_match {
    const gw_cfg_node *node;
    gw_cfg_texts clients, teams, models, routes;
} gw_cfg_guard_match;

typedef struct gw_cfg_guardrail {
    const gw_cfg_node *node;
    aigw_slice name;
    gw_cfg_texts on;
    gw_cfg_guard_rules rules;
    gw_cfg_webhook webhook;
    gw_cfg_moderation openai_moderation;
    gw_cfg_apply bedrock_guardrail;
    gw_cfg_guard_match match;
    int pass_through; /* 0: refuse, 1: allow */
} gw_cfg_guardrail;

#endif
