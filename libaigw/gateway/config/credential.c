/* A provider's credential that is no key: a token that is fetched, or a key pair that signs.
 * Must not keep a secret: a token source does, or the upstream, and what was in between is wiped. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "gateway/token_source.h"
#include <stdio.h>

#define ACCOUNT_BYTES ((size_t)32 * 1024)
#define ARENA_BYTES   ((size_t)512 * 1024)
#define SECRET_BYTES  ((size_t)16 * 1024)

/* ---- Microsoft Entra: client_credentials with a scope of its own ---- */

/* https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
static int make_entra(gw_cfg_build *b, const gw_cfg_entra *raw, aigw_token_source **out)
{
    char endpoint[640];
    aigw_slice authority = raw->authority;
    for (size_t i = 0; i < raw->tenant.len; i++) {
        char c = raw->tenant.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (i > 0 && (c == '-' || c == '.'))))
            return gw_cfg_fail_key(b->err, raw->node, "tenant", "bad_value",
                                   "expected the id or the domain of a tenant");
    }
    while (authority.len > 0 && authority.data[authority.len - 1] == '/')
        authority.len--;
    snprintf(endpoint, sizeof endpoint, "%.*s/%.*s/oauth2/v2.0/token", (int)authority.len,
             authority.data, (int)raw->tenant.len, raw->tenant.data);
    gw_cfg_token token = {.node = raw->node,
                          .endpoint = aigw_slice_of(endpoint),
                          .client_id = raw->client_id,
                          .client_secret = raw->client_secret,
                          .client_secret_file = raw->client_secret_file,
                          .scope = raw->scope,
                          .auth_method = AIGW_TOKEN_SECRET_POST};
    return gw_cfg_make_token(b, &token, out);
}

/* ---- Google: a service account's key signs what a token is given for ---- */

typedef struct account {
    gw_arena *arena;
    gw_json_doc doc;
    aigw_slice email, key_id, key, endpoint; /* NUL-terminated */
} account;

static int fail_account(gw_cfg_build *b, const gw_cfg_google *raw, const char *what)
{
    return gw_cfg_fail_key(b->err, raw->node,
                           raw->service_account_file.len ? "service_account_file"
                                                         : "service_account",
                           "bad_account", "%s", what);
}

static bool read_text(account *a, const char *name, aigw_slice *out)
{
    gw_json_ref ref = gw_json_get(&a->doc, 0, name);
    aigw_slice text = gw_json_typeof(&a->doc, ref) == GW_JSON_STRING
                          ? gw_json_text(a->arena, &a->doc, ref)
                          : (aigw_slice){NULL, 0};
    *out = text.len ? gw_arena_copy(a->arena, text) : text;
    if (out->data != text.data && text.data != gw_json_inner(&a->doc, ref).data)
        gw_wipe((void *)(uintptr_t)text.data, text.len);
    return out->data && !memchr(out->data, 0, out->len);
}

/* https://cloud.google.com/iam/docs/keys-create-delete: what the downloaded file holds */
static int read_account(gw_cfg_build *b, const gw_cfg_google *raw, aigw_slice json, account *a)
{
    const gw_json_limits limits = {.max_depth = 4, .max_nodes = 200};
    int code = gw_json_parse(a->arena, json, &limits, &a->doc, NULL);
    if (code == AIGW_E_NOMEM)
        return gw_fail_nomem(b->err);
    if (code != AIGW_OK || gw_json_typeof(&a->doc, 0) != GW_JSON_OBJECT ||
        !gw_json_is(&a->doc, gw_json_get(&a->doc, 0, "type"), "service_account"))
        return fail_account(b, raw, "expected the JSON key file of a service account");
    if (!read_text(a, "client_email", &a->email) || !read_text(a, "private_key", &a->key) ||
        !read_text(a, "token_uri", &a->endpoint))
        return fail_account(b, raw, "client_email, private_key and token_uri are needed");
    if (!read_text(a, "private_key_id", &a->key_id))
        a->key_id = (aigw_slice){NULL, 0};
    return AIGW_OK;
}

static int make_source(gw_cfg_build *b, const gw_cfg_provider *raw, const account *a,
                       aigw_token_source **out)
{
    gw_token_options options = {.endpoint = a->endpoint.data,
                                .client_id = a->email.data,
                                .scope = raw->auth.google.scope.data,
                                .auth = AIGW_TOKEN_JWT_BEARER,
                                .ca_file = raw->ca_file.data,
                                .egress = &b->config->egress,
                                .host = b->tree->host};
    int code = gw_token_source_with_key(&options, a->key, a->key_id.data, out, b->err);
    if (code == AIGW_E_INVALID)
        return fail_account(b, &raw->auth.google, "private_key: not an unencrypted RSA key");
    if (code == AIGW_E_CONFIG)
        return fail_account(b, &raw->auth.google, "token_uri: expected an https URL");
    return code;
}

static int make_google(gw_cfg_build *b, const gw_cfg_provider *raw, aigw_token_source **out)
{
    const gw_cfg_google *google = &raw->auth.google;
    gw_secret json = {NULL, 0};
    account a = {.arena = gw_arena_new(ARENA_BYTES)};
    int code = AIGW_OK;
    if ((google->service_account.len > 0) == (google->service_account_file.len > 0))
        code = gw_cfg_fail(b->err, google->node, "missing_key",
                           "expected either service_account_file or service_account");
    else if (!a.arena ||
             (google->service_account.len > 0 && !gw_secret_set(&json, google->service_account)))
        code = gw_fail_nomem(b->err);
    else if (google->service_account_file.len > 0)
        code = gw_cfg_read_file(b, google->node, "service_account_file",
                                google->service_account_file, ACCOUNT_BYTES, &json);
    if (code == AIGW_OK)
        code = read_account(b, google, gw_slice(json.data, json.len), &a);
    if (code == AIGW_OK)
        code = make_source(b, raw, &a, out);
    if (a.key.data)
        gw_wipe((void *)(uintptr_t)a.key.data, a.key.len);
    gw_arena_free(a.arena);
    gw_secret_free(&json);
    return code;
}

/* ---- AWS: a key pair that signs each request ---- */

static bool is_word(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    return text.len > 0;
}

static int read_pair(gw_cfg_build *b, const gw_cfg_aws *raw, gw_upstream *up)
{
    gw_secret *id = &up->key_secrets[0], *key = &up->key_secrets[1], *token = &up->key_secrets[2];
    int code = AIGW_OK;
    if ((raw->secret_access_key.len > 0) == (raw->secret_access_key_file.len > 0))
        return gw_cfg_fail(b->err, raw->node, "missing_key",
                           "expected either secret_access_key or secret_access_key_file");
    if (!gw_secret_set(id, raw->access_key_id) ||
        (raw->secret_access_key.len && !gw_secret_set(key, raw->secret_access_key)) ||
        (raw->session_token.len && !gw_secret_set(token, raw->session_token)))
        return gw_fail_nomem(b->err);
    if (raw->secret_access_key_file.len > 0)
        code = gw_cfg_read_file(b, raw->node, "secret_access_key_file", raw->secret_access_key_file,
                                SECRET_BYTES, key);
    while (code == AIGW_OK && key->len > 0 && strchr("\r\n", key->data[key->len - 1]))
        key->data[--key->len] = '\0';
    return code;
}

static int make_aws(gw_cfg_build *b, const gw_cfg_aws *raw, gw_upstream *up)
{
    const gw_secret *s = up->key_secrets;
    static const char *const names[] = {"access_key_id", "secret_access_key", "session_token"};
    int code = read_pair(b, raw, up);
    for (size_t i = 0; i < 3 && code == AIGW_OK; i++) {
        if (s[i].data && !is_word(gw_slice(s[i].data, s[i].len)))
            code = gw_cfg_fail_key(b->err, raw->node, names[i], "bad_key",
                                   "it is empty, or has white space or other characters that no "
                                   "key has");
    }
    if (code == AIGW_OK)
        up->key_pair =
            (gw_key_pair){{s[0].data, s[0].len}, {s[1].data, s[1].len}, {s[2].data, s[2].len}};
    return code;
}

int gw_cfg_make_credential(gw_cfg_build *b, const gw_cfg_provider *raw, gw_upstream *up)
{
    const gw_cfg_provider_auth *auth = &raw->auth;
    const gw_cfg_node *sections[] = {auth->token.node, auth->entra.node, auth->aws.node,
                                     auth->google.node};
    int named = 0;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        named += sections[i] != NULL;
    if (named > 1)
        return gw_cfg_fail(b->err, auth->node, "conflict",
                           "expected only one of token, entra, aws and google");
    if (auth->token.node)
        return gw_cfg_make_token(b, &auth->token, &up->token);
    if (auth->entra.node)
        return make_entra(b, &auth->entra, &up->token);
    if (auth->google.node)
        return make_google(b, raw, &up->token);
    return auth->aws.node ? make_aws(b, &auth->aws, up) : AIGW_OK;
}
