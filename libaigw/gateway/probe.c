/* What says how the gateway is: health and metrics, and the notes of a server.
 * Must not know tokens or upstreams. */
#include "base/error.h"
#include "base/text.h"
#include "gateway/state.h"
#include <aigw/metrics.h>
#include <stddef.h>

void gw_probe_health(aigw_exchange *x)
{
    gw_buf_clear(&x->out);
    gw_buf_puts(&x->out, "{\"status\":\"ok\"}");
    gw_respond_begin(x, 200, "application/json");
    gw_respond_whole(x);
}

void gw_probe_metrics(aigw_exchange *x)
{
    aigw_slice text = {NULL, 0};
    gw_metrics_in_flight(x->loop->metrics, -1); /* who asks does not count */
    int code = aigw_metrics_render(x->loop->gw, &text, NULL);
    gw_metrics_in_flight(x->loop->metrics, 1);
    if (code == AIGW_E_NOMEM) {
        gw_respond_nomem(x);
        return;
    }
    if (code != AIGW_OK) {
        x->reason = "metrics";
        gw_respond_fail(x, GW_ERR_SERVER, 500, "The metrics cannot be rendered.");
        return;
    }
    gw_buf_clear(&x->out);
    gw_buf_add(&x->out, text);
    aigw_bytes_free(text);
    gw_respond_begin(x, 200, "text/plain; version=0.0.4; charset=utf-8");
    gw_respond_whole(x);
}

int aigw_metrics_add_source(aigw_gateway *gw, aigw_metrics_source_fn *source, void *user,
                            aigw_error *err)
{
    if (!gw || !source)
        return gw_fail(err, AIGW_E_INVALID, "argument", "a gateway and a source");
    return gw_sources_add(gw_gateway_sources(gw), source, user, err);
}

void aigw_metrics_remove_source(aigw_gateway *gw, aigw_metrics_source_fn *source, void *user)
{
    if (gw)
        gw_sources_remove(gw_gateway_sources(gw), source, user);
}

void aigw_gateway_note(aigw_gateway *gw, const aigw_server_note *given)
{
    aigw_server_note note = {0};
    gw_log_field fields[4];
    size_t n = 0;
    if (!gw || !given || given->size < offsetof(aigw_server_note, reason) || !given->event)
        return;
    memcpy(&note, given, given->size < sizeof note ? given->size : sizeof note);
    if (note.reason)
        fields[n++] = GW_LOG_TEXT("reason", aigw_slice_of(note.reason));
    if (note.status)
        fields[n++] = GW_LOG_INT("status", note.status);
    if (note.peer.len)
        fields[n++] = GW_LOG_TEXT("peer", note.peer);
    if (note.more)
        fields[n++] = GW_LOG_INT("more", (int64_t)note.more);
    gw_live *live = gw_gateway_live(gw, NULL);
    gw_log_event(&live->log, AIGW_LOG_INFO, note.event, fields, n);
    gw_live_free(live);
}
