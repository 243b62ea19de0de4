/*
 * The running part of a snapshot that screens requests: the WAF with its rules, and the lists of addresses.
 *
 * Shared, by all exchanges of the snapshot; a reload keeps what has not changed. All NULL: the WAF is off.
 */
#ifndef GW_GATEWAY_SCREEN_LIVE_H
#define GW_GATEWAY_SCREEN_LIVE_H

#include "gateway/screen/lists.h"

typedef struct gw_screen_rules gw_screen_rules; /* a WAF that several snapshots own */

typedef struct gw_screen_live {
    gw_screen_rules *rules;
    gw_screen_lists *lists; /* NULL: no list has a file */
    const aigw_waf *waf;    /* of the rules */
    aigw_iprep *iprep;      /* of the lists */
} gw_screen_live;

/* old: of the snapshot before, made with `before`; or NULL. On failure nothing is to be closed. */
int gw_screen_live_open(gw_screen_live *live, const gw_config_waf *config,
                        const gw_screen_live *old, const gw_config_waf *before,
                        const gw_clock *clock, const gw_log *log, aigw_error *err);
void gw_screen_live_close(gw_screen_live *live);

#endif
