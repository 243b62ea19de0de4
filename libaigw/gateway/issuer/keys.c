/* Makes, describes and rotates the issuer's signing keys.
 * Must not know clients or tokens. */
#include "gateway/issuer/keys.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "gate/jwks.h"
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define KEY_BITS        2048
#define MAX_KEY_BYTES   1024 /* of n or e: 8192 bits */
#define MAX_PEM_BYTES   (64 * 1024)
#define MAX_SET_BYTES   (128 * 1024)
#define MAX_ARENA_BYTES ((size_t)8 * 1024 * 1024)

/* ---- One key ---- */

static int no_passphrase(char *text, int size, int writing, void *user)
{
    (void)text, (void)size, (void)writing, (void)user;
    return -1;
}

static EVP_PKEY *read_key(aigw_slice pem)
{
    BIO *bio = pem.len <= MAX_PEM_BYTES ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
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
static bool thumbprint(aigw_slice n, aigw_slice e, char kid[GW_KID_BYTES + 1])
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
    if (sound) {
        gw_sha256(gw_buf_slice(&text), hash);
        gw_buf_clear(&text);
        sound = gw_base64url_encode(&text, hash, sizeof hash) && gw_buf_len(&text) == GW_KID_BYTES;
    }
    if (sound) {
        memcpy(kid, gw_buf_slice(&text).data, GW_KID_BYTES);
        kid[GW_KID_BYTES] = '\0';
    }
    gw_buf_free(&text);
    return sound;
}

typedef struct public_part {
    gw_buf n, e;
} public_part;

static bool read_public(EVP_PKEY *key, public_part *out)
{
    gw_buf_init(&out->n, 2 * MAX_KEY_BYTES);
    gw_buf_init(&out->e, 2 * MAX_KEY_BYTES);
    return write_number(key, OSSL_PKEY_PARAM_RSA_N, &out->n) &&
           write_number(key, OSSL_PKEY_PARAM_RSA_E, &out->e);
}

static void drop_public(public_part *part)
{
    gw_buf_free(&part->n);
    gw_buf_free(&part->e);
}

static int refuse(aigw_error *err, const char *message)
{
    return gw_fail(err, AIGW_E_CONFIG, "bad_private_key", "%s", message);
}

static int make_key(aigw_slice pem, gw_secret *out, char kid[GW_KID_BYTES + 1], aigw_error *err)
{
    EVP_PKEY *key = pem.len ? read_key(pem) : EVP_RSA_gen(KEY_BITS);
    public_part part;
    int code = AIGW_OK;
    if (!key || !EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < KEY_BITS)
        code = refuse(err, "the private key is no unencrypted RSA key of 2048 bits or more");
    if (code == AIGW_OK) {
        bool sound = read_public(key, &part) &&
                     thumbprint(gw_buf_slice(&part.n), gw_buf_slice(&part.e), kid) &&
                     write_key(key, out);
        drop_public(&part);
        code = sound ? AIGW_OK : gw_fail_nomem(err);
    }
    EVP_PKEY_free(key);
    return code;
}

int gw_issuer_key_make(aigw_slice pem, gw_secret *out, char kid[GW_KID_BYTES + 1], aigw_error *err)
{
    ERR_set_mark();
    int code = make_key(pem, out, kid, err);
    ERR_pop_to_mark();
    aigw_jwks *check = NULL;
    if (code == AIGW_OK)
        code = gw_jwks_from_pem(gw_slice(out->data, out->len), gw_slice(kid, GW_KID_BYTES), &check,
                                err);
    aigw_jwks_free(check);
    return code == AIGW_E_PARSE ? refuse(err, "the private key is not sound") : code;
}

/* ---- A set ---- */

static void write_jwk(gw_jw *w, aigw_slice kid, const public_part *part)
{
    const struct {
        const char *name;
        aigw_slice value;
    } members[] = {{"alg", GW_S("RS256")}, {"e", gw_buf_slice(&part->e)}, {"kid", kid},
                   {"kty", GW_S("RSA")},   {"n", gw_buf_slice(&part->n)}, {"use", GW_S("sig")}};
    gw_jw_object(w);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        gw_jw_key(w, members[i].name);
        gw_jw_text(w, members[i].value);
    }
    gw_jw_object_end(w);
}

static int add_jwk(gw_jw *w, const gw_store_key *key, aigw_error *err)
{
    ERR_set_mark();
    EVP_PKEY *parsed = read_key(key->pem);
    ERR_pop_to_mark();
    if (!parsed || !EVP_PKEY_is_a(parsed, "RSA")) {
        EVP_PKEY_free(parsed);
        return refuse(err, "a signing key in the database is not sound");
    }
    public_part part;
    bool sound = read_public(parsed, &part);
    if (sound)
        write_jwk(w, key->kid, &part);
    drop_public(&part);
    EVP_PKEY_free(parsed);
    return sound ? AIGW_OK : gw_fail_nomem(err);
}

static int fill(gw_issuer_keys *keys, const gw_store_key *list, size_t count, int64_t now_unix_s,
                gw_buf *json, aigw_error *err)
{
    gw_jw w = gw_jw_on(json);
    int code = AIGW_OK;
    keys->until_unix_s = INT64_MAX;
    gw_jw_object(&w);
    gw_jw_key(&w, "keys");
    gw_jw_array(&w);
    for (size_t i = 0; i < count && code == AIGW_OK; i++) {
        bool retired = list[i].state == GW_KEY_RETIRED;
        if (retired && list[i].not_after_unix_s <= now_unix_s)
            continue;
        if (retired && list[i].not_after_unix_s < keys->until_unix_s)
            keys->until_unix_s = list[i].not_after_unix_s;
        code = add_jwk(&w, &list[i], err);
    }
    gw_jw_array_end(&w);
    gw_jw_object_end(&w);
    if (code != AIGW_OK)
        return code;
    memcpy(keys->kid, list[0].kid.data, GW_KID_BYTES);
    keys->activated_unix_s = list[0].activated_unix_s;
    if (json->failed || !gw_secret_set(&keys->pem, list[0].pem))
        return gw_fail_nomem(err);
    code = aigw_jwks_parse(gw_buf_slice(json), &keys->jwks, err);
    if (code == AIGW_OK)
        keys->jwks_json = gw_buf_steal(json);
    return code;
}

int gw_issuer_keys_new(const gw_store_key *list, size_t count, int64_t now_unix_s,
                       gw_issuer_keys **out, aigw_error *err)
{
    if (count == 0 || list[0].state != GW_KEY_CURRENT || list[0].kid.len != GW_KID_BYTES)
        return refuse(err, "there is no current signing key");
    gw_issuer_keys *keys = gw_calloc(1, sizeof *keys);
    if (!keys)
        return gw_fail_nomem(err);
    gw_buf json;
    gw_buf_init(&json, MAX_SET_BYTES);
    keys->refs = 1;
    int code = fill(keys, list, count, now_unix_s, &json, err);
    gw_buf_free(&json);
    if (code == AIGW_OK)
        *out = keys;
    else
        gw_issuer_keys_free(keys);
    return code;
}

gw_issuer_keys *gw_issuer_keys_ref(gw_issuer_keys *keys)
{
    __atomic_add_fetch(&keys->refs, 1, __ATOMIC_RELAXED);
    return keys;
}

void gw_issuer_keys_free(gw_issuer_keys *keys)
{
    if (!keys || __atomic_sub_fetch(&keys->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    gw_secret_free(&keys->pem);
    aigw_jwks_free(keys->jwks);
    aigw_bytes_free(keys->jwks_json);
    gw_free(keys);
}

/* ---- In the database ---- */

static void wipe_keys(gw_store_key *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gw_wipe((void *)(uintptr_t)list[i].pem.data, list[i].pem.len);
}

static int read_keys(gw_store *store, gw_arena **arena, gw_store_key **list, size_t *count,
                     aigw_error *err)
{
    *arena = gw_arena_new(MAX_ARENA_BYTES);
    if (!*arena)
        return gw_fail_nomem(err);
    int code = gw_store_keys(store, *arena, list, count, err);
    if (code != AIGW_OK)
        gw_arena_free(*arena);
    return code;
}

static gw_store_key as_row(const gw_secret *pem, const char *kid, int64_t now_unix_s)
{
    return (gw_store_key){.kid = gw_slice(kid, GW_KID_BYTES),
                          .pem = gw_slice(pem->data, pem->len),
                          .created_unix_s = now_unix_s,
                          .activated_unix_s = -1,
                          .not_after_unix_s = -1};
}

int gw_issuer_keys_first(gw_store *store, aigw_slice pem, int64_t now_unix_s, aigw_error *err)
{
    gw_arena *arena;
    gw_store_key *list;
    size_t count = 0;
    int code = read_keys(store, &arena, &list, &count, err);
    if (code != AIGW_OK)
        return code;
    wipe_keys(list, count);
    gw_arena_free(arena);
    if (count)
        return AIGW_OK;
    gw_secret current = {NULL, 0}, next = {NULL, 0};
    char kids[2][GW_KID_BYTES + 1];
    code = gw_issuer_key_make(pem, &current, kids[0], err);
    if (code == AIGW_OK)
        code = gw_issuer_key_make(GW_S(""), &next, kids[1], err);
    if (code == AIGW_OK) {
        gw_store_key rows[] = {as_row(&current, kids[0], now_unix_s),
                               as_row(&next, kids[1], now_unix_s)};
        code = gw_store_first_keys(store, &rows[0], &rows[1], now_unix_s, err);
    }
    gw_secret_free(&current);
    gw_secret_free(&next);
    return code;
}

int gw_issuer_keys_load(gw_store *store, int64_t now_unix_s, gw_issuer_keys **out, aigw_error *err)
{
    gw_arena *arena;
    gw_store_key *list;
    size_t count = 0;
    uint64_t version;
    /* The version first: a change that comes in between is seen again, never missed. */
    int code = gw_store_version(store, &version, err);
    if (code == AIGW_OK)
        code = read_keys(store, &arena, &list, &count, err);
    if (code != AIGW_OK)
        return code;
    code = gw_issuer_keys_new(list, count, now_unix_s, out, err);
    if (code == AIGW_OK)
        (*out)->version = version;
    wipe_keys(list, count);
    gw_arena_free(arena);
    return code;
}

int gw_issuer_keys_rotate(gw_store *store, aigw_slice current, int64_t now_unix_s, aigw_error *err)
{
    gw_issuer_keys *now = NULL;
    gw_secret fresh = {NULL, 0};
    char kid[GW_KID_BYTES + 1];
    int code = gw_issuer_keys_load(store, now_unix_s, &now, err);
    if (code == AIGW_OK)
        code = gw_issuer_key_make(GW_S(""), &fresh, kid, err);
    if (code == AIGW_OK) {
        gw_store_rotation r = {.current = current.len ? current : aigw_slice_of(now->kid),
                               .fresh = as_row(&fresh, kid, now_unix_s),
                               .now_unix_s = now_unix_s,
                               .not_after_unix_s = now_unix_s + GW_RETIRED_S,
                               .max_retired = GW_MAX_RETIRED};
        code = gw_store_rotate_keys(store, &r, err);
    }
    gw_secret_free(&fresh);
    gw_issuer_keys_free(now);
    return code;
}
