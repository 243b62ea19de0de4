/*
 * Fuzzes the token check against a fixed key set: no input may pass, save the token that the key
 * signed (RFC 7515 appendix A.2). What stands behind the signature is reached by reading the input
 * as claims.
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
    "oQ\",\"e\":\"AQAB\"}]}";
static const char signed_text[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ.";

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
    int code = gw_jwt_check_signature(jwks, input, 16384, arena, &facts, &err);
    if (code == AIGW_OK && !gw_starts(input, aigw_slice_of(signed_text)))
        abort();
    if (code != AIGW_OK && (code != AIGW_E_DENIED || err.reason[0] == '\0'))
        abort();
    (void)gw_jwt_peek_issuer(arena, input);
    if (gw_jwt_read_claims(arena, input, &facts, &err) == AIGW_OK)
        check_facts(&facts);
    gw_arena_free(arena);
    return 0;
}
