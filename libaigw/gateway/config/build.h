/*
 * From the document's structs to the snapshot: what the files config_*.c share.
 *
 * Texts that stay are copied into the snapshot's arena; secrets go to its secrets[] or to a target.
 */
#ifndef GW_GATEWAY_CONFIG_BUILD_H
#define GW_GATEWAY_CONFIG_BUILD_H

#include "gateway/config/config.h"
#include "gateway/config/raw.h"

#define GW_CFG_INVOKE_SCOPE "https://gateway.internal/invoke"

typedef struct gw_cfg_build {
    const gw_cfg_root *raw;
    gw_config *config;
    gw_cfg_tree *tree; /* scratch: wiped afterwards */
    aigw_error *err;
} gw_cfg_build;

int gw_cfg_build_server(gw_cfg_build *b);
int gw_cfg_build_edge(
    gw_cfg_build *b); /* edge.c: of the server section, who may connect and for whom */
int gw_cfg_build_egress(gw_cfg_build *b); /* before whatever makes a target */
int gw_cfg_build_waf(gw_cfg_build *b);    /* waf.c */
int gw_cfg_build_auth(gw_cfg_build *b);   /* after the server; makes secrets[] */
int gw_cfg_build_upstreams(gw_cfg_build *b);
int gw_cfg_build_routes(gw_cfg_build *b); /* after the upstreams */
int gw_cfg_build_guards(gw_cfg_build *b); /* after the upstreams; guard.c */

int gw_cfg_build_quota(gw_cfg_build *b); /* after the upstreams */
/* redis.c; called by that */
int gw_cfg_build_redis(gw_cfg_build *b);

/* trust.c: what a token of this issuer must be. */
int gw_cfg_trust_policy(gw_cfg_build *b, const gw_cfg_trust *raw, gw_gate_issuer *out);
int gw_cfg_check_scopes(gw_cfg_build *b, const gw_cfg_texts *scopes);

/* target.c: where an upstream is and what every request to it says: target, base_path, authority, host,
 * beta. Its row, site and credential are resolved. */
int gw_cfg_make_target(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up);

/* pass.c: what of its own API passes through; `options` are those of its target. */
int gw_cfg_make_pass(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up,
                     const gw_http_target_options *options);

/* credential.c: what is fetched (token) or signs (key_pair). Its row and site are resolved. */
int gw_cfg_make_credential(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up);

/* token.c: the source of a provider's token; *out is the caller's (aigw_token_source_free). */
int gw_cfg_make_token(gw_cfg_build *b, const gw_cfg_token *raw, aigw_token_source **out);

/* An empty snapshot with one reference. */
int gw_cfg_new(gw_config **out, aigw_error *err);
/* A copy that lives as long as the snapshot; *out stays "" for an absent text. */
int gw_cfg_keep(gw_cfg_build *b, aigw_slice text, aigw_slice *out);
int gw_cfg_keep_all(gw_cfg_build *b, const gw_cfg_texts *texts, aigw_slice **out);

/* env.c: the tree of a config without a document, from environment variables. */
int gw_cfg_from_env(gw_cfg_tree *tree, aigw_error *err);

/* file.c: a whole file of 1 to max bytes. AIGW_E_IO, placed at the key that names it. */
int gw_cfg_read_file(gw_cfg_build *b, const gw_cfg_node *map, const char *key, aigw_slice path,
                     size_t max, gw_secret *out);

/* address.c: addresses as texts. */
typedef struct gw_cfg_url {
    bool https;
    aigw_slice host; /* without brackets */
    aigw_slice path; /* "" or "/..." */
    bool loopback;
} gw_cfg_url;

/* An absolute http(s) URL without credentials, query or fragment. NULL: fine; else the fault. */
const char *gw_cfg_url_parse(aigw_slice text, gw_cfg_url *out);
/* ADDRESS:PORT; the address is an IP address or localhost. */
bool gw_cfg_listen_parse(aigw_slice text, aigw_slice *host, unsigned *port);
bool gw_cfg_is_loopback(aigw_slice host);
/* 4 or 6; 0: no IP address. */
int gw_cfg_ip_version(aigw_slice text);
/* The item of a list, for placing a fault. */
const gw_cfg_node *gw_cfg_item(const gw_cfg_texts *texts, size_t place);
/* The networks of a list, as long as the snapshot; the fault is placed at its item. */
int gw_cfg_nets(gw_cfg_build *b, const gw_cfg_texts *texts, gw_net **out);

#endif
