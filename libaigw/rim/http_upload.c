/*
 * A request body of rim/http that comes from a pipe: libcurl asks for it, and waits while it is empty.
 *
 * Must not know who writes into the pipe, nor what an answer looks like.
 */
#include "rim/http_parts.h"

#include "base/text.h"

/* Inside curl: takes, and says nothing to any handler. */
static size_t on_read(char *to, size_t size, size_t count, void *user)
{
    gw_transfer *t = user;
    size_t room = size * count;

    if (!t->upload)
        return CURL_READFUNC_ABORT;
    if (t->upload_due == 0 || t->unwanted)
        return 0;
    aigw_slice bytes = gw_pipe_peek(t->upload);
    if (bytes.len == 0 && t->upload->ended)
        return t->upload_due == UINT64_MAX ? 0 : CURL_READFUNC_ABORT; /* less than was said */
    if (bytes.len == 0) {
        t->hungry = true;
        return CURL_READFUNC_PAUSE;
    }
    size_t n = bytes.len < room ? bytes.len : room;
    if (n > t->upload_due)
        n = (size_t)t->upload_due;
    memcpy(to, bytes.data, n);
    if (t->upload_due != UINT64_MAX)
        t->upload_due -= n;
    gw_pipe_take(t->upload, n);
    return n;
}

static void feed(void *user)
{
    gw_transfer *t = user;

    if (t->in_multi && t->unwanted) /* it may be short: nothing must follow it */
        curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    if (t->in_multi)
        curl_easy_pause(t->easy, t->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

static void on_more(void *user)
{
    gw_transfer *t = user;

    if (!t->hungry)
        return;
    t->hungry = false;
    gw_loop_defer(t->http->loop, &t->feed, feed, t);
}

/* curl stops by itself only if it waits for no bytes, and the answer does not say that it closes. */
void gw_http_upload_unwanted(gw_transfer *t)
{
    t->upload->more = NULL;
    t->unwanted = true;
    t->hungry = false;
    gw_loop_defer(t->http->loop, &t->feed, feed, t);
}

/* Over HTTP/1.1 and on a connection of its own: what cannot be sent again must not meet one that is dead
 * already, and a body that waits must not hold up other transfers. */
bool gw_http_upload_begin(gw_transfer *t, const gw_http_request *request)
{
    CURL *easy = t->easy;
    bool known = request->upload_bytes >= 0;

    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, t);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                     (curl_off_t)(known ? request->upload_bytes : -1));
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    t->upload = request->upload;
    t->upload_due = known ? (uint64_t)request->upload_bytes : UINT64_MAX;
    t->hungry = false;
    t->upload->more = on_more;
    t->upload->reader = t;
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

void gw_http_upload_drop(gw_transfer *t)
{
    CURL *easy = t->easy;

    if (t->upload->reader == t)
        t->upload->more = NULL;
    t->upload = NULL;
    gw_loop_undefer(t->http->loop, &t->feed);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)-1);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, NULL);
    curl_easy_setopt(easy, CURLOPT_READDATA, NULL);
}
