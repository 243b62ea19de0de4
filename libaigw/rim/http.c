/*
 * Outgoing HTTP by libcurl's multi socket interface: the connection pool on a gw_loop, and the seam.
 *
 * Must not know what the bytes mean, nor who asks.
 */
#include "rim/http_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096L /* must exceed the peak of concurrent transfers */

static char no_content_type[] = "Content-Type:"; /* do not invent one */

/* ---- the multi handle on the loop ---- */

static gw_http_failure classify(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return GW_HTTP_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return GW_HTTP_DNS;
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
        return GW_HTTP_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
        return GW_HTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return GW_HTTP_TIMEOUT;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what stood where the status line belongs */
    case CURLE_SSL_SHUTDOWN_FAILED:
        return GW_HTTP_BROKEN;
    default:
        return GW_HTTP_OTHER;
    }
}

static gw_http_failure egress_failure(gw_egress_kind kind)
{
    return (gw_http_failure)(GW_HTTP_EGRESS_PRIVATE + (kind - GW_EGRESS_PRIVATE));
}

bool gw_http_is_egress(gw_http_failure failure)
{
    return failure >= GW_HTTP_EGRESS_PRIVATE && failure <= GW_HTTP_EGRESS_RESERVED;
}

static void finish(gw_transfer *t, CURLcode code)
{
    long request_bytes = 0;
    curl_off_t before_us = 0;

    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &before_us);
    t->sent = request_bytes > 0 && before_us > 0;
    bool unasked = code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK;
    if (t->refused != GW_EGRESS_PUBLIC && unasked)
        t->failure = egress_failure(t->refused);
    if (t->failure == GW_HTTP_OK)
        t->failure = classify(code);
    if (t->failure == GW_HTTP_OK && !t->head_done)
        t->failure = GW_HTTP_BROKEN;
    char *address = NULL;
    if (code == CURLE_OK && t->target->direct &&
        curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address)
        gw_direct_learn(t->http->direct, t->target->direct, address);
    gw_http_detach(t);
    t->finished = true;
    gw_http_ready(t);
}

static void collect(gw_http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish((gw_transfer *)(void *)private, code);
    }
    if (http->starved) {
        http->starved = false;
        for (gw_transfer *t = http->active; t; t = t->next)
            if (!t->finished)
                finish(t, CURLE_OUT_OF_MEMORY);
    }
    gw_http_pump(http);
}

static void on_fd(void *user, int fd, unsigned events)
{
    gw_http *http = user;
    int bits = (events & GW_LOOP_READ ? CURL_CSELECT_IN : 0) |
               (events & GW_LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(http->multi, fd, bits, &running);
    collect(http);
}

static void on_timeout(void *user)
{
    gw_http *http = user;
    int running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(http);
}

/* No memory to watch for something: curl would wait for ever, so everything that runs is ended soon. */
static void give_up(gw_http *http)
{
    http->starved = true;
    gw_loop_defer(http->loop, &http->kick, on_timeout, http);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *user)
{
    gw_http *http = user;

    (void)multi;
    gw_loop_timer_clear(http->loop, &http->timer);
    if (timeout_ms == 0)
        gw_loop_defer(http->loop, &http->kick, on_timeout, http);
    else if (timeout_ms > 0 &&
             !gw_loop_timer_set(http->loop, &http->timer, gw_loop_now_ms(http->loop) + timeout_ms,
                                on_timeout, http))
        give_up(http);
    return 0;
}

/*
 * A connection's socket stays registered when curl stops looking at it: the next transfer on it asks
 * again. Other descriptors (the resolver's) are closed without a word to us, so they are let go.
 */
static int on_socket_change(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned)
{
    gw_http *http = user;
    unsigned events = what == CURL_POLL_IN    ? GW_LOOP_READ
                      : what == CURL_POLL_OUT ? GW_LOOP_WRITE
                                              : GW_LOOP_READ | GW_LOOP_WRITE;
    (void)easy;
    (void)assigned;
    if (what != CURL_POLL_REMOVE) {
        if (!gw_loop_watch(http->loop, fd, events, on_fd, http))
            give_up(http);
        return 0;
    }
    if ((size_t)fd < http->conn_fd_count && http->conn_fds[fd])
        gw_loop_watch(http->loop, fd, 0, on_fd, http);
    else
        gw_loop_unwatch(http->loop, fd);
    return 0;
}

/* The address that is judged is the one that curl then connects this socket to. */
curl_socket_t gw_http_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    gw_transfer *t = user;
    gw_http *http = t->http;

    (void)purpose;
    gw_egress_kind kind = gw_egress_judge(&t->target->egress, &address->addr);
    if (kind != GW_EGRESS_PUBLIC) {
        t->refused = kind; /* curl goes on to the name's next address, if there is one */
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if ((size_t)fd >= http->conn_fd_count) {
        size_t count = ((size_t)fd + 1) * 2;
        uint8_t *fds = gw_realloc(http->conn_fds, count);
        if (!fds) {
            close(fd);
            return CURL_SOCKET_BAD;
        }
        memset(fds + http->conn_fd_count, 0, count - http->conn_fd_count);
        http->conn_fds = fds;
        http->conn_fd_count = count;
    }
    http->conn_fds[fd] = 1;
    return fd;
}

int gw_http_close_socket(void *user, curl_socket_t fd)
{
    gw_http *http = user;

    gw_loop_unwatch(http->loop, fd);
    if ((size_t)fd < http->conn_fd_count)
        http->conn_fds[fd] = 0;
    return close(fd);
}

/* ---- starting and ending ---- */

static void set_method(CURL *easy, const gw_http_request *request)
{
    bool post = strcmp(request->method, "POST") == 0;
    bool get = strcmp(request->method, "GET") == 0, head = strcmp(request->method, "HEAD") == 0;
    bool says_length = post || strcmp(request->method, "PUT") == 0 ||
                       strcmp(request->method, "PATCH") == 0; /* "0", too */

    curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    if (says_length || request->body.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data ? request->body.data : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (head)
            curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    bool own = post || ((get || head) && request->body.len == 0);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, own ? NULL : request->method);
}

/* The target's URL, or a copy of it with the request's own path. */
static int set_url(gw_transfer *t, const gw_http_request *request, aigw_error *err)
{
    aigw_slice query = request->path, path;

    curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET, NULL);
    if (request->path.len == 0) {
        curl_easy_setopt(t->easy, CURLOPT_CURLU, t->target->url);
        return AIGW_OK;
    }
    if (!gw_http_path_ok(request->path))
        return gw_fail(err, AIGW_E_INVALID, "bad_path", "the path for upstream is malformed");
    /* A URL's escapes become lower case in curl's hands; a signature is over the very bytes. */
    char *whole = t->target->origin_form ? gw_strdup(request->path) : NULL;
    bool ok = !t->target->origin_form ||
              (whole && curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET, whole) == CURLE_OK);
    gw_free(whole);
    path = gw_cut(&query, '?');
    char *path_text = gw_strdup(path), *query_text = query.data ? gw_strdup(query) : NULL;
    t->url = path_text && (query_text || !query.data) ? curl_url_dup(t->target->url) : NULL;
    ok = ok && t->url && curl_url_set(t->url, CURLUPART_PATH, path_text, 0) == CURLUE_OK &&
         curl_url_set(t->url, CURLUPART_QUERY, query_text, 0) == CURLUE_OK;
    gw_free(path_text);
    gw_free(query_text);
    if (!ok)
        return gw_fail_nomem(err);
    curl_easy_setopt(t->easy, CURLOPT_CURLU, t->url);
    return AIGW_OK;
}

static int prepare(gw_transfer *t, const gw_http_request *request, aigw_error *err)
{
    const gw_http_target *target = request->target;
    const gw_http *http = t->http;
    CURL *easy = t->easy;
    bool typed = target->content_type ||
                 gw_header_get(request->headers, request->header_count, GW_S("content-type")).data;
    struct curl_slist *list = target->headers.first;

    if (request->header_count > 0 || !typed) {
        int code = gw_http_lines_build(request->headers, request->header_count,
                                       typed ? NULL : no_content_type, list, &t->extra, err);
        if (code != AIGW_OK)
            return code;
        list = t->extra.first;
    }
    set_method(easy, request);
    if (request->pieces.count > 0)
        gw_http_pieces_begin(t, request);
    if (request->upload && !gw_http_upload_begin(t, request))
        return gw_fail_nomem(err);
    int url = set_url(t, request, err);
    if (url != AIGW_OK)
        return url;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)target->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, target->resolve);
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROXY, target->proxy);
    if (rc == CURLE_OK) /* what the environment exempts was looked at with the target */
        rc = curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO,
                              target->ca_file ? target->ca_file : http->default_ca_file);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_CAPATH, target->ca_file ? NULL : http->default_ca_path);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_SSLCERT, target->client_cert_file);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_SSLKEY, target->client_key_file);
    if (rc == CURLE_OK) /* a locked key fails; nobody is asked on a terminal */
        rc = curl_easy_setopt(easy, CURLOPT_KEYPASSWD, target->client_cert_file ? "" : NULL);
    return rc == CURLE_OK ? AIGW_OK : gw_fail_nomem(err);
}

static int curl_start(void *self, const gw_http_request *request, const gw_http_handler *handler,
                      void *user, gw_transfer **out, aigw_error *err)
{
    gw_http *http = self;
    gw_transfer *t = http->pool;

    if (t) {
        http->pool = t->next;
        http->pool_count--;
        t->next = NULL;
    } else if (!(t = gw_http_transfer_new(http))) {
        return gw_fail_nomem(err);
    }
    t->handler = *handler;
    t->user = user;
    t->target = request->target;
    t->max_body_bytes = request->max_body_bytes;
    int code = prepare(t, request, err);
    if (code == AIGW_OK && curl_multi_add_handle(http->multi, t->easy) != CURLM_OK)
        code = gw_fail(err, AIGW_E_IO, "transfer", "the transfer could not be started");
    if (code != AIGW_OK) {
        gw_http_recycle(t);
        return code;
    }
    t->in_multi = true;
    t->next = http->active;
    if (t->next)
        t->next->prev = t;
    http->active = t;
    *out = t;
    return AIGW_OK;
}

static void curl_cancel(void *self, gw_transfer *t)
{
    (void)self;
    if (t->gone)
        return;
    gw_http_detach(t);
    gw_http_unlink(t);
    t->gone = true;
    if (!t->delivering)
        gw_http_recycle(t);
}

static void curl_resume(void *self, gw_transfer *t)
{
    gw_http *http = self;

    if (t->gone)
        return;
    t->resume_asked = true;
    if (!t->stalled)
        return;
    t->stalled = false;
    gw_http_ready(t);
    gw_loop_defer(http->loop, &http->pump_task, gw_http_pump, http);
}

static const gw_transport curl_transport = {curl_start, curl_cancel, curl_resume};

/* ---- the seam: rim/direct where it can, else curl ---- */

/* A handle is one of two structs that begin with the same member. */
static gw_direct_transfer *as_direct(gw_transfer *t)
{
    return t->direct ? (gw_direct_transfer *)(void *)t : NULL;
}

static int http_start(void *self, const gw_http_request *request, const gw_http_handler *handler,
                      void *user, gw_transfer **out, aigw_error *err)
{
    gw_http *http = self;
    const gw_direct_target *direct = request->target->direct;
    gw_direct_transfer *t;

    if (!direct || !gw_direct_can(http->direct, direct, request))
        return curl_start(self, request, handler, user, out, err);
    int code = gw_direct_start(http->direct, direct, request, handler, user, &t, err);
    if (code == AIGW_OK)
        *out = (gw_transfer *)(void *)t;
    return code;
}

static void http_cancel(void *self, gw_transfer *t)
{
    gw_direct_transfer *direct = t ? as_direct(t) : NULL;

    if (direct)
        gw_direct_cancel(direct);
    else if (t)
        curl_cancel(self, t);
}

static void http_resume(void *self, gw_transfer *t)
{
    gw_direct_transfer *direct = as_direct(t);

    if (direct)
        gw_direct_resume(direct);
    else
        curl_resume(self, t);
}

const gw_transport gw_http_transport = {http_start, http_cancel, http_resume};

int gw_http_new(gw_loop *loop, gw_http **out, aigw_error *err)
{
    gw_http *http = gw_calloc(1, sizeof *http);

    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        gw_free(http);
        return gw_fail_nomem(err);
    }
    http->loop = loop;
    http->multi = curl_multi_init();
    int code = http->multi ? gw_direct_new(loop, &curl_transport, http, &http->direct, err)
                           : gw_fail_nomem(err);
    if (code != AIGW_OK) {
        curl_multi_cleanup(http->multi);
        curl_global_cleanup();
        gw_free(http);
        return code;
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_change);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    *out = http;
    return AIGW_OK;
}

void gw_http_free(gw_http *http)
{
    if (!http)
        return;
    do { /* a handler may start another one, of either kind */
        while (http->active) {
            gw_transfer *t = http->active;
            if (!t->finished)
                t->failure = GW_HTTP_OTHER;
            gw_http_end(t);
            gw_http_recycle(t);
        }
    } while (gw_direct_stop(http->direct));
    gw_direct_free(http->direct);
    while (http->pool) {
        gw_transfer *t = http->pool;
        http->pool = t->next;
        gw_http_transfer_destroy(t);
    }
    curl_multi_cleanup(http->multi);
    gw_loop_timer_clear(http->loop, &http->timer);
    gw_loop_undefer(http->loop, &http->kick);
    gw_loop_undefer(http->loop, &http->pump_task);
    gw_free(http->conn_fds);
    gw_free(http);
    curl_global_cleanup();
}

const char *gw_http_failure_name(gw_http_failure failure)
{
    static const char *const names[] = {"ok",
                                        "dns",
                                        "connect",
                                        "tls",
                                        "timeout",
                                        "broken",
                                        "too_large",
                                        "other",
                                        "egress_private",
                                        "egress_shared",
                                        "egress_loopback",
                                        "egress_link_local",
                                        "egress_metadata",
                                        "egress_multicast",
                                        "egress_reserved"};

    return (size_t)failure < sizeof names / sizeof names[0] ? names[failure] : "other";
}
