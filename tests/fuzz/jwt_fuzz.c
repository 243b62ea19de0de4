/*
 * Fuzzes the token check and the raw layer against fixed keys of every type: no input may pass, save
 * the tokens that they signed (RFC 7515 appendix A.2 to A.4, RFC 8037 appendix A.4). What stands behind
 * the signature is reached by reading the input as claims, and by packing claims that rules name.
 */
#include "base/text.h"
#include "gate/jwt.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_set[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"
    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGz"
    "jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3"
    "qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp"
    "oQ\",\"e\":\"AQAB\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
    "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOn"
    "YG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3"
    "S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ."
static const char *const signed_texts[] = {
    "eyJhbGciOiJSUzI1NiJ9." JOE, "eyJhbGciOiJFUzI1NiJ9." JOE, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.",
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."};
static const aigw_slice algorithms[] = {{"RS256", 5}, {"RS384", 5}, {"RS512", 5}, {"PS256", 5},
                                        {"PS384", 5}, {"PS512", 5}, {"ES256", 5}, {"ES384", 5},
                                        {"ES512", 5}, {"EdDSA", 5}};

static bool is_signed(aigw_slice token)
{
    bool found = false;
    for (size_t i = 0; i < 4; i++)
        found = found || gw_starts(token, aigw_slice_of(signed_texts[i]));
    return found;
}

/* A claim's pack must say of any rule the same again, and hold only what its token has. */
static void check_extra(gw_arena *arena, aigw_slice payload)
{
    static const aigw_slice values[] = {{"a", 1}, {"", 0}, {"b c", 3}};
    aigw_claim_rule rules[4];
    gw_json_doc doc;
    aigw_slice extra;
    if (gw_json_parse(arena, payload, NULL, &doc, NULL) != AIGW_OK || payload.len > 16384 ||
        gw_json_typeof(&doc, 0) != GW_JSON_OBJECT)
        return;
    gw_json_ref last = gw_json_first(&doc, 0);
    aigw_slice name = last == GW_JSON_ABSENT ? aigw_slice_of("x")
                                             : gw_json_unescape(arena, gw_json_inner(&doc, last));
    for (int i = 0; i < 4; i++)
        rules[i] = (aigw_claim_rule){i == 3 ? aigw_slice_of("scope") : name, (aigw_claim_format)i,
                                     values, 3};
    if (!name.data || !gw_jwt_extra_read(arena, &doc, rules, 4, &extra))
        return;
    if (!gw_jwt_extra_covers(extra, rules, 4))
        abort();
    bool any = gw_jwt_extra_meets(extra, &rules[0]);
    if (!any && (gw_jwt_extra_meets(extra, &rules[1]) || gw_jwt_extra_meets(extra, &rules[2])))
        abort();
    (void)gw_jwt_extra_meets(extra, &rules[3]);
}

static void check_facts(const gw_jwt_facts *facts)
{
    /* 2^53 and a leeway away from any overflow; words only where words are promised. */
    if (facts->expires_unix_s > INT64_C(1) << 53 || facts->not_before_unix_s > INT64_C(1) << 53 ||
        facts->has_expiry != (facts->expires_unix_s >= 0))
        abort();
    if (!facts->issuer.data || !facts->subject.data || !facts->team.data || !facts->scope.data ||
        !facts->audience.data)
        abort();
    static const aigw_slice words[] = {{"", 0}, {" ", 1}};
    aigw_policy policy = {.size = sizeof policy, .leeway_s = 300};
    policy.scopes = words;
    policy.scope_count = 2;
    if (gw_jwt_check_claims(facts, &policy, 0, NULL) == AIGW_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static aigw_jwks *jwks;
    aigw_slice input = gw_slice((const char *)data, size);
    gw_jwt_facts facts = {.key_id = ""};
    aigw_error err;
    if (!jwks && aigw_jwks_parse(aigw_slice_of(key_set), &jwks, NULL) != AIGW_OK)
        abort();
    gw_arena *arena = gw_arena_new(4 * 1024 * 1024);
    if (!arena)
        return 0;
    aigw_policy policy = {.size = sizeof policy, .max_token_bytes = 16384};
    policy.algorithms = algorithms;
    policy.algorithm_count = sizeof algorithms / sizeof algorithms[0];
    int code = gw_jwt_check_token(jwks, input, &policy, arena, &facts, &err);
    if (code == AIGW_OK && !is_signed(input))
        abort();
    if (code != AIGW_OK && (code != AIGW_E_DENIED || err.reason[0] == '\0'))
        abort();
    aigw_slice payload = {NULL, 0};
    int raw = aigw_jws_verify(jwks, input, algorithms, policy.algorithm_count, &payload, &err);
    if (raw == AIGW_OK && !is_signed(input))
        abort();
    if (code == AIGW_OK && raw != AIGW_OK) /* the raw layer is a part of the whole */
        abort();
    if (raw != AIGW_OK && (raw != AIGW_E_DENIED || err.reason[0] == '\0'))
        abort();
    aigw_bytes_free(payload);
    check_extra(arena, input);
    (void)gw_jwt_peek_issuer(arena, input);
    if (gw_jwt_read_claims(arena, input, &facts, &err) == AIGW_OK)
        check_facts(&facts);
    gw_arena_free(arena);
    return 0;
}
