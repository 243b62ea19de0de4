/* Resolves the sections server, log and limits, and decides where the server may listen and to whom.
 * Must not know of providers or tokens beyond whether they are asked for. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"

#define LEAST_EXCHANGE_BYTES ((int64_t)16 * 1024 * 1024)

/* The table bounds every path below the size of the field. */
static void set_text(char *out, size_t size, aigw_slice text)
{
    size_t n = text.len < size ? text.len : size - 1;
    if (n > 0)
        memcpy(out, text.data, n);
    out[n] = '\0';
}

static void set_options(const gw_cfg_server *raw, aigw_server_options *out)
{
    *out = (aigw_server_options){
        .size = sizeof *out,
        .threads = (int)raw->threads,
        .max_connections = (int)raw->max_connections,
        .backlog = (int)raw->backlog,
        .header_timeout_ms = (int)raw->header_timeout_ms,
        .body_timeout_ms = (int)raw->body_timeout_ms,
        .idle_timeout_ms = (int)raw->idle_timeout_ms,
        .write_timeout_ms = (int)raw->write_timeout_ms,
        .drain_timeout_ms = (int)raw->drain_timeout_ms,
        .max_header_bytes = (size_t)raw->max_header_bytes,
        .max_body_bytes = (size_t)raw->max_body_bytes,
        .proxy_protocol = raw->proxy_protocol,
    };
    set_text(out->listen, sizeof out->listen, raw->listen);
    set_text(out->tls_cert_file, sizeof out->tls_cert_file, raw->tls.cert_file);
    set_text(out->tls_key_file, sizeof out->tls_key_file, raw->tls.key_file);
    set_text(out->tls_client_ca_file, sizeof out->tls_client_ca_file, raw->tls.client_ca_file);
    out->tls_min_version = (aigw_tls_version)raw->tls.min_version;
    out->tls_client_auth = raw->tls.client_auth >= 0 ? (aigw_tls_client_auth)raw->tls.client_auth
                           : raw->tls.client_ca_file.len ? AIGW_TLS_CLIENT_REQUIRE
                                                         : AIGW_TLS_CLIENT_NONE;
}

static int check_tls(gw_cfg_build *b, const gw_cfg_tls *tls)
{
    bool cert = tls->cert_file.len > 0, clients = tls->client_ca_file.len > 0;
    if (cert != (tls->key_file.len > 0) || (clients && !cert))
        return gw_cfg_fail(b->err, tls->node, "incomplete", "expected both cert_file and key_file");
    if (tls->client_auth > AIGW_TLS_CLIENT_NONE && !clients)
        return gw_cfg_fail_key(b->err, tls->node, "client_auth", "incomplete",
                               "expected client_ca_file, too");
    return AIGW_OK;
}

int gw_cfg_build_server(gw_cfg_build *b)
{
    const gw_cfg_server *raw = &b->raw->server;
    gw_config *c = b->config;
    aigw_slice host;
    unsigned port;
    set_options(raw, &c->server);
    if (!gw_cfg_listen_parse(raw->listen, &host, &port))
        return gw_cfg_fail_key(b->err, raw->node, "listen", "bad_address",
                               "expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or "
                               "0.0.0.0:8787");
    int code = check_tls(b, &raw->tls);
    if (code != AIGW_OK)
        return code;
    code = gw_cfg_build_edge(b);
    if (code != AIGW_OK)
        return code;
    c->insecure_no_auth = raw->insecure_no_auth;
    c->log_level = (aigw_log_level)b->raw->log.level;
    c->access_log = b->raw->log.access;
    c->max_wait_retry_ms = (int)b->raw->limits.max_retry_wait_ms;
    c->max_pass_bytes = (uint64_t)b->raw->limits.max_pass_bytes;
    int64_t bytes = b->raw->limits.max_exchange_bytes;
    if (bytes < 0)
        bytes = 4 * raw->max_body_bytes > LEAST_EXCHANGE_BYTES ? 4 * raw->max_body_bytes
                                                               : LEAST_EXCHANGE_BYTES;
    else if (bytes < raw->max_body_bytes)
        return gw_cfg_fail_key(b->err, b->raw->limits.node, "max_exchange_bytes", "out_of_range",
                               "expected at least server.max_body_bytes");
    c->max_exchange_bytes = (size_t)bytes;
    return AIGW_OK;
}

int gw_config_check_listen(const gw_config *config, const char *listen, bool tls, aigw_error *err)
{
    aigw_slice host;
    unsigned port;
    const char *reason = NULL, *message = NULL;
    if (!gw_cfg_listen_parse(aigw_slice_of(listen), &host, &port)) {
        reason = "bad_address";
        message = "expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or 0.0.0.0:8787";
    } else if (gw_cfg_is_loopback(host)) {
        return AIGW_OK;
    } else if (!config->jwt_enabled && !config->insecure_no_auth) {
        reason = "insecure_listen";
        message = "listening beyond loopback needs token checks (auth.jwt); to go without them, "
                  "write server.insecure_no_auth: true";
    } else if (config->jwt_enabled && !tls && config->trusted_proxy_count == 0) {
        reason = "insecure_listen";
        message = "tokens beyond loopback need TLS: set server.tls, or server.trusted_proxies "
                  "to the proxy that ends it";
    } else {
        return AIGW_OK;
    }
    gw_fail(err, AIGW_E_CONFIG, reason, "%s", message);
    if (err)
        memcpy(err->pointer, "/server/listen", sizeof "/server/listen");
    return AIGW_E_CONFIG;
}

static bool is_loopback(aigw_slice peer)
{
    gw_ip ip;
    if (!gw_ip_parse(peer, &ip))
        return false;
    gw_ip one = {.b = {[15] = 1}};
    return gw_ip_is_v4(&ip) ? gw_ip_to_v4(&ip) >> 24 == 127 : gw_ip_cmp(&ip, &one) == 0;
}

const char *gw_config_check_peer(const gw_config *config, aigw_slice peer, aigw_channel channel)
{
    if (channel == AIGW_CHANNEL_VOUCHED || is_loopback(peer))
        return NULL;
    if (!config->jwt_enabled && !config->insecure_no_auth)
        return "insecure_peer";
    if (channel == AIGW_CHANNEL_TLS || (!config->jwt_enabled && config->trusted_proxy_count == 0))
        return NULL;
    return gw_config_trusts(config, peer) ? NULL : "untrusted_peer";
}
