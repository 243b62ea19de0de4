/* The token issuer: makes or reads its key, publishes the key set, signs Cognito-shaped access
 * tokens.
 * Must not know HTTP: the token endpoint is issuer_token.c. */
#include "gateway/issuer.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gate/jwks.h"
#include "gateway/jwt_sign.h"
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define KEY_BITS           2048
#define MAX_KEY_BYTES      1024 /* of n or e: 8192 bits */
#define DEFAULT_LIFETIME_S 3600
#define MAX_LIFETIME_S     (366 * 86400)
#define MAX_ARENA_BYTES    ((size_t)64 * 1024 * 1024)
#define MAX_CLAIMS_BYTES   16384
#define MAX_TOKEN_BYTES    16384

static int refuse(aigw_error *err, const char *reason, const char *message)
{
    return gw_fail(err, AIGW_E_CONFIG, reason, "%s", message);
}

/* ---- The key ---- */

static int no_passphrase(char *text, int size, int writing, void *user)
{
    (void)text, (void)size, (void)writing, (void)user;
    return -1;
}

static EVP_PKEY *read_key(aigw_slice pem)
{
    BIO *bio = pem.len <= 64 * 1024 ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* Writes the key as PKCS #8, whatever form it came in; the copy in between is wiped when freed. */
static bool write_key(EVP_PKEY *key, gw_secret *out)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool written = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    long len = written ? BIO_get_mem_data(bio, &text) : 0;
    written = len > 0 && gw_secret_set(out, gw_slice(text, (size_t)len));
    BIO_free(bio);
    return written;
}

/* Base64urlUInt of a public number of the key, appended. */
static bool write_number(EVP_PKEY *key, const char *name, gw_buf *out)
{
    BIGNUM *number = NULL;
    unsigned char bytes[MAX_KEY_BYTES];
    bool written = false;
    if (EVP_PKEY_get_bn_param(key, name, &number) && BN_num_bytes(number) <= MAX_KEY_BYTES) {
        int len = BN_bn2bin(number, bytes);
        written = gw_base64url_encode(out, bytes, (size_t)len);
    }
    BN_free(number);
    return written;
}

/* RFC 7638 clause 3: the required members in the order of their names, hashed. */
static bool thumbprint(aigw_slice n, aigw_slice e, gw_buf *out)
{
    uint8_t hash[GW_SHA256_BYTES];
    gw_buf text;
    gw_buf_init(&text, 4 * MAX_KEY_BYTES);
    gw_buf_puts(&text, "{\"e\":\"");
    gw_buf_add(&text, e);
    gw_buf_puts(&text, "\",\"kty\":\"RSA\",\"n\":\"");
    gw_buf_add(&text, n);
    gw_buf_puts(&text, "\"}");
    bool sound = !text.failed;
    if (sound)
        gw_sha256(gw_buf_slice(&text), hash);
    gw_buf_free(&text);
    return sound && gw_base64url_encode(out, hash, sizeof hash);
}

static void write_jwks(gw_jw *w, aigw_slice kid, aigw_slice n, aigw_slice e)
{
    const struct {
        const char *name;
        aigw_slice value;
    } members[] = {{"alg", GW_S("RS256")}, {"e", e}, {"kid", kid},
                   {"kty", GW_S("RSA")},   {"n", n}, {"use", GW_S("sig")}};
    gw_jw_object(w);
    gw_jw_key(w, "keys");
    gw_jw_array(w);
    gw_jw_object(w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        gw_jw_key(w, members[i].name);
        gw_jw_text(w, members[i].value);
    }
    gw_jw_object_end(w);
    gw_jw_array_end(w);
    gw_jw_object_end(w);
}

/* Fills key_id and jwks_json from the public part of the key. */
static bool describe_key(aigw_issuer *issuer, EVP_PKEY *key)
{
    gw_buf n, e, kid, json;
    gw_buf_init(&n, 2 * MAX_KEY_BYTES);
    gw_buf_init(&e, 2 * MAX_KEY_BYTES);
    gw_buf_init(&kid, 64);
    gw_buf_init(&json, 8 * MAX_KEY_BYTES);
    gw_jw w = gw_jw_on(&json);
    bool sound = write_number(key, OSSL_PKEY_PARAM_RSA_N, &n) &&
                 write_number(key, OSSL_PKEY_PARAM_RSA_E, &e) &&
                 thumbprint(gw_buf_slice(&n), gw_buf_slice(&e), &kid);
    if (sound)
        write_jwks(&w, gw_buf_slice(&kid), gw_buf_slice(&n), gw_buf_slice(&e));
    if (sound && !json.failed) {
        issuer->key_id = gw_arena_copy(issuer->arena, gw_buf_slice(&kid));
        issuer->jwks_json = gw_arena_copy(issuer->arena, gw_buf_slice(&json));
    }
    gw_buf_free(&n);
    gw_buf_free(&e);
    gw_buf_free(&kid);
    gw_buf_free(&json);
    return issuer->key_id.data && issuer->jwks_json.data;
}

static int take_key(aigw_issuer *issuer, aigw_slice pem, aigw_error *err)
{
    ERR_set_mark();
    EVP_PKEY *key = pem.len ? read_key(pem) : EVP_RSA_gen(KEY_BITS);
    int code = AIGW_OK;
    if (!key || !EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < KEY_BITS)
        code = refuse(err, "bad_private_key",
                      "the private key is no unencrypted RSA key of 2048 bits or more");
    else if (!write_key(key, &issuer->key_pem) || !describe_key(issuer, key))
        code = gw_fail_nomem(err);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    if (code == AIGW_OK)
        code = gw_jwks_from_pem(gw_slice(issuer->key_pem.data, issuer->key_pem.len), issuer->key_id,
                                &issuer->jwks, err);
    return code == AIGW_E_PARSE ? refuse(err, "bad_private_key", "the private key is not sound")
                                : code;
}

/* ---- The clients ---- */

/* scope-token of RFC 6749 clause 3.3. */
static bool is_scope(aigw_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static int check_client(const aigw_issuer_client *client, aigw_error *err)
{
    if (client->id.len == 0 || client->id.len > 256 || !gw_utf8_valid(client->id))
        return refuse(err, "bad_client_id", "a client id has 1 to 256 bytes of UTF-8");
    if (client->secret.len == 0)
        return refuse(err, "bad_client_secret", "a client needs a secret");
    if (client->team.len > 256 || !gw_utf8_valid(client->team))
        return refuse(err, "bad_team", "a team has at most 256 bytes of UTF-8");
    if (client->token_lifetime_s < 0 || client->token_lifetime_s > MAX_LIFETIME_S)
        return refuse(err, "bad_token_lifetime", "a token lives 1 second to 366 days");
    for (size_t i = 0; i < client->scope_count; i++) {
        if (!is_scope(client->scopes[i]))
            return refuse(err, "bad_scope",
                          "a scope is printable ASCII without space, quote, backslash");
    }
    return AIGW_OK;
}

static int take_client(aigw_issuer *issuer, const aigw_issuer_client *from, aigw_error *err)
{
    int code = check_client(from, err);
    if (code != AIGW_OK)
        return code;
    if (gw_issuer_find(issuer, from->id))
        return refuse(err, "duplicate_client", "two clients have the same id");
    gw_issuer_client *to = &issuer->clients[issuer->client_count];
    to->id = gw_arena_copy(issuer->arena, from->id);
    to->team = gw_arena_copy(issuer->arena, from->team);
    to->scopes = gw_arena_calloc(issuer->arena, from->scope_count + 1, sizeof *to->scopes);
    if (!to->id.data || !to->team.data || !to->scopes)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < from->scope_count; i++) {
        to->scopes[i] = gw_arena_copy(issuer->arena, from->scopes[i]);
        if (!to->scopes[i].data)
            return gw_fail_nomem(err);
    }
    to->scope_count = from->scope_count;
    to->token_lifetime_s = from->token_lifetime_s ? from->token_lifetime_s : DEFAULT_LIFETIME_S;
    gw_sha256(from->secret, to->secret_hash);
    issuer->client_count++;
    return AIGW_OK;
}

static int take_options(aigw_issuer *issuer, const aigw_issuer_options *options, aigw_error *err)
{
    if (options->issuer.len == 0 || !gw_utf8_valid(options->issuer))
        return refuse(err, "bad_issuer", "an issuer needs its name");
    issuer->cognito_compat = options->cognito_compat;
    issuer->issuer = gw_arena_copy(issuer->arena, options->issuer);
    issuer->clients =
        gw_arena_calloc(issuer->arena, options->client_count + 1, sizeof *issuer->clients);
    if (!issuer->issuer.data || !issuer->clients)
        return gw_fail_nomem(err);
    for (size_t i = 0; i < options->client_count; i++) {
        int code = take_client(issuer, &options->clients[i], err);
        if (code != AIGW_OK)
            return code;
    }
    return take_key(issuer, options->private_key_pem, err);
}

/* ---- Tokens ---- */

static bool contains(const aigw_slice *words, size_t count, aigw_slice word)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_eq(words[i], word))
            return true;
    }
    return false;
}

static bool asked_for(aigw_slice scope, aigw_slice word)
{
    while (scope.data) {
        if (gw_eq(gw_cut(&scope, ' '), word))
            return true;
    }
    return false;
}

/* What is asked for, in the client's order. False: a word that is not the client's, or an empty
 * one. */
static bool choose_scopes(const gw_issuer_client *client, aigw_slice scope, gw_buf *out)
{
    aigw_slice rest = scope;
    while (scope.len && rest.data) {
        if (!contains(client->scopes, client->scope_count, gw_cut(&rest, ' ')))
            return false;
    }
    for (size_t i = 0; i < client->scope_count; i++) {
        if (scope.len && !asked_for(scope, client->scopes[i]))
            continue;
        if (gw_buf_len(out))
            gw_buf_putc(out, ' ');
        gw_buf_add(out, client->scopes[i]);
    }
    return true;
}

static void write_member(gw_jw *w, const char *name, aigw_slice text)
{
    gw_jw_key(w, name);
    gw_jw_text(w, text);
}

static void write_number_member(gw_jw *w, const char *name, int64_t value)
{
    gw_jw_key(w, name);
    gw_jw_int(w, value);
}

/* The claims of a Cognito machine-to-machine access token: no aud. */
static void write_claims(const aigw_issuer *issuer, const gw_issuer_client *client,
                         aigw_slice scope, aigw_slice token_id, gw_buf *out)
{
    int64_t now = gw_unix_s(&issuer->clock);
    gw_jw w = gw_jw_on(out);
    gw_jw_object(&w);
    write_member(&w, "sub", client->id);
    write_member(&w, "token_use", GW_S("access"));
    if (scope.len)
        write_member(&w, "scope", scope);
    write_number_member(&w, "auth_time", now);
    write_member(&w, "iss", issuer->issuer);
    write_number_member(&w, "exp", now + client->token_lifetime_s);
    write_number_member(&w, "iat", now);
    write_number_member(&w, "version", 2);
    write_member(&w, "jti", token_id);
    write_member(&w, "client_id", client->id);
    if (client->team.len)
        write_member(&w, "custom:team", client->team);
    gw_jw_object_end(&w);
}

const gw_issuer_client *gw_issuer_find(const aigw_issuer *issuer, aigw_slice client_id)
{
    for (size_t i = 0; i < issuer->client_count; i++) {
        if (gw_eq(issuer->clients[i].id, client_id))
            return &issuer->clients[i];
    }
    return NULL;
}

int gw_issuer_sign(const aigw_issuer *issuer, const gw_issuer_client *client, aigw_slice scope,
                   gw_buf *out, aigw_error *err)
{
    char token_id[32];
    int code = AIGW_OK;
    gw_buf scopes, claims;
    gw_buf_init(&scopes, MAX_CLAIMS_BYTES);
    gw_buf_init(&claims, MAX_CLAIMS_BYTES);
    if (!choose_scopes(client, scope, &scopes))
        code = gw_fail(err, AIGW_E_DENIED, "invalid_scope", "the client may not have that scope");
    else if (!gw_random_hex(token_id, sizeof token_id))
        code = gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
    if (code == AIGW_OK) {
        write_claims(issuer, client, gw_buf_slice(&scopes), gw_slice(token_id, sizeof token_id),
                     &claims);
        code = scopes.failed || claims.failed ? gw_fail_nomem(err) : AIGW_OK;
    }
    if (code == AIGW_OK)
        code = gw_jwt_sign_for(issuer->jwks, gw_slice(issuer->key_pem.data, issuer->key_pem.len),
                               issuer->key_id, gw_buf_slice(&claims), out, err);
    gw_buf_free(&scopes);
    gw_buf_free(&claims);
    return code;
}

/* ---- <aigw/issuer.h> ---- */

int aigw_issuer_new(const aigw_issuer_options *options, const aigw_host *host, aigw_issuer **out,
                    aigw_error *err)
{
    if (!options || !out || options->size < sizeof *options)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no options, or of another size");
    gw_arena *arena = gw_arena_new(MAX_ARENA_BYTES);
    aigw_issuer *issuer = arena ? gw_arena_calloc(arena, 1, sizeof *issuer) : NULL;
    if (!issuer) {
        gw_arena_free(arena);
        return gw_fail_nomem(err);
    }
    issuer->arena = arena;
    issuer->clock = gw_clock_of(host);
    int code = take_options(issuer, options, err);
    if (code == AIGW_OK)
        *out = issuer;
    else
        aigw_issuer_free(issuer);
    return code;
}

int aigw_issuer_mint(aigw_issuer *issuer, aigw_slice client_id, aigw_slice scope, aigw_slice *out,
                     aigw_error *err)
{
    const gw_issuer_client *client = gw_issuer_find(issuer, client_id);
    if (!client)
        return gw_fail(err, AIGW_E_DENIED, "unknown_client", "there is no such client");
    gw_buf token;
    gw_buf_init(&token, MAX_TOKEN_BYTES);
    int code = gw_issuer_sign(issuer, client, scope, &token, err);
    if (code == AIGW_OK)
        *out = gw_buf_steal(&token);
    gw_buf_free(&token);
    return code;
}

aigw_slice aigw_issuer_jwks(const aigw_issuer *issuer)
{
    return issuer->jwks_json;
}

void aigw_issuer_free(aigw_issuer *issuer)
{
    if (!issuer)
        return;
    aigw_jwks_free(issuer->jwks);
    gw_secret_free(&issuer->key_pem);
    gw_arena_free(issuer->arena);
}
