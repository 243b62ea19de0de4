/* Making the running parts of a config snapshot, and keeping what a reload must not lose. */
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "gateway/issuer/issuer.h"
#include "gateway/quota/quota.h"

#define DISCOVERY_MAX ((size_t)64 << 10)

/* -- key sets that several snapshots own -- */

/* Takes over keys, on failure too. */
static gw_shared_keys *shared_new(gw_keys *keys)
{
    gw_shared_keys *s = gw_alloc(sizeof *s);
    if (s)
        *s = (gw_shared_keys){1, keys};
    else
        gw_keys_free(keys);
    return s;
}

static gw_shared_keys *shared_ref(gw_shared_keys *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

static void shared_free(gw_shared_keys *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    gw_keys_free(s->keys);
    gw_free(s);
}

/* -- the embedded issuer -- */

/* The same file goes on as it is: a second connection would only see it later. */
static int open_store(const gw_config *c, const gw_live *old, const aigw_host *host,
                      aigw_issuer_store **out, aigw_error *err)
{
    if (!c->issuer_db.len)
        return AIGW_OK;
    if (old && old->issuer && old->issuer->store && gw_eq(old->config->issuer_db, c->issuer_db)) {
        *out = gw_issuer_store_ref(old->issuer->store);
        return AIGW_OK;
    }
    int rc = aigw_issuer_store_open(c->issuer_db, true, host, out, err);
    if (rc != AIGW_OK && err)
        memcpy(err->pointer, "/issuer/db", sizeof "/issuer/db");
    return rc;
}

static int make_issuer(gw_live *live, const gw_live_parts *parts, aigw_error *err)
{
    const gw_config *c = live->config;
    if (!c->issuer_enabled)
        return AIGW_OK;
    aigw_issuer_options options = {.size = sizeof options,
                                   .issuer = c->issuer_url,
                                   .private_key_pem = c->issuer_key_pem,
                                   .clients = c->issuer_clients,
                                   .client_count = c->issuer_client_count,
                                   .cognito_compat = c->cognito_compat,
                                   .key_rotation_days = c->issuer_key_rotation_days,
                                   .max_failures = c->issuer_max_failures};
    const gw_live *old = parts->previous;
    const aigw_issuer *before = old ? old->issuer : NULL;
    /* A key that came from a document goes with it; one that was made lives as long as the gateway. */
    if (before && !before->store && old->config->issuer_key_pem.len && !c->issuer_key_pem.len)
        before = NULL;
    int rc = open_store(c, old, parts->host, &options.store, err);
    if (rc == AIGW_OK)
        rc = gw_issuer_new(&options, parts->host, before, &live->issuer, err);
    aigw_issuer_store_free(options.store);
    return rc;
}

/* -- key sets -- */

/* A fetched set goes on when its address is the same; files and inline texts are read anew. */
static gw_shared_keys *kept_keys(const gw_config_issuer *issuer, const gw_egress_policy *egress,
                                 const gw_live *old)
{
    if (!old || issuer->embedded || issuer->jwks_url.len + issuer->discovery_url.len == 0 ||
        !gw_egress_same(&old->config->egress, egress))
        return NULL;
    for (size_t i = 0; i < old->config->issuer_count; i++) {
        const gw_config_issuer *was = &old->config->issuers[i];
        if (!was->embedded && gw_eq(was->gate.issuer, issuer->gate.issuer) &&
            gw_eq(was->jwks_url, issuer->jwks_url) &&
            gw_eq(was->discovery_url, issuer->discovery_url))
            return shared_ref(old->shared[i]);
    }
    return NULL;
}

static int make_key_set(gw_live *live, size_t i, const gw_live_parts *parts, aigw_error *err)
{
    const gw_config_issuer *issuer = &live->config->issuers[i];
    live->shared[i] = kept_keys(issuer, &live->config->egress, parts->previous);
    if (!live->shared[i]) {
        gw_keys_options options = {.url = issuer->jwks_url,
                                   .discovery_url = issuer->discovery_url,
                                   .issuer = issuer->gate.issuer,
                                   .file = issuer->jwks_file,
                                   .inline_json = issuer->jwks_inline,
                                   .clock = parts->clock,
                                   .log = parts->log,
                                   .egress = &live->config->egress};
        if (issuer->embedded) {
            if (!live->issuer)
                return gw_fail(err, AIGW_E_CONFIG, "no_issuer", "the embedded issuer is off");
            options.url = options.file = options.discovery_url = (aigw_slice){NULL, 0};
            options.inline_json = aigw_issuer_jwks(live->issuer);
        }
        gw_keys *keys = NULL;
        int rc = gw_keys_new(&options, &keys, err);
        if (rc != AIGW_OK)
            return rc;
        live->shared[i] = shared_new(keys);
        if (!live->shared[i])
            return gw_fail_nomem(err);
    }
    live->keys[i] = live->shared[i]->keys;
    return AIGW_OK;
}

static int make_gate(gw_live *live, const gw_live_parts *parts, aigw_error *err)
{
    static const aigw_slice admin = {AIGW_SCOPE_ADMIN, sizeof AIGW_SCOPE_ADMIN - 1};
    const gw_config *c = live->config;
    size_t room = c->issuer_count ? c->issuer_count : 1;
    live->keys = gw_calloc(room, sizeof *live->keys);
    live->shared = gw_calloc(room, sizeof *live->shared);
    live->gate_issuers = gw_calloc(room, sizeof *live->gate_issuers);
    live->admin_issuers = gw_calloc(room, sizeof *live->admin_issuers);
    if (!live->keys || !live->shared || !live->gate_issuers || !live->admin_issuers)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < c->issuer_count; i++) {
        live->gate_issuers[i] = c->issuers[i].gate;
        live->admin_issuers[i] = c->issuers[i].gate;
        live->admin_issuers[i].policy.scopes = &admin;
        live->admin_issuers[i].policy.scope_count = 1;
        int rc = make_key_set(live, i, parts, err);
        if (rc != AIGW_OK)
            return rc;
    }
    live->gate = (gw_gate){.jwt_enabled = c->jwt_enabled,
                           .issuers = live->gate_issuers,
                           .issuer_count = c->issuer_count,
                           .insufficient_scope_status = c->insufficient_scope_status,
                           .cache = parts->cache};
    live->admin_gate = live->gate;
    live->admin_gate.jwt_enabled = true; /* whatever the document says of others */
    live->admin_gate.issuers = live->admin_issuers;
    return AIGW_OK;
}

aigw_jwks *gw_live_key_set(const gw_live *live, size_t issuer)
{
    return live->config->issuers[issuer].embedded ? gw_issuer_key_set(live->issuer)
                                                  : gw_keys_get(live->keys[issuer]);
}

/* -- tokens for upstreams -- */

/* A source goes on, with the token that it holds, when everything it asks with is the same. */
static aigw_token_source *kept_token(const aigw_token_source *token, const gw_config *config,
                                     const gw_live *old)
{
    if (old && !gw_egress_same(&old->config->egress, &config->egress))
        return NULL; /* it keeps to the rule that it was made with */
    for (size_t i = 0; old && i < old->config->upstream_count; i++) {
        if (old->tokens[i] && gw_token_source_equal(old->tokens[i], token))
            return gw_token_source_ref(old->tokens[i]);
    }
    return NULL;
}

static int make_tokens(gw_live *live, const gw_live_parts *parts, aigw_error *err)
{
    const gw_config *c = live->config;
    live->tokens = gw_calloc(c->upstream_count + 1, sizeof *live->tokens);
    if (!live->tokens)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < c->upstream_count; i++) {
        aigw_token_source *token = c->upstreams[i].token;
        if (!token)
            continue;
        live->tokens[i] = kept_token(token, c, parts->previous);
        if (!live->tokens[i]) {
            gw_token_source_set_log(token, parts->log);
            live->tokens[i] = gw_token_source_ref(token);
        }
    }
    return AIGW_OK;
}

/* -- documents that never change within a snapshot -- */

static void string_list(gw_jw *w, const char *key, const char *a, const char *b)
{
    gw_jw_key(w, key);
    gw_jw_array(w);
    gw_jw_str(w, a);
    if (b)
        gw_jw_str(w, b);
    gw_jw_array_end(w);
}

static void url_member(gw_jw *w, const char *key, aigw_slice base, const char *path)
{
    while (*path && base.len && base.data[base.len - 1] == '/')
        base.len--;
    gw_jw_key(w, key);
    gw_jw_begin_string(w);
    gw_jw_part(w, base);
    gw_jw_part(w, aigw_slice_of(path));
    gw_jw_end_string(w);
}

/* OpenID Connect Discovery 1.0 clause 3, RFC 8414 clause 2. */
static int write_discovery(gw_live *live, aigw_error *err)
{
    if (!live->issuer)
        return AIGW_OK;
    gw_buf buf;
    gw_buf_init(&buf, DISCOVERY_MAX);
    gw_jw w = gw_jw_on(&buf);
    aigw_slice base = live->config->issuer_url;
    gw_jw_object(&w);
    url_member(&w, "issuer", base, "");
    url_member(&w, "token_endpoint", base, "/oauth2/token");
    url_member(&w, "jwks_uri", base, "/.well-known/jwks.json");
    string_list(&w, "grant_types_supported", "client_credentials", NULL);
    string_list(&w, "token_endpoint_auth_methods_supported", "client_secret_basic",
                "client_secret_post");
    string_list(&w, "scopes_supported", AIGW_SCOPE_INVOKE, AIGW_SCOPE_ADMIN);
    string_list(&w, "response_types_supported", "token", NULL);
    string_list(&w, "subject_types_supported", "public", NULL);
    string_list(&w, "id_token_signing_alg_values_supported", "RS256", NULL);
    gw_jw_object_end(&w);
    bool ok = !buf.failed;
    if (ok)
        live->discovery = gw_buf_steal(&buf);
    gw_buf_free(&buf);
    return ok ? AIGW_OK : gw_fail_nomem(err);
}

/* -- the WAF -- */

static int make_screen(gw_live *live, const gw_live_parts *parts, aigw_error *err)
{
    const gw_live *old = parts->previous;
    return gw_screen_live_open(&live->screen, &live->config->waf, old ? &old->screen : NULL,
                               old ? &old->config->waf : NULL, parts->clock, &live->log, err);
}

/* -- public within the gateway -- */

int gw_live_new(aigw_slice document, const gw_live_parts *parts, gw_live **out, aigw_error *err)
{
    gw_live *live = gw_calloc(1, sizeof *live);
    if (!live)
        return gw_fail_nomem(err);
    live->refs = 1;
    int rc = gw_config_load(document, parts->host, &live->config, err);
    if (rc == AIGW_OK) {
        live->log = *parts->log;
        live->log.max_level = live->config->log_level;
        rc = make_issuer(live, parts, err);
    }
    if (rc == AIGW_OK)
        rc = make_gate(live, parts, err);
    if (rc == AIGW_OK)
        rc = make_tokens(live, parts, err);
    if (rc == AIGW_OK)
        rc = gw_quota_tallies(live->config, parts->previous ? parts->previous->tallies : NULL,
                              live->tallies, err);
    if (rc == AIGW_OK)
        rc = write_discovery(live, err);
    if (rc == AIGW_OK)
        rc = make_screen(live, parts, err);
    if (rc != AIGW_OK) {
        gw_live_free(live);
        return rc;
    }
    *out = live;
    return AIGW_OK;
}

gw_live *gw_live_ref(gw_live *live)
{
    __atomic_add_fetch(&live->refs, 1, __ATOMIC_RELAXED);
    return live;
}

void gw_live_free(gw_live *live)
{
    if (!live || __atomic_sub_fetch(&live->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; live->shared && i < live->config->issuer_count; i++)
        shared_free(live->shared[i]);
    for (size_t i = 0; live->tokens && i < live->config->upstream_count; i++)
        aigw_token_source_free(live->tokens[i]);
    gw_free(live->tokens);
    gw_free(live->shared);
    gw_free(live->keys);
    gw_free(live->gate_issuers);
    gw_free(live->admin_issuers);
    for (size_t i = 0; i < GW_TALLIES; i++)
        gw_tally_free(live->tallies[i]);
    aigw_issuer_free(live->issuer);
    gw_screen_live_close(&live->screen);
    aigw_bytes_free(live->discovery);
    gw_config_free(live->config);
    gw_free(live);
}
