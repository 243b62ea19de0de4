/*
 * From the document's guardrails to those of the snapshot: what the files guard*.c of the config share.
 *
 * After the upstreams. Knows no exchange.
 */
#ifndef GW_GATEWAY_CONFIG_GUARD_BUILD_H
#define GW_GATEWAY_CONFIG_GUARD_BUILD_H

#include "gateway/config/build.h"
#include "gateway/config/raw_guard.h"

/* guard_remote.c: whom a guardrail asks; nobody is fine. */
int gw_cfg_make_guard_remote(gw_cfg_build *b, const gw_cfg_guardrail *raw, gw_guardrail *out);

#endif
