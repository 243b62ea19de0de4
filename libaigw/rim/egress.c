/* Judges socket addresses by a target's rule. */
/* Must not open sockets, resolve names, or know who is refused. */
#include "rim/egress.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <netinet/in.h>

bool gw_egress_is_literal(aigw_slice host)
{
    gw_ip ip;
    bool brackets = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

    return gw_eq_nocase(host, GW_S("localhost")) ||
           gw_ip_parse(brackets ? gw_slice(host.data + 1, host.len - 2) : host, &ip);
}

int gw_egress_init(gw_egress *egress, const gw_egress_policy *policy, aigw_slice host, bool foreign,
                   aigw_error *err)
{
    *egress = (gw_egress){.on = false};
    if (!policy || (!foreign && gw_egress_is_literal(host)))
        return AIGW_OK;
    if (policy->allowed_count > 0) {
        egress->allowed = gw_calloc(policy->allowed_count, sizeof *egress->allowed);
        if (!egress->allowed)
            return gw_fail_nomem(err);
        memcpy(egress->allowed, policy->allowed, policy->allowed_count * sizeof *egress->allowed);
    }
    egress->allowed_count = policy->allowed_count;
    egress->on = true;
    return AIGW_OK;
}

void gw_egress_clear(gw_egress *egress)
{
    gw_free(egress->allowed);
    *egress = (gw_egress){.on = false};
}

static gw_egress_kind judge(const gw_egress *egress, const gw_ip *ip)
{
    return gw_egress_check(ip, egress->allowed, egress->allowed_count, NULL) == AIGW_OK
               ? GW_EGRESS_PUBLIC
               : gw_egress_kind_of(ip);
}

gw_egress_kind gw_egress_judge(const gw_egress *egress, const struct sockaddr *to)
{
    gw_ip ip;

    if (!egress->on)
        return GW_EGRESS_PUBLIC;
    if (to->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, to, sizeof v4);
        ip = gw_ip_v4(ntohl(v4.sin_addr.s_addr));
    } else if (to->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, to, sizeof v6);
        memcpy(ip.b, &v6.sin6_addr, GW_IP_BYTES);
    } else {
        return GW_EGRESS_RESERVED;
    }
    return judge(egress, &ip);
}

gw_egress_kind gw_egress_judge_text(const gw_egress *egress, const char *address)
{
    gw_ip ip;

    if (!egress->on)
        return GW_EGRESS_PUBLIC;
    return gw_ip_parse(aigw_slice_of(address), &ip) ? judge(egress, &ip) : GW_EGRESS_RESERVED;
}
