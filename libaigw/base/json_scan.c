/* The inner loop of reading JSON strings: in blocks of 32 or 16 bytes where the processor has them. */
/* Must not know what a string is for; tells where it stops being plain. */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

const bool gw_json_short_escape[256] = {
    ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
    ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true,
};

#if defined(__SSE2__)
/*
 * Looks at the special bytes of a block, lowest first: passes escapes of two bytes, stops at anything
 * else. Starting over behind each escape would cost more than the bytes between, as prompts hold one
 * every few words. Returns how many bytes were passed, and *stopped.
 */
static inline unsigned pass_block(const char *p, uint32_t special, uint32_t slashes, unsigned width,
                                  bool *escaped, bool *stopped)
{
    unsigned taken = width;
    while (special != 0) {
        unsigned i = (unsigned)__builtin_ctz(special);
        if (!(slashes >> i & 1) || !gw_json_short_escape[(unsigned char)p[i + 1]]) {
            *stopped = true;
            return i;
        }
        *escaped = true;
        special &= ~((uint32_t)3 << i);
        taken = i == width - 1 ? width + 1 : width;
    }
    return taken;
}

/* gw_json_scan for whole blocks. The comparison is signed: bytes from 0x80 are below 0x20 as well. */
static const char *scan_16(const char *p, const char *end, bool *escaped, bool *stopped)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    while (end - p > 16 && !*stopped) { /* one more, for an escape that begins in the last byte */
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i slashes = _mm_cmpeq_epi8(v, slash);
        __m128i hit =
            _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_or_si128(_mm_cmpeq_epi8(v, quote), slashes));
        p += pass_block(p, (uint32_t)_mm_movemask_epi8(hit), (uint32_t)_mm_movemask_epi8(slashes),
                        16, escaped, stopped);
    }
    return p;
}

/* Which bytes may stand behind a backslash in an escape of two: a table look-up by each half of the byte. */
__attribute__((target("avx2"))) static inline uint32_t second_bytes(__m256i v)
{
    /* One bit for each upper half in use (2x, 5x, 6x, 7x), set at the lower halves that go with it. */
    const __m256i upper = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, /**/
                                           0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i lower = _mm256_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1, /**/
                                           0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
    const __m256i half = _mm256_set1_epi8(15);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);
    __m256i both = _mm256_and_si256(_mm256_shuffle_epi8(upper, high),
                                    _mm256_shuffle_epi8(lower, _mm256_and_si256(v, half)));
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

/* Without a branch for each escape: those of a prompt come where no processor can foresee them. */
__attribute__((target("avx2"))) static const char *scan_32(const char *p, const char *end,
                                                           bool *escaped, bool *stopped)
{
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\');
    const __m256i space = _mm256_set1_epi8(0x20);
    while (end - p > 32) { /* one more, for an escape that begins in the last byte */
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
        uint32_t slashes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, slash));
        uint32_t quotes = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, quote));
        uint32_t others = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi8(space, v));
        uint32_t behind = slashes << 1;
        if ((slashes & behind) != 0) { /* a backslash behind a backslash: one by one */
            p += pass_block(p, slashes | quotes | others, slashes, 32, escaped, stopped);
            if (*stopped)
                return p;
            continue;
        }
        uint32_t stop = (quotes & ~behind) | others | (behind & ~second_bytes(v));
        bool last = slashes >> 31 != 0;
        if (stop != 0 || (last && !gw_json_short_escape[(unsigned char)p[32]])) {
            unsigned i = stop != 0 ? (unsigned)__builtin_ctz(stop) : 31;
            if (behind >> i & 1)
                i--; /* the escape begins with its backslash */
            *escaped = *escaped || (slashes & (((uint32_t)1 << i) - 1)) != 0;
            *stopped = true;
            return p + i;
        }
        *escaped = *escaped || slashes != 0;
        p += last ? 33 : 32;
    }
    return p;
}

static inline const char *scan_blocks(const char *p, const char *end, bool *escaped)
{
    bool stopped = false;
    if (end - p > 256 && __builtin_cpu_supports("avx2"))
        p = scan_32(p, end, escaped, &stopped);
    return scan_16(p, end, escaped, &stopped);
}
#endif

const char *gw_json_scan(const char *p, const char *end, bool *escaped)
{
#if defined(__SSE2__)
    p = scan_blocks(p, end, escaped);
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    while (end - p >= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        uint64_t q = v ^ ones * '"', s = v ^ ones * '\\';
        if (((v | (v - ones * 0x20) | (q - ones) | (s - ones)) & high) != 0)
            break;
        p += 8;
    }
#endif
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"') {
        if (*p == '\\') {
            if (end - p < 2 || !gw_json_short_escape[(unsigned char)p[1]])
                break;
            *escaped = true;
            p++;
        }
        p++;
    }
    return p;
}
