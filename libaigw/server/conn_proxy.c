/* The PROXY header at the beginning of a connection: for whom a trusted proxy speaks.
 * Takes not a byte behind it; knows nothing of TLS or HTTP. */
#include "server/conn_parts.h"

#include "base/mem.h"
#include "server/refusals.h"

static void refuse(gw_conn *c, const char *reason)
{
    gw_refuse_proxy(c->worker, aigw_slice_of(c->peer), reason);
    gw_io_drop_tls(&c->io); /* nothing has been said yet, and nothing is */
    gw_conn_kill(c);
}

static void go_on(gw_conn *c)
{
    if (c->proxy->kind == GW_PROXY_ADDRESS) {
        _Static_assert(GW_PEER_TEXT >= GW_IP_TEXT, "an address fits");
        gw_ip_format(&c->proxy->source, c->proxied);
    }
    gw_free(c->proxy);
    c->proxy = NULL;
    gw_conn_start(c); /* still under the deadline that began at accept */
}

void gw_conn_proxy(gw_conn *c)
{
    char *bytes = c->worker->read_buffer;
    for (;;) {
        aigw_error err = {0};
        size_t used = 0;
        ptrdiff_t n = gw_io_peek(&c->io, bytes, GW_PROXY_V2_BYTES);
        if (n == GW_IO_AGAIN)
            return;
        if (n <= 0) { /* without a byte: a load balancer that only looks whether the port is open */
            if (c->proxy->seen > 0)
                refuse(c, "proxy_truncated");
            else
                gw_conn_kill(c);
            return;
        }
        int code = gw_proxy_feed(c->proxy, (aigw_slice){bytes, (size_t)n}, &used, &err);
        if (code != AIGW_OK && code != AIGW_AGAIN) {
            refuse(c, err.reason);
            return;
        }
        if (!gw_io_take(&c->io, bytes, used)) {
            gw_conn_kill(c);
            return;
        }
        if (code == AIGW_OK) {
            go_on(c);
            return;
        }
    }
}
