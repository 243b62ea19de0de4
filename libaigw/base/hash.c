/* SipHash over words, and over texts with a key for each table. */
/* Must not know tables. */
#include "base/hash.h"

#include "base/crypto.h"

#include <string.h>

enum { SMALL_TABLE = 512 };

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

void gw_sip_begin(gw_sip *s, const uint64_t key[2])
{
    s->v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
    s->v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
    s->v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
    s->v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

void gw_sip_word(gw_sip *s, uint64_t word)
{
    s->v[3] ^= word;
    sip_round(s->v);
    sip_round(s->v);
    s->v[0] ^= word;
}

uint64_t gw_sip_end(gw_sip *s)
{
    s->v[2] ^= 0xFF;
    for (int i = 0; i < 4; i++)
        sip_round(s->v);
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

void gw_hash_key_for(gw_hash_key *key, size_t slots)
{
    if (slots < SMALL_TABLE || (key->words[0] | key->words[1]) != 0)
        return;
    gw_random(key->words,
              sizeof key->words); /* without randomness no connection would be safe either */
}

uint64_t gw_hash(const gw_hash_key *key, aigw_slice text)
{
    gw_sip sip;
    uint64_t word = 0;
    size_t i = 0;
    gw_sip_begin(&sip, key->words);
    for (; text.len - i >= 8; i += 8) {
        memcpy(&word, text.data + i, 8);
        gw_sip_word(&sip, word);
    }
    word = (uint64_t)text.len << 56;
    for (size_t k = 0; i + k < text.len; k++)
        word |= (uint64_t)(unsigned char)text.data[i + k] << (8 * k);
    gw_sip_word(&sip, word);
    return gw_sip_end(&sip);
}
