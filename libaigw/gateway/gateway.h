/* What all loops of a gateway share: the current snapshot and the state that outlives snapshots. */
#ifndef GW_GATEWAY_GATEWAY_H
#define GW_GATEWAY_GATEWAY_H

#include "base/log.h"
#include "gateway/config/config.h"
#include "gateway/screen/live.h"
#include "gateway/quota/tally.h"
#include "gateway/sources.h"
#include "ledger/metrics.h"
#include "ledger/waf.h"
#include <aigw/gateway.h>

/* A key set that several snapshots may own. */
typedef struct gw_shared_keys {
    int refs; /* atomic */
    gw_keys *keys;
} gw_shared_keys;

/* A snapshot with the running parts that belong to it. Reference-counted, immutable but for them. */
typedef struct gw_live {
    int refs; /* atomic */
    gw_config *config;
    gw_gate gate;
    gw_gate_issuer *gate_issuers;
    gw_gate admin_gate; /* of the admin API: always on, and only for the admin scope */
    gw_gate_issuer *admin_issuers;
    gw_log log;                 /* the gateway's sink at this snapshot's level */
    gw_keys **keys;             /* by issuer index */
    gw_shared_keys **shared;    /* the owners of keys[], by the same index */
    aigw_issuer *issuer;        /* NULL when off */
    aigw_token_source **tokens; /* by upstream index; NULL: its credential is no token */
    gw_tally *tallies[GW_TALLIES]; /* where limits are counted; NULL: there are none of the kind */
    gw_screen_live screen;      /* empty: the WAF is off */
    aigw_slice discovery; /* body of GET /.well-known/openid-configuration; "" when off */
} gw_live;

/* What a snapshot is made with besides its document. */
typedef struct gw_live_parts {
    const aigw_host *host;
    const gw_clock *clock;
    const gw_log *log; /* outlives every snapshot */
    gw_jwt_cache *cache;
    const gw_live *previous; /* its issuer and fetched keys go on where the settings are the same */
} gw_live_parts;

int gw_live_new(aigw_slice document, const gw_live_parts *parts, gw_live **out, aigw_error *err);
gw_live *gw_live_ref(gw_live *live);
void gw_live_free(gw_live *live); /* drops one reference; NULL is fine */
/* The present keys of an issuer, referenced (aigw_jwks_free); NULL: none yet. Of the embedded one
 * always the latest, without a fetch. */
aigw_jwks *gw_live_key_set(const gw_live *live, size_t issuer);

/* keys_metrics.c: the state of each issuer's key set in the Prometheus text format. */
void gw_keys_metrics(const gw_live *live, gw_buf *out);

/* For those who have the gateway only: its sources of metrics. */
gw_sources *gw_gateway_sources(aigw_gateway *gw);

/* Referenced: gw_live_free. *version (may be NULL) is the one that belongs to it. */
gw_live *gw_gateway_live(aigw_gateway *gw, uint64_t *version);
/* Changes with each reload; cheap enough for every request. */
uint64_t gw_gateway_version(const aigw_gateway *gw);
const gw_clock *gw_gateway_clock(const aigw_gateway *gw);
gw_metrics *gw_gateway_metrics(aigw_gateway *gw);
gw_waf_books *gw_gateway_waf(aigw_gateway *gw); /* goes on over reloads */

#endif
