/*
 * One transfer: curl's callbacks fill its inbox, and pump() hands that to the handler afterwards.
 *
 * Must not know how transfers are started, nor the loop. No handler runs inside curl, so a handler may
 * start, cancel and resume whatever it likes, and a body may be freed once its transfer is cancelled.
 */
#include "rim/http_parts.h"

#include "base/mem.h"
#include "base/text.h"

#define POOL_MAX    256u         /* idle transfers kept with their curl handle */
#define HEAD_BYTES  (64u * 1024) /* of an answer's head */
#define HEAD_FIELDS 128
#define INBOX_BYTES (128u * 1024) /* what one round of reading may pile up */
#define INBOX_KEPT  (32u * 1024)  /* larger buffers are given back once empty */

/* ---- the ready list ---- */

static void ready_remove(gw_transfer *t)
{
    gw_http *http = t->http;

    if (!t->ready)
        return;
    *(t->ready_prev ? &t->ready_prev->ready_next : &http->ready_first) = t->ready_next;
    *(t->ready_next ? &t->ready_next->ready_prev : &http->ready_last) = t->ready_prev;
    t->ready_next = t->ready_prev = NULL;
    t->ready = false;
}

void gw_http_ready(gw_transfer *t)
{
    gw_http *http = t->http;

    if (t->ready)
        return;
    t->ready = true;
    t->ready_prev = http->ready_last;
    *(http->ready_last ? &http->ready_last->ready_next : &http->ready_first) = t;
    http->ready_last = t;
}

/* ---- callbacks of curl about one transfer: they fill, nothing else ---- */

static bool status_line(gw_transfer *t, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    size_t at = space ? (size_t)(space - line) + 1 : len;
    uint64_t status;

    gw_buf_clear(&t->head);
    t->fields = 0;
    t->has_length = false;
    if (at + 3 > len || !gw_parse_u64(gw_slice(line + at, 3), &status))
        return false;
    t->status = (int)status;
    return true;
}

/* Two lengths that differ, or one that is no number: two readers would see different bodies. */
static bool length_ok(gw_transfer *t, aigw_slice line)
{
    aigw_slice value = line;
    uint64_t length;

    if (!gw_eq_nocase(gw_cut(&value, ':'), GW_S("content-length")))
        return true;
    if (!gw_parse_u64(gw_trim(value), &length) || (t->has_length && t->length != length))
        return false;
    t->has_length = true;
    t->length = length;
    return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    gw_transfer *t = user;
    size_t len = size * count, end = len;

    if (t->head_done) /* trailers of a chunked answer */
        return len;
    while (end > 0 && (line[end - 1] == '\r' || line[end - 1] == '\n'))
        end--;
    if (end == 0) {
        t->head_done = t->status >= 200;
        if (t->head_done)
            gw_http_ready(t);
        if (t->head_done && t->upload && t->status >= 300)
            gw_http_upload_unwanted(t);
        return len;
    }
    if (end > 5 && memcmp(line, "HTTP/", 5) == 0 && !memchr(line, ':', end < 9 ? end : 9)) {
        if (status_line(t, line, end))
            return len;
        t->failure = GW_HTTP_BROKEN;
        return 0;
    }
    const char *colon = memchr(line, ':', end);
    if (!colon || colon == line || line[0] == ' ' || line[0] == '\t' || memchr(line, 0, end) ||
        !length_ok(t, gw_slice(line, end))) {
        t->failure = GW_HTTP_BROKEN; /* folded or malformed */
        return 0;
    }
    if (++t->fields > HEAD_FIELDS || !gw_buf_append(&t->head, line, end) ||
        !gw_buf_putc(&t->head, '\n')) {
        t->failure = GW_HTTP_TOO_LARGE;
        return 0;
    }
    return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    gw_transfer *t = user;
    size_t len = size * count, held = gw_buf_len(&t->inbox);

    if (t->stalled || t->in_data || (held > 0 && held + len > INBOX_BYTES)) {
        t->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (t->max_body_bytes > 0 && len > t->max_body_bytes - t->body_bytes) {
        t->failure = GW_HTTP_TOO_LARGE;
        return 0;
    }
    if (!gw_buf_append(&t->inbox, data, len)) {
        t->failure = GW_HTTP_OTHER;
        return 0;
    }
    t->body_bytes += len;
    gw_http_ready(t);
    return len;
}

/*
 * Before each request, also on a connection that was there: somebody with another rule may have opened it,
 * or the rule has changed since.
 */
static int on_connected(void *user, char *peer, char *local, int peer_port, int local_port)
{
    gw_transfer *t = user;

    (void)local;
    (void)peer_port;
    (void)local_port;
    gw_egress_kind kind = gw_egress_judge_text(&t->target->egress, peer);
    if (kind == GW_EGRESS_PUBLIC)
        return CURL_PREREQFUNC_OK;
    t->refused = kind;
    return CURL_PREREQFUNC_ABORT;
}

/* ---- handing over ---- */

static void tell_head(gw_transfer *t)
{
    aigw_header headers[HEAD_FIELDS];
    aigw_slice rest = gw_buf_slice(&t->head);
    size_t n = 0;

    while (rest.len > 0 && n < HEAD_FIELDS) {
        aigw_slice value = gw_cut(&rest, '\n');
        headers[n].name = gw_trim(gw_cut(&value, ':'));
        headers[n++].value = gw_trim(value);
    }
    t->head_told = true;
    t->handler.on_head(t->user, t->status, headers, n);
}

/* Gives a large inbox back. */
static void slim(gw_transfer *t)
{
    if (t->inbox.cap <= INBOX_KEPT)
        return;
    gw_buf_free(&t->inbox);
    gw_buf_init(&t->inbox, INBOX_BYTES + CURL_MAX_WRITE_SIZE);
}

static void tell_data(gw_transfer *t)
{
    aigw_slice bytes = gw_buf_slice(&t->inbox);

    t->resume_asked = false;
    t->in_data = true;
    bool taken = t->handler.on_data(t->user, bytes);
    t->in_data = false;
    if (t->gone)
        return;
    if (taken)
        gw_buf_consume(&t->inbox, bytes.len);
    else if (t->resume_asked)
        gw_http_ready(t);
    else
        t->stalled = true;
    if (gw_buf_len(&t->inbox) == 0)
        slim(t);
}

void gw_http_detach(gw_transfer *t)
{
    if (t->in_multi)
        curl_multi_remove_handle(t->http->multi, t->easy);
    t->in_multi = false;
    if (t->upload)
        gw_http_upload_drop(t);
    ready_remove(t);
}

void gw_http_unlink(gw_transfer *t)
{
    *(t->prev ? &t->prev->next : &t->http->active) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->next = t->prev = NULL;
}

void gw_http_transfer_destroy(gw_transfer *t)
{
    curl_easy_cleanup(t->easy);
    gw_buf_free(&t->head);
    gw_buf_free(&t->inbox);
    gw_free(t);
}

void gw_http_recycle(gw_transfer *t)
{
    gw_http *http = t->http;

    if (t->upload) /* never started */
        gw_http_upload_drop(t);
    gw_http_lines_free(&t->extra);
    curl_url_cleanup(t->url);
    t->url = NULL;
    if (http->pool_count >= POOL_MAX) {
        gw_http_transfer_destroy(t);
        return;
    }
    gw_buf_clear(&t->head);
    gw_buf_clear(&t->inbox);
    slim(t);
    *t = (gw_transfer){
        .http = http, .easy = t->easy, .next = http->pool, .head = t->head, .inbox = t->inbox};
    http->pool = t;
    http->pool_count++;
}

void gw_http_end(gw_transfer *t)
{
    gw_http_detach(t);
    gw_http_unlink(t);
    t->gone = true;
    t->handler.on_end(t->user, t->failure, t->sent);
}

static void deliver_once(gw_transfer *t)
{
    if (t->head_done && !t->head_told) {
        tell_head(t);
        if (t->gone)
            return;
    }
    if (!t->stalled && gw_buf_len(&t->inbox) > 0) {
        tell_data(t);
        if (t->gone)
            return;
    }
    if (t->stalled || gw_buf_len(&t->inbox) > 0)
        return;
    if (t->finished) {
        gw_http_end(t);
    } else if (t->paused) {
        t->paused = false;
        curl_easy_pause(t->easy, CURLPAUSE_CONT); /* may fill the inbox at once */
    }
}

static void deliver(gw_transfer *t)
{
    if (t->delivering) { /* a handler runs the loop: finish below it */
        t->again = true;
        return;
    }
    t->delivering = true;
    do {
        t->again = false;
        deliver_once(t);
    } while (t->again && !t->gone);
    t->delivering = false;
    if (t->gone)
        gw_http_recycle(t);
}

void gw_http_pump(void *user)
{
    gw_http *http = user;

    while (http->ready_first) {
        gw_transfer *t = http->ready_first;
        ready_remove(t);
        deliver(t);
    }
}

/* ---- the curl handle ---- */

gw_transfer *gw_http_transfer_new(gw_http *http)
{
    gw_transfer *t = gw_calloc(1, sizeof *t);

    if (!t || !(t->easy = curl_easy_init())) {
        gw_free(t);
        return NULL;
    }
    t->http = http;
    gw_buf_init(&t->head, HEAD_BYTES);
    gw_buf_init(&t->inbox, INBOX_BYTES + CURL_MAX_WRITE_SIZE);
    CURL *easy = t->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a resolver thread */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 60L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 30L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, gw_http_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, gw_http_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, http);
    if (!http->default_ca_file && !http->default_ca_path) {
        char *file = NULL, *path = NULL;
        curl_easy_getinfo(easy, CURLINFO_CAINFO, &file); /* constants of the curl build */
        curl_easy_getinfo(easy, CURLINFO_CAPATH, &path);
        http->default_ca_file = file;
        http->default_ca_path = path;
    }
    return t;
}
