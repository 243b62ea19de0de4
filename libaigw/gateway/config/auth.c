/* Resolves the sections auth and issuer: whom to trust, and the clients of the embedded issuer.
 * Must not fetch anything: key sets at an address are the running gateway's. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include <aigw/verify.h>
#include <stdio.h>

#define JWKS_BYTES ((size_t)150 * 1024)
#define PEM_BYTES  ((size_t)32 * 1024)
#define WELL_KNOWN "/.well-known/jwks.json"
#define DISCOVERY  "/.well-known/openid-configuration"

static int check_jwks(gw_cfg_build *b, const gw_cfg_node *map, const char *key, aigw_slice json)
{
    aigw_jwks *jwks = NULL;
    int code = aigw_jwks_parse(json, &jwks, b->err);
    aigw_jwks_free(jwks);
    if (code == AIGW_OK || code == AIGW_E_NOMEM)
        return code;
    return gw_cfg_fail_key(b->err, map, key, "bad_jwks", "expected a JSON Web Key Set");
}

static int check_jwks_file(gw_cfg_build *b, const gw_cfg_trust *raw)
{
    gw_secret text = {NULL, 0};
    int code = gw_cfg_read_file(b, raw->node, "jwks_file", raw->jwks_file, JWKS_BYTES, &text);
    if (code == AIGW_OK)
        code = check_jwks(b, raw->node, "jwks_file", gw_slice(text.data, text.len));
    gw_secret_free(&text);
    return code;
}

/* https, or http to loopback. */
static int check_jwks_url(gw_cfg_build *b, const gw_cfg_node *map, const char *key, aigw_slice url)
{
    gw_cfg_url parsed;
    const char *fault = gw_cfg_url_parse(url, &parsed);
    if (!fault && !parsed.https && !parsed.loopback)
        fault = "expected https:// (http is for loopback only)";
    if (fault)
        return gw_cfg_fail_key(b->err, map, key, "bad_url", "%s", fault);
    return AIGW_OK;
}

static int set_sources(gw_cfg_build *b, const gw_cfg_trust *raw, gw_config_issuer *out)
{
    int named = (raw->jwks_url.len > 0) + (raw->jwks_file.len > 0) + (raw->jwks.len > 0) +
                raw->discovery + (raw->discovery_url.len > 0);
    if (named > 1)
        return gw_cfg_fail(b->err, raw->node, "conflict",
                           "expected only one of jwks_url, jwks_file, jwks, discovery and "
                           "discovery_url");
    if (out->embedded && named > 0)
        return gw_cfg_fail(b->err, raw->node, "conflict",
                           "the embedded issuer has this name; its keys need no source");
    if (out->embedded)
        return AIGW_OK;
    int code = AIGW_OK;
    bool discovery = raw->discovery || raw->discovery_url.len > 0;
    aigw_slice url = raw->discovery_url.len > 0 ? raw->discovery_url : raw->jwks_url;
    const char *key = raw->discovery_url.len > 0 ? "discovery_url" : "jwks_url";
    char made[256 + sizeof DISCOVERY];
    if (named == 0 || raw->discovery) {
        aigw_slice base = raw->issuer;
        base.len -= base.len > 0 && base.data[base.len - 1] == '/';
        int n = snprintf(made, sizeof made, "%.*s%s", (int)base.len, base.data,
                         raw->discovery ? DISCOVERY : WELL_KNOWN);
        url = gw_slice(made, (size_t)n);
        key = "issuer";
    }
    if (url.len > 0)
        code = check_jwks_url(b, raw->node, key, url);
    else if (raw->jwks_file.len > 0)
        code = check_jwks_file(b, raw);
    else
        code = check_jwks(b, raw->node, "jwks", raw->jwks);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, url, discovery ? &out->discovery_url : &out->jwks_url);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->jwks_file, &out->jwks_file);
    return code == AIGW_OK ? gw_cfg_keep(b, raw->jwks, &out->jwks_inline) : code;
}

static int set_trusted(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->auth.jwt.issuers;
    const gw_cfg_trust *raw = list->items;
    gw_config *c = b->config;
    c->issuers = gw_arena_calloc(c->arena, list->count + 1, sizeof *c->issuers);
    if (!c->issuers)
        return gw_fail_nomem(b->err);
    bool embedded = false;
    for (size_t i = 0; i < list->count; i++, raw++) {
        gw_config_issuer *out = &c->issuers[c->issuer_count++];
        for (size_t j = 0; j < i; j++) {
            if (gw_eq(raw->issuer, c->issuers[j].gate.issuer))
                return gw_cfg_fail_key(b->err, raw->node, "issuer", "duplicate",
                                       "this issuer stands twice in the list");
        }
        out->embedded = c->issuer_enabled && gw_eq(raw->issuer, c->issuer_url);
        embedded = embedded || out->embedded;
        int code = gw_cfg_trust_policy(b, raw, &out->gate);
        if (code == AIGW_OK)
            code = set_sources(b, raw, out);
        if (code != AIGW_OK)
            return code;
    }
    if (!c->issuer_enabled || embedded)
        return AIGW_OK;
    static const aigw_slice invoke = {GW_CFG_INVOKE_SCOPE, sizeof GW_CFG_INVOKE_SCOPE - 1};
    c->issuers[c->issuer_count++] =
        (gw_config_issuer){.gate = {c->issuer_url,
                                    {.size = sizeof(aigw_policy),
                                     .issuer = c->issuer_url,
                                     .scopes = &invoke,
                                     .scope_count = 1,
                                     .leeway_s = (int)b->raw->auth.jwt.leeway_s}},
                           .embedded = true};
    return AIGW_OK;
}

/* The next free slot for a secret that lives as long as the snapshot. */
static gw_secret *new_secret(gw_config *c)
{
    return &c->secrets[c->secret_count++];
}

/* A file's last newline is the editor's, not the secret's. */
static void strip_newline(gw_secret *secret)
{
    while (secret->len > 0 &&
           (secret->data[secret->len - 1] == '\n' || secret->data[secret->len - 1] == '\r'))
        secret->data[--secret->len] = '\0';
}

static int set_client_secret(gw_cfg_build *b, const gw_cfg_client *raw, aigw_slice *out)
{
    if ((raw->secret.len > 0) == (raw->secret_file.len > 0))
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "a client needs either secret or secret_file");
    gw_secret *secret = new_secret(b->config);
    if (raw->secret.len > 0 && !gw_secret_set(secret, raw->secret))
        return gw_fail_nomem(b->err);
    if (raw->secret_file.len > 0) {
        int code = gw_cfg_read_file(b, raw->node, "secret_file", raw->secret_file, 1024, secret);
        if (code != AIGW_OK)
            return code;
        strip_newline(secret);
    }
    if (secret->len == 0)
        return gw_cfg_fail_key(b->err, raw->node, "secret_file", "empty", "the secret is empty");
    *out = gw_slice(secret->data, secret->len);
    return AIGW_OK;
}

static int set_client(gw_cfg_build *b, const gw_cfg_client *raw, aigw_issuer_client *out)
{
    aigw_slice *scopes = NULL;
    int code = gw_cfg_keep(b, raw->id, &out->id);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->team, &out->team);
    if (code == AIGW_OK)
        code = gw_cfg_keep(b, raw->tenant_tier, &out->tenant_tier);
    if (code == AIGW_OK)
        code = gw_cfg_check_scopes(b, &raw->scopes);
    if (code == AIGW_OK)
        code = gw_cfg_keep_all(b, &raw->scopes, &scopes);
    if (code == AIGW_OK && raw->scopes.count == 0)
        code = gw_cfg_fail_key(b->err, raw->node, "scopes", "too_few", "expected a scope");
    out->scopes = scopes;
    out->scope_count = raw->scopes.count;
    out->token_lifetime_s = raw->token_lifetime_s;
    return code == AIGW_OK ? set_client_secret(b, raw, &out->secret) : code;
}

static int set_clients(gw_cfg_build *b)
{
    const gw_cfg_list *list = &b->raw->issuer.clients;
    const gw_cfg_client *raw = list->items;
    gw_config *c = b->config;
    if (list->count == 0 && b->raw->issuer.db.len == 0)
        return gw_cfg_fail_key(b->err, b->raw->issuer.node, "clients", "too_few",
                               "an enabled issuer needs at least one client, or a db");
    c->issuer_clients = gw_arena_calloc(c->arena, list->count + 1, sizeof *c->issuer_clients);
    if (!c->issuer_clients)
        return gw_fail_nomem(b->err);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (gw_eq(raw[i].id, raw[j].id))
                return gw_cfg_fail_key(b->err, raw[i].node, "id", "duplicate",
                                       "this client stands twice in the list");
        }
        int code = set_client(b, &raw[i], &c->issuer_clients[i]);
        if (code != AIGW_OK)
            return code;
    }
    c->issuer_client_count = list->count;
    return AIGW_OK;
}

/* The address that clients see; a wildcard or another machine's address must be written down. */
static int set_issuer_url(gw_cfg_build *b)
{
    const gw_cfg_issuer *raw = &b->raw->issuer;
    gw_cfg_url parsed;
    char made[160];
    aigw_slice url = raw->url, host;
    unsigned port = 0;
    if (url.len == 0) {
        aigw_slice listen = b->raw->server.listen;
        gw_cfg_listen_parse(listen, &host, &port);
        if (!gw_cfg_is_loopback(host))
            return gw_cfg_fail(b->err, raw->node, "missing_key",
                               "the issuer needs \"url\": clients cannot reach server.listen by "
                               "the address it names");
        int n = snprintf(made, sizeof made, "%s://%.*s",
                         b->raw->server.tls.cert_file.len ? "https" : "http", (int)listen.len,
                         listen.data);
        url = port ? gw_slice(made, (size_t)n) : GW_S("http://127.0.0.1:8787");
    }
    const char *fault = gw_cfg_url_parse(url, &parsed);
    if (!fault && parsed.path.len > 0 && url.data[url.len - 1] == '/')
        fault = "expected a URL without a slash at its end";
    if (fault)
        return gw_cfg_fail_key(b->err, raw->node, "url", "bad_url", "%s", fault);
    return gw_cfg_keep(b, url, &b->config->issuer_url);
}

static int set_issuer(gw_cfg_build *b)
{
    const gw_cfg_issuer *raw = &b->raw->issuer;
    gw_config *c = b->config;
    c->issuer_enabled = raw->enabled == 1 || (raw->enabled < 0 && raw->node);
    c->secrets = gw_arena_calloc(c->arena, raw->clients.count + 1, sizeof *c->secrets);
    if (!c->secrets)
        return gw_fail_nomem(b->err);
    if (!c->issuer_enabled)
        return AIGW_OK;
    c->cognito_compat = raw->cognito_compat;
    c->issuer_key_rotation_days = (int)raw->key_rotation_days;
    c->issuer_max_failures = raw->max_failures ? (int)raw->max_failures : -1;
    int code = gw_cfg_keep(b, raw->db, &c->issuer_db);
    if (code == AIGW_OK)
        code = set_issuer_url(b);
    if (code == AIGW_OK)
        code = set_clients(b);
    if (code != AIGW_OK || raw->key_file.len == 0)
        return code;
    gw_secret *pem = new_secret(c);
    code = gw_cfg_read_file(b, raw->node, "key_file", raw->key_file, PEM_BYTES, pem);
    if (code != AIGW_OK)
        return code;
    c->issuer_key_pem = gw_slice(pem->data, pem->len);
    if (!gw_find(c->issuer_key_pem, GW_S("-----BEGIN ")))
        return gw_cfg_fail_key(b->err, raw->node, "key_file", "bad_key",
                               "expected a private key in PEM form");
    return AIGW_OK;
}

int gw_cfg_build_auth(gw_cfg_build *b)
{
    const gw_cfg_jwt *raw = &b->raw->auth.jwt;
    gw_config *c = b->config;
    int code = set_issuer(b);
    if (code == AIGW_OK)
        code = set_trusted(b);
    if (code != AIGW_OK)
        return code;
    c->jwt_enabled = raw->enabled == 1 || (raw->enabled < 0 && (raw->node || c->issuer_enabled));
    c->insufficient_scope_status = raw->insufficient_scope_status ? 403 : 401;
    if (c->jwt_enabled && c->issuer_count == 0)
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "token checks need an issuer: list one in auth.jwt.issuers, or enable "
                           "the embedded one");
    return AIGW_OK;
}
