/* Reading what a token endpoint answered (RFC 6749 clause 5.1). Knows nothing of how it came. */
#ifndef GW_RIM_TOKEN_ANSWER_H
#define GW_RIM_TOKEN_ANSWER_H

#include "base/crypto.h"
#include <aigw/error.h>

#define GW_TOKEN_MAX_ANSWER_BYTES (64 * 1024)

/*
 * Strict JSON with a non-empty access_token without control characters: *token is the caller's.
 * *life_s is expires_in (a number, or digits in a string), else what is left until the exp claim of a
 * token that is a JWT, else 0. AIGW_E_PARSE otherwise.
 */
int gw_token_answer_parse(aigw_slice body, int64_t now_unix_s, gw_secret *token, int64_t *life_s,
                          aigw_error *err);

#endif
