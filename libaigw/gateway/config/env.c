/* The config of a gateway that has no document: environment variables, as a container gets them.
 * Makes the same tree that a document would, so that every check is the same. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include <stdio.h>

typedef struct env {
    gw_cfg_tree *tree;
    aigw_error *err;
    gw_cfg_node *root, *server, *providers;
    bool failed; /* no memory */
} env;

/* An empty variable is an unset one, as in a shell's ${NAME:-...}. */
static const char *get(const env *e, const char *name)
{
    const char *value = gw_cfg_env(e->tree->host, name);
    return value && *value ? value : NULL;
}

static gw_cfg_node *put(env *e, gw_cfg_node *parent, gw_cfg_shape shape, const char *key,
                        const char *text, const char *origin)
{
    gw_cfg_node *node = parent ? gw_cfg_put(e->tree, parent, shape, key, text, origin) : NULL;
    e->failed = e->failed || !node;
    return node;
}

static gw_cfg_node *put_map(env *e, gw_cfg_node *parent, const char *key)
{
    return put(e, parent, GW_CFG_MAP, key, NULL, NULL);
}

static void put_text(env *e, gw_cfg_node *parent, const char *key, const char *text,
                     const char *origin)
{
    put(e, parent, GW_CFG_SCALAR, key, text, origin);
}

/* A variable as it is. True: it was set. */
static bool put_var(env *e, gw_cfg_node *parent, const char *key, const char *name)
{
    const char *value = get(e, name);
    if (value)
        put_text(e, parent, key, value, name);
    return value != NULL;
}

static int fail_var(env *e, const char *name, const char *message)
{
    return gw_fail(e->err, AIGW_E_CONFIG, "bad_variable", "%s: %s", name, message);
}

/* What people write for yes and no; -1: unset. Everything else is an error. */
static int read_flag(env *e, const char *name, int *out)
{
    static const char *const words[] = {"false", "0", "no", "off", "true", "1", "yes", "on"};
    const char *value = get(e, name);
    *out = -1;
    for (size_t i = 0; value && i < 8; i++) {
        if (gw_eq_nocase(aigw_slice_of(value), aigw_slice_of(words[i])))
            *out = i >= 4;
    }
    return value && *out < 0 ? fail_var(e, name, "expected true or false") : AIGW_OK;
}

/* A comma-separated variable as a list. */
static void put_list(env *e, gw_cfg_node *parent, const char *key, const char *name)
{
    const char *value = get(e, name);
    gw_cfg_node *list = value ? put(e, parent, GW_CFG_LIST, key, NULL, name) : NULL;
    aigw_slice rest = aigw_slice_of(value);
    while (list && rest.data) {
        aigw_slice item = gw_trim(gw_cut(&rest, ','));
        char text[1025];
        size_t n = item.len < sizeof text ? item.len : sizeof text - 1;
        if (n > 0)
            memcpy(text, item.data, n);
        text[n] = '\0';
        put(e, list, GW_CFG_SCALAR, NULL, text, name);
    }
}

/* AIGW_LISTEN is an address with or without a port; AIGW_PORT is the port alone. */
static int put_listen(env *e)
{
    const char *port = get(e, "AIGW_PORT");
    char listen[160], address[128] = "127.0.0.1";
    const char *origin = get(e, "AIGW_LISTEN") ? "AIGW_LISTEN" : "AIGW_PORT";
    const char *value = get(e, "AIGW_LISTEN");
    aigw_slice host;
    unsigned parsed;
    if (value) {
        if (strlen(value) >= sizeof address)
            return fail_var(e, "AIGW_LISTEN", "expected ADDRESS:PORT");
        snprintf(address, sizeof address, "%s", value);
        if (gw_cfg_listen_parse(aigw_slice_of(address), &host, &parsed)) {
            if (get(e, "AIGW_PORT"))
                return fail_var(e, "AIGW_PORT", "AIGW_LISTEN names a port already");
            put_text(e, e->server, "listen", address, origin);
            return AIGW_OK;
        }
        port = get(e, "AIGW_PORT");
    }
    bool bare_v6 = gw_cfg_ip_version(aigw_slice_of(address)) == 6;
    int n = snprintf(listen, sizeof listen, bare_v6 ? "[%s]:%.16s" : "%s:%.16s", address,
                     port ? port : "8787");
    if (n > 0 && (size_t)n < sizeof listen)
        put_text(e, e->server, "listen", listen, origin);
    return AIGW_OK;
}

static int put_server(env *e)
{
    int no_auth;
    e->server = put_map(e, e->root, "server");
    int code = put_listen(e);
    if (code == AIGW_OK)
        code = read_flag(e, "AIGW_INSECURE_NO_AUTH", &no_auth);
    if (code != AIGW_OK)
        return code;
    if (no_auth == 1)
        put_text(e, e->server, "insecure_no_auth", "true", "AIGW_INSECURE_NO_AUTH");
    put_var(e, e->server, "threads", "AIGW_THREADS");
    put_var(e, e->server, "max_body_bytes", "AIGW_MAX_BODY_BYTES");
    put_list(e, e->server, "trusted_proxies", "AIGW_TRUSTED_PROXIES");
    if (get(e, "AIGW_TLS_CERT_FILE") || get(e, "AIGW_TLS_KEY_FILE")) {
        gw_cfg_node *tls = put_map(e, e->server, "tls");
        put_var(e, tls, "cert_file", "AIGW_TLS_CERT_FILE");
        put_var(e, tls, "key_file", "AIGW_TLS_KEY_FILE");
    }
    if (get(e, "AIGW_LOG_LEVEL"))
        put_var(e, put_map(e, e->root, "log"), "level", "AIGW_LOG_LEVEL");
    return AIGW_OK;
}

/* An issuer that is named is meant: it turns the checks on, unless the switch says no. */
static int put_auth(env *e)
{
    int enabled;
    const char *issuer = get(e, "AIGW_ISSUER");
    int code = read_flag(e, "AIGW_ENABLE_JWT_AUTH", &enabled);
    if (code != AIGW_OK || (enabled < 0 && !issuer))
        return code;
    if (enabled != 0 && !issuer)
        return fail_var(e, "AIGW_ISSUER", "needed, since AIGW_ENABLE_JWT_AUTH asks for tokens");
    gw_cfg_node *jwt = put_map(e, put_map(e, e->root, "auth"), "jwt");
    put_text(e, jwt, "enabled", enabled == 0 ? "false" : "true", "AIGW_ENABLE_JWT_AUTH");
    if (enabled == 0)
        return AIGW_OK;
    gw_cfg_node *entry = put_map(e, put(e, jwt, GW_CFG_LIST, "issuers", NULL, NULL), NULL);
    put_text(e, entry, "issuer", issuer, "AIGW_ISSUER");
    put_var(e, entry, "jwks_url", "AIGW_JWKS_URL");
    put_list(e, entry, "audiences", "AIGW_AUDIENCE");
    put_list(e, entry, "scopes", "AIGW_REQUIRED_SCOPE");
    return AIGW_OK;
}

static gw_cfg_node *put_provider(env *e, const char *name, const char *type)
{
    gw_cfg_node *entry = put_map(e, e->providers, NULL);
    put_text(e, entry, "name", name, NULL);
    put_text(e, entry, "type", type, NULL);
    return entry;
}

static void put_vendor(env *e, const char *type, const char *key, const char *base)
{
    if (!get(e, key))
        return;
    gw_cfg_node *entry = put_provider(e, type, type);
    put_var(e, entry, "api_key", key);
    put_var(e, entry, "base_url", base);
}

/* Gemini. Of the two names the first wins, as in Google's own clients. */
static void put_google(env *e)
{
    const char *name = get(e, "GOOGLE_API_KEY") ? "GOOGLE_API_KEY" : "GEMINI_API_KEY";
    if (!get(e, name))
        return;
    gw_cfg_node *entry = put_provider(e, "google", "gemini");
    put_var(e, entry, "api_key", name);
    gw_cfg_node *models = put(e, entry, GW_CFG_LIST, "models", NULL, NULL);
    for (const char *const *prefix = gw_provider_named(GW_S("gemini"))->model_prefixes; *prefix;
         prefix++)
        put_text(e, models, NULL, *prefix, NULL);
}

/* Azure: models are "azure/DEPLOYMENT". */
static int put_azure(env *e)
{
    if (!get(e, "AZURE_API_KEY"))
        return AIGW_OK;
    /* Deployments hand out all keys alike; one without its address must not keep the others down. */
    if (!get(e, "AZURE_OPENAI_ENDPOINT") && e->providers->count > 0)
        return AIGW_OK;
    if (!get(e, "AZURE_OPENAI_ENDPOINT"))
        return fail_var(e, "AZURE_OPENAI_ENDPOINT", "needed, since AZURE_API_KEY is the only key");
    gw_cfg_node *entry = put_provider(e, "azure", "azure");
    put_var(e, entry, "base_url", "AZURE_OPENAI_ENDPOINT");
    put_var(e, entry, "api_version", "AZURE_OPENAI_API_VERSION");
    put_var(e, entry, "api_key", "AZURE_API_KEY");
    return AIGW_OK;
}

/* Bedrock, by the variables that the AWS tools read: an API key, else a key pair; and a region. */
static int put_bedrock(env *e)
{
    const char *region = get(e, "AWS_REGION") ? "AWS_REGION" : "AWS_DEFAULT_REGION";
    bool pair = get(e, "AWS_ACCESS_KEY_ID") && get(e, "AWS_SECRET_ACCESS_KEY");
    bool bearer = get(e, "AWS_BEARER_TOKEN_BEDROCK") != NULL;
    if (!bearer && !(pair && get(e, region)))
        return AIGW_OK;
    if (!get(e, region) && e->providers->count > 0)
        return AIGW_OK;
    if (!get(e, region))
        return fail_var(e, "AWS_REGION", "needed, since AWS_BEARER_TOKEN_BEDROCK is the only key");
    gw_cfg_node *entry = put_provider(e, "bedrock", "bedrock");
    put_var(e, entry, "region", region);
    if (bearer) {
        put_var(e, entry, "api_key", "AWS_BEARER_TOKEN_BEDROCK");
        return AIGW_OK;
    }
    gw_cfg_node *aws = put_map(e, put_map(e, entry, "auth"), "aws");
    put_var(e, aws, "access_key_id", "AWS_ACCESS_KEY_ID");
    put_var(e, aws, "secret_access_key", "AWS_SECRET_ACCESS_KEY");
    put_var(e, aws, "session_token", "AWS_SESSION_TOKEN");
    return AIGW_OK;
}

int gw_cfg_from_env(gw_cfg_tree *tree, aigw_error *err)
{
    env e = {.tree = tree, .err = err};
    e.root = gw_cfg_put(tree, NULL, GW_CFG_MAP, NULL, NULL, NULL);
    if (!e.root)
        return gw_fail_nomem(err);
    int code = put_server(&e);
    if (code == AIGW_OK)
        code = put_auth(&e);
    if (code != AIGW_OK)
        return code;
    e.providers = put(&e, e.root, GW_CFG_LIST, "providers", NULL, NULL);
    put_vendor(&e, "openai", "OPENAI_API_KEY", "OPENAI_BASE_URL");
    put_vendor(&e, "anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL");
    put_google(&e);
    code = put_azure(&e);
    if (code == AIGW_OK)
        code = put_bedrock(&e);
    if (e.failed)
        return gw_fail_nomem(err);
    if (code == AIGW_OK && e.providers->count == 0)
        return gw_fail(err, AIGW_E_CONFIG, "no_provider",
                       "no provider: set OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY, "
                       "AZURE_API_KEY or AWS_BEARER_TOKEN_BEDROCK, or write a config document");
    return code;
}
