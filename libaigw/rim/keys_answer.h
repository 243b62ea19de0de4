/* What the answers of an issuer say besides the keys: how long they live, and where they are. Knows nothing
 * of transfers. */
#ifndef GW_RIM_KEYS_ANSWER_H
#define GW_RIM_KEYS_ANSWER_H

#include <aigw/error.h>
#include <aigw/types.h>

#define GW_KEYS_LIFE_MS     (10 * 60 * 1000) /* where the answer does not say */
#define GW_KEYS_LIFE_MIN_MS (60 * 1000)
#define GW_KEYS_LIFE_MAX_MS (24 * 3600 * 1000)

/* Freshness by max-age less Age, no-store or no-cache (RFC 9111), within the bounds above. */
int64_t gw_keys_life_ms(const aigw_header *headers, size_t count);

/*
 * Reads a discovery document (OpenID Connect Discovery 1.0 clause 4.3, RFC 8414 clause 3.3): its issuer
 * must be exactly ours, its jwks_uri https (or http, when http_ok). *out is the caller's: gw_free.
 * AIGW_E_PARSE with reason bad_discovery or wrong_issuer, AIGW_E_NOMEM.
 */
int gw_keys_discovered(aigw_slice json, aigw_slice issuer, bool http_ok, char **out,
                       aigw_error *err);

#endif
