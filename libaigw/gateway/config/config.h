/*
 * The config snapshot: one YAML document, parsed, checked and resolved into an immutable struct.
 *
 * Reference-counted; exchanges keep the snapshot they started with. Knows no running state.
 */
#ifndef GW_GATEWAY_CONFIG_H
#define GW_GATEWAY_CONFIG_H

#include "base/crypto.h"
#include "base/mem.h"
#include "gate/address.h"
#include "gate/gate.h"
#include "gateway/config/quota.h"
#include "gateway/config/waf.h"
#include "gateway/config/egress.h"
#include "gateway/config/guard.h"
#include "provider/provider.h"
#include "rim/http.h"
#include "rim/keys.h"
#include "rim/token.h"
#include "route/plan.h"
#include <aigw/exchange.h>
#include <aigw/host.h>
#include <aigw/issuer.h>
#include <aigw/server.h>

typedef struct gw_upstream {
    aigw_slice name; /* the provider's name in the config */
    const gw_provider *provider;
    /* Its base URL with every constant header: credential, the row's, the config's, content-type,
     * accept, user-agent. NULL for in-process providers. */
    gw_http_target *target;
    aigw_slice
        base_path; /* of the base URL, without a slash at its end: stands before every path */
    aigw_slice authority;                    /* as in a Host field */
    aigw_slice host;                         /* for logs */
    bool private_host;                       /* the config named it: no client's to know */
    aigw_format formats[GW_FORMATS_MAX + 1]; /* that it serves, preferred first, ended by 0 */
    gw_site site;
    unsigned quirks; /* bits of gw_quirk */
    aigw_slice beta; /* anthropic-beta among its constant headers; "" if none */
    int connect_timeout_ms, first_byte_timeout_ms, first_event_timeout_ms, idle_timeout_ms,
        total_timeout_ms;
    int max_retries;
    int64_t default_max_tokens;
    aigw_token_source *token; /* its credential, if that is fetched; NULL: in the headers */
    /* What key_pair points into, or the API key and credentials among the headers. Wiped on free. */
    gw_secret key_secrets[3];
    gw_key_pair key_pair; /* its credential, if requests are signed; empty: they are not */
    /* Pass-through: the target without content-type and accept; NULL: nothing passes. */
    gw_http_target *pass;
    aigw_slice *pass_paths; /* nothing else passes; none: everything does */
    size_t pass_path_count;
    aigw_slice *pass_fixed; /* names of headers that the config sets */
    size_t pass_fixed_count;
} gw_upstream;

typedef struct gw_config_issuer {
    gw_gate_issuer gate; /* also in gate_issuers[] */
    aigw_slice jwks_url, jwks_file, jwks_inline;
    aigw_slice discovery_url; /* "": no discovery */
    bool embedded;            /* the issuer that this gateway runs itself */
} gw_config_issuer;

typedef struct gw_config {
    gw_arena *arena; /* holds everything below that is plain data */
    int refs;        /* atomic */
    aigw_server_options server;
    bool insecure_no_auth;
    aigw_slice *trusted_proxies; /* CIDR texts, validated */
    size_t trusted_proxy_count;
    gw_address_policy client_address; /* whose request it is; `trusted` are the trusted proxies */
    gw_net *allowed_peers;            /* who may connect; none: everybody */
    size_t allowed_peer_count;
    bool jwt_enabled;
    int insufficient_scope_status;
    gw_config_issuer *issuers;
    size_t issuer_count;
    /* Embedded issuer */
    bool issuer_enabled;
    aigw_slice issuer_url;
    aigw_slice issuer_key_pem;          /* "": a fresh key */
    aigw_issuer_client *issuer_clients; /* secrets point into `secrets` and are wiped on free */
    size_t issuer_client_count;
    bool cognito_compat;
    aigw_slice issuer_db;         /* "": none */
    int issuer_key_rotation_days; /* 0: never */
    int issuer_max_failures;      /* -1: no limit */
    gw_upstream *upstreams;
    size_t upstream_count;
    gw_route_table routes; /* providers[] in the order of upstreams[] */
    aigw_log_level log_level;
    bool access_log;
    size_t max_exchange_bytes; /* cap of an exchange's arena and buffers */
    int max_wait_retry_ms;
    uint64_t max_pass_bytes; /* of a body that passes through; 0: no limit */
    gw_egress_policy egress; /* what names may lead to, besides public addresses */
    gw_fetch_rule fetch;
    gw_config_waf waf;
    gw_quota_config quota; /* rate_limits */
    gw_redis_config redis;
    gw_guardrails guards;
    gw_secret *secrets;
    size_t secret_count;
} gw_config;

/* Parses, checks and resolves. An empty document takes everything from the environment. */
int gw_config_load(aigw_slice document, const aigw_host *host, gw_config **out, aigw_error *err);
gw_config *gw_config_ref(gw_config *config);
void gw_config_free(gw_config *config);

/*
 * May a gateway with this config listen there? Loopback: always. Beyond it: tokens (or the written
 * insecure_no_auth), and with tokens TLS or a trusted proxy. gw_config_load has asked for its own
 * address; ask again for one that overrides it. AIGW_E_CONFIG with pointer /server/listen.
 */
int gw_config_check_listen(const gw_config *config, const char *listen, bool tls, aigw_error *err);

/*
 * The same question for one request, since a reload does not ask where the server listens: may it be
 * looked at? NULL, or the reason why not, a static word. `peer` is the address of the TCP peer.
 */
const char *gw_config_check_peer(const gw_config *config, aigw_slice peer, aigw_channel channel);

/* edge.c: may this TCP peer connect (allowed_peers)? Is it a trusted proxy? What is no address is neither,
 * but for an empty list of allowed peers. */
bool gw_config_admits(const gw_config *config, aigw_slice peer);
bool gw_config_trusts(const gw_config *config, aigw_slice peer);

#endif
