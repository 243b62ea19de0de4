/*
 * The config document as structs, one per section, before anything is resolved across keys.
 *
 * Filled by bind.c from the table in schema.c. Texts lie in the tree. An absent text
 * has data NULL; a flag or number without a default of its own is -1 when absent.
 */
#ifndef GW_GATEWAY_CONFIG_RAW_H
#define GW_GATEWAY_CONFIG_RAW_H

#include "gateway/config/tree.h"

typedef struct gw_cfg_texts {
    aigw_slice *items;
    size_t count;
    const gw_cfg_node *node; /* NULL: absent */
} gw_cfg_texts;

typedef struct gw_cfg_pairs {
    aigw_header *items;
    size_t count;
    const gw_cfg_node *node;
} gw_cfg_pairs;

typedef struct gw_cfg_list {
    void *items; /* an array of the section's struct */
    size_t count;
    const gw_cfg_node *node;
} gw_cfg_list;

/* Every section begins with its node; NULL: the section is absent. */
typedef struct gw_cfg_tls {
    const gw_cfg_node *node;
    aigw_slice cert_file, key_file, client_ca_file;
    int client_auth; /* an aigw_tls_client_auth; -1: absent */
    int min_version; /* an aigw_tls_version */
} gw_cfg_tls;

typedef struct gw_cfg_server {
    const gw_cfg_node *node;
    aigw_slice listen;
    int64_t threads, max_connections, backlog;
    int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms, drain_timeout_ms;
    int64_t max_header_bytes, max_body_bytes;
    gw_cfg_tls tls;
    gw_cfg_texts trusted_proxies, allowed_peers;
    int proxy_protocol;
    int forwarded; /* a gw_forward */
    aigw_slice forwarded_header;
    int64_t forwarded_max_hops;
    int forwarded_malformed; /* a gw_malformed */
    int insecure_no_auth;
} gw_cfg_server;

typedef struct gw_cfg_claim {
    const gw_cfg_node *node;
    aigw_slice name;
    int format; /* an aigw_claim_format */
    gw_cfg_texts values;
} gw_cfg_claim;

typedef struct gw_cfg_trust {
    const gw_cfg_node *node;
    aigw_slice issuer, jwks_url, jwks_file, jwks, discovery_url, token_use;
    int discovery;
    int scope_match;  /* 0: any, 1: all */
    int64_t leeway_s; /* -1: absent */
    int64_t max_token_bytes;
    gw_cfg_texts algorithms, audiences, client_ids, scopes;
    gw_cfg_list claims; /* gw_cfg_claim */
} gw_cfg_trust;

typedef struct gw_cfg_jwt {
    const gw_cfg_node *node;
    int enabled;                   /* -1: absent */
    int insufficient_scope_status; /* 0: 401, 1: 403 */
    int64_t leeway_s;
    gw_cfg_list issuers; /* gw_cfg_trust */
} gw_cfg_jwt;

typedef struct gw_cfg_auth {
    const gw_cfg_node *node;
    gw_cfg_jwt jwt;
} gw_cfg_auth;

typedef struct gw_cfg_client {
    const gw_cfg_node *node;
    aigw_slice id, secret, secret_file, team, tenant_tier;
    gw_cfg_texts scopes;
    int64_t token_lifetime_s;
} gw_cfg_client;

typedef struct gw_cfg_issuer {
    const gw_cfg_node *node;
    int enabled; /* -1: absent */
    aigw_slice url, key_file, db;
    int64_t key_rotation_days, max_failures;
    int cognito_compat;
    gw_cfg_list clients; /* gw_cfg_client */
} gw_cfg_issuer;

typedef struct gw_cfg_timeouts {
    const gw_cfg_node *node;
    int64_t connect_ms, first_byte_ms, first_event_ms, idle_ms, total_ms;
} gw_cfg_timeouts;

typedef struct gw_cfg_token {
    const gw_cfg_node *node;
    aigw_slice endpoint, client_id, client_secret, client_secret_file, private_key_file, key_id;
    aigw_slice client_cert_file, client_key_file, scope, audience, resource, ca_file;
    int auth_method; /* an aigw_token_auth */
    int64_t timeout_ms;
    int allow_http;
} gw_cfg_token;

typedef struct gw_cfg_entra {
    const gw_cfg_node *node;
    aigw_slice tenant, client_id, client_secret, client_secret_file, authority, scope;
} gw_cfg_entra;

typedef struct gw_cfg_aws {
    const gw_cfg_node *node;
    aigw_slice access_key_id, secret_access_key, secret_access_key_file, session_token;
} gw_cfg_aws;

typedef struct gw_cfg_google {
    const gw_cfg_node *node;
    aigw_slice service_account, service_account_file, scope;
} gw_cfg_google;

typedef struct gw_cfg_provider_auth {
    const gw_cfg_node *node;
    gw_cfg_token token;
    gw_cfg_entra entra;
    gw_cfg_aws aws;
    gw_cfg_google google;
} gw_cfg_provider_auth;

typedef struct gw_cfg_provider {
    const gw_cfg_node *node;
    aigw_slice name, base_url, api_key, api_key_file, ca_file;
    aigw_slice api_version, region, project, location;
    int type; /* index into gw_cfg_provider_types */
    gw_cfg_texts formats, quirks;
    int pass_through;
    gw_cfg_texts pass_through_paths;
    gw_cfg_pairs headers;
    gw_cfg_texts models;
    gw_cfg_provider_auth auth;
    gw_cfg_timeouts timeouts;
    int64_t max_retries, default_max_tokens;
    int max_tokens_field; /* 0: auto, 1: max_tokens */
    int allow_http;
} gw_cfg_provider;

typedef struct gw_cfg_target {
    const gw_cfg_node *node;
    aigw_slice provider, model;
} gw_cfg_target;

typedef struct gw_cfg_model {
    const gw_cfg_node *node;
    aigw_slice name;
    gw_cfg_list targets; /* gw_cfg_target */
} gw_cfg_model;

typedef struct gw_cfg_log {
    const gw_cfg_node *node;
    int level; /* an aigw_log_level */
    int access;
} gw_cfg_log;

typedef struct gw_cfg_limits {
    const gw_cfg_node *node;
    int64_t max_exchange_bytes; /* -1: absent */
    int64_t max_retry_wait_ms;
    int64_t max_pass_bytes;
    int64_t max_rate_keys;
} gw_cfg_limits;

typedef struct gw_cfg_rate_match {
    const gw_cfg_node *node;
    gw_cfg_texts clients, teams, models;
} gw_cfg_rate_match;

typedef struct gw_cfg_rate_limit {
    const gw_cfg_node *node;
    aigw_slice name;
    gw_cfg_texts per;
    gw_cfg_rate_match match;
    /* -1: absent */
    int64_t requests_per_minute, tokens_per_minute, tokens_per_day, concurrent_requests;
    int algorithm; /* 0: sliding_window, 1: token_bucket */
    int64_t burst, burst_tokens;
    int64_t assume_output_tokens;
    int on_fail; /* an aigw_limit_policy; -1: absent */
    int64_t lease, lease_ms;
} gw_cfg_rate_limit;

typedef struct gw_cfg_redis {
    const gw_cfg_node *node;
    aigw_slice address, username, password, password_file, prefix;
    int64_t database, deadline_ms, connect_timeout_ms;
} gw_cfg_redis;

typedef struct gw_cfg_fetch {
    const gw_cfg_node *node;
    int enabled, allow_http;
    int64_t max_bytes, max_total_bytes, max_urls, max_redirects, timeout_ms;
    gw_cfg_texts hosts, content_types;
} gw_cfg_fetch;

typedef struct gw_cfg_egress {
    const gw_cfg_node *node;
    gw_cfg_texts allow_private;
    gw_cfg_fetch fetch_urls;
} gw_cfg_egress;

typedef struct gw_cfg_waf_rate {
    const gw_cfg_node *node;
    int64_t limit, window_s, ipv6_prefix, lease, lease_ms;
    int action;  /* 0: block, 1: count, 2: none */
    int status;  /* 0: 403, 1: 429 */
    int on_fail; /* 0: closed, 1: open, 2: local */
} gw_cfg_waf_rate;

typedef struct gw_cfg_waf_lists {
    const gw_cfg_node *node;
    gw_cfg_texts reputation, reconnaissance, ddos, allow; /* files */
    int64_t max_entries, check_s;
} gw_cfg_waf_lists;

typedef struct gw_cfg_waf_routes {
    const gw_cfg_node *node;
    /* an aigw_waf_content, less 1; -1: absent */
    int chat, messages, responses, gemini, bedrock, embeddings, other;
} gw_cfg_waf_routes;

typedef struct gw_cfg_waf {
    const gw_cfg_node *node;
    int mode;    /* 0: block, 1: count */
    int content; /* an aigw_waf_content, less 1 */
    gw_cfg_waf_routes routes;
    gw_cfg_pairs rules;
    int64_t max_query_bytes, max_cookie_bytes, max_path_bytes, max_body_bytes, max_arguments;
    int allow_private_urls, any_content_type;
    gw_cfg_waf_rate rate_limit;
    gw_cfg_waf_lists ip_reputation;
    int log; /* 0: none, 1: matches, 2: all */
    int samples;
    aigw_slice name;
} gw_cfg_waf;

typedef struct gw_cfg_root {
    const gw_cfg_node *node;
    gw_cfg_server server;
    gw_cfg_auth auth;
    gw_cfg_issuer issuer;
    gw_cfg_list providers; /* gw_cfg_provider */
    gw_cfg_list models;    /* gw_cfg_model */
    gw_cfg_log log;
    gw_cfg_limits limits;
    gw_cfg_list guardrails; /* gw_cfg_guardrail: raw_guard.h */
    gw_cfg_list rate_limits; /* gw_cfg_rate_limit */
    gw_cfg_redis redis;
    int enable_waf;
    gw_cfg_waf waf;
    gw_cfg_egress egress;
} gw_cfg_root;

#endif
