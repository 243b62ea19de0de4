/*
 * Signing JSON Web Tokens: the one file that uses libjwt, on our own inputs only.
 *
 * libjwt 1.10.2 accepts forged tokens, so it never verifies here: gate/jwt does.
 */
#ifndef GW_GATEWAY_JWT_SIGN_H
#define GW_GATEWAY_JWT_SIGN_H

#include "base/buf.h"
#include <aigw/error.h>
#include <aigw/verify.h>

/*
 * RS256. claims_json is one JSON object; out gets the compact form. Thread-safe. No token leaves
 * that gate/jwt does not verify: AIGW_E_INVALID for claims that are no object, a key that is no RSA
 * private key, or a signature that came out wrong.
 */
int gw_jwt_sign(aigw_slice private_key_pem, aigw_slice key_id, aigw_slice claims_json, gw_buf *out,
                aigw_error *err);
/* The same against a set already parsed, which holds the public key under key_id: faster. The
 * PEM must have passed gw_jwks_from_pem once, since libjwt asks the terminal for the passphrase
 * of a locked key. */
int gw_jwt_sign_for(const aigw_jwks *check, aigw_slice private_key_pem, aigw_slice key_id,
                    aigw_slice claims_json, gw_buf *out, aigw_error *err);

#endif
