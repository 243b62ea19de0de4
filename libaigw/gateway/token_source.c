/* The public door to token sources: options of any age, and a private key that signs. */
/* Must not know how a token is fetched or kept: that is rim/token. */
#include "gateway/token_source.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "gate/jwt.h"
#include "gateway/jwt_sign.h"
#include <stddef.h>

#define DECODE_ARENA_BYTES ((size_t)1024 * 1024)
#define MAX_DECODE_BYTES   ((size_t)128 * 1024)
#define MAX_PEM_BYTES      ((size_t)64 * 1024)
#define MAX_NETWORKS       64

/* What signs assertions: the key, and its public half to check each signature with. */
typedef struct signer {
    gw_secret pem;
    char *key_id;
    aigw_jwks *check;
} signer;

static void signer_free(void *user)
{
    signer *s = user;

    if (!s)
        return;
    gw_secret_free(&s->pem);
    gw_free(s->key_id);
    aigw_jwks_free(s->check);
    gw_free(s);
}

static int sign(void *user, aigw_slice claims, gw_buf *out, aigw_error *err)
{
    const signer *s = user;

    return gw_jwt_sign_for(s->check, gw_slice(s->pem.data, s->pem.len), aigw_slice_of(s->key_id),
                           claims, out, err);
}

static int signer_new(aigw_slice pem, const char *key_id, signer **out, aigw_error *err)
{
    aigw_slice kid = aigw_slice_of(key_id);
    signer *s;

    if (pem.len == 0 || pem.len > MAX_PEM_BYTES || !gw_find(pem, GW_S("PRIVATE KEY-----")))
        return gw_fail(err, AIGW_E_INVALID, "bad_key",
                       "this way to authenticate needs a private key (PEM)");
    s = gw_calloc(1, sizeof *s);
    if (!s)
        return gw_fail_nomem(err);
    int code = gw_jwks_from_pem(pem, kid, &s->check, err);
    if (code == AIGW_E_PARSE)
        code = gw_fail(err, AIGW_E_INVALID, "bad_key", "not an unencrypted RSA private key");
    if (code == AIGW_OK) {
        s->key_id = gw_strdup(kid);
        if (!s->key_id || !gw_secret_set(&s->pem, pem))
            code = gw_fail_nomem(err);
    }
    if (code != AIGW_OK) {
        signer_free(s);
        return code;
    }
    *out = s;
    return AIGW_OK;
}

int gw_token_source_with_key(gw_token_options *options, aigw_slice pem, const char *key_id,
                             aigw_token_source **out, aigw_error *err)
{
    signer *s = NULL;
    int code = AIGW_OK;

    if (options->auth == AIGW_TOKEN_PRIVATE_KEY_JWT || options->auth == AIGW_TOKEN_JWT_BEARER) {
        code = signer_new(pem, key_id, &s, err);
        options->sign = sign;
        options->sign_free = signer_free;
        options->sign_user = s;
        options->key_material = pem;
    }
    if (code == AIGW_OK)
        code = gw_token_source_new(options, out, err);
    if (code != AIGW_OK)
        signer_free(s);
    return code;
}

/* Networks with commas between, blanks around them. */
static int read_networks(const char *text, gw_net *nets, size_t *count, aigw_error *err)
{
    aigw_slice rest = aigw_slice_of(text);

    while (rest.len > 0) {
        bool host_bits = false;
        aigw_slice one = gw_trim(gw_cut(&rest, ','));
        if (*count == MAX_NETWORKS || !gw_net_parse(one, &nets[*count], &host_bits) || host_bits)
            return gw_fail(err, AIGW_E_INVALID, "bad_network",
                           "allow_private: expected up to %d networks such as 10.0.0.0/8",
                           MAX_NETWORKS);
        ++*count;
    }
    return AIGW_OK;
}

/* The first version of the struct ended before `audience`. */
#define FIRST_SIZE offsetof(aigw_token_options, audience)

int aigw_token_source_new(const aigw_token_options *given, const aigw_host *host,
                          aigw_token_source **out, aigw_error *err)
{
    aigw_token_options o = {.size = 0};
    gw_net nets[MAX_NETWORKS];
    gw_egress_policy egress = {nets, 0};

    if (!given || !out || given->size < FIRST_SIZE)
        return gw_fail(err, AIGW_E_INVALID, "argument",
                       "options of full size and an out are needed");
    memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    gw_token_options options = {.endpoint = o.endpoint,
                                .client_id = o.client_id,
                                .client_secret = o.client_secret,
                                .scope = o.scope,
                                .audience = o.audience,
                                .resource = o.resource,
                                .auth = o.auth_method,
                                .ca_file = o.ca_file,
                                .client_cert_file = o.client_cert_file,
                                .client_key_file = o.client_key_file,
                                .proxy = o.proxy,
                                .connect_timeout_ms = o.connect_timeout_ms,
                                .timeout_ms = o.timeout_ms,
                                .allow_http = o.allow_http,
                                .egress = o.public_only ? &egress : NULL,
                                .host = host};
    int code = read_networks(o.allow_private, nets, &egress.allowed_count, err);
    if (code != AIGW_OK)
        return code;
    return gw_token_source_with_key(&options, aigw_slice_of(o.private_key_pem), o.key_id, out, err);
}

/* ---- showing a token to its owner ---- */

static int decode(gw_arena *arena, aigw_slice token, aigw_slice *header, aigw_slice *claims,
                  int64_t *expires)
{
    aigw_slice part[3];
    gw_json_doc doc;
    aigw_error ignored;

    if (token.len > MAX_DECODE_BYTES || !gw_jws_split(token, part))
        return AIGW_E_PARSE;
    for (int i = 0; i < 2; i++) {
        aigw_slice *text = i ? claims : header;
        int code = gw_jws_decode(arena, part[i], text, NULL);
        if (code == AIGW_OK)
            code = gw_json_parse(arena, *text, NULL, &doc, &ignored);
        if (code == AIGW_E_NOMEM)
            return code;
        if (code != AIGW_OK || gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
            return AIGW_E_PARSE;
    }
    if (!gw_json_i64(&doc, gw_json_get(&doc, 0, "exp"), expires))
        *expires = 0;
    return AIGW_OK;
}

int aigw_token_decode(aigw_slice token, aigw_slice *header, aigw_slice *claims,
                      int64_t *expires_unix_s, aigw_error *err)
{
    aigw_slice head = {NULL, 0}, body = {NULL, 0};
    int64_t expires = 0;
    gw_arena *arena = gw_arena_new(DECODE_ARENA_BYTES);

    if (!arena)
        return gw_fail_nomem(err);
    int code = decode(arena, token, &head, &body, &expires);
    char *both = code == AIGW_OK ? gw_alloc(head.len + body.len) : NULL;
    if (both) {
        memcpy(both, head.data, head.len);
        memcpy(both + head.len, body.data, body.len);
        *header = gw_slice(both, head.len);
        *claims = gw_slice(both + head.len, body.len);
        *expires_unix_s = expires;
    }
    gw_arena_free(arena);
    if (code == AIGW_E_PARSE)
        return gw_fail(err, AIGW_E_PARSE, "not_a_jwt", "the token is not a JWT");
    return both ? AIGW_OK : gw_fail_nomem(err);
}
