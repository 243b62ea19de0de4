/* Digests, strict base64, randomness, constant-time comparison, secrets: the crypto library's door. */
/* Must not know tokens or protocols. */
/* The one-pass SHA-256 calls cannot fail and look nothing up; their EVP successors can. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/crypto.h"

#include "base/mem.h"
#include "base/text.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

void gw_sha256(aigw_slice data, uint8_t out[GW_SHA256_BYTES])
{
    SHA256_CTX state;
    SHA256_Init(&state);
    if (data.len > 0)
        SHA256_Update(&state, data.data, data.len);
    SHA256_Final(out, &state);
}

void gw_hmac_sha256(aigw_slice key, aigw_slice data, uint8_t out[GW_SHA256_BYTES])
{
    enum { BLOCK = 64, INNER = 0x36, OUTER = 0x5c };
    uint8_t pad[BLOCK] = {0}, digest[GW_SHA256_BYTES];
    SHA256_CTX state;
    if (key.len > BLOCK)
        gw_sha256(key, pad);
    else if (key.len > 0)
        memcpy(pad, key.data, key.len);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= INNER;
    SHA256_Init(&state);
    SHA256_Update(&state, pad, BLOCK);
    if (data.len > 0)
        SHA256_Update(&state, data.data, data.len);
    SHA256_Final(digest, &state);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= INNER ^ OUTER;
    SHA256_Init(&state);
    SHA256_Update(&state, pad, BLOCK);
    SHA256_Update(&state, digest, sizeof digest);
    SHA256_Final(out, &state);
    gw_wipe(pad, sizeof pad);
    gw_wipe(digest, sizeof digest);
    gw_wipe(&state, sizeof state);
}

bool gw_random(void *out, size_t len)
{
    return len <= INT_MAX && RAND_bytes(out, (int)len) == 1;
}

/* The bytes at the start of `out` become twice as many digits. */
static void spread_hex(char *out, size_t bytes)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = bytes; i-- > 0;) { /* from the end: in place */
        unsigned char c = (unsigned char)out[i];
        out[2 * i + 1] = hex[c & 15];
        out[2 * i] = hex[c >> 4];
    }
}

bool gw_random_hex(char *out, size_t len)
{
    if (!gw_random(out, len / 2))
        return false;
    spread_hex(out, len / 2);
    return true;
}

bool gw_random_pool_hex(gw_random_pool *pool, char *out, size_t len)
{
    size_t bytes = len / 2;
    if (bytes > sizeof pool->bytes)
        return gw_random_hex(out, len);
    if (pool->left < bytes) {
        if (!gw_random(pool->bytes, sizeof pool->bytes))
            return false;
        pool->left = sizeof pool->bytes;
    }
    pool->left -= bytes;
    memcpy(out, pool->bytes + pool->left, bytes);
    spread_hex(out, bytes);
    return true;
}

bool gw_equal_ct(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

void gw_wipe(void *ptr, size_t len)
{
    if (ptr != NULL)
        OPENSSL_cleanse(ptr, len);
}

/* The value of a digit of either alphabet; `plus` and `slash` are its last two. -1 if it is none. */
static int digit_value(char c, char plus, char slash)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == plus)
        return 62;
    return c == slash ? 63 : -1;
}

/* Digits without padding. The unused bits of a last, partial group must be zero. */
static ptrdiff_t decode_digits(aigw_slice text, const char last[2], uint8_t *out)
{
    size_t tail = text.len % 4;
    if (tail == 1)
        return -1;
    uint8_t *to = out;
    uint32_t group = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.data[i], last[0], last[1]);
        if (value < 0)
            return -1;
        group = group << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            *to++ = (uint8_t)(group >> 16);
            *to++ = (uint8_t)(group >> 8);
            *to++ = (uint8_t)group;
            group = 0;
        }
    }
    if (tail == 2) {
        if (group & 0xF)
            return -1;
        *to++ = (uint8_t)(group >> 4);
    } else if (tail == 3) {
        if (group & 0x3)
            return -1;
        *to++ = (uint8_t)(group >> 10);
        *to++ = (uint8_t)(group >> 2);
    }
    return to - out;
}

ptrdiff_t gw_base64url_decode(aigw_slice text, uint8_t *out)
{
    return decode_digits(text, "-_", out);
}

ptrdiff_t gw_base64_decode(aigw_slice text, uint8_t *out)
{
    if (text.len % 4 != 0)
        return -1;
    for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++)
        text.len--;
    return decode_digits(text, "+/", out);
}

static bool encode_digits(gw_buf *out, const char *last_two, bool padded, const void *data,
                          size_t len)
{
    static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char digits[64];
    const uint8_t *from = data;
    if (len > SIZE_MAX / 2) {
        out->failed = true;
        return false;
    }
    memcpy(digits, common, 62);
    memcpy(digits + 62, last_two, 2);
    size_t rest = len % 3, size = len / 3 * 4 + (rest ? (padded ? 4 : rest + 1) : 0);
    char *to = gw_buf_reserve(out, size);
    if (to == NULL)
        return false;
    for (; len >= 3; len -= 3, from += 3) {
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3) << 4 | from[1] >> 4];
        *to++ = digits[(from[1] & 15) << 2 | from[2] >> 6];
        *to++ = digits[from[2] & 63];
    }
    if (rest) {
        uint8_t second = rest == 2 ? from[1] : 0;
        *to++ = digits[from[0] >> 2];
        *to++ = digits[(from[0] & 3) << 4 | second >> 4];
        if (rest == 2)
            *to++ = digits[(second & 15) << 2];
        for (size_t i = rest; padded && i < 3; i++)
            *to++ = '=';
    }
    gw_buf_grew(out, size);
    return true;
}

bool gw_base64url_encode(gw_buf *out, const void *data, size_t len)
{
    return encode_digits(out, "-_", false, data, len);
}

bool gw_base64_encode(gw_buf *out, const void *data, size_t len)
{
    return encode_digits(out, "+/", true, data, len);
}

bool gw_secret_set(gw_secret *secret, aigw_slice value)
{
    char *copy = gw_strdup(value);
    if (copy == NULL)
        return false;
    gw_secret_free(secret);
    secret->data = copy;
    secret->len = value.len;
    return true;
}

void gw_secret_free(gw_secret *secret)
{
    if (secret->data != NULL)
        gw_wipe(secret->data, secret->len);
    gw_free(secret->data);
    *secret = (gw_secret){NULL, 0};
}
