/*
 * Hashing of texts that strangers choose, for tables of ours: SipHash-2-4 with a key that nobody outside knows.
 *
 * Knows nothing of what the texts mean.
 */
#ifndef GW_BASE_HASH_H
#define GW_BASE_HASH_H

#include <aigw/types.h>

/* Aumasson and Bernstein, SipHash, 2012: 8 bytes at a time, little-endian, the length in the last one. */
typedef struct gw_sip {
    uint64_t v[4];
} gw_sip;

void gw_sip_begin(gw_sip *s, const uint64_t key[2]);
void gw_sip_word(gw_sip *s, uint64_t word);
uint64_t gw_sip_end(gw_sip *s);

typedef struct gw_hash_key {
    uint64_t words[2];
} gw_hash_key;

/* The key of a table with so many slots. Small tables have none: no choice of texts makes them slow, and a
 * random number costs a system call. Asked again whenever the table grows. */
void gw_hash_key_for(gw_hash_key *key, size_t slots);
uint64_t gw_hash(const gw_hash_key *key, aigw_slice text);

#endif
