/* A provider's token: the section of the config becomes a source.
 * Must not keep a secret: the source does, and what was in between is wiped. */
#include "gateway/config/build.h"

#include "base/error.h"
#include "base/text.h"
#include "gateway/token_source.h"

#define SECRET_BYTES ((size_t)16 * 1024)
#define PEM_BYTES    ((size_t)64 * 1024)

static int fail(gw_cfg_build *b, const gw_cfg_token *raw, const char *key, const char *what)
{
    return gw_cfg_fail_key(b->err, raw->node, key, "conflict", "%s", what);
}

/* What goes with which way to authenticate. */
static int check(gw_cfg_build *b, const gw_cfg_token *raw)
{
    bool by_key =
        raw->auth_method == AIGW_TOKEN_PRIVATE_KEY_JWT || raw->auth_method == AIGW_TOKEN_JWT_BEARER;
    bool by_secret =
        raw->auth_method == AIGW_TOKEN_SECRET_POST || raw->auth_method == AIGW_TOKEN_SECRET_BASIC;
    bool secret = raw->client_secret.len > 0 || raw->client_secret_file.len > 0;
    if (raw->client_secret.len > 0 && raw->client_secret_file.len > 0)
        return fail(b, raw, "client_secret_file",
                    "expected only one of client_secret and client_secret_file");
    if (by_secret && !secret)
        return fail(b, raw, "client_secret", "expected client_secret or client_secret_file");
    if (!by_secret && secret)
        return fail(b, raw, "auth_method", "this way to authenticate has no client_secret");
    if (by_key != (raw->private_key_file.len > 0))
        return fail(
            b, raw, "private_key_file",
            "private_key_file and auth_method: private_key_jwt (or jwt_bearer) go together");
    if (raw->key_id.len > 0 && !by_key)
        return fail(b, raw, "key_id", "expected private_key_file with it");
    if (raw->auth_method == AIGW_TOKEN_TLS_CLIENT && raw->client_cert_file.len == 0)
        return fail(b, raw, "client_cert_file", "tls_client_auth needs client_cert_file");
    if (raw->client_key_file.len > 0 && raw->client_cert_file.len == 0)
        return fail(b, raw, "client_key_file", "expected client_cert_file with it");
    return AIGW_OK;
}

static int read_secrets(gw_cfg_build *b, const gw_cfg_token *raw, gw_secret *secret, gw_secret *pem)
{
    int code = AIGW_OK;
    if (raw->client_secret.len > 0 && !gw_secret_set(secret, raw->client_secret))
        return gw_fail_nomem(b->err);
    if (raw->client_secret_file.len > 0)
        code = gw_cfg_read_file(b, raw->node, "client_secret_file", raw->client_secret_file,
                                SECRET_BYTES, secret);
    while (code == AIGW_OK && raw->client_secret_file.len > 0 && secret->len > 0 &&
           strchr("\r\n", secret->data[secret->len - 1]))
        secret->data[--secret->len] = '\0';
    if (code == AIGW_OK && secret->data && strlen(secret->data) != secret->len)
        code = fail(b, raw, "client_secret_file", "a NUL character is not accepted");
    if (code == AIGW_OK && raw->private_key_file.len > 0)
        code = gw_cfg_read_file(b, raw->node, "private_key_file", raw->private_key_file, PEM_BYTES,
                                pem);
    return code;
}

/* Texts of the tree end with a NUL; absent ones have data NULL. */
int gw_cfg_make_token(gw_cfg_build *b, const gw_cfg_token *raw, aigw_token_source **out)
{
    gw_secret secret = {0}, pem = {0};
    int code = check(b, raw);
    if (code == AIGW_OK)
        code = read_secrets(b, raw, &secret, &pem);
    if (code == AIGW_OK) {
        gw_token_options options = {.endpoint = raw->endpoint.data,
                                    .client_id = raw->client_id.data,
                                    .client_secret = secret.data,
                                    .scope = raw->scope.data,
                                    .audience = raw->audience.data,
                                    .resource = raw->resource.data,
                                    .auth = (aigw_token_auth)raw->auth_method,
                                    .ca_file = raw->ca_file.data,
                                    .client_cert_file = raw->client_cert_file.data,
                                    .client_key_file = raw->client_key_file.data,
                                    .timeout_ms = (int)raw->timeout_ms,
                                    .allow_http = raw->allow_http,
                                    .egress = &b->config->egress,
                                    .host = b->tree->host};
        code = gw_token_source_with_key(&options, gw_slice(pem.data, pem.len), raw->key_id.data,
                                        out, b->err);
        if (code == AIGW_E_CONFIG || code == AIGW_E_INVALID) {
            const gw_cfg_node *at =
                gw_cfg_member(raw->node, code == AIGW_E_CONFIG ? "endpoint" : "private_key_file");
            b->err->code = AIGW_E_CONFIG;
            code = gw_cfg_place(b->err, at ? at : raw->node, AIGW_E_CONFIG);
        }
    }
    gw_secret_free(&secret);
    gw_secret_free(&pem);
    return code;
}
