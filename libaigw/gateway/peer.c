/* Reads addresses and networks, and X-Forwarded-For from its end.
 * Must not know what the address is used for. */
#include "gateway/peer.h"
#include "base/ip.h"
#include "base/text.h"

/* The networks of a config have been checked when it was read: one that is none has nobody. */
bool gw_peer_in(aigw_slice address, const aigw_slice *networks, size_t count)
{
    gw_ip ip;
    gw_net net;
    if (!gw_ip_parse(address, &ip))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (gw_net_parse(networks[i], &net, NULL) && gw_net_has(&net, &ip))
            return true;
    }
    return false;
}

/* ---- X-Forwarded-For ---- */

/* The last element of a list, and what stands before it. */
static aigw_slice cut_last(aigw_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->data[at - 1] != ',')
        at--;
    aigw_slice last = gw_trim(gw_skip(*list, at));
    *list = at ? gw_slice(list->data, at - 1) : gw_slice(NULL, 0);
    return last;
}

aigw_slice gw_peer_of(aigw_slice peer, const aigw_header *headers, size_t header_count,
                      const aigw_slice *networks, size_t network_count)
{
    gw_ip ip;
    aigw_slice found = peer;
    if (!gw_peer_in(peer, networks, network_count))
        return peer;
    for (size_t i = header_count; i-- > 0;) {
        if (!gw_eq_nocase(headers[i].name, GW_S("x-forwarded-for")))
            continue;
        aigw_slice list = headers[i].value;
        while (list.data) {
            aigw_slice last = cut_last(&list);
            if (!gw_ip_parse(last, &ip))
                return found;
            found = last;
            if (!gw_peer_in(last, networks, network_count))
                return found;
        }
    }
    return found;
}
