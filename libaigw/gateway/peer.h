/*
 * Whose request is it? The TCP peer or, behind a trusted proxy, whom its PROXY header names; and if that is
 * a trusted proxy again, whom it names in a forwarding header.
 *
 * Pure: texts in, an address out.
 */
#ifndef GW_GATEWAY_PEER_H
#define GW_GATEWAY_PEER_H

#include "gateway/config/config.h"

/* False: an embedder that named no peer, or none that is an address. */
bool gw_peer_client(const gw_config *config, const aigw_request *request, gw_client_address *out);

#endif
