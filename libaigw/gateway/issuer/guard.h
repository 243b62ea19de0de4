/*
 * Against guessing secrets: failures counted by client and by address, and a bound on slow hashes.
 *
 * Shared: any thread. A table of fixed size; keys go in hashed with a random key, so that nobody can
 * choose whom to push out.
 */
#ifndef GW_GATEWAY_ISSUER_GUARD_H
#define GW_GATEWAY_ISSUER_GUARD_H

#include "base/time.h"

#define GW_GUARD_WINDOW_MS  60000
#define GW_GUARD_BLOCK_MS   60000
#define GW_GUARD_PER_CLIENT 10
#define GW_GUARD_IP_FACTOR  5 /* an address may fail so many times as often as a client */
#define GW_GUARD_SLOW_BURST 20
#define GW_GUARD_SLOW_PER_S 10

typedef struct gw_guard gw_guard;

/* max_failures: of a client in a minute. NULL without memory or randomness. */
gw_guard *gw_guard_new(int max_failures);
gw_guard *gw_guard_ref(gw_guard *guard);
void gw_guard_free(gw_guard *guard);
int gw_guard_max_failures(const gw_guard *guard);

/*
 * 0: go on; else the seconds to wait. `peer` may be "" (unknown: counts for nobody). While a client is
 * blocked, an address where it was right before, and which has not failed lately, may still try: a
 * stranger cannot lock a team out.
 */
int64_t gw_guard_wait_s(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms);
void gw_guard_failed(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms);
void gw_guard_passed(gw_guard *guard, aigw_slice client, aigw_slice peer, int64_t now_ms);
/* May a slow hash run now? It costs tens of milliseconds of a thread that others wait for. */
bool gw_guard_slow(gw_guard *guard, int64_t now_ms);

#endif
