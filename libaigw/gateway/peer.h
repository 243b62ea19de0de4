/*
 * Whose request is it? The address of the TCP peer or, behind a trusted proxy, the one that it names.
 *
 * Pure: texts in, text out.
 */
#ifndef GW_GATEWAY_PEER_H
#define GW_GATEWAY_PEER_H

#include <aigw/types.h>

/* Does the address lie in one of the networks (CIDR texts)? False for what is no address. */
bool gw_peer_in(aigw_slice address, const aigw_slice *networks, size_t count);

/*
 * The peer, unless it is a trusted proxy: then the last address of X-Forwarded-For that is none. A
 * list that ends in something else than an address is not believed: the peer. Borrowed from either.
 */
aigw_slice gw_peer_of(aigw_slice peer, const aigw_header *headers, size_t header_count,
                      const aigw_slice *networks, size_t network_count);

#endif
