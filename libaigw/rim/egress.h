/*
 * Judges the address that a connection is about to go to: gate/egress for whoever has a socket in hand.
 *
 * Immutable once made; shared between threads with the target that holds it. Knows no names: that a host
 * stood in the config as an address is said once, when it is made.
 */
#ifndef GW_RIM_EGRESS_H
#define GW_RIM_EGRESS_H

#include "gate/egress.h"

struct sockaddr;

typedef struct gw_egress {
    bool on; /* false: everything may be connected to */
    gw_net *allowed;
    size_t allowed_count;
} gw_egress;

/*
 * policy NULL: off. `host` is that of the URL (brackets around IPv6). An address or localhost is the
 * operator's word, who wrote it: nothing is judged then, unless `foreign` says that somebody else did.
 */
int gw_egress_init(gw_egress *egress, const gw_egress_policy *policy, aigw_slice host, bool foreign,
                   aigw_error *err);
void gw_egress_clear(gw_egress *egress);

/* GW_EGRESS_PUBLIC: go on, whatever kind it is. Else the kind that is refused. */
gw_egress_kind gw_egress_judge(const gw_egress *egress, const struct sockaddr *to);
gw_egress_kind gw_egress_judge_text(const gw_egress *egress, const char *address);

/* Is the host an address or localhost? */
bool gw_egress_is_literal(aigw_slice host);

#endif
