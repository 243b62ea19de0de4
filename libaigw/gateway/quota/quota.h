/*
 * Quotas: limits of requests, tokens and concurrency, taken before and settled after a call.
 *
 * Single, of one exchange; counts are the snapshot's tallies', in memory or in a Redis.
 */
#ifndef GW_GATEWAY_QUOTA_QUOTA_H
#define GW_GATEWAY_QUOTA_QUOTA_H

#include "gate/limit_headers.h"
#include "gateway/quota/tally.h"
#include "gateway/screen/screen.h"

typedef struct gw_config gw_config;
typedef struct gw_live gw_live;

/* What an exchange has asked for and holds. Zeroed: nothing. */
typedef struct gw_quota_held {
    gw_limit_wait wait;
    gw_tally_link *waiting; /* where a take is on its way; NULL: none is */
    aigw_limit_ask address; /* of RateLimitPerIP */
    bool address_refused;
    /* Of rate_limits: in the arena, `count` of each */
    aigw_limit_ask *asks;
    gw_quota_kind *kinds;
    size_t count;
    bool taken;      /* they are held, and not yet settled */
    bool told;       /* the client is to hear of them: they were decided */
    bool refused;    /* by one of them */
    bool unsure;     /* a try ended with its provider perhaps at work: what it used is not known */
    uint8_t key[32]; /* SHA-256 of the credential, if some limit is per key */
    gw_limit_line *lines;
} gw_quota_held;

/* RateLimitPerIP: by the client's address, before a token is looked at. */
gw_next gw_quota_address(aigw_exchange *x);
/* The limits of client, team, key and model, when it is known what will be sent. Of a pass-through: before
 * its body. */
gw_next gw_quota_call(aigw_exchange *x);
/* The exchange is over: tokens are settled from usage, what is held is given back. Once. */
void gw_quota_settle(aigw_exchange *x);
/* Header fields of an answer that is about to be given. */
void gw_quota_headers(aigw_exchange *x);
/* A wait is given up. */
void gw_quota_cancel(aigw_exchange *x);

/* live.c: the tallies of a snapshot, those of the one before where nothing changed. NULL: no limits. */
int gw_quota_tallies(const gw_config *config, gw_tally *const *before, gw_tally **out,
                     aigw_error *err);
/* metrics.c: keys, what was forgotten, and the state of the Redis, in the Prometheus text format. */
void gw_quota_metrics(const gw_live *live, gw_buf *out);

/* -- for the files of this folder -- */

/* who.c: the asks of a call for everything that limits it, without n. False: no memory. */
bool gw_quota_asks(aigw_exchange *x);
/* Remembers whose credential it is, while the headers are there. */
void gw_quota_note_key(aigw_exchange *x);

/* size.c: tokens that a call will use, for one entry that assumes so many to come back. */
int64_t gw_quota_estimate(const aigw_exchange *x, int64_t assume_output_tokens);
/* What the call has used: -1: not known, the reservation stands; 0 to that many more or less. `reserved`:
 * never less than that is said where it broke off. */
int64_t gw_quota_used(const aigw_exchange *x, int64_t reserved);

/* answer.c: the refusal in the client's dialect. */
/* unknown: nobody could tell whether it is over its limit. */
void gw_quota_refuse_address(aigw_exchange *x, int status, bool unknown);
void gw_quota_refuse_call(aigw_exchange *x);

#endif
