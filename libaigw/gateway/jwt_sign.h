/*
 * Signing JSON Web Tokens: the one file that uses libjwt, on our own inputs only.
 *
 * libjwt 1.10.2 accepts forged tokens, so it never verifies here: gate/jwt does.
 */
#ifndef GW_GATEWAY_JWT_SIGN_H
#define GW_GATEWAY_JWT_SIGN_H

#include "base/buf.h"
#include <aigw/error.h>

/* RS256. claims_json is one JSON object; out gets the compact form. Thread-safe. */
int gw_jwt_sign(aigw_slice private_key_pem, aigw_slice key_id, aigw_slice claims_json, gw_buf *out,
                aigw_error *err);

#endif
