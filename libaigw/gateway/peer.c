/* Decides whose request it is: the TCP peer, whom its PROXY header names, or whom a forwarding header does.
 * Must not know what the address is used for. */
#include "gateway/peer.h"

#include "base/text.h"

bool gw_peer_client(const gw_config *config, const aigw_request *request, gw_client_address *out)
{
    gw_ip ip;
    if (!gw_ip_parse(request->peer, &ip))
        return false;
    /* Asked for each request, since a reload may have taken the trust away. */
    if (request->proxied.len && gw_config_trusts(config, request->peer)) {
        gw_ip named;
        if (gw_ip_parse(request->proxied, &named))
            ip = named;
    }
    gw_client_address_of(&config->client_address, &ip, request->headers, request->header_count,
                         out);
    return true;
}
