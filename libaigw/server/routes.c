/* Answers /, /healthz and /metrics without the gateway's request path.
 * Knows nothing of providers or tokens. */
#include "server/routes.h"

#include "base/text.h"
#include "server/answer.h"
#include <aigw/metrics.h>

bool gw_route_streams(aigw_slice path)
{
    return gw_starts(path, GW_S("/pass/"));
}

gw_route gw_route_of(aigw_slice path)
{
    if (gw_eq(path, GW_S("/")) || gw_eq(path, GW_S("/healthz")))
        return GW_ROUTE_HEALTH;
    return gw_eq(path, GW_S("/metrics")) ? GW_ROUTE_METRICS : GW_ROUTE_EXCHANGE;
}

static void answer_health(gw_conn *c)
{
    bool draining = gw_worker_draining(c->worker) && gw_eq(c->request.path, GW_S("/healthz"));
    gw_local_answer answer = {
        draining ? 503 : 200, "application/json",
        draining ? GW_S("{\"status\":\"draining\"}") : GW_S("{\"status\":\"ok\"}"), NULL, 0};
    gw_answer_local(c, &answer);
}

static void add_metric(gw_buf *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    gw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
                  (unsigned long long)value);
}

static void answer_metrics(gw_conn *c)
{
    aigw_server *server = c->worker->server;
    aigw_slice text = {NULL, 0};
    gw_buf body;
    if (aigw_metrics_render(server->gateway, &text, NULL) != AIGW_OK) {
        gw_answer_error(c, 500, "metrics cannot be rendered");
        return;
    }
    gw_buf_init(&body, 4 * 1024 * 1024);
    gw_buf_add(&body, text);
    aigw_bytes_free(text);
    add_metric(&body, "aigw_server_connections", "gauge", "Client connections that are open.",
               (uint64_t)atomic_load(&server->open));
    add_metric(&body, "aigw_server_connections_accepted_total", "counter",
               "Client connections accepted.", atomic_load(&server->accepted));
    add_metric(&body, "aigw_server_connections_refused_total", "counter",
               "Client connections closed at once: over max_connections, or no descriptor left.",
               atomic_load(&server->refused));
    if (server->tls)
        add_metric(&body, "aigw_tls_certificate_expires_unix_seconds", "gauge",
                   "End of validity of the certificate that new connections get.",
                   (uint64_t)gw_tls_live_expires_unix_s(&server->tls_live));
    gw_local_answer answer = {200, "text/plain; version=0.0.4; charset=utf-8", gw_buf_slice(&body),
                              NULL, 0};
    if (body.failed)
        gw_answer_error(c, 500, "metrics cannot be rendered");
    else
        gw_answer_local(c, &answer);
    gw_buf_free(&body);
}

static void refuse_method(gw_conn *c)
{
    aigw_header allow = {GW_S("allow"), GW_S("GET, HEAD")};
    gw_buf body;
    gw_buf_init(&body, 4096);
    gw_answer_error_body(&body, c->request.path, 405, "only GET and HEAD are allowed here",
                         GW_S(""));
    gw_local_answer answer = {405, "application/json", gw_buf_slice(&body), &allow, 1};
    gw_answer_local(c, &answer);
    gw_buf_free(&body);
}

void gw_route_answer(gw_conn *c, gw_route route)
{
    aigw_slice method = c->request.method;
    if (!gw_eq(method, GW_S("GET")) && !gw_eq(method, GW_S("HEAD")))
        refuse_method(c);
    else if (route == GW_ROUTE_METRICS)
        answer_metrics(c);
    else
        answer_health(c);
}
