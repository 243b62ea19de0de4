/* Fuzzes the key set parser; a set that parses must be consistent, and verify nothing that is
 * random. */
#include "base/text.h"
#include "gate/jwt.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* One for each algorithm, with a signature of the right size where that is fixed. */
    static const char *const tokens[] = {
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.AAAA", "eyJhbGciOiJQUzUxMiJ9.eyJpc3MiOiJhIn0.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0."
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAA",
        "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhIn0."
        "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
        "MDAwMDAwMDAwMDAwMDAwMDAwMA"};
    static const aigw_slice algorithms[] = {{"RS256", 5}, {"PS512", 5}, {"ES256", 5}, {"EdDSA", 5}};
    aigw_jwks *jwks = NULL;
    aigw_error err;
    int code = aigw_jwks_parse(gw_slice((const char *)data, size), &jwks, &err);
    if (code != AIGW_OK) {
        if (jwks || err.code != code || err.reason[0] == '\0')
            abort();
        return 0;
    }
    if (aigw_jwks_count(jwks) > 64 || gw_jwks_generation(jwks) == 0)
        abort();
    const gw_jwk *key = gw_jwks_find(jwks, GW_S("k"));
    if (key && strcmp(key->kid, "k") != 0)
        abort();
    aigw_policy policy = {
        .size = sizeof policy, .leeway_s = -1, .algorithms = algorithms, .algorithm_count = 4};
    for (size_t i = 0; i < 4; i++) {
        aigw_slice token = aigw_slice_of(tokens[i]), payload;
        if (aigw_jwt_verify(jwks, token, &policy, 0, NULL, NULL) == AIGW_OK ||
            aigw_jws_verify(jwks, token, algorithms, 4, &payload, NULL) == AIGW_OK)
            abort();
    }
    aigw_jwks_free(jwks);
    return 0;
}
