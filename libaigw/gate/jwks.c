/* Parsing JSON Web Key Sets (RFC 7517) into keys ready to verify with.
 * Knows nothing of where a set comes from, nor of tokens. */
#include "gate/jwks.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include <stdatomic.h>

#define MAX_SET_BYTES   (150 * 1024)
#define MAX_KEYS        64
#define MAX_ARENA_BYTES (4 * 1024 * 1024)
#define MAX_KEY_OPS     16

struct aigw_jwks {
    atomic_int refs;
    uint64_t generation;
    uint8_t digest[GW_SHA256_BYTES]; /* of the document; of none: all zero */
    size_t count;
    gw_jwk keys[];
};

/* One JWK under way: the document, its object and the arena for what it says. */
typedef struct reading {
    gw_arena *arena;
    const gw_json_doc *doc;
    gw_json_ref object;
    bool no_memory; /* an allocation failed: what was read is not the truth */
} reading;

/* A key type: how to build its public key from the members of RFC 7518 clause 6. NULL: unusable. */
typedef struct key_type {
    const char *name;
    struct evp_pkey_st *(*build)(reading *r);
} key_type;

/* An absent member is "" and fine; false when it is there and no string. */
static bool read_string(reading *r, const char *name, aigw_slice *out)
{
    gw_json_ref ref = gw_json_get(r->doc, r->object, name);
    *out = GW_S("");
    if (ref == GW_JSON_ABSENT)
        return true;
    aigw_slice text = gw_json_text(r->arena, r->doc, ref);
    if (!text.data) {
        r->no_memory |= gw_json_typeof(r->doc, ref) == GW_JSON_STRING;
        return false;
    }
    *out = text;
    return true;
}

/* Bytes in base64url: a Base64urlUInt (RFC 7518 clause 2), a coordinate or a raw key. */
static bool read_number(reading *r, const char *name, aigw_slice *out)
{
    aigw_slice text;
    if (!read_string(r, name, &text) || text.len == 0)
        return false;
    uint8_t *bytes = gw_arena_alloc(r->arena, text.len / 4 * 3 + 3);
    r->no_memory |= !bytes;
    ptrdiff_t len = bytes ? gw_base64url_decode(text, bytes) : -1;
    if (len <= 0)
        return false;
    *out = gw_slice((const char *)bytes, (size_t)len);
    return true;
}

static struct evp_pkey_st *build_rsa(reading *r)
{
    aigw_slice n, e;
    if (!read_number(r, "n", &n) || !read_number(r, "e", &e))
        return NULL;
    return gw_jwa_rsa_key(n, e);
}

static struct evp_pkey_st *build_ec(reading *r)
{
    aigw_slice crv, x, y;
    if (!read_string(r, "crv", &crv) || !read_number(r, "x", &x) || !read_number(r, "y", &y))
        return NULL;
    return gw_jwa_ec_key(crv, x, y);
}

static struct evp_pkey_st *build_okp(reading *r)
{
    aigw_slice crv, x;
    if (!read_string(r, "crv", &crv) || !read_number(r, "x", &x))
        return NULL;
    return gw_jwa_okp_key(crv, x);
}

/* No "oct": a shared secret is not for a public list, and would invite MACs. */
static const key_type key_types[] = {{"RSA", build_rsa}, {"EC", build_ec}, {"OKP", build_okp}};

/* RFC 7517 clause 4.3: strings, none twice; with `use` sig nothing but signing. */
static bool ops_sound(reading *r, gw_json_ref ops, bool only_signing)
{
    const gw_json_doc *doc = r->doc;
    if (gw_json_typeof(doc, ops) != GW_JSON_ARRAY || gw_json_count(doc, ops) > MAX_KEY_OPS)
        return false;
    for (gw_json_ref a = gw_json_first(doc, ops); a != GW_JSON_ABSENT; a = gw_json_next(doc, a)) {
        aigw_slice op = gw_json_text(r->arena, doc, a);
        if (!op.data) {
            r->no_memory |= gw_json_typeof(doc, a) == GW_JSON_STRING;
            return false;
        }
        if (only_signing && !gw_eq(op, GW_S("verify")) && !gw_eq(op, GW_S("sign")))
            return false;
        for (gw_json_ref b = gw_json_next(doc, a); b != GW_JSON_ABSENT; b = gw_json_next(doc, b)) {
            if (gw_eq(gw_json_inner(doc, a), gw_json_inner(doc, b)))
                return false;
        }
    }
    return true;
}

/* `use` and `key_ops`, where they are said, must allow verifying (RFC 7517 clauses 4.2, 4.3). */
static bool may_verify(reading *r)
{
    gw_json_ref use = gw_json_get(r->doc, r->object, "use");
    if (use != GW_JSON_ABSENT && !gw_json_is(r->doc, use, "sig"))
        return false;
    gw_json_ref ops = gw_json_get(r->doc, r->object, "key_ops");
    if (ops == GW_JSON_ABSENT)
        return true;
    if (!ops_sound(r, ops, use != GW_JSON_ABSENT))
        return false;
    gw_json_ref op = gw_json_first(r->doc, ops);
    while (op != GW_JSON_ABSENT && !gw_json_is(r->doc, op, "verify"))
        op = gw_json_next(r->doc, op);
    return op != GW_JSON_ABSENT;
}

static void prepare_all(gw_jwk *key)
{
    for (int i = 0; i < GW_JWA_COUNT; i++) {
        if (key->key && (key->alg[0] == '\0' || strcmp(key->alg, gw_jwa_table[i].name) == 0))
            key->verify[i] = gw_jwa_prepare(&gw_jwa_table[i], key->key);
    }
}

/* Fills *out when the element is a key of a type that we know; *known says so. RFC 7517 clause
 * 5: what is not understood is passed over, but a key that is merely unusable stays, so that its
 * tokens are not taken for tokens of a newer set. */
static int read_key(reading *r, gw_jwk *out, bool *known, aigw_error *err)
{
    const key_type *type = NULL;
    gw_json_ref kty = gw_json_get(r->doc, r->object, "kty");
    for (size_t i = 0; i < sizeof key_types / sizeof key_types[0]; i++) {
        if (gw_json_is(r->doc, kty, key_types[i].name))
            type = &key_types[i];
    }
    aigw_slice kid, alg;
    *known = type && read_string(r, "kid", &kid) && kid.len <= GW_MAX_KID_BYTES &&
             !memchr(kid.data, '\0', kid.len);
    if (!*known)
        return r->no_memory ? gw_fail_nomem(err) : AIGW_OK;
    out->kid = gw_strdup(kid);
    if (!out->kid)
        return gw_fail_nomem(err);
    if (!read_string(r, "alg", &alg) || alg.len >= sizeof out->alg || !may_verify(r))
        return r->no_memory ? gw_fail_nomem(err) : AIGW_OK;
    if (alg.len)
        memcpy(out->alg, alg.data, alg.len);
    out->key = type->build(r);
    prepare_all(out);
    return r->no_memory ? gw_fail_nomem(err) : AIGW_OK;
}

static int new_set(size_t room, aigw_jwks **out, aigw_error *err)
{
    aigw_jwks *jwks = gw_calloc(1, sizeof *jwks + room * sizeof jwks->keys[0]);
    if (!jwks)
        return gw_fail_nomem(err);
    atomic_init(&jwks->refs, 1);
    /* Random instead of counted: no state of the process, and no two sets alike either. */
    if (!gw_random(&jwks->generation, sizeof jwks->generation)) {
        gw_free(jwks);
        return gw_fail(err, AIGW_E_IO, "random", "the random generator failed");
    }
    jwks->generation |= jwks->generation == 0;
    *out = jwks;
    return AIGW_OK;
}

static int read_set(gw_arena *arena, aigw_slice json, aigw_jwks **out, aigw_error *err)
{
    gw_json_doc doc;
    gw_json_limits limits = {.max_depth = 16, .max_nodes = 32768};
    int code = gw_json_parse(arena, json, &limits, &doc, err);
    if (code != AIGW_OK)
        return code;
    gw_json_ref list = gw_json_get(&doc, 0, "keys");
    if (gw_json_typeof(&doc, 0) != GW_JSON_OBJECT || gw_json_typeof(&doc, list) != GW_JSON_ARRAY)
        return gw_fail(err, AIGW_E_PARSE, "not_a_jwks",
                       "a key set is an object with a `keys` array");
    uint32_t count = gw_json_count(&doc, list);
    if (count > MAX_KEYS)
        return gw_fail(err, AIGW_E_LIMIT, "too_many_keys", "a key set has at most %d keys",
                       MAX_KEYS);
    aigw_jwks *jwks = NULL;
    code = new_set(count, &jwks, err);
    gw_json_ref ref = gw_json_first(&doc, list);
    for (; code == AIGW_OK && ref != GW_JSON_ABSENT; ref = gw_json_next(&doc, ref)) {
        reading r = {arena, &doc, ref, false};
        bool known = false;
        if (gw_json_typeof(&doc, ref) != GW_JSON_OBJECT)
            code = gw_json_fail(err, &doc, ref, AIGW_E_PARSE, "not_a_jwks", "a key is an object");
        else
            code = read_key(&r, &jwks->keys[jwks->count], &known, err);
        jwks->count += known;
    }
    if (code != AIGW_OK) {
        aigw_jwks_free(jwks);
        return code;
    }
    *out = jwks;
    return AIGW_OK;
}

int aigw_jwks_parse(aigw_slice json, aigw_jwks **out, aigw_error *err)
{
    if (!out)
        return gw_fail(err, AIGW_E_INVALID, "invalid_argument", "no place for the key set");
    if (json.len > MAX_SET_BYTES)
        return gw_fail(err, AIGW_E_LIMIT, "jwks_too_large", "a key set has at most %d bytes",
                       MAX_SET_BYTES);
    gw_arena *arena = gw_arena_new(MAX_ARENA_BYTES);
    if (!arena)
        return gw_fail_nomem(err);
    int code = read_set(arena, json, out, err);
    if (code == AIGW_OK)
        gw_sha256(json, (*out)->digest);
    gw_arena_free(arena);
    return code;
}

int gw_jwks_from_pem(aigw_slice pem, aigw_slice kid, aigw_jwks **out, aigw_error *err)
{
    aigw_jwks *jwks = NULL;
    if (kid.len > GW_MAX_KID_BYTES || (kid.len && memchr(kid.data, '\0', kid.len)))
        return gw_fail(err, AIGW_E_INVALID, "bad_key_id",
                       "a key id has at most %d bytes and no NUL", GW_MAX_KID_BYTES);
    int code = new_set(1, &jwks, err);
    if (code != AIGW_OK)
        return code;
    gw_jwk *key = &jwks->keys[0];
    key->kid = gw_strdup(kid);
    key->key = key->kid ? gw_jwa_pem_key(pem) : NULL;
    jwks->count = 1;
    prepare_all(key);
    if (!key->kid)
        code = gw_fail_nomem(err);
    else if (!key->key)
        code = gw_fail(err, AIGW_E_PARSE, "bad_key",
                       "not an unencrypted RSA key of 2048 to 8192 bits");
    if (code != AIGW_OK) {
        aigw_jwks_free(jwks);
        return code;
    }
    *out = jwks;
    return AIGW_OK;
}

size_t aigw_jwks_count(const aigw_jwks *jwks)
{
    return jwks ? jwks->count : 0;
}

static bool has_kid(const gw_jwk *key, aigw_slice kid)
{
    return gw_eq(gw_slice(key->kid, strlen(key->kid)), kid);
}

const gw_jwk *gw_jwks_find(const aigw_jwks *jwks, aigw_slice kid)
{
    const gw_jwk *found = NULL;
    if (!jwks)
        return NULL;
    if (kid.len == 0)
        return jwks->count == 1 ? &jwks->keys[0] : NULL;
    for (size_t i = 0; i < jwks->count && !(found && found->key); i++) {
        const gw_jwk *key = &jwks->keys[i];
        if (has_kid(key, kid) && (!found || key->key))
            found = key;
    }
    return found;
}

const gw_jwk *gw_jwks_next_fit(const aigw_jwks *jwks, aigw_slice kid, int alg, size_t *at)
{
    while (jwks && *at < jwks->count) {
        const gw_jwk *key = &jwks->keys[(*at)++];
        if (key->verify[alg] && (kid.len == 0 || has_kid(key, kid)))
            return key;
    }
    return NULL;
}

uint64_t gw_jwks_generation(const aigw_jwks *jwks)
{
    return jwks->generation;
}

bool gw_jwks_same(const aigw_jwks *a, const aigw_jwks *b)
{
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

aigw_jwks *gw_jwks_ref(const aigw_jwks *jwks)
{
    /* The count is the one part of a set that changes. */
    aigw_jwks *own = (aigw_jwks *)(uintptr_t)jwks;
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void aigw_jwks_free(aigw_jwks *jwks)
{
    if (!jwks || atomic_fetch_sub_explicit(&jwks->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < jwks->count; i++) {
        gw_free(jwks->keys[i].kid);
        for (int a = 0; a < GW_JWA_COUNT; a++)
            gw_jwa_prepared_free(jwks->keys[i].verify[a]);
        gw_jwa_key_free(jwks->keys[i].key);
    }
    gw_free(jwks);
}
