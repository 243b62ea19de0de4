/* Token sources with a private key: rim/token, which may not sign, and jwt_sign put together. */
#ifndef GW_GATEWAY_TOKEN_SOURCE_H
#define GW_GATEWAY_TOKEN_SOURCE_H

#include "rim/token.h"

/* gw_token_source_new; for AIGW_TOKEN_PRIVATE_KEY_JWT and _JWT_BEARER the sign members are filled in from the key, which
 * is copied. AIGW_E_INVALID (bad_key): not an unencrypted RSA private key. */
int gw_token_source_with_key(gw_token_options *options, aigw_slice pem, const char *key_id,
                             aigw_token_source **out, aigw_error *err);

#endif
