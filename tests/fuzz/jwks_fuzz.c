/* Fuzzes the key set parser; a set that parses must be consistent, and verify nothing that is
 * random. */
#include "base/text.h"
#include "gate/jwt.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char token[] = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.AAAA";
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
    aigw_policy policy = {.size = sizeof policy, .leeway_s = -1};
    if (aigw_jwt_verify(jwks, aigw_slice_of(token), &policy, 0, NULL, NULL) == AIGW_OK)
        abort();
    aigw_jwks_free(jwks);
    return 0;
}
