/* What a server asks the gateway: its settings, whether it may listen somewhere, who may connect.
 * Knows the current snapshot and no socket. */
#include "gateway/gateway.h"

#include <aigw/server.h>

int aigw_gateway_server_options(const aigw_gateway *gw, aigw_server_options *out, aigw_error *err)
{
    (void)err;
    /* The gateway is shared: taking a reference changes nothing that a caller could see. */
    gw_live *live = gw_gateway_live((aigw_gateway *)(uintptr_t)gw, NULL);
    *out = live->config->server;
    gw_live_free(live);
    return AIGW_OK;
}

int aigw_gateway_check_listen(aigw_gateway *gw, const char *listen, bool tls, aigw_error *err)
{
    gw_live *live = gw_gateway_live(gw, NULL);
    int code = gw_config_check_listen(live->config, listen, tls, err);
    gw_live_free(live);
    return code;
}

bool aigw_gateway_admits_peer(aigw_gateway *gw, aigw_slice address)
{
    gw_live *live = gw_gateway_live(gw, NULL);
    bool admitted = gw_config_admits(live->config, address);
    gw_live_free(live);
    return admitted;
}

bool aigw_gateway_trusts_peer(aigw_gateway *gw, aigw_slice address)
{
    gw_live *live = gw_gateway_live(gw, NULL);
    bool trusted = gw_config_trusts(live->config, address);
    gw_live_free(live);
    return trusted;
}
