/* Digests, strict base64url, randomness, constant-time comparison, secrets. The crypto library's door. */
#ifndef GW_BASE_CRYPTO_H
#define GW_BASE_CRYPTO_H

#include "base/buf.h"

#define GW_SHA256_BYTES 32

void gw_sha256(aigw_slice data, uint8_t out[GW_SHA256_BYTES]);
/* RFC 2104 with SHA-256. What it makes of the key on its way is wiped. `out` may be the key's own bytes. */
void gw_hmac_sha256(aigw_slice key, aigw_slice data, uint8_t out[GW_SHA256_BYTES]);
/* False only if the system's generator fails. */
bool gw_random(void *out, size_t len);
/* len/2 random bytes in hex, no NUL; len is even. */
bool gw_random_hex(char *out, size_t len);

/* Random bytes drawn ahead, zeroed at first: for names such as request ids, of which there are many. Not
 * for secrets: a copy of the process has the same ones. */
typedef struct gw_random_pool {
    uint8_t bytes[512];
    size_t left;
} gw_random_pool;

/* As gw_random_hex. */
bool gw_random_pool_hex(gw_random_pool *pool, char *out, size_t len);

bool gw_equal_ct(const void *a, const void *b, size_t len);
void gw_wipe(void *ptr, size_t len);

/* RFC 4648 clause 5, no padding, canonical trailing bits. Returns bytes written, or -1. `out` holds
 * len/4*3+3 bytes. */
ptrdiff_t gw_base64url_decode(aigw_slice text, uint8_t *out);
bool gw_base64url_encode(gw_buf *out, const void *data, size_t len);
/* RFC 4648 clause 4 with padding, strict; same contract. */
ptrdiff_t gw_base64_decode(aigw_slice text, uint8_t *out);
bool gw_base64_encode(gw_buf *out, const void *data, size_t len);

/* A secret: wiped when freed, never printed. */
typedef struct gw_secret {
    char *data; /* NUL-terminated; NULL when unset */
    size_t len;
} gw_secret;

bool gw_secret_set(gw_secret *secret, aigw_slice value);
void gw_secret_free(gw_secret *secret);

#endif
