/* Resolves the edge of the server section: who may connect, and whose word about the client counts.
 * Must not know what is done with an address. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/config/build.h"
#include "proto/http1_field.h"

/* Which header counts, and how far. */
static int read_forwarded(gw_cfg_build *b, const gw_cfg_server *raw, gw_address_policy *policy)
{
    bool named = raw->forwarded == GW_FORWARD_HEADER;
    policy->forward = (gw_forward)raw->forwarded;
    policy->max_hops = (size_t)raw->forwarded_max_hops;
    policy->malformed = (gw_malformed)raw->forwarded_malformed;
    if (named != (raw->forwarded_header.len > 0))
        return gw_cfg_fail_key(b->err, raw->node, named ? "forwarded" : "forwarded_header",
                               "incomplete",
                               "expected both forwarded: header and forwarded_header");
    if (named && !gw_http1_is_token(raw->forwarded_header))
        return gw_cfg_fail_key(b->err, raw->node, "forwarded_header", "bad_name",
                               "expected the name of a header");
    return gw_cfg_keep(b, raw->forwarded_header, &policy->header);
}

int gw_cfg_build_edge(gw_cfg_build *b)
{
    const gw_cfg_server *raw = &b->raw->server;
    gw_config *c = b->config;
    gw_net *trusted = NULL;
    int code = gw_cfg_nets(b, &raw->trusted_proxies, &trusted);
    if (code == AIGW_OK)
        code = gw_cfg_nets(b, &raw->allowed_peers, &c->allowed_peers);
    if (code == AIGW_OK)
        code = read_forwarded(b, raw, &c->client_address);
    if (code == AIGW_OK && raw->proxy_protocol && raw->trusted_proxies.count == 0)
        code = gw_cfg_fail_key(b->err, raw->node, "proxy_protocol", "incomplete",
                               "expected trusted_proxies, too: nobody else may send such a header");
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->trusted_proxies, &c->trusted_proxies);
    if (code != AIGW_OK)
        return code;
    c->client_address.trusted = trusted;
    c->client_address.trusted_count = c->trusted_proxy_count = raw->trusted_proxies.count;
    c->allowed_peer_count = raw->allowed_peers.count;
    return AIGW_OK;
}

bool gw_config_admits(const gw_config *config, aigw_slice peer)
{
    gw_ip ip;
    if (config->allowed_peer_count == 0)
        return true;
    return gw_ip_parse(peer, &ip) &&
           gw_nets_have(config->allowed_peers, config->allowed_peer_count, &ip);
}

bool gw_config_trusts(const gw_config *config, aigw_slice peer)
{
    const gw_address_policy *policy = &config->client_address;
    gw_ip ip;
    return gw_ip_parse(peer, &ip) && gw_nets_have(policy->trusted, policy->trusted_count, &ip);
}
