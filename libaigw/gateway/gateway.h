/* What all loops of a gateway share: the current snapshot and the state that outlives snapshots. */
#ifndef GW_GATEWAY_GATEWAY_H
#define GW_GATEWAY_GATEWAY_H

#include "base/log.h"
#include "gateway/config.h"
#include "ledger/metrics.h"
#include <aigw/gateway.h>

/* A snapshot with the running parts that belong to it. Reference-counted, immutable but for them. */
typedef struct gw_live {
    int refs; /* atomic */
    gw_config *config;
    gw_gate gate;
    gw_keys **keys;       /* by issuer index; NULL for none */
    aigw_issuer *issuer;  /* NULL when off */
    aigw_slice models_openai, models_anthropic; /* bodies of GET /v1/models, made once */
} gw_live;

gw_live *gw_gateway_live(aigw_gateway *gw); /* referenced: gw_live_free */
void gw_live_free(gw_live *live);
const gw_clock *gw_gateway_clock(const aigw_gateway *gw);
const gw_log *gw_gateway_log(const aigw_gateway *gw);
gw_metrics *gw_gateway_metrics(aigw_gateway *gw);

#endif
