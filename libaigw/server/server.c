/* The server object: options, listeners, threads, stopping.
 * Knows nothing of how a connection is served. */
#include <aigw/server.h>

#include "base/error.h"
#include "base/mem.h"
#include "server/refusals.h"
#include "server/worker.h"
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 256

int aigw_server_options_init(aigw_gateway *gw, aigw_server_options *out, aigw_error *err)
{
    aigw_server_options options;
    int code = aigw_gateway_server_options(gw, &options, err);
    if (code != AIGW_OK)
        return code;
    bool tls = options.tls_cert_file[0] != '\0';
    code = aigw_gateway_check_listen(gw, options.listen, tls, err);
    if (code == AIGW_OK)
        *out = options;
    return code;
}

static int processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return 1;
}

static int at_least(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

static int check_tls(aigw_server_options *o, aigw_error *err)
{
    o->tls_cert_file[sizeof o->tls_cert_file - 1] = '\0';
    o->tls_key_file[sizeof o->tls_key_file - 1] = '\0';
    o->tls_client_ca_file[sizeof o->tls_client_ca_file - 1] = '\0';
    if (!o->tls_cert_file[0] != !o->tls_key_file[0])
        return gw_fail(err, AIGW_E_CONFIG, "tls",
                       "TLS needs both a certificate file and a key file");
    if (!o->tls_cert_file[0] && o->tls_client_auth != AIGW_TLS_CLIENT_NONE)
        return gw_fail(err, AIGW_E_CONFIG, "tls", "certificates of clients need TLS");
    if ((unsigned)o->tls_client_auth > AIGW_TLS_CLIENT_REQUIRE ||
        (unsigned)o->tls_min_version > AIGW_TLS_1_3)
        return gw_fail(err, AIGW_E_INVALID, "tls", "an option of TLS has no such value");
    return AIGW_OK;
}

/* Copies what the caller's version of the struct has; nothing is zero afterwards that must not be. */
static int take_options(aigw_server *server, const aigw_server_options *given, aigw_error *err)
{
    aigw_server_options *o = &server->options;
    if (given->size < sizeof given->size)
        return gw_fail(err, AIGW_E_INVALID, "size", "options->size is not set");
    memcpy(o, given, given->size < sizeof *o ? given->size : sizeof *o);
    o->size = sizeof *o;
    o->listen[sizeof o->listen - 1] = '\0';
    o->threads = at_least(o->threads, processors());
    if (o->threads > MAX_THREADS)
        o->threads = MAX_THREADS;
    o->max_connections = at_least(o->max_connections, 10000);
    o->backlog = at_least(o->backlog, 1024);
    o->header_timeout_ms = at_least(o->header_timeout_ms, 10000);
    o->body_timeout_ms = at_least(o->body_timeout_ms, 60000);
    o->idle_timeout_ms = at_least(o->idle_timeout_ms, 75000);
    o->write_timeout_ms = at_least(o->write_timeout_ms, 60000);
    if (o->drain_timeout_ms < 0)
        o->drain_timeout_ms = 0;
    if (o->max_header_bytes == 0)
        o->max_header_bytes = 32 * 1024;
    if (o->max_body_bytes == 0)
        o->max_body_bytes = 32 * 1024 * 1024;
    return check_tls(o, err);
}

static int open_tls(const aigw_server_options *o, gw_tls_live *live, aigw_error *err)
{
    gw_tls_settings settings = {o->tls_cert_file, o->tls_key_file, o->tls_client_ca_file,
                                o->tls_client_auth, o->tls_min_version};
    gw_tls_context *context;
    int code = gw_tls_context_new(&settings, &context, err);
    if (code == AIGW_OK)
        gw_tls_live_set(live, context);
    return code;
}

static void take_tls_options(aigw_server_options *to, const aigw_server_options *from)
{
    memcpy(to->tls_cert_file, from->tls_cert_file, sizeof to->tls_cert_file);
    memcpy(to->tls_key_file, from->tls_key_file, sizeof to->tls_key_file);
    memcpy(to->tls_client_ca_file, from->tls_client_ca_file, sizeof to->tls_client_ca_file);
    to->tls_client_auth = from->tls_client_auth;
    to->tls_min_version = from->tls_min_version;
}

/* Called with `reloading` locked. */
static int reload_tls(aigw_server *server, const aigw_server_options *options, aigw_error *err)
{
    aigw_server_options fresh = server->options;
    if (options && options->size < sizeof options->size)
        return gw_fail(err, AIGW_E_INVALID, "size", "options->size is not set");
    if (options) {
        aigw_server_options given = {0};
        memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
        take_tls_options(&fresh, &given);
    }
    int code = check_tls(&fresh, err);
    if (code == AIGW_OK && server->tls != (fresh.tls_cert_file[0] != '\0'))
        code = gw_fail(err, AIGW_E_CONFIG, "tls", "TLS is switched on and off by a restart only");
    if (code == AIGW_OK && server->tls)
        code = open_tls(&fresh, &server->tls_live, err);
    if (code == AIGW_OK)
        take_tls_options(&server->options, &fresh);
    return code;
}

int aigw_server_reload_tls(aigw_server *server, const aigw_server_options *options, aigw_error *err)
{
    pthread_mutex_lock(&server->reloading);
    int code = reload_tls(server, options, err);
    pthread_mutex_unlock(&server->reloading);
    return code;
}

static int open_workers(aigw_server *server, aigw_error *err)
{
    int fds[MAX_THREADS];
    int count = server->options.threads;
    server->workers = gw_calloc((size_t)count, sizeof *server->workers);
    if (!server->workers)
        return gw_fail_nomem(err);
    int code = gw_listen(&server->address, server->options.backlog, fds, count, err);
    for (int i = 0; i < count && code == AIGW_OK; i++) {
        code = gw_worker_init(&server->workers[i], server, fds[i], err);
        server->worker_count = i + 1;
    }
    /* Sockets that found no owner. */
    for (int i = server->worker_count; i < count && server->worker_count > 0; i++)
        close(fds[i]);
    return code;
}

/* A source of the gateway's metrics; any thread. */
static void add_metrics(void *user, aigw_metric_fn *add, void *to)
{
    aigw_server *server = user;
    const aigw_metric rows[] = {
        {sizeof(aigw_metric), "aigw_server_connections", "gauge",
         "Client connections that are open.", "", (uint64_t)atomic_load(&server->open), false},
        {sizeof(aigw_metric), "aigw_server_connections_accepted_total", "counter",
         "Client connections accepted.", "", atomic_load(&server->accepted), false},
        {sizeof(aigw_metric), "aigw_server_connections_refused_total", "counter",
         "Client connections closed at once: over max_connections, or no descriptor left.", "",
         atomic_load(&server->refused), false},
        {sizeof(aigw_metric), "aigw_tls_certificate_expires_unix_seconds", "gauge",
         "End of validity of the certificate that new connections get.", "",
         (uint64_t)gw_tls_live_expires_unix_s(&server->tls_live), true},
    };
    for (size_t i = 0; i < (server->tls ? 4u : 3u); i++)
        add(to, &rows[i]);
    gw_refusals_metrics(server, add, to);
}

int aigw_server_new(aigw_gateway *gw, const aigw_server_options *options, aigw_server **out,
                    aigw_error *err)
{
    aigw_server *server = gw_calloc(1, sizeof *server);
    if (!server)
        return gw_fail_nomem(err);
    server->gateway = aigw_gateway_ref(gw);
    server->clock = gw_clock_of(NULL);
    gw_tls_live_init(&server->tls_live);
    pthread_mutex_init(&server->reloading, NULL);
    int code = take_options(server, options, err);
    const aigw_server_options *o = &server->options;
    server->tls = o->tls_cert_file[0] != '\0';
    if (code == AIGW_OK)
        code = aigw_gateway_check_listen(gw, o->listen, server->tls, err);
    if (code == AIGW_OK)
        code = gw_address_parse(o->listen, &server->address, err);
    if (code == AIGW_OK && server->tls)
        code = open_tls(o, &server->tls_live, err);
    if (code == AIGW_OK)
        code = open_workers(server, err);
    if (code == AIGW_OK) {
        code = aigw_metrics_add_source(gw, add_metrics, server, err);
        server->metrics = code == AIGW_OK;
    }
    if (code == AIGW_OK)
        *out = server;
    else
        aigw_server_free(server);
    return code;
}

int aigw_server_port(const aigw_server *server)
{
    return gw_address_port(&server->address);
}

void aigw_server_address(const aigw_server *server, char *out, size_t size)
{
    gw_address_print(&server->address, out, size);
}

static void *thread_main(void *worker)
{
    gw_worker_run(worker);
    /* One thread that fails takes the others along: they would serve half of the clients. */
    if (((gw_worker *)worker)->code != AIGW_OK)
        aigw_server_stop(((gw_worker *)worker)->server);
    return NULL;
}

/* Starts a thread for each worker but the first. Signals stay with the caller's threads. */
static int start_threads(aigw_server *server, int *started, aigw_error *err)
{
    sigset_t all, before;
    int code = AIGW_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (*started = 1; *started < server->worker_count; (*started)++) {
        gw_worker *worker = &server->workers[*started];
        if (pthread_create(&worker->thread, NULL, thread_main, worker) != 0) {
            code = gw_fail(err, AIGW_E_IO, "thread", "cannot start a thread");
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* TLS writes may raise SIGPIPE in the thread that writes; it is held back there while we run. */
static void hold_sigpipe(sigset_t *before, bool *was_pending)
{
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    *was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, before);
}

static void release_sigpipe(const sigset_t *before, bool was_pending)
{
    static const struct timespec at_once = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!was_pending)
        (void)sigtimedwait(&pipe, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int aigw_server_run(aigw_server *server, aigw_error *err)
{
    int started;
    sigset_t before;
    bool was_pending;
    int code = start_threads(server, &started, err);
    if (code != AIGW_OK) { /* twice: at once */
        aigw_server_stop(server);
        aigw_server_stop(server);
    }
    hold_sigpipe(&before, &was_pending);
    thread_main(&server->workers[0]);
    release_sigpipe(&before, was_pending);
    for (int i = 1; i < started; i++)
        pthread_join(server->workers[i].thread, NULL);
    for (int i = 0; i < started && code == AIGW_OK; i++) {
        code = server->workers[i].code;
        if (code != AIGW_OK && err)
            *err = server->workers[i].error;
    }
    return code;
}

void aigw_server_stop(aigw_server *server)
{
    static const uint64_t one = 1;
    atomic_fetch_add(&server->stops, 1);
    for (int i = 0; i < server->worker_count; i++)
        (void)!write(server->workers[i].wake_fd, &one, sizeof one);
}

void aigw_server_free(aigw_server *server)
{
    if (!server)
        return;
    if (server->metrics)
        aigw_metrics_remove_source(server->gateway, add_metrics, server);
    for (int i = 0; i < server->worker_count; i++)
        gw_worker_free(&server->workers[i]);
    gw_free(server->workers);
    gw_tls_live_free(&server->tls_live);
    pthread_mutex_destroy(&server->reloading);
    aigw_gateway_free(server->gateway);
    gw_free(server);
}
