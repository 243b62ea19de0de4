/* Counts and logs who was turned away before there was an exchange.
 * Must not know why; the gateway has the log. */
#include "server/refusals.h"

#include "base/text.h"

#define SECOND_MS      1000
#define REQUESTS_A_SEC 10 /* of one thread; of the others one, of the whole server */

/* The order of gw_refusals.proxy; whatever else comes is the last. */
static const struct {
    const char *reason, *labels;
} proxy_errors[GW_PROXY_ERRORS] = {
    {"proxy_missing", "reason=\"missing\""},
    {"proxy_v1_line", "reason=\"v1_line\""},
    {"proxy_v1_address", "reason=\"v1_address\""},
    {"proxy_v2_version", "reason=\"v2_version\""},
    {"proxy_v2_command", "reason=\"v2_command\""},
    {"proxy_v2_family", "reason=\"v2_family\""},
    {"proxy_v2_length", "reason=\"v2_length\""},
    {"proxy_too_long", "reason=\"too_long\""},
    {"proxy_truncated", "reason=\"truncated\""},
    {"proxy_timeout", "reason=\"timeout\""},
    {"proxy_untrusted_peer", "reason=\"untrusted_peer\""},
    {"other", "reason=\"other\""},
};

/* The order of gw_refusals.requests. */
static const struct {
    int status;
    const char *labels;
} statuses[GW_REFUSED_STATUSES] = {
    {400, "status=\"400\""}, {408, "status=\"408\""}, {411, "status=\"411\""},
    {413, "status=\"413\""}, {414, "status=\"414\""}, {417, "status=\"417\""},
    {431, "status=\"431\""}, {500, "status=\"500\""}, {501, "status=\"501\""},
    {503, "status=\"503\""}, {505, "status=\"505\""}, {0, "status=\"other\""},
};

/* True: log it. Whoever finds the second over begins the next one. */
static bool may_log(gw_limiter *limiter, int64_t now_ms, int most)
{
    long long until = atomic_load(&limiter->until_ms);
    if (now_ms >= until &&
        atomic_compare_exchange_strong(&limiter->until_ms, &until, (long long)now_ms + SECOND_MS)) {
        atomic_store(&limiter->left, most - 1);
        return true;
    }
    if (atomic_load(&limiter->left) > 0 && atomic_fetch_sub(&limiter->left, 1) > 0)
        return true;
    atomic_fetch_add(&limiter->held, 1);
    return false;
}

static void say(gw_worker *worker, gw_limiter *limiter, aigw_server_note *note)
{
    note->size = sizeof *note;
    note->more = atomic_exchange(&limiter->held, 0);
    aigw_gateway_note(worker->server->gateway, note);
}

void gw_refuse_peer(gw_worker *worker, aigw_slice peer)
{
    gw_refusals *r = &worker->server->refusals;
    aigw_server_note note = {.event = "peer_refused", .reason = "not_allowed", .peer = peer};
    atomic_fetch_add(&r->peers, 1);
    if (may_log(&r->peers_log, worker->now_ms, 1))
        say(worker, &r->peers_log, &note);
}

void gw_refuse_proxy(gw_worker *worker, aigw_slice peer, const char *reason)
{
    gw_refusals *r = &worker->server->refusals;
    aigw_server_note note = {.event = "proxy_refused", .reason = reason, .peer = peer};
    size_t row = 0;
    while (row < GW_PROXY_ERRORS - 1 && strcmp(proxy_errors[row].reason, reason) != 0)
        row++;
    atomic_fetch_add(&r->proxy[row], 1);
    if (may_log(&r->proxy_log, worker->now_ms, 1))
        say(worker, &r->proxy_log, &note);
}

void gw_refuse_request(gw_worker *worker, aigw_slice peer, int status, const char *reason)
{
    gw_refusals *r = &worker->server->refusals;
    aigw_server_note note = {.event = "refused", .reason = reason, .peer = peer, .status = status};
    size_t row = 0;
    while (row < GW_REFUSED_STATUSES - 1 && statuses[row].status != status)
        row++;
    atomic_fetch_add(&r->requests[row], 1);
    if (may_log(&worker->requests_log, worker->now_ms, REQUESTS_A_SEC))
        say(worker, &worker->requests_log, &note);
}

/* ---- what was held back ---- */

static void tick(gw_worker *worker, gw_limiter *limiter, const char *event, int64_t now_ms)
{
    aigw_server_note note = {.event = event, .reason = "more_of_them"};
    if (atomic_load(&limiter->held) == 0 || now_ms < atomic_load(&limiter->until_ms) ||
        !may_log(limiter, now_ms, 1))
        return;
    say(worker, limiter, &note);
}

void gw_refusals_tick(gw_worker *worker)
{
    gw_refusals *r = &worker->server->refusals;
    tick(worker, &r->peers_log, "peer_refused", worker->now_ms);
    tick(worker, &r->proxy_log, "proxy_refused", worker->now_ms);
    tick(worker, &worker->requests_log, "refused", worker->now_ms);
}

bool gw_refusals_held(const gw_worker *worker)
{
    const gw_refusals *r = &worker->server->refusals;
    return atomic_load(&r->peers_log.held) + atomic_load(&r->proxy_log.held) +
               atomic_load(&worker->requests_log.held) >
           0;
}

/* ---- metrics ---- */

void gw_refusals_metrics(const aigw_server *server, aigw_metric_fn *add, void *to)
{
    const gw_refusals *r = &server->refusals;
    aigw_metric m = {.size = sizeof m,
                     .name = "aigw_server_peers_refused_total",
                     .type = "counter",
                     .help = "Connections closed at accept: server.allowed_peers.",
                     .labels = "",
                     .value = atomic_load(&r->peers)};
    add(to, &m);
    m.name = "aigw_server_proxy_errors_total";
    m.help = "Connections closed for want of a good PROXY header from a trusted proxy.";
    for (size_t i = 0; i < GW_PROXY_ERRORS; i++) {
        m.labels = proxy_errors[i].labels;
        m.value = atomic_load(&r->proxy[i]);
        if (server->options.proxy_protocol)
            add(to, &m);
    }
    m.name = "aigw_server_requests_refused_total";
    m.help = "Requests that the HTTP parser or a limit of the server refused.";
    for (size_t i = 0; i < GW_REFUSED_STATUSES; i++) {
        m.labels = statuses[i].labels;
        m.value = atomic_load(&r->requests[i]);
        if (m.value > 0)
            add(to, &m);
    }
}
